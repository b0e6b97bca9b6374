"""A cycle is never stopped by its feeds: missing, late, lost and garbled files, hourly files, two feeds, delays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from risk_models.district.settings import AnyFeedSettings, FolderFeedSettings
from risk_models.errors import ConfigError
from risk_models.levels import Level
from tests.broken_inputs import make
from tests.factories import add_mini_storm, write_mini_district
from wuyu.desk import Desk, begin_desk
from wuyu.feeds.select import tables_of_span
from wuyu.ledger import create_ledger
from wuyu.rain import CycleRain, cycle_rain, pull_feed, pull_feeds

AT = datetime(2021, 7, 20, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)

Open = Callable[..., Desk]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    base = tmp_path_factory.mktemp("cycle-rain")
    folder = add_mini_storm(write_mini_district(base / "district", towns=1, hotspots=4))
    for name in ("drop", "second"):
        (folder / name).mkdir()
    desk = begin_desk(folder, base / "out")
    desk.ledger.close()
    return desk


@pytest.fixture
def opened(base: Desk, tmp_path: Path) -> Any:
    """Open the desk with an empty ledger, empty drop folders, and other settings of its feeds."""
    ledger = create_ledger(tmp_path / "ledger.sqlite")

    def open_with(*feeds: AnyFeedSettings) -> Desk:
        settings = base.district.settings.model_copy(update={"feeds": feeds})
        return replace(base, district=replace(base.district, settings=settings), ledger=ledger, out=tmp_path)

    for name in ("drop", "second"):
        for path in (base.district.root / name).iterdir():
            path.unlink()
    yield open_with
    ledger.close()


def gauges(name: str = "gauges", path: str = "drop", **more: Any) -> FolderFeedSettings:
    return FolderFeedSettings(id=name, kind="gauge_table", path=path, stale_after_h=2, **more)


def forecasts(**more: Any) -> FolderFeedSettings:
    return FolderFeedSettings(
        id="ensemble", kind="ensemble_netcdf", path="feeds/ensemble", stale_after_h=9, **more
    )  # fmt: skip


def drop(desk: Desk, name: str, data: bytes, folder: str = "drop") -> None:
    (desk.district.root / folder / name).write_bytes(data)


def worst(desk: Desk, rain: CycleRain) -> set[int]:
    return set(desk.scorer.score(rain.rainfall, event_key="test")["level"].astype(int))


def step(rain: CycleRain) -> int:
    return int(rain.rainfall.attrs["ladder_step"])


def test_without_feeds_nothing_is_known(opened: Open) -> None:
    desk = opened()
    rain = cycle_rain(desk, AT)
    assert (step(rain), rain.inputs, rain.quality, rain.lines) == (6, {}, None, ())
    assert worst(desk, rain) == {int(Level.UNKNOWN)}


@pytest.mark.parametrize(("hours_late", "ladder"), [(0, 1), (1, 3), (2, 3), (3, 4), (6, 4), (7, 5)])
def test_the_ladder_rises_with_the_age_of_the_gauges(opened: Open, hours_late: int, ladder: int) -> None:
    desk = opened(gauges())
    drop(desk, "g.csv", make.text(make.table(14 - hours_late)).encode())
    pull_feeds(desk, now=AT)
    rain = cycle_rain(desk, AT)
    assert step(rain) == ladder
    assert f"newest data {hours_late}.0 h old" in rain.lines[0].en
    # Without a forecast the coming hours are unknown, so a level below a warning cannot be told.
    assert Level.NONE not in worst(desk, rain)


def test_a_file_lost_from_the_disk_is_passed_over_for_the_one_before(opened: Open) -> None:
    desk = opened(gauges(), forecasts())
    for number, last in enumerate((13, 14)):
        drop(desk, f"{number}.csv", make.text(make.table(last)).encode())
        pull_feeds(desk, now=AT - (1 - number) * HOUR)
    newest = tables_of_span(desk.ledger, "gauges", raw_dir=desk.raw_dir, begin=AT - 12 * HOUR, end=AT)[0]
    newest.path.unlink()
    rain = cycle_rain(desk, AT)
    assert "cannot be read any more (FileNotFoundError); passed over" in rain.lines[-1].en
    assert step(rain) == 3  # the hour before is known from the table before
    assert min(worst(desk, rain)) > Level.NONE
    for path in desk.raw_dir.rglob("*.csv"):
        path.unlink()
    for path in desk.raw_dir.rglob("*.nc"):
        path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"0" * 100)
    rain = cycle_rain(desk, AT)
    assert sum("passed over" in line.en for line in rain.lines) >= 2
    assert worst(desk, rain) == {int(Level.UNKNOWN)}


def test_a_feed_of_hourly_files_gives_the_whole_window(opened: Open) -> None:
    desk = opened(gauges())
    header, *rows = make.table()
    for number in (0, 1, 2, 5, 3, 4, *range(6, len(rows))):  # one comes late, two after it
        drop(desk, f"{number:02}.csv", make.text([header, rows[number]]).encode())
        pull_feeds(desk, now=AT - (len(rows) - 1 - number) * HOUR)
    hourly = cycle_rain(desk, AT)
    whole = opened(gauges("whole", "second"))
    drop(whole, "g.csv", make.text(make.table()).encode(), "second")
    pull_feeds(whole, now=AT)
    expected = cycle_rain(whole, AT)
    np.testing.assert_array_equal(hourly.rainfall["rain_mm"], expected.rainfall["rain_mm"])
    assert step(hourly) == 1
    assert len(hourly.inputs) == 13  # the hour before the window too: the tests of quality look back on it
    assert {"gauges", "gauges#2"} <= set(hourly.inputs)


def test_two_feeds_fill_each_other(opened: Open) -> None:
    desk = opened(gauges(), gauges("second", "second"))
    drop(desk, "g.csv", make.text(make.columns((0, 1, 2))).encode())
    drop(desk, "h.csv", make.text(make.columns((0, 3, 4))).encode(), "second")
    pull_feed(desk, "gauges", now=AT)
    assert (step(cycle_rain(desk, AT)), cycle_rain(desk, AT).rainfall.attrs["gauges_used"]) == (2, 2)
    pull_feed(desk, "second", now=AT)
    rain = cycle_rain(desk, AT)
    assert (step(rain), rain.rainfall.attrs["gauges_used"], set(rain.inputs)) == (1, 4, {"gauges", "second"})


def test_an_archive_is_read_with_the_delay_its_values_had(opened: Open) -> None:
    late = {"availability_delay_min": 90}
    desk = opened(gauges(**late), forecasts(**late))
    drop(desk, "g.csv", make.text(make.table()).encode())
    years_later = datetime(2026, 1, 1, tzinfo=UTC)
    pull_feeds(desk, now=years_later)
    rain = cycle_rain(desk, AT)
    assert rain.rainfall.attrs["observed_until"] == "2021-07-20T04:00:00+00:00"
    assert rain.rainfall.attrs["issued_at"] == "2021-07-20T02:00:00+00:00"
    assert "from an archive" in rain.lines[0].en
    assert cycle_rain(desk, AT, known_at=AT).inputs == {}


def test_what_was_there_was_known_whatever_its_delay(opened: Open) -> None:
    late = {"availability_delay_min": 90}
    desk = opened(gauges(**late), forecasts(**late))
    drop(desk, "g.csv", make.text(make.table()).encode())
    pull_feeds(desk, now=AT)
    rain = cycle_rain(desk, AT)
    assert rain.rainfall.attrs["observed_until"] == AT.isoformat()
    assert rain.rainfall.attrs["issued_at"] == "2021-07-20T05:00:00+00:00"


def test_a_feed_that_cannot_work_stops_no_other(opened: Open) -> None:
    desk = opened(
        gauges("absent", "nowhere"), gauges().model_copy(update={"id": "odd", "kind": "tea_leaves"}), gauges()
    )
    drop(desk, "g.csv", make.text(make.table()).encode())
    absent, odd, good = pull_feeds(desk, now=AT)
    assert "nowhere is not there" in absent.error
    assert "no reader of kind 'tea_leaves'" in odd.error
    assert (len(good.accepted), step(cycle_rain(desk, AT))) == (1, 1)
    with pytest.raises(ConfigError, match="no feed 'other'; it has: absent, odd, gauges"):
        pull_feed(desk, "other", now=AT)


def test_dry_gauges_in_dry_weather_are_believed(opened: Open) -> None:
    desk = opened(gauges(), forecasts())
    dry = make.zero_from(1)
    for row in dry[1:]:
        row[0] = row[0].replace("07-20", "07-19")
    drop(desk, "g.csv", make.text(dry).encode())
    pull_feeds(desk, now=datetime(2021, 7, 20, tzinfo=UTC))
    at = datetime(2021, 7, 19, 6, tzinfo=UTC)
    assert step(cycle_rain(desk, at)) == 1
    shutil.rmtree(desk.raw_dir / "ensemble")


def test_options_of_the_reader_are_heeded_at_the_door_and_in_the_cycle(opened: Open) -> None:
    desk = opened(gauges(options={"label": "begin"}))
    drop(desk, "g.csv", make.text(make.renamed({"time_end": "time"})).encode())
    (pulled,) = pull_feeds(desk, now=AT + HOUR)
    assert pulled.accepted[0].last_value_at == AT + HOUR
    assert step(cycle_rain(desk, AT + HOUR)) == 1
