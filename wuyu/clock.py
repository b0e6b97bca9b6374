"""The one clock: whatever asks for the time now takes it from here, or is given it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from risk_models.errors import ConfigError

__all__ = ["Clock", "parse_hour", "parse_time", "time_now", "wall_clock"]

Clock = Callable[[], datetime]
"""Gives the time now, aware."""


def time_now() -> datetime:
    """Return the time that this process goes by, UTC: for everything decided, due, told or written down."""
    return wall_clock()


def wall_clock() -> datetime:
    """Return the wall time, UTC: for leases, pauses between tries, and signatures that other machines check."""
    return datetime.now(UTC)


def parse_time(text: str, zone: ZoneInfo) -> datetime:
    """Read a time; without an offset it is local time of the district.

    Examples
    --------
    >>> parse_time("2021-07-20T17:05", ZoneInfo("Asia/Shanghai")).isoformat()
    '2021-07-20T17:05:00+08:00'

    Raises
    ------
    ConfigError
        If it is no time.
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"'{text}' is no time; accepted: 2021-07-20T17:00 (local) or 2021-07-20T17:00+08:00"
        ) from None
    return when.replace(tzinfo=zone) if when.tzinfo is None else when


def parse_hour(text: str, zone: ZoneInfo) -> datetime:
    """Read a full hour; without an offset it is local time of the district.

    Examples
    --------
    >>> parse_hour("2021-07-20T17:00", ZoneInfo("Asia/Shanghai")).isoformat()
    '2021-07-20T09:00:00+00:00'

    Raises
    ------
    ConfigError
        If it is no time or not on the full hour.
    """
    local = parse_time(text, zone)
    if (local.minute, local.second, local.microsecond) != (0, 0, 0):
        raise ConfigError(f"'{text}' is not on the full hour; cycles run on the hour")
    return local.astimezone(UTC)
