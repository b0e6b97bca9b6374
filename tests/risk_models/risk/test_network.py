"""Ponding along the spill network: water is neither made nor lost, and every law holds for linked hotspots too."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from risk_models.risk.outages import CapacityShares
from risk_models.risk.ponding import HotspotBasins, PondingResult, dry_state, simulate_ponding, wet_state
from risk_models.risk.ponding_kernel import depths_at, march_order, threshold_volumes

STEPS, HOTSPOTS = 10, 5
rains = hnp.arrays(np.float64, (HOTSPOTS, 2, STEPS), elements=st.floats(0.0, 120.0))


@st.composite
def forests(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Links from each row to a later one or away, and one row that may share the depression of another end."""
    downstream = np.array(
        [draw(st.sampled_from([-1, *range(row + 1, HOTSPOTS)])) for row in range(HOTSPOTS)], dtype=np.int64
    )
    inlet = np.arange(HOTSPOTS)
    if draw(st.booleans()) and (downstream != 0).all():
        downstream[0] = -1
        inlet[0] = draw(st.integers(1, HOTSPOTS - 1))
    return downstream, inlet


def basins(downstream: np.ndarray, inlet: np.ndarray | None = None, *, seed: int = 3) -> HotspotBasins:
    rng = np.random.default_rng(seed)
    n = len(downstream)
    depth = np.linspace(0.0, 1.0, 9) * rng.uniform(0.3, 3.0, (n, 1))
    return HotspotBasins(
        catchment_m2=rng.uniform(2e4, 3e5, n),
        imperviousness=rng.uniform(0.1, 0.95, n),
        retention_mm=rng.uniform(5.0, 120.0, n),
        storage_constant_h=rng.uniform(0.05, 1.5, n),
        drain_capacity_m3h=rng.uniform(0.0, 4e3, n),
        pump_capacity_m3h=rng.uniform(0.0, 500.0, n),
        curve_depth_m=depth,
        curve_volume_m3=800.0 * depth**1.5,
        downstream=downstream,
        spill_constant_h=rng.uniform(0.0, 1.0, n) * rng.integers(0, 2, n),
        inlet=np.arange(n) if inlet is None else inlet,
    )


def left_m3(result: PondingResult, b: HotspotBasins) -> np.ndarray:
    """What the hotspots that stand for themselves took in, less everything it became (M,)."""
    own = b.stands_alone
    away = own & (b.downstream < 0)
    stored = result.final.routing_m3 + result.final.ponded_m3 + result.final.transit_m3
    became = result.infiltrated_m3 + result.drained_m3 + stored
    return (result.rain_m3 - became)[own].sum(axis=0) - result.spilled_m3[away].sum(axis=0)


def test_spill_of_the_upper_prism_fills_the_lower_one() -> None:
    two = np.ones(2)
    curve = np.array([[0.0, 1.0], [0.0, 1.0]])
    b = HotspotBasins(
        catchment_m2=np.array([1e4, 1.0]), imperviousness=two, retention_mm=50 * two, storage_constant_h=0 * two,
        drain_capacity_m3h=0 * two, pump_capacity_m3h=0 * two, curve_depth_m=curve,
        curve_volume_m3=curve * np.array([[100.0], [1000.0]]), downstream=np.array([1, -1]),
    )  # fmt: skip
    result = simulate_ponding(b, np.array([[[30.0, 0.0]], [[0.0, 0.0]]]))
    np.testing.assert_allclose(result.peak_depth_m[:, 0], [1.0, 0.2], rtol=1e-12)  # 300 m3: 100 stay, 200 go on
    np.testing.assert_allclose(result.received_m3[:, 0], [0.0, 200.0], rtol=1e-12)


def test_spill_arrives_with_the_lag_of_a_linear_reservoir() -> None:
    b = replace(basins(np.array([1, -1])), spill_constant_h=np.array([2.0, 0.0]))
    b = replace(b, drain_capacity_m3h=np.zeros(2), pump_capacity_m3h=np.zeros(2))
    state = replace(dry_state(2), transit_m3=np.array([[100.0], [0.0]]))
    result = simulate_ponding(b, np.zeros((2, 1, 3)), state=state)
    np.testing.assert_allclose(result.final.transit_m3[0, 0], 100.0 * np.exp(-1.5), rtol=1e-12)
    np.testing.assert_allclose(result.final.ponded_m3[1, 0], 100.0 * (1.0 - np.exp(-1.5)), rtol=1e-12)


def test_a_second_point_sees_the_water_that_arrives_and_sends_none_on() -> None:
    b = basins(np.array([1, -1, -1]), np.array([0, 1, 1]))
    b = replace(
        b, **{f.name: getattr(b, f.name)[[0, 1, 1]] for f in fields(b) if f.name not in ("downstream", "inlet")}
    )
    rain = np.random.default_rng(0).gamma(0.5, 40.0, (3, 2, STEPS))
    rain[2] = rain[1]
    result = simulate_ponding(b, rain, keep_series=True)
    assert result.depth_m is not None
    assert result.received_m3[1].max() > 0
    np.testing.assert_array_equal(result.depth_m[2], result.depth_m[1])


@pytest.mark.parametrize(
    ("downstream", "text"), [([1, 0], "in a circle"), ([0], "in a circle"), ([2, -1], "not one of the 2 hotspots")]
)
def test_circles_and_strangers_are_refused(downstream: list[int], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        simulate_ponding(basins(np.array(downstream)), np.zeros((len(downstream), 1, 1)))


def test_a_second_point_cannot_pass_water_on() -> None:
    with pytest.raises(ValueError, match="neither sends spill on"):
        basins(np.array([1, -1]), np.array([1, 1]))


@given(forests())
def test_order_puts_upstream_first_and_keeps_components_together(forest: tuple[np.ndarray, np.ndarray]) -> None:
    downstream, inlet = forest
    order, starts = march_order(downstream, inlet)
    place = np.argsort(order)
    component = np.repeat(np.arange(len(starts) - 1), np.diff(starts))[place]
    assert sorted(order.tolist()) == list(range(HOTSPOTS))
    for row in np.flatnonzero(downstream >= 0):
        assert place[row] < place[downstream[row]]
        assert component[row] == component[downstream[row]]
    assert (component[inlet] == component).all()


@settings(deadline=None, max_examples=60)
@given(forest=forests(), rain=rains)
def test_law_water_is_conserved_over_the_network(forest: tuple[np.ndarray, np.ndarray], rain: np.ndarray) -> None:
    b = basins(*forest)
    result = simulate_ponding(b, rain)
    scale = np.maximum(result.rain_m3.sum(axis=0), 1.0)
    assert (np.abs(left_m3(result, b)) / scale < 1e-9).all()
    at_each = result.rain_m3 + result.received_m3 - result.infiltrated_m3 - result.drained_m3 - result.spilled_m3
    at_each -= result.final.routing_m3 + result.final.ponded_m3
    assert (np.abs(at_each) / scale < 1e-9).all()


@settings(deadline=None, max_examples=60)
@given(forest=forests(), rain=rains, extra=rains)
def test_law_more_rain_anywhere_never_lowers_a_depth(
    forest: tuple[np.ndarray, np.ndarray], rain: np.ndarray, extra: np.ndarray
) -> None:
    b = basins(*forest)
    less, more = (simulate_ponding(b, r, keep_series=True).depth_m for r in (rain, rain + extra))
    assert less is not None
    assert more is not None
    assert (more >= less - 1e-9).all()


@settings(deadline=None, max_examples=40)
@given(forest=forests(), rain=rains, share=hnp.arrays(np.float64, (2, HOTSPOTS, STEPS), elements=st.floats(0.0, 1.0)))
def test_law_an_outage_anywhere_never_lowers_a_depth(
    forest: tuple[np.ndarray, np.ndarray], rain: np.ndarray, share: np.ndarray
) -> None:
    b = basins(*forest)
    whole = simulate_ponding(b, rain, keep_series=True).depth_m
    part = simulate_ponding(b, rain, keep_series=True, shares=CapacityShares(share[0], share[1])).depth_m
    assert whole is not None
    assert part is not None
    assert (part >= whole - 1e-9).all()


@settings(deadline=None, max_examples=40)
@given(forest=forests(), rain=rains, order=st.permutations(range(HOTSPOTS)))
def test_law_permuting_hotspots_changes_nothing(
    forest: tuple[np.ndarray, np.ndarray], rain: np.ndarray, order: list[int]
) -> None:
    rows = np.array(order)
    b = basins(*forest)
    plain, mixed = simulate_ponding(b, rain), simulate_ponding(b.take(rows), rain[rows])
    np.testing.assert_allclose(mixed.peak_depth_m, plain.peak_depth_m[rows], rtol=1e-9, atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(rain=rains, wetter=hnp.arrays(np.float64, (2, HOTSPOTS), elements=st.floats(0.0, 150.0)))
def test_law_wetter_soil_never_lowers_a_depth(rain: np.ndarray, wetter: np.ndarray) -> None:
    b = basins(np.array([2, 2, 4, -1, -1]))
    dry, wet = (
        simulate_ponding(b, rain, state=wet_state(b, water).repeat(2)).peak_depth_m
        for water in (wetter[0], wetter.sum(axis=0))
    )
    assert (wet >= dry - 1e-9).all()


def test_wet_soil_is_the_state_that_the_same_rain_leaves() -> None:
    b = replace(basins(np.full(3, -1)), imperviousness=np.zeros(3))
    fallen = np.full((3, 1, 1), 60.0)
    left = simulate_ponding(b, fallen, step_h=1 / 6).final
    start = wet_state(b, np.full(3, 60.0))
    np.testing.assert_allclose(start.deficit, left.deficit, rtol=1e-12)
    np.testing.assert_allclose(start.abstraction_mm, left.abstraction_mm, rtol=1e-12)


def test_many_members_threads_and_factor_pairs_give_what_single_runs_give() -> None:
    b = basins(np.array([2, 2, -1, 4, -1, -1, 5]))
    rain = np.random.default_rng(2).gamma(0.4, 30.0, (7, 45, STEPS))  # more members than lanes
    drains, inflows = (0.7, 1.0), (1.1, 0.9)
    state = wet_state(b, np.full(7, 30.0))
    both = simulate_ponding(
        b, rain, thresholds_m=(0.1, 0.5), drain_factor=drains, inflow_factor=inflows, state=state.repeat(90), threads=2
    )
    for pair, (drain, inflow) in enumerate(zip(drains, inflows, strict=True)):
        for m in (0, 33, 44):
            alone = simulate_ponding(
                b, rain[:, [m]], thresholds_m=(0.1, 0.5), drain_factor=drain, inflow_factor=inflow, state=state
            )
            lane = pair * 45 + m
            for name in ("peak_depth_m", "peak_step", "first_step", "wet_steps", "spilled_m3", "received_m3"):
                np.testing.assert_array_equal(getattr(both, name)[:, lane], getattr(alone, name)[:, 0])


def test_without_the_account_the_rest_is_the_same() -> None:
    b = basins(np.array([1, 2, -1]))
    rain = np.random.default_rng(4).gamma(0.4, 30.0, (3, 4, STEPS))
    full, bare = (simulate_ponding(b, rain, thresholds_m=(0.2,), account=flag) for flag in (True, False))
    np.testing.assert_array_equal(bare.peak_depth_m, full.peak_depth_m)
    np.testing.assert_array_equal(bare.first_step, full.first_step)
    assert np.isnan(bare.rain_m3).all()
    assert np.isnan(bare.wet_steps).all()
    assert np.isfinite(full.wet_steps).all()


def test_no_hotspots_are_no_trouble() -> None:
    b = basins(np.empty(0, dtype=np.int64))
    assert simulate_ponding(b, np.zeros((0, 3, 4)), thresholds_m=(0.1,)).first_step.shape == (0, 3, 1)


def test_taking_some_hotspots_keeps_the_links_among_them() -> None:
    b = basins(np.array([2, 2, 3, -1, -1]), np.array([0, 1, 2, 3, 3]))
    part = b.take(np.array([3, 2, 4]))
    assert part.downstream.tolist() == [-1, 0, -1]
    assert part.inlet.tolist() == [0, 1, 0]
    with pytest.raises(ValueError, match="only once"):
        b.take(np.array([2, 2]))
    with pytest.raises(ValueError, match="stands for its depression"):
        b.take(np.array([4]))


def test_shares_for_other_steps_are_refused() -> None:
    b = basins(np.full(2, -1))
    with pytest.raises(ValueError, match="capacity shares"):
        simulate_ponding(b, np.zeros((2, 1, 4)), shares=CapacityShares(np.ones((2, 3)), np.ones((2, 3))))


def test_negative_soil_water_is_refused() -> None:
    with pytest.raises(ValueError, match="0 mm or more"):
        wet_state(basins(np.full(2, -1)), np.array([-1.0, 0.0]))


curves = hnp.arrays(np.float64, (1, 6), elements=st.floats(0.0, 3.0)).map(lambda c: np.sort(c, axis=1) - c.min())


@given(
    depth=curves, volume=curves, at=hnp.arrays(np.float64, (1, 9), elements=st.floats(0.0, 4.0)), cut=st.floats(0, 3)
)
def test_a_volume_passes_its_threshold_where_the_depth_does(
    depth: np.ndarray, volume: np.ndarray, at: np.ndarray, cut: float
) -> None:
    read = depths_at(at, depth, volume)
    passed = at >= threshold_volumes(np.array([cut]), depth, volume)
    sure = np.abs(read - cut) > 1e-9
    flat = np.isin(at, volume) | (at == 0)  # a volume at which the depth leaps has two depths
    assert (passed == (read >= cut))[sure & ~flat].all()
