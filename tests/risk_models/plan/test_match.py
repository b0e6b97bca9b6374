"""Which plan is taken for which hotspot."""

from __future__ import annotations

import pandas as pd
import pytest

from risk_models.levels import Level
from risk_models.plan import match_plans

HOTSPOTS = pd.DataFrame(
    {"town_code": ["01", "01", "02", "03"], "community_code": ["011", "012", "021", ""]},
    index=pd.Index(["H-1", "H-2", "H-3", "H-4"], name="hotspot_id"),
)


def shelf(*plans: tuple[str, str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(plans, columns=["plan_id", "scope_kind", "scope_id", "trigger_level"]).set_index("plan_id")
    for column in ("plan_title", "plan_title_en", "actions_zh", "actions_en"):
        frame[column] = [f"{column} {plan_id}" for plan_id in frame.index]
    return frame


def levels(level: Level, *hotspot_ids: str) -> pd.Series:
    return pd.Series(int(level), index=pd.Index(hotspot_ids or HOTSPOTS.index, name="hotspot_id"))


def test_own_plan_before_community_before_town_before_district() -> None:
    plans = shelf(
        ("P-own", "hotspot", "H-1", "blue"),
        ("P-community", "community", "012", "blue"),
        ("P-community-of-1", "community", "011", "red"),
        ("P-town", "town", "02", "blue"),
        ("P-town-of-1", "town", "01", "blue"),
        ("P-district", "district", "410103", "blue"),
        ("P-unit", "unit", "H-4", "blue"),
    )
    table = match_plans(HOTSPOTS, plans, levels(Level.RED))
    assert table["plan_id"].tolist() == ["P-own", "P-community", "P-town", "P-district"]
    assert table["plan_scope"].tolist() == ["hotspot", "community", "town", "district"]
    assert table.at["H-2", "actions_en"] == "actions_en P-community"


@pytest.mark.parametrize(
    ("level", "plan_id", "state"),
    [
        (Level.BLUE, "P-yellow", "stand_by"),
        (Level.YELLOW, "P-yellow", "in_force"),
        (Level.ORANGE, "P-yellow", "in_force"),
        (Level.RED, "P-red", "in_force"),
    ],
)
def test_highest_trigger_reached_is_taken(level: Level, plan_id: str, state: str) -> None:
    plans = shelf(("P-red", "hotspot", "H-1", "red"), ("P-yellow", "hotspot", "H-1", "yellow"))
    row = match_plans(HOTSPOTS, plans, levels(level, "H-1")).loc["H-1"]
    assert (row["plan_id"], row["plan_state"]) == (plan_id, state)
    assert row["plan_trigger"] == plan_id.removeprefix("P-")


def test_a_wider_plan_that_is_triggered_goes_before_a_narrower_one_that_waits() -> None:
    plans = shelf(("P-own", "hotspot", "H-1", "orange"), ("P-town", "town", "01", "blue"))
    waits = match_plans(HOTSPOTS, plans, levels(Level.YELLOW, "H-1")).loc["H-1"]
    assert (waits["plan_id"], waits["plan_state"]) == ("P-town", "in_force")
    assert (waits["standby_plan_id"], waits["standby_trigger"]) == ("P-own", "orange")
    both = match_plans(HOTSPOTS, plans, levels(Level.ORANGE, "H-1")).loc["H-1"]
    assert (both["plan_id"], both["standby_plan_id"]) == ("P-own", "")
    none = match_plans(HOTSPOTS, plans, levels(Level.NONE, "H-1")).loc["H-1"]
    assert (none["plan_id"], none["plan_state"], none["standby_plan_id"]) == ("P-own", "stand_by", "")


def test_equal_triggers_are_told_apart_by_id_whatever_the_order() -> None:
    plans = shelf(("P-2", "town", "01", "blue"), ("P-1", "town", "01", "blue"))
    for order in (plans, plans[::-1]):
        assert match_plans(HOTSPOTS, order, levels(Level.BLUE, "H-1"))["plan_id"].tolist() == ["P-1"]


def test_no_plan_is_said_with_empty_text() -> None:
    row = match_plans(HOTSPOTS, shelf(("P", "town", "99", "blue")), levels(Level.RED, "H-4")).loc["H-4"]
    assert (row["plan_id"], row["plan_scope"], row["actions_zh"]) == ("", "", "")
    assert row["plan_state"] == ""


def test_a_trigger_that_is_no_colour_is_refused() -> None:
    with pytest.raises(ValueError, match="'purple' is no level; accepted: unknown, none, blue, yellow, orange, red"):
        match_plans(HOTSPOTS, shelf(("P", "town", "01", "purple")), levels(Level.RED, "H-1"))
