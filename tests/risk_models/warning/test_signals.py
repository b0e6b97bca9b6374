"""Rainstorm signals: expected, or reached and going on; unknown is never none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.errors import ConfigError
from risk_models.levels import Level
from risk_models.standards import load_standards
from risk_models.warning.signals import hotspot_signals, rain_signals

NAN = float("nan")
STANDARD = "cma-2007"
COLUMNS = ["obs_1h_mm", "obs_3h_mm", "obs_6h_mm", "obs_12h_mm"]
COLUMNS += ["fc_1h_mm_p50", "fc_3h_mm_p50", "fc_6h_mm_p50", "fc_12h_mm_p50"]


@pytest.fixture(scope="module")
def standards():
    return load_standards()


def hotspot(observed, forecast, town="410103012"):
    """Return one row; amounts for windows of 1, 3, 6 and 12 h."""
    return {"town_code": town, **dict(zip(COLUMNS, [*observed, *forecast], strict=True))}


def table(*rows):
    return pd.DataFrame(list(rows), index=[f"EQ-{n:03d}" for n in range(1, len(rows) + 1)])


DRY = (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("observed", "forecast", "expected"),
    [
        (DRY, DRY, Level.NONE),
        (DRY, (10, 20, 40, 49.9), Level.NONE),
        (DRY, (10, 20, 40, 50), Level.BLUE),
        (DRY, (10, 30, 50, 60), Level.YELLOW),
        (DRY, (20, 50, 60, 70), Level.ORANGE),
        (DRY, (60, 100, 110, 120), Level.RED),
        ((20, 60, 60, 60), (5, 30, 40, 40), Level.ORANGE),  # reached and more is expected
        ((20, 60, 60, 60), DRY, Level.ORANGE),  # reached and it rains now
        ((0, 60, 60, 60), DRY, Level.NONE),  # reached, but the rain is over
        ((0, 60, 60, 60), (NAN, 0, 0, 0), Level.ORANGE),  # reached, and nobody knows whether it goes on
        ((0, NAN, 0, 0), DRY, Level.UNKNOWN),
        (DRY, (0, 0, NAN, 0), Level.UNKNOWN),
        ((NAN,) * 4, (NAN,) * 4, Level.UNKNOWN),
        ((0, NAN, NAN, NAN), (20, 50, 60, 70), Level.ORANGE),  # met whatever the unknown amounts were
    ],
)
def test_rule(standards, observed, forecast, expected):
    found = rain_signals(table(hotspot(observed, forecast)), standards, STANDARD)
    assert Level(found.loc["410103012", "level"]) == expected


def test_town_takes_the_highest_and_names_the_hotspot(standards):
    risk = table(
        hotspot(DRY, (10, 20, 40, 55)),
        hotspot(DRY, (20, 55, 60, 70)),
        hotspot(DRY, (20, 66, 70, 80)),
        hotspot(DRY, DRY, town="410103001"),
    )
    found = rain_signals(risk, standards, STANDARD)
    assert list(found.index) == ["410103001", "410103012"]
    town = found.loc["410103012"]
    assert (town["level"], town["hotspot_id"], town["window_h"], town["rain_mm"]) == (3, "EQ-003", 3.0, 66.0)
    assert not town["reached"]
    assert found.loc["410103001", "hotspot_id"] == ""
    assert np.isnan(found.loc["410103001", "rain_mm"])


def test_unknown_hotspot_makes_a_quiet_town_unknown_but_hides_no_signal(standards):
    unknown = hotspot((NAN,) * 4, (NAN,) * 4)
    quiet = rain_signals(table(hotspot(DRY, DRY), unknown), standards, STANDARD)
    assert quiet.loc["410103012", "level"] == Level.UNKNOWN
    assert quiet.loc["410103012", "text_zh"] == "雨量资料缺失，无法判定暴雨预警信号"
    wet = rain_signals(table(hotspot(DRY, (20, 55, 60, 70)), unknown), standards, STANDARD)
    assert wet.loc["410103012", "level"] == Level.ORANGE


def test_texts_give_window_and_amount(standards):
    expected = rain_signals(table(hotspot(DRY, (60, 104.4, 110, 120))), standards, STANDARD).iloc[0]
    assert expected["text_zh"] == "达到暴雨红色预警信号标准（3小时≥100毫米）：预计最大3小时雨量104毫米"
    assert expected["text_en"] == (
        "The red rainstorm signal threshold (100 mm in 3 h) is expected to be reached: up to 104 mm in 3 h."
    )
    reached = rain_signals(table(hotspot((9, 20, 58, 58), (2, 20, 40, 41))), standards, STANDARD).iloc[0]
    assert reached["text_zh"] == ("达到暴雨黄色预警信号标准（6小时≥50毫米）：过去6小时雨量已达58毫米，降雨可能持续")
    assert "58 mm fell in the past 6 h and rain may go on" in reached["text_en"]
    none = rain_signals(table(hotspot(DRY, DRY)), standards, STANDARD).iloc[0]
    assert none["text_en"] == "No rainstorm signal threshold is reached."


def test_missing_window_is_named(standards):
    risk = table(hotspot(DRY, DRY)).drop(columns="fc_6h_mm_p50")
    with pytest.raises(ConfigError, match="window 6 h: the risk table has no column fc_6h_mm_p50"):
        rain_signals(risk, standards, STANDARD)


AMOUNTS = st.lists(st.floats(0, 200) | st.just(NAN), min_size=8, max_size=8)


@settings(max_examples=80, deadline=None)
@given(AMOUNTS, st.integers(0, 7), st.floats(0, 100))
def test_more_rain_never_lowers_a_known_signal(amounts, position, more_mm):
    thresholds = load_standards().rain_signals(STANDARD)
    wetter = list(amounts)
    wetter[position] += more_mm
    before, after = hotspot_signals(
        table(hotspot(amounts[:4], amounts[4:]), hotspot(wetter[:4], wetter[4:])), thresholds
    )["level"]
    assert after >= before


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(0, 200), min_size=8, max_size=8), st.integers(0, 7))
def test_a_missing_amount_never_reads_as_none(amounts, position):
    thresholds = load_standards().rain_signals(STANDARD)
    holed = list(amounts)
    holed[position] = NAN
    full, missing = hotspot_signals(
        table(hotspot(amounts[:4], amounts[4:]), hotspot(holed[:4], holed[4:])), thresholds
    )["level"]
    if full > Level.NONE:
        assert missing != Level.NONE


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(4)))
def test_order_of_hotspots_does_not_matter(order):
    standards = load_standards()
    risk = table(
        hotspot(DRY, (10, 20, 40, 55)),
        hotspot(DRY, (20, 55, 60, 70)),
        hotspot(DRY, (20, 55, 60, 70)),
        hotspot(DRY, (0, 0, NAN, 0)),
    )
    pd.testing.assert_frame_equal(
        rain_signals(risk.iloc[order], standards, STANDARD), rain_signals(risk, standards, STANDARD)
    )
