"""Keep what retention removed, which tasks are open, and what lets a look into the ledger cost no more as it ages.

Open tasks are those of the log that nobody has settled.
"""

import json

import sqlalchemy as sa
from alembic import op

from wuyu.ledger.guards import change_guards, replace_guards

revision = "0008"
down_revision = "0007"

TIME = sa.DateTime(timezone=True)
INDEXES = {
    "warnings": (("approval_state",), ("valid_to",), ("issued_at",)),
    "outbox": (("state", "expires_at"), ("state", "id"), ("decided_at",), ("body_sha256",)),
    "feed_files": (
        ("feed_id", "id"),
        ("feed_id", "state", "id"),
        ("feed_id", "last_value_at"),
        ("feed_id", "issued_at"),
        ("state", "removed_at"),
    ),
    "feed_pulls": (("feed_id", "id"),),
    "log": (("message_id",), ("what", "id")),
    "registers": (("folder", "id"), ("district_code", "id")),
}


def upgrade() -> None:
    """Make the tables, columns and indexes, and list the tasks that are open."""
    op.create_table(
        "removals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_removals"),
        sa.UniqueConstraint("kind", "name", name="uq_removals_kind_name"),
    )
    dialect = op.get_bind().dialect.name
    for statement in [
        *change_guards("removals", dialect),
        *replace_guards("removals", [["id"], ["kind", "name"]], dialect),
    ]:
        op.execute(statement)
    op.add_column("feed_files", sa.Column("removed_at", TIME))
    op.add_column("feed_states", sa.Column("told_late", sa.Boolean()))
    for table, indexes in INDEXES.items():
        for columns in indexes:
            op.create_index("_".join(("ix", table, *columns)), table, list(columns))
    op.create_table(
        "open_tasks",
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", name="pk_open_tasks"),
        sa.ForeignKeyConstraint(["task_id"], ["log.id"], name="fk_open_tasks_task_id"),
    )
    _list_open_tasks()


def _list_open_tasks() -> None:
    connection = op.get_bind()
    tasks = connection.execute(sa.text("SELECT id FROM log WHERE what = 'operator-task'")).scalars().all()
    settled = connection.execute(sa.text("SELECT detail FROM log WHERE what = 'operator-task-done'")).scalars()
    details = [json.loads(detail) if isinstance(detail, str) else detail for detail in settled]
    still = sorted(set(tasks) - {detail["task_id"] for detail in details})
    for task in still:
        connection.execute(sa.text("INSERT INTO open_tasks (task_id) VALUES (:task)"), {"task": task})
