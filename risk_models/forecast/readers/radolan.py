"""RADOLAN and RADVOR composites of the German weather service in their binary format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from risk_models.errors import refuse
from risk_models.forecast.rainfall import Quality
from risk_models.forecast.readers.field import Header, hours_between, reading_of
from risk_models.forecast.readers.radar_grid import corner_on_plane, plane_axes, radar_field
from risk_models.forecast.readers.reading import FileReading, gunzip, read_bytes

__all__ = ["read_radolan"]

LIMIT_BYTES = 16 * 1024 * 1024
PRODUCTS = {"RH", "RW", "RY", "SF", "SH", "SQ", "YW", "RE", "RQ"}  # amounts in two bytes
FORECASTS = {"RE", "RQ"}
MAX_HEADER = 2000
HEAD = re.compile(r"([A-Z]{2})(\d{2})(\d{2})(\d{2})(\d{5})(\d{2})(\d{2})")
FIELDS = {
    "size": r"BY\s*(\d{4,9})(?=VS)",
    "version": r"VS\s*(\d{1,2})(?=SW)",
    "precision": r"PR E([+-]\d{2})",
    "interval": r"INT\s*(\d{1,4})",
    "grid": r"GP\s*(\d{1,4})x\s*(\d{1,4})",
    "lead": r"VV\s*(\d{3})",
}
VALUE, INTERPOLATED, NO_DATA, NEGATIVE, CLUTTER = 0x0FFF, 0x1000, 0x2000, 0x4000, 0x8000
SPHERE = "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +R=6370040 +units=m +no_defs"
ELLIPSOID = "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +ellps=WGS84 +units=m +no_defs"
CENTRE = (9.0, 51.0)  # longitude and latitude of the middle of the national grid
CELL_M = 1000.0
# Rows and columns, and the cells left of and below the centre.
GRIDS = {(900, 900): (450, 450), (1100, 900): (370, 550), (1200, 1100): (470, 600)}
ELLIPSOID_FROM = 5  # format version


@dataclass(frozen=True)
class _Head:
    product: str
    at: datetime
    size: int
    version: int
    precision: float
    interval_h: float
    rows: int
    columns: int
    lead: timedelta
    length: int


def read_radolan(path: Path | str) -> tuple[xr.Dataset, FileReading]:
    """Read one composite of rain amounts.

    Parameters
    ----------
    path : Path or str
        Of a product with two bytes a cell: RW, RY, RH, SF, SH, SQ, YW, RE or RQ; gzip is opened.

    Returns
    -------
    xarray.Dataset
        See `field`; ``rain_mm(time, y, x)``, for RE and RQ ``rain_mm(member, time, y, x)`` with the time of the
        header as ``issued_at`` and its lead added to the END of the step. Clutter is marked suspect (3).
    FileReading

    Raises
    ------
    BadInputError
        If it is no such composite, or its header and the number of bytes disagree.

    References
    ----------
    DWD: RADOLAN/RADVOR, Hoch aufgeloeste Niederschlagsanalyse und -vorhersage, Kompositformat, version 2.5.

    Examples
    --------
    >>> read_radolan("absent.gz")
    Traceback (most recent call last):
    ...
    BadInputError: absent.gz: 1 problem
      absent.gz: no such file. Check the feed and its path. [missing-file]
    """
    path = Path(path)
    data, sha256 = read_bytes(path, limit_bytes=LIMIT_BYTES)
    content = gunzip(data, file=path.name, limit_bytes=LIMIT_BYTES)
    head = _header(content, path.name)
    raw = np.frombuffer(content, "<u2", head.rows * head.columns, head.length + 1).reshape(head.rows, head.columns)
    rain_mm, quality = _values(raw, head.precision)
    crs = ELLIPSOID if head.version >= ELLIPSOID_FROM else SPHERE
    end = head.at + head.lead
    hours_between(path.name, end - timedelta(hours=head.interval_h), end, code="bad-time")
    header = Header(
        kind="radolan",
        file=path.name,
        sha256=sha256,
        variable=head.product,
        unit=f"{head.precision:g} mm",
        label="end",
        issued_at=head.at if head.product in FORECASTS else None,
        crs=crs,
    )
    dataset = radar_field(
        [rain_mm],
        ends=[end],
        interval_h=[head.interval_h],
        axes=_axes(head, crs, path.name),
        header=header,
        quality=[quality],
    )
    return dataset, reading_of(dataset, "RADOLAN")


def _header(content: bytes, file: str) -> _Head:
    end = content.find(b"\x03", 0, MAX_HEADER)
    text = content[: max(end, 0)].decode("ascii", "replace")
    start = HEAD.match(text)
    if start is None:
        refuse(file, "bad-radolan", "is no RADOLAN composite", value=ascii(text[:20]))
    product, day, hour, minute, _, month, year = start.groups()
    if product not in PRODUCTS:
        accepted = ", ".join(sorted(PRODUCTS))
        refuse(file, "no-rain", "the product is no amount of rain that is known", value=product, accepted=accepted)
    found = {name: re.search(pattern, text) for name, pattern in FIELDS.items()}
    lacking = [name for name in ("size", "version", "precision", "interval", "grid") if found[name] is None]
    if lacking:
        refuse(file, "bad-radolan", "the header lacks a field", value=", ".join(lacking), fix="fetch it again")
    try:
        at = datetime(2000 + int(year), int(month), int(day), int(hour), int(minute), tzinfo=UTC)
    except ValueError:
        refuse(file, "bad-time", "time cannot be read", value=text[:17])

    def group(name: str, number: int = 1) -> int:
        match = found[name]
        return 0 if match is None else int(match[number])

    rows, columns, exponent = group("grid", 1), group("grid", 2), group("precision")
    if (rows, columns) not in GRIDS:
        accepted = ", ".join(f"{a} x {b}" for a, b in GRIDS)
        refuse(file, "bad-grid", "unknown grid", value=f"{rows} x {columns}", accepted=accepted)
    if not -3 <= exponent <= 0:
        refuse(file, "bad-radolan", "precision out of bounds", value=f"E{exponent:+03d}", accepted="E-03 to E-00")
    expected = end + 1 + 2 * rows * columns
    if not group("size") == len(content) == expected:
        value = f"{group('size')} claimed, {len(content)} there"
        refuse(file, "bad-radolan", "wrong number of bytes", value=value, accepted=str(expected), fix="fetch it again")
    return _Head(
        product=product,
        at=at,
        size=group("size"),
        version=group("version"),
        precision=10.0**exponent,
        interval_h=group("interval") / 60.0,
        rows=rows,
        columns=columns,
        lead=timedelta(minutes=group("lead")),
        length=end,
    )


def _values(raw: NDArray[Any], precision: float) -> tuple[NDArray[Any], NDArray[np.int8]]:
    """Return rain [mm] and flags; rows run from south to north, as in the file."""
    rain = (raw & VALUE) * precision
    rain = np.where(raw & NEGATIVE, -rain, rain)
    rain = np.where(raw & NO_DATA, np.nan, rain)
    return rain, np.where(raw & CLUTTER, Quality.SUSPECT, Quality.NOT_EVALUATED).astype(np.int8)


def _axes(head: _Head, crs: str, file: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    easting, northing = corner_on_plane(crs, CENTRE, file)
    left, below = GRIDS[head.rows, head.columns]
    top = northing + (head.rows - below) * CELL_M
    return plane_axes(easting - left * CELL_M, top, cell_x=CELL_M, cell_y=CELL_M, columns=head.columns, rows=head.rows)
