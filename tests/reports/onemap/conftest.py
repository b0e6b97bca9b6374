"""Twelve hours of the small district's storm, for the one-map page."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from reports.onemap import OneMapInputs
from risk_models.levels import Level

HOURS = pd.date_range("2021-07-20T02:00", periods=12, freq="h", tz="UTC")


def _points(district: Any, n: int, columns: dict[str, Any], index_name: str) -> gpd.GeoDataFrame:
    inside = district.towns.geometry.representative_point().iloc[:n]
    geographic = inside.to_crs(4326)
    table = gpd.GeoDataFrame(columns, index=pd.Index([f"{index_name}-{k}" for k in range(n)], name=index_name))
    table["lon"], table["lat"] = geographic.x.to_numpy(), geographic.y.to_numpy()
    return table.set_geometry(list(inside), crs=district.towns.crs)


@pytest.fixture(scope="session")
def map_district(sample_district: Any) -> Any:
    """Return the small district with shelters, teams and gauges."""
    shelters = {"shelter_name": [f"避难场所{k}" for k in range(6)], "capacity_people": 400, "status": "open"}
    teams = {"team_name": [f"应急队{k}" for k in range(8)], "people": 30, "status": "free"}
    gauges = {"gauge_name": ["郑州站", "侯寨站"], "elevation_m": 112.0, "kind": "meteorological"}
    tables = {
        "shelters": _points(sample_district, 6, shelters, "shelter_id"),
        "teams": _points(sample_district, 8, teams, "team_id"),
        "gauges": _points(sample_district, 2, gauges, "gauge_id").rename(index={"gauge_id-0": "57083"}),
    }
    return SimpleNamespace(**vars(sample_district), **tables)


def _cycle(risk: gpd.GeoDataFrame, share: float) -> gpd.GeoDataFrame:
    """Return the table at a share (0-1) of the storm's strength."""
    table = risk.copy()
    known = table["score"].notna()
    table.loc[known, "score"] = table.loc[known, "score"] * share
    table.loc[known, "level"] = np.digitize(table.loc[known, "score"], [20, 40, 55, 75])
    for column in ("depth_p10_m", "depth_p50_m", "depth_p90_m", "p_15cm", "p_50cm"):
        table[column] = table[column] * share
    table["reasons"] = [
        json.dumps(
            [
                {"factor": "fallen", "value": 1, "unit": "mm", "points": None if np.isnan(s) else round(0.6 * s, 1),
                 "zh": "已降雨量", "en": "rain fallen"},
                {"factor": "expected", "value": 1, "unit": "mm", "points": None if np.isnan(s) else round(0.4 * s, 1),
                 "zh": "预计雨量", "en": "rain expected"},
                {"factor": "wetness", "value": 1, "unit": "mm", "points": None, "zh": "湿度", "en": "wetness"},
            ],
            ensure_ascii=False,
        )
        for s in table["score"]
    ]  # fmt: skip
    table.attrs = dict(risk.attrs)
    return table


def _water_now(table: gpd.GeoDataFrame) -> None:
    """Put water at some places, as of the seventh hour; the last in the order has it seen, the others do not."""
    at = HOURS[6]
    table["now"] = ["unknown", "unconfirmed", "stands", "may_stand", *["dry"] * (len(table) - 5), "stands"]
    table["now_class"] = [0, 4, 3, 1, *[0] * (len(table) - 5), 2]
    table["now_by"] = [*[""] * (len(table) - 1), "水位计07"]
    times = {"now_since": {1: 150, 2: 90, -1: 40}, "now_seen_at": {-1: 10}}
    for name, minutes in times.items():
        table[name] = pd.Series(pd.NaT, index=table.index, dtype="datetime64[ns, UTC]")
        for row, ago in minutes.items():
            table.iloc[row, table.columns.get_loc(name)] = at - pd.Timedelta(minutes=ago)
    table["observed_depth_m"] = [*[np.nan] * (len(table) - 1), 0.42]
    table.loc[table.index[4], "order_phase"] = "not_assessed"
    table["place"] = [*range(2, len(table) + 1), 1]
    table["level_12_24h"], table["level_24_72h"] = int(Level.RED), int(Level.UNKNOWN)
    table["p_15cm_24_72h"] = np.nan
    for name, hours in (("onset_unfavourable_at", 2.5), ("danger_from", 2.0), ("danger_to", 5.0)):
        table[name] = pd.Series(at + pd.Timedelta(hours=hours), index=table.index)
    table.loc[table.index[5], ["onset_unfavourable_at", "danger_from", "danger_to"]] = pd.NaT


def _warnings(town_codes: pd.Index) -> pd.DataFrame:
    rows = []
    for number, code in enumerate(town_codes[:4]):
        for revision, (action, level, hour) in enumerate([("NEW", 2, 2), ("UPG", 4, 5), ("CAN", 4, 10)]):
            at = HOURS[hour]
            rows.append(
                {
                    "warning_id": f"W-{code}", "revision": revision, "action": action, "area_code": code,
                    "level": level, "issued_at": at, "valid_to": at + pd.Timedelta(hours=6 + number),
                }
            )  # fmt: skip
    table = pd.DataFrame(rows)
    return table.assign(signed_at=table["issued_at"], refused_at=pd.NaT, is_sent=True, answered_at=pd.NaT)


@pytest.fixture(scope="session")
def map_inputs(map_district: Any, sample_risk: gpd.GeoDataFrame) -> OneMapInputs:
    """Return the inputs of the page; the worst hour is the seventh."""
    shares = np.clip(1.0 - np.abs(np.arange(12) - 6) / 8.0, 0.2, 1.0)
    cycles = [(at.to_pydatetime(), _cycle(sample_risk, share)) for at, share in zip(HOURS, shares, strict=True)]
    worst = cycles[6][1]
    _water_now(worst)
    warned = worst[worst["level"] >= Level.BLUE].sort_values("level", ascending=False, kind="stable")
    actions = pd.DataFrame(
        {
            "hotspot_id": warned.index, "plan_title": "防汛预案", "plan_title_en": "Flood plan",
            "actions_zh": "立即封闭通道并设岗;启动移动泵车", "actions_en": "close the passage;start the pump",
            "action_phases": "before;during", "plan_state": "in_force", "plan_trigger": "blue",
            "unit": "市政设施管理所", "unit_phone": "138-0000-0000", "shelter_name": "淮河路小学",
            "shelter_distance_m": 640.0, "shelter_free": 350, "team_names": "应急队1;应急队2", "team_people": 42,
            "team_distance_m": 1810.0,
        }
    )  # fmt: skip
    actions.loc[actions["hotspot_id"] == "EQ-002", ["plan_state", "plan_trigger"]] = ["stand_by", "red"]
    times = HOURS.tz_localize(None)
    rain = np.column_stack([np.linspace(2, 30, 12), np.linspace(1, 20, 12)])
    rain[6, 0], rain[9, 0] = 201.9, np.nan
    series = xr.Dataset(
        {"rain_mm": (("time", "gauge"), rain)}, coords={"time": times, "gauge": ["57083", "gauge_id-1"]}
    )
    return OneMapInputs(
        district=map_district,
        cycles=cycles,
        warnings=_warnings(map_district.towns.index),
        gauges_rain=series,
        actions=actions,
        actions_at=HOURS[6].to_pydatetime(),
    )
