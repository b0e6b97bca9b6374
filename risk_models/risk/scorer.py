"""Score hotspots: rain in, risk table out.

The scorer holds what does not change from cycle to cycle (basins, exposure, standards), so a cycle costs one pass of
the ponding kernel over members and a few quantiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from risk_models.district import District
from risk_models.forecast.rainfall import validate_rainfall
from risk_models.forecast.storm import return_period_text
from risk_models.forecast.wetness import soil_water_index
from risk_models.levels import Level
from risk_models.risk.exposure import hotspot_exposure
from risk_models.risk.impact import Verdict, class_probabilities, verdict
from risk_models.risk.ponding import HotspotBasins, PondingResult, PondingState, simulate_ponding
from risk_models.risk.rain_amounts import rain_amounts, return_periods
from risk_models.risk.reasons import contributions, sentence_en, sentence_zh, unknown_sentences
from risk_models.risk.table import RISK_COLUMNS, RiskTable
from risk_models.standards import Standards
from risk_models.terrain import HotspotTerrain

__all__ = ["METHOD_VERSION", "PARAMETER_SETS", "HotspotScorer", "score_hotspots"]

Floats = npt.NDArray[np.float64]

METHOD_VERSION = "ponding-1"
#: Equally likely (drain factor, inflow factor) pairs for what is not known of drains and catchments: partly blocked
#: inlets with a larger catchment, the central guess, clean drains with a smaller one (an assumption).
PARAMETER_SETS = ((0.7, 1.1), (0.9, 1.0), (1.0, 0.9))
CENTRAL_SET = 1
#: A gap in the observed rain within these last hours makes the present state of a hotspot unknown.
RECENT_H = 12
QUALITY_SUSPECT = 3
STALE_FORECAST_H = 12


@dataclass(frozen=True)
class _Rain:
    """Rain cut at the cycle time: past (H, P), future (H, M, T), and what is unknown of each (H,)."""

    past_mm: Floats
    future_mm: Floats
    past_unknown: npt.NDArray[np.bool_]
    future_unknown: npt.NDArray[np.bool_]
    suspect: npt.NDArray[np.bool_]
    valid_at: pd.Timestamp
    step_h: float


@dataclass(frozen=True)
class _Outcomes:
    """Equally likely outcomes (parameter sets x members) of the horizon, with C threshold depths."""

    peak_depth_m: Floats  # (H, N)
    peak_step: npt.NDArray[np.int64]  # (H, N)
    first_step: npt.NDArray[np.int64]  # (H, N, C)


class HotspotScorer:
    """Score every hotspot of a district.

    Parameters
    ----------
    district : District
    terrain : HotspotTerrain
        Of the same hotspots in the same order.
    standards : Standards
        Tables from which the district's settings pick.

    Raises
    ------
    ValueError
        If terrain and district list different hotspots.
    """

    def __init__(self, district: District, terrain: HotspotTerrain, standards: Standards) -> None:
        hotspots = district.hotspots
        if not terrain.features.index.equals(hotspots.index):
            raise ValueError("terrain and district list different hotspots; compute the terrain anew")
        picks = district.settings.standards
        self.district = district
        self.horizon_h = district.settings.warning.horizon_h
        self.basins = HotspotBasins.from_terrain(
            terrain, hotspots["drain_capacity_mm_h"].to_numpy(float), hotspots["pump_capacity_m3_s"].to_numpy(float)
        )
        self.exposure = hotspot_exposure(district, standards.vulnerability(picks.vulnerability))
        self.formula = standards.storm_formula(picks.storm_formula)
        self.matrix = standards.risk_matrix(picks.risk_matrix)
        self.matrix_id = picks.risk_matrix
        self.band_minima = np.array([band.p_min for band in standards.likelihood_bands(picks.likelihood_bands)])
        classes = standards.depth_classes(picks.depth_classes)
        self.thresholds_m = tuple(item.depth_min_m for item in classes if item.depth_min_m > 0)
        depth_of_impact = standards.impact_depths(picks.impact_depths)
        self.depth_of_impact_m = depth_of_impact[self.exposure["vulnerability"].to_numpy()]
        self.ordinary_impact_m = np.broadcast_to(depth_of_impact[0], self.depth_of_impact_m.shape)

    def score(self, rainfall: xr.Dataset, *, event_key: str = "") -> RiskTable:
        """Score one cycle.

        Parameters
        ----------
        rainfall : Dataset
            See `risk_models.forecast.rainfall`; of the district's hotspots.
        event_key : str
            Carried in the attributes.

        Returns
        -------
        RiskTable
            See `risk_models.risk.table`. Where recent rain is unknown the level is what the known part gives if that
            is a warning (it can only be higher), and UNKNOWN otherwise.

        Raises
        ------
        BadInputError
            If `rainfall` breaks its contract.
        ValueError
            If it is for other hotspots.
        """
        rain = self._split(rainfall)
        outcomes, dry, depth_now = self._simulate(rain)
        probabilities = class_probabilities(outcomes.peak_depth_m, self.depth_of_impact_m)
        found = verdict(probabilities, self.matrix, self.band_minima)
        points = self._points(outcomes, dry, found)
        columns = self._columns(rain, outcomes, depth_now, found, rainfall)
        return self._finish(columns, points, rain, rainfall, event_key)

    def _split(self, rainfall: xr.Dataset) -> _Rain:
        validate_rainfall(rainfall)
        if list(rainfall["hotspot"].values) != list(self.district.hotspots.index):
            raise ValueError("rainfall is for other hotspots, or in another order, than the district's register")
        step_h = float(rainfall.attrs["step_h"])
        valid_at = pd.Timestamp(rainfall.attrs["valid_at"])
        time = pd.DatetimeIndex(rainfall["time"].values).tz_localize("UTC")
        past, future = time <= valid_at, (time > valid_at) & (time <= valid_at + pd.Timedelta(hours=self.horizon_h))
        values = rainfall["rain_mm"].transpose("hotspot", "member", "time").to_numpy().astype(np.float64)
        past_mm, future_mm = values[:, 0, past], values[:, :, future]
        recent = round(RECENT_H / step_h)
        quality = rainfall["quality"].transpose("hotspot", "time").to_numpy()[:, past]
        short = future_mm.shape[2] < round(self.horizon_h / step_h)
        return _Rain(
            past_mm=past_mm,
            future_mm=future_mm,
            past_unknown=np.isnan(past_mm[:, -recent:]).any(axis=1) | (past_mm.shape[1] < recent),
            future_unknown=np.isnan(future_mm).any(axis=(1, 2)) | short,
            suspect=(quality[:, -recent:] == QUALITY_SUSPECT).any(axis=1),
            valid_at=valid_at,
            step_h=step_h,
        )

    def _simulate(self, rain: _Rain) -> tuple[_Outcomes, Floats, Floats]:
        """Run the past once and the horizon for every member, under each parameter set.

        Unknown steps enter as 0 mm, so depths are lower bounds there; `_finish` marks them so.
        """
        past = np.nan_to_num(rain.past_mm)[:, None, :]
        future = np.nan_to_num(rain.future_mm)
        no_more = np.zeros((len(past), 1, future.shape[2]))
        runs: list[PondingResult] = []
        dry: list[Floats] = []
        depth_now = np.zeros(len(past))
        for index, (drain_factor, inflow_factor) in enumerate(PARAMETER_SETS):

            def run(
                rain_mm: Floats, state: PondingState | None, d: float = drain_factor, i: float = inflow_factor
            ) -> PondingResult:
                return simulate_ponding(
                    self.basins, rain_mm, step_h=rain.step_h, thresholds_m=self.thresholds_m, state=state,
                    drain_factor=d, inflow_factor=i,
                )  # fmt: skip

            state = run(past, None).final
            runs.append(run(future, state.repeat(future.shape[1])))
            still = run(no_more, state)
            dry.append(still.peak_depth_m)
            if index == CENTRAL_SET:
                depth_now = run(no_more[:, :, :0], state).peak_depth_m[:, 0]
        outcomes = _Outcomes(
            peak_depth_m=np.concatenate([r.peak_depth_m for r in runs], axis=1),
            peak_step=np.concatenate([r.peak_step for r in runs], axis=1),
            first_step=np.concatenate([r.first_step for r in runs], axis=1),
        )
        return outcomes, np.concatenate(dry, axis=1), depth_now

    def _points(self, outcomes: _Outcomes, dry_peak_m: Floats, found: Verdict) -> dict[str, Floats]:
        """Telescope the score: no more rain and nobody special exposed, then the rain, then the exposure."""

        def score(peak_m: Floats) -> Floats:
            p = class_probabilities(peak_m, self.ordinary_impact_m)
            return verdict(p, self.matrix, self.band_minima).score

        fallen, rained = score(dry_peak_m), score(outcomes.peak_depth_m)
        return {"fallen": fallen, "expected": rained - fallen, "exposure": found.score - rained}

    def _columns(
        self, rain: _Rain, outcomes: _Outcomes, depth_now: Floats, found: Verdict, rainfall: xr.Dataset
    ) -> pd.DataFrame:
        hotspots = self.district.hotspots
        frame = pd.DataFrame(hotspots[["hotspot_name", "hotspot_name_en", "kind", "town_code", "lon", "lat"]])
        amounts = rain_amounts(rain.past_mm, rain.future_mm, step_h=rain.step_h)
        for name, values in amounts.columns().items():
            frame[name] = values
        periods = return_periods(amounts, self.formula)
        for name in periods.columns:
            frame[name] = periods[name].to_numpy()
        frame["formula_id"] = self.formula.formula_id
        frame["soil_water_index_mm"] = soil_water_index(rain.past_mm, step_h=rain.step_h, axis=1, lower_bound=True)[0][
            :, -1
        ]
        frame["depth_now_m"] = depth_now
        quantiles = np.quantile(outcomes.peak_depth_m, [0.1, 0.5, 0.9], axis=1)
        frame["depth_p10_m"], frame["depth_p50_m"], frame["depth_p90_m"] = quantiles
        names = ("p_5cm", "p_15cm", "p_27cm", "p_50cm", "p_lethal")
        passed = (outcomes.first_step >= 0).mean(axis=1)
        for index, name in enumerate(names):
            frame[name] = passed[:, index]
        peak_step = np.where(outcomes.peak_depth_m > 0, outcomes.peak_step, -1)
        for name, step in (
            ("first_15cm_at", outcomes.first_step[:, :, 1]),
            ("first_50cm_at", outcomes.first_step[:, :, 3]),
            ("peak_at", peak_step),
        ):
            frame[name] = self._median_time(step, rain).array
        frame["likelihood"], frame["impact"] = found.likelihood, found.impact
        frame["score"], frame["level"] = found.score, found.level
        frame["worst_case_level"] = self._worst_case(frame["depth_p90_m"].to_numpy())
        frame["confidence"] = self._confidence(rain, rainfall)
        frame["unconfirmed"] = rain.suspect
        frame["people_exposed"] = self.exposure["people_exposed"].to_numpy()
        frame["facilities_exposed"] = self.exposure["facilities_exposed"].to_numpy()
        return frame

    @staticmethod
    def _median_time(step: npt.NDArray[np.integer], rain: _Rain) -> pd.Series:
        """Turn steps (-1 never) into the upper median time; NaT if half of the outcomes or more never get there."""
        never = np.iinfo(np.int64).max
        ordered = np.sort(np.where(step < 0, never, step.astype(np.int64)), axis=1)
        median = ordered[:, ordered.shape[1] // 2]
        offsets = pd.to_timedelta(np.where(median == never, 0, median) * rain.step_h, unit="h")
        times = pd.Series(pd.DatetimeIndex(rain.valid_at + offsets).as_unit("ns"))
        return times.where(median != never)

    def _worst_case(self, depth_p90_m: Floats) -> npt.NDArray[np.int64]:
        """Level if the depth that one outcome in ten passes came true: the top likelihood row of the matrix."""
        impact = (depth_p90_m[:, None] >= self.depth_of_impact_m).sum(axis=1)
        levels: npt.NDArray[np.int64] = self.matrix.levels.astype(np.int64)[3, impact]
        return levels

    def _confidence(self, rain: _Rain, rainfall: xr.Dataset) -> npt.NDArray[np.str_]:
        """Cap confidence by the state of the rain: substituted, suspect or old input is never "high"."""
        ladder = int(rainfall.attrs["ladder_step"])
        issued = rainfall.attrs["issued_at"]
        stale = not issued or rain.valid_at - pd.Timestamp(issued) > pd.Timedelta(hours=STALE_FORECAST_H)
        gaps = np.isnan(rain.past_mm).any(axis=1)
        low = rain.past_unknown | rain.future_unknown | (ladder >= 4)
        medium = rain.suspect | gaps | (ladder >= 2) | stale
        return np.where(low, "low", np.where(medium, "medium", "high"))

    def _finish(
        self, frame: pd.DataFrame, points: dict[str, Floats], rain: _Rain, rainfall: xr.Dataset, event_key: str
    ) -> RiskTable:
        hotspots = self.district.hotspots
        behind = frame.assign(
            drain_capacity_mm_h=hotspots["drain_capacity_mm_h"].to_numpy(float), catchment_m2=self.basins.catchment_m2
        )
        facts: list[dict[str, Any]] = [{str(k): v for k, v in row.items()} for row in behind.to_dict("records")]
        frame["reason_zh"] = [sentence_zh(row, horizon_h=self.horizon_h) for row in facts]
        periods = [return_period_text(float(v), "en", formula=self.formula) for v in frame["return_period_a"]]
        frame["reason_en"] = [
            sentence_en(row, horizon_h=self.horizon_h, return_period_text=text)
            for row, text in zip(facts, periods, strict=True)
        ]
        frame["reasons"] = [
            contributions(row, points={name: float(values[h]) for name, values in points.items()})
            for h, row in enumerate(facts)
        ]
        self._mark_unknown(frame, rain.past_unknown | rain.future_unknown)
        table = gpd.GeoDataFrame(frame[list(RISK_COLUMNS)], geometry=hotspots.geometry.to_numpy(), crs=hotspots.crs)
        table.index.name = "hotspot_id"
        kept = (
            "valid_at",
            "issued_at",
            "ladder_step",
            "ladder_zh",
            "ladder_en",
            "gauges_used",
            "gauges_expected",
            "observed_until",
        )
        table.attrs = {
            **{name: rainfall.attrs[name] for name in kept},
            "event_key": event_key,
            "district_code": self.district.settings.district.code,
            "demonstration": bool(self.district.settings.district.demonstration),
            "method_version": METHOD_VERSION,
            "matrix_id": self.matrix_id,
            "formula_id": self.formula.formula_id,
            "horizon_h": self.horizon_h,
        }
        return table

    @staticmethod
    def _mark_unknown(frame: pd.DataFrame, unknown: npt.NDArray[np.bool_]) -> None:
        """Keep a warning level as a lower bound; turn every other level of an unknown hotspot into UNKNOWN."""
        if not unknown.any():
            return
        silent = unknown & (frame["level"].to_numpy() < Level.BLUE)
        frame.loc[silent, "score"] = np.nan
        frame.loc[silent, ["level", "likelihood", "impact"]] = [int(Level.UNKNOWN), -1, -1]
        texts = [unknown_sentences(Level(int(level))) for level in frame.loc[unknown, "level"].to_numpy()]
        frame.loc[unknown, ["reason_zh", "reason_en"]] = texts
        frame.loc[silent, "reasons"] = "[]"


def score_hotspots(
    district: District, terrain: HotspotTerrain, rainfall: xr.Dataset, standards: Standards
) -> RiskTable:
    """Score one cycle without keeping the scorer; see `HotspotScorer`.

    Parameters
    ----------
    district : District
    terrain : HotspotTerrain
    rainfall : Dataset
    standards : Standards

    Returns
    -------
    RiskTable
    """
    return HotspotScorer(district, terrain, standards).score(rainfall)
