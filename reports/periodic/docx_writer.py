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

import docx
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from lxml import etree

from reports.periodic.content import Block, Document, Figure, Heading, Metadata, Note, Paragraph, Table
from reports.periodic.layout import FONTS, LAYOUTS, MARGINS_MM, PAGE_MM, Layout

__all__ = ["docx_bytes", "write_docx"]

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_ALIGN = {
    "left": WD_ALIGN_PARAGRAPH.LEFT,
    "right": WD_ALIGN_PARAGRAPH.RIGHT,
    "center": WD_ALIGN_PARAGRAPH.CENTER,
}
_HEADER_FILL = "E8EDF2"
# The page number stands 7 mm below the print area.
_FOOTER_DISTANCE_MM = 20.0
_HEADER_DISTANCE_MM = 18.0


def write_docx(document: Document, path: Path) -> Path:
    """Write a document as a Word file.

    Parameters
    ----------
    document : Document
    path : Path
        Target file; its folder is made if missing.

    Returns
    -------
    Path
        `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(docx_bytes(document))
    return path


def docx_bytes(document: Document) -> bytes:
    """Return a document as the bytes of a Word file; the same document gives the same bytes.

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
    word = docx.Document()
    _set_properties(word, document.meta)
    _set_styles(word, layout, document.meta.lang)
    _set_page(word, document.meta)
    word.add_paragraph(document.meta.title, style="Title")
    for block in document.blocks:
        _add_block(word, block, layout)
    buffer = io.BytesIO()
    word.save(buffer)
    return _with_fixed_times(buffer.getvalue())


def _add_block(word: Any, block: Block, layout: Layout) -> None:
    """Append one block to the Word body."""
    match block:
        case Heading(level=level, text=text):
            word.add_paragraph(text, style=f"Heading {level}")
        case Paragraph(text=text, style=style):
            word.add_paragraph(text, style={"signature": "Signature Line"}.get(style, "Body Text"))
        case Note(text=text):
            word.add_paragraph(text, style="Note")
        case Table():
            _add_table(word, block, layout)
        case Figure():
            _add_figure(word, block, layout)


def _add_table(word: Any, block: Table, layout: Layout) -> None:
    """Append a caption and a grid whose header row repeats and whose rows do not break over pages."""
    _add_caption(word, layout.table_word, block.number, block.caption, keep_with_next=True)
    n_columns = len(block.header)
    grid = word.add_table(rows=1 + len(block.rows), cols=n_columns, style="Table Grid")
    grid.alignment = WD_TABLE_ALIGNMENT.CENTER
    grid.autofit = False
    text_width_mm = PAGE_MM[0] - MARGINS_MM["left"] - MARGINS_MM["right"]
    widths = [Mm(text_width_mm * share / sum(block.widths)) for share in block.widths]
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
    _mark_header_row(grid.rows[0], cells[:n_columns])
    n_kept = len(block.rows) if block.is_kept_together else 1
    for first in cells[: n_kept * n_columns : n_columns]:
        first.paragraphs[0].paragraph_format.keep_with_next = True
    word.add_paragraph("", style="Table Text")


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
    shape = paragraph.add_run().add_picture(io.BytesIO(block.png), width=Mm(block.width_mm))
    shape._inline.docPr.set("descr", block.alt)
    shape._inline.docPr.set("title", block.caption)
    _add_caption(word, layout.figure_word, block.number, block.caption, keep_with_next=False)


def _add_caption(word: Any, label: str, number: int, caption: str, *, keep_with_next: bool) -> None:
    """Append a caption whose number is a SEQ field, so that Word can build a list of tables."""
    paragraph = word.add_paragraph(style="Caption")
    paragraph.paragraph_format.keep_with_next = keep_with_next
    paragraph.add_run(label)
    _add_field(paragraph, f"SEQ {label.strip()} \\* ARABIC", str(number))
    paragraph.add_run(f"  {caption}")


def _add_field(paragraph: Any, instruction: str, result: str) -> None:
    """Append a field with its last result."""
    for kind, text in (("begin", ""), ("instr", f" {instruction} "), ("separate", ""), ("text", result), ("end", "")):
        run = paragraph.add_run()
        if kind == "instr":
            element = OxmlElement("w:instrText")
            element.set(qn("xml:space"), "preserve")
            element.text = text
        elif kind == "text":
            run.text = text
            continue
        else:
            element = OxmlElement("w:fldChar")
            element.set(qn("w:fldCharType"), kind)
        run._r.append(element)


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
    for part in word.part.package.iter_parts():
        if str(part.partname) == "/word/fontTable.xml":
            part._blob = _font_table()


def _font_table() -> bytes:
    """Return the font table: each preferred font with the open fonts that may stand in for it."""
    namespace = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    root = etree.Element(f"{{{namespace}}}fonts", nsmap={"w": namespace})
    for name, alternatives in FONTS.items():
        font = etree.SubElement(root, f"{{{namespace}}}font", {f"{{{namespace}}}name": name})
        etree.SubElement(font, f"{{{namespace}}}altName", {f"{{{namespace}}}val": ",".join(alternatives)})
        etree.SubElement(font, f"{{{namespace}}}charset", {f"{{{namespace}}}val": "86"})
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))


def _set_page(word: Any, meta: Metadata) -> None:
    """Set paper, margins, the banner in the header and the page number in the footer (odd right, even left)."""
    section = word.sections[0]
    section.page_width, section.page_height = Mm(PAGE_MM[0]), Mm(PAGE_MM[1])
    section.top_margin, section.bottom_margin = Mm(MARGINS_MM["top"]), Mm(MARGINS_MM["bottom"])
    section.left_margin, section.right_margin = Mm(MARGINS_MM["left"]), Mm(MARGINS_MM["right"])
    section.header_distance, section.footer_distance = Mm(_HEADER_DISTANCE_MM), Mm(_FOOTER_DISTANCE_MM)
    word.settings.odd_and_even_pages_header_footer = True
    for header in (section.header, section.even_page_header):
        header.paragraphs[0].style = "Banner"
        header.paragraphs[0].add_run(meta.banner)
    for footer, side in ((section.footer, "right"), (section.even_page_footer, "left")):
        number = footer.paragraphs[0]
        number.style, number.alignment = "Page Number Line", _ALIGN[side]
        number.add_run("— ")
        _add_field(number, "PAGE", "1")
        number.add_run(" —")
        footer.add_paragraph(meta.footer, style="Footer Line")


def _set_styles(word: Any, layout: Layout, lang: str) -> None:
    """Set every style used: fonts with their East Asian names, sizes, spacing and indents."""
    body = _style(word, "Normal", layout.body_font, layout.body_pt, layout)
    _language(word, lang)
    text = _style(word, "Body Text", layout.body_font, layout.body_pt, layout, tracking=True)
    for style in (body, text):
        _exact_lines(style, layout.line_pt)
    text.paragraph_format.first_line_indent = Pt(layout.indent_characters * layout.body_pt)
    text.paragraph_format.space_after = Pt(0 if layout.indent_characters else 6)
    text.paragraph_format.alignment = (
        WD_ALIGN_PARAGRAPH.JUSTIFY if layout.indent_characters else WD_ALIGN_PARAGRAPH.LEFT
    )
    title = _style(word, "Title", layout.title_font, layout.title_pt, layout)
    title.paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER
    title.paragraph_format.space_after = Pt(layout.line_pt)
    _exact_lines(title, layout.title_pt * 1.6)
    for level, font in enumerate(layout.heading_fonts, start=1):
        heading = _style(word, f"Heading {level}", font, layout.body_pt, layout)
        heading.font.bold = level == 1 and not layout.indent_characters
        heading.paragraph_format.first_line_indent = Pt(layout.indent_characters * layout.body_pt)
        heading.paragraph_format.space_before = Pt(0 if layout.indent_characters else 10)
        heading.paragraph_format.space_after = Pt(0)
        heading.paragraph_format.keep_with_next = True
        _exact_lines(heading, layout.line_pt)
    _set_small_styles(word, layout)


def _set_small_styles(word: Any, layout: Layout) -> None:
    """Set the styles of tables, captions, notes, figures, header and footer."""
    caption = _style(word, "Caption", layout.heading_fonts[0], layout.caption_pt, layout)
    caption.font.bold = False
    caption.paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER
    caption.paragraph_format.space_before, caption.paragraph_format.space_after = Pt(6), Pt(4)
    table = _style(word, "Table Text", layout.table_font, layout.table_pt, layout)
    dense = _style(word, "Table Text Small", layout.table_font, layout.table_pt - 1.5, layout)
    for style_name, size_pt in (("Table Head", layout.table_pt), ("Table Head Small", layout.table_pt - 1.5)):
        head = _style(word, style_name, layout.heading_fonts[0], size_pt, layout)
        head.font.bold = not layout.indent_characters
        head.paragraph_format.line_spacing_rule = WD_LINE_SPACING.SINGLE
    note = _style(word, "Note", layout.table_font, layout.table_pt, layout)
    note.paragraph_format.space_after = Pt(6)
    figure = _style(word, "Figure", layout.body_font, layout.body_pt, layout)
    figure.paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER
    figure.paragraph_format.keep_with_next = True
    figure.paragraph_format.space_before = Pt(6)
    banner = _style(word, "Banner", layout.heading_fonts[0], layout.table_pt, layout)
    banner.paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER
    banner.font.color.rgb = RGBColor(0xA6, 0x1B, 0x1B)
    number = _style(word, "Page Number Line", layout.table_font, layout.footer_pt, layout)
    footer = _style(word, "Footer Line", layout.table_font, 8, layout)
    footer.paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for style in (caption, table, dense, note, figure, banner, number, footer):
        style.paragraph_format.line_spacing_rule = WD_LINE_SPACING.SINGLE
    signature = _style(word, "Signature Line", layout.body_font, layout.body_pt, layout)
    _exact_lines(signature, layout.line_pt * 1.25)
    signature.paragraph_format.keep_together = True


def _style(word: Any, name: str, east_asia: str, size_pt: float, layout: Layout, *, tracking: bool = False) -> Any:
    """Return a paragraph style with its fonts and size set; made if the template lacks it."""
    known = {style.name for style in word.styles}
    style = word.styles[name] if name in known else word.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
    if name not in ("Normal",):
        style.base_style = word.styles["Normal"]
    properties = style.element.get_or_add_rPr()
    fonts = properties.get_or_add_rFonts()
    fonts.attrib.clear()
    for key, value in (("ascii", layout.latin_font), ("hAnsi", layout.latin_font), ("eastAsia", east_asia)):
        fonts.set(qn(f"w:{key}"), value)
    fonts.set(qn("w:cs"), layout.latin_font)
    style.font.size = Pt(size_pt)
    style.font.italic = False
    style.font.bold = False
    style.font.color.rgb = RGBColor(0, 0, 0)
    style.paragraph_format.space_after = Pt(0)
    style.paragraph_format.space_before = Pt(0)
    _drop(style.element, "w:pBdr")
    _no_automatic_space(style)
    for spacing in properties.findall(qn("w:spacing")) + properties.findall(qn("w:kern")):
        properties.remove(spacing)
    if tracking and layout.tracking_pt:
        _add_tracking(properties, layout.tracking_pt)
    return style


def _no_automatic_space(style: Any) -> None:
    """Let Chinese and Latin letters stand without extra space, as in official documents."""
    properties = style.element.get_or_add_pPr()
    for tag in ("w:autoSpaceDE", "w:autoSpaceDN"):
        _drop(properties, tag)
        switch = OxmlElement(tag)
        switch.set(qn("w:val"), "0")
        _insert_in_order(properties, switch)


def _insert_in_order(properties: Any, switch: Any) -> None:
    """Insert a paragraph switch before the first element that the schema wants after it."""
    after = ("w:bidi", "w:adjustRightInd", "w:snapToGrid", "w:spacing", "w:ind", "w:contextualSpacing", "w:jc",
             "w:outlineLvl")  # fmt: skip
    later = [child for child in properties if child.tag in {qn(tag) for tag in after}]
    if later:
        later[0].addprevious(switch)
    else:
        properties.append(switch)


def _add_tracking(properties: Any, tracking_pt: float) -> None:
    """Set the character spacing; the schema wants it before the size."""
    spacing = OxmlElement("w:spacing")
    spacing.set(qn("w:val"), str(round(tracking_pt * 20)))
    size = properties.find(qn("w:sz"))
    size.addprevious(spacing)


def _drop(element: Any, tag: str) -> None:
    """Remove every descendant with a tag."""
    for child in element.findall(f".//{qn(tag)}"):
        child.getparent().remove(child)


def _exact_lines(style: Any, points: float) -> None:
    """Set an exact line height [pt]."""
    style.paragraph_format.line_spacing_rule = WD_LINE_SPACING.EXACTLY
    style.paragraph_format.line_spacing = Pt(points)


def _language(word: Any, lang: str) -> None:
    """Set the proofing language of the whole document."""
    for element in word.styles.element.findall(f".//{qn('w:lang')}"):
        element.set(qn("w:val"), "en-GB")
        element.set(qn("w:eastAsia"), "zh-CN")
        if lang == "zh":
            element.set(qn("w:val"), "zh-CN")


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
