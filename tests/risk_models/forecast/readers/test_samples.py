"""Real files of every format read to the values stated with them; broken answers are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from risk_models.errors import BadInputError
from risk_models.forecast.readers.registry import read_any


@pytest.fixture(scope="module")
def samples(shared_data: Path) -> Path:
    return shared_data / "format_samples"


def mean(rain: xr.DataArray) -> float:
    return float(np.nanmean(rain.to_numpy().astype(np.float64)))


def test_mrms(samples: Path) -> None:
    rain, reading = read_any(samples / "PrecipRate_00.00_20190610-000000.grib2", kind="grib")
    rate = rain.rain_mm * 30  # two minutes
    assert dict(rain.sizes) == {"member": 1, "time": 1, "lat": 3500, "lon": 7000}
    assert (rain.lat.to_numpy()[-1], rain.lon.to_numpy()[0]) == pytest.approx((54.995, 230.005 - 360))
    assert reading.values_missing == 8_769_493
    assert float(rate.max()) == pytest.approx(148.8, abs=1e-3)
    assert mean(rate) == pytest.approx(0.13520, abs=5e-6)
    assert rain.attrs["issued_at"] == ""


def test_mrms_cut_to_a_box(samples: Path) -> None:
    path = samples / "PrecipRate_00.00_20190610-000000.grib2"
    rain, _ = read_any(path, kind="grib", bbox=(-95.0, 30.0, -94.0, 30.5))
    assert rain.sizes["lat"] in (51, 52, 53)
    assert rain.lat.to_numpy()[0] <= 30 <= 30.5 <= rain.lat.to_numpy()[-1]
    assert rain.lon.to_numpy()[0] <= -95 < -94 <= rain.lon.to_numpy()[-1]


@pytest.mark.parametrize(
    ("name", "largest", "average", "end", "hours"),
    [
        ("raa01-rw_10000-1408102050-dwd---bin.gz", 38.6, 0.66924, "2014-08-10T20:50", 1),
        ("raa01-sf_10000-1406100050-dwd---bin.gz", 346.2, 2.97432, "2014-06-10T00:50", 24),
    ],
)
def test_radolan(samples: Path, name: str, largest: float, average: float, end: str, hours: float) -> None:
    rain, _ = read_any(samples / name, kind="radolan")
    assert dict(rain.rain_mm.sizes) == {"time": 1, "y": 900, "x": 900}
    assert float(rain.rain_mm.max()) == pytest.approx(largest, abs=1e-4)
    assert mean(rain.rain_mm) == pytest.approx(average, abs=5e-6)
    assert rain.time.to_numpy()[0] == np.datetime64(end)
    assert rain.attrs["step_h"] == hours
    # The published lower left corner of the national grid: 523.462 km west, 4658.645 km south of the pole.
    assert rain.x.to_numpy()[0] - 500 == pytest.approx(-523_462, abs=1)
    assert rain.y.to_numpy()[0] - 500 == pytest.approx(-4_658_645, abs=1)


@pytest.mark.parametrize(("lead", "average"), [(0, 0.00041), (60, 0.00034)])
def test_radvor_forecast(samples: Path, lead: int, average: float) -> None:
    rain, _ = read_any(samples / f"RE2210180700_{lead:03d}.gz", kind="radolan")
    assert mean(rain.rain_mm) == pytest.approx(average, abs=5e-6)
    assert rain.rain_mm.dims == ("member", "time", "y", "x")
    issued = datetime.fromisoformat(rain.attrs["issued_at"]).replace(tzinfo=None)
    assert rain.time.to_numpy()[0] - np.datetime64(issued) == np.timedelta64(lead, "m")


def test_knmi(samples: Path) -> None:
    rain, reading = read_any(samples / "RAD_NL25_RAP_5min_201008260345.h5", kind="knmi")
    assert dict(rain.rain_mm.sizes) == {"time": 1, "y": 765, "x": 700}
    assert float(rain.rain_mm.max()) == pytest.approx(1.28, abs=1e-4)
    assert mean(rain.rain_mm) == pytest.approx(0.03127, abs=5e-6)
    assert rain.time.to_numpy()[0] == np.datetime64("2010-08-26T03:45")
    assert rain.attrs["step_h"] == pytest.approx(5 / 60)
    assert reading.values_missing > 0


def test_knmi_series_has_its_stated_maximum(shared_data: Path) -> None:
    folder = shared_data / "knmi_radar_20100826"
    peaks = [float(read_any(path, kind="knmi")[0].rain_mm.max()) for path in sorted(folder.glob("*.h5"))[::10]]
    assert len(peaks) == 10
    assert max(peaks) <= 2.45 + 1e-4


def test_netcdf_radar(samples: Path) -> None:
    path = samples / "openMRG_example_rad_20150827_90minutes.nc"
    rain, _ = read_any(path, kind="netcdf_cf", label="end")
    rate = rain.rain_mm * 12  # five minutes
    assert dict(rain.rain_mm.sizes) == {"time": 19, "y": 48, "x": 37}
    assert float(rate.max()) == pytest.approx(68.68, abs=1e-3)
    assert mean(rate) == pytest.approx(1.47096, abs=5e-6)
    assert rain.lat.dims == ("y", "x")
    assert (np.diff(rain.lat.to_numpy(), axis=0) > 0).all()
    with pytest.raises(BadInputError, match="times have no bounds and no label"):
        read_any(path, kind="netcdf_cf")


def test_netcdf_gauges(shared_data: Path) -> None:
    path = shared_data / "openmrg_gothenburg" / "openMRG_city_gauges_20150827.nc"
    rain, _ = read_any(path, kind="netcdf_cf", label="end", unit="mm")
    assert rain.rain_mm.dims == ("time", "gauge")
    assert "Askim" in rain.gauge.to_numpy()
    totals = rain.rain_mm.sum("time")
    assert (float(totals.min()), float(totals.max())) == pytest.approx((17.0, 36.6), abs=0.05)
    with pytest.raises(BadInputError, match="column rainfall_amount: is no unit of rain"):
        read_any(path, kind="netcdf_cf", label="end")


def test_grads(samples: Path) -> None:
    path = samples / "SEVP_CLI_CHN_MERGE_CMP_PRE_HOUR_GRID_0.10-2016070603.grd"
    ctl = samples / "CHN_PRCP_HOUR_MERG_0.1deg.ctl"
    rain, _ = read_any(path, kind="grads", ctl=ctl, end_at=datetime(2016, 7, 6, 3, tzinfo=UTC), step_h=1.0)
    place = rain.rain_mm[0].to_numpy()
    row, column = np.unravel_index(np.nanargmax(place), place.shape)
    assert (rain.lat.to_numpy()[row], rain.lon.to_numpy()[column]) == pytest.approx((30.75, 115.55))
    assert place[row, column] == pytest.approx(46.266, abs=5e-4)
    assert mean(rain.rain_mm) == pytest.approx(0.17572, abs=5e-6)
    assert float(rain.gsamp.sum()) == 29_508
    with pytest.raises(BadInputError, match="the description has no times"):
        read_any(path, kind="grads", ctl=ctl)


def test_open_meteo_in_inches_and_local_time(samples: Path) -> None:
    rain, _ = read_any(samples / "openmeteo_forecast_2025-10-30_1200.json", kind="open_meteo")
    assert rain.sizes["time"] == 336
    assert float(rain.rain_mm[0, :48].sum()) / 25.4 == pytest.approx(2.079, abs=1e-5)
    assert rain.time.to_numpy()[0] == np.datetime64("2025-10-30T04:00")  # 00:00 at -14400 s
    # Clocks in New York went back on 2 November; the answer keeps its one offset, so no hour is lost or doubled.
    assert rain.attrs["step_h"] == 1.0


def test_broken_answer_is_refused(samples: Path) -> None:
    with pytest.raises(BadInputError, match=r"BROKEN.*is no JSON \(found '<html>.*504 Gateway Time-out"):
        read_any(samples / "openmeteo_BROKEN_2025-03-13_0900.json", kind="open_meteo")


def test_fmi(samples: Path) -> None:
    rain, reading = read_any(samples / "FMI_201609281700_FINUTM.tif", kind="fmi")
    assert dict(rain.rain_mm.sizes) == {"time": 1, "y": 7316, "x": 4963}
    assert "3067" in rain.attrs["crs"]
    assert rain.time.to_numpy()[0] == np.datetime64("2016-09-28T17:00")
    assert reading.values_missing == 24_670_929
    # The strongest cell has 162 counts: 0.5 * 162 - 32 = 49 dBZ.
    assert float(rain.rain_mm.max()) == pytest.approx((10**4.9 / 223) ** (1 / 1.53) / 12, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("PrecipRate_00.00_20190610-000000.grib2", "grib", {}),
        ("raa01-rw_10000-1408102050-dwd---bin.gz", "radolan", {}),
        ("RAD_NL25_RAP_5min_201008260345.h5", "knmi", {}),
        ("openMRG_example_rad_20150827_90minutes.nc", "netcdf_cf", {"label": "end"}),
        ("FMI_201609281700_FINUTM.tif", "fmi", {}),
        ("openmeteo_forecast_2025-10-30_1200.json", "open_meteo", {}),
    ],
)
@pytest.mark.parametrize("share", [0.02, 0.6])
def test_cut_file_is_refused(
    samples: Path, tmp_path: Path, name: str, kind: str, options: dict[str, str], share: float
) -> None:
    data = (samples / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadInputError, match=name):
        read_any(tmp_path / name, kind=kind, **options)


@pytest.mark.parametrize(
    "kind", ["grib", "radolan", "knmi", "netcdf_cf", "odim", "imerg", "fmi", "open_meteo", "gauge_table"]
)
def test_page_of_an_error_is_no_format_at_all(samples: Path, kind: str) -> None:
    options = {"timezone": "UTC"} if kind == "gauge_table" else {}
    with pytest.raises(BadInputError, match="openmeteo_BROKEN"):
        read_any(samples / "openmeteo_BROKEN_2025-03-13_0900.json", kind=kind, **options)
