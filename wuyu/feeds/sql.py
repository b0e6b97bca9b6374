"""Rain, sights or signals from somebody's database: one read-only SELECT, kept as a canonical CSV."""

from __future__ import annotations

import csv
import io
import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from risk_models.district.settings import SqlFeedSettings
from risk_models.errors import ConfigError
from risk_models.warning.issued.notice import COLUMNS as NOTICES
from wuyu.feeds.checks import OBSERVATIONS, SIGNALS
from wuyu.feeds.source import Arrival, FetchError

__all__ = ["COLUMNS", "SqlSource"]

COLUMNS = ("time", "gauge_id", "rain_mm")
SIGHTS = ("hotspot_id", "seen_at", "source", "seen", "depth_m", "confidence", "by", "remark", "observation_id")
"""Columns of what was seen; the first two are needed, and `seen` or `depth_m`."""
_WANTED = {OBSERVATIONS: (SIGHTS, SIGHTS[:2]), SIGNALS: (NOTICES, ("kind", "issued_at", "office"))}
"""Columns that are taken, and those of them that are needed, by kind of the feed."""
CONNECT_S = 10
_BATCH = 10_000
_SINCE = re.compile(r"(?<![:\w\\]):since\b")


class SqlSource:
    """The answer of a query as one CSV; the same rows give the same bytes.

    By the kind of the feed its columns are `COLUMNS`, `SIGHTS` or `NOTICES`.

    ``:since`` in the query is an aware time in PostgreSQL and the text ``YYYY-MM-DD HH:MM:SS`` (UTC) in SQLite. Times
    with an offset are written in UTC; times without one stay as they are and are read as local time of the district.

    Parameters
    ----------
    feed : SqlFeedSettings
    environ : mapping of str to str, optional
        Where the URL of the database is.

    Raises
    ------
    ConfigError
        If the URL is not in the environment, or is none of a database we can hold to reading.
    """

    def __init__(self, feed: SqlFeedSettings, *, environ: Mapping[str, str] | None = None) -> None:
        self.feed = feed
        self.url = _database(feed, (os.environ if environ is None else environ).get(feed.url_env, ""))
        self.marks: dict[str, str] = {}
        self._given: list[str] = []

    def fetch(self, since: datetime) -> Iterator[Arrival]:
        """Give the answer; see `Source.fetch`."""
        deadline = time.monotonic() + self.feed.total_timeout_s
        try:
            with _reading(self.url, timeout_s=self.feed.total_timeout_s) as connection:
                rows = self._rows(connection, since, deadline)
        except SQLAlchemyError as error:
            raise FetchError(f"feed {self.feed.id}: the query failed ({self._plain(error)})") from None
        yield Arrival.of(f"{self.feed.id}.csv", _to_csv(self._given, rows))

    def _rows(self, connection: Connection, since: datetime, deadline: float) -> list[tuple[str, ...]]:
        utc = since.astimezone(UTC)
        bound: Any = utc.strftime("%Y-%m-%d %H:%M:%S") if connection.dialect.name == "sqlite" else utc
        query = text(self.feed.query)
        parameters = {"since": bound} if _SINCE.search(self.feed.query) else {}
        found = connection.execution_options(stream_results=True, yield_per=_BATCH).execute(query, parameters)
        places = self._places([str(name).lower() for name in found.keys()])  # noqa: SIM118 - not a dict
        rows: list[tuple[str, ...]] = []
        read = [_READ.get(name, _word) for name in self._given]
        for batch in found.partitions(_BATCH):
            rows += [tuple(take(row[place]) for take, place in zip(read, places, strict=True)) for row in batch]
            if len(rows) > self.feed.max_rows:
                raise FetchError(f"feed {self.feed.id}: the query gives more than {self.feed.max_rows} rows; narrow it")
            if time.monotonic() > deadline:
                raise FetchError(f"feed {self.feed.id}: the query took over {self.feed.total_timeout_s:g} s")
        return sorted(rows)

    def _places(self, names: list[str]) -> list[int]:
        wanted, needed = _WANTED.get(self.feed.kind, (COLUMNS, COLUMNS))
        self._given = [name for name in wanted if name in names or name in needed]
        absent = [name for name in needed if name not in names]
        if absent:
            raise FetchError(
                f"feed {self.feed.id}: the query gives no column {absent[0]} (found {', '.join(names)}); "
                f"name its columns {', '.join(wanted)}"
            )
        return [names.index(name) for name in self._given]

    def _plain(self, error: SQLAlchemyError) -> str:
        """Return the database's own words, first line only, without the password."""
        words = str(getattr(error, "orig", None) or type(error).__name__).strip().split("\n")[0][:200]
        password = self.url.password
        return words.replace(str(password), "***") if password else words


def _database(feed: SqlFeedSettings, value: str) -> URL:
    if not value:
        raise ConfigError(f"feed {feed.id}: the environment variable {feed.url_env} is not set")
    try:
        url = make_url(value)
    except ArgumentError:
        raise ConfigError(f"feed {feed.id}: {feed.url_env} holds no database URL") from None
    kind = url.drivername.split("+")[0]
    if kind in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if kind == "sqlite" and url.database:
        # Opened for reading: a file that is not there is not made.
        return URL.create("sqlite", database=f"file:{quote(url.database)}", query={"mode": "ro", "uri": "true"})
    raise ConfigError(f"feed {feed.id}: a query feed reads PostgreSQL or a SQLite file, not {kind!r}")


@contextmanager
def _reading(url: URL, *, timeout_s: float) -> Iterator[Connection]:
    """Give a connection that can only read, and not for longer than `timeout_s` per statement."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA query_only = ON")
                deadline = time.monotonic() + timeout_s
                raw: Any = connection.connection.dbapi_connection
                raw.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
            else:
                connection.exec_driver_sql("SET TRANSACTION READ ONLY")
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = {round(timeout_s * 1000)}")
            yield connection
    finally:
        engine.dispose()


def _engine(url: URL) -> Engine:
    return (
        create_engine(url)
        if url.drivername == "sqlite"
        else create_engine(url, connect_args={"connect_timeout": CONNECT_S})
    )


def _to_csv(columns: Sequence[str], rows: list[tuple[str, ...]]) -> bytes:
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return sink.getvalue().encode()


def _time(value: object) -> str:
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    return _word(value)


def _word(value: object) -> str:
    return "" if value is None else str(value).strip()


def _number(value: object) -> str:
    """Return a number as text; nothing and not-a-number are missing, which an empty cell says."""
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value).strip()


_TIMES = ("time", "seen_at", "issued_at", "valid_until", "lifted_at")
_READ = dict.fromkeys(_TIMES, _time) | dict.fromkeys(("rain_mm", "depth_m", "confidence"), _number)
