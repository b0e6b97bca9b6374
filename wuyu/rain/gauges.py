"""Gauge tables as arrays, and what is done with a stretch of gauge rain: steps of one length, flags, what failed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from risk_models.forecast.blend import step_ends
from risk_models.forecast.harmonise import in_steps, to_steps
from risk_models.forecast.quality.flag import flag_gauges
from risk_models.forecast.rainfall import Quality
from risk_models.forecast.readers.gauge_table import read_gauge_table
from wuyu.feeds.select import SelectedFile
from wuyu.rain.gathered import FileState, reader_options, state_of

if TYPE_CHECKING:
    from risk_models.district.settings import FeedSettings
    from wuyu.desk import Desk

__all__ = [
    "HOUR_MIN",
    "GaugeTable",
    "doubted_by_hours",
    "failed",
    "filled_from",
    "flagged",
    "gauge_ids",
    "nothing",
    "read_table",
    "whole_steps",
]

HOUR_MIN = 60
_HOUR = np.timedelta64(1, "h").astype("timedelta64[ns]")
_FILLS = {"rain_mm": np.nan, "raw_mm": np.nan, "quality": int(Quality.MISSING)}


@dataclass(frozen=True)
class GaugeTable:
    """What one file of a feed says.

    Attributes
    ----------
    first : int
        Number of the first step: its END, counted in steps since 1970 (UTC).
    rain_mm, raw_mm : ndarray, shape (step, gauge)
        [mm], and the number as received; gauges in the order of the register.
    quality : ndarray of int8, shape (step, gauge)
    """

    first: int
    rain_mm: NDArray[np.float64]
    raw_mm: NDArray[np.float64]
    quality: NDArray[np.int8]


def gauge_ids(desk: Desk) -> list[str]:
    """Return the ids of the district's gauges."""
    return [str(gauge) for gauge in desk.district.gauges.index]


def read_table(desk: Desk, file: SelectedFile, feed: FeedSettings) -> GaugeTable:
    """Read one gauge table as the settings of its feed say; its arrays are shared and must not be changed."""
    options = json.dumps(reader_options(desk, feed), sort_keys=True)
    return _decoded(state_of(file), tuple(gauge_ids(desk)), desk.settings.district.timezone, options)


@lru_cache(maxsize=1024)
def _decoded(state: FileState, gauges: tuple[str, ...], timezone: str, options: str) -> GaugeTable:
    """Read a table once for all the hours that look at it: four days of them in files of ten minutes and some more."""
    rain, _ = read_gauge_table(state[0], gauge_ids=list(gauges), timezone=timezone, **json.loads(options))
    first = int(rain["time"].to_numpy()[0].astype("datetime64[s]").astype(np.int64))
    arrays = [rain[name].to_numpy() for name in ("rain_mm", "raw_mm", "quality")]
    return GaugeTable(first // round(3600 * float(rain.attrs["step_h"])), *arrays)


def doubted_by_hours(desk: Desk, rain: xr.Dataset) -> xr.Dataset:
    """Return steps, flagged in their own length, with what their hours show besides: the worse flag of both counts.

    Ten minutes can look sound in an hour that cannot be, e.g. beside the hours of the neighbours.
    """
    # What is doubted in ten minutes is marked there already; one of them does not make its whole hour doubtful.
    unmarked = rain["quality"].where(rain["quality"] != Quality.SUSPECT, int(Quality.NOT_EVALUATED))
    hours = flagged(desk, to_steps(rain.assign(quality=unmarked.astype(np.int8))))
    hour = np.ceil((rain["time"].to_numpy() - hours["time"].to_numpy()[0]) / _HOUR).astype(int)
    by_hour = hours["quality"].to_numpy()[hour]
    own = rain["quality"].to_numpy()
    doubted = np.isin(by_hour, (Quality.SUSPECT, Quality.FAIL)) & (own < by_hour)
    quality = np.where(doubted, by_hour, own)
    rain_mm = np.where(quality == Quality.FAIL, np.nan, rain["rain_mm"].to_numpy())
    return rain.assign(
        rain_mm=(rain["rain_mm"].dims, rain_mm, rain["rain_mm"].attrs),
        quality=(rain["quality"].dims, quality.astype(np.int8)),
        tests=(hours["tests"].dims, hours["tests"].to_numpy()[:, hour]),
    ).assign_coords(test=hours["test"])


def failed(window: xr.Dataset, steps: int) -> xr.Dataset:
    """Return the window with its newest steps failed."""
    last = np.arange(window.sizes["time"]) >= window.sizes["time"] - steps
    rain, quality = window["rain_mm"].to_numpy().copy(), window["quality"].to_numpy().copy()
    rain[last], quality[last] = np.nan, int(Quality.FAIL)
    return window.assign(rain_mm=(window["rain_mm"].dims, rain), quality=(window["quality"].dims, quality))


def filled_from(first: xr.Dataset, second: xr.Dataset) -> xr.Dataset:
    """Return the steps of both feeds, of one length; a value that the first does not have is the second's."""
    begin = min(first["time"].to_numpy()[0], second["time"].to_numpy()[0])
    end = max(first["time"].to_numpy()[-1], second["time"].to_numpy()[-1])
    step = np.timedelta64(round(3600 * float(first.attrs["step_h"])), "s").astype("timedelta64[ns]")
    steps = np.arange(begin, end + step, step)
    left, right = (
        table[list(_FILLS)]
        .drop_vars(("interval_h", "spread_h"), errors="ignore")
        .reindex(time=steps, fill_value=_FILLS)
        for table in (first, second)
    )
    return left.where(left["quality"] != Quality.MISSING, right).assign_attrs(first.attrs)


def whole_steps(desk: Desk, rain: xr.Dataset, step_min: int = HOUR_MIN) -> xr.Dataset:
    """Bring a table to steps of one length, hours by default; all but hours are flagged first, in their own steps.

    An hour can look sound in which ten minutes are not, and an hour cut into equal parts like a gauge that is stuck.
    """
    return to_steps(rain if in_steps(rain) and step_min == HOUR_MIN else flagged(desk, rain), step_min)


def flagged(desk: Desk, rain: xr.Dataset) -> xr.Dataset:
    """Return gauge rain with its quality flags."""
    gauges = desk.district.gauges
    place = np.column_stack([gauges.geometry.x, gauges.geometry.y])
    usual = desk.settings.quality
    return flag_gauges(rain, place, monthly_max_mm=usual.monthly_max_mm, monthly_dry_h=usual.monthly_dry_h)


def nothing(desk: Desk, end: datetime, *, step_min: int = HOUR_MIN) -> xr.Dataset:
    """Return one step, an hour by default, in which every gauge is missing, which is not the same as dry."""
    ids = gauge_ids(desk)
    return xr.Dataset(
        {
            "rain_mm": (("time", "gauge"), np.full((1, len(ids)), np.nan)),
            "quality": (("time", "gauge"), np.full((1, len(ids)), Quality.MISSING, dtype=np.int8)),
        },
        {"time": step_ends(end, step_min, past_h=1)[-1:], "gauge": np.asarray(ids, dtype=object)},
        {"step_h": step_min / HOUR_MIN},
    )
