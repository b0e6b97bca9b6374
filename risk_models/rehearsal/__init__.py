"""预演 rehearsal: design storms run through the ponding model."""

from risk_models.rehearsal.rehearse import REHEARSAL_COLUMNS, rehearse
from risk_models.rehearsal.scenarios import Scenario, design_scenarios
from risk_models.rehearsal.summary import RehearsalSummary, summarise

__all__ = ["REHEARSAL_COLUMNS", "RehearsalSummary", "Scenario", "design_scenarios", "rehearse", "summarise"]
