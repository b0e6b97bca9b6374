"""Partial pooling: short records stay near the model, long ones speak for themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from risk_models.risk.susceptibility.pooling import _solve, fit_group_effects


def made_up(n_groups: int, n_rows: int, std: float, seed: int):
    rng = np.random.default_rng(seed)
    truth = rng.normal(0.0, std, n_groups)
    group = np.repeat(np.arange(n_groups), n_rows)
    log_odds = rng.normal(-1.0, 1.0, len(group))
    flooded = (rng.random(len(group)) < expit(log_odds + truth[group])).astype(int)
    return log_odds, flooded, np.array([f"H{g:03d}" for g in group]), truth


def test_finds_the_spread_and_the_effects():
    log_odds, flooded, groups, truth = made_up(80, 60, 1.0, seed=2)
    found = fit_group_effects(log_odds, flooded, groups)
    assert found.std == pytest.approx(1.0, abs=0.25)
    assert np.corrcoef(found.effect, truth)[0, 1] > 0.9


def test_no_spread_means_no_effects():
    log_odds, flooded, groups, _ = made_up(80, 60, 0.0, seed=5)
    found = fit_group_effects(log_odds, flooded, groups)
    assert np.abs(found.effect).max() < 0.3


def test_pooled_probabilities_beat_raw_rates_and_the_model_alone():
    log_odds, flooded, groups, truth = made_up(100, 8, 1.0, seed=3)
    found = fit_group_effects(log_odds, flooded, groups)
    fresh, happened, again, _ = made_up(100, 8, 1.0, seed=3)
    rng = np.random.default_rng(9)
    later = (rng.random(len(fresh)) < expit(fresh + np.repeat(truth, 8))).astype(float)
    effect, factor = found.of(again)
    pooled = expit(factor * (fresh + found.shift + effect))
    raw = np.repeat(happened.reshape(100, 8).mean(axis=1), 8)

    def brier(p):
        return float(((p - later) ** 2).mean())

    assert brier(pooled) < brier(expit(fresh)) - 0.005
    assert brier(pooled) < brier(raw) - 0.005


@given(n=st.integers(1, 200))
@settings(max_examples=30, deadline=None)
def test_an_effect_grows_with_the_record_never_past_it(n):
    """One group flooded in every row: the longer its record, the farther from 0."""
    short, long = (_solve(np.zeros(k + 400), np.r_[np.ones(k), np.tile([0.0, 1.0], 200)],
                          np.r_[np.zeros(k, int), np.ones(400, int)], 2, 1.0)[0][0] for k in (n, n + 1))  # fmt: skip
    assert 0 < short < long


def test_the_factor_averages_over_what_the_effect_may_be():
    log_odds, flooded, groups, _ = made_up(60, 40, 1.5, seed=4)
    found = fit_group_effects(log_odds, flooded, groups)
    _, factor = found.of(np.array(["never seen"]))
    exact, _ = quad(lambda u: expit(-2.0 + u) * norm.pdf(u, scale=found.std), -12, 12)
    assert float(expit(factor[0] * -2.0)) == pytest.approx(exact, abs=0.02)
    assert float(expit(-2.0)) < exact - 0.03


def test_evidence_is_that_of_the_integral():
    """Laplace's approximation against numerical integration, one group."""
    log_odds, flooded = np.full(30, -0.5), np.r_[np.ones(12), np.zeros(18)]
    _, _, shift, evidence = _solve(log_odds, flooded, np.zeros(30, dtype=int), 1, 0.8)

    def integrand(u: float) -> float:
        z = log_odds + shift + u
        return float(np.exp((flooded * z - np.logaddexp(0, z)).sum()) * norm.pdf(u, scale=0.8))

    assert evidence == pytest.approx(np.log(quad(integrand, -6, 6)[0]), abs=0.02)
