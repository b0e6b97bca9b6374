"""Counts of a running gauge become rain: resets, gaps, wrong readings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.forecast.readers.counters import counter_rain
from risk_models.forecast.readers.gauge_table import read_gauge_table
from risk_models.forecast.readers.reading import FileReading


@pytest.fixture
def read(tmp_path: Path):
    def reader(content: str | bytes, name: str = "gauges.csv", **options: Any):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_gauge_table(path, **{"timezone": "Asia/Shanghai", **options})

    return reader


def codes(reading: FileReading) -> list[str]:
    return [finding.code for finding in reading.findings]


def counter(*counts: object) -> str:
    return "time,A\n" + "".join(f"2021-07-20 {n:02d}:00,{count}\n" for n, count in enumerate(counts))


def test_running_count_becomes_rain(read) -> None:
    rain, reading = read(counter(5000, 5010, 5010, 5019), counter_mm=0.2)
    np.testing.assert_allclose(rain.rain_mm[:, 0], [np.nan, 2.0, 0.0, 1.8])
    assert rain.quality.to_numpy()[:, 0].tolist() == [9, 2, 2, 2]
    assert rain.raw_mm.to_numpy()[:, 0].tolist() == [5000, 5010, 5010, 5019]
    assert codes(reading) == []
    assert rain.attrs["source_unit"] == "counts of 0.2 mm"


def test_counts_that_look_like_missing_codes_are_counts(read) -> None:
    rain, _ = read(counter(9990, 9999, 10005), counter_mm=0.1)
    np.testing.assert_allclose(rain.rain_mm[1:, 0], [0.9, 0.6])


def test_reset_is_flagged_and_never_negative(read) -> None:
    rain, reading = read(counter(500, 510, 0, 40, 4), counter_mm=0.5)
    np.testing.assert_allclose(rain.rain_mm[:, 0], [np.nan, 5.0, np.nan, 20.0, 2.0])
    assert rain.quality.to_numpy()[:, 0].tolist() == [9, 2, 9, 2, 3]
    assert codes(reading) == ["counter-reset", "counter-reset"]
    assert "falls from 510 to 0: reset" in reading.findings[0].message
    assert reading.findings[0].value == "2021-07-19T18:00:00+00:00"


def test_one_wrong_reading_makes_no_cloudburst(read) -> None:
    rain, reading = read(counter(500, 510, 3, 511), counter_mm=0.5)
    np.testing.assert_allclose(rain.rain_mm[:, 0], [np.nan, 5.0, np.nan, 0.5])
    assert rain.quality.to_numpy()[:, 0].tolist() == [9, 2, 4, 3]
    assert codes(reading) == ["counter-glitch", "counter-gap"]


def test_rain_of_a_gap_is_kept_in_the_last_step(read) -> None:
    rain, reading = read(counter(500, "", "", 560), counter_mm=0.5)
    np.testing.assert_allclose(rain.rain_mm[:, 0], [np.nan, np.nan, np.nan, 30.0])
    assert rain.quality.to_numpy()[3, 0] == 3
    assert reading.findings[0].message == "30 mm fell in 3 steps and stand in the last of them"


def test_absurd_count_fails(read) -> None:
    rain, reading = read(counter(500, 50_000, -7), counter_mm=0.5)
    assert np.isnan(rain.rain_mm).all()
    assert rain.quality.to_numpy()[:, 0].tolist() == [9, 4, 4]
    assert codes(reading) == ["bad-count", "absurd-rain"]


@settings(max_examples=100, deadline=None)
@given(
    tips=st.lists(st.integers(0, 60), min_size=2, max_size=40),
    resets=st.sets(st.integers(1, 39)),
    lost=st.sets(st.integers(0, 39)),
)
def test_counter_law(tips: list[int], resets: set[int], lost: set[int]) -> None:
    """Rain is never negative, never more than fell, and all of it where there is no reset and no glitch."""
    counts, total = [], 0.0
    for step, fallen in enumerate(tips):
        total = 0.0 if step in resets else total + fallen
        counts.append(np.nan if step in lost else total)
    rain, flags, events = counter_rain(np.array(counts)[:, None], np.full((len(tips), 1), 2, np.int8), counter_mm=1.0)
    assert not (rain < 0).any()
    assert (np.isnan(rain) == np.isin(flags, (4, 9))).all()
    if not resets:
        known = [count for count in counts if not np.isnan(count)]
        expected = known[-1] - known[0] if known else 0
        assert np.nansum(rain) == pytest.approx(expected)
        assert all(event.code == "counter-gap" for event in events)
