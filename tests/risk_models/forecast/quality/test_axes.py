"""Two axes beside the flag: where a value comes from, and how far it can be relied on."""

from __future__ import annotations

import numpy as np

from risk_models.forecast.quality.axes import (
    Reliability,
    ValueOrigin,
    reliability_of,
)
from risk_models.forecast.quality.flag import flag_gauges
from tests.risk_models.forecast.quality.sample import GAUGE_XY, table


def test_two_axes(rain: np.ndarray) -> None:
    assert reliability_of([1, 2, 3, 4, 9]).tolist() == [0, 3, 1, 2, 9]
    corrected = np.zeros(rain.shape, dtype=np.int8)
    corrected[5, 2] = ValueOrigin.CORRECTED
    flagged = flag_gauges(table(rain, value_origin=corrected), GAUGE_XY)
    assert flagged.value_origin.to_numpy()[5, 2] == ValueOrigin.CORRECTED
    assert flagged.reliability.to_numpy()[5, 2] == Reliability.RELIABLE
    np.testing.assert_array_equal(flagged.reliability, reliability_of(flagged.quality))
