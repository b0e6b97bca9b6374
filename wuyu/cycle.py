"""One warning cycle: rain in, levels, decision, bulletins, outbox; one transaction at the end.

A cycle is what is known of one time from one set of inputs. What comes in later for the same time makes the next
revision of it, which may raise at once; the same inputs looked at again change nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final, TypeGuard

import pandas as pd

from reports.bulletin import SignOff
from risk_models.district.rain_error import refused_rain_error_summary
from risk_models.errors import ConfigError
from risk_models.levels import Level
from risk_models.observation import Now
from risk_models.risk import RiskTable, read_risk, town_levels, write_risk
from risk_models.risk.combined import refused_record_summary
from risk_models.risk.now import NOW_COLUMNS
from risk_models.risk.outages import outage_summary, refused_summary
from risk_models.warning import decide as warning_decide
from risk_models.warning.event import current_event_key
from risk_models.warning.records import Action, WarningRecord
from risk_models.warning.states import KnownRain
from wuyu.approval.basis import BASIS, basis_of
from wuyu.approval.book import minutes_to_decide
from wuyu.clock import time_now, wall_clock
from wuyu.feeds.status import FeedLine
from wuyu.issuing.bulletins import BulletinFiles, Bulletins, CycleFacts
from wuyu.issuing.issue import earlier_revisions, issue, states_of
from wuyu.issuing.rain_lost import LOST_STEP, tell_rain_lost
from wuyu.issuing.water_now import ToldNow, tell_water_now
from wuyu.ledger import Approval, Cycle, CycleState, WarningRow
from wuyu.ledger.contacts import keep_contacts
from wuyu.ledger.decision import Decision
from wuyu.ledger.learnings import refusal_in_force
from wuyu.ledger.removals import require_kept
from wuyu.ledger.tasks import OPERATOR_TASK
from wuyu.messages.letters import RESTRICTED
from wuyu.observing import known_sights
from wuyu.rain import cycle_rain
from wuyu.signals import known_signals
from wuyu.station import register_of

if TYPE_CHECKING:
    from wuyu.desk import Desk
    from wuyu.ledger import Ledger

__all__ = ["CycleResult", "assess", "decide", "run_cycle", "stem", "time_of_service"]

LIVE_H: Final = 3
"""Hours back from now that a cycle may be of and still be one of live service, decided now: a run that was held up."""

SOIL_WATER_KEPT: Final = timedelta(hours=24)
"""Age at the start of the rain window up to which a soil water index is taken for the one of then."""

_FEW = 3  # bulletins of a process that ends: each child would load fonts and compiler for one or two of them


@dataclass(frozen=True)
class CycleResult:
    """What one cycle did.

    Attributes
    ----------
    valid_at : datetime
    counts : dict of str to int
        Hotspots at each level, and ``not_assessed``: of kinds that the models do not speak of.
    records : tuple of WarningRecord
        Revisions decided, CON included; empty if the cycle had been done before.
    risk_path : str
        Risk table, relative to the folder of products.
    waiting : tuple of str
        Message ids that wait for an officer.
    decided_at : datetime or None
        Issue time of its messages.
    """

    valid_at: datetime
    counts: dict[str, int]
    records: tuple[WarningRecord, ...]
    risk_path: str
    waiting: tuple[str, ...] = ()
    decided_at: datetime | None = None


def stem(valid_at: datetime, revision: int = 0) -> str:
    """Return the file name of a cycle's products.

    Examples
    --------
    >>> from datetime import UTC
    >>> stem(datetime(2021, 7, 20, 9, tzinfo=UTC))
    '20210720T0900Z'
    >>> stem(datetime(2021, 7, 20, 9, tzinfo=UTC), revision=1)
    '20210720T0900Z.r1'
    """
    return f"{valid_at:%Y%m%dT%H%MZ}" + (f".r{revision}" if revision else "")


def assess(
    desk: Desk, valid_at: datetime, *, now: datetime | None = None
) -> tuple[RiskTable, dict[str, str], dict[str, str]]:
    """Score the hotspots at `valid_at` from what is known, and write the risk table.

    A time that was decided from the same inputs keeps the table it has; so does one that can no longer be decided,
    because a later time has been.

    Parameters
    ----------
    desk : Desk
    valid_at : datetime
        Timezone-aware UTC, a multiple of five minutes.
    now : datetime, optional
        In live service, the time now: what arrived until then counts. Without it (a past storm) a file counts as if it
        had come with its values.

    Returns
    -------
    risk_table : RiskTable
    paths : dict of str to str
        Of the written table, relative to the folder of products.
    inputs : dict of str to str
        Feed id to the sha256 of the file used.
    """
    latest = desk.ledger.last_cycle(desk.code)
    done = desk.ledger.cycle(desk.code, valid_at)
    if _stands(done, latest, now):
        return _kept(desk, done)
    rain = cycle_rain(desk, valid_at, known_at=now)
    sights = known_sights(desk, valid_at, known_at=now)
    signals = known_signals(desk, valid_at, known_at=now)
    inputs = rain.inputs | sights.inputs | signals.inputs
    cycle = desk.ledger.begin_cycle(desk.code, valid_at, inputs_sha256=_digest(desk, inputs), now=now)
    if cycle.state == CycleState.DONE:
        return _kept(desk, cycle)
    previous = desk.ledger.last_cycle(desk.code, until=valid_at)
    key = current_event_key(states_of(previous), desk.code, now=valid_at)
    table = desk.scorer.score(rain.rainfall, event_key=key, soil_water_mm=_soil_water_before(desk, valid_at))
    table = desk.scorer.settle_now(table, before=_left_before(desk, previous), observed=sights.now(desk, valid_at))
    if rain.quality is not None:
        table.attrs["quality_zh"], table.attrs["quality_en"] = rain.quality.zh, rain.quality.en
    outages = outage_summary(desk.district.outages, pd.Timestamp(valid_at), zone=str(desk.timezone))
    said = (
        outages,
        refused_summary(desk.district.outages_refused),
        _said_of_model(desk, table, now or valid_at),
        refused_rain_error_summary(desk.district.rain_error_refused),
    )
    told = [FeedLine(*text) for text in said if text[0]]
    lines = [*rain.lines, *sights.lines, *signals.lines, *signals.beside(table), *told]
    table.attrs["issued_signals"] = signals.kept()
    table.attrs["feeds_zh"] = "\n".join(line.zh for line in lines)
    table.attrs["feeds_en"] = "\n".join(line.en for line in lines)
    paths = write_risk(table, desk.risk_dir, stem(valid_at, cycle.revision))
    return table, {kind: desk.relative(path) for kind, path in paths.items()}, inputs


def _said_of_model(desk: Desk, table: RiskTable, at: datetime) -> tuple[str, str]:
    """Say whether a learned model stands behind the chances, or that none could be learned."""
    if desk.settings.model is not None:
        return desk.scorer.model_summary(table)
    refused = refusal_in_force(desk.ledger, at)
    if refused is None:
        return "", ""
    return refused_record_summary(refused.detail.get("code", ""), f"{refused.at.astimezone(desk.timezone):%Y-%m-%d}")


def _kept(desk: Desk, cycle: Cycle) -> tuple[RiskTable, dict[str, str], dict[str, str]]:
    require_kept(desk.ledger, cycle.risk_paths["parquet"])
    return read_risk(desk.out / cycle.risk_paths["parquet"]), dict(cycle.risk_paths), dict(cycle.inputs)


def _digest(desk: Desk, inputs: dict[str, str]) -> str:
    """Return the digest of all that a cycle stands on: rain, what was seen, signals, and the district."""
    facts = json.dumps({"rain": inputs, "district": desk.district.content_hash}, sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()


def _stands(done: Cycle | None, latest: Cycle | None, now: datetime | None) -> TypeGuard[Cycle]:
    """Return True for a finished cycle that nothing can follow: a later time was decided, or it is of a past storm."""
    if done is None or done.state != CycleState.DONE:
        return False
    return now is None or (latest is not None and latest.valid_at > done.valid_at)


def _left_before(desk: Desk, previous: Cycle | None) -> pd.DataFrame | None:
    """Return what the cycle before knew of now; None if there was none, or its table is gone."""
    path = None if previous is None else desk.out / previous.risk_paths["parquet"]
    if previous is None or path is None or not path.is_file():
        return None
    left = pd.DataFrame(read_risk(path)[list(NOW_COLUMNS)])
    left.attrs = {"valid_at": previous.valid_at.isoformat()}
    return left


def _soil_water_before(desk: Desk, valid_at: datetime) -> pd.Series | None:
    """Return the soil water index at the start of the rain window, of the newest cycle kept by then.

    One of a few hours before serves as well: it lacks their rain, but dry ground would be the worse guess.
    """
    begin = valid_at - timedelta(hours=desk.settings.warning.past_h)
    kept = desk.ledger.last_cycle(desk.code, until=begin)
    if kept is None or begin - kept.valid_at > SOIL_WATER_KEPT:
        return None
    path = desk.out / kept.risk_paths["parquet"]
    if not path.is_file():
        return None
    index_mm: pd.Series = read_risk(path)["soil_water_index_mm"]
    return index_mm


def decide(
    desk: Desk,
    valid_at: datetime,
    risk_table: RiskTable,
    *,
    paths: dict[str, str],
    inputs: dict[str, str],
    now: datetime | None = None,
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
    now : datetime, optional
        As given to `assess`.
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
    digest = None if now is None else _digest(desk, inputs)
    cycle = ledger.begin_cycle(desk.code, valid_at, inputs_sha256=digest, now=now)
    latest = ledger.last_cycle(desk.code)
    if cycle.state != CycleState.DONE and latest is not None and latest.valid_at >= valid_at:
        cycle = ledger.begin_cycle(desk.code, valid_at, inputs_sha256=digest, now=now)  # as another process left it
        cycle = latest if latest.valid_at == valid_at and latest.revision > cycle.revision else cycle
    if cycle.state == CycleState.DONE:
        return _done(cycle)
    if latest is not None and latest.valid_at > valid_at:
        raise ConfigError(
            f"the cycle of {latest.valid_at.isoformat()} has been decided; an earlier one ({valid_at.isoformat()}) "
            "can be scored (`wuyu score`) but no longer warned about"
        )
    at = _decided_at(cycle, latest)
    maker = bulletins or Bulletins(desk)
    facts = maker.facts(paths["parquet"], risk_table)
    states, towns = states_of(latest), town_levels(risk_table)
    decided = warning_decide.decide_warnings(
        states,
        towns,
        risk_table,
        facts.signals,
        now=at,
        event_key=risk_table.attrs["event_key"],
        policy=desk.policy,
        evidence=_evidence(valid_at, risk_table),
        pending=_pending(latest),
    )
    waiting = _waiting(desk)
    past = _Past(desk.ledger)
    told = [record for record in decided.records if _is_told(past, record)]
    mailed = [record for record in told if record.area_code in desk.district.towns.index]
    levels = {record.area_code: record.level for record in decided.open_records}
    signed = {record.message_id: _signature(desk, record, past) for record in mailed}
    due = {record.message_id: _due(desk, record) for record in mailed if signed[record.message_id] is None}
    asked = [
        (record, past.issued(record), signed[record.message_id])
        for record in mailed
        if drafts or record.message_id not in due
    ]
    try:
        if len(asked) > (_FEW if bulletins is None else 1):
            maker.studio.open()
        files = _written(maker, facts, asked, levels)
    finally:
        if bulletins is None:
            maker.studio.close()
    counts = _counts(towns)
    with ledger.decide(now=at, cycle=cycle) as decision:
        if decision.already_done:
            return _done(decision.cycle or cycle)
        decision.require_unsigned(waiting)
        keep_contacts(decision.session, desk.code, register_of(desk.district), at=wall_clock())
        for record in told:
            if record not in mailed:
                _task_for_town_that_left(decision, record)
        for record in decided.records:
            decision.warn(record, approval_due_at=due.get(record.message_id))
            if record.message_id in due:
                about = {"event_key": record.event_key, "message_id": record.message_id}
                decision.log(BASIS, **about, **basis_of(record, risk_table))
        for record in mailed:
            if record.message_id not in due:
                issue(desk, decision, maker, record, files[record.message_id])
        told_now = tell_water_now(
            desk, decision, risk_table, decided.open_records, before=_told_now(latest), scope=RESTRICTED
        )
        ladder_step = int(risk_table.attrs["ladder_step"])
        if ladder_step >= LOST_STEP:
            informed = {record.warning_id for record in mailed if record.message_id not in due}
            lost = [one for one in decided.open_records if _is_lost(one, ladder_step, towns)]
            tell_rain_lost(desk, decision, lost, told=informed, scope=RESTRICTED)
        decision.finish_cycle(
            inputs=inputs,
            risk_paths=paths,
            ladder_step=ladder_step,
            summary={
                "counts": counts,
                "records": [record.message_id for record in mailed],
                "district": desk.district.content_hash,
                "open_places": _open_places(risk_table),
            },
            warning_states={
                "states": [state.to_dict() for state in decided.states],
                "told_now": told_now.to_dict(),
                "pending": {code: since.isoformat() for code, since in decided.pending.items()},
            },
            event_key=risk_table.attrs["event_key"],
        )
    return CycleResult(valid_at, counts, decided.records, paths["parquet"], tuple(due), at)


def _counts(towns: pd.DataFrame) -> dict[str, int]:
    """Return how many hotspots have each level, by the sums of their towns."""
    names = {str(level): f"n_{level}" for level in Level if level != Level.NONE}
    counts = {name: int(towns[column].sum()) for name, column in names.items()}
    return counts | {"none": int(towns["n_none"].sum()), "not_assessed": int(towns["n_not_assessed"].sum())}


def _open_places(risk_table: RiskTable) -> dict[str, list[dict[str, str]]]:
    """Return by town where water stands or nobody has looked since: what its page asks about."""
    found: dict[str, list[dict[str, str]]] = {}
    if "now" not in risk_table:  # scored by an earlier release
        return found
    is_open = risk_table["now"].map(lambda now: Now(now).keeps_open)
    columns = ["town_code", "hotspot_name", "hotspot_name_en", "now", "now_since"]
    for row in pd.DataFrame(risk_table.loc[is_open, columns]).reset_index(names="id").to_dict("records"):
        since = "" if pd.isna(row["now_since"]) else row["now_since"].isoformat()
        place = {"id": str(row["id"]), "zh": str(row["hotspot_name"]), "en": str(row["hotspot_name_en"])}
        found.setdefault(str(row["town_code"]), []).append(place | {"now": str(row["now"]), "since": since})
    return found


def _pending(latest: Cycle | None) -> dict[str, datetime]:
    """Return the areas whose blue had not been told by the cycle before, and since when it lasts."""
    kept = {} if latest is None else latest.warning_states.get("pending", {})
    return {str(code): datetime.fromisoformat(since) for code, since in kept.items()}


def _told_now(latest: Cycle | None) -> ToldNow:
    """Return what towns were told of standing water up to the cycle before."""
    return ToldNow() if latest is None else ToldNow.from_dict(latest.warning_states.get("told_now", {}))


def _decided_at(cycle: Cycle, latest: Cycle | None) -> datetime:
    """Return the minute of a decision: the one fixed when the cycle began, unless something was decided meanwhile."""
    at = cycle.decided_at or cycle.valid_at
    before = None if latest is None else latest.finished_at
    return at if before is None or before < at else before + timedelta(minutes=1)


def _evidence(valid_at: datetime, risk_table: RiskTable) -> KnownRain:
    """Return what the levels of a table stand on."""
    observed_until, issued_at = (risk_table.attrs.get(name) for name in ("observed_until", "issued_at"))
    return KnownRain(
        valid_at=valid_at,
        observed_until=datetime.fromisoformat(observed_until) if observed_until else None,
        issued_at=datetime.fromisoformat(issued_at) if issued_at else None,
    )


def run_cycle(
    desk: Desk,
    valid_at: datetime,
    *,
    now: datetime | None = None,
    bulletins: Bulletins | None = None,
    drafts: bool = True,
) -> CycleResult:
    """Run one cycle from rain to outbox; one that is done already from the same inputs is left as it is.

    Parameters
    ----------
    desk : Desk
    valid_at : datetime
        Timezone-aware UTC, a multiple of five minutes.
    now : datetime, optional
        In live service, the time now, see `time_of_service`. Without it the hour is one of a past storm: it is decided
        once, at `valid_at`.
    bulletins, drafts
        As in `decide`.

    Returns
    -------
    CycleResult
    """
    done = desk.ledger.cycle(desk.code, valid_at)
    if _stands(done, desk.ledger.last_cycle(desk.code), now):
        return _done(done)
    table, paths, inputs = assess(desk, valid_at, now=now)
    return decide(desk, valid_at, table, paths=paths, inputs=inputs, now=now, bulletins=bulletins, drafts=drafts)


def time_of_service(valid_at: datetime) -> datetime | None:
    """Return the time now if a cycle of `valid_at` is one of live service; None for an hour of a past storm.

    Parameters
    ----------
    valid_at : datetime
        Timezone-aware.
    """
    now = time_now()
    return now if timedelta(0) <= now - valid_at < timedelta(hours=LIVE_H) else None


def _waiting(desk: Desk) -> set[str]:
    """Return the messages of this district that wait for an officer; one ledger may hold several districts."""
    rows = desk.ledger.warnings(approval=Approval.WAITING)
    return {row.message_id for row in rows if row.event_key.startswith(f"{desk.code}-")}


def _task_for_town_that_left(decision: Decision, record: WarningRecord) -> None:
    """Ask an operator to tell a town that has left the district's table while its warning stands: no mail can."""
    task = f"{record.area_code} is no town of the district any more: tell its office by hand ({record.action})"
    decision.log(OPERATOR_TASK, event_key=record.event_key, message_id=record.message_id, task=task)


def _written(
    maker: Bulletins,
    facts: CycleFacts,
    orders: list[tuple[WarningRecord, list[WarningRecord], SignOff | None]],
    levels: dict[str, Level],
) -> dict[str, BulletinFiles]:
    """Write bulletins, several at a time if the studio is open; all are on the disk when this returns."""
    for record, earlier, sign_off in orders:
        maker.begin(record, facts, earlier=earlier, sign_off=sign_off, levels=levels)
    return {
        record.message_id: maker.write(record, facts, earlier=earlier, sign_off=sign_off, levels=levels)
        for record, earlier, sign_off in orders
    }


class _Past:
    """What was decided before, read once a cycle however many records ask."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._of_event = cache(lambda key: ledger.warnings(event_key=key))

    def rows(self, record: WarningRecord) -> list[WarningRow]:
        """Return the revisions of the same warning."""
        return [row for row in self._of_event(record.event_key) if row.warning_id == record.warning_id]

    def issued(self, record: WarningRecord) -> list[WarningRecord]:
        """Return those of them that were issued before, oldest first."""
        return earlier_revisions(self._ledger, record, self.rows(record))


def _is_told(past: _Past, record: WarningRecord) -> bool:
    """Tell whether towns hear of a revision: not of one that changes nothing, nor of the end of what they never got."""
    return record.action.is_mailed and not (record.action.is_end and not past.issued(record))


def _signature(desk: Desk, record: WarningRecord, past: _Past) -> SignOff | None:
    """Return who answers for a revision; None if an officer must still decide.

    Below the district's approval level nobody needs to. Prolonging or lowering what an officer approved rests on that
    approval; raising never does, nor does the end of a warning that ever stood at that level.
    """
    rows, asks = past.rows(record), Level.from_name(desk.settings.warning.approval_from)
    if record.action == Action.CAN and any(row.level >= asks for row in rows):
        return None
    if record.level < asks:
        return SignOff()
    if record.level > record.previous_level and not record.action.is_end:
        return None
    same = [row for row in rows if row.level >= record.level]
    approved = [row for row in same if row.approval_state == Approval.APPROVED]
    if not approved:
        return None
    return SignOff(officer=approved[-1].approved_by or "", decided_at=approved[-1].approved_at)


def _is_lost(record: WarningRecord, ladder_step: int, towns: pd.DataFrame) -> bool:
    """Tell whether nothing is known of a warned area any more: no rain at all, or too little for any level."""
    known = towns.index[towns["level"] != int(Level.UNKNOWN)]
    return ladder_step > LOST_STEP or record.area_code not in known


def _due(desk: Desk, record: WarningRecord) -> datetime:
    """Return until when an officer must decide."""
    return record.issued_at + timedelta(minutes=minutes_to_decide(desk.settings, record.level))


def _done(cycle: Cycle) -> CycleResult:
    counts, path = dict(cycle.summary["counts"]), cycle.risk_paths["parquet"]
    return CycleResult(cycle.valid_at, counts, (), path, decided_at=cycle.finished_at)
