"""Who may hold a link of the page on which is signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wuyu.station import Station

__all__ = ["officers_of"]


def officers_of(station: Station) -> tuple[str, ...]:
    """Return who may hold a link to sign: the officers of the duty chain, in its order."""
    return tuple(dict.fromkeys(str(one.name) for one in station.settings.warning.duty_chain))
