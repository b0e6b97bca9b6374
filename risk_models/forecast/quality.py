"""Quality flags of gauge rain, after QARTOD: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing.

Every test says "not evaluated" (2) where it could not look, which is never the same as "good" (1). Only what cannot
be rain fails; an extreme that merely differs from its past or its neighbours is suspect and stays in use, because real
cloudbursts fail such tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from risk_models.forecast.rainfall import Quality

__all__ = [
    "TESTS",
    "QualityLimits",
    "QualitySummary",
    "buddy_test",
    "flag_gauges",
    "flat_line_test",
    "gap_test",
    "gross_range_test",
    "quality_summary",
    "rate_test",
    "spike_test",
]

Flags = NDArray[np.int8]
FloatArray = NDArray[np.float64]
GOOD, UNSEEN, SUSPECT, FAIL, MISSING = (np.int8(flag) for flag in Quality)
TESTS = ("gap", "gross_range", "rate", "spike", "flat_line", "buddy")


@dataclass(frozen=True, kw_only=True)
class QualityLimits:
    """Limits of the tests; chosen here, to be tuned on local data.

    Attributes
    ----------
    max_mm : float
        Above this a step cannot be rain [mm]; 401 is the world record of one hour.
    rate_mm : float
        Change from the last valid value that is doubtful [mm].
    spike_mm : float
        Height above both valid neighbours in time that is doubtful [mm].
    max_bridge : int
        Steps over which the last valid value may be looked for.
    stuck_min_mm : float
        Values below this may repeat in drizzle and are never called stuck [mm].
    stuck_suspect, stuck_fail : int
        Equal values in a row that are doubtful, and that cannot be rain.
    dry_steps : int
        Dry steps in a row that are doubtful while the neighbours are wet.
    radius_m : float
        Distance within which a gauge is a neighbour [m].
    buddies : int
        Neighbours looked at, and `min_buddies` of them needed.
    min_buddies : int
    buddy_factor, buddy_offset_mm : float
        Doubtful above factor x the largest neighbour + offset.
    buddy_wet_mm : float
        Doubtful if dry while every neighbour has at least this [mm].
    """

    max_mm: float = 401.0
    rate_mm: float = 60.0
    spike_mm: float = 60.0
    max_bridge: int = 6
    stuck_min_mm: float = 0.5
    stuck_suspect: int = 4
    stuck_fail: int = 12
    dry_steps: int = 3
    radius_m: float = 20_000.0
    buddies: int = 8
    min_buddies: int = 3
    buddy_factor: float = 3.0
    buddy_offset_mm: float = 20.0
    buddy_wet_mm: float = 5.0


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
    return _with_missing(rain, np.where((rain < 0) | (rain > max_mm), FAIL, GOOD))


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
    rain = np.asarray(rain_mm, dtype=np.float64)
    before, age = _last_valid(rain)
    seen = np.isfinite(before) & (age <= max_bridge)
    flags = np.where(~seen, UNSEEN, np.where(np.abs(rain - before) > rate_mm, SUSPECT, GOOD))
    return _with_missing(rain, flags)


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
    rain = np.asarray(rain_mm, dtype=np.float64)
    before, age = _last_valid(rain)
    after, ahead = (values[::-1] for values in _last_valid(rain[::-1]))
    seen = np.isfinite(before) & np.isfinite(after) & (np.maximum(age, ahead) <= max_bridge)
    high = rain - np.fmax(before, after) > spike_mm
    return _with_missing(rain, np.where(~seen, UNSEEN, np.where(high, SUSPECT, GOOD)))


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
        neighbours is 3. A gauge with fewer than `stuck_suspect` values is not evaluated (2).

    Examples
    --------
    >>> flat_line_test([[0.0]] * 3 + [[2.4]] * 4).ravel().tolist()
    [2, 2, 2, 3, 3, 3, 3]
    """
    limits = limits or QualityLimits()
    rain = np.asarray(rain_mm, dtype=np.float64)
    length = _run_lengths(rain)
    enough = np.isfinite(rain).sum(axis=0) >= limits.stuck_suspect
    moving = np.where(enough, GOOD, UNSEEN)
    stuck = np.where(length >= limits.stuck_fail, FAIL, np.where(length >= limits.stuck_suspect, SUSPECT, moving))
    stuck = np.where(rain < limits.stuck_min_mm, moving, stuck)
    wet_around, seen = _neighbour_minimum(rain, gauge_xy, limits)
    lost = (rain == 0) & seen & (wet_around >= limits.buddy_wet_mm)
    blocked = lost & (_run_lengths(np.where(lost, 1.0, np.nan)) >= limits.dry_steps)
    dry = np.where(blocked, SUSPECT, np.where(seen, GOOD, UNSEEN))
    return _with_missing(rain, np.where(rain == 0, dry, stuck))


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
    limits = limits or QualityLimits()
    rain = np.asarray(rain_mm, dtype=np.float64)
    around = _neighbour_values(rain, gauge_xy, limits)
    seen = np.isfinite(around).sum(axis=2) >= limits.min_buddies
    high = rain > limits.buddy_factor * np.fmax.reduce(around, axis=2) + limits.buddy_offset_mm
    low = (rain == 0) & (np.fmin.reduce(around, axis=2) >= limits.buddy_wet_mm)
    return _with_missing(rain, np.where(~seen, UNSEEN, np.where(high | low, SUSPECT, GOOD)))


def flag_gauges(
    observed: xr.Dataset,
    gauge_xy: ArrayLike,
    *,
    limits: QualityLimits | None = None,
    valid_at: np.datetime64 | None = None,
) -> xr.Dataset:
    """Run every test on gauge rain and merge the flags.

    Parameters
    ----------
    observed : xarray.Dataset
        ``rain_mm(time, gauge)`` [mm] and ``quality(time, gauge)`` as `read_gauge_table` gives them.
    gauge_xy : array_like, shape (gauge, 2)
        Coordinates [m], in the order of ``gauge``.
    limits : QualityLimits, optional
    valid_at : datetime64, optional
        Time of the cycle, UTC; values stamped more than five minutes after it fail (their clock is wrong) and take no
        part in any test.

    Returns
    -------
    xarray.Dataset
        ``rain_mm`` (NaN where failed), ``quality`` merged, ``tests(test, time, gauge)``, the flag of every test, and
        ``tests_run(time, gauge)``, how many of them could look. Merged: missing, else the worst of fail and suspect;
        good only if at least one test beyond the gross range could look, else not evaluated. A suspicion of `rate` or
        `spike` alone is lifted where neighbours confirm the value.

    Examples
    --------
    >>> end = np.array(["2021-07-20T08", "2021-07-20T09"], "datetime64[ns]")
    >>> observed = xr.Dataset({"rain_mm": (("time", "gauge"), [[3.0], [201.9]]),
    ...     "quality": (("time", "gauge"), [[2], [2]])}, {"time": end, "gauge": ["57083"]})
    >>> flag_gauges(observed, [[0, 0]]).quality.to_numpy().ravel().tolist()
    [2, 3]
    """
    limits = limits or QualityLimits()
    received = observed["quality"].to_numpy()
    rain = np.where(np.isin(received, (FAIL, MISSING)), np.nan, observed["rain_mm"].to_numpy().astype(np.float64))
    future = np.zeros(len(rain), dtype=bool)
    if valid_at is not None:
        # Hidden before the tests run: no flag of the past may rest on what came later.
        future = observed["time"].to_numpy() > valid_at + np.timedelta64(5, "m")
        rain[future] = np.nan
    gross = gross_range_test(rain, max_mm=limits.max_mm)
    rain = np.where(gross == FAIL, np.nan, rain)
    flags = np.stack(
        [
            gap_test(rain),
            gross,
            rate_test(rain, rate_mm=limits.rate_mm, max_bridge=limits.max_bridge),
            spike_test(rain, spike_mm=limits.spike_mm, max_bridge=limits.max_bridge),
            flat_line_test(rain, gauge_xy, limits=limits),
            buddy_test(rain, gauge_xy, limits=limits),
        ]
    )
    merged = _merge(flags, received)
    merged[future] = FAIL
    dims = ("time", "gauge")
    return observed.assign(
        rain_mm=(dims, np.where(merged == FAIL, np.nan, rain), observed["rain_mm"].attrs),
        quality=(dims, merged),
        tests=(("test", *dims), flags),
        tests_run=(dims, np.isin(flags, (GOOD, SUSPECT, FAIL)).sum(axis=0).astype(np.int8)),
    ).assign_coords(test=np.asarray(TESTS, dtype=object))


@dataclass(frozen=True, kw_only=True)
class QualitySummary:
    """Counts of flags, and how many tests really ran, for the products.

    Attributes
    ----------
    values : int
        Values in all, missing ones too.
    counts : dict of str to int
        Values by merged flag: good, not_evaluated, suspect, fail, missing.
    evaluated : dict of str to int
        Values that each test could look at.
    zh, en : str
        The same in one sentence.
    """

    values: int
    counts: dict[str, int]
    evaluated: dict[str, int]
    zh: str
    en: str


def quality_summary(flagged: xr.Dataset) -> QualitySummary:
    """Return the counts of flags of gauge rain.

    Parameters
    ----------
    flagged : xarray.Dataset
        As `flag_gauges` gives it.

    Returns
    -------
    QualitySummary

    Examples
    --------
    >>> end = np.array(["2021-07-20T09"], "datetime64[ns]")
    >>> observed = xr.Dataset({"rain_mm": (("time", "gauge"), [[np.nan]]), "quality": (("time", "gauge"), [[9]])},
    ...     {"time": end, "gauge": ["57083"]})
    >>> quality_summary(flag_gauges(observed, [[0, 0]])).en
    '1 values: 0 good, 0 not evaluated, 0 suspect, 0 fail, 1 missing; neighbours could be compared for 0.'
    """
    merged = flagged["quality"].to_numpy()
    counts = {flag.name.lower(): int((merged == flag).sum()) for flag in Quality}
    looked = np.isin(flagged["tests"].to_numpy(), (GOOD, SUSPECT, FAIL)).sum(axis=(1, 2))
    evaluated = {str(test): int(count) for test, count in zip(flagged["test"].to_numpy(), looked, strict=True)}
    words = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    zh_names = {"good": "正常", "not_evaluated": "未检验", "suspect": "可疑", "fail": "错误", "missing": "缺测"}
    zh = "、".join(f"{zh_names[name]}{count}" for name, count in counts.items())
    return QualitySummary(
        values=merged.size,
        counts=counts,
        evaluated=evaluated,
        zh=f"共{merged.size}个值：{zh}；可与邻站比较的有{evaluated['buddy']}个。",
        en=f"{merged.size} values: {words}; neighbours could be compared for {evaluated['buddy']}.",
    )


def _merge(flags: Flags, received: NDArray[np.integer]) -> Flags:
    gap, gross, rate, spike, flat, buddy = flags
    confirmed = buddy == GOOD
    jump = ((rate == SUSPECT) | (spike == SUSPECT)) & ~confirmed
    suspect = jump | (flat == SUSPECT) | (buddy == SUSPECT) | (received == SUSPECT)
    looked = np.isin(flags[2:], (GOOD, SUSPECT, FAIL)).any(axis=0)
    merged = np.where(looked, GOOD, UNSEEN)
    merged = np.where(suspect, SUSPECT, merged)
    merged = np.where(gap == MISSING, MISSING, merged)
    failed = (gross == FAIL) | (flat == FAIL) | (received == FAIL)
    return np.where(failed, FAIL, merged).astype(np.int8)


def _with_missing(rain: FloatArray, flags: NDArray[np.int8]) -> Flags:
    return np.where(np.isnan(rain), MISSING, flags).astype(np.int8)


def _last_valid(rain: FloatArray) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return, for each value, the last valid value before it and how many steps back that lies."""
    if not len(rain):
        return rain, np.zeros(rain.shape, dtype=np.intp)
    steps = np.arange(len(rain))[:, np.newaxis]
    newest = np.maximum.accumulate(np.where(np.isfinite(rain), steps, -1), axis=0)
    before = np.vstack([np.full((1, rain.shape[1]), -1), newest[:-1]])
    values = np.take_along_axis(rain, np.maximum(before, 0), axis=0)
    return np.where(before < 0, np.nan, values), steps - before


def _run_lengths(rain: FloatArray) -> NDArray[np.intp]:
    """Return the length of the run of equal values that each value belongs to; NaN makes runs of one."""
    count = len(rain)
    if not count:
        return np.zeros(rain.shape, dtype=np.intp)
    new = np.ones(rain.shape, dtype=bool)
    new[1:] = rain[1:] != rain[:-1]
    steps = np.arange(count)[:, np.newaxis]
    begin = np.maximum.accumulate(np.where(new, steps, 0), axis=0)
    last = np.vstack([new[1:], np.ones((1, rain.shape[1]), dtype=bool)])
    finish = np.minimum.accumulate(np.where(last, steps, count)[::-1], axis=0)[::-1]
    return np.asarray(finish - begin + 1)


def _neighbour_values(rain: FloatArray, gauge_xy: ArrayLike, limits: QualityLimits) -> FloatArray:
    """Return the rain of the nearest gauges within the radius: shape (time, gauge, buddies), NaN where none."""
    points = np.asarray(gauge_xy, dtype=np.float64).reshape(-1, 2)
    nearest = np.arange(1, limits.buddies + 2)  # one more than wanted: the gauge finds itself too
    _, index = cKDTree(points).query(points, k=nearest, distance_upper_bound=limits.radius_m)
    index[index == np.arange(len(points))[:, np.newaxis]] = len(points)
    padded = np.hstack([rain, np.full((len(rain), 1), np.nan)])  # the tree says len(points) where there is no neighbour
    return np.asarray(padded[:, index])


def _neighbour_minimum(
    rain: FloatArray, gauge_xy: ArrayLike | None, limits: QualityLimits
) -> tuple[FloatArray, NDArray[np.bool_]]:
    if gauge_xy is None:
        return np.full(rain.shape, np.nan), np.zeros(rain.shape, dtype=bool)
    around = _neighbour_values(rain, gauge_xy, limits)
    seen = np.isfinite(around).sum(axis=2) >= limits.min_buddies
    return np.asarray(np.fmin.reduce(around, axis=2)), seen
