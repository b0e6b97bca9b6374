"""Which observations can be trusted: a gauge that sticks or jumps, a camera that is not sure, a clock that runs ahead.

What fails here is not thrown away: it says that nobody knows (`cannot_see`), and why. It never says "dry".
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

__all__ = ["JUMP_M", "LEAST_CONFIDENCE", "STUCK_H", "doubted"]

LEAST_CONFIDENCE: Final = 0.5
"""Below it a sight is none."""

STUCK_H: Final = 6.0
"""A gauge that gives the very same depth above 0 for as long is stuck, hours: water moves (an assumption)."""

_STUCK_READINGS: Final = 6
"""Least readings that make a row of equal ones."""

JUMP_M: Final = 1.5
"""Rise or fall between two readings within `_JUMP_MIN` that no sag can do and undo, m (an assumption)."""

_JUMP_MIN: Final = 20.0
_AHEAD_MIN: Final = 5.0


def doubted(observations: pd.DataFrame, *, at: pd.Timestamp) -> pd.Series:
    """Say why observations cannot be trusted.

    Parameters
    ----------
    observations : DataFrame
        Columns as `risk_models.observation.reader.COLUMNS`.
    at : Timestamp
        Moment of which they are to speak; later ones are ahead of it.

    Returns
    -------
    Series of str
        ``""`` for one that can be trusted, else ``unsure``, ``ahead``, ``stuck`` or ``jump``; index as given.

    Examples
    --------
    >>> at = pd.Timestamp("2021-07-20T08Z")
    >>> one = {"hotspot_id": "EQ-1", "source": "camera", "seen": "dry", "depth_m": np.nan, "by": "c1"}
    >>> rows = pd.DataFrame([one | {"seen_at": at, "confidence": share} for share in (0.9, 0.3)])
    >>> doubted(rows, at=at).tolist()
    ['', 'unsure']
    """
    why = pd.Series("", index=observations.index, dtype=object)
    gauges = observations[observations["source"] == "depth_gauge"]
    for (_, by), readings in gauges.groupby(["hotspot_id", "by"], sort=False):
        ordered = readings.sort_values("seen_at", kind="stable")
        why.update(_of_gauge(ordered, is_one=bool(by)))
    why[observations["confidence"] < LEAST_CONFIDENCE] = "unsure"
    why[observations["seen_at"] > at + pd.Timedelta(minutes=_AHEAD_MIN)] = "ahead"
    return why


def _of_gauge(readings: pd.DataFrame, *, is_one: bool) -> pd.Series:
    """Judge the readings of one gauge, in their order; without a name they may be of two, of which no leap tells."""
    depth_m = readings["depth_m"].to_numpy(np.float64)
    minutes = readings["seen_at"].to_numpy("datetime64[ns]").astype(np.int64) / 60e9
    why = np.full(len(readings), "", dtype=object)
    why[_stuck(depth_m, minutes)] = "stuck"
    if is_one:
        why[_jumps(depth_m, minutes)] = "jump"
    return pd.Series(why, index=readings.index)


def _stuck(depth_m: np.ndarray, minutes: np.ndarray) -> np.ndarray:
    """Return which readings stand in a long row of one and the same depth above 0."""
    new_row = np.concatenate([[True], np.diff(depth_m) != 0.0]) | np.isnan(depth_m)
    number = np.cumsum(new_row)
    stuck = np.zeros(len(depth_m), dtype=bool)
    for row in np.unique(number):
        mine = number == row
        is_long = minutes[mine].max() - minutes[mine].min() >= 60.0 * STUCK_H
        if is_long and mine.sum() >= _STUCK_READINGS and depth_m[mine][0] > 0.0:
            stuck |= mine
    return stuck


def _jumps(depth_m: np.ndarray, minutes: np.ndarray) -> np.ndarray:
    """Return which readings leap away from the one before and come back with the next."""
    jumps = np.zeros(len(depth_m), dtype=bool)
    for n in range(1, len(depth_m)):
        near = minutes[n] - minutes[n - 1] <= _JUMP_MIN
        if not near or not abs(depth_m[n] - depth_m[n - 1]) >= JUMP_M:
            continue
        # A rise may be the flood itself: it stands until the next reading denies it. A fall is believed only then.
        after = depth_m[n + 1] if n + 1 < len(depth_m) else np.nan
        rises = depth_m[n] > depth_m[n - 1]
        denied = abs(after - depth_m[n - 1]) < abs(after - depth_m[n])
        jumps[n] = denied or (not rises and np.isnan(after))
    return jumps
