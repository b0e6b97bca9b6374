"""Is every feed within its limit? What is late is said in the log and, when it begins and ends, in the ledger."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from wuyu.feeds.status import FeedStatus, feed_lines, status
from wuyu.ledger.models import FeedState, LogEntry
from wuyu.ledger.store import Ledger

__all__ = ["check_freshness"]

LATE, FRESH_AGAIN = "feed-late", "feed-fresh-again"
_log = logging.getLogger(__name__)


def check_freshness(ledger: Ledger, feed_ids: Collection[str], *, now: datetime) -> list[FeedStatus]:
    """Return the feeds that are late, or of which nothing usable ever came.

    Parameters
    ----------
    ledger : Ledger
        Gets an entry when a feed becomes late and when it is fresh again, not at every look.
    feed_ids : collection of str
        Feeds of the district, also those never pulled.
    now : datetime

    Returns
    -------
    list of FeedStatus
        One never pulled has no time of a last pull.
    """
    standing = {one.feed_id: one for one in status(ledger, now) if one.feed_id in feed_ids}
    late = [_standing(standing, feed_id) for feed_id in feed_ids]
    late = [one for one in late if one.state in ("late", "absent")]
    for line in feed_lines(late):
        _log.error("%s", line.en)
    with ledger.writing() as session:
        for feed_id in feed_ids:
            one = _standing(standing, feed_id)
            is_late = one.state in ("late", "absent")
            if is_late != _was_late(session, feed_id):
                detail = {"feed": feed_id, "state": one.state, "age_h": one.age_h, "limit_h": one.limit_h}
                what = LATE if is_late else FRESH_AGAIN
                session.add(LogEntry(at=now, who="freshness", what=what, detail=detail))
            state = session.get(FeedState, feed_id)
            if state is not None:
                state.told_late = is_late
    return late


def _standing(standing: dict[str, FeedStatus], feed_id: str) -> FeedStatus:
    never = FeedStatus(
        feed_id=feed_id,
        kind="",
        state="absent",
        newest_at=None,
        age_h=None,
        limit_h=0.0,
        files_accepted=0,
        files_rejected=0,
        error="",
    )
    return standing.get(feed_id, never)


def _was_late(session: Session, feed_id: str) -> bool:
    """Return what the ledger last said of a feed; the log is asked only where its state does not say."""
    state = session.get(FeedState, feed_id)
    if state is not None and state.told_late is not None:
        return state.told_late
    of_feed = LogEntry.detail["feed"].as_string() == feed_id
    said = [
        select(LogEntry).where(LogEntry.what == what, of_feed).order_by(LogEntry.id.desc()).limit(1)
        for what in (LATE, FRESH_AGAIN)
    ]
    late, fresh = (session.scalars(query).one_or_none() for query in said)
    return late is not None and (fresh is None or late.id > fresh.id)
