"""Levels, warnings and measures of a span."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd

from reports.periodic.facts.report import ReportFacts, ReviewFacts, report_facts
from reports.periodic.facts.risk import level_counts, measures_by_unit, reached_levels, worst_cycle
from reports.periodic.inputs import ReportInputs


def review_of(inputs: ReportInputs) -> ReviewFacts:
    facts: ReportFacts = report_facts(inputs)
    assert facts.review is not None
    return facts.review


def test_worst_cycle_ranks_red_before_all_else() -> None:
    at = [pd.Timestamp("2021-07-20T01Z"), pd.Timestamp("2021-07-20T02Z")]
    risk = pd.DataFrame(
        {"valid_at": [at[0]] * 3 + [at[1]] * 3, "hotspot_id": list("abc") * 2, "level": [3, 3, 3, 4, 0, 0]}
    )
    assert worst_cycle(level_counts(risk)) == at[1]
    assert worst_cycle(level_counts(risk.assign(level=-1))) is None


def test_units_go_by_their_english_name_in_english_where_they_have_one(month_inputs: ReportInputs) -> None:
    facts, plans = review_of(month_inputs), month_inputs.district.plans
    reached = reached_levels(facts.towns, facts.risk)
    english = plans["owner_unit"].map({"区防汛抗旱指挥部": "District Flood Headquarters"}).fillna("")
    district: Any = SimpleNamespace(**{**vars(month_inputs.district), "plans": plans.assign(owner_unit_en=english)})
    chinese = measures_by_unit(district, reached, lang="zh").index
    assert chinese[0] == "区防汛抗旱指挥部"
    assert list(measures_by_unit(district, reached, lang="en").index) == ["District Flood Headquarters", *chinese[1:]]
