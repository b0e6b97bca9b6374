"""What was seen of the storm of July 2021: the published record, and made-up patrols around it.

The patrols are synthetic, but for one thing they may not contradict: no place is seen dry before the record lets it.
The three tunnels, which were pumped out for days, are seen under water to the end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from data.builder.settings import SYNTHETIC, random_for

__all__ = ["build_sights", "write_sights"]

_ZONE: Final = "Asia/Shanghai"
_STORM: Final = tuple(pd.Timestamp(day, tz=_ZONE) for day in ("2021-07-20", "2021-07-22"))
_FIRST_LOOK: Final = pd.Timestamp("2021-07-21 08:00", tz=_ZONE)
_AFTER_THE_RECORD: Final = pd.Timestamp("2021-07-22 05:30", tz=_ZONE)
_TUNNELS: Final = ("EQ-001", "EQ-002", "EQ-003")
_CLOSED: Final = ("rail_underpass", "tunnel", "underground_space", "metro_entrance", "construction_pit")
_BY: Final = "{town}巡查组（演示）"
_COLUMNS: Final = (
    "observation_id", "hotspot_id", "seen_at", "source", "seen", "depth_m", "confidence", "by", "remark", "synthetic",
)  # fmt: skip


def build_sights(hotspots: pd.DataFrame, history: pd.DataFrame, towns: pd.DataFrame) -> pd.DataFrame:
    """Return the sights of the storm, by time.

    Parameters
    ----------
    hotspots, history, towns : pandas.DataFrame
        Tables of the district.

    Returns
    -------
    pandas.DataFrame
        Columns of a feed of observations, and ``synthetic``.
    """
    named = towns.set_index("town_code")["town_name"]
    record = _record(history)
    rows = [
        *record,
        *_tunnels(),
        *_patrols(hotspots, {row["hotspot_id"] for row in record}, named),
        *_troubles(hotspots),
    ]
    table = pd.DataFrame(rows).sort_values(["seen_at", "hotspot_id"], kind="stable")
    table["observation_id"] = [f"EQ-O{number:04d}" for number in range(1, len(table) + 1)]
    table["seen_at"] = [f"{at:%Y-%m-%dT%H:%M:%S}+08:00" for at in table["seen_at"]]
    table["synthetic"] = table["synthetic"].map({True: "true", False: "false"})
    return table[list(_COLUMNS)]


def write_sights(table: pd.DataFrame, path: Path) -> None:
    """Write the sights as UTF-8 CSV with Unix line ends.

    Parameters
    ----------
    table : pandas.DataFrame
        As `build_sights` gives it.
    path : pathlib.Path
    """
    table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def _sight(place: str, at: pd.Timestamp, source: str, seen: str, by: str, **more: Any) -> dict[str, Any]:
    plain = {"depth_m": np.nan, "confidence": 1.0, "remark": SYNTHETIC, "synthetic": True}
    return {"hotspot_id": place, "seen_at": at, "source": source, "seen": seen, "by": by, **plain, **more}


def _record(history: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the floods of the storm that were published, as sights of their hour."""
    at = pd.to_datetime(history["started_at"])
    mine = history[(at >= _STORM[0]) & (at < _STORM[1])]
    return [
        _sight(
            str(row.hotspot_id), pd.Timestamp(row.started_at), "field", "flooded", "公开报道",
            depth_m=pd.to_numeric(row.depth_m), remark=f"{row.effect_zh}（{row.source}）", synthetic=False,
        )
        for row in mine.itertuples()
    ]  # fmt: skip


def _tunnels() -> list[dict[str, Any]]:
    """Return looks at the pumping of the tunnels every three hours: the water falls, and stands to the end."""
    times = pd.date_range("2021-07-20 20:00", "2021-07-22 08:00", freq="3h", tz=_ZONE)
    return [
        _sight(place, at, "pump_log", "flooded", "隧道排水组（演示）", depth_m=round(5.5 - 0.08 * number, 2))
        for place in _TUNNELS
        for number, at in enumerate(times)
    ]


def _patrols(hotspots: pd.DataFrame, recorded: set[str], towns: pd.Series) -> list[dict[str, Any]]:
    """Return when the patrol of its town saw each place dry: open places first, those of the record last."""
    rng = random_for("sights")
    late_min = rng.integers(0, 60, len(hotspots)) * 10
    rows = []
    for row, late in zip(hotspots.itertuples(), late_min, strict=True):
        place = str(row.hotspot_id)
        if place in _TUNNELS:
            continue
        first = _FIRST_LOOK + pd.Timedelta(hours=8 if row.kind in _CLOSED else 0)
        at = _AFTER_THE_RECORD if place in recorded else first + pd.Timedelta(minutes=int(late))
        rows.append(_sight(place, at, "field", "dry", _BY.format(town=towns[row.town_code])))
    return rows


def _troubles(hotspots: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what no duty room is spared: a stuck gauge, a blind camera, and a call that a camera denies."""
    roads = sorted(hotspots.loc[hotspots["kind"] == "road_junction", "hotspot_id"])
    stuck, blind, denied = roads[-3:]
    hours = pd.date_range("2021-07-20 08:00", "2021-07-21 06:00", freq="h", tz=_ZONE)
    call = pd.Timestamp("2021-07-20 17:20", tz=_ZONE)
    return [
        *(_sight(stuck, at, "depth_gauge", "flooded", "水位计07（演示）", depth_m=0.31) for at in hours),
        *(_sight(blind, at, "camera", "cannot_see", "视频12（演示）", confidence=0.2) for at in hours[8:16]),
        _sight(denied, call, "call", "flooded", "110（演示）"),
        _sight(denied, call + pd.Timedelta(minutes=10), "camera", "dry", "视频31（演示）", confidence=0.6),
    ]
