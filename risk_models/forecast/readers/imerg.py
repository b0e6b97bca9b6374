"""IMERG, the satellite rain of GPM: HDF5 as published, or the NetCDF of a subset."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from risk_models.errors import refuse
from risk_models.forecast.rainfall import Quality, to_datetime64
from risk_models.forecast.readers.apart import Decoded, decode_apart
from risk_models.forecast.readers.field import (
    BBox,
    Header,
    build_field,
    crop,
    hours_between,
    reading_of,
    scaled,
    tidy_lat_lon,
)
from risk_models.forecast.readers.hdf5 import attribute, named_dataset, open_hdf5
from risk_models.forecast.readers.reading import FileReading, read_bytes
from risk_models.forecast.readers.units import rain_unit

__all__ = ["read_imerg"]

LIMIT_BYTES = 512 * 1024 * 1024
VARIABLES = ("precipitation", "precipitationCal")  # from version 07, and before
INDEX = "precipitationQualityIndex"
DOUBTFUL_INDEX = 0.4
AXES = ("time", "lat", "lon")
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def read_imerg(path: Path | str, *, bbox: BBox | None = None) -> tuple[xr.Dataset, FileReading]:
    """Read the rain of one or more IMERG intervals.

    Parameters
    ----------
    path : Path or str
    bbox : tuple of float, optional
        West, south, east, north [degrees]; the part of the grid to keep, with one cell around it.

    Returns
    -------
    xarray.Dataset
        See `field`; ``rain_mm(time, lat, lon)``. IMERG labels an interval with its BEGIN; its ``time_bnds`` give the
        END used here. Where the quality index of the file is below 0.4, quality is 3.
    FileReading

    Raises
    ------
    BadInputError
        If it is no IMERG file, or a size, time or unit of its header is absurd.

    References
    ----------
    Huffman et al., NASA: IMERG Technical Documentation (07), and the quality index: IMERG Quality Index, 2019.

    Examples
    --------
    >>> read_imerg("absent.HDF5")
    Traceback (most recent call last):
    ...
    BadInputError: absent.HDF5: 1 problem
      absent.HDF5: no such file. Check the feed and its path. [missing-file]
    """
    path = Path(path)
    file = path.name
    data, sha256 = read_bytes(path, limit_bytes=LIMIT_BYTES)
    head, (values, flags, lat, lon, bounds) = decode_apart(file, lambda: _decode(data, file, bbox))
    begins, ends = ([_moment(file, head["time_unit"], float(number)) for number in column] for column in bounds.T)
    hours = [hours_between(file, *span, code="bad-time") for span in zip(begins, ends, strict=True)]
    unit = rain_unit(head["unit"])
    if unit is None:
        refuse(
            file, "bad-unit", "is no unit of rain", column=head["variable"], value=head["unit"], accepted="mm/hr, mm"
        )
    factor = unit.factor * (np.asarray(hours)[:, None, None] if unit.is_rate else 1)
    header = Header(kind="imerg", file=file, sha256=sha256, variable=head["variable"], unit=head["unit"], label="begin")
    dataset = build_field(
        scaled(values, factor),
        AXES,
        end=np.array([to_datetime64(end) for end in ends]),
        interval_h=hours,
        coords={"lat": lat, "lon": lon},
        header=header,
        quality=flags,
    )
    return dataset, reading_of(dataset, "IMERG HDF5")


def _moment(file: str, unit: str, value: float) -> datetime:
    found = re.match(r"(second|minute|hour|day)s? since (\d{4}-\d{2}-\d{2})[ T]?(\d{2}:\d{2}:\d{2})?", unit)
    try:
        if found is None:
            raise ValueError(unit)
        origin = datetime.fromisoformat(f"{found[2]}T{found[3] or '00:00:00'}").replace(tzinfo=UTC)
        return origin + timedelta(seconds=value * SECONDS[found[1]])
    except (ValueError, OverflowError):
        refuse(file, "bad-time", "time cannot be read", column="time", value=f"{value:g} {unit}")


def _decode(data: bytes, file: str, bbox: BBox | None) -> Decoded:
    opened = open_hdf5(data, file)
    grid = opened["Grid"] if isinstance(opened.get("Grid"), h5py.Group) else opened
    variable = next((name for name in VARIABLES if isinstance(grid.get(name), h5py.Dataset)), None)
    if variable is None:
        refuse(file, "no-rain", "no variable is rain", value=", ".join(list(grid)[:20]), accepted=", ".join(VARIABLES))
    lat, lon = (named_dataset(grid, name, file)[0].astype(np.float64) for name in ("lat", "lon"))
    time, time_place = named_dataset(grid, "time", file)
    if not lat.ndim == lon.ndim == time.ndim == 1 or not min(lat.size, lon.size, time.size):
        refuse(file, "bad-hdf5", "axes must have one dimension and a value")
    bounds_name = next((name for name in ("time_bnds", "time_bounds") if name in grid), "time_bnds")
    bounds, _ = named_dataset(grid, bounds_name, file, shape=(time.size, 2))
    rows, columns, lat, lon = tidy_lat_lon(file, lat, lon, code="bad-grid")
    keep_lat, keep_lon = crop(file, lat, lon, bbox)
    sizes = {"time": time.size, "lat": lat.size, "lon": lon.size}
    rain, place = _in_order(grid, variable, sizes, file)
    cut = np.ix_(np.arange(time.size), rows[keep_lat], columns[keep_lon])
    flags = np.full(rain[cut].shape, int(Quality.NOT_EVALUATED), dtype=np.int8)
    if INDEX in grid:
        flags[_in_order(grid, INDEX, sizes, file)[0][cut] < DOUBTFUL_INDEX] = Quality.SUSPECT
    head = {"variable": variable, "unit": _text(place, file), "time_unit": _text(time_place, file)}
    return head, [scaled(rain[cut], 1.0), flags, lat[keep_lat], lon[keep_lon], bounds.astype("<f8")]


def _text(place: h5py.Dataset, file: str) -> str:
    name = "units" if "units" in place.attrs else "Units"
    return str(attribute([place], name, file))


def _in_order(grid: h5py.Group, name: str, sizes: dict[str, int], file: str) -> tuple[NDArray[Any], h5py.Dataset]:
    """Return a variable as (time, lat, lon), NaN where it is filled."""
    found = grid.get(name)
    if not isinstance(found, h5py.Dataset):
        refuse(file, "bad-hdf5", "dataset is missing", column=name)
    named = (
        [part.strip() for part in str(attribute([found], "DimensionNames", file)).split(",")]
        if ("DimensionNames" in found.attrs)
        else ["time", "lon", "lat"]
    )
    if sorted(named) != sorted(AXES):
        refuse(file, "bad-hdf5", "wrong dimensions", column=name, value=named, accepted=", ".join(AXES))
    values, place = named_dataset(grid, name, file, shape=[sizes[axis] for axis in named])
    table = values.transpose([named.index(axis) for axis in AXES]).astype(np.float64)
    fill = attribute([found], "_FillValue", file) if "_FillValue" in found.attrs else -9999.9
    return np.where((table == np.float64(fill)) | (table <= -9999.0), np.nan, table), place
