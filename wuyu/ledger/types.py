"""Column types and the closed lists of states."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import DateTime
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

__all__ = ["MAY_LEAVE", "Approval", "CycleState", "FileState", "OutboxState", "UtcDateTime"]


class CycleState(StrEnum):
    """How far a cycle came. Only ``done`` cycles are facts; a ``started`` one is run again from its beginning."""

    STARTED = "started"
    DONE = "done"


class Approval(StrEnum):
    """Whether a warning may leave; what waited and was over or replaced before anybody decided has ``lapsed``."""

    NOT_NEEDED = "not_needed"
    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    LAPSED = "lapsed"


MAY_LEAVE = (Approval.NOT_NEEDED, Approval.APPROVED)
"""Approvals with which a warning may leave: an officer signed it, or the district lets its level go without one."""


class OutboxState(StrEnum):
    """Where one message to one recipient stands.

    ``held`` waits for an approval (or for the failure of the row it stands in for); ``pending`` may go; ``claimed`` is
    in the hands of one relay until its lease ends; ``sent`` was accepted by the mail server; ``retry`` was certainly
    not accepted; ``ambiguous`` may or may not have been accepted and is tried again under the same Message-ID;
    ``failed`` was refused for good; ``expired`` outlived its warning; ``withdrawn`` was refused by the
    officer, overtaken by a newer message to the same reader, or is not needed any more.
    """

    HELD = "held"
    PENDING = "pending"
    CLAIMED = "claimed"
    SENT = "sent"
    RETRY = "retry"
    AMBIGUOUS = "ambiguous"
    FAILED = "failed"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"

    @property
    def is_open(self) -> bool:
        """True while something may still happen to the row.

        Examples
        --------
        >>> OutboxState.AMBIGUOUS.is_open, OutboxState.SENT.is_open
        (True, False)
        """
        return self in _OPEN


_OPEN = frozenset(
    {OutboxState.HELD, OutboxState.PENDING, OutboxState.CLAIMED, OutboxState.RETRY, OutboxState.AMBIGUOUS}
)


class FileState(StrEnum):
    """What became of a file that arrived."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: timezone-aware UTC on both sides, whatever the database keeps.

    A naive value is refused, because nobody can say which hour it means.

    Examples
    --------
    >>> from datetime import timedelta, timezone
    >>> local = datetime(2021, 7, 20, 17, tzinfo=timezone(timedelta(hours=8)))
    >>> UtcDateTime().process_bind_param(local, None).isoformat()
    '2021-07-20T09:00:00+00:00'
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect | None) -> datetime | None:  # noqa: ARG002
        """Return `value` in UTC.

        Raises
        ------
        ValueError
            If `value` has no time zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the ledger keeps aware times only, got {value.isoformat()} without a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect | None) -> datetime | None:  # noqa: ARG002
        """Return `value` aware: SQLite gives it back without its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
