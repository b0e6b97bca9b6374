"""Which plan is taken from the shelf for a warned hotspot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from risk_models.levels import Level
from risk_models.plan.steps import State

__all__ = ["PLAN_COLUMNS", "match_plans"]

#: Columns of `match_plans`, with their meaning.
PLAN_COLUMNS: dict[str, str] = {
    "plan_id": "plan; empty if none covers the hotspot",
    "plan_title": "Chinese title",
    "plan_title_en": "English title",
    "plan_scope": "hotspot, community, town or district: for whom the plan was written; empty if none",
    "plan_trigger": "name of the level from which it is carried out; empty if none",
    "plan_state": "in_force if the hotspot's level has reached that in this cycle, else stand_by; empty if no plan",
    "plan_unit": "unit answerable for it",
    "plan_minutes": "min that its slowest action takes before the water; NaN if it does not say",
    "actions_zh": "short clauses, parted by ';'",
    "actions_en": "the same in English",
    "action_phases": "phase of each, parted by ';', or one for all; see `risk_models.plan.steps`",
    "standby_plan_id": "a narrower plan that is not triggered yet; empty if none",
    "standby_trigger": "name of the level from which that is carried out; empty if none",
}
_TEXTS = ("plan_title", "plan_title_en", "actions_zh", "actions_en")


def match_plans(hotspots: pd.DataFrame, plans: pd.DataFrame, levels: pd.Series) -> pd.DataFrame:
    """Find the plan of each hotspot: its own, else its community's, else its town's, else the district's.

    A plan whose trigger is reached goes before one that stands by, however wide; of those alike the narrower is taken.
    Within a scope it is the one with the highest trigger level that has been reached; if none has been reached yet,
    the one that would trigger first. Equals are told apart by plan id.

    Parameters
    ----------
    hotspots : DataFrame
        Index hotspot_id; columns ``town_code`` and ``community_code``.
    plans : DataFrame
        Index plan_id; columns ``scope_kind``, ``scope_id``, ``trigger_level``, titles and actions; ``minutes``,
        ``phase`` and ``owner_unit`` may be absent.
    levels : Series of int
        Level of the hotspots asked for, index hotspot_id.

    Returns
    -------
    DataFrame
        A row per entry of `levels`, in its order; columns `PLAN_COLUMNS`.

    Raises
    ------
    ValueError
        If a trigger level is none of the colours.

    Examples
    --------
    >>> hotspots = pd.DataFrame({"town_code": ["01"], "community_code": ["011"]}, index=["EQ-001"])
    >>> plans = pd.DataFrame({"scope_kind": ["town"], "scope_id": ["01"], "trigger_level": ["yellow"],
    ...     "plan_title": ["镇预案"], "plan_title_en": ["Town plan"], "actions_zh": ["巡查"], "actions_en": ["patrol"]},
    ...     index=["P1"])
    >>> match = match_plans(hotspots, plans, pd.Series({"EQ-001": 1})).loc["EQ-001"]
    >>> match["plan_id"], match["plan_scope"], match["plan_state"], match["plan_trigger"]
    ('P1', 'town', 'stand_by', 'yellow')
    """
    shelf = _shelf(plans)
    asked = hotspots.loc[levels.index]
    codes = (column.tolist() for column in (asked.index, asked["community_code"], asked["town_code"]))
    places = zip(*codes, levels.to_numpy(int).tolist(), strict=True)
    told = plans[list(_TEXTS)].assign(
        plan_minutes=plans.get("minutes", np.nan),
        action_phases=plans.get("phase", ""),
        plan_unit=plans.get("owner_unit", ""),
    )
    texts = dict(zip(map(str, plans.index), told.to_dict("records"), strict=True))
    rows = [_match(shelf, texts, *map(str, place[:3]), level=place[3]) for place in places]
    table = pd.DataFrame(rows, index=levels.index, columns=list(PLAN_COLUMNS))
    table["plan_minutes"] = table["plan_minutes"].astype(np.float64)
    return table


def _shelf(plans: pd.DataFrame) -> dict[tuple[str, str], list[tuple[int, str]]]:
    """Sort the plans by scope into lists of (trigger level, plan id)."""
    shelf: dict[tuple[str, str], list[tuple[int, str]]] = {}
    ordered = plans.sort_index()
    columns = (ordered[name].tolist() for name in ("scope_kind", "scope_id", "trigger_level"))
    for plan_id, kind, scope_id, trigger in zip(ordered.index, *columns, strict=True):
        scope = (str(kind), "" if kind == "district" else str(scope_id))
        shelf.setdefault(scope, []).append((int(Level.from_name(trigger)), str(plan_id)))
    return shelf


def _match(
    shelf: dict[tuple[str, str], list[tuple[int, str]]],
    texts: dict[str, dict[Any, Any]],
    hotspot_id: str,
    community_code: str,
    town_code: str,
    *,
    level: int,
) -> dict[str, Any]:
    scopes = (("hotspot", hotspot_id), ("community", community_code), ("town", town_code), ("district", ""))
    found = [_of_scope(scope[0], shelf[scope], level) for scope in scopes if scope in shelf]
    if not found:
        return {**dict.fromkeys(PLAN_COLUMNS, ""), "plan_minutes": np.nan}
    first = min(found, key=lambda plan: plan["plan_state"] != State.IN_FORCE)
    narrowest = found[0]
    waits = narrowest is not first
    return {
        **first,
        **texts[first["plan_id"]],
        "standby_plan_id": narrowest["plan_id"] if waits else "",
        "standby_trigger": narrowest["plan_trigger"] if waits else "",
    }


def _of_scope(kind: str, entries: list[tuple[int, str]], level: int) -> dict[str, Any]:
    reached = [entry for entry in entries if entry[0] <= level]
    trigger, plan_id = max(reached, key=lambda entry: entry[0]) if reached else min(entries)
    return {
        "plan_id": plan_id,
        "plan_scope": kind,
        "plan_trigger": str(Level(trigger)),
        "plan_state": str(State.IN_FORCE if trigger <= level else State.STAND_BY),
    }
