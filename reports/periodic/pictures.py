"""What every picture of a report is told: where its data come from, and whether they are a demonstration."""

from __future__ import annotations

from typing import Any

from reports.periodic.forms import Desk

__all__ = ["source_gaps"]


def source_gaps(desk: Desk) -> dict[str, Any]:
    """Return the source line and the mark of demonstration data, as keywords of the chart functions."""
    identity = desk.facts.inputs.district.settings.district
    bureau = identity.bureau.zh if desk.lang == "zh" else identity.bureau.en
    return {"source": desk.say("figures.source", bureau=bureau), "is_demonstration": bool(identity.demonstration)}
