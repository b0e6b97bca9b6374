"""The one order of places: total, stable, and never saturated."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from risk_models.levels import Level
from risk_models.observation import Now
from risk_models.risk.order import CLOSED_KINDS, places_in_order
from risk_models.standards import load_standards

AT = pd.Timestamp("2021-07-20T08Z")
rows = st.fixed_dictionaries(
    {
        "level": st.sampled_from([int(level) for level in Level]),
        "now": st.sampled_from([str(state) for state in Now]),
        "onset_unfavourable_at": st.one_of(
            st.just(pd.NaT), st.integers(0, 24).map(lambda h: AT + pd.Timedelta(hours=h))
        ),
        "people_in_water": st.one_of(st.just(np.nan), st.floats(0, 1e4)),
        "kind": st.sampled_from(["tunnel", "school", "road_junction"]),
        "p_50cm": st.floats(0, 1),
    }
)
tables = st.lists(rows, min_size=1, max_size=20).map(
    lambda found: pd.DataFrame(found, index=[f"EQ-{n:03d}" for n in range(len(found))])
)


@given(tables, st.randoms(use_true_random=False))
def test_each_place_has_its_own_whatever_the_order_of_the_rows(table: pd.DataFrame, random: object) -> None:
    places = pd.Series(places_in_order(table), index=table.index)
    assert sorted(places) == list(range(1, len(table) + 1))
    shuffled = table.sample(frac=1.0, random_state=random.randrange(2**32))  # type: ignore[attr-defined]
    again = pd.Series(places_in_order(shuffled), index=shuffled.index)
    pd.testing.assert_series_equal(places, again.loc[places.index])


@given(tables)
def test_a_higher_level_comes_first_and_among_equals_water_that_stands(table: pd.DataFrame) -> None:
    ordered = table.assign(place=places_in_order(table)).sort_values("place")
    known = ordered[ordered["level"] != int(Level.UNKNOWN)]
    assert list(ordered.index[: len(known)]) == list(known.index)
    assert known["level"].is_monotonic_decreasing
    for _, equal in known.groupby("level"):
        stands = (equal["now"] == str(Now.STANDS)).to_numpy()
        assert not (~stands[:-1] & stands[1:]).any()


def test_places_of_one_score_are_told_apart() -> None:
    same = {"level": 4, "now": "dry", "people_in_water": 10.0, "kind": "tunnel", "p_50cm": 1.0}
    table = pd.DataFrame(
        [same | {"onset_unfavourable_at": AT + pd.Timedelta(hours=h)} for h in (3, 1, 2)], index=["A", "B", "C"]
    )
    assert places_in_order(table).tolist() == [3, 1, 2]


def test_closed_kinds_are_those_that_the_orders_of_now_put_first() -> None:
    orders = load_standards().now_orders("wuyu-now-1").values()
    first = sorted(orders, key=lambda order: order.rank)[: len(CLOSED_KINDS)]
    assert tuple(order.kind for order in first) == CLOSED_KINDS
