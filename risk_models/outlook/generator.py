"""A stochastic generator of storms, fitted to a record.

*Alternating renewal*, by calendar month: dry gap, storm, dry gap, ... Gaps beyond the separation follow a mixed
exponential,

    f(v) = w / m1 exp(-v / m1) + (1 - w) / m2 exp(-v / m2),

fitted by expectation-maximisation, which keeps the sample mean. *Depths* of the district rain of a storm are those of
the record up to a high quantile ``u`` of the month, and above it generalised Pareto,

    P(V > v) = (1 - k (v - u) / a)^(1/k),   a = m (1 + k),

with the mean excess ``m`` of the month and one shape ``k`` for all months (by L-moments of the excesses divided by
their ``m``). So the mean is kept too, and depths go beyond the record. *Disaggregation by analogue*: a drawn depth
takes the hours and the pattern over the gauges of a recorded storm of about that depth and season, scaled to the drawn
depth: time structure and pattern in space are those of real storms. Hourly intensities beyond the record come from that
scaling alone. A month with few storms borrows shapes from its neighbours
and keeps its own means. Gaps and depths are independent of what was before.

References
----------
Woolhiser, D. A. & Roldan, J. (1982) Stochastic daily precipitation models, 2: a comparison of distributions of amounts.
Water Resources Research 18(5), 1461-1468 (mixed exponential). Dempster, A. P., Laird, N. M. & Rubin, D. B. (1977)
J. R. Statist. Soc. B 39, 1-38 (EM). Hosking, J. R. M. & Wallis, J. R. (1987) Parameter and quantile estimation for the
generalized Pareto distribution. Technometrics 29(3), 339-349. Wojcik, R. & Buishand, T. A. (2003) Simulation of
6-hourly rainfall and temperature by two resampling schemes. J. Hydrology 273, 69-80.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from risk_models.arithmetic import settled
from risk_models.outlook.extremes import l_moments
from risk_models.outlook.seasonal import TercileForecast
from risk_models.outlook.storms import StormCatalogue

__all__ = [
    "DepthLaw",
    "GeneratedPeriods",
    "MixedExponential",
    "StormGenerator",
    "condition_on_terciles",
    "fit_generator",
    "generate_periods",
    "resampled_generators",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
#: A month with fewer storms borrows those of its neighbours, up to three months away.
POOL_STORMS = 40
#: Storms that suffice for the means of a month, as against the shapes of its distributions.
MEAN_STORMS = 10
#: Recorded storms of nearest depth among which the analogue is drawn. More of them mean more scaling, and with it
#: hourly maxima that are too high (on the German record 20 % with five, 5 % with three).
ANALOGUES = 3
#: A scaled analogue may not rain harder than the greatest hour ever measured, mm.
MOST_MM_H = 401.0
#: Hours generated before a period, so that its first day is as wet as any other.
WARM_UP_H = 30 * 24
EM_STEPS = 80
#: Share of the storms of a month whose depth is drawn from the fitted tail, and the shapes it may take (k below 0 is a
#: heavy tail; -0.3 is about the heaviest found for rain).
TAIL_SHARE = 0.15
K_HEAVIEST, K_LIGHTEST = -0.3, 0.2


@dataclass(frozen=True)
class MixedExponential:
    """Weight of the first part, and the means of both.

    Examples
    --------
    >>> fit = MixedExponential.fit(np.array([1.0, 1.0, 2.0, 2.0, 30.0, 60.0]))
    >>> round(fit.mean, 6)
    16.0
    """

    weight: float
    mean_1: float
    mean_2: float

    @property
    def mean(self) -> float:
        """Mean of the mixture."""
        return float(self.weight * self.mean_1 + (1 - self.weight) * self.mean_2)

    @classmethod
    def fit(cls, values: Floats) -> MixedExponential:
        """Fit to positive values by expectation-maximisation; the mean is kept.

        Parameters
        ----------
        values : ndarray (n,)
            Above 0, at least one.

        Returns
        -------
        MixedExponential
        """
        mean = float(values.mean())
        weight, mean_1, mean_2 = 0.5, 0.4 * mean, 1.6 * mean
        for _ in range(EM_STEPS):
            # Logarithm of the ratio of the densities, so that far values neither underflow nor overflow.
            log_odds = np.log(weight * mean_2 / ((1 - weight) * mean_1)) - values * (1 / mean_1 - 1 / mean_2)
            in_first = expit(log_odds)
            total = in_first.sum()
            if not 1e-3 * len(values) < total < (1 - 1e-3) * len(values):
                break
            weight = total / len(values)
            mean_1 = float((in_first * values).sum() / total)
            mean_2 = float(((1 - in_first) * values).sum() / (len(values) - total))
        return cls(weight, mean_1, mean_2)

    def draw(self, rng: np.random.Generator, size: int) -> Floats:
        """Draw values."""
        means = np.where(rng.random(size) < self.weight, self.mean_1, self.mean_2)
        return np.asarray(means * rng.standard_exponential(size))


@dataclass(frozen=True)
class DepthLaw:
    """Depths of a month: the record's below the threshold, generalised Pareto excesses above it.

    Attributes
    ----------
    body_mm : ndarray
        Recorded depths up to the threshold, rising.
    threshold_mm : float
    tail_share : float
        Probability of a depth above the threshold.
    mean_excess_mm : float
    k : float
        Shape.
    """

    body_mm: Floats
    threshold_mm: float
    tail_share: float
    mean_excess_mm: float
    k: float

    @property
    def mean_mm(self) -> float:
        """Mean depth."""
        return float(
            (1 - self.tail_share) * self.body_mm.mean() + self.tail_share * (self.threshold_mm + self.mean_excess_mm)
        )

    def draw(self, rng: np.random.Generator, size: int) -> Floats:
        """Draw depths, mm."""
        body = self.body_mm[rng.integers(0, len(self.body_mm), size)]
        unit = rng.standard_exponential(size)
        excess = unit if abs(self.k) < 1e-9 else -np.expm1(-self.k * unit) / self.k
        tail = self.threshold_mm + self.mean_excess_mm * (1 + self.k) * excess
        return settled(np.where(rng.random(size) < self.tail_share, tail, body))


def _split_depths(depth_mm: Floats) -> tuple[Floats, float, Floats]:
    """Return body, threshold and excesses of one month's depths."""
    ordered = np.sort(depth_mm)
    n_tail = max(1, round(TAIL_SHARE * len(ordered)))
    body = ordered[: len(ordered) - n_tail] if len(ordered) > 1 else ordered
    return body, float(body[-1]), np.maximum(ordered[-n_tail:] - body[-1], 0.0)


def _tail_shape(excesses: list[Floats]) -> float:
    """Return the shape of all months' excesses by L-moments: l2 / l1 = 1 / (2 + k) at unit mean."""
    scaled = np.concatenate([excess / excess.mean() for excess in excesses if excess.mean() > 0] or [np.ones(3)])
    if len(scaled) < 3:
        return 0.0
    l1, l2, _ = l_moments(scaled)
    return float(np.clip(l1 / l2 - 2.0 if l2 > 0 else 0.0, K_HEAVIEST, K_LIGHTEST))


@dataclass(frozen=True)
class _Month:
    gap: MixedExponential
    depth: DepthLaw
    analogues: Ints  # by rising depth
    analogue_mm: Floats


@dataclass(frozen=True)
class StormGenerator:
    """A fitted generator: the catalogue and what was learnt of each calendar month."""

    catalogue: StormCatalogue
    months: tuple[_Month, ...]

    def draw_gaps(self, rng: np.random.Generator, months: Ints) -> Ints:
        """Draw dry hours after storms that end in the given months (1-12)."""
        gaps = np.zeros(len(months), dtype=np.int64)
        for month in np.unique(months):
            rows = np.flatnonzero(months == month)
            excess = self.months[month - 1].gap.draw(rng, len(rows))
            gaps[rows] = self.catalogue.separation_h + 1 + np.floor(excess).astype(np.int64)
        return gaps

    def draw_storms(self, rng: np.random.Generator, months: Ints) -> tuple[Ints, Floats]:
        """Draw an analogue and its scale for storms that begin in the given months (1-12)."""
        chosen, scale = np.zeros(len(months), dtype=np.int64), np.ones(len(months))
        for month in np.unique(months):
            rows, own = np.flatnonzero(months == month), self.months[month - 1]
            depth = own.depth.draw(rng, len(rows))
            near = np.searchsorted(own.analogue_mm, depth)
            width = min(ANALOGUES, len(own.analogues))
            start = np.clip(near - width // 2, 0, len(own.analogues) - width)
            chosen[rows] = own.analogues[start + rng.integers(0, width, len(rows))]
            scale[rows] = depth / self.catalogue.depth_mm[chosen[rows]]
        return chosen, scale


def fit_generator(catalogue: StormCatalogue, storms: Ints | None = None) -> StormGenerator:
    """Fit the generator.

    Parameters
    ----------
    catalogue : StormCatalogue
    storms : ndarray of int, optional
        Storms to learn from, repetitions allowed; all of them if not given.

    Returns
    -------
    StormGenerator
    """
    chosen = np.arange(len(catalogue)) if storms is None else np.asarray(storms, dtype=np.int64)
    month_of = catalogue.month[chosen]
    pools = [_pool(chosen, month_of, month, POOL_STORMS) for month in range(1, 13)]
    # The few storms nearest to the month set the means; the pool sets the shapes.
    near = [_pool(chosen, month_of, month, MEAN_STORMS) for month in range(1, 13)]
    depths = [_scaled(catalogue.depth_mm, pool, own) for pool, own in zip(pools, near, strict=True)]
    split = [_split_depths(depth) for depth in depths]
    k = _tail_shape([excess for _, _, excess in split])
    fitted = []
    dry_h = catalogue.gap_h - catalogue.separation_h - 0.5
    for pool, own, (body, threshold, excess) in zip(pools, near, split, strict=True):
        dry = _scaled(dry_h, pool, own)
        order = pool[np.argsort(catalogue.depth_mm[pool], kind="stable")]
        fitted.append(
            _Month(
                gap=MixedExponential.fit(np.maximum(dry, 0.5) if len(dry) else np.array([24.0])),
                depth=DepthLaw(body, threshold, len(excess) / len(pool), float(excess.mean()), k),
                analogues=order,
                analogue_mm=catalogue.depth_mm[order],
            )
        )
    return StormGenerator(catalogue, tuple(fitted))


def _pool(chosen: Ints, months: Ints, month: int, least: int) -> Ints:
    """Return the storms that a month learns from: its own, or with its neighbours' if they are few."""
    distance = np.minimum((months - month) % 12, (month - months) % 12)
    reach = next((reach for reach in range(4) if (distance <= reach).sum() >= least), 6)
    return chosen[distance <= reach]


def _scaled(values: Floats, pool: Ints, own: Ints) -> Floats:
    """Return the pool's known values, scaled to the mean of the month's own."""
    of_pool, of_own = values[pool][~np.isnan(values[pool])], values[own][~np.isnan(values[own])]
    return of_pool * (of_own.mean() / of_pool.mean()) if len(of_own) else of_pool


def resampled_generators(catalogue: StormCatalogue, count: int, *, rng: np.random.Generator) -> list[StormGenerator]:
    """Fit generators to records made of years drawn with replacement, for what a short record leaves uncertain.

    Parameters
    ----------
    catalogue : StormCatalogue
    count : int
        Number of generators.
    rng : Generator

    Returns
    -------
    list of StormGenerator
    """
    years = np.unique(catalogue.year)
    by_year = [np.flatnonzero(catalogue.year == year) for year in years]
    draws = rng.integers(0, len(years), (count, len(years)))
    return [fit_generator(catalogue, np.concatenate([by_year[year] for year in row])) for row in draws]


@dataclass(frozen=True)
class GeneratedPeriods:
    """Storms of N generated periods; P periods of equal length, S storms ordered by period and start.

    Attributes
    ----------
    catalogue : StormCatalogue
    first_day : date
    n_days : int
    n_periods : int
    period : ndarray of int (S,)
    start_h : ndarray of int (S,)
        Hours from local midnight of the first day to the storm's beginning. A storm belongs to the period in which it
        begins, and is kept whole.
    analogue : ndarray of int (S,)
    scale : ndarray (S,)
    weight : ndarray (P,)
        Weights of the periods, mean 1.
    replicate : ndarray of int (P,)
        Which generator made a period.
    signal : TercileForecast or None
        What the weights stand on.
    """

    catalogue: StormCatalogue
    first_day: date
    n_days: int
    n_periods: int
    period: Ints
    start_h: Ints
    analogue: Ints
    scale: Floats
    weight: Floats
    replicate: Ints
    signal: TercileForecast | None = None

    def totals_mm(self) -> Floats:
        """Return the district rain of each period, (P,)."""
        depth = self.catalogue.depth_mm[self.analogue] * self.scale
        return settled(np.bincount(self.period, weights=depth, minlength=self.n_periods))

    def hourly_mm(self, period: int) -> Floats:
        """Return the hourly rain of one period at the gauges, (hours, G); the tail of a last storm is cut off."""
        hours = self.n_days * 24
        rain = np.zeros((hours, len(self.catalogue.gauge_ids)))
        for storm in np.flatnonzero(self.period == period):
            begin, end = self.catalogue.offset[self.analogue[storm] : self.analogue[storm] + 2]
            start = self.start_h[storm]
            field = self.catalogue.rain_mm[begin:end][: hours - start] * self.scale[storm]
            rain[start : start + len(field)] += field
        return rain


def generate_periods(
    generators: Sequence[StormGenerator], first_day: date, last_day: date, *, n_periods: int, rng: np.random.Generator
) -> GeneratedPeriods:
    """Generate many periods of the same calendar days.

    Parameters
    ----------
    generators : sequence of StormGenerator
        Of one catalogue; the periods are shared out among them evenly.
    first_day, last_day : date
        Both included.
    n_periods : int
        At least one per generator.
    rng : Generator

    Returns
    -------
    GeneratedPeriods

    Raises
    ------
    ValueError
        If the days are in the wrong order or there are fewer periods than generators.
    """
    n_days = (last_day - first_day).days + 1
    if n_days < 1 or not 1 <= len(generators) <= n_periods:
        raise ValueError(f"{n_days} days and {n_periods} periods for {len(generators)} generators do not make periods")
    catalogue = generators[0].catalogue
    replicate = np.arange(n_periods, dtype=np.int64) * len(generators) // n_periods
    parts = []
    for index, generator in enumerate(generators):
        own = np.flatnonzero(replicate == index)
        period, start, analogue, scale = _march(generator, first_day, n_days * 24, len(own), rng)
        parts.append((own[period], start, analogue, scale))
    period, start, analogue, scale = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((start, period))
    harshest = catalogue.peaks_mm(1).max(axis=1)[analogue[order]]
    return GeneratedPeriods(
        catalogue=catalogue,
        first_day=first_day,
        n_days=n_days,
        n_periods=n_periods,
        period=period[order],
        start_h=start[order],
        analogue=analogue[order],
        scale=np.minimum(scale[order], MOST_MM_H / np.maximum(harshest, 1e-9)),
        weight=np.ones(n_periods),
        replicate=replicate,
    )


def _march(
    generator: StormGenerator, first_day: date, hours: int, count: int, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints, Floats]:
    """Alternate gaps and storms in all periods at once until each is over."""
    days = pd.date_range(pd.Timestamp(first_day) - pd.Timedelta(hours=WARM_UP_H), periods=(WARM_UP_H + hours) // 24)
    month_of_day = days.month.to_numpy().astype(np.int64)
    duration = generator.catalogue.duration_h
    now, alive = np.full(count, -WARM_UP_H, dtype=np.int64), np.arange(count)
    found: list[tuple[Ints, Ints, Ints, Floats]] = []
    while len(alive):
        now[alive] += generator.draw_gaps(rng, month_of_day[(now[alive] + WARM_UP_H) // 24])
        alive = alive[now[alive] < hours]
        if not len(alive):
            break
        analogue, scale = generator.draw_storms(rng, month_of_day[(now[alive] + WARM_UP_H) // 24])
        inside = now[alive] >= 0
        found.append((alive[inside], now[alive][inside], analogue[inside], scale[inside]))
        now[alive] += duration[analogue]
        alive = alive[now[alive] < hours]
    empty = np.zeros(0, dtype=np.int64)
    if not found:
        return empty, empty, empty, np.zeros(0)
    period, start, analogue, scale = (np.concatenate(column) for column in zip(*found, strict=True))
    return period, start, analogue, scale


def condition_on_terciles(periods: GeneratedPeriods, forecast: TercileForecast) -> GeneratedPeriods:
    """Weight the periods so that their totals fall below, within and above normal as forecast.

    "Normal" is the middle third of the generated periods' own totals, so an even forecast changes nothing.

    Parameters
    ----------
    periods : GeneratedPeriods
    forecast : TercileForecast

    Returns
    -------
    GeneratedPeriods
        The same storms with other weights.

    Notes
    -----
    With probabilities p of the thirds, each holding n of N periods, a period of that third weighs ``p N / n``.
    """
    order = np.argsort(periods.totals_mm(), kind="stable")
    third = np.empty(periods.n_periods, dtype=np.int64)
    third[order] = np.arange(periods.n_periods) * 3 // periods.n_periods
    members = np.bincount(third, minlength=3)
    if forecast.is_neutral:
        weight = np.ones(periods.n_periods)
    else:
        share = np.asarray(forecast.probabilities)
        weight = share[third] / members[third] * periods.n_periods
    return replace(periods, weight=weight, signal=forecast)
