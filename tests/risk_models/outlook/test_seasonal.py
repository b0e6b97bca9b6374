"""Tercile forecasts: tables, NetCDF, choice, and neutral where there is nothing to say."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from risk_models.errors import BadInputError
from risk_models.outlook import (
    TercileForecast,
    choose_seasonal_forecast,
    neutral_forecast,
    read_seasonal,
    read_tercile_table,
)
from risk_models.outlook.seasonal import terciles_from_members

HEADER = "first_day,last_day,below_pct,normal_pct,above_pct,skill,issued_on,source"
SUMMER = date(2021, 6, 1), date(2021, 8, 31)


def table(path: Path, *rows: str) -> Path:
    target = path / "terciles.csv"
    target.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return target


def test_a_typed_table_is_read(tmp_path: Path) -> None:
    rows = (
        "2021-06-01,2021-08-31,25,30,45,0.12,2021-05-10,郑州市气象局",
        "",
        "2021-09-01,2021-11-30,33%,33%,33%,,2021-05-10,city office",
    )
    summer, autumn = read_tercile_table(table(tmp_path, *rows))
    assert summer.probabilities == pytest.approx((0.25, 0.30, 0.45))
    assert (summer.skill, summer.source, summer.issued_on) == (0.12, "郑州市气象局", date(2021, 5, 10))
    assert autumn.is_neutral
    assert np.isnan(autumn.skill)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("2021-06-01,2021-08-31,25,30,50,0.1,2021-05-10,x", "must sum to 100.*found '105'"),
        ("2021-06-01,2021-05-31,25,30,45,0.1,2021-05-10,x", "ends before it begins"),
        ("June,2021-08-31,25,30,45,0.1,2021-05-10,x", "row 2, column first_day.*found 'June'.*YYYY-MM-DD"),
        ("2021-06-01,2021-08-31,-5,60,45,0.1,2021-05-10,x", "column below_pct"),
        ("2021-06-01,2021-08-31,25,30,45,1.5,2021-05-10,x", "column skill"),
        ("2021-06-01,2021-08-31,25,30,nan,0.1,2021-05-10,x", "column above_pct"),
        ("2021-06-01,2021-08-31,25,30,45,0.1,2021-05-10,", "who made it"),
        ("2021-06-01", "column last_day"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, row: str, text: str) -> None:
    with pytest.raises(BadInputError, match=text):
        read_tercile_table(table(tmp_path, row))


def test_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot be read"):
        read_tercile_table(tmp_path / "none.csv")
    (tmp_path / "short.csv").write_text("first_day,last_day\n", encoding="utf-8")
    with pytest.raises(BadInputError, match=r"short.csv, row 1: misses the columns below_pct"):
        read_tercile_table(tmp_path / "short.csv")


def forecast(**fields) -> TercileForecast:
    values = {"below": 0.2, "normal": 0.3, "above": 0.5, "first_day": SUMMER[0], "last_day": SUMMER[1], "skill": 0.1,
              "issued_on": date(2021, 5, 5)}  # fmt: skip
    return TercileForecast(**(values | fields))


@pytest.mark.parametrize(
    ("given_forecasts", "reason"),
    [
        ([], "no seasonal signal"),
        ([forecast(skill=float("nan"))], "no proven skill"),
        ([forecast(skill=-0.2)], "no proven skill"),
        ([forecast(issued_on=date(2021, 7, 1))], "no seasonal signal covers"),
        ([forecast(first_day=date(2021, 7, 20))], "no seasonal signal covers"),
    ],
)
def test_nothing_usable_is_neutral_and_says_why(given_forecasts, reason) -> None:
    chosen = choose_seasonal_forecast(given_forecasts, date(2021, 7, 1), date(2021, 7, 31), known_on=date(2021, 6, 28))
    assert chosen.is_neutral
    assert reason in chosen.reason_en
    assert chosen.reason_zh


def test_the_last_issue_wins() -> None:
    old, new = forecast(), forecast(above=0.4, below=0.3, issued_on=date(2021, 6, 5))
    chosen = choose_seasonal_forecast([new, old], date(2021, 7, 1), date(2021, 7, 31), known_on=date(2021, 6, 28))
    assert chosen is new
    assert choose_seasonal_forecast([new, old], *SUMMER, known_on=date(2021, 6, 1)) is old


@pytest.mark.parametrize("fields", [{"below": 0.5}, {"below": -0.2, "normal": 0.7}, {"skill": 1.2}])
def test_no_terciles(fields) -> None:
    with pytest.raises(ValueError, match=r"terciles must|skill is at most 1"):
        forecast(**fields)


@given(
    members=st.lists(st.floats(0, 1000), min_size=1, max_size=60),
    past=st.lists(st.floats(0, 1000), min_size=10, max_size=40),
)
def test_members_make_terciles_that_sum_to_one(members, past) -> None:
    found = terciles_from_members(members, np.array(past)[:, None])
    assert sum(found.probabilities) == pytest.approx(1.0)
    assert min(found.probabilities) > 0
    wetter = terciles_from_members(np.array(members) + 100, np.array(past)[:, None])
    assert wetter.above >= found.above - 1e-12
    assert wetter.below <= found.below + 1e-12


def test_too_few_hindcast_years() -> None:
    with pytest.raises(ValueError, match="at least 10 years"):
        terciles_from_members([1.0], np.ones((9, 2)))
    with pytest.raises(ValueError, match="must hold a number"):
        terciles_from_members([np.nan], np.ones((12, 2)))


def seasonal(years: list[int], rate_mm_day: np.ndarray, *, unit: str = "m s**-1", **names: str) -> xr.Dataset:
    """Return a SEAS5-style dataset: starts on 1 May, four lead months, rate (start, member)."""
    factor = 1 / 86_400_000 if unit == "m s**-1" else 1.0
    values = np.broadcast_to(rate_mm_day[:, :, None, None, None] * factor, (*rate_mm_day.shape, 4, 2, 2))
    dims = ["forecast_reference_time", "number", "forecastMonth", "latitude", "longitude"]
    data = xr.DataArray(
        values,
        dims=dims,
        coords={
            "forecast_reference_time": pd.to_datetime([f"{year}-05-01" for year in years]),
            "number": np.arange(rate_mm_day.shape[1]),
            "forecastMonth": [1, 2, 3, 4],
            "latitude": [35.0, 34.0],
            "longitude": [113.0, 114.0],
        },
        attrs={"units": unit},
    )
    return data.rename(names).to_dataset(name="tprate")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(1)
    seasonal(list(range(1993, 2017)), rng.gamma(4, 1, (24, 25))).to_netcdf(tmp_path / "hindcast.nc")
    seasonal([2021], rng.gamma(4, 1, (1, 51)) + 2).to_netcdf(tmp_path / "forecast.nc")
    return tmp_path / "forecast.nc", tmp_path / "hindcast.nc"


def test_seas5_files_are_read(files: tuple[Path, Path]) -> None:
    found = read_seasonal(*files, lon=113.65, lat=34.75, months=(2, 3, 4), skill=0.05)
    assert (found.first_day, found.last_day, found.issued_on) == (*SUMMER, date(2021, 5, 1))
    assert found.above > 0.6
    assert (found.source, found.skill) == ("SEAS5", 0.05)


def test_other_names_units_and_a_single_start(files: tuple[Path, Path], tmp_path: Path) -> None:
    wanted = read_seasonal(*files, lon=113.65, lat=34.75, months=(2, 3, 4))
    with xr.open_dataset(files[0]) as opened:
        data = opened.load()
    scaled = (data["tprate"] * 86_400_000).assign_attrs(units="mm/day")
    plain = scaled.rename(
        {"latitude": "lat", "longitude": "lon", "number": "member", "forecastMonth": "leadtime_month"}
    )
    plain.isel(forecast_reference_time=0).to_dataset(name="tprate").to_netcdf(tmp_path / "plain.nc")
    found = read_seasonal(tmp_path / "plain.nc", files[1], lon=113.65, lat=34.75, months=(2, 3, 4))
    assert found.probabilities == pytest.approx(wanted.probabilities)


@pytest.mark.parametrize(
    ("change", "where", "text"),
    [
        (lambda data: data.rename(tprate="t2m"), {}, "holds no rain variable.*found 't2m'"),
        (lambda data: data.isel(number=0, drop=True), {}, "has no number dimension"),
        (lambda data: data.assign(tprate=data["tprate"].assign_attrs(units="furlong")), {}, "unknown unit.*furlong"),
        (lambda data: data.where(data["number"] != 3), {}, "holds missing values"),
        (lambda data: data, {"lon": 80.0}, "does not cover longitude 80"),
        (lambda data: data, {"months": (5,)}, "lacks lead month 5"),
    ],
)
def test_bad_seasonal_files_are_named(files, tmp_path, change, where, text) -> None:
    with xr.open_dataset(files[0]) as opened:
        data = opened.load()
    units = data["tprate"].attrs
    changed = change(data)
    if "tprate" in changed and "units" not in changed["tprate"].attrs:
        changed["tprate"].attrs.update(units)
    changed.to_netcdf(tmp_path / "bad.nc")
    arguments = {"lon": 113.65, "lat": 34.75, "months": (2, 3)} | where
    with pytest.raises(BadInputError, match=text):
        read_seasonal(tmp_path / "bad.nc", files[1], **arguments)


def test_a_file_that_is_none(files: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "bad.nc").write_bytes(b"no NetCDF")
    with pytest.raises(BadInputError, match="cannot be read"):
        read_seasonal(tmp_path / "bad.nc", files[1], lon=113.65, lat=34.75, months=(2,))
    seasonal(list(range(2000, 2006)), np.ones((6, 3))).to_netcdf(tmp_path / "few.nc")
    with pytest.raises(BadInputError, match="hindcast holds 6 years"):
        read_seasonal(files[0], tmp_path / "few.nc", lon=113.65, lat=34.75, months=(2,))


def test_neutral_has_its_reason() -> None:
    assert neutral_forecast().reason_zh == "无季节信号"
