"""Quality tests that look at one gauge alone: gap, syntax, range, climatology, rate, spike, counter, duplicate.

Arrays are (time, gauge); every test returns a QARTOD flag for each value (see `quality`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from risk_models.forecast.quality.limits import (
    FAIL,
    GOOD,
    MISSING,
    SUSPECT,
    UNSEEN,
    Flags,
    FloatArray,
    QualityLimits,
)

__all__ = [
    "by_gauges",
    "climatology_test",
    "counter_test",
    "duplicate_test",
    "gap_test",
    "gross_range_test",
    "location_test",
    "monthly_dry_steps",
    "monthly_maxima_mm",
    "rate_test",
    "run_lengths",
    "spike_test",
    "syntax_test",
    "with_missing",
]

_BLOCK = 8  # gauges at a time: a year of 10-minute values of these stays in the cache


def gap_test(rain_mm: ArrayLike) -> Flags:
    """Flag missing values (9); all others are good.

    Parameters
    ----------
    rain_mm : array_like, shape (time, gauge)

    Returns
    -------
    ndarray of int8, same shape

    Examples
    --------
    >>> gap_test([[1.0], [np.nan]]).ravel().tolist()
    [1, 9]
    """
    return np.where(np.isnan(np.asarray(rain_mm, dtype=np.float64)), MISSING, GOOD)


def syntax_test(received: ArrayLike) -> Flags:
    """Flag what the reader could not understand (4) or had to guess (3), from the marks it gave.

    Parameters
    ----------
    received : array_like of int, shape (time, gauge)
        QARTOD flags as a reader gives them.

    Returns
    -------
    ndarray of int8, same shape

    Examples
    --------
    >>> syntax_test([[1, 2, 3, 4, 9]]).tolist()
    [[1, 1, 3, 4, 9]]
    """
    marks = np.asarray(received)
    return np.where(np.isin(marks, (SUSPECT, FAIL, MISSING)), marks, GOOD).astype(np.int8)


def location_test(gauge_xy: ArrayLike, *, limits: QualityLimits | None = None) -> Flags:
    """Flag gauges whose place is not a number (4) or lies far from the others (3).

    Parameters
    ----------
    gauge_xy : array_like, shape (gauge, 2)
        Coordinates [m].
    limits : QualityLimits, optional
        `far_m` is used.

    Returns
    -------
    ndarray of int8, shape (gauge,)
        Not evaluated (2) with fewer than three places to compare.

    Examples
    --------
    >>> location_test([[0, 0], [5e3, 0], [0, 5e3], [4e6, 1e6], [np.nan, 0]]).tolist()
    [1, 1, 1, 3, 4]
    """
    limits = limits or QualityLimits()
    points = np.asarray(gauge_xy, dtype=np.float64).reshape(-1, 2)
    finite = np.isfinite(points).all(axis=1)
    if finite.sum() < 3:
        return np.where(finite, UNSEEN, FAIL)
    distance = np.hypot(*(points - np.median(points[finite], axis=0)).T)
    return np.where(~finite, FAIL, np.where(distance > limits.far_m, SUSPECT, GOOD))


def gross_range_test(rain_mm: ArrayLike, *, max_mm: float = 401.0) -> Flags:
    """Flag what cannot be rain (4): negative, infinite or above the record.

    Parameters
    ----------
    rain_mm : array_like, shape (time, gauge)
    max_mm : float
        Record of a step [mm].

    Returns
    -------
    ndarray of int8, same shape

    References
    ----------
    QARTOD manual for real-time quality control (IOOS), gross range test; ceiling: RainfallQC, 401 mm in 1 h.

    Examples
    --------
    >>> gross_range_test([[-0.1], [201.9], [999.0], [np.nan]]).ravel().tolist()
    [4, 1, 4, 9]
    """
    rain = np.asarray(rain_mm, dtype=np.float64)
    return with_missing(rain, np.where((rain < 0) | (rain > max_mm), FAIL, GOOD))


def climatology_test(
    rain_mm: ArrayLike,
    time: ArrayLike,
    monthly_max_mm: ArrayLike | None,
    monthly_dry_steps: ArrayLike | None = None,
) -> Flags:
    """Flag what is above anything known of its month as suspect (3), and dry runs longer than any known of it.

    Parameters
    ----------
    rain_mm : array_like, shape (time, gauge)
    time : array_like of datetime64, shape (time,)
        End of each step, UTC.
    monthly_max_mm : array_like, shape (12,), optional
        Limit of each month [mm], January first; without it no rain is evaluated (2).
    monthly_dry_steps : array_like, shape (12,), optional
        Longest dry run of each month [steps]; without it nothing dry is evaluated.

    Returns
    -------
    ndarray of int8, same shape
        The whole of a dry run is suspect that is longer than the limit of the month it begins or ends in. A shorter one
        is good if rain came before it, which shows that the gauge feels rain; else it is not evaluated: a part of a run
        tells nothing of its length.

    Examples
    --------
    >>> end = np.array(["2021-01-20T08", "2021-07-20T08"], "datetime64[ns]")
    >>> climatology_test([[40.0], [40.0]], end, [15.0] * 5 + [90.0] * 4 + [15.0] * 3).ravel().tolist()
    [3, 1]
    """
    rain = np.asarray(rain_mm, dtype=np.float64)
    none = np.full(12, np.nan)
    most, longest = (
        np.asarray(none if table is None else table, dtype=np.float64)[_month(time)][:, np.newaxis]
        for table in (monthly_max_mm, monthly_dry_steps)
    )
    wet = np.where(np.isnan(most), UNSEEN, np.where(rain > most, SUSPECT, GOOD))
    dry = UNSEEN if monthly_dry_steps is None else _dry_runs(rain, longest)
    return with_missing(rain, np.where(rain == 0, dry, wet))


def _dry_runs(rain: FloatArray, longest: FloatArray) -> Flags:
    """Return the flag of each step if it is dry, for limits (time, 1) [steps]."""
    steps = np.arange(len(rain))[:, np.newaxis]
    new = np.ones(rain.shape, dtype=bool)
    new[1:] = (rain[1:] == 0) != (rain[:-1] == 0)
    begin, end = _run_bounds(new, steps)
    length = end - begin + 1
    column = np.arange(rain.shape[1])
    limit = np.fmin(longest[begin, 0], longest[end, 0]) if len(rain) else np.empty(rain.shape)
    after_rain = (begin > 0) & (rain[np.maximum(begin - 1, 0), column] > 0) if len(rain) else new
    short = np.where(after_rain, GOOD, UNSEEN)
    return np.where(np.isnan(limit), UNSEEN, np.where(length > limit, SUSPECT, short)).astype(np.int8)


def monthly_dry_steps(
    rain_mm: ArrayLike, time: ArrayLike, *, factor: float = 1.5, min_years: int = 1
) -> tuple[float, ...]:
    """Return limits of dry runs for the climatology test from a record of good values.

    Parameters
    ----------
    rain_mm : array_like, shape (time, gauge)
    time : array_like of datetime64, shape (time,)
    factor : float
        Times the longest dry run at any gauge that touches the month or its two neighbours.
    min_years : int
        Years (UTC) in which a month must have a value to count.

    Returns
    -------
    tuple of 12 floats
        Limits [steps], January first; NaN where neither the month nor its neighbours count.

    Examples
    --------
    >>> end = np.datetime64("2021-07-20T01", "ns") + np.arange(5) * np.timedelta64(1, "h")
    >>> monthly_dry_steps([[0.4], [0], [0], [0], [2.1]], end)[5:8]
    (4.5, 4.5, 4.5)
    """
    rain = np.asarray(rain_mm, dtype=np.float64)
    length = np.where(rain == 0, run_lengths(np.where(rain == 0, 0.0, np.nan)), 0.0)
    return _around(_largest(np.where(np.isnan(rain), np.nan, length), time, min_years), factor)


def monthly_maxima_mm(
    rain_mm: ArrayLike, time: ArrayLike, *, factor: float = 2.0, floor_mm: float = 10.0, min_years: int = 1
) -> tuple[float, ...]:
    """Return limits for the climatology test from a record of good values: factor times the largest of each month.

    Parameters
    ----------
    rain_mm : array_like, shape (time, gauge)
    time : array_like of datetime64, shape (time,)
    factor : float
        Times the largest value seen, of the month itself or its two neighbours.
    floor_mm : float
        Least limit [mm].
    min_years : int
        Years (UTC) in which a month must have a value to count.

    Returns
    -------
    tuple of 12 floats
        Limits [mm], January first; NaN where neither the month nor its neighbours count.

    Examples
    --------
    >>> end = np.array(["2020-07-20T08", "2021-07-20T08"], "datetime64[ns]")
    >>> monthly_maxima_mm([[40.0], [55.0]], end)[5:8]
    (110.0, 110.0, 110.0)
    """
    largest = _largest(np.asarray(rain_mm, dtype=np.float64), time, min_years)
    return tuple(float(limit) for limit in np.maximum(_around(largest, factor), floor_mm))


def _largest(values: FloatArray, time: ArrayLike, min_years: int) -> FloatArray:
    """Return the largest of each month (12,), NaN where it has values in too few years."""
    month, year = _month(time), np.asarray(time, dtype="datetime64[Y]")
    largest = np.full(12, np.nan)
    for number in range(12):
        own = values[month == number]
        years = np.unique(year[month == number][np.isfinite(own).any(axis=1)])
        if len(years) >= min_years:
            largest[number] = np.nanmax(own)
    return largest


def _around(monthly: FloatArray, factor: float) -> tuple[float, ...]:
    """Return factor times the largest of each month and its two neighbours."""
    around = factor * np.fmax.reduce([np.roll(monthly, shift) for shift in (-1, 0, 1)])
    return tuple(float(value) for value in around)


def rate_test(rain_mm: ArrayLike, *, rate_mm: float = 60.0, max_bridge: int = 6) -> Flags:
    """Flag a jump from the last VALID value as suspect (3), also across missing steps.

    Parameters
    ----------
    rain_mm : array_like, shape (time, gauge)
    rate_mm : float
        Largest unsuspicious change [mm].
    max_bridge : int
        Steps back within which a valid value counts; older ones leave the value not evaluated (2).

    Returns
    -------
    ndarray of int8, same shape

    Examples
    --------
    >>> rate_test([[1.0], [np.nan], [201.9]]).ravel().tolist()
    [2, 9, 3]
    """

    def test(rain: FloatArray) -> Flags:
        before, age = _last_valid(rain)
        seen = np.isfinite(before) & (age <= max_bridge)
        return np.where(~seen, UNSEEN, np.where(np.abs(rain - before) > rate_mm, SUSPECT, GOOD))

    return by_gauges(test, rain_mm)


def spike_test(rain_mm: ArrayLike, *, spike_mm: float = 60.0, max_bridge: int = 6) -> Flags:
    """Flag a value far above the valid values on both sides as suspect (3).

    Parameters
    ----------
    rain_mm : array_like, shape (time, gauge)
    spike_mm : float
        Unsuspicious height [mm] above the higher of the two.
    max_bridge : int
        Steps within which a valid value counts; without one on each side, as at the newest step, the value is not
        evaluated (2).

    Returns
    -------
    ndarray of int8, same shape

    Examples
    --------
    >>> spike_test([[1.0], [90.0], [2.0]]).ravel().tolist()
    [2, 3, 2]
    """

    def test(rain: FloatArray) -> Flags:
        before, age = _last_valid(rain)
        after, ahead = (values[::-1] for values in _last_valid(rain[::-1]))
        seen = np.isfinite(before) & np.isfinite(after) & (np.maximum(age, ahead) <= max_bridge)
        return np.where(~seen, UNSEEN, np.where(rain - np.fmax(before, after) > spike_mm, SUSPECT, GOOD))

    return by_gauges(test, rain_mm)


def counter_test(rain_mm: ArrayLike, *, limits: QualityLimits | None = None) -> Flags:
    """Flag a counter that was taken for rain: a negative step (4), or a running total that only rises (3, or 4).

    Parameters
    ----------
    rain_mm : array_like, shape (time, gauge)
        Rain as received, negative values included.
    limits : QualityLimits, optional
        `total_steps` and `total_rises` are used.

    Returns
    -------
    ndarray of int8, same shape
        The whole of a running total is flagged: `total_steps` values that never fall, with `total_rises` rises, and
        then a fall to a fifth or less (3); twice as many without a fall yet (3); twice as many with it (4). Rain grows
        for long too, but seldom stops at its height. Not evaluated (2) for gauges with fewer than `total_steps` values.

    Examples
    --------
    >>> counter_test([[2.0], [-9.0], [1.0]]).ravel().tolist()
    [2, 4, 2]
    >>> total_mm = np.append(np.cumsum([0.4, 1, 2, 0, 3, 1, 1, 2, 4, 0, 1, 1]), 0.2)
    >>> counter_test(total_mm[:, np.newaxis]).ravel().tolist()
    [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 1]
    """
    limits = limits or QualityLimits()

    def test(rain: FloatArray) -> Flags:
        steps = np.arange(len(rain))[:, np.newaxis]
        rises = np.zeros(rain.shape, dtype=np.int32)
        goes_on, falls = np.zeros(rain.shape, dtype=bool), np.zeros(rain.shape, dtype=bool)
        if len(rain):
            goes_on[1:] = (rain[1:] >= rain[:-1]) & (rain[:-1] > 0)
            falls[:-1] = rain[1:] <= 0.2 * rain[:-1]
            np.cumsum(rain[1:] > rain[:-1], axis=0, out=rises[1:])
        begin, end = _run_bounds(~goes_on, steps)
        length = end - begin + 1
        climbed = np.take_along_axis(rises, end, axis=0) - np.take_along_axis(rises, begin, axis=0)
        fell = np.take_along_axis(falls, end, axis=0)
        short = (length >= limits.total_steps) & (climbed >= limits.total_rises)
        long = (length >= 2 * limits.total_steps) & (climbed >= 2 * limits.total_rises)
        enough = np.isfinite(rain).sum(axis=0) >= limits.total_steps
        flags = np.where(long | (short & fell), SUSPECT, np.where(enough, GOOD, UNSEEN))
        return np.where((rain < 0) | (long & fell), FAIL, flags)

    return by_gauges(test, rain_mm)


def duplicate_test(rain_mm: ArrayLike, time: ArrayLike | None = None, *, limits: QualityLimits | None = None) -> Flags:
    """Flag values sent twice: a second row of one time (4 the same, 3 another value), or a stretch seen before (3).

    Parameters
    ----------
    rain_mm : array_like, shape (time, gauge)
    time : array_like of datetime64, shape (time,), optional
        End of each step; rows whose time does not rise are copies.
    limits : QualityLimits, optional
        `repeat_steps` and `repeat_wet` are used.

    Returns
    -------
    ndarray of int8, same shape
        Gauges with fewer than twice `repeat_steps` values are not evaluated (2), rows of one time apart.

    Examples
    --------
    >>> end = np.array(["2021-07-20T08", "2021-07-20T09", "2021-07-20T09"], "datetime64[ns]")
    >>> duplicate_test([[3.0, 1.0], [8.0, 2.0], [8.0, 5.0]], end).tolist()
    [[2, 2], [2, 3], [4, 3]]
    """
    limits = limits or QualityLimits()
    flags = by_gauges(lambda rain: _repeats(rain, limits), rain_mm)
    end = np.arange(len(flags)) if time is None else np.asarray(time)
    if len(end) > 1 and not (end[1:] > end[:-1]).all():
        rain = np.asarray(rain_mm, dtype=np.float64)
        _, first, group = np.unique(end, return_index=True, return_inverse=True)
        copies = np.flatnonzero(first[group] != np.arange(len(end)))
        for row in copies:
            original = first[group[row]]
            same = rain[row] == rain[original]
            differs = ~same & np.isfinite(rain[row]) & np.isfinite(rain[original])
            flags[row] = np.where(same, FAIL, np.where(differs, SUSPECT, flags[row]))
            flags[original] = np.where(differs, SUSPECT, flags[original])
    return flags


def _repeats(rain: FloatArray, limits: QualityLimits) -> Flags:
    size = limits.repeat_steps
    flags = np.full(rain.shape, UNSEEN)
    for gauge in range(rain.shape[1]):
        values = np.ascontiguousarray(rain[:, gauge])
        if np.isfinite(values).sum() < 2 * size:
            continue
        flags[:, gauge] = GOOD
        known = np.isfinite(values)
        # Only windows that begin and end wet, all known, are compared: any other repeat contains such a one or is dry.
        begins = np.flatnonzero((values[: len(values) - size + 1] > 0) & (values[size - 1 :] > 0))
        count = np.concatenate([[0], np.cumsum(known)])
        changes = np.concatenate([[0], np.cumsum((values > 0) & (np.diff(values, prepend=np.nan) != 0))])
        begins = begins[(count[begins + size] - count[begins] == size)]
        begins = begins[changes[begins + size] - changes[begins] >= limits.repeat_wet]
        if len(begins) < 2:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(values, size)[begins]
        distinct = (np.diff(np.sort(windows, axis=1), axis=1) > 0).sum(axis=1)
        begins, windows = begins[distinct >= limits.repeat_wet], windows[distinct >= limits.repeat_wet]
        _, first, group = np.unique(
            np.ascontiguousarray(windows).view(f"V{8 * size}").ravel(), return_index=True, return_inverse=True
        )
        for begin in begins[first[group] != np.arange(len(begins))]:
            flags[begin : begin + size, gauge] = SUSPECT
    return flags


def with_missing(rain: FloatArray, flags: NDArray[np.int8]) -> Flags:
    """Return the flags with 9 where there is no value."""
    return np.where(np.isnan(rain), MISSING, flags).astype(np.int8, copy=False)


def by_gauges(test: Callable[[FloatArray], Flags], rain_mm: ArrayLike) -> Flags:
    """Run a test on a few gauges at a time, which bounds its memory, and mark missing values."""
    rain = np.asarray(rain_mm, dtype=np.float64)
    flags = np.empty(rain.shape, dtype=np.int8)
    for begin in range(0, rain.shape[1], _BLOCK):
        part = np.ascontiguousarray(rain[:, begin : begin + _BLOCK])
        flags[:, begin : begin + _BLOCK] = with_missing(part, test(part))
    return flags


def run_lengths(rain: FloatArray) -> NDArray[np.integer]:
    """Return the length of the run of equal values that each value belongs to; NaN makes runs of one."""
    new = np.ones(rain.shape, dtype=bool)
    new[1:] = rain[1:] != rain[:-1]
    begin, end = _run_bounds(new, np.arange(len(rain))[:, np.newaxis])
    return np.asarray(end - begin + 1)


def _run_bounds(new: NDArray[np.bool_], steps: NDArray[np.integer]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the first and last step of the run of each value; `new` marks the first of each run."""
    count = len(new)
    if not count:
        empty = np.zeros(new.shape, dtype=np.int32)
        return empty, empty
    rising = steps.astype(np.int32)
    begin = np.maximum.accumulate(np.where(new, rising, np.int32(0)), axis=0)
    last = np.ones_like(new)
    last[:-1] = new[1:]
    end = np.minimum.accumulate(np.where(last, rising, np.int32(count))[::-1], axis=0)[::-1]
    return begin, end


def _last_valid(rain: FloatArray) -> tuple[FloatArray, NDArray[np.int32]]:
    """Return, for each value, the last valid value before it and how many steps back that lies."""
    steps = np.arange(len(rain), dtype=np.int32)[:, np.newaxis]
    before = np.full(rain.shape, -1, dtype=np.int32)
    if len(rain):
        before[1:] = np.maximum.accumulate(np.where(np.isfinite(rain), steps, np.int32(-1)), axis=0)[:-1]
        values = np.take_along_axis(rain, np.maximum(before, 0), axis=0)
    else:
        values = rain
    return np.where(before < 0, np.nan, values), steps - before


def _month(time: ArrayLike) -> NDArray[np.int64]:
    months = np.asarray(time, dtype="datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    return np.asarray(months % 12)
