"""Counting and scoring: hits and misses, probabilities, reliability, intervals from storms drawn again.

Below whoever learns and whoever judges: nothing here knows of floods, levels or districts, and nothing in the tree
counts a hit a second time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from risk_models.scores.counts import Contingency, contingency, csi, far, pod
    from risk_models.scores.probability import (
        SCORES,
        best_threshold,
        chosen_elsewhere,
        difference_table,
        roc_curve,
        score_table,
    )
    from risk_models.scores.reliability import reliability_curve
    from risk_models.scores.resampling import drawn_blocks, interval, skill, skill_draws, times_drawn
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "counts": ["Contingency", "contingency", "csi", "far", "pod"],
            "probability": [
                "SCORES",
                "best_threshold",
                "chosen_elsewhere",
                "difference_table",
                "roc_curve",
                "score_table",
            ],
            "reliability": ["reliability_curve"],
            "resampling": ["drawn_blocks", "interval", "skill", "skill_draws", "times_drawn"],
        },
    )

__all__ = [
    "SCORES",
    "Contingency",
    "best_threshold",
    "chosen_elsewhere",
    "contingency",
    "csi",
    "difference_table",
    "drawn_blocks",
    "far",
    "interval",
    "pod",
    "reliability_curve",
    "roc_curve",
    "score_table",
    "skill",
    "skill_draws",
    "times_drawn",
]
