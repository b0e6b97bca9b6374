"""The two spots that flood again and again are hits in every dated storm whose rain was published; wet days are quiet.

Rain is the published amount of the storm (history rows), the same everywhere: all of it in one hour where the window is
an hour, else a Chicago storm of that window and total. It is an upper bound of what can be asked: where a storm has no
published amount nothing can be built, and the test says which.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import xarray as xr

from risk_models.district import District, load_district
from risk_models.forecast.rainfall import Provenance, build_rainfall
from risk_models.forecast.storm import chicago_hyetograph
from risk_models.levels import Level
from risk_models.rehearsal import rehearse
from risk_models.risk import HotspotScorer
from risk_models.risk.susceptibility import group_storms
from risk_models.standards import load_standards
from risk_models.terrain import hotspot_terrain

RAIL_UNDERPASS, JUNCTION = "EQ-004", "EQ-005"
PAST_H, AHEAD_H = 72, 24
VALID_AT = datetime(2021, 7, 20, 7, tzinfo=UTC)


@pytest.fixture(scope="module")
def scorer(erqi_path: Path) -> HotspotScorer:
    district, standards = load_district(erqi_path), load_standards()
    return HotspotScorer(district, hotspot_terrain(district, land_cover_table=standards.land_cover()), standards)


def known_floods(district: District) -> pd.DataFrame:
    """Return one row per storm and known spot that flooded in it, with rain_mm and rain_window_h of the storm."""
    history = district.history.assign(storm=group_storms(district.history))
    amounts = history.dropna(subset=["rain_mm"]).sort_values("rain_mm").groupby("storm")[["rain_mm", "rain_window_h"]]
    spots = history[history["hotspot_id"].isin([RAIL_UNDERPASS, JUNCTION])]
    table = spots.groupby(["storm", "hotspot_id"])["started_at"].min().reset_index()
    return table.join(amounts.last(), on="storm")


def storm_mm(total_mm: float, window_h: float, scorer: HotspotScorer) -> npt.NDArray[np.float64]:
    """Return hourly rain of a storm of that total, peak at 0.4 of its window."""
    hours = int(np.ceil(window_h))
    if hours == 1:
        return np.array([total_mm])
    rain = chicago_hyetograph(scorer.formula, 10.0, 60 * hours, step_min=5).reshape(hours, 12).sum(axis=1)
    return rain * total_mm / rain.sum()


def expected(scorer: HotspotScorer, rain_mm: npt.NDArray[np.float64]) -> xr.Dataset:
    """Return dry days, then this rain at every hotspot, as a forecast that all members agree on."""
    ids = list(scorer.district.hotspots.index)
    first = VALID_AT - timedelta(hours=PAST_H - 1)
    time = pd.date_range(first.replace(tzinfo=None), periods=PAST_H + AHEAD_H, freq="h").to_numpy()
    rain = np.zeros((3, len(time), len(ids)))
    rain[:, PAST_H : PAST_H + len(rain_mm)] = rain_mm[None, :AHEAD_H, None]
    origin = np.repeat([0, 2], [PAST_H, AHEAD_H])
    provenance = Provenance(
        valid_at=VALID_AT, issued_at=VALID_AT, observed_until=VALID_AT, gauges_used=24, gauges_expected=24
    )
    return build_rainfall(
        rain, time=time, hotspot=ids, origin=origin, quality=np.ones((len(time), len(ids)), dtype=int),
        rain_std_mm=np.where(origin[:, None] == 0, 0.0, np.nan) * np.ones((1, len(ids))), provenance=provenance,
    )  # fmt: skip


def test_known_spots_are_hits_wherever_rain_was_published(scorer: HotspotScorer) -> None:
    floods = known_floods(scorer.district)
    told = floods.dropna(subset=["rain_mm"])
    assert len(told) >= 5, "2008, 2021 and 2025 have amounts"
    misses = []
    for row in told.itertuples():
        level = scorer.score(expected(scorer, storm_mm(row.rain_mm, row.rain_window_h, scorer))).loc[
            row.hotspot_id, "level"
        ]
        if level < Level.YELLOW:
            misses.append((row.storm, row.hotspot_id, row.rain_mm, row.rain_window_h, int(level)))
    assert not misses


@pytest.mark.parametrize(("storm", "rain_mm", "window_h"), [("2008-07-12", 108.0, 24), ("2025-08-07", 122.4, 5)])
def test_the_underpass_is_a_hit_by_the_other_amounts_of_its_storms(
    scorer: HotspotScorer, storm: str, rain_mm: float, window_h: float
) -> None:
    table = scorer.score(expected(scorer, storm_mm(rain_mm, window_h, scorer)))
    assert table.loc[RAIL_UNDERPASS, "level"] >= Level.ORANGE, storm


def test_storms_without_a_published_amount_are_known(scorer: HotspotScorer) -> None:
    floods = known_floods(scorer.district)
    silent = floods.loc[floods["rain_mm"].isna(), "started_at"].dt.tz_convert("Asia/Shanghai")
    assert sorted(set(silent.dt.strftime("%Y-%m-%d"))) == ["2019-07-29", "2019-08-01", "2020-08-07", "2025-09-04"]


def test_most_places_bear_the_storm_their_drains_were_built_for(scorer: HotspotScorer) -> None:
    storms = {"return_periods_a": (2, 50), "durations_min": (60, 180)}
    table = rehearse(scorer.district, scorer.terrain, load_standards(), **storms)
    flooded = (table["peak_depth_m"] >= 0.15).groupby(table["return_period_a"]).mean()
    assert flooded[2] < 0.05, "drains of the register are of one to five years"
    assert flooded[50] > 0.5, "what is called a hotspot floods in a rare storm"


@pytest.mark.parametrize("hours", [1, 3, 24])
def test_a_day_of_ten_millimetres_is_quiet(scorer: HotspotScorer, hours: int) -> None:
    table = scorer.score(expected(scorer, storm_mm(10.0, hours, scorer)))
    assert (table["matrix_level"] == Level.NONE).all()
    assert set(table["order_phase"]) == {"none", "not_assessed"}
    assert (table["depth_p90_m"] == 0).all()
