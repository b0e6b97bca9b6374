"""A long made-up rain record: 60 years of hours at four gauges, so that the outlook has something to learn from.

Only the mean annual rain of station 57083, 640.8 mm, is published; its course over the year is assumed. Three kinds of
storms are drawn month by month: long weak ones (fronts), short strong ones (showers, mostly June to August), and rare
long strong ones (July and August, as in 1975, 1982 or 2021 in Henan). Hours follow from storms, gauges from hours.
Whole numbers of 0.1 mm are used, so that the published mean comes out exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import netCDF4
import numpy as np
import pandas as pd

from data.builder.gauges import JIANGANG, STATION
from data.builder.places import apportion
from data.builder.settings import SEED, SYNTHETIC, random_for

__all__ = ["FIRST_YEAR", "GAUGES", "MEAN_ANNUAL_MM", "YEARS", "build_rain_record", "write_rain_record"]

FIRST_YEAR: Final = 1961
YEARS: Final = 60
#: Published; Henan press of 28 September 2021.
MEAN_ANNUAL_MM: Final = 640.8
#: Gauges of the record, and the year in which each begins; the fourth is municipal and young.
GAUGES: Final = {STATION: 1961, JIANGANG: 1970, "EQ-G03": 1984, "EQ-G10": 2006}
#: Assumed course of the year, mm; sums to the published mean.
_MONTH_MM: Final = np.array([9.6, 12.2, 26.0, 32.0, 58.0, 65.0, 149.0, 133.0, 80.0, 42.0, 24.0, 10.0])
#: Stretches without data (gauge, first day, days): what a real record has.
_OUTAGES: Final = ((JIANGANG, "1993-03-02", 19), ("EQ-G03", "2003-11-11", 40), ("EQ-G10", "2012-07-05", 6))
_SPREAD: Final = np.array([0.0, 0.30, 0.27, 0.33])
_FACTOR: Final = np.array([1.0, 1.05, 1.08, 0.97])


@dataclass(frozen=True)
class _Kind:
    """Storms of one kind: mean number by month, hours (median, spread of the logarithm, most), depth and burstiness."""

    per_month: tuple[float, ...]
    hours: tuple[float, float, int]
    mean_mm: float
    depth_shape: float
    hour_shape: float


_KINDS: Final = (
    _Kind((2.8, 3.4, 4.2, 4.4, 4.6, 4.2, 5.2, 5.4, 5.4, 4.4, 3.6, 2.6), (9.0, 0.7, 48), 7.5, 0.7, 1.6),
    _Kind((0, 0, 0.2, 0.7, 1.4, 2.4, 4.6, 4.2, 1.4, 0.3, 0, 0), (2.3, 0.5, 8), 11.5, 0.65, 1.1),
    _Kind((0, 0, 0, 0, 0.03, 0.08, 0.30, 0.25, 0.08, 0.02, 0, 0), (17.0, 0.4, 40), 75.0, 3.0, 0.9),
)


def _hours() -> pd.DatetimeIndex:
    """Return the ends of all hours, local time."""
    first = pd.Timestamp(year=FIRST_YEAR, month=1, day=1, hour=1, tz="Etc/GMT-8")
    last = pd.Timestamp(year=FIRST_YEAR + YEARS, month=1, day=1, tz="Etc/GMT-8")
    return pd.date_range(first, last, freq="h")


def _storms(chance: np.random.Generator, hours: pd.DatetimeIndex) -> np.ndarray:
    """Return the rain of all storms as each gauge sees them, (hours, gauges), mm, before it is scaled."""
    rain = np.zeros((len(hours), len(GAUGES)))
    begins = (hours - pd.Timedelta(hours=1)).tz_localize(None)
    number = (begins.year - FIRST_YEAR) * 12 + begins.month - 1
    first_hour = np.searchsorted(number.to_numpy(), np.arange(YEARS * 12 + 1))
    wetness = chance.gamma(12.0, 1 / 12.0, (YEARS, 4))  # of a season of a year
    for place in range(YEARS * 12):
        month = place % 12
        moist = wetness[place // 12, month // 3]
        for kind in _KINDS:
            for _ in range(chance.poisson(kind.per_month[month] * moist)):
                begin = chance.integers(first_hour[place], first_hour[place + 1])
                course = _course(chance, kind)[: len(hours) - begin]
                wander = np.clip(chance.standard_normal(len(GAUGES)), -2.0, 2.0)
                share = np.exp(_SPREAD * wander * (1.2 if kind is _KINDS[1] else 0.6))
                rain[begin : begin + len(course)] += course[:, None] * share
    return rain


def _course(chance: np.random.Generator, kind: _Kind) -> np.ndarray:
    """Return the hours of one storm, mm."""
    median, spread, most = kind.hours
    length = int(np.clip(np.rint(median * np.exp(spread * chance.standard_normal())), 1, most))
    depth = chance.gamma(kind.depth_shape, kind.mean_mm / kind.depth_shape)
    weight = chance.gamma(kind.hour_shape, 1.0, length) + 1e-3
    return depth * weight / weight.sum()


def build_rain_record() -> pd.DataFrame:
    """Build the record.

    Returns
    -------
    pandas.DataFrame
        Index: end of the hour, UTC; a column per gauge, mm with one decimal, NaN where the gauge has no data.

    Examples
    --------
    >>> record = build_rain_record()
    >>> round(float(record["57083"].sum()) / YEARS, 1)
    640.8
    """
    hours, chance = _hours(), random_for("rain record")
    rain = _storms(chance, hours)
    rain *= _FACTOR * np.exp(0.15 * chance.standard_normal(rain.shape) * (_SPREAD > 0))
    month = (hours - pd.Timedelta(hours=1)).month.to_numpy()
    # The station meets the assumed months and the published year exactly; the others follow it.
    parts = apportion(round(YEARS * MEAN_ANNUAL_MM * 10), _MONTH_MM)
    tenths = np.zeros(rain.shape, dtype=np.int64)
    for number, total in enumerate(parts, start=1):
        rows = month == number
        tenths[rows, 0] = apportion(int(total), rain[rows, 0])
        tenths[rows, 1:] = np.rint(rain[rows, 1:] * total / rain[rows, 0].sum())
    record = pd.DataFrame(tenths / 10.0, index=hours.tz_convert("UTC").rename("time"), columns=list(GAUGES))
    for gauge, year in GAUGES.items():
        record.loc[hours <= pd.Timestamp(year=year, month=1, day=1, tz=hours.tz), gauge] = np.nan
    for gauge, first_day, days in _OUTAGES:
        begin = pd.Timestamp(first_day, tz=hours.tz)
        record.loc[(hours > begin) & (hours <= begin + pd.Timedelta(days=days)), gauge] = np.nan
    return record


def write_rain_record(path: Path) -> None:
    """Write the record as CF NetCDF-4, packed to 0.1 mm.

    Parameters
    ----------
    path : pathlib.Path
        File to write.
    """
    record = build_rain_record()
    since = pd.Timestamp("1970-01-01", tz="UTC")
    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        file.setncatts(
            {
                "Conventions": "CF-1.8",
                "title": "Hourly gauge rain of Erqi District, demonstration data",
                "synthetic": "true",
                "source": SYNTHETIC,
                "comment": f"seed {SEED}; the mean annual rain of {STATION} is the published {MEAN_ANNUAL_MM} mm, "
                "all else is made up",
            }
        )
        file.createDimension("time", len(record))
        file.createDimension("gauge", record.shape[1])
        time = file.createVariable("time", "i4", ("time",), zlib=True, complevel=9, shuffle=True)
        time.setncatts({"standard_name": "time", "long_name": "end of the hour", "calendar": "standard",
                        "units": "hours since 1970-01-01 00:00:00"})  # fmt: skip
        time[:] = ((record.index - since) // pd.Timedelta(hours=1)).to_numpy()
        gauge = file.createVariable("gauge", str, ("gauge",))
        gauge.setncatts({"cf_role": "timeseries_id", "long_name": "gauge_id"})
        gauge[:] = record.columns.to_numpy(dtype=object)
        rain = file.createVariable(
            "rain_mm", "i2", ("time", "gauge"), zlib=True, complevel=9, shuffle=True, fill_value=np.int16(-32768)
        )
        rain.setncatts({"standard_name": "lwe_thickness_of_precipitation_amount", "units": "mm",
                        "long_name": "rain in the hour that ends at time", "cell_methods": "time: sum",
                        "scale_factor": 0.1, "add_offset": 0.0})  # fmt: skip
        rain.set_auto_maskandscale(False)
        values = record.to_numpy()
        rain[:] = np.where(np.isnan(values), -32768, np.rint(np.nan_to_num(values) * 10.0)).astype(np.int16)
