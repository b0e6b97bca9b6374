"""Keep what people saw at places and entered by hand.

The table is empty at first.
"""

import sqlalchemy as sa
from alembic import op

from wuyu.ledger.guards import change_guards, replace_guards

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the table, its guards, and the indexes by which what is new is found."""
    op.create_table(
        "sightings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("district_code", sa.String(), nullable=False),
        sa.Column("hotspot_id", sa.String(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("seen", sa.String(), nullable=False),
        sa.Column("depth_m", sa.Double()),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("remark", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sightings"),
    )
    op.create_index("ix_sightings_district_code_seen_at", "sightings", ["district_code", "seen_at"])
    op.create_index("ix_sightings_district_code_entered_at", "sightings", ["district_code", "entered_at"])
    op.create_index("ix_flood_reports_reported_at", "flood_reports", ["reported_at"])
    dialect = op.get_context().dialect.name
    for statement in [*change_guards("sightings", dialect), *replace_guards("sightings", [["id"]], dialect)]:
        op.execute(statement)
