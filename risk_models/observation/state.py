"""The state of a place now: one scale for what is modelled and what was seen."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Now"]


class Now(StrEnum):
    """What is known of the water at a place at this moment.

    ``dry``: seen dry, or modelled so where no water stood. ``may_stand``: modelled, less likely than not.
    ``stands``: seen, or more likely than not. ``unconfirmed``: water stood, the model says it has gone, and nobody has
    looked. ``unknown``: the rain of the last hours, or what was seen, is not known; never taken for dry.

    Examples
    --------
    >>> [str(state) for state in Now if state.keeps_open]
    ['stands', 'unconfirmed']
    """

    DRY = "dry"
    MAY_STAND = "may_stand"
    STANDS = "stands"
    UNCONFIRMED = "unconfirmed"
    UNKNOWN = "unknown"

    @property
    def keeps_open(self) -> bool:
        """True where a warning may not end before somebody or something has seen the place dry."""
        return self in (Now.STANDS, Now.UNCONFIRMED)

    @property
    def zh(self) -> str:
        """Chinese word."""
        return _WORDS[self][0]

    @property
    def en(self) -> str:
        """English word."""
        return _WORDS[self][1]


_WORDS = {
    Now.DRY: ("无积水", "dry"),
    Now.MAY_STAND: ("可能有积水", "water may stand"),
    Now.STANDS: ("有积水", "water stands"),
    Now.UNCONFIRMED: ("积水未核查", "not checked after"),
    Now.UNKNOWN: ("未知", "unknown"),
}
