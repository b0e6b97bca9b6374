"""Say of every message what it is for and what it is about, which stood in the ending of its id until now.

A message is taken for what its id says only where that is certain: a bulletin if a warning of this id was decided, a
follow-up if what it follows was. What cannot be told stops the upgrade, and nothing is changed.
"""

import re

import sqlalchemy as sa
from alembic import op
from sqlalchemy.engine import Connection

from wuyu.ledger.faults import LedgerError, shown

revision = "0003"
down_revision = "0002"

# As releases up to schema 2 made the ids; what a later release does to its own is no matter here.
_FOLLOWS = re.compile(r"(?P<about>.+)\.(?P<purpose>second_contact|upward)")
_CALL = re.compile(r"(?P<about>.+)\.call\d+")
_RAIN_LOST = re.compile(r"(?P<warning>.+)\.rain-lost\d*")
_REPORT = re.compile(r".+-report-.+\.r\d+")


def upgrade() -> None:
    """Add the columns, fill them from the ids, and forbid them to be empty."""
    op.add_column("outbox", sa.Column("purpose", sa.String()))
    op.add_column("outbox", sa.Column("about", sa.String()))
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, message_id, decided_at FROM outbox ORDER BY id")).all()
    known = set(connection.execute(sa.text("SELECT message_id FROM warnings")).scalars())
    for row_id, message_id, decided_at in rows:
        purpose, about = _read(connection, message_id, decided_at, known)
        connection.execute(
            sa.text("UPDATE outbox SET purpose = :purpose, about = :about WHERE id = :id"),
            {"purpose": purpose, "about": about, "id": row_id},
        )
    with op.batch_alter_table("outbox") as table:
        table.alter_column("purpose", existing_type=sa.String(), nullable=False)
        table.alter_column("about", existing_type=sa.String(), nullable=False)
    op.create_index("ix_outbox_about_purpose", "outbox", ["about", "purpose"])


def _read(connection: Connection, message_id: str, decided_at: object, known: set[str]) -> tuple[str, str]:
    """Return purpose and about of one message."""
    if message_id in known:
        return "bulletin", message_id
    if (match := _FOLLOWS.fullmatch(message_id)) and match["about"] in known:
        return match["purpose"], match["about"]
    if (match := _CALL.fullmatch(message_id)) and match["about"] in known:
        return "call", match["about"]
    if match := _RAIN_LOST.fullmatch(message_id):
        query = (
            "SELECT message_id FROM warnings WHERE warning_id = :warning AND issued_at <= :decided "
            "ORDER BY revision DESC LIMIT 1"
        )
        stood = connection.execute(sa.text(query), {"warning": match["warning"], "decided": decided_at}).scalar()
        if stood is not None:
            return "rain_lost", stood
    if _REPORT.fullmatch(message_id):
        return "report", message_id
    raise LedgerError(
        f"{shown(connection.engine.url)}: nobody can say what message {message_id!r} of the outbox is for: it is about "
        "no warning of this ledger; nothing was changed. Ask for help with the copy, or remove the row if it is a trial"
    )
