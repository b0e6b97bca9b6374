"""Periodic risk reports: one content model, written as Word, PDF and HTML, in Chinese and English."""

from reports.periodic.docx_writer import write_docx
from reports.periodic.html_writer import write_html
from reports.periodic.inputs import Consultation, DeliveryCounts, Opinion, ReportInputs
from reports.periodic.pdf_writer import write_pdf
from reports.periodic.rain_labels import RainLabel, rain_labels
from reports.periodic.report import file_stem, periodic_report

__all__ = [
    "Consultation",
    "DeliveryCounts",
    "Opinion",
    "RainLabel",
    "ReportInputs",
    "file_stem",
    "periodic_report",
    "rain_labels",
    "write_docx",
    "write_html",
    "write_pdf",
]
