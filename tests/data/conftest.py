"""What the tests of the bundled district share: the files as committed, and one fresh build."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the builder is run from the root, never installed

from data.builder.district import DistrictTables, build_tables

STRINGS = {"town_code": str, "community_code": str, "scope_id": str, "gauge_id": str, "owner_phone": str, "phone": str}


@pytest.fixture(scope="session")
def built() -> DistrictTables:
    """Return one fresh build of all tables."""
    return build_tables()


@pytest.fixture(scope="session")
def tables(erqi_path: Path) -> dict[str, pd.DataFrame]:
    """Return the committed tables by name."""
    return {path.stem: pd.read_csv(path, dtype=STRINGS) for path in sorted(erqi_path.glob("*.csv"))}
