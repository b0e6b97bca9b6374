"""The monthly report as a document: sections, honesty about gaps, and numbers that agree."""

from __future__ import annotations

import dataclasses
import re
import string
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from reports.periodic.content import Document, Heading, Note, Paragraph, Table, all_text
from reports.periodic.inputs import MonthlyInputs
from reports.periodic.monthly import monthly_report
from reports.periodic.phrases import Phrases, load_phrases
from reports.words import LANGUAGES, Lang
from risk_models.errors import ConfigError

TEMPLATES = Path(__file__).resolve().parents[3] / "reports" / "templates" / "periodic"
# Moments, dates, clock times and identifiers are no quantities; they are checked by their own tests.
NO_QUANTITY = re.compile(
    r"\d+月\d+日(?:\d+时(?:\d+分)?)?|(?:前一日|当日)?\d+时(?=为|至|，|。|止|$)|20时|\d{4}年\d+月|"
    r"\d{2}:\d{2}(?: on \d+ [A-Z][a-z]+)?|\d+ (?:January|May|June|July|August|September)(?: \d{4})?|July 2021|"
    r"zz-f2|wuyu-4x4|\d+月|最大1小时|最大1小时、3小时、24小时|上述1小时|3小时雨量|24小时雨量|最强1小时|"
    r"1-hour|3-hour|24 hours|in 1, 3 and|15厘米|50厘米|15 cm|50 cm|section \d"
)
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def numbers(text: str) -> list[str]:
    return NUMBER.findall(NO_QUANTITY.sub(" ", text))


def find(document: Document, kind: type, text: str) -> Any:
    return next(block for block in document.blocks if isinstance(block, kind) and text in getattr(block, "text", block))


@pytest.fixture(scope="module")
def reports(month_inputs: MonthlyInputs) -> dict[Lang, Document]:
    return {lang: monthly_report(month_inputs, lang) for lang in LANGUAGES}


def test_sections_come_in_the_order_of_the_five_stages(reports: dict[Lang, Document]) -> None:
    first_level = [heading.text for heading in reports["zh"].headings() if heading.level == 1]
    wanted = "摘要 一、依据与数据时效 二、前期回顾 三、预测 四、预报与风险 五、预警 六、预演 七、预案与措施"
    assert first_level == [*wanted.split(), "八、不确定性与说明"]


def test_both_languages_have_the_same_structure(reports: dict[Lang, Document]) -> None:
    def shape(document: Document) -> list[tuple[str, int]]:
        # The Chinese report points to the sources of standards with one note more.
        rows = [(type(block).__name__, len(getattr(block, "rows", ()))) for block in document.blocks]
        return [item for item in rows if item[0] != "Note"]

    assert shape(reports["zh"]) == shape(reports["en"])


def test_every_number_in_prose_stands_in_a_table(reports: dict[Lang, Document]) -> None:
    for lang, document in reports.items():
        cells = {
            number
            for table in document.tables()
            for row in table.rows
            for cell in row
            for number in NUMBER.findall(cell)
        }
        tail = next(
            at
            for at, block in enumerate(document.blocks)
            if isinstance(block, Heading) and block.text[:2] in ("八、", "8.")
        )
        checked = 0
        for block in document.blocks[:tail]:
            if isinstance(block, Paragraph):
                found = numbers(block.text)
                checked += len(found)
                strange = [number for number in found if number not in cells and number != "180"]
                assert not strange, f"{lang}: {strange} in '{block.text}'"
        assert checked > 60


def test_missing_days_are_said_first(reports: dict[Lang, Document]) -> None:
    assert "4天有雨量资料（完整3天，不完整1天），其余27天没有资料" in reports["zh"].blocks[1].text
    text = "\n".join(all_text(reports["zh"]))
    assert "没有雨量资料的日期：7月1日至7月17日、7月22日至7月31日。" in text


def test_heaviest_hour_carries_time_period_and_formula(reports: dict[Lang, Document]) -> None:
    rain = reports["zh"].blocks[2].text
    assert "201.9毫米（郑州站，7月20日17时止），按暴雨强度公式zz-f2，重现期>100年（超出公式范围）" in rain


def test_short_record_gives_no_outlook(reports: dict[Lang, Document]) -> None:
    text = "\n".join(all_text(reports["zh"]))
    assert "现有资料不足，因此本报告不给出定量预测" in text
    assert "本报告按档案s-research取预测、预报、预警、预演、预案五个环节" in text


def test_ten_years_of_the_month_give_a_statement(month_inputs: MonthlyInputs) -> None:
    years = []
    for year in range(2011, 2022):
        times = pd.date_range(f"{year}-07-31T13:00", periods=24 * 25, freq="h")
        rain = np.zeros((len(times), 1))
        rain[:24] = float(year - 2010)
        years.append(xr.Dataset({"rain_mm": (("time", "gauge"), rain)}, {"time": times, "gauge": ["57083"]}))
    record = xr.concat(years, dim="time")
    document = monthly_report(dataclasses.replace(month_inputs, gauges_rain=record), "zh")
    text = "\n".join(all_text(document))
    assert "8月最大日雨量的中位数为144.0毫米，最大值264.0毫米" in text
    assert "现有资料不足" not in text


def test_empty_month_says_what_is_missing(empty_month: MonthlyInputs) -> None:
    text = "\n".join(all_text(monthly_report(empty_month, "zh")))
    for sentence in (
        "本月30天均没有雨量资料。没有资料不等于没有降雨", "本月没有研判结果，不能给出风险等级。", "本月没有发布预警。",
        "本月送达情况没有记录。", "没有记录不等于没有发生", "本月没有预演结果。", "本月没有达到任何预案的启动等级。",
        "不在汛期",
    ):  # fmt: skip
        assert sentence in text
    assert not monthly_report(empty_month, "en").figures()


def test_demonstration_data_are_marked(reports: dict[Lang, Document]) -> None:
    for document in reports.values():
        assert "演示数据" in document.meta.banner
        assert "s-research" in document.meta.footer
    assert "构造序列" in "\n".join(all_text(reports["zh"]))


def test_town_without_hotspots_is_named(reports: dict[Lang, Document]) -> None:
    assert find(reports["zh"], Note, "没有风险点的镇办").text == "没有风险点的镇办：二七新区管委会。"


def test_hotspot_table_holds_the_fifteen_worst(reports: dict[Lang, Document]) -> None:
    table = next(table for table in reports["zh"].tables() if table.caption == "重点风险点")
    assert [row[0] for row in table.rows] == [str(number) for number in range(1, 16)]
    scores = [float(row[5]) for row in table.rows]
    assert scores == sorted(scores, reverse=True)


def test_table_rows_must_fit_the_header() -> None:
    with pytest.raises(ValueError, match="row 0 has 1 cells for 2 columns"):
        Table("c", ("a", "b"), (("x",),), ("left", "left"), (1.0, 1.0))


def test_signature_lines_are_blank(reports: dict[Lang, Document]) -> None:
    lines = [
        block.text for block in reports["zh"].blocks if isinstance(block, Paragraph) and block.style == "signature"
    ]
    assert len(lines) == 3
    assert "签发：____" in lines[2]


def test_names_reach_the_document_as_clean_text(with_names: Callable[[str], MonthlyInputs]) -> None:
    document = monthly_report(with_names("<b>#panic() \u202e*x*\r\n{0}"), "zh")
    text = "\n".join(all_text(document))
    assert "<b>#panic() *x* {0}" in text
    assert "\u202e" not in text


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_phrase_files_have_the_same_names_in_both_languages() -> None:
    def names(table: dict[str, Any], path: str = "") -> dict[str, Any]:
        found = {}
        for key, value in table.items():
            found |= names(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}": value}
        return found

    zh, en = (names(tomllib.loads((TEMPLATES / f"phrases.{lang}.toml").read_text("utf-8"))) for lang in LANGUAGES)
    assert zh.keys() == en.keys()
    for key, value in zh.items():
        assert type(value) is type(en[key])
        if isinstance(value, list):
            assert len(value) == len(en[key]), key
        else:
            month = {"month", "month_name"}
            assert gaps(value) - month == gaps(en[key]) - month, key


def test_damaged_phrases_are_named() -> None:
    say = Phrases("zh", {"summary": {"rain": "雨{amount}"}})
    with pytest.raises(
        ConfigError, match=r"phrases.zh.toml: gap 'amount' in 'summary.rain' is not known; known: total"
    ):
        say("summary.rain", total="1")
    with pytest.raises(ConfigError, match=r"phrases.zh.toml has no 'summary.snow'"):
        say("summary.snow")
    assert load_phrases("zh") is load_phrases("zh")
