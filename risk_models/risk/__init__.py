"""研判 risk: ponding, exposure, likelihood and impact, the matrix, and the risk table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from risk_models.risk.ponding import HotspotBasins, simulate_ponding
    from risk_models.risk.scorer import HotspotScorer
    from risk_models.risk.table import (
        RISK_COLUMNS,
        RiskTable,
        read_risk,
        town_levels,
        write_geojson,
        write_risk,
    )
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "ponding": ["HotspotBasins", "simulate_ponding"],
            "scorer": ["HotspotScorer"],
            "table": [
                "RISK_COLUMNS",
                "RiskTable",
                "read_risk",
                "town_levels",
                "write_geojson",
                "write_risk",
            ],
        },
    )

__all__ = [
    "RISK_COLUMNS",
    "HotspotBasins",
    "HotspotScorer",
    "RiskTable",
    "read_risk",
    "simulate_ponding",
    "town_levels",
    "write_geojson",
    "write_risk",
]
