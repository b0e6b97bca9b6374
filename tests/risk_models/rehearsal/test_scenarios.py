"""Scenarios: every pair once, and what cannot be made."""

from __future__ import annotations

import pytest

from risk_models.rehearsal import design_scenarios
from risk_models.standards import Standards, load_standards


@pytest.fixture(scope="module")
def standards() -> Standards:
    return load_standards()


def test_scenarios_are_every_pair_once_and_in_order(standards: Standards) -> None:
    storms = design_scenarios(standards.storm_formula("zz-f2"), [100, 2, 2], [180, 60])
    ids = ["P002-D0060", "P100-D0060", "P002-D0180", "P100-D0180"]
    assert [storm.scenario_id for storm in storms] == ids
    assert [storm.rain_total_mm for storm in storms] == pytest.approx([40.0, 87.7, 54.6, 119.8], abs=0.05)
    assert [storm.rain_mm.size for storm in storms] == [12, 12, 36, 36]
    assert not any(storm.is_extrapolated for storm in storms)


def test_a_day_is_marked_as_beyond_the_formula(standards: Standards) -> None:
    assert design_scenarios(standards.storm_formula("zz-f2"), [2], [1440])[0].is_extrapolated


@pytest.mark.parametrize(
    ("years", "minutes", "text"),
    [([500], [60], "return period outside formula"), ([2], [62], "no positive multiple"), ([], [60], "no scenario")],
)
def test_what_cannot_be_made_is_refused(standards: Standards, years: list, minutes: list, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        design_scenarios(standards.storm_formula("zz-f2"), years, minutes)
