"""Keep what departments said when they were consulted, and the steps of the flood response.

The tables are empty at first.
"""

import sqlalchemy as sa
from alembic import op

from wuyu.ledger.guards import change_guards, replace_guards

revision = "0012"
down_revision = "0011"

COLUMNS = {
    "consultations": ("department", "view", "by", "entered_by"),
    "response_steps": ("step", "level", "by", "role", "why", "proposed"),
}


def upgrade() -> None:
    """Make the tables, their guards, and the index by which what is new is found."""
    dialect = op.get_context().dialect.name
    for table, columns in COLUMNS.items():
        op.create_table(
            table,
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("district_code", sa.String(), nullable=False),
            sa.Column("event_key", sa.String()),
            sa.Column("at", sa.DateTime(timezone=True), nullable=False),
            *(sa.Column(name, sa.String(), nullable=False) for name in columns),
            sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        )
        op.create_index(f"ix_{table}_district_code_at", table, ["district_code", "at"])
        for statement in [*change_guards(table, dialect), *replace_guards(table, [["id"]], dialect)]:
            op.execute(statement)
