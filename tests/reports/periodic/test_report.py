"""A report as a document: sections of every kind and edition, and the texts that must stand in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from reports.periodic.content import Document, Note, Paragraph, Table
from reports.periodic.inputs import ReportInputs
from reports.periodic.report import file_stem, periodic_report
from reports.words import LANGUAGES, Lang
from risk_models.district.settings import StandardsSettings
from risk_models.levels import Level
from risk_models.warning.issued import IssuedSignal, WeatherNotice
from tests.reports.periodic.conftest import Reader
from tests.reports.periodic.reading import CONSULTATION, KINDS_AND_EDITIONS, all_text, text_of

Make = Callable[..., ReportInputs]


def with_settings(place: Any, **changes: Any) -> Any:
    """Return the small district with other settings."""
    settings = SimpleNamespace(**(vars(place.settings) | changes))
    return SimpleNamespace(**(vars(place) | {"settings": settings}))


SECTIONS = (
    "摘要 一、依据与数据时效 二、前期回顾 三、上期预测结论检验 四、预测：趋势与可能性 五、预报：镇办与风险点风险 "
    "六、承灾体与能力缺口 七、预警：发布过程与提前量 八、重点时段 九、预演：设计暴雨推演 十、预案：责任单位措施 "
    "十一、五预档案 十二、不确定性与说明 十三、会商记录 附件"
)


@pytest.fixture(scope="module")
def reports(month_inputs: ReportInputs) -> dict[Lang, Document]:
    return {lang: periodic_report(month_inputs, lang) for lang in LANGUAGES}


def test_sections_come_in_the_order_of_the_five_stages(reports: dict[Lang, Document]) -> None:
    assert [heading.text for heading in reports["zh"].headings() if heading.level == 1] == SECTIONS.split()


@pytest.mark.parametrize(("kind", "edition"), KINDS_AND_EDITIONS)
def test_both_languages_have_the_same_structure(read_report: Reader, kind: Any, edition: Any) -> None:
    def shape(lang: Lang, which: str) -> list[tuple[str, int]]:
        # The Chinese report points to the sources of standards with one note more.
        blocks = read_report(kind, edition, lang, which)[1].blocks
        rows = [(type(block).__name__, len(getattr(block, "rows", ()))) for block in blocks]
        return [item for item in rows if item[0] != "Note"]

    for which in ("small", "bundled", "empty"):
        assert shape("zh", which) == shape("en", which)


@pytest.mark.parametrize(
    ("kind", "edition", "stem", "title"),
    [
        ("month", "review", "2021-07-month", "二七区2021年7月洪涝灾害综合风险分析报告（月报）"),
        ("quarter", "review", "2021-Q3-quarter", "二七区2021年第三季度洪涝灾害综合风险分析报告（季报）"),
        ("flood-season", "outlook", "2022-flood-season-outlook",
         "二七区2022年汛期洪涝灾害综合风险形势预测报告（汛前）"),
        ("year", "review", "2021-year", "二七区2021年洪涝灾害综合风险分析报告（年报）"),
        ("period", "outlook", "fair-2021-period-outlook", "二七区“夏季商品交易会”重要时段洪涝灾害综合风险形势预测报告"),
    ],
)  # fmt: skip
def test_kinds_have_their_names(quick: None, make_inputs: Make, kind: Any, edition: Any, stem: str, title: str) -> None:
    inputs = make_inputs(kind, edition)
    assert periodic_report(inputs, "zh").meta.title_line == title
    assert file_stem(inputs.scope, "zh") == stem
    assert file_stem(inputs.scope, "en") == f"{stem}.en"


def test_an_outlook_looks_ahead_first(quick: None, make_inputs: Make) -> None:
    texts = [block.text for block in periodic_report(make_inputs("quarter", "outlook"), "zh").blocks[:5]]
    assert texts[2] == "趋势预测：2021年第四季度降雨总量偏多的可能性最大（偏少20%，正常30%，偏多50%）。"
    review = [block.text for block in periodic_report(make_inputs("quarter"), "zh").blocks[:3]]
    assert review[2].startswith("风险情况：2021年第三季度洪涝风险最高达到红色等级")


def test_long_tables_stand_in_the_annex_behind_the_signature(reports: dict[Lang, Document]) -> None:
    for document in reports.values():
        blocks = document.blocks
        signed = next(place for place, block in enumerate(blocks) if getattr(block, "style", "") == "issued")
        behind = [block for block in blocks[signed:] if isinstance(block, Table)]
        assert behind == [table for table in document.tables() if table.is_annexed]
        assert [table.number for table in behind] == list(range(1, len(behind) + 1))
        assert blocks[signed + 1].starts_page  # type: ignore[union-attr]
        assert max(len(table.rows) for table in document.tables() if not table.is_annexed) <= 15
        assert not any(table.row_mm for table in behind)


def test_the_plain_approval_has_the_language_of_the_report(quick: None, make_inputs: Make) -> None:
    plain = dataclasses.replace(CONSULTATION, decision="")
    inputs = make_inputs("month", stage="issued", consultation=plain)
    chinese, english = (text_of(periodic_report(inputs, lang)) for lang in LANGUAGES)
    assert "会商结论：同意印发。" in chinese
    assert "Approved for issue" not in chinese
    assert "Approved for issue" in english
    assert "同意印发" not in english


def test_an_outlook_says_that_the_reviewed_span_is_not_over(quick: None, make_inputs: Make) -> None:
    early = make_inputs("month", "outlook")
    assert "签发时2021年7月尚未结束，7月29日9时以后的情况不在统计之内。" in text_of(periodic_report(early, "zh"))
    assert "尚未结束" not in text_of(periodic_report(make_inputs("month"), "zh"))


def test_issued_signals_are_listed_as_the_office_s_own(quick: None, make_inputs: Make) -> None:
    at = datetime(2021, 7, 19, 22, 2, tzinfo=UTC)
    notice = WeatherNotice(
        notice_id="a", lifts=False, kind="rainstorm", level=Level.RED, number="第115号", issued_at=at, valid_until=None,
        area="郑州市", office="郑州市气象局",
    )  # fmt: skip
    inputs = make_inputs("month")
    towns = frozenset(str(code) for code in inputs.district.towns.index[:2])
    signal = IssuedSignal(notice=notice, towns=towns, is_everywhere=False)
    told, silent = (
        periodic_report(one, "zh") for one in (dataclasses.replace(inputs, issued_signals=(signal,)), inputs)
    )
    tables = [block for block in told.blocks if isinstance(block, Table) and "气象部门预警信号" in block.caption]
    names = [str(inputs.district.towns.at[code, "town_name"]) for code in sorted(towns)]
    assert [row[:4] for table in tables for row in table.rows] == [
        ("暴雨红色预警信号", "07-20 06:02", "郑州市气象局", "第115号")
    ]
    assert all(name in tables[0].rows[0][4] for name in names)
    assert "未收到气象部门发布的预警信号，不等于没有发布" in str(silent.blocks)
    assert "未收到气象部门发布的预警信号" not in str(told.blocks)


def test_nothing_later_than_the_issue_is_counted(quick: None, make_inputs: Make) -> None:
    full = make_inputs("month")
    cut = pd.Timestamp("2021-07-20T04:00Z")
    early = periodic_report(dataclasses.replace(full, issued_at=cut.to_pydatetime()), "zh")
    text = text_of(early)
    assert "201.9" not in text
    assert "没有2021年7月的灾情或险情" in text


def test_long_spans_are_told_by_month_with_a_calendar(make_inputs: Make) -> None:
    document = periodic_report(make_inputs("year"), "zh")
    table = next(table for table in document.tables() if table.caption.startswith("逐月情况"))
    assert [row[0] for row in table.rows[:2]] == ["2021年1月", "2021年2月"]
    assert len(table.rows) == 13
    captions = [figure.caption for figure in document.figures()]
    assert {"逐日最高等级", "郑州站24小时雨量重现期曲线", "郑州站（57083）逐月雨量与常年同期"} <= set(captions)
    assert "没有雨量资料的月份：2021年1月至6月、8月至12月。" in text_of(document)


def test_an_important_period_has_dates_places_crowd_and_chances(quick: None, make_inputs: Make) -> None:
    text = text_of(periodic_report(make_inputs("period", "outlook"), "zh"))
    for sentence in (
        "夏季商品交易会期间为2021年7月18日至2021年7月22日，共5天。", "涉及地点：淮河路街道、京广路隧道北口。",
        "预计同时在场12000人。", "重要时段没有前一时段，不作回顾。",
        "影响范围内的风险点（可能性指活动期间积水至少一次达到27厘米）",
    ):  # fmt: skip
        assert sentence in text
    assert "重要时段已经结束，不作展望。" in text_of(periodic_report(make_inputs("period"), "zh"))


def test_heaviest_hour_carries_time_period_and_formula(reports: dict[Lang, Document]) -> None:
    hour = "201.9毫米（郑州站，7月20日17时止），按暴雨强度公式zz-f2，重现期>100年（超出公式范围）"
    assert hour in text_of(reports["zh"])


def test_verification_stands_beside_its_evidence(reports: dict[Lang, Document]) -> None:
    document = reports["zh"]
    assert "布赖尔评分为0.214，以实际频率统一作答的参照评分为0.222（越小越好），优于参照。" in text_of(document)
    table = next(table for table in document.tables() if table.caption == "上期预测结论与实况")
    assert table.rows[0][2:] == ("0.31米", "不成立", "模型反演")
    assert [row[3] for row in table.rows] == ["不成立"] * 6 + ["成立"] * 12 + ["无法判断"] * 2
    assert any(figure.caption == "预测概率可靠性图" for figure in document.figures())


def test_every_kind_of_statement_is_told_in_its_unit(quick: None, month_inputs: ReportInputs) -> None:
    assert month_inputs.review is not None
    table = month_inputs.review.table.head(4).assign(
        kind=["depth", "level", "rain", "season"], observed=[0.31, 2.0, 149.26, 2.0], outcome="came_true"
    )
    review = dataclasses.replace(month_inputs.review, table=table, n_true=4, n_false=0, n_unknown=0)
    document = periodic_report(dataclasses.replace(month_inputs, review=review), "zh")
    shown = next(table for table in document.tables() if table.caption == "上期预测结论与实况")
    assert [row[2] for row in shown.rows] == ["0.31米", "2天", "149.3毫米", "偏多"]
    strange = dataclasses.replace(review, table=table.assign(kind="wind"))
    with pytest.raises(ValueError, match="kind 'wind' is not known to reports"):
        periodic_report(dataclasses.replace(month_inputs, review=strange), "zh")


def test_few_known_outcomes_give_no_reliability_chart(quick: None, month_inputs: ReportInputs) -> None:
    assert month_inputs.review is not None
    few = dataclasses.replace(month_inputs.review, reliability=month_inputs.review.reliability.assign(n=[3, 2]))
    document = periodic_report(dataclasses.replace(month_inputs, review=few), "zh")
    assert not any(figure.caption == "预测概率可靠性图" for figure in document.figures())
    assert "不绘制可靠性图" in text_of(document)


def test_measures_answer_to_reached_levels_or_to_likely_ones(quick: None, make_inputs: Make) -> None:
    review, outlook = (
        text_of(periodic_report(make_inputs("month", edition), "zh")) for edition in ("review", "outlook")
    )
    assert "按已达到的等级，应启动预案" in review
    assert "按可能达到的等级（可能性“较高”及以上），应预先落实预案" in outlook


def test_without_skill_no_chance_is_printed(quick: None, month_inputs: ReportInputs) -> None:
    outlook = month_inputs.outlook
    assert outlook is not None
    verdicts = {
        kind: dataclasses.replace(item, is_supported=kind == "level") for kind, item in outlook.verdicts.items()
    }
    document = periodic_report(
        dataclasses.replace(month_inputs, outlook=dataclasses.replace(outlook, verdicts=verdicts)), "zh"
    )
    text = text_of(document)
    assert "资料或预报技巧不足，不给出2021年8月各风险点的积水可能性。" in text
    assert "各镇办至少一天达到各等级及以上的可能性（2021年8月）" in text
    assert not any("积水至少一次" in figure.caption for figure in document.figures())


def test_demonstration_data_and_constructed_rain_are_marked(quick: None, make_inputs: Make) -> None:
    for kind in ("month", "quarter", "flood-season", "year"):
        text = text_of(document := periodic_report(make_inputs(kind, bundled=True), "zh"))
        assert "演示数据" in document.meta.banner
        assert "7月17日8时至7月22日8时的逐小时雨量为构造序列" in text
        assert "7月17日8时至7月22日8时的逐小时雨量根据公布的总量构造，非实测。" in text
    assert "构造序列" not in text_of(periodic_report(make_inputs("month"), "zh"))


def test_constructed_rain_outside_the_span_is_not_mentioned(quick: None, make_inputs: Make) -> None:
    inputs = make_inputs("month", bundled=True)
    june = dataclasses.replace(inputs.scope, reviewed=dataclasses.replace(
        inputs.scope.span, first_day=inputs.scope.span.first_day.replace(month=6, day=1),
        last_day=inputs.scope.span.last_day.replace(month=6, day=30)))  # fmt: skip
    assert "构造序列" not in text_of(periodic_report(dataclasses.replace(inputs, scope=june), "zh"))


def test_a_town_without_hotspots_is_named(reports: dict[Lang, Document]) -> None:
    notes = [block.text for block in reports["zh"].blocks if isinstance(block, Note)]
    assert "没有风险点的镇办：二七新区管委会。" in notes


def test_hotspot_table_holds_the_ten_worst(reports: dict[Lang, Document]) -> None:
    table = next(table for table in reports["zh"].tables() if table.caption == "重点风险点（2021年7月）")
    assert [row[0] for row in table.rows[:-1]] == [str(number) for number in range(1, 11)]
    scores = [float(row[5]) for row in table.rows[:-1]]
    assert scores == sorted(scores, reverse=True)


def test_six_hundred_hotspots_keep_tables_short(make_inputs: Make, many_hotspots: Any) -> None:
    document = periodic_report(make_inputs("month", district=many_hotspots), "zh")
    table = next(table for table in document.tables() if table.caption.startswith("积水可能性最大的风险点"))
    assert len(table.rows) == 15
    assert "另有风险点585处从略。" in text_of(document)
    assert max(len(table.rows) for table in document.tables()) <= 46


def test_key_dates_name_seasons_periods_outages_and_old_plans(quick: None, make_inputs: Make) -> None:
    document = periodic_report(make_inputs("month"), "zh")
    table = next(table for table in document.tables() if table.caption == "重点日期和时段")
    assert table.rows == (
        ("2021年8月5日", "排水设施停用到期", "陇海路铁路下穿"),
        ("2021年8月15日", "“七下八上”结束", "—"),
    )
    plans = next(table for table in document.tables() if table.caption == "预案修订情况")
    old = int(plans.rows[1][1])
    assert old == sum(int(row[1]) for row in plans.rows[3:]) > 0


def test_a_draft_has_lines_to_sign_and_an_issued_report_has_names(quick: None, make_inputs: Make) -> None:
    draft = periodic_report(make_inputs("month"), "zh")
    lines = [block.text for block in draft.blocks if isinstance(block, Paragraph) and block.style == "signature"]
    assert "征求意见稿" in draft.meta.banner
    assert len(lines) == 4
    assert "签发：____" in lines[3]
    table = next(table for table in draft.tables() if table.caption == "会商意见")
    assert table.row_mm >= 15
    issued = periodic_report(make_inputs("month", stage="issued", consultation=CONSULTATION, revision=2), "zh")
    text = text_of(issued)
    assert "征求意见稿" not in issued.meta.banner
    assert issued.meta.title.endswith("（第2次修订）")
    assert "2021年8月1日，由张某某主持，区气象局和other参加会商研判，形成本报告。" in text
    assert "会商由张某某主持，2021年8月1日9时30分开始，2021年8月1日11时结束。会商结论：同意签发。" in text
    assert "未反馈意见的单位：区水利局。" in text
    table = next(table for table in issued.tables() if table.caption == "会商意见")
    assert table.rows[0] == ("区气象局", "李某", "同意", "08-01 10:00")
    assert table.rows[1][2] == "无意见"
    lines = [block.text for block in issued.blocks if isinstance(block, Paragraph) and block.style == "signature"]
    assert lines == [
        f"附件：附表1至附表{sum(table.is_annexed for table in issued.tables())}",
        "签发：张某某　2021年8月1日11时",
    ]
    assert table.row_mm == 0


def test_another_profile_keeps_its_words(quick: None, month_inputs: ReportInputs) -> None:
    district = with_settings(month_inputs.district, standards=StandardsSettings(five_pre="s-preposition"))
    document = periodic_report(dataclasses.replace(month_inputs, district=district), "zh")
    table = next(table for table in document.tables() if table.caption == "五预环节与本报告内容")
    assert [row[0] for row in table.rows] == ["预报", "预警", "预演", "预案", "预置"]
    assert table.rows[0][2] == "五、预报：镇办与风险点风险"
    assert table.rows[4][1:] == ("本报告不含此环节", "—")


def test_the_reference_gauge_is_the_one_given(quick: None, month_inputs: ReportInputs) -> None:
    other = dataclasses.replace(month_inputs, reference_gauge="G-02")
    captions = [figure.caption for figure in periodic_report(other, "zh").figures()]
    assert "侯寨站（合成）（G-02）逐日与逐小时雨量" in captions
    gone = periodic_report(dataclasses.replace(month_inputs, reference_gauge="G-99"), "zh")
    assert "参照站G-99（G-99）没有雨量资料，不附雨量图。" in text_of(gone)


def test_names_reach_the_document_as_clean_text(quick: None, with_names: Callable[[str], ReportInputs]) -> None:
    text = "\n".join(all_text(periodic_report(with_names("<b>#panic() \u202e*x*\r\n{0}"), "zh")))
    assert "<b>#panic() *x* {0}" in text
    assert "\u202e" not in text


def test_a_day_of_25_hours_does_not_break_the_report(quick: None, make_inputs: Make, month_district: Any) -> None:
    identity = month_district.settings.district.model_copy(update={"timezone": "America/New_York"})
    district = with_settings(month_district, district=identity)
    full = make_inputs("quarter", "outlook", district=district)
    assert full.scope.coming is not None
    times = pd.date_range("2021-11-01T01:00", "2021-12-01T00:00", freq="h")
    rain = xr.Dataset({"rain_mm": (("time", "gauge"), np.ones((len(times), 1)))}, {"time": times, "gauge": ["57083"]})
    span = dataclasses.replace(
        full.scope.coming, kind="month", first_day=times[0].date(), last_day=times[-2].date().replace(day=30)
    )
    scope = dataclasses.replace(full.scope, reviewed=span)
    late = pd.Timestamp("2021-12-02T00:00Z").to_pydatetime()
    document = periodic_report(dataclasses.replace(full, scope=scope, gauges_rain=rain, issued_at=late), "en")
    assert "30 days" in text_of(document)


def test_table_rows_must_fit_the_header() -> None:
    with pytest.raises(ValueError, match="row 0 has 1 cells for 2 columns"):
        Table("c", ("a", "b"), (("x",),), ("left", "left"), (1.0, 1.0))
