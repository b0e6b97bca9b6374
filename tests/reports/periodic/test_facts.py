"""Facts of a month: what is known, what is missing, and the greatest amounts."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from reports.periodic.facts.rain import DaySpan, day_span, rain_facts
from reports.periodic.facts.report import ReportFacts, ReviewFacts, report_facts
from reports.periodic.facts.risk import level_counts, measures_by_unit, reached_levels, warning_table, worst_cycle
from reports.periodic.inputs import ReportInputs
from risk_models.levels import Level

ZONE = "Asia/Shanghai"
JULY: DaySpan = day_span(date(2021, 7, 1), date(2021, 7, 31), ZONE)


def review_of(inputs: ReportInputs) -> ReviewFacts:
    facts: ReportFacts = report_facts(inputs)
    assert facts.review is not None
    return facts.review


def one_gauge(first: str, values: list[float]) -> xr.Dataset:
    times = pd.date_range(first, periods=len(values), freq="h")
    return xr.Dataset({"rain_mm": (("time", "gauge"), np.array(values)[:, None])}, {"time": times, "gauge": ["A"]})


def test_day_runs_from_20_to_20_local() -> None:
    # 12:00 UTC is 20:00 local: that hour still belongs to the 19th, the next one to the 20th.
    facts = rain_facts(one_gauge("2021-07-19T12:00", [5.0, 7.0]), JULY, ZONE)
    assert facts.daily_mm.loc["2021-07-19", "A"] == 5.0
    assert facts.daily_mm.loc["2021-07-20", "A"] == 7.0


def test_days_without_data_are_missing_and_never_dry() -> None:
    facts = rain_facts(one_gauge("2021-07-19T13:00", [0.0] * 24 + [1.0]), JULY, ZONE)
    assert (facts.days_with("complete"), facts.days_with("partial"), facts.days_with("missing")) == (1, 1, 29)
    assert facts.daily_mm.loc["2021-07-20", "A"] == 0.0
    assert np.isnan(facts.daily_mm.loc["2021-07-01", "A"])


def test_warnings_count_by_calendar_month() -> None:
    at = pd.Series(pd.to_datetime(["2021-06-30T15:59Z", "2021-06-30T16:00Z", "2021-07-31T15:59Z", "2021-07-31T16:00Z"]))
    assert JULY.contains(at).tolist() == [False, True, True, False]


def test_moving_sum_needs_all_its_hours() -> None:
    facts = rain_facts(one_gauge("2021-07-19T13:00", [50.0, np.nan, 60.0, 1.0, 2.0]), JULY, ZONE)
    row = facts.gauges.loc["A"]
    assert row["max_1h_mm"] == 60.0
    assert row["max_3h_mm"] == 63.0
    assert np.isnan(row["max_24h_mm"])
    assert row["total_mm"] == 113.0
    assert row["hours_known"] == 4


@given(st.lists(st.floats(0, 200), min_size=1, max_size=60), st.integers(0, 700))
def test_total_is_the_sum_of_the_days_whatever_the_hour(values: list[float], offset: int) -> None:
    first = (pd.Timestamp("2021-06-30T13:00") + pd.Timedelta(hours=offset)).isoformat()
    facts = rain_facts(one_gauge(first, values), JULY, ZONE)
    inside = facts.hourly_mm["A"].notna().sum()
    assert inside == min(len(values), 744 - offset)
    assert facts.daily_mm["A"].sum() == pytest.approx(facts.hourly_mm["A"].sum())


def test_worst_cycle_ranks_red_before_all_else() -> None:
    at = [pd.Timestamp("2021-07-20T01Z"), pd.Timestamp("2021-07-20T02Z")]
    risk = pd.DataFrame(
        {"valid_at": [at[0]] * 3 + [at[1]] * 3, "hotspot_id": list("abc") * 2, "level": [3, 3, 3, 4, 0, 0]}
    )
    assert worst_cycle(level_counts(risk)) == at[1]
    assert worst_cycle(level_counts(risk.assign(level=-1))) is None


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
    assert units.loc["市政设施管理所", "actions"] == ["封闭通道", "设岗值守"]


def test_units_go_by_their_english_name_in_english_where_they_have_one(month_inputs: ReportInputs) -> None:
    facts, plans = review_of(month_inputs), month_inputs.district.plans
    reached = reached_levels(facts.towns, facts.risk)
    english = plans["owner_unit"].map({"区防汛抗旱指挥部": "District Flood Headquarters"}).fillna("")
    district: Any = SimpleNamespace(**{**vars(month_inputs.district), "plans": plans.assign(owner_unit_en=english)})
    chinese = measures_by_unit(district, reached, lang="zh").index
    assert chinese[0] == "区防汛抗旱指挥部"
    assert list(measures_by_unit(district, reached, lang="en").index) == ["District Flood Headquarters", *chinese[1:]]


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
