"""What any reader gives brought to what a cycle needs: steps of one length, members, rain at points.

The steps of a cycle are hours, or shorter where gauges report more often. A longer step is spread evenly over them, and
they are marked; shorter ones are summed, and a step of which any part is unknown is unknown. So the rain of whole steps
keeps its total and no gap becomes dry.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array  # type: ignore[import-untyped]

from risk_models.forecast.rainfall import Quality, from_datetime64
from risk_models.forecast.sampling import at_points

__all__ = [
    "FRESH_ENSEMBLE_H",
    "choose_forecast",
    "common_step_min",
    "in_steps",
    "radar_frames",
    "rain_at_points",
    "to_steps",
]

FloatArray = NDArray[np.float64]
HOUR = np.timedelta64(1, "h").astype("timedelta64[ns]")
MAX_STEPS = 200_000
SHORTEST_STEP_MIN = 5
FRESH_ENSEMBLE_H = 24.0
"""Age up to which an ensemble goes before a single forecast that is newer [h]; chosen here."""
_TOLERANCE = 1e-6  # of an hour: times are whole seconds


def common_step_min(feed_steps_h: Iterable[float], *, valid_at: datetime) -> int:
    """Return the longest step [min] in which the steps of all feeds, and the cycle time, fall on whole steps.

    Parameters
    ----------
    feed_steps_h : iterable of float
        Length of the steps of each gauge feed [h]; taken up to full five minutes.
    valid_at : datetime
        Cycle time, aware; a multiple of five minutes.

    Returns
    -------
    int
        A divisor of 60, at least 5.

    Raises
    ------
    ValueError
        If the cycle time is no multiple of five minutes.

    Examples
    --------
    >>> at = datetime.fromisoformat("2021-07-20T09:00+00:00")
    >>> common_step_min([1.0], valid_at=at), common_step_min([1.0, 1 / 6], valid_at=at)
    (60, 10)
    >>> common_step_min([0.25], valid_at=at + timedelta(minutes=20)), common_step_min([1 / 60], valid_at=at)
    (5, 5)
    """
    minute = valid_at.minute
    if minute % SHORTEST_STEP_MIN or valid_at.second or valid_at.microsecond:
        raise ValueError(f"cycle time {valid_at.isoformat()} is no multiple of {SHORTEST_STEP_MIN} min")
    units = [math.ceil(60.0 * step_h / SHORTEST_STEP_MIN - _TOLERANCE) for step_h in feed_steps_h]
    return math.gcd(60, minute, *(SHORTEST_STEP_MIN * count for count in units))


def in_steps(rain: xr.Dataset, step_min: int = 60) -> bool:
    """Return True if every step is as long and ends on a multiple of it after the full hour.

    Examples
    --------
    >>> ten = xr.Dataset(coords={"time": np.array(["2021-07-20T09:10", "2021-07-20T09:20"], "datetime64[ns]")})
    >>> in_steps(ten), in_steps(ten, 10)
    (False, True)
    """
    end, step = rain["time"].to_numpy(), np.timedelta64(step_min, "m")
    on_step = bool(((end - end.astype("datetime64[h]")) % step == np.timedelta64(0, "ns")).all())
    return on_step and bool(np.allclose(_interval_h(rain), step_min / 60.0))


def to_steps(rain: xr.Dataset, step_min: int = 60) -> xr.Dataset:
    """Return rain in steps of one length, counted from the full hour.

    Parameters
    ----------
    rain : xarray.Dataset
        ``rain_mm`` [mm] with dimension ``time`` (END of the step, UTC, rising) and any others; ``quality`` of the same
        shape and ``raw_mm`` go along if there. The length of a step is coordinate ``interval_h(time)`` [h], else the
        distance of the times.
    step_min : int
        Length of the steps returned [min], a divisor of 60.

    Returns
    -------
    xarray.Dataset
        The same variables and dimensions, every step from the first to the last that one of the file's touches. A step
        is NaN with quality 9 (4 if a failed value is to blame) unless known ones cover all of it. Coordinate
        ``spread_h(time)``: length [h] of the longest step it was cut from, its own if it was cut from none.

    Raises
    ------
    ValueError
        If steps overlap or are unreasonably many, or `step_min` does not divide an hour.

    Examples
    --------
    >>> end = np.array(["2021-07-20T08:30", "2021-07-20T09:00", "2021-07-20T12:00"], "datetime64[ns]")
    >>> field = xr.Dataset({"rain_mm": ("time", [2.0, 4.0, 9.0])}, {"time": end, "interval_h": ("time", [0.5, 0.5, 3])})
    >>> hours = to_steps(field)
    >>> hours.rain_mm.to_numpy().tolist(), hours.spread_h.to_numpy().tolist()
    ([6.0, 3.0, 3.0, 3.0], [1.0, 3.0, 3.0, 3.0])
    >>> to_steps(field.isel(time=[0, 1]), 15).rain_mm.to_numpy().tolist()
    [1.0, 1.0, 2.0, 2.0]
    """
    if not 1 <= step_min <= 60 or 60 % step_min:
        raise ValueError(f"step of {step_min} min; accepted: a divisor of 60")
    step, step_h = np.timedelta64(step_min, "m"), step_min / 60.0
    if in_steps(rain, step_min) and bool((np.diff(rain["time"].to_numpy()) == step).all()):
        return rain.assign_coords(spread_h=("time", np.full(rain.sizes["time"], step_h)))
    interval_h = _interval_h(rain)
    end, shares, covers = _overlaps(rain["time"].to_numpy(), interval_h, step)
    pieces = shares.copy()
    pieces.data = np.where(shares.data < 1.0, interval_h[shares.indices], step_h)
    spread_h = np.maximum(pieces.max(axis=1).toarray().ravel(), step_h)
    variables: dict[str, tuple[Any, NDArray[Any], dict[Any, Any]]] = {}
    for name in ("rain_mm", "raw_mm"):
        if name in rain:
            variables[name] = (rain[name].dims, _summed(rain[name], shares, covers), rain[name].attrs)
    if "quality" in rain:
        known = np.isfinite(np.moveaxis(variables["rain_mm"][1], rain["rain_mm"].dims.index("time"), 0))
        variables["quality"] = (rain["quality"].dims, _worst(rain["quality"], shares, known), rain["quality"].attrs)
    # Coordinates of places are kept; those of the steps are made anew.
    coords = {name: coord for name, coord in rain.coords.items() if "time" not in coord.dims}
    coords |= {"time": end, "interval_h": ("time", np.full(len(end), step_h)), "spread_h": ("time", spread_h)}
    return xr.Dataset(variables, coords, attrs={**rain.attrs, "step_h": step_h})


def rain_at_points(
    rain: xr.Dataset, lon: ArrayLike, lat: ArrayLike, *, end: NDArray[np.datetime64], step_min: int = 60
) -> tuple[FloatArray, FloatArray]:
    """Return the rain of a reader's field at points on given steps.

    Parameters
    ----------
    rain : xarray.Dataset
        As readers give it (see `readers.field`).
    lon, lat : array_like, shape (point,)
        WGS84 degrees.
    end : ndarray of datetime64, shape (step,)
        END of each step, UTC, rising.
    step_min : int
        Length of the steps [min], a divisor of 60.

    Returns
    -------
    rain_mm : ndarray, shape (member, step, point)
        [mm]; NaN where the field does not reach or is unknown.
    spread_h : ndarray, shape (step,)
        Length [h] of the step a step was cut from; its own if it was cut from none.

    Examples
    --------
    >>> field = xr.Dataset({"rain_mm": (("time", "lat", "lon"), [[[6.0]]])},
    ...     {"time": np.array(["2021-07-20T09"], "datetime64[ns]"), "interval_h": ("time", [3.0]),
    ...      "lat": [34.7], "lon": [113.6]})
    >>> rain_mm, spread_h = rain_at_points(field, [113.6], [34.7],
    ...     end=np.array(["2021-07-20T08", "2021-07-20T10"], "datetime64[ns]"))
    >>> rain_mm.ravel().tolist(), spread_h.tolist()
    ([2.0, nan], [3.0, 1.0])
    """
    steps = to_steps(at_points(rain, lon, lat), step_min)
    sampled = steps["rain_mm"].to_numpy()
    result = np.full((sampled.shape[0], len(end), sampled.shape[2]), np.nan)
    spread_h = np.full(len(end), step_min / 60.0)
    _, here, there = np.intersect1d(end, steps["time"].to_numpy(), return_indices=True)
    result[:, here] = sampled[:, there]
    spread_h[here] = steps["spread_h"].to_numpy()[there]
    return result, spread_h


def choose_forecast(
    forecasts: Iterable[xr.Dataset | None], *, valid_at: datetime, horizon_h: float
) -> xr.Dataset | None:
    """Return the one forecast a cycle stands on; forecasts are never mixed.

    First an ensemble not older than `FRESH_ENSEMBLE_H` that goes on after the cycle; among equals one that reaches the
    horizon (an issue of which only the first steps have come goes behind the one before it), then the newest. A single
    forecast is an ensemble of one.

    Parameters
    ----------
    forecasts : iterable of xarray.Dataset or None
        The newest issue first, each read when it is asked for; None could not be read.
    valid_at : datetime
        Time of the cycle, aware.
    horizon_h : float
        Hours looked ahead.

    Returns
    -------
    xarray.Dataset or None

    Examples
    --------
    >>> from datetime import UTC
    >>> def issue(hour, members):
    ...     end = np.datetime64(f"2021-07-20T{hour:02}", "ns") + np.arange(1, 25) * HOUR
    ...     return xr.Dataset({"rain_mm": (("member", "time", "point"), np.zeros((members, 24, 1)))}, {"time": end},
    ...         {"issued_at": f"2021-07-20T{hour:02}:00:00+00:00"})
    >>> issues = [issue(8, 1), issue(6, 1), issue(3, 51)]
    >>> at = datetime(2021, 7, 20, 9, tzinfo=UTC)
    >>> choose_forecast(issues, valid_at=at, horizon_h=12) is issues[2]
    True
    >>> choose_forecast(issues[:2], valid_at=at, horizon_h=12) is issues[0]
    True
    """
    best: tuple[tuple[bool, bool], xr.Dataset] | None = None
    for forecast in forecasts:
        if forecast is None or not forecast.sizes["time"]:
            continue
        until = from_datetime64(forecast["time"].to_numpy()[-1])
        age = valid_at - datetime.fromisoformat(forecast.attrs["issued_at"])
        if best is not None and age > timedelta(hours=FRESH_ENSEMBLE_H):
            break
        is_first = forecast.sizes.get("member", 1) > 1 and age <= timedelta(hours=FRESH_ENSEMBLE_H) and until > valid_at
        rank = is_first, until >= valid_at + timedelta(hours=horizon_h)
        if best is None or rank > best[0]:
            best = rank, forecast
        if best[0] == (True, True):
            break
    return None if best is None else best[1]


def radar_frames(maps: Sequence[xr.Dataset], *, count: int = 3, longest_h: float = 0.25) -> xr.Dataset | None:
    """Return the newest frames of a radar as one series, or None if they do not follow on each other.

    Parameters
    ----------
    maps : sequence of xarray.Dataset
        ``rain_mm(time, y, x)`` on one grid, as radar readers give it; of two maps of one time the first counts.
    count : int
        Frames needed.
    longest_h : float
        Longest step that motion can be seen in [h].

    Returns
    -------
    xarray.Dataset or None
        ``rain_mm(time, y, x)`` with `count` frames, each as long as the distance to the one before it.

    Examples
    --------
    >>> def frame(minute):
    ...     return xr.Dataset({"rain_mm": (("time", "y", "x"), np.ones((1, 1, 1)))}, {"y": [0.0], "x": [0.0],
    ...         "time": np.array([f"2021-07-20T08:{minute:02}"], "datetime64[ns]"), "interval_h": ("time", [1 / 12])})
    >>> radar_frames([frame(10), frame(0), frame(5)]).sizes["time"], radar_frames([frame(15), frame(0), frame(5)])
    (3, None)
    """
    by_time: dict[np.datetime64, xr.Dataset] = {}
    for one in maps:
        for number, end in enumerate(one["time"].to_numpy()):
            by_time.setdefault(end, one.isel(time=[number]))
    chosen = [by_time[end] for end in sorted(by_time)[-count:]]
    if len(chosen) < count:
        return None
    places = [(one["y"].to_numpy(), one["x"].to_numpy(), one.attrs.get("crs")) for one in chosen]
    same = all(np.array_equal(y, places[0][0]) and np.array_equal(x, places[0][1]) for y, x, _ in places)
    steps_h = np.diff(np.array(sorted(by_time)[-count:])) / HOUR
    held_h = np.concatenate([_interval_h(one) for one in chosen])
    is_series = np.allclose(steps_h, steps_h[0], atol=_TOLERANCE) and np.allclose(held_h, steps_h[0], atol=_TOLERANCE)
    if not same or len({crs for *_, crs in places}) > 1 or not is_series or steps_h[0] > longest_h + _TOLERANCE:
        return None
    return xr.concat([one[["rain_mm"]] for one in chosen], dim="time", coords="minimal", compat="override")


def _interval_h(rain: xr.Dataset) -> FloatArray:
    """Return the length of each step [h]: as stated, else the distance to the step before it."""
    if "interval_h" in rain.coords:
        return np.asarray(rain["interval_h"].to_numpy(), dtype=np.float64)
    end = rain["time"].to_numpy()
    if len(end) < 2:
        return np.ones(len(end))
    steps = np.diff(end) / HOUR
    return np.asarray(np.concatenate([steps[:1], steps]), dtype=np.float64)


def _overlaps(
    end: NDArray[np.datetime64], interval_h: FloatArray, step: np.timedelta64
) -> tuple[NDArray[np.datetime64], csr_array, csr_array]:
    """Return the steps, the share of each one given in each of them, and the share of each that a given one covers."""
    origin = end[0].astype("datetime64[h]").astype("datetime64[ns]")
    stop = np.asarray((end - origin) / step, dtype=np.float64)
    length = interval_h * float(HOUR / step)
    start = stop - length
    if (start[1:] < stop[:-1] - _TOLERANCE).any():
        raise ValueError("steps overlap: rain that is counted twice cannot be cut into others")
    first, last = np.floor(start + _TOLERANCE).astype(np.int64), np.ceil(stop - _TOLERANCE).astype(np.int64)
    low, high = int(first.min()), int(last.max())
    if high - low > MAX_STEPS:
        raise ValueError(f"{high - low} steps; accepted: at most {MAX_STEPS}")
    touched = last - first
    column = np.repeat(np.arange(len(end)), touched)
    row = first[column] + np.arange(len(column)) - np.repeat(np.cumsum(touched) - touched, touched)
    shared = np.minimum(stop[column], row + 1.0) - np.maximum(start[column], row)
    shape = high - low, len(end)
    share = shared / length[column]
    share[share > 1.0 - _TOLERANCE] = 1.0
    shares = csr_array((share, (row - low, column)), shape=shape)
    covers = csr_array((shared, (row - low, column)), shape=shape)
    return origin + np.arange(low + 1, high + 1) * step.astype("timedelta64[ns]"), shares, covers


def _by_step(values: xr.DataArray) -> tuple[NDArray[np.generic], tuple[int, ...]]:
    """Return values with time first and all else in one axis, and the sizes of the rest."""
    moved = np.moveaxis(values.to_numpy(), values.dims.index("time"), 0)
    return moved.reshape(len(moved), -1), moved.shape[1:]


def _summed(values: xr.DataArray, shares: csr_array, covers: csr_array) -> FloatArray:
    table, rest = _by_step(values)
    known = np.isfinite(table)
    total = shares @ np.where(known, table, 0.0).astype(np.float64)
    total[covers @ known.astype(np.float64) < 1.0 - _TOLERANCE] = np.nan
    return np.moveaxis(total.reshape(-1, *rest), 0, values.dims.index("time"))


def _worst(flags: xr.DataArray, shares: csr_array, known: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return the flag of each step: good only if every part of it is."""
    table, rest = _by_step(flags)
    touches = (shares > 0).astype(np.float64)
    result = np.full((shares.shape[0], table.shape[1]), int(Quality.GOOD), dtype=np.int8)
    for flag in (Quality.NOT_EVALUATED, Quality.SUSPECT):
        result[touches @ (table == flag).astype(np.float64) > 0] = flag
    has_failed = touches @ (table == Quality.FAIL).astype(np.float64) > 0
    lost = ~known.reshape(result.shape)
    result[lost] = np.where(has_failed, Quality.FAIL, Quality.MISSING)[lost]
    return np.moveaxis(result.reshape(-1, *rest), 0, flags.dims.index("time"))
