"""Storm formula: depth of a return period and duration, its exact inverse, and the design storm (Chicago).

A Chinese storm-intensity formula gives q = a1 (1 + c (lg P)^m) / (t + b)^n in L/(s·ha) for a return period P (years)
and a duration t (minutes). One L/(s·ha) is 0.36 mm/h, so the depth over t is q · 0.36 · t / 60 mm.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from risk_models.standards import StormFormula

__all__ = [
    "chicago_hyetograph",
    "depth_mm",
    "is_extrapolated",
    "return_period_a",
    "return_period_text",
]

FloatArray = NDArray[np.float64]
MM_PER_MINUTE = 0.36 / 60.0  # of 1 L/(s·ha)
_EDGE = 1e-9  # relative rounding allowed at the ends of the formula's range


def depth_mm(formula: StormFormula, period_a: ArrayLike, minutes: ArrayLike) -> FloatArray:
    """Return the rain depth of a return period and duration.

    Parameters
    ----------
    formula : StormFormula
    period_a : array_like
        Return period [years], within the formula's range; broadcast against `minutes`.
    minutes : array_like
        Duration [min], above 0. Beyond `formula.minutes_max` the formula is extrapolated (see `is_extrapolated`).

    Returns
    -------
    ndarray
        Depth [mm].

    Raises
    ------
    ValueError
        If a return period is outside the formula's range or a duration is not above 0.

    References
    ----------
    Form of the formula: GB 50014 (outdoor drainage design standard); parameters: ``data/standards/storm_formulas.csv``.

    Examples
    --------
    >>> from risk_models.standards import load_standards
    >>> f2 = load_standards().storm_formula("zz-f2")
    >>> depth_mm(f2, [2, 100], 60).round(1).tolist()
    [40.0, 87.7]
    """
    period = np.asarray(period_a, dtype=np.float64)
    if not ((period >= formula.period_min_a) & (period <= formula.period_max_a)).all():
        limits = f"{formula.period_min_a:g} to {formula.period_max_a:g}"
        raise ValueError(f"return period outside formula {formula.formula_id}; accepted: {limits} years")
    growth: FloatArray = 1.0 + formula.c * np.log10(period) ** formula.lg_exponent
    return np.asarray(growth * _one_year_mm(formula, minutes))


def return_period_a(formula: StormFormula, rain_mm: ArrayLike, minutes: ArrayLike) -> FloatArray:
    """Return the return period of a rain depth over a duration: the exact inverse of `depth_mm`.

    lg P = ((R / R1(t) - 1) / c)^(1/m), with R1(t) the depth of P = 1 year.

    Parameters
    ----------
    formula : StormFormula
    rain_mm : array_like
        Depth [mm] over the duration; NaN is unknown.
    minutes : array_like
        Duration [min], above 0.

    Returns
    -------
    ndarray
        Return period [years]: 0 below the formula's range (under 1 year), inf beyond it (over 100 years), NaN for NaN.

    Raises
    ------
    ValueError
        If a duration is not above 0.

    Examples
    --------
    >>> from risk_models.standards import load_standards
    >>> f2 = load_standards().storm_formula("zz-f2")
    >>> return_period_a(f2, [10.0, 59.6, 201.9], 60).round(1).tolist()
    [0.0, 10.0, inf]
    """
    rain = np.asarray(rain_mm, dtype=np.float64)
    excess = (rain / _one_year_mm(formula, minutes) - 1.0) / formula.c
    lg_period = np.clip(excess, 0.0, 12.0) ** (1.0 / formula.lg_exponent)
    period: FloatArray = 10.0**lg_period
    low, high = formula.period_min_a, formula.period_max_a
    below = (excess < -_EDGE) | (period < low * (1 - _EDGE))
    inside = np.clip(period, low, high)
    result = np.where(below, 0.0, np.where(period > high * (1 + _EDGE), np.inf, inside))
    return np.asarray(np.where(np.isnan(excess), np.nan, result))


def return_period_text(period_a: float, lang: Literal["zh", "en"], *, formula: StormFormula | None = None) -> str:
    """Return a return period in words that claim no more than the formula can say.

    Parameters
    ----------
    period_a : float
        Return period [years] as `return_period_a` gives it.
    lang : {"zh", "en"}
    formula : StormFormula, optional
        Gives the ends of the range; 1 and 100 years if not given.

    Returns
    -------
    str

    Examples
    --------
    >>> [return_period_text(p, "en") for p in (0.0, 2.34, 45.2, float("inf"), float("nan"))]
    ['<1 a', '2.3 a', '45 a', '>100 a (outside formula)', 'unknown']
    >>> return_period_text(float("inf"), "zh")
    '>100年（超出公式范围）'
    """
    low, high = (1.0, 100.0) if formula is None else (formula.period_min_a, formula.period_max_a)
    unit = "年" if lang == "zh" else " a"
    if np.isnan(period_a):
        return "未知" if lang == "zh" else "unknown"
    if period_a > high:
        return f">{high:g}{unit}" + ("（超出公式范围）" if lang == "zh" else " (outside formula)")
    if period_a < low:
        return f"<{low:g}{unit}"
    return f"{period_a:.1f}{unit}" if period_a < 9.95 else f"{period_a:.0f}{unit}"


def is_extrapolated(formula: StormFormula, minutes: float) -> bool:
    """Return whether a duration lies outside those the formula was fitted to.

    Examples
    --------
    >>> from risk_models.standards import load_standards
    >>> is_extrapolated(load_standards().storm_formula("zz-f2"), 1440)
    True
    """
    return not formula.minutes_min <= minutes <= formula.minutes_max


def chicago_hyetograph(
    formula: StormFormula, period_a: float, duration_min: int, *, step_min: int = 5, peak_ratio: float = 0.4
) -> FloatArray:
    """Return the Chicago design storm: every window around its peak holds the formula's depth of that duration.

    With the peak at r T, the rain within s minutes before the peak is r D(s / r), and within s minutes after it
    (1 - r) D(s / (1 - r)), D being the depth of a duration. Steps are differences of this, so the total is D(T).

    Parameters
    ----------
    formula : StormFormula
    period_a : float
        Return period [years].
    duration_min : int
        Duration T [min], a multiple of `step_min`.
    step_min : int
        Step [min].
    peak_ratio : float
        r, between 0 and 1; 0.3 to 0.4 is usual in China.

    Returns
    -------
    ndarray, shape (duration_min / step_min,)
        Rain [mm] in each step.

    Raises
    ------
    ValueError
        If the duration is no multiple of the step, or the peak ratio is not between 0 and 1.

    References
    ----------
    Keifer, C. J. & Chu, H. H. (1957). Synthetic storm pattern for drainage design. J. Hydraulics Division ASCE 83(4).

    Examples
    --------
    >>> from risk_models.standards import load_standards
    >>> f2 = load_standards().storm_formula("zz-f2")
    >>> rain_mm = chicago_hyetograph(f2, 2, 60)
    >>> len(rain_mm), round(float(rain_mm.sum()), 1), int(rain_mm.argmax())
    (12, 40.0, 4)
    """
    if not 0 < peak_ratio < 1:
        raise ValueError(f"peak_ratio is {peak_ratio}; accepted: between 0 and 1")
    from_peak = _step_edges_min(duration_min, step_min) - peak_ratio * duration_min
    share = np.where(from_peak < 0, peak_ratio, 1 - peak_ratio)
    span = np.abs(from_peak) / share
    within = np.zeros_like(span)
    within[span > 0] = depth_mm(formula, period_a, span[span > 0])
    return np.asarray(np.diff(np.sign(from_peak) * share * within))


def _one_year_mm(formula: StormFormula, minutes: ArrayLike) -> FloatArray:
    duration = np.asarray(minutes, dtype=np.float64)
    if not (duration > 0).all():
        raise ValueError("duration must be above 0 minutes")
    return np.asarray(formula.a1 * MM_PER_MINUTE * duration / (duration + formula.b_min) ** formula.n)


def _step_edges_min(duration_min: int, step_min: int) -> FloatArray:
    if step_min <= 0 or duration_min <= 0 or duration_min % step_min:
        raise ValueError(f"duration of {duration_min} min is no positive multiple of the step of {step_min} min")
    return np.arange(0, duration_min + step_min, step_min, dtype=np.float64)
