"""The district brief: one page at fixed hours on what still stands; one content model, three writers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.brief.build import WarningInForce, build_brief
    from reports.brief.model import DistrictBrief, ToldPlace, ToldState
    from reports.brief.writers import brief_html, brief_pdf, brief_subject, brief_text
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "build": ["WarningInForce", "build_brief"],
            "model": ["DistrictBrief", "ToldPlace", "ToldState"],
            "writers": ["brief_subject", "brief_html", "brief_pdf", "brief_text"],
        },
    )

__all__ = [
    "DistrictBrief",
    "ToldPlace",
    "ToldState",
    "WarningInForce",
    "brief_html",
    "brief_pdf",
    "brief_subject",
    "brief_text",
    "build_brief",
]
