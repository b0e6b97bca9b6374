"""Coordinates in the four datums used in China, converted to and from WGS84.

GCJ-02 is WGS84 moved by a smooth, deliberately irregular offset of some hundred metres; BD-09 is GCJ-02 turned, moved
and moved again. CGCS2000 differs from WGS84 by less than about 0.1 m and is taken as equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["DATUMS", "from_wgs84", "to_wgs84"]

Degrees = NDArray[np.float64]

DATUMS = ("WGS84", "CGCS2000", "GCJ-02", "BD-09")

# Krasovsky 1940 ellipsoid, on which the offset of GCJ-02 is scaled: semi-major axis [m] and squared eccentricity.
_AXIS_M = 6_378_245.0
_ECCENTRICITY2 = 0.006_693_421_622_965_943
# The offset is applied in this box only.
_LON_RANGE = (72.004, 137.8347)
_LAT_RANGE = (0.8293, 55.8271)
_BD_TURN = np.pi * 3000.0 / 180.0
_MAX_ITERATIONS = 30
_TOLERANCE_DEG = 1e-12


def to_wgs84(lon: ArrayLike, lat: ArrayLike, datum: str) -> tuple[Degrees, Degrees]:
    """Convert coordinates of a stated datum to WGS84.

    The inverses of GCJ-02 and BD-09 are iterated to below 1e-9 degrees (0.1 mm).

    Parameters
    ----------
    lon, lat : array_like, any common shape
        Longitude and latitude [degrees] in `datum`.
    datum : {"WGS84", "CGCS2000", "GCJ-02", "BD-09"}

    Returns
    -------
    lon, lat : ndarray of float64
        WGS84 [degrees]; NaN stays NaN.

    Raises
    ------
    ValueError
        If the datum is none of the four.

    References
    ----------
    The transform is unpublished by its issuer; constants and form as in the public implementations
    (e.g. https://github.com/googollee/eviltransform, MIT). The inverse here is a fixed-point iteration.

    Examples
    --------
    >>> lon, lat = to_wgs84(113.59425, 34.67843, "GCJ-02")
    >>> round(float(lon), 5), round(float(lat), 5)
    (113.58821, 34.67969)
    """
    lon, lat = _degrees(lon, lat)
    if _known(datum) == "BD-09":
        lon, lat = _invert(_bd09_from_gcj02, lon, lat)
        datum = "GCJ-02"
    if datum == "GCJ-02":
        lon, lat = _invert(_gcj02_from_wgs84, lon, lat)
    return lon, lat


def from_wgs84(lon: ArrayLike, lat: ArrayLike, datum: str) -> tuple[Degrees, Degrees]:
    """Convert WGS84 coordinates to a datum; the inverse of `to_wgs84`.

    Parameters
    ----------
    lon, lat : array_like, any common shape
        Longitude and latitude [degrees] in WGS84.
    datum : {"WGS84", "CGCS2000", "GCJ-02", "BD-09"}

    Returns
    -------
    lon, lat : ndarray of float64
        Degrees in `datum`.

    Raises
    ------
    ValueError
        If the datum is none of the four.

    References
    ----------
    See `to_wgs84`.

    Examples
    --------
    >>> lon, lat = from_wgs84(113.58821, 34.67969, "GCJ-02")
    >>> round(float(lon), 5), round(float(lat), 5)
    (113.59425, 34.67843)
    """
    lon, lat = _degrees(lon, lat)
    if _known(datum) in ("GCJ-02", "BD-09"):
        lon, lat = _gcj02_from_wgs84(lon, lat)
    if datum == "BD-09":
        lon, lat = _bd09_from_gcj02(lon, lat)
    return lon, lat


def _degrees(lon: ArrayLike, lat: ArrayLike) -> tuple[Degrees, Degrees]:
    arrays: Any = np.broadcast_arrays(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
    return arrays[0].copy(), arrays[1].copy()


def _known(datum: str) -> str:
    if datum not in DATUMS:
        raise ValueError(f"'{datum}' is no known datum; accepted: {', '.join(DATUMS)}")
    return datum


def _wave(angle: Degrees, terms: tuple[tuple[float, float], ...]) -> Degrees:
    """Return the sum of amplitude * sin(pi * frequency * angle), times 2/3."""
    total = np.zeros_like(angle)
    for amplitude, frequency in terms:
        total += amplitude * np.sin(np.pi * frequency * angle)
    return total * (2.0 / 3.0)


def _gcj02_from_wgs84(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    east, north = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(east))
    common = _wave(east, ((20.0, 6.0), (20.0, 2.0)))
    north_m = -100.0 + 2.0 * east + 3.0 * north + 0.2 * north**2 + 0.1 * east * north + 0.2 * root
    north_m += common + _wave(north, ((20.0, 1.0), (40.0, 1 / 3), (160.0, 1 / 12), (320.0, 1 / 30)))
    east_m = 300.0 + east + 2.0 * north + 0.1 * east**2 + 0.1 * east * north + 0.1 * root
    east_m += common + _wave(east, ((20.0, 1.0), (40.0, 1 / 3), (150.0, 1 / 12), (300.0, 1 / 30)))
    latitude = np.radians(lat)
    shrink = 1.0 - _ECCENTRICITY2 * np.sin(latitude) ** 2
    meridian_m = _AXIS_M * (1.0 - _ECCENTRICITY2) / shrink**1.5
    parallel_m = _AXIS_M / np.sqrt(shrink) * np.cos(latitude)
    inside = (lon > _LON_RANGE[0]) & (lon < _LON_RANGE[1]) & (lat > _LAT_RANGE[0]) & (lat < _LAT_RANGE[1])
    return (
        np.where(inside, lon + np.degrees(east_m / parallel_m), lon),
        np.where(inside, lat + np.degrees(north_m / meridian_m), lat),
    )


def _bd09_from_gcj02(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_TURN)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_TURN)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def _invert(
    forward: Callable[[Degrees, Degrees], tuple[Degrees, Degrees]], lon: Degrees, lat: Degrees
) -> tuple[Degrees, Degrees]:
    """Solve forward(guess) = target by guess += target - forward(guess); the offset changes slowly, so it contracts."""
    guess_lon, guess_lat = lon.copy(), lat.copy()
    for _ in range(_MAX_ITERATIONS):
        moved_lon, moved_lat = forward(guess_lon, guess_lat)
        step_lon, step_lat = lon - moved_lon, lat - moved_lat
        guess_lon, guess_lat = guess_lon + step_lon, guess_lat + step_lat
        if not np.any(np.abs(step_lon) > _TOLERANCE_DEG) and not np.any(np.abs(step_lat) > _TOLERANCE_DEG):
            break
    return guess_lon, guess_lat
