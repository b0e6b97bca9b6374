"""The bulletin as an HTML mail: tables and inline styles that mail programs keep, 640 pixels, readable on a phone."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from reports.bulletin.model import Bulletin
from reports.bulletin.view import bulletin_view
from reports.words import LANGUAGES
from risk_models.levels import Level

__all__ = ["MAP_CID", "to_html"]

MAP_CID = "level-map"
"""Content-ID of the inline map (without angle brackets)."""

_TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "bulletin"
_DIALLED = re.compile(r"\+?[0-9][0-9 -]{4,18}[0-9]")


def _dial(phone: str) -> str:
    """Return the digits for a ``tel:`` link, or nothing if the text is no telephone number."""
    return re.sub(r"[ -]", "", phone) if _DIALLED.fullmatch(phone) else ""


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["dial"] = _dial
    return environment.get_template("mail.html.j2")


def to_html(bulletin: Bulletin, *, map_src: str | None = f"cid:{MAP_CID}", ack_url: str | None = None) -> str:
    """Return the bulletin as one HTML document without scripts or remote parts.

    Parameters
    ----------
    bulletin : Bulletin
    map_src : str or None
        Where the map is: the inline part of a mail by default, a file name for a page on disk, None for no map.
    ack_url : str or None
        Where the recipient confirms the receipt; a mail carries it, a page on disk does not.
    """
    views = [bulletin_view(bulletin, lang) for lang in LANGUAGES]
    return _template().render(views=views, map_src=map_src, levels=list(Level), ack_url=ack_url)
