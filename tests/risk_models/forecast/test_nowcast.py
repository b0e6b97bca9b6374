"""Nowcast from radar: moves what moves, knows what it does not know, and beats persistence on real radar."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from risk_models.forecast import nowcast
from risk_models.forecast.nowcast import motion_field, nowcast_at_points, radar_nowcast

START = np.datetime64("2021-07-20T08:00", "ns")
STEP = np.timedelta64(5, "m")


@pytest.fixture(scope="module")
def pysteps() -> None:
    if nowcast._quiet_import("pysteps.motion.proesmans") is None:
        pytest.skip("pysteps is not installed")


def moving(count: int = 3, columns: int = 80) -> xr.Dataset:
    """A rain cell that moves two cells to the right in each step."""
    across, down = np.meshgrid(np.arange(columns), np.arange(60))
    frames = [
        np.round(8 * np.exp(-((across - 20 - 2 * step) ** 2 + (down - 30) ** 2) / 60), 3) for step in range(count)
    ]
    return xr.Dataset(
        {"rain_mm": (("time", "y", "x"), np.stack(frames))},
        {"time": START + np.arange(count) * STEP, "y": np.arange(60.0), "x": np.arange(float(columns))},
        {"crs": "EPSG:4326"},
    )


def test_moving_cell_goes_on(pysteps: None) -> None:
    ahead = radar_nowcast(moving(), lead_steps=6)
    truth = moving(9).rain_mm.to_numpy()[3:]
    told = ahead.rain_mm.to_numpy()
    assert ahead.attrs["method"] == "extrapolation"
    assert (ahead.time.to_numpy() == START + np.arange(3, 9) * STEP).all()
    stays = moving().rain_mm.to_numpy()[-1]
    for lead in range(6):
        known = np.isfinite(told[lead])
        moved, stayed = ((values - truth[lead])[known] for values in (told[lead], stays))
        assert np.sqrt(np.mean(moved**2)) < 0.5 * np.sqrt(np.mean(stayed**2))


def test_what_comes_from_outside_is_unknown_and_not_dry(pysteps: None) -> None:
    told = radar_nowcast(moving(), lead_steps=12).rain_mm.to_numpy()
    assert np.isnan(told[-1, 30, :4]).any()
    assert not np.isnan(told[-1, 30, 40:60]).any()


def test_importing_pysteps_prints_nothing(pysteps: None, capsys: pytest.CaptureFixture[str]) -> None:
    radar_nowcast(moving(), lead_steps=1)
    assert capsys.readouterr() == ("", "")


def test_without_pysteps_the_last_frame_persists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nowcast, "_quiet_import", lambda name: None)
    radar = moving()
    ahead = radar_nowcast(radar, lead_steps=3)
    assert ahead.attrs["method"] == "persistence"
    np.testing.assert_array_equal(ahead.rain_mm, np.repeat(radar.rain_mm.to_numpy()[-1:], 3, axis=0))
    with pytest.raises(ValueError, match="extrapolation needs pysteps and two frames with rain"):
        radar_nowcast(radar, method="extrapolation")


def test_dry_or_single_frames_have_no_motion() -> None:
    assert motion_field(np.zeros((3, 8, 8))) is None
    assert motion_field(np.ones((1, 8, 8))) is None
    dry = moving()
    dry["rain_mm"] = dry.rain_mm * 0
    assert radar_nowcast(dry).attrs["method"] == "persistence"


def test_unusable_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="no radar frame"):
        radar_nowcast(moving().isel(time=slice(0, 0)))
    with pytest.raises(ValueError, match="regular, rising times"):
        radar_nowcast(moving(4).isel(time=[0, 1, 3]))


def test_points_take_the_sum_of_whole_steps() -> None:
    radar = moving(1)
    radar["rain_mm"][:] = 0.5
    radar["rain_mm"][0, 7, 9] = 2.0
    ahead = radar_nowcast(radar, lead_steps=30)
    ends = START + np.arange(1, 4) * np.timedelta64(1, "h")
    told = nowcast_at_points(ahead, [9.2, 40.0, 300.0], [7.3, 7.0, 7.0], end=ends)
    np.testing.assert_allclose(told[:2, :2], [[24.0, 6.0]] * 2)
    assert np.isnan(told[2]).all()  # half of the third hour is not there
    assert np.isnan(told[:, 2]).all()  # outside the picture


def test_real_radar_against_persistence(shared_data: Path, pysteps: None) -> None:
    """KNMI, 26 August 2010: at 5 to 60 minutes the error is well below that of a picture that stands still."""
    files = sorted((shared_data / "knmi_radar_20100826").glob("*.h5"))
    frames = []
    for file in files[21:36]:
        with h5py.File(file) as content:
            packed = content["image1/image_data"][200:600, 150:550]
        frames.append(np.where(packed == 65535, np.nan, packed * 0.01).reshape(200, 2, 200, 2).mean(axis=(1, 3)))
    grid = np.arange(200.0)
    radar = xr.Dataset(
        {"rain_mm": (("time", "y", "x"), np.stack(frames))},
        {"time": START + np.arange(15) * STEP, "y": grid, "x": grid},
    )
    told = radar_nowcast(radar.isel(time=slice(0, 3)), lead_steps=12).rain_mm.to_numpy()
    stays = frames[2]
    for minutes, limit in ((5, 0.6), (15, 0.65), (30, 0.75), (60, 0.85)):
        lead = minutes // 5
        truth = frames[2 + lead]
        known = np.isfinite(told[lead - 1]) & np.isfinite(truth) & np.isfinite(stays)
        assert known.mean() > 0.6
        moved, stayed = ((values - truth)[known] for values in (told[lead - 1], stays))
        assert np.sqrt(np.mean(moved**2)) < limit * np.sqrt(np.mean(stayed**2))
