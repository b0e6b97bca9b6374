"""The one-map page: one file that opens without a network.

Map library, style, program and data are all inside. A content policy in the page allows exactly its own two scripts
(by hash) and no connection at all, and every name reaches the page as text, never as markup.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from string import Template
from typing import Any

from reports.onemap.payload import OneMapInputs, payload
from reports.words import plain
from risk_models.files import write_whole

__all__ = ["onemap_html", "write_onemap"]

_REPORTS = Path(__file__).resolve().parent.parent
_TEMPLATES = _REPORTS / "templates" / "onemap"
_LEAFLET = _REPORTS / "assets" / "leaflet"


def write_onemap(inputs: OneMapInputs, path: Path) -> Path:
    """Write the one-map page.

    Parameters
    ----------
    inputs : OneMapInputs
    path : Path
        Target file; its folder is made if missing.

    Returns
    -------
    Path
        `path`.
    """
    return write_whole(path, onemap_html(inputs))


def onemap_html(inputs: OneMapInputs) -> str:
    """Return the one-map page as HTML; the same inputs give the same text.

    Parameters
    ----------
    inputs : OneMapInputs

    Returns
    -------
    str
        Below 3 MB for 236 hotspots over 100 hours.
    """
    library = re.sub(r"//# sourceMappingURL=\S+\s*$", "", (_LEAFLET / "leaflet.js").read_text(encoding="utf-8"))
    program = (_TEMPLATES / "onemap.js").read_text(encoding="utf-8")
    words = json.loads((_TEMPLATES / "words.json").read_text(encoding="utf-8"))
    identity = inputs.district.settings.district
    return Template((_TEMPLATES / "onemap.html").read_text(encoding="utf-8")).substitute(
        title=_escape(f"{plain(identity.name.zh)}防汛一张图 {plain(identity.name.en)} flood-risk map"),
        script_hashes=f"'{_hash(library)}' '{_hash(program)}'",
        licence=(_LEAFLET / "LICENSE").read_text(encoding="utf-8").replace("--", "- -"),
        library_style=_without_images((_LEAFLET / "leaflet.css").read_text(encoding="utf-8")),
        style=(_TEMPLATES / "onemap.css").read_text(encoding="utf-8"),
        library=library,
        program=program,
        data=embedded_json({**payload(inputs), "words": words}),
    )


def embedded_json(data: Any) -> str:
    r"""Return data as JSON that cannot leave its script element.

    Examples
    --------
    >>> embedded_json({"name": "</script>&"})
    '{"name":"\\u003c/script\\u003e\\u0026"}'
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate({ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _hash(script: str) -> str:
    """Return the source expression of a script for the content policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _without_images(style: str) -> str:
    """Drop the pictures that the library's style names; the page uses none of them."""
    return re.sub(r"url\([^)]*\)", "none", style)
