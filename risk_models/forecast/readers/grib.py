"""Rain from GRIB2: GFS, ECMWF open data and other forecasts, and MRMS rates.

Step accumulations are undone (GFS restarts its buckets every 6 h, ECMWF counts from the issue), members are kept,
missing cells are NaN. ecCodes decodes in a process of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import eccodes  # type: ignore[import-untyped]
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from risk_models.errors import Finding, refuse
from risk_models.forecast.rainfall import to_datetime64
from risk_models.forecast.readers.apart import decode_apart
from risk_models.forecast.readers.field import (
    MAX_INTERVAL_H,
    BBox,
    Header,
    build_field,
    check_sizes,
    crop,
    hours_between,
    reading_of,
    scaled,
    tidy_lat_lon,
)
from risk_models.forecast.readers.grib_sections import GribField, split_fields
from risk_models.forecast.readers.reading import FileReading, gunzip, read_bytes
from risk_models.forecast.readers.steps import Accumulation, undo_accumulations

__all__ = ["read_grib"]

LIMIT_BYTES = 1024 * 1024 * 1024
LIMITS = {"lat": 20_000, "lon": 40_000, "field": 20_000, "member": 200}
STEP_SECONDS = {0: 60, 1: 3600, 2: 86400, 10: 3 * 3600, 11: 6 * 3600, 12: 12 * 3600, 13: 1}  # code table 4.4
ACCUMULATED, AVERAGED = 1, 0  # code table 4.10
INTERVAL_TEMPLATES = {8, 11}  # with an interval: single and ensemble
ENSEMBLE_TEMPLATES = {1, 11}
MISSING = -1e30


@dataclass(frozen=True)
class _Parameter:
    """One kind of rain: its name, unit, factor to mm (or mm/h for a rate), and codes that mean no data."""

    name: str
    unit: str
    factor: float
    is_rate: bool = False
    no_data: tuple[float, ...] = ()
    interval_h: float | None = None


# Discipline, category, number (code table 4.2; 193 is ECMWF's own, 209 the tables of MRMS).
PARAMETERS = {
    (0, 1, 8): _Parameter("total precipitation", "kg m-2", 1.0),
    (0, 1, 52): _Parameter("total precipitation rate", "kg m-2 s-1", 3600.0, is_rate=True),
    (0, 1, 7): _Parameter("precipitation rate", "kg m-2 s-1", 3600.0, is_rate=True),
    (0, 1, 193): _Parameter("total precipitation (ECMWF)", "m", 1000.0),
    (209, 6, 1): _Parameter("MRMS precipitation rate", "mm/h", 1.0, True, (-1.0, -3.0), 2 / 60),
}
ECMWF = 98


def read_grib(
    path: Path | str | Sequence[Path | str], *, bbox: BBox | None = None, interval_h: float | None = None
) -> tuple[xr.Dataset, FileReading]:
    """Read the rain of one issue from one or more GRIB2 files.

    Parameters
    ----------
    path : Path, str or sequence of them
        Files of one issue, as one per step; gzip is opened. Fields other than rain are passed over.
    bbox : tuple of float, optional
        West, south, east, north [degrees]; the part of the grid to keep, with one cell around it.
    interval_h : float, optional
        Time for which an instantaneous rate is taken to hold, ending at its time [h]; MRMS: 2 min if not given.

    Returns
    -------
    xarray.Dataset
        See `field`; ``rain_mm(member, time, lat, lon)``. ``issued_at`` is the reference time of a forecast; it is ""
        for an observed rate. With several files ``sha256`` is that of their bytes one after the other.
    FileReading

    Raises
    ------
    BadInputError
        If a file is cut or no GRIB2, has no rain, mixes issues or grids, or its header is absurd.

    References
    ----------
    WMO Manual on Codes, No. 306, Volume I.2, FM 92 GRIB edition 2.

    Examples
    --------
    >>> read_grib("absent.grib2")
    Traceback (most recent call last):
    ...
    BadInputError: absent.grib2: 1 problem
      absent.grib2: no such file. Check the feed and its path. [missing-file]
    """
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(one) for one in path]
    file = ", ".join(one.name for one in paths)
    fields: list[GribField] = []
    digest, passed = hashlib.sha256(), 0
    for one in paths:
        data, _ = read_bytes(one, limit_bytes=LIMIT_BYTES)
        digest.update(data)
        for field in split_fields(gunzip(data, file=one.name, limit_bytes=LIMIT_BYTES), one.name):
            wanted = (field.discipline, field.category, field.number) in PARAMETERS
            passed += not wanted
            if wanted:
                fields.append(field)
    if not fields:
        known = ", ".join("-".join(map(str, key)) for key in PARAMETERS)
        refuse(file, "no-rain", f"none of {passed} fields is rain", accepted=f"discipline-category-number {known}")
    check_sizes(file, {"field": len(fields)}, LIMITS, code="bad-grib")
    metadata, arrays = decode_apart(file, lambda: _decode(fields, file, bbox))
    return _assemble(metadata, arrays, file, digest.hexdigest(), interval_h, passed)


def _decode(fields: Sequence[GribField], file: str, bbox: BBox | None) -> tuple[Any, list[NDArray[Any]]]:
    """Child: headers and fields, cut to the box, rows rising in latitude and columns in longitude."""
    headers: list[dict[str, Any]] = []
    arrays: list[NDArray[Any]] = []
    grid: dict[str, Any] | None = None
    for field in fields:
        handle = eccodes.codes_new_from_message(field.message)
        try:
            own = _grid(handle, file)
            if grid is None:
                grid = own
                rows, columns, lat, lon = tidy_lat_lon(file, *_axes(own, file), code="bad-grib")
                keep_lat, keep_lon = crop(file, lat, lon, bbox)
                arrays += [lat[keep_lat], lon[keep_lon]]
            elif own != grid:
                refuse(file, "bad-grib", "fields on different grids")
            headers.append(_header(handle, field, file))
            values = _values(handle, field, grid)
            arrays.append(scaled(values[np.ix_(rows[keep_lat], columns[keep_lon])], 1.0))
        finally:
            eccodes.codes_release(handle)
    return headers, arrays


def _grid(handle: int, file: str) -> dict[str, Any]:
    kind = eccodes.codes_get(handle, "gridType")
    if kind != "regular_ll":
        refuse(file, "bad-grib", "unknown grid", value=kind, accepted="regular_ll (latitude and longitude)")
    keys = ("Ni", "Nj", "iScansNegatively", "jScansPositively", "jPointsAreConsecutive", "alternativeRowScanning")
    grid: dict[str, Any] = {key: eccodes.codes_get_long(handle, key) for key in keys}
    for key in ("latitudeOfFirst", "longitudeOfFirst", "latitudeOfLast", "longitudeOfLast"):
        grid[key] = eccodes.codes_get_double(handle, f"{key}GridPointInDegrees")
    check_sizes(file, {"lat": grid["Nj"], "lon": grid["Ni"]}, LIMITS, code="bad-grib")
    if grid["alternativeRowScanning"]:
        refuse(file, "bad-grib", "rows scan to and fro", accepted="rows that all scan one way")
    return grid


def _axes(grid: dict[str, Any], file: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return latitudes and longitudes in the order of the file."""
    south_north = np.linspace(grid["latitudeOfFirst"], grid["latitudeOfLast"], grid["Nj"])
    west, east = grid["longitudeOfFirst"], grid["longitudeOfLast"]
    if grid["iScansNegatively"]:
        west, east = east, west
    span = (east - west) % 360.0 if grid["Ni"] > 1 else 0.0
    if grid["Ni"] > 1 and span == 0.0:
        refuse(file, "bad-grib", "first and last longitude are the same", column="lon", value=west)
    lon = (west + np.linspace(0.0, span, grid["Ni"])) % 360.0
    return south_north, lon[::-1] if grid["iScansNegatively"] else lon


def _values(handle: int, field: GribField, grid: dict[str, Any]) -> NDArray[Any]:
    eccodes.codes_set(handle, "missingValue", MISSING)
    flat = eccodes.codes_get_array(handle, "values")
    parameter = PARAMETERS[field.discipline, field.category, field.number]
    absent = np.isin(flat, (MISSING, *parameter.no_data))
    flat = np.where(absent, np.nan, flat * parameter.factor)
    shape = (grid["Ni"], grid["Nj"]) if grid["jPointsAreConsecutive"] else (grid["Nj"], grid["Ni"])
    table: NDArray[Any] = flat.reshape(shape)
    return table.T if grid["jPointsAreConsecutive"] else table


def _header(handle: int, field: GribField, file: str) -> dict[str, Any]:
    key = (field.discipline, field.category, field.number)
    parts = ("year", "month", "day", "hour", "minute", "second")
    if field.template not in {0, 1} | INTERVAL_TEMPLATES:
        refuse(file, "bad-grib", "unknown product template", value=field.template, accepted="4.0, 4.1, 4.8, 4.11")
    if key == (0, 1, 193) and eccodes.codes_get_long(handle, "centre") != ECMWF:
        refuse(file, "bad-grib", "parameter 0-1-193 of a centre other than ECMWF has no known meaning")
    unit = eccodes.codes_get_long(handle, "indicatorOfUnitOfTimeRange")
    if unit not in STEP_SECONDS:
        refuse(file, "bad-grib", "unknown unit of time", value=unit, accepted=", ".join(map(str, STEP_SECONDS)))
    reference = _time([eccodes.codes_get_long(handle, part) for part in parts], file)
    lead_s = eccodes.codes_get_long(handle, "forecastTime") * STEP_SECONDS[unit]
    header: dict[str, Any] = {"key": key, "reference": reference.isoformat(), "begin_s": lead_s, "end_s": lead_s}
    header["member"] = (
        eccodes.codes_get_long(handle, "perturbationNumber") if field.template in ENSEMBLE_TEMPLATES else 0
    )
    scales = (eccodes.codes_get_long(handle, f"{scale}ScaleFactor") for scale in ("binary", "decimal"))
    header["error"] = _packing_error(*scales)
    header["process"] = None
    if field.template in INTERVAL_TEMPLATES:
        if eccodes.codes_get_long(handle, "numberOfTimeRange") != 1:
            refuse(file, "bad-grib", "several time ranges in one field", accepted="1")
        header["process"] = eccodes.codes_get_long(handle, "typeOfStatisticalProcessing")
        end_parts = [eccodes.codes_get_long(handle, f"{part}OfEndOfOverallTimeInterval") for part in parts]
        header["end_s"] = round((_time(end_parts, file) - reference).total_seconds())
    if not 0 <= header["begin_s"] <= header["end_s"] <= 400 * 86400:
        span = f"{header['begin_s']} to {header['end_s']} s"
        refuse(file, "bad-grib", "lead time out of bounds", value=span, accepted="0 to 400 d")
    return header


def _packing_error(binary: int, decimal: int) -> float:
    """Return half the step between packed numbers, in the unit of the field."""
    return float(0.5 * 2.0 ** min(binary, 60) * 10.0 ** min(-decimal, 60))


def _time(parts: Sequence[int], file: str) -> datetime:
    try:
        return datetime(*parts[:6], tzinfo=UTC)  # type: ignore[misc, arg-type]
    except ValueError:
        refuse(file, "bad-grib", "time cannot be read", value="-".join(map(str, parts)))


def _assemble(
    headers: list[dict[str, Any]],
    arrays: list[NDArray[Any]],
    file: str,
    sha256: str,
    interval_h: float | None,
    passed: int,
) -> tuple[xr.Dataset, FileReading]:
    lat, lon, *fields = arrays
    if len({(tuple(header["key"]), header["reference"]) for header in headers}) > 1:
        named = sorted({f"{header['key']} of {header['reference']}" for header in headers})
        refuse(file, "bad-grib", "several parameters or issues", value="; ".join(named), accepted="one of each")
    parameter = PARAMETERS[tuple(headers[0]["key"])]  # type: ignore[index]
    issued = datetime.fromisoformat(headers[0]["reference"])
    findings: list[Finding] = []
    by_member: dict[int, list[Accumulation]] = {}
    for header, rain in zip(headers, fields, strict=True):
        accumulation = _accumulation(header, rain, parameter, file, interval_h)
        by_member.setdefault(header["member"], []).append(accumulation)
    steps = {member: undo_accumulations(parts) for member, parts in sorted(by_member.items())}
    ends, hours, rain_mm = _stack(steps, findings, file)
    hours_between(file, issued + timedelta(seconds=ends[-1] - 1), issued + timedelta(seconds=ends[-1]), code="bad-grib")
    is_forecast = ends[-1] > 0
    header_out = Header(
        kind="grib",
        file=file,
        sha256=sha256,
        variable=parameter.name,
        unit=parameter.unit,
        label="instant" if headers[0]["process"] is None else "accumulated",
        issued_at=issued if is_forecast else None,
    )
    end = to_datetime64(issued) + np.asarray(ends) * np.timedelta64(1, "s").astype("timedelta64[ns]")
    coords = {"member": list(steps), "lat": lat, "lon": lon}
    dataset = build_field(
        rain_mm, ("member", "time", "lat", "lon"), end=end, interval_h=hours, coords=coords, header=header_out
    )
    return dataset, reading_of(dataset, "GRIB2", read=len(fields) + passed, rejected=0, findings=findings)


def _accumulation(
    header: dict[str, Any], rain: NDArray[Any], parameter: _Parameter, file: str, interval_h: float | None
) -> Accumulation:
    begin, end = header["begin_s"], header["end_s"]
    process = header["process"]
    if process is None:
        held = interval_h or parameter.interval_h
        if not parameter.is_rate:
            refuse(file, "bad-grib", "an amount of rain without an interval", accepted="template 4.8 or 4.11")
        if held is None or not 0 < held <= MAX_INTERVAL_H:
            refuse(file, "no-interval", "an instantaneous rate needs interval_h", value=held, fix="state interval_h")
        return Accumulation(end - round(held * 3600), end, scaled(rain, held))
    if process == ACCUMULATED:
        # An accumulated rate is an amount: its unit has lost the "per second" that `factor` stands for.
        factor = 1 / 3600 if parameter.is_rate else 1.0
    elif process == AVERAGED and parameter.is_rate:
        factor = (end - begin) / 3600
    else:
        refuse(file, "bad-grib", "unknown statistical process", value=process, accepted="0 (mean rate), 1 (sum)")
    if begin == end:
        refuse(file, "bad-grib", "an accumulation over no time", value=f"{begin} s")
    error = header["error"] * parameter.factor * factor + 1e-6
    return Accumulation(begin, end, scaled(rain, factor), error)


def _stack(
    steps: dict[int, list[Accumulation]], findings: list[Finding], file: str
) -> tuple[list[int], list[float], NDArray[Any]]:
    """Put members side by side; a step that a member lacks is NaN, a member cut otherwise is refused."""
    spans = sorted({(step.begin_s, step.end_s) for parts in steps.values() for step in parts})
    ends = [end for _, end in spans]
    if any(after[0] < before[1] for before, after in pairwise(spans)):
        refuse(file, "bad-grib", "members have different steps")
    shape = next(iter(steps.values()))[0].rain_mm.shape
    check_sizes(
        file, {"member": len(steps), "time": len(spans), "lat": shape[0], "lon": shape[1]}, LIMITS, code="bad-grib"
    )
    rain = np.full((len(steps), len(spans), *shape), np.nan, dtype=np.float32)
    for index, (member, parts) in enumerate(steps.items()):
        for step in parts:
            rain[index, spans.index((step.begin_s, step.end_s))] = step.rain_mm
        lacking = np.isnan(rain[index]).all(axis=(1, 2)).sum()
        if lacking:
            message = f"{lacking} of {len(spans)} steps cannot be had from the file and are unknown"
            findings.append(
                Finding(code="gap", message=message, file=file, column="member", value=str(member), severity="warning")
            )
    return ends, [(end - begin) / 3600 for begin, end in spans], rain
