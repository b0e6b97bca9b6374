"""Words, numbers and times as people read them."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import words

ZONE = "Asia/Shanghai"
# China kept summer time until 1991; a time in words does not carry the offset.
FIRST, LAST = datetime(1992, 1, 1, tzinfo=UTC), datetime(2090, 1, 1, tzinfo=UTC)
MOMENTS = st.datetimes(min_value=FIRST.replace(tzinfo=None), max_value=LAST.replace(tzinfo=None)).map(
    lambda at: pd.Timestamp(at.replace(second=0, microsecond=0), tz="UTC")
)


@pytest.mark.parametrize(
    ("start", "end", "zh", "en"),
    [
        ("2021-07-20T09", "2021-07-20T11", "2021年7月20日17时至19时", "17:00 to 19:00 on 20 July 2021"),
        (
            "2021-07-31T09",
            "2021-07-31T21",
            "2021年7月31日17时至8月1日5时",
            "17:00 on 31 July to 05:00 on 1 August 2021",
        ),
        (
            "2021-12-31T09",
            "2021-12-31T21",
            "2021年12月31日17时至2022年1月1日5时",
            "17:00 on 31 December 2021 to 05:00 on 1 January 2022",
        ),
    ],
)
def test_window_names_only_what_changes(start, end, zh, en):
    span = (pd.Timestamp(start, tz="UTC"), pd.Timestamp(end, tz="UTC"))
    assert words.window(*span, "zh", ZONE) == zh
    assert words.window(*span, "en", ZONE) == en


@given(MOMENTS)
def test_local_time_is_the_same_moment(at):
    assert pd.Timestamp(words.local(at, ZONE)) == at
    assert words.local(at.tz_localize(None), ZONE) == words.local(at, ZONE)


@given(MOMENTS, st.integers(0, 200))
def test_a_moment_reads_back(at, hours):
    later = at + timedelta(hours=hours)
    said = words.moment(later, "zh", ZONE)
    pattern = "%Y年%m月%d日%H时%M分" if "分" in said else "%Y年%m月%d日%H时"
    assert datetime.strptime(f"{said} +0800", f"{pattern} %z") == words.local(later, ZONE)


@given(st.text())
def test_plain_text_is_one_clean_line_and_stays_so(text):
    once = words.plain(text)
    assert words.plain(once) == once
    assert not {unicodedata.category(char) for char in once} & {"Cc", "Cf", "Zl", "Zp"}


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NaT])
@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_missing_is_said_never_zero(missing, lang):
    unknown = words.UNKNOWN[lang]
    assert words.millimetres(missing, lang) == unknown
    assert words.depth(missing, lang) == unknown
    assert words.probability(missing, lang) == unknown
    assert words.return_period(missing, lang) == unknown
    assert words.moment(missing, lang, ZONE) == unknown


@given(st.floats(0, 1))
def test_probability_is_never_printed_as_certain(share):
    assert words.probability(share, "en") not in {"0%", "100%"}


def test_return_period_stops_where_the_formula_stops():
    assert "超过100年" in words.return_period(250.0, "zh")
    assert words.return_period(100.0, "en") == "about once in 100 years"


def test_an_unlisted_kind_is_shown_as_it_is():
    assert words.kind_name("quay", "zh") == "quay"
