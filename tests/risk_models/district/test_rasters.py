"""Rasters: one band, right CRS, whole cover, bounded size, and GeoTIFF only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from risk_models.district import rasters
from risk_models.district.contracts import RASTERS
from risk_models.district.rasters import check_raster, open_raster
from risk_models.errors import BadInputError

AREA = shapely.box(100, 100, 900, 900)
GRID = Affine(10, 0, 0, 0, -10, 1000)


def write(
    folder: Path, cells: np.ndarray | None = None, *, crs: str = "EPSG:4547", grid: Affine = GRID, **more: object
) -> str:
    cells = np.full((100, 100), 100.0, dtype=np.float32) if cells is None else cells
    stack = cells if cells.ndim == 3 else cells[None]
    profile = {"count": stack.shape[0], "height": stack.shape[1], "width": stack.shape[2], "dtype": stack.dtype}
    with rasterio.open(folder / "t.tif", "w", driver="GTiff", crs=crs, transform=grid, **profile, **more) as sink:
        sink.write(stack)
    return "t.tif"


def codes(folder: Path, name: str, raster: str = "dem", area: object = AREA) -> list[str]:
    return [finding.code for finding in check_raster(folder, name, RASTERS[raster], "EPSG:4547", area)]


def test_a_good_raster_has_no_finding(tmp_path: Path) -> None:
    assert codes(tmp_path, write(tmp_path)) == []
    with open_raster(tmp_path / "t.tif") as dataset:
        assert dataset.read(1).shape == (100, 100)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"crs": "EPSG:4490"}, "raster-wrong-crs"),
        ({"crs": "EPSG:32649"}, "raster-wrong-crs"),
        ({"grid": Affine(10, 0, 0, 0, -12, 1000)}, "raster-grid"),
        ({"grid": Affine(10, 0, 0, 0, 10, 0)}, "raster-grid"),
        ({"grid": Affine(10, 0, 200, 0, -10, 1000)}, "raster-not-covering"),
        ({"cells": np.zeros((2, 100, 100), dtype=np.float32)}, "raster-bands"),
        ({"cells": np.full((100, 100), 9999.0, dtype=np.float32)}, "raster-out-of-range"),
    ],
)
def test_a_wrong_raster_is_named(tmp_path: Path, options: dict[str, object], code: str) -> None:
    assert codes(tmp_path, write(tmp_path, **options)) == [code]


def test_gaps_count_inside_the_district_only(tmp_path: Path) -> None:
    cells = np.full((100, 100), 100.0, dtype=np.float32)
    cells[:5] = -9999.0
    assert codes(tmp_path, write(tmp_path, cells, nodata=-9999.0)) == []
    cells[50, 50] = -9999.0
    cells[60, 60] = np.nan
    findings = check_raster(tmp_path, write(tmp_path, cells, nodata=-9999.0), RASTERS["dem"], "EPSG:4547", AREA)
    assert [finding.message for finding in findings] == ["2 cells inside the district hold no value"]


def test_stripes_meet_the_same_cells_as_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = np.full((100, 100), 100.0, dtype=np.float32)
    cells[np.arange(0, 100, 7), np.arange(0, 100, 7)] = -9999.0
    name = write(tmp_path, cells, nodata=-9999.0)
    whole = check_raster(tmp_path, name, RASTERS["dem"], "EPSG:4547", AREA)
    monkeypatch.setattr(rasters, "_ROWS_AT_ONCE", 9)
    assert check_raster(tmp_path, name, RASTERS["dem"], "EPSG:4547", AREA) == whole
    assert whole[0].message.startswith("11 cells")


def test_land_cover_holds_classes(tmp_path: Path) -> None:
    good = np.full((100, 100), 3, dtype=np.uint8)
    assert codes(tmp_path, write(tmp_path, good), "land_cover") == []
    assert codes(tmp_path, write(tmp_path), "land_cover") == ["raster-type"]
    bad = good.copy()
    bad[0, 0] = 9
    assert codes(tmp_path, write(tmp_path, bad), "land_cover") == ["raster-out-of-range"]


def test_virtual_raster_under_the_suffix_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "v.tif").write_text(
        f'<VRTDataset rasterXSize="100" rasterYSize="100"><VRTRasterBand dataType="Float32" band="1"><SimpleSource>'
        f"<SourceFilename>{tmp_path}/t.tif</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>",
        encoding="utf-8",
    )
    assert codes(tmp_path, "v.tif") == ["wrong-content"]


def test_truncated_and_missing_files_are_findings(tmp_path: Path) -> None:
    write(tmp_path)
    whole = (tmp_path / "t.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[:200])
    assert codes(tmp_path, "cut.tif") == ["raster-wrong-crs", "raster-grid"]
    (tmp_path / "head.tif").write_bytes(whole[:20_000])
    assert codes(tmp_path, "head.tif") == ["unreadable"]
    assert codes(tmp_path, "none.tif") == ["missing-file"]


def test_a_small_file_of_huge_promise_is_refused_before_reading(tmp_path: Path) -> None:
    with rasterio.open(
        tmp_path / "big.tif",
        "w",
        driver="GTiff",
        width=200_000,
        height=200_000,
        count=1,
        dtype="float32",
        crs="EPSG:4547",
        transform=GRID,
        SPARSE_OK=True,
        TILED=True,
        BLOCKXSIZE=4096,
        BLOCKYSIZE=4096,
        COMPRESS="DEFLATE",
    ):
        pass
    assert (tmp_path / "big.tif").stat().st_size < 1_000_000
    with pytest.raises(BadInputError, match="200000 x 200000 cells"), open_raster(tmp_path / "big.tif"):
        pass


def test_side_files_do_not_change_the_georeference(tmp_path: Path) -> None:
    name = write(tmp_path)
    (tmp_path / "t.tfw").write_text("20\n0\n0\n-20\n5000\n5000\n", encoding="utf-8")
    (tmp_path / "t.tif.aux.xml").write_text("<PAMDataset><SRS>EPSG:3857</SRS></PAMDataset>", encoding="utf-8")
    assert codes(tmp_path, name) == []
