"""Pairs of what was told and what came, against a slow reading of their definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.levels import Level, worst
from risk_models.verification.pairs import STANDING_H, depth_pairs, hotspot_pairs, rain_rule, town_pairs
from tests.risk_models.verification.records import START, made_up

HOUR = pd.Timedelta(hours=1)
RECORD = made_up(storms=2, hotspots=4)


def slow_pairs(record, depth_m):
    """What `hotspot_pairs` says of itself, row by row."""
    found = {}
    floods = record.floods[["hotspot_id", "started_at", "depth_m"]].to_numpy().tolist()
    for at, name in record.cycles[["valid_at", "hotspot_id"]].to_numpy().tolist():
        mine = [((begun - at) / HOUR, depth) for place, begun, depth in floods if place == name]
        if any(-STANDING_H < after <= 0 for after, _ in mine):
            continue
        ahead = [depth for after, depth in mine if 0 < after <= record.horizon_h]
        deep = any((0.15 if np.isnan(depth) else depth) >= depth_m for depth in ahead)
        if deep or depth_m <= 0.15 or not np.isnan(ahead).any():
            found[at, name] = deep
    return found


@given(
    floods=st.lists(
        st.tuples(
            st.sampled_from(["H-00", "H-01"]), st.integers(-20, 14 * 24), st.sampled_from([0.04, 0.1, 0.4, None])
        ),
        max_size=8,
    ),
    depth_m=st.sampled_from([0.05, 0.15, 0.5]),
)  # fmt: skip
@settings(max_examples=12)
def test_pairs_are_what_they_are_said_to_be(floods, depth_m):
    table = pd.DataFrame(
        {"hotspot_id": [f[0] for f in floods], "town_code": "T0", "depth_m": [f[2] for f in floods], "synthetic": False,
         "started_at": pd.to_datetime([START + f[1] * HOUR for f in floods], utc=True)}
    ).astype({"depth_m": float})  # fmt: skip
    record = replace(RECORD, floods=table)
    pairs = hotspot_pairs(record, depth_m=depth_m)
    told = dict(zip(zip(pairs["valid_at"], pairs["place"], strict=True), pairs["event"].tolist(), strict=True))
    assert told == slow_pairs(record, depth_m)


def test_a_town_floods_where_any_of_its_hotspots_does_and_by_reports_of_the_town_alone():
    where = {"hotspot_id": "", "town_code": "T1", "started_at": START + 5 * HOUR, "depth_m": np.nan, "synthetic": False}
    record = replace(RECORD, floods=pd.DataFrame([where]))
    pairs = town_pairs(record)
    flooded = pairs[pairs["event"]]
    assert flooded["place"].unique().tolist() == ["T1"]
    assert flooded["valid_at"].tolist() == [START]
    assert not hotspot_pairs(record)["event"].any(), "of no hotspot is it known"


def test_the_level_of_a_town_is_that_of_its_worst_hotspot_and_unknown_hides():
    rng = np.random.default_rng(0)
    levels = rng.choice([int(level) for level in Level], len(RECORD.cycles))
    record = replace(RECORD, cycles=RECORD.cycles.assign(level=levels))
    pairs = town_pairs(record).set_index(["valid_at", "place"])["level"]
    by_town = record.cycles.groupby(["valid_at", "town_code"])["level"].apply(lambda some: int(worst(some.tolist())))
    pd.testing.assert_series_equal(pairs.sort_index(), by_town.reindex(pairs.index).sort_index(), check_names=False)


def test_the_order_of_rows_changes_nothing():
    mixed = replace(
        RECORD, cycles=RECORD.cycles.sample(frac=1, random_state=1), floods=RECORD.floods.sample(frac=1, random_state=2)
    )
    keys = ["valid_at", "place"]
    first, second = (hotspot_pairs(one).sort_values(keys, ignore_index=True) for one in (RECORD, mixed))
    pd.testing.assert_frame_equal(first, second)


def test_depth_is_that_of_the_newest_cycle_before_the_flood():
    pairs = depth_pairs(RECORD)
    assert len(pairs) == len(RECORD.floods)
    lead = (pairs["started_at"] - pairs["valid_at"]) / HOUR
    assert ((lead > 0) & (lead <= 6)).all()


def test_the_rule_knows_half_hours_where_they_are_measured():
    rows = pd.DataFrame({"obs_30min_mm": [26.0, 10.0, np.nan], "obs_1h_mm": [30.0, 30.0, 30.0],
                         "fc_1h_mm_p50": [0.0, 0.0, np.nan], "fc_3h_mm_p50": [0.0, 0.0, np.nan]})  # fmt: skip
    assert (rain_rule(rows) >= 1).tolist() == [True, False, True]
    assert np.isnan(rain_rule(rows.assign(obs_30min_mm=np.nan, obs_1h_mm=np.nan).iloc[2:])).all()
