"""What each factor adds to a score: the same storm and place with one thing after another taken away.

Every run uses all members and parameter sets. With ``S(.)`` the score of a run, on an ordinary road:

1. a *typical place* of the register (median drain capacity, no pump, median catchment per storage), on ground dry for
   long, under the rain of the last 24 h only ``S(f)``, the expected rain only ``S(e)``, and both ``S(fe)``. The two
   rains share what they make together: ``fallen = (S(f) + S(fe) - S(e)) / 2`` and
   ``expected = (S(e) + S(fe) - S(f)) / 2``;
2. *wetness*: plus the rain that fell before the last 24 h;
3. *catchment*: plus the place's own catchment;
4. *drains*: plus its own drains and pumps, which makes the run that the level rests on;
5. *exposure*: plus its own vulnerability; *capacity*: plus help at hand; *record*: plus the learned probability.

Each factor is the change of the score at its step, so they add up to the score by construction. A negative one means
that the place is better off than a typical one. The mean of the two orders in the first step is the Shapley value of
the two rains; the order of the other steps is a choice.

References
----------
Shapley, L. S. (1953) A value for n-person games, Contributions to the Theory of Games II, 307-317.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from risk_models.risk.ponding import HotspotBasins, simulate_ponding

__all__ = ["RECENT_RAIN_H", "peaks", "physical_points", "typical_place"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

#: Rain that fell within these hours is "fallen", what fell before is "wetness".
RECENT_RAIN_H = 24


def typical_place(basins: HotspotBasins) -> tuple[HotspotBasins, HotspotBasins]:
    """Return the register with typical catchments and drains, and with typical drains only.

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


def peaks(
    basins: HotspotBasins,
    past_mm: Floats,
    future_mm: Floats,
    *,
    step_h: float,
    parameter_sets: tuple[tuple[float, float], ...],
) -> Floats:
    """Return the peak depths of all outcomes of a rain.

    Parameters
    ----------
    basins : HotspotBasins
        Of R hotspots.
    past_mm : ndarray (R, P)
    future_mm : ndarray (R, M, T)
        Finite, mm in a step.
    step_h : float
    parameter_sets : tuple of (drain factor, inflow factor)

    Returns
    -------
    ndarray (R, M x sets)
    """
    found = []
    for drain_factor, inflow_factor in parameter_sets:
        state = simulate_ponding(
            basins, past_mm[:, None, :], step_h=step_h, drain_factor=drain_factor, inflow_factor=inflow_factor
        ).final
        run = simulate_ponding(
            basins,
            future_mm,
            step_h=step_h,
            state=state.repeat(future_mm.shape[1]),
            drain_factor=drain_factor,
            inflow_factor=inflow_factor,
        )
        found.append(run.peak_depth_m)
    return np.concatenate(found, axis=1)


def physical_points(
    basins: HotspotBasins,
    rows: Rows,
    past_mm: Floats,
    future_mm: Floats,
    *,
    step_h: float,
    parameter_sets: tuple[tuple[float, float], ...],
    score_of: Callable[[Floats], Floats],
    rained: Floats,
) -> dict[str, Floats]:
    """Split the score of an ordinary road at some hotspots into rain, wetness, catchment and drains.

    Parameters
    ----------
    basins : HotspotBasins
        Of all hotspots.
    rows : ndarray of int (R,)
        The hotspots to explain.
    past_mm : ndarray (H, P)
    future_mm : ndarray (H, M, T)
        Finite rain of all hotspots, mm in a step.
    step_h : float
    parameter_sets : tuple of (drain factor, inflow factor)
    score_of : callable
        From peak depths (R, N) to the scores of ordinary roads (R,).
    rained : ndarray (R,)
        The score on an ordinary road with everything as it is.

    Returns
    -------
    dict of str to ndarray (R,)
        fallen, expected, wetness, catchment, drains; they add up to `rained`.
    """
    typical, own = (kind.take(rows) for kind in typical_place(basins))
    past, future = past_mm[rows], future_mm[rows]
    recent = past.copy()
    recent[:, : max(past.shape[1] - round(RECENT_RAIN_H / step_h), 0)] = 0.0
    nothing = np.zeros_like(past)

    def score(place: HotspotBasins, before: Floats, after: Floats) -> Floats:
        return score_of(peaks(place, before, after, step_h=step_h, parameter_sets=parameter_sets))

    f = score(typical, recent, np.zeros_like(future[:, :1]))
    e = score(typical, nothing, future)
    fe = score(typical, recent, future)
    wet = score(typical, past, future)
    caught = score(own, past, future)
    return {
        "fallen": 0.5 * (f + fe - e),
        "expected": 0.5 * (e + fe - f),
        "wetness": wet - fe,
        "catchment": caught - wet,
        "drains": rained - caught,
    }
