"""Who and what stands in harm's way around each hotspot."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd

from risk_models.district import District

__all__ = ["EXPOSURE_RADIUS_M", "SENSITIVE_KINDS", "hotspot_exposure"]

#: Reach within which people and facilities count as exposed, metres (an assumption; about two street blocks).
EXPOSURE_RADIUS_M = 150.0
#: Facilities whose users cannot help themselves.
SENSITIVE_KINDS = ("hospital", "care_home", "kindergarten", "school", "metro_entrance")
SENSITIVE_PEOPLE = 200


def hotspot_exposure(
    district: District, vulnerability_of_kind: Mapping[str, int], *, radius_m: float = EXPOSURE_RADIUS_M
) -> pd.DataFrame:
    """Count people and facilities near each hotspot and class its vulnerability.

    Residents are shared out by exact area: of each town polygon the part within `radius_m` carries its share of the
    town's people (day or night, whichever is more). A sensitive facility with at least 200 people within reach
    raises the vulnerability class by one, up to 2.

    Parameters
    ----------
    district : District
    vulnerability_of_kind : mapping of str to int
        Vulnerability class 0-2 of each kind of hotspot.
    radius_m : float
        Reach, metres.

    Returns
    -------
    DataFrame
        Indexed by hotspot_id: people_exposed (int), facilities_exposed (int), sensitive_people (int),
        vulnerability (int 0-2).
    """
    hotspots = district.hotspots
    reach = gpd.GeoDataFrame(
        {"hotspot_id": hotspots.index}, geometry=hotspots.buffer(radius_m).to_numpy(), crs=hotspots.crs
    )
    near = gpd.sjoin(district.facilities[["kind", "people", "geometry"]], reach, predicate="within")
    facilities = near.groupby("hotspot_id").size().reindex(hotspots.index, fill_value=0)
    in_facilities = near.groupby("hotspot_id")["people"].sum().reindex(hotspots.index, fill_value=0)
    sensitive = near[near["kind"].isin(SENSITIVE_KINDS)]
    sensitive_people = sensitive.groupby("hotspot_id")["people"].sum().reindex(hotspots.index, fill_value=0)
    residents = _residents_within(district.towns, reach).reindex(hotspots.index, fill_value=0.0)
    base = hotspots["kind"].map(vulnerability_of_kind).astype(int)
    raised = (sensitive_people >= SENSITIVE_PEOPLE).astype(int)
    return pd.DataFrame(
        {
            "people_exposed": np.rint(residents + in_facilities).astype(int),
            "facilities_exposed": facilities.astype(int),
            "sensitive_people": sensitive_people.astype(int),
            "vulnerability": np.minimum(base + raised, 2),
        },
        index=hotspots.index,
    )


def _residents_within(towns: gpd.GeoDataFrame, reach: gpd.GeoDataFrame) -> pd.Series:
    """Share out each town's people by the part of its area within reach of each hotspot."""
    people = towns[["population_night", "population_day"]].max(axis=1)
    density = towns[["geometry"]].assign(people_per_m2=people / towns.area)
    parts = gpd.overlay(reach, density.reset_index(drop=True), how="intersection")
    residents: pd.Series = (parts.area * parts["people_per_m2"]).groupby(parts["hotspot_id"]).sum()
    return residents
