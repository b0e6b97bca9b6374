"""The estimator: contract of scikit-learn, calibration, monotony, missing values, contributions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.utils.estimator_checks import parametrize_with_checks

from risk_models.risk.susceptibility import HotspotFloodClassifier
from risk_models.risk.susceptibility.classifier import BASE, GROUP

N_TREES = 20
LEARNERS = ("blend", "additive", "boosting")


@parametrize_with_checks(
    [HotspotFloodClassifier(n_trees=N_TREES), HotspotFloodClassifier(learner="additive", calibration="isotonic")]
)
def test_keeps_the_contract_of_scikit_learn(estimator, check):
    check(estimator)


def storms(n: int, seed: int) -> pd.DataFrame:
    """Return made-up places and rain: log-odds rise with rain, fall with drains, bend with both."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "rain_1h_mm": rng.gamma(1.0, 20.0, n),
            "drain_mm_h": rng.uniform(20.0, 60.0, n),
            "twi": rng.normal(8.0, 2.0, n),
            "easting_m": rng.uniform(0.0, 20_000.0, n),
            "northing_m": rng.uniform(0.0, 20_000.0, n),
        }
    )
    log_odds = -3.5 + 0.06 * table["rain_1h_mm"] - 0.03 * (table["drain_mm_h"] - 40) + 0.2 * (table["twi"] - 8)
    table["truth"] = expit(log_odds)
    table["flooded"] = rng.random(n) < table["truth"]
    return table


FEATURES = ["rain_1h_mm", "drain_mm_h", "twi"]
MONOTONE = {"rain_1h_mm": 1, "drain_mm_h": -1}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return storms(1500, seed=3)


@pytest.fixture(scope="module", params=LEARNERS)
def fitted(request, table) -> HotspotFloodClassifier:
    holed = table[FEATURES].mask(np.random.default_rng(1).random((len(table), 3)) < 0.1)
    model = HotspotFloodClassifier(learner=request.param, monotone=MONOTONE, n_trees=40)
    return model.fit(holed, table["flooded"])


def test_is_close_to_the_true_probability(table):
    model = HotspotFloodClassifier(monotone=MONOTONE, n_trees=60).fit(table[FEATURES], table["flooded"])
    fresh = storms(4000, seed=4)
    p = model.predict_proba(fresh[FEATURES])[:, 1]
    assert np.abs(p - fresh["truth"]).mean() < 0.04
    assert p.mean() == pytest.approx(fresh["truth"].mean(), abs=0.02)


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("calibration", ["beta", "isotonic"])
def test_is_calibrated_whatever_the_weights(table, balanced, calibration):
    model = HotspotFloodClassifier(balanced=balanced, calibration=calibration, n_trees=N_TREES)
    model.fit(table[FEATURES], table["flooded"])
    fresh = storms(4000, seed=4)
    p = model.predict_proba(fresh[FEATURES])[:, 1]
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 1.0)):
        inside = (p >= low) & (p < high)
        assert p[inside].mean() == pytest.approx(fresh["truth"][inside].mean(), abs=0.08)


def test_without_calibration_balanced_weights_shift_the_probability(table):
    raw = HotspotFloodClassifier(balanced=True, calibration="none", n_trees=N_TREES)
    raw.fit(table[FEATURES], table["flooded"])
    assert raw.predict_proba(table[FEATURES])[:, 1].mean() > table["flooded"].mean() + 0.1


@given(
    rain=st.lists(st.floats(0.0, 500.0), min_size=2, max_size=6),
    drain=st.floats(0.0, 100.0),
    twi=st.one_of(st.floats(0.0, 20.0), st.just(np.nan)),
)
@settings(max_examples=40, deadline=None)
def test_more_rain_never_lowers_and_more_drain_never_raises(fitted, rain, drain, twi):
    rising = pd.DataFrame({"rain_1h_mm": np.sort(rain), "drain_mm_h": drain, "twi": twi})
    assert (np.diff(fitted.decision_function(rising)) >= -1e-9).all()
    draining = pd.DataFrame({"rain_1h_mm": 40.0, "drain_mm_h": np.sort(rain), "twi": twi}, columns=FEATURES)
    assert (np.diff(fitted.decision_function(draining)) <= 1e-9).all()


def test_without_the_constraint_noise_can_bend_the_effect():
    table = storms(300, seed=8)
    free = HotspotFloodClassifier(learner="additive", penalty=0.01).fit(table[FEATURES], table["flooded"])
    steps = pd.DataFrame({"rain_1h_mm": np.linspace(0, 150, 200), "drain_mm_h": 40.0, "twi": 8.0})
    drains = steps.assign(rain_1h_mm=30.0, drain_mm_h=np.linspace(20, 60, 200))
    climbs = np.concatenate([np.diff(free.decision_function(steps)), -np.diff(free.decision_function(drains))])
    assert climbs.min() < -1e-6  # the test above could fail


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_contributions_sum_to_the_log_odds(fitted, seed):
    rng = np.random.default_rng(seed)
    rows = storms(20, seed)[FEATURES].mask(rng.random((20, 3)) < 0.2) * rng.choice([1.0, 5.0])
    parts = fitted.explain(rows)
    assert list(parts.columns) == [BASE, *FEATURES]
    np.testing.assert_allclose(parts.sum(axis=1), fitted.decision_function(rows), atol=1e-8)


def test_contributions_are_shapley_values(table):
    """Brute force over all subsets, against the same reference row."""
    model = HotspotFloodClassifier(n_trees=40, calibration="none").fit(table[FEATURES], table["flooded"])
    row, reference = table[FEATURES].iloc[[7]], table[FEATURES].median()

    def value(*present: str) -> float:
        mixed = row.assign(**{name: reference[name] for name in FEATURES if name not in present})
        return float(model.decision_function(mixed)[0])

    a, b, c = FEATURES
    expected = (
        2 * (value(a) - value())
        + (value(a, b) - value(b))
        + (value(a, c) - value(c))
        + 2 * (value(a, b, c) - value(b, c))
    ) / 6
    assert model.explain(row)[a].iloc[0] == pytest.approx(expected, abs=1e-9)


def test_the_reference_row_has_no_contributions(fitted):
    assert (
        fitted.explain(pd.DataFrame([fitted.core_.reference], columns=FEATURES))[FEATURES].abs().to_numpy().max() == 0
    )


def test_permuting_rows_changes_nothing(table, fitted):
    shuffled = table[FEATURES].sample(frac=1.0, random_state=1)
    direct = pd.Series(fitted.decision_function(table[FEATURES]), index=table.index)
    np.testing.assert_array_equal(fitted.decision_function(shuffled), direct[shuffled.index])


def test_coordinates_make_blocks_but_are_no_features(table):
    named = [*FEATURES, "easting_m", "northing_m"]
    model = HotspotFloodClassifier(coordinates=("easting_m", "northing_m"), learner="additive", block_size_m=4000.0)
    model.fit(table[named], table["flooded"])
    assert list(model.feature_names_in_) == FEATURES
    moved = table[named].assign(easting_m=0.0, northing_m=1e6)
    np.testing.assert_array_equal(model.predict_proba(moved), model.predict_proba(table[named]))
    np.testing.assert_array_equal(model.predict_proba(table[FEATURES]), model.predict_proba(table[named]))


def test_out_of_fold_predictions_have_not_seen_their_block(table):
    """A column that names the block and its outcome helps no row of a block left out."""
    rng = np.random.default_rng(0)
    block = np.arange(len(table)) % 60
    outcome = rng.random(60) < 0.4
    leaky = pd.DataFrame({"block": block.astype(float)})
    model = HotspotFloodClassifier(learner="boosting", n_trees=100, calibration="none")
    by_block = model.fit(leaky, outcome[block], blocks=block).out_of_fold_probability_
    by_chance = HotspotFloodClassifier(**model.get_params()).fit(leaky, outcome[block]).out_of_fold_probability_

    def gap(p: np.ndarray) -> float:
        return float(p[outcome[block]].mean() - p[~outcome[block]].mean())

    assert gap(by_chance) > 0.1 > gap(by_block)


def test_rows_whose_rest_has_one_class_are_unknown_out_of_fold():
    model = HotspotFloodClassifier(learner="additive")
    model.fit([[float(n)] for n in range(20)], [n < 10 for n in range(20)], blocks=[n // 10 for n in range(20)])
    assert np.isnan(model.out_of_fold_probability_).all()
    assert model.predict_proba([[1.0]])[0, 1] > 0.5


def test_all_missing_and_constant_columns_say_nothing(table):
    wider = table[FEATURES].assign(nothing=np.nan, same=7.0)
    model = HotspotFloodClassifier(n_trees=N_TREES).fit(wider, table["flooded"])
    parts = model.explain(wider)
    assert parts[["nothing", "same"]].abs().to_numpy().max() < 1e-12


def test_group_effect_is_part_of_the_explanation(table):
    named = table[FEATURES].assign(hotspot_id=[f"H{n % 9}" for n in range(len(table))])
    flooded = table["flooded"] | (named["hotspot_id"] == "H3") & (table["twi"] > 7)
    model = HotspotFloodClassifier(group="hotspot_id", n_trees=N_TREES).fit(named, flooded)
    parts = model.explain(named)
    np.testing.assert_allclose(parts.sum(axis=1), model.decision_function(named), atol=1e-8)
    assert parts.groupby(named["hotspot_id"])[GROUP].first().idxmax() == "H3"
    assert (model.explain(named.assign(hotspot_id="new"))[GROUP] == 0).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"learner": "forest"}, "learner must be one of blend, additive, boosting, got 'forest'"),
        ({"calibration": "platt"}, "calibration must be 'beta', 'isotonic' or 'none', got 'platt'"),
        ({"monotone": {"rain": 1}}, "monotone names 'rain', which is no feature; features: rain_1h_mm"),
        ({"monotone": [1, 2, 0]}, "monotone must be -1, 0 or 1 for each of 3 features"),
        ({"monotone": [1]}, "monotone must be -1, 0 or 1 for each of 3 features"),
        ({"group": "hotspot_id"}, "X has no column 'hotspot_id'"),
        ({"coordinates": ("east", "north")}, "X has no column 'east'"),
    ],
)
def test_wrong_parameters_are_named(table, parameters, message):
    with pytest.raises(ValueError, match=message):
        HotspotFloodClassifier(n_trees=5, **parameters).fit(table[FEATURES], table["flooded"])


def test_wrong_blocks_are_named(table):
    with pytest.raises(ValueError, match="blocks must have one value for each of 1500 rows"):
        HotspotFloodClassifier().fit(table[FEATURES], table["flooded"], blocks=[1, 2])


def test_one_class_is_named(table):
    with pytest.raises(ValueError, match="nothing can be learned from one class"):
        HotspotFloodClassifier().fit(table[FEATURES], np.ones(len(table)))
