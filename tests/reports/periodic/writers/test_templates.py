"""What docs/reports.md tells an office to do, done: templates for Word, PDF and HTML, without touching code."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path
from typing import Any

import docx
import lxml.html
import matplotlib
import pypdf
import pytest
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from fontTools.ttLib import TTFont

from reports.periodic.writers.docx import docx_bytes, write_docx
from reports.periodic.writers.html import html_text, write_html
from reports.periodic.writers.pdf import pdf_bytes, write_pdf
from reports.periodic.writers.templates import BUILT_IN
from risk_models.errors import BadInputError
from tests.reports.periodic.writers.sample import every_kind, picture

DOCS = Path(__file__).resolve().parents[4] / "docs" / "reports.md"
BANNER = "演示数据，非真实情况"


def snippets(language: str) -> list[str]:
    """The examples of the page in one language."""
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text("utf-8"), re.S)


def reread(data: bytes) -> Any:
    return docx.Document(io.BytesIO(data))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    folder.mkdir()
    return folder


def word_template(folder: Path, change: Any) -> Path:
    """Do in Word what the page says: open an issued report, change it, save it as report.docx."""
    path = write_docx(every_kind("zh"), folder / "report.docx")
    word = docx.Document(str(path))
    change(word)
    word.save(str(path))
    return path


def restyle(word: Any) -> None:
    word.styles["Heading 1"].font.color.rgb = RGBColor(0xC0, 0, 0)
    word.styles["Body Text"].font.size = Pt(14)
    word.sections[0].left_margin = Mm(20)
    section = word.sections[0]
    for header in (section.header, section.even_page_header):
        header.paragraphs[0].clear()
        # As Word saves it: one placeholder cut into several runs.
        for piece in ("{organi", "sation}  {ban", "ner}"):
            header.paragraphs[0].add_run(piece)


def test_word_template_gives_styles_page_and_headers(own: Path) -> None:
    word_template(own, restyle)
    word = reread(docx_bytes(every_kind("zh", rows=3), template=own))
    assert word.styles["Heading 1"].font.color.rgb == RGBColor(0xC0, 0, 0)
    assert word.styles["Body Text"].font.size == Pt(14)
    assert word.sections[0].left_margin == pytest.approx(Mm(20), abs=Mm(0.1))
    assert word.sections[0].header.paragraphs[0].text == f"二七区应急管理局  {BANNER}"
    assert word.sections[0].even_page_header.paragraphs[0].text == f"二七区应急管理局  {BANNER}"
    headings = [p.text for p in word.paragraphs if p.style.name == "Heading 1"]
    assert headings == ["摘要", "一、前期回顾"]  # the text of the template is gone, that of the report is there once
    wide = sum(column.width for column in word.tables[0].columns)
    assert wide == pytest.approx(Mm(210 - 20 - 26), abs=Mm(1))


def test_word_template_of_real_data_carries_no_mark(own: Path) -> None:
    word_template(own, restyle)
    word = reread(docx_bytes(every_kind("zh", banner=""), template=own))
    assert word.sections[0].header.paragraphs[0].text == "二七区应急管理局  "
    assert BANNER not in "".join(node.text or "" for node in word.element.body.iter(qn("w:t")))


def test_mark_of_demonstration_cannot_be_lost(own: Path) -> None:
    def bare(word: Any) -> None:
        for header in (word.sections[0].header, word.sections[0].even_page_header):
            header.paragraphs[0].clear()

    word_template(own, bare)
    section = reread(docx_bytes(every_kind("zh"), template=own)).sections[0]
    for header in (section.header, section.even_page_header):
        assert [p.text for p in header.paragraphs if p.text] == [BANNER]


def test_copy_of_an_issued_report_is_a_template_as_it_is(own: Path) -> None:
    word_template(own, lambda word: None)
    section = reread(docx_bytes(every_kind("zh"), template=own)).sections[0]
    assert [p.text for p in section.header.paragraphs] == [BANNER]


def test_plain_word_file_is_a_template_too(own: Path) -> None:
    """An empty file of Word's own: the styles it lacks come from the house, those it has stay."""
    docx.Document().save(str(own / "report.docx"))
    word = reread(docx_bytes(every_kind("zh"), template=own))
    assert word.styles["Issued"].font.size == Pt(16)
    assert len(word.tables) == 2
    assert all(table.style.name == "Table Grid" for table in word.tables)
    assert any(p.text == BANNER for p in word.sections[0].header.paragraphs)


def test_template_without_a_table_style_gets_one(own: Path) -> None:
    word = docx.Document()
    style = word.styles["Table Grid"].element
    style.getparent().remove(style)
    word.save(str(own / "report.docx"))
    assert reread(docx_bytes(every_kind("zh"), template=own)).tables[0].style.name == "Table Grid"


def test_header_that_came_from_an_earlier_section_stays(own: Path) -> None:
    word = docx.Document()
    word.sections[0].header.paragraphs[0].text = "{title}"
    word.add_section()
    word.save(str(own / "report.docx"))
    filled = reread(docx_bytes(every_kind("zh"), template=own))
    assert filled.sections[0].header.paragraphs[0].text.startswith("2021年7月二七区")
    assert len(filled.sections) == 1


def test_language_has_its_own_word_file(own: Path) -> None:
    word_template(own, restyle)
    english = write_docx(every_kind("en"), own / "report.en.docx")
    assert english.is_file()
    assert reread(docx_bytes(every_kind("en"), template=own)).styles["Body Text"].font.size == Pt(12)
    assert reread(docx_bytes(every_kind("zh"), template=own)).styles["Body Text"].font.size == Pt(14)


def test_pdf_template_with_colour_and_logo_of_the_page(own: Path) -> None:
    colours, logo = snippets("typst")
    text = (BUILT_IN / "report.typ").read_text("utf-8")
    for line in colours.strip().splitlines():
        name = line.split("=")[0]
        text, changed = re.subn(rf"^{re.escape(name)}=.*$", line, text, flags=re.M)
        assert changed == 1
    text = text.replace(
        "#align(center, block(below: layout.line_pt", f"{logo}\n#align(center, block(below: layout.line_pt"
    )
    (own / "report.typ").write_text(text, "utf-8")
    (own / "logo.png").write_bytes(picture())
    reader = pypdf.PdfReader(io.BytesIO(pdf_bytes(every_kind("zh"), template=own)))
    content = reader.pages[0].get_contents().get_data().decode("latin-1")
    assert re.search(r"0\.75[0-9]* 0 0 sc", content)  # #c00000
    assert len(reader.pages[0].images) == 1
    assert "七月" not in reader.pages[0].extract_text()


def test_pdf_uses_a_font_of_the_folder(own: Path) -> None:
    """A face under the standard's family name, as if an office owned its 仿宋: digits and Latin are set in it."""
    font = TTFont(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")
    for record in font["name"].names:
        if record.nameID in (1, 4, 6, 16):
            record.string = "FangSong"
    font.save(own / "FangSong.ttf")
    reader = pypdf.PdfReader(io.BytesIO(pdf_bytes(every_kind("zh"), template=own)))
    names = {str(f.get_object()["/BaseFont"]) for page in reader.pages for f in page["/Resources"]["/Font"].values()}
    assert any("FangSong" in name for name in names)


def test_html_style_and_page_of_the_page(own: Path) -> None:
    (css,) = snippets("css")
    (own / "report.css").write_text((BUILT_IN / "report.css").read_text("utf-8") + css, "utf-8")
    (html,) = snippets("html")
    page = (BUILT_IN / "report.html.j2").read_text("utf-8").replace("<header>", f"{html}<header>")
    (own / "report.html.j2").write_text(page, "utf-8")
    text = html_text(every_kind("zh"), template=own)
    assert css.strip() in text
    assert lxml.html.document_fromstring(text).xpath("//p[@class='office']/text()") == ["二七区应急管理局"]


def test_html_style_alone_keeps_the_built_page(own: Path) -> None:
    (own / "report.css").write_text("h1 { color: red } </style><script>", "utf-8")
    for template in (own, own / "report.css"):
        text = html_text(every_kind("zh"), template=template)
        assert "h1 { color: red }" in text
        assert not lxml.html.document_fromstring(text).xpath("//script")
        assert "<main" in text


def test_empty_folder_changes_nothing(own: Path) -> None:
    document = every_kind("zh")
    assert docx_bytes(document, template=own) == docx_bytes(document)
    assert pdf_bytes(document, template=own) == pdf_bytes(document)
    assert html_text(document, template=own) == html_text(document)


def test_same_template_gives_same_bytes(own: Path) -> None:
    word_template(own, restyle)
    shutil.copy(BUILT_IN / "report.typ", own)
    for write in (docx_bytes, pdf_bytes, html_text):
        assert write(every_kind("zh"), template=own) == write(every_kind("zh"), template=own)


WRITERS = {"report.docx": write_docx, "report.typ": write_pdf, "report.html.j2": write_html}


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_missing_template_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInputError, match=rf"(?s)nowhere: there is no such template.*accepted.*{name}"):
        WRITERS[name](every_kind("zh"), tmp_path / "out", template=tmp_path / "nowhere")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("report.docx", b"no Word file", "this is not a Word document"),
        ("report.typ", b"#let broken = (", "Typst cannot compile it"),
        ("report.typ", b'#image("gone.png")', "Typst cannot compile it: file not found"),
        ("report.typ", b'#import "@preview/cetz:0.3.0"', "packages from the network"),
        ("report.html.j2", b"{% for %}", "the page cannot be made"),
        ("report.html.j2", b"{{ nothing_of_that_name }}", "'nothing_of_that_name' is undefined"),
        ("report.html.j2", b"\xff\xfe\x00", "this is not text in UTF-8"),
    ],
)
def test_broken_template_is_named_with_its_reason(own: Path, name: str, content: bytes, reason: str) -> None:
    (own / name).write_bytes(content)
    with pytest.raises(BadInputError, match=rf"(?s){re.escape(name)}: .*{re.escape(reason)}"):
        WRITERS[name](every_kind("zh"), own / "out", template=own)
    assert not (own / "out").exists()


def test_file_of_another_kind_is_refused(own: Path) -> None:
    path = own / "report.txt"
    path.write_text("x")
    with pytest.raises(BadInputError, match=r"a template for this format is called report\.docx"):
        docx_bytes(every_kind("zh"), template=path)


def test_template_cannot_reach_into_the_program(own: Path) -> None:
    (own / "report.html.j2").write_text("{{ ''.__class__.__mro__[1].__subclasses__() }}", "utf-8")
    with pytest.raises(BadInputError, match="unsafe"):
        html_text(every_kind("zh"), template=own)
