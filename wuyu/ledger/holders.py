"""Who holds a warning: everyone whom any message about it may have reached, whoever has joined or left since."""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from risk_models.warning.records import WarningRecord
from wuyu.ledger.arrival import MAY_HAVE_ARRIVED
from wuyu.ledger.models import Outbox, WarningRow
from wuyu.ledger.types import OutboxState
from wuyu.messages.purpose import ESCALATIONS, Purpose

__all__ = ["holder_channels", "holders"]

_WILL_BE_TRIED = (OutboxState.PENDING, OutboxState.RETRY)
_WARNS = (Purpose.BULLETIN, *ESCALATIONS)


def holders(session: Session, record: WarningRecord, channel: str) -> list[str]:
    """Return whom an earlier message of a warning reached, or may have reached, by one channel.

    A bulletin that has not left yet counts: its reader gets the new one in its place. An escalation counts only if it
    may have arrived, for one that has not left is withdrawn. What was certainly refused reached nobody. The warning
    whose place this one took, without an end of its own, is looked at too.

    Parameters
    ----------
    session : Session
    record : WarningRecord
        The revision that is about to be sent.
    channel : str

    Returns
    -------
    list of str
        In the order in which they were first told.
    """
    query = select(Outbox.recipient).where(Outbox.channel == channel, _reached(_revisions(session, record)))
    return list(dict.fromkeys(session.scalars(query.order_by(Outbox.id))))


def holder_channels(session: Session, record: WarningRecord) -> list[str]:
    """Return the channels by which an earlier message of a warning reached, or may have reached, anybody."""
    query = select(Outbox.channel).where(_reached(_revisions(session, record))).distinct()
    return sorted(session.scalars(query))


def _reached(revisions: list[str]) -> ColumnElement[bool]:
    going = (Outbox.purpose == Purpose.BULLETIN) & Outbox.state.in_(_WILL_BE_TRIED)
    return Outbox.about.in_(revisions) & Outbox.purpose.in_(_WARNS) & or_(MAY_HAVE_ARRIVED, going)


def _revisions(session: Session, record: WarningRecord) -> list[str]:
    """Return the message ids of earlier revisions, also of the warnings whose place this one took."""
    columns = select(WarningRow.message_id, WarningRow.revision, WarningRow.supersedes).order_by(WarningRow.revision)
    warning_id: str | None = record.warning_id
    found, before = [], record.supersedes if record.revision == 0 else None
    seen: set[str] = set()
    while warning_id is not None and warning_id not in seen:
        seen.add(warning_id)
        rows = session.execute(columns.where(WarningRow.warning_id == warning_id)).all()
        is_first = warning_id == record.warning_id
        found += [row.message_id for row in rows if not is_first or row.revision < record.revision]
        before = next((row.supersedes for row in rows if row.revision == 0), before)
        superseded = select(WarningRow.warning_id).where(WarningRow.message_id == before)
        warning_id = session.scalars(superseded).one_or_none()  # of an earlier hour each time, so that this ends
        before = None
    return found
