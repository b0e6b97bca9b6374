"""A recursion of first order along time: each value from its input, the input before it and the value before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["first_order"]

FloatArray = NDArray[np.float64]


def first_order(
    inputs: ArrayLike, *, keep: float, weight: float = 1.0, weight_before: float = 0.0, start: ArrayLike = 0.0,
    axis: int = 0,
) -> FloatArray:  # fmt: skip
    """Return y_t = weight x_t + weight_before x_(t-1) + keep y_(t-1).

    Parameters
    ----------
    inputs : array_like
        x along `axis`; from a NaN on, y is NaN.
    keep, weight, weight_before : float
    start : array_like
        y before the first step; broadcast against the other axes. x before it counts as 0.
    axis : int
        Axis of time.

    Returns
    -------
    ndarray
        y, same shape as `inputs`.

    Examples
    --------
    >>> first_order([8, 0, 0], keep=0.5).tolist()
    [8.0, 4.0, 2.0]
    """
    steps = np.moveaxis(np.asarray(inputs, dtype=np.float64), axis, 0)
    result = np.empty(steps.shape)
    carried = keep * np.broadcast_to(np.asarray(start, dtype=np.float64), steps.shape[1:])
    for step, given in enumerate(steps):
        result[step] = weight * given + carried
        carried = weight_before * given + keep * result[step]
    return np.moveaxis(result, 0, axis)
