"""Statements against what happened: evidence in its order, the unknown, and the laws of the score."""

from __future__ import annotations

import json
import math
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.errors import BadInputError
from risk_models.levels import Level
from risk_models.outlook import HotspotClasses, Statement
from risk_models.outlook.periods import Span
from risk_models.standards import load_standards
from risk_models.verification.statements import (
    StatementReview,
    review_statements,
    statements_from_dicts,
    statements_to_dicts,
)

SPAN = Span(kind="period", key="fair", first_day=date(2021, 8, 1), last_day=date(2021, 8, 2), name_zh="甲", name_en="A")
HOURS = pd.date_range("2021-07-31 17:00", periods=48, freq="h", tz="UTC")
KINDS = pd.Series({"H1": "road_junction", "H2": "tunnel"}, name="kind")
CLASSES = HotspotClasses.for_kinds(load_standards().depth_classes("zz-road-2024"), KINDS)
TOWNS = pd.Series({"H1": "T1", "H2": "T2"})
DRY = pd.DataFrame({"G1": 0.0, "G2": 0.0}, index=HOURS)
NO_DEPTH = pd.DataFrame({"valid_at": pd.DatetimeIndex([], tz="UTC"), "hotspot_id": [], "depth_m": []})


def depth(hotspot_id: str = "H1", depth_m: float = 0.27, p: float = 0.4) -> Statement:
    facts = {"depth_m": depth_m, "p_once": p, "p_low": p, "p_high": p}
    return Statement(f"depth:{hotspot_id}:stall", "积水。", "Ponding.", facts)


def level(unit: str = "district", low: float = 0.0, high: float = 0.0, item: Level = Level.ORANGE) -> Statement:
    facts = {"level": float(item), "expected_days": 0.4, "days_p10": low, "days_p90": high, "n_days": 2.0}
    return Statement(f"level:{unit}:{item}", "日数。", "Days.", facts)


def rain(low: float, high: float) -> Statement:
    return Statement("rain:G1:total", "雨量。", "Rain.", {"mean_mm": 20.0, "p10_mm": low, "p90_mm": high})


def season(**facts: float) -> Statement:
    shares = {"below": 0.2, "normal": 0.3, "above": 0.5, "skill": 0.1}
    return Statement("season:terciles", "偏多。", "Above.", shares | facts)


def depths(values: dict[str, dict[int, float]]) -> pd.DataFrame:
    """Return depths by hotspot and hour of the span (0 is the first)."""
    rows = [(HOURS[hour], name, value) for name, hours in values.items() for hour, value in hours.items()]
    return pd.DataFrame(rows, columns=["valid_at", "hotspot_id", "depth_m"])


def report(state: str, hour: int, hotspot_id: str = "H1", **more: float) -> pd.DataFrame:
    return pd.DataFrame([{"at": HOURS[hour], "hotspot_id": hotspot_id, "state": state, **more}])


def review(
    statements: list[Statement],
    *,
    rain_mm: pd.DataFrame = DRY,
    depth_m: pd.DataFrame = NO_DEPTH,
    reports: pd.DataFrame | None = None,
) -> StatementReview:
    return review_statements(
        statements, SPAN, gauge_rain_mm=rain_mm, hotspot_depth=depth_m, classes=CLASSES, towns=TOWNS, reports=reports,
        timezone="Asia/Shanghai", reference_gauge="G1",
    )  # fmt: skip


def told(statement: Statement, **evidence: object) -> tuple[str, str]:
    row = review([statement], **evidence).table.iloc[0]  # type: ignore[arg-type]
    return row["outcome"], row["evidence"]


def holed(hours: int, amount: float = 0.0) -> pd.DataFrame:
    made = DRY.copy()
    made.iloc[0, 0] = amount
    made.iloc[48 - hours :] = np.nan
    return made


def test_a_dry_span_denies_and_a_modelled_depth_proves() -> None:
    assert told(depth()) == ("did_not", "model")
    assert told(depth(), depth_m=depths({"H1": {5: 0.27}})) == ("came_true", "model")
    assert told(depth(), depth_m=depths({"H1": {5: 0.26}})) == ("did_not", "model")
    assert told(depth("H2"), depth_m=depths({"H1": {5: 0.9}})) == ("did_not", "model")


def test_unknown_hours_deny_nothing_but_do_not_unmake_what_happened() -> None:
    assert told(depth(), rain_mm=holed(2)) == ("did_not", "model")  # 95.8 % of the hours are told
    assert told(depth(), rain_mm=holed(3)) == ("unknown", "none")
    assert told(depth(), rain_mm=holed(3), depth_m=depths({"H1": {5: 0.3}})) == ("came_true", "model")
    assert told(depth(), rain_mm=pd.DataFrame()) == ("unknown", "none")
    # Rain without a depth from it tells nothing; a depth from the model does.
    wet = DRY.assign(G2=1.0)
    assert told(depth(), rain_mm=wet) == ("unknown", "none")
    assert told(depth(), rain_mm=wet, depth_m=depths({"H1": dict.fromkeys(range(48), 0.1)})) == ("did_not", "model")


def test_a_depth_of_unknown_level_is_unknown() -> None:
    table = depths({"H1": dict.fromkeys(range(48), 0.5)}).assign(level=int(Level.UNKNOWN))
    assert told(depth(), rain_mm=DRY.assign(G2=1.0), depth_m=table) == ("unknown", "none")


def test_who_was_there_goes_before_the_model() -> None:
    flooded = depths({"H1": {5: 0.6}})
    assert told(depth(), depth_m=flooded, reports=report("not_flooded", 6)) == ("did_not", "report")
    assert told(depth(), depth_m=flooded, reports=report("not_flooded", 30)) == ("came_true", "model")
    assert told(depth(), depth_m=flooded, reports=report("not_checked", 6)) == ("came_true", "model")
    assert told(depth(depth_m=0.15), reports=report("flooded", 6)) == ("came_true", "report")
    assert told(depth(depth_m=0.27), reports=report("flooded", 6)) == ("did_not", "model")  # seen, but not how deep
    assert told(depth(depth_m=0.27), reports=report("flooded", 6, depth_m=0.4)) == ("came_true", "report")
    both = pd.concat([report("flooded", 6, depth_m=0.3), report("not_flooded", 9)])
    assert told(depth(), reports=both) == ("came_true", "report")


def test_the_depth_observed_is_of_the_evidence_that_decides() -> None:
    wet = depths({"H1": {5: 0.4, 30: 0.2}})
    row = review([depth()], depth_m=wet, reports=report("not_flooded", 6)).table.iloc[0]
    assert (row["outcome"], row["observed"]) == ("did_not", 0.2)
    seen = review([depth(depth_m=0.15)], depth_m=depths({"H1": {5: 0.05}}), reports=report("flooded", 6)).table.iloc[0]
    assert (seen["outcome"], seen["observed"]) == ("came_true", 0.15)


def test_days_at_a_level_are_those_of_the_worst_hotspot() -> None:
    made = depths({"H1": {5: 0.3, 6: 0.4}, "H2": {30: 0.3}})
    found = review([level(), level("T1"), level("T1", 1, 1), level("T2", 2, 3)], depth_m=made).table
    assert found["observed"].tolist() == [2, 1, 1, 1]
    assert found["outcome"].tolist() == ["did_not", "did_not", "came_true", "did_not"]
    assert found["probability"].isna().all()
    # Local midnight parts the days: hour 24 of the span ends at 01:00 of the second day.
    assert review([level(high=9)], depth_m=depths({"H1": {23: 0.3, 24: 0.3}})).table["observed"].tolist() == [2]


def test_a_unit_without_hotspots_cannot_be_told() -> None:
    assert told(level("T9")) == ("unknown", "none")


def test_more_days_than_stated_settle_it_even_if_hours_are_unknown() -> None:
    made = depths({"H1": {5: 0.3}, "H2": {30: 0.3}})
    assert told(level(high=1), rain_mm=holed(9), depth_m=made) == ("did_not", "model")
    assert told(level(high=3), rain_mm=holed(9), depth_m=made) == ("unknown", "none")
    assert told(level(low=2, high=2), rain_mm=holed(9), depth_m=made) == ("unknown", "none")


def test_rain_is_scaled_up_within_the_rule_and_a_least_beyond_it() -> None:
    assert told(rain(0, 10)) == ("came_true", "gauge")
    found = review([rain(10, 30)], rain_mm=holed(2, 23.0)).table.iloc[0]
    assert (found["outcome"], found["observed"]) == ("came_true", pytest.approx(24.0))
    assert told(rain(10, 30), rain_mm=holed(20, 23.0)) == ("unknown", "none")
    assert told(rain(10, 20), rain_mm=holed(20, 23.0)) == ("did_not", "gauge")  # above the end already
    assert told(rain(10, 20), rain_mm=DRY[["G2"]]) == ("unknown", "none")


def test_season_is_held_against_the_terciles_of_the_past() -> None:
    assert told(season()) == ("unknown", "none")
    limits = {"low_tercile_mm": 5.0, "high_tercile_mm": 15.0}
    for amount, outcome in ((20.0, "came_true"), (15.0, "did_not"), (1.0, "did_not")):
        assert told(season(**limits), rain_mm=holed(0, amount)) == (outcome, "gauge")
    assert told(season(**limits), rain_mm=holed(20, 20.0)) == ("came_true", "gauge")
    assert told(season(**limits), rain_mm=holed(20, 10.0)) == ("unknown", "none")


def test_an_interval_that_was_not_kept_judges_nothing() -> None:
    kept = statements_to_dicts([level(low=math.nan), rain(math.nan, 20.0), season(above=math.nan)])
    found = review(list(statements_from_dicts(kept)), rain_mm=DRY.assign(G1=1.0), depth_m=depths({"H1": {5: 0.9}}))
    assert found.table["outcome"].tolist() == ["unknown"] * 3


@pytest.mark.parametrize("code", [math.nan, 99.0])
def test_a_level_that_is_none_is_named(code: float) -> None:
    wrong = level()
    wrong = Statement(wrong.key, wrong.zh, wrong.en, {**wrong.facts, "level": code})
    with pytest.raises(BadInputError, match="cannot be verified"):
        review([wrong])


def test_round_trip_through_json() -> None:
    given = [depth(), level(), season(skill=math.nan)]
    again = statements_from_dicts(json.loads(json.dumps(statements_to_dicts(given), allow_nan=False)))
    assert [item.key for item in again] == [item.key for item in given]
    assert again[:2] == tuple(given[:2])
    assert math.isnan(again[2].facts["skill"])
    first, second = review(given), review(statements_to_dicts(given))  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(first.table, second.table)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"key": "depth:H1:stall", "zh": "", "en": ""}, "statements, row 1: holds no statement .KeyError"),
        ({"key": "a", "zh": "", "en": "", "facts": {"p": "high"}}, "holds no statement .ValueError"),
        ({"key": "wind:H1", "zh": "", "en": "", "facts": {}}, "cannot be verified .found 'wind:H1'; accepted: depth"),
        ({"key": "depth:H1:stall", "zh": "", "en": "", "facts": {"depth_m": 1}}, "column p_once: cannot be verified"),
    ],
)
def test_what_is_no_statement_is_refused(row: dict[str, object], text: str) -> None:
    with pytest.raises(BadInputError) as error:
        review([row])  # type: ignore[list-item]
    error.match("statements: 1 problem")
    assert pd.Series([str(error.value.findings[0])]).str.contains(text).all(), str(error.value.findings[0])


def test_nothing_stated_is_nothing_scored() -> None:
    found = review([])
    assert math.isnan(found.brier)
    assert (found.n_true, found.n_false, found.n_unknown) == (0, 0, 0)
    assert found.reliability.empty


def test_score_by_hand() -> None:
    made = depths({"H1": {5: 0.3}})
    found = review([depth("H1", p=0.7), depth("H2", p=0.1), depth("H2", p=0.3), level(high=3)], depth_m=made)
    assert found.brier == pytest.approx((0.3**2 + 0.1**2 + 0.3**2) / 3)
    assert found.brier_reference == pytest.approx(2 / 9)
    assert found.reliability[["p_from", "share", "n"]].to_numpy().tolist() == [[0.0, 0.0, 1], [0.2, 0, 1], [0.6, 1, 1]]
    assert (found.n_true, found.n_false, found.n_unknown) == (2, 2, 0)


CHANCES = st.lists(st.tuples(st.sampled_from(["H1", "H2"]), st.floats(0, 1)), min_size=1, max_size=12)


@settings(max_examples=25)
@given(chances=CHANCES, hole=st.integers(0, 48), flooded=st.booleans(), data=st.data())
def test_laws_of_the_review(chances: list[tuple[str, float]], hole: int, flooded: bool, data: st.DataObject) -> None:
    given_statements = [depth(name, p=p) for name, p in chances] + [level(), rain(0, 1)]
    evidence = {"rain_mm": holed(hole), "depth_m": depths({"H1": {5: 0.3}}) if flooded else NO_DEPTH}
    found = review(given_statements, **evidence)  # type: ignore[arg-type]
    assert math.isnan(found.brier) or 0 <= found.brier <= 1
    assert math.isnan(found.brier_reference) or 0 <= found.brier_reference <= 0.25
    assert found.n_true + found.n_false + found.n_unknown == len(given_statements) == len(found.table)
    known = (found.table["outcome"] != "unknown") & found.table["probability"].notna()
    assert found.reliability["n"].sum() == known.sum()
    assert ((found.table["outcome"] == "unknown") == (found.table["evidence"] == "none")).all()
    order = data.draw(st.permutations(range(len(given_statements))))
    other = review([given_statements[place] for place in order], **evidence)  # type: ignore[arg-type]
    assert other.brier == found.brier or math.isnan(found.brier)
    assert (other.n_true, other.n_false, other.n_unknown) == (found.n_true, found.n_false, found.n_unknown)
    pd.testing.assert_frame_equal(other.reliability, found.reliability)
    pd.testing.assert_frame_equal(other.table, found.table.iloc[list(order)].reset_index(drop=True))


@settings(max_examples=10)
@given(flooded=st.lists(st.booleans(), min_size=2, max_size=2))
def test_who_states_what_happens_scores_nothing(flooded: list[bool]) -> None:
    names = ["H1", "H2"]
    made = depths({name: {5: 0.3} for name, is_wet in zip(names, flooded, strict=True) if is_wet})
    statements = [depth(name, p=float(is_wet)) for name, is_wet in zip(names, flooded, strict=True)]
    found = review(statements, depth_m=made)
    assert found.brier == 0.0
    assert found.n_unknown == 0
