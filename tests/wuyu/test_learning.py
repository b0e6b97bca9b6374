"""From a record of floods and an archive of rain to a model, to its verification, to the bulletin of a cycle."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from risk_models.district.rain_error import RainError, read_rain_error
from risk_models.errors import BadInputError, FloodRiskError
from risk_models.files import write_whole
from risk_models.risk import read_risk
from risk_models.risk.susceptibility import read_verification
from tests.factories import _write_forecast, read_rows, write_mini_district, write_rows
from tests.wuyu.test_formula_cells import formulas
from wuyu.cli import main
from wuyu.cycle import assess, run_cycle
from wuyu.desk import Desk, begin_desk
from wuyu.learning import ADOPTED, LEARNED, OPTIONS, adopt, adopt_rain_error, learn, learning_due, settle_answer
from wuyu.rain import pull_feeds

#: Days between storms, and their number; one more than is on record is yet to come.
EVERY_D, STORMS = 2, 16
FIRST = pd.Timestamp("2020-06-01T00:00Z")
NOW = datetime(2020, 8, 1, tzinfo=UTC)
#: What floods often, and what never does.
WET = ("MD-003", "MD-007")
SETTINGS = """\
warning:
  {horizon_h: 12, past_h: 12, lead_h: 24, valid_h: 3, downgrade_after_cycles: 2, minimum_duration_h: 1}
feeds:
  - {id: gauges, kind: gauge_table, path: feeds/gauges.csv, stale_after_h: 2}
  - {id: ensemble, kind: ensemble_netcdf, path: feeds/ensemble, stale_after_h: 13}
"""


def write_archive(folder: Path) -> Path:
    """Write a mini district with the rain of a month, the forecasts as they were, and the floods."""
    write_mini_district(folder, hotspots=8, gauges=2)
    settings = (folder / "district.yaml").read_text(encoding="utf-8")
    kept = [line for line in settings.splitlines(keepends=True) if not line.startswith("warning:")]
    (folder / "district.yaml").write_text("".join(kept) + SETTINGS, encoding="utf-8")
    (folder / "feeds" / "ensemble").mkdir(parents=True)
    rng = np.random.default_rng(3)
    ends = pd.date_range(FIRST - pd.Timedelta(hours=12), periods=24 * EVERY_D * (STORMS + 1), freq="h")
    peaks = FIRST + pd.to_timedelta(EVERY_D * 24.0 * np.arange(STORMS + 1) + 18.0, unit="h")
    amounts = np.append(rng.gamma(2.0, 5.0, STORMS), 18.0)

    def rain(at: pd.DatetimeIndex) -> np.ndarray:
        away = np.abs(_hours(at)[:, None] - _hours(peaks))
        return (amounts * np.clip(1.0 - away / 4.0, 0.0, 1.0)).sum(axis=1)

    fallen = np.round(rain(ends), 1)
    gauges = [row["gauge_id"] for row in read_rows(folder / "gauges.csv")]
    table = pd.DataFrame(dict.fromkeys(gauges, fallen), index=[end.isoformat() for end in ends])
    table.to_csv(folder / "feeds" / "gauges.csv", index_label="time_end")
    for number, issued_at in enumerate(pd.date_range(FIRST - pd.Timedelta(hours=12), ends[-1], freq="12h")):
        # A day that is forecast too wet or too dry, as days are.
        seen = rain(issued_at + pd.to_timedelta(np.arange(1, 25), unit="h")) * np.exp(0.3 * rng.normal())
        _write_forecast(folder / "feeds" / "ensemble" / f"{issued_at:%Y%m%dT%H%MZ}-{number}.nc", issued_at, seen)
    rows = read_rows(folder / "history.csv")
    floods = [
        {**rows[0], "event_id": f"F-{n}-{place}", "hotspot_id": place, "depth_m": depth, "confidence": "A",
         "started_at": (peak - pd.Timedelta(minutes=30)).isoformat(), "ended_at": ""}
        for n, (peak, amount) in enumerate(zip(peaks[:-1], amounts[:-1], strict=True))
        for place, depth in zip(WET, ("0.2", ""), strict=True)
        if amount > 9.0 + rng.normal()
    ]  # fmt: skip
    write_rows(folder / "history.csv", rows + floods)
    return folder


def _hours(at: pd.DatetimeIndex) -> np.ndarray:
    return ((at - FIRST) / pd.Timedelta(hours=1)).to_numpy(dtype=np.float64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("archive") / "mini")


@pytest.fixture(scope="module")
def desk(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = begin_desk(folder, tmp_path_factory.mktemp("out"))
    pull_feeds(desk, now=NOW)
    return desk


COMING = (FIRST + pd.Timedelta(days=EVERY_D * STORMS, hours=12)).to_pydatetime()


def test_from_the_table_to_the_bulletin(desk: Desk, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert learning_due(desk, now=NOW) == "year"
    end = (FIRST + pd.Timedelta(days=EVERY_D * STORMS)).to_pydatetime()
    learned = learn(desk, now=NOW, end=end)
    scores = learned.lesson.scores["storms left out"]["value"]
    low = learned.lesson.scores["storms left out"]["low"]
    assert learned.lesson.refused == ()
    assert low["brier_skill"] > 0
    assert scores["auc"] > 0.9
    assert 0.6 < scores["chances_over_floods"] < 1.6
    assert scores["auc_within_windows"] > 0.9
    card = (learned.folder / "card.md").read_text(encoding="utf-8")
    for name in ("scores.csv", "reliability.csv"):
        assert formulas(learned.folder / name) == []
    assert "It may serve" in card
    assert "Told and came" in card
    assert "without the largest storm" in card
    assert {finding.code for finding in learned.findings} == {"future-flood"}
    table = learned.rain_error.table.set_index("lead_h")
    assert set(table["source"]) == {"nowcast", "forecast"}
    assert table["storms"].max() == STORMS
    assert (learned.rain_error.error.log_sd(2, [6, 12]) < RainError.prior().log_sd(2, [6, 12])).all()  # planted: 0.3
    assert read_rain_error(learned.folder / "rain_error.json") == learned.rain_error.error
    assert formulas(learned.folder / "rain_error.csv") == []
    assert read_verification(learned.folder / "model.skops") == learned.lesson.verification
    assert learning_due(desk, now=NOW) is None

    silence = {"chosen_options": [OPTIONS[-1]], "params_input": {}, "responded_by_user": None}
    before = (folder / "district.yaml").read_bytes()
    assert settle_answer(desk, learned.folder.name, silence, now=NOW) == "the present model goes on"
    assert (folder / "district.yaml").read_bytes() == before
    yes = {"chosen_options": [OPTIONS[0]], "params_input": {"person": "李四"}, "responded_by_user": {"name": "admin"}}
    line = settle_answer(desk, learned.folder.name, yes, now=NOW)
    assert line in (folder / "district.yaml").read_text(encoding="utf-8")
    assert [entry.who for entry in desk.ledger.log_entries() if entry.what == ADOPTED] == ["李四"]

    asked = begin_desk(folder, desk.out)
    assert (desk.scorer.whole.learned, asked.scorer.model_refused) == (None, ())
    table = read_risk(desk.out / run_cycle(asked, COMING).risk_path)
    wet = table.loc[list(WET), "p_5cm"]
    assert wet.min() > 0.5 > table.loc[~table.index.isin(WET), "p_5cm"].max()
    told = json.loads(table.loc[WET[0], "reasons"])
    assert sum(item["points"] or 0.0 for item in told) == pytest.approx(table.loc[WET[0], "score"], abs=1e-6)
    record = {item["factor"]: item for item in told}["record"]
    assert record["value"] == pytest.approx(wet.iloc[0], abs=1e-3)
    bulletins = list((desk.out / "bulletins").rglob("*.txt"))
    texts = "".join(path.read_text(encoding="utf-8") for path in bulletins)
    assert desk.district.hotspots.loc[WET[0], "hotspot_name"] in texts
    asked.ledger.close()

    (folder / "models" / f"{learned.folder.name}.skops").write_bytes(b"something else")
    words = ["learn", str(folder), "--out", str(desk.out), "--adopt", learned.folder.name, "--rain-error"]
    assert main([*words, "--by", "李四"]) == 0
    rain_line, advice = capsys.readouterr().out.splitlines()[-2:]
    assert rain_line in (folder / "district.yaml").read_text(encoding="utf-8")
    assert "learn it anew" in advice
    without = begin_desk(folder, desk.out)
    assert without.district.rain_error == learned.rain_error.error
    table, _, _ = assess(without, COMING + timedelta(hours=1))
    assert "is not used (the model file is not the one that was named)" in table.attrs["feeds_en"]
    assert "未采用" in table.attrs["feeds_zh"]
    record = {item["factor"]: item for item in json.loads(table.loc[WET[0], "reasons"])}["record"]
    assert (record["value"], record["points"]) == (None, None)
    without.ledger.close()

    (folder / "models" / f"{learned.folder.name}.rain_error.json").write_text("{}", encoding="utf-8")
    usual = begin_desk(folder, desk.out)
    table, _, _ = assess(usual, COMING + timedelta(hours=2))
    assert usual.district.rain_error == RainError.prior()
    assert "rain_error.json is not used" in table.attrs["feeds_en"]
    assert "按通用误差计算" in table.attrs["feeds_zh"]
    usual.ledger.close()


def test_a_short_record_is_refused_and_says_what_is_missing(
    desk: Desk, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    end = (FIRST + pd.Timedelta(days=2 * EVERY_D)).to_pydatetime()
    with pytest.raises(BadInputError, match=r"storms with a flood have rain on record.*accepted: 5 storms or more"):
        learn(desk, now=NOW, end=end)
    status = main(
        ["learn", str(folder), "--out", str(desk.out), "--from", "2020-06-01T08:00", "--to", "2020-06-03T20:00"]
    )
    assert status == 1
    assert "few-storms" in capsys.readouterr().err
    assert len(list((desk.out / "learned").glob("*/rain_error.json"))) >= 2  # it needs no flood


def test_nobody_in_particular_puts_no_model_into_service(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(FloodRiskError, match="somebody's name"):
        adopt(desk, tmp_path, by=" ", now=NOW)
    write_whole(tmp_path / "card.md", "")
    with pytest.raises(BadInputError, match="no such file"):
        adopt(desk, tmp_path, by="李四", now=NOW)
    with pytest.raises(FloodRiskError, match="somebody's name"):
        adopt_rain_error(desk, tmp_path, by="", now=NOW)
    with pytest.raises(BadInputError, match="cannot be read"):
        adopt_rain_error(desk, tmp_path, by="李四", now=NOW)


def test_a_storm_since_the_last_time_is_a_reason_to_learn(folder: Path, tmp_path: Path) -> None:
    desk = begin_desk(folder, tmp_path / "out")
    last = desk.district.history["started_at"].max().to_pydatetime()
    assert learning_due(desk, now=last) == "year"
    desk.ledger.log(LEARNED, who="learn", now=last - timedelta(days=2))
    assert learning_due(desk, now=last + timedelta(days=1)) is None  # not over
    assert learning_due(desk, now=last + timedelta(days=3)) == "storm"
    desk.ledger.log(LEARNED, who="learn", now=last + timedelta(days=3))
    assert learning_due(desk, now=last + timedelta(days=4)) is None
    assert learning_due(desk, now=last + timedelta(days=368)) == "year"
    desk.ledger.close()
