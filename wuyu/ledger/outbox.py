"""The moves of an outbox row: due, claimed by one relay, recorded; each move is one short transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, CursorResult, and_, func, or_, select, update
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.attributes import set_committed_value

from wuyu.ledger.models import Attempt, LogEntry, Outbox, WarningRow
from wuyu.ledger.overtaking import not_needed_any_more, withdraw
from wuyu.ledger.removals import BODY_REMOVED
from wuyu.ledger.store import Ledger
from wuyu.ledger.tasks import OPERATOR_TASK
from wuyu.ledger.types import Approval, OutboxState
from wuyu.messages.purpose import UnknownPurposeError

__all__ = [
    "MOST_COUNTED",
    "Claim",
    "Result",
    "claim",
    "claimed_rows",
    "due_ids",
    "expire",
    "mark_bounced",
    "newest",
    "next_due",
    "reclaim",
    "record",
    "untried",
]

MOST_COUNTED: Final = 1000
"""Rows that are counted without being shown: to count all of a long past would take the longer the longer it is."""

_GOING = (OutboxState.PENDING, OutboxState.RETRY, OutboxState.AMBIGUOUS)
_NOT_NEEDED = "not needed: the first contact was reached"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One row in the hands of one relay. `may_be_second` is True if an earlier try had an unclear end."""

    row: Outbox
    body: bytes
    owner: str
    started_at: datetime
    may_be_second: bool


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a try: the new state, how far the dialogue came, and what the other side said."""

    state: OutboxState
    stage: str
    code: int | None
    text: str
    retry_at: datetime | None = None


def expire(ledger: Ledger, *, now: datetime) -> int:
    """Close every open row whose time is over (`now` of the domain); returns how many.

    Rows that a relay holds are left to it.
    """
    states = (*_GOING, OutboxState.HELD)
    with ledger.writing() as session:
        query = select(Outbox).where(Outbox.state.in_(states), Outbox.expires_at <= now).with_for_update()
        rows = list(session.scalars(query))
        for row in rows:
            row.last_error = f"expired while {row.state}" + (f": {row.last_error}" if row.last_error else "")
            row.state = OutboxState.EXPIRED
            session.add(_entry(row, "mail-expired", at=now, detail={"error": row.last_error}))
        return len(rows)


def newest(
    ledger: Ledger, *, limit: int, states: Sequence[OutboxState] = (), since: datetime | None = None
) -> tuple[list[Outbox], int]:
    """Return the rows queued last, oldest first, and how many older ones are left out, counted up to `MOST_COUNTED`.

    Parameters
    ----------
    ledger : Ledger
    limit : int
        At most so many; 0 for all.
    states : sequence of OutboxState
        Only rows in one of these.
    since : datetime, optional
        Only rows decided then or later (domain time).
    """
    within: list[ColumnElement[bool]] = [] if since is None else [Outbox.decided_at >= since]
    # State by state: then each is read from its newest row on, however many there are.
    parts = [[Outbox.state == str(state), *within] for state in states] or [within]
    rows: list[Outbox] = []
    total = 0
    with ledger.reading() as session:
        for where in parts:
            order = (Outbox.id.desc(),) if since is None else (Outbox.decided_at.desc(), Outbox.id.desc())
            query = select(Outbox).where(*where).order_by(*order)
            rows += session.scalars(query.limit(limit) if limit > 0 else query)
            if limit > 0:
                some = select(Outbox.id).where(*where).limit(limit + MOST_COUNTED).subquery()
                total += session.scalars(select(func.count()).select_from(some)).one()
    rows.sort(key=lambda row: row.id)
    shown = rows[-limit:] if limit > 0 else rows
    return shown, min(MOST_COUNTED, max(0, total - len(shown)))


def claimed_rows(ledger: Ledger, *, channel: str) -> list[Outbox]:
    """Return the rows of `channel` that some relay holds."""
    with ledger.reading() as session:
        query = select(Outbox).where(Outbox.channel == channel, Outbox.state == OutboxState.CLAIMED)
        return list(session.scalars(query.order_by(Outbox.id)))


def reclaim(ledger: Ledger, row: Outbox, *, wall: datetime) -> bool:
    """Take a row from a relay that is gone; it may have sent it, so the row becomes ambiguous.

    Returns
    -------
    bool
        False if another was faster.
    """
    with ledger.writing() as session:
        same = and_(Outbox.id == row.id, Outbox.state == OutboxState.CLAIMED, Outbox.lease_owner == row.lease_owner)
        lost = "the relay ended before it noted the result"
        if not _swap(session, same, state=OutboxState.AMBIGUOUS, lease_owner=None, lease_until=None, last_error=lost):
            return False
        attempt = Attempt(
            outbox_id=row.id,
            number=row.attempts,
            relay=row.lease_owner,
            started_at=None,
            ended_at=wall,
            result=OutboxState.AMBIGUOUS,
            smtp_stage="unknown",
            text=lost,
        )
        session.add(attempt)
        return True


def due_ids(ledger: Ledger, *, channel: str, now: datetime, wall: datetime) -> list[int]:
    """Return the rows that may go: decided by `now` (domain), not put off beyond `wall`; earliest decision first."""
    with ledger.reading() as session:
        query = (
            select(Outbox.id)
            .where(Outbox.channel == channel, Outbox.state.in_(_GOING))
            .where(Outbox.not_before <= now, Outbox.expires_at > now)
            .where(or_(Outbox.retry_at.is_(None), Outbox.retry_at <= wall))
            .order_by(Outbox.not_before, Outbox.priority.desc(), Outbox.id)
        )
        return list(session.scalars(query))


def untried(ledger: Ledger, *, due_before: datetime, now: datetime) -> list[tuple[str, int, datetime]]:
    """Return (channel, rows, earliest time due) of what was due before a time and has never been tried."""
    query = (
        select(Outbox.channel, func.count(), func.min(Outbox.not_before))
        .where(Outbox.state == OutboxState.PENDING, Outbox.attempts == 0)
        .where(Outbox.not_before <= due_before, Outbox.expires_at > now)
        .group_by(Outbox.channel)
        .order_by(Outbox.channel)
    )
    with ledger.reading() as session:
        return [(row[0], row[1], row[2]) for row in session.execute(query)]


def next_due(ledger: Ledger, *, channel: str, now: datetime) -> datetime | None:
    """Return the earliest wall time at which a row put off may be tried again, or None."""
    with ledger.reading() as session:
        query = select(Outbox.retry_at).where(
            Outbox.channel == channel,
            Outbox.state.in_(_GOING),
            Outbox.not_before <= now,
            Outbox.expires_at > now,
            Outbox.retry_at.is_not(None),
        )
        return session.scalars(query.order_by(Outbox.retry_at).limit(1)).one_or_none()


def claim(ledger: Ledger, outbox_id: int, *, owner: str, wall: datetime, lease: timedelta) -> Claim | None:
    """Take a row by compare-and-set; None if another relay was faster, or it is not needed any more.

    A row that is for something this program does not know fails, and becomes a task: it is not sent by a guess.

    Parameters
    ----------
    ledger : Ledger
    outbox_id : int
    owner : str
        Names the relay and its process.
    wall : datetime
        Wall-clock time.
    lease : timedelta
        How long the row stays ours; must be longer than the longest hand-over.
    """
    with ledger.writing() as session:
        before = session.get(Outbox, outbox_id, options=[joinedload(Outbox.content)])
        if before is None or before.state not in _GOING:
            return None
        try:
            why = not_needed_any_more(session, before)
        except UnknownPurposeError as error:
            _give_up(session, before, str(error), at=wall)
            return None
        if why is not None:
            withdraw(session, before, why, at=wall)
            return None
        if not before.content.body:
            _give_up(session, before, BODY_REMOVED, at=wall)
            return None
        tried = before.attempts > 0
        may_be_second = before.state == OutboxState.AMBIGUOUS or (tried and _was_ambiguous(session, outbox_id))
        free = and_(Outbox.id == outbox_id, Outbox.state.in_(_GOING), Outbox.attempts == before.attempts)
        values: dict[str, Any] = {"state": OutboxState.CLAIMED, "retry_at": None, "attempts": before.attempts + 1}
        values |= {"lease_owner": owner, "lease_until": wall + lease}
        if not _swap(session, free, **values):
            return None
        for name, value in values.items():
            set_committed_value(before, name, value)
        body = before.content.body
        return Claim(row=before, body=body, owner=owner, started_at=wall, may_be_second=may_be_second)


def _give_up(session: Session, row: Outbox, why: str, *, at: datetime) -> None:
    """Fail a message that nobody can send, and ask an operator to tell its reader."""
    row.state, row.last_error = OutboxState.FAILED, why
    session.add(_entry(row, "mail-failed", at=at, detail={"recipient": row.recipient, "error": why}))
    task = f"a message was not sent: {why}"
    session.add(_entry(row, OPERATOR_TASK, at=at, detail={"task": task, "recipient": row.recipient}))


def record(ledger: Ledger, held: Claim, result: Result, *, wall: datetime) -> bool:
    """Write the result of a try, and let the stand-in go if the row failed for good.

    Returns
    -------
    bool
        False if the lease was lost meanwhile and another relay took the row; the try is kept all the same.
    """
    row = held.row
    with ledger.writing() as session:
        mine = and_(Outbox.id == row.id, Outbox.state == OutboxState.CLAIMED, Outbox.lease_owner == held.owner)
        mine = and_(mine, Outbox.attempts == row.attempts)
        values: dict[str, Any] = {"smtp_stage": result.stage, "last_code": result.code, "retry_at": result.retry_at}
        values["last_error"] = None if result.state == OutboxState.SENT else result.text
        values["sent_at"] = wall if result.state == OutboxState.SENT else None
        values |= {"state": result.state, "lease_owner": None, "lease_until": None}
        ours = kept = _swap(session, mine, **values)
        if not kept and result.state == OutboxState.SENT:
            # Taken from us as lost, but not tried by another yet: what was accepted need not go again.
            untried = and_(Outbox.id == row.id, Outbox.state == OutboxState.AMBIGUOUS, Outbox.attempts == row.attempts)
            ours = _swap(session, untried, **values)
        if kept or not _is_noted(session, row):
            session.add(_attempt(held, result, wall))
        if not ours:
            session.add(_entry(row, "lease-lost", at=wall, detail={"result": str(result.state)}))
        elif result.state == OutboxState.FAILED:
            detail = {"recipient": row.recipient, "code": result.code, "error": result.text}
            session.add(_entry(row, "mail-failed", at=wall, detail=detail))
            _release_stand_ins(session, row)
        elif result.state == OutboxState.SENT:
            reserve = and_(Outbox.stands_in_for == row.id, Outbox.state == OutboxState.HELD)
            _swap(session, reserve, state=OutboxState.WITHDRAWN, last_error=_NOT_NEEDED)
        return ours


def mark_bounced(session: Session, row: Outbox, *, text: str) -> bool:
    """Mark a row that was accepted but came back as failed; its try and the time of acceptance stay.

    The stand-in that was not needed goes after all.

    Returns
    -------
    bool
        False if the row is not in the state ``sent``.
    """
    accepted = and_(Outbox.id == row.id, Outbox.state == OutboxState.SENT)
    if not _swap(session, accepted, state=OutboxState.FAILED, last_error=f"came back: {text}"):
        return False
    reserve = and_(Outbox.stands_in_for == row.id, Outbox.state == OutboxState.WITHDRAWN)
    _swap(session, and_(reserve, Outbox.last_error == _NOT_NEEDED), state=OutboxState.PENDING, last_error=None)
    return True


def _attempt(held: Claim, result: Result, wall: datetime) -> Attempt:
    return Attempt(
        outbox_id=held.row.id,
        number=held.row.attempts,
        relay=held.owner,
        started_at=held.started_at,
        ended_at=wall,
        result=result.state,
        smtp_stage=result.stage,
        code=result.code,
        text=result.text,
    )


def _release_stand_ins(session: Session, row: Outbox) -> None:
    """Let the mail to the second contact go, unless its warning still waits for an approval."""
    waiting = select(WarningRow.message_id).where(WarningRow.approval_state == Approval.WAITING)
    reserve = and_(Outbox.stands_in_for == row.id, Outbox.state == OutboxState.HELD, Outbox.message_id.not_in(waiting))
    _swap(session, reserve, state=OutboxState.PENDING)


def _is_noted(session: Session, row: Outbox) -> bool:
    """Return True if whoever took the row from us has written our try down as lost."""
    return session.scalars(select(Attempt.id).filter_by(outbox_id=row.id, number=row.attempts)).first() is not None


def _was_ambiguous(session: Session, outbox_id: int) -> bool:
    query = select(Attempt.id).where(Attempt.outbox_id == outbox_id, Attempt.result == OutboxState.AMBIGUOUS)
    return session.scalars(query.limit(1)).first() is not None


def _swap(session: Session, condition: Any, **values: Any) -> bool:
    """Set `values` where `condition` still holds; returns True if it did for any row."""
    statement = update(Outbox).where(condition).values(**values).execution_options(synchronize_session=False)
    return cast("CursorResult[Any]", session.execute(statement)).rowcount > 0


def _entry(row: Outbox, what: str, *, at: datetime, detail: dict[str, Any]) -> LogEntry:
    return LogEntry(at=at, who="relay", what=what, event_key=row.event_key, message_id=row.message_id, detail=detail)
