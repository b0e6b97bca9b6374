"""The colours and their names. Nothing else in wuyu knows a colour.

`Level` is the one scale of the whole house. UNKNOWN is a level of its own: it says that rain or another input was
missing, and never reads as "none".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["LEVEL_STYLES", "Level", "LevelStyle", "worst"]


class Level(IntEnum):
    """Risk and warning level, ordered by severity; UNKNOWN stands apart below NONE.

    Examples
    --------
    >>> Level.RED > Level.ORANGE
    True
    >>> Level.from_name("yellow").zh
    '黄色'
    >>> str(Level.UNKNOWN), Level.UNKNOWN.is_warning
    ('unknown', False)
    """

    UNKNOWN = -1
    NONE = 0
    BLUE = 1
    YELLOW = 2
    ORANGE = 3
    RED = 4

    def __str__(self) -> str:
        return self.name.lower()

    @classmethod
    def from_name(cls, name: str) -> Level:
        """Return the level of an English name in any case.

        Raises
        ------
        ValueError
            If the name is none of the six; the text lists them.
        """
        try:
            return cls[name.strip().upper()]
        except KeyError:
            accepted = ", ".join(str(level) for level in cls)
            raise ValueError(f"'{name}' is no level; accepted: {accepted}") from None

    @property
    def zh(self) -> str:
        """Chinese name."""
        return LEVEL_STYLES[self].zh

    @property
    def en(self) -> str:
        """English name."""
        return LEVEL_STYLES[self].en

    @property
    def roman(self) -> str:
        """Class number in the Chinese convention, IV (blue) to I (red); empty where there is none."""
        return LEVEL_STYLES[self].roman

    @property
    def fill(self) -> str:
        """Fill colour as ``#rrggbb``."""
        return LEVEL_STYLES[self].fill

    @property
    def ink(self) -> str:
        """Text colour that is readable on `fill`."""
        return LEVEL_STYLES[self].ink

    @property
    def is_warning(self) -> bool:
        """True from blue upwards."""
        return self >= Level.BLUE


@dataclass(frozen=True)
class LevelStyle:
    """How a level is named and drawn.

    `symbol` differs per level so that a map stays readable in grey print and for colour-blind readers;
    `cap_severity` follows the mapping of reference note 7 (colour to CAP severity; the Chinese colour itself
    travels in a CAP parameter).
    """

    zh: str
    en: str
    roman: str
    fill: str
    ink: str
    symbol: str
    cap_severity: str


# Fills: lightness falls from yellow to red, so that the order survives grey print; blue is told apart by hue.
LEVEL_STYLES: dict[Level, LevelStyle] = {
    Level.UNKNOWN: LevelStyle("未知", "Unknown", "", "#b8b8b8", "#1a1a1a", "x", "Unknown"),
    Level.NONE: LevelStyle("无", "None", "", "#e9efe6", "#1a1a1a", ".", "Unknown"),
    Level.BLUE: LevelStyle("蓝色", "Blue", "Ⅳ", "#4a90d9", "#1a1a1a", "o", "Minor"),
    Level.YELLOW: LevelStyle("黄色", "Yellow", "Ⅲ", "#f7d038", "#1a1a1a", "s", "Moderate"),
    Level.ORANGE: LevelStyle("橙色", "Orange", "Ⅱ", "#f08a24", "#1a1a1a", "^", "Severe"),
    Level.RED: LevelStyle("红色", "Red", "Ⅰ", "#c8102e", "#ffffff", "D", "Extreme"),
}


def worst(levels: Iterable[Level | int]) -> Level:
    """Return the level of a whole from the levels of its parts.

    The highest known level wins. If no part is known, or some are unknown and none of the known ones is a warning,
    the whole is UNKNOWN: a part that nobody could look at may hide anything, so it cannot read as "none".

    Parameters
    ----------
    levels : iterable of Level or int
        Levels of the parts; may be empty.

    Returns
    -------
    Level
        NONE for an empty iterable.

    Examples
    --------
    >>> worst([Level.NONE, Level.UNKNOWN])
    <Level.UNKNOWN: -1>
    >>> worst([Level.UNKNOWN, Level.BLUE, Level.ORANGE])
    <Level.ORANGE: 3>
    >>> worst([])
    <Level.NONE: 0>
    """
    parts = [Level(level) for level in levels]
    if not parts:
        return Level.NONE
    top = max(parts)
    if top >= Level.BLUE:
        return top
    return Level.UNKNOWN if Level.UNKNOWN in parts else top
