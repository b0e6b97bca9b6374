"""Risk, warnings, incidents, rehearsals and measures of a span of days, as small tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from reports.periodic.facts.rain import DaySpan, RainFacts
from reports.words import plain
from risk_models.levels import Level, worst
from risk_models.plan.steps import Phase, PlanStep, steps_of
from risk_models.risk.depth_words import DEPTH_CLASSES
from risk_models.warning.records import Action

if TYPE_CHECKING:
    from risk_models.district import District

__all__ = [
    "WARNING_LEVELS",
    "at_cycle",
    "incidents_in",
    "lead_hours",
    "level_counts",
    "measures_by_unit",
    "reached_levels",
    "rehearsal_counts",
    "top_hotspots",
    "town_risk",
    "utc",
    "warning_table",
    "worst_cycle",
]

WARNING_LEVELS = (Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE)
_DEPTHS_M = (0.15, 0.50)
_DISTRICT_SCOPES = ("district", "department", "headquarters")


def utc(values: pd.Series) -> pd.Series:
    """Return moments as aware UTC; naive ones are UTC already."""
    return pd.to_datetime(values, utc=True)


def level_counts(risk: pd.DataFrame) -> pd.DataFrame:
    """Count hotspots by level and cycle.

    Parameters
    ----------
    risk : DataFrame
        valid_at, hotspot_id, level.

    Returns
    -------
    DataFrame
        Indexed by valid_at (UTC, sorted), one int column per level code (-1 to 4).

    Examples
    --------
    >>> risk = pd.DataFrame({"valid_at": ["2021-07-20T09Z"] * 2, "hotspot_id": ["A", "B"], "level": [4, -1]})
    >>> level_counts(risk).iloc[0].tolist()
    [1, 0, 0, 0, 0, 1]
    """
    codes = [int(level) for level in Level]
    if risk.empty:
        return pd.DataFrame(columns=codes, index=pd.DatetimeIndex([], tz="UTC", name="valid_at"), dtype=int)
    counts = pd.crosstab(utc(risk["valid_at"]).rename("valid_at"), risk["level"].astype(int))
    return counts.reindex(columns=codes, fill_value=0).rename_axis(columns=None)


def worst_cycle(counts: pd.DataFrame) -> pd.Timestamp | None:
    """Return the cycle with most red, then orange, yellow and blue hotspots; the first of equals, None if no warning.

    Examples
    --------
    >>> risk = pd.DataFrame({"valid_at": ["2021-07-20T09Z", "2021-07-20T10Z"], "hotspot_id": "A", "level": [3, 4]})
    >>> worst_cycle(level_counts(risk)).isoformat()
    '2021-07-20T10:00:00+00:00'
    """
    warned = counts[[int(level) for level in WARNING_LEVELS]]
    if warned.empty or not warned.to_numpy().any():
        return None
    ranked = warned.sort_values(list(warned.columns), ascending=False, kind="stable")
    moment: pd.Timestamp = ranked.index[0]
    return moment


def town_risk(risk: pd.DataFrame, district: District) -> pd.DataFrame:
    """Return the worst of the span per town: level, hotspots that reached each level, hours at blue or above.

    Returns
    -------
    DataFrame
        Indexed by town_code in the order of severity: town_name, town_name_en, level, n_hotspots, n_red, n_orange,
        n_yellow, n_blue, warned_h (hours with the town at blue or above in any cycle). A town without hotspots has
        level NONE and n_hotspots 0.
    """
    towns = pd.DataFrame(district.towns[["town_name", "town_name_en"]])
    of_hotspot = district.hotspots["town_code"]
    peak = risk.groupby("hotspot_id")["level"].max().reindex(of_hotspot.index, fill_value=int(Level.UNKNOWN))
    by_town = peak.groupby(of_hotspot)
    towns["n_hotspots"] = of_hotspot.value_counts().reindex(towns.index, fill_value=0)
    towns["level"] = [
        int(worst(by_town.get_group(code))) if code in by_town.groups else int(Level.NONE) for code in towns.index
    ]
    for level in WARNING_LEVELS:
        reached = (peak == int(level)).groupby(of_hotspot).sum()
        towns[f"n_{level}"] = reached.reindex(towns.index, fill_value=0).astype(int)
    warned = risk[risk["level"] >= int(Level.BLUE)]
    hours = _hour_of(warned).groupby(warned["hotspot_id"].map(of_hotspot)).nunique()
    towns["warned_h"] = hours.reindex(towns.index, fill_value=0).astype(int)
    keys = ["level", "n_red", "n_orange", "n_yellow", "n_blue", "warned_h"]
    return towns.sort_values(keys, ascending=False, kind="stable")


def top_hotspots(risk: pd.DataFrame, district: District, *, n: int) -> pd.DataFrame:
    """Return the `n` hotspots at blue or above with the highest level and score of the span.

    Returns
    -------
    DataFrame
        Indexed by hotspot_id: hotspot_name, hotspot_name_en, kind, town_code, level, score, depth_p50_m and chances of
        the depth classes (greatest of any cycle), sag_known (in every cycle),
        peak_at (first cycle of the highest level and score, UTC), warned_h.
    """
    warned = risk[risk["level"] >= int(Level.BLUE)]
    order = warned.sort_values(["level", "score", "valid_at"], ascending=[False, False, True], kind="stable")
    first = order.drop_duplicates("hotspot_id").set_index("hotspot_id")
    first = first[first.index.isin(district.hotspots.index)].head(n)
    table = district.hotspots.loc[first.index, ["hotspot_name", "hotspot_name_en", "kind", "town_code"]]
    table = pd.DataFrame(table).assign(level=first["level"].astype(int), score=first["score"])
    told = [name for name in ("depth_p50_m", *DEPTH_CLASSES) if name in warned]
    table[told] = warned.groupby("hotspot_id")[told].max().reindex(table.index)
    known = warned["sag_known"].eq(True) if "sag_known" in warned else pd.Series(False, index=warned.index)
    table["sag_known"] = known.groupby(warned["hotspot_id"]).all().reindex(table.index)
    table["peak_at"] = utc(first["valid_at"])
    table["warned_h"] = _hour_of(warned).groupby(warned["hotspot_id"]).nunique().reindex(table.index)
    return table


def _hour_of(risk: pd.DataFrame) -> pd.Series:
    """Return the end of the hour that each row's cycle lies in: several cycles of an hour are one hour."""
    hour: pd.Series = utc(risk["valid_at"]).dt.ceil("h")
    return hour


def warning_table(warnings: pd.DataFrame, span: DaySpan) -> pd.DataFrame:
    """Return one row per warning that was first issued in the span.

    Parameters
    ----------
    warnings : DataFrame
        A row per revision; fields of `WarningRecord`.
    span : DaySpan

    Returns
    -------
    DataFrame
        Indexed by warning_id in order of issue: area_code, level (highest), issued_at (first), raised_at (first time
        at the highest level), ended_at (NaT while it stands), revisions (messages mailed), unconfirmed, degraded.
    """
    columns = ["area_code", "level", "issued_at", "raised_at", "ended_at", "revisions", "unconfirmed", "degraded"]
    if warnings.empty:
        return pd.DataFrame(columns=columns)
    table = warnings.assign(issued_at=utc(warnings["issued_at"]), level=warnings["level"].astype(int))
    rows: dict[str, dict[str, Any]] = {}
    for warning_id, part in table.sort_values(["issued_at", "revision"], kind="stable").groupby(
        "warning_id", sort=True
    ):
        actions = [Action(str(action)) for action in part["action"]]
        highest = int(part["level"].max())
        ends = part["issued_at"][[action.is_end for action in actions]]
        rows[str(warning_id)] = {
            "area_code": str(part["area_code"].iloc[0]),
            "level": highest,
            "issued_at": part["issued_at"].iloc[0],
            "raised_at": part.loc[part["level"] == highest, "issued_at"].iloc[0],
            "ended_at": ends.iloc[0] if len(ends) else pd.NaT,
            "revisions": sum(action.is_mailed for action in actions),
            "unconfirmed": bool(part["unconfirmed"].any()),
            "degraded": bool(part["degraded"].any()),
        }
    result = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    result = result[span.contains(result["issued_at"])]
    return result.sort_values(["issued_at", "area_code"], kind="stable").rename_axis("warning_id")


def lead_hours(table: pd.DataFrame, rain: RainFacts, district: District) -> pd.Series:
    """Return the time [h] from the first issue of each warning to the start of the span's heaviest hour nearby.

    "Nearby" is the gauge with known rain that is nearest to the middle of the town. A positive number means that the
    warning came first; NaN where no gauge has rain.
    """
    known = rain.gauges[rain.gauges["max_1h_at"].notna()]
    gauges = district.gauges[district.gauges.index.isin(known.index)]
    if gauges.empty:
        return pd.Series(float("nan"), index=table.index)
    leads: dict[str, float] = {}
    for warning_id, row in table.iterrows():
        if row["area_code"] not in district.towns.index:
            leads[str(warning_id)] = float("nan")
            continue
        middle = district.towns.geometry[row["area_code"]].centroid
        nearest = gauges.distance(middle).idxmin()
        start = known.loc[nearest, "max_1h_at"] - pd.Timedelta(hours=1)
        leads[str(warning_id)] = (start - row["issued_at"]) / pd.Timedelta(hours=1)
    return pd.Series(leads, index=table.index, dtype=float)


def incidents_in(district: District, span: DaySpan, *, until: pd.Timestamp) -> pd.DataFrame:
    """Return the recorded incidents that began in the span and not after `until`, oldest first."""
    history = district.history
    if history.empty:
        return history
    started = pd.Series([pd.Timestamp(value) for value in history["started_at"]], index=history.index)
    started = utc(started)
    chosen = history.assign(started_at=started)[span.contains(started) & (started <= until)]
    return chosen.sort_values("started_at", kind="stable")


def rehearsal_counts(rehearsal: pd.DataFrame) -> pd.DataFrame:
    """Count hotspots over 15 and 50 cm per design storm.

    Returns
    -------
    DataFrame
        return_period_a, duration_min, rain_total_mm, over_15cm, over_50cm; one row per storm.

    Examples
    --------
    >>> storms = pd.DataFrame({"return_period_a": 10, "duration_min": 60, "rain_total_mm": 59.6,
    ...                        "hotspot_id": ["A", "B"], "peak_depth_m": [0.2, 0.6]})
    >>> rehearsal_counts(storms)[["over_15cm", "over_50cm"]].iloc[0].tolist()
    [2, 1]
    """
    keys = ["return_period_a", "duration_min"]
    table = rehearsal.groupby(keys, sort=True).agg(rain_total_mm=("rain_total_mm", "first")).reset_index()
    for depth_m in _DEPTHS_M:
        over = (rehearsal["peak_depth_m"] >= depth_m).groupby([rehearsal[key] for key in keys], sort=True).sum()
        table[f"over_{depth_m * 100:.0f}cm"] = over.to_numpy().astype(int)
    return table


def measures_by_unit(district: District, reached: Mapping[str, int], *, lang: str) -> pd.DataFrame:
    """Return the plans whose trigger level was reached, by responsible unit.

    A plan counts when its town, hotspot or (for the district and its departments) the district reached its level.

    Parameters
    ----------
    district : District
    reached : mapping of str to int
        Level by hotspot and town; "" for the district. See `reached_levels`.
    lang : {"zh", "en"}

    Returns
    -------
    DataFrame
        Indexed by owner_unit (in English, by its English name where there is one), units with the highest trigger and
        most plans first: n_plans, level (highest trigger), actions (`main_steps` of the highest plans).
    """
    levels = dict(reached)
    for code, town in district.communities["town_code"].items():
        levels[str(code)] = levels.get(str(town), -1)
    whole = levels.get("", -1)
    plans = district.plans.sort_index()
    plans = plans.assign(
        trigger=[int(Level.from_name(name)) for name in plans["trigger_level"]],
        reached=[
            levels.get(str(scope), whole) if kind in _DISTRICT_SCOPES else levels.get(str(scope), -1)
            for kind, scope in zip(plans["scope_kind"], plans["scope_id"], strict=True)
        ],
    )
    active = plans[plans["reached"] >= plans["trigger"]].sort_values("trigger", ascending=False, kind="stable")
    rows: dict[str, dict[str, Any]] = {}
    for unit, part in active.groupby("owner_unit", sort=True):
        texts = zip(part["actions_zh"], part["actions_en"], part.get("phase", [""] * len(part)), strict=True)
        rows[_unit_name(str(unit), part, lang)] = {
            "n_plans": len(part),
            "level": int(part["trigger"].max()),
            "actions": main_steps(step for text in texts for step in steps_of(*text)),
        }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["n_plans", "level", "actions"])
    return table.sort_values(["level", "n_plans"], ascending=False, kind="stable").rename_axis("owner_unit")


def main_steps(steps: Iterable[PlanStep], limit: int = 4) -> list[PlanStep]:
    """Return distinct steps by phase, unknown ones last: the first of each phase, then more in their order.

    Parameters
    ----------
    steps : iterable of PlanStep
    limit : int
        Most that are returned.

    Examples
    --------
    >>> steps = steps_of("甲;乙;丙;丁", "a;b;c;d", "after;before;before;")
    >>> [step.zh for step in main_steps(steps, limit=3)]
    ['乙', '甲', '丁']
    """
    distinct = list(dict.fromkeys(steps))
    order = list(Phase)
    by_phase = sorted(distinct, key=lambda step: order.index(step.phases[0]))
    firsts = list({step.phases[0]: step for step in reversed(by_phase)}.values())
    chosen = [*firsts, *(step for step in by_phase if step not in firsts)][:limit]
    return [step for step in by_phase if step in chosen]


def _unit_name(unit: str, plans: pd.DataFrame, lang: str) -> str:
    """Return the name of a responsible unit in a language, the Chinese one standing in."""
    own = plain(plans["owner_unit_en"].iloc[0]) if lang == "en" and "owner_unit_en" in plans else ""
    return own or unit


def reached_levels(towns: pd.DataFrame, risk: pd.DataFrame) -> dict[str, int]:
    """Return the highest level of a span by hotspot and town; the empty key stands for the district."""
    hotspots = risk.groupby("hotspot_id")["level"].max().astype(int)
    reached = {"": int(worst(hotspots)), **{str(key): int(value) for key, value in hotspots.items()}}
    return reached | {str(code): int(level) for code, level in towns["level"].items()}


def at_cycle(risk: pd.DataFrame, district: District, moment: pd.Timestamp) -> gpd.GeoDataFrame:
    """Return the hotspots with their level, score and depth at one cycle; a hotspot without a row is UNKNOWN."""
    part = risk[utc(risk["valid_at"]) == moment].set_index("hotspot_id")
    table = district.hotspots.copy()
    table["level"] = part["level"].reindex(table.index).fillna(int(Level.UNKNOWN)).astype(int)
    for column in ("score", "depth_p50_m"):
        table[column] = part[column].reindex(table.index)
    return table
