"""The constructed storm: published totals to 0.1 mm, a quiet 18 July, forecasts that get worse with the lead."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from data.builder.ensemble import ISSUES, LABEL
from data.builder.storm import read_pins

GREAT_AFTERNOON = slice("2021-07-20T07", "2021-07-20T12")  # 15 to 20 h local


@pytest.fixture(scope="session")
def rain(erqi_path: Path) -> pd.DataFrame:
    table = pd.read_csv(erqi_path / "storm_2021" / "gauges_hourly.csv", index_col="time_end")
    table.index = pd.to_datetime(table.index)
    return table


def _forecast(erqi_path: Path, issued: str) -> xr.DataArray:
    with xr.open_dataset(erqi_path / "storm_2021" / "ensemble" / f"{issued}.nc") as file:
        return file["rain_mm"].sel(lat=34.7, lon=113.7, method="nearest").load()


@pytest.mark.parametrize("pin", list(read_pins().itertuples()), ids=lambda pin: f"{pin.gauge_id}-{pin.rain_mm}")
def test_published_totals_are_met_exactly(rain: pd.DataFrame, pin: object) -> None:
    start, end = pd.Timestamp(pin.from_exclusive), pd.Timestamp(pin.to_inclusive)
    hours = rain.loc[(rain.index > start) & (rain.index <= end), pin.gauge_id]
    assert len(hours) == (end - start) / pd.Timedelta(hours=1)
    assert round(10 * hours).sum() == round(10 * pin.rain_mm)


def test_series_is_whole_and_labelled_with_the_end_of_the_hour(
    rain: pd.DataFrame, tables: dict[str, pd.DataFrame]
) -> None:
    assert rain.index[0] == pd.Timestamp("2021-07-17T09:00+08:00")
    assert rain.index[-1] == pd.Timestamp("2021-07-22T08:00+08:00")
    assert (np.diff(rain.index) == pd.Timedelta(hours=1)).all()
    assert list(rain.columns) == list(tables["gauges"]["gauge_id"])
    assert rain.notna().all().all()
    assert rain.min().min() == 0.0


def test_course_of_the_storm(rain: pd.DataFrame) -> None:
    station = rain["57083"]
    evening = pd.Timestamp("2021-07-19T20:00+08:00")
    until_8h = station[(station.index > evening) & (station.index <= "2021-07-20T08:00+08:00")].sum()
    until_16h = station[(station.index > evening) & (station.index <= "2021-07-20T16:00+08:00")].sum()
    assert 50.0 <= until_8h <= 60.0
    assert until_16h == pytest.approx(200.0, abs=5.0)
    quiet = rain.loc[:"2021-07-19T06:00+08:00"]
    assert quiet.max().max() <= 6.0
    assert quiet.rolling(12).sum().max().max() < 30.0
    assert rain.iloc[-3:].max().max() <= 0.3


def test_no_other_gauge_beats_the_records(rain: pd.DataFrame) -> None:
    others = rain.drop(columns=["57083", "EQ-G02"])
    assert others.max().max() < 201.9
    assert others.loc[:"2021-07-21T06:00+08:00"].sum().max() < 884.0
    assert (others.max() > 60.0).all()


def test_labels(erqi_path: Path) -> None:
    folder = erqi_path / "storm_2021"
    assert json.loads((folder / "metadata.json").read_text(encoding="utf-8"))["label"].endswith("not observed")
    files = sorted((folder / "ensemble").glob("*.nc"))
    assert len(files) == len(ISSUES) == 21
    assert sum(path.stat().st_size for path in files) < 3_000_000
    for path, issued_at in zip(files, ISSUES, strict=True):
        with xr.open_dataset(path) as file:
            assert file.attrs["label"] == LABEL
            assert pd.Timestamp(file.attrs["issued_at"]) == issued_at
            assert dict(file.sizes) == {"member": 51, "time": 72, "lat": 4, "lon": 4}
            leads = (file["time"].to_index() - issued_at.tz_localize(None)) / pd.Timedelta(hours=1)
            assert list(leads) == list(range(1, 73))
            assert float(file["rain_mm"].min()) == 0.0


@pytest.mark.parametrize("issued", ["20210720T0000Z", "20210720T0600Z"])
def test_most_members_see_red_hours_before(erqi_path: Path, issued: str) -> None:
    three_hours = _forecast(erqi_path, issued).rolling(time=3).sum().sel(time=GREAT_AFTERNOON).max("time")
    assert float((three_hours > 100.0).mean()) > 0.7


def test_chance_of_red_grows_as_the_storm_comes_near(erqi_path: Path) -> None:
    issued = ("20210718T0000Z", "20210719T0000Z", "20210719T1200Z", "20210720T0000Z")
    peaks = [_forecast(erqi_path, time).rolling(time=3).sum().max("time") for time in issued]
    chances = [float((peak > 100.0).mean()) for peak in peaks]
    assert chances == sorted(chances)
    assert chances[0] < 0.1 < chances[1] < 0.3 < chances[2]


def test_no_false_alarm_for_the_quiet_days(erqi_path: Path) -> None:
    for issued_at in ISSUES[ISSUES < "2021-07-19"]:
        early = _forecast(erqi_path, f"{issued_at:%Y%m%dT%H%MZ}").sel(time=slice(None, "2021-07-19T04"))
        assert float(early.max()) < 12.0
        assert float(early.rolling(time=3).sum().max()) < 25.0


def test_members_go_dry_after_the_storm(erqi_path: Path) -> None:
    for issued in ("20210720T1200Z", "20210721T0600Z", "20210722T0000Z"):
        late = _forecast(erqi_path, issued).sel(time=slice("2021-07-22T06", None))
        assert float(late.sum("time").max()) < 2.0
    assert float(_forecast(erqi_path, "20210722T0000Z").sum("time").max()) < 1.0


def test_spread_grows_with_the_lead(erqi_path: Path) -> None:
    far, near = _forecast(erqi_path, "20210718T1200Z"), _forecast(erqi_path, "20210720T0000Z")
    spread = [member.sel(time=GREAT_AFTERNOON).sum("time") for member in (far, near)]
    relative = [float(total.std() / total.mean()) for total in spread]
    assert relative[0] > 1.5 * relative[1] > 0.15
