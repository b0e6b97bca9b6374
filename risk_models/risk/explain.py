"""What each factor adds to a score: the same storm and place with one thing after another taken away.

Every run uses all members, with the central scenario until step 5. With ``S(.)`` the score of a run, on an
ordinary road:

1. a *typical place* of the register (median drain capacity, no pump, median catchment per storage), on ground dry for
   long, under the rain of the last 24 h only ``S(f)``, the expected rain only ``S(e)``, and both ``S(fe)``. The two
   rains share what they make together: ``fallen = (S(f) + S(fe) - S(e)) / 2`` and
   ``expected = (S(e) + S(fe) - S(f)) / 2``;
2. *wetness*: plus the rain that fell before the last 24 h and the water the soil held before that;
3. *catchment*: plus the places' own catchments, with what spills down from others;
4. *drains*: plus their own drains and pumps, all in order; *outage*: less what is out of order;
5. *uncertainty*: plus what is not known of drains, catchments, sags and rain (all scenarios): what the level rests on;
6. *exposure*: plus its own vulnerability; *capacity*: plus help at hand; *record*: plus the learned probability.

Each factor is the change of the score at its step, so they add up to the score by construction. A negative one means
that the place is better off than a typical one. The mean of the two orders in the first step is the Shapley value of
the two rains; the order of the other steps is a choice.

References
----------
Shapley, L. S. (1953) A value for n-person games, Contributions to the Theory of Games II, 307-317.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from risk_models.risk.ponding import HotspotBasins, simulate_ponding, wet_state
from risk_models.risk.spread import Scenarios

__all__ = ["PHYSICAL_FACTORS", "RECENT_RAIN_H", "Run", "physical_points", "typical_place"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
#: Rain that fell within these hours is "fallen", what fell before is "wetness".
RECENT_RAIN_H = 24
#: Factors that only a run of their own tells apart.
PHYSICAL_FACTORS = ("wetness", "catchment", "drains", "outage", "uncertainty")


def typical_place(basins: HotspotBasins) -> tuple[HotspotBasins, HotspotBasins]:
    """Return the register with typical catchments and drains, and with its own catchments but typical drains.

    Parameters
    ----------
    basins : HotspotBasins
        Of H hotspots; medians are over all of them.

    Returns
    -------
    HotspotBasins, HotspotBasins
        Storage curves are those of each place in both.
    """
    drain_mm_h = 1000.0 * basins.drain_capacity_m3h / basins.catchment_m2
    storage_m3 = basins.curve_volume_m3[:, -1]
    has_storage = storage_m3 > 0
    ratio = np.median(basins.catchment_m2[has_storage] / storage_m3[has_storage]) if has_storage.any() else 0.0
    catchment_m2 = np.where(has_storage & (ratio > 0), ratio * storage_m3, basins.catchment_m2)
    typical_mm_h = float(np.median(drain_mm_h))
    no_pump = np.zeros_like(basins.pump_capacity_m3h)
    own = replace(basins, drain_capacity_m3h=typical_mm_h / 1000.0 * basins.catchment_m2, pump_capacity_m3h=no_pump)
    return replace(own, catchment_m2=catchment_m2, drain_capacity_m3h=typical_mm_h / 1000.0 * catchment_m2), own


@dataclass(frozen=True)
class Run:
    """The rain of a cycle and the ground before it.

    Attributes
    ----------
    past_mm : ndarray (H, P)
    future_mm : ndarray (H, M, T)
        Finite, mm in a step.
    soil_water_mm : ndarray (H,) or None
        Water the soil held before the first step.
    step_h : float
    threads : int
    """

    past_mm: Floats
    future_mm: Floats
    soil_water_mm: Floats | None
    step_h: float
    threads: int = 1

    def peaks(self, basins: HotspotBasins, scenario: Scenarios, *, recent: bool, older: bool, ahead: bool) -> Floats:
        """Return peak depths (H, outcomes) with only some of the rain: the last 24 h, before that, and ahead."""
        split = max(self.past_mm.shape[1] - round(RECENT_RAIN_H / self.step_h), 0)
        past = self.past_mm.copy()
        past[:, split:] *= recent
        past[:, :split] *= older
        start = None
        if older and self.soil_water_mm is not None:
            start = wet_state(basins, self.soil_water_mm).repeat(len(scenario))
        future = self.future_mm if ahead else np.zeros_like(self.future_mm[:, :1])
        common: dict[str, Any] = {
            "step_h": self.step_h,
            **scenario.place_factors(),
            "account": False,
            "threads": self.threads,
        }
        now = simulate_ponding(basins, past[:, None, :], state=start, **common).final
        return simulate_ponding(basins, future, state=now.repeat(future.shape[1]), **common).peak_depth_m

    def take(self, rows: Rows) -> Run:
        """Return the same for some hotspots only."""
        water = None if self.soil_water_mm is None else self.soil_water_mm[rows]
        return replace(self, past_mm=self.past_mm[rows], future_mm=self.future_mm[rows], soil_water_mm=water)


def physical_points(
    typical: HotspotBasins,
    undrained: HotspotBasins,
    is_warned: npt.NDArray[np.bool_],
    run: Run,
    *,
    scenario: Scenarios,
    score_of: Callable[[Floats, Rows], Floats],
    working: Floats,
    central: Floats,
    rained: Floats,
) -> tuple[Rows, dict[str, Floats]]:
    """Split the score of an ordinary road into rain, wetness, catchment and drains, where something is warned.

    Parameters
    ----------
    typical, undrained : HotspotBasins
        See `typical_place`; of H hotspots.
    is_warned : ndarray of bool (H,)
        Hotspots to explain. Those linked to them by spill are explained as well.
    run : Run
        Of the same hotspots.
    scenario : Scenarios
        The central one.
    score_of : callable
        From peak depths (R, N) and rows (R,) to the scores of ordinary roads (R,).
    working, central, rained : ndarray (H,)
        The score on an ordinary road by that scenario if all drains and pumps worked, with everything as it is,
        and the same by all scenarios.

    Returns
    -------
    ndarray of int (R,)
        Rows that were explained.
    dict of str to ndarray (R,)
        fallen, expected and `PHYSICAL_FACTORS`; they add up to `rained` of these rows.
    """
    order, starts = typical.march_order
    counts = np.add.reduceat(is_warned[order].astype(np.int64), starts[:-1])
    rows = np.sort(order[np.repeat(counts > 0, np.diff(starts))])
    some, ordinary = run.take(rows), scenario.with_typical_drains().take(rows)

    def score(basins: HotspotBasins, **rain: bool) -> Floats:
        return score_of(some.peaks(basins, ordinary, **rain), rows)

    place = typical.take(rows)
    f = score(place, recent=True, older=False, ahead=False)
    e = score(place, recent=False, older=False, ahead=True)
    fe = score(place, recent=True, older=False, ahead=True)
    wet = score(place, recent=True, older=True, ahead=True)
    caught = score(undrained.take(rows), recent=True, older=True, ahead=True)
    return rows, {
        "fallen": 0.5 * (f + fe - e),
        "expected": 0.5 * (e + fe - f),
        "wetness": wet - fe,
        "catchment": caught - wet,
        "drains": working[rows] - caught,
        "outage": central[rows] - working[rows],
        "uncertainty": rained[rows] - central[rows],
    }
