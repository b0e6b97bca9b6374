"""What lets the database itself refuse to change, delete or replace rows: triggers, for models and migrations alike.

Migrations use these functions too: one whose answer must change gets a new name, or ledgers of one number would differ.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["change_guards", "no_replace_guards", "no_update_guards", "replace_guards", "trigger_names"]

_SQLITE_CHANGE = (
    "CREATE TRIGGER IF NOT EXISTS {table}_append_only_{verb} BEFORE {verb} ON {table} "
    "BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
)
_SQLITE_REPLACE = (
    "CREATE TRIGGER IF NOT EXISTS {table}_append_only_INSERT BEFORE INSERT ON {table} "
    "WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) "
    "BEGIN SELECT RAISE(ABORT, '{table} is append-only: UNIQUE, the row is there'); END"
)
_SQLITE_NO_UPDATE = (
    "CREATE TRIGGER IF NOT EXISTS {table}_unchanged_UPDATE BEFORE UPDATE ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'rows of {table} never change'); END"
)
_SQLITE_NO_REPLACE = (
    "CREATE TRIGGER IF NOT EXISTS {table}_unchanged_INSERT BEFORE INSERT ON {table} "
    "WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) "
    "BEGIN SELECT RAISE(ABORT, 'rows of {table} are not replaced: UNIQUE, the row is there'); END"
)
_POSTGRES_NO_UPDATE = (
    "CREATE OR REPLACE FUNCTION {table}_unchanged() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN RAISE EXCEPTION ''rows of {table} never change''; END'",
    "CREATE OR REPLACE TRIGGER {table}_unchanged BEFORE UPDATE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION {table}_unchanged()",
)
_POSTGRES_CHANGE = (
    "CREATE OR REPLACE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN RAISE EXCEPTION ''{table} is append-only''; END'",
    "CREATE OR REPLACE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION {table}_append_only()",
)


def change_guards(table: str, dialect: str) -> list[str]:
    """Return the statements that let the database refuse to change or delete rows of `table`.

    Examples
    --------
    >>> [statement.split(" BEFORE")[0] for statement in change_guards("log", "sqlite")]
    ['CREATE TRIGGER IF NOT EXISTS log_append_only_UPDATE', 'CREATE TRIGGER IF NOT EXISTS log_append_only_DELETE']
    """
    if dialect == "sqlite":
        return [_SQLITE_CHANGE.format(table=table, verb=verb) for verb in ("UPDATE", "DELETE")]
    return [statement.format(table=table) for statement in _POSTGRES_CHANGE]


def replace_guards(table: str, unique: Sequence[Sequence[str]], dialect: str) -> list[str]:
    """Return the statements that let SQLite refuse ``INSERT OR REPLACE`` over a row of `table`; PostgreSQL has no such.

    SQLite deletes the row that stands in the way without asking the guard against deleting (its
    ``recursive_triggers`` binds one connection only), so the guard has to stand before the insertion.

    Parameters
    ----------
    table : str
    unique : sequence of sequence of str
        Each set of columns that is unique, the primary key among them.
    dialect : str
        ``sqlite`` or ``postgresql``.

    Examples
    --------
    >>> replace_guards("log", [["id"]], "sqlite")[0].partition(" WHEN ")[2].partition(" BEGIN ")[0]
    'EXISTS (SELECT 1 FROM log WHERE (id = NEW.id))'
    """
    if dialect != "sqlite":
        return []
    return [_SQLITE_REPLACE.format(table=table, same=_same(unique))]


def no_update_guards(table: str, dialect: str) -> list[str]:
    """Return the statements that let the database refuse to change rows of `table`; they may be deleted.

    Examples
    --------
    >>> [statement.split(" BEFORE")[0] for statement in no_update_guards("bulletins", "sqlite")]
    ['CREATE TRIGGER IF NOT EXISTS bulletins_unchanged_UPDATE']
    """
    if dialect == "sqlite":
        return [_SQLITE_NO_UPDATE.format(table=table)]
    return [statement.format(table=table) for statement in _POSTGRES_NO_UPDATE]


def no_replace_guards(table: str, unique: Sequence[Sequence[str]], dialect: str) -> list[str]:
    """Return the statement that lets SQLite refuse ``INSERT OR REPLACE`` over a row that may be deleted otherwise.

    Parameters are those of `replace_guards`.

    Examples
    --------
    >>> no_replace_guards("warnings", [["id"]], "postgresql")
    []
    """
    if dialect != "sqlite":
        return []
    return [_SQLITE_NO_REPLACE.format(table=table, same=_same(unique))]


def _same(unique: Sequence[Sequence[str]]) -> str:
    return " OR ".join("(" + " AND ".join(f"{column} = NEW.{column}" for column in columns) + ")" for columns in unique)


def trigger_names(statement: str) -> list[str]:
    """Return the name of the trigger that a statement makes, if it makes one.

    Examples
    --------
    >>> trigger_names(change_guards("log", "postgresql")[1])
    ['log_append_only']
    """
    return re.findall(r"CREATE (?:OR REPLACE )?TRIGGER (?:IF NOT EXISTS )?(\w+)", statement)
