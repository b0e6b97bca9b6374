"""What the log says of learning: that a model was learned, refused, or put into service."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from wuyu.ledger.models import LogEntry

if TYPE_CHECKING:
    from wuyu.ledger.store import Ledger

__all__ = ["ADOPTED", "LEARNED", "REFUSED", "refusal_in_force"]

LEARNED: Final = "model_learned"
REFUSED: Final = "model_refused"
ADOPTED: Final = "model_adopted"


def refusal_in_force(ledger: Ledger, until: datetime) -> LogEntry | None:
    """Return why nothing could be learned the last time it was tried; None if something was, or nobody tried.

    Parameters
    ----------
    ledger : Ledger
    until : datetime
        What was tried later is left out.
    """
    query = select(LogEntry).where(LogEntry.what.in_((LEARNED, REFUSED, ADOPTED)), LogEntry.at <= until)
    with ledger.reading() as session:
        last = session.scalar(query.order_by(LogEntry.id.desc()).limit(1))
    return last if last is not None and last.what == REFUSED else None
