"""The drop-folder feed: take over every new file of a folder, keep its bytes, set broken ones aside.

The folder itself is only read. A broken file never stops the next one; it is kept with the reason beside it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from risk_models.errors import BadInputError
from wuyu.feeds.checks import FileCheck, FileFacts, issued_at_from_name
from wuyu.ledger.models import FeedFile, FeedState, LogEntry
from wuyu.ledger.store import Ledger
from wuyu.ledger.types import FileState

__all__ = ["Feed", "FeedStatus", "PullResult", "pull", "reference_time", "status"]

MAX_BYTES = 512_000_000
_CLOCK_SKEW = timedelta(minutes=5)
_UNFINISHED = (".part", ".tmp", ".partial", ".crdownload")


class Feed(Protocol):
    """A feed of the district's settings."""

    @property
    def id(self) -> str:
        """Name of the feed."""

    @property
    def kind(self) -> str:
        """Kind of file it brings."""

    @property
    def path(self) -> str | Path:
        """A file or a folder below the district's folder."""

    @property
    def stale_after_h(self) -> float:
        """Age from which it counts as late [h]."""


@dataclass(frozen=True, kw_only=True)
class PullResult:
    """What one pull brought: new files accepted and rejected, names of old content under a new name, and an error."""

    feed_id: str
    accepted: tuple[FeedFile, ...]
    rejected: tuple[FeedFile, ...]
    repeated: tuple[str, ...]
    error: str


@dataclass(frozen=True, kw_only=True)
class FeedStatus:
    """How a feed stands at one moment.

    ``absent``: nothing usable ever came; ``late``: older than its limit; ``ahead``: the newest value lies in the
    future (a clock is wrong, or a past storm is replayed); ``fresh``: all else. `age_h` is None when absent.
    """

    feed_id: str
    kind: str
    state: Literal["fresh", "late", "ahead", "absent"]
    newest_at: datetime | None
    age_h: float | None
    limit_h: float
    files_accepted: int
    files_rejected: int
    error: str


def pull(
    feed: Feed, district_root: Path, *, now: datetime, raw_dir: Path, ledger: Ledger, check: FileCheck
) -> PullResult:
    """Take over what is new in the feed's folder; never raises for what a file holds.

    Parameters
    ----------
    feed : Feed
        From the district's settings.
    district_root : Path
        The feed's path must stay inside it.
    now : datetime
        Time of arrival.
    raw_dir : Path
        Bytes are kept at ``<feed>/<first 12 of sha256>-<name>``, broken ones below ``rejected/``, with a reason.
    ledger : Ledger
    check : FileCheck
        From `file_check`.

    Returns
    -------
    PullResult
    """
    known = _known_files(ledger, feed.id)
    files: list[FeedFile] = []
    repeated: list[str] = []
    try:
        paths, error = _arrivals(feed, district_root), ""
    except OSError as failure:
        paths, error = [], str(failure)
    for path in paths:
        try:
            digest, data = _read(path)
            if digest in known:
                repeated += [path.name] if known[digest] != path.name else []
                continue
            known[digest] = path.name
            files.append(_take_over(feed.id, path, digest, data, raw_dir=raw_dir, check=check))
        except OSError as failure:
            error = f"{path.name}: {failure.strerror or failure}"
    with ledger.writing() as session:
        kept = _register(session, feed, files, now=now, error=error)
    return PullResult(
        feed_id=feed.id,
        accepted=tuple(file for file in kept if file.state == FileState.ACCEPTED),
        rejected=tuple(file for file in kept if file.state == FileState.REJECTED),
        repeated=tuple(repeated),
        error=error,
    )


def status(ledger: Ledger, now: datetime) -> list[FeedStatus]:
    """Return how every feed that was ever pulled stands at `now`, by id.

    Only what reaches up to `now` counts: of a table that goes on into the future the age is 0, of forecasts the newest
    issue not after `now` is taken.
    """
    with ledger.reading() as session:
        states = list(session.scalars(select(FeedState).order_by(FeedState.feed_id)))
        files = list(session.scalars(select(FeedFile).where(FeedFile.state == FileState.ACCEPTED)))
    return [_status(state, [file for file in files if file.feed_id == state.feed_id], now) for state in states]


def reference_time(file: FeedFile, now: datetime) -> datetime | None:
    """Return the time by which the age of a file is told at `now`: issue of a forecast, else its newest value.

    None if the file holds nothing up to `now`.
    """
    if file.issued_at is not None:
        return file.issued_at if file.issued_at <= now else None
    if file.last_value_at is None or (file.first_value_at is not None and file.first_value_at > now):
        return None
    return min(file.last_value_at, now)


def _status(state: FeedState, files: Iterable[FeedFile], now: datetime) -> FeedStatus:
    files = list(files)
    newest = max((at for file in files if (at := reference_time(file, now)) is not None), default=None)
    is_ahead = any(
        at is not None and at > now + _CLOCK_SKEW for file in files for at in (file.issued_at or file.last_value_at,)
    )
    age_h = None if newest is None else (now - newest).total_seconds() / 3600
    name: Literal["fresh", "late", "ahead", "absent"]
    if age_h is None:
        name = "absent"
    elif age_h > state.stale_after_h:
        name = "late"
    else:
        name = "ahead" if is_ahead else "fresh"
    return FeedStatus(
        feed_id=state.feed_id,
        kind=state.kind,
        state=name,
        newest_at=newest,
        age_h=age_h,
        limit_h=state.stale_after_h,
        files_accepted=state.files_accepted,
        files_rejected=state.files_rejected,
        error=state.error or "",
    )


def _arrivals(feed: Feed, district_root: Path) -> list[Path]:
    """Return the finished plain files of the feed, by name.

    Raises
    ------
    OSError
        If the path is absent or leaves the district's folder.
    """
    root = district_root.resolve()
    place = (root / feed.path).resolve()
    if not place.is_relative_to(root):
        raise OSError(f"the path of feed {feed.id} leaves the district folder: {feed.path}")
    if not place.exists():
        raise OSError(f"feed {feed.id} brought nothing: {feed.path} is not there")
    paths = sorted(place.iterdir()) if place.is_dir() else [place]
    return [path for path in paths if path.is_file() and not path.is_symlink() and not _is_unfinished(path)]


def _is_unfinished(path: Path) -> bool:
    return path.name.startswith(".") or path.suffix.lower() in _UNFINISHED


def _read(path: Path) -> tuple[str, bytes | None]:
    """Return digest and bytes; a file beyond the limit is not read: its digest is of its name, size and time."""
    facts = path.stat()
    if facts.st_size > MAX_BYTES:
        return hashlib.sha256(f"{path.name} {facts.st_size} {facts.st_mtime_ns}".encode()).hexdigest(), None
    data = path.read_bytes()
    return hashlib.sha256(data).hexdigest(), data


def _take_over(
    feed_id: str, path: Path, digest: str, data: bytes | None, *, raw_dir: Path, check: FileCheck
) -> FeedFile:
    """Keep the bytes, check them, and return the row; the bytes of a broken file go below ``rejected/``."""
    name = f"{digest[:12]}-{path.name}"
    kept, facts = raw_dir / feed_id / name, FileFacts()
    if data is None:
        reason = f"{path.name}: larger than {MAX_BYTES} bytes; it was not taken over"
    else:
        _write_aside(kept, data)
        facts, reason = _run(check, kept)
    if reason:
        aside = raw_dir / "rejected" / feed_id / name
        aside.parent.mkdir(parents=True, exist_ok=True)
        _write_aside(aside.with_name(name + ".reason.txt"), (reason + "\n").encode())
        if data is not None:
            kept.replace(aside)
        kept = aside
    return FeedFile(
        feed_id=feed_id,
        name=path.name,
        sha256=digest,
        size_bytes=path.stat().st_size if data is None else len(data),
        raw_path=kept.relative_to(raw_dir).as_posix(),
        state=FileState.REJECTED if reason else FileState.ACCEPTED,
        issued_at=facts.issued_at or (None if facts.last_value_at else issued_at_from_name(path.name)),
        first_value_at=facts.first_value_at,
        last_value_at=facts.last_value_at,
        rows_read=facts.rows_read,
        rows_rejected=facts.rows_rejected,
        error=reason or None,
    )


def _run(check: FileCheck, path: Path) -> tuple[FileFacts, str]:
    """Return what the check found, or why the file cannot be used."""
    try:
        return check(path), ""
    except BadInputError as error:
        return FileFacts(), str(error)
    except Exception as error:  # a file that breaks the reader must not stop the next file
        return FileFacts(), f"{path.name}: the reader broke on it ({type(error).__name__}: {error})"


def _write_aside(path: Path, data: bytes) -> None:
    """Write so that a reader sees all of it or nothing, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def _known_files(ledger: Ledger, feed_id: str) -> dict[str, str]:
    with ledger.reading() as session:
        files = session.scalars(select(FeedFile).where(FeedFile.feed_id == feed_id))
        return {file.sha256: file.name for file in files}


def _register(session: Session, feed: Feed, files: list[FeedFile], *, now: datetime, error: str) -> list[FeedFile]:
    """Write the new rows and the state of the feed; returns the rows that no other pull wrote meanwhile."""
    state = session.get(FeedState, feed.id)
    if state is None:
        state = FeedState(feed_id=feed.id, files_accepted=0, files_rejected=0)
        session.add(state)
    state.kind, state.stale_after_h = feed.kind, feed.stale_after_h
    state.pulled_at, state.error = now, error or None
    session.flush()
    there = set(session.scalars(select(FeedFile.sha256).where(FeedFile.feed_id == feed.id)))
    kept = [file for file in files if file.sha256 not in there]
    for file in kept:
        file.arrived_at = now
        session.add(file)
        session.flush()
        state.last_file_id = file.id
        state.files_accepted += file.state == FileState.ACCEPTED
        state.files_rejected += file.state == FileState.REJECTED
        detail = {"feed": feed.id, "name": file.name, "sha256": file.sha256} | (
            {"reason": file.error} if file.error else {}
        )
        session.add(LogEntry(at=now, who="feeds", what=f"file-{file.state}", detail=detail))
    return kept
