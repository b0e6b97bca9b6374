"""Moving sums: against brute force, and with unknown rain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from risk_models.forecast.accumulate import moving_sum_mm

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


def test_bad_window_is_refused() -> None:
    with pytest.raises(ValueError, match=r"window of 1.5 h is no positive multiple of the step of 1 h"):
        moving_sum_mm([1.0], window_h=1.5)
