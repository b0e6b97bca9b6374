"""Leave one index that the newest usable file of a feed is found by.

Of two equally narrow ones SQLite takes the one that was made first or last, and that was left to chance.
"""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Put the narrower index in the place of the wider."""
    op.create_index("ix_feed_files_feed_id_state_removed_at_id", "feed_files", ["feed_id", "state", "removed_at", "id"])
    op.drop_index("ix_feed_files_feed_id_state_id", "feed_files")
