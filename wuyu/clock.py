"""The one clock: whatever asks for the time now takes it from here, or is given it.

A process goes by the wall clock. For drills and exercises the environment variable ``WUYU_CLOCK`` sets another one:

``shift:+36h``, ``shift:-1990d2h``
    A fixed way ahead of or behind the wall clock: days, hours, minutes (``min``).
``scale:60@2021-07-20T08:00+08:00=2026-11-30T07:00Z``
    Runs 60 times as fast; it told the first time when it was really the second. Processes that are given the same
    words share one clock.
``step:/path/to/file``
    Stands at the time in that file until whoever runs the drill replaces the file.

Every product then says so (`clock_marks`), and nothing works with it in earnest (`require_honest_clock`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, Protocol
from zoneinfo import ZoneInfo

from risk_models.errors import ConfigError

if TYPE_CHECKING:
    from risk_models.district.settings import DistrictSettings

__all__ = [
    "CLOCK_VARIABLE",
    "WALL",
    "Clock",
    "ProcessClock",
    "clock_from",
    "clock_marks",
    "newest_mark",
    "parse_hour",
    "parse_mark",
    "parse_time",
    "process_clock",
    "require_honest_clock",
    "time_now",
    "wall_clock",
]

Clock = Callable[[], datetime]
"""Gives the time now, aware."""

CLOCK_VARIABLE: Final = "WUYU_CLOCK"

_FORMS: Final = (
    "accepted: nothing (the wall clock), shift:+36h, shift:-1990d2h, "
    "scale:60@2021-07-20T08:00+08:00=2026-11-30T07:00Z (rate, time told, real time at which it is told), "
    "step:/path/to/file (which holds one time)"
)
_SHIFT: Final = re.compile(r"([+-])(?=\d)(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})min)?")
_SCALE: Final = re.compile(r"(\d{1,5}(?:\.\d{1,6})?)@([^=@]+)=([^=@]+)")
# The offset in full: of a file torn within "+08:30" no other time may be left.
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)")


class ProcessClock(Protocol):
    """A clock that a process goes by.

    Attributes
    ----------
    is_wall : bool
    told : tuple of str
        What every product says of it, Chinese and English; both empty for the wall clock. The same at any time, so
        that a product made again is the same.
    """

    is_wall: bool
    told: tuple[str, str]

    def now(self) -> datetime:
        """Return the time it tells, UTC."""


def wall_clock() -> datetime:
    """Return the wall time, UTC: for leases, pauses between tries, and signatures that other machines check."""
    return datetime.now(UTC)


class _Wall:
    is_wall = True
    told = ("", "")

    def now(self) -> datetime:
        return wall_clock()


class _Shifted:
    is_wall = False

    def __init__(self, by: timedelta, words: str) -> None:
        self.by = by
        way = ("慢", "behind") if by < timedelta() else ("快", "ahead of")
        self.told = _told(f"比实际时间{way[0]}{_duration(by, 'zh')}", f"{_duration(by, 'en')} {way[1]} the real time")
        self.words = words

    def now(self) -> datetime:
        return _in_range(lambda: wall_clock() + self.by, self.words)


class _Scaled:
    is_wall = False

    def __init__(self, rate: float, told_at: datetime, real_at: datetime, words: str) -> None:
        self.rate, self.told_at, self.real_at, self.words = rate, told_at, real_at, words
        self.told = _told(f"自{told_at:%Y-%m-%d %H:%M}起×{rate:g}", f"from {told_at:%Y-%m-%d %H:%M}, ×{rate:g}")
        self._lock, self._latest = Lock(), datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        at = _in_range(lambda: self.told_at + (wall_clock() - self.real_at) * self.rate, self.words)
        with self._lock:  # a wall clock that is set back by a second must not set this one back by a minute
            self._latest = max(self._latest, at)
            return self._latest


class _Stepped:
    is_wall = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told = _told("由演练人员拨动", "set by hand")

    def now(self) -> datetime:
        try:
            text = self.path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise ConfigError(f"{CLOCK_VARIABLE}: the clock file {self.path} cannot be read ({why}); {_STEP}") from None
        found = _read_time(text)
        if found is None:
            raise ConfigError(f"{CLOCK_VARIABLE}: the clock file {self.path} holds {text[:40]!r}, no time; {_STEP}")
        return found.astimezone(UTC)


_STEP: Final = (
    "it must hold one time with offset, e.g. 2021-07-20T17:00+08:00: write a new file beside it and rename that over it"
)

WALL: Final[ProcessClock] = _Wall()
"""The wall clock."""


def time_now() -> datetime:
    """Return the time that this process goes by, UTC: for everything decided, due, told or written down.

    Raises
    ------
    ConfigError
        If ``WUYU_CLOCK`` describes no clock, or one whose file cannot be read: never the wall time instead.
    """
    return process_clock().now()


def process_clock() -> ProcessClock:
    """Return the clock that ``WUYU_CLOCK`` describes; the wall clock if it is absent or empty.

    Raises
    ------
    ConfigError
        If it describes none.
    """
    return clock_from(os.environ.get(CLOCK_VARIABLE, ""))


@lru_cache(maxsize=8)
def clock_from(words: str) -> ProcessClock:
    """Return the clock that some words describe; the same words give the same clock.

    Examples
    --------
    >>> clock_from("").is_wall
    True
    >>> clock_from("shift:-1990d2h").told[1]
    'Clock not real time: drill clock, 1990 d 2 h behind the real time'

    Raises
    ------
    ConfigError
        Says what is accepted.
    """
    words = words.strip()
    form, _, rest = words.partition(":")
    clock: ProcessClock | None = WALL if not words else None
    if form == "shift":
        clock = _shifted(rest, words)
    elif form == "scale":
        clock = _scaled(rest, words)
    elif form == "step" and rest:
        clock = _Stepped(Path(rest))
    if clock is None:
        raise ConfigError(f"{CLOCK_VARIABLE} is '{words}', which is no clock; {_FORMS}")
    return clock


def _shifted(rest: str, words: str) -> ProcessClock | None:
    found = _SHIFT.fullmatch(rest)
    if found is None:
        return None
    days, hours, minutes = (int(part or 0) for part in found.groups()[1:])
    by = timedelta(days=days, hours=hours, minutes=minutes)
    return _Shifted(-by if found[1] == "-" else by, words) if by else None


def _scaled(rest: str, words: str) -> ProcessClock | None:
    found = _SCALE.fullmatch(rest)
    told_at, real_at = (None, None) if found is None else (_read_time(found[2]), _read_time(found[3]))
    if found is None or told_at is None or real_at is None or not float(found[1]):
        return None
    return _Scaled(float(found[1]), told_at, real_at.astimezone(UTC), words)


def _read_time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
    except ValueError:
        return None


def _in_range(tell: Clock, words: str) -> datetime:
    try:
        return tell().astimezone(UTC)
    except OverflowError:
        raise ConfigError(
            f"{CLOCK_VARIABLE} is '{words}', which tells no time between the years 1 and 9999 now; {_FORMS}"
        ) from None


def _told(zh: str, en: str) -> tuple[str, str]:
    return f"时钟非实时：演练时钟，{zh}", f"Clock not real time: drill clock, {en}"


def _duration(by: timedelta, lang: str) -> str:
    days, minutes = divmod(abs(by) // timedelta(minutes=1), 24 * 60)
    units = zip(
        (days, *divmod(minutes, 60)), ("天", "小时", "分钟") if lang == "zh" else ("d", "h", "min"), strict=True
    )
    said = [f"{n}{unit}" if lang == "zh" else f"{n} {unit}" for n, unit in units if n]
    return ("" if lang == "zh" else " ").join(said)


def clock_marks() -> tuple[tuple[str, str], ...]:
    """Return what every product of this process says of its clock, Chinese and English; nothing by the wall clock."""
    clock = process_clock()
    return () if clock.is_wall else (clock.told,)


def require_honest_clock(settings: DistrictSettings) -> None:
    """Refuse to work in earnest by any clock but the wall clock.

    Raises
    ------
    ConfigError
        If the district's mail is ``Actual`` and ``WUYU_CLOCK`` sets another clock, or if that describes none.
    """
    if process_clock().is_wall or settings.mail.status != "Actual":
        return
    raise ConfigError(
        f"{CLOCK_VARIABLE} sets a drill clock ({os.environ[CLOCK_VARIABLE].strip()}), and mail.status of the district "
        f"is Actual: real warnings go by the wall clock only. Unset {CLOCK_VARIABLE}, or set mail.status to Exercise "
        "or Test for the drill"
    )


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


def parse_mark(text: str, zone: ZoneInfo) -> datetime:
    """Read the time of a cycle, a multiple of five minutes; without an offset it is local time of the district.

    Examples
    --------
    >>> parse_mark("2021-07-20T17:20", ZoneInfo("Asia/Shanghai")).isoformat()
    '2021-07-20T09:20:00+00:00'

    Raises
    ------
    ConfigError
        If it is no time or not on a multiple of five minutes.
    """
    local = parse_time(text, zone)
    if local.minute % 5 or local.second or local.microsecond:
        raise ConfigError(
            f"'{text}' is no multiple of five minutes; cycles run at such times only, e.g. 17:00 or 17:20"
        )
    return local.astimezone(UTC)


def newest_mark(now: datetime, step_min: int) -> datetime:
    """Return the newest time of a cycle: the full hour, or what of the steps after it has passed.

    Parameters
    ----------
    now : datetime
        Aware.
    step_min : int
        Minutes from one cycle to the next, a divisor of 60.

    Examples
    --------
    >>> newest_mark(datetime.fromisoformat("2021-07-20T09:29:59+00:00"), 10).isoformat()
    '2021-07-20T09:20:00+00:00'
    """
    return now.replace(minute=now.minute - now.minute % step_min, second=0, microsecond=0)
