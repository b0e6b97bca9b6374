"""What a district brief says, in both languages, and what of it the next one must know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reports.words import Text
from risk_models.levels import Level

__all__ = ["DistrictBrief", "PlaceLine", "ToldPlace", "ToldState", "WarningLine"]


@dataclass(frozen=True, kw_only=True)
class PlaceLine:
    """One place.

    Attributes
    ----------
    hotspot_id, town_code : str
    name, town : Text
    since : datetime or None
        Since when water stands, or stood.
    depth, source : Text
        How deep, and who or what saw it; empty where nobody knows.
    depth_class : int
        Depth classes that stand.
    """

    hotspot_id: str
    town_code: str
    name: Text
    town: Text
    since: datetime | None
    depth: Text = field(default_factory=lambda: Text("", ""))
    source: Text = field(default_factory=lambda: Text("", ""))
    depth_class: int = 0


@dataclass(frozen=True, kw_only=True)
class WarningLine:
    """Towns whose warnings have one level: `ends` holds each end with the towns that have it, the earliest first."""

    level: Level
    ends: tuple[tuple[datetime, tuple[Text, ...]], ...]


@dataclass(frozen=True)
class ToldPlace:
    """A place as a brief told it: `stands` False where it was told as not checked."""

    zh: str
    en: str
    town: str
    stands: bool
    depth_class: int
    since: datetime | None


@dataclass(frozen=True)
class ToldState:
    """What a brief told, for the next one of the same event.

    Attributes
    ----------
    slot : datetime
    event_key : str
    places : dict of str to ToldPlace
        Where water stood, or nobody had looked since, by hotspot.
    levels : dict of str to int
        Levels in force, by town.
    """

    slot: datetime
    event_key: str
    places: dict[str, ToldPlace] = field(default_factory=dict)
    levels: dict[str, int] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ToldState:
        """Return what `to_dict` wrote."""
        places = {name: _place(row) for name, row in values["places"].items()}
        return cls(datetime.fromisoformat(values["slot"]), values["event_key"], places, dict(values["levels"]))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types.

        Examples
        --------
        >>> from datetime import UTC
        >>> told = ToldState(datetime(2021, 7, 20, tzinfo=UTC), "E", {"A": ToldPlace("甲", "A", "T", True, 2, None)})
        >>> ToldState.from_dict(told.to_dict()) == told
        True
        """
        rows = {
            name: [one.zh, one.en, one.town, one.stands, one.depth_class, one.since and one.since.isoformat()]
            for name, one in self.places.items()
        }
        return {"slot": self.slot.isoformat(), "event_key": self.event_key, "places": rows, "levels": self.levels}


def _place(row: list[Any]) -> ToldPlace:
    zh, en, town, stands, depth_class, since = row
    return ToldPlace(zh, en, town, stands, depth_class, datetime.fromisoformat(since) if since else None)


@dataclass(frozen=True, kw_only=True)
class DistrictBrief:
    """One page on a district at one hour.

    Attributes
    ----------
    number : str
        Message id.
    slot : datetime
        The hour it is of; every form bears it as its date.
    known_at : datetime
        Time of the assessment it stands on.
    zone : str
    district, bureau : Text
    phone : str
        Of the office that issues it; may be empty.
    marks : tuple of Text
        Exercise, demonstration data, clock and register, above everything.
    cautions : tuple of Text
        What is lost or late, and that the level is therefore unknown.
    warnings : tuple of WarningLine
    standing, unchecked : tuple of PlaceLine
        Where water stands; where it stood and nobody has looked since.
    unknown : int
        Places of which nobody knows whether water stands: never taken for dry.
    changes, expected : tuple of Text
        What changed since the last brief; what is expected.
    next_at : datetime or None
        Hour of the next brief.
    officer : str
        Who put a name to it; empty: nobody.
    told : ToldState
        For the next brief.
    """

    number: str
    slot: datetime
    known_at: datetime
    zone: str
    district: Text
    bureau: Text
    phone: str
    marks: tuple[Text, ...]
    cautions: tuple[Text, ...]
    warnings: tuple[WarningLine, ...]
    standing: tuple[PlaceLine, ...]
    unchecked: tuple[PlaceLine, ...]
    unknown: int
    changes: tuple[Text, ...]
    expected: tuple[Text, ...]
    next_at: datetime | None
    officer: str
    told: ToldState
