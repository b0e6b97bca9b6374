"""A month of rain for tests of several modules."""

from __future__ import annotations

import numpy as np
import pytest

from tests.risk_models.forecast.quality.sample import GAUGE_XY, STEPS


@pytest.fixture(scope="module")
def rain() -> np.ndarray:
    """A month of hourly rain: storms of some hours, alike at all gauges and never the same."""
    rng = np.random.default_rng(8)
    wet = np.repeat(rng.random(STEPS // 6) < 0.2, 6)[:, np.newaxis]
    common = rng.gamma(1.0, 4.0, (STEPS, 1))
    return np.where(wet, common * rng.uniform(0.6, 1.4, (STEPS, len(GAUGE_XY))) + 0.2, 0.0).round(1)
