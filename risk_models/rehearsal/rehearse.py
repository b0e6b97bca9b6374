"""What each design storm would do at each hotspot."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.forecast.storm import depth_mm
from risk_models.rehearsal.scenarios import STEP_MIN, Scenario, design_scenarios
from risk_models.risk.ponding import HotspotBasins, simulate_ponding
from risk_models.standards import DepthClass, Standards, StormFormula
from risk_models.terrain import HotspotTerrain

if TYPE_CHECKING:
    from risk_models.district import District

__all__ = [
    "AFTERMATH_MIN",
    "DRAIN_FACTOR",
    "REHEARSAL_COLUMNS",
    "STANDARD_DEPTH_M",
    "burst_capacity_mm_h",
    "rehearse",
]

#: Time watched after the rain has ended, min.
AFTERMATH_MIN = 360
HOUR_MIN = 60.0
#: Share of the drain capacity that works: some inlets are always blocked (an assumption, the central one of scoring).
DRAIN_FACTOR = 0.9
#: Depth at which a road no longer meets the internal-flooding standard: one lane with at most 15 cm (GB 51222).
STANDARD_DEPTH_M = 0.15

#: Columns of `rehearse`, with unit and meaning.
REHEARSAL_COLUMNS: dict[str, str] = {
    "scenario_id": "design storm",
    "hotspot_id": "hotspot",
    "return_period_a": "years",
    "duration_min": "min",
    "formula_id": "storm formula",
    "is_extrapolated": "bool; True if the duration lies outside those the formula was fitted to",
    "rain_total_mm": "mm",
    "peak_depth_m": "m; greatest depth until 6 h after the rain",
    "peak_min": "min after the storm began, end of the step; NaN if it stays dry",
    "depth_class": "key of the depth class of the peak",
    "minutes_over_15cm": "min with at least 15 cm, until 6 h after the rain",
}


def rehearse(
    district: District,
    terrain: HotspotTerrain,
    standards: Standards,
    *,
    return_periods_a: Sequence[float] = (2, 5, 10, 20, 50, 100),
    durations_min: Sequence[int] = (60, 180, 1440),
) -> pd.DataFrame:
    """Run design storms over all hotspots, each from dry soil, the same rain everywhere.

    Drains are taken to be sized for the time of concentration, see `burst_capacity_mm_h`.

    Parameters
    ----------
    district : District
        Its ``hotspots`` (drain and pump capacity, kind) and choice of standards are used.
    terrain : HotspotTerrain
        Of the same hotspots.
    standards : Standards
        Storm formulas and depth classes.
    return_periods_a : sequence of float
        Years, within the range of the formula.
    durations_min : sequence of int
        Minutes, multiples of 5.

    Returns
    -------
    DataFrame
        A row per scenario and hotspot, scenarios by duration and return period, hotspots as in the register; columns
        `REHEARSAL_COLUMNS`.

    Raises
    ------
    ValueError
        If terrain and register do not name the same hotspots, or a scenario cannot be made.
    """
    hotspots = district.hotspots
    if not terrain.features.index.equals(hotspots.index):
        raise ValueError("terrain is not that of the district's hotspots; compute it anew")
    picks = district.settings.standards
    formula = standards.storm_formula(picks.storm_formula)
    scenarios = design_scenarios(formula, return_periods_a, durations_min)
    drain_capacity_mm_h = burst_capacity_mm_h(
        formula,
        hotspots["drain_capacity_mm_h"].to_numpy(float),
        terrain.features["time_of_concentration_min"].to_numpy(float),
    )
    basins = HotspotBasins.from_terrain(terrain, drain_capacity_mm_h, hotspots["pump_capacity_m3_s"].to_numpy(float))
    kinds = hotspots["kind"].astype(str).tolist()
    classes = {kind: standards.depth_classes(picks.depth_classes, kind) for kind in set(kinds)}
    parts = [
        _run(basins, list(group), hotspots.index, kinds, classes)
        for _, group in groupby(scenarios, key=lambda scenario: scenario.duration_min)
    ]
    return pd.concat(parts, ignore_index=True)


def burst_capacity_mm_h(
    formula: StormFormula, hourly_mm_h: npt.NDArray[np.float64], concentration_min: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the rate that drains carry during the burst for which they were sized.

    The register tells the mean rate of an hour, which fits hourly rain. Drains are sized by the rational
    method for the intensity over the time of concentration, which is higher: with the storm formula by
    ``i(t_c) / i(60 min)``, the same for every return period. Without it a drain built for two years would fail in
    every two-year storm whose rain comes in steps of minutes.

    Parameters
    ----------
    formula : StormFormula
    hourly_mm_h : ndarray (H,)
        Drain capacity of the register, mm/h.
    concentration_min : ndarray (H,)
        Time of concentration, min; used between the shortest time of the formula and an hour.

    Returns
    -------
    ndarray (H,)
        mm/h, never below the register.

    References
    ----------
    GB 50014 (outdoor drainage design standard): design flow = runoff coefficient x intensity of the return period over
    the time of concentration x area.

    Examples
    --------
    >>> from risk_models.standards import load_standards
    >>> f2 = load_standards().storm_formula("zz-f2")
    >>> burst_capacity_mm_h(f2, np.array([40.0, 40.0]), np.array([10.0, 90.0])).round(1).tolist()
    [98.7, 40.0]
    """
    minutes = np.clip(concentration_min, formula.minutes_min, HOUR_MIN)
    of_an_hour = depth_mm(formula, formula.period_min_a, HOUR_MIN)
    burst: npt.NDArray[np.float64] = depth_mm(formula, formula.period_min_a, minutes) * HOUR_MIN / minutes
    return hourly_mm_h * (burst / of_an_hour)


def _run(
    basins: HotspotBasins,
    scenarios: list[Scenario],
    hotspot_ids: pd.Index,
    kinds: list[str],
    classes: dict[str, tuple[DepthClass, ...]],
) -> pd.DataFrame:
    """Run the scenarios of one duration at once, one member each."""
    storm_mm = np.stack([scenario.rain_mm for scenario in scenarios])
    storm_mm = np.pad(storm_mm, ((0, 0), (0, AFTERMATH_MIN // STEP_MIN)))
    result = simulate_ponding(
        basins,
        np.broadcast_to(storm_mm, (len(basins), *storm_mm.shape)),
        step_h=STEP_MIN / 60.0,
        thresholds_m=(STANDARD_DEPTH_M,),
        drain_factor=DRAIN_FACTOR,
    )
    per_scenario = [
        pd.DataFrame(
            {
                "scenario_id": scenario.scenario_id,
                "hotspot_id": hotspot_ids.to_numpy(),
                "return_period_a": scenario.return_period_a,
                "duration_min": scenario.duration_min,
                "formula_id": scenario.formula_id,
                "is_extrapolated": scenario.is_extrapolated,
                "rain_total_mm": scenario.rain_total_mm,
                "peak_depth_m": result.peak_depth_m[:, i],
                "peak_min": _peak_min(result.peak_depth_m[:, i], result.peak_step[:, i]),
                "depth_class": _class_keys(result.peak_depth_m[:, i], kinds, classes),
                "minutes_over_15cm": result.wet_steps[:, i, 0] * STEP_MIN,
            }
        )
        for i, scenario in enumerate(scenarios)
    ]
    return pd.concat(per_scenario, ignore_index=True)[list(REHEARSAL_COLUMNS)]


def _peak_min(depth_m: npt.NDArray[np.float64], step: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    return np.where(depth_m > 0.0, step * float(STEP_MIN), np.nan)


def _class_keys(
    depth_m: npt.NDArray[np.float64], kinds: list[str], classes: dict[str, tuple[DepthClass, ...]]
) -> list[str]:
    """Return the key of the deepest class that each depth reaches."""
    keys = []
    for depth, kind in zip(depth_m, kinds, strict=True):
        reached = [item for item in classes[kind] if item.depth_min_m <= depth]
        keys.append(max(reached, key=lambda item: item.depth_min_m).key if reached else "")
    return keys
