"""Where a ledger is, and connections to it that say in one sentence what fails."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, Connection, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError

from wuyu.ledger.faults import LedgerError, fault_of

__all__ = [
    "ADVISORY_LOCK",
    "BUSY_TIMEOUT_S",
    "engine_of",
    "files_of",
    "ledger_url",
    "let_read_while_writing",
    "restrict",
    "shared_with_others",
]

BUSY_TIMEOUT_S: Final = 60.0
ADVISORY_LOCK: Final = 5193  # any number, the same for every process of wuyu on one PostgreSQL database


def ledger_url(url_or_path: str | Path) -> URL:
    """Return the URL of a ledger.

    Raises
    ------
    LedgerError
        If it is no URL, or of a database we do not support.

    Examples
    --------
    >>> ledger_url("postgresql://duty@db.example/wuyu").drivername
    'postgresql+psycopg'
    """
    if not isinstance(url_or_path, str) or "://" not in url_or_path:
        return URL.create("sqlite", database=str(Path(url_or_path).resolve()))
    try:
        url = make_url(url_or_path)
    except ArgumentError:
        raise LedgerError("the URL of the ledger cannot be read; accepted: postgresql://USER@HOST/NAME") from None
    if url.drivername in ("postgresql", "postgres"):  # psycopg 3, whatever the default of the SQLAlchemy in use
        return url.set(drivername="postgresql+psycopg")
    kind = url.drivername.split("+")[0]
    if kind not in ("sqlite", "postgresql"):
        raise LedgerError(f"the ledger can live in SQLite or PostgreSQL, not in {url.drivername!r}")
    if kind == "sqlite":
        if not url.database or url.database == ":memory:":
            raise LedgerError("a ledger in SQLite needs a file, e.g. sqlite:////srv/wuyu/ledger.sqlite")
        return URL.create("sqlite", database=str(Path(url.database).resolve()))
    return url


def engine_of(url: URL, *, patience_s: float = BUSY_TIMEOUT_S, foreign_keys: bool = True) -> Engine:
    """Return connections to a ledger that is there; a SQLite file is never made by connecting.

    Parameters
    ----------
    url : URL
    patience_s : float
        How long to wait for another writer of a SQLite file [s].
    foreign_keys : bool
        Whether SQLite checks them at once.
    """
    if url.get_backend_name() == "sqlite":
        engine = _sqlite_engine(url, patience_s, foreign_keys=foreign_keys)
    else:
        engine = create_engine(url, pool_pre_ping=True)

    @event.listens_for(engine, "handle_error")
    def _say(context: ExceptionContext) -> None:
        fault = None if context.is_pre_ping else fault_of(context.original_exception, url)
        if fault is not None:
            raise fault from context.original_exception

    return engine


def _sqlite_engine(url: URL, patience_s: float, *, foreign_keys: bool) -> Engine:
    address = f"{Path(str(url.database)).as_uri()}?mode=rw"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(address, uri=True, timeout=patience_s, check_same_thread=False)

    engine = create_engine(url, creator=connect)

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, below
        for pragma in (
            f"busy_timeout={int(patience_s * 1000)}",
            "synchronous=FULL",  # a decision that was reported as kept survives a power cut
            f"foreign_keys={'ON' if foreign_keys else 'OFF'}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes its lock at once: two that read first and write later would meet in "database is locked".
        write = connection.get_execution_options().get("wuyu_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def let_read_while_writing(engine: Engine) -> None:
    """Have SQLite keep what is written beside the file, so that nobody waits who only reads; it is kept in the file.

    Not done by connecting: that would change a file which turns out to be no ledger.
    """
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()  # without a transaction, in which this cannot be changed
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode")
        if cursor.fetchone() != ("wal",):
            cursor.execute("PRAGMA busy_timeout=0")
            with contextlib.suppress(sqlite3.OperationalError):  # others are at it; the next to open it tries again
                cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_S * 1000)}")
        cursor.close()
    finally:
        connection.close()


def files_of(url: URL) -> list[Path]:
    """Return the files of a SQLite ledger that are there: itself, what SQLite keeps beside it, and copies."""
    if url.get_backend_name() != "sqlite":
        return []
    path = Path(str(url.database))
    beside = [path.with_name(f"{path.name}{ending}") for ending in ("", "-wal", "-shm")]
    return [one for one in [*beside, *sorted(path.parent.glob(f"{path.stem}.before-*"))] if one.is_file()]


def restrict(url: URL) -> None:
    """Let nobody but the owner read a SQLite ledger: it holds every answer link and telephone number."""
    for path in shared_with_others(url):
        path.chmod(0o600)


def shared_with_others(url: URL) -> list[Path]:
    """Return the files of a SQLite ledger that others than their owner may read or write."""
    return [path for path in files_of(url) if os.name == "posix" and path.stat().st_mode & 0o077]
