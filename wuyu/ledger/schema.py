"""What a ledger must look like, and how one that is opened differs from that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from sqlalchemy import Index, UniqueConstraint, select, text
from sqlalchemy.engine import Connection

from wuyu.ledger.faults import LedgerError, runbook, shown
from wuyu.ledger.models import Base, LedgerInfo, guard_names_of, guarded_tables, guards_of

__all__ = ["SCHEMA_VERSION", "Outline", "mend", "require_good", "schema_of", "tables_of"]

SCHEMA_VERSION: Final = "12"
"""Number of the newest step in `wuyu.ledger.migrations`."""

Key = tuple[str, tuple[str, ...], bool]


@dataclass(frozen=True)
class Outline:
    """The outline of a ledger.

    Attributes
    ----------
    columns : frozenset of (table, column)
    indexes : frozenset of (table, columns, unique)
        Of primary keys: none.
    guards : frozenset of str
        Names of triggers.
    """

    columns: frozenset[tuple[str, str]]
    indexes: frozenset[Key]
    guards: frozenset[str]


_COLUMNS = {
    "sqlite": "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'",
    "postgresql": (
        "SELECT t.relname, a.attname FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid "
        "WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'p') "
        "AND a.attnum > 0 AND NOT a.attisdropped"
    ),
}
_INDEXES = {
    "sqlite": (
        'SELECT m.name, i.name, i."unique", c.name FROM sqlite_master m JOIN pragma_index_list(m.name) i '
        "JOIN pragma_index_info(i.name) c WHERE m.type = 'table' AND i.origin <> 'pk' AND i.partial = 0 "
        "ORDER BY i.name, c.seqno"
    ),
    "postgresql": (
        "SELECT t.relname, n.relname, i.indisunique, a.attname FROM pg_index i "
        "JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class n ON n.oid = i.indexrelid "
        "JOIN pg_attribute a ON a.attrelid = n.oid WHERE t.relnamespace = current_schema()::regnamespace "
        "AND NOT i.indisprimary AND i.indpred IS NULL AND i.indisvalid ORDER BY n.relname, a.attnum"
    ),
}
_GUARDS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": (
        "SELECT g.tgname FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid "
        "WHERE NOT g.tgisinternal AND g.tgenabled <> 'D' AND t.relnamespace = current_schema()::regnamespace"
    ),
}
_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
}


def tables_of(connection: Connection) -> set[str]:
    """Return the names of the tables that are there."""
    return set(connection.execute(text(_TABLES[connection.dialect.name])).scalars())


def schema_of(connection: Connection) -> str | None:
    """Return the number of a ledger, or None where there is no table at all.

    Raises
    ------
    LedgerError
        If the database holds other tables but no ledger.
    """
    where, tables = shown(connection.engine.url), tables_of(connection)
    if not tables:
        return None
    if LedgerInfo.__tablename__ not in tables:
        some = ", ".join(sorted(tables)[:3])
        raise LedgerError(f"{where}: this database is no ledger of wuyu, it holds other tables ({some}); {_CHECK}")
    found = connection.execute(select(LedgerInfo.value).where(LedgerInfo.key == "schema")).scalar_one_or_none()
    if found is None or not found.isdigit():
        raise LedgerError(f"{where}: this ledger does not say its schema; restore it from a copy {runbook('damaged')}")
    return found


_CHECK = f"check --out and WUYU_LEDGER {runbook('absent')}"


def require_good(connection: Connection) -> None:
    """Check that this is a ledger of this version, with all its columns, indexes and guards.

    Raises
    ------
    LedgerError
        In one sentence: which file, what is the matter, what to do.
    """
    where, found = shown(connection.engine.url), schema_of(connection)
    if found is None:
        raise LedgerError(
            f"{where}: this database is empty; check --out and WUYU_LEDGER, or make one with: wuyu service init "
            f"{runbook('absent')}"
        )
    if int(found) < int(SCHEMA_VERSION):
        raise LedgerError(
            f"{where}: this ledger has schema {found}, this program needs {SCHEMA_VERSION}; bring it forward with: "
            f"wuyu service upgrade {runbook('upgrade')}"
        )
    if int(found) > int(SCHEMA_VERSION):
        raise LedgerError(
            f"{where}: this ledger has schema {found}, written by a newer version of wuyu; this one knows up to "
            f"{SCHEMA_VERSION}: install the newer version {runbook('upgrade')}"
        )
    real, needed = _shape_of(connection), _shape_needed(connection.dialect.name)
    _require_columns(where, real, needed)
    _require_rest(where, real, needed)


def _require_columns(where: str, real: Outline, needed: Outline) -> None:
    mine = {table for table, _ in needed.columns}
    lost = [f"no column {table}.{column}" for table, column in sorted(needed.columns - real.columns)]
    lost += [
        f"an unknown column {table}.{column}"
        for table, column in sorted(real.columns - needed.columns)
        if table in mine
    ]
    if lost:
        raise LedgerError(
            f"{where}: the tables are not those of schema {SCHEMA_VERSION}: {_some(lost)}; "
            f"restore the ledger from a copy {runbook('damaged')}"
        )


def _require_rest(where: str, real: Outline, needed: Outline) -> None:
    # An index that an administrator added does no harm; one that is gone makes slow or lets doubles in.
    absent = [f"no {_index_name(key)}" for key in sorted(needed.indexes - real.indexes)]
    absent += [f"no guard {name}" for name in sorted(needed.guards - real.guards)]
    if absent:
        raise LedgerError(
            f"{where}: the ledger is not complete: {_some(absent)}; "
            f"mend it with: wuyu service upgrade {runbook('upgrade')}"
        )


def _some(faults: list[str]) -> str:
    return ", ".join(faults[:5]) + (f" and {len(faults) - 5} more" if len(faults) > 5 else "")


def _index_name(key: Key) -> str:
    table, columns, unique = key
    return f"{'unique ' if unique else ''}index on {table} ({', '.join(columns)})"


def _shape_of(connection: Connection) -> Outline:
    kind = connection.dialect.name
    columns = frozenset((str(table), str(column)) for table, column in connection.execute(text(_COLUMNS[kind])))
    parts: dict[tuple[str, str, bool], list[str]] = {}
    for table, index, unique, column in connection.execute(text(_INDEXES[kind])):
        parts.setdefault((table, index, bool(unique)), []).append(column)
    indexes = frozenset((table, tuple(found), unique) for (table, _, unique), found in parts.items())
    return Outline(columns, indexes, frozenset(connection.execute(text(_GUARDS[kind])).scalars()))


@cache
def _shape_needed(dialect: str) -> Outline:
    tables = Base.metadata.tables.values()
    return Outline(
        columns=frozenset((table.name, column.name) for table in tables for column in table.columns),
        indexes=frozenset(_indexes_needed()),
        guards=frozenset(name for table in guarded_tables() for name in guard_names_of(table, dialect)),
    )


def _indexes_needed() -> dict[Key, Index | None]:
    """Return every index of the models; None in place of one that a UNIQUE of its table brings along."""
    found: dict[Key, Index | None] = {}
    for table in Base.metadata.tables.values():
        for index in table.indexes:
            found[table.name, tuple(column.name for column in index.columns), bool(index.unique)] = index
        for one in table.constraints:
            if isinstance(one, UniqueConstraint):
                found[table.name, tuple(column.name for column in one.columns), True] = None
    return found


def mend(connection: Connection) -> list[str]:
    """Make the indexes and guards that are absent from a ledger of the newest schema; returns what was made.

    Raises
    ------
    LedgerError
        If a table or column is absent: that cannot be made up for.
    """
    kind = connection.dialect.name
    real, made = _shape_of(connection), []
    _require_columns(shown(connection.engine.url), real, _shape_needed(kind))
    for key, index in sorted(_indexes_needed().items()):
        if index is not None and key not in real.indexes:
            index.create(connection)
            made.append(_index_name(key))
    for table in guarded_tables():
        if guard_names_of(table, kind) - real.guards:
            for statement in guards_of(table, kind):
                connection.exec_driver_sql(statement)
            made.append(f"guards of {table}")
    return made
