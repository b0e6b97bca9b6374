"""What a drill is judged by: the mailboxes and the ledger, read from outside; nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from wuyu.drill.boxes import Boxes, Letter
from wuyu.drill.hand import ClockHand
from wuyu.ledger import Ledger
from wuyu.ledger.acknowledgements import AckAnswer, AckReply, AckRequest, AckStep
from wuyu.ledger.models import Cycle, FeedFile, FeedPull, LogEntry, Outbox, WarningRow
from wuyu.ledger.types import CycleState

__all__ = ["Mark", "Witness"]

_TABLES = (FeedFile, FeedPull, LogEntry, Outbox, WarningRow, AckAnswer, AckReply, AckStep)


@dataclass(frozen=True)
class Mark:
    """How far mailboxes and ledger were when a scene began.

    Attributes
    ----------
    real : datetime
        By the real clock.
    rows : dict of str to int
        Highest id of each table.
    cycles : frozenset of int
        Ids of finished cycles.
    """

    real: datetime
    rows: dict[str, int]
    cycles: frozenset[int]


@dataclass(frozen=True)
class Witness:
    """Mailboxes and ledger, and who is who in them.

    Attributes
    ----------
    groups : mapping of str to list of str
        Addresses of ``towns``, ``officer``, ``next_officer``, ``upward`` and of each town by its code; second contacts
        of a town as ``second:<code>``.
    """

    ledger: Ledger
    boxes: Boxes
    hand: ClockHand
    groups: Mapping[str, list[str]]
    district_code: str

    def mark(self, real: datetime) -> Mark:
        """Return how far everything is now."""
        with self.ledger.reading() as session:
            rows = {table.__tablename__: session.scalar(select(func.max(table.id))) or 0 for table in _TABLES}
            done = frozenset(session.scalars(select(Cycle.id).where(Cycle.state == CycleState.DONE)))
        return Mark(real, rows, done)

    def rows(self, table: Any, mark: Mark) -> list[Any]:
        """Return the rows that a table was given since."""
        with self.ledger.reading() as session:
            query = select(table).where(table.id > mark.rows[table.__tablename__]).order_by(table.id)
            return list(session.scalars(query))

    def cycles(self, mark: Mark) -> list[Cycle]:
        """Return the cycles that were finished since."""
        with self.ledger.reading() as session:
            query = select(Cycle).where(Cycle.state == CycleState.DONE, Cycle.id.not_in(mark.cycles))
            return list(session.scalars(query.order_by(Cycle.id)))

    def outbox(self) -> list[Outbox]:
        """Return every message."""
        return self.ledger.outbox()

    def town_of_request(self, request_id: int) -> str:
        """Return the town that was asked."""
        with self.ledger.reading() as session:
            found = session.get(AckRequest, request_id)
            return "" if found is None else found.area_code

    def letters(self, purpose: str, mark: Mark | None = None) -> list[Letter]:
        """Return the mails for a purpose, as the ledger has it, that were laid in since."""
        purposes = {row.message_id: row.purpose for row in self.outbox()}
        letters = [one for one in self.boxes.letters() if purposes.get(one.message_id) == purpose]
        return [one for one in letters if mark is None or one.real >= mark.real]

    def told_at(self, real: datetime) -> datetime:
        """Return what the clock of the drill told."""
        return self.hand.told_at(real)
