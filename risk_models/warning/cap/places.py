"""Rules for the areas and attached resources of CAP messages."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import shapely
from lxml import etree
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from risk_models.errors import Finding
from risk_models.warning.cap.reader import PLACE_CODE, CapMessage, read_circle, read_number, read_point

__all__ = ["PLACE_RULES"]

_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*(;.*)?", re.ASCII | re.IGNORECASE)
_LEAST_AREA_DEG2 = 1e-10  # about 1 square metre
_KM_PER_DEGREE = 111.2  # of latitude, and of longitude at the equator
_SLACK_KM = 0.05  # outlines are simplified
_POLYGON = "lat,lon lat,lon ... in WGS84, at least 4 points, the last equal to the first"
_CIRCLE = "lat,lon radius [km]"


def check_areas(message: CapMessage) -> Iterator[Finding]:
    """One area per info block and its places, each with a name and a polygon, circle or geocode."""
    for info in message.infos:
        areas = message.children(info, "area")
        if not areas:
            yield message.finding("area-missing", "the info block has no area", info, "area")
        if sum(not _place_of(message, area) for area in areas) > 1:
            text = "more than one area beside places; one alert should be about one area"
            yield message.finding("areas-many", text, info, "area", severity="warning")
        for area in areas:
            if not message.text(area, "areaDesc"):
                yield message.finding("area-unnamed", "the area has no description", area, "areaDesc")
            if not any(message.children(area, name) for name in ("polygon", "circle", "geocode")):
                text = "the area has no polygon, circle or geocode"
                yield message.finding("area-undrawn", text, area)
            yield from _check_heights(message, area)


def _place_of(message: CapMessage, area: etree._Element) -> str:
    """Return the id of the place that an area is, empty if it is none."""
    return dict(message.pairs(area, "geocode")).get(PLACE_CODE, "")


def check_places(message: CapMessage) -> Iterator[Finding]:
    """Places: each once, drawn, and in or beside the area that the message is about."""
    for info in message.infos:
        areas = message.children(info, "area")
        places = [(name, area) for area in areas if (name := _place_of(message, area))]
        for name, times in Counter(name for name, _ in places).items():
            if times > 1:
                yield message.finding("place-twice", "a place is named twice", info, "area", value=name)
        if not places:
            continue
        whole = _shape(message, [area for area in areas if not _place_of(message, area)])
        for name, area in places:
            circle = read_circle(message.text(area, "circle"))
            if circle is None and not message.children(area, "polygon"):
                yield message.finding("place-undrawn", "the place has no circle or polygon", area, value=name)
            elif circle is not None and whole is not None and not _touches(whole, circle):
                text = "the place lies outside the area of the message"
                yield message.finding("place-outside", text, area, "circle", value=name, severity="warning")


def _shape(message: CapMessage, areas: Sequence[etree._Element]) -> BaseGeometry | None:
    """Return what the good polygons of areas cover, in km; None without one."""
    values = [value for area in areas for value in message.texts(area, "polygon")]
    rings = [[_in_km(*point) for pair in value.split() if (point := read_point(pair))] for value in values]
    good = [Polygon(ring) for value, ring in zip(values, rings, strict=True) if not _polygon_problem(value)[0]]
    if not good:
        return None
    whole = shapely.union_all(good)
    shapely.prepare(whole)
    return whole


def _touches(whole: BaseGeometry, circle: tuple[float, float, float]) -> bool:
    lat, lon, radius_km = circle
    return bool(shapely.dwithin(whole, shapely.Point(_in_km(lat, lon)), radius_km + _SLACK_KM))


def _in_km(lat: float, lon: float) -> tuple[float, float]:
    return lon * _KM_PER_DEGREE * math.cos(math.radians(lat)), lat * _KM_PER_DEGREE


def check_same_areas(message: CapMessage) -> Iterator[Finding]:
    """The same areas in all languages: their shapes and codes, in one order."""
    told = [
        [
            (message.texts(area, "polygon"), message.texts(area, "circle"), message.pairs(area, "geocode"))
            for area in message.children(info, "area")
        ]
        for info in message.infos
    ]
    for info, areas in zip(message.infos, told, strict=True):
        if areas != told[0]:
            yield message.finding("info-differs", "areas differ between info blocks", info, "area")


def _check_heights(message: CapMessage, area: etree._Element) -> Iterator[Finding]:
    """A ceiling stands on an altitude and above it."""
    if not message.children(area, "ceiling"):
        return
    low, high = read_number(message.text(area, "altitude")), read_number(message.text(area, "ceiling"))
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
    points = [read_point(pair) for pair in value.split()]
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
            if read_circle(value) is None:
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


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode("".join(text.split()), validate=True))
    except binascii.Error:
        return False


PLACE_RULES = (check_areas, check_places, check_same_areas, check_polygons, check_circles, check_resources)
