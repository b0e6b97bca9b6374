"""Rain of a span: days from 20 to 20, what is missing, moving sums."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from reports.periodic.facts.rain import DaySpan, day_span, rain_facts

ZONE = "Asia/Shanghai"
JULY: DaySpan = day_span(date(2021, 7, 1), date(2021, 7, 31), ZONE)


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
