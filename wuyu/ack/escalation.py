"""No answer by the deadline: the second contact, the phone list of the duty desk, then upward; an answer stops it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from wuyu.ack.book import Standing, standing, standings
from wuyu.ack.mail import escalation_mail
from wuyu.ack.water import take_unanswered
from wuyu.ledger.acknowledgements import AckStep, Answer, StepKind
from wuyu.ledger.types import OutboxState
from wuyu.station import contacts_of

if TYPE_CHECKING:
    from risk_models.district.settings import DistrictSettings
    from wuyu.ledger import Decision, TownContact
    from wuyu.station import Station

__all__ = ["Contact", "DueStep", "escalate", "ladder", "next_steps", "take_step"]


@dataclass(frozen=True)
class Contact:
    """Someone to turn to: by mail if there is an address, else by telephone."""

    kind: StepKind
    name: str
    mailbox: str = ""
    phone: str = ""

    @property
    def recipient(self) -> str:
        """Address or number; names the step."""
        return self.mailbox or self.phone


@dataclass(frozen=True)
class DueStep:
    """A step whose time has come."""

    contact: Contact
    due_at: datetime


def next_steps(now_standing: Standing, rungs: Sequence[Sequence[Contact]], now: datetime) -> list[DueStep]:
    """Say which steps are due now and have not been taken; pure.

    The first rung is due at the deadline, each further one `step_min` later. If no mail so far could be delivered, the
    next rung is due at once: nobody has been told. A town that answers that it cannot act needs no reminder but help:
    only the last rung is climbed, at once.

    Parameters
    ----------
    now_standing : Standing
    rungs : sequence of sequences of Contact
        The ladder, without empty rungs.
    now : datetime

    Returns
    -------
    list of DueStep
        In the order of the ladder.
    """
    request = now_standing.request
    if not now_standing.is_open(now):
        return []
    taken = {(step.kind, step.recipient) for step in now_standing.steps}
    helpless = next((answer for answer in now_standing.answers if answer.answer == Answer.CANNOT_ACT), None)
    if helpless is not None:
        last = [contact for rung in rungs for contact in rung if contact.kind is StepKind.UPWARD]
        return [DueStep(one, helpless.at) for one in last if (one.kind, one.recipient) not in taken]
    if request.due_at is None:
        return []
    asked = [step for step in now_standing.steps if step.kind != StepKind.INFORMED]
    nobody_told = bool(asked) and all(step.id in now_standing.unreached for step in asked)
    steps: list[DueStep] = []
    for index, rung in enumerate(rungs):
        due_at = request.due_at + timedelta(minutes=request.step_min * index)
        missing = [contact for contact in rung if (contact.kind, contact.recipient) not in taken]
        if missing and nobody_told:
            due_at, nobody_told = min(due_at, now), False
        if now >= due_at:
            steps += [DueStep(contact, due_at) for contact in missing]
    return steps


def ladder(settings: DistrictSettings, town: TownContact | None) -> list[list[Contact]]:
    """Return whom to turn to for a town, rung by rung; who is not known has no rung.

    Parameters
    ----------
    settings : DistrictSettings
    town : TownContact or None
        None if the ledger knows no such town.
    """
    upward = [
        Contact(StepKind.UPWARD, one.name, mailbox=one.mailbox or "", phone=one.phone)
        for one in settings.acknowledgement.upward
    ]
    upward = list({one.recipient: one for one in upward}.values())
    upward = upward or [Contact(StepKind.UPWARD, settings.district.bureau.zh)]
    if town is None or town.has_left:
        return [upward]  # the town has left the district since; it must not keep the others from being looked after
    phone = Contact(StepKind.PHONE, town.town_name, phone=town.duty_phone)
    if town.second_contact in (None, town.mailbox):
        return [[phone], upward]
    second = Contact(StepKind.SECOND_CONTACT, town.town_name, mailbox=town.second_contact)
    return [[second], [phone], upward]


def escalate(station: Station, now: datetime) -> list[AckStep]:
    """Take every step that is due; calling it again changes nothing. Live it runs every minute, in a replay every hour.

    A message that water stands and was not answered in time becomes a task: nobody else is written to.

    Parameters
    ----------
    station : Station
        For ledger, settings and the files of the bulletins.
    now : datetime
        Aware; of the domain.

    Returns
    -------
    list of AckStep
        Taken now.

    Raises
    ------
    BadInputError
        As `wuyu.station.contacts_of`.
    """
    take_unanswered(station, now)
    open_now = standings(station.ledger, district_code=station.code, open_at=now)
    contacts: Mapping[str, TownContact] = contacts_of(station) if open_now else {}
    taken: list[AckStep] = []
    for waiting in open_now:
        rungs = ladder(station.settings, contacts.get(waiting.request.area_code))
        if not next_steps(waiting, rungs, now):
            continue
        with station.ledger.decide(now=now, who="escalation") as decision:
            fresh = standing(decision.session, waiting.request.id)  # an answer may have come meanwhile
            taken += [take_step(station, decision, fresh, step) for step in next_steps(fresh, rungs, now)]
    return taken


def take_step(station: Station, decision: Decision, waiting: Standing, due: DueStep) -> AckStep:
    """Take one step within the caller's transaction: queue its mail if there is one, and write the step down."""
    request, contact = waiting.request, due.contact
    outbox_id, note = None, ""
    if contact.mailbox:
        mail = escalation_mail(station, waiting, contact.kind, contact.mailbox, now=decision.now)
        row = decision.queue(
            mail, expires_at=request.expires_at, priority=max(request.level, 0), event_key=request.event_key
        )
        outbox_id, note = row.id, (row.last_error or "") if row.state == OutboxState.FAILED else ""
    step = AckStep(
        request_id=request.id,
        kind=contact.kind,
        channel="mail" if contact.mailbox else "phone",
        recipient=contact.recipient,
        name=f"{contact.name} {contact.phone if contact.mailbox else ''}".strip(),
        due_at=due.due_at,
        at=decision.now,
        outbox_id=outbox_id,
        note=note,
    )
    decision.session.add(step)
    decision.log(
        "ack-escalated",
        event_key=request.event_key,
        message_id=request.message_id,
        step=str(contact.kind),
        due_at=due.due_at.isoformat(),
    )
    decision.session.flush()
    return step
