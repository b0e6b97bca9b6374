"""Gauge rain of a cycle: the tables of every gauge feed made one, in steps of one length, and flagged."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache, reduce
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from risk_models.forecast.blend import step_ends
from risk_models.forecast.harmonise import common_step_min, in_steps, to_steps
from risk_models.forecast.quality.flag import flag_gauges
from risk_models.forecast.rainfall import Quality, to_datetime64
from risk_models.forecast.readers.gauge_table import read_gauge_table
from wuyu.feeds.select import SelectedFile, gauge_tables
from wuyu.rain.gathered import FeedFilesRead, FileState, delay_of, feeds_of_kind, reader_options, state_of

if TYPE_CHECKING:
    from risk_models.district.settings import FeedSettings
    from wuyu.desk import Desk

__all__ = [
    "failed",
    "filled_from",
    "flagged",
    "gauge_ids",
    "gauge_rain",
    "nothing",
    "observed_rain",
    "read_table",
    "whole_steps",
]

HOUR_MIN = 60
_HOUR = np.timedelta64(1, "h").astype("timedelta64[ns]")


def gauge_ids(desk: Desk) -> list[str]:
    """Return the ids of the district's gauges."""
    return [str(gauge) for gauge in desk.district.gauges.index]


def gauge_rain(desk: Desk, file: SelectedFile | None, *, valid_at: datetime | None = None) -> xr.Dataset:
    """Read and flag a gauge table, cut at `valid_at`: what lies after it was not known then.

    Without a file every gauge is missing for the hour of `valid_at`, which is not the same as dry.
    """
    if file is None:
        if valid_at is None:
            raise ValueError("without a gauge file, valid_at must be given")
        return flagged(desk, nothing(desk, valid_at))
    feed = next((feed for feed in desk.settings.feeds if feed.id == file.feed_id), None)
    rain = read_table(desk, file, feed)
    if valid_at is not None:
        rain = rain.sel(time=rain["time"] <= to_datetime64(valid_at))
    return flagged(desk, whole_steps(desk, rain) if rain.sizes["time"] else rain)


def observed_rain(desk: Desk, valid_at: datetime, known_at: datetime | None, gathered: FeedFilesRead) -> xr.Dataset:
    """Return flagged gauge rain from every gauge feed; where two tables know a value, the first feed, newest file.

    Steps are hours, or as short as those of the feed that reports most often (attribute ``step_h``).
    """
    feeds = []
    for feed in feeds_of_kind(desk, ("gauge_table",)):
        tables = _tables(desk, feed, valid_at, known_at, gathered)
        if tables:
            feeds.append(reduce(filled_from, tables))
    step_min = common_step_min((_step_h(feed) for feed in feeds), valid_at=valid_at)
    if not feeds:
        return flagged(desk, nothing(desk, valid_at, step_min=step_min))
    rain = reduce(filled_from, [whole_steps(desk, feed, step_min) for feed in feeds])
    return flagged(desk, rain) if step_min == HOUR_MIN else _doubted_by_hours(desk, rain)


def _step_h(table: xr.Dataset) -> float:
    """Return the length of the steps of a table of one feed [h]."""
    return float(table["interval_h"].to_numpy()[0]) if "interval_h" in table.coords else float(table.attrs["step_h"])


def _doubted_by_hours(desk: Desk, rain: xr.Dataset) -> xr.Dataset:
    """Return steps, flagged in their own length, with what their hours show besides: the worse flag of both counts.

    Ten minutes can look sound in an hour that cannot be, e.g. beside the hours of the neighbours.
    """
    hours = flagged(desk, to_steps(rain))
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


def _tables(
    desk: Desk, feed: FeedSettings, valid_at: datetime, known_at: datetime | None, gathered: FeedFilesRead
) -> list[xr.Dataset]:
    """Read the tables of one feed, each cut where it was known at `valid_at`."""
    files = gauge_tables(
        desk.ledger,
        feed.id,
        raw_dir=desk.raw_dir,
        valid_at=valid_at,
        past_h=desk.settings.warning.past_h,
        step_h=feed.table_step_h,
        known_at=known_at,
    )
    tables = []
    for file in files:
        until = file.known_until(valid_at, delay_of(feed), known_at=known_at)
        table = gathered.read(file, lambda file: read_table(desk, file, feed))
        if table is not None:
            tables.append(table.sel(time=table["time"] <= to_datetime64(until)))
    return [table for table in tables if table.sizes["time"]]


def read_table(desk: Desk, file: SelectedFile, feed: FeedSettings | None) -> xr.Dataset:
    """Read one gauge table as the settings of its feed say."""
    options = {} if feed is None else reader_options(desk, feed)
    timezone = desk.settings.district.timezone
    return _decoded(state_of(file), tuple(gauge_ids(desk)), timezone, json.dumps(options, sort_keys=True)).copy()


@lru_cache(maxsize=96)
def _decoded(state: FileState, gauges: tuple[str, ...], timezone: str, options: str) -> xr.Dataset:
    """Read a table once for all the hours that look at it, three days of them in files of an hour and some more."""
    return read_gauge_table(state[0], gauge_ids=list(gauges), timezone=timezone, **json.loads(options))[0]


def filled_from(first: xr.Dataset, second: xr.Dataset) -> xr.Dataset:
    """Return the steps of both tables; a value that the first does not have is the second's."""
    step = np.timedelta64(round(3600 * float(first.attrs.get("step_h", 1.0))), "s").astype("timedelta64[ns]")
    begin = min(first["time"].to_numpy()[0], second["time"].to_numpy()[0])
    end = max(first["time"].to_numpy()[-1], second["time"].to_numpy()[-1])
    steps = np.arange(begin, end + step, step)
    fill = {"rain_mm": np.nan, "raw_mm": np.nan, "quality": int(Quality.MISSING)}
    left, right = (
        table[list(fill)].drop_vars(("interval_h", "spread_h"), errors="ignore").reindex(time=steps, fill_value=fill)
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
    return flag_gauges(rain, place, monthly_max_mm=desk.settings.quality.monthly_max_mm)


def nothing(desk: Desk, valid_at: datetime, *, step_min: int = HOUR_MIN) -> xr.Dataset:
    """Return one step, an hour by default, in which every gauge is missing."""
    ids = gauge_ids(desk)
    end = step_ends(valid_at, step_min, past_h=1)[-1]
    return xr.Dataset(
        {
            "rain_mm": (("time", "gauge"), np.full((1, len(ids)), np.nan)),
            "quality": (("time", "gauge"), np.full((1, len(ids)), Quality.MISSING, dtype=np.int8)),
        },
        {"time": [end], "gauge": np.asarray(ids, dtype=object)},
        {"step_h": step_min / HOUR_MIN},
    )
