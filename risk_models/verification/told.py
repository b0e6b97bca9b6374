"""What can be told of a span afterwards: water seen, water modelled, rain measured, and which hours nobody knows of."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.levels import Level
from risk_models.outlook.periods import Span

__all__ = ["SEEN_DEPTH_M", "Told"]

#: Depth that somebody who says "flooded", and no more, is taken to have seen: the lane criterion of GB 51222, 15 cm.
SEEN_DEPTH_M = 0.15
Bools = npt.NDArray[np.bool_]


class Told:
    """Evidence of one span; see `risk_models.verification.statements` for the rules.

    Parameters
    ----------
    span : Span
    gauge_rain_mm, hotspot_depth, towns, reports, timezone
        As in `review_statements`.
    min_share : float
        Least share of the hours that must be told to deny an event.
    """

    def __init__(
        self,
        span: Span,
        *,
        gauge_rain_mm: pd.DataFrame,
        hotspot_depth: pd.DataFrame,
        towns: pd.Series,
        reports: pd.DataFrame | None,
        timezone: str,
        min_share: float,
    ) -> None:
        begin, end = (pd.Timestamp(edge).tz_convert("UTC") for edge in span.bounds(timezone))
        self.hours = pd.date_range(begin + pd.Timedelta(hours=1), end, freq="h")
        self.min_share, self.timezone, self.towns = min_share, timezone, towns
        self.rain_mm = gauge_rain_mm.reindex(self.hours) if len(gauge_rain_mm) else pd.DataFrame(index=self.hours)
        depth = hotspot_depth
        if "level" in depth:
            depth = depth.assign(depth_m=depth["depth_m"].mask(depth["level"] == int(Level.UNKNOWN)))
        at = pd.to_datetime(depth["valid_at"], utc=True).dt.ceil("h")
        depth = depth.assign(hour=at)[(at > begin) & (at <= end)]
        self.depth_m = depth.pivot_table(index="hour", columns="hotspot_id", values="depth_m", aggfunc="max").reindex(
            self.hours
        )
        self.reports = _within(reports, begin, end, timezone)

    @cached_property
    def is_dry(self) -> Bools:
        """Hours in which a gauge is known and none has rain, (T,)."""
        return np.asarray((self.rain_mm.notna().any(axis=1) & ~(self.rain_mm > 0).any(axis=1)), dtype=np.bool_)

    @cached_property
    def local_days(self) -> pd.DatetimeIndex:
        """Local day of each hour, (T,)."""
        return (self.hours - pd.Timedelta(hours=1)).tz_convert(self.timezone).tz_localize(None).normalize()

    def _depth(self, hotspot_id: str) -> pd.Series:
        if hotspot_id in self.depth_m.columns:
            return self.depth_m[hotspot_id]
        return pd.Series(np.nan, index=self.hours)

    def is_whole(self, hotspot_ids: Iterable[str]) -> bool:
        """Return whether the hours of the span are told well enough at every one of these hotspots."""
        known = [self._depth(name).notna().to_numpy() | self.is_dry for name in hotspot_ids]
        return all(float(flags.mean()) >= self.min_share for flags in known)

    def _days_reached(self, hotspot_id: str, depth_m: float) -> tuple[set[pd.Timestamp], set[pd.Timestamp]]:
        """Return the local days with the depth, and the days that a report decided."""
        model = set(self.local_days[(self._depth(hotspot_id) >= depth_m).to_numpy()])
        own = self.reports[self.reports["hotspot_id"] == hotspot_id]
        flooded = own[own["state"] == "flooded"]
        seen = set(flooded.loc[flooded["seen_m"] >= depth_m - 1e-9, "day"])
        denied = set(own.loc[own["state"] == "not_flooded", "day"]) - set(flooded["day"])
        return (model - denied) | seen, seen | (model & denied)

    def reached(self, hotspot_id: str, depth_m: float) -> tuple[bool | None, str]:
        """Return whether a hotspot reached a depth, None if it cannot be told, and the evidence."""
        days, decided = self._days_reached(hotspot_id, depth_m)
        if days:
            return True, "report" if days & decided else "model"
        # Where a report set the model aside, the other hours must still be told.
        if not self.is_whole([hotspot_id]):
            return None, "none"
        return False, "report" if decided else "model"

    def greatest_depth_m(self, hotspot_id: str) -> float:
        """Return the greatest depth known, m; NaN if none is. Reports count as in `reached`."""
        own = self.reports[self.reports["hotspot_id"] == hotspot_id]
        flooded = own[own["state"] == "flooded"]
        denied = set(own.loc[own["state"] == "not_flooded", "day"]) - set(flooded["day"])
        model = self._depth(hotspot_id)[~self.local_days.isin(list(denied))]
        known = [*model.dropna(), *flooded["seen_m"]]
        if not known:
            return 0.0 if self.is_whole([hotspot_id]) else math.nan
        return float(max(known))

    def days(self, unit: str, least_m: pd.Series) -> tuple[int, bool, str]:
        """Return the days on which a hotspot of a town (or ``district``) is as deep; whether all is told; evidence."""
        own = [str(name) for name, town in self.towns.items() if unit == "district" or str(town) == unit]
        found = [self._days_reached(name, float(least_m.get(name, math.inf))) for name in own]
        reached = set[pd.Timestamp]().union(*(days for days, _ in found))
        evidence = "report" if any(decided for _, decided in found) else "model"
        return len(reached), bool(own) and self.is_whole(own), evidence

    def total_mm(self, gauge: str) -> tuple[float, bool]:
        """Return the rain of a gauge, and whether enough of it is known: then it is scaled up, else it is a least."""
        if gauge not in self.rain_mm:
            return 0.0, False
        rain = self.rain_mm[gauge]
        share = float(rain.notna().mean())
        total = float(rain.sum())
        return (total / share, True) if share >= self.min_share else (total, False)


def _within(reports: pd.DataFrame | None, begin: pd.Timestamp, end: pd.Timestamp, timezone: str) -> pd.DataFrame:
    """Return the reports of the span with local day and the depth that they prove."""
    columns = ["at", "hotspot_id", "state", "depth_m"]
    given = pd.DataFrame(columns=columns) if reports is None else reports.reset_index(drop=True)
    given = given.reindex(columns=columns)
    at = pd.to_datetime(given["at"], utc=True)
    own = given[(at > begin) & (at <= end)]
    depth = own["depth_m"].astype("float64")
    day = at[own.index].dt.tz_convert(timezone).dt.tz_localize(None).dt.normalize()
    return own.assign(day=day, depth_m=depth, seen_m=depth.fillna(SEEN_DEPTH_M))
