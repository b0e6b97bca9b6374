"""The terrain of all hotspots as one table, and its cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from risk_models.errors import BadInputError
from risk_models.standards import LandCover
from risk_models.terrain import FEATURE_COLUMNS, HotspotTerrain, hotspot_terrain, hotspots

CLASSES = (
    LandCover(1, "paved", "铺装", "paved", 0.9, 98.0, 1.0),
    LandCover(2, "grass", "草地", "grass", 0.2, 60.0, 0.0),
)


def tilted(size: int = 60) -> np.ndarray:
    rows, cols = np.mgrid[:size, :size]
    rng = np.random.default_rng(11)
    return 100.0 + 0.05 * (rows + cols) + rng.normal(0, 0.01, (size, size))


def same(first: HotspotTerrain, second: HotspotTerrain) -> None:
    pd.testing.assert_frame_equal(first.features, second.features, check_exact=True)
    for name in ("curve_depth_m", "curve_area_m2", "curve_volume_m3"):
        assert np.array_equal(getattr(first, name), getattr(second, name))


def spots() -> list[dict[str, Any]]:
    return [
        {"row": 30, "col": 30},
        {"row": 10, "col": 50, "kind": "school"},
        {
            "row": 45, "col": 20, "kind": "tunnel", "surveyed_area_m2": 2000.0, "surveyed_depth_m": 3.0,
            "surveyed_catchment_m2": 60_000.0,
        },
    ]  # fmt: skip


def pitted() -> np.ndarray:
    dem = tilted()
    dem[28:33, 28:33] -= 2.0
    return dem


def test_table_follows_the_contract(make_district: Callable[..., Any]) -> None:
    district = make_district(pitted(), spots())
    terrain = hotspot_terrain(district, land_cover_table=CLASSES)
    features = terrain.features
    assert list(features.columns) == list(FEATURE_COLUMNS)
    assert features.index.equals(district.hotspots.index)
    assert features.index.name == "hotspot_id"
    assert features["geometry_source"].tolist() == ["dem", "gutter", "surveyed"]
    assert not features.isna().any().any()
    assert terrain.curve_depth_m.shape == (3, 16)
    for curve in (terrain.curve_depth_m, terrain.curve_area_m2, terrain.curve_volume_m3):
        assert (curve[:, 0] == 0).all()
        assert (np.diff(curve, axis=1) >= 0).all()
    assert np.array_equal(features["depression_volume_m3"], terrain.curve_volume_m3[:, -1])
    assert np.array_equal(features["depression_depth_m"], terrain.curve_depth_m[:, -1])


def test_surveyed_values_override_the_model(make_district: Callable[..., Any]) -> None:
    features = hotspot_terrain(make_district(pitted(), spots()), land_cover_table=CLASSES).features
    tunnel = features.loc["T-003"]
    assert tunnel["catchment_m2"] == 60_000.0
    assert tunnel["depression_area_m2"] == 2000.0
    assert tunnel["depression_depth_m"] == 3.0
    assert tunnel["depression_volume_m3"] == pytest.approx(3000.0)
    assert not tunnel["catchment_capped"]


def test_small_catchments_are_raised_to_a_block_and_large_ones_capped(make_district: Callable[..., Any]) -> None:
    rows, cols = np.mgrid[:120, :120]
    valley = 50.0 + 0.05 * np.abs(cols - 60) + 0.05 * (120 - rows)
    valley[99:102, 59:62] -= 1.0
    for kind, expected_m2, capped in (("school", 1e5, True), ("road_junction", 3e5, True)):
        district = make_district(valley, [{"row": 100, "col": 60, "kind": kind}])
        row = hotspot_terrain(district, land_cover_table=CLASSES).features.iloc[0]
        assert row["upstream_m2"] > 3e5
        assert row["catchment_m2"] == pytest.approx(expected_m2)
        assert bool(row["catchment_capped"]) is capped
    hilltop = make_district(valley, [{"row": 60, "col": 1, "kind": "school"}])
    row = hotspot_terrain(hilltop, land_cover_table=CLASSES).features.iloc[0]
    assert row["upstream_m2"] < 1e4
    assert row["catchment_m2"] == 1e4
    assert not row["catchment_capped"]


def test_land_cover_is_that_of_the_catchment(make_district: Callable[..., Any]) -> None:
    cover = np.full((60, 60), 1)
    cover[:, 30:] = 2
    dem = np.tile(np.abs(np.arange(60) - 30.0) * 0.1, (60, 1)) + np.arange(60)[:, None] * 0.05
    district = make_district(dem, [{"row": 30, "col": 55}, {"row": 30, "col": 5}], cover)
    features = hotspot_terrain(district, land_cover_table=CLASSES).features
    assert features["imperviousness"].tolist() == [0.0, 1.0]
    assert features["curve_number"].tolist() == [60.0, 98.0]


def test_a_larger_surveyed_catchment_takes_longer(make_district: Callable[..., Any]) -> None:
    areas_m2 = [2e4, 2e5, 2e6]
    district = make_district(pitted(), [{"row": 30, "col": 30, "surveyed_catchment_m2": area} for area in areas_m2])
    features = hotspot_terrain(district, land_cover_table=CLASSES).features
    assert features["catchment_m2"].tolist() == areas_m2
    assert (np.diff(features["time_of_concentration_min"]) > 0).all()


def test_twice_the_same(make_district: Callable[..., Any]) -> None:
    district = make_district(pitted(), spots())
    same(hotspot_terrain(district, land_cover_table=CLASSES), hotspot_terrain(district, land_cover_table=CLASSES))


def test_permuting_hotspots_permutes_rows(make_district: Callable[..., Any]) -> None:
    forward = hotspot_terrain(make_district(pitted(), spots()), land_cover_table=CLASSES)
    backward = hotspot_terrain(make_district(pitted(), spots()[::-1]), land_cover_table=CLASSES)
    assert np.array_equal(forward.curve_volume_m3, backward.curve_volume_m3[::-1])
    assert np.array_equal(forward.features["twi"], backward.features["twi"][::-1])


def test_cache_hit_equals_miss_and_is_used(make_district: Callable[..., Any], tmp_path: Path) -> None:
    district, cache = make_district(pitted(), spots()), tmp_path / "cache"
    texts: list[str] = []
    miss = hotspot_terrain(district, land_cover_table=CLASSES, cache_dir=cache)
    hit = hotspot_terrain(
        district, land_cover_table=CLASSES, cache_dir=cache, progress=lambda _fraction, text: texts.append(text)
    )
    same(miss, hit)
    assert texts == ["terrain read from cache"]
    assert [path.suffix for path in cache.iterdir()] == [".npz"]


def test_cache_files_are_byte_identical(make_district: Callable[..., Any], tmp_path: Path) -> None:
    district = make_district(pitted(), spots())
    for name in ("one", "two"):
        hotspot_terrain(district, land_cover_table=CLASSES, cache_dir=tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.parametrize("keep", [0, 40])
def test_a_torn_cache_file_is_computed_anew(make_district: Callable[..., Any], tmp_path: Path, keep: int) -> None:
    district, cache = make_district(pitted(), spots()), tmp_path / "cache"
    miss = hotspot_terrain(district, land_cover_table=CLASSES, cache_dir=cache)
    (torn,) = cache.iterdir()
    torn.write_bytes(torn.read_bytes()[:keep])
    same(miss, hotspot_terrain(district, land_cover_table=CLASSES, cache_dir=cache))
    assert len(torn.read_bytes()) > keep


def test_a_cache_with_other_columns_is_computed_anew(
    make_district: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    district, cache = make_district(pitted(), spots()), tmp_path / "cache"
    miss = hotspot_terrain(district, land_cover_table=CLASSES, cache_dir=cache)
    fewer = {name: text for name, text in FEATURE_COLUMNS.items() if name != "twi"}
    with monkeypatch.context() as patch:
        patch.setattr(hotspots, "FEATURE_COLUMNS", fewer)
        assert "twi" not in hotspot_terrain(district, land_cover_table=CLASSES, cache_dir=cache).features
    assert len(list(cache.iterdir())) == 2
    same(miss, hotspot_terrain(district, land_cover_table=CLASSES, cache_dir=cache))


def test_another_table_is_another_cache(make_district: Callable[..., Any], tmp_path: Path) -> None:
    district, cache = make_district(pitted(), spots()), tmp_path / "cache"
    hotspot_terrain(district, land_cover_table=CLASSES, cache_dir=cache)
    greener = (LandCover(1, "paved", "铺装", "paved", 0.9, 90.0, 0.5), CLASSES[1])
    terrain = hotspot_terrain(district, land_cover_table=greener, cache_dir=cache)
    assert terrain.features["imperviousness"].tolist() == [0.5, 0.5, 0.5]


def test_progress_rises_from_nought_to_one(make_district: Callable[..., Any]) -> None:
    fractions: list[float] = []
    hotspot_terrain(
        make_district(pitted(), spots()),
        land_cover_table=CLASSES,
        progress=lambda fraction, _text: fractions.append(fraction),
    )
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)


def test_every_hotspot_off_the_model_is_named(make_district: Callable[..., Any]) -> None:
    dem = pitted()
    dem[5, 5] = -9999.0
    district = make_district(dem, [{"row": 5, "col": 5}, {"row": 30, "col": 30}, {"row": -3, "col": 1}])
    with pytest.raises(BadInputError, match=r"hotspots, row 2.*T-001 lies where dem\.tif has no data") as caught:
        hotspot_terrain(district, land_cover_table=CLASSES)
    assert [finding.row for finding in caught.value.findings] == [2, 4]
