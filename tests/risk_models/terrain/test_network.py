"""The fill-spill-merge network: links follow the flow, never run in a circle, and no area is counted twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point

from risk_models.risk.ponding_kernel import march_order
from risk_models.standards import LandCover
from risk_models.terrain import hotspot_terrain
from risk_models.terrain.conditioning import Grid, condition
from risk_models.terrain.culverts import breach
from risk_models.terrain.depressions import find_sags
from risk_models.terrain.features import UpstreamIndex
from risk_models.terrain.network import SpillNetwork, spill_network

CLASSES = (LandCover(1, "paved", "铺装", "paved", 0.9, 98.0, 1.0),)
SIZE = 40


def valley(*pits: tuple[int, float], length: int = 80) -> np.ndarray:
    """A valley that falls to the east, with pits of a given depth at some columns of its floor."""
    dem = 0.3 * np.abs(np.arange(21) - 10.0)[:, None] + 0.1 * np.arange(length)[::-1] + np.zeros((21, length))
    for col, depth_m in pits:
        dem[10, col] -= depth_m
    return dem


def network(dem: np.ndarray, points: list[tuple[int, int]], ids: list[str] | None = None) -> SpillNetwork:
    grid = Grid(dem, west_m=0.0, north_m=dem.shape[0] * 10.0, width_m=10.0, height_m=10.0)
    flow = condition(dem)
    east, north = grid.centres(np.array([row * dem.shape[1] + col for row, col in points], dtype=np.intp))
    sags = find_sags(grid, flow, easting_m=east, northing_m=north)
    return spill_network(grid, flow, sags, ids or [f"H{i:03d}" for i in range(len(points))], UpstreamIndex(grid, flow))


def test_pits_in_a_valley_spill_one_into_the_next() -> None:
    net = network(valley((20, 1.0), (50, 1.0), (70, 1.0)), [(10, 70), (10, 20), (10, 50)])
    assert net.downstream.tolist() == [-1, 2, 0]
    assert net.path_m[1] == pytest.approx(300.0, abs=10.0)
    assert net.path_m[0] == 0.0
    assert net.travel_min[1] > net.travel_min[2] > 0
    assert net.local_cells.sum() == net.upstream_cells[0]
    assert (net.local_cells > 0).all()


def test_two_points_in_one_depression_are_one_pool() -> None:
    dem = valley((20, 1.0))
    dem[8:13, 45:60] = dem[8:13, 45:60].min() - 1.0
    dem[10, 47] -= 0.5  # the lower bed stands for both
    net = network(dem, [(10, 58), (10, 46), (10, 20)])
    assert net.stands_for.tolist() == [1, 1, 2]
    assert net.downstream.tolist() == [-1, -1, 1]
    assert net.local_cells[0] == net.local_cells[1]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n_spots=st.integers(2, 30))
def test_law_links_never_run_in_a_circle_and_area_is_counted_once(seed: int, n_spots: int) -> None:
    rng = np.random.default_rng(seed)
    tilt = np.add.outer(np.arange(SIZE), np.arange(SIZE)) * rng.choice([0.0, 0.02, 0.1])
    dem = (tilt + np.round(rng.normal(0, 0.4, (SIZE, SIZE)), 1)).astype(np.float32).astype(np.float64)
    points = [(int(r), int(c)) for r, c in rng.integers(1, SIZE - 1, (n_spots, 2))]
    net = network(dem, points)
    order, _ = march_order(net.downstream.astype(np.int64), net.stands_for.astype(np.int64))
    assert len(order) == n_spots
    below = np.flatnonzero(net.downstream >= 0)
    assert (net.stands_for[below] == below).all()
    ends = (net.stands_for == np.arange(n_spots)) & (net.downstream < 0)
    own = net.stands_for == np.arange(n_spots)
    assert net.local_cells[own].sum() >= net.upstream_cells[ends].sum()
    # several outlets of one depression may part; the local areas then add up to a little more, never past the grid
    assert net.upstream_cells[ends].sum() <= SIZE * SIZE


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), order=st.permutations(range(8)))
def test_law_the_order_of_the_register_changes_nothing(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    dem = np.round(rng.normal(0, 0.5, (SIZE, SIZE)), 1)
    points = [(int(r), int(c)) for r, c in rng.integers(1, SIZE - 1, (8, 2))]
    ids = [f"H{i}" for i in range(8)]
    plain = network(dem, points, ids)
    mixed = network(dem, [points[i] for i in order], [ids[i] for i in order])
    name = np.array([*ids, ""])
    for i, was in enumerate(order):
        assert name[plain.downstream[was]] == np.array([*(ids[j] for j in order), ""])[mixed.downstream[i]]
        assert plain.local_cells[was] == mixed.local_cells[i]


def test_the_table_names_the_next_hotspot_and_keeps_own_catchments(make_district: Callable[..., Any]) -> None:
    spots = [{"row": 10, "col": 50, "kind": "riverside"}, {"row": 10, "col": 20, "kind": "riverside"}]
    terrain = hotspot_terrain(make_district(valley((20, 1.0), (50, 1.0)), spots), land_cover_table=CLASSES)
    features = terrain.features
    assert features["spills_to"].tolist() == ["", "T-001"]
    assert features["shares_sag_of"].tolist() == ["", ""]
    assert terrain.downstream.tolist() == [-1, 0]
    assert terrain.inlet.tolist() == [0, 1]
    lower, upper = features.loc["T-001"], features.loc["T-002"]
    assert lower["local_m2"] == lower["upstream_m2"] - upper["upstream_m2"]
    assert lower["catchment_m2"] == lower["local_m2"]
    assert terrain.spill_travel_min.tolist() == [0.0, upper["spill_travel_min"]]
    assert upper["spill_travel_min"] >= 5.0


def test_what_lies_behind_another_hotspot_is_not_of_the_catchment(make_district: Callable[..., Any]) -> None:
    cover = np.ones((21, 80))
    cover[:, :20] = 2
    classes = (*CLASSES, LandCover(2, "grass", "草地", "grass", 0.2, 60.0, 0.0))
    spots = [{"row": 10, "col": 50, "kind": "riverside"}, {"row": 10, "col": 20, "kind": "riverside"}]
    district = make_district(valley((20, 1.0), (50, 1.0)), spots, cover)
    features = hotspot_terrain(district, land_cover_table=classes).features
    assert features.at["T-001", "imperviousness"] == pytest.approx(1.0, abs=0.15)
    alone = make_district(valley((20, 1.0), (50, 1.0)), spots[:1], cover)
    mixed = hotspot_terrain(alone, land_cover_table=classes).features
    assert mixed.at["T-001", "imperviousness"] < features.at["T-001", "imperviousness"]


def test_no_hotspots_give_an_empty_table(make_district: Callable[..., Any], tmp_path: Any) -> None:
    district = make_district(valley((20, 1.0)), [{"row": 10, "col": 20}])
    district.hotspots = district.hotspots.iloc[:0]
    for _ in range(2):  # computed, then from the cache
        terrain = hotspot_terrain(district, land_cover_table=CLASSES, cache_dir=tmp_path / "cache")
        assert terrain.features.empty
        assert terrain.curve_depth_m.shape == (0, 16)
        assert terrain.downstream.shape == terrain.inlet.shape == (0,)


def wall() -> np.ndarray:
    dem = valley()
    dem[:, 40] = 12.0
    return dem


def test_a_culvert_lets_water_through_a_wall(make_district: Callable[..., Any]) -> None:
    spots = [{"row": 10, "col": 37, "kind": "riverside"}]
    district = make_district(wall(), spots)
    west, north = 460_000.0, 3_850_000.0
    line = LineString([(west + 395.0, north - 105.0), (west + 415.0, north - 105.0)])
    culverts = gpd.GeoDataFrame(geometry=[line], crs="EPSG:4547")
    dammed = hotspot_terrain(district, land_cover_table=CLASSES).features.iloc[0]
    passed = hotspot_terrain(district, land_cover_table=CLASSES, culverts=culverts).features.iloc[0]
    assert dammed["geometry_source"] == "dem"
    assert dammed["depression_depth_m"] > 2.0
    assert passed["geometry_source"] == "gutter"


def test_a_culvert_has_a_cache_of_its_own(make_district: Callable[..., Any], tmp_path: Any) -> None:
    district = make_district(wall(), [{"row": 10, "col": 37, "kind": "riverside"}])
    culverts = gpd.GeoDataFrame(geometry=[LineString([(460_395.0, 3_849_895.0), (460_415.0, 3_849_895.0)])])
    plain = hotspot_terrain(district, land_cover_table=CLASSES, cache_dir=tmp_path)
    other = hotspot_terrain(district, land_cover_table=CLASSES, cache_dir=tmp_path, culverts=culverts)
    assert plain.features["geometry_source"].tolist() != other.features["geometry_source"].tolist()


def test_breaching_only_lowers_and_only_under_the_line() -> None:
    grid = Grid(wall(), west_m=0.0, north_m=210.0, width_m=10.0, height_m=10.0)
    line = LineString([(385.0, 105.0), (425.0, 105.0)])
    lowered = breach(grid, gpd.GeoDataFrame(geometry=[line])).values
    assert (lowered <= grid.values).all()
    changed = np.flatnonzero((lowered < grid.values).ravel())
    assert {divmod(int(cell), 80)[0] for cell in changed} == {10}
    outside = gpd.GeoDataFrame(geometry=[LineString([(-50.0, -50.0), (-10.0, -10.0)])])
    assert np.array_equal(breach(grid, outside).values, grid.values)


def test_a_point_is_no_culvert() -> None:
    grid = Grid(wall(), west_m=0.0, north_m=210.0, width_m=10.0, height_m=10.0)
    with pytest.raises(ValueError, match="must be a line, got a Point"):
        breach(grid, gpd.GeoDataFrame(geometry=[Point(5, 5)]))
