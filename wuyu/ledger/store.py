"""Write decisions into the ledger in one transaction, and read them back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Engine, Select, func, or_, select, text
from sqlalchemy.orm import Session

from wuyu.ledger.decision import Decision
from wuyu.ledger.engines import ADVISORY_LOCK
from wuyu.ledger.models import Attempt, Cycle, LogEntry, Outbox, WarningRow
from wuyu.ledger.types import Approval, CycleState, OutboxState

__all__ = ["Ledger", "lock_ledger"]


class Ledger:
    """The memory of the operations desk, in SQLite or PostgreSQL; made by `open_ledger`.

    Objects read from it are detached copies: change the ledger only through its methods. Every method that writes is
    one transaction: after a kill at any moment a reader sees all of it or nothing.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = engine.execution_options(wuyu_write=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session for reading; nothing done in it is kept."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session that is committed as one transaction at the end, or not at all."""
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def decide(self, *, now: datetime, cycle: Cycle | None = None, who: str = "cycle") -> Iterator[Decision]:
        """Give a `Decision`: warnings, bulletins, outbox rows and the end of the cycle in ONE transaction.

        Parameters
        ----------
        now : datetime
            Time of the decision (of the replay, in a replay).
        cycle : Cycle or None
            The cycle that decides, from `begin_cycle`; None for a decision by hand. Two copies of one cycle are put
            one after the other; the later finds `Decision.already_done` true.
        who : str
            Who decides, for the log.
        """
        with self.writing() as session:
            row = None
            if cycle is not None:
                row = session.scalars(select(Cycle).where(Cycle.id == cycle.id).with_for_update()).one()
            yield Decision(session, now=now, who=who, cycle=row)

    def begin_cycle(
        self, district_code: str, valid_at: datetime, *, inputs_sha256: str | None = None, now: datetime | None = None
    ) -> Cycle:
        """Return the cycle of that time and those inputs, made if it is not there; look at ``.state`` before working.

        Parameters
        ----------
        district_code : str
        valid_at : datetime
        inputs_sha256 : str, optional
            Digest of all that the cycle stands on: another one makes the next revision. Without it, the newest.
        now : datetime, optional
            When it is to decide, if it is made: its minute is kept for every later try. Without it, at `valid_at`.

        Examples
        --------
        >>> from datetime import UTC
        >>> from pathlib import Path
        >>> import tempfile
        >>> from wuyu.ledger import create_ledger
        >>> with tempfile.TemporaryDirectory() as folder, create_ledger(Path(folder) / "ledger.sqlite") as ledger:
        ...     cycle = ledger.begin_cycle("410103", datetime(2021, 7, 20, 9, tzinfo=UTC))
        >>> cycle.state, cycle.revision, cycle.valid_at.isoformat()
        ('started', 0, '2021-07-20T09:00:00+00:00')
        """
        with self.writing() as session:
            lock_ledger(session)
            known = list(session.scalars(_of_time(district_code, valid_at)))
            same = [row for row in known if inputs_sha256 in (None, row.inputs_sha256)]
            if same:
                return same[-1]
            cycle = Cycle(
                district_code=district_code,
                valid_at=valid_at,
                revision=known[-1].revision + 1 if known else 0,
                inputs_sha256=inputs_sha256,
                decided_at=None if now is None else max(now, valid_at).replace(second=0, microsecond=0),
                state=CycleState.STARTED,
            )
            session.add(cycle)
            session.flush()
            session.refresh(cycle)
            return cycle

    def cycle(self, district_code: str, valid_at: datetime) -> Cycle | None:
        """Return the cycle of that time, the newest revision that is finished, else the newest; or None."""
        with self.reading() as session:
            known = list(session.scalars(_of_time(district_code, valid_at)))
        done = [row for row in known if row.state == CycleState.DONE]
        return next(reversed(done or known), None)

    def cycle_of(self, message_id: str) -> Cycle | None:
        """Return the cycle that decided a warning revision, or None."""
        with self.reading() as session:
            query = select(Cycle).join(WarningRow, WarningRow.cycle_id == Cycle.id)
            return session.scalars(query.where(WarningRow.message_id == message_id)).one_or_none()

    def last_cycle(self, district_code: str, *, until: datetime | None = None) -> Cycle | None:
        """Return the latest finished cycle with ``valid_at <= until`` (of all, without `until`), or None."""
        query = select(Cycle).where(Cycle.district_code == district_code, Cycle.state == CycleState.DONE)
        if until is not None:
            query = query.where(Cycle.valid_at <= until)
        with self.reading() as session:
            return session.scalars(query.order_by(Cycle.valid_at.desc(), Cycle.revision.desc()).limit(1)).one_or_none()

    def cycles(self, district_code: str, *, since: datetime | None = None) -> list[Cycle]:
        """Return the finished cycles of the district, oldest first, of each time the last revision.

        With `since` only those with ``valid_at >= since``: whoever looks at all of them takes the longer the older the
        ledger is.
        """
        query = select(Cycle).where(Cycle.district_code == district_code, Cycle.state == CycleState.DONE)
        query = query if since is None else query.where(Cycle.valid_at >= since)
        with self.reading() as session:
            rows = session.scalars(query.order_by(Cycle.valid_at, Cycle.revision))
            return list({row.valid_at: row for row in rows}.values())

    def warnings(
        self,
        *,
        district_code: str | None = None,
        event_key: str | None = None,
        warning_id: str | None = None,
        approval: Approval | None = None,
        since: datetime | None = None,
    ) -> list[WarningRow]:
        """Return warning revisions in the order of their decision.

        All, or those of one district, of one event, of one warning, in one approval state, that were decided or still
        in force since a time.
        """
        query = select(WarningRow)
        if district_code is not None:
            query = query.where(WarningRow.event_key.startswith(f"{district_code}-", autoescape=True))
        if event_key is not None:
            query = query.where(WarningRow.event_key == event_key)
        if warning_id is not None:
            query = query.where(WarningRow.warning_id == warning_id)
        if approval is not None:
            query = query.where(WarningRow.approval_state == approval)
        if since is not None:
            query = query.where(or_(WarningRow.issued_at >= since, WarningRow.valid_to > since))
        with self.reading() as session:
            # Put in order here: asked for an order, a database may walk through all there ever was to spare a sort.
            return sorted(session.scalars(query), key=lambda row: row.id)

    def warning(self, message_id: str) -> WarningRow | None:
        """Return one revision of one warning, or None."""
        with self.reading() as session:
            return session.scalars(select(WarningRow).where(WarningRow.message_id == message_id)).one_or_none()

    def outbox(
        self,
        *,
        message_id: str | None = None,
        states: Sequence[OutboxState] = (),
        since: datetime | None = None,
    ) -> list[Outbox]:
        """Return outbox rows in the order they were queued: all, of one message, of some states, decided since then."""
        query = select(Outbox)
        if message_id is not None:
            query = query.where(Outbox.message_id == message_id)
        if states:
            query = query.where(Outbox.state.in_([str(state) for state in states]))
        if since is not None:
            query = query.where(Outbox.decided_at >= since)
        with self.reading() as session:
            return sorted(session.scalars(query), key=lambda row: row.id)

    def outbox_counts(self, *, since: datetime | None = None) -> dict[str, int]:
        """Return how many outbox rows, all or those decided since a time, stand in each state; no state has none."""
        with self.reading() as session:
            if since is not None:  # not grouped by the database, which would walk through every state for that
                recent = session.scalars(select(Outbox.state).where(Outbox.decided_at >= since))
                return dict(sorted(Counter(recent).items()))
            query = select(Outbox.state, func.count().label("rows")).group_by(Outbox.state).order_by(Outbox.state)
            return {row.state: row.rows for row in session.execute(query)}

    def attempts(self, outbox_id: int | None = None) -> list[Attempt]:
        """Return the tries to hand mail over, oldest first, all or those of one outbox row."""
        query = select(Attempt)
        if outbox_id is not None:
            query = query.where(Attempt.outbox_id == outbox_id)
        with self.reading() as session:
            return list(session.scalars(query.order_by(Attempt.id)))

    def log_entries(self, *, event_key: str | None = None) -> list[LogEntry]:
        """Return the log, oldest first, all or of one event."""
        query = select(LogEntry)
        if event_key is not None:
            query = query.where(LogEntry.event_key == event_key)
        with self.reading() as session:
            return list(session.scalars(query.order_by(LogEntry.id)))

    def approve(self, message_id: str, *, officer: str, now: datetime) -> int:
        """Approve a waiting warning: its held mail may go. Returns the number of rows let go.

        Raises
        ------
        ConfigError
            If there is no such warning or it does not wait for an approval.
        """
        with self.decide(now=now, who=officer) as decision:
            return decision.settle_approval(message_id, Approval.APPROVED)

    def refuse(self, message_id: str, *, officer: str, now: datetime, why: str) -> int:
        """Refuse a waiting warning: its held mail is withdrawn. Returns the number of rows withdrawn.

        Raises
        ------
        ConfigError
            If there is no such warning or it does not wait for an approval.
        """
        with self.decide(now=now, who=officer) as decision:
            return decision.settle_approval(message_id, Approval.REFUSED, why=why)

    def requeue(self, outbox_id: int, *, officer: str, now: datetime) -> None:
        """Put a failed row back, after the officer mended the cause (an address, a password at the server).

        Raises
        ------
        ConfigError
            If there is no such row or it has not failed.
        """
        with self.decide(now=now, who=officer) as decision:
            decision.requeue(outbox_id)

    def log(self, what: str, *, who: str, now: datetime, event_key: str | None = None, **detail: Any) -> None:
        """Add one entry to the log."""
        with self.writing() as session:
            session.add(LogEntry(at=now, who=who, what=what, event_key=event_key, detail=detail))


def _of_time(district_code: str, valid_at: datetime) -> Select[Cycle]:
    query = select(Cycle).where(Cycle.district_code == district_code, Cycle.valid_at == valid_at)
    return query.order_by(Cycle.revision)


def lock_ledger(session: Session) -> None:
    """Let writers that look first and write then go one after the other, until the end of the transaction."""
    if session.get_bind().dialect.name == "postgresql":  # SQLite writers are one after the other anyway
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
