"""Quality flags: each trap that other packages fall into, and the merge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from risk_models.forecast.quality.flag import (
    QualityLimits,
    flag_gauges,
    flat_line_test,
    gross_range_test,
    quality_summary,
    rate_test,
    spike_test,
)

SQUARE = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [2, 1]]) * 3000.0
NAN = np.nan


def series(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, np.newaxis]


def table(rain: np.ndarray, quality: np.ndarray | None = None) -> xr.Dataset:
    end = np.datetime64("2021-07-20T00", "ns") + np.arange(len(rain)) * np.timedelta64(1, "h")
    flags = np.where(np.isnan(rain), 9, 2) if quality is None else quality
    names = [f"G{number}" for number in range(rain.shape[1])]
    dims = ("time", "gauge")
    return xr.Dataset({"rain_mm": (dims, rain), "quality": (dims, flags)}, coords={"time": end, "gauge": names})


def test_lonely_cloudburst_is_doubted_and_kept() -> None:
    flagged = flag_gauges(table(series(2, 4, 201.9)), [[0, 0]])
    assert flagged.quality.to_numpy().ravel().tolist()[-1] == 3
    assert flagged.rain_mm.to_numpy()[-1, 0] == 201.9


def test_cloudburst_that_neighbours_confirm_is_good() -> None:
    rain = np.array([[5.0] * 5, [20.0, 22, 25, 18, 21], [201.9, 120, 150, 90, 110]])
    flagged = flag_gauges(table(rain), SQUARE)
    assert (flagged.quality.to_numpy()[1:] == 1).all()
    assert flagged.tests.sel(test="rate").to_numpy()[2, 0] == 3


def test_impossible_values_leave_and_do_not_touch_their_neighbours() -> None:
    rain = np.array([[5.0, 6, 7, 5, 6], [900.0, 6, 7, 5, 6]])
    flagged = flag_gauges(table(rain), SQUARE)
    assert flagged.quality.to_numpy()[1, 0] == 4
    assert np.isnan(flagged.rain_mm.to_numpy()[1, 0])
    assert (flagged.quality.to_numpy()[1, 1:] == 1).all()


def test_marks_of_the_reader_are_kept() -> None:
    rain = np.array([[5.0, 6, 7, 5, 6]] * 2)
    received = np.full((2, 5), 2)
    received[1] = [3, 4, 9, 2, 2]
    assert flag_gauges(table(rain, received), SQUARE).quality.to_numpy()[1].tolist() == [3, 4, 9, 1, 1]


def test_single_value_is_not_evaluated_rather_than_good() -> None:
    flagged = flag_gauges(table(series(3)), [[0, 0]])
    assert flagged.quality.to_numpy().tolist() == [[2]]
    assert flagged.tests_run.to_numpy().tolist() == [[3]]  # gap, syntax and gross range need no other value


def test_stamp_in_the_future_fails() -> None:
    rain = np.array([[5.0, 6, 7, 5, 6]] * 3)
    flagged = flag_gauges(table(rain), SQUARE, valid_at=np.datetime64("2021-07-20T00:57", "ns"))
    assert (flagged.quality.to_numpy()[:2] != 4).all()
    assert (flagged.quality.to_numpy()[2] == 4).all()
    assert np.isnan(flagged.rain_mm.to_numpy()[2]).all()


def test_no_flag_rests_on_what_came_later() -> None:
    rain = np.array([[2.0], [3.0], [90.0], [1.0], [2.0], [2.0]])
    now = np.datetime64("2021-07-20T02", "ns")
    whole = flag_gauges(table(rain), [[0, 0]], valid_at=now)
    cut = flag_gauges(table(rain[:3]), [[0, 0]], valid_at=now)
    xr.testing.assert_identical(whole.isel(time=slice(0, 3)), cut)


def test_input_is_not_changed() -> None:
    observed = table(series(1, 900, 3))
    before = observed.copy(deep=True)
    flag_gauges(observed, [[0, 0]])
    xr.testing.assert_identical(observed, before)


@given(rain=arrays(float, (8, 5), elements=st.one_of(st.floats(0, 401), st.just(NAN))), order=st.permutations(range(5)))
def test_order_of_gauges_changes_nothing(rain, order) -> None:
    limits = QualityLimits(buddies=8)
    plain = flag_gauges(table(rain), SQUARE, limits=limits).quality.to_numpy()
    shuffled = flag_gauges(table(rain[:, order]), SQUARE[order], limits=limits).quality.to_numpy()
    np.testing.assert_array_equal(shuffled, plain[:, order])


@given(rain=arrays(float, (8, 5), elements=st.one_of(st.floats(0, 401), st.just(NAN))))
def test_possible_rain_is_never_dropped_unless_stuck(rain) -> None:
    flagged = flag_gauges(table(rain), SQUARE)
    kept = flagged.rain_mm.to_numpy()
    np.testing.assert_array_equal(np.isnan(kept), np.isnan(rain))


def test_summary_counts_everything_and_says_what_ran() -> None:
    rain = np.array([[5.0, 6, 7, 5, 6], [NAN, 6, 700, 5, 6]])
    summary = quality_summary(flag_gauges(table(rain), SQUARE))
    assert sum(summary.counts.values()) == summary.values == 10
    assert summary.counts["missing"] == 1
    assert summary.counts["fail"] == 1
    assert summary.evaluated["spike"] == 0
    assert summary.evaluated["buddy"] == 5  # two neighbours are too few
    assert "缺测1" in summary.zh
    assert "1 missing; neighbours could be compared for 5." in summary.en


def test_real_rain_is_rarely_doubted_and_planted_errors_fail(shared_data: Path) -> None:
    """Five years of eleven real gauges; DE_02483 carries impossible hours and long runs put there on purpose."""
    hourly = pd.read_parquet(shared_data / "gsdr_germany_hourly" / "hourly_mm.parquet")
    gauges = [name for name in hourly.columns if name.startswith("DE_")]
    received = hourly[gauges].to_numpy(dtype=float)
    gross = gross_range_test(received)
    rain = np.where(gross == 4, NAN, received)
    failed = (gross == 4) | (flat_line_test(rain) == 4)
    assert {gauges[column] for column in np.flatnonzero(failed.any(axis=0))} == {"DE_02483"}
    assert failed.sum() > 400
    for flags in (rate_test(rain), spike_test(rain), flat_line_test(rain)):
        assert (flags == 3).mean() < 0.001
