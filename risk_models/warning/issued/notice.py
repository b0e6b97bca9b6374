"""One notice of a weather office: that a signal is issued, or that one is lifted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from risk_models.levels import Level

__all__ = [
    "COLUMNS",
    "KINDS",
    "LIFTING",
    "LONGEST",
    "RAINSTORM",
    "WeatherNotice",
    "colour_of",
    "colours_in",
    "is_weather_office",
    "kind_of",
]

RAINSTORM: Final = "rainstorm"

COLUMNS: Final = ("kind", "colour", "number", "issued_at", "valid_until", "lifted_at", "area", "office", "action",
                  "text", "replaces", "notice_id")  # fmt: skip
"""Columns of a table of notices; the first, `issued_at` and `office` are needed."""

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    RAINSTORM: ("暴雨", "rainstorm"),
    "typhoon": ("台风", "typhoon"),
    "snowstorm": ("暴雪", "snowstorm"),
    "cold_wave": ("寒潮", "cold wave"),
    "gale": ("大风", "gale"),
    "sandstorm": ("沙尘暴", "sandstorm"),
    "heat": ("高温", "heat"),
    "drought": ("干旱", "drought"),
    "lightning": ("雷电", "lightning"),
    "hail": ("冰雹", "hail"),
    "frost": ("霜冻", "frost"),
    "fog": ("大雾", "fog"),
    "haze": ("霾", "haze"),
    "icy_road": ("道路结冰", "icy road"),
    "convection": ("强对流", "severe convection"),
    "thunder_gale": ("雷暴大风", "thunderstorm gale"),
}
"""Kinds of signal whose names are known, Chinese and English; another is kept under the name it came with."""

LIFTING: Final = ("解除", "撤销", "取消", "lift", "lifted", "cancel", "cancelled")
"""Words that end a signal."""

LONGEST: Final = 60
"""Characters that the name of a kind, an office or a number may have; what is longer is none."""

_MEANT: Final = {"heavy rain": RAINSTORM, "torrential rain": RAINSTORM, "11b03": RAINSTORM}
_COLOURS: Final = {
    Level.BLUE: ("蓝色", "蓝", "blue", "Ⅳ", "iv", "四级"),
    Level.YELLOW: ("黄色", "黄", "yellow", "Ⅲ", "iii", "三级"),
    Level.ORANGE: ("橙色", "橙", "orange", "Ⅱ", "ii", "二级"),
    Level.RED: ("红色", "红", "red", "Ⅰ", "i", "一级"),
}
_COLOUR_IN: Final = re.compile(r"(蓝|黄|橙|红)色|\b(blue|yellow|orange|red)\b", re.IGNORECASE)
_NOT_A_KIND: Final = re.compile(
    r"[\[（(]?(?:[ⅠⅡⅢⅣ]|I{1,3}|IV)级[^\]）)]*[\]）)]?|(?:蓝|黄|橙|红)色|预警信号|预警|"
    r"\b(?:blue|yellow|orange|red)\b|\b(?:warning|signal|alert)s?\b",
    re.IGNORECASE,
)
_WEATHER_OFFICE: Final = re.compile(r"气象|meteorolog|weather", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class WeatherNotice:
    """What a weather office said of one signal.

    Attributes
    ----------
    notice_id : str
        The same id again replaces what it said.
    lifts : bool
        True for the end of a signal.
    kind : str
        Of `KINDS`, or the name it came with.
    level : Level
        Colour; UNKNOWN for a lifting that names none and means every colour.
    number : str
        文号; empty if it is not stated.
    issued_at : datetime
        UTC; of a lifting, from when.
    valid_until : datetime or None
        UTC; None if the office names no end.
    area : str
        As written; empty if it is not stated.
    office : str
    text : str
    refers : tuple of str
        Ids or numbers of the notices that this one replaces or lifts; empty for "whatever stands".
    """

    notice_id: str
    lifts: bool
    kind: str
    level: Level
    number: str
    issued_at: datetime
    valid_until: datetime | None
    area: str
    office: str
    text: str = ""
    refers: tuple[str, ...] = ()

    @property
    def is_rainstorm(self) -> bool:
        """True for the signal of which the district's floods are made."""
        return self.kind == RAINSTORM

    def to_dict(self) -> dict[str, Any]:
        """Return the notice as plain types, for JSON."""
        ends = None if self.valid_until is None else self.valid_until.isoformat()
        times = {"issued_at": self.issued_at.isoformat(), "valid_until": ends}
        return asdict(self) | times | {"level": str(self.level), "refers": list(self.refers)}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> WeatherNotice:
        """Return the notice that `to_dict` made plain."""
        ends = kept["valid_until"]
        times = {
            "issued_at": datetime.fromisoformat(kept["issued_at"]),
            "valid_until": None if ends is None else datetime.fromisoformat(ends),
        }
        return cls(**{**kept, **times, "level": Level.from_name(kept["level"]), "refers": tuple(kept["refers"])})


def kind_of(text: str) -> str:
    """Return the kind that a text names; one that is not known here as it is written, less its colour.

    Examples
    --------
    >>> kind_of("暴雨红色预警信号"), kind_of("Rainstorm"), kind_of("山洪灾害气象风险预警")
    ('rainstorm', 'rainstorm', '山洪灾害气象风险')
    """
    bare = " ".join(_NOT_A_KIND.sub("", text).split()).strip(" ·-_")
    known = {word: kind for kind, names in KINDS.items() for word in (kind, *names)}
    return known.get(bare.lower()) or _MEANT.get(bare.lower()) or bare


def colour_of(text: str) -> Level | None:
    """Return the colour that a cell holds, in words or as a class; None if it holds none.

    Examples
    --------
    >>> colour_of("红色"), colour_of("Ⅱ级"), colour_of("紫色")
    (<Level.RED: 4>, <Level.ORANGE: 3>, None)
    """
    word = text.strip().casefold()
    for level, words in _COLOURS.items():
        if {word, word.removesuffix("级")} & {one.casefold() for one in words}:
            return level
    return None


def colours_in(text: str) -> set[Level]:
    """Return the colours that a sentence names.

    Examples
    --------
    >>> sorted(str(level) for level in colours_in("暴雨橙色预警信号升级为红色"))
    ['orange', 'red']
    """
    found = (zh + "色" if zh else en for zh, en in _COLOUR_IN.findall(text))
    return {level for word in found if (level := colour_of(word)) is not None}


def is_weather_office(name: str) -> bool:
    """Tell whether a name is one of a weather office.

    Examples
    --------
    >>> is_weather_office("郑州市气象台"), is_weather_office("二七区应急管理局")
    (True, False)
    """
    return _WEATHER_OFFICE.search(name) is not None
