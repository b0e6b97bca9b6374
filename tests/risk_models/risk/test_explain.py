"""Contributions add up to the score, and the district is summed up by a stated rule."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.district import load_district
from risk_models.levels import Level
from risk_models.risk import HotspotScorer, town_levels
from risk_models.risk.combined import RAIN_FEATURES, place_features
from risk_models.risk.reasons import FACTORS
from risk_models.standards import load_standards
from risk_models.terrain import hotspot_terrain
from tests.factories import write_mini_district
from tests.risk_models.risk.test_scorer import rainfall

DEEP = {"fallen", "expected", "wetness", "catchment", "drains", "uncertainty", "exposure", "capacity"}


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> HotspotScorer:
    district = load_district(write_mini_district(tmp_path_factory.mktemp("mini")))
    standards = load_standards()
    return HotspotScorer(district, hotspot_terrain(district, land_cover_table=standards.land_cover()), standards)


def points(text: str) -> dict[str, float]:
    return {item["factor"]: item["points"] for item in json.loads(text) if item["points"] is not None}


@settings(max_examples=12, deadline=None)
@given(past=st.floats(0, 80), future=st.floats(0, 120), early=st.floats(0, 20))
def test_contributions_sum_to_the_score(scorer: HotspotScorer, past: float, future: float, early: float) -> None:
    rain = rainfall(scorer, past_mm_h=past, future_mm_h=future)
    rain["rain_mm"][:, 10:30] = early
    table = scorer.score(rain)
    for text, score, level in zip(table["reasons"], table["score"], table["level"], strict=True):
        told = points(text)
        assert math.fsum(told.values()) == pytest.approx(score, abs=1e-9)
        assert set(told) >= (DEEP if level >= Level.BLUE else {"fallen", "expected", "exposure", "capacity"})
        assert set(told) <= set(FACTORS)


def test_each_factor_is_blamed_for_what_it_did(scorer: HotspotScorer) -> None:
    fallen = scorer.score(rainfall(scorer, past_mm_h=90))
    ahead = scorer.score(rainfall(scorer, future_mm_h=90))
    for table, guilty, innocent in ((fallen, "fallen", "expected"), (ahead, "expected", "fallen")):
        warned = table.loc[table["level"] >= Level.BLUE, "reasons"]
        assert len(warned)
        assert sum(points(text)[guilty] for text in warned) > 0
        assert all(points(text)[innocent] == pytest.approx(0, abs=1e-9) for text in warned)
    assert all(points(text)["wetness"] == 0 for text in fallen.loc[fallen["level"] >= Level.BLUE, "reasons"])
    soaked = rainfall(scorer, future_mm_h=30)
    soaked["rain_mm"][:, :40] = 6.0
    table = scorer.score(soaked)
    assert sum(points(text).get("wetness", 0.0) for text in table["reasons"]) > 0


def test_a_warned_sentence_names_its_main_cause(scorer: HotspotScorer) -> None:
    table = scorer.score(rainfall(scorer, future_mm_h=120))
    warned = table[table["level"] >= Level.BLUE]
    assert warned["reason_zh"].str.contains("主因：预计降雨").any()
    assert warned["reason_en"].str.contains("main cause: rain expected").any()
    assert (warned["reason_zh"].str.len() < 170).all()


def test_a_sentence_blames_no_unknown_and_nobody_who_lives_there(scorer: HotspotScorer) -> None:
    for rain in (rainfall(scorer, future_mm_h=120), rainfall(scorer, past_mm_h=30, future_mm_h=25)):
        table = scorer.score(rain)
        for words in ("不确定性", "承灾体", "应急能力", "中位数", "分位"):
            assert not table["reason_zh"].str.contains(words).any(), words
        for words in ("what is not known", "exposure", "help at hand", "median", "quantile", "return period"):
            assert not table["reason_en"].str.contains(words).any(), words
        assert table["reason_zh"].str.contains("年一遇").all()
        assert table["reason_zh"].str.contains("（含已降）").all()


def test_towns_have_the_level_of_their_worst_hotspot(scorer: HotspotScorer) -> None:
    table = scorer.score(rainfall(scorer, past_mm_h=30, future_mm_h=60))
    towns = town_levels(table)
    assert towns["level"].max() == table["level"].max()
    assert (towns["unknown_share"] == 0).all()
    quiet = scorer.score(rainfall(scorer, unknown=[70]))
    assert (town_levels(quiet)["level"] == Level.UNKNOWN).all()
    assert (town_levels(quiet)["unknown_share"] == 1).all()


def test_features_are_those_of_the_register_and_the_terrain(scorer: HotspotScorer) -> None:
    table = place_features(scorer.district, scorer.terrain)
    assert {"catchment_m2", "drain_capacity_mm_h", "is_tunnel"} <= set(table.columns)
    assert not set(RAIN_FEATURES) & set(table.columns)
    assert list(table.index) == list(scorer.district.hotspots.index)


def test_more_people_never_lower_a_score(scorer: HotspotScorer) -> None:
    rain = rainfall(scorer, future_mm_h=60)
    before = scorer.score(rain)
    district = scorer.district
    crowded = dataclasses.replace(district, facilities=district.facilities.assign(people=5000))
    after = HotspotScorer(crowded, scorer.terrain, load_standards()).score(rain)
    assert (after["score"] >= before["score"]).all()
    assert (after["level"] >= before["level"]).all()
