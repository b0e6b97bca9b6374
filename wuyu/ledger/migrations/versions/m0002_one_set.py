"""Bring every ledger that called itself schema 1 to one set of tables, indexes and guards.

Releases added tables and indexes without a new number: some ledgers lack the feeds' findings, answers of towns, bounces
or steps of reports, others an index. What a ledger has already is left alone. The guards of rows that never change also
refuse ``INSERT OR REPLACE`` from now on.
"""

import sqlalchemy as sa
from alembic import op

from wuyu.ledger.guards import change_guards, replace_guards

revision = "0002"
down_revision = "0001"

TIME = sa.DateTime(timezone=True)

# Rows that never change, and what is unique in them beside `id`.
GUARDED: dict[str, list[list[str]]] = {
    "ack_answers": [["request_id", "recipient"]],
    "ack_replies": [["sha256"]],
    "ack_requests": [["message_id"]],
    "ack_steps": [["request_id", "kind", "recipient"]],
    "attempts": [["outbox_id", "number"]],
    "bounces": [["sha256"]],
    "feed_pulls": [],
    "flood_reports": [["request_id", "recipient", "hotspot_id", "seen"]],
    "log": [],
    "report_steps": [["district_code", "kind", "period", "draft", "number"]],
}


def upgrade() -> None:
    """Make what is absent."""
    op.create_table(
        "feed_pulls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("feed_id", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("repeated", sa.Integer(), nullable=False),
        sa.Column("error", sa.String()),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feed_pulls"),
        if_not_exists=True,
    )
    op.create_index("ix_feed_pulls_feed_id_ok", "feed_pulls", ["feed_id", "ok"], if_not_exists=True)
    op.create_table(
        "report_steps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("district_code", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("draft", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_report_steps"),
        sa.UniqueConstraint(
            "district_code",
            "kind",
            "period",
            "draft",
            "number",
            name="uq_report_steps_district_code_kind_period_draft_number",
        ),
        if_not_exists=True,
    )
    op.create_index("ix_report_steps_what", "report_steps", ["what"], if_not_exists=True)
    op.create_table(
        "feed_findings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("example", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["feed_files.id"], name="fk_feed_findings_file_id"),
        sa.PrimaryKeyConstraint("id", name="pk_feed_findings"),
        sa.UniqueConstraint("file_id", "code", name="uq_feed_findings_file_id_code"),
        if_not_exists=True,
    )
    op.create_index("ix_outbox_stands_in_for", "outbox", ["stands_in_for"], if_not_exists=True)
    op.create_index("ix_warnings_area_code_issued_at", "warnings", ["area_code", "issued_at"], if_not_exists=True)
    op.create_table(
        "ack_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("district_code", sa.String(), nullable=False),
        sa.Column("event_key", sa.String(), nullable=False),
        sa.Column("warning_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("area_code", sa.String(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("is_end", sa.Boolean(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("due_at", TIME),
        sa.Column("step_min", sa.Integer(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("feedback_until", TIME, nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["warnings.message_id"], name="fk_ack_requests_message_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ack_requests"),
        sa.UniqueConstraint("message_id", name="uq_ack_requests_message_id"),
        if_not_exists=True,
    )
    op.create_index("ix_ack_requests_code", "ack_requests", ["code"], if_not_exists=True)
    op.create_index(
        "ix_ack_requests_district_code_expires_at", "ack_requests", ["district_code", "expires_at"], if_not_exists=True
    )
    op.create_index("ix_ack_requests_event_key", "ack_requests", ["event_key"], if_not_exists=True)
    op.create_index("ix_ack_requests_warning_id", "ack_requests", ["warning_id"], if_not_exists=True)
    op.create_table(
        "bounces",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("outbox_id", sa.Integer()),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name="fk_bounces_outbox_id"),
        sa.PrimaryKeyConstraint("id", name="pk_bounces"),
        sa.UniqueConstraint("sha256", name="uq_bounces_sha256"),
        if_not_exists=True,
    )
    op.create_index("ix_bounces_outbox_id", "bounces", ["outbox_id"], if_not_exists=True)
    op.create_table(
        "ack_answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["ack_requests.id"], name="fk_ack_answers_request_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ack_answers"),
        sa.UniqueConstraint("request_id", "recipient", name="uq_ack_answers_request_id_recipient"),
        if_not_exists=True,
    )
    op.create_table(
        "ack_replies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("request_id", sa.Integer()),
        sa.ForeignKeyConstraint(["request_id"], ["ack_requests.id"], name="fk_ack_replies_request_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ack_replies"),
        sa.UniqueConstraint("sha256", name="uq_ack_replies_sha256"),
        if_not_exists=True,
    )
    op.create_table(
        "ack_steps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("outbox_id", sa.Integer()),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name="fk_ack_steps_outbox_id"),
        sa.ForeignKeyConstraint(["request_id"], ["ack_requests.id"], name="fk_ack_steps_request_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ack_steps"),
        sa.UniqueConstraint("request_id", "kind", "recipient", name="uq_ack_steps_request_id_kind_recipient"),
        if_not_exists=True,
    )
    op.create_table(
        "flood_reports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("hotspot_id", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("seen", sa.String(), nullable=False),
        sa.Column("depth_m", sa.Double()),
        sa.Column("seen_at", TIME),
        sa.Column("reported_at", TIME, nullable=False),
        sa.Column("reported_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["ack_requests.id"], name="fk_flood_reports_request_id"),
        sa.PrimaryKeyConstraint("id", name="pk_flood_reports"),
        sa.UniqueConstraint(
            "request_id",
            "recipient",
            "hotspot_id",
            "seen",
            name="uq_flood_reports_request_id_recipient_hotspot_id_seen",
        ),
        if_not_exists=True,
    )
    op.create_index("ix_flood_reports_hotspot_id", "flood_reports", ["hotspot_id"], if_not_exists=True)
    dialect = op.get_context().dialect.name
    for name, unique in GUARDED.items():
        for statement in [*change_guards(name, dialect), *replace_guards(name, [["id"], *unique], dialect)]:
            op.execute(statement)
