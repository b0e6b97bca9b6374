"""The windows into which the horizon is cut: a chance over a day does not say when."""

from __future__ import annotations

from typing import Final

__all__ = ["WINDOWS_H", "window_name"]

WINDOWS_H: Final = ((0, 3), (3, 6), (6, 12), (12, 24), (24, 72))
"""Begin and end of each window, hours after the cycle; one beyond the horizon is unknown."""


def window_name(window_h: tuple[int, int]) -> str:
    """Return how columns of a window end.

    Examples
    --------
    >>> [window_name(window_h) for window_h in WINDOWS_H]
    ['0_3h', '3_6h', '6_12h', '12_24h', '24_72h']
    """
    return f"{window_h[0]}_{window_h[1]}h"
