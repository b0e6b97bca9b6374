"""Wetness indices: reference values, state hand-over, unknown rain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from risk_models.forecast.wetness import (
    HALF_LIVES_H,
    _run_tanks,
    antecedent_precipitation_mm,
    effective_rain_mm,
    half_life_indices_mm,
    soil_water_index,
)

STORM = [30.0, 30.0, 30.0, 0.0, 0.0, 0.0]


def test_reference_values_of_ten_minute_steps() -> None:
    index, _ = soil_water_index(STORM)
    assert index[2] == pytest.approx(82.70, abs=0.005)
    assert index.max() == index[2]
    assert index[-1] == pytest.approx(69.75, abs=0.005)


def test_reference_value_of_the_record_hour() -> None:
    assert soil_water_index([201.9])[0][0] == pytest.approx(190.0, abs=0.05)


def test_reference_value_of_hourly_steps_differs() -> None:
    assert soil_water_index(STORM, substeps=1)[0][2] == pytest.approx(84.51, abs=0.005)


def test_ten_minute_rain_equals_hourly_rain_in_substeps() -> None:
    fine = soil_water_index(np.repeat(np.array(STORM) / 6, 6), step_h=1 / 6, substeps=1)[0]
    np.testing.assert_allclose(fine[5::6], soil_water_index(STORM)[0], rtol=1e-12)


def test_state_carries_the_past() -> None:
    whole, end = soil_water_index(STORM)
    first, state = soil_water_index(STORM[:2])
    second, last = soil_water_index(STORM[2:], state_mm=state)
    np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=1e-14)
    np.testing.assert_allclose(last, end, rtol=1e-14)


def test_state_is_not_changed_and_its_shape_is_checked() -> None:
    state = np.full(3, 10.0)
    soil_water_index(STORM, state_mm=state)
    assert (state == 10.0).all()
    with pytest.raises(ValueError, match=r"state has shape \(2,\); accepted: \(3,\)"):
        soil_water_index(STORM, state_mm=[1.0, 2.0])


def test_columns_are_independent_and_the_time_axis_is_free() -> None:
    rain = np.random.default_rng(7).gamma(0.5, 8.0, (2, 20, 3))
    index, state = soil_water_index(rain, axis=1)
    single, last = soil_water_index(rain[1, :, 2])
    np.testing.assert_array_equal(index[1, :, 2], single)
    np.testing.assert_array_equal(state[:, 1, 2], last)


def test_compiled_and_interpreted_agree() -> None:
    rain = np.random.default_rng(3).gamma(0.5, 8.0, (10, 4))
    index, _ = soil_water_index(rain)
    np.testing.assert_allclose(_run_tanks(rain, np.zeros((3, 4)), 6, 1 / 6, False), index, rtol=1e-13)


def test_unknown_rain_is_not_dry() -> None:
    rain = [10.0, np.nan, 5.0]
    assert np.isnan(soil_water_index(rain)[0]).tolist() == [False, True, True]
    bound = soil_water_index(rain, lower_bound=True)[0]
    np.testing.assert_array_equal(bound, soil_water_index([10.0, 0.0, 5.0])[0])
    assert np.isnan(effective_rain_mm(rain, half_life_h=6)).tolist() == [False, True, True]


@given(rain=arrays(float, (12,), elements=st.floats(0, 100)), extra=arrays(float, (12,), elements=st.floats(0, 50)))
def test_more_rain_never_dries_the_soil(rain, extra) -> None:
    low, high = soil_water_index(rain)[0], soil_water_index(rain + extra)[0]
    assert (high >= low - 1e-9).all()


@given(rain=arrays(float, (12,), elements=st.floats(0, 100)))
def test_index_never_exceeds_the_rain_that_fell(rain) -> None:
    index = soil_water_index(rain)[0]
    assert (index >= 0).all()
    assert (index <= np.cumsum(rain) + 1e-9).all()


def test_half_life_halves() -> None:
    assert effective_rain_mm([8.0, 0, 0, 0], half_life_h=1.5, step_h=1.5).tolist() == [8, 4, 2, 1]
    assert effective_rain_mm([0.0], half_life_h=2, step_h=2, initial_mm=6).tolist() == [3.0]
    with pytest.raises(ValueError, match="half_life_h is 0"):
        effective_rain_mm([1.0], half_life_h=0)


def test_antecedent_index_of_a_day_does_not_depend_on_the_step() -> None:
    daily = antecedent_precipitation_mm([24.0, 0.0], daily_factor=0.85)
    hourly = antecedent_precipitation_mm([0.0] * 23 + [24.0] + [0.0] * 24, daily_factor=0.85, step_h=1)
    assert hourly[-1] == pytest.approx(daily[-1])
    with pytest.raises(ValueError, match=r"daily_factor is 1\.2"):
        antecedent_precipitation_mm([1.0], daily_factor=1.2)


def test_half_lives_together_equal_each_alone() -> None:
    rain = np.random.default_rng(3).gamma(0.4, 5.0, (4, 50))
    found = half_life_indices_mm(rain, axis=1)
    assert found.shape == (len(HALF_LIVES_H), 4, 50)
    for number, half_life in enumerate(HALF_LIVES_H):
        np.testing.assert_allclose(found[number], effective_rain_mm(rain, half_life_h=half_life, axis=1))
    assert (np.diff(found, axis=0) >= -1e-9).all()
