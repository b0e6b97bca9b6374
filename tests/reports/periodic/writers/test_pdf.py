"""The PDF: archive and accessibility standards, bookmarks, tags, fonts, text that can be copied."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import pypdf
import pytest
from pypdf.generic import DictionaryObject

from reports.periodic.content import Document, Metadata, Paragraph
from reports.periodic.writers.pdf import pdf_bytes
from tests.reports.periodic.writers.sample import CHARACTERS_PER_LINE, LINES_PER_PAGE, every_kind


@pytest.fixture(scope="module")
def pdf() -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(pdf_bytes(every_kind("zh"))))


def squeezed(text: str) -> str:
    return "".join(text.split())


def structure(node: Any) -> list[DictionaryObject]:
    """Every element of the tag tree."""
    node = node.get_object()
    if isinstance(node, list):
        return [found for child in node for found in structure(child)]
    if not isinstance(node, dict):
        return []
    return [node, *(structure(node["/K"]) if "/K" in node else [])]


def test_file_claims_ua_1_and_a_2a(pdf: pypdf.PdfReader) -> None:
    claims = pdf.trailer["/Root"]["/Metadata"].get_object().get_data().decode()
    assert "<pdfuaid:part>1</pdfuaid:part>" in claims
    assert "<pdfaid:part>2</pdfaid:part>" in claims
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in claims


def test_bookmarks_are_the_headings(pdf: pypdf.PdfReader) -> None:
    def titles(items: list[Any], depth: int = 1) -> list[tuple[int, str]]:
        return [
            title for item in items
            for title in (titles(item, depth + 1) if isinstance(item, list) else [(depth, item.title)])
        ]  # fmt: skip

    headings = every_kind("zh").headings()
    assert titles(pdf.outline) == [(heading.level, heading.text) for heading in headings]


def test_tags_language_and_title(pdf: pypdf.PdfReader) -> None:
    root = pdf.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] is not False
    assert str(root["/Lang"]).startswith("zh")
    assert root["/ViewerPreferences"]["/DisplayDocTitle"] is not False
    assert pdf.metadata is not None
    assert pdf.metadata.title == "2021年7月二七区洪涝灾害综合风险分析报告（月报）"
    elements = structure(root["/StructTreeRoot"])
    kinds = [str(element.get("/S")) for element in elements]
    assert {"/H1", "/H2", "/H3", "/H4", "/Table", "/TH", "/TD", "/Figure", "/Caption"} <= set(kinds)
    figure = next(element for element in elements if element.get("/S") == "/Figure")
    assert figure["/Alt"] == "各历时最大雨量均高于公式值"
    assert kinds.count("/TH") == 3 + 10


def test_english_is_marked_as_english() -> None:
    reader = pypdf.PdfReader(io.BytesIO(pdf_bytes(every_kind("en"))))
    assert str(reader.trailer["/Root"]["/Lang"]).startswith("en")


def test_fonts_are_embedded_subsets(pdf: pypdf.PdfReader) -> None:
    found = set()
    for page in pdf.pages:
        for font in page["/Resources"]["/Font"].values():
            font = font.get_object()
            found.add(str(font["/BaseFont"]))
            descendant = font["/DescendantFonts"][0].get_object()
            descriptor = descendant["/FontDescriptor"].get_object()
            assert {"/FontFile2", "/FontFile3"} & set(descriptor)
    assert {name.split("+")[1].split("-")[0] for name in found} == {"NotoSerifSC", "NotoSansSC"}
    assert all(len(name.split("+")[0]) == 7 for name in found)  # the slash and the six letters of a subset


def test_sentences_can_be_copied_as_chinese(pdf: pypdf.PdfReader) -> None:
    text = squeezed("".join(page.extract_text() for page in pdf.pages))
    for sentence in (
        "7月19日至21日，郑州站过程雨量617.1毫米，最大小时雨量201.9毫米，超出暴雨公式100年一遇的范围。",
        "立即封闭通道并设岗值守（市政设施管理所，20时前）。",
        "注：等级由模型计算。",
    ):
        assert sentence in text


def test_header_row_and_banner_repeat_on_every_page_of_a_table() -> None:
    reader = pypdf.PdfReader(io.BytesIO(pdf_bytes(every_kind("zh", rows=120))))
    texts = [page.extract_text() for page in reader.pages]
    pages = [text for text in texts if "town " in text]
    assert len(pages) >= 3
    assert all(squeezed("A B C") in squeezed(text) for text in pages)
    assert all("演示数据，非真实情况" in text for text in texts)


def test_page_numbers_stand_outside() -> None:
    reader = pypdf.PdfReader(io.BytesIO(pdf_bytes(every_kind("zh"))))
    for number, page in enumerate(reader.pages, start=1):
        dashes: list[float] = []

        def see(text: str, cm: list[float], tm: list[float], *_: Any, found: list[float] = dashes) -> None:
            if "—" in text:
                found.append(cm[0] * tm[4] + cm[2] * tm[5] + cm[4])

        page.extract_text(visitor_text=see)
        assert dashes, number
        assert (dashes[-1] > 300) == (number % 2 == 1)


def test_full_page_has_22_lines_of_28_characters() -> None:
    meta = Metadata(title="题", organisation="局", lang="zh", issued_on=date(2021, 8, 1))
    document = Document(meta, (Paragraph("雨" * CHARACTERS_PER_LINE * LINES_PER_PAGE * 3),))
    page = pypdf.PdfReader(io.BytesIO(pdf_bytes(document))).pages[1]
    lines = [line for line in page.extract_text().split("\n") if "雨" in line]
    assert [len(line) for line in lines] == [CHARACTERS_PER_LINE] * LINES_PER_PAGE


def test_date_is_never_alone_on_a_page() -> None:
    """Whatever stands before it, the date of issue takes the signature or the last paragraph along."""
    for rows in range(0, 30, 3):
        reader = pypdf.PdfReader(io.BytesIO(pdf_bytes(every_kind("zh", rows=rows))))
        last = reader.pages[-1].extract_text()
        assert "会商负责人" in last
