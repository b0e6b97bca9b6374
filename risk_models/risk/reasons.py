"""Why a level: contributions that add up to the score, and one sentence in each language."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from risk_models.levels import Level
from risk_models.observation.state import Now
from risk_models.risk.depth_words import chance_text, chances_words, depth_range, sag_is_known, standing_words
from risk_models.risk.impact import BAND_POINTS

__all__ = [
    "FACTORS",
    "NOT_ASSESSED_EN",
    "NOT_ASSESSED_ZH",
    "contributions",
    "main_factor",
    "now_words",
    "sentence_en",
    "sentence_zh",
    "tell_record",
    "unknown_sentences",
    "with_danger",
    "without_record",
]

Row = Mapping[str, Any]

#: Said first of a kind of place that the models do not speak of.
NOT_ASSESSED_ZH = "本类风险点（边坡、坝体、河道）模型不评估，以下仅为点位积水。"
NOT_ASSESSED_EN = "Slopes, dams and rivers are not assessed by the model; what follows is water at the spot only. "

#: Factors of a score in the order in which they are told: column of the row, unit, words (long, then short).
FACTORS: dict[str, tuple[str, str, str, str, str, str]] = {
    "fallen": ("obs_24h_mm", "mm/24h", "已降雨量（24小时）", "rain already fallen (24 h)", "已降雨", "rain fallen"),
    "expected": (
        "fc_3h_mm_p50",
        "mm/3h",
        "预计最大3小时雨量（中位数）",
        "greatest 3 h rain expected (median)",
        "预计降雨",
        "rain expected",
    ),
    "wetness": (
        "soil_water_index_mm",
        "mm",
        "前期湿度（土壤水分指数）",
        "wetness before (soil water index)",
        "前期湿润",
        "wet ground",
    ),
    "catchment": ("catchment_m2", "m2", "汇水面积", "catchment", "汇水地形", "catchment"),
    "drains": ("drain_capacity_mm_h", "mm/h", "排水能力", "drain capacity", "排水能力", "drains"),
    "outage": (
        "outage_share",
        "",
        "排水设施停用（本处剩余能力）",
        "drains or pumps out of order (share left here)",
        "设施停用",
        "outage",
    ),
    "uncertainty": (
        "scenarios",
        "",
        "排水、汇水、洼地与降雨的不确定性",
        "what is not known of drains, catchment, sag and rain",
        "不确定性",
        "what is not known",
    ),
    "exposure": (
        "people_exposed",
        "people",
        "承灾体（周边人员）",
        "what is exposed (people within reach)",
        "承灾体",
        "exposure",
    ),
    "capacity": ("capacity_ready", "", "应急能力就位", "help at hand", "应急能力", "help at hand"),
    "record": ("learned_probability", "", "历史学习概率", "probability learned from the record", "历史记录", "record"),
}


def contributions(row: Row, *, points: Mapping[str, float]) -> str:
    """Return the contributions of one hotspot as JSON.

    The factors that were told apart carry points, which add up to the score (see `risk_models.risk.explain`); the
    others, and the return period and depth, are the numbers behind them and carry none.

    Parameters
    ----------
    row : mapping
        One row of the risk table, plus what `FACTORS` names.
    points : mapping
        Points of some of `FACTORS`.

    Returns
    -------
    str
        JSON list of {factor, value, unit, points, zh, en}.
    """
    shown = _rounded(points, float(row["score"])) if points else {}
    items: list[tuple[str, Any, str, float | None, str, str]] = [
        (factor, row.get(column), unit, shown.get(factor), zh, en)
        for factor, (column, unit, zh, en, _, _) in FACTORS.items()
        if factor in points or column in row
    ]
    items.append(("return_period", row["return_period_a"], "a", None, "雨量重现期", "return period of the rain"))
    if row.get("stand_in_h"):
        items.append(
            ("stand_ins", row["stand_in_h"], "h", None, "24小时内替代资料时数", "hours of stand-in rain of 24")
        )
    items.append(("depth", row["depth_p50_m"], "m", None, "积水深度（中位数）", "ponding depth (median)"))
    return json.dumps(
        [
            {"factor": factor, "value": _plain(value), "unit": unit, "points": share, "zh": zh, "en": en}
            for factor, value, unit, share, zh, en in items
        ],
        ensure_ascii=False,
    )


def _rounded(points: Mapping[str, float], score: float) -> dict[str, float]:
    """Round to four digits; the largest takes up what rounding leaves, so that the sum is the score."""
    largest = max(points, key=lambda factor: abs(points[factor]))
    shown = {factor: round(value, 4) + 0.0 for factor, value in points.items()}
    shown[largest] = score - math.fsum(value for factor, value in shown.items() if factor != largest)
    return shown


#: Factors that make water. What is not known, who is exposed and what help there is are no causes of a flood.
_CAUSES = ("fallen", "expected", "wetness", "catchment", "drains", "outage", "record")


def main_factor(points: Mapping[str, float]) -> str | None:
    """Return the cause of water that adds most to the score; None if none adds anything.

    Examples
    --------
    >>> main_factor({"fallen": 3.0, "expected": 41.0, "uncertainty": 50.0}), main_factor({"fallen": 0.0})
    ('expected', None)
    """
    best = max((factor for factor in points if factor in _CAUSES), key=lambda factor: points[factor], default=None)
    return best if best is not None and points[best] > 0 else None


def _plain(value: float | None) -> float | str | None:
    if value is None or math.isnan(value):
        return None
    if isinstance(value, bool | np.bool_):
        return float(value)
    return ">100" if math.isinf(value) else round(float(value), 4)


def _whole(value: float, unit: str, unknown: str) -> str:
    """Write a whole number with its unit; a number nobody knows is said to be unknown."""
    return unknown if math.isnan(value) else f"{value:.0f}{unit}"


def _stand_in(row: Row, words: str) -> str:
    """Say for how many of the last 24 h something else stands in for gauges; nothing where gauges gave all."""
    hours = float(row.get("stand_in_h") or 0.0)
    return words.format(hours) if hours > 0 else ""


def _is_learned(row: Row) -> bool:
    """Return True where chances are learned while depths are simulated: the two need not agree."""
    return not math.isnan(row.get("learned_probability", math.nan))


def _depth_zh(row: Row) -> str:
    simulated, by_record = ("模拟", "按积水记录") if _is_learned(row) else ("", "")
    if not sag_is_known(row):
        return f"{by_record}积水{chances_words(row)[0]}"
    return (
        f"{simulated}积水深度可能{depth_range(row['depth_p10_m'], row['depth_p90_m'])[0]}，"
        f"{by_record}超过15厘米的概率{chance_text(row['p_15cm'])}、超过50厘米的概率{chance_text(row['p_50cm'])}"
    )


def _depth_en(row: Row) -> str:
    simulated, by_record = ("simulated ", ", learned from the record,") if _is_learned(row) else ("", "")
    if not sag_is_known(row):
        return f"the {chances_words(row)[1]}{by_record.rstrip(',')}"
    return (
        f"the {simulated}depth may be {depth_range(row['depth_p10_m'], row['depth_p90_m'])[1]}, "
        f"with a {chance_text(row['p_15cm'])} chance{by_record} of passing 15 cm "
        f"and {chance_text(row['p_50cm'])} of passing 50 cm"
    )


def _once_zh(period: str) -> str:
    """Say how often such rain comes.

    Examples
    --------
    >>> [_once_zh(period) for period in ("6.0年", "<1年", ">100年（超出公式范围）", "未知")]
    ['约6年一遇', '不到1年一遇', '超过100年一遇（超出公式范围）', '重现期未知']
    """
    years = re.match(r"([<>]?)([0-9.]+)年", period)
    if years is None:
        return f"重现期{period}"
    head = {"<": "不到", ">": "超过", "": "约"}[years[1]]
    return f"{head}{float(years[2]):.0f}年一遇{period[years.end() :]}"


def _once_en(period: str) -> str:
    """Say the same in English.

    Examples
    --------
    >>> _once_en("6.0 a"), _once_en("<1 a"), _once_en("unknown")
    ('about once in 6 years', 'more often than once in 1 year', 'how rare is unknown')
    >>> _once_en(">100 a (outside formula)")
    'rarer than once in 100 years (outside formula)'
    """
    years = re.match(r"([<>]?)([0-9.]+) a", period)
    if years is None:
        return f"how rare is {period}"
    number = float(years[2])
    head = {"<": "more often than", ">": "rarer than", "": "about"}[years[1]]
    return f"{head} once in {number:.0f} year{'s' if round(number) != 1 else ''}{period[years.end() :]}"


def sentence_zh(row: Row, *, horizon_h: int, main: str | None = None) -> str:
    """Say in one Chinese sentence what made the level.

    Parameters
    ----------
    row : mapping
        See `contributions`.
    horizon_h : int
        Hours looked ahead.
    main : str, optional
        Factor that adds most, see `main_factor`.
    """
    driver = f"，主因：{FACTORS[main][4]}" if main else ""
    outage = f"，其中{row['outage_zh']}" if row.get("outage_zh") else ""
    text = (
        f"已降雨24小时{_whole(row['obs_24h_mm'], '毫米', '雨量未知')}{_stand_in(row, '（其中{:.0f}小时为替代资料）')}，"
        f"预计3小时最多{_whole(row['fc_3h_mm_p50'], '毫米（含已降）', '雨量未知')}，"
        f"{_once_zh(str(row['return_period_text']))}，排水能力{row['drain_capacity_mm_h']:.0f}毫米/小时{outage}；"
        f"未来{horizon_h}小时{_depth_zh(row)}；"
        f"周边约{row['people_exposed']:.0f}人{driver}。"
    )
    return "降雨数据待核实：" + text if row["unconfirmed"] else text


def sentence_en(row: Row, *, horizon_h: int, return_period_text: str, main: str | None = None) -> str:
    """Say the same in English."""
    driver = f"; main cause: {FACTORS[main][5]}" if main else ""
    outage = f" with {row['outage_en']}" if row.get("outage_en") else ""
    text = (
        f"{_whole(row['obs_24h_mm'], ' mm', 'an unknown amount')} fell in 24 h"
        f"{_stand_in(row, ' ({:.0f} h of it by stand-in data)')} and up to "
        f"{_whole(row['fc_3h_mm_p50'], ' mm', 'an unknown amount')} in 3 h are expected (fallen rain included), "
        f"{_once_en(return_period_text)}, against a drain capacity of "
        f"{row['drain_capacity_mm_h']:.0f} mm/h{outage}; within {horizon_h} h {_depth_en(row)}; "
        f"about {row['people_exposed']:.0f} people within reach{driver}."
    )
    return "Rain not confirmed: " + text if row["unconfirmed"] else text


def with_danger(sentences: tuple[str, str], row: Row, *, zone: str) -> tuple[str, str]:
    """Add the most dangerous window to what is said of a place, in local time; nothing where there is none.

    Parameters
    ----------
    sentences : tuple of str
        Chinese and English.
    row : mapping
        With ``danger_from`` and ``danger_to``, UTC.
    zone : str

    Examples
    --------
    >>> row = {"danger_from": pd.Timestamp("2021-07-20T06Z"), "danger_to": pd.Timestamp("2021-07-20T18Z")}
    >>> with_danger(("雨大。", "Heavy rain."), row, zone="Asia/Shanghai")
    ('雨大；最危险时段20日14:00—21日02:00。', 'Heavy rain; most dangerous from 07-20 14:00 to 07-21 02:00.')
    >>> with_danger(("雨大。", "Heavy rain."), row | {"danger_to": row["danger_from"]}, zone="Asia/Shanghai")[1]
    'Heavy rain; the danger is greatest now.'
    >>> with_danger(("雨大。", "Heavy rain."), {"danger_from": pd.NaT, "danger_to": pd.NaT}, zone="Asia/Shanghai")
    ('雨大。', 'Heavy rain.')
    """
    if pd.isna(row["danger_from"]) or pd.isna(row["danger_to"]):
        return sentences
    said_zh, said_en = sentences[0].removesuffix("。"), sentences[1].removesuffix(".")
    begin, end = (row[name].tz_convert(zone) for name in ("danger_from", "danger_to"))
    if end <= begin:  # water stands, and falls from now on
        return f"{said_zh}；此刻最危险。", f"{said_en}; the danger is greatest now."
    is_one_day = begin.date() == end.date()
    zh = f"{begin.day}日{begin:%H:%M}—{'' if is_one_day else f'{end.day}日'}{end:%H:%M}"
    en = f"{begin:%m-%d %H:%M} to {end:{'%H:%M' if is_one_day else '%m-%d %H:%M'}}"
    return f"{said_zh}；最危险时段{zh}。", f"{said_en}; most dangerous from {en}."


def now_words(state: Now, now_class: int, observed_depth_m: float) -> tuple[str, str]:
    """Say what is now at a place that nobody has just seen; nothing where no water stands or stood.

    Parameters
    ----------
    state : Now
    now_class : int
        Depth classes that stand, or stood.
    observed_depth_m : float
        m; NaN if nobody measured it.

    Examples
    --------
    >>> now_words(Now.STANDS, 3, math.nan)
    ('模型推算现有积水（超过27厘米）。', 'By the model water stands now (more than 27 cm).')
    >>> now_words(Now.UNCONFIRMED, 2, 0.4)[1], now_words(Now.MAY_STAND, 0, math.nan)
    ('Water stood here (40 cm) and nobody has looked since.', ('', ''))
    """
    zh, en = standing_words(now_class, observed_depth_m)
    if state == Now.STANDS:
        return f"模型推算现有积水（{zh}）。", f"By the model water stands now ({en})."
    if state == Now.UNCONFIRMED:
        return f"曾有积水（{zh}），尚未核查。", f"Water stood here ({en}) and nobody has looked since."
    return "", ""


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


#: Points are kept to four digits; the highest score of a level stays farther than this below the next.
_ROUNDED = 1e-3
#: A change of fewer points is not told in words.
_LEAST_TOLD = 0.5


def without_record(table: pd.DataFrame) -> pd.DataFrame:
    """Return what score and cell of the matrix of each hotspot would be if the learned record had no say.

    Parameters
    ----------
    table : DataFrame, index hotspot_id
        Risk table, or its columns ``score``, ``matrix_level``, ``reasons``.

    Returns
    -------
    DataFrame, index hotspot_id
        ``score`` (NaN where the table has none) and ``matrix_level``.

    Examples
    --------
    >>> reasons = json.dumps([{"factor": "fallen", "points": 45.5}, {"factor": "record", "points": 27.5}])
    >>> table = pd.DataFrame({"score": 73.0, "matrix_level": 3, "reasons": reasons}, index=["EQ-100"])
    >>> without_record(table).loc["EQ-100"].tolist()
    [45.5, 2.0]
    """
    points = np.array([_record_points(text) for text in table["reasons"]], dtype=np.float64)
    score = table["score"].to_numpy(np.float64) - points
    level = np.where(
        points == 0.0, table["matrix_level"], np.clip(np.floor((score + _ROUNDED) / BAND_POINTS), 0, int(Level.RED))
    )
    return pd.DataFrame({"score": score, "matrix_level": level.astype(np.int64)}, index=table.index)


def _record_points(reasons: str) -> float:
    return sum(item["points"] or 0.0 for item in json.loads(reasons) if item["factor"] == "record")


def tell_record(table: pd.DataFrame) -> pd.DataFrame:
    """Add to the sentences of a risk table what the learned record changed, where it changed anything.

    Parameters
    ----------
    table : DataFrame
        With ``score``, ``matrix_level``, ``reasons``, ``reason_zh``, ``reason_en``.

    Returns
    -------
    DataFrame
        ``reason_zh``, ``reason_en``.

    Examples
    --------
    >>> reasons = json.dumps([{"factor": "fallen", "points": 45.5}, {"factor": "record", "points": 27.5}])
    >>> row = {"score": 73.0, "matrix_level": 3, "reasons": reasons, "reason_zh": "雨大。", "reason_en": "Heavy rain."}
    >>> zh, en = tell_record(pd.DataFrame(row, index=["EQ-100"])).loc["EQ-100"]
    >>> print(zh)
    雨大；积水记录使评分由46升至73，风险矩阵等级由黄色升为橙色。
    >>> print(en)
    Heavy rain; the record of floods raises the score from 46 to 73 and the level of the matrix from yellow to orange.
    """
    before = without_record(table)
    scores = zip(before["score"], table["score"], strict=True)
    levels = [
        (Level(int(was)), Level(int(now)))
        for was, now in zip(before["matrix_level"], table["matrix_level"], strict=True)
    ]
    sentences = zip(table["reason_zh"], table["reason_en"], scores, levels, strict=True)
    told = [_with_record(zh, en, score, level) for zh, en, score, level in sentences]
    return pd.DataFrame(told, columns=["reason_zh", "reason_en"], index=table.index)


def _with_record(zh: str, en: str, score: tuple[float, float], level: tuple[Level, Level]) -> tuple[str, str]:
    was, now = score
    if not abs(now - was) >= _LEAST_TOLD:  # nor where a score is unknown
        return zh, en
    up = now > was
    clause_zh = f"；积水记录使评分由{was:.0f}{'升' if up else '降'}至{now:.0f}"
    clause_en = f"; the record of floods {'raises' if up else 'lowers'} the score from {was:.0f} to {now:.0f}"
    if level[0] != level[1]:
        clause_zh += f"，风险矩阵等级由{level[0].zh}{'升' if up else '降'}为{level[1].zh}"
        clause_en += f" and the level of the matrix from {level[0].en.lower()} to {level[1].en.lower()}"
    return f"{zh.removesuffix('。')}{clause_zh}。", f"{en.removesuffix('.')}{clause_en}."
