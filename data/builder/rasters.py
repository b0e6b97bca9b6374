"""Land cover, and the writing of both rasters as GeoTIFF."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from scipy.ndimage import distance_transform_edt

from data.builder.dem import NODATA, Terrain
from data.builder.district import DistrictTables
from data.builder.relief import CELL_M, smooth_noise
from data.builder.settings import CRS, SYNTHETIC, random_for

__all__ = ["LAND_COVER", "build_land_cover", "write_rasters"]

LAND_COVER: Final = {
    "water": 1,
    "dense built-up": 2,
    "sparse built-up": 3,
    "road or paved": 4,
    "park or grass": 5,
    "forest": 6,
    "cropland": 7,
    "bare soil": 8,
}


def _distance_to_communities(built: DistrictTables, terrain: Terrain) -> np.ndarray:
    """Return the distance [m] of each cell to the nearest community."""
    far = np.ones(terrain.inside.shape, dtype=bool)
    for home in built.tables["communities"].itertuples():
        far[terrain.relief.index(home.easting, home.northing)] = False
    return distance_transform_edt(far) * CELL_M


def build_land_cover(built: DistrictTables, terrain: Terrain) -> np.ndarray:
    """Build land cover from slope, loess, distance to communities, roads and water.

    Parameters
    ----------
    built : DistrictTables
        Communities.
    terrain : Terrain
        Masks and relief.

    Returns
    -------
    numpy.ndarray
        (rows, columns) uint8 codes of ``LAND_COVER``; 0 outside.
    """
    generator = random_for("land cover")
    shape = terrain.inside.shape
    patch = smooth_noise(generator, shape, 9.0)
    broad = smooth_noise(generator, shape, 24.0)
    near_m = _distance_to_communities(built, terrain) * np.exp(0.35 * patch)
    slope = terrain.relief.slope()
    urban = terrain.relief.loess + 0.16 * broad + 0.05 * patch < 0.55
    cover = np.full(shape, LAND_COVER["cropland"], dtype=np.uint8)
    cover[(slope > 0.10) | (broad > 1.3)] = LAND_COVER["forest"]
    cover[(broad < -1.5) & (slope < 0.2)] = LAND_COVER["bare soil"]
    cover[near_m < 330.0] = LAND_COVER["sparse built-up"]
    cover[urban] = LAND_COVER["dense built-up"]
    cover[urban & (near_m > 620.0)] = LAND_COVER["sparse built-up"]
    cover[urban & (patch > 1.55)] = LAND_COVER["park or grass"]
    cover[urban & (broad < -1.9)] = LAND_COVER["bare soil"]
    water = terrain.river | terrain.reservoir
    bank = (distance_transform_edt(~water) * CELL_M < 40.0) & ~water
    cover[bank] = LAND_COVER["park or grass"]
    cover[terrain.road] = LAND_COVER["road or paved"]
    cover[water] = LAND_COVER["water"]
    return np.where(terrain.inside, cover, 0).astype(np.uint8)


def _write(path: Path, values: np.ndarray, terrain: Terrain, options: dict[str, Any], tags: dict[str, str]) -> None:
    height, width = values.shape
    profile = {
        "driver": "GTiff",
        "height": height,
        "width": width,
        "count": 1,
        "dtype": values.dtype.name,
        "crs": CRS,
        "transform": terrain.relief.transform,
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "compress": "deflate",
        "zlevel": 9,
    }
    with rasterio.open(path, "w", **(profile | options)) as raster:
        raster.write(values, 1)
        raster.update_tags(**tags)


def write_rasters(built: DistrictTables, terrain: Terrain, directory: Path) -> None:
    """Write ``dem.tif`` (float32 metres) and ``land_cover.tif`` (uint8 codes), tagged as synthetic.

    Parameters
    ----------
    built : DistrictTables
        Communities, for the land cover.
    terrain : Terrain
        Surface and masks.
    directory : pathlib.Path
        District folder.
    """
    mark = {"SYNTHETIC": "true", "SOURCE": SYNTHETIC, "TIFFTAG_SOFTWARE": "data.builder"}
    _write(
        directory / "dem.tif",
        terrain.elevation_m,
        terrain,
        {"nodata": NODATA, "predictor": 3},
        mark
        | {"UNIT": "m", "TIFFTAG_IMAGEDESCRIPTION": "synthetic elevation of Erqi District, 10 m, demonstration data"},
    )
    classes = "; ".join(f"{code} {name}" for name, code in LAND_COVER.items())
    _write(
        directory / "land_cover.tif",
        build_land_cover(built, terrain),
        terrain,
        {"nodata": 0, "predictor": 2},
        mark | {"CLASSES": classes, "TIFFTAG_IMAGEDESCRIPTION": "synthetic land cover, demonstration data"},
    )
