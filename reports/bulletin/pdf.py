"""The bulletin as PDF: the five facts and the map on one page A4, the places on the next; tagged, embedded fonts.

All content reaches the template as JSON, so a name can never be read as markup.
"""

from __future__ import annotations

import json
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Any

import typst

from reports.bulletin.model import Bulletin
from reports.bulletin.pack import pack_pdf
from reports.bulletin.view import bulletin_view
from reports.fonts import SANS, font_folder, printable
from reports.words import Lang, local

__all__ = ["to_pdf"]

_SHOWN = frozenset(
    {
        *("lang", "labels", "banners", "level", "title", "headline", "issuer", "number", "issued"),
        *("first", "cautions", "issued_signals", "places", "places_note"),
    }
)
_TEMPLATE = Path(__file__).resolve().parent.parent / "templates" / "bulletin" / "bulletin.typ"


@cache
def _compiler() -> typst.Compiler:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(font_folder())])
    return typst.Compiler(font_paths=fonts)


def to_pdf(bulletin: Bulletin, lang: Lang = "zh", *, map_png: bytes | None = None) -> bytes:
    """Return the bulletin in one language as PDF/UA-1: two pages, and one for an all-clear.

    Parameters
    ----------
    bulletin : Bulletin
    lang : {"zh", "en"}
    map_png : bytes, optional
        Level map (`reports.figures.LevelMap`); it speaks both languages.

    Returns
    -------
    bytes
        The same for the same bulletin and map; the document's date is the issue time.
    """
    issued = local(bulletin.issued_at, bulletin.zone)
    data: dict[str, Any] = {
        "font": SANS,
        "view": {key: value for key, value in bulletin_view(bulletin, lang).items() if key in _SHOWN},
        "issued": [issued.year, issued.month, issued.day, issued.hour, issued.minute],
        "map": map_png is not None,
        "is_end": bulletin.is_end,
    }
    inputs = {"data": printable(json.dumps(data, ensure_ascii=False))}
    if map_png is not None:
        # The compiler takes only text from memory: the picture goes in as a list of byte values.
        inputs["map"] = json.dumps(list(map_png))
    document = _compiler().compile(
        input=_TEMPLATE.read_bytes(),
        format="pdf",
        sys_inputs=inputs,
        pdf_standards=["ua-1"],
        timestamp=int(bulletin.issued_at.astimezone(UTC).timestamp()),
    )
    if not isinstance(document, bytes):
        raise TypeError(f"typst returned {type(document).__name__}, not one PDF")
    return pack_pdf(document, png=map_png)
