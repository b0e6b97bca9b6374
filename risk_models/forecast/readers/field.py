"""What every reader returns: rain per step in mm, END labels in UTC, quality, and where it comes from.

An `xarray.Dataset` with

- ``rain_mm`` [mm] in the step, NaN where unknown (never 0); dimensions ``time`` and the place (``gauge``, ``point``,
  ``lat, lon`` or ``y, x``), with ``member`` before ``time`` for forecasts;
- ``quality``, the same shape, int8, QARTOD: 2 not evaluated, 3 suspect, 4 fail, 9 missing;
- coordinates ``time`` (datetime64[ns], UTC, END of the step) and ``interval_h(time)`` [h], the length of each step;
- attributes ``kind``, ``file``, ``sha256``, ``variable``, ``unit`` ("mm"), ``label`` ("end"), ``source_unit`` and
  ``source_label`` (as in the file), ``issued_at`` (ISO, UTC, or ""), ``crs``, ``step_h`` (NaN if steps differ).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from risk_models.errors import BadInputError, Finding, refuse
from risk_models.forecast.rainfall import Quality, from_datetime64
from risk_models.forecast.readers.reading import FileReading, shorten

__all__ = [
    "BBox",
    "Header",
    "RateRelation",
    "build_field",
    "check_sizes",
    "crop",
    "field_attrs",
    "hours_between",
    "rain_ceiling_mm",
    "rate_from_dbz",
    "reading_of",
    "scaled",
    "tidy_lat_lon",
]

BBox = tuple[float, float, float, float]
"""West, south, east, north [degrees, WGS84]."""
RateRelation = tuple[float, float]
"""a and b of Z = a R^b, with Z in mm6/m3 and R in mm/h."""

MAX_RAIN_MM_H = 401.0  # world record of one hour, the ceiling of RainfallQC
MAX_VALUES = 100_000_000
ROUNDING_MM = 0.05  # packed files carry rounding just below 0
FIRST_YEAR, LAST_YEAR = 1900, 2200
MAX_INTERVAL_H = 31 * 24.0


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a file says of its rain.

    Attributes
    ----------
    kind : str
        Key of `registry.KINDS`.
    file, sha256 : str
        Name of the file and digest of its bytes as received.
    variable, unit, label : str
        As in the file; label is ``end``, ``begin``, ``bounds``, ``instant`` or ``accumulated``.
    issued_at : datetime or None
        Issue time of a forecast, UTC; None for observations.
    crs : str
        Of the axes, as PROJ text or ``EPSG:4326``; "" for places named by id.
    """

    kind: str
    file: str
    sha256: str
    variable: str
    unit: str
    label: str
    issued_at: datetime | None = None
    crs: str = "EPSG:4326"


def rain_ceiling_mm(interval_h: ArrayLike) -> NDArray[np.float64]:
    """Return rain that no place on Earth has passed in an interval.

    Parameters
    ----------
    interval_h : array_like
        Length of the interval [h].

    Returns
    -------
    ndarray
        401 mm times the square root of the duration in hours [mm]: above the records of 1 min (38 mm), 15 min
        (198 mm), 1 h (401 mm) and 1 day (1,825 mm).

    References
    ----------
    World records as in RainfallQC; that records grow with about the square root of duration: Jennings (1950),
    Monthly Weather Review 78, 4-5.

    Examples
    --------
    >>> rain_ceiling_mm([1 / 60, 0.25, 1, 24]).round().tolist()
    [52.0, 200.0, 401.0, 1964.0]
    """
    return MAX_RAIN_MM_H * np.sqrt(np.asarray(interval_h, dtype=np.float64))


def check_sizes(file: str, sizes: Mapping[Hashable, int], limits: Mapping[str, int], *, code: str) -> None:
    """Refuse claimed sizes that are out of bounds, before anything of that size is read.

    Raises
    ------
    BadInputError
        Naming every dimension that is empty or too large, or their product.
    """
    findings = [
        Finding(
            code=code,
            message="size out of bounds",
            file=file,
            column=dim,
            value=str(sizes[dim]),
            accepted=f"1 to {limit}",
        )
        for dim, limit in limits.items()
        if dim in sizes and not 1 <= sizes[dim] <= limit
    ]
    count = 1
    for size in sizes.values():
        count *= max(int(size), 1)
    if count > MAX_VALUES:
        message = "too many values"
        findings.append(
            Finding(code=code, message=message, file=file, value=str(count), accepted=f"at most {MAX_VALUES}")
        )
    if findings:
        raise BadInputError(file, findings)


def hours_between(file: str, begin: datetime, end: datetime, *, code: str) -> float:
    """Return the hours from begin to end, refusing an interval that is empty, backwards or absurd."""
    for when in (begin, end):
        if not FIRST_YEAR <= when.year <= LAST_YEAR:
            refuse(file, code, "time out of bounds", value=when.isoformat(), accepted=f"{FIRST_YEAR} to {LAST_YEAR}")
    hours = (end - begin).total_seconds() / 3600.0
    if not 0 < hours <= MAX_INTERVAL_H:
        span = f"{begin.isoformat()} to {end.isoformat()}"
        refuse(file, code, "interval out of bounds", value=span, accepted=f"0 to {MAX_INTERVAL_H:g} h")
    return hours


def crop(file: str, lat: NDArray[np.float64], lon: NDArray[np.float64], bbox: BBox | None) -> tuple[slice, slice]:
    """Return the part of rising axes that covers a box, with one cell around it.

    Raises
    ------
    BadInputError
        If the box and the grid have nothing in common.
    """
    if bbox is None:
        return slice(None), slice(None)
    parts = []
    for axis, (low, high) in ((lat, (bbox[1], bbox[3])), (lon, (bbox[0], bbox[2]))):
        inside = np.flatnonzero((axis >= low) & (axis <= high))
        first, last = (inside[0], inside[-1]) if len(inside) else (np.searchsorted(axis, low), -1)
        if not len(inside) and not axis[0] <= low <= high <= axis[-1]:
            span = f"{axis[0]:g} to {axis[-1]:g}"
            refuse(file, "outside-grid", "the grid does not cover the box", value=span, accepted=f"{low:g} to {high:g}")
        last = first if last < 0 else last
        parts.append(slice(max(int(first) - 1, 0), int(last) + 2))
    return parts[0], parts[1]


def tidy_lat_lon(
    file: str, lat: NDArray[np.float64], lon: NDArray[np.float64], *, code: str
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Bring axes into order: rising, longitudes from -180 to 180.

    Returns
    -------
    tuple of ndarray
        Order of the rows, order of the columns, and the axes in that order.

    Raises
    ------
    BadInputError
        If an axis is not finite, out of bounds, or has a value twice.

    Examples
    --------
    >>> rows, columns, lat, lon = tidy_lat_lon("g.nc", np.array([2.0, 1.0]), np.array([0.0, 359.0]), code="bad")
    >>> rows.tolist(), columns.tolist(), lat.tolist(), lon.tolist()
    ([1, 0], [1, 0], [1.0, 2.0], [-1.0, 0.0])
    """
    for name, axis, low, high in (("lat", lat, -90.0, 90.0), ("lon", lon, -180.0, 360.0)):
        if not np.isfinite(axis).all() or axis.min() < low - 1e-6 or axis.max() > high + 1e-6:
            refuse(file, code, "is out of bounds", column=name, accepted=f"{low:g} to {high:g} degrees")
    wrapped = np.asarray(np.where(lon > 180.0, lon - 360.0, lon), dtype=np.float64).round(9)
    rows, columns = np.argsort(lat, kind="stable"), np.argsort(wrapped, kind="stable")
    for name, axis in (("lat", lat[rows]), ("lon", wrapped[columns])):
        if (np.diff(axis) <= 0).any():
            refuse(file, code, "has a value twice", column=name)
    return rows, columns, lat[rows], wrapped[columns]


def rate_from_dbz(dbz: ArrayLike, relation: RateRelation) -> NDArray[np.float64]:
    """Turn radar reflectivity into rain rate with Z = a R^b.

    Parameters
    ----------
    dbz : array_like
        Reflectivity [dBZ].
    relation : tuple of float
        a and b, for Z in mm6/m3 and R in mm/h.

    Returns
    -------
    ndarray
        Rain rate [mm/h].

    References
    ----------
    Marshall, Langille and Palmer (1947), Journal of Meteorology 4, 186-192: a = 200, b = 1.6.

    Examples
    --------
    >>> rate_from_dbz([23.01, 40], (200.0, 1.6)).round(2).tolist()
    [1.0, 11.53]
    """
    a, b = relation
    if not (a > 0 and b > 0):
        raise ValueError(f"Z = a R^b needs a and b above 0, got {relation}")
    with np.errstate(over="ignore"):
        rate: NDArray[np.float64] = (10.0 ** (np.asarray(dbz, dtype=np.float64) / 10.0) / a) ** (1.0 / b)
    return rate


def scaled(values: ArrayLike, factor: ArrayLike) -> NDArray[np.float32]:
    """Multiply into float32; what is too large for it becomes infinite, which `build_field` marks failed.

    Examples
    --------
    >>> scaled([1.5, 1e300], 2.0).tolist()
    [3.0, inf]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return np.multiply(values, factor).astype(np.float32)


def build_field(
    rain_mm: NDArray[Any],
    dims: Sequence[str],
    *,
    end: NDArray[np.datetime64],
    interval_h: ArrayLike,
    coords: Mapping[str, Any],
    header: Header,
    quality: NDArray[np.int8] | None = None,
) -> xr.Dataset:
    """Make the dataset that every reader returns, flagging what cannot be rain.

    Parameters
    ----------
    rain_mm : ndarray
        Rain of each step [mm], NaN where unknown.
    dims : sequence of str
        Dimensions of `rain_mm`, ``time`` among them.
    end : ndarray of datetime64
        END of each step, UTC.
    interval_h : array_like
        Length of each step [h].
    coords : mapping
        Further coordinates.
    header : Header
    quality : ndarray of int8, optional
        Flags known from the file; a value that is not finite, below 0 or above every record is flagged here.

    Returns
    -------
    xarray.Dataset
        See the module.

    Raises
    ------
    BadInputError
        If steps do not rise, or no value is possible as rain though values are there.
    """
    hours = np.broadcast_to(np.asarray(interval_h, dtype=np.float64), end.shape)
    ends = end.astype("datetime64[ns]")
    if np.isnat(ends).any() or (np.diff(ends) <= np.timedelta64(0)).any():
        refuse(header.file, "bad-time", "step ends must rise", column="time")
    rain = scaled(rain_mm, 1.0)
    flags = np.full(rain.shape, int(Quality.NOT_EVALUATED), dtype=np.int8) if quality is None else quality.copy()
    shape = [-1 if dim == "time" else 1 for dim in dims]
    ceiling = rain_ceiling_mm(hours).astype(np.float32).reshape(shape)
    failed = (rain < -ROUNDING_MM) | (rain > ceiling)
    missing = np.isnan(rain)
    flags[missing] = Quality.MISSING
    flags[failed] = Quality.FAIL
    if failed.any() and not (~failed & ~missing).any():
        span = f"{np.nanmin(rain):g} to {np.nanmax(rain):g}"
        accepted = f"0 to {float(ceiling.max()):g} mm in a step"
        refuse(
            header.file,
            "absurd-rain",
            "no value is possible as rain",
            column=header.variable,
            value=span,
            accepted=accepted,
        )
    clean = np.maximum(rain, np.float32(0.0))
    if failed.any():
        clean[failed] = np.nan
    step_h = float(hours[0]) if np.allclose(hours, hours[0]) and _regular(ends, float(hours[0])) else float("nan")
    return xr.Dataset(
        {
            "rain_mm": (tuple(dims), clean, {"units": "mm", "cell_methods": "time: sum"}),
            "quality": (tuple(dims), flags),
        },
        coords={"time": ends, "interval_h": ("time", hours.copy(), {"units": "h"}), **coords},
        attrs=field_attrs(header, step_h),
    )


def _regular(ends: NDArray[np.datetime64], hours: float) -> bool:
    return bool((np.diff(ends) == np.timedelta64(round(hours * 3600), "s")).all())


def field_attrs(header: Header, step_h: float) -> dict[str, Any]:
    """Return the attributes of a dataset, in plain types."""
    issued = header.issued_at
    return {
        "kind": header.kind,
        "file": header.file,
        "sha256": header.sha256,
        "variable": header.variable,
        "unit": "mm",
        "source_unit": header.unit,
        "label": "end",
        "source_label": header.label,
        "issued_at": "" if issued is None else issued.astimezone(UTC).isoformat(),
        "crs": header.crs,
        "step_h": step_h,
    }


def reading_of(
    dataset: xr.Dataset, encoding: str, *, rejected: int = 0, read: int | None = None, findings: Sequence[Finding] = ()
) -> FileReading:
    """Return what was read into a dataset of `build_field`; rows are its steps unless `read` counts other records."""
    quality = dataset["quality"]
    other = [dim for dim in dataset["rain_mm"].dims if dim != "time"]
    known = np.flatnonzero(dataset["rain_mm"].notnull().any(other).to_numpy())
    end = dataset["time"].to_numpy()
    failed = int((quality == Quality.FAIL).sum())
    notes = list(findings)
    if failed:
        message = f"{failed} values cannot be rain and were marked failed"
        notes.append(Finding(code="absurd-rain", message=message, file=dataset.attrs["file"], severity="warning"))
    return FileReading(
        file=dataset.attrs["file"],
        sha256=dataset.attrs["sha256"],
        encoding=encoding,
        rows_read=len(end) if read is None else read,
        rows_rejected=rejected,
        values_missing=int((quality == Quality.MISSING).sum()),
        values_failed=failed,
        first_value_at=from_datetime64(end[known[0]]) if len(known) else None,
        last_value_at=from_datetime64(end[known[-1]]) if len(known) else None,
        findings=shorten(notes, dataset.attrs["file"]),
    )
