"""Gauges to points: ordinary kriging that shares one factorisation among all steps with the same gauges.

Kriging weights depend on where the gauges are, not on what they measured. Steps are grouped by the pattern of gauges
with a value; each pattern is factorised once and its weights serve every step of the group.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist, pdist
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

__all__ = ["DEFAULT_RANGE_M", "GaugeKriging", "fit_range_m"]

FloatArray = NDArray[np.float64]
Variogram = Literal["exponential", "spherical"]
DEFAULT_RANGE_M = 20_000.0
MIN_GAUGES = 5
WET_MM = 0.1


class GaugeKriging(BaseEstimator):  # type: ignore[misc]
    """Ordinary kriging of gauge rain, with inverse distance where fewer than five gauges have a value.

    The variogram has a sill of 1, so weights do not depend on the rain; the standard deviation of each step is scaled
    by the spread of its gauges. Results below 0, which negative weights can give, are set to 0.

    Parameters
    ----------
    variogram : {"exponential", "spherical"}
        gamma(h) = 1 - exp(-3 h / range), or 1.5 h / range - 0.5 (h / range)^3 up to the range.
    range_m : float or None
        Distance [m] at which correlation is (nearly) gone; None fits it to the data with `fit_range_m`.
    nugget : float
        Share of the sill (0 to below 1) that is measurement noise; with 0 a gauge's own value is met exactly.

    Attributes
    ----------
    range_m_ : float
        Range used [m].
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
    >>> model = GaugeKriging(range_m=20_000).fit(gauge_xy, [[10, 20, 30, 40, 24]])
    >>> model.predict(gauge_xy[:2]).round(6).tolist()
    [[10.0, 20.0]]
    """

    def __init__(
        self, variogram: Variogram = "exponential", *, range_m: float | None = None, nugget: float = 0.0
    ) -> None:
        self.variogram = variogram
        self.range_m = range_m
        self.nugget = nugget

    def fit(self, gauge_xy: ArrayLike, rain_mm: ArrayLike) -> GaugeKriging:
        """Take the gauges and their rain; fit the range if none is given.

        Parameters
        ----------
        gauge_xy : array_like, shape (gauge, 2)
            Coordinates [m] in a projected system.
        rain_mm : array_like, shape (time, gauge)
            Rain [mm]; NaN is unknown and takes no part.

        Returns
        -------
        GaugeKriging

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
        if self.variogram not in ("exponential", "spherical"):
            raise ValueError(f"variogram is '{self.variogram}'; accepted: exponential, spherical")
        if not 0 <= self.nugget < 1 or (self.range_m is not None and not self.range_m > 0):
            raise ValueError("nugget must be from 0 to below 1, and range_m above 0")
        self.gauge_xy_, self.rain_mm_ = points, rain
        self.range_m_ = fit_range_m(points, rain, variogram=self.variogram) if self.range_m is None else self.range_m
        counts = np.isfinite(rain).sum(axis=1)
        self.method_ = np.where(counts >= MIN_GAUGES, "kriging", np.where(counts > 0, "inverse_distance", "none"))
        return self

    def predict(self, target_xy: ArrayLike) -> FloatArray:
        """Return the rain at the targets.

        Parameters
        ----------
        target_xy : array_like, shape (target, 2)
            Coordinates [m].

        Returns
        -------
        ndarray, shape (time, target)
            Rain [mm], never below 0; NaN where no gauge has a value.
        """
        return self.predict_with_std(target_xy)[0]

    def predict_with_std(self, target_xy: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the rain at the targets and the standard deviation of interpolation.

        Parameters
        ----------
        target_xy : array_like, shape (target, 2)
            Coordinates [m].

        Returns
        -------
        rain_mm : ndarray, shape (time, target)
        std_mm : ndarray, shape (time, target)
            NaN with fewer than two gauges, whose spread nobody knows.
        """
        linear, std = self._apply(self._checked(target_xy), None)
        return np.maximum(linear, 0.0), std

    def smooth(self, values: ArrayLike, target_xy: ArrayLike) -> FloatArray:
        """Apply the same weights to other values of the gauges, such as a mark of quality.

        Parameters
        ----------
        values : array_like, shape (time, gauge)
            Any finite values; those of gauges without rain are not used.
        target_xy : array_like, shape (target, 2)
            Coordinates [m].

        Returns
        -------
        ndarray, shape (time, target)
        """
        return self._apply(self._checked(target_xy), np.asarray(values, dtype=np.float64))[0]

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
        targets = self._checked(target_xy)
        mask = np.ones(len(self.gauge_xy_), bool) if available is None else np.asarray(available, dtype=bool)
        gauges = self.gauge_xy_[mask]
        if not len(gauges):
            raise ValueError("no gauge is available")
        return self._kriging(gauges, targets) if len(gauges) >= MIN_GAUGES else _inverse_distance(gauges, targets)

    def _checked(self, target_xy: ArrayLike) -> FloatArray:
        check_is_fitted(self)
        return np.asarray(target_xy, dtype=np.float64).reshape(-1, 2)

    def _apply(self, targets: FloatArray, values: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        known = np.isfinite(self.rain_mm_)
        source = self.rain_mm_ if values is None else values
        result = np.full((len(known), len(targets)), np.nan)
        std = np.full_like(result, np.nan)
        patterns, group = np.unique(known, axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            if not pattern.any():
                continue
            steps = np.flatnonzero(group.ravel() == number)
            weights, variance = self.weights(targets, pattern)
            sample = source[np.ix_(steps, np.flatnonzero(pattern))]
            result[steps] = sample @ weights.T
            if pattern.sum() > 1:
                std[steps] = sample.std(axis=1, ddof=1)[:, np.newaxis] * np.sqrt(variance)
        return result, std

    def _kriging(self, gauges: FloatArray, targets: FloatArray) -> tuple[FloatArray, FloatArray]:
        count = len(gauges)
        system = np.ones((count + 1, count + 1))
        distances = cdist(gauges, gauges)
        system[:count, :count] = self._covariance(distances) + self.nugget * np.eye(count)
        system[count, count] = 0.0
        right = np.ones((count + 1, len(targets)))
        right[:count] = self._covariance(cdist(gauges, targets))
        twins = np.triu(distances < 1e-6, k=1).any() and self.nugget == 0
        # Two gauges on one spot make the system singular; the pseudo-inverse shares the weight between them.
        solution = np.linalg.pinv(system) @ right if twins else np.linalg.solve(system, right)
        weights = solution[:count]
        weights = weights / weights.sum(axis=0)
        variance = 1.0 - (solution * right).sum(axis=0)
        return weights.T, np.maximum(variance, 0.0)

    def _covariance(self, distance_m: FloatArray) -> FloatArray:
        return (1.0 - self.nugget) * _correlation(distance_m, self.range_m_, self.variogram)


def fit_range_m(gauge_xy: ArrayLike, rain_mm: ArrayLike, *, variogram: Variogram = "exponential") -> float:
    """Return the range that best fits the pooled, standardised variogram of the wet steps.

    Each wet step (mean above 0.1 mm, five gauges or more) is divided by its spread; the halved squared difference of
    every pair is averaged over the steps; a variogram with free sill is fitted by least squares over many ranges.

    Parameters
    ----------
    gauge_xy : array_like, shape (gauge, 2)
        Coordinates [m].
    rain_mm : array_like, shape (time, gauge)
        Rain [mm]; NaN is unknown.
    variogram : {"exponential", "spherical"}

    Returns
    -------
    float
        Range [m]; `DEFAULT_RANGE_M` where there are fewer than ten wet steps or fewer than eight gauges, which cannot
        tell one range from another.

    Examples
    --------
    >>> fit_range_m([[0, 0], [1000, 0]], [[1.0, 2.0]])
    20000.0
    """
    points, rain = np.asarray(gauge_xy, dtype=np.float64), np.asarray(rain_mm, dtype=np.float64)
    rain = rain[np.isfinite(rain).sum(axis=1) >= MIN_GAUGES]
    if len(rain):
        rain = rain[(np.nanmean(rain, axis=1) > WET_MM) & (np.nanstd(rain, axis=1) > 0)]
    if len(rain) < 10 or len(points) < 8:
        return DEFAULT_RANGE_M
    scaled = rain / np.nanstd(rain, axis=1, keepdims=True)
    first, second = np.triu_indices(len(points), k=1)
    halved = 0.5 * (scaled[:, first] - scaled[:, second]) ** 2
    seen = np.isfinite(halved).sum(axis=0)
    distance = pdist(points)
    usable = (seen > 0) & (distance > 0)
    gamma = np.nansum(halved[:, usable], axis=0) / seen[usable]
    distance = distance[usable]
    candidates = np.geomspace(distance.min(), 3.0 * distance.max(), 40)
    shapes = 1.0 - np.array([_correlation(distance, candidate, variogram) for candidate in candidates])
    sills = (shapes @ gamma) / (shapes**2).sum(axis=1)
    errors = ((sills[:, np.newaxis] * shapes - gamma) ** 2).sum(axis=1)
    return float(candidates[errors.argmin()])


def _correlation(distance_m: FloatArray, range_m: float, variogram: Variogram) -> FloatArray:
    if variogram == "exponential":
        return np.asarray(np.exp(-3.0 * distance_m / range_m))
    ratio = np.minimum(distance_m / range_m, 1.0)
    return np.asarray(1.0 - 1.5 * ratio + 0.5 * ratio**3)


def _inverse_distance(gauges: FloatArray, targets: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weights by inverse squared distance; a gauge on the target takes all. Variance 1: the spread of the gauges."""
    squared = cdist(targets, gauges, "sqeuclidean")
    at_gauge = squared < 1e-6
    raw = np.where(at_gauge.any(axis=1, keepdims=True), at_gauge, 1.0 / np.where(at_gauge, 1.0, squared))
    return raw / raw.sum(axis=1, keepdims=True), np.where(at_gauge.any(axis=1), 0.0, 1.0)
