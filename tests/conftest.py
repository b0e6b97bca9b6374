"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from tests.factories import add_mini_storm, write_mini_district

ROOT = Path(__file__).resolve().parent.parent

# Wall time says nothing of a law on a busy machine; in CI the same examples are tried every time.
settings.register_profile("wuyu", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("wuyu")


def pytest_configure() -> None:
    """Give each test process a PostgreSQL database of its own: the tests of one empty the tables of another.

    All have one key of links and reply codes: it is an input like any other, and two runs must give the same bytes.
    """
    os.environ.setdefault("WUYU_ACK_KEYS", "t1:" + "0123456789abcdef" * 4)
    url, worker = os.environ.get("WUYU_TEST_POSTGRES"), os.environ.get("PYTEST_XDIST_WORKER")
    if not url or not worker:
        return
    given = make_url(url)
    engine = create_engine(given, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{given.database}_{worker}"')
        connection.exec_driver_sql(f'CREATE DATABASE "{given.database}_{worker}"')
    engine.dispose()
    own = given.set(database=f"{given.database}_{worker}")
    os.environ["WUYU_TEST_POSTGRES"] = own.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the root of the project."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real reference data; skip, saying so, where it is absent.

    The folder is looked for beside the project (``../shared/data``) or at ``WUYU_TEST_DATA``.
    """
    folder = Path(os.environ.get("WUYU_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"reference data not found at {folder}; set WUYU_TEST_DATA to run this test")
    return folder


@pytest.fixture(scope="session")
def erqi_path() -> Path:
    """Return the bundled district folder."""
    return ROOT / "data" / "erqi"


@pytest.fixture(scope="session")
def storm_district(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a mini district with the feeds of a short storm; to be read, not changed."""
    return add_mini_storm(write_mini_district(tmp_path_factory.mktemp("district") / "mini"))
