"""Both writers: every block arrives, the layout is the standard's, the bytes are the same."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import docx
import pypdf
import pytest
from docx.oxml.ns import qn
from docx.shared import Mm, Pt

from reports.periodic.content import Document, Figure, Heading, Note, Paragraph, Table, all_text
from reports.periodic.docx_writer import docx_bytes, write_docx
from reports.periodic.inputs import ReportInputs
from reports.periodic.pdf_writer import pdf_bytes, write_pdf
from reports.periodic.report import file_stem, periodic_report


@pytest.fixture(scope="module")
def document(month_inputs: ReportInputs) -> Document:
    return periodic_report(month_inputs, "zh")


@pytest.fixture(scope="module")
def word(document: Document) -> docx.document.Document:
    return docx.Document(io.BytesIO(docx_bytes(document)))


@pytest.fixture(scope="module")
def pdf(document: Document) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(pdf_bytes(document)))


def squeeze(text: str) -> str:
    """Drop white space: a PDF breaks lines where it likes."""
    return "".join(text.split())


def test_word_carries_every_block(document: Document, word: docx.document.Document) -> None:
    paragraphs = [paragraph.text for paragraph in word.paragraphs]
    cells = [cell.text for table in word.tables for row in table.rows for cell in row.cells]
    everything = "\n".join(paragraphs + cells)
    for text in all_text(document):
        assert text.replace("\n", "") in everything.replace("\n", "")
    assert len(word.inline_shapes) == len(document.figures()) == 3


def test_pdf_carries_every_block_as_text(document: Document, pdf: pypdf.PdfReader) -> None:
    everything = squeeze("".join(page.extract_text() for page in pdf.pages))
    for block in document.blocks:
        match block:
            case Heading() | Note():
                assert squeeze(block.text) in everything
            case Table() | Figure():
                assert squeeze(block.caption) in everything
            case Paragraph() if len(block.text) < 20:
                assert squeeze(block.text) in everything
    assert "没有资料不等于没有降雨" in everything
    assert sum(len(page.images) for page in pdf.pages) == 3


def test_word_layout_is_the_standards(word: docx.document.Document) -> None:
    section = word.sections[0]
    sizes = (section.page_width, section.page_height, section.top_margin, section.left_margin)
    for got, wanted in zip(sizes, (210, 297, 37, 28), strict=True):
        assert got == pytest.approx(Mm(wanted), abs=Mm(0.1))
    body, title = word.styles["Body Text"], word.styles["Title"]
    assert (title.font.size, body.font.size) == (Pt(22), Pt(16))
    assert body.paragraph_format.line_spacing == pytest.approx(Pt(28.9), abs=Pt(0.1))
    assert body.paragraph_format.first_line_indent == Pt(32)
    fonts = {
        name: word.styles[name].element.rPr.rFonts.get(qn("w:eastAsia"))
        for name in ("Title", "Heading 1", "Heading 2", "Body Text")
    }
    assert fonts == {
        "Title": "方正小标宋简体",
        "Heading 1": "黑体",
        "Heading 2": "楷体_GB2312",
        "Body Text": "仿宋_GB2312",
    }


def test_word_names_open_fonts_as_fall_back(document: Document) -> None:
    with zipfile.ZipFile(io.BytesIO(docx_bytes(document))) as archive:
        table = archive.read("word/fontTable.xml").decode()
    assert "Noto Serif SC" in table
    assert "方正小标宋简体" in table


def test_word_header_rows_repeat_and_page_numbers_are_fields(word: docx.document.Document) -> None:
    for table in word.tables:
        assert table.rows[0]._tr.trPr.find(qn("w:tblHeader")) is not None
    section = word.sections[0]
    for footer in (section.footer, section.even_page_footer):
        assert " PAGE " in [node.text for node in footer._element.iter(qn("w:instrText"))]
    assert "演示数据" in section.header.paragraphs[0].text
    captions = [paragraph for paragraph in word.paragraphs if paragraph.style.name == "Caption"]
    assert all(any("SEQ" in node.text for node in caption._element.iter(qn("w:instrText"))) for caption in captions)


def test_word_properties_are_dated_by_the_issue(word: docx.document.Document) -> None:
    properties = word.core_properties
    assert properties.created.date().isoformat() == properties.modified.date().isoformat() == "2021-08-01"
    assert properties.title == "2021年7月二七区洪涝灾害综合风险分析报告（月报）"
    assert properties.author == "二七区应急管理局"


def test_pictures_have_a_text_for_readers_who_cannot_see(word: docx.document.Document) -> None:
    assert all(shape._inline.docPr.get("descr") for shape in word.inline_shapes)


def test_pdf_has_bookmarks_tags_and_language(document: Document, pdf: pypdf.PdfReader) -> None:
    def titles(items: list) -> list[str]:
        return [title for item in items for title in (titles(item) if isinstance(item, list) else [item.title])]

    assert titles(pdf.outline) == [heading.text for heading in document.headings()]
    root = pdf.trailer["/Root"]
    assert "/StructTreeRoot" in root
    assert str(root["/Lang"]).startswith("zh")
    assert pdf.metadata is not None
    assert pdf.metadata.title == document.meta.title_line


def test_pdf_embeds_its_fonts(pdf: pypdf.PdfReader) -> None:
    fonts = pdf.pages[0]["/Resources"]["/Font"]
    names = {str(font.get_object()["/BaseFont"]) for font in fonts.values()}
    assert names
    assert all("NotoSerifSC" in name or "NotoSansSC" in name for name in names)


def test_same_document_gives_same_bytes(month_inputs: ReportInputs, document: Document) -> None:
    again = periodic_report(month_inputs, "zh")
    assert docx_bytes(document) == docx_bytes(again)
    assert pdf_bytes(document) == pdf_bytes(again)


def test_archive_has_one_fixed_time_stamp(document: Document) -> None:
    with zipfile.ZipFile(io.BytesIO(docx_bytes(document))) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist()[0] == "[Content_Types].xml"


@pytest.mark.parametrize("name", ['#panic("x") $x^2$ \\ @ref *b* <script>alert(1)</script>&amp;', "雨🌧" * 30])
def test_hostile_names_stay_text(with_names: Callable[[str], ReportInputs], name: str) -> None:
    document = periodic_report(with_names(name), "en")
    word = docx.Document(io.BytesIO(docx_bytes(document)))
    cells = {cell.text for table in word.tables for row in table.rows for cell in row.cells}
    assert name in cells
    text = squeeze("".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf_bytes(document))).pages))
    assert squeeze(name.replace("🌧", "〓"))[:12] in text


def test_files_are_written_under_both_names(document: Document, tmp_path) -> None:
    stem = file_stem("2021-07", "zh")
    assert write_docx(document, tmp_path / "reports" / f"{stem}.docx").stat().st_size > 50_000
    assert write_pdf(document, tmp_path / "reports" / f"{stem}.pdf").read_bytes().startswith(b"%PDF")
