"""A hindcast is the live chain: it tells what a replay told, knows nothing of the floods, and can be stopped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from risk_models.verification.record import VerificationRecord
from tests.factories import STORM_BEGIN, STORM_END, read_rows, write_rows
from tests.replays import HOURS, StormRun, now
from wuyu.cli import main
from wuyu.desk import Desk, begin_desk
from wuyu.hindcast import Hindcast, hindcast_folder, run_hindcast
from wuyu.rain import pull_feeds
from wuyu.verification.record import cycles_on_record, warnings_on_record

pytestmark = pytest.mark.xdist_group("storm")

FEW = HOURS[4:8]


@pytest.fixture(scope="module")
def desk(storm_district: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    opened = begin_desk(storm_district, tmp_path_factory.mktemp("hindcast"))
    pull_feeds(opened, now=now())
    yield opened
    opened.ledger.close()


@pytest.fixture(scope="module")
def record(desk: Desk) -> VerificationRecord:
    return run_hindcast(desk, HOURS)


def test_every_hour_tells_what_the_replay_told(storm_run: StormRun, record: VerificationRecord) -> None:
    """But where a flood that is hidden from the hindcast narrowed what is not known of the place."""
    replayed = cycles_on_record(storm_run.desk).drop(columns="order_phase")  # occurred where it was seen
    ours = record.cycles[replayed.columns].assign(valid_at=record.cycles["valid_at"].dt.as_unit("ns"))
    replayed = replayed.assign(valid_at=pd.to_datetime(replayed["valid_at"], utc=True).dt.as_unit("ns"))
    untold = ~replayed["hotspot_id"].isin(storm_run.desk.district.history["hotspot_id"])
    assert 0.4 < untold.mean() < 1.0
    pd.testing.assert_frame_equal(ours[untold], replayed[untold], check_dtype=False)


def _rises(warnings: pd.DataFrame) -> pd.DataFrame:
    """Return where a warning opened or rose: when it ends hangs on who looked, which a hindcast hides."""
    ordered = warnings.sort_values(["warning_id", "revision"])
    before = ordered.groupby("warning_id")["level"].shift(fill_value=0)
    rises = ordered.loc[
        (ordered["level"] > before) & ~ordered["is_end"].astype(bool), ["area_code", "level", "told_at"]
    ]
    return rises.sort_values(["told_at", "area_code"], ignore_index=True).astype({"told_at": "datetime64[us, UTC]"})


def test_warnings_are_those_that_were_given(storm_run: StormRun, record: VerificationRecord) -> None:
    given = warnings_on_record(storm_run.desk)
    ours = record.warnings[record.warnings["warning_id"].isin(given["warning_id"])]
    assert len(_rises(given)) > 5
    pd.testing.assert_frame_equal(_rises(ours), _rises(given))


def test_the_floods_are_hidden_from_the_chain_and_kept_for_the_truth(desk: Desk, record: VerificationRecord) -> None:
    chain = Hindcast(desk, desk.out / "hindcast" / "any", HOURS)
    assert len(record.floods_within) == len(desk.district.history) > 0
    seen = pd.to_datetime(chain.desk.district.history["started_at"], utc=True)
    assert not (seen > pd.Timestamp(HOURS[0])).any()
    assert chain.desk.scorer.district is chain.desk.district


def test_a_run_that_was_stopped_goes_on_where_it_stopped(desk: Desk, tmp_path: Path) -> None:
    def stop_at_the_third(fraction: float, _text: str) -> None:
        if fraction >= 3 / len(FEW):
            raise KeyboardInterrupt

    folder = hindcast_folder(desk.out, FEW)
    with pytest.raises(KeyboardInterrupt):
        run_hindcast(desk, FEW, tell=stop_at_the_third)
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "hours").iterdir()}
    assert len(before) == 3
    record = run_hindcast(desk, FEW)
    after = {path.name: path.stat().st_mtime_ns for path in (folder / "hours").iterdir()}
    assert {name: after[name] for name in before} == before, "hours that were done are not done again"
    shutil.rmtree(folder)
    pd.testing.assert_frame_equal(run_hindcast(desk, FEW).cycles, record.cycles)


def test_hours_of_another_archive_are_no_part_of_this_one(storm_district: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mini"
    shutil.copytree(storm_district, folder)
    opened = begin_desk(folder, tmp_path / "out")
    try:
        pull_feeds(opened, now=now())
        first = run_hindcast(opened, FEW[:1]).cycles
        gauges = read_rows(folder / "feeds" / "gauges.csv")
        corrected = [row | {name: str(float(row[name]) * 1.5) for name in row if name != "time_end"} for row in gauges]
        write_rows(folder / "feeds" / "gauges.csv", corrected)
        pull_feeds(opened, now=now() + timedelta(hours=1))
        second = run_hindcast(opened, FEW[:1]).cycles
    finally:
        opened.ledger.close()
    assert (second["obs_3h_mm" if "obs_3h_mm" in second else "obs_1h_mm"] > first["obs_1h_mm"]).any()
    assert not second["obs_1h_mm"].equals(first["obs_1h_mm"])


@pytest.mark.slow
def test_command_writes_tables_and_a_marked_page(
    storm_district: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hours = ["--from", f"{STORM_BEGIN:%Y-%m-%dT%H:%MZ}", "--to", f"{STORM_END:%Y-%m-%dT%H:%MZ}", "--step", "3"]
    command = ["hindcast", str(storm_district), *hours, "--out", str(tmp_path)]
    assert main(command) == 0
    said = capsys.readouterr()
    assert "25/40/70 mm rule" in said.out
    assert "hindcast: " in said.err, "progress is shown"
    (folder,) = (tmp_path / "hindcast").iterdir()
    for lang, words in (("zh", "积水记录为合成数据"), ("en", "floods of the record are synthetic")):
        page = (folder / f"scorecard.{lang}.html").read_text(encoding="utf-8")
        assert words in page
        assert {"zh": "演示数据", "en": "Demonstration data"}[lang] in page
    products = {path.name: path.read_bytes() for path in folder.glob("*.*")}
    assert {"scores.csv", "reliability.csv", "roc.csv", "leads.csv", "depths.csv", "warning_budget.csv"} <= set(
        products
    )
    assert main([*command, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["facts"]["floods"] == 6
    assert {path.name: path.read_bytes() for path in folder.glob("*.*")} == products


def test_a_time_that_runs_backwards_is_refused(
    storm_district: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hours = ["--from", "2021-07-20T05:00Z", "--to", "2021-07-20T04:00Z"]
    assert main(["hindcast", str(storm_district), *hours, "--out", str(tmp_path)]) == 2
    assert "forward" in capsys.readouterr().err
