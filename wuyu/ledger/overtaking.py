"""A later revision overtakes what is still open of an earlier one: an old level never arrives after a new one.

The notice that a warning has ended is kept back by nothing of its own warning. Only a newer warning of the same place
overtakes it on its way to the same reader: an all-clear that came after it would seem to end what has just begun.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import CursorResult, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from risk_models.warning.records import Action
from wuyu.ledger.acknowledgements import AckAnswer, AckRequest, Answer
from wuyu.ledger.arrival import MAY_HAVE_ARRIVED
from wuyu.ledger.models import LogEntry, Outbox, WarningRow
from wuyu.ledger.types import MAY_LEAVE, Approval, OutboxState
from wuyu.messages.purpose import ESCALATIONS, Purpose, purpose_of

__all__ = [
    "CALLED",
    "OPEN_STATES",
    "not_needed_any_more",
    "notice_ids",
    "withdraw",
    "withdraw_calls",
    "withdraw_escalations",
    "withdraw_older",
]

CALLED: Final = "approval-called"
"""What the log calls it when an officer is called to decide."""

OPEN_STATES = (OutboxState.HELD, OutboxState.PENDING, OutboxState.RETRY, OutboxState.AMBIGUOUS)
_WILL_BE_TRIED = (OutboxState.PENDING, OutboxState.RETRY)
_ENDS = tuple(str(action) for action in Action if action.is_end)

# Built once: putting them together for every row costs more than the database takes to answer.
_SAME_READER = (
    select(Outbox.message_id)
    .join(WarningRow, WarningRow.message_id == Outbox.about)
    .where(Outbox.purpose == Purpose.BULLETIN)
    .where(Outbox.channel == bindparam("channel"), Outbox.recipient == bindparam("recipient"))
    .where(Outbox.status == bindparam("status"), or_(Outbox.state.in_(_WILL_BE_TRIED), MAY_HAVE_ARRIVED))
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
    .where(_LATER_REVISION, WarningRow.approval_state.in_(MAY_LEAVE), WarningRow.action != str(Action.CON))
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


def notice_ids(session: Session, warning_id: str) -> list[str]:
    """Return the message ids of the notices of one warning that rain is lost, oldest first."""
    query = (
        select(Outbox.message_id)
        .join(WarningRow, WarningRow.message_id == Outbox.about)
        .where(WarningRow.warning_id == warning_id, Outbox.purpose == Purpose.RAIN_LOST)
        .group_by(Outbox.message_id)
        .order_by(func.min(Outbox.id))
    )
    return list(session.scalars(query))


def withdraw_older(session: Session, row: Outbox, *, at: datetime) -> int:
    """Withdraw what `row` overtakes; returns how many rows.

    That is whatever is open for the same recipient of older revisions of its warning and of older warnings of its
    place, and every escalation of older revisions, whoever was to get it. A row that a relay holds just now is left to
    it; if that try fails, the next one finds it overtaken.
    """
    warning = _warning(session, row.about)
    if warning is None or row.purpose != Purpose.BULLETIN:
        return 0
    open_rows = (Outbox.channel == row.channel, Outbox.status == row.status, Outbox.state.in_(OPEN_STATES))
    near = session.execute(
        _SAME_PLACE.where(WarningRow.area_code == warning.area_code, WarningRow.id != warning.id).where(
            WarningRow.message_id.in_(select(Outbox.about).where(*open_rows))
        )
    ).all()
    for_reader, for_everyone = _overtaken(warning, near)
    before = [one.message_id for one in near if one.issued_at < warning.issued_at]
    if not for_reader and not for_everyone and not before:
        return 0
    theirs = (Outbox.recipient == row.recipient) & or_(
        Outbox.about.in_(for_reader) & (Outbox.purpose == Purpose.BULLETIN),
        Outbox.about.in_(before) & (Outbox.purpose == Purpose.RAIN_LOST),
    )
    anyone = Outbox.about.in_(for_everyone) & Outbox.purpose.in_(ESCALATIONS)
    found = session.scalars(select(Outbox).where(*open_rows, or_(theirs, anyone))).all()
    return sum(withdraw(session, one, f"overtaken by {row.message_id}", at=at) for one in found)


def _overtaken(warning: WarningRow, near: Any) -> tuple[list[str], list[str]]:
    """Return the revisions whose bulletins one overtakes for its reader, and whose escalations for everyone."""
    is_end = Action(warning.action).is_end
    for_reader, for_everyone = [], []
    for one in near:
        ended = Action(one.action).is_end
        if one.warning_id == warning.warning_id:
            if one.revision < warning.revision:
                for_reader += [] if ended else [one.message_id]
                for_everyone.append(one.message_id)
        elif one.issued_at < warning.issued_at and not (ended and is_end):
            for_reader.append(one.message_id)
            for_everyone.append(one.message_id)
    return for_reader, for_everyone


def withdraw_escalations(session: Session, message_id: str, why: str, *, at: datetime) -> int:
    """Withdraw the escalations of one bulletin that have not left; returns how many."""
    query = select(Outbox).where(
        Outbox.about == message_id, Outbox.purpose.in_(ESCALATIONS), Outbox.state.in_(OPEN_STATES)
    )
    return sum(withdraw(session, one, why, at=at) for one in session.scalars(query).all())


def withdraw_calls(session: Session, message_id: str, why: str, *, at: datetime) -> int:
    """Withdraw the mails that call an officer to decide about a bulletin and have not left; returns how many.

    A mail that asks about another bulletin too stays while that one waits.
    """
    names = {_mail_of(entry) for entry in _calls(session, message_id)}
    query = select(Outbox).where(
        Outbox.message_id.in_(names), Outbox.purpose == Purpose.CALL, Outbox.state.in_(OPEN_STATES)
    )
    calls = [one for one in session.scalars(query).all() if not _asks(session, one)]
    return sum(withdraw(session, one, why, at=at) for one in calls)


def _calls(session: Session, message_id: str) -> list[LogEntry]:
    query = select(LogEntry).where(LogEntry.message_id == message_id, LogEntry.what == CALLED)
    return list(session.scalars(query.order_by(LogEntry.id)))


def _mail_of(entry: LogEntry) -> str:
    return str(entry.detail.get("mail", ""))


def _asks(session: Session, call: Outbox) -> bool:
    """Return True while something waits that a call asks about, or if that is not known."""
    first = _calls(session, call.about)
    moments = [entry.at for entry in first if _mail_of(entry) == call.message_id]  # one mail is logged at one moment
    query = select(LogEntry).where(LogEntry.what == CALLED, LogEntry.at.in_(moments))
    asked = [entry.message_id for entry in session.scalars(query) if _mail_of(entry) == call.message_id]
    waits = select(WarningRow.id).where(WarningRow.message_id.in_(asked), WarningRow.approval_state == Approval.WAITING)
    return not asked or session.scalars(waits.limit(1)).first() is not None


def not_needed_any_more(session: Session, row: Outbox) -> str | None:
    """Return why a row that is due must not go any more, or None.

    A bulletin or notice was overtaken on its way to the same reader; an escalation also if a later bulletin has been
    issued, or somebody has answered; a call to decide if all it asks about has been decided.

    Raises
    ------
    UnknownPurposeError
        If the row is for nothing that this program knows, so that nobody can say what overtakes it.
    """
    match purpose_of(row.purpose):
        case Purpose.NOW | Purpose.BRIEF | Purpose.REPORT | Purpose.WATCH:
            return None
        case Purpose.CALL:
            return None if _asks(session, row) else "not needed: it has been decided"
        case Purpose.BULLETIN | Purpose.RAIN_LOST:
            return _overtaken_by(session, row, is_escalation=False)
        case Purpose.SECOND_CONTACT | Purpose.UPWARD:
            return _overtaken_by(session, row, is_escalation=True)


def _overtaken_by(session: Session, row: Outbox, *, is_escalation: bool) -> str | None:
    warning = _warning(session, row.about)
    if warning is None:
        return None
    of_warning = {"warning_id": warning.warning_id, "revision": warning.revision}
    after = _AFTER_AN_END if Action(warning.action).is_end and not is_escalation else _AFTER
    reader = {"channel": row.channel, "recipient": row.recipient, "status": row.status}
    place = {"area_code": warning.area_code, "issued_at": warning.issued_at}
    newer = session.scalars(after, of_warning | reader | place).first()
    if newer is None and is_escalation:
        if session.scalars(_RECEIVED, {"message_id": row.about}).first() is not None:
            return f"not needed: {row.about} was answered"
        newer = session.scalars(_ISSUED_LATER, of_warning).first()
    return None if newer is None else f"overtaken by {newer}"


def _warning(session: Session, message_id: str) -> WarningRow | None:
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
