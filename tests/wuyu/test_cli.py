"""The command line: what each verb says, in words and in JSON, and with which status it ends."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import yaml

from risk_models.district.settings import QualitySettings
from risk_models.errors import ConfigError
from risk_models.outlook import read_tercile_table
from tests.factories import STORM_PEAK, read_rows, write_mini_district, write_rows
from tests.replays import ROOT, child_environment, raw_mails
from tests.risk_models.outlook.test_seasonal import seasonal
from wuyu.cli import main
from wuyu.clock import parse_hour
from wuyu.ledger import make_ledger, open_ledger
from wuyu.sink import local_sink

pytestmark = pytest.mark.xdist_group("storm")

SHANGHAI = ZoneInfo("Asia/Shanghai")
PEAK = f"{STORM_PEAK.tz_convert('Asia/Shanghai'):%Y-%m-%dT%H:%M}"
BEFORE = "2021-07-20T12:00"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command; gives status, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        status = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


@pytest.fixture
def place(storm_district: Path, tmp_path: Path) -> list[str]:
    make_ledger(tmp_path / "out" / "ledger.sqlite")
    return ["--district", str(storm_district), "--out", str(tmp_path / "out")]


@pytest.fixture
def mini(tmp_path: Path) -> Path:
    """A mini district to break."""
    return write_mini_district(tmp_path / "broken")


def test_a_season_becomes_a_row_of_the_typed_table(run: Run, storm_district: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    seasonal(list(range(1993, 2017)), rng.gamma(4, 1, (24, 25))).to_netcdf(tmp_path / "past.nc")
    seasonal([2021], rng.gamma(4, 1, (1, 51)) + 2).to_netcdf(tmp_path / "now.nc")
    files = tmp_path / "now.nc", tmp_path / "past.nc"
    status, out, _ = run("district", "season", *files, storm_district, "--months", 2, 3, 4)
    assert status == 0
    (tmp_path / "seasonal.csv").write_text(out, encoding="utf-8")
    (row,) = read_tercile_table(tmp_path / "seasonal.csv")
    assert (row.first_day, row.last_day, row.source) == (date(2021, 6, 1), date(2021, 8, 31), "SEAS5")
    assert row.above > 0.6
    assert np.isnan(row.skill)
    status, _, err = run("district", "season", tmp_path / "none.nc", files[1], storm_district, "--months", 2)
    assert (status, "none.nc" in err) == (1, True)


def test_check_passes_on_a_whole_district(run: Run, storm_district: Path) -> None:
    status, out, _ = run("district", "check", storm_district)
    assert status == 0
    assert out.endswith("0 errors, 0 warnings\n")


def _break(folder: Path) -> None:
    hotspots = read_rows(folder / "hotspots.csv")
    hotspots[3]["hotspot_id"] = hotspots[2]["hotspot_id"]
    hotspots[5]["drain_capacity_mm_h"] = "-4"
    hotspots[7]["lon"] = "121.5"
    write_rows(folder / "hotspots.csv", hotspots)
    (folder / "teams.csv").unlink()


def test_check_names_every_fault_and_ends_with_1(run: Run, mini: Path) -> None:
    _break(mini)
    status, out, _ = run("district", "check", mini)
    assert status == 1
    lines = [line for line in out.splitlines() if line.startswith("error: ")]
    assert re.search(r"hotspots\.csv, row 5, column hotspot_id: .*MD-003", out)
    assert re.search(r"hotspots\.csv, row 7, column drain_capacity_mm_h: .*-4", out)
    assert re.search(r"hotspots\.csv, row 9, column lon.*outside", out)
    assert "teams.csv" in out
    assert f"{len(lines)} errors" in out.splitlines()[-1]


def test_check_as_json_gives_the_same_findings(run: Run, mini: Path) -> None:
    _break(mini)
    status, out, _ = run("district", "check", mini, "--json")
    findings = json.loads(out)
    assert status == 1
    duplicate = next(item for item in findings if item.get("row") == 5)
    assert (duplicate["file"], duplicate["column"], duplicate["severity"]) == ("hotspots.csv", "hotspot_id", "error")


def test_unknown_key_names_the_nearest(run: Run, mini: Path) -> None:
    settings = mini / "district.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("horizon_h", "horizont_h"), encoding="utf-8")
    status, out, _ = run("district", "check", mini)
    assert status == 1
    assert "horizont_h" in out
    assert re.search(r"horizon_h\b", out.replace("horizont_h", ""))


def test_wrong_datum_is_an_error(run: Run, mini: Path) -> None:
    settings = mini / "district.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("datum: CGCS2000", "datum: ED50", 1), "utf-8")
    status, out, _ = run("district", "check", mini)
    assert status == 1
    assert "ED50" in out
    assert "GCJ-02" in out


def test_broken_district_stops_every_verb_with_all_findings(run: Run, mini: Path, tmp_path: Path) -> None:
    _break(mini)
    make_ledger(tmp_path / "out" / "ledger.sqlite")
    status, out, err = run("score", "--at", PEAK, "--district", mini, "--out", tmp_path / "out")
    assert (status, out) == (1, "")
    for words in ("hotspot_id", "drain_capacity_mm_h", "column lon", "teams.csv"):
        assert words in err
    assert {path.name for path in (tmp_path / "out").iterdir()} <= {"ledger.sqlite"}


def test_show_counts_what_the_district_holds(run: Run, storm_district: Path) -> None:
    status, out, _ = run("district", "show", storm_district, "--json")
    facts = json.loads(out)
    assert status == 0
    assert (facts["towns"], facts["hotspots"], facts["gauges"]) == (3, 12, 4)


def test_new_district_can_be_checked(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    names = ["--code", "410199", "--name-zh", "新区", "--name-en", "New District", "--crs", "EPSG:4547"]
    assert run("district", "new", folder, *names)[0] == 0
    status, out, _ = run("district", "check", folder)
    assert status == 1
    assert "hotspots.csv: the table hotspots has no rows" in out
    again, _, err = run("district", "new", folder, *names)
    assert again == 2
    assert "new: the folder is not empty; choose a new one" in err


def test_score_decides_nothing(run: Run, place: list[str], tmp_path: Path) -> None:
    status, out, _ = run("score", "--at", PEAK, *place, "--json")
    answer: dict[str, Any] = json.loads(out)
    assert status == 0
    assert answer["worst"][0]["hotspot_id"].startswith("MD-")
    scores = [row["score"] for row in answer["worst"]]
    assert scores == sorted(scores, reverse=True)
    assert (tmp_path / "out" / answer["paths"]["geojson"]).exists()
    with open_ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
        assert ledger.cycles("410199") == []
        assert ledger.warnings() == []
    status, out, _ = run("score", "--at", PEAK, *place)
    assert status == 0
    assert len(re.findall(r"^MD-\d{3} (?:red|orange|yellow)", out, re.M)) >= 5


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["score", "--at", "yesterday"], "'yesterday' is no time; accepted: 2021-07-20T17:00"),
        (["score", "--at", "2021-07-20T17:33"], "'2021-07-20T17:33' is no multiple of five minutes"),
        (["approve", "nothing.r0"], "name the officer who decides: --officer NAME"),
        (["approve", "nothing.r0", "--officer", "李明"], "warning nothing.r0 does not wait for an approval"),
        (["approve", "nothing.r0", "--officer", "李明", "--refuse", "no"], "there is no warning 'nothing.r0'"),
        (["report", "month", "July"], "month must read YYYY-MM, got 'July'"),
        (["replay", "--from", "2021-07-20T12:00", "--to", "2021-07-20T10:00"], "a replay runs forward"),
    ],
)
def test_wrong_use_ends_with_2(run: Run, place: list[str], arguments: list[str], text: str) -> None:
    status, out, err = run(*arguments, *place)
    assert (status, out) == (2, "")
    assert text in err


@pytest.mark.parametrize("arguments", [[], ["fly"], ["district"], ["replay"], ["score", "--at"], ["report", "week"]])
def test_unknown_words_end_with_2_and_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: wuyu" in capsys.readouterr().err


def test_products_without_a_cycle_are_refused(run: Run, place: list[str]) -> None:
    status, _, err = run("map", *place)
    assert status == 1
    assert "the ledger holds no finished cycle" in err
    assert "wuyu cycle" in err


def test_day_of_an_officer(run: Run, place: list[str], tmp_path: Path) -> None:
    """Feeds, a cycle, one warning signed, one refused, the mail sent, and nothing left to do."""
    status, out, _ = run("feeds", "pull", *place, "--json")
    assert status == 0
    assert [(row["feed"], row["accepted"]) for row in json.loads(out)] == [
        ("gauges", 1), ("ensemble", 7), ("patrol", 1),
    ]  # fmt: skip
    status, out, _ = run("feeds", "status", "--at", BEFORE, *place, "--json")
    assert {row["feed_id"] for row in json.loads(out)} == {"gauges", "ensemble", "patrol"}

    status, out, _ = run("cycle", "--at", BEFORE, *place, "--json")
    cycle = json.loads(out)
    assert status == 0
    assert cycle["counts"]["red"] >= 3
    assert len(cycle["waiting"]) == 3
    assert run("cycle", "--at", BEFORE, *place)[0] == 0
    status, _, err = run("cycle", "--at", "2021-07-20T11:00", *place)
    assert status == 2
    assert "can be scored (`wuyu score`) but no longer warned about" in err

    status, out, _ = run("approve", *place)
    assert sorted(re.findall(r"^\S+", out, re.M)) == cycle["waiting"]
    assert "依据 Why" in out
    signed, refused, left = cycle["waiting"]
    status, out, _ = run("approve", signed, "--officer", "李明", *place)
    assert (status, "queued for town1@mini.example" in out) == (0, True)
    assert run("approve", refused, "--officer", "李明", "--refuse", "雨量站故障", *place)[0] == 0
    assert re.findall(r"^\S+", run("approve", *place)[1], re.M) == [left]

    status, out, _ = run("plan", "--at", BEFORE, *place, "--json")
    assert status == 0
    assert {row["hotspot_id"] for row in json.loads(out)} <= {f"MD-{n:03d}" for n in range(1, 13)}
    status, out, _ = run("outbox", *place, "--json")
    rows = [row for row in json.loads(out) if ".now" not in row["message_id"]]
    assert [(row["message_id"], row["state"]) for row in rows] == [(signed, "pending")]


def test_dispatch_never_sends_a_warning_that_is_over(
    run: Run, place: list[str], storm_district: Path, tmp_path: Path
) -> None:
    district = tmp_path / "mini"
    shutil.copytree(storm_district, district)
    # The storm is long past: its mail has expired by now and is never sent late.
    place[1] = str(district)
    run("cycle", "--at", BEFORE, *place)
    with open_ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
        for row in ledger.warnings():
            run("approve", row.message_id, "--officer", "李明", *place)
        queued = len(ledger.outbox())
    status, out, _ = run("dispatch", "--smtp-port", 1, *place, "--json")
    answer = json.loads(out)
    assert status == 0
    assert queued >= 3
    assert (answer["counts"], answer["expired"]) == ({}, queued)


def test_replay_tells_what_it_did(run: Run, place: list[str], tmp_path: Path) -> None:
    with local_sink(tmp_path / "mailbox") as (_, port):
        command = ["replay", "--from", BEFORE, "--to", "2021-07-20T14:00", "--smtp-port", port, *place]
        status, out, err = run(*command, "--json")
        answer = json.loads(out)
        assert status == 0
        assert answer["cycles"] == 3
        assert answer["outbox"] == {"sent": answer["sent"]}
        assert "replay: 100%" in err
        assert json.loads(run(*command, "--json")[1])["sent"] == 0
    assert sum(map(len, raw_mails(tmp_path / "mailbox").values())) == answer["sent"]


def test_module_and_command_are_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wuyu", "--help"]
    ran = subprocess.run(command, cwd=ROOT, env=child_environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 0
    for verb in (
        "district",
        "feeds",
        "score",
        "cycle",
        "plan",
        "replay",
        "approve",
        "dispatch",
        "report",
        "demo",
        "up",
    ):
        assert re.search(rf"^\s+{verb}\s", ran.stdout, re.M), verb


def test_hour_is_local_unless_an_offset_is_given() -> None:
    assert parse_hour("2021-07-20T17:00", SHANGHAI).isoformat() == "2021-07-20T09:00:00+00:00"
    assert parse_hour("2021-07-20T17:00+00:00", SHANGHAI).isoformat() == "2021-07-20T17:00:00+00:00"
    with pytest.raises(ConfigError, match="not on the full hour"):
        parse_hour("2021-07-20T17:00:01", SHANGHAI)


def test_climatology_comes_from_ten_years_or_not_at_all(run: Run, storm_district: Path, tmp_path: Path) -> None:
    gauges = [row["gauge_id"] for row in read_rows(storm_district / "gauges.csv")]
    for years, status in ((10, 0), (9, 1)):
        ends = [pd.Timestamp(2001 + year, 7, day, 8, tz="UTC") for year in range(years) for day in (1, 2, 3)]
        lines = [",".join([end.isoformat(), *["3.0"] * (len(gauges) - 1), f"{20 + end.day}.5"]) for end in ends]
        dry = [end + number * pd.Timedelta("1h") for end in ends[:1] for number in range(1, 7)]
        lines += [",".join([end.isoformat(), *["0.0"] * len(gauges)]) for end in dry]
        record = tmp_path / f"{years}.csv"
        record.write_text("\n".join([",".join(["time_end", *gauges]), *lines]), encoding="utf-8")
        told, out, err = run("district", "climatology", record, storm_district)
        assert told == status
        if status:
            assert "no month has rain values in 10 years; the record goes from 2001 to 2009" in err
            continue
        table = QualitySettings(**yaml.safe_load(out)["quality"])
        assert table.source == "10.csv"
        # Twice the largest hour of the month and its neighbours; other months are not known.
        assert table.monthly_max_mm == (*[None] * 5, 47.0, 47.0, 47.0, *[None] * 4)
        # One and a half times the longest dry run, of six hours.
        assert table.monthly_dry_h == (*[None] * 5, 9.0, 9.0, 9.0, *[None] * 4)
