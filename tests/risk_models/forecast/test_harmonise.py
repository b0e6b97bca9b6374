"""What readers give brought to hours, members and points: totals are kept, gaps stay gaps, one forecast is chosen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyproj
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from risk_models.forecast.harmonise import (
    choose_forecast,
    common_step_min,
    in_steps,
    radar_frames,
    rain_at_points,
    to_steps,
)
from risk_models.forecast.rainfall import to_datetime64
from risk_models.forecast.sampling import POINT_REACH_KM, at_points

AT = datetime(2021, 7, 20, 9, tzinfo=UTC)
HOUR = np.timedelta64(3600, "s")
START = np.datetime64("2021-07-20T00", "ns")


def field(lengths_h: list[float], rain: NDArray[np.floating], *, quality: object = None) -> xr.Dataset:
    """Steps one after the other from midnight on."""
    end = START + (np.cumsum(np.array(lengths_h) * 3600).round().astype("int64") * np.timedelta64(1, "s"))
    dims = ("time", "gauge")[: rain.ndim]
    variables: dict[str, object] = {"rain_mm": (dims, rain)}
    if quality is not None:
        variables["quality"] = (dims, np.asarray(quality, dtype=np.int8))
    return xr.Dataset(variables, {"time": end.astype("datetime64[ns]"), "interval_h": ("time", lengths_h)})


blocks = st.lists(st.sampled_from([(1.0,), (3.0,), (6.0,), (1 / 6,) * 6, (0.5, 0.5), (0.25, 0.75)]), min_size=1)


@given(blocks=blocks, seed=st.integers(0, 1000))
def test_rain_of_whole_hours_keeps_its_total(blocks: list[tuple[float, ...]], seed: int) -> None:
    lengths = [length for block in blocks for length in block]
    rain = np.random.default_rng(seed).gamma(0.5, 10.0, (len(lengths), 2))
    hours = to_steps(field(lengths, rain))
    np.testing.assert_allclose(hours.rain_mm.sum("time"), rain.sum(axis=0), rtol=1e-12)
    assert in_steps(hours)
    assert hours.sizes["time"] == round(sum(lengths))
    # Also from any step on: what fell before an hour is what fell in the steps before it.
    np.testing.assert_allclose(hours.rain_mm.cumsum("time")[-1], rain.sum(axis=0), rtol=1e-12)


@given(shift_s=st.integers(1, 3599), count=st.integers(2, 30), seed=st.integers(0, 1000))
def test_steps_off_the_hour_never_make_rain(shift_s: int, count: int, seed: int) -> None:
    rain = np.random.default_rng(seed).gamma(0.5, 10.0, count)
    off = field([1.0] * count, rain)
    hours = to_steps(off.assign_coords(time=off.time + np.timedelta64(shift_s, "s")))
    known = hours.rain_mm.to_numpy()
    assert np.isnan(known[[0, -1]]).all()  # partly covered
    assert np.isfinite(known[1:-1]).all()
    assert np.nansum(known) <= rain.sum() + 1e-9
    share = shift_s / 3600
    np.testing.assert_allclose(known[1:-1], share * rain[:-1] + (1 - share) * rain[1:])
    assert (hours.spread_h == 1).all()


def test_long_steps_are_spread_evenly_and_marked() -> None:
    hours = to_steps(field([1, 3, 6], np.array([5.0, 9.0, 12.0])))
    assert hours.rain_mm.to_numpy().tolist() == [5.0] + [3.0] * 3 + [2.0] * 6
    assert hours.spread_h.to_numpy().tolist() == [1.0] + [3.0] * 3 + [6.0] * 6


def test_an_hour_with_a_gap_is_unknown_and_says_why() -> None:
    rain = np.full((18, 2), 2.0)
    rain[3, 0] = np.nan  # missing in the first hour
    rain[8, 1] = np.nan  # failed in the second
    quality = np.full((18, 2), 1)
    quality[3, 0], quality[8, 1], quality[14, 0], quality[15, 1] = 9, 4, 3, 2
    hours = to_steps(field([1 / 6] * 18, rain, quality=quality))
    np.testing.assert_array_equal(hours.rain_mm, [[np.nan, 12.0], [12.0, np.nan], [12.0, 12.0]])
    assert hours.quality.to_numpy().tolist() == [[9, 1], [1, 4], [3, 2]]
    # A step that is not there at all is a gap as well.
    lost = to_steps(field([1 / 6] * 18, rain, quality=quality).isel(time=[*range(13), *range(14, 18)]))
    assert np.isnan(lost.rain_mm.to_numpy()[2]).all()
    assert lost.quality.to_numpy()[2].tolist() == [9, 9]


def test_hours_stay_as_they_are() -> None:
    rain = np.array([1.0, np.nan, 3.0])
    np.testing.assert_array_equal(to_steps(field([1, 1, 1], rain)).rain_mm, rain)


def test_rain_counted_twice_is_refused() -> None:
    running = field([1, 1], np.array([1.0, 2.0])).assign_coords(interval_h=("time", [3.0, 3.0]))
    with pytest.raises(ValueError, match="steps overlap"):
        to_steps(running)
    with pytest.raises(ValueError, match="accepted: at most 200000"):
        to_steps(field([1, 300_000], np.array([1.0, 2.0])))


def test_a_projected_grid_is_sampled_through_its_crs() -> None:
    east, north = 463_000.0 + 1000 * np.arange(4), 3_840_000.0 + 1000 * np.arange(3)
    plane = 2.0 + (east[None, :] - east[0]) / 1000 + 10 * (north[:, None] - north[0]) / 1000
    grid = xr.Dataset(
        {"rain_mm": (("time", "y", "x"), plane[None])},
        {"time": np.array([START]), "y": north, "x": east},
        {"crs": "EPSG:4547"},
    )
    lon, lat = 113.6106, 34.6974  # inside
    across, up = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:4547", always_xy=True).transform(lon, lat)
    expected = 2.0 + (across - east[0]) / 1000 + 10 * (up - north[0]) / 1000
    sampled = at_points(grid, [lon, 120.0], [lat, 30.0]).rain_mm.to_numpy()
    np.testing.assert_allclose(sampled[0, 0, 0], expected, rtol=1e-9)
    assert np.isnan(sampled[0, 0, 1])
    turned = grid.isel(y=slice(None, None, -1))
    np.testing.assert_allclose(at_points(turned, [lon], [lat]).rain_mm[0, 0, 0], expected, rtol=1e-9)
    with pytest.raises(ValueError, match="needs the attribute crs"):
        at_points(grid.assign_attrs(crs=""), [lon], [lat])
    with pytest.raises(ValueError, match="has no places"):
        at_points(xr.Dataset({"rain_mm": ("time", [1.0])}, {"time": [START]}), [lon], [lat])


def test_an_unknown_cell_spoils_only_what_it_has_weight_in() -> None:
    grid = xr.Dataset(
        {"rain_mm": (("member", "time", "lat", "lon"), [[[[1.0, np.nan], [3.0, 5.0]]]])},
        {"lat": [34.0, 35.0], "lon": [113.0, 114.0]},
    )
    sampled = at_points(grid, [113.0, 113.5, 113.5], [34.5, 34.5, 35.0]).rain_mm.to_numpy()[0, 0]
    np.testing.assert_array_equal(sampled, [2.0, np.nan, 4.0])


@given(rain=st.lists(st.floats(0, 100), min_size=2, max_size=6), seed=st.integers(0, 100))
def test_inverse_distance_stays_between_its_points(rain: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    lon, lat = 113.6 + rng.uniform(0, 0.1, len(rain)), 34.7 + rng.uniform(0, 0.1, len(rain))
    points = xr.Dataset(
        {"rain_mm": (("member", "time", "point"), [[rain]])},
        {"time": [START], "lat": ("point", lat), "lon": ("point", lon)},
    )
    own = at_points(points, lon, lat).rain_mm.to_numpy()[0, 0]
    np.testing.assert_allclose(own, rain, atol=1e-2)
    between = at_points(points, [113.65], [34.75]).rain_mm.to_numpy()[0, 0, 0]
    assert min(rain) - 1e-9 <= between <= max(rain) + 1e-9


def test_a_point_that_is_unknown_or_far_takes_no_part() -> None:
    points = xr.Dataset(
        {"rain_mm": (("time", "point"), [[np.nan, 8.0]])},
        {"time": [START], "lat": ("point", [34.7, 34.8]), "lon": ("point", [113.6, 113.6])},
    )
    degrees = POINT_REACH_KM / 111.195
    sampled = at_points(points, [113.6] * 3, [34.7, 34.8 + 0.99 * degrees, 34.8 + 1.01 * degrees])
    np.testing.assert_array_equal(sampled.rain_mm.to_numpy()[0, 0], [8.0, 8.0, np.nan])


def test_hours_beyond_the_field_are_unknown() -> None:
    grid = field([3.0], np.array([9.0])).expand_dims(lat=[34.7], lon=[113.6])
    rain, spread = rain_at_points(grid, [113.6], [34.7], end=START + np.arange(1, 6) * HOUR)
    np.testing.assert_array_equal(rain[0, :, 0], [3, 3, 3, np.nan, np.nan])
    assert spread.tolist() == [3, 3, 3, 1, 1]


def issue(age_h: float, *, members: int = 1, reach_h: int = 48) -> xr.Dataset:
    issued = AT - timedelta(hours=age_h)
    end = to_datetime64(issued) + np.arange(1, reach_h + 1) * HOUR
    rain = np.zeros((members, reach_h, 1))
    attrs = {"issued_at": issued.isoformat()}
    return xr.Dataset({"rain_mm": (("member", "time", "point"), rain)}, {"time": end}, attrs)


@pytest.mark.parametrize(
    ("issues", "chosen"),
    [
        ([issue(1), issue(2)], 0),  # the newest
        ([issue(1), issue(7, members=51)], 1),  # an ensemble goes before
        ([issue(1), issue(25, members=51)], 0),  # unless it is old
        ([issue(25, members=51), issue(40)], 0),  # an old one is better than an older single forecast
        ([issue(1, members=51, reach_h=3), issue(7, members=51)], 1),  # not all of the newest is there yet
        ([issue(1, reach_h=3), issue(7)], 1),
        ([issue(1), issue(7, members=51, reach_h=6)], 0),  # an ensemble that is over
        ([issue(1, members=51, reach_h=3), issue(7, reach_h=48)], 0),  # ensemble first, also a short one
        ([None, issue(30)], 1),
        ([issue(300)], 0),
        ([], None),
        ([None], None),
    ],
)
def test_one_forecast_is_chosen_and_none_mixed(issues: list[xr.Dataset | None], chosen: int | None) -> None:
    found = choose_forecast(issues, valid_at=AT, horizon_h=24)
    assert found is (None if chosen is None else issues[chosen])


def test_no_more_is_read_than_needed() -> None:
    read = []

    def reading() -> object:
        for one in (issue(1, members=5), issue(2, members=5)):
            read.append(one)
            yield one

    choose_forecast(reading(), valid_at=AT, horizon_h=24)  # type: ignore[arg-type]
    assert len(read) == 1


def frame(minute: int, *, interval_h: float = 1 / 12, x: float = 0.0) -> xr.Dataset:
    end = START + np.array([minute]) * np.timedelta64(60, "s")
    coords = {"time": end.astype("datetime64[ns]"), "interval_h": ("time", [interval_h]), "y": [0.0], "x": [x]}
    return xr.Dataset(
        {"rain_mm": (("time", "y", "x"), np.full((1, 1, 1), float(minute)))}, coords, {"crs": "EPSG:4547"}
    )


@pytest.mark.parametrize(
    "maps",
    [
        [frame(0), frame(5)],
        [frame(0), frame(5), frame(15)],
        [frame(0), frame(5), frame(10, interval_h=0.5)],
        [frame(0), frame(5), frame(10, x=9.0)],
        [frame(0, interval_h=1.0), frame(60, interval_h=1.0), frame(120, interval_h=1.0)],
        [],
    ],
)
def test_frames_that_do_not_follow_on_each_other_are_no_series(maps: list[xr.Dataset]) -> None:
    assert radar_frames(maps) is None


def test_the_last_frames_make_the_series_and_the_first_of_two_counts() -> None:
    twice = frame(10).assign(rain_mm=frame(10).rain_mm * 0)
    series = radar_frames([frame(10), twice, frame(0), frame(5), frame(-5)])
    assert series is not None
    assert series.rain_mm.to_numpy().ravel().tolist() == [0.0, 5.0, 10.0]


@given(step_min=st.sampled_from([5, 10, 15, 20, 30]), blocks=blocks, seed=st.integers(0, 1000))
def test_short_steps_sum_to_the_hours(step_min: int, blocks: list[tuple[float, ...]], seed: int) -> None:
    lengths = [length for block in blocks for length in block]
    rain = np.random.default_rng(seed).gamma(0.5, 10.0, (len(lengths), 2))
    given_field = field(lengths, rain)
    short = to_steps(given_field, step_min)
    assert in_steps(short, step_min)
    assert short.sizes["time"] == round(sum(lengths) * 60 / step_min)
    np.testing.assert_allclose(to_steps(short).rain_mm, to_steps(given_field).rain_mm, rtol=1e-9, atol=1e-12)


def test_an_hour_is_spread_over_ten_minutes_and_a_gap_stays_one() -> None:
    rain = np.array([6.0, np.nan, 12.0])
    short = to_steps(field([1, 1, 1], rain, quality=[1, 9, 3]), 10)
    np.testing.assert_array_equal(short.rain_mm, [1.0] * 6 + [np.nan] * 6 + [2.0] * 6)
    assert short.quality.to_numpy().tolist() == [1] * 6 + [9] * 6 + [3] * 6
    assert short.spread_h.to_numpy().tolist() == [1.0] * 18
    assert short.attrs["step_h"] == 1 / 6


@pytest.mark.parametrize("step_min", [0, 7, 45, 120])
def test_a_step_that_does_not_divide_an_hour_is_refused(step_min: int) -> None:
    with pytest.raises(ValueError, match="accepted: a divisor of 60"):
        to_steps(field([1.0], np.array([1.0])), step_min)


@pytest.mark.parametrize(
    ("steps_h", "minute", "expected"),
    [([], 0, 60), ([1.0], 0, 60), ([1.0], 20, 20), ([1 / 6], 0, 10), ([0.25], 0, 15), ([0.25, 1 / 6], 0, 5),
     ([24.0], 0, 60), ([1 / 30], 40, 5)],
)  # fmt: skip
def test_the_step_of_a_cycle_fits_all_feeds_and_its_time(steps_h: list[float], minute: int, expected: int) -> None:
    assert common_step_min(steps_h, valid_at=AT.replace(minute=minute)) == expected


def test_a_cycle_time_between_five_minutes_is_refused() -> None:
    with pytest.raises(ValueError, match="no multiple of 5 min"):
        common_step_min([1.0], valid_at=AT.replace(minute=3))
