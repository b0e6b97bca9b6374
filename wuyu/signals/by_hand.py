"""A signal of the weather office entered at the desk: a row of the log, which nobody can change afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from risk_models.errors import ConfigError
from risk_models.levels import Level
from risk_models.warning.issued.notice import LONGEST, WeatherNotice, is_weather_office, kind_of
from wuyu.ledger import LogEntry
from wuyu.ledger.signals import ENTERED, count_entries, entries_of

if TYPE_CHECKING:
    from wuyu.ledger import Ledger
    from wuyu.station import Station

__all__ = ["enter_signal", "entered_notices", "lift_signal"]

_AHEAD: Final = timedelta(minutes=5)
_OLDEST: Final = timedelta(days=7)


def enter_signal(
    station: Station,
    *,
    level: Level,
    office: str,
    by: str,
    now: datetime,
    kind: str = "rainstorm",
    number: str = "",
    issued_at: datetime | None = None,
    valid_until: datetime | None = None,
    area: str = "",
    text: str = "",
) -> WeatherNotice:
    """Write down a signal that a weather office issued.

    Parameters
    ----------
    station : Station
    level : Level
        Its colour.
    office : str
        Who issued it, as it names itself.
    by : str
        Who enters it.
    now : datetime
    kind : str
        See `risk_models.warning.issued.notice.kind_of`.
    number : str
        文号.
    issued_at : datetime, optional
        Default now.
    valid_until : datetime, optional
    area : str
        As written; empty for the whole district.
    text : str

    Returns
    -------
    WeatherNotice

    Raises
    ------
    ConfigError
        If it has no colour, no weather office or nobody who enters it, or its times cannot be. Nothing is written then.
    """
    at = issued_at or now
    _require(
        (not level.is_warning, "a signal has a colour: blue, yellow, orange or red"),
        (not kind_of(kind), f"{kind!r} is no kind of signal"),
        *_wrong(office=office, number=number, by=by, at=at, now=now),
        (valid_until is not None and valid_until <= at, "it would end before it is issued"),
    )
    return _write(
        station,
        by=by,
        now=now,
        lifts=False,
        kind=kind_of(kind),
        level=level,
        number=number.strip(),
        issued_at=at,
        valid_until=valid_until,
        area=area.strip(),
        office=office.strip(),
        text=text.strip(),
    )


def lift_signal(
    station: Station,
    standing: Sequence[WeatherNotice],
    which: str,
    *,
    by: str,
    now: datetime,
    at: datetime | None = None,
) -> WeatherNotice:
    """Write down that the weather office lifted a signal.

    Parameters
    ----------
    station : Station
    standing : sequence of WeatherNotice
        Signals that stand.
    which : str
        Id or number of one of them.
    by : str
        Who enters it.
    now : datetime
    at : datetime, optional
        From when; default now.

    Returns
    -------
    WeatherNotice

    Raises
    ------
    ConfigError
        If not exactly one signal stands under this id or number, or the time cannot be. Nothing is written then.
    """
    found = [one for one in standing if which in (one.notice_id, one.number) and which]
    if len(found) != 1:
        known = ", ".join(one.number or one.notice_id for one in standing) or "none"
        raise ConfigError(f"{len(found)} signals stand as {which!r}; standing: {known}")
    signal, since = found[0], at or now
    before = since <= signal.issued_at
    _require(*_wrong(office=signal.office, by=by, at=since, now=now), (before, "it would be lifted before its issue"))
    return _write(
        station,
        by=by,
        now=now,
        lifts=True,
        kind=signal.kind,
        level=signal.level,
        number="",
        issued_at=since,
        valid_until=None,
        area="",
        office=signal.office,
        text="",
        refers=(signal.notice_id,),
    )


def entered_notices(ledger: Ledger, district_code: str, *, since: datetime, until: datetime) -> list[WeatherNotice]:
    """Return what was entered in a span of time, in the order of the entries."""
    return [WeatherNotice.from_dict(told) for told in entries_of(ledger, district_code, since=since, until=until)]


def _wrong(*, office: str, number: str = "", by: str, at: datetime, now: datetime) -> list[tuple[bool, str]]:
    return [
        (not is_weather_office(office), f"{office!r} is no weather office; name it as it names itself"),
        (max(len(office), len(number)) > LONGEST, f"no office or number has more than {LONGEST} characters"),
        (not by.strip(), "say who enters it"),
        (at > now + _AHEAD, f"{at.isoformat()} lies ahead of now"),
        (at < now - _OLDEST, f"{at.isoformat()} is more than {_OLDEST.days} days ago: it says nothing of now"),
    ]


def _require(*problems: tuple[bool, str]) -> None:
    for is_wrong, message in problems:
        if is_wrong:
            raise ConfigError(message)


def _write(station: Station, *, by: str, now: datetime, **told: object) -> WeatherNotice:
    """Add the row; the id of the notice is the number of its row among all entries."""
    with station.ledger.writing() as session:
        notice = WeatherNotice(notice_id=f"desk-{count_entries(session) + 1}", **told)  # type: ignore[arg-type]
        detail = {"district": station.code, "notice": notice.to_dict()}
        session.add(LogEntry(at=now, who=by.strip(), what=ENTERED, detail=detail))
    return notice
