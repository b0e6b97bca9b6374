"""Return levels of annual maxima by L-moments, with intervals from a parametric bootstrap.

With the sample L-moments ``l1, l2`` and ratio ``t3`` of the annual maxima:

- *Gumbel*: ``alpha = l2 / ln 2``, ``xi = l1 - 0.5772 alpha``, ``k = 0``.
- *GEV*: ``k`` solves ``t3 = 2 (1 - 3^-k) / (1 - 2^-k) - 3``;
  ``alpha = l2 k / ((1 - 2^-k) G)``, ``xi = l1 - alpha (1 - G) / k`` with ``G = Gamma(1 + k)``.
- *Return level* of ``T`` years: ``xi + alpha (1 - y^k) / k`` with ``y = -ln(1 - 1/T)``; for ``k = 0``
  ``xi - alpha ln y``.

Hosking's sign of ``k``: negative means a heavy upper tail. All of it works on many samples at once, so the bootstrap
costs one call.

References
----------
Hosking, J. R. M. (1990) L-moments: analysis and estimation of distributions using linear combinations of order
statistics. J. R. Statist. Soc. B 52(1), 105-124. Hosking, J. R. M., Wallis, J. R. & Wood, E. F. (1985) Estimation of
the generalized extreme-value distribution by the method of probability-weighted moments. Technometrics 27(3), 251-261.
Kysely, J. (2008) A cautionary note on the use of nonparametric bootstrap for estimating uncertainties in
extreme-value models. J. Appl. Meteor. Climatol. 47(12), 3236-3251: why the bootstrap is parametric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import gamma

from risk_models.arithmetic import settled
from risk_models.outlook.record import TooShort

__all__ = ["MIN_YEARS", "ExtremeValues", "ReturnLevels", "fit_extremes", "l_moments", "return_levels"]

Floats = npt.NDArray[np.float64]
Family = Literal["gev", "gumbel"]

#: Least number of annual maxima for each family; below, an interval would be wider than the estimate is worth
#: (an assumption: three parameters need about twice the years of two).
MIN_YEARS: dict[Family, int] = {"gumbel": 10, "gev": 20}
#: A return period beyond this many times the record is marked as extrapolated (rule of thumb).
EXTRAPOLATED_TIMES = 2.0
EULER = 0.5772156649015329
#: GEV shapes that can be told from the first three L-moments with finite mean.
K_LOW, K_HIGH = -0.95, 20.0
NEAR_GUMBEL = 1e-6


def l_moments(samples: npt.ArrayLike) -> Floats:
    """Return l1, l2 and the ratio t3 of each sample, unbiased.

    Parameters
    ----------
    samples : array_like (..., n)
        At least three values each, any order.

    Returns
    -------
    ndarray (..., 3)
        l1 and l2 in the unit of the sample; t3 without unit, 0 where all values are equal.

    Raises
    ------
    ValueError
        If there are fewer than three values, or one is not finite.

    References
    ----------
    Hosking (1990), from the probability-weighted moments b0, b1, b2.

    Examples
    --------
    >>> l_moments([2.0, 3.0, 4.0, 2.4, 5.5, 1.2, 5.4, 2.2, 7.1, 1.3, 1.5]).round(6).tolist()
    [3.236364, 1.141818, 0.273885]
    """
    ordered = np.sort(np.asarray(samples, dtype=np.float64), axis=-1)
    n = ordered.shape[-1]
    if n < 3 or not np.isfinite(ordered).all():
        raise ValueError(f"L-moments need at least three finite values, got {n}")
    rank = np.arange(n, dtype=np.float64)
    b0 = ordered.mean(axis=-1)
    b1 = (ordered * rank).mean(axis=-1) / (n - 1)
    b2 = (ordered * rank * (rank - 1)).mean(axis=-1) / ((n - 1) * (n - 2))
    l2, l3 = 2 * b1 - b0, 6 * b2 - 6 * b1 + b0
    spread = l2 > 1e-12 * np.maximum(np.abs(b0), 1e-300)
    t3 = np.divide(l3, l2, out=np.zeros_like(l2), where=spread)
    return np.stack([b0, np.where(spread, l2, 0.0), t3], axis=-1)


@dataclass(frozen=True)
class ExtremeValues:
    """Location xi, scale alpha and shape k (Hosking's sign) of one or many fitted distributions."""

    family: Family
    xi: Floats
    alpha: Floats
    k: Floats

    def level(self, return_period_a: npt.ArrayLike) -> Floats:
        """Return the level of each return period, shape (..., T).

        Parameters
        ----------
        return_period_a : array_like (T,)
            Years, above 1.

        Returns
        -------
        ndarray (..., T)
            In the unit of the sample.

        Examples
        --------
        >>> fit = fit_extremes([2.0, 3.0, 4.0, 2.4, 5.5, 1.2, 5.4, 2.2, 7.1, 1.3, 1.5], "gev")
        >>> fit.level([1.25, 2, 5]).round(4).tolist()
        [1.5391, 2.7057, 4.537]
        """
        periods = np.asarray(return_period_a, dtype=np.float64)
        if (periods <= 1).any():
            raise ValueError("return periods of annual maxima must be above 1 year")
        log_y = np.log(-np.log1p(-1.0 / periods))
        k = np.asarray(self.k)[..., None]
        safe_k = np.where(np.abs(k) < NEAR_GUMBEL, 1.0, k)
        growth = np.where(np.abs(k) < NEAR_GUMBEL, -log_y, -np.expm1(safe_k * log_y) / safe_k)
        return np.asarray(np.asarray(self.xi)[..., None] + np.asarray(self.alpha)[..., None] * growth)

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Draw annual maxima of a single fit."""
        log_y = np.log(rng.standard_exponential(shape))
        k = float(self.k)
        growth = -log_y if abs(k) < NEAR_GUMBEL else -np.expm1(k * log_y) / k
        return np.asarray(self.xi + self.alpha * growth)


def fit_extremes(samples: npt.ArrayLike, family: Family) -> ExtremeValues:
    """Fit one distribution per sample by L-moments.

    Parameters
    ----------
    samples : array_like (..., n)
        Annual maxima.
    family : {"gev", "gumbel"}

    Returns
    -------
    ExtremeValues
        Parameters of shape (...).

    References
    ----------
    See the module.

    Examples
    --------
    The sample and GEV parameters of the tests of Hosking's routines.

    >>> fit = fit_extremes([2.0, 3.0, 4.0, 2.4, 5.5, 1.2, 5.4, 2.2, 7.1, 1.3, 1.5], "gev")
    >>> round(float(fit.xi), 4), round(float(fit.alpha), 4), round(float(fit.k), 4)
    (2.1793, 1.3956, -0.1556)
    """
    moments = l_moments(samples)
    l1, l2, t3 = moments[..., 0], moments[..., 1], moments[..., 2]
    if family == "gumbel":
        alpha = l2 / np.log(2.0)
        return ExtremeValues(family, l1 - EULER * alpha, alpha, np.zeros_like(l1))
    k = _shape(t3)
    near = np.abs(k) < NEAR_GUMBEL
    safe_k = np.where(near, 1.0, k)
    g = gamma(1.0 + safe_k)
    alpha = np.where(near, l2 / np.log(2.0), l2 * safe_k / (-np.expm1(-safe_k * np.log(2.0)) * g))
    xi = l1 - alpha * np.where(near, EULER, (1.0 - g) / safe_k)
    return ExtremeValues(family, xi, alpha, np.where(near, 0.0, k))


def _skew(k: Floats) -> Floats:
    near = np.abs(k) < NEAR_GUMBEL
    safe = np.where(near, 1.0, k)
    at_gumbel = 2 * np.log(3.0) / np.log(2.0) - 3
    skew = 2 * np.expm1(-safe * np.log(3.0)) / np.expm1(-safe * np.log(2.0)) - 3
    return np.asarray(np.where(near, at_gumbel, skew), dtype=np.float64)


def _shape(t3: Floats) -> Floats:
    """Solve for k by bisection: the skewness falls with k, so 60 halvings are exact and never fail."""
    low, high = np.full_like(t3, K_LOW), np.full_like(t3, K_HIGH)
    for _ in range(60):
        mid = 0.5 * (low + high)
        is_too_skewed = _skew(mid) > t3
        low, high = np.where(is_too_skewed, mid, low), np.where(is_too_skewed, high, mid)
    return 0.5 * (low + high)


@dataclass(frozen=True)
class ReturnLevels:
    """Return levels with intervals, and what they stand on.

    Attributes
    ----------
    table : DataFrame
        Index return_period_a; level_mm, low_mm, high_mm, is_extrapolated (beyond twice the record).
    fit : ExtremeValues
    n_years : int
        Annual maxima used.
    confidence : float
        Of the interval, e.g. 0.9.
    """

    table: pd.DataFrame
    fit: ExtremeValues
    n_years: int
    confidence: float


def return_levels(
    annual_maxima_mm: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    return_periods_a: Sequence[float] = (2, 5, 10, 20, 50, 100),
    family: Family | Literal["auto"] = "auto",
    confidence: float = 0.9,
    n_resamples: int = 1000,
) -> ReturnLevels | TooShort:
    """Estimate return levels, or say that there are too few years.

    Parameters
    ----------
    annual_maxima_mm : array_like (n,)
        One value per year, mm; NaN for years that are not known, which do not count.
    rng : Generator
        For the bootstrap.
    return_periods_a : sequence of float
        Years.
    family : {"auto", "gev", "gumbel"}
        ``auto``: GEV from 20 years, Gumbel from 10.
    confidence : float
        Of the interval.
    n_resamples : int
        Bootstrap samples drawn from the fit.

    Returns
    -------
    ReturnLevels or TooShort

    Raises
    ------
    ValueError
        If a maximum is negative or a setting is out of range.

    References
    ----------
    See the module.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> found = return_levels(rng.gumbel(60, 20, 40), rng=rng, family="gumbel")
    >>> bool((found.table["low_mm"] < found.table["level_mm"]).all()), found.n_years
    (True, 40)
    >>> print(return_levels([80.0, 95.0], rng=rng).en)
    Record too short for return levels: at least 10 years are needed, 2 are there.
    """
    maxima = np.asarray(annual_maxima_mm, dtype=np.float64)
    known = maxima[~np.isnan(maxima)]
    if (known < 0).any() or not 0 < confidence < 1 or n_resamples < 20:
        raise ValueError("maxima must not be negative, confidence lies between 0 and 1, resamples are at least 20")
    chosen: Family = family if family != "auto" else ("gev" if len(known) >= MIN_YEARS["gev"] else "gumbel")
    if len(known) < MIN_YEARS[chosen]:
        return TooShort("重现期雨量", "return levels", MIN_YEARS[chosen], len(known), "years")
    periods = np.asarray(return_periods_a, dtype=np.float64)
    fit = fit_extremes(known, chosen)
    resampled = fit_extremes(fit.sample(rng, (n_resamples, len(known))), chosen).level(periods)
    tail = (1 - confidence) / 2
    low, high = settled(np.quantile(resampled, [tail, 1 - tail], axis=0))
    level = settled(fit.level(periods))
    table = pd.DataFrame(
        {
            "level_mm": level,
            "low_mm": np.clip(low, 0.0, level),
            "high_mm": np.maximum(high, level),
            "is_extrapolated": periods > EXTRAPOLATED_TIMES * len(known),
        },
        index=pd.Index(periods, name="return_period_a"),
    )
    return ReturnLevels(table, fit, len(known), confidence)
