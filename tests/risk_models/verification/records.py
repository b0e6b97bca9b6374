"""Made-up records: storms that flood some hotspots, and what a forecaster of a given skill told before."""

from __future__ import annotations

import numpy as np
import pandas as pd

from risk_models.levels import Level
from risk_models.verification.record import WARNING_COLUMNS, VerificationRecord

START = pd.Timestamp("2024-06-01T00:00Z")


def made_up(
    *, storms: int = 20, hotspots: int = 12, skill: float = 1.0, seed: int = 3, every_h: int = 6
) -> VerificationRecord:
    """Return cycles of a season, one storm a week that floods some hotspots; `skill` 1 knows which, 0 knows nothing."""
    rng = np.random.default_rng(seed)
    times = pd.date_range(START, periods=storms * 7 * 24 // every_h, freq=f"{every_h}h")
    ids = [f"H-{number:02d}" for number in range(hotspots)]
    town = {name: f"T{number % 3}" for number, name in enumerate(ids)}
    peaks = START + pd.to_timedelta(np.arange(storms) * 7 * 24 + 75, unit="h")
    hit = rng.random((storms, hotspots)) < 0.3
    floods = [
        (ids[h], town[ids[h]], peaks[s] + pd.Timedelta(minutes=int(rng.integers(0, 60))), rng.uniform(0.06, 0.6), False)
        for s, h in zip(*np.nonzero(hit), strict=True)
    ]
    rows = pd.DataFrame(
        [(at, name) for at in times for name in ids], columns=["valid_at", "hotspot_id"]
    )  # fmt: skip
    hours = (peaks.to_numpy()[None, :] - rows["valid_at"].to_numpy()[:, None]) / np.timedelta64(1, "h")
    storm = np.argmax((hours > -1) & (hours <= 12), axis=1)
    is_near = ((hours > -1) & (hours <= 12)).any(axis=1)
    truth = is_near & hit[storm, np.tile(np.arange(hotspots), len(times))]
    noise = rng.random(len(rows))
    p = np.round(skill * np.where(truth, 0.9, 0.02) + (1 - skill) * noise, 3)
    rain = np.where(is_near, 40.0, 0.0) + 5.0 * noise
    rows = rows.assign(
        town_code=rows["hotspot_id"].map(town), level=np.where(p > 0.5, 4, np.where(p > 0.2, 1, 0)), likelihood=0,
        impact=0, signal=np.where(rain > 42, 1, 0), ladder_step=1,
        source=np.where(rows["valid_at"].dt.month < 8, "a", "b"),
        p_5cm=p, p_15cm=p * 0.5, p_27cm=p * 0.3, p_50cm=p * 0.1, depth_p50_m=p / 2,
        obs_30min_mm=np.nan, obs_1h_mm=rain / 2, fc_1h_mm_p50=rain / 2, fc_3h_mm_p50=rain,
    )  # fmt: skip
    return VerificationRecord(
        cycles=rows,
        floods=pd.DataFrame(floods, columns=["hotspot_id", "town_code", "started_at", "depth_m", "synthetic"]),
        warnings=_warnings(rows),
        horizon_h=12.0,
        zone="UTC",
    )


def _warnings(rows: pd.DataFrame) -> pd.DataFrame:
    """A warning of six hours from every cycle at which a town reaches a level."""
    towns = rows.groupby(["town_code", "valid_at"])["level"].max().reset_index()
    towns = towns[towns["level"] >= int(Level.BLUE)].reset_index(drop=True)
    told = pd.DataFrame(
        {
            "warning_id": [f"W{number}" for number in range(len(towns))],
            "revision": 0,
            "area_code": towns["town_code"],
            "level": towns["level"],
            "told_at": towns["valid_at"],
            "valid_to": towns["valid_at"] + pd.Timedelta(hours=12),
            "is_end": False,
        }
    )
    return told[list(WARNING_COLUMNS)]
