"""Areas of the 18 towns: a weighted Voronoi partition of the outline with wavy borders, free of gaps and overlaps."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import rasterio.features
import shapely
from affine import Affine
from scipy.ndimage import gaussian_filter

from data.builder.settings import CRS, SYNTHETIC, random_for
from data.builder.sources import Sources

__all__ = ["build_towns"]

_CELL_M = 20.0
_WAVE_M = 170.0
_SIMPLIFY_M = 45.0


def _smooth_field(generator: np.random.Generator, shape: tuple[int, int], length_cells: float) -> np.ndarray:
    field = gaussian_filter(generator.standard_normal(shape), length_cells, mode="reflect")
    return field / field.std()


def _labels(sources: Sources, bounds: tuple[float, float, float, float]) -> np.ndarray:
    """Return the index of the town of each cell: least squared distance minus squared weight, on warped ground."""
    west, south, east, north = bounds
    eastings = np.arange(west + _CELL_M / 2, east, _CELL_M)
    northings = np.arange(north - _CELL_M / 2, south, -_CELL_M)
    grid_e, grid_n = np.meshgrid(eastings, northings)
    generator = random_for("towns")
    grid_e = grid_e + _WAVE_M * _smooth_field(generator, grid_e.shape, 22.0)
    grid_n = grid_n + _WAVE_M * _smooth_field(generator, grid_e.shape, 22.0)
    power = np.full(grid_e.shape, np.inf)
    label = np.zeros(grid_e.shape, dtype=np.int32)
    for index, town in enumerate(sources.towns.itertuples()):
        distance = (grid_e - town.easting) ** 2 + (grid_n - town.northing) ** 2 - town.weight_m**2
        label = np.where(distance < power, index, label)
        power = np.minimum(distance, power)
    return label


def _cells(sources: Sources) -> gpd.GeoSeries:
    """Return one simplified polygon per town over the bounding box, a valid coverage."""
    west, south, east, north = sources.outline.buffer(300.0).bounds
    label = _labels(sources, (west, south, east, north))
    shapes = rasterio.features.shapes(label, transform=Affine(_CELL_M, 0, west, 0, -_CELL_M, north))
    pieces = gpd.GeoDataFrame(
        [(int(value), shapely.geometry.shape(polygon)) for polygon, value in shapes], columns=["town", "geometry"]
    )
    # A stray piece cut off by the waves joins nothing here: polygonising below gives it to its neighbour.
    pieces = pieces.assign(area=pieces.area).sort_values("area", kind="stable").groupby("town").tail(1)
    pieces = pieces.sort_values("town").set_index("town")
    return gpd.GeoSeries(shapely.coverage_simplify(pieces.geometry.to_numpy(), _SIMPLIFY_M), index=pieces.index)


def partition(sources: Sources) -> gpd.GeoSeries:
    """Return the area of each town, indexed like ``sources.towns``; together exactly the outline.

    Borders are noded once, so that neighbours share every vertex.

    Parameters
    ----------
    sources : Sources
        Outline and sites of the towns.

    Returns
    -------
    geopandas.GeoSeries
        18 polygons, metres.
    """
    cells = _cells(sources)
    noded = shapely.union_all([sources.outline.boundary, *(cell.boundary for cell in cells)], grid_size=0.01)
    faces = [
        face for face in shapely.polygonize([noded]).geoms if sources.outline.contains(face.representative_point())
    ]
    areas: dict[int, shapely.Polygon] = {}
    orphans = []
    for index, cell in cells.items():
        own = [face for face in faces if cell.contains(face.representative_point())]
        parts = sorted(getattr(shapely.union_all(own), "geoms", own), key=lambda part: part.area)
        areas[index] = parts[-1] if len(own) > 1 else own[0]
        orphans += parts[:-1]
    orphans += [face for face in faces if not any(cell.contains(face.representative_point()) for cell in cells)]
    for face in sorted(orphans, key=lambda part: part.wkb):
        neighbour = max(areas, key=lambda index: areas[index].intersection(face.boundary).length)
        areas[neighbour] = areas[neighbour].union(face)
    return gpd.GeoSeries([areas[index] for index in cells.index], index=cells.index, crs=CRS)


def build_towns(sources: Sources) -> gpd.GeoDataFrame:
    """Build the layer of towns.

    Parameters
    ----------
    sources : Sources
        Outline, names and codes.

    Returns
    -------
    geopandas.GeoDataFrame
        18 rows of the town contract, projected CRS; every boundary is synthetic.
    """
    areas = partition(sources)
    rows = []
    for number, town in enumerate(sources.towns.itertuples(), start=1):
        register = town.note if town.parent_code else "name and code: national register 2023-06-30"
        rows.append(
            {
                "town_code": town.town_code,
                "town_name": town.town_name,
                "town_name_en": town.town_name_en,
                "kind": town.kind,
                "population_night": int(town.population_night),
                "population_day": int(town.population_day),
                "duty_phone": f"0371-0000{number:02d}01",
                "mailbox": f"{town.slug}@erqi.example",
                "second_contact": f"{town.slug}-2@erqi.example",
                "synthetic": True,
                "source": f"{register}; boundary, population and contacts {SYNTHETIC}",
            }
        )
    return gpd.GeoDataFrame(rows, geometry=areas.to_list(), crs=CRS)
