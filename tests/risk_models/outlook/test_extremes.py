"""Return levels: published samples, known truth, laws, and the honest answer of a short record."""

from __future__ import annotations

import lmoments3
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from lmoments3 import distr

from risk_models.outlook import ReturnLevels, TooShort, return_levels
from risk_models.outlook.extremes import fit_extremes, l_moments

# Annual maximum sea levels at Port Pirie, 1923-1987, m: Coles, S. (2001) An Introduction to Statistical Modeling of
# Extreme Values, Springer, 1.2 and 3.4.1 (maximum likelihood: location 3.87, scale 0.198, shape -0.050 in the sign of
# that book, standard errors 0.028, 0.020, 0.098; levels of 10 and 100 years 4.30 and 4.69, 95 % intervals 4.19 to 4.41
# and 4.38 to 5.00).
PORT_PIRIE = [
    4.03, 3.83, 3.65, 3.88, 4.01, 4.08, 4.18, 3.80, 4.36, 3.96, 3.98, 4.69, 3.85, 3.96, 3.85, 3.93, 3.75, 3.63, 3.57,
    4.25, 3.97, 4.05, 4.24, 4.22, 3.73, 4.37, 4.06, 3.71, 3.96, 4.06, 4.55, 3.79, 3.89, 4.11, 3.85, 3.86, 3.86, 4.21,
    4.01, 4.11, 4.24, 3.96, 4.21, 3.74, 3.85, 3.88, 3.66, 4.11, 3.71, 4.18, 3.90, 3.78, 3.91, 3.72, 4.00, 3.66, 3.62,
    4.33, 4.55, 3.75, 4.08, 3.90, 3.88, 3.94, 4.33,
]  # fmt: skip
# Sample of the tests that came with Hosking's LMOMENTS routines and their ports (lmomco, lmoments3).
HOSKING = [2.0, 3.0, 4.0, 2.4, 5.5, 1.2, 5.4, 2.2, 7.1, 1.3, 1.5]
MAXIMA = arrays(np.float64, st.integers(10, 40), elements=st.floats(1, 300, width=32))


def test_sample_of_hosking() -> None:
    assert l_moments(HOSKING) == pytest.approx([3.23636364, 1.14181818, 0.27388535], abs=1e-8)
    fit = fit_extremes(HOSKING, "gev")
    assert [fit.xi, fit.alpha, fit.k] == pytest.approx([2.1792884, 1.3956404, -0.1555609], abs=2e-6)
    assert fit.level([1.25, 2, 5]) == pytest.approx([1.539112, 2.705672, 4.537048], abs=2e-6)
    gumbel = fit_extremes(HOSKING, "gumbel")
    assert [gumbel.xi, gumbel.alpha] == pytest.approx([2.285519, 1.647295], abs=1e-5)


def test_port_pirie_agrees_with_the_textbook_within_its_standard_errors() -> None:
    found = return_levels(PORT_PIRIE, rng=np.random.default_rng(1), return_periods_a=(10, 100), confidence=0.95)
    assert isinstance(found, ReturnLevels)
    assert (found.n_years, found.fit.family) == (65, "gev")
    assert float(found.fit.xi) == pytest.approx(3.87, abs=0.028)
    assert float(found.fit.alpha) == pytest.approx(0.198, abs=0.020)
    assert -float(found.fit.k) == pytest.approx(-0.050, abs=0.098)
    assert found.table["level_mm"].tolist() == pytest.approx([4.30, 4.69], abs=0.03)
    assert found.table.loc[10, ["low_mm", "high_mm"]].tolist() == pytest.approx([4.19, 4.41], abs=0.05)
    assert found.table.loc[100, ["low_mm", "high_mm"]].tolist() == pytest.approx([4.38, 5.00], abs=0.15)
    assert found.table["is_extrapolated"].tolist() == [False, False]


@pytest.mark.parametrize("family", ["gev", "gumbel"])
def test_peer_gives_the_same(family: str) -> None:
    rng = np.random.default_rng(4)
    sample = rng.gumbel(60, 25, 37)
    peer = {"gev": distr.gev, "gumbel": distr.gum}[family]
    parameters = peer.lmom_fit(sample)
    frozen = peer(**parameters)
    levels = fit_extremes(sample, family).level([2, 20, 100])  # type: ignore[arg-type]
    assert levels == pytest.approx([frozen.ppf(1 - 1 / period) for period in (2, 20, 100)], rel=1e-5)
    assert l_moments(sample) == pytest.approx(lmoments3.lmom_ratios(sample, nmom=3))


def test_intervals_cover_a_known_truth() -> None:
    rng = np.random.default_rng(11)
    truth = 60 - 20 * np.log(-np.log(1 - 1 / 20))
    inside = []
    for _ in range(60):
        found = return_levels(rng.gumbel(60, 20, 30), rng=rng, return_periods_a=(20,), family="gumbel", n_resamples=200)
        assert isinstance(found, ReturnLevels)
        inside.append(found.table["low_mm"].iloc[0] <= truth <= found.table["high_mm"].iloc[0])
    assert 0.78 <= np.mean(inside) <= 0.99  # 90 % asked for; 60 trials leave about +-8 %


def test_short_records_get_an_answer_not_an_exception() -> None:
    rng = np.random.default_rng(0)
    two = return_levels([80.0, np.nan, 95.0], rng=rng)
    assert two == TooShort("重现期雨量", "return levels", 10, 2, "years")
    fifteen = return_levels(np.arange(15.0) + 30, rng=rng)
    assert isinstance(fifteen, ReturnLevels)
    assert fifteen.fit.family == "gumbel"
    assert fifteen.table["is_extrapolated"].tolist() == [False, False, False, False, True, True]
    assert isinstance(return_levels(np.arange(15.0) + 30, rng=rng, family="gev"), TooShort)


def test_the_same_generator_gives_the_same_interval() -> None:
    tables = [return_levels(PORT_PIRIE, rng=np.random.default_rng(9)) for _ in range(2)]
    assert all(isinstance(found, ReturnLevels) for found in tables)
    assert tables[0].table.equals(tables[1].table)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: l_moments([1.0, 2.0]), "at least three"),
        (lambda: l_moments([1.0, np.nan, 2.0]), "finite"),
        (lambda: fit_extremes(HOSKING, "gev").level([1.0]), "above 1 year"),
        (lambda: return_levels([-1.0] * 12, rng=np.random.default_rng(0)), "must not be negative"),
    ],
)
def test_nonsense_is_refused(call, text) -> None:
    with pytest.raises(ValueError, match=text):
        call()


@settings(max_examples=40, deadline=None)
@given(sample=MAXIMA, factor=st.floats(0.1, 10), shift=st.floats(0, 50))
def test_levels_scale_shift_and_rise(sample: np.ndarray, factor: float, shift: float) -> None:
    """Laws of L-moments: location and scale carry over, and a longer return period never has a lower level."""
    periods = [2, 5, 10, 50, 100]
    for family in ("gumbel", "gev"):
        plain = fit_extremes(sample, family).level(periods)  # type: ignore[arg-type]
        moved = fit_extremes(sample * factor + shift, family).level(periods)  # type: ignore[arg-type]
        assert moved == pytest.approx(plain * factor + shift, rel=1e-4, abs=1e-3)
        assert (np.diff(plain) >= -1e-9).all()
