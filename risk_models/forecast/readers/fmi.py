"""Reflectivity maps of the Finnish weather service (FMI) in GeoTIFF."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from risk_models.errors import refuse
from risk_models.forecast.readers.apart import Decoded, decode_apart
from risk_models.forecast.readers.field import (
    MAX_INTERVAL_H,
    Header,
    RateRelation,
    check_sizes,
    hours_between,
    rate_from_dbz,
    reading_of,
    scaled,
)
from risk_models.forecast.readers.radar_grid import plane_axes, radar_field
from risk_models.forecast.readers.reading import FileReading, read_bytes

__all__ = ["read_fmi"]

LIMIT_BYTES = 256 * 1024 * 1024
LIMITS = {"rows": 20_000, "columns": 20_000}
MAGIC = (b"II*\x00", b"MM\x00*")
ITEM = re.compile(r'<Item name="([\w ]{1,40})"[^>]{0,80}>([^<]{0,80})</Item>')
FINLAND = (223.0, 1.53)


def read_fmi(
    path: Path | str, *, interval_h: float = 5 / 60, relation: RateRelation = FINLAND
) -> tuple[xr.Dataset, FileReading]:
    """Read rain from a map of reflectivity.

    Parameters
    ----------
    path : Path or str
        GeoTIFF of one byte a cell, with FMI's items Observation time, Quantity (dBZ), Gain, Offset, Nodata, Undetect.
    interval_h : float
        Time for which the rate is taken to hold, ending at the observation time [h]; maps come every 5 min.
    relation : tuple of float
        a and b of Z = a R^b; FMI's own is 223 and 1.53.

    Returns
    -------
    xarray.Dataset
        See `field`; ``rain_mm(time, y, x)``, ``x`` and ``y`` in m on the plane of ``crs``. What no radar saw is NaN,
        what it saw without an echo is 0.
    FileReading

    Raises
    ------
    BadInputError
        If it is no such map, or a size, time or scale of its header is absurd.

    References
    ----------
    Leinonen et al. (2012), J. Appl. Meteorol. Climatol. 51, 392-404: a = 223, b = 1.53 for Finland.

    Examples
    --------
    >>> read_fmi("absent.tif")
    Traceback (most recent call last):
    ...
    BadInputError: absent.tif: 1 problem
      absent.tif: no such file. Check the feed and its path. [missing-file]
    """
    path = Path(path)
    file = path.name
    data, sha256 = read_bytes(path, limit_bytes=LIMIT_BYTES)
    if not data.startswith(MAGIC):
        refuse(file, "bad-geotiff", "is no GeoTIFF")
    if not 0 < interval_h <= MAX_INTERVAL_H:
        refuse(file, "bad-time", "interval out of bounds", value=interval_h, accepted=f"0 to {MAX_INTERVAL_H:g} h")
    head, (pixels,) = decode_apart(file, lambda: _decode(data, file))
    end = _time(head["items"].get("Observation time", ""), file)
    hours_between(file, end - timedelta(hours=interval_h), end, code="bad-time")
    scales = {name: _scale(head["items"], name, file) for name in ("Gain", "Offset", "Nodata", "Undetect")}
    # A byte has 256 values: look the rain up.
    rain = rate_from_dbz(np.arange(256) * scales["Gain"] + scales["Offset"], relation) * interval_h
    for name, value in (("Undetect", 0.0), ("Nodata", np.nan)):
        rain[int(scales[name])] = value
    header = Header(
        kind="fmi", file=file, sha256=sha256, variable="reflectivity", unit="dBZ", label="instant", crs=head["crs"]
    )
    axes = plane_axes(
        head["left"],
        head["top"],
        cell_x=head["cell_x"],
        cell_y=head["cell_y"],
        columns=pixels.shape[1],
        rows=pixels.shape[0],
    )
    dataset = radar_field(
        [scaled(rain, 1.0)[pixels[::-1]]], ends=[end], interval_h=[interval_h], axes=axes, header=header
    )
    return dataset, reading_of(dataset, "GeoTIFF")


def _time(text: str, file: str) -> datetime:
    try:
        if not re.fullmatch(r"\d{12}", text):
            raise ValueError(text)
        return datetime.strptime(text, "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        column, accepted = "Observation time", "YYYYMMDDhhmm, UTC"
        refuse(file, "bad-time", "time cannot be read", column=column, value=text, accepted=accepted)


def _scale(items: Mapping[str, str], name: str, file: str) -> float:
    low, high = {"Gain": (1e-3, 10.0), "Offset": (-200.0, 200.0)}.get(name, (0.0, 255.0))
    try:
        value = float(items[name])
    except (KeyError, ValueError):
        value = float("nan")
    if not low <= value <= high:
        accepted = f"{low:g} to {high:g}"
        refuse(
            file,
            "bad-geotiff",
            "item is missing or out of bounds",
            column=name,
            value=items.get(name),
            accepted=accepted,
        )
    return value


def _decode(data: bytes, file: str) -> Decoded:
    # Only the GeoTIFF driver, only from memory: no side files, no virtual files, no network.
    options = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "CPL_CURL_ENABLE_VSIMEM": "NO", "GDAL_PAM_ENABLED": "NO"}
    try:
        with rasterio.Env(**options), MemoryFile(data) as memory, memory.open(driver="GTiff") as raster:
            check_sizes(file, {"rows": raster.height, "columns": raster.width}, LIMITS, code="bad-geotiff")
            if raster.count != 1 or raster.dtypes[0] != "uint8" or raster.crs is None:
                refuse(file, "bad-geotiff", "must be one georeferenced band of bytes", value=raster.dtypes)
            place = raster.transform
            if place.b or place.d or not (0 < place.a < 1e5 and -1e5 < place.e < 0):
                refuse(file, "bad-grid", "the map is turned or its cells are absurd", value=tuple(place)[:6])
            items = dict(ITEM.findall(str(raster.tags().get("GDAL_METADATA", ""))[:10_000]))
            if 'unit="dBZ"' not in str(raster.tags().get("GDAL_METADATA", "")):
                refuse(file, "bad-unit", "the quantity is not reflectivity in dBZ", value=items.get("Quantity"))
            head: dict[str, Any] = {"items": items, "crs": raster.crs.to_wkt()}
            head |= {"left": place.c, "top": place.f, "cell_x": place.a, "cell_y": -place.e}
            return head, [raster.read(1)]
    except RasterioError as error:
        refuse(file, "bad-geotiff", "cannot be read", value=type(error).__name__, fix="fetch it again")
