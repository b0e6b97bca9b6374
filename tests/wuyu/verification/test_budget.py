"""The warning budget from the ledger of a replay: the district's own criterion gives the warnings that were given."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from risk_models.levels import Level
from risk_models.risk import read_risk, town_levels
from risk_models.verification.budget import budget_totals, warning_budget
from tests.replays import StormRun
from wuyu.cli import main
from wuyu.ledger import create_ledger
from wuyu.verification.budget import candidates
from wuyu.verification.record import cycles_on_record, floods_on_record

pytestmark = pytest.mark.xdist_group("storm")


@pytest.fixture(scope="module")
def budget(storm_run: StormRun) -> pd.DataFrame:
    desk = storm_run.desk
    return warning_budget(cycles_on_record(desk), floods_on_record(desk), candidates(desk), zone="Asia/Shanghai")


def test_own_criterion_gives_the_warnings_that_were_given(storm_run: StormRun, budget: pd.DataFrame) -> None:
    given = pd.Series([row.area_code for row in storm_run.desk.ledger.warnings() if row.action == "NEW"])
    assert budget.loc[("level-blue", "2021"), "warnings"].to_dict() == given.value_counts().to_dict()


def test_cycles_on_record_are_those_of_the_ledger(storm_run: StormRun) -> None:
    desk = storm_run.desk
    rows = cycles_on_record(desk)
    assert rows["valid_at"].nunique() == len(desk.ledger.cycles(desk.code))
    assert len(rows) == rows["valid_at"].nunique() * len(desk.district.hotspots)
    worst = rows.groupby(["valid_at", "town_code"])["level"].max()
    last = storm_run.result.cycles[3]
    table = town_levels(read_risk(desk.out / last.risk_path))
    assert worst.loc[pd.Timestamp(last.valid_at)].max() == table["level"].max()


def test_stricter_means_fewer_hours(budget: pd.DataFrame) -> None:
    totals = budget_totals(budget)
    names = [f"level-{level}" for level in (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED)]
    hours = totals.loc[names, "warned_h"].to_list()
    assert hours == sorted(hours, reverse=True)
    assert hours[0] > hours[-1] > 0
    ends = totals.loc[[f"level-orange-end-after-{n}" for n in (1, 3, 6)], "warned_h"].to_list()
    assert ends == sorted(ends)


def test_history_and_reports_are_the_truth(storm_run: StormRun) -> None:
    desk = storm_run.desk
    floods = floods_on_record(desk)
    assert len(floods) == len(desk.district.history)
    assert set(floods["town_code"]) <= set(desk.district.towns.index)


def test_command(storm_run: StormRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk = storm_run.desk
    shutil.copytree(desk.out / "risk", tmp_path / "risk")
    shutil.copy(desk.out / "ledger.sqlite", tmp_path)
    place = ["--district", str(desk.district.root), "--out", str(tmp_path)]
    assert main(["verify", "budget", *place]) == 0
    said = capsys.readouterr().out
    assert "level-orange-end-after-6" in said
    written = pd.read_csv(tmp_path / "verification" / "warning_budget.csv", dtype={"town_code": str, "season": str})
    assert set(written["town_code"]) == set(desk.district.towns.index)
    first = (tmp_path / "verification" / "warning_budget.csv").read_bytes()
    assert main(["verify", "budget", *place, "--json"]) == 0
    assert {row["criterion"] for row in json.loads(capsys.readouterr().out)["totals"]} == set(written["criterion"])
    assert (tmp_path / "verification" / "warning_budget.csv").read_bytes() == first


def test_without_cycles_the_command_says_so(
    storm_district: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create_ledger(tmp_path / "ledger.sqlite").close()
    assert main(["verify", "budget", "--district", str(storm_district), "--out", str(tmp_path)]) == 1
    assert "the ledger holds no finished cycle" in capsys.readouterr().err
