"""A learned chance in the bundled district: past storms are made up, learned from, and asked on 20 July 2021.

``python -m benchmarks.learned_erqi FOLDER`` writes a copy of the district with an archive to FOLDER/district, learns
with `wuyu learn`, puts the model into service and writes what the cycle says to FOLDER/out.

Everything in the archive is synthetic and marked so: the rain of the storms, their forecasts (issued 6 h before each
window, too wet or too dry as a whole, members about that), and the floods, drawn from a law with an effect of each
hotspot,

    logit p = LEVEL + SLOPE R3 + u_h,      u_h ~ N(0, SPREAD^2),

R3 the greatest 3 h rain there [mm]. One hotspot that floods often has a twin: a second one beside it, alike in
everything, that never did. It says nothing of floods in Zhengzhou.
"""

from __future__ import annotations

import csv
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import numpy.typing as npt
import pandas as pd

from wuyu.cli import main as wuyu

__all__ = ["ADOPTED_BY", "CYCLE", "LAW", "OFTEN", "STORMS", "TWIN", "learn_and_adopt", "write_district"]

ERQI = Path(__file__).resolve().parent.parent / "data" / "erqi"
LABEL = (
    "constructed past storms, made up, and the constructed storm of July 2021",
    "虚构的历史过程与构造的2021年7月过程",
)
SOURCE = "synthetic: past storms made up, floods drawn from a planted law"
ARCHIVE, GAUGE_FEED, FORECAST_FEED = "past_storms", "storm_2021/gauges_hourly.csv", "storm_2021/ensemble"
#: Windows begin at midnight UTC, three days and an hour after the first hour of rain.
FIRST_HOUR = pd.Timestamp("2018-05-31T23:00Z")
#: Days of the storms, and the greatest 3 h rain of each at its centre, mm.
STORMS = {
    "2018-06-12": 22.0, "2018-06-27": 48.0, "2018-07-09": 75.0, "2018-07-26": 33.0, "2018-08-14": 95.0,
    "2019-06-05": 15.0, "2019-06-23": 60.0, "2019-07-11": 40.0, "2019-07-29": 110.0, "2019-08-08": 28.0,
    "2020-06-16": 54.0, "2020-07-03": 85.0, "2020-07-17": 18.0, "2020-07-30": 68.0, "2020-08-07": 160.0,
    "2020-08-19": 36.0,
}  # fmt: skip
LAST_DAY = "2020-08-21"
#: Local hour of the cycle that asks the model: 20 July 2021 begins.
CYCLE = "2021-07-20T00:00"
ADOPTED_BY = "演示席（合成数据）"
MEMBERS, LEADS_H, ISSUED_H = 15, np.arange(1, 31), 6
LATITUDES, LONGITUDES = np.array([34.5, 34.6, 34.7, 34.8]), np.array([113.4, 113.5, 113.6, 113.7])
SEED = 20200807
#: A place that floods often, and the one beside it that never does.
OFTEN, TWIN = "EQ-100", "EQ-901"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """How floods come about in the archive: log-odds = level + slope x 3 h rain + effect of the hotspot."""

    level: float = -6.5
    slope: float = 0.06
    spread: float = 1.5
    often: float = 5.0


LAW = Law()


@dataclass(frozen=True)
class PastStorm:
    """A past storm: a triangle of eight hours about 15 h UTC, falling off from its centre."""

    day: pd.Timestamp
    most_3h_mm: float
    centre: tuple[float, float]

    def strength(self, lon: Floats, lat: Floats) -> Floats:
        """Return the share of its greatest rain at some places."""
        east_km, north_km = 91.5 * (lon - self.centre[0]), 111.0 * (lat - self.centre[1])
        return np.asarray(0.5 + 0.5 * np.exp(-(east_km**2 + north_km**2) / 8.0**2))

    def hourly_mm(self, ends: pd.DatetimeIndex, late_h: float = 0.0) -> Floats:
        """Return its rain in the hours that end then, at its centre."""
        away_h = np.abs((ends - self.day) / pd.Timedelta(hours=1) - 15.0 - late_h)
        return self.most_3h_mm / 2.5 * np.clip(1.0 - np.asarray(away_h) / 4.0, 0.0, None)


def write_district(folder: Path, *, seed: int = SEED) -> Path:
    """Copy the bundled district with its archive of past storms; return its folder."""
    rng = np.random.default_rng(seed)
    shutil.copytree(ERQI, folder)
    _add_twin(folder)
    storms = [_storm(day, most_mm, rng) for day, most_mm in STORMS.items()]
    _write_gauges(folder, storms)
    _write_forecasts(folder, storms, rng)
    _write_floods(folder, storms, rng)
    settings = folder / "district.yaml"
    text = settings.read_text(encoding="utf-8")
    for feed, place in ((GAUGE_FEED, f"{ARCHIVE}/gauges_hourly.csv"), (FORECAST_FEED, f"{ARCHIVE}/ensemble")):
        text = text.replace(feed, place)
    settings.write_text(text, encoding="utf-8")
    return folder


def _storm(day: str, most_mm: float, rng: np.random.Generator) -> PastStorm:
    lon, lat = rng.uniform(113.55, 113.68), rng.uniform(34.66, 34.76)
    return PastStorm(pd.Timestamp(day, tz="UTC"), most_mm, (float(lon), float(lat)))


def _add_twin(folder: Path) -> None:
    rows = _read(folder / "hotspots.csv")
    twin = next(row for row in rows if row["hotspot_id"] == OFTEN)
    note = {"synthetic": "true", "source": SOURCE}
    name = {"hotspot_name": twin["hotspot_name"] + "乙", "hotspot_name_en": twin["hotspot_name_en"] + " (twin)"}
    _write(folder / "hotspots.csv", [*rows, {**twin, "hotspot_id": TWIN, **name, **note}])


def _write_gauges(folder: Path, storms: list[PastStorm]) -> None:
    """Write the hours about each storm, and those of July 2021, into one table with its label beside it."""
    gauges = pd.read_csv(folder / "gauges.csv")
    recent = pd.read_csv(folder / GAUGE_FEED, index_col=0)
    places = gauges.set_index("gauge_id").loc[recent.columns.astype(str), ["lon", "lat"]].to_numpy(np.float64)
    parts = [pd.DataFrame(0.0, columns=recent.columns, index=[FIRST_HOUR])]
    for storm in storms:
        ends = pd.date_range(storm.day - pd.Timedelta(hours=23), storm.day + pd.Timedelta(hours=24), freq="h")
        rain = np.outer(storm.hourly_mm(ends), storm.strength(*places.T))
        parts.append(pd.DataFrame(rain.round(1), columns=recent.columns, index=ends))
    past = pd.concat(parts)
    past.index = pd.Index([end.tz_convert("Asia/Shanghai").isoformat() for end in past.index], name="time_end")
    (folder / ARCHIVE).mkdir()
    table = pd.concat([past, recent])
    table.to_csv(folder / ARCHIVE / "gauges_hourly.csv", float_format="%.1f", lineterminator="\n")
    label = {
        "label": LABEL[0], "label_zh": LABEL[1], "synthetic": True, "source": SOURCE,
        "first_hour_end": table.index[0], "last_hour_end": table.index[-1],
    }  # fmt: skip
    text = json.dumps(label, ensure_ascii=False, indent=2) + "\n"
    (folder / ARCHIVE / "metadata.json").write_text(text, encoding="utf-8")


def _write_forecasts(folder: Path, storms: list[PastStorm], rng: np.random.Generator) -> None:
    shutil.copytree(folder / FORECAST_FEED, folder / ARCHIVE / "ensemble")
    for storm in storms:
        issued_at = storm.day - pd.Timedelta(hours=ISSUED_H)
        ends = issued_at + pd.to_timedelta(LEADS_H, unit="h")
        wrong, own = 0.25 * rng.standard_normal(), 0.3 * rng.standard_normal(MEMBERS)
        late_h = rng.standard_normal(MEMBERS)
        hours = np.stack([storm.hourly_mm(ends, late) for late in late_h]) * np.exp(wrong + own)[:, None]
        rain = hours[:, :, None, None] * storm.strength(*np.meshgrid(LONGITUDES, LATITUDES))
        _write_forecast(folder / ARCHIVE / "ensemble" / f"{issued_at:%Y%m%dT%H%MZ}.nc", issued_at, rain)


def _write_forecast(path: Path, issued_at: pd.Timestamp, rain_mm: Floats) -> None:
    axes = {"member": np.arange(MEMBERS), "time": LEADS_H, "lat": LATITUDES, "lon": LONGITUDES}
    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        issued = f"{issued_at:%Y-%m-%dT%H:%M:%SZ}"
        file.setncatts({"issued_at": issued, "synthetic": "true", "label": LABEL[0], "source": SOURCE})
        for name, values in axes.items():
            file.createDimension(name, values.size)
            file.createVariable(name, "f8", (name,))[:] = values
        file["time"].units = f"hours since {issued_at:%Y-%m-%d %H:%M:%S}"
        variable = file.createVariable("rain_mm", "f4", tuple(axes), zlib=True)
        variable.units = "mm"
        variable[:] = rain_mm.round(1)


def _write_floods(folder: Path, storms: list[PastStorm], rng: np.random.Generator) -> None:
    """Append to the record what the law brings about."""
    hotspots = pd.read_csv(folder / "hotspots.csv", index_col="hotspot_id")
    effect = pd.Series(LAW.spread * rng.standard_normal(len(hotspots)), index=hotspots.index)
    effect[OFTEN], effect[TWIN] = LAW.often, -np.inf
    lon, lat = (hotspots[name].to_numpy(np.float64) for name in ("lon", "lat"))
    rows = _read(folder / "history.csv")
    number = 0
    for storm in storms:
        rain_3h_mm = storm.most_3h_mm * storm.strength(lon, lat)
        chance = 1.0 / (1.0 + np.exp(-(LAW.level + LAW.slope * rain_3h_mm + effect.to_numpy())))
        depth_m = 0.05 + rng.gamma(2.0, 0.1, len(hotspots))
        for place in np.flatnonzero(rng.random(len(hotspots)) < chance):
            number += 1
            rows.append(_flood(f"EQ-S{number:04d}", storm, hotspots.index[place], depth_m[place], rain_3h_mm[place]))
    _write(folder / "history.csv", rows)


def _flood(event_id: str, storm: PastStorm, hotspot_id: str, depth_m: float, rain_mm: float) -> dict[str, Any]:
    at = (storm.day + pd.Timedelta(hours=14)).tz_convert("Asia/Shanghai")
    return {
        "event_id": event_id, "started_at": at.isoformat(), "ended_at": "", "hotspot_id": hotspot_id,
        "rain_mm": f"{rain_mm:.1f}", "rain_window_h": "3", "depth_m": f"{depth_m:.2f}", "effect_zh": "合成记录",
        "effect_en": "Made-up record", "confidence": "B", "synthetic": "true", "source": SOURCE,
    }  # fmt: skip


def _read(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def learn_and_adopt(district: Path, out: Path) -> Path:
    """Take the archive over, learn from it and put the model into service, all by the verbs; return what was learned.

    Raises
    ------
    RuntimeError
        If a verb ends with another status than 0.
    """
    place = ["--district", str(district), "--out", str(out)]
    _run(["service", "init", *place])
    _run(["feeds", "pull", *place])
    _run(["learn", *place, "--to", f"{LAST_DAY}T08:00"])
    folder = max((out / "learned").iterdir())
    _run(["learn", *place, "--adopt", folder.name, "--by", ADOPTED_BY])
    return folder


def _run(words: list[str]) -> None:
    if status := wuyu(words):
        raise RuntimeError(f"wuyu {' '.join(words)} ended with status {status}")


def main(folder: Path) -> None:
    """Write, learn, adopt, and run the cycle."""
    district, out = write_district(folder / "district"), folder / "out"
    learned = learn_and_adopt(district, out)
    print((learned / "card.md").read_text(encoding="utf-8"))
    _run(["cycle", "--district", str(district), "--out", str(out), "--at", CYCLE])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
