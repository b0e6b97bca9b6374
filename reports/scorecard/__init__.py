"""The page of a score card (检验表): how good what was told was, for a hindcast or for real life."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.scorecard.inputs import ScoreCardInputs
    from reports.scorecard.page import score_card_html, write_score_card
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__, {"inputs": ["ScoreCardInputs"], "page": ["score_card_html", "write_score_card"]}
    )

__all__ = ["ScoreCardInputs", "score_card_html", "write_score_card"]
