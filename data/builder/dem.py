"""The 10 m elevation model: relief with roads, pits at the hotspots and river beds cut into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter
from shapely.geometry import LineString

from data.builder.district import DistrictTables
from data.builder.relief import CELL_M, MARGIN_M, Relief, smooth_noise
from data.builder.reservoirs import QUANTUM_M, painted
from data.builder.settings import random_for

__all__ = ["NODATA", "Terrain", "build_terrain", "course_cells"]

NODATA: Final = -9999.0
_BED_M: Final = 1.2  # river bed below the valley floor
_BANK_M: Final = 0.25  # edge of the bed above its middle
_ROAD_M: Final = 0.18  # road below its surroundings

# Half length and half width [m] and depth [m] of the pit at a hotspot; a range is drawn from.
_PITS: Final[dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]]] = {
    "tunnel": ((110.0, 140.0), (26.0, 30.0), (3.2, 4.0)),
    "rail_underpass": ((60.0, 80.0), (24.0, 28.0), (2.2, 3.2)),
    "road_junction": ((35.0, 55.0), (35.0, 55.0), (0.25, 0.6)),
    "underground_space": ((28.0, 42.0), (28.0, 42.0), (0.25, 0.6)),
    "metro_entrance": ((26.0, 36.0), (26.0, 36.0), (0.2, 0.45)),
    "riverside": ((35.0, 60.0), (28.0, 40.0), (0.3, 0.8)),
    "old_community": ((45.0, 75.0), (45.0, 75.0), (0.3, 0.7)),
    "construction_pit": ((35.0, 50.0), (30.0, 40.0), (2.0, 3.5)),
    "dangerous_house": ((28.0, 40.0), (28.0, 40.0), (0.2, 0.45)),
    "school": ((40.0, 60.0), (40.0, 60.0), (0.25, 0.55)),
}
_ROADS: Final = ("trunk", "primary", "secondary")


@dataclass(frozen=True)
class Terrain:
    """The finished surface.

    Attributes
    ----------
    elevation_m : numpy.ndarray
        (rows, columns) float32 metres, ``NODATA`` beyond 500 m from the outline.
    river : numpy.ndarray
        (rows, columns) bool, river beds.
    reservoir : numpy.ndarray
        (rows, columns) bool, still water.
    road : numpy.ndarray
        (rows, columns) bool, roads.
    inside : numpy.ndarray
        (rows, columns) bool, outline and 500 m around.
    relief : Relief
        Grid and bare relief.
    """

    elevation_m: np.ndarray
    river: np.ndarray
    reservoir: np.ndarray
    road: np.ndarray
    inside: np.ndarray
    relief: Relief


def course_cells(course: LineString, relief: Relief) -> tuple[np.ndarray, np.ndarray]:
    """Return the cells along a river, in order of flow, those on the grid only.

    Parameters
    ----------
    course : shapely.LineString
        Source to mouth, metres.
    relief : Relief
        Grid.

    Returns
    -------
    tuple of numpy.ndarray
        Rows and columns, each (n,) int.
    """
    along = np.arange(0.0, course.length, CELL_M / 4.0)
    points = np.array([course.interpolate(distance).coords[0] for distance in along])
    columns, rows = ~relief.transform @ (points[:, 0], points[:, 1])
    cells = pd.DataFrame({"row": np.floor(rows).astype(int), "column": np.floor(columns).astype(int)}).drop_duplicates()
    height, width = relief.elevation_m.shape
    on_grid = cells["row"].between(0, height - 1) & cells["column"].between(0, width - 1)
    return cells["row"].to_numpy()[on_grid], cells["column"].to_numpy()[on_grid]


def _dig_pit(surface: np.ndarray, relief: Relief, spot: pd.Series, size: tuple[float, float, float]) -> None:
    """Dig an elliptic bowl whose depth is counted from the lowest point of its rim: a closed depression. In place."""
    half_length, half_width, depth = size
    row, column = relief.index(spot["easting"], spot["northing"])
    reach = int(half_length / CELL_M) + 3
    rows = slice(max(row - reach, 0), row + reach + 1)
    columns = slice(max(column - reach, 0), column + reach + 1)
    north, east = np.mgrid[rows, columns]
    east_m, north_m = (east - column) * CELL_M, (row - north) * CELL_M
    angle = np.radians(float(spot["azimuth_deg"]))
    along = east_m * np.sin(angle) + north_m * np.cos(angle)
    across = east_m * np.cos(angle) - north_m * np.sin(angle)
    radius = np.hypot(along / half_length, across / half_width)
    window = surface[rows, columns]
    bowl = radius < 1.0
    spill = window[binary_dilation(bowl) & ~bowl].min()
    target = spill - depth * (1.0 - radius**2) - QUANTUM_M
    window[bowl] = np.minimum(window[bowl], target[bowl])


def _dig_pits(surface: np.ndarray, relief: Relief, hotspots: pd.DataFrame) -> None:
    generator = random_for("pits")
    for _, spot in hotspots.iterrows():
        if spot["kind"] in _PITS:
            size = tuple(float(generator.uniform(*span)) for span in _PITS[spot["kind"]])
            _dig_pit(surface, relief, spot, size)


def _carve_river(surface: np.ndarray, relief: Relief, course: LineString, width_m: float) -> np.ndarray:
    """Cut a bed that never rises downstream, in place; still water keeps its level. Return the cells of the bed."""
    rows, columns = course_cells(course, relief)
    still = relief.reservoir[rows, columns]
    ground = surface[rows, columns]
    bed = np.where(still, ground, ground - _BED_M)
    below = np.maximum.accumulate(np.where(still, ground, -np.inf)[::-1])[::-1]
    bed = np.minimum.accumulate(np.maximum(bed, below))
    bed = np.round(bed / QUANTUM_M) * QUANTUM_M
    order = np.full(surface.shape, -1)
    order[rows, columns] = np.arange(rows.size)
    nearest = distance_transform_edt(order < 0, return_distances=False, return_indices=True)
    level = bed[order[nearest[0], nearest[1]]]
    wide = painted([course.buffer(width_m / 2.0)], surface.shape, relief.transform) & ~relief.reservoir
    surface[wide] = np.minimum(surface[wide], level[wide] + _BANK_M)
    surface[rows, columns] = bed
    return wide


def _roads(built: DistrictTables) -> np.ndarray:
    """Return the cells of the roads."""
    lines = built.sources.lines
    lines = lines[lines["kind"].isin(_ROADS)]
    shapes = [line.buffer(width / 2.0) for line, width in zip(lines.geometry, lines["width_m"], strict=True)]
    return painted(shapes, built.relief.elevation_m.shape, built.relief.transform) & ~built.relief.reservoir


def build_terrain(built: DistrictTables) -> Terrain:
    """Build the elevation model and the masks that the land cover is made from.

    Parameters
    ----------
    built : DistrictTables
        Relief, lines and hotspots.

    Returns
    -------
    Terrain
        Surface quantised to 1/32 m.
    """
    relief = built.relief
    road = _roads(built)
    noise = (0.05 + 0.25 * relief.loess) * smooth_noise(random_for("dem"), road.shape, 4.0)
    lowered = _ROAD_M * gaussian_filter(road.astype(float), 0.6)
    shore = binary_dilation(relief.reservoir, iterations=4)
    surface = relief.elevation_m + np.where(shore, 0.0, noise - lowered)
    _dig_pits(surface, relief, built.tables["hotspots"])
    surface = np.round(surface / QUANTUM_M) * QUANTUM_M
    widths = built.sources.lines.set_index("line_id")["width_m"]
    river = np.zeros(surface.shape, dtype=bool)
    for name, course in relief.courses.items():
        river |= _carve_river(surface, relief, course, float(widths[name]))
    inside = painted([built.sources.outline.buffer(MARGIN_M)], surface.shape, relief.transform)
    surface = np.round(surface / QUANTUM_M) * QUANTUM_M
    elevation = np.where(inside, surface, NODATA).astype(np.float32)
    return Terrain(elevation, river & inside, relief.reservoir & inside, road & inside, inside, relief)
