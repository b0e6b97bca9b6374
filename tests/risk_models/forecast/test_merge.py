"""Merging with a background: exact at gauges, better with a good picture, harmless with a bad one."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.forecast.estimators import GaugeKriging
from risk_models.forecast.merge import GaugeMerge, mean_field_factor

RNG = np.random.default_rng(3)
GAUGES, TARGETS = RNG.uniform(0, 40_000, (12, 2)), RNG.uniform(0, 40_000, (300, 2))


def cells(points: np.ndarray, steps: int = 8) -> np.ndarray:
    """Small rain cells between the gauges."""
    rng = np.random.default_rng(9)
    centres, height = rng.uniform(0, 40_000, (steps, 25, 2)), rng.gamma(1.0, 12.0, (steps, 25))
    squared = ((points[np.newaxis, :, np.newaxis] - centres[:, np.newaxis]) ** 2).sum(axis=3)
    return (height[:, np.newaxis] * np.exp(-squared / (2 * 3000.0**2))).sum(axis=2)


def rmse(told: np.ndarray) -> float:
    return float(np.sqrt(np.mean((told - cells(TARGETS)) ** 2)))


def test_good_picture_with_wrong_amounts_beats_gauges_and_picture() -> None:
    radar, at_gauges = 0.6 * cells(TARGETS), 0.6 * cells(GAUGES)
    merged = GaugeMerge(range_m=15_000, nugget=0.0).fit(GAUGES, cells(GAUGES), at_gauges).predict(TARGETS, radar)
    gauges = GaugeKriging(range_m=15_000, nugget=0.0).fit(GAUGES, cells(GAUGES)).predict(TARGETS)
    assert rmse(merged) < 0.5 * min(rmse(gauges), rmse(radar))


def test_picture_of_noise_is_left_out() -> None:
    noise = RNG.gamma(0.5, 10.0, (8, 12)), RNG.gamma(0.5, 10.0, (8, 300))
    model = GaugeMerge(range_m=15_000, nugget=0.0).fit(GAUGES, cells(GAUGES), noise[0])
    gauges = GaugeKriging(range_m=15_000, nugget=0.0).fit(GAUGES, cells(GAUGES)).predict(TARGETS)
    assert model.slope_ < 0.4
    assert rmse(model.predict(TARGETS, noise[1])) < 1.15 * rmse(gauges)


@given(seed=st.integers(0, 999), factor=st.floats(0.1, 10))
@settings(max_examples=20, deadline=None)
def test_gauges_keep_their_value_whatever_the_picture(seed: int, factor: float) -> None:
    radar = np.random.default_rng(seed).gamma(0.5, 10.0 * factor, (8, 12))
    told = GaugeMerge(range_m=15_000, nugget=0.0).fit(GAUGES, cells(GAUGES), radar).predict(GAUGES, radar)
    np.testing.assert_allclose(told, cells(GAUGES), atol=1e-8)


def test_unknown_picture_leaves_the_gauges() -> None:
    radar = cells(TARGETS)
    radar[:, :50] = np.nan
    model = GaugeMerge(range_m=15_000, nugget=0.0).fit(GAUGES, cells(GAUGES), cells(GAUGES))
    told, std = model.predict_with_std(TARGETS, radar)
    gauges, spread = GaugeKriging(range_m=15_000, nugget=0.0).fit(GAUGES, cells(GAUGES)).predict_with_std(TARGETS)
    np.testing.assert_allclose(told[:, :50], gauges[:, :50])
    np.testing.assert_allclose(std[:, :50], spread[:, :50])
    assert (std[:, 50:] < spread[:, 50:]).mean() > 0.9
    blind = GaugeMerge(range_m=15_000, nugget=0.0).fit(GAUGES, cells(GAUGES), np.full((8, 12), np.nan))
    assert set(blind.method_) == {"gauges"}
    np.testing.assert_allclose(blind.predict(TARGETS, cells(TARGETS)), gauges)


def test_factor_is_bounded_and_one_where_little_is_known() -> None:
    assert mean_field_factor([[100.0] * 3], [[0.1] * 3]).tolist() == [5.0]
    assert mean_field_factor([[0.0] * 3], [[90.0] * 3]).tolist() == [0.2]
    assert mean_field_factor([[9.0, 9.0]], [[1.0, 1.0]]).tolist() == [1.0]
    assert mean_field_factor([[0.0] * 3], [[0.0] * 3]).tolist() == [1.0]


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"background_mm has shape \(2, 12\); accepted: that of rain_mm, \(8, 12\)"):
        GaugeMerge().fit(GAUGES, cells(GAUGES), np.ones((2, 12)))
    model = GaugeMerge(range_m=9000).fit(GAUGES, cells(GAUGES), cells(GAUGES))
    with pytest.raises(ValueError, match=r"background_mm has shape \(1, 300\); accepted: \(8, 300\)"):
        model.predict(TARGETS, np.ones((1, 300)))


def test_real_radar_corrected_by_gauges(shared_data: Path) -> None:
    """Gothenburg: merged error at a gauge left out is well below the radar's own."""
    folder = shared_data / "openmrg_gothenburg"
    with netCDF4.Dataset(folder / "openMRG_city_gauges_20150827.nc") as file:
        minutes = np.ma.filled(file["rainfall_amount"][:], np.nan)
        lon, lat = np.array(file["lon"][:]), np.array(file["lat"][:])
    with netCDF4.Dataset(folder / "openMRG_example_rad_20150827_90minutes.nc") as file:
        rate = np.ma.filled(file["rainfall"][:].astype(float), np.nan)
        grid_lon, grid_lat = file["lon"][:], file["lat"][:]
    near = [((grid_lat - y) ** 2 + (0.53 * (grid_lon - x)) ** 2).argmin() for x, y in zip(lon, lat, strict=True)]
    radar = (rate.reshape(19, -1)[:18, near] / 12).reshape(6, 3, 10).sum(axis=1)
    gauges = minutes[58:148].reshape(6, 15, 10).sum(axis=1)  # maps at 01:00, 01:05 ... stand for 5 minutes around
    xy = np.column_stack([lon * 59_500, lat * 111_320])
    told = np.full(gauges.shape, np.nan)
    for gauge in range(10):
        rest = np.arange(10) != gauge
        model = GaugeMerge(range_m=25_000.0).fit(xy[rest], gauges[:, rest], radar[:, rest])
        told[:, gauge] = model.predict(xy[[gauge]], radar[:, [gauge]])[:, 0]
    assert np.sqrt(np.mean((told - gauges) ** 2)) < 0.8 * np.sqrt(np.mean((radar - gauges) ** 2))
