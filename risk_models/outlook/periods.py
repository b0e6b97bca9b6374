"""The calendar of periodic reports: month, quarter, flood season, year, important period.

A report looks back on one span of days and ahead to another. The review edition of a span is written after it has
closed and looks ahead to the next of its kind; the outlook edition is written before it opens and looks back on the one
before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import pandas as pd

from risk_models.errors import ConfigError

if TYPE_CHECKING:
    from risk_models.district import DistrictSettings

__all__ = ["Edition", "Kind", "Scope", "Span", "parse_span", "scope_of"]

Kind = Literal["month", "quarter", "flood-season", "year", "period"]
Edition = Literal["review", "outlook"]
_FORMS = {"month": "YYYY-MM", "quarter": "YYYY-Q1 to YYYY-Q4", "flood-season": "YYYY", "year": "YYYY"}
# ASCII digits only, so that a key has one spelling; years that the calendars of the libraries can count.
_YEAR = "(1[789][0-9]{2}|2[01][0-9]{2})"
_PATTERNS = {
    "month": _YEAR + "-(0[1-9]|1[0-2])",
    "quarter": _YEAR + "-Q([1-4])",
    "flood-season": _YEAR,
    "year": _YEAR,
}
_LEAD_DAYS: dict[Kind, int] = {"month": 3, "quarter": 5, "flood-season": 14, "year": 10, "period": 7}
_ISSUE_HOUR = time(9)


@dataclass(frozen=True, kw_only=True)
class Span:
    """Local days that a report speaks of.

    Attributes
    ----------
    kind : {"month", "quarter", "flood-season", "year", "period"}
    key : str
        ``2021-07``, ``2021-Q3``, ``2021``, or the id of an important period.
    first_day, last_day : date
        Both included.
    name_zh, name_en : str
    """

    kind: Kind
    key: str
    first_day: date
    last_day: date
    name_zh: str
    name_en: str

    @property
    def n_days(self) -> int:
        """Number of days."""
        return (self.last_day - self.first_day).days + 1

    def days(self) -> pd.DatetimeIndex:
        """Return the local days, naive."""
        return pd.date_range(self.first_day, self.last_day, freq="D")

    def bounds(self, timezone: str) -> tuple[datetime, datetime]:
        """Return begin and end as aware moments; rain labelled with the end of its hour lies in (begin, end]."""
        zone = ZoneInfo(timezone)
        return (
            datetime.combine(self.first_day, time(), tzinfo=zone),
            datetime.combine(self.last_day + timedelta(days=1), time(), tzinfo=zone),
        )


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What one report covers.

    Attributes
    ----------
    span : Span
        That gives the report its name.
    edition : {"review", "outlook"}
    reviewed : Span or None
        Looked back on; None if nothing comes before an important period.
    coming : Span or None
        Looked ahead to; None after an important period.
    issued_at : datetime
        Aware, 09:00 local: the day after the span for a review, some days before it for an outlook.
    """

    span: Span
    edition: Edition
    reviewed: Span | None
    coming: Span | None
    issued_at: datetime


def parse_span(kind: Kind, key: str, settings: DistrictSettings) -> Span:
    """Return the span that a key names.

    Parameters
    ----------
    kind : {"month", "quarter", "flood-season", "year", "period"}
    key : str
        See `Span.key`.
    settings : DistrictSettings
        Gives the flood season and the important periods.

    Returns
    -------
    Span

    Raises
    ------
    ConfigError
        If the key is not in form, or no important period of the district has that id.
    """
    if kind == "period":
        return _important(key, settings)
    found = re.fullmatch(_PATTERNS[kind], key)
    if found is None:
        raise ConfigError(f"{kind} must read {_FORMS[kind]}, got '{key}'; years may be 1700 to 2199")
    year = int(found[1])
    match kind:
        case "month":
            return _month(year, int(found[2]))
        case "quarter":
            return _quarter(year, int(found[2]))
        case _:
            return _of_year(kind, year, settings)


def scope_of(span: Span, edition: Edition, settings: DistrictSettings) -> Scope:
    """Return what a report on a span covers.

    Parameters
    ----------
    span : Span
    edition : {"review", "outlook"}
    settings : DistrictSettings

    Returns
    -------
    Scope
    """
    zone = ZoneInfo(settings.district.timezone)
    if edition == "review":
        day = span.last_day + timedelta(days=1)
        reviewed: Span | None = span
        coming = _neighbour(span, 1, settings)
    else:
        day = span.first_day - timedelta(days=settings.reports.outlook_lead_days.get(span.kind, _LEAD_DAYS[span.kind]))
        reviewed, coming = _neighbour(span, -1, settings), span
    issued_at = datetime.combine(day, _ISSUE_HOUR, tzinfo=zone)
    return Scope(span=span, edition=edition, reviewed=reviewed, coming=coming, issued_at=issued_at)


def _span(kind: Kind, key: str, first: date, last: date, zh: str, en: str) -> Span:
    return Span(kind=kind, key=key, first_day=first, last_day=last, name_zh=zh, name_en=en)


def _month(year: int, month: int) -> Span:
    days = pd.Period(year=year, month=month, freq="M")
    first, last = days.start_time.date(), days.end_time.date()
    return _span("month", str(days), first, last, f"{year}年{month}月", f"{first:%B} {year}")


def _quarter(year: int, quarter: int) -> Span:
    days = pd.Period(year=year, quarter=quarter, freq="Q")
    zh, en = f"{year}年第{'一二三四'[quarter - 1]}季度", f"Q{quarter} {year}"
    return _span("quarter", f"{year}-Q{quarter}", days.start_time.date(), days.end_time.date(), zh, en)


def _of_year(kind: Kind, year: int, settings: DistrictSettings) -> Span:
    if kind == "year":
        return _span(kind, f"{year}", date(year, 1, 1), date(year, 12, 31), f"{year}年", f"{year}")
    first, last = (date.fromisoformat(f"{year}-{day}") for day in settings.seasons.flood_season)
    return _span(kind, f"{year}", first, last, f"{year}年汛期", f"flood season of {year}")


def _important(key: str, settings: DistrictSettings) -> Span:
    known = {item.id: item for item in settings.important_periods}
    if key not in known:
        listed = ", ".join(known) or "none"
        raise ConfigError(f"important_periods of district.yaml has no '{key}'; known: {listed}")
    item = known[key]
    return _span("period", key, item.first_day, item.last_day, item.name.zh, item.name.en)


def _neighbour(span: Span, step: int, settings: DistrictSettings) -> Span | None:
    """Return the next (1) or last (-1) span of the same kind; None for an important period, which has none."""
    if span.kind == "period":
        return None
    if span.kind in ("month", "quarter"):
        moved = pd.Period(span.key, freq="M" if span.kind == "month" else "Q") + step
        return _month(moved.year, moved.month) if span.kind == "month" else _quarter(moved.year, moved.quarter)
    return _of_year(span.kind, int(span.key) + step, settings)
