"""Choose the files a cycle stands on, as they were known at its time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Select, select

from wuyu.ledger.models import FeedFile
from wuyu.ledger.store import Ledger
from wuyu.ledger.types import FileState

__all__ = ["SelectedFile", "gauge_table", "newest_ensemble"]


@dataclass(frozen=True, kw_only=True)
class SelectedFile:
    """A file chosen for a cycle: where its bytes are, and what it is."""

    feed_id: str
    name: str
    path: Path
    sha256: str
    issued_at: datetime | None
    last_value_at: datetime | None


def newest_ensemble(
    ledger: Ledger,
    feed_id: str,
    *,
    raw_dir: Path,
    valid_at: datetime,
    delay: timedelta = timedelta(0),
    known_at: datetime | None = None,
) -> SelectedFile | None:
    """Return the newest forecast that was there at `valid_at`, or None.

    Parameters
    ----------
    ledger : Ledger
    feed_id : str
    raw_dir : Path
        As given to `pull`.
    valid_at : datetime
        Time of the cycle.
    delay : timedelta
        Time a forecast takes from its issue until it can be had: issues after ``valid_at - delay`` are left out.
    known_at : datetime or None
        Leave out what arrived later, to rebuild a cycle as it was; None for a replay from an archive.

    Returns
    -------
    SelectedFile or None
    """
    query = _accepted(feed_id, known_at).where(FeedFile.issued_at <= valid_at - delay)
    return _first(ledger, query.order_by(FeedFile.issued_at.desc(), FeedFile.id.desc()), raw_dir)


def gauge_table(
    ledger: Ledger, feed_id: str, *, raw_dir: Path, valid_at: datetime, known_at: datetime | None = None
) -> SelectedFile | None:
    """Return the gauge table that came last and begins by `valid_at`, or None.

    The table may go on after `valid_at` (an archive): cut it there before use.

    Parameters
    ----------
    ledger, feed_id, raw_dir, valid_at, known_at
        As in `newest_ensemble`.
    """
    query = _accepted(feed_id, known_at).where(FeedFile.first_value_at <= valid_at)
    return _first(ledger, query.order_by(FeedFile.id.desc()), raw_dir)


def _accepted(feed_id: str, known_at: datetime | None) -> Select[FeedFile]:
    query = select(FeedFile).where(FeedFile.feed_id == feed_id, FeedFile.state == FileState.ACCEPTED)
    return query if known_at is None else query.where(FeedFile.arrived_at <= known_at)


def _first(ledger: Ledger, query: Select[FeedFile], raw_dir: Path) -> SelectedFile | None:
    with ledger.reading() as session:
        file = session.scalars(query.limit(1)).one_or_none()
    if file is None:
        return None
    return SelectedFile(
        feed_id=file.feed_id,
        name=file.name,
        path=raw_dir / file.raw_path,
        sha256=file.sha256,
        issued_at=file.issued_at,
        last_value_at=file.last_value_at,
    )
