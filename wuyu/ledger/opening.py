"""Open a ledger that is there; make one where there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, insert, text
from sqlalchemy.engine import URL, Connection

from wuyu.ledger.engines import ADVISORY_LOCK, engine_of, ledger_url, let_read_while_writing, restrict
from wuyu.ledger.faults import LedgerError, runbook, shown
from wuyu.ledger.models import Base, LedgerInfo
from wuyu.ledger.schema import SCHEMA_VERSION, require_good, schema_of, tables_of
from wuyu.ledger.store import Ledger

__all__ = ["create_ledger", "lock_for_change", "make_ledger", "open_ledger", "require_file"]

_PRODUCTS: Final = ("bulletins", "raw", "reports", "risk")
_MAGIC: Final = b"SQLite format 3\x00"


def open_ledger(url_or_path: str | Path) -> Ledger:
    """Open a ledger that is there; it is never made by this, nor changed.

    Parameters
    ----------
    url_or_path : str or Path
        Path of a SQLite file, or an SQLAlchemy URL (``postgresql+psycopg://user@host/name``).

    Returns
    -------
    Ledger
        Close it, or use it in a ``with``.

    Raises
    ------
    LedgerError
        If there is none, or it is not a ledger of this version; in one sentence, with what to do.
    LedgerFaultError
        If the database is damaged, locked or out of reach.

    Examples
    --------
    >>> open_ledger("nowhere/ledger.sqlite")
    Traceback (most recent call last):
    ...
    wuyu.ledger.faults.LedgerError: /.../nowhere/ledger.sqlite: there is no ledger; ...
    """
    url = ledger_url(url_or_path)
    require_file(url)
    engine = engine_of(url)
    with _closed_on_error(engine):
        with engine.connect() as connection:
            require_good(connection)
        let_read_while_writing(engine)
    return Ledger(engine)


def create_ledger(url_or_path: str | Path, *, products: Path | None = None, afresh: bool = False) -> Ledger:
    """Open a ledger, made first if there is none: for `wuyu service init`, replays and demonstrations only.

    Parameters
    ----------
    url_or_path : str or Path
        As for `open_ledger`.
    products : Path, optional
        Folder of the products; that of the file by default.
    afresh : bool
        Begin a new ledger even beside products of an older one.

    Returns
    -------
    Ledger

    Raises
    ------
    LedgerError
        If there is a database that is not a ledger of this version, or if products of an older ledger lie beside.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, create_ledger(Path(folder) / "ledger.sqlite") as ledger:
    ...     ledger.outbox_counts()
    {}
    """
    make_ledger(url_or_path, products=products, afresh=afresh)
    return open_ledger(url_or_path)


def make_ledger(url_or_path: str | Path, *, products: Path | None = None, afresh: bool = False) -> bool:
    """Make a ledger if there is none; returns False if there is a good one, which is left as it is.

    Parameters and errors are those of `create_ledger`.
    """
    url = ledger_url(url_or_path)
    if url.get_backend_name() == "sqlite":
        _begin_file(url, products or Path(str(url.database)).parent, afresh=afresh)
    engine = engine_of(url)
    with _closed_on_error(engine):
        with engine.execution_options(wuyu_write=True).begin() as connection:
            lock_for_change(connection)
            made = _fill(connection, products, afresh=afresh)
        let_read_while_writing(engine)
    engine.dispose()
    return made


def _begin_file(url: URL, products: Path, *, afresh: bool) -> None:
    """Make an empty file that only its owner can read, unless something is there."""
    path = Path(str(url.database))
    if path.exists() and path.stat().st_size:
        require_file(url)
        return
    _require_no_products(url, products, afresh=afresh)
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    restrict(url)


def _fill(connection: Connection, products: Path | None, *, afresh: bool) -> bool:
    url = connection.engine.url
    if _is_taken(connection):
        require_good(connection)
        return False
    if products is not None:
        _require_no_products(url, products, afresh=afresh)
    Base.metadata.create_all(connection)
    connection.execute(insert(LedgerInfo).values(key="schema", value=SCHEMA_VERSION))
    return True


def _is_taken(connection: Connection) -> bool:
    """Return True unless a ledger can be made here: PostgreSQL may hold other tables, under other names."""
    if connection.dialect.name == "sqlite":
        return schema_of(connection) is not None
    return bool(tables_of(connection) & set(Base.metadata.tables))


def _require_no_products(url: URL, products: Path, *, afresh: bool) -> None:
    held = [name for name in _PRODUCTS if any(one.is_file() for one in (products / name).rglob("*"))]
    if held and not afresh:
        raise LedgerError(
            f"{shown(url)}: there is no ledger, but {products} holds products that one knew ({', '.join(held)}): "
            f"bring that ledger back, or begin a new one, which knows no warning that stands, with: "
            f"wuyu service init --afresh {runbook('absent')}"
        )


def require_file(url: URL) -> None:
    """Check that the file of a SQLite ledger is there and is a database.

    Raises
    ------
    LedgerError
    """
    if url.get_backend_name() != "sqlite":
        return
    path = Path(str(url.database))
    make = f"check --out and WUYU_LEDGER, or make one with: wuyu service init {runbook('absent')}"
    if not path.exists():
        raise LedgerError(f"{path}: there is no ledger; {make}")
    if not path.is_file():
        raise LedgerError(f"{path}: this is no file; {make}")
    if path.stat().st_size == 0:
        raise LedgerError(f"{path}: the ledger is empty (0 bytes); {make}")
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
    if head != _MAGIC:
        raise LedgerError(f"{path}: this is no SQLite database, so no ledger; restore it {runbook('damaged')}")


def lock_for_change(connection: Connection) -> None:
    """Wait until no other process changes the tables of a PostgreSQL database; SQLite has locked already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})


@contextmanager
def _closed_on_error(engine: Engine) -> Iterator[None]:
    try:
        yield
    except BaseException:
        engine.dispose()
        raise
