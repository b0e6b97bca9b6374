"""The bulletin: one content model, three writers. Towns read it in one language; the kept copy has both."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.bulletin.answering import acknowledgement_text, with_code
    from reports.bulletin.build import build_bulletin
    from reports.bulletin.html import MAP_CID, to_archive, to_html
    from reports.bulletin.model import Bulletin, DataBasis, HotspotLine, Measure, SignOff
    from reports.bulletin.pdf import to_pdf
    from reports.bulletin.text import subject, to_mail_text, to_text
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "answering": ["acknowledgement_text", "with_code"],
            "build": ["build_bulletin"],
            "html": ["MAP_CID", "to_archive", "to_html"],
            "model": ["Bulletin", "DataBasis", "HotspotLine", "Measure", "SignOff"],
            "pdf": ["to_pdf"],
            "text": ["subject", "to_mail_text", "to_text"],
        },
    )

__all__ = [
    "MAP_CID",
    "Bulletin",
    "DataBasis",
    "HotspotLine",
    "Measure",
    "SignOff",
    "acknowledgement_text",
    "build_bulletin",
    "subject",
    "to_archive",
    "to_html",
    "to_mail_text",
    "to_pdf",
    "to_text",
    "with_code",
]
