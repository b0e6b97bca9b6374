"""What somebody or something saw at a place, and what it says of now."""

from __future__ import annotations

from risk_models.observation.state import Now

__all__ = ["Now"]
