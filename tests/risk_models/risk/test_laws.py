"""Laws of the whole way from rain to level, whatever the rain: other tests hold the parts to them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.district import District, load_district
from risk_models.forecast.rainfall import Provenance, Quality, build_rainfall, to_datetime64
from risk_models.levels import Level
from risk_models.risk import HotspotScorer
from risk_models.standards import load_standards
from risk_models.terrain import hotspot_terrain
from tests.factories import write_mini_district

VALID_AT = datetime(2021, 7, 20, 7, tzinfo=UTC)
PAST_H, AHEAD_H, MEMBERS, HOTSPOTS = 72, 24, 3, 12
GROWS = ("depth_now_m", "depth_p10_m", "depth_p50_m", "depth_p90_m", "p_5cm", "p_15cm", "p_27cm", "p_50cm", "p_lethal",
         "worst_case_level", "level", "score")  # fmt: skip
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> District:
    return load_district(write_mini_district(tmp_path_factory.mktemp("mini"), hotspots=HOTSPOTS))


@pytest.fixture(scope="module")
def scorer(district: District) -> HotspotScorer:
    return scorer_of(district)


def scorer_of(district: District) -> HotspotScorer:
    standards = load_standards()
    return HotspotScorer(district, hotspot_terrain(district, land_cover_table=standards.land_cover()), standards)


def storm_mm(seed: int, mean_mm_h: float) -> np.ndarray:
    """Return rain (members, hours, hotspots): dry at most hours, the observed part the same in all members."""
    rain = np.random.default_rng(seed).gamma(0.2, mean_mm_h / 0.2, (MEMBERS, PAST_H + AHEAD_H, HOTSPOTS))
    rain[:, :PAST_H] = rain[:1, :PAST_H]
    return rain


def as_rainfall(rain_mm: np.ndarray, ids: Any) -> xr.Dataset:
    return build_rainfall(
        rain_mm,
        time=to_datetime64(VALID_AT) + np.arange(1 - PAST_H, AHEAD_H + 1) * np.timedelta64(1, "h"),
        hotspot=list(ids),
        origin=np.repeat([0, 2], [PAST_H, AHEAD_H]),
        quality=np.where(np.isnan(rain_mm).any(axis=0), Quality.MISSING, Quality.GOOD),
        rain_std_mm=np.full(rain_mm.shape[1:], np.nan),
        provenance=Provenance(valid_at=VALID_AT, issued_at=VALID_AT, observed_until=VALID_AT),
    )


def never_lower(before: pd.DataFrame, after: pd.DataFrame) -> None:
    for name in GROWS:
        assert (after[name] >= before[name] - 1e-9).all(), name


@settings(max_examples=15, deadline=None)
@given(seed=seeds, more=seeds, mean_mm_h=st.floats(0.1, 8), extra_mm_h=st.floats(0, 4))
def test_law_more_rain_never_lowers_anything(
    scorer: HotspotScorer, seed: int, more: int, mean_mm_h: float, extra_mm_h: float
) -> None:
    ids, rain = scorer.district.hotspots.index, storm_mm(seed, mean_mm_h)
    never_lower(scorer.score(as_rainfall(rain, ids)), scorer.score(as_rainfall(rain + storm_mm(more, extra_mm_h), ids)))


@settings(max_examples=8, deadline=None)
@given(seed=seeds, mean_mm_h=st.floats(0.5, 8), shares=st.lists(st.floats(0, 1), min_size=HOTSPOTS, max_size=HOTSPOTS))
def test_law_less_drain_and_pump_capacity_never_lowers_anything(
    district: District, scorer: HotspotScorer, seed: int, mean_mm_h: float, shares: list[float]
) -> None:
    hotspots = district.hotspots.copy()
    for name in ("drain_capacity_mm_h", "pump_capacity_m3_s"):
        hotspots[name] = hotspots[name] * np.array(shares)
    weaker = HotspotScorer(dataclasses.replace(district, hotspots=hotspots), scorer.terrain, load_standards())
    rain = as_rainfall(storm_mm(seed, mean_mm_h), hotspots.index)
    never_lower(scorer.score(rain), weaker.score(rain))


@settings(max_examples=8, deadline=None)
@given(seed=seeds, mean_mm_h=st.floats(0.5, 8), times=st.floats(1, 50))
def test_law_more_people_never_lower_score_or_level(
    district: District, scorer: HotspotScorer, seed: int, mean_mm_h: float, times: float
) -> None:
    towns, facilities = district.towns.copy(), district.facilities.copy()
    for name in ("population_day", "population_night"):
        towns[name] = np.ceil(towns[name] * times).astype(int)
    facilities["people"] = np.ceil(facilities["people"] * times).astype(int)
    fuller = dataclasses.replace(district, towns=towns, facilities=facilities)
    rain = as_rainfall(storm_mm(seed, mean_mm_h), district.hotspots.index)
    before, after = scorer.score(rain), HotspotScorer(fuller, scorer.terrain, load_standards()).score(rain)
    never_lower(before, after)
    pd.testing.assert_series_equal(before["p_15cm"], after["p_15cm"])


@settings(max_examples=6, deadline=None)
@given(seed=seeds, mean_mm_h=st.floats(0.5, 8), order=st.permutations(range(HOTSPOTS)))
def test_law_the_order_of_the_register_changes_nothing(
    district: District, scorer: HotspotScorer, seed: int, mean_mm_h: float, order: list[int]
) -> None:
    ids, rain = district.hotspots.index, storm_mm(seed, mean_mm_h)
    turned = scorer_of(dataclasses.replace(district, hotspots=district.hotspots.iloc[order]))
    pd.testing.assert_frame_equal(
        pd.DataFrame(turned.score(as_rainfall(rain[:, :, order], ids[order]))).loc[ids],
        pd.DataFrame(scorer.score(as_rainfall(rain, ids))),
    )


@settings(max_examples=15, deadline=None)
@given(
    seed=seeds,
    mean_mm_h=st.floats(0, 8),
    gaps=st.lists(
        st.tuples(st.integers(PAST_H - 12, PAST_H + AHEAD_H - 1), st.integers(0, HOTSPOTS - 1)), min_size=1, max_size=9
    ),
)
def test_law_unknown_rain_is_never_none(
    scorer: HotspotScorer, seed: int, mean_mm_h: float, gaps: list[tuple[int, int]]
) -> None:
    rain = storm_mm(seed, mean_mm_h)
    for step, hotspot in gaps:
        rain[:, step, hotspot] = np.nan
    table = scorer.score(as_rainfall(rain, scorer.district.hotspots.index))
    holed = table.iloc[sorted({hotspot for _, hotspot in gaps})]
    assert (holed["level"] != Level.NONE).all()
    assert (holed["score"].isna() == (holed["level"] == Level.UNKNOWN)).all()
    assert (holed["confidence"] == "low").all()
