"""`wuyu verify` reads the ledger of real life: chances, levels and warnings as they were told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.replays import StormRun
from wuyu.cli import main
from wuyu.ledger import Approval
from wuyu.verification.record import floods_on_record, ledger_record, warnings_on_record

pytestmark = pytest.mark.xdist_group("storm")


@pytest.fixture
def place(storm_run: StormRun, tmp_path: Path) -> list[str]:
    """Arguments for a copy of the replay that may be changed."""
    desk = storm_run.desk
    shutil.copytree(desk.out / "risk", tmp_path / "risk")
    shutil.copy(desk.out / "ledger.sqlite", tmp_path)
    return ["--district", str(desk.district.root), "--out", str(tmp_path)]


def test_scores_of_towns_stand_beside_signal_rule_and_rain(
    place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "scores", *place]) == 0
    said = capsys.readouterr().out
    for words in ("rain signal, blue or above", "25/40/70 mm rule", "3-h rain cut, fitted", "level blue or above"):
        assert words in said
    assert "fewer than 5 storms" in said, "one storm is no evidence"
    scores = pd.read_csv(tmp_path / "verification" / "scores.csv")
    towns = scores[(scores["scope"] == "towns") & (scores["score"] == "csi")].set_index("method")["value"]
    assert towns["level-blue"] > 0
    assert (tmp_path / "verification" / "scorecard.zh.html").read_text(encoding="utf-8").count("业务检验") >= 1


def test_reliability_tells_every_class_of_depth(place: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "reliability", *place, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["chance"] for row in rows if row["scope"] == "hotspots"} == {"p_5cm", "p_15cm", "p_27cm", "p_50cm"}
    assert all(row["low"] <= row["frequency"] <= row["high"] for row in rows)


def test_lead_is_that_of_the_warnings_that_were_sent(
    storm_run: StormRun, place: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "lead", *place, "--json"]) == 0
    blue = next(row for row in json.loads(capsys.readouterr().out)["rows"] if row["level"] == "blue")
    new = [row for row in storm_run.desk.ledger.warnings() if row.action == "NEW"]
    assert blue["warnings"] == len(new)
    flood = floods_on_record(storm_run.desk)["started_at"].min()
    leads = sorted((flood - pd.Timestamp(row.issued_at)).total_seconds() / 3600 for row in new)
    assert min(leads) <= blue["lead_p50_h"] <= max(leads)


def test_what_was_refused_or_waits_told_nobody(storm_run: StormRun, place: list[str], tmp_path: Path) -> None:
    from wuyu.desk import open_desk

    desk = open_desk(storm_run.desk.district.root, tmp_path)
    try:
        told = warnings_on_record(desk)
        town = told[told["level"] == 4]["area_code"].iloc[0]
        with desk.ledger.writing() as session:
            from wuyu.ledger import WarningRow

            for row in session.query(WarningRow).filter_by(area_code=town):
                row.approval_state = Approval.REFUSED
        assert town not in set(warnings_on_record(desk)["area_code"])
        assert town in set(told["area_code"])
        assert len(ledger_record(desk).cycles), "what was thought is still on record"
    finally:
        desk.ledger.close()
