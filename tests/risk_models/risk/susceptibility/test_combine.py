"""The rule by which physics and record are combined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.risk.susceptibility import combine_probabilities, learned_weight

P = st.floats(0.0, 1.0)
N = st.integers(0, 5000)


@given(p=P, q=P)
def test_without_history_physics_rules_exactly(p, q):
    assert combine_probabilities([p], [q], n_events=0).tolist() == [p]


@given(p=st.lists(P, min_size=2, max_size=8), q=P, n=N)
@settings(deadline=None)
def test_never_falls_when_either_rises(p, q, n):
    rising = np.sort(p)
    assert (np.diff(combine_probabilities(rising, q, n_events=n)) >= -1e-12).all()
    assert (np.diff(combine_probabilities(q, rising, n_events=n)) >= -1e-12).all()


@given(p=st.floats(0.003, 0.997), q=st.floats(0.003, 0.997), n=st.integers(1, 5000))
def test_lies_between_the_two(p, q, n):
    both = combine_probabilities([p], [q], n_events=n)[0]
    assert min(p, q) - 1e-12 <= both <= max(p, q) + 1e-12


@given(p=st.floats(0.003, 0.997), q=P, n=N)
def test_the_record_never_more_than_halves_the_odds(p, q, n):
    both = combine_probabilities([p], [q], n_events=n)[0]
    assert both / (1 - both) >= 0.5 * p / (1 - p) * (1 - 1e-9)


def test_much_history_nearly_rules_upwards():
    assert combine_probabilities([0.01], [0.6], n_events=20_000)[0] == pytest.approx(0.6, abs=0.01)


def test_unknown_rain_stays_unknown_and_a_silent_record_changes_nothing():
    both = combine_probabilities([np.nan, 0.4], [0.9, np.nan], n_events=100)
    assert np.isnan(both[0])
    assert both[1] == 0.4


def test_counts_may_differ_between_hotspots():
    both = combine_probabilities([0.2, 0.2], [0.8, 0.8], n_events=[0, 100])
    assert both == pytest.approx([0.2, 0.5])
    assert learned_weight(100).item() == 0.5


@pytest.mark.parametrize(
    ("p", "q", "n", "cut", "message"),
    [
        (1.2, 0.5, 1, 2.0, "physical probability 1.2 is not within 0..1"),
        (0.2, -0.1, 1, 2.0, "learned probability -0.1 is not within 0..1"),
        (0.2, 0.1, -1, 2.0, "n_events must be >= 0"),
        (0.2, 0.1, 1, 0.5, "largest_cut must be at least 1, got 0.5"),
    ],
)
def test_bad_inputs_are_named(p, q, n, cut, message):
    with pytest.raises(ValueError, match=message):
        combine_probabilities([p], [q], n_events=n, largest_cut=cut)
