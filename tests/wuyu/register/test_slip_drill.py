"""The wrong-cell drill with the verbs of the duty desk: a slip after a good run, and nothing that was decided stops.

The storm is of this hour, so that every verb goes by the clock on the wall. One warning is signed before the slip and
its mail is not yet sent; others wait.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.factories import add_mini_storm, write_mini_district
from tests.replays import mails
from tests.replays import now as wall
from tests.wuyu.register.slips import FILES, Slip, restore, wrong_cell
from wuyu.cli import main
from wuyu.ledger import open_ledger
from wuyu.sink import local_sink

ZH, EN = "底册有误，沿用旧版", "Register refused, last good one in use"
WATCH = "watch: {mailboxes: [chief@mini.example]}\n"
GONE = Slip("folder-gone", shutil.rmtree)


@dataclass
class Drill:
    """A folder, what it was, the products of a good run, and the verbs."""

    folder: Path
    good: Path
    out: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *words: str, ends: int = 0) -> str:
        """Run a verb that must end so, and return what it said."""
        status = main([*words, "--district", str(self.folder), "--out", str(self.out)])
        said = self.capsys.readouterr()
        assert status == ends, f"{words}: {said.out}{said.err}"
        assert "Traceback" not in said.err
        return said.out + said.err

    def tasks(self) -> list[str]:
        said = self.run("tasks", "--json")
        return [task["task"] for task in json.loads(said[said.index("[") : said.rindex("]") + 1]) if "register" in task]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good run of the hour before: warnings wait, the mail of one that is signed is due."""
    base = tmp_path_factory.mktemp("slip")
    begin = pd.Timestamp(wall()).floor("h") - pd.Timedelta(hours=6)
    folder = add_mini_storm(
        write_mini_district(base / "mini"), begin=begin, known_until=pd.Timestamp(wall()).floor("h")
    )
    path = folder / "district.yaml"
    text = path.read_text(encoding="utf-8").replace("status: Exercise", "status: Actual")
    path.write_text(text.replace("demonstration: true", "demonstration: false") + WATCH, encoding="utf-8")
    place = ["--district", str(folder), "--out", str(base / "out")]
    assert main(["service", "init", "--ledger-only", *place]) == 0
    before = (wall() - timedelta(hours=1)).replace(minute=0).isoformat(timespec="minutes")
    assert main(["cycle", "--at", before, *place]) == 0
    with open_ledger(base / "out" / "ledger.sqlite") as ledger:
        first = next(row.message_id for row in ledger.warnings() if row.approval_state == "waiting")
    assert main(["approve", first, "--officer", "王芳", *place]) == 0
    return base


@pytest.fixture
def drill(ran: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Drill:
    shutil.copytree(ran / "out", tmp_path / "out")
    # The folder keeps its name: under another the register would be one of its own.
    restore(ran / "mini", _good(ran))
    return Drill(ran / "mini", _good(ran), tmp_path / "out", capsys)


def _good(ran: Path) -> Path:
    if not (ran / "good").exists():
        shutil.copytree(ran / "mini", ran / "good")
    return ran / "good"


@pytest.mark.parametrize("name", [*FILES, "folder"])
def test_nothing_that_was_decided_stops_for_a_slip(name: str, drill: Drill, tmp_path: Path) -> None:
    (GONE if name == "folder" else wrong_cell(name)).harm(drill.folder)
    in_time = (wall() + timedelta(minutes=45)).isoformat(timespec="minutes")

    with local_sink(tmp_path / "mailbox") as (_, port):
        drill.run("dispatch", "--smtp-port", str(port))
        first = mails(tmp_path / "mailbox")
        assert first, "what was decided before the slip arrives"

        said = drill.run("cycle")
        assert ZH in said
        assert EN in said
        assert len(drill.tasks()) == 1
        drill.run("approve", "--all", "--officer", "王芳")
        drill.run("outbox")
        drill.run("dispatch", "--smtp-port", str(port))
        assert sum(map(len, mails(tmp_path / "mailbox").values())) > sum(map(len, first.values()))
        assert "second_contact: 一里街道" in drill.run("ack", "escalate", "--at", in_time)
        drill.run("ack", "list")
        drill.run("approve", "--escalate")
        drill.run("report", "list")
        drill.run("map")
        assert "ALARM register: " + ZH in drill.run("watch", "--smtp-port", str(port), ends=1)

    assert ZH in (drill.out / "onemap.html").read_text(encoding="utf-8")
    assert ZH in (drill.out / "index.html").read_text(encoding="utf-8")
    told = [path for path in (drill.out / "bulletins").rglob("*.txt") if ZH in path.read_text(encoding="utf-8")]
    assert told
    assert any(EN in path.read_text(encoding="utf-8") for path in told)

    _require_refused(drill)
    restore(drill.folder, drill.good)
    assert ZH not in drill.run("cycle")
    assert drill.tasks() == []
    drill.run("map")
    assert ZH not in (drill.out / "onemap.html").read_text(encoding="utf-8")
    main(["watch", "--smtp-port", "1", "--district", str(drill.folder), "--out", str(drill.out)])
    assert "register" not in drill.capsys.readouterr().out


def _require_refused(drill: Drill) -> None:
    """Who checks still refuses."""
    assert main(["district", "check", str(drill.folder)]) == 1
    assert main(["district", "show", str(drill.folder)]) != 0
    drill.capsys.readouterr()


def test_a_first_start_is_refused(drill: Drill, tmp_path: Path) -> None:
    wrong_cell("teams").harm(drill.folder)
    place = ["--district", str(drill.folder), "--out", str(tmp_path / "fresh")]
    assert main(["service", "init", "--ledger-only", *place]) == 0
    assert main(["cycle", *place]) == 1
    assert "teams.csv, row 3" in drill.capsys.readouterr().err
