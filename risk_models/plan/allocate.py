"""Who goes where: free teams and shelter places for the warned hotspots, the most severe first.

Distances are straight lines in the district's projected CRS (m), not roads: a flooded road network is not known, and
a proposal is read by people who know the way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.levels import Level
from risk_models.plan.match import PLAN_COLUMNS, match_plans

if TYPE_CHECKING:
    import geopandas as gpd

    from risk_models.district import District

__all__ = [
    "ACTION_COLUMNS",
    "MOVE_SHARE",
    "PEOPLE_NEEDED",
    "SHELTER_REACH_M",
    "ShelterPool",
    "TeamPool",
    "propose_actions",
]

#: Rescue people sent to a hotspot by level, an assumption and not a standard: blue is watched by its owner; one small
#: team (4) closes a road; two (8) keep it closed and pump; 15 also bring people out.
PEOPLE_NEEDED: dict[Level, int] = {Level.BLUE: 0, Level.YELLOW: 4, Level.ORANGE: 8, Level.RED: 15}
#: Share of the people exposed that are moved to a shelter, an assumption: those in basements at orange, those on
#: ground floors too at red. Ponding of less than a storey moves nobody else.
MOVE_SHARE: dict[Level, float] = {Level.ORANGE: 0.05, Level.RED: 0.15}
#: Farthest shelter that is proposed, m, straight line; people do not walk farther through a storm (an assumption).
SHELTER_REACH_M = 3000.0

#: Columns of `propose_actions`, with unit and meaning.
ACTION_COLUMNS: dict[str, str] = {
    "level": "Level code",
    **PLAN_COLUMNS,
    "owner_unit": "unit that owns the hotspot",
    "owner_name": "person on duty there",
    "owner_phone": "its phone",
    "unit": "who carries the plan out: the owner for a plan of the hotspot, else the unit of the plan",
    "unit_phone": "its phone, or the duty desk of the town; empty for a unit of the district",
    "people_to_move": "the share of the people exposed that the level calls for moving (`MOVE_SHARE`)",
    "shelter_id": "nearest open shelter in reach that holds them all, else the one with most places; empty if none",
    "shelter_name": "its name",
    "shelter_distance_m": "m, straight line; NaN if none",
    "shelter_people": "people given a place in it by this proposal",
    "shelter_free": "places still free in it after them; 0 if none",
    "team_ids": "teams sent, the nearest first, parted by ';'",
    "team_names": "their names, parted by ';'",
    "team_people": "people in them",
    "team_people_needed": "people the level calls for",
    "team_distance_m": "m, straight line to the farthest of them; NaN if none",
    "shortfall_zh": "what could not be given, Chinese; empty if nothing",
    "shortfall_en": "the same in English",
}
_INTEGERS = ("level", "people_to_move", "shelter_people", "shelter_free", "team_people", "team_people_needed")
_NUMBERS = ("shelter_distance_m", "team_distance_m", "plan_minutes")

Floats = npt.NDArray[np.float64]


def _coordinates(layer: gpd.GeoDataFrame) -> Floats:
    return np.column_stack([layer.geometry.x, layer.geometry.y]).astype(np.float64).reshape(len(layer), 2)


@dataclass
class TeamPool:
    """Free teams that have not been sent yet.

    Parameters
    ----------
    teams : GeoDataFrame
        Index team_id; columns ``team_name``, ``town_code``, ``people``, ``status``; points in the projected CRS. Only
        ``free`` teams with people are drawn on.

    Examples
    --------
    >>> import geopandas
    >>> teams = {"team_name": ["甲", "乙"], "town_code": ["01", "02"], "people": [6, 9], "status": ["free", "free"]}
    >>> layer = geopandas.GeoDataFrame(teams, index=["T1", "T2"], geometry=geopandas.points_from_xy([300, 0], [400, 0]))
    >>> pool = TeamPool(layer)
    >>> sent = pool.draw(np.array([0.0, 0.0]), "01", 4)
    >>> sent["team_ids"], sent["team_people"], sent["team_distance_m"]
    ('T1', 6, 500.0)
    >>> pool.draw(np.array([0.0, 0.0]), "01", 4)["team_ids"]
    'T2'
    """

    teams: gpd.GeoDataFrame
    _xy_m: Floats = field(init=False)
    _people: npt.NDArray[np.int64] = field(init=False)
    _is_left: npt.NDArray[np.bool_] = field(init=False)
    _ids: list[str] = field(init=False)
    _names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        free = (self.teams["status"] == "free") & (self.teams["people"] > 0)
        self.teams = self.teams[free].sort_index()
        self._xy_m = _coordinates(self.teams)
        self._people = self.teams["people"].to_numpy(np.int64)
        self._town = self.teams["town_code"].to_numpy(object)
        self._ids = [str(team) for team in self.teams.index]
        self._names = self.teams["team_name"].tolist()
        self._is_left = np.ones(len(self.teams), dtype=bool)

    def draw(self, place_m: Floats, town_code: str, needed: int) -> dict[str, Any]:
        """Send teams to a place until `needed` people are reached: those of the same town first, then by distance.

        Parameters
        ----------
        place_m : ndarray (2,)
            Easting, northing, m.
        town_code : str
            Town of the place.
        needed : int
            People wanted; 0 sends nobody.

        Returns
        -------
        dict
            The ``team_*`` columns of `ACTION_COLUMNS`.
        """
        distance_m = np.hypot(*(self._xy_m - place_m).T)
        order = np.lexsort((distance_m, self._town != town_code))
        order = order[self._is_left[order]]
        before = np.cumsum(self._people[order]) - self._people[order]
        sent = order[before < needed]
        self._is_left[sent] = False
        return {
            "team_ids": ";".join(self._ids[team] for team in sent),
            "team_names": ";".join(self._names[team] for team in sent),
            "team_people": int(self._people[sent].sum()),
            "team_people_needed": needed,
            "team_distance_m": float(distance_m[sent].max()) if sent.size else np.nan,
        }


@dataclass
class ShelterPool:
    """Open shelters and the places still free in them.

    Parameters
    ----------
    shelters : GeoDataFrame
        Index shelter_id; columns ``shelter_name``, ``capacity_people``, ``occupied_people``, ``status``; points in the
        projected CRS. Only ``open`` ones are drawn on; places of those on ``standby`` are counted for the shortfall.

    Examples
    --------
    >>> import geopandas
    >>> places = {"capacity_people": [50, 90], "occupied_people": [45, 0], "status": ["open", "open"]}
    >>> layer = geopandas.GeoDataFrame({"shelter_name": ["甲", "乙"], **places}, index=["S1", "S2"],
    ...     geometry=geopandas.points_from_xy([10, 200], [0, 0]))
    >>> given = ShelterPool(layer).draw(np.array([0.0, 0.0]), 20)
    >>> given["shelter_id"], given["shelter_people"], given["shelter_free"]
    ('S2', 20, 70)
    """

    shelters: gpd.GeoDataFrame
    _standby_xy_m: Floats = field(init=False)
    _standby_free: npt.NDArray[np.int64] = field(init=False)
    _xy_m: Floats = field(init=False)
    _free: npt.NDArray[np.int64] = field(init=False)
    _ids: list[str] = field(init=False)
    _names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        free = (self.shelters["capacity_people"] - self.shelters["occupied_people"]).clip(lower=0)
        standby = self.shelters["status"] == "standby"
        self._standby_xy_m, self._standby_free = _coordinates(self.shelters[standby]), free[standby].to_numpy(np.int64)
        self.shelters = self.shelters[self.shelters["status"] == "open"].sort_index()
        self._xy_m = _coordinates(self.shelters)
        self._free = free.loc[self.shelters.index].to_numpy(np.int64, copy=True)
        self._ids = [str(shelter) for shelter in self.shelters.index]
        self._names = [str(name) for name in self.shelters["shelter_name"]]

    def standby_places(self, place_m: Floats) -> int:
        """Return how many places shelters on standby have within `SHELTER_REACH_M`."""
        distance_m = np.hypot(*(self._standby_xy_m - place_m).T)
        return int(self._standby_free[distance_m <= SHELTER_REACH_M].sum())

    def draw(self, place_m: Floats, people: int) -> dict[str, Any]:
        """Give places to people of one hotspot.

        Of the open shelters within `SHELTER_REACH_M` the nearest that holds all of them is taken; if none does, the
        one with most free places (the nearest of equals), and the rest stay without. With nobody to move, the nearest
        one with a free place is named.

        Parameters
        ----------
        place_m : ndarray (2,)
            Easting, northing, m.
        people : int
            People to move.

        Returns
        -------
        dict
            The ``shelter_*`` columns of `ACTION_COLUMNS`.
        """
        distance_m = np.hypot(*(self._xy_m - place_m).T)
        usable = (self._free > 0) & (distance_m <= SHELTER_REACH_M)
        if not usable.any():
            nothing = {"shelter_id": "", "shelter_name": "", "shelter_distance_m": np.nan}
            return {**nothing, "shelter_people": 0, "shelter_free": 0}
        lacking = np.where(usable, np.maximum(max(people, 1) - self._free, 0), np.iinfo(np.int64).max)
        best = int(np.lexsort((distance_m, lacking))[0])
        placed = min(people, int(self._free[best]))
        self._free[best] -= placed
        return {
            "shelter_id": self._ids[best],
            "shelter_name": self._names[best],
            "shelter_distance_m": float(distance_m[best]),
            "shelter_people": placed,
            "shelter_free": int(self._free[best]),
        }


def propose_actions(
    district: District, risk_table: gpd.GeoDataFrame, *, from_level: Level = Level.BLUE
) -> pd.DataFrame:
    """Propose plan, teams and shelter for every warned hotspot; an officer decides.

    The most severe hotspot chooses first (by level, then score, then id). A team is given once, a place once. What
    could not be given is said in ``shortfall_zh`` and ``shortfall_en``.

    Parameters
    ----------
    district : District
        Its ``hotspots``, ``towns``, ``plans``, ``teams`` and ``shelters`` are used.
    risk_table : GeoDataFrame
        Index hotspot_id; columns ``level``, ``score``, ``people_exposed``.
    from_level : Level
        Lowest level that gets a row.

    Returns
    -------
    DataFrame
        Index hotspot_id, the most severe first; columns `ACTION_COLUMNS`.

    Raises
    ------
    ValueError
        If the risk table names a hotspot that the district does not have.
    """
    strangers = risk_table.index.difference(district.hotspots.index)
    if len(strangers):
        raise ValueError(f"hotspots not in the district: {', '.join(map(str, strangers[:5]))}")
    warned = _most_severe_first(risk_table[risk_table["level"] >= int(from_level)])
    hotspots = district.hotspots.loc[warned.index]
    if warned.empty:
        return _table([], hotspots)
    place_m = _coordinates(hotspots)
    teams, shelters = TeamPool(district.teams), ShelterPool(district.shelters)
    # Cells of a frame are read as lists at once: one by one they take longer than the allocation itself.
    plans = match_plans(hotspots, district.plans, warned["level"])[list(PLAN_COLUMNS)].to_dict("records")
    levels = [Level(level) for level in warned["level"].tolist()]
    exposed = warned["people_exposed"].tolist()
    rows = []
    for i, (level, town_code) in enumerate(zip(levels, hotspots["town_code"].tolist(), strict=True)):
        people = math.ceil(exposed[i] * MOVE_SHARE.get(level, 0.0))
        row: dict[str, Any] = {"level": int(level), "people_to_move": people}
        row |= {str(name): value for name, value in plans[i].items()}
        row |= teams.draw(place_m[i], str(town_code), PEOPLE_NEEDED.get(level, 0))
        row |= shelters.draw(place_m[i], people)
        row["shortfall_zh"], row["shortfall_en"] = _shortfall(row, shelters.standby_places(place_m[i]))
        rows.append(row)
    return _with_units(_table(rows, hotspots), hotspots["town_code"], district.towns["duty_phone"])


def _with_units(table: pd.DataFrame, town_code: pd.Series, duty_phone: pd.Series) -> pd.DataFrame:
    """Say who carries each plan out."""
    is_wider = table["plan_scope"].isin(("community", "town", "district")) & table["plan_unit"].ne("")
    of_town = town_code.map(duty_phone).fillna("").where(table["plan_scope"].ne("district"), "")
    return table.assign(
        unit=table["plan_unit"].where(is_wider, table["owner_unit"]),
        unit_phone=of_town.where(is_wider, table["owner_phone"]),
    )


def _most_severe_first(table: pd.DataFrame) -> pd.DataFrame:
    score = table["score"].fillna(-np.inf).to_numpy(float)
    return table.iloc[np.lexsort((table.index.astype(str), -score, -table["level"].to_numpy(int)))]


def _shortfall(row: dict[str, Any], standby_places: int) -> tuple[str, str]:
    """Say what a row lacks, in Chinese and in English."""
    zh, en = [], []
    if not row["plan_id"]:
        zh.append("无适用预案")
        en.append("no plan covers this hotspot")
    needed, sent = row["team_people_needed"], row["team_people"]
    if sent < needed:
        zh.append(f"救援力量不足：需{needed}人，可派{sent}人，缺{needed - sent}人")
        en.append(f"rescue people short: {needed} needed, {sent} free, {needed - sent} lacking")
    left = row["people_to_move"] - row["shelter_people"]
    if left > 0:
        people = row["people_to_move"]
        reach = f"{SHELTER_REACH_M / 1000:g}"
        zh.append(f"避难容量不足：需转移{people}人，缺{left}个安置位（{reach}公里内备用场所另有{standby_places}个）")
        more = f"{standby_places} more on standby within {reach} km"
        en.append(f"shelter places short: {people} to move, {left} lacking ({more})")
    elif not row["shelter_id"]:
        zh.append(f"{SHELTER_REACH_M / 1000:g}公里内无开放且有余量的避难场所")
        en.append(f"no open shelter with a free place within {SHELTER_REACH_M / 1000:g} km")
    return "；".join(zh), "; ".join(en)


def _table(rows: list[dict[str, Any]], hotspots: pd.DataFrame) -> pd.DataFrame:
    table = pd.DataFrame(rows, index=hotspots.index, columns=list(ACTION_COLUMNS))
    for column in ("owner_unit", "owner_name", "owner_phone"):
        table[column] = hotspots[column].astype(str)
    for column in ACTION_COLUMNS:
        if column in _INTEGERS:
            table[column] = table[column].astype(np.int64)
        elif column in _NUMBERS:
            table[column] = table[column].astype(np.float64)
        else:
            table[column] = table[column].astype(str)
    return table
