"""Warnings of the reviewed span one by one, with their lead."""

from __future__ import annotations

from reports.periodic.forms import DASH, Forms, one
from reports.words import is_missing, plain
from risk_models.warning.issued import IssuedSignal
from risk_models.warning.issued.standing import title_of

__all__ = ["add_warnings"]

_SHOWN = 40


def add_warnings(forms: Forms) -> None:
    """Add every warning with its lead."""
    say, facts = forms.say, forms.facts
    forms.out.section(say("warning.heading", stage=forms.stage("warning")))
    if facts.review is None:
        forms.out.prose(say("warning.no_span"))
        return
    _issued_signals(forms, facts.review.issued_signals)
    warnings = facts.review.warnings
    if warnings.empty:
        forms.out.prose(say("warning.none", **forms.spans()))
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
    forms.out.prose(say("warning.text", total=forms.count(len(warnings), "warning"), **summary, **forms.spans()))
    forms.out.prose(say("warning.lead", **summary) if len(lead) else say("warning.no_lead"))
    is_doubtful = bool(warnings["unconfirmed"].any() or warnings["degraded"].any())
    forms.out.prose(say("warning.unconfirmed", **summary) if is_doubtful else "")
    header = say.words("warning.summary")
    rows, align = [tuple(summary.values())], ("right",) * len(header)
    forms.out.table(say("warning.summary_table"), header, rows, align=align, annex=True)
    _table(forms)


def _issued_signals(forms: Forms, signals: tuple[IssuedSignal, ...]) -> None:
    """Say what the weather office issued, as far as it came here."""
    say = forms.say
    if not signals:
        forms.out.prose(say("warning.no_issued", **forms.spans()))
        return
    forms.out.prose(say("warning.issued", **forms.spans()))
    rows = []
    for signal in signals[-_SHOWN:]:
        notice = signal.notice
        title = plain(title_of(notice)[0 if forms.lang == "zh" else 1])
        where = say("warning.everywhere") if signal.is_everywhere else forms.towns_of(signal.towns)
        rows.append((title, forms.stamp(notice.issued_at), plain(notice.office), plain(notice.number) or DASH, where))
    align = ("left", "center", "left", "center", "left")
    caption, columns = say("warning.issued_table", **forms.spans()), say.words("warning.issued_columns")
    forms.out.table(caption, columns, rows, align=align, widths=(2.4, 1.8, 2.0, 1.4, 2.0), annex=True)


def _table(forms: Forms) -> None:
    """Add the warnings by first issue; of more than fit, those of the highest levels."""
    say, warnings = forms.say, forms.review().warnings
    shown = warnings
    if len(warnings) > _SHOWN:
        highest = warnings.sort_values("level", ascending=False, kind="stable").head(_SHOWN)
        shown = highest.sort_values(["issued_at", "area_code"], kind="stable")
    rows = []
    for _, row in shown.iterrows():
        ended = say("warning.open") if is_missing(row["ended_at"]) else forms.stamp(row["ended_at"])
        cells = (forms.town(str(row["area_code"])), forms.stamp(row["issued_at"]), forms.level(int(row["level"])))
        rows.append((*cells, forms.stamp(row["raised_at"]), ended, str(int(row["revisions"])), one(row["lead_h"])))
    align = ("left", "center", "center", "center", "center", "right", "right")
    caption, columns = say("warning.table", **forms.spans()), say.words("warning.columns")
    forms.out.table(caption, columns, rows, align=align, widths=(2.0, 1.8, 1.2, 1.8, 1.8, 1.0, 1.2), annex=True)
    more = len(warnings) - len(shown)
    forms.out.note(say("warning.more", n=forms.count(more, "warning")) if more > 0 else "", annex=True)
