"""The bundled storm in ten-minute steps: no hotspot is told later than by the hour, and most hear of water sooner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.ten_minutes import FirstTimes, compare, first_times, marks, write_district
from tests.replays import now
from wuyu.desk import begin_desk
from wuyu.rain import pull_feeds

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ten minutes")]

BEGIN, END = datetime(2021, 7, 20, 5, tzinfo=UTC), datetime(2021, 7, 20, 8, tzinfo=UTC)
"""The afternoon of 20 July, 13:00 to 16:00 in Zhengzhou: from the first deep water to the eve of the record hour."""


def _first(folder: Path, step_min: int) -> FirstTimes:
    desk = begin_desk(write_district(folder / f"district_{step_min}", step_min=step_min), folder / f"out_{step_min}")
    gauges = next(one for one in pull_feeds(desk, now=now()) if one.feed_id == "gauges")
    assert (len(gauges.accepted), len(gauges.rejected)) == (1, 0)
    assert desk.settings.cycle_step_min == step_min
    # The first hour of both is alike; what was so before the window is no matter.
    found = first_times(desk, marks(BEGIN if step_min == 60 else BEGIN - timedelta(minutes=50), END, step_min))
    desk.ledger.close()
    return found


def test_no_hotspot_is_told_later_in_ten_minutes_than_by_the_hour(tmp_path: Path) -> None:
    hourly, tens = _first(tmp_path, 60), _first(tmp_path, 10)
    red, water = compare(hourly.red, tens.red), compare(hourly.now, tens.now)
    assert (red["later"], red["lost"]) == (0, 0)
    assert (water["later"], water["lost"]) == (0, 0)
    assert red["by the hour"] > 10
    assert water["by the hour"] > 100
    assert water["sooner"] > 0
