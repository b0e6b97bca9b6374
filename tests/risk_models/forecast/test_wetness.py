"""Soil water index: reference values, state hand-over, unknown rain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from risk_models.forecast.wetness import _run_tanks, soil_water_index

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


@given(rain=arrays(float, (12,), elements=st.floats(0, 100)), extra=arrays(float, (12,), elements=st.floats(0, 50)))
def test_more_rain_never_dries_the_soil(rain, extra) -> None:
    low, high = soil_water_index(rain)[0], soil_water_index(rain + extra)[0]
    assert (high >= low - 1e-9).all()


@given(rain=arrays(float, (12,), elements=st.floats(0, 100)))
def test_index_never_exceeds_the_rain_that_fell(rain) -> None:
    index = soil_water_index(rain)[0]
    assert (index >= 0).all()
    assert (index <= np.cumsum(rain) + 1e-9).all()
