"""Every letter of every purpose, written by the code that writes it in service, with all that a letter must have."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import update

from reports.bulletin import SignOff
from risk_models.district.outgoing import SmimeSettings
from risk_models.district.settings import UpwardContact
from risk_models.errors import ConfigError
from tests.replays import now as wall
from tests.wuyu.delivery.desks import RETURN_DOMAIN, SIGNED
from tests.wuyu.delivery.test_every_way_out import (
    _brief,
    _escalations,
    _officer_calls,
    _rain_lost,
    _reports,
    _water_now,
)
from tests.wuyu.messages.test_smime import folder as certificate
from tests.wuyu.returns.test_bounces import report as notice_of
from wuyu.delivery.relay import deliver
from wuyu.delivery.smtp import Outcome, SmtpStage, SmtpTransport
from wuyu.desk import Desk
from wuyu.issuing.bulletins import Bulletins
from wuyu.ledger.models import Outbox
from wuyu.ledger.tasks import open_tasks
from wuyu.ledger.types import OutboxState
from wuyu.messages.letters import Sender, letter
from wuyu.messages.mail import MailContent
from wuyu.messages.purpose import Purpose, UnknownPurposeError, message_id, purpose_of
from wuyu.messages.verp import addresses_in
from wuyu.returns.bounces import take_bounces
from wuyu.returns.mailboxes import MaildirMailbox
from wuyu.watch.watcher import Problem, WatchLook, tell

__all__ = ["certificate"]


@pytest.fixture
def signing_desk(desk: Desk, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk that signs its mail, has a return domain, a duty chain with mailboxes and demonstration data."""
    monkeypatch.setenv("WUYU_TEST_KEY", str(certificate / "duty.key"))
    settings = desk.district.settings
    smime = SmimeSettings(certificate="duty.pem", key_env="WUYU_TEST_KEY")
    officers = (UpwardContact(name="李明", phone="000", mailbox="officer@mini.example"),)
    changed = settings.model_copy(
        update={
            "mail": settings.mail.model_copy(update={"smime": smime}),
            "warning": settings.warning.model_copy(update={"duty_chain": officers}),
            "acknowledgement": settings.acknowledgement.model_copy(update={"upward": officers}),
        }
    )
    district = dataclasses.replace(desk.district, settings=changed, root=certificate)
    return dataclasses.replace(desk, district=district)


def _bulletin(desk: Desk) -> list[tuple[str, str, bytes]]:
    """Write a bulletin that was signed, and its letters, as an approval does."""
    row = next(row for row in desk.ledger.warnings() if row.approval_state == "approved")
    cycle = desk.ledger.last_cycle(desk.code)
    assert cycle is not None
    maker, record = Bulletins(desk), row.to_record()
    facts = maker.facts(cycle.risk_paths["parquet"])
    files = maker.write(record, facts, earlier=[], sign_off=SignOff(officer="李明", decided_at=SIGNED), levels={})
    mails = maker.mails(record, files, ["a@mini.example", "b@mini.example"])
    assert {(mail.purpose, mail.about) for mail in mails} == {(Purpose.BULLETIN, record.message_id)}
    return [(mail.sender, mail.recipient, mail.body) for mail in mails]


PRODUCERS: dict[Purpose, Callable[[Desk, str, Path], None]] = {
    Purpose.SECOND_CONTACT: _escalations,
    Purpose.UPWARD: _escalations,
    Purpose.CALL: _officer_calls,
    Purpose.NOW: _water_now,
    Purpose.RAIN_LOST: _rain_lost,
    Purpose.BRIEF: _brief,
    Purpose.REPORT: _reports,
}


def _queued(desk: Desk, purpose: Purpose, folder: Path) -> list[tuple[str, str, bytes]]:
    before = {row.id for row in desk.ledger.outbox()}
    PRODUCERS[purpose](desk, "Restricted", folder)
    with desk.ledger.reading() as session:
        rows = [session.get(Outbox, row.id) for row in desk.ledger.outbox() if row.id not in before]
        mails = [row for row in rows if row is not None and row.channel == "mail" and row.purpose == purpose]
        assert {row.scope for row in mails} == {"Restricted"}
        assert all(row.demonstration for row in mails)
        assert all(row.about for row in mails)
        return [(row.sender, row.recipient, row.content.body) for row in mails]


def _posted(desk: Desk, folder: Path) -> list[tuple[str, str, bytes]]:
    mails: list[tuple[str, str, bytes]] = []

    def post(sender: str, recipient: str, body: bytes) -> Outcome:
        mails.append((sender, recipient, body))
        return Outcome(state=OutboxState.SENT, stage=SmtpStage.DONE, code=250, text="")

    report = WatchLook(problems=[Problem("x", "某事", "something")])
    tell(desk.district.settings, report, folder, root=desk.district.root, post=post, now=wall())
    assert report.unsent == []
    return mails


def _written(desk: Desk, purpose: Purpose, folder: Path) -> list[tuple[str, str, bytes]]:
    match purpose:
        case Purpose.WATCH:
            return _posted(desk, folder)
        case Purpose.BULLETIN:
            return _bulletin(desk)
        case _:
            return _queued(desk, purpose, folder)


@pytest.mark.parametrize("purpose", Purpose)
def test_a_letter_by_a_drill_clock_says_so_once_in_each_language(
    signing_desk: Desk, purpose: Purpose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WUYU_CLOCK", "shift:-5min")
    mails = _written(signing_desk, purpose, tmp_path)
    assert mails, "nothing was written"
    for *_, body in mails:
        parsed = message_from_bytes(body, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        text = parsed.get_body(("plain",))
        assert text is not None
        words = text.get_content()
        assert words.count("时钟非实时：演练时钟，比实际时间慢5分钟") == 1
        if purpose in (Purpose.BULLETIN, Purpose.BRIEF):  # in the language of its reader; the subject has both
            assert "时钟非实时 Clock not real time" in parsed["Subject"]
        else:
            assert words.count("Clock not real time: drill clock, 5 min behind the real time") == 1
        assert "演示数据" in words


@pytest.mark.parametrize("purpose", Purpose)
def test_a_letter_has_all_that_a_letter_must_have(signing_desk: Desk, purpose: Purpose, tmp_path: Path) -> None:
    mails = _written(signing_desk, purpose, tmp_path)
    assert mails, "nothing was written"
    for envelope, recipient, body in mails:
        parsed = message_from_bytes(body, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        assert parsed["From"].addresses[0].addr_spec == "duty@mini.example"
        assert [one.addr_spec for one in parsed["To"].addresses] == [recipient]
        assert parsed["X-Wuyu-Status"] == "Exercise"
        assert "演练" in parsed["Subject"]
        assert addresses_in(envelope, RETURN_DOMAIN) == [envelope], "what comes back would name nothing"
        assert parsed.get_content_type() == "multipart/signed"
        text = parsed.get_body(("plain",))
        assert text is not None
        assert "演示数据" in text.get_content(), "demonstration data must be named in the words"
    assert len({envelope for envelope, *_ in mails}) == len(mails)


def test_a_bounce_of_a_call_to_an_officer_becomes_a_task(
    signing_desk: Desk, transport: SmtpTransport, clock: Callable[[], object], tmp_path: Path
) -> None:
    _officer_calls(signing_desk, "Restricted", tmp_path)
    deliver(signing_desk.ledger, transport, clock=clock, now=SIGNED)
    call = next(row for row in signing_desk.ledger.outbox() if row.purpose == Purpose.CALL and row.state == "sent")
    (tmp_path / "back" / "new").mkdir(parents=True)
    (tmp_path / "back" / "new" / "1").write_bytes(notice_of(call.sender, recipient=call.recipient))
    (taken,) = take_bounces(signing_desk, MaildirMailbox(tmp_path / "back"), now=SIGNED)
    assert (taken.outbox_id, taken.task) == (call.id, True)
    task = open_tasks(signing_desk.ledger)[-1]
    assert task.message_id == call.message_id
    assert "call the officer, who has not been asked to decide" in task.detail["task"]
    assert "duty chain" in task.detail["task"]


def test_an_alarm_that_cannot_be_signed_goes_out_all_the_same(
    signing_desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("WUYU_TEST_KEY")
    sent: list[bytes] = []

    def post(sender: str, recipient: str, body: bytes) -> Outcome:
        sent.append(body)
        return Outcome(state=OutboxState.SENT, stage=SmtpStage.DONE, code=250, text=sender + recipient)

    report = WatchLook(problems=[Problem("x", "某事", "something")])
    tell(signing_desk.district.settings, report, tmp_path, root=tmp_path, post=post, now=wall())
    assert sent
    assert "alarm" in report.mails
    assert any("WUYU_TEST_KEY is not set" in line for line in report.unsent)


def _sender(**changes: object) -> Sender:
    values = {
        "address": "duty@mini.example", "status": "Exercise", "demonstration": False, "return_domain": None,
        "smime": None, "root": Path(), "out": Path(),
    }  # fmt: skip
    return Sender(**(values | changes))  # type: ignore[arg-type]


def _letter(sender: Sender, purpose: Purpose, text: str = "words") -> bytes:
    content = MailContent(subject="s", text=text)
    name = "E-1.r0"
    return letter(
        sender, purpose, content, message_id=name, about=name, recipient="a@t.example", decided_at=SIGNED, labels={}
    ).body


def test_what_cannot_be_signed_is_not_sent_unsigned(certificate: Path) -> None:
    smime = SmimeSettings(certificate="duty.pem", key_env="WUYU_NO_SUCH_KEY")
    with pytest.raises(ConfigError, match="WUYU_NO_SUCH_KEY"):
        _letter(_sender(smime=smime, root=certificate), Purpose.BULLETIN)


def test_demonstration_data_are_named_once() -> None:
    def words(body: bytes) -> str:
        parsed = message_from_bytes(body, policy=policy.default)
        return str(parsed.get_payload(decode=True), "utf-8")  # type: ignore[arg-type]

    assert words(_letter(_sender(demonstration=True), Purpose.CALL)).count("演示数据") == 1
    assert words(_letter(_sender(demonstration=True), Purpose.CALL, "演示数据。words")).count("演示数据") == 1
    assert "演示数据" not in words(_letter(_sender(), Purpose.CALL))


@pytest.mark.parametrize("made_up", ["", "Bulletin", "bulletin ", "all_clear", "second-contact"])
def test_a_purpose_that_nobody_knows_is_refused_wherever_it_comes(made_up: str, desk: Desk) -> None:
    with pytest.raises(UnknownPurposeError, match="known purposes: bulletin, "):
        purpose_of(made_up)
    with pytest.raises(UnknownPurposeError):
        message_id(made_up, "E-1.r0")  # type: ignore[arg-type]
    with pytest.raises(UnknownPurposeError):
        _letter(_sender(), made_up)  # type: ignore[arg-type]
    mail = letter(
        desk.sender, Purpose.CALL, MailContent(subject="s", text="t"), message_id="E-9.r0", about="E-9.r0",
        recipient="a@t.example", decided_at=SIGNED, labels={},
    )  # fmt: skip
    with pytest.raises(UnknownPurposeError), desk.ledger.decide(now=SIGNED) as decision:
        decision.queue(dataclasses.replace(mail, purpose=made_up), expires_at=SIGNED)  # type: ignore[arg-type]
    assert not desk.ledger.outbox(message_id="E-9.r0")


def test_a_row_of_a_purpose_that_this_program_does_not_know_fails_alone(
    desk: Desk, transport: SmtpTransport, clock: Callable[[], object]
) -> None:
    """As a newer program would write it: the others go, this one becomes a task and is not sent by a guess."""
    rows = [row for row in desk.ledger.outbox() if row.channel == "mail"]
    with desk.ledger.writing() as session:
        session.execute(update(Outbox).where(Outbox.id == rows[0].id).values(purpose="all_clear"))
    deliver(desk.ledger, transport, clock=clock, now=SIGNED)
    states = {row.id: row.state for row in desk.ledger.outbox() if row.channel == "mail"}
    assert states.pop(rows[0].id) == "failed"
    assert set(states.values()) == {"sent"}
    assert any("'all_clear'" in str(task.detail["task"]) for task in open_tasks(desk.ledger))
