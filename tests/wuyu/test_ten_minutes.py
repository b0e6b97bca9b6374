"""Feeds in ten minutes: cycles within the hour see their rain as it fell, raise sooner, and lower no faster."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from risk_models.levels import Level
from risk_models.risk import RiskTable, read_risk
from risk_models.warning.records import Action
from tests.factories import STORM_PEAK, read_rows
from wuyu.clock import newest_mark
from wuyu.cycle import CycleResult, run_cycle
from wuyu.desk import Desk, begin_desk
from wuyu.issuing.issue import states_of
from wuyu.rain import cycle_rain, pull_feeds

pytestmark = pytest.mark.xdist_group("storm")

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TEN = 10 * MINUTE
PEAK = STORM_PEAK.to_pydatetime()
FRONT = np.array([0.5, 0.3, 0.1, 0.1, 0.0, 0.0])
"""Share of each ten minutes in an hour: bursts at its beginning."""


def in_tens(hourly: pd.DataFrame) -> pd.DataFrame:
    """Cut hours (END labels) into ten minutes, by `FRONT`."""
    ends = [hour - (5 - number) * TEN for hour in hourly.index for number in range(6)]
    values = np.concatenate([np.outer(FRONT, row) for row in hourly.to_numpy()])
    return pd.DataFrame(values, index=pd.DatetimeIndex(ends, name="time_end"), columns=hourly.columns).round(2)


class Live:
    """A district in service with a gauge feed in ten minutes, a file for every step, and hourly files if asked."""

    def __init__(self, storm: Path, folder: Path, *, step_h: float = 0.1667, hourly_half: bool = False) -> None:
        shutil.copytree(storm, folder, ignore=shutil.ignore_patterns("feeds"))
        self.feeds = folder / "feeds"
        shutil.copytree(storm / "feeds" / "ensemble", self.feeds / "ensemble")
        rows = pd.DataFrame(read_rows(storm / "feeds" / "gauges.csv")).set_index("time_end").astype(float)
        rows.index = pd.to_datetime(rows.index)
        self.hourly, self.tens = rows, in_tens(rows)
        self.halves = (rows.columns[:2], rows.columns[2:]) if hourly_half else (rows.columns, rows.columns[:0])
        settings = folder / "district.yaml"
        text = settings.read_text(encoding="utf-8")
        line = "  - {id: gauges, kind: gauge_table, path: feeds/gauges.csv, stale_after_h: 2}\n"
        tens = "  - {id: gauges, kind: gauge_table, path: feeds/tens, stale_after_h: 2, options: {step_h: STEP}}\n"
        hours = "  - {id: hours, kind: gauge_table, path: feeds/hours.csv, stale_after_h: 2}\n" if hourly_half else ""
        assert line in text
        settings.write_text(text.replace(line, tens.replace("STEP", str(step_h)) + hours), encoding="utf-8")
        (self.feeds / "tens").mkdir()
        self.laid = self.tens.index[0] - TEN
        self.desk: Desk = begin_desk(folder, folder.parent / f"{folder.name}-out")

    def lay(self, until: datetime) -> None:
        """Lay down what has been measured by a time, since the last time; hourly gauges by the full hour."""
        new = self.tens[(self.tens.index > self.laid) & (self.tens.index <= until)][self.halves[0]]
        new.to_csv(self.feeds / "tens" / f"{until:%Y%m%dT%H%M}.csv", date_format="%Y-%m-%dT%H:%M:%S%z")
        self.laid = until
        if len(self.halves[1]):
            hours = self.hourly[self.hourly.index <= until][self.halves[1]]
            hours.to_csv(self.feeds / "hours.csv", date_format="%Y-%m-%dT%H:%M:%S%z")

    def look(self, now: datetime) -> CycleResult:
        pull_feeds(self.desk, now=now)
        at = newest_mark(now, self.desk.settings.cycle_step_min)
        return run_cycle(self.desk, at, now=now, drafts=False)

    def table(self, result: CycleResult) -> RiskTable:
        return read_risk(self.desk.out / result.risk_path)


@pytest.fixture
def live(storm_district: Path, tmp_path: Path) -> Iterator[Live]:
    made = Live(storm_district, tmp_path / "live")
    yield made
    made.desk.ledger.close()


def test_rain_enters_in_its_own_steps_and_windows_roll(live: Live) -> None:
    at = PEAK - 40 * MINUTE
    live.lay(at)
    result = live.look(at + 2 * MINUTE)
    assert live.desk.settings.cycle_step_min == 10
    assert result.valid_at == at
    table = live.table(result)
    assert table.attrs["ladder_step"] == 1
    assert table.attrs["observed_until"] == at.isoformat()
    near = live.tens[live.tens.index <= at]
    sums = {name: near.iloc[-steps:].sum() for name, steps in (("10min", 1), ("30min", 3), ("1h", 6), ("3h", 18))}
    for name, total in sums.items():
        amount = table[f"obs_{name}_mm"]
        assert amount.between(total.min() - 0.1, total.max() + 0.1).all(), name
    steps = cycle_rain(live.desk, at, known_at=at + 2 * MINUTE).rainfall
    assert steps.attrs["step_h"] == pytest.approx(1 / 6)


def test_a_burst_within_the_hour_is_told_before_the_hour_is_over(
    live: Live, storm_district: Path, tmp_path: Path
) -> None:
    """At twenty past, hourly gauges know nothing yet of the hour that ten-minute ones have seen four fifths of."""
    for before in (PEAK - 2 * HOUR, PEAK - HOUR):
        live.lay(before)
        live.look(before + 2 * MINUTE)
    live.lay(PEAK - 40 * MINUTE)
    result = live.look(PEAK - 38 * MINUTE)
    hours = Live(storm_district, tmp_path / "hours", step_h=1.0)
    hours.tens = hours.hourly  # the same storm, from gauges that report by the hour
    hours.laid = hours.hourly.index[0] - HOUR
    for before in (PEAK - 2 * HOUR, PEAK - HOUR):
        hours.lay(before)
        hourly = hours.look(before + 2 * MINUTE)
    early, late = live.table(result), hours.table(hourly)
    hours.desk.ledger.close()
    assert hours.desk.settings.cycle_step_min == 60
    assert (early["depth_now_m"] >= late["depth_now_m"] - 1e-9).all()
    assert early["depth_now_m"].sum() > 1.1 * late["depth_now_m"].sum()
    assert (early["level"] >= late["level"]).all()


def test_a_warning_is_lowered_no_faster_by_looking_more_often(live: Live) -> None:
    opened = PEAK + 3 * HOUR  # the rain is over in the forecast too, so levels do fall
    live.lay(opened)
    live.look(opened + 2 * MINUTE)
    held = {state.area_code: state.record.level for state in states_of(live.desk.ledger.last_cycle(live.desk.code))}
    assert max(held.values()) >= Level.YELLOW
    live.tens.loc[live.tens.index > opened] = 0.0  # and from now on it is dry
    shutil.rmtree(live.feeds / "ensemble")
    (live.feeds / "ensemble").mkdir()
    counts, at = [], opened
    while at < opened + 70 * MINUTE:
        at += TEN
        live.lay(at)
        result = live.look(at + 2 * MINUTE)
        assert not [one for one in result.records if one.action in (Action.DNG, Action.CAN)], at
        counts.append(max(state.lower_count for state in states_of(live.desk.ledger.last_cycle(live.desk.code))))
    assert max(counts) <= 2, "seven looks within 70 minutes are two at most"


def test_gauges_by_the_hour_and_by_ten_minutes_go_together(storm_district: Path, tmp_path: Path) -> None:
    made = Live(storm_district, tmp_path / "mixed", hourly_half=True)
    made.lay(PEAK)
    full = made.look(PEAK + 2 * MINUTE)
    whole = made.table(full)
    assert whole.attrs["gauges_used"] == len(made.hourly.columns)
    made.lay(PEAK + TEN)
    within = made.look(PEAK + TEN + 2 * MINUTE)
    made.desk.ledger.close()
    assert within.valid_at == PEAK + TEN
    table = made.table(within)
    assert table.attrs["ladder_step"] == 2, "only the gauges by ten minutes know the newest step"
    assert table.attrs["gauges_used"] == 2
    assert "unknown" not in set(table["order_phase"])


@pytest.mark.parametrize("hours_later", [0, 3, 23])
def test_wet_ground_is_remembered_over_a_cycle_that_was_missed(live: Live, hours_later: int) -> None:
    """The rain window begins where no cycle ran: the newest before it tells how wet the ground was."""
    wet = PEAK + 2 * HOUR
    live.lay(wet)
    kept = live.table(live.look(wet + 2 * MINUTE))["soil_water_index_mm"]
    past = timedelta(hours=live.desk.settings.warning.past_h)
    late = wet + past + hours_later * HOUR
    live.lay(late)
    result = live.look(late + 2 * MINUTE)
    now = live.table(result)["soil_water_index_mm"]
    assert (kept > 30).all()
    assert (now > 0.3 * kept).all()


def test_an_hour_that_neighbours_doubt_is_doubted_in_its_ten_minutes(live: Live) -> None:
    """Four millimetres in ten minutes may be; four and twenty in an hour beside a dry network may not."""
    gauge, wet = live.tens.columns[0], live.tens.index > PEAK - 3 * HOUR
    live.tens.loc[live.tens.index > PEAK - 6 * HOUR] = 0.2
    live.lay(PEAK - TEN)
    assert not live.table(live.look(PEAK - 8 * MINUTE))["unconfirmed"].any()
    live.tens.loc[wet, gauge] = 4.0 + 0.1 * (np.arange(wet.sum()) % 5)
    live.laid = PEAK - 6 * HOUR
    live.lay(PEAK)
    assert live.table(live.look(PEAK + 2 * MINUTE))["unconfirmed"].any()
