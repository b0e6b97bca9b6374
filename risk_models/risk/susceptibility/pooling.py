"""Partial pooling: what a hotspot's own record adds to the model, shrunk by how short the record is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import expit

__all__ = ["GroupEffects", "fit_group_effects"]

Floats = npt.NDArray[np.float64]

#: Logistic-normal mean: E[expit(a + s * Z)] is near expit(a / sqrt(1 + s**2 * LOGIT_PROBIT)).
LOGIT_PROBIT = (16.0 * np.sqrt(3.0) / (15.0 * np.pi)) ** 2
MAX_STD = 5.0
NEWTON_STEPS = 30


@dataclass(frozen=True)
class GroupEffects:
    """Random intercepts of groups (hotspots); see `fit_group_effects`.

    Attributes
    ----------
    names : ndarray (G,) of str
        Sorted.
    effect : ndarray (G,)
        Posterior mode [log-odds].
    variance : ndarray (G,)
        Posterior variance.
    shift : float
        Added to the log-odds of every group.
    std : float
        Standard deviation of the effects in the population of groups; 0 if their records do not differ beyond chance.
    """

    names: npt.NDArray[np.str_]
    effect: Floats
    variance: Floats
    shift: float
    std: float

    def of(self, groups: npt.NDArray[np.str_]) -> tuple[Floats, Floats]:
        """Return effect and shrinkage factor (n,) of each row's group; a group never seen has effect 0.

        The log-odds of a row are ``factor * (log_odds + shift + effect)``: the factor turns "at the likeliest effect"
        into "averaged over what the effect may be", so that an unknown group is predicted less surely.
        """
        effect, variance = np.zeros(len(groups)), np.full(len(groups), self.std**2)
        if len(self.names):
            place = np.minimum(np.searchsorted(self.names, groups), len(self.names) - 1)
            known = self.names[place] == groups
            effect[known], variance[known] = self.effect[place[known]], self.variance[place[known]]
        return effect, 1.0 / np.sqrt(1.0 + LOGIT_PROBIT * variance)


def fit_group_effects(log_odds: Floats, flooded: npt.NDArray[np.intp], groups: npt.NDArray[np.str_]) -> GroupEffects:
    """Estimate how each group differs from the model, with the spread of groups learned from all of them.

    Mixed logistic model: logit p_i = log_odds_i + shift + u_g(i), u_g ~ Normal(0, std**2); shift and std maximise the
    likelihood with the u_g integrated out (Laplace's approximation). A group with few rows stays near 0, the model.

    Parameters
    ----------
    log_odds : ndarray (n,)
        Of a model that had not seen the row.
    flooded : ndarray (n,) of int
    groups : ndarray (n,) of str

    Returns
    -------
    GroupEffects

    References
    ----------
    Breslow, N. E. & Clayton, D. G. (1993) Approximate inference in generalized linear mixed models, JASA 88, 9-25,
    doi:10.2307/2290687. Factor of the predictive mean: MacKay, D. J. C. (1992) The evidence framework applied to
    classification networks, Neural Computation 4, 720-736, doi:10.1162/neco.1992.4.5.720, with the constant of
    Johnson, N. L. & Kotz, S. (1970) Continuous Univariate Distributions 2, chapter 22.

    Examples
    --------
    >>> groups = np.repeat(["wet", "dry", "new"], [40, 40, 1])
    >>> flooded = np.r_[np.arange(40) < 30, np.arange(40) < 10, True].astype(int)
    >>> found = fit_group_effects(np.zeros(81), flooded, groups)
    >>> effect, factor = found.of(np.array(["wet", "new", "unseen"]))
    >>> bool(effect[0] > effect[1] > effect[2] == 0.0), bool(factor[0] > factor[2])
    (True, True)
    """
    names, group_of = np.unique(groups, return_inverse=True)
    happened = flooded.astype(np.float64)

    def negative(log_std: float) -> float:
        return -_solve(log_odds, happened, group_of, len(names), float(np.exp(log_std)))[3]

    found = minimize_scalar(negative, bounds=(np.log(0.01), np.log(MAX_STD)), method="bounded", options={"xatol": 0.02})
    std = float(np.exp(found.x))
    nothing = _solve(log_odds, happened, group_of, len(names), 1e-4)
    effect, variance, shift, evidence = _solve(log_odds, happened, group_of, len(names), std)
    if evidence <= nothing[3]:
        std, (effect, variance, shift, _) = 0.0, nothing
        effect, variance = np.zeros_like(effect), np.zeros_like(variance)
    return GroupEffects(names, effect, variance, shift, std)


def _solve(
    log_odds: Floats, happened: Floats, group_of: npt.NDArray[np.intp], n_groups: int, std: float
) -> tuple[Floats, Floats, float, float]:
    """Find shift and effects for one std by damped Newton steps; return effects, variances, shift, log evidence."""
    precision = 1.0 / std**2
    effect: Floats = np.zeros(n_groups)
    shift = 0.0
    for _ in range(NEWTON_STEPS):
        p = expit(log_odds + shift + effect[group_of])
        slope = np.bincount(group_of, happened - p, n_groups)
        curvature = np.bincount(group_of, p * (1.0 - p), n_groups)
        own = curvature + precision
        # The shift's step with the effects profiled out, under a unit prior on the shift that keeps it finite.
        bend = float((curvature - curvature**2 / own).sum() + 1.0)
        pull = float((slope - curvature / own * (slope - precision * effect)).sum() - shift)
        step = float(np.clip(pull / bend, -1.0, 1.0))
        change = np.clip((slope - precision * effect - curvature * step) / own, -1.0, 1.0)
        shift, effect = shift + step, effect + change
        if max(abs(step), float(np.abs(change).max())) < 1e-8:
            break
    z = log_odds + shift + effect[group_of]
    p = expit(z)
    variance = np.asarray(1.0 / (np.bincount(group_of, p * (1.0 - p), n_groups) + precision), dtype=np.float64)
    fit = float((happened * z - np.logaddexp(0.0, z)).sum())
    evidence = fit - 0.5 * precision * float(effect @ effect) + 0.5 * float(np.log(variance * precision).sum())
    return effect, variance, shift, evidence
