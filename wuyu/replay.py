"""Replay a past storm hour by hour through the same code that runs live; stop it and take it up again at will."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from risk_models.errors import ConfigError, DispatchError
from risk_models.levels import Level
from wuyu.approval.approving import approve, begin_approved
from wuyu.cycle import CycleResult, assess, decide, run_cycle
from wuyu.delivery.channels import channel_name, channel_transport
from wuyu.delivery.relay import Transport, drain
from wuyu.issuing.bulletins import Bulletins
from wuyu.ledger import Approval, OutboxState
from wuyu.ledger.outbox import due_ids, next_due
from wuyu.progress import Tell, silent

if TYPE_CHECKING:
    from risk_models.risk import RiskTable
    from wuyu.clock import Clock
    from wuyu.desk import Desk

__all__ = ["EXERCISE_OFFICER", "EXERCISE_SECOND", "ReplayResult", "hours", "replay"]

#: Named on bulletins that a replay approved by itself; the other one signs too where the district asks for two.
EXERCISE_OFFICER = "演练席（自动批准） / exercise desk (automatic approval)"
EXERCISE_SECOND = "演练副席（自动批准） / second exercise desk (automatic approval)"
#: How long a replay waits for a mail server that is away [s]: its hours pass quickly, and no mail may expire meanwhile.
PATIENCE_S = 60.0
NAP_S = 0.5


@dataclass(frozen=True)
class ReplayResult:
    """What a replay did.

    Attributes
    ----------
    cycles : tuple of CycleResult
        Run or found done.
    mails_sent : int
        Mails accepted.
    others_sent : int
        Messages accepted by the other channels.
    given_up : dict of str to str
        Channels beside mail that did not take their messages, and why; the replay went on without them.
    """

    cycles: tuple[CycleResult, ...]
    mails_sent: int
    others_sent: int = 0
    given_up: dict[str, str] = field(default_factory=dict)


def hours(start: datetime, end: datetime, *, step_h: int = 1) -> list[datetime]:
    """Return the cycle times from `start` to `end`, both included.

    Raises
    ------
    ConfigError
        If a time has no zone, the end comes before the start, or the step is not positive.

    Examples
    --------
    >>> from datetime import UTC
    >>> len(hours(datetime(2021, 7, 18, tzinfo=UTC), datetime(2021, 7, 19, tzinfo=UTC)))
    25
    """
    if start.tzinfo is None or end.tzinfo is None:
        raise ConfigError("start and end of a replay need a time zone, e.g. 2021-07-18T08:00+08:00")
    if end < start or step_h < 1:
        raise ConfigError(f"a replay runs forward in steps of 1 h or more: {start.isoformat()} to {end.isoformat()}")
    count = int((end - start) / timedelta(hours=step_h))
    return [start + timedelta(hours=step_h * k) for k in range(count + 1)]


def replay(
    desk: Desk,
    times: list[datetime],
    *,
    transport: Transport,
    clock: Clock,
    tell: Tell = silent,
    patience_s: float = PATIENCE_S,
) -> ReplayResult:
    """Run cycles in order, approve what waits as the exercise desk, and deliver after each by every way out.

    Mail must be taken, or the replay stops. Another channel that does not take its messages is given up for the rest
    of this run, so that a dead one holds up nobody; what it has left expires with its warnings.

    Parameters
    ----------
    desk : Desk
        Its mail status must not be Actual.
    times : list of datetime
        Cycle times, rising.
    transport : Transport
        Where mail goes.
    clock : callable
        Wall time, for leases and tries.
    tell : Tell
        Progress.
    patience_s : float
        How long mail that the server does not take is tried again before the replay stops [s].

    Returns
    -------
    ReplayResult

    Raises
    ------
    ConfigError
        If the district's mail status is Actual: a replay approves by itself, real traffic never does.
    DispatchError
        If mail was left over; the same replay started again takes it up.
    """
    if desk.settings.mail.status == "Actual":
        raise ConfigError("a replay needs mail.status Exercise or Test in district.yaml; it is Actual")
    bulletins = Bulletins(desk)
    with bulletins.studio as studio:
        studio.open()
        return _hour_by_hour(desk, times, bulletins, transport, clock=clock, tell=tell, patience_s=patience_s)


def _hour_by_hour(
    desk: Desk,
    times: list[datetime],
    bulletins: Bulletins,
    transport: Transport,
    *,
    clock: Clock,
    tell: Tell,
    patience_s: float,
) -> ReplayResult:
    results: list[CycleResult] = []
    sent, others = 0, _Others(desk, clock, patience_s)
    ahead: _Scored | None = None
    for index, (valid_at, after) in enumerate(zip(times, [*times[1:], None], strict=True)):
        result = _run(desk, valid_at, bulletins, ahead)
        # The next hour stands on the decision of this one alone: it is scored while the bulletins are drawn.
        ahead = _scored(desk, after) if after is not None and _begin_waiting(desk, bulletins) else None
        _approve_waiting(desk, bulletins)
        sent += _send(desk, transport, clock=clock, now=valid_at, patience_s=patience_s)
        others.send(valid_at)
        results.append(result)
        tell((index + 1) / len(times), _headline(desk, result))
    return ReplayResult(tuple(results), sent, others.sent, others.given_up)


@dataclass(frozen=True)
class _Scored:
    """An hour that was scored before its turn: the arguments of `decide`."""

    table: RiskTable
    paths: dict[str, str]
    inputs: dict[str, str]


def _scored(desk: Desk, valid_at: datetime) -> _Scored | None:
    """Score an hour; None if that fails: it is tried again in its turn, and fails there."""
    try:
        return _Scored(*assess(desk, valid_at))
    except Exception:
        return None


def _run(desk: Desk, valid_at: datetime, bulletins: Bulletins, ahead: _Scored | None) -> CycleResult:
    """Run a cycle, with what was scored ahead if anything was."""
    if ahead is None:
        return run_cycle(desk, valid_at, bulletins=bulletins, drafts=False)
    return decide(
        desk, valid_at, ahead.table, paths=ahead.paths, inputs=ahead.inputs, bulletins=bulletins, drafts=False
    )


def _begin_waiting(desk: Desk, bulletins: Bulletins) -> bool:
    """Begin to draw what waits, side by side; returns whether that goes on beside the next work."""
    waiting = desk.ledger.warnings(approval=Approval.WAITING)
    if not waiting or desk.district.settings.warning.second_person_from is not None or not bulletins.studio.open():
        return False
    for row in waiting:
        begin_approved(desk, row, officer=EXERCISE_OFFICER, now=row.issued_at, bulletins=bulletins)
    return True


def _approve_waiting(desk: Desk, bulletins: Bulletins) -> None:
    """Approve whatever waits, also from a run that was killed between decision and approval."""
    for row in desk.ledger.warnings(approval=Approval.WAITING):
        try:
            for officer in (EXERCISE_OFFICER, EXERCISE_SECOND):
                if approve(desk, row.message_id, officer=officer, now=row.issued_at, bulletins=bulletins):
                    break
        except ConfigError:
            found = desk.ledger.warning(row.message_id)
            if found is None or found.approval_state == Approval.WAITING:
                raise
            # Another replay of the same storm was faster.


def _send(desk: Desk, transport: Transport, *, clock: Clock, now: datetime, patience_s: float) -> int:
    """Deliver what is due at `now`, all of it; returns the number of mails accepted."""
    give_up_at = clock() + timedelta(seconds=patience_s)
    handed = drain(desk.ledger, transport, clock=clock, sleep=_nap, give_up_at=give_up_at, now=now)
    going = (OutboxState.PENDING, OutboxState.RETRY, OutboxState.AMBIGUOUS)
    ours = [row for row in desk.ledger.outbox(states=going) if row.channel == transport.channel]
    left = [row for row in ours if row.not_before <= now]
    if left:
        why = handed.stopped or left[0].last_error
        raise DispatchError(f"{len(left)} mails could not be handed over ({why}); start the same replay again")
    return handed.sent


class _Others:
    """Every way out beside mail, and which of them were given up."""

    def __init__(self, desk: Desk, clock: Clock, patience_s: float) -> None:
        self.desk, self.clock, self.patience_s = desk, clock, patience_s
        self.sent = 0
        self.given_up: dict[str, str] = {}

    def send(self, now: datetime) -> None:
        """Deliver what is due at `now` by each way that still works."""
        for channel in self.desk.settings.channels:
            name = channel_name(channel)
            if name not in self.given_up and self._due(name, now):
                self._send_by(name, now)

    def _due(self, name: str, now: datetime) -> list[int]:
        return due_ids(self.desk.ledger, channel=name, now=now, wall=self.clock())

    def _send_by(self, name: str, now: datetime) -> None:
        give_up_at = self.clock() + timedelta(seconds=self.patience_s)
        try:
            with channel_transport(self.desk, name, clock=self.clock) as way:
                handed = drain(self.desk.ledger, way, clock=self.clock, sleep=_nap, give_up_at=give_up_at, now=now)
        except ConfigError as error:
            self.given_up[name] = str(error)
            return
        self.sent += handed.sent
        left = next_due(self.desk.ledger, channel=name, now=now) is not None or self._due(name, now)
        if left:
            self.given_up[name] = handed.stopped or "it did not take every message"


def _nap(seconds: float) -> None:
    """Wait, but look again soon: another relay may have sent the rest meanwhile."""
    time.sleep(min(seconds, NAP_S))


def _headline(desk: Desk, result: CycleResult) -> str:
    local = result.valid_at.astimezone(desk.timezone)
    levels = (Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE, Level.UNKNOWN)
    counts = " ".join(f"{level} {result.counts[str(level)]}" for level in levels if result.counts.get(str(level)))
    messages = sum(record.action.is_mailed for record in result.records)
    return f"{local:%d %b %H:%M} {counts or 'quiet'}" + (f", {messages} bulletins" if messages else "")
