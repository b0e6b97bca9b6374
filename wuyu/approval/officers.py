"""Who may hold a link of the page on which is signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from risk_models.district.command import DECIDING_ROLES

if TYPE_CHECKING:
    from wuyu.station import Station

__all__ = ["officers_of"]


def officers_of(station: Station) -> tuple[str, ...]:
    """Return who may hold a link to sign: the officers of the duty chain, then those who lead the command."""
    settings = station.settings
    leaders = (one.name for one in settings.command if one.role in DECIDING_ROLES and one.name)
    return tuple(dict.fromkeys([*(one.name for one in settings.warning.duty_chain), *leaders]))
