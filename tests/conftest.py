"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.factories import add_mini_storm, write_mini_district

ROOT = Path(__file__).resolve().parent.parent

# Wall time says nothing of a law on a busy machine; in CI the same examples are tried every time.
settings.register_profile("wuyu", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("wuyu")


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
