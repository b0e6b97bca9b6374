"""What comes back: a bounce of a warning in force becomes a task for the operator, and the second contact is told.

"Accepted" by a mail server is not "delivered": the try stays noted as accepted, and the bounce is noted beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from sqlalchemy import select
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
from wuyu.returns.status_notices import DeliveryStatus, NoticeOutcome, read_report
from wuyu.station import contacts_of

if TYPE_CHECKING:
    from wuyu.ledger import Decision
    from wuyu.station import Station

__all__ = ["ReturnBox", "TakenBounce", "take_bounces"]

_BODY_MAX_BYTES = 2_000_000
_COUNTS = (NoticeOutcome.BOUNCED, NoticeOutcome.DELAYED, NoticeOutcome.UNCLEAR)


class ReturnBox(Protocol):
    """A mailbox: gives raw mails one by one, and is told when one was dealt with."""

    def mails(self) -> Iterator[tuple[str, bytes | None]]:
        """Give (key, raw bytes) of each new mail; None for one that is too large."""

    def done(self, key: str) -> None:
        """Mark a mail as dealt with."""


@dataclass(frozen=True, kw_only=True)
class TakenBounce:
    """What became of one mail of the return box: the row it is about, and whether someone else was told instead."""

    outcome: NoticeOutcome
    outbox_id: int | None = None
    recipient: str = ""
    status: str = ""
    task: bool = False
    told_instead: str = ""


def take_bounces(station: Station, box: ReturnBox, *, now: datetime, limit: int = 500) -> list[TakenBounce]:
    """Read what is new in the return box; a mail is taken once, however often it is seen.

    Parameters
    ----------
    station : Station
    box : ReturnBox
        A Maildir or an IMAP folder that takes mail for the district's return domain, and nothing else.
    now : datetime
        Of the domain.
    limit : int
        At most so many mails in one pass.

    Returns
    -------
    list of TakenBounce
        Of the mails not seen before.
    """
    contacts_of(station)  # before a transaction is open: an old ledger gets them now
    taken = []
    for count, (key, raw) in enumerate(box.mails()):
        if count >= limit:
            break
        digest = hashlib.sha256(raw if raw is not None else key.encode()).hexdigest()
        with station.ledger.decide(now=now, who="bounces") as decision:
            if not _was_seen(decision.session, digest):
                taken.append(_take(station, decision, raw, digest))
        box.done(key)
    return taken


def _take(station: Station, decision: Decision, raw: bytes | None, digest: str) -> TakenBounce:
    if raw is None or len(raw) > _BODY_MAX_BYTES:
        found = DeliveryStatus(outcome=NoticeOutcome.TOO_LARGE)
    else:
        found = read_report(raw)
    row = _row_of(decision.session, found, station.settings.mail.return_domain)
    is_report = found.outcome in (*_COUNTS, NoticeOutcome.DELIVERED)
    outcome = NoticeOutcome.UNKNOWN if row is None and is_report else found.outcome
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
    if row is None or outcome not in _COUNTS:
        return TakenBounce(outcome=outcome, outbox_id=None if row is None else row.id, status=found.status)
    return _act(station, decision, row, found)


def _act(station: Station, decision: Decision, row: Outbox, found: DeliveryStatus) -> TakenBounce:
    """Note a bounce of a mail of ours; if its warning is in force, raise a task and tell the second contact."""
    said = f"{found.outcome} {found.status} {found.text}".strip()
    if found.outcome is NoticeOutcome.BOUNCED:
        mark_bounced(decision.session, row, text=said)
    facts: dict[str, Any] = {"outbox_id": row.id, "recipient": row.recipient, "status": found.status, "said": said}
    facts |= {"event_key": row.event_key, "message_id": row.message_id}
    decision.log("mail-bounced", outcome=str(found.outcome), fault=str(found.kind or ""), **facts)
    is_live = row.expires_at > decision.now
    told = _tell_second(station, decision, row) if is_live and found.outcome is not NoticeOutcome.UNCLEAR else ""
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


_WHOM: Final = {
    Purpose.BULLETIN: "the town",
    Purpose.SECOND_CONTACT: "the town",
    Purpose.RAIN_LOST: "the reader",
    Purpose.UPWARD: "the superior",
    Purpose.CALL: "the officer, who has not been asked to decide",
    Purpose.REPORT: "the reader",
    Purpose.WATCH: "the operator",
}


def _todo(found: DeliveryStatus, told: str, purpose: Purpose) -> str:
    """Say in one sentence what an officer should do."""
    whom = _WHOM[purpose]
    instead = f"; {told} was told instead" if told else f"; nobody was told instead: call {whom}"
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
    Purpose.RAIN_LOST: "towns",
    Purpose.UPWARD: "settings",
    Purpose.CALL: "duty chain",
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
