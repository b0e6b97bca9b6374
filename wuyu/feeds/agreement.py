"""Does a gauge table agree with the one before it, and all gauges together with the sky? Pure comparisons of rain."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = ["all_dry_in_rain", "disagreement"]

MIN_PAIRS = 6
WET_MM = 1.0
SHARE = 0.8
"""Share of the hours that must show the same change: corrections touch some of them, a unit touches all."""
FACTOR = 2.0
ROUNDING_MM = 0.11
"""Two roundings to 0.1 mm."""


def disagreement(before: xr.Dataset, after: xr.Dataset) -> str:
    """Return why a table cannot be right beside the one received before it; empty if it can.

    For the same hours and gauges rain does not become a fixed fraction of what it was: that is another unit (an inch
    for 25.4 mm, ten for one). Nor does all of it become zero. The other way round, values that became larger, the new
    table is taken: it can only raise a level.

    Parameters
    ----------
    before, after : xarray.Dataset
        ``rain_mm(time, gauge)`` [mm], as `read_gauge_table` gives it.

    Returns
    -------
    str

    Examples
    --------
    >>> end = np.datetime64("2021-07-20T00", "ns") + np.arange(8) * np.timedelta64(1, "h")
    >>> def table(rain_mm):
    ...     return xr.Dataset({"rain_mm": (("time", "gauge"), np.array(rain_mm)[:, None])}, {"time": end, "gauge": ["a"]})
    >>> rain = np.array([0.0, 3.0, 12.0, 40.0, 60.0, 25.0, 8.0, 2.0])
    >>> disagreement(table(rain), table(rain)), disagreement(table(rain / 25.4), table(rain))
    ('', '')
    >>> disagreement(table(rain), table((rain / 25.4).round(3)))
    'for the same hours it gives 0.039 of the rain received before (7 values): inches or another unit, or the earlier file was wrong'
    """
    old, new = _pairs(before, after)
    is_wet = old >= WET_MM
    old, new = old[is_wet], new[is_wet]
    if len(old) < MIN_PAIRS:
        return ""
    if np.mean(new == 0) >= SHARE:
        return f"for the same hours it gives no rain where rain was received before ({len(old)} values)"
    factor = float(np.median(new / old))
    if not 0 < factor < 1 / FACTOR:
        return ""
    if np.mean(np.abs(new - factor * old) <= np.maximum(ROUNDING_MM * factor, 0.03 * factor * old)) < SHARE:
        return ""
    return (
        f"for the same hours it gives {factor:.2g} of the rain received before ({len(old)} values): "
        "inches or another unit, or the earlier file was wrong"
    )


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


def _pairs(before: xr.Dataset, after: xr.Dataset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the values that both tables know for the same hour and gauge."""
    old, new = xr.align(before["rain_mm"], after["rain_mm"], join="inner")
    left, right = old.to_numpy().ravel(), new.to_numpy().ravel()
    both = np.isfinite(left) & np.isfinite(right)
    return left[both], right[both]
