"""Gauge rain of a span of days: every table that has a part of it, put together in hours and flagged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from risk_models.errors import BadInputError
from risk_models.forecast.rainfall import Quality, to_datetime64
from wuyu.feeds.select import SelectedFile, gauge_tables_of_span
from wuyu.rain.gathered import feeds_of_kind
from wuyu.rain.gauges import filled_from, flagged, nothing, read_table, whole_steps

if TYPE_CHECKING:
    from risk_models.district.settings import FeedSettings
    from wuyu.desk import Desk

__all__ = ["SpanRain", "span_rain"]

_FILLS = {"rain_mm": np.nan, "raw_mm": np.nan, "quality": int(Quality.MISSING)}


@dataclass(frozen=True)
class SpanRain:
    """Rain of a span and where it is from.

    Attributes
    ----------
    rain : xarray.Dataset
        ``rain_mm(time, gauge)`` and ``quality``, hours that end in (begin, end]; what no table holds is absent or NaN.
    files : dict of str to str
        Name of each table used, with its feed, to the sha256 of its bytes.
    lost : tuple of str
        Tables that the ledger knows but that could not be read.
    """

    rain: xr.Dataset
    files: dict[str, str]
    lost: tuple[str, ...]


def span_rain(desk: Desk, *, begin: datetime, end: datetime, known_at: datetime | None) -> SpanRain:
    """Return the gauge rain of a span from every gauge feed; of two tables with a value the newer counts.

    Parameters
    ----------
    desk : Desk
    begin, end : datetime
        Hours that end in (begin, end].
    known_at : datetime or None
        Leave out what arrived later; None for a replay from an archive.

    Returns
    -------
    SpanRain
    """
    feeds, files, lost = [], {}, []
    for feed in feeds_of_kind(desk, ("gauge_table",)):
        step_h = feed.table_step_h
        chosen = gauge_tables_of_span(
            desk.ledger,
            feed.id,
            raw_dir=desk.raw_dir,
            begin=begin,
            end=end,
            step_h=step_h,
            known_at=known_at,
        )
        tables = []
        for file in chosen:
            table = _table(desk, file, feed, begin, end)
            if table is None:
                lost.append(f"{feed.id}/{file.name}")
            elif table.sizes["time"]:
                tables.append(table)
                files[f"{feed.id}/{file.name}"] = file.sha256
        if tables:
            feeds.append(whole_steps(desk, _stitched(tables)))
    rain = reduce(filled_from, feeds) if feeds else nothing(desk, begin)
    inside = (rain["time"] > to_datetime64(begin)) & (rain["time"] <= to_datetime64(end))
    cut = rain.sel(time=inside)
    return SpanRain(flagged(desk, cut) if cut.sizes["time"] else cut, files, tuple(lost))


def _table(desk: Desk, file: SelectedFile, feed: FeedSettings, begin: datetime, end: datetime) -> xr.Dataset | None:
    """Return the part of a table within the span; None if it cannot be read any more."""
    try:
        table = read_table(desk, file, feed)
    except (OSError, BadInputError):
        return None
    return table.sel(time=(table["time"] > to_datetime64(begin)) & (table["time"] <= to_datetime64(end)))


def _stitched(tables: list[xr.Dataset]) -> xr.Dataset:
    """Put tables of one feed together on one axis; a step that an earlier table of the list knows is kept.

    One pass over arrays: a month in tables of an hour each are 744 of them.
    """
    newest = tables[0]
    if len(tables) == 1:
        return newest
    axis = np.unique(np.concatenate([table["time"].to_numpy() for table in tables]))
    gauges = newest["gauge"].to_numpy()
    arrays = {name: np.full((len(axis), len(gauges)), fill) for name, fill in _FILLS.items()}
    for table in tables:
        aligned = table.reindex(gauge=gauges, fill_value=_FILLS)
        rows = np.searchsorted(axis, table["time"].to_numpy())
        is_new = arrays["quality"][rows] == int(Quality.MISSING)
        for name, values in arrays.items():
            values[rows] = np.where(is_new, aligned[name].to_numpy(), values[rows])
    arrays["quality"] = arrays["quality"].astype(np.int8)
    variables = {name: (("time", "gauge"), values) for name, values in arrays.items()}
    step = np.timedelta64(round(3600 * float(newest.attrs.get("step_h", 1.0))), "s")
    joined = xr.Dataset(variables, {"time": axis, "gauge": gauges}, attrs=newest.attrs)
    return joined.assign_coords(interval_h=("time", np.full(len(axis), step / np.timedelta64(1, "h"))))
