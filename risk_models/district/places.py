"""Where things are: points and polygons of a layer in WGS84 and in the district's CRS, and whether they agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from risk_models.district.cells import ParsedTable
from risk_models.district.datum import DATUMS, to_wgs84
from risk_models.errors import Finding

__all__ = [
    "Points",
    "check_points",
    "check_shapes",
    "check_towns",
    "locate_points",
    "locate_polygons",
    "locate_shapes",
]

WGS84 = "EPSG:4326"
# Digitising and rounding move a shared border by this much without anybody being wrong.
OVERLAP_M2 = 100.0
OUTSIDE_M = 20.0
TOWN_M = 100.0
# Rain is still related at this distance; farther, a coordinate is wrong.
GAUGE_M = 100_000.0
# A datum is doubted if another one puts this much more of a layer into the right town.
SUSPECT_SHARE = 0.1
SUSPECT_ROWS = 10
_TYPES = {
    "polygon": ("Polygon", "MultiPolygon"),
    "line": ("LineString", "MultiLineString"),
    "place": ("Polygon", "MultiPolygon", "Point"),
}


@dataclass(frozen=True)
class Points:
    """Points of a table, NaN where a coordinate is blank or wrong.

    Attributes
    ----------
    lon, lat : ndarray (n,)
        WGS84 [degrees].
    shapes : ndarray of Point (n,)
        In the district's CRS; None where unknown.
    """

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    shapes: NDArray[np.object_]


def locate_points(parsed: ParsedTable, datum: str, crs: str) -> Points:
    """Return the points of a table.

    Parameters
    ----------
    parsed : ParsedTable
        Of a contract with lon and lat.
    datum : str
        Datum of lon and lat.
    crs : str
        The district's projected CRS.

    Returns
    -------
    Points
    """
    lon = np.array(parsed.values["lon"], dtype=np.float64)
    lat = np.array(parsed.values["lat"], dtype=np.float64)
    lon, lat = to_wgs84(lon, lat, datum)
    return Points(lon, lat, _project(lon, lat, crs))


def _project(lon: NDArray[np.float64], lat: NDArray[np.float64], crs: str) -> NDArray[np.object_]:
    shapes = np.full(lon.shape, None, dtype=object)
    known = np.isfinite(lon) & np.isfinite(lat)
    if known.any():
        shapes[known] = gpd.GeoSeries.from_xy(lon[known], lat[known], crs=WGS84).to_crs(crs).to_numpy()
    return shapes


def locate_polygons(parsed: ParsedTable, datum: str, crs: str) -> list[BaseGeometry | None]:
    """Return the polygons of the towns in the district's CRS; None where there is no polygon.

    Parameters
    ----------
    parsed : ParsedTable
        With geometry in degrees of the datum.
    datum, crs : str

    Returns
    -------
    list of Polygon, MultiPolygon or None
    """
    return _of_types(parsed, datum, crs, _TYPES["polygon"])


def _of_types(parsed: ParsedTable, datum: str, crs: str, types: tuple[str, ...]) -> list[BaseGeometry | None]:
    def convert(corners: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(to_wgs84(corners[:, 0], corners[:, 1], datum))

    shapes: list[BaseGeometry | None] = []
    for shape in parsed.geometry or [None] * len(parsed.rows):
        if shape is None or shape.is_empty or shape.geom_type not in types:
            shapes.append(None)
        else:
            shapes.append(shapely.transform(shape, convert))
    return list(gpd.GeoSeries(shapes, crs=WGS84).to_crs(crs)) if shapes else []


def locate_shapes(parsed: ParsedTable, datum: str, crs: str) -> list[BaseGeometry | None]:
    """Return lines, or polygons and points, of a table in the district's CRS; None where there is none.

    Parameters
    ----------
    parsed : ParsedTable
        Of a contract of shape "line" or "place"; a place without geometry takes its lon and lat.
    datum, crs : str

    Returns
    -------
    list of geometry or None
    """
    if parsed.geometry is None and parsed.table.shape == "place":
        return list(locate_points(parsed, datum, crs).shapes)
    return _of_types(parsed, datum, crs, _TYPES[parsed.table.shape])


def check_shapes(
    parsed: ParsedTable, shapes: list[BaseGeometry | None], towns: dict[str, BaseGeometry]
) -> list[Finding]:
    """List rows without geometry, with an invalid polygon, or outside the district.

    Parameters
    ----------
    parsed : ParsedTable
    shapes : list of geometry or None
        In the district's CRS.
    towns : dict of town_code to polygon
        Valid polygons; empty leaves places unchecked.

    Returns
    -------
    list of Finding
    """
    union = shapely.union_all(list(towns.values()))
    shapely.prepare(union)
    accepted = " or ".join(_TYPES[parsed.table.shape])
    findings = []
    for index, shape in enumerate(shapes):
        if shape is None:
            fix = (
                "give lon and lat, or a file with geometry"
                if parsed.table.shape == "place"
                else "use a file with lines"
            )
            message = "the row has no geometry"
            findings.append(parsed.finding("missing-geometry", message, index, "geometry", accepted=accepted, fix=fix))
        elif not shape.is_valid:
            message = f"the geometry is invalid: {shapely.is_valid_reason(shape)}"
            fix = "mend it in a GIS (make valid)"
            findings.append(parsed.finding("invalid-polygon", message, index, "geometry", fix=fix))
        elif towns and shapely.distance(shape, union) > OUTSIDE_M:
            message = f"it lies {_distance(float(shapely.distance(shape, union)))} outside the district"
            fix = f"state the right datum for the layer {parsed.table.name}, or leave the row out"
            findings.append(parsed.finding("outside-district", message, index, "geometry", fix=fix, severity="warning"))
    return findings


def check_towns(parsed: ParsedTable, polygons: list[BaseGeometry | None]) -> list[Finding]:
    """List towns without a polygon, with an invalid one, or with one that overlaps another.

    Parameters
    ----------
    parsed : ParsedTable
    polygons : list of geometry or None
        In the district's CRS.

    Returns
    -------
    list of Finding
    """
    findings = []
    sound: list[tuple[int, BaseGeometry]] = []
    for index, polygon in enumerate(polygons):
        if polygon is None:
            message = "the town has no polygon"
            findings.append(parsed.finding("missing-geometry", message, index, "geometry", accepted="Polygon"))
        elif not polygon.is_valid:
            message = f"the polygon is invalid: {shapely.is_valid_reason(polygon)}"
            fix = "mend it in a GIS (make valid)"
            findings.append(parsed.finding("invalid-polygon", message, index, "geometry", fix=fix))
        else:
            sound.append((index, polygon))
    tree = shapely.STRtree([polygon for _, polygon in sound])
    for later, (index, polygon) in enumerate(sound):
        for earlier in sorted(int(hit) for hit in tree.query(polygon, predicate="intersects") if hit < later):
            other, neighbour = sound[earlier]
            area_m2 = polygon.intersection(neighbour).area
            if area_m2 > OVERLAP_M2:
                code = parsed.values["town_code"][other]
                message = f"the polygon overlaps that of {code} (row {parsed.rows[other]}) by {area_m2:.0f} m2"
                fix = "cut one of the two along the shared border"
                findings.append(parsed.finding("overlap", message, index, "geometry", fix=fix))
    return findings


def check_points(
    parsed: ParsedTable, points: Points, towns: dict[str, BaseGeometry], *, datum: str, crs: str
) -> list[Finding]:
    """List points outside the district, points in another town than they say, and a layer of doubtful datum.

    Parameters
    ----------
    parsed : ParsedTable
    points : Points
    towns : dict of town_code to polygon
        Valid polygons in the district's CRS.
    datum : str
        Stated datum of the layer.
    crs : str

    Returns
    -------
    list of Finding
    """
    union = shapely.union_all(list(towns.values()))
    slack_m = GAUGE_M if parsed.table.name == "gauges" else OUTSIDE_M
    shapely.prepare(union)
    away_m = shapely.distance(points.shapes, union)
    findings = []
    for index in np.flatnonzero(away_m > slack_m):
        findings.append(_outside(parsed, int(index), float(away_m[index]), union, datum, crs))
    inside = away_m <= slack_m
    if "town_code" in parsed.table.names:
        findings.extend(_wrong_town(parsed, points, towns, inside))
        findings.extend(_doubtful_datum(parsed, points, towns, datum, crs))
    return findings


def _outside(parsed: ParsedTable, index: int, away_m: float, union: BaseGeometry, datum: str, crs: str) -> Finding:
    lon, lat = parsed.values["lon"][index], parsed.values["lat"][index]
    hint = _explain_outside(lon, lat, union, datum, crs)
    is_gauge = parsed.table.name == "gauges"
    return parsed.finding(
        "outside-district",
        f"the point lies {_distance(away_m)} outside the district" + (f"; it {hint}" if hint else ""),
        index,
        "lon",
        value=f"{lon}, {lat}",
        accepted=f"within {GAUGE_M / 1000:.0f} km of the district" if is_gauge else "inside a town",
        fix=f"state the right datum for the layer {parsed.table.name}, or correct the point",
    )


def _distance(metres: float) -> str:
    return f"{metres:.0f} m" if metres < 10_000 else f"{metres / 1000:.0f} km"


def _explain_outside(lon: float, lat: float, union: BaseGeometry, datum: str, crs: str) -> str:
    """Say what mistake would put the point inside."""
    for other in ("GCJ-02", "BD-09", "WGS84"):
        if other == datum or (other == "WGS84" and datum == "CGCS2000"):
            continue
        point = _project(*to_wgs84([lon], [lat], other), crs)[0]
        if point is not None and union.covers(point):
            return f"looks like {other}: it would be inside if the layer were {other} instead of {datum}"
    if abs(lon) <= 90:
        swapped = _project(*to_wgs84([lat], [lon], datum), crs)[0]
        if swapped is not None and union.covers(swapped):
            return "looks like longitude and latitude were swapped"
    return ""


def _wrong_town(
    parsed: ParsedTable, points: Points, towns: dict[str, BaseGeometry], inside: NDArray[np.bool_]
) -> list[Finding]:
    findings = []
    for index in np.flatnonzero(inside):
        code = parsed.values["town_code"][index]
        if code not in towns or points.shapes[index].distance(towns[code]) <= TOWN_M:
            continue
        away_m = points.shapes[index].distance(towns[code])
        message = f"the point lies {_distance(away_m)} outside the town it names"
        fix = "correct the point or the town"
        findings.append(
            parsed.finding("wrong-town", message, int(index), "town_code", value=code, fix=fix, severity="warning")
        )
    return findings


def _doubtful_datum(
    parsed: ParsedTable, points: Points, towns: dict[str, BaseGeometry], datum: str, crs: str
) -> list[Finding]:
    """Warn if the whole layer would fit the towns clearly better in another datum."""
    codes = np.array(parsed.values["town_code"], dtype=object)
    lon = np.array(parsed.values["lon"], dtype=np.float64)
    lat = np.array(parsed.values["lat"], dtype=np.float64)
    used = np.array([code in towns for code in codes], dtype=bool) & np.isfinite(lon) & np.isfinite(lat)
    if used.sum() < SUSPECT_ROWS:
        return []
    homes = np.array([towns[code] for code in codes[used]], dtype=object)

    def share(shapes: Any) -> float:
        return float(np.mean(shapely.intersects(homes, shapes)))

    stated = share(points.shapes[used])
    alike = {"WGS84", "CGCS2000"} if datum in ("WGS84", "CGCS2000") else {datum}
    rivals = {
        other: share(_project(*to_wgs84(lon[used], lat[used], other), crs)) for other in DATUMS if other not in alike
    }
    best = max(rivals, key=lambda other: rivals[other])
    if rivals[best] < stated + SUSPECT_SHARE:
        return []
    return [
        Finding(
            code="doubtful-datum",
            message=f"the layer looks like {best}: {rivals[best]:.0%} of its points would lie in the town they name, "
            f"against {stated:.0%} in {datum}",
            file=parsed.file,
            value=datum,
            fix=f"ask who made the layer; if it is {best}, say so in district.yaml",
            severity="warning",
        )
    ]
