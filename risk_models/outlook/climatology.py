"""What the record says of rain here: totals, heavy days, maxima, return levels, and what it cannot say.

Missing rain is never dry: a day with an unknown hour has no total, a month with an unknown day has none unless the
looser rule is asked for, a year known in part has no maximum.

References
----------
WMO-No. 1203 (2017) Guidelines on the Calculation of Climate Normals, 4.4: a sum needs all days; a monthly mean must
not be computed if 11 or more days, or 5 or more in a row, are missing.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.outlook.extremes import ReturnLevels, return_levels
from risk_models.outlook.record import TooShort, check_record, local_days, record_lengths

__all__ = [
    "HEAVY_DAY_MM",
    "HEAVY_HOUR_MM",
    "Climatology",
    "MissingRule",
    "annual_maxima",
    "climatology",
    "daily_totals",
    "heavy_counts",
    "monthly_climate",
    "monthly_totals",
]

#: A day of heavy rain (暴雨, GB/T 28592-2012) and an hour of short-time heavy rain (短时强降水).
HEAVY_DAY_MM = 50.0
HEAVY_HOUR_MM = 20.0
#: Least years of one calendar month for its terciles (an assumption; a normal has 30).
MIN_TERCILE_YEARS = 10
#: A year counts if at least this share of its hours is known (an assumption).
MIN_YEAR_SHARE = 0.95


class MissingRule(Enum):
    """When a month with missing days still has a total.

    COMPLETE: never (the WMO rule for sums). ELEVEN_FIVE: up to 10 missing days and 4 in a row, the total being scaled
    up to the whole month and marked as an estimate.
    """

    COMPLETE = "complete"
    ELEVEN_FIVE = "eleven-five"


def daily_totals(rain_mm: pd.DataFrame, *, timezone: str, day_starts_h: int = 0) -> pd.DataFrame:
    """Sum rain over local days; a day with an unknown hour, or cut by the record's ends, is NaN.

    Parameters
    ----------
    rain_mm : DataFrame (hour, gauge)
        See `risk_models.outlook.record`.
    timezone : str
        IANA name.
    day_starts_h : int
        See `local_days`.

    Returns
    -------
    DataFrame (day, gauge)
        mm; index of local days without zone.

    Examples
    --------
    >>> hours = pd.date_range("2021-07-19 17:00", periods=48, freq="h", tz="UTC")
    >>> rain = pd.DataFrame({"57083": [1.0] * 47 + [np.nan]}, index=hours)
    >>> daily_totals(rain, timezone="Asia/Shanghai")["57083"].tolist()
    [24.0, nan]
    """
    days = local_days(pd.DatetimeIndex(rain_mm.index), timezone=timezone, day_starts_h=day_starts_h)
    groups = rain_mm.astype("float64").groupby(days)
    hours = groups.size()
    # 23 and 25 hours occur where clocks are put forward and back.
    whole = (hours >= 23).to_numpy()[:, None] & (groups.count().to_numpy() == hours.to_numpy()[:, None])
    return groups.sum().where(whole).rename_axis("day")


def _longest_run(is_true: npt.NDArray[np.bool_]) -> int:
    longest = run = 0
    for value in is_true:
        run = run + 1 if value else 0
        longest = max(longest, run)
    return longest


def monthly_totals(daily_mm: pd.Series, *, rule: MissingRule = MissingRule.COMPLETE) -> pd.DataFrame:
    """Sum daily rain over calendar months under a rule for missing days.

    Parameters
    ----------
    daily_mm : Series (day,)
        mm; NaN unknown.
    rule : MissingRule

    Returns
    -------
    DataFrame
        Index month (first day); total_mm (NaN where the rule forbids it), days_known, days_missing,
        longest_gap_days, is_estimate (scaled up from the known days).

    References
    ----------
    WMO-No. 1203, see the module.

    Examples
    --------
    >>> june = pd.Series(2.0, index=pd.date_range("2021-06-01", "2021-06-30"))
    >>> june.iloc[3:6] = np.nan
    >>> monthly_totals(june)["total_mm"].tolist()
    [nan]
    >>> monthly_totals(june, rule=MissingRule.ELEVEN_FIVE)[["total_mm", "is_estimate"]].to_numpy().tolist()
    [[60.0, True]]
    """
    rows = {}
    for month, values in daily_mm.groupby(pd.DatetimeIndex(daily_mm.index).to_period("M")):
        days = month.days_in_month
        known = int(values.notna().sum())
        is_missing = values.reindex(pd.date_range(month.start_time, periods=days)).isna().to_numpy()
        longest = _longest_run(is_missing)
        allowed = known == days or (rule is MissingRule.ELEVEN_FIVE and days - known <= 10 and longest <= 4)
        rows[month.start_time] = {
            "total_mm": float(values.sum()) * days / known if allowed and known else np.nan,
            "days_known": known,
            "days_missing": days - known,
            "longest_gap_days": longest,
            "is_estimate": bool(allowed and known < days),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("month")


def _year_is_known(is_known: pd.Series, years: pd.Index) -> pd.Series:
    """Tell which years are known well enough, from flags of hours; a year cut short is not."""
    known = is_known.groupby(years).sum()
    hours = np.array([8784 if isleap(int(year)) else 8760 for year in known.index])
    return known >= MIN_YEAR_SHARE * hours


def annual_maxima(rain_mm: pd.Series, *, timezone: str, windows_h: Sequence[int] = (1, 3, 24)) -> pd.DataFrame:
    """Return the greatest moving sum of each year and window.

    Parameters
    ----------
    rain_mm : Series (hour,)
        One gauge of a record.
    timezone : str
        IANA name; a sum belongs to the local year in which it ends.
    windows_h : sequence of int
        Hours.

    Returns
    -------
    DataFrame
        Index year; columns ``max_<w>h_mm``. NaN for years of which less than 95 % is known.

    Examples
    --------
    >>> hours = pd.date_range("2020-01-01 01:00", "2021-01-01 00:00", freq="h", tz="UTC")
    >>> rain = pd.Series(0.0, index=hours)
    >>> rain.iloc[5000:5004] = [10.0, 20.0, 5.0, 1.0]
    >>> annual_maxima(rain, timezone="UTC").loc[2020].tolist()
    [20.0, 35.0, 36.0]
    """
    years = local_days(pd.DatetimeIndex(rain_mm.index), timezone=timezone).year
    is_known = _year_is_known(rain_mm.notna(), years)
    columns = {}
    for window in windows_h:
        sums = rain_mm.astype("float64").rolling(window).sum()
        columns[f"max_{window}h_mm"] = sums.groupby(years).max().where(is_known).round(6)
    return pd.DataFrame(columns).rename_axis("year")


def heavy_counts(
    rain_mm: pd.Series, *, timezone: str, day_mm: float = HEAVY_DAY_MM, hour_mm: float = HEAVY_HOUR_MM
) -> pd.DataFrame:
    """Count days and hours of heavy rain per month.

    Parameters
    ----------
    rain_mm : Series (hour,)
        One gauge of a record.
    timezone : str
        IANA name.
    day_mm, hour_mm : float
        Least rain of a heavy day and hour, mm.

    Returns
    -------
    DataFrame
        Index month (first day); heavy_days, heavy_hours: counts among known days and hours, hence at least; days_known
        and hours_known.

    Examples
    --------
    >>> hours = pd.date_range("2021-07-19 17:00", periods=24, freq="h", tz="UTC")
    >>> rain = pd.Series([25.0, 30.0] + [0.0] * 22, index=hours)
    >>> heavy_counts(rain, timezone="Asia/Shanghai")[["heavy_days", "heavy_hours"]].to_numpy().tolist()
    [[1, 2]]
    """
    daily = daily_totals(rain_mm.to_frame("rain"), timezone=timezone)["rain"]
    by_day = pd.DatetimeIndex(daily.index).to_period("M")
    by_hour = local_days(pd.DatetimeIndex(rain_mm.index), timezone=timezone).to_period("M")
    counts = pd.DataFrame(
        {
            # Rain sums carry rounding of single precision; 50.0 mm on the gauge must count.
            "heavy_days": (daily >= day_mm - 1e-4).groupby(by_day).sum(),
            "heavy_hours": (rain_mm >= hour_mm - 1e-4).groupby(by_hour).sum(),
            "days_known": daily.notna().groupby(by_day).sum(),
            "hours_known": rain_mm.notna().groupby(by_hour).sum(),
        }
    )
    counts.index = pd.PeriodIndex(counts.index).to_timestamp()
    return counts.rename_axis("month").astype(int)


def monthly_climate(monthly: pd.DataFrame, heavy: pd.DataFrame) -> pd.DataFrame:
    """Summarise the calendar months.

    Parameters
    ----------
    monthly : DataFrame
        Of `monthly_totals`.
    heavy : DataFrame
        Of `heavy_counts`.

    Returns
    -------
    DataFrame
        Index 1 to 12; n_years (months with a total), mean_mm, low_tercile_mm, high_tercile_mm (NaN below ten years),
        heavy_days and heavy_hours (per month, scaled by the known days and hours).

    Examples
    --------
    >>> index = pd.date_range("2001-07-01", periods=12, freq="12MS")
    >>> monthly = pd.DataFrame({"total_mm": np.arange(12.0)}, index=index)
    >>> heavy = pd.DataFrame({"heavy_days": 1, "heavy_hours": 2, "days_known": 31, "hours_known": 744}, index=index)
    >>> monthly_climate(monthly, heavy).loc[7].round(2).tolist()
    [12.0, 5.5, 3.67, 7.33, 1.0, 2.0]
    """
    months = pd.DatetimeIndex(heavy.index).month
    sums = heavy.groupby(months).sum().reindex(range(1, 13))
    totals = monthly["total_mm"].dropna()
    groups = totals.groupby(pd.DatetimeIndex(totals.index).month)
    count = groups.size().reindex(range(1, 13), fill_value=0)
    length = np.array([pd.Period(f"2001-{month:02d}").days_in_month for month in range(1, 13)])
    enough = count >= MIN_TERCILE_YEARS
    known_days = sums["days_known"].where(sums["days_known"] > 0)
    known_hours = sums["hours_known"].where(sums["hours_known"] > 0)
    return pd.DataFrame(
        {
            "n_years": count,
            "mean_mm": groups.mean().reindex(range(1, 13)),
            "low_tercile_mm": groups.quantile(1 / 3).reindex(range(1, 13)).where(enough),
            "high_tercile_mm": groups.quantile(2 / 3).reindex(range(1, 13)).where(enough),
            "heavy_days": sums["heavy_days"] / known_days * length,
            "heavy_hours": sums["heavy_hours"] / known_hours * length * 24,
        }
    ).rename_axis("month")


@dataclass(frozen=True)
class Climatology:
    """Everything the record of one gauge says.

    Attributes
    ----------
    gauge_id : str
    length : Series
        Row of `record_lengths`.
    monthly, heavy, maxima, months : DataFrame
        Of `monthly_totals`, `heavy_counts`, `annual_maxima`, `monthly_climate`.
    levels : dict of int to ReturnLevels or TooShort
        By window, hours.
    missing : tuple of TooShort
        What cannot be said, each once.
    """

    gauge_id: str
    length: pd.Series
    monthly: pd.DataFrame
    heavy: pd.DataFrame
    maxima: pd.DataFrame
    months: pd.DataFrame
    levels: dict[int, ReturnLevels | TooShort]
    missing: tuple[TooShort, ...]


def climatology(
    rain_mm: pd.DataFrame,
    gauge_id: str,
    *,
    timezone: str,
    rng: np.random.Generator,
    windows_h: Sequence[int] = (1, 3, 24),
    rule: MissingRule = MissingRule.COMPLETE,
) -> Climatology:
    """Describe the rain of one gauge, and say what its record is too short for.

    Parameters
    ----------
    rain_mm : DataFrame (hour, gauge)
        Record.
    gauge_id : str
        Column.
    timezone : str
        IANA name.
    rng : Generator
        For the intervals of return levels.
    windows_h : sequence of int
        Windows of the maxima, hours.
    rule : MissingRule
        For monthly totals.

    Returns
    -------
    Climatology

    Raises
    ------
    BadInputError
        If the record is not in form.

    Examples
    --------
    >>> hours = pd.date_range("2021-07-17 01:00", periods=120, freq="h", tz="UTC")
    >>> record = pd.DataFrame({"57083": 1.0}, index=hours)
    >>> found = climatology(record, "57083", timezone="Asia/Shanghai", rng=np.random.default_rng(0))
    >>> for answer in found.missing:
    ...     print(answer.en)
    Record too short for return levels: at least 10 years are needed, 0 are there.
    Record too short for terciles of monthly rain: at least 10 years are needed, 0 are there.
    """
    record = check_record(rain_mm[[gauge_id]])
    rain = record[gauge_id]
    daily = daily_totals(record, timezone=timezone)[gauge_id]
    monthly, heavy = monthly_totals(daily, rule=rule), heavy_counts(rain, timezone=timezone)
    maxima = annual_maxima(rain, timezone=timezone, windows_h=windows_h)
    months = monthly_climate(monthly, heavy)
    levels = {window: return_levels(maxima[f"max_{window}h_mm"], rng=rng) for window in windows_h}
    missing = list(dict.fromkeys(level for level in levels.values() if isinstance(level, TooShort)))
    fewest = int(months["n_years"].min())
    if fewest < MIN_TERCILE_YEARS:
        missing.append(TooShort("月雨量三分位", "terciles of monthly rain", MIN_TERCILE_YEARS, fewest, "years"))
    return Climatology(
        gauge_id=gauge_id,
        length=record_lengths(record).iloc[0],
        monthly=monthly,
        heavy=heavy,
        maxima=maxima,
        months=months,
        levels=levels,
        missing=tuple(missing),
    )
