"""A storm replayed hour by hour: every town warned and released, nothing twice, the same bytes every time."""

from __future__ import annotations

import hashlib
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import xmlschema
from sqlalchemy import select

from risk_models.errors import ConfigError, DispatchError
from risk_models.levels import Level
from risk_models.warning.cap.check import validate_cap
from risk_models.warning.records import Action, WarningRecord
from tests.replays import (
    HOURS,
    ROOT,
    StormRun,
    beside_now,
    child_environment,
    mails,
    now,
    products,
    raw_mails,
    run_storm,
    write_products,
)
from wuyu.delivery.smtp import SmtpSettings, SmtpTransport
from wuyu.desk import begin_desk
from wuyu.ledger import Approval, BulletinRow
from wuyu.rain import pull_feeds
from wuyu.replay import EXERCISE_OFFICER, hours, replay
from wuyu.sink import local_sink

pytestmark = pytest.mark.xdist_group("storm")

SHOWN_AS_RESENT = re.compile(rb"^X-Wuyu-Resend:[^\r\n]*\r?\n", re.MULTILINE)


def _records(run: StormRun) -> list[WarningRecord]:
    return [row.to_record() for row in run.desk.ledger.warnings()]


def test_storm_raises_and_ends_warnings(storm_run: StormRun) -> None:
    by_hour = {cycle.valid_at: cycle.counts for cycle in storm_run.result.cycles}
    assert list(by_hour) == HOURS
    assert by_hour[HOURS[0]]["red"] == 0
    assert max(counts["red"] for counts in by_hour.values()) >= 3
    assert by_hour[HOURS[-1]] == by_hour[HOURS[0]] | dict.fromkeys(
        ("unknown", "blue", "yellow", "orange", "red"), 0
    ) | {
        "none": 9,
        "not_assessed": 3,
    }
    assert {record.action for record in _records(storm_run)} >= {Action.NEW, Action.UPG, Action.DNG, Action.CAN}


def test_every_warned_town_gets_its_all_clear(storm_run: StormRun) -> None:
    records = _records(storm_run)
    warned = {record.area_code for record in records if record.action is Action.NEW}
    assert warned == set(storm_run.desk.district.towns.index)
    for town in warned:
        last = [record for record in records if record.area_code == town][-1]
        assert last.action.is_end
        box = mails(storm_run.mailbox)[str(storm_run.desk.district.towns.at[town, "mailbox"])]
        assert box[-1]["X-Wuyu-Action"] == str(last.action)


def test_one_warning_is_open_in_a_town_at_most(storm_run: StormRun) -> None:
    open_in: dict[str, str] = {}
    for record in _records(storm_run):
        if record.action is Action.NEW:
            assert record.area_code not in open_in
            open_in[record.area_code] = record.warning_id
        assert open_in[record.area_code] == record.warning_id
        if record.action.is_end:
            del open_in[record.area_code]
    assert open_in == {}


def test_revisions_count_up_and_carry_the_level_before(storm_run: StormRun) -> None:
    records = _records(storm_run)
    for warning_id in {record.warning_id for record in records}:
        same = [record for record in records if record.warning_id == warning_id]
        assert [record.revision for record in same] == list(range(len(same)))
        assert all(after.previous_level == before.level for before, after in pairwise(same))


def test_ledger_and_mailbox_agree(storm_run: StormRun) -> None:
    ledger = storm_run.desk.ledger
    decided = [record.message_id for record in _records(storm_run) if record.action.is_mailed]
    assert {row.message_id for row in beside_now(ledger)} == set(decided)
    assert len(beside_now(ledger)) == len(decided)
    assert ledger.outbox_counts() == {"sent": len(ledger.outbox())} == {"sent": storm_run.result.mails_sent}
    assert len(ledger.outbox()) > len(decided), "water stood in this storm"
    boxes = mails(storm_run.mailbox)
    received = {(box, str(mail["Message-ID"])) for box, mails_of_box in boxes.items() for mail in mails_of_box}
    assert received == {(row.recipient, row.mail_message_id) for row in ledger.outbox()}
    assert not (storm_run.mailbox / "duplicates.log").exists()


def test_mail_carries_bulletin_map_and_cap(storm_run: StormRun) -> None:
    mail = mails(storm_run.mailbox)["town1@mini.example"][0]
    kinds = Counter(part.get_content_type() for part in mail.walk())
    for kind in ("text/plain", "text/html", "image/png", "application/pdf", "application/cap+xml"):
        assert kinds[kind] == 1, kind
    assert "演示数据" in mail.get_body(("plain",)).get_content()
    pdf = next(part for part in mail.iter_attachments() if part.get_content_type() == "application/pdf")
    town = str(mail["X-Wuyu-Message"] or pdf.get_filename()).split("-")[-1].split(".")[0]
    assert pdf.get_content() == (storm_run.desk.out / "bulletins" / town / pdf.get_filename()).read_bytes()


def test_exercise_desk_signs_what_needs_an_officer(storm_run: StormRun) -> None:
    rows = storm_run.desk.ledger.warnings()
    assert storm_run.desk.ledger.warnings(approval=Approval.WAITING) == []
    raised = [row for row in rows if row.level >= Level.ORANGE and row.action in (Action.NEW, Action.UPG)]
    assert raised
    assert {(row.approval_state, row.approved_by) for row in raised} == {(Approval.APPROVED, EXERCISE_OFFICER)}
    gentle = [row for row in rows if row.level < Level.ORANGE and row.action != Action.CAN]
    assert gentle
    ends = [row for row in rows if row.action == Action.CAN]
    assert {row.approval_state for row in ends} == {Approval.APPROVED}, "each began with an orange or red one"
    assert {row.approval_state for row in gentle} == {Approval.NOT_NEEDED}
    assert not list(storm_run.desk.out.rglob("*.draft.*"))


def test_bulletin_files_are_as_registered(storm_run: StormRun) -> None:
    with storm_run.desk.ledger.reading() as session:
        rows = list(session.scalars(select(BulletinRow)))
    assert len(rows) == len(beside_now(storm_run.desk.ledger))
    for row in rows:
        assert sorted(row.products) == ["cap.xml", "html", "pdf", "png", "txt"]
        for product in row.products.values():
            data = (storm_run.desk.out / product["path"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == product["sha256"]


def test_every_cap_message_is_valid_and_of_the_right_kind(storm_run: StormRun, shared_data: Path) -> None:
    schema = shared_data / "cap" / "cap12.xsd"
    another = xmlschema.XMLSchema(schema)
    kinds = {Action.NEW: "Alert", Action.CAN: "Cancel", Action.EXP: "Cancel"}
    mailed = [record for record in _records(storm_run) if record.action.is_mailed]
    for record in mailed:
        path = storm_run.desk.out / "bulletins" / record.area_code / f"{record.message_id}.cap.xml"
        data = path.read_bytes()
        assert [str(found) for found in validate_cap(data, schema) if found.severity == "error"] == []
        assert list(another.iter_errors(data.decode())) == []
        assert f"<msgType>{kinds.get(record.action, 'Update')}</msgType>".encode() in data
        assert b"<status>Exercise</status>" in data
    assert len(mailed) == len(list(storm_run.desk.out.rglob("*.cap.xml")))


def test_same_inputs_give_the_same_bytes(storm_run: StormRun, storm_district: Path, tmp_path: Path) -> None:
    moved = tmp_path / "another place" / "district"
    shutil.copytree(storm_district, moved)
    twin = run_storm(moved, tmp_path / "another out")
    twin.desk.ledger.close()
    ours, theirs = products(storm_run.desk.out), products(twin.desk.out)
    assert list(ours) == list(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []
    assert raw_mails(storm_run.mailbox) == raw_mails(twin.mailbox)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    folder = tmp_path / "mailbox"
    with local_sink(folder) as (_, port):
        yield folder, port


def _start_replay(
    district: Path, out: Path, port: int, *, end: datetime = HOURS[-1], killed_after: int | None = None
) -> subprocess.Popen[bytes]:
    """Start a replay; it dies by SIGKILL when so many mails have been accepted."""
    how = ["-m", "wuyu"] if killed_after is None else ["-m", "tests.wuyu.killed_replay", str(killed_after)]
    command = [sys.executable, *how, "replay", "--from", HOURS[0].isoformat(), "--to", end.isoformat()]
    command += ["--district", str(district), "--out", str(out), "--smtp-port", str(port)]
    return subprocess.Popen(command, cwd=ROOT, env=child_environment(), stdout=subprocess.DEVNULL)


def test_killed_and_started_again_sends_nothing_twice(
    storm_run: StormRun, storm_district: Path, tmp_path: Path, sink: tuple[Path, int]
) -> None:
    mailbox, port = sink
    out = tmp_path / "out"
    whole = storm_run.result.mails_sent
    for share in (0.2, 0.3):
        process = _start_replay(storm_district, out, port, killed_after=int(share * whole))
        assert process.wait() == -signal.SIGKILL
    assert 0 < sum(map(len, raw_mails(mailbox).values())) < whole
    assert _start_replay(storm_district, out, port).wait() == 0
    with begin_desk(storm_district, out).ledger as ledger:
        assert ledger.outbox_counts() == {"sent": whole}
    for box, received in mails(mailbox).items():
        identifiers = Counter(str(mail["Message-ID"]) for mail in received)
        assert set(identifiers.values()) == {1}, box
    got = {box: [SHOWN_AS_RESENT.sub(b"", mail) for mail in bodies] for box, bodies in raw_mails(mailbox).items()}
    assert got == raw_mails(storm_run.mailbox)
    desk = begin_desk(storm_district, out)
    write_products(desk)
    desk.ledger.close()
    ours, theirs = products(storm_run.desk.out), products(out)
    assert list(ours) == list(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []


def test_two_replays_at_once_send_each_mail_once(
    storm_run: StormRun, storm_district: Path, tmp_path: Path, sink: tuple[Path, int]
) -> None:
    mailbox, port = sink
    out = tmp_path / "out"
    begin_desk(storm_district, out).ledger.close()
    both = [_start_replay(storm_district, out, port, end=HOURS[7]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    whole, got = raw_mails(storm_run.mailbox), raw_mails(mailbox)
    assert set(got) == set(whole)
    for box, received in got.items():
        assert len(received) > 1
        assert received == whole[box][: len(received)]
    assert not (mailbox / "duplicates.log").exists()


def test_mail_that_cannot_go_stops_the_replay_and_goes_later(
    storm_district: Path, tmp_path: Path, sink: tuple[Path, int]
) -> None:
    mailbox, port = sink
    desk = begin_desk(storm_district, tmp_path / "out")
    pull_feeds(desk, now=now())
    later = now() + timedelta(hours=1)  # beyond every wait between two tries
    with desk.ledger as ledger:
        nowhere = SmtpTransport(SmtpSettings(host="127.0.0.1", port=1))
        with pytest.raises(DispatchError, match=r"3 mails could not be handed over .*start the same replay again"):
            replay(desk, HOURS[:3], transport=nowhere, clock=now, patience_s=0)
        assert ledger.outbox_counts() == {"retry": 3}
        with SmtpTransport(SmtpSettings(host="127.0.0.1", port=port)) as transport:
            again = replay(desk, HOURS[:3], transport=transport, clock=lambda: later, patience_s=0)
        assert again.mails_sent == sum(map(len, raw_mails(mailbox).values())) >= 3
        assert set(ledger.outbox_counts()) == {"sent"}


def test_replay_again_does_nothing(storm_run: StormRun) -> None:
    before = products(storm_run.desk.out)
    entries = len(storm_run.desk.ledger.log_entries())
    nowhere = SmtpTransport(SmtpSettings(host="127.0.0.1", port=1))
    again = replay(storm_run.desk, HOURS, transport=nowhere, clock=now)
    assert again.mails_sent == 0
    assert all(cycle.records == () for cycle in again.cycles)
    assert [cycle.counts for cycle in again.cycles] == [cycle.counts for cycle in storm_run.result.cycles]
    assert products(storm_run.desk.out) == before
    assert len(storm_run.desk.ledger.log_entries()) == entries


def test_replay_refuses_real_traffic(actual_district: Path, tmp_path: Path) -> None:
    desk = begin_desk(actual_district, tmp_path)
    nowhere = SmtpTransport(SmtpSettings(host="127.0.0.1", port=1))
    with desk.ledger, pytest.raises(ConfigError, match=r"needs mail\.status Exercise or Test .* it is Actual"):
        replay(desk, HOURS, transport=nowhere, clock=now)


@pytest.mark.parametrize(
    ("start", "end", "step_h", "text"),
    [
        (datetime(2021, 7, 18), datetime(2021, 7, 19), 1, "need a time zone"),  # noqa: DTZ001 - the fault
        (datetime(2021, 7, 19, tzinfo=UTC), datetime(2021, 7, 18, tzinfo=UTC), 1, "runs forward"),
        (datetime(2021, 7, 18, tzinfo=UTC), datetime(2021, 7, 19, tzinfo=UTC), 0, "steps of 1 h or more"),
    ],
)
def test_hours_refuses_what_does_not_run_forward(start: datetime, end: datetime, step_h: int, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        hours(start, end, step_h=step_h)


def test_hours_includes_both_ends() -> None:
    start = datetime(2021, 7, 18, tzinfo=UTC)
    assert hours(start, start + timedelta(hours=6), step_h=3) == [start + timedelta(hours=h) for h in (0, 3, 6)]
    assert hours(start, start) == [start]
