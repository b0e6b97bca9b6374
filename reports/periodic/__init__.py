"""Periodic risk reports: one content model, written as Word, PDF and HTML, in Chinese and English.

The way through the package: inputs → facts → forms → sections → content → writers. What is known (`inputs`) becomes
numbers and tables (`facts`); `forms` says how a number, a name or a moment is written; the `sections` put facts into
sentences, tables and figures and add them to the `content`; the `writers` change no word of it. `report` calls them in
this order. No step knows a later one; `content` knows none of them, and forms and sections fill it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.periodic.inputs import Consultation, DeliveryCounts, Opinion, ReportInputs
    from reports.periodic.report import file_stem, periodic_report
    from reports.periodic.writers.docx import write_docx
    from reports.periodic.writers.html import write_html
    from reports.periodic.writers.pdf import write_pdf
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "writers.docx": ["write_docx"],
            "writers.html": ["write_html"],
            "inputs": ["Consultation", "DeliveryCounts", "Opinion", "ReportInputs"],
            "writers.pdf": ["write_pdf"],
            "report": ["file_stem", "periodic_report"],
        },
    )

__all__ = [
    "Consultation",
    "DeliveryCounts",
    "Opinion",
    "ReportInputs",
    "file_stem",
    "periodic_report",
    "write_docx",
    "write_html",
    "write_pdf",
]
