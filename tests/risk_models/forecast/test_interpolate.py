"""Kriging: exactness, laws, oracle, and skill on real gauges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.base import clone

from risk_models.forecast.interpolate import DEFAULT_RANGE_M, GaugeKriging, fit_range_m

RNG = np.random.default_rng(11)
GAUGES = RNG.uniform(0, 20_000, (12, 2))
TARGETS = RNG.uniform(0, 20_000, (40, 2))
RAIN = RNG.gamma(0.7, 10.0, (6, 12))


@pytest.mark.parametrize("variogram", ["exponential", "spherical"])
def test_gauges_meet_their_own_value(variogram) -> None:
    rain, std = GaugeKriging(variogram, range_m=15_000).fit(GAUGES, RAIN).predict_with_std(GAUGES)
    np.testing.assert_allclose(rain, RAIN, atol=1e-9)
    np.testing.assert_allclose(std, 0, atol=1e-5)


def test_nugget_smooths() -> None:
    model = GaugeKriging(range_m=15_000, nugget=0.3).fit(GAUGES, RAIN)
    assert np.abs(model.predict(GAUGES) - RAIN).max() > 1
    assert model.predict(GAUGES).std() < RAIN.std()


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 15))
@settings(max_examples=40)
def test_weights_sum_to_one(seed: int, count: int) -> None:
    gauges = np.random.default_rng(seed).uniform(0, 30_000, (count, 2))
    weights, variance = GaugeKriging(range_m=12_000).fit(gauges, np.ones((1, count))).weights(TARGETS)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    assert (variance >= 0).all()


@given(order=st.permutations(range(12)))
@settings(max_examples=20)
def test_order_of_gauges_changes_nothing(order) -> None:
    rain = RAIN.copy()
    rain[2, 3] = np.nan
    model = GaugeKriging(range_m=15_000)
    plain = model.fit(GAUGES, rain).predict(TARGETS)
    np.testing.assert_allclose(model.fit(GAUGES[order], rain[:, order]).predict(TARGETS), plain, atol=1e-9)


@given(factor=st.floats(0.01, 20))
@settings(max_examples=20)
def test_scaling_the_rain_scales_field_and_spread(factor: float) -> None:
    model = GaugeKriging()
    rain, std = model.fit(GAUGES, RAIN).predict_with_std(TARGETS)
    scaled_rain, scaled_std = model.fit(GAUGES, RAIN * factor).predict_with_std(TARGETS)
    np.testing.assert_allclose(scaled_rain, rain * factor, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(scaled_std, std * factor, rtol=1e-9, atol=1e-9)


def test_patterns_of_missing_gauges_equal_step_by_step() -> None:
    rain = np.where(RNG.random(RAIN.shape) < 0.3, np.nan, RAIN)
    together = GaugeKriging(range_m=15_000).fit(GAUGES, rain).predict(TARGETS)
    for step in range(len(rain)):
        known = np.isfinite(rain[step])
        single = GaugeKriging(range_m=15_000).fit(GAUGES[known], rain[step : step + 1, known])
        np.testing.assert_allclose(together[step], single.predict(TARGETS)[0], atol=1e-9)


def test_equals_the_variogram_form_solved_alone() -> None:
    """Oracle: the textbook system in variogram form for one target."""
    gamma = 1 - np.exp(-3 * cdist(GAUGES, GAUGES) / 15_000)
    system = np.block([[gamma, np.ones((12, 1))], [np.ones((1, 12)), np.zeros((1, 1))]])
    right = np.append(1 - np.exp(-3 * cdist(GAUGES, TARGETS[:1]) / 15_000).ravel(), 1)
    solution = np.linalg.solve(system, right)
    weights, variance = GaugeKriging(range_m=15_000).fit(GAUGES, RAIN).weights(TARGETS[:1])
    np.testing.assert_allclose(weights[0], solution[:12], atol=1e-10)
    assert variance[0] == pytest.approx(solution @ right)


def test_few_gauges_fall_back_and_say_so() -> None:
    rain = RAIN.copy()
    rain[1, 4:] = np.nan
    rain[2] = np.nan
    model = GaugeKriging(range_m=15_000).fit(GAUGES, rain)
    assert model.method_.tolist() == ["kriging", "inverse_distance", "none", *["kriging"] * 3]
    result, std = model.predict_with_std(np.vstack([TARGETS, GAUGES[:1]]))
    assert np.isnan(result[2]).all()
    assert np.isnan(std[2]).all()
    assert result[1, -1] == rain[1, 0]
    assert (result[1] >= rain[1, :4].min()).all()
    assert (result[1] <= rain[1, :4].max()).all()


def test_one_gauge_has_no_known_spread() -> None:
    rain, std = GaugeKriging().fit([[0.0, 0.0]], [[7.0]]).predict_with_std(TARGETS)
    assert (rain == 7).all()
    assert np.isnan(std).all()


def test_negative_results_are_dry() -> None:
    line = np.column_stack([np.arange(6) * 1000.0, np.zeros(6)])
    model = GaugeKriging("spherical", range_m=1e6).fit(line, [[100.0, 0, 0, 0, 0, 0]])
    targets = np.array([[2500.0, 0.0], [1500.0, 0.0], [1200.0, 900.0], [3000.0, 500.0]])
    weights, _ = model.weights(targets)
    assert (weights < 0).any()
    assert (model.predict(targets) >= 0).all()


def test_gauges_on_one_spot_share_their_weight() -> None:
    gauges = np.vstack([GAUGES, GAUGES[:1]])
    weights, _ = GaugeKriging(range_m=15_000).fit(gauges, np.ones((1, 13))).weights(TARGETS)
    np.testing.assert_allclose(weights[:, 0], weights[:, 12], atol=1e-9)
    np.testing.assert_allclose(weights.sum(axis=1), 1)


def test_range_is_found_again() -> None:
    rng = np.random.default_rng(5)
    points = rng.uniform(0, 60_000, (60, 2))
    covariance = np.exp(-3 * cdist(points, points) / 25_000)
    field = rng.multivariate_normal(np.full(60, 10.0), covariance, size=200)
    assert 15_000 < fit_range_m(points, field) < 40_000


def test_range_is_the_default_where_data_cannot_tell() -> None:
    assert fit_range_m(GAUGES, RAIN) == DEFAULT_RANGE_M
    assert fit_range_m(GAUGES, np.zeros((50, 12))) == DEFAULT_RANGE_M
    assert fit_range_m(GAUGES, np.full((3, 12), np.nan)) == DEFAULT_RANGE_M


def test_behaves_as_an_estimator() -> None:
    model = GaugeKriging("spherical", range_m=9000.0, nugget=0.1)
    assert clone(model).get_params() == {"variogram": "spherical", "range_m": 9000.0, "nugget": 0.1}
    with pytest.raises(Exception, match="not fitted"):
        model.predict(TARGETS)


@pytest.mark.parametrize(
    ("options", "gauges", "text"),
    [
        ({"nugget": 1.0}, GAUGES, "nugget must be from 0 to below 1"),
        ({"range_m": 0.0}, GAUGES, "range_m above 0"),
        ({"variogram": "gaussian"}, GAUGES, "variogram is 'gaussian'; accepted: exponential, spherical"),
        ({}, GAUGES[:3], r"rain_mm has shape \(6, 12\); accepted: \(time, 3\)"),
        ({}, GAUGES * np.nan, "gauge_xy must be finite"),
    ],
)
def test_wrong_use_is_refused(options: dict, gauges: np.ndarray, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        GaugeKriging(**options).fit(gauges, RAIN)


def test_no_gauge_is_refused() -> None:
    with pytest.raises(ValueError, match="no gauge is available"):
        GaugeKriging().fit(GAUGES, RAIN).weights(TARGETS, np.zeros(12, bool))


def test_skill_on_real_gauges(shared_data: Path) -> None:
    """SIC97: 100 Swiss gauges predict 367 others; reference: kriging RMSE 5.52 mm, inverse distance 6.87 mm."""
    table = np.genfromtxt(shared_data / "sic97" / "sic97.csv", delimiter=",", names=True)
    points = np.column_stack([table["x_m"], table["y_m"]])
    known = table["train"] == 1
    model = GaugeKriging("spherical", range_m=80_000).fit(points[known], table["rain_mm"][known][np.newaxis])
    error = model.predict(points[~known])[0] - table["rain_mm"][~known]
    assert np.sqrt(np.mean(error**2)) < 5.55
