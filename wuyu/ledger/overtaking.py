"""A later revision overtakes what is still open of an earlier one: an old level never arrives after a new one.

The notice that a warning has ended is kept back by nothing of its own warning. Only a newer warning of the same place
overtakes it on its way to the same reader: an all-clear that came after it would seem to end what has just begun.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import CursorResult, bindparam, or_, select, update
from sqlalchemy.orm import Session

from risk_models.warning.records import Action
from wuyu.ledger.acknowledgements import AckAnswer, AckRequest, Answer, StepKind
from wuyu.ledger.models import LogEntry, Outbox, WarningRow
from wuyu.ledger.types import Approval, OutboxState

__all__ = [
    "CALLED",
    "OPEN_STATES",
    "RAIN_LOST",
    "call_id",
    "escalation_ids",
    "not_needed_any_more",
    "notice_id",
    "notice_ids",
    "withdraw",
    "withdraw_calls",
    "withdraw_escalations",
    "withdraw_older",
]

RAIN_LOST: Final = "rain-lost"
"""Ends the message id of the notice that rain is lost: ``<warning>.rain-lost``, then ``.rain-lost2`` and so on."""
CALLED: Final = "approval-called"
"""What the log calls it when an officer is called to decide."""

_CALL = re.compile(r"(?P<message>.+)\.call(?P<number>\d+)")
_ESCALATIONS: Final = (StepKind.SECOND_CONTACT, StepKind.UPWARD)
OPEN_STATES = (OutboxState.HELD, OutboxState.PENDING, OutboxState.RETRY, OutboxState.AMBIGUOUS)
_ON_ITS_WAY = (
    OutboxState.PENDING,
    OutboxState.RETRY,
    OutboxState.AMBIGUOUS,
    OutboxState.CLAIMED,
    OutboxState.SENT,
)
_ENDS = tuple(str(action) for action in Action if action.is_end)
_ISSUED = (Approval.NOT_NEEDED, Approval.APPROVED)
_LOOK_BACK = timedelta(days=2)  # no message of an older warning can still be open

# Built once: putting them together for every row costs more than the database takes to answer.
_SAME_READER = (
    select(Outbox.message_id)
    .join(WarningRow, WarningRow.message_id == Outbox.message_id)
    .where(Outbox.channel == bindparam("channel"), Outbox.recipient == bindparam("recipient"))
    .where(Outbox.status == bindparam("status"), Outbox.state.in_(_ON_ITS_WAY))
    .order_by(WarningRow.issued_at.desc(), WarningRow.revision.desc())
    .limit(1)
)
_LATER_REVISION = (WarningRow.warning_id == bindparam("warning_id")) & (WarningRow.revision > bindparam("revision"))
_NEWER_WARNING = (
    (WarningRow.area_code == bindparam("area_code"))
    & (WarningRow.warning_id != bindparam("warning_id"))
    & (WarningRow.issued_at > bindparam("issued_at"))
)
_AFTER = _SAME_READER.where(or_(_LATER_REVISION, _NEWER_WARNING))
_AFTER_AN_END = _SAME_READER.where(_NEWER_WARNING, WarningRow.action.not_in(_ENDS))
_ISSUED_LATER = (
    select(WarningRow.message_id)
    .where(_LATER_REVISION, WarningRow.approval_state.in_(_ISSUED), WarningRow.action != str(Action.CON))
    .order_by(WarningRow.revision.desc())
    .limit(1)
)
_SAME_PLACE = select(
    WarningRow.message_id, WarningRow.warning_id, WarningRow.revision, WarningRow.action, WarningRow.issued_at
)
_RECEIVED = (
    select(AckAnswer.id)
    .join(AckRequest, AckRequest.id == AckAnswer.request_id)
    .where(AckRequest.message_id == bindparam("message_id"), AckAnswer.answer == str(Answer.RECEIVED))
    .limit(1)
)


def escalation_ids(message_id: str) -> list[str]:
    """Return the message ids of what may follow a bulletin that nobody answers.

    Examples
    --------
    >>> escalation_ids("E-410103001.r0")
    ['E-410103001.r0.second_contact', 'E-410103001.r0.upward']
    """
    return [f"{message_id}.{kind}" for kind in _ESCALATIONS]


def notice_id(warning_id: str, number: int) -> str:
    """Return the message id of the notice that rain is lost, the `number`-th of one warning.

    Examples
    --------
    >>> notice_id("E-410103001", 1), notice_id("E-410103001", 2)
    ('E-410103001.rain-lost', 'E-410103001.rain-lost2')
    """
    return f"{warning_id}.{RAIN_LOST}{number if number > 1 else ''}"


def notice_ids(session: Session, warning_id: str) -> list[str]:
    """Return the message ids of the notices of one warning that have been decided, oldest first."""
    found: list[str] = []
    while True:
        following = notice_id(warning_id, len(found) + 1)
        if session.scalars(select(Outbox.id).where(Outbox.message_id == following).limit(1)).first() is None:
            return found
        found.append(following)


def call_id(message_id: str, number: int) -> str:
    """Return the message id of the mail that calls an officer, named after the first bulletin it asks about.

    Examples
    --------
    >>> call_id("E-410103001.r0", 0)
    'E-410103001.r0.call0'
    """
    return f"{message_id}.call{number}"


def withdraw_older(session: Session, row: Outbox, *, at: datetime) -> int:
    """Withdraw what `row` overtakes; returns how many rows.

    That is whatever is open for the same recipient of older revisions of its warning and of older warnings of its
    place, and every escalation of older revisions, whoever was to get it. A row that a relay holds just now is left to
    it; if that try fails, the next one finds it overtaken.
    """
    warning = session.scalars(select(WarningRow).where(WarningRow.message_id == row.message_id)).one_or_none()
    if warning is None:
        return 0
    near = session.execute(
        _SAME_PLACE.where(WarningRow.area_code == warning.area_code, WarningRow.id != warning.id).where(
            WarningRow.valid_to >= warning.issued_at - _LOOK_BACK
        )
    ).all()
    older, escalations = _overtaken_messages(warning, near)
    before = {one.warning_id for one in near if one.issued_at < warning.issued_at}
    older += [notice for warning_id in sorted(before) for notice in notice_ids(session, warning_id)]
    if not older and not escalations:
        return 0
    query = select(Outbox).where(
        Outbox.channel == row.channel, Outbox.status == row.status, Outbox.state.in_(OPEN_STATES)
    )
    theirs = (Outbox.recipient == row.recipient) & Outbox.message_id.in_(older)
    found = session.scalars(query.where(or_(theirs, Outbox.message_id.in_(escalations)))).all()
    return sum(withdraw(session, one, f"overtaken by {row.message_id}", at=at) for one in found)


def _overtaken_messages(warning: WarningRow, near: Any) -> tuple[list[str], list[str]]:
    """Return the messages that a revision overtakes for its own recipient, and those it overtakes for everyone."""
    is_end = Action(warning.action).is_end
    older, escalations = [], []
    for one in near:
        ended = Action(one.action).is_end
        if one.warning_id == warning.warning_id:
            if one.revision < warning.revision:
                older += [] if ended else [one.message_id]
                escalations += escalation_ids(one.message_id)
        elif one.issued_at < warning.issued_at and not (ended and is_end):
            older.append(one.message_id)
            escalations += escalation_ids(one.message_id)
    return older, escalations


def withdraw_escalations(session: Session, message_id: str, why: str, *, at: datetime) -> int:
    """Withdraw the escalations of one bulletin that have not left; returns how many."""
    query = select(Outbox).where(Outbox.message_id.in_(escalation_ids(message_id)), Outbox.state.in_(OPEN_STATES))
    return sum(withdraw(session, one, why, at=at) for one in session.scalars(query).all())


def withdraw_calls(session: Session, message_id: str, why: str, *, at: datetime) -> int:
    """Withdraw the mails that call an officer to decide about a bulletin and have not left; returns how many.

    A mail that asks about another bulletin too stays while that one waits.
    """
    calls = [name for entry in _calls(session, message_id) if (name := _mail_of(entry)) and not _asks(session, name)]
    query = select(Outbox).where(Outbox.message_id.in_(calls), Outbox.state.in_(OPEN_STATES))
    return sum(withdraw(session, one, why, at=at) for one in session.scalars(query).all())


def _calls(session: Session, message_id: str) -> list[LogEntry]:
    query = select(LogEntry).where(LogEntry.message_id == message_id, LogEntry.what == CALLED)
    return list(session.scalars(query.order_by(LogEntry.id)))


def _mail_of(entry: LogEntry) -> str:
    return str(entry.detail.get("mail", ""))


def _asks(session: Session, call: str) -> bool:
    """Return True while something waits that the mail of this message id asks about, or if that is not known."""
    found = _CALL.fullmatch(call)
    first = [] if found is None else _calls(session, found["message"])
    moments = [entry.at for entry in first if _mail_of(entry) == call]  # all that one mail asks is logged at once
    query = select(LogEntry).where(LogEntry.what == CALLED, LogEntry.at.in_(moments))
    asked = [entry.message_id for entry in session.scalars(query) if _mail_of(entry) == call]
    waits = select(WarningRow.id).where(WarningRow.message_id.in_(asked), WarningRow.approval_state == Approval.WAITING)
    return not asked or session.scalars(waits.limit(1)).first() is not None


def not_needed_any_more(session: Session, row: Outbox) -> str | None:
    """Return why a row that is due must not go any more, or None.

    A bulletin or notice was overtaken on its way to the same reader; an escalation also if a later bulletin has been
    issued, or somebody has answered; a call to decide if all it asks about has been decided.
    """
    if _CALL.fullmatch(row.message_id):
        return None if _asks(session, row.message_id) else "not needed: it has been decided"
    bulletin, _, kind = row.message_id.rpartition(".")
    is_escalation = kind in _ESCALATIONS
    warning = _about(session, row, bulletin, kind)
    if warning is None:
        return None
    of_warning = {"warning_id": warning.warning_id, "revision": warning.revision}
    after = _AFTER_AN_END if Action(warning.action).is_end and not is_escalation else _AFTER
    reader = {"channel": row.channel, "recipient": row.recipient, "status": row.status}
    place = {"area_code": warning.area_code, "issued_at": warning.issued_at}
    newer = session.scalars(after, of_warning | reader | place).first()
    if newer is None and is_escalation:
        if session.scalars(_RECEIVED, {"message_id": bulletin}).first() is not None:
            return f"not needed: {bulletin} was answered"
        newer = session.scalars(_ISSUED_LATER, of_warning).first()
    return None if newer is None else f"overtaken by {newer}"


def _about(session: Session, row: Outbox, bulletin: str, kind: str) -> WarningRow | None:
    """Return the revision that a row is about: for a notice, the one that stood when it was decided."""
    if kind.startswith(RAIN_LOST):
        stood = (WarningRow.warning_id == bulletin) & (WarningRow.issued_at <= row.decided_at)
        return session.scalars(select(WarningRow).where(stood).order_by(WarningRow.revision.desc()).limit(1)).first()
    message_id = bulletin if kind in _ESCALATIONS else row.message_id
    return session.scalars(select(WarningRow).where(WarningRow.message_id == message_id)).one_or_none()


def withdraw(session: Session, row: Outbox, why: str, *, at: datetime) -> bool:
    """Withdraw a row for a reason; False if it changed meanwhile."""
    said = f"{why} while {row.state}" + (f": {row.last_error}" if row.last_error else "")
    same = (Outbox.id == row.id) & (Outbox.state == row.state) & (Outbox.attempts == row.attempts)
    statement = update(Outbox).where(same).values(state=OutboxState.WITHDRAWN, retry_at=None, last_error=said)
    done = cast("CursorResult[Any]", session.execute(statement.execution_options(synchronize_session=False)))
    if done.rowcount == 0:
        return False
    session.expire(row)
    session.add(
        LogEntry(
            at=at,
            who="outbox",
            what="mail-overtaken",
            event_key=row.event_key,
            message_id=row.message_id,
            detail={"recipient": row.recipient, "why": why},
        )
    )
    session.flush()
    return True
