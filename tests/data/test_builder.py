"""The builder: the same bytes each time, and equal to what is committed."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import data.builder
from data.builder.__main__ import main
from data.builder.district import DistrictTables, build_tables, write_tables
from data.builder.ensemble import write_forecasts
from data.builder.places import apportion
from data.builder.rain_record import write_rain_record
from data.builder.sights import build_sights, write_sights
from data.builder.signals import write_signals
from data.builder.storm import _Part, _series, write_storm

MODULES = sorted(module.name for module in pkgutil.iter_modules(data.builder.__path__) if module.name != "__main__")


def _same_files(fresh: Path, committed: Path) -> list[str]:
    """Return the names of fresh files that differ from the committed ones."""
    files = sorted(path for path in fresh.rglob("*") if path.is_file())
    assert files
    return [path.name for path in files if path.read_bytes() != (committed / path.relative_to(fresh)).read_bytes()]


def test_fresh_tables_equal_the_committed_bytes(built: DistrictTables, tmp_path: Path, erqi_path: Path) -> None:
    write_tables(built, tmp_path)
    assert len(list(tmp_path.iterdir())) == 11
    assert _same_files(tmp_path, erqi_path) == []


def _sights(built: DistrictTables) -> pd.DataFrame:
    return build_sights(built.tables["hotspots"], built.tables["history"], built.towns)


def test_nobody_sees_a_place_dry_before_the_record_of_the_storm_lets_it(built: DistrictTables) -> None:
    sights, history = _sights(built), built.tables["history"]
    dry = sights[(sights["seen"] == "dry") & (sights["source"] != "camera")].set_index("hotspot_id")["seen_at"]
    mine = history[history["started_at"].str.startswith(("2021-07-20", "2021-07-21"))]
    assert len(mine) == 11
    for place, at in zip(mine["hotspot_id"], mine["started_at"], strict=True):
        assert place not in dry.index or dry[place] > at
    assert not {"EQ-001", "EQ-002", "EQ-003"} & set(dry.index)
    assert set(sights.loc[sights["synthetic"] == "false", "hotspot_id"]) == set(mine["hotspot_id"])


def test_fresh_storm_equals_the_committed_bytes(built: DistrictTables, tmp_path: Path, erqi_path: Path) -> None:
    write_storm(built.tables["gauges"], tmp_path)
    write_sights(_sights(built), tmp_path / "observations.csv")
    write_signals(tmp_path / "signals.csv")
    write_forecasts(built.tables["gauges"], tmp_path / "ensemble")
    assert _same_files(tmp_path, erqi_path / "storm_2021") == []


def test_fresh_rain_record_equals_the_committed_bytes(tmp_path: Path, erqi_path: Path) -> None:
    write_rain_record(tmp_path / "rain_record.nc")
    assert _same_files(tmp_path, erqi_path) == []


def test_second_build_gives_the_same_bytes(built: DistrictTables, tmp_path: Path) -> None:
    write_tables(built, tmp_path / "first")
    write_tables(build_tables.__wrapped__(), tmp_path / "second")
    assert _same_files(tmp_path / "first", tmp_path / "second") == []


def test_command_line_builds_what_is_asked_for(tmp_path: Path, erqi_path: Path) -> None:
    assert main(["--out", str(tmp_path), "--only", "dictionary"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["DATA_DICTIONARY.md"]
    assert _same_files(tmp_path, erqi_path) == []


def test_hours_that_miss_their_total_are_refused() -> None:
    with pytest.raises(ValueError, match=r"hours 0 to 2 do not make their total of 1\.0 mm"):
        _series((_Part(2, 10, given=(4, 5)),), np.ones(2))


@given(
    total=st.integers(0, 10_000),
    weights=st.lists(st.floats(0.001, 100.0), min_size=1, max_size=40),
)
def test_apportioned_parts_sum_to_the_total(total: int, weights: list[float]) -> None:
    parts = apportion(total, np.array(weights))
    exact = total * np.array(weights) / sum(weights)
    assert parts.sum() == total
    assert (np.abs(parts - exact) < 1.0 + 1e-6).all()


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"data.builder.{name}"))
    assert results.failed == 0
