"""What else knows the rain: a second source for hours without gauges, maps between them, radar for the hours ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from risk_models.forecast.blend import Pattern, step_ends
from risk_models.forecast.harmonise import radar_frames, rain_at_points, to_steps
from risk_models.forecast.nowcast import nowcast_at_points, radar_nowcast
from risk_models.forecast.rainfall import from_datetime64, to_datetime64
from risk_models.forecast.sampling import at_points
from wuyu.feeds.select import SelectedFile, observed_maps
from wuyu.rain.gathered import FeedFilesRead, delay_of, feeds_of_kind, read_field

if TYPE_CHECKING:
    from risk_models.district.settings import FeedSettings
    from wuyu.desk import Desk

__all__ = ["Background", "background_rain", "pattern_rain", "radar_rain"]

FloatArray = NDArray[np.float64]
BACKGROUND_KINDS = ("grib", "imerg", "netcdf_cf")
RADAR_KINDS = ("knmi", "odim", "radolan")
MAX_MAPS = 150
"""Maps of a second source that are read for one cycle: half-hourly ones for the window and the hour before it."""
FRAMES = 3
OLDEST_FRAME = timedelta(minutes=30)
RADAR_LEAD_H = 4
MERGE_H = 6
"""Newest hours in which maps are merged with the gauges: the rain that a warning turns on."""
_HOUR = np.timedelta64(1, "h").astype("timedelta64[ns]")


@dataclass
class Background:
    """Rain of the past steps by other sources than gauges.

    Attributes
    ----------
    rain_mm : ndarray, shape (past step, hotspot)
        [mm], NaN where nobody knows more.
    names : list of str
        Where it comes from.
    files : list of SelectedFile
    """

    rain_mm: FloatArray
    names: list[str] = field(default_factory=list)
    files: list[SelectedFile] = field(default_factory=list)

    def add(self, rain_mm: FloatArray, name: str, files: Sequence[SelectedFile] = ()) -> None:
        """Fill what is still unknown."""
        new = np.isfinite(rain_mm) & ~np.isfinite(self.rain_mm)
        if new.any():
            self.rain_mm = np.where(new, rain_mm, self.rain_mm)
            self.names.append(name)
            self.files += files


def background_rain(
    desk: Desk,
    window: xr.Dataset,
    others: Sequence[xr.Dataset],
    *,
    valid_at: datetime,
    step_min: int,
    known_at: datetime | None,
    gathered: FeedFilesRead,
) -> Background | None:
    """Return rain of the past steps at the hotspots by other sources than gauges; None if no step lacks gauges.

    Observed fields go before forecasts that the cycle does not stand on; of several the first in the settings counts.
    """
    end = step_ends(valid_at, step_min, past_h=desk.settings.warning.past_h)
    gaps = _gaps(window, end)
    if not gaps.any():
        return None
    begin = from_datetime64(end[gaps][0] - _HOUR)
    hotspots = desk.district.hotspots
    place = hotspots["lon"].to_numpy(), hotspots["lat"].to_numpy()
    background = Background(np.full((len(end), len(hotspots)), np.nan))
    for feed in feeds_of_kind(desk, BACKGROUND_KINDS):
        files = observed_maps(
            desk.ledger,
            feed.id,
            raw_dir=desk.raw_dir,
            begin=begin,
            valid_at=valid_at,
            delay=delay_of(feed),
            known_at=known_at,
        )
        rain_mm, read = _observed(desk, files[:MAX_MAPS], place, end, step_min, gathered)
        background.add(rain_mm, f"{feed.id} ({feed.kind})", read)
    for forecast in others:
        rain_mm = rain_at_points(forecast, *place, end=end, step_min=step_min)[0].mean(axis=0)
        background.add(rain_mm, f"{forecast.attrs['file']} ({forecast.attrs['kind']})")
    return background


def pattern_rain(
    desk: Desk, valid_at: datetime, step_min: int, known_at: datetime | None, gathered: FeedFilesRead
) -> tuple[Pattern, list[SelectedFile]] | None:
    """Return the maps of the first feed that asks to be merged, at hotspots and gauges, and the files read; or None."""
    feed = next((feed for feed in feeds_of_kind(desk, BACKGROUND_KINDS + RADAR_KINDS) if feed.merge), None)
    if feed is None:
        return None
    end = step_ends(valid_at, step_min, past_h=desk.settings.warning.past_h)
    files = observed_maps(
        desk.ledger,
        feed.id,
        raw_dir=desk.raw_dir,
        begin=from_datetime64(end[-1] - MERGE_H * _HOUR),
        valid_at=valid_at,
        delay=delay_of(feed),
        known_at=known_at,
    )
    hotspots, gauges = desk.district.hotspots, desk.district.gauges
    lon, lat = (np.concatenate([points[name].to_numpy() for points in (hotspots, gauges)]) for name in ("lon", "lat"))
    rain_mm, read = _observed(desk, files[:MAX_MAPS], (lon, lat), end, step_min, gathered)
    rain_mm[: -MERGE_H * 60 // step_min] = np.nan
    return Pattern(rain_mm[:, : len(hotspots)], rain_mm[:, len(hotspots) :]), read


def _gaps(window: xr.Dataset, end: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Return the steps without any gauge, after the first with one."""
    known = np.isfinite(window["rain_mm"].to_numpy()).any(axis=1)
    has_gauge = np.isin(end, window["time"].to_numpy()[known])
    return ~has_gauge & (np.cumsum(has_gauge) > 0)


def _observed(
    desk: Desk,
    files: Sequence[SelectedFile],
    place: tuple[FloatArray, FloatArray],
    end: NDArray[np.datetime64],
    step_min: int,
    gathered: FeedFilesRead,
) -> tuple[FloatArray, list[SelectedFile]]:
    """Return the rain of the maps of one feed at the hotspots (step, hotspot), and the files read."""
    maps: dict[np.datetime64, xr.Dataset] = {}
    read: list[SelectedFile] = []
    for file in files:
        rain = gathered.attempt(file, lambda file: at_points(read_field(desk, [file]), *place))
        if rain is not None:
            read.append(file)
            for number, when in enumerate(rain["time"].to_numpy()):
                maps.setdefault(when, rain.isel(time=[number]))
    result = np.full((len(end), len(place[0])), np.nan)
    if maps:
        whole = xr.concat([maps[when] for when in sorted(maps)], dim="time", combine_attrs="override")
        steps = to_steps(whole, step_min)
        _, here, there = np.intersect1d(end, steps["time"].to_numpy(), return_indices=True)
        result[here] = steps["rain_mm"].to_numpy().mean(axis=0)[there]
    return result, read


def radar_rain(
    desk: Desk, valid_at: datetime, step_min: int, known_at: datetime | None, gathered: FeedFilesRead
) -> FloatArray | None:
    """Return the rain of the next hours at the hotspots from the motion of the radar echoes.

    Returns
    -------
    ndarray, shape (step, hotspot), or None
        Steps of RADAR_LEAD_H hours.
        None without three frames that follow on each other, the last not older than half an hour, with rain in them,
        or without pysteps; the persistence of gauge rain then stands in.
    """
    for feed in feeds_of_kind(desk, RADAR_KINDS):
        frames = _frames(desk, feed, valid_at, known_at, gathered)
        if frames is None:
            continue
        end = step_ends(valid_at, step_min, past_h=0, lead_h=RADAR_LEAD_H)
        times = frames["time"].to_numpy()
        step = times[-1] - times[-2]
        ahead = radar_nowcast(frames, lead_steps=int(np.ceil((end[-1] - times[-1]) / step)))
        if ahead.attrs["method"] != "extrapolation":
            gathered.say(
                f"雷达{feed.id}无法外推（无回波或未安装pysteps），临近时段按实况雨强延续。",
                f"Radar {feed.id}: no motion seen (no echo, or no pysteps); the rain now falling goes on instead.",
            )
            continue
        hotspots = desk.district.hotspots
        return nowcast_at_points(ahead, hotspots["lon"].to_numpy(), hotspots["lat"].to_numpy(), end=end)
    return None


def _frames(
    desk: Desk, feed: FeedSettings, valid_at: datetime, known_at: datetime | None, gathered: FeedFilesRead
) -> xr.Dataset | None:
    """Return the newest frames of a radar feed; None, with a note, if they are too few or too old."""
    files = observed_maps(
        desk.ledger,
        feed.id,
        raw_dir=desk.raw_dir,
        begin=valid_at - timedelta(hours=1),
        valid_at=valid_at,
        delay=delay_of(feed),
        known_at=known_at,
    )
    now = to_datetime64(valid_at)
    maps: list[xr.Dataset] = []
    used: list[SelectedFile] = []
    for file in files:
        if len({when for one in maps for when in one["time"].to_numpy()}) >= FRAMES:
            break
        rain = gathered.attempt(file, lambda file: read_field(desk, [file]))
        if rain is not None:
            rain = rain.sel(time=rain["time"] <= now)
            maps += [rain] if rain.sizes["time"] else []
            used.append(file)
    frames = radar_frames(maps, count=FRAMES)
    if frames is None or frames["time"].to_numpy()[-1] < now - np.timedelta64(OLDEST_FRAME):
        gathered.say(
            f"雷达{feed.id}没有最近{FRAMES}帧连续资料，临近时段按实况雨强延续。",
            f"Radar {feed.id} has no {FRAMES} recent frames in a row; the rain now falling goes on instead.",
        )
        return None
    gathered.used += used
    return frames
