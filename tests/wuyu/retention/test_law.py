"""The law: whatever happened and whatever the settings say, nothing is removed that anything kept refers to."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from risk_models.district.retention import RetentionSettings
from risk_models.district.settingsfile import load_settings
from tests.factories import write_mini_district
from wuyu.ledger import (
    BulletinRow,
    Cycle,
    FeedFile,
    FeedState,
    Ledger,
    MessageBody,
    Outbox,
    RegisterVersion,
    Removal,
    ReportIssue,
    WarningRow,
    create_ledger,
    open_ledger,
)
from wuyu.register.copies import FOLDER
from wuyu.retention.plan import plan_of
from wuyu.retention.removing import apply_retention
from wuyu.station import Station

NOW = datetime(2026, 7, 20, 4, tzinfo=UTC)
DAY = timedelta(days=1)
LONG = timedelta(days=9000)


@dataclass(frozen=True)
class Hour:
    """One cycle, and what came of it."""

    age_d: int
    event: int
    bulletin: bool
    valid_for_d: int
    message: str
    approval: str
    gauge: bool
    register: int
    reported: bool


HOURS = st.builds(
    Hour,
    age_d=st.integers(0, 1500),
    event=st.integers(0, 3),
    bulletin=st.booleans(),
    valid_for_d=st.sampled_from([0, 1, 1200]),
    message=st.sampled_from(["", "sent", "failed", "retry", "held"]),
    approval=st.sampled_from(["not_needed", "approved", "waiting", "lapsed"]),
    gauge=st.booleans(),
    register=st.integers(0, 2),
    reported=st.booleans(),
)
DAYS = st.builds(
    RetentionSettings,
    raw_days=st.sampled_from([14, 92, None]),
    gauge_tables_days=st.sampled_from([31, None]),
    risk_days=st.sampled_from([14, 400, None]),
    body_days=st.sampled_from([31, None]),
    bulletin_days=st.sampled_from([365, None]),
    register_days=st.sampled_from([31, None]),
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Station:
    """A station to which nothing has happened; its ledger is copied for every history."""
    out = tmp_path_factory.mktemp("empty")
    create_ledger(out / "ledger.sqlite").close()
    with sqlite3.connect(out / "ledger.sqlite") as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    ledger = Ledger(create_engine("sqlite://"))  # nobody writes here
    return Station(load_settings(write_mini_district(out / "mini"), check_crs=False), ledger, out, out)


@contextmanager
def _lived(empty: Station, days: RetentionSettings, hours: list[Hour]) -> Iterator[Station]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        shutil.copyfile(empty.out / "ledger.sqlite", out / "ledger.sqlite")
        with open_ledger(out / "ledger.sqlite") as ledger:
            station = Station(empty.settings.model_copy(update={"retention": days}), ledger, out, out)
            with ledger.writing() as session:
                for feed, kind in (("g", "gauge_table"), ("m", "odim")):
                    session.add(FeedState(feed_id=feed, kind=kind, stale_after_h=2, pulled_at=NOW))
                for number, hour in enumerate(hours):
                    _write(station, session, number, hour)
            yield station


def _file(station: Station, name: str, at: datetime) -> str:
    path = station.out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(name)
    os.utime(path, (at.timestamp(),) * 2)
    return hashlib.sha256(name.encode()).hexdigest()


def _write(station: Station, session: Session, number: int, hour: Hour) -> None:
    at = (NOW - hour.age_d * DAY - timedelta(hours=number)).replace(minute=0)
    feed, digest = "g" if hour.gauge else "m", f"{hour.register}" * 64
    raw, risk = f"{feed}/{number}.csv", f"risk/{at:%Y%m%dT%H%MZ}.r{number}.parquet"
    sha256 = _file(station, f"raw/{raw}", at)
    _file(station, risk, at)
    _file(station, f"{FOLDER}/{digest[:24]}/district.yaml", NOW - LONG)
    os.utime(station.out / FOLDER / digest[:24], (0, 0))
    message = f"E{hour.event}-{number}.r0"
    cycle = Cycle(
        district_code=station.code, valid_at=at, revision=number, state="done", event_key=f"E{hour.event}",
        inputs={feed: sha256}, risk_paths={"parquet": risk}, summary={"district": digest}, finished_at=at,
    )  # fmt: skip
    times = {"arrived_at": at, "first_value_at": at, "last_value_at": at}
    file = FeedFile(feed_id=feed, name=raw, sha256=sha256, size_bytes=9, raw_path=raw, **times)
    version = RegisterVersion(
        at=NOW - LONG, folder="/d", district_code=station.code, state="taken", digest=digest,
        settings_sha256="", files={}, findings=[], more=0,
    )  # fmt: skip
    session.add_all([cycle, file, version])
    session.flush()
    until = at + hour.valid_for_d * DAY
    session.add(
        WarningRow(
            message_id=message, cycle_id=cycle.id, event_key=f"E{hour.event}", warning_id=message[:-3], revision=0,
            action="NEW", area_code="t", level=5, previous_level=1, issued_at=at, valid_from=at, valid_to=until,
            hotspot_ids=[], signal=1, reason_zh="", reason_en="", unconfirmed=False, degraded=False,
            approval_state=hour.approval,
        )
    )  # fmt: skip
    session.flush()
    if hour.bulletin:
        path = f"bulletins/t/{message}.pdf"
        product = {"path": path, "sha256": _file(station, path, at)}
        session.add(BulletinRow(message_id=message, town_code="t", products={"pdf": product}))
    if hour.message:
        body = message.encode()
        session.add(MessageBody(sha256=hashlib.sha256(body).hexdigest(), body=body))
        session.flush()
        session.add(
            Outbox(
                message_id=message, purpose="bulletin", about=message, channel="mail", recipient="a", sender="b",
                subject="c", status="Test", scope="Private", mail_message_id="d", decided_at=at, not_before=at,
                body_sha256=hashlib.sha256(body).hexdigest(), event_key=f"E{hour.event}", expires_at=at + DAY,
                state=hour.message,
            )
        )  # fmt: skip
    if hour.reported:
        _report(station, session, f"{at:%Y-%m}", number, at, f"{feed}/{raw}", sha256, digest)


def _report(station: Station, session: Session, key: str, number: int, at: datetime, *stood_on: str) -> None:
    name, sha256, digest = stood_on
    path = f"reports/month/{key}/r{number}/as_of.json"
    (station.out / path).parent.mkdir(parents=True)
    (station.out / path).write_text(json.dumps({"sources": {name: sha256}, "inputs": {"district": digest}}))
    issue = ReportIssue(
        district_code=station.code, kind="month", period=key, revision=number, issued_at=at,
        products={"as_of.json": {"path": path, "sha256": ""}},
    )  # fmt: skip
    session.add(issue)


@settings(max_examples=12, deadline=None)
@given(days=DAYS, hours=st.lists(HOURS, min_size=1, max_size=8))
def test_nothing_is_removed_that_anything_kept_refers_to(
    empty: Station, days: RetentionSettings, hours: list[Hour]
) -> None:
    with _lived(empty, days, hours) as station:
        apply_retention(station, now=NOW)
        _require_whole(station, hours)
        assert plan_of(station, now=NOW).items == [] or days.bulletin_days is not None
        apply_retention(station, now=NOW)  # bulletins that went let go of what they stood on
        _require_whole(station, hours)


def _require_whole(station: Station, hours: list[Hour]) -> None:
    out = station.out
    with station.ledger.reading() as session:
        warnings = {row.message_id: row for row in session.scalars(select(WarningRow))}
        cycles = {row.id: row for row in session.scalars(select(Cycle))}
        files = {row.sha256: row for row in session.scalars(select(FeedFile))}
        bodies = {row.sha256: row.body for row in session.scalars(select(MessageBody))}
        removed = {row.name for row in session.scalars(select(Removal))}
        products = {row.message_id: row.products["pdf"]["path"] for row in session.scalars(select(BulletinRow))}
        messages = list(session.scalars(select(Outbox)))
    for number, hour in enumerate(hours):
        message = f"E{hour.event}-{number}.r0"
        cycle = cycles[warnings[message].cycle_id or 0]
        (sha256,) = cycle.inputs.values()
        stood_on = [f"raw/{files[sha256].raw_path}", cycle.risk_paths["parquet"]]
        in_force = warnings[message].valid_to > NOW or hour.approval == "waiting" or hour.message in ("retry", "held")
        if hour.bulletin and in_force:
            assert (out / products[message]).is_file()
        if in_force or (hour.bulletin and (out / products[message]).is_file()):
            assert [name for name in stood_on if not (out / name).is_file()] == []
            assert (out / FOLDER / cycle.summary["district"][:24] / "district.yaml").is_file()
        if hour.reported:
            assert [name for name in stood_on if not (out / name).is_file()] == []
        for name in stood_on:  # gone and written down, or neither
            assert (out / name).is_file() != (name in removed)
        assert (files[sha256].removed_at is None) == (out / stood_on[0]).is_file()
    for row in messages:
        assert bodies[row.body_sha256] or (row.state in ("sent", "failed") and row.body_sha256 in removed)
