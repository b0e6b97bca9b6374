"""Blending: the ladder of freshness, marks, laws, and no look ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import geopandas as gpd
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from risk_models.forecast.blend import BlendOptions, blend_rainfall, forecast_bias
from risk_models.forecast.quality.flag import flag_gauges
from risk_models.forecast.rainfall import Origin
from risk_models.forecast.sampling import at_points

NOW = datetime(2021, 7, 20, 9, tzinfo=UTC)
NOW64 = np.datetime64("2021-07-20T09", "ns")
HOUR = np.timedelta64(1, "h")
PAST, LEAD = 12, 10
AS_IS = BlendOptions(bias_limits=(1.0, 1.0))
RNG = np.random.default_rng(21)


def points(prefix: str, count: int, seed: int) -> gpd.GeoDataFrame:
    rng = np.random.default_rng(seed)
    east, north = rng.uniform(0, 12_000, (2, count))
    columns = {"lon": 113.55 + east / 91_000, "lat": 34.65 + north / 111_000}
    names = [f"{prefix}{number:02d}" for number in range(count)]
    return gpd.GeoDataFrame(columns, index=names, geometry=gpd.points_from_xy(east, north), crs="EPSG:4547")


HOTSPOTS, GAUGES = points("H", 9, 1), points("G", 7, 2)


@pytest.fixture
def observed() -> xr.Dataset:
    end = NOW64 - np.arange(PAST + 5, -4, -1) * HOUR
    rain = RNG.gamma(0.8, 8.0, (len(end), 7)) + 0.1
    dims = ("time", "gauge")
    return xr.Dataset(
        {"rain_mm": (dims, rain), "quality": (dims, np.ones(rain.shape, np.int8))},
        coords={"time": end, "gauge": np.array(GAUGES.index, dtype=object)},
    )


@pytest.fixture
def forecast() -> xr.Dataset:
    issued = NOW - timedelta(hours=8)
    end = np.datetime64(issued.replace(tzinfo=None), "ns") + np.arange(1, 31) * HOUR
    rain = RNG.gamma(0.6, 6.0, (5, 30, 4, 4)) + 0.1
    return xr.Dataset(
        {"rain_mm": (("member", "time", "lat", "lon"), rain)},
        coords={"time": end, "lat": np.linspace(34.6, 34.8, 4), "lon": np.linspace(113.5, 113.7, 4)},
        attrs={"issued_at": issued.isoformat()},
    )


def lose(observed: xr.Dataset, hours: int) -> xr.Dataset:
    """Cut the last hours before the cycle time."""
    return observed.sel(time=observed.time <= NOW64 - hours * HOUR)


def blend(observed: xr.Dataset, forecast: xr.Dataset | None, **options: object) -> xr.Dataset:
    settings = {"hotspots": HOTSPOTS, "gauges": GAUGES, "valid_at": NOW, "past_h": PAST, "lead_h": LEAD, **options}
    return blend_rainfall(observed, forecast, **settings)


def test_fresh_and_complete(observed: xr.Dataset, forecast: xr.Dataset) -> None:
    rain = blend(observed, forecast)
    assert dict(rain.sizes) == {"member": 5, "time": PAST + LEAD, "hotspot": 9}
    assert rain.attrs["ladder_step"] == 1
    assert rain.attrs["gauges_used"] == rain.attrs["gauges_expected"] == 7
    assert rain.attrs["observed_until"] == rain.attrs["valid_at"] == NOW.isoformat()
    assert rain.attrs["issued_at"] == forecast.attrs["issued_at"]
    assert rain.origin.to_numpy().tolist() == [0] * PAST + [1] * 3 + [2] * (LEAD - 3)
    assert rain.rain_mm.notnull().all()
    past = rain.rain_mm.to_numpy()[:, :PAST]
    assert (past == past[:1]).all()
    assert (rain.quality.to_numpy()[:PAST] == 1).all()
    assert (rain.quality.to_numpy()[PAST:] == 2).all()
    assert np.isnan(rain.rain_std_mm.to_numpy()[PAST:]).all()
    assert (rain.rain_std_mm.to_numpy()[:PAST] >= 0).all()


def test_hotspot_on_a_gauge_has_its_rain(observed: xr.Dataset) -> None:
    rain = blend(observed, None, hotspots=GAUGES)
    wanted = observed.rain_mm.sel(time=rain.time[:PAST]).to_numpy()
    np.testing.assert_allclose(rain.rain_mm.to_numpy()[0, :PAST], wanted, rtol=1e-6)


def test_forecast_steps_are_the_sampled_members(observed: xr.Dataset, forecast: xr.Dataset) -> None:
    rain = blend(observed, forecast, options=AS_IS)
    sampled = at_points(forecast, HOTSPOTS.lon, HOTSPOTS.lat).rain_mm.to_numpy()
    np.testing.assert_allclose(rain.rain_mm.to_numpy()[:, PAST + 3 :], sampled[:, 11 : 8 + LEAD], rtol=1e-6)


def test_nowcast_lies_between_persistence_and_forecast(observed: xr.Dataset, forecast: xr.Dataset) -> None:
    rain = blend(observed, forecast, options=AS_IS).rain_mm.to_numpy()
    sampled = at_points(forecast, HOTSPOTS.lon, HOTSPOTS.lat).rain_mm.to_numpy()
    for step in range(3):
        persisted = rain[:, PAST - 1] * 0.8 ** (step + 1)
        low, high = np.minimum(persisted, sampled[:, 8 + step]), np.maximum(persisted, sampled[:, 8 + step])
        assert (rain[:, PAST + step] >= low - 1e-4).all()
        assert (rain[:, PAST + step] <= high + 1e-4).all()


def test_nothing_after_the_cycle_time_is_looked_at(observed: xr.Dataset, forecast: xr.Dataset) -> None:
    tampered = observed.copy(deep=True)
    tampered["rain_mm"][(observed.time > NOW64).to_numpy()] = 300.0
    xr.testing.assert_identical(blend(tampered, forecast), blend(observed, forecast))
    late = forecast.assign_attrs(issued_at=(NOW + timedelta(minutes=1)).isoformat())
    with pytest.raises(ValueError, match=r"forecast issued at .* after valid_at"):
        blend(observed, late)


def test_step_2_some_gauges_missing(observed: xr.Dataset, forecast: xr.Dataset) -> None:
    observed["quality"][:, 2] = 9
    rain = blend(observed, forecast)
    assert (rain.attrs["ladder_step"], rain.attrs["gauges_used"]) == (2, 6)
    assert rain.rain_mm.notnull().all()


def test_failed_values_take_no_part(observed: xr.Dataset) -> None:
    observed["rain_mm"][:, 2] = 400.0
    observed["quality"][:, 2] = 4
    assert blend(observed, None).rain_mm.to_numpy()[0, :PAST].max() < 200


@pytest.mark.parametrize("hours", [1, 2])
def test_step_3_last_intensity_persists(observed: xr.Dataset, forecast: xr.Dataset, hours: int) -> None:
    rain = blend(lose(observed, hours), forecast)
    assert rain.attrs["ladder_step"] == 3
    assert rain.origin.to_numpy()[:PAST].tolist() == [0] * (PAST - hours) + [3] * hours
    values = rain.rain_mm.to_numpy()[0]
    for step in range(PAST - hours, PAST):
        np.testing.assert_array_equal(values[step], values[PAST - hours - 1])
    assert (rain.quality.to_numpy()[PAST - hours : PAST] == 3).all()


@pytest.mark.parametrize("hours", [3, 6])
def test_step_4_forecast_fills_and_is_not_below_persistence(
    observed: xr.Dataset, forecast: xr.Dataset, hours: int
) -> None:
    rain = blend(lose(observed, hours), forecast)
    assert rain.attrs["ladder_step"] == 4
    values = rain.rain_mm.to_numpy()
    sampled = at_points(forecast, HOTSPOTS.lon, HOTSPOTS.lat).rain_mm.to_numpy().astype(np.float32)
    first = PAST - hours
    last = values[:, first - 1]
    np.testing.assert_allclose(values[:, first], np.maximum(last, sampled[:, 8 - hours]), rtol=1e-6)
    np.testing.assert_allclose(values[:, PAST - 1], sampled[:, 7], rtol=1e-6)
    assert (rain.origin.to_numpy()[first:PAST] == Origin.FALLBACK).all()
    assert (rain.origin.to_numpy()[PAST:] == Origin.FORECAST).all()


@pytest.mark.parametrize(("hours", "ladder"), [(7, 5), (PAST, 6), (40, 6)])
def test_steps_5_and_6_are_unknown_and_never_dry(
    observed: xr.Dataset, forecast: xr.Dataset, hours: int, ladder: int
) -> None:
    rain = blend(lose(observed, hours), forecast)
    assert rain.attrs["ladder_step"] == ladder
    gap = slice(max(PAST - hours, 0), PAST)
    assert np.isnan(rain.rain_mm.to_numpy()[:, gap]).all()
    assert (rain.quality.to_numpy()[gap] == 9).all()
    assert rain.rain_mm.to_numpy()[:, PAST:].min() > 0
    if ladder == 6:
        assert (rain.attrs["gauges_used"], rain.attrs["observed_until"]) == (0, "")


def test_hole_inside_the_record_is_filled_by_forecast_or_unknown(observed: xr.Dataset, forecast: xr.Dataset) -> None:
    holes = observed.time.isin([NOW64 - 4 * HOUR, NOW64 - 10 * HOUR]).to_numpy()
    rain = blend(observed.sel(time=~holes), forecast)
    assert rain.attrs["ladder_step"] == 2
    covered, before_issue = PAST - 1 - 4, PAST - 1 - 10
    assert rain.origin.to_numpy()[covered] == Origin.FALLBACK
    assert (rain.quality.to_numpy()[covered] == 3).all()
    assert np.isnan(rain.rain_mm.to_numpy()[:, before_issue]).all()
    assert (rain.quality.to_numpy()[before_issue] == 9).all()


def test_record_that_begins_late_is_unknown_before_but_not_degraded(observed: xr.Dataset) -> None:
    rain = blend(observed.sel(time=observed.time > NOW64 - 5 * HOUR), None)
    assert rain.attrs["ladder_step"] == 1
    assert np.isnan(rain.rain_mm.to_numpy()[0, : PAST - 5]).all()


def test_no_forecast_gives_three_hours_of_nowcast_then_unknown(observed: xr.Dataset) -> None:
    rain = blend(observed, None)
    assert rain.sizes["member"] == 1
    assert rain.attrs["issued_at"] == ""
    values = rain.rain_mm.to_numpy()[0]
    np.testing.assert_allclose(values[PAST + 2], values[PAST - 1] * 0.8**3, rtol=1e-6)
    assert np.isnan(values[PAST + 3 :]).all()
    assert (rain.quality.to_numpy()[PAST + 3 :] == 9).all()


def test_steps_beyond_the_forecast_are_unknown(observed: xr.Dataset, forecast: xr.Dataset) -> None:
    rain = blend(observed, forecast.isel(time=slice(0, 12)))
    assert np.isnan(rain.rain_mm.to_numpy()[:, PAST + 4 :]).all()


def test_doubtful_gauge_marks_the_hotspots_it_feeds(observed: xr.Dataset) -> None:
    observed["quality"][-5:, 3] = 3
    quality = blend(observed, None, hotspots=GAUGES).quality.to_numpy()[PAST - 1]
    assert quality[3] == 3
    assert (np.delete(quality, 3) == 1).all()


def test_order_of_gauges_and_scale(observed: xr.Dataset, forecast: xr.Dataset) -> None:
    plain = blend(observed, forecast)
    shuffled = blend(observed.isel(gauge=[3, 1, 0, 2, 6, 5, 4]), forecast, gauges=GAUGES.iloc[::-1])
    np.testing.assert_allclose(shuffled.rain_mm, plain.rain_mm, rtol=1e-5, atol=1e-5)
    twice = observed.assign(rain_mm=observed.rain_mm * 2), forecast.assign(rain_mm=forecast.rain_mm * 2)
    plain, double = blend(observed, forecast, options=AS_IS), blend(*twice, options=AS_IS)
    np.testing.assert_allclose(double.rain_mm, plain.rain_mm * 2, rtol=1e-5)


def test_inputs_are_not_changed(observed: xr.Dataset, forecast: xr.Dataset) -> None:
    before = observed.copy(deep=True), forecast.copy(deep=True)
    blend(lose(observed, 2), forecast)
    xr.testing.assert_identical(observed, before[0])
    xr.testing.assert_identical(forecast, before[1])


def test_cycle_between_hours_uses_whole_steps(observed: xr.Dataset, forecast: xr.Dataset) -> None:
    rain = blend(observed, forecast, valid_at=NOW + timedelta(minutes=20))
    assert rain.time.to_numpy()[PAST - 1] == NOW64
    assert rain.attrs["valid_at"] == (NOW + timedelta(minutes=20)).isoformat()


def test_observed_off_the_hour_is_refused(observed: xr.Dataset) -> None:
    shifted = observed.assign_coords(time=observed.time + np.timedelta64(30, "m"))
    with pytest.raises(ValueError, match="must end on multiples of 60 min"):
        blend(shifted, None)


def test_bilinear_meets_grid_points_and_planes(forecast: xr.Dataset) -> None:
    lon, lat = np.meshgrid(forecast.lon, forecast.lat)
    at_nodes = at_points(forecast, lon.ravel(), lat.ravel()).rain_mm.to_numpy()
    np.testing.assert_allclose(at_nodes, forecast.rain_mm.to_numpy().reshape(5, 30, 16), rtol=1e-9)
    plane = forecast.assign(rain_mm=forecast.rain_mm * 0 + forecast.lat * 10 + forecast.lon)
    np.testing.assert_allclose(at_points(plane, [113.61], [34.72]).rain_mm.to_numpy()[0, 0], 34.72 * 10 + 113.61)


def test_bilinear_of_a_single_cell_is_that_cell(forecast: xr.Dataset) -> None:
    single = forecast.isel(lat=[0], lon=[0])
    np.testing.assert_array_equal(
        at_points(single, [113.6], [34.7]).rain_mm.to_numpy()[:, :, 0], single.rain_mm[:, :, 0, 0]
    )


def test_empty_record_is_unknown(observed: xr.Dataset, forecast: xr.Dataset) -> None:
    empty = flag_gauges(observed.isel(time=slice(0, 0)), np.column_stack([GAUGES.geometry.x, GAUGES.geometry.y]))
    rain = blend(empty, forecast)
    assert rain.attrs["ladder_step"] == 6
    assert np.isnan(rain.rain_mm.to_numpy()[:, :PAST]).all()


def test_radar_nowcast_takes_the_first_hours_and_fades(observed: xr.Dataset, forecast: xr.Dataset) -> None:
    radar = np.full((6, 9), 40.0)
    rain = blend(observed, forecast, nowcast_mm=radar, options=AS_IS)
    assert rain.attrs["nowcast_method"] == "radar"
    assert rain.origin.to_numpy()[PAST:].tolist() == [1] * 4 + [2] * (LEAD - 4)
    sampled = at_points(forecast, HOTSPOTS.lon, HOTSPOTS.lat).rain_mm.to_numpy()[:, 8 : 8 + LEAD]
    ahead = rain.rain_mm.to_numpy()[:, PAST:]
    for step, weight in enumerate((0.85, 0.6, 0.35, 0.15, 0.0, 0.0)):
        np.testing.assert_allclose(ahead[:, step], weight * 40 + (1 - weight) * sampled[:, step], rtol=1e-5)


def test_seam_has_no_jump(observed: xr.Dataset, forecast: xr.Dataset) -> None:
    """A steady forecast and another steady nowcast: the blend walks from one to the other in steps of a quarter."""
    steady = forecast.assign(rain_mm=forecast.rain_mm * 0 + 4.0)
    rain = blend(observed, steady, nowcast_mm=np.full((6, 9), 20.0), options=AS_IS).rain_mm.to_numpy()[0, PAST:]
    distance = (rain - 4.0) / 16.0
    assert (np.diff(distance, axis=0) <= 1e-6).all()
    assert (np.abs(np.diff(distance, axis=0)) <= 0.25 + 1e-6).all()
    assert np.abs(distance[4:]).max() < 1e-6


def test_hotspots_outside_the_radar_keep_persistence(observed: xr.Dataset, forecast: xr.Dataset) -> None:
    radar = np.full((4, 9), 40.0)
    radar[:, 5:] = np.nan
    mixed = blend(observed, forecast, nowcast_mm=radar).rain_mm.to_numpy()
    plain = blend(observed, forecast).rain_mm.to_numpy()
    np.testing.assert_array_equal(mixed[:, :, 5:], plain[:, :, 5:])
    assert (mixed[:, PAST, :5] != plain[:, PAST, :5]).any()


def test_radar_stands_in_when_gauges_are_lost(observed: xr.Dataset) -> None:
    rain = blend(lose(observed, 40), None, nowcast_mm=np.full((2, 9), 12.0))
    assert rain.attrs["ladder_step"] == 6
    assert (rain.rain_mm.to_numpy()[0, PAST : PAST + 2] == 12.0).all()
    assert np.isnan(rain.rain_mm.to_numpy()[0, PAST + 2 :]).all()
    assert blend(lose(observed, 40), None).attrs["nowcast_method"] == "none"


@given(
    gauges=arrays(float, (6, 4), elements=st.floats(0, 100)), model=arrays(float, (6, 4), elements=st.floats(0, 100))
)
def test_bias_is_bounded_and_points_the_right_way(gauges: np.ndarray, model: np.ndarray) -> None:
    options = BlendOptions()
    factor = forecast_bias(gauges, model)
    assert options.bias_limits[0] <= factor <= options.bias_limits[1]
    assert (factor > 1) == (gauges.sum() > model.sum()) or abs(gauges.sum() - model.sum()) < 1e-6
    assert forecast_bias(gauges, gauges) == pytest.approx(1.0)


def test_bias_needs_three_hours_and_ignores_what_is_unknown() -> None:
    wet = np.full((6, 4), 10.0)
    hidden = wet.copy()
    hidden[:4] = np.nan
    assert forecast_bias(wet, hidden / 2) == 1.0
    hidden[3] = 10.0
    assert forecast_bias(wet, hidden / 2) == pytest.approx((30 + 5) / (15 + 5))


def test_bias_raises_the_first_hours_and_fades(observed: xr.Dataset, forecast: xr.Dataset) -> None:
    wet = observed.assign(rain_mm=observed.rain_mm * 0 + 30.0)
    rain = blend(wet, forecast)
    assert rain.attrs["bias_factor"] == 2.0
    ratio = (rain.rain_mm / blend(wet, forecast, options=AS_IS).rain_mm).to_numpy()[:, PAST + 3 :]
    np.testing.assert_allclose(ratio[:, 0], 1 + 0.5**0.5, rtol=1e-5)
    assert (np.diff(ratio.mean(axis=(0, 2))) < 0).all()
    assert (ratio > 1).all()


def hours_of(rain: xr.Dataset) -> np.ndarray:
    """Sum the steps of a blend to hours back from its last."""
    values = rain.rain_mm.to_numpy().astype(np.float64)
    return values.reshape(len(values), PAST + LEAD, -1, values.shape[2]).sum(axis=2)


def in_tens(observed: xr.Dataset) -> xr.Dataset:
    """Cut every hour into six equal steps."""
    end = np.concatenate([hour - np.arange(5, -1, -1) * np.timedelta64(10, "m") for hour in observed.time.to_numpy()])
    dims = ("time", "gauge")
    return xr.Dataset(
        {"rain_mm": (dims, observed.rain_mm.to_numpy().repeat(6, axis=0) / 6),
         "quality": (dims, observed.quality.to_numpy().repeat(6, axis=0))},
        coords={"time": end, "gauge": observed.gauge},
    )  # fmt: skip


@pytest.mark.parametrize("late_h", [0, 1, 2, 5, 8])
def test_even_hours_in_short_steps_are_the_same_rain(observed: xr.Dataset, forecast: xr.Dataset, late_h: int) -> None:
    known = lose(observed, late_h)
    hourly, short = blend(known, forecast), blend(in_tens(known), forecast, step_min=10)
    assert short.sizes["time"] == 6 * hourly.sizes["time"]
    assert short.attrs["step_h"] == pytest.approx(1 / 6)
    assert short.attrs["ladder_step"] == hourly.attrs["ladder_step"]
    assert short.attrs["gap_source"] == hourly.attrs["gap_source"]
    assert short.attrs["observed_until"] == hourly.attrs["observed_until"]
    np.testing.assert_allclose(hours_of(short), hourly.rain_mm, rtol=2e-4, atol=1e-3)


def test_ten_minutes_late_persist_by_the_mean_of_the_last_hour(observed: xr.Dataset) -> None:
    short = in_tens(observed)
    burst = short.rain_mm.to_numpy().copy()
    at = {int((end - NOW64) / np.timedelta64(10, "m")): row for row, end in enumerate(short.time.to_numpy())}
    burst[at[-1]] *= 40.0  # a cloudburst in the last ten minutes that are known
    short = short.assign(rain_mm=(short.rain_mm.dims, burst)).sel(time=short.time < NOW64)
    rain = blend(short, None, step_min=10)
    assert rain.attrs["ladder_step"] == 3
    assert rain.attrs["observed_until"] == (NOW - timedelta(minutes=10)).isoformat()
    past = rain.rain_mm.to_numpy()[0, : 6 * PAST]
    np.testing.assert_allclose(past[-1], past[-7:-1].mean(axis=0), rtol=1e-5)
    assert rain.origin.to_numpy()[6 * PAST - 1] == Origin.FALLBACK


def test_a_cycle_within_the_hour_ends_its_observed_part_there(observed: xr.Dataset, forecast: xr.Dataset) -> None:
    at = NOW - timedelta(minutes=40)
    rain = blend(in_tens(observed), forecast, valid_at=at, step_min=10)
    assert rain.attrs["ladder_step"] == 1
    assert rain.attrs["observed_until"] == at.isoformat()
    assert rain.time.to_numpy()[6 * PAST - 1] == np.datetime64("2021-07-20T08:20")


def test_a_step_that_does_not_divide_the_hour_is_refused(observed: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="accepted: a divisor of 60"):
        blend(observed, None, step_min=25)


def test_coarse_counts_of_short_steps_do_not_make_rain_local() -> None:
    """Tipping buckets of half a millimetre: ten minutes look unlike from gauge to gauge in rain that is the same."""
    gauges = points("G", 12, 4)
    rng = np.random.default_rng(5)
    tips = np.round(20 + gauges.geometry.x.to_numpy() / 500.0).astype(int)
    end = NOW64 - np.arange(PAST - 1, -1, -1) * HOUR
    counts = np.stack([rng.multinomial(tips, np.full(6, 1 / 6)).T for _ in end])  # (hour, ten minutes, gauge)
    dims = ("time", "gauge")
    coords = {"time": end, "gauge": np.array(gauges.index, dtype=object)}
    hours = xr.Dataset(
        {"rain_mm": (dims, 0.5 * counts.sum(axis=1)), "quality": (dims, np.ones((PAST, 12), np.int8))}, coords
    )
    tens = in_tens(hours)
    tens = tens.assign(rain_mm=(dims, 0.5 * counts.reshape(-1, 12)))
    hourly, short = (blend(rain, None, gauges=gauges, step_min=step) for rain, step in ((hours, 60), (tens, 10)))
    np.testing.assert_allclose(hours_of(short)[:, :PAST], hourly.rain_mm[:, :PAST], rtol=2e-3)


def dry(until_h: int = 12) -> xr.Dataset:
    """Gauges without rain up to so many hours after `NOW`."""
    end = NOW64 + np.arange(1 - PAST, until_h + 1) * HOUR
    dims = ("time", "gauge")
    return xr.Dataset(
        {"rain_mm": (dims, np.zeros((len(end), 7))), "quality": (dims, np.ones((len(end), 7), np.int8))},
        coords={"time": end, "gauge": np.array(GAUGES.index, dtype=object)},
    )


def run_of(members: np.ndarray) -> xr.Dataset:
    """Members (member, 24) of one run, from 6 h before `NOW` on, the same everywhere."""
    end = NOW64 + np.arange(-5, 19) * HOUR
    return xr.Dataset(
        {"rain_mm": (("member", "time", "lat", "lon"), members[:, :, None, None] * np.ones((1, 1, 2, 2)))},
        coords={"time": end, "lat": [34.6, 34.8], "lon": [113.5, 113.7]},
        attrs={"issued_at": (NOW - timedelta(hours=6)).isoformat()},
    )


def looked_at(members: np.ndarray, ahead_h: int, gauges: xr.Dataset | None = None) -> np.ndarray:
    """Rain (member, hour) of the hours `NOW` + 7 to `NOW` + 10 at one hotspot, from so many hours after `NOW`."""
    at = NOW + timedelta(hours=ahead_h)
    rain = blend(dry() if gauges is None else gauges, run_of(members), valid_at=at, past_h=PAST, lead_h=12)
    wanted = NOW64 + np.arange(7, 11) * HOUR
    return rain.rain_mm.isel(hotspot=0).sel(time=wanted).to_numpy().astype(float)


@given(
    late=arrays(float, (4, 18), elements=st.floats(0, 120)),
    onset=arrays(int, 4, elements=st.integers(7, 10)),
)
@settings(max_examples=25, deadline=None)
def test_a_run_that_nothing_contradicts_loses_no_rain_as_it_comes_nearer(late: np.ndarray, onset: np.ndarray) -> None:
    """Dry gauges before the onset: expected rain and upper quantile of the same hours stay as they were."""
    members = np.where(np.arange(-5, 19) >= onset[:, None], np.hstack([np.zeros((4, 6)), late]), 0.0)
    far = looked_at(members, 0)
    for ahead_h in range(1, 7):
        near = looked_at(members, ahead_h)
        assert (near.mean(axis=0) >= far.mean(axis=0) - 1e-4).all()
        assert (np.quantile(near, 0.9, axis=0) >= np.quantile(far, 0.9, axis=0) - 1e-4).all()
        far = near


@given(early=arrays(float, (3, 12), elements=st.floats(0, 40)), heavy=st.floats(1, 120))
@settings(max_examples=25, deadline=None)
def test_members_whose_rain_is_still_to_come_keep_it_when_others_told_rain_that_did_not_fall(
    early: np.ndarray, heavy: float
) -> None:
    late = np.zeros((2, 24))
    late[:, 12:16] = heavy, heavy / 2, heavy, heavy
    others = np.hstack([early, np.zeros((3, 12))])
    for ahead_h in range(7):
        np.testing.assert_allclose(looked_at(np.vstack([others, late]), ahead_h)[3:], late[:, 12:16], rtol=1e-5)


def test_what_a_member_told_too_much_of_the_last_hour_is_taken_from_its_next() -> None:
    """10 mm told and none fallen: the factor of 0.8 at once, then less 8, 6.4 and 5.12 mm by the nowcast's shares."""
    told = np.zeros((1, 24))
    told[0, 5:] = 10.0
    rain = blend(dry(), run_of(told)).rain_mm.to_numpy()[0, PAST : PAST + 3, 0]
    factor = np.maximum(0.8, 5.0 / 15.0) - 1.0
    ahead = 10.0 * (1.0 + factor * 0.5 ** (np.arange(3) / 6.0))
    np.testing.assert_allclose(rain, ahead - np.array([0.6 * 8.0, 0.35 * 6.4, 0.15 * 5.12]), rtol=1e-5)


def test_gauges_that_are_late_contradict_no_forecast() -> None:
    """The last hour is not known to be dry: the hours before it were."""
    told = np.zeros((2, 24))
    told[:, 5:] = 10.0
    late = dry(until_h=-1)
    rain = blend(late, run_of(told))
    assert rain.attrs["ladder_step"] == 3
    np.testing.assert_allclose(rain.rain_mm.to_numpy()[:, PAST : PAST + 3], 10.0)


@given(
    rain=arrays(float, (4, 24), elements=st.floats(0, 60)),
    fallen=arrays(float, PAST, elements=st.floats(0, 60)),
    more=arrays(float, PAST, elements=st.floats(0, 60)),
)
@settings(max_examples=25, deadline=None)
def test_more_rain_at_the_gauges_never_lowers_what_is_to_come(
    rain: np.ndarray, fallen: np.ndarray, more: np.ndarray
) -> None:
    def ahead(amount: np.ndarray) -> np.ndarray:
        gauges = dry(until_h=0)
        everywhere = np.repeat(amount[:, None], 7, axis=1)
        told = blend(gauges.assign(rain_mm=(("time", "gauge"), everywhere)), run_of(rain))
        return told.rain_mm.to_numpy()[:, PAST:].astype(float)

    assert (ahead(fallen + more) >= ahead(fallen) * (1 - 1e-5) - 1e-4).all()
