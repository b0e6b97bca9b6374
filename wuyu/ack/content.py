"""What the page shows of a bulletin: its essentials in both languages, kept in the ledger with the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reports.bulletin.view import LABELS, bulletin_view
from reports.words import LANGUAGES
from risk_models.levels import Level

if TYPE_CHECKING:
    from reports.bulletin import Bulletin

__all__ = ["SHOWN_FACTS", "essentials"]

SHOWN_FACTS = ("valid", "area", "issued")


def essentials(bulletin: Bulletin) -> dict[str, Any]:
    """Return the essentials of a bulletin as plain data, ready for JSON.

    Parameters
    ----------
    bulletin : Bulletin

    Returns
    -------
    dict
        ``zone``, ``level`` (the one shown: an all-clear has none), ``area`` (both languages) and, for ``zh`` and
        ``en``: banners, headline, level, action, issuer, title, facts, guidance, urgent, hotspots, contact.
    """
    content: dict[str, Any] = {
        "zone": bulletin.zone,
        "level": int(Level.NONE if bulletin.is_end else bulletin.level),
        "area": {lang: bulletin.area[lang] for lang in LANGUAGES},
        "unlisted": bulletin.hotspots_unlisted,
    }
    for lang in LANGUAGES:
        view = bulletin_view(bulletin, lang)
        shown = [LABELS[key][lang] for key in SHOWN_FACTS]
        content[lang] = {
            "banners": view["banners"],
            "headline": view["headline"],
            "level": view["level"]["name"],
            "action": view["action"],
            "issuer": view["issuer"],
            "title": view["title"],
            "facts": [[label, value] for label, value in view["facts"] if label in shown],
            "guidance": list(view["guidance"]),
            "urgent": [{key: row[key] for key in ("name", "due", "clauses")} for row in view["urgent"]],
            "hotspots": [
                {key: row[key] for key in ("rank", "id", "name", "level", "key", "depth", "first")}
                for row in view["hotspots"]
            ],
            "contact": view["contact"],
        }
    return content
