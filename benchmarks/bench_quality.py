"""Quality control of one year of 10-minute rain from 300 gauges: 15.8 million values, every test."""

from __future__ import annotations

import resource

import numpy as np
import xarray as xr

from benchmarks.rows import Row, median_s
from risk_models.forecast.quality.flag import flag_gauges

GAUGES, STEPS, LIMIT_S = 300, 52_560, 30.0


def run() -> list[Row]:
    """Time `flag_gauges` on rain with gaps."""
    rng = np.random.default_rng(4)
    gauge_xy = rng.uniform(0, 60_000, (GAUGES, 2))
    wet = np.repeat(rng.random(STEPS // 36) < 0.12, 36)[:, np.newaxis]
    rain = np.where(wet & (rng.random((STEPS, GAUGES)) < 0.5), rng.gamma(0.7, 1.5, (STEPS, GAUGES)), 0.0).round(1)
    rain[rng.random(rain.shape) < 0.01] = np.nan
    dims = ("time", "gauge")
    observed = xr.Dataset(
        {"rain_mm": (dims, rain), "quality": (dims, np.where(np.isnan(rain), 9, 2).astype(np.int8))},
        {
            "time": np.datetime64("2021-01-01", "ns") + np.arange(1, STEPS + 1) * np.timedelta64(10, "m"),
            "gauge": np.arange(GAUGES),
        },
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours = median_s(lambda: flag_gauges(observed, gauge_xy), repeats=1)
    extra_gib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    note = f"all {flag_gauges(observed.isel(time=slice(0, 9)), gauge_xy).sizes['test']} tests; {extra_gib:.2f} GiB more"
    return [Row(job=f"{STEPS * GAUGES / 1e6:.1f} M gauge values", ours_s=ours, target=LIMIT_S, note=note)]
