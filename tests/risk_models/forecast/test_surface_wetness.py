"""Surface wetness: what runs off, waits and drains; laws of the own model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from risk_models.forecast.surface_wetness import runoff_coefficient, surface_wetness_mm

RAIN = arrays(float, (24, 3), elements=st.floats(0, 200))
KEYS = {"runoff": [0.9, 0.5, 0.2], "drain_capacity_mm_h": [20.0, 40.0, 10.0]}


def by_hand(rain: np.ndarray, runoff: float, capacity: float, step_h: float, lag_h: float) -> np.ndarray:
    """The two stores and the surface, step by step."""
    share = np.exp(-step_h * 2 / lag_h)
    kept = lag_h / (2 * step_h) * (1 - share)
    first = second = water = 0.0
    result = []
    for value in rain:
        inflow = value * runoff
        before, first = first, share * first + kept * inflow
        passed = before + inflow - first
        before, second = second, share * second + kept * passed
        arrived = before + passed - second
        water = max(water + arrived - capacity * step_h, 0.0)
        result.append(water)
    return np.array(result)


@given(rain=RAIN, lag_h=st.floats(0.1, 3), step_h=st.sampled_from([1 / 6, 1.0]))
def test_equals_the_stores_by_hand(rain: np.ndarray, lag_h: float, step_h: float) -> None:
    ours = surface_wetness_mm(rain, **KEYS, step_h=step_h, lag_h=lag_h)
    for place in range(3):
        runoff, capacity = KEYS["runoff"][place], KEYS["drain_capacity_mm_h"][place]
        np.testing.assert_allclose(ours[:, place], by_hand(rain[:, place], runoff, capacity, step_h, lag_h), atol=1e-8)


@given(rain=RAIN, more=RAIN)
def test_more_rain_is_never_less_wet(rain: np.ndarray, more: np.ndarray) -> None:
    assert (surface_wetness_mm(rain + more, **KEYS) >= surface_wetness_mm(rain, **KEYS) - 1e-9).all()


@given(rain=RAIN)
def test_water_is_kept(rain: np.ndarray) -> None:
    """Without drains everything that runs off is on the surface in the end."""
    dry = np.zeros((60, 3))
    water = surface_wetness_mm(np.concatenate([rain, dry]), runoff=KEYS["runoff"], drain_capacity_mm_h=[0.0] * 3)
    np.testing.assert_allclose(water[-1], (rain * KEYS["runoff"]).sum(axis=0), atol=1e-6)


def test_rain_below_the_drains_leaves_nothing() -> None:
    assert (surface_wetness_mm(np.full((48, 1), 20.0), runoff=[0.9], drain_capacity_mm_h=[18.0]) < 1e-9).all()


def test_members_are_worked_out_together_and_past_is_not_touched_by_future() -> None:
    rain = np.random.default_rng(4).gamma(0.4, 20.0, (5, 30, 3))
    whole = surface_wetness_mm(rain, **KEYS)
    np.testing.assert_allclose(whole[3], surface_wetness_mm(rain[3], **KEYS))
    np.testing.assert_allclose(whole[:, :12], surface_wetness_mm(rain[:, :12], **KEYS))


def test_steep_ground_holds_less() -> None:
    rain = np.full((3, 3), 60.0)
    water = surface_wetness_mm(rain, runoff=0.8, drain_capacity_mm_h=10.0, slope=[0.001, 0.01, 0.1])[-1]
    assert water[0] > water[1] > water[2]


def test_unknown_rain_is_unknown_from_there_on_or_a_lower_bound() -> None:
    rain = np.array([[30.0], [np.nan], [30.0]])
    unknown = surface_wetness_mm(rain, runoff=0.9, drain_capacity_mm_h=5.0)
    assert np.isnan(unknown).ravel().tolist() == [False, True, True]
    bound = surface_wetness_mm(rain, runoff=0.9, drain_capacity_mm_h=5.0, lower_bound=True)
    assert (bound[[0, 2]] > 0).all()


def test_runoff_grows_with_pavement() -> None:
    assert runoff_coefficient([-1.0, 0.0, 1.0, 2.0]).tolist() == pytest.approx([0.2, 0.2, 0.9, 0.9])


def test_wrong_use_is_refused() -> None:
    with pytest.raises(ValueError, match=r"lag_h 0, stores 2, step_h 1\.0; accepted: above 0"):
        surface_wetness_mm(np.ones((2, 1)), runoff=1, drain_capacity_mm_h=1, lag_h=0)
