"""Periodic risk reports in operation: gathered, drafted, consulted on, issued, archived, mailed."""

from wuyu.reporting.at_once import report_at_once, write_report
from wuyu.reporting.consult import (
    FIELDS,
    OPTIONS,
    add_opinion,
    answer_consultation,
    close_consultation,
    lapse_consultations,
    open_consultation,
    parse_opinion,
    refuse_draft,
)
from wuyu.reporting.due import note_missed_reports, reports_due
from wuyu.reporting.gather import ReportMaterial, gather, reference_gauge
from wuyu.reporting.issue import Made, draft_report, issue_report, key_of, rebuild, scope_for
from wuyu.reporting.making import LANGS, write_report_files
from wuyu.reporting.moments import Moments, moments_of

__all__ = [
    "FIELDS",
    "LANGS",
    "OPTIONS",
    "Made",
    "Moments",
    "ReportMaterial",
    "add_opinion",
    "answer_consultation",
    "close_consultation",
    "draft_report",
    "gather",
    "issue_report",
    "key_of",
    "lapse_consultations",
    "moments_of",
    "note_missed_reports",
    "open_consultation",
    "parse_opinion",
    "rebuild",
    "reference_gauge",
    "refuse_draft",
    "report_at_once",
    "reports_due",
    "scope_for",
    "write_report",
    "write_report_files",
]
