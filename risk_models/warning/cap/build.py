"""One warning revision as an OASIS CAP 1.2 message with the Chinese identifier.

Times are written in the district's local time with a numeric offset, positions as "lat,lon" in WGS84. The same record
gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import geopandas as gpd
import pandas as pd
from lxml import etree
from shapely.geometry.base import BaseGeometry

from risk_models.district.settings import DistrictSettings
from risk_models.levels import LEVEL_STYLES, Level
from risk_models.warning.cap.polygon import cap_polygons
from risk_models.warning.cap.reader import CAP_NAMESPACE
from risk_models.warning.cap.rules import HEADLINE_CHARACTERS
from risk_models.warning.records import Action, WarningRecord

__all__ = [
    "CapArea",
    "CapChannel",
    "CapHazard",
    "CapText",
    "cap_hazard",
    "cap_identifier",
    "to_cap",
]

END_NOTICE_H = 1.0
"""Validity of an all-clear [h]."""
IMMEDIATE_H, EXPECTED_H = 1.0, 6.0
"""Lead up to which urgency is Immediate and Expected [h]; house rule: closing a point takes up to an hour."""
STANDING_WATER_M = 0.15
"""Water of this depth now makes the certainty Observed (limit for one usable lane, GB 51222) [m]."""

_RESPONSES = {Level.BLUE: "Monitor", Level.YELLOW: "Prepare", Level.ORANGE: "Execute", Level.RED: "Execute"}
_CERTAINTIES = {-1: "Unknown", 0: "Unlikely", 1: "Possible", 2: "Possible", 3: "Likely"}
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
    event_code : str
        E.g. ``11B03`` (rainstorm).
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
    event_code: str
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
        cls, settings: DistrictSettings, *, scope: CapScope = "Restricted", marks: tuple[str, ...] = ()
    ) -> CapChannel:
        """Return the channel of a district; Restricted by default, since bulletins go to duty desks.

        Parameters
        ----------
        settings : DistrictSettings
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
            event_code=settings.cap.event_code,
            status=settings.mail.status,
            scope=scope,
            timezone=ZoneInfo(district.timezone),
            demonstration=district.demonstration,
            marks=marks,
        )


@dataclass(frozen=True, kw_only=True)
class CapArea:
    """The area of a message.

    Attributes
    ----------
    code : str
        Town code.
    name_zh, name_en : str
    unit_index : int
        Place of the town in the district's register, 1 to 999 (0: the whole district); it keeps the identifiers of
        messages of one second apart.
    outline : Polygon or MultiPolygon
        In WGS84, x = longitude.
    """

    code: str
    name_zh: str
    name_en: str
    unit_index: int
    outline: BaseGeometry

    @classmethod
    def from_towns(cls, towns: gpd.GeoDataFrame, town_code: str) -> CapArea:
        """Return the area of a town of the register.

        Parameters
        ----------
        towns : GeoDataFrame, index town_code
            ``town_name``, ``town_name_en``, geometry in any CRS; the order of rows gives the unit index.
        town_code : str

        Raises
        ------
        KeyError
            If the register has no such town.
        """
        town = towns.loc[town_code]
        return cls(
            code=town_code,
            name_zh=str(town["town_name"]),
            name_en=str(town["town_name_en"]),
            unit_index=int(towns.index.get_loc(town_code)) + 1,
            outline=towns.loc[[town_code]].geometry.to_crs("EPSG:4326").iloc[0],
        )


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
class CapHazard:
    """Urgency, certainty and onset, the same in both languages."""

    urgency: str
    certainty: str
    onset: datetime | None = None


def cap_hazard(record: WarningRecord, risk_table: pd.DataFrame) -> CapHazard:
    """Tell urgency, certainty and onset from the hotspots of a warning.

    Parameters
    ----------
    record : WarningRecord
    risk_table : DataFrame, index hotspot_id
        Columns ``likelihood`` (-1 to 3), ``depth_now_m`` [m], ``first_15cm_at`` (UTC, NaT if never).

    Returns
    -------
    CapHazard
        Certainty: Observed if a hotspot of the warning has 15 cm of water now; else by the likelihood of the worst
        hotspot (high Likely; medium and low Possible; very low Unlikely). Urgency by the hours to the first 15 cm at
        any of them: Immediate up to 1 h, Expected up to 6 h, else Future; Unknown if no time is known. An end is Past
        and Observed.

    References
    ----------
    OASIS CAP 1.2, section 3.2.2 (code values); the hour limits are a house rule.

    Examples
    --------
    >>> from datetime import UTC
    >>> at = datetime(2021, 7, 20, 1, tzinfo=UTC)
    >>> record = WarningRecord(event_key="E", warning_id="E-1", revision=0, action=Action.NEW, area_code="1",
    ...     level=Level.RED, previous_level=Level.NONE, issued_at=at, valid_from=at,
    ...     valid_to=at + timedelta(hours=6), hotspot_ids=("EQ-001",))
    >>> risk = pd.DataFrame({"likelihood": [3], "depth_now_m": [0.0],
    ...     "first_15cm_at": [pd.Timestamp("2021-07-20T03:00Z")]}, index=["EQ-001"])
    >>> hazard = cap_hazard(record, risk)
    >>> hazard.urgency, hazard.certainty, hazard.onset.isoformat()
    ('Expected', 'Likely', '2021-07-20T03:00:00+00:00')
    """
    if record.action.is_end:
        return CapHazard(urgency="Past", certainty="Observed")
    rows = risk_table.loc[[hotspot_id for hotspot_id in record.hotspot_ids if hotspot_id in risk_table.index]]
    if rows.empty or record.level == Level.UNKNOWN:
        return CapHazard(urgency="Unknown", certainty="Unknown")
    if bool((rows["depth_now_m"] >= STANDING_WATER_M).any()):
        return CapHazard(urgency="Immediate", certainty="Observed", onset=record.valid_from)
    certainty = _CERTAINTIES[int(rows["likelihood"].iloc[0])]
    first_at = pd.to_datetime(rows["first_15cm_at"], utc=True).min()
    if pd.isna(first_at):
        return CapHazard(urgency="Unknown", certainty=certainty)
    onset = max(first_at.to_pydatetime(), record.valid_from)
    lead_h = (onset - record.issued_at) / timedelta(hours=1)
    urgency = "Immediate" if lead_h <= IMMEDIATE_H else "Expected" if lead_h <= EXPECTED_H else "Future"
    return CapHazard(urgency=urgency, certainty=certainty, onset=onset if onset < record.valid_to else None)


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
        Extension X is 00; the serial N is the last digit of the revision.

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
    ...     sender_name_zh="值班室", sender_name_en="Duty desk", event_code="11B03", status="Exercise",
    ...     scope="Restricted", timezone=ZoneInfo("Asia/Shanghai"), demonstration=True)
    >>> cap_identifier(record, channel=channel, unit_index=11)
    '41010300001100_20210720090000_0'
    """
    if not 0 <= unit_index <= 999:
        raise ValueError(f"unit_index must be 0 to 999, got {unit_index}")
    entered = record.issued_at.astimezone(channel.timezone)
    owner = f"{channel.division_code}{channel.sector_code}{unit_index:03d}00"
    return f"{owner}_{entered:%Y%m%d%H%M%S}_{record.revision % 10}"


def to_cap(
    record: WarningRecord,
    *,
    earlier: Iterable[WarningRecord],
    area: CapArea,
    channel: CapChannel,
    hazard: CapHazard,
    texts: tuple[CapText, CapText],
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
        See `cap_hazard`.
    texts : (CapText, CapText)
        Chinese, English.

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
    alert = etree.Element(_tag("alert"), nsmap={None: CAP_NAMESPACE})
    _head(alert, record, _references(record, earlier, channel, area.unit_index), channel, area.unit_index)
    polygons = cap_polygons(area.outline)
    for language, text in zip(("zh-CN", "en-US"), texts, strict=True):
        info = etree.SubElement(alert, _tag("info"))
        _info_codes(info, language, record, hazard, channel)
        _info_text(info, language, text, record, channel)
        _area(info, area.name_zh if language == "zh-CN" else area.name_en, area.code, polygons)
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
    if record.action == Action.NEW:
        return ()
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


def _head(
    alert: etree._Element, record: WarningRecord, references: Sequence[str], channel: CapChannel, unit_index: int
) -> None:
    _add(alert, "identifier", cap_identifier(record, channel=channel, unit_index=unit_index))
    _add(alert, "sender", channel.sender)
    _add(alert, "sent", _time(record.issued_at, channel))
    _add(alert, "status", channel.status)
    _add(alert, "msgType", "Cancel" if record.action.is_end else "Update" if references else "Alert")
    _add(alert, "source", channel.sender_name_zh)
    _add(alert, "scope", channel.scope)
    if channel.scope == "Restricted":
        prefix_zh, prefix_en = ("", "For") if channel.status == "Actual" else ("仅供演练：", "Exercise only: for")
        _add(alert, "restriction", f"{prefix_zh}限镇办防汛值班室 / {prefix_en} duty desks of town offices")
    if channel.scope == "Private":
        _add(alert, "addresses", " ".join(channel.addresses))
    notes = [record.event_key] if channel.status != "Actual" else []
    if channel.demonstration:
        notes.append("演示数据 / demonstration data")
    notes += channel.marks
    if notes:
        _add(alert, "note", "; ".join(notes))
    if references:
        _add(alert, "references", " ".join(references))


def _info_codes(
    info: etree._Element, language: str, record: WarningRecord, hazard: CapHazard, channel: CapChannel
) -> None:
    is_end = record.action.is_end
    _add(info, "language", language)
    _add(info, "category", "Met")
    _add(info, "event", "暴雨内涝" if language == "zh-CN" else "Urban flood")
    _add(info, "responseType", "AllClear" if is_end else _RESPONSES[record.level])
    _add(info, "urgency", hazard.urgency)
    _add(info, "severity", "Minor" if is_end else LEVEL_STYLES[record.level].cap_severity)
    _add(info, "certainty", hazard.certainty)
    _pair(info, "eventCode", "eventType", channel.event_code)
    _add(info, "effective", _time(record.issued_at, channel))
    if hazard.onset is not None:
        _add(info, "onset", _time(hazard.onset, channel))
    _add(info, "expires", _time(_expires_at(record), channel))


def _info_text(info: etree._Element, language: str, text: CapText, record: WarningRecord, channel: CapChannel) -> None:
    is_chinese = language == "zh-CN"
    _add(info, "senderName", channel.sender_name_zh if is_chinese else channel.sender_name_en)
    is_long = len(text.headline) > HEADLINE_CHARACTERS
    _add(info, "headline", text.headline[: HEADLINE_CHARACTERS - 1] + "…" if is_long else text.headline)
    _add(info, "description", text.description)
    _add(info, "instruction", text.instruction)
    _add(info, "contact", text.contact)
    _pair(info, "parameter", "level", record.level.zh if is_chinese else record.level.en)
    _pair(info, "parameter", "levelColour", record.level.zh)
    _pair(info, "parameter", "eventKey", record.event_key)
    _pair(info, "parameter", "warningId", record.warning_id)
    _pair(info, "parameter", "revision", str(record.revision))
    _pair(info, "parameter", "action", str(record.action))
    _pair(info, "parameter", "degradedData", str(record.degraded).lower())
    _pair(info, "parameter", "unconfirmed", str(record.unconfirmed).lower())
    _pair(info, "parameter", "demonstration", str(channel.demonstration).lower())


def _area(info: etree._Element, name: str, code: str, polygons: Sequence[str]) -> None:
    element = etree.SubElement(info, _tag("area"))
    _add(element, "areaDesc", name)
    for polygon in polygons:
        _add(element, "polygon", polygon)
    _pair(element, "geocode", "townCode", code)
