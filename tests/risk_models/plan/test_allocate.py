"""Teams and shelters for warned hotspots."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.levels import Level
from risk_models.plan import ACTION_COLUMNS, PEOPLE_NEEDED, propose_actions

CRS = "EPSG:4547"


def points(records: list[dict[str, Any]], index: str) -> gpd.GeoDataFrame:
    """Make a point layer of records with ``at_m`` (easting; northing 0)."""
    frame = pd.DataFrame(records).set_index(index)
    return gpd.GeoDataFrame(
        frame.drop(columns="at_m"), geometry=gpd.points_from_xy(frame["at_m"], [0.0] * len(frame)), crs=CRS
    )


def hotspot(number: int, at_m: float, *, town: str = "01", community: str = "011") -> dict[str, Any]:
    return {
        "hotspot_id": f"H-{number}", "at_m": at_m, "town_code": town, "community_code": community,
        "owner_unit": "城管局", "owner_name": "张三", "owner_phone": "0371-0000",
    }  # fmt: skip


def team(team_id: str, at_m: float, people: int, *, town: str = "01", status: str = "free") -> dict[str, Any]:
    return {
        "team_id": team_id, "team_name": f"{team_id}队", "at_m": at_m, "people": people, "town_code": town,
        "status": status,
    }  # fmt: skip


def shelter(shelter_id: str, at_m: float, capacity: int, occupied: int = 0, *, status: str = "open") -> dict[str, Any]:
    return {
        "shelter_id": shelter_id, "shelter_name": f"{shelter_id}所", "at_m": at_m, "capacity_people": capacity,
        "occupied_people": occupied, "status": status,
    }  # fmt: skip


def plan(plan_id: str, scope_kind: str, scope_id: str, trigger: str = "blue") -> dict[str, Any]:
    return {
        "plan_id": plan_id, "plan_title": f"{plan_id}预案", "plan_title_en": f"plan {plan_id}",
        "scope_kind": scope_kind, "scope_id": scope_id, "trigger_level": trigger,
        "actions_zh": "封闭道路;架设水泵", "actions_en": "close the road; set pumps",
    }  # fmt: skip


def district(
    hotspots: list[dict[str, Any]],
    *,
    teams: list[dict[str, Any]] = (),
    shelters: list[dict[str, Any]] = (),
    plans: list[dict[str, Any]] = (),
) -> Any:
    nothing = {"team": team("none", 0, 0), "shelter": shelter("none", 0, 0), "plan": plan("none", "unit", "x")}
    return SimpleNamespace(
        hotspots=points(hotspots, "hotspot_id"),
        teams=points(list(teams) or [nothing["team"]], "team_id"),
        shelters=points(list(shelters) or [nothing["shelter"]], "shelter_id"),
        plans=pd.DataFrame(list(plans) or [nothing["plan"]]).set_index("plan_id"),
        towns=pd.DataFrame({"duty_phone": ["0371-01", "0371-02"]}, index=["01", "02"]),
    )


def risk(
    district: Any, levels: list[int], *, scores: list[float] | None = None, people: list[int] | None = None
) -> Any:
    table = district.hotspots[["geometry"]].copy()
    table["level"] = levels
    table["score"] = scores or [level * 20.0 for level in levels]
    table["people_exposed"] = people or [0] * len(levels)
    return table


def test_table_follows_the_contract() -> None:
    world = district([hotspot(1, 0)], teams=[team("T1", 5, 6)], shelters=[shelter("S1", 9, 50)])
    actions = propose_actions(world, risk(world, [Level.YELLOW]))
    assert list(actions.columns) == list(ACTION_COLUMNS)
    assert actions.index.name == "hotspot_id"
    assert actions["owner_phone"].tolist() == ["0371-0000"]
    assert actions["team_people"].dtype == np.int64
    assert (actions["plan_state"] == "").all()


def test_no_warned_hotspot_gives_an_empty_table_of_the_same_shape() -> None:
    world = district([hotspot(1, 0), hotspot(2, 10)])
    actions = propose_actions(world, risk(world, [Level.NONE, Level.UNKNOWN], scores=[1.0, np.nan]))
    assert actions.empty
    assert list(actions.columns) == list(ACTION_COLUMNS)
    assert actions["team_people"].dtype == np.int64


def test_people_grow_with_the_level() -> None:
    spots = [hotspot(number, 0) for number in range(1, 5)]
    world = district(spots, teams=[team(f"T{number:02d}", 5, 1) for number in range(60)])
    actions = propose_actions(world, risk(world, [1, 2, 3, 4]))
    sent = actions.sort_index()["team_people"].tolist()
    assert sent == [0, 4, 8, 15] == [PEOPLE_NEEDED[Level(level)] for level in (1, 2, 3, 4)]
    lacking = "no plan covers this hotspot; no open shelter with a free place within 3 km"
    assert (actions["shortfall_en"] == lacking).all()


def test_nearest_free_teams_are_taken_until_enough() -> None:
    teams = [team("near", 10, 3), team("middle", 20, 3), team("far", 30, 30), team("busy", 1, 30, status="engaged")]
    world = district([hotspot(1, 0)], teams=teams)
    row = propose_actions(world, risk(world, [Level.YELLOW])).iloc[0]
    assert row["team_ids"] == "near;middle"
    assert row["team_names"] == "near队;middle队"
    assert (row["team_people"], row["team_distance_m"]) == (6, 20.0)


def test_teams_of_the_same_town_come_before_nearer_ones() -> None:
    teams = [team("other", 1, 10, town="02"), team("own", 500, 3), team("own2", 900, 1)]
    world = district([hotspot(1, 0)], teams=teams)
    row = propose_actions(world, risk(world, [Level.YELLOW])).iloc[0]
    assert row["team_ids"] == "own;own2"
    row = propose_actions(world, risk(world, [Level.ORANGE])).iloc[0]
    assert row["team_ids"] == "own;own2;other"


def test_the_most_severe_chooses_first_and_the_rest_is_said() -> None:
    world = district([hotspot(1, 0), hotspot(2, 100), hotspot(3, 100)], teams=[team("only", 0, 15)])
    actions = propose_actions(world, risk(world, [Level.YELLOW, Level.RED, Level.RED], scores=[50, 90, 95]))
    assert actions.index.tolist() == ["H-3", "H-2", "H-1"]
    assert actions["team_ids"].tolist() == ["only", "", ""]
    assert np.isnan(actions.at["H-2", "team_distance_m"])
    assert "rescue people short: 15 needed, 0 free, 15 lacking" in actions.at["H-2", "shortfall_en"]
    assert "救援力量不足：需15人，可派0人，缺15人" in actions.at["H-2", "shortfall_zh"]


def test_equal_scores_are_told_apart_by_id() -> None:
    world = district([hotspot(2, 0), hotspot(1, 0)], teams=[team("only", 0, 15)])
    actions = propose_actions(world, risk(world, [Level.RED, Level.RED]))
    assert actions.index.tolist() == ["H-1", "H-2"]


def test_nearest_shelter_that_holds_all_is_taken_and_fills_up() -> None:
    shelters = [shelter("small", 1, 10), shelter("full", 2, 50, 50), shelter("closed", 3, 500, status="closed")]
    world = district([hotspot(1, 0), hotspot(2, 0)], shelters=[*shelters, shelter("large", 400, 100, 20)])
    table = risk(world, [Level.RED, Level.ORANGE], people=[400, 300])  # 60 and 15 to move
    actions = propose_actions(world, table)
    assert actions["shelter_id"].tolist() == ["large", "large"]
    assert actions["shelter_people"].tolist() == [60, 15]
    assert actions["shelter_free"].tolist() == [20, 5]
    assert actions["shelter_distance_m"].tolist() == [400.0, 400.0]


def test_too_many_people_fill_the_largest_and_the_rest_is_said() -> None:
    shelters = [
        shelter("a", 1, 10),
        shelter("b", 200, 40),
        shelter("c", 300, 70, status="standby"),
        shelter("d", 9_000, 800, status="standby"),
    ]
    world = district([hotspot(1, 0)], shelters=shelters)
    row = propose_actions(world, risk(world, [Level.RED], people=[666])).iloc[0]
    assert (row["shelter_id"], row["shelter_people"], row["shelter_free"]) == ("b", 40, 0)
    assert "shelter places short: 100 to move, 60 lacking (70 more on standby within 3 km)" in row["shortfall_en"]
    assert "避难容量不足：需转移100人，缺60个安置位（3公里内备用场所另有70个）" in row["shortfall_zh"]


def test_below_orange_nobody_is_moved_but_a_shelter_is_named() -> None:
    world = district([hotspot(1, 0)], shelters=[shelter("a", 7, 10)], plans=[plan("P", "district", "x")])
    row = propose_actions(world, risk(world, [Level.YELLOW], people=[300])).iloc[0]
    assert (row["people_to_move"], row["shelter_id"], row["shelter_free"]) == (0, "a", 10)
    assert row["shortfall_en"] == "rescue people short: 4 needed, 0 free, 4 lacking"


def test_an_overfull_shelter_has_no_places_rather_than_negative_ones() -> None:
    world = district([hotspot(1, 0)], shelters=[shelter("a", 7, 10, 30)])
    row = propose_actions(world, risk(world, [Level.RED], people=[20])).iloc[0]
    assert (row["shelter_id"], row["shelter_people"], row["shelter_free"]) == ("", 0, 0)
    assert "3 to move, 3 lacking" in row["shortfall_en"]


def test_a_shelter_out_of_reach_is_not_proposed() -> None:
    world = district([hotspot(1, 0)], shelters=[shelter("near", 2900, 5), shelter("far", 3100, 500)])
    row = propose_actions(world, risk(world, [Level.RED], people=[100])).iloc[0]
    assert (row["shelter_id"], row["shelter_people"]) == ("near", 5)
    assert "15 to move, 10 lacking" in row["shortfall_en"]


def test_a_strange_hotspot_is_refused() -> None:
    world = district([hotspot(1, 0)])
    table = risk(world, [1]).rename(index={"H-1": "H-9"})
    with pytest.raises(ValueError, match="hotspots not in the district: H-9"):
        propose_actions(world, table)


worlds = st.fixed_dictionaries(
    {
        "levels": st.lists(st.integers(-1, 4), min_size=1, max_size=8),
        "people": st.lists(st.integers(0, 120), min_size=8, max_size=8),
        "teams": st.lists(st.tuples(st.integers(0, 50), st.integers(0, 12), st.sampled_from(["01", "02"])), max_size=9),
        "shelters": st.lists(st.tuples(st.integers(0, 50), st.integers(0, 150), st.integers(0, 60)), max_size=5),
        "seed": st.integers(0, 99),
    }
)


@given(worlds)
@settings(max_examples=60, deadline=None)
def test_laws(recipe: dict[str, Any]) -> None:
    spots = [hotspot(number, 7.0 * number) for number in range(len(recipe["levels"]))]
    world = district(
        spots,
        teams=[team(f"T{i}", at, people, town=town) for i, (at, people, town) in enumerate(recipe["teams"])],
        shelters=[shelter(f"S{i}", at, size, taken) for i, (at, size, taken) in enumerate(recipe["shelters"])],
    )
    table = risk(world, recipe["levels"], people=recipe["people"][: len(spots)])
    actions = propose_actions(world, table)

    assert set(actions.index) == set(table.index[table["level"] >= 1])
    sent = [team_id for ids in actions["team_ids"] for team_id in ids.split(";") if team_id]
    assert len(sent) == len(set(sent))
    assert actions["team_people"].sum() == world.teams.loc[sent, "people"].sum()
    lacking = actions["team_people"] < actions["team_people_needed"]
    assert actions["shortfall_en"].str.contains("rescue people short").equals(lacking)
    if lacking.any():
        assert set(world.teams.index[world.teams["people"] > 0]) == set(sent)

    placed = actions.groupby("shelter_id")["shelter_people"].sum().drop("", errors="ignore")
    free = (world.shelters["capacity_people"] - world.shelters["occupied_people"]).clip(lower=0)
    assert (placed <= free.loc[placed.index]).all()
    unplaced = actions["shelter_people"] < actions["people_to_move"]
    assert actions["shortfall_en"].str.contains("shelter places short").equals(unplaced)

    rng = np.random.default_rng(recipe["seed"])
    shuffled = SimpleNamespace(**{name: part.iloc[rng.permutation(len(part))] for name, part in vars(world).items()})
    again = propose_actions(shuffled, table.iloc[rng.permutation(len(table))])
    pd.testing.assert_frame_equal(actions, again, check_exact=True)


def test_the_minutes_of_a_plan_go_with_it_and_are_unknown_where_it_states_none() -> None:
    own = plan("P1", "hotspot", "H-1") | {"minutes": 45.0}
    world = district([hotspot(1, 0), hotspot(2, 0)], plans=[own, plan("P2", "district", "x")])
    rows = propose_actions(world, risk(world, [Level.YELLOW, Level.YELLOW]))
    assert rows["plan_minutes"].fillna(-1.0).to_dict() == {"H-1": 45.0, "H-2": -1.0}


def test_a_plan_is_carried_out_by_its_unit_and_a_plan_of_the_hotspot_by_the_owner() -> None:
    plans = [
        plan("P1", "hotspot", "H-1") | {"owner_unit": "镇办"},
        plan("P2", "town", "02") | {"owner_unit": "某街道"},
        plan("P3", "district", "x") | {"owner_unit": "指挥部"},
    ]
    world = district([hotspot(1, 0), hotspot(2, 0, town="02"), hotspot(3, 0)], plans=plans)
    rows = propose_actions(world, risk(world, [Level.YELLOW] * 3))
    assert rows.loc["H-1", ["unit", "unit_phone"]].tolist() == ["城管局", "0371-0000"]
    assert rows.loc["H-2", ["unit", "unit_phone"]].tolist() == ["某街道", "0371-02"]
    assert rows.loc["H-3", ["unit", "unit_phone"]].tolist() == ["指挥部", ""]
