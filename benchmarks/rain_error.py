"""How far rain may be off in New York, by lead: what was told and what fell, beside the prior.

``python -m benchmarks.rain_error`` prints the table of two archives made of the same record (about a minute): of each
forecast run by itself, and of the ensemble of the runs of 12 h, whose own spread is taken off. What fell is the hourly
analysis of a day after, which was not known at the time and is fit for judging only. The record is read from
``../shared/data`` or ``WUYU_TEST_DATA``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.bench_susceptibility import DATA
from benchmarks.nyc_district import analysis_mm, lagged_members, runs_known_at
from risk_models.forecast.rain_error import WET_MM, ToldAndFell, fit_rain_error
from risk_models.forecast.rainfall import Provenance, build_rainfall, from_datetime64

EVERY_H, AHEAD_H, PAST_H = 6, 60, 6


def archive(data: Path, *, lagged: bool) -> pd.DataFrame:
    """Return pairs of told and fallen rain, from cycles every six hours.

    Parameters
    ----------
    data : Path
    lagged : bool
        The ensemble of the runs of 12 h instead of the newest run.
    """
    issued, runs = runs_known_at(data)
    gathered = ToldAndFell()
    fallen = analysis_mm(data)
    for at in pd.date_range(issued[0].ceil("D"), issued[-1], freq=f"{EVERY_H}h"):
        members = lagged_members(issued, runs, at, AHEAD_H)
        if len(members):
            gathered.add(_cycle(at, fallen, members if lagged else members[-1:]))
    return gathered.pairs()


def _cycle(at: pd.Timestamp, fallen: pd.Series, members: np.ndarray) -> object:
    time = pd.date_range(at - pd.Timedelta(hours=PAST_H - 1), at + pd.Timedelta(hours=AHEAD_H), freq="h")
    past = np.repeat(fallen.reindex(time[:PAST_H]).to_numpy()[None], len(members), axis=0)
    moment = from_datetime64(at.to_datetime64())
    return build_rainfall(
        np.concatenate([past, members], axis=1)[:, :, None], time=time.to_numpy(), hotspot=["GRID"],
        origin=np.repeat([0, 2], [PAST_H, AHEAD_H]), quality=np.full((len(time), 1), 2),
        rain_std_mm=np.full((len(time), 1), np.nan), provenance=Provenance(valid_at=moment, issued_at=moment),
    )  # fmt: skip


def tables(data: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Give each table under its name."""
    for name, lagged in (("newest run", False), ("ensemble of the runs of 12 h, less its own spread", True)):
        yield name, fit_rain_error(archive(data, lagged=lagged), source="New York").table


def main() -> int:
    """Print the tables."""
    if not (DATA / "nyc_floodnet").is_dir():
        print(f"reference data not found at {DATA}; set WUYU_TEST_DATA")
        return 0
    for name, table in tables(DATA):
        print(f"{name}; sums of 3 h, {WET_MM:g} mm or more told")
        print(table.round(2).to_string(index=False), end="\n\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
