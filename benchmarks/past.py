"""A past for a ledger: cycles of every hour, storms with warnings, mails and answers, and the files of all these.

Hours and storms are counted back from its end, so that a short past and a long one end alike: whatever a verb reads of
the last weeks is the same in both. Storms are written through `Ledger.decide`, as a cycle does; dry hours, which are
most of a year, as rows of the same shape.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import insert, update

from risk_models.levels import Level
from risk_models.warning.records import Action, WarningRecord
from risk_models.warning.states import WarningState
from wuyu.desk import Desk
from wuyu.ledger import (
    AckAnswer,
    AckRequest,
    AckStep,
    Attempt,
    Cycle,
    CycleState,
    FeedFile,
    FeedState,
    LogEntry,
    Outbox,
    OutboxState,
)
from wuyu.ledger.decision import Decision
from wuyu.ledger.models import FeedPull
from wuyu.ledger.tasks import OPERATOR_TASK, TASK_DONE
from wuyu.messages.parcel import Parcel, mail_message_id
from wuyu.messages.purpose import Purpose

__all__ = ["GAUGES", "Past", "write_past"]

HOUR = timedelta(hours=1)
GAUGES, MAPS = "gauges", "radar"
_KINDS = ("html", "txt", "pdf", "cap.xml", "png")
_ENDS_BEFORE = timedelta(hours=30)  # no warning stands at the end: a cycle then has as much to do in every past


@dataclass(frozen=True, kw_only=True)
class Past:
    """How much happened.

    Attributes
    ----------
    hours : int
        Hourly cycles.
    every_days : int
        Days from one storm to the next; each storm warns every town for a day.
    body_bytes, product_bytes, map_bytes : int
        Size of a mail, of each file of a bulletin, and of the other raw file of an hour.
    risk_table : bytes
        A risk table, as every hour keeps one.
    """

    hours: int
    every_days: int = 18
    body_bytes: int = 2_000
    product_bytes: int = 500
    map_bytes: int = 200
    risk_table: bytes = b""


def write_past(desk: Desk, end: datetime, past: Past) -> int:
    """Fill ledger and folder with what happened in the hours up to `end`; returns the number of storms.

    Parameters
    ----------
    desk : Desk
        Its ledger is empty but for contacts and register.
    end : datetime
        The last hour is the one before.
    past : Past
    """
    begin = end - past.hours * HOUR
    storms = list(_storms(begin, end, past))
    _write_feeds(desk, begin, end, past)
    wet = {at for storm in storms for at in _hours(storm, storm + timedelta(days=1))}
    _write_dry_hours(desk, [at for at in _hours(begin, end) if at not in wet], past)
    for number, storm in enumerate(storms):
        _write_storm(desk, storm, past, number)
    return len(storms)


def _storms(begin: datetime, end: datetime, past: Past) -> Iterator[datetime]:
    at = end - _ENDS_BEFORE - timedelta(days=1)
    while at >= begin:
        yield at
        at -= timedelta(days=past.every_days)


def _hours(begin: datetime, end: datetime) -> Iterator[datetime]:
    at = begin
    while at < end:
        yield at
        at += HOUR


def _write_feeds(desk: Desk, begin: datetime, end: datetime, past: Past) -> None:
    """Write a gauge table and a map of each hour, and a look into both every ten minutes."""
    files: list[dict[str, Any]] = []
    pulls: list[dict[str, Any]] = []
    for at in _hours(begin, end):
        files += [_raw(desk, feed, f"{at:%Y%m%dT%H}", data, at) for feed, data in _brought(desk, at, past).items()]
        for minute in range(0, 60, 10):
            looked = at + timedelta(minutes=minute)
            facts = {"at": looked, "ok": True, "rejected": 0, "repeated": 0, "error": None, "marks": {}}
            pulls += [facts | {"feed_id": feed, "accepted": int(minute == 0)} for feed in (GAUGES, MAPS)]
    with desk.ledger.writing() as session:
        session.execute(insert(FeedFile), files)
        session.execute(insert(FeedPull), pulls)
        for feed, kind in ((GAUGES, "gauge_table"), (MAPS, "odim")):
            state = FeedState(feed_id=feed, kind=kind, stale_after_h=2.0, pulled_at=end, files_accepted=len(files) // 2)
            session.add(state)


def _brought(desk: Desk, at: datetime, past: Past) -> dict[str, bytes]:
    """Return what the feeds brought of one hour."""
    gauges = [str(gauge) for gauge in desk.district.gauges.index]
    table = f"time_end,{','.join(gauges)}\n{at:%Y-%m-%dT%H:%M:%SZ}{',0.0' * len(gauges)}\n"
    return {GAUGES: table.encode(), MAPS: f"{at:%Y%m%dT%H}".encode().ljust(past.map_bytes, b".")}


def _raw(desk: Desk, feed: str, name: str, data: bytes, at: datetime) -> dict[str, Any]:
    sha256 = hashlib.sha256(data).hexdigest()
    path = f"{feed}/{sha256[:12]}-{name}.csv"
    _write(desk.out / "raw" / path, data, at)
    times = {"arrived_at": at, "issued_at": None, "first_value_at": at, "last_value_at": at}
    facts = {"feed_id": feed, "name": name, "sha256": sha256, "size_bytes": len(data), "raw_path": path}
    return facts | times | {"state": "accepted", "rows_read": 1, "rows_rejected": 0, "error": None, "removed_at": None}


def _write_dry_hours(desk: Desk, hours: list[datetime], past: Past) -> None:
    rows, log = [], []
    for at in hours:
        rows.append(_cycle(desk, at, past) | {"event_key": f"{desk.code}-{at:%Y%m%dT%H%MZ}"})
        log.append({"at": at, "who": "cycle", "what": "cycle-done", "event_key": rows[-1]["event_key"], "detail": {}})
    with desk.ledger.writing() as session:
        session.execute(insert(Cycle), rows)
        session.execute(insert(LogEntry), log)


def _cycle(desk: Desk, at: datetime, past: Past) -> dict[str, Any]:
    path = f"risk/{at:%Y%m%dT%H%MZ}.parquet"
    _write(desk.out / path, past.risk_table, at)
    counts = dict.fromkeys((str(level) for level in Level), 0) | {"none": len(desk.district.hotspots)}
    return {
        "district_code": desk.code,
        "valid_at": at,
        "revision": 0,
        "inputs_sha256": hashlib.sha256(path.encode()).hexdigest(),
        "decided_at": at,
        "finished_at": at,
        "state": CycleState.DONE,
        "inputs": {feed: hashlib.sha256(data).hexdigest() for feed, data in _brought(desk, at, past).items()},
        "risk_paths": {"parquet": path},
        "ladder_step": 1,
        "summary": {"counts": counts, "records": [], "district": desk.district.content_hash},
        "warning_states": {"states": []},
    }


def _write_storm(desk: Desk, begin: datetime, past: Past, number: int) -> None:
    """Warn every town for a day: new, prolonged every six hours, and at last over."""
    event = f"{desk.code}-{begin:%Y%m%dT%H%MZ}"
    towns = [str(code) for code in desk.district.towns.index]
    open_records: list[WarningRecord] = []
    for at in _hours(begin, begin + timedelta(days=1)):
        hour = round((at - begin) / HOUR)
        said = [_record(event, town, begin, at, hour) for town in towns] if hour % 6 == 0 or hour == 23 else []
        open_records = said or open_records
        cycle, facts = desk.ledger.begin_cycle(desk.code, at, inputs_sha256=event, now=at), _cycle(desk, at, past)
        with desk.ledger.decide(now=at, cycle=cycle) as decision:
            for record in said:
                _tell(desk, decision, record, past)
            counts = facts["summary"]["counts"] | {"red": len(towns)}
            decision.finish_cycle(
                inputs=facts["inputs"],
                risk_paths=facts["risk_paths"],
                ladder_step=1,
                summary=facts["summary"] | {"counts": counts, "records": [one.message_id for one in said]},
                warning_states={"states": [_state(record, begin) for record in open_records if hour < 23]},
                event_key=event,
            )
            if hour == 12:
                decision.log(OPERATOR_TASK, event_key=event, task=f"look after storm {number}")
    _settle(desk, begin, event)


def _record(event: str, town: str, begin: datetime, at: datetime, hour: int) -> WarningRecord:
    revision = -(-hour // 6)
    return WarningRecord(
        event_key=event,
        warning_id=f"{event}-{town}",
        revision=revision,
        action=Action.NEW if hour == 0 else Action.CAN if hour == 23 else Action.EXT,
        area_code=town,
        level=Level.NONE if hour == 23 else Level.RED,
        previous_level=Level.NONE if hour == 0 else Level.RED,
        issued_at=at,
        valid_from=begin,
        valid_to=at + (timedelta(0) if hour == 23 else 6 * HOUR),
        hotspot_ids=("MD-001",),
        reason_zh="积水",
        reason_en="water",
    )


def _state(record: WarningRecord, begin: datetime) -> dict[str, Any]:
    return WarningState(record=record, started_at=begin, raised_at=begin).to_dict()


def _tell(desk: Desk, decision: Decision, record: WarningRecord, past: Past) -> None:
    """Write a warning, its bulletin, its mail, and the request for an answer."""
    decision.warn(record)
    products = {}
    for kind in _KINDS:
        path = f"bulletins/{record.area_code}/{record.message_id}.{kind}"
        data = f"{record.message_id} {kind}".encode().ljust(past.product_bytes, b".")
        _write(desk.out / path, data, record.issued_at)
        products[kind] = {"path": path, "sha256": hashlib.sha256(data).hexdigest()}
    decision.bulletin(record.message_id, record.area_code, products)
    mailbox = str(desk.district.towns.at[record.area_code, "mailbox"])
    body = f"{record.message_id} {mailbox}".encode().ljust(past.body_bytes, b".")
    mail = Parcel(
        message_id=record.message_id, purpose=Purpose.BULLETIN, about=record.message_id, channel="mail",
        sender="duty@mini.example", recipient=mailbox, subject="red", status="Exercise", scope="Restricted",
        demonstration=True, decided_at=record.issued_at, body=body,
        mail_message_id=mail_message_id(record.message_id, "mail", mailbox, "mini.example"),
    )  # fmt: skip
    row = decision.queue(mail, expires_at=record.issued_at + 6 * HOUR, priority=5, event_key=record.event_key)
    expires_at = record.issued_at + 6 * HOUR
    request = AckRequest(
        message_id=record.message_id, district_code=desk.code, event_key=record.event_key, level=int(record.level),
        warning_id=record.warning_id, revision=record.revision, area_code=record.area_code, code=row.body_sha256[:8],
        is_end=record.action.is_end, asked_at=record.issued_at, due_at=record.issued_at + HOUR, step_min=30,
        expires_at=expires_at, feedback_until=expires_at + timedelta(days=7), phone="1", content={"zh": {}, "en": {}},
    )  # fmt: skip
    decision.session.add(request)
    decision.session.flush()
    step = {"kind": "told", "channel": "mail", "recipient": mailbox, "due_at": record.issued_at, "name": ""}
    decision.session.add(AckStep(request_id=request.id, at=record.issued_at, outbox_id=row.id, **step))
    answer = {"recipient": mailbox, "answer": "received", "name": "duty", "channel": "web"}
    decision.session.add(AckAnswer(request_id=request.id, at=record.issued_at + HOUR / 6, **answer))


def _settle(desk: Desk, begin: datetime, event: str) -> None:
    """Have every mail accepted, and the task of the storm done."""
    with desk.ledger.writing() as session:
        rows = list(session.query(Outbox).filter_by(event_key=event, state=OutboxState.PENDING))
        for row in rows:
            at = row.decided_at
            session.add(
                Attempt(
                    outbox_id=row.id, number=1, relay="r", started_at=at, ended_at=at, result="sent",
                    smtp_stage="done", code=250, text="ok",
                )
            )  # fmt: skip
            row.sent_at = at
        mine = (Outbox.event_key == event) & (Outbox.state == OutboxState.PENDING)
        session.execute(update(Outbox).where(mine).values(state=OutboxState.SENT, attempts=1))
        task = session.query(LogEntry).filter_by(event_key=event, what=OPERATOR_TASK).one()
        done: Mapping[str, Any] = {"task_id": task.id, "note": ""}
        at = begin + timedelta(days=2)
        session.add(LogEntry(at=at, who="officer", what=TASK_DONE, event_key=event, detail=dict(done)))


def _write(path: Path, data: bytes, at: datetime) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (pd.Timestamp(at).timestamp(),) * 2)
