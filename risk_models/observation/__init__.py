"""What somebody or something saw at a place, and what it says of now."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from risk_models.observation.reader import no_observations, read_observations
    from risk_models.observation.sight import observed_now
    from risk_models.observation.state import Now
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "reader": ["no_observations", "read_observations"],
            "sight": ["observed_now"],
            "state": ["Now"],
        },
    )

__all__ = ["Now", "no_observations", "observed_now", "read_observations"]
