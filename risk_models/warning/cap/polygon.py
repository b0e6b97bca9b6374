"""Outlines as CAP polygons: few vertices, valid, closed, latitude first."""

from __future__ import annotations

from collections.abc import Sequence

import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry
from shapely.validation import make_valid

__all__ = ["MAX_VERTICES", "cap_polygons"]

MAX_VERTICES = 100
"""Most vertices of all polygons of an area together, the closing ones counted."""
_DECIMALS = 5  # about 1 m
_FIRST_TOLERANCE_DEG = 2e-5  # about 2 m
_MIN_COVER = 0.9  # a simplification that leaves more out is no good
_MIN_SHARE = 0.01  # parts smaller than this share of the area are left out


def cap_polygons(outline: BaseGeometry, *, max_vertices: int = MAX_VERTICES) -> list[str]:
    """Return an outline as CAP polygon texts, simplified as little as the number of vertices asks.

    The tolerance of a topology-preserving Douglas-Peucker simplification is doubled from 2 m until the vertices fit; a
    shape that does not fit, or loses more than a tenth of its area, becomes its convex hull. Holes and tiny parts are
    left out.

    Parameters
    ----------
    outline : Polygon or MultiPolygon
        WGS84, x = longitude, y = latitude [degrees].
    max_vertices : int
        At least 4.

    Returns
    -------
    list of str
        Each ``lat,lon lat,lon ...``, 5 decimals, first point = last point, counter-clockwise.

    Raises
    ------
    ValueError
        If the outline is empty or no area.

    Examples
    --------
    >>> from shapely.geometry import box
    >>> cap_polygons(box(113.60, 34.70, 113.61, 34.71))
    ['34.70000,113.60000 34.70000,113.61000 34.71000,113.61000 34.71000,113.60000 34.70000,113.60000']
    """
    parts = _parts(outline)
    if not parts:
        raise ValueError(f"the outline must be a polygon with an area, got {outline.geom_type} of area {outline.area}")
    solid = shapely.union_all([Polygon(part.exterior) for part in parts])
    tolerance_deg = _FIRST_TOLERANCE_DEG
    while tolerance_deg < 1.0:
        rings = _rings(solid.simplify(tolerance_deg, preserve_topology=True))
        if rings and sum(len(ring) for ring in rings) <= max_vertices:
            if _covered_share(solid, rings) < _MIN_COVER:
                break
            return [_text(ring) for ring in rings]
        tolerance_deg *= 2
    hull = solid.convex_hull
    for tolerance_deg in (2e-4, 2e-3, 2e-2):
        rings = _rings(hull.simplify(tolerance_deg))
        if rings and len(rings[0]) <= max_vertices:
            return [_text(rings[0])]
    return [_text(_rings(solid.envelope)[0])]


def _covered_share(solid: BaseGeometry, rings: Sequence[Sequence[tuple[float, float]]]) -> float:
    covered = shapely.union_all([Polygon(ring) for ring in rings]).intersection(solid)
    return float(covered.area / solid.area)


def _parts(geometry: BaseGeometry) -> list[Polygon]:
    """Return the polygons that matter, largest first."""
    valid = geometry if geometry.is_valid else make_valid(geometry)
    found = [part for part in getattr(valid, "geoms", [valid]) if isinstance(part, Polygon) and part.area > 0]
    for part in getattr(valid, "geoms", []):
        found += [inner for inner in getattr(part, "geoms", []) if isinstance(inner, Polygon) and inner.area > 0]
    total = sum(part.area for part in found)
    kept = [part for part in found if part.area >= _MIN_SHARE * total]
    return sorted(kept, key=lambda part: (-part.area, part.bounds))


def _rings(geometry: BaseGeometry) -> list[list[tuple[float, float]]]:
    """Return rounded outer rings (lon, lat); empty if rounding spoils one."""
    rings = []
    for part in _parts(geometry):
        corners = [(round(lon, _DECIMALS), round(lat, _DECIMALS)) for lon, lat in part.exterior.coords]
        ring = [corner for n, corner in enumerate(corners) if n == 0 or corner != corners[n - 1]]
        rounded = Polygon(ring) if len(ring) >= 4 else Polygon()
        if rounded.is_empty or not rounded.is_valid:
            return []
        rings.append(_counter_clockwise(rounded))
    return rings


def _counter_clockwise(polygon: Polygon) -> list[tuple[float, float]]:
    """Return the closed ring, begun at its most south-western corner, so that the text does not hang on the library."""
    ring = [(float(lon), float(lat)) for lon, lat in polygon.exterior.coords[:-1]]
    ring = ring if polygon.exterior.is_ccw else ring[::-1]
    first = ring.index(min(ring))
    return [*ring[first:], *ring[: first + 1]]


def _text(ring: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{lat:.{_DECIMALS}f},{lon:.{_DECIMALS}f}" for lon, lat in ring)
