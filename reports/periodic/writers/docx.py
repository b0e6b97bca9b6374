"""A periodic report as an editable Word file in the layout of GB/T 9704-2012.

Headings, captions, tables and page numbers are real: styles an office can restyle, caption numbers and page numbers
as fields, header rows that repeat. The same document gives the same bytes: every date inside is the issue date, and
the archive carries one fixed time stamp.
"""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from docx.enum.table import WD_ROW_HEIGHT_RULE, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Length, Mm, Pt
from docx.text.paragraph import Paragraph as DocxParagraph

from reports.periodic.content import Block, Document, Figure, Heading, Metadata, Note, Paragraph, Table
from reports.periodic.writers.docx_styles import TABLE_STYLE, add_field, built_in_word, word_of_template
from reports.periodic.writers.layout import DATE_INDENT_CHARACTERS, LAYOUTS, Layout
from reports.periodic.writers.templates import template_file
from risk_models.files import write_whole

__all__ = ["docx_bytes", "write_docx"]

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_ALIGN = {
    "left": WD_ALIGN_PARAGRAPH.LEFT,
    "right": WD_ALIGN_PARAGRAPH.RIGHT,
    "center": WD_ALIGN_PARAGRAPH.CENTER,
}
_HEADER_FILL = "E8EDF2"
_AFTER_TABLE_PT = 10.0
_PARAGRAPH_STYLES = {"body": "Body Text", "item": "Body Text", "signature": "Signature Line", "issued": "Issued"}


def write_docx(document: Document, path: Path, *, template: Path | None = None) -> Path:
    """Write a document as a Word file.

    Parameters
    ----------
    document : Document
    path : Path
        Target file; its folder is made if missing.
    template : Path, optional
        A Word file, or a folder that may hold ``report.docx``, whose styles, page, headers and footers are used.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    BadInputError
        If the template is not there or is no Word document; nothing is written then.
    """
    data = docx_bytes(document, template=template)
    return write_whole(path, data)


def docx_bytes(document: Document, *, template: Path | None = None) -> bytes:
    """Return a document as the bytes of a Word file; the same document and template give the same bytes.

    Examples
    --------
    >>> from datetime import date
    >>> from reports.periodic.content import Metadata
    >>> meta = Metadata(title="二七区月报", organisation="二七区", lang="zh", issued_on=date(2021, 8, 1))
    >>> document = Document(meta, (Heading(1, "一、前期回顾"), Paragraph("无。")))
    >>> docx_bytes(document) == docx_bytes(document)
    True
    """
    layout = LAYOUTS[document.meta.lang]
    own = template_file(template, "report.docx", document.meta.lang)
    meta = document.meta
    word = built_in_word(meta, layout) if own is None else word_of_template(own, meta, layout)
    _set_properties(word, meta)
    word.add_paragraph(meta.title, style="Title")
    body = word.element.body
    for block, is_kept in zip(document.blocks, document.kept_with_next(), strict=True):
        n_before = len(body)
        follows_table = n_before > 1 and body[n_before - 2].tag == qn("w:tbl")
        _add_block(word, block, layout)
        if follows_table:  # its first paragraph keeps a distance; an empty one between would strand headings
            DocxParagraph(body[n_before - 1], word).paragraph_format.space_before = Pt(_AFTER_TABLE_PT)
        if is_kept:
            word.paragraphs[-1].paragraph_format.keep_with_next = True
    if body[-2].tag == qn("w:tbl"):
        word.add_paragraph("", style="Table Text")  # Word wants a paragraph after the last table
    buffer = io.BytesIO()
    word.save(buffer)
    return _with_fixed_times(buffer.getvalue())


def _add_block(word: Any, block: Block, layout: Layout) -> None:
    """Append one block to the Word body."""
    match block:
        case Heading(level=level, text=text, starts_page=starts_page):
            heading = word.add_paragraph(text, style=f"Heading {level}")
            if starts_page:
                heading.paragraph_format.page_break_before = True
        case Paragraph(text=text, style=style):
            paragraph = word.add_paragraph(text, style=_PARAGRAPH_STYLES[style])
            if style == "issued" and layout.indent_characters:
                paragraph.paragraph_format.left_indent = _issued_indent(word, text, layout)
        case Note(text=text):
            word.add_paragraph(text, style="Note")
        case Table():
            _add_table(word, block, layout)
        case Figure():
            _add_figure(word, block, layout)


def _text_width(word: Any) -> Length:
    """Return the width of the text on the page."""
    section = word.sections[0]
    return Length(section.page_width - section.left_margin - section.right_margin)


def _issued_indent(word: Any, text: str, layout: Layout) -> Length:
    """Return the left indent that makes office and date a block whose longest line ends at the right indent."""
    size = layout.body_pt
    wide = max(sum(size * (0.5 if char.isascii() else 1.0) for char in line) for line in text.split("\n"))
    left_pt = _text_width(word).pt - DATE_INDENT_CHARACTERS * size - wide - 3.0
    return Pt(max(left_pt, 0.0))


def _add_table(word: Any, block: Table, layout: Layout) -> None:
    """Append a caption and a grid whose header row repeats and whose rows do not break over pages."""
    label = layout.annex_word if block.is_annexed else layout.table_word
    _add_caption(word, label, block.number, block.caption, keep_with_next=True)
    n_columns = len(block.header)
    grid = word.add_table(rows=1 + len(block.rows), cols=n_columns, style=TABLE_STYLE)
    grid.alignment = WD_TABLE_ALIGNMENT.CENTER
    grid.autofit = False
    widths = [Length(int(_text_width(word) * share / sum(block.widths))) for share in block.widths]
    for column, width in zip(grid.columns, widths, strict=True):
        column.width = width
    small = " Small" if block.is_dense else ""
    head, text = (word.styles[f"Table {kind}{small}"] for kind in ("Head", "Text"))
    # All cells are listed once: python-docx builds that list anew for every row that is asked for its cells.
    cells = grid._cells
    _fill_row(cells[:n_columns], block.header, ("center",) * n_columns, widths, head)
    for number, texts in enumerate(block.rows, start=1):
        _fill_row(cells[number * n_columns : (number + 1) * n_columns], texts, block.align, widths, text)
    for row in grid.rows:
        row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
    for row in list(grid.rows)[1:] if block.row_mm else ():
        row.height, row.height_rule = Mm(block.row_mm), WD_ROW_HEIGHT_RULE.AT_LEAST
    _mark_header_row(grid.rows[0], cells[:n_columns])
    for cell in cells:
        middle = OxmlElement("w:vAlign")
        middle.set(qn("w:val"), "center")
        cell._tc.get_or_add_tcPr().append(middle)
    n_kept = len(block.rows) if block.is_kept_together else 1
    for first in cells[: n_kept * n_columns : n_columns]:
        first.paragraphs[0].paragraph_format.keep_with_next = True


def _fill_row(cells: list[Any], texts: tuple[str, ...], align: tuple[str, ...], widths: list[Any], style: Any) -> None:
    """Write the cells of one row."""
    for cell, text, side, width in zip(cells, texts, align, widths, strict=True):
        cell.width = width
        paragraph = cell.paragraphs[0]
        paragraph._p.style = style.style_id  # the public setter looks the style up again for every cell
        paragraph.alignment = _ALIGN[side]
        paragraph.add_run(text)


def _mark_header_row(row: Any, cells: list[Any]) -> None:
    """Make a row repeat at the top of every page, on a pale ground."""
    row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    for cell in cells:
        shading = OxmlElement("w:shd")
        shading.set(qn("w:val"), "clear")
        shading.set(qn("w:color"), "auto")
        shading.set(qn("w:fill"), _HEADER_FILL)
        cell._tc.get_or_add_tcPr().append(shading)


def _add_figure(word: Any, block: Figure, layout: Layout) -> None:
    """Append a picture with its alternative text, and its caption below."""
    paragraph = word.add_paragraph(style="Figure")
    shape = paragraph.add_run().add_picture(io.BytesIO(block.png), width=min(Mm(block.width_mm), _text_width(word)))
    shape._inline.docPr.set("descr", block.alt)
    shape._inline.docPr.set("title", block.caption)
    _add_caption(word, layout.figure_word, block.number, block.caption, keep_with_next=False)


def _add_caption(word: Any, label: str, number: int, caption: str, *, keep_with_next: bool) -> None:
    """Append a caption whose number is a SEQ field, so that Word can build a list of tables."""
    paragraph = word.add_paragraph(style="Caption")
    paragraph.paragraph_format.keep_with_next = keep_with_next
    paragraph.add_run(label)
    add_field(paragraph, f"SEQ {label.strip().replace(' ', '_')} \\* ARABIC", str(number))
    paragraph.add_run(f"  {caption}")


def _set_properties(word: Any, meta: Metadata) -> None:
    """Fill the core properties; both dates are the issue date."""
    properties = word.core_properties
    moment = datetime.combine(meta.issued_on, time(), tzinfo=UTC).replace(tzinfo=None)
    properties.title, properties.subject = meta.title_line, meta.subject
    properties.author = properties.last_modified_by = meta.organisation
    properties.keywords = ", ".join(meta.keywords)
    properties.comments = meta.banner
    properties.language = "zh-CN" if meta.lang == "zh" else "en-GB"
    properties.created = properties.modified = moment
    properties.revision = 1


def _with_fixed_times(data: bytes) -> bytes:
    """Return the archive with one fixed time stamp on every member, in the same order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            info = zipfile.ZipInfo(name, date_time=_ZIP_DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = 0o600 << 16
            target.writestr(info, source.read(name))
    return buffer.getvalue()
