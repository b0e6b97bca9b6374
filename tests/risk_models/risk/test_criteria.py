"""From facts to orders: laws of the criteria of places and of towns, over generated chances."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from risk_models.levels import Level
from risk_models.risk import town_levels
from risk_models.risk.criteria import (
    WITHIN_CLASSES,
    OrderCriteria,
    OrderPhase,
    allowed_town_levels,
    town_rules,
    within_columns,
)
from risk_models.risk.windows import WINDOWS_H
from risk_models.standards import load_standards

STANDARDS = load_standards()
ROWS = STANDARDS.order_criteria("wuyu-orders-1")
CRITERIA = OrderCriteria(ROWS, STANDARDS.assessed_kinds("wuyu-kinds-1"))
RULES = town_rules(STANDARDS.town_criteria("wuyu-towns-1"))
ASSESSED = sorted(CRITERIA.assessed_kinds)
NOT_ASSESSED = ["small_dam", "riverside", "gully_slope"]
ENDS_H = [end for _, end in WINDOWS_H]
NEAREST = [OrderPhase.ACT, OrderPhase.PREPARE, OrderPhase.WATCH, OrderPhase.NONE]
H = 4

shares = arrays(np.float64, (len(ENDS_H), H, 3), elements=st.integers(0, 20).map(lambda n: n / 20))


def lawful(values):
    """Return chances as they can be: growing with the hours, falling with the impact."""
    grown = np.maximum.accumulate(values, axis=0)
    return np.maximum.accumulate(grown[:, :, ::-1], axis=2)[:, :, ::-1]


@given(shares, shares, st.lists(st.sampled_from(ASSESSED), min_size=H, max_size=H))
def test_more_danger_never_lowers_a_level_and_never_makes_a_phase_later(one, other, kinds):
    less, kinds = lawful(one), pd.Series(kinds)
    more = lawful(np.maximum(less, other))
    before, after = CRITERIA.order(less, kinds), CRITERIA.order(more, kinds)
    assert (after.level >= before.level).all()
    for was, now in zip(before.phase, after.phase, strict=True):
        assert NEAREST.index(OrderPhase(now)) <= NEAREST.index(OrderPhase(was))


@given(shares, st.lists(st.sampled_from(ASSESSED), min_size=H, max_size=H))
def test_no_order_stands_on_a_chance_below_its_criterion(values, kinds):
    within, kinds = lawful(values), pd.Series(kinds)
    found = CRITERIA.order(within, kinds)
    by_key = {row.key: row for row in ROWS}
    for place in range(H):
        key = found.criterion[place]
        assert bool(key) == Level(int(found.level[place])).is_warning
        if key:
            row = by_key[key]
            p = within[ENDS_H.index(int(row.within_h)), place, WITHIN_CLASSES.index(row.impact)]
            assert p >= row.p_min
            assert found.chance[place] == p
            assert found.level[place] == row.level
            assert not row.kinds or kinds[place] in row.kinds


@given(shares, st.lists(st.sampled_from(NOT_ASSESSED), min_size=H, max_size=H))
def test_kinds_that_the_models_do_not_speak_of_are_never_good_and_never_ordered_about(values, kinds):
    found = CRITERIA.order(lawful(values), pd.Series(kinds))
    assert (found.level == int(Level.UNKNOWN)).all()
    assert set(found.phase) == {str(OrderPhase.NOT_ASSESSED)}


@given(shares, st.integers(0, len(ENDS_H) - 1), st.lists(st.sampled_from(ASSESSED), min_size=H, max_size=H))
def test_no_window_has_a_higher_level_than_the_whole(values, window, kinds):
    within, kinds = lawful(values), pd.Series(kinds)
    assert (CRITERIA.of_window(within[window], window, kinds) <= CRITERIA.order(within, kinds).level).all()


def test_beyond_the_horizon_counts_what_is_known_before_it():
    watch = OrderCriteria(tuple(row for row in ROWS if row.phase == "watch"), CRITERIA.assessed_kinds)
    within = np.full((len(ENDS_H), 1, 3), 0.3)
    within[-1] = np.nan
    assert watch.order(within, pd.Series(["school"])).level == [int(Level.BLUE)]


def test_the_nearest_phase_counts():
    within = np.zeros((len(ENDS_H), 1, 3))
    within[ENDS_H.index(6) :, :, 0] = 0.6
    within[ENDS_H.index(72), :, 1] = 0.4
    assert CRITERIA.order(within, pd.Series(["school"])).phase == ["act"]


@pytest.mark.parametrize(
    ("within_h", "severe", "kind", "level", "phase"),
    [
        (6, 0.5, "school", Level.RED, "act"),
        (6, 0.4, "school", Level.ORANGE, "act"),
        (6, 0.4, "tunnel", Level.RED, "act"),
        (24, 0.9, "tunnel", Level.ORANGE, "prepare"),
        (72, 0.9, "tunnel", Level.BLUE, "watch"),
        (24, 0.07, "tunnel", Level.NONE, "none"),
    ],
)
def test_each_colour_has_its_lead(within_h, severe, kind, level, phase):
    within = np.zeros((len(ENDS_H), 1, 3))
    within[ENDS_H.index(within_h) :] = severe
    found = CRITERIA.order(within, pd.Series([kind]))
    assert (Level(int(found.level[0])), found.phase) == (level, [phase])


PLACES = st.lists(
    st.tuples(
        st.sampled_from(["A", "B"]), st.integers(-1, 4), st.sampled_from(ASSESSED), st.integers(0, 300).map(float)
    ),
    min_size=1,
    max_size=8,
)


def table_of(places):
    return pd.DataFrame(places, columns=["town_code", "level", "kind", "people"])


@given(PLACES, st.tuples(st.sampled_from(["A", "B"]), st.integers(1, 4), st.sampled_from(ASSESSED), st.just(5.0)))
def test_one_place_more_never_lowers_a_town(places, further):
    before = allowed_town_levels(table_of(places), RULES)
    after = allowed_town_levels(table_of([*places, further]), RULES)
    assert all(after[town] >= level for town, level in before.items())


@given(PLACES, st.data())
def test_a_place_that_rises_never_lowers_its_town(places, data):
    number = data.draw(st.integers(0, len(places) - 1))
    town, level, kind, people = places[number]
    higher = [*places[:number], (town, min(level + 1, 4), kind, people), *places[number + 1 :]]
    before, after = allowed_town_levels(table_of(places), RULES), allowed_town_levels(table_of(higher), RULES)
    assert all(after[name] >= level for name, level in before.items())


@given(PLACES, st.randoms())
def test_a_town_is_never_above_its_worst_place_nor_silent_about_one(places, random):
    table = table_of(places)
    found = allowed_town_levels(table, RULES)
    worst = table[table["level"] >= 1].groupby("town_code")["level"].max()
    assert sorted(found.index) == sorted(worst.index)
    assert all(int(Level.BLUE) <= level <= worst[town] for town, level in found.items())
    shuffled = list(places)
    random.shuffle(shuffled)
    pd.testing.assert_series_equal(found, allowed_town_levels(table_of(shuffled), RULES))


@pytest.mark.parametrize(
    ("places", "level"),
    [
        ([("A", 4, "school", 5.0)], Level.YELLOW),
        ([("A", 4, "school", 5.0)] * 2, Level.ORANGE),
        ([("A", 4, "school", 5.0)] * 3, Level.RED),
        ([("A", 4, "school", 200.0)], Level.RED),
        ([("A", 4, "tunnel", 0.0)], Level.RED),
        ([("A", 4, "construction_pit", 5.0)], Level.ORANGE),
    ],
)
def test_number_people_and_kind_make_the_colour_of_a_town(places, level):
    assert allowed_town_levels(table_of(places), RULES)["A"] == level


def risk_rows(rows, **attrs):
    table = pd.DataFrame(rows, columns=["town_code", "level", "kind", "people_in_water", "order_phase"])
    table = table.assign(score=50.0, people_exposed=0.0)
    table.index = pd.Index([f"P-{n}" for n in range(len(table))], name="hotspot_id")
    table.attrs = attrs
    return table


def test_places_that_are_not_assessed_make_no_town_unknown_and_none_calm():
    calm = ("A", 0, "school", 0.0, "none")
    slope = ("A", -1, "gully_slope", np.nan, "not_assessed")
    dark = ("A", -1, "school", np.nan, "unknown")
    alone = ("B", -1, "gully_slope", np.nan, "not_assessed")
    towns = town_levels(risk_rows([calm, slope, alone], town_criteria=RULES))
    assert towns["level"].to_dict() == {"A": Level.NONE, "B": Level.UNKNOWN}
    assert towns.loc["A", ["n_unknown", "n_not_assessed"]].tolist() == [0, 1]
    assert town_levels(risk_rows([calm, slope, dark], town_criteria=RULES)).at["A", "level"] == Level.UNKNOWN


def test_a_table_without_rules_has_towns_as_high_as_their_worst_place():
    rows = [("A", 4, "school", 5.0, "act"), ("A", 1, "school", 5.0, "act")]
    assert town_levels(risk_rows(rows)).at["A", "level"] == Level.RED
    towns = town_levels(risk_rows(rows, town_criteria=RULES))
    assert (towns.at["A", "level"], towns.at["A", "highest"]) == (Level.YELLOW, Level.RED)


def test_every_column_of_chances_has_its_place():
    assert len(within_columns()) == len(ENDS_H) * 3
    assert within_columns()["p_severe_within_24h"] == (ENDS_H.index(24), 2)
