"""Answers to warnings, field reports, and a span of days by day and by month."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports.periodic.facts.rain import DaySpan, RainFacts
from reports.periodic.facts.risk import WARNING_LEVELS, utc
from risk_models.levels import Level
from risk_models.outlook.climatology import Climatology

__all__ = ["AnswerFacts", "answer_facts", "by_month", "day_levels", "level_days", "reports_in"]


@dataclass(frozen=True)
class AnswerFacts:
    """How warnings were answered.

    Attributes
    ----------
    table : DataFrame
        Index level code, red first, only those that occur; asked, in_time, late, open, median_min (minutes from sending
        to the answer; NaN without any), more_calls (answered or called in more than one step).
    total : Series
        The same over all levels.
    towns_open : tuple of str
        Codes of areas with a message that nobody answered, in order.
    """

    table: pd.DataFrame
    total: pd.Series
    towns_open: tuple[str, ...]


def answer_facts(answers: pd.DataFrame | None, days: DaySpan) -> AnswerFacts | None:
    """Count the answers to messages that were sent in the days.

    Parameters
    ----------
    answers : DataFrame or None
        See `ReportInputs.acknowledgements`.
    days : DaySpan

    Returns
    -------
    AnswerFacts or None
        None where answers are not recorded.
    """
    if answers is None:
        return None
    sent = utc(answers["sent_at"])
    table = answers.assign(
        sent_at=sent, answered_at=utc(answers["answered_at"]), deadline_at=utc(answers["deadline_at"])
    )[days.contains(sent)]
    is_answered = table["answered_at"].notna()
    is_late = is_answered & (table["answered_at"] > table["deadline_at"])
    flags = pd.DataFrame(
        {
            "level": table["level"].astype(int),
            "asked": 1,
            "in_time": (is_answered & ~is_late).astype(int),
            "late": is_late.astype(int),
            "open": (~is_answered).astype(int),
            "more_calls": (table["steps"].fillna(0).astype(int) > 1).astype(int),
            "minutes": (table["answered_at"] - table["sent_at"]).dt.total_seconds() / 60,
        }
    )
    rows = {level: _summed(part) for level, part in flags.groupby("level", sort=True)}
    columns = ["asked", "in_time", "late", "open", "median_min", "more_calls"]
    by_level = pd.DataFrame.from_dict(rows, orient="index", columns=columns).sort_index(ascending=False)
    waiting = sorted(table.loc[~is_answered, "area_code"].astype(str).unique())
    return AnswerFacts(by_level, pd.Series(_summed(flags))[columns], tuple(waiting))


def _summed(flags: pd.DataFrame) -> dict[str, float]:
    counts: dict[str, float] = {
        name: int(flags[name].sum()) for name in ("asked", "in_time", "late", "open", "more_calls")
    }
    known = flags["minutes"].dropna()
    return counts | {"median_min": float(known.median()) if len(known) else float("nan")}


#: The last assessment of a day lies at most so long before its end.
_CLOSES_WITHIN = pd.Timedelta(hours=3)


def reports_in(reports: pd.DataFrame | None, days: DaySpan) -> pd.DataFrame | None:
    """Return the field reports of the days, oldest first; None where none are recorded at all."""
    if reports is None:
        return None
    at = utc(reports["at"])
    return reports.assign(at=at)[days.contains(at)].sort_values("at", kind="stable")


def day_levels(risk: pd.DataFrame, days: DaySpan) -> pd.Series:
    """Return the highest level of the district on each local day.

    Parameters
    ----------
    risk : DataFrame
        valid_at (UTC), level.
    days : DaySpan

    Returns
    -------
    Series
        Local day without zone to level code; UNKNOWN on days without an assessment, and on quiet days that were not
        assessed to their end: what came after is not known.
    """
    index = pd.DatetimeIndex(days.days)
    if risk.empty:
        return pd.Series(int(Level.UNKNOWN), index=index, name="level")
    # An assessment at midnight closes the day before it.
    there = risk["valid_at"].dt.tz_convert(days.zone).dt.tz_localize(None)
    of_day = (there - pd.Timedelta(hours=1)).dt.normalize().to_numpy()
    highest = risk["level"].astype(int).groupby(of_day).max()
    ends = pd.DatetimeIndex(highest.index) + pd.Timedelta(days=1)
    is_open = (there.groupby(of_day).max() < ends - _CLOSES_WITHIN).to_numpy()
    highest[is_open & (highest == int(Level.NONE))] = int(Level.UNKNOWN)
    return highest.reindex(index, fill_value=int(Level.UNKNOWN)).astype(int).rename("level")


def level_days(levels: pd.Series) -> dict[int, int]:
    """Return the number of days at each level code, UNKNOWN included.

    Examples
    --------
    >>> level_days(pd.Series([4, 0, -1, -1]))
    {4: 1, 3: 0, 2: 0, 1: 0, 0: 1, -1: 2}
    """
    return {int(level): int((levels == int(level)).sum()) for level in sorted(Level, reverse=True)}


def by_month(
    rain: RainFacts,
    gauge_id: str,
    *,
    levels: pd.Series,
    warnings: pd.DataFrame,
    incidents: pd.DataFrame,
    climate: Climatology | None,
    zone: str,
) -> pd.DataFrame:
    """Tell a span by calendar month.

    Parameters
    ----------
    rain : RainFacts
    gauge_id : str
        Reference gauge.
    levels : Series
        Of `day_levels`.
    warnings, incidents : DataFrame
        With issued_at and started_at, UTC.
    climate : Climatology or None
        Of the reference gauge.
    zone : str
        IANA name of the local time.

    Returns
    -------
    DataFrame
        Index month (Period), in order: n_days, days_known (days with rain data at any gauge), rain_mm (known hours of
        the reference gauge; NaN if none), is_whole (every hour of the span's days in the month is known there),
        wettest_day_mm (any gauge), normal_mm, p10_mm, p90_mm (whole month; NaN if not known), days_assessed, level
        (highest; UNKNOWN without an assessment), n_warnings, n_incidents.
    """
    index = pd.DatetimeIndex(rain.daily_mm.index)
    month = index.to_period("M")
    own = rain.daily_mm[gauge_id] if gauge_id in rain.daily_mm else pd.Series(np.nan, index=index)
    full = rain.is_full_day[gauge_id] if gauge_id in rain.is_full_day else pd.Series(False, index=index)
    by_day = pd.DataFrame(
        {
            "n_days": 1,
            "days_known": (rain.day_status != "missing").astype(int),
            "rain_mm": own,
            "is_whole": full,
            "wettest_day_mm": rain.daily_mm.max(axis=1),
            "days_assessed": (levels != int(Level.UNKNOWN)).astype(int).reindex(index, fill_value=0),
            "level": levels.reindex(index, fill_value=int(Level.UNKNOWN)),
        }
    ).groupby(month)
    table = by_day.agg(
        {"n_days": "sum", "days_known": "sum", "is_whole": "all", "wettest_day_mm": "max", "days_assessed": "sum",
         "level": "max"}
    )  # fmt: skip
    table["rain_mm"] = by_day["rain_mm"].sum(min_count=1)
    table["n_warnings"] = _per_month(warnings, "issued_at", table.index, zone)
    table["n_incidents"] = _per_month(incidents, "started_at", table.index, zone)
    return table.join(_normals(climate, table.index)).rename_axis("month")


def _per_month(table: pd.DataFrame, column: str, months: pd.Index, zone: str) -> pd.Series:
    """Count rows by local month."""
    if table.empty:
        return pd.Series(0, index=months)
    there = utc(table[column]).dt.tz_convert(zone).dt.tz_localize(None)
    counts: pd.Series = there.dt.to_period("M").value_counts().reindex(months, fill_value=0)
    return counts


def _normals(climate: Climatology | None, months: pd.Index) -> pd.DataFrame:
    """Return mean and spread of the same month in all years of the record [mm]; NaN below ten years."""
    rows: dict[pd.Period, list[float]] = {}
    for month in months:
        rows[month] = [np.nan] * 3
        if climate is not None:
            totals = climate.monthly["total_mm"].dropna()
            same = totals[pd.DatetimeIndex(totals.index).month == month.month]
            if len(same) >= 10:
                rows[month] = [float(same.mean()), float(same.quantile(0.1)), float(same.quantile(0.9))]
    return pd.DataFrame.from_dict(rows, orient="index", columns=["normal_mm", "p10_mm", "p90_mm"])


def warning_levels_by(warnings: pd.DataFrame, by: pd.Series) -> pd.DataFrame:
    """Count warnings by a key and highest level, red first."""
    counts = pd.crosstab(by, warnings["level"])
    return counts.reindex(columns=[int(level) for level in WARNING_LEVELS], fill_value=0)
