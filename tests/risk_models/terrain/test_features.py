"""Catchments, slopes and times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from risk_models.errors import BadInputError
from risk_models.standards import LandCover
from risk_models.terrain.conditioning import Grid, condition
from risk_models.terrain.depressions import label_depressions
from risk_models.terrain.features import (
    UpstreamIndex,
    cover_means,
    height_above_drainage,
    horn_slope,
    kirpich_time_min,
    wetness_index,
)

CLASSES = (
    LandCover(1, "paved", "铺装", "paved", 0.9, 98.0, 1.0),
    LandCover(2, "grass", "草地", "grass", 0.2, 60.0, 0.0),
    LandCover(3, "housing", "居住", "housing", 0.6, 80.0, 0.5),
)


def grid_of(values: np.ndarray) -> Grid:
    return Grid(values, west_m=0.0, north_m=values.shape[0] * 10.0, width_m=10.0, height_m=10.0)


def rough(seed: int = 3, size: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    tilt = np.add.outer(np.arange(size), np.arange(size)) * 0.05
    return (tilt + rng.normal(0, 0.2, (size, size))).astype(np.float32).astype(np.float64)


def test_catchment_without_limit_has_as_many_cells_as_the_upstream_area_says() -> None:
    dem = rough()
    flow = condition(dem)
    index = UpstreamIndex(grid_of(dem), flow)
    for cell in np.argsort(flow.upstream_cells)[-20:]:
        catchment = index.catchment(np.array([cell]), limit_cells=dem.size)
        assert catchment.cells.size == flow.upstream_cells[cell]
        assert np.unique(catchment.cells).size == catchment.cells.size


def test_all_cells_of_a_depression_collect_what_its_outlet_collects() -> None:
    dem = rough(5)
    dem[10:20, 10:20] -= 3.0
    flow = condition(dem)
    inside = np.flatnonzero((flow.filled_m > dem).ravel() & (flow.filled_m.ravel() == flow.filled_m[15, 15]))
    index = UpstreamIndex(grid_of(dem), flow)
    catchment = index.catchment(inside, limit_cells=dem.size)
    assert catchment.cells.size == index.total_upstream(inside)
    assert catchment.cells.size >= flow.upstream_cells[inside].max()
    assert np.unique(catchment.cells).size == catchment.cells.size


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(3, 12), st.integers(3, 12)),
        elements=st.integers(0, 6).map(lambda height: height / 2),
    )
)
@settings(max_examples=100, deadline=None)
def test_upstream_of_every_depression_is_its_catchment_also_on_flats(dem: np.ndarray) -> None:
    flow = condition(dem)
    index = UpstreamIndex(grid_of(dem), flow)
    labels = label_depressions(dem, flow.filled_m).ravel()
    for label in range(1, labels.max() + 1):
        inside = np.flatnonzero(labels == label)
        catchment = index.catchment(inside, limit_cells=dem.size)
        assert np.unique(catchment.cells).size == catchment.cells.size == index.total_upstream(inside)


def test_catchment_stops_at_its_limit_with_the_nearest_cells() -> None:
    valley = np.tile(np.arange(20.0), (3, 1))
    valley[[0, 2]] += 0.5
    flow = condition(valley)
    outlet = int(flow.upstream_cells.argmax())
    catchment = UpstreamIndex(grid_of(valley), flow).catchment(np.array([outlet]), limit_cells=10)
    assert catchment.cells.size == 10
    assert catchment.cells[0] == outlet
    assert (catchment.cells % 20).max() < 10


def test_length_and_drop_of_a_straight_channel() -> None:
    channel = np.arange(10.0)[None, :] * 0.2
    flow = condition(channel)
    outlet = int(flow.upstream_cells.argmax())
    # one row: every cell is an edge cell, yet the higher ones still drain along the row
    catchment = UpstreamIndex(grid_of(channel), flow).catchment(np.array([outlet]), limit_cells=100)
    assert catchment.length_m == pytest.approx(90.0)
    assert catchment.drop_m == pytest.approx(1.8)


def test_kirpich_by_hand() -> None:
    assert kirpich_time_min(500.0, 0.02) == pytest.approx(0.0195 * 500**0.77 * 0.02**-0.385)
    assert kirpich_time_min(500.0, 0.02) == pytest.approx(10.5, abs=0.1)


@given(st.floats(0, 1e5), st.floats(0, 1), st.floats(1, 2))
def test_kirpich_is_longer_for_longer_and_shorter_for_steeper(length_m: float, slope: float, factor: float) -> None:
    time_min = kirpich_time_min(length_m, slope)
    assert 5.0 <= time_min <= 180.0
    assert kirpich_time_min(length_m * factor, slope) >= time_min
    assert kirpich_time_min(length_m, slope * factor) <= time_min


def test_slope_of_a_plane_is_exact_inside_and_next_to_missing_cells_is_finite() -> None:
    rows, cols = np.mgrid[:8, :8]
    plane = 3.0 * rows / 10 + 4.0 * cols / 10
    assert np.allclose(horn_slope(grid_of(plane))[1:-1, 1:-1], 0.05)
    plane[4, 4] = np.nan
    slope = horn_slope(grid_of(plane))
    assert np.isnan(slope[4, 4])
    assert np.isfinite(np.delete(slope.ravel(), 4 * 8 + 4)).all()


def test_wetness_index_uses_the_slope_floor_on_the_flat() -> None:
    flat, steep = wetness_index(np.array([1e4, 1e4]), np.array([0.0, 0.1]), width_m=10.0)
    assert flat == pytest.approx(np.log(1000 / 0.001))
    assert steep == pytest.approx(np.log(1000 / 0.1))


def test_height_above_drainage_counts_from_the_stream() -> None:
    rows = np.abs(np.arange(11) - 5)
    valley = rows[:, None] * 1.0 + np.arange(40)[None, :] * 0.01
    flow = condition(valley)
    stream = np.flatnonzero(flow.upstream_cells >= 60)
    assert stream.size
    hand = height_above_drainage(flow, np.arange(valley.size), stream_cells=60)
    assert (hand >= 0).all()
    assert (hand[stream] == 0).all()
    side = 3 * 40 + 5  # two rows from the valley floor, near its outlet
    assert hand[side] == pytest.approx(2.0, abs=0.05)


def test_cover_means_weigh_the_curve_number_with_the_pervious_share() -> None:
    sealed, number = cover_means(np.array([1, 1, 2, 3, np.nan]), CLASSES, file="land_cover.tif")
    assert sealed == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    assert number == pytest.approx((60 * 1.0 + 80 * 0.5) / 1.5)


def test_cover_means_of_sealed_ground_alone() -> None:
    assert cover_means(np.array([1.0, 1.0]), CLASSES, file="land_cover.tif") == (1.0, 98.0)


def test_an_unknown_code_is_named_with_what_is_accepted() -> None:
    with pytest.raises(BadInputError, match=r"land_cover\.tif: a land-cover code is not.*found '9'; accepted: 1, 2, 3"):
        cover_means(np.array([1.0, 9.0]), CLASSES, file="land_cover.tif")


def test_no_land_cover_is_an_error() -> None:
    with pytest.raises(BadInputError, match="no land cover in a hotspot's catchment"):
        cover_means(np.array([np.nan]), CLASSES, file="land_cover.tif")
