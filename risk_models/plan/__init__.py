"""预案 plan: matching plans, teams and shelters to warned hotspots."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from risk_models.plan.allocate import ACTION_COLUMNS, PEOPLE_NEEDED, propose_actions
    from risk_models.plan.match import match_plans
    from risk_models.plan.steps import Phase, PlanStep, Situation, State, steps_of, steps_told
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "allocate": ["ACTION_COLUMNS", "PEOPLE_NEEDED", "propose_actions"],
            "match": ["match_plans"],
            "steps": ["Phase", "Situation", "State", "PlanStep", "steps_of", "steps_told"],
        },
    )

__all__ = [
    "ACTION_COLUMNS",
    "PEOPLE_NEEDED",
    "Phase",
    "PlanStep",
    "Situation",
    "State",
    "match_plans",
    "propose_actions",
    "steps_of",
    "steps_told",
]
