"""Design storms over hotspots."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.forecast.storm import depth_mm
from risk_models.rehearsal import REHEARSAL_COLUMNS, design_scenarios, rehearse, summarise
from risk_models.rehearsal.rehearse import DRAIN_FACTOR
from risk_models.standards import Standards, load_standards
from risk_models.terrain import HotspotTerrain

KINDS = ["tunnel", "road_junction", "school"]


@pytest.fixture(scope="module")
def standards() -> Standards:
    return load_standards()


def world(
    *, drain_mm_h: tuple[float, ...] = (30.0, 40.0, 400.0), depth_m: tuple[float, ...] = (3.0, 0.4, 0.3)
) -> tuple[Any, HotspotTerrain]:
    """Return three hotspots: a deep tunnel, a shallow junction, and a school that drains whatever falls."""
    index = pd.Index(["H-1", "H-2", "H-3"], name="hotspot_id")
    hotspots = pd.DataFrame(
        {"kind": KINDS, "drain_capacity_mm_h": drain_mm_h, "pump_capacity_m3_s": [0.05, 0.0, 0.0]}, index=index
    )
    choice = SimpleNamespace(storm_formula="zz-f2", depth_classes="zz-road-2024")
    features = pd.DataFrame(
        {
            "catchment_m2": [8e4, 3e4, 1e4],
            "imperviousness": [0.8, 0.7, 0.6],
            "curve_number": [80.0, 80.0, 75.0],
            "time_of_concentration_min": [20.0, 12.0, 8.0],
        },
        index=index,
    )
    depths = np.outer(depth_m, np.linspace(0, 1, 16))
    areas = np.outer([2000.0, 1500.0, 900.0], np.linspace(0, 1, 16))
    terrain = HotspotTerrain(features, depths, areas, depths * areas / 2)
    return SimpleNamespace(hotspots=hotspots, settings=SimpleNamespace(standards=choice)), terrain


def test_scenarios_are_every_pair_once_and_in_order(standards: Standards) -> None:
    storms = design_scenarios(standards.storm_formula("zz-f2"), [100, 2, 2], [180, 60])
    ids = ["P002-D0060", "P100-D0060", "P002-D0180", "P100-D0180"]
    assert [storm.scenario_id for storm in storms] == ids
    assert [storm.rain_total_mm for storm in storms] == pytest.approx([40.0, 87.7, 54.6, 119.8], abs=0.05)
    assert [storm.rain_mm.size for storm in storms] == [12, 12, 36, 36]
    assert not any(storm.is_extrapolated for storm in storms)


def test_a_day_is_marked_as_beyond_the_formula(standards: Standards) -> None:
    assert design_scenarios(standards.storm_formula("zz-f2"), [2], [1440])[0].is_extrapolated


@pytest.mark.parametrize(
    ("years", "minutes", "text"),
    [([500], [60], "return period outside formula"), ([2], [62], "no positive multiple"), ([], [60], "no scenario")],
)
def test_what_cannot_be_made_is_refused(standards: Standards, years: list, minutes: list, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        design_scenarios(standards.storm_formula("zz-f2"), years, minutes)


def test_table_follows_the_contract(standards: Standards) -> None:
    district, terrain = world()
    table = rehearse(district, terrain, standards)
    assert list(table.columns) == list(REHEARSAL_COLUMNS)
    assert len(table) == 6 * 3 * 3
    assert not table.duplicated(["scenario_id", "hotspot_id"]).any()
    assert table["hotspot_id"].tolist()[:3] == ["H-1", "H-2", "H-3"]
    assert set(table["formula_id"]) == {"zz-f2"}
    assert table.loc[table["duration_min"] == 1440, "is_extrapolated"].all()
    known = {item.key for item in standards.depth_classes("zz-road-2024")}
    assert set(table["depth_class"]) <= known


def test_a_dry_hotspot_has_no_peak_time(standards: Standards) -> None:
    district, terrain = world()
    school = rehearse(district, terrain, standards).query("hotspot_id == 'H-3' and return_period_a == 2")
    assert (school["peak_depth_m"] == 0).all()
    assert school["peak_min"].isna().all()
    assert (school["minutes_over_15cm"] == 0).all()


def test_peak_comes_after_the_peak_of_the_rain_and_time_over_is_within_the_run(standards: Standards) -> None:
    district, terrain = world()
    table = rehearse(district, terrain, standards, durations_min=(180,))
    wet = table[table["peak_depth_m"] > 0]
    assert len(wet) >= 6
    assert (wet["peak_min"] > 0.4 * 180).all()
    assert (wet["peak_min"] <= 180 + 360).all()
    assert wet["minutes_over_15cm"].between(0, 180 + 360).all()
    deep = wet["peak_depth_m"] >= 0.15
    assert ((wet["minutes_over_15cm"] > 0) == deep).all()


def test_depth_class_follows_depth_and_only_tunnels_are_lethal(standards: Standards) -> None:
    district, terrain = world(depth_m=(3.0, 3.0, 3.0), drain_mm_h=(0.0, 0.0, 0.0))
    table = rehearse(district, terrain, standards, return_periods_a=(100,), durations_min=(180,))
    table = table.set_index("hotspot_id")
    assert (table["peak_depth_m"].loc[["H-1", "H-2"]] > 1.0).all()
    assert table["depth_class"].loc[["H-1", "H-2"]].tolist() == ["lethal", "danger"]


@given(
    st.lists(st.floats(1, 100), min_size=2, max_size=5, unique=True),
    st.tuples(*[st.floats(0, 80)] * 3),
    st.sampled_from([60, 180]),
)
@settings(max_examples=30, deadline=None)
def test_a_rarer_storm_is_never_shallower_nor_shorter(
    years: list[float], drain_mm_h: tuple[float, ...], minutes: int
) -> None:
    district, terrain = world(drain_mm_h=drain_mm_h)
    table = rehearse(district, terrain, load_standards(), return_periods_a=years, durations_min=(minutes,))
    for _, rows in table.groupby("hotspot_id"):
        rows = rows.sort_values("return_period_a")
        assert (np.diff(rows["peak_depth_m"]) >= -1e-12).all()
        assert (np.diff(rows["minutes_over_15cm"]) >= 0).all()


@given(
    years=st.floats(1, 100),
    concentration_min=st.floats(5, 60),
    duration_min=st.sampled_from([60, 180]),
)
@settings(max_examples=30, deadline=None)
def test_drains_carry_the_storm_they_were_built_for(years: float, concentration_min: float, duration_min: int) -> None:
    standards = load_standards()
    hourly_mm = float(depth_mm(standards.storm_formula("zz-f2"), years, 60.0)) / DRAIN_FACTOR

    def deepest(share: float) -> float:
        district, terrain = world(drain_mm_h=(share * hourly_mm,) * 3)
        district.hotspots["pump_capacity_m3_s"] = 0.0
        terrain.features["time_of_concentration_min"] = concentration_min
        table = rehearse(district, terrain, standards, return_periods_a=(years,), durations_min=(duration_min,))
        return float(table["peak_depth_m"].max())

    assert deepest(1.0) < 0.05
    assert deepest(0.3) > 0.15


def test_hotspots_do_not_depend_on_each_other(standards: Standards) -> None:
    district, terrain = world()
    table = rehearse(district, terrain, standards)
    backward = slice(None, None, -1)
    turned = HotspotTerrain(
        terrain.features[backward],
        terrain.curve_depth_m[backward].copy(),
        terrain.curve_area_m2[backward].copy(),
        terrain.curve_volume_m3[backward].copy(),
    )
    other = SimpleNamespace(hotspots=district.hotspots[backward], settings=district.settings)
    key = ["scenario_id", "hotspot_id"]
    pd.testing.assert_frame_equal(
        table.sort_values(key, ignore_index=True),
        rehearse(other, turned, standards).sort_values(key, ignore_index=True),
        check_exact=True,
    )


def test_terrain_of_other_hotspots_is_refused(standards: Standards) -> None:
    district, terrain = world()
    district.hotspots = district.hotspots.iloc[:2]
    with pytest.raises(ValueError, match="terrain is not that of the district's hotspots"):
        rehearse(district, terrain, standards)


def test_summary_counts_every_hotspot_once_per_storm(standards: Standards) -> None:
    district, terrain = world()
    table = rehearse(district, terrain, standards)
    classes = standards.depth_classes("zz-road-2024")
    summary = summarise(table, classes)
    assert (summary.scenarios[[f"n_{item.key}" for item in classes]].sum(axis=1) == 3).all()
    assert summary.scenarios.index.tolist() == table["scenario_id"].unique().tolist()
    over = table[table["peak_depth_m"] >= 0.15].groupby("scenario_id").size()
    assert summary.scenarios["n_over_15cm"].loc[over.index].equals(over.rename("n_over_15cm"))


def test_critical_return_period_is_the_smallest_that_passes(standards: Standards) -> None:
    rows = []
    for years, minutes, rain_mm, depth in [(2, 60, 40, 0.1), (10, 180, 81, 0.2), (10, 60, 60, 0.15), (50, 60, 79, 0.3)]:
        rows.append((f"P{years}-D{minutes}", "A", years, minutes, rain_mm, depth))
        rows.append((f"P{years}-D{minutes}", "B", years, minutes, rain_mm, 0.0))
    columns = ["scenario_id", "hotspot_id", "return_period_a", "duration_min", "rain_total_mm", "peak_depth_m"]
    table = pd.DataFrame(rows, columns=columns).assign(depth_class="wet", is_extrapolated=False)
    hotspots = summarise(table, standards.depth_classes("zz-road-2024")).hotspots
    assert hotspots.loc["A"].tolist() == [10.0, 60.0, 60.0, 0.3]
    assert hotspots.at["B", "critical_return_period_a"] == np.inf
    assert hotspots.loc["B", ["critical_duration_min", "critical_rain_mm"]].isna().all()
