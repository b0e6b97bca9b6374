"""Design storms over hotspots."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.forecast.storm import depth_mm
from risk_models.rehearsal import REHEARSAL_COLUMNS, rehearse
from risk_models.rehearsal.rehearse import DRAIN_FACTOR
from risk_models.standards import Standards, load_standards
from risk_models.terrain import HotspotTerrain
from tests.risk_models.rehearsal.sample import world


@pytest.fixture(scope="module")
def standards() -> Standards:
    return load_standards()


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
