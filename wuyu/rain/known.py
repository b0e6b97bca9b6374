"""The gauge rain known at a time: one answer for cycle, bulletin, map, story, report and verbs.

Every accepted file of every gauge feed counts, however the rain was cut into files and in whatever order they came. Of
one gauge and step the value in the file that arrived last stands; a cell that is missing or cannot be read takes
nothing away from a file before it. What is written here is stated for users in ``docs/time.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from risk_models.errors import BadInputError
from risk_models.forecast.harmonise import common_step_min
from risk_models.forecast.rainfall import Quality, to_datetime64
from risk_models.kept import Arrays, kept
from wuyu.feeds.select import SelectedFile, tables_of_span
from wuyu.progress import silent
from wuyu.rain.doubt import without_doubt
from wuyu.rain.forecasts import Chosen, chosen_forecast
from wuyu.rain.gathered import FeedFilesRead, delay_of, feeds_of_kind, reader_options
from wuyu.rain.gauges import (
    HOUR_MIN,
    GaugeTable,
    doubted_by_hours,
    filled_from,
    flagged,
    gauge_ids,
    nothing,
    read_table,
    whole_steps,
)

if TYPE_CHECKING:
    from risk_models.district.settings import FeedSettings
    from wuyu.desk import Desk

__all__ = ["CONTEXT", "GaugeRain", "gauge_rain"]

CONTEXT = timedelta(hours=24)
"""What the quality tests see before the span that is asked for: runs, events and rates reach back half a day. A fixed
stretch, so that the flags of an hour do not depend on how long the tables happen to be."""
_VALUE = 2


@dataclass(frozen=True)
class GaugeRain:
    """Gauge rain of a span and where it is from.

    Attributes
    ----------
    rain : xarray.Dataset
        ``rain_mm(time, gauge)`` [mm], NaN where unknown, and ``quality``: the steps that end in (begin, end], flagged,
        from the first that any table has to the last; none if no table has one. Attribute ``step_h``.
    files : tuple of SelectedFile
        That it stands on, by feed, the last that arrived first.
    lost : tuple of SelectedFile
        That the ledger knows and that could not be read.
    chosen : Chosen
        The forecast that it was held against.
    """

    rain: xr.Dataset
    files: tuple[SelectedFile, ...]
    lost: tuple[SelectedFile, ...]
    chosen: Chosen


def gauge_rain(
    desk: Desk,
    *,
    begin: datetime,
    end: datetime,
    known_at: datetime | None,
    step_min: int | None = HOUR_MIN,
    gathered: FeedFilesRead | None = None,
) -> GaugeRain:
    """Return the gauge rain of a span as it was known, flagged, and without zeros that the forecasts disprove.

    Parameters
    ----------
    desk : Desk
    begin, end : datetime
        Steps that end in (begin, end].
    known_at : datetime or None
        What arrived by then counts, what came later does not; None for a replay from an archive, in which a file counts
        as if it had come with its values (and the delay of its feed).
    step_min : int or None
        Length of the steps [min], a divisor of 60; None: as the feeds report, see `common_step_min`.
    gathered : FeedFilesRead, optional
        Told of files used, of those that cannot be read any more and of rain in doubt.

    Returns
    -------
    GaugeRain
    """
    gathered = FeedFilesRead() if gathered is None else gathered
    asked, feeds = _Asked(begin - CONTEXT, end, known_at), []
    used, lost = len(gathered.used), len(gathered.lost)
    for feed in feeds_of_kind(desk, ("gauge_table",)):
        steps = _steps(desk, feed, asked, gathered)
        if steps is not None:
            feeds.append(steps)
    files, gone = tuple(gathered.used[used:]), tuple(gathered.lost[lost:])
    chosen = chosen_forecast(desk, end, known_at, gathered)
    if step_min is None:
        step_min = common_step_min((float(steps.attrs["step_h"]) for steps in feeds), valid_at=end)
    steps = _one(desk, feeds, step_min) if feeds else nothing(desk, begin, step_min=step_min)
    rain = steps.sel(time=(steps["time"] > to_datetime64(begin)) & (steps["time"] <= to_datetime64(end)))
    return GaugeRain(without_doubt(desk, rain, chosen, gathered), files, gone, chosen)


def _one(desk: Desk, feeds: list[xr.Dataset], step_min: int) -> xr.Dataset:
    """Return the rain of all feeds in steps of one length, flagged."""
    rain = reduce(filled_from, [whole_steps(desk, feed, step_min) for feed in feeds])
    return flagged(desk, rain) if step_min == HOUR_MIN else doubted_by_hours(desk, rain)


@dataclass(frozen=True)
class _Asked:
    """Steps that end in (begin, end], known at a moment."""

    begin: datetime
    end: datetime
    known_at: datetime | None


def _steps(desk: Desk, feed: FeedSettings, asked: _Asked, gathered: FeedFilesRead) -> xr.Dataset | None:
    """Return the steps of one feed, from the first that is known to the last; None if none is."""
    known = _Known(asked, round(3600 * feed.table_step_h), gauge_ids(desk))
    for file, until in _needed(desk, feed, known, asked):
        table = gathered.attempt(file, lambda file: read_table(desk, file, feed))
        if table is not None and known.take(table, until):
            gathered.used.append(file)
    return known.dataset()


def _needed(desk: Desk, feed: FeedSettings, known: _Known, asked: _Asked) -> Iterator[tuple[SelectedFile, datetime]]:
    """Give the files that know more than those that arrived after them, and until when each counts."""
    for file in tables_of_span(
        desk.ledger, feed.id, raw_dir=desk.raw_dir, begin=asked.begin, end=asked.end, known_at=asked.known_at
    ):
        until = file.known_until(asked.end, delay_of(feed), known_at=asked.known_at)
        place = known.place(file, until)
        if known.is_full(place):
            continue
        if known.is_new(place) or known.gains(_ranks_of(desk, file, feed), until):
            yield file, until


class _Known:
    """What is known of the steps asked for, as the tables are laid under each other, the last that arrived on top."""

    def __init__(self, asked: _Asked, step_s: int, gauges: list[str]) -> None:
        self.step_s, self.gauges = step_s, gauges
        self.first = self._number(asked.begin) + 1
        shape = max(self._number(asked.end) + 1 - self.first, 0), len(gauges)
        self.rain_mm, self.raw_mm = np.full((2, *shape), np.nan)
        self.quality = np.full(shape, int(Quality.MISSING), dtype=np.int8)
        self.ranks = np.zeros(shape, dtype=np.uint8)

    def _number(self, at: datetime) -> int:
        return int(at.timestamp() // self.step_s)

    def place(self, file: SelectedFile, until: datetime) -> slice:
        """Return the steps of which a file has values, as far as they are asked for and count."""
        if file.first_value_at is None or file.last_value_at is None:
            return slice(0, 0)
        first, last = self._number(file.first_value_at), self._number(min(file.last_value_at, until))
        return slice(max(first - self.first, 0), max(last + 1 - self.first, 0))

    def is_full(self, place: slice) -> bool:
        """Return True if every gauge is known in all of these steps."""
        return bool((self.ranks[place] == _VALUE).all())

    def is_new(self, place: slice) -> bool:
        """Return True if no gauge is known in one of these steps."""
        return not bool((self.ranks[place] == _VALUE).any(axis=1).all())

    def gains(self, ranks: _Ranks | None, until: datetime) -> bool:
        """Return True if a table of these ranks adds anything; one that cannot be read might."""
        if ranks is None:
            return True
        mine, theirs = self._overlap(ranks.first, len(ranks.ranks), until)
        return bool((ranks.ranks[theirs] > self.ranks[mine]).any())

    def take(self, table: GaugeTable, until: datetime) -> bool:
        """Take over what is not known yet; returns whether that is anything."""
        mine, theirs = self._overlap(table.first, len(table.quality), until)
        ranks = _ranks(table.quality[theirs])
        new = ranks > self.ranks[mine]
        for name in ("rain_mm", "raw_mm", "quality"):
            values = getattr(self, name)
            values[mine] = np.where(new, getattr(table, name)[theirs], values[mine])
        self.ranks[mine] = np.where(new, ranks, self.ranks[mine])
        return bool(new.any())

    def _overlap(self, first: int, count: int, until: datetime) -> tuple[slice, slice]:
        """Return the steps of a table that are asked for and count, by the numbers of both."""
        begin, end = max(first, self.first), min(first + count, self._number(until) + 1, self.first + len(self.ranks))
        end = max(begin, end)
        return slice(begin - self.first, end - self.first), slice(begin - first, end - first)

    def dataset(self) -> xr.Dataset | None:
        """Return the steps from the first that is known to the last; None if none is."""
        rows = np.flatnonzero((self.ranks > 0).any(axis=1))
        if not len(rows):
            return None
        part, step_h = slice(rows[0], rows[-1] + 1), self.step_s / 3600
        end = ((self.first + np.arange(part.start, part.stop)) * self.step_s).astype("datetime64[s]")
        arrays = {name: (("time", "gauge"), getattr(self, name)[part]) for name in ("rain_mm", "raw_mm", "quality")}
        coords = {"time": end.astype("datetime64[ns]"), "gauge": np.asarray(self.gauges, dtype=object)}
        steps = xr.Dataset(arrays, coords, attrs={"kind": "gauge_table", "label": "end", "step_h": step_h})
        return steps.assign_coords(interval_h=("time", np.full(len(end), step_h), {"units": "h"}))


@dataclass(frozen=True)
class _Ranks:
    """What a table knows, from the number of its first step on: 0 nothing, 1 what cannot be read, 2 a value."""

    first: int
    ranks: NDArray[np.uint8]


def _ranks(quality: NDArray[np.int8]) -> NDArray[np.uint8]:
    return np.where(quality == Quality.MISSING, 0, np.where(quality == Quality.FAIL, 1, _VALUE)).astype(np.uint8)


def _ranks_of(desk: Desk, file: SelectedFile, feed: FeedSettings) -> _Ranks | None:
    """Return what a table knows without reading it twice; None if it cannot be read any more.

    Tables that are sent whole again and again would otherwise all be read at every look as long as one gauge is silent.
    """
    stands_on = (1, file.sha256, gauge_ids(desk), desk.settings.district.timezone)
    options = json.dumps(reader_options(desk, feed), sort_keys=True)

    def derive() -> Arrays:
        table = read_table(desk, file, feed)
        return {"first": np.array(table.first), "ranks": _ranks(table.quality)}

    try:
        arrays = kept("gauges", (*stands_on, options), derive, directory=desk.out / "cache" / "gauges", tell=silent)
    except (OSError, BadInputError):
        return None
    return _Ranks(int(arrays["first"]), arrays["ranks"].astype(np.uint8))
