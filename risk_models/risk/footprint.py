"""Where the water of each hotspot stands at any depth: the cells below its water line, and who is in them.

The contour of a depression at depth ``d`` is the set of its cells whose ground lies less than ``d`` above the bed at
the hotspot. Every cell therefore floods at one depth, and what a contour holds is a step function of depth: the running
sum over cells in the order in which they flood. A surveyed sag has no cells of its own; it stands for a disc round the
hotspot whose area follows the surveyed curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from risk_models.district import District
from risk_models.terrain import HotspotTerrain
from risk_models.terrain.conditioning import Grid, condition, read_grid
from risk_models.terrain.depressions import Sag, find_sags

__all__ = ["FloodedCells", "first_flooded", "flooded_cells", "held_below"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FloodedCells:
    """All cells that can hold water of a hotspot, n of them; sorted by hotspot, then by depth of flooding.

    Attributes
    ----------
    hotspot : ndarray of int (n,)
        Row of the hotspot in the register.
    floods_at_m : ndarray (n,)
        Depth at the hotspot above which the cell is under water, m; 0 or more.
    box : ndarray of Polygon (n,)
        The square of the cell, projected CRS.
    """

    hotspot: Ints
    floods_at_m: Floats
    box: npt.NDArray[np.object_]


def flooded_cells(district: District, terrain: HotspotTerrain) -> FloodedCells:
    """Find the cells of every hotspot's water and the depth at which each floods.

    Parameters
    ----------
    district : District
        Its elevation model and hotspots are used.
    terrain : HotspotTerrain
        Of the same hotspots; its curves give the area of surveyed sags.

    Returns
    -------
    FloodedCells
    """
    grid = read_grid(district.rasters["dem"], projected_crs=district.settings.district.projected_crs)
    points = district.hotspots.geometry
    easting_m, northing_m = points.x.to_numpy(), points.y.to_numpy()
    sags = find_sags(grid, condition(grid.values), easting_m=easting_m, northing_m=northing_m)
    is_surveyed = (terrain.features["geometry_source"] == "surveyed").to_numpy()
    hotspot, cells, floods_at_m = [], [], []
    for row, sag in enumerate(sags):
        if is_surveyed[row]:
            found, height_m = _disc(grid, sag, terrain.curve_depth_m[row], terrain.curve_area_m2[row])
        else:
            found, height_m = sag.cells, grid.values.ravel()[sag.cells] - sag.bottom_m
        order = np.lexsort((found, height_m))
        hotspot.append(np.full(len(found), row))
        cells.append(found[order])
        floods_at_m.append(np.maximum(height_m[order], 0.0))
    east_m, north_m = grid.centres(np.concatenate(cells))
    half_m, high_m = grid.width_m / 2, grid.height_m / 2
    boxes = shapely.box(east_m - half_m, north_m - high_m, east_m + half_m, north_m + high_m)
    return FloodedCells(np.concatenate(hotspot), np.concatenate(floods_at_m), np.asarray(boxes, dtype=object))


def _disc(grid: Grid, sag: Sag, curve_depth_m: Floats, curve_area_m2: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the cells of a disc as large as the water surface at spill, and the depth at which the disc meets each.

    The k-th nearest cell floods when the surface has grown to k cells.
    """
    rows, cols = grid.values.shape
    count = max(1, round(curve_area_m2[-1] / grid.cell_area_m2))
    reach = int(np.ceil(np.sqrt(count / np.pi))) + 1
    row, col = divmod(sag.cell, cols)
    near_rows = np.arange(max(row - reach, 0), min(row + reach + 1, rows))
    near_cols = np.arange(max(col - reach, 0), min(col + reach + 1, cols))
    cells = (near_rows[:, None] * cols + near_cols).ravel()
    east_m, north_m = grid.centres(np.append(cells, sag.cell))
    distance_m = np.hypot(east_m[:-1] - east_m[-1], north_m[:-1] - north_m[-1])
    nearest = np.lexsort((cells, distance_m))[:count]
    area_m2 = np.arange(len(nearest)) * grid.cell_area_m2
    return cells[nearest], np.interp(area_m2, curve_area_m2, curve_depth_m)


def held_below(hotspot: Ints, floods_at_m: Floats, amount: Floats, depth_m: Floats) -> Floats:
    """Sum what stands under water: amounts whose place floods below the depth of their hotspot.

    Parameters
    ----------
    hotspot : ndarray of int (n,)
        Row of the hotspot.
    floods_at_m : ndarray (n,)
        Depth above which the place is under water, m.
    amount : ndarray (n,)
        People, buildings, ...
    depth_m : ndarray (H,)
        Depth at each hotspot, m; NaN counts as dry.

    Returns
    -------
    ndarray (H,)

    Examples
    --------
    >>> held_below(np.array([0, 0, 1]), np.array([0.0, 0.4, 0.0]), np.array([3.0, 4.0, 5.0]), np.array([0.4, 0.0]))
    array([3., 0.])
    """
    is_wet = floods_at_m < np.nan_to_num(depth_m)[hotspot]
    return np.bincount(hotspot[is_wet], weights=amount[is_wet], minlength=len(depth_m)).astype(np.float64)


def first_flooded(cells: FloodedCells, places: npt.NDArray[np.object_]) -> pd.DataFrame:
    """Return, for every place that the water of a hotspot can reach, the depth from which it stands in it.

    Parameters
    ----------
    cells : FloodedCells
    places : ndarray of geometry (p,)
        Points, lines or polygons in the same CRS.

    Returns
    -------
    DataFrame
        hotspot (row), place (row), floods_at_m; one row per pair, sorted.
    """
    tree = shapely.STRtree(cells.box)
    place, cell = tree.query(places, predicate="intersects")
    pairs = pd.DataFrame({"hotspot": cells.hotspot[cell], "place": place, "floods_at_m": cells.floods_at_m[cell]})
    return pairs.groupby(["hotspot", "place"], sort=True)["floods_at_m"].min().reset_index()
