"""A month with four days of rain for the small district of `tests/reports`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from reports.periodic.inputs import DeliveryCounts, MonthlyInputs
from risk_models.levels import Level
from risk_models.standards import load_standards
from risk_models.warning.records import Action

FIRST, LAST = "2021-07-17T13:00", "2021-07-21T00:00"


def _rain() -> xr.Dataset:
    """Hourly rain of three gauges; the first carries the heaviest hour, the third has a gap."""
    times = pd.date_range(FIRST, LAST, freq="h")
    peak = int(np.argwhere(times == pd.Timestamp("2021-07-20T09:00"))[0, 0])
    hours = np.arange(len(times))
    base = 18.0 * np.exp(-(((hours - peak) / 9.0) ** 2)) + 0.4
    table = np.column_stack([base, base * 0.8, base * 0.6])
    table[peak, 0] = 201.9
    table[10:14, 2] = np.nan
    coords = {"time": times, "gauge": ["57083", "G-02", "G-03"]}
    return xr.Dataset({"rain_mm": (("time", "gauge"), table)}, coords=coords)


def _risk(hotspots: pd.Index) -> pd.DataFrame:
    """One row per hour and hotspot: levels rise to a peak at 09 UTC on 20 July."""
    times = pd.date_range("2021-07-19T12:00", "2021-07-20T23:00", freq="h", tz="UTC")
    rng = np.random.default_rng(5)
    strength = rng.uniform(0.2, 1.0, len(hotspots))
    rows = []
    for at in times:
        distance = abs((at - pd.Timestamp("2021-07-20T09:00Z")) / pd.Timedelta(hours=1))
        score = 100 * strength * np.exp(-((distance / 8.0) ** 2))
        level = np.digitize(score, [15, 30, 50, 70])
        depth = score / 90
        rows.append(
            pd.DataFrame({"valid_at": at, "hotspot_id": hotspots, "level": level, "score": score, "depth_p50_m": depth})
        )
    table = pd.concat(rows, ignore_index=True)
    table.loc[table["hotspot_id"] == hotspots[-1], ["level", "score", "depth_p50_m"]] = [-1, np.nan, np.nan]
    return table


def _warnings(town_codes: pd.Index) -> pd.DataFrame:
    """Three revisions for each of six towns; the last town's warning still stands."""
    rows = []
    for number, code in enumerate(town_codes[:6]):
        top = Level.RED if number < 4 else Level.ORANGE
        steps = [(Action.NEW, Level.YELLOW, 2), (Action.UPG, top, 6), (Action.EXT, top, 9), (Action.CAN, top, 20)]
        for revision, (action, level, hour) in enumerate(steps[: 3 if number == 5 else 4]):
            rows.append(
                {
                    "warning_id": f"410103-20210719T1200Z-{code}",
                    "revision": revision,
                    "action": str(action),
                    "area_code": code,
                    "level": int(level),
                    "issued_at": pd.Timestamp("2021-07-20T00:00Z") + pd.Timedelta(hours=hour + number / 4),
                    "unconfirmed": number == 0,
                    "degraded": number == 1,
                }
            )
    return pd.DataFrame(rows)


def _history(hotspots: pd.Index) -> pd.DataFrame:
    columns = {
        "started_at": ["2019-08-01T22:40+08:00", "2021-07-20T17:00+08:00"],
        "hotspot_id": [hotspots[0], hotspots[1]],
        "depth_m": [np.nan, 2.5],
        "effect_zh": ["双向封闭", "隧道淹没"],
        "effect_en": ["closed both ways", "tunnel filled"],
        "confidence": ["B", "A"],
        "synthetic": [False, False],
        "source": ["press", "press"],
    }
    return pd.DataFrame(columns, index=pd.Index(["H-1", "H-2"], name="event_id"))


def _plans(district: Any) -> pd.DataFrame:
    rows = []
    for number, (code, name) in enumerate(district.towns["town_name"].items()):
        rows.append(
            (
                f"PT-{number}",
                "town",
                code,
                "yellow",
                f"{name}办事处",
                "通知社区;转移人员",
                "tell communities;move people",
            )
        )
    for number, hotspot in enumerate(district.hotspots.index):
        rows.append(
            (
                f"PH-{number}",
                "hotspot",
                hotspot,
                "orange",
                "市政设施管理所",
                "封闭通道;设岗值守",
                "close the passage;post guards",
            )
        )
    rows.append(("PD-1", "district", "410103", "red", "区防汛抗旱指挥部", "启动应急响应", "start the response"))
    names = ["plan_id", "scope_kind", "scope_id", "trigger_level", "owner_unit", "actions_zh", "actions_en"]
    return pd.DataFrame(rows, columns=names).set_index("plan_id")


def _rehearsal(hotspots: pd.Index) -> pd.DataFrame:
    rows = []
    for minutes in (60, 180, 1440):
        for years in (2, 10, 100):
            depth = np.linspace(0, 0.3 * np.log10(years) + 0.2, len(hotspots))
            storm = {"scenario_id": f"P{years}-D{minutes}", "return_period_a": years, "duration_min": minutes}
            storm |= {"rain_total_mm": 30.0 + years * 0.4 + minutes / 60, "hotspot_id": hotspots, "peak_depth_m": depth}
            rows.append(pd.DataFrame(storm))
    return pd.concat(rows, ignore_index=True)


@pytest.fixture(scope="session")
def month_district(sample_district: Any) -> Any:
    """Return the small district with gauges, history, plans and seasons; one town has no hotspot."""
    hotspots = sample_district.hotspots[sample_district.hotspots["town_code"] != "410103018"]
    points = sample_district.towns.geometry.representative_point().iloc[[0, 5, 13]]
    gauges = gpd.GeoDataFrame(
        {"gauge_name": ["郑州站", "侯寨站", "马寨站"], "synthetic": [False, True, True]},
        index=pd.Index(["57083", "G-02", "G-03"], name="gauge_id"),
        geometry=list(points),
        crs=sample_district.towns.crs,
    )
    communities = pd.DataFrame({"town_code": ["410103001"]}, index=pd.Index(["410103001001"], name="community_code"))
    settings = SimpleNamespace(
        **vars(sample_district.settings),
        seasons=SimpleNamespace(flood_season=("05-15", "09-30"), key_period=("07-16", "08-15")),
    )
    return SimpleNamespace(
        settings=settings,
        towns=sample_district.towns,
        hotspots=hotspots,
        gauges=gauges,
        communities=communities,
        history=_history(hotspots.index),
        plans=_plans(SimpleNamespace(towns=sample_district.towns, hotspots=hotspots)),
    )


@pytest.fixture(scope="session")
def month_inputs(month_district: Any) -> MonthlyInputs:
    """Return the inputs of July 2021."""
    return MonthlyInputs(
        district=month_district,
        standards=load_standards(),
        month="2021-07",
        gauges_rain=_rain(),
        risk=_risk(month_district.hotspots.index),
        warnings=_warnings(month_district.towns.index),
        issued_at=datetime(2021, 8, 1, 1, tzinfo=UTC),
        deliveries=DeliveryCounts(bulletins=23, accepted=46, failed=1, waiting=2),
        rehearsal=_rehearsal(month_district.hotspots.index),
    )


@pytest.fixture(scope="session")
def empty_month(month_inputs: MonthlyInputs) -> MonthlyInputs:
    """Return a month in which nothing was measured, assessed, warned or rehearsed."""
    return dataclasses.replace(
        month_inputs,
        month="2021-09",
        risk=month_inputs.risk.iloc[:0],
        warnings=month_inputs.warnings.iloc[:0],
        deliveries=None,
        rehearsal=None,
    )


@pytest.fixture(scope="session")
def with_names(month_inputs: MonthlyInputs) -> Callable[[str], MonthlyInputs]:
    """Return a function that gives every name in the inputs to one hostile text."""

    def rename(name: str) -> MonthlyInputs:
        district = SimpleNamespace(**vars(month_inputs.district))
        district.towns = district.towns.assign(town_name=name, town_name_en=name)
        district.hotspots = district.hotspots.assign(hotspot_name=name, hotspot_name_en=name)
        district.gauges = district.gauges.assign(gauge_name=name)
        district.plans = district.plans.assign(owner_unit=name, actions_zh=name, actions_en=name)
        return dataclasses.replace(month_inputs, district=district)

    return rename
