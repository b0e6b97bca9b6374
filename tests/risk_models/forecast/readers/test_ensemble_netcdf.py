"""Ensemble NetCDF: what is read, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from risk_models.errors import BadInputError
from risk_models.forecast.readers.ensemble_netcdf import read_ensemble


@pytest.fixture
def ensemble() -> xr.Dataset:
    rain = np.random.default_rng(1).gamma(0.5, 4.0, (3, 4, 2, 5)).astype(np.float32)
    end = np.datetime64("2021-07-20T01", "ns") + np.arange(4) * np.timedelta64(1, "h")
    return xr.Dataset(
        {"rain_mm": (("member", "time", "lat", "lon"), rain, {"units": "mm"})},
        coords={"member": [0, 1, 2], "time": end, "lat": [34.6, 34.8], "lon": np.linspace(113.4, 113.8, 5)},
        attrs={"issued_at": "2021-07-20T08:00:00+08:00"},
    )


def write(dataset: xr.Dataset, folder: Path) -> Path:
    path = folder / "ensemble.nc"
    dataset.to_netcdf(path, engine="netcdf4")
    return path


def test_reads_values_times_and_issue(ensemble: xr.Dataset, tmp_path: Path) -> None:
    result, reading = read_ensemble(write(ensemble, tmp_path))
    np.testing.assert_array_equal(result.rain_mm, ensemble.rain_mm)
    assert result.rain_mm.dtype == np.float32
    assert result.attrs["issued_at"] == "2021-07-20T00:00:00+00:00"
    assert result.attrs["step_h"] == 1.0
    assert result.time.dtype == "datetime64[ns]"
    assert reading.rows_read == 4
    assert reading.first_value_at.isoformat() == "2021-07-20T01:00:00+00:00"


def test_axes_are_brought_into_order(ensemble: xr.Dataset, tmp_path: Path) -> None:
    turned = ensemble.isel(lat=slice(None, None, -1), lon=slice(None, None, -1)).transpose(
        "time", "lat", "lon", "member"
    )
    result, _ = read_ensemble(write(turned, tmp_path))
    np.testing.assert_array_equal(result.rain_mm, ensemble.rain_mm)
    np.testing.assert_array_equal(result.lat, ensemble.lat)


def test_rounding_below_zero_is_dry(ensemble: xr.Dataset, tmp_path: Path) -> None:
    ensemble["rain_mm"][0, 0, 0, 0] = -1e-4
    result, _ = read_ensemble(write(ensemble, tmp_path))
    assert result.rain_mm.to_numpy()[0, 0, 0, 0] == 0


def put(value: float) -> Callable[[xr.Dataset], xr.Dataset]:
    def damage(dataset: xr.Dataset) -> xr.Dataset:
        rain = dataset["rain_mm"].copy()
        rain[0, 0, 0, 0] = value
        return dataset.assign(rain_mm=rain)

    return damage


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda d: d.rename(rain_mm="tp"), r"column rain_mm: variable is missing \(found 'tp'"),
        (lambda d: d.isel(member=0), "column rain_mm: wrong dimensions"),
        (lambda d: d.assign(rain_mm=d.rain_mm.assign_attrs(units="m")), r"wrong units \(found 'm'; accepted: mm\)"),
        (lambda d: d.assign(rain_mm=d.rain_mm.drop_attrs()), r"wrong units \(found 'None'"),
        (
            lambda d: d.isel(member=np.zeros(101, int)),
            r"column member: size out of bounds \(found '101'; accepted: 1 to 100",
        ),
        (lambda d: d.assign(rain_mm=d.rain_mm.astype("i4").assign_attrs(units="mm")), "is no floating-point variable"),
        (lambda d: d.drop_vars("lat"), "column lat: coordinate is missing"),
        (lambda d: d.assign_coords(lat=[34.6, 340]), "column lat: is out of bounds"),
        (lambda d: d.isel(lon=[0, 2, 1, 3, 4]), "column lon: must rise or fall throughout"),
        (lambda d: d.isel(time=[0, 2, 1, 3]), "column time: must rise by one regular step"),
        (lambda d: d.assign_coords(time=[1.0, 2.0, 3.0, 4.0]), "column time: is no time"),
        (lambda d: d.assign_attrs(issued_at="2021-07-20T02:00:00+00:00"), "first step ends before the issue time"),
        (lambda d: d.assign_attrs(issued_at="2021-07-20T00:00:00"), "column issued_at: issue time cannot be read"),
        (lambda d: d.drop_attrs(), "wrong units|issue time cannot be read"),
        (put(np.nan), r"values are missing or infinite \(found '1'"),
        (put(np.inf), "values are missing or infinite"),
        (put(-1.0), "rain is out of bounds"),
        (put(402.0), "rain is out of bounds"),
    ],
)
def test_broken_file_is_refused_and_named(
    ensemble: xr.Dataset, tmp_path: Path, damage: Callable[[xr.Dataset], xr.Dataset], text: str
) -> None:
    with pytest.raises(BadInputError, match=text):
        read_ensemble(write(damage(ensemble), tmp_path))


@pytest.mark.parametrize("content", [b"time,57083\n", b"\x89HDF\r\n\x1a\n" + b"\0" * 64])
def test_what_is_no_netcdf_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "fake.nc"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match=r"fake.nc: (is no NetCDF file|cannot be read)"):
        read_ensemble(path)
