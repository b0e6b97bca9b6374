"""Does a gauge table agree with the one before it, and all gauges together with the sky? Pure comparisons of rain."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from risk_models.errors import Finding

__all__ = ["all_dry_in_rain", "below_every_forecast", "disagreement"]

FloatArray = NDArray[np.float64]
MIN_PAIRS = 6
WET_MM = 1.0
SHARE = 0.8
"""Share of the hours that must show the same change: corrections touch some of them, a unit or a clock touches all."""
FACTOR = 2.0
ROUNDING_MM = 0.11
"""Two roundings to 0.1 mm."""
MAX_SHIFT_H = 14
"""No two time zones of the same country, and no label, lie farther apart."""


def disagreement(before: xr.Dataset, after: xr.Dataset, *, file: str) -> Finding | None:
    """Return why a table cannot be right beside the one received before it, or None.

    For the same hours and gauges rain does not become a fixed fraction of what it was (that is another unit: inches,
    or ten for one), nor does all of it become zero, nor does the whole series move to earlier hours (another time
    zone, or the begin of an interval for its end). The other way round, values that became larger, the table is taken
    with a warning: it can only raise a level.

    Parameters
    ----------
    before, after : xarray.Dataset
        ``rain_mm(time, gauge)`` [mm] in steps of 1 h, as `read_gauge_table` gives it.
    file : str
        Name of the later table.

    Returns
    -------
    Finding or None
        An error if the table must not be used.

    Examples
    --------
    >>> end = np.datetime64("2021-07-20T00", "ns") + np.arange(8) * np.timedelta64(1, "h")
    >>> def table(rain_mm):
    ...     rain_mm = (("time", "gauge"), np.array(rain_mm)[:, None])
    ...     return xr.Dataset({"rain_mm": rain_mm}, {"time": end, "gauge": ["a"]})
    >>> rain = np.array([0.0, 3.0, 12.0, 40.0, 60.0, 25.0, 8.0, 2.0])
    >>> disagreement(table(rain), table(rain), file="g.csv") is None
    True
    >>> print(disagreement(table(rain), table((rain / 25.4).round(3)), file="g.csv"))
    g.csv: for the same hours it gives 0.039 times the rain received before (7 values). Ask ... [unit-slip]
    """
    return _moved_back(before, after, file) or _rescaled(before, after, file)


def _rescaled(before: xr.Dataset, after: xr.Dataset, file: str) -> Finding | None:
    old, new = _pairs(before, after)
    if len(old) < MIN_PAIRS:
        return None
    if np.mean(new == 0) >= SHARE:
        message = f"for the same hours it gives no rain where rain was received before ({len(old)} values)"
        return Finding(code="rain-vanished", message=message, file=file, fix="ask who sends the feed which is right")
    factor = float(np.median(new / old))
    is_changed = factor > 0 and abs(np.log(factor)) > np.log(FACTOR)
    near = np.abs(new - factor * old) <= np.maximum(ROUNDING_MM * max(factor, 1.0) / 2, 0.03 * factor * old)
    if not is_changed or np.mean(near) < SHARE:
        return None
    return Finding(
        code="unit-slip",
        message=f"for the same hours it gives {factor:.2g} times the rain received before ({len(old)} values)",
        file=file,
        fix="ask who sends the feed whether its unit changed (inch, 0.1 mm)",
        severity="error" if factor < 1 else "warning",
    )


def _moved_back(before: xr.Dataset, after: xr.Dataset, file: str) -> Finding | None:
    old, new = _pairs(before, after)
    if len(old) >= MIN_PAIRS and np.mean(_is_same(old, new)) >= 1.0 - SHARE:
        return None
    for hours in range(1, MAX_SHIFT_H + 1):
        old, new = _pairs(before, after, shift_h=hours)
        if len(old) >= MIN_PAIRS and np.mean(_is_same(old, new)) >= SHARE:
            return Finding(
                code="clock-moved-back",
                message=f"it gives the rain received before, {hours} h earlier ({len(old)} values)",
                file=file,
                fix="ask who sends the feed about its time zone and which end of the interval it names",
            )
    return None


def _is_same(old: FloatArray, new: FloatArray) -> NDArray[np.bool_]:
    return np.asarray(np.abs(old - new) < ROUNDING_MM / 2)


def all_dry_in_rain(
    gauge_mm: NDArray[np.floating], expected_mm: NDArray[np.floating], *, wet_mm: float = 5.0, last_mm: float = 5.0
) -> int:
    """Return how many of the newest hours all gauges read exactly 0 although it was raining and must still be.

    Rain that stops at every gauge at once while the forecast goes on is a dead network that sends zeros. Both signs
    are needed: a forecast alone may be wrong, and a storm may end.

    Parameters
    ----------
    gauge_mm : ndarray, shape (time, gauge)
        Rain of the gauges [mm], NaN where unknown, oldest first.
    expected_mm : ndarray, shape (time,)
        Forecast of the district [mm] for the same hours, NaN where it does not reach.
    wet_mm : float
        Forecast in each of these hours at least [mm].
    last_mm : float
        Mean of the gauges in the hour before the zeros at least [mm].

    Returns
    -------
    int
        0 if there is no such run.

    Examples
    --------
    >>> gauges = np.array([[12.0, 9.0], [31.0, 20.0], [0.0, 0.0], [0.0, np.nan]])
    >>> all_dry_in_rain(gauges, np.array([10.0, 25.0, 30.0, 18.0])), all_dry_in_rain(gauges, np.array([10.0, 25, 0, 0]))
    (2, 0)
    """
    known = np.isfinite(gauge_mm)
    dry = known.any(axis=1) & (np.where(known, gauge_mm, 0.0) == 0).all(axis=1)
    run = 0
    while run < len(dry) and dry[-1 - run]:
        run += 1
    if not 0 < run < len(dry) or known[-1 - run].sum() == 0:
        return 0
    was_wet = np.nanmean(gauge_mm[-1 - run]) >= last_mm
    is_wet = bool((expected_mm[len(dry) - run :] >= wet_mm).all())
    return run if was_wet and is_wet else 0


def below_every_forecast(
    gauge_mm: NDArray[np.floating],
    lowest_mm: NDArray[np.floating],
    *,
    least_mm: float = 20.0,
    share: float = 0.1,
    min_hours: int = 3,
) -> tuple[float, float] | None:
    """Return the rain of the wettest gauge and of the lowest forecast if the gauges cannot be right beside it, or None.

    If the driest of all members sees heavy rain in hours that are past, and no gauge has a tenth of it, then the unit,
    the network or the whole forecast is wrong; which, nobody can tell, so the gauges must not pass for knowledge.

    Parameters
    ----------
    gauge_mm : ndarray, shape (time, gauge)
        Rain of the gauges [mm], NaN where unknown.
    lowest_mm : ndarray, shape (time,)
        Rain of the driest member [mm] in the same hours, NaN where no forecast reaches.
    least_mm : float
        Forecast total from which gauges are doubted [mm].
    share : float
        Share of it that one gauge at least must have.
    min_hours : int
        Hours that must be known to both.

    Examples
    --------
    >>> inches = np.array([[0.5, 0.4], [1.1, 1.0], [2.0, 1.9]])
    >>> below_every_forecast(inches, np.array([6.0, 14.0, 26.0])), below_every_forecast(25.4 * inches, np.ones(3) * 15)
    ((3.6, 46.0), None)
    """
    both = np.isfinite(gauge_mm) & np.isfinite(lowest_mm)[:, np.newaxis]
    if both.sum(axis=0).max(initial=0) < min_hours:
        return None
    fallen = np.where(both, gauge_mm, 0.0).sum(axis=0)
    expected = np.where(both, lowest_mm[:, np.newaxis], 0.0).sum(axis=0)
    judged = both.sum(axis=0) >= min_hours
    if (expected[judged] < least_mm).any() or (fallen[judged] > share * expected[judged]).any():
        return None
    return float(fallen[judged].max()), float(expected[judged].max())


def _pairs(before: xr.Dataset, after: xr.Dataset, *, shift_h: int = 0) -> tuple[FloatArray, FloatArray]:
    """Return the values that both tables know for the same hour and gauge, where it rained by the earlier one.

    Hours of the later table are counted `shift_h` later than it says.
    """
    moved = after["time"].to_numpy() + np.timedelta64(shift_h, "h")
    _, old_hour, new_hour = np.intersect1d(before["time"].to_numpy(), moved, return_indices=True)
    names, others = (table["gauge"].to_numpy().astype(str) for table in (before, after))
    _, old_gauge, new_gauge = np.intersect1d(names, others, return_indices=True)
    old = before["rain_mm"].to_numpy()[np.ix_(old_hour, old_gauge)].ravel()
    new = after["rain_mm"].to_numpy()[np.ix_(new_hour, new_gauge)].ravel()
    both = np.isfinite(new) & (np.nan_to_num(old) >= WET_MM)
    return old[both], new[both]
