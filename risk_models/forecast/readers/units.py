"""Units of rain as files write them, and what they are in mm or mm/h."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GAUGE_UNITS", "RainUnit", "rain_unit"]


@dataclass(frozen=True)
class RainUnit:
    """A unit of rain.

    Attributes
    ----------
    name : str
        Canonical name.
    factor : float
        Multiplies a value into mm, or into mm/h if `is_rate`.
    is_rate : bool
        Whether the value is an intensity; if not it is the rain of an interval.
    """

    name: str
    factor: float
    is_rate: bool


# name: (factor, is_rate, other spellings). A water layer of 1 kg/m2 is 1 mm deep.
_TABLE: dict[str, tuple[float, bool, tuple[str, ...]]] = {
    "mm": (1.0, False, ("毫米", "millimeter", "millimetre", "millimeters", "millimetres", "kgm-2", "kg/m2", "kgm**-2")),
    "0.1mm": (0.1, False, ("0.1毫米", "1/10mm", "tenthmm")),
    "0.01mm": (0.01, False, ("0.01毫米",)),
    "inch": (25.4, False, ("in", "inches", "英寸")),
    "cm": (10.0, False, ("厘米",)),
    "m": (1000.0, False, ("米",)),
    "mm/h": (1.0, True, ("mm/hr", "mm/hour", "mmh-1", "mmhr-1", "mmhour-1", "mmh**-1", "毫米/小时")),
    "mm/day": (1 / 24, True, ("mm/d", "mmd-1", "mmday-1")),
    "mm/s": (3600.0, True, ("mms-1", "kgm-2s-1", "kg/m2/s", "kg/(m2s)", "kgm**-2s**-1")),
    "m/s": (3_600_000.0, True, ("ms-1",)),
    "inch/h": (25.4, True, ("in/h", "in/hr", "inch/hour", "inh-1", "inhr-1")),
}
_NAMES = {spelling: name for name, (_, _, others) in _TABLE.items() for spelling in (name, *others)}
GAUGE_UNITS = ("mm", "0.1mm", "inch")


def rain_unit(text: str) -> RainUnit | None:
    """Return the unit that a text names, or None if it is no unit of rain.

    Parameters
    ----------
    text : str
        As in the file; blanks, dots of multiplication, carets and case do not matter.

    Examples
    --------
    >>> rain_unit("kg m-2 s-1"), rain_unit("Inch").factor, rain_unit("0.1 mm").factor, rain_unit("K") is None
    (RainUnit(name='mm/s', factor=3600.0, is_rate=True), 25.4, 0.1, True)
    """
    plain = "".join(text.lower().split()).replace("^", "").replace("·", "")
    name = _NAMES.get(plain)
    return None if name is None else RainUnit(name, _TABLE[name][0], _TABLE[name][1])
