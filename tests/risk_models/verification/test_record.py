"""The record: which floods count, and when a town stood under warning as told."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.levels import Level
from risk_models.verification.record import told_spans
from tests.risk_models.verification.records import START, made_up

HOUR = pd.Timedelta(hours=1)
REVISIONS = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 4), st.integers(1, 9)), min_size=1, max_size=8)


def warning(revisions):
    """Hours since the one before, level (0 ends it), validity."""
    told = START + pd.to_timedelta(pd.Series([gap for gap, _, _ in revisions]).cumsum(), unit="h")
    return pd.DataFrame(
        {"warning_id": "W", "revision": range(len(revisions)), "area_code": "T0", "level": [r[1] for r in revisions],
         "told_at": told, "valid_to": told + pd.to_timedelta([r[2] for r in revisions], unit="h"),
         "is_end": [r[1] == 0 for r in revisions]}
    )  # fmt: skip


@given(revisions=REVISIONS)
@settings(max_examples=25)
def test_a_span_covers_the_hours_in_which_a_revision_of_the_level_stood(revisions):
    warnings = warning(revisions)
    told = warnings[["told_at", "level", "valid_to"]].to_numpy().tolist()
    for level in (Level.BLUE, Level.ORANGE):
        spans = told_spans(warnings, level)[["opened_at", "closed_at"]].to_numpy().tolist()
        for hour in range(60):
            at = START + hour * HOUR + pd.Timedelta(minutes=30)
            last = [one for one in told if one[0] <= at][-1:]
            stands = any(code >= int(level) and at <= until for _, code, until in last)
            assert any(opened <= at < closed for opened, closed in spans) == stands


def test_revisions_in_any_order_are_the_same_warning():
    warnings = warning([(1, 1, 6), (2, 4, 6), (2, 2, 6), (3, 0, 1)])
    pd.testing.assert_frame_equal(
        told_spans(warnings.iloc[::-1], Level.RED), told_spans(warnings, Level.RED)
    )  # fmt: skip


def test_floods_before_the_first_cycle_and_beyond_the_last_horizon_do_not_count():
    record = made_up(storms=1)
    at = [record.begin, record.begin + HOUR, record.end + 12 * HOUR, record.end + 13 * HOUR]
    floods = pd.DataFrame(
        {"hotspot_id": "H-00", "town_code": "T0", "started_at": at, "depth_m": 0.1, "synthetic": False}
    )
    assert replace(record, floods=floods).floods_within["started_at"].tolist() == at[1:3]
