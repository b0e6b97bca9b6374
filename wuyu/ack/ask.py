"""Ask for an answer: written in the same transaction as the bulletin and its mails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from risk_models.warning.times import answer_minutes
from wuyu.ack.book import standing
from wuyu.ack.content import essentials
from wuyu.ack.links import link_expiry
from wuyu.ledger.acknowledgements import AckRequest, AckStep, StepKind
from wuyu.station import register_of

if TYPE_CHECKING:
    from reports.bulletin import Bulletin
    from risk_models.district.settings import AcknowledgementSettings
    from risk_models.warning.records import WarningRecord
    from wuyu.desk import Desk
    from wuyu.ledger import Decision, Outbox

__all__ = ["ask", "may_answer", "minutes"]


def minutes(record: WarningRecord, settings: AcknowledgementSettings) -> tuple[int, int] | None:
    """Return how long an answer may take and how far the further steps lie apart [min]; None if nothing follows.

    See `risk_models.warning.times.answer_minutes`.

    Parameters
    ----------
    record : WarningRecord
    settings : AcknowledgementSettings
    """
    allowed = answer_minutes(record, {str(name): value for name, value in settings.deadline_min.items()})
    if allowed is None:
        return None
    step = answer_minutes(record, {str(name): value for name, value in settings.next_step_min.items()})
    return allowed, allowed if step is None else step


def ask(
    desk: Desk, decision: Decision, record: WarningRecord, bulletin: Bulletin, mails: Iterable[Outbox]
) -> AckRequest:
    """Write that a bulletin waits for an answer, who was told, and until when; once per bulletin.

    If an earlier bulletin of the same warning still waits, its deadline holds for this one: an update does not set the
    clock back. A bulletin that only prolongs what its readers know (it names no time for an answer) asks for none of
    its own.

    Parameters
    ----------
    desk : Desk
    decision : Decision
        The open transaction.
    record : WarningRecord
    bulletin : Bulletin
        What was issued.
    mails : iterable of Outbox
        Rows of those who are told.
    """
    session, settings = decision.session, desk.settings.acknowledgement
    found = session.scalars(select(AckRequest).where(AckRequest.message_id == record.message_id)).one_or_none()
    if found is not None:
        return found
    town = register_of(desk.district)[record.area_code]
    allowed = minutes(record, settings)
    expires_at = link_expiry(record)
    still_due = _still_due(decision, record)
    due_at = None if allowed is None else decision.now + timedelta(minutes=allowed[0])
    if allowed is not None and bulletin.answer_by is None:
        due_at = still_due
    request = AckRequest(
        message_id=record.message_id,
        district_code=desk.code,
        event_key=record.event_key,
        warning_id=record.warning_id,
        revision=record.revision,
        area_code=record.area_code,
        level=int(record.level),
        is_end=record.action.is_end,
        code=bulletin.code,
        asked_at=decision.now,
        due_at=_not_later(due_at, still_due),
        step_min=0 if allowed is None else allowed[1],
        expires_at=expires_at,
        feedback_until=expires_at + timedelta(days=settings.feedback_days),
        phone=str(town["duty_phone"]),
        content=essentials(bulletin),
    )
    session.add(request)
    session.flush()
    asked = may_answer(town)
    for mail in mails:
        step = AckStep(
            request_id=request.id,
            kind=StepKind.TOLD if mail.recipient in asked else StepKind.INFORMED,
            channel="mail",
            recipient=mail.recipient,
            due_at=decision.now,
            at=decision.now,
            outbox_id=mail.id,
        )
        session.add(step)
    session.flush()
    return request


def may_answer(town: Mapping[str, str | None]) -> frozenset[str]:
    """Return the addresses that may answer for a town of the register: its mailbox and its second contact of today."""
    return frozenset(box for box in (town["mailbox"], town["second_contact"]) if box)


def _still_due(decision: Decision, record: WarningRecord) -> datetime | None:
    """Return the deadline of the bulletin before, if nobody has answered it."""
    query = select(AckRequest.id).where(AckRequest.warning_id == record.warning_id)
    query = query.where(AckRequest.revision < record.revision).order_by(AckRequest.revision.desc()).limit(1)
    before = decision.session.scalars(query).one_or_none()
    if before is None:
        return None
    earlier = standing(decision.session, before)
    return None if earlier.answers else earlier.request.due_at


def _not_later(due_at: datetime | None, earlier: datetime | None) -> datetime | None:
    return due_at if due_at is None or earlier is None else min(due_at, earlier)
