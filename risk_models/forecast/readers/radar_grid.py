"""Radar maps on a projected plane: axes, and the dataset of one or more maps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyproj
import xarray as xr
from numpy.typing import NDArray

from risk_models.errors import refuse
from risk_models.forecast.rainfall import to_datetime64
from risk_models.forecast.readers.field import Header, build_field

__all__ = ["corner_on_plane", "plane_axes", "radar_field"]


def corner_on_plane(crs: str, corner: Sequence[float], file: str) -> tuple[float, float]:
    """Return a corner given as longitude and latitude (WGS84) on the plane of a map, in the unit of its CRS.

    Raises
    ------
    BadInputError
        If the CRS cannot be read or the corner has no place on it.
    """
    try:
        plane = pyproj.CRS.from_user_input(crs)
        to_plane = pyproj.Transformer.from_crs(pyproj.CRS("EPSG:4326"), plane, always_xy=True)
        easting, northing = to_plane.transform(corner[0], corner[1])
    except pyproj.exceptions.ProjError:
        refuse(file, "bad-grid", "projection cannot be read", value=crs, accepted="a PROJ text")
    if not (np.isfinite(easting) and np.isfinite(northing)):
        refuse(file, "bad-grid", "a corner has no place in the projection", value=tuple(corner))
    return float(easting), float(northing)


def plane_axes(
    left: float, top: float, *, cell_x: float, cell_y: float, columns: int, rows: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return centres of columns (rising) and of rows (rising, from the bottom) from the upper left corner.

    Examples
    --------
    >>> easting, northing = plane_axes(0.0, 3.0, cell_x=1.0, cell_y=1.0, columns=2, rows=3)
    >>> easting.tolist(), northing.tolist()
    ([0.5, 1.5], [0.5, 1.5, 2.5])
    """
    easting = np.asarray(left + (np.arange(columns) + 0.5) * cell_x, dtype=np.float64)
    return easting, np.asarray(top - (np.arange(rows)[::-1] + 0.5) * cell_y, dtype=np.float64)


def radar_field(
    maps: Sequence[NDArray[Any]],
    *,
    ends: Sequence[datetime],
    interval_h: Sequence[float],
    axes: tuple[NDArray[np.float64], NDArray[np.float64]],
    header: Header,
    quality: Sequence[NDArray[np.int8]] | None = None,
) -> xr.Dataset:
    """Make the dataset of maps whose rows run from the bottom to the top.

    Parameters
    ----------
    maps : sequence of ndarray, shape (rows, columns)
        Rain of the step [mm], NaN where unknown.
    ends : sequence of datetime
        END of each step, UTC; put in order here.
    interval_h : sequence of float
        Length of each step [h].
    axes : tuple of ndarray
        ``x`` and ``y`` of the cell centres, in the unit of the CRS in `header`.
    header : Header
    quality : sequence of ndarray of int8, optional
    """
    order = sorted(range(len(ends)), key=lambda index: ends[index])
    # A forecast carries its member, as every forecast does.
    lead = ("member",) if header.issued_at is not None else ()
    stacked = np.stack([maps[index] for index in order])
    flags = None if quality is None else np.stack([quality[index] for index in order])
    return build_field(
        stacked[np.newaxis] if lead else stacked,
        (*lead, "time", "y", "x"),
        end=np.array([to_datetime64(ends[index]) for index in order]),
        interval_h=[interval_h[index] for index in order],
        coords={"y": axes[1], "x": axes[0]} | ({"member": [0]} if lead else {}),
        header=header,
        quality=flags[np.newaxis] if lead and flags is not None else flags,
    )
