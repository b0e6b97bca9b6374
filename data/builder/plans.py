"""The 562 plans: towns, communities, hotspots, departments, special headquarters and units, with their actions."""

from __future__ import annotations

from typing import Final

import geopandas as gpd
import pandas as pd

from data.builder.settings import SOURCES, SYNTHETIC

__all__ = ["build_plans"]

_UNIT_COUNT: Final = 94
_REVISED_ON: Final = "2021-05-10"


class _Writer:
    """Makes plan rows with the actions of their scope from ``data/sources/plan_actions.csv``."""

    def __init__(self) -> None:
        self._actions = pd.read_csv(SOURCES / "plan_actions.csv", dtype=str).set_index("scope").to_dict("index")

    def row(self, scope: str, scope_id: str, titles: tuple[str, str], owner: tuple[str, str]) -> dict[str, object]:
        """Return one plan; ``scope`` is a kind of scope or ``hotspot/`` and a kind of hotspot."""
        return {
            "plan_title": titles[0],
            "plan_title_en": titles[1],
            "scope_kind": scope.partition("/")[0],
            "scope_id": scope_id,
            **self._actions[scope],
            "owner_unit": owner[0],
            "owner_unit_en": owner[1],
            "revised_on": _REVISED_ON,
            "synthetic": True,
            "source": SYNTHETIC,
        }


def _area_plans(writer: _Writer, towns: gpd.GeoDataFrame, communities: pd.DataFrame) -> list[dict[str, object]]:
    rows = []
    for town in towns.itertuples():
        titles = (f"{town.town_name}防汛应急预案", f"Flood Plan of {town.town_name_en}")
        rows.append(writer.row("town", town.town_code, titles, (town.town_name, town.town_name_en)))
    owners = dict(zip(towns["town_code"], zip(towns["town_name"], towns["town_name_en"], strict=True), strict=True))
    for place in communities.itertuples():
        titles = (f"{place.community_name}防汛应急预案", f"Flood Plan of {place.base_en} {place.kind.capitalize()}")
        rows.append(writer.row("community", place.community_code, titles, owners[place.town_code]))
    return rows


def _hotspot_plans(writer: _Writer, hotspots: pd.DataFrame) -> list[dict[str, object]]:
    rows = []
    english = pd.read_csv(SOURCES / "hotspot_owners.csv", dtype=str).set_index("name")["name_en"]
    for spot in hotspots.itertuples():
        titles = (f"{spot.hotspot_name}防汛应急预案", f"Flood Plan of {spot.hotspot_name_en}")
        owner = (spot.owner_unit, english[spot.owner_unit])
        rows.append(writer.row(f"hotspot/{spot.kind}", spot.hotspot_id, titles, owner))
    return rows


def _office_plans(writer: _Writer) -> list[dict[str, object]]:
    endings = {"department": ("防汛应急预案", " Department"), "headquarters": ("应急预案", "")}
    rows = []
    for office in pd.read_csv(SOURCES / "responsible_units.csv", dtype=str).itertuples():
        zh, en = endings[office.kind]
        titles = (f"{office.name}{zh}", f"Flood Plan of the District {office.name_en}{en}")
        rows.append(writer.row(office.kind, office.name, titles, (office.name, office.unit_en)))
    return rows


def _unit_plans(writer: _Writer, facilities: pd.DataFrame) -> list[dict[str, object]]:
    """Return the plans of the units where most people are at risk: below ground first, then by people."""
    order = facilities.sort_values(["below_ground", "people", "facility_id"], ascending=[False, False, True])
    rows = []
    for unit in order.head(_UNIT_COUNT).sort_values("facility_id").itertuples():
        titles = (f"{unit.facility_name}防汛应急预案", f"Flood Plan of Unit {unit.facility_id}")
        rows.append(writer.row("unit", unit.facility_name, titles, (unit.facility_name, unit.facility_name_en)))
    return rows


def build_plans(
    towns: gpd.GeoDataFrame, communities: pd.DataFrame, hotspots: pd.DataFrame, facilities: pd.DataFrame
) -> pd.DataFrame:
    """Build the table of the 562 plans.

    Parameters
    ----------
    towns : geopandas.GeoDataFrame
        Layer of towns.
    communities, hotspots, facilities : pandas.DataFrame
        Tables of the district.

    Returns
    -------
    pandas.DataFrame
        Columns of the plan contract: 18 towns, 175 communities, 236 hotspots, 26 departments, 13 special
        headquarters, 94 units.
    """
    writer = _Writer()
    rows = [
        *_area_plans(writer, towns, communities),
        *_hotspot_plans(writer, hotspots),
        *_office_plans(writer),
        *_unit_plans(writer, facilities),
    ]
    table = pd.DataFrame(rows)
    return table.assign(plan_id=[f"EQ-P{number:03d}" for number in range(1, len(table) + 1)])
