"""Periodic risk reports: one content model, written as Word, PDF and HTML, in Chinese and English."""

from reports.periodic.docx_writer import write_docx
from reports.periodic.html_writer import write_html
from reports.periodic.inputs import DeliveryCounts, MonthlyInputs
from reports.periodic.monthly import file_stem, monthly_report
from reports.periodic.pdf_writer import write_pdf

__all__ = ["DeliveryCounts", "MonthlyInputs", "file_stem", "monthly_report", "write_docx", "write_html", "write_pdf"]
