"""The short drill: real Airflow, mail server, page and database, a mini storm, and what goes wrong in it."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import add_mini_storm, write_mini_district
from tests.replays import ROOT, child_environment

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.xdist_group("dags")]

SCRIPT = Path(__file__).with_name("short_drill.yaml")
# So long that no machine is too busy: a scene ends as soon as everything has come.
PATIENCE = "20"


def test_the_short_drill_passes_and_leaves_nothing_running(tmp_path: Path) -> None:
    district = add_mini_storm(write_mini_district(tmp_path / "mini"))
    out = tmp_path / "drill"
    words = ["drill", "--district", str(district), "--out", str(out), "--script", str(SCRIPT), "--patience", PATIENCE]
    ran = subprocess.run(
        [sys.executable, "-m", "wuyu", *words],
        cwd=ROOT,
        env=child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout[-6000:]}\n{ran.stderr[-3000:]}"
    with (out / "drill.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["result"] for row in rows} == {"PASS"}
    assert len(rows) >= 20
    assert all(row["came"] <= row["due"] for row in rows if row["came"] and row["due"])
    assert "no mail came twice" in {row["expected_en"] for row in rows}
    assert ("IMAP (Dovecot)" in ran.stdout) is Path("/usr/sbin/dovecot").exists()
    assert (out / "drill.txt").read_text(encoding="utf-8") in ran.stdout
    left = subprocess.run(["ps", "axww", "-o", "pid,args"], capture_output=True, text=True, check=True).stdout
    assert str(out) not in left
