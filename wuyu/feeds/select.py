"""Choose the files a cycle stands on, as they were known at its time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Select, or_, select

from wuyu.ledger.models import FeedFile
from wuyu.ledger.store import Ledger
from wuyu.ledger.types import FileState

__all__ = [
    "SelectedFile",
    "ensembles",
    "forecast_issues",
    "gauge_table",
    "gauge_tables",
    "gauge_tables_of_span",
    "observed_maps",
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


def gauge_table(
    ledger: Ledger, feed_id: str, *, raw_dir: Path, valid_at: datetime, known_at: datetime | None = None
) -> SelectedFile | None:
    """Return the gauge table that came last and begins by `valid_at`, or None.

    The table may go on after `valid_at` (an archive): cut it there before use.

    Parameters
    ----------
    ledger, feed_id, raw_dir, valid_at, known_at
        As in `ensembles`.
    """
    query = _tables(feed_id, valid_at, known_at).limit(1)
    return next(iter(_files(ledger, query, raw_dir)), None)


def gauge_tables(
    ledger: Ledger,
    feed_id: str,
    *,
    raw_dir: Path,
    valid_at: datetime,
    past_h: int,
    step_h: float = 1.0,
    known_at: datetime | None = None,
) -> list[SelectedFile]:
    """Return the gauge tables that together hold the window of a cycle, the last that came first.

    A table without a step that those after it do not have is left out, so a feed of long tables gives one and a feed
    of a step each gives one per step.

    Parameters
    ----------
    ledger, feed_id, raw_dir, valid_at, known_at
        As in `ensembles`.
    past_h : int
        Length of the window before `valid_at` [h].
    step_h : float
        Step of the tables [h].
    """
    query = _tables(feed_id, valid_at, known_at).where(FeedFile.last_value_at > valid_at - timedelta(hours=past_h))
    files = _files(ledger, query.limit(MAX_TABLES), raw_dir)
    return list(_reaching(files, valid_at, valid_at - timedelta(hours=past_h), step_h))


def gauge_tables_of_span(
    ledger: Ledger,
    feed_id: str,
    *,
    raw_dir: Path,
    begin: datetime,
    end: datetime,
    step_h: float = 1.0,
    known_at: datetime | None = None,
) -> list[SelectedFile]:
    """Return the gauge tables that together hold the steps of a span, the last that came first, however many.

    Parameters
    ----------
    ledger, feed_id, raw_dir, step_h, known_at
        As in `gauge_tables`.
    begin, end : datetime
        Steps that end in (begin, end].
    """
    query = _tables(feed_id, end, known_at).where(FeedFile.last_value_at > begin)
    return list(_reaching(_files(ledger, query, raw_dir), end, begin, step_h))


def _reaching(
    files: Iterable[SelectedFile], valid_at: datetime, begin: datetime, step_h: float
) -> Iterable[SelectedFile]:
    """Give every file that has a step of the window which no newer file has."""
    step_s = round(3600 * step_h)
    covered: set[int] = set()
    for file in files:
        if file.first_value_at is None or file.last_value_at is None:
            continue
        first, last = max(file.first_value_at, begin), min(file.last_value_at, valid_at)
        steps = set(range(int(first.timestamp() // step_s), int(last.timestamp() // step_s) + 1))
        if steps - covered:
            covered |= steps
            yield file


def _tables(feed_id: str, valid_at: datetime, known_at: datetime | None) -> Select[FeedFile]:
    query = _accepted(feed_id, known_at).where(FeedFile.first_value_at <= valid_at)
    return query.order_by(FeedFile.id.desc())


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
