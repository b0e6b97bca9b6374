"""ODIM composites, KNMI maps and IMERG in HDF5: what is read, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from risk_models.errors import BadInputError
from risk_models.forecast.readers.imerg import read_imerg
from risk_models.forecast.readers.knmi import read_knmi
from risk_models.forecast.readers.odim import read_odim

PLANE = "+proj=stere +lat_0=90 +lon_0=0 +lat_ts=60 +ellps=WGS84"
Damage = Callable[[h5py.File], Any]


def odim(path: Path, *, quantity: str = "RATE", damage: Damage | None = None) -> Path:
    """Write a composite of 3 rows and 4 columns: north-west is the first cell."""
    with h5py.File(path, "w") as file:
        file.attrs["Conventions"] = np.bytes_("ODIM_H5/V2_2")
        for name, attrs in {
            "what": {"object": b"COMP", "date": b"20210720", "time": b"090000"},
            "where": {
                "projdef": PLANE.encode(),
                "xsize": 4,
                "ysize": 3,
                "xscale": 1000.0,
                "yscale": 1000.0,
                "UL_lon": 5.0,
                "UL_lat": 52.0,
            },
            "dataset1/what": {
                "startdate": b"20210720",
                "starttime": b"085500",
                "enddate": b"20210720",
                "endtime": b"090000",
            },
            "dataset1/data1/what": {
                "quantity": quantity.encode(),
                "gain": 0.5,
                "offset": -1.0,
                "nodata": 255.0,
                "undetect": 0.0,
            },
            "dataset1/data1/quality1/what": {"quantity": b"QIND", "gain": 0.01, "offset": 0.0},
        }.items():
            for key, value in attrs.items():
                file.require_group(name).attrs[key] = np.bytes_(value) if isinstance(value, bytes) else value
        raw = np.array([[26, 0, 255, 2], [4, 4, 4, 4], [6, 6, 6, 6]], dtype="u1")
        file["dataset1/data1/data"] = raw
        index = np.full((3, 4), 90, dtype="u1")
        index[0, 0] = 20
        file["dataset1/data1/quality1/data"] = index
        if damage is not None:
            damage(file)
    return path


def test_odim_rate(tmp_path: Path) -> None:
    rain, report = read_odim(odim(tmp_path / "composite.h5"))
    rate = rain.rain_mm[0].to_numpy()[::-1] * 12
    np.testing.assert_allclose(rate, [[12, 0, np.nan, 0], [1] * 4, [2] * 4], rtol=1e-6)
    assert rain.quality.to_numpy()[0, -1].tolist() == [3, 2, 9, 2]
    assert rain.time.to_numpy()[0] == np.datetime64("2021-07-20T09:00")
    assert (np.diff(rain.x), np.diff(rain.y)) == pytest.approx((1000.0, 1000.0))
    assert report.values_missing == 1
    assert rain.attrs["crs"] == PLANE


def test_odim_amount_is_not_multiplied(tmp_path: Path) -> None:
    rain, _ = read_odim(odim(tmp_path / "composite.h5", quantity="ACRR"), interval_h=24)
    assert float(rain.rain_mm[0, -1, 0]) == 12
    assert rain.attrs["step_h"] == pytest.approx(1 / 12)


def test_odim_reflectivity_needs_a_relation(tmp_path: Path) -> None:
    path = odim(tmp_path / "composite.h5", quantity="DBZH")
    with pytest.raises(BadInputError, match=r"needs a relation Z = a R\^b.*State relation, e.g. \(200, 1.6\)"):
        read_odim(path)
    rain, _ = read_odim(path, relation=(200, 1.6))
    top = rain.rain_mm[0, -1].to_numpy() * 12
    np.testing.assert_allclose(top[[0, 1]], [(10**1.2 / 200) ** (1 / 1.6), 0], rtol=1e-5)
    assert np.isnan(top[2])


def put(name: str, key: str, value: Any) -> Damage:
    return lambda file: file[name].attrs.__setitem__(key, value)


def replace(name: str, value: Any) -> Damage:
    def damage(file: h5py.File) -> None:
        del file[name]
        file[name] = value

    return damage


def external_storage(file: h5py.File) -> None:
    del file["dataset1/data1/data"]
    file["dataset1/data1"].create_dataset("data", (3, 4), "u1", external=[("/etc/passwd", 0, 12)])


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (put("/", "Conventions", "CF-1.8"), r"column Conventions: is no ODIM_H5 \(found 'CF-1.8'"),
        (put("what", "object", "PVOL"), "is no composite"),
        (put("where", "xsize", 10**9), r"column xsize: attribute is out of bounds \(found '1000000000'"),
        (put("where", "xsize", 5), r"column /dataset1/data1/data: wrong shape \(found '\(3, 4\)'; accepted: \(3, 5\)"),
        (put("where", "xscale", 0.0), "column xscale: attribute is out of bounds"),
        (put("where", "xscale", np.nan), "column xscale: attribute is out of bounds"),
        (put("where", "UL_lat", 95.0), "column UL_lat: attribute is out of bounds"),
        (put("where", "projdef", "nonsense"), "projection cannot be read"),
        (put("dataset1/what", "endtime", "990000"), "time cannot be read"),
        (put("dataset1/what", "endtime", "085500"), "start and end are the same time.*State interval_h"),
        (put("dataset1/what", "endtime", "080000"), "interval out of bounds"),
        (put("dataset1/what", "enddate", "00010720"), "time out of bounds"),
        (put("dataset1/data1/what", "gain", np.inf), "column gain: attribute is out of bounds"),
        (put("dataset1/data1/what", "gain", "fast"), "column gain: attribute is out of bounds"),
        (put("dataset1/data1/what", "gain", 0.0), "column gain: attribute is out of bounds"),
        (put("dataset1/data1/what", "quantity", "VRAD"), r"no quantity is rain \(found 'VRAD'"),
        (put("dataset1/data1/what", "gain", 1e6), "no value is possible as rain|cannot be rain"),
        (lambda file: file.__delitem__("where"), "column /where: group is missing"),
        (replace("dataset1/data1/data", np.bytes_("text")), "holds no numbers|wrong shape"),
        (replace("dataset1/data1/data", h5py.SoftLink("/what")), "a link may point outside the file"),
        (replace("dataset1/data1/data", h5py.ExternalLink("other.h5", "/data")), "a link may point outside the file"),
        (external_storage, "data are stored outside the file"),
    ],
)
def test_absurd_composites_are_refused(tmp_path: Path, damage: Damage, text: str) -> None:
    path = odim(tmp_path / "composite.h5", damage=damage)
    if "cannot be rain" in text:
        assert read_odim(path)[1].values_failed > 0
    else:
        with pytest.raises(BadInputError, match=f"composite.h5.*({text})"):
            read_odim(path)


def test_what_is_no_hdf5_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    for content in (b"<html>", b"\x89HDF\r\n\x1a\n" + b"\0" * 200):
        path.write_bytes(content)
        for reader in (read_odim, read_knmi, read_imerg):
            with pytest.raises(BadInputError, match=r"a.h5: (is no HDF5 file|cannot be read)"):
                reader(path)


def knmi(path: Path, damage: Damage | None = None) -> Path:
    with h5py.File(path, "w") as file:
        for name, attrs in {
            "overview": {
                "number_image_groups": 1,
                "product_datetime_start": "26-AUG-2010;03:40:00.000",
                "product_datetime_end": "26-AUG-2010;03:45:00.000",
            },
            "geographic": {
                "geo_dim_pixel": "KM,KM",
                "geo_number_columns": 700,
                "geo_number_rows": 765,
                "geo_pixel_size_x": 1.0,
                "geo_pixel_size_y": -1.0,
                "geo_column_offset": 0.0,
                "geo_row_offset": 3650.0,
                "geo_product_corners": np.array([0, 49.362, 0, 55.974, 10.856, 55.389, 9.009, 48.895]),
            },
            "geographic/map_projection": {
                "projection_proj4_params": "+proj=stere +lat_0=90 +lon_0=0 +lat_ts=60 +a=6378.14 +b=6356.75"
            },
            "image1": {"image_geo_parameter": "ACCUMULATED_PRECIPITATION_[MM]"},
            "image1/calibration": {
                "calibration_formulas": "GEO=0.01*PV+0.0",
                "calibration_missing_data": 65535,
                "calibration_out_of_image": 65535,
            },
        }.items():
            file.require_group(name).attrs.update(attrs)
        raw = np.zeros((765, 700), dtype="u2")
        raw[0, :3] = 65535, 128, 0
        file.create_dataset("image1/image_data", data=raw, compression="gzip")
        if damage is not None:
            damage(file)
    return path


def test_knmi(tmp_path: Path) -> None:
    rain, _ = read_knmi(knmi(tmp_path / "map.h5"))
    np.testing.assert_allclose(rain.rain_mm[0, -1, :3], [np.nan, 1.28, 0], rtol=1e-6)
    assert rain.y.to_numpy()[-1] == pytest.approx(-3_650_500)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (put("image1", "image_geo_parameter", "REFLECTIVITY_[DBZ]"), "column image_geo_parameter: is no rain"),
        (put("image1/calibration", "calibration_formulas", "GEO=exec"), "formula cannot be read"),
        (put("image1/calibration", "calibration_formulas", "GEO=1e9*PV+0.0"), "formula is out of bounds"),
        (put("image1/calibration", "calibration_formulas", "GEO=-*PV+."), "formula is out of bounds"),
        (put("overview", "product_datetime_end", "26-AUG-2010"), "time cannot be read"),
        (put("overview", "product_datetime_end", "26-AUG-2010;03:30:00.000"), "interval out of bounds"),
        (put("overview", "number_image_groups", 25), "several images in one file"),
        (put("geographic", "geo_number_rows", 1_000_000), "geo_number_rows: attribute is out of bounds"),
        (put("geographic", "geo_number_rows", 764), "wrong shape"),
        (put("geographic", "geo_row_offset", 3000.0), "corner and offsets disagree"),
        (put("geographic", "geo_product_corners", np.array([1.0, np.nan])), "geo_product_corners"),
        (put("geographic", "geo_dim_pixel", "M,M"), "unknown unit of cells"),
    ],
)
def test_absurd_maps_are_refused(tmp_path: Path, damage: Damage, text: str) -> None:
    with pytest.raises(BadInputError, match=f"map.h5.*({text})"):
        read_knmi(knmi(tmp_path / "map.h5", damage))


def imerg(path: Path, damage: Damage | None = None, *, group: str = "Grid") -> Path:
    """Write a half hour on 4 longitudes and 3 latitudes, as (time, lon, lat)."""
    with h5py.File(path, "w") as file:
        grid = file.require_group(group) if group else file
        rain = np.arange(12, dtype="f4").reshape(1, 4, 3)
        rain[0, 0, 0] = -9999.9
        quality = np.full((1, 4, 3), 0.8, dtype="f4")
        quality[0, 3, 2] = 0.3
        begin = 1_626_771_600  # 2021-07-20 09:00 UTC
        for name, values in {
            "lon": [112.05, 112.15, 112.25, 112.35],
            "lat": [34.05, 34.15, 34.25],
            "time": np.array([begin], "i4"),
            "time_bnds": np.array([[begin, begin + 1800]], "i4"),
            "precipitation": rain,
            "precipitationQualityIndex": quality,
        }.items():
            grid[name] = values
        grid["precipitation"].attrs.update(
            {"units": "mm/hr", "_FillValue": np.float32(-9999.9), "DimensionNames": "time,lon,lat"}
        )
        grid["time"].attrs["units"] = "seconds since 1970-01-01 00:00:00 UTC"
        if damage is not None:
            damage(file)
    return path


@pytest.mark.parametrize("group", ["Grid", ""])
def test_imerg(tmp_path: Path, group: str) -> None:
    rain, report = read_imerg(imerg(tmp_path / "half_hour.HDF5", group=group))
    assert rain.rain_mm.dims == ("time", "lat", "lon")
    expected = np.arange(12).reshape(4, 3).T / 2
    expected[0, 0] = np.nan
    np.testing.assert_allclose(rain.rain_mm[0], expected)
    assert rain.time.to_numpy()[0] == np.datetime64("2021-07-20T09:30")  # begin 09:00
    assert rain.attrs["source_label"] == "begin"
    assert rain.quality.to_numpy()[0, [0, 1, 2], [0, 1, 3]].tolist() == [9, 2, 3]
    assert report.values_missing == 1
    box, _ = read_imerg(tmp_path / "half_hour.HDF5", bbox=(112.2, 34.0, 112.3, 34.1))
    np.testing.assert_array_equal(box.rain_mm[0], rain.rain_mm[0, :2, 1:4])


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (put("Grid/precipitation", "units", "K"), r"column precipitation: is no unit of rain \(found 'K'"),
        (put("Grid/precipitation", "DimensionNames", "time,lon,level"), "wrong dimensions"),
        (put("Grid/precipitation", "DimensionNames", "time,lat,lon"), "wrong shape"),
        (put("Grid/time", "units", "fortnights since the flood"), "time cannot be read"),
        (replace("Grid/lat", np.array([34.05, np.nan, 34.25])), "column lat: is out of bounds"),
        (replace("Grid/lat", np.array([34.05, 34.05, 34.25])), "column lat: has a value twice"),
        (replace("Grid/time_bnds", np.array([[0, 0]])), "interval out of bounds"),
        (replace("Grid/time_bnds", np.array([[0, 10**15]])), "time cannot be read|time out of bounds"),
        (lambda file: file.__delitem__("Grid/time_bnds"), "time_bnds: dataset is missing"),
        (lambda file: file.__delitem__("Grid/precipitation"), "no variable is rain"),
        (replace("Grid/lat", np.float64(34.0)), "axes must have one dimension"),
    ],
)
def test_absurd_imerg_is_refused(tmp_path: Path, damage: Damage, text: str) -> None:
    path = tmp_path / "half_hour.HDF5"
    imerg(path)
    with h5py.File(path, "a") as file:
        units = dict(file["Grid/time"].attrs)
        damage(file)
        assert units
    with pytest.raises(BadInputError, match=f"half_hour.HDF5.*({text})"):
        read_imerg(path)


@pytest.mark.parametrize("kind", ["odim", "knmi", "imerg"])
def test_random_damage_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    write, read = {"odim": (odim, read_odim), "knmi": (knmi, read_knmi), "imerg": (imerg, read_imerg)}[kind]
    good = write(tmp_path / "good.h5").read_bytes()
    rng = np.random.default_rng(11)
    refused = 0
    for turn in range(12):
        data = bytearray(good)
        for place in rng.integers(0, min(len(data), 6000), 8):
            data[place] = rng.integers(256)
        if turn % 3 == 0:
            data = data[: rng.integers(1, len(data))]
        path = tmp_path / "damaged.h5"
        path.write_bytes(bytes(data))
        try:
            read(path)
        except BadInputError as error:
            refused += "damaged.h5" in str(error)
    assert refused > 0
