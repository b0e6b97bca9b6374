"""Every number in the prose is read back out of the document and found in a table of the same section."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from reports.periodic.content import Block, Document, Heading, Note, Paragraph, Table
from reports.periodic.inputs import ReportInputs
from reports.periodic.report import periodic_report
from reports.words import LANGUAGES, Lang
from tests.reports.periodic.conftest import Reader
from tests.reports.periodic.reading import KINDS_AND_EDITIONS, names_with_digits

NUMBER = re.compile(r"\d+(?:\.\d+)?")
MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
# Moments are no quantities: dates, clock times, years and quarters; so are the numbers of a list of notes.
MOMENT = re.compile(
    r"\d{4}年第[一二三四]季度|(?:\d{4}年)?\d+月\d+日(?:\d+时(?:\d+分)?)?|\d{4}年(?:\d+月)?(?:至\d+月)?|\d+日\d+时|20时|"
    r"(?<=、)\d+月(?:至\d+月)?|\d+月至\d+月|"
    r"附表\d+|[Aa]nnex tables? \d+(?: (?:to|and) \d+)?|"
    rf"Q\d \d{{4}}|\d{{2}}:\d{{2}}|\d+ (?:{MONTHS})(?: \d{{4}})?|(?:{MONTHS}) \d{{4}}|"
    r"\b(?:of|[Dd]uring|on|[Ff]or|as) 20\d\d\b|^20\d\d (?=was not over)|"
    r"^\d+(?:．|\. )"
)


def sections(document: Document) -> Iterator[list[Block]]:
    """Cut a document at its headings of the first level."""
    part: list[Block] = []
    for block in document.blocks:
        if isinstance(block, Heading) and block.level == 1 and part:
            yield part
            part = []
        part.append(block)
    yield part


def in_tables(blocks: list[Block]) -> set[str]:
    """Return the numbers in cells and column heads."""
    tables = [block for block in blocks if isinstance(block, Table)]
    texts = [text for table in tables for row in (table.header, *table.rows) for text in row]
    return {number for text in texts for number in NUMBER.findall(text)}


def quantities(text: str, names: list[str]) -> list[str]:
    """Return the numbers of a sentence that are quantities."""
    for name in names:
        text = text.replace(name, " ")
    return NUMBER.findall(MOMENT.sub(" ", text))


def strange_numbers(document: Document, names: list[str]) -> tuple[list[str], int]:
    """Return numbers of sentences without a table, with their sentence, and how many were looked up."""
    strange, checked = [], 0
    everywhere = in_tables(list(document.blocks))
    for place, part in enumerate(sections(document)):
        # A table of the annex belongs to the section that points to it; the annex itself closes the document.
        own = [table for table in document.tables() if table.section == place]
        known = in_tables([*part, *own])
        rows = 0
        for block in part:
            rows = len(block.rows) if isinstance(block, Table) else rows
            if not isinstance(block, Paragraph | Note):
                continue
            for number in quantities(block.text, names):
                checked += 1
                # A remark under a table may say how many rows it shows, and how many of all it leaves out.
                rest = {number, *(str(int(float(number)) + shown) for shown in (rows, rows - 1))}
                is_rest = isinstance(block, Note) and (bool(rest & everywhere) or number == str(rows - 1))
                if number not in known and not is_rest:
                    strange.append(f"{number} in '{block.text}'")
    return strange, checked


def identifiers(inputs: ReportInputs) -> list[str]:
    standards = inputs.district.settings.standards
    ids = [str(getattr(standards, use)) for use in ("storm_formula", "five_pre", "risk_matrix", "depth_classes")]
    source = [] if inputs.outlook is None else [inputs.outlook.forecast.source]
    source += [inputs.scope.span.name_zh, inputs.scope.span.name_en] if inputs.scope.span.kind == "period" else []
    return [*ids, *source, *names_with_digits(inputs.district)]


@pytest.mark.parametrize("which", ["small", "bundled", "empty"])
@pytest.mark.parametrize(("kind", "edition"), KINDS_AND_EDITIONS)
def test_every_number_in_prose_stands_in_a_table_of_its_section(
    read_report: Reader, kind: Any, edition: Any, which: str
) -> None:
    for lang in LANGUAGES:
        inputs, document = read_report(kind, edition, lang, which)
        strange, checked = strange_numbers(document, identifiers(inputs))
        assert not strange, f"{lang}: {strange}"
        least = 35 if (kind, edition) == ("period", "outlook") else 60
        assert checked >= (least if which != "empty" else 3)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_number_that_is_in_no_table_is_found(quick: None, month_inputs: ReportInputs, lang: Lang) -> None:
    document = periodic_report(month_inputs, lang)
    blocks = list(document.blocks)
    at = next(place for place, block in enumerate(blocks) if isinstance(block, Paragraph) and "201.9" in block.text)
    paragraph = blocks[at]
    assert isinstance(paragraph, Paragraph)
    blocks[at] = Paragraph(paragraph.text.replace("201.9", "202.9"))
    strange, _ = strange_numbers(Document(document.meta, tuple(blocks)), identifiers(month_inputs))
    assert len(strange) == 1
    assert strange[0].startswith("202.9 in")
