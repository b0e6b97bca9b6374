"""Periodic risk reports: one content model, written as Word, PDF and HTML, in Chinese and English."""

from reports.periodic.inputs import Consultation, DeliveryCounts, Opinion, ReportInputs
from reports.periodic.rain_labels import RainLabel, rain_labels
from reports.periodic.report import file_stem, periodic_report
from reports.periodic.writers.docx import write_docx
from reports.periodic.writers.html import write_html
from reports.periodic.writers.pdf import write_pdf

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
