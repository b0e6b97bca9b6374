"""Rain made by hand: the same amount at every hotspot, hour by hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import xarray as xr

from risk_models.district import District
from risk_models.forecast.rainfall import Origin, Provenance, Quality, build_rainfall, to_datetime64

__all__ = ["uniform_rain"]

_LOST = 6  # of the ladder: nothing was observed
_BY_HAND = {"ladder_zh": "雨量为人工设定，不是观测", "ladder_en": "rain made by hand, nothing observed"}


def uniform_rain(district: District, rain_mm: Sequence[float], *, until: str | datetime) -> xr.Dataset:
    """Make the rain of a "what if": so many mm in each hour, everywhere.

    Parameters
    ----------
    district : District
    rain_mm : sequence of float, shape (hour,)
        Rain [mm] of each hour; NaN is unknown.
    until : str or datetime
        End of the last hour, with its offset; the time of the cycle.

    Returns
    -------
    xarray.Dataset
        A Rainfall dataset (see `risk_models.forecast.rainfall`) that claims no observation: origin FALLBACK, quality
        NOT_EVALUATED or MISSING, no gauge, no forecast, the last step of the ladder. What comes after `until` is
        unknown.

    Raises
    ------
    ValueError
        If there is no hour, or `until` is no time with an offset.
    BadInputError
        If rain is negative or infinite.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import pandas as pd
    >>> district = SimpleNamespace(hotspots=pd.DataFrame(index=["EQ-001", "EQ-002"]))
    >>> rain = uniform_rain(district, [30, float("nan"), 90], until="2021-07-20T17:00+08:00")
    >>> rain.rain_mm[0, :, 1].to_numpy().tolist(), rain.attrs["valid_at"]
    ([30.0, nan, 90.0], '2021-07-20T09:00:00+00:00')
    """
    amounts = np.asarray(rain_mm, dtype=np.float64)
    if amounts.ndim != 1 or not len(amounts):
        raise ValueError(f"rain_mm has shape {amounts.shape}; accepted: one amount for each hour, e.g. [30, 60, 90]")
    valid_at = until if isinstance(until, datetime) else datetime.fromisoformat(until)
    ends = to_datetime64(valid_at) + np.arange(1 - len(amounts), 1) * np.timedelta64(1, "h")
    hotspots = [str(name) for name in district.hotspots.index]
    everywhere = np.repeat(amounts[:, np.newaxis], len(hotspots), axis=1)
    rainfall = build_rainfall(
        everywhere[np.newaxis],
        time=ends,
        hotspot=hotspots,
        origin=np.full(len(amounts), Origin.FALLBACK),
        quality=np.where(np.isnan(everywhere), Quality.MISSING, Quality.NOT_EVALUATED),
        rain_std_mm=np.full(everywhere.shape, np.nan),
        provenance=Provenance(valid_at=valid_at, ladder_step=_LOST, sources=[{"id": "made by hand"}]),
    )
    return rainfall.assign_attrs(_BY_HAND)
