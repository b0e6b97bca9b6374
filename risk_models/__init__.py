"""The science of wuyu: pure functions and estimators; no clock, no network, no database.

Rooms, from the ground up: `levels` and `standards`, `district`, `terrain`, `forecast`, `risk`, `rehearsal`,
`outlook`, `warning`, `plan`, `verification`. Import the room you need; importing the package loads nothing heavy.
The shortest way from rain to levels stands here: `load_district`, `uniform_rain`, `score`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from risk_models.district.model import load_district
    from risk_models.forecast.uniform import uniform_rain
    from risk_models.risk.scorer import score
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "district.model": ["load_district"],
            "forecast.uniform": ["uniform_rain"],
            "risk.scorer": ["score"],
        },
    )

__all__ = ["load_district", "score", "uniform_rain"]
