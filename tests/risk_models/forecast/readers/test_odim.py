"""ODIM composites: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from risk_models.errors import BadInputError
from risk_models.forecast.readers.imerg import read_imerg
from risk_models.forecast.readers.knmi import read_knmi
from risk_models.forecast.readers.odim import read_odim
from tests.risk_models.forecast.readers.small_files import PLANE, Damage, odim, put, replace


def test_odim_rate(tmp_path: Path) -> None:
    rain, reading = read_odim(odim(tmp_path / "composite.h5"))
    rate = rain.rain_mm[0].to_numpy()[::-1] * 12
    np.testing.assert_allclose(rate, [[12, 0, np.nan, 0], [1] * 4, [2] * 4], rtol=1e-6)
    assert rain.quality.to_numpy()[0, -1].tolist() == [3, 2, 9, 2]
    assert rain.time.to_numpy()[0] == np.datetime64("2021-07-20T09:00")
    assert (np.diff(rain.x), np.diff(rain.y)) == pytest.approx((1000.0, 1000.0))
    assert reading.values_missing == 1
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
