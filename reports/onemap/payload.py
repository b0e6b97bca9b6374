"""The data of the one-map page: every hour's levels and the numbers behind them, in small whole numbers.

One array per quantity and hour, in the order of the hotspots; -1 stands for unknown, and for a depth of a hotspot whose
sag is not known: the page tells it by classes with chances. Two hundred hotspots over a hundred hours take less than
three megabytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr

from reports.issued import issued_lines, issued_signals
from reports.onemap.now_ahead import now_and_ahead
from reports.words import (
    ACTION_WORDS,
    AUTHORITY_WORDS,
    DEMONSTRATION,
    LANGUAGES,
    Text,
    day_time,
    is_missing,
    kind_name,
    phased,
    plain,
    plan_state_text,
)
from risk_models.levels import LEVEL_STYLES, Level, worst
from risk_models.observation import Now
from risk_models.plan.steps import PlanStep, Situation, steps_of, steps_told
from risk_models.risk.reasons import NOT_ASSESSED_EN, NOT_ASSESSED_ZH, unknown_sentences
from risk_models.risk.table import RiskTable
from risk_models.warning.authority import Authority, Revision, last_fact, revisions_of, states_at
from risk_models.warning.records import Action

if TYPE_CHECKING:
    from risk_models.district import District

__all__ = ["OneMapInputs", "payload"]

# Quantity on the page: column of the risk table and factor to a whole number (metres to cm, shares to per cent).
_QUANTITIES = {
    "score": ("score", 1.0),
    "place": ("place", 1.0),
    "d10": ("depth_p10_m", 100.0),
    "d50": ("depth_p50_m", 100.0),
    "d90": ("depth_p90_m", 100.0),
    "p15": ("p_15cm", 100.0),
    "p27": ("p_27cm", 100.0),
    "p50": ("p_50cm", 100.0),
    "pNow": ("p_now_15cm", 100.0),
    "obs1": ("obs_1h_mm", 1.0),
    "obs24": ("obs_24h_mm", 1.0),
    "fc3": ("fc_3h_mm_p50", 1.0),
}
_DEPTHS = ("d10", "d50", "d90")
_OUTLINE_TOLERANCE_M = 12.0


@dataclass(frozen=True, kw_only=True)
class OneMapInputs:
    """The tables that the one-map page stands on.

    Attributes
    ----------
    district : District
    cycles : sequence of (datetime, RiskTable)
        Time of each assessment (UTC) and its risk table, in order of time; at least one.
    warnings : DataFrame
        A row per revision; columns are the fields of `WarningRecord`, and who stands behind it
        (`risk_models.warning.authority.COLUMNS`).
    gauges_rain : xarray.Dataset
        ``rain_mm(time, gauge)`` [mm in the hour], `time` = END of the hour, UTC.
    actions : DataFrame or None
        Proposed actions of one cycle (`risk_models.plan.propose_actions`).
    actions_at : datetime or None
        Time of that cycle, UTC.
    reference_gauge : str
        Gauge drawn under the time slider.
    marks : tuple of Text
        What the banner says beside the mark of demonstration data.
    """

    district: District
    cycles: Sequence[tuple[datetime, RiskTable]]
    warnings: pd.DataFrame
    gauges_rain: xr.Dataset
    actions: pd.DataFrame | None = None
    actions_at: datetime | None = None
    reference_gauge: str = "57083"
    marks: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        if not self.cycles:
            raise ValueError("a map needs at least one assessment; cycles is empty")


def payload(inputs: OneMapInputs) -> dict[str, Any]:
    """Return the data of the page as plain types.

    Parameters
    ----------
    inputs : OneMapInputs

    Returns
    -------
    dict
        Ready for JSON; the same inputs give the same content in the same order.
    """
    district, zone = inputs.district, inputs.district.settings.district.timezone
    moments = [_utc(at) for at, _ in inputs.cycles]
    tables = [table.reindex(district.hotspots.index) for _, table in inputs.cycles]
    town_codes = [str(code) for code in district.towns.index]
    levels = [table["level"].fillna(int(Level.UNKNOWN)).astype(int).to_numpy() for table in tables]
    counts = [[int((hour == int(level)).sum()) for level in Level] for hour in levels]
    return {
        "meta": _meta(inputs),
        "levels": [_level(level) for level in Level],
        "hours": [at.strftime("%Y-%m-%dT%H:%MZ") for at in moments],
        "labels": [day_time(at, zone) for at in moments],
        "worst": max(range(len(counts)), key=lambda hour: (counts[hour][:1:-1], -hour)),
        "counts": counts,
        "towns": _towns(district),
        "townLevels": [_town_codes(hour, district.hotspots["town_code"], town_codes) for hour in levels],
        "hotspots": _hotspots(inputs, town_codes),
        "hotspotLevels": [_code(hour) for hour in levels],
        "quantities": {
            key: [_whole(_told(key, table), factor) for table in tables] for key, (_, factor) in _QUANTITIES.items()
        },
        **now_and_ahead(tables, moments),
        **_return_periods(tables),
        **_contributions(tables),
        "worstReasons": _worst_reasons(tables),
        "actions": _actions(inputs),
        **_warnings(inputs.warnings, town_codes, moments, zone),
        **_issued(inputs, moments, zone),
        "rain": _rain(inputs, moments),
        **_places(district),
    }


def _told(key: str, table: pd.DataFrame) -> pd.Series:
    """Return a quantity of the hotspots, a depth only where the sag is known."""
    values = table[_QUANTITIES[key][0]]
    return values.where(table["sag_known"].eq(True)) if key in _DEPTHS else values


def _utc(at: datetime | pd.Timestamp) -> pd.Timestamp:
    stamp = pd.Timestamp(at)
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")


def _meta(inputs: OneMapInputs) -> dict[str, Any]:
    identity = inputs.district.settings.district
    attrs = inputs.cycles[-1][1].attrs
    unknown_zh, unknown_en = unknown_sentences(Level.UNKNOWN)
    return {
        "zh": plain(identity.name.zh),
        "en": plain(identity.name.en),
        "zone": str(identity.timezone),
        "demonstration": _banner(inputs),
        "formula": str(attrs.get("formula_id", "")),
        "method": str(attrs.get("method_version", "")),
        "horizon_h": int(inputs.district.settings.warning.horizon_h),
        "unknown": [unknown_zh, unknown_en],
        "notAssessed": [NOT_ASSESSED_ZH.strip(), NOT_ASSESSED_EN.strip()],
        "authorityWords": {str(state): [AUTHORITY_WORDS[state].zh, AUTHORITY_WORDS[state].en] for state in Authority},
        "actionWords": {str(action): [ACTION_WORDS[action].zh, ACTION_WORDS[action].en] for action in Action},
    }


def _banner(inputs: OneMapInputs) -> list[str]:
    """Return the words of the banner, Chinese and English; none if there is nothing to say."""
    marks = ((DEMONSTRATION,) if inputs.district.settings.district.demonstration else ()) + inputs.marks
    return ["　".join(mark.zh for mark in marks), " · ".join(mark.en for mark in marks)] if marks else []


def _issued(inputs: OneMapInputs, moments: Sequence[pd.Timestamp], zone: str) -> dict[str, Any]:
    """Return the signals of the weather office: every text once, and by hour which of them is told."""
    towns = inputs.district.towns
    columns = (towns.index, towns["town_name"], towns["town_name_en"])
    names = {str(code): Text(plain(zh), plain(en)) for code, zh, en in zip(*columns, strict=True)}
    texts: dict[tuple[str, str], int] = {}
    hours = []
    for at, (_, table) in zip(moments, inputs.cycles, strict=True):
        lines = issued_lines(issued_signals(table.attrs), at=at.to_pydatetime(), zone=zone, towns=names)
        told = ("".join(line.zh for line in lines), " ".join(line.en for line in lines))
        hours.append(texts.setdefault(told, len(texts)))
    return {"issuedTexts": [list(told) for told in texts], "issued": hours}


def _level(level: Level) -> dict[str, Any]:
    style = LEVEL_STYLES[level]
    names = {"code": int(level), "zh": style.zh, "en": style.en, "roman": style.roman}
    return {**names, "fill": style.fill, "ink": style.ink, "symbol": style.symbol}


def _code(levels: np.ndarray) -> str:
    """Return levels as one character each: u for unknown, else the digit."""
    return "".join("u" if level < 0 else str(level) for level in levels)


def _town_codes(levels: np.ndarray, towns: pd.Series, town_codes: list[str]) -> str:
    """Return the level of each town as one character; a hotspot without an assessment makes its town unknown."""
    of_town = {str(town): levels[rows] for town, rows in towns.groupby(towns).indices.items()}
    return _code(np.array([int(worst(of_town.get(code, ()))) for code in town_codes]))


def _whole(values: pd.Series, factor: float) -> list[int]:
    """Return numbers as whole numbers; -1 for unknown."""
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float) * factor
    return [int(number) for number in np.where(np.isfinite(numbers), np.rint(numbers), -1)]


def _towns(district: District) -> list[dict[str, Any]]:
    shapes = gpd.GeoSeries(
        shapely.simplify(district.towns.geometry.to_numpy(), _OUTLINE_TOLERANCE_M), crs=district.towns.crs
    )
    inside = shapes.representative_point().to_crs(4326)
    towns = []
    for position, (code, row) in enumerate(district.towns.iterrows()):
        geographic = shapes.iloc[position : position + 1].to_crs(4326).iloc[0]
        rings = [
            [_latlon(ring.coords) for ring in (part.exterior, *part.interiors)]
            for part in shapely.get_parts(geographic)
        ]
        label = [round(inside.iloc[position].y, 5), round(inside.iloc[position].x, 5)]
        names = {"code": str(code), "zh": plain(row["town_name"]), "en": plain(row["town_name_en"])}
        towns.append({**names, "phone": plain(row.get("duty_phone", "")), "rings": rings, "label": label})
    return towns


def _latlon(coordinates: Any) -> list[list[float]]:
    return [[round(float(point[1]), 5), round(float(point[0]), 5)] for point in coordinates]


def _hotspots(inputs: OneMapInputs, town_codes: list[str]) -> list[dict[str, Any]]:
    first = inputs.cycles[0][1]
    places = inputs.district.hotspots
    people = first["people_exposed"].reindex(places.index)
    sag_known = inputs.cycles[-1][1]["sag_known"].reindex(places.index).eq(True)
    spots = []
    for hotspot_id, row in places.iterrows():
        spots.append(
            {
                "id": str(hotspot_id),
                "zh": plain(row["hotspot_name"]),
                "en": plain(row["hotspot_name_en"]),
                "kind": [kind_name(str(row["kind"]), "zh"), kind_name(str(row["kind"]), "en")],
                "town": town_codes.index(str(row["town_code"])),
                "at": [round(float(row["lat"]), 5), round(float(row["lon"]), 5)],
                "drain": _number(row.get("drain_capacity_mm_h")),
                "sagKnown": bool(sag_known[hotspot_id]),
                "owner": plain(row.get("owner_unit", "")),
                "phone": plain(row.get("owner_phone", "")),
                "people": -1 if is_missing(people[hotspot_id]) else int(people[hotspot_id]),
            }
        )
    return spots


def _number(value: Any) -> float | None:
    return None if is_missing(value) else round(float(value), 1)


def _return_periods(tables: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """Return the return period of every hour in years: -1 unknown, 999 beyond the formula."""
    hours = []
    for table in tables:
        years = table["return_period_a"].to_numpy(dtype=float)
        capped = np.where(np.isinf(years), 999.0, np.clip(years, 0, 999))
        hours.append([int(year) for year in np.where(np.isnan(years), -1, np.rint(capped))])
    return {"returnPeriod": hours}


def _contributions(tables: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """Return the factors that carry points, and their points by hour and hotspot (flat, 0.1 points)."""
    factors: dict[str, list[str]] = {}
    parsed = [[_with_points(text) for text in table["reasons"]] for table in tables]
    for hour in parsed:
        for items in hour:
            for item in items:
                factors.setdefault(item["factor"], [plain(item["zh"]), plain(item["en"])])
    points = []
    for hour in parsed:
        by_spot = [{item["factor"]: item["points"] for item in items} for items in hour]
        points.append([round(10 * float(spot.get(factor, 0.0))) for spot in by_spot for factor in factors])
    return {"factors": list(factors.values()), "points": points}


def _with_points(text: Any) -> list[dict[str, Any]]:
    items = json.loads(text) if isinstance(text, str) and text else []
    return [item for item in items if item.get("points") is not None]


def _worst_reasons(tables: Sequence[pd.DataFrame]) -> list[list[Any]]:
    """Return, per hotspot, its worst hour and the sentence of that hour in both languages."""
    score = np.array([table["score"].fillna(-1.0).to_numpy() for table in tables])
    level = np.array([table["level"].fillna(-1).to_numpy() for table in tables])
    hours = (level * 1000.0 + score).argmax(axis=0)
    reasons = []
    for spot, hour in enumerate(hours):
        row = tables[hour].iloc[spot]
        reasons.append([int(hour), plain(row["reason_zh"]), plain(row["reason_en"])])
    return reasons


def _actions(inputs: OneMapInputs) -> dict[str, Any]:
    """Return the proposed actions by hotspot id, and the time they were proposed for."""
    if inputs.actions is None or inputs.actions.empty:
        return {"at": "", "byHotspot": {}}
    zone = inputs.district.settings.district.timezone
    now = _now_at(inputs)
    table = inputs.actions if "hotspot_id" in inputs.actions.columns else inputs.actions.reset_index()
    by_hotspot = {}
    for _, row in table.iterrows():
        by_hotspot[str(row["hotspot_id"])] = {
            "plan": [plain(row["plan_title"]), plain(row["plan_title_en"])],
            "state": _both(plan_state_text(plain(row["plan_state"]), plain(row["plan_trigger"]))),
            "steps": [phased(_steps(row, now.get(str(row["hotspot_id"]), "")), lang) for lang in LANGUAGES],
            "unit": plain(row["unit"]),
            "phone": plain(row["unit_phone"]),
            "shelter": plain(row["shelter_name"]),
            "shelter_m": _whole(pd.Series([row["shelter_distance_m"]]), 1.0)[0],
            "shelter_free": _whole(pd.Series([row["shelter_free"]]), 1.0)[0],
            "teams": [name for name in (plain(part) for part in plain(row["team_names"]).split(";")) if name],
            "team_people": _whole(pd.Series([row["team_people"]]), 1.0)[0],
            "team_m": _whole(pd.Series([row["team_distance_m"]]), 1.0)[0],
        }
    at = "" if inputs.actions_at is None else day_time(_utc(inputs.actions_at), zone)
    return {"at": at, "byHotspot": by_hotspot}


def _now_at(inputs: OneMapInputs) -> dict[str, str]:
    """Return the state of now by hotspot at the time of the actions; empty where tables have none."""
    tables = [table for at, table in inputs.cycles if at == inputs.actions_at and "now" in table.columns]
    return {} if not tables else {str(spot): str(state) for spot, state in tables[0]["now"].items()}


def _steps(row: pd.Series[Any], now: str) -> tuple[PlanStep, ...]:
    """Return the steps of a plan in force or standing by at one place, as a message of that time would."""
    stands, wet = now == Now.STANDS, now in (Now.STANDS, Now.UNCONFIRMED)
    situation = Situation(stands=stands, wet=wet, has_come=stands, lowered=False)
    return steps_told(steps_of(row["actions_zh"], row["actions_en"], row["action_phases"]), situation)


def _both(text: Text) -> list[str]:
    return [text[lang] for lang in LANGUAGES]


def _warnings(
    warnings: pd.DataFrame, town_codes: list[str], moments: list[pd.Timestamp], zone: str
) -> dict[str, list[Any]]:
    """Return revisions in order, [town, action, level, label of issue, label of end], and by hour what stands.

    What stands at an hour is in force or waits for a signature: [number of the revision, its state].
    """
    if warnings.empty:
        return {"warnings": [], "standing": [[] for _ in moments]}
    of_towns = [one for one in revisions_of(warnings) if one.area_code in town_codes]
    ordered = sorted(of_towns, key=lambda one: (one.issued_at, one.warning_id, one.revision))
    rows = [
        [
            town_codes.index(one.area_code),
            str(one.action),
            int(one.level),
            day_time(_utc(one.issued_at), zone),
            day_time(_utc(one.valid_to), zone),
        ]
        for one in ordered
    ]
    return {"warnings": rows, "standing": [_standing(ordered, at) for at in _ends(moments, ordered)]}


def _ends(moments: list[pd.Timestamp], revisions: list[Revision]) -> list[datetime]:
    """Return the time of each hour of the page at which its warnings are looked at.

    A cycle decides, and an officer signs, some minutes after the time of the assessment: that belongs to it until the
    next one. To the last belongs all that is known.
    """
    hour, second = pd.Timedelta(hours=1), pd.Timedelta(seconds=1)
    ends = [min(after, at + hour) - second for at, after in pairwise(moments)]
    return [*ends, last_fact(revisions, at=moments[-1])]


def _standing(revisions: list[Revision], at: datetime) -> list[list[Any]]:
    # In `states_at` all that was decided by then comes first, in the order given: its place is its number.
    return [
        [number, str(state)]
        for number, (_, state) in enumerate(states_at(revisions, at))
        if state.is_in_force or state is Authority.WAITING
    ]


def _rain(inputs: OneMapInputs, moments: list[pd.Timestamp]) -> dict[str, Any]:
    """Return the hourly rain of the reference gauge at the hours of the page [0.1 mm]; -1 where it is unknown."""
    rain = inputs.gauges_rain["rain_mm"].transpose("time", "gauge")
    names = [str(gauge) for gauge in rain["gauge"].to_numpy()]
    series = pd.DataFrame(rain.to_numpy(), index=pd.DatetimeIndex(rain["time"].to_numpy()), columns=names)
    gauge = inputs.reference_gauge
    if gauge not in series.columns:
        return {"gauge": "", "name": "", "mm10": [-1] * len(moments)}
    hours = series[gauge].reindex([at.tz_localize(None) for at in moments])
    gauges = inputs.district.gauges
    name = plain(gauges.loc[gauge, "gauge_name"]) if gauge in gauges.index else ""
    return {"gauge": gauge, "name": name, "mm10": _whole(hours, 10.0)}


def _places(district: District) -> dict[str, Any]:
    """Return shelters, teams and gauges as [lat, lon, name, number, word]."""
    places = {}
    for key, table, name, number, word in (
        ("shelters", district.shelters, "shelter_name", "capacity_people", "status"),
        ("teams", district.teams, "team_name", "people", "status"),
        ("gauges", district.gauges, "gauge_name", "elevation_m", "kind"),
    ):
        places[key] = [
            [
                round(float(row["lat"]), 5),
                round(float(row["lon"]), 5),
                plain(row[name]),
                _whole(pd.Series([row.get(number)]), 1.0)[0],
                plain(row.get(word, "")),
            ]
            for _, row in table.iterrows()
        ]
    return places
