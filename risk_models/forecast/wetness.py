"""How wet the ground is: soil water index (three tanks), antecedent precipitation, half-life effective rain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from risk_models.forecast.recursion import first_order
from risk_models.kernels import kernel

__all__ = [
    "HALF_LIVES_H",
    "antecedent_precipitation_mm",
    "effective_rain_mm",
    "half_life_indices_mm",
    "soil_water_index",
]

FloatArray = NDArray[np.float64]
HALF_LIVES_H = (1.5, 6.0, 24.0, 72.0)


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


def antecedent_precipitation_mm(
    rain_mm: ArrayLike, *, daily_factor: float = 0.85, step_h: float = 24.0, initial_mm: ArrayLike = 0.0, axis: int = 0
) -> FloatArray:
    """Return the antecedent precipitation index API_t = k API_(t-1) + P_t, with k for a day scaled to the step.

    Parameters
    ----------
    rain_mm : array_like
        Rain [mm] per step along `axis`; an unknown (NaN) step makes the index unknown from there on.
    daily_factor : float
        k for one day; 0.80 to 0.90 is usual in northern China (general knowledge, unconfirmed).
    step_h : float
        Step [h].
    initial_mm : array_like
        Index [mm] before the first step; broadcast against the other axes.
    axis : int
        Axis of time.

    Returns
    -------
    ndarray
        Index [mm], same shape.

    Raises
    ------
    ValueError
        If the factor is not between 0 and 1.

    References
    ----------
    Kohler, M. A. & Linsley, R. K. (1951). Predicting the runoff from storm rainfall. US Weather Bureau Paper 34.

    Examples
    --------
    >>> antecedent_precipitation_mm([10, 0, 5], daily_factor=0.8).round(2).tolist()
    [10.0, 8.0, 11.4]
    """
    if not 0 < daily_factor < 1:
        raise ValueError(f"daily_factor is {daily_factor}; accepted: between 0 and 1")
    return first_order(rain_mm, keep=daily_factor ** (step_h / 24.0), start=initial_mm, axis=axis)


def effective_rain_mm(
    rain_mm: ArrayLike, *, half_life_h: float, step_h: float = 1.0, initial_mm: ArrayLike = 0.0, axis: int = 0
) -> FloatArray:
    """Return the half-life effective rain R_eff(t) = R(t) + R_eff(t-1) 0.5^(step / half-life).

    Parameters
    ----------
    rain_mm : array_like
        Rain [mm] per step along `axis`; an unknown (NaN) step makes the result unknown from there on.
    half_life_h : float
        Half-life [h]: 1.5 or 6 for waterlogging, 24 or 72 for slides.
    step_h : float
        Step [h].
    initial_mm : array_like
        Effective rain [mm] before the first step.
    axis : int
        Axis of time.

    Returns
    -------
    ndarray
        Effective rain [mm], same shape.

    Raises
    ------
    ValueError
        If the half-life is not above 0.

    References
    ----------
    Effective rainfall by half-lives, as used for slope-failure warnings in Japan since the 1980s.

    Examples
    --------
    >>> effective_rain_mm([8, 0, 0], half_life_h=1).tolist()
    [8.0, 4.0, 2.0]
    """
    if not half_life_h > 0:
        raise ValueError(f"half_life_h is {half_life_h}; accepted: above 0")
    return first_order(rain_mm, keep=0.5 ** (step_h / half_life_h), start=initial_mm, axis=axis)


def half_life_indices_mm(
    rain_mm: ArrayLike, *, half_lives_h: Sequence[float] = HALF_LIVES_H, step_h: float = 1.0, axis: int = 0
) -> FloatArray:
    """Return the effective rain of several half-lives at once (see `effective_rain_mm`).

    Parameters
    ----------
    rain_mm : array_like
        Rain [mm] per step along `axis`; unknown (NaN) from an unknown step on.
    half_lives_h : sequence of float
        Half-lives [h]: 1.5 and 6 for waterlogging, 24 and 72 for slides.
    step_h : float
        Step [h].
    axis : int
        Axis of time.

    Returns
    -------
    ndarray, shape (half-life, ...)
        Effective rain [mm].

    Examples
    --------
    >>> half_life_indices_mm([8, 0, 0], half_lives_h=[1, 2]).round(2).tolist()
    [[8.0, 4.0, 2.0], [8.0, 5.66, 4.0]]
    """
    return np.stack(
        [effective_rain_mm(rain_mm, half_life_h=half_life, step_h=step_h, axis=axis) for half_life in half_lives_h]
    )
