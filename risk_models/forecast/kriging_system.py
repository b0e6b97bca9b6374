"""The algebra of ordinary kriging: one factorisation of all gauges, taken down for those that drop out.

With A the covariance of the gauges bordered by ones, let P be the inverse of A without its border. Weights of all
gauges at a target with covariances r are w = P r + p. If gauges M have no value, nothing is factorised anew:

- their values are filled with what the others say of them, z_M = -P_MM^-1 P_MK z_K; then all weights serve;
- the variance grows by w_M' P_MM^-1 w_M, and the weights of the others become w_K - P_KM P_MM^-1 w_M.

Both follow from the inverse of a partitioned matrix and equal, to rounding, the system without those gauges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtri
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped,import-not-found]

from risk_models.forecast.kriging_kernel import add_products, exponential, spherical
from risk_models.forecast.variogram import Variogram

__all__ = ["Covariance", "KrigingSystem", "Loss", "for_each_chunk", "one_blas_thread", "patterns"]

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
CHUNK = 512  # targets at a time: memory is bounded, and covariances of 300 gauges stay near the cache
_ROWS = 75  # of the triangular factor at a time


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
        self.half = np.ascontiguousarray(dtrtri(_factor(rows[:, self.lost]), lower=1)[0])
        self._cross = self.half @ rows

    def fill(self, values: FloatArray) -> FloatArray:
        """Return what the others say at the lost sites, (step, lost), for values (step, site) that are 0 there."""
        return np.asarray(-(values @ self._cross.T) @ self.half)

    def growth(self, weights: FloatArray) -> FloatArray:
        """Return by how much the variance (target,) of all-site weights (site, target) grows."""
        share = self.half @ weights[self.lost]
        return np.asarray(np.einsum("ij,ij->j", share, share))

    def without(self, weights: FloatArray) -> FloatArray:
        """Return the weights (kept, target) of the remaining sites."""
        return np.asarray(weights[self.kept] - self._cross[:, self.kept].T @ (self.half @ weights[self.lost]))

    def diagonal(self) -> FloatArray:
        """Return what the diagonal of the precision loses at the kept sites."""
        cross = self._cross[:, self.kept]
        return np.asarray(np.einsum("ij,ij->j", cross, cross))


@dataclass(frozen=True)
class Covariance:
    """Covariance of two places by their distance, without the nugget.

    Attributes
    ----------
    variogram : {"exponential", "spherical"}
    range_m : float
        Range [m].
    sill : float
        Covariance at distance 0.
    """

    variogram: Variogram
    range_m: float
    sill: float

    def between(self, sites: FloatArray, targets: FloatArray) -> FloatArray:
        """Return the covariances (site, target) of coordinates (2, site) and (2, target) [m]."""
        result = np.empty((sites.shape[1], targets.shape[1]))
        model = exponential if self.variogram == "exponential" else spherical
        model(sites, targets, self.range_m, self.sill, result)
        return result


class KrigingSystem:
    """Factorised kriging system of a set of sites, with a sill of 1.

    Parameters
    ----------
    site_xy : ndarray, shape (site, 2)
        Coordinates [m], no two the same.
    covariance : Covariance
    nugget : float
        Added on the diagonal.

    References
    ----------
    Cressie, N. (1993). Statistics for Spatial Data, section 3.2. Dubrule, O. (1983). Cross validation of kriging in a
    unique neighborhood. Mathematical Geology 15(6), 687-699 (closed form of leaving out). Kitanidis, P. K. (1983).
    Statistical estimation of polynomial generalized covariance functions. Water Resources Research 19(4), 909-921
    (restricted likelihood).
    """

    def __init__(self, site_xy: FloatArray, covariance: Covariance, nugget: float) -> None:
        self.count = len(site_xy)
        self.covariance = covariance
        self._site_xy = np.ascontiguousarray(site_xy.T)
        matrix = covariance.between(self._site_xy, self._site_xy)
        matrix[np.diag_indices(self.count)] += nugget
        with one_blas_thread():
            self._factor = _factor(matrix)
            ones = dpotrs(self._factor, np.ones(self.count), lower=1)[0]
        self._total = float(ones.sum())  # 1' C^-1 1
        self.offset = ones / self._total

    @cached_property
    def half(self) -> FloatArray:
        """Inverse of the lower factor of the covariances; only variance and lost sites need it."""
        with one_blas_thread():
            return np.ascontiguousarray(dtrtri(self._factor, lower=1)[0])

    @cached_property
    def precision(self) -> FloatArray:
        """P of the module's text."""
        with one_blas_thread():
            return self.half.T @ self.half - self._total * np.outer(self.offset, self.offset)

    def covariances(self, targets: FloatArray) -> FloatArray:
        """Return the covariances of sites and targets, shape (site, target)."""
        return self.covariance.between(self._site_xy, np.ascontiguousarray(targets.T))

    def coefficients(self, values: FloatArray) -> FloatArray:
        """Return the dual form (step, site) of values (step, site): times the covariances it gives their mean part."""
        solved = dpotrs(self._factor, values.T, lower=1)[0].T
        return np.asarray(solved - np.outer(self._total * (values @ self.offset), self.offset))

    def weights(self, targets: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return weights (site, target) of all sites, and the variance (target,)."""
        return self.weights_of(self.covariances(targets))

    def weights_of(self, right: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return weights (site, target) and the variance (target,) for covariances (site, target)."""
        weights = self.precision @ right
        weights += self.offset[:, np.newaxis]
        # The Lagrange multiplier is offset' r - 1 / (1' C^-1 1).
        explained = self.offset @ right
        add_products(right, weights, explained)
        return weights, np.maximum(1.0 - explained + 1.0 / self._total, 0.0)

    def variance(self, right: FloatArray) -> FloatArray:
        """Return the variance (target,) for covariances (site, target), at nearly half the work of the weights."""
        explained = np.zeros(right.shape[1])
        # By rows, which leaves out most of the empty half; dtrmm of SciPy leaves out all but makes threads wait.
        part = np.empty((_ROWS, right.shape[1]))
        for begin in range(0, self.count, _ROWS):
            end = min(begin + _ROWS, self.count)
            rows = part[: end - begin]
            np.matmul(self.half[begin:end, :end], right[:end], out=rows)
            add_products(rows, rows, explained)
        unbiased = 1.0 - self._total * (self.offset @ right)
        return np.asarray(np.maximum(1.0 - explained + unbiased**2 / self._total, 0.0))

    def loss(self, known: Mask) -> Loss | None:
        """Return the loss of the sites without a value; None if all have one."""
        return None if known.all() else Loss(self.precision, known)

    def log_likelihood(self, filled: FloatArray, loss: Loss | None) -> float:
        """Return the restricted log-likelihood of values (step, site), the sill of each step at its best.

        -(n - 1) / 2 log(z' P z / (n - 1)) - log(det C · 1' C^-1 1) / 2 summed over steps, n the known sites, but for
        a constant. Steps without any difference between sites tell nothing and must be left out.
        """
        free = self.count - 1 if loss is None else len(loss.kept) - 1
        volume = 2.0 * np.log(np.diag(self._factor)).sum() + np.log(self._total)
        if loss is not None:
            volume -= 2.0 * np.log(np.diag(loss.half)).sum()
        return float(-0.5 * (free * np.log(self.sills(filled, free)) + volume).sum())

    def sills(self, filled: FloatArray, free: int) -> FloatArray:
        """Return the sill z' P z / free of each step (step,) for values (step, site)."""
        whitened = filled @ self.half.T
        squares = np.einsum("ij,ij->i", whitened, whitened) - self._total * (filled @ self.offset) ** 2
        return np.asarray(np.maximum(squares, 0.0) / free)

    def leave_one_out(self, filled: FloatArray, loss: Loss | None) -> tuple[FloatArray, FloatArray]:
        """Return what the other sites say of each site, (step, site), and the variance (site,), of known sites only."""
        kept = np.arange(self.count) if loss is None else loss.kept
        diagonal = np.diag(self.precision)[kept] - (0.0 if loss is None else loss.diagonal())
        residual = (filled @ self.precision)[:, kept] / diagonal
        return filled[:, kept] - residual, 1.0 / diagonal


def _factor(matrix: FloatArray) -> FloatArray:
    """Return the lower Cholesky factor."""
    factor, failed = dpotrf(matrix, lower=1, clean=1)
    if failed:
        raise np.linalg.LinAlgError("gauges lie so close together that their covariances are singular; add a nugget")
    return np.asarray(factor)


def patterns(known: Mask) -> Iterator[tuple[NDArray[np.intp], Mask]]:
    """Yield the steps of each pattern of known values (step, site), and the pattern (site,)."""
    if not known.size:
        return
    if known.all():
        yield np.arange(len(known)), known[0]
        return
    packed = np.ascontiguousarray(np.packbits(known, axis=1))
    _, first, group = np.unique(packed.view(f"V{packed.shape[1]}").ravel(), return_index=True, return_inverse=True)
    order = np.argsort(group, kind="stable")
    for steps in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        yield steps, known[first[group[steps[0]]]]


def for_each_chunk(count: int, work: Callable[[slice], None], threads: int | None) -> None:
    """Call `work` with slices that cover `count` targets, on so many threads (None: as many as Numba may use).

    The slices do not depend on the number of threads, and neither do the results.
    """
    parts = [slice(begin, min(begin + CHUNK, count)) for begin in range(0, count, CHUNK)]
    threads = min(threads or numba.config.NUMBA_NUM_THREADS, len(parts))  # type: ignore[attr-defined]
    if threads <= 1:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, parts):
            pass


def one_blas_thread() -> Any:
    """Return a context in which products run on one thread, so that results do not depend on the number of threads."""
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
