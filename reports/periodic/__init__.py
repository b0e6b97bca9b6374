"""Periodic risk reports: one content model, written as Word, PDF and HTML, in Chinese and English."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.periodic.docx_writer import write_docx
    from reports.periodic.html_writer import write_html
    from reports.periodic.inputs import Consultation, DeliveryCounts, Opinion, ReportInputs
    from reports.periodic.pdf_writer import write_pdf
    from reports.periodic.report import file_stem, periodic_report
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "docx_writer": ["write_docx"],
            "html_writer": ["write_html"],
            "inputs": ["Consultation", "DeliveryCounts", "Opinion", "ReportInputs"],
            "pdf_writer": ["write_pdf"],
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
