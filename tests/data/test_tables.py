"""The tables of the bundled district: published totals, keys, places, marks."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

CRS = "EPSG:4547"


@pytest.fixture(scope="session")
def towns(erqi_path: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(erqi_path / "towns.geojson").to_crs(CRS)


def _points(table: pd.DataFrame) -> gpd.GeoSeries:
    return gpd.GeoSeries(gpd.points_from_xy(table["lon"], table["lat"]), index=table.index, crs="EPSG:4326").to_crs(CRS)


@pytest.mark.parametrize(
    ("name", "count"),
    [("communities", 175), ("hotspots", 236), ("shelters", 207), ("teams", 577), ("plans", 562), ("gauges", 24)],
)
def test_published_counts(tables: dict[str, pd.DataFrame], name: str, count: int) -> None:
    assert len(tables[name]) == count


def test_team_people_and_town_teams(tables: dict[str, pd.DataFrame], towns: gpd.GeoDataFrame) -> None:
    teams = tables["teams"]
    assert teams["people"].sum() == 3933
    assert teams["people"].min() >= 2
    strong = teams[(teams["kind"] == "town") & (teams["people"] >= 30)]
    assert sorted(strong["town_code"]) == sorted(towns["town_code"])


def test_plans_by_scope(tables: dict[str, pd.DataFrame], towns: gpd.GeoDataFrame) -> None:
    plans = tables["plans"]
    assert plans["scope_kind"].value_counts().to_dict() == {
        "hotspot": 236,
        "community": 175,
        "unit": 94,
        "department": 26,
        "town": 18,
        "headquarters": 13,
    }
    scopes = plans.groupby("scope_kind")["scope_id"].apply(set)
    assert scopes["hotspot"] == set(tables["hotspots"]["hotspot_id"])
    assert scopes["community"] == set(tables["communities"]["community_code"])
    assert scopes["town"] == set(towns["town_code"])
    assert not plans[["scope_kind", "scope_id"]].duplicated().any()
    assert (plans["actions_zh"].str.count(";") == plans["actions_en"].str.count(";")).all()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("communities", "community_code"),
        ("hotspots", "hotspot_id"),
        ("hotspots", "hotspot_name"),
        ("hotspots", "hotspot_name_en"),
        ("gauges", "gauge_id"),
        ("facilities", "facility_id"),
        ("facilities", "facility_name"),
        ("shelters", "shelter_id"),
        ("teams", "team_id"),
        ("plans", "plan_id"),
        ("history", "event_id"),
    ],
)
def test_keys_and_names_are_unique(tables: dict[str, pd.DataFrame], name: str, key: str) -> None:
    assert tables[name][key].notna().all()
    assert not tables[name][key].duplicated().any()


def test_gauges_and_responsible_units_have_english_names(tables: dict[str, pd.DataFrame]) -> None:
    for table, column in (("gauges", "gauge_name"), ("plans", "owner_unit")):
        names = tables[table][[column, f"{column}_en"]].drop_duplicates()
        assert names[f"{column}_en"].str.fullmatch(r"[\x20-\x7e]+").all()
        assert names[column].is_unique
        assert names[f"{column}_en"].is_unique


@pytest.mark.parametrize("name", ["communities", "hotspots", "facilities", "shelters", "teams"])
def test_points_lie_in_their_own_town(tables: dict[str, pd.DataFrame], towns: gpd.GeoDataFrame, name: str) -> None:
    areas = towns.set_index("town_code").geometry
    table = tables[name]
    inside = _points(table).within(gpd.GeoSeries(areas.loc[table["town_code"]].to_numpy(), index=table.index, crs=CRS))
    assert table.loc[~inside].empty


def test_towns_are_a_partition_of_the_outline(towns: gpd.GeoDataFrame, root: Path) -> None:
    outline = gpd.read_file(root / "data" / "sources" / "erqi_outline.geojson").to_crs(CRS).geometry[0]
    assert len(towns) == 18
    assert towns.is_valid.all()
    assert (towns.geom_type == "Polygon").all()
    assert shapely.coverage_is_valid(towns.geometry.to_numpy(), gap_width=0.5)
    assert towns.union_all().symmetric_difference(outline).area < 100.0
    compactness = 4.0 * np.pi * towns.area / towns.length**2
    assert compactness.min() > 0.2, "a sliver of a town"


def test_every_community_keeps_its_registered_name_and_town(tables: dict[str, pd.DataFrame], root: Path) -> None:
    register = pd.read_csv(root / "data" / "sources" / "communities.csv", dtype=str).set_index("code")
    register = register.drop("410103004400")
    ours = tables["communities"].set_index("community_code")
    assert ours["town_code"].to_dict() == register["town_code"].to_dict()
    short = ours["community_name"].str.removesuffix("社区").str.removesuffix("村")
    assert all(full.startswith(name) for full, name in zip(register["name"], short, strict=True))
    assert ours["kind"].value_counts().to_dict() == {"community": 164, "village": 11}


def test_towns_keep_their_registered_names(towns: gpd.GeoDataFrame, root: Path) -> None:
    register = pd.read_csv(root / "data" / "sources" / "towns.csv", dtype=str).set_index("code")["name"]
    ours = towns.set_index("town_code")["town_name"]
    assert ours.loc[register.index].to_dict() == register.to_dict()
    assert set(ours.index) - set(register.index) == {"410103X01", "410103X02"}


def test_people_add_up(tables: dict[str, pd.DataFrame], towns: gpd.GeoDataFrame) -> None:
    communities = tables["communities"]
    for column in ("population_night", "population_day"):
        assert towns[column].sum() == communities[column].sum()
        by_town = communities.groupby("town_code")[column].sum()
        alike = by_town.drop(["410103015", "410103010"])
        assert (towns.set_index("town_code")[column].loc[alike.index] == alike).all()
    assert towns["population_night"].sum() == 1_060_000


def test_every_town_has_three_hotspots_and_every_kind_appears(
    tables: dict[str, pd.DataFrame], towns: gpd.GeoDataFrame
) -> None:
    hotspots = tables["hotspots"]
    assert hotspots["town_code"].value_counts().reindex(towns["town_code"]).fillna(0).min() >= 3
    assert hotspots["kind"].nunique() == 12
    assert hotspots["drain_capacity_mm_h"].between(30.0, 55.0).all()


def test_surveyed_sags_stand_forty_and_flood_at_a_hundred_mm_an_hour(tables: dict[str, pd.DataFrame]) -> None:
    hotspots = tables["hotspots"]
    below = hotspots[hotspots["kind"].isin(["tunnel", "rail_underpass"])]
    assert below[["surveyed_area_m2", "surveyed_depth_m", "surveyed_catchment_m2"]].notna().all().all()
    assert hotspots.drop(below.index)["surveyed_area_m2"].isna().all()
    runoff = 0.9
    for rain_mm_h, floods in ((40.0, False), (100.0, True)):
        excess_mm = np.clip(runoff * rain_mm_h - below["drain_capacity_mm_h"], 0.0, None)
        volume_m3 = excess_mm / 1000.0 * below["surveyed_catchment_m2"] - 3600.0 * below["pump_capacity_m3_s"]
        mean_depth_m = volume_m3 / below["surveyed_area_m2"]
        assert (mean_depth_m > 0.27).all() if floods else (mean_depth_m <= 0.0).all()
    north = below.set_index("hotspot_id").loc["EQ-001"]
    assert north["surveyed_area_m2"] * north["surveyed_depth_m"] == pytest.approx(300_000, rel=0.1)


def test_history_is_reported_and_at_named_spots(tables: dict[str, pd.DataFrame]) -> None:
    history = tables["history"]
    named = tables["hotspots"].query("synthetic == False")["hotspot_id"]
    assert set(history["hotspot_id"]) <= set(named)
    assert not history["synthetic"].any()
    assert set(history["confidence"]) <= set("ABCD")
    assert history["source"].notna().all()
    starts = pd.to_datetime(history["started_at"], utc=True)
    assert starts.between("2008-01-01", "2025-12-31").all()


def test_made_up_rows_say_so(tables: dict[str, pd.DataFrame], towns: gpd.GeoDataFrame) -> None:
    assert tables["seasonal_forecasts"]["source"].str.startswith("synthetic").all()
    for name, table in tables.items():
        if name == "seasonal_forecasts":
            continue  # typed by hand, not drawn
        marked = table["source"].str.contains("synthetic (seed 20210720)", regex=False)
        assert (marked | ~table["synthetic"]).all(), name
    assert towns["synthetic"].all()
    assert towns["mailbox"].str.endswith("@erqi.example").all()
    assert towns.set_index("town_code").loc["410103X02", "source"].startswith("local code; NAME ASSUMED")
    phones = pd.concat([tables["hotspots"]["owner_phone"], tables["shelters"]["phone"], tables["teams"]["phone"]])
    assert phones.str.fullmatch(r"0371-0000\d{4}").all()
    assert not phones.duplicated().any()
