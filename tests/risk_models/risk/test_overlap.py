"""A grid shared out over upright boxes: equal to exactextract, which cuts any polygon."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from exactextract import exact_extract
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.io import MemoryFile

from risk_models.district import load_district
from risk_models.risk.exposure import residents_in_boxes, residents_within
from risk_models.risk.footprint import flooded_cells
from risk_models.risk.overlap import box_sums
from risk_models.standards import load_standards
from risk_models.terrain import hotspot_terrain

WEST, NORTH = 463_000.0, 3_842_000.0


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    cell_m=st.sampled_from([7.0, 10.0, 30.0, 100.0]),
    box_m=st.sampled_from([0.5, 10.0, 90.0, 250.0]),
)
def test_equals_exactextract(seed: int, cell_m: float, box_m: float) -> None:
    rng = np.random.default_rng(seed)
    people = rng.gamma(0.4, 20.0, (8, 11)).astype(np.float32)
    people[rng.random(people.shape) < 0.1] = np.nan
    west, south = WEST + rng.uniform(-50, 1150, 30), NORTH - rng.uniform(-50, 850, 30)
    boxes = shapely.box(west, south, west + box_m * rng.uniform(0.1, 1, 30), south + box_m * rng.uniform(0.1, 1, 30))
    transform = Affine(cell_m, 0, WEST, 0, -cell_m, NORTH)
    profile = {"driver": "GTiff", "height": 8, "width": 11, "count": 1, "dtype": "float32", "crs": "EPSG:4547"}
    with MemoryFile() as memory:
        with memory.open(transform=transform, **profile) as sink:
            sink.write(people, 1)
        with memory.open() as source:
            shapes = gpd.GeoDataFrame({"row": range(30)}, geometry=boxes, crs=source.crs.to_wkt())
            oracle = exact_extract(source, shapes, "sum", output="pandas")["sum"].fillna(0.0).to_numpy()
    grid = {"west_m": WEST, "north_m": NORTH, "width_m": cell_m, "height_m": cell_m}
    # exactextract keeps the covered share of a cell in single precision.
    np.testing.assert_allclose(
        box_sums(people.astype(float), shapely.bounds(boxes), **grid), oracle, rtol=2e-6, atol=1e-3
    )


def test_boxes_that_make_up_the_grid_hold_all_of_it() -> None:
    people = np.random.default_rng(3).gamma(0.4, 20.0, (6, 9))
    edges = np.linspace(-5, 95, 38)
    west, south = np.meshgrid(edges[:-1], edges[:-1])
    step = edges[1] - edges[0]
    boxes = np.column_stack([west.ravel(), south.ravel(), west.ravel() + step, south.ravel() + step])
    found = box_sums(people, boxes, west_m=0.0, north_m=60.0, width_m=10.0, height_m=10.0)
    assert found.sum() == pytest.approx(people.sum(), rel=1e-12)
    assert (found >= 0).all()
    assert len(box_sums(people, boxes[:0], west_m=0.0, north_m=60.0, width_m=10.0, height_m=10.0)) == 0


@pytest.mark.parametrize("time", ["day", "night"])
def test_the_bundled_cells_hold_the_same_people(erqi_path: Path, time: str) -> None:
    district = load_district(erqi_path)
    terrain = hotspot_terrain(district, land_cover_table=load_standards().land_cover())
    boxes = flooded_cells(district, terrain).box
    exact = residents_within(district, gpd.GeoSeries(boxes, crs=district.hotspots.crs), time=time)
    np.testing.assert_allclose(residents_in_boxes(district, boxes, time=time), exact, rtol=1e-5, atol=1e-5)
    with rasterio.open(district.rasters[f"population_{time}"]) as raster:
        assert exact.sum() < raster.read(1, masked=True).sum()
