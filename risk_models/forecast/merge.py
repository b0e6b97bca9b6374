"""Gauge rain merged with a background (radar, satellite, a weather model) by kriging of residuals.

The background gives the pattern, the gauges give the amount: it is scaled to the gauges as a whole and trusted as far
as its pattern agrees with theirs; what is left at each gauge is kriged and added. Where there is no background, the
gauges alone are kriged.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from risk_models.forecast.interpolate import OrdinaryKriging, require_fitted
from risk_models.forecast.variogram import Variogram

__all__ = ["GaugeMerge", "mean_field_factor"]

FloatArray = NDArray[np.float64]


def mean_field_factor(
    rain_mm: ArrayLike,
    background_mm: ArrayLike,
    *,
    prior_mm: float = 2.0,
    limits: tuple[float, float] = (0.2, 5.0),
    min_gauges: int = 3,
) -> FloatArray:
    """Return, for each step, the factor that brings a background to the sum of the gauges.

    factor = (sum of gauges + prior) / (sum of background at the gauges + prior), kept within limits.

    Parameters
    ----------
    rain_mm, background_mm : array_like, shape (time, gauge)
        Gauge rain, and the background at the gauges [mm]; NaN in either leaves the pair out.
    prior_mm : float
        Rain [mm] added to both sums, which draws the factor to 1 where there is little rain.
    limits : tuple of float
        Least and largest factor.
    min_gauges : int
        With fewer pairs the factor is 1.

    Returns
    -------
    ndarray, shape (time,)

    Examples
    --------
    >>> mean_field_factor([[10.0, 20, 30]], [[5.0, 10, 15]]).round(2).tolist()
    [1.94]
    """
    rain, background = np.asarray(rain_mm, dtype=np.float64), np.asarray(background_mm, dtype=np.float64)
    paired = np.isfinite(rain) & np.isfinite(background)
    gauges = np.where(paired, rain, 0.0).sum(axis=1)
    field = np.where(paired, background, 0.0).sum(axis=1)
    factor = np.clip((gauges + prior_mm) / (field + prior_mm), *limits)
    return np.where(paired.sum(axis=1) >= min_gauges, factor, 1.0)


class GaugeMerge:
    """Merge gauges with a background: mean-field factor, regression, then ordinary kriging of what is left.

    rain = b f background + residual, with f the mean-field factor of the step and b from 0 to 1 the least-squares slope
    of the gauges' differences within a step on those of the scaled background, pooled over all steps. A background
    whose pattern is noise gets b near 0, and the result is that of the gauges alone.

    Parameters
    ----------
    variogram : {"exponential", "spherical"}
        Of the residuals.
    range_m : float or None
        Range [m] of the residuals; None fits it to them.
    nugget : float or None
        Share of the sill that is noise; None fits it, with 0 a gauge's own value is met exactly.
    adjust : bool
        Scale the background by `mean_field_factor`, and by the slope; otherwise it is taken as it is.

    Attributes
    ----------
    factor_ : ndarray, shape (time,)
        Factor applied to the background, slope included.
    slope_ : float
        b.
    method_ : ndarray of str, shape (time,)
        ``residuals``, or ``gauges`` where the background is unknown at so many gauges that under five residuals remain.

    References
    ----------
    Goudenhoofdt, E. & Delobbe, L. (2009). Evaluation of radar-gauge merging methods for quantitative precipitation
    estimates. Hydrol. Earth Syst. Sci. 13, 195-203, doi 10.5194/hess-13-195-2009.

    Examples
    --------
    >>> gauge_xy = np.array([[0, 0], [9, 0], [0, 9], [9, 9], [5, 4]]) * 1000.0
    >>> radar_mm = np.array([[5, 10, 15, 20, 12]])
    >>> model = GaugeMerge(range_m=20_000, adjust=False).fit(gauge_xy, radar_mm + 1.0, radar_mm)
    >>> model.predict([[4000.0, 9000.0]], [[30.0]]).round(1).tolist()
    [[31.0]]
    """

    def __init__(
        self,
        variogram: Variogram = "exponential",
        *,
        range_m: float | None = None,
        nugget: float | None = None,
        adjust: bool = True,
    ) -> None:
        self.variogram = variogram
        self.range_m = range_m
        self.nugget = nugget
        self.adjust = adjust

    def fit(self, gauge_xy: ArrayLike, rain_mm: ArrayLike, background_mm: ArrayLike) -> Self:
        """Take the gauges, their rain, and the background at the gauges.

        Parameters
        ----------
        gauge_xy : array_like, shape (gauge, 2)
            Coordinates [m].
        rain_mm : array_like, shape (time, gauge)
            Rain [mm]; NaN is unknown.
        background_mm : array_like, shape (time, gauge)
            Background [mm] at the gauges; NaN is unknown.

        Returns
        -------
        GaugeMerge
            Itself.

        Raises
        ------
        ValueError
            If shapes do not agree, or as `OrdinaryKriging.fit`.
        """
        rain, background = np.asarray(rain_mm, dtype=np.float64), np.asarray(background_mm, dtype=np.float64)
        if rain.shape != background.shape:
            raise ValueError(f"background_mm has shape {background.shape}; accepted: that of rain_mm, {rain.shape}")
        self.factor_, self.slope_ = np.ones(len(rain)), 1.0
        if self.adjust:
            scale = mean_field_factor(rain, background)
            self.slope_ = _pooled_slope(rain, scale[:, np.newaxis] * background)
            self.factor_ = self.slope_ * scale
        residuals = rain - self.factor_[:, np.newaxis] * background
        self._residuals = self._kriging().fit(gauge_xy, residuals)
        self._gauges = self._kriging().fit(gauge_xy, rain)
        self.method_ = np.where(self._residuals.method_ == "kriging", "residuals", "gauges")
        return self

    def _kriging(self) -> OrdinaryKriging:
        return OrdinaryKriging(self.variogram, range_m=self.range_m, nugget=self.nugget)

    def predict(self, target_xy: ArrayLike, background_mm: ArrayLike) -> FloatArray:
        """Return the merged rain at the targets.

        Parameters
        ----------
        target_xy : array_like, shape (target, 2)
            Coordinates [m].
        background_mm : array_like, shape (time, target)
            Background [mm] at the targets; NaN is unknown.

        Returns
        -------
        ndarray, shape (time, target)
            Rain [mm], never below 0: gauges alone where the background is unknown, NaN where nothing is known.
        """
        return self.predict_with_std(target_xy, background_mm)[0]

    def predict_with_std(self, target_xy: ArrayLike, background_mm: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the merged rain at the targets and the standard deviation of what was kriged.

        Parameters
        ----------
        target_xy : array_like, shape (target, 2)
            Coordinates [m].
        background_mm : array_like, shape (time, target)
            Background [mm] at the targets; NaN is unknown.

        Returns
        -------
        rain_mm, std_mm : ndarray, shape (time, target)

        Raises
        ------
        ValueError
            If the background has another shape than (time, target).
        """
        require_fitted(self)
        targets = np.asarray(target_xy, dtype=np.float64).reshape(-1, 2)
        background = np.asarray(background_mm, dtype=np.float64)
        accepted = (len(self.factor_), len(targets))
        if background.shape != accepted:
            raise ValueError(f"background_mm has shape {background.shape}; accepted: {accepted}")
        rain, std = self._gauges.predict_with_std(targets)
        # Residuals are signed: the linear estimate is wanted, not the one held above 0.
        left = self._residuals.smooth(self._residuals.rain_mm_, targets)
        _, left_std = self._residuals.predict_with_std(targets)
        merged = np.maximum(self.factor_[:, np.newaxis] * background + left, 0.0)
        use = np.isfinite(merged) & (self.method_ == "residuals")[:, np.newaxis]
        return np.where(use, merged, rain), np.where(use, left_std, std)


def _pooled_slope(rain_mm: FloatArray, background_mm: FloatArray) -> float:
    """Slope of differences from the mean of each step, within 0 to 1; 1 where nothing can be told."""
    paired = np.isfinite(rain_mm) & np.isfinite(background_mm)
    count = np.maximum(paired.sum(axis=1, keepdims=True), 1)
    own, field = np.where(paired, rain_mm, 0.0), np.where(paired, background_mm, 0.0)
    own = np.where(paired, own - own.sum(axis=1, keepdims=True) / count, 0.0)
    field = np.where(paired, field - field.sum(axis=1, keepdims=True) / count, 0.0)
    power = float((field**2).sum())
    return 1.0 if power == 0 else float(np.clip((own * field).sum() / power, 0.0, 1.0))
