"""The rain record of a district, and the answer given when it is too short.

A record is a DataFrame: a row per hour (tz-aware UTC index without holes, label at the END of the hour), a column per
gauge, mm in the hour, NaN where unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from risk_models.errors import BadInputError, Finding

__all__ = ["HOURS_PER_YEAR", "TooShort", "check_record", "local_days", "record_lengths"]

HOURS_PER_YEAR = 8766.0
#: Above the greatest hour ever measured (401 mm), a value is no rain.
MOST_MM_H = 401.0
_UNITS_ZH = {"years": "年", "months": "个月", "days": "天", "storms": "场降雨"}


@dataclass(frozen=True)
class TooShort:
    """What cannot be said because the record is too short: an answer, not an error.

    Attributes
    ----------
    what_zh, what_en : str
        What was asked for.
    needed, found : float
        Least amount needed, and what there is.
    unit : {"years", "months", "days", "storms"}

    Examples
    --------
    >>> answer = TooShort("重现期雨量", "return levels", needed=10, found=2, unit="years")
    >>> print(answer.zh)
    资料不足，不给出重现期雨量：需要至少10年，现有2年。
    >>> print(answer.en)
    Record too short for return levels: at least 10 years are needed, 2 are there.
    """

    what_zh: str
    what_en: str
    needed: float
    found: float
    unit: str

    @property
    def zh(self) -> str:
        """Chinese sentence."""
        unit = _UNITS_ZH[self.unit]
        return (
            f"资料不足，不给出{self.what_zh}：需要至少{_amount(self.needed)}{unit}，现有{_amount(self.found)}{unit}。"
        )

    @property
    def en(self) -> str:
        """English sentence."""
        is_one = _amount(self.needed) == "1"
        unit, verb = (self.unit.removesuffix("s"), "is") if is_one else (self.unit, "are")
        there = "is" if _amount(self.found) == "1" else "are"
        return (
            f"Record too short for {self.what_en}: at least {_amount(self.needed)} {unit} {verb} needed, "
            f"{_amount(self.found)} {there} there."
        )


def _amount(value: float) -> str:
    """Write an amount to two figures below 1 and one decimal above; rounded down, so it never seems enough."""
    digits = 2 if value < 1 else 1
    return f"{np.floor(value * 10**digits + 1e-9) / 10**digits:g}"


def check_record(rain_mm: pd.DataFrame) -> pd.DataFrame:
    """Return the record as float64 after checking its form.

    Parameters
    ----------
    rain_mm : DataFrame (hour, gauge)
        See the module.

    Returns
    -------
    DataFrame
        A copy.

    Raises
    ------
    BadInputError
        If the index is not hourly UTC, or a value is negative, infinite or above 401 mm.

    Examples
    --------
    >>> hours = pd.date_range("2021-07-01 01:00", periods=2, freq="h", tz="UTC")
    >>> check_record(pd.DataFrame({"57083": [0.0, 2.5]}, index=hours))["57083"].tolist()
    [0.0, 2.5]
    """
    findings = _index_findings(rain_mm.index)
    if rain_mm.shape[1] == 0 or not rain_mm.columns.is_unique:
        findings.append(_finding("bad-gauges", "gauges must be there, each once", fix="give every gauge one column"))
    checked = rain_mm.astype("float64")
    values = checked.to_numpy()
    with np.errstate(invalid="ignore"):
        wrong = (values < 0) | (values > MOST_MM_H)
    for row, column in np.argwhere(wrong)[:20]:
        findings.append(
            _finding(
                "absurd-rain",
                f"hour ending {rain_mm.index[row]} holds no rain amount",
                column=str(rain_mm.columns[column]),
                value=f"{values[row, column]:g}",
                accepted=f"0 to {MOST_MM_H:g} mm, or empty",
                fix="mark it missing (empty cell)",
            )
        )
    if findings:
        raise BadInputError("rain record", findings)
    return checked


def _index_findings(index: pd.Index) -> list[Finding]:
    fix = "give every hour in UTC once, in order, unknown hours empty"
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None or str(index.tz) not in ("UTC", "UTC+00:00"):
        return [_finding("bad-hours", "hours must be a DatetimeIndex in UTC", value=str(index.dtype), fix=fix)]
    if len(index) == 0:
        return [_finding("bad-hours", "record holds no hour", fix=fix)]
    steps = np.diff(index.as_unit("s").asi8)
    if (steps != 3600).any():
        at = int(np.argmax(steps != 3600)) + 1
        return [_finding("bad-hours", "hours must follow one another", value=str(index[at]), fix=fix)]
    return []


def _finding(
    code: str, message: str, *, column: str | None = None, value: str | None = None, accepted: str = "", fix: str = ""
) -> Finding:
    return Finding(
        code=code, message=message, file="rain record", column=column, value=value, accepted=accepted, fix=fix
    )


def record_lengths(rain_mm: pd.DataFrame) -> pd.DataFrame:
    """State how long and how complete the record of each gauge is.

    Parameters
    ----------
    rain_mm : DataFrame (hour, gauge)

    Returns
    -------
    DataFrame
        Index gauge_id; first_at, last_at (UTC, ends of the first and last known hour; NaT if none), hours_known,
        years_known (hours_known / 8766) and share_known (of the hours from first to last).

    Examples
    --------
    >>> hours = pd.date_range("2021-07-01 01:00", periods=4, freq="h", tz="UTC")
    >>> lengths = record_lengths(pd.DataFrame({"57083": [np.nan, 0.0, np.nan, 2.5]}, index=hours))
    >>> int(lengths.loc["57083", "hours_known"]), round(float(lengths.loc["57083", "share_known"]), 3)
    (2, 0.667)
    """
    rows = {}
    for gauge_id, series in rain_mm.items():
        known = series.index[series.notna()]
        span_h = (known[-1] - known[0]) / pd.Timedelta(hours=1) + 1 if len(known) else np.nan
        rows[gauge_id] = {
            "first_at": known[0] if len(known) else pd.NaT,
            "last_at": known[-1] if len(known) else pd.NaT,
            "hours_known": len(known),
            "years_known": len(known) / HOURS_PER_YEAR,
            "share_known": len(known) / span_h,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("gauge_id")


def local_days(hours: pd.DatetimeIndex, *, timezone: str, day_starts_h: int = 0) -> pd.DatetimeIndex:
    """Return the local day, without zone, that each hour belongs to.

    Parameters
    ----------
    hours : DatetimeIndex
        Ends of hours, UTC.
    timezone : str
        IANA name.
    day_starts_h : int
        Local hour at which a day begins: 0, or 20 for the day of the Chinese weather service (20 to 20 o'clock, named
        by the day on which it ends).

    Returns
    -------
    DatetimeIndex

    Examples
    --------
    >>> hours = pd.DatetimeIndex(["2021-07-20T16:00Z", "2021-07-20T17:00Z"])
    >>> [day.day for day in local_days(hours, timezone="Asia/Shanghai")]
    [20, 21]
    >>> [day.day for day in local_days(hours, timezone="Asia/Shanghai", day_starts_h=20)]
    [21, 21]
    """
    begins = (hours - pd.Timedelta(hours=1)).tz_convert(timezone).tz_localize(None)
    shift_h = (24 - day_starts_h) % 24
    return (begins + pd.Timedelta(hours=shift_h)).normalize()
