"""Bring the ledger of an earlier release forward: a copy first, then every step, in one transaction or not at all."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.engine import URL, Connection

from wuyu.ledger.engines import ADVISORY_LOCK, BUSY_TIMEOUT_S, engine_of, ledger_url, restrict
from wuyu.ledger.faults import LedgerError, LedgerFaultError, fault_of, runbook, shown
from wuyu.ledger.models import LedgerInfo
from wuyu.ledger.opening import lock_for_change, require_file
from wuyu.ledger.schema import SCHEMA_VERSION, mend, require_good, schema_of

__all__ = ["Upgrade", "damage", "take_steps", "upgrade_ledger"]

STEPS = Path(__file__).resolve().parent / "migrations"


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade did.

    Attributes
    ----------
    found, reached : str
        Numbers of the schema before and after.
    mended : tuple of str
        Indexes and guards that were absent beside.
    copy : Path or None
        The ledger as it was; None if nothing was changed or no copy was wanted.
    """

    found: str
    reached: str
    mended: tuple[str, ...] = ()
    copy: Path | None = None

    @property
    def changed(self) -> bool:
        """True if the ledger is another one now."""
        return self.found != self.reached or bool(self.mended)


def upgrade_ledger(
    url_or_path: str | Path, *, folder: Path | None = None, copy: bool = True, patience_s: float = BUSY_TIMEOUT_S
) -> Upgrade:
    """Bring a ledger to the newest schema; one that is there already is only looked at.

    Everything is one transaction under the ledger's lock, begun before the copy is made: whoever writes meanwhile
    waits, and a kill at any moment leaves the ledger as it was or as it should be. No row is changed.

    Parameters
    ----------
    url_or_path : str or Path
        As for `open_ledger`.
    folder : Path, optional
        Where the copy goes; for SQLite the ledger's own folder by default, for PostgreSQL it must be named.
    copy : bool
        False if a copy was made by other means.
    patience_s : float
        How long to wait for other writers [s].

    Returns
    -------
    Upgrade

    Raises
    ------
    LedgerError
        If there is no ledger, it is newer, it cannot be copied, or its tables are not those of its number.
    LedgerFaultError
        If it is damaged, or others hold it for longer than `patience_s`.
    """
    url = ledger_url(url_or_path)
    require_file(url)
    engine = engine_of(url, patience_s=patience_s, foreign_keys=False)
    try:
        with engine.execution_options(wuyu_write=True).begin() as connection:
            _lock(connection, patience_s)
            done = _upgrade(connection, folder, copy=copy)
    except LedgerFaultError as fault:
        raise LedgerFaultError(f"{fault}{_lock_holders(url)}") from fault
    finally:
        engine.dispose()
    restrict(url)
    return done


def _lock(connection: Connection, patience_s: float) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(patience_s * 1000)}")
    lock_for_change(connection)


def _lock_holders(url: URL) -> str:
    """Return who holds the lock of a PostgreSQL ledger, as more of a sentence; nothing if nobody does."""
    if url.get_backend_name() == "sqlite":
        return ""
    query = text(
        "SELECT DISTINCT a.pid, a.application_name, a.client_addr FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
        "WHERE l.locktype = 'advisory' AND l.objid = :key AND l.granted"
    )
    engine = engine_of(url)
    try:
        with engine.connect() as connection:
            rows = connection.execute(query, {"key": ADVISORY_LOCK}).all()
    except LedgerFaultError:
        return ""
    finally:
        engine.dispose()
    return "".join(f"; held by backend {pid} {name} {at or ''}".rstrip() for pid, name, at in rows)


def _upgrade(connection: Connection, folder: Path | None, *, copy: bool) -> Upgrade:
    url = connection.engine.url
    found = schema_of(connection)
    if found is None or int(found) > int(SCHEMA_VERSION):
        require_good(connection)  # says so
    assert found is not None
    if not _needs_work(connection, found):
        return Upgrade(found, found)
    faults = damage(connection)
    if faults:
        raise LedgerFaultError(f"{shown(url)}: the ledger is damaged ({faults[0]}) {runbook('damaged')}")
    kept = None
    if found != SCHEMA_VERSION:  # to add an index or a guard touches no row and needs no copy
        kept = _copy(url, folder) if copy else None
        take_steps(connection, int(found), int(SCHEMA_VERSION))
    mended = mend(connection)
    connection.execute(update(LedgerInfo).where(LedgerInfo.key == "schema").values(value=SCHEMA_VERSION))
    require_good(connection)
    _require_whole(connection)
    return Upgrade(found, SCHEMA_VERSION, tuple(mended), kept)


def _needs_work(connection: Connection, found: str) -> bool:
    if found != SCHEMA_VERSION:
        return True
    try:
        require_good(connection)
    except LedgerError:
        return True
    return False


def take_steps(connection: Connection, found: int, wanted: int) -> None:
    """Take the steps after `found` up to `wanted`; 0 is an empty database. The caller writes the number."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    steps = ScriptDirectory(str(STEPS))
    upwards = reversed(list(steps.iterate_revisions(f"{wanted:04d}", f"{found:04d}" if found else "base")))
    with Operations.context(MigrationContext.configure(connection)):
        for step in upwards:
            step.module.upgrade()


def _require_whole(connection: Connection) -> None:
    """Check foreign keys, which SQLite did not while tables may have been rebuilt."""
    if connection.dialect.name != "sqlite":
        return
    astray = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if astray:
        raise LedgerError(
            f"{shown(connection.engine.url)}: {len(astray)} rows point at rows that are not there, the first in "
            f"{astray[0][0]}; restore the ledger from a copy {runbook('damaged')}"
        )


def damage(connection: Connection) -> list[str]:
    """Return what is damaged in a SQLite ledger; PostgreSQL looks after its own files.

    Examples
    --------
    >>> import tempfile
    >>> from wuyu.ledger import create_ledger
    >>> with tempfile.TemporaryDirectory() as folder, create_ledger(Path(folder) / "ledger.sqlite") as ledger:
    ...     with ledger.engine.connect() as connection:
    ...         damage(connection)
    []
    """
    if connection.dialect.name != "sqlite":
        return []
    said = connection.exec_driver_sql("PRAGMA quick_check(5)").scalars().all()
    return [] if said == ["ok"] else [" ".join(str(line).split()) for line in said]


# Copies


def _copy(url: URL, folder: Path | None) -> Path:
    """Copy the ledger aside and rename the copy when it is whole."""
    is_file = url.get_backend_name() == "sqlite"
    path = Path(str(url.database)) if is_file else Path("ledger")
    where = folder or (path.parent if is_file else None)
    if where is None:
        raise LedgerError(f"{shown(url)}: say in which folder the copy of this ledger goes")
    where.mkdir(parents=True, exist_ok=True)
    target = where / f"{path.stem}.before-{SCHEMA_VERSION}.{'sqlite' if is_file else 'pgdump'}"
    for left in where.glob(f".{target.name}.*.part*"):  # of an upgrade that was killed: the lock is ours
        left.unlink()
    aside = where / f".{target.name}.{os.getpid()}.part"
    try:
        os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        (_copy_file if is_file else _dump)(url, aside)
        _flush(aside)
        aside.replace(target)
        _flush(where)
    finally:
        aside.unlink(missing_ok=True)
    return target


def _copy_file(url: URL, aside: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"{Path(str(url.database)).as_uri()}?mode=rw", uri=True)) as source,
            closing(sqlite3.connect(aside)) as copy,
        ):
            source.backup(copy)
    except sqlite3.Error as error:
        raise fault_of(error, url) or error from error


def _dump(url: URL, aside: Path) -> None:
    program = shutil.which("pg_dump")
    otherwise = "or copy the database by other means and say --no-copy"
    if program is None:
        raise LedgerError(
            f"{shown(url)}: no copy can be made, pg_dump is not on PATH; install it (postgresql-client), {otherwise} "
            f"{runbook('upgrade')}"
        )
    address, password = _without_password(url)
    command = [program, "--format=custom", f"--file={aside}", f"--dbname={address}"]
    ran = subprocess.run(  # noqa: S603 - a program of the installation, our own arguments
        command, env={**os.environ, **password}, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        said = " ".join(ran.stderr.split())[:300]
        raise LedgerError(
            f"{shown(url)}: no copy can be made, pg_dump says: {said}; mend that, {otherwise} {runbook('upgrade')}"
        )


def _without_password(url: URL) -> tuple[str, dict[str, str]]:
    """Return the URL for the command line, which every user of the machine can read, and the password beside it."""
    query: dict[str, Any] = dict(url.query)
    password = url.password or query.pop("password", None)
    query.pop("password", None)
    address = URL.create("postgresql", url.username, None, url.host, url.port, url.database, query)
    return address.render_as_string(), {"PGPASSWORD": str(password)} if password else {}


def _flush(path: Path) -> None:
    """Let a file, or the names in a folder, reach the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
