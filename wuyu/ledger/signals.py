"""What the log says of signals of the weather office that were entered at a desk; entries are added, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wuyu.ledger.models import LogEntry

if TYPE_CHECKING:
    from wuyu.ledger.store import Ledger

__all__ = ["ENTERED", "count_entries", "entered_since", "entries_of"]

ENTERED: Final = "weather_signal"


def entries_of(ledger: Ledger, district_code: str, *, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Return the notices that were entered in a span of time, in the order of the entries."""
    query = select(LogEntry.detail).where(LogEntry.what == ENTERED, LogEntry.at > since, LogEntry.at <= until)
    with ledger.reading() as session:
        details = list(session.scalars(query.order_by(LogEntry.id)))
    return [detail["notice"] for detail in details if detail["district"] == district_code]


def entered_since(ledger: Ledger, at: datetime) -> int:
    """Return how many notices were entered after a moment."""
    with ledger.reading() as session:
        return count_entries(session, since=at)


def count_entries(session: Session, *, since: datetime | None = None) -> int:
    """Return how many notices were entered, after a moment or at all."""
    query = select(func.count()).where(LogEntry.what == ENTERED)
    return session.scalars(query if since is None else query.where(LogEntry.at > since)).one()
