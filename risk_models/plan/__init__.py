"""预案 plan: matching plans, teams and shelters to warned hotspots."""

from risk_models.plan.allocate import ACTION_COLUMNS, PEOPLE_NEEDED, propose_actions
from risk_models.plan.match import match_plans

__all__ = ["ACTION_COLUMNS", "PEOPLE_NEEDED", "match_plans", "propose_actions"]
