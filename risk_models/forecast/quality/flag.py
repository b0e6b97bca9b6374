"""Quality flags of gauge rain, after QARTOD: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing.

Every test says "not evaluated" (2) where it could not look, which is never the same as "good" (1). Only what cannot
be rain fails; an extreme that merely differs from its past or its neighbours is suspect and stays in use, because real
cloudbursts fail such tests. Beside the flag stand two axes: where a value comes from (original, corrected, completed)
and how far it can be relied on (see `axes`).

The tests: `gap`, `syntax`, `location`, `gross_range`, `climatology`, `rate`, `spike`, `counter`, `duplicate` look at
one gauge (`series`); `flat_line`, `buddy`, `buddy_event`, `unit`, `clock` at its neighbours too
(`neighbours`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from risk_models.forecast.quality.axes import ValueOrigin, reliability_of
from risk_models.forecast.quality.limits import FAIL, GOOD, MISSING, SUSPECT, UNSEEN, Flags, QualityLimits
from risk_models.forecast.quality.neighbours import (
    buddy_event_test,
    buddy_test,
    clock_test,
    flat_line_test,
    unit_test,
)
from risk_models.forecast.quality.series import (
    climatology_test,
    counter_test,
    duplicate_test,
    gap_test,
    gross_range_test,
    location_test,
    rate_test,
    spike_test,
    syntax_test,
)
from risk_models.forecast.rainfall import Quality

__all__ = [
    "TESTS",
    "QualityLimits",
    "QualitySummary",
    "buddy_event_test",
    "buddy_test",
    "climatology_test",
    "clock_test",
    "counter_test",
    "duplicate_test",
    "flag_gauges",
    "flat_line_test",
    "gap_test",
    "gross_range_test",
    "location_test",
    "quality_summary",
    "rate_test",
    "spike_test",
    "syntax_test",
    "unit_test",
]

TESTS = (
    "gap",
    "syntax",
    "location",
    "gross_range",
    "climatology",
    "rate",
    "spike",
    "counter",
    "duplicate",
    "flat_line",
    "buddy",
    "buddy_event",
    "unit",
    "clock",
)
# Tests that say something about the amount; one of them must have looked before a value is called good.
_TELLING = ("climatology", "rate", "spike", "flat_line", "buddy", "buddy_event")
# Of a dry value only these: a fall to 0 is no sign of a gauge that feels no rain.
_TELLING_OF_DRY = ("climatology", "flat_line", "buddy", "buddy_event")
# Suspicions that neighbours with like amounts remove.
_EXTREME = ("climatology", "rate", "spike")
CLOCK_SKEW = np.timedelta64(5, "m")


def flag_gauges(
    observed: xr.Dataset,
    gauge_xy: ArrayLike,
    *,
    limits: QualityLimits | None = None,
    monthly_max_mm: Sequence[float | None] | None = None,
    monthly_dry_h: Sequence[float | None] | None = None,
    valid_at: np.datetime64 | None = None,
) -> xr.Dataset:
    """Run every test on gauge rain and merge the flags.

    Parameters
    ----------
    observed : xarray.Dataset
        ``rain_mm(time, gauge)`` [mm] and ``quality(time, gauge)`` as `read_gauge_table` gives them; ``value_origin`` is
        kept if there.
    gauge_xy : array_like, shape (gauge, 2)
        Coordinates [m], in the order of ``gauge``.
    limits : QualityLimits, optional
        Those for the step of the data if not given (`QualityLimits.for_step`).
    monthly_max_mm : sequence of 12 floats or None, optional
        Limits of the climatology for one hour [mm], January first; None leaves a month untested. Ignored with `limits`.
    monthly_dry_h : sequence of 12 floats or None, optional
        Limits of the climatology for a dry run [h], likewise.
    valid_at : datetime64, optional
        Time of the cycle, UTC; values stamped more than five minutes after it fail (their clock is wrong) and take no
        part in any test.

    Returns
    -------
    xarray.Dataset
        ``rain_mm`` (NaN where failed), ``quality`` merged, ``tests(test, time, gauge)``, the flag of every test,
        ``tests_run(time, gauge)``, how many of them could look, and the axes ``value_origin`` and ``reliability`` (see
        `axes`). Merged: missing, else the worst of fail and suspect; good only if at least one test of the amount could
        look, of a dry value one that can tell false zeros, else not evaluated. A suspicion of `rate`, `spike` or
        `climatology` alone is lifted where neighbours confirm the value.

    Examples
    --------
    >>> end = np.array(["2021-07-20T08", "2021-07-20T09"], "datetime64[ns]")
    >>> observed = xr.Dataset({"rain_mm": (("time", "gauge"), [[3.0], [201.9]]),
    ...     "quality": (("time", "gauge"), [[2], [2]])}, {"time": end, "gauge": ["57083"]})
    >>> flag_gauges(observed, [[0, 0]]).quality.to_numpy().ravel().tolist()
    [2, 3]
    """
    time = observed["time"].to_numpy()
    limits = limits or QualityLimits.for_step(_step_h(time), monthly_max_mm=monthly_max_mm, monthly_dry_h=monthly_dry_h)
    received = observed["quality"].to_numpy()
    rain = observed["rain_mm"].to_numpy().astype(np.float64)
    rain[(received == FAIL) | (received == MISSING)] = np.nan
    future = np.zeros(len(rain), dtype=bool)
    if valid_at is not None:
        # Hidden before the tests run: no flag of the past may rest on what came later.
        future = time > valid_at + CLOCK_SKEW
        rain[future] = np.nan
    flags = _run(rain, received, time, gauge_xy, limits)
    flags[TESTS.index("clock"), future] = FAIL
    merged = _merge(flags, rain == 0)
    rain[merged == FAIL] = np.nan
    dims = ("time", "gauge")
    origin = observed.get("value_origin", np.full(rain.shape, int(ValueOrigin.ORIGINAL), dtype=np.int8))
    run = np.zeros(rain.shape, dtype=np.int8)
    for flag in flags:
        run += _looked(flag)
    return observed.assign(
        rain_mm=(dims, rain, observed["rain_mm"].attrs),
        quality=(dims, merged),
        tests=(("test", *dims), flags),
        tests_run=(dims, run),
        value_origin=(dims, np.asarray(origin, dtype=np.int8)),
        reliability=(dims, reliability_of(merged)),
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
    doubted : dict of str to int
        Values that each test found suspect or failed.
    zh, en : str
        The same in one sentence.
    """

    values: int
    counts: dict[str, int]
    evaluated: dict[str, int]
    doubted: dict[str, int]
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
    tests = zip(flagged["test"].to_numpy(), flagged["tests"].to_numpy(), strict=True)
    evaluated, doubted = {}, {}
    for name, flag in tests:
        evaluated[str(name)] = int(_looked(flag).sum())
        doubted[str(name)] = int(((flag == SUSPECT) | (flag == FAIL)).sum())
    words = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    zh_names = {"good": "正常", "not_evaluated": "未检验", "suspect": "可疑", "fail": "错误", "missing": "缺测"}
    zh = "、".join(f"{zh_names[name]}{count}" for name, count in counts.items())
    return QualitySummary(
        values=merged.size,
        counts=counts,
        evaluated=evaluated,
        doubted=doubted,
        zh=f"共{merged.size}个值：{zh}；可与邻站比较的有{evaluated['buddy']}个。",
        en=f"{merged.size} values: {words}; neighbours could be compared for {evaluated['buddy']}.",
    )


def _run(
    rain: NDArray[np.float64],
    received: NDArray[np.integer],
    time: NDArray[np.datetime64],
    gauge_xy: ArrayLike,
    limits: QualityLimits,
) -> Flags:
    """Run the tests in turn; values that fail one of the first group are taken out of `rain` before the others."""
    flags = np.empty((len(TESTS), *rain.shape), dtype=np.int8)
    put = {name: flags[number] for number, name in enumerate(TESTS)}
    put["syntax"][:] = syntax_test(received)
    put["location"][:] = location_test(gauge_xy, limits=limits)
    put["gross_range"][:] = gross_range_test(rain, max_mm=limits.max_mm)
    put["counter"][:] = counter_test(rain, limits=limits)
    put["duplicate"][:] = duplicate_test(rain, time, limits=limits)
    for name in ("location", "gross_range", "counter", "duplicate"):
        rain[put[name] == FAIL] = np.nan
    put["gap"][:] = gap_test(rain)
    put["climatology"][:] = climatology_test(rain, time, limits.monthly_max_mm, limits.monthly_dry_steps)
    put["rate"][:] = rate_test(rain, rate_mm=limits.rate_mm, max_bridge=limits.max_bridge)
    put["spike"][:] = spike_test(rain, spike_mm=limits.spike_mm, max_bridge=limits.max_bridge)
    put["flat_line"][:] = flat_line_test(rain, gauge_xy, limits=limits)
    put["buddy"][:] = buddy_test(rain, gauge_xy, limits=limits)
    put["buddy_event"][:] = buddy_event_test(rain, gauge_xy, limits=limits)
    put["unit"][:] = unit_test(rain, gauge_xy, limits=limits)
    put["clock"][:] = clock_test(rain, gauge_xy, limits=limits)
    return flags


def _merge(flags: Flags, is_dry: NDArray[np.bool_]) -> Flags:
    named = dict(zip(TESTS, flags, strict=True))
    merged = np.full(flags.shape[1:], UNSEEN)
    for name in _TELLING:
        merged[_looked(named[name]) & ~(is_dry & (name not in _TELLING_OF_DRY))] = GOOD
    confirmed = named["buddy"] == GOOD
    for name, flag in named.items():
        suspect = flag == SUSPECT
        if name in _EXTREME:
            suspect &= ~confirmed
        merged[suspect] = SUSPECT
    merged[named["gap"] == MISSING] = MISSING
    for flag in flags:
        merged[flag == FAIL] = FAIL
    return merged


def _looked(flag: Flags) -> NDArray[np.bool_]:
    looked: NDArray[np.bool_] = (flag == GOOD) | (flag == SUSPECT) | (flag == FAIL)
    return looked


def _step_h(time: NDArray[np.datetime64]) -> float:
    """Return the usual step [h]; 1 if there are not two times."""
    steps = np.diff(time.astype("datetime64[s]").astype(np.int64))
    steps = steps[steps > 0]
    return float(np.median(steps)) / 3600.0 if len(steps) else 1.0
