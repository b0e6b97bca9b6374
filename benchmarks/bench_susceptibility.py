"""Susceptibility: time against a plain random forest, and scores on real records beside three baselines.

``python -m benchmarks.bench_susceptibility`` prints the tables of scores (minutes); `run` times fit and prediction.
The records are read from ``../shared/data`` or ``WUYU_TEST_DATA``; a table whose record is absent is left out.
"""

from __future__ import annotations

import os

if __name__ == "__main__":  # one thread, set before NumPy is loaded
    for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(_name, "1")

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline

from benchmarks.rows import Row, median_s
from risk_models.district import load_district
from risk_models.risk.susceptibility import (
    HotspotFloodClassifier,
    LeaveOneStormOut,
    SpatialBlockSplit,
    group_storms,
    spatial_blocks,
    training_table,
)
from risk_models.scores import best_threshold, score_table

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("WUYU_TEST_DATA", ROOT.parent / "shared" / "data"))


@dataclass(frozen=True)
class LearningProblem:
    """A table to learn from, and how it is cut."""

    features: pd.DataFrame
    flooded: np.ndarray
    blocks: np.ndarray


# --- Bangladesh: points, spatial blocks -------------------------------------------------------------------------------


def bangladesh(folder: Path, *, block_size_m: float = 5000.0) -> LearningProblem:
    """Return 13,519 points: land cover as indicators, aspect as sine and cosine, coordinates for blocks only."""
    points = pd.read_csv(folder / "susceptibility_bangladesh" / "points_train.csv").dropna(subset=["Class"])
    features = points.drop(columns=["Class", "LULC", "Aspect"]).rename(
        columns={"POINT_X": "easting_m", "POINT_Y": "northing_m"}
    )
    aspect = np.deg2rad(points["Aspect"])
    features["aspect_sin"], features["aspect_cos"] = np.sin(aspect), np.cos(aspect)
    for cover in sorted(points["LULC"].dropna().unique()):
        features[f"lulc_{int(cover)}"] = (points["LULC"] == cover).astype(float)
    blocks = spatial_blocks(features["easting_m"], features["northing_m"], block_size_m=block_size_m)
    return LearningProblem(features.reset_index(drop=True), points["Class"].to_numpy() == 1, blocks)


def published_fold(problem: LearningProblem) -> tuple[np.ndarray, np.ndarray]:
    """Return (train, test) rows by the published recipe: fold 1 of 10 tested, fold 0 set aside, seed 42."""
    places = problem.features[["easting_m", "northing_m"]]
    cells = np.floor((places - places.min()) / 5000.0).astype(int).astype(str)
    # The recipe names blocks by text, and the order of the names decides which fold they fall into.
    names = cells["easting_m"] + "_" + cells["northing_m"]
    cv = StratifiedGroupKFold(10, shuffle=True, random_state=42)
    tests = [test for _, test in cv.split(problem.features, problem.flooded, names)]
    train = np.setdiff1d(np.arange(len(problem.flooded)), np.concatenate([tests[0], tests[1]]))
    return train, tests[1]


# --- New York: sensors and archived forecasts, later storms -----------------------------------------------------------

WINDOW_H = 12
LAGGED_RUNS_H = 12
FLOOD_MM = 50.0
#: Forecast of a window from which it counts as wet (dry windows make any AUC look good).
WET_MM = 2.0
#: An hour above this at a grid point of the whole city is a spike of the archive; it is cut to this.
SPIKE_MM = 25.0


def nyc_windows(folder: Path, *, lead_h: int) -> pd.DataFrame:
    """Return the forecast rain of every 12-hour window, as it was known `lead_h` hours before the window.

    The forecasts issued in the 12 hours up to then make a lagged ensemble. A value is the sum of the hour before.
    """
    table = pd.read_parquet(folder / "nyc_floodnet" / "forecasts_first72h.parquet")
    offset = pd.to_timedelta(table["utc_offset_s"], unit="s")
    table["issued_at"] = table["issue_file_time"] - offset
    table["step"] = ((table["valid_local"] - table["issue_file_time"]) / pd.Timedelta("1h")).round().astype(int)
    table = table.drop_duplicates(["issued_at", "step"])
    by_run = table.set_index(["issued_at", "step"])
    rain, chance = (by_run[name].unstack("step").reindex(columns=range(72)) for name in ("precip_mm", "pop_pct"))  # noqa: PD010
    issued = pd.DatetimeIndex(rain.index)
    rows = []
    for start in pd.date_range("2023-10-05T11:00", "2024-12-31T11:00", freq=f"{WINDOW_H}h"):
        known_at = start - pd.Timedelta(hours=lead_h)
        runs = np.flatnonzero((issued <= known_at) & (issued > known_at - pd.Timedelta(hours=LAGGED_RUNS_H)))
        if len(runs):
            ages = np.round((start - issued[runs]) / pd.Timedelta("1h")).to_numpy(dtype=int)
            rows.append({"start": start, **_rain_features(rain.to_numpy(), chance.to_numpy(), runs, ages)})
    return pd.DataFrame(rows).set_index("start").dropna()


def _rain_features(rain: np.ndarray, chance: np.ndarray, runs: np.ndarray, ages: np.ndarray) -> dict[str, float]:
    steps = np.clip(ages[:, None] + np.arange(1, WINDOW_H + 1), 0, 71)
    raw = rain[runs[:, None], steps]
    hours = np.minimum(raw, SPIKE_MM)
    three = hours[:, 2:] + hours[:, 1:-1] + hours[:, :-2]
    newest = raw[-1]
    return {
        "fc_1h_mm": float(hours.max(axis=1).mean()),
        "fc_1h_worst_mm": float(hours.max()),
        "fc_3h_mm": float(three.max(axis=1).mean()),
        "fc_12h_mm": float(hours.sum(axis=1).mean()),
        "pop_pct": float(np.nanmean(chance[runs[:, None], steps].max(axis=1))),
        "raw_1h_mm": float(newest.max()),
        "raw_3h_mm": float((newest[2:] + newest[1:-1] + newest[:-2]).max()),
        "raw_6h_mm": float(np.convolve(newest, np.ones(6), "valid").max()),
        "raw_12h_mm": float(newest.sum()),
    }


def nyc(folder: Path, *, lead_h: int, tidal: bool = False) -> LearningProblem:
    """Return one row per 12-hour window and sensor standing then; flooded = a flood of 50 mm or more began in it.

    Without tidal sensors unless asked. A sensor's own past enters as floods per year of service before the window.
    """
    sensors = pd.read_csv(folder / "nyc_floodnet" / "sensors.csv")
    if not tidal:
        sensors = sensors[sensors["tidally_influenced"] == "No"]
    sensors = sensors.assign(
        since=pd.to_datetime(sensors["date_installed"]), until=pd.to_datetime(sensors["date_removed"])
    ).reset_index(drop=True)
    floods = pd.read_csv(folder / "nyc_floodnet" / "flood_events.csv", parse_dates=["start_utc"])
    floods = floods[(floods["max_depth_mm"] >= FLOOD_MM) & floods["sensor_id"].isin(sensors["sensor_id"])]
    windows = nyc_windows(folder, lead_h=lead_h)
    pairs = windows.reset_index().merge(sensors[["sensor_id", "since", "until", "latitude", "longitude",
                                                 "tidally_influenced"]], how="cross")  # fmt: skip
    is_standing = (pairs["since"] <= pairs["start"]) & ~(pairs["until"] <= pairs["start"])
    pairs = pairs[is_standing].reset_index(drop=True)
    pairs["flooded"], pairs["floods_before"] = _floods(pairs, floods)
    years = (pairs["start"] - pairs["since"]).dt.total_seconds() / (365.25 * 86400)
    # Half a flood in half a year as the prior keeps young sensors near the mean of the network.
    rate = (pairs["floods_before"] + 0.25) / (years + 0.5)
    season = 2 * np.pi * pairs["start"].dt.day_of_year / 365.25
    pairs = pairs.assign(
        log_rate=np.log(rate), season_sin=np.sin(season), season_cos=np.cos(season),
        is_night=(pairs["start"].dt.hour == 23).astype(float), is_tidal=(pairs["tidally_influenced"] == "Yes") * 1.0,
    )  # fmt: skip
    blocks = ((pairs["start"] - pairs["start"].min()) // pd.Timedelta(days=3)).to_numpy()
    return LearningProblem(pairs.drop(columns=["since", "until", "tidally_influenced", "floods_before", "flooded"]),
                   pairs["flooded"].to_numpy(), blocks)  # fmt: skip


def _floods(pairs: pd.DataFrame, floods: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return whether a flood began in the window, and how many began before what was known a day earlier."""
    flooded, before = np.zeros(len(pairs), dtype=bool), np.zeros(len(pairs))
    starts = pairs["start"].to_numpy()
    for sensor, rows in pairs.groupby("sensor_id").indices.items():
        times = np.sort(floods.loc[floods["sensor_id"] == sensor, "start_utc"].to_numpy().astype(starts.dtype))
        begin = starts[rows]
        first, last = (np.searchsorted(times, begin + np.timedelta64(h, "h")) for h in (0, WINDOW_H))
        flooded[rows] = last > first
        before[rows] = np.searchsorted(times, begin - np.timedelta64(72, "h"))
    return flooded, before


NYC_COLUMNS = ["fc_1h_mm", "fc_1h_worst_mm", "fc_3h_mm", "fc_12h_mm", "pop_pct", "log_rate", "season_sin",
               "season_cos", "is_night", "is_tidal"]  # fmt: skip
RISING = {"fc_1h_mm": 1, "fc_1h_worst_mm": 1, "fc_3h_mm": 1, "fc_12h_mm": 1, "log_rate": 1}


def rain_signal(table: pd.DataFrame) -> np.ndarray:
    """Return the national rain signal of the newest forecast: 50 mm/12 h 1, 50/6 2, 50/3 3, 100/3 4, else 0."""
    reached = [table["raw_12h_mm"] >= 50, table["raw_6h_mm"] >= 50, table["raw_3h_mm"] >= 50, table["raw_3h_mm"] >= 100]
    return np.max([level * hit.to_numpy() for level, hit in enumerate(reached, start=1)], axis=0).astype(float)


def fixed_rule(table: pd.DataFrame) -> np.ndarray:
    """Return how far the 25 mm/30 min, 40 mm/1 h, 70 mm/3 h rule is filled (1 = reached), on hourly rain.

    25 mm in 30 min cannot be seen in hours, but an hour that holds it has 25 mm or more: 25 mm/1 h stands for it, and
    makes 40 mm/1 h needless.
    """
    return np.maximum(table["raw_1h_mm"] / 25.0, table["raw_3h_mm"] / 70.0).to_numpy()


# --- Erqi: the record of the district, one storm left out -------------------------------------------------------------


def erqi(folder: Path) -> tuple[LearningProblem, np.ndarray]:
    """Return one row per recorded storm and real hotspot, and the storm of each row.

    The rain of a storm is the largest mean that its rows name; for most storms none is named.
    """
    district = load_district(folder)
    hotspots = district.hotspots[~district.hotspots["synthetic"]]
    kinds = pd.get_dummies(hotspots["kind"], prefix="is", dtype=float)
    columns = ["drain_capacity_mm_h", "surveyed_depth_m", "pump_capacity_m3_s"]
    features = pd.DataFrame(hotspots[columns]).join(kinds[["is_tunnel", "is_rail_underpass", "is_road_junction"]])
    history = district.history[district.history["hotspot_id"].isin(features.index)]
    mean_mm_h = (history["rain_mm"] / history["rain_window_h"]).groupby(group_storms(history)).max()
    table = training_table(history, features, pd.DataFrame({"rain_mm_h": mean_mm_h}).rename_axis("storm_id"))
    storms = table.index.get_level_values("storm_id").to_numpy().astype(str)
    flat = table.reset_index(level="hotspot_id").reset_index(drop=True)
    return LearningProblem(flat.drop(columns="flooded"), table["flooded"].to_numpy(), storms), storms


# --- Models and tables ------------------------------------------------------------------------------------------------


def forest(min_samples_leaf: int = 1) -> Any:
    """Return the random forest of the comparisons: plain, or with larger leaves."""
    trees = RandomForestClassifier(300, min_samples_leaf=min_samples_leaf, oob_score=True, n_jobs=1, random_state=0)
    return make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), trees)


def cross_predict(problem: LearningProblem, folds: list[tuple[np.ndarray, np.ndarray]], make: Callable[[], Any], *,
                  columns: list[str], with_blocks: bool) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return out-of-fold probabilities, and the threshold of each row chosen on the training rows of its fold."""
    p, threshold = np.full(len(problem.flooded), np.nan), np.full(len(problem.flooded), np.nan)
    for train, test in folds:
        model = make()
        extra = {"blocks": problem.blocks[train]} if with_blocks else {}
        model.fit(problem.features.iloc[train][columns], problem.flooded[train], **extra)
        p[test] = model.predict_proba(problem.features.iloc[test][columns])[:, 1]
        if isinstance(model, HotspotFloodClassifier):
            seen = model.out_of_fold_probability_
        else:
            seen = model[-1].oob_decision_function_[:, 1]
        threshold[test] = best_threshold(problem.flooded[train], seen)
    return p, threshold


def scores(problem: LearningProblem, rows: np.ndarray, p: np.ndarray, threshold: np.ndarray | float) -> pd.DataFrame:
    """Score rows; the yes/no scores at each row's own threshold."""
    cut = np.broadcast_to(threshold, p.shape)[rows]
    flooded, blocks = problem.flooded[rows], problem.blocks[rows]
    table = score_table(flooded, p[rows], blocks=blocks, threshold=0.5, rng=np.random.default_rng(0), n_boot=300)
    yes = score_table(flooded, (p[rows] >= cut).astype(float), blocks=blocks, threshold=0.5,
                      rng=np.random.default_rng(0), n_boot=300)  # fmt: skip
    table.loc[["f1", "csi", "pod", "far"]] = yes.loc[["f1", "csi", "pod", "far"]]
    return table


def line(name: str, table: pd.DataFrame, *, has_brier: bool = True) -> str:
    """Return one row of a table of scores."""
    shown = ["auc", "average_precision", *(["brier"] if has_brier else []), "f1", "csi"]
    cells = [f"{s} {v.value:.3f} [{v.low:.3f},{v.high:.3f}]" if s != "brier" else f"{s} {v.value:.5f}"
             for s, v in ((s, table.loc[s]) for s in shown)]  # fmt: skip
    return f"  {name:34s} " + "  ".join(cells)


def print_bangladesh(folder: Path) -> None:
    """Print the scores on the published fold, and of five spatial folds."""
    problem = bangladesh(folder)
    columns = [c for c in problem.features if c not in ("easting_m", "northing_m")]
    cv = SpatialBlockSplit(5, block_size_m=5000.0)
    cuts = {"published fold": [published_fold(problem)], "5 spatial folds": list(cv.split(problem.features))}
    models = {
        "classifier": (lambda: HotspotFloodClassifier(), True),
        "  additive part only": (lambda: HotspotFloodClassifier(learner="additive"), True),
        "  boosted part only": (lambda: HotspotFloodClassifier(learner="boosting"), True),
        "  balanced classes": (lambda: HotspotFloodClassifier(balanced=True), True),
        "  isotonic": (lambda: HotspotFloodClassifier(calibration="isotonic"), True),
        "random forest": (forest, False),
        "random forest, leaves of 20": (lambda: forest(20), False),
    }
    for cut, folds in cuts.items():
        rows = np.concatenate([test for _, test in folds])
        print(f"Bangladesh, {cut}: {len(rows)} rows, {problem.flooded[rows].sum()} events")
        for name, (make, with_blocks) in models.items():
            p, threshold = cross_predict(problem, folds, make, columns=columns, with_blocks=with_blocks)
            print(line(name, scores(problem, rows, p, threshold)), flush=True)
        rain = problem.features["Precipitation"].fillna(0.0).to_numpy()
        print(line("rain alone (annual)", scores(problem, rows, rain, np.inf), has_brier=False))


def print_nyc(folder: Path, *, lead_h: int, tidal: bool) -> None:
    """Print the scores of later storms by models of earlier ones."""
    problem = nyc(folder, lead_h=lead_h, tidal=tidal)
    is_late = (problem.features["start"] >= pd.Timestamp("2024-07-01")).to_numpy()
    folds = [(np.flatnonzero(~is_late), np.flatnonzero(is_late))]
    train, test = folds[0]
    print(f"New York, lead {lead_h} to {lead_h + WINDOW_H} h, {'all' if tidal else 'no tidal'} sensors: train "
          f"{len(train)} rows, {problem.flooded[train].sum()} events; test {len(test)} rows, "
          f"{problem.flooded[test].sum()} events in {len(np.unique(problem.blocks[test][problem.flooded[test]]))} "
          "storms")  # fmt: skip
    named = [*NYC_COLUMNS, "sensor_id"]

    def ours(**settings: Any) -> Callable[[], Any]:
        return lambda: HotspotFloodClassifier(**{"group": "sensor_id", "monotone": RISING, **settings})

    models = {
        "classifier": (ours(), named, True),
        "  additive part only": (ours(learner="additive"), named, True),
        "  boosted part only": (ours(learner="boosting"), named, True),
        "  balanced classes": (ours(balanced=True), named, True),
        "  without pooling": (ours(group=None), NYC_COLUMNS, True),
        "random forest": (forest, NYC_COLUMNS, False),
        "random forest, leaves of 20": (lambda: forest(20), NYC_COLUMNS, False),
    }
    wet = test[(problem.features["fc_12h_mm"] >= WET_MM).to_numpy()[test]]
    for name, (make, columns, with_blocks) in models.items():
        p, threshold = cross_predict(problem, folds, make, columns=columns, with_blocks=with_blocks)
        print(line(name, scores(problem, test, p, threshold)), _wet(problem, wet, p), flush=True)
    for name, signal in (("rain signal (blue or above)", rain_signal), ("fixed rule", fixed_rule)):
        said = signal(problem.features)
        print(line(name, scores(problem, test, said, 1.0), has_brier=False), _wet(problem, wet, said), flush=True)


def _wet(problem: LearningProblem, rows: np.ndarray, p: np.ndarray) -> str:
    return f" auc where rain was forecast {scores(problem, rows, p, 1.0).loc['auc', 'value']:.3f}"


def print_erqi(folder: Path) -> None:
    """Print leave-one-storm-out scores of the district's record."""
    problem, storms = erqi(folder)
    print(f"Erqi, one storm left out: {len(storms)} rows, {problem.flooded.sum()} events, {len(set(storms))} storms")
    folds = list(LeaveOneStormOut().split(problem.features, groups=storms))
    rows = np.arange(len(storms))
    plain = [c for c in problem.features if c != "hotspot_id"]

    def ours(**settings: Any) -> HotspotFloodClassifier:
        return HotspotFloodClassifier(monotone={"rain_mm_h": 1}, **settings)

    models = {
        "classifier": (lambda: ours(group="hotspot_id"), [*plain, "hotspot_id"], True),
        "  without pooling": (ours, plain, True),
        "random forest": (forest, plain, False),
    }  # fmt: skip
    for name, (make, columns, with_blocks) in models.items():
        p, threshold = cross_predict(problem, folds, make, columns=columns, with_blocks=with_blocks)
        print(line(name, scores(problem, rows, p, threshold)))
    rain = problem.features["rain_mm_h"].fillna(0.0).to_numpy()
    print(line("rain alone; fixed rule 40 mm/1 h", scores(problem, rows, rain, 40.0), has_brier=False))


def run() -> list[Row]:
    """Time fit (with its five calibration fits) and prediction on made-up points."""
    rng = np.random.default_rng(5)
    features = pd.DataFrame(rng.normal(size=(10_000, 12)), columns=[f"factor_{j}" for j in range(12)])
    flooded = rng.random(10_000) < 1 / (1 + np.exp(1.5 - features.to_numpy()[:, :4].sum(axis=1)))
    ours, peer = HotspotFloodClassifier(), forest()
    job = "10,000 rows x 12 columns"
    fit_s, peer_fit_s = (median_s(lambda m=m: m.fit(features, flooded), repeats=1) for m in (ours, peer))
    predict_s, peer_predict_s = (median_s(lambda m=m: m.predict_proba(features), repeats=3) for m in (ours, peer))
    explain_s = median_s(lambda: ours.explain(features.iloc[:236]), repeats=3)
    note = "ours calibrated out of fold (6 fits); the peer's 300 trees not"
    return [
        Row(job=f"fit, {job}", ours_s=fit_s, peer="random forest", peer_s=peer_fit_s, note=note),
        Row(job=f"predict, {job}", ours_s=predict_s, peer="random forest", peer_s=peer_predict_s, target=1.0),
        Row(job="explain 236 hotspots", ours_s=explain_s, target=1.0, note="exact contributions of 12 columns"),
    ]


def main(names: list[str]) -> None:
    """Print the tables named (bangladesh, nyc, erqi), or all."""
    if not names or "erqi" in names:
        print_erqi(ROOT / "data" / "erqi")
    if DATA.is_dir() and (not names or "nyc" in names):
        for lead_h, tidal in ((0, False), (12, False), (24, False), (0, True)):
            print_nyc(DATA, lead_h=lead_h, tidal=tidal)
    if DATA.is_dir() and (not names or "bangladesh" in names):
        print_bangladesh(DATA)


if __name__ == "__main__":
    main(sys.argv[1:])
