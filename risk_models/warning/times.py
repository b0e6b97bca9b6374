"""Three times of a message, by one law: when it is most dangerous, until when the message holds, by when to be done.

The message covers the most dangerous window (`risk_models.warning.decide`). What it asks for is to be done before the
water comes in the unfavourable case, less the time that the action needs, and never after the message has lapsed. So a
higher chance or an earlier onset never makes a deadline later. "At once" is said only where that time has really come;
where nobody knows when the water comes, that is said, and is neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from risk_models.levels import Level
from risk_models.warning.records import Action, WarningRecord

__all__ = ["Deadline", "Due", "answer_minutes", "dangerous_window", "done_by", "minutes_needed", "valid_until"]


class Due(StrEnum):
    """How a deadline is told.

    AT_ONCE: its time has come. BY: at a time. UNKNOWN: nobody knows when the water comes; as soon as possible, before
    the rain.
    """

    AT_ONCE = "at_once"
    BY = "by"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Deadline:
    """By when something is to be done; `at` is None only where `due` is unknown."""

    due: Due
    at: datetime | None

    @property
    def rank(self) -> tuple[int, float]:
        """The order in which deadlines are told: at once, by time, and what has no known time last.

        Examples
        --------
        >>> from datetime import UTC
        >>> at = datetime(2021, 7, 20, 9, tzinfo=UTC)
        >>> told = [Deadline(Due.UNKNOWN, None), Deadline(Due.BY, at), Deadline(Due.AT_ONCE, at)]
        >>> [str(deadline.due) for deadline in sorted(told, key=lambda one: one.rank)]
        ['at_once', 'by', 'unknown']
        """
        if self.at is None:
            return 2, 0.0
        return int(self.due is Due.BY), self.at.timestamp()


def dangerous_window(
    windows: Iterable[tuple[datetime | None, datetime | None]],
) -> tuple[datetime, datetime] | None:
    """Return the span of the most dangerous windows of several places; None if none has one.

    Parameters
    ----------
    windows : iterable of (datetime or None, datetime or None)
        Begin and end of each, timezone-aware.

    Examples
    --------
    >>> from datetime import UTC
    >>> one, two, three = (datetime(2021, 7, 20, hour, tzinfo=UTC) for hour in (6, 9, 10))
    >>> [f"{at:%H:%M}" for at in dangerous_window([(two, three), (one, two), (None, None)])]
    ['06:00', '10:00']
    """
    known = [(begin, end) for begin, end in windows if begin is not None and end is not None]
    if not known:
        return None
    return min(begin for begin, _ in known), max(end for _, end in known)


def valid_until(least: datetime, window: tuple[datetime, datetime] | None) -> datetime:
    """Return until when a message holds: it covers the most dangerous window.

    Parameters
    ----------
    least : datetime
        Until when it would hold without one.
    window : (datetime, datetime) or None

    Examples
    --------
    >>> from datetime import UTC
    >>> at = datetime(2021, 7, 20, 6, tzinfo=UTC)
    >>> valid_until(at, None) == at, valid_until(at, (at, at + timedelta(hours=4))) - at
    (True, datetime.timedelta(seconds=14400))
    """
    return least if window is None else max(least, window[1])


def minutes_needed(kind: str, table: dict[str, float], *, by_plan: float | None = None) -> float:
    """Return how long the action at a place takes, min: as its plan states it, else by kind, else of other kinds.

    Parameters
    ----------
    kind : str
        Of the hotspot.
    table : dict of str to float
        Minutes by kind, with a row ``other``.
    by_plan : float or None
        What the plan states; NaN counts as nothing.

    Examples
    --------
    >>> table = {"tunnel": 30.0, "other": 60.0}
    >>> minutes_needed("tunnel", table), minutes_needed("quay", table), minutes_needed("tunnel", table, by_plan=45)
    (30.0, 60.0, 45)
    """
    if by_plan is not None and by_plan == by_plan:
        return by_plan
    return table.get(kind, table["other"])


def done_by(
    onset: datetime | None,
    *,
    needs_min: float,
    issued_at: datetime,
    valid_to: datetime,
    stands: bool,
    is_known: bool,
) -> Deadline:
    """Return by when the action at one place is to be done.

    Parameters
    ----------
    onset : datetime or None
        First passing in the unfavourable case; None if it is not passed even there.
    needs_min : float
        Time that the action takes, min.
    issued_at, valid_to : datetime
        Of the message.
    stands : bool
        Whether water stands there now.
    is_known : bool
        Whether anything is known of when the water comes; if not, `onset` says nothing.

    Returns
    -------
    Deadline
        Never after `valid_to`, never before `issued_at`.

    Examples
    --------
    >>> from datetime import UTC
    >>> issued = datetime(2021, 7, 20, 6, tzinfo=UTC)
    >>> message = {"issued_at": issued, "valid_to": issued + timedelta(hours=6), "stands": False, "is_known": True}
    >>> done_by(issued + timedelta(hours=3), needs_min=60, **message).at.hour
    8
    >>> str(done_by(issued + timedelta(minutes=50), needs_min=60, **message).due)
    'at_once'
    >>> done_by(None, needs_min=60, **message).at.hour  # not passed: within the validity
    12
    """
    if stands:
        return Deadline(Due.AT_ONCE, issued_at)
    if not is_known:
        return Deadline(Due.UNKNOWN, None)
    latest = valid_to if onset is None else min(valid_to, onset - timedelta(minutes=needs_min))
    return Deadline(Due.AT_ONCE, issued_at) if latest <= issued_at else Deadline(Due.BY, latest)


def answer_minutes(
    record: WarningRecord, allowed: Mapping[str, int], *, previous: WarningRecord | None = None
) -> int | None:
    """Return how long an answer to a message may take, min; None if none is due.

    An all-clear is not chased, and neither is a message that only prolongs what its readers know. A warning whose
    level has become unknown keeps the time of the level before, and at most that of yellow.

    Parameters
    ----------
    record : WarningRecord
    allowed : mapping of str to int
        Minutes by level.
    previous : WarningRecord, optional
        The revision that the readers hold.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from datetime import UTC
    >>> at = datetime(2021, 7, 20, 1, tzinfo=UTC)
    >>> first = WarningRecord(event_key="E", warning_id="E-1", revision=0, action=Action.NEW, area_code="1",
    ...     level=Level.RED, previous_level=Level.NONE, issued_at=at, valid_from=at, valid_to=at, hotspot_ids=("P-1",))
    >>> longer = replace(first, revision=1, action=Action.EXT, previous_level=Level.RED)
    >>> wider = replace(longer, hotspot_ids=("P-1", "P-2"))
    >>> [answer_minutes(one, {"red": 10}, previous=first) for one in (first, longer, wider)]
    [10, None, 10]
    """
    if record.action.is_end or (previous is not None and _only_prolongs(record, previous)):
        return None
    level = max(record.previous_level, Level.YELLOW) if record.level is Level.UNKNOWN else record.level
    return allowed.get(str(level))


def _only_prolongs(record: WarningRecord, previous: WarningRecord) -> bool:
    is_known = set(record.hotspot_ids) <= set(previous.hotspot_ids) and record.level <= previous.level
    return record.action is Action.EXT and is_known
