"""From the record to the table to learn from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from risk_models.errors import BadInputError
from risk_models.risk.susceptibility import group_storms, training_table


def record(*rows: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["hotspot_id", "started_at", "confidence"])
    frame["started_at"] = pd.to_datetime(frame["started_at"], utc=True)
    frame.index = pd.Index([f"E{n}" for n in range(len(rows))], name="event_id")
    return frame


HOTSPOTS = pd.DataFrame({"drain_mm_h": [45.0, 40.0, 36.0]}, index=pd.Index(["A", "B", "C"], name="hotspot_id"))
HISTORY = record(
    ("B", "2021-07-20T17:00+08:00", "A"), ("A", "2021-07-20T08:00+08:00", "B"), ("A", "2021-07-21T08:00+08:00", "A"),
    ("C", "2022-07-22T12:00+08:00", "D"), ("A", "2022-07-22T13:00+08:00", "A"),
)  # fmt: skip
STORMS = pd.DataFrame(
    {"rain_1h_mm": [201.9, np.nan, 5.0]}, index=pd.Index(["2021-07-20", "2022-07-22", "2023-05-01"], name="storm_id")
)


def test_storms_are_named_by_their_first_local_day():
    assert group_storms(HISTORY).tolist() == ["2021-07-20"] * 3 + ["2022-07-22"] * 2
    late = record(("A", "2021-07-19T17:00Z", "A"))
    assert group_storms(late).tolist() == ["2021-07-20"]


def test_two_storms_of_one_day_have_two_names():
    times = record(("A", "2021-07-20T00:30+08:00", "A"), ("A", "2021-07-20T20:00+08:00", "A"))
    assert group_storms(times, gap_h=6.0).tolist() == ["2021-07-20", "2021-07-20b"]


def test_one_row_for_each_storm_and_hotspot():
    table = training_table(HISTORY, HOTSPOTS, STORMS, worst_confidence="D")
    assert table.index.tolist() == [(s, h) for s in STORMS.index for h in "ABC"]
    assert table["flooded"].tolist() == [True, True, False, True, False, True, False, False, False]
    assert table.loc[("2021-07-20", "C"), ["drain_mm_h", "rain_1h_mm"]].tolist() == [36.0, 201.9]
    assert table.loc["2022-07-22", "rain_1h_mm"].isna().all()


def test_doubtful_rows_are_neither_flood_nor_no_flood():
    table = training_table(HISTORY, HOTSPOTS, STORMS)
    assert ("2022-07-22", "C") not in table.index
    assert table.loc[("2022-07-22", "B"), "flooded"] == np.False_
    assert len(table) == 8


def test_a_sure_row_beside_a_doubtful_one_counts():
    both = pd.concat([HISTORY, record(("C", "2022-07-22T14:00+08:00", "A")).rename(index={"E0": "E9"})])
    assert training_table(both, HOTSPOTS, STORMS).loc[("2022-07-22", "C"), "flooded"] == np.True_


def test_rain_may_differ_between_hotspots():
    index = pd.MultiIndex.from_product([STORMS.index, HOTSPOTS.index], names=["storm_id", "hotspot_id"])
    rain = pd.DataFrame({"rain_1h_mm": np.arange(9.0)}, index=index)
    table = training_table(HISTORY, HOTSPOTS, rain, worst_confidence="D")
    assert table["rain_1h_mm"].tolist() == list(range(9))


def test_nothing_given_is_changed():
    before = HISTORY.copy(), HOTSPOTS.copy(), STORMS.copy()
    training_table(HISTORY, HOTSPOTS, STORMS)
    for old, new in zip(before, (HISTORY, HOTSPOTS, STORMS), strict=True):
        pd.testing.assert_frame_equal(old, new)


def test_what_has_no_features_is_named():
    with pytest.raises(BadInputError, match=r"history, row 3, column hotspot_id: event E1 is of a hotspot without"):
        training_table(HISTORY, HOTSPOTS.drop("A"), STORMS)
    with pytest.raises(BadInputError, match=r"row 5, column storm_id: event E3 .* \(found '2022-07-22'"):
        training_table(HISTORY, HOTSPOTS, STORMS.drop("2022-07-22"))
    with pytest.raises(ValueError, match="both hotspot and storm features have a column 'drain_mm_h'"):
        training_table(HISTORY, HOTSPOTS, STORMS.assign(drain_mm_h=1.0))
    with pytest.raises(ValueError, match="worst_confidence must be one of A, B, C, D, got 'E'"):
        training_table(HISTORY, HOTSPOTS, STORMS, worst_confidence="E")
    with pytest.raises(ValueError, match="timezone-aware"):
        group_storms(pd.DataFrame({"started_at": pd.to_datetime(["2021-07-20"])}))
