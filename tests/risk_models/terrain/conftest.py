"""A small district of plain arrays, so that every answer can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio import Affine

CRS = "EPSG:4547"
WEST, NORTH, CELL = 460_000.0, 3_850_000.0, 10.0


def write_raster(path: Path, values: np.ndarray, *, crs: str | None = CRS, nodata: float | None = -9999.0) -> Path:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype=values.dtype,
        crs=crs,
        transform=Affine(CELL, 0, WEST, 0, -CELL, NORTH),
        nodata=nodata,
    ) as target:
        target.write(values, 1)
    return path


@pytest.fixture
def make_district(tmp_path: Path) -> Callable[..., Any]:
    """Return a maker of districts: elevation, land cover and hotspots as (row, col, further columns)."""

    def make(dem: np.ndarray, hotspots: list[dict[str, Any]], cover: np.ndarray | None = None) -> Any:
        if cover is None:
            cover = np.ones(dem.shape)
        records = []
        for number, spot in enumerate(hotspots, start=1):
            record = {"hotspot_id": f"T-{number:03d}", "kind": "road_junction"}
            record |= {"surveyed_area_m2": np.nan, "surveyed_depth_m": np.nan, "surveyed_catchment_m2": np.nan}
            records.append(record | spot)
        frame = pd.DataFrame(records).set_index("hotspot_id")
        points = gpd.points_from_xy(WEST + (frame["col"] + 0.5) * CELL, NORTH - (frame["row"] + 0.5) * CELL, crs=CRS)
        return SimpleNamespace(
            hotspots=gpd.GeoDataFrame(frame.drop(columns=["row", "col"]), geometry=points),
            rasters={
                "dem": write_raster(tmp_path / "dem.tif", dem.astype(np.float32)),
                "land_cover": write_raster(tmp_path / "land_cover.tif", cover.astype(np.uint8), nodata=0),
            },
            settings=SimpleNamespace(district=SimpleNamespace(projected_crs=CRS)),
            content_hash="0" * 64,
        )

    return make
