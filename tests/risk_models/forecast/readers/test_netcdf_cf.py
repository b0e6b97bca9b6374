"""NetCDF-CF: bounds, labels, units, axes of all kinds, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from risk_models.errors import BadInputError
from risk_models.forecast.readers.netcdf_cf import read_netcdf_cf

HOUR = np.timedelta64(1, "h").astype("timedelta64[ns]")


@pytest.fixture
def grid() -> xr.Dataset:
    rain = np.random.default_rng(1).gamma(0.5, 4.0, (3, 4, 5)).astype("f4")
    rain[0, 1, 2] = np.nan
    end = np.datetime64("2021-07-20T01", "ns") + np.arange(3) * HOUR
    return xr.Dataset(
        {
            "pr": (
                ("time", "lat", "lon"),
                rain,
                {"units": "mm", "standard_name": "precipitation_amount", "cell_methods": "time: sum"},
            ),
            "time_bnds": (("time", "nv"), np.stack([end - HOUR, end], axis=1)),
        },
        coords={
            "time": ("time", end - HOUR // 2, {"bounds": "time_bnds"}),
            "lat": ("lat", [36.0, 35.0, 34.0, 33.0], {"units": "degrees_north"}),
            "lon": ("lon", [112.0, 113, 114, 115, 116], {"units": "degrees_east"}),
        },
    )


def write(dataset: xr.Dataset, folder: Path, **options: Any) -> Path:
    encoding = options.pop("encoding", {})
    if dataset.variables.get("time") is not None and dataset["time"].dtype.kind == "M":
        encoding = {"time": {"units": "minutes since 2021-07-20", "dtype": "i4"}} | encoding
    dataset.to_netcdf(folder / "rain.nc", encoding=encoding, **options)
    return folder / "rain.nc"


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT"])
def test_bounds_give_ends_and_intervals(grid: xr.Dataset, tmp_path: Path, form: str) -> None:
    rain, reading = read_netcdf_cf(write(grid, tmp_path, format=form))
    np.testing.assert_array_equal(rain.rain_mm, grid.pr[:, ::-1])
    assert rain.time.to_numpy()[0] == np.datetime64("2021-07-20T01:00")
    assert rain.interval_h.to_numpy().tolist() == [1, 1, 1]
    assert rain.lat.to_numpy().tolist() == [33, 34, 35, 36]
    assert (rain.attrs["source_label"], rain.attrs["step_h"]) == ("bounds", 1.0)
    assert reading.values_missing == 1


def plain(grid: xr.Dataset) -> xr.Dataset:
    """Take the bounds away."""
    times = grid["time_bnds"].to_numpy()[:, 1]
    return grid.drop_vars("time_bnds").assign_coords(time=times)


@pytest.mark.parametrize(("label", "first"), [("end", "2021-07-20T01:00"), ("begin", "2021-07-20T02:00")])
def test_label_without_bounds(grid: xr.Dataset, tmp_path: Path, label: str, first: str) -> None:
    path = write(plain(grid), tmp_path)
    assert read_netcdf_cf(path, label=label)[0].time.to_numpy()[0] == np.datetime64(first)
    with pytest.raises(BadInputError, match='State label="end" or label="begin"'):
        read_netcdf_cf(path)


def test_rate_is_multiplied_with_its_interval(grid: xr.Dataset, tmp_path: Path) -> None:
    grid["pr"] = (grid.pr / 3600).assign_attrs(units="kg m-2 s-1", standard_name="precipitation_flux")
    rain, _ = read_netcdf_cf(write(grid, tmp_path))
    np.testing.assert_allclose(rain.rain_mm, grid.pr[:, ::-1] * 3600, rtol=1e-5)


def test_packed_numbers_and_fill_values(grid: xr.Dataset, tmp_path: Path) -> None:
    packing = {"pr": {"dtype": "i2", "scale_factor": 0.1, "_FillValue": -1}}
    rain, _ = read_netcdf_cf(write(grid, tmp_path, encoding=packing))
    np.testing.assert_allclose(rain.rain_mm, grid.pr[:, ::-1], atol=0.051)
    assert int(rain.rain_mm.isnull().sum()) == 1


def test_members_issue_time_and_box(grid: xr.Dataset, tmp_path: Path) -> None:
    many = grid.assign(pr=grid.pr.expand_dims(realization=[0, 1]).transpose("time", "realization", "lat", "lon"))
    many = many.assign_coords(forecast_reference_time=np.datetime64("2021-07-19T12", "ns"))
    rain, _ = read_netcdf_cf(write(many, tmp_path), bbox=(113.2, 34.2, 113.4, 34.4))
    assert dict(rain.rain_mm.sizes) == {"member": 2, "time": 3, "lat": 3, "lon": 3} or rain.sizes["member"] == 2
    assert rain.rain_mm.dims == ("member", "time", "lat", "lon")
    assert rain.lon.to_numpy().tolist()[0] <= 113.2
    assert rain.attrs["issued_at"] == "2021-07-19T12:00:00+00:00"


def test_offset_in_the_unit_of_time(grid: xr.Dataset, tmp_path: Path) -> None:
    path = write(
        plain(grid).assign_coords(time=("time", [9, 10, 11], {"units": "hours since 2021-07-20 00:00:00 +08:00"})),
        tmp_path,
    )
    assert read_netcdf_cf(path, label="end")[0].time.to_numpy()[0] == np.datetime64("2021-07-20T01:00")


def test_gauges_with_names(tmp_path: Path) -> None:
    end = np.datetime64("2021-07-20T01", "ns") + np.arange(2) * HOUR
    gauges = xr.Dataset(
        {"rain": (("station", "time"), [[1.0, 2.0], [3.0, np.nan]], {"units": "mm", "label": "end"})},
        coords={"time": end, "station": ["57083", "57091"], "lat": ("station", [34.7, 34.8])},
    )
    rain, _ = read_netcdf_cf(write(gauges, tmp_path))
    assert rain.gauge.to_numpy().tolist() == ["57083", "57091"]
    np.testing.assert_array_equal(rain.rain_mm, [[1, 3], [2, np.nan]])
    assert rain.lat.to_numpy().tolist() == [34.7, 34.8]


def rain_as(values: Any, **attrs: str) -> Callable[[xr.Dataset], xr.Dataset]:
    return lambda d: d.assign(pr=(d.pr.dims, values(d.pr.to_numpy()), {"units": "mm"} | attrs))


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda d: d.assign(pr=d.pr.assign_attrs(units="K")), r"column pr: is no unit of rain \(found 'K'"),
        (lambda d: d.assign(pr=d.pr.drop_attrs()), "column pr: is no unit of rain"),
        (lambda d: d.assign(t2m=d.pr.drop_attrs()).drop_vars("pr"), "no variable is rain.*State variable"),
        (lambda d: d.assign(rain=d.pr), r"several variables are rain \(found 'pr, rain'"),
        (lambda d: d.expand_dims(level=2, height=3), "column pr: wrong dimensions"),
        (lambda d: d.assign_coords(lat=[1, 2, 3, 400]), "column lat: is out of bounds"),
        (lambda d: d.assign_coords(lat=[1, 2, np.nan, 4]), "column lat: is out of bounds"),
        (lambda d: d.assign_coords(lat=[1, 2, 2, 4]), "column lat: has a value twice"),
        (lambda d: d.drop_vars("lat"), "column lat: coordinate is missing"),
        (lambda d: d.drop_vars(["time", "time_bnds"]), "column time: times are missing"),
        (lambda d: d.assign(time_bnds=d.time_bnds[:, [1, 1]]), "interval out of bounds"),
        (lambda d: d.drop_vars("time_bnds"), "column time_bnds: bounds cannot be read"),
        (rain_as(lambda rain: rain + 1e6), "no value is possible as rain"),
        (rain_as(lambda rain: np.where(rain > 1, np.inf, -np.inf)), "no value is possible as rain"),
        (rain_as(lambda rain: np.full(rain.shape, "wet")), "column pr: rain is no number"),
        (lambda d: d.isel(time=[0, 0, 1]), "step ends must rise"),
        (lambda d: plain(d).assign_coords(time=[1.0, 2.0, 3.0]), "column time: is no time"),
        (lambda d: d.assign_attrs(issued_at="yesterday"), "issue time cannot be read"),
    ],
)
def test_unclear_files_are_refused(
    grid: xr.Dataset, tmp_path: Path, damage: Callable[[xr.Dataset], xr.Dataset], text: str
) -> None:
    path = write(damage(grid), tmp_path)
    with pytest.raises(BadInputError, match=f"rain.nc.*({text})"):
        read_netcdf_cf(path)


def test_stated_unit_may_not_contradict(grid: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="the file states another unit"):
        read_netcdf_cf(write(grid, tmp_path), unit="m")


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_CLASSIC"])
def test_random_damage_is_read_or_refused(grid: xr.Dataset, tmp_path: Path, form: str) -> None:
    good = write(grid, tmp_path, format=form).read_bytes()
    rng = np.random.default_rng(5)
    path = tmp_path / "damaged.nc"
    refused = 0
    for turn in range(12):
        data = bytearray(good)
        for place in rng.integers(0, len(data), 20):
            data[place] = rng.integers(256)
        path.write_bytes(bytes(data[: rng.integers(1, len(data))] if turn % 3 == 0 else data))
        try:
            read_netcdf_cf(path, label="end")
        except BadInputError as error:
            refused += "damaged.nc" in str(error)
    assert refused > 0
