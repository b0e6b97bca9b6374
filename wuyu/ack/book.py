"""The book of calls: how every request stands, and the only ways in which answers are written into it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from risk_models.errors import ConfigError
from wuyu.ledger.acknowledgements import (
    AckAnswer,
    AckReply,
    AckRequest,
    AckStep,
    Answer,
    FloodReport,
    ReplyOutcome,
    Seen,
    StepKind,
)
from wuyu.ledger.models import LogEntry, Outbox
from wuyu.ledger.overtaking import withdraw_escalations
from wuyu.ledger.sightings import Sighting
from wuyu.ledger.store import Ledger
from wuyu.ledger.types import OutboxState

__all__ = [
    "Observation",
    "Standing",
    "find",
    "flood_reports",
    "headlines",
    "record_answer",
    "record_floods",
    "standing",
    "standings",
]

_CLAIMS = (
    ReplyOutcome.CLAIMED,
    ReplyOutcome.TO_READ,
    ReplyOutcome.AUTOMATIC,
    ReplyOutcome.NO_CODE,
    ReplyOutcome.WRONG_SENDER,
    ReplyOutcome.AMBIGUOUS,
)
_NEVER_REACHED = (OutboxState.FAILED, OutboxState.EXPIRED, OutboxState.WITHDRAWN)


@dataclass(frozen=True)
class Standing:
    """How one request stands.

    Attributes
    ----------
    request : AckRequest
    steps : tuple of AckStep
        In the order they were taken.
    answers : tuple of AckAnswer
        In the order they came.
    superseded : bool
        True if a later bulletin of the same warning has asked anew.
    unreached : frozenset of int
        Ids of the steps whose mail could not be delivered.
    claims : tuple of AckReply
        Mails that say something of it and prove nothing, or that a person must read: shown, and no answers.
    """

    request: AckRequest
    steps: tuple[AckStep, ...]
    answers: tuple[AckAnswer, ...]
    superseded: bool
    unreached: frozenset[int] = frozenset()
    claims: tuple[AckReply, ...] = ()

    @property
    def received(self) -> AckAnswer | None:
        """The first answer that says "received"."""
        return next((answer for answer in self.answers if answer.answer == Answer.RECEIVED), None)

    @property
    def answer(self) -> AckAnswer | None:
        """The answer that counts: the first "received", else the first of any kind."""
        return self.received or next(iter(self.answers), None)

    @property
    def recipients(self) -> tuple[str, ...]:
        """Mail addresses of those of the town who were told; they own a link each."""
        told = (StepKind.TOLD, StepKind.SECOND_CONTACT)
        return tuple(step.recipient for step in self.steps if step.kind in told)

    def answer_of(self, recipient: str) -> AckAnswer | None:
        """Return the answer of one recipient."""
        return next((answer for answer in self.answers if answer.recipient == recipient), None)

    def is_open(self, now: datetime) -> bool:
        """Return True while nobody has said "received", no later bulletin stands, and the time is not over."""
        return self.received is None and not self.superseded and now < self.request.expires_at


@dataclass(frozen=True)
class Observation:
    """What was seen at one hotspot; depth in metres, None if nobody measured or guessed it."""

    hotspot_id: str
    seen: Seen
    depth_m: float | None = None
    seen_at: datetime | None = None


def standing(session: Session, request_id: int) -> Standing:
    """Return how a request stands, locked against others until the end of the session."""
    query = select(AckRequest).where(AckRequest.id == request_id).with_for_update()
    return _load(session, [session.scalars(query).one()])[0]


def find(ledger: Ledger, message_id: str) -> Standing | None:
    """Return how the request of one bulletin stands, or None if there is none."""
    with ledger.reading() as session:
        found = session.scalars(select(AckRequest).where(AckRequest.message_id == message_id)).one_or_none()
        return None if found is None else _load(session, [found])[0]


def standings(
    ledger: Ledger,
    *,
    district_code: str | None = None,
    event_key: str | None = None,
    code: str | None = None,
    told: str | None = None,
    open_at: datetime | None = None,
    ended_after: datetime | None = None,
    with_content: bool = True,
) -> list[Standing]:
    """Return how requests stand, in the order they were made.

    Parameters
    ----------
    ledger : Ledger
    district_code, event_key, code : str, optional
        Only those of a district, an event, the code that a bulletin's files print.
    told : str, optional
        Only those of which this address was told, however it is spelt.
    open_at : datetime, optional
        Only those that wait for an answer at this time.
    ended_after : datetime, optional
        Only those that may be answered until after this time.
    with_content : bool
        False to leave in the ledger what the page shows of each: it is most of a request, and cannot be had then.
    """
    query = select(AckRequest).options(*([] if with_content else [defer(AckRequest.content)]))
    query = query.order_by(AckRequest.asked_at, AckRequest.id)
    for column, value in (
        (AckRequest.district_code, district_code),
        (AckRequest.event_key, event_key),
        (AckRequest.code, code),
    ):
        query = query if value is None else query.where(column == value)
    if told is not None:
        steps = select(AckStep.request_id).where(func.lower(AckStep.recipient) == told.lower())
        query = query.where(AckRequest.id.in_(steps))
    for end in (open_at, ended_after):
        query = query if end is None else query.where(AckRequest.expires_at > end)
    with ledger.reading() as session:
        found = _load(session, list(session.scalars(query)))
    return [one for one in found if open_at is None or one.is_open(open_at)]


def headlines(ledger: Ledger, request_ids: Sequence[int]) -> dict[int, str]:
    """Return the Chinese headlines of some requests by their ids."""
    headline = AckRequest.content[("zh", "headline")].as_string()
    with ledger.reading() as session:
        rows = session.execute(select(AckRequest.id, headline).where(AckRequest.id.in_(request_ids)))
        return {row[0]: row[1] for row in rows}


def record_answer(
    ledger: Ledger,
    request_id: int,
    *,
    recipient: str,
    answer: Answer,
    name: str,
    channel: str,
    now: datetime,
    reason: str = "",
    recorded_by: str = "",
) -> tuple[AckAnswer, bool]:
    """Write an answer; the first of a recipient stands, and so does the first "received" of anyone.

    Parameters
    ----------
    ledger : Ledger
    request_id : int
    recipient : str
        Address or telephone number that was told.
    answer : Answer
    name : str
        Who answers.
    channel : str
        web, mail or phone.
    now : datetime
    reason : str
        Needed for "cannot act".
    recorded_by : str
        The officer who wrote a phone call down.

    Returns
    -------
    answer : AckAnswer
        The one that stands.
    is_new : bool
        False if it stood before; nothing was changed then.

    Raises
    ------
    ConfigError
        If no name is given, or no reason for "cannot act".
    """
    if not name.strip() or (answer is Answer.CANNOT_ACT and not reason.strip()):
        raise ConfigError("an answer needs the name of who answers, and 'cannot act' needs a reason")
    with ledger.writing() as session:
        before = standing(session, request_id)
        stands = before.answer_of(recipient) or before.received
        if stands is not None:
            return stands, False
        row = AckAnswer(
            request_id=request_id,
            recipient=recipient,
            answer=answer,
            name=name.strip(),
            reason=reason.strip(),
            channel=channel,
            at=now,
            recorded_by=recorded_by,
        )
        session.add(row)
        if answer is Answer.RECEIVED:
            message_id = before.request.message_id
            withdraw_escalations(session, message_id, f"not needed: {message_id} was answered", at=now)
        session.add(_entry(before.request, "ack-answered", now, who=recorded_by or channel, answer=str(answer)))
        session.flush()
        return row, True


def record_floods(
    ledger: Ledger,
    request_id: int,
    observations: Iterable[Observation],
    *,
    recipient: str,
    name: str,
    now: datetime,
    anew: Collection[str] = (),
) -> int:
    """Write what was seen; what the same recipient said of a hotspot before stands. Returns the number of new rows.

    Of the places in `anew`, where water stands or nobody has looked since, it may say something else each time it
    looks: every further look is written as a `Sighting`, unless it was the last word already.
    """
    with ledger.writing() as session:
        request = standing(session, request_id).request
        query = select(FloodReport).filter_by(request_id=request_id, recipient=recipient)
        said = {row.hotspot_id: Seen(row.seen) for row in session.scalars(query)}
        observations = list(observations)
        new = [one for one in observations if _adds(said.get(one.hotspot_id), one.seen)]
        looks = [one for one in observations if one not in new and one.hotspot_id in anew]
        more = [one for one in looks if _look_again(session, request, one, recipient, name.strip(), now)]
        for one in new:
            row = FloodReport(
                request_id=request_id,
                hotspot_id=one.hotspot_id,
                recipient=recipient,
                seen=one.seen,
                depth_m=one.depth_m,
                seen_at=one.seen_at,
                reported_at=now,
                reported_by=name.strip(),
            )
            session.add(row)
        if new or more:
            session.add(_entry(request, "floods-reported", now, who="web", hotspots=len(new) + len(more)))
        return len(new) + len(more)


def _look_again(
    session: Session, request: AckRequest, look: Observation, recipient: str, name: str, now: datetime
) -> bool:
    """Write a further look at a place; False if nobody looked, or it says what was said last."""
    if look.seen is Seen.UNCHECKED or look.seen_at is None:
        return False
    mine = {"district_code": request.district_code, "hotspot_id": look.hotspot_id, "source": "town"}
    query = select(Sighting).filter_by(**mine, remark=request.message_id).order_by(Sighting.id.desc())
    first = select(FloodReport).filter_by(request_id=request.id, recipient=recipient, hotspot_id=look.hotspot_id)
    last = session.scalars(query).first() or session.scalars(first.order_by(FloodReport.id.desc())).first()
    if last is not None and (last.seen, last.depth_m, last.seen_at) == (look.seen, look.depth_m, look.seen_at):
        return False
    told = {"seen_at": look.seen_at, "entered_at": now, "seen": str(look.seen), "depth_m": look.depth_m, "by": name}
    session.add(Sighting(**mine, **told, remark=request.message_id))
    return True


def flood_reports(ledger: Ledger, request_id: int, recipient: str) -> dict[str, FloodReport]:
    """Return what one recipient said, by hotspot: what was seen goes before "not checked"."""
    query = select(FloodReport).filter_by(request_id=request_id, recipient=recipient).order_by(FloodReport.id)
    with ledger.reading() as session:
        return {row.hotspot_id: row for row in session.scalars(query)}


def _adds(said: Seen | None, seen: Seen) -> bool:
    """Return True if it is the first word on a hotspot, or the first look after "not checked"."""
    return said is None or (said is Seen.UNCHECKED and seen is not Seen.UNCHECKED)


def _load(session: Session, requests: Sequence[AckRequest]) -> list[Standing]:
    """Return how requests stand, with few queries however many they are."""
    ids = [request.id for request in requests]
    steps, answers, claims = defaultdict(list), defaultdict(list), defaultdict(list)
    states: dict[int, str] = {}
    query = select(AckStep, Outbox.state).outerjoin(Outbox, Outbox.id == AckStep.outbox_id)
    for step, state in session.execute(query.where(AckStep.request_id.in_(ids)).order_by(AckStep.id)):
        steps[step.request_id].append(step)
        states[step.id] = state
    for answer in session.scalars(select(AckAnswer).where(AckAnswer.request_id.in_(ids)).order_by(AckAnswer.id)):
        answers[answer.request_id].append(answer)
    mails = select(AckReply).where(AckReply.request_id.in_(ids), AckReply.outcome.in_(_CLAIMS)).order_by(AckReply.id)
    for mail in session.scalars(mails):
        claims[mail.request_id].append(mail)
    latest = _latest_revisions(session, {request.warning_id for request in requests})
    return [
        Standing(
            request,
            tuple(steps[request.id]),
            tuple(answers[request.id]),
            superseded=request.revision < latest[request.warning_id],
            unreached=frozenset(step.id for step in steps[request.id] if states[step.id] in _NEVER_REACHED),
            claims=tuple(claims[request.id]),
        )
        for request in requests
    ]


def _latest_revisions(session: Session, warning_ids: Iterable[str]) -> dict[str, int]:
    query = select(AckRequest.warning_id, func.max(AckRequest.revision)).group_by(AckRequest.warning_id)
    rows = session.execute(query.where(AckRequest.warning_id.in_(list(warning_ids))))
    return {row[0]: row[1] for row in rows}


def _entry(request: AckRequest, what: str, at: datetime, *, who: str, **detail: Any) -> LogEntry:
    return LogEntry(
        at=at, who=who, what=what, event_key=request.event_key, message_id=request.message_id, detail=detail
    )
