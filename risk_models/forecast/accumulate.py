"""Sums of rain over windows of time, with a stated rule for unknown rain.

A window that holds any unknown (NaN) step is itself unknown. With ``partial=True`` unknown steps count as nothing and
the sum is a lower bound, which a caller must print as such ("at least").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["hour_sums_mm", "moving_sum_mm", "window_steps"]

FloatArray = NDArray[np.float64]


def window_steps(window_h: float, step_h: float = 1.0) -> int:
    """Return how many steps make a window.

    Raises
    ------
    ValueError
        If the window is no positive multiple of the step.

    Examples
    --------
    >>> window_steps(3, 0.5)
    6
    """
    steps = round(window_h / step_h)
    if steps < 1 or abs(steps * step_h - window_h) > 1e-9 * window_h:
        raise ValueError(f"window of {window_h:g} h is no positive multiple of the step of {step_h:g} h")
    return steps


def hour_sums_mm(rain_mm: ArrayLike, per_hour: int) -> FloatArray:
    """Return the rain of each hour, counted back from the last step; steps before the first whole hour are left out.

    Parameters
    ----------
    rain_mm : array_like, shape (step, ...)
        Rain [mm]; NaN is unknown, and so is an hour of which any step is.
    per_hour : int
        Steps in an hour.

    Returns
    -------
    ndarray, shape (hour, ...)

    Examples
    --------
    >>> hour_sums_mm([9.0, 1.0, 2.0, 3.0, np.nan], 2).tolist()
    [3.0, nan]
    """
    rain = np.asarray(rain_mm, dtype=np.float64)
    whole = len(rain) // per_hour
    newest = rain[len(rain) - whole * per_hour :]
    return np.asarray(newest.reshape(whole, per_hour, *rain.shape[1:]).sum(axis=1))


def moving_sum_mm(
    rain_mm: ArrayLike, *, window_h: float, step_h: float = 1.0, axis: int = 0, partial: bool = False
) -> FloatArray:
    """Return the rain of the window that ends with each step.

    Parameters
    ----------
    rain_mm : array_like
        Rain [mm] per step along `axis`; NaN is unknown.
    window_h : float
        Window [h], a multiple of the step.
    step_h : float
        Step [h].
    axis : int
        Axis of time.
    partial : bool
        Count unknown steps, and steps before the first, as nothing: the sum is then a lower bound.

    Returns
    -------
    ndarray
        Sums [mm], same shape. Without `partial`, NaN where a step of the window is unknown or before the first.

    Raises
    ------
    ValueError
        If the window is no positive multiple of the step.

    Examples
    --------
    >>> moving_sum_mm([1, 2, np.nan, 4, 5], window_h=2).tolist()
    [nan, 3.0, nan, nan, 9.0]
    >>> moving_sum_mm([1, 2, np.nan, 4, 5], window_h=2, partial=True).tolist()
    [1.0, 3.0, 2.0, 4.0, 9.0]
    """
    steps = window_steps(window_h, step_h)
    rain = np.moveaxis(np.asarray(rain_mm), axis, 0)
    unknown = np.isnan(rain)
    has_unknown = bool(unknown.any())
    total = _windowed(np.where(unknown, 0, rain) if has_unknown else rain, steps)
    if not partial:
        total[: steps - 1] = np.nan
        if has_unknown:
            total[_windowed(unknown, steps) > 0.5] = np.nan
    return np.moveaxis(total, 0, axis)


def _windowed(values: NDArray[np.generic], steps: int) -> FloatArray:
    """Sum each value with the `steps - 1` before it, by doubling: only additions, so no digits are lost."""
    power = np.asarray(values, dtype=np.float64)
    total = np.zeros_like(power)
    offset, size = 0, 1
    while size <= steps:
        if steps & size:
            total[offset:] += power[: max(len(power) - offset, 0)]
            offset += size
        size *= 2
        if size <= steps:
            wider = power.copy()
            half = size // 2
            wider[half:] += power[:-half]
            power = wider
    return total
