"""What the ledger and the risk tables hold of a span, as tables for a report."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import func, select

from reports.issued import issued_signals
from reports.periodic import DeliveryCounts
from risk_models.risk.depth_words import DEPTH_CLASSES
from risk_models.risk.table import LATER_COLUMNS
from risk_models.warning.authority import Authority, states_at
from risk_models.warning.issued import IssuedSignal
from risk_models.warning.records import WarningRecord
from risk_models.warning.states import record_to_dict
from wuyu.ack.book import Standing, standings
from wuyu.ledger import (
    AckRequest,
    Attempt,
    Bounce,
    Cycle,
    CycleState,
    FloodReport,
    Kept,
    Outbox,
    OutboxState,
    WarningRow,
)
from wuyu.ledger.authority import revision_of, revisions
from wuyu.ledger.removals import removals_of
from wuyu.returns.status_notices import NoticeOutcome

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = [
    "ACK_COLUMNS",
    "FIELD_COLUMNS",
    "RISK_COLUMNS",
    "RiskRows",
    "Window",
    "acknowledgements",
    "all_warnings",
    "deliveries",
    "field_reports",
    "has_unsigned",
    "risk_rows",
    "warning_rows",
]

RISK_COLUMNS = ("level", "score", "depth_p50_m", "depth_now_m", *DEPTH_CLASSES, "sag_known")
ACK_COLUMNS = ("warning_id", "area_code", "level", "sent_at", "deadline_at", "answered_at", "answer", "steps")
FIELD_COLUMNS = ("at", "hotspot_id", "state", "who", "depth_m")
_STATES = {"flooded": "flooded", "dry": "not_flooded", "unchecked": "not_checked"}
_GIVEN_UP = (OutboxState.FAILED, OutboxState.EXPIRED, OutboxState.WITHDRAWN)


@dataclass(frozen=True, kw_only=True)
class Window:
    """A span of hours and the moments after which nothing counts.

    Attributes
    ----------
    begin, end : datetime
        Local days, as moments.
    cut : datetime
        Of the report's own time: see `Moments.cut`.
    known_at : datetime
        Wall time.
    """

    begin: datetime
    end: datetime
    cut: datetime
    known_at: datetime


@dataclass(frozen=True, kw_only=True)
class RiskRows:
    """Risk of a span.

    Attributes
    ----------
    table : DataFrame
        A row per cycle and hotspot: valid_at (UTC), hotspot_id and `RISK_COLUMNS`.
    digest : str
        SHA-256 over hours and bytes of the tables.
    cycles : int
        Number of tables read.
    lost : tuple of str
        Tables that the ledger knows but that could not be read.
    issued_signals : tuple of IssuedSignal
        Signals of the weather office that stood at any of the cycles, by time of issue.
    removed : tuple of str
        Tables that retention removed: their hours are unknown, and nothing is wrong.
    """

    table: pd.DataFrame
    digest: str
    cycles: int
    lost: tuple[str, ...]
    removed: tuple[str, ...] = ()
    issued_signals: tuple[IssuedSignal, ...] = ()


def risk_rows(desk: Desk, window: Window) -> RiskRows:
    """Return the risk of the cycles of a span, a table that is lost left out.

    Parameters
    ----------
    desk : Desk
    window : Window
    """
    whole, parts, times, lost = hashlib.sha256(), [], [], []
    signals: dict[Any, IssuedSignal] = {}
    for cycle in _cycles(desk, window):
        name = cycle.risk_paths["parquet"]
        try:
            data = (desk.out / name).read_bytes()
            table = _plain_columns(data)
        except (OSError, pa.ArrowException):
            lost.append(str(name))
            continue
        whole.update(f"{cycle.valid_at.isoformat()} {hashlib.sha256(data).hexdigest()}\n".encode())
        for signal in _signals_of(data):
            signals.setdefault(_said_once(signal), signal)
        parts.append(table.replace_schema_metadata())
        times.append(cycle.valid_at)
    with desk.ledger.reading() as session:
        removed = removals_of(session, Kept.RISK, lost)
    return RiskRows(
        table=_risk_table(parts, times),
        digest=whole.hexdigest(),
        cycles=len(parts),
        lost=tuple(name for name in lost if name not in removed),
        removed=tuple(name for name in lost if name in removed),
        issued_signals=tuple(
            sorted(signals.values(), key=lambda signal: (signal.notice.issued_at, _said_once(signal)))
        ),
    )


def _signals_of(data: bytes) -> tuple[IssuedSignal, ...]:
    """Return the signals of the weather office that a risk table keeps."""
    kept = (pq.read_schema(pa.BufferReader(data)).metadata or {}).get(b"wuyu", b"{}")
    return issued_signals(json.loads(kept))


def _said_once(signal: IssuedSignal) -> tuple[str, ...]:
    notice = signal.notice
    return notice.kind, str(notice.level), notice.issued_at.isoformat(), notice.office


def _plain_columns(data: bytes) -> pa.Table:
    """Read the plain columns only: geometry and reasons are most of a table's bytes and none of it is needed."""
    names = ["hotspot_id", *RISK_COLUMNS]
    there = pq.read_schema(pa.BufferReader(data)).names
    later = [name for name in names if name in LATER_COLUMNS and name not in there]
    table = pq.read_table(pa.BufferReader(data), columns=[name for name in names if name not in later])
    for name in later:  # a table of an earlier release
        table = table.append_column(name, pa.array([LATER_COLUMNS[name]] * table.num_rows))
    return table.select(names)


def _cycles(desk: Desk, window: Window) -> list[Cycle]:
    """Return the cycles of a span that were finished by the wall time of the report: the last revision of each time."""
    query = select(Cycle).where(
        Cycle.district_code == desk.code,
        Cycle.state == CycleState.DONE,
        Cycle.valid_at > window.begin,
        Cycle.valid_at <= min(window.end, window.cut),
        Cycle.finished_at <= window.known_at,
    )
    with desk.ledger.reading() as session:
        rows = session.scalars(query.order_by(Cycle.valid_at, Cycle.revision))
        return list({row.valid_at: row for row in rows}.values())


def _risk_table(parts: list[pa.Table], times: list[datetime]) -> pd.DataFrame:
    if not parts:
        empty = {name: pd.Series(dtype=float) for name in RISK_COLUMNS} | {"level": pd.Series(dtype=int)}
        at = pd.DatetimeIndex([], tz="UTC")
        return pd.DataFrame({"valid_at": at, "hotspot_id": pd.Series(dtype=object), **empty})
    rows: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    rows.insert(0, "valid_at", pd.to_datetime(times, utc=True).repeat([part.num_rows for part in parts]))
    rows["hotspot_id"] = rows["hotspot_id"].astype(object)
    return rows


def all_warnings(desk: Desk, *, since: datetime | None = None) -> pd.DataFrame:
    """Return every revision, or those decided or in force since a time, as a row.

    Columns are the fields of `WarningRecord`, and who stands behind it (`risk_models.warning.authority.COLUMNS`).
    """
    rows = desk.ledger.warnings(district_code=desk.code, since=since)
    with desk.ledger.reading() as session:
        facts_of = revisions(session, district_code=desk.code, since=since)
    known = {(one.warning_id, one.revision): one for one in facts_of}
    facts = [known[row.warning_id, row.revision] for row in rows]
    table = _as_table([record_to_dict(row.to_record()) for row in rows])
    for name in ("signed_at", "refused_at", "answered_at"):
        table[name] = pd.to_datetime([getattr(one, name) for one in facts], utc=True)
    return table.assign(is_sent=[one.is_sent for one in facts])


def warning_rows(desk: Desk, window: Window) -> pd.DataFrame:
    """Return the revisions decided in the span that were in force, as `all_warnings`.

    What an officer refused, or had not approved by the cut, was never a warning to anybody.
    """
    rows = [row for row in _decided(desk, window) if revision_of(row).was_signed(window.cut)]
    return _as_table([record_to_dict(row.to_record()) for row in rows])


def has_unsigned(desk: Desk, window: Window) -> bool:
    """Return True if a warning of the span still waits for a signature at its cut."""
    with desk.ledger.reading() as session:
        states = states_at(revisions(session, district_code=desk.code, since=window.begin), window.cut)
    waiting = [one for one, state in states if state is Authority.WAITING]
    return any(window.begin <= one.issued_at < window.end for one in waiting)


def _decided(desk: Desk, window: Window) -> list[WarningRow]:
    within = (WarningRow.issued_at >= window.begin) & (WarningRow.issued_at < window.end)
    mine = WarningRow.event_key.startswith(f"{desk.code}-", autoescape=True)
    with desk.ledger.reading() as session:
        rows = sorted(session.scalars(select(WarningRow).where(within, mine)), key=lambda row: row.id)
    return [row for row in rows if row.issued_at <= window.cut]


def deliveries(desk: Desk, window: Window, *, acknowledged: int | None) -> DeliveryCounts:
    """Return what had become, by `known_at`, of the bulletins of the span.

    Parameters
    ----------
    desk : Desk
    window : Window
    acknowledged : int or None
        Bulletins that a town answered; None where nobody was asked.
    """
    with desk.ledger.reading() as session:
        within = (Outbox.decided_at >= window.begin) & (Outbox.decided_at < window.end)
        ids = select(Outbox.id).where(within)
        tries = select(Attempt.outbox_id, func.max(Attempt.ended_at)).where(Attempt.outbox_id.in_(ids))
        last_try = {row[0]: row[1] for row in session.execute(tries.group_by(Attempt.outbox_id))}
        rows = sorted(session.scalars(select(Outbox).where(within)), key=lambda row: row.id)
        pairs = [(row, last_try.get(row.id)) for row in rows]
        first = select(Bounce.outbox_id).where(Bounce.outcome == NoticeOutcome.BOUNCED, Bounce.outbox_id.in_(ids))
        first = first.group_by(Bounce.outbox_id).having(func.min(Bounce.at) > window.known_at)
        came_back_later = set(session.scalars(first))
        of_messages = WarningRow.message_id.in_(select(Outbox.message_id).where(within))
        warnings = set(session.scalars(select(WarningRow.message_id).where(of_messages)))
    pairs = [(row, last) for row, last in pairs if row.message_id in warnings and row.decided_at <= window.cut]
    given_up = {row.id for row, _ in pairs if row.state in _GIVEN_UP} - came_back_later
    accepted = [row for row, _ in pairs if row.id not in given_up and _was_accepted(row, window.known_at)]
    failed = [row for row, last in pairs if row.id in given_up and (last is None or last <= window.known_at)]
    return DeliveryCounts(
        bulletins=len({row.message_id for row, _ in pairs}),
        accepted=len(accepted),
        failed=len(failed),
        waiting=len(pairs) - len(accepted) - len(failed),
        acknowledged=acknowledged,
    )


def acknowledgements(desk: Desk, window: Window) -> pd.DataFrame | None:
    """Return a row per bulletin that asked for an answer, in the order asked; None if none ever did.

    Columns `ACK_COLUMNS`; times UTC, NaT where nothing was due or nobody answered; ``answer`` is ``received``,
    ``cannot_act`` or empty; ``steps`` counts everyone told or called.
    """
    known = standings(desk.ledger, district_code=desk.code)
    if not known:
        return None
    asked = [one for one in known if window.begin <= one.request.asked_at < min(window.end, window.cut)]
    table = pd.DataFrame([_ack_row(one, window.cut) for one in asked], columns=list(ACK_COLUMNS))
    for name in ("sent_at", "deadline_at", "answered_at"):
        table[name] = pd.to_datetime(table[name], utc=True)
    return table.astype({"level": int, "steps": int, "answer": object})


def field_reports(desk: Desk, window: Window) -> pd.DataFrame | None:
    """Return what towns said they saw in the span; None if no town was ever asked.

    Columns `FIELD_COLUMNS`: ``at`` (UTC: when it was seen, else told), ``state`` of `flooded`, `not_flooded`,
    `not_checked`, the code of the town that says so (persons are not named), and the depth if it was guessed [m].
    """
    query = select(FloodReport, AckRequest).join(AckRequest, AckRequest.id == FloodReport.request_id)
    query = query.where(AckRequest.district_code == desk.code).order_by(FloodReport.id)
    with desk.ledger.reading() as session:
        pairs = [(report, asked) for report, asked in session.execute(query)]
        is_asked = session.scalars(select(AckRequest.id).filter_by(district_code=desk.code).limit(1)).first()
    if is_asked is None:
        return None
    rows = [
        (report.seen_at or report.reported_at, report.hotspot_id, _STATES[report.seen], asked.area_code, report.depth_m)
        for report, asked in pairs
        if report.reported_at <= window.cut
    ]
    table = pd.DataFrame(rows, columns=list(FIELD_COLUMNS))
    table["at"] = pd.to_datetime(table["at"], utc=True)
    table["depth_m"] = table["depth_m"].astype(float)
    return table[(table["at"] > window.begin) & (table["at"] <= window.end)].reset_index(drop=True)


def _was_accepted(row: Outbox, known_at: datetime) -> bool:
    return row.sent_at is not None and row.sent_at <= known_at


def _ack_row(one: Standing, cut: datetime) -> tuple[Any, ...]:
    asked = one.request
    told = [answer for answer in one.answers if answer.at <= cut]
    answer = next((item for item in told if item.answer == "received"), next(iter(told), None))
    return (
        asked.warning_id,
        asked.area_code,
        asked.level,
        asked.asked_at,
        asked.due_at,
        None if answer is None else answer.at,
        "" if answer is None else str(answer.answer),
        sum(step.at <= cut for step in one.steps),
    )


def _as_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=[field.name for field in fields(WarningRecord)])
    for name in ("issued_at", "valid_from", "valid_to"):
        table[name] = pd.to_datetime(table[name], utc=True)
    return table
