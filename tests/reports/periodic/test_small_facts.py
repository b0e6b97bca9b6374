"""Labels of constructed rain, key dates, chances that may be said, days and months."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports.periodic.facts.key_dates import key_dates, plan_ages
from reports.periodic.facts.report import report_facts
from reports.periodic.inputs import ReportInputs
from reports.periodic.rain_labels import RainLabel, rain_labels
from reports.periodic.report import periodic_report
from risk_models.errors import BadInputError
from risk_models.levels import Level
from risk_models.outlook.wording import level_statement

Make = Callable[..., ReportInputs]
LABEL = {
    "synthetic": True,
    "label": "made up",
    "label_zh": "构造",
    "first_hour_end": "2021-07-17T09:00:00+08:00",
    "last_hour_end": "2021-07-22T08:00:00+08:00",
}


def place(tmp_path: Path, text: str | None) -> Any:
    (tmp_path / "storm").mkdir()
    if text is not None:
        (tmp_path / "storm" / "metadata.json").write_text(text, encoding="utf-8")
    feeds = (
        SimpleNamespace(kind="gauge_table", path="storm/gauges.csv"),
        SimpleNamespace(kind="gauge_table", path="storm/gauges.csv"),
        SimpleNamespace(kind="ensemble_netcdf", path="storm/ensemble"),
    )
    return SimpleNamespace(root=tmp_path, settings=SimpleNamespace(feeds=feeds))


def test_a_label_beside_a_gauge_table_is_read_once(tmp_path: Path) -> None:
    (label,) = rain_labels(place(tmp_path, json.dumps(LABEL)))
    assert label == RainLabel(
        first_at=pd.Timestamp("2021-07-17T01:00Z"), last_at=pd.Timestamp("2021-07-22T00:00Z"), zh="构造", en="made up"
    )
    assert label.touches(pd.Timestamp("2021-07-21T23:00Z"), pd.Timestamp("2021-08-01T00:00Z"))
    assert not label.touches(pd.Timestamp("2021-07-22T00:00Z"), pd.Timestamp("2021-08-01T00:00Z"))


@pytest.mark.parametrize("text", [None, json.dumps(LABEL | {"synthetic": False})])
def test_observed_rain_has_no_label(tmp_path: Path, text: str | None) -> None:
    assert rain_labels(place(tmp_path, text)) == ()


@pytest.mark.parametrize(
    "text", ["{", "[]", json.dumps({"synthetic": True}), json.dumps(LABEL | {"last_hour_end": "2021-07-22T08:00"})]
)
def test_a_damaged_label_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInputError) as caught:
        rain_labels(place(tmp_path, text))
    assert caught.value.findings[0].file == "storm/metadata.json"


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


def test_statements_on_the_district_come_before_those_on_towns(quick: None, make_inputs: Make) -> None:
    inputs = make_inputs("month", "outlook")
    assert inputs.outlook is not None
    town = level_statement(("410103001", "淮河路街道", "Huaihelu"), Level.YELLOW, (0.4, 0, 1), 31)
    first = (town, *inputs.outlook.statements[:5])
    document = periodic_report(
        dataclasses.replace(inputs, outlook=dataclasses.replace(inputs.outlook, statements=first)), "zh"
    )
    table = next(table for table in document.tables() if table.caption == "可供检验的预测结论")
    assert table.rows[0][1].startswith("降雨总量")
    assert table.rows[1][1].startswith("全区")
    assert table.rows[-2][1].startswith("淮河路街道")


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
