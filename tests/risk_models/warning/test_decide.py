"""Decisions: each rule by a small case, then the laws by random level sequences."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.levels import Level
from risk_models.warning.decide import BLUE_WAITS_H, decide_warnings
from risk_models.warning.lifecycle import check_revision
from risk_models.warning.records import Action
from risk_models.warning.states import KnownRain, WarningPolicy, WarningState
from tests.risk_models.warning.conftest import run

U, N, B, Y, R = Level.UNKNOWN, Level.NONE, Level.BLUE, Level.YELLOW, Level.RED
OR = Level.ORANGE
START = datetime(2021, 7, 19, 12, tzinfo=UTC)
TOWN = "410103012"


def story(decisions):
    """Return the actions with the level in force, one word a cycle."""
    return [f"{d.records[0].action} {d.records[0].level}" if d.records else "-" for d in decisions]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([N, U, N], ["-", "-", "-"]),
        ([N, B], ["-", "NEW blue"]),
        ([B, R], ["NEW blue", "UPG red"]),
        ([R, R], ["NEW red", "CON red"]),
        # While there is more to fall than to blue, one message is enough for the whole fall.
        ([R, Y, B, B, B], ["NEW red", "CON red", "CON red", "CON red", "DNG blue"]),
        # It is told in place of a renewal when the message that stands runs out.
        ([R, Y, Y, Y, Y, Y], ["NEW red", "CON red", "CON red", "CON red", "CON red", "DNG yellow"]),
        ([R, OR, OR, Y, Y, B, B], ["NEW red", "CON red", "CON red", "CON red", "CON red", "DNG yellow", "CON yellow"]),
        ([R, N, N, N], ["NEW red", "CON red", "CON red", "CAN red"]),
        ([R, N, N, R, N, N, N], ["NEW red", "CON red", "CON red", "CON red", "CON red", "EXT red", "CAN red"]),
        ([R, N, N, U, N, N, N], ["NEW red", "CON red", "CON red", "CON red", "CON red", "EXT red", "CAN red"]),
        (
            [OR, OR, OR, OR, OR, OR],
            ["NEW orange", "CON orange", "CON orange", "CON orange", "CON orange", "EXT orange"],
        ),
        ([R, N, N, N, B], ["NEW red", "CON red", "CON red", "CAN red", "NEW blue"]),
    ],
)
def test_story(replay, levels, expected):
    assert story(replay(levels)) == expected


def test_a_level_that_does_not_fall_further_is_told_after_twice_as_many_looks(replay):
    told = story(replay([R] + [Y] * 7, policy=WarningPolicy(valid_h=24)))
    assert told == ["NEW red", *["CON red"] * 5, "DNG yellow", "CON yellow"]


def test_a_place_that_comes_to_the_level_and_was_not_named_is_told_at_once(make_tables):
    towns, risk, signals = make_tables({TOWN: R})
    both = pd.concat([risk, risk.set_axis(["EQ-099"])])
    lower = both.assign(level=[int(R), int(Y)])
    for table in (both, lower):
        table.attrs = risk.attrs
    fixed = {"event_key": "E", "policy": WarningPolicy()}

    def actions(*looks):
        states, told = (), []
        for number, table in enumerate(looks):
            at = START + timedelta(minutes=10 * number)
            decision = decide_warnings(states, towns, table, signals, now=at, **fixed)
            states = decision.states
            told.append([f"{record.action} {len(record.hotspot_ids)}" for record in decision.records])
        return told

    assert actions(risk, both, both) == [["NEW 1"], ["EXT 2"], []]
    assert actions(risk, lower, both) == [["NEW 1"], [], ["EXT 2"]]
    assert actions(both, risk, both) == [["NEW 2"], [], []]


def test_minimum_duration_counts_from_the_latest_rise(replay):
    policy = WarningPolicy(downgrade_after_cycles=1, minimum_duration_h=3)
    assert story(replay([B, R, N, N, N], policy=policy)) == ["NEW blue", "UPG red", "CON red", "CON red", "CAN red"]


def test_ten_minute_looks_do_not_shorten_the_minimum_duration(replay):
    decisions = replay([R] + [N] * 24, step_h=1 / 6)
    ends = [record.issued_at for d in decisions for record in d.records if record.action.is_end]
    assert ends == [START + timedelta(hours=3)]


def test_ten_minute_looks_at_a_lower_level_count_once_an_hour(replay):
    policy = WarningPolicy(downgrade_after_cycles=3, minimum_duration_h=0)
    decisions = replay([R] + [N] * 24, step_h=1 / 6, policy=policy)
    ends = [record.issued_at for d in decisions for record in d.records if record.action.is_end]
    assert ends == [START + timedelta(hours=3)]
    told = [record.issued_at for d in decisions for record in d.records]
    assert told == [START + timedelta(hours=n) for n in range(4)], "what goes on is noted once an hour"


def _looks(levels, known, *, policy=None, minutes=60):
    """Decide look after look at one town; `known` gives for each the hour measured until, and that of the forecast."""
    states, decisions = (), []
    for number, (level, (observed_h, issued_h)) in enumerate(zip(levels, known, strict=True)):
        towns = pd.DataFrame({"level": [int(level)]}, index=["T1"])
        risk = pd.DataFrame(columns=["town_code", "level", "score", "reason_zh", "reason_en", "unconfirmed"])
        risk.attrs["ladder_step"] = 1
        now = START + timedelta(minutes=minutes * number)
        evidence = KnownRain(
            valid_at=now.replace(minute=0),
            observed_until=START + timedelta(hours=observed_h),
            issued_at=START + timedelta(hours=issued_h),
        )
        decision = decide_warnings(
            states, towns, risk, towns, now=now, event_key="E", policy=policy or WarningPolicy(minimum_duration_h=0),
            evidence=evidence,
        )  # fmt: skip
        states = decision.states
        decisions.append(decision)
    return decisions


def test_three_looks_at_one_forecast_run_are_one(replay):
    same = _looks([R, N, N, N, N, N], [(0, 0)] + [(0, 1)] * 5)
    assert all(not record.action.is_end for decision in same for record in decision.records)
    newer = _looks([R, N, N, N, N, N], [(0, number) for number in range(6)])
    assert story(newer)[3] == "CAN red"
    measured = _looks([R, N, N, N, N, N], [(number, 0) for number in range(6)])
    assert story(measured)[3] == "CAN red"


def test_a_look_within_the_hour_raises_at_once_and_lowers_nothing():
    policy = WarningPolicy(downgrade_after_cycles=1, minimum_duration_h=0)
    decisions = _looks([Y, N, N, R, N], [(0, n) for n in range(5)], policy=policy, minutes=10)
    assert [[f"{r.action} {r.level}" for r in d.records] for d in decisions] == [
        ["NEW yellow"], [], [], ["UPG red"], [],
    ]  # fmt: skip


def test_a_state_of_an_earlier_release_is_read(replay):
    (state,) = replay([R, N])[-1].states
    values = state.to_dict()
    del values["counted"], values["noted_at"]
    assert WarningState.from_dict(values) == replace(state, counted=None, noted_at=None)
    del values["lower_looks"]
    former = WarningState.from_dict(values | {"lower_count": 2, "lower_level": int(Y)})
    assert former == replace(state, counted=None, noted_at=None, lower_looks=(Y, Y))


def test_blue_that_is_far_off_is_told_when_it_has_lasted(replay):
    quiet = ["-"] * int(BLUE_WAITS_H)
    assert story(replay([B] * 7, phases=["prepare"] * 7)) == [*quiet, "NEW blue"]
    assert story(replay([B] * 7, phases=["watch"] * 7, step_h=1 / 6)) == ["-"] * 7
    broken = replay([B, B, B, N, *[B] * 7], phases=["prepare"] * 11)
    assert story(broken) == ["-"] * 10 + ["NEW blue"]


def test_blue_that_turns_yellow_is_one_message(replay):
    assert story(replay([B, B, Y], phases=["prepare"] * 3)) == ["-", "-", "NEW yellow"]


def test_blue_within_hours_is_told_at_once(replay):
    assert story(replay([B, B], phases=["act", "act"])) == ["NEW blue", "CON blue"]
    assert story(replay([B, B], phases=["prepare", "act"])) == ["-", "NEW blue"]


@given(st.lists(st.tuples(st.sampled_from([N, B, Y, OR, R]), st.sampled_from(["act", "prepare"])), max_size=12))
def test_only_blue_that_is_far_off_waits_and_never_for_ever(looks):
    decisions = run([level for level, _ in looks], phases=[phase for _, phase in looks])
    is_open, far_off = False, 0
    for (level, phase), decision in zip(looks, decisions, strict=True):
        waits = level == B and phase == "prepare"
        far_off = far_off + 1 if waits else 0
        told = [record for record in decision.records if record.action is Action.NEW]
        if not is_open and level.is_warning:
            assert bool(told) == (not waits or far_off > BLUE_WAITS_H)
        is_open = bool(decision.open_records)


def test_missed_cycles_expire_the_warning(replay):
    decisions = replay([R, None, None, None, None, None, None, N])
    record = decisions[-1].records[0]
    assert (record.action, record.level, record.valid_to) == (Action.EXP, R, START + timedelta(hours=6))
    assert "未再续发" in record.reason_zh
    assert decisions[-1].open_records == ()


def test_lapse_with_a_level_opens_the_successor_in_the_same_cycle(replay):
    decisions = replay([R, None, None, None, None, None, None, OR])
    (record,) = decisions[-1].records
    assert (record.action, record.level, record.previous_level) == (Action.NEW, OR, N)
    assert record.warning_id == f"E-{TOWN}-2"
    assert record.supersedes == f"E-{TOWN}.r0"


def test_lapse_without_data_takes_the_old_level_up_again_but_not_for_ever(replay):
    (record,) = replay([OR, *[None] * 6, U])[-1].records
    assert (record.action, record.level, record.degraded) == (Action.NEW, OR, True)
    assert record.hotspot_ids == ("EQ-012",)
    (late,) = replay([OR, *[None] * 12, U])[-1].records
    assert late.action == Action.EXP
    assert "unknown" in late.reason_en


def test_validity_of_one_cycle_renews_every_cycle(replay):
    decisions = replay([R, R, R], policy=WarningPolicy(valid_h=1))
    assert story(decisions) == ["NEW red", "EXT red", "EXT red"]


def test_end_at_the_very_end_time_is_still_renewable(replay):
    assert story(replay([R, None, None, None, None, None, R])) == ["NEW red", "EXT red"]


def test_unknown_holds_extends_and_is_marked(replay):
    decisions = replay([OR] + [U] * 20)
    assert all(d.records[0].level == OR for d in decisions)
    assert all(d.records[0].degraded for d in decisions[1:])
    assert [n for n, d in enumerate(decisions) if d.records[0].action == Action.EXT] == [5, 10, 15, 20]
    assert "维持原预警" in decisions[1].records[0].reason_zh
    assert decisions[1].records[0].hotspot_ids == ("EQ-012",)


def test_a_level_from_late_substitutes_may_rise_but_not_fall(replay):
    decisions = replay([Y, N, N, N, N, R], ladder_steps=dict.fromkeys(range(1, 6), 5))
    assert story(decisions) == ["NEW yellow", "CON yellow", "CON yellow", "CON yellow", "CON yellow", "UPG red"]
    assert "只升不降" in decisions[1].records[0].reason_zh


def test_waiting_says_so(replay):
    record = replay([R, Y])[-1].records[0]
    assert record.reason_zh == "当前风险为黄色，低于预警等级，已连续1个时次，暂维持红色预警"
    assert "for 1 successive cycle;" in record.reason_en


def test_open_area_missing_from_the_table_is_unknown(replay, make_tables):
    states = replay([R])[0].states
    towns, risk, signals = make_tables({"410103001": N})
    decision = decide_warnings(
        states, towns, risk, signals, now=START + timedelta(hours=1), event_key="E", policy=WarningPolicy()
    )
    (record,) = decision.records
    assert (record.area_code, record.action, record.degraded, record.signal) == (TOWN, Action.CON, True, U)


def test_hotspots_worst_first_and_the_worst_gives_the_reason():
    risk = pd.DataFrame(
        {
            "town_code": TOWN,
            "level": [1, 4, 3, 4, 0, 4],
            "score": [30.0, 80.0, 70.0, 90.0, 5.0, 80.0],
            "reason_zh": list("甲乙丙丁戊己"),
            "reason_en": list("abcdef"),
            "unconfirmed": [False, True, False, True, False, True],
        },
        index=["EQ-6", "EQ-5", "EQ-4", "EQ-3", "EQ-2", "EQ-1"],
    )
    risk.attrs["ladder_step"] = 2
    towns = pd.DataFrame({"level": [4]}, index=[TOWN])
    signals = pd.DataFrame({"level": [3]}, index=[TOWN])
    policy = WarningPolicy()
    (record,) = decide_warnings([], towns, risk, signals, now=START, event_key="E", policy=policy).records
    assert record.hotspot_ids == ("EQ-3", "EQ-1", "EQ-5", "EQ-4", "EQ-6")
    assert (record.reason_zh, record.reason_en, record.signal) == ("丁", "d", OR)
    assert record.unconfirmed, "every red hotspot is unconfirmed"
    assert record.degraded, "ladder step 2"
    confirmed = risk.assign(unconfirmed=[False, True, False, False, False, True])
    confirmed.attrs["ladder_step"] = 1
    (record,) = decide_warnings([], towns, confirmed, signals, now=START, event_key="E", policy=policy).records
    assert not record.unconfirmed
    assert not record.degraded


def test_unknown_hotspots_or_unnamed_data_state_mark_the_record_degraded(make_tables):
    towns, risk, signals = make_tables({TOWN: R})
    unnamed = risk.copy()
    unnamed.attrs.clear()
    for town_table, risk_table in ((towns.assign(n_unknown=2), risk), (towns, unnamed)):
        (record,) = decide_warnings(
            [], town_table, risk_table, signals, now=START, event_key="E", policy=WarningPolicy()
        ).records
        assert record.degraded


def test_closed_states_are_kept_for_the_event_only(replay, make_tables):
    states = replay([R, N, N, N])[-1].states
    assert [state.is_open for state in states] == [False]
    towns, risk, signals = make_tables({TOWN: N})
    later = {"now": START + timedelta(hours=20), "policy": WarningPolicy()}
    assert decide_warnings(states, towns, risk, signals, event_key="E", **later).states == states
    assert decide_warnings(states, towns, risk, signals, event_key="F", **later).states == ()


def test_bad_inputs_are_named(replay, make_tables):
    states = replay([R])[0].states
    towns, risk, signals = make_tables({TOWN: R})
    fixed = {"event_key": "E", "policy": WarningPolicy()}
    with pytest.raises(ValueError, match=r"E-410103012.r0 was issued at .* cycles must go forward"):
        decide_warnings(states, towns, risk, signals, now=START, **fixed)
    with pytest.raises(ValueError, match="now must be timezone-aware"):
        decide_warnings([], towns, risk, signals, now=datetime(2021, 7, 19), **fixed)  # noqa: DTZ001
    with pytest.raises(ValueError, match="area 410103012 occurs more than once"):
        decide_warnings([*states, *states], towns, risk, signals, now=START + timedelta(hours=1), **fixed)
    with pytest.raises(ValueError, match="town_table: area 410103012 occurs more than once"):
        decide_warnings([], pd.concat([towns, towns]), risk, signals, now=START, **fixed)


def test_inputs_are_not_changed(make_tables):
    towns, risk, signals = make_tables({TOWN: R, "410103001": B})
    copies = towns.copy(), risk.copy(), signals.copy()
    decide_warnings([], towns, risk, signals, now=START, event_key="E", policy=WarningPolicy())
    for table, copy in zip((towns, risk, signals), copies, strict=True):
        pd.testing.assert_frame_equal(table, copy)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"downgrade_after_cycles": 0}, "downgrade_after_cycles must be at least 1, got 0"),
        ({"minimum_duration_h": -1.0}, "minimum_duration_h must not be negative"),
        ({"renew_within_h": 7.0}, "renew_within_h must be above 0, up to valid_h 6.0, got 7.0"),
    ],
)
def test_policy_rejects_nonsense(values, text):
    with pytest.raises(ValueError, match=text):
        WarningPolicy(**values)


LEVELS = st.sampled_from([None, U, N, B, Y, OR, R])
POLICIES = st.builds(
    WarningPolicy,
    valid_h=st.sampled_from([2.0, 3.0, 6.0]),
    downgrade_after_cycles=st.integers(1, 4),
    minimum_duration_h=st.sampled_from([0.0, 1.0, 3.0]),
)


def cycles(sequences, policy):
    """Yield (cycle, levels by town, states before, decision) of several towns; a None level leaves the town out."""
    states: tuple[WarningState, ...] = ()
    for number in range(max(len(sequence) for sequence in sequences.values())):
        levels = {town: s[number] for town, s in sequences.items() if number < len(s) and s[number] is not None}
        towns = pd.DataFrame({"level": [int(v) for v in levels.values()]}, index=list(levels), dtype="int64")
        risk = pd.DataFrame(
            {
                "town_code": list(levels),
                "level": [int(v) for v in levels.values()],
                "score": 50.0,
                "reason_zh": "雨",
                "reason_en": "rain",
                "unconfirmed": False,
            },
            index=[f"EQ-{town}" for town in levels],
        )
        risk.attrs["ladder_step"] = 1
        now = START + timedelta(hours=number)
        decision = decide_warnings(states, towns, risk, towns, now=now, event_key="E", policy=policy)
        yield number, levels, states, decision
        states = decision.states


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["T1", "T2"]), st.lists(LEVELS, min_size=1, max_size=20), min_size=1), POLICIES)
def test_laws_of_a_replay(sequences, policy):
    last = {}
    for number, levels, before, decision in cycles(sequences, policy):
        areas = [record.area_code for record in decision.records]
        assert len(areas) == len(set(areas)), "at most one message per area and cycle"
        assert len({state.area_code for state in decision.states}) == len(decision.states), "one warning per area"
        stood = {state.area_code: state.record for state in before if state.is_open}
        for record in decision.records:
            check_revision(None if record.action == Action.NEW else last[record.warning_id], record)
            last[record.warning_id] = record
            level = levels.get(record.area_code, U)
            if level == U:
                assert record.degraded
                assert not record.action.is_end, "UNKNOWN ends nothing"
                assert record.level == stood[record.area_code].level, "UNKNOWN opens nothing and lowers nothing"
        in_force = {record.area_code: record for record in decision.open_records}
        for area, level in levels.items():
            if level.is_warning:
                assert in_force[area].level >= level, "a rise is never delayed"
                assert in_force[area].valid_to >= START + timedelta(hours=number), "no open warning is out of date"


@settings(max_examples=40, deadline=None)
@given(st.lists(LEVELS, min_size=1, max_size=15), POLICIES)
def test_every_warning_ends_when_it_is_quiet_long_enough(levels, policy):
    # Twice: cycles that were already waiting may first lower it, then the wait starts anew.
    quiet = 2 * policy.downgrade_after_cycles + int(policy.minimum_duration_h) + 1
    decisions = [decision for *_, decision in cycles({"T1": [*levels, *[N] * quiet]}, policy)]
    assert decisions[-1].open_records == ()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([N, B, Y, OR, R]), min_size=1, max_size=20), POLICIES)
def test_nothing_is_lowered_before_its_time(levels, policy):
    sequence = {}
    for number, _, before, decision in cycles({"T1": levels}, policy):
        for record in decision.records:
            if record.action in (Action.DNG, Action.CAN):
                (state,) = before
                run_of_lower = levels[number - policy.downgrade_after_cycles + 1 : number + 1]
                assert all(level < state.record.level for level in run_of_lower)
                assert record.issued_at - state.raised_at >= timedelta(hours=policy.minimum_duration_h)
                sequence[number] = record
        assert all(record.action != Action.EXP for record in decision.records), "no cycle was missed"


@settings(max_examples=30, deadline=None)
@given(st.lists(LEVELS, min_size=1, max_size=15), POLICIES)
def test_states_survive_the_ledger(levels, policy):
    for *_, decision in cycles({"T1": levels}, policy):
        assert tuple(WarningState.from_dict(state.to_dict()) for state in decision.states) == decision.states
