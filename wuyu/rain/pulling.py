"""Take over what is new in the feeds of a district."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from risk_models.errors import ConfigError
from wuyu.feeds.checks import FileCheck, comparison, file_check
from wuyu.feeds.intake import PullResult, pull
from wuyu.feeds.select import accepted_files
from wuyu.ledger import FloodReport, Sighting
from wuyu.ledger.signals import entered_since
from wuyu.rain.gathered import reader_options
from wuyu.rain.gauges import gauge_ids

if TYPE_CHECKING:
    from risk_models.district.settings import AnyFeedSettings
    from wuyu.desk import Desk

__all__ = ["check_of", "feed_of", "not_yet_looked_at", "pull_feed", "pull_feeds"]

_NEWEST: Final = 50
"""Files of a feed that are asked for: what was taken over before them, a cycle has long looked at."""


def pull_feeds(desk: Desk, *, now: datetime) -> list[PullResult]:
    """Take over what is new in every feed; one broken feed never stops another.

    Parameters
    ----------
    desk : Desk
    now : datetime
        Time of arrival.
    """
    results = []
    for feed in desk.settings.feeds:
        try:
            results.append(pull_feed(desk, feed.id, now=now))
        except ConfigError as error:
            results.append(PullResult(feed_id=feed.id, accepted=(), rejected=(), repeated=(), error=str(error)))
    return results


def pull_feed(desk: Desk, feed_id: str, *, now: datetime) -> PullResult:
    """Take over what is new in one feed.

    Raises
    ------
    ConfigError
        If the district has no such feed, or the feed is of no known kind.
    """
    feed = feed_of(desk, feed_id)
    return pull(
        feed,
        desk.root,
        now=now,
        raw_dir=desk.raw_dir,
        ledger=desk.ledger,
        check=check_of(desk, feed),
        compare=comparison(
            feed.kind,
            timezone=desk.settings.district.timezone,
            gauge_ids=gauge_ids(desk),
            options=reader_options(desk, feed),
        ),
    )


def not_yet_looked_at(desk: Desk, feed_id: str) -> int:
    """Return how many files of a feed came after the last cycle was decided, or in its minute and without its notice.

    Whoever took them over may have been killed before waking a cycle. What was seen, or a signal, and entered by hand
    since then counts as well: nobody else wakes a cycle for it.

    Parameters
    ----------
    desk : Desk
    feed_id : str
    """
    last = desk.ledger.last_cycle(desk.code)
    files = accepted_files(desk.ledger, feed_id, newest=_NEWEST)
    if last is None:
        return len(files)
    decided_at, seen = last.decided_at or last.valid_at, set(last.inputs.values())
    new = sum(file.arrived_at >= decided_at and file.sha256 not in seen for file in files)
    return new + _entered_since(desk, decided_at) + entered_since(desk.ledger, decided_at)


def _entered_since(desk: Desk, at: datetime) -> int:
    """Return how many sights were entered at the desk or by towns after a moment."""
    entries = select(func.count()).where(Sighting.district_code == desk.code, Sighting.entered_at > at)
    reports = select(func.count()).select_from(FloodReport).where(FloodReport.reported_at > at)
    with desk.ledger.reading() as session:
        return session.scalars(entries).one() + session.scalars(reports).one()


def feed_of(desk: Desk, feed_id: str) -> AnyFeedSettings:
    """Return the settings of a feed.

    Raises
    ------
    ConfigError
        If the district has no such feed.
    """
    settings = desk.settings
    feed = next((feed for feed in settings.feeds if feed.id == feed_id), None)
    if feed is None:
        known = ", ".join(feed.id for feed in settings.feeds)
        raise ConfigError(f"the district has no feed '{feed_id}'; it has: {known}")
    return feed


def check_of(desk: Desk, feed: AnyFeedSettings) -> FileCheck:
    """Return what a file of a feed must pass."""
    timezone = desk.settings.district.timezone
    places = {str(name) for name in desk.district.hotspots.index}
    return file_check(
        feed.kind,
        timezone=timezone,
        gauge_ids=gauge_ids(desk),
        hotspot_ids=places,
        options=reader_options(desk, feed),
    )
