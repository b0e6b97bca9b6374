"""One warning cycle: rain in, levels, decision, bulletins, outbox; one transaction at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from reports.bulletin import SignOff
from risk_models.errors import ConfigError
from risk_models.levels import Level
from risk_models.risk import RiskTable, read_risk, town_levels, write_risk
from risk_models.risk.outages import outage_summary, refused_summary
from risk_models.warning import decide as warning_decide
from risk_models.warning.event import current_event_key
from risk_models.warning.records import Action, WarningRecord
from risk_models.warning.states import WarningState
from wuyu.ack.ask import ask
from wuyu.approval.book import NO_NOTE, minutes_to_decide, successor
from wuyu.approval.signing import countersign
from wuyu.bulletins import SCOPE, Bulletins
from wuyu.delivery.channels import MAIL, queue_channels
from wuyu.delivery.lost import LOST_STEP, tell_rain_lost
from wuyu.feeds.status import FeedLine
from wuyu.ledger import Approval, Cycle, CycleState
from wuyu.ledger.decision import Decision
from wuyu.ledger.holders import holders
from wuyu.ledger.tasks import OPERATOR_TASK
from wuyu.rain import cycle_rain

if TYPE_CHECKING:
    from reports.words import Text
    from wuyu.desk import Desk

__all__ = ["CycleResult", "approve", "assess", "decide", "run_cycle", "stem"]

ALL_CLEAR_H = 12
"""Hours for which an all-clear is worth sending."""


@dataclass(frozen=True)
class CycleResult:
    """What one cycle did.

    Attributes
    ----------
    valid_at : datetime
    counts : dict of str to int
        Hotspots at each level.
    records : tuple of WarningRecord
        Revisions decided, CON included; empty if the cycle had been done before.
    risk_path : str
        Risk table, relative to the folder of products.
    waiting : tuple of str
        Message ids that wait for an officer.
    """

    valid_at: datetime
    counts: dict[str, int]
    records: tuple[WarningRecord, ...]
    risk_path: str
    waiting: tuple[str, ...] = ()


def stem(valid_at: datetime) -> str:
    """Return the file name of a cycle's products.

    Examples
    --------
    >>> from datetime import UTC
    >>> stem(datetime(2021, 7, 20, 9, tzinfo=UTC))
    '20210720T0900Z'
    """
    return f"{valid_at:%Y%m%dT%H%MZ}"


def assess(desk: Desk, valid_at: datetime) -> tuple[RiskTable, dict[str, str], dict[str, str]]:
    """Score the hotspots at `valid_at` and write the risk table; an hour that was decided keeps the table it has.

    Parameters
    ----------
    desk : Desk
    valid_at : datetime
        Timezone-aware UTC, on the full hour.

    Returns
    -------
    risk_table : RiskTable
    paths : dict of str to str
        Of the written table, relative to the folder of products.
    inputs : dict of str to str
        Feed id to the sha256 of the file used.
    """
    done = desk.ledger.cycle(desk.code, valid_at)
    if done is not None and done.state == CycleState.DONE:
        return read_risk(desk.out / done.risk_paths["parquet"]), dict(done.risk_paths), dict(done.inputs)
    rain = cycle_rain(desk, valid_at)
    previous = desk.ledger.last_cycle(desk.code, before=valid_at)
    key = current_event_key(_states(previous), desk.code, now=valid_at)
    table = desk.scorer.score(rain.rainfall, event_key=key, soil_water_mm=_soil_water_before(desk, valid_at))
    if rain.quality is not None:
        table.attrs["quality_zh"], table.attrs["quality_en"] = rain.quality.zh, rain.quality.en
    outages = outage_summary(desk.district.outages, pd.Timestamp(valid_at), zone=str(desk.timezone))
    told = [FeedLine(*text) for text in (outages, refused_summary(desk.district.outages_refused)) if text[0]]
    lines = [*rain.lines, *told]
    table.attrs["feeds_zh"] = "\n".join(line.zh for line in lines)
    table.attrs["feeds_en"] = "\n".join(line.en for line in lines)
    paths = write_risk(table, desk.risk_dir, stem(valid_at))
    return table, {kind: desk.relative(path) for kind, path in paths.items()}, rain.inputs


def _soil_water_before(desk: Desk, valid_at: datetime) -> pd.Series | None:
    """Return the soil water index at the start of the rain window, if a cycle of that hour was kept."""
    begin = desk.ledger.cycle(desk.code, valid_at - timedelta(hours=desk.district.settings.warning.past_h))
    if begin is None or begin.state != CycleState.DONE:
        return None
    index_mm: pd.Series = read_risk(desk.out / begin.risk_paths["parquet"])["soil_water_index_mm"]
    return index_mm


def decide(
    desk: Desk,
    valid_at: datetime,
    risk_table: RiskTable,
    *,
    paths: dict[str, str],
    inputs: dict[str, str],
    bulletins: Bulletins | None = None,
    drafts: bool = True,
) -> CycleResult:
    """Decide on warnings, write their bulletins, and commit all of it at once.

    Warnings at or above the district's approval level are written and held: their bulletins are drafts until
    `approve` signs them. Running the same cycle again changes nothing.

    Parameters
    ----------
    desk : Desk
    valid_at : datetime
    risk_table : RiskTable
    paths, inputs : dict
        As `assess` gives them.
    bulletins : Bulletins, optional
        Kept by a caller that runs many cycles.
    drafts : bool
        Write drafts of the bulletins that wait, for the officer to look at.

    Returns
    -------
    CycleResult

    Raises
    ------
    ConfigError
        If a later cycle has been decided already: warnings go forward in time only, and a backfill sends nothing.
    """
    ledger = desk.ledger
    cycle = ledger.begin_cycle(desk.code, valid_at)
    if cycle.state == CycleState.DONE:
        return _done(cycle)
    latest = ledger.last_cycle(desk.code)
    if latest is not None and latest.valid_at > valid_at:
        cycle = ledger.begin_cycle(desk.code, valid_at)
        if cycle.state == CycleState.DONE:  # meanwhile, by another process that has gone on
            return _done(cycle)
        raise ConfigError(
            f"the cycle of {latest.valid_at.isoformat()} has been decided; an earlier one ({valid_at.isoformat()}) "
            "can be scored (`wuyu score`) but no longer warned about"
        )
    maker = bulletins or Bulletins(desk)
    facts = maker.facts(paths["parquet"], risk_table)
    states = _states(latest)
    decided = warning_decide.decide_warnings(
        states,
        town_levels(risk_table),
        risk_table,
        facts.signals,
        now=valid_at,
        event_key=risk_table.attrs["event_key"],
        policy=desk.policy,
    )
    waiting = _waiting(desk)
    told = [record for record in decided.records if _is_told(desk, record)]
    mailed = [record for record in told if record.area_code in desk.district.towns.index]
    levels = {record.area_code: record.level for record in decided.open_records}
    signed = {record.message_id: _signature(desk, record) for record in mailed}
    due = {record.message_id: _due(desk, record) for record in mailed if signed[record.message_id] is None}
    files = {
        record.message_id: maker.write(
            record, facts, earlier=_earlier(desk, record), sign_off=signed[record.message_id], levels=levels
        )
        for record in mailed
        if drafts or record.message_id not in due
    }
    counts = {str(level): int((risk_table["level"] == int(level)).sum()) for level in Level}
    with ledger.decide(now=valid_at, cycle=cycle) as decision:
        if decision.already_done:
            return _done(decision.cycle or cycle)
        decision.require_unsigned(waiting)
        for record in told:
            if record not in mailed:
                _task_for_town_that_left(decision, record)
        for record in decided.records:
            decision.warn(record, approval_due_at=due.get(record.message_id))
        for record in mailed:
            if record.message_id not in due:
                _issue(desk, decision, maker, record, files[record.message_id])
        ladder_step = int(risk_table.attrs["ladder_step"])
        if ladder_step >= LOST_STEP:
            informed = {record.warning_id for record in mailed if record.message_id not in due}
            tell_rain_lost(desk, decision, decided.open_records, told=informed, scope=SCOPE)
        decision.finish_cycle(
            inputs=inputs,
            risk_paths=paths,
            ladder_step=ladder_step,
            summary={"counts": counts, "records": [record.message_id for record in mailed]},
            warning_states={"states": [state.to_dict() for state in decided.states]},
            event_key=risk_table.attrs["event_key"],
        )
    return CycleResult(valid_at, counts, decided.records, paths["parquet"], tuple(due))


def run_cycle(
    desk: Desk, valid_at: datetime, *, bulletins: Bulletins | None = None, drafts: bool = True
) -> CycleResult:
    """Run one cycle from rain to outbox; a cycle that is done already is left as it is.

    Parameters
    ----------
    desk : Desk
    valid_at : datetime
        Timezone-aware UTC, on the full hour.
    bulletins, drafts
        As in `decide`.

    Returns
    -------
    CycleResult
    """
    done = desk.ledger.cycle(desk.code, valid_at)
    if done is not None and done.state == CycleState.DONE:
        return _done(done)
    table, paths, inputs = assess(desk, valid_at)
    return decide(desk, valid_at, table, paths=paths, inputs=inputs, bulletins=bulletins, drafts=drafts)


def approve(
    desk: Desk,
    message_id: str,
    *,
    officer: str,
    now: datetime,
    bulletins: Bulletins | None = None,
    note: Text = NO_NOTE,
    account: str = "",
) -> list[str]:
    """Sign a waiting warning in an officer's name: its bulletin is issued and its mail goes out.

    Where the district asks for a second person, the first signature is kept and nothing is issued yet.

    Parameters
    ----------
    desk : Desk
    message_id : str
    officer : str
        Who decides; not empty.
    now : datetime
        When, timezone-aware.
    bulletins : Bulletins, optional
    note : Text
        What the officer adds to the bulletin; the last of two signatures overrules the first.
    account : str
        By which the officer was signed in, if known.

    Returns
    -------
    list of str
        Recipients; empty if a second person must sign.

    Raises
    ------
    ConfigError
        If there is no such warning, it does not wait, a later revision has come, no officer is named, or the second
        signature is by the first person.
    """
    if not officer.strip():
        raise ConfigError("an approval needs the name of an officer")
    row = desk.ledger.warning(message_id)
    if row is None or row.approval_state != Approval.WAITING:
        state = "not in the ledger" if row is None else row.approval_state
        raise ConfigError(f"warning {message_id} does not wait for an approval: it is {state}")
    record = row.to_record()
    newest = successor(desk.ledger, row)
    if newest is not None:
        raise ConfigError(f"warning {message_id} is out of date: {newest.message_id} ({newest.action}) came after it")
    cycle = desk.ledger.cycle(desk.code, record.issued_at)
    if cycle is None:
        raise ConfigError(f"the cycle of {message_id} at {record.issued_at.isoformat()} is not in the ledger")
    signatures = countersign(desk, row, officer=officer, account=account, note=note, now=now)
    if signatures is None:
        return []
    maker = bulletins or Bulletins(desk)
    facts = maker.facts(cycle.risk_paths["parquet"])
    levels = {state.area_code: state.record.level for state in _states(cycle) if state.is_open}
    said = next((one.note for one in reversed(signatures) if one.note), NO_NOTE)
    names = "、".join(one.officer for one in signatures)
    sign_off = SignOff(officer=names, decided_at=now, note=said)
    files = maker.write(record, facts, earlier=_earlier(desk, record), sign_off=sign_off, levels=levels)
    with desk.ledger.decide(now=now, who=officer) as decision:
        detail = {"account": account, "note_zh": said.zh, "note_en": said.en}
        decision.settle_approval(message_id, Approval.APPROVED, signed_by=names, **detail)
        recipients = _issue(desk, decision, maker, record, files)
    maker.remove_draft(record)
    return recipients


def _issue(desk: Desk, decision: Decision, maker: Bulletins, record: WarningRecord, files: Any) -> list[str]:
    """Register a bulletin and queue its mails, within the caller's transaction.

    It goes to the town's mailbox of today and to everyone who holds the warning: an all-clear reaches whoever was told,
    though the mailbox has changed since or the warning came by escalation.
    """
    decision.bulletin(record.message_id, record.area_code, maker.products(files))
    mailbox = str(desk.district.towns.at[record.area_code, "mailbox"])
    recipients = list(dict.fromkeys([mailbox, *holders(decision.session, record, MAIL)]))
    keep_h = ALL_CLEAR_H if record.action.is_end else 0
    expires_at = max(record.valid_to, record.issued_at + timedelta(hours=keep_h))
    mails = [
        decision.queue(mail, expires_at=expires_at, priority=int(record.level), event_key=record.event_key)
        for mail in maker.mails(record, files, recipients)
    ]
    ask(desk, decision, record, files.bulletin, mails)
    said = {"bulletin": files.bulletin, "paths": files.paths, "scope": SCOPE}
    queue_channels(desk, decision, record, **said, expires_at=expires_at)
    return recipients


def _waiting(desk: Desk) -> set[str]:
    """Return the messages of this district that wait for an officer; one ledger may hold several districts."""
    rows = desk.ledger.warnings(approval=Approval.WAITING)
    return {row.message_id for row in rows if row.event_key.startswith(f"{desk.code}-")}


def _task_for_town_that_left(decision: Decision, record: WarningRecord) -> None:
    """Ask an operator to tell a town that has left the district's table while its warning stands: no mail can."""
    task = f"{record.area_code} is no town of the district any more: tell its office by hand ({record.action})"
    decision.log(OPERATOR_TASK, event_key=record.event_key, message_id=record.message_id, task=task)


def _is_told(desk: Desk, record: WarningRecord) -> bool:
    """Tell whether towns hear of a revision: not of one that changes nothing, nor of the end of what they never got."""
    return record.action.is_mailed and not (record.action.is_end and not _earlier(desk, record))


def _signature(desk: Desk, record: WarningRecord) -> SignOff | None:
    """Return who answers for a revision; None if an officer must still decide.

    Below the district's approval level nobody needs to. Prolonging, lowering or ending what an officer approved rests
    on that approval; raising never does.
    """
    if record.level < Level.from_name(desk.district.settings.warning.approval_from):
        return SignOff()
    if record.level > record.previous_level and not record.action.is_end:
        return None
    rows = desk.ledger.warnings(event_key=record.event_key)
    same = [row for row in rows if row.warning_id == record.warning_id and row.level >= record.level]
    approved = [row for row in same if row.approval_state == Approval.APPROVED]
    if not approved:
        return None
    return SignOff(officer=approved[-1].approved_by or "", decided_at=approved[-1].approved_at)


def _due(desk: Desk, record: WarningRecord) -> datetime:
    """Return until when an officer must decide."""
    return record.issued_at + timedelta(minutes=minutes_to_decide(desk, record.level))


def _earlier(desk: Desk, record: WarningRecord) -> list[WarningRecord]:
    """Return the issued revisions of the same warning before this one, oldest first; what waits reached nobody."""
    issued = (Approval.NOT_NEEDED, Approval.APPROVED)
    return [
        row.to_record()
        for row in desk.ledger.warnings(event_key=record.event_key)
        if row.warning_id == record.warning_id and row.revision < record.revision
        if row.approval_state in issued and Action(row.action).is_mailed
    ]


def _states(cycle: Cycle | None) -> Sequence[WarningState]:
    return [] if cycle is None else [WarningState.from_dict(item) for item in cycle.warning_states["states"]]


def _done(cycle: Cycle) -> CycleResult:
    return CycleResult(cycle.valid_at, dict(cycle.summary["counts"]), (), cycle.risk_paths["parquet"])
