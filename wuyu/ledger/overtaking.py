"""A later revision overtakes what is still open of an earlier one: an old level never arrives after a new one."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, bindparam, select, update
from sqlalchemy.orm import Session, aliased

from risk_models.warning.records import Action
from wuyu.ledger.models import LogEntry, Outbox, WarningRow
from wuyu.ledger.types import OutboxState

__all__ = ["overtaken_by", "withdraw", "withdraw_older"]

_OPEN = (OutboxState.HELD, OutboxState.PENDING, OutboxState.RETRY, OutboxState.AMBIGUOUS)
_ON_ITS_WAY = (
    OutboxState.PENDING,
    OutboxState.RETRY,
    OutboxState.AMBIGUOUS,
    OutboxState.CLAIMED,
    OutboxState.SENT,
)
_ENDS = tuple(str(action) for action in Action if action.is_end)

# Built once: putting it together for every row costs more than the database takes to answer.
_this, _later = aliased(WarningRow), aliased(WarningRow)
_LATER = (
    select(Outbox.message_id)
    .join(_later, _later.message_id == Outbox.message_id)
    .join(_this, (_this.warning_id == _later.warning_id) & (_this.revision < _later.revision))
    .where(_this.message_id == bindparam("message_id"), _this.action.not_in(_ENDS))
    .where(Outbox.channel == bindparam("channel"), Outbox.recipient == bindparam("recipient"))
    .where(Outbox.state.in_(_ON_ITS_WAY))
    .order_by(_later.revision.desc())
    .limit(1)
)


def withdraw_older(session: Session, row: Outbox, *, at: datetime) -> int:
    """Withdraw what older revisions of the same warning still have open for the same recipient; returns how many.

    The notice that a warning has ended is never withdrawn. A row that a relay holds just now is left to it; if that
    try fails, the next one finds it overtaken.
    """
    warning = session.scalars(select(WarningRow).where(WarningRow.message_id == row.message_id)).one_or_none()
    if warning is None:
        return 0
    older = select(WarningRow.message_id).where(
        WarningRow.warning_id == warning.warning_id,
        WarningRow.revision < warning.revision,
        WarningRow.action.not_in(_ENDS),
    )
    rows = select(Outbox).where(
        Outbox.message_id.in_(older),
        Outbox.channel == row.channel,
        Outbox.recipient == row.recipient,
        Outbox.state.in_(_OPEN),
    )
    return sum(withdraw(session, one, row.message_id, at=at) for one in session.scalars(rows).all())


def overtaken_by(session: Session, row: Outbox) -> str | None:
    """Return the message of a later revision that is on its way to the same recipient, or None."""
    about = {"message_id": row.message_id, "channel": row.channel, "recipient": row.recipient}
    return session.scalars(_LATER, about).first()


def withdraw(session: Session, row: Outbox, newer: str, *, at: datetime) -> bool:
    """Withdraw a row because `newer` overtook it; False if it changed meanwhile."""
    why = f"overtaken by {newer} while {row.state}" + (f": {row.last_error}" if row.last_error else "")
    same = (Outbox.id == row.id) & (Outbox.state == row.state) & (Outbox.attempts == row.attempts)
    statement = update(Outbox).where(same).values(state=OutboxState.WITHDRAWN, retry_at=None, last_error=why)
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
            detail={"recipient": row.recipient, "by": newer},
        )
    )
    session.flush()
    return True
