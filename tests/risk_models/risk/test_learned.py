"""A learned chance stands in place of the raw share, and a wrong model file never stops a cycle."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.district import check_district, load_district
from risk_models.errors import Finding
from risk_models.levels import Level
from risk_models.risk import HotspotScorer
from risk_models.risk.combined import chance_of_depths
from risk_models.risk.susceptibility import HotspotFloodChance, HotspotFloodClassifier, Verification, save_model
from risk_models.standards import load_standards
from risk_models.terrain import hotspot_terrain
from tests.factories import read_rows, write_mini_district, write_rows
from tests.risk_models.risk.test_scorer import rainfall

DEPTHS_M = (0.05, 0.15, 0.27, 0.5)
#: A hotspot that flooded often, and its neighbours that did not.
WET = "MD-001"


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> HotspotScorer:
    district, standards = load_district(write_mini_district(tmp_path_factory.mktemp("mini"))), load_standards()
    return HotspotScorer(district, hotspot_terrain(district, land_cover_table=standards.land_cover()), standards)


def _scorer(folder: Path, like: HotspotScorer) -> HotspotScorer:
    """Return the scorer of a folder with the same ground."""
    return HotspotScorer(load_district(folder), like.terrain, load_standards())


def record(scorer: HotspotScorer) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return 60 windows at every hotspot, the depth of water in each, and its storm."""
    rng = np.random.default_rng(4)
    hotspots = scorer.district.hotspots
    storm = np.repeat(np.arange(60), len(hotspots))
    rain = rng.gamma(1.0, 15.0, 60)[storm]
    table = pd.DataFrame(
        {
            "fc_3h_mm_p50": rain, "fc_3h_mm_p90": 1.3 * rain, "p_5cm": np.clip((rain - 20) / 60, 0, 1),
            "season_sin": 0.0, "season_cos": -1.0, "hotspot_id": np.tile(hotspots.index, 60),
            "kind": np.tile(hotspots["kind"], 60),
        }
    )  # fmt: skip
    needed = np.where(table["hotspot_id"] == WET, 8.0, 45.0) + rng.normal(0, 8, len(table))
    depth_m = np.where(rain > needed, rng.choice([0.08, 0.2, 0.3, np.nan], len(table)), 0.0)
    return table, depth_m, storm


def facts(scorer: HotspotScorer, **changed: object) -> Verification:
    hotspots = scorer.district.hotspots
    places = {str(row.Index): (float(row.lon), float(row.lat)) for row in hotspots.itertuples()}
    return Verification(
        **{
            "district_code": "410199", "places": places, "window_h": 24, "depths_m": DEPTHS_M,
            "greatest_mm": {"fc_3h_mm_p50": 90.0}, "n_rows": 720, "n_floods": 60, "n_storms": 60,
            "n_flood_storms": 20, "brier_skill": 0.4, "brier_skill_low": 0.2, "brier_skill_high": 0.5,
            "split": "one storm left out", "until": "2020-12-31T00:00:00+00:00", **changed,
        }
    )  # type: ignore[arg-type]  # fmt: skip


def with_model(folder: Path, model: object, verification: Verification | None) -> Path:
    digest = save_model(model, folder / "model.skops", verification=verification)  # type: ignore[arg-type]
    with (folder / "district.yaml").open("a", encoding="utf-8") as stream:
        stream.write(f'model: {{path: model.skops, sha256: "{digest}"}}\n')
    return folder


@pytest.fixture(scope="module")
def chance(scorer: HotspotScorer) -> HotspotFloodChance:
    table, depth_m, storm = record(scorer)
    return HotspotFloodChance(depths_m=DEPTHS_M).fit(table, depth_m, storms=storm)


def points(text: str) -> dict[str, float]:
    return {item["factor"]: item["points"] for item in json.loads(text) if item["points"] is not None}


def test_a_learned_chance_stands_in_place_of_the_share(
    scorer: HotspotScorer, chance: HotspotFloodChance, tmp_path: Path
) -> None:
    asked = _scorer(with_model(write_mini_district(tmp_path / "mini"), chance, facts(scorer)), scorer)
    assert asked.model_refused == ()
    rain = rainfall(scorer, future_mm_h=7)
    plain, table = scorer.score(rain), asked.score(rain)
    told = [points(text) for text in table["reasons"]]
    assert all("record" in item for item in told)
    assert not any("record" in points(text) for text in plain["reasons"])
    assert [math.fsum(item.values()) for item in told] == pytest.approx(table["score"].tolist(), abs=1e-9)
    others = table.index != WET
    assert table.loc[WET, "p_5cm"] > 0.6 > 0.2 > table.loc[others, "p_5cm"].max()
    assert (np.diff(table[["p_5cm", "p_15cm", "p_27cm", "p_50cm", "p_lethal"]].to_numpy(), axis=1) <= 1e-12).all()
    assert table.loc[WET, "level"] > plain.loc[WET, "level"]
    assert table.attrs["model_sha256"] == asked.district.settings.model.sha256  # type: ignore[union-attr]


def test_the_record_counts_once_and_nothing_is_learned_from_a_chain_that_knows_the_floods(
    scorer: HotspotScorer, chance: HotspotFloodChance, tmp_path: Path
) -> None:
    folder = write_mini_district(tmp_path / "mini")
    rows = read_rows(folder / "history.csv")
    facts_of = {"hotspot_id": WET, "rain_mm": "15", "rain_window_h": "1", "depth_m": "0.4"}
    write_rows(folder / "history.csv", [{**row, **facts_of} for row in rows])
    rain = rainfall(scorer, future_mm_h=9)
    known, plain = _scorer(folder, scorer), scorer.without_model().score(rain)
    assert known.score(rain).loc[WET, "p_5cm"] > plain.loc[WET, "p_5cm"]
    pd.testing.assert_frame_equal(known.without_model().score(rain), plain)
    asked = _scorer(with_model(folder, chance, facts(scorer)), scorer)
    alone = _scorer(with_model(write_mini_district(tmp_path / "alone"), chance, facts(scorer)), scorer)
    pd.testing.assert_frame_equal(asked.score(rain), alone.score(rain))


def test_a_classifier_with_an_effect_per_hotspot_is_asked_too(scorer: HotspotScorer, tmp_path: Path) -> None:
    table, depth_m, storm = record(scorer)
    columns = ["fc_3h_mm_p50", "p_5cm", "hotspot_id"]
    model = HotspotFloodClassifier(group="hotspot_id", monotone={"fc_3h_mm_p50": 1}, learner="additive")
    model.fit(table[columns], ~(depth_m == 0), blocks=storm)
    asked = _scorer(with_model(write_mini_district(tmp_path / "mini"), model, facts(scorer, depths_m=(0.05,))), scorer)
    result = asked.score(rainfall(scorer, future_mm_h=7))
    assert result.loc[WET, "p_5cm"] > result.loc[result.index != WET, "p_5cm"].max()


def test_blocks_ask_the_model_as_the_whole_does(
    scorer: HotspotScorer, chance: HotspotFloodChance, tmp_path: Path
) -> None:
    asked = _scorer(with_model(write_mini_district(tmp_path / "mini"), chance, facts(scorer)), scorer)
    rain = rainfall(scorer, future_mm_h=20)
    pd.testing.assert_frame_equal(asked.score(rain), asked.score(rain, block_hotspots=3))


def test_rain_beyond_the_record_never_lowers_what_the_chain_says(
    scorer: HotspotScorer, chance: HotspotFloodChance, tmp_path: Path
) -> None:
    asked = _scorer(with_model(write_mini_district(tmp_path / "mini"), chance, facts(scorer)), scorer)
    rain = rainfall(scorer, past_mm_h=60, future_mm_h=120)
    plain, table = scorer.score(rain), asked.score(rain)
    assert (table["level"] >= plain["level"]).all()
    assert (plain["level"] == Level.RED).any()


def test_unknown_rain_stays_unknown(scorer: HotspotScorer, chance: HotspotFloodChance, tmp_path: Path) -> None:
    asked = _scorer(with_model(write_mini_district(tmp_path / "mini"), chance, facts(scorer)), scorer)
    table = asked.score(rainfall(scorer, unknown=[70]))
    assert (table["level"] == Level.UNKNOWN).all()


def test_a_moved_hotspot_has_no_record(scorer: HotspotScorer, chance: HotspotFloodChance, tmp_path: Path) -> None:
    asked = _scorer(with_model(write_mini_district(tmp_path / "a"), chance, facts(scorer)), scorer)
    places = facts(scorer).places | {WET: (113.0, 34.0)}
    moved = _scorer(with_model(write_mini_district(tmp_path / "b"), chance, facts(scorer, places=places)), scorer)
    rain = rainfall(scorer, future_mm_h=7)
    assert moved.score(rain).loc[WET, "p_5cm"] < asked.score(rain).loc[WET, "p_5cm"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"district_code": "110101"}, "other-register"),
        ({"places": {f"X-{n}": (113.0, 34.0) for n in range(12)}}, "other-register"),
        ({"window_h": 12}, "other-window"),
        ({"brier_skill_low": -0.01}, "no-skill"),
        ({"form": 0}, "other-version"),
        ({"library": "0.1.0"}, "other-version"),
        (None, "not-verified"),
    ],
)
def test_a_wrong_model_is_a_finding_and_the_chain_stands(
    scorer: HotspotScorer, chance: HotspotFloodChance, tmp_path: Path, changed: dict[str, object] | None, code: str
) -> None:
    verification = None if changed is None else facts(scorer, **changed)
    asked = _scorer(with_model(write_mini_district(tmp_path / "mini"), chance, verification), scorer)
    assert [finding.code for finding in asked.model_refused] == [code]
    _stands_as_without(asked, scorer)


def test_a_model_that_asks_for_unknown_columns_is_a_finding(scorer: HotspotScorer, tmp_path: Path) -> None:
    table, depth_m, storm = record(scorer)
    other = HotspotFloodChance(depths_m=DEPTHS_M, rain=("fc_3h_mm_p5",), shares=(), season=())
    other.fit(table.rename(columns={"fc_3h_mm_p50": "fc_3h_mm_p5"}), depth_m, storms=storm)
    asked = _scorer(with_model(write_mini_district(tmp_path / "mini"), other, facts(scorer)), scorer)
    (finding,) = asked.model_refused
    assert finding.code == "unknown-feature"
    assert "asks for the column fc_3h_mm_p5; nearest: fc_3h_mm_p50" in finding.message
    _stands_as_without(asked, scorer)


@pytest.mark.parametrize(("fault", "code"), [("tampered", "other-checksum"), ("gone", "missing-file")])
def test_a_file_that_is_not_the_one_named_is_a_finding(
    scorer: HotspotScorer, chance: HotspotFloodChance, tmp_path: Path, fault: str, code: str
) -> None:
    folder = with_model(write_mini_district(tmp_path / "mini"), chance, facts(scorer))
    file = folder / "model.skops"
    file.unlink() if fault == "gone" else file.write_bytes(file.read_bytes() + b" ")
    assert [finding.code for finding in check_district(folder)] == [code]
    asked = _scorer(folder, scorer)
    assert [(finding.code, finding.file) for finding in asked.model_refused] == [(code, "model.skops")]
    _stands_as_without(asked, scorer)


def _stands_as_without(asked: HotspotScorer, plain: HotspotScorer) -> None:
    rain = rainfall(plain, future_mm_h=30)
    pd.testing.assert_frame_equal(asked.score(rain), plain.score(rain))
    assert all(isinstance(finding, Finding) for finding in asked.model_refused)


chances = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(lambda p: -np.sort(-np.array([p])))


@settings(max_examples=200, deadline=None)
@given(share=chances, learned=chances, more=st.floats(0, 1), beyond=st.booleans(), shift=st.floats(-0.2, 0.3))
def test_law_chances_of_depths_are_ordered_and_never_fall(
    share: np.ndarray, learned: np.ndarray, more: float, beyond: bool, shift: float
) -> None:
    depths = np.clip(np.array([[0.1, 0.25, 0.6]]) + shift, 0.01, None)

    def told(share: np.ndarray, learned: np.ndarray, beyond: bool) -> np.ndarray:
        return chance_of_depths(depths, share, learned, learned_depth_m=(0.05, 0.15, 0.27), beyond=np.array([beyond]))

    now = told(share, learned, beyond)
    assert (np.diff(now, axis=1) <= 1e-9).all()
    assert (told(share + (1 - share) * more, learned, beyond) >= now - 1e-9).all()
    assert (told(share, learned + (1 - learned) * more, beyond) >= now - 1e-9).all()
    assert (told(share, learned, True) >= np.maximum(now, share) - 1e-12).all()
    nothing = np.full((1, 3), np.nan)
    assert (told(share, nothing, beyond) == share).all()


def test_the_record_of_a_verification_is_read_as_written(scorer: HotspotScorer) -> None:
    one = facts(scorer)
    assert Verification.from_json(one.to_json()) == one
    assert not dataclasses.replace(one, brier_skill_low=0.0).is_good
