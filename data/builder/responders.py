"""Who and what answers: facilities, shelters, rescue teams; all synthetic, with the published totals."""

from __future__ import annotations

from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd

from data.builder.places import Placer, apportion, with_lonlat
from data.builder.settings import SHELTER_COUNT, SYNTHETIC, TEAM_COUNT, TEAM_PEOPLE, random_for

__all__ = ["FACILITY_TOTALS", "build_facilities", "build_shelters", "build_teams"]

FACILITY_TOTALS: Final = {
    "school": 80,
    "kindergarten": 78,
    "hospital": 22,
    "care_home": 26,
    "metro_entrance": 28,
    "mall": 26,
}
_FACILITY_NAMES = {
    "school": ("小学", "中学"),
    "kindergarten": ("幼儿园",),
    "hospital": ("医院", "社区卫生服务中心"),
    "care_home": ("养老院",),
    "metro_entrance": ("地铁站A口", "地铁站C口"),
    "mall": ("购物中心", "商业广场"),
}
_FACILITY_NAMES_EN = {
    "小学": "Primary School",
    "中学": "Secondary School",
    "幼儿园": "Kindergarten",
    "医院": "Hospital",
    "社区卫生服务中心": "Community Health Centre",
    "养老院": "Care Home",
    "地铁站A口": "Metro Station Exit A",
    "地铁站C口": "Metro Station Exit C",
    "购物中心": "Shopping Centre",
    "商业广场": "Shopping Plaza",
}
_FACILITY_PEOPLE = {
    "school": (700, 2200),
    "kindergarten": (150, 420),
    "hospital": (200, 1600),
    "care_home": (60, 260),
    "metro_entrance": (250, 1500),
    "mall": (600, 6000),
}
_BELOW_GROUND = {"metro_entrance": 1.0, "mall": 0.6, "hospital": 0.4}
_COMMITTEE_FACILITIES = {
    "410103X01": {"樱桃沟景区": ("kindergarten", "care_home")},
    "410103X02": {"二七广场": ("mall", "metro_entrance", "mall", "metro_entrance", "hospital")},
}
_COMMITTEE_NAMES_EN = {"樱桃沟景区": "Yingtaogou Scenic Area", "二七广场": "Erqi Square"}
_RURAL = ("410103015", "410103016", "410103100")
_TEN = "甲乙丙丁戊己庚辛壬癸"


def _placed(placer: Placer, towns: gpd.GeoDataFrame, homes: pd.DataFrame, radius_m: tuple[float, float]) -> np.ndarray:
    """Return a point near each home, in the same town; anywhere in the town where the home has no position."""
    areas = towns.set_index("town_code").geometry
    points = []
    for home in homes.itertuples():
        area = areas[home.town_code].buffer(-10.0)
        candidates = (
            placer.anywhere(area, 20.0, 8)
            if np.isnan(home.easting)
            else placer.around((home.easting, home.northing), area, radius_m, 8)
        )
        points.append(placer.choose(candidates, 60.0))
    return np.array(points)


def _names(homes: pd.DataFrame, kind: str, offset: int) -> dict[str, list[str]]:
    """Return the names of the facilities of one kind, in both languages."""
    names = _FACILITY_NAMES[kind]
    endings = [names[(index + offset) % len(names)] for index in range(len(homes))]
    return {
        "facility_name": [base + ending for base, ending in zip(homes["base"], endings, strict=True)],
        "facility_name_en": [
            f"{base} {_FACILITY_NAMES_EN[ending]}" for base, ending in zip(homes["base_en"], endings, strict=True)
        ],
    }


def _numbered(names: pd.Series, gap: str = "") -> pd.Series:
    order = names.groupby(names).cumcount() + 1
    return names + (gap + order.astype(str)).where(order > 1, "")


def build_facilities(towns: gpd.GeoDataFrame, communities: pd.DataFrame) -> pd.DataFrame:
    """Build the table of facilities where many or weak people are.

    Parameters
    ----------
    towns : geopandas.GeoDataFrame
        Layer of towns.
    communities : pandas.DataFrame
        Table of communities with base names and positions.

    Returns
    -------
    pandas.DataFrame
        260 rows of the facility contract plus easting, northing.
    """
    generator = random_for("facilities")
    placer = Placer(generator)
    columns = ["base", "base_en", "town_code", "easting", "northing"]
    frames = []
    for kind, total in FACILITY_TOTALS.items():
        weights = communities["population_day"].to_numpy(dtype=float)
        if kind in ("metro_entrance", "mall"):
            weights = np.where(communities["town_code"].isin(_RURAL), 0.05, 1.0) * weights
        extra = pd.DataFrame(
            [
                (base, _COMMITTEE_NAMES_EN[base], code, np.nan, np.nan)
                for code, groups in _COMMITTEE_FACILITIES.items()
                for base, kinds in groups.items()
                for one in kinds
                if one == kind
            ],
            columns=columns,
        )
        chosen = generator.choice(
            len(communities), total - len(extra), replace=total > len(communities), p=weights / weights.sum()
        )
        homes = pd.concat([communities.iloc[np.sort(chosen)][columns], extra], ignore_index=True)
        low, high = _FACILITY_PEOPLE[kind]
        frames.append(
            homes.assign(
                **_names(homes, kind, int(generator.integers(2))),
                kind=kind,
                people=np.round(np.exp(generator.uniform(np.log(low), np.log(high), total)), -1).astype(int),
                below_ground=generator.random(total) < _BELOW_GROUND.get(kind, 0.0),
            )
        )
    table = pd.concat(frames, ignore_index=True)
    points = _placed(placer, towns, table, (60.0, 420.0))
    return with_lonlat(
        table.assign(
            facility_id=[f"EQ-F{number:03d}" for number in range(1, len(table) + 1)],
            facility_name=_numbered(table["facility_name"]),
            facility_name_en=_numbered(table["facility_name_en"], " "),
            easting=points[:, 0],
            northing=points[:, 1],
            synthetic=True,
            source=SYNTHETIC,
        )
    )


def build_shelters(towns: gpd.GeoDataFrame, communities: pd.DataFrame) -> pd.DataFrame:
    """Build the table of the 207 shelters: one per community, the rest by town.

    Parameters
    ----------
    towns : geopandas.GeoDataFrame
        Layer of towns.
    communities : pandas.DataFrame
        Table of communities with base names and positions.

    Returns
    -------
    pandas.DataFrame
        Columns of the shelter contract plus easting, northing.
    """
    generator = random_for("shelters")
    columns = ["base", "town_code", "easting", "northing"]
    homes = communities[columns].assign(
        base=[name + ending for name, ending in zip(communities["base"], _cycle(len(communities)), strict=True)]
    )
    rest = SHELTER_COUNT - len(homes)
    extra_towns = [towns["town_code"].iloc[index % len(towns)] for index in range(rest)]
    short = towns.set_index("town_code")["town_name"].str.replace("街道|管委会|镇", "", regex=True)
    extra = pd.DataFrame(
        {
            "base": [
                short[code] + ("应急避难广场" if index < len(towns) else "体育场")
                for index, code in enumerate(extra_towns)
            ],
            "town_code": extra_towns,
            "easting": np.nan,
            "northing": np.nan,
        }
    )
    table = pd.concat([homes, extra], ignore_index=True)
    points = _placed(Placer(generator), towns, table, (40.0, 350.0))
    outdoor = table["base"].str.contains("广场|体育场|公园").to_numpy()
    capacity = np.where(
        outdoor, generator.integers(20, 90, len(table)) * 100, generator.integers(6, 40, len(table)) * 20
    )
    status = np.where(generator.random(len(table)) < 0.15, "open", "standby")
    status[generator.choice(len(table), 4, replace=False)] = "closed"
    return with_lonlat(
        table.assign(
            shelter_id=[f"EQ-S{number:03d}" for number in range(1, len(table) + 1)],
            shelter_name=table["base"],
            kind=np.where(outdoor, "outdoor", "indoor"),
            easting=points[:, 0],
            northing=points[:, 1],
            capacity_people=capacity,
            occupied_people=0,
            status=status,
            phone=[f"0371-0000{4000 + number}" for number in range(1, len(table) + 1)],
            synthetic=True,
            source=SYNTHETIC,
        )
    )


def _cycle(count: int) -> list[str]:
    endings = ("小学体育馆", "社区服务中心", "社区活动中心", "中学教学楼", "文化广场", "党群服务中心", "街心公园")
    return [endings[index % len(endings)] for index in range(count)]


def _team_homes(towns: gpd.GeoDataFrame, communities: pd.DataFrame) -> pd.DataFrame:
    """Return name, kind and home of each team: of towns, of communities, professional, of enterprises."""
    home = communities[["base", "town_code", "easting", "northing"]]
    nowhere = {"easting": np.nan, "northing": np.nan}
    of_towns = towns[["town_code", "town_name"]].rename(columns={"town_name": "base"}).assign(**nowhere)
    of_towns = of_towns.assign(kind="town", team_name=of_towns["base"] + "防汛抢险应急队")
    of_communities = home.assign(kind="community", team_name=communities["community_name"] + "应急救援队")
    trades = (
        "市政排水",
        "电力抢修",
        "燃气抢险",
        "道路桥梁",
        "水利抢险",
        "医疗救护",
        "通信保障",
        "园林清障",
        "消防排涝",
        "蓝天志愿",
    )
    professional = pd.concat(
        [
            of_towns[["base", "town_code"]].iloc[[index % len(towns) for index in range(30)]].reset_index(drop=True),
            pd.DataFrame({"team_name": [f"{trades[index % 10]}专业队{index // 10 + 1}" for index in range(30)]}),
        ],
        axis=1,
    ).assign(kind="professional", **nowhere)
    rest = TEAM_COUNT - len(of_towns) - len(of_communities) - len(professional)
    ending = ("物业", "商户联防", "学校", "工地", "志愿")
    picks = [index % len(home) for index in range(rest)]
    enterprise = home.iloc[picks].reset_index(drop=True)
    enterprise = enterprise.assign(
        kind="enterprise",
        team_name=[base + ending[index // len(home) % 5] + "应急小队" for index, base in enumerate(enterprise["base"])],
    )
    return pd.concat([of_towns, of_communities, professional, enterprise], ignore_index=True)


def build_teams(towns: gpd.GeoDataFrame, communities: pd.DataFrame) -> pd.DataFrame:
    """Build the table of the 577 rescue teams with 3,933 people.

    Parameters
    ----------
    towns : geopandas.GeoDataFrame
        Layer of towns.
    communities : pandas.DataFrame
        Table of communities with base names and positions.

    Returns
    -------
    pandas.DataFrame
        Columns of the team contract plus easting, northing; every town has one team of 30 or more.
    """
    generator = random_for("teams")
    table = _team_homes(towns, communities)
    kind = table["kind"].to_numpy()
    people = np.zeros(len(table), dtype=int)
    people[kind == "town"] = generator.integers(30, 37, 18)
    people[kind == "community"] = 10
    people[kind == "professional"] = generator.integers(12, 21, 30)
    small = kind == "enterprise"
    people[small] = 2 + apportion(
        TEAM_PEOPLE - int(people.sum()) - 2 * int(small.sum()), generator.uniform(0.3, 1.0, int(small.sum()))
    )
    points = _placed(Placer(generator), towns, table, (30.0, 300.0))
    equipped = np.isin(kind, ("town", "professional"))
    engaged = generator.random(len(table)) < 0.03
    return with_lonlat(
        table.assign(
            team_id=[f"EQ-T{number:03d}" for number in range(1, len(table) + 1)],
            people=people,
            easting=points[:, 0],
            northing=points[:, 1],
            status=np.where(engaged & ~equipped, "off", "free"),
            pumps=np.where(
                equipped, generator.integers(1, 6, len(table)), (generator.random(len(table)) < 0.25).astype(int)
            ),
            boats=np.where(equipped, generator.integers(0, 3, len(table)), 0),
            leader_name=[f"队长{_TEN[index % 10]}{index + 1:03d}" for index in range(len(table))],
            phone=[f"0371-0000{5000 + index}" for index in range(1, len(table) + 1)],
            synthetic=True,
            source=SYNTHETIC,
        )
    )
