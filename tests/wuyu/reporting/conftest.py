"""A mini district that has seen its storm, with departments to consult and nobody yet asked for a report."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from risk_models.outlook.periods import Edition, Kind, Scope
from tests.replays import StormRun
from wuyu.desk import Desk, begin_desk
from wuyu.ledger import Ledger, open_ledger
from wuyu.ledger.models import Base
from wuyu.reporting import scope_for

#: Later than any mail of the storm, whenever the tests run.
NOW = datetime(2100, 1, 5, 3, tzinfo=UTC)
DEPARTMENTS = """\
reports:
  consultation_deadline_h: 24
  departments:
    - {id: water, name: {zh: 水利局, en: Water Bureau}, mailbox: water@mini.example}
    - {id: police, name: {zh: 交警大队, en: Traffic Police}}
important_periods:
  - {id: fair, name: {zh: 博览会, en: Fair}, first_day: 2021-07-19, last_day: 2021-07-21, crowd_people: 5000}
"""


@pytest.fixture
def reporting_district(storm_district: Path, tmp_path: Path) -> Path:
    """The district of the mini storm, with departments and an important period."""
    folder = tmp_path / "mini"
    shutil.copytree(storm_district, folder)
    with (folder / "district.yaml").open("a", encoding="utf-8") as settings:
        settings.write(DEPARTMENTS)
    return folder


@pytest.fixture
def desk(reporting_district: Path, storm_run: StormRun, tmp_path: Path) -> Iterator[Desk]:
    """A desk of its own on what the storm left: raw files, risk tables, ledger; no report."""
    out = tmp_path / "out"
    for name in ("raw", "risk", "cache"):
        shutil.copytree(storm_run.desk.out / name, out / name)
    _copy_ledger(storm_run.desk.ledger, out / "ledger.sqlite")
    opened = begin_desk(reporting_district, out)
    yield opened
    opened.ledger.close()


@pytest.fixture
def quiet_desk(reporting_district: Path, tmp_path: Path) -> Iterator[Desk]:
    """A desk that never ran a cycle."""
    opened = begin_desk(reporting_district, tmp_path / "quiet")
    yield opened
    opened.ledger.close()


@pytest.fixture
def scope(desk: Desk) -> Callable[..., Scope]:
    def of(kind: Kind = "month", key: str = "2021-07", edition: Edition = "review") -> Scope:
        return scope_for(desk, kind, key, edition)

    return of


def _copy_ledger(ledger: Ledger, target: Path) -> None:
    """Copy a SQLite ledger as it stands, without the reports in it."""
    with (
        contextlib.closing(sqlite3.connect(str(ledger.engine.url.database))) as source,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
    with open_ledger(target) as opened, opened.engine.begin() as connection:
        for table in ("report_steps", "report_issues"):
            guards = connection.exec_driver_sql(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,)
            ).all()
            for name, _ in guards:
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
            connection.execute(Base.metadata.tables[table].delete())
            for _, sql in guards:
                connection.exec_driver_sql(sql)
