"""The end of a report: five-pre profile, uncertainty, and the record of the consultation."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.periodic.content import Heading
from reports.periodic.forms import DASH, Desk
from reports.words import moment, plain

__all__ = ["add_consultation", "add_profile", "add_uncertainty"]

#: Height of a row that is filled in by hand.
_BY_HAND_MM = 18.0
_STAGES_HELD = ("outlook", "forecast", "warning", "rehearsal", "plan")


def add_profile(desk: Desk) -> None:
    """Add the stages of the profile and where this report holds each."""
    say = desk.say
    desk.out.section(say("profile.heading"))
    profile = str(desk.facts.inputs.district.settings.standards.five_pre)
    desk.out.prose(say("profile.text", profile=profile, stages=desk.stage_words()))
    rows = []
    for stage in desk.stages():
        word = stage.zh if desk.lang == "zh" else stage.en[:1].upper() + stage.en[1:]
        held = say(f"profile.{stage.id}") if stage.id in _STAGES_HELD else say("profile.not_held")
        rows.append((word, held, _where(desk, stage.id)))
    columns = say.words("profile.columns")
    desk.out.table(say("profile.table"), columns, rows, align=("left",) * 3, widths=(1.0, 4.6, 3.2), annex=True)


def _where(desk: Desk, stage_id: str) -> str:
    """Return the heading of the section that holds a stage."""
    if stage_id not in _STAGES_HELD:
        return DASH
    key = {"outlook": "outlook", "forecast": "risk", "warning": "warning", "rehearsal": "rehearsal", "plan": "measures"}
    title = desk.say(f"{key[stage_id]}.heading", stage=desk.stage(stage_id))
    headings = [block.text for block in desk.out.build().blocks if isinstance(block, Heading)]
    return next((text for text in headings if text.endswith(title)), DASH)


def add_uncertainty(desk: Desk) -> None:
    """Add what limits the report."""
    say, facts = desk.say, desk.facts
    settings, standards = facts.inputs.district.settings, facts.inputs.standards
    desk.out.section(say("uncertainty.heading"))
    caveats = []
    if settings.district.demonstration:
        caveats.append(say("uncertainty.demonstration"))
    if facts.review is not None and facts.review.labels:
        known = [desk.short_span(label.begins_at, label.last_at) for label in facts.review.labels]
        caveats.append(say("uncertainty.constructed", spans=desk.listed(known)))
    if _any_synthetic(desk):
        caveats.append(say("uncertainty.synthetic_gauges"))
    outlook = facts.ahead.outlook if facts.ahead is not None else None
    if outlook is not None and outlook.is_synthetic:
        caveats.append(say("uncertainty.synthetic_record"))
    formula = facts.formula.formula_id
    confidence = plain(standards.metadata(formula).confidence)
    caveats.append(say("uncertainty.formula", formula=formula, name=desk.formula_name(), confidence=confidence))
    caveats += [say("uncertainty.levels"), say("uncertainty.missing")]
    caveats += [say("uncertainty.chances")] if outlook is not None else []
    caveats.append(say("uncertainty.profile", profile=str(settings.standards.five_pre)))
    point = "．" if desk.lang == "zh" else ". "
    desk.out.prose(*(f"{number}{point}{text}" for number, text in enumerate(caveats, start=1)))


def _any_synthetic(desk: Desk) -> bool:
    """Tell whether a gauge that has rain in the reviewed span is synthetic."""
    review, gauges = desk.facts.review, desk.facts.inputs.district.gauges
    if review is None or "synthetic" not in gauges:
        return False
    known = review.rain.gauges.index[review.rain.gauges["hours_known"] > 0]
    return bool(gauges.loc[gauges.index.isin(known), "synthetic"].any())


def add_consultation(desk: Desk) -> None:
    """Add departments, opinions and sign-off: lines to fill in a draft, names and times when issued."""
    say, facts = desk.say, desk.facts
    desk.out.section(say("consultation.heading"))
    record = facts.inputs.consultation
    departments = {item.id: item for item in facts.inputs.district.settings.reports.departments}
    by_hand = record is None
    if record is None:
        desk.out.prose(say("consultation.draft" if facts.is_draft else "consultation.missing"))
        rows = [(_department(desk, item), "", "", "") for item in departments.values()] or [("", "", "", "")] * 3
        desk.out.prose("" if departments else say("consultation.no_departments"))
    else:
        gaps = {"chair": plain(record.chair), "opened": _moment(desk, record.opened_at)}
        decision = plain(record.decision).rstrip("。.") or say("consultation.approved")
        gaps |= {"closed": _moment(desk, record.closed_at), "decision": decision}
        desk.out.prose(say("consultation.text", **gaps))
        rows = []
        for item in sorted(record.opinions, key=lambda item: item.at):
            name = (
                _department(desk, departments[item.department])
                if item.department in departments
                else plain(item.department)
            )
            opinion = plain(item.opinion) or say("consultation.no_objection")
            rows.append((name, plain(item.expert), opinion, desk.stamp(item.at)))
        answered = {item.department for item in record.opinions}
        silent = [_department(desk, item) for item in departments.values() if item.id not in answered]
        desk.out.prose(say("consultation.silent", names=desk.listed(silent)) if silent else "")
    if rows:
        columns = say.words("consultation.columns")
        align = ("left", "left", "left", "center")
        desk.out.table(
            say("consultation.table"),
            columns,
            rows,
            align=align,
            widths=(2.9, 1.4, 3.6, 1.7),
            row_mm=_BY_HAND_MM * by_hand,
        )
    else:
        desk.out.prose(say("consultation.no_opinions"))
    n = desk.out.n_annexed
    if n:
        desk.out.prose(say("consultation.annex", n=str(n)), style="signature")
    if record is not None and not facts.is_draft:
        gaps = {"chair": plain(record.chair), "at": _moment(desk, record.closed_at)}
        desk.out.prose(say("consultation.signed", **gaps), style="signature")
    else:
        lines = [say(f"consultation.{key}") for key in ("held", "experts", "drafted")]
        desk.out.prose(*lines, style="signature")
    desk.out.issued(desk.out.meta.organisation, desk.date(desk.local_date(pd.Timestamp(facts.inputs.issued_at))))


def _department(desk: Desk, item: Any) -> str:
    return plain(item.name.zh if desk.lang == "zh" else item.name.en)


def _moment(desk: Desk, at: Any) -> str:
    """Return a moment with its year."""
    return moment(at, desk.lang, desk.facts.zone)
