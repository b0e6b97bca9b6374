"""Susceptibility: which hotspots flood, learned from the record, and how that joins the physical probability."""

from risk_models.risk.susceptibility.classifier import HotspotFloodClassifier
from risk_models.risk.susceptibility.spatial_cv import LeaveOneStormOut, SpatialBlockSplit, spatial_blocks

__all__ = ["HotspotFloodClassifier", "LeaveOneStormOut", "SpatialBlockSplit", "spatial_blocks"]
