"""Key dates of a span, and the age of plans."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date
from typing import Any

from reports.periodic.facts.key_dates import key_dates, plan_ages
from reports.periodic.inputs import ReportInputs

Make = Callable[..., ReportInputs]


def test_every_year_of_a_span_has_its_seasons(make_inputs: Make) -> None:
    inputs = make_inputs("year")
    assert inputs.scope.coming is not None
    two = dataclasses.replace(inputs.scope.coming, last_day=date(2023, 12, 31))
    found = key_dates(inputs, two, "Asia/Shanghai")
    assert [(item.what, item.first.year) for item in found if item.what == "flood_begins"] == [
        ("flood_begins", 2022),
        ("flood_begins", 2023),
    ]
    assert [item.first for item in found] == sorted(item.first for item in found)


def test_plans_age_by_the_day_of_the_report(month_district: Any) -> None:
    total = len(month_district.plans)
    young, old = (plan_ages(month_district, day) for day in (date(2021, 8, 1), date(2022, 8, 1)))
    assert young.fresh + young.old + young.unknown == old.fresh + old.old + old.unknown == total
    assert old.fresh == 0
    assert young.fresh > 0
    assert old.old_units.sum() == old.old
