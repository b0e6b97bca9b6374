"""The smooth half of the learner: a penalised logistic model, additive in piecewise-linear effects of each column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

__all__ = ["AdditiveEffects", "fit_additive"]

Floats = npt.NDArray[np.float64]

N_KNOTS = 7


@dataclass(frozen=True)
class AdditiveEffects:
    """A fitted additive logistic model; see `fit_additive`.

    Attributes
    ----------
    knots : tuple of ndarray
        Ascending knots of each column (unit of the column); fewer than two where the column says nothing.
    has_missing : tuple of bool
        Whether the column has an effect of "value missing".
    center : ndarray (B,)
        Mean of each basis function in training.
    coefficients : ndarray (B,)
        Log-odds gained over each segment, then of each missing flag.
    intercept : float
        Log-odds.
    """

    knots: tuple[Floats, ...]
    has_missing: tuple[bool, ...]
    center: Floats
    coefficients: Floats
    intercept: float

    def logit(self, features: Floats) -> Floats:
        """Return log-odds (n,) for features (n, d); a missing value has the mean effect plus that of being missing.

        Beyond the outer knots an effect stays at its last value.
        """
        basis = _basis(features, self.knots, self.has_missing)
        result: Floats = self.intercept + np.where(np.isnan(basis), 0.0, basis - self.center) @ self.coefficients
        return result


def fit_additive(
    features: Floats, flooded: npt.NDArray[np.intp], *, weight: Floats, monotone: npt.NDArray[np.int_], penalty: float
) -> AdditiveEffects:
    """Fit a logistic model whose log-odds are a sum of one piecewise-linear function of each column.

    Each function climbs by theta_k between the knots k and k + 1 (knots at quantiles of the distinct values). The loss
    sum_i w_i log(1 + exp(-s_i z_i)) + penalty / 2 * sum_k theta_k**2 is convex; a column constrained to rise has
    theta >= 0, one to fall theta <= 0, which makes the whole function monotone.

    Parameters
    ----------
    features : ndarray (n, d)
        NaN is missing.
    flooded : ndarray (n,) of int
        1 event, 0 none.
    weight : ndarray (n,)
    monotone : ndarray (d,) of {-1, 0, 1}
    penalty : float
        Ridge on the climbs.

    Returns
    -------
    AdditiveEffects

    References
    ----------
    Ramsay, J. O. (1988) Monotone regression splines in action, Statistical Science 3, 425-441,
    doi:10.1214/ss/1177012761 (here of degree 1). Hastie, T. & Tibshirani, R. (1986) Generalized additive models,
    Statistical Science 1, 297-310, doi:10.1214/ss/1177013604.

    Examples
    --------
    >>> rain_mm = np.array([[0.0], [5.0], [20.0], [40.0], [60.0], [80.0]])
    >>> flooded = np.array([0, 0, 1, 0, 1, 1])
    >>> model = fit_additive(rain_mm, flooded, weight=np.ones(6), monotone=np.array([1]), penalty=1.0)
    >>> bool(np.all(np.diff(model.logit(rain_mm)) >= 0))
    True
    """
    knots = tuple(_knots(column) for column in features.T)
    has_missing = tuple(bool(np.isnan(column).any() and not np.isnan(column).all()) for column in features.T)
    basis = _basis(features, knots, has_missing)
    center = _mean(basis)
    design = np.where(np.isnan(basis), 0.0, basis - center)
    bounds = _bounds(knots, has_missing, monotone)
    coefficients, intercept = _solve(design, np.where(flooded > 0, 1.0, -1.0), weight, penalty, bounds)
    return AdditiveEffects(knots, has_missing, center, coefficients, intercept)


def _knots(column: Floats) -> Floats:
    """Return knots at quantiles of the distinct values, so that many zeros (dry hours) do not use them up."""
    distinct = np.unique(column[~np.isnan(column)])
    if len(distinct) < 2:
        return distinct
    knots: Floats = np.unique(np.quantile(distinct, np.linspace(0.0, 1.0, N_KNOTS)))
    # Values a rounding error apart carry no slope, and a segment of such a length no finite one.
    is_apart = np.diff(knots) > 1e-9 * max(1.0, float(np.abs(knots).max()))
    apart: Floats = knots[np.concatenate([[True], is_apart])]
    return apart


def _basis(features: Floats, knots: tuple[Floats, ...], has_missing: tuple[bool, ...]) -> Floats:
    """Return the ramps of all columns (NaN where missing), then the flags of missing values."""
    parts = [
        np.clip((features[:, [j]] - t[:-1]) / np.diff(t), 0.0, 1.0) for j, t in enumerate(knots) if len(t) > 1
    ]  # fmt: skip
    parts.append(np.isnan(features[:, np.asarray(has_missing, dtype=bool)]).astype(np.float64))
    return np.concatenate(parts, axis=1)


def _mean(basis: Floats) -> Floats:
    known = ~np.isnan(basis)
    total: Floats = np.where(known, basis, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return total


def _bounds(
    knots: tuple[Floats, ...], has_missing: tuple[bool, ...], monotone: npt.NDArray[np.int_]
) -> list[tuple[float | None, float | None]]:
    limits: dict[int, tuple[float | None, float | None]] = {-1: (None, 0.0), 0: (None, None), 1: (0.0, None)}
    ramps = [limits[int(sign)] for t, sign in zip(knots, monotone, strict=True) for _ in range(max(len(t) - 1, 0))]
    return [*ramps, *([(None, None)] * sum(has_missing)), (None, None)]


def _solve(
    design: Floats, sign: Floats, weight: Floats, penalty: float, bounds: list[tuple[float | None, float | None]]
) -> tuple[Floats, float]:
    def loss(theta: Floats) -> tuple[float, Floats]:
        margin = sign * (design @ theta[:-1] + theta[-1])
        pull = -weight * sign * expit(-margin)
        value = float(weight @ np.logaddexp(0.0, -margin) + 0.5 * penalty * theta[:-1] @ theta[:-1])
        return value, np.append(design.T @ pull + penalty * theta[:-1], pull.sum())

    share = float(weight[sign > 0].sum() / weight.sum())
    start = np.zeros(design.shape[1] + 1)
    start[-1] = np.log(share / (1.0 - share))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500, "ftol": 1e-10})
    theta_best: Floats = found.x
    return theta_best[:-1], float(theta_best[-1])
