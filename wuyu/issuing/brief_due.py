"""When a district brief is due, and whether it has gone out: asked often, so that it opens the ledger only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from risk_models.warning.authority import Authority, Revision, states_at
from wuyu.ledger.authority import LONGEST_STANDING, revisions
from wuyu.ledger.models import LogEntry
from wuyu.messages.purpose import Purpose, message_id

if TYPE_CHECKING:
    from wuyu.station import Station

__all__ = ["BRIEF_QUEUED", "BRIEF_WAITS", "LATE", "due_slot", "in_force", "is_noted", "next_slot", "number_of"]

LATE: Final = timedelta(hours=2)
"""How long after its hour a brief still goes out; the next one says what is known then."""

BRIEF_QUEUED: Final = "brief-queued"
"""What the log calls it when a brief goes out, with what it told."""

BRIEF_WAITS: Final = "brief-waits"
"""What the log calls it when a brief waits for an officer's name."""


def due_slot(hours: Sequence[int], zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return the hour whose brief is due: the last one, unless it is longer ago than `LATE`.

    Parameters
    ----------
    hours : sequence of int
        Local hours.
    zone : ZoneInfo
    now : datetime
        Aware.

    Examples
    --------
    >>> zone, hours = ZoneInfo("Asia/Shanghai"), (8, 14, 20)
    >>> due_slot(hours, zone, datetime(2021, 7, 20, 0, 7, tzinfo=UTC))
    datetime.datetime(2021, 7, 20, 0, 0, tzinfo=datetime.timezone.utc)
    >>> due_slot(hours, zone, datetime(2021, 7, 20, 3, 7, tzinfo=UTC)) is None
    True
    """
    today = now.astimezone(zone).date()
    slots = _slots(hours, zone, (today - timedelta(days=1), today))
    return next((slot for slot in reversed(slots) if now - LATE < slot <= now), None)


def next_slot(hours: Sequence[int], zone: ZoneInfo, after: datetime) -> datetime | None:
    """Return the first hour of a brief after a time; None if the district has none.

    Examples
    --------
    >>> next_slot((8, 14, 20), ZoneInfo("Asia/Shanghai"), datetime(2021, 7, 20, 12, tzinfo=UTC))
    datetime.datetime(2021, 7, 21, 0, 0, tzinfo=datetime.timezone.utc)
    """
    today = after.astimezone(zone).date()
    slots = _slots(hours, zone, (today, today + timedelta(days=1)))
    return next((slot for slot in slots if slot > after), None)


def _slots(hours: Sequence[int], zone: ZoneInfo, days: Sequence[date]) -> list[datetime]:
    return sorted(
        datetime(day.year, day.month, day.day, hour, tzinfo=zone).astimezone(UTC) for day in days for hour in hours
    )


def number_of(district_code: str, slot: datetime) -> str:
    """Return the message id of the brief of one hour.

    Examples
    --------
    >>> number_of("410103", datetime(2021, 7, 20, tzinfo=UTC))
    'brief-410103-20210720T0000Z'
    """
    return message_id(Purpose.BRIEF, f"{district_code}-{slot.astimezone(UTC):%Y%m%dT%H%MZ}")


def in_force(station: Station, at: datetime) -> list[tuple[Revision, Authority]]:
    """Return the warnings of the district by which towns act at a time."""
    with station.ledger.reading() as session:
        known = revisions(session, district_code=station.code, since=at - LONGEST_STANDING)
    return [(one, state) for one, state in states_at(known, at) if state.is_in_force and not one.action.is_end]


def is_noted(session: Session, what: str, number: str) -> bool:
    """Return True if the log says `what` of a brief."""
    query = select(LogEntry.id).where(LogEntry.message_id == number, LogEntry.what == what)
    return session.scalars(query.limit(1)).first() is not None
