"""The watcher: told within two cycles when the scheduler stops, sharing no process with it."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from risk_models.district.settings import DistrictSettings
from risk_models.district.settingsfile import load_settings
from risk_models.warning.records import Action
from tests.factories import write_mini_district
from tests.replays import ROOT, child_environment, mails
from tests.wuyu.conftest import Clock
from tests.wuyu.delivery.http_server import HttpServer
from wuyu.approval.book import waiting
from wuyu.delivery.smtp import Outcome, SmtpStage
from wuyu.ledger import Approval, CycleState, Ledger, Outbox, OutboxState, create_ledger
from wuyu.ledger.models import WarningRow
from wuyu.ledger.tasks import OPERATOR_TASK, open_tasks, settle_task
from wuyu.messages.mail import Mail
from wuyu.sink import local_sink
from wuyu.watch.last_good import COPY, settings_in_force
from wuyu.watch.watcher import WatchLook, airflow_problem, last_check, look, problems_of, tell

CODE = "410199"
NOW = datetime(2026, 7, 20, 4, 20, tzinfo=UTC)  # 12:20 in Zhengzhou
MINUTE = timedelta(minutes=1)
WATCH = "watch: {mailboxes: [chief@mini.example, deputy@mini.example]}\n"


class PostBox:
    """Takes mails, or refuses them all."""

    def __init__(self) -> None:
        self.subjects: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.state = OutboxState.SENT

    def __call__(self, sender: str, recipient: str, body: bytes) -> Outcome:
        mail = message_from_bytes(body, policy=policy.default)
        if self.state is OutboxState.SENT:
            self.subjects.append((recipient, mail["Subject"]))
            self.texts.append(mail.get_content())
        return Outcome(state=self.state, stage=SmtpStage.CONNECT, code=None, text="connection refused")

    def kinds(self) -> list[str]:
        """Kinds of mail in the order they came, for the first operator."""
        words = {"【值班告警】": "alarm", "【告警解除】": "all-well", "【每日自检】": "heartbeat"}
        chief = [subject for recipient, subject in self.subjects if recipient.startswith("chief")]
        return [next(kind for word, kind in words.items() if word in subject) for subject in chief]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = write_mini_district(tmp_path_factory.mktemp("watch") / "mini")
    with (place / "district.yaml").open("a", encoding="utf-8") as file:
        file.write(WATCH)
    return place


@pytest.fixture
def settings(folder: Path) -> DistrictSettings:
    return load_settings(folder)


@pytest.fixture
def post() -> PostBox:
    return PostBox()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with create_ledger(tmp_path / "out" / "ledger.sqlite") as opened:
        yield opened


def _finish(ledger: Ledger, at: datetime) -> None:
    """Write a finished cycle, as the scheduler would."""
    cycle = ledger.begin_cycle(CODE, at)
    if cycle.state == CycleState.DONE:
        return
    with ledger.decide(now=at, cycle=cycle) as decision:
        decision.finish_cycle(inputs={}, risk_paths={}, ladder_step=1, summary={}, warning_states={"states": []})


def watch(
    settings: DistrictSettings, ledger_at: Path, out: Path, *, root: Path, post: PostBox, now: datetime
) -> WatchLook:
    """Look once and tell, as the verb does."""
    found = look(settings, ledger_at, now=now, checked_at=last_check(out))
    return tell(settings, found, out, root=root, post=post, now=now)


@pytest.fixture
def look_at(settings: DistrictSettings, ledger: Ledger, tmp_path: Path, post: PostBox) -> Callable[..., WatchLook]:
    assert ledger is not None

    def run(now: datetime) -> WatchLook:
        return watch(settings, tmp_path / "out" / "ledger.sqlite", tmp_path / "out", root=tmp_path, post=post, now=now)

    return run


@pytest.fixture
def httpd() -> Iterator[Callable[[str], str]]:
    """Serve one text at a port of this machine."""
    running: list[tuple[HTTPServer, threading.Thread]] = []

    def serve(text: str) -> str:
        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = HTTPServer(("127.0.0.1", 0), Page)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/health"

    yield serve
    for server, thread in running:
        server.shutdown()
        thread.join(5)
        server.server_close()


def test_told_within_two_cycles_after_the_scheduler_stopped(
    ledger: Ledger, look_at: Callable[..., WatchLook], post: PostBox, tmp_path: Path
) -> None:
    """Cycles every hour, 3 minutes past, until 12:00; looked at every 10 minutes."""
    stopped_at = NOW.replace(minute=0)
    alarm = tmp_path / "out" / "watch" / "ALARM.txt"
    told_at = None
    for step in range(40):
        at = stopped_at - timedelta(hours=3) + step * 10 * MINUTE
        hour = at.replace(minute=0)
        if hour <= stopped_at and at - hour >= 3 * MINUTE:
            _finish(ledger, hour)
        report = look_at(at)
        if at <= stopped_at and step:
            assert report.problems == []
            assert not alarm.exists()
        if "alarm" in report.mails and step:
            told_at = at
            break
    assert told_at is not None
    assert told_at - stopped_at <= timedelta(hours=2)
    assert "最近一次完成的评估距今100分钟（限90分钟）" in post.texts[-1]
    assert "Look at once" in post.texts[-1]
    assert alarm.read_text(encoding="utf-8").count("silence") == 1
    assert {recipient for recipient, _ in post.subjects} == {"chief@mini.example", "deputy@mini.example"}
    assert all("演练" in subject for _, subject in post.subjects)


def test_an_alarm_is_told_again_after_an_hour_and_ended_when_all_is_well(
    ledger: Ledger, look_at: Callable[..., WatchLook], post: PostBox, tmp_path: Path
) -> None:
    at = NOW - timedelta(hours=11)  # in the night: no sign of life mixes in
    for minutes in range(0, 130, 10):
        look_at(at + minutes * MINUTE)
    assert post.kinds() == ["alarm"] * 3
    _finish(ledger, at + 130 * MINUTE)
    look_at(at + 140 * MINUTE)
    look_at(at + 150 * MINUTE)
    assert post.kinds() == ["alarm"] * 3 + ["all-well"]
    assert not (tmp_path / "out" / "watch" / "ALARM.txt").exists()


def test_a_new_kind_of_problem_is_told_at_once(
    ledger: Ledger, look_at: Callable[..., WatchLook], post: PostBox
) -> None:
    at = NOW - timedelta(hours=11)
    look_at(at)
    ledger.log(OPERATOR_TASK, who="bounces", now=at, task="call the town")
    look_at(at + MINUTE)
    assert post.kinds() == ["alarm", "alarm"]
    assert "1 tasks wait for an operator (wuyu tasks): call the town" in post.texts[-1]


def test_a_sign_of_life_once_a_day(ledger: Ledger, look_at: Callable[..., WatchLook], post: PostBox) -> None:
    begin = datetime(2026, 7, 19, 16, 0, tzinfo=UTC)  # midnight in Zhengzhou
    for hour in range(48):
        _finish(ledger, begin + timedelta(hours=hour))
        look_at(begin + timedelta(hours=hour, minutes=5))
    assert post.kinds() == ["heartbeat", "heartbeat"]
    assert "Nothing is wrong." in post.texts[0]
    assert "if it does not come, the watcher itself has stopped" in post.texts[0]
    assert "08:05" in post.subjects[0][1]


def test_a_mail_that_was_not_taken_is_tried_at_the_next_look(
    look_at: Callable[..., WatchLook], post: PostBox, tmp_path: Path
) -> None:
    post.state = OutboxState.RETRY
    report = look_at(NOW)
    assert report.mails == []
    assert any("connection refused" in line for line in report.unsent)
    assert (tmp_path / "out" / "watch" / "ALARM.txt").exists()
    post.state = OutboxState.SENT
    assert look_at(NOW + MINUTE).mails == ["alarm", "heartbeat"]


@pytest.mark.parametrize("spoilt", ["", "{", "[]", '{"kinds": 5}', '{"kinds": [], "told_at": "x", "heartbeat_on": ""}'])
def test_a_spoilt_memory_tells_once_more(
    look_at: Callable[..., WatchLook], post: PostBox, tmp_path: Path, spoilt: str
) -> None:
    look_at(NOW)
    (tmp_path / "out" / "watch" / "state.json").write_text(spoilt, encoding="utf-8")
    look_at(NOW + MINUTE)
    assert post.kinds() == ["alarm", "heartbeat", "alarm", "heartbeat"]


def test_an_absent_or_broken_ledger_is_an_alarm_and_is_not_made(settings: DistrictSettings, tmp_path: Path) -> None:
    path = tmp_path / "nothing" / "ledger.sqlite"
    assert [one.kind for one in look(settings, path, now=NOW).problems] == ["ledger"]
    assert not path.parent.exists()
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 100)
    (broken,) = look(settings, path, now=NOW).problems
    assert (broken.kind, "cannot be read" in broken.en) == ("ledger", True)


def _kinds(ledger: Ledger, settings: DistrictSettings, now: datetime) -> set[str]:
    return {one.kind for one in problems_of(ledger, CODE, settings.watch, now=now)}


def test_mail_that_stays_is_noticed(ledger: Ledger, settings: DistrictSettings, make_mail: Callable[..., Mail]) -> None:
    _finish(ledger, NOW)
    with ledger.decide(now=NOW) as decision:
        decision.queue(make_mail(decided_at=NOW), expires_at=NOW + timedelta(hours=6))
    assert _kinds(ledger, settings, NOW + 9 * MINUTE) == set()
    assert _kinds(ledger, settings, NOW + 10 * MINUTE) == {"outbox"}
    with ledger.writing() as session:
        session.execute(update(Outbox).values(state="failed", last_error="550"))
    assert _kinds(ledger, settings, NOW + 10 * MINUTE) == {"failed"}
    assert _kinds(ledger, settings, NOW + timedelta(hours=6)) == {"silence"}, "what is over is over"


def test_a_decision_that_stays_is_noticed(
    ledger: Ledger, settings: DistrictSettings, make_record: Callable[..., Any]
) -> None:
    _finish(ledger, NOW)
    record = make_record(issued_at=NOW, valid_from=NOW, valid_to=NOW + timedelta(hours=6))
    with ledger.decide(now=NOW) as decision:
        decision.warn(record, approval_due_at=NOW + 10 * MINUTE)
    assert _kinds(ledger, settings, NOW + 10 * MINUTE) == set()
    assert _kinds(ledger, settings, NOW + 11 * MINUTE) == {"approval"}


def test_what_was_replaced_before_anybody_signed_is_waited_for_no_more(
    ledger: Ledger, settings: DistrictSettings, make_record: Callable[..., Any]
) -> None:
    first = make_record(issued_at=NOW, valid_from=NOW, valid_to=NOW + timedelta(hours=6))
    later = NOW + 12 * MINUTE
    second = make_record(
        action=Action.UPG, revision=1, issued_at=later, valid_from=later, valid_to=later + timedelta(hours=6)
    )  # fmt: skip
    _finish(ledger, NOW)
    for record in (first, second):
        with ledger.decide(now=record.issued_at) as decision:
            decision.warn(record, approval_due_at=record.issued_at + 10 * MINUTE)
    with ledger.writing() as session:  # as before a lapsed revision was marked so
        session.execute(update(WarningRow).values(approval_state=Approval.WAITING))
    _finish(ledger, later)
    assert [one.message_id for one in waiting(ledger)] == [second.message_id]
    assert _kinds(ledger, settings, later + MINUTE) == set()
    assert _kinds(ledger, settings, later + 11 * MINUTE) == {"approval"}


def test_a_task_is_settled_by_name(ledger: Ledger) -> None:
    ledger.log(OPERATOR_TASK, who="bounces", now=NOW, task="call")
    (task,) = open_tasks(ledger)
    with pytest.raises(Exception, match="needs the name of an officer"):
        settle_task(ledger, task.id, officer=" ", now=NOW)
    with pytest.raises(Exception, match="there is no open task 999"):
        settle_task(ledger, 999, officer="李明", now=NOW)
    settle_task(ledger, task.id, officer="李明", now=NOW)
    assert open_tasks(ledger) == []


def test_nobody_to_tell_is_said(settings: DistrictSettings, tmp_path: Path, post: PostBox, clock: Clock) -> None:
    alone = settings.model_copy(update={"watch": settings.watch.model_copy(update={"mailboxes": ()})})
    report = watch(alone, tmp_path / "none.sqlite", tmp_path, root=tmp_path, post=post, now=clock())
    assert any("names no one in watch.mailboxes" in line for line in report.unsent)


def test_an_exercise_alarms_no_real_address(settings: DistrictSettings, tmp_path: Path, post: PostBox) -> None:
    real = settings.model_copy(
        update={"watch": settings.watch.model_copy(update={"mailboxes": ("chief@town.gov.cn",)})}
    )
    report = watch(real, tmp_path / "none.sqlite", tmp_path, root=tmp_path, post=post, now=NOW)
    assert post.subjects == []
    assert "Exercise may go to addresses under .example only" in report.unsent[0]


def test_a_health_page_that_does_not_answer_is_a_problem() -> None:
    with HttpServer() as server:
        assert "does not answer" in airflow_problem(server.url).en  # type: ignore[union-attr]
    assert "does not answer" in airflow_problem("http://127.0.0.1:1/health").en  # type: ignore[union-attr]


@pytest.mark.parametrize(("status", "sick"), [("healthy", ""), ("unhealthy", "scheduler"), ("starting", "scheduler")])
def test_the_health_page_is_read(httpd: Callable[[str], str], status: str, sick: str) -> None:
    parts = {"metadatabase": {"status": "healthy"}, "scheduler": {"status": status}, "triggerer": {"status": None}}
    url = httpd(json.dumps(parts))
    found = airflow_problem(url)
    assert (found.en if found else "") == (f"parts of Airflow are not healthy: {sick}" if sick else "")


def test_a_part_of_airflow_that_says_nothing_is_not_well(httpd: Callable[[str], str]) -> None:
    found = airflow_problem(httpd(json.dumps({"metadatabase": {"status": "healthy"}, "scheduler": {}})))
    assert found is not None
    assert found.en == "parts of Airflow are not healthy: scheduler"


def test_the_watcher_is_a_process_of_its_own(folder: Path, tmp_path: Path) -> None:
    """`wuyu watch` with nothing else alive: it mails, writes the alarm, and ends with 1."""
    out = tmp_path / "out"
    with create_ledger(out / "ledger.sqlite") as ledger:
        _finish(ledger, datetime.now(UTC) - timedelta(hours=3))
    with local_sink(tmp_path / "mailbox") as (_, port):
        command = [sys.executable, "-m", "wuyu", "watch", "--district", str(folder), "--out", str(out)]
        command += ["--max-age-min", "90", "--smtp-port", str(port)]
        ran = subprocess.run(command, cwd=ROOT, env=child_environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stderr
    assert "ALARM silence" in ran.stdout
    assert (out / "watch" / "ALARM.txt").exists()
    received = mails(tmp_path / "mailbox")
    assert any("值班告警" in mail["Subject"] for mail in received["chief@mini.example"])
    assert set(received) == {"chief@mini.example", "deputy@mini.example"}


# Broken settings


@pytest.fixture
def watched(folder: Path, tmp_path: Path) -> Callable[[int], tuple[int, str]]:
    """Run `wuyu watch` on a copy of the district, in a process of its own; returns status and what it said."""
    shutil.copytree(folder, tmp_path / "mini")

    def run(port: int, *more: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "wuyu", "watch", "--district", str(tmp_path / "mini")]
        command += ["--out", str(tmp_path / "out"), "--smtp-port", str(port), *more]
        ran = subprocess.run(command, cwd=ROOT, env=child_environment(), capture_output=True, text=True, check=False)
        assert ran.stderr == ""
        return ran.returncode, ran.stdout

    return run  # type: ignore[return-value]


@pytest.mark.parametrize(
    "harm", ["mail: [", "mail: {sender: nobody}\n", "", None], ids=["yaml", "key", "empty", "gone"]
)
def test_broken_settings_raise_an_alarm_to_those_last_named(
    watched: Callable[..., tuple[int, str]], tmp_path: Path, harm: str | None
) -> None:
    with create_ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
        _finish(ledger, datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
    path = tmp_path / "mini" / "district.yaml"
    with local_sink(tmp_path / "mailbox") as (_, port):
        assert watched(port)[0] == 0
        if harm is None:
            path.unlink()
        else:
            path.write_text(harm, encoding="utf-8")
        status, said = watched(port)
    assert status == 1
    assert "ALARM settings: district.yaml无法使用" in said
    received = mails(tmp_path / "mailbox")
    for operator in ("chief@mini.example", "deputy@mini.example"):
        alarm = [mail for mail in received[operator] if "值班告警" in mail["Subject"]]
        assert len(alarm) == 1
        assert "cannot be used; the last good settings go on" in alarm[0].get_content()
    assert "settings" in (tmp_path / "out" / "watch" / "ALARM.txt").read_text(encoding="utf-8")


def test_settings_that_were_never_good_leave_the_alarm_file_and_a_status(
    watched: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    (tmp_path / "mini" / "district.yaml").write_text("mail: [", encoding="utf-8")
    status, said = watched(1)
    assert (status, "nobody is known" in said) == (1, True)
    assert (tmp_path / "out" / "watch" / "ALARM.txt").is_file()


def test_a_mail_server_set_wrong_leaves_the_alarm_file(watched: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    status, said = watched(25, "--smtp-host", "mail.example", "--smtp-user", "duty")
    assert (status, "must not be sent in the clear" in said) == (1, True)
    assert (tmp_path / "out" / "watch" / "ALARM.txt").is_file()


def test_the_copy_of_the_settings_gives_them_back(folder: Path, settings: DistrictSettings, tmp_path: Path) -> None:
    assert settings_in_force(folder, tmp_path) == (settings, [])
    assert settings_in_force(tmp_path, tmp_path)[0] == settings
    (tmp_path / "watch" / COPY).write_text("{", encoding="utf-8")
    assert settings_in_force(tmp_path, tmp_path)[0] is None


def test_a_folder_that_cannot_be_written_is_told_too(
    settings: DistrictSettings, post: PostBox, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "watch").write_text("in the way", encoding="utf-8")
    assert [one.kind for one in settings_in_force(folder, tmp_path)[1]] == ["disk"]
    report = watch(settings, tmp_path / "none.sqlite", tmp_path, root=tmp_path, post=post, now=NOW)
    assert {one.kind for one in report.problems} == {"ledger", "disk"}
    assert "alarm" in report.mails


def test_a_cycle_ahead_of_the_clock_is_a_silence(ledger: Ledger, settings: DistrictSettings) -> None:
    _finish(ledger, NOW.replace(minute=0) + timedelta(hours=1))
    assert _kinds(ledger, settings, NOW) == set()
    _finish(ledger, NOW.replace(minute=0) + timedelta(hours=30))
    (silence,) = problems_of(ledger, CODE, settings.watch, now=NOW)
    assert "a clock is wrong" in silence.en


def test_a_ledger_that_breaks_the_look_is_an_alarm(
    settings: DistrictSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def burst(*_: object, **__: object) -> None:
        raise ValueError("two\nlines")

    with create_ledger(tmp_path / "ledger.sqlite"):
        monkeypatch.setattr("wuyu.watch.watcher.problems_of", burst)
        (broken,) = look(settings, tmp_path / "ledger.sqlite", now=NOW).problems
    assert broken.en == "the ledger cannot be read: ValueError: two lines"


def test_a_warning_that_has_ended_is_not_counted_as_standing(
    ledger: Ledger, settings: DistrictSettings, make_record: Callable[..., Any], tmp_path: Path
) -> None:
    _finish(ledger, NOW)
    for revision, action in enumerate(("NEW", "CAN")):
        line = f"warnings in force: {1 - revision}"
        with ledger.decide(now=NOW) as decision:
            times = {"issued_at": NOW, "valid_from": NOW, "valid_to": NOW + timedelta(hours=6)}
            decision.warn(make_record(revision=revision, action=Action(action), **times))
        facts = look(settings, tmp_path / "out" / "ledger.sqlite", now=NOW).facts
        assert any(line in fact for fact in facts), facts


# Files of the ledger


def _harm(path: Path) -> bytes:
    """Spoil a page that no query of the watcher reads; returns the file as it was."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'bounces'").fetchone()
    whole = path.read_bytes()
    path.write_bytes(whole[: (page - 1) * size] + b"\xff" * 200 + whole[(page - 1) * size + 200 :])
    return whole


def test_damage_is_told_within_a_day_and_stays_until_it_is_mended(
    settings: DistrictSettings, tmp_path: Path, post: PostBox
) -> None:
    path = tmp_path / "out" / "ledger.sqlite"
    with create_ledger(path) as ledger:
        _finish(ledger, NOW)
    assert watch(settings, path, tmp_path, root=tmp_path, post=post, now=NOW).problems == []
    whole = _harm(path)
    later = NOW + timedelta(minutes=30)
    assert watch(settings, path, tmp_path, root=tmp_path, post=post, now=later).problems == [], (
        "not looked at again so soon"
    )
    for hours in (24, 25):
        report = watch(settings, path, tmp_path, root=tmp_path, post=post, now=NOW + timedelta(hours=hours))
        assert [one.kind for one in report.problems if one.kind == "ledger"] == ["ledger"]
        assert "the ledger is damaged" in report.problems[0].en
    path.write_bytes(whole)
    mended = watch(settings, path, tmp_path, root=tmp_path, post=post, now=NOW + timedelta(hours=26))
    assert "ledger" not in {one.kind for one in mended.problems}
    assert last_check(tmp_path) == NOW + timedelta(hours=26)
