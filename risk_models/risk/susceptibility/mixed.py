"""Logistic regression with effects of hotspots, their kinds and storms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.linalg
from scipy.special import expit

__all__ = ["NODES", "NODE_WEIGHTS", "MixedEffects", "MixedProblem", "fit_mixed"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

#: Standard deviations of effects that are tried [log-odds]; 0.02 stands for "they do not differ".
HOTSPOT_STDS = (0.02, 0.3, 0.5, 0.8, 1.2, 1.8)
STORM_STDS = (0.02, 0.5, 1.0, 1.5, 2.0, 3.0)
#: Prior of a coefficient of a column of unit spread, and of both standard deviations (half normal) [log-odds].
COEFFICIENT_STD, SPREAD_STD = 2.0, 1.0
#: Keeps the intercept finite where there is hardly an event.
INTERCEPT_STD = 10.0
NEWTON_STEPS, HALVINGS = 60, 30
#: Places of a standard normal effect at which it is averaged over, and how likely it is there.
NODES = np.linspace(-3.75, 3.75, 11)
NODE_WEIGHTS = np.exp(-0.5 * NODES**2) / np.exp(-0.5 * NODES**2).sum()


@dataclass(frozen=True)
class MixedProblem:
    """Rows to learn from; every effect is named by a number.

    Attributes
    ----------
    columns : ndarray (n, p)
        Of unit spread; finite.
    rises : ndarray of bool (p,)
        Whether the log-odds may only rise with a column.
    happened : ndarray (n,)
        1 or 0.
    hotspot, storm : ndarray of int (n,)
    kind : ndarray of int (H,)
        Of each hotspot.
    """

    columns: Floats
    rises: npt.NDArray[np.bool_]
    happened: Floats
    hotspot: Rows
    storm: Rows
    kind: Rows

    @cached_property
    def sizes(self) -> tuple[int, int, int, int]:
        """Columns with the intercept, kinds, storms, hotspots."""
        return self.columns.shape[1] + 1, int(self.kind.max()) + 1, int(self.storm.max()) + 1, len(self.kind)

    @cached_property
    def design(self) -> Floats:
        """Columns after a column of ones."""
        return np.column_stack([np.ones(len(self.columns)), self.columns])


@dataclass(frozen=True)
class MixedEffects:
    """A fitted model; log-odds throughout.

    Attributes
    ----------
    intercept : float
    coefficients, std_errors : ndarray (p,)
        A standard error is that of a coefficient which could be of either sign.
    hotspot : ndarray (H,)
        Mean effect of each hotspot, that of its kind included.
    hotspot_weights : ndarray (H, len(NODES))
        How likely each hotspot lies ``NODES`` times `hotspot_std` off its kind.
    kind : ndarray (K,)
    hotspot_std, kind_std, storm_std : float
        Spread of the effects among hotspots of a kind, kinds, and storms.
    log_odds : ndarray (n,)
        Of the rows learned from, the effects of their storms included.
    """

    intercept: float
    coefficients: Floats
    std_errors: Floats
    hotspot: Floats
    hotspot_weights: Floats
    kind: Floats
    hotspot_std: float
    kind_std: float
    storm_std: float
    log_odds: Floats


@dataclass
class _Mode:
    """Where the posterior is highest for given spreads, and its curvature."""

    rest: Floats  # intercept, columns, kinds, storms
    hotspot: Floats
    evidence: float
    factor: tuple[Floats, bool]  # of the curvature of `rest` with hotspots eliminated, held columns left out
    free: npt.NDArray[np.bool_]
    own: Floats  # (H,) curvature of each hotspot
    cross: Floats  # (H, q)
    log_odds: Floats


def fit_mixed(problem: MixedProblem) -> MixedEffects:
    """Fit by Laplace's approximation, with spreads of effects taken from a grid by their evidence.

    Row i of hotspot h, kind k and storm s: ``logit p_i = a + b x_i + v_k + u_h + w_s`` with normal v, u, w; v has the
    spread of u. Since rows of a storm share w, many rows of one storm are little evidence for a or b, and rows of one
    storm tell hotspots apart all the same. The mode is found by projected Newton steps (b >= 0 where it must rise).

    Parameters
    ----------
    problem : MixedProblem

    Returns
    -------
    MixedEffects

    References
    ----------
    Breslow, N. E. & Clayton, D. G. (1993) Approximate inference in generalized linear mixed models, JASA 88, 9-25,
    doi:10.2307/2290687. Projected Newton steps: Bertsekas, D. P. (1982) SIAM Journal on Control and Optimization 20,
    221-246, doi:10.1137/0320018.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> storm, hotspot = np.repeat(np.arange(30), 8), np.tile(np.arange(8), 30)
    >>> rain = rng.gamma(1.0, 1.0, 30)[storm]
    >>> flooded = rng.random(240) < expit(2.0 * rain - 4.0 + np.where(hotspot == 0, 2.0, 0.0))
    >>> found = fit_mixed(MixedProblem(rain[:, None], np.array([True]), flooded.astype(float), hotspot, storm,
    ...                                np.zeros(8, dtype=int)))
    >>> bool(found.coefficients[0] > 0.5), int(found.hotspot.argmax())
    (True, 0)
    """
    tried: dict[tuple[float, float], _Mode] = {}

    def evidence(spreads: tuple[float, float]) -> float:
        if spreads not in tried:
            start = min(tried.items(), key=lambda item: _distance(item[0], spreads))[1] if tried else None
            tried[spreads] = _mode(problem, *spreads, start=start)
        return tried[spreads].evidence - 0.5 * (spreads[0] ** 2 + spreads[1] ** 2) / SPREAD_STD**2

    best = (HOTSPOT_STDS[2], STORM_STDS[2])
    while True:
        over_storms = max(((best[0], storm) for storm in STORM_STDS), key=evidence)
        over_both = max(((hotspot, over_storms[1]) for hotspot in HOTSPOT_STDS), key=evidence)
        if over_both == best:
            # Found again from nothing, so that the way to the best spreads leaves no trace in the numbers.
            return _effects(problem, _mode(problem, *best, start=None), *best)
        best = over_both


def _distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _precisions(problem: MixedProblem, hotspot_std: float, storm_std: float) -> Floats:
    p, kinds, storms, _ = problem.sizes
    spread = np.full(p, COEFFICIENT_STD)
    spread[0] = INTERCEPT_STD
    # One kind cannot be told from the intercept: its effect is held at nothing.
    kind_std = hotspot_std if kinds > 1 else 1e-4
    return 1.0 / np.concatenate([spread, np.full(kinds, kind_std), np.full(storms, storm_std)]) ** 2


def _mode(problem: MixedProblem, hotspot_std: float, storm_std: float, *, start: _Mode | None) -> _Mode:
    p, _, _, n_hotspots = problem.sizes
    precision, own_precision = _precisions(problem, hotspot_std, storm_std), 1.0 / hotspot_std**2
    must_rise = np.zeros(len(precision), dtype=bool)
    must_rise[1:p] = problem.rises
    rest = np.zeros(len(precision)) if start is None else start.rest.copy()
    if start is None:
        share = (problem.happened.sum() + 0.5) / (len(problem.happened) + 1.0)
        rest[0] = np.log(share / (1.0 - share))
    hotspot = np.zeros(n_hotspots) if start is None else start.hotspot.copy()

    def value(rest: Floats, hotspot: Floats) -> tuple[float, Floats]:
        z = _log_odds(problem, rest, hotspot)
        fit = float(problem.happened @ z - np.logaddexp(0.0, z).sum())
        return fit - 0.5 * float(precision @ rest**2) - 0.5 * own_precision * float(hotspot @ hotspot), z

    now, z = value(rest, hotspot)
    for _ in range(NEWTON_STEPS):
        pull, own_pull, curvature, own, cross = _derivatives(problem, z)
        pull, own_pull = pull - precision * rest, own_pull - own_precision * hotspot
        own = own + own_precision
        free = ~(must_rise & (rest <= 0.0) & (pull <= 0.0))
        reduced = curvature + np.diag(precision) - cross.T @ (cross / own[:, None])
        factor = scipy.linalg.cho_factor(reduced[np.ix_(free, free)])
        step = np.zeros_like(rest)
        step[free] = scipy.linalg.cho_solve(factor, (pull - cross.T @ (own_pull / own))[free])
        own_step = (own_pull - cross @ step) / own
        length = 1.0
        for _ in range(HALVINGS):
            trial = rest + length * step
            trial = np.where(must_rise, np.maximum(trial, 0.0), trial)
            then, z_then = value(trial, hotspot + length * own_step)
            if then >= now - 1e-12 * abs(now):
                break
            length *= 0.5
        moved = max(float(np.abs(trial - rest).max()), float(np.abs(length * own_step).max()))
        rest, hotspot, now, z = trial, hotspot + length * own_step, then, z_then
        if moved < 1e-7:
            break
    log_det = 2.0 * float(np.log(np.diag(factor[0])).sum()) + float(np.log(own).sum())
    prior = float(np.log(precision).sum()) + n_hotspots * np.log(own_precision)
    return _Mode(rest, hotspot, now - 0.5 * log_det + 0.5 * prior, factor, free, own, cross, z)


def _log_odds(problem: MixedProblem, rest: Floats, hotspot: Floats) -> Floats:
    p, kinds, _, _ = problem.sizes
    place = hotspot + rest[p : p + kinds][problem.kind]
    result: Floats = problem.design @ rest[:p] + place[problem.hotspot] + rest[p + kinds :][problem.storm]
    return result


def _derivatives(problem: MixedProblem, z: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return slope (q,) and (H,), and curvature (q, q), (H,) and (H, q) of the log likelihood, signs turned."""
    p, kinds, storms, n_hotspots = problem.sizes
    chance = expit(z)
    left, weight = problem.happened - chance, chance * (1.0 - chance)
    weighed = problem.design * weight[:, None]

    def by(number: Rows, values: Floats, size: int) -> Floats:
        return np.asarray(np.bincount(number, values, size), dtype=np.float64)

    own_pull, own = by(problem.hotspot, left, n_hotspots), by(problem.hotspot, weight, n_hotspots)
    is_kind = np.zeros((n_hotspots, kinds))
    is_kind[np.arange(n_hotspots), problem.kind] = 1.0
    pair = problem.hotspot * storms + problem.storm
    fixed = np.column_stack([by(problem.hotspot, weighed[:, j], n_hotspots) for j in range(p)])
    cross = np.hstack([fixed, own[:, None] * is_kind, by(pair, weight, n_hotspots * storms).reshape(-1, storms)])
    curvature = np.zeros((p + kinds + storms, p + kinds + storms))
    curvature[p : p + kinds] = is_kind.T @ cross
    curvature[:, p : p + kinds] = curvature[p : p + kinds].T
    curvature[:p, :p] = problem.design.T @ weighed
    by_storm = np.stack([by(problem.storm, weighed[:, j], storms) for j in range(p)])
    curvature[:p, p + kinds :], curvature[p + kinds :, :p] = by_storm, by_storm.T
    curvature[p + kinds :, p + kinds :] = np.diag(by(problem.storm, weight, storms))
    pull = np.concatenate([problem.design.T @ left, is_kind.T @ own_pull, by(problem.storm, left, storms)])
    return pull, own_pull, curvature, own, cross


def _effects(problem: MixedProblem, mode: _Mode, hotspot_std: float, storm_std: float) -> MixedEffects:
    p, kinds, _, _ = problem.sizes
    place = np.flatnonzero(mode.free)
    covariance = np.zeros((len(mode.rest), len(mode.rest)))
    covariance[np.ix_(place, place)] = scipy.linalg.cho_solve(mode.factor, np.eye(len(place)))
    kind = mode.rest[p : p + kinds]
    weights = _weights(problem, mode, hotspot_std)
    return MixedEffects(
        intercept=float(mode.rest[0]),
        coefficients=mode.rest[1:p],
        std_errors=np.sqrt(np.diag(covariance)[1:p]),
        hotspot=kind[problem.kind] + hotspot_std * weights @ NODES,
        hotspot_weights=weights,
        kind=kind,
        hotspot_std=hotspot_std,
        kind_std=hotspot_std if kinds > 1 else 0.0,
        storm_std=storm_std,
        log_odds=mode.log_odds,
    )


def _weights(problem: MixedProblem, mode: _Mode, hotspot_std: float) -> Floats:
    """Return the posterior of each hotspot's effect on the nodes (H, G), all else at the mode.

    A place that never flooded may lie far below its kind, and not far above: no normal curve says so.
    """
    others = mode.log_odds - mode.hotspot[problem.hotspot]
    fit = np.empty((len(problem.kind), len(NODES)))
    for g, node in enumerate(NODES):
        z = others + hotspot_std * node
        fit[:, g] = np.bincount(problem.hotspot, problem.happened * z - np.logaddexp(0.0, z), len(problem.kind))
    fit += np.log(NODE_WEIGHTS)
    weights = np.exp(fit - fit.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
