"""The words of a bulletin in one language, laid out as plain data: what text, HTML and PDF all write.

Because every writer reads this one view, no field can be in one of them and missing in another.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from reports.bulletin.answering import answer_text
from reports.bulletin.first import in_danger, most_urgent
from reports.bulletin.model import Bulletin, HotspotLine, Measure, Order, StandingPlace
from reports.words import (
    ACTION_WORDS,
    CONFIDENCE_WORDS,
    DEMONSTRATION,
    STATUS_BANNERS,
    UNKNOWN,
    Lang,
    Text,
    day_hour,
    join,
    level_name,
    moment,
    probability,
    short_moment,
    short_window,
    shortened,
    window,
)
from risk_models.levels import Level
from risk_models.observation import Now

__all__ = ["DETAILED_MAX", "LABELS", "NAME_MAX", "URGENT_MAX", "bulletin_view"]

PLACE_MAX = 24
"""Chinese characters of the name of an area on the first screen of a mail, which has it whole at its end."""

NAME_MAX = 15
"""Of a hotspot, which the table of the same mail has whole."""

DETAILED_MAX = 6
"""Hotspots and measures that are told in full; those after them have one line, so that nobody has to leaf."""

REASONED_MAX = 3
"""Hotspots whose reason is told: in one town the sentences differ little."""

URGENT_MAX = 5
"""Measures named on the first page."""

ISSUED_MAX = 3
"""Signals of the weather office named in a mail."""

_BRIEF_CLAUSES = 2

LABELS: dict[str, Text] = {
    "number": Text("编号", "Number"),
    "action": Text("性质", "Kind"),
    "level": Text("等级", "Level"),
    "issued": Text("发布时间", "Issued"),
    "valid": Text("有效时段", "Valid"),
    "area": Text("区域", "Area"),
    "issued_signal": Text("气象部门信号", "Weather office's signal"),
    "signal": Text("雨量对照", "Rain beside the signals"),
    "previous": Text("前序通报", "Previous bulletin"),
    "reason": Text("依据", "Why"),
    "cautions": Text("请注意", "Please note"),
    "forecast": Text("预报", "Forecast"),
    "observed": Text("实况", "Observed so far"),
    "impacts": Text("预计影响", "Expected impacts"),
    "hotspots": Text("风险点", "Hotspots"),
    "urgent": Text("先做什么", "Do first"),
    "headquarters": Text("报指挥部研判（不发镇办）", "For the headquarters (not sent to towns)"),
    "do_now": Text("现在做", "Do now"),
    "standing": Text("已有积水", "Water stands now"),
    "unchecked": Text("曾积水、未核查", "Flooded before, not checked"),
    "exception": Text("其中更高", "Higher there"),
    "danger": Text("最危险时段", "Most dangerous"),
    "valid_to": Text("有效至", "Valid until"),
    "ended": Text("解除", "Ended"),
    "answer": Text("答复", "Answer"),
    "received": Text("点此答复", "Answer here"),
    "next": Text("下次通报", "Next message"),
    "places": Text("各处安排", "Places"),
    "what": Text("可能情况", "What may happen"),
    "when": Text("时间", "When"),
    "who": Text("责任单位和人", "Who"),
    "phone": Text("电话", "Telephone"),
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
_NO_STEP = Text("预案没有适用于现在的措施", "the plan has no step for now")
_NO_MEASURES = Text("无新增措施。", "No new actions.")
_DUE_NOTE = Text(
    "已启动的预案在前，再按等级和时限排序；未达到启动等级的待命，没有时限。时限为偏多情形（十分之一的可能）积水超过15厘米的时刻，"
    "减去措施所需时间，不晚于有效期；已到该时刻或已有积水的为“立即”。",
    "Plans in force first, then by level and deadline; what is not triggered stands by and is never due. Due: when "
    "water passes 15 cm in the unfavourable case (one outcome in ten), less the time that the action takes, and never "
    "after the validity; at once if that time has come or water stands.",
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
_PLACES_NOTE = Text(
    "时间为该处最危险时段；百分数为超过该水深的可能。",
    "When: most dangerous window there. Per cent: chance of passing that depth.",
)
_KNOWN_SAG_NOTE = Text("水深为八成可能的范围。", " Depths: from what to what in eight cases of ten.")
_NONE_AHEAD = Text("预报时段内无", "none ahead")
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
        (words["issued_signal"], ("" if lang == "zh" else " ").join(line[lang] for line in bulletin.issued)),
        (words["signal"], bulletin.signal[lang]),
        (words["number"], bulletin.number[lang]),
        (words["previous"], bulletin.previous[lang]),
    ]

    def section(key: str, lines: tuple[Text, ...]) -> dict[str, Any]:
        return {"key": key, "label": words[key], "lines": [line[lang] for line in lines if line[lang]]}

    urgent = most_urgent(bulletin.measures)
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
        "first": _first(bulletin, lang),
        "issued": f"{moment(bulletin.issued_at, lang, zone)}发布"
        if lang == "zh"
        else f"Issued {moment(bulletin.issued_at, lang, zone)}",
        "area_line": f"{bulletin.title[lang]} · {bulletin.area[lang]}",
        "places": _places(bulletin, lang),
        "places_note": _hotspots_note(bulletin, lang, _PLACES_NOTE),
        "headquarters": [line[lang] for line in bulletin.headquarters],
        "cautions": [line[lang] for line in bulletin.cautions],
        "issued_signals": _issued(bulletin, lang),
        "reason": section("reason", (bulletin.reason,)),
        "impacts": section("impacts", bulletin.impacts),
        "rain": [section("forecast", bulletin.forecast), section("observed", bulletin.observed)],
        "hotspots": [_hotspot(line, lang, bulletin) for line in bulletin.hotspots],
        "hotspots_note": _hotspots_note(bulletin, lang, _TABLE_NOTE),
        "guidance": [line[lang] for line in bulletin.guidance],
        "urgent": [_urgent(measure, lang) | {"number": str(n)} for n, measure in enumerate(urgent[:URGENT_MAX], 1)],
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


def _issued(bulletin: Bulletin, lang: Lang) -> list[str]:
    """Return the signals that a mail and a PDF name; the kept copy has them all."""
    lines, more = [line[lang] for line in bulletin.issued[:ISSUED_MAX]], len(bulletin.issued) - ISSUED_MAX
    if more > 0:
        lines.append(f"另有{more}条，见留存件。" if lang == "zh" else f"{more} more stand in the kept copy.")
    return lines


def _first(bulletin: Bulletin, lang: Lang) -> dict[str, Any]:
    """Return the five facts, in their order; ``brief`` is for a phone, and has whole in the table what it cuts."""
    words = {
        key: LABELS[key][lang]
        for key in ("standing", "unchecked", "exception", "danger", "valid_to", "do_now", "answer", "next")
    }
    words |= {"valid_to": LABELS["ended"][lang]} if bulletin.is_end else {}
    end = day_hour(bulletin.valid_to, lang, bulletin.zone)
    area = bulletin.area[lang]
    told = _kind(bulletin, lang)
    return {
        "kind": told,
        "place": area,
        "brief_place": shortened(area, PLACE_MAX),
        "standing": _standing(bulletin, lang, brief=False),
        "brief_standing": _standing(bulletin, lang, brief=True),
        "unchecked": _named([name[lang] for name in bulletin.unchecked], lang, brief=False),
        "brief_unchecked": _named([name[lang] for name in bulletin.unchecked], lang, brief=True),
        "exception": bulletin.exception[lang],
        "danger": _danger(bulletin, lang),
        "valid_to": day_hour(bulletin.issued_at, lang, bulletin.zone) if bulletin.is_end else end,
        "orders": [_order(order, lang) for order in bulletin.orders],
        "answer": answer_text(bulletin)[lang],
        "next": bulletin.next_message[lang],
        "words": words,
    }


def _kind(bulletin: Bulletin, lang: Lang) -> str:
    """Return colour and kind of the message."""
    action = ACTION_WORDS[bulletin.action][lang]
    if bulletin.is_end:
        return (
            f"解除{bulletin.level.zh}预警" if lang == "zh" else f"All-clear, {bulletin.level.en.lower()} warning over"
        )
    if bulletin.level is Level.UNKNOWN:
        return f"等级未知·{action}" if lang == "zh" else f"Level unknown, {action.lower()}"
    phase = bulletin.phase[lang]
    if lang == "zh":
        return f"{bulletin.level.zh}预警·{action}" + (f"·{phase}" if phase else "")
    return f"{bulletin.level.en} warning, {action.lower()}" + (f", {phase}" if phase else "")


def _danger(bulletin: Bulletin, lang: Lang) -> str:
    """Return the most dangerous window, and the highest chance of the places that it is of."""
    if bulletin.is_end:
        return ""
    if bulletin.danger is None:
        is_known = bulletin.hotspots and all(line.is_timed for line in bulletin.hotspots)
        return _NONE_AHEAD[lang] if is_known else UNKNOWN[lang]
    span = short_window(*bulletin.danger, lang, bulletin.zone)
    chances = [line.p_15cm for line in in_danger(bulletin.hotspots) if not math.isnan(line.p_15cm)]
    if not chances:
        return span
    most = probability(max(chances), lang)
    return f"{span}（超15厘米可能{most}）" if lang == "zh" else f"{span} (chance of 15 cm up to {most})"


def _standing(bulletin: Bulletin, lang: Lang, *, brief: bool) -> str:
    """Name the place of the most dangerous kind where water stands, how deep, and how many there are."""
    if not bulletin.standing:
        return ""
    place = bulletin.standing[0]
    name = shortened(place.name[lang], NAME_MAX) if brief else place.name[lang]
    told = (
        f"{place.depth[lang]}，{place.source[lang]}" if lang == "zh" else f"{place.depth[lang]}, {place.source[lang]}"
    )
    many = _more(len(bulletin.standing) - 1, lang)
    return f"{name}{many}（{told}）" if lang == "zh" else f"{name}{many} ({told})"


def _named(names: list[str], lang: Lang, *, brief: bool) -> str:
    if not names:
        return ""
    return (shortened(names[0], NAME_MAX) + _more(len(names) - 1, lang)) if brief else join(names, lang)


def _more(count: int, lang: Lang) -> str:
    if not count:
        return ""
    return f"等{count + 1}处" if lang == "zh" else f" and {count} more"


_CLAUSES_BRIEF = {"zh": 28, "en": 64}


def _order(order: Order, lang: Lang) -> dict[str, str]:
    """Return one line of what is done now."""
    colon, stop = ("：", "；") if lang == "zh" else (": ", "; ")
    steps = [clause[lang] for clause in order.clauses if clause[lang]]
    name, more = order.name[lang], _more(order.more, lang)
    most = _CLAUSES_BRIEF[lang]
    few = steps[:1]
    if len(steps) > 1 and len(stop.join(steps[:2])) <= most:
        few = steps[:2]

    def line(shown: str, told: list[str]) -> str:
        return f"{shown}{more}{colon}{stop.join(told)}" if shown else stop.join(told)

    unit = order.unit[lang]
    return {
        "full": line(name, steps),
        "brief": line(shortened(name, NAME_MAX), few),
        "unit": unit,
        "brief_unit": shortened(unit, 2 * NAME_MAX),
        "due": order.due[lang],
    }


def _places(bulletin: Bulletin, lang: Lang) -> list[dict[str, Any]]:
    """Return a row for each place: what may happen, when, who, and what is planned."""
    planned = {measure.rank: measure for measure in bulletin.measures}
    wet = {place.hotspot_id: place for place in bulletin.standing}
    rows = []
    for line in bulletin.hotspots:
        measure, place = planned.get(line.rank), wet.get(line.hotspot_id)
        rows.append(
            {
                "rank": str(line.rank),
                "key": str(line.level),
                "fill": line.level.fill,
                "ink": line.level.ink,
                "level": f"{line.level.zh if lang == 'zh' else line.level.en} {line.level.roman}".strip(),
                "name": line.name[lang],
                "kind": line.kind[lang],
                "now": "" if place is None else _seen(place, lang),
                "what": _may(line, lang),
                "when": _when(line, lang, bulletin),
                "unit": line.unit[lang],
                "owner": line.owner_name,
                "phone": line.owner_phone,
                "due": "" if measure is None else measure.due[lang],
                "clauses": "" if measure is None else _by_whom(measure, line, lang) + _clauses(measure, lang),
                "team": "" if measure is None else measure.team_brief[lang],
                "shelter": "" if measure is None else measure.shelter_brief[lang],
            }
        )
    return rows


def _by_whom(measure: Measure, line: HotspotLine, lang: Lang) -> str:
    """Name the unit of a plan where it is another than the unit of the row."""
    if measure.owner == line.owner_unit:
        return ""
    return f"{measure.unit.zh}：" if lang == "zh" else f"{measure.unit.en}: "


def _may(line: HotspotLine, lang: Lang) -> str:
    """Say how deep it may get and how likely 15 cm are; a class that says so already is not said twice."""
    chance = probability(line.p_15cm, lang)
    if line.depth[lang].startswith("≥15"):
        return line.depth[lang]
    return f"{line.depth[lang]}；超15厘米 {chance}" if lang == "zh" else f"{line.depth[lang]}; above 15 cm {chance}"


def _seen(place: StandingPlace, lang: Lang) -> str:
    comma = "，" if lang == "zh" else ", "
    return f"{LABELS['standing'][lang]} {place.depth[lang]}{comma}{place.source[lang]}"


def _when(line: HotspotLine, lang: Lang, bulletin: Bulletin) -> str:
    if line.now == Now.STANDS:
        return "现在" if lang == "zh" else "now"
    if line.danger_from is not None and line.danger_to is not None:
        return short_window(line.danger_from, line.danger_to, lang, bulletin.zone)
    return "—" if line.is_timed else UNKNOWN[lang]


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


def _hotspots_note(bulletin: Bulletin, lang: Lang, of_table: Text) -> str:
    if not bulletin.hotspots:
        return _NO_HOTSPOTS[lang]
    known = {line.sag_known for line in bulletin.hotspots}
    note = of_table[lang]
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
    if not kept and measure.plan_id:
        return _NO_STEP[lang]
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
