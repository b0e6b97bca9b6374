"""Variogram models and their pooled fit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from risk_models.forecast.variogram import DEFAULT_RANGE_M, correlation, fit_range_m

RNG = np.random.default_rng(5)
POINTS = RNG.uniform(0, 60_000, (60, 2))


def fields(range_m: float, steps: int = 300) -> np.ndarray:
    covariance = np.exp(-3 * cdist(POINTS, POINTS) / range_m)
    return RNG.multivariate_normal(np.full(60, 10.0), covariance, size=steps)


def test_range_is_found_again_also_where_values_are_missing() -> None:
    rain = fields(30_000)
    assert 18_000 < fit_range_m(POINTS, rain) < 45_000
    rain[RNG.random(rain.shape) < 0.2] = np.nan
    assert 18_000 < fit_range_m(POINTS, rain) < 45_000


def test_pooled_pairs_equal_the_plain_sum() -> None:
    rain = fields(20_000, steps=12)
    rain[3, 5:9] = np.nan
    scaled = rain / np.nanstd(rain, axis=1, keepdims=True)
    first, second = np.triu_indices(60, k=1)
    gamma = np.nanmean(0.5 * (scaled[:, first] - scaled[:, second]) ** 2, axis=0)
    from risk_models.forecast.variogram import _pooled

    pooled = _pooled(POINTS, rain)
    assert pooled is not None
    np.testing.assert_allclose(pooled.gamma, gamma, rtol=1e-6, atol=1e-8)


def test_defaults_where_data_cannot_tell() -> None:
    assert fit_range_m(POINTS[:4], np.ones((50, 4))) == DEFAULT_RANGE_M


@pytest.mark.parametrize("variogram", ["exponential", "spherical"])
def test_correlation_falls_from_one(variogram) -> None:
    values = correlation(np.linspace(0, 30_000, 50), 20_000.0, variogram)
    assert values[0] == 1
    assert (np.diff(values) <= 0).all()
    assert values[-1] >= 0
