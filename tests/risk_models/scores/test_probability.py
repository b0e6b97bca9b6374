"""Scores against scikit-learn and the one counter; intervals against what blocks mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.metrics import roc_curve as sklearn_roc

from risk_models.scores import (
    best_threshold,
    chosen_elsewhere,
    contingency,
    difference_table,
    reliability_curve,
    roc_curve,
    score_table,
)


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


def test_skill_is_that_against_the_share_of_events_and_the_ratio_that_of_sums():
    rng = np.random.default_rng(4)
    p = rng.beta(0.5, 4.0, 500)
    observed = rng.random(500) < p
    value = table_of(observed, p)["value"]
    reference = brier_score_loss(observed, np.full(500, observed.mean()))
    assert value["brier_skill"] == pytest.approx(1 - brier_score_loss(observed, p) / reference)
    assert value["total_ratio"] == pytest.approx(p.sum() / observed.sum())


def test_roc_is_that_of_independent_code():
    rng = np.random.default_rng(8)
    p = np.round(rng.random(300), 1)
    observed = rng.random(300) < p
    ours = roc_curve(observed, p)
    pofd, hit, thresholds = sklearn_roc(observed, p, drop_intermediate=False)
    np.testing.assert_allclose(ours["pofd"], pofd)
    np.testing.assert_allclose(ours["pod"], hit)
    np.testing.assert_array_equal(ours["threshold"], thresholds)


def test_a_difference_is_paired():
    """Storms differ far more than the two forecasts do: only draws in common show the small, sure gain."""
    rng = np.random.default_rng(9)
    blocks = np.repeat(np.arange(40), 20)
    difficulty = np.repeat(rng.random(40), 20)
    observed = rng.random(800) < 0.3
    p = np.clip(0.3 + 0.5 * (observed - 0.3) * difficulty + 0.02 * rng.normal(size=800), 0, 1)
    worse = np.clip(p - 0.02 * (observed - 0.3), 0, 1)
    draws = {"blocks": blocks, "n_boot": 200}
    gain = difference_table(observed, p, worse, thresholds=(0.5, 0.5), rng=np.random.default_rng(0), **draws)
    alone = score_table(observed, p, threshold=0.5, rng=np.random.default_rng(0), **draws)
    other = score_table(observed, worse, threshold=0.5, rng=np.random.default_rng(0), **draws)
    brier = gain.loc["brier"]
    assert brier["value"] == pytest.approx(alone.loc["brier", "value"] - other.loc["brier", "value"])
    assert brier["high"] < 0, "better in every draw"
    assert alone.loc["brier", "high"] > other.loc["brier", "low"], "which intervals side by side do not show"


def test_given_edges_keep_what_was_told_and_storms_widen_its_interval():
    rng = np.random.default_rng(5)
    storm = np.repeat(np.arange(30), 50)
    observed = np.repeat(rng.random(30) < 0.3, 50)  # a storm floods all or nothing
    p = np.full(1500, 0.3)
    rows = reliability_curve(observed, p, edges=[0, 0.2, 0.5, 1])
    storms = reliability_curve(observed, p, edges=[0, 0.2, 0.5, 1], blocks=storm, rng=rng)
    assert rows[["probability", "n"]].to_numpy().tolist() == [[pytest.approx(0.3), 1500]]
    assert storms["n_blocks"].tolist() == [30]
    width = [float((curve["high"] - curve["low"]).iloc[0]) for curve in (rows, storms)]
    assert width[1] > 4 * width[0], "thirty storms are not fifteen hundred cases"


def test_a_bin_without_an_event_is_as_sure_as_its_storms_are_many():
    quiet = np.zeros(400, dtype=bool)
    two, forty = (
        reliability_curve(
            quiet, np.full(400, 0.1), blocks=np.arange(400) % n, rng=np.random.default_rng(0), edges=[0, 1]
        )
        for n in (2, 40)
    )
    assert two.loc[0, "high"] > 0.5 > 0.1 > forty.loc[0, "high"]


def test_probabilities_outside_the_edges_are_named():
    with pytest.raises(ValueError, match=r"edges from 0\.0 to 0\.5"):
        reliability_curve([True], [0.7], edges=[0, 0.5])


@given(data=st.data())
@settings(max_examples=40)
def test_what_is_chosen_elsewhere_does_not_know_its_own_storm(data):
    n = data.draw(st.integers(6, 40))
    blocks = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    p = np.array(data.draw(st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.9]), min_size=n, max_size=n)))
    observed = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    said = chosen_elsewhere(observed, p, blocks=blocks)
    own = blocks == blocks[0]
    other = np.where(own, ~observed, observed)
    np.testing.assert_array_equal(chosen_elsewhere(other, p, blocks=blocks)[own], said[own])
    for block in np.unique(blocks):
        mine, rest = blocks == block, blocks != block
        if observed[rest].any():
            np.testing.assert_array_equal(said[mine], p[mine] >= best_threshold(observed[rest], p[rest]))
        else:
            assert np.isnan(said[mine]).all()
