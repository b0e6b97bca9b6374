"""The event key stays the same through one storm and changes after twelve quiet hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from risk_models.levels import Level
from risk_models.warning.event import current_event_key, event_key
from risk_models.warning.records import Action

START = datetime(2021, 7, 19, 12, tzinfo=UTC)


def test_key_is_in_utc():
    local = datetime(2021, 7, 19, 20, tzinfo=timezone(timedelta(hours=8)))
    assert event_key("410103", local) == "410103-20210719T1200Z"


def test_a_time_without_zone_is_rejected():
    with pytest.raises(ValueError, match="must be timezone-aware"):
        event_key("410103", datetime(2021, 7, 19))  # noqa: DTZ001


def test_open_warning_keeps_the_key(replay):
    states = replay([Level.RED])[-1].states
    assert current_event_key(states, "410103", now=START + timedelta(hours=5)) == "E"


@pytest.mark.parametrize(("hours", "expected"), [(0.5, "E"), (11.9, "E"), (12, "410103-20210720T0300Z")])
def test_ended_warnings_keep_it_for_twelve_hours(replay, hours, expected):
    decisions = replay([Level.RED, *[Level.NONE] * 3])
    ended = decisions[-1].records[0]
    assert ended.action == Action.CAN
    assert current_event_key(decisions[-1].states, "410103", now=ended.issued_at + timedelta(hours=hours)) == expected


def test_lapsed_open_warning_does_not_keep_it_for_ever(replay):
    states = replay([Level.RED])[-1].states
    assert current_event_key(states, "410103", now=START + timedelta(hours=17.9)) == "E"
    assert current_event_key(states, "410103", now=START + timedelta(hours=18)) == "410103-20210720T0600Z"


def test_without_states_the_key_is_new():
    assert current_event_key([], "410103", now=START) == "410103-20210719T1200Z"
