"""What comes back: a bounce of a warning in force raises a task and the second contact; nothing in it does harm."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.replays import beside_now
from tests.wuyu.delivery.desks import RETURN_DOMAIN, SIGNED
from tests.wuyu.returns.imap_server import ImapServer
from wuyu.ack.escalation import escalate
from wuyu.delivery.relay import deliver
from wuyu.delivery.smtp import SmtpTransport
from wuyu.desk import Desk
from wuyu.ledger import Outbox
from wuyu.ledger.outbox import mark_bounced
from wuyu.ledger.tasks import open_tasks, settle_task
from wuyu.messages.verp import addresses_in
from wuyu.returns.bounces import TakenBounce, take_bounces
from wuyu.returns.mailboxes import ImapMailbox, ImapSettings, MaildirMailbox
from wuyu.returns.status_notices import BounceKind, NoticeOutcome, classify_bounce, judge_action, read_report

pytestmark = pytest.mark.xdist_group("storm")

LATER = SIGNED + timedelta(minutes=3)

Box = Callable[..., MaildirMailbox]


def report(
    to: str, *, action: str = "failed", status: str = "5.1.1", recipient: str = "town1@mini.example",
    original: str = "", head: str = "", said: str = "smtp; 550 5.1.1 no such user",
) -> bytes:  # fmt: skip
    """Return a delivery-status notification as mail servers write it."""
    back = f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {original}\r\n\r\n" if original else ""
    return (
        f"Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.town.example\r\nTo: {to}\r\nSubject: Undelivered\r\n{head}"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.town.example\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: {said}\r\n\r\n{back}--b--\r\n"
    ).encode()


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """Put mails into a return box."""

    def fill(*mails: bytes) -> MaildirMailbox:
        folder = tmp_path / "return"
        (folder / "new").mkdir(parents=True, exist_ok=True)
        for number, raw in enumerate(mails):
            (folder / "new" / f"{len(list(folder.rglob('*')))}.{number}").write_bytes(raw)
        return MaildirMailbox(folder)

    return fill


@pytest.fixture
def sent(desk: Desk, transport: SmtpTransport, clock: Any) -> list[Outbox]:
    """The mails of the bulletins, accepted by the mail server."""
    deliver(desk.ledger, transport, clock=clock, now=SIGNED)
    rows = [row for row in beside_now(desk.ledger) if row.channel == "mail"]
    assert {row.state for row in rows} == {"sent"}
    return rows


def _state(desk: Desk, row: Outbox) -> str:
    return next(one.state for one in beside_now(desk.ledger) if one.id == row.id)


def test_every_mail_has_a_return_address_of_its_own(sent: list[Outbox], faulty: Any) -> None:
    senders = {row.sender for row in sent}
    assert len(senders) == len(sent)
    for sender in senders:
        assert addresses_in(sender, RETURN_DOMAIN) == [sender]
    assert all(b"\r\nFrom: " in body[:400] or body.startswith(b"From: ") for body in faulty.bodies)
    assert all(b"duty@mini.example" in body for body in faulty.bodies), "the letterhead stays the duty room's"


def test_a_bounce_raises_a_task_and_tells_the_second_contact(desk: Desk, sent: list[Outbox], box: Box) -> None:
    row = sent[0]
    (taken,) = take_bounces(desk, box(report(row.sender)), now=LATER)
    second = row.recipient.replace("@", "-second@")
    assert taken == TakenBounce(
        outcome=NoticeOutcome.BOUNCED, outbox_id=row.id, recipient=row.recipient, status="5.1.1", task=True,
        told_instead=second,
    )  # fmt: skip
    (task,) = open_tasks(desk.ledger)
    assert task.message_id == row.message_id
    assert task.detail["task"].startswith("the address is wrong: correct it in the district's towns; town")
    back = next(one for one in beside_now(desk.ledger) if one.id == row.id)
    assert (back.state, back.sent_at is not None) == ("failed", True), "accepted is not delivered: both are kept"
    assert [attempt.result for attempt in desk.ledger.attempts(row.id)] == ["sent"]
    assert [
        one.recipient for one in beside_now(desk.ledger) if one.message_id == f"{row.message_id}.second_contact"
    ] == [second]
    settle_task(desk.ledger, task.id, officer="李明", now=LATER, note="改正邮箱")
    assert open_tasks(desk.ledger) == []


def test_escalation_afterwards_tells_nobody_twice(desk: Desk, sent: list[Outbox], box: Box) -> None:
    take_bounces(desk, box(report(sent[0].sender)), now=LATER)
    before = [(row.message_id, row.recipient) for row in beside_now(desk.ledger)]
    escalate(desk, LATER)
    after = [(row.message_id, row.recipient) for row in beside_now(desk.ledger)]
    assert after.count((f"{sent[0].message_id}.second_contact", sent[0].recipient.replace("@", "-second@"))) == 1
    assert set(before) <= set(after)


def test_a_mail_is_taken_once(desk: Desk, sent: list[Outbox], box: Box) -> None:
    raw = report(sent[0].sender)
    assert len(take_bounces(desk, box(raw), now=LATER)) == 1
    assert take_bounces(desk, box(raw, raw), now=LATER) == []
    assert len(open_tasks(desk.ledger)) == 1
    assert list(Path(box().folder / "new").iterdir()) == []


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        ("5.1.1", "hard", "the address is wrong"),
        ("4.2.2", "soft", "the box cannot take mail now"),
        ("5.2.2", "soft", "the box cannot take mail now"),
        ("5.7.26", "policy", "refused by policy: look at our own sender authentication"),
    ],
)
def test_the_task_says_whose_fault_it_is(
    desk: Desk, sent: list[Outbox], box: Box, status: str, kind: str, words: str
) -> None:
    take_bounces(desk, box(report(sent[1].sender, status=status)), now=LATER)
    (task,) = open_tasks(desk.ledger)
    assert task.detail["task"].startswith(words)
    entry = next(one for one in desk.ledger.log_entries() if one.what == "mail-bounced")
    assert entry.detail["fault"] == kind


def test_a_delay_tells_the_second_contact_but_the_mail_is_not_given_up(
    desk: Desk, sent: list[Outbox], box: Box
) -> None:
    (taken,) = take_bounces(desk, box(report(sent[0].sender, action="delayed", status="4.4.1")), now=LATER)
    assert (taken.outcome, taken.task, bool(taken.told_instead)) == (NoticeOutcome.DELAYED, True, True)
    assert _state(desk, sent[0]) == "sent"


def test_a_receipt_is_noted_and_nothing_follows(desk: Desk, sent: list[Outbox], box: Box) -> None:
    (taken,) = take_bounces(desk, box(report(sent[0].sender, action="delivered", status="2.1.5")), now=LATER)
    assert (taken.outcome, taken.task, taken.outbox_id) == (NoticeOutcome.DELIVERED, False, sent[0].id)
    assert (open_tasks(desk.ledger), _state(desk, sent[0])) == ([], "sent")


def test_a_bounce_after_the_warning_is_noted_only(desk: Desk, sent: list[Outbox], box: Box) -> None:
    (taken,) = take_bounces(desk, box(report(sent[0].sender)), now=sent[0].expires_at)
    assert (taken.task, taken.told_instead) == (False, "")
    assert open_tasks(desk.ledger) == []
    assert [one.what for one in desk.ledger.log_entries()].count("mail-bounced") == 1


def test_the_second_contact_bounces_too(
    desk: Desk, sent: list[Outbox], box: Box, transport: SmtpTransport, clock: Any
) -> None:
    take_bounces(desk, box(report(sent[0].sender)), now=LATER)
    deliver(desk.ledger, transport, clock=clock, now=LATER)
    second = next(row for row in beside_now(desk.ledger) if row.message_id.endswith(".second_contact"))
    (taken,) = take_bounces(desk, box(report(second.sender, recipient=second.recipient)), now=LATER)
    assert (taken.task, taken.told_instead) == (True, "")
    assert "nobody was told instead: call the town" in open_tasks(desk.ledger)[-1].detail["task"]


def test_without_our_address_message_id_and_recipient_must_both_fit(desk: Desk, sent: list[Outbox], box: Box) -> None:
    row, elsewhere = sent[0], "duty@mini.example"
    forged = report(elsewhere, original=row.mail_message_id, recipient="stranger@x.example")
    assert take_bounces(desk, box(forged), now=LATER)[0].outcome is NoticeOutcome.UNKNOWN
    right = report(elsewhere, original=row.mail_message_id, recipient=row.recipient.upper())
    assert take_bounces(desk, box(right), now=LATER)[0].outbox_id == row.id


def test_a_guessed_return_address_names_nothing(desk: Desk, sent: list[Outbox], box: Box) -> None:
    guessed = f"bounce+{'0' * 32}@{RETURN_DOMAIN}"
    assert take_bounces(desk, box(report(guessed)), now=LATER)[0].outcome is NoticeOutcome.UNKNOWN
    assert open_tasks(desk.ledger) == []


@pytest.mark.parametrize(
    ("head", "outcome"),
    [
        ("From: wang@town.example\r\nAuto-Submitted: auto-replied\r\nSubject: out of office", NoticeOutcome.AUTOMATIC),
        ("From: wang@town.example\r\nPrecedence: bulk\r\nSubject: newsletter", NoticeOutcome.AUTOMATIC),
        ("From: wang@town.example\r\nX-Autoreply: yes", NoticeOutcome.AUTOMATIC),
        ("From: wang@town.example\r\nSubject: hello", NoticeOutcome.NOT_A_REPORT),
    ],
)
def test_what_is_no_bounce_is_read_by_a_person_if_it_came_to_our_return_address(
    desk: Desk, sent: list[Outbox], box: Box, head: str, outcome: NoticeOutcome
) -> None:
    mails = [f"{head}\r\nTo: {to}\r\n\r\nI am away.\r\n".encode() for to in (sent[0].sender, "duty@mini.example")]
    taken = take_bounces(desk, box(*mails), now=LATER)
    assert [(one.outcome, one.task, one.told_instead) for one in taken] == [(outcome, True, ""), (outcome, False, "")]
    (task,) = open_tasks(desk.ledger)
    assert "read it in the return box, or call the town" in task.detail["task"]
    assert _state(desk, sent[0]) == "sent"


WORDS = ["failed", "failure", "expired", "undeliverable", "rejected", "", "退信", "delivered", "relayed", "expanded"]


@pytest.mark.parametrize("action", [*WORDS, "delayed"])
@pytest.mark.parametrize("status", ["5.1.1", "4.4.7", "2.0.0", "9.9.9", ""])
def test_delivered_is_said_by_word_and_status_together_or_not_at_all(action: str, status: str) -> None:
    outcome = read_report(report("x", action=action, status=status)).outcome
    good = {"delivered": NoticeOutcome.DELIVERED, "relayed": NoticeOutcome.RELAYED, "expanded": NoticeOutcome.RELAYED}
    if action in good and status == "2.0.0":
        assert outcome is good[action]
    else:
        assert outcome in (NoticeOutcome.BOUNCED, NoticeOutcome.DELAYED, NoticeOutcome.UNCLEAR)


@given(st.text(max_size=30), st.text(max_size=8))
def test_no_unknown_word_is_good_news(action: str, status: str) -> None:
    is_known = bool(re.match(r"[^a-z]*(delivered|relayed|expanded)([^a-z]|$)", action.lower()))
    outcome = judge_action(action, status)
    assert is_known or outcome not in (NoticeOutcome.DELIVERED, NoticeOutcome.RELAYED)


@pytest.mark.parametrize("action", ["failed (permanent)", "Failed;", "undeliverable", "expired"])
def test_another_word_for_a_bounce_raises_a_task_and_tells_the_second_contact(
    desk: Desk, sent: list[Outbox], box: Box, action: str
) -> None:
    (taken,) = take_bounces(desk, box(report(sent[0].sender, action=action)), now=LATER)
    assert (taken.outcome, taken.task, bool(taken.told_instead)) == (NoticeOutcome.BOUNCED, True, True)


def test_a_word_that_nobody_knows_is_unclear_and_a_task(desk: Desk, sent: list[Outbox], box: Box) -> None:
    (taken,) = take_bounces(desk, box(report(sent[0].sender, action="processed", status="2.0.0")), now=LATER)
    assert (taken.outcome, taken.task) == (NoticeOutcome.UNCLEAR, True)
    assert "in no known form" in open_tasks(desk.ledger)[0].detail["task"]


def test_a_bounce_that_breaks_the_reader_keeps_no_other_from_being_read(
    desk: Desk, sent: list[Outbox], box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wuyu.returns.bounces as module

    def mark_or_break(session: Any, row: Outbox, *, text: str) -> None:
        if row.id == sent[0].id:
            raise ZeroDivisionError("a fault of ours")
        mark_bounced(session, row, text=text)

    monkeypatch.setattr(module, "mark_bounced", mark_or_break)
    taken = take_bounces(desk, box(report(sent[0].sender), report(sent[1].sender)), now=LATER)
    assert [one.outcome for one in taken] == [NoticeOutcome.FAILED, NoticeOutcome.BOUNCED]
    assert [_state(desk, row) for row in sent[:2]] == ["sent", "failed"]
    said = [task.detail for task in open_tasks(desk.ledger)]
    assert said[0]["task"] == "a mail came back that we cannot read: look at the return box"
    assert "ZeroDivisionError" in said[0]["said"]
    assert take_bounces(desk, box(report(sent[0].sender)), now=LATER) == [], "it is set aside, not tried for ever"


@pytest.mark.parametrize("how", ["withheld", "hangs_up_at"])
def test_a_mail_that_the_server_will_not_give_keeps_no_other_from_being_read(
    desk: Desk, sent: list[Outbox], how: str
) -> None:
    with ImapServer([report(sent[0].sender), report(sent[1].sender)]) as server:
        setattr(server, how, {101})
        where = ImapSettings(host="127.0.0.1", port=server.port, username="duty", password="geheim", security="none")
        with ImapMailbox(where) as mailbox:
            outcomes = [one.outcome for one in take_bounces(desk, mailbox, now=LATER)]
    assert outcomes == [NoticeOutcome.TOO_LARGE, NoticeOutcome.BOUNCED]
    assert len(open_tasks(desk.ledger)) == 2


def test_a_bounce_in_no_known_form_is_shown_to_a_person(desk: Desk, sent: list[Outbox], box: Box) -> None:
    raw = f"From: MAILER-DAEMON@old.example\r\nTo: {sent[0].sender}\r\n\r\nHi. This is qmail.\r\n".encode()
    (taken,) = take_bounces(desk, box(raw), now=LATER)
    assert (taken.outcome, taken.task, taken.told_instead) == (NoticeOutcome.UNCLEAR, True, "")
    assert _state(desk, sent[0]) == "sent"


HOSTILE = [
    b"", b"\x00" * 1000, b"Content-Type: multipart/report; boundary=\r\n\r\n", b"To: \xff\xfe\r\n\r\n",
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: message/delivery-status\r\n\r\n" + b"Action: failed\r\nStatus: 9.9.9\r\n\r\n" * 3000,
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 3000,
    report("x", said="smtp; \x1b[31m<script>alert(1)</script>\u202e" + "y" * 5000),
    report("x", head="To: " + "bounce+" * 5000 + "\r\n"),
    report("x", recipient="a@b\r\n Action: delivered", status="five"),
]  # fmt: skip


def test_hostile_mail_does_no_harm(desk: Desk, sent: list[Outbox], box: Box) -> None:
    taken = take_bounces(desk, box(*HOSTILE), now=LATER)
    assert len(taken) == len(HOSTILE)
    assert all(one.outcome is NoticeOutcome.UNREADABLE for one in taken if one.task)
    assert {_state(desk, row) for row in sent} == {"sent"}


def test_a_large_mail_is_not_read(desk: Desk, sent: list[Outbox], box: Box) -> None:
    (taken,) = take_bounces(desk, box(report(sent[0].sender) + b" " * 3_000_000), now=LATER)
    assert (taken.outcome, taken.task) == (NoticeOutcome.TOO_LARGE, True)


def test_what_a_server_said_is_kept_harmless(desk: Desk, sent: list[Outbox], box: Box) -> None:
    take_bounces(desk, box(report(sent[0].sender, said="smtp; \x1b[31m\u202eevil " + "y" * 900)), now=LATER)
    said = open_tasks(desk.ledger)[0].detail["said"]
    assert len(said) < 330
    assert not set(said) & {"\x1b", "\u202e", "\n"}


def test_the_return_box_may_be_an_imap_folder(desk: Desk, sent: list[Outbox]) -> None:
    with ImapServer([report(sent[0].sender), report(sent[1].sender)]) as server:
        where = ImapSettings(host="127.0.0.1", port=server.port, username="duty", password="geheim", security="none")
        with ImapMailbox(where) as mailbox:
            assert [one.outbox_id for one in take_bounces(desk, mailbox, now=LATER)] == [sent[0].id, sent[1].id]
        assert len(server.seen) == 2


@settings(deadline=None, max_examples=150)
@given(
    st.binary(max_size=3000)
    | st.builds(lambda a, b: report(a.decode("latin-1")) + b, st.binary(max_size=60), st.binary())
)
def test_no_bytes_break_the_reader(raw: bytes) -> None:
    assert isinstance(read_report(raw).outcome, NoticeOutcome)


@given(st.integers(2, 5), st.integers(0, 999), st.integers(0, 999))
def test_every_status_has_a_kind(grade: int, subject: int, detail: int) -> None:
    kind = classify_bounce(f"{grade}.{subject}.{detail}")
    assert kind is not BounceKind.SOFT or grade == 4 or (subject, detail) == (2, 2)
