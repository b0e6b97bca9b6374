"""Three times by one law: on outcomes as they come, more danger never makes a deadline later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.risk.ahead import danger_times
from risk_models.standards import load_standards
from risk_models.warning.times import Deadline, Due, done_by, minutes_needed, valid_until

ISSUED = datetime(2021, 7, 20, 6, tzinfo=UTC)
STEPS = 24
minutes = st.floats(0, 600)
first_steps = st.lists(st.integers(-1, STEPS), min_size=1, max_size=30)


def _deadline(
    first: list[int], needs_min: float, *, least: datetime, stands: bool = False
) -> tuple[Deadline, datetime]:
    """Return the deadline of one place from the first passings of its outcomes, and until when the message holds."""
    steps = np.array([first])
    peak = np.where(steps >= 0, np.minimum(steps + 2, STEPS), 0)
    row = danger_times(steps, peak, valid_at=pd.Timestamp(ISSUED), step_h=1.0).iloc[0]
    times = [None if pd.isna(at) else at.to_pydatetime() for at in row]
    window = None if times[1] is None else (times[1], times[2])
    valid_to = valid_until(least, window)
    told = done_by(times[0], needs_min=needs_min, issued_at=ISSUED, valid_to=valid_to, stands=stands, is_known=True)
    return told, valid_to


@given(first_steps, minutes, st.data())
def test_law_a_higher_chance_or_an_earlier_onset_never_makes_a_deadline_later(first, needs_min, data):
    index = data.draw(st.integers(0, len(first) - 1))
    was = first[index]
    worse = list(first)
    worse[index] = data.draw(st.integers(0, STEPS if was < 0 else was))
    least = ISSUED + timedelta(hours=STEPS + 3)  # both messages hold as long: what is compared is the deadline
    before, _ = _deadline(first, needs_min, least=least)
    after, _ = _deadline(worse, needs_min, least=least)
    assert after.at is not None
    assert before.at is not None
    assert after.at <= before.at
    assert after.rank <= before.rank


@given(first_steps, minutes, st.integers(1, 30), st.booleans())
def test_law_a_deadline_lies_between_issue_and_end_and_the_message_covers_the_window(first, needs_min, hours, stands):
    told, valid_to = _deadline(first, needs_min, least=ISSUED + timedelta(hours=hours), stands=stands)
    assert told.at is not None
    assert ISSUED <= told.at <= valid_to
    assert valid_to >= ISSUED + timedelta(hours=hours)
    if stands:
        assert told == Deadline(Due.AT_ONCE, ISSUED)


@given(st.integers(-300, 7000).map(lambda late_min: ISSUED + timedelta(minutes=late_min)), minutes, minutes)
def test_law_an_action_that_takes_longer_is_to_be_begun_sooner(onset, needs_min, more_min):
    message = {"issued_at": ISSUED, "valid_to": datetime(2021, 7, 26, tzinfo=UTC), "stands": False, "is_known": True}
    long, short = (done_by(onset, needs_min=needed, **message) for needed in (needs_min + more_min, needs_min))
    assert long.rank <= short.rank
    assert (short.due is Due.AT_ONCE) == (onset - timedelta(minutes=needs_min) <= ISSUED)


@given(st.none() | st.just(ISSUED - timedelta(hours=1)) | st.just(ISSUED + timedelta(hours=5)), minutes)
def test_law_an_unknown_time_is_never_at_once(onset, needs_min):
    told = done_by(
        onset, needs_min=needs_min, issued_at=ISSUED, valid_to=ISSUED + timedelta(hours=6), stands=False, is_known=False
    )
    assert told == Deadline(Due.UNKNOWN, None)
    dated = done_by(
        ISSUED, needs_min=0, issued_at=ISSUED, valid_to=ISSUED + timedelta(hours=6), stands=False, is_known=True
    )
    assert told.rank > dated.rank


def test_a_message_holds_until_the_danger_is_over():
    least, over = ISSUED + timedelta(hours=6), ISSUED + timedelta(hours=20)
    assert valid_until(least, (ISSUED, over)) == over
    assert valid_until(least, (ISSUED, ISSUED)) == valid_until(least, None) == least


def test_every_kind_of_the_bundled_table_takes_some_time_and_others_have_a_row():
    table = load_standards().action_minutes("wuyu-times-1")
    assert min(table.values()) > 0
    assert minutes_needed("no such kind", table) == table["other"]
    assert minutes_needed("tunnel", table, by_plan=float("nan")) == table["tunnel"]
    with pytest.raises(KeyError):
        minutes_needed("tunnel", {"school": 90.0})
