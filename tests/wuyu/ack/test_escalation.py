"""The ladder: what is due when, once and no more, and what stops it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.district.settings import AcknowledgementSettings
from risk_models.errors import ConfigError
from risk_models.levels import Level
from risk_models.warning.records import Action, WarningRecord
from tests.wuyu.ack.conftest import ISSUED, KEYS
from wuyu.ack.ask import minutes
from wuyu.ack.book import Standing, find, record_answer, standings
from wuyu.ack.codes import reply_code
from wuyu.ack.escalation import Contact, escalate, ladder, next_steps
from wuyu.ack.tokens import LinkUse, Token
from wuyu.cycle import run_cycle
from wuyu.desk import Desk
from wuyu.ledger import AckAnswer, AckRequest, AckStep, Outbox
from wuyu.ledger.acknowledgements import Answer, StepKind
from wuyu.station import update_contacts

AT = datetime(2021, 7, 20, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RUNGS = [
    [Contact(StepKind.SECOND_CONTACT, "town", mailbox="b@t.example")],
    [Contact(StepKind.PHONE, "town", phone="000-1")],
    [Contact(StepKind.UPWARD, "one", phone="000-8"), Contact(StepKind.UPWARD, "two", mailbox="two@t.example")],
]


def _standing(due_min: int | None = 10, step_min: int = 5, **changes: object) -> Standing:
    request = AckRequest(
        id=1,
        message_id="E.r0",
        asked_at=AT,
        due_at=None if due_min is None else AT + due_min * MINUTE,
        step_min=step_min,
        expires_at=AT + timedelta(hours=18),
    )
    told = AckStep(id=1, request_id=1, kind="told", channel="mail", recipient="a@t.example", due_at=AT, at=AT)
    values: dict[str, object] = {"request": request, "steps": (told,), "answers": (), "superseded": False}
    return Standing(**(values | changes))  # type: ignore[arg-type]


def _kinds(standing: Standing, after_min: float) -> list[str]:
    return [str(step.contact.kind) for step in next_steps(standing, RUNGS, AT + after_min * MINUTE)]


def _with(standing: Standing, *steps: Contact, at: datetime = AT) -> Standing:
    more = [
        AckStep(id=10 + n, request_id=1, kind=one.kind, channel="x", recipient=one.recipient, due_at=at, at=at)
        for n, one in enumerate(steps)
    ]
    return dataclasses.replace(standing, steps=(*standing.steps, *more))


def test_each_rung_comes_at_its_time() -> None:
    standing = _standing()
    assert _kinds(standing, 9.99) == []
    assert _kinds(standing, 10) == ["second_contact"]
    assert _kinds(standing, 15) == ["second_contact", "phone"]
    assert _kinds(standing, 20) == ["second_contact", "phone", "upward", "upward"]
    late = next_steps(standing, RUNGS, AT + 60 * MINUTE)
    assert [step.due_at - AT for step in late] == [10 * MINUTE, 15 * MINUTE, 20 * MINUTE, 20 * MINUTE]


def test_what_was_taken_is_not_taken_again() -> None:
    standing = _with(_standing(), RUNGS[0][0], RUNGS[2][1])
    assert _kinds(standing, 60) == ["phone", "upward"]


def test_an_answer_a_newer_bulletin_or_the_end_stop_it() -> None:
    answer = AckAnswer(recipient="a@t.example", answer="received", name="王", at=AT)
    assert _kinds(_standing(answers=(answer,)), 60) == []
    assert _kinds(_standing(superseded=True), 60) == []
    assert _kinds(_standing(), 18 * 60) == []
    assert _kinds(_standing(due_min=None), 60) == []


def test_a_town_that_cannot_act_gets_help_at_once() -> None:
    answer = AckAnswer(recipient="a@t.example", answer="cannot_act", name="王", reason="停电", at=AT + 2 * MINUTE)
    assert _kinds(_standing(answers=(answer,)), 2) == ["upward", "upward"]
    assert _kinds(_standing(due_min=None, answers=(answer,)), 2) == ["upward", "upward"]


def test_if_the_mail_cannot_be_delivered_nobody_waits_for_an_answer_to_it() -> None:
    standing = _standing(unreached=frozenset({1}))
    assert _kinds(standing, 0) == ["second_contact"]
    both = dataclasses.replace(_with(standing, RUNGS[0][0]), unreached=frozenset({1, 10}))
    assert _kinds(both, 0) == ["phone"]
    assert _kinds(dataclasses.replace(both, unreached=frozenset({1})), 1) == []


@given(st.lists(st.integers(0, 90), min_size=1, max_size=12), st.integers(1, 60), st.integers(1, 30))
def test_looking_more_often_changes_nothing_but_punctuality(times: list[int], due: int, step: int) -> None:
    standing, taken = _standing(due, step), []
    for after in sorted(times):
        new = [one.contact for one in next_steps(standing, RUNGS, AT + after * MINUTE)]
        taken += new
        standing = _with(standing, *new) if new else standing
    at_once = [one.contact for one in next_steps(_standing(due, step), RUNGS, AT + max(times) * MINUTE)]
    assert taken == at_once


# The settings


def _record(**changes: object) -> WarningRecord:
    values: dict[str, object] = {
        "event_key": "E",
        "warning_id": "E-1",
        "revision": 0,
        "action": Action.NEW,
        "area_code": "1",
        "level": Level.RED,
        "previous_level": Level.NONE,
        "issued_at": AT,
        "valid_from": AT,
        "valid_to": AT + timedelta(hours=6),
    }
    return WarningRecord(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (10, 5)),
        ({"level": Level.ORANGE}, (15, 10)),
        ({"level": Level.YELLOW}, (60, 30)),
        ({"level": Level.BLUE}, None),
        ({"level": Level.UNKNOWN, "previous_level": Level.RED}, (10, 5)),
        ({"level": Level.UNKNOWN}, (60, 30)),
        ({"action": Action.CAN}, None),
        ({"action": Action.EXP}, None),
    ],
)
def test_deadlines_follow_the_level(changes: dict[str, object], expected: tuple[int, int] | None) -> None:
    assert minutes(_record(**changes), AcknowledgementSettings()) == expected


def test_a_district_may_set_its_own_deadlines() -> None:
    own = AcknowledgementSettings(deadline_min={"blue": 120}, next_step_min={})
    assert minutes(_record(level=Level.BLUE), own) == (120, 120)
    assert minutes(_record(), own) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://duty.example/ack",
        "duty.example",
        "https://a:b@duty.example",
        "https://duty.example/?x=1",
        "https://x:0/",
    ],
)
def test_the_page_must_be_reached_safely(url: str) -> None:
    with pytest.raises(ValueError, match="must"):
        AcknowledgementSettings(base_url=url)


def test_the_address_of_the_page_is_kept_plain() -> None:
    assert AcknowledgementSettings(base_url="https://duty.example/ack/").base_url == "https://duty.example/ack"
    assert AcknowledgementSettings(base_url="http://127.0.0.1:8090").base_url == "http://127.0.0.1:8090"


# In the ledger


def test_a_bulletin_asks_and_its_mail_carries_the_link(desk: Desk) -> None:
    found = standings(desk.ledger)
    assert {one.request.message_id for one in found} == {row.message_id for row in desk.ledger.warnings()}
    for one in found:
        asked = one.request
        (mail,) = desk.ledger.outbox(message_id=asked.message_id)
        assert [(step.kind, step.recipient, step.outbox_id) for step in one.steps] == [
            ("told", mail.recipient, mail.id)
        ]
        assert asked.asked_at == ISSUED + 4 * MINUTE
        due = {4: 10, 3: 15, 2: 60}[asked.level]
        assert asked.due_at == asked.asked_at + due * MINUTE
        with desk.ledger.reading() as session:
            row = session.get(Outbox, mail.id)
            assert row is not None
            parsed = message_from_bytes(row.content.body, policy=policy.default)
        text, html = (parsed.get_body((kind,)) for kind in ("plain", "html"))
        assert text is not None
        assert html is not None
        links = {word for word in text.get_content().split() if "https://duty.mini.example/ack/a/" in word}
        link = min(links).rpartition("/")[2]
        assert f"/a/{link}" in html.get_content()
        token = Token.parse(link)
        assert token is not None
        assert token.is_for(mail.recipient, LinkUse.ACKNOWLEDGE, KEYS)
        assert token.expires_at == asked.expires_at
        on_disk = (desk.out / "bulletins" / asked.area_code / f"{asked.message_id}.txt").read_text(encoding="utf-8")
        assert link not in on_disk


def test_no_answer_climbs_the_ladder_once(desk: Desk, waiting: Standing) -> None:
    asked, due = waiting.request, waiting.request.due_at
    assert due is not None
    assert escalate(desk, due - MINUTE) == []
    first = [step for step in escalate(desk, due) if step.request_id == asked.id]
    assert [(step.kind, step.channel, step.at) for step in first] == [("second_contact", "mail", due)]
    assert [step for step in escalate(desk, due) if step.request_id == asked.id] == []
    later = due + 20 * MINUTE
    more = [step for step in escalate(desk, later) if step.request_id == asked.id]
    assert [(step.kind, step.channel, step.due_at, step.at) for step in more] == [
        ("phone", "phone", due + 5 * MINUTE, later),
        ("upward", "mail", due + 10 * MINUTE, later),
    ]
    assert more[0].recipient == asked.phone
    assert escalate(desk, later) == []
    log = [entry for entry in desk.ledger.log_entries() if entry.what == "ack-escalated"]
    mine = [entry.detail["step"] for entry in log if entry.message_id == asked.message_id]
    assert mine == ["second_contact", "phone", "upward"]


def test_the_second_contact_gets_the_bulletin_and_a_link_of_their_own(desk: Desk, waiting: Standing) -> None:
    asked = waiting.request
    assert asked.due_at is not None
    escalate(desk, asked.due_at)
    (row,) = desk.ledger.outbox(message_id=f"{asked.message_id}.second_contact")
    assert (row.state, row.status, row.not_before) == ("pending", "Exercise", asked.due_at)
    assert row.subject.startswith("【演练 EXERCISE】")
    with desk.ledger.reading() as session:
        stored = session.get(Outbox, row.id)
        assert stored is not None
        mail = message_from_bytes(stored.content.body, policy=policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert reply_code(KEYS, asked.message_id, row.recipient) in text
    assert asked.code not in text
    assert "演示数据" in text
    assert [part.get_filename() for part in mail.iter_attachments()] == [
        f"{asked.message_id}.pdf",
        f"{asked.message_id}.cap.xml",
    ]
    link = next(word for word in text.replace("：", " ").split() if word.startswith("https://")).rpartition("/")[2]
    token = Token.parse(link)
    assert token is not None
    assert token.is_for(row.recipient, LinkUse.ACKNOWLEDGE, KEYS)
    assert not token.is_for(waiting.recipients[0], LinkUse.ACKNOWLEDGE, KEYS)


def test_an_answer_ends_the_calling(desk: Desk, waiting: Standing) -> None:
    asked = waiting.request
    assert asked.due_at is not None
    escalate(desk, asked.due_at)
    record_answer(
        desk.ledger,
        asked.id,
        recipient=waiting.recipients[0],
        answer=Answer.RECEIVED,
        name="王",
        channel="web",
        now=asked.due_at + MINUTE,
    )
    more = escalate(desk, asked.due_at + timedelta(hours=1))
    assert asked.id not in {step.request_id for step in more}


def test_cannot_act_goes_upward_with_the_reason(desk: Desk, waiting: Standing) -> None:
    asked = waiting.request
    record_answer(
        desk.ledger,
        asked.id,
        recipient=waiting.recipients[0],
        answer=Answer.CANNOT_ACT,
        name="王值班",
        reason="道路中断，水泵不足",
        channel="web",
        now=asked.asked_at + MINUTE,
    )
    (step,) = escalate(desk, asked.asked_at + 2 * MINUTE)
    assert (step.kind, step.recipient) == ("upward", "leader@mini.example")
    assert "000-0009-0001" in step.name
    with desk.ledger.reading() as session:
        row = session.get(Outbox, step.outbox_id)
        assert row is not None
        mail = message_from_bytes(row.content.body, policy=policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    assert "王值班答复无法处置：道路中断，水泵不足" in body.get_content()
    assert asked.phone in body.get_content()
    assert "/ack/a/" not in body.get_content()


def test_the_guard_is_asked_and_the_ladder_goes_on(desk: Desk, waiting: Standing) -> None:
    towns = desk.district.towns.copy()
    towns.loc[waiting.request.area_code, "second_contact"] = "real@town.gov.cn"
    update_contacts(desk, dataclasses.replace(desk.district, towns=towns))
    due = waiting.request.due_at
    assert due is not None
    mine = [step for step in escalate(desk, due) if step.request_id == waiting.request.id]
    assert [step.kind for step in mine] == ["second_contact"]
    assert "under .example only" in mine[0].note
    row = next(row for row in desk.ledger.outbox() if row.id == mine[0].outbox_id)
    assert row.state == "failed"


def test_a_town_without_second_contact_is_phoned_at_the_deadline(desk: Desk, waiting: Standing) -> None:
    code = waiting.request.area_code
    for second in ("", str(desk.district.towns.at[code, "mailbox"]), float("nan")):
        towns = desk.district.towns.copy().astype({"second_contact": object})
        towns.loc[code, "second_contact"] = second
        known = update_contacts(desk, dataclasses.replace(desk.district, towns=towns))
        assert [rung[0].kind for rung in ladder(desk.settings, known[code])] == ["phone", "upward"]


def test_without_leaders_the_duty_desk_is_told_to_report(desk: Desk, waiting: Standing) -> None:
    settings = desk.district.settings.model_copy(update={"acknowledgement": AcknowledgementSettings()})
    bare = dataclasses.replace(desk, district=dataclasses.replace(desk.district, settings=settings))
    due = waiting.request.due_at
    assert due is not None
    steps = escalate(bare, due + 60 * MINUTE)
    upward = next(step for step in steps if step.kind == "upward")
    assert (upward.channel, upward.recipient, upward.outbox_id) == ("phone", "", None)
    assert upward.name == desk.district.settings.district.bureau.zh


def test_an_update_does_not_set_the_clock_back(desk: Desk) -> None:
    before = {one.request.warning_id: one for one in standings(desk.ledger)}
    answered = min(before)
    record_answer(
        desk.ledger,
        before[answered].request.id,
        recipient=before[answered].recipients[0],
        answer=Answer.RECEIVED,
        name="王",
        channel="web",
        now=ISSUED + 5 * MINUTE,
    )
    made = [run_cycle(desk, ISSUED + timedelta(hours=hour), drafts=False) for hour in range(1, 12)]
    issued = [r for result in made for r in result.records if r.action.is_mailed and r.message_id not in result.waiting]
    assert issued
    for record in issued:
        asked = find(desk.ledger, record.message_id)
        assert asked is not None
        old = before[record.warning_id]
        now_old = find(desk.ledger, old.request.message_id)
        assert now_old is not None
        assert now_old.superseded
        assert not now_old.is_open(ISSUED)
        if record.action.is_end or record.level < Level.YELLOW:
            assert asked.request.due_at is None
        elif record.warning_id != answered and old.request.due_at is not None:
            assert asked.request.due_at == old.request.due_at
        elif record.revision == 1:
            assert asked.request.due_at is not None
            assert asked.request.due_at > record.issued_at


def test_a_rerun_asks_nobody_again(desk: Desk) -> None:
    before = [(one.request.id, len(one.steps)) for one in standings(desk.ledger)]
    run_cycle(desk, ISSUED, drafts=False)
    assert [(one.request.id, len(one.steps)) for one in standings(desk.ledger)] == before


def test_a_name_is_needed(desk: Desk, waiting: Standing) -> None:
    give: Callable[..., object] = record_answer
    common = {"recipient": "a@t.example", "channel": "web", "now": ISSUED}
    with pytest.raises(ConfigError, match="needs the name"):
        give(desk.ledger, waiting.request.id, answer=Answer.RECEIVED, name=" ", **common)
    with pytest.raises(ConfigError, match="needs a reason"):
        give(desk.ledger, waiting.request.id, answer=Answer.CANNOT_ACT, name="王", **common)
