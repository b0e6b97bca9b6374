"""The five kinds of flood-risk report: conclusions first, then basis, review and the five stages.

Month, quarter, flood season, year and important period, each in a review and an outlook edition, are one document with
one order of sections; what a span does not have is said instead of left out. Every sentence is a template filled with
facts that stand in a table of the same section.
"""

from __future__ import annotations

from reports.periodic.content import Document, DocumentBuilder, Metadata
from reports.periodic.facts.report import report_facts
from reports.periodic.forms import Forms
from reports.periodic.inputs import ReportInputs
from reports.periodic.phrases import load_phrases
from reports.periodic.sections import (
    ahead,
    basis,
    close,
    exposure,
    plan,
    review,
    risk,
    summary,
    verify,
    warning,
)
from reports.words import Lang, local, plain
from risk_models.outlook.periods import Scope

__all__ = ["file_stem", "periodic_report"]


def periodic_report(inputs: ReportInputs, lang: Lang) -> Document:
    """Build a report.

    Parameters
    ----------
    inputs : ReportInputs
    lang : {"zh", "en"}

    Returns
    -------
    Document
        Ready for the writers.

    Raises
    ------
    ConfigError
        If a standard that the district names is not known, or a sentence file was damaged.
    """
    facts = report_facts(inputs)
    say = load_phrases(lang, inputs.templates)
    blank = Metadata(title="", organisation="", lang=lang, issued_on=local(inputs.issued_at, facts.zone).date())
    forms = Forms(facts, say, DocumentBuilder(_metadata(Forms(facts, say, DocumentBuilder(blank)))))
    summary.add_summary(forms)
    basis.add_basis(forms)
    basis.add_important(forms)
    review.add_review(forms)
    verify.add_verification(forms)
    ahead.add_outlook(forms)
    risk.add_risk(forms)
    exposure.add_exposure(forms)
    warning.add_warnings(forms)
    plan.add_dates(forms)
    plan.add_rehearsal(forms)
    plan.add_measures(forms)
    close.add_profile(forms)
    close.add_uncertainty(forms)
    close.add_consultation(forms)
    return forms.out.build()


def file_stem(scope: Scope, lang: Lang) -> str:
    """Return the file name of a report without its ending.

    Examples
    --------
    >>> from risk_models.district.settings import DistrictSettings
    >>> from risk_models.outlook.periods import Span
    >>> from datetime import date, datetime, UTC
    >>> span = Span(kind="flood-season", key="2021", first_day=date(2021, 5, 15), last_day=date(2021, 9, 30),
    ...             name_zh="", name_en="")
    >>> at = datetime(2021, 5, 1, tzinfo=UTC)
    >>> file_stem(Scope(span=span, edition="outlook", reviewed=None, coming=span, issued_at=at), "en")
    '2021-flood-season-outlook.en'
    """
    edition = "-outlook" if scope.edition == "outlook" else ""
    return f"{scope.span.key}-{scope.span.kind}{edition}" + (".en" if lang == "en" else "")


def _metadata(forms: Forms) -> Metadata:
    """Return title, issuer, banner and footer."""
    say, facts = forms.say, forms.facts
    settings, scope = facts.inputs.district.settings, facts.inputs.scope
    identity = settings.district
    district = plain(identity.name.zh if forms.lang == "zh" else identity.name.en)
    name = plain(scope.span.name_zh if forms.lang == "zh" else scope.span.name_en)
    kind = say(f"kinds.{scope.span.kind}-{scope.edition}")
    gaps = {"district": district, "name": name, "kind": kind}
    marks = [say("banner")] if identity.demonstration else []
    marks += [mark[forms.lang] for mark in facts.inputs.marks]
    marks += [say("draft")] if facts.is_draft else []
    title = say("title_period" if scope.span.kind == "period" else "title", **gaps)
    revised = say("revised", number=str(facts.inputs.revision)) if facts.inputs.revision else ""
    return Metadata(
        title=title + (("\n" + revised) if revised else ""),
        organisation=plain(identity.bureau.zh if forms.lang == "zh" else identity.bureau.en),
        lang=forms.lang,
        issued_on=local(facts.inputs.issued_at, facts.zone).date(),
        subject=say("subject", **gaps),
        keywords=tuple(word.strip() for word in say("keywords", district=district, kind=kind).split(",")),
        banner=say("banner_joint").join(marks),
        footer=say("footer", stages=forms.stage_words(), profile=str(settings.standards.five_pre)),
    )
