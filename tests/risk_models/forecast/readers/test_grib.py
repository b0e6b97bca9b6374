"""GRIB2 written with ecCodes and read back: buckets, totals, members, grids, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import eccodes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from risk_models.errors import BadInputError
from risk_models.forecast.readers.grib import read_grib
from risk_models.forecast.readers.steps import Accumulation, undo_accumulations

ISSUED = datetime(2021, 7, 20, 0, tzinfo=UTC)
SHAPE = (5, 7)  # 36 to 34 N, 112 to 115 E
MISSING = 9999.0


def message(values: NDArray[Any], step: str | None, **keys: Any) -> bytes:
    """Return one field on the small grid; rows from north to south unless told otherwise."""
    handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
    grid = {
        "Ni": SHAPE[1],
        "Nj": SHAPE[0],
        "latitudeOfFirstGridPointInDegrees": 36.0,
        "latitudeOfLastGridPointInDegrees": 34.0,
        "longitudeOfFirstGridPointInDegrees": 112.0,
        "longitudeOfLastGridPointInDegrees": 115.0,
        "iDirectionIncrementInDegrees": 0.5,
        "jDirectionIncrementInDegrees": 0.5,
        "dataDate": int(ISSUED.strftime("%Y%m%d")),
        "dataTime": ISSUED.hour * 100,
    }
    grid |= {key: keys.pop(key) for key in list(keys) if key in grid}
    product = {"discipline": 0, "parameterCategory": 1, "parameterNumber": 8}
    member = keys.pop("member", None)
    template = (8 if member is None else 11) if step else (0 if member is None else 1)
    for key, value in (grid | {"productDefinitionTemplateNumber": keys.pop("template", template)}).items():
        eccodes.codes_set(handle, key, value)
    if step:
        eccodes.codes_set(handle, "typeOfStatisticalProcessing", keys.pop("process", 1))
        eccodes.codes_set(handle, "stepRange", step)
    if member is not None:
        eccodes.codes_set(handle, "perturbationNumber", member)
    eccodes.codes_set(handle, "bitsPerValue", 24)
    if np.isnan(values).any():
        eccodes.codes_set(handle, "bitmapPresent", 1)
        eccodes.codes_set(handle, "missingValue", MISSING)
    eccodes.codes_set_values(handle, np.where(np.isnan(values), MISSING, values).ravel().astype(float))
    for key, value in (product | keys).items():
        eccodes.codes_set(handle, key, value)
    data = bytes(eccodes.codes_get_message(handle))
    eccodes.codes_release(handle)
    return data


@pytest.fixture
def hourly() -> NDArray[Any]:
    """Rain of 12 hours."""
    return np.random.default_rng(7).gamma(0.6, 8.0, (12, *SHAPE))


def write(folder: Path, messages: Iterable[bytes], name: str = "rain.grib2") -> Path:
    path = folder / name
    path.write_bytes(b"".join(messages))
    return path


def gfs(hourly: NDArray[Any], **keys: Any) -> list[bytes]:
    """Buckets of GFS: they restart every 6 h; every total since the issue is there as well."""
    parts = []
    for end in range(1, 13):
        start = (end - 1) // 6 * 6
        parts.append(message(hourly[start:end].sum(axis=0), f"{start}-{end}", **keys))
        if start:
            parts.append(message(hourly[:end].sum(axis=0), f"0-{end}", **keys))
    return parts


def test_gfs_buckets_are_undone(hourly: NDArray[Any], tmp_path: Path) -> None:
    rain, reading = read_grib(write(tmp_path, gfs(hourly)))
    assert rain.rain_mm.dims == ("member", "time", "lat", "lon")
    np.testing.assert_allclose(rain.rain_mm[0], hourly[:, ::-1], atol=1e-4)
    assert rain.lat.to_numpy().tolist() == [34, 34.5, 35, 35.5, 36]
    assert rain.time.to_numpy()[0] == np.datetime64("2021-07-20T01:00")
    assert (rain.attrs["issued_at"], rain.attrs["step_h"]) == ("2021-07-20T00:00:00+00:00", 1.0)
    assert reading.rows_read == 18
    assert reading.findings == ()


def test_one_file_per_step_is_the_same_as_one_file(hourly: NDArray[Any], tmp_path: Path) -> None:
    whole, _ = read_grib(write(tmp_path, gfs(hourly)))
    paths = [write(tmp_path, [part], f"f{n:02d}.grib2") for n, part in enumerate(gfs(hourly))]
    split, reading = read_grib(paths[::-1])
    np.testing.assert_array_equal(split.rain_mm, whole.rain_mm)
    assert reading.file.startswith("f17.grib2, f16.grib2")


def test_ecmwf_totals_in_metres_with_members(hourly: NDArray[Any], tmp_path: Path) -> None:
    keys = {"parameterNumber": 193, "centre": 98}
    parts = [
        message(hourly[:end].sum(axis=0) / 1000 * (1 + member), f"0-{end}", member=member, **keys)
        for member in (1, 0, 2)
        for end in (3, 6, 12)
    ]
    rain, _ = read_grib(write(tmp_path, parts))
    assert rain.member.to_numpy().tolist() == [0, 1, 2]
    assert rain.interval_h.to_numpy().tolist() == [3, 3, 6]
    assert np.isnan(rain.attrs["step_h"])
    for member in range(3):
        expected = np.stack([hourly[a:b].sum(axis=0) for a, b in ((0, 3), (3, 6), (6, 12))]) * (1 + member)
        np.testing.assert_allclose(rain.rain_mm[member], expected[:, ::-1], atol=1e-3)
    assert rain.attrs["source_unit"] == "m"


def test_missing_cells_stay_unknown(hourly: NDArray[Any], tmp_path: Path) -> None:
    hourly[0, 2, 3] = np.nan
    rain, reading = read_grib(write(tmp_path, [message(hourly[0], "0-1"), message(hourly[:2].sum(axis=0), "0-2")]))
    assert np.isnan(rain.rain_mm.to_numpy()[0, :, 2, 3]).all()
    assert int(rain.rain_mm.isnull().sum()) == reading.values_missing == 2
    assert rain.quality.to_numpy()[0, 0, 2, 3] == 9


def test_lost_step_makes_a_longer_one(hourly: NDArray[Any], tmp_path: Path) -> None:
    parts = [message(hourly[:end].sum(axis=0), f"0-{end}") for end in (1, 2, 4)]
    rain, _ = read_grib(write(tmp_path, parts))
    assert rain.interval_h.to_numpy().tolist() == [1, 1, 2]
    np.testing.assert_allclose(rain.rain_mm[0, 2], hourly[2:4].sum(axis=0)[::-1], atol=1e-4)


def test_step_that_cannot_be_had_is_unknown_and_said(hourly: NDArray[Any], tmp_path: Path) -> None:
    rain, reading = read_grib(write(tmp_path, [message(hourly[0], "0-3"), message(hourly[1], "6-9")]))
    assert np.isnan(rain.rain_mm.to_numpy()[0, 1]).all()
    assert reading.findings[0].message == "1 of 3 steps cannot be had from the file and are unknown"


def test_falling_total_fails_and_is_never_negative(hourly: NDArray[Any], tmp_path: Path) -> None:
    less = hourly[0].copy()
    less[0, 0] = max(less[0, 0] - 5, 0) if less[0, 0] > 5 else less[0, 0]
    first = hourly[0].copy()
    first[0, 0] = less[0, 0] + 5
    rain, reading = read_grib(write(tmp_path, [message(first, "0-1"), message(less, "0-2")]))
    assert np.isnan(rain.rain_mm.to_numpy()[0, 1, -1, 0])
    assert rain.quality.to_numpy()[0, 1, -1, 0] == 4
    assert float(rain.rain_mm.min()) == 0
    assert reading.values_failed == 1


def test_mean_rate_times_its_interval(hourly: NDArray[Any], tmp_path: Path) -> None:
    rate = message(hourly[0] / 3600, "0-3", parameterNumber=7, process=0)
    rain, _ = read_grib(write(tmp_path, [rate]))
    np.testing.assert_allclose(rain.rain_mm[0, 0], hourly[0, ::-1] * 3, rtol=1e-3, atol=1e-3)


def test_instantaneous_rate_needs_an_interval(hourly: NDArray[Any], tmp_path: Path) -> None:
    path = write(tmp_path, [message(hourly[0] / 3600, None, parameterNumber=7, forecastTime=6)])
    with pytest.raises(BadInputError, match="an instantaneous rate needs interval_h"):
        read_grib(path)
    rain, _ = read_grib(path, interval_h=0.5)
    np.testing.assert_allclose(rain.rain_mm[0, 0], hourly[0, ::-1] / 2, rtol=1e-3, atol=1e-3)
    assert rain.time.to_numpy()[0] == np.datetime64("2021-07-20T06:00")


def test_rows_from_the_south_and_longitudes_beyond_180(hourly: NDArray[Any], tmp_path: Path) -> None:
    south = {"latitudeOfFirstGridPointInDegrees": 34.0, "latitudeOfLastGridPointInDegrees": 36.0, "jScansPositively": 1}
    west = {"longitudeOfFirstGridPointInDegrees": 358.5, "longitudeOfLastGridPointInDegrees": 1.5}
    rain, _ = read_grib(write(tmp_path, [message(hourly[0], "0-1", **south, **west)]))
    np.testing.assert_allclose(rain.rain_mm[0, 0], hourly[0], atol=1e-4)
    assert rain.lon.to_numpy().tolist() == [-1.5, -1, -0.5, 0, 0.5, 1, 1.5]


def test_box_keeps_one_cell_around(hourly: NDArray[Any], tmp_path: Path) -> None:
    rain, _ = read_grib(write(tmp_path, gfs(hourly)), bbox=(113.4, 34.6, 113.8, 34.9))
    assert rain.lon.to_numpy().tolist() == [113.0, 113.5, 114.0]
    assert rain.lat.to_numpy()[0] <= 34.6
    assert rain.lat.to_numpy()[-1] >= 34.9
    with pytest.raises(BadInputError, match="the grid does not cover the box"):
        read_grib(tmp_path / "rain.grib2", bbox=(10, 50, 11, 51))


def test_other_fields_are_passed_over(hourly: NDArray[Any], tmp_path: Path) -> None:
    wind = message(hourly[0], None, parameterCategory=2, parameterNumber=2)
    rain, reading = read_grib(write(tmp_path, [wind, message(hourly[1], "0-1"), wind]))
    assert rain.sizes["time"] == 1
    assert reading.rows_read == 3
    with pytest.raises(BadInputError, match="none of 1 fields is rain"):
        read_grib(write(tmp_path, [wind]))


def patched(data: bytes, place: int, value: bytes) -> bytes:
    return data[:place] + value + data[place + len(value) :]


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda d: b"GRIB", "cut within a message"),
        (lambda d: d[:-30], r"claims \d+ bytes"),
        (lambda d: d[:-1] + b"8", "no end mark 7777"),
        (lambda d: patched(d, 7, b"\x01"), r"wrong edition \(found '1'"),
        (lambda d: patched(d, 8, b"\xff" * 8), "cut within a message"),
        (lambda d: patched(d, 16, b"\x00\x00\x00\x00"), "a section is longer than its message"),
        (lambda d: patched(d, d.index(b"\x00\x00\x00\x48\x03") + 6, b"\xff" * 4), "size out of bounds"),
        (lambda d: d + patched(d, 12, b"\x07\xe6"), "several parameters or issues|wrong|cut"),
    ],
)
def test_broken_messages_are_refused(hourly: NDArray[Any], tmp_path: Path, damage: Any, text: str) -> None:
    path = write(tmp_path, [damage(message(hourly[0], "0-1"))])
    with pytest.raises(BadInputError, match=text):
        read_grib(path)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (lambda h: [message(h[0], "0-1"), message(h[1], "0-2", dataDate=20210721)], "several parameters or issues"),
        (
            lambda h: [message(h[0], "0-1"), message(h[1], "0-2", longitudeOfLastGridPointInDegrees=116)],
            "different grids",
        ),
        (lambda h: [message(h[0], "0-1", parameterNumber=193, centre=7)], "a centre other than ECMWF"),
        (lambda h: [message(h[0], "0-1", process=2)], r"unknown statistical process \(found '2'"),
        (lambda h: [message(h[0], None)], "an amount of rain without an interval"),
        (lambda h: [message(h[0] + 9e5, "0-1")], r"no value is possible as rain \(found .*accepted: 0 to 401 mm"),
        (lambda h: [message(h[0], "0-1", month=13)], "time cannot be read"),
        (lambda h: [message(h[0], "0-1", latitudeOfFirstGridPointInDegrees=136)], "column lat: is out of bounds"),
    ],
)
def test_absurd_headers_are_refused(hourly: NDArray[Any], tmp_path: Path, parts: Any, text: str) -> None:
    with pytest.raises(BadInputError, match=text):
        read_grib(write(tmp_path, parts(hourly)))


@pytest.mark.parametrize("packing", ["grid_simple", "grid_ccsds", "grid_complex_spatial_differencing"])
def test_bytes_that_make_the_decoder_abort_are_refused(hourly: NDArray[Any], tmp_path: Path, packing: str) -> None:
    """ecCodes aborts its process on some of these; ours goes on."""
    good = message(hourly[0], "0-1", packingType=packing)
    rng = np.random.default_rng(3)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(15):
        data = bytearray(good)
        for _ in range(3):
            data[rng.integers(16, len(data))] = rng.integers(256)
        try:
            read_grib(write(tmp_path, [bytes(data)]))
            outcomes["read"] += 1
        except BadInputError:
            outcomes["refused"] += 1
    assert sum(outcomes.values()) == 15
    assert outcomes["refused"] > 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rain=st.lists(st.floats(0, 200), min_size=1, max_size=30),
    bucket=st.integers(1, 12),
    drawn=st.randoms(use_true_random=False),
)
def test_undoing_any_buckets_gives_the_hours_back(rain: list[float], bucket: int, drawn: Any) -> None:
    fields = []
    for end in range(1, len(rain) + 1):
        start = (end - 1) // bucket * bucket
        fields.append(Accumulation(3600 * start, 3600 * end, np.array([sum(rain[start:end])]), 1e-9))
    drawn.shuffle(fields)
    steps = undo_accumulations(fields)
    np.testing.assert_allclose([step.rain_mm[0] for step in steps], rain, atol=1e-6)
    assert [step.end_s // 3600 for step in steps] == list(range(1, len(rain) + 1))
    assert sum(step.rain_mm[0] for step in steps) == pytest.approx(sum(rain))
