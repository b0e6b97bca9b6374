"""Baseline: the tables of the first release, which every ledger of schema 1 has."""

import sqlalchemy as sa
from alembic import op

from wuyu.ledger.guards import change_guards

revision = "0001"
down_revision = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables of the first release."""
    op.create_table(
        "cycles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("district_code", sa.String(), nullable=False),
        sa.Column("valid_at", TIME, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("event_key", sa.String()),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("risk_paths", sa.JSON(), nullable=False),
        sa.Column("ladder_step", sa.Integer()),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("warning_states", sa.JSON(), nullable=False),
        sa.Column("finished_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_cycles"),
        sa.UniqueConstraint("district_code", "valid_at", name="uq_cycles_district_code_valid_at"),
    )
    op.create_table(
        "feed_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("feed_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("raw_path", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("arrived_at", TIME, nullable=False),
        sa.Column("issued_at", TIME),
        sa.Column("first_value_at", TIME),
        sa.Column("last_value_at", TIME),
        sa.Column("rows_read", sa.Integer(), nullable=False),
        sa.Column("rows_rejected", sa.Integer(), nullable=False),
        sa.Column("error", sa.String()),
        sa.PrimaryKeyConstraint("id", name="pk_feed_files"),
        sa.UniqueConstraint("feed_id", "sha256", name="uq_feed_files_feed_id_sha256"),
    )
    op.create_table(
        "ledger_info",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_ledger_info"),
    )
    op.create_table(
        "log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("event_key", sa.String()),
        sa.Column("message_id", sa.String()),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log"),
    )
    op.create_index("ix_log_event_key", "log", ["event_key"])
    op.create_table(
        "message_bodies",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_message_bodies"),
    )
    op.create_table(
        "report_issues",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("district_code", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("issued_at", TIME, nullable=False),
        sa.Column("products", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_report_issues"),
        sa.UniqueConstraint(
            "district_code", "kind", "period", "revision", name="uq_report_issues_district_code_kind_period_revision"
        ),
    )
    op.create_table(
        "feed_states",
        sa.Column("feed_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("stale_after_h", sa.Double(), nullable=False),
        sa.Column("pulled_at", TIME, nullable=False),
        sa.Column("last_file_id", sa.Integer()),
        sa.Column("files_accepted", sa.Integer(), nullable=False),
        sa.Column("files_rejected", sa.Integer(), nullable=False),
        sa.Column("error", sa.String()),
        sa.ForeignKeyConstraint(["last_file_id"], ["feed_files.id"], name="fk_feed_states_last_file_id"),
        sa.PrimaryKeyConstraint("feed_id", name="pk_feed_states"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("demonstration", sa.Boolean(), nullable=False),
        sa.Column("mail_message_id", sa.String(), nullable=False),
        sa.Column("body_sha256", sa.String(), nullable=False),
        sa.Column("event_key", sa.String()),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("decided_at", TIME, nullable=False),
        sa.Column("not_before", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("stands_in_for", sa.Integer()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retry_at", TIME),
        sa.Column("lease_owner", sa.String()),
        sa.Column("lease_until", TIME),
        sa.Column("smtp_stage", sa.String()),
        sa.Column("last_code", sa.Integer()),
        sa.Column("last_error", sa.String()),
        sa.Column("sent_at", TIME),
        sa.ForeignKeyConstraint(["body_sha256"], ["message_bodies.sha256"], name="fk_outbox_body_sha256"),
        sa.ForeignKeyConstraint(["stands_in_for"], ["outbox.id"], name="fk_outbox_stands_in_for"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("message_id", "channel", "recipient", name="uq_outbox_message_id_channel_recipient"),
    )
    op.create_index("ix_outbox_channel_state_not_before", "outbox", ["channel", "state", "not_before"])
    op.create_table(
        "warnings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("cycle_id", sa.Integer()),
        sa.Column("event_key", sa.String(), nullable=False),
        sa.Column("warning_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("area_code", sa.String(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("previous_level", sa.Integer(), nullable=False),
        sa.Column("issued_at", TIME, nullable=False),
        sa.Column("valid_from", TIME, nullable=False),
        sa.Column("valid_to", TIME, nullable=False),
        sa.Column("hotspot_ids", sa.JSON(), nullable=False),
        sa.Column("signal", sa.Integer(), nullable=False),
        sa.Column("reason_zh", sa.String(), nullable=False),
        sa.Column("reason_en", sa.String(), nullable=False),
        sa.Column("supersedes", sa.String()),
        sa.Column("unconfirmed", sa.Boolean(), nullable=False),
        sa.Column("degraded", sa.Boolean(), nullable=False),
        sa.Column("approval_state", sa.String(), nullable=False),
        sa.Column("approval_due_at", TIME),
        sa.Column("approved_by", sa.String()),
        sa.Column("approved_at", TIME),
        sa.ForeignKeyConstraint(["cycle_id"], ["cycles.id"], name="fk_warnings_cycle_id"),
        sa.PrimaryKeyConstraint("id", name="pk_warnings"),
        sa.UniqueConstraint("message_id", name="uq_warnings_message_id"),
    )
    op.create_index("ix_warnings_event_key", "warnings", ["event_key"])
    op.create_index("ix_warnings_warning_id_revision", "warnings", ["warning_id", "revision"])
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("outbox_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("relay", sa.String(), nullable=False),
        sa.Column("started_at", TIME),
        sa.Column("ended_at", TIME, nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("smtp_stage", sa.String(), nullable=False),
        sa.Column("code", sa.Integer()),
        sa.Column("text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name="fk_attempts_outbox_id"),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.UniqueConstraint("outbox_id", "number", name="uq_attempts_outbox_id_number"),
    )
    op.create_table(
        "bulletins",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("town_code", sa.String(), nullable=False),
        sa.Column("products", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["warnings.message_id"], name="fk_bulletins_message_id"),
        sa.PrimaryKeyConstraint("id", name="pk_bulletins"),
        sa.UniqueConstraint("message_id", name="uq_bulletins_message_id"),
    )
    for name in ("attempts", "log"):
        for statement in change_guards(name, op.get_context().dialect.name):
            op.execute(statement)
