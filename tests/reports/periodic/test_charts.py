"""Rain by day and hour as a picture: any span of days, whatever months and clocks they run over."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from reports.periodic.charts import rain_chart
from reports.periodic.facts.rain import RainFacts, day_span, rain_facts
from reports.words import LANGUAGES


def facts_of(first: date, last: date, zone: str) -> RainFacts:
    span = day_span(first, last, zone)
    hours = span.hours[5:-7]
    amounts = np.random.default_rng(3).gamma(0.2, 4.0, (len(hours), 1))
    rain = xr.Dataset({"rain_mm": (("time", "gauge"), amounts)}, {"time": hours, "gauge": ["A"]})
    return rain_facts(rain, span, zone)


@pytest.mark.parametrize(
    ("first", "last", "zone"),
    [
        (date(2021, 7, 1), date(2021, 7, 31), "Asia/Shanghai"),
        (date(2021, 7, 20), date(2021, 9, 10), "Asia/Shanghai"),
        (date(2021, 12, 30), date(2022, 1, 2), "Asia/Shanghai"),
        (date(2021, 3, 26), date(2021, 3, 30), "Europe/Berlin"),  # a day of 23 hours
    ],
)
def test_any_span_of_days_is_drawn(first: date, last: date, zone: str) -> None:
    facts = facts_of(first, last, zone)
    for lang in LANGUAGES:
        picture = rain_chart(facts, "A", lang, zone)
        assert picture[:8] == b"\x89PNG\r\n\x1a\n"
        assert picture == rain_chart(facts, "A", lang, zone)


def test_a_day_of_the_wrong_length_is_not_called_incomplete() -> None:
    facts = facts_of(date(2021, 3, 26), date(2021, 3, 30), "Europe/Berlin")
    assert facts.is_full_day["A"].tolist() == [False, True, True, True, False]
    assert pd.Timestamp("2021-03-28") in facts.is_full_day.index
