"""The forecast a cycle stands on: one issue of one feed, and the older ones that may bear witness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import xarray as xr

from risk_models.forecast.harmonise import choose_forecast
from wuyu.feeds.select import SelectedFile, ensembles, forecast_issues
from wuyu.rain.gathered import FeedFilesRead, delay_of, feeds_of_kind, read_field

if TYPE_CHECKING:
    from risk_models.district.settings import FeedSettings
    from wuyu.desk import Desk

__all__ = ["FORECAST_KINDS", "Chosen", "chosen_forecast"]

FORECAST_KINDS = ("ensemble_netcdf", "grib", "netcdf_cf", "open_meteo")
IN_PARTS = ("grib",)
"""Kinds whose issues may come in several files, one per step."""

Issue = tuple[SelectedFile, ...]


@dataclass
class Chosen:
    """The forecast of a cycle.

    Attributes
    ----------
    forecast : Dataset or None
    others : list of Dataset
        Read on the way to it, the newest first; they take no part in the hours ahead.
    older : list of tuple of SelectedFile
        Issues after it, the newest first, not read.
    """

    forecast: xr.Dataset | None = None
    others: list[xr.Dataset] = field(default_factory=list)
    older: list[Issue] = field(default_factory=list)


def chosen_forecast(desk: Desk, valid_at: datetime, known_at: datetime | None, gathered: FeedFilesRead) -> Chosen:
    """Return the forecast that `harmonise.choose_forecast` takes from every feed of forecasts."""
    issues = _issues(desk, valid_at, known_at)
    read: list[tuple[Issue, xr.Dataset]] = []
    horizon_h = desk.settings.warning.horizon_h
    forecast = choose_forecast(_readable(desk, issues, read, gathered), valid_at=valid_at, horizon_h=horizon_h)
    if forecast is None:
        return Chosen()
    place = next(number for number, (_, one) in enumerate(read) if one is forecast)
    issue = read[place][0]
    gathered.used += issue
    if forecast.sizes.get("member", 1) == 1:
        gathered.say(
            f"预报取自{issue[0].feed_id}的单一预报：没有集合成员，可能性只能为0或1。",
            f"The forecast is a single one ({issue[0].feed_id}): without members a likelihood can only be 0 or 1.",
        )
    others = [one for number, (_, one) in enumerate(read) if number != place]
    return Chosen(forecast, others, issues[issues.index(issue) + 1 :])


def _readable(
    desk: Desk, issues: list[Issue], read: list[tuple[Issue, xr.Dataset]], gathered: FeedFilesRead
) -> Iterator[xr.Dataset | None]:
    """Give the forecasts one by one, keeping what was read."""
    for issue in issues:
        dataset = gathered.attempt(issue[0], lambda _, issue=issue: read_field(desk, issue))  # type: ignore[misc]
        if dataset is not None:
            read.append((issue, dataset))
        yield dataset


def _issues(desk: Desk, valid_at: datetime, known_at: datetime | None) -> list[Issue]:
    """Return the issues of every feed of forecasts that were there, the newest first."""
    found: list[Issue] = []
    for feed in feeds_of_kind(desk, FORECAST_KINDS):
        found += _of_feed(desk, feed, valid_at, known_at)
    return sorted(found, key=lambda issue: issue[0].issued_at or valid_at, reverse=True)


def _of_feed(desk: Desk, feed: FeedSettings, valid_at: datetime, known_at: datetime | None) -> list[Issue]:
    delay = delay_of(feed)
    choose = forecast_issues if feed.kind in IN_PARTS else ensembles
    issues = choose(desk.ledger, feed.id, raw_dir=desk.raw_dir, valid_at=valid_at, delay=delay, known_at=known_at)
    return [issue if isinstance(issue, tuple) else (issue,) for issue in issues]
