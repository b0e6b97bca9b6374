"""Each kind of fault is found where it is, kept or left out as it must be, and nothing else is blamed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.forecast.quality.flag import (
    TESTS,
    QualityLimits,
    buddy_event_test,
    climatology_test,
    clock_test,
    counter_test,
    duplicate_test,
    flag_gauges,
    location_test,
    quality_summary,
    syntax_test,
    unit_test,
)
from risk_models.forecast.quality.series import by_gauges, monthly_dry_steps, monthly_maxima_mm, run_lengths
from tests.risk_models.forecast.quality.sample import GAUGE_XY, NAN, table


def series(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, np.newaxis]


def flags(flagged: xr.Dataset, test: str) -> np.ndarray:
    return flagged["tests"].sel(test=test).to_numpy()


def test_good_rain_is_good(rain: np.ndarray) -> None:
    flagged = flag_gauges(table(rain), GAUGE_XY)
    assert (flagged.quality == 1).mean() > 0.995
    assert (flagged.quality != 4).all()
    for name in ("counter", "duplicate", "unit", "clock", "location"):
        assert (flags(flagged, name) == 1).all(), name


def test_every_test_has_its_flags(rain: np.ndarray) -> None:
    flagged = flag_gauges(table(rain), GAUGE_XY)
    assert tuple(flagged.test.to_numpy()) == TESTS
    assert set(np.unique(flagged.tests)) <= {1, 2, 3, 4, 9}
    ran = np.isin(flagged.tests.to_numpy(), (1, 3, 4)).sum(axis=0)
    np.testing.assert_array_equal(flagged.tests_run, ran)
    assert (flags(flagged, "climatology") == 2).all()  # no climatology was given: not evaluated, not passed


def test_gauge_in_tenths_is_doubted_and_kept(rain: np.ndarray) -> None:
    rain = rain.copy()
    rain[:, 2] *= 10
    flagged = flag_gauges(table(rain), GAUGE_XY)
    wet = rain[:, 2] > 0
    assert (flags(flagged, "unit")[wet, 2] == 3).all()
    assert (flags(flagged, "unit")[:, [0, 1, 3, 4, 5]] == 1).all()
    np.testing.assert_array_equal(flagged.rain_mm.to_numpy()[wet, 2], rain[wet, 2])


@pytest.mark.parametrize("factor", [1 / 25.4, 0.1])
def test_gauge_in_inches_fails_because_keeping_it_would_hide_rain(rain: np.ndarray, factor: float) -> None:
    rain = rain.copy()
    rain[:, 4] = (rain[:, 4] * factor).round(2)
    flagged = flag_gauges(table(rain), GAUGE_XY)
    wet = rain[:, 4] > 0
    assert (flagged.quality.to_numpy()[wet, 4] == 4).all()
    assert np.isnan(flagged.rain_mm.to_numpy()[wet, 4]).all()
    assert (flags(flagged, "unit")[:, :4] == 1).all()


def test_unit_needs_many_events(rain: np.ndarray) -> None:
    assert (unit_test(rain[:48] * [1, 1, 10, 1, 1, 1], GAUGE_XY) == 2).all()


@pytest.mark.parametrize("lag", [-3, 2, 8])
def test_clock_that_is_off_by_hours_is_found(rain: np.ndarray, lag: int) -> None:
    rain = rain.copy()
    rain[:, 0] = np.roll(rain[:, 0], lag)
    found = clock_test(rain, GAUGE_XY)
    assert (found[:, 0] == 3).all()
    assert (found[:, 1:] == 1).all()


def test_clock_of_unlike_gauges_cannot_be_told(rain: np.ndarray) -> None:
    noise = np.random.default_rng(2).permutation(rain[:, 0])
    assert (clock_test(np.column_stack([noise, rain[:, 1:]]), GAUGE_XY)[:, 0] == 2).all()


def test_counter_reset_is_a_negative_step() -> None:
    flagged = flag_gauges(table(series(2, 3, -9, 1)), [[0, 0]])
    assert flags(flagged, "counter").ravel().tolist() == [2, 2, 4, 2]
    assert flagged.quality.to_numpy().ravel()[2] == 4
    assert np.isnan(flagged.rain_mm.to_numpy()[2, 0])


def test_running_total_is_found_and_a_long_one_fails(rain: np.ndarray) -> None:
    daily = np.cumsum(np.tile([0.2, 0.6, 0, 1.4, 0.8, 0, 0, 2.0], 3))
    sent = np.concatenate([daily, [0.0], daily[:13], [0.0]])[:, np.newaxis]
    assert counter_test(sent).ravel().tolist() == [4] * 24 + [1] + [3] * 13 + [1]


def test_storm_that_grows_and_fades_is_no_counter() -> None:
    storm = np.concatenate([np.linspace(1, 60, 30), np.linspace(58, 0, 30)])
    assert (counter_test(storm[:23, np.newaxis]) == 1).all()
    assert (counter_test(storm[:, np.newaxis])[30:] == 1).all()
    assert (counter_test(storm[:, np.newaxis]) != 4).all()


def test_old_file_sent_again_is_doubted(rain: np.ndarray) -> None:
    rain = rain.copy()
    wettest = int(np.convolve((rain[:, 3] > 0).astype(float), np.ones(48), "valid").argmax())
    again = slice(600, 648) if wettest < 500 else slice(100, 148)
    rain[again] = rain[wettest : wettest + 48]
    found = duplicate_test(rain)
    assert (found[again] == 3).any(axis=0).all()
    early = min(wettest, again.start)
    assert (found[early : early + 40] != 3).all()  # only what came second is blamed


def test_dry_weather_and_stuck_values_are_no_copies() -> None:
    rain = np.concatenate([np.zeros(100), np.full(100, 3.2), np.tile([0.1, 0.2, 0.0], 40)])[:, np.newaxis]
    assert (duplicate_test(rain) == 1).all()


def test_second_row_of_one_time() -> None:
    end = np.array(["2021-07-20T08", "2021-07-20T09", "2021-07-20T09", "2021-07-20T08"], "datetime64[ns]")
    found = duplicate_test(np.array([[3.0, 1], [8, 2], [8, 5], [NAN, 1]]), end)
    assert found.tolist() == [[2, 2], [2, 3], [4, 3], [9, 4]]


def test_location() -> None:
    far = np.vstack([GAUGE_XY, [3.85e6, 4.8e5]])  # axes swapped
    assert location_test(far).tolist() == [1] * 6 + [3]
    lost = np.vstack([GAUGE_XY, [NAN, NAN]])
    flagged = flag_gauges(table(np.full((2, 7), 5.0)), lost)
    assert flagged.quality.to_numpy()[1].tolist() == [1] * 6 + [4]
    assert location_test([[0, 0], [9e9, 0]]).tolist() == [2, 2]


def test_syntax_repeats_what_the_reader_said() -> None:
    assert syntax_test([[1, 2], [4, 9]]).tolist() == [[1, 1], [4, 9]]


def test_climatology_by_month() -> None:
    end = np.array(["2021-01-05", "2021-07-05"], "datetime64[ns]")
    limits = QualityLimits(monthly_max_mm=(20.0,) * 6 + (NAN,) + (20.0,) * 5)
    assert climatology_test([[50.0], [50.0]], end, limits.monthly_max_mm).ravel().tolist() == [3, 2]
    with pytest.raises(ValueError, match=r"monthly_max_mm has 3 values; accepted: 12"):
        QualityLimits(monthly_max_mm=(1.0, 2.0, 3.0))


def test_climatology_from_a_record_lets_the_record_pass(rain: np.ndarray) -> None:
    time = table(rain).time.to_numpy()
    limits, dry = monthly_maxima_mm(rain, time), monthly_dry_steps(rain, time)
    found = climatology_test(rain, time, limits, dry)
    assert (found != 3).all()
    assert ((found == 1) | (np.cumsum(rain > 0, axis=0) == 0)).all()  # only before the first rain nothing is known
    assert (climatology_test(rain, time, limits)[rain == 0] == 2).all()
    assert np.isnan(limits[0])
    assert np.isnan(dry[0])


def test_a_short_record_says_nothing_of_a_month() -> None:
    end = np.array([f"{year}-07-20T08" for year in range(2010, 2021)], "datetime64[ns]")
    rain = np.full((11, 1), 40.0)
    assert np.isnan(monthly_maxima_mm(rain, end, min_years=12)).all()
    assert monthly_maxima_mm(rain, end, min_years=11)[6] == 80.0
    rain[3] = np.nan
    assert np.isnan(monthly_maxima_mm(rain, end, min_years=11)).all()
    assert np.isnan(monthly_dry_steps(rain * 0, end, min_years=11)).all()


def test_a_dry_run_longer_than_any_known_is_doubted_whole_and_a_part_of_one_not_judged() -> None:
    end = np.datetime64("2021-07-01T01", "ns") + np.arange(40) * np.timedelta64(1, "h")
    rain = np.zeros((40, 2))
    rain[[9, 30], 0] = 0.4  # dry for 9 steps at least, for 20, and for 9 so far
    rain[35, 1] = NAN  # dry for 35, unknown, dry for 4
    found = climatology_test(rain, end, None, [15.0] * 12)
    assert found[:, 0].tolist() == [2] * 9 + [2] + [3] * 20 + [2] + [1] * 9
    assert found[:, 1].tolist() == [3] * 35 + [9] + [2] * 4
    assert (climatology_test(rain, end, None, [NAN] * 12)[:30] == 2).all()


def test_a_dry_value_that_nothing_can_judge_is_not_evaluated_and_said() -> None:
    """No neighbour, no record: a false zero would look the same. With a record the run is judged; rain always is."""
    alone = table(series(3, 4, 0, 0, 0, 0, 2))
    unjudged = flag_gauges(alone, [[0, 0]])
    assert unjudged.quality.to_numpy().ravel().tolist() == [1, 1, 2, 2, 2, 2, 1]
    assert "3 good, 4 not evaluated, 0 suspect" in quality_summary(unjudged).en
    judged = flag_gauges(alone, [[0, 0]], monthly_dry_h=[6.0] * 12)
    assert judged.quality.to_numpy().ravel().tolist() == [1] * 7
    doubted = flag_gauges(alone, [[0, 0]], monthly_dry_h=[3.0] * 12)
    assert doubted.quality.to_numpy().ravel().tolist() == [1, 1, 3, 3, 3, 3, 1]
    assert (doubted.rain_mm.to_numpy()[2:6] == 0).all()


def test_extreme_of_the_month_that_neighbours_confirm_is_good() -> None:
    rain = np.array([[2.0] * 6, [45.0, 40, 50, 42, 44, 39]])
    limits = QualityLimits(monthly_max_mm=(30.0,) * 12)
    assert (flag_gauges(table(rain), GAUGE_XY, limits=limits).quality.to_numpy()[1] == 1).all()
    alone = flag_gauges(table(rain[:, :1]), GAUGE_XY[:1], limits=limits)
    assert alone.quality.to_numpy()[1, 0] == 3
    assert alone.rain_mm.to_numpy()[1, 0] == 45.0


def test_event_of_yes_or_no() -> None:
    rain = np.full((12, 6), 1.5)
    rain[:, 0] = 0.0
    found = buddy_event_test(rain, GAUGE_XY)
    assert found[5:, 0].tolist() == [3] * 7
    assert (found[:5] == 2).all()
    assert (found[5:, 1:] == 1).all()
    lonely = np.zeros((12, 6))
    lonely[8, 5] = 35.0
    assert buddy_event_test(lonely, GAUGE_XY)[8].tolist() == [1] * 5 + [3]


def test_blocked_gauge_fails_for_good(rain: np.ndarray) -> None:
    rain = rain.copy()
    rain[:, 3] = 0.0
    flagged = flag_gauges(table(rain), GAUGE_XY)
    assert (flagged.quality.to_numpy()[:, 3] == 4).all()
    assert (flagged.quality.to_numpy()[:, :3] != 4).all()
    assert (flag_gauges(table(rain[:100] * 0), GAUGE_XY).quality == 1).all()


def test_event_with_a_hole_is_not_evaluated() -> None:
    rain = np.full((8, 6), 1.5)
    rain[4, 0] = NAN
    assert (buddy_event_test(rain, GAUGE_XY)[5:, 0] == 2).all()


def test_blocks_of_time_join_without_a_seam() -> None:
    rain = np.zeros((1100, 6))
    rain[508:516, 1:] = 2.0
    assert np.flatnonzero(buddy_event_test(rain, GAUGE_XY)[:, 0] == 3).tolist() == list(range(510, 519))


@given(rows=st.lists(st.sampled_from([0.0, 0.2, 1.0, NAN]), min_size=0, max_size=12), columns=st.integers(1, 3))
def test_runs_equal_counting_by_hand(rows: list[float], columns: int) -> None:
    rain = np.repeat(np.array(rows, dtype=float)[:, np.newaxis], columns, axis=1)
    wanted = []
    for number, value in enumerate(rows):
        begin, end = number, number
        while begin and rows[begin - 1] == value:
            begin -= 1
        while end + 1 < len(rows) and rows[end + 1] == value:
            end += 1
        wanted.append(end - begin + 1)
    assert run_lengths(rain).tolist() == [[length] * columns for length in wanted]


def test_blocks_of_gauges_change_nothing(rain: np.ndarray) -> None:
    wide = np.hstack([rain] * 4)
    np.testing.assert_array_equal(counter_test(wide), np.hstack([counter_test(rain)] * 4))
    assert by_gauges(lambda part: np.ones(part.shape, np.int8), wide[:0]).shape == (0, 24)


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_one_bad_gauge_never_makes_another_fail(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    rain = rng.gamma(0.5, 4.0, (60, 6)).round(1)
    bad = rain.copy()
    bad[:, 0] = data.draw(st.sampled_from([0.0, 7.7, -5.0, 999.0, NAN]))
    failed = flag_gauges(table(bad), GAUGE_XY).quality.to_numpy()[:, 1:] == 4
    assert not failed.any()


def test_summary_counts_what_each_test_doubted(rain: np.ndarray) -> None:
    rain = rain.copy()
    rain[:, 2] *= 10
    summary = quality_summary(flag_gauges(table(rain), GAUGE_XY))
    assert summary.doubted["unit"] == (rain[:, 2] > 0).sum()
    assert summary.doubted["clock"] == 0
    assert summary.evaluated["climatology"] == 0


def test_false_zeros_of_a_gauge_alone_are_found_by_the_climate_of_others(shared_data: Path) -> None:
    """A planted dry summer, no neighbours: unjudged without a record, doubted with one; sound gauges are not."""
    folder = shared_data / "gsdr_germany_hourly"
    hourly = pd.read_parquet(folder / "hourly_mm.parquet")
    time, rain = hourly.index.to_numpy().astype("datetime64[ns]"), hourly.to_numpy(float)
    bad, early = list(hourly.columns).index("DE_02483"), time < np.datetime64("2009-01-01")
    limits = monthly_dry_steps(np.delete(rain, bad, axis=1)[early], time[early], min_years=3)
    later = table(rain[~early]).assign_coords(time=time[~early])
    far = np.arange(11)[:, np.newaxis] * np.array([[25_000.0, 0.0]])
    dry = (time[~early] >= np.datetime64("2009-05-31T08")) & (time[~early] <= np.datetime64("2009-08-30T23"))
    others = np.arange(11) != bad
    found = {}
    for name, table_h in (("no record", None), ("record", limits)):
        found[name] = flag_gauges(later, far, monthly_dry_h=table_h).quality.to_numpy()
    assert (found["no record"][dry, bad] == 2).all()
    assert (found["record"][dry, bad] == 3).all()
    assert (found["record"][:, others] == 3).mean() < 0.0004
    zeros = rain[~early][:, others] == 0
    assert (found["record"][:, others][zeros] == 1).mean() > 0.99


def test_planted_errors_of_real_gauges(shared_data: Path) -> None:
    """Five years of eleven gauges; DE_02483 carries impossible hours, long runs, a dry summer and false extremes."""
    folder = shared_data / "gsdr_germany_hourly"
    hourly = pd.read_parquet(folder / "hourly_mm.parquet")
    places = pd.read_csv(folder / "stations.csv").set_index("id").loc[hourly.columns]
    gauge_xy = np.column_stack([(places.lon - 8.5) * 69_750, (places.lat - 51.2) * 111_320])
    rain = hourly.to_numpy(float)
    observed = table(rain).assign_coords(time=hourly.index.to_numpy().astype("datetime64[ns]"))
    flagged = flag_gauges(observed, gauge_xy, limits=replace(QualityLimits(), radius_m=45_000.0))
    bad = list(hourly.columns).index("DE_02483")
    quality = flagged.quality.to_numpy()
    assert set(np.flatnonzero((quality == 4).any(axis=0))) == {bad}
    assert (quality[rain[:, bad] >= 450, bad] == 4).all()
    long = run_lengths(rain)[:, bad] >= 24
    assert (quality[long & (rain[:, bad] > 0.5), bad] == 4).all()
    extreme = (rain[:, bad] >= 36) & (rain[:, bad] < 400)
    assert extreme.sum() == 15
    assert (quality[extreme, bad] == 3).sum() >= 10
    dry = slice(hourly.index.get_loc("2009-05-31 08:00"), hourly.index.get_loc("2009-08-30 23:00"))
    assert (quality[dry, bad] == 4).mean() > 0.6  # the months wholly inside
    others = np.delete(quality, bad, axis=1)
    assert (others == 3).mean() < 0.005
