"""Limits follow the step, and records rise with it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.forecast.quality.flag import QualityLimits, flag_gauges
from risk_models.forecast.quality.limits import record_mm
from tests.risk_models.forecast.quality.sample import table


def test_limits_follow_the_step() -> None:
    quick = QualityLimits.for_step(1 / 6)
    assert quick.max_mm == record_mm(1 / 6) < 198
    assert quick.window_steps == 6 * QualityLimits().window_steps
    # A storm that crosses the gauges in ten minutes is no clock that is wrong: a day of rain is needed at any step.
    assert quick.window_wet == 6 * QualityLimits().window_wet
    assert QualityLimits.for_step(1 / 6, monthly_dry_h=[50.0] * 12).monthly_dry_steps == pytest.approx((300.0,) * 12)
    months = QualityLimits.for_step(1 / 6, monthly_max_mm=[None] * 6 + [80.0] + [None] * 5).monthly_max_mm
    assert months is not None
    assert months[6] == pytest.approx(80.0 * record_mm(1 / 6) / record_mm(1.0))
    assert np.isnan(months[0])
    ten_minutes = flag_gauges(table(np.array([[1.0], [190.0]]), step_min=10), [[0, 0]])
    assert ten_minutes.quality.to_numpy()[1, 0] == 4
    hourly = flag_gauges(table(np.array([[1.0], [190.0]])), [[0, 0]])
    assert hourly.quality.to_numpy()[1, 0] == 3


@given(st.floats(1 / 60, 72), st.floats(1 / 60, 72))
def test_records_rise_with_the_step(first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert record_mm(low) <= record_mm(high) * (1 + 1e-9)
