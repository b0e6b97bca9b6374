"""Quality tests among neighbours: stuck values, buddies, units, clocks."""

from __future__ import annotations

import numpy as np

from risk_models.forecast.quality.flag import buddy_test, flat_line_test

SQUARE = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [2, 1]]) * 3000.0
NAN = np.nan


def series(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, np.newaxis]


def test_stuck_value_is_caught_with_defaults() -> None:
    assert (flat_line_test(series(*[3.2] * 48)) == 4).all()
    assert (flat_line_test(series(1, *[3.2] * 4, 1)).ravel() == [1, 3, 3, 3, 3, 1]).all()


def test_drizzle_may_repeat() -> None:
    assert (flat_line_test(series(*[0.1] * 48)) == 1).all()


def test_dry_without_neighbours_is_not_evaluated() -> None:
    assert (flat_line_test(series(*[0] * 48)) == 2).all()


def test_dry_is_good_among_dry_and_suspect_among_wet() -> None:
    rain = np.zeros((6, 5))
    assert (flat_line_test(rain, SQUARE) == 1).all()
    rain[:, 1:] = np.arange(30.0).reshape(6, 5)[:, 1:] + 6
    flags = flat_line_test(rain, SQUARE)
    assert (flags[:, 0] == 3).all()
    assert (flags[:, 1:] == 1).all()


def test_two_samples_are_not_evaluated_for_a_flat_line() -> None:
    assert flat_line_test(series(3, 4)).ravel().tolist() == [2, 2]


def test_buddies_too_few_is_not_passed() -> None:
    assert (buddy_test(np.full((2, 3), 5.0), SQUARE[:3]) == 2).all()
    assert (buddy_test(np.full((2, 5), 5.0), SQUARE * 100) == 2).all()
    assert (buddy_test(np.full((2, 5), 5.0), SQUARE) == 1).all()


def test_buddies_find_ten_times_the_rain_and_a_blocked_gauge() -> None:
    rain = np.array([[8.0, 9, 90, 7, 8], [8.0, 0, 9, 7, 8], [NAN, 9, 8, 7, 8]])
    assert buddy_test(rain, SQUARE).tolist() == [[1, 1, 3, 1, 1], [1, 3, 1, 1, 1], [9, 1, 1, 1, 1]]


def test_gauges_on_one_spot_are_each_others_neighbours() -> None:
    assert (buddy_test(np.full((1, 4), 5.0), np.zeros((4, 2))) == 1).all()
