"""Files in: kept as they came, broken ones set aside, and chosen as they were known at the time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from sqlalchemy import select

from risk_models.errors import BadInputError, Finding
from wuyu.feeds import folder
from wuyu.feeds.checks import FileFacts, file_check, issued_at_from_name
from wuyu.feeds.intake import PullResult, pull
from wuyu.feeds.select import ensembles, tables_of_span
from wuyu.feeds.status import status
from wuyu.ledger import FeedFile, Ledger

AT = datetime(2021, 7, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
Pull = Callable[..., PullResult]


@dataclass(frozen=True)
class Feed:
    id: str = "gauges"
    kind: str = "gauge_table"
    path: str = "drop"
    stale_after_h: float = 2.0


def check_text(path: Path) -> FileFacts:
    """A small format of our own: a first and a last hour, ``ok 5 9``; everything else is broken."""
    words = path.read_text(encoding="utf-8").split()
    if words[:1] == ["crash"]:
        raise RuntimeError("out of reach")
    if words[:1] != ["ok"]:
        raise BadInputError(path.name, [Finding(code="no-rows", message="no usable row", file=path.name)])
    day = datetime(2021, 7, 20, tzinfo=UTC)
    first, last = (day + timedelta(hours=int(word)) for word in words[1:])
    return FileFacts(rows_read=3, rows_rejected=1, first_value_at=first, last_value_at=last)


@pytest.fixture
def district(tmp_path: Path) -> Path:
    (tmp_path / "district" / "drop").mkdir(parents=True)
    return tmp_path / "district"


@pytest.fixture
def drop(district: Path) -> Path:
    return district / "drop"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "raw"


@pytest.fixture
def take(ledger: Ledger, district: Path, raw: Path) -> Pull:
    def take(feed: Feed | None = None, *, now: datetime = AT, check: folder.FileCheck = check_text) -> PullResult:
        return pull(feed or Feed(), district, now=now, raw_dir=raw, ledger=ledger, check=check)

    return take


def test_a_new_file_is_kept_under_its_digest(take: Pull, drop: Path, raw: Path, ledger: Ledger) -> None:
    (drop / "g.csv").write_text("ok 5 9")
    (file,) = take().accepted
    assert file.raw_path == f"gauges/{file.sha256[:12]}-g.csv"
    assert (raw / file.raw_path).read_text() == "ok 5 9"
    assert (file.rows_read, file.rows_rejected, file.last_value_at, file.arrived_at) == (3, 1, AT, AT)
    assert [entry.what for entry in ledger.log_entries()] == ["file-accepted"]
    assert [path.name for path in raw.rglob("*.part")] == []


def test_the_folder_is_only_read(take: Pull, drop: Path) -> None:
    (drop / "a.csv").write_text("ok 5 9")
    (drop / "b.csv").write_text("broken")
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in drop.iterdir()}
    take()
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in drop.iterdir()} == before


def test_pulling_again_brings_nothing(take: Pull, drop: Path, ledger: Ledger) -> None:
    (drop / "a.csv").write_text("ok 5 9")
    (drop / "b.csv").write_text("broken")
    first, second = take(), take(now=AT + HOUR)
    assert (len(first.accepted), len(first.rejected)) == (1, 1)
    assert (second.accepted, second.rejected, second.repeated) == ((), (), ())
    assert len(ledger.log_entries()) == 2


def test_a_changed_file_is_a_new_one_and_the_old_bytes_stay(take: Pull, drop: Path, raw: Path) -> None:
    for last in ("8", "9"):
        (drop / "g.csv").write_text(f"ok 5 {last}")
        take()
    kept = sorted(path.read_text() for path in (raw / "gauges").iterdir())
    assert kept == ["ok 5 8", "ok 5 9"]


@pytest.mark.parametrize("text", ["", "broken", "crash", "\x00\xff"])
def test_a_broken_file_is_set_aside_with_the_reason_and_stops_no_other(
    take: Pull, drop: Path, raw: Path, text: str
) -> None:
    (drop / "a.csv").write_text(text)
    (drop / "b.csv").write_text("ok 5 9")
    result = take()
    assert [file.name for file in result.accepted] == ["b.csv"]
    (bad,) = result.rejected
    assert bad.raw_path == f"rejected/gauges/{bad.sha256[:12]}-a.csv"
    assert (raw / bad.raw_path).read_text() == text
    reason = (raw / f"{bad.raw_path}.reason.txt").read_text().strip()
    assert reason == bad.error
    assert "a.csv" in reason
    assert [path.name for path in (raw / "gauges").iterdir()] == [Path(result.accepted[0].raw_path).name]


def test_an_old_file_with_a_new_name_is_noticed(take: Pull, drop: Path) -> None:
    (drop / "a.csv").write_text("ok 5 9")
    take()
    (drop / "b.csv").write_text("ok 5 9")
    result = take()
    assert (result.accepted, result.repeated) == ((), ("b.csv",))


def test_unfinished_hidden_and_linked_files_are_left_alone(take: Pull, drop: Path, tmp_path: Path) -> None:
    for name in ("a.csv.part", "a.TMP", ".hidden"):
        (drop / name).write_text("ok 5 9")
    (tmp_path / "secret").write_text("ok 5 9")
    (drop / "link.csv").symlink_to(tmp_path / "secret")
    (drop / "folder").mkdir()
    assert take() == PullResult(feed_id="gauges", accepted=(), rejected=(), repeated=(), error="")


@pytest.mark.parametrize("path", ["../outside", "/etc", "drop/../../outside"])
def test_a_feed_cannot_leave_the_district(take: Pull, tmp_path: Path, path: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "g.csv").write_text("ok 5 9")
    result = take(Feed(path=path))
    assert "leaves the district folder" in result.error
    assert result.accepted == ()


def test_a_folder_that_is_not_there_is_an_error_of_the_feed(take: Pull, ledger: Ledger) -> None:
    assert "brought nothing: nowhere is not there" in take(Feed(path="nowhere")).error
    (found,) = status(ledger, AT)
    assert (found.state, found.age_h) == ("absent", None)
    assert "nowhere" in found.error


def test_a_file_beyond_the_limit_is_not_read(
    take: Pull, drop: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MAX_BYTES", 10)
    (drop / "big.csv").write_text("ok 5 9" + " " * 20)
    (bad,) = take().rejected
    assert "larger than 10 bytes" in str(bad.error)
    assert [path.suffix for path in (raw / "rejected" / "gauges").iterdir()] == [".txt"]
    assert take().rejected == ()


def test_a_single_file_can_be_a_feed(take: Pull, drop: Path) -> None:
    (drop / "g.csv").write_text("ok 5 9")
    assert len(take(Feed(path="drop/g.csv")).accepted) == 1


@pytest.mark.parametrize(
    ("hours", "state", "age_h"),
    [(0, "fresh", 0), (2, "fresh", 2), (2.1, "late", 2.1), (-1, "ahead", 0), (-5, "absent", None)],
)
def test_the_age_is_told_against_the_limit(
    take: Pull, drop: Path, ledger: Ledger, hours: float, state: str, age_h: float | None
) -> None:
    (drop / "g.csv").write_text("ok 5 9")
    take()
    (found,) = status(ledger, AT + timedelta(hours=hours))
    assert (found.state, found.limit_h, found.files_accepted) == (state, 2.0, 1)
    assert found.age_h == (None if age_h is None else pytest.approx(age_h))


def test_forecasts_are_chosen_by_issue_time_and_delay(take: Pull, drop: Path, raw: Path, ledger: Ledger) -> None:
    def check(path: Path) -> FileFacts:
        issued_at = issued_at_from_name(path.name)
        assert issued_at is not None
        return FileFacts(issued_at=issued_at, first_value_at=issued_at + HOUR, last_value_at=issued_at + 72 * HOUR)

    for hour in (0, 6, 12):
        (drop / f"ens_20210720T{hour:02}Z.nc").write_text(str(hour))
    take(Feed(id="ensemble"), check=check)

    def chosen(hour: float, delay_h: float = 0) -> str | None:
        found = ensembles(
            ledger, "ensemble", raw_dir=raw, valid_at=datetime(2021, 7, 20, tzinfo=UTC) + hour * HOUR,
            delay=delay_h * HOUR,
        )  # fmt: skip
        return found[0].path.read_text() if found else None

    assert [chosen(hour) for hour in (-1, 0, 5, 6, 11, 30)] == [None, "0", "0", "6", "6", "12"]
    assert [chosen(hour, 3) for hour in (2, 3, 8, 9, 15)] == [None, "0", "0", "6", "12"]
    (found,) = status(ledger, datetime(2021, 7, 20, 8, tzinfo=UTC))
    assert (found.age_h, found.state) == (2, "ahead")


def test_a_forecast_that_came_late_was_not_known_before(take: Pull, drop: Path, raw: Path, ledger: Ledger) -> None:
    def check(path: Path) -> FileFacts:
        return FileFacts(issued_at=issued_at_from_name(path.name))

    (drop / "ens_20210720T00Z.nc").write_text("0")
    take(check=check, now=AT)
    (drop / "ens_20210720T06Z.nc").write_text("6")
    take(check=check, now=AT + 2 * HOUR)
    then = ensembles(ledger, "gauges", raw_dir=raw, valid_at=AT + HOUR, known_at=AT + HOUR)
    now = ensembles(ledger, "gauges", raw_dir=raw, valid_at=AT + HOUR)
    assert (then[0].name, now[0].name) == ("ens_20210720T00Z.nc", "ens_20210720T06Z.nc")


def test_the_gauge_tables_of_a_span_are_all_that_were_there_the_last_first(
    take: Pull, drop: Path, raw: Path, ledger: Ledger
) -> None:
    for number, last in enumerate(("7", "8")):
        (drop / "g.csv").write_text(f"ok 5 {last}")
        take(now=AT + number * HOUR)

    def found(begin: datetime, end: datetime, **more: Any) -> list[str]:
        tables = tables_of_span(ledger, more.pop("feed", "gauges"), raw_dir=raw, begin=begin, end=end, **more)
        return [table.path.read_text() for table in tables]

    assert found(AT - 5 * HOUR, AT) == ["ok 5 8", "ok 5 7"]
    assert found(AT - 5 * HOUR, AT, known_at=AT) == ["ok 5 7"]
    assert found(AT - 2 * HOUR, AT) == ["ok 5 8"]  # a span begins after its first moment
    assert found(AT - 9 * HOUR, AT - 5 * HOUR) == []
    assert found(AT - 5 * HOUR, AT, feed="other") == []


def test_the_readers_of_the_science_check_real_files(take: Pull, drop: Path, ledger: Ledger) -> None:
    lines = ["time,57083,57084", *[f"2021-07-20 {hour:02}:00,{hour}.5,0" for hour in range(10, 18)]]
    (drop / "gauges.csv").write_text("\n".join(lines) + "\n")
    (drop / "empty.csv").write_text("")
    result = take(check=file_check("gauge_table", timezone="Asia/Shanghai"))
    (good,), (bad,) = result.accepted, result.rejected
    assert (good.rows_read, good.first_value_at, good.last_value_at) == (8, AT - 7 * HOUR, AT)
    assert "empty" in str(bad.error)


def test_the_reader_of_ensembles_checks_real_files(take: Pull, drop: Path) -> None:
    times = np.array(["2021-07-20T01", "2021-07-20T02"], dtype="datetime64[ns]")
    rain = np.ones((3, 2, 2, 2), dtype=np.float32)
    forecast = xr.Dataset(
        {"rain_mm": (("member", "time", "lat", "lon"), rain, {"units": "mm"})},
        coords={"member": range(3), "time": times, "lat": [34.6, 34.7], "lon": [113.5, 113.6]},
        attrs={"issued_at": "2021-07-20T00:00:00+00:00"},
    )
    forecast.to_netcdf(drop / "a.nc")
    (drop / "b.nc").write_bytes((drop / "a.nc").read_bytes()[:500])
    result = take(Feed(kind="ensemble_netcdf"), check=file_check("ensemble_netcdf", timezone="UTC"))
    assert [file.name for file in result.rejected] == ["b.nc"]
    (good,) = result.accepted
    assert (good.issued_at, good.last_value_at) == (AT - 9 * HOUR, AT - 7 * HOUR)


def test_two_pulls_at_once_keep_one_row(
    ledger: Ledger, district: Path, drop: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (drop / "g.csv").write_text("ok 5 9")
    other: list[PullResult] = []

    def check(path: Path) -> FileFacts:
        if not other:
            other.append(pull(Feed(), district, now=AT, raw_dir=raw, ledger=ledger, check=check_text))
        return check_text(path)

    late = pull(Feed(), district, now=AT, raw_dir=raw, ledger=ledger, check=check)
    assert (len(other[0].accepted), len(late.accepted)) == (1, 0)
    with ledger.reading() as session:
        assert len(list(session.scalars(select(FeedFile)))) == 1
