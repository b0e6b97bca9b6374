"""Gauge rain held against the forecasts: a network that lost its rain must not pass for dry weather."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from risk_models.forecast.accumulate import hour_sums_mm
from risk_models.forecast.harmonise import rain_at_points
from wuyu.feeds.agreement import all_dry_in_rain, below_every_forecast
from wuyu.rain.forecasts import Chosen
from wuyu.rain.gathered import FeedFilesRead, read_field
from wuyu.rain.gauges import failed

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["without_doubt"]

FloatArray = NDArray[np.float64]
DOUBT_H = 12
"""Hours of gauge rain that are held against the forecasts."""
DOUBT_MM = 4.0
"""Rain of the wettest gauge in the newest hour above which the gauges speak for themselves [mm]."""
MIN_MEMBERS = 5
"""Members whose driest may be called the driest there could be; a single forecast is too often wrong."""


def without_doubt(desk: Desk, window: xr.Dataset, chosen: Chosen, gathered: FeedFilesRead) -> xr.Dataset:
    """Take out gauge rain that all gauges together cannot have right: lost observations are not dry hours."""
    per_hour = round(1.0 / float(window.attrs["step_h"]))
    recent = hour_sums_mm(window["rain_mm"].to_numpy(), per_hour)[-DOUBT_H:]
    # Only a network that reads next to nothing can be doubted; in rain the older forecasts need not be read.
    if chosen.forecast is None or not np.isfinite(recent).any() or _is_raining(recent):
        return window
    end = window["time"].to_numpy()[-len(recent) * per_hour :]
    middle, lowest = _expected(desk, end, per_hour, _witnesses(desk, chosen))
    hours = all_dry_in_rain(recent, middle)
    if hours:
        gathered.say(
            f"最近{hours}小时所有雨量站同时为0，而此前有雨且预报降雨持续：这些0值按缺测处理。",
            f"In the last {hours} h every gauge reads 0 although it rained before and rain is forecast to go on: "
            "these zeros count as missing.",
        )
        return failed(window, hours * per_hour)
    doubt = below_every_forecast(recent, lowest)
    if doubt is None:
        return window
    gathered.say(
        f"雨量站最多只有{doubt[0]:.0f}毫米，而各预报成员最少也有{doubt[1]:.0f}毫米：实况雨量存疑，按缺测处理。",
        f"The wettest gauge has {doubt[0]:.0f} mm where even the driest forecast has {doubt[1]:.0f} mm: "
        "the gauges are in doubt and count as missing.",
    )
    return failed(window, window.sizes["time"])


def _is_raining(recent_mm: FloatArray) -> bool:
    """Return True if any gauge has rain worth the name in the newest hour that is known."""
    newest = recent_mm[np.isfinite(recent_mm).any(axis=1)][-1]
    return bool(np.nanmax(newest) > DOUBT_MM)


def _witnesses(desk: Desk, chosen: Chosen) -> Iterator[xr.Dataset]:
    """Give the forecast of the cycle, then older issues; one that cannot be read bears no witness."""
    if chosen.forecast is not None:
        yield chosen.forecast
    for issue in chosen.older:
        try:
            yield read_field(desk, issue)
        except Exception:  # noqa: S112 - said when it was the one to stand on
            continue


def _expected(
    desk: Desk, end: NDArray[np.datetime64], per_hour: int, forecasts: Iterable[xr.Dataset]
) -> tuple[FloatArray, FloatArray]:
    """Return median and lowest forecast of the district [mm] for past hours, each from the newest issue before it.

    `end` are the ends of their steps, of which `per_hour` make an hour.

    Older issues are not read if the newest that has any of these hours sees no rain in them.
    """
    gauges = desk.district.gauges
    middle, lowest = np.full((2, len(end) // per_hour), np.nan)
    place = gauges["lon"].to_numpy(), gauges["lat"].to_numpy()
    for forecast in forecasts:
        sampled, _ = rain_at_points(forecast, *place, end=end, step_min=60 // per_hour)
        area = np.stack([hour_sums_mm(member, per_hour) for member in sampled.mean(axis=2)])
        here = np.flatnonzero(np.isfinite(area).all(axis=0) & np.isnan(middle))
        if len(here):
            middle[here] = np.median(area[:, here], axis=0)
            if len(area) >= MIN_MEMBERS:
                lowest[here] = area[np.argmin(area[:, here].sum(axis=1))][here]
            if not (np.nan_to_num(middle) > DOUBT_MM).any():
                break
    return middle, lowest
