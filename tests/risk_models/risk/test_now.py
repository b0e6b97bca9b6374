"""What is known of now: seen before modelled, and water that stood is dry only when somebody or something says so."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.levels import Level
from risk_models.observation import Now
from risk_models.risk.now import NOW_COLUMNS, RAIN_AGAIN_MM, settle_now
from risk_models.standards import load_standards

AT = pd.Timestamp("2021-07-21T08Z")
HOUR = pd.Timedelta(hours=1)
DEPTHS_M = (0.05, 0.15, 0.27, 0.5, 1.2)
MATRIX = load_standards().risk_matrix("wuyu-4x4")
ROAD_M = np.array([[0.15, 0.3, 0.5]])


@dataclasses.dataclass(frozen=True)
class Sight:
    """One row of what was seen."""

    now: Now
    seen_at: pd.Timestamp = AT
    depth_m: float = np.nan
    since: Any = pd.NaT
    speaks_h: float = 1.0
    is_proof: bool = True

    def table(self) -> pd.DataFrame:
        row = {
            "now": str(self.now), "depth_m": self.depth_m, "since": self.since, "seen_at": self.seen_at,
            "speaks_until": self.seen_at + self.speaks_h * HOUR, "source": "field", "by": "王某",
            "is_proof": self.is_proof, "said_zh": "现场巡查见积水", "said_en": "A patrol saw water.",
        }  # fmt: skip
        return pd.DataFrame([row], index=["EQ-1"])


def scored(now: Now, *, rain_mm: float = 0.0, level: Level = Level.NONE) -> pd.DataFrame:
    reasons = json.dumps([{"factor": "fallen", "value": 1.0, "unit": "mm", "points": 20.0 * level}])
    row = {
        "now": str(now), "now_class": 2 if now == Now.STANDS else 0, "now_since": pd.NaT, "now_seen_at": pd.NaT,
        "now_by": "", "observed_depth_m": np.nan,
        "onset_unfavourable_at": pd.NaT, "people_in_water": np.nan, "kind": "tunnel", "p_50cm": 0.0,
        "level": int(level), "matrix_level": int(level), "order_phase": "none", "order_criterion": "",
        "order_chance": np.nan, "worst_case_level": int(level),
        "level_0_3h": int(level), "score": 20.0 * level, "likelihood": 0, "impact": 0, "reasons": reasons,
        "reason_zh": "雨大。", "reason_en": "Heavy rain.", **{f"obs_{h}h_mm": rain_mm for h in (1, 3, 6, 12, 24, 72)},
    }  # fmt: skip
    table = pd.DataFrame([row], index=pd.Index(["EQ-1"], name="hotspot_id"))
    table.attrs["valid_at"] = AT.isoformat()
    return table


def settled(
    modelled: Now, *, was: Now | None = None, sight: Sight | None = None, rain_mm: float = 0.0, **more: Any
) -> pd.Series:
    before = None
    if was is not None:
        before = scored(was)[list(NOW_COLUMNS)].assign(now_since=AT - 5 * HOUR)
        before.attrs["valid_at"] = (AT - HOUR).isoformat()
    table = settle_now(
        scored(modelled, rain_mm=rain_mm, **more), before=before, observed=None if sight is None else sight.table(),
        thresholds_m=DEPTHS_M, depth_of_impact_m=ROAD_M, matrix=MATRIX,
    )  # fmt: skip
    return table.iloc[0]


states = st.sampled_from(list(Now))


@given(states, st.sampled_from([Now.STANDS, Now.UNCONFIRMED]), st.floats(0, 300))
def test_where_water_stood_nobody_but_a_sight_makes_it_dry(modelled: Now, was: Now, rain_mm: float) -> None:
    found = settled(modelled, was=was, rain_mm=rain_mm)
    assert Now(found["now"]).keeps_open
    assert found["now_since"] == AT - 5 * HOUR


@given(states, states, st.sampled_from([Now.UNKNOWN, Now.MAY_STAND, Now.STANDS]), st.floats(0, 300), st.booleans())
def test_a_sight_that_is_not_dry_never_calms(modelled: Now, was: Now, seen: Now, rain_mm: float, wet: bool) -> None:
    order = [Now.DRY, Now.MAY_STAND, Now.UNKNOWN, Now.UNCONFIRMED, Now.STANDS]
    without = settled(modelled, was=was, rain_mm=rain_mm)
    sight = Sight(seen, since=AT - HOUR if wet else pd.NaT)
    assert order.index(Now(settled(modelled, was=was, sight=sight, rain_mm=rain_mm)["now"])) >= order.index(
        Now(without["now"])
    )


@pytest.mark.parametrize(
    ("modelled", "was", "ago_h", "rain_mm", "expected"),
    [
        (Now.DRY, Now.UNCONFIRMED, 0.5, 0.0, Now.DRY),
        (Now.STANDS, Now.STANDS, 0.5, 50.0, Now.DRY),  # a fresh look corrects the model
        (Now.STANDS, Now.STANDS, 2.0, 0.0, Now.DRY),  # and counts until rain returns
        (Now.STANDS, Now.DRY, 2.0, RAIN_AGAIN_MM + 1, Now.STANDS),
        (Now.STANDS, Now.DRY, 2.0, np.nan, Now.STANDS),  # nor is unknown rain no rain
        (Now.DRY, Now.UNCONFIRMED, 2.0, 3.0, Now.UNCONFIRMED),  # seen dry before the last cycle, which knew better
        (Now.STANDS, Now.DRY, 100.0, 0.0, Now.STANDS),  # older than the rain on record
    ],
)
def test_seen_dry_counts_until_rain_returns(
    modelled: Now, was: Now, ago_h: float, rain_mm: float, expected: Now
) -> None:
    found = settled(modelled, was=was, sight=Sight(Now.DRY, seen_at=AT - ago_h * HOUR), rain_mm=rain_mm)
    assert Now(found["now"]) == expected
    assert found["now_by"] == ("王某" if expected == Now.DRY else "")  # what the model says, nobody has seen


@pytest.mark.parametrize(
    ("modelled", "was"), [(Now.STANDS, Now.DRY), (Now.DRY, Now.UNCONFIRMED), (Now.DRY, Now.STANDS)]
)
def test_a_device_that_never_saw_the_water_ends_nothing(modelled: Now, was: Now) -> None:
    assert Now(settled(modelled, was=was, sight=Sight(Now.DRY, is_proof=False))["now"]).keeps_open


@given(states, st.none() | states, st.floats(0, 300), st.floats(0, 100))
def test_a_device_that_never_saw_the_water_calms_nothing(
    modelled: Now, was: Now | None, rain_mm: float, ago_h: float
) -> None:
    sight = Sight(Now.DRY, is_proof=False, seen_at=AT - ago_h * HOUR)
    told = ["now", "now_class", "now_since", "level"]
    found, without = (settled(modelled, was=was, sight=one, rain_mm=rain_mm)[told] for one in (sight, None))
    pd.testing.assert_series_equal(found, without)


def test_a_place_seen_under_water_has_at_least_the_level_of_that_depth() -> None:
    found = settled(Now.DRY, sight=Sight(Now.STANDS, depth_m=0.6, since=AT - HOUR))
    assert (found["now"], found["now_class"], found["observed_depth_m"]) == ("stands", 4, 0.6)
    assert found["now_since"] == AT - HOUR
    assert found["level"] == MATRIX.levels[3, 3] == found["level_0_3h"] == found["worst_case_level"]
    assert sum(item["points"] for item in json.loads(found["reasons"])) == pytest.approx(found["score"])
    assert found["reason_zh"] == "现场巡查见积水。雨大。"
    assert found["reason_en"] == "A patrol saw water. Heavy rain."


def test_the_reason_says_first_what_is_now() -> None:
    assert settled(Now.STANDS)["reason_zh"] == "模型推算现有积水（超过15厘米）。雨大。"
    stood = settled(Now.DRY, was=Now.STANDS)
    assert stood["reason_zh"] == "曾有积水（超过15厘米），尚未核查。雨大。"
    assert stood["reason_en"] == "Water stood here (more than 15 cm) and nobody has looked since. Heavy rain."
    assert settled(Now.MAY_STAND)["reason_zh"] == settled(Now.DRY)["reason_zh"] == "雨大。"


def test_water_of_unknown_depth_is_a_warning_too() -> None:
    found = settled(Now.UNKNOWN, sight=Sight(Now.STANDS), level=Level.UNKNOWN)
    assert found["level"] >= Level.BLUE
    assert found["now_class"] == 2


def test_what_is_seen_lowers_no_level() -> None:
    found = settled(Now.STANDS, sight=Sight(Now.STANDS, depth_m=0.16), level=Level.RED)
    assert found["level"] == Level.RED
    assert settled(Now.STANDS, sight=Sight(Now.DRY), level=Level.RED)["level"] == Level.RED


def test_a_place_last_seen_under_water_keeps_its_level_until_somebody_sees_it_dry() -> None:
    old = Sight(Now.UNKNOWN, depth_m=0.6, since=AT - 5 * HOUR, seen_at=AT - 3 * HOUR)
    found = settled(Now.DRY, was=Now.STANDS, sight=old)
    assert (found["now"], found["level"]) == ("unconfirmed", MATRIX.levels[3, 3])
    assert settled(Now.DRY, was=Now.UNCONFIRMED, sight=Sight(Now.DRY))["level"] == Level.NONE
