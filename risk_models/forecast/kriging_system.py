"""The algebra of ordinary kriging: one factorisation of all gauges, taken down for those that drop out.

With A the covariance of the gauges bordered by ones, let P be the inverse of A without its border. Weights of all
gauges at a target with covariances r are w = P r + p. If gauges M have no value, nothing is factorised anew:

- their values are filled with what the others say of them, z_M = -P_MM^-1 P_MK z_K; then all weights serve;
- the variance grows by w_M' P_MM^-1 w_M, and the weights of the others become w_K - P_KM P_MM^-1 w_M.

Both follow from the inverse of a partitioned matrix and equal, to rounding, the system without those gauges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dtrtri
from scipy.spatial.distance import cdist

__all__ = ["KrigingSystem", "Loss", "chunks"]

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
CHUNK = 1024  # targets at a time: memory is bounded, and covariances of 300 gauges stay near the cache
_BLOCK = 256  # targets whose distances are worked out within the cache
_ROWS = 60  # rows of the triangular factor at a time, which skips nearly half of the product


class Loss:
    """What the loss of some sites does to weights and variance: solved once, applied to any targets.

    Parameters
    ----------
    precision : ndarray, shape (site, site)
    known : ndarray of bool, shape (site,)
        Sites with a value.
    """

    def __init__(self, precision: FloatArray, known: Mask) -> None:
        self.lost, self.kept = np.flatnonzero(~known), np.flatnonzero(known)
        rows = precision[self.lost]
        self._half = _inverse_factor(rows[:, self.lost])
        self._cross = self._half @ rows

    def fill(self, values: FloatArray) -> FloatArray:
        """Return what the others say at the lost sites, (step, lost), for values (step, site) that are 0 there."""
        return -(values @ self._cross.T) @ self._half

    def growth(self, weights: FloatArray) -> FloatArray:
        """Return by how much the variance (target,) of all-site weights (site, target) grows."""
        share = self._half @ weights[self.lost]
        return np.asarray(np.einsum("ij,ij->j", share, share))

    def without(self, weights: FloatArray) -> FloatArray:
        """Return the weights (kept, target) of the remaining sites."""
        return np.asarray(weights[self.kept] - self._cross[:, self.kept].T @ (self._half @ weights[self.lost]))

    def diagonal(self) -> FloatArray:
        """Return what the diagonal of the precision loses at the kept sites."""
        cross = self._cross[:, self.kept]
        return np.asarray(np.einsum("ij,ij->j", cross, cross))


class KrigingSystem:
    """Factorised kriging system of a set of sites, with a sill of 1.

    Parameters
    ----------
    site_xy : ndarray, shape (site, 2)
        Coordinates [m], no two the same unless there is a nugget.
    covariance : callable
        Covariance at a distance [m] above 0; may change its argument.
    nugget : float
        Added on the diagonal.

    References
    ----------
    Cressie, N. (1993). Statistics for Spatial Data, section 3.2. Dubrule, O. (1983). Cross validation of kriging in a
    unique neighborhood. Mathematical Geology 15(6), 687-699 (closed form of leaving out).
    """

    def __init__(self, site_xy: FloatArray, covariance: Callable[[FloatArray], FloatArray], nugget: float) -> None:
        count = len(site_xy)
        matrix = covariance(cdist(site_xy, site_xy))
        matrix[np.diag_indices(count)] += nugget
        self.site_xy = site_xy
        self.covariance = covariance
        self.half = _inverse_factor(matrix)
        ones = self.half.sum(axis=1)
        self._total = float(ones @ ones)  # 1' C^-1 1
        self.offset = self.half.T @ ones / self._total
        self.precision = self.half.T @ self.half - self._total * np.outer(self.offset, self.offset)

    def covariances(self, targets: FloatArray) -> FloatArray:
        """Return the covariances of sites and targets, shape (site, target)."""
        result = np.empty((len(self.site_xy), len(targets)))
        for begin in range(0, len(targets), _BLOCK):
            block = targets[begin : begin + _BLOCK]
            result[:, begin : begin + len(block)] = self.covariance(cdist(self.site_xy, block))
        return result

    def weights(self, targets: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return weights (site, target) of all sites, and the variance (target,)."""
        right = self.covariances(targets)
        weights = self.precision @ right
        weights += self.offset[:, np.newaxis]
        # The Lagrange multiplier is offset' r - 1 / (1' C^-1 1).
        explained = np.einsum("ij,ij->j", right, weights) + self.offset @ right
        return weights, np.maximum(1.0 - explained + 1.0 / self._total, 0.0)

    def variance(self, right: FloatArray) -> FloatArray:
        """Return the variance (target,) for covariances (site, target), at nearly half the work of the weights."""
        explained = np.zeros(right.shape[1])
        for begin in range(0, len(self.half), _ROWS):
            end = begin + _ROWS
            part = self.half[begin:end, :end] @ right[:end]
            explained += np.einsum("ij,ij->j", part, part)
        unbiased = 1.0 - self._total * (self.offset @ right)
        return np.asarray(np.maximum(1.0 - explained + unbiased**2 / self._total, 0.0))

    def loss(self, known: Mask) -> Loss | None:
        """Return the loss of the sites without a value; None if all have one."""
        return None if known.all() else Loss(self.precision, known)

    def leave_one_out(self, filled: FloatArray, loss: Loss | None) -> tuple[FloatArray, FloatArray]:
        """Return what the other sites say of each site, (step, site), and the variance (site,), of known sites only."""
        kept = np.arange(len(self.half)) if loss is None else loss.kept
        diagonal = np.diag(self.precision)[kept] - (0.0 if loss is None else loss.diagonal())
        residual = (filled @ self.precision)[:, kept] / diagonal
        return filled[:, kept] - residual, 1.0 / diagonal


def _inverse_factor(matrix: FloatArray) -> FloatArray:
    """Return the inverse of the lower Cholesky factor."""
    factor, failed = dpotrf(matrix, lower=1, clean=1)
    if failed:
        raise np.linalg.LinAlgError("gauges lie so close together that their covariances are singular; add a nugget")
    return np.ascontiguousarray(dtrtri(factor, lower=1)[0])


def chunks(count: int) -> Iterator[slice]:
    """Yield slices that cover `count` targets."""
    for begin in range(0, count, CHUNK):
        yield slice(begin, min(begin + CHUNK, count))
