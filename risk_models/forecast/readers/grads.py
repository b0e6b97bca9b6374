"""GrADS binary grids with their description (.ctl), as of the merged hourly rain of CMA."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from risk_models.errors import refuse
from risk_models.forecast.rainfall import to_datetime64
from risk_models.forecast.readers.field import (
    Header,
    build_field,
    check_sizes,
    hours_between,
    reading_of,
    scaled,
    tidy_lat_lon,
)
from risk_models.forecast.readers.reading import FileReading, gunzip, read_bytes
from risk_models.forecast.readers.units import rain_unit

__all__ = ["read_grads"]

LIMIT_BYTES = 256 * 1024 * 1024
CTL_LIMIT_BYTES = 1024 * 1024
LIMITS = {"time": 10_000, "variable": 100, "lat": 20_000, "lon": 40_000}
BYTE_ORDERS = {"little_endian": "<f4", "big_endian": ">f4"}
OPTIONS = {*BYTE_ORDERS, "yrev"}
STEP_HOURS = {"mn": 1 / 60, "hr": 1.0, "dy": 24.0}


@dataclass
class _Description:
    """What a .ctl says."""

    undefined: float = math.nan
    byte_order: str = ""
    is_north_first: bool = False
    lon: NDArray[np.float64] | None = None
    lat: NDArray[np.float64] | None = None
    times: int = 1
    start: datetime | None = None
    step_h: float | None = None
    variables: tuple[tuple[str, str], ...] = ()


def read_grads(
    path: Path | str,
    *,
    ctl: Path | str,
    variable: str | None = None,
    unit: str | None = None,
    end_at: datetime | None = None,
    step_h: float | None = None,
) -> tuple[xr.Dataset, FileReading]:
    """Read rain from a grid whose description stands beside it.

    Parameters
    ----------
    path : Path or str
        Binary 4-byte numbers without record marks, one level; gzip is opened.
    ctl : Path or str
        Description; a DSET in it is not followed.
    variable : str, optional
        Name of the rain; the first variable if not given. The others come along under their own names.
    unit : str, optional
        Unit of the rain; else from brackets in its description, as ``(mm/hour)``.
    end_at : datetime, optional
        END of the first step, aware; needed if the description has no TDEF (the times of which are taken as ENDS).
    step_h : float, optional
        Length of a step [h]; else from TDEF.

    Returns
    -------
    xarray.Dataset
        See `field`; ``rain_mm(time, lat, lon)``; a further variable has the same dimensions.
    FileReading

    Raises
    ------
    BadInputError
        If a keyword, size, unit or time is absent or absurd, or the sizes do not make up the file.

    References
    ----------
    GrADS documentation: Elements of a GrADS Data Descriptor File.

    Examples
    --------
    >>> read_grads("absent.grd", ctl="absent.ctl")
    Traceback (most recent call last):
    ...
    BadInputError: absent.ctl: 1 problem
      absent.ctl: no such file. Check the feed and its path. [missing-file]
    """
    path, ctl = Path(path), Path(ctl)
    text, _ = read_bytes(ctl, limit_bytes=CTL_LIMIT_BYTES)
    description = _describe(text.decode("utf-8", "replace"), ctl.name)
    data, sha256 = read_bytes(path, limit_bytes=LIMIT_BYTES)
    layers, lat, lon = _layers(gunzip(data, file=path.name, limit_bytes=LIMIT_BYTES), description, path.name)
    names = [name for name, _ in description.variables]
    chosen = names[0] if variable is None else variable
    if chosen not in names:
        refuse(ctl.name, "no-rain", "no such variable", value=chosen, accepted=", ".join(names))
    found = rain_unit(_unit_text(description, chosen, unit))
    if found is None:
        value = _unit_text(description, chosen, unit)
        refuse(ctl.name, "bad-unit", "is no unit of rain", column=chosen, value=value, fix="state unit, e.g. 'mm/h'")
    ends, hours = _times(description, end_at, step_h, ctl.name)
    factor = found.factor * (hours if found.is_rate else 1.0)
    header = Header(kind="grads", file=path.name, sha256=sha256, variable=chosen, unit=found.name, label="end")
    dataset = build_field(
        scaled(layers.pop(chosen), factor),
        ("time", "lat", "lon"),
        end=ends,
        interval_h=hours,
        coords={"lat": lat, "lon": lon},
        header=header,
    )
    others = {name: (("time", "lat", "lon"), layer) for name, layer in layers.items() if name not in dataset.variables}
    return dataset.assign(others), reading_of(dataset, "GrADS")


def _unit_text(description: _Description, variable: str, unit: str | None) -> str:
    if unit is not None:
        return unit
    bracket = re.search(r"\(([^()]*)\)", dict(description.variables)[variable])
    return "" if bracket is None else bracket[1]


def _describe(text: str, file: str) -> _Description:
    found = _Description()
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("*")]
    for place, line in enumerate(lines):
        keyword, *words = line.split()
        match keyword.lower():
            case "undef":
                found.undefined = _number(words[:1], file, "UNDEF")
            case "options":
                _options(found, [word.lower() for word in words], file)
            case "xdef":
                found.lon = _axis(words, file, "lon")
            case "ydef":
                found.lat = _axis(words, file, "lat")
            case "zdef" if words[:1] != ["1"]:
                refuse(file, "bad-ctl", "several levels", column="ZDEF", value=line, accepted="1")
            case "tdef":
                _time_axis(found, words, file)
            case "vars":
                found.variables = _variables(lines[place + 1 :], words, file)
                break
    lacking = [name for name in ("lon", "lat", "byte_order", "variables") if not _given(getattr(found, name))]
    if lacking or not math.isfinite(found.undefined):
        accepted = "UNDEF, XDEF, YDEF, VARS and OPTIONS little_endian or big_endian"
        refuse(file, "bad-ctl", "the description is not complete", value=", ".join(lacking), accepted=accepted)
    return found


def _given(value: Any) -> bool:
    return value is not None and len(value) > 0


def _number(words: Sequence[str], file: str, column: str) -> float:
    try:
        value = float(words[0])
    except (IndexError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        refuse(file, "bad-ctl", "number cannot be read", column=column, value=" ".join(words))
    return value


def _options(found: _Description, words: list[str], file: str) -> None:
    unknown = sorted(set(words) - OPTIONS)
    if unknown:
        accepted = ", ".join(sorted(OPTIONS))
        refuse(file, "bad-ctl", "unknown option", column="OPTIONS", value=", ".join(unknown), accepted=accepted)
    found.byte_order = next((BYTE_ORDERS[word] for word in words if word in BYTE_ORDERS), found.byte_order)
    found.is_north_first = found.is_north_first or "yrev" in words


def _count(words: Sequence[str], file: str, column: str) -> int:
    if not words or not re.fullmatch(r"\d{1,6}", words[0]):
        refuse(file, "bad-ctl", "size cannot be read", column=column, value=" ".join(words[:3]))
    count = int(words[0])
    check_sizes(file, {column: count}, LIMITS, code="bad-ctl")
    return count


def _axis(words: list[str], file: str, column: str) -> NDArray[np.float64]:
    count = _count(words, file, column)
    if len(words) != 4 or words[1].lower() != "linear":
        refuse(file, "bad-ctl", "axis cannot be read", column=column, accepted="<count> linear <start> <step>")
    start, step = (_number([word], file, column) for word in words[2:])
    if not 0 < step <= 90:
        refuse(file, "bad-ctl", "step out of bounds", column=column, value=step, accepted="0 to 90 degrees")
    return np.round(start + np.arange(count) * step, 9)


def _time_axis(found: _Description, words: list[str], file: str) -> None:
    found.times = _count(words, file, "time")
    span = re.fullmatch(r"(\d{1,4})(mn|hr|dy)", words[3].lower()) if len(words) == 4 else None
    if span is None or words[1].lower() != "linear":
        refuse(
            file, "bad-ctl", "times cannot be read", value=" ".join(words), accepted="<count> linear 03Z06JUL2016 1hr"
        )
    form = "%H:%MZ%d%b%Y" if ":" in words[2] else "%HZ%d%b%Y"
    try:
        found.start = datetime.strptime(words[2].upper(), form).replace(tzinfo=UTC)
    except ValueError:
        refuse(file, "bad-ctl", "time cannot be read", column="TDEF", value=words[2], accepted="as 03Z06JUL2016")
    found.step_h = int(span[1]) * STEP_HOURS[span[2]]


def _variables(lines: Sequence[str], words: Sequence[str], file: str) -> tuple[tuple[str, str], ...]:
    count = _count(words, file, "variable")
    rows = [line.split(maxsplit=3) for line in lines[:count]]
    if len(lines) <= count or lines[count].lower() != "endvars" or any(len(row) < 3 for row in rows):
        refuse(file, "bad-ctl", "the list of variables is not complete", accepted=f"{count} lines and ENDVARS")
    if any(row[1] not in {"0", "1"} for row in rows) or len({row[0] for row in rows}) != count:
        refuse(file, "bad-ctl", "a variable has several levels or stands twice")
    return tuple((row[0], row[3] if len(row) > 3 else "") for row in rows)


def _layers(
    data: bytes, description: _Description, file: str
) -> tuple[dict[str, NDArray[Any]], NDArray[np.float64], NDArray[np.float64]]:
    lat, lon = description.lat, description.lon
    if lat is None or lon is None:
        raise ValueError("description without axes")
    names = [name for name, _ in description.variables]
    shape = (description.times, len(names), len(lat), len(lon))
    check_sizes(file, dict(zip(LIMITS, shape, strict=True)), LIMITS, code="bad-grads")
    expected = 4 * math.prod(shape)
    if len(data) != expected:
        refuse(
            file, "bad-grads", "wrong number of bytes", value=len(data), accepted=str(expected), fix="fetch it again"
        )
    table = np.frombuffer(data, description.byte_order).reshape(shape).astype(np.float32)
    table = np.where(table == np.float32(description.undefined), np.float32(np.nan), table)
    if description.is_north_first:
        table = table[:, :, ::-1]
    rows, columns, lat, lon = tidy_lat_lon(file, lat, lon, code="bad-grid")
    table = table[:, :, rows][..., columns]
    return {name: table[:, index] for index, name in enumerate(names)}, lat, lon


def _times(
    description: _Description, end_at: datetime | None, step_h: float | None, file: str
) -> tuple[NDArray[np.datetime64], float]:
    first = description.start if end_at is None else end_at
    hours = description.step_h if step_h is None else step_h
    if first is None or hours is None:
        refuse(file, "no-time", "the description has no times (TDEF)", fix="state end_at and step_h")
    if not (math.isfinite(hours) and 0 < hours <= 744):
        refuse(file, "bad-time", "interval out of bounds", value=hours, accepted="0 to 744 h")
    hours_between(file, first - timedelta(hours=hours), first, code="bad-time")
    step = np.timedelta64(round(hours * 3600), "s").astype("timedelta64[ns]")
    return to_datetime64(first) + np.arange(description.times) * step, hours
