"""Consultation and response: kept as said, decided by who may decide, and shown where decisions are taken."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from risk_models.district.settingsfile import load_settings
from risk_models.errors import BadInputError, ConfigError
from risk_models.levels import Level
from tests.held import HELD_AT
from wuyu.approval.command import command_state, consult, proposed_response, read_level, respond
from wuyu.approval.officers import officers_of
from wuyu.cli import main
from wuyu.desk import Desk
from wuyu.ledger.command import command_of_event, running_response

pytestmark = pytest.mark.xdist_group("storm")

AT, MINUTE = HELD_AT, timedelta(minutes=1)
COMMAND = """
command:
  - {role: commander, name: 张指挥, phone: 0371-66660009}
  - {role: executive_deputy, name: 陈常务}
  - {role: task_force, unit: {zh: 排水专班, en: Drainage task force}}
  - {role: member_unit, unit: {zh: 区城管局, en: Urban management bureau}, phone: 0371-66660008}
"""


@pytest.fixture
def desk(reopen: Callable[..., Desk]) -> Desk:
    return reopen()


@pytest.fixture
def commanded(reopen: Callable[..., Desk]) -> Desk:
    """A district that names its command."""
    return reopen("\nwarning:", f"{COMMAND}\nwarning:")


def _start(desk: Desk, level: str = "III", **how: Any) -> str:
    how = {"by": "张指挥", "role": "commander", "why": "会商同意", "now": AT} | how
    return respond(desk, "start", level=level, **how).level


# Consultation


def test_what_a_department_said_is_kept_as_it_was_said(desk: Desk) -> None:
    first = consult(desk, "区城管局", "泵车\n2台已到隧道口", by="刘科", entered_by="李明", now=AT)
    second = consult(desk, "气象台", "雨带 2 小时后东移", by="周预报", entered_by="李明", now=AT + MINUTE)
    said = command_state(desk, now=AT + MINUTE).consultations
    assert [(one.id, one.department, one.view, one.by, one.entered_by) for one in said] == [
        (first, "区城管局", "泵车 2台已到隧道口", "刘科", "李明"),
        (second, "气象台", "雨带 2 小时后东移", "周预报", "李明"),
    ]
    (event,) = {row.event_key for row in desk.ledger.warnings()}
    assert [one.id for one in command_of_event(desk.ledger, event)] == [first, second]
    assert command_state(desk, now=AT + timedelta(days=4)).consultations == ()
    path = desk.ledger.engine.url.database
    assert path is not None
    with sqlite3.connect(path) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("UPDATE consultations SET view = '无意见'")


@pytest.mark.parametrize("empty", ["department", "view", "by", "entered_by"])
def test_a_consultation_that_says_too_little_is_not_written(desk: Desk, empty: str) -> None:
    words = {"department": "气象台", "view": "同意", "by": "周预报", "entered_by": "李明"} | {empty: " \u202e"}
    with pytest.raises(ConfigError, match=f"'{empty}' is empty"):
        consult(desk, now=AT, **words)
    with pytest.raises(ConfigError, match="'view' has 301 characters"):
        consult(desk, "气象台", "长" * 301, by="周", entered_by="李", now=AT)
    assert command_state(desk, now=AT).consultations == ()


# Response


def test_a_response_is_started_changed_and_ended_by_a_person(desk: Desk) -> None:
    proposed = proposed_response(desk, now=AT)
    assert proposed is not None
    assert (proposed.level, proposed.because) == ("Ⅱ", Level.RED)
    assert _start(desk) == "Ⅲ"
    with pytest.raises(ConfigError, match="level Ⅲ runs since"):
        _start(desk, "II")
    words = {"by": "陈常务", "role": "executive_deputy"}
    with pytest.raises(ConfigError, match="level Ⅲ runs already"):
        respond(desk, "change", level="3", why="x", now=AT + MINUTE, **words)
    respond(desk, "change", level="Ⅱ", why="雨强加大", now=AT + MINUTE, **words)
    ended = respond(desk, "end", why="雨止水退", now=AT + 2 * MINUTE, **words)
    assert (ended.level, ended.proposed) == ("Ⅱ", "Ⅱ")
    with pytest.raises(ConfigError, match="no response runs"):
        respond(desk, "end", why="x", now=AT + 3 * MINUTE, **words)
    steps = command_state(desk, now=AT + 3 * MINUTE).steps
    assert [(one.step, one.level, one.by) for one in steps] == [
        ("start", "Ⅲ", "张指挥"),
        ("change", "Ⅱ", "陈常务"),
        ("end", "Ⅱ", "陈常务"),
    ]
    with desk.ledger.reading() as session:
        levels = [
            running.level if (running := running_response(session, desk.code, at=AT + minutes * MINUTE)) else ""
            for minutes in (-1, 0, 1, 2)
        ]
    assert levels == ["", "Ⅲ", "Ⅱ", ""]


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"role": "task_force"}, "decided by a person in one of these roles: commander"),
        ({"by": "陌生人"}, "陌生人 is not 指挥长 commander of this district; that is: 张指挥"),
        ({"by": "陈常务"}, "陈常务 is not 指挥长 commander"),
        ({"why": " "}, "'why' is empty"),
        ({"level": "V"}, "'V' is no level of the response"),
    ],
)
def test_nobody_else_and_nothing_unclear_starts_a_response(commanded: Desk, how: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        _start(commanded, **how)
    assert command_state(commanded, now=AT).running is None
    assert _start(commanded, by="陈常务", role="executive_deputy") == "Ⅲ"


def test_who_leads_the_command_may_sign_too(commanded: Desk) -> None:
    assert officers_of(commanded) == ("李明", "王芳", "张指挥", "陈常务")


def test_a_post_that_names_no_unit_is_refused(commanded: Desk) -> None:
    path = Path(commanded.root) / "district.yaml"
    text = path.read_text(encoding="utf-8").replace("unit: {zh: 排水专班, en: Drainage task force}", "name: 某人")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInputError, match="a task_force needs the name of its unit"):
        load_settings(path.parent, check_crs=False)


def test_without_a_warning_nothing_is_proposed(desk: Desk) -> None:
    for row in desk.ledger.warnings():
        desk.ledger.refuse(row.message_id, officer="李明", now=AT, why="误报")
    assert proposed_response(desk, now=AT + MINUTE) is None


@pytest.mark.parametrize("text", ["", "0", "5", "Ⅴ", "IIII", "一"])
def test_a_level_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="no level of the response"):
        read_level(text)


# The command line


def test_verbs_take_down_and_show(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--district", str(desk.district.root), "--out", str(desk.out)]
    at = ["--at", AT.isoformat()]

    def run(*words: str) -> tuple[int, str, str]:
        status = main([*words, *place])
        said = capsys.readouterr()
        return status, said.out, said.err

    assert run("response", *at)[1].startswith("no flood response runs 未启动应急响应\nproposed 参考建议")
    assert run("consult", "区城管局", "--view", "同意", "--by", "刘科", "--officer", "李明", *at)[0] == 0
    assert run("consult", *at)[1].endswith("会商 区城管局（刘科）: 同意 [记录 noted by 李明]\n")
    assert run("consult", "--view", "同意")[0] == 2
    status, out, _ = run("response", "start", "--level", "II", "--by", "张指挥", "--why", "会商同意", *at)
    assert status == 0
    assert "防汛Ⅱ级应急响应" in out
    assert "指挥长张指挥 启动Ⅱ级: 会商同意" in out
    told = json.loads(run("response", "--json", *at)[1])
    assert (told["running"]["level"], told["proposed"], len(told["consultations"])) == ("Ⅱ", "Ⅱ", 1)
    assert "正在执行: 防汛Ⅱ级应急响应" in run("approve", "--storm")[1]
    assert run("response", "start", "--level", "II", "--by", "张指挥", "--why", "x", *at)[0] == 2
