"""Whether a message may have arrived: what is not known to have been refused counts as read."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, exists, or_

from wuyu.ledger.models import Attempt, Outbox
from wuyu.ledger.types import OutboxState

__all__ = ["MAY_HAVE_ARRIVED"]

_IN_HAND = Outbox.state == OutboxState.CLAIMED
_WAS_ACCEPTED = Outbox.sent_at.is_not(None)
_WAS_UNCLEAR = exists().where(Attempt.outbox_id == Outbox.id, Attempt.result == OutboxState.AMBIGUOUS)

MAY_HAVE_ARRIVED: Final[ColumnElement[bool]] = or_(_IN_HAND, _WAS_ACCEPTED, _WAS_UNCLEAR)
"""Holds for a row of the outbox that is with its reader, or may be: whatever became of the row afterwards."""
