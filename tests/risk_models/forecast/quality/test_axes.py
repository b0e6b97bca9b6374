"""Two axes beside the flag: where a value comes from, and how far it can be relied on."""

from __future__ import annotations

import numpy as np

from risk_models.forecast.quality.axes import (
    Reliability,
    ValueOrigin,
    complete_from_neighbours,
    fews_code,
    reliability_of,
)
from risk_models.forecast.quality.flag import flag_gauges
from tests.risk_models.forecast.quality.sample import GAUGE_XY, NAN, table


def test_two_axes(rain: np.ndarray) -> None:
    assert reliability_of([1, 2, 3, 4, 9]).tolist() == [0, 3, 1, 2, 9]
    codes = fews_code([[0, 1, 2], [9, 3, 0]], [[0, 2, 1], [0, 0, 1]])
    assert codes.tolist() == [[0, 5, 7], [9, 3, 1]]
    corrected = np.zeros(rain.shape, dtype=np.int8)
    corrected[5, 2] = ValueOrigin.CORRECTED
    flagged = flag_gauges(table(rain, value_origin=corrected), GAUGE_XY)
    assert flagged.value_origin.to_numpy()[5, 2] == ValueOrigin.CORRECTED
    assert flagged.reliability.to_numpy()[5, 2] == Reliability.RELIABLE
    np.testing.assert_array_equal(flagged.reliability, reliability_of(flagged.quality))


def test_filled_values_are_completed_and_doubtful(rain: np.ndarray) -> None:
    rain = rain.copy()
    rain[:20, 1] = NAN
    flagged = flag_gauges(table(rain), GAUGE_XY)
    full = complete_from_neighbours(flagged, GAUGE_XY)
    assert np.isfinite(full.rain_mm.to_numpy()).all()
    assert (fews_code(full.reliability, full.value_origin)[:20, 1] == 5).all()
    np.testing.assert_array_equal(full.rain_mm[:, [0, 2]], flagged.rain_mm[:, [0, 2]])
    assert np.isnan(flagged.rain_mm.to_numpy()[:20, 1]).all()
