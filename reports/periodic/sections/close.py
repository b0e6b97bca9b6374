"""The end of a report: five-pre profile, uncertainty, and the record of the consultation."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.periodic.content import Heading
from reports.periodic.forms import DASH, Forms
from reports.words import moment, plain

__all__ = ["add_consultation", "add_profile", "add_uncertainty"]

#: Height of a row that is filled in by hand.
_BY_HAND_MM = 18.0
_STAGES_HELD = ("outlook", "forecast", "warning", "rehearsal", "plan")


def add_profile(forms: Forms) -> None:
    """Add the stages of the profile and where this report holds each."""
    say = forms.say
    forms.out.section(say("profile.heading"))
    profile = str(forms.facts.inputs.district.settings.standards.five_pre)
    forms.out.prose(say("profile.text", profile=profile, stages=forms.stage_words()))
    rows = []
    for stage in forms.stages():
        word = stage.zh if forms.lang == "zh" else stage.en[:1].upper() + stage.en[1:]
        held = say(f"profile.{stage.id}") if stage.id in _STAGES_HELD else say("profile.not_held")
        rows.append((word, held, _where(forms, stage.id)))
    columns = say.words("profile.columns")
    forms.out.table(say("profile.table"), columns, rows, align=("left",) * 3, widths=(1.0, 4.6, 3.2), annex=True)


def _where(forms: Forms, stage_id: str) -> str:
    """Return the heading of the section that holds a stage."""
    if stage_id not in _STAGES_HELD:
        return DASH
    key = {"outlook": "outlook", "forecast": "risk", "warning": "warning", "rehearsal": "rehearsal", "plan": "measures"}
    title = forms.say(f"{key[stage_id]}.heading", stage=forms.stage(stage_id))
    headings = [block.text for block in forms.out.build().blocks if isinstance(block, Heading)]
    return next((text for text in headings if text.endswith(title)), DASH)


def add_uncertainty(forms: Forms) -> None:
    """Add what limits the report."""
    say, facts = forms.say, forms.facts
    settings, standards = facts.inputs.district.settings, facts.inputs.standards
    forms.out.section(say("uncertainty.heading"))
    caveats = []
    if settings.district.demonstration:
        caveats.append(say("uncertainty.demonstration"))
    if facts.review is not None and facts.review.labels:
        known = [forms.short_span(label.begins_at, label.last_at) for label in facts.review.labels]
        caveats.append(say("uncertainty.constructed", spans=forms.listed(known)))
    if _any_synthetic(forms):
        caveats.append(say("uncertainty.synthetic_gauges"))
    outlook = facts.ahead.outlook if facts.ahead is not None else None
    if outlook is not None and outlook.is_synthetic:
        caveats.append(say("uncertainty.synthetic_record"))
    formula = facts.formula.formula_id
    confidence = plain(standards.metadata(formula).confidence)
    caveats.append(say("uncertainty.formula", formula=formula, name=forms.formula_name(), confidence=confidence))
    caveats += [say("uncertainty.levels"), say("uncertainty.missing")]
    caveats += [say("uncertainty.chances")] if outlook is not None else []
    caveats.append(say("uncertainty.profile", profile=str(settings.standards.five_pre)))
    point = "．" if forms.lang == "zh" else ". "
    forms.out.prose(*(f"{number}{point}{text}" for number, text in enumerate(caveats, start=1)))


def _any_synthetic(forms: Forms) -> bool:
    """Tell whether a gauge that has rain in the reviewed span is synthetic."""
    review, gauges = forms.facts.review, forms.facts.inputs.district.gauges
    if review is None or "synthetic" not in gauges:
        return False
    known = review.rain.gauges.index[review.rain.gauges["hours_known"] > 0]
    return bool(gauges.loc[gauges.index.isin(known), "synthetic"].any())


def add_consultation(forms: Forms) -> None:
    """Add departments, opinions and sign-off: lines to fill in a draft, names and times when issued."""
    say, facts = forms.say, forms.facts
    forms.out.section(say("consultation.heading"))
    record = facts.inputs.consultation
    departments = {item.id: item for item in facts.inputs.district.settings.reports.departments}
    by_hand = record is None
    if record is None:
        forms.out.prose(say("consultation.draft" if facts.is_draft else "consultation.missing"))
        rows = [(_department(forms, item), "", "", "") for item in departments.values()] or [("", "", "", "")] * 3
        forms.out.prose("" if departments else say("consultation.no_departments"))
    else:
        gaps = {"chair": plain(record.chair), "opened": _moment(forms, record.opened_at)}
        decision = plain(record.decision).rstrip("。.") or say("consultation.approved")
        gaps |= {"closed": _moment(forms, record.closed_at), "decision": decision}
        forms.out.prose(say("consultation.text", **gaps))
        rows = []
        for item in sorted(record.opinions, key=lambda item: item.at):
            name = (
                _department(forms, departments[item.department])
                if item.department in departments
                else plain(item.department)
            )
            opinion = plain(item.opinion) or say("consultation.no_objection")
            rows.append((name, plain(item.expert), opinion, forms.stamp(item.at)))
        answered = {item.department for item in record.opinions}
        silent = [_department(forms, item) for item in departments.values() if item.id not in answered]
        forms.out.prose(say("consultation.silent", names=forms.listed(silent)) if silent else "")
    if rows:
        columns = say.words("consultation.columns")
        align = ("left", "left", "left", "center")
        forms.out.table(
            say("consultation.table"),
            columns,
            rows,
            align=align,
            widths=(2.9, 1.4, 3.6, 1.7),
            row_mm=_BY_HAND_MM * by_hand,
        )
    else:
        forms.out.prose(say("consultation.no_opinions"))
    n = forms.out.n_annexed
    if n:
        forms.out.prose(say("consultation.annex", n=str(n)), style="signature")
    if record is not None and not facts.is_draft:
        gaps = {"chair": plain(record.chair), "at": _moment(forms, record.closed_at)}
        forms.out.prose(say("consultation.signed", **gaps), style="signature")
    else:
        lines = [say(f"consultation.{key}") for key in ("held", "experts", "drafted")]
        forms.out.prose(*lines, style="signature")
    forms.out.issued(forms.out.meta.organisation, forms.date(forms.local_date(pd.Timestamp(facts.inputs.issued_at))))


def _department(forms: Forms, item: Any) -> str:
    return plain(item.name.zh if forms.lang == "zh" else item.name.en)


def _moment(forms: Forms, at: Any) -> str:
    """Return a moment with its year."""
    return moment(at, forms.lang, forms.facts.zone)
