"""Likelihood, matrix, level and score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.levels import Level
from risk_models.risk.impact import CLASS_WEIGHTS, apply_matrix, class_probabilities, likelihood_class
from risk_models.standards import load_standards

STANDARDS = load_standards()
BANDS = np.array([band.p_min for band in STANDARDS.likelihood_bands("fgs-bands")])
MATRIX = STANDARDS.risk_matrix("wuyu-4x4")
ORDERED = st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3).map(lambda p: sorted(p, reverse=True))


def test_weights_make_a_whole() -> None:
    assert CLASS_WEIGHTS.sum() == pytest.approx(1.0)
    assert (np.diff(CLASS_WEIGHTS) > 0).all()


def test_a_certain_severe_impact_is_red_and_full_score() -> None:
    found = apply_matrix(np.ones((1, 3)), MATRIX, BANDS)
    assert found.level[0] == Level.RED
    assert found.score[0] == pytest.approx(100.0)
    assert (found.likelihood[0], found.impact[0]) == (3, 3)


def test_an_impossible_impact_decides_nothing() -> None:
    found = apply_matrix(np.zeros((1, 3)), MATRIX, BANDS)
    assert found.level[0] == Level.NONE
    assert found.score[0] == 0.0
    assert found.impact[0] == 0


def test_of_equal_levels_the_graver_impact_is_named() -> None:
    found = apply_matrix(np.array([[1.0, 0.3, 0.0]]), MATRIX, BANDS)
    by_class = [int(MATRIX.level(3, 1)), int(MATRIX.level(1, 2))]
    assert found.level[0] == max(by_class)
    assert found.impact[0] == (2 if by_class[1] >= by_class[0] else 1)


def test_probabilities_count_outcomes_at_or_above() -> None:
    peaks = np.array([[0.05, 0.15, 0.5, 0.5]])
    p = class_probabilities(peaks, np.array([[0.05, 0.15, 0.5]]))
    assert p.tolist() == [[1.0, 0.75, 0.5]]


@pytest.mark.parametrize(("p", "row"), [(0.0, 0), (0.1999, 0), (0.2, 1), (0.4, 2), (0.6, 3), (1.0, 3)])
def test_likelihood_bands_begin_at_their_minimum(p: float, row: int) -> None:
    assert likelihood_class(np.array([p]), BANDS)[0] == row


@settings(max_examples=200)
@given(low=ORDERED, high=ORDERED)
def test_law_score_and_level_rise_with_every_probability(low: list[float], high: list[float]) -> None:
    a = np.array([low])
    b = np.maximum(a, np.array([high]))
    less, more = apply_matrix(a, MATRIX, BANDS), apply_matrix(b, MATRIX, BANDS)
    assert more.level[0] >= less.level[0]
    assert more.score[0] >= less.score[0] - 1e-9


@settings(max_examples=200)
@given(p=ORDERED)
def test_law_level_is_a_step_function_of_the_score(p: list[float]) -> None:
    found = apply_matrix(np.array([p]), MATRIX, BANDS)
    assert found.level[0] == min(int(found.score[0] // 20), Level.RED)
    assert 0.0 <= found.score[0] <= 100.0
