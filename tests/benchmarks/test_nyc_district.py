"""A second district made of other people's sensors passes the same checks and runs through the same code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.nyc_district import (
    SPLIT,
    analysis_mm,
    fallen_mm,
    lagged_members,
    make_district,
    read_sensors,
    run_day,
    runs_known_at,
    score_windows,
    scorer_of,
)
from risk_models.district import check_district, load_district
from risk_models.levels import Level

DAY = pd.Timestamp("2024-08-19")
SENSORS = 12


@pytest.fixture(scope="module")
def folder(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_district(tmp_path_factory.mktemp("nyc"), shared_data, drain_mm_h=8.0, day=DAY, most=SENSORS)


def test_the_folder_is_a_district(folder: Path) -> None:
    assert [finding for finding in check_district(folder) if finding.severity == "error"] == []
    district = load_district(folder)
    assert len(district.hotspots) == SENSORS
    assert district.settings.district.timezone == "America/New_York"
    assert (district.history["started_at"] < SPLIT.tz_localize("UTC")).all(), "later floods are for scoring only"


def test_a_wet_day_runs_through_the_same_code(folder: Path, tmp_path: Path) -> None:
    counts = run_day(folder, tmp_path, DAY, step_h=12)
    assert (counts.sum(axis=1) == SENSORS).all()
    assert (counts["unknown"] == 0).all()


def test_nothing_is_known_before_it_was_issued(shared_data: Path) -> None:
    issued, rain = runs_known_at(shared_data)
    at = DAY + pd.Timedelta(hours=6)
    members = lagged_members(issued, rain, at, 12)
    assert 0 < len(members) <= 12
    later = np.where((issued > at)[:, None], 99.0, rain)
    np.testing.assert_array_equal(lagged_members(issued, later, at, 12), members)


def test_what_fell_is_told_by_what_was_known_then(shared_data: Path) -> None:
    issued, rain = runs_known_at(shared_data)
    fallen = fallen_mm(issued, rain)
    end = DAY + pd.Timedelta(hours=6)
    later = np.where((issued >= end)[:, None], 99.0, rain)
    pd.testing.assert_series_equal(fallen_mm(issued, later)[:end], fallen[:end])
    run = np.flatnonzero(issued == end - pd.Timedelta(hours=1))
    assert fallen[end] == rain[run[0], 1]


def test_dry_windows_are_quiet_and_wet_ones_are_not(folder: Path, shared_data: Path) -> None:
    scorer = scorer_of(load_district(folder))
    rain = analysis_mm(shared_data)
    assert rain.max() <= 25.0, "spikes are cut"
    wet = pd.DatetimeIndex([DAY - pd.Timedelta(hours=1)])
    dry = pd.DatetimeIndex(["2024-10-15T11:00"])
    levels = {
        name: score_windows(scorer, shared_data, at, lead_h=0)["level"] for name, at in (("wet", wet), ("dry", dry))
    }
    assert (levels["dry"] == Level.NONE).all()
    assert (levels["wet"] >= Level.BLUE).any()


def test_tidal_sensors_are_left_out(shared_data: Path) -> None:
    assert len(read_sensors(shared_data)) == 211
