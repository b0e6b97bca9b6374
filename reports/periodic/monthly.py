"""The monthly flood-risk report: conclusions first, then basis, review and the five stages.

Order and headings follow the reports that districts of the region publish; the five middle sections are the five-pre
(outlook, forecast and risk, warning, rehearsal, plan). Every sentence is a template filled with facts that stand in a
table of the same section; where data are missing the report says so instead of leaving a section out.
"""

from __future__ import annotations

from datetime import date

from reports.periodic import sections_rain, sections_risk
from reports.periodic.content import Document, DocumentBuilder, Metadata
from reports.periodic.facts import MonthFacts, month_facts
from reports.periodic.forms import Desk
from reports.periodic.inputs import DeliveryCounts, MonthlyInputs
from reports.periodic.phrases import load_phrases
from reports.words import Lang, local, plain

__all__ = ["DeliveryCounts", "MonthlyInputs", "file_stem", "monthly_report"]


def monthly_report(inputs: MonthlyInputs, lang: Lang) -> Document:
    """Build the report of a month.

    Parameters
    ----------
    inputs : MonthlyInputs
    lang : {"zh", "en"}

    Returns
    -------
    Document
        Ready for `docx_writer` and `pdf_writer`.

    Raises
    ------
    ConfigError
        If a standard that the district names is not known, or a sentence file was damaged.
    """
    facts = month_facts(inputs)
    desk = Desk(facts, load_phrases(lang), DocumentBuilder(_metadata(facts, lang)))
    sections_rain.add_summary(desk)
    sections_rain.add_basis(desk)
    sections_rain.add_review(desk)
    sections_rain.add_outlook(desk)
    sections_risk.add_risk(desk)
    sections_risk.add_warnings(desk)
    sections_risk.add_rehearsal(desk)
    sections_risk.add_measures(desk)
    sections_risk.add_uncertainty(desk)
    return desk.out.build()


def file_stem(month: str, lang: Lang) -> str:
    """Return the file name of a month's report without its ending.

    Examples
    --------
    >>> file_stem("2021-07", "zh"), file_stem("2021-07", "en")
    ('2021-07-month', '2021-07-month.en')
    """
    return f"{month}-month" + (".en" if lang == "en" else "")


def _metadata(facts: MonthFacts, lang: Lang) -> Metadata:
    """Return title, issuer, banner and footer."""
    say = load_phrases(lang)
    settings = facts.inputs.district.settings
    identity = settings.district
    district = plain(identity.name.zh if lang == "zh" else identity.name.en)
    desk = Desk(facts, say, DocumentBuilder(Metadata(title="", organisation="", lang=lang, issued_on=_today(facts))))
    month = desk.month(facts.outlook.month - 1)
    gaps = {"year": facts.inputs.month[:4], "district": district, **month}
    return Metadata(
        title=say("title", **gaps),
        organisation=plain(identity.bureau.zh if lang == "zh" else identity.bureau.en),
        lang=lang,
        issued_on=_today(facts),
        subject=say("subject", **gaps),
        keywords=tuple(word.strip() for word in say("keywords", district=district).split(",")),
        banner=say("banner") if identity.demonstration else "",
        footer=say("footer", stages=desk.stage_words(), profile=str(settings.standards.five_pre)),
    )


def _today(facts: MonthFacts) -> date:
    """Return the local date of issue."""
    return local(facts.inputs.issued_at, facts.zone).date()
