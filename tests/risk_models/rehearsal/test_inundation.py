"""The two-dimensional reference: water is kept, lies level, and stands about as deep as the ponding model says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.rehearsal.inundation import Inundation, inundate
from risk_models.risk.ponding import HotspotBasins, simulate_ponding
from risk_models.terrain.conditioning import Grid, condition
from risk_models.terrain.depressions import find_sags, storage_curve
from risk_models.terrain.features import UpstreamIndex, kirpich_time_min

CELL_M = 10.0


def bowl(size: int = 41, *, rim_m: float = 0.0) -> np.ndarray:
    """A funnel that falls to a pit of 5 x 5 cells one metre deep."""
    row, col = np.mgrid[:size, :size]
    middle = size // 2
    surface = 10.0 + 0.05 * np.hypot(row - middle, col - middle)
    surface[middle - 2 : middle + 3, middle - 2 : middle + 3] = 9.0
    surface[[0, -1]] += rim_m
    surface[:, [0, -1]] += rim_m
    return surface


def lost_share(found: Inundation) -> float:
    kept = float(found.depth_m.sum(dtype=np.float64)) * CELL_M**2
    return abs(found.rain_m3 - found.left_m3 - kept) / found.rain_m3


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), rain_mm=st.floats(1.0, 150.0))
def test_law_water_is_conserved(seed: int, rain_mm: float) -> None:
    rough = np.random.default_rng(seed).normal(0.0, 0.5, (15, 17))
    found = inundate(rough, np.array([rain_mm, 0.0]), step_h=0.25, cell_m=CELL_M)
    assert lost_share(found) < 1e-5  # single precision; the target of a reference is 1e-4
    assert (found.depth_m >= 0).all()
    assert (found.peak_depth_m >= found.depth_m).all()


def test_standing_water_lies_level() -> None:
    surface = bowl()
    found = inundate(surface, np.array([10.0, 0.0, 0.0]), cell_m=CELL_M)
    pond = found.depth_m > 0.2
    level_m = (surface + found.depth_m)[pond]
    assert pond.sum() == 25
    assert np.ptp(level_m) < 1e-3


def test_a_symmetric_bowl_gives_symmetric_depths() -> None:
    depth = inundate(bowl(), np.array([20.0, 0.0]), cell_m=CELL_M).depth_m
    np.testing.assert_allclose(depth, depth.T, atol=2e-4)
    np.testing.assert_allclose(depth, depth[::-1], atol=2e-4)


def test_rain_on_a_plain_leaves_over_the_edge() -> None:
    slope = np.tile(np.arange(20.0) * 0.2, (20, 1))
    found = inundate(slope, np.array([30.0, *[0.0] * 5]), cell_m=CELL_M)
    assert found.left_m3 > 0.98 * found.rain_m3


@pytest.mark.parametrize(
    ("surface", "rain", "text"),
    [
        (np.full((5, 5), np.nan), [1.0], "known in every cell"),
        (np.zeros((2, 5)), [1.0], "3 x 3"),
        (np.zeros((5, 5)), [-1.0], "not negative"),
    ],
)
def test_what_cannot_be_run_is_refused(surface: np.ndarray, rain: list[float], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        inundate(surface, np.array(rain), cell_m=CELL_M)


@pytest.mark.parametrize("rain_mm", [4.0, 8.0, 12.0])
def test_ponding_depth_is_that_of_the_two_dimensional_run_below_the_spill(rain_mm: float) -> None:
    surface = bowl().astype(np.float32).astype(np.float64)
    grid = Grid(surface, west_m=0.0, north_m=410.0, width_m=CELL_M, height_m=CELL_M)
    flow = condition(surface)
    sag = find_sags(grid, flow, easting_m=np.array([205.0]), northing_m=np.array([205.0]))[0]
    index = UpstreamIndex(grid, flow)
    n_cells = index.total_upstream(sag.cells)
    catchment = index.catchment(sag.cells, limit_cells=n_cells)
    curve = storage_curve(surface.ravel()[sag.cells], bottom_m=sag.bottom_m, spill_m=sag.spill_m, cell_area_m2=100.0)
    one = np.ones(1)  # rain on the 160 outermost cells leaves the window at once
    minutes = kirpich_time_min(catchment.length_m, catchment.drop_m / catchment.length_m)
    basins = HotspotBasins(
        (n_cells - 160) * 100.0 * one, one, 50.0 * one, 0.6 * minutes / 60.0 * one, 0.0 * one, 0.0 * one,
        curve.depth_m[None], curve.volume_m3[None],
    )  # fmt: skip
    rain = np.array([rain_mm, 0.0, 0.0, 0.0, 0.0])
    ours = simulate_ponding(basins, rain[None, None]).peak_depth_m[0, 0]
    reference = inundate(surface, rain, cell_m=CELL_M).peak_depth_m.flat[sag.cell]
    assert ours == pytest.approx(reference, abs=0.05)
