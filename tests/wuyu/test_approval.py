"""Approval: who is called, who signs, what is shown, and that silence neither sends nor drops anything."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reports.words import Text
from risk_models.errors import ConfigError
from risk_models.levels import Level
from risk_models.warning.records import Action, WarningRecord
from risk_models.warning.states import WarningPolicy
from tests.flapping import check_storm, flaps
from tests.held import CHAIN, HELD_AT, with_warning
from tests.replays import StormRun, beside_now, now
from wuyu.approval import (
    OPTIONS,
    close_round,
    escalate,
    evidence,
    open_round,
    runs_to_trigger,
    settle,
    waiting,
)
from wuyu.approval.approving import approve
from wuyu.approval.book import clean_note
from wuyu.approval.calling import lapse
from wuyu.approval.overview import COLUMNS
from wuyu.cli import main
from wuyu.cycle import run_cycle
from wuyu.delivery.smtp import SmtpSettings, SmtpTransport
from wuyu.desk import Desk, begin_desk
from wuyu.ledger import Approval, OutboxState
from wuyu.ledger.outbox import Result, claim, record
from wuyu.rain import pull_feeds
from wuyu.replay import EXERCISE_OFFICER, EXERCISE_SECOND, replay
from wuyu.sink import local_sink
from wuyu.station import update_contacts

pytestmark = pytest.mark.xdist_group("storm")

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
AT = HELD_AT
APPROVE, EXCEPT, SOME, REFUSE, NEXT = OPTIONS
PERSON = {"id": "wangfang", "name": "王芳"}
ANYBODY = {"id": "Anonymous", "name": "Anonymous"}


@pytest.fixture
def desk(reopen: Callable[..., Desk]) -> Desk:
    return reopen()


@pytest.fixture
def paired(reopen: Callable[..., Desk]) -> Desk:
    """A district that asks for a second person for red."""
    return reopen("valid_h: 3,", "valid_h: 3, second_person_from: red,")


def _ids(desk: Desk) -> list[str]:
    return [item.message_id for item in waiting(desk.ledger)]


def _log(desk: Desk, *what: str) -> list[tuple[str, dict[str, Any]]]:
    return [(entry.what, entry.detail) for entry in desk.ledger.log_entries() if entry.what in what]


def _answer(choice: str, user: dict[str, str] | None = PERSON, **fields: str) -> dict[str, Any]:
    return {"chosen_options": [choice], "params_input": fields, "responded_by_user": user}


def _state(desk: Desk, message_id: str) -> str:
    row = desk.ledger.warning(message_id)
    assert row is not None
    return row.approval_state


def _text(desk: Desk, message_id: str, kind: str = "txt") -> str:
    return next((desk.out / "bulletins").glob(f"*/{message_id}.{kind}")).read_text(encoding="utf-8")


# The mail that calls


def _calls(desk: Desk) -> list[tuple[str, str]]:
    return [(row.state, row.last_error or "") for row in beside_now(desk.ledger) if row.purpose == "call"]


def test_a_call_that_has_not_left_is_withdrawn_when_all_it_asks_is_decided(desk: Desk) -> None:
    escalate(desk, now=AT)
    first, second, third = _ids(desk)
    settle(desk, {first: True}, officer="王芳", now=AT + MINUTE, open_desk=lambda: desk)
    desk.ledger.refuse(second, officer="王芳", now=AT + 2 * MINUTE, why="雨量站故障")
    assert _calls(desk) == [("pending", "")]
    settle(desk, {third: True}, officer="王芳", now=AT + 3 * MINUTE, open_desk=lambda: desk)
    assert _calls(desk) == [("withdrawn", "not needed: approved by 王芳 while pending")]
    (gone,) = [entry for entry in desk.ledger.log_entries() if entry.what == "mail-overtaken"]
    assert (gone.at, gone.detail["recipient"]) == (AT + 3 * MINUTE, "liming@mini.example")


def test_an_undone_decision_withdraws_no_call(desk: Desk) -> None:
    escalate(desk, now=AT)
    ids = [*_ids(desk), "no such warning"]
    with pytest.raises(ConfigError), desk.ledger.decide(now=AT, who="王芳") as decision:
        [decision.settle_approval(message_id, Approval.REFUSED) for message_id in ids]
    assert _calls(desk) == [("pending", "")]
    assert len(_ids(desk)) == 3


def test_what_lapses_is_called_about_no_more(desk: Desk) -> None:
    escalate(desk, now=AT)
    lapse(desk.ledger, now=AT + 24 * HOUR)
    assert [state for state, _ in _calls(desk)] == ["withdrawn"]


def test_a_call_in_the_hands_of_a_relay_is_not_tried_again_after_the_decision(desk: Desk) -> None:
    escalate(desk, now=AT)
    (call,) = beside_now(desk.ledger)
    held = claim(desk.ledger, call.id, owner="relay", wall=now(), lease=HOUR)
    assert held is not None
    settle(
        desk,
        dict.fromkeys(_ids(desk), False),
        officer="王芳",
        now=AT + MINUTE,
        why="雨量站故障",
        open_desk=lambda: desk,
    )
    assert [state for state, _ in _calls(desk)] == ["claimed"]
    record(desk.ledger, held, Result(state=OutboxState.RETRY, stage="rcpt", code=450, text="later"), wall=now())
    assert claim(desk.ledger, call.id, owner="relay", wall=now(), lease=HOUR) is None
    assert _calls(desk) == [("withdrawn", "not needed: it has been decided while retry: later")]


# Who is called


def test_gravest_first(desk: Desk) -> None:
    items = waiting(desk.ledger)
    assert [item.record.level for item in items] == [Level.RED, Level.RED, Level.ORANGE]
    assert [item.due_at - AT for item in items] == [10 * MINUTE, 10 * MINUTE, 15 * MINUTE]
    assert waiting(desk.ledger, issued_at=AT + HOUR) == []


def test_first_officer_is_called_once_and_has_the_full_time(desk: Desk) -> None:
    late = AT + 7 * MINUTE
    (call,) = escalate(desk, now=late)
    assert (call.number, call.name, call.phone, call.mailbox) == (0, "李明", "0371-66660001", "liming@mini.example")
    assert set(call.message_ids) == set(_ids(desk))
    assert call.due_at == late + 10 * MINUTE
    assert escalate(desk, now=late + 9 * MINUTE) == []
    (mail,) = beside_now(desk.ledger)
    assert (mail.recipient, mail.state, mail.status) == ("liming@mini.example", "pending", "Actual")
    assert mail.message_id not in _ids(desk)


def test_no_answer_brings_the_next_and_then_the_first_again(desk: Desk) -> None:
    at = AT + MINUTE
    escalate(desk, now=at)
    names = []
    for _ in range(3):
        at = max(item.due_at for item in waiting(desk.ledger))
        names += [call.name for call in escalate(desk, now=at)]
    assert names == ["王芳", "李明", "王芳"]
    assert len(_log(desk, "approval-overdue")) == 9
    assert {_state(desk, message_id) for message_id in _ids(desk)} == {Approval.WAITING}
    called = [entry for entry in desk.ledger.log_entries() if entry.what == "approval-called"]
    assert len(called) == 12
    assert [entry.at for entry in called] == sorted(entry.at for entry in called)
    assert {entry.detail["phone"] for entry in called} == {"0371-66660001", "0371-66660002"}
    # Only the officer with a mailbox has mail, a new one for every call; nobody else was told anything.
    assert {row.recipient for row in beside_now(desk.ledger)} == {"liming@mini.example"}
    assert len(beside_now(desk.ledger)) == 2


def test_each_level_has_its_own_deadline(desk: Desk) -> None:
    escalate(desk, now=AT)
    (call,) = escalate(desk, now=AT + 11 * MINUTE)
    reds = {item.message_id for item in waiting(desk.ledger) if item.record.level is Level.RED}
    assert set(call.message_ids) == reds
    (other,) = escalate(desk, now=AT + 16 * MINUTE)
    assert set(other.message_ids) == set(_ids(desk)) - reds
    assert (call.name, other.name) == ("王芳", "王芳")


def test_without_a_chain_the_bureau_is_named_and_the_log_still_speaks(reopen: Callable[..., Desk]) -> None:
    desk = reopen(CHAIN, "duty_chain: []")
    (call,) = escalate(desk, now=AT)
    assert (call.name, call.phone, call.mailbox) == ("试验区应急管理局", "", "")
    assert beside_now(desk.ledger) == []
    assert len(_log(desk, "approval-called")) == 3


def test_what_is_over_lapses_and_the_log_says_so(desk: Desk) -> None:
    ids = _ids(desk)
    ends = {message_id: one.valid_to for message_id in ids if (one := desk.ledger.warning(message_id)) is not None}
    assert escalate(desk, now=max(ends.values()) - MINUTE)
    assert escalate(desk, now=max(ends.values())) == []
    assert {_state(desk, message_id) for message_id in ids} == {Approval.LAPSED}
    lapsed = _log(desk, "warning-lapsed")
    assert len(lapsed) == 3
    assert {detail["why"].partition("nobody decided until ")[2][:17] for _, detail in lapsed} == {
        f"{end:%Y-%m-%dT%H:%MZ}" for end in ends.values()
    }
    row = desk.ledger.warning(ids[0])
    assert row is not None
    assert (row.approved_by, row.approved_at) == (None, None)
    assert settle(desk, {ids[0]: True}, officer="李明", now=AT, open_desk=lambda: desk)[0].why.endswith("it is lapsed")
    assert {mail.message_id for mail in beside_now(desk.ledger)} & set(ids) == set()


def test_what_a_later_revision_replaced_lapses_and_the_later_one_waits(desk: Desk) -> None:
    orange = next(item for item in waiting(desk.ledger) if item.record.level is Level.ORANGE)
    for hours in (1, 2):  # the second renews it, or raises it
        run_cycle(desk, AT + hours * HOUR, drafts=False)
    newer = next(item for item in waiting(desk.ledger) if item.record.area_code == orange.record.area_code)
    assert newer.record.action in (Action.UPG, Action.EXT)
    assert orange.message_id not in _ids(desk)
    escalate(desk, now=AT + 2 * HOUR, issued_at=AT)
    assert _state(desk, orange.message_id) == Approval.LAPSED
    whys = [detail["why"] for _, detail in _log(desk, "warning-lapsed")]
    assert f"replaced by {newer.message_id} ({newer.record.action})" in whys
    assert _state(desk, newer.message_id) == Approval.WAITING


# Who signs


def test_some_are_approved_with_a_note_and_the_rest_refused(desk: Desk) -> None:
    first, second, third = _ids(desk)
    note = clean_note("<b>隧道已封闭</b>\r\nBcc: all", "#Tunnel *closed* & guarded")
    verdicts = {first: True, second: False, third: True}
    outcomes = settle(
        desk, verdicts, officer="王芳", now=AT + MINUTE, note=note, why="雨量站故障", open_desk=lambda: desk
    )
    assert [one.state for one in outcomes] == ["approved", "refused", "approved"]
    assert [len(one.recipients) for one in outcomes] == [1, 0, 1]
    assert {row.message_id for row in beside_now(desk.ledger)} == {first, third}
    assert "值班员补充：<b>隧道已封闭</b> Bcc: all" in _text(desk, first)
    assert "Duty officer's note: #Tunnel *closed* & guarded" in _text(desk, first)
    html = _text(desk, first, "html")
    assert "&lt;b&gt;隧道已封闭&lt;/b&gt;" in html
    assert "<b>隧道已封闭</b>" not in html
    assert "b隧道已封闭" in _text(desk, first, "cap.xml").replace("(", "").replace(")", "").replace("/b", "")
    assert [path.suffix for path in (desk.out / "bulletins").glob(f"*/{first}.pdf")] == [".pdf"]
    (_, approved), _ = _log(desk, "warning-approved")
    assert (approved["note_zh"], approved["note_en"]) == (note.zh, note.en)
    assert _log(desk, "warning-refused")[0][1]["why"] == "雨量站故障"


def test_settling_again_changes_nothing(desk: Desk) -> None:
    verdicts = dict.fromkeys(_ids(desk), True)
    settle(desk, verdicts, officer="王芳", now=AT + MINUTE, open_desk=lambda: desk)
    before = (len(desk.ledger.log_entries()), desk.ledger.outbox_counts())
    again = settle(desk, verdicts, officer="李明", now=AT + 2 * MINUTE, open_desk=lambda: desk)
    assert {one.state for one in again} == {"unchanged"}
    assert all("it is approved" in one.why for one in again)
    assert (len(desk.ledger.log_entries()), desk.ledger.outbox_counts()) == before
    with pytest.raises(ConfigError, match="needs the name of an officer"):
        settle(desk, verdicts, officer=" ", now=AT, open_desk=lambda: desk)


def test_red_waits_for_a_second_person_and_the_ledger_keeps_both(paired: Desk) -> None:
    red, other, orange = _ids(paired)
    first = settle(
        paired,
        {red: True, orange: True},
        officer="王芳",
        account="wf",
        now=AT + MINUTE,
        note=Text("水泵已到", "Pumps"),
        open_desk=lambda: paired,
    )
    assert [one.state for one in first] == ["signed", "approved"]
    assert paired.ledger.outbox(message_id=red) == []
    assert not list((paired.out / "bulletins").glob(f"*/{red}.txt"))
    assert [one.officer for one in waiting(paired.ledger)[0].signatures] == ["王芳"]
    for officer, account in (("王芳", ""), (" 王 芳 ", "other"), ("李明", "WF")):
        (again,) = settle(
            paired, {red: True}, officer=officer, account=account, now=AT + 2 * MINUTE, open_desk=lambda: paired
        )
        assert again.state == "unchanged"
        assert "a red warning needs a second officer" in again.why
    (done,) = settle(paired, {red: True}, officer="李明", account="lm", now=AT + 3 * MINUTE, open_desk=lambda: paired)
    assert done.state == "approved"
    row = paired.ledger.warning(red)
    assert row is not None
    assert (row.approved_by, row.approved_at) == ("王芳、李明", AT + 3 * MINUTE)
    text = _text(paired, red)
    assert "签发人：王芳、李明" in text
    assert "值班员补充：水泵已到" in text
    entries = [(e.who, e.what) for e in paired.ledger.log_entries() if e.message_id == red and e.who != "cycle"]
    assert entries == [("王芳", "approval-signed"), ("李明", "warning-approved")]
    assert _state(paired, other) == Approval.WAITING


def test_replay_signs_with_two_exercise_officers(storm_district: Path, tmp_path: Path) -> None:
    desk = begin_desk(with_warning(storm_district, tmp_path / "mini", "second_person_from: red"), tmp_path / "out")
    pull_feeds(desk, now=now())
    with (
        desk.ledger,
        local_sink(tmp_path / "mailbox") as (host, port),
        SmtpTransport(SmtpSettings(host=host, port=port)) as transport,
    ):
        replay(desk, [AT], transport=transport, clock=now)
        signed = {Level(row.level): row.approved_by for row in desk.ledger.warnings()}
        assert waiting(desk.ledger) == []
    assert signed == {Level.RED: f"{EXERCISE_OFFICER}、{EXERCISE_SECOND}", Level.ORANGE: EXERCISE_OFFICER}


def test_one_person_can_refuse_what_two_must_sign(paired: Desk) -> None:
    red = _ids(paired)[0]
    approve(paired, red, officer="王芳", now=AT)
    (done,) = settle(paired, {red: False}, officer="李明", now=AT + MINUTE, open_desk=lambda: paired)
    assert done.state == "refused"
    assert paired.ledger.outbox(message_id=red) == []


def test_a_second_person_below_the_level_of_approval_is_a_mistake(actual_district: Path, tmp_path: Path) -> None:
    folder = with_warning(actual_district, tmp_path / "mini", "second_person_from: yellow")
    with pytest.raises(Exception, match=r"second_person_from \(yellow\) must not be below approval_from \(orange\)"):
        begin_desk(folder, tmp_path / "out")


# What is shown, and what an answer does


def test_evidence_is_complete_and_names_cannot_format_it(desk: Desk) -> None:
    desk.district.towns.loc[:, "town_name_en"] = "[x](http://a.example) <img src=x> `c` *b*"
    update_contacts(desk, desk.district)
    shown = evidence(desk, waiting(desk.ledger), now=AT + MINUTE)
    assert shown.subject.startswith("【请签发 Approve】试验区 红色2、橙色1（2 red, 1 orange），20日12:10前")
    for part in (
        "依据 Why",
        "MD-001",
        "积水 depth p50/p90",
        "Fallen 1/3/24 h",
        "Data step 1",
        "收件 Recipients: 1 (town1@mini.example)",
    ):
        assert part in shown.text
    assert f"bulletins/410199001/{_ids(desk)[0]}.draft.pdf" in shown.text
    assert (desk.out / "bulletins" / "410199001" / f"{_ids(desk)[0]}.draft.pdf").exists()
    assert r"\[x\]\(http://a\.example\) \<img src=x\> \`c\` \*b\*" in shown.markdown
    assert "演练" not in shown.text


def test_evidence_tells_centimetres_only_of_known_sags(desk: Desk) -> None:
    items = waiting(desk.ledger)
    shown = evidence(desk, items, now=AT + MINUTE)
    spots = {spot["hotspot_id"]: spot["sag_known"] for item in items for spot in (item.basis or {})["hotspots"]}
    assert set(spots.values()) == {True, False}
    lines = [line.split() for line in shown.text.splitlines() if line.strip().startswith("MD-")]
    assert {line[0] for line in lines} == set(spots)
    assert [line for line in lines if ("p50/p90" in line) != spots[line[0]]] == []
    assert [row for row in shown.rows if ("/" in row[5]) != spots[row[4].split()[0]]] == []


def test_evidence_is_kept_with_the_decision(desk: Desk, tmp_path: Path) -> None:
    items = waiting(desk.ledger)
    shown = evidence(desk, items, now=AT + MINUTE)
    older = [dataclasses.replace(item, basis=None) for item in items]
    assert evidence(desk, older, now=AT + MINUTE) == shown, "decided before it was kept: read from the risk table"
    elsewhere = dataclasses.replace(desk, out=tmp_path)
    again = evidence(elsewhere, items, now=AT + MINUTE)
    assert (again.rows, again.basis, again.head) == (shown.rows, shown.basis, shown.head)


def test_all_that_waits_stands_in_one_table(desk: Desk) -> None:
    desk.district.towns.loc[:, "town_name"] = "甲|乙"
    update_contacts(desk, desk.district)
    shown = evidence(desk, waiting(desk.ledger), now=AT + MINUTE)
    table = [line for line in shown.markdown.splitlines() if line.startswith("|")]
    assert len(table) == 2 + 3
    assert [row[0] for row in shown.rows] == ["1", "2", "3"]
    assert all(len(row) == len(COLUMNS) for row in shown.rows)
    assert all(line.replace(r"\|", "").count("|") == len(COLUMNS) + 1 for line in table), "a name adds no cell"
    town, level, worst = (shown.rows[0][number] for number in (1, 2, 4))
    assert town.startswith("甲|乙 Mini Town 1")
    assert (level, worst.split()[0]) == ("红色 Red", waiting(desk.ledger)[0].record.hotspot_ids[0])
    assert shown.markdown.index("**请于") < shown.markdown.index(table[0]) < shown.markdown.index("#### ")


def test_of_many_warnings_the_page_shows_reasons_and_the_mail_everything(desk: Desk) -> None:
    (item, *_) = waiting(desk.ledger)
    shown = evidence(desk, [item] * 5, now=AT + MINUTE)
    assert shown.markdown.count("依据 Why") == shown.text.count("依据 Why") == 5
    assert (shown.markdown.count("收件 Recipients"), shown.text.count("收件 Recipients")) == (0, 5)


def test_evidence_names_everyone_who_will_get_it(desk: Desk) -> None:
    """A raised warning also goes to those who hold it, though the mailbox has changed since."""
    held = waiting(desk.ledger)[0]
    approve(desk, held.message_id, officer="李明", now=AT + MINUTE)
    raised = dataclasses.replace(held, record=dataclasses.replace(held.record, revision=1))
    desk.district.towns.loc[held.record.area_code, "mailbox"] = "new@mini.example"
    update_contacts(desk, desk.district)
    shown = evidence(desk, [raised], now=AT + MINUTE)
    assert "收件 Recipients: 2 (new@mini.example, town1@mini.example)" in shown.text


def test_round_asks_until_the_shortest_deadline(desk: Desk) -> None:
    shown = open_round(desk, AT, now=AT + MINUTE)
    assert shown is not None
    assert shown["timeout_s"] == 600
    assert shown["message_ids"] == _ids(desk)
    assert "李明" in shown["body"]
    json.dumps(shown)
    assert open_round(desk, AT + HOUR, now=AT + MINUTE) is None
    assert [run["conf"] for run in runs_to_trigger(desk, AT)] == [{"at": AT.isoformat(), "round": 1}]
    assert runs_to_trigger(desk, AT) == runs_to_trigger(desk, AT)
    assert runs_to_trigger(desk, AT)[0]["trigger_run_id"] == "approval__410199__20210720T0400Z__1"


@pytest.mark.parametrize(
    ("choice", "fields", "states"),
    [
        (APPROVE, {}, ["approved"] * 3),
        (REFUSE, {"why": "误报"}, ["refused"] * 3),
        (SOME, {"numbers": "1， 3"}, ["approved", "refused", "approved"]),
        (EXCEPT, {"numbers": "2", "why": "误报"}, ["approved", "refused", "approved"]),
    ],
)
def test_answers(desk: Desk, choice: str, fields: dict[str, str], states: list[str]) -> None:
    ids = _ids(desk)
    outcomes = close_round(
        desk, AT, message_ids=ids, answer=_answer(choice, **fields), now=AT + MINUTE, open_desk=lambda: desk
    )
    assert [one["state"] for one in outcomes] == states
    assert [_state(desk, message_id) for message_id in ids] == states
    assert {row.message_id for row in beside_now(desk.ledger)} == {
        message_id for message_id, state in zip(ids, states, strict=True) if state == "approved"
    }
    assert {row.approved_by for row in desk.ledger.warnings()} == {"王芳"}
    assert runs_to_trigger(desk, AT) == []


def test_what_is_excepted_without_a_reason_goes_on_waiting(desk: Desk) -> None:
    first, second, third = _ids(desk)
    asked = [first, second, third]
    answer = _answer(EXCEPT, numbers="2,3")
    outcomes = close_round(desk, AT, message_ids=asked, answer=answer, now=AT + MINUTE, open_desk=lambda: desk)
    assert [(one["message_id"], one["state"]) for one in outcomes] == [(first, "approved")]
    assert _ids(desk) == [second, third]
    assert len(runs_to_trigger(desk, AT)) == 1


def test_silence_calls_the_next_and_decides_nothing(desk: Desk) -> None:
    open_round(desk, AT, now=AT)
    ids = _ids(desk)
    assert (
        close_round(desk, AT, message_ids=ids, answer=_answer(NEXT, None), now=AT + 11 * MINUTE, open_desk=lambda: desk)
        == []
    )
    assert [detail["called"] for _, detail in _log(desk, "approval-overdue")] == ["李明", "李明"]
    assert _ids(desk) == ids
    assert len(runs_to_trigger(desk, AT, number=2)) == 1


def test_an_officer_may_hand_the_decision_on(desk: Desk) -> None:
    open_round(desk, AT, now=AT)
    close_round(desk, AT, message_ids=_ids(desk), answer=_answer(NEXT), now=AT + MINUTE, open_desk=lambda: desk)
    assert [detail["by"] for _, detail in _log(desk, "approval-passed-on")] == ["王芳"] * 3
    assert [item.calls[-1].name for item in waiting(desk.ledger)] == ["王芳"] * 3


@pytest.mark.parametrize(
    ("choice", "user", "fields", "text"),
    [
        (APPROVE, ANYBODY, {}, "no officer is named"),
        (APPROVE, {"id": "1", "name": "admin"}, {"officer": "  "}, None),
        (SOME, PERSON, {"numbers": ""}, "'numbers' must name warnings from 1 to 3, e.g. 1,2; got 'nothing'"),
        (SOME, PERSON, {"numbers": "1,4"}, "got '1,4'"),
        (SOME, PERSON, {"numbers": "①"}, "got '①'"),
        ("Approve 签发", PERSON, {"numbers": "1"}, "'Approve 签发' is no answer; accepted: Approve all"),
    ],
)
def test_an_answer_that_cannot_be_used_decides_nothing_and_is_told(
    desk: Desk, choice: str, user: dict[str, str], fields: dict[str, str], text: str | None
) -> None:
    ids = _ids(desk)
    outcomes = close_round(
        desk, AT, message_ids=ids, answer=_answer(choice, user, **fields), now=AT + MINUTE, open_desk=lambda: desk
    )
    if text is None:  # a numbered account is somebody's
        assert [one["state"] for one in outcomes] == ["approved"] * 3
        return
    assert outcomes == []
    assert _ids(desk) == ids
    shown = open_round(desk, AT, now=AT + 2 * MINUTE)
    assert shown is not None
    assert "The last answer could not be used" in shown["body"]
    assert text in waiting(desk.ledger)[0].remark


def test_typed_name_signs_and_the_account_is_kept(paired: Desk) -> None:
    ids = _ids(paired)
    close_round(
        paired, AT, message_ids=ids, answer=_answer(APPROVE, officer="李明"), now=AT + MINUTE, open_desk=lambda: paired
    )
    assert [one.officer for one in waiting(paired.ledger)[0].signatures] == ["李明"]
    assert [one.account for one in waiting(paired.ledger)[0].signatures] == ["wangfang"]
    # The same account under another name is the same person; the shared one is nobody's, so the name decides.
    close_round(
        paired,
        AT,
        message_ids=ids,
        answer=_answer(APPROVE, officer="张三"),
        now=AT + 2 * MINUTE,
        open_desk=lambda: paired,
    )
    assert len(waiting(paired.ledger)) == 2
    close_round(
        paired,
        AT,
        message_ids=ids,
        answer=_answer(APPROVE, ANYBODY, officer="张三"),
        now=AT + 3 * MINUTE,
        open_desk=lambda: paired,
    )
    assert waiting(paired.ledger) == []


# The command line


@pytest.fixture
def command(reopen: Callable[..., Desk], capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    desk = reopen("valid_h: 3,", "valid_h: 3, second_person_from: red,")

    def run(*arguments: str) -> tuple[int, str, str]:
        place = ["--district", str(desk.district.root), "--out", str(desk.out)]
        status = main(["approve", *arguments, *place])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_command_lists_signs_and_refuses(command: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = command("--level", "orange", "--json")
    (orange,) = json.loads(out)
    assert status == 0
    assert any("依据 Why" in line for line in orange["evidence"])
    assert command("--town", "一里街道")[1].count("Message:") == 1
    status, out, _ = command("--all", "--officer", "王芳", "--note-zh", "水泵已到", "--json")
    assert status == 0
    assert sorted(one["state"] for one in json.loads(out)) == ["approved", "signed", "signed"]
    status, out, _ = command("--level", "red", "--officer", "王芳")
    assert status == 1
    assert out.count("a red warning needs a second officer") == 2
    assert command("--town", "410199001", "--officer", "李明")[:2][0] == 0
    status, out, _ = command("--all", "--officer", "李明", "--refuse", "误报")
    assert (status, out.count(": refused")) == (0, 1)
    assert command("--all", "--officer", "李明")[:2] == (0, "nothing waits\n")
    assert command()[:2] == (0, "")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--town", "无名街道"), "no town is called '无名街道'; there are: 一里街道"),
        (("--officer", "王芳"), "say what is decided: MESSAGE_ID, --town, --level or --all"),
        (("--all",), "name the officer who decides"),
        (("--level", "red", "--refuse", "误报"), "name the officer who decides"),
    ],
)
def test_wrong_use_of_the_command(
    command: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], text: str
) -> None:
    status, out, err = command(*arguments)
    assert (status, out) == (2, "")
    assert text in err


def test_command_closes_what_is_over(command: Callable[..., tuple[int, str, str]]) -> None:
    assert command("--escalate")[:2] == (0, "")  # the storm is long past
    assert command()[:2] == (0, "")


# The whole storm


def test_storm_has_one_warning_per_town_no_flapping_and_an_all_clear_for_each(storm_run: StormRun) -> None:
    rows = [row.to_record() for row in storm_run.desk.ledger.warnings()]
    assert check_storm(rows, storm_run.desk.policy) == {"410199001": 1, "410199002": 1, "410199003": 1}
    ends = {record.message_id for record in rows if record.action.is_end}
    told = {row.message_id for row in beside_now(storm_run.desk.ledger) if row.state == "sent"}
    assert len(ends) == 3
    assert ends <= told
    assert min(record.issued_at for record in rows) < AT


def test_flapping_is_seen(make_record: Callable[..., WarningRecord]) -> None:
    policy = WarningPolicy(downgrade_after_cycles=2, minimum_duration_h=1)

    def story(*told: tuple[Action, int]) -> list[WarningRecord]:
        return [make_record(action=action, issued_at=AT + hour * HOUR) for action, hour in told]

    new, up, down, end = Action.NEW, Action.UPG, Action.DNG, Action.CAN
    assert flaps(story((new, 0), (up, 1), (Action.CON, 2), (down, 3), (end, 5)), policy) == []
    assert flaps(story((new, 0), (down, 3), (up, 5)), policy) == [(AT + 3 * HOUR, AT + 5 * HOUR)]
    assert flaps(story((new, 0), (end, 1)), policy) == [(AT, AT + HOUR)]
    assert flaps(story((new, 0), (down, 3), (end, 4)), policy) == [(AT + 3 * HOUR, AT + 4 * HOUR)]
