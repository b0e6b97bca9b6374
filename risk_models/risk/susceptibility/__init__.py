"""Susceptibility: which hotspots flood, learned from the record, and how that joins the physical probability."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from risk_models.risk.susceptibility.card import ModelFacts, model_card
    from risk_models.risk.susceptibility.classifier import HotspotFloodClassifier
    from risk_models.risk.susceptibility.combine import combine_probabilities, learned_weight
    from risk_models.risk.susceptibility.history import group_storms, training_table
    from risk_models.risk.susceptibility.persist import load_model, save_model
    from risk_models.risk.susceptibility.spatial_cv import LeaveOneStormOut, SpatialBlockSplit, spatial_blocks
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "card": ["ModelFacts", "model_card"],
            "classifier": ["HotspotFloodClassifier"],
            "combine": ["combine_probabilities", "learned_weight"],
            "history": ["group_storms", "training_table"],
            "persist": ["load_model", "save_model"],
            "spatial_cv": ["LeaveOneStormOut", "SpatialBlockSplit", "spatial_blocks"],
        },
    )

__all__ = [
    "HotspotFloodClassifier",
    "LeaveOneStormOut",
    "ModelFacts",
    "SpatialBlockSplit",
    "combine_probabilities",
    "group_storms",
    "learned_weight",
    "load_model",
    "model_card",
    "save_model",
    "spatial_blocks",
    "training_table",
]
