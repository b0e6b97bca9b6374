"""Laws: the same inputs give the same document, and sums of tables are the numbers of the text."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.periodic.content import Document, Table
from reports.periodic.inputs import ReportInputs
from reports.periodic.report import periodic_report
from reports.words import LANGUAGES
from tests.reports.periodic.conftest import Reader
from tests.reports.periodic.reading import KINDS_AND_EDITIONS, text_of

Make = Callable[..., ReportInputs]
LIGHT = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def table_of(document: Document, caption: str) -> Table:
    return next(table for table in document.tables() if table.caption.startswith(caption))


@pytest.mark.parametrize(("kind", "edition"), KINDS_AND_EDITIONS)
def test_same_inputs_give_the_same_document(
    quick: None, read_report: Reader, make_inputs: Make, kind: Any, edition: Any
) -> None:
    for lang in LANGUAGES:
        first = read_report(kind, edition, lang, "small")[1]
        second, third = (periodic_report(make_inputs(kind, edition), lang) for _ in range(2))
        assert first == second == third


def test_pictures_are_the_same_too(make_inputs: Make) -> None:
    first, second, third = (periodic_report(make_inputs("period"), "zh") for _ in range(3))
    assert len(first.figures()) == 6
    assert first == second == third


def test_inputs_are_not_changed(quick: None, make_inputs: Make) -> None:
    inputs = make_inputs("month")
    before = {name: getattr(inputs, name).copy() for name in ("risk", "warnings", "acknowledgements", "exposure")}
    periodic_report(inputs, "zh")
    for name, table in before.items():
        pd.testing.assert_frame_equal(table, getattr(inputs, name))


@LIGHT
@given(st.data())
def test_levels_add_up(quick: None, make_inputs: Make, data: st.DataObject) -> None:
    full = make_inputs("month")
    seed = data.draw(st.integers(0, 10_000))
    shares = data.draw(st.lists(st.integers(0, 5), min_size=6, max_size=6).filter(any))
    chosen = np.random.default_rng(seed).choice(range(-1, 5), size=len(full.risk), p=np.array(shares) / sum(shares))
    document = periodic_report(dataclasses.replace(full, risk=full.risk.assign(level=chosen)), "zh")
    if not (chosen >= 1).any():
        assert "没有蓝色及以上的风险点" in text_of(document)
        return
    counts = [int(cell) for cell in table_of(document, "最不利时刻各等级").rows[0][1:]]
    assert sum(counts[:-1]) == counts[-1] == len(full.district.hotspots)
    towns = [int(cell) for cell in table_of(document, "镇办最高等级分布").rows[0][1:]]
    assert sum(towns[:-1]) == towns[-1] == len(full.district.towns)
    rows = table_of(document, "各镇办最高等级与风险点数").rows
    for column in range(2, 7):
        assert sum(int(row[column]) for row in rows[:-1]) == int(rows[-1][column])
    text = next(line for line in text_of(document).splitlines() if "风险最高，全区风险点" in line)
    said = [int(number) for number in re.findall(r"(?:红色|橙色|黄色|蓝色|未知（资料缺失或模型不评估）)(\d+)处", text)]
    assert said == [*counts[:4], counts[5]]


@LIGHT
@given(st.data())
def test_warnings_add_up(quick: None, make_inputs: Make, data: st.DataObject) -> None:
    full = make_inputs("flood-season")
    codes = [str(code) for code in full.district.towns.index]
    size = data.draw(st.integers(1, 60))
    rows = []
    for number in range(size):
        at = pd.Timestamp("2021-05-14T18:00Z") + pd.Timedelta(hours=data.draw(st.integers(0, 3300)))
        code, level = data.draw(st.sampled_from(codes)), data.draw(st.integers(1, 4))
        fields = {"warning_id": f"W-{number}", "revision": 0, "action": "NEW", "area_code": code, "level": level}
        rows.append(fields | {"issued_at": at, "unconfirmed": False, "degraded": number % 2 == 0})
    document = periodic_report(dataclasses.replace(full, warnings=pd.DataFrame(rows)), "zh")
    table = table_of(document, "各镇办预警次数")
    for column in range(1, 7):
        assert sum(int(row[column]) for row in table.rows[:-1]) == int(table.rows[-1][column])
    total = int(table.rows[-1][5])
    assert sum(int(cell) for cell in table.rows[-1][1:5]) == total
    months = table_of(document, "逐月情况").rows
    assert sum(int(row[7]) for row in months[:-1]) == int(months[-1][7]) == total
    lead = table_of(document, "提前量统计").rows[0]
    assert int(lead[0]) == total
    assert f"2021年汛期发布预警{total}次" in text_of(document)


@LIGHT
@given(st.lists(st.tuples(st.integers(1, 4), st.one_of(st.none(), st.integers(0, 90))), min_size=1, max_size=40))
def test_answers_add_up(quick: None, make_inputs: Make, drawn: list[tuple[int, int | None]]) -> None:
    full = make_inputs("month")
    sent = pd.Timestamp("2021-07-20T02:00Z")
    table = pd.DataFrame(
        {
            "warning_id": [f"W-{number}" for number in range(len(drawn))],
            "area_code": "410103001",
            "level": [level for level, _ in drawn],
            "sent_at": sent,
            "deadline_at": sent + pd.Timedelta(minutes=30),
            "answered_at": pd.Series([pd.NaT if m is None else sent + pd.Timedelta(minutes=m) for _, m in drawn]),
            "answer": "received",
            "steps": 1,
        }
    )
    document = periodic_report(dataclasses.replace(full, acknowledgements=table), "zh")
    rows = table_of(document, "叫应统计").rows
    for column in (1, 2, 3, 4, 6):
        assert sum(int(row[column]) for row in rows[:-1]) == int(rows[-1][column])
    asked, in_time, late, waiting = (int(cell) for cell in rows[-1][1:5])
    assert asked == in_time + late + waiting == len(drawn)
    assert waiting == sum(minutes is None for _, minutes in drawn)
