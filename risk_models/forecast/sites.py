"""Gauges that stand at one place are one site: what they differ by is measurement, not weather."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["JOIN_M", "GaugeSites", "join_gauges"]

FloatArray = NDArray[np.float64]
Ints = NDArray[np.int64]
#: Two gauges of one yard differ by wind, height and fault; rain of an hour differs hardly over so short a way
#: (assumption).
JOIN_M = 50.0


@dataclass(frozen=True)
class GaugeSites:
    """Which gauges make which site.

    Attributes
    ----------
    xy : ndarray, shape (site, 2)
        Mean coordinates [m], in order of x and y: that of the gauges does not matter.
    of_gauge : ndarray of int, shape (gauge,)
        Site of each gauge.
    """

    xy: FloatArray
    of_gauge: Ints

    @property
    def count(self) -> int:
        """Number of sites."""
        return len(self.xy)

    @cached_property
    def is_joined(self) -> bool:
        """Whether any site has more than one gauge."""
        return self.count < len(self.of_gauge)

    def mean(self, values: FloatArray, known: NDArray[np.bool_]) -> FloatArray:
        """Return the mean of the known values (step, gauge) at each site, (step, site); NaN where none is known."""
        if not self.is_joined:
            alone = np.empty((len(values), self.count))
            alone[:, self.of_gauge] = np.where(known, values, np.nan)
            return alone
        sums, counts = np.zeros((2, len(values), self.count))
        for gauge, site in enumerate(self.of_gauge):
            sums[:, site] += np.where(known[:, gauge], values[:, gauge], 0.0)
            counts[:, site] += known[:, gauge]
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def join_gauges(gauge_xy: ArrayLike, *, within_m: float = JOIN_M) -> GaugeSites:
    """Make one site of gauges that stand within a distance of each other, or of a third between them.

    Parameters
    ----------
    gauge_xy : array_like, shape (gauge, 2)
        Coordinates [m].
    within_m : float

    Returns
    -------
    GaugeSites

    Examples
    --------
    >>> sites = join_gauges([[900.0, 0.0], [0.0, 0.0], [902.0, 0.0]])
    >>> sites.of_gauge.tolist(), sites.xy.tolist()
    ([1, 0, 1], [[0.0, 0.0], [901.0, 0.0]])
    """
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial.distance import cdist

    points = np.asarray(gauge_xy, dtype=np.float64).reshape(-1, 2)
    order = np.lexsort(points.T[::-1])
    _, label = connected_components(cdist(points[order], points[order]) <= within_m, directed=False)
    # Labels rise with the first gauge of each site in the order of coordinates.
    xy = np.column_stack([np.bincount(label, weights=column) for column in points[order].T])
    of_gauge = np.empty(len(points), dtype=np.int64)
    of_gauge[order] = label
    return GaugeSites(xy / np.bincount(label)[:, np.newaxis], of_gauge)
