"""Generated periods through a depth model: expected days at each level, and how likely each depth is at least once.

Each storm is run over a window that begins some hours before it, with the earlier storms of its period in it, so that
wet ground and standing water are there. Storms too weak to pond anywhere can be skipped (`SkipRule`), which is what
makes a thousand periods cheap. A day counts once, at the greatest depth of any storm on it.

Two kinds of interval are given and must not be mixed up: ``p_low``-``p_high`` is how well a probability is known (90 %;
between refits of the generator to resampled years where there are ten or more, which holds the noise of finite numbers
of periods too; else of the number of periods alone, Jeffreys); ``days_p10``-``days_p90`` is what one period may bring.

References
----------
Brown, L. D., Cai, T. T. & DasGupta, A. (2001) Interval estimation for a binomial proportion. Statistical Science 16(2),
101-133 (Jeffreys interval).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import beta

from risk_models.arithmetic import product_by_row, settled, weighted_sum
from risk_models.levels import Level
from risk_models.outlook.generator import GeneratedPeriods
from risk_models.outlook.sampling_error import cases_of, sampling_error
from risk_models.risk.ponding import HotspotBasins, simulate_ponding
from risk_models.risk.spread import LEAST_SCENARIOS, PlaceSpread, Scenarios
from risk_models.standards import DepthClass

__all__ = [
    "DayDepths",
    "DepthModel",
    "Expected",
    "HotspotClasses",
    "SkipRule",
    "count_exceedances",
    "ponding_models",
    "run_periods",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
#: Hourly rain (hotspot, run, hour), mm, to depth at the end of each hour, m, of the same shape.
DepthModel = Callable[[Floats], Floats]

CONFIDENCE = 0.9
#: Refits from which the spread between them is used as the interval.
MIN_REPLICATES = 10
#: Hours before a storm that are run with it, and hours after it.
ANTECEDENT_H = 48
AFTERMATH_H = 6
BATCH_VALUES = 4_000_000


@dataclass(frozen=True)
class SkipRule:
    """Storms are skipped whose wettest hour stays below the limit of every hotspot, as that of all storms just before.

    Attributes
    ----------
    peak_1h_mm : ndarray (H,)
        Rain of an hour at the hotspot.
    """

    peak_1h_mm: Floats

    @classmethod
    def for_basins(cls, basins: HotspotBasins, spread: PlaceSpread | None = None) -> SkipRule:
        """Return the rule that loses nothing: rain that drains and pumps carry off within the hour never stands.

        Inflow is at most the greatest hourly rain on the whole catchment, so below the capacity (of the worst scenario)
        nothing is left to store.

        Parameters
        ----------
        basins : HotspotBasins
        spread : PlaceSpread, optional
            What is not known of them; default: as if no sag was surveyed.

        Returns
        -------
        SkipRule
        """
        every = _scenarios(basins, spread)
        drained_m3h = every.drain * basins.drain_capacity_m3h[:, None] + basins.pump_capacity_m3h[:, None]
        return cls(np.min(drained_m3h / (every.inflow * basins.catchment_m2[:, None]), axis=1) * 1000.0)


@dataclass(frozen=True)
class HotspotClasses:
    """Depth classes of H hotspots.

    Attributes
    ----------
    hotspot_ids : tuple of str
    keys : tuple of str
        C classes, by rising depth, dry classes left out.
    minima_m : ndarray (H, C)
        Least depth; infinite where a class is not for that kind of hotspot.
    levels : tuple of Level
        Of the classes.
    """

    hotspot_ids: tuple[str, ...]
    keys: tuple[str, ...]
    minima_m: Floats
    levels: tuple[Level, ...]

    @classmethod
    def for_kinds(cls, classes: Sequence[DepthClass], kinds: pd.Series) -> HotspotClasses:
        """Spread the classes of a standard over hotspots by kind.

        Parameters
        ----------
        classes : sequence of DepthClass
            Of ``standards.depth_classes(id)``.
        kinds : Series
            Kind of each hotspot, by hotspot_id.

        Returns
        -------
        HotspotClasses

        Examples
        --------
        >>> from risk_models.standards import load_standards
        >>> classes = load_standards().depth_classes("zz-road-2024")
        >>> made = HotspotClasses.for_kinds(classes, pd.Series({"EQ-001": "school", "EQ-002": "tunnel"}))
        >>> made.minima_m.tolist()
        [[0.05, 0.15, 0.27, 0.5, inf], [0.05, 0.15, 0.27, 0.5, 1.0]]
        """
        wet = sorted((item for item in classes if item.depth_min_m > 0), key=lambda item: item.depth_min_m)
        minima = [[item.depth_min_m if not item.kinds or kind in item.kinds else np.inf for item in wet]
                  for kind in kinds]  # fmt: skip
        return cls(
            hotspot_ids=tuple(map(str, kinds.index)),
            keys=tuple(item.key for item in wet),
            minima_m=np.array(minima, dtype=np.float64).reshape(len(kinds), len(wet)),
            levels=tuple(item.level for item in wet),
        )

    def level_depths_m(self, level: Level) -> pd.Series:
        """Return the least depth of a level or higher, by hotspot_id, m; infinite where a hotspot cannot reach it."""
        own = [column for column, item in enumerate(self.levels) if item >= level]
        least = self.minima_m[:, own].min(axis=1, initial=np.inf)
        return pd.Series(least, index=pd.Index(self.hotspot_ids, name="hotspot_id"))


@dataclass(frozen=True)
class Expected:
    """What the periods bring.

    Attributes
    ----------
    passes : DataFrame
        A row per hotspot and depth class: hotspot_id, depth_class, depth_min_m, p_once, p_low, p_high, expected_days,
        days_se (its sampling error), days_p10, days_p90; of days on which the depth is reached. NaN where a class is
        not for the hotspot.
    levels : DataFrame
        A row per unit and level blue to red: unit_kind (hotspot, group, district), unit_id, level, expected_days (at
        this level or higher), days_se, expected_days_exactly, days_p10, days_p90, p_once, p_low, p_high (at this or
        higher). The level of a unit and day is that of its worst hotspot. Probabilities and days are rounded to six
        decimals.
    n_periods, n_storms, n_run : int
        Periods, storms in them, and storms that were run.
    """

    passes: pd.DataFrame
    levels: pd.DataFrame
    n_periods: int
    n_storms: int
    n_run: int


@dataclass(frozen=True)
class DayDepths:
    """Depths of the days on which a storm was run; H hotspots, K days.

    Attributes
    ----------
    period, day : ndarray of int (K,)
        Period, and day in it from 0; ordered.
    depth_m : ndarray (H, K)
        Greatest depth of the day.
    n_run : int
        Storms that were run.
    """

    period: Ints
    day: Ints
    depth_m: Floats
    n_run: int

    def peaks_m(self, n_periods: int) -> Floats:
        """Return the greatest depth of each period, (H, P); 0 where no storm was run."""
        peaks = np.zeros((len(self.depth_m), n_periods))
        if len(self.period):
            first = np.flatnonzero(np.r_[True, self.period[1:] != self.period[:-1]])
            peaks[:, self.period[first]] = np.maximum.reduceat(self.depth_m, first, axis=1)
        return peaks


def _scenarios(basins: HotspotBasins, spread: PlaceSpread | None) -> Scenarios:
    """Return the central scenario and the others; rain that was drawn or recorded has no error of a forecast."""
    known = PlaceSpread.prior(np.zeros(len(basins), dtype=np.bool_)) if spread is None else spread
    return known.scenarios(LEAST_SCENARIOS)


def ponding_models(
    basins: HotspotBasins, spread: PlaceSpread | None = None
) -> tuple[DepthModel, tuple[DepthModel, ...]]:
    """Return the ponding model as it is in the middle, and under each of the equally likely scenarios of the places.

    Parameters
    ----------
    basins : HotspotBasins
    spread : PlaceSpread, optional
        What is not known of them; default: as if no sag was surveyed.

    Returns
    -------
    DepthModel
    tuple of DepthModel
    """
    every = _scenarios(basins, spread)

    def made(number: int) -> DepthModel:
        factors: dict[str, Any] = {name: factor[:, [number]] for name, factor in every.place_factors().items()}

        def depth(rain_mm: Floats) -> Floats:
            result = simulate_ponding(basins, rain_mm, **factors, keep_series=True)
            if result.depth_m is None:
                raise RuntimeError("the ponding model kept no series")
            return result.depth_m

        return depth

    return made(0), tuple(made(number) for number in range(1, len(every)))


def run_periods(
    periods: GeneratedPeriods, field: npt.ArrayLike, models: Sequence[DepthModel], *, skip: SkipRule | None = None
) -> DayDepths:
    """Run the storms of periods through the depth models.

    Parameters
    ----------
    periods : GeneratedPeriods
    field : array_like (H, G)
        Gauge rain to hotspot rain, of `hotspot_field`.
    models : sequence of DepthModel
        Equally likely; period i is run by model ``i % len(models)``.
    skip : SkipRule, optional
        Default: every storm is run.

    Returns
    -------
    DayDepths

    Raises
    ------
    ValueError
        If shapes do not fit, or a model returns another shape than its rain.
    """
    matrix = np.asarray(field, dtype=np.float64)
    n_gauges = len(periods.catalogue.gauge_ids)
    if matrix.ndim != 2 or matrix.shape[1] != n_gauges or not np.isfinite(matrix).all() or (matrix < 0).any():
        raise ValueError(f"field must be (hotspots, {n_gauges}), finite and not negative, got shape {matrix.shape}")
    if not models:
        raise ValueError("at least one depth model is needed")
    chosen = np.arange(len(periods.period)) if skip is None else _strong(periods, matrix, skip)
    keys, depth = _day_depths(periods, matrix, models, chosen)
    return DayDepths(keys // DAYS_KEY, keys % DAYS_KEY, depth, len(chosen))


def count_exceedances(
    periods: GeneratedPeriods, run: DayDepths, classes: HotspotClasses, *, groups: pd.Series | None = None
) -> Expected:
    """Count what was run.

    Parameters
    ----------
    periods : GeneratedPeriods
        Their weights carry the seasonal signal.
    run : DayDepths
        Of the same periods.
    classes : HotspotClasses
        Of H hotspots.
    groups : Series, optional
        Group (town) of each hotspot, by hotspot_id.

    Returns
    -------
    Expected

    Raises
    ------
    ValueError
        If there is not one set of classes per hotspot.
    """
    if len(run.depth_m) != len(classes.hotspot_ids):
        raise ValueError(f"depths are of {len(run.depth_m)} hotspots, classes of {len(classes.hotspot_ids)}")
    found = _Counter(periods, run.period)
    return Expected(
        passes=_passes(found, run.depth_m, classes),
        levels=_levels(found, run.depth_m, classes, groups),
        n_periods=periods.n_periods,
        n_storms=len(periods.period),
        n_run=run.n_run,
    )


def _strong(periods: GeneratedPeriods, field: Floats, skip: SkipRule) -> Ints:
    """Return the storms that reach the limit at some hotspot, and those that may meet water of such a storm."""
    limit = np.maximum(np.broadcast_to(skip.peak_1h_mm, len(field)), 1e-9)
    reach = (product_by_row(field, periods.catalogue.peaks_mm(1)) / limit[:, None]).max(axis=0, initial=0.0)
    is_strong = reach[periods.analogue] * periods.scale >= 1.0
    ends = periods.start_h + periods.catalogue.duration_h[periods.analogue]
    is_run = is_strong.copy()
    for back in range(1, len(is_strong)):
        is_near = (periods.period[back:] == periods.period[:-back]) & (
            ends[:-back] > periods.start_h[back:] - ANTECEDENT_H
        )
        if not is_near.any():
            break
        is_run[back:] |= is_near & is_strong[:-back]
    return np.flatnonzero(is_run)


#: Days are told apart by period * DAYS_KEY + day.
DAYS_KEY = 100_000


def _day_depths(
    periods: GeneratedPeriods, field: Floats, models: Sequence[DepthModel], chosen: Ints
) -> tuple[Ints, Floats]:
    """Return the keys (K,) of days on which a storm was run, and the greatest depth of each (H, K)."""
    n_hotspots = field.shape[0]
    keys: list[Ints] = []
    depths: list[Floats] = []
    for number, model in enumerate(models):
        own = chosen[periods.period[chosen] % len(models) == number]
        for batch in _batches(periods, own, n_hotspots):
            rain, is_own = _windows(periods, batch)
            run = product_by_row(field, rain)
            depth = model(run)
            if depth.shape != run.shape:
                raise ValueError(f"depth model returned {depth.shape} for rain of {run.shape}")
            key, deepest = _by_day(periods, batch, depth, is_own)
            keys.append(key)
            depths.append(settled(deepest))
    if not keys:
        return np.zeros(0, dtype=np.int64), np.zeros((n_hotspots, 0))
    key, depth = np.concatenate(keys), np.concatenate(depths, axis=1)
    order = np.argsort(key, kind="stable")
    unique, first = np.unique(key[order], return_index=True)
    return unique, np.maximum.reduceat(depth[:, order], first, axis=1)


def _batches(periods: GeneratedPeriods, storms: Ints, n_hotspots: int) -> Iterator[Ints]:
    """Cut storms into batches of about equal duration, so that little is run in vain."""
    duration = periods.catalogue.duration_h[periods.analogue[storms]]
    ordered = storms[np.argsort(duration, kind="stable")]
    hours = np.sort(duration) + ANTECEDENT_H + AFTERMATH_H
    begin = 0
    while begin < len(ordered):
        # Grow until the longest storm of the batch times its size fills the budget.
        size = np.arange(1, len(ordered) - begin + 1) * hours[begin:] * n_hotspots
        count = max(1, int(np.searchsorted(size, BATCH_VALUES, side="right")))
        yield ordered[begin : begin + count]
        begin += count


def _windows(periods: GeneratedPeriods, storms: Ints) -> tuple[Floats, Bools]:
    """Lay storms and those shortly before them into windows: rain (B, T, G), and which hours count (B, T)."""
    catalogue = periods.catalogue
    duration = catalogue.duration_h[periods.analogue]
    length = ANTECEDENT_H + int(duration[storms].max()) + AFTERMATH_H
    rain = np.zeros((len(storms), length, len(catalogue.gauge_ids)))
    for row, storm in enumerate(storms):
        origin = periods.start_h[storm] - ANTECEDENT_H
        other = storm
        while other >= 0 and periods.period[other] == periods.period[storm]:
            begin = periods.start_h[other] - origin
            if begin + duration[other] <= 0:
                break
            first = catalogue.offset[periods.analogue[other]] + max(0, -begin)
            last = catalogue.offset[periods.analogue[other] + 1]
            place = max(0, begin)
            rain[row, place : place + last - first] += catalogue.rain_mm[first:last] * periods.scale[other]
            other -= 1
    hours = np.arange(length)
    ends = ANTECEDENT_H + duration[storms] + AFTERMATH_H
    return rain, (hours >= ANTECEDENT_H) & (hours < ends[:, None])


def _by_day(periods: GeneratedPeriods, storms: Ints, depth: Floats, counts: Bools) -> tuple[Ints, Floats]:
    """Return the greatest depth of each storm on each day that it touches."""
    n_hotspots, n_storms, n_hours = depth.shape
    hour = periods.start_h[storms][:, None] - ANTECEDENT_H + np.arange(n_hours)
    first_day = periods.start_h[storms] // 24
    slot = np.clip(hour // 24 - first_day[:, None], 0, None)
    n_slots = int(slot[counts].max()) + 1
    deepest = np.zeros((n_hotspots, n_storms, n_slots))
    rows = np.arange(n_storms)
    for t in range(ANTECEDENT_H, n_hours):
        live = rows[counts[:, t]]
        place = slot[live, t]
        deepest[:, live, place] = np.maximum(deepest[:, live, place], depth[:, live, t])
    is_used = np.zeros((n_storms, n_slots), dtype=bool)
    is_used[np.repeat(rows, n_hours)[counts.ravel()], slot.ravel()[counts.ravel()]] = True
    key = periods.period[storms][:, None] * DAYS_KEY + first_day[:, None] + np.arange(n_slots)
    return key[is_used], deepest[:, is_used]


class _Counter:
    """Turn day flags into weighted numbers per period."""

    def __init__(self, periods: GeneratedPeriods, owner: Ints) -> None:
        self.n_periods, self.owner = periods.n_periods, owner
        self.weight = periods.weight / periods.weight.sum()
        replicates = np.unique(periods.replicate)
        self.replicates = (
            [np.flatnonzero(periods.replicate == item) for item in replicates]
            if len(replicates) >= MIN_REPLICATES
            else []
        )
        self.cases = cases_of(periods.replicate)
        self.starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]]) if len(owner) else owner

    def days(self, flags: Bools) -> Ints:
        """Count flagged days per period, (U, K) to (U, P)."""
        counts = np.zeros((flags.shape[0], self.n_periods), dtype=np.int64)
        if len(self.owner):
            counts[:, self.owner[self.starts]] = np.add.reduceat(flags.astype(np.int64), self.starts, axis=1)
        return counts

    def numbers(self, days: Ints) -> dict[str, Floats]:
        """Return probability with interval, and days with spread, of each unit."""
        once = (days > 0).astype(np.float64)
        p = np.clip(settled(weighted_sum(once, self.weight)), 0.0, 1.0)
        low, high = self._interval(once, p)
        spread = _weighted_quantiles(days, self.weight, (0.1, 0.9))
        return {"p_once": p, "p_low": low, "p_high": high, "expected_days": settled(weighted_sum(days, self.weight)),
                "days_se": self._error(days), "days_p10": spread[0], "days_p90": spread[1]}  # fmt: skip

    def _error(self, days: Ints) -> Floats:
        """Return the sampling error of the expected days (U,)."""

        def mean(rows: Ints) -> Floats:
            return np.asarray(weighted_sum(days[:, rows], self.weight[rows]) / self.weight[rows].sum())

        return sampling_error(mean, self.weight, self.cases)

    def _interval(self, once: Floats, p: Floats) -> tuple[Floats, Floats]:
        tail = (1 - CONFIDENCE) / 2
        if self.replicates:
            parts = [weighted_sum(once[:, rows], self.weight[rows]) / self.weight[rows].sum()
                     for rows in self.replicates if self.weight[rows].sum() > 0]  # fmt: skip
            low, high = np.quantile(np.array(parts), [tail, 1 - tail], axis=0)
        else:
            n = 1.0 / (self.weight**2).sum()
            low = np.where(p > 0, beta.ppf(tail, p * n + 0.5, (1 - p) * n + 0.5), 0.0)
            high = np.where(p < 1, beta.ppf(1 - tail, p * n + 0.5, (1 - p) * n + 0.5), 1.0)
        low, high = settled(low), settled(high)
        return np.clip(np.minimum(low, p), 0, 1), np.clip(np.maximum(high, p), 0, 1)


def _weighted_quantiles(days: Ints, weight: Floats, shares: Sequence[float]) -> list[Floats]:
    """Return the least count that is not exceeded in at least each share of the periods."""
    found = [np.zeros(len(days)) for _ in shares]
    most = int(days.max(initial=0))
    for count in range(most, -1, -1):
        below = weighted_sum(days <= count, weight)
        for values, share in zip(found, shares, strict=True):
            values[below >= share - 1e-12] = count
    return found


def _passes(found: _Counter, depth: Floats, classes: HotspotClasses) -> pd.DataFrame:
    parts = []
    for column, key in enumerate(classes.keys):
        minima = classes.minima_m[:, column]
        numbers = found.numbers(found.days(depth >= minima[:, None]))
        is_absent = ~np.isfinite(minima)
        parts.append(
            pd.DataFrame(
                {
                    "hotspot_id": classes.hotspot_ids,
                    "depth_class": key,
                    "depth_min_m": np.where(is_absent, np.nan, minima),
                    **{name: np.where(is_absent, np.nan, values) for name, values in numbers.items()},
                    "order": np.arange(len(minima)) * len(classes.keys) + column,
                }
            )
        )
    return pd.concat(parts).sort_values("order").drop(columns="order").reset_index(drop=True)


def _day_levels(depth: Floats, classes: HotspotClasses) -> npt.NDArray[np.int8]:
    level = np.zeros(depth.shape, dtype=np.int8)
    for column, own in enumerate(classes.levels):
        is_reached = depth >= classes.minima_m[:, column][:, None]
        level[is_reached] = np.maximum(level[is_reached], int(own))
    return level


def _levels(found: _Counter, depth: Floats, classes: HotspotClasses, groups: pd.Series | None) -> pd.DataFrame:
    level = _day_levels(depth, classes)
    units = [("hotspot", name, level[i : i + 1]) for i, name in enumerate(classes.hotspot_ids)]
    if groups is not None:
        group = groups.reindex(list(classes.hotspot_ids)).astype(str).to_numpy()
        units += [("group", name, level[group == name]) for name in sorted(set(group))]
    units.append(("district", "district", level))
    worst = np.stack([rows.max(axis=0, initial=0) for _, _, rows in units])
    warned = (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED)
    reached = [found.numbers(found.days(worst >= int(item))) for item in warned]
    parts = []
    for place, item in enumerate(warned):
        higher = reached[place + 1]["expected_days"] if place + 1 < len(warned) else np.zeros(len(units))
        parts.append(
            pd.DataFrame(
                {
                    "unit_kind": [kind for kind, _, _ in units],
                    "unit_id": [name for _, name, _ in units],
                    "level": int(item),
                    **reached[place],
                    "expected_days_exactly": np.maximum(reached[place]["expected_days"] - higher, 0.0),
                    "order": np.arange(len(units)) * len(warned) + place,
                }
            )
        )
    return pd.concat(parts).sort_values("order").drop(columns="order").reset_index(drop=True)
