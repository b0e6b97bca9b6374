"""The recursion of first order equals the digital filter of SciPy, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from risk_models.forecast.recursion import first_order


@given(
    seed=st.integers(0, 2**32 - 1),
    keep=st.floats(0.0, 1.0),
    weight=st.floats(-2.0, 2.0),
    weight_before=st.floats(-2.0, 2.0),
    axis=st.sampled_from([0, 1, -1, -2]),
)
def test_equals_the_filter(seed: int, keep: float, weight: float, weight_before: float, axis: int) -> None:
    rng = np.random.default_rng(seed)
    rain = rng.gamma(0.5, 8.0, (7, 5, 6))
    rain[rng.random(rain.shape) < 0.02] = np.nan
    found = first_order(rain, keep=keep, weight=weight, weight_before=weight_before, axis=axis)
    np.testing.assert_array_equal(found, lfilter([weight, weight_before], [1.0, -keep], rain, axis=axis))


def test_starts_where_it_is_told() -> None:
    rain, before = np.ones((4, 3)), np.array([0.0, 8.0, np.nan])
    expected, _ = lfilter([1.0], [1.0, -0.5], rain, axis=0, zi=0.5 * before[None])
    np.testing.assert_array_equal(first_order(rain, keep=0.5, start=before), expected)
    assert first_order(np.empty((0, 3)), keep=0.5).shape == (0, 3)


def test_one_series_needs_no_other_axis() -> None:
    assert first_order([4, 0, 0], keep=0.5, start=8.0).tolist() == pytest.approx([8.0, 4.0, 2.0])
