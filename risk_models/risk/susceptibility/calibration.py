"""From a learner's log-odds to calibrated log-odds, without ever changing their order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

__all__ = ["BetaCalibrator", "IsotonicCalibrator", "fit_calibrator"]

Floats = npt.NDArray[np.float64]

#: Rows of evidence that the prior "already calibrated" (a = b = 1) is worth per unit of squared slope error.
PRIOR_STRENGTH = 2.0


@dataclass(frozen=True)
class BetaCalibrator:
    """Calibrated log-odds c + a ln p - b ln(1 - p) of an uncalibrated probability p, with a, b >= 0.

    References
    ----------
    Kull, M., Silva Filho, T. & Flach, P. (2017) Beta calibration, AISTATS, PMLR 54, 623-631.
    """

    a: float = 1.0
    b: float = 1.0
    c: float = 0.0

    def apply(self, log_odds: Floats) -> Floats:
        """Return calibrated log-odds; NaN stays NaN."""
        result: Floats = self.c - self.a * np.logaddexp(0.0, -log_odds) + self.b * np.logaddexp(0.0, log_odds)
        return result


@dataclass(frozen=True)
class IsotonicCalibrator:
    """Log-odds looked up on a non-decreasing line through (raw, calibrated) points."""

    raw: Floats
    calibrated: Floats

    def apply(self, log_odds: Floats) -> Floats:
        """Return calibrated log-odds; the outer values hold beyond the ends."""
        result: Floats = np.interp(log_odds, self.raw, self.calibrated)
        return result


def fit_calibrator(
    log_odds: Floats, flooded: npt.NDArray[np.intp], *, kind: str
) -> BetaCalibrator | IsotonicCalibrator:
    """Fit a calibrator on log-odds that were predicted for rows the learner had not seen.

    Parameters
    ----------
    log_odds : ndarray (n,)
    flooded : ndarray (n,) of int
        1 event, 0 none.
    kind : {"beta", "isotonic", "none"}
        Beta has three parameters and a weak prior towards doing nothing: right for few events. Isotonic follows any
        non-decreasing shape, and needs some hundreds of events.

    Returns
    -------
    BetaCalibrator or IsotonicCalibrator
        The identity for "none", or where only one class was seen.

    Raises
    ------
    ValueError
        If the kind is not known.

    References
    ----------
    Kull et al. (2017), see `BetaCalibrator`. Zadrozny, B. & Elkan, C. (2002) Transforming classifier scores into
    accurate multiclass probability estimates, KDD, 694-699, doi:10.1145/775047.775151. Line through the centres of the
    steps: Oron, A. P. & Flournoy, N. (2017) Centered isotonic regression, Statistics in Biopharmaceutical Research 9,
    258-267, doi:10.1080/19466315.2017.1286256.

    Examples
    --------
    >>> raw = np.repeat([-4.0, 0.0, 4.0], 100)  # too sure of itself: 2, 50 and 98 %
    >>> happened = np.concatenate([np.arange(100) < n for n in (20, 50, 80)]).astype(int)
    >>> expit(fit_calibrator(raw, happened, kind="beta").apply(np.array([-4.0, 0.0, 4.0]))).round(2).tolist()
    [0.2, 0.5, 0.8]
    """
    if kind not in ("beta", "isotonic", "none"):
        raise ValueError(f"calibration must be 'beta', 'isotonic' or 'none', got {kind!r}")
    if kind == "none" or len(np.unique(flooded)) < 2:
        return BetaCalibrator()
    return _fit_beta(log_odds, flooded) if kind == "beta" else _fit_isotonic(log_odds, flooded)


def _fit_beta(log_odds: Floats, flooded: npt.NDArray[np.intp]) -> BetaCalibrator:
    sign = np.where(flooded > 0, 1.0, -1.0)
    columns = np.stack([-np.logaddexp(0.0, -log_odds), np.logaddexp(0.0, log_odds), np.ones_like(log_odds)], axis=1)
    prior = np.array([1.0, 1.0, 0.0])
    stiffness = PRIOR_STRENGTH * np.array([1.0, 1.0, 0.0])

    def loss(theta: Floats) -> tuple[float, Floats]:
        margin = sign * (columns @ theta)
        off = theta - prior
        value = float(np.logaddexp(0.0, -margin).sum() + 0.5 * stiffness @ off**2)
        return value, columns.T @ (-sign * expit(-margin)) + stiffness * off

    found = minimize(loss, prior, jac=True, method="L-BFGS-B", bounds=[(0.0, None), (0.0, None), (None, None)])
    a, b, c = (float(value) for value in found.x)
    return BetaCalibrator(a, b, c)


def _fit_isotonic(log_odds: Floats, flooded: npt.NDArray[np.intp]) -> IsotonicCalibrator:
    steps = IsotonicRegression().fit_transform(log_odds, flooded.astype(np.float64))
    _, step = np.unique(steps, return_inverse=True)
    n = np.bincount(step)
    # Half an event and half a non-event more in each step: a few rows of one kind do not show "never" or "always".
    shrunk = (np.bincount(step, flooded) + 0.5) / (n + 1.0)
    heights = IsotonicRegression().fit_transform(np.arange(len(n)), shrunk, sample_weight=n)
    centers = np.bincount(step, log_odds) / n
    return IsotonicCalibrator(np.asarray(centers, dtype=np.float64), np.asarray(logit(heights), dtype=np.float64))
