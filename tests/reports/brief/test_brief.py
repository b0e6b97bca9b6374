"""The district brief: what it says, one page whatever the names, one language each, and that water never just goes."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.brief import (
    DistrictBrief,
    ToldState,
    WarningInForce,
    brief_html,
    brief_pdf,
    brief_subject,
    brief_text,
    build_brief,
    writers,
)
from reports.words import LANGUAGES, Text
from risk_models.levels import Level
from risk_models.observation import Now
from risk_models.standards import NowOrder
from tests.reports.conftest import make_district, make_risk

AT = datetime(2021, 7, 20, 12, tzinfo=UTC)
HOURS = timedelta(hours=6)
ORDERS = {"other": NowOrder("other", 9, "立即警戒", "Cordon off"), "tunnel": NowOrder("tunnel", 1, "封闭", "Close")}
PLACES = ["EQ-001", "EQ-002", "EQ-003", "EQ-004"]


@pytest.fixture(scope="module")
def district() -> Any:
    return make_district()


@pytest.fixture(scope="module")
def dry(district: Any) -> Any:
    """A risk table in which no place has water."""
    table = make_risk(district)
    table["now_since"] = table["now_seen_at"] = pd.Series(pd.NaT, index=table.index, dtype="datetime64[ns, UTC]")
    table.attrs |= {"valid_at": AT.isoformat(), "event_key": "E"}
    return table


def _with(table: Any, states: dict[str, tuple[str, int, str]], at: datetime = AT) -> Any:
    """Return the table with the state, class and witness of some places."""
    told = table.copy()
    told.attrs = table.attrs | {"valid_at": at.isoformat()}
    for name, (state, count, by) in states.items():
        told.loc[name, ["now", "now_class", "now_by"]] = [state, count, by]
        if Now(state).keeps_open:
            told.loc[name, "now_since"] = pd.Timestamp(at - timedelta(hours=3))
        if by:
            told.loc[name, "now_seen_at"] = pd.Timestamp(at - timedelta(minutes=5))
    return told


def _brief(district: Any, table: Any, **changes: Any) -> DistrictBrief:
    code = str(district.towns.index[0])
    values: dict[str, Any] = {
        "warnings": [WarningInForce(code, Level.RED, AT + HOURS)],
        "towns": district.towns, "hotspots": district.hotspots, "orders": ORDERS, "before": None, "slot": AT,
        "zone": "Asia/Shanghai", "number": "brief-410103-20210720T1200Z", "district": Text("二七区", "Erqi District"),
        "bureau": Text("二七区应急管理局", "Erqi Bureau"), "phone": "0371-00001998", "next_at": AT + HOURS,
        "marks": [Text("演示数据", "Demonstration data")],
    }  # fmt: skip
    return build_brief(table, **(values | changes))


def _open(brief: DistrictBrief) -> set[str]:
    return {line.hotspot_id for line in (*brief.standing, *brief.unchecked)}


def test_it_says_place_depth_since_witness_what_is_not_checked_and_which_warnings_hold(district: Any, dry: Any) -> None:
    table = _with(
        dry, {"EQ-002": ("stands", 5, "排水组"), "EQ-001": ("stands", 2, ""), "EQ-003": ("unconfirmed", 3, "")}
    )
    table.loc["EQ-002", "observed_depth_m"] = 1.6
    text = brief_text(_brief(district, table), "zh")
    assert "仍有积水2处，未核查1处，1个镇办预警有效" in text
    assert re.search(r"1\. 京广路隧道北口（淮河路街道），1\.6米，20日17:00起，排水组 19:55所见", text)
    assert re.search(r"2\. 陇海路铁路下穿（淮河路街道），超过15厘米，20日17:00起，模型推算，未经现场核实", text)
    assert "淮河路街道 1：航海路与嵩山路口" in text
    assert "红色（Ⅰ级）：淮河路街道至21日2时" in text
    assert "下次简报：21日2时" in text
    assert "无需回复" in text


def test_each_form_is_in_one_language_and_says_what_it_is(district: Any, dry: Any) -> None:
    brief = _brief(district, _with(dry, {"EQ-001": ("stands", 2, "")}))
    for lang, mark, other in (("zh", "演示数据", "Demonstration"), ("en", "Demonstration data", "演示")):
        for form in (brief_text(brief, lang), brief_html(brief, lang)):
            assert mark in form
            assert other not in form
            assert brief.number in form
    assert "演示数据 Demonstration data" in brief_subject(brief)


def test_unknown_is_said_and_never_taken_for_dry(district: Any, dry: Any) -> None:
    table = _with(dry, dict.fromkeys(PLACES, ("unknown", 0, "")))
    brief = _brief(district, table, is_rain_known=False, cautions=[Text("雨情资料中断", "Rain data are lost")])
    text = brief_text(brief, "zh")
    assert "现状未知4处" in text
    assert "雨情资料中断" in text
    assert "未来几小时风险未知（不等于无风险）" in text
    assert "过去1小时" not in text


def test_what_changed_since_the_last_brief_is_told(district: Any, dry: Any) -> None:
    code, other = (str(name) for name in district.towns.index[:2])
    first = _brief(district, _with(dry, {"EQ-001": ("stands", 2, ""), "EQ-002": ("stands", 3, "")}))
    later = _with(
        dry,
        {"EQ-001": ("stands", 4, ""), "EQ-002": ("dry", 0, "巡查员"), "EQ-003": ("stands", 2, "")},
        AT + HOURS,
    )
    warnings = [WarningInForce(other, Level.BLUE, AT + 2 * HOURS)]
    brief = _brief(district, later, before=first.told, warnings=warnings, slot=AT + HOURS)
    assert [line.zh for line in brief.changes] == [
        "新增积水1处：航海路与嵩山路口。",
        "积水加深1处：陇海路铁路下穿。",
        "已看到无积水1处：京广路隧道北口（巡查员 01:55）。",
        "新增预警1个镇办：铭功路街道。",
        f"预警已结束1个镇办：{district.towns.at[code, 'town_name']}。",
    ]
    again = _brief(district, later, before=brief.told, warnings=warnings, slot=AT + 2 * HOURS)
    assert [line.en for line in again.changes] == ["Nothing has changed since the brief of 02:00."]


SIGHTS = st.tuples(st.sampled_from([str(state) for state in Now]), st.integers(0, 5), st.sampled_from(["", "巡查员"]))
TABLES = st.dictionaries(st.sampled_from(PLACES), SIGHTS, min_size=4)
HISTORIES = st.lists(st.tuples(TABLES, st.sets(st.sampled_from(PLACES), max_size=1)), min_size=2, max_size=5)


def test_law_a_place_that_was_told_leaves_only_when_somebody_saw_it_dry(district: Any, dry: Any) -> None:
    """Whatever a table says in between: that it lost the place, knows nothing of before, or has only a model's word."""
    few = dry.loc[PLACES].copy()
    few.attrs = dict(dry.attrs)

    @settings(max_examples=40)
    @given(HISTORIES)
    def law(history: list[tuple[dict[str, tuple[str, int, str]], set[str]]]) -> None:
        told: ToldState | None = None
        for number, (states, lost) in enumerate(history):
            at = AT + number * HOURS
            whole = _with(few, states, at)
            table = whole.drop(index=sorted(lost))
            table.attrs = whole.attrs
            seen_dry = {name for name, (state, _, by) in states.items() if state == "dry" and by and name not in lost}
            brief = _brief(district, table, before=told, slot=at)
            before = set() if told is None else set(told.places)
            assert before <= _open(brief) | seen_dry
            assert not _open(brief) & seen_dry
            gone = [line.zh for line in brief.changes if line.zh.startswith("已看到无积水")]
            for name in PLACES:
                place = str(district.hotspots.at[name, "hotspot_name"])
                assert any(place in line for line in gone) is (name in before & seen_dry)
            told = ToldState.from_dict(brief.told.to_dict())
            assert told == brief.told

    law()


def test_the_last_brief_of_another_event_is_not_looked_at(district: Any, dry: Any) -> None:
    first = _brief(district, _with(dry, {"EQ-001": ("stands", 2, "")}))
    other = replace(first.told, event_key="of a storm before")
    brief = _brief(district, dry, before=other)
    assert not _open(brief)
    assert [line.en for line in brief.changes] == ["The first brief of this event."]


@pytest.mark.parametrize("length", [1, 20, 60, 200])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_is_one_page_whatever_is_open_and_however_long_the_names_are(lang: Any, length: int, dry: Any) -> None:
    named = make_district()
    name = (("长名" if lang == "zh" else "Longname") * length)[:length]
    named.hotspots["hotspot_name"] = named.hotspots["hotspot_name_en"] = name
    named.towns["town_name"] = named.towns["town_name_en"] = name
    half = len(dry) // 2
    states = {str(name): ("stands", 3, "某" * length) for name in dry.index[:half]}
    states |= {str(name): ("unconfirmed", 2, "") for name in dry.index[half:]}
    table = _with(dry, states)
    table["hotspot_name"] = table["hotspot_name_en"] = name
    warnings = [
        WarningInForce(str(code), Level(1 + number % 4), AT + timedelta(minutes=10 * number))
        for number, code in enumerate(named.towns.index)
    ]
    cautions = [Text("某源迟到" * 40, "a feed is late " * 20)] * 4
    brief = _brief(named, table, warnings=warnings, cautions=cautions, bureau=Text(name, name))
    pdf = brief_pdf(brief, lang)
    assert re.findall(rb"/Count (\d+)", _plain(pdf))[:1] == [b"1"]
    assert pdf == brief_pdf(brief, lang)
    assert f"{half}" in brief_text(brief, lang)


def test_what_does_not_fit_one_page_is_not_made_into_two(
    district: Any, dry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "_SIZES", ((60, 300, 60),))
    brief = _brief(district, _with(dry, {str(name): ("stands", 3, "") for name in dry.index}))
    with pytest.raises(ValueError, match="does not fit on one page"):
        brief_pdf(brief)


def _plain(pdf: bytes) -> bytes:
    """Return the objects of a PDF whose plain objects are in compressed streams."""
    parts = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    plain = [pdf]
    for part in parts:
        try:
            plain.append(zlib.decompress(part))
        except zlib.error:
            continue
    return b"\n".join(plain)


def test_rows_that_have_no_room_are_counted_and_said(district: Any, dry: Any) -> None:
    table = _with(dry, {str(name): ("stands", 3, "") for name in dry.index})
    brief = _brief(district, table)
    view = writers._view(brief, "zh", (10, 10, 10))
    assert len(view["standing"]["rows"]) == 10
    assert view["standing"]["more"] == f"另有{len(dry) - 10}处，未在此列出。"


def test_the_rain_that_fell_and_the_rain_that_may_come_stand_apart(district: Any, dry: Any) -> None:
    table = _with(dry, {})
    table["fc_1h_mm_p90"] = np.nan
    lines = _brief(district, table).expected
    assert lines[-1].zh == "过去1小时最大46.2毫米；预计最大1小时88.0毫米，偏多时未知。"
