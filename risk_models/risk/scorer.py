"""Score hotspots: rain in, risk table out.

The scorer holds what does not change from cycle to cycle (basins, exposure, standards), so a cycle costs one pass of
the ponding kernel over members and a few quantiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
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
from risk_models.risk.capacity import with_capacity
from risk_models.risk.combined import LearnedOpinion, combine_classes
from risk_models.risk.explain import physical_points
from risk_models.risk.exposure import ContourExposure, exposure_json, hotspot_exposure, is_day
from risk_models.risk.impact import Verdict, class_probabilities, verdict
from risk_models.risk.ponding import HotspotBasins, PondingResult, PondingState, simulate_ponding
from risk_models.risk.rain_amounts import rain_amounts, return_periods
from risk_models.risk.reasons import contributions, main_factor, sentence_en, sentence_zh, unknown_sentences
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
        self.terrain = terrain
        self.learned = LearnedOpinion(district, terrain) if district.settings.model else None
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
        vulnerability = self.exposure["vulnerability"].to_numpy()
        self.unaided_impact_m = depth_of_impact[vulnerability]
        self.depth_of_impact_m = with_capacity(
            self.unaided_impact_m, vulnerability, self.exposure["capacity_ready"].to_numpy()
        )
        self.ordinary_impact_m = np.broadcast_to(depth_of_impact[0], self.depth_of_impact_m.shape)

    @cached_property
    def contour(self) -> ContourExposure | None:
        """What stands in the water at any depth; None without layers of the risk census."""
        census = {"population_day", "population_night"} & set(self.district.rasters)
        return ContourExposure(self.district, self.terrain) if census or self.district.buildings is not None else None

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
        learned = self._learned_probability(rain)
        if self.learned is not None:
            probabilities = combine_classes(probabilities, learned, n_events=self.learned.n_events)
        found = verdict(probabilities, self.matrix, self.band_minima)
        points = self._points(rain, outcomes, dry, found)
        columns = self._columns(rain, outcomes, depth_now, found, rainfall).assign(learned_probability=learned)
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

    def _learned_probability(self, rain: _Rain) -> Floats:
        if self.learned is None:
            return np.full(len(rain.past_mm), np.nan)
        amounts = rain_amounts(rain.past_mm, rain.future_mm, step_h=rain.step_h)
        return self.learned.probability(pd.DataFrame(amounts.columns()))

    def _points(self, rain: _Rain, outcomes: _Outcomes, dry_peak_m: Floats, found: Verdict) -> dict[str, Floats]:
        """Telescope the score (see `explain`); where nothing is warned only rain and exposure are told apart."""

        def score(peak_m: Floats, impact_m: Floats) -> Floats:
            return verdict(class_probabilities(peak_m, impact_m), self.matrix, self.band_minima).score

        fallen = score(dry_peak_m, self.ordinary_impact_m)
        rained = score(outcomes.peak_depth_m, self.ordinary_impact_m)
        unaided = score(outcomes.peak_depth_m, self.unaided_impact_m)
        aided = score(outcomes.peak_depth_m, self.depth_of_impact_m)
        unknown = np.full_like(rained, np.nan)
        points = {"fallen": fallen, "expected": rained - fallen}
        points |= {factor: unknown.copy() for factor in ("wetness", "catchment", "drains")}
        points |= {"exposure": unaided - rained, "capacity": aided - unaided, "record": found.score - aided}
        rows = np.flatnonzero(found.level >= Level.BLUE)
        if len(rows):
            split = physical_points(
                self.basins, rows, np.nan_to_num(rain.past_mm), np.nan_to_num(rain.future_mm), step_h=rain.step_h,
                parameter_sets=PARAMETER_SETS, score_of=lambda peak_m: score(peak_m, self.ordinary_impact_m[rows]),
                rained=rained[rows],
            )  # fmt: skip
            for factor, values in split.items():
                points[factor][rows] = values
        return points

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
        return frame.join(self._exposed(frame["depth_p90_m"].to_numpy(), rain.valid_at))

    def _exposed(self, depth_p90_m: Floats, valid_at: pd.Timestamp) -> pd.DataFrame:
        """Return the columns of exposure: at the local hour, by day, at night, and in the water of the 90 % depth."""
        time = "day" if is_day(valid_at, self.district.settings.district.timezone) else "night"
        wet = self.contour.at(depth_p90_m) if self.contour is not None else None
        table = self.exposure if wet is None else self.exposure.join(wet)
        frame = self.exposure[["facilities_exposed", "people_day", "people_night", "capacity_ready"]].copy()
        frame["people_exposed"] = self.exposure[f"people_{time}"]
        frame["people_in_water"] = np.nan if wet is None else wet[f"people_in_water_{time}"].astype("float64")
        frame["buildings_in_water"] = np.nan if wet is None else wet["buildings_in_water"].astype("float64")
        frame["exposure"] = [
            exposure_json({str(name): value for name, value in row.items()}) for row in table.to_dict("records")
        ]
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
        shares = [
            {name: float(values[h]) for name, values in points.items() if not np.isnan(values[h])}
            for h in range(len(facts))
        ]
        if self.learned is None:
            shares = [{name: value for name, value in share.items() if name != "record"} for share in shares]
        mains = [
            main_factor(share) if row["level"] >= Level.BLUE else None for share, row in zip(shares, facts, strict=True)
        ]
        frame["reason_zh"] = [
            sentence_zh(row, horizon_h=self.horizon_h, main=main) for row, main in zip(facts, mains, strict=True)
        ]
        periods = [return_period_text(float(v), "en", formula=self.formula) for v in frame["return_period_a"]]
        frame["reason_en"] = [
            sentence_en(row, horizon_h=self.horizon_h, return_period_text=text, main=main)
            for row, text, main in zip(facts, periods, mains, strict=True)
        ]
        frame["reasons"] = [contributions(row, points=share) for row, share in zip(facts, shares, strict=True)]
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
