"""Where water stands: the depression under each hotspot and its depth-area-volume curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from risk_models.terrain.conditioning import Cells, Floats, Flow, Grid

__all__ = [
    "GUTTER_DEPTH_M",
    "GUTTER_RADIUS_M",
    "LEVELS",
    "SNAP_RADIUS_M",
    "Sag",
    "StorageCurve",
    "find_sags",
    "label_depressions",
    "storage_curve",
    "wedge_curve",
]

#: Levels of a curve, from empty to spill.
LEVELS = 16
#: How far a hotspot may be moved to the depression it stands for, m: register points are put beside the road.
SNAP_RADIUS_M = 60.0
#: A hotspot without a depression at least this deep stores water between the kerbs up to this depth, m. It is also
#: about the error of a 10 m elevation model, so that shallower pits say nothing about the street.
GUTTER_DEPTH_M = 0.30
#: Reach of that storage around the lowest cell, m: with 10 m cells the 3 x 3 block.
GUTTER_RADIUS_M = 15.0

SagSource = Literal["dem", "gutter"]
_EIGHT = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class Sag:
    """The place where the water of one hotspot stands.

    Attributes
    ----------
    cell : int
        Flat index of the cell the hotspot was moved to.
    snapped_m : float
        Distance from the registered point to the centre of that cell, m.
    cells : ndarray of int
        Flat indices of all cells that store water.
    bottom_m, spill_m : float
        Elevation of `cell` and of the level at which water leaves, m.
    source : {"dem", "gutter"}
        A depression of the elevation model, or the storage between the kerbs.
    """

    cell: int
    snapped_m: float
    cells: Cells
    bottom_m: float
    spill_m: float
    source: SagSource


@dataclass(frozen=True)
class StorageCurve:
    """Depth, area and volume of stored water at K levels, none of them ever falling.

    Attributes
    ----------
    depth_m : ndarray (K,)
        Depth at the hotspot, from 0 to spill, m.
    area_m2, volume_m3 : ndarray (K,)
        Water surface (m2) and stored volume (m3) at that depth.
    """

    depth_m: Floats
    area_m2: Floats
    volume_m3: Floats


def label_depressions(elevation_m: Floats, filled_m: Floats) -> npt.NDArray[np.int32]:
    """Number the depressions: connected cells (of eight) that filling raised.

    Two raised cells that touch share one spill level, so that a number stands for one water surface.

    Parameters
    ----------
    elevation_m, filled_m : ndarray (rows, cols)
        Before and after filling, m.

    Returns
    -------
    ndarray of int32 (rows, cols)
        0 outside, 1 .. n inside.

    Examples
    --------
    >>> dem = np.array([[5.0, 5, 5, 5, 5], [5, 2, 5, 3, 4], [5, 5, 5, 5, 5]])
    >>> filled = np.array([[5.0, 5, 5, 5, 5], [5, 5, 5, 4, 4], [5, 5, 5, 5, 5]])
    >>> label_depressions(dem, filled)[1].tolist()
    [0, 1, 0, 2, 0]
    """
    from scipy import ndimage  # here, because a cached terrain is read without it

    labels = np.zeros(elevation_m.shape, dtype=np.int32)
    with np.errstate(invalid="ignore"):
        ndimage.label(filled_m > elevation_m, structure=_EIGHT, output=labels)
    return labels


def find_sags(grid: Grid, flow: Flow, *, easting_m: Floats, northing_m: Floats) -> list[Sag]:
    """Find for every hotspot the depression, or the gutter, in which its water stands.

    The hotspot moves to the deepest raised cell within `SNAP_RADIUS_M` (the nearest of equals), if that is at least
    `GUTTER_DEPTH_M` deep. Otherwise it moves to the lowest cell within `GUTTER_RADIUS_M`, and water stands there up to
    `GUTTER_DEPTH_M` on the cells within `GUTTER_RADIUS_M` of it that lie between its bed and that level.

    Parameters
    ----------
    grid : Grid
        Elevation, m.
    flow : Flow
        Of the same grid.
    easting_m, northing_m : ndarray (H,)
        Hotspots; each on a cell with data.

    Returns
    -------
    list of Sag, length H

    Examples
    --------
    >>> from risk_models.terrain.conditioning import condition
    >>> surface = np.full((9, 9), 5.0)
    >>> surface[4, 4] = 4.0
    >>> grid = Grid(surface, west_m=0.0, north_m=90.0, width_m=10.0, height_m=10.0)
    >>> sag = find_sags(grid, condition(surface), easting_m=np.array([65.0]), northing_m=np.array([45.0]))[0]
    >>> divmod(sag.cell, 9), sag.snapped_m, sag.spill_m - sag.bottom_m, sag.source
    ((4, 4), 20.0, 1.0, 'dem')
    """
    from scipy import ndimage

    labels = label_depressions(grid.values, flow.filled_m)
    boxes = ndimage.find_objects(labels)
    fill_depth_m = (flow.filled_m - grid.values).ravel()
    sags = []
    for east, north in zip(easting_m, northing_m, strict=True):
        near, distance_m = _within(grid, float(east), float(north), SNAP_RADIUS_M)
        best = _first(near, distance_m, -fill_depth_m[near])
        if fill_depth_m[near[best]] >= GUTTER_DEPTH_M:
            cell = int(near[best])
            cells = _members(labels, boxes, int(labels.flat[cell]))
            sags.append(_sag(grid, cell, float(distance_m[best]), cells, float(flow.filled_m.flat[cell]), "dem"))
        else:
            sags.append(_gutter(grid, float(east), float(north)))
    return sags


def _sag(grid: Grid, cell: int, snapped_m: float, cells: Cells, spill_m: float, source: SagSource) -> Sag:
    return Sag(
        cell=cell,
        snapped_m=snapped_m,
        cells=cells,
        bottom_m=float(grid.values.flat[cell]),
        spill_m=spill_m,
        source=source,
    )


def _gutter(grid: Grid, easting_m: float, northing_m: float) -> Sag:
    near, distance_m = _within(grid, easting_m, northing_m, GUTTER_RADIUS_M)
    best = _first(near, distance_m, grid.values.ravel()[near])
    cell = int(near[best])
    east, north = grid.centres(np.array([cell]))
    around, _ = _within(grid, float(east[0]), float(north[0]), GUTTER_RADIUS_M)
    bottom_m = float(grid.values.flat[cell])
    spill_m = bottom_m + GUTTER_DEPTH_M
    heights_m = grid.values.ravel()[around]
    cells = around[(heights_m >= bottom_m) & (heights_m < spill_m)]  # lower ones lie downhill and hold nothing back
    return _sag(grid, cell, float(distance_m[best]), cells, spill_m, "gutter")


def _within(grid: Grid, easting_m: float, northing_m: float, radius_m: float) -> tuple[Cells, Floats]:
    """Return the cells with data whose centre is within a radius, the cell under the point always; and distances."""
    rows, cols = grid.values.shape
    home = int(grid.cells_at(np.array([easting_m]), np.array([northing_m]))[0])
    row, col = divmod(home, cols)
    reach_row, reach_col = int(radius_m // grid.height_m) + 1, int(radius_m // grid.width_m) + 1
    near_rows = np.arange(max(row - reach_row, 0), min(row + reach_row + 1, rows))
    near_cols = np.arange(max(col - reach_col, 0), min(col + reach_col + 1, cols))
    cells = (near_rows[:, None] * cols + near_cols).ravel()
    east, north = grid.centres(cells)
    distance_m = np.hypot(east - easting_m, north - northing_m)
    keep = ((distance_m <= radius_m) | (cells == home)) & np.isfinite(grid.values.ravel()[cells])
    return cells[keep], distance_m[keep]


def _first(cells: Cells, distance_m: Floats, key: Floats) -> int:
    """Return the position of the smallest key; equals are told apart by distance, then by index."""
    return int(np.lexsort((cells, distance_m, key))[0])


def _members(labels: npt.NDArray[np.int32], boxes: list[tuple[slice, slice]], label: int) -> Cells:
    rows, cols = boxes[label - 1]
    inner_row, inner_col = np.nonzero(labels[rows, cols] == label)
    return np.asarray((inner_row + rows.start) * labels.shape[1] + inner_col + cols.start, dtype=np.intp)


def storage_curve(elevation_m: Floats, *, bottom_m: float, spill_m: float, cell_area_m2: float) -> StorageCurve:
    """Build the depth-area-volume curve of a set of cells.

    At water level ``w`` the area is ``a n(z < w)`` and the volume ``a sum(max(0, w - z))`` with cell area ``a``. Depth
    is counted from `bottom_m`, the hotspot's own cell. Where the depression is deeper elsewhere, that part must fill
    first: the curve then has a second level at depth 0 that holds this volume.

    Parameters
    ----------
    elevation_m : ndarray (n,)
        Of the cells that store water, m.
    bottom_m, spill_m : float
        Elevation of the hotspot's cell and of the spill, m.
    cell_area_m2 : float
        Area of a cell, m2.

    Returns
    -------
    StorageCurve
        With K = `LEVELS` levels; the last volume is that of the whole depression.

    Examples
    --------
    Three cells of 100 m2 at 0, 1 and 2 m under a spill at 3 m hold (3 + 2 + 1) x 100 m3.

    >>> curve = storage_curve(np.array([0.0, 1.0, 2.0]), bottom_m=0.0, spill_m=3.0, cell_area_m2=100.0)
    >>> curve.depth_m[[0, 5, 15]].tolist(), curve.volume_m3[[0, 5, 15]].tolist()
    ([0.0, 1.0, 3.0], [0.0, 100.0, 600.0])
    """
    height_m = np.sort(np.asarray(elevation_m, dtype=np.float64) - bottom_m)
    below_sum_m = np.concatenate([[0.0], np.cumsum(height_m)])
    has_dead_storage = height_m[0] < 0.0
    depth_m = np.linspace(0.0, spill_m - bottom_m, LEVELS - has_dead_storage)
    count = np.searchsorted(height_m, depth_m, side="left")
    area_m2 = count * cell_area_m2
    volume_m3 = np.maximum.accumulate(np.maximum(count * depth_m - below_sum_m[count], 0.0)) * cell_area_m2
    if has_dead_storage:
        depth_m, area_m2, volume_m3 = (np.concatenate([[0.0], part]) for part in (depth_m, area_m2, volume_m3))
    return StorageCurve(depth_m, area_m2.astype(np.float64), volume_m3)


def wedge_curve(area_m2: float, depth_m: float) -> StorageCurve:
    """Build the curve of a surveyed sag between two ramps, whose water surface grows linearly with depth.

    ``V(d) = A d**2 / (2 D)`` and ``A(d) = A d / D`` for surveyed area ``A`` at surveyed depth ``D``.

    Parameters
    ----------
    area_m2, depth_m : float
        Water surface (m2) when full and greatest depth (m); positive.

    Returns
    -------
    StorageCurve

    Raises
    ------
    ValueError
        If area or depth is not positive.

    References
    ----------
    Volume of a triangular prism: area of the triangle ``d * l(d) / 2`` times width, with length ``l(d)`` proportional
    to ``d``.

    Examples
    --------
    >>> curve = wedge_curve(2000.0, 3.0)
    >>> float(curve.volume_m3[-1]), float(curve.area_m2[-1]), float(curve.volume_m3[5])
    (3000.0, 2000.0, 333.3333333333333)
    """
    if not (area_m2 > 0 and depth_m > 0):
        raise ValueError(f"surveyed area and depth must be positive, got {area_m2} m2 and {depth_m} m")
    depths_m = np.linspace(0.0, depth_m, LEVELS)
    return StorageCurve(depths_m, area_m2 * depths_m / depth_m, area_m2 * depths_m**2 / (2.0 * depth_m))
