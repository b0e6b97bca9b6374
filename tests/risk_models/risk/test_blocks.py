"""Scoring in blocks, lazily and on workers gives the table that one pass gives."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from risk_models.district import load_district
from risk_models.forecast.rainfall import Provenance, build_rainfall, to_datetime64
from risk_models.risk import HotspotScorer
from risk_models.standards import load_standards
from risk_models.terrain import hotspot_terrain
from tests.factories import write_mini_district

VALID_AT = datetime(2021, 7, 20, 7, tzinfo=UTC)


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> HotspotScorer:
    district = load_district(write_mini_district(tmp_path_factory.mktemp("mini")))
    standards = load_standards()
    return HotspotScorer(district, hotspot_terrain(district, land_cover_table=standards.land_cover()), standards)


@pytest.fixture(scope="module")
def rain(scorer: HotspotScorer) -> xr.Dataset:
    ids = list(scorer.district.hotspots.index)
    amounts = np.random.default_rng(3).gamma(0.3, 12.0, (4, 96, len(ids)))
    amounts[:, :72] = amounts[:1, :72]
    return build_rainfall(
        amounts,
        time=to_datetime64(VALID_AT) + np.arange(-71, 25) * np.timedelta64(1, "h"),
        hotspot=ids,
        origin=np.repeat([0, 2], [72, 24]),
        quality=np.ones((96, len(ids))),
        rain_std_mm=np.full((96, len(ids)), np.nan),
        provenance=Provenance(valid_at=VALID_AT, issued_at=VALID_AT, observed_until=VALID_AT),
    )


def same(first: pd.DataFrame, second: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(pd.DataFrame(first), pd.DataFrame(second))
    assert first.attrs == second.attrs


@pytest.mark.parametrize("size", [1, 5, 7])
def test_blocks_give_the_same_table(scorer: HotspotScorer, rain: xr.Dataset, size: int) -> None:
    assert len(list(scorer._blocks(size))) > 1
    same(scorer.score(rain, block_hotspots=size, event_key="E"), scorer.score(rain, event_key="E"))


def test_blocks_hold_whole_components(scorer: HotspotScorer) -> None:
    blocks = list(scorer._blocks(1))
    home = np.empty(len(scorer.basins), dtype=int)
    for number, rows in enumerate(blocks):
        home[rows] = number
    below = scorer.basins.downstream
    assert np.array_equal(np.sort(np.concatenate(blocks)), np.arange(len(scorer.basins)))
    assert (home[below >= 0] == home[below[below >= 0]]).all()


def test_lazy_rain_and_a_function_give_the_same_table(scorer: HotspotScorer, rain: xr.Dataset) -> None:
    whole = scorer.score(rain)
    same(scorer.score(rain.chunk(hotspot=4), block_hotspots=5), whole)
    asked: list[int] = []

    def part(ids: list[str]) -> xr.Dataset:
        asked.append(len(ids))
        return rain.sel(hotspot=ids)

    same(scorer.score(part, block_hotspots=5), whole)
    assert max(asked) < len(scorer.basins)


def test_blocks_of_different_cycles_are_refused(scorer: HotspotScorer, rain: xr.Dataset) -> None:
    hours = iter(range(20))

    def part(ids: list[str]) -> xr.Dataset:
        later = VALID_AT.replace(hour=7 + next(hours)).isoformat()
        return rain.sel(hotspot=ids).assign_attrs(valid_at=later)

    with pytest.raises(ValueError, match="different cycles"):
        scorer.score(part, block_hotspots=5)


def test_a_function_that_gives_other_hotspots_is_refused(scorer: HotspotScorer, rain: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="other hotspots"):
        scorer.score(lambda _ids: rain.isel(hotspot=[0]), block_hotspots=5)


def test_workers_give_the_same_table(scorer: HotspotScorer, rain: xr.Dataset) -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, protocol="inproc://"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        same(scorer.score(rain.chunk(hotspot=4), block_hotspots=5, client=client), scorer.score(rain))


def test_wet_ground_is_read_from_the_rain_or_given(scorer: HotspotScorer, rain: xr.Dataset) -> None:
    dry = scorer.score(rain)
    water = pd.Series(80.0, index=dry.index)
    wet = scorer.score(rain, soil_water_mm=water)
    assert (wet["depth_p50_m"] >= dry["depth_p50_m"] - 1e-12).all()
    assert (wet["depth_p50_m"] > dry["depth_p50_m"]).any()
    same(scorer.score(rain.assign(soil_water_start_mm=("hotspot", water.to_numpy())), block_hotspots=5), wet)


def test_an_outage_deepens_its_hotspot_and_is_told(scorer: HotspotScorer, rain: xr.Dataset) -> None:
    whole = scorer.score(rain)
    dry_below = scorer.basins.downstream < 0
    room = whole["depth_p50_m"].to_numpy() < scorer.basins.curve_depth_m[:, -1] - 0.01
    hotspot = whole.index[room & dry_below][0]
    row = {"hotspot_id": hotspot, "what": "drain", "remaining_share": 0.0, "owner": "班组"}
    now = pd.Timestamp(VALID_AT)
    outages = pd.DataFrame([row | {"since": now, "expires": now + pd.Timedelta(days=1)}])
    part = scorer.score(rain, outages=outages, block_hotspots=5)
    assert part.at[hotspot, "depth_p50_m"] > whole.at[hotspot, "depth_p50_m"]
    assert part["capacity_share"].tolist() == [0.0 if name == hotspot else 1.0 for name in part.index]
    assert "outage" in {item["factor"] for item in json.loads(part.at[hotspot, "reasons"])}
