"""Variogram models and their pooled fit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from risk_models.forecast.variogram import DEFAULT_RANGE_M, correlation, fit_range_m, fit_variogram

RNG = np.random.default_rng(5)
POINTS = RNG.uniform(0, 60_000, (60, 2))


def fields(range_m: float, nugget: float, steps: int = 300) -> np.ndarray:
    covariance = (1 - nugget) * np.exp(-3 * cdist(POINTS, POINTS) / range_m) + nugget * np.eye(60)
    return RNG.multivariate_normal(np.full(60, 10.0), covariance, size=steps)


def test_nugget_and_range_are_found_again() -> None:
    found = fit_variogram(POINTS, fields(30_000, 0.3), variogram="exponential")
    assert 0.2 <= found.nugget <= 0.4
    assert 18_000 < found.range_m < 45_000
    assert (found.steps, found.pairs) == (300, 1770)


def test_without_nugget_it_is_the_range_of_fit_range_m() -> None:
    rain = fields(25_000, 0.0)
    found = fit_variogram(POINTS, rain, variogram="spherical", with_nugget=False)
    assert found.range_m == fit_range_m(POINTS, rain, variogram="spherical")
    assert found.nugget == 0


def test_better_model_wins_and_gaps_are_left_out() -> None:
    rain = fields(25_000, 0.1)
    rain[RNG.random(rain.shape) < 0.2] = np.nan
    best = fit_variogram(POINTS, rain)
    both = [fit_variogram(POINTS, rain, variogram=kind) for kind in ("exponential", "spherical")]
    assert best.rmse == min(fit.rmse for fit in both)


def test_pooled_pairs_equal_the_plain_sum() -> None:
    rain = fields(20_000, 0.0, steps=12)
    rain[3, 5:9] = np.nan
    scaled = rain / np.nanstd(rain, axis=1, keepdims=True)
    first, second = np.triu_indices(60, k=1)
    gamma = np.nanmean(0.5 * (scaled[:, first] - scaled[:, second]) ** 2, axis=0)
    from risk_models.forecast.variogram import _pooled

    pooled = _pooled(POINTS, rain)
    assert pooled is not None
    np.testing.assert_allclose(pooled.gamma, gamma, rtol=1e-6, atol=1e-8)


def test_defaults_where_data_cannot_tell() -> None:
    found = fit_variogram(POINTS[:4], np.ones((50, 4)))
    assert (found.variogram, found.range_m, found.nugget, found.steps) == ("exponential", DEFAULT_RANGE_M, 0.0, 0)
    assert np.isnan(found.rmse)


@pytest.mark.parametrize("variogram", ["exponential", "spherical"])
def test_correlation_falls_from_one(variogram) -> None:
    values = correlation(np.linspace(0, 30_000, 50), 20_000.0, variogram)
    assert values[0] == 1
    assert (np.diff(values) <= 0).all()
    assert values[-1] >= 0
