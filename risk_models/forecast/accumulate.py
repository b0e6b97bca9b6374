"""Sums of rain over windows of time, with a stated rule for unknown rain.

A window that holds any unknown (NaN) step is itself unknown. With ``partial=True`` unknown steps count as nothing and
the sum is a lower bound, which a caller must print as such ("at least").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["WINDOWS_H", "aggregate_mm", "max_moving_sum_mm", "moving_maxima_mm", "moving_sum_mm", "window_steps"]

FloatArray = NDArray[np.float64]
# 5 min to 72 h: the durations of storm formulas, of rain signals and of wet ground.
WINDOWS_H = tuple(minutes / 60 for minutes in (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 360, 720, 1440, 2880, 4320))


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


def max_moving_sum_mm(
    rain_mm: ArrayLike, *, window_h: float, step_h: float = 1.0, axis: int = 0, first: int = 0, partial: bool = False
) -> FloatArray:
    """Return the largest rain of any window that ends at step `first` or later.

    Windows may begin before `first`, so that rain already observed counts together with rain expected.

    Parameters
    ----------
    rain_mm : array_like
        Rain [mm] per step along `axis`; NaN is unknown.
    window_h, step_h : float
        Window and step [h].
    axis : int
        Axis of time.
    first : int
        Index of the first window end that counts.
    partial : bool
        Take the maximum over lower bounds (see `moving_sum_mm`).

    Returns
    -------
    ndarray
        Largest sums [mm], without the axis of time. Without `partial`, windows that would begin before the first step
        are left out, and the result is NaN if any remaining window is unknown or none remains.

    Raises
    ------
    ValueError
        If the window is no positive multiple of the step.

    Examples
    --------
    >>> float(max_moving_sum_mm([5, 1, 0, 2], window_h=2)), float(max_moving_sum_mm([5, 1, 0, 2], window_h=2, first=2))
    (6.0, 2.0)
    """
    total = np.moveaxis(moving_sum_mm(rain_mm, window_h=window_h, step_h=step_h, axis=axis, partial=partial), axis, 0)
    begin = first if partial else max(first, window_steps(window_h, step_h) - 1)
    ends = total[begin:]
    if not len(ends):
        return np.full(total.shape[1:], np.nan)
    return np.asarray(ends.max(axis=0))


def moving_maxima_mm(
    rain_mm: ArrayLike,
    *,
    windows_h: Sequence[float] = WINDOWS_H,
    step_h: float = 1.0,
    axis: int = 0,
    first: int = 0,
    partial: bool = False,
) -> FloatArray:
    """Return the largest rain of any window, for many windows at once.

    Parameters
    ----------
    rain_mm : array_like
        Rain [mm] per step along `axis`; NaN is unknown.
    windows_h : sequence of float
        Windows [h]; 5 min to 72 h if not given.
    step_h : float
        Step [h].
    axis : int
        Axis of time.
    first : int
        Index of the first window end that counts.
    partial : bool
        As in `max_moving_sum_mm`.

    Returns
    -------
    ndarray, shape (window, ...)
        Largest sums [mm]; NaN also for windows that the step cannot tell, shorter than it or no multiple of it.

    Examples
    --------
    >>> moving_maxima_mm([5, 1, 0, 2], windows_h=[0.5, 1, 2, 3]).tolist()
    [nan, 5.0, 6.0, 6.0]
    """
    rain = np.asarray(rain_mm, dtype=np.float64)
    others = np.moveaxis(rain, axis, 0).shape[1:]
    result = np.full((len(windows_h), *others), np.nan)
    for number, window_h in enumerate(windows_h):
        steps = round(window_h / step_h)
        if steps >= 1 and abs(steps * step_h - window_h) <= 1e-9 * window_h:
            result[number] = max_moving_sum_mm(
                rain, window_h=window_h, step_h=step_h, axis=axis, first=first, partial=partial
            )
    return result


def aggregate_mm(rain_mm: ArrayLike, *, steps: int, axis: int = 0, partial: bool = False) -> FloatArray:
    """Return sums over successive blocks of steps: hourly rain to three-hourly, for instance.

    Parameters
    ----------
    rain_mm : array_like
        Rain [mm] per step along `axis`, a whole number of blocks.
    steps : int
        Steps in a block.
    axis : int
        Axis of time.
    partial : bool
        Count unknown steps as nothing; otherwise a block with an unknown step is NaN.

    Returns
    -------
    ndarray
        Sums [mm]; the total is kept.

    Raises
    ------
    ValueError
        If the series is no whole number of blocks.

    Examples
    --------
    >>> aggregate_mm([1, 2, 3, 4], steps=2).tolist()
    [3.0, 7.0]
    """
    rain = np.moveaxis(np.asarray(rain_mm, dtype=np.float64), axis, 0)
    if steps < 1 or len(rain) % steps:
        raise ValueError(f"{len(rain)} steps make no whole number of blocks of {steps}")
    blocks = rain.reshape(len(rain) // steps, steps, *rain.shape[1:])
    return np.moveaxis(np.nansum(blocks, axis=1) if partial else blocks.sum(axis=1), 0, axis)


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
