"""How good the blend is before rain comes and while it falls: ``python -m benchmarks.blend_skill``.

New York in ``../shared/data`` (or ``WUYU_TEST_DATA``): runs of the archived forecast of 12 h are an ensemble, the
hourly analysis made a day after stands for one gauge. A case is an hour after which forecast or analysis bring 5 mm
within 6 h; its start is dry if under 0.5 mm fell in the 6 h before, wet if more fell in the last hour alone. The newest
run of the ensemble is as old as said. Three answers are judged by lead time: the ensemble as it is; with the rain now
falling mixed in whatever it is, a dry gauge too (the rule before this one); and `blend_rainfall`.

Errors are those of the ensemble mean [mm in an hour], the score that of the whole ensemble (CRPS; less is better), with
90 % intervals of the difference to the first, storms of three days drawn again.
"""

from __future__ import annotations

import sys
from datetime import UTC, timedelta
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.bench_susceptibility import DATA
from benchmarks.nyc_district import analysis_mm, lagged_members, runs_known_at
from risk_models.forecast.blend import BlendOptions, blend_rainfall, forecast_bias

__all__ = ["ANSWERS", "cases", "mixed_whatever_falls", "table"]

PAST_H, LEAD_H = 6, 6
DRY_MM, WET_MM = 0.5, 5.0
ANSWERS = ("ensemble", "dry gauge mixed in", "blend")
PLACE = gpd.GeoDataFrame(
    {"lon": [-73.95], "lat": [40.7]}, index=["GRID"], geometry=gpd.points_from_xy([0.0], [0.0]), crs="EPSG:32118"
)
Floats = np.ndarray


def mixed_whatever_falls(past_mm: Floats, members_past: Floats, members: Floats, options: BlendOptions) -> Floats:
    """Return the members (member, LEAD_H) by the rule that took a dry gauge for a nowcast; past (PAST_H,)."""
    bias = forecast_bias(past_mm[:, None], members_past.mean(axis=0)[:, None], options=options)
    lead = np.arange(LEAD_H)
    mixed = members * (1.0 + (bias - 1.0) * 0.5 ** (lead / options.bias_half_life_h))
    for hour, weight in enumerate(options.persistence_weights):
        mixed[:, hour] = weight * past_mm[-1] * 0.8 ** (hour + 1) + (1.0 - weight) * mixed[:, hour]
    return mixed


def _blended(at: pd.Timestamp, issued: pd.Timestamp, past_mm: Floats, members: Floats) -> Floats:
    """Return the members (member, LEAD_H) of the blend for members (member, PAST_H + LEAD_H)."""
    ends = pd.date_range(at - pd.Timedelta(hours=PAST_H - 1), periods=PAST_H + LEAD_H, freq="h").to_numpy()
    known = np.isfinite(members).all(axis=0)
    grid = members[:, known, None, None] * np.ones((1, 1, 2, 2))
    moment = at.to_pydatetime().replace(tzinfo=UTC)
    forecast = xr.Dataset(
        {"rain_mm": (("member", "time", "lat", "lon"), grid)},
        {"time": ends[known], "lat": [40.0, 41.4], "lon": [-74.6, -73.2]},
        {"issued_at": (moment - timedelta(seconds=(at - issued).total_seconds())).isoformat()},
    )
    dims = ("time", "gauge")
    observed = xr.Dataset(
        {"rain_mm": (dims, past_mm[:, None]), "quality": (dims, np.ones((PAST_H, 1), np.int8))},
        {"time": ends[:PAST_H], "gauge": np.array(["GRID"], dtype=object)},
    )
    rain = blend_rainfall(
        observed, forecast, hotspots=PLACE, gauges=PLACE, valid_at=moment, past_h=PAST_H, lead_h=LEAD_H
    )
    return rain["rain_mm"].to_numpy()[:, PAST_H:, 0].astype(np.float64)


def cases(
    data: Path, *, start: str, age_h: int, every_h: int = 1
) -> tuple[pd.DatetimeIndex, Floats, dict[str, list[Floats]]]:
    """Return the hours, the rain that came (case, LEAD_H), and the members of each answer, case by case.

    Parameters
    ----------
    data : Path
        Folder that holds ``nyc_floodnet``.
    start : {"dry", "wet"}
    age_h : int
        Hours since the newest run of the ensemble.
    every_h : int
        Look at every hour, or fewer.
    """
    issued, runs = runs_known_at(data)
    rain = analysis_mm(data).asfreq("h")
    hours, truth, answers = [], [], {name: [] for name in ANSWERS}
    for at in rain.index[PAST_H:-LEAD_H:every_h]:
        past, came = (rain[at + pd.Timedelta(hours=first) : at + pd.Timedelta(hours=last)].to_numpy()
                      for first, last in ((1 - PAST_H, 0), (1, LEAD_H)))  # fmt: skip
        base = at - pd.Timedelta(hours=age_h)
        lagged = lagged_members(issued, runs, base, age_h + LEAD_H)
        if (
            not len(lagged)
            or not np.isfinite([*past, *came]).all()
            or {"dry": past.sum() >= DRY_MM, "wet": past[-1] < DRY_MM}[start]
        ):
            continue
        ahead = lagged[:, age_h:]
        if max(came.sum(), ahead.mean(axis=0).sum()) < WET_MM:
            continue
        before = np.full((len(lagged), PAST_H), np.nan)
        before[:, PAST_H - min(age_h, PAST_H) :] = lagged[:, max(age_h - PAST_H, 0) : age_h]
        hours.append(at)
        truth.append(came)
        answers["ensemble"].append(ahead)
        answers["dry gauge mixed in"].append(mixed_whatever_falls(past, before, ahead, BlendOptions()))
        answers["blend"].append(_blended(at, base, past, np.concatenate([before, ahead], axis=1)))
    return pd.DatetimeIndex(hours), np.array(truth), answers


def crps(members: Floats, truth: Floats) -> Floats:
    """Return the continuous ranked probability score of members (member, hour), by hour."""
    apart = np.abs(members[:, None] - members[None]).mean(axis=(0, 1))
    return np.abs(members - truth).mean(axis=0) - 0.5 * apart


def table(data: Path, *, start: str, age_h: int, every_h: int = 1, draws: int = 1000) -> pd.DataFrame:
    """Return error, bias and score of each answer by lead time.

    Parameters
    ----------
    data, start, age_h, every_h
        As of `cases`.
    draws : int
        Of storms, for the intervals.
    """
    hours, truth, answers = cases(data, start=start, age_h=age_h, every_h=every_h)
    storms = pd.factorize(hours.floor("3D"))[0]
    drawn = np.random.default_rng(12).integers(0, storms.max() + 1, (draws, storms.max() + 1))
    scores = {
        name: np.array([crps(own, came) for own, came in zip(members, truth, strict=True)])
        for name, members in answers.items()
    }
    rows = []
    for name, members in answers.items():
        error = np.array([own.mean(axis=0) for own in members]) - truth
        apart = scores[name] - scores["ensemble"]
        sums = np.stack([np.bincount(storms, weights=column) for column in apart.T], axis=1)
        means = sums[drawn].sum(axis=1) / np.bincount(storms)[drawn].sum(axis=1)[:, None]
        low, high = np.quantile(means, [0.05, 0.95], axis=0)
        for lead in range(LEAD_H):
            rows.append({
                "start": start, "age_h": age_h, "lead_h": lead + 1, "answer": name,
                "cases": len(truth), "storms": storms.max() + 1,
                "bias_mm": error[:, lead].mean(), "rmse_mm": np.sqrt((error[:, lead] ** 2).mean()),
                "crps_mm": scores[name][:, lead].mean(), "crps_low": low[lead], "crps_high": high[lead],
            })  # fmt: skip
    return pd.DataFrame(rows)


if __name__ == "__main__":
    for begin in ("dry", "wet"):
        for age in (0, 3, 6):
            found = table(DATA, start=begin, age_h=age)
            sys.stdout.write(found.round(3).to_string(index=False) + "\n\n")
