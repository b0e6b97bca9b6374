"""A periodic report as one HTML file that opens anywhere: no script, no address outside, pictures and style inside.

Headings carry anchors and stand in a list of contents, tables have captions and header cells, pictures a text. The
page can be read down to a width of 360 pixels and printed on A4 with page numbers and the banner on every page.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import markupsafe
from jinja2.sandbox import SandboxedEnvironment

from reports.periodic.content import Block, Document, Figure, Heading, Note, Paragraph, Table
from reports.periodic.writers.layout import LAYOUTS
from reports.periodic.writers.templates import BUILT_IN, broken, template_file
from reports.words import Lang, Text
from risk_models.files import write_whole

__all__ = ["html_text", "write_html"]

_TEMPLATE, _STYLE = "report.html.j2", "report.css"
_CONTENTS = Text("目录", "Contents")
_SKIP = Text("跳到正文", "Skip to the report")
_HTML_LANGS = {"zh": "zh-CN", "en": "en-GB"}


def write_html(document: Document, path: Path, *, template: Path | None = None) -> Path:
    """Write a document as one HTML file.

    Parameters
    ----------
    document : Document
    path : Path
        Target file; its folder is made if missing.
    template : Path, optional
        A folder that may hold ``report.html.j2`` and ``report.css``, or one of the two.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    BadInputError
        If the template is not there or cannot be used; nothing is written then.
    """
    text = html_text(document, template=template)
    return write_whole(path, text)


def html_text(document: Document, *, template: Path | None = None) -> str:
    """Return a document as HTML; the same document and template give the same text.

    Examples
    --------
    >>> from datetime import date
    >>> from reports.periodic.content import Metadata
    >>> meta = Metadata(title="二七区月报", organisation="二七区", lang="zh", issued_on=date(2021, 8, 1))
    >>> page = html_text(Document(meta, (Heading(1, "一、前期回顾"), Paragraph("<script>"))))
    >>> '<h2 id="h-1" class="level-1">一、前期回顾</h2>' in page, "&lt;script&gt;" in page, "<script>" in page
    (True, True, False)
    """
    meta = document.meta
    own_page, own_style = _own_files(template, meta.lang)
    layout = LAYOUTS[meta.lang]
    environment = SandboxedEnvironment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["css_string"] = css_string
    style = _read(own_style or BUILT_IN / _STYLE)
    anchors = _anchors(document)
    following = iter(anchors)
    try:
        return environment.from_string(_read(own_page or BUILT_IN / _TEMPLATE)).render(
            meta=meta,
            html_lang=_HTML_LANGS[meta.lang],
            # A style sheet is text of its own kind: only what would close its element is broken up.
            style=markupsafe.Markup(style.replace("</", "<\\/")),  # noqa: S704
            words={
                "contents": _CONTENTS[meta.lang],
                "skip": _SKIP[meta.lang],
                "table": layout.table_word,
                "annex": layout.annex_word,
                "figure": layout.figure_word,
            },
            contents=_nested([anchor for anchor in anchors if anchor.depth <= 2]),
            blocks=[_block_data(block, following) for block in document.blocks],
        )
    except jinja2.TemplateError as error:
        if own_page is None:
            raise
        raise broken(own_page, f"the page cannot be made: {error}", f"a copy of the built {_TEMPLATE}") from error


def css_string(text: str) -> markupsafe.Markup:
    r"""Return a text as a CSS string that cannot leave its place.

    Examples
    --------
    >>> print(css_string('演示 "x"'))
    "演示\20 \22 x\22 "
    """
    safe = "".join(char if char.isalnum() else f"\\{ord(char):x} " for char in text)
    return markupsafe.Markup(f'"{safe}"')  # noqa: S704


def _own_files(template: Path | None, lang: Lang) -> tuple[Path | None, Path | None]:
    """Return the office's page and style sheet."""
    if template is not None and template.suffix == ".css":
        return None, template_file(template, _STYLE, lang)
    style = template_file(template, _STYLE, lang) if template is not None and template.is_dir() else None
    return template_file(template, _TEMPLATE, lang), style


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise broken(path, "this is not text in UTF-8", "a text file saved as UTF-8") from error


@dataclasses.dataclass(frozen=True)
class _Anchor:
    """A heading with the anchor that counts it through the document, and its depth in the outline."""

    identity: str
    depth: int
    text: str


def _anchors(document: Document) -> list[_Anchor]:
    return [_Anchor(f"h-{n}", depth, heading.text) for n, (depth, heading) in enumerate(document.outline(), start=1)]


def _nested(anchors: list[_Anchor]) -> list[dict[str, Any]]:
    """Return the entries of the contents: second-level headings inside the first-level one before them."""
    entries: list[dict[str, Any]] = []
    for anchor in anchors:
        entry = {"id": anchor.identity, "text": anchor.text, "inner": []}
        (entries[-1]["inner"] if anchor.depth > 1 else entries).append(entry)
    return entries


def _block_data(block: Block, anchors: Iterator[_Anchor]) -> dict[str, Any]:
    """Return a block as plain data for the template; a heading takes the next anchor."""
    match block:
        case Heading(level=level, text=text):
            anchor = next(anchors)
            place = {"id": anchor.identity, "breaks": block.starts_page}
            return {"kind": "heading", "level": level, "depth": anchor.depth, "text": text, **place}
        case Paragraph(text=text, style=style):
            return {"kind": style, "text": text}
        case Note(text=text):
            return {"kind": "note", "text": text}
        case Table():
            shares = [round(100 * share / sum(block.widths), 2) for share in block.widths]
            return {"kind": "table", **dataclasses.asdict(block), "dense": block.is_dense, "shares": shares}
        case Figure():
            fields = {key: getattr(block, key) for key in ("caption", "alt", "width_mm", "number")}
            return {"kind": "figure", "data": base64.b64encode(block.png).decode(), **fields}
