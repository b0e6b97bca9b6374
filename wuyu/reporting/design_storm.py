"""The reference design storm of a report: who and what it would reach, and where help would fall short."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from risk_models.levels import Level
from risk_models.plan import propose_actions
from risk_models.rehearsal import rehearse
from risk_models.risk.capacity import PUMPS_NEEDED
from risk_models.risk.impact import apply_matrix, class_probabilities

if TYPE_CHECKING:
    from wuyu.desk import Desk

__all__ = ["REFERENCE_STORM", "capacity_by_town", "design_storms", "exposure_of"]

#: Return period [a] and length [min] of the storm that exposure and capacity are told for (an assumption: within what
#: GB 51222 asks large cities to withstand, and within the range of the formula).
REFERENCE_STORM = (50.0, 60.0)


def design_storms(desk: Desk) -> pd.DataFrame:
    """Return what every design storm would do at every hotspot."""
    return rehearse(desk.district, desk.terrain, desk.standards)


def exposure_of(desk: Desk, storms: pd.DataFrame) -> pd.DataFrame:
    """Return who and what stands at each hotspot under the reference design storm.

    Parameters
    ----------
    desk : Desk
    storms : DataFrame
        From `design_storms`.

    Returns
    -------
    DataFrame
        Index hotspot_id: town_code; peak_depth_m [m]; level (`Level` code that this depth alone would give); people,
        facilities and buildings within reach (columns of `hotspot_exposure`); where the district has census layers,
        also those in the water (``people_in_water_day`` and its kin); ``people`` and ``facilities`` within reach.
    """
    period_a, minutes = REFERENCE_STORM
    is_reference = np.isclose(storms["return_period_a"], period_a) & np.isclose(storms["duration_min"], minutes)
    depth_m = storms[is_reference].set_index("hotspot_id")["peak_depth_m"]
    table = desk.scorer.exposure.copy()
    depth_m = depth_m.reindex(table.index)
    if desk.scorer.contour is not None:
        table = table.join(desk.scorer.contour.at(depth_m.to_numpy(float)))
    table.insert(0, "town_code", desk.district.hotspots["town_code"].reindex(table.index))
    table.insert(1, "peak_depth_m", depth_m)
    table.insert(2, "level", _levels(desk, depth_m))
    table.insert(3, "people", table["people_exposed"])
    table.insert(4, "facilities", table["facilities_exposed"])
    table.attrs = {"return_period_a": period_a, "duration_min": minutes}
    return table


def capacity_by_town(desk: Desk, exposure: pd.DataFrame) -> pd.DataFrame:
    """Return by town what the reference design storm would call for and what is at hand.

    Teams and shelter places are shared out over the whole district by the rules of the plans, so a team is given once.

    Parameters
    ----------
    desk : Desk
    exposure : DataFrame
        From `exposure_of`.

    Returns
    -------
    DataFrame
        Index town_code, every town of the district: hotspots_flooded (yellow or above), people_exposed, people_to_move,
        shelter_free (places in open shelters of the town), shelter_people (given a place), shelter_shortfall,
        team_people (in free teams of the town), team_people_needed, team_shortfall, pumps (of free teams),
        pump_shortfall (against the pumps that must stand ready at each hotspot flooded at orange or above).
    """
    district = desk.district
    flooded = exposure[exposure["level"] >= int(Level.YELLOW)]
    grave = exposure[exposure["level"] >= int(Level.ORANGE)].groupby("town_code").size()
    # The plans ask for a score to choose whom to serve first: here the deeper water.
    ranked = exposure.assign(score=exposure["peak_depth_m"])
    actions = propose_actions(district, ranked)
    actions["town_code"] = exposure["town_code"].reindex(actions.index)
    needed = actions.groupby("town_code")[
        ["people_to_move", "shelter_people", "team_people", "team_people_needed"]
    ].sum()
    free = district.teams[district.teams["status"] == "free"]
    is_open = district.shelters["status"] == "open"
    room = (district.shelters["capacity_people"] - district.shelters["occupied_people"]).clip(lower=0)[is_open]
    pumps = free.groupby("town_code")["pumps"].sum()
    columns = {
        "hotspots_flooded": flooded.groupby("town_code").size(),
        "people_exposed": flooded.groupby("town_code")["people_exposed"].sum(),
        "people_to_move": needed["people_to_move"],
        "shelter_free": room.groupby(district.shelters["town_code"]).sum(),
        "shelter_people": needed["shelter_people"],
        "shelter_shortfall": needed["people_to_move"] - needed["shelter_people"],
        "team_people": free.groupby("town_code")["people"].sum(),
        "team_people_needed": needed["team_people_needed"],
        "team_shortfall": (needed["team_people_needed"] - needed["team_people"]).clip(lower=0),
        "pumps": pumps,
        "pump_shortfall": (PUMPS_NEEDED * grave).sub(pumps, fill_value=0).clip(lower=0),
    }
    towns = district.towns.index
    return pd.DataFrame({name: column.reindex(towns, fill_value=0).astype(int) for name, column in columns.items()})


def _levels(desk: Desk, depth_m: pd.Series) -> np.ndarray:
    """Return the level that a certain depth gives: every chance is 0 or 1."""
    depths = depth_m.fillna(-math.inf).to_numpy(float)[:, None]
    scorer = desk.scorer.whole
    found = apply_matrix(class_probabilities(depths, scorer.depth_of_impact_m), scorer.matrix, scorer.band_minima)
    return np.where(depth_m.isna(), int(Level.UNKNOWN), found.level)
