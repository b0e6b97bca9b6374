"""A map of outlines as a small SVG: no table, no raster and no numerics are needed to draw it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any, Final

from reports.words import Text
from risk_models.levels import Level

__all__ = ["AreaOutline", "outline_map_svg", "rings_of"]

Ring = Sequence[tuple[float, float]]

WIDTH: Final = 350.0
_HEIGHT_MAX, _MARGIN, _LABEL = 300.0, 4.0, 14
_PLAIN, _LINE, _INK = "#eef1f4", "#52606d", "#1f2933"


@dataclass(frozen=True)
class AreaOutline:
    """One area.

    Attributes
    ----------
    rings : sequence of rings
        Longitude and latitude [degrees]; holes are rings too.
    level : Level or None
        Fills the area; None leaves it plain.
    label : str
        Short text in the middle of it; may be empty.
    is_end : bool
        True draws the level as a border, not as a fill: it ends there.
    """

    rings: Sequence[Ring]
    level: Level | None = None
    label: str = ""
    is_end: bool = False


def rings_of(geometry: Mapping[str, Any]) -> list[list[tuple[float, float]]]:
    """Return the rings of a GeoJSON polygon or of many; none of any other geometry.

    Examples
    --------
    >>> rings_of({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]})
    [[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)]]
    >>> rings_of({"type": "Point", "coordinates": [0, 0]})
    []
    """
    parts = {"Polygon": [geometry["coordinates"]], "MultiPolygon": geometry["coordinates"]}.get(geometry["type"], [])
    return [[(float(point[0]), float(point[1])) for point in ring] for part in parts for ring in part]


def outline_map_svg(outlines: Sequence[AreaOutline], *, title: Text) -> str:
    """Draw areas with their levels; the same areas give the same bytes.

    North is up; a degree of longitude is as long as the cosine of the middle latitude makes it.

    Parameters
    ----------
    outlines : sequence of AreaOutline
        Those whose label is wanted most come first.
    title : Text
        What the map shows, for who cannot see it.

    Returns
    -------
    str
        One ``<svg>`` element, `WIDTH` wide, without styles or scripts; empty if there is nothing to draw.
    """
    place = _Place.of([point for one in outlines for ring in one.rings for point in ring])
    if place is None:
        return ""
    paths = "".join(_path(one, place) for one in sorted(outlines, key=_over))
    labels = _labels([one for one in outlines if one.label and one.rings], place)
    name = escape(f"{title.zh} {title.en}")
    size = f'viewBox="0 0 {WIDTH:.0f} {place.height:.0f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{name}">{paths}{labels}</svg>'


@dataclass(frozen=True)
class _Place:
    """How degrees become points of the drawing."""

    west: float
    north: float
    x_scale: float
    y_scale: float
    shift: float
    height: float

    @classmethod
    def of(cls, points: Sequence[tuple[float, float]]) -> _Place | None:
        if not points:
            return None
        lons, lats = [lon for lon, _ in points], [lat for _, lat in points]
        narrow = math.cos(math.radians((min(lats) + max(lats)) / 2))
        wide, high = max((max(lons) - min(lons)) * narrow, 1e-9), max(max(lats) - min(lats), 1e-9)
        scale = min((WIDTH - 2 * _MARGIN) / wide, (_HEIGHT_MAX - 2 * _MARGIN) / high)
        shift = (WIDTH - wide * scale) / 2
        return cls(min(lons), max(lats), scale * narrow, scale, shift, high * scale + 2 * _MARGIN)

    def __call__(self, ring: Ring) -> list[tuple[float, float]]:
        """Return a ring in points, to a tenth, without repeats."""
        found: list[tuple[float, float]] = []
        for lon, lat in ring:
            x = round(self.shift + (lon - self.west) * self.x_scale, 1)
            y = round(_MARGIN + (self.north - lat) * self.y_scale, 1)
            if not found or found[-1] != (x, y):
                found.append((x, y))
        return found


def _over(one: AreaOutline) -> int:
    """Order by which borders lie on top: the gravest last."""
    return -2 if one.level is None else int(one.level)


def _path(one: AreaOutline, place: _Place) -> str:
    lines = "".join("M" + "L".join(f"{x:g} {y:g}" for x, y in place(ring)) + "Z" for ring in one.rings)
    if one.level is None:
        return f'<path d="{lines}" fill="{_PLAIN}" stroke="{_LINE}" stroke-width="0.8"/>'
    if one.is_end:
        border = f'stroke="{one.level.fill}" stroke-width="4" stroke-dasharray="6 3"'
        return f'<path d="{lines}" fill="#ffffff" {border}/>'
    return f'<path d="{lines}" fill="{one.level.fill}" fill-rule="evenodd" stroke="#ffffff" stroke-width="1.2"/>'


def _labels(outlines: Sequence[AreaOutline], place: _Place) -> str:
    """Write the labels in the order given; one that would lie on another is left out."""
    taken: list[tuple[float, float, float]] = []
    written = []
    for one in outlines:
        x, y = _middle(max((place(ring) for ring in one.rings), key=lambda ring: abs(_area(ring))))
        half = 0.3 * _LABEL * len(one.label) + 1
        if any(abs(x - x0) < half + half0 and abs(y - y0) < _LABEL * 0.9 for x0, y0, half0 in taken):
            continue
        taken.append((x, y, half))
        written.append(
            f'<text x="{x:.1f}" y="{y + _LABEL / 3:.1f}" font-size="{_LABEL}" text-anchor="middle" fill="{_INK}" '
            f'stroke="#ffffff" stroke-width="3" paint-order="stroke">{escape(one.label)}</text>'
        )
    return "".join(written)


def _area(ring: Ring) -> float:
    closed = [*ring, ring[0]]
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(closed)) / 2


def _middle(ring: Ring) -> tuple[float, float]:
    """Return a point within a ring: the middle of the widest stretch at half its height."""
    ys = [y for _, y in ring]
    level = (min(ys) + max(ys)) / 2
    cuts = sorted(
        x0 + (level - y0) / (y1 - y0) * (x1 - x0)
        for (x0, y0), (x1, y1) in pairwise([*ring, ring[0]])
        if (y0 <= level) != (y1 <= level)
    )
    stretches = list(zip(cuts[::2], cuts[1::2], strict=False))
    if not stretches:
        return ring[0][0], level
    left, right = max(stretches, key=lambda one: one[1] - one[0])
    return (left + right) / 2, level
