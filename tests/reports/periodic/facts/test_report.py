"""Facts of a month together: what is known, what is missing, what is refused."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from reports.periodic.facts.rain import DaySpan, day_span
from reports.periodic.facts.report import ReportFacts, ReviewFacts, report_facts
from reports.periodic.facts.risk import measures_by_unit, reached_levels, warning_table
from reports.periodic.inputs import ReportInputs
from reports.words import phased
from risk_models.levels import Level

ZONE = "Asia/Shanghai"
JULY: DaySpan = day_span(date(2021, 7, 1), date(2021, 7, 31), ZONE)


def review_of(inputs: ReportInputs) -> ReviewFacts:
    facts: ReportFacts = report_facts(inputs)
    assert facts.review is not None
    return facts.review


def test_warning_of_another_month_is_left_out(month_inputs: ReportInputs) -> None:
    span = day_span(date(2021, 8, 1), date(2021, 8, 31), ZONE)
    assert warning_table(month_inputs.warnings, span).empty
    table = warning_table(month_inputs.warnings, JULY)
    assert len(table) == 6
    assert table["ended_at"].isna().sum() == 1
    assert table["revisions"].sum() == 23


def test_lead_is_measured_to_the_start_of_the_heaviest_hour(month_inputs: ReportInputs) -> None:
    facts = review_of(month_inputs)
    # Heaviest hour 08-09 UTC; the first warning went out at 02 UTC.
    assert facts.warnings["lead_h"].iloc[0] == 6.0


def test_hotspot_without_rows_counts_as_unknown(month_inputs: ReportInputs) -> None:
    first = month_inputs.district.hotspots.index[0]
    facts = review_of(
        dataclasses.replace(month_inputs, risk=month_inputs.risk[month_inputs.risk["hotspot_id"] != first])
    )
    counts = facts.worst_counts()
    assert sum(counts.values()) == len(month_inputs.district.hotspots)
    assert counts[int(Level.UNKNOWN)] == 2


def test_town_without_hotspots_is_none_and_listed(month_inputs: ReportInputs) -> None:
    row = review_of(month_inputs).towns.loc["410103018"]
    assert (row["n_hotspots"], row["level"]) == (0, int(Level.NONE))


def test_plans_start_only_at_their_level(month_inputs: ReportInputs) -> None:
    facts = review_of(month_inputs)
    calm = facts.risk.assign(level=facts.risk["level"].clip(upper=int(Level.BLUE)))
    towns = facts.towns.assign(level=facts.towns["level"].clip(upper=int(Level.BLUE)))
    assert measures_by_unit(month_inputs.district, reached_levels(towns, calm), lang="zh").empty
    units = measures_by_unit(month_inputs.district, reached_levels(facts.towns, facts.risk), lang="zh")
    assert units.index[0] == "区防汛抗旱指挥部"
    assert phased(units.loc["市政设施管理所", "actions"], "zh") == ["雨中：设岗值守", "积水：封闭通道"]
    shuffled: Any = SimpleNamespace(**{**vars(month_inputs.district), "plans": month_inputs.district.plans[::-1]})
    again = measures_by_unit(shuffled, reached_levels(facts.towns, facts.risk), lang="zh")
    pd.testing.assert_frame_equal(units, again)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"revision": -1}, "revision counts from 0, got -1"),
        ({"stage": "final"}, "stage must be draft or issued, got 'final'"),
        ({"issued_at": datetime(2021, 8, 1)}, "issued_at must be timezone-aware"),  # noqa: DTZ001
    ],
)
def test_bad_inputs_are_refused(month_inputs: ReportInputs, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(month_inputs, **change)
