"""The fixed statements of a bulletin: headline, cautions, guidance, contact, decision, profile."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.bulletin.model import SignOff
from reports.bulletin.sentences import not_assessed
from reports.words import LANGUAGES, UNKNOWN, Text, day_hour, local, moment, plain, sentence
from risk_models.levels import Level
from risk_models.standards import Standards
from risk_models.warning.records import Action, WarningRecord

__all__ = [
    "Area",
    "cautions",
    "contact_text",
    "decision_text",
    "guidance",
    "headline_text",
    "headquarters_lines",
    "next_text",
    "note_lines",
    "number_text",
    "previous_text",
    "profile_text",
    "reason_text",
    "signal_text",
]

_CLEAR = Text(
    "隧道、下穿通道和地下空间确认退水后方可开放，继续巡查积水点。",
    "Open tunnels, underpasses and underground spaces only when they are seen to be dry; keep patrolling.",
)
_NOT_THE_OFFICE = Text("非气象部门发布（本系统按雨量计算）：", "Not issued by the weather office (computed here): ")
_KEEP_ACTING = Text(
    "已布置的措施在确认安全前不要撤除（等级由{was}降为{now}）。",
    "Keep the measures in place until it is seen to be safe (the level goes from {was} to {now}).",
)


@dataclass(frozen=True)
class Area:
    """The area of a warning: its names, its rows of the risk table, whom to reach."""

    name: Text
    full: Text
    rows: pd.DataFrame
    duty_phone: str


def number_text(record: WarningRecord, name: Any, zone: str, sign_off: SignOff) -> Text:
    """Return the number of the bulletin; without a running number it is made from issue time and area."""
    at = local(record.issued_at, zone)
    serial = str(sign_off.number) if sign_off.number is not None else f"{at:%m%d%H%M}-{record.area_code[-3:]}"
    short = plain(name.zh).removesuffix("区")
    return Text(f"{short}汛警〔{at.year}〕{serial}号", f"Flood warning No. {serial} of {at.year}")


def headline_text(record: WarningRecord, area: Area) -> Text:
    """Return the headline: area, action and level."""
    level, was = record.level, record.previous_level
    name = area.full
    if level is Level.UNKNOWN:
        return Text(
            f"{name.zh}内涝风险等级未知（雨情资料缺失）", f"Flood-risk level unknown: {name.en} (rain data missing)"
        )
    if record.action.is_end:
        return Text(
            f"解除{name.zh}内涝风险{level.zh}预警", f"All-clear: {level.en.lower()} flood-risk warning ended, {name.en}"
        )
    told = {
        Action.NEW: Text(f"发布内涝风险{level.zh}预警", f"{level.en} flood-risk warning"),
        Action.UPG: Text(
            f"内涝风险预警升级为{level.zh}（原{was.zh}）", f"Flood-risk warning raised to {level.en.lower()}"
        ),
        Action.EXT: Text(f"延长内涝风险{level.zh}预警", f"{level.en} flood-risk warning extended"),
        Action.CON: Text(f"维持内涝风险{level.zh}预警", f"{level.en} flood-risk warning continues"),
        Action.DNG: Text(
            f"内涝风险预警降为{level.zh}（原{was.zh}）", f"Flood-risk warning lowered to {level.en.lower()}"
        ),
    }[record.action]
    return Text(f"{name.zh}{told.zh}", f"{told.en}: {name.en}")


def reason_text(zh: Any, en: Any) -> Text:
    """Return a reason as one sentence per language, without brackets inside brackets.

    Examples
    --------
    >>> reason_text("雨量大（重现期>100年（超出公式范围））", "Heavy rain (>100 a (outside the formula))").zh
    '雨量大（重现期>100年，超出公式范围）。'
    """
    inner = r"([（(][^（()）]*?)\s*[（(]([^（()）]*)[)）]"
    return Text(sentence(re.sub(inner, r"\1，\2", plain(zh)), "。"), sentence(re.sub(inner, r"\1, \2", plain(en)), "."))


def previous_text(record: WarningRecord, previous: WarningRecord | None, zone: str) -> Text:
    """Return what the bulletin replaces."""
    if record.supersedes is None:
        return Text("无（首次发布）", "none (first issue)")
    if previous is None:
        return Text(record.supersedes, record.supersedes)
    issued = Text(*(moment(previous.issued_at, lang, zone) for lang in LANGUAGES))
    return Text(
        f"代替{issued.zh}发布的{previous.level.zh}预警（{record.supersedes}）",
        f"replaces the {previous.level.en.lower()} warning issued at {issued.en} ({record.supersedes})",
    )


def signal_text(record: WarningRecord, signals: pd.DataFrame) -> Text:
    """Return the rain signal of the town; for the whole district, of the town with the highest."""
    if record.area_code in signals.index:
        row = signals.loc[record.area_code]
    elif len(signals):
        row = signals.sort_values("level", ascending=False, kind="stable").iloc[0]
    else:
        return UNKNOWN
    zh, en = sentence(row["text_zh"], "。"), sentence(row["text_en"], ".")
    return Text(f"{_NOT_THE_OFFICE.zh}{zh}", f"{_NOT_THE_OFFICE.en}{en}")


def note_lines(sign_off: SignOff) -> tuple[Text, ...]:
    """Return what the officer on duty adds, marked as such; nothing if there is no note."""
    if not sign_off.note:
        return ()
    return (Text(f"值班员补充：{plain(sign_off.note.zh)}", f"Duty officer's note: {plain(sign_off.note.en)}"),)


def cautions(record: WarningRecord, rows: pd.DataFrame, attrs: dict[Any, Any]) -> tuple[Text, ...]:
    """Return what a reader must know before trusting the numbers; empty in a good hour."""
    found = []
    ladder = Text(plain(attrs["ladder_zh"]), plain(attrs["ladder_en"]))
    if record.degraded or int(attrs["ladder_step"]) > 1:
        found.append(
            Text(
                f"资料降级：{ladder.zh}。等级可升不可因缺测而降。",
                f"Degraded data: {ladder.en}. Missing rain never lowers a level.",
            )
        )
    if record.unconfirmed:
        found.append(
            Text(
                "待核实：等级依据的雨量未通过邻站或变率检验，按较高等级发布，请现场核实。",
                "Unconfirmed: the rain behind this level failed neighbour or rate checks; the higher level is issued. "
                "Please check on site.",
            )
        )
    unknown = int(((rows["level"] == Level.UNKNOWN) & ~not_assessed(rows)).sum())
    if unknown:
        found.append(
            Text(
                f"{unknown}处风险点因缺雨量资料等级未知；未知不等于无风险，请加强巡查。",
                f"Level unknown because rain is missing: {unknown} of the hotspots. Unknown does not mean safe; patrol "
                "them.",
            )
        )
    return tuple(found)


_PATROL = Text(
    "派人到各风险点值守巡查，雨情有变立即上报。", "Send people to watch every hotspot; report any change of the rain."
)


def guidance(record: WarningRecord) -> tuple[Text, ...]:
    """Return what holds for the whole area of a town."""
    if record.action.is_end:
        return (_CLEAR,)
    if record.level is Level.UNKNOWN or not record.hotspot_ids:
        return (_PATROL,)
    if record.action is Action.DNG:
        was, now = record.previous_level, record.level
        zh = _KEEP_ACTING.zh.format(was=was.zh, now=now.zh)
        return (Text(zh, _KEEP_ACTING.en.format(was=was.en.lower(), now=now.en.lower())),)
    return ()


def headquarters_lines(record: WarningRecord, standards: Standards, responses_id: str) -> tuple[Text, ...]:
    """Return what the headquarters is to consider; it is no order for a town."""
    if record.action.is_end:
        return ()
    return tuple(
        Text(
            f"建议会商研判是否启动{response.zh}（参考做法，由指挥部决定）。",
            f"Consider {response.en} after consultation (working practice; the headquarters decides).",
        )
        for response in standards.responses(responses_id)
        if response.trigger == str(record.level)
    )


def next_text(record: WarningRecord, zone: str) -> Text:
    """Return when the next message comes."""
    if record.action.is_end:
        return Text("再有降雨或积水时另发。", "Only if rain or water comes again.")
    at = Text(*(day_hour(record.valid_to, lang, zone) for lang in LANGUAGES))
    return Text(
        f"最迟{at.zh}；等级、时间、地点有变时即发。", f"By {at.en}, or as soon as level, time or places change."
    )


def contact_text(settings: Any, area: Area) -> Text:
    """Return who issued the bulletin and how to reach them, and the town."""
    bureau, sender = settings.district.bureau, plain(settings.mail.sender)
    zh = f"发布单位 {plain(bureau.zh)}，{sender}"
    en = f"Issued by {plain(bureau.en)}, {sender}"
    phone = settings.warning.phone_told
    if phone:
        zh, en = f"{zh}，电话 {phone}", f"{en}, phone {phone}"
    if area.duty_phone:
        zh += f"；{area.name.zh}值班电话 {area.duty_phone}"
        en += f"; duty phone of {area.name.en} {area.duty_phone}"
    return Text(zh, en)


def decision_text(sign_off: SignOff, zone: str, *, draft: bool) -> Text:
    """Return who decided, or that nobody has yet."""
    zh, en = "等级由软件提出建议，由值班负责人决定。", "The software proposes the level; a named officer decides. "
    if sign_off.officer:
        officer = plain(sign_off.officer)
        when = Text(*(moment(sign_off.decided_at, lang, zone) for lang in LANGUAGES)) if sign_off.decided_at else None
        return Text(
            f"{zh}签发人：{officer}" + (f"（{when.zh}）。" if when else "。"),
            f"{en}Approved by {officer}" + (f" at {when.en}." if when else "."),
        )
    if draft:
        return Text(f"{zh}本件为草稿，尚未批准，不得发出。", f"{en}This is a draft: not approved, not to be sent.")
    return Text(
        f"{zh}本级别按本区设置自动发出，值班负责人可随时更改或解除。",
        f"{en}This level goes out by itself under the district's settings; the officer on duty may change or end it.",
    )


def profile_text(settings: Any, standards: Standards) -> Text:
    """Return the five words of the district and which of them this product serves."""
    stages = settings.five_pre or standards.five_pre(settings.standards.five_pre)
    zh, en = "、".join(plain(stage.zh) for stage in stages), ", ".join(plain(stage.en) for stage in stages)
    here = next((stage for stage in stages if stage.id == "warning"), None)
    return Text(
        f"五预（本区配置，未见统一定义）：{zh}" + (f"。本件属“{plain(here.zh)}”。" if here else "。"),
        f"Five-pre profile of this district (no public text fixes the words): {en}"
        + (f". This is a product of the stage {plain(here.en)}." if here else "."),
    )
