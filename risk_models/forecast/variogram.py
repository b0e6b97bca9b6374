"""How alike rain at two places is, by their distance: variogram models of sill 1."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MIN_GAUGES",
    "VARIOGRAMS",
    "Variogram",
    "correlation",
]

FloatArray = NDArray[np.float64]
Variogram = Literal["exponential", "spherical"]
VARIOGRAMS: tuple[Variogram, ...] = ("exponential", "spherical")
MIN_GAUGES = 5


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
