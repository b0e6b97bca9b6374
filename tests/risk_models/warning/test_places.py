"""No warning ends while water stands at a place, or nobody has looked since; and a message covers the danger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.levels import Level
from risk_models.observation import Now
from risk_models.warning.decide import CHECK_H, decide_warnings
from risk_models.warning.records import Action, WarningRecord
from risk_models.warning.states import KnownRain, WarningPolicy, WarningState
from tests.risk_models.warning.conftest import START, TOWN, tables

HOUR = timedelta(hours=1)
POLICY = WarningPolicy(valid_h=6.0, downgrade_after_cycles=3, minimum_duration_h=3.0)
Look = tuple[Level, Now]


def the_table(level: Level, now: Now, *, by: str = "", seen_at: object = pd.NaT, danger_to: object = pd.NaT) -> tuple:
    towns, risk, signals = tables({TOWN: level})
    more = {
        "now": str(now), "now_by": by, "now_seen_at": seen_at, "hotspot_name": "京广快速路北隧道",
        "hotspot_name_en": "North Tunnel", "kind": "tunnel", "danger_to": danger_to,
    }  # fmt: skip
    changed = risk.assign(**more)
    changed.attrs = risk.attrs
    return towns, changed, signals


def play(looks: Sequence[Look | None], **last: object) -> list[WarningRecord | None]:
    """Decide hour after hour; None is an hour without a cycle. Returns the revision of each hour."""
    states: tuple[WarningState, ...] = ()
    told: list[WarningRecord | None] = []
    for number, look in enumerate(looks):
        if look is None:
            told.append(None)
            continue
        now = START + number * HOUR
        seen = {"by": "王某", "seen_at": pd.Timestamp(now)} if look[1] == Now.DRY and number else {}
        towns, risk, signals = the_table(*look, **(seen | last))
        decided = decide_warnings(
            states, towns, risk, signals, now=now, event_key="E", policy=POLICY,
            evidence=KnownRain(valid_at=now, observed_until=now),
        )  # fmt: skip
        states = decided.states
        told.append(decided.records[0] if decided.records else None)
    return told


RED = (Level.RED, Now.STANDS)
OVER = (Level.NONE, Now.UNCONFIRMED)
SEEN_DRY = (Level.NONE, Now.DRY)


def test_rain_over_and_water_not_checked_is_a_stage_of_its_own() -> None:
    told = play([RED, *[OVER] * 30])
    lowered = [one for one in told if one is not None and one.action == Action.DNG]
    assert [(one.level, one.hotspot_ids) for one in lowered] == [(Level.BLUE, ("EQ-012",))]
    assert "积水未核查1处：京广快速路北隧道" in lowered[0].reason_zh
    assert not any(one.action.is_end for one in told if one is not None)
    mailed = [one for one in told[told.index(lowered[0]) + 1 :] if one is not None and one.action.is_mailed]
    assert [one.action for one in mailed] == [Action.EXT]  # a day later, and nothing in between
    assert lowered[0].valid_to - lowered[0].issued_at == timedelta(hours=CHECK_H)


def test_it_ends_when_somebody_has_seen_the_place_dry_and_says_who() -> None:
    told = play([RED, *[OVER] * 6, SEEN_DRY])
    assert told[-1] is not None
    assert told[-1].action == Action.CAN
    assert "1处已由王某核查退水" in told[-1].reason_zh
    assert "1 place seen dry by 王某" in told[-1].reason_en


def test_a_warning_that_lapsed_goes_on_for_the_places_to_be_checked() -> None:
    told = play([RED, *[None] * 30, OVER])
    assert told[-1] is not None
    assert (told[-1].action, told[-1].level) == (Action.NEW, Level.BLUE)
    assert told[-1].supersedes == told[0].message_id if told[0] else False
    assert "积水未核查" in told[-1].reason_zh


def test_without_water_it_ends_as_before() -> None:
    told = play([(Level.ORANGE, Now.MAY_STAND), *[(Level.NONE, Now.MAY_STAND)] * 4])
    assert [one.action for one in told if one is not None and one.action.is_mailed] == [Action.NEW, Action.CAN]
    assert told[-2] is not None or told[-1] is not None
    end = next(one for one in told if one is not None and one.action == Action.CAN)
    assert "各处未判定有积水" in end.reason_zh


@pytest.mark.parametrize(("danger_h", "expected_h"), [(2, 11), (15, 24), (100, 72)])
def test_a_message_is_valid_until_the_danger_is_over_and_lowering_had_its_time(danger_h: int, expected_h: int) -> None:
    told = play([(Level.ORANGE, Now.DRY)], danger_to=pd.Timestamp(START + danger_h * HOUR))
    assert told[0] is not None
    assert told[0].valid_to == START + expected_h * HOUR


a_look = st.one_of(st.none(), st.tuples(st.sampled_from(list(Level)), st.sampled_from(list(Now))))
looks = st.lists(st.tuples(a_look, st.integers(1, 6)), min_size=1, max_size=8).map(
    lambda runs: [look for look, hours in runs for _ in range(hours)]  # the same for hours: what lowers takes some
)


@given(looks)
def test_no_warning_ends_while_a_place_keeps_it_open(sequence: list[Look | None]) -> None:
    for look, record in zip(sequence, play(sequence), strict=True):
        if record is not None and record.action.is_end and look is not None:
            assert not look[1].keeps_open


@given(looks)
def test_whoever_stands_in_water_stands_under_a_warning_once_warned(sequence: list[Look | None]) -> None:
    open_since: datetime | None = None
    for number, (look, record) in enumerate(zip(sequence, play(sequence), strict=True)):
        if record is not None:
            open_since = None if record.action.is_end else START + number * HOUR
        if look is not None and look[1].keeps_open and record is None and open_since is None:
            assert not look[0].is_warning
