"""One line for each waiting warning: what an officer must see of all of them at once, before any detail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from reports.words import Text, millimetres, plain, probability
from risk_models.levels import Level
from risk_models.risk.depth_words import depth_words
from wuyu.approval.book import Waiting

if TYPE_CHECKING:
    from wuyu.ledger import TownContact

__all__ = ["COLUMNS", "LEGEND", "overview_row", "summary", "town_name_en"]

COLUMNS: Final = (
    "No.",
    "镇办 Town",
    "等级 Level",
    "雨 Rain (mm)",
    "最险点 Worst spot",
    "水深 Depth",
    ">50 cm",
    "点 Spots",
)
LEGEND: Final = (
    "雨：已降24小时 + 预报最大3小时（各风险点最大值）；水深：中位数 / 90%分位，"
    "洼地未测量处为概率过半的最深等级（均未过半为5厘米）。 "
    "Rain: fallen in 24 h + wettest 3 h expected, the most of the town's hotspots; depth: median / 90 % quantile, "
    "where the sag is not surveyed the deepest class more likely than not (else 5 cm)."
)

_GRAVEST_FIRST: Final = (Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE)
_NONE: Final = "—"
_NAME_MAX: Final = 7
_COMMON: Final = (" Subdistrict", " Town", " Township", " Management Committee")


def overview_row(number: int, item: Waiting, town: TownContact | None, basis: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of one warning, in the order of `COLUMNS`.

    Parameters
    ----------
    number : int
        By which the officer names it.
    item : Waiting
    town : TownContact or None
        None if the ledger knows no such town; its code stands for its name then.
    basis : mapping
        As `wuyu.approval.basis` keeps it; empty if the cycle is lost.
    """
    record = item.record
    zh, en = (town.town_name, town.town_name_en) if town else (record.area_code, "")
    name = f"{plain(zh)} {town_name_en(plain(en))}".strip()
    before = f"{record.previous_level.zh}→" if record.previous_level.is_warning else ""
    marks = " 未核实 unconfirmed" if record.unconfirmed else ""
    marks += f" 已签 signed {len(item.signatures)}/2" if item.signatures else ""
    level = f"{before}{record.level.zh} {record.level.en}{marks}"
    return (str(number), name, level, *_rain_and_worst(len(record.hotspot_ids), basis))


def summary(items: Sequence[Waiting]) -> Text:
    """Return how many warnings of each level wait, gravest first, and how many ends: "2 red, 16 orange; 3 ends".

    Parameters
    ----------
    items : sequence of Waiting
    """
    levels = [item.record.level for item in items if not item.record.action.is_end]
    found = [(level, levels.count(level)) for level in _GRAVEST_FIRST if level in levels]
    zh = "、".join(f"{level.zh}{count}" for level, count in found)
    en = ", ".join(f"{count} {level.en.lower()}" for level, count in found)
    ends = len(items) - len(levels)
    if not ends:
        return Text(zh, en)
    words = f"{ends} {'end' if ends == 1 else 'ends'}"
    return Text(f"{zh}；解除{ends}", f"{en}; {words}") if found else Text(f"解除{ends}", words)


def town_name_en(name: str) -> str:
    """Return an English name without the word for its kind, which every row would repeat.

    Examples
    --------
    >>> town_name_en("Huaihe Road Subdistrict"), town_name_en("Mazhai Town")
    ('Huaihe Road', 'Mazhai')
    """
    for ending in _COMMON:
        name = name.removesuffix(ending)
    return name


def _cut(name: str) -> str:
    """Return a name short enough for one line of the table."""
    return name if len(name) <= _NAME_MAX else f"{name[: _NAME_MAX - 1]}…"


def _rain_and_worst(count: int, basis: Mapping[str, Any]) -> tuple[str, ...]:
    if not basis:
        return (_NONE, _NONE, _NONE, _NONE, str(count))
    rain = " + ".join(millimetres(basis["rain"][name], "en", unit=False) for name in ("obs_24h_mm", "fc_3h_mm_p50"))
    if not basis["hotspots"]:
        return (rain, _NONE, _NONE, _NONE, str(count))
    worst = basis["hotspots"][0]
    depth = depth_words(worst)[1]
    name = f"{worst['hotspot_id']} {_cut(plain(worst['hotspot_name']))}"
    return (rain, name, depth, probability(worst["p_50cm"], "en"), str(count))
