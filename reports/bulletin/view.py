"""The words of a bulletin in one language, laid out as plain data: what text, HTML and PDF all write.

Because every writer reads this one view, no field can be in one of them and missing in another.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from reports.bulletin.model import Bulletin, HotspotLine, Measure
from reports.words import (
    ACTION_WORDS,
    CONFIDENCE_WORDS,
    DEMONSTRATION,
    STATUS_BANNERS,
    UNKNOWN,
    Lang,
    Text,
    level_name,
    moment,
    probability,
    short_moment,
    window,
)
from risk_models.levels import Level

__all__ = ["DETAILED_MAX", "LABELS", "URGENT_MAX", "bulletin_view"]

DETAILED_MAX = 6
"""Hotspots and measures that are told in full; those after them have one line, so that nobody has to leaf."""

REASONED_MAX = 3
"""Hotspots whose reason is told: in one town the sentences differ little."""

URGENT_MAX = 5
"""Measures named on the first page."""

_BRIEF_CLAUSES = 2

LABELS: dict[str, Text] = {
    "number": Text("编号", "Number"),
    "action": Text("性质", "Kind"),
    "level": Text("等级", "Level"),
    "issued": Text("发布时间", "Issued"),
    "valid": Text("有效时段", "Valid"),
    "area": Text("区域", "Area"),
    "signal": Text("暴雨信号判据", "Rain signal"),
    "previous": Text("前序通报", "Previous bulletin"),
    "reason": Text("依据", "Why"),
    "cautions": Text("请注意", "Please note"),
    "forecast": Text("预报", "Forecast"),
    "observed": Text("实况", "Observed so far"),
    "impacts": Text("预计影响", "Expected impacts"),
    "hotspots": Text("风险点", "Hotspots"),
    "urgent": Text("先做什么", "Do first"),
    "measures": Text("处置措施与责任单位", "Actions and who is responsible"),
    "actions": Text("措施", "Actions"),
    "others": Text("其余风险点的措施", "Actions at the other hotspots"),
    "acknowledgement": Text("叫应回执", "Acknowledgement"),
    "ack_link": Text("点此确认收到（链接限收件人本人使用）", "Confirm here (this link is yours alone)"),
    "contact": Text("联系", "Contact"),
    "basis": Text("数据依据", "Data basis"),
    "decision": Text("审签", "Decision"),
    "map": Text("风险等级图", "Map of risk levels"),
    "gauge": Text("预计最大积水深度（厘米，10%–90%，标记为中位）", "Expected peak depth (cm, 10-90 %, mark: median)"),
    "chances": Text("各水深等级（厘米）的概率", "Chance of each depth class (cm)"),
    "profile": Text("五预", "Five-pre"),
    "depth": Text("积水", "Depth"),
    "p15": Text(">15厘米", ">15 cm"),
    "p50": Text(">50厘米", ">50 cm"),
    "first": Text("首次超15厘米", "First above 15 cm"),
    "first50": Text("首次超50厘米", "First above 50 cm"),
    "peak": Text("最深时刻", "Deepest at"),
    "owner": Text("责任人", "Owner"),
    "name": Text("名称", "Name"),
    "due": Text("时限", "Due"),
    "plan": Text("预案", "Plan"),
    "brief": Text("预案与首要措施", "Plan and first actions"),
    "unit": Text("责任单位", "Unit"),
    "team": Text("队伍", "Team"),
    "shelter": Text("避难场所", "Shelter"),
    "need": Text("避难场所或缺口", "Shelter or shortfall"),
    "shortfall": Text("缺口", "Shortfall"),
    "confidence": Text("把握程度", "Confidence"),
    "message": Text("消息编号", "Message id"),
}

_NO_HOTSPOTS = Text("本区域无蓝色及以上风险点。", "No hotspot of the area stands at blue or above.")
_NO_MEASURES = Text("无新增措施。", "No new actions.")
_DUE_NOTE = Text(
    "按等级和时限排序。时限为中位情形积水预计超过15厘米的时刻；已超过、时刻未知或中位不超过的，均为“立即”。",
    "By level and deadline: when water is expected to pass 15 cm in the median case; at once if it has, if nobody "
    "knows, or if the median does not.",
)
_OTHERS_NOTE = Text(
    "其余风险点只列预案编号和前两项措施，全文见预案。",
    "The other hotspots have the number of their plan and its first two actions; the plan has them all.",
)
_DRAFT = Text("【待批准草稿】", "[DRAFT, NOT APPROVED]")
_TABLE_NOTE = Text(
    "积水为预报时段内最大值；百分数为超过该水深的概率；时刻为中位情形首次超过的时刻，“—”为中位不超过。",
    "Depth: greatest within the horizon. Per cent: probability of passing that depth. Times: first passing in the "
    "median case; a dash: the median does not pass.",
)
_KNOWN_SAG_NOTE = Text("两个水深为中位和90%分位。", " Two depths: median and 90 % quantile.")
_UNKNOWN_SAG_NOTE = Text(
    "“≥”为概率过半的最深等级（均未过半为5厘米）：洼地未测量，不给出深度数值。",
    " ≥: the deepest class more likely than not (else 5 cm); the sag is not surveyed, so no depth is given.",
)

_LEARNED_NOTE = Text(
    "概率由积水记录学得，水深和时刻来自模拟，两者不一致时以概率为准。",
    " Chances are learned from the record of floods, depths and times are simulated; where they disagree the chances "
    "count.",
)


def bulletin_view(bulletin: Bulletin, lang: Lang) -> dict[str, Any]:
    """Return the bulletin in one language as strings, lists and dictionaries, ready for JSON.

    Parameters
    ----------
    bulletin : Bulletin
    lang : {"zh", "en"}

    Returns
    -------
    dict
        Keys: ``lang``, ``labels``, ``banners``, ``level`` (with colours), ``title``, ``headline``, ``issuer``,
        ``facts`` (label, value), ``reason``, ``urgent``, ``impacts``, ``rain`` (sections: label, lines),
        ``hotspots``, ``measures``, and the closing statements. What decides comes first, details follow.
    """
    zone = bulletin.zone
    words = {key: text[lang] for key, text in LABELS.items()}
    shown = Level.NONE if bulletin.is_end else bulletin.level
    level = level_name(bulletin.level, lang)
    if bulletin.is_end:
        level += "，已解除" if lang == "zh" else ", ended"
    facts = [
        (words["level"], level),
        (words["valid"], _validity(bulletin, lang)),
        (words["area"], f"{bulletin.area[lang]} ({bulletin.area_code})"),
        (words["issued"], moment(bulletin.issued_at, lang, zone)),
        (words["action"], ACTION_WORDS[bulletin.action][lang]),
        (words["signal"], bulletin.signal[lang]),
        (words["number"], bulletin.number[lang]),
        (words["previous"], bulletin.previous[lang]),
    ]

    def section(key: str, lines: tuple[Text, ...]) -> dict[str, Any]:
        return {"key": key, "label": words[key], "lines": [line[lang] for line in lines if line[lang]]}

    urgent = _most_urgent(bulletin.measures)
    detailed = {measure.rank for measure in urgent[:DETAILED_MAX]}
    measures = [_measure(measure, lang, detailed=measure.rank in detailed) for measure in bulletin.measures]
    return {
        "lang": lang,
        "labels": words,
        "banners": _banners(bulletin, lang),
        "level": {"name": level, "fill": shown.fill, "ink": shown.ink},
        "action": ACTION_WORDS[bulletin.action][lang],
        "title": bulletin.title[lang],
        "headline": bulletin.headline[lang],
        "issuer": bulletin.issuer[lang],
        "number": bulletin.number[lang],
        "code": bulletin.code,
        "facts": facts,
        "cautions": [line[lang] for line in bulletin.cautions],
        "reason": section("reason", (bulletin.reason,)),
        "impacts": section("impacts", bulletin.impacts),
        "rain": [section("forecast", bulletin.forecast), section("observed", bulletin.observed)],
        "hotspots": [_hotspot(line, lang, bulletin) for line in bulletin.hotspots],
        "hotspots_note": _hotspots_note(bulletin, lang),
        "guidance": [line[lang] for line in bulletin.guidance],
        "urgent": [_urgent(measure, lang) for measure in urgent[:URGENT_MAX]],
        "urgent_note": _DUE_NOTE[lang] if urgent else "" if bulletin.guidance else _NO_MEASURES[lang],
        "measures": [measure for measure in measures if measure["detailed"]],
        "others": [measure for measure in measures if not measure["detailed"]],
        "others_note": _OTHERS_NOTE[lang] if len(measures) > len(detailed) else "",
        "acknowledgement": bulletin.acknowledgement[lang],
        "contact": bulletin.contact[lang],
        "basis": [line[lang] for line in bulletin.basis.lines],
        "decision": bulletin.decision[lang],
        "profile": bulletin.profile[lang],
        "message": f"{words['message']} {bulletin.message_id}",
    }


def _most_urgent(measures: tuple[Measure, ...]) -> list[Measure]:
    """Return the measures by level, deadline and rank."""

    def urgency(measure: Measure) -> tuple[int, float, int]:
        due = math.inf if measure.deadline is None else measure.deadline.timestamp()
        return -measure.level, due, measure.rank

    return sorted(measures, key=urgency)


def _validity(bulletin: Bulletin, lang: Lang) -> str:
    """Return the window of the warning; an all-clear has only a beginning."""
    if not bulletin.is_end:
        return window(bulletin.valid_from, bulletin.valid_to, lang, bulletin.zone)
    at = moment(bulletin.issued_at, lang, bulletin.zone)
    return f"自{at}起解除" if lang == "zh" else f"ended from {at}"


def _banners(bulletin: Bulletin, lang: Lang) -> list[str]:
    """Return the marks that stand above everything: exercise or test, draft, demonstration, further ones."""
    demonstration = DEMONSTRATION[lang] if bulletin.demonstration else ""
    draft = _DRAFT[lang] if bulletin.draft else ""
    further = (mark[lang] for mark in bulletin.marks)
    return [mark for mark in (STATUS_BANNERS[bulletin.status][lang], draft, demonstration, *further) if mark]


def _hotspots_note(bulletin: Bulletin, lang: Lang) -> str:
    if not bulletin.hotspots:
        return _NO_HOTSPOTS[lang]
    known = {line.sag_known for line in bulletin.hotspots}
    note = _TABLE_NOTE[lang]
    note += _KNOWN_SAG_NOTE[lang] if True in known else ""
    note += _UNKNOWN_SAG_NOTE[lang] if False in known else ""
    note += _LEARNED_NOTE[lang] if bulletin.basis.is_learned else ""
    if bulletin.hotspots_unlisted:
        n = bulletin.hotspots_unlisted
        note += f"另有{n}处未列出。" if lang == "zh" else f" {n} more are not listed."
    return note


def _hotspot(line: HotspotLine, lang: Lang, bulletin: Bulletin) -> dict[str, Any]:

    def passing(at: pd.Timestamp | None) -> str:
        # Without a depth nobody knows the time either: a dash would say that the water stays below.
        return UNKNOWN[lang] if math.isnan(line.depth_m) else short_moment(at, lang, bulletin.zone)

    marks = []
    if line.worst_case_level > line.level:
        worst = line.worst_case_level
        marks.append(f"偏多情形{worst.zh}" if lang == "zh" else f"high case {worst.en.lower()}")
    if line.unconfirmed:
        marks.append("待核实" if lang == "zh" else "unconfirmed")
    confidence = CONFIDENCE_WORDS.get(line.confidence, UNKNOWN)[lang]
    marks.append(f"把握程度{confidence}" if lang == "zh" else f"confidence {confidence}")
    return {
        "rank": str(line.rank),
        "detailed": line.rank <= DETAILED_MAX and not bulletin.is_end,
        "id": line.hotspot_id,
        "level": f"{line.level.zh if lang == 'zh' else line.level.en} {line.level.roman}".strip(),
        "key": str(line.level),
        "fill": line.level.fill,
        "ink": line.level.ink,
        "name": line.name[lang],
        "kind": line.kind[lang],
        "depth": line.depth[lang],
        "p15": probability(line.p_15cm, lang),
        "p50": probability(line.p_50cm, lang),
        "first": passing(line.first_15cm_at),
        "first50": passing(line.first_50cm_at),
        "peak": passing(line.peak_at),
        "unit": line.owner_unit,
        "owner": line.owner_name,
        "phone": line.owner_phone,
        "marks": f"（{'；'.join(marks)}）" if lang == "zh" else f"({'; '.join(marks)})",
        # What stands at the top already is not said again.
        "reason": "" if line.rank > REASONED_MAX or line.reason == bulletin.reason else line.reason[lang],
    }


def _clauses(measure: Measure, lang: Lang, count: int | None = None) -> str:
    kept = [clause[lang] for clause in measure.clauses if clause[lang]]
    return ("；" if lang == "zh" else "; ").join(kept[:count])


def _urgent(measure: Measure, lang: Lang) -> dict[str, Any]:
    return {
        "rank": str(measure.rank),
        "name": measure.name[lang],
        "key": str(measure.level),
        "fill": measure.level.fill,
        "ink": measure.level.ink,
        "due": measure.due[lang],
        "clauses": _clauses(measure, lang),
        "owner": measure.owner,
        "phone": measure.owner_phone,
    }


def _measure(measure: Measure, lang: Lang, *, detailed: bool) -> dict[str, Any]:
    told = _urgent(measure, lang) | {"detailed": detailed}
    if not detailed:
        return told | {
            "plan": measure.plan_id or measure.plan[lang],
            "clauses": _clauses(measure, lang, _BRIEF_CLAUSES),
            "team": measure.team_brief[lang],
            "shelter": measure.shelter_brief[lang],
        }
    return told | {
        "plan": measure.plan[lang],
        "team": measure.team[lang],
        "shelter": measure.shelter[lang],
        "shortfall": measure.shortfall[lang],
    }
