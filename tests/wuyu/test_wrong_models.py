"""Wrong models and wrong records, through the verbs: a clear finding, and the cycle goes on and says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from risk_models.risk import RiskTable, read_risk
from risk_models.risk.susceptibility import HotspotFloodChance, Verification, save_model
from tests.factories import add_mini_storm, read_rows, write_mini_district, write_rows
from tests.risk_models.risk.test_learned import DEPTHS_M
from tests.wuyu.test_learning import FIRST, write_archive
from wuyu.cli import main
from wuyu.desk import begin_desk
from wuyu.rain import pull_feeds

HOUR, STEM = "2021-07-20T14:00+08:00", "20210720T0600Z"

#: When the archive is learned from and a cycle runs: less than an hour after this.
SERVED = pd.Timestamp("2020-07-04T13:05Z")


def run(district: Path, out: Path, *words: str) -> int:
    return main([*words, "--district", str(district), "--out", str(out)])


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a mini district with a storm, and its products with the rain taken over."""
    folder, out = write_mini_district(tmp_path_factory.mktemp("storm") / "mini"), tmp_path_factory.mktemp("out")
    desk = begin_desk(add_mini_storm(folder), out)
    pull_feeds(desk, now=pd.Timestamp("2021-07-22T00:00Z").to_pydatetime())
    desk.ledger.close()
    return folder, out


@pytest.fixture(scope="module")
def plain(storm: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> RiskTable:
    return cycle(storm, tmp_path_factory.mktemp("plain"), lambda _: None)


def cycle(storm: tuple[Path, Path], root: Path, spoil: Callable[[Path], None]) -> RiskTable:
    """Run one cycle in copies of district and products, the district spoilt before."""
    district, out = (shutil.copytree(path, root / name) for path, name in zip(storm, ("mini", "out"), strict=True))
    spoil(district)
    assert run(district, out, "cycle", "--at", HOUR) == 0
    return read_risk(out / "risk" / f"{STEM}.parquet")


def name_model(folder: Path, *, rain: tuple[str, ...] = ("fc_3h_mm_p50",), **changed: Any) -> Path:
    """Learn a model in a moment, with a verification of which something is changed, and name it in the settings."""
    hotspots = pd.read_csv(folder / "hotspots.csv")
    rng = np.random.default_rng(4)
    storm = np.repeat(np.arange(20), len(hotspots))
    mm = rng.gamma(1.0, 15.0, 20)[storm]
    table = pd.DataFrame(dict.fromkeys(rain, mm)).assign(
        hotspot_id=np.tile(hotspots["hotspot_id"], 20), kind=np.tile(hotspots["kind"], 20)
    )
    model = HotspotFloodChance(depths_m=DEPTHS_M, rain=rain, shares=(), season=())
    model.fit(table, np.where(mm > 20 + rng.normal(0, 8, len(mm)), 0.2, 0.0), storms=storm)
    places = {row.hotspot_id: (row.lon, row.lat) for row in hotspots.itertuples()}
    facts: dict[str, Any] = {
        "district_code": "410199", "places": places, "window_h": 6, "depths_m": DEPTHS_M,
        "greatest_mm": {"fc_3h_mm_p50": 300.0}, "n_rows": len(table), "n_floods": 60, "n_storms": 20,
        "n_flood_storms": 10, "brier_skill": 0.4, "brier_skill_low": 0.2, "brier_skill_high": 0.5,
        "split": "one storm left out", "until": "2020-12-31T00:00:00+00:00",
    }  # fmt: skip
    found = None if changed == {"verified": False} else Verification(**facts | changed)
    file = folder / "model.skops"
    digest = save_model(model, file, verification=found)
    with (folder / "district.yaml").open("a", encoding="utf-8") as stream:
        stream.write(f'model: {{path: model.skops, sha256: "{digest}"}}\n')
    return file


def test_the_model_is_asked_where_nothing_is_wrong(storm: tuple[Path, Path], plain: RiskTable, tmp_path: Path) -> None:
    table = cycle(storm, tmp_path, lambda folder: void(name_model(folder)))
    assert table["p_5cm"].tolist() != plain["p_5cm"].tolist()
    assert (
        table.attrs["feeds_zh"]
        .splitlines()[-1]
        .startswith("概率由学习模型model.skops给出：依据截至2020-12-31的10场过程、60次")
    )


def void(_: object) -> None:
    """Forget what a fault returns."""


WRONG: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "other register": (
        lambda folder: void(name_model(folder, district_code="110101")),
        "属于另一底册", "learned for another register: 12 of its 12 hotspots are here",
    ),
    "other hotspots": (
        lambda folder: void(name_model(folder, places={f"X{n}": (113.0, 34.0) for n in range(9)})),
        "属于另一底册", "learned for another register: 0 of its 9 hotspots are here",
    ),
    "other horizon": (lambda folder: void(name_model(folder, window_h=24)), "时效不同", "for another horizon"),
    "other columns": (
        lambda folder: void(name_model(folder, rain=("fc_3h_mm_p55",))),
        "所需变量不存在", "asks for the column fc_3h_mm_p55; nearest: fc_3h_mm_p50",
    ),
    "other depths": (
        lambda folder: void(name_model(folder, depths_m=(0.05, 0.15))),
        "不能给出概率", "cannot be asked: 4 chances a hotspot for the depths (0.05, 0.15)",
    ),
    "other largest rain": (
        lambda folder: void(name_model(folder, greatest_mm={"rain_mm": 40.0})),
        "不能给出概率", "cannot be asked: its largest rain is of rain_mm",
    ),
    "tampered": (
        lambda folder: void(name_model(folder).write_bytes(b"something else")),
        "文件与所登记的不符", "the model file is not the one that was named",
    ),
    "gone": (lambda folder: name_model(folder).unlink(), "文件缺失", "model.skops"),
    "other version": (lambda folder: void(name_model(folder, library="0.1.0")), "版本不同", "another version"),
    "other form": (lambda folder: void(name_model(folder, form=0)), "版本不同", "kept in another form"),
    "not verified": (lambda folder: void(name_model(folder, verified=False)), "未经检验", "does not say how"),
    "no skill": (
        lambda folder: void(name_model(folder, brier_skill_low=-0.01)), "检验未见技巧", "no better than the mean",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", list(WRONG))
def test_a_wrong_model_is_named_and_the_cycle_goes_on(
    storm: tuple[Path, Path], plain: RiskTable, tmp_path: Path, fault: str
) -> None:
    spoil, zh, en = WRONG[fault]
    table = cycle(storm, tmp_path, spoil)
    told_zh, told_en = (table.attrs[name].splitlines()[-1] for name in ("feeds_zh", "feeds_en"))
    assert told_zh == f"学习模型model.skops未采用（{zh}）：概率为模拟结果所占比例，未经积水记录检验。"
    assert told_en.startswith("The learned model model.skops is not used (")
    assert en in told_en
    assert "chances are shares of simulated outcomes" in told_en
    pd.testing.assert_frame_equal(pd.DataFrame(table), pd.DataFrame(plain))
    bulletins = list((tmp_path / "out" / "bulletins").rglob("*.txt"))
    assert bulletins
    assert all(told_zh in path.read_text(encoding="utf-8") for path in bulletins)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder, out = write_archive(tmp_path_factory.mktemp("archive") / "mini"), tmp_path_factory.mktemp("out")
    desk = begin_desk(folder, out)
    pull_feeds(desk, now=SERVED.to_pydatetime())
    desk.ledger.close()
    return folder, out


def flood(rows: list[dict[str, str]], number: int, **changed: str) -> dict[str, str]:
    return {**rows[-1], "event_id": f"N-{number}", **changed}


def every_window(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    starts = pd.date_range(FIRST, periods=24, freq="12h") - pd.Timedelta(hours=5)
    places = [f"MD-{n:03d}" for n in range(1, 9)]
    return [
        flood(rows, number, hotspot_id=place, started_at=at.isoformat())
        for number, (at, place) in enumerate((at, place) for at in starts for place in places)
    ]


def in_future(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{**row, "started_at": "2020-12-31T08:00:00+08:00", "ended_at": ""} for row in rows]


def one_storm(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    first = next(row["started_at"] for row in rows if row["event_id"].startswith("F-"))
    return [row for row in rows if row["started_at"] == first]


RECORDS: dict[str, tuple[Callable[[list[dict[str, str]]], list[dict[str, str]]], tuple[str, ...], str]] = {
    "one storm": (one_storm, ("1 storms with a flood have rain on record", "few-storms"), "有积水记录的过程太少"),
    "floods only": (
        every_window, ("1 storms with a flood", "few-storms", "came without any rain expected", "flood-without-rain"),
        "有积水记录的过程太少",
    ),
    "no flood": (lambda rows: rows[:1], ("0 storms with a flood", "few-storms"), "有积水记录的过程太少"),
    "in the future": (
        in_future, ("0 storms with a flood", "few-storms", "begin after now and are left out", "future-flood"),
        "有积水记录的过程太少",
    ),
}  # fmt: skip


@pytest.mark.parametrize("record", list(RECORDS))
def test_a_record_from_which_nothing_can_be_learned_is_named_and_the_cycle_goes_on(
    archive: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    record: str,
) -> None:  # fmt: skip
    change, said, zh = RECORDS[record]
    district, out = (shutil.copytree(path, tmp_path / path.name) for path in archive)
    write_rows(district / "history.csv", change(read_rows(district / "history.csv")))
    hours = int((pd.Timestamp.now("UTC") - SERVED) / pd.Timedelta(hours=1))
    monkeypatch.setenv("WUYU_CLOCK", f"shift:-{hours}h")
    assert run(district, out, "learn", "--to", "2020-06-10T08:00") == 1
    error = capsys.readouterr().err
    assert all(text in error for text in said), error
    assert run(district, out, "cycle", "--at", "2020-07-04T21:00+08:00") == 0
    table = read_risk(out / "risk" / "20200704T1300Z.parquet")
    assert (
        f"无学习模型：2020-07-04的学习未通过（{zh}），概率为模拟结果所占比例"
        in table.attrs["feeds_zh"].splitlines()[-1]
    )
    assert "No learned model: what was tried on 2020-07-04 was refused" in table.attrs["feeds_en"]
    assert all(item["factor"] != "record" or item["points"] is None for item in json.loads(table["reasons"].iloc[0]))


def test_slips_in_a_record_are_told_and_the_rest_is_learned_from(
    archive: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    district, out = (shutil.copytree(path, tmp_path / path.name) for path in archive)
    rows = read_rows(district / "history.csv")
    slips = [
        flood(rows, 1, depth_m="0.3"),  # the last one again
        flood(rows, 2, hotspot_id="MD-001", started_at="2020-06-02T04:00:00+00:00"),  # a dry day
        flood(rows, 3, started_at="2031-06-02T04:00:00+00:00"),
    ]
    write_rows(district / "history.csv", rows + slips)
    assert run(district, out, "learn", "--json") == 0
    learned = json.loads(capsys.readouterr().out)
    assert learned["may_serve"]
    told = " ".join(learned["findings"])
    for code in ("duplicate-flood", "flood-without-rain", "future-flood"):
        assert f"[{code}]" in told, told
