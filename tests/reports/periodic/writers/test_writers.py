"""The three writers: every block arrives in each, unchanged, and the bytes are the same every time."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import docx
import lxml.html
import pypdf
import pytest
from docx.oxml.ns import qn

from reports.fonts import printable
from reports.periodic.content import Document, Figure, Heading, Note, Paragraph, Table
from reports.periodic.writers.docx import docx_bytes, write_docx
from reports.periodic.writers.html import html_text, write_html
from reports.periodic.writers.pdf import pdf_bytes, write_pdf
from tests.reports.periodic.writers.sample import every_kind
from tests.work import calls_of


def squeezed(text: str) -> str:
    """Drop white space: each format breaks lines where it likes."""
    return "".join(text.split())


def word_text(data: bytes) -> str:
    body = docx.Document(io.BytesIO(data)).element.body
    return "".join(node.text or "" for node in body.iter(qn("w:t")))


def pdf_text(data: bytes) -> str:
    return "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)


def page_text(text: str) -> str:
    return str(lxml.html.fromstring(text).xpath("//body")[0].text_content())


READERS = {
    "docx": lambda document: word_text(docx_bytes(document)),
    "pdf": lambda document: pdf_text(pdf_bytes(document)),
    "html": lambda document: page_text(html_text(document)),
}


def pieces(document: Document) -> list[str]:
    """Every text of a document in reading order, without white space; tables row by row."""
    found = []
    for block in document.blocks:
        match block:
            case Heading(text=text) | Note(text=text) | Paragraph(text=text):
                found.append(text)
            case Table():
                found += [block.caption, "".join(block.header), *("".join(row) for row in block.rows)]
            case Figure():
                found.append(block.caption)
    return [squeezed(printable(text)) for text in found]


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("form", sorted(READERS))
def test_every_block_arrives_unchanged_and_in_order(form: str, lang: Any) -> None:
    document = every_kind(lang, hostile=True)
    everything = squeezed(READERS[form](document))
    assert squeezed(document.meta.title) in everything
    position = everything.index(squeezed(document.meta.title))
    if form == "html":  # the list of contents comes first
        position = everything.rindex(squeezed(document.headings()[0].text))
    skipped = 0
    for piece in pieces(document):
        found = everything.find(piece, position)
        if found < 0 and form == "pdf":  # broken over two pages by banner, page number and footer
            skipped += 1
            continue
        assert found >= 0, piece
        position = found
    assert skipped <= 3


@pytest.mark.parametrize("form", sorted(READERS))
def test_all_three_say_the_same(form: str) -> None:
    document = every_kind("zh", rows=8)
    numbers = [f"{row}.{column}" for row in range(3) for column in range(10)]
    everything = READERS[form](document)
    assert all(number in everything for number in numbers)
    assert "617.1毫米" in squeezed(everything)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_same_document_gives_same_bytes(lang: Any) -> None:
    for write in (docx_bytes, pdf_bytes, html_text):
        assert write(every_kind(lang)) == write(every_kind(lang))


def test_files_are_written_and_folders_made(tmp_path) -> None:
    document = every_kind("zh")
    folder = tmp_path / "a" / "b"
    assert write_docx(document, folder / "r.docx").read_bytes().startswith(b"PK")
    assert write_pdf(document, folder / "r.pdf").read_bytes().startswith(b"%PDF")
    assert write_html(document, folder / "r.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    assert sorted(path.name for path in folder.iterdir()) == ["r.docx", "r.html", "r.pdf"]


@pytest.mark.parametrize("write", [docx_bytes, pdf_bytes, html_text])
def test_a_long_report_costs_work_in_proportion_to_its_pages(write: Callable[[Any], object]) -> None:
    short, long = (every_kind("zh", repeat=repeat, rows=50) for repeat in (3, 12))
    write(short)  # fonts and styles are read once
    assert calls_of(lambda: write(long)) < 4.4 * calls_of(lambda: write(short))


def test_a_long_report_has_all_its_pages() -> None:
    assert len(pypdf.PdfReader(io.BytesIO(pdf_bytes(every_kind("zh", repeat=12, rows=50)))).pages) >= 30
