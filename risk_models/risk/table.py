"""The risk table: one row per hotspot, with everything a reader needs to check its level."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from risk_models.files import whole_file, write_whole
from risk_models.levels import Level
from risk_models.observation.state import Now
from risk_models.risk.criteria import OrderPhase, allowed_town_levels, within_columns
from risk_models.risk.windows import WINDOWS_H, window_name

__all__ = ["RISK_COLUMNS", "RiskTable", "read_risk", "town_levels", "write_geojson", "write_risk"]

_WINDOWS = tuple(map(window_name, WINDOWS_H))


def _impact(column: str) -> str:
    return column.split("_")[1]


#: A risk table is a GeoDataFrame indexed by hotspot_id with `RISK_COLUMNS`, in the district's projected CRS.
RiskTable: TypeAlias = gpd.GeoDataFrame

#: Column: what it holds (unit).
RISK_COLUMNS: dict[str, str] = {
    "hotspot_name": "Chinese name",
    "hotspot_name_en": "English name",
    "kind": "kind of hotspot",
    "town_code": "town it belongs to",
    "lon": "longitude, degrees WGS84",
    "lat": "latitude, degrees WGS84",
    "obs_10min_mm": "rain in the 10 min ending at valid_at, mm; NaN unknown, as where rain comes in longer steps",
    "obs_30min_mm": "the same, 30 min",
    "obs_1h_mm": "rain in the hour ending at valid_at, observed or its stand-in (ladder step 3, 4), mm; NaN unknown",
    "obs_3h_mm": "the same, 3 h",
    "obs_6h_mm": "the same, 6 h",
    "obs_12h_mm": "the same, 12 h",
    "obs_24h_mm": "the same, 24 h",
    "obs_72h_mm": "the same, 72 h",
    "fc_1h_mm_p50": "greatest 1 h rain ending within the horizon, median of the members, mm",
    "fc_1h_mm_p90": "the same, 90 % quantile",
    "fc_3h_mm_p50": "greatest 3 h rain ending within the horizon (observed part included), median, mm",
    "fc_3h_mm_p90": "the same, 90 % quantile",
    "fc_6h_mm_p50": "greatest 6 h rain, median, mm",
    "fc_12h_mm_p50": "greatest 12 h rain, median, mm",
    "fc_24h_mm_p50": "greatest 24 h rain, median, mm",
    "return_period_a": "greatest return period of 1-3 h rain, fallen in 24 h or expected (median), years; inf beyond",
    "return_period_text": "the same in words, Chinese",
    "return_window_h": "window it belongs to, hours",
    "formula_id": "storm formula used",
    "soil_water_index_mm": "soil water index at valid_at, mm",
    "depth_now_m": "modelled depth at valid_at, m",
    "sag_known": "surveyed or learned: only then is a depth told in centimetres, else by classes with chances",
    "depth_p10_m": "peak depth within the horizon, 10 % quantile, m",
    "depth_p50_m": "the same, median",
    "depth_p90_m": "the same, 90 % quantile",
    "p_5cm": "probability that the peak passes 5 cm",
    "p_15cm": "15 cm",
    "p_27cm": "27 cm",
    "p_50cm": "50 cm",
    "p_lethal": "the lethal depth of the depth classes",
    "first_15cm_at": "median first time of passing 15 cm, end of the step, UTC; NaT if the median never passes",
    "first_50cm_at": "the same, 50 cm",
    "peak_at": "median time of the peak, UTC; NaT if it stays dry",
    "now": "state at valid_at: dry, may_stand, stands, unconfirmed or unknown (`risk_models.observation.Now`)",
    "p_now_15cm": "probability that 15 cm stand at valid_at, modelled",
    "now_class": "depth classes (5, 15, 27, 50 cm, lethal) that stand now, seen or more likely than not; 0-5",
    "now_since": "since when water stands, UTC; NaT if it does not, or nobody knows",
    "now_seen_at": "when somebody or something last saw the place, UTC; NaT if never",
    "now_by": "who or what saw it; empty: the state is modelled",
    "observed_depth_m": "depth seen, m; NaN if none was",
    **{f"p_15cm_{name}": f"probability of 15 cm at any time {name} ahead; NaN beyond the horizon" for name in _WINDOWS},
    **{f"level_{name}": f"Level code if only {name} ahead counted; unknown beyond the horizon" for name in _WINDOWS},
    **{name: f"probability of {_impact(name)} impact or worse up to then, now included" for name in within_columns()},
    "onset_unfavourable_at": "first passing of 15 cm in the unfavourable case (one outcome in ten), UTC; NaT never",
    "danger_from": "begin of the most dangerous window, UTC; NaT if 15 cm are never passed",
    "danger_to": "its end",
    "likelihood": "likelihood class of the deciding cell, 0-3; -1 unknown",
    "impact": "impact class of the deciding cell, 0-3; -1 unknown",
    "score": "0-100; NaN unknown",
    "level": "Level code: what the order criteria allow; unknown where the kind is not assessed",
    "order_phase": "occurred, act, prepare, watch, none, unknown or not_assessed (`risk_models.risk.criteria`)",
    "order_criterion": "key of the row of the order criteria that decided; seen where a sight of water did; else empty",
    "order_chance": "chance that this row asks for; NaN without one",
    "matrix_level": "Level code of the deciding cell of the risk matrix, over the whole horizon; the band of the score",
    "place": "in the one order of the district, 1 first (`risk_models.risk.order`)",
    "worst_case_level": "Level code if the 90 % outcome came true",
    "confidence": "high, medium or low",
    "unconfirmed": "rests on rain that failed a neighbour or rate check",
    "people_exposed": "people within reach at the local hour of valid_at",
    "facilities_exposed": "facilities within reach",
    "people_day": "people within reach by day",
    "people_night": "people within reach at night",
    "people_in_water": "people within the contour of the 90 % depth at the local hour; NaN without census layers",
    "buildings_in_water": "buildings that the contour of the 90 % depth reaches; NaN without census layers",
    "exposure": "all counts of exposure as JSON",
    "reason_zh": "why, one sentence",
    "reason_en": "why, one sentence",
    "reasons": "contributions as JSON; points sum to the score",
    "capacity_share": "least share of drain or pump capacity that works within the horizon; 1 without an outage",
}

LATER_COLUMNS: dict[str, float | bool | str] = {
    "obs_10min_mm": np.nan,
    "obs_30min_mm": np.nan,
    "sag_known": False,
    "now": str(Now.UNKNOWN),
    "p_now_15cm": np.nan,
    "now_class": 0,
    "place": 0,
    "now_by": "",
    "observed_depth_m": np.nan,
    **{f"p_15cm_{name}": np.nan for name in _WINDOWS},
    **{f"level_{name}": int(Level.UNKNOWN) for name in _WINDOWS},
    **dict.fromkeys(within_columns(), np.nan),
    "order_phase": str(OrderPhase.UNKNOWN),
    "order_criterion": "",
    "order_chance": np.nan,
}
"""Columns that tables of earlier releases lack, and what is known of them there."""

LATER_TIMES = ("now_since", "now_seen_at", "onset_unfavourable_at", "danger_from", "danger_to")
"""Columns of times that tables of earlier releases lack: unknown there."""


def town_levels(table: RiskTable) -> pd.DataFrame:
    """Sum up hotspots by town: its level by number, people and kind of its places.

    The rules are those that the table carries (``attrs["town_criteria"]``, see `risk_models.risk.criteria`); tables of
    earlier releases carry none, there a town has the level of its worst hotspot. A town of which some hotspots are
    unknown and none is a warning is unknown (see `risk_models.levels.worst`); kinds that are not assessed have no part
    in that.

    Parameters
    ----------
    table : RiskTable

    Returns
    -------
    DataFrame
        Indexed by town_code, sorted: level, highest (level of its worst place), score (highest, NaN if all unknown),
        n_red, n_orange, n_yellow, n_blue, n_none, n_unknown, n_not_assessed, unknown_share (of its assessed hotspots),
        lead_hotspot (id of the worst, the first by id of equals).
    """
    columns = ["town_code", "level", "score"]
    plain = pd.DataFrame(table[columns]).assign(hotspot_id=table.index).reset_index(drop=True)
    phase = table["order_phase"] if "order_phase" in table else pd.Series("", index=table.index)
    not_assessed = ((phase == str(OrderPhase.NOT_ASSESSED)) & (table["level"] < int(Level.BLUE))).to_numpy()
    counted = (Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE, Level.NONE, Level.UNKNOWN)
    for level in counted:
        plain[f"n_{level}"] = (plain["level"] == int(level)) & ~not_assessed
    plain["n_not_assessed"] = not_assessed
    order = ["level", "score", "hotspot_id"]
    worst_first = plain.sort_values(order, ascending=[False, False, True], na_position="last")
    grouped = worst_first.groupby("town_code", sort=True)
    towns = grouped[["level", "score"]].max()
    counts = grouped[[*(f"n_{level}" for level in counted), "n_not_assessed"]].sum()
    # The rule of `worst`: a warning counts; below it, one unknown hotspot makes the town unknown.
    assessed = grouped.size() - counts["n_not_assessed"]
    hidden = (towns["level"] < Level.BLUE) & (counts["n_unknown"] > 0)
    towns["highest"] = towns["level"].where(~hidden, int(Level.UNKNOWN)).astype(int)
    allowed = allowed_town_levels(_places_of(table), table.attrs.get("town_criteria", []))
    is_warned = towns["highest"] >= int(Level.BLUE)
    towns["level"] = allowed.reindex(towns.index).where(is_warned, towns["highest"]).astype(int)
    unknown_share = (counts["n_unknown"] / assessed.where(assessed > 0)).fillna(1.0)
    return towns.join(counts).assign(unknown_share=unknown_share, lead_hotspot=grouped["hotspot_id"].first())


def _places_of(table: RiskTable) -> pd.DataFrame:
    """Return what the rules of towns ask of their places; people within reach where those in the water are unknown."""
    people = pd.Series(np.nan, index=table.index)
    for name in ("people_in_water", "people_exposed"):
        if name in table:
            people = people.fillna(table[name])
    kind = table["kind"] if "kind" in table else pd.Series("", index=table.index)
    return pd.DataFrame(
        {"town_code": table["town_code"], "level": table["level"], "kind": kind, "people": people.fillna(0.0)}
    )


def write_risk(table: RiskTable, directory: Path, stem: str) -> dict[str, Path]:
    """Write a risk table as GeoParquet, complete; `write_geojson` makes of it what any map can read.

    The file is whole or absent; two processes may write the same.

    Parameters
    ----------
    table : RiskTable
    directory : Path
        Made if absent.
    stem : str
        File name without ending.

    Returns
    -------
    dict
        ``{"parquet": path}``.
    """
    path = directory / f"{stem}.parquet"
    attrs = dict(table.attrs)
    bare = table.copy()
    bare.attrs = {}
    with whole_file(path) as aside:
        bare.to_parquet(aside)
        arrow = pq.read_table(aside)
        metadata = {
            **(arrow.schema.metadata or {}),
            b"wuyu": json.dumps(attrs, ensure_ascii=False, sort_keys=True).encode(),
        }
        pq.write_table(arrow.replace_schema_metadata(metadata), aside, compression="zstd")
    return {"parquet": path}


def write_geojson(table: RiskTable, path: Path) -> Path:
    """Write a risk table as GeoJSON (WGS84), for any map; the same table gives the same bytes.

    Parameters
    ----------
    table : RiskTable
        As scored, or as `read_risk` gives it.
    path : Path

    Returns
    -------
    Path
        `path`.
    """
    attrs = dict(table.attrs)
    bare = table.copy()
    bare.attrs = {}
    for column in bare.columns[[isinstance(dtype, pd.DatetimeTZDtype) for dtype in bare.dtypes]]:
        bare[column] = [None if pd.isna(value) else value.isoformat() for value in bare[column]]
    bare = bare.replace({np.inf: None}).round(4)
    text = bare.to_crs("EPSG:4326").reset_index().to_json(drop_id=True)
    collection = json.loads(text)
    collection["wuyu"] = attrs
    return write_whole(path, json.dumps(collection, ensure_ascii=False, sort_keys=True, separators=(",", ":")))


def read_risk(path: Path) -> RiskTable:
    """Read a risk table written by `write_risk`, attributes included; columns that earlier releases lack are unknown.

    Parameters
    ----------
    path : Path
        The ``.parquet`` file.

    Returns
    -------
    RiskTable
    """
    table = gpd.read_parquet(path)
    for name, value in LATER_COLUMNS.items():
        if name not in table:
            table[name] = value
    for name in LATER_TIMES:
        if name not in table:
            table[name] = pd.Series(pd.NaT, index=table.index, dtype="datetime64[ns, UTC]")
    if "matrix_level" not in table:  # of releases in which the matrix alone made the level
        table["matrix_level"] = table["level"]
    metadata: dict[bytes, bytes] = pq.read_schema(path).metadata or {}
    table.attrs = json.loads(metadata.get(b"wuyu", b"{}"))
    return table
