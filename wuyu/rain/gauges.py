"""Gauge tables as arrays, and what is done with a stretch of gauge rain: hours, flags, hours that failed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from risk_models.forecast.harmonise import is_hourly, to_hours
from risk_models.forecast.quality.flag import flag_gauges
from risk_models.forecast.rainfall import Quality, to_datetime64
from risk_models.forecast.readers.gauge_table import read_gauge_table
from wuyu.feeds.select import SelectedFile
from wuyu.rain.gathered import FileState, reader_options, state_of

if TYPE_CHECKING:
    from risk_models.district.settings import FeedSettings
    from wuyu.desk import Desk

__all__ = ["GaugeTable", "failed", "filled_from", "flagged", "gauge_ids", "nothing", "read_table", "whole_hours"]

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


def failed(window: xr.Dataset, hours: int) -> xr.Dataset:
    """Return the window with its newest hours failed."""
    last = np.arange(window.sizes["time"]) >= window.sizes["time"] - hours
    rain, quality = window["rain_mm"].to_numpy().copy(), window["quality"].to_numpy().copy()
    rain[last], quality[last] = np.nan, int(Quality.FAIL)
    return window.assign(rain_mm=(window["rain_mm"].dims, rain), quality=(window["quality"].dims, quality))


def filled_from(first: xr.Dataset, second: xr.Dataset) -> xr.Dataset:
    """Return the hours of both feeds; a value that the first does not have is the second's."""
    begin = min(first["time"].to_numpy()[0], second["time"].to_numpy()[0])
    end = max(first["time"].to_numpy()[-1], second["time"].to_numpy()[-1])
    hour = np.timedelta64(1, "h").astype("timedelta64[ns]")
    hours = np.arange(begin, end + hour, hour)
    left, right = (
        table[list(_FILLS)]
        .drop_vars(("interval_h", "spread_h"), errors="ignore")
        .reindex(time=hours, fill_value=_FILLS)
        for table in (first, second)
    )
    return left.where(left["quality"] != Quality.MISSING, right).assign_attrs(first.attrs)


def whole_hours(desk: Desk, rain: xr.Dataset) -> xr.Dataset:
    """Sum a table to hours; other steps are flagged first: an hour can look sound in which ten minutes are not."""
    return to_hours(rain if is_hourly(rain) else flagged(desk, rain))


def flagged(desk: Desk, rain: xr.Dataset) -> xr.Dataset:
    """Return gauge rain with its quality flags."""
    gauges = desk.district.gauges
    place = np.column_stack([gauges.geometry.x, gauges.geometry.y])
    return flag_gauges(rain, place, monthly_max_mm=desk.settings.quality.monthly_max_mm)


def nothing(desk: Desk, end: datetime) -> xr.Dataset:
    """Return one hour in which every gauge is missing, which is not the same as dry."""
    ids = gauge_ids(desk)
    hour = to_datetime64(end).astype("datetime64[h]").astype("datetime64[ns]")
    return xr.Dataset(
        {
            "rain_mm": (("time", "gauge"), np.full((1, len(ids)), np.nan)),
            "quality": (("time", "gauge"), np.full((1, len(ids)), Quality.MISSING, dtype=np.int8)),
        },
        {"time": [hour], "gauge": np.asarray(ids, dtype=object)},
    )
