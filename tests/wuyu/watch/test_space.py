"""Room on the disks: share, days left at the growth of the last weeks, and what is not known is said."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from risk_models.district.outgoing import WatchSettings
from wuyu.watch.space import look_at_room

NOW = datetime(2026, 7, 20, 4, tzinfo=UTC)
DAY = timedelta(days=1)
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A disk of 1,000 GB of which so many are used."""
    used = [500]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, used[0] * 10**9, (1000 - used[0]) * 10**9))
    return used


def _look(out: Path, now: datetime, **limits: float) -> tuple[list[str], list[str]]:
    problems, facts = look_at_room(out, out / "ledger.sqlite", WatchSettings(**limits), now=now)  # type: ignore[arg-type]
    return [one.en for one in problems], facts


def test_growth_is_not_known_at_first_and_then_told_in_days(tmp_path: Path, disk: list[int]) -> None:
    assert _look(tmp_path, NOW) == (
        [],
        ["磁盘空间 / room (products): 50%, 500.0 GB, 增长情况不明 / growth not known before tomorrow"],
    )
    disk[0] = 505
    assert "growth not known" in _look(tmp_path, NOW + DAY / 2)[1][0]
    disk[0] = 520
    assert _look(tmp_path, NOW + 2 * DAY)[1] == [
        "磁盘空间 / room (products): 48%, 480.0 GB, 约够48天 / about 48 days left"
    ]
    disk[0] = 400
    assert _look(tmp_path, NOW + 3 * DAY)[1][0].endswith("没有增长 / not growing")


def test_a_disk_that_fills_is_an_alarm_before_it_is_full(tmp_path: Path, disk: list[int]) -> None:
    _look(tmp_path, NOW)
    disk[0] = 600
    assert _look(tmp_path, NOW + DAY)[0] == [
        "at its growth the disk of the products is full in about 4 days (limit 14): wuyu retention"
    ]
    disk[0] = 960
    assert _look(tmp_path, NOW + DAY)[0] == ["the disk of the products is 4.0% free (limit 5%): wuyu retention"]
    assert _look(tmp_path, NOW + DAY, min_free_pct=0, min_days_left=0)[0] == []


def test_growth_is_that_of_the_last_weeks(tmp_path: Path, disk: list[int]) -> None:
    disk[0] = 0
    _look(tmp_path, NOW)
    for day in range(40, 45):
        disk[0] = 500 + day
        facts = _look(tmp_path, NOW + day * DAY)[1]
    assert facts[0].endswith("about 456 days left")
    notes = json.loads((tmp_path / "watch" / "space.json").read_text())
    assert len(notes["products"]) == 5


@pytest.mark.parametrize("broken", ["", "[]", '{"products": 3}', '{"products": [["x", 1]]}', '{"products": [[1]]}'])
def test_notes_that_cannot_be_read_are_no_growth(broken: str, tmp_path: Path, disk: list[int]) -> None:
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "space.json").write_text(broken)
    assert disk
    assert "not known" in _look(tmp_path, NOW)[1][0]


def test_the_disk_of_a_database_server_is_not_known_and_that_is_said(tmp_path: Path, disk: list[int]) -> None:
    _, facts = look_at_room(tmp_path, "postgresql://duty@db.example/wuyu", WatchSettings(), now=NOW)
    assert disk
    assert "not known, it is on a database server" in facts[1]


def test_a_place_that_is_gone_is_an_alarm(tmp_path: Path) -> None:
    problems, _ = look_at_room(tmp_path / "gone", tmp_path / "ledger.sqlite", WatchSettings(), now=NOW)
    assert [one.kind for one in problems] == ["space"]
