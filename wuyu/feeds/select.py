"""Choose the files a cycle stands on, as they were known at its time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Select, or_, select

from wuyu.ledger.models import FeedFile
from wuyu.ledger.store import Ledger
from wuyu.ledger.types import FileState

__all__ = [
    "SelectedFile",
    "accepted_files",
    "ensembles",
    "forecast_issues",
    "observed_maps",
    "tables_of_span",
]

MAX_TABLES = 600
"""Files looked at for one window: enough for one every 10 minutes over four days."""
MAX_ISSUES = 5


@dataclass(frozen=True, kw_only=True)
class SelectedFile:
    """A file chosen for a cycle: where its bytes are, and what it is."""

    feed_id: str
    name: str
    path: Path
    sha256: str
    arrived_at: datetime
    issued_at: datetime | None
    first_value_at: datetime | None
    last_value_at: datetime | None

    def known_until(self, valid_at: datetime, delay: timedelta, *, known_at: datetime | None = None) -> datetime:
        """Return up to when values of this file count in a cycle of `valid_at`.

        What was there at `known_at` (without it, at `valid_at`) was known whatever its delay; what came later (a replay
        from an archive) would have come with the delay.
        """
        return valid_at if self.arrived_at <= (known_at or valid_at) else valid_at - delay


def ensembles(
    ledger: Ledger,
    feed_id: str,
    *,
    raw_dir: Path,
    valid_at: datetime,
    delay: timedelta = timedelta(0),
    known_at: datetime | None = None,
) -> list[SelectedFile]:
    """Return the forecasts that were there at `valid_at`, the newest first: should one be lost, the next stands in.

    Parameters
    ----------
    ledger : Ledger
    feed_id : str
    raw_dir : Path
        As given to `pull`.
    valid_at : datetime
        Time of the cycle.
    delay : timedelta
        Time a forecast takes from its issue until it can be had: of what came after `valid_at` (an archive) issues
        after ``valid_at - delay`` are left out.
    known_at : datetime or None
        When the cycle is decided, or was: what arrived by then counts, what came later does not. None for a replay
        from an archive, in which a file counts as if it had come with its values.
    """
    query = _issued(feed_id, valid_at, delay, known_at)
    return _files(ledger, query.limit(MAX_ISSUES), raw_dir)


def forecast_issues(
    ledger: Ledger,
    feed_id: str,
    *,
    raw_dir: Path,
    valid_at: datetime,
    delay: timedelta = timedelta(0),
    known_at: datetime | None = None,
) -> list[tuple[SelectedFile, ...]]:
    """Return the issues that were there at `valid_at`, the newest first, each with all its files.

    For forecasts that come in several files, one per step: of two files of one name the later counts.

    Parameters
    ----------
    ledger, feed_id, raw_dir, valid_at, delay, known_at
        As in `ensembles`.
    """
    files = _files(ledger, _issued(feed_id, valid_at, delay, known_at).limit(MAX_TABLES), raw_dir)
    issues: dict[datetime | None, dict[str, SelectedFile]] = {}
    for file in files:
        issues.setdefault(file.issued_at, {}).setdefault(file.name, file)
    return [tuple(parts.values()) for parts in list(issues.values())[:MAX_ISSUES]]


def observed_maps(
    ledger: Ledger,
    feed_id: str,
    *,
    raw_dir: Path,
    begin: datetime,
    valid_at: datetime,
    delay: timedelta = timedelta(0),
    known_at: datetime | None = None,
) -> list[SelectedFile]:
    """Return the observed fields (no issue time) with a value after `begin` and none after `valid_at`, newest first.

    Parameters
    ----------
    ledger, feed_id, raw_dir, valid_at, delay, known_at
        As in `ensembles`.
    begin : datetime
        Nothing up to it is needed.
    """
    seen_by = known_at or valid_at
    was_there = or_(FeedFile.arrived_at <= seen_by, FeedFile.last_value_at <= valid_at - delay)
    query = _accepted(feed_id, known_at).where(
        FeedFile.issued_at.is_(None), FeedFile.last_value_at > begin, FeedFile.first_value_at <= valid_at, was_there
    )
    newest_first = query.order_by(FeedFile.last_value_at.desc(), FeedFile.id.desc())
    return _files(ledger, newest_first.limit(MAX_TABLES), raw_dir)


def _issued(feed_id: str, valid_at: datetime, delay: timedelta, known_at: datetime | None) -> Select[FeedFile]:
    seen_by = known_at or valid_at
    was_there = or_(FeedFile.arrived_at <= seen_by, FeedFile.issued_at <= valid_at - delay)
    query = _accepted(feed_id, known_at).where(FeedFile.issued_at <= valid_at, was_there)
    return query.order_by(FeedFile.issued_at.desc(), FeedFile.id.desc())


def accepted_files(ledger: Ledger, feed_id: str, *, newest: int) -> list[FeedFile]:
    """Return the files of a feed that were accepted last, the newest first."""
    query = _accepted(feed_id, None).order_by(FeedFile.id.desc()).limit(newest)
    with ledger.reading() as session:
        return list(session.scalars(query))


def tables_of_span(
    ledger: Ledger,
    feed_id: str,
    *,
    raw_dir: Path,
    begin: datetime,
    end: datetime,
    known_at: datetime | None = None,
) -> list[SelectedFile]:
    """Return every table with a value of a span, the last that arrived first, however many.

    A table may go on after `end` (an archive): cut it there before use.

    Parameters
    ----------
    ledger, feed_id, raw_dir, known_at
        As in `ensembles`.
    begin, end : datetime
        Steps that end in (begin, end].
    """
    query = _accepted(feed_id, known_at).where(FeedFile.first_value_at <= end, FeedFile.last_value_at > begin)
    return _files(ledger, query.order_by(FeedFile.id.desc()), raw_dir)


def _accepted(feed_id: str, known_at: datetime | None) -> Select[FeedFile]:
    is_there = FeedFile.removed_at.is_(None)  # what retention removed is not chosen: it is neither lost nor dry
    query = select(FeedFile).where(FeedFile.feed_id == feed_id, FeedFile.state == FileState.ACCEPTED, is_there)
    return query if known_at is None else query.where(FeedFile.arrived_at <= known_at)


def _files(ledger: Ledger, query: Select[FeedFile], raw_dir: Path) -> list[SelectedFile]:
    with ledger.reading() as session:
        rows = list(session.scalars(query))
    return [
        SelectedFile(
            feed_id=file.feed_id,
            name=file.name,
            path=raw_dir / file.raw_path,
            sha256=file.sha256,
            arrived_at=file.arrived_at,
            issued_at=file.issued_at,
            first_value_at=file.first_value_at,
            last_value_at=file.last_value_at,
        )
        for file in rows
    ]
