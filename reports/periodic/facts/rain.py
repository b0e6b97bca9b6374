"""Rain of a span of days by gauge and day: what is known, what is missing, and the greatest amounts.

Days are those of the Chinese weather service: from 20:00 to 20:00 Beijing time, named after the day they end in.
Missing hours are never counted as dry: a sum says how many hours it stands on, and a moving sum needs all its hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import xarray as xr

__all__ = ["DAY_ENDS_H", "WINDOWS_H", "DaySpan", "RainFacts", "day_span", "days_of", "gauge_frame", "rain_facts"]

DAY_ENDS_H = 20
WINDOWS_H = (1, 2, 3, 6, 12, 24)


@dataclass(frozen=True)
class DaySpan:
    """Local days.

    Attributes
    ----------
    start, end : Timestamp
        UTC; rain of the days fell in hours that end after `start` and not after `end` (20:00 local).
    days : tuple of Timestamp
        Local midnights without zone.
    zone : str
        IANA name of the local time.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    days: tuple[pd.Timestamp, ...]
    zone: str

    @property
    def hours(self) -> pd.DatetimeIndex:
        """Ends of every hour of the days, naive UTC."""
        return pd.date_range(self.start, self.end, freq="h", inclusive="right").tz_localize(None).as_unit("ns")

    def contains(self, at: pd.Series) -> pd.Series:
        """Tell which of the moments (aware) fall into the calendar days, from midnight to midnight local time."""
        first, last = (day.tz_localize(self.zone) for day in (self.days[0], self.days[-1] + pd.Timedelta(days=1)))
        return (at >= first) & (at < last)


@dataclass(frozen=True)
class RainFacts:
    """Rain of a span of days.

    Attributes
    ----------
    hourly_mm : DataFrame
        Every hour of the span (naive UTC ends) by gauge [mm]; NaN = unknown.
    daily_mm : DataFrame
        Every day by gauge [mm]: sum of the known hours; NaN if no hour is known.
    day_status : Series
        Per day: "complete" (some gauge has all its hours), "partial", or "missing".
    gauges : DataFrame
        Per gauge: hours_known, total_mm, and for each of `WINDOWS_H` max_1h_mm, max_1h_at and so on (ends, UTC).
    is_full_day : DataFrame
        Every day by gauge: all its hours are known.
    """

    hourly_mm: pd.DataFrame
    daily_mm: pd.DataFrame
    day_status: pd.Series
    gauges: pd.DataFrame
    is_full_day: pd.DataFrame

    def days_with(self, status: str) -> int:
        """Return how many days have a status."""
        return int((self.day_status == status).sum())

    @property
    def days_known(self) -> int:
        """Days with at least one known hour."""
        return len(self.day_status) - self.days_with("missing")

    @property
    def known_span(self) -> tuple[pd.Timestamp, pd.Timestamp] | None:
        """Start of the first and end of the last known hour, UTC; None if nothing is known."""
        known = self.hourly_mm.index[self.hourly_mm.notna().any(axis=1)]
        if len(known) == 0:
            return None
        return known[0].tz_localize("UTC") - pd.Timedelta(hours=1), known[-1].tz_localize("UTC")


def day_span(first_day: date, last_day: date, zone: str) -> DaySpan:
    """Return the span of local days, both included; days of rain end at 20:00.

    Examples
    --------
    >>> span = day_span(date(2021, 7, 1), date(2021, 7, 31), "Asia/Shanghai")
    >>> span.start.isoformat(), len(span.days), len(span.hours)
    ('2021-06-30T12:00:00+00:00', 31, 744)
    """
    days = tuple(pd.date_range(first_day, last_day, freq="D"))
    ends = pd.Timedelta(hours=DAY_ENDS_H)
    first = (days[0] - pd.Timedelta(days=1) + ends).tz_localize(zone).tz_convert("UTC")
    last = (days[-1] + ends).tz_localize(zone).tz_convert("UTC")
    return DaySpan(first, last, days, zone)


def rain_facts(gauges_rain: xr.Dataset, span: DaySpan, zone: str) -> RainFacts:
    """Sum up the rain of a span.

    Parameters
    ----------
    gauges_rain : xarray.Dataset
        ``rain_mm(time, gauge)`` [mm in the hour], `time` = end of the hour, UTC.
    span : DaySpan
    zone : str
        IANA name of the local time.

    Returns
    -------
    RainFacts

    Examples
    --------
    >>> times = pd.date_range("2021-07-19T13:00", periods=24, freq="h")
    >>> rain = xr.Dataset({"rain_mm": (("time", "gauge"), np.full((24, 1), 2.0))}, {"time": times, "gauge": ["A"]})
    >>> facts = rain_facts(rain, day_span(date(2021, 7, 1), date(2021, 7, 31), "Asia/Shanghai"), "Asia/Shanghai")
    >>> facts.days_known, facts.gauges.loc["A", ["total_mm", "max_24h_mm"]].tolist()
    (1, [48.0, 48.0])
    """
    hourly = gauge_frame(gauges_rain).reindex(span.hours)
    day_of_hour = days_of(span.hours, zone)
    daily = hourly.groupby(day_of_hour).sum(min_count=1).reindex(span.days)
    known_hours = hourly.notna().groupby(day_of_hour).sum().reindex(span.days, fill_value=0)
    # 23 and 25 hours occur where clocks are put forward and back.
    hours = pd.Series(1, index=span.hours).groupby(day_of_hour).sum().reindex(span.days, fill_value=0)
    is_full = known_hours.ge(hours, axis=0)
    is_known = (known_hours > 0).any(axis=1)
    status = pd.Series(np.select([is_full.any(axis=1), is_known], ["complete", "partial"], "missing"), index=span.days)
    return RainFacts(hourly, daily, status, _gauge_table(hourly), is_full)


def gauge_frame(gauges_rain: xr.Dataset) -> pd.DataFrame:
    """Return gauge rain as a table: hours (naive UTC ends) by gauge [mm]; NaN = unknown."""
    series = gauges_rain["rain_mm"].transpose("time", "gauge")
    return pd.DataFrame(
        series.to_numpy().astype(float),
        index=pd.DatetimeIndex(series["time"].to_numpy()).as_unit("ns"),
        columns=[str(gauge) for gauge in series["gauge"].to_numpy()],
    )


def days_of(hours: pd.DatetimeIndex, zone: str) -> pd.DatetimeIndex:
    """Return the local day (20:00 to 20:00) that each hour belongs to."""
    there = hours.tz_localize("UTC").tz_convert(zone).tz_localize(None)
    shifted: pd.DatetimeIndex = (there + pd.Timedelta(hours=24 - DAY_ENDS_H) - pd.Timedelta(1, "ns")).normalize()
    return shifted


def _gauge_table(hourly: pd.DataFrame) -> pd.DataFrame:
    """Return totals and greatest moving sums per gauge; a moving sum needs all its hours."""
    table = pd.DataFrame(
        {"hours_known": hourly.notna().sum(), "total_mm": hourly.sum(min_count=1)}, index=hourly.columns
    )
    for hours in WINDOWS_H:
        sums = hourly.rolling(hours, min_periods=hours).sum()
        known = sums.columns[sums.notna().any()]
        table[f"max_{hours}h_mm"] = sums.max()
        peaks = pd.Series(pd.NaT, index=hourly.columns, dtype="datetime64[ns]")
        peaks[known] = sums[known].idxmax()
        table[f"max_{hours}h_at"] = peaks.dt.tz_localize("UTC")
    return table.sort_values("total_mm", ascending=False, kind="stable", na_position="last").rename_axis("gauge_id")
