"""Reading and filling the elevation model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio import Affine

from risk_models.errors import BadInputError
from risk_models.terrain.conditioning import condition, read_grid

CRS = "EPSG:4547"

# Wang & Liu (2006), figure 4: the worked example of the method.
WANG_LIU = np.array(
    [
        [15, 15, 14, 15, 12, 6, 12],
        [14, 13, 10, 12, 15, 17, 15],
        [15, 15, 9, 11, 8, 15, 15],
        [16, 17, 8, 16, 15, 7, 5],
        [19, 18, 19, 18, 17, 15, 14],
    ],
    dtype=float,
)

small_dems = arrays(
    np.float64,
    st.tuples(st.integers(3, 9), st.integers(3, 9)),
    elements=st.integers(0, 12).map(lambda height: height / 4),
)


def write(path: Path, values: np.ndarray, *, crs: str | None = CRS, turned: bool = False) -> Path:
    transform = Affine(10, 0, 0, 0, -10, 100)
    if turned:
        transform = Affine(10, 0, 0, 0, 10, 100)
    with rasterio.open(
        path, "w", driver="GTiff", height=values.shape[0], width=values.shape[1], count=1, dtype=values.dtype,
        crs=crs, transform=transform, nodata=-9999,
    ) as target:  # fmt: skip
        target.write(values, 1)
    return path


def test_wang_liu_example_fills_to_eleven() -> None:
    expected = WANG_LIU.copy()
    expected[1:4, 2] = 11
    assert np.array_equal(condition(WANG_LIU).filled_m, expected)


def test_every_valid_cell_drains_to_an_outlet_and_outlets_take_all_cells() -> None:
    dem = WANG_LIU.copy()
    dem[0, 0] = np.nan
    flow = condition(dem)
    outlets = np.flatnonzero(flow.downstream == np.arange(dem.size))
    assert flow.upstream_cells[outlets].sum() == dem.size - 1
    assert flow.downstream[0] == -1
    assert flow.upstream_cells[0] == 0


@given(small_dems)
@settings(max_examples=60, deadline=None)
def test_filling_only_raises_and_leaves_no_pit_inside(dem: np.ndarray) -> None:
    flow = condition(dem)
    assert (flow.filled_m >= dem).all()
    assert np.array_equal(condition(flow.filled_m).filled_m, flow.filled_m)
    drop = flow.filled_m.ravel() - flow.filled_m.ravel()[flow.downstream]
    assert (drop >= 0).all()


@given(small_dems)
@settings(max_examples=60, deadline=None)
def test_all_cells_arrive_at_outlets(dem: np.ndarray) -> None:
    flow = condition(dem)
    outlets = flow.downstream == np.arange(dem.size)
    assert flow.upstream_cells[outlets].sum() == dem.size


def test_read_grid_gives_nan_for_nodata_and_geometry(tmp_path: Path) -> None:
    grid = read_grid(write(tmp_path / "dem.tif", np.array([[1.5, -9999.0]], dtype=np.float32)), projected_crs=CRS)
    assert grid.values[0, 0] == 1.5
    assert np.isnan(grid.values[0, 1])
    assert (grid.west_m, grid.north_m, grid.width_m, grid.height_m) == (0.0, 100.0, 10.0, 10.0)
    assert grid.cell_area_m2 == 100.0


def test_centres_and_cells_are_inverse(tmp_path: Path) -> None:
    grid = read_grid(write(tmp_path / "dem.tif", np.zeros((4, 5), dtype=np.float32)), projected_crs=CRS)
    cells = np.arange(20)
    assert np.array_equal(grid.cells_at(*grid.centres(cells)), cells)


@pytest.mark.parametrize("crs", ["EPSG:4326", None])
def test_another_crs_is_refused(tmp_path: Path, crs: str | None) -> None:
    path = write(tmp_path / "dem.tif", np.zeros((2, 2), dtype=np.float32), crs=crs)
    with pytest.raises(BadInputError, match=r"dem\.tif: the raster is not in the district's projected CRS.*EPSG:4547"):
        read_grid(path, projected_crs=CRS)


def test_turned_and_empty_are_both_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "dem.tif", np.full((2, 2), -9999, dtype=np.float32), turned=True)
    with pytest.raises(BadInputError) as caught:
        read_grid(path, projected_crs=CRS)
    assert [finding.code for finding in caught.value.findings] == ["raster-turned", "raster-empty"]


def test_a_file_that_is_no_geotiff_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dem.tif"
    path.write_text('<VRTDataset rasterXSize="1" rasterYSize="1"/>')
    with pytest.raises(BadInputError, match=r"dem\.tif: the raster cannot be read.*accepted: a GeoTIFF"):
        read_grid(path, projected_crs=CRS)
