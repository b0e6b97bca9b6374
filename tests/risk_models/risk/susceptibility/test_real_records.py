"""Floors of skill on real records; the whole tables come from ``python -m benchmarks.bench_susceptibility``."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.bench_susceptibility import (
    NYC_COLUMNS,
    RISING,
    bangladesh,
    cross_predict,
    erqi,
    fixed_rule,
    nyc,
    published_fold,
    rain_signal,
)
from risk_models.risk.susceptibility import HotspotFloodClassifier, LeaveOneStormOut


def test_bangladesh_on_the_published_fold(shared_data):
    """Published: random forest AUC 0.627, gradient boosting 0.626."""
    problem = bangladesh(shared_data)
    train, test = published_fold(problem)
    columns = [name for name in problem.features if name not in ("easting_m", "northing_m")]
    model = HotspotFloodClassifier(n_trees=80, calibration_folds=3)
    model.fit(problem.features.iloc[train][columns], problem.flooded[train], blocks=problem.blocks[train])
    p = model.predict_proba(problem.features.iloc[test][columns])[:, 1]
    assert not set(problem.blocks[train]) & set(problem.blocks[test])
    assert roc_auc_score(problem.flooded[test], p) > 0.63
    assert p.mean() == pytest.approx(problem.flooded[test].mean(), abs=0.06)


@pytest.fixture(scope="module")
def later_storms(shared_data):
    problem = nyc(shared_data, lead_h=0)
    is_late = (problem.features["start"] >= pd.Timestamp("2024-07-01")).to_numpy()
    columns = [*NYC_COLUMNS, "sensor_id"]
    model = HotspotFloodClassifier(group="sensor_id", monotone=RISING, n_trees=40, calibration_folds=3)
    model.fit(problem.features.loc[~is_late, columns], problem.flooded[~is_late], blocks=problem.blocks[~is_late])
    late = problem.features[is_late]
    return late, problem.flooded[is_late], model.predict_proba(late[columns])[:, 1], model


def test_new_york_later_storms(later_storms):
    late, flooded, p, _ = later_storms
    assert flooded.sum() == 25
    assert roc_auc_score(flooded, p) > max(0.85, roc_auc_score(flooded, fixed_rule(late)) + 0.03)
    assert roc_auc_score(flooded, rain_signal(late)) < 0.6  # city-wide forecasts never reached a signal
    assert average_precision_score(flooded, p) > 10 * flooded.mean()
    assert 0.2 < p.sum() / flooded.sum() < 5.0


def test_new_york_more_rain_never_lowers_the_probability(later_storms):
    late, _, p, model = later_storms
    some = late.iloc[::97]
    rain = [name for name in RISING if name.startswith("fc_")]
    wetter = some.assign(**{name: some[name] * 1.5 + 2.0 for name in rain})
    columns = [*NYC_COLUMNS, "sensor_id"]
    assert (model.predict_proba(wetter[columns])[:, 1] >= p[::97] - 1e-12).all()


def test_new_york_counts_only_sensors_that_stood(shared_data):
    problem = nyc(shared_data, lead_h=24)
    sensors = pd.read_csv(shared_data / "nyc_floodnet" / "sensors.csv").set_index("sensor_id")
    since = pd.to_datetime(problem.features["sensor_id"].map(sensors["date_installed"]))
    assert (since <= problem.features["start"]).all()
    assert problem.features["fc_1h_worst_mm"].max() <= 25.0


def test_erqi_one_storm_left_out(erqi_path):
    """Thirty recorded floods, rain known for a few storms only: calibrated, hardly better than chance."""
    problem, storms = erqi(erqi_path)
    folds = list(LeaveOneStormOut().split(problem.features, groups=storms))
    assert len(folds) >= 10
    assert 25 <= problem.flooded.sum() <= 60
    columns = list(problem.features)
    p, _ = cross_predict(
        problem, folds, lambda: HotspotFloodClassifier(group="hotspot_id", monotone={"rain_mm_h": 1}, n_trees=40),
        columns=columns, with_blocks=True,
    )  # fmt: skip
    assert roc_auc_score(problem.flooded, p) > 0.4
    assert np.mean(p) == pytest.approx(problem.flooded.mean(), abs=0.05)
