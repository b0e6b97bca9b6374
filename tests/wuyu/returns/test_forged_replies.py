"""Replies made from what anyone may know, of a bulletin that nobody has answered: none is recorded as received."""

# ruff: noqa: F401, F811 - fixtures of another folder come by their names
from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.wuyu.ack.conftest import ISSUED, KEYS, desk, issued_desk, waiting
from wuyu.ack.book import Standing, find, standings
from wuyu.ack.codes import is_secret, reply_code
from wuyu.ack.escalation import escalate
from wuyu.desk import Desk
from wuyu.ledger import AckAnswer, AckRequest, Outbox
from wuyu.ledger.acknowledgements import StepKind
from wuyu.ledger.tasks import open_tasks
from wuyu.messages.purpose import Purpose
from wuyu.returns.mailboxes import MaildirMailbox
from wuyu.returns.replies import ReplyOutcome, TakenReply, take_replies

SERVER = "mx.mini.example"
PROOF = f"Authentication-Results: {SERVER}; dmarc=pass header.from=mini.example\r\n"


def _public_codes(message_id: str, recipient: str) -> list[str]:
    """Codes that can be worked out from CAP and the source of this program, without the key."""
    digest = hashlib.sha256(message_id.encode()).hexdigest()
    unkeyed = hmac.new(b"", b"reply" + message_id.encode() + recipient.encode(), hashlib.sha256).hexdigest()
    return [
        digest[:6],
        digest[:10],
        hashlib.sha256(f"reply{message_id}{recipient}".encode()).hexdigest()[:10],
        unkeyed[:10],
    ]


def _forgeries(waiting: Standing) -> list[bytes]:
    """Six replies that anyone can write who knows CAP, the addresses and this program."""
    town, message_id = waiting.recipients[0], waiting.request.message_id
    old, *others = _public_codes(message_id, town)
    head = f"From: {town}\r\nTo: duty@mini.example\r\nSubject: Re: {message_id}\r\n"
    mails = [
        f"{head}\r\n{old} received, name: Wang\r\n",
        f"{PROOF}{head}\r\n{old} received, name: Wang\r\n",
        f"Authentication-Results: mx.evil.example; dmarc=pass\r\n{PROOF}{head}\r\n{others[0]} received\r\n",
        f"{head}\r\n{others[1]} received\r\n\r\n> {message_id}\r\n",
        f"{PROOF}{head}\r\n" + "\r\n".join(f"{number:010X}" for number in range(2000)) + " received\r\n",
        f"{PROOF}{head}\r\n{message_id} {others[2]} received\r\n",
    ]
    return [mail.encode() for mail in mails]


def _take(desk: Desk, folder: Path, mails: list[bytes], authserv_id: str = SERVER) -> list[TakenReply]:
    (folder / "new").mkdir(parents=True, exist_ok=True)
    for number, raw in enumerate(mails):
        (folder / "new" / f"{number:03d}").write_bytes(raw)
    return take_replies(desk, MaildirMailbox(folder), now=ISSUED, authserv_id=authserv_id)


def _answers(desk: Desk) -> list[AckAnswer]:
    with desk.ledger.reading() as session:
        return list(session.scalars(select(AckAnswer)))


def _as_before(desk: Desk, waiting: Standing) -> str:
    """Give a request the code that a release before gave it, and return that."""
    old = hashlib.sha256(waiting.request.message_id.encode()).hexdigest()[:6].upper()
    assert not is_secret(old)
    triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ack_requests'"
    with desk.ledger.writing() as session:  # as a release before wrote it
        run = session.connection().exec_driver_sql
        for name in run(triggers).scalars().all():
            run(f"DROP TRIGGER {name}")
        run("UPDATE ack_requests SET code = ? WHERE id = ?", (old, waiting.request.id))
    return old


@pytest.mark.parametrize("authserv_id", [SERVER, ""])
def test_six_forged_replies_made_of_public_facts(
    desk: Desk, waiting: Standing, tmp_path: Path, authserv_id: str
) -> None:
    taken = _take(desk, tmp_path / "box", _forgeries(waiting), authserv_id)
    assert len(taken) == 6
    assert not {one.outcome for one in taken} & {ReplyOutcome.ANSWERED, ReplyOutcome.REPEATED}
    assert _answers(desk) == []
    found = find(desk.ledger, waiting.request.message_id)
    assert found is not None
    assert (found.answer, len(found.claims)) == (None, 6), "they are shown"
    assert len(open_tasks(desk.ledger)) == 6


def test_no_forgery_ends_an_escalation(desk: Desk, waiting: Standing, tmp_path: Path) -> None:
    _take(desk, tmp_path / "box", _forgeries(waiting))
    due = waiting.request.due_at
    assert due is not None
    rungs = [step.kind for step in escalate(desk, due + timedelta(hours=2)) if step.request_id == waiting.request.id]
    assert {StepKind.SECOND_CONTACT, StepKind.PHONE, StepKind.UPWARD} == set(rungs)


def test_a_code_from_before_the_upgrade_is_claimed_though_the_sender_is_proven(
    desk: Desk, waiting: Standing, tmp_path: Path
) -> None:
    old = _as_before(desk, waiting)
    mail = f"{PROOF}From: {waiting.recipients[0]}\r\n\r\n{old} received\r\n".encode()
    (taken,) = _take(desk, tmp_path / "box", [mail])
    assert (taken.outcome, taken.message_id, taken.task) == (
        ReplyOutcome.CLAIMED, waiting.request.message_id, True,
    )  # fmt: skip
    assert _answers(desk) == []


def test_a_secret_code_beside_the_old_one_must_be_the_right_one(desk: Desk, waiting: Standing, tmp_path: Path) -> None:
    """A mail that names the bulletin by the code of another one, or by a number that looks like one, proves nothing."""
    other = next(one for one in standings(desk.ledger) if one.request.id != waiting.request.id)
    old = _as_before(desk, waiting)
    mails = [
        f"{PROOF}From: {waiting.recipients[0]}\r\nSubject: Re: {code}\r\n\r\n{old} received\r\n".encode()
        for code in (other.request.code, "0123456789")
    ]
    taken = _take(desk, tmp_path / "box", mails)
    assert [one.outcome for one in taken] == [ReplyOutcome.CLAIMED, ReplyOutcome.CLAIMED]
    assert _answers(desk) == []


def test_the_code_of_one_recipient_is_none_of_another_and_of_no_other_bulletin(desk: Desk, waiting: Standing) -> None:
    asked = standings(desk.ledger)
    codes = {
        (one.request.message_id, to): reply_code(KEYS, one.request.message_id, to)
        for one in asked
        for to in one.recipients
    }
    codes |= {
        (one.request.message_id, "x@mini.example"): reply_code(KEYS, one.request.message_id, "x@mini.example")
        for one in asked
    }
    assert len(set(codes.values())) == len(codes)
    assert all(is_secret(code) for code in codes.values())
    with desk.ledger.reading() as session:
        for request in session.scalars(select(AckRequest)):
            mailbox = desk.district.towns.at[request.area_code, "mailbox"]
            assert request.code == reply_code(KEYS, request.message_id, mailbox)


def test_each_mail_prints_the_code_of_its_reader_and_cap_prints_none(desk: Desk, waiting: Standing) -> None:
    assert waiting.request.due_at is not None
    escalate(desk, waiting.request.due_at)
    message_id = waiting.request.message_id
    query = select(Outbox).where(Outbox.about == message_id, Outbox.channel == "mail")
    query = query.where(Outbox.purpose != Purpose.NOW)
    with desk.ledger.reading() as session:
        mails = [(row.recipient, row.content.body) for row in session.scalars(query)]
    assert len(mails) == 2
    codes = {recipient: reply_code(KEYS, message_id, recipient) for recipient, _ in mails}
    for recipient, body in mails:
        parts = list(message_from_bytes(body, policy=policy.default).walk())
        text = "".join(part.get_content() for part in parts if part.get_content_type() == "text/plain")
        assert [code for code in codes.values() if code in text] == [codes[recipient]]
        caps = [part.get_payload(decode=True) for part in parts if part.get_content_type() == "application/cap+xml"]
        assert len(caps) == 1
        assert not any(code.encode() in caps[0] for code in codes.values())
