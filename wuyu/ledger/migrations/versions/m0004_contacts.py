"""Keep whom to turn to in each town, so that what escalates need not open the register.

The table is empty at first: the next cycle fills it from the register, and so does whoever escalates before that.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "contacts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("district_code", sa.String(), nullable=False),
        sa.Column("area_code", sa.String(), nullable=False),
        sa.Column("town_name", sa.String(), nullable=False),
        sa.Column("town_name_en", sa.String(), nullable=False),
        sa.Column("mailbox", sa.String(), nullable=False),
        sa.Column("second_contact", sa.String()),
        sa.Column("duty_phone", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("left_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
        sa.UniqueConstraint("district_code", "area_code", name="uq_contacts_district_code_area_code"),
    )
