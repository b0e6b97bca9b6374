"""研判 risk: ponding, exposure, likelihood and impact, the matrix, and the risk table."""

from risk_models.risk.ponding import HotspotBasins, simulate_ponding
from risk_models.risk.scorer import HotspotScorer, score_hotspots
from risk_models.risk.table import RISK_COLUMNS, RiskTable, district_level, read_risk, town_levels, write_risk

__all__ = [
    "RISK_COLUMNS",
    "HotspotBasins",
    "HotspotScorer",
    "RiskTable",
    "district_level",
    "read_risk",
    "score_hotspots",
    "simulate_ponding",
    "town_levels",
    "write_risk",
]
