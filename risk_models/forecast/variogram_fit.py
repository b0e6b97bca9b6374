"""Range and nugget of a variogram from gauge rain: by restricted likelihood, with a prior for what rain leaves open.

Every wet step has a sill of its own, so that steps of much and of little rain count alike; all share one range and one
nugget (climatological variogram). One step of a hundred gauges tells the range well, one step of six hardly: the prior
then says the rest, and no count of gauges or steps decides which.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from risk_models.arithmetic import settled
from risk_models.forecast.kriging_system import Covariance, KrigingSystem, patterns
from risk_models.forecast.sites import join_gauges
from risk_models.forecast.variogram import MIN_GAUGES, Variogram

__all__ = ["DEFAULT_PRIOR", "VariogramFit", "VariogramPrior", "fit_variogram"]

FloatArray = NDArray[np.float64]
WET_MM = 0.1
#: Ranges [m] and nuggets that are tried, then ranges by a factor nearer to the best: finer than records tell apart.
RANGES_M = tuple(1000.0 * 2.0**power for power in range(11))
BETWEEN = 2.0**0.5
NUGGETS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
#: More wet steps or sites than these tell nothing new and only take time.
MOST_STEPS, MOST_SITES = 200, 120


@dataclass(frozen=True)
class VariogramPrior:
    """What is believed of a storm's variogram before its rain is seen.

    Attributes
    ----------
    range_m : float
        Median range [m].
    range_factor : float
        One standard deviation either way, as a factor on the range (log-normal).
    nugget : float
        Mean nugget, a share of the sill (exponential).

    Notes
    -----
    Default: 20 km within a factor of three, from a cloudburst to a day of frontal rain, and a nugget of 0.05
    (assumptions).
    """

    range_m: float = 20_000.0
    range_factor: float = 3.0
    nugget: float = 0.05

    def log_density(self, range_m: float, nugget: float) -> float:
        """Return the logarithm of the density, but for a constant."""
        return -0.5 * (math.log(range_m / self.range_m) / math.log(self.range_factor)) ** 2 - nugget / self.nugget


DEFAULT_PRIOR = VariogramPrior()


@dataclass(frozen=True)
class VariogramFit:
    """Range and nugget, and what they stand on.

    Attributes
    ----------
    range_m : float
        Range [m].
    nugget : float
        Share of the sill.
    n_steps : int
        Wet steps that were used; with 0 the prior stands alone.
    prior : VariogramPrior
    """

    range_m: float
    nugget: float
    n_steps: int
    prior: VariogramPrior

    def next_prior(self) -> VariogramPrior:
        """Return the prior for the next storm: about this one's range, as far from it as storms differ."""
        return self.prior if not self.n_steps else replace(self.prior, range_m=self.range_m)


def fit_variogram(
    gauge_xy: ArrayLike,
    rain_mm: ArrayLike,
    *,
    variogram: Variogram = "exponential",
    prior: VariogramPrior = DEFAULT_PRIOR,
    range_m: float | None = None,
    nugget: float | None = None,
) -> VariogramFit:
    """Return the range and nugget most likely after the wet steps (mean above 0.1 mm, five sites or more).

    The restricted log-likelihood of all wet steps, each with a free sill, plus the logarithm of the prior is the
    greatest of a grid: ranges from 1 to 1000 km, at last by a factor of 1.4, and nuggets from 0 to 0.4.

    Parameters
    ----------
    gauge_xy : array_like, shape (gauge, 2)
        Coordinates [m]. Gauges within 50 m are one site.
    rain_mm : array_like, shape (time, gauge)
        Rain [mm], or residuals of it; NaN is unknown. Of more than 200 wet steps those whose gauges differ most are
        used, of more than 120 sites a part, evenly by their coordinates.
    variogram : {"exponential", "spherical"}
    prior : VariogramPrior
        Of the last storm (`VariogramFit.next_prior`), or the default.
    range_m, nugget : float, optional
        Given by hand; only the other is fitted.

    Returns
    -------
    VariogramFit
        That of the prior (its median range, no nugget) where no step can tell.

    References
    ----------
    Kitanidis, P. K. (1983). Statistical estimation of polynomial generalized covariance functions and hydrologic
    applications. Water Resources Research 19(4), 909-921. Lebel, T., Bastin, G., Obled, C. & Creutin, J. D. (1987). On
    the accuracy of areal rainfall estimation. Water Resources Research 23(11), 2123-2134 (climatological variogram).

    Examples
    --------
    >>> fit_variogram([[0, 0], [1000, 0]], [[1.0, 2.0]]).range_m
    20000.0
    """
    site_xy, values = _wet_steps(gauge_xy, rain_mm)
    if not len(values):
        return VariogramFit(range_m or prior.range_m, nugget or 0.0, 0, prior)
    rows = [(np.where(known, values[steps], 0.0), known) for steps, known in patterns(np.isfinite(values))]

    @cache
    def support(candidate: tuple[float, float]) -> float:
        sill = 1.0 - candidate[1]
        system = KrigingSystem(site_xy, Covariance(variogram, candidate[0], sill), candidate[1])
        told = sum(_log_likelihood(system, sample, known) for sample, known in rows)
        # Of candidates that differ by rounding alone the first is taken, on every processor.
        return float(settled(told + prior.log_density(*candidate)))

    nuggets = NUGGETS if nugget is None else (nugget,)
    best = max(product(RANGES_M if range_m is None else (range_m,), nuggets), key=support)
    if range_m is None:
        between = (float(round(best[0] * step)) for step in (1.0 / BETWEEN, 1.0, BETWEEN))
        best = max(product(between, nuggets), key=support)
    return VariogramFit(*best, len(values), prior)


def _log_likelihood(system: KrigingSystem, sample: FloatArray, known: NDArray[np.bool_]) -> float:
    loss = system.loss(known)
    if loss is None:
        return system.log_likelihood(sample, None)
    filled = sample.copy()
    filled[:, loss.lost] = loss.fill(sample)
    return system.log_likelihood(filled, loss)


def _wet_steps(gauge_xy: ArrayLike, rain_mm: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return coordinates of the sites and the values (step, site) of the wet steps, in an order of their own."""
    rain = np.asarray(rain_mm, dtype=np.float64)
    sites = join_gauges(gauge_xy)
    values = sites.mean(rain, np.isfinite(rain))
    kept = np.unique(np.linspace(0, sites.count - 1, min(sites.count, MOST_SITES)).round().astype(int))
    values = values[:, kept]
    known = np.isfinite(values)
    values = values[known.sum(axis=1) >= MIN_GAUGES]
    if not len(values):
        return sites.xy[kept], values
    spread = settled(np.nanstd(values, axis=1))
    tells = np.flatnonzero((settled(np.nanmean(np.abs(values), axis=1)) > WET_MM) & (spread > 0))
    # Where gauges differ most, most hangs on the variogram.
    chosen = tells[np.argsort(-spread[tells], kind="stable")[:MOST_STEPS]]
    return sites.xy[kept], values[np.sort(chosen)]
