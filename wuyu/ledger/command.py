"""What the command decided and on whose word: consultations of departments (会商), and the steps of the flood response.

Rows are added and never changed: a view that changes is a new row, a response that is over has a step that ended it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Index, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from wuyu.ledger.models import Base, make_append_only

if TYPE_CHECKING:
    from wuyu.ledger.store import Ledger

__all__ = [
    "ConsultationEntry",
    "ResponseStep",
    "command_of_event",
    "consultations_since",
    "response_steps",
    "running_response",
]


class ConsultationEntry(Base):
    """What one department said to one decision."""

    __tablename__ = "consultations"
    __table_args__ = (Index(None, "district_code", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    district_code: Mapped[str]
    event_key: Mapped[str | None]
    at: Mapped[datetime]
    department: Mapped[str]
    view: Mapped[str]
    by: Mapped[str]
    entered_by: Mapped[str]


class ResponseStep(Base):
    """The flood response was started, changed or ended, by a person in a role of the command."""

    __tablename__ = "response_steps"
    __table_args__ = (Index(None, "district_code", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    district_code: Mapped[str]
    event_key: Mapped[str | None]
    at: Mapped[datetime]
    step: Mapped[str]
    level: Mapped[str]
    by: Mapped[str]
    role: Mapped[str]
    why: Mapped[str]
    proposed: Mapped[str]


make_append_only(ConsultationEntry)
make_append_only(ResponseStep)


def response_steps(
    session: Session, district_code: str, *, since: datetime | None = None, until: datetime | None = None
) -> list[ResponseStep]:
    """Return the steps of the response of a district, oldest first.

    Parameters
    ----------
    session : Session
    district_code : str
    since, until : datetime, optional
        Only steps taken from then on, or up to then.
    """
    query = select(ResponseStep).where(ResponseStep.district_code == district_code)
    query = query if since is None else query.where(ResponseStep.at >= since)
    query = query if until is None else query.where(ResponseStep.at <= until)
    return list(session.scalars(query.order_by(ResponseStep.at, ResponseStep.id)))


def running_response(session: Session, district_code: str, *, at: datetime | None = None) -> ResponseStep | None:
    """Return the step that set the response that runs (at a time, else now); None if none runs."""
    steps = response_steps(session, district_code, until=at)
    return steps[-1] if steps and steps[-1].step != "end" else None


def consultations_since(session: Session, district_code: str, since: datetime) -> list[ConsultationEntry]:
    """Return what departments said from a time on, oldest first."""
    query = select(ConsultationEntry).where(
        ConsultationEntry.district_code == district_code, ConsultationEntry.at >= since
    )
    return list(session.scalars(query.order_by(ConsultationEntry.at, ConsultationEntry.id)))


def command_of_event(ledger: Ledger, event_key: str) -> list[ConsultationEntry | ResponseStep]:
    """Return what was said and decided in an event, in the order of time."""
    with ledger.reading() as session:
        said = session.scalars(select(ConsultationEntry).where(ConsultationEntry.event_key == event_key)).all()
        steps = session.scalars(select(ResponseStep).where(ResponseStep.event_key == event_key)).all()
    return sorted([*said, *steps], key=lambda one: one.at)
