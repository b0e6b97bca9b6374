"""RADOLAN, GrADS and FMI maps written small: what is read, and what is refused."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from risk_models.errors import BadInputError
from risk_models.forecast.readers.fmi import read_fmi
from risk_models.forecast.readers.grads import read_grads
from risk_models.forecast.readers.radolan import read_radolan

HEAD = "RW200850100000721BY1620142VS 3SW   2.13.1PR E-01INT  60GP 900x 900MS 70<" + "a" * 69 + ">"


def radolan(folder: Path, head: str = HEAD, *, values: int = 810_000, packed: bool = True) -> Path:
    raw = np.zeros(values, dtype="<u2")
    raw[:5] = 123, 0x2000 | 2500, 0x8000 | 7, 0x1000 | 9, 0
    data = head.encode() + b"\x03" + raw.tobytes()
    path = folder / "raa01.gz"
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


def sized(head: str) -> str:
    """Put the true number of bytes into the header."""
    return head.replace("BY1620142", f"BY{len(head) + 1 + 1_620_000}")


@pytest.mark.parametrize("packed", [True, False])
def test_radolan(tmp_path: Path, packed: bool) -> None:
    rain, report = read_radolan(radolan(tmp_path, sized(HEAD), packed=packed))
    np.testing.assert_allclose(rain.rain_mm[0, 0, :5], [12.3, np.nan, 0.7, 0.9, 0], rtol=1e-6)
    assert rain.quality.to_numpy()[0, 0, :5].tolist() == [2, 9, 3, 2, 2]
    assert rain.time.to_numpy()[0] == np.datetime64("2021-07-20T08:50")
    assert report.values_missing == 1


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (HEAD, r"wrong number of bytes"),
        (HEAD.replace("RW2", "RX2"), r"no amount of rain that is known \(found 'RX'"),
        (HEAD.replace("900x 900", "999x 999"), r"unknown grid \(found '999 x 999'"),
        (HEAD.replace("E-01", "E+09"), "precision out of bounds"),
        (HEAD.replace("INT  60", "INT   0"), "interval out of bounds"),
        (HEAD.replace("INT  60", "INX  60"), r"the header lacks a field \(found 'interval'"),
        (HEAD.replace("RW200850", "RW330850"), "time cannot be read"),
        ("<html>", "is no RADOLAN composite"),
        ("RW" + "9" * 15, "no RADOLAN composite|lacks a field"),
    ],
)
def test_absurd_radolan_is_refused(tmp_path: Path, head: str, text: str) -> None:
    right = head if "wrong number" in text else sized(head)
    with pytest.raises(BadInputError, match=f"raa01.gz.*({text})"):
        read_radolan(radolan(tmp_path, right))


def test_gzip_bomb_and_cut_gzip_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "raa01.gz"
    path.write_bytes(gzip.compress(bytes(100_000_000)))
    with pytest.raises(BadInputError, match="the content is larger than"):
        read_radolan(path)
    path.write_bytes(gzip.compress(bytes(1000))[:-9])
    with pytest.raises(BadInputError, match="the gzip stream is cut"):
        read_radolan(path)
    path.write_bytes(b"\x1f\x8b" + b"\xff" * 50)
    with pytest.raises(BadInputError, match="the gzip stream is broken"):
        read_radolan(path)


CTL = """* merged rain
DSET ^rain_%y4.grd
UNDEF -999.0
OPTIONS little_endian
XDEF 4 linear 112.05 0.10
YDEF 3 linear 34.05 0.10
ZDEF 1 levels 1000
TDEF 2 linear 09Z20JUL2021 1hr
VARS 2
crain 1 00 combined analysis (mm/hour)
gsamp 1 00 gauge numbers
ENDVARS
"""
OPTIONS = {"end_at": datetime(2021, 7, 20, 9, tzinfo=UTC), "step_h": 1.0}


def grads(folder: Path, ctl: str = CTL, *, cut: int = 0) -> dict[str, Any]:
    layers = np.arange(48, dtype="<f4").reshape(2, 2, 3, 4)
    layers[0, 0, 0, 0] = -999
    (folder / "rain.grd").write_bytes(layers.tobytes()[: 192 - cut])
    (folder / "rain.ctl").write_text(ctl)
    return {"path": folder / "rain.grd", "ctl": folder / "rain.ctl"}


def test_grads(tmp_path: Path) -> None:
    rain, _ = read_grads(**grads(tmp_path))
    assert np.isnan(rain.rain_mm.to_numpy()[0, 0, 0])
    assert rain.rain_mm.to_numpy()[1].ravel().tolist() == list(range(24, 36))
    assert rain.gsamp.to_numpy()[1].ravel().tolist() == list(range(36, 48))
    assert rain.time.to_numpy().astype("datetime64[h]").astype(str).tolist() == ["2021-07-20T09", "2021-07-20T10"]


def test_grads_from_the_north_big_endian(tmp_path: Path) -> None:
    files = grads(tmp_path, CTL.replace("little_endian", "big_endian yrev"))
    files["path"].write_bytes(np.frombuffer(files["path"].read_bytes(), "<f4").astype(">f4").tobytes())
    rain, _ = read_grads(**files)
    assert rain.rain_mm.to_numpy()[1, 0].tolist() == [32, 33, 34, 35]


def test_grads_half_hours_of_a_rate(tmp_path: Path) -> None:
    rain, _ = read_grads(**grads(tmp_path, CTL.replace("1hr", "30mn").replace("09Z", "09:30Z")))
    assert rain.rain_mm.to_numpy()[1, 0, 0] == 12
    assert rain.time.to_numpy()[1] == np.datetime64("2021-07-20T10:00")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("UNDEF -999.0\n", "", "the description is not complete"),
        ("UNDEF -999.0", "UNDEF nan", "column UNDEF: number cannot be read"),
        ("OPTIONS little_endian\n", "", "the description is not complete"),
        ("little_endian", "little_endian template", r"unknown option \(found 'template'"),
        ("XDEF 4", "XDEF 999999", r"column lon: size out of bounds \(found '999999'"),
        ("XDEF 4", "XDEF -4", "column lon: size cannot be read"),
        ("XDEF 4", "XDEF 5", r"wrong number of bytes \(found '192'; accepted: 240"),
        ("XDEF 4 linear", "XDEF 4 levels", "column lon: axis cannot be read"),
        ("112.05 0.10", "112.05 0", "column lon: step out of bounds"),
        ("34.05", "134.05", "column lat: is out of bounds"),
        ("ZDEF 1", "ZDEF 17", "several levels"),
        ("09Z20JUL2021", "25Z20JUL2021", "column TDEF: time cannot be read"),
        ("1hr", "1mo", "times cannot be read"),
        ("TDEF 2 linear 09Z20JUL2021 1hr\n", "", "the description has no times|wrong number of bytes"),
        ("VARS 2", "VARS 3", "the list of variables is not complete"),
        ("ENDVARS", "", "the list of variables is not complete"),
        ("gsamp 1", "gsamp 9", "several levels or stands twice"),
        ("(mm/hour)", "(K)", r"column crain: is no unit of rain \(found 'K'"),
    ],
)
def test_absurd_descriptions_are_refused(tmp_path: Path, old: str, new: str, text: str) -> None:
    assert old in CTL
    with pytest.raises(BadInputError, match=f"rain.(ctl|grd).*({text})"):
        read_grads(**grads(tmp_path, CTL.replace(old, new)))


def test_cut_grid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="wrong number of bytes"):
        read_grads(**grads(tmp_path, cut=4))


METADATA = """<GDALMetadata>
<Item name="Observation time" format="YYYYMMDDhhmm">202107200900</Item>
<Item name="Quantity" unit="dBZ">Corrected reflectivity</Item>
<Item name="Gain">0.500000</Item>
<Item name="Offset">-32.000000</Item>
<Item name="Nodata">255</Item>
<Item name="Undetect">0</Item>
</GDALMetadata>"""


def fmi(folder: Path, metadata: str = METADATA, **profile: Any) -> Path:
    options = {"dtype": "uint8", "count": 1, "crs": "EPSG:3067", "transform": Affine(250, 0, 0, 0, -250, 500)} | profile
    path = folder / "map.tif"
    with rasterio.open(path, "w", driver="GTiff", width=3, height=2, **options) as raster:
        raster.write(np.array([[[0, 255, 162], [110, 64, 1]]] * options["count"], dtype=options["dtype"]))
        raster.update_tags(GDAL_METADATA=metadata)
    return path


def test_fmi(tmp_path: Path) -> None:
    rain, _ = read_fmi(fmi(tmp_path))
    rate = [(10 ** (dbz / 10) / 223) ** (1 / 1.53) for dbz in (49, 23, 0, -31.5)]
    expected = np.array([[rate[1], rate[2], rate[3]], [0, np.nan, rate[0]]]) / 12
    np.testing.assert_allclose(rain.rain_mm[0], expected, rtol=1e-5)
    assert rain.y.to_numpy().tolist() == [125, 375]
    assert rain.time.to_numpy()[0] == np.datetime64("2021-07-20T09:00")


@pytest.mark.parametrize(
    ("metadata", "profile", "text"),
    [
        (METADATA.replace("202107200900", "noon"), {}, "column Observation time: time cannot be read"),
        (METADATA.replace("dBZ", "m"), {}, "the quantity is not reflectivity in dBZ"),
        (METADATA.replace("0.500000", "nan"), {}, "column Gain: item is missing or out of bounds"),
        (METADATA.replace(">255<", ">256<"), {}, "column Nodata: item is missing or out of bounds"),
        ("", {}, "the quantity is not reflectivity"),
        (METADATA, {"dtype": "uint16"}, "one georeferenced band of bytes"),
        (METADATA, {"count": 2}, "one georeferenced band of bytes"),
        (METADATA, {"crs": None}, "one georeferenced band of bytes"),
    ],
)
def test_absurd_maps_are_refused(tmp_path: Path, metadata: str, profile: dict[str, Any], text: str) -> None:
    with pytest.raises(BadInputError, match=f"map.tif.*({text})"):
        read_fmi(fmi(tmp_path, metadata, **profile))


def test_virtual_raster_is_no_geotiff(tmp_path: Path) -> None:
    path = tmp_path / "map.tif"
    path.write_text(
        '<VRTDataset rasterXSize="3" rasterYSize="2"><SourceFilename>/vsicurl/http://example.org/a.tif'
        "</SourceFilename></VRTDataset>"
    )
    with pytest.raises(BadInputError, match="is no GeoTIFF"):
        read_fmi(path)
    path.write_bytes(b"II*\x00" + b"\xff" * 60)
    with pytest.raises(BadInputError, match=r"cannot be read|broke down"):
        read_fmi(path)


@pytest.mark.parametrize("kind", ["radolan", "grads", "fmi"])
def test_random_damage_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(2)
    if kind == "grads":
        files = grads(tmp_path)
        target, run = files["ctl"], lambda: read_grads(**files)
    else:
        target = radolan(tmp_path, sized(HEAD), packed=False) if kind == "radolan" else fmi(tmp_path)
        run = lambda: (read_radolan if kind == "radolan" else read_fmi)(target)  # noqa: E731
    good = target.read_bytes()
    refused = 0
    for turn in range(12):
        data = bytearray(good)
        for place in rng.integers(0, min(len(data), 500), 4):
            data[place] = rng.integers(256)
        target.write_bytes(bytes(data[: rng.integers(1, len(data))] if turn % 3 == 0 else data))
        try:
            run()
        except BadInputError:
            refused += 1
    assert refused > 0
