"""Desks with a past of some weeks, written in a moment."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.past import Past, write_past
from tests.factories import add_mini_storm, write_mini_district
from wuyu.cycle import assess
from wuyu.desk import Desk, begin_desk
from wuyu.station import Station, open_station

#: Two hours before the peak of the mini storm; the past ends an hour earlier.
NOW = datetime(2021, 7, 20, 4, tzinfo=UTC)


@pytest.fixture(scope="session")
def lasting_district(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mini district with the feeds of a storm, read once for all pasts."""
    return add_mini_storm(write_mini_district(tmp_path_factory.mktemp("lasting") / "mini", gauges=4))


@pytest.fixture(scope="session")
def risk_table(lasting_district: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A risk table of the mini district."""
    desk = begin_desk(lasting_district, tmp_path_factory.mktemp("scored"))
    _, paths, _ = assess(desk, NOW)
    desk.ledger.close()
    return (desk.out / paths["parquet"]).read_bytes()


@pytest.fixture(scope="session")
def make_past(
    lasting_district: Path, risk_table: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Desk]:
    """Return a desk with a past of some days that ends at `NOW`."""

    def make(days: int, *, tables: bool = True) -> Desk:
        desk = begin_desk(lasting_district, tmp_path_factory.mktemp("past"))
        write_past(desk, NOW, Past(hours=24 * days, risk_table=risk_table if tables else b"table"))
        return desk

    return make


@pytest.fixture(scope="session")
def old_past(make_past: Callable[..., Desk]) -> Iterator[Desk]:
    """Three weeks with two storms; to be copied, not changed."""
    desk = make_past(22, tables=False)
    yield desk
    desk.ledger.close()


@pytest.fixture
def station(old_past: Desk, lasting_district: Path, tmp_path: Path) -> Iterator[Station]:
    """A copy of the three weeks, for one test."""
    shutil.copytree(old_past.out, tmp_path / "out")
    opened = open_station(lasting_district, tmp_path / "out")
    yield opened
    opened.ledger.close()


@pytest.fixture
def make_short(lasting_district: Path, tmp_path: Path) -> Callable[[], Desk]:
    """Return a desk whose past is one storm and the day after it."""

    def make() -> Desk:
        desk = begin_desk(lasting_district, tmp_path / "short")
        write_past(desk, NOW, Past(hours=54, risk_table=b"table"))
        desk.ledger.close()
        return desk

    return make
