"""Depressions and their storage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from risk_models.terrain.conditioning import Grid, condition
from risk_models.terrain.depressions import LEVELS, find_sags, label_depressions, storage_curve, wedge_curve

heights = arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 5, width=32))


def grid_of(values: np.ndarray) -> Grid:
    return Grid(values, west_m=0.0, north_m=values.shape[0] * 10.0, width_m=10.0, height_m=10.0)


def sag_at(values: np.ndarray, row: float, col: float):
    grid = grid_of(values)
    east, north = np.array([(col + 0.5) * 10]), np.array([grid.north_m - (row + 0.5) * 10])
    return find_sags(grid, condition(values), easting_m=east, northing_m=north)[0]


def plane_with(pit: np.ndarray, row: int, col: int, *, shape: tuple[int, int] = (30, 30)) -> np.ndarray:
    surface = np.full(shape, 10.0)
    surface[row : row + pit.shape[0], col : col + pit.shape[1]] -= pit
    return surface


def test_prism_pit_holds_area_times_depth() -> None:
    surface = plane_with(np.full((4, 5), 2.0), 10, 10)
    sag = sag_at(surface, 12, 12)
    curve = storage_curve(surface.ravel()[sag.cells], bottom_m=sag.bottom_m, spill_m=sag.spill_m, cell_area_m2=100.0)
    assert sag.source == "dem"
    assert np.allclose(curve.volume_m3, 2000.0 * curve.depth_m)
    assert curve.depth_m[-1] == 2.0
    assert curve.area_m2[-1] == 2000.0


def test_cone_pit_holds_a_third_of_its_prism() -> None:
    rows, cols = np.mgrid[-30:31, -30:31]
    radius_m = np.hypot(rows, cols) * 10.0
    surface = 10.0 - 3.0 * np.maximum(1.0 - radius_m / 250.0, 0.0)
    sag = sag_at(surface, 30, 30)
    curve = storage_curve(surface.ravel()[sag.cells], bottom_m=sag.bottom_m, spill_m=sag.spill_m, cell_area_m2=100.0)
    cone_m3 = np.pi * 250.0**2 * 3.0 / 3.0
    assert curve.volume_m3[-1] == pytest.approx(cone_m3, rel=0.01)
    # similar cones: the volume grows with the cube of the depth
    assert curve.volume_m3[10] / curve.volume_m3[-1] == pytest.approx((10 / 15) ** 3, rel=0.05)


@given(heights, st.floats(0.0, 1.0))
@settings(deadline=None)
def test_curves_never_fall_and_conserve_volume(elevation_m: np.ndarray, share: float) -> None:
    spill_m = float(elevation_m.max()) + 0.5
    bottom_m = float(np.quantile(elevation_m, share, method="nearest"))
    curve = storage_curve(elevation_m, bottom_m=bottom_m, spill_m=spill_m, cell_area_m2=100.0)
    for part in (curve.depth_m, curve.area_m2, curve.volume_m3):
        assert part.shape == (LEVELS,)
        assert part[0] == 0.0
        assert (np.diff(part) >= 0).all()
    assert curve.volume_m3[-1] == pytest.approx(100.0 * (spill_m - elevation_m).sum())
    assert curve.depth_m[-1] == pytest.approx(spill_m - bottom_m)


def test_a_hotspot_beside_the_deepest_part_stays_dry_until_that_part_is_full() -> None:
    curve = storage_curve(np.array([0.0, 2.0]), bottom_m=2.0, spill_m=3.0, cell_area_m2=100.0)
    assert curve.depth_m[:2].tolist() == [0.0, 0.0]
    assert curve.volume_m3[:2].tolist() == [0.0, 200.0]
    assert curve.volume_m3[-1] == 400.0


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(3, 10), st.integers(3, 10)),
        elements=st.integers(0, 20).map(lambda height: height / 4),
    )
)
@settings(max_examples=60, deadline=None)
def test_touching_raised_cells_share_one_spill_level(dem: np.ndarray) -> None:
    filled = condition(dem).filled_m
    labels = label_depressions(dem, filled)
    for label in range(1, labels.max() + 1):
        assert np.unique(filled[labels == label]).size == 1
    assert np.array_equal(labels > 0, filled > dem)


def test_volumes_of_all_depressions_add_up_to_what_filling_added() -> None:
    rng = np.random.default_rng(7)
    dem = rng.normal(0.0, 1.0, (40, 40)).astype(np.float32).astype(np.float64)
    filled = condition(dem).filled_m
    labels = label_depressions(dem, filled)
    total = 0.0
    for label in range(1, labels.max() + 1):
        inside = labels == label
        bottom, spill = float(dem[inside].min()), float(filled[inside][0])
        total += storage_curve(dem[inside], bottom_m=bottom, spill_m=spill, cell_area_m2=100.0).volume_m3[-1]
    assert total == pytest.approx(100.0 * (filled - dem).sum())


def test_a_hotspot_snaps_to_the_deepest_cell_within_sixty_metres() -> None:
    pit = np.full((3, 3), 1.0)
    pit[2, 2] = 1.5
    surface = plane_with(pit, 10, 10)
    sag = sag_at(surface, 8, 10)
    assert divmod(sag.cell, 30) == (12, 12)
    assert sag.snapped_m == pytest.approx(np.hypot(40, 20))
    assert sag.cells.size == 9


def test_a_pit_beyond_sixty_metres_is_not_taken() -> None:
    surface = plane_with(np.full((2, 2), 2.0), 20, 20)
    sag = sag_at(surface, 5, 5)
    assert sag.source == "gutter"
    assert sag.snapped_m == 0.0


def test_equal_depths_snap_to_the_nearest() -> None:
    surface = plane_with(np.full((1, 9), 1.0), 10, 10)
    assert divmod(sag_at(surface, 12, 16).cell, 30) == (10, 16)


def test_a_gutter_stores_up_to_thirty_centimetres_on_the_cells_around() -> None:
    surface = np.full((30, 30), 10.0)
    surface[10, 10] = 9.9  # a pit too shallow to be told from the error of the model
    surface[9, 9] = 11.0
    sag = sag_at(surface, 10, 11)
    curve = storage_curve(surface.ravel()[sag.cells], bottom_m=sag.bottom_m, spill_m=sag.spill_m, cell_area_m2=100.0)
    assert sag.source == "gutter"
    assert divmod(sag.cell, 30) == (10, 10)
    assert sag.snapped_m == 10.0
    assert curve.depth_m[-1] == pytest.approx(0.3)
    assert curve.volume_m3[-1] == pytest.approx(100 * 0.3 + 7 * 100 * 0.2)


def test_a_gutter_on_a_slope_counts_nothing_downhill() -> None:
    surface = np.tile(20.0 - np.arange(30.0)[:, None], (1, 30))
    sag = sag_at(surface, 10, 10)
    assert surface.ravel()[sag.cells].min() == sag.bottom_m
    assert sag.cells.size == 3


def test_wedge_is_half_the_box_and_grows_with_the_square_of_depth() -> None:
    curve = wedge_curve(1200.0, 4.0)
    assert curve.volume_m3[-1] == pytest.approx(2400.0)
    assert np.allclose(curve.volume_m3, 1200.0 * curve.depth_m**2 / 8.0)
    assert np.allclose(curve.area_m2, 300.0 * curve.depth_m)


@pytest.mark.parametrize(("area_m2", "depth_m"), [(0.0, 1.0), (10.0, -1.0), (float("nan"), 1.0)])
def test_wedge_refuses_what_is_not_positive(area_m2: float, depth_m: float) -> None:
    with pytest.raises(ValueError, match="surveyed area and depth must be positive"):
        wedge_curve(area_m2, depth_m)
