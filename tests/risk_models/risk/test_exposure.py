"""Who is exposed: exact shares, day and night, inside the water; help at hand lowers consequence only."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.district import District, check_district, load_district
from risk_models.risk.capacity import capacity_ready, with_capacity
from risk_models.risk.exposure import ContourExposure, hotspot_exposure, is_day, is_weak, residents_within
from risk_models.risk.footprint import first_flooded, flooded_cells
from risk_models.standards import load_standards
from risk_models.terrain import HotspotTerrain, hotspot_terrain
from tests.factories import CRS, HEIGHT_M, NORTH_M, WEST_M, WIDTH_M, write_mini_district

CENSUS_LAYERS = """\
  buildings: {path: buildings.csv, datum: CGCS2000}
  roads: {path: roads.geojson, datum: CGCS2000}
rasters:
  population_day: {path: population_day.tif}
  population_night: {path: population_night.tif}
"""


def add_census(folder: Path, *, people: float = 7.0) -> Path:
    """Add layers of the risk census to a mini district: even people; an old house and a road at the first hotspot."""
    settings = (folder / "district.yaml").read_text(encoding="utf-8")
    (folder / "district.yaml").write_text(settings.replace("rasters:\n", CENSUS_LAYERS), encoding="utf-8")
    first = pd.read_csv(folder / "hotspots.csv", dtype=str).iloc[0]
    head = "building_id,floors_above,floors_below,structure,year_built,use,people,lon,lat,synthetic,source\n"
    row = f"B1,2,0,masonry,1965,residential,250,{first['lon']},{first['lat']},true,test\n"
    (folder / "buildings.csv").write_text(head + row, encoding="utf-8")
    lon, lat = float(first["lon"]), float(first["lat"])
    road = gpd.GeoDataFrame(
        {"road_id": ["R1"], "road_name": ["一号路"], "road_class": ["trunk"], "synthetic": [True], "source": ["test"]},
        geometry=[shapely.LineString([(lon - 1e-3, lat), (lon + 1e-3, lat)])],
        crs="EPSG:4326",
    )
    (folder / "roads.geojson").write_text(road.to_json(), encoding="utf-8")
    cells = np.full((60, 80), people, dtype=np.float32)
    transform = Affine(50.0, 0.0, WEST_M - 500, 0.0, -50.0, NORTH_M + 500)
    for time, factor in (("day", 2.0), ("night", 1.0)):
        profile = {"driver": "GTiff", "height": 60, "width": 80, "count": 1, "dtype": "float32", "crs": CRS}
        with rasterio.open(folder / f"population_{time}.tif", "w", transform=transform, **profile) as sink:
            sink.write(cells * factor, 1)
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> District:
    return load_district(write_mini_district(tmp_path_factory.mktemp("plain")))


@pytest.fixture(scope="module")
def census_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return add_census(write_mini_district(tmp_path_factory.mktemp("census")))


@pytest.fixture(scope="module")
def census(census_folder: Path) -> District:
    return load_district(census_folder)


@pytest.fixture(scope="module")
def terrain(census: District) -> HotspotTerrain:
    return hotspot_terrain(census, land_cover_table=load_standards().land_cover())


def vulnerability() -> dict[str, int]:
    return dict(load_standards().vulnerability("wuyu-kinds-1"))


def test_the_layers_are_optional_and_checked(census_folder: Path, plain: District, census: District) -> None:
    assert check_district(census_folder) == []
    assert plain.buildings is None
    assert plain.roads is None
    assert census.buildings is not None
    assert list(census.buildings.index) == ["B1"]
    assert set(census.rasters) == {"dem", "land_cover", "population_day", "population_night"}
    assert plain.content_hash != census.content_hash


def test_a_building_without_a_place_is_named(tmp_path: Path) -> None:
    folder = add_census(write_mini_district(tmp_path / "mini"))
    text = (folder / "buildings.csv").read_text(encoding="utf-8").splitlines()
    cells = text[1].split(",")
    cells[7] = ""
    (folder / "buildings.csv").write_text("\n".join([text[0], ",".join(cells)]) + "\n", encoding="utf-8")
    (finding,) = check_district(folder)
    assert (finding.code, finding.file, finding.row) == ("missing-geometry", "buildings.csv", 2)
    assert "lon and lat" in finding.fix


@settings(max_examples=20, deadline=None)
@given(
    cuts=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=5, unique=True),
    time=st.sampled_from(["day", "night"]),
    has_grid=st.booleans(),
)
def test_the_people_of_a_partition_sum_to_the_total(
    plain: District, census: District, cuts: list[float], time: str, has_grid: bool
) -> None:
    edges = WEST_M + WIDTH_M * np.array([0.0, *sorted(cuts), 1.0])
    parts = shapely.box(edges[:-1], NORTH_M - HEIGHT_M, edges[1:], NORTH_M)
    district = census if has_grid else plain
    found = residents_within(district, gpd.GeoSeries(parts, crs=CRS), time=time)
    people = {"day": 14.0, "night": 7.0}[time] * WIDTH_M * HEIGHT_M / 50**2
    total = people if has_grid else district.towns[f"population_{time}"].sum()
    assert found.sum() == pytest.approx(total, rel=1e-6)
    assert (found >= 0).all()


def test_a_grid_is_shared_by_exact_area(census: District) -> None:
    sliver = gpd.GeoSeries([shapely.box(WEST_M + 10, NORTH_M - 10, WEST_M + 35, NORTH_M - 5)], crs=CRS)
    assert residents_within(census, sliver, time="night")[0] == pytest.approx(7.0 * 125 / 2500, rel=1e-5)


def test_day_and_night_differ(census: District) -> None:
    table = hotspot_exposure(census, vulnerability())
    assert (table["people_day"] >= table["people_night"]).all()
    assert (table["people_day"] > table["people_night"]).any()
    assert (table["people_exposed"] == table["people_day"]).all()
    assert is_day(pd.Timestamp("2021-07-20T07:00Z"), "Asia/Shanghai")
    assert not is_day(pd.Timestamp("2021-07-20T22:00Z"), "Asia/Shanghai")


def test_old_housing_and_roads_of_the_census_count(plain: District, census: District) -> None:
    before, after = hotspot_exposure(plain, vulnerability()), hotspot_exposure(census, vulnerability())
    assert after["weak_people"].iloc[0] == 250
    assert after["road_class"].iloc[0] == "trunk"
    assert (after["vulnerability"] >= before["vulnerability"]).all()
    assert is_weak(census.buildings).tolist() == [True]
    young = census.buildings.assign(year_built=pd.array([1995], dtype="Int64"))
    unknown = census.buildings.assign(year_built=pd.array([None], dtype="Int64"))
    assert not is_weak(young).any()
    assert not is_weak(unknown).any()


def test_the_water_holds_more_the_deeper_it_is(census: District, terrain: HotspotTerrain) -> None:
    contour = ContourExposure(census, terrain)
    tables = [contour.at(np.full(len(census.hotspots), depth)) for depth in (0.0, 0.1, 0.4, 0.8, 2.0)]
    assert (tables[0] == 0).all(axis=None)
    for shallow, deep in pairwise(tables):
        assert (deep >= shallow).all(axis=None)
    assert tables[-1]["weak_buildings_in_water"].iloc[0] == 1
    assert (tables[-1]["people_in_water_day"] > 0).any()


def test_the_contour_has_the_area_of_the_storage_curve(census: District, terrain: HotspotTerrain) -> None:
    cells = flooded_cells(census, terrain)
    for row in range(len(census.hotspots)):
        own = cells.floods_at_m[cells.hotspot == row]
        level = 12
        depth, area = terrain.curve_depth_m[row, level], terrain.curve_area_m2[row, level]
        assert (own < depth).sum() * 100.0 == pytest.approx(area, abs=100.0)
        assert (np.diff(own) >= 0).all()
    place = census.hotspots.geometry.to_numpy()
    assert set(first_flooded(cells, place)["hotspot"]) == set(range(len(census.hotspots)))


def test_capacity_lowers_impact_by_one_step_and_never_below_minor() -> None:
    depths = load_standards().impact_depths("wuyu-depths-1")
    both = with_capacity(depths, np.array([0, 1, 2]), np.array([True, True, True]))
    for depth in np.linspace(0.0, 12.0, 600):
        before, after = (depth >= depths).sum(axis=1), (depth >= both).sum(axis=1)
        assert (after[:2] >= np.minimum(before[:2], 1)).all()
        assert (before[:2] - after[:2] <= 1).all()
        assert after[2] == before[2], "where life is at stake nothing is lowered"
    assert (with_capacity(depths, np.array([0, 1, 2]), np.zeros(3, dtype=bool)) == depths).all()


def test_capacity_needs_pumps_and_shelter(plain: District) -> None:
    nobody = pd.Series(0, index=plain.hotspots.index)
    teams = plain.teams.copy()
    teams["pumps"], teams["status"] = 9, "free"
    teams["geometry"] = plain.hotspots.geometry.iloc[0]
    ready = capacity_ready(dataclasses.replace(plain, teams=teams), nobody)
    assert ready[0]
    assert ready.sum() == 1, "a team counts for its nearest hotspot only"
    assert not capacity_ready(dataclasses.replace(plain, teams=teams), nobody + 10_000_000).any()
    assert not capacity_ready(dataclasses.replace(plain, teams=teams.assign(status="engaged")), nobody).any()
    closed = plain.shelters.assign(status="closed")
    assert not capacity_ready(dataclasses.replace(plain, teams=teams, shelters=closed), nobody).any()
