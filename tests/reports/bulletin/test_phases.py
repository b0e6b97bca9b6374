"""What a bulletin tells of plans: laws over generated plans and situations, in every form it is written in."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.bulletin import Bulletin, to_html, to_mail_text, to_text
from reports.bulletin.first import most_urgent
from reports.bulletin.view import bulletin_view
from risk_models.levels import Level
from risk_models.plan import Phase
from risk_models.warning.records import Action
from tests.reports.conftest import make_district, make_record, make_risk
from wuyu.delivery.summary import sms_texts

TOWN = "410103001"
SPOTS = tuple(f"EQ-{number:03d}" for number in range(1, 10))
SCOPES = st.sampled_from([*(("hotspot", spot) for spot in SPOTS[:4]), ("community", "001"), ("town", TOWN)])
ENTRY = st.sampled_from(["before", "during", "standing", "after", "before/during", ""])
PLAN = st.tuples(SCOPES, st.sampled_from(["blue", "yellow", "orange", "red"]), st.lists(ENTRY, min_size=1, max_size=4))
COLUMNS = [
    "scope_kind",
    "scope_id",
    "trigger_level",
    "plan_title",
    "plan_title_en",
    "actions_zh",
    "actions_en",
    "phase",
]


def _shelf(plans: list[tuple[tuple[str, str], str, list[str]]]) -> pd.DataFrame:
    """Return plans whose every step has words of its own."""
    rows = []
    for number, ((kind, scope), trigger, phases) in enumerate(plans):
        steps = [f"步<{number}.{place}>" for place in range(len(phases))]
        english = [f"step<{number}.{place}>" for place in range(len(phases))]
        title = (f"预案{number}", f"Plan {number}")
        rows.append((kind, scope, trigger, *title, ";".join(steps), ";".join(english), ";".join(phases)))
    return pd.DataFrame(rows, columns=COLUMNS, index=[f"P{number}" for number in range(len(plans))])


@st.composite
def scenes(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "plans": _shelf(draw(st.lists(PLAN, min_size=1, max_size=5))),
        "wet": tuple(sorted(draw(st.sets(st.sampled_from(SPOTS), max_size=2)))),
        "unchecked": tuple(sorted(draw(st.sets(st.sampled_from(SPOTS), max_size=1)))),
        "action": draw(st.sampled_from([Action.NEW, Action.EXT, Action.UPG, Action.DNG])),
    }


def _steps_in(text: str) -> set[tuple[int, int]]:
    return {(int(plan), int(step)) for plan, step in re.findall(r"(?:步|step)(?:<|&lt;)(\d+)\.(\d+)", text)}


def _forms(bulletin: Bulletin) -> list[str]:
    mails = [write(bulletin, lang) for write in (to_mail_text, to_html) for lang in ("zh", "en")]
    return [*mails, to_text(bulletin), "".join(sms_texts(make_record(make_risk(make_district())), bulletin))]


few = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@few
@given(scene=scenes())
def test_law_what_stands_by_has_no_time_in_any_form(make_sample, scene):
    bulletin = make_sample(**scene)
    level_of = {line.rank: int(line.level) for line in bulletin.hotspots}
    waiting = {str(one.rank) for one in bulletin.measures if one.plan_id and not one.in_force}
    for one in bulletin.measures:
        if one.plan_id:
            trigger = Level.from_name(scene["plans"].at[one.plan_id, "trigger_level"])
            assert trigger <= level_of[one.rank] or not one.in_force
        assert one.in_force or one.deadline.at is None
    for lang, word in (("zh", "待命"), ("en", "stand by")):
        view = bulletin_view(bulletin, lang)
        told = [*view["places"], *view["urgent"], *view["measures"], *view["others"]]
        assert waiting <= {row["rank"] for row in told}
        assert all(row["due"].startswith(word) for row in told if row["rank"] in waiting)
    asked = {(plan, one.name) for one in bulletin.orders for plan, _ in _steps_in("".join(map(str, one.clauses)))}
    in_force = {(int(one.plan_id[1:]), one.name) for one in bulletin.measures if one.plan_id and one.in_force}
    assert asked <= in_force


@few
@given(scene=scenes())
def test_law_before_rain_never_stands_in_a_message_about_standing_water(make_sample, scene):
    bulletin = make_sample(**scene)
    phases = {
        (number, place): entry
        for number, entries in enumerate(scene["plans"]["phase"])
        for place, entry in enumerate(entries.split(";"))
    }
    is_wet = bool(bulletin.standing or bulletin.unchecked)
    for form in _forms(bulletin):
        told = {phases[step] for step in _steps_in(form)}
        if is_wet:
            assert Phase.BEFORE not in told
        if scene["action"] is not Action.DNG:
            assert Phase.AFTER not in told


@few
@given(scene=scenes(), chance=st.randoms())
def test_law_triggered_before_waiting_in_any_order_of_rows(make_sample, scene, chance):
    bulletin = make_sample(**scene)
    forces = [one.in_force for one in most_urgent(bulletin.measures)]
    assert forces == sorted(forces, reverse=True)
    rows = list(scene["plans"].index)
    chance.shuffle(rows)
    assert make_sample(**{**scene, "plans": scene["plans"].loc[rows]}) == bulletin


def test_a_phase_nobody_stated_is_said_and_comes_last(make_sample):
    bulletin = make_sample(phases="during;;before")
    assert {measure.clauses[-1].zh for measure in bulletin.measures} == {"阶段未注明：启动移动泵车"}
    assert "阶段未注明：启动移动泵车" in to_mail_text(bulletin)
    assert "phase not stated: start the mobile pump" in to_mail_text(bulletin, "en")


def test_a_phase_nobody_stated_is_never_in_force_for_standing_water(make_sample):
    bulletin = make_sample(phases="", wet=("EQ-001",))
    wet = next(one for one in bulletin.measures if one.name.zh == "陇海路铁路下穿")
    assert not wet.in_force
    assert wet.due.zh == "待命：预案未写明积水时做什么"
    assert wet.clauses[0].zh.startswith("阶段未注明，不作为积水时的措施：")
    assert wet.deadline.at is None


@pytest.mark.parametrize(("action", "told"), [(Action.UPG, False), (Action.DNG, True)])
def test_what_is_for_after_the_water_is_told_where_a_warning_is_lowered(make_sample, action, told):
    bulletin = make_sample(phases="during;during;after", action=action)
    assert all(("引导车辆绕行" in [step.zh for step in one.clauses]) is told for one in bulletin.measures)


def test_a_plan_without_a_step_for_now_says_so(make_sample):
    bulletin = make_sample(phases="after")
    assert {measure.clauses for measure in bulletin.measures} == {()}
    assert bulletin_view(bulletin, "zh")["places"][0]["clauses"] == "预案没有适用于现在的措施"


def test_where_no_plan_is_triggered_yet_the_town_is_told_to_stand_by(make_sample):
    bulletin = make_sample(untriggered=(*SPOTS, "EQ-019", "EQ-037", "EQ-055"))
    (order,) = bulletin_view(bulletin, "zh")["first"]["orders"]
    assert (order["full"], order["due"]) == ("尚无预案达到启动等级：值守待命，盯住各风险点", "")


def test_a_narrower_plan_that_waits_is_named_beside_the_one_in_force(make_sample):
    risk = make_risk(make_district())
    spot = next(spot for spot in SPOTS if Level.BLUE <= risk.at[spot, "level"] < Level.RED)
    plans = _shelf([(("hotspot", spot), "red", ["during"]), (("town", TOWN), "blue", ["during"])])
    for measure in make_sample(plans=plans).measures:
        assert measure.plan_id == "P1"
        assert measure.in_force
        waits = measure.name.zh == risk.at[spot, "hotspot_name"]
        assert measure.plan.zh == "预案1（P1）" + ("；待命P0（红色启动）" if waits else "")
