"""What is removed, what stays whatever its age, and that a run may die at any step."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from risk_models.errors import BadInputError, ConfigError
from tests.replays import ROOT, child_environment
from tests.wuyu.retention.conftest import NOW
from tests.wuyu.retention.killed_retention import state_of
from wuyu.cli import main
from wuyu.cycle import assess
from wuyu.desk import Desk, begin_desk
from wuyu.feeds.select import observed_maps, tables_of_span
from wuyu.ledger import (
    AckRequest,
    BulletinRow,
    Cycle,
    FeedFile,
    Kept,
    LogEntry,
    MessageBody,
    Outbox,
    OutboxState,
    Removal,
    ReportIssue,
    WarningRow,
)
from wuyu.ledger.outbox import claim
from wuyu.ledger.register import RegisterState, RegisterVersion
from wuyu.ledger.tasks import open_tasks
from wuyu.register.copies import FOLDER
from wuyu.retention.plan import plan_of
from wuyu.retention.removing import RETAINED, RetentionBusyError, apply_retention
from wuyu.station import Station

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LATER = NOW + 500 * DAY


def keeping(station: Station, **days: int | None) -> Station:
    """Return a station whose district keeps things for other times."""
    retention = station.settings.retention.model_copy(update=days)
    settings = station.settings.model_copy(update={"retention": retention})
    return Station(settings, station.ledger, station.root, station.out)


def names(station: Station, kind: Kept, *, now: datetime = LATER) -> set[str]:
    return {item.name for item in plan_of(station, now=now).items if item.kind is kind}


def rows(station: Station, model: Any, *where: Any) -> list[Any]:
    with station.ledger.reading() as session:
        return list(session.scalars(select(model).where(*where)))


def change(station: Station, model: Any, where: Any, **values: Any) -> None:
    with station.ledger.writing() as session:
        session.execute(update(model).where(where).values(**values).execution_options(synchronize_session=False))


# What goes


def test_a_listing_removes_nothing(station: Station, capsys: pytest.CaptureFixture[str]) -> None:
    before = state_of(station)
    place = ["--district", str(station.root), "--out", str(station.out)]
    assert main(["retention", *place, "--names"]) == 0
    said = capsys.readouterr().out
    assert "nothing was removed. Remove with: wuyu retention apply" in said
    assert re.search(r"^raw +\d+ +[\d.]+ MB, the oldest of 2021-06-\d\d \(raw 92 days\)$", said, re.MULTILINE)
    assert re.search(r"^raw +\d+ stay: a bulletin", said, re.MULTILINE)
    assert state_of(station) == before


def test_what_is_old_goes_once_and_the_ledger_says_so(station: Station) -> None:
    before, plan = state_of(station), plan_of(station, now=LATER)
    done = apply_retention(station, now=LATER, after_a_gap=True)
    after = state_of(station)
    assert done.counts == dict(Counter(item.kind for item in plan.items))
    assert set(done.counts) == {Kept.RAW, Kept.RISK, Kept.BODY}
    assert set(before["files"]) - set(after["files"]) == {item.name for item in plan.items if item.kind != Kept.BODY}
    assert {(kind, name) for kind, name, _ in after["removals"]} == {(item.kind, item.name) for item in plan.items}
    assert {row.at for row in rows(station, Removal)} == {LATER}
    assert [entry.detail["counts"] for entry in rows(station, LogEntry, LogEntry.what == RETAINED)] == [done.counts]
    again = apply_retention(station, now=LATER, after_a_gap=True)
    assert (again.counts, state_of(station)) == ({}, after)


def test_what_is_not_old_stays(station: Station) -> None:
    early = {item.kind: item.since for item in plan_of(station, now=NOW + 91 * DAY).items}
    assert all(since <= NOW + 91 * DAY - 92 * DAY for kind, since in early.items() if kind == Kept.RAW)
    assert Kept.RISK not in early
    assert plan_of(keeping(station, raw_days=None, risk_days=None, body_days=None), now=LATER).items == []


def test_a_file_written_lately_is_not_old_whatever_it_is_about(station: Station) -> None:
    name = sorted(names(station, Kept.RISK))[0]
    os.utime(station.out / name, (LATER.timestamp(),) * 2)
    assert name not in names(station, Kept.RISK)


def test_a_file_the_ledger_does_not_know_is_left_alone(station: Station) -> None:
    for strange in ("raw/gauges/notes.csv", "raw/elsewhere/a.bin", "risk/notes.txt", "bulletins/410199001/notes.pdf"):
        path = station.out / strange
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")
        os.utime(path, (0, 0))
    less = keeping(station, gauge_tables_days=31, bulletin_days=365)
    plan = plan_of(less, now=LATER)
    assert plan.unknown == {Kept.RAW: 2, Kept.RISK: 1}
    apply_retention(less, now=LATER, after_a_gap=True)
    assert (station.out / "bulletins/410199001/notes.pdf").read_bytes() == b"mine"
    assert (station.out / "raw/gauges/notes.csv").read_bytes() == b"mine"


def test_geojson_stays_of_hours_that_tell_something_and_of_the_newest(station: Station) -> None:
    wet = next(row for row in rows(station, Cycle) if row.summary["records"])
    dry = [row for row in rows(station, Cycle) if not row.summary["counts"].get("red")]
    made = {name: station.out / Path(name).with_suffix(".geojson") for name in
            (row.risk_paths["parquet"] for row in (wet, dry[0], dry[-1]))}  # fmt: skip
    for path in made.values():
        path.write_text("{}")
        os.utime(path, (0, 0))
    going = names(station, Kept.GEOJSON, now=NOW + 10 * DAY)
    assert going == {Path(dry[0].risk_paths["parquet"]).with_suffix(".geojson").as_posix()}


def test_leftovers_go_after_two_days_and_nothing_of_today(station: Station) -> None:
    old, new = station.out / "risk" / ".a.parquet.1-2.part", station.out / "reports" / ".r0.77.part"
    old.write_bytes(b"half")
    new.mkdir(parents=True)
    os.utime(old, (0, 0))
    os.utime(new, (LATER.timestamp(),) * 2)
    assert names(station, Kept.LEFTOVER) == {"risk/.a.parquet.1-2.part"}


# What stays


def test_what_a_bulletin_stands_on_stays_while_it_is_kept(station: Station) -> None:
    told = {row.message_id: row for row in rows(station, WarningRow)}
    bulletins = rows(station, BulletinRow)
    assert len(bulletins) > 20
    ids = {told[row.message_id].cycle_id for row in bulletins}
    cycles = rows(station, Cycle, Cycle.id.in_(ids))
    stood_on = {digest for cycle in cycles for digest in cycle.inputs.values()}
    files = {f"raw/{row.raw_path}" for row in rows(station, FeedFile) if row.sha256 in stood_on}
    files |= {cycle.risk_paths["parquet"] for cycle in cycles}
    assert len(files) > 20
    apply_retention(keeping(station, gauge_tables_days=31), now=LATER, after_a_gap=True)
    assert [name for name in files if not (station.out / name).is_file()] == []
    # Then the bulletins go, and what they stood on after them.
    apply_retention(keeping(station, gauge_tables_days=31, bulletin_days=365), now=LATER, after_a_gap=True)
    apply_retention(keeping(station, gauge_tables_days=31, bulletin_days=365), now=LATER, after_a_gap=True)
    last = rows(station, Cycle)[-1]
    newest = {f"raw/{row.raw_path}" for row in rows(station, FeedFile, FeedFile.removed_at.is_(None))}
    assert {name for name in files if (station.out / name).is_file()} <= newest | set(last.risk_paths.values())


@pytest.mark.parametrize("open_by", ["message", "answer", "approval", "state"])
def test_an_open_event_keeps_all_of_it(open_by: str, station: Station) -> None:
    event = rows(station, WarningRow)[0].event_key
    row = rows(station, Outbox, Outbox.event_key == event)[0]
    if open_by == "message":
        change(station, Outbox, Outbox.id == row.id, state=OutboxState.RETRY, event_key=None)
    elif open_by == "approval":
        change(station, WarningRow, WarningRow.message_id == row.message_id, approval_state="waiting")
    elif open_by == "state":
        last, storm = station.ledger.last_cycle(station.code), rows(station, Cycle, Cycle.event_key == event)[0]
        assert last is not None
        change(station, Cycle, Cycle.id == last.id, warning_states=storm.warning_states)
    else:
        request = AckRequest.__table__
        with station.ledger.engine.connect() as connection:  # rows of this table never change: a new one is later
            first = connection.execute(select(request).where(request.c.event_key == event)).mappings().first()
        assert first is not None
        with station.ledger.writing() as session:
            again = dict(first) | {"id": None, "message_id": _unasked(station, event), "feedback_until": LATER + DAY}
            session.execute(request.insert().values(**{k: v for k, v in again.items() if v is not None}))
    everything = keeping(station, gauge_tables_days=31, bulletin_days=365)
    held = {f"bulletins/{one.town_code}/{one.message_id}.pdf" for one in rows(station, BulletinRow)}
    held = {name for name in held if event in name}
    bodies = {one.body_sha256 for one in rows(station, Outbox, Outbox.event_key == event)}
    apply_retention(everything, now=LATER, after_a_gap=True)
    assert held
    assert all((station.out / name).is_file() for name in held)
    assert all(one.body for one in rows(station, MessageBody, MessageBody.sha256.in_(bodies)))
    assert len(rows(station, Removal, Removal.kind == Kept.BULLETIN)) > 0, "the other storm is over"


def _unasked(station: Station, event: str) -> str:
    """Return a message of an event that nobody was asked about."""
    asked = {row.message_id for row in rows(station, AckRequest)}
    spare = next(row.message_id for row in rows(station, WarningRow) if row.event_key == event)
    with station.ledger.writing() as session:
        first = session.scalars(select(WarningRow).where(WarningRow.message_id == spare)).one()
        record = first.to_record()
        name = f"{record.warning_id}.r99"
        values = {column.key: getattr(first, column.key) for column in WarningRow.__table__.columns}
        values |= {"message_id": name, "revision": 99}
        values.pop("id")
        session.add(WarningRow(**values))
    assert name not in asked
    return name


def _issue(station: Station, *, key: str = "2021-06", **record: Any) -> None:
    """Write an issued report of a month, as far as retention looks at it."""
    folder = station.out / "reports" / "month" / key / "r0"
    folder.mkdir(parents=True)
    text = json.dumps({"sources": {}, "inputs": {"district": "0" * 64}} | record).encode()
    (folder / "as_of.json").write_bytes(text)
    product = {"path": station.relative(folder / "as_of.json"), "sha256": hashlib.sha256(text).hexdigest()}
    with station.ledger.writing() as session:
        session.add(
            ReportIssue(
                district_code=station.code, kind="month", period=key, revision=0, issued_at=NOW,
                products={"as_of.json": product},
            )
        )  # fmt: skip


def test_what_an_issued_report_stands_on_stays(station: Station) -> None:
    less = keeping(station, gauge_tables_days=31)
    going = names(less, Kept.RISK), names(less, Kept.RAW)
    june = {name for name in going[0] if name.startswith(("risk/202106", "risk/20210630T15"))}
    gauges = {name for name in going[1] if name.startswith("raw/gauges/")}
    assert june
    assert gauges
    maps = rows(station, FeedFile, FeedFile.feed_id == "radar")[40]
    _issue(station, sources={"radar/a": maps.sha256})
    left = names(less, Kept.RISK), names(less, Kept.RAW)
    in_june = {name for name in june if "202106" in name and name < "risk/20210630T16"}
    assert going[0] - left[0] >= in_june
    assert left[0], "other months go"
    in_june = {name for name in gauges if "-202106" in name}
    assert in_june
    assert not in_june & left[1], "its outlook reached back to all of them"
    assert f"raw/{maps.raw_path}" in going[1] - left[1]


def test_a_report_whose_period_the_settings_know_no_more_keeps_more(station: Station) -> None:
    with station.ledger.writing() as session:
        session.add(
            ReportIssue(
                district_code=station.code, kind="period", period="gone", revision=0, issued_at=NOW, products={}
            )
        )
    less = keeping(station, gauge_tables_days=31)
    assert names(less, Kept.RISK) == set()
    assert not {name for name in names(less, Kept.RAW) if "/gauges/" in name}


def _version(station: Station, digest: str, at: datetime, *, state: str = RegisterState.TAKEN) -> Path:
    folder = station.out / FOLDER / digest[:24]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "district.yaml").write_text("old")
    for path in (folder / "district.yaml", folder):
        os.utime(path, (0, 0))
    known = rows(station, RegisterVersion)[-1]
    with station.ledger.writing() as session:
        session.add(
            RegisterVersion(
                at=at, folder=known.folder, district_code=station.code, state=state, digest=digest,
                settings_sha256="", files={}, findings=[], more=0,
            )
        )  # fmt: skip
    return folder


def test_old_versions_of_the_register_go_but_for_those_something_stands_on(station: Station) -> None:
    in_force = rows(station, RegisterVersion)[-1].digest
    old, of_report = _version(station, "a" * 64, NOW), _version(station, "b" * 64, NOW)
    _version(station, in_force, NOW)
    _issue(station, inputs={"district": "b" * 64})
    assert names(station, Kept.REGISTER) == {station.relative(old)}
    apply_retention(station, now=LATER, after_a_gap=True)
    assert (old.exists(), of_report.exists()) == (False, True)
    assert (station.out / FOLDER / in_force[:24] / "district.yaml").is_file()


def test_no_version_goes_while_a_bulletin_does_not_say_on_which_it_stands(station: Station) -> None:
    old = _version(station, "a" * 64, NOW)
    _version(station, rows(station, RegisterVersion)[0].digest, NOW)
    assert names(station, Kept.REGISTER) == {station.relative(old)}
    told = rows(station, WarningRow)[0]
    cycle = rows(station, Cycle, Cycle.id == told.cycle_id)[0]
    silent = {name: value for name, value in cycle.summary.items() if name != "district"}
    change(station, Cycle, Cycle.id == cycle.id, summary=silent)
    assert names(station, Kept.REGISTER) == set()


def test_the_newest_of_each_feed_and_the_last_table_stay_however_old(station: Station) -> None:
    far = NOW + 5000 * DAY
    apply_retention(keeping(station, gauge_tables_days=31, bulletin_days=365), now=far, after_a_gap=True)
    apply_retention(keeping(station, gauge_tables_days=31, bulletin_days=365), now=far, after_a_gap=True)
    left = Counter(row.feed_id for row in rows(station, FeedFile, FeedFile.removed_at.is_(None)))
    assert left == {"gauges": 5, "radar": 5}
    assert [path.name for path in (station.out / "risk").iterdir()] == ["20210720T0300Z.parquet"]


# What was removed is neither lost, nor dry, nor sent


def test_a_removed_file_is_not_chosen_and_not_taken_again(station: Station) -> None:
    less = keeping(station, gauge_tables_days=31)
    begin, raw = NOW - 22 * DAY, station.out / "raw"

    def chosen() -> list[str]:
        tables = tables_of_span(station.ledger, "gauges", raw_dir=raw, begin=begin, end=NOW)
        maps = observed_maps(station.ledger, "radar", raw_dir=raw, begin=begin, valid_at=NOW)
        return [str(file.path) for file in (*tables, *maps)]

    assert len(chosen()) > 900
    apply_retention(less, now=LATER, after_a_gap=True)
    left = chosen()
    assert 0 < len(left) < 200
    assert all(Path(path).is_file() for path in left)
    gone = rows(station, FeedFile, FeedFile.removed_at.is_not(None))[0]
    assert gone.state == "accepted", "what became of it when it came stays known"


def test_a_message_without_its_text_is_never_sent(station: Station, make_mail: Callable[..., Any]) -> None:
    apply_retention(station, now=LATER, after_a_gap=True)
    row = rows(station, Outbox)[-1]
    assert rows(station, MessageBody, MessageBody.sha256 == row.body_sha256)[0].body == b""
    change(station, Outbox, Outbox.id == row.id, state=OutboxState.FAILED)
    with pytest.raises(ConfigError, match="cannot be sent again: its text was removed by retention"):
        station.ledger.requeue(row.id, officer="A", now=LATER)
    change(station, Outbox, Outbox.id == row.id, state=OutboxState.PENDING, expires_at=LATER + DAY)
    assert claim(station.ledger, row.id, owner="r", wall=LATER, lease=HOUR) is None
    left = rows(station, Outbox, Outbox.id == row.id)[0]
    assert (left.state, left.last_error) == (OutboxState.FAILED, "its text was removed by retention")
    assert open_tasks(station.ledger)[-1].detail["task"].endswith("its text was removed by retention")


def test_the_same_text_queued_anew_is_sent(station: Station, make_mail: Callable[..., Any]) -> None:
    mail = make_mail("box@mini.example", message_id="E.r0", about="E.r0")
    with station.ledger.decide(now=NOW) as decision:
        decision.queue(mail, expires_at=NOW + HOUR)
    change(station, MessageBody, MessageBody.sha256 == mail.sha256, body=b"")
    with station.ledger.decide(now=NOW) as decision:
        decision.session.execute(Outbox.__table__.delete().where(Outbox.__table__.c.message_id == "E.r0"))
        decision.queue(mail, expires_at=NOW + HOUR)
    assert rows(station, MessageBody, MessageBody.sha256 == mail.sha256)[0].body == mail.body


def test_an_hour_whose_table_was_removed_says_so(station: Station, lasting_district: Path) -> None:
    apply_retention(station, now=LATER, after_a_gap=True)
    gone = rows(station, Removal, Removal.kind == Kept.RISK)[0].name
    cycle = next(row for row in rows(station, Cycle) if row.risk_paths["parquet"] == gone)
    desk = begin_desk(lasting_district, station.out)
    with contextlib.closing(desk.ledger), pytest.raises(ConfigError, match=r"removed by retention on 2022-12-02"):
        assess(desk, cycle.valid_at)


# Two at once, a wrong clock, death


def test_of_two_at_once_the_second_says_so(station: Station) -> None:
    import fcntl

    with (station.out / ".retention.lock").open("w") as held:
        held.write("4711")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(RetentionBusyError, match=r"another run of retention is at work \(process 4711\)"):
            apply_retention(station, now=LATER, after_a_gap=True)
    assert rows(station, Removal) == []
    assert apply_retention(station, now=LATER, after_a_gap=True).counts


def test_a_clock_far_ahead_removes_nothing(station: Station) -> None:
    with pytest.raises(ConfigError, match=r"the last look into a feed was on 2021-07-20\. If the clock is right"):
        apply_retention(station, now=NOW + 32 * DAY)
    assert rows(station, Removal) == []


def test_killed_at_any_step_and_run_again_the_end_is_the_same(make_short: Callable[[], Desk], tmp_path: Path) -> None:
    desk = make_short()
    out, now = desk.out, NOW - 54 * HOUR + 92 * DAY + 7 * HOUR
    text = (desk.root / "district.yaml").read_text(encoding="utf-8")
    folder = tmp_path / "mini"
    shutil.copytree(desk.root, folder)
    (folder / "district.yaml").write_text(
        text + "retention: {raw_days: 92, gauge_tables_days: 92, risk_days: 92, body_days: 92}\n", encoding="utf-8"
    )
    left = out / "risk" / ".half.parquet.1-1.part"
    left.mkdir()
    (left / "a").write_bytes(b"half")
    for path in (left / "a", left):
        os.utime(path, (0, 0))
    program = [sys.executable, "-m", "tests.wuyu.retention.killed_retention"]
    ran = subprocess.run(
        [*program, str(folder), str(out), now.isoformat(), str(tmp_path)],
        env=child_environment(), cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    ends = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [end["died"] for end in ends] == [True] * (len(ends) - 1) + [False]
    assert len(ends) > 20
    assert all(end["end"] == ends[-1]["end"] for end in ends)
    assert {kind for kind, *_ in ends[-1]["end"]["removals"]} == {"leftover", "raw", "risk", "body"}
    for end in ends:  # what is gone was written down before
        named = {name for _, name, _ in end["left"]["removals"]}
        gone = set(ends[0]["left"]["files"]) - set(end["left"]["files"])
        assert {name for name in gone if "/.half" not in name} <= named


# Settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("retention: {raw_days: 5}", "retention.raw_days"),
        ("retention: {risk_days: ten}", "retention.risk_days"),
        ("retention: {rwa_days: 92}", "rwa_days"),
        ("retention: {raw_days: 30}", r"raw_days \(30\) must be at least 37: cycles look back"),
        ("retention: {leftover_days: null}", "leftover_days"),
    ],
)
def test_a_slip_in_the_settings_is_named(text: str, said: str, lasting_district: Path, tmp_path: Path) -> None:
    from risk_models.district.settingsfile import load_settings

    base = (lasting_district / "district.yaml").read_text(encoding="utf-8")
    if "at least" in said:
        base, count = re.subn(r"\bpast_h: \d+", "past_h: 720", base)
        assert count == 1
    (tmp_path / "district.yaml").write_text(f"{base}\n{text}\n", encoding="utf-8")
    with pytest.raises(BadInputError) as caught:
        load_settings(tmp_path)
    assert any(re.search(said, str(finding)) for finding in caught.value.findings)
