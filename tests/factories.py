"""A tiny, complete, valid district folder for tests, made in a few hundredths of a second."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pandas as pd
import pyproj
import rasterio
from affine import Affine
from numpy.typing import NDArray

from risk_models.district.contracts import HOTSPOT_KINDS, TABLES
from risk_models.district.datum import from_wgs84

CRS = "EPSG:4547"
CELL_M = 10.0
# North-west corner of the towns, near 113.6 E 34.7 N, and their extent; the rasters reach a margin farther.
WEST_M, NORTH_M = 463_000.0, 3_842_000.0
WIDTH_M, HEIGHT_M, MARGIN_M = 3_000.0, 2_000.0, 200.0
SOURCE = "synthetic (seed 7)"
#: Kinds of the mini district, those that the models speak of first.
NOT_ASSESSED_KINDS = ("riverside", "small_dam", "gully_slope")
KINDS = (*(kind for kind in HOTSPOT_KINDS if kind not in NOT_ASSESSED_KINDS), *NOT_ASSESSED_KINDS)

SETTINGS = """\
district:
  code: "410199"
  name: {{zh: 试验区, en: Mini District}}
  city: {{zh: 郑州市, en: Zhengzhou}}
  bureau: {{zh: 试验区应急管理局, en: Mini District Emergency Management Bureau}}
  timezone: Asia/Shanghai
  projected_crs: "EPSG:4547"
  demonstration: true
layers:
  towns: {{path: towns.geojson, datum: {datum}}}
  communities: {{path: communities.csv, datum: {datum}}}
  hotspots: {{path: hotspots.csv, datum: {datum}}}
  gauges: {{path: gauges.csv, datum: {datum}}}
  facilities: {{path: facilities.csv, datum: {datum}}}
  shelters: {{path: shelters.csv, datum: {datum}}}
  teams: {{path: teams.csv, datum: {datum}}}
  plans: {{path: plans.csv, datum: {datum}}}
  history: {{path: history.csv, datum: {datum}}}
rasters:
  dem: {{path: dem.tif}}
  land_cover: {{path: land_cover.tif}}
warning: {{horizon_h: 24, past_h: 72, lead_h: 72}}
mail: {{sender: "试验区防汛值班室 <duty@mini.example>", status: Exercise}}
cap: {{sender: duty@mini.example, sector_code: "000", event_code: "11A02"}}
"""

#: First and last hour that a mini storm is watched, and the hour of its peak; ends of hours, UTC.
STORM_BEGIN, STORM_PEAK, STORM_END = (pd.Timestamp(at) for at in ("2021-07-19T22Z", "2021-07-20T06Z", "2021-07-20T16Z"))
FORECAST_H = np.arange(1, 25)
#: Settings that make warnings short: they open, are raised, lowered and end within the hours of a mini storm.
STORM_SETTINGS = """\
warning:
  {horizon_h: 6, past_h: 12, lead_h: 24, valid_h: 3, downgrade_after_cycles: 2, minimum_duration_h: 1}
feeds:
  - {id: gauges, kind: gauge_table, path: feeds/gauges.csv, stale_after_h: 2}
  - {id: ensemble, kind: ensemble_netcdf, path: feeds/ensemble, stale_after_h: 9}
  - {id: patrol, kind: observations, path: feeds/patrol.csv, stale_after_h: 24}
"""
#: When a patrol has seen every place dry again, after the begin of the storm.
SEEN_DRY = pd.Timedelta(hours=14.5)


class _Mill:
    """Turns places in metres from the north-west corner into degrees of the district's datum."""

    def __init__(self, datum: str) -> None:
        self.datum = datum
        self.to_degrees = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)

    def degrees(self, east_m: Any, south_m: Any) -> tuple[Any, Any]:
        lon, lat = self.to_degrees.transform(WEST_M + np.asarray(east_m), NORTH_M - np.asarray(south_m))
        lon, lat = from_wgs84(lon, lat, self.datum)
        return np.round(lon, 8), np.round(lat, 8)


def write_mini_district(
    folder: Path,
    *,
    towns: int = 3,
    hotspots: int = 12,
    gauges: int = 4,
    shelters: int = 4,
    teams: int = 6,
    datum: str = "CGCS2000",
    seed: int = 7,
) -> Path:
    """Write a district of a few side-by-side towns, 3 km by 2 km, and return its folder.

    The ground falls by 1 % to the north-east; every hotspot sits in a round depression of its own, 40 m in radius and
    0.6 to 1.6 m deep. Hotspot ``MD-001`` is a tunnel; kinds go round in the order of the contract,
    those that the models do not speak of last. Each hotspot has a
    plan for blue (``P-<hotspot>``), each town one for orange. There is one dated event per second hotspot.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    towns, hotspots, gauges, shelters, teams : int
        Numbers of rows; towns at most 9.
    datum : str
        Datum in which coordinates are written and stated.
    seed : int
        Of the random places; the same seed gives the same bytes.

    Returns
    -------
    Path
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    mill = _Mill(datum)
    places = _spread(hotspots, rng)
    (folder / "district.yaml").write_text(SETTINGS.format(datum=datum), encoding="utf-8")
    _write_towns(folder, mill, towns)
    _write_csv(folder, "communities", _communities(mill, towns))
    _write_csv(folder, "hotspots", _hotspots(mill, places, towns))
    _write_csv(folder, "gauges", _gauges(mill, gauges))
    _write_csv(folder, "facilities", _facilities(mill, places, towns))
    _write_csv(folder, "shelters", _shelters(mill, shelters, towns, rng))
    _write_csv(folder, "teams", _teams(mill, teams, towns, rng))
    _write_csv(folder, "plans", _plans(hotspots, towns))
    _write_csv(folder, "history", _history(hotspots))
    _write_rasters(folder, places)
    return folder


def add_mini_storm(
    folder: Path, *, begin: pd.Timestamp = STORM_BEGIN, known_until: pd.Timestamp | None = None, peak_mm_h: float = 80.0
) -> Path:
    """Add the feeds of a storm of some hours to a mini district, and name them in its settings.

    The gauges report every hour from twelve hours before `begin` to 18 hours after it; rain falls in the nine hours
    around the peak, 8 hours after it. A forecast is issued every 3 h, 24 h long: its members see the same storm from
    half to one and a half times as strong. A patrol sees every place dry before it,
    and again six and a half hours after the peak.

    Parameters
    ----------
    folder : Path
        As `write_mini_district` left it.
    begin : pandas.Timestamp
        First hour that the storm is watched, UTC.
    known_until : pandas.Timestamp, optional
        Leave out what could not be known at this hour; default: nothing.
    peak_mm_h : float
        Rain of the hour that ends at the peak [mm].

    Returns
    -------
    Path
        The folder.
    """
    settings = (folder / "district.yaml").read_text(encoding="utf-8")
    kept = [line for line in settings.splitlines(keepends=True) if not line.startswith("warning:")]
    (folder / "district.yaml").write_text("".join(kept) + STORM_SETTINGS, encoding="utf-8")
    (folder / "feeds" / "ensemble").mkdir(parents=True, exist_ok=True)
    peak, end = begin + (STORM_PEAK - STORM_BEGIN), begin + (STORM_END - STORM_BEGIN)
    until = end if known_until is None else min(end, known_until)
    ends = pd.date_range(begin - pd.Timedelta(hours=12), until, freq="h")
    gauges = [row["gauge_id"] for row in read_rows(folder / "gauges.csv")]
    rain = np.round(np.outer(_storm_rain(ends, peak, peak_mm_h), 1.0 - 0.05 * np.arange(len(gauges))), 1)
    table = pd.DataFrame(rain, index=[f"{end.tz_convert('Asia/Shanghai'):%Y-%m-%dT%H:%M:%S+08:00}" for end in ends])
    table.set_axis(gauges, axis=1).to_csv(folder / "feeds" / "gauges.csv", index_label="time_end")
    places = [row["hotspot_id"] for row in read_rows(folder / "hotspots.csv")]
    looks = [begin - pd.Timedelta(hours=6), *([begin + SEEN_DRY] if begin + SEEN_DRY <= until else [])]
    times = [f"{at.tz_convert('Asia/Shanghai'):%Y-%m-%dT%H:%M:%S+08:00}" for at in looks]
    sights = [f"{place},{at},field,dry,巡查员" for at in times for place in places]
    text = "\n".join(["hotspot_id,seen_at,source,seen,by", *sights, ""])
    (folder / "feeds" / "patrol.csv").write_text(text, encoding="utf-8")
    for issued_at in pd.date_range(begin - pd.Timedelta(hours=2), until, freq="3h"):
        seen = _storm_rain(issued_at + pd.to_timedelta(FORECAST_H, unit="h"), peak, peak_mm_h)
        _write_forecast(folder / "feeds" / "ensemble" / f"{issued_at:%Y%m%dT%H%MZ}.nc", issued_at, seen)
    return folder


def _storm_rain(ends: pd.DatetimeIndex, peak: pd.Timestamp, peak_mm_h: float) -> NDArray[np.float64]:
    """Return the rain of each hour [mm], greatest at the peak, 0 five hours away from it."""
    away_h = np.abs((ends - peak) / pd.Timedelta(hours=1)).to_numpy()
    return peak_mm_h * np.clip(1.0 - away_h / 5.0, 0.0, 1.0) ** 2


def _write_forecast(path: Path, issued_at: pd.Timestamp, seen: NDArray[np.float64]) -> None:
    rain = np.multiply.outer(np.linspace(0.5, 1.5, 5), np.multiply.outer(seen, np.ones((3, 3))))
    axes = {"member": np.arange(5), "time": FORECAST_H}
    axes |= {"lat": np.array([34.6, 34.7, 34.8]), "lon": np.array([113.5, 113.6, 113.7])}
    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        file.issued_at = f"{issued_at:%Y-%m-%dT%H:%M:%SZ}"
        for name, values in axes.items():
            file.createDimension(name, values.size)
            file.createVariable(name, "f8", (name,))[:] = values
        file["time"].units = f"hours since {issued_at:%Y-%m-%d %H:%M:%S}"
        variable = file.createVariable("rain_mm", "f4", tuple(axes))
        variable.units = "mm"
        variable[:] = rain


def add_layer(folder: Path, line: str) -> Path:
    """Name one more layer in the settings of a mini district and return its folder."""
    settings = folder / "district.yaml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("\nrasters:", f"\n  {line}\nrasters:", 1), encoding="utf-8")
    return folder


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV table of the factory for changing it."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    """Write a changed CSV table back."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _spread(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return places (count, 2) east and south [m] on a loose lattice, far enough apart for their depressions."""
    columns = int(np.ceil(np.sqrt(count * WIDTH_M / HEIGHT_M)))
    rows = int(np.ceil(count / columns))
    step = np.array([WIDTH_M / columns, HEIGHT_M / rows])
    cells = np.array([(index % columns, index // columns) for index in range(count)], dtype=float).reshape(count, 2)
    return (cells + 0.5 + rng.uniform(-0.15, 0.15, (count, 2))) * step


def _town_of(east_m: float, towns: int) -> str:
    return _town_code(min(towns - 1, int(east_m / WIDTH_M * towns)))


def _town_code(index: int) -> str:
    return f"41019900{index + 1}"


def _write_csv(folder: Path, name: str, rows: Iterable[dict[str, Any]]) -> None:
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=TABLES[name].names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({"synthetic": "true", "source": SOURCE} | row for row in rows)


def _write_towns(folder: Path, mill: _Mill, towns: int) -> None:
    edges = np.linspace(0.0, WIDTH_M, towns + 1)
    features = []
    for index, (west, east) in enumerate(pairwise(edges)):
        lon, lat = mill.degrees([west, west, east, east, west], [0.0, HEIGHT_M, HEIGHT_M, 0.0, 0.0])
        properties = {
            "town_code": _town_code(index),
            "town_name": f"{'一二三四五六七八九'[index]}里街道",
            "town_name_en": f"Mini Town {index + 1}",
            "kind": "street",
            "population_night": 20_000,
            "population_day": 24_000,
            "duty_phone": f"000-0000-000{index + 1}",
            "mailbox": f"town{index + 1}@mini.example",
            "second_contact": f"town{index + 1}-second@mini.example",
            "synthetic": True,
            "source": SOURCE,
        }
        ring = np.column_stack([lon, lat]).tolist()
        geometry = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    collection = {"type": "FeatureCollection", "features": features}
    text = json.dumps(collection, ensure_ascii=False, indent=1)
    (folder / "towns.geojson").write_text(text, encoding="utf-8")


def _communities(mill: _Mill, towns: int) -> Iterable[dict[str, Any]]:
    for town in range(towns):
        for half in range(2):
            lon, lat = mill.degrees((town + 0.5) * WIDTH_M / towns, (half + 0.5) * HEIGHT_M / 2)
            yield {
                "community_code": f"{_town_code(town)}00{half + 1}",
                "community_name": f"第{town + 1}-{half + 1}社区",
                "town_code": _town_code(town),
                "kind": "community",
                "population_night": 10_000,
                "population_day": 12_000,
                "households": 3_500,
                "lon": lon,
                "lat": lat,
            }


def _hotspots(mill: _Mill, places: NDArray[np.float64], towns: int) -> Iterable[dict[str, Any]]:
    for index, (east, south) in enumerate(places):
        lon, lat = mill.degrees(east, south)
        kind = KINDS[index % len(KINDS)]
        is_sag = kind in ("tunnel", "rail_underpass")
        town = _town_of(east, towns)
        yield {
            "hotspot_id": f"MD-{index + 1:03d}",
            "hotspot_name": f"试验风险点{index + 1}",
            "hotspot_name_en": f"Mini hotspot {index + 1}",
            "kind": kind,
            "town_code": town,
            "community_code": f"{town}00{1 if south < HEIGHT_M / 2 else 2}",
            "lon": lon,
            "lat": lat,
            "drain_capacity_mm_h": 20 + 5 * (index % 5),
            "pump_capacity_m3_s": 0.2 if is_sag else 0,
            "close_depth_m": 0.27 if is_sag else 0.3,
            "surveyed_area_m2": 2500 if is_sag else "",
            "surveyed_depth_m": 4.5 if is_sag else "",
            "surveyed_catchment_m2": 60_000 if is_sag else "",
            "road_class": ("trunk", "primary", "secondary", "local", "none")[index % 5],
            "daily_traffic": "" if index % 5 == 4 else 40_000 - 8_000 * (index % 5),
            "underground_m2": 3_000 if kind in ("underground_space", "metro_entrance") else "",
            "owner_unit": "试验区城市管理局",
            "owner_name": f"责任人{index + 1}",
            "owner_phone": f"000-0001-{index + 1:04d}",
        }


def _gauges(mill: _Mill, gauges: int) -> Iterable[dict[str, Any]]:
    for index in range(gauges):
        angle = 2 * np.pi * index / max(1, gauges)
        lon, lat = mill.degrees(WIDTH_M * (0.5 + 0.6 * np.cos(angle)), HEIGHT_M * (0.5 + 0.6 * np.sin(angle)))
        yield {
            "gauge_id": "57083" if index == 0 else f"MG{index:03d}",
            "gauge_name": f"雨量站{index + 1}",
            "lon": lon,
            "lat": lat,
            "elevation_m": 110.0 + index,
            "kind": ("meteorological", "hydrological", "municipal")[index % 3],
        }


def _facilities(mill: _Mill, places: NDArray[np.float64], towns: int) -> Iterable[dict[str, Any]]:
    kinds = ("school", "kindergarten", "hospital", "care_home", "metro_entrance", "mall")
    for index, (east, south) in enumerate(places[: len(kinds)]):
        lon, lat = mill.degrees(east + 60.0, south)
        yield {
            "facility_id": f"MF-{index + 1:03d}",
            "facility_name": f"试验设施{index + 1}",
            "kind": kinds[index],
            "town_code": _town_of(east + 60.0, towns),
            "lon": lon,
            "lat": lat,
            "people": 200 * (index + 1),
            "below_ground": "true" if kinds[index] in ("metro_entrance", "mall") else "false",
        }


def _shelters(mill: _Mill, shelters: int, towns: int, rng: np.random.Generator) -> Iterable[dict[str, Any]]:
    for index, (east, south) in enumerate(_spread(shelters, rng)):
        lon, lat = mill.degrees(east, south)
        yield {
            "shelter_id": f"MS-{index + 1:03d}",
            "shelter_name": f"避难场所{index + 1}",
            "town_code": _town_of(east, towns),
            "kind": ("indoor", "outdoor")[index % 2],
            "lon": lon,
            "lat": lat,
            "capacity_people": 400 + 100 * index,
            "occupied_people": 10 * index,
            "status": "closed" if index == 3 else "open",
            "phone": f"000-0002-{index + 1:04d}",
        }


def _teams(mill: _Mill, teams: int, towns: int, rng: np.random.Generator) -> Iterable[dict[str, Any]]:
    for index, (east, south) in enumerate(_spread(teams, rng)):
        lon, lat = mill.degrees(east, south)
        yield {
            "team_id": f"MT-{index + 1:03d}",
            "team_name": f"救援队{index + 1}",
            "town_code": _town_of(east, towns),
            "kind": ("town", "community", "professional", "enterprise")[index % 4],
            "people": 8 + index,
            "lon": lon,
            "lat": lat,
            "status": "engaged" if index == 4 else "free",
            "pumps": index % 3,
            "boats": index % 2,
            "leader_name": f"队长{index + 1}",
            "phone": f"000-0003-{index + 1:04d}",
        }


def _plans(hotspots: int, towns: int) -> Iterable[dict[str, Any]]:
    common = {"actions_zh": "巡查;设置警示;准备水泵", "actions_en": "patrol;set warning signs;ready the pump"}
    common |= {"phase": "雨中;积水;雨前", "owner_unit": "试验区应急管理局", "revised_on": "2024-05-01"}
    for index in range(hotspots):
        spot = f"MD-{index + 1:03d}"
        yield common | {
            "plan_id": f"P-{spot}",
            "plan_title": f"{spot}内涝处置预案",
            "plan_title_en": f"Ponding plan for {spot}",
            "scope_kind": "hotspot",
            "scope_id": spot,
            "trigger_level": "blue",
        }
    for index in range(towns):
        yield common | {
            "plan_id": f"P-T{index + 1}",
            "plan_title": f"镇办{index + 1}转移预案",
            "plan_title_en": f"Evacuation plan of town {index + 1}",
            "scope_kind": "town",
            "scope_id": _town_code(index),
            "trigger_level": "orange",
        }


def _history(hotspots: int) -> Iterable[dict[str, Any]]:
    for index in range(0, hotspots, 2):
        yield {
            "event_id": f"H-{index + 1:03d}",
            "started_at": "2021-07-20T14:00:00+08:00",
            "ended_at": "2021-07-21T02:00:00+08:00" if index % 4 == 0 else "",
            "hotspot_id": f"MD-{index + 1:03d}",
            "rain_mm": 201.9,
            "rain_window_h": 1,
            "depth_m": round(0.3 + 0.1 * (index % 12), 2),
            "effect_zh": "积水，交通中断",
            "effect_en": "ponding, road closed",
            "confidence": "BCD"[index % 3],
        }


def _write_rasters(folder: Path, places: NDArray[np.float64]) -> None:
    rows, columns = (int((size + 2 * MARGIN_M) / CELL_M) for size in (HEIGHT_M, WIDTH_M))
    east = (np.arange(columns) + 0.5) * CELL_M - MARGIN_M
    south = (np.arange(rows) + 0.5) * CELL_M - MARGIN_M
    # High in the south-west, low in the north-east; small ripples keep the ground from being a perfect plane.
    ground = 120.0 - 0.007 * east[None, :] + 0.007 * south[:, None]
    ground += 0.05 * np.sin(east[None, :] / 90.0) * np.cos(south[:, None] / 70.0)
    cover = np.where((south[:, None] > 0.7 * HEIGHT_M) & (east[None, :] < 0.3 * WIDTH_M), 6, 2)
    cover = np.where((south[:, None] // 100 + east[None, :] // 100) % 7 == 0, 5, cover)
    cover = np.where((south[:, None] % 500 < 20) | (east[None, :] % 500 < 20), 4, cover)
    for index, (place_east, place_south) in enumerate(places):
        near = np.hypot(east[None, :] - place_east, south[:, None] - place_south) / 40.0
        ground -= np.where(near < 1.0, (0.6 + 0.1 * (index % 11)) * (1.0 - near**2), 0.0)
    transform = Affine(CELL_M, 0.0, WEST_M - MARGIN_M, 0.0, -CELL_M, NORTH_M + MARGIN_M)
    profile = {"driver": "GTiff", "height": rows, "width": columns, "count": 1, "crs": CRS, "transform": transform}
    with rasterio.open(folder / "dem.tif", "w", dtype="float32", nodata=-9999.0, **profile) as sink:
        sink.write(ground.astype(np.float32), 1)
    with rasterio.open(folder / "land_cover.tif", "w", dtype="uint8", nodata=0, **profile) as sink:
        sink.write(cover.astype(np.uint8), 1)
