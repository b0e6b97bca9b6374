"""Would the outlook have been right in the years of the record? Each year judged by what was learnt without it.

The generators of an outlook are fitted to years drawn with replacement; those that did not draw a year know nothing of
it (about 0.37 of them), and their periods are the forecast for it. What "happened" is the ponding model's answer to the
rain recorded in that year: the hindcast judges rain and frequency, not the ponding model, which is judged where water
was seen.

Three scores, each against what it must beat:

- *depth*, *level*: Brier score of "at least once" over years, hotspots (towns and district) and classes, against the
  share of the other years in spans of that length at any time of the year and of all hotspots (all towns and the
  district) alike: does knowing season and place say more than knowing neither?
- *rain*: continuous ranked probability score ``CRPS = E|X - x| - E|X - X'| / 2`` of the span's total, against the mean
  of the other years stated as if it were sure: is the interval worth stating?

References
----------
Breiman, L. (1996) Out-of-bag estimation. Technical report, University of California, Berkeley. Gneiting, T. & Raftery,
A. E. (2007) Strictly proper scoring rules, prediction, and estimation. J. Am. Stat. Assoc. 102(477), 359-378.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.arithmetic import settled, weighted_sum
from risk_models.levels import Level
from risk_models.outlook.expected import HotspotClasses
from risk_models.outlook.generator import GeneratedPeriods, StormGenerator
from risk_models.outlook.periods import Span
from risk_models.outlook.skill import SkillVerdict, judge_errors
from risk_models.outlook.storms import StormCatalogue

__all__ = [
    "Happened",
    "PastSpans",
    "gauge_totals",
    "judge_depths",
    "judge_totals",
    "other_spans",
    "past_spans",
    "recorded_periods",
    "unseen",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
#: A past span counts if at least this share of its hours is known (an assumption).
MIN_SPAN_SHARE = 0.95
DAYS_PER_YEAR = 365
WARNED = (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED)


@dataclass(frozen=True)
class PastSpans:
    """The same calendar days of past years; Y years.

    Attributes
    ----------
    year : ndarray of int (Y,)
        In which each begins.
    begin_h, end_h : ndarray of int (Y,)
        Hours from 1970-01-01 00:00 UTC to local midnight of the first day and after the last.
    """

    year: Ints
    begin_h: Ints
    end_h: Ints

    def __len__(self) -> int:
        return len(self.year)

    def take(self, rows: Bools) -> PastSpans:
        """Return some of them."""
        return PastSpans(self.year[rows], self.begin_h[rows], self.end_h[rows])

    def totals_mm(self, rain_mm: pd.Series) -> pd.Series:
        """Return the rain of each, by year; NaN if less than 95 % of its hours is known, scaled up else.

        Parameters
        ----------
        rain_mm : Series (hour,)
            One gauge of a record.

        Returns
        -------
        Series
        """
        rain = rain_mm.to_numpy(dtype=np.float64)
        known, sums = _sums(~np.isnan(rain)), _sums(np.nan_to_num(rain))
        first, last = (_rows(rain_mm.index, edge) for edge in (self.begin_h, self.end_h))
        count = known[last] - known[first]
        share = count / (self.end_h - self.begin_h)
        total = np.where(share >= MIN_SPAN_SHARE, (sums[last] - sums[first]) / np.maximum(share, 1e-9), np.nan)
        return pd.Series(settled(total), index=pd.Index(self.year, name="year"), name="total_mm")


def _sums(values: npt.NDArray[np.generic]) -> Floats:
    return np.concatenate([np.zeros(1), np.cumsum(values, dtype=np.float64)])


def _rows(hours: pd.Index, edge_h: Ints) -> Ints:
    """Return the row of the first hour that begins at or after each edge."""
    ends = pd.DatetimeIndex(hours).as_unit("s").asi8 // 3600
    return np.searchsorted(ends, edge_h, side="right").astype(np.int64)


def past_spans(span: Span, rain_mm: pd.DataFrame, *, timezone: str) -> PastSpans:
    """Return the calendar days of a span in every year in which the record knows at least 95 % of their hours.

    Parameters
    ----------
    span : Span
    rain_mm : DataFrame (hour, gauge)
        Record; an hour is known if any gauge is.
    timezone : str
        IANA name.

    Returns
    -------
    PastSpans

    Examples
    --------
    >>> from datetime import date
    >>> july = Span(kind="month", key="2021-07", first_day=date(2021, 7, 1), last_day=date(2021, 7, 31),
    ...             name_zh="", name_en="")
    >>> hours = pd.date_range("2017-01-01", "2020-07-30", freq="h", tz="UTC")
    >>> past_spans(july, pd.DataFrame({"57083": 0.0}, index=hours), timezone="Asia/Shanghai").year.tolist()
    [2017, 2018, 2019]
    """
    hours = pd.DatetimeIndex(rain_mm.index)
    shifts = range(hours[0].year - span.last_day.year - 1, hours[-1].year - span.first_day.year + 2)
    first, after = pd.Timestamp(span.first_day), pd.Timestamp(span.last_day) + pd.Timedelta(days=1)
    edges = [_edges(first, after, shift, timezone) for shift in shifts]
    years = np.array([span.first_day.year + shift for shift in shifts], dtype=np.int64)
    spans = PastSpans(years, *np.array(edges, dtype=np.int64).T)
    is_known = pd.Series(np.where(rain_mm.notna().any(axis=1), 0.0, np.nan), index=hours)
    return spans.take(spans.totals_mm(is_known).notna().to_numpy())


def other_spans(span: Span) -> list[Span]:
    """Return the spans of the same length that fill the rest of a year after a span.

    Parameters
    ----------
    span : Span

    Returns
    -------
    list of Span
        None of them for more than half a year.
    """
    count = DAYS_PER_YEAR // span.n_days
    step = timedelta(days=span.n_days)
    return [replace(span, first_day=span.first_day + k * step, last_day=span.last_day + k * step) for k in
            range(1, count)]  # fmt: skip


def _edges(first: pd.Timestamp, after: pd.Timestamp, shift: int, timezone: str) -> tuple[int, int]:
    moved = (day + pd.DateOffset(years=shift) for day in (first, after))
    begin, end = (int(day.tz_localize(timezone).timestamp()) // 3600 for day in moved)
    return begin, end


def recorded_periods(catalogue: StormCatalogue, spans: PastSpans, periods: GeneratedPeriods) -> GeneratedPeriods:
    """Return the recorded storms of past spans in the form of generated periods, one per year.

    Parameters
    ----------
    catalogue : StormCatalogue
    spans : PastSpans
    periods : GeneratedPeriods
        Gives the days.

    Returns
    -------
    GeneratedPeriods
    """
    place = np.searchsorted(spans.begin_h, catalogue.start_h, side="right") - 1
    inside = (place >= 0) & (catalogue.start_h < spans.end_h[np.maximum(place, 0)]) if len(spans) else place >= 0
    storms = np.flatnonzero(inside)
    return replace(
        periods,
        n_periods=len(spans),
        period=place[storms],
        start_h=catalogue.start_h[storms] - spans.begin_h[place[storms]],
        analogue=storms,
        scale=np.ones(len(storms)),
        weight=np.ones(len(spans)),
        replicate=np.zeros(len(spans), dtype=np.int64),
        signal=None,
    )


def gauge_totals(periods: GeneratedPeriods, gauge_id: str) -> Floats:
    """Return the rain of each period at a gauge, (P,), mm.

    Parameters
    ----------
    periods : GeneratedPeriods
    gauge_id : str
        One of the catalogue.

    Returns
    -------
    ndarray (P,)
    """
    catalogue = periods.catalogue
    own = np.add.reduceat(catalogue.rain_mm[:, catalogue.gauge_ids.index(gauge_id)], catalogue.offset[:-1])
    depth = own[periods.analogue] * periods.scale
    return settled(np.bincount(periods.period, weights=depth, minlength=periods.n_periods))


def unseen(generators: Sequence[StormGenerator], periods: GeneratedPeriods, years: Ints) -> Bools:
    """Tell which periods were made without a year, (Y, P).

    Parameters
    ----------
    generators : sequence of StormGenerator
        That made the periods.
    periods : GeneratedPeriods
    years : ndarray of int (Y,)

    Returns
    -------
    ndarray of bool
    """
    learnt = [np.unique(item.catalogue.year[np.concatenate([month.analogues for month in item.months])])
              for item in generators]  # fmt: skip
    is_unseen = np.array([~np.isin(years, seen) for seen in learnt]).reshape(len(learnt), len(years))
    return is_unseen[periods.replicate].T


@dataclass(frozen=True)
class Happened:
    """Greatest depths of the recorded years; Y years of one span.

    Attributes
    ----------
    year : ndarray of int (Y,)
    peak_m : ndarray (H, Y)
    """

    year: Ints
    peak_m: Floats


def judge_depths(
    made_m: Floats,
    happened: Sequence[Happened],
    is_unseen: Bools,
    classes: HotspotClasses,
    groups: npt.NDArray[np.str_],
    *,
    rng: np.random.Generator,
) -> tuple[SkillVerdict, SkillVerdict]:
    """Judge statements of depth, and of level.

    Parameters
    ----------
    made_m : ndarray (H, P)
        Greatest depth of each generated period.
    happened : sequence of Happened
        Of the span first, then of the other spans of the year.
    is_unseen : ndarray of bool (Y, P)
        Of `unseen`, for the years of the span.
    classes : HotspotClasses
        Of H hotspots.
    groups : ndarray of str (H,)
        Town of each hotspot.
    rng : Generator

    Returns
    -------
    tuple of SkillVerdict
        Of depth and of level.
    """
    years, judged = happened[0].year, np.asarray(is_unseen.any(axis=1), dtype=np.bool_)
    weight = is_unseen / np.maximum(is_unseen.sum(axis=1, keepdims=True), 1)
    made_levels = _unit_levels(made_m, classes, groups)
    seen_levels = [(item.year, _unit_levels(item.peak_m, classes, groups)) for item in happened]
    level = [
        _judged(made_levels >= item, [(year, seen >= item) for year, seen in seen_levels], weight) for item in WARNED
    ]
    depth = []
    for minimum in classes.minima_m.T:
        own = np.isfinite(minimum)
        least = minimum[own, None]
        seen_depths = [(item.year, item.peak_m[own] >= least) for item in happened]
        depth.append(_judged(made_m[own] >= least, seen_depths, weight))
    return _verdict(depth, years, judged, rng), _verdict(level, years, judged, rng)


def _judged(made: Bools, happened: Sequence[tuple[Ints, Bools]], weight: Floats) -> Floats:
    """Return the yearly errors of the forecast and of the reference, (2, Y)."""
    years, outcome = happened[0][0], happened[0][1].astype(np.float64)
    forecast = np.array([weighted_sum(made, of_year) for of_year in weight]).reshape(len(weight), len(made)).T
    of_year = np.concatenate([year for year, _ in happened])
    hits = np.concatenate([seen.sum(axis=0) for _, seen in happened])
    cases = np.concatenate([np.full(len(year), len(seen)) for year, seen in happened])
    is_other = of_year != years[:, None]
    reference = (is_other @ hits + 0.5) / (is_other @ cases + 1.0)
    return np.stack([((forecast - outcome) ** 2).sum(axis=0), ((reference - outcome) ** 2).sum(axis=0)])


def _unit_levels(depth_m: Floats, classes: HotspotClasses, groups: npt.NDArray[np.str_]) -> Ints:
    """Return the worst level of every town and of the district, (U, P)."""
    level = np.zeros(depth_m.shape, dtype=np.int64)
    for own, minimum in zip(classes.levels, classes.minima_m.T, strict=True):
        level = np.maximum(level, int(own) * (depth_m >= minimum[:, None]))
    towns = [level[groups == name].max(axis=0, initial=0) for name in sorted(set(groups.tolist()))]
    return np.stack([*towns, level.max(axis=0, initial=0)])


def _verdict(parts: Sequence[Floats], years: Ints, judged: Bools, rng: np.random.Generator) -> SkillVerdict:
    """Judge the yearly sums: cases of a year are drawn together anyway."""
    error, reference = np.sum(parts, axis=0)[:, judged] if parts else np.zeros((2, int(judged.sum())))
    return judge_errors(years[judged], error, reference, rng=rng)


def judge_totals(
    made_mm: Floats, happened_mm: pd.Series, is_unseen: Bools, *, rng: np.random.Generator
) -> SkillVerdict:
    """Judge the distribution of the span's total rain.

    Parameters
    ----------
    made_mm : ndarray (P,)
        Totals of generated periods.
    happened_mm : Series (Y,)
        Totals of the recorded years, by year; NaN is left out.
    is_unseen : ndarray of bool (Y, P)
    rng : Generator

    Returns
    -------
    SkillVerdict
    """
    totals = happened_mm.to_numpy(dtype=np.float64)
    rows = np.flatnonzero(~np.isnan(totals) & is_unseen.any(axis=1))
    error = np.array([_crps(made_mm[is_unseen[row]], totals[row]) for row in rows])
    sums = totals[rows].sum()
    reference = np.array([abs((sums - totals[row]) / max(len(rows) - 1, 1) - totals[row]) for row in rows])
    years = happened_mm.index.to_numpy()[rows].astype(np.int64)
    return judge_errors(years, error, reference, rng=rng)


def _crps(members: Floats, value: float) -> float:
    """Return the score of an ensemble; E|X - X'| from the ordered members."""
    ordered, n = np.sort(members), len(members)
    spread = 2.0 * (ordered * (2 * np.arange(n) - n + 1)).sum() / n**2
    return float(np.abs(ordered - value).mean() - 0.5 * spread)
