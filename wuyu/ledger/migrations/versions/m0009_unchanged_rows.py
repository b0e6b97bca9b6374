"""Let the database refuse to replace warnings, bulletins, bodies, issues and registers, or change what never changes.

Retention may empty bodies and delete rows by its rules; a warning is changed by its approval.
"""

from alembic import op

from wuyu.ledger.guards import no_replace_guards, no_update_guards

revision = "0009"
down_revision = "0008"

# What is unique in each, and whether rows may be changed.
GUARDED: dict[str, tuple[list[list[str]], bool]] = {
    "bulletins": ([["id"], ["message_id"]], False),
    "message_bodies": ([["sha256"]], True),
    "registers": ([["id"]], False),
    "report_issues": ([["id"], ["district_code", "kind", "period", "revision"]], False),
    "warnings": ([["id"], ["message_id"]], True),
}


def upgrade() -> None:
    """Make the guards."""
    dialect = op.get_context().dialect.name
    for name, (unique, may_change) in GUARDED.items():
        changes = [] if may_change else no_update_guards(name, dialect)
        for statement in [*changes, *no_replace_guards(name, unique, dialect)]:
            op.execute(statement)
