"""An old level never arrives after a new one; the notice of the end always arrives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from risk_models.levels import Level
from risk_models.warning.records import Action, WarningRecord
from wuyu.delivery.relay import deliver
from wuyu.delivery.smtp import Outcome, SmtpStage
from wuyu.ledger import Approval, Ledger, OutboxState
from wuyu.messages.mail import Mail
from wuyu.messages.purpose import Purpose

Warn = Callable[..., int]


class Way:
    """Answers as told, and keeps the messages in their order."""

    channel = "mail"
    target = None
    longest_s = 100.0

    def __init__(self, *states: OutboxState) -> None:
        self.states = list(states)
        self.sent: list[bytes] = []

    def send(self, sender: str, recipient: str, body: bytes, **_: Any) -> Outcome:
        state = self.states.pop(0) if self.states else OutboxState.SENT
        if state is OutboxState.SENT:
            self.sent.append(body)
        return Outcome(state=state, stage=SmtpStage.RCPT, code=450, text="told so")


@pytest.fixture
def warn(ledger: Ledger, make_record: Callable[..., WarningRecord], make_mail: Callable[..., Mail]) -> Warn:
    """Decide one revision and queue its mail; returns the id of the row."""

    def put(revision: int, action: Action = Action.UPG, to: str = "a@t.example", **changes: Any) -> int:
        due = changes.pop("due", None)
        record = make_record(revision=revision, action=action, **changes)
        with ledger.decide(now=record.issued_at) as decision:
            decision.warn(record, approval_due_at=due)
            mail = make_mail(to, message_id=record.message_id)
            return decision.queue(mail, expires_at=record.valid_to).id

    return put


def _states(ledger: Ledger) -> list[str]:
    return [row.state for row in ledger.outbox()]


def test_a_newer_revision_withdraws_what_was_not_delivered(
    ledger: Ledger, warn: Warn, clock: Any, at: datetime
) -> None:
    warn(0, Action.NEW, level=Level.YELLOW)
    deliver(ledger, Way(OutboxState.RETRY), clock=clock, now=at)
    warn(1, level=Level.RED)
    assert _states(ledger) == ["withdrawn", "pending"]
    (old, _) = ledger.outbox()
    assert old.last_error == "overtaken by 410103-20210719T1200Z-410103001.r1 while retry: told so"
    way = Way()
    clock.forward(60)
    assert deliver(ledger, way, clock=clock, now=at).counts == {"sent": 1}
    assert b"r1" in way.sent[0]
    assert [entry.what for entry in ledger.log_entries()].count("mail-overtaken") == 1


def test_what_was_delivered_stays_delivered(ledger: Ledger, warn: Warn, clock: Any, at: datetime) -> None:
    warn(0, Action.NEW)
    deliver(ledger, Way(), clock=clock, now=at)
    warn(1)
    assert _states(ledger) == ["sent", "pending"]


def test_others_are_not_touched(ledger: Ledger, warn: Warn) -> None:
    warn(0, Action.NEW, to="b@t.example")
    warn(0, Action.NEW, warning_id="410103-20210719T1200Z-410103002", area_code="410103002")
    warn(1)
    assert _states(ledger) == ["pending", "pending", "pending"]


@pytest.mark.parametrize("action", [Action.CAN, Action.EXP])
def test_the_end_is_never_withdrawn(ledger: Ledger, warn: Warn, clock: Any, at: datetime, action: Action) -> None:
    warn(0, Action.NEW)
    warn(1, action)
    assert _states(ledger) == ["withdrawn", "pending"], "an end overtakes what it ends"
    warn(2)
    assert _states(ledger) == ["withdrawn", "pending", "pending"]
    assert deliver(ledger, Way(), clock=clock, now=at).sent == 2


def test_a_revision_that_waits_for_an_officer_overtakes_nothing_until_signed(
    ledger: Ledger, warn: Warn, at: datetime
) -> None:
    warn(0, Action.NEW)
    warn(1, due=at + timedelta(minutes=10))
    assert _states(ledger) == ["pending", "held"]
    ledger.approve("410103-20210719T1200Z-410103001.r1", officer="李明", now=at)
    assert _states(ledger) == ["withdrawn", "pending"]
    assert ledger.warnings(approval=Approval.APPROVED)[0].revision == 1


def test_what_waits_for_an_officer_is_overtaken_like_any_other(ledger: Ledger, warn: Warn, at: datetime) -> None:
    warn(0, Action.NEW, due=at + timedelta(minutes=10))
    warn(1)
    assert _states(ledger) == ["withdrawn", "pending"]


def test_what_ended_unclear_is_not_tried_again_after_the_newer(
    ledger: Ledger, warn: Warn, clock: Any, at: datetime
) -> None:
    warn(0, Action.NEW)
    deliver(ledger, Way(OutboxState.AMBIGUOUS), clock=clock, now=at)
    warn(1)
    assert _states(ledger) == ["withdrawn", "pending"]


def test_a_refused_revision_overtakes_nothing(ledger: Ledger, warn: Warn, at: datetime) -> None:
    warn(0, Action.NEW)
    warn(1, due=at + timedelta(minutes=10))
    ledger.refuse("410103-20210719T1200Z-410103001.r1", officer="李明", now=at, why="雨量站故障")
    assert _states(ledger) == ["pending", "withdrawn"]


def test_an_older_try_that_fails_while_the_new_is_queued_is_not_repeated(
    ledger: Ledger, warn: Warn, clock: Any, at: datetime
) -> None:
    """The old row is in the hands of a relay when the new revision is decided."""
    warn(0, Action.NEW)

    class Slow(Way):
        def send(self, *given: Any, **named: Any) -> Outcome:
            if not self.sent and self.states:
                warn(1)
                assert _states(ledger) == ["claimed", "pending"]
            return super().send(*given, **named)

    deliver(ledger, Slow(OutboxState.AMBIGUOUS), clock=clock, now=at)
    assert _states(ledger) == ["ambiguous", "pending"]
    clock.forward(60)
    way = Way()
    assert deliver(ledger, way, clock=clock, now=at).counts == {"sent": 1}
    assert _states(ledger) == ["withdrawn", "sent"]


def test_a_newer_one_that_the_guard_refuses_overtakes_nothing(
    ledger: Ledger, make_record: Callable[..., WarningRecord], make_mail: Callable[..., Mail], warn: Warn, at: datetime
) -> None:
    warn(0, Action.NEW, to="a@t.example")
    record = make_record(revision=1, action=Action.UPG)
    with ledger.decide(now=at) as decision:
        decision.warn(record)
        mail = make_mail("a@t.example", message_id=record.message_id, status="Draft")
        decision.queue(mail, expires_at=record.valid_to)
    assert _states(ledger) == ["pending", "failed"]


# An end, and the warning that follows it

SECOND = "410103-20210719T1200Z-410103001-2"


@pytest.fixture
def ended(ledger: Ledger, warn: Warn, clock: Any, at: datetime) -> Ledger:
    """The warning was received; the notice of its end is still on its way."""
    warn(0, Action.NEW)
    deliver(ledger, Way(), clock=clock, now=at)
    warn(1, Action.CAN, issued_at=at + timedelta(hours=1))
    return ledger


def test_an_old_end_never_follows_a_newer_warning(ended: Ledger, warn: Warn, clock: Any, at: datetime) -> None:
    warn(0, Action.NEW, warning_id=SECOND, issued_at=at + timedelta(hours=2))
    assert _states(ended) == ["sent", "withdrawn", "pending"]
    assert ended.outbox()[1].last_error == f"overtaken by {SECOND}.r0 while pending"
    way = Way()
    assert deliver(ended, way, clock=clock, now=at + timedelta(hours=2)).sent == 1
    assert SECOND.encode() in way.sent[0]


def test_the_end_goes_while_the_newer_warning_waits_for_an_officer(
    ended: Ledger, warn: Warn, clock: Any, at: datetime
) -> None:
    later = at + timedelta(hours=2)
    warn(0, Action.NEW, warning_id=SECOND, issued_at=later, due=later + timedelta(minutes=10))
    assert deliver(ended, Way(), clock=clock, now=later).sent == 1
    assert _states(ended) == ["sent", "sent", "held"]


def test_the_end_goes_to_those_whom_the_newer_warning_does_not_reach(ended: Ledger, warn: Warn, at: datetime) -> None:
    later = at + timedelta(hours=2)
    warn(0, Action.NEW, to="b@t.example", warning_id=SECOND, issued_at=later)
    warn(0, Action.NEW, area_code="410103002", warning_id="410103-20210719T1200Z-410103002", issued_at=later)
    assert _states(ended) == ["sent", "pending", "pending", "pending"]


def test_an_end_in_a_relays_hands_is_not_repeated_after_the_newer_warning(
    ended: Ledger, warn: Warn, clock: Any, at: datetime
) -> None:
    later = at + timedelta(hours=2)

    class Slow(Way):
        def send(self, *given: Any, **named: Any) -> Outcome:
            if self.states:
                warn(0, Action.NEW, warning_id=SECOND, issued_at=later)
            return super().send(*given, **named)

    deliver(ended, Slow(OutboxState.RETRY), clock=clock, now=later)
    clock.forward(60)
    way = Way()
    assert deliver(ended, way, clock=clock, now=later).sent == 1
    assert _states(ended) == ["sent", "withdrawn", "sent"]


def test_both_ends_go(ended: Ledger, warn: Warn, at: datetime) -> None:
    warn(0, Action.NEW, to="b@t.example", warning_id=SECOND, issued_at=at + timedelta(hours=2))
    warn(1, Action.CAN, warning_id=SECOND, issued_at=at + timedelta(hours=3))
    assert _states(ended) == ["sent", "pending", "pending", "pending"]


def test_a_drill_overtakes_nothing_in_earnest(
    ended: Ledger, make_record: Callable[..., WarningRecord], make_mail: Callable[..., Mail], at: datetime
) -> None:
    record = make_record(warning_id=SECOND, issued_at=at + timedelta(hours=2))
    with ended.decide(now=record.issued_at) as decision:
        decision.warn(record)
        decision.queue(
            make_mail("a@t.example", message_id=record.message_id, status="Test"), expires_at=record.valid_to
        )
    assert _states(ended) == ["sent", "pending", "pending"]


def test_a_late_notice_that_rain_is_lost_does_not_follow_the_end(
    ledger: Ledger, warn: Warn, make_mail: Callable[..., Mail], clock: Any, at: datetime
) -> None:
    warn(0, Action.NEW)
    deliver(ledger, Way(), clock=clock, now=at)
    lost = at + timedelta(hours=1)
    with ledger.decide(now=lost) as decision:
        mail = make_mail(
            "a@t.example",
            message_id="410103-20210719T1200Z-410103001.rain-lost",
            purpose=Purpose.RAIN_LOST,
            about="410103-20210719T1200Z-410103001.r0",
            decided_at=lost,
        )
        decision.queue(mail, expires_at=at + timedelta(hours=6))
    deliver(ledger, Way(OutboxState.RETRY), clock=clock, now=lost)
    warn(1, Action.CAN, issued_at=at + timedelta(hours=2))
    assert _states(ledger) == ["sent", "withdrawn", "pending"]
