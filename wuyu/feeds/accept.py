"""Take a refused file after all, in the name of an officer who answers for it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from risk_models.errors import BadInputError, ConfigError
from risk_models.files import write_whole
from wuyu.feeds.checks import FileCheck, FileFacts
from wuyu.feeds.intake import issue_time
from wuyu.ledger.models import FeedFile, FeedState, LogEntry
from wuyu.ledger.store import Ledger
from wuyu.ledger.types import FileState

__all__ = ["accept_file", "refused_file", "refused_files"]

MIN_DIGITS = 8


def refused_files(ledger: Ledger) -> list[FeedFile]:
    """Return the refused files whose bytes are kept, the newest first."""
    query = select(FeedFile).where(FeedFile.state == FileState.REJECTED, FeedFile.removed_at.is_(None))
    query = query.order_by(FeedFile.id.desc())
    with ledger.reading() as session:
        return list(session.scalars(query))


def refused_file(ledger: Ledger, sha256: str) -> FeedFile:
    """Return the refused file whose digest begins so.

    Raises
    ------
    ConfigError
        If there is none, or several, or fewer than eight digits are given.
    """
    if len(sha256) < MIN_DIGITS:
        raise ConfigError(f"give at least the first {MIN_DIGITS} digits of the sha256; `wuyu feeds accept` lists them")
    found = [file for file in refused_files(ledger) if file.sha256.startswith(sha256.lower())]
    if len(found) != 1:
        raise ConfigError(f"{len(found)} refused files have a sha256 that begins with {sha256}; accepted: one")
    return found[0]


def accept_file(
    ledger: Ledger, file: FeedFile, *, officer: str, now: datetime, raw_dir: Path, check: FileCheck
) -> FeedFile:
    """Take a refused file into use: what speaks against it is overruled, what its reader cannot read is not.

    Parameters
    ----------
    ledger : Ledger
    file : FeedFile
        From `refused_file`.
    officer : str
        Who answers for it; not empty.
    now : datetime
    raw_dir : Path
        As given to `pull`; the bytes move out of ``rejected/``.
    check : FileCheck
        From `file_check`.

    Returns
    -------
    FeedFile
        As it now stands. The ledger keeps who, when, and why it had been refused.

    Raises
    ------
    ConfigError
        If no officer is named, its bytes were never taken, or it cannot be read.
    """
    if not officer.strip():
        raise ConfigError("taking a refused file needs the name of an officer")
    aside = raw_dir / file.raw_path
    facts = _facts(aside, file.name, check)
    kept = raw_dir / file.feed_id / aside.name
    write_whole(kept, aside.read_bytes())  # a row never points at a file that is not there yet, or no more
    with ledger.writing() as session:
        row = session.get(FeedFile, file.id)
        if row is None or row.state != FileState.REJECTED:
            raise ConfigError(f"{file.name} is not refused any more")
        reason, row.error = row.error, None
        row.state, row.raw_path = FileState.ACCEPTED, kept.relative_to(raw_dir).as_posix()
        row.rows_read, row.rows_rejected = facts.rows_read, facts.rows_rejected
        row.first_value_at, row.last_value_at = facts.first_value_at, facts.last_value_at
        state = session.get(FeedState, row.feed_id)
        row.issued_at = issue_time(state.kind if state else "", row.name, facts, arrived_at=row.arrived_at)
        if state is not None:
            state.files_accepted, state.files_rejected = state.files_accepted + 1, state.files_rejected - 1
        detail = {"feed": row.feed_id, "name": row.name, "sha256": row.sha256, "refused_for": reason or ""}
        session.add(LogEntry(at=now, who=officer, what="file-accepted-anyway", detail=detail))
    aside.unlink(missing_ok=True)
    return row


def _facts(path: Path, name: str, check: FileCheck) -> FileFacts:
    if not path.is_file():
        raise ConfigError(f"{name}: its bytes were not kept; fetch it again")
    try:
        return check(path)
    except BadInputError as error:
        raise ConfigError(f"{name} cannot be read, so nobody can accept it: {error}") from None
