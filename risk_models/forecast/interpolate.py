"""Gauges to points: ordinary kriging with one factorisation for all steps, also when gauges drop out.

Kriging weights depend on where the gauges are, not on what they measured: they are worked out once for all gauges and
serve every step. Steps in which some gauges have no value take the factorisation down instead of making a new one (see
`kriging_system`). Steps without rain at any gauge are dry at every target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from risk_models.forecast.kriging_kernel import lift, spread_of_step
from risk_models.forecast.kriging_system import (
    Covariance,
    KrigingSystem,
    Loss,
    for_each_chunk,
    one_blas_thread,
    patterns,
)
from risk_models.forecast.sites import join_gauges
from risk_models.forecast.variogram import MIN_GAUGES, VARIOGRAMS, Variogram
from risk_models.forecast.variogram_fit import DEFAULT_PRIOR, VariogramPrior, fit_variogram

__all__ = ["KrigingTargets", "OrdinaryKriging", "require_fitted"]

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
_NONE = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class KrigingTargets:
    """Targets whose weights are kept, for a model that meets the same gauges and targets again and again.

    Attributes
    ----------
    xy : ndarray, shape (target, 2)
        Coordinates [m].
    weights : ndarray, shape (site, target)
        Weights of all gauge sites.
    variance : ndarray, shape (target,)
        Kriging variance for a sill of 1 with all gauges.
    key : bytes
        Of gauges and variogram; a model with others refuses the targets.
    """

    xy: FloatArray
    weights: FloatArray
    variance: FloatArray
    key: bytes


class OrdinaryKriging:
    """Ordinary kriging of gauge rain, with inverse distance where fewer than five gauges have a value.

    The variogram has a sill of 1, so weights do not depend on the rain; the standard deviation of each step is scaled
    by the sill most likely for it. Gauges within 50 m are one site that has their mean. Results below 0, which negative
    weights can give, are set to 0. As a scikit-learn estimator it is `risk_models.forecast.estimators.GaugeKriging`;
    scikit-learn takes a second to load.

    Parameters
    ----------
    variogram : {"exponential", "spherical"}
        gamma(h) = 1 - exp(-3 h / range), or 1.5 h / range - 0.5 (h / range)^3 up to the range.
    range_m : float or None
        Distance [m] at which correlation is (nearly) gone; None fits it to the data (`variogram_fit.fit_variogram`).
    nugget : float or None
        Share of the sill (0 to below 1) that is measurement noise; None fits it to the data. With 0 a gauge's own value
        is met exactly.
    prior : VariogramPrior
        Of what is fitted: `VariogramFit.next_prior` of the last storm, or the default.
    threads : int or None
        Threads over which many targets are spread; None: as many as Numba may use (all cores, or NUMBA_NUM_THREADS).
        Results do not depend on it.

    Attributes
    ----------
    range_m_, nugget_ : float
        Range [m] and nugget used.
    gauge_xy_ : ndarray, shape (gauge, 2)
        Gauge coordinates [m].
    rain_mm_ : ndarray, shape (time, gauge)
        Gauge rain [mm].
    method_ : ndarray of str, shape (time,)
        ``kriging``, ``inverse_distance`` (under five gauges) or ``none`` (no gauge: the step is NaN).

    References
    ----------
    Cressie, N. (1993). Statistics for Spatial Data, section 3.2 (ordinary kriging).

    Examples
    --------
    >>> gauge_xy = np.array([[0, 0], [9, 0], [0, 9], [9, 9], [5, 4]]) * 1000.0
    >>> model = OrdinaryKriging(range_m=20_000, nugget=0.0).fit(gauge_xy, [[10, 20, 30, 40, 24]])
    >>> model.predict(gauge_xy[:2]).round(6).tolist()
    [[10.0, 20.0]]
    """

    def __init__(
        self,
        variogram: Variogram = "exponential",
        *,
        range_m: float | None = None,
        nugget: float | None = None,
        prior: VariogramPrior = DEFAULT_PRIOR,
        threads: int | None = None,
    ) -> None:
        self.variogram = variogram
        self.range_m = range_m
        self.nugget = nugget
        self.prior = prior
        self.threads = threads

    def fit(self, gauge_xy: ArrayLike, rain_mm: ArrayLike) -> Self:
        """Take the gauges and their rain; fit range and nugget if none are given.

        Parameters
        ----------
        gauge_xy : array_like, shape (gauge, 2)
            Coordinates [m] in a projected system.
        rain_mm : array_like, shape (time, gauge)
            Rain [mm]; NaN is unknown and takes no part.

        Returns
        -------
        OrdinaryKriging
            Itself.

        Raises
        ------
        ValueError
            If shapes do not agree, a coordinate is not finite, or a parameter is out of range.
        """
        points = np.asarray(gauge_xy, dtype=np.float64)
        rain = np.asarray(rain_mm, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
            raise ValueError("gauge_xy must be finite with shape (gauge, 2)")
        if rain.ndim != 2 or rain.shape[1] != len(points):
            raise ValueError(f"rain_mm has shape {rain.shape}; accepted: (time, {len(points)})")
        if self.variogram not in VARIOGRAMS:
            raise ValueError(f"variogram is '{self.variogram}'; accepted: {', '.join(VARIOGRAMS)}")
        if not 0 <= (self.nugget or 0.0) < 1 or (self.range_m is not None and not self.range_m > 0):
            raise ValueError("nugget must be from 0 to below 1, and range_m above 0")
        self.gauge_xy_, self.rain_mm_ = points, rain
        self._fit_variogram()
        counts = np.isfinite(rain).sum(axis=1)
        self.method_ = np.where(counts >= MIN_GAUGES, "kriging", np.where(counts > 0, "inverse_distance", "none"))
        self._factorise(points)
        return self

    def predict(self, targets: ArrayLike | KrigingTargets) -> FloatArray:
        """Return the rain at the targets.

        Parameters
        ----------
        targets : array_like, shape (target, 2), or KrigingTargets
            Coordinates [m], or what `prepare` returned.

        Returns
        -------
        ndarray, shape (time, target)
            Rain [mm], never below 0; NaN where no gauge has a value.
        """
        return self._apply(self._checked(targets), None, with_std=False)[0]

    def predict_with_std(self, targets: ArrayLike | KrigingTargets) -> tuple[FloatArray, FloatArray]:
        """Return the rain at the targets and the standard deviation of interpolation.

        Parameters
        ----------
        targets : array_like, shape (target, 2), or KrigingTargets
            Coordinates [m], or what `prepare` returned.

        Returns
        -------
        rain_mm : ndarray, shape (time, target)
        std_mm : ndarray, shape (time, target)
            NaN with fewer than two gauges, whose spread nobody knows.
        """
        return self._apply(self._checked(targets), None, with_std=True)

    def smooth(self, values: ArrayLike, targets: ArrayLike | KrigingTargets) -> FloatArray:
        """Apply the same weights to other values of the gauges, such as a mark of quality.

        Parameters
        ----------
        values : array_like, shape (time, gauge)
            Any finite values; those of gauges without rain are not used.
        targets : array_like, shape (target, 2), or KrigingTargets
            Coordinates [m], or what `prepare` returned.

        Returns
        -------
        ndarray, shape (time, target)
        """
        return self._apply(self._checked(targets), np.asarray(values, dtype=np.float64), with_std=False)[0]

    def weights(self, target_xy: ArrayLike, available: ArrayLike | None = None) -> tuple[FloatArray, FloatArray]:
        """Return the weights of the gauges at the targets, and the kriging variance for a sill of 1.

        Parameters
        ----------
        target_xy : array_like, shape (target, 2)
            Coordinates [m].
        available : array_like of bool, shape (gauge,), optional
            Gauges with a value; all if not given.

        Returns
        -------
        weights : ndarray, shape (target, gauges available)
            Each row sums to 1.
        variance : ndarray, shape (target,)

        Raises
        ------
        ValueError
            If no gauge is available.
        """
        require_fitted(self)
        points = np.asarray(target_xy, dtype=np.float64).reshape(-1, 2)
        mask = np.ones(len(self.gauge_xy_), bool) if available is None else np.asarray(available, dtype=bool)
        if not mask.any():
            raise ValueError("no gauge is available")
        if mask.sum() < MIN_GAUGES:
            return _inverse_distance(self.gauge_xy_[mask], points)
        weights, variance = self._system.weights(points)
        site = self._sites.of_gauge[mask]
        shares = np.bincount(site, minlength=self._sites.count)
        loss = self._system.loss(shares > 0)
        if loss is not None:
            variance = variance + loss.growth(weights)
            weights = loss.without(weights)
            site = np.searchsorted(loss.kept, site)
            shares = shares[loss.kept]
        # Gauges on one spot share the weight of the spot.
        return (weights[site] / shares[site][:, np.newaxis]).T, variance

    def prepare(self, target_xy: ArrayLike) -> KrigingTargets:
        """Return the targets with their weights, to be used in place of coordinates as long as the gauges stay.

        Parameters
        ----------
        target_xy : array_like, shape (target, 2)
            Coordinates [m].

        Returns
        -------
        KrigingTargets
            Takes 8 bytes for each pair of target and gauge.

        Raises
        ------
        ValueError
            If there are fewer than five gauges, which are not kriged.

        Examples
        --------
        >>> gauge_xy = np.array([[0, 0], [9, 0], [0, 9], [9, 9], [5, 4]]) * 1000.0
        >>> kept = OrdinaryKriging(range_m=9000.0).fit(gauge_xy, np.ones((1, 5))).prepare([[2000.0, 3000.0]])
        >>> OrdinaryKriging(range_m=9000.0).fit(gauge_xy, [[4, 4, 4, 4, 4]]).predict(kept).round(9).tolist()
        [[4.0]]
        """
        require_fitted(self)
        if len(self.gauge_xy_) < MIN_GAUGES:
            raise ValueError(f"{len(self.gauge_xy_)} gauges are not kriged; accepted: {MIN_GAUGES} or more")
        points = np.asarray(target_xy, dtype=np.float64).reshape(-1, 2)
        weights, variance = np.empty((self._sites.count, len(points))), np.empty(len(points))

        def prepare(part: slice) -> None:
            weights[:, part], variance[part] = self._system.weights(points[part])

        with one_blas_thread():
            for_each_chunk(len(points), prepare, self.threads)
        return KrigingTargets(points, weights, variance, self._key)

    def leave_one_out(self) -> tuple[FloatArray, FloatArray]:
        """Return what kriging from the other gauges says at each gauge, in closed form, without solving anew.

        Returns
        -------
        rain_mm : ndarray, shape (time, gauge)
            Never below 0; NaN where the gauge has no value, or with five gauges or fewer (one less would no longer be
            kriged).
        std_mm : ndarray, shape (time, gauge)
            Standard deviation for the gauge as measured, nugget included, scaled by the sill of the step.

        References
        ----------
        Dubrule, O. (1983). Cross validation of kriging in a unique neighborhood. Mathematical Geology 15(6), 687-699.

        Examples
        --------
        >>> gauge_xy = np.array([[0, 0], [9, 0], [0, 9], [9, 9], [5, 4], [4, 5]]) * 1000.0
        >>> model = OrdinaryKriging(range_m=1e6, nugget=0.0).fit(gauge_xy, [[10, 20, 20, 30, 19, 7]])
        >>> rain_mm, std_mm = model.leave_one_out()
        >>> rain_mm.round().tolist()
        [[14.0, 21.0, 11.0, 18.0, 10.0, 19.0]]
        """
        require_fitted(self)
        known = np.isfinite(self.rain_mm_)
        rain, std = np.full(known.shape, np.nan), np.full(known.shape, np.nan)
        for steps, pattern in patterns(known):
            if pattern.sum() <= MIN_GAUGES:
                continue
            sample = self.rain_mm_[np.ix_(steps, np.flatnonzero(pattern))]
            filled, loss = self._fill(sample, pattern)
            alone, variance = self._system.leave_one_out(filled, loss)
            site = self._sites.of_gauge[pattern]
            place = site if loss is None else np.searchsorted(loss.kept, site)
            shares = np.bincount(place)[place]
            # A gauge that shares its place is told by the others there.
            others = (filled[:, site] * shares - sample) / np.maximum(shares - 1, 1)
            apart = self.nugget_ * shares / np.maximum(shares - 1, 1)
            cells = np.ix_(steps, np.flatnonzero(pattern))
            rain[cells] = np.where(shares > 1, others, alone[:, place])
            std[cells] = np.sqrt(np.outer(self._sill(filled, loss), np.where(shares > 1, apart, variance[place])))
        return np.maximum(rain, 0.0), std

    def _fit_variogram(self) -> None:
        self.range_m_, self.nugget_ = self.range_m or 0.0, self.nugget or 0.0
        if self.range_m is None or self.nugget is None:
            given = {"range_m": self.range_m, "nugget": self.nugget}
            found = fit_variogram(self.gauge_xy_, self.rain_mm_, variogram=self.variogram, prior=self.prior, **given)
            self.range_m_, self.nugget_ = found.range_m, found.nugget

    def _factorise(self, points: FloatArray) -> None:
        if len(points) < MIN_GAUGES:
            return
        shape = np.array([self.range_m_, self.nugget_, self.variogram == "exponential"])
        key = shape.tobytes() + points.tobytes()
        if getattr(self, "_key", None) == key:
            return  # the same gauges as last time: only the rain is new
        self._sites, self._key = join_gauges(points), key
        covariance = Covariance(self.variogram, float(self.range_m_), 1.0 - self.nugget_)
        self._system = KrigingSystem(self._sites.xy, covariance, self.nugget_)

    def _checked(self, targets: ArrayLike | KrigingTargets) -> FloatArray | KrigingTargets:
        require_fitted(self)
        if not isinstance(targets, KrigingTargets):
            return np.asarray(targets, dtype=np.float64).reshape(-1, 2)
        if len(self.gauge_xy_) < MIN_GAUGES or targets.key != self._key:
            raise ValueError("targets were prepared for other gauges or another variogram; prepare them again")
        return targets

    def _apply(
        self, targets: FloatArray | KrigingTargets, values: FloatArray | None, *, with_std: bool
    ) -> tuple[FloatArray, FloatArray]:
        known = np.isfinite(self.rain_mm_)
        source = self.rain_mm_ if values is None else values
        points = targets.xy if isinstance(targets, KrigingTargets) else targets
        result = np.empty((len(known), len(points)))
        std = np.empty(result.shape if with_std else (0, 0))
        work = _Work(known, self.rain_mm_, with_std=with_std, lowest=0.0 if values is None else -np.inf)
        with one_blas_thread():
            for steps, pattern in patterns(known):
                sample = source[steps][:, pattern]
                if pattern.sum() >= MIN_GAUGES:
                    filled, loss = self._fill(sample, pattern)
                    work.add(steps, filled, loss)
                    if with_std:
                        work.spread[steps] = np.sqrt(self._sill(filled, loss))
                elif pattern.any():
                    weights, variance = _inverse_distance(self.gauge_xy_[pattern], points)
                    result[steps] = np.maximum(sample @ weights.T, work.lowest)
                    if with_std:
                        std[steps] = np.multiply.outer(work.spread[steps], np.sqrt(variance))
                else:
                    result[steps] = np.nan
                    std[steps if with_std else []] = np.nan
            if work.groups:
                self._apply_kriging(targets, work, result, std)
        return result, std

    def _apply_kriging(
        self, targets: FloatArray | KrigingTargets, work: _Work, result: FloatArray, std: FloatArray
    ) -> None:
        """Write kriged rain, and its standard deviation, into `result` and `std`."""
        steps, values = work.stacked()
        kept = isinstance(targets, KrigingTargets)
        factors = values if kept else self._system.coefficients(values)
        constant = np.zeros(len(steps)) if kept else values @ self._system.offset
        every = len(steps) == len(result)

        def krige(part: slice) -> None:
            fields, weights, variance = self._parts(targets, part, work)
            if every:
                np.matmul(factors, fields, out=result[:, part])
            else:
                result[steps, part] = factors @ fields
            # Here and not at the end, because the block is still in the cache.
            lift(result, steps, constant, work.lowest, part.start, part.stop)
            for group, loss in work.groups if work.with_std else ():
                work.write_std(group, loss, weights, variance, std[:, part])

        for_each_chunk(result.shape[1], krige, self.threads)

    def _parts(
        self, targets: FloatArray | KrigingTargets, part: slice, work: _Work
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return what the rain is made of (site, target), weights (site, target) and variance where they are needed."""
        if isinstance(targets, KrigingTargets):
            weights = targets.weights[:, part]
            if work.has_loss and work.with_std:
                weights = np.ascontiguousarray(weights)
            return weights, weights, targets.variance[part]
        # The dual form: one product with the covariances gives the rain, without weights.
        right = self._system.covariances(targets[part])
        if not work.with_std:
            return right, right, right[0]
        if work.has_loss:
            return right, *self._system.weights_of(right)
        return right, right, self._system.variance(right)

    def _fill(self, sample: FloatArray, pattern: Mask) -> tuple[FloatArray, Loss | None]:
        """Return values (step, site) of all sites, those without a gauge filled from the others, and the loss."""
        values = np.zeros((len(sample), len(pattern)))
        values[:, pattern] = sample
        filled = self._sites.mean(values, np.broadcast_to(pattern, values.shape))
        known = np.bincount(self._sites.of_gauge[pattern], minlength=self._sites.count) > 0
        filled[:, ~known] = 0.0
        loss = self._system.loss(known)
        if loss is not None:
            filled[:, loss.lost] = loss.fill(filled)
        return filled, loss

    def _sill(self, filled: FloatArray, loss: Loss | None) -> FloatArray:
        known = self._sites.count if loss is None else len(loss.kept)
        return self._system.sills(filled, max(known - 1, 1))


class _Work:
    """Steps to be kriged, group by group of the same gauges."""

    def __init__(self, known: Mask, rain_mm: FloatArray, *, with_std: bool, lowest: float) -> None:
        self.with_std, self.lowest = with_std, lowest
        self.spread = _spread(rain_mm, known) if with_std else np.empty(0)
        self.groups: list[tuple[NDArray[np.intp], Loss | None]] = []
        self.has_loss = False
        self._filled: list[FloatArray] = []

    def add(self, steps: NDArray[np.intp], filled: FloatArray, loss: Loss | None) -> None:
        self.groups.append((steps, loss))
        self._filled.append(filled)
        self.has_loss |= loss is not None

    def write_std(
        self, steps: NDArray[np.intp], loss: Loss | None, weights: FloatArray, variance: FloatArray, std: FloatArray
    ) -> None:
        """Write the standard deviation of the steps of a group at the targets of a chunk."""
        lost, half = (_NONE, np.empty((0, 0))) if loss is None else (loss.lost, loss.half)
        if len(steps) == 1:
            spread_of_step(weights, variance, lost, half, self.spread[steps[0]], std[steps[0]])
            return
        root = np.empty(len(variance))
        spread_of_step(weights, variance, lost, half, 1.0, root)
        if len(steps) == len(std):
            np.multiply.outer(self.spread, root, out=std)
        else:
            std[steps] = np.multiply.outer(self.spread[steps], root)

    def stacked(self) -> tuple[NDArray[np.intp], FloatArray]:
        """Return the steps of all groups in order of time, and their values (step, site)."""
        steps = np.concatenate([group for group, _ in self.groups])
        order = np.argsort(steps)
        return steps[order], np.concatenate(self._filled)[order]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Give the estimator of scikit-learn at its earlier address too, loaded when it is asked for."""
        if name != "GaugeKriging":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from risk_models.forecast.estimators import GaugeKriging

        return GaugeKriging


def require_fitted(model: object) -> None:
    """Refuse a model that `fit` was not called on.

    Parameters
    ----------
    model : object
        Fitted when it holds an attribute whose name ends in ``_``, as scikit-learn has it.

    Raises
    ------
    NotFittedError
        Of scikit-learn; a ValueError.

    Examples
    --------
    >>> require_fitted(OrdinaryKriging())
    Traceback (most recent call last):
    ...
    NotFittedError: This OrdinaryKriging is not fitted yet; call fit first.
    """
    if any(name.endswith("_") and not name.startswith("_") for name in vars(model)):
        return
    from sklearn.exceptions import NotFittedError

    raise NotFittedError(f"This {type(model).__name__} is not fitted yet; call fit first.")


def _spread(rain_mm: FloatArray, known: Mask) -> FloatArray:
    """Standard deviation of the gauges of each step; NaN with fewer than two."""
    counts = known.sum(axis=1)
    mean = np.where(known, rain_mm, 0.0).sum(axis=1) / np.maximum(counts, 1)
    squares = (np.where(known, rain_mm - mean[:, np.newaxis], 0.0) ** 2).sum(axis=1)
    return np.where(counts > 1, np.sqrt(squares / np.maximum(counts - 1, 1)), np.nan)


def _inverse_distance(gauges: FloatArray, targets: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weights by inverse squared distance; a gauge on the target takes all. Variance 1: the spread of the gauges."""
    from scipy.spatial.distance import cdist

    squared = cdist(targets, gauges, "sqeuclidean")
    at_gauge = squared < 1e-6
    raw = np.where(at_gauge.any(axis=1, keepdims=True), at_gauge, 1.0 / np.where(at_gauge, 1.0, squared))
    return raw / raw.sum(axis=1, keepdims=True), np.where(at_gauge.any(axis=1), 0.0, 1.0)
