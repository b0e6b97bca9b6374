"""What the desk and the products are told of a feed, and how a table is held against the one before it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from risk_models.district.settings import FolderFeedSettings
from tests.wuyu.feeds.conftest import AT, TABLE, Take
from wuyu.feeds.agreement import all_dry_in_rain, below_every_forecast, disagreement
from wuyu.feeds.checks import comparison, file_check
from wuyu.feeds.status import feed_lines, status
from wuyu.ledger import Ledger
from wuyu.ledger.models import FeedFinding, FeedPull

FEED = FolderFeedSettings(id="gauges", kind="gauge_table", path="drop", stale_after_h=2)
HOUR = timedelta(hours=1)


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    (tmp_path / "district" / "drop").mkdir(parents=True)
    return tmp_path / "district" / "drop"


def test_rows_findings_and_failures_are_counted(drop: Path, take_from: Take, own_ledger: Ledger) -> None:
    (drop / "a.csv").write_bytes(TABLE + b"2021-07-20 18:00,-3\nnonsense,1\n")
    take_from(FEED, now=AT + HOUR)
    (found,) = status(own_ledger, AT + HOUR)
    assert (found.last_file, found.rows_read, found.rows_rejected) == ("a.csv", 4, 1)
    assert {"negative-rain": 1, "bad-time": 1}.items() <= found.findings.items()
    assert (found.consecutive_failures, found.refused, found.pulled_at) == (0, "", AT + HOUR)
    (drop / "b.csv").write_bytes(b"time_end,57083\n")
    take_from(FEED, now=AT + 2 * HOUR)
    (found,) = status(own_ledger, AT + 2 * HOUR)
    assert (found.consecutive_failures, found.refused_codes, found.last_file) == (1, ("header-only",), "a.csv")
    (line,) = feed_lines([found])
    assert line.zh.endswith("最新文件未采用（只有表头）；连续1次未取到。")
    assert line.en.endswith("newest file refused (header only); failed 1 times in a row.")


def test_failures_in_a_row_end_with_a_good_pull(drop: Path, take_from: Take, own_ledger: Ledger) -> None:
    away = FEED.model_copy(update={"path": "nowhere"})
    for hours in range(3):
        take_from(away, now=AT + hours * HOUR)
        assert status(own_ledger, AT)[0].consecutive_failures == hours + 1
    (drop / "a.csv").write_bytes(TABLE)
    take_from(FEED, now=AT + 3 * HOUR)
    assert status(own_ledger, AT)[0].consecutive_failures == 0


def test_every_look_stays_in_the_ledger(drop: Path, take_from: Take, own_ledger: Ledger) -> None:
    (drop / "a.csv").write_bytes(TABLE)
    take_from(FEED)
    (drop / "b.csv").write_bytes(TABLE)
    take_from(FEED, now=AT + HOUR)
    with own_ledger.reading() as session:
        looks = list(session.scalars(select(FeedPull).order_by(FeedPull.id)))
        findings = list(session.scalars(select(FeedFinding)))
    assert [(look.at, look.ok, look.accepted, look.repeated) for look in looks] == [
        (AT, True, 1, 0),
        (AT + HOUR, True, 0, 1),
    ]
    assert findings == []
    with pytest.raises(DatabaseError, match="append-only"), own_ledger.writing() as session:
        session.execute(text("UPDATE feed_pulls SET ok = 0"))


def test_a_source_that_breaks_in_an_unknown_way_is_an_error(
    drop: Path, take_from: Take, own_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*_: object) -> None:
        raise KeyError("password=s3cret")

    monkeypatch.setattr("wuyu.feeds.folder.FolderSource.fetch", fetch)
    assert take_from(FEED).error == "feed gauges broke (KeyError)"
    assert status(own_ledger, AT)[0].consecutive_failures == 1


def test_a_full_disk_is_an_error_and_the_file_is_taken_next_time(
    drop: Path, take_from: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    (drop / "a.csv").write_bytes(TABLE)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("wuyu.feeds.intake.write_whole", full)
        assert take_from(FEED).error == "a.csv: cannot be kept (No space left on device)"
    assert len(take_from(FEED).accepted) == 1


def test_most_gauges_decide_whether_a_clock_is_ahead(drop: Path, take_from: Take) -> None:
    one = b"time_end,A,B,C\n2021-07-20 17:00,1,1,1\n2021-07-21 01:00,,,1\n"
    most = b"time_end,A,B,C\n2021-07-20 17:00,1,1,1\n2021-07-21 01:00,,1,1\n"
    (drop / "one.csv").write_bytes(one)
    assert len(take_from(FEED).accepted) == 1
    (drop / "two.csv").write_bytes(most)
    assert "8.0 h after it came" in str(take_from(FEED).rejected[0].error)


def test_a_table_with_other_gauges_is_put_aside(drop: Path, take_from: Take) -> None:
    (drop / "a.csv").write_bytes(TABLE)
    check = file_check("gauge_table", timezone="Asia/Shanghai", gauge_ids=["G1"])
    assert "no column is a known gauge" in str(take_from(FEED, check=check).rejected[0].error)


def test_a_larger_unit_is_taken_with_a_warning(drop: Path, take_from: Take, own_ledger: Ledger) -> None:
    rain = [2.0, 5.5, 9.3, 21.7, 30.1, 12.4, 3.3]
    compare = comparison("gauge_table", timezone="Asia/Shanghai")
    for name, factor in (("a", 1.0), ("b", 10.0), ("c", 1.0)):
        rows = "".join(f"2021-07-20 {hour:02}:00,{value * factor:.1f}\n" for hour, value in enumerate(rain, start=10))
        (drop / f"{name}.csv").write_text(f"time_end,57083\n{rows}2021-07-20 17:00,{'1.0' if name == 'c' else ''}\n")
        result = take_from(FEED, compare=compare)
        if name == "b":
            assert status(own_ledger, AT)[0].findings["unit-slip"] == 1
    assert "0.1 times the rain received before (7 values)" in str(result.rejected[0].error)


def table(rain_mm: np.ndarray, *, begin: str = "2021-07-20T00") -> xr.Dataset:
    end = np.datetime64(begin, "ns") + np.arange(len(rain_mm)) * np.timedelta64(1, "h")
    return xr.Dataset({"rain_mm": (("time", "gauge"), rain_mm)}, {"time": end, "gauge": list("ab")})


RAIN = st.lists(st.tuples(st.floats(0, 90), st.floats(0, 90)), min_size=8, max_size=30).map(
    lambda rows: np.round(np.array(rows), 1)
)


@settings(deadline=None, max_examples=40)
@given(RAIN)
def test_a_table_agrees_with_itself_and_with_more_of_itself(rain: np.ndarray) -> None:
    assert disagreement(table(rain), table(rain), file="g") is None
    assert disagreement(table(rain[:-2]), table(rain), file="g") is None
    assert disagreement(table(rain), table(rain[2:], begin="2021-07-20T02"), file="g") is None


@settings(deadline=None, max_examples=40)
@given(RAIN, st.integers(0, 1_000))
def test_single_corrections_are_no_disagreement(rain: np.ndarray, seed: int) -> None:
    rain = rain + 2.0
    mended = rain.copy()
    places = np.random.default_rng(seed).permutation(rain.size)[: rain.size // 6]
    mended.ravel()[places] = 0.0
    found = disagreement(table(rain), table(mended), file="g")
    assert found is None or found.code == "clock-moved-back"


@settings(deadline=None, max_examples=40)
@given(RAIN, st.sampled_from([1 / 25.4, 0.1, 0.01]))
def test_a_smaller_unit_is_always_refused(rain: np.ndarray, factor: float) -> None:
    found = disagreement(table(rain + 2.0), table((rain + 2.0) * factor), file="g")
    assert found is not None
    assert found.severity == "error"


def test_doubt_needs_every_gauge_and_enough_hours() -> None:
    lowest = np.full(4, 10.0)
    dry = np.zeros((4, 3))
    assert below_every_forecast(dry, lowest) == (0.0, 40.0)
    assert below_every_forecast(dry[:2], lowest[:2]) is None
    one_wet = dry.copy()
    one_wet[:, 1] = 2.0
    assert below_every_forecast(one_wet, lowest) is None
    assert below_every_forecast(np.full((4, 3), np.nan), lowest) is None
    assert all_dry_in_rain(dry, lowest) == 0  # it never rained: nothing stopped
    assert all_dry_in_rain(np.full((4, 3), np.nan), lowest) == 0
