"""The rows of a bulletin: the table of hotspots and the measures, from risk table, district and proposed actions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from reports.bulletin.model import HotspotLine, Measure
from reports.bulletin.statements import reason_text
from reports.words import LANGUAGES, Text, is_missing, kind_name, local, moment, plain, plan_state_text
from risk_models.district.schema import parts_of
from risk_models.levels import Level
from risk_models.observation import Now
from risk_models.plan.steps import PlanStep, Situation, State, steps_of, steps_told
from risk_models.risk.criteria import OrderPhase
from risk_models.risk.depth_words import DEPTH_CLASSES, class_chances, class_words, depth_range, sag_is_known
from risk_models.warning.records import Action, WarningRecord
from risk_models.warning.times import Deadline, Due, done_by, minutes_needed

__all__ = ["LISTED_MAX", "due_text", "hotspot_lines", "measures"]

LISTED_MAX = 40
"""Most hotspots that a bulletin lists; the number left out is told."""

_OWNER_COLUMNS = ["owner_unit", "owner_name", "owner_phone"]
_RISK_COLUMNS = [
    *("hotspot_name", "hotspot_name_en", "kind", "level", "worst_case_level", "confidence", "unconfirmed"),
    *("depth_p10_m", "depth_p50_m", "depth_p90_m", "sag_known", *DEPTH_CLASSES),
    *("first_15cm_at", "first_50cm_at", "peak_at"),
    *("reason_zh", "reason_en"),
]
_LATER: Mapping[str, Any] = {
    "now": str(Now.UNKNOWN),
    "order_phase": str(OrderPhase.UNKNOWN),
    "p_15cm_0_3h": float("nan"),
    "onset_unfavourable_at": None,
    "danger_from": None,
    "danger_to": None,
}
"""Columns that tables of earlier releases lack, and what is known of them there."""


def hotspot_lines(
    record: WarningRecord, risk: pd.DataFrame, hotspots: pd.DataFrame, unit: Callable[[str], Text]
) -> tuple[tuple[HotspotLine, ...], int]:
    """Return the rows of the warned hotspots, worst first, and how many were left out.

    Parameters
    ----------
    record : WarningRecord
        Names the hotspots, worst first.
    risk : DataFrame
        Risk table; a plain frame, from which rows are read ten times faster than from one with geometry.
    hotspots : DataFrame
        The district's hotspots, for their owners.
    unit : callable
        Gives both names of a unit.
    """
    known = [hotspot for hotspot in record.hotspot_ids if hotspot in risk.index]
    listed = known[:LISTED_MAX]
    later = [name for name in _LATER if name in risk.columns]
    told, owners = _records(risk, listed, _RISK_COLUMNS + later), _records(hotspots, listed, _OWNER_COLUMNS)
    lines = tuple(
        _hotspot_line(rank, hotspot, {**_LATER, **row, **owner}, unit)
        for rank, (hotspot, row, owner) in enumerate(zip(listed, told, owners, strict=True), start=1)
    )
    return lines, len(known) - len(lines)


def _records(table: pd.DataFrame, ids: list[str], columns: list[str]) -> list[dict[str, Any]]:
    """Return rows as dictionaries, converted once: reading cells of a frame one by one is slow."""
    at = table.index.get_indexer(pd.Index(ids, dtype=table.index.dtype))
    values = [table[name].array.take(at).tolist() for name in columns]
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


def _hotspot_line(rank: int, hotspot_id: str, row: dict[str, Any], unit: Callable[[str], Text]) -> HotspotLine:
    kind = plain(row["kind"])
    times = {
        name: None if is_missing(row[name]) else row[name] for name in ("first_15cm_at", "first_50cm_at", "peak_at")
    }
    return HotspotLine(
        rank=rank,
        hotspot_id=plain(hotspot_id),
        name=Text(plain(row["hotspot_name"]), plain(row["hotspot_name_en"])),
        kind=Text(kind_name(kind, "zh"), kind_name(kind, "en")),
        level=Level(int(row["level"])),
        worst_case_level=Level(int(row["worst_case_level"])),
        confidence=plain(row["confidence"]),
        unconfirmed=bool(row["unconfirmed"]),
        sag_known=sag_is_known(row),
        depth=_depth(row),
        now=plain(row["now"]),
        phase=plain(row["order_phase"]),
        class_chances=class_chances(row),
        depth_low_m=float(row["depth_p10_m"]),
        depth_m=float(row["depth_p50_m"]),
        depth_high_m=float(row["depth_p90_m"]),
        p_15cm=float(row["p_15cm"]),
        p_50cm=float(row["p_50cm"]),
        **times,
        onset_at=_instant(row["onset_unfavourable_at"]),
        danger_from=_instant(row["danger_from"]),
        danger_to=_instant(row["danger_to"]),
        is_timed=not is_missing(row["p_15cm_0_3h"]) and not is_missing(row["depth_p50_m"]),
        kind_id=kind,
        owner_unit=plain(row["owner_unit"]),
        unit=unit(plain(row["owner_unit"])),
        owner_name=plain(row["owner_name"]),
        owner_phone=plain(row["owner_phone"]),
        reason=reason_text(row["reason_zh"], row["reason_en"]),
    )


def _instant(value: Any) -> datetime | None:
    return None if is_missing(value) else local(value, "UTC")


def _depth(row: dict[str, Any]) -> Text:
    """Return how deep it may get: from the 10 % to the 90 % quantile where the sag is known, else its class."""
    if not sag_is_known(row):
        return Text(*class_words(row))
    return Text(*depth_range(row["depth_p10_m"], row["depth_p90_m"]))


def measures(
    lines: tuple[HotspotLine, ...],
    actions: pd.DataFrame,
    record: WarningRecord,
    zone: str,
    *,
    needs_min: dict[str, float],
    unit: Callable[[str], Text],
    wet: bool,
) -> tuple[Measure, ...]:
    """Return what the plans ask for at the listed hotspots, in the order of the table.

    What is for before the rain is never asked for where water stands, nor what is for after it before it is lowered.

    Parameters
    ----------
    lines : tuple of HotspotLine
    actions : DataFrame
        Of `risk_models.plan.propose_actions`.
    record : WarningRecord
    zone : str
        Time zone of the words.
    needs_min : dict of str to float
        Minutes that the actions take, by kind of hotspot.
    unit : callable
        Gives both names of a unit.
    wet : bool
        Whether the message tells of water that stands, or that nobody has seen gone.
    """
    table = actions.set_index("hotspot_id") if "hotspot_id" in actions.columns else actions
    planned = [line for line in lines if line.hotspot_id in table.index]
    rows = _records(table, [line.hotspot_id for line in planned], list(table.columns))
    return tuple(
        _measure(line, row, record, zone, needs_min, unit=unit, wet=wet)
        for line, row in zip(planned, rows, strict=True)
    )


def _measure(
    line: HotspotLine,
    row: dict[Any, Any],
    record: WarningRecord,
    zone: str,
    needs_min: dict[str, float],
    *,
    unit: Callable[[str], Text],
    wet: bool,
) -> Measure:
    deadline = _deadline(line, record, minutes_needed(line.kind_id, needs_min, by_plan=row.get("plan_minutes")))
    stands, plan_id = line.now == Now.STANDS, plain(row["plan_id"])
    situation = Situation(
        stands=stands,
        wet=wet or line.now in (Now.STANDS, Now.UNCONFIRMED),
        has_come=deadline.due is Due.AT_ONCE,
        lowered=record.action is Action.DNG,
    )
    steps = steps_told(steps_of(row["actions_zh"], row["actions_en"], row["action_phases"]), situation)
    is_for_now = not stands or not plan_id or any(step.is_known for step in steps)
    in_force = (row["plan_state"] == State.IN_FORCE or not plan_id) and is_for_now
    state = plain(row["plan_state"])
    waits = plan_state_text(state, plain(row["plan_trigger"])) if state == State.STAND_BY else _NOT_FOR_WATER
    shelter, shortfall = _shelter(row), Text(plain(row.get("shortfall_zh")), plain(row.get("shortfall_en")))
    return Measure(
        rank=line.rank,
        level=line.level,
        name=line.name,
        plan_id=plan_id,
        plan=_plan(row),
        clauses=_clauses(steps, stands=stands),
        owner=plain(row["unit"]),
        unit=unit(plain(row["unit"])),
        owner_phone=plain(row["unit_phone"]),
        team=_team(row),
        team_brief=_team_brief(row),
        shelter=shelter,
        shelter_brief=_without_brackets(shortfall or shelter),
        due=due_text(deadline, zone) if in_force else waits,
        deadline=deadline if in_force else Deadline(Due.UNKNOWN, None),
        in_force=in_force,
        shortfall=shortfall,
    )


def _plan(row: dict[Any, Any]) -> Text:
    """Name the plan, and a narrower one that is not triggered yet."""
    plan_id, waits = plain(row["plan_id"]), plain(row["standby_plan_id"])
    if not plan_id:
        return Text("无匹配预案", "no matching plan")
    zh, en = f"{plain(row['plan_title'])}（{plan_id}）", f"{plain(row['plan_title_en'])} ({plan_id})"
    if not waits:
        return Text(zh, en)
    level = Level.from_name(row["standby_trigger"])
    return Text(f"{zh}；待命{waits}（{level.zh}启动）", f"{en}; standing by: {waits} (from {level.en.lower()})")


def _clauses(steps: tuple[PlanStep, ...], *, stands: bool) -> tuple[Text, ...]:
    """Return steps in words; before the first of those whose phase nobody stated that is said."""
    known = [Text(plain(step.zh), plain(step.en)) for step in steps if step.is_known]
    rest = [Text(plain(step.zh), plain(step.en)) for step in steps if not step.is_known]
    mark = _UNSTATED_IN_WATER if stands else _UNSTATED
    return (*known, *(Text(mark.zh + one.zh, mark.en + one.en) for one in rest[:1]), *rest[1:])


def _without_brackets(text: Text) -> Text:
    """Leave out what stands in brackets.

    Examples
    --------
    >>> _without_brackets(Text("长江路体育场（尚余2个位）", "Changjianglu stadium (2 places left)"))
    Text(zh='长江路体育场', en='Changjianglu stadium')
    """
    return Text(*(re.sub(r"\s*[（(][^（()）]*[)）]", "", text[lang]) for lang in LANGUAGES))


def _team(row: dict[Any, Any]) -> Text:
    names = parts_of(plain(row["team_names"]))
    if not names and row.get("team_people_needed") == 0:
        return Text("本等级不派队，由责任人值守", "none at this level; the owner keeps watch")
    if not names:
        return Text("无可用队伍，请上报", "no team is free: report upwards")
    people, away = row["team_people"], _distance(row["team_distance_m"])
    return Text(
        f"{'、'.join(names)}（{people:.0f}人，{away.zh}）", f"{', '.join(names)} ({people:.0f} people, {away.en})"
    )


def _team_brief(row: dict[Any, Any]) -> Text:
    """Name the first team and say how many more there are."""
    names = parts_of(plain(row["team_names"]))
    if not names:
        return _team(row)
    more, people = len(names) - 1, row["team_people"]
    return Text(
        names[0] + (f"等{more + 1}队" if more else "") + f" {people:.0f}人",
        names[0] + (f" + {more}" if more else "") + f", {people:.0f} people",
    )


def _shelter(row: dict[Any, Any]) -> Text:
    name, moving = plain(row["shelter_name"]), row.get("people_to_move")
    if not name and moving == 0:
        return Text("本等级不转移人员", "nobody is moved at this level")
    if not name:
        return Text("无可用避难场所，请上报", "no shelter with free places: report upwards")
    free, away = row["shelter_free"], _distance(row["shelter_distance_m"])
    people = Text("", "") if moving is None else Text(f"需转移{moving:.0f}人，", f"{moving:.0f} people to move, ")
    if moving == 0:
        people = Text("暂不转移，", "nobody to move yet, ")
    return Text(
        f"{name}（{people.zh}{away.zh}，尚余{free:.0f}个位）", f"{name} ({people.en}{away.en}, {free:.0f} places left)"
    )


def _distance(distance_m: Any) -> Text:
    if is_missing(distance_m):
        return Text("距离未知", "distance unknown")
    return Text(f"{distance_m / 1000:.1f}公里", f"{distance_m / 1000:.1f} km")


def _deadline(line: HotspotLine, record: WarningRecord, needs_min: float) -> Deadline:
    return done_by(
        line.onset_at,
        needs_min=needs_min,
        issued_at=record.issued_at,
        valid_to=record.valid_to,
        stands=line.now == Now.STANDS,
        is_known=line.is_timed,
    )


_NOT_FOR_WATER = Text("待命：预案未写明积水时做什么", "stand by: the plan does not say what is for standing water")
_UNSTATED = Text("阶段未注明：", "phase not stated: ")
_UNSTATED_IN_WATER = Text("阶段未注明，不作为积水时的措施：", "phase not stated, not taken as for standing water: ")
_AT_ONCE = Text("立即", "at once")
_SOON = Text("来水时间未知：雨前尽快完成", "time not known: as soon as possible, before the rain")


def due_text(deadline: Deadline, zone: str) -> Text:
    """Return a deadline in words.

    Examples
    --------
    >>> from datetime import UTC
    >>> at = datetime(2021, 7, 20, 9, tzinfo=UTC)
    >>> due_text(Deadline(Due.BY, at), "Asia/Shanghai")
    Text(zh='7月20日17时前', en='before 17:00 on 20 July')
    >>> due_text(Deadline(Due.UNKNOWN, None), "Asia/Shanghai").en
    'time not known: as soon as possible, before the rain'
    """
    if deadline.due is Due.AT_ONCE:
        return _AT_ONCE
    if deadline.at is None:
        return _SOON
    told = Text(*(moment(deadline.at, lang, zone, year=False) for lang in LANGUAGES))
    return Text(f"{told.zh}前", f"before {told.en}")
