"""KNMI radar accumulations in HDF5 (KNMI HDF5 data format, one image)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np
import xarray as xr

from risk_models.errors import refuse
from risk_models.forecast.readers.apart import Decoded, decode_apart
from risk_models.forecast.readers.field import Header, hours_between, reading_of, scaled
from risk_models.forecast.readers.hdf5 import (
    attribute,
    named_dataset,
    named_group,
    number,
    open_hdf5,
    plain_time,
)
from risk_models.forecast.readers.radar_grid import corner_on_plane, plane_axes, radar_field
from risk_models.forecast.readers.reading import FileReading, gunzip, read_bytes

__all__ = ["read_knmi"]

LIMIT_BYTES = 64 * 1024 * 1024
FORMULA = re.compile(r"GEO\s*=\s*([-+.\dEe]+)\s*\*\s*PV\s*\+\s*([-+.\dEe]+)")
PARAMETER = "ACCUMULATED_PRECIPITATION_[MM]"
TIME_FORM = "%d-%b-%Y;%H:%M:%S.%f"


def read_knmi(path: Path | str) -> tuple[xr.Dataset, FileReading]:
    """Read one KNMI map of accumulated precipitation.

    Parameters
    ----------
    path : Path or str

    Returns
    -------
    xarray.Dataset
        See `field`; ``rain_mm(time, y, x)``, ``x`` and ``y`` in m on the plane of ``crs``.
    FileReading

    Raises
    ------
    BadInputError
        If it is no such file, or a size, time, unit or formula of its header is absurd.

    References
    ----------
    KNMI HDF5 Data Format Specification, v3.5.

    Examples
    --------
    >>> read_knmi("absent.h5")
    Traceback (most recent call last):
    ...
    BadInputError: absent.h5: 1 problem
      absent.h5: no such file. Check the feed and its path. [missing-file]
    """
    path = Path(path)
    data, sha256 = read_bytes(path, limit_bytes=LIMIT_BYTES)
    content = gunzip(data, file=path.name, limit_bytes=LIMIT_BYTES)
    head, (rain_mm,) = decode_apart(path.name, lambda: _decode(content, path.name))
    begin, end = (plain_time(head[key], TIME_FORM, path.name) for key in ("begin", "end"))
    header = Header(
        kind="knmi",
        file=path.name,
        sha256=sha256,
        variable=PARAMETER,
        unit="mm",
        label="bounds",
        crs=head["crs"],
    )
    axes = plane_axes(
        head["left"],
        head["top"],
        cell_x=head["cell_x"],
        cell_y=head["cell_y"],
        columns=rain_mm.shape[1],
        rows=rain_mm.shape[0],
    )
    _check_corner(head, axes, path.name)
    hours = hours_between(path.name, begin, end, code="bad-time")
    dataset = radar_field([rain_mm[::-1]], ends=[end], interval_h=[hours], axes=axes, header=header)
    return dataset, reading_of(dataset, "KNMI HDF5")


def _decode(data: bytes, file: str) -> Decoded:
    opened = open_hdf5(data, file)
    overview, geographic = named_group(opened, "overview", file), named_group(opened, "geographic", file)
    image = named_group(opened, "image1", file)
    if number([overview], "number_image_groups", file) != 1:
        refuse(file, "bad-hdf5", "several images in one file", accepted="one map of accumulated precipitation")
    parameter = attribute([image], "image_geo_parameter", file)
    if parameter != PARAMETER:
        refuse(file, "bad-hdf5", "is no rain", column="image_geo_parameter", value=parameter, accepted=PARAMETER)
    rows, columns = (
        int(number([geographic], f"geo_number_{name}", file, bounds=(1, 10_000))) for name in ("rows", "columns")
    )
    pixels, _ = named_dataset(image, "image_data", file, shape=(rows, columns))
    head = _placing(geographic, file)
    head["begin"], head["end"] = (attribute([overview], f"product_datetime_{name}", file) for name in ("start", "end"))
    return head, [_calibrate(pixels, named_group(image, "calibration", file), file)]


def _check_corner(head: dict[str, Any], axes: tuple[Any, Any], file: str) -> None:
    """Refuse a map whose lower left corner in degrees is not where its rows and columns put it."""
    easting, northing = corner_on_plane(head["crs"], head["lower_left"], file)
    off = max(abs(easting - axes[0][0]), abs(northing - axes[1][0]))
    if off > 2 * max(head["cell_x"], head["cell_y"]):
        accepted = "at most two cells"
        refuse(file, "bad-grid", "corner and offsets disagree", value=f"{off:.0f} m", accepted=accepted)


def _placing(geographic: h5py.Group, file: str) -> dict[str, Any]:
    if attribute([geographic], "geo_dim_pixel", file) != "KM,KM":
        refuse(file, "bad-hdf5", "unknown unit of cells", column="geo_dim_pixel", accepted="KM,KM")
    size_x = number([geographic], "geo_pixel_size_x", file, bounds=(0.01, 100))
    size_y = -number([geographic], "geo_pixel_size_y", file, bounds=(-100, -0.01))
    projection = named_group(geographic, "map_projection", file)
    crs = str(attribute([projection], "projection_proj4_params", file))
    corners = np.asarray(attribute([geographic], "geo_product_corners", file), dtype=np.float64).ravel()
    if corners.size != 8 or not (np.abs(corners) <= 180).all():
        refuse(file, "bad-hdf5", "attribute is out of bounds", column="geo_product_corners", value=corners)
    left = number([geographic], "geo_column_offset", file, bounds=(-1e5, 1e5)) * size_x
    top = -number([geographic], "geo_row_offset", file, bounds=(-1e5, 1e5)) * size_y
    return {
        # The file measures its plane, Earth included, in km; PROJ wants m.
        "crs": re.sub(r"\+([ab])=(\d+(?:\.\d+)?)", lambda axis: f"+{axis[1]}={float(axis[2]) * 1000:.10g}", crs),
        "cell_x": size_x * 1000,
        "cell_y": size_y * 1000,
        "left": left * 1000,
        "top": top * 1000,
        "lower_left": corners[:2].tolist(),
    }


def _calibrate(pixels: Any, calibration: h5py.Group, file: str) -> Any:
    formula = str(attribute([calibration], "calibration_formulas", file))
    found = FORMULA.fullmatch(formula.strip())
    if found is None:
        refuse(file, "bad-hdf5", "formula cannot be read", value=formula, accepted="GEO=<gain>*PV+<offset>")
    try:
        gain, offset = float(found[1]), float(found[2])
    except ValueError:
        gain = offset = float("nan")
    if not (0 < gain <= 10 and -10 <= offset <= 10):
        refuse(file, "bad-hdf5", "formula is out of bounds", value=formula, accepted="gain 0 to 10, offset -10 to 10")
    marks = [number([calibration], f"calibration_{name}", file) for name in ("missing_data", "out_of_image")]
    return scaled(np.where(np.isin(pixels, marks), np.nan, pixels * gain + offset), 1.0)
