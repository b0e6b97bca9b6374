"""A second district out of the street-flood sensors of New York: the same code, verified with true lead times.

``python -m benchmarks.nyc_district`` writes a district folder, checks it, runs cycles of the wettest day of the second
half of 2024 through `wuyu`, and scores all later windows beside three baselines. The record is read from
``../shared/data`` or ``WUYU_TEST_DATA``.

``python -m benchmarks.nyc_district archive FOLDER FROM TO`` writes a district whose feeds hold the archive of all days
between, for ``wuyu hindcast FOLDER --from FROM --to TO --step 12``.

Scores rest on archived forecasts alone, so on nothing that was not there at the time: the hourly analysis of the record
was made a day after and only plays the gauge in the cycles of one day, as in any replay; the rain of the past hours is
what the newest forecast of each hour said. Publication takes no time here, since issue times are those of the archive.

What the record lacks, and what stands in: no ground (flat; every sensor gets the same sag and catchment), no land cover
(dense built-up), no drains (one capacity for the whole city, the best on the earlier windows), no people, no plans, no
storm formula (that of Zhengzhou, so return periods mean nothing), one grid point of hourly rain for the whole city.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import netCDF4
import numpy as np
import pandas as pd
import rasterio
import shapely
from affine import Affine

from benchmarks.bench_susceptibility import (
    DATA,
    FLOOD_MM,
    LAGGED_RUNS_H,
    NYC_COLUMNS,
    SPIKE_MM,
    WINDOW_H,
    cross_predict,
    fixed_rule,
    forest,
    nyc,
    rain_signal,
    scores,
)
from risk_models.district import District, check_district, load_district
from risk_models.district.contracts import TABLES
from risk_models.forecast.rainfall import Provenance, Quality, build_rainfall
from risk_models.levels import Level
from risk_models.risk import HotspotScorer
from risk_models.scores import best_threshold, contingency
from risk_models.standards import load_standards
from risk_models.terrain import hotspot_terrain

CRS = "EPSG:32118"
CELL_M = 100.0
SOURCE = "NYC Open Data (FloodNet); geometry assumed"
#: The same everywhere, because the record has none: one street corner with a block round it (assumptions).
SAG = {"surveyed_area_m2": 400, "surveyed_depth_m": 0.6, "surveyed_catchment_m2": 10000}
#: Drains of an archive: the capacity that `verify` chooses at lead 0.
ARCHIVE_DRAIN_MM_H = 24.0
DRAINS_MM_H = (2.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)
PAST_H = 72
SCORES = ("pod", "far", "csi")
#: Windows before are for learning, those from then on for scoring.
SPLIT = pd.Timestamp("2024-07-01")

SETTINGS = """\
district:
  code: "NYC"
  name: {zh: 纽约市, en: New York City}
  city: {zh: 纽约, en: New York}
  bureau: {zh: 演示, en: Demonstration}
  timezone: America/New_York
  projected_crs: "EPSG:32118"
  demonstration: true
layers:
%s
rasters: {dem: {path: dem.tif}, land_cover: {path: land_cover.tif}}
warning: {horizon_h: 12, past_h: 72, lead_h: 24}
feeds:
  - {id: analysis, kind: gauge_table, path: feeds/gauges.csv, stale_after_h: 2}
  - {id: lagged, kind: ensemble_netcdf, path: feeds/ensemble, stale_after_h: 9}
mail: {sender: "duty@nyc.example", status: Test}
cap: {sender: duty@nyc.example, sector_code: "000", event_code: "11A02"}
"""


def read_sensors(data: Path) -> gpd.GeoDataFrame:
    """Return the sensors that the tide does not reach, in metres, one row each."""
    table = pd.read_csv(data / "nyc_floodnet" / "sensors.csv")
    table = table[table["tidally_influenced"] == "No"].reset_index(drop=True)
    points = gpd.points_from_xy(table["longitude"], table["latitude"], crs="EPSG:4326")
    sensors = gpd.GeoDataFrame(table, geometry=points).to_crs(CRS)
    return sensors.assign(hotspot_id=[f"NYC-{number:03d}" for number in range(1, len(sensors) + 1)])


def standing_sensors(data: Path, first: pd.Timestamp, last: pd.Timestamp) -> gpd.GeoDataFrame:
    """Return the sensors that stood all the days from `first` to `last`: where none stands, no flood is no news."""
    sensors = read_sensors(data)
    since, until = (pd.to_datetime(sensors[name]) for name in ("date_installed", "date_removed"))
    standing = sensors[(since <= first) & ~(until <= last)].reset_index(drop=True)
    return standing.assign(hotspot_id=[f"NYC-{number:03d}" for number in range(1, len(standing) + 1)])


def runs_known_at(data: Path) -> tuple[pd.DatetimeIndex, np.ndarray]:
    """Return issue times (UTC) of the archived forecasts and their hourly rain (runs, 72), spikes cut, NaN missing."""
    table = pd.read_parquet(data / "nyc_floodnet" / "forecasts_first72h.parquet")
    offset = pd.to_timedelta(table["utc_offset_s"], unit="s")
    table["issued_at"] = table["issue_file_time"] - offset
    table["step"] = ((table["valid_local"] - table["issue_file_time"]) / pd.Timedelta("1h")).round().astype(int)
    table = table.drop_duplicates(["issued_at", "step"]).set_index(["issued_at", "step"])
    rain = table["precip_mm"].unstack("step").reindex(columns=range(72))  # noqa: PD010
    return pd.DatetimeIndex(rain.index), np.minimum(rain.to_numpy(np.float64), SPIKE_MM)


def lagged_members(issued: pd.DatetimeIndex, rain: np.ndarray, at: pd.Timestamp, hours: int) -> np.ndarray:
    """Return rain (members, hours) after `at` as forecast by the runs of the 12 h up to it; complete runs only."""
    runs = np.flatnonzero((issued <= at) & (issued > at - pd.Timedelta(hours=LAGGED_RUNS_H)))
    ages = np.round((at - issued[runs]) / pd.Timedelta("1h")).to_numpy(dtype=int)
    steps = ages[:, None] + np.arange(1, hours + 1)
    members = rain[runs[:, None], np.minimum(steps, rain.shape[1] - 1)]
    return members[(steps < rain.shape[1]).all(axis=1) & np.isfinite(members).all(axis=1)]


def analysis_mm(data: Path) -> pd.Series:
    """Return hourly rain of the analysis by end of hour (UTC), spikes cut."""
    table = pd.read_parquet(data / "nyc_floodnet" / "hourly_analysis.parquet")
    return pd.Series(
        np.minimum(table["precip_mm"].to_numpy(float), SPIKE_MM), index=pd.to_datetime(table["time_utc"])
    ).sort_index()


def fallen_mm(issued: pd.DatetimeIndex, rain: np.ndarray) -> pd.Series:
    """Return rain by end of hour (UTC) as the newest run issued before the hour forecast it: known when it ended."""
    table = pd.DataFrame(rain[:, 1:], index=issued, columns=range(1, rain.shape[1])).stack()  # noqa: PD013
    ends = table.index.get_level_values(0) + pd.to_timedelta(table.index.get_level_values(1), unit="h")
    by_age = pd.DataFrame({"end": ends, "step": table.index.get_level_values(1), "mm": table.to_numpy()})
    by_age = by_age.dropna().sort_values(["end", "step"], kind="stable")
    return by_age.drop_duplicates("end").set_index("end")["mm"]


def boroughs(sensors: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a polygon per borough: the Voronoi cells of its sensors, within 1.5 km of the hull of all."""
    hull = sensors.union_all().convex_hull.buffer(1500.0)
    cells = shapely.get_parts(shapely.voronoi_polygons(sensors.union_all(), extend_to=hull))
    layer = gpd.GeoDataFrame(geometry=cells, crs=sensors.crs).clip(hull)
    joined = gpd.sjoin(layer, sensors[["borough", "geometry"]], predicate="contains")
    merged = joined.dissolve("borough").reset_index()[["borough", "geometry"]]
    return merged.assign(town_code=[f"B{number}" for number in range(1, len(merged) + 1)])


def make_district(
    folder: Path,
    data: Path,
    *,
    drain_mm_h: float,
    day: pd.Timestamp | None = None,
    until: pd.Timestamp | None = None,
    most: int | None = None,
) -> Path:
    """Write the district folder; with `day` also the feeds of that day and the three before, with `until` an archive.

    An archive holds nothing that was not known at its time: what the newest forecast of each hour said plays the gauge,
    as in `verify`, and a lagged ensemble comes every six hours. Its record of floods goes to the end, for scoring; it
    has only sensors that stood all the time.

    Parameters
    ----------
    folder : Path
        Made if absent.
    data : Path
        Folder that holds ``nyc_floodnet``.
    drain_mm_h : float
        Drain capacity of every sensor's block, mm/h.
    day : Timestamp, optional
        Midnight UTC; of an archive the first.
    until : Timestamp, optional
        Midnight UTC of the last day of an archive.
    most : int, optional
        Take so many sensors only.

    Returns
    -------
    Path
        The folder.
    """
    (folder / "feeds" / "ensemble").mkdir(parents=True, exist_ok=True)
    sensors = read_sensors(data) if until is None else standing_sensors(data, day, until)
    sensors = sensors.iloc[:most].reset_index(drop=True)
    towns = boroughs(sensors)
    layers = [f"  {name}: {{path: {name}.{'geojson' if name == 'towns' else 'csv'}, datum: WGS84}}" for name in TABLES]
    (folder / "district.yaml").write_text(SETTINGS % "\n".join(layers), encoding="utf-8")
    _write_towns(folder, towns)
    town_of = dict(zip(towns["borough"], towns["town_code"], strict=True))
    made_up = {"synthetic": "false", "source": SOURCE}
    hotspots = [
        {
            "hotspot_id": row.hotspot_id, "hotspot_name": row.sensor_name, "hotspot_name_en": row.sensor_name,
            "kind": "road_junction", "town_code": town_of[row.borough], "lon": row.longitude, "lat": row.latitude,
            "drain_capacity_mm_h": drain_mm_h, "pump_capacity_m3_s": 0, "close_depth_m": 0.15, "road_class": "local",
            "owner_unit": "n/a", "owner_name": "n/a", "owner_phone": "000", **SAG, **made_up,
        }
        for row in sensors.itertuples()
    ]  # fmt: skip
    centre = sensors.to_crs("EPSG:4326").union_all().centroid
    gauge = {"gauge_id": "GRID", "gauge_name": "analysis grid point", "lon": centre.x, "lat": centre.y,
             "elevation_m": 10, "kind": "meteorological", **made_up}  # fmt: skip
    filled = {
        "hotspots": hotspots,
        "gauges": [gauge],
        "history": _history(sensors, data, before=SPLIT if until is None else until + pd.Timedelta(days=2)),
    }
    for name, table in TABLES.items():
        if name != "towns":
            frame = pd.DataFrame(filled.get(name, []), columns=list(table.names))
            frame.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    _write_rasters(folder, towns)
    if day is not None:
        rain = analysis_mm(data) if until is None else fallen_mm(*runs_known_at(data))
        _write_feeds(folder, data, rain, (day, until or day), (centre.x, centre.y))
    return folder


def _write_towns(folder: Path, towns: gpd.GeoDataFrame) -> None:
    properties = towns.to_crs("EPSG:4326").assign(
        town_name=towns["borough"], town_name_en=towns["borough"], kind="town", population_night=0, population_day=0,
        duty_phone="000", mailbox=[f"{code.lower()}@nyc.example" for code in towns["town_code"]],
        synthetic=True, source="Voronoi cells of the sensors",
    )  # fmt: skip
    (folder / "towns.geojson").write_text(properties.drop(columns="borough").to_json(drop_id=True), encoding="utf-8")


def _history(sensors: gpd.GeoDataFrame, data: Path, *, before: pd.Timestamp) -> list[dict[str, Any]]:
    floods = pd.read_csv(data / "nyc_floodnet" / "flood_events.csv", parse_dates=["start_utc"])
    own = dict(zip(sensors["sensor_id"], sensors["hotspot_id"], strict=True))
    floods = floods[
        floods["sensor_id"].isin(own) & (floods["max_depth_mm"] >= FLOOD_MM) & (floods["start_utc"] < before)
    ]
    return [
        {
            "event_id": f"F{row.event_id}", "started_at": f"{row.start_utc:%Y-%m-%dT%H:%M:%S}+00:00",
            "hotspot_id": own[row.sensor_id], "depth_m": row.max_depth_mm / 1000.0, "effect_zh": "传感器积水",
            "effect_en": "water at the sensor", "confidence": "A", "synthetic": "false", "source": "FloodNet",
        }
        for row in floods.itertuples()
    ]  # fmt: skip


def _write_rasters(folder: Path, towns: gpd.GeoDataFrame) -> None:
    west, south, east, north = towns.total_bounds
    columns, rows = (int((high - low) // CELL_M) + 5 for low, high in ((west, east), (south, north)))
    profile = {"driver": "GTiff", "height": rows, "width": columns, "count": 1, "crs": CRS, "compress": "deflate"}
    profile["transform"] = Affine(CELL_M, 0.0, west - 2 * CELL_M, 0.0, -CELL_M, north + 2 * CELL_M)
    for name, value, dtype in (("dem", 10.0, "float32"), ("land_cover", 2, "uint8")):
        with rasterio.open(folder / f"{name}.tif", "w", dtype=dtype, **profile) as sink:
            sink.write(np.full((rows, columns), value, dtype=dtype), 1)


def _write_feeds(
    folder: Path, data: Path, rain: pd.Series, days: tuple[pd.Timestamp, pd.Timestamp], centre: tuple[float, float]
) -> None:
    first, last = days
    rain = rain[(rain.index > first - pd.Timedelta(days=4)) & (rain.index <= last + pd.Timedelta(days=1))]
    times = [f"{end:%Y-%m-%dT%H:%M:%S}+00:00" for end in rain.index]
    pd.DataFrame({"GRID": rain.to_numpy()}, index=times).to_csv(folder / "feeds" / "gauges.csv", index_label="time_end")
    issued, runs = runs_known_at(data)
    hours = np.arange(1, 37)
    for at in pd.date_range(first - pd.Timedelta(hours=6), last + pd.Timedelta(hours=18), freq="6h"):
        members = lagged_members(issued, runs, at, len(hours))
        if len(members):
            _write_lagged(folder / "feeds" / "ensemble" / f"{at:%Y%m%dT%H%MZ}.nc", at, hours, members, centre)


def _write_lagged(
    path: Path, at: pd.Timestamp, hours: np.ndarray, members: np.ndarray, centre: tuple[float, float]
) -> None:
    grid = members[:, :, None, None] * np.ones((1, 1, 3, 3))
    axes = {"member": np.arange(len(members)), "time": hours}
    axes |= {"lat": centre[1] + np.array([-0.6, 0.0, 0.6]), "lon": centre[0] + np.array([-0.7, 0.0, 0.7])}
    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        file.issued_at = f"{at:%Y-%m-%dT%H:%M:%SZ}"
        for name, values in axes.items():
            file.createDimension(name, values.size)
            file.createVariable(name, "f8", (name,))[:] = values
        file["time"].units = f"hours since {at:%Y-%m-%d %H:%M:%S}"
        variable = file.createVariable("rain_mm", "f4", tuple(axes))
        variable.units = "mm"
        variable[:] = grid


def scorer_of(district: District) -> HotspotScorer:
    """Return the scorer of the district, terrain included."""
    standards = load_standards()
    return HotspotScorer(district, hotspot_terrain(district, land_cover_table=standards.land_cover()), standards)


def score_windows(scorer: HotspotScorer, data: Path, starts: pd.DatetimeIndex, *, lead_h: int) -> pd.DataFrame:
    """Score windows with what was known `lead_h` hours before each: probability of 5 cm, and the level, by hotspot.

    Parameters
    ----------
    scorer : HotspotScorer
    data : Path
    starts : DatetimeIndex
        Starts of windows of 12 h, UTC without zone.
    lead_h : int
        The horizon is the window itself; the hours between are taken from the forecast's mean as if fallen. Hours
        that no forecast covers are unknown.

    Returns
    -------
    DataFrame
        Columns start, hotspot_id, p, level.
    """
    rows = []
    for start, rain in rain_known_before(scorer, data, starts, lead_h=lead_h):
        table = scorer.score(rain)
        rows.append(table[["p_5cm", "level"]].rename(columns={"p_5cm": "p"}).reset_index().assign(start=start))
    return pd.concat(rows, ignore_index=True)


def rain_known_before(
    scorer: HotspotScorer, data: Path, starts: pd.DatetimeIndex, *, lead_h: int
) -> Iterator[tuple[pd.Timestamp, Any]]:
    """Yield each window with what was known `lead_h` hours before it; windows without a forecast are left out."""
    issued, runs = runs_known_at(data)
    fallen = fallen_mm(issued, runs)
    for start in starts:
        at = start - pd.Timedelta(hours=lead_h)
        members = lagged_members(issued, runs, at, lead_h + WINDOW_H)
        if len(members):
            before = fallen.reindex(pd.date_range(end=at, periods=PAST_H - lead_h, freq="h")).to_numpy()
            past = np.concatenate([before, members[:, :lead_h].mean(axis=0)])
            yield start, _rainfall(scorer, start, past, members[:, lead_h:])


def _rainfall(scorer: HotspotScorer, start: pd.Timestamp, past: np.ndarray, members: np.ndarray) -> Any:
    ids = list(scorer.district.hotspots.index)
    rain = np.concatenate([np.repeat(past[None], len(members), axis=0), members], axis=1)
    time = pd.date_range(end=start + pd.Timedelta(hours=WINDOW_H), periods=rain.shape[1], freq="h")
    origin = np.repeat([0, 2], [len(past), WINDOW_H])
    moment = start.to_pydatetime().replace(tzinfo=UTC)
    provenance = Provenance(valid_at=moment, issued_at=moment, observed_until=moment, gauges_used=1, gauges_expected=1)
    shape = (len(time), len(ids))
    quality = np.where(np.isnan(rain).any(axis=0), Quality.MISSING, Quality.NOT_EVALUATED)
    return build_rainfall(
        np.repeat(rain[:, :, None], len(ids), axis=2), time=time.to_numpy(), hotspot=ids, origin=origin,
        quality=quality[:, None] * np.ones(shape, dtype=int),
        rain_std_mm=np.where(origin[:, None] == 0, 0.0, np.nan) * np.ones(shape),
        provenance=provenance,
    )  # fmt: skip


def wettest_day(data: Path) -> pd.Timestamp:
    """Return the day (midnight UTC) from `SPLIT` on with the most sensors that flooded by rain."""
    sensors = read_sensors(data)
    floods = pd.read_csv(data / "nyc_floodnet" / "flood_events.csv", parse_dates=["start_utc"])
    floods = floods[(floods["max_depth_mm"] >= FLOOD_MM) & floods["sensor_id"].isin(sensors["sensor_id"])]
    floods = floods[floods["start_utc"] >= SPLIT]
    return pd.Timestamp(floods.groupby(floods["start_utc"].dt.floor("D"))["sensor_id"].nunique().idxmax())


def run_day(folder: Path, out: Path, day: pd.Timestamp, *, step_h: int = 3) -> pd.DataFrame:
    """Run the cycles of a day through `wuyu` and return the count of hotspots by level at each hour."""
    from wuyu.cycle import assess
    from wuyu.desk import begin_desk
    from wuyu.rain import pull_feeds

    desk = begin_desk(folder, out)
    try:
        pull_feeds(desk, now=datetime.now(UTC))
        counts = {}
        for at in pd.date_range(day, day + pd.Timedelta(hours=24 - step_h), freq=f"{step_h}h", tz="UTC"):
            table = assess(desk, at.to_pydatetime())[0]
            counts[at] = {str(Level(level)): int((table["level"] == level).sum()) for level in Level}
        return pd.DataFrame(counts).T
    finally:
        desk.ledger.close()


def best_drains(folder: Path, data: Path, problem: Any, *, lead_h: int) -> float:
    """Return the drain capacity with the highest CSI of a warning on the earlier windows."""
    starts = pd.DatetimeIndex(problem.features["start"].unique())
    starts = starts[starts < SPLIT]
    best, best_csi = DRAINS_MM_H[0], -1.0
    for drain_mm_h in DRAINS_MM_H:
        district = load_district(make_district(folder, data, drain_mm_h=drain_mm_h, most=6))
        told = score_windows(scorer_of(district), data, starts, lead_h=lead_h)
        warned = told.groupby("start")["level"].max() >= Level.BLUE  # the same at all sensors
        rows = (problem.features["start"] < SPLIT).to_numpy()
        yes = problem.features["start"].map(warned).fillna(False).to_numpy(bool)[rows]
        flooded = problem.flooded[rows]
        csi = contingency(yes, flooded).csi
        if csi > best_csi:  # never for NaN: nothing warned, nothing flooded
            best, best_csi = drain_mm_h, csi
    return best


def verify(data: Path, *, lead_h: int) -> pd.DataFrame:
    """Score the later windows: the district's warnings beside four baselines.

    The drains of the district, the forest and the fitted amount have seen the earlier windows; the rules are given.

    Parameters
    ----------
    data : Path
    lead_h : int
        Hours before the window at which everything was known.

    Returns
    -------
    DataFrame
        One row per method: POD, FAR, CSI with bootstrap intervals (blocks of three days), AUC, number of events, and
        of sensor windows that the district left unknown (no warning).
    """
    problem = nyc(data, lead_h=lead_h)
    late = (problem.features["start"] >= SPLIT).to_numpy()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "nyc"
        drain_mm_h = best_drains(folder, data, problem, lead_h=lead_h)
        district = load_district(make_district(folder, data, drain_mm_h=drain_mm_h))
        starts = pd.DatetimeIndex(problem.features.loc[late, "start"].unique())
        told = score_windows(scorer_of(district), data, starts, lead_h=lead_h)
    own = read_sensors(data).set_index("hotspot_id")["sensor_id"]
    told = told.assign(sensor_id=told["hotspot_id"].map(own)).set_index(["start", "sensor_id"])
    keys = pd.MultiIndex.from_frame(problem.features[["start", "sensor_id"]])
    aligned = told.reindex(keys)
    trees, cut = cross_predict(
        problem, [(np.flatnonzero(~late), np.flatnonzero(late))], forest, columns=NYC_COLUMNS, with_blocks=False
    )
    amount = problem.features["fc_3h_mm"].to_numpy()
    least = best_threshold(problem.flooded[~late], amount[~late])
    methods: dict[str, tuple[np.ndarray, np.ndarray]] = {
        f"district (drains {drain_mm_h:g} mm/h)": (
            aligned["p"].fillna(0.0).to_numpy(), (aligned["level"].fillna(0) >= Level.BLUE).to_numpy(float)
        ),
        "rain signal": (rain_signal(problem.features) / 4.0, (rain_signal(problem.features) >= 1).astype(float)),
        "25 mm/1 h or 70 mm/3 h": (
            np.minimum(fixed_rule(problem.features), 1.0), (fixed_rule(problem.features) >= 1).astype(float)
        ),
        f"{least:.1f} mm/3 h, fitted": (amount / amount.max(), (amount >= least).astype(float)),
        "random forest": (np.nan_to_num(trees), (np.nan_to_num(trees) >= np.nan_to_num(cut, nan=2.0)).astype(float)),
    }  # fmt: skip
    rows = np.flatnonzero(late)
    lines = []
    for method, (p, yes) in methods.items():
        ranked, said = scores(problem, rows, p, 0.5), scores(problem, rows, yes, 0.5)
        cells = {name: "{:.3f} [{:.3f},{:.3f}]".format(*said.loc[name, ["value", "low", "high"]]) for name in SCORES}
        counts = {"warned": int(yes[rows].sum()), "hits": int((yes[rows] * problem.flooded[rows]).sum())}
        lines.append({"method": method, **cells, "auc": f"{ranked.loc['auc', 'value']:.3f}", **counts})
    unknown = int((aligned["level"].fillna(Level.UNKNOWN) == Level.UNKNOWN).to_numpy()[rows].sum())
    counts = {"events": int(problem.flooded[rows].sum()), "windows": len(rows), "unknown": unknown}
    return pd.DataFrame(lines).set_index("method").assign(**counts)


def main() -> int:
    """Make, check, run and verify, and print everything; or write an archive."""
    if not (DATA / "nyc_floodnet").is_dir():
        print(f"reference data not found at {DATA}; set WUYU_TEST_DATA")
        return 0
    match sys.argv[1:]:
        case ["archive", folder, first, last]:
            days = (pd.Timestamp(first), pd.Timestamp(last))
            print(make_district(Path(folder), DATA, drain_mm_h=ARCHIVE_DRAIN_MM_H, day=days[0], until=days[1]))
            return 0
        case [_, *_]:
            print("usage: python -m benchmarks.nyc_district [archive FOLDER YYYY-MM-DD YYYY-MM-DD]")
            return 2
    day = wettest_day(DATA)
    with tempfile.TemporaryDirectory() as name:
        folder = make_district(Path(name) / "nyc", DATA, drain_mm_h=4.0, day=day)
        findings = check_district(folder)
        print(json.dumps({kind: sum(f.severity == kind for f in findings) for kind in ("error", "warning")}))
        print(f"cycles of {day:%Y-%m-%d} (UTC), hotspots by level")
        print(run_day(folder, Path(name) / "out", day).to_string())
    for lead_h in (0, 6, 12):
        print(f"\nlead {lead_h} h, windows of {WINDOW_H} h from {SPLIT:%Y-%m-%d}")
        print(verify(DATA, lead_h=lead_h).to_string())
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
