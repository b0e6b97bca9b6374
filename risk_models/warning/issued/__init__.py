"""Warning signals as a weather office issued them: read, placed on the district, and followed through their life."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from risk_models.warning.issued.area import Ground
    from risk_models.warning.issued.notice import WeatherNotice
    from risk_models.warning.issued.reader import read_notices
    from risk_models.warning.issued.standing import IssuedSignal, StandingSignals, standing_signals
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "area": ["Ground"],
            "notice": ["WeatherNotice"],
            "reader": ["read_notices"],
            "standing": ["IssuedSignal", "StandingSignals", "standing_signals"],
        },
    )

__all__ = ["Ground", "IssuedSignal", "StandingSignals", "WeatherNotice", "read_notices", "standing_signals"]
