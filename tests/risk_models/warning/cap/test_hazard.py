"""How urgent, how certain and where: by the CAP text, and never calmer for what nobody knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon

from risk_models.levels import Level
from risk_models.observation import Now
from risk_models.risk.exposure import EXPOSURE_RADIUS_M
from risk_models.standards import load_standards
from risk_models.warning.cap.areas import CapPlace, cap_places
from risk_models.warning.cap.check import validate_cap
from risk_models.warning.cap.hazard import (
    CERTAINTIES,
    URGENCIES,
    CapHazard,
    cap_hazard,
    rows_of,
    standing_hazard,
    standing_severity,
)
from risk_models.warning.cap.reader import parse_cap, read_warning
from risk_models.warning.records import Action
from tests.risk_models.warning.conftest import AREA, OPENED, START_CAP, TEXTS, follow, message

MINUTES = load_standards().action_minutes("wuyu-times-1")
KINDS = ("tunnel", "road_junction", "old_community", "quay")
DRY = {
    "hotspot_name": "北隧道",
    "hotspot_name_en": "North Tunnel",
    "kind": "tunnel",
    "town_code": "410103012",
    "lon": 113.64,
    "lat": 34.74,
    "now": "dry",
    "now_by": "",
    "now_since": pd.NaT,
    "p_15cm": 0.3,
    "p_15cm_0_3h": 0.1,
    "depth_p50_m": 0.02,
    "danger_from": pd.NaT,
    "onset_unfavourable_at": pd.NaT,
}


def at(minutes):
    """Return a time so many minutes after the message."""
    return pd.NaT if minutes is None else pd.Timestamp(START_CAP) + pd.Timedelta(minutes=minutes)


def table(*rows):
    """Return a risk table of places EQ-001, EQ-002, ... that differ from `DRY` as told."""
    ids = [f"EQ-{number:03d}" for number in range(1, len(rows) + 1)]
    frame = pd.DataFrame([DRY | row for row in rows], index=pd.Index(ids, name="hotspot_id"))
    for name in ("now_since", "danger_from", "onset_unfavourable_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def record_of(frame, **changes):
    return replace(OPENED, hotspot_ids=tuple(frame.index), **changes)


def told(*rows):
    frame = table(*rows)
    return cap_hazard(record_of(frame), frame, MINUTES)


@pytest.mark.parametrize(
    ("kind", "minutes", "urgency"),
    [
        ("tunnel", -30, "Immediate"),
        ("tunnel", 60, "Immediate"),  # closing takes half an hour, but an hour is no time
        ("tunnel", 61, "Expected"),
        ("tunnel", 120, "Expected"),
        ("tunnel", 121, "Future"),
        ("old_community", 120, "Immediate"),  # moving people takes two hours
        ("old_community", 180, "Expected"),
        ("old_community", 181, "Future"),
        ("quay", 120, "Expected"),
    ],
)
def test_urgency_is_the_time_left_to_act(kind, minutes, urgency):
    for column in ("danger_from", "onset_unfavourable_at"):
        hazard = told({"kind": kind, column: at(minutes)})
        assert hazard.urgency == urgency
        assert hazard.onset == START_CAP + timedelta(minutes=max(minutes, 0))


def test_the_first_of_window_and_unfavourable_case_and_of_all_places_counts():
    hazard = told({"danger_from": at(300), "onset_unfavourable_at": at(90)}, {"danger_from": at(200)})
    assert (hazard.urgency, hazard.onset) == ("Expected", START_CAP + timedelta(minutes=90))
    late = told({"danger_from": at(361)})
    assert (late.urgency, late.onset) == ("Future", None)  # the message ends before


@pytest.mark.parametrize(
    ("chance", "certainty"),
    [(0.0, "Unlikely"), (0.069, "Unlikely"), (0.07, "Possible"), (0.5, "Possible"), (0.501, "Likely"), (1.0, "Likely")],
)
def test_certainty_by_the_greatest_chance(chance, certainty):
    assert told({"p_15cm": chance}).certainty == certainty
    assert told({"p_15cm": 0.0}, {"p_15cm": chance}).certainty == certainty


def test_water_is_observed_where_somebody_sees_it_and_likely_where_only_the_model_does():
    stands = {"now": "stands", "now_since": at(-40)}
    modelled = told(stands, {"danger_from": at(300)})
    assert modelled == CapHazard(
        urgency="Immediate", certainty="Likely", onset=START_CAP - timedelta(minutes=40), stands=True
    )
    seen = told({"p_15cm": 0.9}, stands | {"now_by": "京广路街道", "now_since": pd.NaT})
    assert seen == CapHazard(urgency="Immediate", certainty="Observed", onset=START_CAP, stands=True)
    frame = table(stands, stands | {"now_by": "巡查"})
    assert standing_hazard(frame, sent_at=START_CAP).certainty == "Observed"
    assert standing_hazard(frame.iloc[:1], sent_at=START_CAP) == modelled


def test_what_nobody_knows_is_said_and_is_neither_calm_nor_at_once():
    unknown = {"p_15cm": np.nan, "p_15cm_0_3h": np.nan, "danger_from": at(20)}
    assert told(unknown) == CapHazard(urgency="Unknown", certainty="Unknown")
    assert told(unknown, {"p_15cm": 0.01, "danger_from": at(300)}).urgency == "Unknown"
    assert told(unknown, {"p_15cm": 0.01}).certainty == "Unknown"
    assert told(unknown, {"danger_from": at(90)}).urgency == "Expected"
    assert told(unknown | {"now": "unconfirmed"}).urgency == "Expected"
    frame = table({})
    elsewhere = replace(OPENED, hotspot_ids=("EQ-999",))
    assert cap_hazard(elsewhere, frame) == CapHazard(urgency="Unknown", certainty="Unknown")


def test_a_place_that_nobody_has_looked_at_since_is_to_be_looked_at_soon():
    hazard = told({"now": "unconfirmed", "p_15cm": 0.0})
    assert (hazard.urgency, hazard.certainty) == ("Expected", "Possible")
    assert told({"now": "unconfirmed", "danger_from": at(10)}).urgency == "Immediate"


def test_places_come_in_the_order_of_their_danger_and_wet_ones_of_the_town_though_not_named():
    frame = table({}, {"now": "unconfirmed"}, {}, {"now": "stands"}, {"now": "stands", "town_code": "410103001"})
    assert list(rows_of(replace(OPENED, hotspot_ids=("EQ-003", "EQ-001")), frame).index) == [
        "EQ-004",
        "EQ-002",
        "EQ-003",
        "EQ-001",
    ]


def test_an_all_clear_names_no_place_that_is_not_known_to_be_dry():
    frame = table(*({"now": str(state)} for state in Now))
    over = follow(record_of(frame), Action.CAN)
    assert [place.hotspot_id for place in cap_places(over, frame)] == ["EQ-001"]
    assert cap_hazard(over, frame) == CapHazard(urgency="Past", certainty="Observed")
    assert len(cap_places(record_of(frame), frame)) == len(Now)


def test_a_place_reaches_as_far_as_those_who_must_be_told_and_as_its_water():
    frame = table({}, {}, {"hotspot_name": "<b>北&nbsp;隧道"})
    water_m2 = {"EQ-001": float("nan"), "EQ-002": 4 * np.pi * EXPOSURE_RADIUS_M**2}
    radii_km = [place.radius_km for place in cap_places(record_of(frame), frame, water_m2)]
    assert radii_km == pytest.approx([EXPOSURE_RADIUS_M / 1000, 2 * EXPOSURE_RADIUS_M / 1000, EXPOSURE_RADIUS_M / 1000])
    data = message(record_of(frame), places=cap_places(record_of(frame), frame))
    assert validate_cap(data) == []


@pytest.mark.parametrize(("level", "depth_m", "severity"), [
    (Level.NONE, 0.15, "Moderate"),
    (Level.UNKNOWN, 0.5, "Severe"),
    (Level.BLUE, 1.2, "Extreme"),
    (Level.ORANGE, 0.2, "Severe"),
    (Level.RED, 0.2, "Extreme"),
])  # fmt: skip
def test_severity_of_water_that_stands(level, depth_m, severity):
    assert standing_severity(level, depth_m) == severity


minutes_ahead = st.none() | st.integers(-60, 600)
places = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "now": st.sampled_from([str(state) for state in Now]),
        "now_by": st.sampled_from(["", "巡查"]),
        "p_15cm": st.sampled_from([0.0, 0.05, 0.2, 0.5, 0.6, 1.0, float("nan")]),
        "p_15cm_0_3h": st.sampled_from([0.1, float("nan")]),
        "danger_from": minutes_ahead.map(at),
        "onset_unfavourable_at": minutes_ahead.map(at),
        "lon": st.floats(113.62, 113.66),
        "lat": st.floats(34.72, 34.76),
    }
)
storms = st.lists(places, min_size=1, max_size=4)


@given(storms, st.data())
def test_an_earlier_onset_or_a_higher_chance_never_makes_a_message_calmer(rows, data):
    """Of a place of which these are known: nobody can say more of one of which they are not."""
    which = data.draw(st.integers(0, len(rows) - 1))
    worse = [dict(row) for row in rows]
    for name in ("danger_from", "onset_unfavourable_at"):
        sooner = data.draw(st.integers(0, 300).map(lambda minutes: pd.Timedelta(minutes=minutes)))
        given_at = worse[which][name]
        worse[which][name] = at(600) - sooner if pd.isna(given_at) else given_at - sooner
    worse[which]["p_15cm"] = min(1.0, worse[which]["p_15cm"] + data.draw(st.sampled_from([0.0, 0.1, 0.5])))
    before, after = told(*rows), told(*worse)
    assert URGENCIES.index(after.urgency) >= URGENCIES.index(before.urgency)
    assert CERTAINTIES.index(after.certainty) >= CERTAINTIES.index(before.certainty)
    assert before.onset is None or (after.onset is not None and after.onset <= before.onset)


@given(storms)
def test_at_once_is_said_only_where_water_stands_or_its_time_is_known(rows):
    hazard = told(*rows)
    stands = any(row["now"] == "stands" for row in rows)
    known = [row for row in rows if not np.isnan(row["p_15cm_0_3h"])]
    soon = [at for row in known for at in (row["danger_from"], row["onset_unfavourable_at"]) if not pd.isna(at)]
    assert hazard.stands is stands
    if hazard.urgency == "Immediate":
        assert stands or min(soon) <= pd.Timestamp(START_CAP) + pd.Timedelta(minutes=120)
        assert hazard.onset is not None
    if stands:
        assert hazard.urgency == "Immediate"
    seen = any(row["now"] == "stands" and row["now_by"] for row in rows)
    assert (hazard.certainty == "Observed") is seen


TOWN = Polygon([(lon, lat) for lon, lat in AREA.outline.exterior.coords])


@given(storms, st.sampled_from(["NEW", "UPG", "CAN", "EXP"]))
def test_every_message_is_valid_says_where_it_is_about_and_is_read_back_as_it_was(rows, action):
    frame = table(*rows)
    opened = record_of(frame)
    record = opened if action == "NEW" else follow(opened, Action(action), level=Level.RED)
    hazard, spots = cap_hazard(record, frame, MINUTES), cap_places(record, frame)
    outside = [spot for spot in spots if distance_km(spot) > spot.radius_km]
    data = message(record, earlier=[] if action == "NEW" else [opened], hazard=hazard, places=spots)
    findings = validate_cap(data)
    assert {finding.code for finding in findings} <= {"place-outside"}
    assert {finding.value for finding in findings} <= {spot.hotspot_id for spot in outside}

    parsed, _ = parse_cap(data)
    back = read_warning(parsed)
    assert (back.urgency, back.certainty, back.onset) == (hazard.urgency, hazard.certainty, hazard.onset)
    assert (back.events, back.event_code) == (("内涝", "Waterlogging"), "11A02")
    assert back.town_code == record.area_code
    assert back.instructions == tuple(text.instruction for text in TEXTS)
    assert [(place.hotspot_id, place.names) for place in back.places] == [
        (spot.hotspot_id, (spot.name_zh, spot.name_en)) for spot in spots
    ]
    for place, spot in zip(back.places, spots, strict=True):
        assert place.circle == pytest.approx((spot.lat, spot.lon, spot.radius_km), abs=1e-5)
    if record.action.is_end:
        assert (back.kind, back.response, back.urgency) == ("Cancel", "AllClear", "Past")
        assert all(frame.at[place.hotspot_id, "now"] == "dry" for place in back.places)
    else:
        assert back.response != "AllClear"
        assert back.urgency != "Past"
        assert len(back.places) == len(rows)


def distance_km(spot: CapPlace) -> float:
    """Return how far a place is from the town, by the metres of its own latitude."""
    east, north = 111.32 * np.cos(np.radians(spot.lat)), 110.9
    town = shapely.transform(TOWN, lambda points: points * [east, north])
    return float(town.distance(Point(spot.lon * east, spot.lat * north)))
