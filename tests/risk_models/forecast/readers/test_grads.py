"""GrADS grids written small: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from risk_models.errors import BadInputError
from risk_models.forecast.readers.grads import read_grads
from tests.risk_models.forecast.readers.small_files import CTL, grads


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
