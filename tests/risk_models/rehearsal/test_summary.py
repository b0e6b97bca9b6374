"""What a rehearsal means: hotspots counted by storm, and the smallest storm that passes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from risk_models.rehearsal import rehearse, summarise
from risk_models.standards import Standards, load_standards
from tests.risk_models.rehearsal.sample import world


@pytest.fixture(scope="module")
def standards() -> Standards:
    return load_standards()


def test_summary_counts_every_hotspot_once_per_storm(standards: Standards) -> None:
    district, terrain = world()
    table = rehearse(district, terrain, standards)
    classes = standards.depth_classes("zz-road-2024")
    summary = summarise(table, classes)
    assert (summary.scenarios[[f"n_{item.key}" for item in classes]].sum(axis=1) == 3).all()
    assert summary.scenarios.index.tolist() == table["scenario_id"].unique().tolist()
    over = table[table["peak_depth_m"] >= 0.15].groupby("scenario_id").size()
    assert summary.scenarios["n_over_15cm"].loc[over.index].equals(over.rename("n_over_15cm"))


def test_critical_return_period_is_the_smallest_that_passes(standards: Standards) -> None:
    rows = []
    for years, minutes, rain_mm, depth in [(2, 60, 40, 0.1), (10, 180, 81, 0.2), (10, 60, 60, 0.15), (50, 60, 79, 0.3)]:
        rows.append((f"P{years}-D{minutes}", "A", years, minutes, rain_mm, depth))
        rows.append((f"P{years}-D{minutes}", "B", years, minutes, rain_mm, 0.0))
    columns = ["scenario_id", "hotspot_id", "return_period_a", "duration_min", "rain_total_mm", "peak_depth_m"]
    table = pd.DataFrame(rows, columns=columns).assign(depth_class="wet", is_extrapolated=False)
    hotspots = summarise(table, standards.depth_classes("zz-road-2024")).hotspots
    assert hotspots.loc["A"].tolist() == [10.0, 60.0, 60.0, 0.3]
    assert hotspots.at["B", "critical_return_period_a"] == np.inf
    assert hotspots.loc["B", ["critical_duration_min", "critical_rain_mm"]].isna().all()
