"""The relay: takes due rows of the outbox one by one, hands them over, and writes down what happened.

It may be killed at any moment and started again, and several may run at once. A mail is lost never; a second copy is
possible only if the end came between the final dot of a mail and the note that it was accepted, and that copy has the
same Message-ID.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from wuyu.clock import Clock
from wuyu.delivery.smtp import Outcome, SmtpStage
from wuyu.ledger import outbox
from wuyu.ledger.models import Outbox
from wuyu.ledger.store import Ledger
from wuyu.ledger.types import OutboxState
from wuyu.messages.guard import Target, may_send

__all__ = ["BACKOFF_S", "DeliveryCount", "Transport", "backoff_s", "deliver", "deliver_together", "drain"]

BACKOFF_S = (10, 30, 60, 120, 300, 600)
_SESSION_FAULTS_TO_STOP = 3  # in a row: the server is away, and the other rows need not wait for it one by one


class _Rows(Protocol):
    """Ids of outbox rows, counted."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[int]: ...


class Transport(Protocol):
    """A way out, e.g. `SmtpTransport`."""

    channel: str
    target: Target | None
    """Where it leads, as the guard judges it; None means mail."""

    @property
    def longest_s(self) -> float:
        """Longest time one hand-over may take [s]."""

    def send(self, sender: str, recipient: str, body: bytes, *, checkpoint: Callable[[str], None]) -> Outcome:
        """Hand one message to one recipient."""


@dataclass
class DeliveryCount:
    """What one pass did: mails per state, and whether it stopped because the server is away."""

    counts: dict[str, int] = field(default_factory=dict)
    expired: int = 0
    reclaimed: int = 0
    stopped: str = ""

    @property
    def sent(self) -> int:
        """Mails accepted by the server in this pass."""
        return self.counts.get(OutboxState.SENT, 0)

    def add(self, state: OutboxState) -> None:
        """Count one result."""
        self.counts[str(state)] = self.counts.get(str(state), 0) + 1

    def merge(self, part: DeliveryCount) -> None:
        """Add what another pass or relay did."""
        self.expired += part.expired
        self.reclaimed += part.reclaimed
        self.stopped = part.stopped or self.stopped
        for state, count in part.counts.items():
            self.counts[state] = self.counts.get(state, 0) + count


def _nothing(_step: str) -> None:
    """Pass a checkpoint by."""


def backoff_s(key: str, attempt: int) -> float:
    """Return how long to wait before the next try [s]: 10, 30, 60, 120, 300, then 600, give or take a fifth.

    The fifth is drawn from `key` and `attempt`, so that many rows do not come back in one second.

    Parameters
    ----------
    key : str
        The Message-ID.
    attempt : int
        Number of the try that failed, from 1.

    Examples
    --------
    >>> [8 <= backoff_s("<a@b>", 1) <= 12, 480 <= backoff_s("<a@b>", 99) <= 720]
    [True, True]
    """
    base = BACKOFF_S[min(attempt, len(BACKOFF_S)) - 1]
    draw = int.from_bytes(hashlib.sha256(f"{key} {attempt}".encode()).digest()[:4]) / 2**32
    return base * (0.8 + 0.4 * draw)


def deliver(
    ledger: Ledger,
    transport: Transport,
    *,
    clock: Clock,
    now: datetime | None = None,
    progress: Callable[[int, int], None] | None = None,
    limit: int | None = None,
    checkpoint: Callable[[str], None] = _nothing,
) -> DeliveryCount:
    """Go once through the due rows and try each; no row stops another.

    Parameters
    ----------
    ledger : Ledger
    transport : Transport
    clock : callable
        Returns the wall time; for leases, waits and the times of tries.
    now : datetime or None
        Domain time by which rows are due or expired: the hour of the replay. None means the wall time.
    progress : callable or None
        Called with (rows done, rows due).
    limit : int or None
        At most so many rows.
    checkpoint : callable
        Called with the name of each step; for drills.

    Returns
    -------
    DeliveryCount
    """
    domain_now = clock() if now is None else now
    report = DeliveryCount(expired=outbox.expire(ledger, now=domain_now))
    report.reclaimed = _reclaim_lost(ledger, transport.channel, clock)
    due = outbox.due_ids(ledger, channel=transport.channel, now=domain_now, wall=clock())[:limit]
    _work(ledger, transport, due, report, clock=clock, progress=progress, checkpoint=checkpoint)
    return report


def deliver_together(
    ledger: Ledger,
    open_transport: Callable[[], AbstractContextManager[Transport]],
    *,
    relays: int,
    clock: Clock,
    now: datetime | None = None,
) -> DeliveryCount:
    """Go once through the due rows with several relays side by side, each with a connection of its own.

    Parameters
    ----------
    ledger : Ledger
    open_transport : callable
        Opens one way out; all must lead to the same channel.
    relays : int
        How many, at least 1.
    clock, now
        As in `deliver`.

    Returns
    -------
    DeliveryCount
        Of all relays together.
    """
    domain_now = clock() if now is None else now
    total = DeliveryCount(expired=outbox.expire(ledger, now=domain_now))
    with ExitStack() as stack:
        ways = [stack.enter_context(open_transport()) for _ in range(max(1, relays))]
        total.reclaimed = _reclaim_lost(ledger, ways[0].channel, clock)
        rows = _SharedRows(outbox.due_ids(ledger, channel=ways[0].channel, now=domain_now, wall=clock()))
        reports = [DeliveryCount() for _ in ways]
        with ThreadPoolExecutor(len(ways), thread_name_prefix="relay") as pool:
            running = [
                pool.submit(_work, ledger, way, rows, report, clock=clock)
                for way, report in zip(ways, reports, strict=True)
            ]
        for done in running:
            done.result()
    for report in reports:
        total.merge(report)
    return total


class _SharedRows:
    """Rows of which each is given to one relay only."""

    def __init__(self, ids: Iterable[int]) -> None:
        self._left = deque(ids)
        self.total = len(self._left)

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Iterator[int]:
        while True:
            try:
                yield self._left.popleft()  # taking from a deque is one step: no two threads get the same
            except IndexError:
                return


def _work(
    ledger: Ledger,
    transport: Transport,
    rows: _Rows,
    report: DeliveryCount,
    *,
    clock: Clock,
    progress: Callable[[int, int], None] | None = None,
    checkpoint: Callable[[str], None] = _nothing,
) -> None:
    """Try each of `rows`, writing into `report`; stop early if the other side is away."""
    faults_in_a_row = 0
    for done, outbox_id in enumerate(rows, start=1):
        outcome = _deliver_one(ledger, transport, outbox_id, clock=clock, checkpoint=checkpoint)
        if outcome is not None:
            report.add(outcome.state)
            faults_in_a_row = faults_in_a_row + 1 if outcome.is_session_fault else 0
        if progress is not None:
            progress(done, len(rows))
        if faults_in_a_row >= _SESSION_FAULTS_TO_STOP and outcome is not None:
            who = "the mail server" if transport.target is None else transport.channel
            report.stopped = f"{who} is away ({outcome.stage}: {outcome.text}); the rest stays due"
            break


def drain(
    ledger: Ledger,
    transport: Transport,
    *,
    clock: Clock,
    sleep: Callable[[float], None],
    give_up_at: datetime,
    now: datetime | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> DeliveryCount:
    """Deliver, wait for the rows put off, deliver again, until nothing is open or the wall time `give_up_at`.

    Parameters
    ----------
    ledger, transport, clock, now, progress
        As in `deliver`.
    sleep : callable
        Waits so many seconds.
    give_up_at : datetime
        Wall time after which nothing more is tried.

    Returns
    -------
    DeliveryCount
        The sum of all passes.
    """
    total = DeliveryCount()
    while True:
        part = deliver(ledger, transport, clock=clock, now=now, progress=progress)
        total.stopped = ""
        total.merge(part)
        wait_until = _next_moment(ledger, transport.channel, clock() if now is None else now, clock)
        if wait_until is None or wait_until > give_up_at:
            return total
        sleep(max(0.05, (wait_until - clock()).total_seconds()))


def _next_moment(ledger: Ledger, channel: str, now: datetime, clock: Clock) -> datetime | None:
    """Return when there is something to do again: a retry, a lease that ends, or rows left due; None if never."""
    moments = [row.lease_until for row in outbox.claimed_rows(ledger, channel=channel) if row.lease_until is not None]
    retry_at = outbox.next_due(ledger, channel=channel, now=now)
    if retry_at is not None:
        moments.append(retry_at)
    if outbox.due_ids(ledger, channel=channel, now=now, wall=clock()):
        moments.append(clock() + timedelta(seconds=BACKOFF_S[0]))
    return min(moments, default=None)


def _deliver_one(
    ledger: Ledger, transport: Transport, outbox_id: int, *, clock: Clock, checkpoint: Callable[[str], None]
) -> Outcome | None:
    """Claim, ask the guard, send, record. None if another relay has the row."""
    lease = timedelta(seconds=transport.longest_s + 60)
    held = outbox.claim(ledger, outbox_id, owner=_owner(), wall=clock(), lease=lease)
    if held is None:
        return None
    try:
        checkpoint("claimed")
        outcome = _send(transport, held, checkpoint)
    except BaseException as error:
        # An interrupt of our own process: how far the mail came is not known here, so say just that.
        broken = Outcome(state=OutboxState.AMBIGUOUS, stage=SmtpStage.UNKNOWN, code=None, text=repr(error))
        outbox.record(ledger, held, _result(held.row, broken, clock()), wall=clock())
        raise
    outbox.record(ledger, held, _result(held.row, outcome, clock()), wall=clock())
    checkpoint("recorded")
    return outcome


def _send(transport: Transport, held: outbox.Claim, checkpoint: Callable[[str], None]) -> Outcome:
    row = held.row
    target = transport.target
    verdict = may_send(row.status, row.scope, row.recipient, demonstration=row.demonstration, target=target)
    if not verdict.allowed:
        return Outcome(state=OutboxState.FAILED, stage=SmtpStage.GUARD, code=None, text=verdict.reason)
    body = held.body
    if held.may_be_second and target is None:  # elsewhere the id of the message says that it is the same
        body = f"X-Wuyu-Resend: try {row.attempts}, the end of an earlier one is not known\r\n".encode() + body
    return transport.send(row.sender, row.recipient, body, checkpoint=checkpoint)


def _result(row: Outbox, outcome: Outcome, wall: datetime) -> outbox.Result:
    again = outcome.state in (OutboxState.RETRY, OutboxState.AMBIGUOUS)
    wait = timedelta(seconds=backoff_s(row.mail_message_id, row.attempts))
    return outbox.Result(
        state=outcome.state,
        stage=str(outcome.stage),
        code=outcome.code,
        text=outcome.text,
        retry_at=wall + wait if again else None,
    )


def _reclaim_lost(ledger: Ledger, channel: str, clock: Clock) -> int:
    """Take rows back whose lease has ended, or whose relay ran on this machine and is no longer there."""
    lost = 0
    for row in outbox.claimed_rows(ledger, channel=channel):
        is_over = row.lease_until is not None and row.lease_until <= clock()
        if (is_over or _is_gone(row.lease_owner or "")) and outbox.reclaim(ledger, row, wall=clock()):
            lost += 1
    return lost


def _machine() -> str:
    """Name the machine and its space of process numbers: only there does a process number mean anything."""
    space = Path("/proc/self/ns/pid")
    return f"{platform.node()} {space.readlink() if space.exists() else ''}"


def _started(pid: int) -> str:
    """Return when process `pid` started, in ticks since boot, where the system tells it: numbers are used again.

    A process that has ended but was not yet buried by its parent counts as not there.
    """
    try:
        facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if facts[0] in "ZX" else facts[19]
    except (OSError, IndexError):
        return ""


def _owner() -> str:
    return f"{_machine()}|{os.getpid()}|{_started(os.getpid())}"


def _is_gone(owner: str) -> bool:
    """Return True only if the relay certainly ended: same machine, and its process is not there any more."""
    machine, _, process = owner.partition("|")
    pid_text, _, started = process.partition("|")
    if machine != _machine() or not pid_text.isdigit():
        return False
    try:
        os.kill(int(pid_text), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return bool(started) and _started(int(pid_text)) != started
