"""Rain of the next hours from radar: moved along with the wind that moved it, else left where it is.

The motion is seen in the last frames (pysteps, Proesmans' method, which needs no other package) and the last frame is
carried along it without growth or decay. Where the air comes from outside the picture nobody knows the rain: NaN.
Without pysteps, or without two usable frames, the last frame persists, and the result says so.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from pyproj import Transformer

__all__ = ["motion_field", "nowcast_at_points", "radar_nowcast"]

FloatArray = NDArray[np.float64]
Method = Literal["auto", "extrapolation", "persistence"]
WET_MM_H = 0.1
_DRY_DB = -15.0
_MOTION_CELLS = 256  # the motion is smooth: it is sought on a picture of at most this size
_PAIRS = 2  # pairs of frames whose motion is averaged


def radar_nowcast(radar: xr.Dataset, *, lead_steps: int = 36, method: Method = "auto") -> xr.Dataset:
    """Return the rain of the next steps on the grid of the radar.

    Parameters
    ----------
    radar : xarray.Dataset
        ``rain_mm(time, y, x)`` [mm] with regular steps, END labels, UTC, as radar readers give it; the last three
        frames are used.
    lead_steps : int
        Steps ahead, each as long as a step of the radar.
    method : {"auto", "extrapolation", "persistence"}
        ``auto`` extrapolates if it can.

    Returns
    -------
    xarray.Dataset
        ``rain_mm(time, y, x)``; attribute ``method`` says which was used, others are kept.

    Raises
    ------
    ValueError
        If there is no frame, steps are not regular, or extrapolation is asked for and not possible.

    References
    ----------
    Germann, U. & Zawadzki, I. (2002). Scale-dependence of the predictability of precipitation from continental radar
    images. Mon. Weather Rev. 130, 2859-2873 (semi-Lagrangian extrapolation). Proesmans, M. et al. (1994). Determination
    of optical flow and its discontinuities using non-linear diffusion. ECCV, 294-304.

    Examples
    --------
    >>> frame = xr.Dataset({"rain_mm": (("time", "y", "x"), np.ones((1, 2, 2)))},
    ...     {"time": np.array(["2021-07-20T08:00"], "datetime64[ns]")})
    >>> ahead = radar_nowcast(frame, lead_steps=2)
    >>> ahead.attrs["method"], ahead.time.to_numpy()[-1]
    ('persistence', np.datetime64('2021-07-20T08:10:00.000000000'))
    """
    frames = radar["rain_mm"].transpose("time", "y", "x").to_numpy().astype(np.float64)
    end = radar["time"].to_numpy()
    if not len(end):
        raise ValueError("there is no radar frame")
    steps = np.diff(end)
    if len(steps) and (not (steps == steps[0]).all() or steps[0] <= np.timedelta64(0)):
        raise ValueError("radar frames must have regular, rising times")
    step = steps[0] if len(steps) else np.timedelta64(5, "m")
    moved = None if method == "persistence" else _extrapolated(frames, float(step / np.timedelta64(1, "h")), lead_steps)
    if moved is None and method == "extrapolation":
        raise ValueError("extrapolation needs pysteps and two frames with rain")
    values = np.repeat(frames[-1:], lead_steps, axis=0) if moved is None else moved
    used = "persistence" if moved is None else "extrapolation"
    coords = {name: radar.coords[name] for name in ("y", "x") if name in radar.coords}
    return xr.Dataset(
        {"rain_mm": (("time", "y", "x"), values, {"units": "mm"})},
        {"time": end[-1] + np.arange(1, lead_steps + 1) * step, **coords},
        attrs={**radar.attrs, "method": used},
    )


def motion_field(frames_mm_h: ArrayLike) -> FloatArray | None:
    """Return the motion between the last frames, averaged over up to two pairs.

    Parameters
    ----------
    frames_mm_h : array_like, shape (time, y, x)
        Intensity [mm/h]; NaN counts as dry.

    Returns
    -------
    ndarray, shape (2, y, x), or None
        Cells in a step along x and along y; None without pysteps or without two frames with rain.

    Examples
    --------
    >>> motion_field(np.zeros((2, 8, 8))) is None
    True
    """
    frames = np.nan_to_num(np.asarray(frames_mm_h, dtype=np.float64))[-(_PAIRS + 1) :]
    if len(frames) < 2 or (frames.max(axis=(1, 2)) < WET_MM_H).any():
        return None
    flow = _quiet_import("pysteps.motion.proesmans")
    if flow is None:
        return None
    rows, columns = frames.shape[1:]
    factor = max(1, int(np.ceil(max(rows, columns) / _MOTION_CELLS)))
    decibel = np.where(frames >= WET_MM_H, 10.0 * np.log10(np.maximum(frames, WET_MM_H)), _DRY_DB)
    coarse = _block_mean(decibel, factor)
    found = [flow.proesmans(coarse[number : number + 2], verbose=False) for number in range(len(coarse) - 1)]
    motion = np.mean(np.stack(found), axis=0) * factor
    return np.asarray(motion.repeat(factor, axis=1).repeat(factor, axis=2)[:, :rows, :columns], dtype=np.float64)


def nowcast_at_points(nowcast: xr.Dataset, lon: ArrayLike, lat: ArrayLike, *, end: ArrayLike) -> FloatArray:
    """Return the nowcast at points, summed to longer steps.

    Parameters
    ----------
    nowcast : xarray.Dataset
        As `radar_nowcast` gives it, with ``x``, ``y`` and attribute ``crs``.
    lon, lat : array_like, shape (point,)
        WGS84 degrees.
    end : array_like of datetime64, shape (step,)
        END of each step, UTC, regular; one alone is an hour.

    Returns
    -------
    ndarray, shape (step, point)
        Rain [mm]: of the nearest cell. NaN outside the picture, where a frame is unknown, or where the frames do not
        fill the step.

    Examples
    --------
    >>> end = np.datetime64("2021-07-20T08:00", "ns") + np.arange(1, 5) * np.timedelta64(15, "m")
    >>> ahead = xr.Dataset({"rain_mm": (("time", "y", "x"), np.ones((4, 2, 2)))},
    ...     {"time": end, "y": [34.0, 35.0], "x": [113.0, 114.0]}, {"crs": "EPSG:4326"})
    >>> nowcast_at_points(ahead, [113.1, 120.0], [34.2, 34.2], end=end[-1:]).tolist()
    [[4.0, nan]]
    """
    convert = Transformer.from_crs("EPSG:4326", nowcast.attrs["crs"], always_xy=True)
    across, up = convert.transform(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
    column, outside_x = _nearest(nowcast["x"].to_numpy(), np.asarray(across))
    row, outside_y = _nearest(nowcast["y"].to_numpy(), np.asarray(up))
    frames = nowcast["rain_mm"].to_numpy()[:, row, column]
    frames[:, outside_x | outside_y] = np.nan
    ends, times = np.asarray(end, dtype="datetime64[ns]"), nowcast["time"].to_numpy()
    step = ends[1] - ends[0] if len(ends) > 1 else np.timedelta64(1, "h")
    length = times[1] - times[0] if len(times) > 1 else step
    result = np.full((len(ends), frames.shape[1]), np.nan)
    for number, stop in enumerate(ends):
        inside = (times > stop - step) & (times <= stop)
        if inside.sum() * length == step:
            result[number] = frames[inside].sum(axis=0)
    return result


def _extrapolated(frames_mm: FloatArray, step_h: float, lead_steps: int) -> FloatArray | None:
    if len(frames_mm) < 2:
        return None
    motion = motion_field(frames_mm[-(_PAIRS + 1) :] / step_h)
    carry = _quiet_import("pysteps.extrapolation.semilagrangian")
    if motion is None or carry is None:
        return None
    moved = carry.extrapolate(frames_mm[-1], motion, lead_steps, allow_nonfinite_values=True)
    return np.asarray(np.maximum(moved, 0.0), dtype=np.float64)


def _quiet_import(name: str) -> Any | None:
    """Import a part of pysteps, which prints and warns when first loaded; None if it is not installed."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError:
            return None


def _block_mean(frames: FloatArray, factor: int) -> FloatArray:
    rows, columns = (-frames.shape[1] % factor, -frames.shape[2] % factor)
    padded = np.pad(frames, ((0, 0), (0, rows), (0, columns)), mode="edge")
    count, height, width = padded.shape
    blocks = padded.reshape(count, height // factor, factor, width // factor, factor)
    return np.asarray(blocks.mean(axis=(2, 4)))


def _nearest(axis: FloatArray, values: FloatArray) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the nearest cell of a regular axis, and what lies more than half a cell outside."""
    cell = (axis[-1] - axis[0]) / (len(axis) - 1) if len(axis) > 1 else 1.0
    place = np.rint(np.nan_to_num((values - axis[0]) / cell, nan=-1.0, posinf=-1.0, neginf=-1.0)).astype(np.intp)
    outside = (place < 0) | (place >= len(axis))
    return np.where(outside, 0, place), outside
