"""Score one block of hotspots: rain in, columns of the risk table out.

A block holds whole components of the spill network, so that blocks do not depend on each other: they can be scored in
turn with bounded memory, or on several machines.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from risk_models.district.rain_error import RainError
from risk_models.forecast.rainfall import Origin, validate_rainfall
from risk_models.forecast.storm import return_period_text
from risk_models.forecast.wetness import soil_water_index
from risk_models.levels import Level
from risk_models.observation.state import Now
from risk_models.risk.ahead import danger_times, modelled_now, run_ahead, shifted
from risk_models.risk.combined import SHARE_FEATURES, LearnedOpinion, chance_of_depths
from risk_models.risk.criteria import OrderCriteria, OrderPhase, within_columns
from risk_models.risk.explain import PHYSICAL_FACTORS, RECENT_RAIN_H, Run, physical_points
from risk_models.risk.exposure import is_day
from risk_models.risk.impact import MatrixResult, apply_matrix, class_probabilities
from risk_models.risk.outages import capacity_shares, outage_notes
from risk_models.risk.ponding import HotspotBasins, simulate_ponding, wet_state
from risk_models.risk.ponding_kernel import depths_at
from risk_models.risk.rain_amounts import rain_amounts, return_periods
from risk_models.risk.reasons import (
    NOT_ASSESSED_EN,
    NOT_ASSESSED_ZH,
    contributions,
    main_factor,
    sentence_en,
    sentence_zh,
    unknown_sentences,
    with_danger,
)
from risk_models.risk.spread import PlaceSpread, scenario_count
from risk_models.risk.table import RISK_COLUMNS
from risk_models.risk.windows import WINDOWS_H, window_name
from risk_models.standards import RiskMatrix, StormFormula

__all__ = ["BlockScorer"]

Floats = npt.NDArray[np.float64]

#: A gap in the observed rain within these last hours makes the present state of a hotspot unknown.
RECENT_H = 12
QUALITY_SUSPECT = 3
STALE_FORECAST_H = 12
_ROUNDING_M = 1e-9  # water that stands at a depth exactly has reached it
_AT_15CM = SHARE_FEATURES.index("p_15cm")


@dataclass(frozen=True)
class _Rain:
    """Rain cut at the cycle time: past (H, P), future (H, M, T), and what is unknown of each (H,)."""

    past_mm: Floats
    future_mm: Floats
    past_unknown: npt.NDArray[np.bool_]
    future_unknown: npt.NDArray[np.bool_]
    suspect: npt.NDArray[np.bool_]
    stand_in_h: float  # of the last 24 h: by other sources than gauges
    step_ends: pd.DatetimeIndex  # of past, then future
    origin: npt.NDArray[np.int8]  # of past, then future
    issued_at: pd.Timestamp | None  # of the forecast
    valid_at: pd.Timestamp
    step_h: float

    def lead_h(self) -> Floats:
        """Return how far each step's end is ahead of the forecast's issue, or of the cycle where that is unknown."""
        since = self.valid_at if self.issued_at is None else min(self.issued_at, self.valid_at)
        ahead_s = np.asarray((self.step_ends - since).total_seconds(), dtype=np.float64)
        return np.maximum(ahead_s / 3600.0, 0.0)


@dataclass(frozen=True)
class _Outcomes:
    """Equally likely outcomes (scenarios x members) of the horizon, with C threshold depths."""

    peak_depth_m: Floats  # (H, N)
    peak_step: npt.NDArray[np.int32]  # (H, N)
    first_step: npt.NDArray[np.int32]  # (H, N, C)
    central_peak_m: Floats  # (H, M); of the central scenario, which is none of the N
    dry_peak_m: Floats  # (H, scenarios); without any more rain
    window_passed: Floats  # (W, H, C); share of the outcomes
    window_impact: Floats  # (W, H, 3)
    impact_within: Floats  # (W, H, 3)
    depth_now_m: Floats  # (H,)
    now_passed: Floats  # (H, C); share of the scenarios
    capacity_share: Floats  # (H,); the least within the horizon
    has_outage: npt.NDArray[np.bool_]  # (H,); before or within the horizon


@dataclass(frozen=True)
class BlockScorer:
    """What scoring needs of H hotspots; plain arrays and tables, so that it can be sent to another process.

    Attributes
    ----------
    hotspots : DataFrame
        Register columns, without geometry.
    basins : HotspotBasins
    exposure : DataFrame
        See `hotspot_exposure`.
    depth_of_impact_m, unaided_impact_m, ordinary_impact_m : ndarray (H, 3)
        Least depth of each impact class at the hotspot, if no help were at hand, and if it were an ordinary road.
    thresholds_m : tuple of float
        Depths whose passing is told.
    matrix : RiskMatrix
    band_minima : ndarray (4,)
    criteria : OrderCriteria
        When a place may be ordered about.
    formula : StormFormula
    horizon_h : int
    typical, undrained : HotspotBasins
        See `typical_place`.
    spread : PlaceSpread
        What is not known of each hotspot.
    rain_error : RainError
        Of forecast and fallen rain.
    learned : LearnedOpinion or None
    timezone : str
        Of local time, which decides between day and night.
    explain_from : int
        Level from which a score is split into all its factors.
    """

    hotspots: pd.DataFrame
    basins: HotspotBasins
    exposure: pd.DataFrame
    depth_of_impact_m: Floats
    unaided_impact_m: Floats
    ordinary_impact_m: Floats
    thresholds_m: tuple[float, ...]
    matrix: RiskMatrix
    band_minima: Floats
    criteria: OrderCriteria
    formula: StormFormula
    horizon_h: int
    typical: HotspotBasins
    undrained: HotspotBasins
    spread: PlaceSpread
    rain_error: RainError
    learned: LearnedOpinion | None
    timezone: str
    explain_from: int

    def take(self, rows: npt.NDArray[np.intp]) -> BlockScorer:
        """Return the scorer of some hotspots, whole components of the network."""
        return replace(
            self,
            hotspots=self.hotspots.iloc[rows],
            basins=self.basins.take(rows),
            exposure=self.exposure.iloc[rows],
            depth_of_impact_m=self.depth_of_impact_m[rows],
            unaided_impact_m=self.unaided_impact_m[rows],
            ordinary_impact_m=self.ordinary_impact_m[rows],
            typical=self.typical.take(rows),
            undrained=self.undrained.take(rows),
            spread=self.spread.take(rows),
            learned=None if self.learned is None else self.learned.take(rows),
        )

    def score(
        self,
        rainfall: xr.Dataset,
        *,
        soil_water_mm: Floats | None = None,
        outages: pd.DataFrame | None = None,
        threads: int = 1,
    ) -> pd.DataFrame:
        """Score one cycle.

        Parameters
        ----------
        rainfall : Dataset
            Of these hotspots, in this order.
        soil_water_mm : ndarray (H,), optional
            Water the soil held before the first step, mm; NaN counts as none.
        outages : DataFrame, optional
            In the shape of `District.outages`.
        threads : int
            Threads of the ponding model.

        Returns
        -------
        DataFrame
            Columns `RISK_COLUMNS`.

        Raises
        ------
        BadInputError
            If the rain breaks its contract.
        ValueError
            If it is for other hotspots.
        """
        rain = self._split(rainfall)
        outcomes = self._simulate(rain, soil_water_mm, outages, threads)
        probabilities = class_probabilities(outcomes.peak_depth_m, self.depth_of_impact_m)
        passed = (outcomes.first_step >= 0).mean(axis=1)
        shares = probabilities, passed
        learned = np.full(len(probabilities), np.nan)
        if self.learned is not None:
            probabilities, passed, learned = self._learned(self.learned, rain, probabilities, passed)
        found = apply_matrix(probabilities, self.matrix, self.band_minima)
        points = self._points(rain, outcomes, found, soil_water_mm, threads)
        frame = self._columns(rain, outcomes, found, soil_water_mm).assign(learned_probability=learned)
        frame[list(SHARE_FEATURES)] = passed
        self._add_now_and_ahead(frame, rain, outcomes, shares, (probabilities, passed))
        frame["confidence"] = self._confidence(rain, rainfall)
        return self._explain(frame, points, rain, outages)

    def _learned(
        self, opinion: LearnedOpinion, rain: _Rain, probabilities: Floats, passed: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Return chances of impact classes (H, 3) and depths (H, C), and what was learned of the first depth (H,)."""
        amounts = rain_amounts(rain.past_mm, rain.future_mm, step_h=rain.step_h)
        chance, beyond = opinion.chance(
            amounts.columns(),
            dict(zip(SHARE_FEATURES, passed.T, strict=True)),
            valid_at=rain.valid_at,
            unknown=rain.past_unknown | rain.future_unknown,
        )
        depth_m = np.broadcast_to(self.thresholds_m, passed.shape)
        at_impact, at_depth = (
            chance_of_depths(depths, share, chance, learned_depth_m=opinion.verification.depths_m, beyond=beyond)
            for depths, share in ((self.depth_of_impact_m, probabilities), (depth_m, passed))
        )
        return at_impact, at_depth, chance[:, 0]

    def _split(self, rainfall: xr.Dataset) -> _Rain:
        validate_rainfall(rainfall)
        if list(rainfall["hotspot"].values) != list(self.hotspots.index):
            raise ValueError("rainfall is for other hotspots, or in another order, than the district's register")
        step_h = float(rainfall.attrs["step_h"])
        valid_at = pd.Timestamp(rainfall.attrs["valid_at"])
        time = pd.DatetimeIndex(rainfall["time"].values).tz_localize("UTC")
        past, future = time <= valid_at, (time > valid_at) & (time <= valid_at + pd.Timedelta(hours=self.horizon_h))
        rain_mm = rainfall["rain_mm"].transpose("hotspot", "member", "time")
        # the observed part is the same in all members: it is taken once
        past_mm = rain_mm[:, 0, past].to_numpy().astype(np.float64)
        future_mm = rain_mm[:, :, future].to_numpy().astype(np.float64)
        recent = round(RECENT_H / step_h)
        quality = rainfall["quality"].transpose("hotspot", "time").to_numpy()[:, past]
        fallback = (rainfall["origin"].to_numpy()[past] == Origin.FALLBACK)[-round(RECENT_RAIN_H / step_h) :]
        short = future_mm.shape[2] < round(self.horizon_h / step_h)
        issued = rainfall.attrs["issued_at"]
        origin = rainfall["origin"].to_numpy()
        return _Rain(
            past_mm=past_mm,
            future_mm=future_mm,
            past_unknown=np.isnan(past_mm[:, -recent:]).any(axis=1) | (past_mm.shape[1] < recent),
            future_unknown=np.isnan(future_mm).any(axis=(1, 2)) | short,
            suspect=(quality[:, -recent:] == QUALITY_SUSPECT).any(axis=1),
            stand_in_h=float(fallback.sum()) * step_h,
            step_ends=pd.DatetimeIndex(time[past].append(time[future])),
            origin=np.concatenate([origin[past], origin[future]]),
            issued_at=pd.Timestamp(issued) if issued else None,
            valid_at=valid_at,
            step_h=step_h,
        )

    def _simulate(
        self, rain: _Rain, soil_water_mm: Floats | None, outages: pd.DataFrame | None, threads: int
    ) -> _Outcomes:
        """Run the past once and the horizon for every member, under each scenario.

        Unknown steps enter as 0 mm, so depths are lower bounds there; `_mark_unknown` marks them so.
        """
        shares = capacity_shares(outages, list(self.hotspots.index), rain.step_ends, step_h=rain.step_h)
        n_past = rain.past_mm.shape[1]
        fixed = shares.drain.shape[1] == 1
        before, ahead = (shares, shares) if fixed else (shares.steps(slice(n_past)), shares.steps(slice(n_past, None)))
        members = rain.future_mm.shape[1]
        scenarios = self.spread.scenarios(scenario_count(members))
        steps = rain.origin, rain.lead_h()
        error = scenarios.rain_factor(self.rain_error.log_sd(*steps), self.rain_error.log_mean(*steps))
        common: dict[str, Any] = {
            "step_h": rain.step_h,
            **scenarios.place_factors(),
            "account": False,
            "threads": threads,
        }
        start = None
        if soil_water_mm is not None:
            start = wet_state(self.basins, soil_water_mm).repeat(len(scenarios))
        past = np.nan_to_num(rain.past_mm)[:, None, :]
        now = simulate_ponding(
            self.basins, past, state=start, shares=before, rain_factor=error[:, :n_past], **common
        ).final
        no_more = np.zeros((len(past), 1, rain.future_mm.shape[2]))
        still = simulate_ponding(self.basins, no_more, state=now, shares=ahead, **common)
        run = run_ahead(
            self.basins, np.nan_to_num(rain.future_mm), state=now.repeat(members), shares=ahead,
            thresholds_m=self.thresholds_m, rain_factor=error[:, n_past:],
            depth_of_impact_m=self.depth_of_impact_m, central=members, **common,
        )  # fmt: skip
        standing_m3 = np.ascontiguousarray(now.ponded_m3 / scenarios.sag)
        curves = np.ascontiguousarray(self.basins.curve_depth_m), np.ascontiguousarray(self.basins.curve_volume_m3)
        standing_m = depths_at(standing_m3, *curves)
        return _Outcomes(
            peak_depth_m=run.peak_depth_m[:, members:],
            peak_step=run.peak_step[:, members:],
            first_step=run.first_step[:, members:],
            central_peak_m=run.peak_depth_m[:, :members],
            dry_peak_m=still.peak_depth_m[:, 1:],
            window_passed=run.passed,
            window_impact=run.impact,
            impact_within=run.within,
            depth_now_m=standing_m[:, 0],
            now_passed=(standing_m[:, 1:, None] >= np.array(self.thresholds_m) - _ROUNDING_M).mean(axis=1),
            capacity_share=ahead.least,
            has_outage=shares.least < 1.0,
        )

    def _points(
        self, rain: _Rain, outcomes: _Outcomes, found: MatrixResult, soil_water_mm: Floats | None, threads: int
    ) -> dict[str, Floats]:
        """Telescope the score (see `explain`); where nothing is warned only rain and exposure are told apart."""

        def score(peak_m: Floats, impact_m: Floats) -> Floats:
            return apply_matrix(class_probabilities(peak_m, impact_m), self.matrix, self.band_minima).score

        fallen = score(outcomes.dry_peak_m, self.ordinary_impact_m)
        rained = score(outcomes.peak_depth_m, self.ordinary_impact_m)
        unaided = score(outcomes.peak_depth_m, self.unaided_impact_m)
        aided = score(outcomes.peak_depth_m, self.depth_of_impact_m)
        points = {"fallen": fallen, "expected": rained - fallen}
        points |= {factor: np.full_like(rained, np.nan) for factor in PHYSICAL_FACTORS}
        points |= {"exposure": unaided - rained, "capacity": aided - unaided, "record": found.score - aided}
        is_warned = found.level >= self.explain_from
        if is_warned.any():
            run = Run(np.nan_to_num(rain.past_mm), np.nan_to_num(rain.future_mm), soil_water_mm, rain.step_h, threads)
            central = working = score(outcomes.central_peak_m, self.ordinary_impact_m)
            scenario = self.spread.scenarios(0)
            if outcomes.has_outage.any():
                whole_m = run.peaks(self.basins, scenario, recent=True, older=True, ahead=True)
                working = score(whole_m, self.ordinary_impact_m)
            rows, split = physical_points(
                self.typical, self.undrained, is_warned, run, scenario=scenario, working=working, central=central,
                rained=rained, score_of=lambda peak_m, rows: score(peak_m, self.ordinary_impact_m[rows]),
            )  # fmt: skip
            for factor, values in split.items():
                points[factor][rows] = values
            points["outage"][~outcomes.has_outage & (points["outage"] == 0.0)] = np.nan
        return points

    def _columns(
        self, rain: _Rain, outcomes: _Outcomes, found: MatrixResult, soil_water_mm: Floats | None
    ) -> pd.DataFrame:
        frame = pd.DataFrame(self.hotspots[["hotspot_name", "hotspot_name_en", "kind", "town_code", "lon", "lat"]])
        amounts = rain_amounts(rain.past_mm, rain.future_mm, step_h=rain.step_h)
        for name, values in amounts.columns().items():
            frame[name] = values
        periods = return_periods(amounts, self.formula)
        for name in periods.columns:
            frame[name] = periods[name].to_numpy()
        frame["formula_id"] = self.formula.formula_id
        frame["soil_water_index_mm"] = _soil_water_now_mm(rain, soil_water_mm)
        frame["depth_now_m"] = outcomes.depth_now_m
        frame["sag_known"] = self.spread.sag_known
        quantiles = np.quantile(outcomes.peak_depth_m, [0.1, 0.5, 0.9], axis=1)
        frame["depth_p10_m"], frame["depth_p50_m"], frame["depth_p90_m"] = quantiles
        for name in SHARE_FEATURES:
            frame[name] = np.nan  # in its place; filled in by `score`
        peak_step = np.where(outcomes.peak_depth_m > 0, outcomes.peak_step, -1)
        for name, step in (
            ("first_15cm_at", outcomes.first_step[:, :, 1]),
            ("first_50cm_at", outcomes.first_step[:, :, 3]),
            ("peak_at", peak_step),
        ):
            frame[name] = self._median_time(step, rain).array
        frame["likelihood"], frame["impact"] = found.likelihood, found.impact
        frame["score"], frame["matrix_level"] = found.score, found.level
        frame["place"] = 0  # of the whole district; filled in when its blocks are put together
        frame["worst_case_level"] = self._worst_case(frame["depth_p90_m"].to_numpy())
        frame["unconfirmed"] = rain.suspect
        time = "day" if is_day(rain.valid_at, self.timezone) else "night"
        frame["people_exposed"] = self.exposure[f"people_{time}"].to_numpy()
        for name in ("facilities_exposed", "people_day", "people_night", "capacity_ready"):
            frame[name] = self.exposure[name].to_numpy()
        frame["people_in_water"], frame["buildings_in_water"], frame["exposure"] = np.nan, np.nan, ""
        frame["capacity_share"] = outcomes.capacity_share
        return frame

    def _add_now_and_ahead(
        self,
        frame: pd.DataFrame,
        rain: _Rain,
        outcomes: _Outcomes,
        shares: tuple[Floats, Floats],
        told: tuple[Floats, Floats],
    ) -> None:
        """Add what is now, what each window holds, and the times of an order; `shares` become what is `told`."""
        now = shifted(outcomes.now_passed, shares[1], told[1])
        kinds, assessed = frame["kind"], self.criteria.assesses(frame["kind"])
        states = np.array([str(state) for state in modelled_now(now[:, _AT_15CM], rain.past_unknown)])
        frame["now"] = np.where(assessed, states, str(Now.UNKNOWN))
        frame["p_now_15cm"] = now[:, _AT_15CM]
        frame["now_class"] = (now > 0.5).sum(axis=1)
        frame["now_since"], frame["now_seen_at"] = _no_time(len(frame)), _no_time(len(frame))
        frame["now_by"], frame["observed_depth_m"] = "", np.nan
        within = np.stack([shifted(part, shares[0], told[0]) for part in outcomes.impact_within])
        for column, (window, place) in within_columns().items():
            frame[column] = within[window, :, place]
        ordered = self.criteria.order(within, kinds)
        frame["level"], frame["order_phase"] = ordered.level, ordered.phase
        frame["order_criterion"], frame["order_chance"] = ordered.criterion, ordered.chance
        for window, (window_h, passed, impact) in enumerate(
            zip(WINDOWS_H, outcomes.window_passed, outcomes.window_impact, strict=True)
        ):
            name = window_name(window_h)
            known = not np.isnan(passed).all()
            level = self.criteria.of_window(shifted(impact, shares[0], told[0]), window, kinds)
            frame[f"p_15cm_{name}"] = shifted(passed, shares[1], told[1])[:, _AT_15CM]
            frame[f"level_{name}"] = level if known else int(Level.UNKNOWN)
        times = danger_times(
            outcomes.first_step[:, :, _AT_15CM], outcomes.peak_step, valid_at=rain.valid_at, step_h=rain.step_h
        )
        for name in times.columns:
            frame[name] = times[name].array

    @staticmethod
    def _median_time(step: npt.NDArray[np.int32], rain: _Rain) -> pd.Series:
        """Turn steps (-1 never) into the upper median time; NaT if half of the outcomes or more never get there."""
        never, middle = np.iinfo(np.int32).max, step.shape[1] // 2
        median = np.partition(np.where(step < 0, never, step), middle, axis=1)[:, middle]
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

    def _explain(
        self, frame: pd.DataFrame, points: dict[str, Floats], rain: _Rain, outages: pd.DataFrame | None
    ) -> pd.DataFrame:
        behind = frame.assign(
            drain_capacity_mm_h=self.hotspots["drain_capacity_mm_h"].to_numpy(float),
            catchment_m2=self.basins.catchment_m2,
            stand_in_h=rain.stand_in_h,
        )
        facts: list[dict[str, Any]] = [{str(k): v for k, v in row.items()} for row in behind.to_dict("records")]
        ahead = rain.valid_at + pd.Timedelta(hours=self.horizon_h)
        notes = outage_notes(outages, rain.valid_at, ahead, zone=self.timezone)
        for hotspot_id, row in zip(frame.index, facts, strict=True):
            if hotspot_id in notes:
                row["outage_zh"], row["outage_en"] = notes[hotspot_id]
                row["outage_share"] = row["capacity_share"]
        told = {name: values for name, values in points.items() if name != "record" or self.learned is not None}
        shares = [
            {name: float(values[h]) for name, values in told.items() if not np.isnan(values[h])}
            for h in range(len(facts))
        ]
        is_warned = frame["matrix_level"].to_numpy() >= Level.BLUE
        mains = [main_factor(share) if warned else None for share, warned in zip(shares, is_warned, strict=True)]
        periods = [return_period_text(float(v), "en", formula=self.formula) for v in frame["return_period_a"]]
        said = [
            (
                sentence_zh(row, horizon_h=self.horizon_h, main=main),
                sentence_en(row, horizon_h=self.horizon_h, return_period_text=text, main=main),
            )
            for row, text, main in zip(facts, periods, mains, strict=True)
        ]
        rows = zip(said, facts, is_warned, strict=True)
        said = [with_danger(one, row, zone=self.timezone) if warned else one for one, row, warned in rows]
        frame["reason_zh"], frame["reason_en"] = (
            (list(texts) for texts in zip(*said, strict=True)) if said else ("", "")
        )
        frame["reasons"] = [contributions(row, points=share) for row, share in zip(facts, shares, strict=True)]
        self._mark_unknown(frame, rain.past_unknown | rain.future_unknown)
        _mark_not_assessed(frame, ~self.criteria.assesses(frame["kind"]))
        return frame[list(RISK_COLUMNS)]

    @staticmethod
    def _mark_unknown(frame: pd.DataFrame, unknown: npt.NDArray[np.bool_]) -> None:
        """Keep a warning level as a lower bound; turn every other level of an unknown hotspot into UNKNOWN."""
        if not unknown.any():
            return
        silent = unknown & (frame["level"].to_numpy() < Level.BLUE)
        for window_h in WINDOWS_H:
            name = f"level_{window_name(window_h)}"
            frame.loc[unknown & (frame[name].to_numpy() < Level.BLUE), name] = int(Level.UNKNOWN)
        frame.loc[silent, "score"] = np.nan
        frame.loc[silent, ["level", "matrix_level"]] = int(Level.UNKNOWN)
        frame.loc[silent, ["likelihood", "impact"]] = -1
        frame.loc[silent, "order_phase"] = str(OrderPhase.UNKNOWN)
        texts = [unknown_sentences(Level(int(level))) for level in frame.loc[unknown, "level"].to_numpy()]
        frame.loc[unknown, ["reason_zh", "reason_en"]] = texts
        frame.loc[silent, "reasons"] = "[]"


def _mark_not_assessed(frame: pd.DataFrame, not_assessed: npt.NDArray[np.bool_]) -> None:
    """Say first that a slope, dam or river bank is not assessed: what follows is water at the spot."""
    frame.loc[not_assessed, "order_phase"] = str(OrderPhase.NOT_ASSESSED)
    frame.loc[not_assessed, "reason_zh"] = NOT_ASSESSED_ZH + frame.loc[not_assessed, "reason_zh"]
    frame.loc[not_assessed, "reason_en"] = NOT_ASSESSED_EN + frame.loc[not_assessed, "reason_en"]


def _no_time(count: int) -> pd.DatetimeIndex:
    """Return as many times that are not known."""
    return pd.DatetimeIndex([pd.NaT] * count, tz="UTC").as_unit("ns")


def _soil_water_now_mm(rain: _Rain, before_mm: Floats | None) -> Floats:
    """Return the soil water index at the cycle time, unknown rain counted as none.

    Water held before the first step is put into the second and third tank in equal parts: after days without the rain
    that brought it, the first one has run dry (an assumption).
    """
    half_mm = np.zeros(len(rain.past_mm)) if before_mm is None else np.nan_to_num(before_mm) / 2.0
    start_mm = np.stack([np.zeros_like(half_mm), half_mm, half_mm])
    index_mm, _ = soil_water_index(
        rain.past_mm,
        step_h=rain.step_h,
        substeps=max(1, round(6 * rain.step_h)),
        axis=1,
        state_mm=start_mm,
        lower_bound=True,
    )
    return index_mm[:, -1]
