"""Why a level: contributions that add up to the score, and one sentence in each language."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from risk_models.levels import Level

__all__ = ["contributions", "sentence_en", "sentence_zh", "unknown_sentences"]

Row = Mapping[str, Any]


def contributions(row: Row, *, points: Mapping[str, float]) -> str:
    """Return the contributions of one hotspot as JSON.

    Three factors carry points, found by taking them away one after another, so they add up to the score: the rain
    already fallen (score if no more rain came and nobody were exposed beyond an ordinary road), the rain expected,
    and what is exposed. The other factors are the numbers behind them and carry no points of their own.

    Parameters
    ----------
    row : mapping
        One row of the risk table, plus drain_capacity_mm_h, catchment_m2 and vulnerability.
    points : mapping
        Points of ``fallen``, ``expected`` and ``exposure``.

    Returns
    -------
    str
        JSON list of {factor, value, unit, points, zh, en}.
    """
    items = [
        ("fallen", row["obs_24h_mm"], "mm/24h", points["fallen"], "已降雨量（24小时）", "rain already fallen (24 h)"),
        (
            "expected",
            row["fc_3h_mm_p50"],
            "mm/3h",
            points["expected"],
            "预计最大3小时雨量（中位数）",
            "greatest 3 h rain expected (median)",
        ),
        ("exposure", row["people_exposed"], "people", points["exposure"], "周边人员", "people within reach"),
        ("wetness", row["soil_water_index_mm"], "mm", None, "土壤水分指数", "soil water index"),
        ("return_period", row["return_period_a"], "a", None, "雨量重现期", "return period of the rain"),
        ("catchment", row["catchment_m2"], "m2", None, "汇水面积", "catchment"),
        ("drain_capacity", row["drain_capacity_mm_h"], "mm/h", None, "排水能力", "drain capacity"),
        ("depth", row["depth_p50_m"], "m", None, "积水深度（中位数）", "ponding depth (median)"),
    ]
    return json.dumps(
        [
            {"factor": factor, "value": _plain(value), "unit": unit, "points": _plain(share), "zh": zh, "en": en}
            for factor, value, unit, share, zh, en in items
        ],
        ensure_ascii=False,
    )


def _plain(value: float | None) -> float | str | None:
    if value is None or math.isnan(value):
        return None
    return ">100" if math.isinf(value) else round(float(value), 4)


def _percent(probability: float) -> str:
    """Whole percent, but never 0 % or 100 % for what is merely very unlikely or very likely."""
    if 0 < probability < 0.005:
        return "<1%"
    if 0.995 < probability < 1:
        return ">99%"
    return f"{100 * probability:.0f}%"


def sentence_zh(row: Row, *, horizon_h: int) -> str:
    """Say in one Chinese sentence what made the level.

    Parameters
    ----------
    row : mapping
        See `contributions`.
    horizon_h : int
        Hours looked ahead.
    """
    text = (
        f"已降雨24小时{row['obs_24h_mm']:.0f}毫米，预计最大3小时{row['fc_3h_mm_p50']:.0f}毫米"
        f"，重现期{row['return_period_text']}，排水能力{row['drain_capacity_mm_h']:.0f}毫米/小时；"
        f"未来{horizon_h}小时积水深度中位数{row['depth_p50_m']:.2f}米（90%分位{row['depth_p90_m']:.2f}米），"
        f"超过15厘米的概率{_percent(row['p_15cm'])}、超过50厘米的概率{_percent(row['p_50cm'])}；"
        f"周边约{row['people_exposed']:.0f}人。"
    )
    return "降雨数据待核实：" + text if row["unconfirmed"] else text


def sentence_en(row: Row, *, horizon_h: int, return_period_text: str) -> str:
    """Say the same in English."""
    text = (
        f"{row['obs_24h_mm']:.0f} mm fell in 24 h and up to {row['fc_3h_mm_p50']:.0f} mm in 3 h are expected "
        f"with a return period of {return_period_text}, against a drain capacity of "
        f"{row['drain_capacity_mm_h']:.0f} mm/h; within {horizon_h} h the median peak depth is "
        f"{row['depth_p50_m']:.2f} m (90 % quantile {row['depth_p90_m']:.2f} m), with a {_percent(row['p_15cm'])} "
        f"chance of passing 15 cm and {_percent(row['p_50cm'])} of passing 50 cm; "
        f"about {row['people_exposed']:.0f} people within reach."
    )
    return "Rain not confirmed: " + text if row["unconfirmed"] else text


def unknown_sentences(level: Level) -> tuple[str, str]:
    """Say that rain is unknown, and what that means for the level.

    Parameters
    ----------
    level : Level
        UNKNOWN, or the warning level that the known part of the rain already gives.

    Examples
    --------
    >>> unknown_sentences(Level.UNKNOWN)[1]
    'Rain is unknown here: no level can be given; this does not mean that there is no risk.'
    """
    if level.is_warning:
        return (
            f"部分降雨数据缺失，等级按已知降雨给出，实际不低于{level.zh}。",
            f"Part of the rain is unknown; the level rests on what is known and is at least {level.en.lower()}.",
        )
    return (
        "降雨数据缺失，无法给出等级；不代表没有风险。",
        "Rain is unknown here: no level can be given; this does not mean that there is no risk.",
    )
