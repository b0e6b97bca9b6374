"""The consultation: who said what, who decided, and what silence does."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from risk_models.errors import ConfigError
from risk_models.outlook.periods import Scope
from tests.replays import ROOT
from tests.wuyu.reporting.conftest import NOW
from wuyu.desk import Desk
from wuyu.ledger.models import FeedPull
from wuyu.ledger.reporting import Step, add_step, issues, standing
from wuyu.ledger.tasks import open_tasks, settle_task
from wuyu.reporting import (
    OPTIONS,
    add_opinion,
    answer_consultation,
    close_consultation,
    draft_report,
    key_of,
    lapse_consultations,
    note_missed_reports,
    open_consultation,
    parse_opinion,
    refuse_draft,
    reports_due,
    scope_for,
)
from wuyu.reporting.due import SCHEDULED

pytestmark = pytest.mark.xdist_group("storm")

Scopes = Callable[..., Scope]
ISSUE, SEND_BACK, REJECT, NO_ANSWER = OPTIONS
USER = {"id": "li.ming", "name": "李明"}


@pytest.fixture
def drafted(desk: Desk, scope: Scopes) -> Scope:
    draft_report(desk, scope(), now=NOW, langs=["zh"])
    return scope()


def _answer(choice: str, **fields: str) -> dict[str, Any]:
    return {"chosen_options": [choice], "params_input": fields, "responded_by_user": USER}


def test_the_page_shows_conclusions_files_and_departments(desk: Desk, drafted: Scope) -> None:
    shown = open_consultation(desk, drafted, now=NOW)
    assert (shown.draft, shown.due_at, shown.timeout_s) == (1, NOW + timedelta(hours=24), 86400)
    assert shown.subject.startswith("【会商 Consult】试验区2021年7月")
    for words in ("主要结论", "reports/month/2021-07/draft/2021-07-month.docx", "water: 水利局", "演示数据"):
        assert words in shown.body
    again = open_consultation(desk, drafted, now=NOW + timedelta(hours=1))
    assert again.due_at == shown.due_at


def test_opinions_and_chair_stand_in_ledger_and_report(desk: Desk, drafted: Scope) -> None:
    open_consultation(desk, drafted, now=NOW)
    add_opinion(desk, drafted, department="水利局", expert="张工", opinion="先不同意", now=NOW)
    add_opinion(desk, drafted, department="water", expert="张工", opinion="同意", now=NOW)
    made = close_consultation(desk, drafted, chair="王主任", now=NOW + timedelta(hours=1))
    steps = standing(desk.ledger, made.key).steps
    assert [(step.what, step.who) for step in steps] == [
        ("drafted", "reports"), ("opened", "reports"), ("opinion", "张工"), ("opinion", "张工"), ("issued", "王主任"),
    ]  # fmt: skip
    page = next(path for path in made.paths if path.suffix == ".html").read_text(encoding="utf-8")
    assert "王主任" in page
    assert "同意" in page
    assert "先不同意" not in page


@pytest.mark.parametrize(("choice", "state"), [(SEND_BACK, Step.SENT_BACK), (REJECT, Step.REJECTED)])
def test_sent_back_or_rejected_leaves_nothing(desk: Desk, drafted: Scope, choice: str, state: Step) -> None:
    open_consultation(desk, drafted, now=NOW)
    before = len(desk.ledger.outbox())
    answer = _answer(choice, why="缺少测报")
    assert answer_consultation(desk, drafted, draft=1, answer=answer, now=NOW, mail=True) is None
    found = standing(desk.ledger, key_of(desk, drafted))
    assert (found.state, found.steps[-1].who, found.steps[-1].detail) == (
        state, "李明", {"why": "缺少测报", "account": "li.ming"},
    )  # fmt: skip
    assert (issues(desk.ledger, desk.code), len(desk.ledger.outbox())) == ([], before)
    with pytest.raises(ConfigError, match=rf"no open draft \(the newest, 1, is {state}\)"):
        close_consultation(desk, drafted, chair="王主任", now=NOW)
    assert list((desk.out / "reports").glob("*.draft.*")) == []
    # Drafted again it is another draft, though its inputs are the same.
    assert draft_report(desk, drafted, now=NOW, langs=["zh"]).draft == 2


def test_silence_leaves_a_draft_and_a_task(desk: Desk, drafted: Scope) -> None:
    open_consultation(desk, drafted, now=NOW)
    assert lapse_consultations(desk, now=NOW + timedelta(hours=23)) == []
    late = NOW + timedelta(hours=24)
    assert [str(key) for key in lapse_consultations(desk, now=late)] == ["month 2021-07"]
    assert lapse_consultations(desk, now=late) == []
    (task,) = open_tasks(desk.ledger)
    assert "nothing was sent" in task.detail["task"]
    assert "wuyu report consult month 2021-07" in task.detail["task"]
    assert issues(desk.ledger, desk.code) == []
    assert close_consultation(desk, drafted, chair="王主任", now=late).state == "issued"


@pytest.mark.parametrize("answer", [
    {"chosen_options": [NO_ANSWER], "params_input": {}, "responded_by_user": None},
    _answer(NO_ANSWER),
    _answer(SEND_BACK),
    _answer(ISSUE, opinions="water|张工"),
    _answer(ISSUE, opinions="fire|张工|同意"),
    {"chosen_options": [ISSUE], "params_input": {"chair": " "}, "responded_by_user": {"id": "admin", "name": "admin"}},
])  # fmt: skip
def test_an_answer_that_cannot_be_used_decides_nothing(desk: Desk, drafted: Scope, answer: dict[str, Any]) -> None:
    open_consultation(desk, drafted, now=NOW)
    assert answer_consultation(desk, drafted, draft=1, answer=answer, now=NOW, mail=True) is None
    assert issues(desk.ledger, desk.code) == []
    assert standing(desk.ledger, key_of(desk, drafted)).state is Step.UNANSWERED
    assert len(open_tasks(desk.ledger)) == 1


def test_an_answer_to_an_older_draft_decides_nothing(desk: Desk, drafted: Scope) -> None:
    refuse_draft(desk, drafted, chair="王主任", step=Step.SENT_BACK, why="重写", now=NOW)
    draft_report(desk, drafted, now=NOW, langs=["zh"])
    assert answer_consultation(desk, drafted, draft=1, answer=_answer(ISSUE), now=NOW, mail=True) is None
    (task,) = open_tasks(desk.ledger)
    assert "draft 1 is not the newest" in task.detail["task"]


@pytest.fixture
def bare(quiet_desk: Desk) -> Scope:
    """A report of which the ledger knows two drafts, the second in consultation; no file was made."""
    made = scope_for(quiet_desk, "month", "2021-07", "review")
    facts = {"digest": "", "known_at": NOW.isoformat(), "languages": ["zh"], "revision": 0}
    for _ in range(2):
        with quiet_desk.ledger.writing() as session:
            add_step(session, standing(session, key_of(quiet_desk, made)), Step.DRAFTED, who="x", now=NOW, **facts)
    open_consultation(quiet_desk, made, now=NOW)
    return made


@pytest.mark.parametrize("choice", [SEND_BACK, REJECT, ISSUE])
def test_an_answer_to_an_older_draft_leaves_the_newer_alone(quiet_desk: Desk, bare: Scope, choice: str) -> None:
    answer = _answer(choice, why="缺少测报", opinions="water|张工|同意")
    for _ in range(2):
        assert answer_consultation(quiet_desk, bare, draft=1, answer=answer, now=NOW, mail=True) is None
    found = standing(quiet_desk.ledger, key_of(quiet_desk, bare))
    assert (found.draft, found.state, found.opinions) == (2, Step.OPENED, ())
    (task,) = open_tasks(quiet_desk.ledger)
    assert "draft 1 was not decided (month 2021-07: draft 1 is not the newest; that is draft 2)" in task.detail["task"]


def test_silence_on_an_older_draft_says_nothing_of_the_newer(quiet_desk: Desk, bare: Scope) -> None:
    silence = {"chosen_options": [NO_ANSWER], "params_input": {}, "responded_by_user": None}
    assert answer_consultation(quiet_desk, bare, draft=1, answer=silence, now=NOW, mail=True) is None
    assert standing(quiet_desk.ledger, key_of(quiet_desk, bare)).state is Step.OPENED
    assert open_tasks(quiet_desk.ledger) == []


def test_opinions_of_an_answer_that_is_put_off_are_kept(quiet_desk: Desk, bare: Scope) -> None:
    answer = _answer(NO_ANSWER, opinions="water|张工|缓发")
    assert answer_consultation(quiet_desk, bare, draft=2, answer=answer, now=NOW, mail=True) is None
    found = standing(quiet_desk.ledger, key_of(quiet_desk, bare))
    assert (found.state, [step.detail["opinion"] for step in found.opinions]) == (Step.UNANSWERED, ["缓发"])
    assert "put off" in open_tasks(quiet_desk.ledger)[0].detail["task"]


def test_an_answer_that_came_to_nothing_after_the_deadline_is_told(quiet_desk: Desk, bare: Scope) -> None:
    late = NOW + timedelta(hours=24)
    assert len(lapse_consultations(quiet_desk, now=late)) == 1
    for _ in range(2):
        answer = _answer(ISSUE, opinions="fire|张工|同意")
        assert answer_consultation(quiet_desk, bare, draft=2, answer=answer, now=late, mail=True) is None
    tasks = [task.detail["task"] for task in open_tasks(quiet_desk.ledger)]
    assert ["nobody answered in time" in tasks[0], "no department is called 'fire'" in tasks[1]] == [True, True]
    assert len(tasks) == 2


def test_an_answer_given_twice_issues_once_and_tells_the_same(desk: Desk, drafted: Scope) -> None:
    answer = _answer(ISSUE, chair="王主任", opinions="water|张工|同意")
    first = answer_consultation(desk, drafted, draft=1, answer=answer, now=NOW, mail=False)
    assert first is not None
    first.paths[0].unlink()
    shown = desk.out / "reports" / "2021-07-month.draft.pdf"
    shown.write_bytes(b"left by a run that was killed")
    again = answer_consultation(desk, drafted, draft=1, answer=answer, now=NOW + timedelta(minutes=1), mail=False)
    assert again == first
    assert first.paths[0].is_file()
    assert not shown.exists()
    assert (len(issues(desk.ledger, desk.code)), open_tasks(desk.ledger)) == (1, [])
    # Who answered is kept beside the name that signs.
    step = standing(desk.ledger, first.key).steps[-1]
    assert (step.what, step.who, step.detail["account"]) == (Step.ISSUED, "王主任", "li.ming")


def test_an_opinion_during_the_issue_is_not_lost(desk: Desk, drafted: Scope) -> None:
    def interrupt(fraction: float, _: str) -> None:
        if fraction >= 1:
            add_opinion(desk, drafted, department="water", expert="张工", opinion="不同意", now=NOW)

    with pytest.raises(ConfigError, match="an opinion on draft 1 came in while it was being issued; decide again"):
        close_consultation(desk, drafted, chair="王主任", now=NOW, tell=interrupt)
    assert issues(desk.ledger, desk.code) == []
    made = close_consultation(desk, drafted, chair="王主任", now=NOW)
    assert "不同意" in next(path for path in made.paths if path.suffix == ".html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda d, s: close_consultation(d, s, chair=" ", now=NOW), "needs the name of its chair"),
        (lambda d, s: refuse_draft(d, s, chair="王", step=Step.REJECTED, why="", now=NOW), "needs a reason"),
        (lambda d, s: open_consultation(d, s, now=NOW, deadline_h=0), "above 0, got 0"),
        (lambda d, s: add_opinion(d, s, department="fire", expert="张", opinion="", now=NOW),
         r"no department is called 'fire'; accepted: water \(水利局\), police"),
        (lambda d, s: add_opinion(d, s, department="water", expert="", opinion="好", now=NOW), "name of the expert"),
        (lambda d, s: parse_opinion("同意"), r"must read DEPARTMENT\|EXPERT\|TEXT, got '同意'"),
    ],
)  # fmt: skip
def test_wrong_use_names_what_is_accepted(
    desk: Desk, drafted: Scope, call: Callable[[Desk, Scope], object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        call(desk, drafted)


def test_without_a_draft_there_is_nothing_to_consult_on(quiet_desk: Desk) -> None:
    with pytest.raises(ConfigError, match=r"month 2021-07: there is no open draft \(none was made\)"):
        open_consultation(quiet_desk, scope_for(quiet_desk, "month", "2021-07", "review"), now=NOW)


def test_the_calendar_asks_once_and_for_a_week(quiet_desk: Desk) -> None:
    zone = quiet_desk.timezone
    at = NOW.astimezone(zone).replace(year=2021, month=8, day=1, hour=9, minute=0)
    assert reports_due(quiet_desk, "month", "review", now=at - timedelta(minutes=1)) == []
    assert reports_due(quiet_desk, "month", "review", now=at) == ["2021-07"]
    assert reports_due(quiet_desk, "month", "review", now=at + timedelta(days=6)) == ["2021-07"]
    assert reports_due(quiet_desk, "month", "review", now=at + timedelta(days=7)) == []
    assert reports_due(quiet_desk, "month", "outlook", now=at - timedelta(days=3)) == ["2021-08"]
    assert reports_due(quiet_desk, "quarter", "review", now=at.replace(month=10)) == ["2021-Q3"]
    assert reports_due(quiet_desk, "flood-season", "review", now=at.replace(month=10)) == ["2021"]
    assert reports_due(quiet_desk, "flood-season", "outlook", now=at.replace(month=5)) == ["2021"]
    assert reports_due(quiet_desk, "year", "review", now=at.replace(year=2022, month=1)) == ["2021"]
    assert reports_due(quiet_desk, "period", "outlook", now=at.replace(month=7, day=12)) == ["fair"]
    assert reports_due(quiet_desk, "period", "review", now=at.replace(month=7, day=22)) == ["fair"]
    draft_report(quiet_desk, scope_for(quiet_desk, "month", "2021-07", "review"), now=NOW, langs=["zh"])
    assert reports_due(quiet_desk, "month", "review", now=at) == ["2021-07"]
    open_consultation(quiet_desk, scope_for(quiet_desk, "month", "2021-07", "review"), now=NOW)
    assert reports_due(quiet_desk, "month", "review", now=at) == []


def test_a_report_missed_for_longer_than_its_grace_becomes_a_task_once(quiet_desk: Desk) -> None:
    at = NOW.astimezone(quiet_desk.timezone).replace(year=2021, month=8, day=1, hour=9, minute=0)
    week = timedelta(days=7)
    assert note_missed_reports(quiet_desk, now=at + week) == [], "before it looked into a feed it missed nothing"
    with quiet_desk.ledger.writing() as session:
        looked = {"feed_id": "gauges", "ok": True, "accepted": 0, "rejected": 0, "repeated": 0, "marks": {}}
        session.add(FeedPull(at=at - timedelta(days=2), **looked))
    assert note_missed_reports(quiet_desk, now=at + week - timedelta(minutes=1)) == []
    assert note_missed_reports(quiet_desk, now=at + week) == ["month 2021-07"]
    task = open_tasks(quiet_desk.ledger)[-1]
    assert task.detail["task"] == (
        "the report month 2021-07 was due on 2021-08-01 and nobody was asked about it: wuyu report month 2021-07"
    )
    settle_task(quiet_desk.ledger, task.id, officer="A", now=at + week)
    assert note_missed_reports(quiet_desk, now=at + week) == []
    draft_report(quiet_desk, scope_for(quiet_desk, "month", "2021-08", "review"), now=NOW, langs=["zh"])
    open_consultation(quiet_desk, scope_for(quiet_desk, "month", "2021-08", "review"), now=NOW)
    later = note_missed_reports(quiet_desk, now=at + timedelta(days=45))
    assert later == ["month 2021-09-outlook"], "what is in consultation was not missed"


def test_every_report_that_a_dag_asks_for_can_be_missed() -> None:
    text = (ROOT / "dags" / "periodic_reports.py").read_text(encoding="utf-8")
    asked = re.findall(r'^    \("([a-z-]+)", "([a-z]+)"\):', text, re.MULTILINE)
    assert sorted(asked) == sorted(SCHEDULED)
