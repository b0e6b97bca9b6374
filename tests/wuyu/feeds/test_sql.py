"""Feeds by SQL: one SELECT, read only, the same rows the same bytes; on SQLite and, where there is one, PostgreSQL."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import create_engine, make_url, text

from risk_models.district.settings import SqlFeedSettings
from tests.wuyu.feeds.conftest import AT, Take
from wuyu.feeds.sql import SqlSource

QUERY = "SELECT time, gauge_id, rain_mm FROM rain ORDER BY time DESC"


def feed(**more: Any) -> SqlFeedSettings:
    values = {"id": "gauges", "kind": "gauge_table", "stale_after_h": 2.0, "source": "sql"}
    return SqlFeedSettings.model_validate(values | {"url_env": "GAUGE_DB", "query": QUERY} | more)


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "rain 雨.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE rain (time TEXT, gauge_id TEXT, rain_mm REAL)")
        rows = [
            ("2021-07-20 16:00", "57083", 12.5),
            ("2021-07-20 17:00", "57083", 201.9),
            ("2021-07-20 17:00", "G2", None),
        ]
        connection.executemany("INSERT INTO rain VALUES (?, ?, ?)", rows)
    connection.close()
    monkeypatch.setenv("GAUGE_DB", f"sqlite:///{path}")
    return path


def test_the_answer_is_kept_as_canonical_csv(database: Path, take_from: Take, tmp_path: Path) -> None:
    (file,) = take_from(feed()).accepted
    assert (tmp_path / "raw" / file.raw_path).read_bytes() == (
        b"time,gauge_id,rain_mm\n2021-07-20 16:00,57083,12.5\n2021-07-20 17:00,57083,201.9\n2021-07-20 17:00,G2,\n"
    )
    assert (file.name, file.last_value_at) == ("gauges.csv", AT)


def test_the_same_rows_are_nothing_new(database: Path, take_from: Take) -> None:
    take_from(feed())
    again = take_from(feed(query=QUERY.replace("DESC", "ASC")))
    assert (again.accepted, again.repeated, again.error) == ((), (), "")


def test_since_limits_what_is_read(database: Path, take_from: Take) -> None:
    query = "SELECT time, gauge_id, rain_mm FROM rain WHERE datetime(time, '-8 hours') >= :since"
    (file,) = take_from(feed(query=query, lookback_h=1), now=datetime(2021, 7, 20, 9, 30, tzinfo=UTC)).accepted
    assert file.rows_read == 2


def test_columns_may_come_in_any_order_and_case(database: Path, take_from: Take) -> None:
    query = 'SELECT rain_mm AS "RAIN_MM", 1 AS more, gauge_id, time FROM rain'
    assert len(take_from(feed(query=query)).accepted) == 1


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT time, gauge_id, rain_mm AS mm FROM rain", r"gives no column rain_mm \(found time, gauge_id, mm\)"),
        ("SELECT * FROM absent", "no such table: absent"),
        ("SELECT nonsense FROM rain WHERE", "query failed"),
        ("WITH x AS (SELECT 1) DELETE FROM rain", "query failed"),
    ],
)
def test_a_query_that_cannot_be_used_is_an_error(database: Path, take_from: Take, query: str, words: str) -> None:
    assert re.search(words, take_from(feed(query=query)).error)
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM rain").fetchone() == (3,)
    connection.close()


def test_an_endless_query_is_stopped(database: Path, take_from: Take) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    endless = f"{numbers} SELECT max(i) AS time, 1 AS gauge_id, 1 AS rain_mm FROM n"
    assert "interrupted" in take_from(feed(query=endless, total_timeout_s=0.3)).error


def test_too_many_rows_are_refused(database: Path, take_from: Take) -> None:
    assert "more than 2 rows" in take_from(feed(max_rows=2)).error


def test_an_empty_answer_is_put_aside(database: Path, take_from: Take) -> None:
    (bad,) = take_from(feed(query=QUERY.replace("ORDER", "WHERE 1 = 0 ORDER"))).rejected
    assert "header and no row" in str(bad.error)


def test_a_database_that_is_not_there_is_not_made(
    tmp_path: Path, take_from: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAUGE_DB", f"sqlite:///{tmp_path}/absent.sqlite")
    assert "unable to open" in take_from(feed()).error
    assert not (tmp_path / "absent.sqlite").exists()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "is not set"),
        ("no url", "holds no database URL"),
        ("mysql://u:s3cret@h/d", "reads PostgreSQL or a SQLite file, not 'mysql'"),
        ("sqlite://", "reads PostgreSQL or a SQLite file"),
    ],
)
def test_a_url_that_cannot_be_used_is_an_error_without_it(
    take_from: Take, monkeypatch: pytest.MonkeyPatch, url: str, words: str
) -> None:
    monkeypatch.setenv("GAUGE_DB", url)
    error = take_from(feed()).error
    assert words in error
    assert "s3cret" not in error


@pytest.mark.parametrize("query", ["DELETE FROM rain", "SELECT 1; DROP TABLE rain", "", "PRAGMA x", "selection"])
def test_only_one_select_is_accepted(query: str) -> None:
    with pytest.raises(ValidationError, match=r"one SELECT|at least 1"):
        feed(query=query)


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    url = os.environ.get("WUYU_TEST_POSTGRES")
    if not url:
        pytest.skip("no PostgreSQL server given; set WUYU_TEST_POSTGRES to its URL to run this test")
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS feed_rain"))
        connection.execute(text("DROP SEQUENCE IF EXISTS feed_numbers"))
        connection.execute(text("CREATE SEQUENCE feed_numbers"))
        connection.execute(text("CREATE TABLE feed_rain (at timestamptz, gauge text, mm numeric(6,1))"))
        rows = (
            "'2021-07-20 17:00+08', '57083', 201.9",
            "'2021-07-19 17:00+08', '57083', 5",
            "'2021-07-20 16:00+08', 'G2', NULL",
        )
        for row in rows:
            connection.execute(text(f"INSERT INTO feed_rain VALUES ({row})"))
    monkeypatch.setenv("GAUGE_DB", url)
    yield url
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE feed_rain"))
        connection.execute(text("DROP SEQUENCE feed_numbers"))
    engine.dispose()


@pytest.mark.postgres
def test_postgresql_is_read_in_utc(postgres: str) -> None:
    query = "SELECT at AS time, gauge AS gauge_id, mm::float8 AS rain_mm FROM feed_rain WHERE at >= :since"
    (arrival,) = SqlSource(feed(query=query)).fetch(datetime(2021, 7, 20, tzinfo=UTC))
    assert arrival.data == (
        b"time,gauge_id,rain_mm\n2021-07-20T08:00:00+00:00,G2,\n2021-07-20T09:00:00+00:00,57083,201.9\n"
    )


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("query", "words", "limit_s"),
    [
        ("WITH d AS (DELETE FROM feed_rain RETURNING *) SELECT at AS time FROM d", "data-modifying statements", 300),
        ("SELECT nextval('feed_numbers') AS time, 1 AS gauge_id, 1 AS rain_mm", "read-only transaction", 300),
        ("SELECT pg_sleep(3600) AS time, 1 AS gauge_id, 1 AS rain_mm", "statement timeout", 0.3),
    ],
)
def test_postgresql_is_only_read_and_not_for_long(
    postgres: str, take_from: Take, query: str, words: str, limit_s: float
) -> None:
    assert words in take_from(feed(query=query, total_timeout_s=limit_s)).error
