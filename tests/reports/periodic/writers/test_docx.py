"""The Word file: the page of GB/T 9704-2012, real styles and fields, well-formed for Word."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import docx
import pypdf
import pytest
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from lxml import etree

from reports.fonts import font_folder
from reports.periodic.content import Document, Metadata, Paragraph
from reports.periodic.writers.docx import docx_bytes, write_docx
from tests.patience import PATIENCE_S
from tests.reports.periodic.writers.sample import CHARACTERS_PER_LINE, LINES_PER_PAGE, every_kind, meta

# Order of the children in ECMA-376 part 1, 17.3.1.26, 17.3.2.28, 17.7.4.17 (those that may occur here).
_ORDERS = {
    "pPr": "pStyle keepNext keepLines pageBreakBefore framePr widowControl numPr suppressLineNumbers pBdr shd tabs"
    " suppressAutoHyphens kinsoku wordWrap overflowPunct topLinePunct autoSpaceDE autoSpaceDN bidi adjustRightInd"
    " snapToGrid spacing ind contextualSpacing mirrorIndents suppressOverlap jc textDirection textAlignment"
    " textboxTightWrap outlineLvl divId cnfStyle rPr sectPr pPrChange",
    "rPr": "rStyle rFonts b bCs i iCs caps smallCaps strike dstrike outline shadow emboss imprint noProof snapToGrid"
    " vanish webHidden color spacing w kern position sz szCs highlight u effect bdr shd fitText vertAlign rtl cs em"
    " lang eastAsianLayout specVanish oMath",
    "style": "name aliases basedOn next link autoRedefine hidden uiPriority semiHidden unhideWhenUsed qFormat locked"
    " personal personalCompose personalReply rsid pPr rPr tblPr trPr tcPr",
    "tcPr": "cnfStyle tcW gridSpan hMerge vMerge tcBorders shd noWrap tcMar textDirection tcFitText vAlign hideMark",
}


@pytest.fixture(scope="module")
def data() -> bytes:
    return docx_bytes(every_kind("zh"))


@pytest.fixture(scope="module")
def word(data: bytes) -> Any:
    return docx.Document(io.BytesIO(data))


def parts(data: bytes) -> Iterator[tuple[str, etree._Element]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            if name.startswith("word/") and name.endswith(".xml"):
                yield name, etree.fromstring(archive.read(name))


def test_page_is_the_standards(word: Any) -> None:
    section = word.sections[0]
    got = (section.page_width, section.page_height, section.top_margin, section.left_margin)
    for size, wanted in zip(got, (210, 297, 37, 28), strict=True):
        assert size == pytest.approx(Mm(wanted), abs=Mm(0.1))
    assert section.page_width - section.left_margin - section.right_margin == pytest.approx(Mm(156), abs=Mm(0.1))
    assert section.page_height - section.top_margin - section.bottom_margin == pytest.approx(Mm(225), abs=Mm(0.1))


def test_typefaces_and_sizes_are_the_standards(word: Any) -> None:
    wanted = {
        "Title": ("方正小标宋简体", 22), "Heading 1": ("黑体", 16), "Heading 2": ("楷体_GB2312", 16),
        "Heading 3": ("仿宋_GB2312", 16), "Heading 4": ("仿宋_GB2312", 16), "Body Text": ("仿宋_GB2312", 16),
        "Issued": ("仿宋_GB2312", 16),
    }  # fmt: skip
    for name, (font, size) in wanted.items():
        style = word.styles[name]
        assert style.element.rPr.rFonts.get(qn("w:eastAsia")) == font
        assert style.font.size == Pt(size)
        assert str(style.font.color.rgb) == "000000"
    body = word.styles["Body Text"].paragraph_format
    assert body.first_line_indent == Pt(32)
    assert body.line_spacing == pytest.approx(Pt(28.9), abs=Pt(0.1))


def test_headings_carry_the_standards_numbers(word: Any) -> None:
    headings = [(p.style.name, p.text) for p in word.paragraphs if p.style.name.startswith("Heading")]
    assert headings == [
        ("Heading 1", "摘要"), ("Heading 1", "一、前期回顾"), ("Heading 2", "（一）降雨情况"),
        ("Heading 3", "1. 重点时段"), ("Heading 4", "（1）下穿通道"),
    ]  # fmt: skip


def test_date_stands_four_characters_in_under_its_office(word: Any) -> None:
    issued = word.paragraphs[-1]
    assert issued.text == "二七区应急管理局\n2021年8月1日"
    assert word.styles["Issued"].paragraph_format.right_indent == Pt(4 * 16)
    block_pt = Mm(156).pt - issued.paragraph_format.left_indent.pt - 4 * 16
    assert 8 * 16 <= block_pt <= 8 * 16 + 4  # eight characters of the office fill it
    assert word.paragraphs[-2].paragraph_format.keep_with_next


def test_page_numbers_are_fields_outside_the_text(word: Any) -> None:
    section = word.sections[0]
    assert word.settings.odd_and_even_pages_header_footer
    for footer, side in ((section.footer, "right"), (section.even_page_footer, "left")):
        number = footer.paragraphs[0]
        assert " PAGE " in [node.text for node in footer._element.iter(qn("w:instrText"))]
        assert number.text == "— 1 —"
        assert number.alignment is not None
        assert number.alignment.name.lower() == side
        assert getattr(number.paragraph_format, f"{side}_indent") == Pt(14)
    for header in (section.header, section.even_page_header):
        assert header.paragraphs[0].text == "演示数据，非真实情况"


def test_captions_are_sequences_and_header_rows_repeat(word: Any) -> None:
    captions = [p for p in word.paragraphs if p.style.name == "Caption"]
    fields = [node.text.split()[1] for p in captions for node in p._element.iter(qn("w:instrText"))]
    assert fields == ["表", "表", "图"]
    for table in word.tables:
        assert table.rows[0]._tr.trPr.find(qn("w:tblHeader")) is not None
        assert all(row._tr.trPr.find(qn("w:cantSplit")) is not None for row in table.rows)
    assert [shape._inline.docPr.get("descr") for shape in word.inline_shapes] == ["各历时最大雨量均高于公式值"]


def test_no_empty_paragraph_strands_a_heading_after_a_table(word: Any) -> None:
    body = list(word.element.body)
    after = [body[number + 1] for number, element in enumerate(body) if element.tag == qn("w:tbl")]
    assert len(after) == 2
    for element in after:
        assert next(element.iter(qn("w:t"), qn("w:drawing")), None) is not None
        assert element.pPr.spacing.get(qn("w:before")) == "200"


def test_table_at_the_end_is_followed_by_the_paragraph_that_word_wants() -> None:
    document = Document(meta("zh"), every_kind("zh").tables()[:1])
    body = docx.Document(io.BytesIO(docx_bytes(document))).element.body
    assert [element.tag for element in body][-3:] == [qn("w:tbl"), qn("w:p"), qn("w:sectPr")]


def test_open_fonts_are_named_as_fall_back(data: bytes) -> None:
    table = next(root for name, root in parts(data) if name == "word/fontTable.xml")
    names = {font.get(qn("w:name")): font.find(qn("w:altName")).get(qn("w:val")) for font in table}
    assert "Noto Serif SC" in names["仿宋_GB2312"]
    assert "Noto Sans SC" in names["黑体"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_properties_stand_in_the_order_that_word_wants(lang: Any) -> None:
    """Word repairs, or refuses, a file whose properties are out of order."""
    orders = {qn(f"w:{tag}"): [f"w:{child}" for child in children.split()] for tag, children in _ORDERS.items()}
    checked = 0
    for name, root in parts(docx_bytes(every_kind(lang))):
        for tag, sequence in orders.items():
            rank = {qn(item): number for number, item in enumerate(sequence)}
            for element in root.iter(tag):
                ranks = [rank[child.tag] for child in element if child.tag in rank]
                assert ranks == sorted(ranks), (name, [child.tag for child in element])
                if tag != qn("w:style"):
                    assert len(set(ranks)) == len(ranks), (name, [child.tag for child in element])
                checked += 1
    assert checked > 100


def test_properties_are_dated_by_the_issue(word: Any) -> None:
    properties = word.core_properties
    assert properties.created.date() == properties.modified.date() == date(2021, 8, 1)
    assert properties.title == "2021年7月二七区洪涝灾害综合风险分析报告（月报）"
    assert properties.author == "二七区应急管理局"


def test_archive_has_one_fixed_time_stamp(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist()[0] == "[Content_Types].xml"


@pytest.mark.slow
def test_full_page_has_22_lines_of_28_characters_in_libreoffice(tmp_path: Path) -> None:
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("LibreOffice is not installed")
    plain = Metadata(title="题", organisation="局", lang="zh", issued_on=date(2021, 8, 1))
    n_characters = CHARACTERS_PER_LINE * LINES_PER_PAGE * 3
    path = write_docx(Document(plain, (Paragraph("雨" * n_characters),)), tmp_path / "full.docx")
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = [office, "--headless", profile, "--convert-to", "pdf", "--outdir", str(tmp_path), str(path)]
    # The bundled fonts: a machine, or a home, may have none with Chinese characters.
    fonts = tmp_path / "fonts.conf"
    fonts.write_text(
        f"<fontconfig><dir>{font_folder()}</dir><cachedir>{tmp_path / 'fonts'}</cachedir></fontconfig>",
        encoding="utf-8",
    )
    environment = os.environ | {"FONTCONFIG_FILE": str(fonts)}
    subprocess.run(command, env=environment, capture_output=True, timeout=PATIENCE_S, check=True)
    page = pypdf.PdfReader(tmp_path / "full.pdf").pages[1]
    lines = [line.strip() for line in page.extract_text().split("\n") if "雨" in line]
    assert [len(line) for line in lines] == [CHARACTERS_PER_LINE] * LINES_PER_PAGE
