"""Rain of a cycle: files chosen as they were known, read, flagged, and brought to every hotspot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from risk_models.errors import ConfigError
from risk_models.forecast.blend import blend_rainfall
from risk_models.forecast.quality import QualitySummary, flag_gauges, quality_summary
from risk_models.forecast.rainfall import Quality, to_datetime64, with_sources
from risk_models.forecast.readers.ensemble_netcdf import read_ensemble
from risk_models.forecast.readers.gauge_table import read_gauge_table
from wuyu.feeds.checks import file_check
from wuyu.feeds.folder import PullResult, pull
from wuyu.feeds.select import SelectedFile, gauge_table, newest_ensemble

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["CycleRain", "cycle_rain", "gauge_rain", "pull_feed", "pull_feeds"]


@dataclass(frozen=True)
class CycleRain:
    """Rain of one cycle.

    Attributes
    ----------
    rainfall : Dataset
        See `risk_models.forecast.rainfall`.
    quality : QualitySummary or None
        Of the gauge values in the window; None without a gauge file.
    inputs : dict of str to str
        Feed id to the sha256 of the file used.
    """

    rainfall: xr.Dataset
    quality: QualitySummary | None
    inputs: dict[str, str]


def pull_feeds(desk: Desk, *, now: datetime) -> list[PullResult]:
    """Take over what is new in every feed; one broken feed never stops another.

    Parameters
    ----------
    desk : Desk
    now : datetime
        Time of arrival.
    """
    return [pull_feed(desk, feed.id, now=now) for feed in desk.district.settings.feeds]


def pull_feed(desk: Desk, feed_id: str, *, now: datetime) -> PullResult:
    """Take over what is new in one feed.

    Raises
    ------
    ConfigError
        If the district has no such feed.
    """
    settings = desk.district.settings
    feed = next((feed for feed in settings.feeds if feed.id == feed_id), None)
    if feed is None:
        known = ", ".join(feed.id for feed in settings.feeds)
        raise ConfigError(f"the district has no feed '{feed_id}'; it has: {known}")
    check = file_check(feed.kind, timezone=settings.district.timezone)
    return pull(feed, desk.district.root, now=now, raw_dir=desk.raw_dir, ledger=desk.ledger, check=check)


def gauge_rain(desk: Desk, file: SelectedFile | None, *, valid_at: datetime | None = None) -> xr.Dataset:
    """Read and flag a gauge table, cut at `valid_at`: what lies after it was not known then.

    Without a file every gauge is missing for the hour of `valid_at`, which is not the same as dry.
    """
    gauges = desk.district.gauges
    ids = [str(gauge) for gauge in gauges.index]
    if file is None:
        if valid_at is None:
            raise ValueError("without a gauge file, valid_at must be given")
        end = to_datetime64(valid_at).astype("datetime64[h]").astype("datetime64[ns]")
        rain = xr.Dataset(
            {
                "rain_mm": (("time", "gauge"), np.full((1, len(ids)), np.nan)),
                "quality": (("time", "gauge"), np.full((1, len(ids)), Quality.MISSING, dtype=np.int8)),
            },
            {"time": [end], "gauge": np.asarray(ids, dtype=object)},
        )
    else:
        rain, _ = read_gauge_table(file.path, gauge_ids=ids, timezone=desk.district.settings.district.timezone)
    if valid_at is not None:
        rain = rain.sel(time=rain["time"] <= to_datetime64(valid_at))
    return flag_gauges(rain, np.column_stack([gauges.geometry.x, gauges.geometry.y]))


def cycle_rain(desk: Desk, valid_at: datetime) -> CycleRain:
    """Return the rain of the cycle at `valid_at`, from the files that were there then.

    Parameters
    ----------
    desk : Desk
    valid_at : datetime
        Timezone-aware.

    Returns
    -------
    CycleRain
    """
    settings = desk.district.settings
    chosen: dict[str, SelectedFile] = {}
    for feed in settings.feeds:
        choose = gauge_table if feed.kind == "gauge_table" else newest_ensemble
        file = choose(desk.ledger, feed.id, raw_dir=desk.raw_dir, valid_at=valid_at)
        if file is not None:
            chosen.setdefault(feed.kind, file)
    ensemble = chosen.get("ensemble_netcdf")
    observed = gauge_rain(desk, chosen.get("gauge_table"), valid_at=valid_at)
    window = observed.sel(
        time=observed["time"] > to_datetime64(valid_at) - np.timedelta64(settings.warning.past_h, "h")
    )
    rainfall = blend_rainfall(
        window,
        None if ensemble is None else read_ensemble(ensemble.path)[0],
        hotspots=desk.district.hotspots,
        gauges=desk.district.gauges,
        valid_at=valid_at,
        past_h=settings.warning.past_h,
        lead_h=settings.warning.horizon_h,
    )
    sources = [
        {"id": file.feed_id, "file": file.name, "sha256": file.sha256, "last_value_at": _last_value(file, valid_at)}
        for file in chosen.values()
    ]
    return CycleRain(
        rainfall=with_sources(rainfall, sources),
        quality=quality_summary(window) if "gauge_table" in chosen else None,
        inputs={file.feed_id: file.sha256 for file in chosen.values()},
    )


def _last_value(file: SelectedFile, valid_at: datetime) -> str:
    """Newest value of a file that was known at `valid_at`."""
    return "" if file.last_value_at is None else min(file.last_value_at, valid_at).isoformat()
