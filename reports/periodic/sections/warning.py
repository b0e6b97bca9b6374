"""Warnings of the reviewed span one by one, with their lead."""

from __future__ import annotations

from reports.periodic.forms import DASH, Desk, one
from reports.words import is_missing

__all__ = ["add_warnings"]

_SHOWN = 40


def add_warnings(desk: Desk) -> None:
    """Add every warning with its lead."""
    say, facts = desk.say, desk.facts
    desk.out.section(say("warning.heading", stage=desk.stage("warning")))
    if facts.review is None:
        desk.out.prose(say("warning.no_span"))
        return
    warnings = facts.review.warnings
    if warnings.empty:
        desk.out.prose(say("warning.none", **desk.spans()))
        return
    lead = warnings["lead_h"].dropna().astype(float)
    summary = {
        "n": str(len(warnings)),
        "known": str(len(lead)),
        "ahead": str(int((lead > 0).sum())),
        "median": one(lead.median()) if len(lead) else DASH,
        "least": one(lead.min()) if len(lead) else DASH,
        "most": one(lead.max()) if len(lead) else DASH,
        "unconfirmed": str(int(warnings["unconfirmed"].sum())),
        "degraded": str(int(warnings["degraded"].sum())),
    }
    desk.out.prose(say("warning.text", total=desk.count(len(warnings), "warning"), **summary, **desk.spans()))
    desk.out.prose(say("warning.lead", **summary) if len(lead) else say("warning.no_lead"))
    is_doubtful = bool(warnings["unconfirmed"].any() or warnings["degraded"].any())
    desk.out.prose(say("warning.unconfirmed", **summary) if is_doubtful else "")
    header = say.words("warning.summary")
    rows, align = [tuple(summary.values())], ("right",) * len(header)
    desk.out.table(say("warning.summary_table"), header, rows, align=align, annex=True)
    _table(desk)


def _table(desk: Desk) -> None:
    """Add the warnings by first issue; of more than fit, those of the highest levels."""
    say, warnings = desk.say, desk.review().warnings
    shown = warnings
    if len(warnings) > _SHOWN:
        highest = warnings.sort_values("level", ascending=False, kind="stable").head(_SHOWN)
        shown = highest.sort_values(["issued_at", "area_code"], kind="stable")
    rows = []
    for _, row in shown.iterrows():
        ended = say("warning.open") if is_missing(row["ended_at"]) else desk.stamp(row["ended_at"])
        cells = (desk.town(str(row["area_code"])), desk.stamp(row["issued_at"]), desk.level(int(row["level"])))
        rows.append((*cells, desk.stamp(row["raised_at"]), ended, str(int(row["revisions"])), one(row["lead_h"])))
    align = ("left", "center", "center", "center", "center", "right", "right")
    caption, columns = say("warning.table", **desk.spans()), say.words("warning.columns")
    desk.out.table(caption, columns, rows, align=align, widths=(2.0, 1.8, 1.2, 1.8, 1.8, 1.0, 1.2), annex=True)
    more = len(warnings) - len(shown)
    desk.out.note(say("warning.more", n=desk.count(more, "warning")) if more > 0 else "", annex=True)
