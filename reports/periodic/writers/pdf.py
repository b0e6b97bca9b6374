"""A periodic report as a PDF: the same blocks as the Word file, set by Typst with embedded Chinese fonts.

The file keeps to PDF/UA-1, for readers who listen, and to PDF/A-2a, for the archive: headings are bookmarks, tables
have header cells, pictures a text, every font is embedded. Its only date is the issue date, so the same document gives
the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any, Literal

from reports.fonts import font_folder, printable
from reports.periodic.content import Block, Document, Figure, Heading, Note, Paragraph, Table
from reports.periodic.writers.layout import DATE_INDENT_CHARACTERS, FONTS, LAYOUTS
from reports.periodic.writers.templates import BUILT_IN, broken, template_file, template_folder
from risk_models.files import write_whole

__all__ = ["pdf_bytes", "write_pdf"]

_STANDARDS: list[Literal["ua-1", "a-2a"]] = ["ua-1", "a-2a"]
_BESIDE = {".typ", ".png", ".jpg", ".jpeg", ".svg"}  # what a template may read from its folder


def write_pdf(document: Document, path: Path, *, template: Path | None = None) -> Path:
    """Write a document as a PDF.

    Parameters
    ----------
    document : Document
    path : Path
        Target file; its folder is made if missing.
    template : Path, optional
        A Typst file, or a folder that may hold ``report.typ``; pictures and fonts of that folder may be used.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    BadInputError
        If the template is not there or cannot be compiled; nothing is written then.
    """
    data = pdf_bytes(document, template=template)
    return write_whole(path, data)


def pdf_bytes(document: Document, *, template: Path | None = None) -> bytes:
    """Return a document as the bytes of a PDF; the same document and template give the same bytes.

    Text is handed to Typst as data, never as markup, so no character of a name can change the layout.

    Examples
    --------
    >>> from datetime import date
    >>> from reports.periodic.content import Metadata
    >>> meta = Metadata(title="二七区月报", organisation="二七区", lang="zh", issued_on=date(2021, 8, 1))
    >>> pdf_bytes(Document(meta, (Paragraph("#panic() *无*"),)))[:5]
    b'%PDF-'
    """
    import typst  # here, because no process can be forked for work beside once its threads have begun

    own, folder = template_file(template, "report.typ", document.meta.lang), template_folder(template)
    source = (own or BUILT_IN / "report.typ").read_bytes()
    if own is not None and b"@preview/" in source:
        raise broken(own, "it asks for packages from the network", "files that lie beside it")
    with tempfile.TemporaryDirectory() as workshop:
        root = Path(workshop)
        for beside in sorted(folder.iterdir()) if own is not None and folder is not None else ():
            if beside.suffix.lower() in _BESIDE:
                shutil.copyfile(beside, root / beside.name)
        (root / "report.typ").write_bytes(source)
        (root / "data.json").write_text(printable(json.dumps(_data(document, root), ensure_ascii=False)), "utf-8")
        try:
            compiled = typst.compile(
                root / "report.typ",
                root=root,
                font_paths=[font_folder()] if folder is None else [folder, font_folder()],
                ignore_system_fonts=True,
                timestamp=datetime.combine(document.meta.issued_on, time(), tzinfo=UTC),
                pdf_standards=[*_STANDARDS],
            )
        except typst.TypstError as error:
            if own is None:
                raise
            raise broken(own, f"Typst cannot compile it: {error.message}", "a copy of the built report.typ") from error
    return bytes(compiled)


def _data(document: Document, root: Path) -> dict[str, Any]:
    """Return everything the template reads; pictures go to files beside it."""
    meta = document.meta
    depths = iter([depth for depth, _ in document.outline()])
    return {
        **{key: getattr(meta, key) for key in ("title", "organisation", "lang", "subject", "banner", "footer")},
        "title_line": meta.title_line,
        "keywords": list(meta.keywords),
        "date": [meta.issued_on.year, meta.issued_on.month, meta.issued_on.day],
        "date_indent": DATE_INDENT_CHARACTERS,
        "layout": dataclasses.asdict(LAYOUTS[meta.lang]),
        "fonts": {name: [name, *alternatives] for name, alternatives in FONTS.items()},
        "blocks": [
            {**_block_data(block, root, depths), "keep": is_kept}
            for block, is_kept in zip(document.blocks, document.kept_with_next(), strict=True)
        ],
    }


def _block_data(block: Block, root: Path, depths: Iterator[int]) -> dict[str, Any]:
    """Return a block as plain data; a picture goes to a file beside the template, a heading takes the next depth."""
    match block:
        case Heading(level=level, text=text):
            return {
                "kind": "heading", "level": level, "depth": next(depths), "text": text, "breaks": block.starts_page
            }  # fmt: skip
        case Paragraph(text=text, style=style):
            return {"kind": "body" if style == "item" else style, "text": text}
        case Note(text=text):
            return {"kind": "note", "text": text}
        case Table():
            return {
                "kind": "table",
                **dataclasses.asdict(block),
                "dense": block.is_dense,
                "together": block.is_kept_together,
            }
        case Figure():
            name = f"figure{block.number}.png"
            (root / name).write_bytes(block.png)
            fields = {key: getattr(block, key) for key in ("caption", "alt", "width_mm", "number")}
            return {"kind": "figure", "file": name, **fields}
