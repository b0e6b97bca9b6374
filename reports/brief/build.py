"""Put a district brief together from a risk table, the warnings in force, and what the last brief told.

A place that was told as standing or not checked leaves the brief only when somebody or something has seen it dry. What
a model says, a table that knows nothing of before, or a place that left the register leaves it not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

import pandas as pd

from reports.brief.model import DistrictBrief, PlaceLine, ToldPlace, ToldState, WarningLine
from reports.bulletin.first import standing_places
from reports.words import LANGUAGES, Text, is_missing, join, local, millimetres, plain, short_window, shortened
from risk_models.levels import Level
from risk_models.observation import Now
from risk_models.risk import RiskTable
from risk_models.standards import NowOrder

__all__ = ["WarningInForce", "build_brief"]

_NAMED: Final = 4
_NAME: Final = 14
_WINDOWS: Final = (("0_3h", Text("未来3小时", "Next 3 h")), ("3_6h", Text("3至6小时", "3 to 6 h")))
_TOLD_LEVELS: Final = (Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE)


@dataclass(frozen=True)
class WarningInForce:
    """One warning that towns act by."""

    area_code: str
    level: Level
    valid_to: datetime


def build_brief(
    risk_table: RiskTable,
    warnings: Iterable[WarningInForce],
    *,
    towns: pd.DataFrame,
    hotspots: pd.DataFrame,
    orders: Mapping[str, NowOrder],
    before: ToldState | None,
    slot: datetime,
    zone: str,
    number: str,
    district: Text,
    bureau: Text,
    phone: str = "",
    marks: Sequence[Text] = (),
    cautions: Sequence[Text] = (),
    is_rain_known: bool = True,
    next_at: datetime | None = None,
    officer: str = "",
) -> DistrictBrief:
    """Return the brief of one hour; the same arguments give the same brief.

    Parameters
    ----------
    risk_table : RiskTable
        The newest one known.
    warnings : iterable of WarningInForce
    towns, hotspots : DataFrame
        Of the register, for names and owners.
    orders : mapping of str to NowOrder
        Gives the order of kinds; with ``other``.
    before : ToldState or None
        What the last brief told; one of another event is not looked at.
    slot : datetime
    zone, number, district, bureau, phone, marks, cautions, next_at, officer
        As in `DistrictBrief`.
    is_rain_known : bool
        False: what is expected is unknown, and said so.

    Returns
    -------
    DistrictBrief
    """
    event_key = str(risk_table.attrs["event_key"])
    last = before if before is not None and before.event_key == event_key else None
    town = _names(towns)
    in_force = sorted(warnings, key=lambda one: (-one.level, one.valid_to, one.area_code))
    standing = _standing(risk_table, hotspots, orders, town, zone)
    unchecked = _unchecked(risk_table, last, {line.hotspot_id for line in standing}, town)
    lines = [*standing, *unchecked]
    return DistrictBrief(
        number=number,
        slot=slot,
        known_at=datetime.fromisoformat(risk_table.attrs["valid_at"]),
        zone=zone,
        district=district,
        bureau=bureau,
        phone=phone,
        marks=tuple(marks),
        cautions=tuple(cautions),
        warnings=_grouped(in_force, town),
        standing=standing,
        unchecked=unchecked,
        unknown=int((risk_table["now"] == str(Now.UNKNOWN)).sum()),
        changes=_changes(last, standing, unchecked, _gone(risk_table, last, zone), in_force, town, zone),
        expected=_expected(risk_table, zone) if is_rain_known else (_UNKNOWN_AHEAD,),
        next_at=next_at,
        officer=officer,
        told=ToldState(
            slot,
            event_key,
            {line.hotspot_id: _told(line, stands=line in standing) for line in lines},
            {one.area_code: int(one.level) for one in in_force},
        ),
    )


_UNKNOWN_AHEAD: Final = Text(
    "雨情资料中断，未来几小时风险未知（不等于无风险）。",
    "Rain data are lost: what comes in the next hours is unknown, which does not mean nothing.",
)


def _names(towns: pd.DataFrame) -> Callable[[str], Text]:
    known = {
        str(code): Text(plain(zh), plain(en))
        for code, zh, en in zip(towns.index, towns["town_name"], towns["town_name_en"], strict=True)
    }
    return lambda code: known.get(code, Text(code, code))


def _grouped(in_force: Sequence[WarningInForce], town: Callable[[str], Text]) -> tuple[WarningLine, ...]:
    lines = []
    for level, ones in groupby(in_force, key=lambda one: one.level):
        ends = groupby(ones, key=lambda one: one.valid_to)
        told = tuple((end, tuple(town(one.area_code) for one in same)) for end, same in ends)
        lines.append(WarningLine(level=level, ends=told))
    return tuple(lines)


def _standing(
    table: RiskTable,
    hotspots: pd.DataFrame,
    orders: Mapping[str, NowOrder],
    town: Callable[[str], Text],
    zone: str,
) -> tuple[PlaceLine, ...]:
    """Return where water stands, in the order and in the words of the bulletins."""
    rows = table.loc[table.index.isin(hotspots.index)]
    places = standing_places(pd.DataFrame(rows), hotspots, orders, lambda unit: Text(unit, unit), zone)
    return tuple(
        PlaceLine(
            hotspot_id=place.hotspot_id,
            town_code=str(table.at[place.hotspot_id, "town_code"]),
            name=place.name,
            town=town(str(table.at[place.hotspot_id, "town_code"])),
            since=_time(table.at[place.hotspot_id, "now_since"]),
            depth=place.depth,
            source=place.source,
            depth_class=int(table.at[place.hotspot_id, "now_class"]),
        )
        for place in places
    )


def _unchecked(
    table: RiskTable, last: ToldState | None, standing: set[str], town: Callable[[str], Text]
) -> tuple[PlaceLine, ...]:
    """Return where water stood and nobody has looked since, by this table or by the last brief."""
    lines = {
        str(row.Index): PlaceLine(
            hotspot_id=str(row.Index),
            town_code=str(row.town_code),
            name=Text(plain(row.hotspot_name), plain(row.hotspot_name_en)),
            town=town(str(row.town_code)),
            since=_time(row.now_since),
            depth_class=int(row.now_class),
        )
        for row in table.loc[table["now"] == str(Now.UNCONFIRMED)].sort_values("place").itertuples()
    }
    for name, told in sorted((last.places if last else {}).items()):
        if name not in lines and name not in standing and not _is_seen_dry(table, name):
            lines[name] = PlaceLine(
                hotspot_id=name,
                town_code=told.town,
                name=Text(told.zh, told.en),
                town=town(told.town),
                since=told.since,
                depth_class=told.depth_class,
            )
    return tuple(lines.values())


def _is_seen_dry(table: RiskTable, name: str) -> bool:
    """Tell whether water has gone from a place: it is dry, and somebody or something saw it so."""
    if name not in table.index or table.at[name, "now"] != str(Now.DRY):
        return False
    return bool(plain(table.at[name, "now_by"])) and not is_missing(table.at[name, "now_seen_at"])


def _gone(table: RiskTable, last: ToldState | None, zone: str) -> list[Text]:
    """Return the places of the last brief that were seen dry since, with who saw it."""
    if last is None:
        return []
    names = [name for name in sorted(last.places) if _is_seen_dry(table, name)]
    return [_gone_line(last.places[name], table.loc[name], zone) for name in names]


def _gone_line(place: ToldPlace, row: Any, zone: str) -> Text:
    by, at = plain(row["now_by"]), f"{local(row['now_seen_at'], zone):%H:%M}"
    zh = f"{shortened(place.zh, _NAME)}（{shortened(by, _NAME)} {at}）"
    return Text(zh, f"{shortened(place.en, _NAME)} ({shortened(by, _NAME)}, {at})")


def _told(line: PlaceLine, *, stands: bool) -> ToldPlace:
    return ToldPlace(line.name.zh, line.name.en, line.town_code, stands, line.depth_class, line.since)


def _changes(
    last: ToldState | None,
    standing: Sequence[PlaceLine],
    unchecked: Sequence[PlaceLine],
    gone: Sequence[Text],
    in_force: Sequence[WarningInForce],
    town: Callable[[str], Text],
    zone: str,
) -> tuple[Text, ...]:
    if last is None:
        return (Text("本次过程的首份简报。", "The first brief of this event."),)
    stood = {name: place for name, place in last.places.items() if place.stands}
    new = [line.name for line in standing if line.hotspot_id not in stood]
    deeper = [
        line.name
        for line in standing
        if line.hotspot_id in stood and line.depth_class > stood[line.hotspot_id].depth_class
    ]
    left = [line.name for line in unchecked if line.hotspot_id in stood]
    now = {one.area_code: int(one.level) for one in in_force}
    was = last.levels
    places = (
        (new, "新增积水", "Water stands anew at"),
        (deeper, "积水加深", "Deeper at"),
        (left, "不再测得积水、待核查", "No longer seen or modelled, to be checked:"),
        (gone, "已看到无积水", "Seen dry:"),
    )
    towns = (
        ([town(code) for code in now if code not in was], "新增预警", "New warnings:"),
        ([town(code) for code in now if now[code] > was.get(code, now[code])], "预警升级", "Raised:"),
        ([town(code) for code in now if now[code] < was.get(code, now[code])], "预警降级", "Lowered:"),
        ([town(code) for code in sorted(was) if code not in now], "预警已结束", "Warnings over:"),
    )
    lines = [_counted(names, zh, en, unit="处") for names, zh, en in places if names]
    lines += [_counted(names, zh, en, unit="个镇办") for names, zh, en in towns if names]
    at = f"{local(last.slot, zone):%H:%M}"
    return tuple(lines) or (Text(f"与{at}简报相比无变化。", f"Nothing has changed since the brief of {at}."),)


def _counted(names: Sequence[Text], zh: str, en: str, *, unit: str) -> Text:
    """Say how many, and the first few by name.

    Examples
    --------
    >>> _counted([Text("甲", "A"), Text("乙", "B")], "新增积水", "Water stands anew at", unit="处")
    Text(zh='新增积水2处：甲、乙。', en='Water stands anew at A and B.')
    """
    few = [Text(shortened(one.zh, 2 * _NAME), shortened(one.en, 2 * _NAME)) for one in names[:_NAMED]]
    more = len(names) - len(few)
    first = ", ".join(one.en for one in few) if more else join([one.en for one in few], "en")
    return Text(
        f"{zh}{len(names)}{unit}：{'、'.join(one.zh for one in few)}{'等' if more else ''}。",
        f"{en} {first}{f' and {more} more' if more else ''}.",
    )


def _expected(table: RiskTable, zone: str) -> tuple[Text, ...]:
    """Say what may come: levels by window, the most dangerous window, the rain."""
    parts = [_levels_of(table[f"level_{name}"], words) for name, words in _WINDOWS]
    lines = [Text("；".join(one.zh for one in parts) + "。", "; ".join(one.en for one in parts) + ".")]
    ahead = table["danger_to"] > pd.Timestamp(table.attrs["valid_at"])
    timed = table.loc[ahead & (table["danger_from"] < table["danger_to"]) & (table["level"] >= int(Level.BLUE))]
    if len(timed):
        level = Level(int(timed["level"].max()))
        worst = timed.loc[timed["level"] == int(level)]
        span = [short_window(worst["danger_from"].min(), worst["danger_to"].max(), lang, zone) for lang in LANGUAGES]
        lines.append(
            Text(
                f"最危险时段{span[0]}（{level.zh}{len(worst)}处）。",
                f"Most dangerous window {span[1]} ({len(worst)} {level.en.lower()}).",
            )
        )
    lines.append(_rain(table))
    return tuple(lines)


def _levels_of(levels: pd.Series, words: Text) -> Text:
    counts = [(level, int((levels == int(level)).sum())) for level in (*_TOLD_LEVELS, Level.UNKNOWN)]
    told = [(level, count) for level, count in counts if count]
    zh = "、".join(f"{level.zh}{count}处" for level, count in told) or "无达到蓝色的风险点"
    en = ", ".join(f"{count} {level.en.lower()}" for level, count in told) or "no place at blue or above"
    return Text(f"{words.zh}：{zh}", f"{words.en}: {en}")


def _rain(table: RiskTable) -> Text:
    """Say the greatest hour of rain, fallen and expected apart."""
    fallen, likely, high = (float(table[name].max()) for name in ("obs_1h_mm", "fc_1h_mm_p50", "fc_1h_mm_p90"))
    return Text(
        f"过去1小时最大{millimetres(fallen, 'zh')}；预计最大1小时{millimetres(likely, 'zh')}，"
        f"偏多时{millimetres(high, 'zh')}。",
        f"Greatest hour of rain: fallen {millimetres(fallen, 'en')} in the last hour; expected "
        f"{millimetres(likely, 'en')}, in the high case {millimetres(high, 'en')}.",
    )


def _time(value: Any) -> datetime | None:
    if is_missing(value):
        return None
    at: datetime = pd.Timestamp(value).to_pydatetime()
    return at
