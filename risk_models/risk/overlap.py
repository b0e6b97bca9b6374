"""How much of a grid lies in upright boxes: where both are aligned, an overlap is a product of two lengths."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["box_sums"]

Floats = npt.NDArray[np.float64]


def box_sums(
    amounts: Floats, boxes: Floats, *, west_m: float, north_m: float, width_m: float, height_m: float
) -> Floats:
    """Sum the amounts of a north-up grid over boxes, each cell by the share of its area that lies within.

    Parameters
    ----------
    amounts : ndarray (rows, cols)
        Amount in each cell; NaN counts as nothing.
    boxes : ndarray (n, 4)
        West, south, east and north of each box, m.
    west_m, north_m : float
        Outer corner of the first cell, m.
    width_m, height_m : float
        Cell size, m.

    Returns
    -------
    ndarray (n,)
        What lies outside the grid adds nothing.

    Examples
    --------
    >>> people = np.array([[4.0, 8.0]])
    >>> box_sums(people, np.array([[5.0, 0.0, 15.0, 5.0]]), west_m=0, north_m=10, width_m=10, height_m=10).tolist()
    [3.0]
    """
    rows, cols = amounts.shape
    known = np.where(np.isnan(amounts), 0.0, amounts)
    left, right = (np.clip((boxes[:, side] - west_m) / width_m, 0, cols) for side in (0, 2))
    top, bottom = (np.clip((north_m - boxes[:, side]) / height_m, 0, rows) for side in (3, 1))
    total = np.zeros(len(boxes))
    for row, high in _shares(top, bottom, rows):
        for col, wide in _shares(left, right, cols):
            total += known[row, col] * (high * wide)
    return total


def _shares(begin: Floats, end: Floats, count: int) -> list[tuple[npt.NDArray[np.intp], Floats]]:
    """Return, step by step from the first cell of each interval, the cell and the share of it that is covered."""
    first = np.floor(begin).astype(np.intp)
    steps = int((np.ceil(end) - first).max(initial=0))
    cells = [first + step for step in range(steps)]
    return [
        (np.minimum(cell, count - 1), np.clip(np.minimum(end, cell + 1) - np.maximum(begin, cell), 0.0, 1.0))
        for cell in cells
    ]
