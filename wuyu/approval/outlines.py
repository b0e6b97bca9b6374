"""The picture of what waits: the towns of the register, filled with the level that an officer is asked to sign."""

from __future__ import annotations

import json
import logging
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from reports.figures.outline_map import AreaOutline, outline_map_svg, rings_of
from reports.words import Text

if TYPE_CHECKING:
    from wuyu.approval.district_round import DistrictRound, TownLine
    from wuyu.station import Station

__all__ = ["round_map"]

_TITLE = Text("待签发的预警，编号同下表", "Warnings that wait, numbered as in the list")
_LOG = logging.getLogger("wuyu.approval")

Rings = tuple[tuple[tuple[float, float], ...], ...]


def round_map(station: Station, shown: DistrictRound) -> str:
    """Return the map of a round as SVG; empty if the layer of towns is none that can be drawn without more.

    Parameters
    ----------
    station : Station
    shown : DistrictRound
    """
    layer = station.settings.layers.towns
    path = Path(station.root) / layer.path
    try:
        changed = path.stat().st_mtime_ns
        towns = _outlines(path, layer.columns.get("town_code", "town_code"), changed)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:  # the list below it says all of it
        _LOG.warning("no map of the towns: %s", type(error).__name__)
        return ""
    lines = {line.item.record.area_code: line for line in reversed(shown.lines)}
    found = [_outline(rings, lines.get(code)) for code, rings in towns.items()]
    return outline_map_svg(sorted(found, key=lambda one: int(one.label or 0)), title=_TITLE)


def _outline(rings: Rings, line: TownLine | None) -> AreaOutline:
    if line is None:
        return AreaOutline(rings)
    return AreaOutline(rings, line.level, str(line.number), line.is_end)


@lru_cache(maxsize=4)
def _outlines(path: Path, code: str, changed: int) -> dict[str, Rings]:  # noqa: ARG001 - a changed file is read again
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    return {str(one["properties"][code]): _frozen(one["geometry"]) for one in features}


def _frozen(geometry: dict[str, object]) -> Rings:
    return tuple(tuple(ring) for ring in rings_of(geometry))
