"""Susceptibility: which hotspots flood, learned from the record, and how that joins the physical probability."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from risk_models.risk.susceptibility.card import ModelFacts, model_card
    from risk_models.risk.susceptibility.chance import HotspotFloodChance
    from risk_models.risk.susceptibility.classifier import HotspotFloodClassifier
    from risk_models.risk.susceptibility.history import group_storms, training_table
    from risk_models.risk.susceptibility.persist import load_model, read_verification, save_model
    from risk_models.risk.susceptibility.spatial_cv import LeaveOneStormOut, SpatialBlockSplit, spatial_blocks
    from risk_models.risk.susceptibility.verified import Verification
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "card": ["ModelFacts", "model_card"],
            "chance": ["HotspotFloodChance"],
            "classifier": ["HotspotFloodClassifier"],
            "history": ["group_storms", "training_table"],
            "persist": ["load_model", "read_verification", "save_model"],
            "spatial_cv": ["LeaveOneStormOut", "SpatialBlockSplit", "spatial_blocks"],
            "verified": ["Verification"],
        },
    )

__all__ = [
    "HotspotFloodChance",
    "HotspotFloodClassifier",
    "LeaveOneStormOut",
    "ModelFacts",
    "SpatialBlockSplit",
    "Verification",
    "group_storms",
    "load_model",
    "model_card",
    "read_verification",
    "save_model",
    "spatial_blocks",
    "training_table",
]
