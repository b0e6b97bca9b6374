"""A learned chance on the street-flood sensors of New York: beside plain rain, the chain and the usual frequency.

``python -m benchmarks.learned_chance`` learns and verifies as `wuyu learn` does, 0, 6 and 12 h ahead (minutes). The
record is read from ``../shared/data`` or ``WUYU_TEST_DATA``. One grid point of rain and one assumed sag serve all
sensors, so the chain says the same of every sensor and is run once a window.
"""

from __future__ import annotations

import os

if __name__ == "__main__":  # one thread, set before NumPy is loaded
    for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(_name, "1")

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.bench_susceptibility import DATA, FLOOD_MM, WINDOW_H, nyc
from benchmarks.nyc_district import make_district, rain_known_before, scorer_of
from risk_models.district import load_district
from risk_models.risk.combined import RAIN_FEATURES, SHARE_FEATURES, season_features
from risk_models.risk.susceptibility.learning import Lesson, learn_chance, mark_floods

DRAINS_MM_H, BLOCK_D = 24.0, 3
DEPTHS_M = (0.05, 0.15, 0.27, 0.5)


def chain_of_windows(data: Path, starts: pd.DatetimeIndex, *, lead_h: int) -> pd.DataFrame:
    """Return the columns of the risk table that a model may ask for, one row per window, the same at all sensors."""
    with tempfile.TemporaryDirectory() as name:
        district = load_district(make_district(Path(name) / "nyc", data, drain_mm_h=DRAINS_MM_H, most=1))
        scorer = scorer_of(district)
        rows = [
            {"start": start, **scorer.score(rain)[[*RAIN_FEATURES, *SHARE_FEATURES]].iloc[0]}
            for start, rain in rain_known_before(scorer, data, starts, lead_h=lead_h)
        ]
    return pd.DataFrame(rows)


def lesson(data: Path, *, lead_h: int) -> Lesson:
    """Learn from all that is on record, verified by leaving out blocks of three days."""
    problem = nyc(data, lead_h=lead_h)
    pairs = problem.features[["start", "sensor_id"]].rename(columns={"sensor_id": "hotspot_id"})
    chain = chain_of_windows(data, pd.DatetimeIndex(pairs["start"].unique()), lead_h=lead_h)
    season = pd.DataFrame([season_features(at, "America/New_York") for at in chain["start"].dt.tz_localize("UTC")])
    windows = pairs.merge(chain.join(season), on="start").assign(kind="road_junction")
    windows["start"] = windows["start"].dt.tz_localize("UTC")
    floods = pd.read_csv(data / "nyc_floodnet" / "flood_events.csv", parse_dates=["start_utc"])
    floods = floods[floods["max_depth_mm"] >= FLOOD_MM]
    history = pd.DataFrame(
        {
            "hotspot_id": floods["sensor_id"], "started_at": floods["start_utc"].dt.tz_localize("UTC"),
            "depth_m": floods["max_depth_mm"] / 1000.0, "confidence": "A",
        }
    )  # fmt: skip
    table, _ = mark_floods(windows, history, window_h=WINDOW_H, now=pd.Timestamp("2025-01-01T00:00Z"))
    block = (table["start"] - table["start"].min()) // pd.Timedelta(days=BLOCK_D)
    table["storm_id"] = "block " + block.astype(str).str.zfill(4)
    return learn_chance(
        table, depths_m=DEPTHS_M, window_h=WINDOW_H, district_code="NYC", places={}, rng=np.random.default_rng(0),
        title=f"Street floods of New York, {lead_h} h ahead", data="FloodNet sensors and archived forecasts.",
    )  # fmt: skip


def main() -> int:
    """Print the card of every lead time."""
    if not (DATA / "nyc_floodnet").is_dir():
        print(f"reference data not found at {DATA}; set WUYU_TEST_DATA")
        return 0
    for lead_h in (0, 6, 12):
        print(lesson(DATA, lead_h=lead_h).card, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
