"""Sums of rain over windows, with honest gaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from risk_models.forecast.accumulate import moving_sum_mm
from risk_models.forecast.storm import depth_mm
from risk_models.risk.rain_amounts import rain_amounts, return_periods
from risk_models.standards import load_standards

FORMULA = load_standards().storm_formula("zz-f2")


def quiet(past_h: int = 72, members: int = 2, lead_h: int = 24) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((1, past_h)), np.zeros((1, members, lead_h))


def test_windows_join_what_fell_with_what_is_expected() -> None:
    past, future = quiet()
    past[0, -2:] = [10.0, 20.0]
    future[0, :, 0] = [40.0, 60.0]
    amounts = rain_amounts(past, future)
    assert amounts.observed[1][0] == 20.0
    assert amounts.observed[3][0] == 30.0
    assert amounts.expected_p50[3][0] == pytest.approx(80.0)
    assert amounts.expected_p50[1][0] == pytest.approx(50.0)


def test_a_gap_makes_its_windows_unknown_and_never_dry() -> None:
    past, future = quiet()
    past[0, -2] = np.nan
    amounts = rain_amounts(past, future)
    assert amounts.observed[1][0] == 0.0
    assert np.isnan(amounts.observed[3][0])
    assert np.isnan(amounts.observed[72][0])


def test_a_record_shorter_than_the_window_is_unknown() -> None:
    past, future = quiet(past_h=10)
    assert np.isnan(rain_amounts(past, future).observed[12][0])


def test_against_a_slow_sum() -> None:
    rng = np.random.default_rng(3)
    past, future = rng.gamma(0.3, 8.0, (4, 72)), rng.gamma(0.3, 8.0, (4, 5, 24))
    amounts = rain_amounts(past, future)
    for width in (1, 3, 6, 12, 24):
        for h in range(4):
            sums = []
            for m in range(5):
                line = np.concatenate([past[h], future[h, m]])
                sums.append(max(line[end - width : end].sum() for end in range(73, 97)))
            assert amounts.expected_p50[width][h] == pytest.approx(np.quantile(sums, 0.5))


def test_rarest_window_is_named() -> None:
    past, future = quiet()
    past[0, -3:] = float(depth_mm(FORMULA, 50, 180)) / 3
    table = return_periods(rain_amounts(past, future), FORMULA)
    assert table["return_window_h"].iloc[0] == 3
    assert table["return_period_a"].iloc[0] == pytest.approx(50.0, rel=1e-6)


def test_the_hour_of_2021_is_beyond_the_formula() -> None:
    past, future = quiet()
    past[0, -1] = 201.9
    table = return_periods(rain_amounts(past, future), FORMULA)
    assert np.isinf(table["return_period_a"].iloc[0])
    assert ">100" in table["return_period_text"].iloc[0]


def test_a_step_that_does_not_divide_the_hour_is_refused() -> None:
    past, future = quiet()
    with pytest.raises(ValueError, match="multiple of the step"):
        rain_amounts(past, future, step_h=0.7)


with_gaps = st.one_of(st.floats(0.0, 90.0), st.just(float("nan")))


@settings(deadline=None, max_examples=60)
@given(
    past=hnp.arrays(np.float64, (2, 30), elements=with_gaps),
    future=hnp.arrays(np.float64, (2, 3, 26), elements=with_gaps),
    n_past=st.integers(1, 30),
)
def test_greatest_sums_are_those_of_the_joined_series(past: np.ndarray, future: np.ndarray, n_past: int) -> None:
    before = past[:, -n_past:][:, -24:]
    joined = np.concatenate([np.repeat(before[:, None], 3, axis=1), future], axis=2)
    amounts = rain_amounts(past[:, -n_past:], future)
    for window_h in (1, 3, 6, 12, 24):
        ends = moving_sum_mm(joined, window_h=window_h, axis=2)[:, :, max(before.shape[1], window_h - 1) :]
        greatest = ends.max(axis=2)
        np.testing.assert_array_equal(amounts.expected_p50[window_h], np.quantile(greatest, 0.5, axis=1))
