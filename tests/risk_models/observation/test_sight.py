"""What was seen: whatever the order of rows, wet wins a contradiction, and what nobody saw dry is never dry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.observation import Now, no_observations, observed_now
from risk_models.observation.reader import COLUMNS, SIGHTS, SOURCES
from risk_models.observation.sight import SAME_LOOK_MIN
from risk_models.standards import load_standards

AT = pd.Timestamp("2021-07-20T10Z")
KNOWN = load_standards().observation_sources("wuyu-sources-1")


def sight(ago_min: float, source: str, seen: str, depth_m: float = np.nan, **more: Any) -> dict[str, Any]:
    at = AT - pd.Timedelta(minutes=ago_min)
    row = {
        "observation_id": f"{source}-{ago_min}-{more.get('by', '')}", "hotspot_id": "EQ-1", "seen_at": at,
        "source": source, "seen": seen, "depth_m": depth_m, "confidence": 1.0, "by": "", "remark": "",
    }  # fmt: skip
    return row | more


def seen_now(*rows: dict[str, Any], at: pd.Timestamp = AT) -> pd.Series:
    table = pd.concat([no_observations(), pd.DataFrame(rows)], ignore_index=True)
    table["seen_at"] = pd.to_datetime(table["seen_at"], utc=True)
    found = observed_now(table[list(COLUMNS)], at=at, sources=KNOWN, timezone="Asia/Shanghai")
    return found.loc["EQ-1"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([sight(5, "call", "flooded")], Now.STANDS),
        ([sight(5, "depth_gauge", "flooded", 0.16)], Now.STANDS),
        ([sight(5, "depth_gauge", "flooded", 0.08)], Now.MAY_STAND),
        ([sight(5, "field", "dry")], Now.DRY),
        ([sight(90, "call", "flooded")], Now.UNKNOWN),  # nobody has looked since
        ([sight(600, "field", "dry")], Now.DRY),  # old, and said with its age: rain decides whether it still counts
        ([sight(5, "camera", "dry", confidence=0.3)], Now.UNKNOWN),
        ([sight(5, "camera", "cannot_see")], Now.UNKNOWN),
        ([sight(-30, "field", "dry")], Now.UNKNOWN),  # of the future
        ([sight(10, "call", "flooded"), sight(5, "camera", "dry")], Now.STANDS),  # they contradict each other
        ([sight(5, "call", "flooded"), sight(10, "camera", "dry")], Now.STANDS),
        ([sight(40, "call", "flooded"), sight(5, "field", "dry")], Now.DRY),  # a person looked later
        ([sight(10, "field", "flooded", by="a"), sight(5, "field", "dry", by="b")], Now.STANDS),
        ([sight(10, "field", "flooded", by="a"), sight(5, "field", "dry", by="a")], Now.DRY),  # and corrects himself
        ([sight(120, "call", "flooded"), sight(5, "camera", "cannot_see")], Now.UNKNOWN),
        ([sight(30, "field", "dry"), sight(5, "camera", "cannot_see")], Now.DRY),
    ],
)
def test_one_answer_for_a_place(rows: list[dict[str, Any]], expected: Now) -> None:
    assert Now(seen_now(*rows)["now"]) == expected


def test_it_says_who_saw_what_and_since_when() -> None:
    found = seen_now(
        sight(200, "field", "dry", by="a"), sight(90, "depth_gauge", "flooded", 0.3, by="g"),
        sight(10, "depth_gauge", "flooded", 0.42, by="g"),
    )  # fmt: skip
    assert found["since"] == AT - pd.Timedelta(minutes=90)
    assert (found["source"], found["by"], found["depth_m"]) == ("depth_gauge", "g", 0.42)
    assert found["said_zh"] == "07-20 17:50 水位计（g）见积水42厘米。"
    assert found["said_en"] == "Depth gauge (g) saw 42 cm of water at 07-20 17:50."


def test_a_contradiction_is_said() -> None:
    found = seen_now(sight(10, "call", "flooded"), sight(5, "camera", "dry"))
    assert "与视频所见不一致" in found["said_zh"]
    assert "camera saw otherwise" in found["said_en"]


def test_only_a_person_or_what_saw_the_water_proves_a_place_dry() -> None:
    assert seen_now(sight(5, "field", "dry"))["is_proof"]
    assert not seen_now(sight(5, "depth_gauge", "dry", 0.0, by="g"))["is_proof"]
    saw_it = [sight(60, "depth_gauge", "flooded", 0.4, by="g"), sight(5, "depth_gauge", "dry", 0.0, by="g")]
    assert seen_now(*saw_it)["is_proof"]


def test_a_device_that_agrees_with_a_person_takes_nothing_from_his_word() -> None:
    found = seen_now(sight(60, "call", "flooded"), sight(20, "field", "dry", by="a"), sight(2, "camera", "dry"))
    assert (Now(found["now"]), found["source"], found["is_proof"]) == (Now.DRY, "field", True)


def test_a_device_proves_nothing_that_another_contradicted_since_it_saw_water() -> None:
    own = [sight(90, "camera", "flooded", by="c"), sight(2, "camera", "dry", by="c")]
    assert seen_now(*own)["is_proof"]
    assert not seen_now(*own, sight(70, "call", "flooded"))["is_proof"]
    assert not seen_now(*own, sight(100, "call", "flooded"))["is_proof"], "the call still spoke when the camera saw it"
    assert seen_now(*own, sight(170, "call", "flooded"))["is_proof"]
    both = [sight(90, "depth_gauge", "flooded", 0.2, by="g"), sight(4, "depth_gauge", "dry", 0.0, by="g")]
    assert seen_now(*own, *both)["is_proof"], "both saw it come, and both saw it go"


def test_a_gauge_that_was_stuck_or_dropped_to_nothing_needs_a_person() -> None:
    for depths in ([0.2, *[0.4] * 40, 0.0, 0.0], [0.2, 0.4, 0.0, 0.0]):
        found = seen_now(*_gauge(depths))
        assert (Now(found["now"]), found["is_proof"]) == (Now.DRY, False)
        assert found["said_zh"].endswith("须由人核查。")
    assert seen_now(*_gauge([0.4, 0.2, 0.0]))["is_proof"]


def test_it_says_why_nobody_knows_more_of_water_that_was_seen() -> None:
    found = seen_now(*_gauge([0.2, *[0.4] * 40]))
    assert found["said_en"].endswith("and the depth gauge since then: stuck; nobody has looked.")
    assert "读数长时间不变" in found["said_zh"]


def _gauge(depths_m: list[float], step_min: float = 10.0) -> list[dict[str, Any]]:
    count = len(depths_m)
    return [
        sight(step_min * (count - 1 - n), "depth_gauge", "flooded" if depth > 0.03 else "dry", depth, by="g")
        for n, depth in enumerate(depths_m)
    ]


def test_a_stuck_gauge_is_not_believed_and_never_calms() -> None:
    found = seen_now(*_gauge([0.4] * 40))
    assert Now(found["now"]) == Now.UNKNOWN
    assert "读数长时间不变" in found["said_zh"]
    wet = seen_now(*_gauge([0.4] * 40), sight(5, "call", "flooded"))
    assert Now(wet["now"]) == Now.STANDS


def test_a_leap_that_the_next_reading_denies_is_not_believed() -> None:
    assert Now(seen_now(*_gauge([0.0, 0.0, 2.5, 0.0]))["now"]) == Now.DRY
    assert Now(seen_now(*_gauge([0.5, 0.6, 3.0, 0.6]))["now"]) == Now.STANDS
    assert seen_now(*_gauge([0.5, 0.6, 3.0, 0.6]))["depth_m"] == 0.6
    assert seen_now(*_gauge([2.4, 2.5, 0.0, 2.5]))["since"] == AT - pd.Timedelta(minutes=30), "it never was dry"


def test_a_sudden_rise_is_believed_at_once_and_a_sudden_fall_only_when_it_lasts() -> None:
    assert seen_now(*_gauge([0.0, 0.0, 2.5]))["depth_m"] == 2.5
    assert Now(seen_now(*_gauge([2.4, 2.5, 0.0]))["now"]) == Now.STANDS
    assert Now(seen_now(*_gauge([2.4, 2.5, 0.0, 0.0]))["now"]) == Now.DRY


sights = st.builds(
    sight,
    st.integers(0, 400),
    st.sampled_from(SOURCES),
    st.sampled_from(SIGHTS),
    by=st.sampled_from(["a", "b"]),
    confidence=st.sampled_from([0.2, 0.9]),
)
many = st.lists(sights, min_size=1, max_size=12, unique_by=lambda row: row["observation_id"])


@settings(deadline=None, max_examples=40)
@given(many, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows: list[dict[str, Any]], random: Any) -> None:
    shuffled = rows.copy()
    random.shuffle(shuffled)
    pd.testing.assert_series_equal(seen_now(*rows), seen_now(*shuffled))


@settings(deadline=None, max_examples=40)
@given(many)
def test_dry_is_said_only_by_what_saw_it_dry_after_all_water(rows: list[dict[str, Any]]) -> None:
    found = seen_now(*rows)
    good = [row for row in rows if row["confidence"] >= 0.5]
    wet = [row["seen_at"] for row in good if row["seen"] == "flooded"]
    dry = [row["seen_at"] for row in good if row["seen"] == "dry"]
    if found["now"] == Now.DRY:
        assert dry
        assert not wet or max(dry) > max(wet)
    else:
        assert not dry or wet


@settings(deadline=None, max_examples=40)
@given(many, st.sampled_from(SOURCES))
def test_one_more_sight_of_water_never_calms(rows: list[dict[str, Any]], source: str) -> None:
    found = seen_now(*rows, sight(0, source, "flooded", by="z", observation_id="last"))
    assert found["now"] == Now.STANDS


@settings(deadline=None, max_examples=40)
@given(many)
def test_one_more_look_that_cannot_see_changes_no_state(rows: list[dict[str, Any]]) -> None:
    before = seen_now(*rows)["now"]
    after = seen_now(*rows, sight(0, "camera", "cannot_see", by="z", observation_id="last"))["now"]
    assert after == before


@pytest.mark.parametrize("source", ["depth_gauge", "camera", "call"])
def test_eyes_without_a_name_are_never_the_same(source: str) -> None:
    wet = sight(14, source, "flooded", 1.9)
    found = seen_now(sight(24, source, "flooded", 2.0), wet, sight(4, source, "dry"))
    assert (Now(found["now"]), found["depth_m"]) == (Now.STANDS, 1.9)
    assert Now(seen_now(wet | {"by": "a"}, sight(4, source, "dry", by="a"))["now"]) == Now.DRY


def test_a_gauge_without_a_name_proves_nothing_dry_and_is_no_proof_of_a_leap() -> None:
    two = [sight(14, "depth_gauge", "flooded", 0.08), sight(9, "depth_gauge", "flooded", 2.4)]
    found = seen_now(*two, sight(4, "depth_gauge", "flooded", 0.08))
    assert (Now(found["now"]), found["depth_m"]) == (Now.STANDS, 2.4)
    found = seen_now(sight(60, "depth_gauge", "flooded", 0.2), sight(2, "depth_gauge", "dry", 0.0))
    assert (Now(found["now"]), found["is_proof"]) == (Now.DRY, False)
    own = [sight(60, "camera", "flooded", by="c"), sight(4, "camera", "dry", by="c")]
    assert seen_now(*own)["is_proof"]
    unnamed = [sight(40, "depth_gauge", "flooded", 0.3), sight(10, "depth_gauge", "dry", 0.0)]
    assert not seen_now(*own, *unnamed)["is_proof"], "one gauge may stand in water while another has none"


def test_a_shallow_sight_does_not_calm_what_another_still_tells_of() -> None:
    deep = sight(10, "depth_gauge", "flooded", 0.6, by="a")
    shallow = sight(5, "depth_gauge", "flooded", 0.08, by="b")
    found = seen_now(deep, shallow)
    assert (Now(found["now"]), found["by"], found["depth_m"]) == (Now.STANDS, "a", 0.6)
    assert Now(seen_now(deep, shallow, sight(2, "depth_gauge", "dry", by="a"))["now"]) == Now.MAY_STAND
    assert Now(seen_now(deep, shallow | {"by": "a"})["now"]) == Now.MAY_STAND, "it has fallen"
    assert Now(seen_now(deep | {"seen_at": AT - pd.Timedelta(minutes=25)}, shallow)["now"]) == Now.MAY_STAND


def test_two_people_within_one_look_contradict_each_other() -> None:
    rows = [sight(SAME_LOOK_MIN + 2, "field", "flooded", by="a"), sight(2, "town", "dry", by="b")]
    assert Now(seen_now(*rows)["now"]) == Now.STANDS
    rows[0] = sight(SAME_LOOK_MIN + 3, "field", "flooded", by="a")
    assert Now(seen_now(*rows)["now"]) == Now.DRY
