"""A model learned in the bundled district, by the verbs: asked, explained, marked as made up, and left out if tampered.

The archive is made up (`benchmarks.learned_erqi`): storms, forecasts with their leads, floods by a planted law.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.learned_erqi import ADOPTED_BY, CYCLE, OFTEN, STORMS, TWIN, learn_and_adopt, write_district
from risk_models.risk import RiskTable, read_risk
from risk_models.risk.reasons import without_record
from risk_models.risk.susceptibility import read_verification
from wuyu.cli import main
from wuyu.learning import ADOPTED
from wuyu.ledger import open_ledger

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("learned erqi")]

NEXT_HOUR = "2021-07-20T01:00"


@dataclass(frozen=True)
class Place:
    """A district with its products."""

    district: Path
    out: Path
    learned: Path

    def run(self, *words: str) -> int:
        return main([*words, "--district", str(self.district), "--out", str(self.out)])

    def table(self, hour_utc: str) -> RiskTable:
        return read_risk(self.out / "risk" / f"{hour_utc}.parquet")

    def pages(self, revision: int) -> dict[Path, str]:
        """Return the bulletins of the first cycle (0) or the second (1), as pages; drafts too."""
        found = sorted((self.out / "bulletins").rglob(f"*.r{revision}.*html"))
        return {path: path.read_text(encoding="utf-8") for path in found}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("learned")
    district, out = write_district(root / "district"), root / "out"
    place = Place(district, out, learn_and_adopt(district, out))
    assert place.run("cycle", "--at", CYCLE) == 0
    return place


@pytest.fixture(scope="module")
def table(place: Place) -> RiskTable:
    return place.table("20210719T1600Z")


def _told(table: RiskTable) -> list[dict[str, dict[str, float]]]:
    return [{item["factor"]: item for item in json.loads(text)} for text in table["reasons"]]


def test_the_planted_law_is_found_and_a_named_person_put_it_into_service(place: Place, table: RiskTable) -> None:
    (model,) = (place.district / "models").glob("*.skops")
    found = read_verification(model)
    assert found.is_good
    assert 5 <= found.n_flood_storms <= len(STORMS) == found.n_storms
    assert found.n_rows == len(STORMS) * len(table)  # the years between have no forecast, and are passed over
    assert "demonstration data" in model.with_suffix(".md").read_text(encoding="utf-8")
    settings = (place.district / "district.yaml").read_text(encoding="utf-8")
    assert f'sha256: "{table.attrs["model_sha256"]}"' in settings
    with open_ledger(place.out / "ledger.sqlite") as ledger:
        assert [entry.who for entry in ledger.log_entries() if entry.what == ADOPTED] == [ADOPTED_BY]
    history = pd.read_csv(place.district / "history.csv")
    floods = history[history["synthetic"]]["hotspot_id"].value_counts()
    assert floods[OFTEN] > 5
    assert TWIN not in floods


def test_reasons_add_up_and_tell_what_the_record_changed(table: RiskTable) -> None:
    told = _told(table)
    sums = [math.fsum(item["points"] or 0.0 for item in row.values()) for row in told]
    assert sums == pytest.approx(table["score"].tolist(), abs=1e-9)
    points = np.array([row["record"]["points"] for row in told])
    before = without_record(table)
    assert before["score"].to_numpy() + points == pytest.approx(table["score"].to_numpy(), abs=1e-9)
    assert ((points > 0.5).any(), (points < -0.5).any()) == (True, True)
    changed = np.abs(points) >= 0.5
    assert table["reason_zh"].str.contains("积水记录使评分由").tolist() == changed.tolist()
    assert (
        table["reason_en"].str.contains(r"the record of floods (?:raises|lowers) the score").tolist()
        == changed.tolist()
    )
    other = before["matrix_level"].to_numpy() != table["matrix_level"].to_numpy()
    assert table["reason_zh"].str.contains("等级由").tolist() == other.tolist()


def test_a_place_that_flooded_often_ranks_above_its_twin_without(table: RiskTable) -> None:
    often, twin = table.loc[OFTEN], table.loc[TWIN]
    assert abs(often["fc_3h_mm_p50"] - twin["fc_3h_mm_p50"]) < 1e-6
    chain = without_record(table)["score"]
    assert abs(chain[OFTEN] - chain[TWIN]) < 5
    assert often["score"] > twin["score"] + 5
    assert often["p_15cm"] > 2 * twin["p_15cm"]


def test_bulletins_say_what_stands_behind_the_chances_in_both_languages(place: Place, table: RiskTable) -> None:
    pages = place.pages(0)
    assert len(pages) >= 5
    change = table["matrix_level"].to_numpy() - without_record(table)["matrix_level"].to_numpy()
    raised, lowered = (change > 0).sum(), (change < 0).sum()
    for path, page in pages.items():
        assert "概率由学习模型models/" in page, path
        assert f"{raised}处风险矩阵等级升高、{lowered}处降低" in page, path
        assert "Chances are those of the learned model models/" in page, path
        assert f"the level of the matrix of {raised} hotspots is higher and that of {lowered} lower" in page, path
        assert "概率由积水记录学得，水深和时刻来自模拟" in page, path
        assert "depths and times are simulated; where they disagree the chances count" in page, path
    everything = "".join(pages.values())
    assert re.search(r"积水记录使评分由\d+[升降]至\d+", everything)
    assert re.search(r"the record of floods (raises|lowers) the score from \d+ to \d+", everything)


def test_every_product_stays_marked_as_demonstration(place: Place, table: RiskTable) -> None:
    assert table.attrs["demonstration"]
    for path, page in place.pages(0).items():
        assert "演示数据，非真实情况" in page, path
        assert "Demonstration data, not a real situation" in page, path
        text = path.with_suffix(".txt").read_text(encoding="utf-8")
        assert "（演示数据）" in text, path
        assert "on record until 2020-08-20 (demonstration data)" in text, path
    assert place.run("map") == 0
    (map_page,) = place.out.rglob("onemap.html")
    page = map_page.read_text(encoding="utf-8")
    assert "演示数据" in page
    assert "积水记录使评分由" in page
    assert "历史学习概率" in page


def test_a_tampered_model_is_left_out_and_the_bulletins_say_so(place: Place, table: RiskTable) -> None:
    (model,) = (place.district / "models").glob("*.skops")
    kept = model.read_bytes()
    model.write_bytes(kept + b" ")
    try:
        assert place.run("cycle", "--at", NEXT_HOUR) == 0
    finally:
        model.write_bytes(kept)
    without = place.table("20210719T1700Z")
    assert "model_sha256" not in without.attrs
    assert without["score"].notna().all()
    assert all(row["record"]["points"] is None for row in _told(without))
    pages = place.pages(1)
    assert pages
    for path, page in pages.items():
        assert f"学习模型models/{model.name}未采用（文件与所登记的不符）" in page, path
        assert f"The learned model models/{model.name} is not used" in page, path
        assert "积水记录使" not in page, path
