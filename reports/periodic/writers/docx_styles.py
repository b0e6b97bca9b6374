"""Styles, page, header and footer of the Word file: the house's own, or those of an office's template."""

from __future__ import annotations

import re
import zipfile
from copy import deepcopy
from pathlib import Path
from typing import Any

import docx
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from lxml import etree

from reports.periodic.content import Metadata
from reports.periodic.writers.layout import DATE_INDENT_CHARACTERS, FONTS, LAYOUTS, MARGINS_MM, PAGE_MM, Layout
from reports.periodic.writers.templates import broken

__all__ = ["TABLE_STYLE", "add_field", "built_in_word", "word_of_template"]

TABLE_STYLE = "Table Grid"
_HEADER_DISTANCE_MM = 18.0
# The page number stands 7 mm below the print area.
_FOOTER_DISTANCE_MM = 20.0
_PLACEHOLDER = re.compile(r"\{(banner|footer|title|organisation|date)\}")


def built_in_word(meta: Metadata, layout: Layout) -> Any:
    """Return an empty Word document in the house's layout."""
    word = docx.Document()
    for part in word.part.package.iter_parts():
        if str(part.partname) == "/word/fontTable.xml":
            part._blob = _font_table()
    _set_styles(word, layout, meta.lang, keep=frozenset())
    _set_page(word, meta)
    return word


def word_of_template(path: Path, meta: Metadata, layout: Layout) -> Any:
    """Return an empty Word document in the layout of an office's template.

    Its text is dropped; its styles, page, headers and footers stay. Styles that it lacks are added as in the house's
    own layout. In headers and footers ``{banner}``, ``{footer}``, ``{title}``, ``{organisation}`` and ``{date}`` are
    filled in. A banner that finds no place of its own is added to every header: demonstration data stay marked.

    Raises
    ------
    BadInputError
        If the file is no Word document.
    """
    try:
        word = docx.Document(str(path))
    except (PackageNotFoundError, zipfile.BadZipFile, KeyError, ValueError, etree.XMLSyntaxError) as error:
        raise broken(path, "this is not a Word document", "a .docx saved by Word or LibreOffice") from error
    _empty_body(word)
    _set_styles(word, layout, meta.lang, keep=frozenset(style.name for style in word.styles))
    if TABLE_STYLE not in {style.name for style in word.styles}:
        word.styles.element.append(deepcopy(docx.Document().styles[TABLE_STYLE].element))
    _fill_margins(word, meta)
    return word


def _empty_body(word: Any) -> None:
    """Drop the text of a template; its last section keeps the headers that it took over from earlier ones."""
    body = word.element.body
    sections = list(body.iter(qn("w:sectPr")))
    if not sections:
        return
    references = {
        (child.tag, child.get(qn("w:type"))): child
        for section in sections
        for child in section
        if child.tag in (qn("w:headerReference"), qn("w:footerReference"))
    }
    last = deepcopy(sections[-1])
    for child in list(last):
        if child.tag in (qn("w:headerReference"), qn("w:footerReference")):
            last.remove(child)
    for number, reference in enumerate(references.values()):
        last.insert(number, deepcopy(reference))
    for child in list(body):
        body.remove(child)
    body.append(last)


def _fill_margins(word: Any, meta: Metadata) -> None:
    """Fill the placeholders in headers and footers; add the banner where it has none."""
    section = word.sections[0]
    is_first, is_even = section.different_first_page_header_footer, word.settings.odd_and_even_pages_header_footer
    headers = [section.header] + [section.first_page_header] * is_first + [section.even_page_header] * is_even
    footers = [section.footer] + [section.first_page_footer] * is_first + [section.even_page_footer] * is_even
    texts = {
        "banner": meta.banner, "footer": meta.footer, "title": meta.title_line, "organisation": meta.organisation,
        "date": meta.issued_on.isoformat(),
    }  # fmt: skip
    for header, footer in zip(headers, footers, strict=True):
        filled = {
            key
            for part in (header, footer) if not part.is_linked_to_previous
            for paragraph in part._element.iter(qn("w:p"))
            for key in _fill(paragraph, texts)
        }  # fmt: skip
        said = "".join(node.text or "" for node in header._element.iter(qn("w:t")))
        if meta.banner and "banner" not in filled and meta.banner not in said:
            header.is_linked_to_previous = False
            header.add_paragraph(meta.banner, style="Banner")


def _fill(paragraph: Any, texts: dict[str, str]) -> list[str]:
    """Fill the placeholders of one paragraph, also where Word has cut them into several runs; return their keys."""
    nodes = list(paragraph.iter(qn("w:t")))
    whole = "".join(node.text or "" for node in nodes)
    found = list(_PLACEHOLDER.finditer(whole))
    for match in reversed(found):
        position = 0
        for node in nodes:
            text = node.text or ""
            start, end = max(match.start() - position, 0), min(match.end() - position, len(text))
            if start < end:
                is_first = position <= match.start()
                node.text = text[:start] + (texts[match[1]] if is_first else "") + text[end:]
                node.set(qn("xml:space"), "preserve")
            position += len(text)
    return [match[1] for match in found]


def add_field(paragraph: Any, instruction: str, result: str) -> None:
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
    side_pt = LAYOUTS[meta.lang].footer_pt  # one character in from the edge
    for footer, side in ((section.footer, "right"), (section.even_page_footer, "left")):
        number = footer.paragraphs[0]
        number.style = "Page Number Line"
        number.alignment = WD_ALIGN_PARAGRAPH.RIGHT if side == "right" else WD_ALIGN_PARAGRAPH.LEFT
        setattr(number.paragraph_format, f"{side}_indent", Pt(side_pt))
        number.add_run("— ")
        add_field(number, "PAGE", "1")
        number.add_run(" —")
        footer.add_paragraph(meta.footer, style="Footer Line")


def _set_styles(word: Any, layout: Layout, lang: str, *, keep: frozenset[str]) -> None:
    """Set every style used, except those to keep: fonts with their East Asian names, sizes, spacing and indents."""
    if "Normal" not in keep:
        _language(word, lang)
    before = {name: deepcopy(word.styles[name].element) for name in keep}
    _set_text_styles(word, layout)
    _set_small_styles(word, layout)
    # A style of the template is put back as it was: what an office has drawn is not drawn over.
    for name, element in before.items():
        own = word.styles[name].element
        own.getparent().replace(own, element)


def _set_text_styles(word: Any, layout: Layout) -> None:
    """Set the styles of title, headings, text and signatures."""
    body = _style(word, "Normal", layout.body_font, layout.body_pt, layout)
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
        is_plain = layout.indent_characters > 0  # the standard tells levels apart by typeface and number alone
        size_pt = layout.body_pt + (0 if is_plain or level > 1 else 1.5)
        heading = _style(word, f"Heading {level}", font, size_pt, layout)
        heading.font.bold = level <= 2 and not is_plain
        heading.font.italic = level == 3 and not is_plain
        heading.paragraph_format.first_line_indent = Pt(layout.indent_characters * layout.body_pt)
        heading.paragraph_format.space_before = Pt(0 if layout.indent_characters else 10)
        heading.paragraph_format.space_after = Pt(0)
        heading.paragraph_format.keep_with_next = True
        _exact_lines(heading, layout.line_pt)
    signature = _style(word, "Signature Line", layout.body_font, layout.body_pt, layout)
    _exact_lines(signature, layout.line_pt * 1.25)
    signature.paragraph_format.keep_together = signature.paragraph_format.keep_with_next = True
    issued = _style(word, "Issued", layout.body_font, layout.body_pt, layout)
    _exact_lines(issued, layout.line_pt)
    is_official = layout.indent_characters > 0
    issued.paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER if is_official else WD_ALIGN_PARAGRAPH.RIGHT
    issued.paragraph_format.right_indent = Pt(DATE_INDENT_CHARACTERS * layout.body_pt)
    issued.paragraph_format.space_before = Pt(layout.line_pt)
    issued.paragraph_format.keep_together = True


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
