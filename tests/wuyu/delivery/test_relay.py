"""The relay: order, waits, expiry, leases, and that no row stops another."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from risk_models.levels import Level
from wuyu.delivery import relay
from wuyu.delivery.relay import BACKOFF_S, backoff_s, deliver, deliver_together, drain
from wuyu.delivery.smtp import Outcome, SmtpStage, SmtpTransport
from wuyu.ledger import Ledger, Outbox, OutboxState, create_ledger, open_ledger
from wuyu.messages.mail import Mail

Queue = Callable[..., list[int]]


class Recorder:
    """A way out that keeps what it is given and answers as told."""

    channel = "mail"
    target = None
    longest_s = 100.0

    def __init__(self, *states: OutboxState, session_fault: bool = False) -> None:
        self.states = list(states)
        self.session_fault = session_fault
        self.sent: list[tuple[str, bytes]] = []

    def send(self, sender: str, recipient: str, body: bytes, *, checkpoint: Callable[[str], None]) -> Outcome:
        self.sent.append((recipient, body))
        state = self.states.pop(0) if self.states else OutboxState.SENT
        return Outcome(
            state=state, stage=SmtpStage.RCPT, code=250, text=f"told {state}", is_session_fault=self.session_fault
        )

    @property
    def recipients(self) -> list[str]:
        return [recipient for recipient, _ in self.sent]


def _attempts(ledger: Ledger) -> list[tuple[int, str, str]]:
    return [(attempt.number, attempt.result, attempt.smtp_stage) for attempt in ledger.attempts()]


def test_a_due_mail_is_sent_once_and_noted(ledger: Ledger, queue: Queue, clock: Any, at: datetime) -> None:
    queue(ledger, "a@t.example")
    way = Recorder()
    seen: list[tuple[int, int]] = []
    report = deliver(ledger, way, clock=clock, now=at, progress=lambda done, due: seen.append((done, due)))
    assert (report.sent, seen) == (1, [(1, 1)])
    assert deliver(ledger, way, clock=clock, now=at).counts == {}
    (row,) = ledger.outbox()
    assert (row.state, row.attempts, row.sent_at, row.lease_owner) == ("sent", 1, clock(), None)
    assert _attempts(ledger) == [(1, "sent", "rcpt")]


@pytest.mark.parametrize("dead", [2, 3, 5])
def test_one_dead_address_never_stops_the_rest(
    ledger: Ledger, queue: Queue, clock: Any, at: datetime, transport: SmtpTransport, faulty: Any, dead: int
) -> None:
    recipients = [f"t{n}@town.example" for n in range(20)]
    faulty.fault, faulty.only_for = "rcpt 550", frozenset(recipients[::dead])
    queue(ledger, *recipients)
    report = deliver(ledger, transport, clock=clock, now=at)
    n_dead = len(recipients[::dead])
    assert report.counts == {"sent": 20 - n_dead, "failed": n_dead}
    assert sorted(recipient for recipient, _ in faulty.taken) == sorted(set(recipients) - faulty.only_for)
    failed = [entry for entry in ledger.log_entries() if entry.what == "mail-failed"]
    assert {entry.detail["recipient"] for entry in failed} == faulty.only_for
    assert len(_attempts(ledger)) == 20


def test_the_gravest_goes_first_within_a_decision_and_decisions_in_order(
    ledger: Ledger, make_mail: Callable[..., Mail], clock: Any, at: datetime
) -> None:
    for hour, name, level in ((0, "a", Level.BLUE), (0, "b", Level.RED), (1, "c", Level.RED), (0, "d", Level.ORANGE)):
        with ledger.decide(now=at) as decision:
            mail = make_mail(f"{name}@t.example", decided_at=at + timedelta(hours=hour))
            decision.queue(mail, expires_at=at + timedelta(hours=9), priority=int(level))
    way = Recorder()
    deliver(ledger, way, clock=clock, now=at + timedelta(hours=1))
    assert way.recipients == ["b@t.example", "d@t.example", "a@t.example", "c@t.example"]


def test_a_mail_decided_later_than_now_waits(ledger: Ledger, queue: Queue, clock: Any, at: datetime) -> None:
    queue(ledger, "a@t.example")
    way = Recorder()
    deliver(ledger, way, clock=clock, now=at - timedelta(seconds=1))
    assert way.sent == []
    assert ledger.outbox_counts() == {"pending": 1}


def test_a_late_relay_sends_nothing_that_has_expired(ledger: Ledger, queue: Queue, clock: Any) -> None:
    queue(ledger, "a@t.example", "b@t.example")
    way = Recorder()
    report = deliver(ledger, way, clock=clock)  # the wall clock says 2026, the storm was in 2021
    assert (report.expired, way.sent) == (2, [])
    assert ledger.outbox_counts() == {"expired": 2}
    assert [entry.what for entry in ledger.log_entries()] == ["mail-expired"] * 2


def test_a_retry_waits_longer_each_time_and_ends_at_expiry(
    ledger: Ledger, queue: Queue, clock: Any, at: datetime
) -> None:
    queue(ledger, "a@t.example", hours=0.5)
    way = Recorder(*[OutboxState.RETRY] * 50)
    begun, waits = clock(), []
    while True:
        deliver(ledger, way, clock=clock, now=at + (clock() - begun))
        (row,) = ledger.outbox()
        if row.retry_at is None or row.state == OutboxState.EXPIRED:
            break
        wait = (row.retry_at - clock()).total_seconds()
        assert deliver(ledger, way, clock=clock, now=at + (clock() - begun)).counts == {}, "too early"
        waits.append(wait)
        clock.forward(wait)
    assert row.state == OutboxState.EXPIRED
    assert "told retry" in str(row.last_error)
    for wait, base in zip(waits, (*BACKOFF_S, 600, 600), strict=False):
        assert 0.8 * base <= wait <= 1.2 * base
    assert len(_attempts(ledger)) == len(waits) == len(way.sent)


def test_an_ambiguous_mail_goes_again_as_the_same_mail_and_says_so(
    ledger: Ledger, queue: Queue, clock: Any, at: datetime, transport: SmtpTransport, faulty: Any
) -> None:
    queue(ledger, "a@t.example")
    faulty.fault = "accepted, then cut"
    assert deliver(ledger, transport, clock=clock, now=at).counts == {"ambiguous": 1}
    faulty.fault = ""
    clock.forward(15)
    assert deliver(ledger, transport, clock=clock, now=at).counts == {"sent": 1}
    first, second = faulty.bodies
    assert faulty.taken[0] == faulty.taken[1]
    resend = b"X-Wuyu-Resend: try 2, the end of an earlier one is not known\r\n"
    assert second == resend + first
    assert [result for _, result, _ in _attempts(ledger)] == ["ambiguous", "sent"]


def test_a_server_that_is_away_leaves_the_rest_due(ledger: Ledger, queue: Queue, clock: Any, at: datetime) -> None:
    queue(ledger, *[f"t{n}@t.example" for n in range(10)])
    way = Recorder(*[OutboxState.RETRY] * 10, session_fault=True)
    report = deliver(ledger, way, clock=clock, now=at)
    assert len(way.sent) == 3
    assert "the mail server is away" in report.stopped
    assert ledger.outbox_counts() == {"pending": 7, "retry": 3}
    assert deliver(ledger, Recorder(), clock=clock, now=at).sent == 7


def test_the_limit_holds(ledger: Ledger, queue: Queue, clock: Any, at: datetime) -> None:
    queue(ledger, *[f"t{n}@t.example" for n in range(5)])
    assert deliver(ledger, Recorder(), clock=clock, now=at, limit=2).sent == 2


def test_what_the_guard_refuses_never_reaches_the_way_out(
    ledger: Ledger, queue: Queue, clock: Any, at: datetime
) -> None:
    (row_id,) = queue(ledger, "a@t.example", status="Test")
    with ledger.writing() as session:  # as if someone had changed the address in the database
        session.execute(update(Outbox).where(Outbox.id == row_id).values(recipient="a@town.gov.cn"))
    way = Recorder()
    assert deliver(ledger, way, clock=clock, now=at).counts == {"failed": 1}
    assert way.sent == []
    assert _attempts(ledger) == [(1, "failed", "guard")]


def test_a_real_warning_reaches_a_real_address(ledger: Ledger, queue: Queue, clock: Any, at: datetime) -> None:
    queue(ledger, "duty@town.gov.cn", status="Actual")
    way = Recorder()
    assert deliver(ledger, way, clock=clock, now=at).sent == 1
    assert way.recipients == ["duty@town.gov.cn"]


def test_the_second_contact_is_told_only_if_the_first_is_dead(
    ledger: Ledger, make_mail: Callable[..., Mail], clock: Any, at: datetime
) -> None:
    with ledger.decide(now=at) as decision:
        for name in ("a", "b"):
            until = at + timedelta(hours=6)
            first = decision.queue(make_mail(f"{name}@t.example"), expires_at=until)
            decision.queue(make_mail(f"{name}2@t.example"), expires_at=until, stands_in_for=first)
    way = Recorder(OutboxState.FAILED)
    deliver(ledger, way, clock=clock, now=at)
    deliver(ledger, way, clock=clock, now=at)
    assert way.recipients == ["a@t.example", "b@t.example", "a2@t.example"]
    assert ledger.outbox_counts() == {"failed": 1, "sent": 2, "withdrawn": 1}


def test_a_lease_that_ended_is_taken_back(ledger: Ledger, queue: Queue, clock: Any, at: datetime) -> None:
    (row_id,) = queue(ledger, "a@t.example")
    elsewhere = {"state": "claimed", "lease_owner": "other-machine|1|2", "attempts": 1}
    with ledger.writing() as session:
        until = clock() + timedelta(seconds=60)
        session.execute(update(Outbox).where(Outbox.id == row_id).values(**elsewhere, lease_until=until))
    assert deliver(ledger, Recorder(), clock=clock, now=at).counts == {}
    clock.forward(60)
    report = deliver(ledger, Recorder(), clock=clock, now=at)
    assert (report.reclaimed, report.sent) == (1, 1)
    assert _attempts(ledger) == [(1, "ambiguous", "unknown"), (2, "sent", "rcpt")]


def test_an_interrupt_leaves_the_row_ambiguous(ledger: Ledger, queue: Queue, clock: Any, at: datetime) -> None:
    queue(ledger, "a@t.example")

    def interrupt(step: str) -> None:
        raise KeyboardInterrupt(step)

    with pytest.raises(KeyboardInterrupt):
        deliver(ledger, Recorder(), clock=clock, now=at, checkpoint=interrupt)
    assert ledger.outbox_counts() == {"ambiguous": 1}


def test_a_result_that_comes_after_the_lease_still_counts(
    ledger: Ledger, queue: Queue, clock: Any, at: datetime
) -> None:
    queue(ledger, "a@t.example")

    class Slow(Recorder):
        def send(self, *args: Any, **named: Any) -> Outcome:
            clock.forward(1000)
            deliver(ledger, Recorder(), clock=clock, now=at, limit=0)  # another relay takes back what looks lost
            assert ledger.outbox_counts() == {"ambiguous": 1}
            return super().send(*args, **named)

    deliver(ledger, Slow(), clock=clock, now=at)
    assert ledger.outbox_counts() == {"sent": 1}


def test_drain_waits_for_what_was_put_off(ledger: Ledger, queue: Queue, clock: Any, at: datetime) -> None:
    queue(ledger, "a@t.example", "b@t.example")
    way = Recorder(OutboxState.RETRY, OutboxState.RETRY, OutboxState.RETRY)
    give_up_at = clock() + timedelta(minutes=10)
    report = drain(ledger, way, clock=clock, sleep=clock.forward, give_up_at=give_up_at, now=at)
    assert report.counts == {"retry": 3, "sent": 2}
    assert ledger.outbox_counts() == {"sent": 2}
    assert [attempt.number for attempt in ledger.attempts(2)] == [1, 2]


def test_drain_gives_up_in_time(ledger: Ledger, queue: Queue, clock: Any, at: datetime) -> None:
    queue(ledger, "a@t.example")
    way = Recorder(*[OutboxState.RETRY] * 99)
    give_up_at = clock() + timedelta(minutes=2)
    drain(ledger, way, clock=clock, sleep=clock.forward, give_up_at=give_up_at, now=at)
    assert clock() <= give_up_at
    assert ledger.outbox_counts() == {"retry": 1}


def test_many_relays_at_once_send_each_mail_once(
    ledger_url: str | Path, queue: Queue, clock: Any, at: datetime
) -> None:
    recipients = [f"t{n}@t.example" for n in range(40)]
    with create_ledger(ledger_url) as ledger:
        queue(ledger, *recipients)

    def run(_: int) -> list[str]:
        way = Recorder()
        with open_ledger(ledger_url) as own:
            deliver(own, way, clock=clock, now=at)
        return way.recipients

    with ThreadPoolExecutor(8) as pool:
        sent = [recipient for part in pool.map(run, range(8)) for recipient in part]
    assert sorted(sent) == sorted(recipients)


def test_relays_side_by_side_share_the_rows(ledger: Ledger, queue: Queue, clock: Any, at: datetime) -> None:
    recipients = [f"t{n}@t.example" for n in range(40)]
    queue(ledger, *recipients)
    opened: list[Recorder] = []

    @contextmanager
    def open_way() -> Iterator[Recorder]:
        opened.append(Recorder())
        yield opened[-1]

    report = deliver_together(ledger, open_way, relays=8, clock=clock, now=at)
    assert (report.sent, len(opened)) == (40, 8)
    assert sorted(recipient for way in opened for recipient in way.recipients) == sorted(recipients)
    assert len(_attempts(ledger)) == 40


@settings(deadline=None)
@given(st.text(max_size=30), st.integers(1, 40))
def test_the_wait_is_known_beforehand_and_near_its_base(key: str, attempt: int) -> None:
    base = BACKOFF_S[min(attempt, 6) - 1]
    assert 0.8 * base <= backoff_s(key, attempt) <= 1.2 * base
    assert backoff_s(key, attempt) == backoff_s(key, attempt)


def test_a_relay_is_gone_only_if_that_is_certain() -> None:
    mine = relay._owner()
    machine = mine.partition("|")[0]
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not relay._is_gone(mine)
    assert relay._is_gone(f"{machine}|{ended.pid}|1")
    assert relay._is_gone(f"{machine}|{os.getpid()}|1"), "the number was given to a later process"
    assert not relay._is_gone(f"not-{socket.gethostname()}|{ended.pid}|1")
    assert not relay._is_gone("")
