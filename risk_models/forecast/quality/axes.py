"""Two axes beside the flag: where a value comes from, and how far it can be relied on.

They are kept apart, as in Delft-FEWS: a value filled in from neighbours is completed AND doubtful; a corrected value
may be reliable. Unreliable values are shown and never used.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from risk_models.forecast.interpolate import OrdinaryKriging
from risk_models.forecast.rainfall import Quality

__all__ = ["Reliability", "ValueOrigin", "complete_from_neighbours", "fews_code", "reliability_of"]


class ValueOrigin(IntEnum):
    """Where a gauge value comes from."""

    ORIGINAL = 0
    CORRECTED = 1
    COMPLETED = 2


class Reliability(IntEnum):
    """How far a gauge value can be relied on; UNCHECKED is not the same as RELIABLE."""

    RELIABLE = 0
    DOUBTFUL = 1
    UNRELIABLE = 2
    UNCHECKED = 3
    MISSING = 9


_OF_QUALITY = {
    Quality.GOOD: Reliability.RELIABLE,
    Quality.NOT_EVALUATED: Reliability.UNCHECKED,
    Quality.SUSPECT: Reliability.DOUBTFUL,
    Quality.FAIL: Reliability.UNRELIABLE,
    Quality.MISSING: Reliability.MISSING,
}


def reliability_of(quality: ArrayLike) -> NDArray[np.int8]:
    """Return the reliability of QARTOD flags.

    Examples
    --------
    >>> reliability_of([1, 2, 3, 4, 9]).tolist()
    [0, 3, 1, 2, 9]
    """
    table = np.full(10, Reliability.MISSING, dtype=np.int8)
    for flag, reliability in _OF_QUALITY.items():
        table[flag] = reliability
    return table[np.asarray(quality, dtype=np.int8)]


def fews_code(reliability: ArrayLike, origin: ArrayLike) -> NDArray[np.int8]:
    """Return Delft-FEWS flags: 0 to 8 for reliability x origin, 9 missing.

    Parameters
    ----------
    reliability : array_like of int
        `Reliability`; what is unchecked counts as doubtful, since FEWS has no word for it.
    origin : array_like of int
        `ValueOrigin`.

    References
    ----------
    Delft-FEWS configuration guide, data quality flags.

    Examples
    --------
    >>> fews_code([0, 1, 2, 3, 9], [0, 2, 0, 0, 0]).tolist()
    [0, 5, 6, 3, 9]
    """
    levels, origins = np.asarray(reliability), np.asarray(origin)
    known = np.where(levels == Reliability.UNCHECKED, Reliability.DOUBTFUL, levels)
    return np.where(levels == Reliability.MISSING, 9, 3 * known + origins).astype(np.int8)


def complete_from_neighbours(flagged: xr.Dataset, gauge_xy: ArrayLike, *, range_m: float | None = None) -> xr.Dataset:
    """Return the gauges with unknown values filled from the others by kriging, marked completed and doubtful.

    Parameters
    ----------
    flagged : xarray.Dataset
        As `flag_gauges` gives it.
    gauge_xy : array_like, shape (gauge, 2)
        Coordinates [m].
    range_m : float, optional
        Range of the variogram [m]; fitted if not given.

    Returns
    -------
    xarray.Dataset
        ``rain_mm`` filled; where filled, ``quality`` 3, ``value_origin`` 2 and ``reliability`` 1. Steps without any
        gauge stay unknown.

    Examples
    --------
    >>> from risk_models.forecast.quality.flag import flag_gauges
    >>> end = np.array(["2021-07-20T08"], "datetime64[ns]")
    >>> observed = xr.Dataset({"rain_mm": (("time", "gauge"), [[4.0, 4.0, np.nan]]),
    ...     "quality": (("time", "gauge"), [[2, 2, 9]])}, {"time": end, "gauge": ["a", "b", "c"]})
    >>> full = complete_from_neighbours(flag_gauges(observed, np.eye(3, 2) * 1000.0), np.eye(3, 2) * 1000.0)
    >>> full.rain_mm.to_numpy().tolist(), full.value_origin.to_numpy().tolist()
    ([[4.0, 4.0, 4.0]], [[0, 0, 2]])
    """
    rain = flagged["rain_mm"].to_numpy()
    told = OrdinaryKriging(range_m=range_m).fit(gauge_xy, rain).predict(gauge_xy)
    fill = np.isnan(rain) & np.isfinite(told)
    changes = {
        "rain_mm": told,
        "quality": np.full(rain.shape, Quality.SUSPECT, dtype=np.int8),
        "value_origin": np.full(rain.shape, ValueOrigin.COMPLETED, dtype=np.int8),
        "reliability": np.full(rain.shape, Reliability.DOUBTFUL, dtype=np.int8),
    }
    return flagged.assign({name: flagged[name].where(~fill, value) for name, value in changes.items()})
