"""Statements of an outlook: a sentence made from its facts, and only where skill supports it.

Words come from a table (``wording_levels.csv``); every number in a sentence stands in `Statement.facts`. What may not
be said becomes a `Withheld` with the reason, so that a report can tell what is missing instead of falling silent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from risk_models.levels import Level
from risk_models.outlook.record import TooShort
from risk_models.outlook.seasonal import TercileForecast
from risk_models.standards import WordingLevel

__all__ = [
    "Statement",
    "Withheld",
    "days_text",
    "depth_statement",
    "level_statement",
    "percent",
    "rain_statement",
    "seasonal_statement",
    "withheld_too_short",
    "word",
]


@dataclass(frozen=True)
class Statement:
    """One sentence in two languages with its numbers.

    Attributes
    ----------
    key : str
        Kind of statement and its object, e.g. ``depth:EQ-001:stall``: what the next report verifies.
    zh, en : str
    facts : dict of str to float
        Numbers the sentence was made from.
    """

    key: str
    zh: str
    en: str
    facts: dict[str, float]


@dataclass(frozen=True)
class Withheld:
    """A statement that is not made, and why."""

    key: str
    reason_zh: str
    reason_en: str


def word(probability: float, levels: Sequence[WordingLevel]) -> WordingLevel:
    """Return the word for a probability.

    Parameters
    ----------
    probability : float
        0 to 1.
    levels : sequence of WordingLevel
        Rising from 0.

    Returns
    -------
    WordingLevel

    Raises
    ------
    ValueError
        If it is no probability.

    Examples
    --------
    >>> from risk_models.standards import load_standards
    >>> [word(p, load_standards().wording_levels()).zh for p in (0.05, 0.2, 0.59, 0.6)]
    ['较低', '一般', '较高', '高']
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"probability must lie in 0 to 1, got {probability}")
    return [level for level in levels if level.p_min <= probability + 1e-12][-1]


def percent(probability: float) -> str:
    """Write a probability in steps that it can bear, never 0 % or 100 %.

    Examples
    --------
    >>> [percent(p) for p in (0.0, 0.004, 0.034, 0.128, 0.996)]
    ['<1%', '<1%', '3%', '13%', '>99%']
    """
    value = round(100 * probability)
    if probability < 0.01:
        return "<1%"
    return ">99%" if value >= 100 else f"{value}%"


def _span(low: float, high: float) -> tuple[str, str]:
    low_text, high_text = percent(low), percent(high)
    if low_text == high_text:
        return low_text, low_text
    return f"{low_text}～{high_text}", f"{low_text} to {high_text}"


def depth_statement(
    hotspot: tuple[str, str, str], depth_class: tuple[str, float], chance: tuple[float, float, float],
    levels: Sequence[WordingLevel],
) -> Statement:  # fmt: skip
    """State how likely a hotspot passes a depth at least once in the period.

    Parameters
    ----------
    hotspot : tuple
        hotspot_id, Chinese and English name.
    depth_class : tuple
        Key and least depth, m.
    chance : tuple
        p_once, p_low, p_high of `Expected.passes`.
    levels : sequence of WordingLevel

    Returns
    -------
    Statement

    Examples
    --------
    >>> from risk_models.standards import load_standards
    >>> made = depth_statement(("EQ-001", "某立交", "Some Underpass"), ("stall", 0.27), (0.45, 0.3, 0.6),
    ...                        load_standards().wording_levels())
    >>> print(made.zh)
    某立交积水达到27厘米的可能性较高（45%，区间30%～60%）。
    >>> print(made.en)
    Some Underpass: chance of ponding of 27 cm or more is fairly high (45%, interval 30% to 60%).
    """
    (hotspot_id, name_zh, name_en), (key, depth_m), (p, low, high) = hotspot, depth_class, chance
    chosen = word(p, levels)
    span_zh, span_en = _span(low, high)
    depth_cm = f"{100 * depth_m:.0f}"
    return Statement(
        key=f"depth:{hotspot_id}:{key}",
        zh=f"{name_zh}积水达到{depth_cm}厘米的可能性{chosen.zh}（{percent(p)}，区间{span_zh}）。",
        en=f"{name_en}: chance of ponding of {depth_cm} cm or more is {chosen.en} ({percent(p)}, interval {span_en}).",
        facts={"depth_m": depth_m, "p_once": p, "p_low": low, "p_high": high},
    )


def days_text(value: float, error: float) -> str:
    """Write days with one decimal, and their sampling error where it reaches that decimal.

    Examples
    --------
    >>> days_text(1.25, 0.04), days_text(12.34, 0.26), days_text(0.02, 0.01), days_text(1.0, math.nan)
    ('1.2', '12.3±0.3', '<0.1', '1.0')
    """
    text = "<0.1" if 0 < value < 0.1 else f"{value:.1f}"
    return f"{text}±{error:.1f}" if error >= 0.1 else text


def level_statement(
    unit: tuple[str, str, str],
    level: Level,
    days: tuple[float, float, float],
    n_days: int,
    *,
    error_days: float = 0.0,
) -> Statement:
    """State the expected number of days at a level or higher.

    Parameters
    ----------
    unit : tuple
        Identifier, Chinese and English name.
    level : Level
    days : tuple
        expected_days, days_p10, days_p90 of `Expected.levels`.
    n_days : int
        Length of the period.
    error_days : float
        Sampling error of expected_days; told where it reaches the last digit told.

    Returns
    -------
    Statement

    Examples
    --------
    >>> made = level_statement(("district", "全区", "The district"), Level.YELLOW, (1.25, 0, 3), 31)
    >>> print(made.zh)
    全区达到黄色及以上的日数预计1.2天（31天中，八成年份0～3天）。
    >>> print(made.en)
    The district: 1.2 days at yellow or higher are expected (of 31 days; 0 to 3 in 8 of 10 years).
    """
    (unit_id, name_zh, name_en), (mean, low, high) = unit, days
    told = days_text(mean, error_days)
    span = f"{low:.0f}" if low == high else f"{low:.0f}～{high:.0f}"
    return Statement(
        key=f"level:{unit_id}:{level}",
        zh=f"{name_zh}达到{level.zh}及以上的日数预计{told}天（{n_days}天中，八成年份{span}天）。",
        en=f"{name_en}: {told} days at {level} or higher are expected "
        f"(of {n_days} days; {span.replace('～', ' to ')} in 8 of 10 years).",
        facts={"level": float(level), "expected_days": mean, "days_p10": low, "days_p90": high, "n_days": n_days}
        | ({"days_se": error_days} if "±" in told else {}),
    )


def rain_statement(
    gauge: tuple[str, str, str],
    amounts_mm: tuple[float, float, float],
    usual_mm: float,
    *,
    errors_mm: Sequence[float] = (),
) -> Statement:
    """State the total rain of the period at a gauge.

    Parameters
    ----------
    gauge : tuple
        gauge_id, Chinese and English name.
    amounts_mm : tuple
        Mean, 10 % and 90 % quantile of the generated periods, mm.
    usual_mm : float
        Mean of the recorded years, mm; NaN if there is none.
    errors_mm : sequence of float
        Sampling errors of the three amounts, mm; told where one reaches a millimetre, the last digit told.

    Returns
    -------
    Statement

    Examples
    --------
    >>> made = rain_statement(("57083", "郑州站", "Zhengzhou"), (151.6, 68.2, 260.4), 149.0)
    >>> print(made.zh)
    郑州站降雨总量预计152毫米（八成年份68～260毫米），常年平均149毫米。
    >>> print(made.en)
    Zhengzhou: 152 mm of rain are expected (68 to 260 mm in 8 of 10 years); the mean of the record is 149 mm.
    >>> place = "57083", "郑州站", "Zhengzhou"
    >>> print(rain_statement(place, (151.6, 68.2, 260.4), math.nan, errors_mm=(2.6, 3.1, 7.9)).en)
    Zhengzhou: 152 mm of rain are expected (68 to 260 mm in 8 of 10 years; sampling errors ±3, ±3 and ±8 mm).
    """
    (gauge_id, name_zh, name_en), (mean, low, high) = gauge, amounts_mm
    is_known, is_rough = not math.isnan(usual_mm), any(error >= 1 for error in errors_mm)
    errors = [f"±{error:.0f}" for error in errors_mm] if is_rough else []
    rough_zh = f"，抽样误差依次{'、'.join(errors)}毫米" if is_rough else ""
    rough_en = f"; sampling errors {', '.join(errors[:-1])} and {errors[-1]} mm" if is_rough else ""
    facts = {"mean_mm": mean, "p10_mm": low, "p90_mm": high}
    if is_rough:
        facts |= dict(zip(("mean_se_mm", "p10_se_mm", "p90_se_mm"), map(float, errors_mm), strict=True))
    return Statement(
        key=f"rain:{gauge_id}:total",
        zh=f"{name_zh}降雨总量预计{mean:.0f}毫米（八成年份{low:.0f}～{high:.0f}毫米{rough_zh}）"
        + (f"，常年平均{usual_mm:.0f}毫米。" if is_known else "。"),
        en=f"{name_en}: {mean:.0f} mm of rain are expected ({low:.0f} to {high:.0f} mm in 8 of 10 years{rough_en})"
        + (f"; the mean of the record is {usual_mm:.0f} mm." if is_known else "."),
        facts=facts | ({"usual_mm": usual_mm} if is_known else {}),
    )


def seasonal_statement(forecast: TercileForecast) -> Statement | Withheld:
    """State the seasonal signal, or why there is none.

    Parameters
    ----------
    forecast : TercileForecast
        As chosen by `choose_seasonal_forecast`.

    Returns
    -------
    Statement or Withheld

    Examples
    --------
    >>> print(seasonal_statement(TercileForecast(below=0.2, normal=0.3, above=0.5, skill=0.1)).zh)
    降雨总量偏多的可能性最大（偏少20%，正常30%，偏多50%）。
    >>> seasonal_statement(TercileForecast(below=0.25, normal=0.5, above=0.25)).reason_en
    'the seasonal signal has no proven skill and is not used'
    """
    key = "season:terciles"
    if forecast.is_neutral:
        zh, en = forecast.reason_zh or "季节信号无倾向", forecast.reason_en or "the seasonal signal leans to no side"
        return Withheld(key, zh, en)
    if math.isnan(forecast.skill) or forecast.skill <= 0:
        return Withheld(
            key, "季节信号的回报技巧未知或不足，未采用", "the seasonal signal has no proven skill and is not used"
        )
    shares = forecast.probabilities
    top = int(np.argmax(shares))
    names_zh, names_en = ("偏少", "正常", "偏多"), ("below normal", "near normal", "above normal")
    parts_zh = "，".join(f"{name}{percent(p)}" for name, p in zip(names_zh, shares, strict=True))
    parts_en = ", ".join(f"{name} {percent(p)}" for name, p in zip(names_en, shares, strict=True))
    return Statement(
        key=key,
        zh=f"降雨总量{names_zh[top]}的可能性最大（{parts_zh}）。",
        en=f"Total rain is most likely {names_en[top]} ({parts_en}).",
        facts={"below": shares[0], "normal": shares[1], "above": shares[2], "skill": forecast.skill},
    )


def withheld_too_short(key: str, answer: TooShort) -> Withheld:
    """Turn the answer of a too short record into a statement that is not made."""
    return Withheld(key, answer.zh, answer.en)
