"""Which steps of a plan are told in which situation, and which plan goes first: laws over generated plans."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.district.contracts import PHASE_SPELLINGS, TABLES
from risk_models.levels import Level
from risk_models.plan import Phase, PlanStep, Situation, State, match_plans, steps_of, steps_told

PHASES = st.sets(st.sampled_from([phase for phase in Phase if phase is not Phase.UNKNOWN]), max_size=3)
STEPS = st.lists(PHASES, max_size=6).map(
    lambda phases: tuple(
        PlanStep(f"措施{number}", f"step {number}", tuple(phase for phase in Phase if phase in of) or (Phase.UNKNOWN,))
        for number, of in enumerate(phases)
    )
)


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    stands, wet, has_come, lowered = (draw(st.booleans()) for _ in range(4))
    return Situation(stands=stands, wet=wet or stands, has_come=has_come or stands, lowered=lowered)


def test_the_table_accepts_the_phases_there_are() -> None:
    assert TABLES["plans"].column("phase").choices == tuple(Phase)
    assert set(PHASE_SPELLINGS.values()) == set(Phase)
    assert {phase.zh for phase in Phase if phase is not Phase.UNKNOWN} <= set(PHASE_SPELLINGS)


@given(STEPS, situations())
def test_law_before_rain_is_never_told_beside_standing_water(steps: tuple[PlanStep, ...], now: Situation) -> None:
    told = steps_told(steps, now)
    if now.wet:
        assert not [step for step in told if step.phases == (Phase.BEFORE,)]
    if not now.lowered or now.stands:
        assert not [step for step in told if step.phases == (Phase.AFTER,)]


@given(STEPS, situations())
def test_law_known_steps_go_by_phase_and_unknown_ones_last(steps: tuple[PlanStep, ...], now: Situation) -> None:
    told = steps_told(steps, now)
    known = [step.is_known for step in told]
    assert known == sorted(known, reverse=True)
    assert [step for step in told if not step.is_known] == [step for step in steps if not step.is_known]
    assert len(set(told)) == len(told)
    single = [
        now.phases.index(step.phases[0]) for step in told if len(step.phases) == 1 and step.phases[0] in now.phases
    ]
    assert single == sorted(single)


@given(STEPS, situations())
def test_law_what_is_for_standing_water_is_never_left_out(steps: tuple[PlanStep, ...], now: Situation) -> None:
    told = steps_told(steps, now)
    assert all(step in told for step in steps if {Phase.STANDING, Phase.DURING} & set(step.phases))


def test_what_prepares_is_told_late_only_where_a_plan_has_nothing_else() -> None:
    late = Situation(stands=False, wet=False, has_come=True, lowered=False)
    assert [step.zh for step in steps_told(steps_of("备;撤", "ready;move", "before;during"), late)] == ["撤"]
    assert [step.zh for step in steps_told(steps_of("备", "ready", "before"), late)] == ["备"]


@pytest.mark.parametrize(("phases", "known"), [("before;during", False), ("", False), ("during", True)])
def test_phases_that_cannot_be_told_apart_are_unknown(phases: str, known: bool) -> None:
    steps = steps_of("甲;乙；丙", "a;b", phases)
    assert [step.is_known for step in steps] == [known] * 3
    assert [step.en for step in steps] == ["a", "b", ""]


SCOPES = {"hotspot": "H-1", "community": "011", "town": "01", "district": "410103", "unit": "H-1"}
COLOURS = ["blue", "yellow", "orange", "red"]
PLANS = st.lists(st.tuples(st.sampled_from(list(SCOPES)), st.sampled_from(COLOURS)), max_size=8)
PLACE = pd.DataFrame({"town_code": ["01"], "community_code": ["011"]}, index=["H-1"])


def _match(plans: pd.DataFrame, level: Level) -> pd.Series:
    return match_plans(PLACE, plans, pd.Series({"H-1": int(level)})).loc["H-1"]


@given(PLANS, st.sampled_from(list(Level)), st.randoms())
def test_law_triggered_before_waiting_then_narrower_in_any_order_of_rows(
    plans: list[tuple[str, str]], level: Level, chance: object
) -> None:
    rows = [
        {"plan_id": f"P{n}", "scope_kind": kind, "scope_id": SCOPES[kind], "trigger_level": trigger}
        | dict.fromkeys(("plan_title", "plan_title_en", "actions_zh", "actions_en"), f"P{n}")
        for n, (kind, trigger) in enumerate(plans)
    ]
    columns = ["plan_id", "scope_kind", "scope_id", "trigger_level", "plan_title", "plan_title_en"]
    shelf = pd.DataFrame(rows, columns=[*columns, "actions_zh", "actions_en"]).set_index("plan_id")
    row = _match(shelf, level)
    chance.shuffle(rows)
    again = _match(pd.DataFrame(rows, columns=[*columns, "actions_zh", "actions_en"]).set_index("plan_id"), level)
    pd.testing.assert_series_equal(row, again)

    narrow = [kind for kind in ("hotspot", "community", "town", "district") if kind in {kind for kind, _ in plans}]
    reached = {kind for kind, trigger in plans if Level.from_name(trigger) <= level}
    triggered = [kind for kind in narrow if kind in reached]
    assert row["plan_scope"] == (triggered or narrow or [""])[0]
    assert (row["plan_state"] == State.IN_FORCE) == bool(triggered)
    if row["plan_id"]:
        assert (Level.from_name(row["plan_trigger"]) <= level) == (row["plan_state"] == State.IN_FORCE)
