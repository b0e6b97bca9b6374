"""The rows of a bulletin: the table of hotspots and the measures, from risk table, district and proposed actions."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.bulletin.model import HotspotLine, Measure
from reports.words import LANGUAGES, Text, is_missing, kind_name, local, moment, plain, sentence
from risk_models.levels import Level
from risk_models.risk.table import RiskTable
from risk_models.warning.records import WarningRecord

__all__ = ["LISTED_MAX", "hotspot_lines", "measures"]

LISTED_MAX = 40
"""Most hotspots that a bulletin lists; the number left out is told."""


def hotspot_lines(
    record: WarningRecord, risk_table: RiskTable, hotspots: pd.DataFrame
) -> tuple[tuple[HotspotLine, ...], int]:
    """Return the rows of the warned hotspots, worst first, and how many were left out."""
    known = [hotspot for hotspot in record.hotspot_ids if hotspot in risk_table.index]
    columns = ["owner_unit", "owner_name", "owner_phone"]
    listed = risk_table.loc[known[:LISTED_MAX]].drop(columns=columns, errors="ignore").join(hotspots[columns])
    lines = tuple(_hotspot_line(rank, row) for rank, row in enumerate(listed.to_dict("index").items(), start=1))
    return lines, len(known) - len(lines)


def _hotspot_line(rank: int, item: tuple[Any, dict[Any, Any]]) -> HotspotLine:
    hotspot_id, row = item
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
        depth_low_m=float(row["depth_p10_m"]),
        depth_m=float(row["depth_p50_m"]),
        depth_high_m=float(row["depth_p90_m"]),
        p_15cm=float(row["p_15cm"]),
        p_50cm=float(row["p_50cm"]),
        **times,
        owner_unit=plain(row["owner_unit"]),
        owner_name=plain(row["owner_name"]),
        owner_phone=plain(row["owner_phone"]),
        reason=Text(sentence(row["reason_zh"], "。"), sentence(row["reason_en"], ".")),
    )


def measures(
    lines: tuple[HotspotLine, ...], actions: pd.DataFrame, record: WarningRecord, zone: str
) -> tuple[Measure, ...]:
    """Return what the plans ask for at the listed hotspots, in the order of the table."""
    by_hotspot = (actions.set_index("hotspot_id") if "hotspot_id" in actions.columns else actions).to_dict("index")
    return tuple(
        _measure(line, by_hotspot[line.hotspot_id], record, zone) for line in lines if line.hotspot_id in by_hotspot
    )


def _clauses(text: Any) -> list[str]:
    return (
        [plain(part) for part in str(text).replace("；", ";").split(";") if plain(part)] if not is_missing(text) else []
    )


def _measure(line: HotspotLine, row: dict[Any, Any], record: WarningRecord, zone: str) -> Measure:
    chinese, english = _clauses(row["actions_zh"]), _clauses(row["actions_en"])
    count = max(len(chinese), len(english))
    pairs = zip(chinese + [""] * (count - len(chinese)), english + [""] * (count - len(english)), strict=True)
    return Measure(
        rank=line.rank,
        level=line.level,
        name=line.name,
        plan=Text(
            f"{plain(row['plan_title'])}（{plain(row['plan_id'])}）" if plain(row["plan_id"]) else "无匹配预案",
            f"{plain(row['plan_title_en'])} ({plain(row['plan_id'])})" if plain(row["plan_id"]) else "no matching plan",
        ),
        clauses=tuple(Text(zh, en) for zh, en in pairs),
        owner=plain(row["owner_unit"]),
        owner_phone=plain(row["owner_phone"]),
        team=_team(row),
        shelter=_shelter(row),
        due=_due(line, record, zone),
        shortfall=Text(plain(row.get("shortfall_zh")), plain(row.get("shortfall_en"))),
    )


def _team(row: dict[Any, Any]) -> Text:
    names = _clauses(row["team_names"])
    if not names and row.get("team_people_needed") == 0:
        return Text("本等级不派队，由责任人值守", "none at this level; the owner keeps watch")
    if not names:
        return Text("无可用队伍，请上报", "no team is free: report upwards")
    people, away = row["team_people"], _distance(row["team_distance_m"])
    return Text(
        f"{'、'.join(names)}（{people:.0f}人，{away.zh}）", f"{', '.join(names)} ({people:.0f} people, {away.en})"
    )


def _shelter(row: dict[Any, Any]) -> Text:
    name, moving = plain(row["shelter_name"]), row.get("people_to_move")
    if not name and moving == 0:
        return Text("本等级不转移人员", "nobody is moved at this level")
    if not name:
        return Text("无可用避难场所，请上报", "no shelter with free places: report upwards")
    free, away = row["shelter_free"], _distance(row["shelter_distance_m"])
    people = Text("", "") if moving is None else Text(f"需转移{moving:.0f}人，", f"{moving:.0f} people to move, ")
    return Text(
        f"{name}（{people.zh}{away.zh}，尚余{free:.0f}个位）", f"{name} ({people.en}{away.en}, {free:.0f} places left)"
    )


def _distance(distance_m: Any) -> Text:
    if is_missing(distance_m):
        return Text("距离未知", "distance unknown")
    return Text(f"{distance_m / 1000:.1f}公里", f"{distance_m / 1000:.1f} km")


def _due(line: HotspotLine, record: WarningRecord, zone: str) -> Text:
    """Return the deadline: before the water is expected to pass 15 cm, or at once if that is now or unknown."""
    at = line.first_15cm_at
    if at is None or pd.Timestamp(local(at, zone)) <= pd.Timestamp(local(record.issued_at, zone)):
        return Text("立即", "at once")
    told = Text(*(moment(at, lang, zone, year=False) for lang in LANGUAGES))
    return Text(f"{told.zh}前（预计积水超过15厘米）", f"before {told.en} (water expected to pass 15 cm)")
