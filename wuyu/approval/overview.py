"""One line for each waiting warning: what an officer must see of all of them at once, before any detail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd

from reports.words import depth_pair, millimetres, plain, probability
from wuyu.approval.book import Waiting

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["COLUMNS", "LEGEND", "overview_row", "town_name_en"]

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
    "雨：已降24小时 + 预报最大3小时（各风险点最大值）；水深：中位数 / 90%分位。 "
    "Rain: fallen in 24 h + wettest 3 h expected, the most of the town's hotspots; depth: median / 90 % quantile."
)

_NONE: Final = "—"
_NAME_MAX: Final = 7
_COMMON: Final = (" Subdistrict", " Town", " Township", " Management Committee")


def overview_row(desk: Desk, number: int, item: Waiting, table: pd.DataFrame) -> tuple[str, ...]:
    """Return the cells of one warning, in the order of `COLUMNS`.

    Parameters
    ----------
    desk : Desk
    number : int
        By which the officer names it.
    item : Waiting
    table : DataFrame
        Risk table of its cycle; empty if it is lost.
    """
    record = item.record
    town = desk.district.towns.loc[record.area_code]
    name = f"{plain(town['town_name'])} {town_name_en(plain(town['town_name_en']))}"
    before = f"{record.previous_level.zh}→" if record.previous_level.is_warning else ""
    marks = " 未核实 unconfirmed" if record.unconfirmed else ""
    marks += f" 已签 signed {len(item.signatures)}/2" if item.signatures else ""
    level = f"{before}{record.level.zh} {record.level.en}{marks}"
    return (str(number), name, level, *_rain_and_worst(record.area_code, record.hotspot_ids, table))


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


def _rain_and_worst(area_code: str, hotspot_ids: Sequence[str], table: pd.DataFrame) -> tuple[str, ...]:
    spots = str(len(hotspot_ids))
    if table.empty:
        return (_NONE, _NONE, _NONE, _NONE, spots)
    rows = table[table["town_code"] == area_code]
    rain = " + ".join(millimetres(rows[name].max(), "en", unit=False) for name in ("obs_24h_mm", "fc_3h_mm_p50"))
    worst = next((one for one in hotspot_ids if one in table.index), None)
    if worst is None:
        return (rain, _NONE, _NONE, _NONE, spots)
    row = table.loc[worst].to_dict()
    depth = depth_pair(row["depth_p50_m"], row["depth_p90_m"], "en")
    return (rain, f"{worst} {_cut(plain(row['hotspot_name']))}", depth, probability(row["p_50cm"], "en"), spots)
