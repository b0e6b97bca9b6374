"""Depths ahead of time: centimetres only where the sag is known, classes with ordered chances elsewhere."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.risk.depth_words import (
    DEPTH_CLASSES,
    chance_text,
    chances_words,
    class_chances,
    class_words,
    depth_words,
    sag_is_known,
)

CHANCES = st.lists(st.floats(0, 1), min_size=5, max_size=5).map(lambda chances: sorted(chances, reverse=True))
METRES = re.compile(r"\d / \d|\d\.\d+ ?(?:米|m)\b")


def _row(chances: list[float], **more: object) -> dict[str, object]:
    return dict(zip(DEPTH_CLASSES, chances, strict=True)) | {"depth_p50_m": 0.43, "depth_p90_m": 0.8} | more


@given(CHANCES)
def test_law_exclusive_classes_are_chances_that_sum_to_one(chances: list[float]) -> None:
    told = class_chances(_row(chances))
    assert math.fsum(told) == pytest.approx(1.0)
    assert min(told) >= 0
    assert math.fsum(told[1:]) == pytest.approx(chances[0])


@given(CHANCES, CHANCES)
def test_law_the_class_told_never_gets_shallower_with_greater_chances(one: list[float], other: list[float]) -> None:
    names = [f"≥{zh}" for zh, _ in DEPTH_CLASSES.values()]
    more = [max(pair) for pair in zip(one, other, strict=True)]
    less_told, more_told = (class_words(_row(chances))[0].split(" ")[0] for chances in (one, more))
    assert names.index(more_told) >= names.index(less_told)


@given(CHANCES, st.sampled_from([False, None, float("nan")]))
def test_law_no_centimetres_of_a_sag_that_is_not_known(chances: list[float], known: object) -> None:
    row = _row(chances, sag_known=known)
    assert not sag_is_known(row)
    for words in (*depth_words(row), *chances_words(row)):
        assert "43" not in re.sub(r"\d+%", "", words)
        assert METRES.search(words) is None


@given(CHANCES, st.sets(st.sampled_from(list(DEPTH_CLASSES)), min_size=1))
def test_law_unknown_stays_unknown(chances: list[float], lost: set[str]) -> None:
    row = _row(chances) | dict.fromkeys(lost, float("nan"))
    assert all(math.isnan(chance) for chance in class_chances(row))
    zh, en = chances_words(row)
    named = len(lost & {"p_15cm", "p_27cm", "p_50cm"})
    assert (zh.count("未知"), en.count("unknown")) == (named, named)
    nothing = _row([float("nan")] * 5)
    assert depth_words(nothing) == ("未知", "unknown")
    assert depth_words(nothing | {"sag_known": True, "depth_p50_m": float("nan")}) == ("未知", "unknown")


@given(st.floats(0, 1))
def test_law_a_chance_is_never_told_as_certain(chance: float) -> None:
    assert chance_text(chance) not in {"0%", "100%"}
