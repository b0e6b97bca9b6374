"""People by day and at night on a grid of 50 m, made up from land cover and facilities; exact by town."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from affine import Affine
from rasterio.features import rasterize

from data.builder.dem import Terrain
from data.builder.places import apportion
from data.builder.rasters import LAND_COVER
from data.builder.settings import CRS, SYNTHETIC, random_for

__all__ = ["POPULATION_CELL_M", "write_population"]

POPULATION_CELL_M: Final = 50.0
#: People per cell of a land cover, relative to dense built-up ground; none live on the rest.
_DENSITY: Final = {"dense built-up": 1.0, "sparse built-up": 0.3, "road or paved": 0.05, "cropland": 0.01}


def _weights(cover: np.ndarray, facilities: pd.DataFrame, transform: Affine, *, by_day: bool) -> np.ndarray:
    """Return relative people of each 50 m cell: land cover, and by day the facilities as well."""
    side = int(POPULATION_CELL_M / transform.a)
    rows, columns = (-(-size // side) for size in cover.shape)
    density = np.zeros(cover.shape)
    for name, value in _DENSITY.items():
        density[cover == LAND_COVER[name]] = value
    padded = np.pad(density, ((0, rows * side - cover.shape[0]), (0, columns * side - cover.shape[1])))
    weight = padded.reshape(rows, side, columns, side).sum(axis=(1, 3)) / side**2 + 1e-6
    weight *= np.exp(0.25 * random_for("people").standard_normal(weight.shape))
    if by_day:
        column = ((facilities["easting"] - transform.c) // POPULATION_CELL_M).astype(int)
        row = ((transform.f - facilities["northing"]) // POPULATION_CELL_M).astype(int)
        np.add.at(weight, (row.to_numpy(), column.to_numpy()), facilities["people"].to_numpy() / 200.0)
    return weight


def write_population(
    towns: gpd.GeoDataFrame, facilities: pd.DataFrame, cover: np.ndarray, terrain: Terrain, directory: Path
) -> None:
    """Write ``population_day.tif`` and ``population_night.tif``: whole people in 50 m cells, exact by town.

    Parameters
    ----------
    towns : geopandas.GeoDataFrame
        With population_day and population_night; every cell whose centre lies in a town shares the town's people.
    facilities : pandas.DataFrame
        With easting, northing, people.
    cover : numpy.ndarray
        Land cover on the 10 m grid.
    terrain : Terrain
        For the grid.
    directory : pathlib.Path
        District folder.
    """
    fine = terrain.relief.transform
    transform = Affine(POPULATION_CELL_M, 0.0, fine.c, 0.0, -POPULATION_CELL_M, fine.f)
    for time in ("day", "night"):
        weight = _weights(cover, facilities, fine, by_day=time == "day")
        shapes = [(shape, number) for number, shape in enumerate(towns.geometry, start=1)]
        town = rasterize(shapes, out_shape=weight.shape, transform=transform, fill=0, dtype="int32")
        people = np.zeros(weight.shape, dtype=np.uint16)
        for number, total in enumerate(towns[f"population_{time}"], start=1):
            people[town == number] = apportion(int(total), weight[town == number])
        profile = {
            "driver": "GTiff",
            "height": weight.shape[0],
            "width": weight.shape[1],
            "count": 1,
            "dtype": "uint16",
        }
        profile |= {"crs": CRS, "transform": transform, "compress": "deflate", "zlevel": 9, "predictor": 2}
        with rasterio.open(directory / f"population_{time}.tif", "w", **profile) as raster:
            raster.write(people, 1)
            raster.update_tags(
                SYNTHETIC="true", SOURCE=SYNTHETIC, UNIT="people", TIFFTAG_SOFTWARE="data.builder",
                TIFFTAG_IMAGEDESCRIPTION=f"synthetic people per 50 m cell, {time}, demonstration data",
            )  # fmt: skip
