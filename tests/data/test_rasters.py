"""The rasters of the bundled district: relief, rivers, pits, marks, sizes."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pyflwdir
import pytest
import rasterio
import rasterio.features

from data.builder.dem import build_terrain, course_cells
from data.builder.district import DistrictTables
from data.builder.rasters import LAND_COVER


@pytest.fixture(scope="session")
def dem(erqi_path: Path) -> np.ndarray:
    with rasterio.open(erqi_path / "dem.tif") as raster:
        return raster.read(1)


@pytest.fixture(scope="session")
def inside(erqi_path: Path, built: DistrictTables, dem: np.ndarray) -> np.ndarray:
    return rasterio.features.geometry_mask([built.sources.outline], dem.shape, built.relief.transform, invert=True)


def test_grid_and_marks(erqi_path: Path) -> None:
    for name, kind in (("dem.tif", "float32"), ("land_cover.tif", "uint8")):
        with rasterio.open(erqi_path / name) as raster:
            assert raster.crs.to_epsg() == 4547
            assert raster.res == (10.0, 10.0)
            assert raster.dtypes == (kind,)
            assert raster.tags()["SYNTHETIC"] == "true"


def test_relief_runs_from_south_west_to_north_east(built: DistrictTables, dem: np.ndarray, inside: np.ndarray) -> None:
    assert dem[inside].min() > 80.0
    assert dem[inside].mean() == pytest.approx(193.0, abs=8.0)
    towns = gpd.GeoSeries(built.towns.geometry.to_numpy(), index=built.towns["town_code"])
    mean = {
        code: dem[rasterio.features.geometry_mask([towns[code]], dem.shape, built.relief.transform, invert=True)].mean()
        for code in ("410103X01", "410103014", "410103010")
    }
    assert mean["410103X01"] == pytest.approx(250.0, abs=20.0)
    assert mean["410103X01"] > mean["410103014"] > mean["410103010"]
    assert mean["410103010"] == pytest.approx(103.0, abs=6.0)
    station = built.tables["gauges"].set_index("gauge_id").loc["57083"]
    assert dem[built.relief.index(station["easting"], station["northing"])] == pytest.approx(112.0, abs=2.0)


def test_rivers_never_rise_downstream(built: DistrictTables, dem: np.ndarray) -> None:
    for name, course in built.relief.courses.items():
        bed = dem[course_cells(course, built.relief)]
        bed = bed[bed > 0.0]
        assert np.diff(bed).max() <= 0.0, name
        assert bed[0] - bed[-1] > 50.0, name


def test_reservoirs_are_level(built: DistrictTables, dem: np.ndarray, inside: np.ndarray) -> None:
    water = built.relief.reservoir & inside
    level, cells = np.unique(dem[water], return_counts=True)
    assert len(level) == 2
    assert sorted(cells * 1e-4) == pytest.approx([0.17, 1.2], rel=0.25)


def test_pits_are_closed_depressions(built: DistrictTables, dem: np.ndarray) -> None:
    filled, _ = pyflwdir.dem.fill_depressions(dem.astype(np.float64), nodata=-9999.0)
    hotspots = built.tables["hotspots"]
    depths = []
    for spot in hotspots.itertuples():
        row, column = built.relief.index(spot.easting, spot.northing)
        depths.append((filled - dem)[row - 3 : row + 4, column - 3 : column + 4].max())
    depth_m = hotspots.assign(depth_m=depths).groupby("kind")["depth_m"]
    for kind in ("tunnel", "rail_underpass"):
        assert depth_m.min()[kind] > 2.0
        assert depth_m.max()[kind] < 4.5
    assert depth_m.min()["road_junction"] >= 0.15
    assert depth_m.max()["road_junction"] <= 1.0
    assert depth_m.median()["small_dam"] < 0.1


def test_land_cover_agrees_with_water_and_roads(erqi_path: Path, built: DistrictTables, inside: np.ndarray) -> None:
    with rasterio.open(erqi_path / "land_cover.tif") as raster:
        cover = raster.read(1)
    assert set(np.unique(cover[inside])) == set(LAND_COVER.values())
    assert (cover[built.relief.reservoir & inside] == LAND_COVER["water"]).all()
    shares = np.bincount(cover[inside], minlength=9) / inside.sum()
    assert 0.15 < shares[LAND_COVER["dense built-up"]] < 0.45
    assert 0.2 < shares[LAND_COVER["cropland"]] < 0.6


def test_fresh_surface_equals_the_committed_one(built: DistrictTables, dem: np.ndarray) -> None:
    assert np.array_equal(build_terrain(built).elevation_m, dem)


def test_sizes(root: Path) -> None:
    sizes = [path.stat().st_size for path in (root / "data").rglob("*") if path.is_file()]
    assert max(sizes) < 3_000_000
    assert sum(sizes) < 15_000_000
