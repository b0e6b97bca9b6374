"""Lead times and the table of a replayed storm."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.levels import Level
from risk_models.scores import Contingency
from risk_models.verification.lead_time import first_reached, lead_times
from risk_models.verification.replay_scores import replay_contingency, replay_table, stack_levels

HOTSPOTS = ["EQ-001", "EQ-002", "EQ-003", "EQ-004"]
# Level of each hotspot at 06, 07, 08, 09 UTC.
STORY = {"EQ-001": [1, 4, 4, 2], "EQ-002": [0, 1, 3, 4], "EQ-003": [-1, -1, -1, -1], "EQ-004": [0, 0, 0, 4]}
HISTORY = pd.DataFrame(
    {
        "event_id": ["H1", "H2", "H3", "H4", "H5"],
        "hotspot_id": ["EQ-001", "EQ-002", "EQ-001", "EQ-003", "EQ-001"],
        "started_at": [
            "2021-07-20T16:30:00+08:00",
            "2021-07-20T16:00:00+08:00",
            "2021-07-20T17:00:00+08:00",
            "2021-07-20T16:30:00+08:00",
            "2019-08-01T16:30:00+08:00",
        ],
        "depth_m": [1.2, 0.4, 2.0, 0.6, 0.3],
        "confidence": ["A", "B", "B", "C", "B"],
    }
)


def tables():
    found = []
    for hour in range(4):
        table = pd.DataFrame({"level": [STORY[h][hour] for h in HOTSPOTS]}, index=pd.Index(HOTSPOTS, name="hotspot_id"))
        table.attrs["valid_at"] = f"2021-07-20T0{6 + hour}:00:00+00:00"
        found.append(table)
    return found


@pytest.fixture
def levels():
    return stack_levels(tables())


def test_stack_keeps_every_row(levels):
    assert len(levels) == 16
    assert str(levels["valid_at"].dtype) == "datetime64[ns, UTC]"
    assert levels.loc["EQ-002", "level"].tolist() == STORY["EQ-002"]


def test_stack_names_a_table_without_time():
    bad = tables()
    del bad[2].attrs["valid_at"]
    with pytest.raises(ValueError, match=r"risk table 3: attrs\['valid_at'\] must be a time with zone, got NaT"):
        stack_levels(bad)
    with pytest.raises(ValueError, match="no risk table given"):
        stack_levels([])


def test_table_of_named_hotspots(levels):
    names = pd.DataFrame({"hotspot_name": list("甲乙丙丁"), "hotspot_name_en": list("abcd")}, index=HOTSPOTS)
    table = replay_table(levels, HISTORY, names)
    assert list(table.index) == ["EQ-002", "EQ-001", "EQ-003"], "earliest event first, one row a hotspot"
    assert table.index.name == "hotspot_id"
    assert table["outcome"].to_dict() == {"EQ-001": "hit", "EQ-002": "late", "EQ-003": "miss"}
    assert table.loc["EQ-001", "lead_h"] == 1.5
    assert table.loc["EQ-002", "lead_h"] == -1.0
    assert pd.isna(table.loc["EQ-003", "lead_h"])
    assert table["top_level"].to_dict() == {"EQ-001": 4, "EQ-002": 4, "EQ-003": -1}
    assert table.loc["EQ-001", "event_id"] == "H1", "the earliest within the replay"
    assert table.loc["EQ-002", "hotspot_name"] == "乙"


def test_a_lower_level_gives_longer_leads(levels):
    assert replay_table(levels, HISTORY, level=Level.ORANGE).loc["EQ-002", "lead_h"] == 0.0
    assert replay_table(levels, HISTORY, level=Level.BLUE).loc["EQ-002", "lead_h"] == 1.0


def test_history_without_zone_is_named(levels):
    bad = HISTORY.assign(started_at=["2021-07-20T16:30:00+08:00", "2021-07-20 16:00", *HISTORY["started_at"][2:]])
    with pytest.raises(ValueError, match="history row 1: started_at must be a time with offset"):
        replay_table(levels, bad)


def test_counts_of_a_replay(levels):
    table = replay_table(levels, HISTORY)
    # EQ-001 in time; EQ-002 late; EQ-003 flooded while unknown; EQ-004 red without an event.
    expected = Contingency(hits=1, false_alarms=1, misses=2, correct_negatives=0)
    assert replay_contingency(levels, table) == expected


def test_an_unknown_hotspot_without_event_is_not_counted(levels):
    table = replay_table(levels, HISTORY[HISTORY["hotspot_id"] != "EQ-003"])
    assert replay_contingency(levels, table).n == 3


def test_lead_time_rejects_doubles_and_times_without_zone():
    series = pd.Series(pd.to_datetime(["2021-07-20T06:00Z"] * 2), index=["EQ-001"] * 2)
    with pytest.raises(ValueError, match="event_at: EQ-001 occurs more than once"):
        lead_times(series.iloc[:1], series)
    levels = pd.DataFrame({"valid_at": pd.to_datetime(["2021-07-20T06:00"]), "level": [4]}, index=["EQ-001"])
    with pytest.raises(ValueError, match="valid_at must be timezone-aware"):
        first_reached(levels, Level.RED)


def test_outcomes_without_event_or_warning():
    index = ["a", "b"]
    first = pd.Series(pd.to_datetime(["2021-07-20T06:00Z", None]), index=index)
    event = pd.Series(pd.to_datetime([None, None], utc=True), index=index)
    assert lead_times(first, event)["outcome"].tolist() == ["false_alarm", "none"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-1, 4), min_size=1, max_size=12), st.integers(0, 11))
def test_a_lower_threshold_is_never_reached_later(sequence, event_hour):
    start = pd.Timestamp("2021-07-20T00:00Z")
    times = [start + pd.Timedelta(hours=n) for n in range(len(sequence))]
    levels = pd.DataFrame({"valid_at": times, "level": sequence}, index=["EQ-001"] * len(sequence))
    event = pd.Series([start + pd.Timedelta(hours=event_hour)], index=["EQ-001"])
    leads = [
        lead_times(first_reached(levels, level), event).loc["EQ-001", "lead_h"]
        for level in (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED)
    ]
    known = [lead for lead in leads if not pd.isna(lead)]
    assert known == sorted(known, reverse=True)
    assert leads[: len(known)] == known, "a higher level is not reached without the lower ones"
