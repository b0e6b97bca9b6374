"""Who stands behind each warning, from the ledger: the only reading of approvals, sendings and answers as a state."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from risk_models.levels import Level
from risk_models.warning.authority import Authority, Revision, states_at
from risk_models.warning.records import Action
from wuyu.ledger.acknowledgements import AckAnswer, AckRequest
from wuyu.ledger.arrival import MAY_HAVE_ARRIVED
from wuyu.ledger.models import Outbox, WarningRow
from wuyu.ledger.types import MAY_LEAVE, Approval
from wuyu.messages.purpose import Purpose

__all__ = ["revision_of", "revisions", "standing_at"]


LONGEST_STANDING = timedelta(days=31)
"""A warning that was decided, and whose end has passed, so long ago stands no more, signed or not."""


def revisions(session: Session, *, district_code: str | None = None, since: datetime | None = None) -> list[Revision]:
    """Return what is known of the revisions, in the order of their decision.

    Parameters
    ----------
    session : Session
    district_code : str, optional
        Only those of one district; one ledger may hold several.
    since : datetime, optional
        Only those decided or still in force since then.
    """
    which: list[ColumnElement[bool]] = []
    if district_code is not None:
        which.append(WarningRow.event_key.startswith(f"{district_code}-", autoescape=True))
    if since is not None:
        which.append(or_(WarningRow.issued_at >= since, WarningRow.valid_to > since))
    rows = sorted(session.scalars(select(WarningRow).where(*which)), key=lambda row: row.id)
    mine = select(WarningRow.message_id).where(*which)
    bulletins = select(Outbox.about).where(Outbox.about.in_(mine), Outbox.purpose == Purpose.BULLETIN, MAY_HAVE_ARRIVED)
    sent = set(session.scalars(bulletins))
    first = select(AckRequest.message_id, func.min(AckAnswer.at)).join(AckAnswer, AckAnswer.request_id == AckRequest.id)
    first = first.where(AckRequest.message_id.in_(mine)).group_by(AckRequest.message_id)
    answered = {row[0]: row[1] for row in session.execute(first)}
    return [revision_of(row, is_sent=row.message_id in sent, answered_at=answered.get(row.message_id)) for row in rows]


def revision_of(row: WarningRow, *, is_sent: bool = False, answered_at: datetime | None = None) -> Revision:
    """Return what is known of one revision; an approval of no known word is no signature.

    Parameters
    ----------
    row : WarningRow
    is_sent : bool
    answered_at : datetime or None
    """
    needs_officer = row.approval_state != Approval.NOT_NEEDED
    signed_at = row.approved_at if needs_officer else row.issued_at
    return Revision(
        warning_id=row.warning_id,
        revision=row.revision,
        action=Action(row.action),
        area_code=row.area_code,
        level=Level(row.level),
        issued_at=row.issued_at,
        valid_to=row.valid_to,
        supersedes=row.supersedes,
        signed_at=signed_at if row.approval_state in MAY_LEAVE else None,
        refused_at=row.approved_at if row.approval_state == Approval.REFUSED else None,
        is_sent=is_sent,
        answered_at=answered_at,
    )


def standing_at(session: Session, at: datetime) -> list[tuple[Revision, Authority]]:
    """Return the warnings that are in force or wait for a signature at a time."""
    states = states_at(revisions(session, since=at - LONGEST_STANDING), at)
    return [(one, state) for one, state in states if state.is_in_force or state is Authority.WAITING]
