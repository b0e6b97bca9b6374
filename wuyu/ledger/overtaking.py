"""A later revision overtakes what is still open of an earlier one: an old level never arrives after a new one.

The notice that a warning has ended is kept back by nothing of its own warning. Only a newer warning of the same place
overtakes it on its way to the same reader: an all-clear that came after it would seem to end what has just begun.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import CursorResult, bindparam, or_, select, update
from sqlalchemy.orm import Session

from risk_models.warning.records import Action
from wuyu.ledger.acknowledgements import AckAnswer, AckRequest, Answer, StepKind
from wuyu.ledger.models import LogEntry, Outbox, WarningRow
from wuyu.ledger.types import Approval, OutboxState

__all__ = [
    "RAIN_LOST",
    "escalation_ids",
    "not_needed_any_more",
    "withdraw",
    "withdraw_escalations",
    "withdraw_older",
]

RAIN_LOST: Final = "rain-lost"
"""Ends the message id of the notice that rain is lost: ``<warning>.rain-lost``."""

_ESCALATIONS: Final = (StepKind.SECOND_CONTACT, StepKind.UPWARD)
_OPEN = (OutboxState.HELD, OutboxState.PENDING, OutboxState.RETRY, OutboxState.AMBIGUOUS)
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
    if not older and not escalations:
        return 0
    query = select(Outbox).where(Outbox.channel == row.channel, Outbox.status == row.status, Outbox.state.in_(_OPEN))
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
    notices = {f"{one.warning_id}.{RAIN_LOST}" for one in (warning, *near) if one.issued_at < warning.issued_at}
    return [*older, *sorted(notices)], escalations


def withdraw_escalations(session: Session, message_id: str, why: str, *, at: datetime) -> int:
    """Withdraw the escalations of one bulletin that have not left; returns how many."""
    query = select(Outbox).where(Outbox.message_id.in_(escalation_ids(message_id)), Outbox.state.in_(_OPEN))
    return sum(withdraw(session, one, why, at=at) for one in session.scalars(query).all())


def not_needed_any_more(session: Session, row: Outbox) -> str | None:
    """Return why a row that is due must not go any more, or None.

    A bulletin or notice was overtaken on its way to the same reader; an escalation also if a later bulletin has been
    issued, or somebody has answered.
    """
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
    if kind == RAIN_LOST:
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
