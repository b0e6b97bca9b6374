"""DEM to catchments, depressions and features of each hotspot."""

from risk_models.terrain.hotspots import hotspot_terrain
from risk_models.terrain.table import FEATURE_COLUMNS, HotspotTerrain

__all__ = ["FEATURE_COLUMNS", "HotspotTerrain", "hotspot_terrain"]
