"""Radar composites in ODIM_H5, the exchange format of European weather services."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from risk_models.errors import refuse
from risk_models.forecast.rainfall import Quality
from risk_models.forecast.readers.apart import Decoded, decode_apart
from risk_models.forecast.readers.field import (
    MAX_INTERVAL_H,
    Header,
    RateRelation,
    hours_between,
    rate_from_dbz,
    reading_of,
    scaled,
)
from risk_models.forecast.readers.hdf5 import attribute, named_dataset, named_group, number, open_hdf5
from risk_models.forecast.readers.radar_grid import corner_on_plane, plane_axes, radar_field
from risk_models.forecast.readers.reading import FileReading, gunzip, read_bytes

__all__ = ["read_odim"]

LIMIT_BYTES = 512 * 1024 * 1024
UNITS = {"ACRR": "mm", "RATE": "mm/h", "DBZH": "dBZ"}  # in order of preference
DOUBTFUL_INDEX = 0.5  # of QIND, 0 to 1
OBJECTS = ("COMP", "IMAGE")


def read_odim(
    path: Path | str, *, interval_h: float | None = None, relation: RateRelation | None = None
) -> tuple[xr.Dataset, FileReading]:
    """Read rain from a composite.

    Parameters
    ----------
    path : Path or str
        With ACRR [mm], RATE [mm/h] or DBZH [dBZ]; the first of them that is there is read, at every time it has.
    interval_h : float, optional
        Time for which a rate is taken to hold, ending at the end time of the map [h]; needed where start and end
        of the map are the same. Never used for ACRR.
    relation : tuple of float, optional
        a and b of Z = a R^b, for DBZH only; a composite of reflectivity is refused without it.

    Returns
    -------
    xarray.Dataset
        See `field`; ``rain_mm(time, y, x)``, ``x`` and ``y`` on the plane of ``crs``. ``nodata`` is NaN,
        ``undetect`` is 0 (seen, and dry). Where the file has a quality index QIND below 0.5, quality is 3.
    FileReading

    Raises
    ------
    BadInputError
        If it is no composite, has no rain, or a size, time, scale or projection of its header is absurd.

    References
    ----------
    EUMETNET OPERA: ODIM_H5, OPERA Data Information Model for HDF5, v2.2 to 2.4.

    Examples
    --------
    >>> read_odim("absent.h5")
    Traceback (most recent call last):
    ...
    BadInputError: absent.h5: 1 problem
      absent.h5: no such file. Check the feed and its path. [missing-file]
    """
    path = Path(path)
    data, sha256 = read_bytes(path, limit_bytes=LIMIT_BYTES)
    content = gunzip(data, file=path.name, limit_bytes=LIMIT_BYTES)
    head, arrays = decode_apart(path.name, lambda: _decode(content, path.name))
    quantity, rows, columns = head["quantity"], head["rows"], head["columns"]
    if quantity == "DBZH" and relation is None:
        fix = "state relation, e.g. (200, 1.6)"
        refuse(path.name, "no-relation", "reflectivity needs a relation Z = a R^b", value=quantity, fix=fix)
    maps, flags, ends, hours = [], [], [], []
    for times, values, quality in zip(head["times"], arrays[::2], arrays[1::2], strict=True):
        begin, end = (_time(text, path.name) for text in times)
        held = _held(path.name, begin, end, None if quantity == "ACRR" else interval_h)
        maps.append(_to_mm(values, quantity, held, relation)[::-1])
        flags.append(quality[::-1])
        ends.append(end)
        hours.append(held)
    left, top = corner_on_plane(head["crs"], head["corner"], path.name)
    axes = plane_axes(left, top, cell_x=head["cell_x"], cell_y=head["cell_y"], columns=columns, rows=rows)
    label = "bounds" if quantity == "ACRR" else "instant"
    header = Header(
        kind="odim",
        file=path.name,
        sha256=sha256,
        variable=quantity,
        unit=UNITS[quantity],
        label=label,
        crs=head["crs"],
    )
    dataset = radar_field(maps, ends=ends, interval_h=hours, axes=axes, header=header, quality=flags)
    return dataset, reading_of(dataset, "ODIM_H5")


def _to_mm(values: NDArray[Any], quantity: str, held_h: float, relation: RateRelation | None) -> NDArray[Any]:
    if quantity == "ACRR":
        return values
    if quantity == "DBZH" and relation is not None:
        return scaled(rate_from_dbz(values, relation), held_h)
    return scaled(values, held_h)


def _time(text: str, file: str) -> datetime:
    if not re.fullmatch(r"\d{14}", text):
        refuse(file, "bad-time", "time cannot be read", value=text, accepted="date YYYYMMDD and time HHMMSS, UTC")
    try:
        return datetime.strptime(text + "+0000", "%Y%m%d%H%M%S%z")
    except ValueError:
        refuse(file, "bad-time", "time cannot be read", value=text, accepted="date YYYYMMDD and time HHMMSS, UTC")


def _held(file: str, begin: datetime, end: datetime, interval_h: float | None) -> float:
    if interval_h is not None:
        if not 0 < interval_h <= MAX_INTERVAL_H:
            refuse(file, "bad-time", "interval out of bounds", value=interval_h, accepted=f"0 to {MAX_INTERVAL_H:g} h")
        return interval_h
    if begin == end:
        refuse(file, "no-interval", "start and end are the same time", value=end.isoformat(), fix="state interval_h")
    return hours_between(file, begin, end, code="bad-time")


def _decode(data: bytes, file: str) -> Decoded:
    opened = open_hdf5(data, file)
    what, where = named_group(opened, "what", file), named_group(opened, "where", file)
    convention = str(attribute([opened], "Conventions", file))
    if not convention.startswith("ODIM_H5/"):
        refuse(file, "bad-hdf5", "is no ODIM_H5", column="Conventions", value=convention, accepted="ODIM_H5/V2_x")
    if attribute([what], "object", file) not in OBJECTS:
        refuse(file, "bad-hdf5", "is no composite", column="what@object", accepted=", ".join(OBJECTS))
    rows, columns = (int(number([where], name, file, bounds=(1, 20_000))) for name in ("ysize", "xsize"))
    head: dict[str, Any] = {"rows": rows, "columns": columns, "crs": str(attribute([where], "projdef", file))}
    head["cell_x"], head["cell_y"] = (number([where], name, file, bounds=(1e-3, 1e5)) for name in ("xscale", "yscale"))
    limits = {"UL_lon": (-180.0, 360.0), "UL_lat": (-90.0, 90.0)}
    head["corner"] = [number([where], name, file, bounds=bounds) for name, bounds in limits.items()]
    head["quantity"], found = _rain_of(opened, file)
    head["times"], arrays = [], []
    for dataset, holder in found:
        head["times"].append(_span(opened, dataset, file))
        arrays += _map(opened, dataset, holder, (rows, columns), file)
    return head, arrays


def _numbered(parent: h5py.Group, stem: str) -> list[h5py.Group]:
    names = [name for name in parent if re.fullmatch(stem + r"\d{1,4}", name)]
    return [parent[name] for name in sorted(names, key=lambda name: int(name.removeprefix(stem)))]


def _whats(*groups: h5py.Group) -> list[h5py.Group]:
    return [group["what"] for group in groups if isinstance(group.get("what"), h5py.Group)]


def _rain_of(opened: h5py.File, file: str) -> tuple[str, list[tuple[h5py.Group, h5py.Group]]]:
    by_quantity: dict[str, list[tuple[h5py.Group, h5py.Group]]] = {}
    for dataset in _numbered(opened, "dataset"):
        for holder in _numbered(dataset, "data"):
            quantity = str(attribute(_whats(holder, dataset, opened), "quantity", file))
            by_quantity.setdefault(quantity, []).append((dataset, holder))
    chosen = next((quantity for quantity in UNITS if quantity in by_quantity), None)
    if chosen is None:
        held = ", ".join(sorted(by_quantity)) or "nothing"
        refuse(file, "no-rain", "no quantity is rain", value=held, accepted=", ".join(UNITS))
    return chosen, by_quantity[chosen]


def _span(opened: h5py.File, dataset: h5py.Group, file: str) -> list[str]:
    own = _whats(dataset)
    if own and "enddate" in own[0].attrs:
        names = (("startdate", "starttime"), ("enddate", "endtime"))
        return ["".join(str(attribute(own, part, file)) for part in pair) for pair in names]
    nominal = "".join(str(attribute(_whats(opened), part, file)) for part in ("date", "time"))
    return [nominal, nominal]


def _map(
    opened: h5py.File, dataset: h5py.Group, holder: h5py.Group, shape: tuple[int, int], file: str
) -> list[NDArray[Any]]:
    """Return values, NaN without data, and flags; dry is 0, or minus infinity where the values are dBZ."""
    raw, _ = named_dataset(holder, "data", file, shape=shape)
    whats = _whats(holder, dataset, opened)
    scales = {name: number(whats, name, file) for name in ("gain", "offset", "nodata", "undetect")}
    if scales["gain"] == 0:
        refuse(file, "bad-hdf5", "attribute is out of bounds", column="gain", value=0, accepted="not 0")
    dry = -np.inf if attribute(whats, "quantity", file) == "DBZH" else 0.0
    values = np.where(raw == scales["undetect"], dry, raw * scales["gain"] + scales["offset"])
    values = scaled(np.where(raw == scales["nodata"], np.nan, values), 1.0)
    return [values, _flags(holder, dataset, shape, file)]


def _flags(holder: h5py.Group, dataset: h5py.Group, shape: tuple[int, int], file: str) -> NDArray[np.int8]:
    flags = np.full(shape, int(Quality.NOT_EVALUATED), dtype=np.int8)
    for index in [*_numbered(holder, "quality"), *_numbered(dataset, "quality")]:
        whats = _whats(index)
        if whats and "quantity" in whats[0].attrs and attribute(whats, "quantity", file) == "QIND":
            raw, _ = named_dataset(index, "data", file, shape=shape)
            value = raw * number(whats, "gain", file) + number(whats, "offset", file)
            flags[value < DOUBTFUL_INDEX] = Quality.SUSPECT
    return flags
