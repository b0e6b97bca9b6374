"""Rain of a cycle: files chosen as they were known, read, flagged, and brought to every hotspot.

Nothing that a feed does stops a cycle: what cannot be read is passed over for what came before it, and said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from risk_models.errors import ConfigError
from risk_models.forecast.blend import blend_rainfall, sample_bilinear
from risk_models.forecast.quality import QualitySummary, flag_gauges, quality_summary
from risk_models.forecast.rainfall import Quality, to_datetime64, with_sources
from risk_models.forecast.readers.ensemble_netcdf import read_ensemble
from risk_models.forecast.readers.gauge_table import read_gauge_table
from wuyu.feeds.agreement import all_dry_in_rain, below_every_forecast
from wuyu.feeds.checks import comparison, file_check
from wuyu.feeds.intake import PullResult, pull
from wuyu.feeds.select import SelectedFile, ensembles, gauge_tables
from wuyu.feeds.status import FeedLine, feed_lines, status

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["CycleRain", "cycle_rain", "gauge_rain", "pull_feed", "pull_feeds"]

FloatArray = NDArray[np.float64]
DOUBT_H = 12
"""Hours of gauge rain that are held against the forecasts."""
DOUBT_MM = 4.0
"""Rain of the wettest gauge in the newest hour above which the gauges speak for themselves [mm]."""
_HOUR = np.timedelta64(1, "h").astype("timedelta64[ns]")


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


@dataclass
class _Gathered:
    """What was read for a cycle, and what had to be passed over."""

    used: list[SelectedFile] = field(default_factory=list)
    notes: list[FeedLine] = field(default_factory=list)

    def read(self, file: SelectedFile, reader: Callable[[SelectedFile], xr.Dataset]) -> xr.Dataset | None:
        """Read a file again; None, with a note, if it cannot be read any more."""
        try:
            dataset = reader(file)
        except Exception as error:  # a lost or damaged file must not stop a cycle
            self.notes.append(
                FeedLine(
                    f"数据源{file.feed_id}：已接收的文件{file.name}无法读取，已跳过。",
                    f"Feed {file.feed_id}: {file.name} cannot be read any more ({type(error).__name__}); passed over.",
                )
            )
            return None
        self.used.append(file)
        return dataset


def pull_feeds(desk: Desk, *, now: datetime) -> list[PullResult]:
    """Take over what is new in every feed; one broken feed never stops another.

    Parameters
    ----------
    desk : Desk
    now : datetime
        Time of arrival.
    """
    results = []
    for feed in desk.district.settings.feeds:
        try:
            results.append(pull_feed(desk, feed.id, now=now))
        except ConfigError as error:
            results.append(PullResult(feed_id=feed.id, accepted=(), rejected=(), repeated=(), error=str(error)))
    return results


def pull_feed(desk: Desk, feed_id: str, *, now: datetime) -> PullResult:
    """Take over what is new in one feed.

    Raises
    ------
    ConfigError
        If the district has no such feed, or the feed is of no known kind.
    """
    settings = desk.district.settings
    feed = next((feed for feed in settings.feeds if feed.id == feed_id), None)
    if feed is None:
        known = ", ".join(feed.id for feed in settings.feeds)
        raise ConfigError(f"the district has no feed '{feed_id}'; it has: {known}")
    gauge_ids, timezone = _gauge_ids(desk), settings.district.timezone
    return pull(
        feed,
        desk.district.root,
        now=now,
        raw_dir=desk.raw_dir,
        ledger=desk.ledger,
        check=file_check(feed.kind, timezone=timezone, gauge_ids=gauge_ids, options=feed.options),
        compare=comparison(feed.kind, timezone=timezone, gauge_ids=gauge_ids, options=feed.options),
    )


def gauge_rain(desk: Desk, file: SelectedFile | None, *, valid_at: datetime | None = None) -> xr.Dataset:
    """Read and flag a gauge table, cut at `valid_at`: what lies after it was not known then.

    Without a file every gauge is missing for the hour of `valid_at`, which is not the same as dry.
    """
    if file is None:
        if valid_at is None:
            raise ValueError("without a gauge file, valid_at must be given")
        return _flag(desk, _nothing(desk, valid_at))
    rain = _read_table(desk, file)
    return _flag(desk, rain if valid_at is None else rain.sel(time=rain["time"] <= to_datetime64(valid_at)))


def cycle_rain(desk: Desk, valid_at: datetime, *, known_at: datetime | None = None) -> CycleRain:
    """Return the rain of the cycle at `valid_at`, from the files that were there then.

    Parameters
    ----------
    desk : Desk
    valid_at : datetime
        Timezone-aware.
    known_at : datetime, optional
        Leave out what arrived later, to rebuild a cycle as it was; without it an archive that came years later is
        read as if each value had come on time.

    Returns
    -------
    CycleRain
    """
    settings = desk.district.settings
    gathered = _Gathered()
    observed = _observed(desk, valid_at, known_at, gathered)
    has_table = bool(gathered.used)
    issues = _issues(desk, valid_at, known_at)
    forecast = next(
        (read for file in issues if (read := gathered.read(file, _read_issue)) is not None),
        None,
    )
    begin = to_datetime64(valid_at) - np.timedelta64(settings.warning.past_h, "h")
    window = observed.sel(time=observed["time"] > begin)
    if forecast is not None:
        older = issues[issues.index(gathered.used[-1]) + 1 :]
        window = _without_doubt(desk, window, chain([forecast], map(_read_witness, older)), gathered)
    rainfall = blend_rainfall(
        window,
        forecast,
        hotspots=desk.district.hotspots,
        gauges=desk.district.gauges,
        valid_at=valid_at,
        past_h=settings.warning.past_h,
        lead_h=settings.warning.horizon_h,
    )
    sources = [
        {"id": file.feed_id, "file": file.name, "sha256": file.sha256, "last_value_at": _last_value(file, valid_at)}
        for file in gathered.used
    ]
    mine = {feed.id for feed in settings.feeds}
    standing = [one for one in status(desk.ledger, valid_at) if one.feed_id in mine]
    return CycleRain(
        rainfall=with_sources(rainfall, sources),
        quality=quality_summary(window) if has_table else None,
        inputs=_inputs(gathered.used),
        lines=(*feed_lines(standing), *gathered.notes),
    )


def _observed(desk: Desk, valid_at: datetime, known_at: datetime | None, gathered: _Gathered) -> xr.Dataset:
    """Return flagged gauge rain from every gauge feed; where two tables know a value, the first feed, newest file."""
    past_h = desk.district.settings.warning.past_h
    tables: list[xr.Dataset] = []
    for feed in desk.district.settings.feeds:
        if feed.kind != "gauge_table":
            continue
        files = gauge_tables(
            desk.ledger, feed.id, raw_dir=desk.raw_dir, valid_at=valid_at, past_h=past_h, known_at=known_at
        )
        for file in files:
            until = file.known_until(valid_at, timedelta(minutes=feed.availability_delay_min))
            table = gathered.read(file, lambda file: _read_table(desk, file))
            if table is not None:
                tables.append(table.sel(time=table["time"] <= to_datetime64(until)))
    tables = [table for table in tables if table.sizes["time"]]
    return _flag(desk, reduce(_filled_from, tables) if tables else _nothing(desk, valid_at))


def _issues(desk: Desk, valid_at: datetime, known_at: datetime | None) -> list[SelectedFile]:
    """Return the forecasts of every ensemble feed that were there, the newest first."""
    found: list[SelectedFile] = []
    for feed in desk.district.settings.feeds:
        if feed.kind == "ensemble_netcdf":
            delay = timedelta(minutes=feed.availability_delay_min)
            found += ensembles(
                desk.ledger, feed.id, raw_dir=desk.raw_dir, valid_at=valid_at, delay=delay, known_at=known_at
            )
    return sorted(found, key=lambda file: file.issued_at or valid_at, reverse=True)


def _read_issue(file: SelectedFile) -> xr.Dataset:
    return read_ensemble(file.path)[0]


def _without_doubt(
    desk: Desk, window: xr.Dataset, forecasts: Iterable[xr.Dataset | None], gathered: _Gathered
) -> xr.Dataset:
    """Take out gauge rain that all gauges together cannot have right: lost observations are not dry hours."""
    recent = window["rain_mm"].to_numpy()[-DOUBT_H:]
    # Only a network that reads next to nothing can be doubted; in rain the older forecasts need not be read.
    if not np.isfinite(recent).any() or _is_raining(recent):
        return window
    middle, lowest = _expected(desk, window["time"].to_numpy()[-DOUBT_H:], forecasts)
    hours = all_dry_in_rain(recent, middle)
    if hours:
        gathered.notes.append(
            FeedLine(
                f"最近{hours}小时所有雨量站同时为0，而此前有雨且预报降雨持续：这些0值按缺测处理。",
                f"In the last {hours} h every gauge reads 0 although it rained before and rain is forecast to go on: "
                "these zeros count as missing.",
            )
        )
        return _failed(window, hours)
    doubt = below_every_forecast(recent, lowest)
    if doubt is None:
        return window
    gathered.notes.append(
        FeedLine(
            f"雨量站最多只有{doubt[0]:.0f}毫米，而各预报成员最少也有{doubt[1]:.0f}毫米：实况雨量存疑，按缺测处理。",
            f"The wettest gauge has {doubt[0]:.0f} mm where even the driest forecast has {doubt[1]:.0f} mm: "
            "the gauges are in doubt and count as missing.",
        )
    )
    return _failed(window, window.sizes["time"])


def _is_raining(recent_mm: FloatArray) -> bool:
    """Return True if any gauge has rain worth the name in the newest hour that is known."""
    newest = recent_mm[np.isfinite(recent_mm).any(axis=1)][-1]
    return bool(np.nanmax(newest) > DOUBT_MM)


def _expected(
    desk: Desk, end: NDArray[np.datetime64], forecasts: Iterable[xr.Dataset | None]
) -> tuple[FloatArray, FloatArray]:
    """Return median and lowest forecast of the district [mm] for past hours, each from the newest issue before it.

    Older issues are not read if the newest that has any of these hours sees no rain in them.
    """
    gauges = desk.district.gauges
    middle, lowest = np.full((2, len(end)), np.nan)
    for forecast in forecasts:
        if forecast is None:
            continue
        area = sample_bilinear(forecast, gauges["lon"].to_numpy(), gauges["lat"].to_numpy()).mean(axis=2)
        _, here, there = np.intersect1d(end, forecast["time"].to_numpy(), return_indices=True)
        new = np.isnan(middle[here])
        here, there = here[new], there[new]
        if len(here):
            middle[here] = np.median(area[:, there], axis=0)
            lowest[here] = area[np.argmin(area[:, there].sum(axis=1))][there]
            if not (np.nan_to_num(middle) > DOUBT_MM).any():
                break
    return middle, lowest


def _read_witness(file: SelectedFile) -> xr.Dataset | None:
    """Read an older issue; one that cannot be read bears no witness."""
    try:
        return _read_issue(file)
    except Exception:
        return None


def _failed(window: xr.Dataset, hours: int) -> xr.Dataset:
    """Return the window with its newest hours failed."""
    last = np.arange(window.sizes["time"]) >= window.sizes["time"] - hours
    rain, quality = window["rain_mm"].to_numpy().copy(), window["quality"].to_numpy().copy()
    rain[last], quality[last] = np.nan, int(Quality.FAIL)
    return window.assign(rain_mm=(window["rain_mm"].dims, rain), quality=(window["quality"].dims, quality))


def _read_table(desk: Desk, file: SelectedFile) -> xr.Dataset:
    settings = desk.district.settings
    options: dict[str, Any] = next((dict(feed.options) for feed in settings.feeds if feed.id == file.feed_id), {})
    return read_gauge_table(file.path, gauge_ids=_gauge_ids(desk), timezone=settings.district.timezone, **options)[0]


def _filled_from(first: xr.Dataset, second: xr.Dataset) -> xr.Dataset:
    """Return the steps of both tables; a value that the first does not have is the second's."""
    begin = min(first["time"].to_numpy()[0], second["time"].to_numpy()[0])
    end = max(first["time"].to_numpy()[-1], second["time"].to_numpy()[-1])
    steps = np.arange(begin, end + _HOUR, _HOUR)
    fill = {"rain_mm": np.nan, "raw_mm": np.nan, "quality": int(Quality.MISSING)}
    left, right = (table[list(fill)].reindex(time=steps, fill_value=fill) for table in (first, second))
    return left.where(left["quality"] != Quality.MISSING, right).assign_attrs(first.attrs)


def _flag(desk: Desk, rain: xr.Dataset) -> xr.Dataset:
    gauges = desk.district.gauges
    return flag_gauges(rain, np.column_stack([gauges.geometry.x, gauges.geometry.y]))


def _nothing(desk: Desk, valid_at: datetime) -> xr.Dataset:
    """Return one hour in which every gauge is missing."""
    ids = _gauge_ids(desk)
    end = to_datetime64(valid_at).astype("datetime64[h]").astype("datetime64[ns]")
    return xr.Dataset(
        {
            "rain_mm": (("time", "gauge"), np.full((1, len(ids)), np.nan)),
            "quality": (("time", "gauge"), np.full((1, len(ids)), Quality.MISSING, dtype=np.int8)),
        },
        {"time": [end], "gauge": np.asarray(ids, dtype=object)},
    )


def _gauge_ids(desk: Desk) -> list[str]:
    return [str(gauge) for gauge in desk.district.gauges.index]


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
