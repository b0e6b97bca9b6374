"""Quality tests of one gauge alone: what each finds, and what it says nothing of."""

from __future__ import annotations

import numpy as np

from risk_models.forecast.quality.flag import gap_test, gross_range_test, rate_test, spike_test

NAN = np.nan


def series(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, np.newaxis]


def test_gap_of_one_sample_is_a_flag_and_no_crash() -> None:
    assert gap_test(series(NAN)).tolist() == [[9]]
    assert gap_test(series(0)).tolist() == [[1]]


def test_gross_range_fails_only_what_cannot_be_rain() -> None:
    assert gross_range_test(series(0, 401, 401.1, -0.1, np.inf, NAN)).ravel().tolist() == [1, 1, 4, 4, 4, 9]


def test_rate_looks_across_missing_values() -> None:
    assert rate_test(series(1, NAN, 500)).ravel().tolist() == [2, 9, 3]


def test_rate_says_not_evaluated_where_the_last_value_is_too_old() -> None:
    assert rate_test(series(1, *[NAN] * 7, 500)).ravel().tolist() == [2, *[9] * 7, 2]


def test_first_and_last_samples_are_not_evaluated_as_spikes() -> None:
    assert spike_test(series(200, 0, 200)).ravel().tolist() == [2, 1, 2]
    assert spike_test(series(0, 200)).ravel().tolist() == [2, 2]


def test_spike_is_found_between_valid_values() -> None:
    assert spike_test(series(2, NAN, 90, NAN, 1)).ravel().tolist() == [2, 9, 3, 9, 2]
    assert spike_test(series(2, 90, 80, 1)).ravel().tolist() == [2, 1, 1, 2]
