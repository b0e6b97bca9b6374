"""The 236 hotspots: the low spots known by name, the rest synthetic with names made from communities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry import Point

from data.builder.places import Placer, with_lonlat
from data.builder.relief import Relief
from data.builder.settings import SYNTHETIC, random_for
from data.builder.sources import Sources

__all__ = ["KIND_TOTALS", "build_hotspots"]

KIND_TOTALS: Final = {
    "tunnel": 6,
    "rail_underpass": 6,
    "road_junction": 52,
    "underground_space": 34,
    "metro_entrance": 14,
    "riverside": 18,
    "small_dam": 8,
    "gully_slope": 30,
    "old_community": 30,
    "construction_pit": 12,
    "dangerous_house": 12,
    "school": 14,
}

_CORE = {"410103003": 4, "410103004": 3, "410103005": 4, "410103010": 3, "410103X02": 4}
_URBAN = {
    "410103001": 6,
    "410103006": 6,
    "410103007": 6,
    "410103008": 6,
    "410103009": 6,
    "410103011": 8,
    "410103012": 8,
    "410103013": 6,
}
_FRINGE = {"410103014": 7, "410103016": 6}
_RURAL = {"410103015": 10, "410103100": 9, "410103X01": 6}
_RAIL = {"410103009": 3, "410103012": 3, "410103004": 2}
_ALL_BUT_HILLS = {**_CORE, **_URBAN, **_FRINGE, "410103100": 2, "410103015": 1}


@dataclass(frozen=True)
class _Style:
    """How a synthetic hotspot of one kind is named, sized and owned."""

    towns: dict[str, int]
    names: tuple[tuple[str, str], ...]
    capacity_mm_h: tuple[float, ...]
    close_m: float
    road: tuple[str, ...]
    owner: str


_F2 = (31.5, 36.0, 40.0, 44.9, 51.1)
_STYLES: Final = {
    "tunnel": _Style(
        _URBAN, (("{}下穿隧道", "{} Road Tunnel"),), (44.9, 51.1), 0.20, ("trunk",), "市政隧道运维中心(演示)"
    ),
    "rail_underpass": _Style(
        _RAIL,
        (("{}铁路涵洞", "{} Railway Underpass"),),
        (40.0, 44.9),
        0.15,
        ("secondary", "primary"),
        "市政管养处(演示)",
    ),
    "road_junction": _Style(
        {**_ALL_BUT_HILLS, "410103015": 3, "410103X01": 1},
        (("{}低洼路口", "{} Low-Lying Junction"), ("{}路积水路段", "{} Road Ponding Section")),
        _F2,
        0.27,
        ("primary", "secondary", "local"),
        "区城市管理部门(演示)",
    ),
    "underground_space": _Style(
        {**_CORE, **_URBAN, "410103014": 5},
        (("{}地下车库", "{} Underground Garage"), ("{}地下商场", "{} Underground Mall")),
        (31.5, 36.0, 40.0),
        0.15,
        ("local",),
        "物业服务企业(演示)",
    ),
    "metro_entrance": _Style(
        {**_CORE, **_URBAN},
        (("{}地铁站出入口", "{} Metro Station Entrance"),),
        (40.0, 44.9, 51.1),
        0.15,
        ("primary", "secondary"),
        "地铁车站(演示)",
    ),
    "riverside": _Style(
        {**_URBAN, **_FRINGE, **_RURAL},
        (("{}临河低洼带", "{} Riverside Lowland"),),
        (31.5, 36.0, 40.0),
        0.27,
        ("local",),
        "区农业农村和水利部门(演示)",
    ),
    "small_dam": _Style(
        {**_RURAL, "410103016": 3},
        (("{}淤地坝", "{} Check Dam"),),
        (30.0,),
        0.50,
        ("none",),
        "区农业农村和水利部门(演示)",
    ),
    "gully_slope": _Style(
        {**_RURAL, "410103016": 3},
        (("{}沟壑边坡", "{} Gully Slope"),),
        (30.0,),
        0.50,
        ("local", "none"),
        "自然资源部门(演示)",
    ),
    "old_community": _Style(
        {**_CORE, **_URBAN}, (("{}老旧小区", "{} Old Estate"),), (31.5, 31.5, 36.0), 0.27, ("local",), "镇办社区(演示)"
    ),
    "construction_pit": _Style(
        {**_FRINGE, "410103012": 5, "410103100": 5, "410103015": 3},
        (("{}在建工地基坑", "{} Construction Pit"),),
        (31.5, 36.0),
        0.50,
        ("none",),
        "建设单位(演示)",
    ),
    "dangerous_house": _Style(
        {**_RURAL, **_FRINGE, "410103004": 1},
        (("{}危旧房片区", "{} Dangerous Houses"),),
        (31.5,),
        0.27,
        ("local",),
        "镇办社区(演示)",
    ),
    "school": _Style(
        {**_URBAN, **_FRINGE, "410103100": 4, "410103015": 3},
        (("{}小学周边", "{} Primary School Surroundings"),),
        (31.5, 36.0, 40.0),
        0.27,
        ("local", "secondary"),
        "教育部门所属学校(演示)",
    ),
}
_TRAFFIC = {"trunk": 70_000, "primary": 36_000, "secondary": 16_000, "local": 4_500, "none": 0}
_NAME_NUMBERS = "甲乙丙丁戊己庚辛壬癸"


def _next_town(counts: dict[str, int], style: _Style, allowed: set[str]) -> str:
    """Return the town of a kind that is furthest behind its weight; ties go to the lower code."""
    return min(sorted(set(style.towns) & allowed), key=lambda code: (counts.get(code, 0) + 1) / style.towns[code])


class _Builder:
    """Holds what is shared while hotspots are placed one by one."""

    def __init__(self, sources: Sources, towns: gpd.GeoDataFrame, communities: pd.DataFrame, relief: Relief) -> None:
        self.railway = sources.lines.loc[sources.lines["kind"] == "railway", "geometry"].union_all()
        self.areas = towns.set_index("town_code").geometry
        self.town_names = towns.set_index("town_code")[["town_name", "town_name_en"]]
        self.communities = communities
        self.relief = relief
        self.generator = random_for("hotspots")
        self.placer = Placer(self.generator)
        self.rivers = {name: line.buffer(45.0) for name, line in relief.courses.items()}
        self.land = self.areas.difference(relief.still_water)
        self.dry = self.land.difference(shapely.union_all([river.buffer(25.0) for river in self.rivers.values()]))
        self.slope = relief.slope()
        self.used: set[str] = set()

    def community_of(self, town_code: str, kind: str) -> pd.Series:
        """Return a community of the town whose name is still free for this kind; a neighbour for committees."""
        own = self.communities[self.communities["town_code"] == town_code]
        if own.empty:
            area = self.areas[town_code]
            points = shapely.points(self.communities["easting"], self.communities["northing"])
            own = self.communities.iloc[np.argsort(shapely.distance(points, area), kind="stable")[:6]]
        free = own[[f"{kind}/{base}" not in self.used for base in own["base"]]]
        return (free if len(free) else own).iloc[int(self.generator.integers(len(free) or len(own)))]

    def _steepest(self, candidates: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return sorted(candidates, key=lambda point: -float(self.slope[self.relief.index(*point)]))

    def point(self, kind: str, town_code: str, community: pd.Series) -> tuple[float, float]:
        """Choose the place of one synthetic hotspot."""
        home = (float(community["easting"]), float(community["northing"]))
        land, dry = self.land[town_code], self.dry[town_code]
        if kind in ("riverside", "small_dam"):
            bank_m = 55.0 if kind == "riverside" else 4.0
            banks = [line.buffer(bank_m).exterior for line in self.relief.courses.values()]
            return self._on_line(shapely.union_all(banks).intersection(land.buffer(-20.0)))
        if kind == "rail_underpass" and self.railway.intersects(dry):
            return self._on_line(self.railway.intersection(dry))
        if kind == "gully_slope":
            return self.placer.choose(self._steepest(self.placer.around(home, dry, (80.0, 700.0), 60)), 300.0)
        return self.placer.choose(self.placer.around(home, dry.buffer(-15.0), (50.0, 420.0)), 190.0)

    def _on_line(self, lines: shapely.Geometry) -> tuple[float, float]:
        merged = shapely.line_merge(lines)
        parts = list(getattr(merged, "geoms", [merged]))
        marks = self.generator.uniform(0.0, sum(part.length for part in parts), 24)
        return self.placer.choose([_along(parts, float(mark)) for mark in marks], 400.0)


def _along(parts: list[shapely.LineString], mark: float) -> tuple[float, float]:
    """Return the point at a distance along several lines laid end to end."""
    for part in parts:
        if mark <= part.length:
            point = part.interpolate(mark)
            return (float(point.x), float(point.y))
        mark -= part.length
    return (float(parts[-1].coords[-1][0]), float(parts[-1].coords[-1][1]))


def _named(sources: Sources, towns: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the hotspots known by name, with the town each lies in."""
    table = sources.hotspots
    codes = []
    for spot in table.itertuples():
        inside = towns["town_code"][towns.contains(Point(spot.easting, spot.northing))]
        codes.append(inside.iloc[0])
    source = "name: public reports, data/README.md; position approximate, figures assumed"
    return table.assign(town_code=codes, synthetic=False, source=source, underground_m2=np.nan)


def _synthetic(builder: _Builder, named: pd.DataFrame) -> list[dict[str, object]]:
    """Return the rest of the hotspots, kind by kind."""
    counts_by_kind = named["kind"].value_counts()
    near_river = {
        code for code, area in builder.areas.items() if any(area.intersects(r) for r in builder.rivers.values())
    }
    rows = []
    for kind, total in KIND_TOTALS.items():
        style = _STYLES[kind]
        allowed = near_river if kind in ("riverside", "small_dam") else set(builder.areas.index)
        counts = named.loc[named["kind"] == kind, "town_code"].value_counts().to_dict()
        for number in range(total - int(counts_by_kind.get(kind, 0))):
            town_code = _next_town(counts, style, allowed)
            counts[town_code] = counts.get(town_code, 0) + 1
            rows.append(_synthetic_row(builder, kind, town_code, number))
    return rows


def _synthetic_row(builder: _Builder, kind: str, town_code: str, number: int) -> dict[str, object]:
    style, generator = _STYLES[kind], builder.generator
    community = builder.community_of(town_code, kind)
    builder.used.add(f"{kind}/{community['base']}")
    easting, northing = builder.point(kind, town_code, community)
    zh, en = style.names[number % len(style.names)]
    road = str(generator.choice(style.road))
    below = kind in ("underground_space", "metro_entrance")
    row: dict[str, object] = {
        "hotspot_name": zh.format(community["base"]),
        "hotspot_name_en": en.format(community["base_en"]),
        "kind": kind,
        "town_code": town_code,
        "easting": easting,
        "northing": northing,
        "road_class": road,
        "daily_traffic": int(round(_TRAFFIC[road] * generator.uniform(0.6, 1.3), -2)),
        "drain_capacity_mm_h": float(generator.choice(style.capacity_mm_h)),
        "pump_capacity_m3_s": float(generator.choice((0.0, 0.02, 0.05))) if below else 0.0,
        "close_depth_m": style.close_m,
        "underground_m2": float(generator.integers(20, 160) * 100) if below else np.nan,
        "owner_unit": style.owner,
        "synthetic": True,
        "source": SYNTHETIC,
    }
    return row | _surveyed(kind, generator)


def _surveyed(kind: str, generator: np.random.Generator) -> dict[str, object]:
    """Return surveyed sag geometry for what runs below ground level; catchments fill only above about 50 mm/h."""
    if kind not in ("tunnel", "rail_underpass"):
        return {"azimuth_deg": 0.0}
    tunnel = kind == "tunnel"
    area = float(generator.integers(60, 110) * 100) if tunnel else float(generator.integers(22, 45) * 100)
    return {
        "pump_capacity_m3_s": float(generator.choice((0.6, 0.8, 1.0) if tunnel else (0.2, 0.3, 0.35))),
        "surveyed_area_m2": area,
        "surveyed_depth_m": float(generator.choice((4.0, 4.5) if tunnel else (2.4, 2.8, 3.2))),
        "surveyed_catchment_m2": area * float(generator.integers(24, 33)),
        "azimuth_deg": 90.0,
    }


def _unique_names(table: pd.DataFrame) -> pd.DataFrame:
    """Number names that occur twice: the second gets a 2 and so on, in both languages."""
    order = table.groupby("hotspot_name").cumcount() + 1
    suffix = order.astype(str).where(order > 1, "")
    spaced = (" " + order.astype(str)).where(order > 1, "")
    return table.assign(hotspot_name=table["hotspot_name"] + suffix, hotspot_name_en=table["hotspot_name_en"] + spaced)


def _nearest_community(table: pd.DataFrame, communities: pd.DataFrame) -> list[str]:
    """Return the nearest community of the same town, or of any town where a committee has none."""
    codes = []
    for spot in table.itertuples():
        own = communities[communities["town_code"] == spot.town_code]
        own = own if len(own) else communities
        distance = np.hypot(own["easting"] - spot.easting, own["northing"] - spot.northing)
        codes.append(own["community_code"].iloc[int(np.argmin(distance))])
    return codes


def build_hotspots(
    sources: Sources, towns: gpd.GeoDataFrame, communities: pd.DataFrame, relief: Relief
) -> pd.DataFrame:
    """Build the table of the 236 hotspots, named ones first.

    Parameters
    ----------
    sources : Sources
        Low spots known by name.
    towns : geopandas.GeoDataFrame
        Layer of towns.
    communities : pandas.DataFrame
        Table of communities with easting and northing.
    relief : Relief
        Bare relief: steep places for slopes, river courses for banks and dams.

    Returns
    -------
    pandas.DataFrame
        Columns of the hotspot contract plus easting, northing, azimuth_deg.
    """
    named = _named(sources, towns)
    builder = _Builder(sources, towns, communities, relief)
    builder.placer.taken = list(zip(named["easting"], named["northing"], strict=True))
    table = pd.concat([named, pd.DataFrame(_synthetic(builder, named))], ignore_index=True)
    table = _unique_names(table)
    number = np.arange(len(table))
    owners = [f"值班员{_NAME_NUMBERS[index % 10]}{index + 1:03d}" for index in number]
    return with_lonlat(
        table.assign(
            hotspot_id=[f"EQ-{index + 1:03d}" for index in number],
            community_code=_nearest_community(table, communities),
            daily_traffic=table["daily_traffic"].astype(int),
            owner_name=owners,
            owner_phone=[f"0371-0000{3000 + index}" for index in number],
        )
    )
