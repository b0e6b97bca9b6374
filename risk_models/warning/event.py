"""The event key: one name for one storm, through all five stages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from risk_models.warning.states import WarningState

__all__ = ["QUIET_H", "current_event_key", "event_key"]

QUIET_H = 12.0
"""Hours after the last warning ended before a new storm gets a new key."""


def event_key(district_code: str, opened_at: datetime) -> str:
    """Return the key of the event that opened at a time.

    Parameters
    ----------
    district_code : str
        Six-digit division code.
    opened_at : datetime
        Timezone-aware.

    Returns
    -------
    str
        ``<code>-<YYYYmmddTHHMMZ>`` in UTC.

    Raises
    ------
    ValueError
        If the time has no zone.

    Examples
    --------
    >>> event_key("410103", datetime(2021, 7, 19, 12, tzinfo=UTC))
    '410103-20210719T1200Z'
    """
    if opened_at.tzinfo is None:
        raise ValueError(f"opened_at must be timezone-aware, got {opened_at.isoformat()}")
    return f"{district_code}-{opened_at.astimezone(UTC):%Y%m%dT%H%MZ}"


def current_event_key(
    states: Iterable[WarningState], district_code: str, *, now: datetime, quiet_h: float = QUIET_H
) -> str:
    """Return the key of the storm that is going on, or a new one if it has been quiet long enough.

    A storm stays the same while any warning is open and for `quiet_h` hours after the last one ended. An open warning
    whose end time passed that long ago, because no cycle ran, counts as ended then.

    Parameters
    ----------
    states : iterable of WarningState
        Open and recently closed warnings, as the latest `decide_warnings` returned them.
    district_code : str
    now : datetime
        Time of the cycle, timezone-aware.
    quiet_h : float
        [h]

    Returns
    -------
    str

    Examples
    --------
    >>> current_event_key([], "410103", now=datetime(2021, 7, 19, 12, tzinfo=UTC))
    '410103-20210719T1200Z'
    """
    since = now - timedelta(hours=quiet_h)
    going = [state for state in states if (state.record.valid_to if state.is_open else state.record.issued_at) > since]
    if not going:
        return event_key(district_code, now)
    latest = max(going, key=lambda state: (state.is_open, state.started_at, state.area_code))
    return latest.record.event_key
