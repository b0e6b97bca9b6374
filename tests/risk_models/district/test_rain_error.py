"""How far rain may be off: what is assumed, and that unknown lead never means near."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.district.rain_error import LEAD_H, SOURCES, RainError
from risk_models.forecast.rainfall import Origin


def test_rows_are_the_origins_of_rain() -> None:
    assert tuple(origin.name.lower() for origin in Origin) == SOURCES


@given(st.sampled_from(list(Origin)), st.floats(-72, 400), st.floats(-72, 400))
def test_a_longer_lead_is_never_surer(origin: Origin, first: float, second: float) -> None:
    near, far = RainError.prior().log_sd(origin, sorted([first, second]))
    assert 0 < near <= far


def test_unknown_lead_is_taken_for_the_longest() -> None:
    prior = RainError.prior()
    assert prior.log_sd(Origin.FORECAST, np.nan) == prior.log_sd(Origin.FORECAST, LEAD_H[-1])


def test_the_end_of_a_class_belongs_to_it() -> None:
    own = RainError(log_sds=(tuple(np.arange(1.0, 7.0)),) * 4)
    assert own.log_sd(Origin.FORECAST, LEAD_H).tolist() == [1, 2, 3, 4, 5, 6]
    assert own.log_sd(Origin.FORECAST, np.add(LEAD_H, 0.01)).tolist() == [2, 3, 4, 5, 6, 6]


def test_shapes_are_broadcast() -> None:
    found = RainError.prior().log_sd(np.array([[0], [2]]), np.arange(1, 6))
    assert found.shape == (2, 5)


@pytest.mark.parametrize("stray", [-1, 4])
def test_an_origin_that_is_none_is_refused(stray: int) -> None:
    with pytest.raises(ValueError, match=f"origin {stray} is none of 0 to 3"):
        RainError.prior().log_sd([0, stray], 1)
