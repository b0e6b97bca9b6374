"""The two reservoirs: a dam across a valley and the still water behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
import rasterio.features
import shapely
from affine import Affine
from scipy.ndimage import label
from shapely.geometry import LineString, Point

__all__ = ["QUANTUM_M", "fill_reservoirs", "outlines", "painted"]

QUANTUM_M: Final = 1.0 / 32.0  # of all written elevations; a power of two is exact in float32 and quick to compress
_RESERVOIRS: Final = (("jialu", "尖岗水库", 2.6e6, 30.0), ("jinshui", "郭家咀水库", 1.8e5, 12.0))
_HALF_DAM_M: Final = 800.0
_DAM_WIDTH_M: Final = 32.0
_FREEBOARD_M: Final = 2.5


def painted(shapes: list[shapely.Geometry], grid: tuple[int, int], transform: Affine) -> np.ndarray:
    """Return a mask, True where a shape covers the centre of a cell.

    Parameters
    ----------
    shapes : list of shapely.Geometry
        Projected shapes.
    grid : tuple of int
        Rows and columns.
    transform : affine.Affine
        Cell corner to projected coordinates.

    Returns
    -------
    numpy.ndarray
        (rows, columns) bool.

    Examples
    --------
    >>> painted([Point(1.5, 0.5).buffer(0.4)], (1, 3), Affine(1, 0, 0, 0, -1, 1)).tolist()
    [[False, True, False]]
    """
    burned = rasterio.features.rasterize(
        [(shape, 1) for shape in shapes], out_shape=grid, transform=transform, dtype="uint8"
    )
    return np.asarray(burned, dtype=bool)


def outlines(mask: np.ndarray, transform: Affine) -> shapely.Geometry:
    """Return the area of the True cells of a mask.

    Parameters
    ----------
    mask : numpy.ndarray
        (rows, columns) bool.
    transform : affine.Affine
        Cell corner to projected coordinates.

    Returns
    -------
    shapely.Geometry
        Union of the cells.

    Examples
    --------
    >>> outlines(np.array([[True, True, False]]), Affine(1, 0, 0, 0, -1, 1)).area
    2.0
    """
    shapes = rasterio.features.shapes(mask.astype(np.uint8), mask=mask, transform=transform)
    return shapely.union_all([shapely.geometry.shape(shape) for shape, _ in shapes])


def _pool(wall: np.ndarray, seed: tuple[int, int], level_m: float) -> np.ndarray:
    """Return the connected cells under a level that hold the seed cell."""
    pools, _ = label(wall < level_m)
    return (pools == pools[seed]) & (pools[seed] > 0)


def _dam_line(course: LineString, foot_m: float) -> LineString:
    """Return a straight line across the river."""
    here, ahead = course.interpolate(foot_m - 30.0), course.interpolate(foot_m + 30.0)
    flow = np.array([ahead.x - here.x, ahead.y - here.y])
    across = np.array([-flow[1], flow[0]]) / np.hypot(*flow)
    centre = course.interpolate(foot_m)
    return LineString([np.array([centre.x, centre.y]) + side * _HALF_DAM_M * across for side in (-1.0, 1.0)])


def _fill(
    surface: np.ndarray, transform: Affine, course: LineString, dam_at: Point, size: tuple[float, float]
) -> np.ndarray:
    """Raise a dam and a level pool behind it, in place; return the pool.

    The level is the highest whose pool is not larger than wanted and not higher than allowed.
    """
    area_m2, highest_m = size
    foot_m = course.project(dam_at)
    dam = painted([_dam_line(course, foot_m).buffer(_DAM_WIDTH_M / 2.0)], surface.shape, transform)
    behind = course.interpolate(foot_m - 3.0 * _DAM_WIDTH_M)
    column, row = ~transform @ (behind.x, behind.y)
    seed = (int(row), int(column))
    wall = np.where(dam, np.inf, surface)
    cells = area_m2 / transform.a**2
    levels = surface[seed] + np.arange(1.0, highest_m, 0.25)
    fitting = [level_m for level_m in levels if _pool(wall, seed, level_m).sum() <= cells]
    level_m = np.round(max(fitting) / QUANTUM_M) * QUANTUM_M
    pool = _pool(wall, seed, level_m)
    surface[pool] = level_m
    surface[dam] = np.maximum(surface[dam], level_m + _FREEBOARD_M)
    return pool


def fill_reservoirs(
    surface: np.ndarray, transform: Affine, courses: Mapping[str, LineString], hotspots: pd.DataFrame
) -> np.ndarray:
    """Build both reservoirs into a surface, in place.

    Parameters
    ----------
    surface : numpy.ndarray
        (rows, columns) elevation [m].
    transform : affine.Affine
        Cell corner to projected coordinates.
    courses : mapping of str to shapely.LineString
        River courses.
    hotspots : pandas.DataFrame
        Low spots known by name, among them the two dams.

    Returns
    -------
    numpy.ndarray
        (rows, columns) bool, still water.
    """
    places = hotspots.set_index("hotspot_name")
    water = np.zeros(surface.shape, dtype=bool)
    for river, name, area_m2, highest_m in _RESERVOIRS:
        dam_at = Point(places.loc[name, "easting"], places.loc[name, "northing"])
        water |= _fill(surface, transform, courses[river], dam_at, (area_m2, highest_m))
    return water
