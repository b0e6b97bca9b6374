"""Calibrators keep the order and mend the probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from risk_models.risk.susceptibility.calibration import BetaCalibrator, fit_calibrator


@given(seed=st.integers(0, 1000), kind=st.sampled_from(["beta", "isotonic"]), sign=st.sampled_from([-1.0, 1.0]))
@settings(max_examples=40, deadline=None)
def test_never_changes_the_order(seed, kind, sign):
    """Even if the learner was wrong about the direction."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(0.0, 2.0, 60)
    happened = (rng.random(60) < expit(sign * raw)).astype(int)
    line = fit_calibrator(raw, happened, kind=kind).apply(np.linspace(-30.0, 30.0, 200))
    assert np.isfinite(line).all()
    assert (np.diff(line) >= -1e-12).all()


@pytest.mark.parametrize("kind", ["beta", "isotonic"])
def test_mends_overconfidence(kind):
    rng = np.random.default_rng(1)
    true = rng.normal(-1.0, 1.0, 5000)
    happened = (rng.random(5000) < expit(true)).astype(int)
    p = expit(fit_calibrator(3.0 * true, happened, kind=kind).apply(3.0 * true))
    assert np.abs(p - expit(true)).mean() < 0.025


def test_few_events_change_little():
    calibrator = fit_calibrator(np.array([-2.0, -1.0, 3.0]), np.array([0, 0, 1]), kind="beta")
    assert isinstance(calibrator, BetaCalibrator)
    assert calibrator.a == pytest.approx(1.0, abs=0.5)
    assert calibrator.b == pytest.approx(1.0, abs=0.5)


def test_one_class_changes_nothing():
    assert fit_calibrator(np.array([-1.0, 1.0]), np.array([0, 0]), kind="beta") == BetaCalibrator()
