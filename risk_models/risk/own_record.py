"""Narrow what is not known of a hotspot by the floods that it has had.

A flood on record says that water stood at least so deep under such rain. Scenarios in which it would not have come
are weighed less: drains that carry more than thought, sags that hold more. What is left is the hotspot's own spread.

A record is read as "at least": one of shallow water never makes a hotspot safer than its twin without a record. All
four unknowns work one way on depth and are independent before, so a flood on record can only raise the chance of the
next (the inequality of Fortuin, Kasteleyn and Ginibre). Days without a report say nothing here, for nobody may have
looked; `risk_models.risk.susceptibility` learns from them.

References
----------
Fortuin, C. M., Kasteleyn, P. W., Ginibre, J. (1971) Correlation inequalities on some partially ordered sets, Commun.
Math. Phys. 22, 89-103.

Yen, B. C., Chow, V. T. (1980) Design hyetographs for small drainage structures, J. Hydraul. Div. ASCE 106(6),
1055-1076: the triangular hyetograph.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtr

from risk_models.arithmetic import weighted_sum
from risk_models.district import District
from risk_models.risk.ponding import HotspotBasins, simulate_ponding
from risk_models.risk.spread import MOST_SCENARIOS, PlaceSpread, scenario_points
from risk_models.terrain import HotspotTerrain

__all__ = ["narrowed", "place_spread", "triangular_mm"]

Floats = npt.NDArray[np.float64]

#: Steps of the rain of a flood on record, hours.
STEP_H = 1.0 / 6.0
#: Longer rain says nothing of the burst that made the flood, hours.
LONGEST_H = 72.0
#: When the peak of the rain comes, as a share of its length (an assumption; Yen and Chow find 0.32 to 0.51).
PEAK_AT = 0.4
#: Rain on record is often that of a station some way off: standard deviation of its logarithm (an assumption).
RAIN_LOG_SD = 0.4
#: Depths on record are estimates: standard deviation of the logarithm of depth + 5 cm (an assumption).
DEPTH_LOG_SD, DEPTH_BASE_M = 0.5, 0.05
#: A flood of unknown depth stood at least so deep, m: the first of the depth classes that is called ponding.
LEAST_DEPTH_M = 0.05
#: Share of records that are wrong in place or rain, so that none weighs scenarios by more than 1 to 10 (an assumption).
WRONG_SHARE = 0.1


def place_spread(district: District, terrain: HotspotTerrain, basins: HotspotBasins) -> PlaceSpread:
    """Return what is not known of the hotspots of a district, narrowed by the floods of its history.

    Parameters
    ----------
    district : District
        Its `history` tells floods; those without rain, or with rain of more than three days, narrow nothing.
    terrain : HotspotTerrain
    basins : HotspotBasins
        Of the same hotspots.

    Returns
    -------
    PlaceSpread
    """
    prior = PlaceSpread.prior((terrain.features["geometry_source"] == "surveyed").to_numpy(np.bool_))
    row = district.hotspots.index.get_indexer(district.history["hotspot_id"])
    return narrowed(prior, basins, district.history.assign(row=row))


def narrowed(prior: PlaceSpread, basins: HotspotBasins, floods: pd.DataFrame) -> PlaceSpread:
    """Narrow the spread of each hotspot by its floods.

    Parameters
    ----------
    prior : PlaceSpread
        Of H hotspots.
    basins : HotspotBasins
        Of the same hotspots; spill from others is left out, so that a flood is not held against the wrong drain.
    floods : DataFrame
        Columns row (of the hotspot; below 0: none), rain_mm, rain_window_h, depth_m (NaN: not known).

    Returns
    -------
    PlaceSpread
        Mean and standard deviation of the logarithms given the floods; the prior where there are none. No standard
        deviation grows.

    Examples
    --------
    >>> one = np.ones(2)
    >>> curve = np.eye(2)[[1, 1]]
    >>> basins = HotspotBasins(1e4 * one, one, 50 * one, 0 * one, 400 * one, 0 * one, curve, curve)
    >>> flood = pd.DataFrame({"row": [1], "rain_mm": [40.0], "rain_window_h": [1.0], "depth_m": [0.3]})
    >>> own = narrowed(PlaceSpread.prior(np.zeros(2, dtype=bool)), basins, flood)
    >>> bool(own.drain_log_mean[1] < own.drain_log_mean[0]), bool(own.drain_log_sd[1] < own.drain_log_sd[0])
    (True, True)
    """
    told = floods["rain_mm"].to_numpy(np.float64) > 0.0
    window_h = floods["rain_window_h"].to_numpy(np.float64)
    usable = floods[told & (window_h > 0.0) & (window_h <= LONGEST_H) & (floods["row"].to_numpy() >= 0)]
    if usable.empty:
        return prior
    row = usable["row"].to_numpy(np.int64)
    log_weight = np.zeros((len(prior), MOST_SCENARIOS))
    np.add.at(log_weight, row, np.log(_likelihood(prior, basins, usable, row)))
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    has_floods = np.isin(np.arange(len(prior)), row)
    points = scenario_points(MOST_SCENARIOS)
    moved = {}
    for column, name in enumerate(("drain", "inflow", "sag")):
        z_mean = weighted_sum(weight, points[:, column])
        z_sd = np.sqrt(np.maximum(weighted_sum(weight, points[:, column] ** 2) - z_mean**2, 0.0))
        mean, sd = getattr(prior, f"{name}_log_mean"), getattr(prior, f"{name}_log_sd")
        moved[f"{name}_log_mean"] = np.where(has_floods, mean + sd * z_mean, mean)
        moved[f"{name}_log_sd"] = np.where(has_floods, sd * np.minimum(z_sd, 1.0), sd)
    return replace(prior, **moved)


def _likelihood(prior: PlaceSpread, basins: HotspotBasins, floods: pd.DataFrame, row: npt.NDArray[np.int64]) -> Floats:
    """Return the likelihood (floods, scenarios) of water at least as deep as was seen."""
    nowhere = np.full(len(basins), -1, dtype=np.int64)
    alone = replace(basins, downstream=nowhere, inlet=np.arange(len(basins), dtype=np.int64)).take(row)
    scenarios = prior.take(row).scenarios(MOST_SCENARIOS)
    rain_mm = triangular_mm(floods["rain_mm"].to_numpy(np.float64), floods["rain_window_h"].to_numpy(np.float64))
    peak_m = simulate_ponding(
        alone, rain_mm[:, None, :], step_h=STEP_H,
        drain_factor=scenarios.drain, inflow_factor=scenarios.inflow, sag_factor=scenarios.sag,
        rain_factor=np.exp(RAIN_LOG_SD * scenarios.rain_z[:, None]), account=False,
    ).peak_depth_m[:, 1:]  # fmt: skip
    seen_m = np.maximum(floods["depth_m"].fillna(0.0).to_numpy(np.float64), LEAST_DEPTH_M)
    # Nothing stands deeper than the spill: a deeper record is of another sag, and says no more than "full".
    seen_m = np.minimum(seen_m, np.maximum(alone.curve_depth_m[:, -1], LEAST_DEPTH_M))[:, None]
    reached = ndtr((np.log(peak_m + DEPTH_BASE_M) - np.log(seen_m + DEPTH_BASE_M)) / DEPTH_LOG_SD)
    return np.asarray(WRONG_SHARE + (1.0 - WRONG_SHARE) * reached)


def triangular_mm(rain_mm: Floats, window_h: Floats) -> Floats:
    """Spread amounts over their windows as triangles, in steps of `STEP_H`.

    Parameters
    ----------
    rain_mm : ndarray (E,)
    window_h : ndarray (E,)

    Returns
    -------
    ndarray (E, T)
        T steps of the longest window; a shorter one is followed by 0.

    Examples
    --------
    >>> steps = triangular_mm(np.array([60.0, 10.0]), np.array([1.0, 0.5]))
    >>> steps.sum(axis=1).round(6).tolist(), steps.shape
    ([60.0, 10.0], (2, 6))
    """
    edges = np.arange(int(np.ceil(window_h.max() / STEP_H - 1e-9)) + 1) * STEP_H
    at = np.clip(edges[None, :] / window_h[:, None], 0.0, 1.0)
    fallen = np.where(at <= PEAK_AT, at**2 / PEAK_AT, 1.0 - (1.0 - at) ** 2 / (1.0 - PEAK_AT))
    return np.asarray(rain_mm[:, None] * np.diff(fallen, axis=1))
