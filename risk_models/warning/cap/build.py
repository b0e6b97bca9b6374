"""One warning revision, or water that stands now, as an OASIS CAP 1.2 message with the Chinese identifier.

Times are written in the district's local time with a numeric offset, positions as "lat,lon" in WGS84. The same record
gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from lxml import etree

from risk_models.district.settings import WATERLOGGING_EVENT, DistrictSettings
from risk_models.levels import LEVEL_STYLES, Level
from risk_models.standards import EventCode
from risk_models.warning.cap.areas import PLACES_MAX, CapArea, CapPlace
from risk_models.warning.cap.hazard import CapHazard
from risk_models.warning.cap.polygon import cap_polygons
from risk_models.warning.cap.reader import CAP_NAMESPACE, DANGER_FROM, DANGER_TO, PLACE_CODE, TOWN_CODE
from risk_models.warning.cap.rules import HEADLINE_CHARACTERS
from risk_models.warning.records import WarningRecord

__all__ = [
    "CapChannel",
    "CapStanding",
    "CapText",
    "cap_identifier",
    "event_of",
    "to_cap",
    "to_cap_now",
]

END_NOTICE_H = 1.0
"""Validity of an all-clear [h]."""

_RESPONSES = {
    Level.UNKNOWN: "Prepare",
    Level.BLUE: "Monitor",
    Level.YELLOW: "Prepare",
    Level.ORANGE: "Execute",
    Level.RED: "Execute",
}
_EXTENSION, _EXTENSION_NOW = "00", "01"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Status = Literal["Actual", "Exercise", "Test"]
CapScope = Literal["Public", "Restricted", "Private"]


@dataclass(frozen=True, kw_only=True)
class CapChannel:
    """Who sends, and to whom; the same for all messages of a district.

    Attributes
    ----------
    division_code : str
        Six digits (GB/T 2260).
    sector_code : str
        Three digits of the organisation's sector (GB/T 4657).
    sender : str
        CAP sender, without space, comma, "<" or "&".
    sender_name_zh, sender_name_en : str
    event : EventCode
        Code and words of waterlogging.
    status : {"Actual", "Exercise", "Test"}
    scope : {"Public", "Restricted", "Private"}
    timezone : ZoneInfo
        For the times in the message.
    demonstration : bool
        True marks the message as made from demonstration data.
    addresses : tuple of str
        Needed if the scope is Private.
    marks : tuple of str
        Further notes of a message, after that of demonstration data.
    """

    division_code: str
    sector_code: str
    sender: str
    sender_name_zh: str
    sender_name_en: str
    event: EventCode
    status: Status
    scope: CapScope
    timezone: ZoneInfo
    demonstration: bool
    addresses: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, digits in (("division_code", 6), ("sector_code", 3)):
            value = getattr(self, name)
            if re.fullmatch(rf"\d{{{digits}}}", value, re.ASCII) is None:
                raise ValueError(f"{name} must be {digits} digits, got '{value}'")
        if self.status != "Actual" and self.scope == "Public":
            raise ValueError(f"{self.status} traffic must not be Public; use Restricted or Private")
        if self.scope == "Private" and not self.addresses:
            raise ValueError("a Private message needs addresses")

    @classmethod
    def from_settings(
        cls,
        settings: DistrictSettings,
        events: Iterable[EventCode],
        *,
        scope: CapScope = "Restricted",
        marks: tuple[str, ...] = (),
    ) -> CapChannel:
        """Return the channel of a district; Restricted by default, since bulletins go to duty desks.

        Parameters
        ----------
        settings : DistrictSettings
        events : iterable of EventCode
            Table of event codes; gives the words of the district's own (`event_of`).
        scope : {"Public", "Restricted"}
        marks : tuple of str
        """
        district = settings.district
        return cls(
            division_code=district.code,
            sector_code=settings.cap.sector_code,
            sender=settings.cap.sender,
            sender_name_zh=district.bureau.zh,
            sender_name_en=district.bureau.en,
            event=event_of(settings.cap.own_event_code, events),
            status=settings.mail.status,
            scope=scope,
            timezone=ZoneInfo(district.timezone),
            demonstration=district.demonstration,
            marks=marks,
        )


def event_of(code: str, events: Iterable[EventCode]) -> EventCode:
    """Return the event of a code; a code that the table does not know has the words of waterlogging.

    Parameters
    ----------
    code : str
        Of the district; never one of the weather office (`risk_models.district.settings.CapSettings`).
    events : iterable of EventCode

    Examples
    --------
    >>> from risk_models.standards import load_standards
    >>> table = load_standards().event_codes()
    >>> event_of("11A02", table)
    EventCode(code='11A02', zh='内涝', en='waterlogging')
    >>> event_of("own-7", table)
    EventCode(code='own-7', zh='内涝', en='waterlogging')
    """
    known = {event.code: event for event in events}
    return known.get(code) or replace(known[WATERLOGGING_EVENT], code=code)


@dataclass(frozen=True, kw_only=True)
class CapText:
    """What a person reads, in one language; plain text.

    Attributes
    ----------
    headline : str
        Cut to 140 characters.
    description, instruction : str
        Not empty.
    contact : str
    """

    headline: str
    description: str
    instruction: str
    contact: str


@dataclass(frozen=True, kw_only=True)
class CapStanding:
    """What a message says that water stands now, apart from its words.

    Attributes
    ----------
    message_id, event_key : str
    number : int
        Of the message in its town and event; its last digit is the serial of the identifier.
    level : Level
        The highest of the places.
    severity : str
        See `risk_models.warning.cap.hazard.standing_severity`.
    sent_at, expires_at : datetime
    """

    message_id: str
    event_key: str
    number: int
    level: Level
    severity: str
    sent_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class _Alert:
    """What of a message does not hang on its language."""

    identifier: str
    kind: str
    references: Sequence[str]
    event_key: str
    response: str
    severity: str
    level: Level
    sent_at: datetime
    expires_at: datetime
    parameters: dict[str, str]


def cap_identifier(record: WarningRecord, *, channel: CapChannel, unit_index: int) -> str:
    """Return the 31-character Chinese identifier ``ZZZZZZDDDUUUXX_YYYYMMDDhhmmss_N``.

    Parameters
    ----------
    record : WarningRecord
    channel : CapChannel
        Gives the division (Z), sector (D) and time zone.
    unit_index : int
        0 to 999, the sub-unit (U).

    Returns
    -------
    str
        Extension X is 00 (01 where water stands now, see `to_cap_now`); the serial N is the last digit of the revision.

    Raises
    ------
    ValueError
        If `unit_index` does not fit.

    References
    ----------
    GB/T 35965.1-2018, identifier of a warning message.

    Examples
    --------
    >>> from datetime import UTC
    >>> at = datetime(2021, 7, 20, 1, tzinfo=UTC)
    >>> record = WarningRecord(event_key="E", warning_id="E-1", revision=0, action=Action.NEW, area_code="1",
    ...     level=Level.RED, previous_level=Level.NONE, issued_at=at, valid_from=at, valid_to=at)
    >>> channel = CapChannel(division_code="410103", sector_code="000", sender="duty@erqi.example",
    ...     sender_name_zh="值班室", sender_name_en="Duty desk", event=EventCode("11A02", "内涝", "waterlogging"),
    ...     status="Exercise", scope="Restricted", timezone=ZoneInfo("Asia/Shanghai"), demonstration=True)
    >>> cap_identifier(record, channel=channel, unit_index=11)
    '41010300001100_20210720090000_0'
    """
    return _identifier(channel, unit_index, _EXTENSION, record.issued_at, record.revision)


def _identifier(channel: CapChannel, unit_index: int, extension: str, at: datetime, serial: int) -> str:
    if not 0 <= unit_index <= 999:
        raise ValueError(f"unit_index must be 0 to 999, got {unit_index}")
    owner = f"{channel.division_code}{channel.sector_code}{unit_index:03d}{extension}"
    return f"{owner}_{at.astimezone(channel.timezone):%Y%m%d%H%M%S}_{serial % 10}"


def to_cap(
    record: WarningRecord,
    *,
    earlier: Iterable[WarningRecord],
    area: CapArea,
    channel: CapChannel,
    hazard: CapHazard,
    texts: tuple[CapText, CapText],
    places: Sequence[CapPlace] = (),
) -> bytes:
    """Write one revision as a CAP 1.2 message.

    Parameters
    ----------
    record : WarningRecord
        Any action but CON, which is not sent.
    earlier : iterable of WarningRecord
        Revisions of the same warning before this one; others are passed over.
    area : CapArea
    channel : CapChannel
    hazard : CapHazard
        See `risk_models.warning.cap.hazard.cap_hazard`.
    texts : (CapText, CapText)
        Chinese, English.
    places : sequence of CapPlace
        See `risk_models.warning.cap.areas.cap_places`; each is an area of its own after that of the town, up to
        `PLACES_MAX`. The parameter ``places`` counts them all.

    Returns
    -------
    bytes
        UTF-8 XML. msgType is Alert for what goes out first, Cancel for CAN and EXP, else Update, with references to
        every message of the warning that has not expired (to the latest if all have).

    Raises
    ------
    ValueError
        If the action is CON, or a Cancel has nothing to refer to.

    References
    ----------
    OASIS Common Alerting Protocol 1.2 (2010).
    """
    if not record.action.is_mailed:
        raise ValueError(f"{record.message_id}: CON is kept in the ledger and not sent")
    references = _references(record, earlier, channel, area.unit_index)
    is_end = record.action.is_end
    response = "AllClear" if is_end else "Execute" if hazard.stands else _RESPONSES[record.level]
    alert = _Alert(
        identifier=cap_identifier(record, channel=channel, unit_index=area.unit_index),
        kind="Cancel" if is_end else "Update" if references else "Alert",
        references=references,
        event_key=record.event_key,
        response=response,
        severity="Minor" if is_end else LEVEL_STYLES[record.level].cap_severity,
        level=record.level,
        sent_at=record.issued_at,
        expires_at=_expires_at(record),
        parameters={
            "warningId": record.warning_id,
            "revision": str(record.revision),
            "action": str(record.action),
            "degradedData": str(record.degraded).lower(),
            "unconfirmed": str(record.unconfirmed).lower(),
        },
    )
    return _write(alert, area, places, channel, hazard, texts)


def to_cap_now(
    standing: CapStanding,
    *,
    area: CapArea,
    channel: CapChannel,
    hazard: CapHazard,
    texts: tuple[CapText, CapText],
    places: Sequence[CapPlace],
) -> bytes:
    """Write that water stands now as a CAP 1.2 message: an Alert of its own, which replaces no warning.

    Parameters
    ----------
    standing : CapStanding
    area, channel, texts, places
        As in `to_cap`.
    hazard : CapHazard
        See `risk_models.warning.cap.hazard.standing_hazard`.

    Returns
    -------
    bytes
        UTF-8 XML.
    """
    alert = _Alert(
        identifier=_identifier(channel, area.unit_index, _EXTENSION_NOW, standing.sent_at, standing.number),
        kind="Alert",
        references=(),
        event_key=standing.event_key,
        response="Execute",
        severity=standing.severity,
        level=standing.level,
        sent_at=standing.sent_at,
        expires_at=standing.expires_at,
        parameters={"messageId": standing.message_id, "action": "NOW"},
    )
    return _write(alert, area, places, channel, hazard, texts)


def _write(
    told: _Alert,
    area: CapArea,
    places: Sequence[CapPlace],
    channel: CapChannel,
    hazard: CapHazard,
    texts: tuple[CapText, CapText],
) -> bytes:
    alert = etree.Element(_tag("alert"), nsmap={None: CAP_NAMESPACE})
    _head(alert, told, channel)
    outline = [("polygon", polygon) for polygon in cap_polygons(area.outline)]
    for language, text in zip(("zh-CN", "en-US"), texts, strict=True):
        info = etree.SubElement(alert, _tag("info"))
        _info_codes(info, language, told, hazard, channel)
        _info_text(info, language, text, told, channel)
        _window(info, hazard, channel)
        _pair(info, "parameter", "places", str(len(places)))
        _area(info, area.name_zh if language == "zh-CN" else area.name_en, outline, {TOWN_CODE: area.code})
        for place in places[:PLACES_MAX]:
            _place(info, place, language, area.code)
    return bytes(etree.tostring(alert, encoding="UTF-8", xml_declaration=True, pretty_print=True))


def _tag(name: str) -> str:
    return f"{{{CAP_NAMESPACE}}}{name}"


def _add(parent: etree._Element, name: str, text: str) -> None:
    # A control character in a name must not stop a warning.
    etree.SubElement(parent, _tag(name)).text = _NOT_XML.sub("", text).strip()


def _pair(parent: etree._Element, name: str, value_name: str, value: str) -> None:
    element = etree.SubElement(parent, _tag(name))
    _add(element, "valueName", value_name)
    _add(element, "value", value)


def _time(value: datetime, channel: CapChannel) -> str:
    return value.astimezone(channel.timezone).replace(microsecond=0).isoformat()


def _expires_at(record: WarningRecord) -> datetime:
    return record.issued_at + timedelta(hours=END_NOTICE_H) if record.action.is_end else record.valid_to


def _references(
    record: WarningRecord, earlier: Iterable[WarningRecord], channel: CapChannel, unit_index: int
) -> Sequence[str]:
    """Return the triples "sender,identifier,sent" of the messages that this one replaces, oldest first.

    An end of what was never issued itself replaces what was issued of the warning whose place it took.
    """
    mailed = sorted((one for one in earlier if one.action.is_mailed), key=lambda one: (one.issued_at, one.revision))
    own = [one for one in mailed if one.warning_id == record.warning_id and one.revision < record.revision]
    before = [one for one in mailed if one.area_code == record.area_code and one.issued_at < record.issued_at]
    sent = own or (before if record.action.is_end else [])
    if not sent:
        if record.action.is_end:
            raise ValueError(f"{record.message_id}: {record.action} needs the earlier messages of {record.warning_id}")
        return ()  # nothing of this warning went out before, e.g. an officer refused it: for readers it is new
    alive = [message for message in sent if _expires_at(message) >= record.issued_at] or sent[-1:]
    return [
        f"{channel.sender},{cap_identifier(message, channel=channel, unit_index=unit_index)},"
        f"{_time(message.issued_at, channel)}"
        for message in alive
    ]


def _head(alert: etree._Element, told: _Alert, channel: CapChannel) -> None:
    _add(alert, "identifier", told.identifier)
    _add(alert, "sender", channel.sender)
    _add(alert, "sent", _time(told.sent_at, channel))
    _add(alert, "status", channel.status)
    _add(alert, "msgType", told.kind)
    _add(alert, "source", channel.sender_name_zh)
    _add(alert, "scope", channel.scope)
    if channel.scope == "Restricted":
        prefix_zh, prefix_en = ("", "For") if channel.status == "Actual" else ("仅供演练：", "Exercise only: for")
        _add(alert, "restriction", f"{prefix_zh}限镇办防汛值班室 / {prefix_en} duty desks of town offices")
    if channel.scope == "Private":
        _add(alert, "addresses", " ".join(channel.addresses))
    notes = [told.event_key] if channel.status != "Actual" else []
    if channel.demonstration:
        notes.append("演示数据 / demonstration data")
    notes += channel.marks
    if notes:
        _add(alert, "note", "; ".join(notes))
    if told.references:
        _add(alert, "references", " ".join(told.references))


def _info_codes(info: etree._Element, language: str, told: _Alert, hazard: CapHazard, channel: CapChannel) -> None:
    _add(info, "language", language)
    _add(info, "category", "Met")
    _add(info, "event", channel.event.zh if language == "zh-CN" else channel.event.en.capitalize())
    _add(info, "responseType", told.response)
    _add(info, "urgency", hazard.urgency)
    _add(info, "severity", told.severity)
    _add(info, "certainty", hazard.certainty)
    _pair(info, "eventCode", "eventType", channel.event.code)
    _add(info, "effective", _time(told.sent_at, channel))
    if hazard.onset is not None:
        _add(info, "onset", _time(hazard.onset, channel))
    _add(info, "expires", _time(told.expires_at, channel))


def _info_text(info: etree._Element, language: str, text: CapText, told: _Alert, channel: CapChannel) -> None:
    is_chinese = language == "zh-CN"
    _add(info, "senderName", channel.sender_name_zh if is_chinese else channel.sender_name_en)
    is_long = len(text.headline) > HEADLINE_CHARACTERS
    _add(info, "headline", text.headline[: HEADLINE_CHARACTERS - 1] + "…" if is_long else text.headline)
    _add(info, "description", text.description)
    _add(info, "instruction", text.instruction)
    _add(info, "contact", text.contact)
    _pair(info, "parameter", "level", told.level.zh if is_chinese else told.level.en)
    _pair(info, "parameter", "levelColour", told.level.zh)
    _pair(info, "parameter", "eventKey", told.event_key)
    for name, value in told.parameters.items():
        _pair(info, "parameter", name, value)
    _pair(info, "parameter", "demonstration", str(channel.demonstration).lower())


def _window(info: etree._Element, hazard: CapHazard, channel: CapChannel) -> None:
    """Add the most dangerous window, for which CAP has no element."""
    if hazard.danger is not None:
        for name, at in zip((DANGER_FROM, DANGER_TO), hazard.danger, strict=True):
            _pair(info, "parameter", name, _time(at, channel))


def _area(info: etree._Element, name: str, shapes: Sequence[tuple[str, str]], codes: dict[str, str]) -> None:
    element = etree.SubElement(info, _tag("area"))
    _add(element, "areaDesc", name)
    for kind, shape in shapes:
        _add(element, kind, shape)
    for code in codes.items():
        _pair(element, "geocode", *code)


def _place(info: etree._Element, place: CapPlace, language: str, town_code: str) -> None:
    name = _NOT_XML.sub("", place.name_zh if language == "zh-CN" else place.name_en).strip() or place.hotspot_id
    codes = {PLACE_CODE: place.hotspot_id, TOWN_CODE: town_code}
    _area(info, name, [("circle", place.circle)], codes)
