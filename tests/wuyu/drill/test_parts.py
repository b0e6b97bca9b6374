"""The parts of the drill that need no Airflow: script, clock, storm, mailboxes, judgement, table."""

from __future__ import annotations

import smtplib
import time
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from risk_models.errors import ConfigError
from tests.dags.test_drill import SCRIPT
from tests.factories import add_mini_storm, read_rows, write_mini_district
from wuyu.clock import clock_from
from wuyu.drill.boxes import Boxes
from wuyu.drill.expect import KINDS
from wuyu.drill.hand import ClockHand
from wuyu.drill.house import House, free_port
from wuyu.drill.run import AUTHSERV_ID, run_drill
from wuyu.drill.script import read_script
from wuyu.drill.storm import Storm, storm_of
from wuyu.drill.table import Judgement, Line, told_of, write_table
from wuyu.returns.proof import is_proven
from wuyu.sink import PASSWORD_VARIABLE

NOON = datetime(2021, 7, 20, 4, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def storm(tmp_path: Path) -> tuple[Storm, Path]:
    district = add_mini_storm(write_mini_district(tmp_path / "mini"))
    feeds = yaml.safe_load((district / "district.yaml").read_text(encoding="utf-8"))["feeds"]
    made, settings = storm_of(district, tmp_path / "copy", feeds, {"gauges": 6.0})
    assert [feed["path"] for feed in settings] == ["drill/gauges.csv", "drill/ensemble", "drill/patrol.csv"]
    return made, tmp_path / "copy" / "drill"


def _last(folder: Path) -> str:
    return read_rows(folder / "gauges.csv")[-1]["time_end"][:16]


def test_files_come_when_they_arrive_and_not_when_they_speak_of(storm: tuple[Storm, Path]) -> None:
    made, folder = storm
    made.lay(NOON + 5 * MINUTE)
    assert _last(folder) == "2021-07-20T11:00"
    made.lay(NOON + 6 * MINUTE)
    assert _last(folder) == "2021-07-20T12:00"
    assert max(path.name for path in (folder / "ensemble").iterdir()) == "20210720T0200Z.nc"


def test_what_is_withheld_torn_older_or_silent_lies_there_as_such(storm: tuple[Storm, Path]) -> None:
    made, folder = storm
    made.lay(NOON)
    made.withhold("gauges")
    made.tear("ensemble")
    made.lay(NOON + 60 * MINUTE)
    assert _last(folder) == "2021-07-20T11:00"
    whole = made.sources["ensemble"].origin / "20210720T0500Z.nc"
    assert (folder / "ensemble" / whole.name).stat().st_size == whole.stat().st_size // 2
    made.release("")
    made.silence("MG001", NOON)
    made.lay(NOON + 70 * MINUTE)
    assert (folder / "ensemble" / whole.name).read_bytes() == whole.read_bytes()
    assert _last(folder) == "2021-07-20T13:00"
    assert [row["MG001"] == "" for row in read_rows(folder / "gauges.csv")[-3:]] == [False, True, True]
    made.lay_older("gauges", NOON)
    assert _last(folder) == "2021-07-20T11:00"
    made.lay_again("ensemble")
    assert (folder / "ensemble" / f"again-{whole.name}").read_bytes() == whole.read_bytes()


def test_the_clock_runs_on_is_moved_and_set_back(tmp_path: Path) -> None:
    with ClockHand(tmp_path / "clock", NOON) as hand:
        clock = clock_from(hand.words)
        begun = clock.now()
        while clock.now() == begun:
            time.sleep(0.05)
        assert begun >= NOON
        hand.move(NOON + 60 * MINUTE)
        assert clock.now() >= NOON + 60 * MINUTE
        hand.move(NOON)
        assert clock.now() < NOON + 60 * MINUTE


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("  - {at: 2021-07-20T11:40+08:00, name: {zh: 一}}", "scenes.0.name.en: Field required"),
        ("  - {at: 2021-07-20T11:40, name: {zh: 一, en: one}}", "scenes.0.at: Input should have timezone info"),
        ("  - {at: 2021-07-20T11:40+08:00, name: {zh: 一, en: one}, injects: [{kind: fire}]}", "inject 'fire'"),
        ("  - {at: 2021-07-20T11:40+08:00, name: {zh: 一, en: one}, expect: [{what: joy}]}", "expectation 'joy'"),
        (
            "  - {at: 2021-07-20T11:40+08:00, name: {zh: 一, en: one}, injects: [{kind: relay_up, once: mail}]}",
            "once 'mail'",
        ),
    ],
)
def test_a_slip_in_a_script_is_named_with_its_place(tmp_path: Path, wrong: str, said: str) -> None:
    path = tmp_path / "drill.yaml"
    path.write_text(f"name: {{zh: 演, en: d}}\nbegin: 2021-07-20T11:30+08:00\nscenes:\n{wrong}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        read_script(path)


def test_a_folder_that_no_drill_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="not empty and no drill made it"):
        run_drill(tmp_path, tmp_path, read_script(SCRIPT), tell=lambda _done, _text: None)
    assert (tmp_path / "mine").read_text(encoding="utf-8") == "mine"


def _mail(sender: str, **headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "duty@mini.example", "answer"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("收到")
    return message


def test_the_mail_server_proves_who_logged_in_and_nobody_else(tmp_path: Path) -> None:
    port = free_port()
    from wuyu.drill.run import _mail_command

    forged = f"{AUTHSERV_ID}; dmarc=pass header.from=mini.example"
    with House(tmp_path / "logs", child_variables()) as house:
        house.start("mail", _mail_command(tmp_path / "box", tmp_path / "port", port))
        house.wait_for("the mail server", (tmp_path / "port").exists)
        for login, message in (
            ("town1@mini.example", _mail("town1@mini.example")),
            ("", _mail("town1@mini.example", Authentication_Results=forged)),
            ("town2@mini.example", _mail("town1@mini.example", Message_ID="<3@x.example>")),
        ):
            with smtplib.SMTP("127.0.0.1", port) as client:
                if login:
                    client.login(login, "geheim")
                client.send_message(message)
    from email import message_from_bytes, policy

    paths = sorted((tmp_path / "box" / "duty@mini.example" / "new").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]
    assert [is_proven(mail, "town1@mini.example", AUTHSERV_ID) for mail in mails] == [True, False, False]
    assert [len(mail.get_all("Authentication-Results")) for mail in mails] == [1, 1, 1]


def test_what_ends_by_itself_is_started_again_and_what_is_stopped_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wuyu.drill.house.RESTART_S", 0.1)
    with House(tmp_path / "logs", child_variables()) as house:
        house.start("ends", ["false"])
        house.start("stays", ["sleep", "100"])
        house.start("stopped", ["sleep", "100"])
        house.stop("stopped")
        give_up_at = time.monotonic() + 60
        while not house.started_again["ends"] and time.monotonic() < give_up_at:
            time.sleep(0.05)
            house.tend()
        assert set(house.started_again) == {"ends"}
        assert house.is_running("stays")
        assert not house.is_running("stopped")


def child_variables() -> dict[str, str]:
    from tests.replays import child_environment

    return child_environment(**{PASSWORD_VARIABLE: "geheim"})


def test_a_second_copy_is_seen_however_it_came(tmp_path: Path) -> None:
    box = tmp_path / "town1@mini.example" / "new"
    box.mkdir(parents=True)
    for name in ("a", "b"):
        mail = _mail("duty@mini.example", X_Wuyu_Message="M.r1", Message_ID=f"<{name}@x.example>")
        (box / name).write_bytes(mail.as_bytes())
    assert Boxes(tmp_path, "http://127.0.0.1:1").second_copies() == ["town1@mini.example M.r1"]


def test_the_table_says_every_line_in_both_languages(tmp_path: Path) -> None:
    words = KINDS["cycle"].words(read_script(SCRIPT).scenes[0].expect[0])
    times = (NOON + MINUTE, NOON)
    lines = [
        Line(1, "一", "one", "relay_down", *words, *times, Judgement.PASS, 3.0),
        Line(1, "一", "one", "relay_down", *words, NOON, None, Judgement.FAIL, 3.0, "0 cycles"),
        Line(2, "=1+1", "two", "disk_full", *words, None, None, Judgement.NOT_POSSIBLE, 0.0, "-root only"),
    ]
    told = write_table(lines, [("演练", "Drill")], tmp_path, ZoneInfo("Asia/Shanghai"))
    assert told_of(lines) == "PASS 1, FAIL 1, NOT POSSIBLE HERE 1"
    assert "due 07-20 12:01:00 came 07-20 12:00:00" in told
    assert "root only" in told
    table = (tmp_path / "drill.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(table) == 4
    assert table[2].endswith("2021-07-20 12:00:00,,FAIL,3,0 cycles")
    assert table[3].startswith("2,'=1+1,two,")  # no spreadsheet takes what the script says for a formula
    assert table[3].endswith(",,,NOT POSSIBLE HERE,0,'-root only")
