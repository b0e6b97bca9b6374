"""A rehearsal in two tables: how bad each storm is, and which storm each hotspot can bear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from risk_models.rehearsal.rehearse import STANDARD_DEPTH_M
from risk_models.standards import DepthClass

__all__ = ["RehearsalSummary", "summarise"]


@dataclass(frozen=True)
class RehearsalSummary:
    """What a rehearsal says, in short.

    Attributes
    ----------
    scenarios : DataFrame
        Index scenario_id, in the order of the rehearsal; ``return_period_a``, ``duration_min``, ``is_extrapolated``,
        ``rain_total_mm``, ``n_over_15cm`` and ``n_<depth class>``: numbers of hotspots.
    hotspots : DataFrame
        Index hotspot_id, in the order of the register; ``critical_return_period_a`` (years; the smallest of those run
        at which 15 cm is reached; inf if none does), ``critical_duration_min`` and ``critical_rain_mm`` of that storm
        (the least rain of equals; NaN if none), ``greatest_depth_m`` of all storms run.
    """

    scenarios: pd.DataFrame
    hotspots: pd.DataFrame


def summarise(table: pd.DataFrame, classes: Sequence[DepthClass]) -> RehearsalSummary:
    """Sum up a rehearsal by storm and by hotspot.

    Parameters
    ----------
    table : DataFrame
        As `rehearse` returns it.
    classes : sequence of DepthClass
        Depth classes, for the columns; every class gets one, also if no hotspot is in it.

    Returns
    -------
    RehearsalSummary

    Examples
    --------
    >>> rows = {"scenario_id": ["P002", "P010"], "hotspot_id": ["EQ-001"] * 2, "return_period_a": [2.0, 10.0],
    ...     "duration_min": [60, 60], "is_extrapolated": [False] * 2, "rain_total_mm": [40.0, 59.6],
    ...     "peak_depth_m": [0.1, 0.2], "depth_class": ["ponding", "exceeded"]}
    >>> summary = summarise(pd.DataFrame(rows), [])
    >>> summary.hotspots.loc["EQ-001"].tolist(), summary.scenarios["n_over_15cm"].tolist()
    ([10.0, 60.0, 59.6, 0.2], [0, 1])
    """
    over = table["peak_depth_m"] >= STANDARD_DEPTH_M
    facts = ["return_period_a", "duration_min", "is_extrapolated", "rain_total_mm"]
    scenarios = table.groupby("scenario_id", sort=False)[facts].first()
    scenarios["n_over_15cm"] = over.groupby(table["scenario_id"], sort=False).sum().astype(np.int64)
    for item in classes:
        is_in = table["depth_class"] == item.key
        scenarios[f"n_{item.key}"] = is_in.groupby(table["scenario_id"], sort=False).sum().astype(np.int64)
    hotspots = table.groupby("hotspot_id", sort=False)["peak_depth_m"].max().to_frame("greatest_depth_m")
    first = table[over].sort_values(["return_period_a", "rain_total_mm"], kind="stable")
    first = first.drop_duplicates("hotspot_id").set_index("hotspot_id").reindex(hotspots.index)
    hotspots.insert(0, "critical_return_period_a", first["return_period_a"].fillna(np.inf))
    hotspots.insert(1, "critical_duration_min", first["duration_min"].astype(np.float64))
    hotspots.insert(2, "critical_rain_mm", first["rain_total_mm"])
    return RehearsalSummary(scenarios, hotspots)
