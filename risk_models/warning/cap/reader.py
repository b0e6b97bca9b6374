"""Hardened reading of CAP files: nothing is fetched, expanded or read without limit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from risk_models.errors import Finding, Severity

__all__ = [
    "CAP_NAMESPACE",
    "DANGER_FROM",
    "DANGER_TO",
    "MAX_BYTES",
    "PLACE_CODE",
    "TOWN_CODE",
    "CapMessage",
    "PlaceRead",
    "ToldWarning",
    "parse_cap",
    "read_circle",
    "read_number",
    "read_point",
    "read_time",
    "read_warning",
]

CAP_NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
PLACE_CODE, TOWN_CODE = "hotspotId", "townCode"
"""Geocodes of our areas: of a place, and of the town it belongs to."""
DANGER_FROM, DANGER_TO = "dangerFrom", "dangerTo"
"""Parameters with the most dangerous window."""
MAX_BYTES = 1_000_000
"""Most bytes of a message that are looked at."""
_FAMILY = "urn:oasis:names:tc:emergency:cap:"
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", re.ASCII)


@dataclass(frozen=True)
class CapMessage:
    """A parsed message with short access to its parts.

    Attributes
    ----------
    root : Element
        The ``alert`` element.
    file : str
        Name for findings.
    """

    root: etree._Element
    file: str

    @property
    def infos(self) -> list[etree._Element]:
        """All ``info`` blocks."""
        return self.children(self.root, "info")

    def children(self, parent: etree._Element, name: str) -> list[etree._Element]:
        """Return the child elements of a name, in the namespace of the message."""
        return list(parent.findall(f"{{{etree.QName(self.root).namespace}}}{name}"))

    def texts(self, parent: etree._Element, name: str) -> list[str]:
        """Return the stripped texts of the child elements of a name."""
        return [(child.text or "").strip() for child in self.children(parent, name)]

    def text(self, parent: etree._Element, name: str) -> str:
        """Return the stripped text of the first child of a name; empty if there is none."""
        return next(iter(self.texts(parent, name)), "")

    def pairs(self, parent: etree._Element, name: str) -> list[tuple[str, str]]:
        """Return (valueName, value) of the children of a name."""
        return [(self.text(child, "valueName"), self.text(child, "value")) for child in self.children(parent, name)]

    def path(self, element: etree._Element, name: str = "") -> str:
        """Return where an element is, e.g. ``info[2]/area[1]``."""
        steps = []
        while element is not self.root:
            local = etree.QName(element).localname
            parent = element.getparent()
            same = self.children(parent, local)
            steps.append(f"{local}[{same.index(element) + 1}]" if element in same else local)
            element = parent
        return "/".join([*reversed(steps), *([name] if name else [])]) or "alert"

    def finding(
        self,
        code: str,
        message: str,
        parent: etree._Element,
        name: str = "",
        *,
        value: str | None = None,
        accepted: str = "",
        fix: str = "",
        severity: Severity = "error",
    ) -> Finding:
        """Return a finding about the child `name` of an element, or the element itself."""
        found = self.children(parent, name) if name else []
        line = (found[0] if found else parent).sourceline
        return Finding(
            code=code,
            message=message,
            file=self.file,
            row=int(line) if line else None,
            column=self.path(parent, name),
            value=value,
            accepted=accepted,
            fix=fix,
            severity=severity,
        )

    def elements(self) -> Iterator[etree._Element]:
        """Yield every element, comments and instructions left out."""
        return (element for element in self.root.iter() if isinstance(element.tag, str))


def parse_cap(data: bytes, *, file: str = "alert.xml") -> tuple[CapMessage | None, list[Finding]]:
    """Parse a CAP message without network, entities, document type or unlimited size.

    Parameters
    ----------
    data : bytes
    file : str
        Name for findings.

    Returns
    -------
    CapMessage or None
        None if the data cannot be used at all.
    list of Finding

    Examples
    --------
    >>> message, findings = parse_cap(b'<!DOCTYPE alert [<!ENTITY a "b">]><alert/>')
    >>> message is None, findings[0].code
    (True, 'doctype')
    """
    if len(data) > MAX_BYTES:
        text = f"the message has {len(data)} bytes"
        return None, [Finding(code="too-large", message=text, file=file, accepted=f"up to {MAX_BYTES} bytes")]
    if b"<!DOCTYPE" in data.upper():
        return None, [_doctype(file)]
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        return None, [Finding(code="not-xml", message=f"the message is not well-formed XML: {error}", file=file)]
    # The text search above cannot see a document type in UTF-16 or UTF-32.
    if root.getroottree().docinfo.internalDTD is not None:
        return None, [_doctype(file)]
    return _check_root(root, file)


def _doctype(file: str) -> Finding:
    return Finding(
        code="doctype",
        message="the message declares a document type, which can hold entities",
        file=file,
        accepted="XML without DOCTYPE",
        fix="remove the declaration",
    )


def _check_root(root: etree._Element, file: str) -> tuple[CapMessage | None, list[Finding]]:
    """Refuse what is no alert; report an alert of another CAP version, which can still be checked."""
    name = etree.QName(root)
    accepted = f"alert in namespace {CAP_NAMESPACE}"
    if name.localname != "alert" or not (name.namespace or "").startswith(_FAMILY):
        problem = Finding(
            code="not-an-alert", message="the root is no CAP alert", file=file, value=str(root.tag), accepted=accepted
        )
        return None, [problem]
    message = CapMessage(root, file)
    if name.namespace == CAP_NAMESPACE:
        return message, []
    text = "the message is of another CAP version"
    return message, [message.finding("wrong-version", text, root, value=name.namespace, accepted=accepted)]


def read_time(text: str) -> datetime | None:
    """Return a CAP time, or None if it is not ``YYYY-MM-DDThh:mm:ss+hh:mm`` or no real time.

    Parameters
    ----------
    text : str

    Returns
    -------
    datetime or None
        Timezone-aware.

    Examples
    --------
    >>> read_time("2021-07-20T16:00:00+08:00").isoformat()
    '2021-07-20T16:00:00+08:00'
    >>> read_time("2021-07-20T08:00:00Z") is read_time("2021-02-30T08:00:00+08:00") is None
    True
    """
    if _TIME.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def read_number(text: str) -> float | None:
    """Return a plain decimal number; None for anything else, such as "nan", "1e309" or "0x10"."""
    if _NUMBER.fullmatch(text) is None:
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def read_point(text: str) -> tuple[float, float] | None:
    """Return a CAP point "lat,lon" as numbers; None if it is none."""
    parts = text.split(",")
    if len(parts) != 2:
        return None
    lat, lon = read_number(parts[0]), read_number(parts[1])
    return None if lat is None or lon is None else (lat, lon)


def read_circle(text: str) -> tuple[float, float, float] | None:
    """Return a CAP circle, or None if it is none.

    Parameters
    ----------
    text : str
        "lat,lon radius"

    Returns
    -------
    (float, float, float) or None
        Latitude, longitude [degrees WGS84], radius [km].

    Examples
    --------
    >>> read_circle("34.744,113.638 0.15")
    (34.744, 113.638, 0.15)
    >>> read_circle("113.638,34.744 0.15") is read_circle("34.744,113.638") is None
    True
    """
    parts = text.split()
    if len(parts) != 2:
        return None
    centre, radius_km = read_point(parts[0]), read_number(parts[1])
    if centre is None or radius_km is None or radius_km < 0 or abs(centre[0]) > 90 or abs(centre[1]) > 180:
        return None
    return (*centre, radius_km)


@dataclass(frozen=True, kw_only=True)
class PlaceRead:
    """A place as a message tells it.

    Attributes
    ----------
    hotspot_id : str
    names : tuple of str
        One for each language of the message, in its order.
    circle : (float, float, float) or None
        Latitude, longitude [degrees WGS84], radius [km].
    """

    hotspot_id: str
    names: tuple[str, ...]
    circle: tuple[float, float, float] | None


@dataclass(frozen=True, kw_only=True)
class ToldWarning:
    """What a message of ours says to a machine; empty texts and None where it says nothing.

    Attributes
    ----------
    identifier, kind : str
        ``kind`` is the ``msgType``.
    events : tuple of str
        One for each language.
    event_code, response, urgency, severity, certainty : str
    sent, onset, expires : datetime or None
    danger : (datetime, datetime) or None
        Most dangerous window.
    town_code : str
    places : tuple of PlaceRead
    instructions : tuple of str
        One for each language.
    """

    identifier: str
    kind: str
    events: tuple[str, ...]
    event_code: str
    response: str
    urgency: str
    severity: str
    certainty: str
    sent: datetime | None
    onset: datetime | None
    expires: datetime | None
    danger: tuple[datetime, datetime] | None
    town_code: str
    places: tuple[PlaceRead, ...]
    instructions: tuple[str, ...]


def read_warning(message: CapMessage) -> ToldWarning:
    """Read back a message that `risk_models.warning.cap.build` wrote and that is valid.

    Parameters
    ----------
    message : CapMessage

    Returns
    -------
    ToldWarning
        What languages share is taken from the first.

    Raises
    ------
    ValueError
        If the message has no info block.
    """
    if not message.infos:
        raise ValueError(f"{message.file}: the message has no info block; check it with validate_cap")
    info, root = message.infos[0], message.root
    told = dict(message.pairs(info, "parameter"))
    begin, end = read_time(told.get(DANGER_FROM, "")), read_time(told.get(DANGER_TO, ""))
    towns = [dict(message.pairs(area, "geocode")).get(TOWN_CODE, "") for area in message.children(info, "area")]
    return ToldWarning(
        identifier=message.text(root, "identifier"),
        kind=message.text(root, "msgType"),
        events=tuple(message.text(one, "event") for one in message.infos),
        event_code=next((value for _, value in message.pairs(info, "eventCode")), ""),
        response=message.text(info, "responseType"),
        urgency=message.text(info, "urgency"),
        severity=message.text(info, "severity"),
        certainty=message.text(info, "certainty"),
        sent=read_time(message.text(root, "sent")),
        onset=read_time(message.text(info, "onset")),
        expires=read_time(message.text(info, "expires")),
        danger=None if begin is None or end is None else (begin, end),
        town_code=next(filter(None, towns), ""),
        places=_places(message),
        instructions=tuple(message.text(one, "instruction") for one in message.infos),
    )


def _places(message: CapMessage) -> tuple[PlaceRead, ...]:
    names: dict[str, list[str]] = {}
    circles: dict[str, tuple[float, float, float] | None] = {}
    for info in message.infos:
        for area in message.children(info, "area"):
            hotspot_id = dict(message.pairs(area, "geocode")).get(PLACE_CODE)
            if hotspot_id:
                names.setdefault(hotspot_id, []).append(message.text(area, "areaDesc"))
                circles.setdefault(hotspot_id, read_circle(message.text(area, "circle")))
    return tuple(
        PlaceRead(hotspot_id=hotspot_id, names=tuple(told), circle=circles[hotspot_id])
        for hotspot_id, told in names.items()
    )
