"""Scores of yes/no forecasts: published numbers, then laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from risk_models.scores import Contingency, contingency

# Bureau of Meteorology verification pages, as tested in pysteps; given to four to six decimals.
GOLDEN = {
    "accuracy": 0.832877,
    "bias": 1.142857,
    "pod": 0.780952,
    "far": 0.316667,
    "pofd": 0.146154,
    "csi": 0.573426,
    "hss": 0.608871,
    "hk": 0.6348,
    "gss": 0.437682,
    "sedi": 0.789308,
    "mcc": 0.611707,
    "f1": 0.728889,
}
TABLE = Contingency(hits=82, false_alarms=38, misses=23, correct_negatives=222)
COUNTS = st.builds(
    Contingency,
    hits=st.integers(0, 500),
    false_alarms=st.integers(0, 500),
    misses=st.integers(0, 500),
    correct_negatives=st.integers(0, 500),
)


@pytest.mark.parametrize(("name", "value"), GOLDEN.items())
def test_golden_numbers(name, value):
    assert TABLE.scores()[name] == pytest.approx(value, abs=2e-6)


def test_scores_are_complete():
    assert set(TABLE.scores()) == set(GOLDEN)
    assert TABLE.n == 365
    assert TABLE.base_rate == pytest.approx(105 / 365)


def test_counts_from_pairs():
    forecast = np.repeat([True, True, False, False], [82, 38, 23, 222])
    observed = np.repeat([True, False, True, False], [82, 38, 23, 222])
    assert contingency(forecast, observed) == TABLE


def test_unknown_pairs_are_left_out():
    found = contingency([True, False, False], [True, True, False], known=[True, False, False])
    assert found == Contingency(hits=1, false_alarms=0, misses=0, correct_negatives=0)


def test_nothing_to_judge_is_nan_not_zero():
    empty = contingency([], [])
    assert all(math.isnan(value) for value in empty.scores().values())
    quiet = Contingency(hits=0, false_alarms=0, misses=0, correct_negatives=9)
    assert math.isnan(quiet.pod)
    assert quiet.accuracy == 1.0


@pytest.mark.parametrize(
    ("forecast", "observed", "known", "text"),
    [
        ([1.0, float("nan")], [True, False], None, "forecast must be bool, got float64"),
        ([True], [0], None, "observed must be bool, got int64"),
        ([True, False], [True], None, r"forecast \(2,\), observed \(1,\)"),
        ([True], [True], [True, False], r"known \(2,\)"),
    ],
)
def test_bad_pairs_are_named(forecast, observed, known, text):
    with pytest.raises(ValueError, match=text):
        contingency(forecast, observed, known=known)


def test_negative_count_is_named():
    with pytest.raises(ValueError, match="misses must not be negative, got -1"):
        Contingency(hits=1, false_alarms=1, misses=-1, correct_negatives=1)


@given(COUNTS, st.integers(1, 50))
def test_more_hits_never_lower_pod_csi_and_f1(table, more):
    better = table + Contingency(hits=more, false_alarms=0, misses=0, correct_negatives=0)
    for name in ("pod", "csi", "f1", "accuracy"):
        before = getattr(table, name)
        assert math.isnan(before) or getattr(better, name) >= before
    assert math.isnan(table.far) or better.far <= table.far


@given(COUNTS, st.integers(1, 50))
def test_more_false_alarms_never_raise_csi(table, more):
    worse = table + Contingency(hits=0, false_alarms=more, misses=0, correct_negatives=0)
    assert math.isnan(table.csi) or worse.csi <= table.csi
    assert worse.pod == table.pod or math.isnan(table.pod)


@given(COUNTS)
def test_bounds(table):
    assume(table.n > 0)
    for name in ("accuracy", "pod", "far", "pofd", "csi", "f1"):
        value = getattr(table, name)
        assert math.isnan(value) or 0 <= value <= 1
    for name in ("hss", "hk", "mcc"):
        value = getattr(table, name)
        assert math.isnan(value) or -1 - 1e-12 <= value <= 1 + 1e-12


@given(COUNTS, st.integers(2, 9))
def test_scores_depend_on_shares_only(table, factor):
    many = Contingency(
        hits=factor * table.hits,
        false_alarms=factor * table.false_alarms,
        misses=factor * table.misses,
        correct_negatives=factor * table.correct_negatives,
    )
    for name, value in table.scores().items():
        assert many.scores()[name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30), st.randoms(use_true_random=False))
def test_order_of_pairs_does_not_matter(pairs, random):
    shuffled = random.sample(pairs, len(pairs))

    def count(items):
        return contingency(np.array([f for f, _ in items], dtype=bool), np.array([o for _, o in items], dtype=bool))

    assert count(pairs) == count(shuffled)
    assert count(pairs).n == len(pairs)
