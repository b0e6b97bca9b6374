"""The loaded district: types, order, coordinates, hash, counts; and the bundled one."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from risk_models.district import check_district, district_summary, load_district
from risk_models.district.contracts import RASTERS, TABLES
from risk_models.errors import BadInputError
from tests.factories import read_rows, write_mini_district, write_rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mini_district(tmp_path_factory.mktemp("model") / "mini")


@pytest.fixture(scope="module")
def district(folder: Path):
    return load_district(folder)


@pytest.mark.parametrize("name", TABLES)
def test_tables_follow_their_contract(district, name: str) -> None:
    frame, table = getattr(district, name), TABLES[name]
    assert frame.index.name == table.key
    geometry = [] if table.shape == "none" else ["geometry"]
    assert list(frame.columns) == [*table.names[1:], *geometry]
    assert frame.index.is_unique
    if geometry:
        assert frame.crs.to_epsg() == 4547
        assert frame.geometry.is_valid.all()


def test_types(district) -> None:
    hotspots = district.hotspots
    assert hotspots["kind"].dtype == pd.StringDtype(na_value=np.nan)
    assert hotspots["drain_capacity_mm_h"].dtype == np.float64
    assert hotspots["daily_traffic"].dtype == pd.Int64Dtype()
    assert hotspots["daily_traffic"].isna().any()
    assert hotspots["surveyed_area_m2"].isna().any()
    assert hotspots["synthetic"].dtype == bool
    assert district.towns["population_night"].dtype == np.int64
    assert str(district.history["started_at"].dtype) == "datetime64[ns, UTC]"
    assert district.history["started_at"].iloc[0] == pd.Timestamp("2021-07-20T06:00Z")
    assert district.history["ended_at"].isna().any()
    assert district.plans["revised_on"].iloc[0] == pd.Timestamp("2024-05-01")


def test_rows_keep_the_order_of_the_file(district, folder: Path) -> None:
    assert list(district.plans.index) == [row["plan_id"] for row in read_rows(folder / "plans.csv")]


@pytest.mark.parametrize("datum", ["GCJ-02", "BD-09"])
def test_places_are_the_same_whatever_the_datum_of_the_file(district, tmp_path: Path, datum: str) -> None:
    other = load_district(write_mini_district(tmp_path / "mini", datum=datum))
    assert district.hotspots.geometry.distance(other.hotspots.geometry).max() < 0.01
    assert district.hotspots["lon"].to_numpy() == pytest.approx(other.hotspots["lon"].to_numpy(), abs=1e-7)
    assert district.towns.geometry.area.to_numpy() == pytest.approx(other.towns.geometry.area.to_numpy(), rel=1e-6)


def test_leading_zeros_and_formulas_stay(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "mini"))
    rows = read_rows(copy / "teams.csv")
    rows[0] |= {"team_id": "007", "team_name": "=1+1", "phone": "01234"}
    write_rows(copy / "teams.csv", rows)
    team = load_district(copy).teams.loc["007"]
    assert (team["team_name"], team["phone"]) == ("=1+1", "01234")


def test_a_blank_optional_text_is_empty(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "mini"))
    rows = read_rows(copy / "teams.csv")
    rows[0]["town_code"] = ""
    write_rows(copy / "teams.csv", rows)
    assert load_district(copy).teams["town_code"].iloc[0] == ""


def test_a_district_cannot_be_reassigned(district) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        district.content_hash = ""


def test_the_hash_knows_every_byte_and_nothing_else(folder: Path, tmp_path: Path, district) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "moved"))
    (copy / "notes.txt").write_text("not part of the district", encoding="utf-8")
    assert load_district(copy).content_hash == district.content_hash
    path = copy / "plans.csv"
    path.write_bytes(path.read_bytes() + b"\n")
    assert load_district(copy).content_hash != district.content_hash


def test_the_factory_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = write_mini_district(tmp_path / "again")
    for path in sorted(folder.iterdir()):
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_summary_counts(district, folder: Path) -> None:
    counts = district_summary(district)
    assert counts["towns"] == 3
    assert counts["hotspots"] == sum(counts["hotspots_by_kind"].values()) == 12
    assert counts["shelter_capacity"] == sum(int(row["capacity_people"]) for row in read_rows(folder / "shelters.csv"))
    assert counts["team_people"] == sum(int(row["people"]) for row in read_rows(folder / "teams.csv"))
    assert counts["area_km2"] == 6.0
    assert (counts["plans"], counts["history"], counts["warnings"]) == (15, 6, 0)


def test_rasters_are_paths_in_the_folder(district, folder: Path) -> None:
    assert district.rasters == {name: folder / f"{name}.tif" for name in RASTERS}


def test_no_folder_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"district none: 1 problem\n  district.yaml: no such file"):
        load_district(tmp_path / "none")


def test_the_bundled_district_is_sound(erqi_path: Path) -> None:
    assert [str(finding) for finding in check_district(erqi_path) if finding.severity == "error"] == []
    counts = district_summary(load_district(erqi_path))
    keys = ("towns", "communities", "hotspots", "shelters", "teams", "team_people", "plans")
    assert [counts[key] for key in keys] == [18, 175, 236, 207, 577, 3933, 562]
    assert counts["demonstration"] is True
