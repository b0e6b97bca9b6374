"""IMERG files: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from risk_models.errors import BadInputError
from risk_models.forecast.readers.imerg import read_imerg
from tests.risk_models.forecast.readers.small_files import Damage, imerg, put, replace


@pytest.mark.parametrize("group", ["Grid", ""])
def test_imerg(tmp_path: Path, group: str) -> None:
    rain, reading = read_imerg(imerg(tmp_path / "half_hour.HDF5", group=group))
    assert rain.rain_mm.dims == ("time", "lat", "lon")
    expected = np.arange(12).reshape(4, 3).T / 2
    expected[0, 0] = np.nan
    np.testing.assert_allclose(rain.rain_mm[0], expected)
    assert rain.time.to_numpy()[0] == np.datetime64("2021-07-20T09:30")  # begin 09:00
    assert rain.attrs["source_label"] == "begin"
    assert rain.quality.to_numpy()[0, [0, 1, 2], [0, 1, 3]].tolist() == [9, 2, 3]
    assert reading.values_missing == 1
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
