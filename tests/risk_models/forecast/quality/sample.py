"""Tables of rain for six gauges some kilometres apart."""

from __future__ import annotations

import numpy as np
import xarray as xr

NAN = np.nan
GAUGE_XY = np.array([[0, 0], [4, 0], [0, 4], [4, 4], [2, 2], [8, 3]]) * 1000.0
STEPS = 720


def table(rain: np.ndarray, step_min: int = 60, **extra: np.ndarray) -> xr.Dataset:
    end = np.datetime64("2021-07-01T00", "ns") + np.arange(1, len(rain) + 1) * np.timedelta64(step_min, "m")
    dims = ("time", "gauge")
    variables = {"rain_mm": (dims, rain), "quality": (dims, np.where(np.isnan(rain), 9, 2).astype(np.int8))}
    variables |= {name: (dims, values) for name, values in extra.items()}
    return xr.Dataset(variables, {"time": end, "gauge": [f"G{number}" for number in range(rain.shape[1])]})
