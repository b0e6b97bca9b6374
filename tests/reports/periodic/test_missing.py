"""What a report does not have it says, and it never breaks for it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from reports.periodic.content import Document, Paragraph
from reports.periodic.inputs import ReportInputs
from reports.periodic.report import periodic_report
from reports.words import LANGUAGES, Lang
from tests.reports.periodic.conftest import Reader, outlook_of
from tests.reports.periodic.reading import KINDS_AND_EDITIONS, all_text, text_of

Make = Callable[..., ReportInputs]
pytestmark = pytest.mark.usefixtures("quick")

MARKS = re.compile(r"\bnan\b|\bNaT\b|None|NaN|\binf\b|[。，；：、]{2}|\.\.|,,|[.,;:]\s+[.,;]|\{|\}|  ", re.MULTILINE)
PLURAL_OF_ONE = re.compile(r"(?<![.\d])1 (?:days|hotspots|towns|warnings|plans|units|statements|incidents)\b")
HAN = re.compile(r"[\u4e00-\u9fff]")


def names_of(district: Any, extra: list[str]) -> list[str]:
    """Return what may stand in either language: names and ids."""
    names = {str(code) for code in district.gauges.index} | set(extra)
    for table, columns in (
        (district.hotspots, ("hotspot_name", "hotspot_name_en")), (district.towns, ("town_name", "town_name_en")),
        (district.gauges, ("gauge_name",)), (district.plans, ("owner_unit",)),
    ):  # fmt: skip
        for column in columns:
            names |= {str(name) for name in table[column]}
    return sorted(names, key=len, reverse=True)


def without(text: str, names: list[str]) -> str:
    for name in names:
        text = text.replace(name, " ")
    return text


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("kind", "edition"), KINDS_AND_EDITIONS)
def test_texts_are_whole_and_in_their_language(read_report: Reader, kind: Any, edition: Any, lang: Lang) -> None:
    for which in ("small", "bundled", "empty"):
        inputs, document = read_report(kind, edition, lang, which)
        names = names_of(inputs.district, ["zz-f2", "s-research", "SEAS5", "data/standards", "Summer Trade Fair"])
        # The banner of demonstration data is in both languages by design; blank lines to sign are underscores.
        texts = [text for text in all_text(document) if "____" not in text]
        for text in texts:
            assert not MARKS.search(text), text
            assert text == text.strip()
        if lang == "en":
            foreign = [text for text in texts if HAN.search(without(text, names))]
        else:
            ids = re.compile(r"\b(?:cma-2007|gbt?-[\w-]+|zz-[\w-]+|wuyu-4x4|fgs-bands|EQ-\w+)\b|[ABCD]")
            foreign = [text for text in texts if re.search("[A-Za-z]", ids.sub("", without(text, names)))]
        assert not foreign, foreign[:5]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("kind", "edition"), KINDS_AND_EDITIONS)
def test_sentences_end_and_plurals_agree(read_report: Reader, kind: Any, edition: Any, lang: Lang) -> None:
    stops = ("。", "：") if lang == "zh" else (".", ":")
    for which in ("small", "bundled", "empty"):
        for block in read_report(kind, edition, lang, which)[1].blocks:
            if isinstance(block, Paragraph) and block.style == "body":
                assert block.text.endswith(stops), block.text
                assert not PLURAL_OF_ONE.search(block.text), block.text


@pytest.mark.parametrize(
    ("kind", "sentences"),
    [
        ("month", ["2021年7月共31天均无雨量资料。", "2021年7月没有研判结果，不能给出风险等级。"]),
        ("quarter", ["没有雨量资料的月份：2021年7月至9月。", "没有研判记录的月份：2021年7月至9月。"]),
        ("flood-season", ["没有研判的139天等级未知。", "没有上一期报告对2021年汛期的预测结论，不作检验。"]),
        ("year", ["2021年没有发布预警。", "没有可用的长序列雨量资料，不对2022年作定量预测"]),
        ("period", ["重要时段已经结束，本报告不作展望。", "夏季商品交易会期间没有现场核查报告。"]),
    ],
)  # fmt: skip
def test_an_empty_span_says_what_is_missing(make_empty: Make, kind: Any, sentences: list[str]) -> None:
    text = text_of(periodic_report(make_empty(kind), "zh"))
    common = [
        "送达情况没有记录。", "没有记录不等于没有发生", "没有预演结果。", "没有承灾体统计。",
        "没有避难场所和队伍能力统计。", "缺测不等于无雨",
        "排水设施停用情况没有提供。", "叫应情况没有记录。", "没有研判结果，不能判断应启动哪些预案。",
    ]  # fmt: skip
    for sentence in (*sentences, *common):
        assert sentence in text, sentence


def test_an_empty_outlook_edition_says_so(make_empty: Make) -> None:
    text = text_of(periodic_report(make_empty("flood-season", "outlook"), "zh"))
    assert "没有可用的长序列雨量资料，不对2022年汛期作定量预测" in text
    assert "资料或预报技巧不足，不能判断可能达到的等级" in text


def test_a_short_record_says_how_long_it_is(make_inputs: Make) -> None:
    full = make_inputs("year")
    assert full.scope.coming is not None
    short = outlook_of(full.district, full.scope.coming, is_good=False)
    text = text_of(document := periodic_report(dataclasses.replace(full, outlook=short), "zh"))
    assert "资料长2.0年" in text
    assert "不给出雨量重现期曲线。资料不足，不给出重现期雨量：需要至少10年，现有" in text
    assert "2022年没有可以采用的季节降雨信号（没有提供季节预报）" in text
    assert "长序列资料不足，不给出常年同期值" in text
    assert not any("重现期曲线" in figure.caption for figure in document.figures())
    assert "因资料或预报技巧不足，对2022年不作定量预测结论（未作出的结论7条）。" in text


def test_missing_months_are_named_and_not_dry(make_inputs: Make) -> None:
    document = periodic_report(make_inputs("quarter"), "zh")
    table = next(table for table in document.tables() if table.caption.startswith("逐月情况"))
    assert table.rows[1][:3] == ("2021年8月", "0", "—")
    assert table.rows[0][2].endswith("*")


def test_no_warnings_no_lead(make_inputs: Make) -> None:
    full = make_inputs("month")
    text = text_of(periodic_report(dataclasses.replace(full, warnings=full.warnings.iloc[:0]), "zh"))
    assert "2021年7月没有发布预警。" in text
    dry = dataclasses.replace(full, gauges_rain=full.gauges_rain.isel(time=slice(0, 0)))
    assert "没有可用的雨量资料，提前量不能计算。" in text_of(periodic_report(dry, "zh"))


def test_nobody_asked_and_nobody_answered(make_inputs: Make) -> None:
    full = make_inputs("month")
    assert full.acknowledgements is not None
    none_asked = dataclasses.replace(full, acknowledgements=full.acknowledgements.iloc[:0])
    assert "2021年7月没有需要叫应的通报。" in text_of(periodic_report(none_asked, "zh"))
    silent = dataclasses.replace(full, acknowledgements=full.acknowledgements.assign(answered_at=pd.NaT))
    assert "需叫应的通报6份，无人应答6份（按时0份、超时0份）" in text_of(periodic_report(silent, "zh"))


def test_an_earlier_report_without_statements(make_inputs: Make) -> None:
    full = make_inputs("month")
    assert full.review is not None
    empty = dataclasses.replace(
        full.review, table=full.review.table.iloc[:0], reliability=full.review.reliability.iloc[:0],
        brier=np.nan, brier_reference=np.nan, n_true=0, n_false=0, n_unknown=0,
    )  # fmt: skip
    text = text_of(periodic_report(dataclasses.replace(full, review=empty), "zh"))
    assert "上一期报告没有对2021年7月作出预测结论，不作检验。" in text


def test_short_spells_of_rain_have_no_day_sum(make_inputs: Make) -> None:
    full = make_inputs("month")
    rain = full.gauges_rain.isel(time=slice(60, 62))
    text = text_of(periodic_report(dataclasses.replace(full, gauges_rain=rain), "zh"))
    assert "资料连续时段不足，3小时或24小时雨量不全。" in text


def test_no_hotspot_was_warned(make_inputs: Make) -> None:
    full = make_inputs("month")
    text = text_of(document := periodic_report(dataclasses.replace(full, risk=full.risk.assign(level=0)), "zh"))
    assert "2021年7月历次研判中没有蓝色及以上的风险点。" in text
    assert "没有达到任何预案的启动等级。" in text
    assert "没有风险点的镇办：二七新区管委会。" in text
    assert isinstance(document, Document)


def test_unlikely_levels_start_no_plan(make_inputs: Make) -> None:
    full = make_inputs("month", "outlook")
    assert full.outlook is not None
    found = full.outlook.expected
    calm = dataclasses.replace(found, levels=found.levels.assign(p_once=0.01))
    text = text_of(
        periodic_report(dataclasses.replace(full, outlook=dataclasses.replace(full.outlook, expected=calm)), "zh")
    )
    assert "可能达到的等级低于任何预案的启动等级" in text


def test_no_departments_and_no_opinions(make_inputs: Make, month_district: Any) -> None:
    settings = SimpleNamespace(**(vars(month_district.settings) | {"reports": type(month_district.settings.reports)()}))
    district = SimpleNamespace(**(vars(month_district) | {"settings": settings}))
    text = text_of(periodic_report(make_inputs("month", district=district), "zh"))
    assert "设置中没有列出会商单位。" in text
    issued = make_inputs("month", stage="issued")
    assert "没有会商记录。" in text_of(periodic_report(issued, "zh"))


def test_a_period_without_places_speaks_of_the_whole_district(make_inputs: Make, month_district: Any) -> None:
    bare = month_district.settings.important_periods[0].model_copy(
        update={"towns": (), "hotspots": (), "crowd_people": None}
    )
    settings = SimpleNamespace(**(vars(month_district.settings) | {"important_periods": (bare,)}))
    district = SimpleNamespace(**(vars(month_district) | {"settings": settings}))
    text = text_of(periodic_report(make_inputs("period", district=district), "zh"))
    assert "未指定地点，按全区考虑。" in text
    assert "没有给出预计人数。" in text


def without_storm(inputs: ReportInputs) -> ReportInputs:
    assert inputs.exposure is not None
    table = inputs.exposure.drop(columns="level")
    table.attrs = {}
    return dataclasses.replace(inputs, exposure=table)


def test_without_a_design_storm_exposure_follows_the_levels(make_inputs: Make, make_empty: Make) -> None:
    reached = text_of(periodic_report(without_storm(make_inputs("month")), "zh"))
    assert "已达到黄色及以上的风险点" in reached
    likely = text_of(periodic_report(without_storm(make_inputs("month", "outlook")), "zh"))
    assert "可能达到黄色及以上的风险点" in likely
    full = make_inputs("period", "outlook")
    nothing = without_storm(dataclasses.replace(full, outlook=None))
    assert "列入关注的风险点0处" in text_of(periodic_report(nothing, "zh"))


def test_capacity_without_shortfalls_says_so(make_inputs: Make) -> None:
    full = make_inputs("month")
    assert full.capacity is not None
    bare = full.capacity[["people_exposed", "shelter_free"]]
    assert "没有可供判断缺口的统计。" in text_of(periodic_report(dataclasses.replace(full, capacity=bare), "zh"))
    enough = full.capacity.assign(shelter_shortfall=0)
    text = text_of(periodic_report(dataclasses.replace(full, capacity=enough), "zh"))
    assert "各镇办避难场所容量均能满足需要。" in text


def test_long_lists_are_cut_and_say_so(make_inputs: Make, month_district: Any) -> None:
    row = month_district.history.iloc[[1]]
    many = pd.concat([row] * 34).set_axis([f"H-{number}" for number in range(34)])
    district = SimpleNamespace(**(vars(month_district) | {"history": many}))
    warnings = pd.concat(
        [make_inputs("month").warnings.assign(warning_id=lambda t, n=n: t["warning_id"] + f"-{n}") for n in range(9)]
    )
    spots = month_district.hotspots.index[:14]
    reports = pd.DataFrame(
        {"at": pd.Timestamp("2021-07-20T09:30Z"), "hotspot_id": spots, "state": "flooded", "who": ""}
    )
    inputs = make_inputs("month", district=district, warnings=warnings, field_reports=reports)
    text = text_of(document := periodic_report(inputs, "zh"))
    assert "另有4起从略。" in text
    assert "其余报告积水的风险点4处从略" in text
    assert "表中列出等级最高的预警，另有14次从略。" in text
    assert max(len(table.rows) for table in document.tables()) <= 46


def test_rain_of_a_gauge_that_is_not_listed_keeps_its_id(make_inputs: Make) -> None:
    full = make_inputs("month")
    strange = full.gauges_rain.assign_coords(gauge=["57083", "X-1", "X-2"])
    assert "X-1" in text_of(periodic_report(dataclasses.replace(full, gauges_rain=strange), "zh"))


def test_complete_rain_is_said_in_one_sentence(make_inputs: Make) -> None:
    full = make_inputs("period")
    times = pd.date_range("2021-07-16T00:00", "2021-07-24T00:00", freq="h")
    rain = xr.Dataset({"rain_mm": (("time", "gauge"), np.ones((len(times), 1)))}, {"time": times, "gauge": ["57083"]})
    text = text_of(periodic_report(dataclasses.replace(full, gauges_rain=rain), "zh"))
    assert "夏季商品交易会期间共5天，雨量资料完整。" in text


def test_a_period_over_new_year_names_the_years(make_inputs: Make, month_district: Any) -> None:
    winter = month_district.settings.important_periods[0].model_copy(
        update={"first_day": date(2021, 11, 1), "last_day": date(2022, 3, 31)}
    )
    settings = SimpleNamespace(**(vars(month_district.settings) | {"important_periods": (winter,)}))
    district = SimpleNamespace(**(vars(month_district) | {"settings": settings}))
    for lang, names in (("zh", "2021年11月至2022年3月"), ("en", "Nov 2021 to Mar 2022")):
        assert names in text_of(periodic_report(make_inputs("period", district=district), lang))
