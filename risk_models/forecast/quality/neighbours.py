"""Quality tests that compare a gauge with its neighbours: stuck, buddy, buddy event, unit, clock.

Where fewer than `min_buddies` neighbours have a value, a test could not look and says 2, which is not "good".
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from risk_models.forecast.quality.limits import FAIL, GOOD, SUSPECT, UNSEEN, Flags, FloatArray, QualityLimits
from risk_models.forecast.quality.series import by_gauges, run_lengths, with_missing

__all__ = ["buddy_event_test", "buddy_test", "clock_test", "flat_line_test", "unit_test"]

Mask = NDArray[np.bool_]
_ROWS = 512  # steps at a time, which bounds memory and keeps them in the cache
_UNIT_FACTORS = (10.0, 25.4)
_UNIT_TOLERANCE = 1.6
_UNIT_CORRELATION = 0.7
_UNIT_WET_MM = 1.0  # mean of the neighbours in an event
_UNIT_EVENTS = 10
_CLOCK_CORRELATION = 0.6
_CLOCK_GAIN = 0.25  # correlation that moving the clock must win


def flat_line_test(
    rain_mm: ArrayLike, gauge_xy: ArrayLike | None = None, *, limits: QualityLimits | None = None
) -> Flags:
    """Flag a stuck gauge: equal values above 0 in a row, or dry in a row while every neighbour is wet.

    Parameters
    ----------
    rain_mm : array_like, shape (time, gauge)
    gauge_xy : array_like, shape (gauge, 2), optional
        Coordinates [m]; without neighbours a dry run is not evaluated (2), because dry is not stuck.
    limits : QualityLimits, optional

    Returns
    -------
    ndarray of int8, same shape
        The whole run is flagged, 3 from `stuck_suspect` and 4 from `stuck_fail` equal values; a dry run among wet
        neighbours is 3, and 4 if a gauge had nothing at all in a window of `window_steps` while its neighbours had ten
        events of 1 mm or more: keeping those zeros would hide rain. A gauge with fewer than `stuck_suspect` values is
        not evaluated (2).

    Examples
    --------
    >>> flat_line_test([[0.0]] * 3 + [[2.4]] * 4).ravel().tolist()
    [2, 2, 2, 3, 3, 3, 3]
    """
    limits = limits or QualityLimits()
    rain = np.asarray(rain_mm, dtype=np.float64)

    def stuck(part: FloatArray) -> Flags:
        length = run_lengths(part)
        enough = np.isfinite(part).sum(axis=0) >= limits.stuck_suspect
        moving = np.where(enough, GOOD, UNSEEN)
        flags = np.where(length >= limits.stuck_fail, FAIL, np.where(length >= limits.stuck_suspect, SUSPECT, moving))
        return np.where(part < limits.stuck_min_mm, moving, flags)

    flags = by_gauges(stuck, rain)
    seen, lost = np.zeros(rain.shape, dtype=bool), np.zeros(rain.shape, dtype=bool)
    neighbours = None if gauge_xy is None else _neighbours(gauge_xy, limits)
    if neighbours is not None:
        for rows in _rows(len(rain)):
            around = _Around(rain[rows], neighbours)
            seen[rows] = around.count >= limits.min_buddies
            lost[rows] = seen[rows] & (rain[rows] == 0) & (around.lowest >= limits.buddy_wet_mm)
    dry = np.where(seen, GOOD, UNSEEN)
    if lost.any():
        # Only gauges that are dry amid rain at some step need their runs counted.
        columns = np.flatnonzero(lost.any(axis=0))
        long = run_lengths(np.where(lost[:, columns], 1.0, np.nan)) >= limits.dry_steps
        dry[:, columns] = np.where(lost[:, columns] & long, SUSPECT, dry[:, columns])
    if neighbours is not None:
        dry[_blocked(rain, neighbours, limits)] = FAIL
    return np.where(rain == 0, dry, flags)


def buddy_test(rain_mm: ArrayLike, gauge_xy: ArrayLike, *, limits: QualityLimits | None = None) -> Flags:
    """Flag a gauge that its neighbours contradict as suspect (3): far above all of them, or dry amid wet ones.

    Parameters
    ----------
    rain_mm : array_like, shape (time, gauge)
    gauge_xy : array_like, shape (gauge, 2)
        Coordinates [m].
    limits : QualityLimits, optional

    Returns
    -------
    ndarray of int8, same shape
        Not evaluated (2) where fewer than `min_buddies` neighbours have a value.

    Examples
    --------
    >>> gauge_xy = [[0, 0], [1000, 0], [0, 1000], [1000, 1000]]
    >>> buddy_test([[9.0, 8.0, 120.0, 7.0], [0.0, 8.0, 7.0, 9.0]], gauge_xy).tolist()
    [[1, 1, 3, 1], [3, 1, 1, 1]]
    """
    rain, neighbours, limits = _prepared(rain_mm, gauge_xy, limits)
    flags = np.empty(rain.shape, dtype=np.int8)
    for rows in _rows(len(rain)):
        part, around = rain[rows], _Around(rain[rows], neighbours)
        high = part > limits.buddy_factor * around.highest + limits.buddy_offset_mm
        low = (part == 0) & (around.lowest >= limits.buddy_wet_mm)
        few = around.count < limits.min_buddies
        flags[rows] = with_missing(part, np.where(few, UNSEEN, np.where(high | low, SUSPECT, GOOD)))
    return flags


def buddy_event_test(rain_mm: ArrayLike, gauge_xy: ArrayLike, *, limits: QualityLimits | None = None) -> Flags:
    """Flag a gauge that tells another event than its neighbours as suspect (3): a question of yes or no, not of amount.

    An event is the `event_steps` steps that end with a value. Dry throughout while `event_share` of the neighbours had
    `event_wet_mm`, or `event_lonely_mm` while every neighbour was dry, is suspect.

    Parameters
    ----------
    rain_mm : array_like, shape (time, gauge)
    gauge_xy : array_like, shape (gauge, 2)
        Coordinates [m].
    limits : QualityLimits, optional

    Returns
    -------
    ndarray of int8, same shape
        Not evaluated (2) where the event is not wholly known, or fewer than `min_buddies` neighbours know it.

    References
    ----------
    Baserud, L. et al. (2020). TITAN automatic spatial quality control of meteorological in-situ observations. Adv. Sci.
    Res. 17, 153-163, doi 10.5194/asr-17-153-2020 (buddy event check).

    Examples
    --------
    >>> gauge_xy = [[0, 0], [1000, 0], [0, 1000], [1000, 1000]]
    >>> buddy_event_test([[0.0, 1.5, 1.0, 1.0]] * 6, gauge_xy)[-1].tolist()
    [3, 1, 1, 1]
    """
    rain, neighbours, limits = _prepared(rain_mm, gauge_xy, limits)
    flags = np.empty(rain.shape, dtype=np.int8)
    for rows in _rows(len(rain)):
        part = rain[rows]
        first = max(rows.start - limits.event_steps + 1, 0)
        event = _moving_sum(rain[first : rows.stop], limits.event_steps)[rows.start - first :]
        around = _Around(event, neighbours, wet_mm=limits.event_wet_mm)
        dry = (event == 0) & (around.wet >= limits.event_share * around.count)
        lonely = (event >= limits.event_lonely_mm) & (around.highest == 0) & (part > 0)
        unseen = (around.count < limits.min_buddies) | np.isnan(event)
        flags[rows] = with_missing(part, np.where(unseen, UNSEEN, np.where(dry | lonely, SUSPECT, GOOD)))
    return flags


def unit_test(rain_mm: ArrayLike, gauge_xy: ArrayLike, *, limits: QualityLimits | None = None) -> Flags:
    """Flag a gauge whose amounts are those of its neighbours times or over 10 or 25.4 (inch) over many events.

    In each window of `window_steps`, events of `event_steps` in which the neighbours' mean is 1 mm or more are
    compared: the ratio of the sums must lie within 1.6 of the factor, and the correlation be 0.7 or more.

    Parameters
    ----------
    rain_mm : array_like, shape (time, gauge)
    gauge_xy : array_like, shape (gauge, 2)
        Coordinates [m].
    limits : QualityLimits, optional

    Returns
    -------
    ndarray of int8, same shape
        Wet values of such a window: 3 if too high (kept: it may yet be rain), 4 if too low (left out: keeping it would
        hide rain). Not evaluated (2) with fewer than ten such events.

    Examples
    --------
    >>> gauge_xy = [[0, 0], [1000, 0], [0, 1000], [1000, 1000]]
    >>> rain_mm = np.repeat(np.arange(1.0, 121.0) % 7, 4).reshape(120, 4) * [1, 1, 1, 10]
    >>> unit_test(rain_mm, gauge_xy)[0].tolist()
    [1, 1, 1, 3]
    """
    rain, neighbours, limits = _prepared(rain_mm, gauge_xy, limits)
    flags = np.full(rain.shape, UNSEEN)
    for rows in _windows(len(rain), limits.window_steps):
        part = rain[rows]
        events, mean = _events(part, neighbours, limits)
        paired = np.isfinite(events) & (mean >= _UNIT_WET_MM)
        own, theirs = np.where(paired, events, 0.0), np.where(paired, mean, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = own.sum(axis=0) / theirs.sum(axis=0)
        seen = (paired.sum(axis=0) >= _UNIT_EVENTS) & np.isfinite(ratio)
        alike = _correlation(own, theirs, paired) >= _UNIT_CORRELATION
        verdict = np.where(seen, GOOD, UNSEEN)
        for factor in _UNIT_FACTORS:
            verdict[seen & alike & _near(ratio, factor)] = SUSPECT
            verdict[seen & alike & _near(ratio, 1.0 / factor)] = FAIL
        flags[rows] = np.where((part == 0) & (verdict != UNSEEN), GOOD, verdict)
    return with_missing(rain, flags)


def clock_test(rain_mm: ArrayLike, gauge_xy: ArrayLike, *, limits: QualityLimits | None = None) -> Flags:
    """Flag a gauge whose rain agrees with its neighbours' only if its clock is moved as suspect (3).

    In each window of `window_steps`, the correlation with the mean of the neighbours is taken at every lag up to
    `clock_lags`; suspect if the best lag is not 0, reaches 0.6 and wins 0.25 or more over no lag.

    Parameters
    ----------
    rain_mm : array_like, shape (time, gauge)
    gauge_xy : array_like, shape (gauge, 2)
        Coordinates [m].
    limits : QualityLimits, optional

    Returns
    -------
    ndarray of int8, same shape
        Not evaluated (2) with fewer than `window_wet` wet steps, or where no lag reaches 0.6.

    Examples
    --------
    >>> gauge_xy = [[0, 0], [1000, 0], [0, 1000], [1000, 1000]]
    >>> rain_mm = np.repeat(np.random.default_rng(1).gamma(0.4, 4.0, (200, 1)), 4, axis=1)
    >>> rain_mm[:, 3] = np.roll(rain_mm[:, 3], 8)
    >>> clock_test(rain_mm, gauge_xy)[-1].tolist()
    [1, 1, 1, 3]
    """
    rain, neighbours, limits = _prepared(rain_mm, gauge_xy, limits)
    flags = np.full(rain.shape, UNSEEN)
    for rows in _windows(len(rain), limits.window_steps):
        part, around = rain[rows], _Around(rain[rows], neighbours)
        known = np.isfinite(part) & (around.count >= limits.min_buddies)
        mean = np.where(known, around.total / np.maximum(around.count, 1), 0.0)
        wet = (mean >= limits.stuck_min_mm).sum(axis=0) >= limits.window_wet
        lagged = _lagged_correlation(np.where(known, part, 0.0), mean, known, limits.clock_lags)
        best, zero = lagged.max(axis=0), lagged[limits.clock_lags]
        seen = wet & (best >= _CLOCK_CORRELATION)
        moved = best - zero >= _CLOCK_GAIN
        flags[rows] = np.where(seen, np.where(moved, SUSPECT, GOOD), UNSEEN)
    return with_missing(rain, flags)


def _blocked(rain: FloatArray, neighbours: NDArray[np.intp], limits: QualityLimits) -> Mask:
    """Windows in which a gauge had nothing at all while its neighbours had ten events or more."""
    blocked = np.zeros(rain.shape, dtype=bool)
    for rows in _windows(len(rain), limits.window_steps):
        part = rain[rows]
        silent = (part == 0).any(axis=0) & ~(part > 0).any(axis=0)
        if silent.any():
            events, mean = _events(part, neighbours, limits)
            missed = ((events == 0) & (mean >= _UNIT_WET_MM)).sum(axis=0) >= _UNIT_EVENTS
            blocked[rows] = silent & missed
    return blocked


def _events(part: FloatArray, neighbours: NDArray[np.intp], limits: QualityLimits) -> tuple[FloatArray, FloatArray]:
    """Sums over successive events that end with the window, and the neighbours' mean; NaN where too few know."""
    count = len(part) // limits.event_steps
    whole = part[len(part) - count * limits.event_steps :]
    events = whole.reshape(count, limits.event_steps, part.shape[1]).sum(axis=1)
    around = _Around(events, neighbours)
    mean = around.total / np.maximum(around.count, 1)
    return events, np.where(around.count >= limits.min_buddies, mean, np.nan)


class _Around:
    """Least, largest, sum, count and wet count of the neighbours' values, without an array per neighbour."""

    def __init__(self, rain: FloatArray, neighbours: NDArray[np.intp], wet_mm: float = np.inf) -> None:
        padded = np.full((len(rain), rain.shape[1] + 1), np.nan)  # the tree says "one past the last" for no neighbour
        padded[:, :-1] = rain
        self.lowest = np.full(rain.shape, np.nan)
        self.highest = np.full(rain.shape, np.nan)
        self.total = np.zeros(rain.shape)
        self.count = np.zeros(rain.shape, dtype=np.int8)
        self.wet = np.zeros(rain.shape, dtype=np.int8)
        values, known = np.empty(rain.shape), np.empty(rain.shape, dtype=bool)
        for column in neighbours.T:
            if (column == rain.shape[1]).all():
                continue
            np.take(padded, column, axis=1, out=values, mode="clip")
            np.fmin(self.lowest, values, out=self.lowest)
            np.fmax(self.highest, values, out=self.highest)
            np.equal(values, values, out=known)  # false for NaN
            self.count += known
            if wet_mm < np.inf:
                self.wet += values >= wet_mm
            else:
                # 0 for what is unknown, so that the sum stays a plain addition.
                np.fmax(values, 0.0, out=values)
                self.total += values


def _prepared(
    rain_mm: ArrayLike, gauge_xy: ArrayLike, limits: QualityLimits | None
) -> tuple[FloatArray, NDArray[np.intp], QualityLimits]:
    """Return rain (time, gauge), the neighbours of each gauge, and the limits in force."""
    limits = limits or QualityLimits()
    return np.asarray(rain_mm, dtype=np.float64), _neighbours(gauge_xy, limits), limits


def _neighbours(gauge_xy: ArrayLike, limits: QualityLimits) -> NDArray[np.intp]:
    """Return the nearest gauges within the radius, shape (gauge, buddies); the number of gauges stands for none."""
    points = np.array(gauge_xy, dtype=np.float64).reshape(-1, 2)
    lost = ~np.isfinite(points).all(axis=1)
    # A gauge without a place has no neighbours: it is put where nobody is.
    points[lost] = 1e15 * (1.0 + np.arange(lost.sum()))[:, np.newaxis]
    nearest = np.arange(1, limits.buddies + 2)  # one more than wanted: the gauge finds itself too
    from scipy.spatial import cKDTree

    _, index = cKDTree(points).query(points, k=nearest, distance_upper_bound=limits.radius_m)
    index[index == np.arange(len(points))[:, np.newaxis]] = len(points)
    return np.asarray(index)


def _rows(count: int) -> Iterator[slice]:
    for begin in range(0, count, _ROWS):
        yield slice(begin, min(begin + _ROWS, count))


def _windows(count: int, size: int) -> Iterator[slice]:
    """Yield windows counted back from the newest step, so that the newest is always whole."""
    for end in range(count, 0, -size):
        yield slice(max(end - size, 0), end)


def _moving_sum(rain: FloatArray, steps: int) -> FloatArray:
    """Sum of the steps that end with each; NaN if one is unknown or before the first."""
    total = np.full(rain.shape, np.nan)
    if len(rain) >= steps:
        windows = np.zeros((len(rain) - steps + 1, rain.shape[1]))
        for step in range(steps):
            windows += rain[step : step + len(windows)]
        total[steps - 1 :] = windows
    return total


def _near(ratio: FloatArray, factor: float) -> Mask:
    return np.asarray((ratio > factor / _UNIT_TOLERANCE) & (ratio < factor * _UNIT_TOLERANCE))


def _correlation(own: FloatArray, theirs: FloatArray, paired: Mask) -> FloatArray:
    count = np.maximum(paired.sum(axis=0), 1)
    left = np.where(paired, own - own.sum(axis=0) / count, 0.0)
    right = np.where(paired, theirs - theirs.sum(axis=0) / count, 0.0)
    scale = np.sqrt((left**2).sum(axis=0) * (right**2).sum(axis=0))
    return np.asarray((left * right).sum(axis=0) / np.maximum(scale, 1e-12))


def _lagged_correlation(own: FloatArray, theirs: FloatArray, known: Mask, lags: int) -> FloatArray:
    """Return correlations at lags -lags to +lags, shape (2 lags + 1, gauge), by Fourier transform."""
    from scipy.fft import irfft, next_fast_len, rfft

    count = np.maximum(known.sum(axis=0), 1)
    left = np.where(known, own - own.sum(axis=0) / count, 0.0)
    right = np.where(known, theirs - theirs.sum(axis=0) / count, 0.0)
    size = next_fast_len(len(own) + lags, real=True)
    cross = irfft(rfft(left, size, axis=0) * np.conj(rfft(right, size, axis=0)), size, axis=0)
    scale = np.sqrt((left**2).sum(axis=0) * (right**2).sum(axis=0))
    around = np.concatenate([cross[size - lags :], cross[: lags + 1]]) if lags else cross[:1]
    return np.asarray(around / np.maximum(scale, 1e-12))
