"""One decision for the district: what is shown is what is signed, and nothing else."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from reports.words import Text
from risk_models.errors import ConfigError
from risk_models.levels import Level
from risk_models.warning.records import Action
from tests.held import HELD_AT
from wuyu.approval import ChangedError, district_round, escalate, sign_round, waiting
from wuyu.approval.district_round import DECIDED, code_of, keep_shown, shown_as
from wuyu.approval.overview import summary
from wuyu.cli import main
from wuyu.desk import Desk

pytestmark = pytest.mark.xdist_group("storm")

MINUTE = timedelta(minutes=1)
AT = HELD_AT


@pytest.fixture
def desk(reopen: Callable[..., Desk]) -> Desk:
    return reopen()


@pytest.fixture
def paired(reopen: Callable[..., Desk]) -> Desk:
    """A district that asks for a second person for red."""
    return reopen("valid_h: 3,", "valid_h: 3, second_person_from: red,")


def _states(desk: Desk) -> dict[str, str]:
    return {row.message_id: str(row.approval_state) for row in desk.ledger.warnings()}


def _sign(desk: Desk, seen: tuple[str, ...], **how: Any) -> list[str]:
    how = {"officer": "王芳", "now": AT + MINUTE} | how
    return [one.state for one in sign_round(desk, seen, open_desk=lambda: desk, **how)]


def _add_waiting(desk: Desk, like: str) -> str:
    """Let another warning wait, of a town that was not warned before."""
    row = desk.ledger.warning(like)
    assert row is not None
    record = dataclasses.replace(row.to_record(), warning_id=f"{row.warning_id}-2", revision=0)
    with desk.ledger.decide(now=AT + MINUTE) as decision:
        decision.warn(record, approval_due_at=AT + 9 * MINUTE)
    return record.message_id


# What is shown


def test_all_that_waits_is_one_thing(desk: Desk) -> None:
    shown = district_round(desk)
    assert shown.summary == Text("红色2、橙色1", "2 red, 1 orange")
    assert shown.due_at == min(item.due_at for item in waiting(desk.ledger))
    assert shown.seen == tuple(item.message_id for item in waiting(desk.ledger))
    assert [line.number for line in shown.lines] == [1, 2, 3]
    assert [line.level for line in shown.lines] == [Level.RED, Level.RED, Level.ORANGE]
    worst = shown.lines[0].places[0]
    assert re.fullmatch(r"试验风险点\d+ (≥\S+ [<>]?\d+%|可能深至[\d.]+米，超50厘米 [<>]?\d+%)", worst.zh)
    assert shown.lines[0].headline == Text("首次发布 红色", "New Red")
    assert len(shown.lines[0].places) + shown.lines[0].more_places == len(shown.lines[0].item.record.hotspot_ids)


def test_ends_are_counted_apart(desk: Desk) -> None:
    items = waiting(desk.ledger)
    ends = [
        dataclasses.replace(item, record=dataclasses.replace(item.record, action=Action.CAN, revision=1))
        for item in items
    ]
    assert summary([*items, ends[0]]) == Text("红色2、橙色1；解除1", "2 red, 1 orange; 1 end")
    assert summary(ends) == Text("解除3", "3 ends")
    assert summary([]) == Text("", "")


def test_what_was_shown_is_kept_once_under_its_code(desk: Desk) -> None:
    shown = district_round(desk)
    assert shown_as(desk.ledger, shown.code) is None
    assert keep_shown(desk, shown, now=AT) == keep_shown(desk, shown, now=AT + MINUTE) == shown.code
    assert shown_as(desk.ledger, shown.code) == shown.seen
    assert [entry.what for entry in desk.ledger.log_entries()].count("district-round-shown") == 1


# What is signed


def test_one_act_signs_all_that_was_shown(desk: Desk) -> None:
    seen = district_round(desk).seen
    assert _sign(desk, seen, note=Text("泵车已到位", "")) == ["approved"] * 3
    assert set(_states(desk).values()) == {"approved"}
    (act,) = [entry for entry in desk.ledger.log_entries() if entry.what == DECIDED]
    assert (act.who, act.detail["seen"], act.detail["held_back"], act.detail["refused"]) == ("王芳", list(seen), [], {})
    assert district_round(desk).lines == ()
    assert district_round(desk).due_at is None


def test_some_towns_are_held_back_and_some_refused(desk: Desk) -> None:
    first, second, third = seen = district_round(desk).seen
    assert _sign(desk, seen, hold_back=[first], refuse={second: "现场无积水"}) == ["held", "refused", "approved"]
    assert _states(desk) == {first: "waiting", second: "refused", third: "approved"}
    (act,) = [entry for entry in desk.ledger.log_entries() if entry.what == DECIDED]
    assert (act.detail["held_back"], act.detail["refused"]) == ([first], {second: "现场无积水"})
    (refused,) = [entry for entry in desk.ledger.log_entries() if entry.what == "warning-refused"]
    assert (refused.who, refused.detail["why"]) == ("王芳", "现场无积水")
    # What is held back is asked about again at its deadline, like all that waits.
    (again,) = escalate(desk, now=AT + 60 * MINUTE)
    assert again.message_ids == (first,)


def test_nothing_that_was_not_shown_is_signed(desk: Desk) -> None:
    shown = district_round(desk).seen
    late = _add_waiting(desk, shown[0])
    with pytest.raises(ChangedError, match=r"nothing was signed .*new 新增: 一里街道 NEW red \(.*-2\.r0\)$"):
        _sign(desk, shown)
    assert set(_states(desk).values()) == {"waiting"}
    assert _sign(desk, (*shown, late), hold_back=[late]) == ["held", "approved", "approved", "approved"]
    assert _states(desk)[late] == "waiting"


def test_what_another_officer_decided_or_a_cycle_replaced_changes_what_waits(desk: Desk) -> None:
    shown = district_round(desk).seen
    desk.ledger.refuse(shown[2], officer="李明", now=AT, why="误报")
    with pytest.raises(ChangedError, match=rf"gone 已不待签: {shown[2]} \(refused\)$"):
        _sign(desk, shown)
    row = desk.ledger.warning(shown[0])
    assert row is not None
    renewed = dataclasses.replace(row.to_record(), action=Action.EXT, revision=1, supersedes=shown[0])
    with desk.ledger.decide(now=AT + MINUTE) as decision:
        decision.warn(renewed, approval_due_at=AT + 9 * MINUTE)
    with pytest.raises(ChangedError, match=rf"new 新增: .*EXT red .*{shown[0]} \(replaced by a later one\)"):
        _sign(desk, shown)
    assert "approved" not in _states(desk).values()


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"officer": " "}, "needs the name of an officer"),
        ({"hold_back": ["E.r0"]}, "E.r0 was not shown"),
        ({"refuse": {"E.r0": "x"}}, "E.r0 was not shown"),
        ({"refuse": {"FIRST": "  "}}, "is refused without a reason"),
        ({"refuse": {"FIRST": "x"}, "hold_back": ["FIRST"]}, "both held back and refused"),
    ],
)
def test_an_act_that_is_not_clear_decides_nothing(desk: Desk, how: dict[str, Any], text: str) -> None:
    seen = district_round(desk).seen
    if "FIRST" in how.get("refuse", {}):
        how["refuse"] = {seen[0]: how["refuse"]["FIRST"]}
    if how.get("hold_back") == ["FIRST"]:
        how["hold_back"] = [seen[0]]
    with pytest.raises(ConfigError, match=text):
        _sign(desk, seen, **how)
    assert set(_states(desk).values()) == {"waiting"}


def test_red_goes_after_the_second_person_and_is_called_about_until_then(paired: Desk) -> None:
    seen = district_round(paired).seen
    assert _sign(paired, seen, officer="李明") == ["signed", "signed", "approved"]
    left = district_round(paired)
    assert left.summary == Text("红色2", "2 red")
    assert [[one.officer for one in line.item.signatures] for line in left.lines] == [["李明"]] * 2
    assert all(line.needs_second for line in left.lines)
    assert _sign(paired, left.seen, officer="李 明") == ["unchanged"] * 2
    escalate(paired, now=AT + 2 * MINUTE)
    (call,) = escalate(paired, now=AT + 60 * MINUTE)
    assert (call.name, set(call.message_ids)) == ("王芳", set(left.seen))
    assert _sign(paired, left.seen, officer="王芳") == ["approved"] * 2
    assert {row.approved_by for row in paired.ledger.warnings() if row.level == int(Level.RED)} == {"李明、王芳"}


# The command line


@pytest.fixture
def command(desk: Desk, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["approve", *arguments, "--district", str(desk.district.root), "--out", str(desk.out)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_command_shows_one_thing_and_signs_it(desk: Desk, command: Callable[..., tuple[int, str, str]]) -> None:
    seen = district_round(desk).seen
    status, out, _ = command("--storm")
    assert status == 0
    assert out.startswith("待签 红色2、橙色1；最早时限 ")
    assert f"wuyu approve --storm --seen {code_of(seen)} --officer NAME" in out
    told = json.loads(command("--storm", "--json")[1])
    assert (told["code"], [one["level"] for one in told["warnings"]]) == (code_of(seen), ["red", "red", "orange"])
    last = told["warnings"][2]["town"]
    late = _add_waiting(desk, seen[0])
    status, out, err = command("--storm", "--seen", code_of(seen), "--officer", "王芳")
    assert (status, out) == (2, "")
    assert f"({late})" in err
    code = json.loads(command("--storm", "--json")[1])["code"]
    words = ["--seen", code, "--officer", "王芳", "--refuse-town", f"{last}=误报", "--hold-back", "一里街道"]
    status, out, _ = command("--storm", *words)
    assert (status, out.count("approved, queued"), out.count("held back"), out.count(": refused")) == (0, 1, 2, 1)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--officer", "王芳"], "say what was shown: --seen CODE"),
        (["--seen", "abc"], "name the officer who decides"),
        (["--seen", "abc", "--officer", "王芳"], "nothing was shown under the code 'abc'"),
        (["--all"], "--storm is about all that waits"),
    ],
)
def test_wrong_use_of_the_command(command: Callable[..., tuple[int, str, str]], words: list[str], text: str) -> None:
    status, out, err = command("--storm", *words)
    assert (status, out) == (2, "")
    assert text in err


def test_a_town_that_nothing_waits_for_cannot_be_excepted(
    desk: Desk, command: Callable[..., tuple[int, str, str]]
) -> None:
    code = district_round(desk).code
    status, _, err = command("--storm", "--seen", code, "--officer", "王芳", "--hold-back", "无名街道")
    assert status == 2
    assert "nothing waits for a town called '无名街道'; there are: 一里街道" in err
    assert set(_states(desk).values()) == {"waiting"}
