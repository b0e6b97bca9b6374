"""The bulletin as an HTML mail that says what matters on the first screen of a phone, and as the copy that is kept.

Tables and inline styles that mail programs keep, 640 pixels.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from reports.bulletin.model import Bulletin
from reports.bulletin.view import bulletin_view
from reports.words import LANGUAGES, Lang
from risk_models.levels import Level

__all__ = ["MAP_CID", "to_archive", "to_html"]

MAP_CID = "level-map"
"""Content-ID of the inline map (without angle brackets)."""

_TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "bulletin"
_DIALLED = re.compile(r"\+?[0-9][0-9 -]{4,18}[0-9]")


def _dial(phone: str) -> str:
    """Return the digits for a ``tel:`` link, or nothing if the text is no telephone number."""
    return re.sub(r"[ -]", "", phone) if _DIALLED.fullmatch(phone) else ""


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["dial"] = _dial
    return environment.get_template(name)


def to_html(
    bulletin: Bulletin, lang: Lang = "zh", *, map_src: str | None = f"cid:{MAP_CID}", ack_url: str | None = None
) -> str:
    """Return the mail of a bulletin in one language as one HTML document without scripts or remote parts.

    First the five facts, then the map, then a row for each place; all else is in `to_archive`.

    Parameters
    ----------
    bulletin : Bulletin
    lang : {"zh", "en"}
    map_src : str or None
        Where the map is: the inline part of a mail by default, None for no map.
    ack_url : str or None
        Where the recipient confirms the receipt.
    """
    view = bulletin_view(bulletin, lang)
    return _template("mail.html.j2").render(view=view, map_src=map_src, levels=list(Level), ack_url=ack_url)


def to_archive(bulletin: Bulletin, *, map_src: str | None = None) -> str:
    """Return the whole bulletin in both languages as one HTML document: the copy that is kept.

    Parameters
    ----------
    bulletin : Bulletin
    map_src : str or None
        File name of the map, None for no map.
    """
    views = [bulletin_view(bulletin, lang) for lang in LANGUAGES]
    return _template("archive.html.j2").render(views=views, map_src=map_src, levels=list(Level))
