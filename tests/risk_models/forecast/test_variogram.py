"""The fit of variograms by likelihood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal

from risk_models.forecast.kriging_system import Covariance, KrigingSystem
from risk_models.forecast.variogram_fit import DEFAULT_PRIOR, VariogramPrior, fit_variogram

RNG = np.random.default_rng(5)
POINTS = RNG.uniform(0, 60_000, (60, 2))


def fields(range_m: float, steps: int = 300, nugget: float = 0.0) -> np.ndarray:
    covariance = (1 - nugget) * np.exp(-3 * cdist(POINTS, POINTS) / range_m) + nugget * np.eye(60)
    return np.random.default_rng(7).multivariate_normal(np.full(60, 10.0), covariance, size=steps)


@pytest.mark.parametrize("steps", [3, 50])
def test_range_and_nugget_are_found_again_also_where_values_are_missing(steps: int) -> None:
    """The candidates are 1.41 apart: found within one of them, with fifty steps and with three."""
    rain = fields(30_000, steps, nugget=0.1)
    gaps = rain.copy()
    gaps[RNG.random(rain.shape) < 0.2] = np.nan
    for known in (rain, gaps):
        found = fit_variogram(POINTS, known)
        assert 30_000 / 1.6 < found.range_m < 30_000 * 1.6
        assert (0.05 if steps == 50 else 0.0) <= found.nugget <= 0.2
        assert found.n_steps == steps


def test_the_longer_the_range_the_longer_the_fit() -> None:
    told = [fit_variogram(POINTS, fields(range_m, steps=4)).range_m for range_m in (8_000, 30_000, 120_000)]
    assert told == sorted(set(told))


def test_likelihood_is_that_of_the_differences_between_sites() -> None:
    """Restricted likelihood by its definition: of n - 1 contrasts, with the sill at its best; also without a gauge."""
    points, rain = POINTS[:8], fields(20_000, steps=1)[:, :8]
    covariance = Covariance("exponential", 20_000.0, 0.9)
    system = KrigingSystem(points, covariance, 0.1)
    matrix = covariance.between(points.T.copy(), points.T.copy()) + 0.1 * np.eye(8)

    def by_definition(rows: np.ndarray, field: np.ndarray) -> float:
        contrasts = np.linalg.qr(np.column_stack([np.ones(len(rows)), np.eye(len(rows))[:, :-1]]))[0][:, 1:].T
        values, own = contrasts @ field[rows], contrasts @ matrix[np.ix_(rows, rows)] @ contrasts.T
        sill = values @ np.linalg.solve(own, values) / len(values)
        return float(multivariate_normal(np.zeros(len(values)), sill * own).logpdf(values))

    def constant(count: int) -> float:
        """What the closed form leaves out: it does not depend on the variogram."""
        return -(count - 1) / 2 * (1 + np.log(2 * np.pi)) + 0.5 * np.log(count)

    told = system.log_likelihood(rain, None)
    assert told + constant(8) == pytest.approx(by_definition(np.arange(8), rain[0]))
    known = np.arange(8) != 3
    loss = system.loss(known)
    filled = np.where(known, rain, 0.0)
    assert loss is not None
    filled[:, loss.lost] = loss.fill(filled)
    told = system.log_likelihood(filled, loss)
    assert told + constant(7) == pytest.approx(by_definition(np.flatnonzero(known), rain[0]))


@given(seed=st.integers(0, 2**32 - 1), gaps=st.sampled_from([0.0, 0.2]))
@settings(max_examples=15)
def test_order_of_gauges_and_steps_and_the_unit_change_nothing(seed: int, gaps: float) -> None:
    draw = np.random.default_rng(seed)
    points = draw.uniform(0, 20_000, (9, 2))
    points[1] = points[0] + 5.0  # one place
    rain = np.where(draw.random((6, 9)) < gaps, np.nan, np.round(draw.gamma(0.8, 8.0, (6, 9)), 1))
    plain = fit_variogram(points, rain)
    order, steps = draw.permutation(9), draw.permutation(6)
    other = fit_variogram(points[order], rain[np.ix_(steps, order)])
    assert (other.range_m, other.nugget, other.n_steps) == (plain.range_m, plain.nugget, plain.n_steps)


def test_where_rain_cannot_tell_the_prior_stands() -> None:
    for rain in (np.ones((50, 60)), np.zeros((50, 60)), np.full((3, 60), np.nan), fields(9e3)[:, :4]):
        found = fit_variogram(POINTS[: rain.shape[1]], rain)
        assert (found.range_m, found.nugget, found.n_steps) == (DEFAULT_PRIOR.range_m, 0.0, 0)
        assert found.next_prior() == DEFAULT_PRIOR


def test_the_last_storm_is_the_prior_of_the_next() -> None:
    """Six gauges and one hour tell little: the fit follows what is believed, and thirty hours of sixty outvote it."""
    last = fit_variogram(POINTS, fields(100_000)).next_prior()
    assert last == replace(DEFAULT_PRIOR, range_m=last.range_m)
    assert last.range_m > 60_000
    few = fields(30_000, steps=1)[:, :6]
    told = [fit_variogram(POINTS[:6], few, prior=prior).range_m for prior in (VariogramPrior(5_000.0, 1.5), last)]
    assert told[0] < 20_000 < told[1]
    many = [fit_variogram(POINTS, fields(30_000, 30), prior=prior).range_m for prior in (DEFAULT_PRIOR, last)]
    assert many[0] == many[1]


def test_what_is_given_is_kept_and_the_other_fitted() -> None:
    rain = fields(30_000, nugget=0.2)
    assert fit_variogram(POINTS, rain, range_m=12_345.0).range_m == 12_345.0
    assert fit_variogram(POINTS, rain, nugget=0.0).nugget == 0
    assert fit_variogram(POINTS, rain, nugget=0.0).range_m < fit_variogram(POINTS, rain).range_m


def test_many_gauges_and_steps_are_thinned_to_as_good_a_fit() -> None:
    draw = np.random.default_rng(3)
    points = draw.uniform(0, 60_000, (200, 2))
    covariance = np.exp(-3 * cdist(points, points) / 30_000)
    rain = draw.multivariate_normal(np.full(200, 10.0), covariance, size=250)
    found = fit_variogram(points, rain)
    assert found.n_steps == 200
    assert 20_000 < found.range_m < 45_000
