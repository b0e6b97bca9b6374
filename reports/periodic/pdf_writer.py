"""A periodic report as a PDF: the same blocks as the Word file, set by Typst with embedded Chinese fonts.

Headings become bookmarks, the file is tagged for screen readers, and its only date is the issue date, so the same
document gives the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import typst

from reports.fonts import font_folder, printable
from reports.periodic.content import Block, Document, Figure, Heading, Note, Paragraph, Table
from reports.periodic.layout import LAYOUTS

__all__ = ["pdf_bytes", "write_pdf"]

_TEMPLATE = Path(__file__).resolve().parent.parent / "templates" / "periodic" / "report.typ"


def write_pdf(document: Document, path: Path) -> Path:
    """Write a document as a PDF.

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
    path.write_bytes(pdf_bytes(document))
    return path


def pdf_bytes(document: Document) -> bytes:
    """Return a document as the bytes of a PDF; the same document gives the same bytes.

    Text is handed to Typst as data, never as markup, so no character of a name can change the layout.

    Examples
    --------
    >>> from datetime import date
    >>> from reports.periodic.content import Metadata
    >>> meta = Metadata(title="二七区月报", organisation="二七区", lang="zh", issued_on=date(2021, 8, 1))
    >>> pdf_bytes(Document(meta, (Paragraph("#panic() *无*"),)))[:5]
    b'%PDF-'
    """
    meta = document.meta
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "report.typ").write_bytes(_TEMPLATE.read_bytes())
        data = {
            **{key: getattr(meta, key) for key in ("title", "organisation", "lang", "subject", "banner", "footer")},
            "title_line": meta.title_line,
            "keywords": list(meta.keywords),
            "date": [meta.issued_on.year, meta.issued_on.month, meta.issued_on.day],
            "layout": dataclasses.asdict(LAYOUTS[meta.lang]),
            "blocks": [_block_data(block, root) for block in document.blocks],
        }
        (root / "data.json").write_text(printable(json.dumps(data, ensure_ascii=False)), encoding="utf-8")
        compiled = typst.compile(
            root / "report.typ",
            root=root,
            font_paths=[font_folder()],
            ignore_system_fonts=True,
            timestamp=datetime.combine(meta.issued_on, time(), tzinfo=UTC),
        )
    return bytes(compiled)


def _block_data(block: Block, root: Path) -> dict[str, Any]:
    """Return a block as plain data; the bytes of a picture go to a file beside the template."""
    match block:
        case Heading(level=level, text=text):
            return {"kind": "heading", "level": level, "text": text}
        case Paragraph(text=text, style=style):
            return {"kind": "signature" if style == "signature" else "body", "text": text}
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
