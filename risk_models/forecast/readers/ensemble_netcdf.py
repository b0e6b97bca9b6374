"""Ensemble rain forecasts from NetCDF: ``rain_mm(member, time, lat, lon)`` and its issue time.

The file carries a global attribute ``issued_at`` (ISO 8601 with offset); ``rain_mm`` has units ``mm`` and holds the
rain of each step; ``time`` is the END of the step, UTC; ``lat`` and ``lon`` are WGS84 degrees, rising or falling.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from risk_models.errors import BadInputError, Finding
from risk_models.forecast.rainfall import to_datetime64
from risk_models.forecast.readers.apart import Decoded, decode_apart
from risk_models.forecast.readers.field import Header, build_field, rain_ceiling_mm, reading_of
from risk_models.forecast.readers.reading import FileReading, read_bytes

__all__ = ["read_ensemble"]

DIMS = ("member", "time", "lat", "lon")
MAX_SIZES = {"member": 100, "time": 1000, "lat": 2000, "lon": 2000}
MAX_VALUES = 100_000_000
LIMIT_BYTES = 1024 * 1024 * 1024
MAGIC = (b"\x89HDF\r\n\x1a\n", b"CDF\x01", b"CDF\x02", b"CDF\x05")


def read_ensemble(path: Path | str) -> tuple[xr.Dataset, FileReading]:
    """Read one issue of an ensemble forecast.

    Parameters
    ----------
    path : Path or str

    Returns
    -------
    xarray.Dataset
        ``rain_mm(member, time, lat, lon)`` float32 [mm] in the step; ``lat`` and ``lon`` rising; ``time``
        datetime64[ns] UTC, end of the step; ``quality``, coordinates and attributes as in `field`.
    FileReading

    Raises
    ------
    BadInputError
        If the file is absent, no NetCDF, or breaks any rule of the header or of the values: sizes, units, order of
        time and coordinates, 1 to 100 members, finite rain between 0 and 401 mm in an hour.

    Examples
    --------
    >>> read_ensemble("absent.nc")
    Traceback (most recent call last):
    ...
    BadInputError: absent.nc: 1 problem
      absent.nc: no such file. Check the feed and its path. [missing-file]
    """
    path = Path(path)
    data, sha256 = read_bytes(path, limit_bytes=LIMIT_BYTES)
    file = path.name
    if not data.startswith(MAGIC):
        raise BadInputError(file, [_bad(file, None, "is no NetCDF file")])
    head, (rain_mm, end, lat, lon) = decode_apart(file, lambda: _decode(path, file))
    header = Header(
        kind="ensemble_netcdf",
        file=file,
        sha256=sha256,
        variable="rain_mm",
        unit="mm",
        label="end",
        issued_at=datetime.fromisoformat(head["issued_at"]),
    )
    dataset = build_field(
        rain_mm,
        DIMS,
        end=end.astype("datetime64[ns]"),
        interval_h=head["step_h"],
        coords={"member": np.arange(len(rain_mm)), "lat": lat, "lon": lon},
        header=header,
    )
    return dataset, reading_of(dataset, "NetCDF")


def _decode(path: Path, file: str) -> Decoded:
    try:
        with xr.open_dataset(path, engine="netcdf4", cache=False) as opened:
            _stop(file, _header_findings(opened, file))
            dataset = opened[["rain_mm"]].transpose(*DIMS).load()
    except (OSError, ValueError, RuntimeError, OverflowError) as error:
        raise BadInputError(file, [_bad(file, None, f"cannot be read ({type(error).__name__})")]) from None
    issued_at = _issued_at(dataset, file)
    _stop(file, _axis_findings(dataset, issued_at, file))
    _stop(file, _value_findings(dataset, file))
    rain, lat, lon = _tidy(dataset)
    end = dataset["time"].to_numpy().astype("datetime64[ns]").astype("<i8")
    return {"issued_at": issued_at.isoformat(), "step_h": _step_h(dataset)}, [rain, end, lat, lon]


def _bad(file: str, column: str | None, message: str, value: str | None = None, accepted: str = "") -> Finding:
    return Finding(code="bad-ensemble", message=message, file=file, column=column, value=value, accepted=accepted)


def _stop(file: str, findings: list[Finding]) -> None:
    if findings:
        raise BadInputError(file, findings)


def _header_findings(dataset: xr.Dataset, file: str) -> list[Finding]:
    if "rain_mm" not in dataset:
        names = ", ".join(map(str, dataset.data_vars))
        return [_bad(file, "rain_mm", "variable is missing", names, "rain_mm(member, time, lat, lon)")]
    rain = dataset["rain_mm"]
    if sorted(map(str, rain.dims)) != sorted(DIMS):
        return [_bad(file, "rain_mm", "wrong dimensions", ", ".join(map(str, rain.dims)), ", ".join(DIMS))]
    findings = [
        _bad(file, dim, "size out of bounds", str(rain.sizes[dim]), f"1 to {limit}")
        for dim, limit in MAX_SIZES.items()
        if not 1 <= rain.sizes[dim] <= limit
    ]
    if rain.size > MAX_VALUES:
        findings.append(_bad(file, "rain_mm", "too many values", str(rain.size), f"at most {MAX_VALUES}"))
    if rain.attrs.get("units") != "mm":
        findings.append(_bad(file, "rain_mm", "wrong units", str(rain.attrs.get("units")), "mm"))
    if not np.issubdtype(rain.dtype, np.floating):
        findings.append(_bad(file, "rain_mm", "is no floating-point variable", str(rain.dtype)))
    findings += [_bad(file, dim, "coordinate is missing") for dim in DIMS[1:] if dim not in dataset.coords]
    return findings


def _issued_at(dataset: xr.Dataset, file: str) -> datetime:
    text = str(dataset.attrs.get("issued_at", ""))
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        accepted = "ISO 8601 with offset, e.g. 2021-07-20T00:00:00+00:00"
        raise BadInputError(file, [_bad(file, "issued_at", "issue time cannot be read", text, accepted)])
    return when.astimezone(UTC)


def _axis_findings(dataset: xr.Dataset, issued_at: datetime, file: str) -> list[Finding]:
    findings = []
    end = dataset["time"].to_numpy()
    if not np.issubdtype(end.dtype, np.datetime64):
        findings.append(_bad(file, "time", "is no time", str(end.dtype), "CF time in UTC"))
    else:
        steps = np.diff(end)
        if (steps <= np.timedelta64(0)).any() or not (steps == steps[:1]).all() or np.isnat(end).any():
            findings.append(_bad(file, "time", "must rise by one regular step"))
        if end[0] <= to_datetime64(issued_at):
            value = str(end[0])
            findings.append(_bad(file, "time", "first step ends before the issue time", value, "step ENDS, UTC"))
    for dim, limit in (("lat", 90.0), ("lon", 180.0)):
        values = dataset[dim].to_numpy()
        steps = np.diff(values)
        if not np.isfinite(values).all() or (np.abs(values) > limit).any():
            findings.append(_bad(file, dim, "is out of bounds", accepted=f"-{limit:g} to {limit:g} degrees"))
        elif not ((steps > 0).all() or (steps < 0).all()):
            findings.append(_bad(file, dim, "must rise or fall throughout"))
    return findings


def _value_findings(dataset: xr.Dataset, file: str) -> list[Finding]:
    rain = dataset["rain_mm"].to_numpy()
    broken = int((~np.isfinite(rain)).sum())
    if broken:
        return [_bad(file, "rain_mm", "values are missing or infinite", str(broken), "finite rain everywhere")]
    ceiling = float(rain_ceiling_mm(_step_h(dataset)))
    # Packed files carry rounding just below 0; more than that is an error of content.
    if rain.min() < -0.05 or rain.max() > ceiling:
        span = f"{rain.min():g} to {rain.max():g}"
        return [_bad(file, "rain_mm", "rain is out of bounds", span, f"0 to {ceiling:g} mm in a step")]
    return []


def _step_h(dataset: xr.Dataset) -> float:
    end = dataset["time"].to_numpy()
    return float((end[1] - end[0]) / np.timedelta64(1, "h")) if len(end) > 1 else 1.0


def _tidy(dataset: xr.Dataset) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Return rain and rising latitudes and longitudes."""
    rain = np.maximum(dataset["rain_mm"].to_numpy(), 0.0).astype(np.float32)
    lat, lon = dataset["lat"].to_numpy().astype(np.float64), dataset["lon"].to_numpy().astype(np.float64)
    if len(lat) > 1 and lat[0] > lat[-1]:
        lat, rain = lat[::-1], rain[:, :, ::-1]
    if len(lon) > 1 and lon[0] > lon[-1]:
        lon, rain = lon[::-1], rain[:, :, :, ::-1]
    return rain, lat, lon
