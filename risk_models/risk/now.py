"""The state of every place now: what the model says, what was seen, and what is still to be checked.

Three voices, in this order. What was seen speaks first, for as long as its source can (`speaks_until`); seen dry goes
on to count until rain returns, but a device that never saw water in this event changes nothing by it. The model comes
second. And where water stood before and nobody has looked since, the place is `Now.UNCONFIRMED`: a model that has run
dry ends nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.levels import Level
from risk_models.observation.state import Now
from risk_models.risk.criteria import OrderPhase
from risk_models.risk.impact import level_score
from risk_models.risk.order import places_in_order
from risk_models.risk.reasons import now_words
from risk_models.risk.table import RiskTable
from risk_models.standards import RiskMatrix

__all__ = ["NOW_COLUMNS", "RAIN_AGAIN_MM", "settle_now"]

NOW_COLUMNS: Final = ("now", "now_class", "now_since", "now_seen_at", "now_by", "observed_depth_m")
"""Columns that one cycle hands to the next."""

RAIN_AGAIN_MM: Final = 2.0
"""Rain since a place was seen dry, mm, from which that says nothing of now any more (an assumption)."""

FLOODED_M: Final = 0.15
"""Depth of water that was seen and not measured: the least that this program calls standing water."""

SEEN: Final = "seen"
"""What decided where a sight of water did and no row of the criteria."""

_WINDOWS_OF_RAIN_H: Final = (1, 3, 6, 12, 24, 72)
_WET = (Now.STANDS, Now.UNCONFIRMED)


def settle_now(
    table: RiskTable,
    *,
    before: pd.DataFrame | None = None,
    observed: pd.DataFrame | None = None,
    thresholds_m: tuple[float, ...],
    depth_of_impact_m: npt.NDArray[np.float64],
    matrix: RiskMatrix,
) -> RiskTable:
    """Put together what is known of now; a place that was last seen under water never has a level below it.

    Parameters
    ----------
    table : RiskTable
        As scored: ``now`` is the model's.
    before : DataFrame, index hotspot_id, optional
        `NOW_COLUMNS` of the cycle before, ``attrs["valid_at"]`` its time. Without it nothing is known of before.
    observed : DataFrame, index hotspot_id, optional
        As `risk_models.observation.observed_now` gives it: now, depth_m, since, seen_at, speaks_until, source, by,
        is_proof, said_zh, said_en. Places nobody saw are absent.
    thresholds_m : tuple of float
        Depth classes that ``now_class`` counts, ascending.
    depth_of_impact_m : ndarray (H, 3)
        Least depth of each impact class.
    matrix : RiskMatrix

    Returns
    -------
    RiskTable
        A copy.
    """
    told = table.copy()
    told.attrs = dict(table.attrs)
    valid_at = pd.Timestamp(told.attrs["valid_at"])
    earlier = _earlier(before, told.index)
    states = [Now(state) for state in told["now"]]
    was = [Now(state) for state in earlier["now"]]
    rows = {name: told[name].tolist() for name in NOW_COLUMNS}
    seen = (
        {} if observed is None else {str(name): row for name, row in zip(observed.index, _dicts(observed), strict=True)}
    )
    looked_at = None if before is None else pd.Timestamp(before.attrs["valid_at"])
    rain_mm = told[[f"obs_{hours}h_mm" for hours in _WINDOWS_OF_RAIN_H]].to_numpy(np.float64)
    changed: dict[int, Mapping[str, Any]] = {}
    for h, hotspot_id in enumerate(told.index):
        state, row = states[h], seen.get(str(hotspot_id))
        if state != Now.STANDS and was[h] in _WET:
            state = Now.UNCONFIRMED
        if row is not None:
            state = _with_sight(state, states[h], row, valid_at, looked_at, rain_mm[h])
            if state == row["now"] or (state in _WET and pd.notna(row["since"])):  # else the model has the last word
                rows["now_by"][h] = str(row["by"] or row["source"])
                rows["now_seen_at"][h] = row["seen_at"]
            if state in _WET and (row["now"] == Now.STANDS or pd.notna(row["since"])):  # last seen under water
                rows["observed_depth_m"][h] = row["depth_m"]
                changed[h] = row
        rows["now"][h] = str(state)
        rows["now_since"][h] = _since(state, was[h], earlier["now_since"].iloc[h], row, valid_at)
        rows["now_class"][h] = _class(state, rows["now_class"][h], int(earlier["now_class"].iloc[h]), row, thresholds_m)
    for name in ("now", "now_class", "now_by", "observed_depth_m"):
        told[name] = rows[name]
    for name in ("now_since", "now_seen_at"):
        told[name] = pd.Series(pd.DatetimeIndex(pd.to_datetime(rows[name], utc=True)).as_unit("ns"), index=told.index)
    stands = (told["now"] == str(Now.STANDS)) & (told["level"] >= int(Level.BLUE))
    told.loc[stands, "order_phase"] = str(OrderPhase.OCCURRED)
    for place in np.flatnonzero(told["now"].isin([str(state) for state in _WET])).tolist():
        if place not in changed:
            _tell_now(told, told.index[place])
    for h, sight in changed.items():
        _raise(told, h, sight, depth_of_impact_m[h], matrix)
    told["place"] = places_in_order(told)
    return told


def _dicts(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _earlier(before: pd.DataFrame | None, index: pd.Index) -> pd.DataFrame:
    """Return what the cycle before left of every place; a place that it did not know is not known to have been wet."""
    if before is None:
        before = pd.DataFrame({"now": [], "now_since": [], "now_class": []})
    found = before[["now", "now_since", "now_class"]].reindex(index)
    found["now"] = found["now"].where(found["now"].notna(), str(Now.UNKNOWN))
    found["now_class"] = found["now_class"].astype(float).fillna(0.0)
    return found


def _with_sight(
    state: Now, modelled: Now, row: Mapping[str, Any], valid_at: pd.Timestamp, looked_at: Any, rain_mm: Any
) -> Now:
    """Return the state of a place that somebody or something saw."""
    if row["now"] == Now.STANDS:
        return Now.STANDS
    if row["now"] == Now.MAY_STAND:
        return state if state in (*_WET, Now.UNKNOWN) else Now.MAY_STAND
    if row["now"] != Now.DRY:
        # Seen under water once, or by what cannot be trusted: never calmer than that.
        wet_once = pd.notna(row["since"])
        return state if state in _WET else Now.UNCONFIRMED if wet_once else Now.UNKNOWN
    if not row["is_proof"]:
        return state  # a gauge beside the sag, or one that is dead, reads dry as well
    speaks = pd.notna(row["speaks_until"]) and valid_at <= row["speaks_until"]
    if speaks or not _rained_since(row["seen_at"], valid_at, rain_mm):
        return Now.DRY
    newer = looked_at is None or row["seen_at"] > looked_at
    return Now.DRY if modelled != Now.STANDS and newer else state


def _rained_since(seen_at: pd.Timestamp, valid_at: pd.Timestamp, rain_mm: npt.NDArray[np.float64]) -> bool:
    """Return True if more than a trace fell since, or if nobody knows."""
    age_h = (valid_at - seen_at) / pd.Timedelta(hours=1)
    for hours, amount_mm in zip(_WINDOWS_OF_RAIN_H, rain_mm, strict=True):
        if hours >= age_h:
            return not amount_mm <= RAIN_AGAIN_MM
    return True


def _since(state: Now, was: Now, before: Any, row: Mapping[str, Any] | None, valid_at: pd.Timestamp) -> Any:
    """Return since when water stands, or stood where nobody has looked since."""
    if state not in _WET:
        return pd.NaT
    known = [
        time for time in (before if was in _WET else pd.NaT, None if row is None else row["since"]) if pd.notna(time)
    ]
    return min(known, default=valid_at)


def _class(
    state: Now, modelled: int, before: int, row: Mapping[str, Any] | None, thresholds_m: tuple[float, ...]
) -> int:
    """Return how many depth classes stand: the deeper of model and sight; where nobody has looked, what stood."""
    if state == Now.DRY:
        return 0
    if state == Now.UNCONFIRMED:
        return max(modelled, before)
    if state == Now.STANDS and row is not None and row["now"] == Now.STANDS:
        depth_m = FLOODED_M if pd.isna(row["depth_m"]) else float(row["depth_m"])
        seen = int(sum(depth_m >= threshold_m for threshold_m in thresholds_m))
        return seen if pd.notna(row["depth_m"]) else max(seen, modelled)
    return modelled


def _raise(
    told: RiskTable, h: int, row: Mapping[str, Any], depth_of_impact_m: npt.NDArray[np.float64], matrix: RiskMatrix
) -> None:
    """Lift level and score of a place last seen under water to what this depth means when it is certain."""
    depth_m = FLOODED_M if pd.isna(row["depth_m"]) else float(row["depth_m"])
    reached = depth_m >= depth_of_impact_m
    level = max(int(np.asarray(matrix.levels)[3, int(reached.sum())]), int(Level.BLUE))
    at = told.index[h]
    for name in ("reason_zh", "reason_en"):
        told.loc[at, name] = _seen_first(str(told.at[at, name]), str(row[name.replace("reason", "said")]), name[-2:])
    for name in ("worst_case_level", "level_0_3h"):
        told.loc[at, name] = max(int(told.at[at, name]), level)
    if told.at[at, "now"] == str(Now.STANDS):
        told.loc[at, "order_phase"] = str(OrderPhase.OCCURRED)
    if int(told.at[at, "level"]) < level:
        told.loc[at, ["level", "order_criterion", "order_chance"]] = [level, SEEN, np.nan]
    if int(told.at[at, "matrix_level"]) >= level:
        return
    score = float(level_score(np.array([level]), reached[None].astype(np.float64))[0])
    was = 0.0 if np.isnan(told.at[at, "score"]) else float(told.at[at, "score"])
    items = json.loads(str(told.at[at, "reasons"]))
    item = {"factor": "observed", "value": depth_m, "unit": "m", "points": score - was}
    items.insert(0, item | {"zh": "现场观测水深", "en": "depth seen on site"})
    told.loc[at, ["matrix_level", "likelihood", "impact"]] = [level, 3, int(reached.sum())]
    told.loc[at, "score"] = score
    told.loc[at, "reasons"] = json.dumps(items, ensure_ascii=False)


def _tell_now(told: RiskTable, at: Any) -> None:
    """Say first that water stands, or stood and was not checked, where no sight says so."""
    said = now_words(Now(told.at[at, "now"]), int(told.at[at, "now_class"]), float(told.at[at, "observed_depth_m"]))
    for text, lang in zip(said, ("zh", "en"), strict=True):
        told.loc[at, f"reason_{lang}"] = _seen_first(str(told.at[at, f"reason_{lang}"]), text, lang)


def _seen_first(reason: str, said: str, lang: str) -> str:
    """Put what was seen before what is modelled."""
    full, space = ("。", "") if lang == "zh" else (".", " ")
    return f"{said.removesuffix(full)}{full}{space}{reason}"
