"""What a table of criteria would have sent: the live chain over the storms of a long rain record.

There is no archive of forecasts as long as the record, so one is made: what fell, times a factor drawn once for each
forecast run from the district's own rain error at its lead. The chain then mixes its spread around that forecast as it
does in life. What "happened" is water that stands by the chain at the hour itself. So orders and lead are judged, and
not the ponding model, which is judged where water was seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from risk_models.district import District
from risk_models.district.rain_error import RainError
from risk_models.forecast.rainfall import Origin, Provenance, Quality, build_rainfall, to_datetime64
from risk_models.levels import Level
from risk_models.outlook.expected import SkipRule
from risk_models.outlook.storms import StormCatalogue, cut_storms, hotspot_field
from risk_models.risk import HotspotScorer
from risk_models.scores import far, pod
from risk_models.verification.budget import (
    Criterion,
    criterion_met,
    match_floods,
    season_of,
    town_floods,
    warning_spans,
)
from risk_models.warning.states import WarningPolicy

__all__ = ["RUN_EVERY_H", "WAYS", "RecordedYears", "StormHours", "years_budget"]

Floats = npt.NDArray[np.float64]

WAYS: Final = ("criteria", "matrix", "signal")
"""Ways of drawing the level of a town that are compared."""

RUN_EVERY_H: Final = 6
"""Hours between two forecast runs."""

BEFORE_H: Final = 30
AFTER_H: Final = 9
_BEFORE_1970: Final = 10**7  # seeds are not negative
_HOUR: Final = np.timedelta64(1, "h")


@dataclass(frozen=True)
class StormHours:
    """The cycles of one storm, or of several so close that their cycles meet.

    Attributes
    ----------
    year : int
        Local year of the first cycle.
    at : tuple of Timestamp
        Cycle times, UTC.
    """

    year: int
    at: tuple[pd.Timestamp, ...]


class RecordedYears:
    """A long rain record, ready to be scored cycle by cycle.

    Parameters
    ----------
    district : District
    scorer : HotspotScorer
        Of the district.
    rain_mm : DataFrame (hour, gauge)
        See `risk_models.outlook.record`.
    seed : int
        Of the forecasts made.

    Raises
    ------
    ValueError
        If the record is too short for a catalogue of storms.
    """

    def __init__(self, district: District, scorer: HotspotScorer, rain_mm: pd.DataFrame, *, seed: int = 0) -> None:
        zone = district.settings.district.timezone
        catalogue = cut_storms(rain_mm, timezone=zone)
        if not isinstance(catalogue, StormCatalogue):
            raise ValueError(catalogue.en)
        self.district, self.scorer, self.zone, self.seed = district, scorer, zone, seed
        self.catalogue = catalogue
        gauges = district.gauges.loc[list(catalogue.gauge_ids)].geometry
        spots = district.hotspots.geometry
        xy = np.column_stack([gauges.x, gauges.y]), np.column_stack([spots.x, spots.y])
        self.field = hotspot_field(catalogue, *xy)
        self.record = rain_mm[list(catalogue.gauge_ids)]

    @property
    def years(self) -> tuple[int, int]:
        """First and last local year of the record."""
        ends = pd.DatetimeIndex(self.record.index)[[0, -1]] - pd.Timedelta(hours=1)  # labels are ends of hours
        local = ends.tz_convert(self.zone)
        return int(local[0].year), int(local[1].year)

    def storms(self, *, step_h: int) -> list[StormHours]:
        """Return the cycles around every storm in which water can stand anywhere.

        Parameters
        ----------
        step_h : int
            Hours between cycles; they lie on multiples of it, UTC.
        """
        limit_mm = SkipRule.for_basins(self.scorer.basins, self.scorer.whole.spread).peak_1h_mm
        can_pond = (self.catalogue.peaks_mm(1) @ self.field.T > limit_mm).any(axis=1)
        begin = self.catalogue.start_h[can_pond] - BEFORE_H
        end = self.catalogue.start_h[can_pond] + self.catalogue.duration_h[can_pond] + AFTER_H
        spans: list[list[int]] = []
        for first, last in zip(begin.tolist(), end.tolist(), strict=True):
            if spans and first <= spans[-1][1]:
                spans[-1][1] = max(spans[-1][1], last)
            else:
                spans.append([first, last])
        return [self._hours(first, last, step_h) for first, last in spans]

    def _hours(self, first: int, last: int, step_h: int) -> StormHours:
        numbers = range(-(-first // step_h) * step_h, last + 1, step_h)
        at = tuple(pd.Timestamp(number * 3600, unit="s", tz="UTC") for number in numbers)
        return StormHours(int(at[0].tz_convert(self.zone).year), at)

    def cycles(self, storm: StormHours) -> Iterator[pd.DataFrame]:
        """Score the cycles of a storm one after another; each table carries the soil water of the one a day before."""
        wet: dict[pd.Timestamp, pd.Series] = {}
        past_h = self.district.settings.warning.past_h
        for at in storm.at:
            known = [time for time in wet if time <= at - pd.Timedelta(hours=past_h)]
            table = self.scorer.score(self.rainfall(at), soil_water_mm=wet[known[-1]] if known else None)
            wet[at] = table["soil_water_index_mm"]
            yield table

    def rainfall(self, at: pd.Timestamp) -> xr.Dataset:
        """Return the rain of a cycle: what fell until then, and the forecast made for the hours after.

        Parameters
        ----------
        at : Timestamp
            UTC, a whole hour.
        """
        settings = self.district.settings.warning
        ends = pd.date_range(
            at - pd.Timedelta(hours=settings.past_h - 1), at + pd.Timedelta(hours=settings.horizon_h), freq="h"
        )
        gauge_mm = self.record.reindex(ends).to_numpy(np.float64)
        hotspot_mm = np.nan_to_num(gauge_mm, nan=0.0) @ self.field.T
        is_ahead = np.asarray(ends > at)
        issued_at = at.floor(f"{RUN_EVERY_H}h")
        hotspot_mm[is_ahead] *= self._factor(issued_at, ends[is_ahead])[:, None]
        valid_at = at.to_pydatetime()
        return build_rainfall(
            hotspot_mm[np.newaxis].astype(np.float32),
            time=to_datetime64(ends[0].to_pydatetime()) + np.arange(len(ends)) * _HOUR,
            hotspot=[str(name) for name in self.district.hotspots.index],
            origin=np.where(is_ahead, Origin.FORECAST, Origin.OBSERVED),
            quality=np.full(hotspot_mm.shape, Quality.NOT_EVALUATED),
            rain_std_mm=np.full(hotspot_mm.shape, np.nan),
            provenance=Provenance(
                valid_at=valid_at,
                issued_at=issued_at.to_pydatetime(),
                observed_until=valid_at,
                gauges_used=len(self.record.columns),
                gauges_expected=len(self.record.columns),
                sources=[{"id": "rain record"}],
            ),
        )

    def _factor(self, issued_at: pd.Timestamp, ends: pd.DatetimeIndex) -> Floats:
        """Return by what a forecast run is off at each hour: one draw a run, wider at longer lead."""
        error: RainError = self.scorer.whole.rain_error
        lead_h = np.asarray((ends - issued_at) / pd.Timedelta(hours=1), dtype=np.float64)
        drawn = np.random.default_rng([self.seed, int(issued_at.timestamp()) // 3600 + _BEFORE_1970]).standard_normal()
        log_mean, log_sd = (table([Origin.FORECAST], lead_h) for table in (error.log_mean, error.log_sd))
        return np.asarray(np.exp(log_mean + log_sd * drawn))


def years_budget(
    rows: pd.DataFrame,
    *,
    n_seasons: int,
    n_towns: int,
    policy: WarningPolicy,
    zone: str,
    flood_season: tuple[str, str],
) -> pd.DataFrame:
    """Count what each way of drawing levels would have sent, per town and flood season.

    Parameters
    ----------
    rows : DataFrame
        ``valid_at`` (UTC), ``town_code``, a level code for each of `WAYS`, and ``stands``: whether water stands in the
        town. Hours without rows are taken to be without a warning.
    n_seasons, n_towns : int
        Flood seasons and towns looked at.
    policy : WarningPolicy
        How long warnings hold.
    zone : str
        Local time zone.
    flood_season : (str, str)
        First and last day, MM-DD; what begins outside it does not count.

    Returns
    -------
    DataFrame, index criterion (way and level)
        ``warnings``, ``per_town_season``, ``right``, ``late``, ``false``, ``floods``, ``missed``, ``pod``, ``far``,
        ``lead_h`` (median of the hits); see `risk_models.verification.budget`.

    Examples
    --------
    >>> at = pd.date_range("2021-07-20T00:00Z", periods=8, freq="3h")
    >>> rows = pd.DataFrame({"valid_at": at, "town_code": "001", "criteria": [0, 2, 3, 3, 0, 0, 0, 0], "matrix": 0,
    ...     "signal": 0, "stands": [False] * 3 + [True] * 2 + [False] * 3})
    >>> found = years_budget(rows, n_seasons=1, n_towns=1, policy=WarningPolicy(), zone="Asia/Shanghai",
    ...     flood_season=("05-15", "09-30"))
    >>> found.loc["criteria-yellow", ["per_town_season", "pod", "far", "lead_h"]].tolist()
    [1.0, 1.0, 0.0, 6.0]
    """
    season = {"zone": zone, "first": flood_season[0], "last": flood_season[1]}
    floods = _within(town_floods(_beginnings(rows)), "started_at", season)
    told: dict[str, dict[str, float]] = {}
    for way in WAYS:
        for level in (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED):
            criterion = Criterion(name=f"{way}-{level}", level_min=level, policy=policy)
            met = criterion_met(rows.assign(level=rows[way]), criterion)
            spans = _within(warning_spans(met, policy), "opened_at", season)
            warned, flooded = match_floods(spans, floods)
            told[criterion.name] = _counts(warned["outcome"], flooded, n_seasons * n_towns)
    return pd.DataFrame.from_dict(told, orient="index").rename_axis("criterion")


def _beginnings(rows: pd.DataFrame) -> pd.DataFrame:
    """Return when water began to stand in each town."""
    ordered = rows.sort_values(["town_code", "valid_at"], kind="stable")
    stood = ordered.groupby("town_code")["stands"].shift(fill_value=False).astype(bool)
    begins = ordered[ordered["stands"].astype(bool) & ~stood]
    return pd.DataFrame({"town_code": begins["town_code"], "started_at": begins["valid_at"]})


def _within(table: pd.DataFrame, column: str, season: dict[str, str]) -> pd.DataFrame:
    labels = season_of(table[column], **season)
    return table[~labels.str.endswith(" off")].reset_index(drop=True)


def _counts(outcome: pd.Series, flooded: pd.DataFrame, n_town_seasons: int) -> dict[str, float]:
    n = {name: int((outcome == name).sum()) for name in ("right", "late", "false")}
    missed = int((flooded["outcome"] == "missed").sum())
    hit = len(flooded) - missed
    return {
        "warnings": len(outcome),
        "per_town_season": len(outcome) / n_town_seasons,
        **n,
        "floods": len(flooded),
        "missed": missed,
        "pod": float(pod(hit, missed)),
        "far": float(far(n["right"] + n["late"], n["false"])),
        "lead_h": float(flooded["lead_h"].median()),
    }
