"""Rain of any field at points: bilinear on grids, inverse distance between the points of a point forecast."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from pyproj import Transformer

__all__ = ["POINT_REACH_KM", "at_points"]

FloatArray = NDArray[np.float64]
POINT_REACH_KM = 30.0
"""Farthest point of a point forecast that still speaks for a place [km]: about the cell of a global model."""
_KM_PER_DEGREE = 111.195  # of a great circle on a sphere of 6371 km
_NEAR_KM = 1e-3


def at_points(rain: xr.Dataset, lon: ArrayLike, lat: ArrayLike) -> xr.Dataset:
    """Return the rain of a reader's field at points, its steps as they are.

    Parameters
    ----------
    rain : xarray.Dataset
        As readers give it (see `readers.field`): ``rain_mm`` over ``time``, with or without ``member``, and over
        ``lat, lon`` or ``y, x`` (with attribute ``crs``), or over ``point`` or ``gauge`` with coordinates ``lat`` and
        ``lon``.
    lon, lat : array_like, shape (point,)
        WGS84 degrees.

    Returns
    -------
    xarray.Dataset
        ``rain_mm(member, time, point)`` [mm], one member if the field has none; coordinates of time and attributes
        are kept. NaN where a cell that takes part is unknown, more than one cell outside a grid, or more than
        `POINT_REACH_KM` from every known point.

    Raises
    ------
    ValueError
        If the field has none of these places, or a projected grid states no ``crs``.

    References
    ----------
    Shepard, D. (1968). A two-dimensional interpolation function for irregularly-spaced data. Proc. 23rd ACM National
    Conf., 517-524 (inverse squared distance).

    Examples
    --------
    >>> field = xr.Dataset({"rain_mm": (("member", "time", "point"), [[[4.0, 8.0]]])},
    ...     {"time": np.array(["2021-07-20T09"], "datetime64[ns]"), "lat": ("point", [34.7, 34.7]),
    ...      "lon": ("point", [113.5, 113.7])})
    >>> at_points(field, [113.5, 113.6, 120.0], [34.7, 34.7, 34.7]).rain_mm.to_numpy().round(3).ravel().tolist()
    [4.0, 6.0, nan]
    """
    values = rain["rain_mm"]
    if "member" not in values.dims:
        values = values.expand_dims("member")
    lon_deg, lat_deg = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    if {"lat", "lon"} <= set(values.dims):
        sampled = _on_grid(values.transpose("member", "time", "lat", "lon"), lat_deg, lon_deg)
    elif {"y", "x"} <= set(values.dims):
        across, up = _on_plane(rain, lon_deg, lat_deg)
        sampled = _on_grid(values.transpose("member", "time", "y", "x"), up, across)
    else:
        place = next(
            (dim for dim in ("point", "gauge") if dim in values.dims and {"lat", "lon"} <= set(rain.coords)), ""
        )
        if not place:
            raise ValueError(f"rain over {values.dims} has no places; accepted: lat and lon, y and x, point, gauge")
        places = rain["lon"].to_numpy(), rain["lat"].to_numpy()
        sampled = _between(values.transpose("member", "time", place).to_numpy(), places, lon_deg, lat_deg)
    times = {name: rain.coords[name] for name in ("time", "interval_h") if name in rain.coords}
    return xr.Dataset(
        {"rain_mm": (("member", "time", "point"), sampled, {"units": "mm"})},
        {"member": np.arange(sampled.shape[0]), **times},
        attrs=rain.attrs,
    )


def _on_plane(rain: xr.Dataset, lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    crs = rain.attrs.get("crs", "")
    if not crs:
        raise ValueError("a grid of y and x needs the attribute crs")
    across, up = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    return np.asarray(across, dtype=np.float64), np.asarray(up, dtype=np.float64)


def _on_grid(values: xr.DataArray, up: FloatArray, across: FloatArray) -> FloatArray:
    """Sample (member, time, row, column) at places given along the row and the column axis."""
    row_name, column_name = values.dims[2:]
    rain = values.to_numpy()
    axes = []
    for number, name in ((2, row_name), (3, column_name)):
        axis = values[name].to_numpy().astype(np.float64)
        if len(axis) > 1 and axis[0] > axis[-1]:
            axis, rain = axis[::-1], np.flip(rain, number)
        axes.append(axis)
    row, north, out_up = _bracket(axes[0], up)
    column, east, out_across = _bracket(axes[1], across)
    row_up, column_up = np.minimum(row + 1, rain.shape[2] - 1), np.minimum(column + 1, rain.shape[3] - 1)
    corners = (
        (row, column, (1 - north) * (1 - east)),
        (row, column_up, (1 - north) * east),
        (row_up, column, north * (1 - east)),
        (row_up, column_up, north * east),
    )
    sampled = np.zeros((*rain.shape[:2], len(up)))
    for rows, columns, weight in corners:
        part = rain[:, :, rows, columns] * weight
        # What a cell without weight holds does not matter, also if nobody knows it.
        part[:, :, weight == 0] = 0.0
        sampled += part
    sampled[:, :, out_up | out_across] = np.nan
    return sampled


def _bracket(axis: FloatArray, values: FloatArray) -> tuple[NDArray[np.intp], FloatArray, NDArray[np.bool_]]:
    """Return the index of the grid line below each value, the share of the way to the next, and what lies outside."""
    if len(axis) == 1:
        return np.zeros(len(values), dtype=np.intp), np.zeros(len(values)), ~np.isfinite(values)
    known = np.nan_to_num(values, nan=np.inf, posinf=np.inf, neginf=-np.inf)
    index = np.clip(np.searchsorted(axis, known, side="right") - 1, 0, len(axis) - 2)
    share = (known - axis[index]) / (axis[index + 1] - axis[index])
    return index, np.clip(share, 0.0, 1.0), (share < -1.0) | (share > 2.0)


def _between(
    rain: NDArray[np.floating], places: tuple[FloatArray, FloatArray], lon: FloatArray, lat: FloatArray
) -> FloatArray:
    """Weigh (member, time, place) by inverse squared distance; unknown and far places take no part."""
    east = (lon[np.newaxis] - places[0][:, np.newaxis]) * np.cos(np.radians(lat))
    north = lat[np.newaxis] - places[1][:, np.newaxis]
    away_km = _KM_PER_DEGREE * np.hypot(east, north)
    weights = np.where(away_km <= POINT_REACH_KM, np.maximum(away_km, _NEAR_KM) ** -2.0, 0.0)
    known = np.isfinite(rain)
    share = known.astype(np.float64) @ weights
    total = np.where(known, rain, 0.0).astype(np.float64) @ weights
    result: FloatArray = np.divide(total, share, out=np.full(share.shape, np.nan), where=share > 0)
    return result
