"""The check: silent on a good folder, and in a broken one every fault is named with file, row and column."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from risk_models.district import check_district, load_district
from risk_models.district.datum import from_wgs84
from risk_models.district.settings import CapSettings
from risk_models.errors import BadInputError, Finding
from tests.factories import read_rows, write_mini_district, write_rows


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mini_district(tmp_path_factory.mktemp("good") / "mini", hotspots=24, teams=8)


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "mini"))


def edit(folder: Path, table: str, change: Callable[[list[dict[str, str]]], Any]) -> None:
    rows = read_rows(folder / f"{table}.csv")
    change(rows)
    write_rows(folder / f"{table}.csv", rows)


def put(folder: Path, table: str, index: int, **cells: str) -> None:
    edit(folder, table, lambda rows: rows[index].update(cells))


def replace(folder: Path, old: str, new: str) -> None:
    path = folder / "district.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def edit_towns(folder: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    path = folder / "towns.geojson"
    collection = json.loads(path.read_text(encoding="utf-8"))
    change(collection["features"])
    path.write_text(json.dumps(collection, ensure_ascii=False), encoding="utf-8")


def move_to(folder: Path, table: str, datum: str, rows: slice = slice(None)) -> None:
    """Write the points of a table in another datum than is stated."""

    def change(records: list[dict[str, str]]) -> None:
        for row in records[rows]:
            lon, lat = from_wgs84(float(row["lon"]), float(row["lat"]), datum)
            row["lon"], row["lat"] = f"{lon:.8f}", f"{lat:.8f}"

    edit(folder, table, change)


@pytest.mark.parametrize("datum", ["WGS84", "CGCS2000", "GCJ-02", "BD-09"])
def test_a_good_folder_has_no_finding_in_any_datum(tmp_path: Path, datum: str) -> None:
    assert check_district(write_mini_district(tmp_path / "mini", datum=datum)) == []


def test_an_event_of_the_weather_office_is_named_and_never_sent(folder: Path) -> None:
    replace(folder, 'event_code: "11A02"', 'event_code: "11B03"')
    (finding,) = check_district(folder)
    assert (finding.code, finding.severity, finding.value) == ("weather-event", "warning", "11B03")
    assert finding.row is not None
    assert "11B03" in (folder / "district.yaml").read_text(encoding="utf-8").splitlines()[finding.row - 1]
    assert CapSettings(event_code="11B03").own_event_code == CapSettings().own_event_code == "11A02"
    assert CapSettings(event_code="11A01").own_event_code == "11A01"


def test_every_seeded_fault_of_a_broken_copy_is_named(folder: Path) -> None:
    replace(folder, "horizon_h: 24", "horizn_h: 24")
    replace(folder, "path: facilities.csv, datum: CGCS2000", "path: facilities.csv")
    replace(folder, "path: communities.csv, datum: CGCS2000", "path: communities.csv, datum: Beijing54")
    path = folder / "district.yaml"
    feed = "feeds: [{id: g, kind: gauge_table, path: no.csv, stale_after_h: 2}]\n"
    path.write_text(path.read_text(encoding="utf-8") + feed, encoding="utf-8")
    yaml_lines = path.read_text(encoding="utf-8").splitlines()
    yaml_row = {key: next(n for n, line in enumerate(yaml_lines, 1) if key in line) for key in ("horizn_h", "feeds:")}
    yaml_row |= {
        key: next(n for n, line in enumerate(yaml_lines, 1) if f"{key}.csv" in line)
        for key in ("facilities", "communities")
    }
    edit(folder, "hotspots", lambda rows: [row.update(hotspot_nam=row.pop("hotspot_name")) for row in rows])
    put(folder, "hotspots", 1, hotspot_id="MD-001")
    put(folder, "hotspots", 2, town_code="410199009")
    put(folder, "hotspots", 3, kind="tunel")
    put(folder, "hotspots", 4, drain_capacity_mm_h="-5")
    put(folder, "hotspots", 5, owner_name="")
    put(folder, "hotspots", 6, lat="34.2")
    put(folder, "hotspots", 7, close_depth_m="1e309")
    put(folder, "hotspots", 8, daily_traffic="0x10")
    put(folder, "hotspots", 9, surveyed_area_m2="inf")
    put(folder, "teams", 0, people="0")
    put(folder, "teams", 1, phone="1\n2")
    put(folder, "shelters", 2, occupied_people="601")
    put(folder, "shelters", 3, status="opened")
    put(folder, "plans", 0, scope_id="MD-999")
    put(folder, "plans", 1, revised_on="2024-02-30")
    put(folder, "plans", 2, plan_id="P MD")
    put(folder, "history", 0, ended_at="2021-07-19T14:00:00+08:00")
    put(folder, "history", 1, started_at="2021-07-20T14:00:00")
    put(folder, "history", 2, hotspot_id="MD-0x5")
    put(folder, "gauges", 0, elevation_m="")
    edit_towns(folder, lambda towns: towns[1]["properties"].update(mailbox="a@b.example, c@d.example"))
    edit_towns(folder, lambda towns: towns[2].update(geometry=towns[1]["geometry"]))
    (folder / "dem.tif").unlink()
    with rasterio.open(folder / "land_cover.tif", "r+") as raster:
        raster.crs = "EPSG:4526"

    expected = {
        ("district.yaml", yaml_row["horizn_h"], "warning.horizn_h", "unknown-key"),
        ("district.yaml", yaml_row["facilities"], "layers.facilities.datum", "unstated-datum"),
        ("district.yaml", yaml_row["communities"], "layers.communities.datum", "unknown-datum"),
        ("district.yaml", yaml_row["feeds:"], "feeds.0.path", "missing-feed"),
        ("hotspots.csv", 1, "hotspot_name", "missing-column"),
        ("hotspots.csv", 1, "hotspot_nam", "unknown-column"),
        ("hotspots.csv", 3, "hotspot_id", "duplicate-id"),
        ("hotspots.csv", 4, "town_code", "unknown-reference"),
        ("hotspots.csv", 5, "kind", "not-a-choice"),
        ("hotspots.csv", 6, "drain_capacity_mm_h", "out-of-range"),
        ("hotspots.csv", 7, "owner_name", "blank-cell"),
        ("hotspots.csv", 8, "lon", "outside-district"),
        ("hotspots.csv", 9, "close_depth_m", "not-finite"),
        ("hotspots.csv", 10, "daily_traffic", "not-a-number"),
        ("hotspots.csv", 11, "surveyed_area_m2", "not-a-number"),
        ("teams.csv", 2, "people", "out-of-range"),
        ("teams.csv", 3, "phone", "control-character"),
        ("shelters.csv", 4, "occupied_people", "over-capacity"),
        ("shelters.csv", 5, "status", "not-a-choice"),
        ("plans.csv", 2, "scope_id", "unknown-reference"),
        ("plans.csv", 3, "revised_on", "not-a-date"),
        ("plans.csv", 4, "plan_id", "bad-id"),
        ("history.csv", 2, "ended_at", "impossible-time"),
        ("history.csv", 3, "started_at", "missing-offset"),
        ("history.csv", 4, "hotspot_id", "unknown-reference"),
        ("gauges.csv", 2, "elevation_m", "blank-cell"),
        ("towns.geojson", 2, "mailbox", "bad-address"),
        ("towns.geojson", 3, "geometry", "overlap"),
        ("dem.tif", None, None, "missing-file"),
        ("land_cover.tif", None, None, "raster-wrong-crs"),
    }
    findings = check_district(folder)
    found = {(finding.file, finding.row, finding.column, finding.code) for finding in findings}
    assert expected <= found, expected - found
    # What is more is a consequence of a seeded fault: rows that refer to the lost id, points of the moved town.
    consequences = {code for *_, code in found - expected}
    assert consequences <= {
        "outside-district",
        "unknown-reference",
        "wrong-town",
        "doubtful-datum",
        "half-known",
        "contradiction",
    }
    assert check_district(folder) == findings
    with pytest.raises(BadInputError) as caught:
        load_district(folder)
    assert set(caught.value.findings) == {finding for finding in findings if finding.severity == "error"}


def only(folder: Path) -> Finding:
    findings = check_district(folder)
    assert len(findings) == 1, [str(finding) for finding in findings]
    return findings[0]


def test_missing_column_names_the_nearest_and_the_mapping(folder: Path) -> None:
    edit(folder, "teams", lambda rows: [row.update(teamname=row.pop("team_name")) for row in rows])
    errors = [finding for finding in check_district(folder) if finding.severity == "error"]
    assert "nearest: teamname" in errors[0].message
    assert errors[0].fix == "rename teamname, or map team_name: teamname in district.yaml"
    replace(
        folder, "path: teams.csv, datum: CGCS2000", "path: teams.csv, datum: CGCS2000, columns: {team_name: teamname}"
    )
    assert check_district(folder) == []
    assert load_district(folder).teams["team_name"].iloc[0] == "救援队1"


def test_a_misspelt_optional_column_is_a_warning(folder: Path) -> None:
    edit(folder, "hotspots", lambda rows: [row.update(survyed_depth_m=row.pop("surveyed_depth_m")) for row in rows])
    warning = next(finding for finding in check_district(folder) if finding.code == "unknown-column")
    assert warning.severity == "warning"
    assert "nearest: surveyed_depth_m" in warning.message


def test_findings_in_a_mapped_column_bear_the_name_in_the_file(folder: Path) -> None:
    edit(folder, "teams", lambda rows: [row.update(人数=row.pop("people")) for row in rows])
    replace(folder, "path: teams.csv, datum: CGCS2000", "path: teams.csv, datum: CGCS2000, columns: {people: 人数}")
    put(folder, "teams", 3, 人数="-1")
    finding = only(folder)
    assert (finding.row, finding.column, finding.value) == (5, "人数", "-1")


def test_an_outside_point_in_gcj02_is_recognised(folder: Path) -> None:
    # The most eastern column of hotspots leaves the district when it is moved half a kilometre east.
    rows = read_rows(folder / "hotspots.csv")
    index = max(range(len(rows)), key=lambda n: float(rows[n]["lon"]))
    move_to(folder, "hotspots", "GCJ-02", slice(index, index + 1))
    finding = next(finding for finding in check_district(folder) if finding.code == "outside-district")
    assert finding.row == index + 2
    assert "looks like GCJ-02" in finding.message
    assert finding.severity == "error"


def test_swapped_coordinates_are_recognised(folder: Path) -> None:
    rows = read_rows(folder / "shelters.csv")
    put(folder, "shelters", 0, lon=rows[0]["lat"], lat=rows[0]["lon"][:2])
    put(folder, "teams", 0, lon="34.69", lat="89")
    findings = [finding for finding in check_district(folder) if finding.code == "outside-district"]
    assert [finding.file for finding in findings] == ["shelters.csv", "teams.csv"]


def test_a_whole_layer_in_the_wrong_datum_is_doubted(folder: Path) -> None:
    move_to(folder, "hotspots", "GCJ-02")
    doubts = [finding for finding in check_district(folder) if finding.code == "doubtful-datum"]
    assert [finding.file for finding in doubts] == ["hotspots.csv"]
    assert "the layer looks like GCJ-02" in doubts[0].message
    replace(folder, "path: hotspots.csv, datum: CGCS2000", "path: hotspots.csv, datum: GCJ-02")
    assert check_district(folder) == []


def test_gauges_may_stand_outside_but_not_far(folder: Path) -> None:
    put(folder, "gauges", 1, lat="35.2")
    assert check_district(folder) == []
    put(folder, "gauges", 1, lat="37.2")
    finding = only(folder)
    assert (finding.code, finding.row) == ("outside-district", 3)
    assert finding.accepted == "within 100 km of the district"


def test_a_point_in_another_town_is_a_warning(folder: Path) -> None:
    rows = read_rows(folder / "teams.csv")
    east = next(n for n, row in enumerate(rows) if row["town_code"] == "410199003")
    put(folder, "teams", east, town_code="410199001")
    finding = only(folder)
    assert (finding.code, finding.row, finding.severity) == ("wrong-town", east + 2, "warning")
    assert load_district(folder).findings == (finding,)


def test_community_of_another_town_is_a_contradiction_unless_a_committee_cuts_across(folder: Path) -> None:
    put(folder, "hotspots", 0, community_code="410199003001")
    finding = only(folder)
    assert (finding.code, finding.row, finding.column) == ("contradiction", 2, "town_code")
    home = read_rows(folder / "hotspots.csv")[0]["town_code"]

    def make_committee(towns: list[dict[str, Any]]) -> None:
        for town in towns:
            if town["properties"]["town_code"] == home:
                town["properties"]["kind"] = "management_committee"

    edit_towns(folder, make_committee)
    assert check_district(folder) == []


def test_people_of_communities_and_towns_must_be_near(folder: Path) -> None:
    put(folder, "communities", 0, population_night="14000")
    finding = only(folder)
    assert (finding.file, finding.row, finding.column) == ("towns.geojson", 1, "population_night")
    assert finding.message == "the communities of the town 410199001 add up to 24000 people"


def test_invalid_and_missing_polygons(folder: Path) -> None:
    def twist(towns: list[dict[str, Any]]) -> None:
        ring = towns[0]["geometry"]["coordinates"][0]
        ring[1], ring[2] = ring[2], ring[1]
        towns[1]["geometry"] = None

    edit_towns(folder, twist)
    found = [(finding.code, finding.row) for finding in check_district(folder)]
    assert found == [("invalid-polygon", 1), ("missing-geometry", 2)]


def test_long_events_and_half_known_rain(folder: Path) -> None:
    put(folder, "history", 0, ended_at="2022-07-21T02:00:00+08:00")
    put(folder, "history", 1, rain_window_h="")
    found = [(finding.code, finding.row, finding.column) for finding in check_district(folder)]
    assert found == [("impossible-time", 2, "ended_at"), ("half-known", 3, "rain_window_h")]


def test_rasters_must_cover_the_district(folder: Path) -> None:
    with rasterio.open(folder / "dem.tif") as source:
        cells, profile = source.read(1), source.profile
    with rasterio.open(folder / "dem.tif", "w", **{**profile, "width": 200}) as sink:
        sink.write(np.ascontiguousarray(cells[:, :200]), 1)
    assert (only(folder).code, only(folder).file) == ("raster-not-covering", "dem.tif")


def test_empty_tables_are_named(folder: Path) -> None:
    for name in ("teams", "hotspots"):
        path = folder / f"{name}.csv"
        path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    empty = {finding.file: finding.severity for finding in check_district(folder) if finding.code == "empty-table"}
    assert empty == {"teams.csv": "warning", "hotspots.csv": "error"}


def test_a_feed_must_stay_inside(folder: Path) -> None:
    (folder / "feed").symlink_to(folder.parent)
    path = folder / "district.yaml"
    feed = "feeds: [{id: g, kind: gauge_table, path: feed/x.csv, stale_after_h: 2}]\n"
    path.write_text(path.read_text(encoding="utf-8") + feed, encoding="utf-8")
    assert (only(folder).code, only(folder).severity) == ("outside-folder", "error")


def test_gcj02_contradicts_a_projected_file(folder: Path) -> None:
    import geopandas as gpd

    gpd.read_file(folder / "towns.geojson").to_crs("EPSG:4547").to_file(folder / "towns.gpkg", driver="GPKG")
    replace(folder, "path: towns.geojson, datum: CGCS2000", "path: towns.gpkg, datum: CGCS2000")
    assert check_district(folder) == []
    replace(folder, "path: towns.gpkg, datum: CGCS2000", "path: towns.gpkg, datum: GCJ-02")
    assert "wrong-datum" in {finding.code for finding in check_district(folder)}


def test_unusable_settings_say_that_the_rest_was_not_checked(folder: Path) -> None:
    replace(folder, "layers:", "layers: 5\nxlayers:")
    codes = [finding.code for finding in check_district(folder)]
    assert "bad-setting" in codes
    assert "unknown-key" in codes


def test_findings_are_ordered(folder: Path) -> None:
    for index in (5, 1, 3):
        put(folder, "teams", index, people="0", pumps="-1")
        put(folder, "gauges", index % 4, elevation_m="x")
    where = [(finding.file, finding.row, finding.column) for finding in check_district(folder)]
    assert where == sorted(where)
    assert len(where) == 8


def test_a_phase_that_fits_no_action_is_refused_with_its_place(folder: Path) -> None:
    put(folder, "plans", 0, phase="雨前;大雨;积水")
    put(folder, "plans", 1, phase="雨前;积水")
    put(folder, "plans", 2, phase="积水")
    put(folder, "plans", 3, phase="")
    wrong, short = sorted(check_district(folder), key=lambda finding: finding.row or 0)
    assert (wrong.file, wrong.row, wrong.column, wrong.value) == ("plans.csv", 2, "phase", "雨前;大雨;积水")
    assert "'大雨' is not among the choices" in wrong.message
    assert "before (雨前), during (雨中), standing (积水), after (退水后/雨后), unknown (未知)" in wrong.accepted
    assert (short.file, short.row, short.column, short.value) == ("plans.csv", 3, "phase", "before;standing")
    assert (short.code, short.message) == ("count-differs", "2 phases stand beside 3 actions")
    assert {wrong.severity, short.severity} == {"error"}
