"""Sentences: every number comes from the facts, words from the table, and nothing unsupported is said."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.levels import Level
from risk_models.outlook import Statement, TercileForecast, TooShort, Withheld, neutral_forecast
from risk_models.outlook.wording import (
    depth_statement,
    level_statement,
    percent,
    seasonal_statement,
    withheld_too_short,
    word,
)
from risk_models.standards import load_standards

LEVELS = load_standards().wording_levels()
PLACE = ("EQ-001", "某立交", "Some Underpass")


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:\.\d+)?", text))


def test_table_of_words() -> None:
    assert [(level.zh, level.p_min) for level in LEVELS] == [("较低", 0), ("一般", 0.2), ("较高", 0.4), ("高", 0.6)]
    assert load_standards().metadata("wuyu-words").confidence == "D"


@given(
    st.tuples(*[st.floats(0, 1)] * 3).map(lambda values: tuple(sorted(values))),
    st.sampled_from([0.05, 0.15, 0.27, 0.5, 1.0]),
)
def test_depth_sentences_agree_with_their_facts(chance, depth_m) -> None:
    low, p, high = chance
    made = depth_statement(PLACE, ("key", depth_m), (p, low, high), LEVELS)
    wanted = {f"{100 * depth_m:.0f}"} | {percent(value).strip("<>%") for value in (low, p, high)}
    assert numbers(made.zh) == wanted
    assert numbers(made.en) == wanted
    assert word(p, LEVELS).zh in made.zh
    assert word(p, LEVELS).en in made.en
    assert made.facts == {"depth_m": depth_m, "p_once": p, "p_low": low, "p_high": high}


def test_words_never_fall_with_probability() -> None:
    ranks = [LEVELS.index(word(p / 100, LEVELS)) for p in range(101)]
    assert ranks == sorted(ranks)
    with pytest.raises(ValueError, match="must lie in 0 to 1"):
        word(float("nan"), LEVELS)


def test_level_sentence_of_a_rare_level() -> None:
    made = level_statement(("district", "全区", "The district"), Level.RED, (0.04, 0, 0), 31)
    assert made.zh == "全区达到红色及以上的日数预计<0.1天（31天中，八成年份0天）。"
    assert made.en == "The district: <0.1 days at red or higher are expected (of 31 days; 0 in 8 of 10 years)."
    assert made.key == "level:district:red"


def test_no_signal_is_told_not_worded() -> None:
    assert seasonal_statement(neutral_forecast()) == Withheld("season:terciles", "无季节信号", "no seasonal signal")
    unproven = TercileForecast(below=0.2, normal=0.3, above=0.5)
    assert isinstance(seasonal_statement(unproven), Withheld)
    dry = seasonal_statement(TercileForecast(below=0.5, normal=0.3, above=0.2, skill=0.2))
    assert isinstance(dry, Statement)
    assert "below normal" in dry.en
    assert "偏少" in dry.zh


def test_a_short_record_is_a_withheld_statement() -> None:
    answer = TooShort("重现期雨量", "return levels", 10, 1, "years")
    assert withheld_too_short("levels:57083", answer).reason_zh == answer.zh
    assert answer.en == "Record too short for return levels: at least 10 years are needed, 1 is there."
    assert TooShort("甲", "a", 2, 1.96, "years").zh.endswith("现有1.9年。")  # never rounded up to enough
