"""Notices of a weather office from a CAP 1.2 message.

The colour is taken from words (event, headline, a parameter): the severity of CAP has no colour of its own.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from lxml import etree

from risk_models.errors import BadInputError, Finding
from risk_models.levels import Level
from risk_models.warning.cap.check import validate_cap
from risk_models.warning.cap.reader import CapMessage, parse_cap, read_time
from risk_models.warning.issued.notice import LONGEST, WeatherNotice, colour_of, colours_in, is_weather_office, kind_of

__all__ = ["read_cap_notices"]

_COLOUR_NAMES: Final = ("colour", "color", "alertcolor", "signal_colour", "颜色", "预警颜色", "预警级别")
_NUMBER_NAMES: Final = ("number", "文号", "编号", "期号")
_TYPES: Final = ("Alert", "Update", "Cancel")


def read_cap_notices(data: bytes, *, file: str) -> tuple[list[WeatherNotice], list[Finding]]:
    """Read the notice of one CAP message; its languages say the same once.

    Parameters
    ----------
    data : bytes
    file : str
        Name for findings.

    Returns
    -------
    list of WeatherNotice
        One.
    list of Finding
        What breaks a rule of CAP and yet leaves no doubt about the signal.

    Raises
    ------
    BadInputError
        If it is no CAP message, not of live traffic, of no weather office, or does not say colour, kind or time.
    """
    message, findings = parse_cap(data, file=file)
    if message is None:
        raise BadInputError(file, findings)
    findings += validate_cap(data, file=file)
    told = [replace(finding, severity="warning") for finding in findings]
    return [_Reader(message).notice()], told


class _Reader:
    """Takes what a notice needs from a message, or says which part of it is not understood."""

    def __init__(self, message: CapMessage) -> None:
        self.message, self.root = message, message.root
        infos = message.infos
        if not infos and self._text("msgType") != "Cancel":
            raise self._refused("info-missing", "the message has no info block", self.root)
        chinese = [info for info in infos if message.text(info, "language").lower().startswith("zh")]
        self.infos = infos
        self.info = next(iter(chinese or infos), None)
        events = {kind_of(message.text(info, "event")) for info in chinese or infos}
        if len(events) > 1:
            value = ", ".join(sorted(events))
            raise self._refused("several-events", "the message tells of several events", self.root, value=value)

    def notice(self) -> WeatherNotice:
        kind_of_message = self._one_of("msgType", _TYPES, "neither an issue nor an end of a signal")
        self._one_of("status", ("Actual",), "no live traffic: no signal is issued by it")
        lifts = kind_of_message == "Cancel"
        refers = tuple(self._references())
        if lifts and not refers:
            raise self._refused("references-missing", "an end must say what it ends", self.root, "references")
        for told in (self._said("event"), self._said("senderName"), self._number()):
            if len(told) > LONGEST:
                accepted = f"up to {LONGEST} characters"
                raise self._refused("too-long", "no name can be so long", self.root, value=told, accepted=accepted)
        issued_at = self._issued_at()
        return WeatherNotice(
            notice_id=self._identifier(),
            lifts=lifts,
            kind=self._kind(lifts=lifts),
            level=self._level(lifts=lifts),
            number=self._number(),
            issued_at=issued_at,
            valid_until=None if lifts else self._end(issued_at),
            area=self._area(),
            office=self._office(),
            text=self._said("description") or self._said("headline"),
            refers=refers,
        )

    def _text(self, name: str) -> str:
        return self.message.text(self.root, name)

    def _said(self, name: str) -> str:
        return "" if self.info is None else self.message.text(self.info, name)

    def _refused(self, code: str, text: str, parent: etree._Element, name: str = "", **more: Any) -> BadInputError:
        return BadInputError(self.message.file, [self.message.finding(code, text, parent, name, **more)])

    def _one_of(self, name: str, accepted: tuple[str, ...], text: str) -> str:
        value = self._text(name)
        if value not in accepted:
            raise self._refused("bad-code", text, self.root, name, value=value, accepted=", ".join(accepted))
        return value

    def _identifier(self) -> str:
        if not self._text("identifier"):
            raise self._refused("bad-identifier", "no identifier", self.root, "identifier")
        return self._text("identifier")

    def _references(self) -> list[str]:
        """Return the identifiers referred to; a reference is sender, identifier, time."""
        found = []
        for triple in self._text("references").split():
            parts = triple.split(",")
            if len(parts) != 3:
                accepted = "sender,identifier,sent"
                raise self._refused(
                    "bad-reference", "no reference", self.root, "references", value=triple, accepted=accepted
                )
            found.append(parts[1])
        return found

    def _issued_at(self) -> datetime:
        at = read_time(self._text("sent"))
        if at is None:
            accepted = "2021-07-20T06:02:00+08:00"
            raise self._refused(
                "bad-time", "no time of issue", self.root, "sent", value=self._text("sent"), accepted=accepted
            )
        return at.astimezone(UTC)

    def _end(self, issued_at: datetime) -> datetime | None:
        """Return the end; one that is none, or differs between blocks, is the latest that can be read."""
        ends = [read_time(self.message.text(info, "expires")) for info in self.infos]
        good = [end.astimezone(UTC) for end in ends if end is not None and end > issued_at]
        return max(good) if good and len(good) == len(ends) else None

    def _kind(self, *, lifts: bool) -> str:
        for told in (self._said("event"), self._said("headline")):
            if kind := kind_of(told):
                return kind
        if not lifts:
            raise self._refused(
                "unknown-kind", "the message names no event", self.root if self.info is None else self.info
            )
        return ""

    def _level(self, *, lifts: bool) -> Level:
        """Return the colour that the words name: one, and the same in every block."""
        found = self._colours()
        if len(found) == 1:
            return found.pop()
        if lifts:
            return Level.UNKNOWN
        said = ", ".join(sorted(str(level) for level in found))
        text = "the message contradicts itself on the colour" if found else "the message names no colour"
        parent = self.root if self.info is None else self.info
        raise self._refused("unknown-colour", text, parent, "headline", value=said, accepted="one of 蓝, 黄, 橙, 红")

    def _colours(self) -> set[Level]:
        """Return the colours of parameters and events; those of headlines only where there is no other."""
        stated: set[Level | None] = set()
        for info in self.infos:
            pairs = self.message.pairs(info, "parameter")
            stated |= {_colour(value) for name, value in pairs if name.strip().lower() in _COLOUR_NAMES}
            stated |= colours_in(self.message.text(info, "event"))
        plain = {level for level in stated if level is not None}
        return plain or set().union(*(colours_in(self.message.text(info, "headline")) for info in self.infos))

    def _number(self) -> str:
        if self.info is None:
            return ""
        pairs = self.message.pairs(self.info, "parameter")
        return next((value for name, value in pairs if name.strip().lower() in _NUMBER_NAMES), "")

    def _office(self) -> str:
        names = (self._said("senderName"), self._text("source"))
        found = next((name for name in names if is_weather_office(name)), "")
        if found:
            return found
        parent = self.root if self.info is None else self.info
        accepted = "senderName or source of a weather office (with 气象, meteorological or weather)"
        value = next(filter(None, names), "")
        text = "not issued by a weather office"
        raise self._refused("not-a-weather-office", text, parent, "senderName", value=value, accepted=accepted)

    def _area(self) -> str:
        """Return names and codes of the areas of every block."""
        told: dict[str, None] = {}
        for info in self.infos:
            for area in self.message.children(info, "area"):
                told |= dict.fromkeys(filter(None, [self.message.text(area, "areaDesc")]))
                told |= dict.fromkeys(value for _, value in self.message.pairs(area, "geocode") if value)
        return "、".join(told)


def _colour(value: str) -> Level | None:
    """Return the colour of a parameter: a word, or a sentence that names one."""
    found = colours_in(value)
    return colour_of(value) or (found.pop() if len(found) == 1 else None)
