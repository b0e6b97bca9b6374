"""What comes back: a bounce of a warning in force becomes a task for the operator, and the second contact is told.

"Accepted" by a mail server is not "delivered": the try stays noted as accepted, and the bounce is noted beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wuyu.ack.book import standing
from wuyu.ack.escalation import DueStep, ladder, take_step
from wuyu.ledger.acknowledgements import AckRequest, StepKind
from wuyu.ledger.bounces import Bounce
from wuyu.ledger.contacts import town_contacts
from wuyu.ledger.models import Outbox
from wuyu.ledger.outbox import mark_bounced
from wuyu.ledger.tasks import OPERATOR_TASK
from wuyu.messages.purpose import Purpose, purpose_of
from wuyu.messages.verp import addresses_in
from wuyu.returns.boxes import BODY_MAX_BYTES, MailSource, go_through
from wuyu.returns.status_notices import DeliveryStatus, NoticeOutcome, read_report
from wuyu.station import contacts_of

if TYPE_CHECKING:
    from wuyu.ledger import Decision
    from wuyu.station import Station

__all__ = ["TakenBounce", "take_bounce", "take_bounces"]

#: Tasks that mails about none of ours may raise within an hour; beyond, they are noted only.
_TASKS_MAX: Final = 20
_COUNTS = (NoticeOutcome.BOUNCED, NoticeOutcome.DELAYED, NoticeOutcome.UNCLEAR)
_REPORTS = (*_COUNTS, NoticeOutcome.DELIVERED, NoticeOutcome.RELAYED)
_TO_READ = (NoticeOutcome.AUTOMATIC, NoticeOutcome.NOT_A_REPORT)
_NOT_READ = (NoticeOutcome.TOO_LARGE, NoticeOutcome.UNREADABLE, NoticeOutcome.FAILED)


@dataclass(frozen=True, kw_only=True)
class TakenBounce:
    """What became of one mail of the return box: the row it is about, and whether someone else was told instead."""

    outcome: NoticeOutcome
    outbox_id: int | None = None
    recipient: str = ""
    status: str = ""
    task: bool = False
    told_instead: str = ""


def take_bounces(station: Station, box: MailSource, *, now: datetime, limit: int = 500) -> list[TakenBounce]:
    """Read what is new in the return box; a mail is taken once, however often it is seen.

    Parameters
    ----------
    station : Station
    box : MailSource
        A Maildir or an IMAP folder that takes mail for the district's return domain, and nothing else.
    now : datetime
        Of the domain.
    limit : int
        At most so many mails in one pass.

    Returns
    -------
    list of TakenBounce
        Of the mails not seen before.

    Raises
    ------
    LedgerFaultError, DispatchError
        As `wuyu.returns.boxes.go_through`.
    """
    contacts_of(station)  # before a transaction is open: an old ledger gets them now

    def was_seen(digest: str) -> bool:
        with station.ledger.reading() as session:
            return _was_seen(session, digest)

    def take(raw: bytes | None, digest: str) -> TakenBounce:
        return take_bounce(station, raw, digest, now=now)

    def broke(key: str, digest: str, error: Exception) -> TakenBounce:
        said = f"{key}: {type(error).__name__}: {error}"[:300]
        with station.ledger.decide(now=now, who="bounces") as decision:
            return _set_aside(decision, digest, DeliveryStatus(outcome=NoticeOutcome.FAILED, text=said))

    return go_through(box, limit=limit, was_seen=was_seen, take=take, broke=broke)


def take_bounce(station: Station, raw: bytes | None, digest: str, *, now: datetime) -> TakenBounce:
    """Take one mail that came back, once, as one transaction.

    Parameters
    ----------
    station : Station
    raw : bytes or None
        None if it is too large or cannot be opened.
    digest : str
        Of its bytes.
    now : datetime
        Of the domain.
    """
    with station.ledger.decide(now=now, who="bounces") as decision:
        if _was_seen(decision.session, digest):
            return TakenBounce(outcome=NoticeOutcome.UNKNOWN)
        return _take(station, decision, raw, digest)


def _take(station: Station, decision: Decision, raw: bytes | None, digest: str) -> TakenBounce:
    if raw is None or len(raw) > BODY_MAX_BYTES:
        found = DeliveryStatus(outcome=NoticeOutcome.TOO_LARGE)
    else:
        found = read_report(raw)
    if found.outcome in _NOT_READ:
        return _set_aside(decision, digest, found)
    row = _row_of(decision.session, found, station.settings.mail.return_domain)
    outcome = NoticeOutcome.UNKNOWN if row is None and found.outcome in _REPORTS else found.outcome
    decision.session.add(
        Bounce(
            sha256=digest,
            at=decision.now,
            outcome=outcome,
            outbox_id=None if row is None else row.id,
            kind="" if found.kind is None else str(found.kind),
            status=found.status,
            text=found.text,
        )
    )
    if row is None or outcome not in (*_COUNTS, *_TO_READ):
        return TakenBounce(outcome=outcome, outbox_id=None if row is None else row.id, status=found.status)
    return _act(station, decision, row, found)


def _act(station: Station, decision: Decision, row: Outbox, found: DeliveryStatus) -> TakenBounce:
    """Note a bounce of a mail of ours; if its warning is in force, raise a task and tell the second contact."""
    said = f"{found.outcome} {found.status} {found.text}".strip()
    if found.outcome is NoticeOutcome.BOUNCED:
        mark_bounced(decision.session, row, text=said)
    facts: dict[str, Any] = {"outbox_id": row.id, "recipient": row.recipient, "status": found.status, "said": said}
    facts |= {"event_key": row.event_key, "message_id": row.message_id}
    what = "mail-returned" if found.outcome in _TO_READ else "mail-bounced"
    decision.log(what, outcome=str(found.outcome), fault=str(found.kind or ""), **facts)
    is_live = row.expires_at > decision.now
    is_lost = found.outcome in (NoticeOutcome.BOUNCED, NoticeOutcome.DELAYED)
    told = _tell_second(station, decision, row) if is_live and is_lost else ""
    if is_live:
        decision.log(OPERATOR_TASK, task=_todo(found, told, purpose_of(row.purpose)), **facts)
    return TakenBounce(
        outcome=found.outcome,
        outbox_id=row.id,
        recipient=row.recipient,
        status=found.status,
        task=is_live,
        told_instead=told,
    )


def _set_aside(decision: Decision, digest: str, found: DeliveryStatus) -> TakenBounce:
    """Note a mail that could not be read, so that those behind it are; a person is told to look at it."""
    hour_ago = decision.now - timedelta(hours=1)
    noted = select(func.count(Bounce.id)).where(Bounce.at > hour_ago, Bounce.outcome.in_(_NOT_READ))
    is_task = decision.session.scalars(noted).one() < _TASKS_MAX
    decision.session.add(Bounce(sha256=digest, at=decision.now, outcome=found.outcome, text=found.text))
    if is_task:
        task = "a mail came back that we cannot read: look at the return box"
        decision.log(OPERATOR_TASK, task=task, outcome=str(found.outcome), said=found.text)
    return TakenBounce(outcome=found.outcome, task=is_task)


_WHOM: Final = {
    Purpose.BULLETIN: "the town",
    Purpose.SECOND_CONTACT: "the town",
    Purpose.NOW: "the town, where water stands now",
    Purpose.RAIN_LOST: "the reader",
    Purpose.UPWARD: "the superior",
    Purpose.CALL: "the officer, who has not been asked to decide",
    Purpose.BRIEF: "the reader",
    Purpose.REPORT: "the reader",
    Purpose.WATCH: "the operator",
}


def _todo(found: DeliveryStatus, told: str, purpose: Purpose) -> str:
    """Say in one sentence what an officer should do."""
    whom = _WHOM[purpose]
    instead = f"; {told} was told instead" if told else f"; nobody was told instead: call {whom}"
    if found.outcome in _TO_READ:
        return (
            f"a mail that is no delivery report came to our return address: read it in the return box, or call {whom}"
        )
    if found.outcome is NoticeOutcome.UNCLEAR:
        return f"a mail came back in no known form: look at the return box and call {whom}"
    if found.kind == "policy":
        return f"refused by policy: look at our own sender authentication{instead}"
    if found.kind == "soft":
        return f"the box cannot take mail now: call {whom}{instead}"
    return f"the address is wrong: correct it in the district's {_WHERE[purpose]}{instead}"


_WHERE: Final = {
    Purpose.BULLETIN: "towns",
    Purpose.SECOND_CONTACT: "towns",
    Purpose.NOW: "towns",
    Purpose.RAIN_LOST: "towns",
    Purpose.UPWARD: "settings",
    Purpose.CALL: "duty chain",
    Purpose.BRIEF: "towns and settings",
    Purpose.REPORT: "towns and departments",
    Purpose.WATCH: "settings",
}


def _tell_second(station: Station, decision: Decision, row: Outbox) -> str:
    """Tell the second contact of the town, if it has one that was not told yet; returns the address told."""
    if row.purpose != Purpose.BULLETIN:
        return ""
    query = select(AckRequest.id).where(AckRequest.message_id == row.about)
    request_id = decision.session.scalars(query).one_or_none()
    if request_id is None:
        return ""
    waiting = standing(decision.session, request_id)
    taken = {(step.kind, step.recipient) for step in waiting.steps}
    town = town_contacts(decision.session, station.code).get(waiting.request.area_code)
    contacts = [one for rung in ladder(station.settings, town) for one in rung]
    second = next((one for one in contacts if one.kind is StepKind.SECOND_CONTACT and one.mailbox), None)
    if second is None or (second.kind, second.recipient) in taken or not waiting.is_open(decision.now):
        return ""
    take_step(station, decision, waiting, DueStep(second, decision.now))
    return second.mailbox


def _row_of(session: Session, found: DeliveryStatus, domain: str | None) -> Outbox | None:
    """Return the row a report is about: by our return address, else by Message-ID and recipient together."""
    for address in addresses_in(found.returned_to, domain) if domain else []:
        row = session.scalars(select(Outbox).where(Outbox.sender == address)).first()
        if row is not None:
            return row
    if not found.message_id or not found.recipients:
        return None
    rows = session.scalars(select(Outbox).where(Outbox.mail_message_id == found.message_id)).all()
    return next((row for row in rows if row.recipient.lower() in found.recipients), None)


def _was_seen(session: Session, digest: str) -> bool:
    return session.scalars(select(Bounce.id).where(Bounce.sha256 == digest)).first() is not None
