"""Rain of a cycle put together.

Nothing that a feed does stops a cycle: what cannot be read is passed over for what came before it, and said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import xarray as xr

from risk_models.forecast.blend import blend_rainfall
from risk_models.forecast.quality.flag import QualitySummary, quality_summary
from risk_models.forecast.rainfall import with_sources
from wuyu.feeds.select import SelectedFile
from wuyu.feeds.status import FeedLine, feed_lines, status
from wuyu.rain.gathered import FeedFilesRead
from wuyu.rain.gauges import HOUR_MIN, flagged, nothing
from wuyu.rain.known import gauge_rain
from wuyu.rain.second import background_rain, pattern_rain, radar_rain

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["CycleRain", "cycle_rain"]


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
        Feed id to the sha256 of the file used; further files of the same feed as ``<id>#2`` and so on.
    lines : tuple of FeedLine
        One sentence per feed, and one for everything that was passed over, for the products.
    """

    rainfall: xr.Dataset
    quality: QualitySummary | None
    inputs: dict[str, str]
    lines: tuple[FeedLine, ...] = ()


def cycle_rain(desk: Desk, valid_at: datetime, *, known_at: datetime | None = None) -> CycleRain:
    """Return the rain of the cycle at `valid_at`, from the files that were there then.

    Parameters
    ----------
    desk : Desk
    valid_at : datetime
        Timezone-aware.
    known_at : datetime, optional
        When the cycle is decided, or was: what arrived by then counts, what came later does not. Without it an archive
        that came years later is read as if each value had come on time.

    Returns
    -------
    CycleRain
    """
    settings = desk.settings
    gathered = FeedFilesRead()
    begin = valid_at - timedelta(hours=settings.warning.past_h)
    gauges = gauge_rain(desk, begin=begin, end=valid_at, known_at=known_at, step_min=None, gathered=gathered)
    has_table, chosen = bool(gauges.rain.sizes["time"]), gauges.chosen
    step_min = round(HOUR_MIN * float(gauges.rain.attrs["step_h"]))
    window = gauges.rain if has_table else flagged(desk, nothing(desk, valid_at, step_min=step_min))
    background = background_rain(
        desk, window, chosen.others, valid_at=valid_at, step_min=step_min, known_at=known_at, gathered=gathered
    )
    pattern = pattern_rain(desk, valid_at, step_min, known_at, gathered)
    rainfall = blend_rainfall(
        window,
        chosen.forecast,
        hotspots=desk.district.hotspots,
        gauges=desk.district.gauges,
        valid_at=valid_at,
        past_h=settings.warning.past_h,
        lead_h=settings.warning.horizon_h,
        step_min=step_min,
        nowcast_mm=radar_rain(desk, valid_at, step_min, known_at, gathered),
        background_mm=None if background is None else background.rain_mm,
        pattern=None if pattern is None else pattern[0],
    )
    if pattern is not None:
        merged_h = rainfall.attrs["merged_h"]
        gathered.used += pattern[1] if merged_h else []
        gathered.say(
            f"最近{merged_h}小时的雨量站资料与雨量分布图融合。",
            f"Gauges are merged with maps of rain in {merged_h} h.",
        )
    if background is not None and "background" in rainfall.attrs["gap_source"]:
        gathered.used += background.files
        names = ", ".join(background.names)
        gathered.say(
            f"没有雨量站资料的时段，先由{names}补充。", f"Hours without any gauge are filled from {names} first."
        )
    sources = [
        {"id": file.feed_id, "file": file.name, "sha256": file.sha256, "last_value_at": _last_value(file, valid_at)}
        for file in gathered.used
    ]
    mine = {feed.id for feed in settings.feeds}
    standing = [one for one in status(desk.ledger, known_at or valid_at) if one.feed_id in mine]
    return CycleRain(
        rainfall=with_sources(rainfall, sources),
        quality=quality_summary(window) if has_table else None,
        inputs=_inputs(gathered.used),
        lines=(*feed_lines(standing), *gathered.notes),
    )


def _inputs(files: Sequence[SelectedFile]) -> dict[str, str]:
    """Return the digests of the files by feed, numbered from the second on."""
    inputs: dict[str, str] = {}
    count: dict[str, int] = {}
    for file in files:
        count[file.feed_id] = count.get(file.feed_id, 0) + 1
        number = count[file.feed_id]
        inputs[file.feed_id if number == 1 else f"{file.feed_id}#{number}"] = file.sha256
    return inputs


def _last_value(file: SelectedFile, valid_at: datetime) -> str:
    """Newest value of a file that was known at `valid_at`."""
    return "" if file.last_value_at is None else min(file.last_value_at, valid_at).isoformat()
