"""The ponding model: analytic cases, the water account, and the laws it must obey."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from risk_models.risk.ponding import HotspotBasins, PondingResult, dry_state, simulate_ponding

STEPS = 12


def basins(n: int = 3, *, seed: int = 7) -> HotspotBasins:
    rng = np.random.default_rng(seed)
    depth = np.linspace(0.0, 1.0, 9) * rng.uniform(0.3, 3.0, (n, 1))
    return HotspotBasins(
        catchment_m2=rng.uniform(2e4, 5e5, n),
        imperviousness=rng.uniform(0.1, 0.95, n),
        retention_mm=rng.uniform(5.0, 120.0, n),
        storage_constant_h=rng.uniform(0.05, 1.5, n),
        drain_capacity_m3h=rng.uniform(0.0, 8e3, n),
        pump_capacity_m3h=rng.uniform(0.0, 500.0, n),
        curve_depth_m=depth,
        curve_volume_m3=3000.0 * depth**1.5,
    )


def prism(*, area_m2: float = 1000.0, spill_m: float = 1.0, **changes: float) -> HotspotBasins:
    one = np.ones(1)
    plain = HotspotBasins(
        catchment_m2=1e4 * one, imperviousness=one, retention_mm=50 * one, storage_constant_h=0 * one,
        drain_capacity_m3h=0 * one, pump_capacity_m3h=0 * one,
        curve_depth_m=np.array([[0.0, spill_m]]), curve_volume_m3=np.array([[0.0, spill_m * area_m2]]),
    )  # fmt: skip
    return replace(plain, **{name: value * one for name, value in changes.items()})


def imbalance_m3(result: PondingResult, b: HotspotBasins) -> np.ndarray:
    """Rain minus everything it became; a dry start holds nothing."""
    stored = result.final.routing_m3 + result.final.ponded_m3
    return result.rain_m3 - result.infiltrated_m3 - result.drained_m3 - result.spilled_m3 - stored


def test_constant_rain_into_a_prism_with_drains_rises_at_the_excess_rate() -> None:
    b = prism(drain_capacity_m3h=200.0)  # 20 mm/h over 1 ha
    result = simulate_ponding(b, np.full((1, 1, 4), 50.0), keep_series=True)
    assert result.depth_m is not None
    np.testing.assert_allclose(result.depth_m[0, 0], [0.3, 0.6, 0.9, 1.0], atol=1e-12)
    np.testing.assert_allclose(result.spilled_m3, 200.0, atol=1e-9)


def test_rain_below_the_drain_capacity_never_ponds() -> None:
    result = simulate_ponding(prism(drain_capacity_m3h=400.0), np.full((1, 1, 24), 39.9))
    assert result.peak_depth_m[0, 0] == 0.0


def test_standing_water_drains_after_the_rain() -> None:
    b = prism(drain_capacity_m3h=100.0)
    result = simulate_ponding(b, np.array([[[30.0, 0.0, 0.0, 0.0]]]), keep_series=True)
    assert result.depth_m is not None
    np.testing.assert_allclose(result.depth_m[0, 0], [0.2, 0.1, 0.0, 0.0], atol=1e-12)
    assert result.peak_depth_m[0, 0] == pytest.approx(0.2)


def test_pumps_keep_working_when_drains_are_blocked() -> None:
    blocked = simulate_ponding(prism(drain_capacity_m3h=300.0), np.full((1, 1, 1), 30.0), drain_factor=0.0)
    pumped = simulate_ponding(prism(pump_capacity_m3h=300.0), np.full((1, 1, 1), 30.0), drain_factor=0.0)
    assert blocked.peak_depth_m[0, 0] == pytest.approx(0.3)
    assert pumped.peak_depth_m[0, 0] == 0.0


@pytest.mark.parametrize("n_steps", [1, 3, 10])
@pytest.mark.parametrize("total_mm", [15.0, 60.0, 300.0])
def test_losses_are_the_curve_number_relation_however_the_storm_is_cut(n_steps: int, total_mm: float) -> None:
    s_mm = 25400.0 / 80.0 - 254.0
    b = prism(imperviousness=0.0, retention_mm=s_mm)
    result = simulate_ponding(b, np.full((1, 1, n_steps), total_mm / n_steps))
    excess = max(total_mm - 0.2 * s_mm, 0.0)
    runoff_mm = excess**2 / (excess + s_mm)
    np.testing.assert_allclose(result.infiltrated_m3 / 10.0, total_mm - runoff_mm, rtol=1e-9)


def test_linear_reservoir_recession_is_exponential() -> None:
    b = prism(storage_constant_h=2.0, spill_m=1e-6)
    result = simulate_ponding(b, np.array([[[10.0, 0.0, 0.0, 0.0]]]))
    first = 100.0 * 2.0 * (1.0 - np.exp(-0.5))  # after one hour of uniform inflow of 100 m3/h
    np.testing.assert_allclose(result.final.routing_m3[0, 0], first * np.exp(-1.5), rtol=1e-9)


def test_first_passing_and_duration() -> None:
    b = prism(drain_capacity_m3h=100.0)
    result = simulate_ponding(b, np.array([[[0.0, 30.0, 0.0, 0.0]]]), thresholds_m=(0.15, 0.5))
    assert result.first_step[0, 0].tolist() == [2, -1]
    assert result.peak_step[0, 0] == 2
    assert 0.5 < result.wet_steps[0, 0, 0] < 1.5
    wet = simulate_ponding(
        b, np.zeros((1, 1, 1)), thresholds_m=(0.05,), state=replace(dry_state(1), ponded_m3=np.full((1, 1), 200.0))
    )
    assert wet.first_step[0, 0, 0] == 0
    assert wet.peak_step[0, 0] == 0


def test_a_run_in_two_parts_equals_the_whole() -> None:
    b = basins()
    rain = np.random.default_rng(1).gamma(0.3, 20.0, (3, 4, STEPS))
    whole = simulate_ponding(b, rain)
    first = simulate_ponding(b, rain[..., :5])
    second = simulate_ponding(b, rain[..., 5:], state=first.final)
    for f in fields(whole.final):
        np.testing.assert_allclose(getattr(second.final, f.name), getattr(whole.final, f.name), rtol=1e-12)
    np.testing.assert_array_equal(np.maximum(first.peak_depth_m, second.peak_depth_m), whole.peak_depth_m)


def test_inputs_are_not_changed() -> None:
    b, state = basins(), dry_state(3, 2)
    rain = np.full((3, 2, 4), 40.0)
    simulate_ponding(b, rain, state=state)
    assert (state.ponded_m3 == 0).all()
    assert (rain == 40.0).all()


@pytest.mark.parametrize(
    ("rain", "text"),
    [
        (np.full((3, 1, 2), -1.0), "not negative"),
        (np.full((3, 1, 2), np.nan), "finite"),
        (np.zeros((2, 1, 2)), "for 3 hotspots"),
        (np.zeros((3, 2)), "shape"),
    ],
)
def test_unusable_rain_is_refused(rain: np.ndarray, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        simulate_ponding(basins(), rain)


def test_a_state_for_other_members_is_refused() -> None:
    with pytest.raises(ValueError, match="state is for"):
        simulate_ponding(basins(), np.zeros((3, 2, 1)), state=dry_state(3, 1))


rains = hnp.arrays(np.float64, (3, 2, STEPS), elements=st.floats(0.0, 120.0))


@settings(deadline=None, max_examples=60)
@given(rain=rains)
def test_law_water_is_conserved(rain: np.ndarray) -> None:
    b = basins()
    result = simulate_ponding(b, rain)
    scale = np.maximum(result.rain_m3, 1.0)
    assert (np.abs(imbalance_m3(result, b)) / scale < 1e-9).all()


@settings(deadline=None, max_examples=60)
@given(rain=rains, extra=rains)
def test_law_more_rain_never_lowers_a_depth(rain: np.ndarray, extra: np.ndarray) -> None:
    less = simulate_ponding(basins(), rain, keep_series=True)
    more = simulate_ponding(basins(), rain + extra, keep_series=True)
    assert less.depth_m is not None
    assert more.depth_m is not None
    assert (more.depth_m >= less.depth_m - 1e-9).all()
    assert (more.peak_depth_m >= less.peak_depth_m - 1e-9).all()


@settings(deadline=None, max_examples=40)
@given(rain=rains, factor=st.floats(0.0, 1.0))
def test_law_less_drain_never_lowers_a_depth(rain: np.ndarray, factor: float) -> None:
    full = simulate_ponding(basins(), rain)
    part = simulate_ponding(basins(), rain, drain_factor=factor)
    assert (part.peak_depth_m >= full.peak_depth_m - 1e-9).all()


@settings(deadline=None, max_examples=30)
@given(rain=rains, order=st.permutations(range(3)))
def test_law_permuting_hotspots_changes_nothing(rain: np.ndarray, order: list[int]) -> None:
    rows = np.array(order)
    plain = simulate_ponding(basins(), rain)
    mixed = simulate_ponding(basins().take(rows), rain[rows])
    np.testing.assert_array_equal(mixed.peak_depth_m, plain.peak_depth_m[rows])
