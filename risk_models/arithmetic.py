"""Arithmetic that neither the processor nor the order of columns changes.

Matrix products of BLAS add in an order that depends on the processor, and so do fused and vectorised functions: their
last digit differs from machine to machine. Where a draw, a rank, a level or a printed digit hangs on a sum, it is made
here, in an order that is fixed, and what comes of functions is rounded before it decides.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["DECIMALS", "product_by_row", "settled", "weighted_sum"]

Floats = npt.NDArray[np.float64]
#: Decimals kept of what decides: a millionth of a millimetre, a metre or a day, far below any measurement and far above
#: the noise of rounding.
DECIMALS = 6


def settled(values: npt.ArrayLike) -> Floats:
    """Round to `DECIMALS`, so that equal amounts are equal however they were summed.

    Parameters
    ----------
    values : array_like

    Returns
    -------
    ndarray

    Examples
    --------
    >>> 0.1 + 0.2 == 0.3, bool(settled(0.1 + 0.2) == settled(0.3))
    (False, True)
    """
    return np.asarray(np.round(np.asarray(values, dtype=np.float64), DECIMALS))


def weighted_sum(values: npt.ArrayLike, weight: Floats) -> Floats:
    """Sum products over the last axis, in an order that is the same everywhere.

    Parameters
    ----------
    values : array_like (..., n)
    weight : ndarray (n,)

    Returns
    -------
    ndarray (...)

    Examples
    --------
    >>> weighted_sum([[1, 0], [2, 4]], np.array([0.5, 0.25])).tolist()
    [0.5, 2.0]
    """
    return np.asarray(np.ascontiguousarray(np.asarray(values) * weight).sum(axis=-1), dtype=np.float64)


def product_by_row(matrix: Floats, values: Floats) -> Floats:
    """Multiply a matrix with the last axis of values, one column of the matrix after another; zeros cost nothing.

    Parameters
    ----------
    matrix : ndarray (m, n)
    values : ndarray (..., n)

    Returns
    -------
    ndarray (m, ...)

    Examples
    --------
    >>> product_by_row(np.array([[1.0, 0.0], [0.5, 2.0]]), np.array([[10.0, 1.0]])).tolist()
    [[10.0], [7.0]]
    """
    result = np.zeros((len(matrix), *values.shape[:-1]))
    for column, factors in enumerate(matrix.T):
        rows = np.flatnonzero(factors)
        result[rows] += np.multiply.outer(factors[rows], values[..., column])
    return result
