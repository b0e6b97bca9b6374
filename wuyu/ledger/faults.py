"""What is the matter with a ledger, in one sentence: which file, what is wrong, what to do and where to read on."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL

from risk_models.errors import ConfigError, FloodRiskError

__all__ = ["RUNBOOK", "LedgerError", "LedgerFaultError", "explain_os", "fault_of", "open_by", "runbook", "shown"]

RUNBOOK: Final = {
    "absent": "No ledger",
    "upgrade": "Upgrade the ledger",
    "damaged": "The ledger is damaged",
    "locked": "The ledger is locked",
    "full": "The disk is full",
    "away": "The database is out of reach",
    "rights": "The ledger may not be written",
}
"""Sections of docs/runbook.md."""

_FREE_MIN_BYTES = 1 << 20


class LedgerError(ConfigError):
    """The ledger cannot be used as it is: absent, not a ledger, of another version, or not what its number says."""


class LedgerFaultError(FloodRiskError):
    """The database under the ledger failed: damaged, locked, full, out of reach, or not to be written."""


def runbook(section: str) -> str:
    """Return where to read on.

    Examples
    --------
    >>> runbook("full")
    "(docs/runbook.md, 'The disk is full')"
    """
    return f"(docs/runbook.md, '{RUNBOOK[section]}')"


def shown(url: URL) -> str:
    """Return where a ledger is, for people: the path of a file, or the URL without password.

    Examples
    --------
    >>> from sqlalchemy.engine import make_url
    >>> shown(make_url("postgresql+psycopg://duty:secret@db.example/wuyu?password=secret"))
    'postgresql://duty:***@db.example/wuyu'
    """
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(drivername=url.get_backend_name(), query={}).render_as_string(hide_password=True)


def fault_of(error: BaseException, url: URL) -> LedgerFaultError | None:
    """Return what an error of the database driver means, or None if it is none of its faults (a row that clashes)."""
    said = _sqlite_fault(error, url) if isinstance(error, sqlite3.Error) else _postgres_fault(error, url)
    return None if said is None else LedgerFaultError(said)


def _sqlite_fault(error: sqlite3.Error, url: URL) -> str | None:
    where, path = shown(url), Path(str(url.database))
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without the detail in the upper bytes
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return f"{where}: the ledger is damaged ({error}); restore it from a copy {runbook('damaged')}"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        who = "; ".join(open_by(path)) or "another process, not to be seen from here"
        return f"{where}: the ledger is locked and was not let go in time; it is open in: {who} {runbook('locked')}"
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _free_bytes(path) < _FREE_MIN_BYTES):
        return f"{where}: the disk is full; make room, then run the same command again {runbook('full')}"
    if code == sqlite3.SQLITE_IOERR:
        return f"{where}: the disk cannot be read or written ({error}) {runbook('damaged')}"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return f"{where}: the ledger or its folder may not be written by this user ({error}) {runbook('rights')}"
    return None


def _postgres_fault(error: BaseException, url: URL) -> str | None:
    where, state = shown(url), getattr(error, "sqlstate", None)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if state is None and "OperationalError" in kinds:
        return f"{where}: the database is out of reach ({_first_line(error)}) {runbook('away')}"
    if state is None:
        return None
    if state[:2] in ("08", "28", "3D") or state in ("57P01", "57P02", "57P03"):
        return f"{where}: the database is out of reach ({_first_line(error)}) {runbook('away')}"
    if state == "55P03":
        return f"{where}: the ledger is locked and was not let go in time {runbook('locked')}"
    if state == "53100":
        return f"{where}: the disk of the database is full {runbook('full')}"
    if state in ("25006", "42501"):
        return f"{where}: the ledger may not be written by this user ({_first_line(error)}) {runbook('rights')}"
    if state[:2] == "XX":
        return f"{where}: the ledger is damaged ({_first_line(error)}); restore it from a copy {runbook('damaged')}"
    return None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _free_bytes(path: Path) -> int:
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return _FREE_MIN_BYTES


def open_by(path: Path) -> list[str]:
    """Return which other processes have the file open, as ``pid 12 (wuyu dispatch)``; on Linux, if they can be seen."""
    found = []
    names = {f"{path.resolve()}{ending}" for ending in ("", "-wal", "-shm")}
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda one: int(one.name)):
        if int(process.name) != os.getpid() and _has_open(process, names):
            found.append(f"pid {process.name} ({_command(process)})")
    return found


def _has_open(process: Path, names: set[str]) -> bool:
    try:
        return any(str(file.readlink()) in names for file in (process / "fd").iterdir())
    except OSError:  # another user's, or gone
        return False


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()[:80]
    except OSError:
        return "gone"


def explain_os(error: OSError) -> str | None:
    """Return what an error of the operating system means, or None if it says nothing about a file or a disk.

    Examples
    --------
    >>> explain_os(OSError(errno.ENOSPC, "No space left on device", "out/a.json"))
    "out/a.json: the disk is full; make room, then run the same command again (docs/runbook.md, 'The disk is full')"
    """
    where = f"{error.filename}: " if error.filename is not None else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{where}the disk is full; make room, then run the same command again {runbook('full')}"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{where}this may not be read or written by this user ({error.strerror}) {runbook('rights')}"
    if where:
        return f"{where}cannot be read or written ({error.strerror})"
    return None
