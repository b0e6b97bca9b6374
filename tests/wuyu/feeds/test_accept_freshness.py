"""A refused file taken after all by a named officer; feeds that are late are said once; a backfill sends nothing."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from risk_models.district.settings import FolderFeedSettings
from risk_models.errors import ConfigError
from tests.broken_inputs import make
from tests.wuyu.feeds.conftest import AT, TABLE, Take
from wuyu.feeds.accept import accept_file, refused_file, refused_files
from wuyu.feeds.checks import comparison, file_check
from wuyu.feeds.freshness import check_freshness
from wuyu.feeds.status import status
from wuyu.ledger import Ledger

HOUR = timedelta(hours=1)
FEED = FolderFeedSettings(id="gauges", kind="gauge_table", path="drop", stale_after_h=2)
CHECK = file_check("gauge_table", timezone="Asia/Shanghai")


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    path = tmp_path / "district" / "drop"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def refused(drop: Path, take_from: Take) -> str:
    """A table in inches after one in mm."""
    compare = comparison("gauge_table", timezone="Asia/Shanghai")
    (drop / "1.csv").write_text(make.text(make.table()), encoding="utf-8")
    take_from(FEED, compare=compare)
    (drop / "2.csv").write_text(make.text(make.scaled(1 / 25.4, places=3)), encoding="utf-8")
    (file,) = take_from(FEED, compare=compare).rejected
    return file.sha256


def accept(ledger: Ledger, tmp_path: Path, sha256: str, officer: str = "王五") -> None:
    file = refused_file(ledger, sha256)
    accept_file(ledger, file, officer=officer, now=AT + HOUR, raw_dir=tmp_path / "raw", check=CHECK)


def test_an_officer_takes_a_refused_file(own_ledger: Ledger, refused: str, take_from: Take, tmp_path: Path) -> None:
    accept(own_ledger, tmp_path, refused[:8].upper())
    assert refused_files(own_ledger) == []
    (one,) = status(own_ledger, AT)
    assert (one.files_accepted, one.files_rejected, one.refused, one.last_file) == (2, 0, "", "2.csv")
    assert len([path for path in (tmp_path / "raw" / "gauges").iterdir() if path.suffix == ".csv"]) == 2
    entry = own_ledger.log_entries()[-1]
    assert (entry.who, entry.what, entry.detail["sha256"]) == ("王五", "file-accepted-anyway", refused)
    assert "times the rain received before" in entry.detail["refused_for"]
    assert take_from(FEED).accepted == ()  # and it is not taken again
    with pytest.raises(ConfigError, match="0 refused files"):
        accept(own_ledger, tmp_path, refused)


def test_who_answers_must_be_named(own_ledger: Ledger, refused: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs the name of an officer"):
        accept(own_ledger, tmp_path, refused, officer=" ")
    with pytest.raises(ConfigError, match="at least the first 8 digits"):
        accept(own_ledger, tmp_path, refused[:7])
    assert len(refused_files(own_ledger)) == 1


def test_what_cannot_be_read_cannot_be_accepted(
    own_ledger: Ledger, drop: Path, take_from: Take, tmp_path: Path
) -> None:
    (drop / "g.csv").write_bytes(b"nothing\n")
    (file,) = take_from(FEED).rejected
    with pytest.raises(ConfigError, match=r"g.csv cannot be read, so nobody can accept it"):
        accept(own_ledger, tmp_path, file.sha256)
    next((tmp_path / "raw" / "rejected" / "gauges").glob("*.csv")).unlink()
    with pytest.raises(ConfigError, match="its bytes were not kept"):
        accept(own_ledger, tmp_path, file.sha256)


def test_a_late_feed_is_said_once_and_its_return_too(
    own_ledger: Ledger, drop: Path, take_from: Take, caplog: pytest.LogCaptureFixture
) -> None:
    (drop / "g.csv").write_bytes(TABLE)
    take_from(FEED)
    before = len(own_ledger.log_entries())
    assert check_freshness(own_ledger, ["gauges"], now=AT) == []
    with caplog.at_level(logging.ERROR):
        for hours in (3, 4):
            (late,) = check_freshness(own_ledger, ["gauges"], now=AT + hours * HOUR)
    assert (late.state, late.age_h) == ("late", 4.0)
    assert [record.message.split(";")[0] for record in caplog.records][-1].startswith(
        "Feed gauges: late, newest data 4.0"
    )
    (drop / "h.csv").write_bytes(TABLE + b"2021-07-20 21:00,0.0\n")
    take_from(FEED, now=AT + 4 * HOUR)
    assert check_freshness(own_ledger, ["gauges"], now=AT + 4 * HOUR) == []
    entries = [entry for entry in own_ledger.log_entries()[before:] if entry.who == "freshness"]
    assert [entry.what for entry in entries] == ["feed-late", "feed-fresh-again"]
    assert entries[0].detail == {"feed": "gauges", "state": "late", "age_h": 3.0, "limit_h": 2.0}


def test_a_feed_never_pulled_is_late_and_one_of_another_district_is_not_told(
    own_ledger: Ledger, drop: Path, take_from: Take
) -> None:
    (drop / "g.csv").write_bytes(TABLE)
    take_from(FEED)
    late = check_freshness(own_ledger, ["ensemble"], now=AT + 9 * HOUR)
    assert [(one.feed_id, one.state) for one in late] == [("ensemble", "absent")]
