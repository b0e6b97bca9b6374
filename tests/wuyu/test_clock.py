"""The clock of a process: its forms, that processes share it, that it moves, and that it is never used in earnest."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from risk_models.errors import BadInputError, ConfigError
from tests.replays import ROOT, child_environment, mails
from wuyu import clock as clocks
from wuyu.cli import main
from wuyu.clock import CLOCK_VARIABLE, WALL, clock_from, clock_marks, process_clock, time_now
from wuyu.demo import honest
from wuyu.ledger import create_ledger
from wuyu.sink import local_sink
from wuyu.watch.last_good import clock_in_force

NOW = datetime(2026, 11, 30, 7, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SCALE = "scale:60@2021-07-20T08:00+08:00=2026-11-30T07:00Z"
TOLD_AT = datetime(2021, 7, 20, tzinfo=UTC)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Set the wall clock of this process."""
    clocks.clock_from.cache_clear()

    def put(at: datetime) -> None:
        monkeypatch.setattr(clocks, "wall_clock", lambda: at)

    put(NOW)
    return put


# Forms


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", NOW),
        ("  ", NOW),
        ("shift:+36h", NOW + 36 * HOUR),
        ("shift:-1990d2h", NOW - timedelta(days=1990) - 2 * HOUR),
        ("shift:+1d2h3min", NOW + 26 * HOUR + timedelta(minutes=3)),
        ("shift:-5min", NOW - timedelta(minutes=5)),
        (SCALE, TOLD_AT),
        ("scale:0.5@2021-07-20T08:00+08:00=2026-11-30T05:00Z", TOLD_AT + HOUR),
        ("scale:10@2021-07-20T08:00:00+08:00=2026-11-30T15:06+08:00", TOLD_AT - HOUR),
    ],
)
def test_each_form_tells_its_time(words: str, told: datetime, wall: Callable[..., None]) -> None:
    clock = clock_from(words)
    assert clock.now() == told
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.is_wall is (not words.strip())
    assert bool(clock.told[0]) is bool(clock.told[1]) is not clock.is_wall


@pytest.mark.parametrize(
    "words",
    [
        "shift", "shift:", "shift:36h", "shift:+36", "shift:+", "shift:-0h", "shift:+2h1d", "shift:+1.5h",
        "shift:+36h ago",
        "scale:60", "scale:0@2021-07-20T08:00+08:00=2026-11-30T07:00Z", "scale:-1@2021-07-20T08:00Z=2026-11-30T07:00Z",
        "scale:nan@2021-07-20T08:00Z=2026-11-30T07:00Z", "scale:60@2021-07-20T08:00=2026-11-30T07:00Z",
        "scale:60@2021-07-20T08:00Z=2026-11-30T07:00", "scale:60@2021-07-20=2026-11-30T07:00Z",
        "scale:60@2021-02-30T08:00Z=2026-11-30T07:00Z", "step:", "stop:/x", "2021-07-20T17:00", "wall", "now",
    ],
)  # fmt: skip
def test_what_is_no_clock_is_refused_with_what_is_accepted(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CLOCK_VARIABLE, words)
    with pytest.raises(ConfigError) as refused:
        time_now()
    assert str(refused.value).startswith(f"WUYU_CLOCK is '{words}', which is no clock; accepted: nothing (the wall")
    for form in ("shift:+36h", SCALE, "step:/path/to/file"):
        assert form in str(refused.value)


@pytest.mark.parametrize("words", ["shift:-900000d", SCALE.replace("scale:60", "scale:99999")])
def test_a_time_outside_the_calendar_is_refused(words: str, wall: Callable[[datetime], None]) -> None:
    wall(NOW + timedelta(days=365 * 30))
    with pytest.raises(ConfigError, match="tells no time between the years 1 and 9999"):
        clock_from(words).now()


def test_the_wall_clock_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CLOCK_VARIABLE, raising=False)
    assert process_clock() is WALL
    assert clock_marks() == ()
    before = datetime.now(UTC)
    assert before <= time_now() <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("words", "zh", "en"),
    [
        ("shift:+36h", "比实际时间快1天12小时", "1 d 12 h ahead of the real time"),
        (SCALE, "自2021-07-20 08:00起×60", "from 2021-07-20 08:00, ×60"),
        ("step:/x", "由演练人员拨动", "set by hand"),
    ],
)
def test_any_other_clock_says_what_it_is(words: str, zh: str, en: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CLOCK_VARIABLE, words)
    assert clock_marks() == ((f"时钟非实时：演练时钟，{zh}", f"Clock not real time: drill clock, {en}"),)


# Running


def test_a_scaled_clock_runs_on_and_never_back(wall: Callable[[datetime], None]) -> None:
    clock, seen = clock_from(SCALE), []
    for seconds in (0, 60, 30, 61):  # the wall clock is set back by half a minute
        wall(NOW + timedelta(seconds=seconds))
        seen.append(clock.now() - TOLD_AT)
    assert seen == [0 * HOUR, HOUR, HOUR, HOUR + timedelta(minutes=1)]


def _other_process(words: str) -> subprocess.Popen[str]:
    code = "from wuyu.clock import time_now\nfor _ in iter(input, ''): print(time_now().isoformat(), flush=True)"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=child_environment(WUYU_CLOCK=words),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _ask(process: subprocess.Popen[str]) -> datetime:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("?\n")
    process.stdin.flush()
    return datetime.fromisoformat(process.stdout.readline().strip())


def test_processes_share_a_scaled_clock() -> None:
    """Whoever is asked, and whenever it was started, each answer is later than the one before."""
    words = f"scale:600@2021-07-20T08:00+08:00={datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    first = _other_process(words)
    told = [_ask(first)]
    second = _other_process(words)
    try:
        for process in (second, first, second, first):
            told.append(_ask(process))
    finally:
        for process in (first, second):
            process.communicate("\n")
    assert told == sorted(set(told))
    assert told[0] >= TOLD_AT


def _set(path: Path, text: str) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def test_the_file_moves_a_running_process_on_and_back(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    _set(path, "2021-07-20T17:00+08:00\n")
    process = _other_process(f"step:{path}")
    try:
        assert _ask(process) == TOLD_AT + 9 * HOUR
        _set(path, "2021-07-20T20:00+08:00")
        assert _ask(process) == TOLD_AT + 12 * HOUR
        _set(path, "2021-07-20T08:00:00Z\n")  # set back: one of the drills
        assert _ask(process) == TOLD_AT + 8 * HOUR
    finally:
        process.communicate("\n")


def test_a_torn_file_is_no_time_whatever_is_left_of_it(tmp_path: Path) -> None:
    whole = "2021-07-20T17:00:30+08:30"
    path = tmp_path / "clock"
    for length in range(len(whole)):
        path.write_text(whole[:length], encoding="utf-8")
        with pytest.raises(ConfigError, match="no time; it must hold one time with offset"):
            clock_from(f"step:{path}").now()
    path.write_text(whole, encoding="utf-8")
    assert clock_from(f"step:{path}").now() == TOLD_AT + timedelta(hours=8, minutes=30, seconds=30)


@pytest.mark.parametrize("harm", ["absent", "folder", "binary", "two"])
def test_a_file_that_cannot_be_read_is_never_the_wall_clock(harm: str, tmp_path: Path) -> None:
    path = tmp_path / "clock"
    if harm == "folder":
        path.mkdir()
    elif harm == "binary":
        path.write_bytes(b"\xff\xfe2021")
    elif harm == "two":
        path.write_text("2021-07-20T17:00Z\n2021-07-20T18:00Z\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=f"the clock file {path} (cannot be read|holds)"):
        clock_from(f"step:{path}").now()


# Never in earnest

VERBS = {
    "feeds": ["feeds", "pull"],
    "feed status": ["feeds", "status"],
    "accept": ["feeds", "accept"],
    "score": ["score"],
    "cycle": ["cycle", "--at", "2021-07-20T14:00"],
    "plan": ["plan"],
    "replay": ["replay", "--from", "2021-07-20T14:00", "--to", "2021-07-20T15:00"],
    "approve": ["approve", "--all", "--officer", "李明"],
    "escalate": ["approve", "--escalate"],
    "dispatch": ["dispatch"],
    "outbox": ["outbox"],
    "bounces": ["bounces", "--maildir", "box"],
    "tasks": ["tasks"],
    "ack serve": ["ack", "serve"],
    "ack": ["ack", "escalate"],
    "record": ["ack", "record"],
    "report": ["report", "month", "2021-07"],
    "consult": ["report", "consult"],
    "rehearse": ["rehearse"],
    "map": ["map"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_works_in_earnest_by_a_drill_clock(
    verb: str,
    actual_district: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    create_ledger(tmp_path / "out" / "ledger.sqlite").close()
    monkeypatch.setenv(CLOCK_VARIABLE, "shift:+36h")
    monkeypatch.chdir(tmp_path)
    place = ["--district", str(actual_district), "--out", str(tmp_path / "out")]
    assert main([*VERBS[verb], *place]) == 2
    said = capsys.readouterr().err
    assert "WUYU_CLOCK sets a drill clock (shift:+36h), and mail.status of the district is Actual" in said
    assert "Unset WUYU_CLOCK, or set mail.status to Exercise or Test" in said
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["ledger.sqlite"]


def test_children_in_earnest_are_not_given_a_drill_clock(
    actual_district: Path, storm_district: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    variables = {CLOCK_VARIABLE: "shift:+36h", "PATH": "/bin"}
    assert honest(variables, actual_district, tmp_path) == {"PATH": "/bin"}
    assert "WUYU_CLOCK is not passed on: mail.status is Actual" in capfd.readouterr().err
    assert honest(variables, storm_district, tmp_path) == variables
    assert "Clock not real time: drill clock, 1 d 12 h ahead" in capfd.readouterr().err
    assert honest({"PATH": "/bin"}, tmp_path / "nowhere", tmp_path) == {"PATH": "/bin"}
    with pytest.raises(BadInputError):
        honest(variables, tmp_path / "nowhere", tmp_path)


@pytest.mark.parametrize("words", ["shift:+36h", "shift:36", "step:/nowhere/clock"])
def test_the_watcher_in_earnest_alarms_and_goes_by_the_wall_clock(
    words: str, actual_district: Path, tmp_path: Path
) -> None:
    folder, out = tmp_path / "mini", tmp_path / "out"
    shutil.copytree(actual_district, folder)
    with (folder / "district.yaml").open("a", encoding="utf-8") as file:
        file.write("watch: {mailboxes: [chief@mini.example]}\n")
    create_ledger(out / "ledger.sqlite").close()
    with local_sink(tmp_path / "mailbox") as (_, port):
        command = [sys.executable, "-m", "wuyu", "watch", "--district", str(folder), "--out", str(out)]
        begun = datetime.now(UTC).replace(microsecond=0)
        ran = subprocess.run(
            [*command, "--smtp-port", str(port)],
            cwd=ROOT, env=child_environment(WUYU_CLOCK=words), capture_output=True, text=True, check=False,
        )  # fmt: skip
        ended = datetime.now(UTC)
    assert ran.returncode == 1, ran.stderr
    assert ran.stdout.startswith("ALARM clock: WUYU_CLOCK所设时钟不能用")
    mail = mails(tmp_path / "mailbox")["chief@mini.example"][0]
    assert "the clock that WUYU_CLOCK sets cannot be used" in mail.get_content()
    assert "drill clock, 1 d 12 h" not in mail.get_content()
    assert begun <= mail["Date"].datetime <= ended


def test_a_drill_is_watched_by_its_own_clock(monkeypatch: pytest.MonkeyPatch, storm_district: Path) -> None:
    from risk_models.district.settingsfile import load_settings

    monkeypatch.setenv(CLOCK_VARIABLE, "shift:+36h")
    assert clock_in_force(load_settings(storm_district)) == (process_clock(), [])
    clock, problems = clock_in_force(None)  # nobody knows whether it is a drill
    assert clock is WALL
    assert [one.kind for one in problems] == ["clock"]
    monkeypatch.setenv(CLOCK_VARIABLE, "")
    assert clock_in_force(None) == (WALL, [])
