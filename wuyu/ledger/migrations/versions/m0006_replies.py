"""Keep what a mail of the reply box says, so that an answer nobody can prove is shown and read by a person.

What came in before has empty columns: only its outcome was kept.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns, and an index by request."""
    for name in ("sender", "name", "answer", "words"):
        op.add_column("ack_replies", sa.Column(name, sa.String(), nullable=False, server_default=""))
    op.create_index("ix_ack_replies_request_id", "ack_replies", ["request_id"])
