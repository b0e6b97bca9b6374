"""Let one time have several cycles, one for each set of inputs; what was decided before is revision 0 of its hour."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns, and the revision to what is unique."""
    op.add_column("cycles", sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("cycles", sa.Column("inputs_sha256", sa.String()))
    op.add_column("cycles", sa.Column("decided_at", sa.DateTime(timezone=True)))
    with op.batch_alter_table("cycles") as table:
        table.alter_column("revision", existing_type=sa.Integer(), server_default=None)
        table.drop_constraint("uq_cycles_district_code_valid_at", type_="unique")
        table.create_unique_constraint(
            "uq_cycles_district_code_valid_at_revision", ["district_code", "valid_at", "revision"]
        )
