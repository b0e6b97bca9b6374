"""The first screen: what every product says first, in the same order. Water that stands now comes before all else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from reports.bulletin.model import HotspotLine, Measure, Order, StandingPlace
from reports.words import Text, is_missing, kind_name, local, plain
from risk_models.levels import Level
from risk_models.observation import Now
from risk_models.risk.criteria import OrderPhase
from risk_models.risk.depth_words import standing_words
from risk_models.standards import NowOrder
from risk_models.warning.times import dangerous_window

__all__ = [
    "ORDERS_MAX",
    "check_lines",
    "danger_of",
    "exception_of",
    "first_orders",
    "in_danger",
    "most_urgent",
    "phase_of",
    "standing_places",
    "unchecked_places",
]

ORDERS_MAX = 3
"""Lines of what is done now; nobody reads a fourth at night."""

_AT_ONCE = Text("立即", "at once")
_ALL_STAND_BY = Text(
    "尚无预案达到启动等级：值守待命，盯住各风险点", "no plan is triggered yet: stand by and watch every place"
)
_NO_TIME = _NOWHERE = Text("", "")
_NOW_COLUMNS = ["hotspot_name", "hotspot_name_en", "kind", "now_class", "now_by", "now_seen_at", "observed_depth_m"]
_PHASES = (OrderPhase.OCCURRED, OrderPhase.ACT, OrderPhase.PREPARE, OrderPhase.WATCH)
_NAMED = 2

Unit = Callable[[str], Text]


@dataclass(frozen=True)
class _Asked:
    """What is asked at one place."""

    name: Text
    steps: tuple[Text, ...]
    unit: Text
    due: Text
    rank: tuple[int, float] = (0, 0.0)


def standing_places(
    rows: pd.DataFrame, hotspots: pd.DataFrame, orders: Mapping[str, NowOrder], unit: Unit, zone: str
) -> tuple[StandingPlace, ...]:
    """Return where water stands now, the most dangerous kinds first, then the deepest, then the most people.

    Parameters
    ----------
    rows : DataFrame
        Rows of the risk table of the area; without the state of now nothing stands.
    hotspots : DataFrame
        For their owners.
    orders : mapping of str to NowOrder
        What to do, by kind; with ``other``.
    unit : callable
        Gives both names of a unit.
    zone : str
        Time zone of the words.
    """
    table = _in_state(rows, Now.STANDS, [*_NOW_COLUMNS, "people_exposed"])
    table["rank"] = [_order_of(orders, kind).rank for kind in table["kind"]]
    by = ["rank", "now_class", "observed_depth_m", "people_exposed"]
    table = table.sort_index().sort_values(by, ascending=[True, False, False, False], kind="stable")
    owners = hotspots.loc[table.index, ["owner_unit", "owner_phone"]].itertuples(index=False)
    pairs = zip(table.itertuples(), owners, strict=True)
    return tuple(_standing(row, owner, _order_of(orders, row.kind), unit, zone) for row, owner in pairs)


def _order_of(orders: Mapping[str, NowOrder], kind: Any) -> NowOrder:
    return orders.get(str(kind), orders["other"])


def unchecked_places(rows: pd.DataFrame) -> tuple[Text, ...]:
    """Return the names of the places where water stood and nobody has looked since."""
    table = _in_state(rows, Now.UNCONFIRMED, ["hotspot_name", "hotspot_name_en"]).sort_index()
    pairs = zip(table["hotspot_name"], table["hotspot_name_en"], strict=True)
    return tuple(Text(plain(zh), plain(en)) for zh, en in pairs)


def check_lines(unchecked: tuple[Text, ...]) -> tuple[Text, ...]:
    """Ask for the check of the places where water stood; nothing where there is none.

    Examples
    --------
    >>> check_lines((Text("北隧道", "North Tunnel"),))[0].zh
    '核查1处是否已退水，逐处报回；未报回的不得开放'
    """
    if not unchecked:
        return ()
    count = len(unchecked)
    return (
        Text(
            f"核查{count}处是否已退水，逐处报回；未报回的不得开放",
            f"look whether {count} place{'s are' if count > 1 else ' is'} dry and report each; open none before",
        ),
    )


def _in_state(rows: pd.DataFrame, state: Now, columns: list[str]) -> pd.DataFrame:
    if "now" not in rows.columns:
        return pd.DataFrame(columns=columns)
    return pd.DataFrame(rows.loc[rows["now"] == str(state), columns])


def _standing(row: Any, owner: Any, order: NowOrder, unit: Unit, zone: str) -> StandingPlace:
    kind = plain(row.kind)
    return StandingPlace(
        hotspot_id=plain(row.Index),
        name=Text(plain(row.hotspot_name), plain(row.hotspot_name_en)),
        kind=Text(kind_name(kind, "zh"), kind_name(kind, "en")),
        depth=Text(*standing_words(int(row.now_class), row.observed_depth_m)),
        source=_source(row, zone),
        order=Text(order.zh, order.en),
        unit=unit(plain(owner.owner_unit)),
        phone=plain(owner.owner_phone),
    )


def _source(row: Any, zone: str) -> Text:
    """Say who or what saw it; what nobody saw is modelled, and may be otherwise."""
    by = plain(row.now_by)
    if not by or is_missing(row.now_seen_at):
        return Text("模型推算，未经现场核实", "modelled, not seen")
    at = f"{local(row.now_seen_at, zone):%H:%M}"
    return Text(f"{by} {at}所见", f"seen by {by} at {at}")


def danger_of(lines: Iterable[HotspotLine]) -> tuple[datetime, datetime] | None:
    """Return the most dangerous window of the places that `in_danger` names."""
    return dangerous_window((line.danger_from, line.danger_to) for line in in_danger(lines))


def phase_of(level: Level, lines: Iterable[HotspotLine]) -> Text:
    """Return how near what is ordered is: the nearest phase of the places that make the level of the area.

    Parameters
    ----------
    level : Level
        Of the area.
    lines : iterable of HotspotLine
    """
    phases = {line.phase for line in lines if line.level >= level}
    nearest = next((phase for phase in _PHASES if str(phase) in phases), None)
    return Text("", "") if nearest is None else Text(nearest.zh, nearest.en)


def exception_of(level: Level, lines: Iterable[HotspotLine]) -> Text:
    """Name the places above the level of the area, those of each level together, the highest first."""
    above: dict[Level, list[HotspotLine]] = {}
    for line in lines:
        if line.level > level:
            above.setdefault(line.level, []).append(line)
    told = [(one, above[one]) for one in sorted(above, reverse=True)]
    zh = [f"{len(places)}处{one.zh}：{_few([line.name.zh for line in places], '、')}" for one, places in told]
    en = [f"{len(places)} {one.en.lower()}: {_few([line.name.en for line in places], ', ')}" for one, places in told]
    return Text("；".join(zh), "; ".join(en))


def _few(names: list[str], comma: str) -> str:
    more = "" if len(names) <= _NAMED else ("等" if comma == "、" else " ...")
    return comma.join(names[:_NAMED]) + more


def in_danger(lines: Iterable[HotspotLine]) -> list[HotspotLine]:
    """Return the places that have the highest level of those with a dangerous window."""
    timed = [line for line in lines if line.danger_from is not None]
    highest = max((line.level for line in timed), default=None)
    return [line for line in timed if line.level == highest]


def most_urgent(measures: Iterable[Measure]) -> list[Measure]:
    """Return measures: those in force before those that stand by, then by level, deadline and rank."""
    return sorted(measures, key=lambda one: (not one.in_force, -one.level, one.deadline.rank, one.rank))


def first_orders(
    standing: tuple[StandingPlace, ...],
    measures: tuple[Measure, ...],
    general: tuple[Text, ...],
    *,
    town: Text,
) -> tuple[Order, ...]:
    """Return what is done now, at most `ORDERS_MAX` lines: where water stands, then by urgency, then for the area.

    Places that ask the same of the same unit share a line, with the earliest deadline of them. A plan that stands by
    asks for nothing now; where no other does, that is said.

    Parameters
    ----------
    standing : tuple of StandingPlace
    measures : tuple of Measure
        Of plans; those of places where water stands are past.
    general : tuple of Text
        What holds for the whole area.
    town : Text
        Does what holds for the whole area.
    """
    wet = {place.name for place in standing}
    asked: list[_Asked] = []
    asked += [_Asked(place.name, (place.order,), place.unit, _AT_ONCE) for place in standing]
    asked += [_Asked(_NOWHERE, (line,), town, _NO_TIME) for line in general]
    for one in most_urgent(measures):
        if one.name not in wet and one.clauses and one.in_force:
            asked.append(_Asked(one.name, one.clauses, one.unit, one.due, one.deadline.rank))
    if not asked and any(not one.in_force for one in measures):
        asked.append(_Asked(_NOWHERE, (_ALL_STAND_BY,), town, _NO_TIME))
    alike: dict[tuple[Any, ...], list[_Asked]] = {}
    for line in asked:
        alike.setdefault((line.steps, line.unit, line.due == _AT_ONCE), []).append(line)
    return tuple(map(_one_order, list(alike.values())[:ORDERS_MAX]))


def _one_order(alike: list[_Asked]) -> Order:
    """Put what is asked alike at several places into one line: the first is named, the earliest deadline holds."""
    first = alike[0]
    due = min(alike, key=lambda line: line.rank).due
    return Order(name=first.name, more=len(alike) - 1, clauses=first.steps, unit=first.unit, due=due)
