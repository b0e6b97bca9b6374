"""The record cut into storms, and the field of factors between gauges and hotspots.

The *district rain* of an hour is the mean over the known gauges of rain divided by the gauge's factor; the *factor* of
a gauge is its rain relative to the district rain over the same hours, with mean 1 over the gauges. So a gauge that
drops out does not shift the mean. A storm is a run of wet hours of the district rain, ended by more than `separation_h`
dry hours; it keeps the rain of every gauge in every hour (a gauge unknown in it gets the district rain times its
factor).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.arithmetic import settled, weighted_sum
from risk_models.outlook.record import HOURS_PER_YEAR, TooShort, check_record, local_days

__all__ = ["StormCatalogue", "cut_storms", "hotspot_field"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
#: District rain from which an hour counts as wet, mm.
WET_MM = 0.05
#: Least record for a generator, and least number of storms (assumptions).
MIN_YEARS = 2.0
MIN_STORMS = 50
FACTOR_STEPS = 50


@dataclass(frozen=True)
class StormCatalogue:
    """Every storm of a record.

    Attributes
    ----------
    gauge_ids : tuple of str
        G gauges, in the order of their names.
    factor : ndarray (G,)
        Rain of the gauge relative to the district.
    month, year : ndarray of int (S,)
        Local month (1-12) and year in which a storm begins.
    depth_mm : ndarray (S,)
        District rain of the storm.
    start_h : ndarray of int (S,)
        Hours from 1970-01-01 00:00 UTC to its beginning.
    gap_h : ndarray (S,)
        Dry hours from its end to the next storm; NaN where the record is unknown before that.
    offset : ndarray of int (S + 1,)
        Storm s fills rows ``offset[s]:offset[s + 1]`` of `rain_mm`.
    rain_mm : ndarray (rows, G)
        Hourly rain at the gauges.
    years_known : float
        Hours with a known district rain / 8766.
    separation_h : int
    share_in_storms : float
        Share of the district rain that the storms hold; the rest is drizzle.
    """

    gauge_ids: tuple[str, ...]
    factor: Floats
    month: Ints
    year: Ints
    depth_mm: Floats
    start_h: Ints
    gap_h: Floats
    offset: Ints
    rain_mm: Floats
    years_known: float
    separation_h: int
    share_in_storms: float

    def __len__(self) -> int:
        return len(self.depth_mm)

    @property
    def duration_h(self) -> Ints:
        """Hours of each storm, (S,)."""
        return np.diff(self.offset)

    def peaks_mm(self, window_h: int) -> Floats:
        """Return the greatest sum over a window in each storm at each gauge.

        Parameters
        ----------
        window_h : int
            Hours; a longer window than the storm gives its total.

        Returns
        -------
        ndarray (S, G)
            mm.
        """
        sums = np.vstack([np.zeros((1, self.rain_mm.shape[1])), np.cumsum(self.rain_mm, axis=0)])
        rows = np.arange(len(self.rain_mm))
        first = np.maximum(rows + 1 - window_h, np.repeat(self.offset[:-1], self.duration_h))
        return settled(np.maximum.reduceat(sums[1:] - sums[first], self.offset[:-1], axis=0))


def _district_rain(rain_mm: Floats) -> tuple[Floats, Floats]:
    """Return the factor of each gauge (G,), mean 1, and the district rain (T,), NaN where no gauge is known.

    Both depend on each other where gauges are missing, so they are found in turn. The district rain is settled: whether
    an hour is wet, and which of two storms is the greater, must not hang on the last digit of a sum.
    """
    by_gauge = np.ascontiguousarray(rain_mm.T)
    known = ~np.isnan(by_gauge)
    filled = np.where(known, by_gauge, 0.0)
    count = known.sum(axis=0)
    own = filled.sum(axis=1)
    factor = np.ones(len(filled))
    for _ in range(FACTOR_STEPS):
        rain = _mean_over_gauges(filled, factor, count, unknown=0.0)
        shared = weighted_sum(known, rain)
        found = np.maximum(np.divide(own, shared, out=np.ones_like(own), where=shared > 0), 0.01)
        found /= found.mean()
        change, factor = np.abs(found - factor).max(), found
        if change < 1e-4:
            break
    return factor, settled(_mean_over_gauges(filled, factor, count, unknown=np.nan))


def _mean_over_gauges(filled_mm: Floats, factor: Floats, count: Ints, *, unknown: float) -> Floats:
    """Return the mean (T,) of rain (G, T) over its gauges' factors; a sum over rows adds one gauge after another."""
    total = (filled_mm / factor[:, None]).sum(axis=0)
    mean: Floats = np.divide(total, count, out=np.full(len(total), unknown), where=count > 0)
    return mean


def _runs(rain: Floats, separation_h: int) -> tuple[Ints, Ints]:
    """Return first row and row after the last of each storm; an unknown hour ends one, and whatever touches it goes."""
    is_wet = np.nan_to_num(rain) >= WET_MM
    wet = np.flatnonzero(is_wet)
    if not len(wet):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    breaks = np.flatnonzero(np.diff(wet) > separation_h)
    first, last = wet[np.r_[0, breaks + 1]], wet[np.r_[breaks, len(wet) - 1]] + 1
    return first.astype(np.int64), last.astype(np.int64)


def cut_storms(rain_mm: pd.DataFrame, *, timezone: str, separation_h: int = 6) -> StormCatalogue | TooShort:
    """Cut a record into storms, or say that it is too short to learn from.

    Parameters
    ----------
    rain_mm : DataFrame (hour, gauge)
        Record, see `risk_models.outlook.record`. Gauges without a known hour are left out; their order changes nothing.
    timezone : str
        IANA name, for months and years.
    separation_h : int
        Dry hours that end a storm.

    Returns
    -------
    StormCatalogue or TooShort
        Too short below two years of known hours or 50 storms.

    Raises
    ------
    BadInputError
        If the record is not in form.

    Examples
    --------
    >>> hours = pd.date_range("2021-07-17 01:00", periods=120, freq="h", tz="UTC")
    >>> print(cut_storms(pd.DataFrame({"57083": 1.0}, index=hours), timezone="Asia/Shanghai").en)
    Record too short for a rain generator: at least 2 years are needed, 0.01 are there.
    """
    record = check_record(rain_mm).dropna(axis=1, how="all")
    record = record[sorted(record.columns, key=str)]
    factor, rain = _district_rain(record.to_numpy())
    years_known = float((~np.isnan(rain)).sum() / HOURS_PER_YEAR)
    what = ("降雨随机模拟", "a rain generator")
    if years_known < MIN_YEARS:
        return TooShort(*what, MIN_YEARS, years_known, "years")
    first, last = _runs(rain, separation_h)
    unknown = np.r_[0, np.cumsum(np.isnan(rain))]
    # A storm must be known up to the dry hours around it, or its start, end and depth are not known.
    begin, end = np.maximum(first - separation_h, 0), np.minimum(last + separation_h, len(rain))
    is_known = (unknown[end] == unknown[begin]) & (first > 0) & (last < len(rain))
    following = np.r_[first[1:], len(rain)]
    gap = np.where((unknown[following] == unknown[last]) & (following < len(rain)), following - last, np.nan)
    first, last, gap = first[is_known], last[is_known], gap[is_known]
    if len(first) < MIN_STORMS:
        return TooShort(*what, MIN_STORMS, len(first), "storms")
    rows = np.concatenate([np.arange(begin, end) for begin, end in zip(first, last, strict=True)])
    fields = record.to_numpy()[rows]
    fields = np.where(np.isnan(fields), rain[rows, None] * factor, fields)
    hours = pd.DatetimeIndex(record.index)
    days = local_days(hours, timezone=timezone)[first]
    offset = np.r_[0, np.cumsum(last - first)].astype(np.int64)
    depth = settled(np.add.reduceat(rain[rows], offset[:-1]))
    return StormCatalogue(
        gauge_ids=tuple(map(str, record.columns)),
        factor=factor,
        month=days.month.to_numpy().astype(np.int64),
        year=days.year.to_numpy().astype(np.int64),
        depth_mm=depth,
        start_h=(hours[first].as_unit("s").asi8 // 3600 - 1).astype(np.int64),
        gap_h=gap,
        offset=offset,
        rain_mm=fields,
        years_known=years_known,
        separation_h=separation_h,
        share_in_storms=float(depth.sum() / np.nansum(rain)),
    )


def hotspot_field(
    catalogue: StormCatalogue, gauge_xy_m: npt.ArrayLike, hotspot_xy_m: npt.ArrayLike, *, power: float = 2.0
) -> Floats:
    """Return the matrix that turns gauge rain of a common storm into hotspot rain.

    A hotspot has the course of its nearest gauge, since a mean of several gauges would flatten bursts, times its own
    factor over that gauge's; its factor is the inverse-distance mean of the gauges' factors.

    Parameters
    ----------
    catalogue : StormCatalogue
        Of G gauges.
    gauge_xy_m : array_like (G, 2)
        Projected, in the order of ``catalogue.gauge_ids``.
    hotspot_xy_m : array_like (H, 2)
    power : float
        Of the inverse distance.

    Returns
    -------
    ndarray (H, G)
        One entry per row that is not 0.

    Raises
    ------
    ValueError
        If the coordinates do not fit the catalogue.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> two = SimpleNamespace(gauge_ids=("a", "b"), factor=np.array([1.0, 0.5]))
    >>> hotspot_field(two, [[0, 0], [10, 0]], [[0, 0], [4, 0]]).round(3).tolist()
    [[1.0, 0.0], [0.846, 0.0]]
    """
    gauges, hotspots = np.asarray(gauge_xy_m, dtype=np.float64), np.asarray(hotspot_xy_m, dtype=np.float64)
    if gauges.shape != (len(catalogue.gauge_ids), 2) or hotspots.ndim != 2 or hotspots.shape[1] != 2:
        raise ValueError(f"coordinates must be ({len(catalogue.gauge_ids)}, 2) for gauges and (H, 2) for hotspots")
    distance = np.hypot(*(hotspots[:, None, :] - gauges[None, :, :]).transpose(2, 0, 1))
    weight = 1.0 / np.maximum(distance, 1.0) ** power
    factor = weighted_sum(weight, catalogue.factor) / weight.sum(axis=1)
    nearest = settled(distance).argmin(axis=1)
    rows = np.arange(len(hotspots))
    # On top of a gauge the hotspot has that gauge's rain.
    own = np.where(distance[rows, nearest] < 1.0, 1.0, factor / catalogue.factor[nearest])
    field = np.zeros(distance.shape)
    field[rows, nearest] = own
    return field
