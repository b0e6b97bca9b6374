"""The all-clear reaches everyone who got the warning, through the real ledger and a real mail server, once each."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.replays import mails
from tests.replays import now as wall
from tests.wuyu.ack.conftest import ISSUED
from wuyu.ack.book import find, record_answer
from wuyu.ack.escalation import escalate
from wuyu.approval.approving import approve
from wuyu.cycle import run_cycle
from wuyu.delivery.relay import deliver
from wuyu.delivery.smtp import SmtpSettings, SmtpTransport
from wuyu.desk import Desk
from wuyu.ledger import AckStep, Approval, Ledger, OutboxState, WarningRow
from wuyu.ledger.acknowledgements import Answer
from wuyu.sink import local_sink

pytestmark = pytest.mark.xdist_group("ack")

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LEADER = "leader@mini.example"


@pytest.fixture
def own(desk: Desk, tmp_path: Path) -> Desk:
    """The desk with products of its own: cycles that follow write into it."""
    out = tmp_path / "out"
    shutil.copytree(desk.out, out, ignore=shutil.ignore_patterns("ledger.sqlite*"))
    return dataclasses.replace(desk, out=out)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[tuple[Path, SmtpTransport]]:
    with (
        local_sink(tmp_path / "mailbox") as (host, port),
        SmtpTransport(SmtpSettings(host=host, port=port)) as transport,
    ):
        yield tmp_path / "mailbox", transport


def _with_mailbox(desk: Desk, code: str, mailbox: str) -> Desk:
    """Return the desk after a town has changed its mailbox."""
    towns = desk.district.towns.copy()
    towns.loc[code, "mailbox"] = mailbox
    return dataclasses.replace(desk, district=dataclasses.replace(desk.district, towns=towns))


def _until_the_end(desk: Desk, warned: WarningRow, transport: SmtpTransport | None) -> WarningRow:
    """Run cycles, sign and send, if there is a way, until the warning has ended; returns its last revision."""
    for hours in range(1, 16):
        at = ISSUED + hours * HOUR
        run_cycle(desk, at, drafts=False)
        for row in desk.ledger.warnings(approval=Approval.WAITING):
            approve(desk, row.message_id, officer="值班长 李明", now=at)
        if transport is not None:
            deliver(desk.ledger, transport, clock=wall, now=at)
        mine = [row for row in desk.ledger.warnings() if row.warning_id == warned.warning_id]
        if mine[-1].action in ("CAN", "EXP"):
            return mine[-1]
    raise AssertionError("the warning has not ended")


def _messages(box: Path) -> dict[str, list[str]]:
    return {name: [str(mail["X-Wuyu-Message"]) for mail in found] for name, found in mails(box).items()}


def test_a_b_and_c_get_the_all_clear_once_each(own: Desk, post: tuple[Path, SmtpTransport]) -> None:
    box, transport = post
    warned = max(own.ledger.warnings(), key=lambda row: row.level)
    town = own.district.towns.loc[warned.area_code]
    first, second, new = town["mailbox"], town["second_contact"], "town-new@mini.example"
    deliver(own.ledger, transport, clock=wall, now=ISSUED + 5 * MINUTE)
    escalate(own, ISSUED + 30 * MINUTE)
    deliver(own.ledger, transport, clock=wall, now=ISSUED + 30 * MINUTE)
    last = _until_the_end(_with_mailbox(own, warned.area_code, new), warned, transport)
    got = _messages(box)
    for reader in (first, second, new, LEADER):
        assert got[reader].count(last.message_id) == 1, reader
    assert f"{warned.message_id}.second_contact" in got[second]
    assert warned.message_id not in got[new]
    untouched = {row.recipient for row in own.ledger.outbox() if warned.warning_id in row.message_id}
    assert {reader for reader, ids in got.items() if last.message_id in ids} == untouched


def test_only_the_town_of_today_is_asked_and_gets_a_link(own: Desk, post: tuple[Path, SmtpTransport]) -> None:
    box, transport = post
    warned = max(own.ledger.warnings(), key=lambda row: row.level)
    old = own.district.towns.at[warned.area_code, "mailbox"]
    deliver(own.ledger, transport, clock=wall, now=ISSUED + 5 * MINUTE)
    last = _until_the_end(_with_mailbox(own, warned.area_code, "town-new@mini.example"), warned, transport)
    standing = find(own.ledger, last.message_id)
    assert standing is not None
    assert {step.recipient: str(step.kind) for step in standing.steps} == {
        "town-new@mini.example": "told",
        old: "informed",
    }
    assert standing.recipients == ("town-new@mini.example",)
    texts = {
        reader: next(mail for mail in found if mail["X-Wuyu-Message"] == last.message_id).as_string()
        for reader, found in mails(box).items()
        if reader in standing.recipients or reader == old
    }
    bodies = {reader: _plain(box, reader, last.message_id) for reader in texts}
    assert "https://duty.mini.example/ack/a/" in bodies["town-new@mini.example"]
    assert "https://duty.mini.example/ack/a/" not in bodies[old]


def _plain(box: Path, reader: str, message_id: str) -> str:
    mail = next(mail for mail in mails(box)[reader] if mail["X-Wuyu-Message"] == message_id)
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_an_address_that_was_refused_for_good_is_not_told_how_it_ended(own: Desk) -> None:
    warned = max(own.ledger.warnings(), key=lambda row: row.level)
    with own.ledger.writing() as session:
        for row in own.ledger.outbox(message_id=warned.message_id):
            session.merge(row).state = OutboxState.FAILED
    moved = _with_mailbox(own, warned.area_code, "town-new@mini.example")
    run_cycle(moved, ISSUED + HOUR, drafts=False)
    for row in own.ledger.warnings(approval=Approval.WAITING):
        approve(moved, row.message_id, officer="值班长 李明", now=ISSUED + HOUR)
    later = [row for row in own.ledger.outbox() if row.message_id.startswith(f"{warned.warning_id}.r1")]
    assert {row.recipient for row in later} <= {"town-new@mini.example"}


# Escalations that have not left


def _escalated(desk: Desk) -> tuple[WarningRow, AckStep]:
    warned = max(desk.ledger.warnings(), key=lambda row: row.level)
    steps = escalate(desk, ISSUED + 15 * MINUTE)
    with desk.ledger.reading() as session:
        mine = session.scalars(select(AckStep).where(AckStep.kind == "second_contact")).all()
    standing = find(desk.ledger, warned.message_id)
    assert steps
    assert standing is not None
    return warned, next(step for step in mine if step.request_id == standing.request.id)


def _state(ledger: Ledger, outbox_id: int | None) -> tuple[str, str | None]:
    (row,) = [row for row in ledger.outbox() if row.id == outbox_id]
    return str(row.state), row.last_error


def test_an_answer_withdraws_the_escalation_that_has_not_left(own: Desk) -> None:
    warned, step = _escalated(own)
    standing = find(own.ledger, warned.message_id)
    assert standing is not None
    about = {"recipient": standing.recipients[0], "name": "王", "channel": "web", "now": ISSUED + 16 * MINUTE}
    record_answer(own.ledger, standing.request.id, answer=Answer.CANNOT_ACT, reason="停电", **about)
    assert _state(own.ledger, step.outbox_id)[0] == "pending", "somebody who can act is still needed"
    about["recipient"] = step.recipient
    record_answer(own.ledger, standing.request.id, answer=Answer.RECEIVED, **about)
    assert _state(own.ledger, step.outbox_id) == (
        "withdrawn",
        f"not needed: {warned.message_id} was answered while pending",
    )


def test_a_later_bulletin_withdraws_the_escalation_that_has_not_left(
    own: Desk, post: tuple[Path, SmtpTransport]
) -> None:
    box, transport = post
    warned, step = _escalated(own)
    last = _until_the_end(own, warned, None)
    deliver(own.ledger, transport, clock=wall, now=last.issued_at)
    state, why = _state(own.ledger, step.outbox_id)
    assert state == "withdrawn"
    assert why is not None
    assert why.startswith(f"overtaken by {warned.warning_id}.r")
    assert step.recipient not in {reader for reader, ids in _messages(box).items() if last.message_id in ids}


def test_an_escalation_answered_while_a_relay_looks_elsewhere_is_found_at_the_claim(
    own: Desk, post: tuple[Path, SmtpTransport]
) -> None:
    """The row was in another relay's hands when the answer came; that try failed."""
    box, transport = post
    warned, step = _escalated(own)
    standing = find(own.ledger, warned.message_id)
    assert standing is not None
    with own.ledger.writing() as session:
        row = next(session.merge(row) for row in own.ledger.outbox() if row.id == step.outbox_id)
        row.state = OutboxState.CLAIMED
    record_answer(
        own.ledger, standing.request.id, recipient=standing.recipients[0], answer=Answer.RECEIVED, name="王",
        channel="web", now=ISSUED + 16 * MINUTE,
    )  # fmt: skip
    with own.ledger.writing() as session:
        session.merge(row).state = OutboxState.RETRY
    deliver(own.ledger, transport, clock=wall, now=ISSUED + 20 * MINUTE)
    assert _state(own.ledger, step.outbox_id)[0] == "withdrawn"
    assert f"{warned.message_id}.second_contact" not in _messages(box).get(step.recipient, [])
