"""Terrain, rehearsal and plan on a district folder read from files."""

from __future__ import annotations

import numpy as np
import pytest

from risk_models.district import District, load_district
from risk_models.levels import Level
from risk_models.plan import propose_actions
from risk_models.rehearsal import rehearse, summarise
from risk_models.standards import load_standards
from risk_models.terrain import HotspotTerrain, hotspot_terrain
from tests.factories import write_mini_district


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> District:
    return load_district(write_mini_district(tmp_path_factory.mktemp("mini")))


@pytest.fixture(scope="module")
def terrain(district: District) -> HotspotTerrain:
    return hotspot_terrain(district, land_cover_table=load_standards().land_cover())


def test_terrain_of_a_district_folder_is_complete(district: District, terrain: HotspotTerrain) -> None:
    assert terrain.features.index.equals(district.hotspots.index)
    assert not terrain.features.isna().any().any()
    surveyed = district.hotspots["surveyed_area_m2"].notna()
    assert surveyed.any()
    assert ((terrain.features["geometry_source"] == "surveyed") == surveyed).all()
    assert (terrain.features["snapped_m"] <= 60).all()


def test_rehearsal_worsens_with_the_return_period_and_reaches_surveyed_sags(
    district: District, terrain: HotspotTerrain
) -> None:
    standards = load_standards()
    table = rehearse(district, terrain, standards)
    depth = table.pivot_table(index=["duration_min", "hotspot_id"], columns="return_period_a", values="peak_depth_m")
    assert (np.diff(depth.to_numpy(), axis=1) >= 0).all()
    assert (depth[100].to_numpy() > depth[2].to_numpy()).any()
    spill_m = terrain.features["depression_depth_m"]
    assert (table.groupby("hotspot_id")["peak_depth_m"].max() <= spill_m).all()
    summary = summarise(table, standards.depth_classes(district.settings.standards.depth_classes))
    assert summary.hotspots.index.equals(district.hotspots.index)
    assert summary.hotspots["critical_return_period_a"].min() >= 2


def test_every_warned_hotspot_gets_its_own_plan(district: District) -> None:
    table = district.hotspots[["geometry"]].assign(level=int(Level.ORANGE), score=70.0, people_exposed=5)
    actions = propose_actions(district, table)
    assert set(actions.index) == set(district.hotspots.index)
    own = district.plans[district.plans["scope_kind"] == "hotspot"].reset_index().set_index("scope_id")["plan_id"]
    assert (actions["plan_id"] == own.loc[actions.index].to_numpy()).all()
    assert (actions["shelter_people"] == actions["people_to_move"]).all()
    assert (actions["people_to_move"] > 0).all()
