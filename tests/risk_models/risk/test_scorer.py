"""Rain in, risk table out, on a small district."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from risk_models import score, uniform_rain
from risk_models.district import load_district
from risk_models.errors import BadInputError
from risk_models.forecast.rainfall import Origin, Provenance, Quality, build_rainfall
from risk_models.levels import Level
from risk_models.risk import (
    RISK_COLUMNS,
    HotspotScorer,
    RiskTable,
    read_risk,
    town_levels,
    write_geojson,
    write_risk,
)
from risk_models.risk.reasons import NOT_ASSESSED_ZH
from risk_models.standards import load_standards
from risk_models.terrain import hotspot_terrain
from tests.factories import write_mini_district

VALID_AT = datetime(2021, 7, 20, 7, tzinfo=UTC)
PAST_H, LEAD_H, MEMBERS = 72, 24, 5


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> HotspotScorer:
    district = load_district(write_mini_district(tmp_path_factory.mktemp("mini")))
    standards = load_standards()
    return HotspotScorer(district, hotspot_terrain(district, land_cover_table=standards.land_cover()), standards)


def rainfall(scorer: HotspotScorer, *, past_mm_h: float = 0.0, future_mm_h: float = 0.0, **marks: object) -> xr.Dataset:
    ids = list(scorer.district.hotspots.index)
    first = VALID_AT - timedelta(hours=PAST_H - 1)
    time = pd.date_range(first.replace(tzinfo=None), periods=PAST_H + LEAD_H, freq="h").to_numpy()
    rain = np.zeros((MEMBERS, PAST_H + LEAD_H, len(ids)))
    rain[:, PAST_H - 3 : PAST_H] = past_mm_h
    rain[:, PAST_H : PAST_H + 3] = future_mm_h
    quality = np.ones((PAST_H + LEAD_H, len(ids)), dtype=int)
    for step in marks.get("unknown", []):  # type: ignore[attr-defined]
        rain[:, step], quality[step] = np.nan, Quality.MISSING
    for step in marks.get("suspect", []):  # type: ignore[attr-defined]
        quality[step] = Quality.SUSPECT
    origin = np.repeat([0, 2], [PAST_H, LEAD_H])
    for step in marks.get("stand_in", []):  # type: ignore[attr-defined]
        origin[step] = Origin.FALLBACK
    provenance = Provenance(
        valid_at=VALID_AT,
        issued_at=VALID_AT - timedelta(hours=int(marks.get("issued_h_ago", 1))),  # type: ignore[call-overload]
        observed_until=VALID_AT,
        gauges_used=8,
        gauges_expected=8,
        ladder_step=int(marks.get("ladder", 1)),  # type: ignore[call-overload]
    )
    std = np.where(origin[:, None] == 0, 0.0, np.nan) * np.ones((1, len(ids)))
    return build_rainfall(
        rain, time=time, hotspot=ids, origin=origin, quality=quality, rain_std_mm=std, provenance=provenance
    )


def test_table_keeps_its_contract(scorer: HotspotScorer) -> None:
    table = scorer.score(rainfall(scorer, past_mm_h=20, future_mm_h=60), event_key="E")
    assert list(table.columns) == [*RISK_COLUMNS, "geometry"]
    assert list(table.index) == list(scorer.district.hotspots.index)
    assert table.crs == scorer.district.hotspots.crs
    assert table.attrs["event_key"] == "E"
    assert table.attrs["demonstration"] is True


def test_a_dry_day_is_quiet(scorer: HotspotScorer) -> None:
    table = scorer.score(rainfall(scorer))
    assert (table["matrix_level"] == Level.NONE).all()
    assert set(table["order_phase"]) == {"none", "not_assessed"}
    assert (table["score"] == 0).all()
    assert (table["depth_p90_m"] == 0).all()
    assert table["peak_at"].isna().all()


def test_a_cloudburst_is_red_where_life_is_at_stake(scorer: HotspotScorer) -> None:
    table = scorer.score(rainfall(scorer, past_mm_h=60, future_mm_h=120))
    vulnerable = table["kind"].isin(["tunnel", "rail_underpass"])
    assert vulnerable.any()
    assert (table.loc[vulnerable, "level"] == Level.RED).any()
    assert (table.loc[table["level"] == Level.RED, "p_50cm"] >= 0.6).all()


def test_probabilities_and_depths_are_ordered(scorer: HotspotScorer) -> None:
    table = scorer.score(rainfall(scorer, past_mm_h=30, future_mm_h=50))
    chain = table[["p_5cm", "p_15cm", "p_27cm", "p_50cm", "p_lethal"]].to_numpy()
    assert (np.diff(chain, axis=1) <= 0).all()
    depths = table[["depth_p10_m", "depth_p50_m", "depth_p90_m"]].to_numpy()
    assert (np.diff(depths, axis=1) >= 0).all()


def test_more_rain_never_lowers_a_level(scorer: HotspotScorer) -> None:
    before = scorer.score(rainfall(scorer))
    for amount in (5.0, 15.0, 30.0, 60.0, 120.0):
        after = scorer.score(rainfall(scorer, past_mm_h=amount / 3, future_mm_h=amount))
        assert (after["level"] >= before["level"]).all()
        assert (after["score"] >= before["score"] - 1e-9).all()
        before = after


def test_contributions_sum_to_the_score(scorer: HotspotScorer) -> None:
    table = scorer.score(rainfall(scorer, past_mm_h=25, future_mm_h=45))
    sums = [sum(item["points"] or 0 for item in json.loads(text)) for text in table["reasons"]]
    np.testing.assert_allclose(sums, table["score"], atol=1e-3)
    assert (table["score"] > 0).any()


def test_a_gap_in_recent_rain_never_reads_as_none(scorer: HotspotScorer) -> None:
    table = scorer.score(rainfall(scorer, unknown=[PAST_H - 5]))
    assert (table["level"] == Level.UNKNOWN).all()
    assert table["score"].isna().all()
    assert table["reason_zh"].str.contains("不代表没有风险").all()
    assert (table["confidence"] == "low").all()
    assert (town_levels(table)["level"] == Level.UNKNOWN).all()


def test_a_gap_keeps_the_warning_that_the_known_rain_gives(scorer: HotspotScorer) -> None:
    whole = scorer.score(rainfall(scorer, past_mm_h=60, future_mm_h=120))
    holed = scorer.score(rainfall(scorer, past_mm_h=60, future_mm_h=120, unknown=[PAST_H - 5]))
    warned = whole["level"] >= Level.BLUE
    assert warned.any()
    assert (holed.loc[warned, "level"] == whole.loc[warned, "level"]).all()
    assert (holed.loc[~warned, "level"] == Level.UNKNOWN).all()
    assert holed.loc[warned, "reason_en"].str.contains("at least").all()


def test_an_old_gap_lowers_confidence_only(scorer: HotspotScorer) -> None:
    table = scorer.score(rainfall(scorer, unknown=[5]))
    assert (table["matrix_level"] == Level.NONE).all()
    assert set(table["order_phase"]) == {"none", "not_assessed"}
    assert (table["confidence"] == "medium").all()
    assert table["obs_72h_mm"].isna().all()
    assert (table["obs_24h_mm"] == 0).all()


def test_an_unknown_amount_is_said_in_words(scorer: HotspotScorer) -> None:
    table = scorer.score(rainfall(scorer, unknown=[PAST_H - 20]))
    assert table["obs_24h_mm"].isna().all()
    assert table["reason_zh"].str.contains("已降雨24小时雨量未知").all()
    assert not table["reason_en"].str.contains("nan").any()


def test_stand_ins_are_said_where_rain_is_told(scorer: HotspotScorer) -> None:
    table = scorer.score(rainfall(scorer, past_mm_h=20, stand_in=[PAST_H - 40, PAST_H - 3, PAST_H - 1], ladder=4))
    assert table["reason_zh"].str.contains("已降雨24小时60毫米（其中2小时为替代资料）").all()
    assert table["reason_en"].str.contains(r"60 mm fell in 24 h \(2 h of it by stand-in data\)").all()
    told = [{item["factor"]: item["value"] for item in json.loads(text)} for text in table["reasons"]]
    assert all(values["stand_ins"] == 2.0 for values in told)
    whole = scorer.score(rainfall(scorer, past_mm_h=20))
    assert not whole["reason_zh"].str.contains("替代").any()
    assert not whole["reasons"].str.contains("stand_ins").any()


def test_a_missing_forecast_is_unknown(scorer: HotspotScorer) -> None:
    table = scorer.score(rainfall(scorer, unknown=range(PAST_H + 2, PAST_H + LEAD_H)))
    assert (table["level"] == Level.UNKNOWN).all()


def test_suspect_rain_is_kept_and_said(scorer: HotspotScorer) -> None:
    table = scorer.score(rainfall(scorer, past_mm_h=60, suspect=[PAST_H - 1]))
    assert table["unconfirmed"].all()
    assert (table["confidence"] == "medium").all()
    assert table["reason_zh"].str.removeprefix(NOT_ASSESSED_ZH).str.startswith("降雨数据待核实").all()
    assert (table["obs_1h_mm"] == 60).all()


@pytest.mark.parametrize(
    ("marks", "confidence"),
    [({}, "high"), ({"ladder": 2}, "medium"), ({"ladder": 4}, "low"), ({"issued_h_ago": 13}, "medium")],
)
def test_confidence_is_capped_by_the_state_of_the_rain(scorer: HotspotScorer, marks: dict, confidence: str) -> None:
    assert (scorer.score(rainfall(scorer, **marks))["confidence"] == confidence).all()


def test_first_passing_and_peak_times(scorer: HotspotScorer) -> None:
    table = scorer.score(rainfall(scorer, future_mm_h=150))
    passed = table[table["p_50cm"] == 1.0]
    assert len(passed)
    later = pd.Timestamp(VALID_AT)
    assert (passed["first_15cm_at"] <= passed["first_50cm_at"]).all()
    assert (passed["first_15cm_at"] > later).all()
    assert (passed["peak_at"] >= passed["first_50cm_at"]).all()
    assert table.loc[table["p_15cm"] < 0.5, "first_15cm_at"].isna().all()


def test_permuting_members_changes_nothing(scorer: HotspotScorer) -> None:
    rng = np.random.default_rng(5)
    rain = rainfall(scorer, future_mm_h=40)
    rain["rain_mm"][:, PAST_H:] = rng.gamma(0.4, 20.0, rain["rain_mm"][:, PAST_H:].shape)
    mixed = rain.isel(member=[3, 0, 4, 1, 2]).assign_coords(member=np.arange(MEMBERS))
    pd.testing.assert_frame_equal(
        scorer.score(rain).drop(columns="geometry"), scorer.score(mixed).drop(columns="geometry")
    )


def test_rain_for_other_hotspots_is_refused(scorer: HotspotScorer) -> None:
    rain = rainfall(scorer)
    with pytest.raises(ValueError, match="other hotspots"):
        scorer.score(rain.isel(hotspot=slice(None, None, -1)))


def test_risk_table_round_trip(scorer: HotspotScorer, tmp_path: Path) -> None:
    table = scorer.score(rainfall(scorer, past_mm_h=20, future_mm_h=80), event_key="E")
    paths = write_risk(table, tmp_path / "risk", "20210720T0700Z")
    again = read_risk(paths["parquet"])
    assert again.attrs == table.attrs
    pd.testing.assert_frame_equal(pd.DataFrame(again), pd.DataFrame(table), check_dtype=False)
    geojson = write_geojson(table, tmp_path / "risk" / "20210720T0700Z.geojson")
    features = json.loads(geojson.read_text(encoding="utf-8"))
    assert features["wuyu"]["demonstration"] is True
    assert len(features["features"]) == len(table)
    first = paths["parquet"].read_bytes(), geojson.read_bytes()
    write_risk(table, tmp_path / "risk", "20210720T0700Z")
    write_geojson(again, geojson)
    assert (paths["parquet"].read_bytes(), geojson.read_bytes()) == first
    assert not list((tmp_path / "risk").glob("*.part"))


def test_a_town_is_never_above_its_worst_hotspot_and_every_hotspot_is_counted_once(scorer: HotspotScorer) -> None:
    table = scorer.score(rainfall(scorer, past_mm_h=30, future_mm_h=60))
    towns = town_levels(table)
    for code, row in towns.iterrows():
        part = table[table["town_code"] == code]
        assert row["highest"] == part["level"].max()
        assert Level.BLUE <= row["level"] <= row["highest"]
        assert part.loc[row["lead_hotspot"], "level"] == row["highest"]
        names = ("red", "orange", "yellow", "blue", "none", "unknown", "not_assessed")
        assert sum(row[f"n_{name}"] for name in names) == len(part)


def test_scoring_once_is_the_scorer_with_the_terrain_and_standards_of_the_district(
    scorer: HotspotScorer, tmp_path: Path
) -> None:
    rain = rainfall(scorer, future_mm_h=40)
    wanted = pd.DataFrame(scorer.score(rain))
    pd.testing.assert_frame_equal(pd.DataFrame(score(scorer.district, rain)), wanted)
    for _ in range(2):  # derived and kept, then read back
        kept = score(scorer.district, rain, cache_dir=tmp_path)
        pd.testing.assert_frame_equal(pd.DataFrame(kept), wanted)
    assert list(tmp_path.iterdir())


def test_rain_made_by_hand_is_scored_and_claims_no_observation(scorer: HotspotScorer) -> None:
    def scored(*rain_mm: float) -> RiskTable:
        rain = uniform_rain(scorer.district, rain_mm, until=VALID_AT)
        assert (rain["origin"] == Origin.FALLBACK).all()
        return scorer.score(rain)

    table = scored(0, 0, 0, 30, 60, 90)
    assert table["level"].max() >= Level.ORANGE
    assert (table["confidence"] == "low").all()
    assert table.attrs["ladder_en"] == "rain made by hand, nothing observed"
    gone = scored(0, 0, 0, np.nan, np.nan, np.nan)
    assert (gone["level"] == Level.UNKNOWN).all()


def test_rain_made_by_hand_must_be_one_amount_an_hour_with_a_time_that_says_its_zone(scorer: HotspotScorer) -> None:
    for wrong in ([], [[1.0, 2.0]]):
        with pytest.raises(ValueError, match="one amount for each hour"):
            uniform_rain(scorer.district, wrong, until=VALID_AT)
    with pytest.raises(ValueError, match="has no time zone"):
        uniform_rain(scorer.district, [1.0], until="2021-07-20T17:00")
    with pytest.raises(BadInputError, match="Rainfall"):
        uniform_rain(scorer.district, [-1.0], until=VALID_AT)
