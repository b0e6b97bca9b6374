"""Relief of the district before roads and pits: control points, gullies cut by flowing water, valleys, reservoirs.

The relief is synthetic. It is shaped by known facts only: about 250 m in the south-west, about 100 m in the
north-east, a mean near 193 m, 112 m at station 57083, loess gullies, and the courses of the rivers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyflwdir
import shapely
from affine import Affine
from numba import njit
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import distance_transform_edt, gaussian_filter, zoom
from shapely.geometry import LineString

from data.builder.reservoirs import fill_reservoirs, outlines, painted
from data.builder.settings import random_for
from data.builder.sources import Sources

__all__ = ["Relief", "build_relief", "river_courses", "smooth_noise"]

CELL_M = 10.0
MARGIN_M = 500.0
_COARSE = 4  # coarse cells are 4 x 4 fine cells
_CUT_STEPS = 14
_MEANDER_M = 45.0


@dataclass(frozen=True)
class Relief:
    """Relief on the fine grid.

    Attributes
    ----------
    elevation_m : numpy.ndarray
        (rows, columns) float64, metres; defined everywhere in the rectangle.
    transform : affine.Affine
        Cell corner to projected coordinates.
    loess : numpy.ndarray
        (rows, columns) 0 in the built plain to 1 in the loess hills.
    courses : dict of str to shapely.LineString
        River courses with meanders, source to mouth.
    reservoir : numpy.ndarray
        (rows, columns) bool, still water.
    still_water : shapely.Geometry
        Reservoirs and their shores, 60 m around.
    """

    elevation_m: np.ndarray
    transform: Affine
    loess: np.ndarray
    courses: dict[str, LineString]
    reservoir: np.ndarray
    still_water: shapely.Geometry

    def index(self, easting: float, northing: float) -> tuple[int, int]:
        """Return row and column of the cell that holds a point."""
        column, row = ~self.transform @ (easting, northing)
        return int(row), int(column)

    def slope(self) -> np.ndarray:
        """Return the slope [m/m] of each cell, smoothed over about 50 m."""
        north, east = np.gradient(gaussian_filter(self.elevation_m, 2.5), CELL_M)
        return np.hypot(north, east)


def smooth_noise(generator: np.random.Generator, shape: tuple[int, int], length_cells: float) -> np.ndarray:
    """Return Gaussian noise of unit standard deviation, smooth over a length.

    Parameters
    ----------
    generator : numpy.random.Generator
        Source of chance.
    shape : tuple of int
        Rows and columns.
    length_cells : float
        Standard deviation of the smoothing [cells].

    Returns
    -------
    numpy.ndarray
        (rows, columns) float64.

    Examples
    --------
    >>> float(smooth_noise(np.random.default_rng(1), (40, 50), 3.0).std().round(6))
    1.0
    """
    shrink = max(1, int(length_cells // 4))
    small = tuple(-(-size // shrink) + 2 for size in shape)
    field = gaussian_filter(generator.standard_normal(small), length_cells / shrink, mode="wrap")
    field = zoom(field, shrink, order=3)[: shape[0], : shape[1]] if shrink > 1 else field[: shape[0], : shape[1]]
    return (field - field.mean()) / field.std()


def river_courses(sources: Sources) -> dict[str, LineString]:
    """Return the river courses: the approximate lines, rounded and given small meanders.

    Parameters
    ----------
    sources : Sources
        Its lines of kind river.

    Returns
    -------
    dict of str to shapely.LineString
        By line_id, projected, source to mouth.
    """
    generator = random_for("rivers")
    rivers = sources.lines[sources.lines["kind"] == "river"].set_index("line_id").geometry
    courses = {}
    for name, line in rivers.items():
        along = np.arange(0.0, line.length, 25.0)
        points = np.array([line.interpolate(distance).coords[0] for distance in along])
        for axis in (0, 1):
            points[:, axis] = gaussian_filter(points[:, axis], 10.0, mode="nearest")
        sway = gaussian_filter(generator.standard_normal((2, len(along))), (0, 6.0))
        points += _MEANDER_M * (sway / sway.std()).T
        courses[str(name)] = LineString(points)
    return courses


@njit  # type: ignore[untyped-decorator]
def _cut(elevation: np.ndarray, order: np.ndarray, downstream: np.ndarray, speed: np.ndarray, cell_m: float) -> None:
    """Lower each cell towards its downstream cell (implicit stream-power law with slope exponent 1), in place."""
    for position in range(order.size):
        cell = order[position]
        below = downstream[cell]
        if below == cell:
            continue
        factor = speed[cell] / cell_m
        lowered = (elevation[cell] + factor * elevation[below]) / (1.0 + factor)
        elevation[cell] = min(elevation[cell], lowered)


def _eroded(elevation: np.ndarray, loess: np.ndarray, cell_m: float) -> np.ndarray:
    """Return the surface after gullies have cut into it.

    References
    ----------
    Stream-power incision dz/dt = -K A^m S and its implicit solution: Braun, J. and Willett, S. (2013),
    doi 10.1016/j.geomorph.2012.10.008.
    """
    surface = elevation.copy()
    for _ in range(_CUT_STEPS):
        filled, directions = pyflwdir.dem.fill_depressions(surface, nodata=-9999.0, outlets="edge")
        flow = pyflwdir.from_array(directions, ftype="d8")
        area = flow.upstream_area(unit="cell").ravel() * cell_m**2
        speed = 0.08 * loess.ravel() * np.sqrt(area)
        flat = filled.astype(np.float64).ravel()
        _cut(flat, flow.idxs_seq, flow.idxs_ds, speed, cell_m)
        surface = gaussian_filter(flat.reshape(surface.shape), 0.45)
    return surface


def _valleys(courses: dict[str, LineString], shape: tuple[int, int], transform: Affine) -> np.ndarray:
    """Return a shallow trench [m, negative] along each river, so that water finds the known courses."""
    mask = painted([line.buffer(0.7 * transform.a) for line in courses.values()], shape, transform)
    distance_m = distance_transform_edt(mask == 0) * transform.a
    return -9.0 * np.exp(-((distance_m / 160.0) ** 2))


def build_relief(sources: Sources) -> Relief:
    """Build the bare relief on the 10 m grid over the outline and 500 m around it.

    Parameters
    ----------
    sources : Sources
        Outline, control points and lines.

    Returns
    -------
    Relief
        Elevation, grid, river courses and reservoirs.

    References
    ----------
    Facts of the relief: ``data/README.md``.
    """
    coarse, shape = _grid(sources)
    plain = _plain(sources, coarse, shape).round(6)  # the last bits differ between linear-algebra libraries
    loess = 1.0 / (1.0 + np.exp(-(plain - 158.0) / 9.0))
    courses = river_courses(sources)
    surface = plain + _roughness(shape) * (0.04 + 0.96 * loess)
    surface += (1.0 + 1.6 * loess) * _valleys(courses, shape, coarse)
    surface = _eroded(surface, loess, coarse.a)
    fine = zoom(surface, _COARSE, order=3, mode="nearest", grid_mode=True)
    transform = coarse @ Affine.scale(1.0 / _COARSE)
    reservoir = fill_reservoirs(fine, transform, courses, sources.hotspots)
    return Relief(
        elevation_m=fine,
        transform=transform,
        loess=np.clip(zoom(loess, _COARSE, order=1, mode="nearest", grid_mode=True), 0.0, 1.0),
        courses=courses,
        reservoir=reservoir,
        still_water=outlines(reservoir, transform).buffer(60.0),
    )


def _grid(sources: Sources) -> tuple[Affine, tuple[int, int]]:
    """Return the transform and the rows and columns of the coarse grid over the outline and its margin."""
    west, south, east, north = sources.outline.buffer(MARGIN_M + CELL_M).bounds
    step = CELL_M * _COARSE
    west, north = np.floor(west / step) * step, np.ceil(north / step) * step
    return Affine(step, 0, west, 0, -step, north), (
        int(np.ceil((north - south) / step)),
        int(np.ceil((east - west) / step)),
    )


def _plain(sources: Sources, transform: Affine, shape: tuple[int, int]) -> np.ndarray:
    """Return the smooth surface through the control points [m] (thin-plate spline)."""
    columns, rows = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    easting, northing = transform @ (columns.ravel(), rows.ravel())
    relief = sources.relief
    known = relief[["easting", "northing"]].to_numpy()
    spline = RBFInterpolator(known, relief["elevation_m"].to_numpy(), smoothing=0.5)
    return np.asarray(spline(np.column_stack((easting, northing))).reshape(shape))


def _roughness(shape: tuple[int, int]) -> np.ndarray:
    """Return hills of three sizes [m] for the loess country."""
    generator = random_for("relief")
    sizes = ((9.0, 22.0), (4.0, 7.0), (2.2, 2.0))
    return np.sum([height * smooth_noise(generator, shape, length) for height, length in sizes], axis=0)
