"""How wet the ground is: the soil water index of three tanks."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from risk_models.kernels import kernel

__all__ = [
    "soil_water_index",
]

FloatArray = NDArray[np.float64]


def _run_tanks(
    rain_mm: FloatArray, state_mm: FloatArray, substeps: int, dt_h: float, lower_bound: bool
) -> FloatArray:  # pragma: no cover - compiled
    """Advance the three tanks; rain (time, column), state (3, column) is changed in place."""
    # Storage above an outlet L runs off at a per hour; b per hour seeps down. One parameter set for all soils.
    l1, l2, l3, l4 = 15.0, 60.0, 15.0, 15.0
    a1, a2, a3, a4 = 0.1 * dt_h, 0.15 * dt_h, 0.05 * dt_h, 0.01 * dt_h
    b1, b2, b3 = 0.12 * dt_h, 0.05 * dt_h, 0.01 * dt_h
    index_mm = np.empty_like(rain_mm)
    for step in range(rain_mm.shape[0]):
        for column in range(rain_mm.shape[1]):
            first, second, third = state_mm[0, column], state_mm[1, column], state_mm[2, column]
            rain = rain_mm[step, column]
            if lower_bound and np.isnan(rain):
                rain = 0.0
            share = rain / substeps
            for _ in range(substeps):
                q1 = a1 * max(first - l1, 0.0) + a2 * max(first - l2, 0.0)
                q2 = a3 * max(second - l3, 0.0)
                q3 = a4 * max(third - l4, 0.0)
                third = (1.0 - b3) * third - q3 + b2 * second
                second = (1.0 - b2) * second - q2 + b1 * first
                first = (1.0 - b1) * first - q1 + share
            state_mm[0, column], state_mm[1, column], state_mm[2, column] = first, second, third
            index_mm[step, column] = first + second + third
    return index_mm


_tanks = kernel()(_run_tanks)


def soil_water_index(
    rain_mm: ArrayLike,
    *,
    step_h: float = 1.0,
    substeps: int = 6,
    state_mm: ArrayLike | None = None,
    axis: int = 0,
    lower_bound: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Return the soil water index of three serial tanks, and the tanks' state after the last step.

    Per substep dt: q1 = a1 max(S1-L1, 0) + a2 max(S1-L2, 0), q2 = a3 max(S2-L3, 0), q3 = a4 max(S3-L4, 0);
    S1' = (1 - b1 dt) S1 - q1 dt + R, S2' = (1 - b2 dt) S2 - q2 dt + b1 S1 dt, S3' = (1 - b3 dt) S3 - q3 dt + b2 S2 dt;
    index = S1 + S2 + S3, with L = 15, 60, 15, 15 mm; a = 0.1, 0.15, 0.05, 0.01 per h; b = 0.12, 0.05, 0.01 per h.

    Parameters
    ----------
    rain_mm : array_like
        Rain [mm] per step along `axis`; NaN is unknown.
    step_h : float
        Step [h].
    substeps : int
        Substeps per step; the rain is spread evenly over them. Ten minutes each is advised: the answer depends on it.
    state_mm : array_like, optional
        Storage [mm] of the three tanks before the first step, shape (3, ...) with the other axes of `rain_mm`;
        empty tanks if not given. Not changed.
    axis : int
        Axis of time.
    lower_bound : bool
        Count unknown rain as nothing, which makes the index a lower bound; otherwise it is NaN from there on.

    Returns
    -------
    index_mm : ndarray
        Index [mm] at the end of each step, same shape as `rain_mm`.
    state_mm : ndarray, shape (3, ...)
        Storage [mm] after the last step; hand it to the next call.

    Raises
    ------
    ValueError
        If the state has another shape than (3, ...).

    References
    ----------
    Ishihara, Y. & Kobatake, S. (1979), Runoff model for flood forecasting, Bull. Disaster Prevention Research
    Institute, Kyoto University 29; parameters as used nationwide by the Japan Meteorological Agency.

    Examples
    --------
    >>> index_mm, state_mm = soil_water_index([30, 30, 30, 0, 0, 0])
    >>> round(float(index_mm.max()), 2), round(float(index_mm[-1]), 2)
    (82.7, 69.75)
    """
    rain = np.moveaxis(np.asarray(rain_mm, dtype=np.float64), axis, 0)
    others = rain.shape[1:]
    state = np.zeros((3, *others)) if state_mm is None else np.array(state_mm, dtype=np.float64)
    if state.shape != (3, *others):
        raise ValueError(f"state has shape {state.shape}; accepted: {(3, *others)}")
    columns = np.ascontiguousarray(rain.reshape(len(rain), -1))
    storage = np.ascontiguousarray(state.reshape(3, -1))
    index = _tanks(columns, storage, substeps, step_h / substeps, lower_bound)
    return np.moveaxis(index.reshape(rain.shape), 0, axis), storage.reshape(3, *others)
