"""Scores against scikit-learn and the counts of the verification room; intervals against what blocks mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from risk_models.risk.susceptibility import best_threshold, reliability_curve, score_table
from risk_models.verification.contingency import contingency


def table_of(observed, p, *, blocks=None, threshold=0.5, n_boot=20, seed=0):
    blocks = np.arange(len(p)) if blocks is None else blocks
    rng = np.random.default_rng(seed)
    return score_table(observed, p, blocks=blocks, threshold=threshold, rng=rng, n_boot=n_boot)


@given(
    pairs=st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 1.0])), min_size=2, max_size=60),
    threshold=st.sampled_from([0.0, 0.2, 0.5, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_values_are_those_of_independent_code(pairs, threshold):
    observed, p = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    if observed.all() or not observed.any():
        observed[0] = not observed[0]
    value = table_of(observed, p, threshold=threshold)["value"]
    assert value["auc"] == pytest.approx(roc_auc_score(observed, p))
    assert value["average_precision"] == pytest.approx(average_precision_score(observed, p))
    assert value["brier"] == pytest.approx(brier_score_loss(observed, p))
    counts = contingency(p >= threshold, observed)
    for name in ("f1", "csi", "pod", "far"):
        assert value[name] == pytest.approx(getattr(counts, name), nan_ok=True)


def test_a_resample_is_the_score_of_the_repeated_rows():
    rng = np.random.default_rng(3)
    observed, p, blocks = rng.random(40) < 0.4, rng.random(40).round(1), np.repeat([0, 1, 2, 3], 10)
    alone = [roc_auc_score(observed[blocks == b], p[blocks == b]) for b in range(4)]
    drawn = table_of(observed, p, blocks=blocks, n_boot=400)
    assert min(alone) - 0.2 < drawn.loc["auc", "low"] < drawn.loc["auc", "value"] < drawn.loc["auc", "high"]


def test_rows_of_one_storm_are_one_piece_of_evidence():
    """The same rows ten times over: nothing learned, so the interval by block must not shrink."""
    rng = np.random.default_rng(5)
    p = rng.random(60)
    observed = rng.random(60) < p
    block = np.arange(60)
    once = table_of(observed, p, blocks=block, n_boot=200)
    copies = table_of(np.tile(observed, 10), np.tile(p, 10), blocks=np.tile(block, 10), n_boot=200)
    as_rows = table_of(np.tile(observed, 10), np.tile(p, 10), n_boot=200)
    width = {name: float(t.loc["auc", "high"] - t.loc["auc", "low"]) for name, t in
             (("once", once), ("copies", copies), ("rows", as_rows))}  # fmt: skip
    assert width["copies"] == pytest.approx(width["once"])
    assert width["rows"] < 0.6 * width["once"]


def test_no_event_is_not_a_score():
    table = table_of([False, False], [0.1, 0.4])
    assert table.loc[["auc", "average_precision", "csi"]].isna().all(axis=None)
    assert table.loc["brier", "value"] == pytest.approx((0.01 + 0.16) / 2)
    assert table.attrs == {"n_rows": 2, "n_events": 0, "n_blocks": 2}


@given(pairs=st.lists(st.tuples(st.booleans(), st.floats(0.0, 1.0)), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_no_threshold_is_better_than_the_best(pairs):
    observed, p = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    best = best_threshold(observed, p)
    if not observed.any():
        assert best == 1.0
        return
    reached = contingency(p >= best, observed).csi
    assert all(contingency(p >= other, observed).csi <= reached + 1e-12 for other in p)


def test_reliability_of_true_probabilities():
    rng = np.random.default_rng(6)
    p = rng.beta(0.5, 4.0, 20_000)
    curve = reliability_curve(rng.random(20_000) < p, p)
    assert len(curve) == 10
    assert curve["n"].sum() == 20_000
    assert (np.diff(curve["probability"]) > 0).all()
    assert ((curve["low"] - 0.02 <= curve["probability"]) & (curve["probability"] <= curve["high"] + 0.02)).all()


def test_reliability_of_equal_probabilities_is_one_bin():
    curve = reliability_curve([True, False, False, False], np.full(4, 0.25))
    assert curve[["probability", "frequency", "n"]].to_numpy().tolist() == [[0.25, 0.25, 4.0]]


@pytest.mark.parametrize(
    ("observed", "p", "message"),
    [([True], [0.1, 0.2], "equally long"), ([], [], "not empty"), ([True, False], [0.1, np.nan], "row 1 is NaN")],
)
def test_bad_inputs_are_named(observed, p, message):
    with pytest.raises(ValueError, match=message):
        table_of(observed, p)
