"""Ledgers of earlier releases, unpacked for tests, and what is in them."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, create_engine
from sqlalchemy.engine import make_url

from wuyu.ledger.upgrade import take_steps

CORPUS = Path(__file__).resolve().parent / "corpus"
RELEASES = sorted(path.name.removesuffix(".sqlite.gz") for path in CORPUS.glob("*.sqlite.gz"))

Rows = dict[str, list[tuple[Any, ...]]]


def unpack(release: str, folder: Path) -> Path:
    """Put the ledger of a release into a folder, readable by all as releases left it."""
    path = folder / "ledger.sqlite"
    path.write_bytes(gzip.decompress((CORPUS / f"{release}.sqlite.gz").read_bytes()))
    path.chmod(0o644)
    return path


def rows_of(path: Path, columns: dict[str, list[str]] | None = None) -> Rows:
    """Return every row of every table but ``ledger_info``, in the columns given, by default all."""
    with closing(sqlite3.connect(path)) as connection:
        wanted = columns or columns_of(path)
        return {
            table: connection.execute(f'SELECT {", ".join(names)} FROM "{table}" ORDER BY 1').fetchall()
            for table, names in sorted(wanted.items())
        }


def columns_of(path: Path) -> dict[str, list[str]]:
    """Return the columns of every table but ``ledger_info``."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            table: [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
            for (table,) in tables
            if table != "ledger_info"
        }


def schema_of(path: Path) -> str:
    """Return the number that a SQLite ledger bears."""
    with closing(sqlite3.connect(path)) as connection:
        found: str = connection.execute("SELECT value FROM ledger_info WHERE key = 'schema'").fetchone()[0]
        return found


def load_postgres(source: Path, url: str) -> None:
    """Make in an empty PostgreSQL database what the release of `source` would have: its tables, indexes and rows.

    Every release made the tables of steps 0001 and 0002, or fewer of them.
    """
    here = create_engine(f"sqlite:///{source}")
    held = MetaData()
    held.reflect(here)
    there = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with there.begin() as connection:
        take_steps(connection, 0, 2)
    full = MetaData()
    full.reflect(there)
    with there.begin() as connection:
        for table in reversed(full.sorted_tables):
            if table.name not in held.tables:
                table.drop(connection)
                continue
            kept = {index.name for index in held.tables[table.name].indexes}
            for index in table.indexes:
                if index.name not in kept and not index.unique:
                    index.drop(connection)
    with here.connect() as before, there.begin() as after:
        for table in held.sorted_tables:
            rows = [_aware(dict(row._mapping)) for row in before.execute(table.select())]
            if rows:
                after.execute(full.tables[table.name].insert(), rows)
    here.dispose()
    there.dispose()


def _aware(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for name, value in row.items()}


def postgres_rows(url: str, columns: dict[str, list[str]]) -> Rows:
    """Return every row in the columns given."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        found = {
            table: [
                tuple(row) for row in connection.exec_driver_sql(f'SELECT {", ".join(names)} FROM "{table}" ORDER BY 1')
            ]
            for table, names in sorted(columns.items())
        }
    engine.dispose()
    return found
