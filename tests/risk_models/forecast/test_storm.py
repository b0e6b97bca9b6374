"""Storm formula: published table, exact inverse, design storms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.forecast.storm import (
    chicago_hyetograph,
    depth_mm,
    is_extrapolated,
    return_period_a,
    return_period_text,
)
from risk_models.standards import load_standards

F2 = load_standards().storm_formula("zz-f2")
F1 = load_standards().storm_formula("zz-f1")
PERIODS = (1, 2, 3, 5, 10, 20, 50, 100)
# Depth [mm] of F2: rows are durations in minutes, columns PERIODS.
TABLE = {
    15: (16.7, 21.2, 23.8, 27.2, 31.7, 36.1, 42.1, 46.6),
    30: (24.0, 30.4, 34.2, 38.9, 45.4, 51.8, 60.3, 66.8),
    60: (31.5, 40.0, 44.9, 51.1, 59.6, 68.1, 79.2, 87.7),
    120: (38.8, 49.3, 55.4, 63.0, 73.5, 83.9, 97.7, 108.1),
    180: (43.0, 54.6, 61.3, 69.9, 81.4, 93.0, 108.3, 119.8),
}


@pytest.mark.parametrize("minutes", list(TABLE))
def test_handbook_formula_gives_the_reference_table(minutes: int) -> None:
    np.testing.assert_allclose(depth_mm(F2, PERIODS, minutes), TABLE[minutes], atol=0.0501)


def test_alternative_formula_gives_its_reference_values() -> None:
    np.testing.assert_allclose(depth_mm(F1, [2, 20, 100], 60), [31.5, 39.7, 46.1], atol=0.0501)


def test_record_hour_is_far_outside_the_formula() -> None:
    assert round(201.9 / float(depth_mm(F2, 100, 60)), 1) == 2.3
    assert np.isinf(return_period_a(F2, 201.9, 60))


@pytest.mark.parametrize("formula", [F1, F2], ids=["F1", "F2"])
@given(period=st.floats(1, 100), minutes=st.floats(5, 1440))
def test_inverse_is_exact(formula, period: float, minutes: float) -> None:
    back = float(return_period_a(formula, depth_mm(formula, period, minutes), minutes))
    # F1 is flat near 1 year, (lg P)^1.128, so rounding there shows more.
    assert back == pytest.approx(period, rel=1e-8)


@given(low=st.floats(0, 400), more=st.floats(0, 400), minutes=st.floats(5, 1440))
def test_more_rain_never_lowers_the_return_period(low: float, more: float, minutes: float) -> None:
    first, second = return_period_a(F2, [low, low + more], minutes)
    assert second >= first


def test_ends_of_the_range_belong_to_it() -> None:
    ends = depth_mm(F2, [1, 100], 60)
    np.testing.assert_allclose(return_period_a(F2, ends, 60), [1.0, 100.0], rtol=1e-12)
    assert return_period_a(F2, ends * [0.99, 1.01], 60).tolist() == [0.0, np.inf]


def test_unknown_rain_has_no_return_period() -> None:
    assert np.isnan(return_period_a(F2, np.nan, 60))


@pytest.mark.parametrize("period", [0.5, 101, np.nan])
def test_period_outside_the_formula_is_refused(period: float) -> None:
    with pytest.raises(ValueError, match="outside formula zz-f2; accepted: 1 to 100 years"):
        depth_mm(F2, period, 60)


def test_zero_duration_is_refused() -> None:
    with pytest.raises(ValueError, match="duration must be above 0"):
        return_period_a(F2, 10, 0)


@pytest.mark.parametrize(
    ("period", "zh", "en"),
    [
        (0.0, "<1年", "<1 a"),
        (1.0, "1.0年", "1.0 a"),
        (9.97, "10年", "10 a"),
        (100.0, "100年", "100 a"),
        (np.inf, ">100年（超出公式范围）", ">100 a (outside formula)"),
        (np.nan, "未知", "unknown"),
    ],
)
def test_words(period: float, zh: str, en: str) -> None:
    assert return_period_text(period, "zh") == zh
    assert return_period_text(period, "en", formula=F2) == en


@given(period=st.floats(1, 100), steps=st.integers(2, 288), step=st.sampled_from([1, 5, 10]), ratio=st.floats(0.1, 0.9))
def test_design_storms_hold_the_formula_depth(period: float, steps: int, step: int, ratio: float) -> None:
    duration = steps * step
    total = float(depth_mm(F2, period, duration))
    storm = chicago_hyetograph(F2, period, duration, step_min=step, peak_ratio=ratio)
    assert storm.sum() == pytest.approx(total, abs=1e-9)
    assert (storm > 0).all()


def test_chicago_windows_around_the_peak_hold_the_formula_depth() -> None:
    storm = chicago_hyetograph(F2, 20, 180, step_min=1, peak_ratio=0.4)
    assert storm[72 - 24 : 72 + 36].sum() == pytest.approx(float(depth_mm(F2, 20, 60)), abs=1e-9)
    assert storm.argmax() in (71, 72)


def test_chicago_matches_its_intensity_equation() -> None:
    """After the peak i = a [(1 - n) s/(1-r) + b] / (s/(1-r) + b)^(1+n), Keifer & Chu's own form."""
    storm = chicago_hyetograph(F2, 10, 120, step_min=1, peak_ratio=0.4)
    after_min = 20.5
    spread = after_min / 0.6
    a_mm_h = F2.a1 * (1 + F2.c) * 0.36
    intensity = a_mm_h * ((1 - F2.n) * spread + F2.b_min) / (spread + F2.b_min) ** (1 + F2.n)
    assert storm[48 + 20] * 60 == pytest.approx(intensity, rel=1e-3)


def test_bad_storms_are_refused() -> None:
    with pytest.raises(ValueError, match="62 min is no positive multiple of the step of 5 min"):
        chicago_hyetograph(F2, 2, 62)
    with pytest.raises(ValueError, match="peak_ratio is 1"):
        chicago_hyetograph(F2, 2, 60, peak_ratio=1)


def test_long_durations_are_marked_extrapolated() -> None:
    assert not is_extrapolated(F2, 180)
    assert is_extrapolated(F2, 1440)
