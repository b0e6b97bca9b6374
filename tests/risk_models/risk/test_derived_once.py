"""What the district alone determines is derived once: by the first process, and again only when its ground changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from shapely import LineString

from risk_models.district import load_district
from risk_models.risk import HotspotScorer
from risk_models.standards import load_standards
from risk_models.terrain import hotspot_terrain
from tests.factories import CRS, write_mini_district
from tests.risk_models.risk.test_exposure import add_census

SCORE = """
import sys
from pathlib import Path

folder, cache, table, forbidden = sys.argv[1:]
if forbidden == "forbidden":
    for name in ("exactextract", "pyflwdir", "scipy.ndimage"):
        sys.modules[name] = None
from risk_models.district import load_district
from risk_models.risk import HotspotScorer, exposure, footprint, write_risk
from risk_models.standards import load_standards
from risk_models.terrain import hotspot_terrain, hotspots
from tests.risk_models.risk.test_scorer import rainfall

def refuse(*_, **__):
    raise AssertionError("derived anew")

if forbidden == "forbidden":
    for module, names in {
        hotspots: ("read_grid", "condition", "find_sags", "spill_network", "_derive"),
        footprint: ("read_grid", "condition", "find_sags"),
        exposure: ("flooded_cells", "first_flooded", "residents_within", "box_sums", "_counts_within"),
    }.items():
        for name in names:
            assert callable(getattr(module, name))
            setattr(module, name, refuse)
district, standards = load_district(folder), load_standards()
terrain = hotspot_terrain(district, land_cover_table=standards.land_cover(), cache_dir=Path(cache))
scorer = HotspotScorer(district, terrain, standards, cache_dir=Path(cache))
write_risk(scorer.score(rainfall(scorer, past_mm_h=30.0, future_mm_h=40.0)), Path(table).parent, Path(table).stem)
"""


def score(root: Path, *arguments: object) -> None:
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", SCORE, *map(str, arguments)],
        cwd=root, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_second_process_derives_nothing(root: Path, tmp_path: Path) -> None:
    folder = add_census(write_mini_district(tmp_path / "mini"))
    score(root, folder, tmp_path / "cache", tmp_path / "first.parquet", "allowed")
    assert sorted(path.name.split("-")[0] for path in (tmp_path / "cache").iterdir()) == ["contour", "reach", "terrain"]
    score(root, folder, tmp_path / "cache", tmp_path / "second.parquet", "forbidden")
    first, second = (gpd.read_parquet(tmp_path / f"{name}.parquet") for name in ("first", "second"))
    pd.testing.assert_frame_equal(pd.DataFrame(first), pd.DataFrame(second), check_exact=True)
    assert first["people_in_water"].sum() > 0


def cell(file: str, column: str, value: object, row: int = 0) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        table = pd.read_csv(folder / file, dtype=str, keep_default_na=False)
        assert table.loc[row, column] != str(value)
        table.loc[row, column] = str(value)
        table.to_csv(folder / file, index=False)

    return change


def moved(file: str, column: str, by_degrees: float) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        table = pd.read_csv(folder / file, dtype=str, keep_default_na=False)
        table.loc[0, column] = f"{float(table.loc[0, column]) + by_degrees:.6f}"
        table.to_csv(folder / file, index=False)

    return change


def raster(file: str, put: float) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with rasterio.open(folder / file, "r+") as source:
            cells = source.read(1)
            cells[20, 20] = put
            source.write(cells, 1)

    return change


def town(column: str, value: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        towns = json.loads((folder / "towns.geojson").read_text(encoding="utf-8"))
        assert towns["features"][0]["properties"][column] != value
        towns["features"][0]["properties"][column] = value
        (folder / "towns.geojson").write_text(json.dumps(towns, ensure_ascii=False), encoding="utf-8")

    return change


def setting(old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / "district.yaml").read_text(encoding="utf-8")
        assert old in text
        (folder / "district.yaml").write_text(text.replace(old, new), encoding="utf-8")

    return change


def without_rows(file: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        lines = (folder / file).read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / file).write_text("".join(lines[:-1]), encoding="utf-8")

    return change


def reversed_rows(file: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        head, *lines = (folder / file).read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / file).write_text("".join([head, *lines[::-1]]), encoding="utf-8")

    return change


CHANGES: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "a cell of the elevation model": (raster("dem.tif", 120.5), {"terrain", "contour"}),
    "a cell of land cover": (raster("land_cover.tif", 7), {"terrain"}),
    "the place of a hotspot": (moved("hotspots.csv", "lon", 3e-4), {"terrain", "reach", "contour"}),
    "the kind of a hotspot": (cell("hotspots.csv", "kind", "gully_slope"), {"terrain"}),
    "the order of hotspots": (reversed_rows("hotspots.csv"), {"terrain", "reach", "contour"}),
    "a surveyed depth": (cell("hotspots.csv", "surveyed_depth_m", "3.25"), {"terrain", "contour"}),
    "a surveyed area": (cell("hotspots.csv", "surveyed_area_m2", "7654"), {"terrain", "contour"}),
    "a surveyed catchment": (cell("hotspots.csv", "surveyed_catchment_m2", "76543"), {"terrain"}),
    "floors below ground": (cell("hotspots.csv", "underground_m2", "777"), {"reach"}),
    "the place of a school": (moved("facilities.csv", "lat", 1e-4), {"reach", "contour"}),
    "the people of a school": (cell("facilities.csv", "people", "4321"), {"reach"}),
    "people by day": (raster("population_day.tif", 99.0), {"reach", "contour"}),
    "people by night": (raster("population_night.tif", 99.0), {"reach", "contour"}),
    "the place of a building": (moved("buildings.csv", "lat", 1e-4), {"reach", "contour"}),
    "the age of a building": (cell("buildings.csv", "year_built", "1995"), {"reach", "contour"}),
    "the class of a road": (
        lambda folder: (folder / "roads.geojson").write_text(
            (folder / "roads.geojson").read_text(encoding="utf-8").replace("trunk", "local"), encoding="utf-8"
        ),
        {"reach"},
    ),
    "the telephone of an owner": (cell("hotspots.csv", "owner_phone", "000-0000-9999"), set()),
    "the name of a hotspot": (cell("hotspots.csv", "hotspot_name", "别名"), set()),
    "the capacity of a drain": (cell("hotspots.csv", "drain_capacity_mm_h", "11.5"), set()),
    "the telephone of a town": (town("duty_phone", "000-0000-9999"), set()),
    "the mailbox of a town": (town("mailbox", "other@mini.example"), set()),
    "the telephone of a team": (cell("teams.csv", "phone", "000-0000-9999"), set()),
    "the pumps of a team": (cell("teams.csv", "pumps", "8"), set()),
    "the room of a shelter": (cell("shelters.csv", "capacity_people", "9"), set()),
    "a plan less": (without_rows("plans.csv"), set()),
    "a flood less": (without_rows("history.csv"), set()),
    "a gauge": (moved("gauges.csv", "lon", 1e-4), set()),
    "the horizon": (setting("horizon_h: 24", "horizon_h: 12"), set()),
}


def derived(folder: Path, cache: Path) -> HotspotScorer:
    district, standards = load_district(folder), load_standards()
    terrain = hotspot_terrain(district, land_cover_table=standards.land_cover(), cache_dir=cache)
    scorer = HotspotScorer(district, terrain, standards, cache_dir=cache)
    assert scorer.contour is not None
    return scorer


def names(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir()}


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a district, whose first hotspot is surveyed, and all that was derived of it."""
    base = tmp_path_factory.mktemp("settled")
    folder = add_census(write_mini_district(base / "mini"))
    for column, value in {"surveyed_area_m2": 2000, "surveyed_depth_m": 1.5}.items():
        table = pd.read_csv(folder / "hotspots.csv", dtype=str, keep_default_na=False)
        table.loc[0, column] = str(value)
        table.to_csv(folder / "hotspots.csv", index=False)
    derived(folder, base / "cache")
    return base


@pytest.mark.parametrize("name", CHANGES)
def test_only_what_stands_on_a_change_is_derived_anew(settled: Path, tmp_path: Path, name: str) -> None:
    change, expected = CHANGES[name]
    shutil.copytree(settled, tmp_path / "copy")
    folder, cache = tmp_path / "copy" / "mini", tmp_path / "copy" / "cache"
    before = names(cache)
    change(folder)
    scorer = derived(folder, cache)
    assert {file.split("-")[0] for file in names(cache) - before} == expected
    fresh = derived(folder, tmp_path / "fresh")
    pd.testing.assert_frame_equal(scorer.exposure, fresh.exposure)
    depth = np.full(len(scorer.district.hotspots), 0.4)
    assert scorer.contour is not None
    assert fresh.contour is not None
    pd.testing.assert_frame_equal(scorer.contour.at(depth), fresh.contour.at(depth))


def test_the_version_of_a_derivation_is_part_of_what_it_stands_on(
    settled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(settled, tmp_path / "copy")
    folder, cache = tmp_path / "copy" / "mini", tmp_path / "copy" / "cache"
    before = names(cache)
    monkeypatch.setattr("risk_models.risk.exposure.REACH_VERSION", "next")
    monkeypatch.setattr("risk_models.risk.exposure.CONTOUR_VERSION", "next")
    monkeypatch.setattr("risk_models.terrain.hotspots.METHOD_VERSION", "next")
    derived(folder, cache)
    assert {file.split("-")[0] for file in names(cache) - before} == {"terrain", "reach", "contour"}


def test_a_culvert_makes_another_terrain(settled: Path, tmp_path: Path) -> None:
    district, classes = load_district(settled / "mini"), load_standards().land_cover()
    spot = district.hotspots.geometry.iloc[0]
    for reach_m in (50.0, 60.0):
        line = LineString([(spot.x, spot.y), (spot.x + reach_m, spot.y)])
        culverts = gpd.GeoDataFrame(geometry=[line], crs=CRS)
        hotspot_terrain(district, land_cover_table=classes, culverts=culverts, cache_dir=tmp_path)
    hotspot_terrain(district, land_cover_table=classes, cache_dir=tmp_path)
    assert len(names(tmp_path)) == 3
