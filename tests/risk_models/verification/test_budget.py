"""The warning budget: what a criterion would have meant, by the same rules by which warnings are decided."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.levels import Level
from risk_models.verification.budget import (
    BUDGET_COLUMNS,
    NO,
    UNKNOWN,
    YES,
    Criterion,
    budget_totals,
    criterion_met,
    match_floods,
    season_of,
    town_floods,
    warning_budget,
    warning_spans,
)
from risk_models.warning.decide import decide_warnings
from risk_models.warning.records import Action
from risk_models.warning.states import WarningPolicy, WarningState

BEGIN = pd.Timestamp("2021-07-20T00:00Z")
RED = Criterion(name="red", level_min=Level.RED)
STATES = st.lists(st.sampled_from([YES, NO, UNKNOWN]), min_size=1, max_size=40)
GAPS = st.lists(st.sampled_from([1, 1, 1, 1, 2, 9, 20]), min_size=40, max_size=40)
POLICIES = st.builds(
    WarningPolicy,
    valid_h=st.sampled_from([2.0, 3.0, 6.0]),
    downgrade_after_cycles=st.integers(1, 4),
    minimum_duration_h=st.sampled_from([0.0, 1.0, 3.0]),
)


def _met(states: list[int], gaps: list[int] | None = None) -> pd.DataFrame:
    hours = np.cumsum([0, *(gaps or [1] * len(states))])[: len(states)]
    return pd.DataFrame({"001": states}, index=BEGIN + pd.to_timedelta(hours, unit="h"))


def _decided(met: pd.DataFrame, policy: WarningPolicy) -> list[tuple[datetime, datetime | None]]:
    """Return opening and end of every warning as the decision itself makes them."""
    level = {YES: Level.RED, NO: Level.NONE, UNKNOWN: Level.UNKNOWN}
    states: tuple[WarningState, ...] = ()
    spans: list[tuple[datetime, datetime | None]] = []
    for stamp, state in met["001"].items():
        now = pd.Timestamp(stamp).to_pydatetime()  # type: ignore[arg-type]
        towns = pd.DataFrame({"level": [int(level[state])]}, index=["001"])
        risk = pd.DataFrame(
            {"town_code": ["001"], "level": [int(level[state])], "score": [50.0], "reason_zh": [""]}
            | {"reason_en": [""], "unconfirmed": [False]},
            index=["H1"],
        )
        risk.attrs["ladder_step"] = 1
        lapsed = {one.area_code: one.record for one in states if one.is_open and now > one.record.valid_to}
        decision = decide_warnings(states, towns, risk, towns, now=now, event_key="E", policy=policy)
        states = decision.states
        for record in decision.records:
            if record.area_code in lapsed:
                spans[-1] = (spans[-1][0], lapsed[record.area_code].valid_to)
            if record.action is Action.NEW:
                spans.append((now, None))
            elif record.action is Action.CAN:
                spans[-1] = (spans[-1][0], now)
    return spans


@given(states=STATES, gaps=GAPS, policy=POLICIES)
@settings(max_examples=60, deadline=None)
def test_spans_are_those_of_the_decision_itself(states: list[int], gaps: list[int], policy: WarningPolicy) -> None:
    met = _met(states, gaps)
    ours = [
        (row.opened_at.to_pydatetime(), None if pd.isna(row.closed_at) else row.closed_at.to_pydatetime())
        for row in warning_spans(met, policy).itertuples()
    ]
    assert ours == _decided(met, policy)


@given(states=STATES, gaps=GAPS, policy=POLICIES)
@settings(max_examples=60, deadline=None)
def test_warnings_of_a_town_never_overlap_and_cover_every_yes(
    states: list[int], gaps: list[int], policy: WarningPolicy
) -> None:
    met = _met(states, gaps)
    spans = warning_spans(met, policy)
    ends = spans["closed_at"].fillna(met.index[-1])
    assert (spans["opened_at"] <= ends).all()
    assert (spans["opened_at"].iloc[1:].to_numpy() >= ends.iloc[:-1].to_numpy()).all()
    for at in met.index[met["001"] == YES]:
        assert ((spans["opened_at"] <= at) & (ends >= at)).any()


@given(states=STATES, cycles=st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_more_patience_means_no_more_warnings(states: list[int], cycles: int) -> None:
    counts = [
        len(warning_spans(_met(states), WarningPolicy(downgrade_after_cycles=n, minimum_duration_h=0.0)))
        for n in (cycles, cycles + 1)
    ]
    assert counts[1] <= counts[0]


@st.composite
def _tables(draw: st.DrawFn) -> pd.DataFrame:
    hours = draw(st.integers(1, 12))
    rows: list[dict[str, Any]] = []
    for hour in range(hours):
        for town in ("001", "002"):
            for _ in range(draw(st.integers(0, 2))):
                at = BEGIN + pd.Timedelta(hours=hour)
                level = draw(st.sampled_from([-1, 0, 1, 2, 3, 4]))
                rows.append({"valid_at": at, "town_code": town, "level": level, "ladder_step": draw(st.integers(1, 6))})
    columns = ["valid_at", "town_code", "level", "ladder_step"]
    rows = rows or [{"valid_at": BEGIN, "town_code": "001", "level": 0, "ladder_step": 1}]
    return pd.DataFrame(rows, columns=columns).astype({"valid_at": "datetime64[ns, UTC]"})


@given(cycles=_tables())
@settings(max_examples=60, deadline=None)
def test_a_stricter_criterion_is_met_no_more_often(cycles: pd.DataFrame) -> None:
    orange = criterion_met(cycles, Criterion(name="orange", level_min=Level.ORANGE))
    red = criterion_met(cycles, RED)
    assert ((red == YES) <= (orange == YES)).all(axis=None)
    assert set(np.unique(red)) <= {YES, NO, UNKNOWN}


@given(cycles=_tables(), shift=st.integers(-5, 15))
@settings(max_examples=60, deadline=None)
def test_counts_add_up(cycles: pd.DataFrame, shift: int) -> None:
    began = [BEGIN + pd.Timedelta(hours=shift), BEGIN + pd.Timedelta(hours=shift + 14)]
    floods = pd.DataFrame({"town_code": ["001", "002"], "started_at": began})
    table = warning_budget(cycles, floods, [RED], zone="Asia/Shanghai")
    assert list(table.columns) == list(BUDGET_COLUMNS)
    assert (table["right"] + table["late"] + table["false"] == table["warnings"]).all()
    assert (table["hit"] + table["missed"] == table["floods"]).all()
    assert (table["lead_h"].isna() == (table["hit"] == 0)).all()
    assert (table["cycles_unknown"] <= table["cycles"]).all()
    inside = [at for at in began if cycles["valid_at"].min() <= at <= cycles["valid_at"].max()]
    assert table["floods"].sum() <= len(inside)


def test_all_thresholds_at_once_and_a_known_low_value_decides() -> None:
    strict = Criterion(name="both", likelihood_min=2, impact_min=3)
    rows = [("a", 2, 3), ("b", 3, 2), ("c", -1, 1), ("d", -1, 3), ("e", 2, -1)]
    cycles = pd.DataFrame(rows, columns=["town_code", "likelihood", "impact"]).assign(valid_at=BEGIN)
    assert criterion_met(cycles, strict).loc[BEGIN].to_dict() == {
        "a": YES,
        "b": NO,
        "c": NO,
        "d": UNKNOWN,
        "e": UNKNOWN,
    }


def test_one_hotspot_is_enough_and_one_unknown_hides_a_no() -> None:
    rows = [("a", 4), ("a", -1), ("b", 0), ("b", -1), ("c", 0), ("c", 1)]
    cycles = pd.DataFrame(rows, columns=["town_code", "level"]).assign(valid_at=BEGIN)
    assert criterion_met(cycles, RED).loc[BEGIN].tolist() == [YES, UNKNOWN, NO]


def test_late_rain_may_raise_but_a_no_on_it_is_not_believed() -> None:
    rows = [("a", 4, 5), ("b", 0, 5), ("c", 0, 4)]
    cycles = pd.DataFrame(rows, columns=["town_code", "level", "ladder_step"]).assign(valid_at=BEGIN)
    assert criterion_met(cycles, RED).loc[BEGIN].tolist() == [YES, UNKNOWN, NO]


def test_late_warning_is_neither_right_nor_false_and_its_flood_is_missed() -> None:
    spans = warning_spans(_met([0, 0, 1, 0, 0, 0, 0]), WarningPolicy())
    at = [BEGIN + timedelta(hours=1), BEGIN + timedelta(days=2)]
    floods = town_floods(pd.DataFrame({"town_code": ["001", "001"], "started_at": at}))
    warned, told = match_floods(spans, floods, late_h=1.0)
    assert warned["outcome"].tolist() == ["late"]
    assert told["outcome"].tolist() == ["missed", "missed"]
    assert match_floods(spans, floods, late_h=0.5)[0]["outcome"].tolist() == ["false"]


def test_nothing_happened_and_nobody_warned() -> None:
    floods = pd.DataFrame({"town_code": [], "started_at": pd.to_datetime([], utc=True)})
    cycles = pd.DataFrame({"valid_at": [BEGIN], "town_code": ["001"], "level": [0]})
    table = warning_budget(cycles, floods, [RED], zone="Asia/Shanghai")
    counts = dict.fromkeys(BUDGET_COLUMNS, 0) | {"cycles": 1}
    assert table.drop(columns="lead_h").loc[("red", "2021", "001")].to_dict() == {
        name: count for name, count in counts.items() if name != "lead_h"
    }
    totals = budget_totals(table)
    assert totals.loc["red", ["warnings", "floods", "per_town_season"]].tolist() == [0, 0, 0]
    assert totals.loc["red", ["pod", "far"]].isna().all()


def test_seasons_follow_the_local_calendar() -> None:
    times = pd.Series(pd.to_datetime(["2021-05-14T15:59Z", "2021-05-14T16:00Z", "2021-09-30T16:00Z"]))
    assert season_of(times, zone="Asia/Shanghai").tolist() == ["2021 off", "2021", "2021 off"]


def test_towns_and_seasons_are_counted_apart() -> None:
    at = [BEGIN, BEGIN + pd.Timedelta(hours=1), BEGIN + pd.Timedelta(days=365)]
    cycles = pd.DataFrame({"valid_at": at * 2, "town_code": ["001"] * 3 + ["002"] * 3, "level": [4, 0, 4, 0, 0, 0]})
    floods = pd.DataFrame({"town_code": ["001", "002"], "started_at": [BEGIN + pd.Timedelta(minutes=30)] * 2})
    table = warning_budget(cycles, floods, [RED], zone="Asia/Shanghai").loc["red"]
    assert table["warnings"].to_dict() == {
        ("2021", "001"): 1,
        ("2021", "002"): 0,
        ("2022", "001"): 1,
        ("2022", "002"): 0,
    }
    assert table["missed"].to_dict()["2021", "002"] == 1
    assert table["right"].to_dict()["2021", "001"] == 1


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"level": None}, "the table of cycles has no column level"),
        ({"valid_at": pd.Timestamp("2021-07-20")}, "valid_at must be timezone-aware"),
    ],
)
def test_bad_tables_are_named(change: dict[str, Any], text: str) -> None:
    cycles = pd.DataFrame({"valid_at": [BEGIN], "town_code": ["001"], "level": [4]}).assign(**change)
    cycles = cycles.drop(columns=[name for name, value in change.items() if value is None])
    with pytest.raises(ValueError, match=text):
        criterion_met(cycles, RED)


def test_empty_criteria_twin_names_and_backward_time_are_refused() -> None:
    with pytest.raises(ValueError, match="'none' asks nothing"):
        Criterion(name="none")
    cycles = pd.DataFrame({"valid_at": [BEGIN], "town_code": ["001"], "level": [4]})
    floods = pd.DataFrame({"town_code": ["001"], "started_at": [BEGIN]})
    with pytest.raises(ValueError, match="two criteria are called 'red'"):
        warning_budget(cycles, floods, [RED, RED], zone="Asia/Shanghai")
    with pytest.raises(ValueError, match="must go forward in time"):
        warning_spans(_met([0, 1]).iloc[::-1], WarningPolicy())
