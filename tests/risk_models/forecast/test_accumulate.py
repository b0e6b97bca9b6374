"""Moving sums: against brute force, with unknown rain, and totals kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from risk_models.forecast.accumulate import WINDOWS_H, aggregate_mm, max_moving_sum_mm, moving_maxima_mm, moving_sum_mm

RAIN = arrays(float, (24,), elements=st.one_of(st.floats(0, 200), st.just(float("nan"))))


@given(rain=RAIN, window=st.integers(1, 24))
def test_moving_sum_equals_brute_force(rain, window: int) -> None:
    total = moving_sum_mm(rain, window_h=window)
    for end in range(24):
        part = rain[max(0, end - window + 1) : end + 1]
        wanted = part.sum() if len(part) == window else np.nan
        np.testing.assert_allclose(total[end], wanted, rtol=1e-12)


@given(rain=RAIN, window=st.integers(1, 24))
def test_partial_sum_is_a_lower_bound_and_never_unknown(rain, window: int) -> None:
    bound = moving_sum_mm(rain, window_h=window, partial=True)
    total = moving_sum_mm(rain, window_h=window)
    assert np.isfinite(bound).all()
    known = np.isfinite(total)
    np.testing.assert_allclose(bound[known], total[known], rtol=1e-12)


@given(rain=RAIN, more=st.floats(0, 50), step=st.integers(0, 23), window=st.integers(1, 12))
def test_more_rain_never_lowers_a_sum(rain, more: float, step: int, window: int) -> None:
    wetter = rain.copy()
    wetter[step] += more
    low, high = (moving_sum_mm(r, window_h=window, partial=True) for r in (rain, wetter))
    assert (high >= low).all()


def test_axis_and_step_are_free() -> None:
    rain = np.arange(24.0).reshape(2, 6, 2)
    total = moving_sum_mm(rain, window_h=1, step_h=0.5, axis=1)
    np.testing.assert_array_equal(total[:, 1:], rain[:, 1:] + rain[:, :-1])
    assert np.isnan(total[:, 0]).all()


def test_maximum_counts_windows_that_begin_before_first() -> None:
    rain = [9.0, 1.0, 2.0, 0.0]
    assert max_moving_sum_mm(rain, window_h=2, first=1) == 10
    assert max_moving_sum_mm(rain, window_h=2, first=2) == 3


def test_maximum_is_unknown_if_any_window_is() -> None:
    rain = [5.0, np.nan, 2.0, 1.0]
    assert np.isnan(max_moving_sum_mm(rain, window_h=2))
    assert max_moving_sum_mm(rain, window_h=2, first=3) == 3
    assert max_moving_sum_mm(rain, window_h=2, partial=True) == 5
    assert np.isnan(max_moving_sum_mm(rain, window_h=12))


def test_bad_window_is_refused() -> None:
    with pytest.raises(ValueError, match=r"window of 1.5 h is no positive multiple of the step of 1 h"):
        moving_sum_mm([1.0], window_h=1.5)
    with pytest.raises(ValueError, match="5 steps make no whole number of blocks of 2"):
        aggregate_mm(np.ones(5), steps=2)


@given(rain=arrays(float, (24, 2), elements=st.floats(0, 200)), steps=st.sampled_from([1, 2, 3, 6, 12, 24]))
def test_aggregation_keeps_the_total(rain, steps: int) -> None:
    blocks = aggregate_mm(rain, steps=steps)
    np.testing.assert_allclose(blocks.sum(axis=0), rain.sum(axis=0), rtol=1e-12)


def test_aggregation_of_unknown_rain_is_unknown_unless_a_bound_is_asked_for() -> None:
    rain = [1.0, np.nan, 2.0, 3.0]
    np.testing.assert_array_equal(aggregate_mm(rain, steps=2), [np.nan, 5.0])
    np.testing.assert_array_equal(aggregate_mm(rain, steps=2, partial=True), [1.0, 5.0])


def test_many_windows_from_5_min_to_72_h() -> None:
    rain = np.random.default_rng(6).gamma(0.3, 1.0, (12 * 80, 2))
    found = moving_maxima_mm(rain, step_h=1 / 12)
    assert (WINDOWS_H[0], WINDOWS_H[-1]) == (5 / 60, 72.0)
    assert found.shape == (len(WINDOWS_H), 2)
    assert (np.diff(found, axis=0) >= 0).all()
    for number in (0, 6, 14):
        wanted = max_moving_sum_mm(rain, window_h=WINDOWS_H[number], step_h=1 / 12)
        np.testing.assert_array_equal(found[number], wanted)


def test_windows_the_step_cannot_tell_are_unknown() -> None:
    found = moving_maxima_mm(np.ones(100), step_h=1.0)
    assert np.isnan(found[: WINDOWS_H.index(1.0)]).all()
    assert np.isnan(found[WINDOWS_H.index(1.5)])
    assert found[WINDOWS_H.index(72.0)] == 72.0


@given(arrays(float, (24, 2), elements=st.floats(0, 300)), st.sampled_from([1, 2, 3, 4, 6, 8, 12, 24]))
def test_total_rain_is_kept_when_steps_are_joined(rain: np.ndarray, steps: int) -> None:
    np.testing.assert_allclose(aggregate_mm(rain, steps=steps).sum(axis=0), rain.sum(axis=0), rtol=1e-12)
