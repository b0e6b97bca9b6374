"""The compiled loops of kriging: covariances of sites and targets, and the variance of a step.

The innermost loops run over targets and hold only arithmetic that the compiler turns into vector code. The exponential
is written out for that reason: e^x = 2^k e^r with r within half of ln 2, e^r by its Taylor polynomial.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from risk_models.kernels import kernel

__all__ = ["add_products", "exponential", "lift", "spherical", "spread_of_step"]

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LOWEST = -708.0  # e^x is not denormal
_LOG2_E = 1.4426950408889634
# ln 2 in two parts; k times the first is exact. Tang, P. T. P. (1989). ACM Trans. Math. Softw. 15(2), 144-157.
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13 = (1.0 / math.factorial(n) for n in range(2, 14))


@kernel(nogil=True, error_model="numpy", fastmath={"contract"})
def exponential(
    site_xy: Array, target_xy: Array, range_m: float, sill: float, out: Array
) -> None:  # pragma: no cover - compiled
    """Write sill exp(-3 h / range) of sites (2, S) and targets (2, T) into `out` (S, T); to 1e-15 of the distance."""
    tx, ty = target_xy[0], target_xy[1]  # unpacked as a whole they would not count as contiguous
    count = tx.size
    # Apart from `out`: two views of one array in a loop would keep it from becoming vector code.
    power = np.empty(count, dtype=np.int64)
    factor = power.view(np.float64)
    per_m = -3.0 / range_m
    for site in range(site_xy.shape[1]):
        row, sx, sy = out[site], site_xy[0, site], site_xy[1, site]
        for j in range(count):
            dx, dy = tx[j] - sx, ty[j] - sy
            x = max(math.sqrt(dx * dx + dy * dy) * per_m, _LOWEST)
            k = np.floor(x * _LOG2_E + 0.5)
            r = (x - k * _LN2_HIGH) - k * _LN2_LOW
            p = ((((_C13 * r + _C12) * r + _C11) * r + _C10) * r + _C9) * r + _C8
            p = (((((p * r + _C7) * r + _C6) * r + _C5) * r + _C4) * r + _C3) * r + _C2
            row[j] = (p * r + 1.0) * r + 1.0
            power[j] = np.int64(np.int32(k) + 1023) << 52  # the bits of 2^k
        for j in range(count):
            row[j] *= sill * factor[j]


@kernel(nogil=True, error_model="numpy", fastmath={"contract"})
def spherical(
    site_xy: Array, target_xy: Array, range_m: float, sill: float, out: Array
) -> None:  # pragma: no cover - compiled
    """Write sill (1 - 1.5 h / range + 0.5 (h / range)^3) of sites (2, S) and targets (2, T) into `out` (S, T)."""
    tx, ty = target_xy[0], target_xy[1]  # unpacked as a whole they would not count as contiguous
    for site in range(site_xy.shape[1]):
        row, sx, sy = out[site], site_xy[0, site], site_xy[1, site]
        for j in range(tx.size):
            dx, dy = tx[j] - sx, ty[j] - sy
            ratio = min(math.sqrt(dx * dx + dy * dy) / range_m, 1.0)
            row[j] = sill * (1.0 - 1.5 * ratio + 0.5 * ratio * ratio * ratio)


@kernel(nogil=True, error_model="numpy", fastmath={"contract"})
def add_products(left: Array, right: Array, total: Array) -> None:  # pragma: no cover - compiled
    """Add to `total` (T) the products of `left` and `right` (S, T), summed over S."""
    for row in range(left.shape[0]):
        for j in range(total.size):
            total[j] += left[row, j] * right[row, j]


@kernel(nogil=True, error_model="numpy")
def lift(
    rain: Array, steps: Ints, constant: Array, lowest: float, begin: int, end: int
) -> None:  # pragma: no cover - compiled
    """Add the constants of the steps to their rain (time, T) from `begin` to `end`; below `lowest` it is that."""
    for number in range(steps.size):
        row, added = rain[steps[number]], constant[number]
        for j in range(begin, end):
            row[j] = max(row[j] + added, lowest)


@kernel(nogil=True, error_model="numpy", fastmath={"contract"})
def spread_of_step(
    weights: Array, variance: Array, lost: Ints, half: Array, spread: float, out: Array
) -> None:  # pragma: no cover - compiled
    """Write spread (variance + growth)^0.5 at the targets (T) into `out`.

    The growth is that of losing the sites `lost` (M) with weights (S, T): the squares of half w_lost, summed, with
    `half` (M, M) lower triangular.
    """
    share = np.empty(variance.size)
    total = variance.copy()
    for row in range(lost.size):
        share[:] = 0.0
        for column in range(row + 1):
            value, weight = half[row, column], weights[lost[column]]
            for j in range(share.size):
                share[j] += value * weight[j]
        for j in range(share.size):
            total[j] += share[j] * share[j]
    for j in range(share.size):
        out[j] = spread * math.sqrt(total[j])
