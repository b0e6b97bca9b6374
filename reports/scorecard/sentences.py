"""What a score card says in words. Better is said only where the whole interval is better; what is unknown is so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from reports.words import Lang, Text
from risk_models.levels import Level
from risk_models.verification.scorecard import FEW_STORMS, ScoreCard

__all__ = ["criterion_label", "method_label", "part_label", "ranged", "verdicts"]

_METHODS = {
    "chance": Text("积水概率（5厘米）", "chance of 5 cm"),
    "highest-chance": Text("所辖风险点的最高概率", "highest chance of its hotspots"),
    "rain-3h": Text("3小时雨量", "3-h rain"),
    "signal-blue": Text("暴雨信号蓝色及以上", "rain signal, blue or above"),
    "rain-rule": Text("25/40/70毫米规则", "25/40/70 mm rule"),
    "rain-3h-fitted": Text("3小时雨量阈值（拟合）", "3-h rain cut, fitted"),
    "chance-fitted": Text("概率阈值（拟合）", "chance cut, fitted"),
}
_NONE = Text("未知", "unknown")
_FEW = Text(
    f"有积水的暴雨过程不足{FEW_STORMS}次，无法给出区间", f"fewer than {FEW_STORMS} storms with a flood: no interval"
)
_PARTS = {"all": Text("全部", "all"), "season": Text("季节", "season"), "source": Text("资料来源", "source")}


def method_label(name: str, lang: Lang) -> str:
    """Return a way to tell or to warn as people read it.

    Examples
    --------
    >>> method_label("level-orange", "en"), method_label("rain-3h", "zh")
    ('level orange or above', '3小时雨量')
    """
    if name.startswith("level-"):
        level = Level.from_name(name.removeprefix("level-"))
        return f"风险等级{level.zh}及以上" if lang == "zh" else f"level {level.en.lower()} or above"
    return _METHODS[name][lang]


def criterion_label(name: str, lang: Lang) -> str:
    """Return a warning criterion as people read it.

    Examples
    --------
    >>> criterion_label("level-orange-end-after-3", "en"), criterion_label("likelihood-2-impact-3", "zh")
    ('level orange, ends after 3', '可能性≥2、影响≥3')
    """
    words = name.split("-")
    if words[0] == "likelihood":
        return f"可能性≥{words[1]}、影响≥{words[3]}" if lang == "zh" else f"likelihood {words[1]}+, impact {words[3]}+"
    level = Level.from_name(words[1])
    kind = {"level": Text("等级", "level"), "signal": Text("暴雨信号", "rain signal")}[words[0]][lang]
    told = f"{kind}{level.zh}" if lang == "zh" else f"{kind} {level.en.lower()}"
    if len(words) == 2:
        return told
    return f"{told}，降{words[4]}次即解除" if lang == "zh" else f"{told}, ends after {words[4]}"


def part_label(part: str, name: str, lang: Lang) -> str:
    """Return a part of the record as people read it.

    Examples
    --------
    >>> part_label("season", "2024 off", "en"), part_label("season", "2024", "zh")
    ('2024, outside the flood season', '2024年汛期')
    """
    if part == "all":
        return _PARTS["all"][lang]
    if part == "season":
        year, off = name.split(" ")[0], name.endswith(" off")
        if lang == "zh":
            return f"{year}年非汛期" if off else f"{year}年汛期"
        return f"{year}, outside the flood season" if off else f"{year}, flood season"
    return name


def ranged(row: Mapping[Any, Any] | pd.Series, *, decimals: int = 2) -> str:
    """Return a score with its interval.

    Examples
    --------
    >>> ranged(pd.Series({"value": 0.5, "low": 0.4, "high": 0.61}))
    '0.50 [0.40, 0.61]'
    >>> ranged(pd.Series({"value": float("nan"), "low": float("nan"), "high": float("nan")}))
    '–'
    """
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    if math.isnan(value):
        return "–"
    text = f"{value:.{decimals}f}"
    return text if math.isnan(low) or math.isnan(high) else f"{text} [{low:.{decimals}f}, {high:.{decimals}f}]"


def verdicts(card: ScoreCard) -> list[Text]:
    """Return what the card says, one sentence a question.

    Parameters
    ----------
    card : ScoreCard

    Returns
    -------
    list of Text
    """
    if not card.facts["floods"] and not card.facts["town_floods"]:
        return [
            Text(
                "这段时间没有积水记录：命中、漏报都无从检验；无记录不等于无积水。",
                "No flood is on record here: nothing can be said of hits and misses. No record is not no flood.",
            )
        ]
    return [*_of_chances(card), *_of_ranking(card), *_of_towns(card), _of_leads(card), _of_depths(card)]


def _score(card: ScoreCard, scope: str, method: str, score: str) -> pd.Series:
    table = card.scores
    rows = (table["scope"] == scope) & (table["part"] == "all") & (table["method"] == method)
    return table[rows & (table["score"] == score)].iloc[0]


def _difference(card: ScoreCard, scope: str, ours: str, theirs: str, score: str) -> pd.Series:
    table = card.differences
    rows = (table["scope"] == scope) & (table["method"] == ours) & (table["reference"] == theirs)
    return table[rows & (table["score"] == score)].iloc[0]


def _judged(row: pd.Series, *, more_is_better: bool = True) -> Text:
    """Return better, worse, or not shown; too few storms are too few."""
    low, high = float(row["low"]), float(row["high"])
    if math.isnan(low) or math.isnan(high):
        return _FEW if not math.isnan(float(row["value"])) else _NONE
    better, worse = (low > 0, high < 0) if more_is_better else (high < 0, low > 0)
    if better:
        return Text("更好", "better")
    return Text("更差", "worse") if worse else Text("未显示更好", "not shown to be better")


def _of_chances(card: ScoreCard) -> list[Text]:
    skill, ratio = (_score(card, "hotspots", "chance", name) for name in ("brier_skill", "total_ratio"))
    judged = _judged(skill)
    return [
        Text(
            f"风险点概率（5厘米）：Brier技巧 {ranged(skill)}，与平均频率相比{judged.zh}。",
            f"Chances of hotspots (5 cm): Brier skill {ranged(skill)}; against the mean frequency: {judged.en}.",
        ),
        Text(
            f"所报概率之和是实际积水次数的 {ranged(ratio)} 倍（1为恰好）。",
            f"The chances told sum to {ranged(ratio)} times the floods that came (1 is right).",
        ),
    ]


def _of_ranking(card: ScoreCard) -> list[Text]:
    ours, rain = (_score(card, "hotspots", name, "auc") for name in ("chance", "rain-3h"))
    gain = _difference(card, "hotspots", "chance", "rain-3h", "auc")
    judged = _judged(gain)
    return [
        Text(
            f"风险点排序：AUC {ranged(ours)}，3小时雨量 {ranged(rain)}，相差 {ranged(gain)}：{judged.zh}。",
            f"Ranking of hotspots: AUC {ranged(ours)}, 3-h rain {ranged(rain)}, gain {ranged(gain)}: {judged.en}.",
        )
    ]


def _of_towns(card: ScoreCard) -> list[Text]:
    sentences = []
    for ours in ("level-blue", "chance-fitted"):
        csi, far = (_score(card, "towns", ours, name) for name in ("csi", "far"))
        cut, cut_far = (_score(card, "towns", "rain-3h-fitted", name) for name in ("csi", "far"))
        gain = _difference(card, "towns", ours, "rain-3h-fitted", "csi")
        judged, zh, en = _judged(gain), method_label(ours, "zh"), method_label(ours, "en")
        sentences.append(
            Text(
                f"镇办，{zh}：CSI {ranged(csi)}、空报率 {ranged(far)}；拟合的3小时雨量阈值：CSI {ranged(cut)}、空报率 "
                f"{ranged(cut_far)}；CSI相差 {ranged(gain)}：{judged.zh}。",
                f"Towns, {en}: CSI {ranged(csi)}, FAR {ranged(far)}; fitted cut of 3-h rain: CSI {ranged(cut)}, FAR "
                f"{ranged(cut_far)}; difference of CSI {ranged(gain)}: {judged.en}.",
            )
        )
    return sentences


def _of_leads(card: ScoreCard) -> Text:
    row = card.leads.to_dict("index")[str(Level.BLUE)]
    if math.isnan(row["lead_p50_h"]):
        return Text(
            f"镇办{row['floods']:.0f}次积水过程，事前均未处于预警中。",
            f"None of the {row['floods']:.0f} floods of towns began under a warning.",
        )
    return Text(
        f"镇办{row['floods']:.0f}次积水过程，{row['hit']:.0f}次在预警中发生，提前时间中位数{row['lead_p50_h']:.1f}小时；"
        f"预警{row['warnings']:.0f}次，空报{row['false']:.0f}次。",
        f"Of {row['floods']:.0f} floods of towns {row['hit']:.0f} began under a warning, half of them "
        f"{row['lead_p50_h']:.1f} h or more after it was told; of {row['warnings']:.0f} warnings "
        f"{row['false']:.0f} were false.",
    )


def _of_depths(card: ScoreCard) -> Text:
    scores = card.depth_scores.to_dict("index")
    error, constant, rank = (scores[name] for name in ("error_m", "constant_error_m", "rank"))
    if math.isnan(error["value"]):
        return Text(
            "实测水深的积水过程不足3次，水深无从检验。", "Fewer than three measured floods: depth cannot be judged."
        )
    return Text(
        f"水深：平均绝对误差{100 * error['value']:.0f}厘米（取常数为{100 * constant['value']:.0f}厘米），"
        f"秩相关 {ranged(rank)}，共{len(card.depths)}次。",
        f"Depth: mean absolute error {100 * error['value']:.0f} cm (a constant: {100 * constant['value']:.0f} cm), "
        f"rank correlation {ranged(rank)}, over {len(card.depths)} floods.",
    )
