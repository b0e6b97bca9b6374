"""DEM to catchments, depressions and features of each hotspot."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from risk_models.terrain.hotspots import hotspot_terrain
    from risk_models.terrain.table import FEATURE_COLUMNS, HotspotTerrain
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "hotspots": ["hotspot_terrain"],
            "table": ["FEATURE_COLUMNS", "HotspotTerrain"],
        },
    )

__all__ = ["FEATURE_COLUMNS", "HotspotTerrain", "hotspot_terrain"]
