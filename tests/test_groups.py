"""Tests of one group run on one worker: their costly fixtures are made once, in their order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SAMPLE = """
import os
import pytest

pytestmark = pytest.mark.xdist_group("one")

@pytest.mark.parametrize("number", range(8))
def test_where(number, tmp_path_factory):
    with open({seen!r}, "a", encoding="utf-8") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


def test_groups_stay_together(tmp_path: Path) -> None:
    """Some releases of pytest and of its plugin do not fit, and scatter the groups without a word."""
    seen = tmp_path / "seen.txt"
    (tmp_path / "test_sample.py").write_text(SAMPLE.format(seen=str(seen)), encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "pytest", "--numprocesses", "2", "--dist", "loadgroup", "-q", "."],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert len(set(seen.read_text(encoding="utf-8").split())) == 1
