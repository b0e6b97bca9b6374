"""Culverts and underpasses that an elevation model does not show: water passes under what it takes for a dam."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from risk_models.terrain.conditioning import Floats, Grid

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["breach"]


def breach(grid: Grid, culverts: gpd.GeoDataFrame) -> Grid:
    """Lower the elevation model along culverts, so that water can pass.

    Every cell under a line is lowered to the straight fall between the ground at the line's two ends; lower ground
    stays. A breach lets everything through: a culvert that can be blocked or overrun is better left out.

    Parameters
    ----------
    grid : Grid
        Elevation, m.
    culverts : GeoDataFrame
        Lines in the grid's CRS.

    Returns
    -------
    Grid

    Raises
    ------
    ValueError
        If a geometry is no line.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import LineString
    >>> wall = Grid(np.array([[2.0, 9.0, 1.0]]), west_m=0.0, north_m=10.0, width_m=10.0, height_m=10.0)
    >>> breach(wall, gpd.GeoDataFrame(geometry=[LineString([(5, 5), (25, 5)])])).values.tolist()
    [[2.0, 1.5, 1.0]]
    """
    values = grid.values.copy()
    for course in _courses(grid, culverts):
        cells = grid.cells_at(course[:, 0], course[:, 1])
        known = cells >= 0
        known[known] = np.isfinite(grid.values.ravel()[cells[known]])
        if not known.any():
            continue
        cells, share = cells[known], np.linspace(0.0, 1.0, len(cells))[known]
        ground_m = grid.values.ravel()[cells]
        level_m = ground_m[0] + (ground_m[-1] - ground_m[0]) * (share - share[0]) / max(share[-1] - share[0], 1e-12)
        np.minimum.at(values.ravel(), cells, level_m.astype(np.float32).astype(np.float64))
    return replace(grid, values=values)


def _courses(grid: Grid, culverts: gpd.GeoDataFrame) -> Iterator[Floats]:
    """Yield points along each line, at least two a cell."""
    for line in culverts.geometry.explode(ignore_index=True):
        if line.geom_type != "LineString":
            raise ValueError(f"a culvert must be a line, got a {line.geom_type}")
        n_points = int(np.ceil(2.0 * line.length / min(grid.width_m, grid.height_m))) + 1
        points = [line.interpolate(share, normalized=True) for share in np.linspace(0.0, 1.0, n_points)]
        yield np.array([(point.x, point.y) for point in points])
