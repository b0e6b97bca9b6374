"""What is now and what is ahead of a hotspot, window by window, with the times that an order needs.

A chance over a day does not say when. The horizon is cut into `WINDOWS_H`; in each the outcomes that have water above
a depth are counted, so that no window can hold more than the whole. Where a chance was learned for the whole horizon,
each window is shifted by the same log-odds (`shifted`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit

from risk_models.observation.state import Now
from risk_models.risk.impact import NEGLIGIBLE, class_probabilities
from risk_models.risk.outages import CapacityShares
from risk_models.risk.ponding import HotspotBasins, PondingState, simulate_ponding
from risk_models.risk.windows import WINDOWS_H

__all__ = ["UNFAVOURABLE", "AheadRun", "danger_times", "modelled_now", "run_ahead", "shifted"]

Floats = npt.NDArray[np.float64]
Steps = npt.NDArray[np.int32]

UNFAVOURABLE: Final = 0.1
"""Share of the outcomes that may be worse than the unfavourable case."""

_SUREST = 1e-6
_MIDDLE_HALF = (0.25, 0.75)
_NEVER = np.iinfo(np.int32).max


@dataclass(frozen=True)
class AheadRun:
    """A run over the horizon for H hotspots, L lanes (central scenario first, then S x M outcomes), C depths.

    Attributes
    ----------
    peak_depth_m : ndarray (H, L)
        Greatest depth, that at the start included.
    peak_step : ndarray of int (H, L)
        Step in which it was reached, from 1; 0 at the start.
    first_step : ndarray of int (H, L, C)
        First step that passed each depth; 0 at the start, -1 never.
    passed : ndarray (W, H, C)
        Share of the outcomes that have each depth in a window; NaN beyond the horizon.
    impact : ndarray (W, H, 3)
        The same of impact classes.
    within : ndarray (W, H, 3)
        Share of the outcomes that have each impact class at any time up to the end of a window, the start included;
        NaN beyond the horizon.
    """

    peak_depth_m: Floats
    peak_step: Steps
    first_step: Steps
    passed: Floats
    impact: Floats
    within: Floats


def run_ahead(
    basins: HotspotBasins,
    rain_mm: Floats,
    *,
    state: PondingState,
    shares: CapacityShares,
    rain_factor: Floats,
    step_h: float,
    depth_of_impact_m: Floats,
    central: int,
    **common: Any,
) -> AheadRun:
    """Run the horizon in one go, window after window; the same as one run over all of it.

    Parameters
    ----------
    basins : HotspotBasins
    rain_mm : ndarray (H, M, T)
        Of the members, from the cycle on.
    state : PondingState
        At the cycle, a column for each lane.
    shares : CapacityShares
        Of the same steps, or one for all.
    rain_factor : ndarray (S, T)
    step_h : float
    depth_of_impact_m : ndarray (H, 3)
    central : int
        Lanes at the front that are none of the outcomes.
    **common
        Passed on to `simulate_ponding`.

    Returns
    -------
    AheadRun
    """
    n_steps = rain_mm.shape[2]
    n_hotspots, n_lanes, n_depths = len(basins), state.ponded_m3.shape[1], len(common["thresholds_m"])
    peak_depth_m = np.zeros((n_hotspots, n_lanes))
    peak_step = np.zeros((n_hotspots, n_lanes), dtype=np.int32)
    first_step = np.full((n_hotspots, n_lanes, n_depths), -1, dtype=np.int32)
    passed = np.full((len(WINDOWS_H), n_hotspots, n_depths), np.nan)
    impact, within = (np.full((len(WINDOWS_H), n_hotspots, 3), np.nan) for _ in range(2))
    at = 0
    for window, (_, end_h) in enumerate(WINDOWS_H):
        end = min(round(end_h / step_h), n_steps)
        if end <= at and (at or n_steps):
            break
        steps = slice(at, end)
        run = simulate_ponding(
            basins, np.ascontiguousarray(rain_mm[:, :, steps]), state=state, step_h=step_h,
            shares=shares if shares.drain.shape[1] == 1 else shares.steps(steps),
            rain_factor=np.ascontiguousarray(rain_factor[:, steps]), **common,
        )  # fmt: skip
        higher = run.peak_depth_m > peak_depth_m
        np.copyto(peak_step, run.peak_step + np.int32(at), where=higher)
        np.copyto(peak_depth_m, run.peak_depth_m, where=higher)
        np.copyto(first_step, run.first_step + np.int32(at), where=(first_step < 0) & (run.first_step >= 0))
        outcomes = run.first_step[:, central:]
        passed[window] = np.count_nonzero(outcomes >= 0, axis=1) / outcomes.shape[1]
        impact[window] = class_probabilities(run.peak_depth_m[:, central:], depth_of_impact_m)
        within[window] = impact[0] if window == 0 else class_probabilities(peak_depth_m[:, central:], depth_of_impact_m)
        state, at = run.final, end
        if at >= n_steps:
            break
    return AheadRun(peak_depth_m, peak_step, first_step, passed, impact, within)


def shifted(part: Floats, share: Floats, learned: Floats) -> Floats:
    """Carry what was learned of the whole horizon over to a part of it.

    The log-odds of the part are moved by as much as those of the whole were; a part is never likelier than the whole.

    Parameters
    ----------
    part : ndarray
        Share of the outcomes in a part of the horizon; NaN unknown.
    share : ndarray
        In the whole of it.
    learned : ndarray
        The learned chance in the whole.

    Examples
    --------
    >>> shifted(np.array([0.1, 0.4, np.nan]), np.array([0.4, 0.4, 0.4]), np.array([0.2, 0.2, 0.2])).round(3).tolist()
    [0.04, 0.2, nan]
    >>> shifted(np.array([0.1]), np.array([0.4]), np.array([0.4])).tolist()
    [0.1]
    """
    odds = [logit(np.clip(values, _SUREST, 1.0 - _SUREST)) for values in (part, share, learned)]
    moved = np.minimum(expit(odds[0] + odds[2] - odds[1]), learned)
    return np.where(learned == share, part, np.where(np.isnan(part), np.nan, moved))


def modelled_now(p_now: Floats, unknown: npt.NDArray[np.bool_]) -> list[Now]:
    """Return the state of each hotspot by the chance that water stands at it now.

    Parameters
    ----------
    p_now : ndarray (H,)
    unknown : ndarray of bool (H,)
        Where the rain of the last hours is unknown: then the chance is a lower bound, and less than likely is unknown.

    Examples
    --------
    >>> chances, unknown = np.array([0.0, 0.3, 0.6, 0.3, 0.6]), np.array([False, False, False, True, True])
    >>> [str(state) for state in modelled_now(chances, unknown)]
    ['dry', 'may_stand', 'stands', 'unknown', 'stands']
    """
    below = np.where(unknown, Now.UNKNOWN, np.where(p_now >= NEGLIGIBLE, Now.MAY_STAND, Now.DRY))
    return [Now(state) for state in np.where(p_now > 0.5, Now.STANDS, below)]


def danger_times(first_step: Steps, peak_step: Steps, *, valid_at: pd.Timestamp, step_h: float) -> pd.DataFrame:
    """Return the first passing in the unfavourable case and the most dangerous window.

    The unfavourable case is passed by `UNFAVOURABLE` of the outcomes. The most dangerous window reaches from the
    lower quartile of the first passings to the upper quartile of the peaks, of the outcomes that pass at all; both
    choices are this program's own.

    Parameters
    ----------
    first_step, peak_step : ndarray of int (H, N)
        Of N outcomes: first step above the depth (0 at the start, -1 never) and step of the peak.
    valid_at : Timestamp
    step_h : float

    Returns
    -------
    DataFrame
        onset_unfavourable_at, danger_from, danger_to, UTC: ends of steps, but the window begins with its first step;
        NaT if it is never passed.

    Examples
    --------
    >>> first, peak = np.array([[2, 3, -1, -1]]), np.array([[4, 5, 6, 0]])
    >>> found = danger_times(first, peak, valid_at=pd.Timestamp("2021-07-20T08Z"), step_h=1.0)
    >>> [f"{time:%H:%M}" for time in found.iloc[0]]
    ['10:00', '09:00', '13:00']
    """
    n_outcomes = first_step.shape[1]
    rank = max(int(np.ceil(UNFAVOURABLE * n_outcomes)) - 1, 0)
    passes = first_step >= 0
    early = np.where(passes, first_step, _NEVER)
    unfavourable = np.partition(early, rank, axis=1)[:, rank]
    count = passes.sum(axis=1)
    never = count == 0
    rows = np.arange(len(first_step))
    low, high = (np.clip(np.ceil(share * count).astype(int) - 1, 0, n_outcomes - 1) for share in _MIDDLE_HALF)
    begins = np.sort(early, axis=1)[rows, low] - 1
    ends = np.sort(np.where(passes, peak_step, _NEVER), axis=1)[rows, high]
    columns = {
        "onset_unfavourable_at": (unfavourable, unfavourable == _NEVER),
        "danger_from": (np.maximum(begins, 0), never),
        "danger_to": (np.maximum(ends, begins + 1), never),
    }
    return pd.DataFrame({name: _times(steps, absent, valid_at, step_h) for name, (steps, absent) in columns.items()})


def _times(steps: npt.NDArray[Any], absent: npt.NDArray[np.bool_], valid_at: pd.Timestamp, step_h: float) -> pd.Series:
    offsets = pd.to_timedelta(np.where(absent, 0, steps) * step_h, unit="h").round("s")  # of steps of ten minutes
    return pd.Series(pd.DatetimeIndex(valid_at + offsets).as_unit("ns")).where(~absent)
