"""The door to the readers, what they share, and decoding in a process of its own."""

from __future__ import annotations

import inspect
import os
import time
from pathlib import Path

import numpy as np
import pytest

from risk_models.errors import BadInputError, ConfigError, refuse
from risk_models.forecast.readers.apart import decode_apart
from risk_models.forecast.readers.field import Header, build_field, rain_ceiling_mm
from risk_models.forecast.readers.registry import KINDS, read_any, reader_of
from risk_models.forecast.readers.units import rain_unit


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_in_the_table_and_refuses_an_absent_file(kind: str, tmp_path: Path) -> None:
    assert f"\n    {kind} " in inspect.getsource(read_any)
    options = {"gauge_table": {"timezone": "UTC"}, "grads": {"ctl": tmp_path / "absent.ctl"}}.get(kind, {})
    with pytest.raises(BadInputError, match=r"absent\.\w+: no such file"):
        read_any(tmp_path / "absent.dat", kind=kind, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_in_the_table_is_one_of_the_reader(kind: str) -> None:
    table = inspect.getdoc(read_any) or ""
    named = [name for name in inspect.signature(reader_of(kind)).parameters if name != "path"]
    for name in named:
        assert name in table


def test_options_are_checked_before_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"kind 'gauge_table': missing a required.*'timezone'"):
        read_any(tmp_path / "a.csv", kind="gauge_table")
    with pytest.raises(ConfigError, match="reads one file at a time"):
        read_any([tmp_path / "a.csv"], kind="gauge_table", timezone="UTC")
    with pytest.raises(ConfigError, match="nearest: 'grib'"):
        read_any(tmp_path / "a", kind="grib2")


def test_decoder_that_dies_hangs_or_devours_memory_is_refused() -> None:
    with pytest.raises(BadInputError, match=r"broke down on the file.*SIGABRT"):
        decode_apart("a.bin", os.abort)
    with pytest.raises(BadInputError, match=r"was not done after 0.2 s"):
        decode_apart("a.bin", lambda: time.sleep(600), time_limit_s=0.2)  # type: ignore[arg-type,return-value]
    with pytest.raises(BadInputError, match=r"cannot be read \(found '.*MemoryError'"):
        decode_apart("a.bin", lambda: ({}, [np.ones(2_000_000_000)]))


def test_findings_and_arrays_come_through_whole() -> None:
    with pytest.raises(BadInputError, match=r"a.bin, column lat: is out of bounds \(found '91'; accepted: 90\)"):
        decode_apart("a.bin", lambda: refuse("a.bin", "bad", "is out of bounds", column="lat", value=91, accepted="90"))
    sent = [np.arange(6, dtype="f4").reshape(2, 3), np.zeros((0, 2)), np.array([1], "i1")]
    head, arrays = decode_apart("a.bin", lambda: ({"a": [1, None]}, sent))
    assert head == {"a": [1, None]}
    for ours, theirs in zip(sent, arrays, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_ceiling_lies_above_the_records() -> None:
    for hours, record_mm in ((1 / 60, 38), (0.25, 198), (1, 401), (24, 1825)):
        assert rain_ceiling_mm(hours) >= record_mm


@pytest.mark.parametrize("text", ["", "K", "mm2", "dBZ", "m/s2", "percent"])
def test_what_is_no_unit_of_rain(text: str) -> None:
    assert rain_unit(text) is None


def test_impossible_values_fail_and_the_rest_stays() -> None:
    header = Header(kind="grib", file="a.grib2", sha256="", variable="rain", unit="mm", label="end")
    rain = np.array([[-1e-4, 5.0, -3.0, 500.0, np.nan, np.inf]])
    end = np.array(["2021-07-20T09"], "datetime64[ns]")
    built = build_field(rain, ("time", "point"), end=end, interval_h=1.0, coords={}, header=header)
    np.testing.assert_array_equal(built.rain_mm[0], [0, 5, np.nan, np.nan, np.nan, np.nan])
    assert built.quality.to_numpy()[0].tolist() == [2, 2, 4, 4, 9, 4]
    assert np.isinf(rain[0, -1])  # the input is not changed
    with pytest.raises(BadInputError, match=r"no value is possible as rain \(found '-3 to -3'"):
        build_field(rain[:, 2:3], ("time", "point"), end=end, interval_h=1.0, coords={}, header=header)
