"""How rain at two places differs with their distance: variogram models and their pooled (climatological) fit.

One step of rain has too few gauges for a variogram of its own. Steps are therefore pooled: each is divided by its own
spread, so that all share one shape, and the spread of a step scales the variance of that step again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "DEFAULT_RANGE_M",
    "MIN_GAUGES",
    "Variogram",
    "correlation",
    "fit_range_m",
]

FloatArray = NDArray[np.float64]
Variogram = Literal["exponential", "spherical"]
VARIOGRAMS: tuple[Variogram, ...] = ("exponential", "spherical")
DEFAULT_RANGE_M = 20_000.0
MIN_GAUGES = 5
WET_MM = 0.1


def correlation(distance_m: FloatArray, range_m: float, variogram: Variogram) -> FloatArray:
    """Return the correlation at a distance: 1 minus the variogram of sill 1.

    Parameters
    ----------
    distance_m : ndarray
    range_m : float
        Range [m]; the practical one (correlation 0.05) of the exponential.
    variogram : {"exponential", "spherical"}
        gamma(h) = 1 - exp(-3 h / range), or 1.5 h / range - 0.5 (h / range)^3 up to the range.

    Returns
    -------
    ndarray, same shape

    References
    ----------
    Cressie, N. (1993). Statistics for Spatial Data, section 2.3.

    Examples
    --------
    >>> correlation(np.array([0.0, 5.0, 10.0]), 10.0, "spherical").tolist()
    [1.0, 0.3125, 0.0]
    """
    if variogram == "exponential":
        scaled = distance_m * (-3.0 / range_m)
        return np.asarray(np.exp(scaled, out=scaled))
    ratio = np.minimum(distance_m / range_m, 1.0)
    return np.asarray(1.0 - 1.5 * ratio + 0.5 * ratio**3)


def fit_range_m(gauge_xy: ArrayLike, rain_mm: ArrayLike, *, variogram: Variogram = "exponential") -> float:
    """Return the range that best fits the pooled, standardised variogram of the wet steps, without nugget.

    Each wet step (mean above 0.1 mm, five gauges or more) is divided by its spread; the halved squared difference of
    every pair is averaged over the steps; a variogram with free sill is fitted by least squares over many ranges.

    Parameters
    ----------
    gauge_xy : array_like, shape (gauge, 2)
        Coordinates [m].
    rain_mm : array_like, shape (time, gauge)
        Rain [mm]; NaN is unknown.
    variogram : {"exponential", "spherical"}

    Returns
    -------
    float
        Range [m]; `DEFAULT_RANGE_M` where there are fewer than ten wet steps or fewer than eight gauges, which cannot
        tell one range from another.

    References
    ----------
    Lebel, T., Bastin, G., Obled, C. & Creutin, J. D. (1987). On the accuracy of areal rainfall estimation. Water
    Resources Research 23(11), 2123-2134 (climatological variogram).

    Examples
    --------
    >>> fit_range_m([[0, 0], [1000, 0]], [[1.0, 2.0]])
    20000.0
    """
    pooled = _pooled(gauge_xy, rain_mm)
    return DEFAULT_RANGE_M if pooled is None else _best_range(pooled, variogram)


@dataclass(frozen=True)
class _Pooled:
    distance_m: FloatArray
    gamma: FloatArray
    steps: int


def _pooled(gauge_xy: ArrayLike, rain_mm: ArrayLike) -> _Pooled | None:
    from scipy.spatial.distance import pdist

    points, rain = np.asarray(gauge_xy, dtype=np.float64), np.asarray(rain_mm, dtype=np.float64)
    rain = rain[np.isfinite(rain).sum(axis=1) >= MIN_GAUGES]
    if len(rain):
        rain = rain[(np.nanmean(rain, axis=1) > WET_MM) & (np.nanstd(rain, axis=1) > 0)]
    if len(rain) < 10 or len(points) < 8:
        return None
    scaled = rain / np.nanstd(rain, axis=1, keepdims=True)
    known = np.isfinite(scaled).astype(np.float64)
    filled = np.where(known > 0, scaled, 0.0)
    # Sum over the steps of (a - b)^2 / 2 where both are known, as three products instead of a (time, pair) array.
    squares = (filled**2).T @ known
    halved = 0.5 * (squares + squares.T) - filled.T @ filled
    first, second = np.triu_indices(len(points), k=1)
    seen = (known.T @ known)[first, second]
    distance = pdist(points)
    usable = (seen > 0) & (distance > 0)
    if not usable.any():
        return None
    return _Pooled(distance[usable], halved[first, second][usable] / seen[usable], len(rain))


def _best_range(pooled: _Pooled, variogram: Variogram) -> float:
    """Return the best of 40 ranges, with the sill left free."""
    distance, gamma = pooled.distance_m, pooled.gamma
    ranges = np.geomspace(distance.min(), 3.0 * distance.max(), 40)
    shapes = 1.0 - np.array([correlation(distance, candidate, variogram) for candidate in ranges])
    sills = (shapes @ gamma) / (shapes**2).sum(axis=1)
    errors = ((sills[:, np.newaxis] * shapes - gamma) ** 2).sum(axis=1)
    # Of fits that differ by rounding alone the shortest range is taken, on every processor.
    share = np.round(errors / max(float((gamma**2).sum()), np.finfo(np.float64).tiny), 12)
    return float(ranges[share.argmin()])
