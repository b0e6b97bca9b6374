"""Rules for the areas and attached resources of CAP messages."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterator

from lxml import etree
from shapely.geometry import Polygon

from risk_models.errors import Finding
from risk_models.warning.cap.reader import CapMessage

__all__ = ["PLACE_RULES"]

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*(;.*)?", re.ASCII | re.IGNORECASE)
_LEAST_AREA_DEG2 = 1e-10  # about 1 square metre
_POLYGON = "lat,lon lat,lon ... in WGS84, at least 4 points, the last equal to the first"
_CIRCLE = "lat,lon radius [km]"


def check_areas(message: CapMessage) -> Iterator[Finding]:
    """One area per info block, with a name and a polygon, circle or geocode."""
    for info in message.infos:
        areas = message.children(info, "area")
        if not areas:
            yield message.finding("area-missing", "the info block has no area", info, "area")
        if len(areas) > 1:
            text = "more than one area; one alert should be about one area"
            yield message.finding("areas-many", text, info, "area", severity="warning")
        for area in areas:
            if not message.text(area, "areaDesc"):
                yield message.finding("area-unnamed", "the area has no description", area, "areaDesc")
            if not any(message.children(area, name) for name in ("polygon", "circle", "geocode")):
                text = "the area has no polygon, circle or geocode"
                yield message.finding("area-undrawn", text, area)
            yield from _check_heights(message, area)


def _check_heights(message: CapMessage, area: etree._Element) -> Iterator[Finding]:
    """A ceiling stands on an altitude and above it."""
    if not message.children(area, "ceiling"):
        return
    low, high = _number(message.text(area, "altitude")), _number(message.text(area, "ceiling"))
    if low is None or high is None or high <= low:
        text = "a ceiling needs an altitude below it"
        yield message.finding("bad-ceiling", text, area, "ceiling", value=message.text(area, "ceiling"))


def check_polygons(message: CapMessage) -> Iterator[Finding]:
    """Polygons: numbers, latitude first, closed, at least four points, simple."""
    for area in _areas(message):
        for value in message.texts(area, "polygon"):
            code, text = _polygon_problem(value)
            if code:
                shown = value if len(value) <= 60 else value[:59] + "…"
                yield message.finding(code, text, area, "polygon", value=shown, accepted=_POLYGON)


def _polygon_problem(value: str) -> tuple[str, str]:
    """Return code and text of the first problem of a polygon; empty texts if it is good."""
    points = [_point(pair) for pair in value.split()]
    if not points or None in points:
        return "polygon-syntax", "the polygon is not a list of lat,lon pairs"
    corners = [point for point in points if point is not None]
    if any(abs(lat) > 90 and abs(lon) <= 90 for lat, lon in corners):
        return "polygon-order", "latitude and longitude look swapped"
    if any(abs(lat) > 90 or abs(lon) > 180 for lat, lon in corners):
        return "polygon-range", "a point is not on the Earth"
    if len(corners) < 4:
        return "polygon-short", "the polygon has fewer than four points"
    if corners[0] != corners[-1]:
        return "polygon-open", "the polygon is not closed"
    shape = Polygon(corners)
    if not shape.is_valid or shape.area < _LEAST_AREA_DEG2:
        return "polygon-crossing", "the polygon crosses itself or has no area"
    return "", ""


def check_circles(message: CapMessage) -> Iterator[Finding]:
    """Circles: a centre on the Earth, latitude first, and a radius that is not negative."""
    for area in _areas(message):
        for value in message.texts(area, "circle"):
            parts = value.split()
            centre = _point(parts[0]) if len(parts) == 2 else None
            radius_km = _number(parts[1]) if len(parts) == 2 else None
            on_earth = centre is not None and abs(centre[0]) <= 90 and abs(centre[1]) <= 180
            if not on_earth or radius_km is None or radius_km < 0:
                yield message.finding("bad-circle", "the circle is none", area, "circle", value=value, accepted=_CIRCLE)


def check_resources(message: CapMessage) -> Iterator[Finding]:
    """Resources: described, with a media type; inline content is base64."""
    for info in message.infos:
        for resource in message.children(info, "resource"):
            if not message.text(resource, "resourceDesc"):
                yield message.finding("resource-unnamed", "the resource is not described", resource, "resourceDesc")
            mime = message.text(resource, "mimeType")
            if _MIME.fullmatch(mime) is None:
                accepted = "type/subtype, e.g. application/pdf"
                text = "the media type is missing or none"
                yield message.finding("bad-mime", text, resource, "mimeType", value=mime, accepted=accepted)
            for content in message.texts(resource, "derefUri"):
                if not _is_base64(content):
                    yield message.finding("bad-base64", "the content is not base64", resource, "derefUri")


def _areas(message: CapMessage) -> Iterator[etree._Element]:
    for info in message.infos:
        yield from message.children(info, "area")


def _number(text: str) -> float | None:
    """Return a plain decimal number; None for anything else, such as "nan", "1e309" or "0x10"."""
    if _NUMBER.fullmatch(text) is None:
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def _point(text: str) -> tuple[float, float] | None:
    parts = text.split(",")
    if len(parts) != 2:
        return None
    lat, lon = _number(parts[0]), _number(parts[1])
    return None if lat is None or lon is None else (lat, lon)


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode("".join(text.split()), validate=True))
    except binascii.Error:
        return False


PLACE_RULES = (check_areas, check_polygons, check_circles, check_resources)
