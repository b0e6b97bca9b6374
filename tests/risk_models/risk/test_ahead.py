"""What is ahead, cut into windows: the same run, never more than the whole, and times that never come later."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.risk.ahead import danger_times, run_ahead, shifted
from risk_models.risk.outages import CapacityShares
from risk_models.risk.ponding import HotspotBasins, dry_state, simulate_ponding
from risk_models.risk.windows import WINDOWS_H, window_name

HOTSPOTS, MEMBERS, SCENARIOS = 4, 3, 2
DEPTHS_M = (0.05, 0.15, 0.5)
AT = pd.Timestamp("2021-07-20T08Z")
seeds = st.integers(0, 2**32 - 1)
steps = st.integers(-1, 24)


def a_run(seed: int, *, hours: int = 24, shares_by_step: bool = True) -> tuple[dict, HotspotBasins, np.ndarray]:
    rng = np.random.default_rng(seed)
    one = np.ones(HOTSPOTS)
    curves = np.sort(rng.uniform(0, 2, (HOTSPOTS, 5)), axis=1), np.sort(rng.uniform(0, 4e3, (HOTSPOTS, 5)), axis=1)
    basins = HotspotBasins(
        5e4 * one, 0.7 * one, 40 * one, 0.5 * one, 900 * one, 0 * one, *(np.c_[0 * one, curve] for curve in curves),
        downstream=np.array([1, -1, -1, 2]), spill_constant_h=0.2 * one,
    )  # fmt: skip
    rain_mm = rng.gamma(0.2, 60.0, (HOTSPOTS, MEMBERS, hours))
    share = rng.uniform(0.2, 1.0, (HOTSPOTS, hours if shares_by_step else 1))
    given = {
        "state": dry_state(HOTSPOTS, MEMBERS * (SCENARIOS + 1)),
        "shares": CapacityShares(share, share.copy()),
        "rain_factor": rng.lognormal(0.0, 0.3, (SCENARIOS + 1, hours)),
        "step_h": 1.0,
        "thresholds_m": DEPTHS_M,
        **{f"{name}_factor": np.ones((HOTSPOTS, SCENARIOS + 1)) for name in ("drain", "inflow", "sag")},
    }
    return given, basins, rain_mm


@settings(max_examples=20, deadline=None)
@given(seeds, st.booleans())
def test_windows_put_together_are_one_run(seed: int, shares_by_step: bool) -> None:
    given, basins, rain_mm = a_run(seed, shares_by_step=shares_by_step)
    whole = simulate_ponding(basins, rain_mm, **given)
    impacts_m = np.tile([0.15, 0.3, 0.5], (HOTSPOTS, 1))
    parts = run_ahead(basins, rain_mm, depth_of_impact_m=impacts_m, central=MEMBERS, **given)
    np.testing.assert_array_equal(parts.peak_depth_m, whole.peak_depth_m)
    np.testing.assert_array_equal(parts.first_step, whole.first_step)
    np.testing.assert_array_equal(parts.peak_step, whole.peak_step)
    passed = (whole.first_step[:, MEMBERS:] >= 0).mean(axis=1)
    assert (parts.passed[:-1] <= passed + 1e-12).all()
    assert (np.nansum(parts.passed, axis=0) >= passed - 1e-12).all()
    assert (np.diff(parts.impact[:-1], axis=2) <= 1e-12).all()


def test_a_window_beyond_the_horizon_is_unknown() -> None:
    given, basins, rain_mm = a_run(1)
    found = run_ahead(basins, rain_mm, depth_of_impact_m=np.ones((HOTSPOTS, 3)), central=MEMBERS, **given)
    assert not np.isnan(found.passed[:4]).any()
    assert np.isnan(found.passed[4]).all()
    assert np.isnan(found.impact[4]).all()


chances = st.floats(0, 1)


@given(chances, chances, chances, chances)
def test_a_part_is_never_likelier_than_what_was_learned_of_the_whole(
    part: float, share: float, learned: float, more: float
) -> None:
    low, high = sorted((part, more))
    whole = max(share, high)
    told = shifted(np.array([low, high, whole]), np.full(3, whole), np.full(3, learned))
    assert (told <= max(learned, 1e-6) + 1e-9).all() or learned == whole
    assert (np.diff(told) >= -1e-12).all()


@given(st.lists(st.tuples(steps, st.integers(0, 24)), min_size=1, max_size=40))
def test_an_earlier_or_likelier_passing_never_makes_the_onset_later(outcomes: list[tuple[int, int]]) -> None:
    first, peak = (np.array([values], dtype=np.int32) for values in zip(*outcomes, strict=True))
    before = danger_times(first, peak, valid_at=AT, step_h=1.0).iloc[0]
    sooner = np.where(first > 0, first - 1, np.where(first < 0, 24, first))
    after = danger_times(sooner, peak, valid_at=AT, step_h=1.0).iloc[0]
    if pd.notna(before["onset_unfavourable_at"]):
        assert after["onset_unfavourable_at"] <= before["onset_unfavourable_at"]
    if pd.notna(before["danger_from"]):
        assert AT <= before["danger_from"] <= before["danger_to"]
        assert before["danger_from"] <= AT + pd.Timedelta(hours=24)
    else:
        assert (first < 0).all()


def test_one_outcome_in_ten_makes_the_unfavourable_case() -> None:
    first = np.full((2, 20), -1, dtype=np.int32)
    first[0, :2], first[1, :1] = (5, 7), 5
    found = danger_times(first, first.clip(0), valid_at=AT, step_h=1.0)["onset_unfavourable_at"]
    assert found[0] == AT + pd.Timedelta(hours=7)
    assert pd.isna(found[1])


@pytest.mark.parametrize("window_h", WINDOWS_H)
def test_windows_follow_each_other(window_h: tuple[int, int]) -> None:
    begins = {begin for begin, _ in WINDOWS_H}
    assert window_h[1] in begins | {72}
    assert window_name(window_h) == f"{window_h[0]}_{window_h[1]}h"
