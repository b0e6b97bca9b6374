"""Rain from NetCDF files that follow the CF conventions, whoever made them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from risk_models.errors import refuse
from risk_models.forecast.readers.apart import Decoded, decode_apart
from risk_models.forecast.readers.field import (
    MAX_INTERVAL_H,
    BBox,
    Header,
    build_field,
    check_sizes,
    crop,
    reading_of,
    scaled,
    tidy_lat_lon,
)
from risk_models.forecast.readers.hdf5 import HDF5_MAGIC, open_hdf5
from risk_models.forecast.readers.reading import FileReading, gunzip, read_bytes
from risk_models.forecast.readers.units import RainUnit, rain_unit

__all__ = ["read_netcdf_cf"]

LIMIT_BYTES = 1024 * 1024 * 1024
LIMITS = {"member": 200, "time": 100_000, "lat": 20_000, "lon": 40_000, "y": 20_000, "x": 40_000, "gauge": 20_000}
CLASSIC_MAGIC = (b"CDF\x01", b"CDF\x02", b"CDF\x05")
STANDARD_NAMES = {
    "precipitation_amount",
    "rainfall_amount",
    "lwe_thickness_of_precipitation_amount",
    "thickness_of_rainfall_amount",
    "precipitation_flux",
    "rainfall_flux",
    "rainfall_rate",
    "lwe_precipitation_rate",
}
NAMES = ("rain_mm", "rainfall", "rain", "precipitation", "precip", "tp", "pr", "rainfall_amount")
AXIS_NAMES = {
    "time": ("time", "valid_time"),
    "member": ("member", "number", "realization", "ensemble", "ensemble_member"),
    "lat": ("lat", "latitude"),
    "lon": ("lon", "longitude"),
    "y": ("y", "projection_y_coordinate"),
    "x": ("x", "projection_x_coordinate"),
}
LABELS = ("end", "begin")


def read_netcdf_cf(
    path: Path | str,
    *,
    variable: str | None = None,
    label: str | None = None,
    interval_h: float | None = None,
    unit: str | None = None,
    bbox: BBox | None = None,
) -> tuple[xr.Dataset, FileReading]:
    """Read the rain of a CF file: gauges, a grid of degrees or a projected grid, with or without members.

    Parameters
    ----------
    path : Path or str
        NetCDF 3 or 4.
    variable : str, optional
        Name of the rain; else the one variable with a standard name of rain, or a usual name.
    label : {"end", "begin"}, optional
        What a time without bounds stands for; needed if the file has no time bounds and no ``label`` attribute.
    interval_h : float, optional
        Length of a step without bounds [h]; else the regular distance of the times.
    unit : str, optional
        Unit, if the file states none; one that contradicts the file is refused.
    bbox : tuple of float, optional
        West, south, east, north [degrees]; the part of a grid of degrees to keep, with one cell around it.

    Returns
    -------
    xarray.Dataset
        See `field`; the places are ``lat, lon``, ``y, x`` or ``gauge``.
    FileReading

    Raises
    ------
    BadInputError
        If the file is no NetCDF, or its rain, units, times or axes are not clear or absurd.

    References
    ----------
    CF Conventions 1.11, chapters 3 (units), 4 (coordinates) and 7 (cell bounds).

    Examples
    --------
    >>> read_netcdf_cf("absent.nc")
    Traceback (most recent call last):
    ...
    BadInputError: absent.nc: 1 problem
      absent.nc: no such file. Check the feed and its path. [missing-file]
    """
    path = Path(path)
    file = path.name
    if label is not None and label not in LABELS:
        refuse(file, "bad-label", "unknown label", value=label, accepted=", ".join(LABELS))
    data, sha256 = read_bytes(path, limit_bytes=LIMIT_BYTES)
    content = gunzip(data, file=file, limit_bytes=LIMIT_BYTES)
    if not content.startswith((HDF5_MAGIC, *CLASSIC_MAGIC)):
        refuse(file, "bad-netcdf", "is no NetCDF file")
    head, arrays = decode_apart(file, lambda: _decode(content, file, variable, bbox))
    values, times, bounds, *axes = arrays
    found = _unit(head, unit, file)
    ends, hours, source_label = _steps(times, bounds, label or head["label"], interval_h, file)
    dims: list[str] = head["dims"]
    shape = [-1 if dim == "time" else 1 for dim in dims]
    factor = found.factor * (hours.reshape(shape) if found.is_rate else 1)
    coords = {name: (tuple(over), axis) for (name, over), axis in zip(head["coords"], axes, strict=True)}
    if head["gauges"]:
        coords["gauge"] = (("gauge",), np.asarray(head["gauges"], dtype=object))
    header = Header(
        kind="netcdf_cf",
        file=file,
        sha256=sha256,
        variable=head["variable"],
        unit=found.name,
        label=source_label,
        issued_at=_issued(head["issued_at"], file),
        crs=head["crs"],
    )
    dataset = build_field(scaled(values, factor), dims, end=ends, interval_h=hours, coords=coords, header=header)
    return dataset, reading_of(dataset, "NetCDF")


def _unit(head: dict[str, Any], stated: str | None, file: str) -> RainUnit:
    own = head["unit"]
    text = stated if own is None else own
    found = None if text is None else rain_unit(text)
    if found is None:
        accepted = "mm, kg m-2, m, inch, mm/h, kg m-2 s-1"
        refuse(file, "bad-unit", "is no unit of rain", column=head["variable"], value=text, accepted=accepted)
    if stated is not None and rain_unit(stated) != found:
        refuse(file, "bad-unit", "the file states another unit", column=head["variable"], value=own, accepted=stated)
    return found


def _issued(text: str, file: str) -> datetime | None:
    if not text:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        refuse(file, "bad-time", "issue time cannot be read", value=text, accepted="ISO 8601 with offset")
    return when.astimezone(UTC)


def _steps(
    times: NDArray[Any], bounds: NDArray[Any], label: str, interval_h: float | None, file: str
) -> tuple[NDArray[np.datetime64], NDArray[np.float64], str]:
    """Return step ends, hours and what the times of the file stand for; times are ns since 1970, UTC."""
    low, high = (np.datetime64(year, "ns").astype(np.int64) for year in ("1900", "2200"))
    if ((times < low) | (times > high)).any() or ((bounds < low) | (bounds > high)).any():
        refuse(file, "bad-time", "time out of bounds", accepted="1900 to 2200")
    if len(bounds):
        ends = bounds.max(axis=1)
        hours = (ends - bounds.min(axis=1)) / 3.6e12
        source = "bounds"
    else:
        if label not in LABELS:
            fix = 'state label="end" or label="begin"'
            refuse(file, "no-label", "times have no bounds and no label", column="time", fix=fix)
        steps = np.unique(np.diff(times))
        if interval_h is None and len(steps) != 1:
            refuse(file, "no-interval", "the length of a step is not clear", column="time", fix="state interval_h")
        hours = np.full(len(times), float(steps[0]) / 3.6e12 if interval_h is None else interval_h)
        ends = times + np.round(hours * 3.6e12).astype(np.int64) * (label == "begin")
        source = label
    if not ((hours > 0) & (hours <= MAX_INTERVAL_H)).all():
        refuse(file, "bad-time", "interval out of bounds", value=hours.min(), accepted=f"0 to {MAX_INTERVAL_H:g} h")
    return ends.astype("datetime64[ns]"), hours, source


def _open(data: bytes, file: str) -> xr.Dataset:
    if data.startswith(HDF5_MAGIC):
        open_hdf5(data, file).close()
        return xr.open_dataset(io.BytesIO(data), engine="h5netcdf", cache=False, decode_timedelta=False)
    classic = netCDF4.Dataset("memory", memory=data)
    store = xr.backends.NetCDF4DataStore(classic)  # type: ignore[no-untyped-call]
    return xr.open_dataset(store, cache=False, decode_timedelta=False)


def _decode(data: bytes, file: str, variable: str | None, bbox: BBox | None) -> Decoded:
    opened = _open(data, file)
    rain = opened[_rain_name(opened, variable, file)]
    renamed = _axes(opened, rain, file)
    check_sizes(file, {renamed[str(dim)]: size for dim, size in rain.sizes.items()}, LIMITS, code="bad-netcdf")
    if rain.dtype.kind not in "iuf":
        refuse(file, "bad-netcdf", "rain is no number", column=str(rain.name), value=rain.dtype)
    time_name = _time_name(opened, rain, renamed, file)
    times, bounds = _nanoseconds(opened, time_name, file)
    rain = rain.rename({dim: name for dim, name in renamed.items() if dim != name})
    dims = [dim for dim in ("member", "time", "lat", "lon", "y", "x", "gauge") if dim in rain.dims]
    if "time" not in dims:
        rain, dims = rain.expand_dims("time"), ["time", *dims]
        dims.sort(key=("member", "time", "lat", "lon", "y", "x", "gauge").index)
    rain = rain.transpose(*dims)
    rain, axes = _ordered(opened, rain, {name: dim for dim, name in renamed.items()}, bbox, file)
    label = str(rain.attrs.get("label", opened.attrs.get("label", "")))
    head = {
        "variable": str(rain.name),
        "unit": rain.attrs.get("units"),
        "label": label,
        "dims": dims,
        "issued_at": _issue_text(opened),
        "crs": _crs(opened, rain, dims),
        "gauges": _gauges(opened, rain, {name: dim for dim, name in renamed.items()}),
        "coords": [(name, over) for name, over, _ in axes],
    }
    return head, [scaled(rain.to_numpy(), 1.0), times, bounds, *(axis for _, _, axis in axes)]


def _rain_name(opened: xr.Dataset, variable: str | None, file: str) -> str:
    held = [str(name) for name in opened.data_vars]
    if variable is not None:
        candidates = [variable] if variable in held else []
    else:
        candidates = [name for name in held if opened[name].attrs.get("standard_name") in STANDARD_NAMES]
        candidates = candidates or [name for name in held if name.lower() in NAMES]
    if len(candidates) != 1:
        message = "no variable is rain" if not candidates else "several variables are rain"
        refuse(file, "no-rain", message, value=", ".join(candidates or held), fix="state variable")
    return candidates[0]


def _role(opened: xr.Dataset, dim: str) -> str | None:
    """Return which axis a dimension is, by its coordinate's type, standard name, units, axis letter or name."""
    coord = opened.coords.get(dim, None)
    attrs = {} if coord is None else coord.attrs
    standard, units = str(attrs.get("standard_name", "")), str(attrs.get("units", ""))
    if (coord is not None and coord.dtype.kind == "M") or standard == "time":
        return "time"
    if standard == "realization":
        return "member"
    if standard == "latitude" or (units.startswith("degree") and units.endswith(("north", "_N", "N"))):
        return "lat"
    if standard == "longitude" or (units.startswith("degree") and units.endswith(("east", "_E", "E"))):
        return "lon"
    if standard in AXIS_NAMES["y"] or standard in AXIS_NAMES["x"]:
        return "y" if standard in AXIS_NAMES["y"] else "x"
    return next((role for role, names in AXIS_NAMES.items() if dim.lower() in names), None)


def _axes(opened: xr.Dataset, rain: xr.DataArray, file: str) -> dict[str, str]:
    """Return the role of every dimension of the rain; one left over is that of the gauges."""
    roles = {str(dim): _role(opened, str(dim)) for dim in rain.dims}
    left = [dim for dim, role in roles.items() if role is None]
    named = {dim: role for dim, role in roles.items() if role is not None}
    if len(left) == 1:
        named[left[0]] = "gauge"
    space = sorted(role for role in named.values() if role not in {"time", "member"})
    allowed = (["lat", "lon"], ["x", "y"], ["gauge"])
    if len(left) > 1 or space not in allowed or len(set(named.values())) != len(named):
        dims = ", ".join(map(str, rain.dims))
        accepted = "member, time and lat lon, y x or one of gauges"
        refuse(file, "bad-netcdf", "wrong dimensions", column=str(rain.name), value=dims, accepted=accepted)
    return named


def _time_name(opened: xr.Dataset, rain: xr.DataArray, renamed: dict[str, str], file: str) -> str:
    names = [dim for dim, role in renamed.items() if role == "time" and dim in opened.coords]
    if "time" not in renamed.values():
        names = [name for name in AXIS_NAMES["time"] if name in rain.coords and rain.coords[name].ndim == 0]
    if not names:
        refuse(file, "bad-time", "times are missing", column="time")
    return names[0]


def _nanoseconds(opened: xr.Dataset, name: str, file: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return times, and their bounds (n, 2) or nothing, as ns since 1970."""
    time = opened[name]
    if time.dtype.kind != "M":
        accepted = "CF time of the standard calendar"
        refuse(file, "bad-time", "is no time", column=name, value=time.dtype, accepted=accepted)
    times = np.atleast_1d(time.to_numpy()).astype("datetime64[ns]")
    if np.isnat(times).any():
        refuse(file, "bad-time", "a time is missing", column=name)
    bounds_name = str(time.attrs.get("bounds", time.encoding.get("bounds", "")))
    bounds = np.empty((0, 2), dtype=np.int64)
    if bounds_name:
        if bounds_name not in opened or opened[bounds_name].dtype.kind != "M" or opened[bounds_name].shape[-1:] != (2,):
            refuse(file, "bad-time", "bounds cannot be read", column=bounds_name)
        both = opened[bounds_name].to_numpy().astype("datetime64[ns]").reshape(-1, 2)
        if np.isnat(both).any() or len(both) != len(times):
            refuse(file, "bad-time", "bounds cannot be read", column=bounds_name)
        bounds = both.astype(np.int64)
    return times.astype(np.int64), bounds


def _ordered(
    opened: xr.Dataset, rain: xr.DataArray, old: dict[str, str], bbox: BBox | None, file: str
) -> tuple[xr.DataArray, list[tuple[str, list[str], NDArray[Any]]]]:
    """Bring axes into rising order, cut to the box, and list the coordinates (name, dimensions, values)."""
    axes: list[tuple[str, list[str], NDArray[Any]]] = []
    if "lat" in rain.dims:
        absent = [old[name] for name in ("lat", "lon") if old[name] not in opened.coords]
        if absent:
            refuse(file, "bad-grid", "coordinate is missing", column=", ".join(absent))
        lat, lon = (opened[old[name]].to_numpy().astype(np.float64) for name in ("lat", "lon"))
        rows, columns, lat, lon = tidy_lat_lon(file, lat, lon, code="bad-grid")
        keep_lat, keep_lon = crop(file, lat, lon, bbox)
        rain = rain.isel(lat=rows[keep_lat], lon=columns[keep_lon])
        return rain, [("lat", ["lat"], lat[keep_lat]), ("lon", ["lon"], lon[keep_lon])]
    if "y" in rain.dims:
        turns: dict[str, NDArray[np.intp]] = {}
        for name in ("y", "x"):
            size = rain.sizes[name]
            values = opened[old[name]].to_numpy() if old[name] in opened.coords else np.arange(size)
            turns[name] = np.argsort(values.astype(np.float64), kind="stable")
            axes.append((name, [name], values.astype(np.float64)[turns[name]]))
            if not np.isfinite(axes[-1][2]).all() or (np.diff(axes[-1][2]) <= 0).any():
                refuse(file, "bad-grid", "must be finite and without repeats", column=name)
        rain = rain.isel(turns)
        for name in ("lat", "lon"):
            found = next((alias for alias in AXIS_NAMES[name] if alias in opened.variables), None)
            if found and opened[found].dims == (old["y"], old["x"]):
                table = opened[found].to_numpy().astype(np.float64)
                axes.append((name, ["y", "x"], table[np.ix_(turns["y"], turns["x"])]))
        return rain, axes
    for name in ("lat", "lon"):
        found = next((alias for alias in AXIS_NAMES[name] if alias in opened.variables), None)
        if found and opened[found].dims == (old["gauge"],):
            axes.append((name, ["gauge"], opened[found].to_numpy().astype(np.float64)))
    return rain, axes


def _gauges(opened: xr.Dataset, rain: xr.DataArray, old: dict[str, str]) -> list[str]:
    if "gauge" not in rain.dims:
        return []
    name = old["gauge"]
    ids = opened[name].to_numpy().tolist() if name in opened.coords else list(range(rain.sizes["gauge"]))
    return [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in ids]


def _issue_text(opened: xr.Dataset) -> str:
    text = str(opened.attrs.get("issued_at", ""))
    for name in ("forecast_reference_time", "reference_time"):
        if not text and name in opened.variables and opened[name].ndim == 0 and opened[name].dtype.kind == "M":
            return str(opened[name].to_numpy().astype("datetime64[s]")) + "+00:00"
    return text


def _crs(opened: xr.Dataset, rain: xr.DataArray, dims: Sequence[str]) -> str:
    if "y" not in dims:
        return "EPSG:4326"
    mapping = str(rain.attrs.get("grid_mapping", rain.encoding.get("grid_mapping", "crs")))
    attrs = opened[mapping].attrs if mapping in opened.variables else {}
    texts = (attrs.get("crs_wkt"), attrs.get("spatial_ref"), opened.attrs.get("proj_string"))
    return next((str(text) for text in texts if text), "")
