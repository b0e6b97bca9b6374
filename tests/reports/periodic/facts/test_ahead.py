"""Chances that may be said, and months beside their normals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from reports.periodic.facts.report import report_facts
from reports.periodic.inputs import ReportInputs
from risk_models.levels import Level

Make = Callable[..., ReportInputs]


def test_likely_levels_follow_the_word(make_inputs: Make) -> None:
    ahead = report_facts(make_inputs("month", "outlook")).ahead
    assert ahead is not None
    assert ahead.likely_word.zh == "较高"
    # Chances fall from 90 % at blue by 0.7 each level: 44 % at orange is the last from 40 %.
    assert ahead.likely[""] == int(Level.ORANGE)
    assert ahead.likely["EQ-001"] == int(Level.ORANGE)
    assert ahead.depth_cm(ahead.map_class) == "27"
    assert ahead.chances.columns.tolist() == ["ponding", "exceeded", "stall", "danger"]
    assert sum(ahead.word_counts("stall").values()) == len(ahead.chances)


def test_months_of_a_year_know_their_normals(make_inputs: Make) -> None:
    review = report_facts(make_inputs("year")).review
    assert review is not None
    months = review.months
    assert len(months) == 12
    assert months["n_days"].sum() == 365
    assert months["normal_mm"].notna().all()
    july, august = months.loc["2021-07"], months.loc["2021-08"]
    assert not july["is_whole"]
    assert np.isnan(august["rain_mm"])
    assert august["level"] == int(Level.UNKNOWN)
    assert july["level"] == int(Level.RED)
