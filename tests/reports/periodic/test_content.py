"""The content model: numbers of headings, what a document refuses, the outline without gaps."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import lxml.html
import pypdf
import pytest

from reports.periodic.content import Document, DocumentBuilder, Figure, Heading, Metadata, Paragraph
from reports.periodic.writers.html import html_text
from reports.periodic.writers.pdf import pdf_bytes


def builder(lang: Any) -> DocumentBuilder:
    return DocumentBuilder(Metadata(title="T", organisation="O", lang=lang, issued_on=date(2021, 8, 1)))


@pytest.mark.parametrize(
    ("lang", "numbers"),
    [
        ("zh", "一、a|（一）b|1. c|（1）d|（2）e|2. f|（1）g|（二）h|1. i|二、j|（一）k"),
        ("en", "1. a|1.1 b|1.1.1 c|(a) d|(b) e|1.1.2 f|(a) g|1.2 h|1.2.1 i|2. j|2.1 k"),
    ],
)
def test_four_levels_are_numbered_and_start_again(lang: Any, numbers: str) -> None:
    out = builder(lang)
    steps = (out.section, out.subsection, out.point, out.subpoint)
    for level, name in zip((0, 1, 2, 3, 3, 2, 3, 1, 2, 0, 1), "abcdefghijk", strict=True):
        steps[level](name)
    assert [heading.text for heading in out.build().headings()] == numbers.split("|")


def test_date_of_issue_is_one_block_of_two_lines() -> None:
    out = builder("zh")
    out.issued("局", "2021年8月1日")
    assert out.build().blocks == (Paragraph("局\n2021年8月1日", "issued"),)


def test_what_stands_before_the_date_stays_with_it() -> None:
    out = builder("zh")
    out.prose("a", "b")
    out.issued("局", "日")
    assert out.build().kept_with_next() == (False, True, False)


def test_picture_without_words_is_refused() -> None:
    with pytest.raises(ValueError, match="figure 'Rain': alt is empty; say in words what the picture shows"):
        Figure(b"", "Rain", " ")


def test_outline_skips_no_step_though_the_numbers_do() -> None:
    meta = Metadata(title="题", organisation="局", lang="zh", issued_on=date(2021, 8, 1))
    headings = (
        Heading(2, "（一）a"),
        Heading(1, "一、b"),
        Heading(3, "1. c"),
        Heading(4, "（1）d"),
        Heading(2, "（一）e"),
    )
    document = Document(meta, headings)
    assert [depth for depth, _ in document.outline()] == [1, 1, 2, 3, 2]
    page = lxml.html.document_fromstring(html_text(document))
    assert [element.tag for element in page.xpath("//main/*")] == ["h2", "h2", "h3", "h4", "h3"]
    reader = pypdf.PdfReader(io.BytesIO(pdf_bytes(document)))
    assert [item.title for item in reader.outline if not isinstance(item, list)] == ["（一）a", "一、b"]
