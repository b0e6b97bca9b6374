"""Hotspots with terrain of their own, for rehearsals."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from risk_models.terrain import HotspotTerrain

KINDS = ["tunnel", "road_junction", "school"]


def world(
    *, drain_mm_h: tuple[float, ...] = (30.0, 40.0, 400.0), depth_m: tuple[float, ...] = (3.0, 0.4, 0.3)
) -> tuple[Any, HotspotTerrain]:
    """Return three hotspots: a deep tunnel, a shallow junction, and a school that drains whatever falls."""
    index = pd.Index(["H-1", "H-2", "H-3"], name="hotspot_id")
    hotspots = pd.DataFrame(
        {"kind": KINDS, "drain_capacity_mm_h": drain_mm_h, "pump_capacity_m3_s": [0.05, 0.0, 0.0]}, index=index
    )
    choice = SimpleNamespace(storm_formula="zz-f2", depth_classes="zz-road-2024")
    features = pd.DataFrame(
        {
            "catchment_m2": [8e4, 3e4, 1e4],
            "imperviousness": [0.8, 0.7, 0.6],
            "curve_number": [80.0, 80.0, 75.0],
            "time_of_concentration_min": [20.0, 12.0, 8.0],
        },
        index=index,
    )
    depths = np.outer(depth_m, np.linspace(0, 1, 16))
    areas = np.outer([2000.0, 1500.0, 900.0], np.linspace(0, 1, 16))
    terrain = HotspotTerrain(features, depths, areas, depths * areas / 2)
    return SimpleNamespace(hotspots=hotspots, settings=SimpleNamespace(standards=choice)), terrain
