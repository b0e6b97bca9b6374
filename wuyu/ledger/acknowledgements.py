"""The tables of acknowledgement: who was asked to answer, every step taken, every answer, and what was seen flooded.

Rows are added and never changed; how a request stands follows from them. Times are of the domain: in a replay of 2021
they are of 2021.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from wuyu.ledger.models import Base, make_append_only

__all__ = [
    "AckAnswer",
    "AckReply",
    "AckRequest",
    "AckStep",
    "Answer",
    "FloodReport",
    "ReplyOutcome",
    "Seen",
    "StepKind",
]


class StepKind(StrEnum):
    """The rungs of the ladder, in their order; ``informed`` stands beside it: holders of whom no answer is asked."""

    TOLD = "told"
    INFORMED = "informed"
    SECOND_CONTACT = "second_contact"
    PHONE = "phone"
    UPWARD = "upward"


class Answer(StrEnum):
    """What a town answers."""

    RECEIVED = "received"
    CANNOT_ACT = "cannot_act"


class ReplyOutcome(StrEnum):
    """What became of a mail of the reply box; only the first is an answer."""

    ANSWERED = "answered"
    REPEATED = "repeated"  # an answer stood before, and it says nothing else
    CLAIMED = "claimed"  # it says "received", but sender or code prove nothing
    TO_READ = "to_read"  # it says more than "received": a person must read it
    AUTOMATIC = "automatic"  # of a machine: nobody has read the bulletin
    BOUNCE = "bounce"  # a delivery report, dealt with as such
    OWN = "own"
    NO_SENDER = "no_sender"
    NO_CODE = "no_code"
    WRONG_SENDER = "wrong_sender"
    EXPIRED = "expired"
    AMBIGUOUS = "ambiguous"  # about several bulletins at once
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    FAILED = "failed"  # our reader broke at it


class Seen(StrEnum):
    """What was seen at a hotspot."""

    FLOODED = "flooded"
    DRY = "dry"
    UNCHECKED = "unchecked"


class AckRequest(Base):
    """One bulletin that asks for an answer, with what the page shows of it."""

    __tablename__ = "ack_requests"
    __table_args__ = (
        UniqueConstraint("message_id"),
        Index(None, "code"),
        Index(None, "district_code", "expires_at"),
        Index(None, "event_key"),
        Index(None, "warning_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("warnings.message_id"))
    district_code: Mapped[str]
    event_key: Mapped[str]
    warning_id: Mapped[str]
    revision: Mapped[int]
    area_code: Mapped[str]
    level: Mapped[int]
    is_end: Mapped[bool]
    code: Mapped[str]
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime | None]  # None: an answer is welcome, but nothing follows if none comes
    step_min: Mapped[int]
    expires_at: Mapped[datetime]
    feedback_until: Mapped[datetime]
    phone: Mapped[str]  # of the town's duty room
    content: Mapped[dict[str, Any]]


class AckStep(Base):
    """One step: someone was told, or put on the list of those to be called."""

    __tablename__ = "ack_steps"
    __table_args__ = (UniqueConstraint("request_id", "kind", "recipient"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("ack_requests.id"))
    kind: Mapped[str]
    channel: Mapped[str]  # mail | phone
    recipient: Mapped[str]  # mail address or telephone number
    name: Mapped[str] = mapped_column(default="")
    due_at: Mapped[datetime]
    at: Mapped[datetime]
    outbox_id: Mapped[int | None] = mapped_column(ForeignKey("outbox.id"))
    note: Mapped[str] = mapped_column(default="")


class AckAnswer(Base):
    """One answer of one of those who were told."""

    __tablename__ = "ack_answers"
    __table_args__ = (UniqueConstraint("request_id", "recipient"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("ack_requests.id"))
    recipient: Mapped[str]
    answer: Mapped[str]
    name: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    channel: Mapped[str]  # web | mail | phone
    at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(default="")  # the officer who wrote a phone call down


class FloodReport(Base):
    """What someone of the town saw at one hotspot: later the truth that warnings are measured by."""

    __tablename__ = "flood_reports"
    __table_args__ = (
        UniqueConstraint("request_id", "recipient", "hotspot_id", "seen"),
        Index(None, "hotspot_id"),
        Index(None, "reported_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("ack_requests.id"))
    hotspot_id: Mapped[str]
    recipient: Mapped[str]
    seen: Mapped[str]
    depth_m: Mapped[float | None]
    seen_at: Mapped[datetime | None]
    reported_at: Mapped[datetime]
    reported_by: Mapped[str]


class AckReply(Base):
    """A mail that came in, by the digest of its bytes, what became of it and what it says: none is read twice."""

    __tablename__ = "ack_replies"
    __table_args__ = (UniqueConstraint("sha256"), Index(None, "request_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    at: Mapped[datetime]
    outcome: Mapped[str]
    request_id: Mapped[int | None] = mapped_column(ForeignKey("ack_requests.id"))
    sender: Mapped[str] = mapped_column(default="", server_default="")
    name: Mapped[str] = mapped_column(default="", server_default="")
    answer: Mapped[str] = mapped_column(default="", server_default="")  # of `Answer`; empty: a person must read it
    words: Mapped[str] = mapped_column(default="", server_default="")  # what the person wrote, cut


for _model in (AckRequest, AckStep, AckAnswer, FloodReport, AckReply):
    make_append_only(_model)
