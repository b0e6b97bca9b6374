"""Forecasts, radar and satellite rain from the door to the Rainfall of a cycle, with the numbers that were sent."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import pyproj
import pytest
import xarray as xr
import yaml
from numpy.typing import NDArray

from risk_models.district.settings import FolderFeedSettings, QualitySettings
from risk_models.forecast.rainfall import to_datetime64
from risk_models.forecast.sampling import at_points
from tests.broken_inputs import make
from tests.factories import add_mini_storm, write_mini_district
from tests.risk_models.forecast.readers.test_grib import message
from tests.wuyu.feeds.conftest import Web, content
from wuyu.cli import main, operate
from wuyu.desk import Desk, begin_desk
from wuyu.feeds.select import forecast_issues
from wuyu.ledger import create_ledger
from wuyu.rain import cycle_rain, pull_feeds

AT = datetime(2021, 7, 20, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLANE = "+proj=tmerc +lat_0=0 +lon_0=114 +k=1 +x_0=500000 +y_0=0 +ellps=GRS80 +units=m"
GRID = (5, 7)

Open = Callable[..., Desk]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    base = tmp_path_factory.mktemp("other-sources")
    folder = add_mini_storm(write_mini_district(base / "district", towns=1, hotspots=4))
    desk = begin_desk(folder, base / "out")
    desk.ledger.close()
    return desk


@pytest.fixture
def opened(base: Desk, tmp_path: Path) -> Any:
    """Open the desk with an empty ledger and other feeds, each with a drop folder of its own, emptied."""
    ledger = create_ledger(tmp_path / "ledger.sqlite")

    def open_with(**kinds: Any) -> Desk:
        feeds = []
        for name, kind in kinds.items():
            folder = base.district.root / "drop" / name
            folder.mkdir(parents=True, exist_ok=True)
            for path in folder.iterdir():
                path.unlink()
            more = kind if isinstance(kind, dict) else {"kind": kind}
            feeds.append(FolderFeedSettings(id=name, path=f"drop/{name}", stale_after_h=9, **more))
        settings = base.district.settings.model_copy(update={"feeds": tuple(feeds)})
        return replace(base, district=replace(base.district, settings=settings), ledger=ledger, out=tmp_path)

    yield open_with
    ledger.close()


def drop(desk: Desk, feed: str, name: str, data: bytes = b"") -> Path:
    path = desk.district.root / "drop" / feed / name
    path.write_bytes(data)
    return path


def grib(issued: datetime, ends: range, rain_mm_h: float, *, members: int = 1) -> bytes:
    """Totals since the issue; member m has m + 1 times the rain."""
    keys = {"dataDate": int(f"{issued:%Y%m%d}"), "dataTime": int(f"{issued:%H%M}")}
    parts = [
        message(np.full(GRID, rain_mm_h * end * (number + 1)), f"0-{end}", **keys | more)
        for number in range(members)
        for more in ([{}] if members == 1 else [{"member": number}])
        for end in ends
    ]
    return b"".join(parts)


def open_meteo(begin: datetime, hours: int, rain_mm: float, *, known_after: datetime) -> bytes:
    """An answer for two places, 0 before it is known: null."""
    ends = [begin + number * HOUR for number in range(hours)]
    times = [f"{end + 8 * HOUR:%Y-%m-%dT%H:%M}" for end in ends]
    rain = [rain_mm if end > known_after else None for end in ends]
    places = [
        {
            "latitude": 34.7 + 0.02 * number,
            "longitude": 113.6 + 0.02 * number,
            "utc_offset_seconds": 28800,
            "hourly_units": {"time": "iso8601", "precipitation": "mm"},
            "hourly": {"time": times, "precipitation": rain},
        }
        for number in range(2)
    ]
    return json.dumps(places).encode()


def ahead(rainfall: Any, first_h: int) -> NDArray[np.floating]:
    """Rain of the hours from `first_h` after the cycle on, (member, time, hotspot)."""
    begin = to_datetime64(AT + first_h * HOUR)
    rain: NDArray[np.floating] = rainfall["rain_mm"].sel(time=rainfall["time"] >= begin).to_numpy()
    return rain


@pytest.mark.parametrize(
    ("served", "expected", "members", "step_h"),
    [
        ({"gfs": grib(AT - 2 * HOUR, range(1, 31), 4.0)}, [4.0], 1, 1.0),
        ({"gfs": grib(AT - 2 * HOUR, range(1, 31), 4.0), "meteo": None}, [7.0], 1, 1.0),  # the newest
        ({"gfs": grib(AT - 2 * HOUR, range(3, 31, 3), 2.0, members=3), "meteo": None}, [2.0, 4.0, 6.0], 3, 3.0),
        ({"meteo": None}, [7.0], 1, 1.0),
    ],
)
def test_what_a_server_gives_is_the_rain_of_the_cycle(
    served: dict[str, bytes | None],
    expected: list[float],
    members: int,
    step_h: float,
    base: Desk,
    web: Web,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(operate, "time_now", lambda: AT + timedelta(minutes=3))
    answer = open_meteo(AT - 5 * HOUR, 40, 7.0, known_after=AT)
    settings = yaml.safe_load((base.district.root / "district.yaml").read_text(encoding="utf-8"))
    feeds: list[dict[str, Any]] = [{"id": "gauges", "kind": "gauge_table", "path": "feeds/gauges.csv"}]
    for name, data in served.items():
        kind = {"gfs": "grib", "meteo": "open_meteo"}[name]
        content_type = {"grib": "application/octet-stream", "open_meteo": "application/json"}[kind]
        url = web.gives(f"/{name}", content(data or answer, Content_Type=content_type))
        feeds.append({"id": name, "kind": kind, "source": "http", "url": url})
    settings["feeds"] = [feed | {"stale_after_h": 2} for feed in feeds]
    folder = tmp_path / "district"
    shutil.copytree(base.district.root, folder)
    (folder / "district.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    place = ["--district", str(folder), "--out", str(tmp_path / "out")]

    assert main(["service", "init", "--ledger-only", "--out", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    # The gauges are an archive that goes on after the cycle: refused at the door as ahead of the clock.
    assert main(["feeds", "pull", *place, "--json"]) == 1
    rows = {row["feed"]: row for row in json.loads(capsys.readouterr().out)}
    assert {name: rows[name]["accepted"] for name in served} == dict.fromkeys(served, 1)
    sha = next(path for path in (tmp_path / "out" / "raw" / "rejected" / "gauges").glob("*.csv")).name[:12]
    assert main(["feeds", "accept", sha, "--officer", "王五", *place]) == 0
    assert main(["cycle", "--at", "2021-07-20T14:00", *place, "--json"]) == 0

    desk = begin_desk(folder, tmp_path / "out")
    assert desk.ledger.last_cycle(desk.code).inputs.keys() >= {"gauges"}  # type: ignore[union-attr]
    rain = cycle_rain(desk, AT)
    desk.ledger.close()
    rainfall = rain.rainfall
    assert (rainfall.attrs["forecast_members"], rainfall.attrs["forecast_step_h"]) == (members, step_h)
    for member, rain_mm in enumerate(expected):
        np.testing.assert_allclose(ahead(rainfall, 4)[member] / _fading(rainfall), rain_mm, rtol=1e-5)
    said = any("single one" in line.en for line in rain.lines)
    assert said == (members == 1)


def _fading(rainfall: Any) -> NDArray[np.floating]:
    """What the bias correction makes of 1 mm from the fourth hour on, (time, 1)."""
    lead_h = np.arange(3, ahead(rainfall, 4).shape[1] + 3)
    factor: NDArray[np.floating] = 1.0 + (rainfall.attrs["bias_factor"] - 1.0) * 0.5 ** (lead_h / 6.0)
    return factor[:, np.newaxis]


def test_an_issue_in_many_files_is_read_as_one(opened: Open) -> None:
    desk = opened(gauges="gauge_table", gfs="grib")
    drop(desk, "gauges", "g.csv", make.text(make.table()).encode())
    early = AT - 6 * HOUR
    for end in range(1, 31):
        drop(desk, "gfs", f"old.f{end:03}", grib(early, range(end, end + 1), 3.0))
    pull_feeds(desk, now=AT - HOUR)
    for end in range(1, 4):  # of the newest issue only three hours have come
        drop(desk, "gfs", f"new.f{end:03}", grib(AT - 2 * HOUR, range(end, end + 1), 50.0))
    pull_feeds(desk, now=AT)
    issues = forecast_issues(desk.ledger, "gfs", raw_dir=desk.raw_dir, valid_at=AT)
    assert [len(issue) for issue in issues] == [3, 30]
    rain = cycle_rain(desk, AT)
    assert rain.rainfall.attrs["issued_at"] == early.isoformat()
    np.testing.assert_allclose(ahead(rain.rainfall, 4)[0] / _fading(rain.rainfall), 3.0, rtol=1e-5)


def test_the_answer_that_came_later_was_not_known_before(opened: Open) -> None:
    desk = opened(meteo="open_meteo")
    drop(desk, "meteo", "answer.json", open_meteo(AT, 30, 7.0, known_after=AT - HOUR))
    pull_feeds(desk, now=AT + timedelta(minutes=59))
    assert cycle_rain(desk, AT).rainfall.attrs["issued_at"] == AT.isoformat()
    assert cycle_rain(desk, AT - HOUR).rainfall.attrs["issued_at"] == ""
    assert cycle_rain(desk, AT, known_at=AT).rainfall.attrs["forecast_members"] == 0


def half_hours(path: Path, end: datetime, rain_mm: float) -> None:
    """A satellite map of half an hour in CF, over the district."""
    with netCDF4.Dataset(path, "w") as file:
        for name, values in {"time": [0.0], "lat": [34.6, 34.7, 34.8], "lon": [113.5, 113.6, 113.7]}.items():
            file.createDimension(name, len(values))
            file.createVariable(name, "f8", (name,))[:] = values
        file["lat"].units, file["lon"].units = "degrees_north", "degrees_east"
        file["time"].units = f"minutes since {end:%Y-%m-%d %H:%M:%S}"
        rain = file.createVariable("rain", "f4", ("time", "lat", "lon"))
        rain.units, rain[:] = "mm", np.full((1, 3, 3), rain_mm)


def test_a_second_source_fills_hours_without_gauges_before_the_forecast(opened: Open) -> None:
    satellite = {"kind": "netcdf_cf", "options": {"label": "end", "interval_h": 0.5}}
    desk = opened(gauges="gauge_table", sat=satellite, gfs="grib")
    drop(desk, "gauges", "g.csv", make.text(make.table(14 - 4)).encode())  # four hours late
    drop(desk, "gfs", "gfs.grib2", grib(AT - 6 * HOUR, range(1, 31), 3.0))
    for number in range(6):  # three of the four hours
        half_hours(drop(desk, "sat", f"{number}.nc"), AT - 3.5 * HOUR + number * HOUR / 2, 5.0 + number)
    pull_feeds(desk, now=AT)
    rain = cycle_rain(desk, AT)
    assert rain.rainfall.attrs["ladder_step"] == 4
    assert rain.rainfall.attrs["gap_source"] == "background+forecast+persistence"
    filled = rain.rainfall.rain_mm.sel(time=[to_datetime64(AT - number * HOUR) for number in (3, 2, 1, 0)]).to_numpy()
    np.testing.assert_allclose(filled[0, 2], 9.0 + 10.0)
    assert (filled[0, :2] >= np.array([[11.0], [15.0]]) - 1e-6).all()  # not below the last rain of the gauges
    np.testing.assert_allclose(filled[0, 3], 3.0)
    assert {"gauges", "sat", "gfs", "sat#2"} <= set(rain.inputs)
    assert any("filled from sat (netcdf_cf) first" in line.en for line in rain.lines)


def test_with_gauges_there_the_second_source_is_not_read(opened: Open) -> None:
    desk = opened(gauges="gauge_table", sat={"kind": "netcdf_cf", "options": {"label": "end", "interval_h": 0.5}})
    drop(desk, "gauges", "g.csv", make.text(make.table()).encode())
    half_hours(drop(desk, "sat", "0.nc"), AT, 5.0)
    pull_feeds(desk, now=AT)
    rain = cycle_rain(desk, AT)
    assert (rain.rainfall.attrs["gap_source"], set(rain.inputs)) == ("none", {"gauges"})


def test_ten_minute_tables_stay_as_they_are(opened: Open) -> None:
    desk = opened(gauges={"kind": "gauge_table", "options": {"step_h": 1 / 6}})
    begin = AT - 4 * HOUR
    for number in range(1, 25):  # a file every ten minutes
        end = begin + number * HOUR / 6
        more = number % 3 / 10
        cells = [f"{1 + more}", f"{2 + more}", "" if number == 15 else f"{3 + more}", f"{4 + more}"]
        text = make.text([["time_end", *make.GAUGES], [f"{end:%Y-%m-%dT%H:%M:%SZ}", *cells]])
        drop(desk, "gauges", f"{number}.csv", text.encode())
        pull_feeds(desk, now=end)
    rain = cycle_rain(desk, AT)
    assert (rain.rainfall.attrs["ladder_step"], rain.rainfall.attrs["gauges_used"]) == (1, 4)
    assert rain.rainfall.attrs["step_h"] == 1 / 6
    last_hour = slice(to_datetime64(AT - 5 * HOUR / 6), to_datetime64(AT))
    total = rain.rainfall.rain_mm.sel(time=last_hour).sum("time", skipna=False).to_numpy()
    assert (total >= 6.0 - 1e-3).all()
    assert (total <= 24.6 + 1e-3).all()
    assert rain.quality is not None
    assert len(rain.inputs) == 24
    late = cycle_rain(desk, AT + HOUR)
    assert late.rainfall.attrs["ladder_step"] == 3


def ten_minutes(gauge_0_mm: list[float]) -> bytes:
    """A table that ends at AT; the other gauges have about 1 mm in each step."""
    ends = [AT - (len(gauge_0_mm) - 1 - number) * HOUR / 6 for number in range(len(gauge_0_mm))]
    rows = [
        [f"{end:%Y-%m-%dT%H:%M:%SZ}", str(mm), *(f"{1 + (number * 7 + gauge) % 5 / 10}" for gauge in range(3))]
        for number, (end, mm) in enumerate(zip(ends, gauge_0_mm, strict=True))
    ]
    return make.text([["time_end", *make.GAUGES], *rows]).encode()


@pytest.mark.parametrize(
    ("gauge_0_mm", "mark", "steps"),
    [
        ([1.0, 1.2, 1.1, 0.9] * 6, "suspect", 0),
        # 30 mm in ten minutes between two dry ones: doubtful, and alone in that; nothing odd as an hour.
        ([1.0, 1.2, 1.1, 0.9] * 5 + [0.0, 30.0, 0.0, 1.0], "suspect", 1),
        # A gauge that repeats one value for four and a half hours is stuck; four equal hours would only be doubtful.
        ([4.2] * 27, "fail", 27),
    ],
)
def test_bad_ten_minutes_are_marked(opened: Open, gauge_0_mm: list[float], mark: str, steps: int) -> None:
    desk = opened(gauges={"kind": "gauge_table", "options": {"step_h": 1 / 6}})
    drop(desk, "gauges", "g.csv", ten_minutes(gauge_0_mm))
    pull_feeds(desk, now=AT)
    rain = cycle_rain(desk, AT)
    assert rain.quality is not None
    assert rain.quality.counts[mark] == steps
    assert rain.quality.evaluated["climatology"] == 0
    assert rain.rainfall.attrs["gauges_used"] == (3 if mark == "fail" else 4)


def test_the_climatology_of_the_district_is_tested(opened: Open) -> None:
    desk = opened(gauges="gauge_table")
    drop(desk, "gauges", "g.csv", make.text(make.table()).encode())
    pull_feeds(desk, now=AT)
    for july_mm, is_doubted in ((1.0, True), (400.0, False), (None, False)):
        table = QualitySettings(monthly_max_mm=(*[None] * 6, july_mm, *[None] * 5), source="test")
        settings = desk.district.settings.model_copy(update={"quality": table})
        told = cycle_rain(replace(desk, district=replace(desk.district, settings=settings)), AT).quality
        assert told is not None
        assert (told.evaluated["climatology"] > 0) == (july_mm is not None)
        assert (told.doubted["climatology"] > 0) == is_doubted


def odim(path: Path, end: datetime, rain_mm: NDArray[np.floating]) -> None:
    """A composite of five minutes of rain in steps of 0.05 mm, 1 km cells, around the mini district."""
    left, top = 464_000.0 - 500 * rain_mm.shape[1], 3_841_000.0 + 500 * rain_mm.shape[0]
    lon, lat = pyproj.Transformer.from_crs(PLANE, "EPSG:4326", always_xy=True).transform(left, top)
    begin = end - timedelta(minutes=5)
    groups: dict[str, dict[str, Any]] = {
        "what": {"object": "COMP", "date": f"{end:%Y%m%d}", "time": f"{end:%H%M%S}"},
        "where": {"projdef": PLANE, "xsize": rain_mm.shape[1], "ysize": rain_mm.shape[0], "xscale": 1000.0}
        | {"yscale": 1000.0, "UL_lon": lon, "UL_lat": lat},
        "dataset1/what": {"startdate": f"{begin:%Y%m%d}", "starttime": f"{begin:%H%M%S}"}
        | {"enddate": f"{end:%Y%m%d}", "endtime": f"{end:%H%M%S}"},
        "dataset1/data1/what": {"quantity": "ACRR", "gain": 0.05, "offset": 0.0, "nodata": 65535.0, "undetect": 0.0},
    }
    with h5py.File(path, "w") as file:
        file.attrs["Conventions"] = np.bytes_("ODIM_H5/V2_2")
        for group, attrs in groups.items():
            for key, value in attrs.items():
                file.require_group(group).attrs[key] = np.bytes_(value) if isinstance(value, str) else value
        file["dataset1/data1/data"] = np.round(rain_mm / 0.05).astype("u2")


def band(minutes: float, *, peak_mm: float = 4.0, speed_km_min: float = 0.6, width_km: float = 12.0) -> Any:
    """A band of rain that comes from the west and stands 24 km west of the district at minute 0."""
    east = np.arange(160) - 79.5
    north = np.arange(120) - 59.5
    away = (east[None, :] + 24.0 - speed_km_min * minutes) / width_km
    # Not endless along the front, or its motion could not be seen.
    return (
        peak_mm
        * np.exp(-(away**2))
        * (1 + 0.5 * np.sin(north / 9.0))[:, None]
        * np.exp(-((north / 45.0) ** 4))[:, None]
    )


@pytest.mark.parametrize(("frames", "is_used"), [((-10, -5, 0), True), ((-5, 0), False), ((-50, -45, -40), False)])
def test_radar_carries_the_rain_to_the_district(opened: Open, frames: tuple[int, ...], is_used: bool) -> None:
    pytest.importorskip("pysteps")
    desk = opened(gauges="gauge_table", radar="odim")
    dry = [[cell if number == 0 or column == 0 else "0.0" for column, cell in enumerate(row)] for number, row in
           enumerate(make.table())]  # fmt: skip
    drop(desk, "gauges", "g.csv", make.text(dry).encode())
    for minutes in frames:
        odim(drop(desk, "radar", f"{minutes}.h5"), AT + timedelta(minutes=minutes), band(minutes))
    pull_feeds(desk, now=AT)
    rain = cycle_rain(desk, AT)
    assert rain.rainfall.attrs["nowcast_method"] == ("radar" if is_used else "persistence")
    first = ahead(rain.rainfall, 1)[0, 0]
    if is_used:
        # Sum of the band over the twelve steps of the hour, at the middle of the map; growth is not foreseen.
        true_mm = sum(float(band(minutes)[59:61, 79:81].mean()) for minutes in range(5, 65, 5))
        np.testing.assert_allclose(first, true_mm, rtol=0.25)
        assert {"radar", "radar#3"} <= set(rain.inputs)
    else:
        np.testing.assert_array_equal(first, 0.0)
        assert any("has no 3 recent frames in a row" in line.en for line in rain.lines)


def test_a_radar_without_echo_dries_nothing(opened: Open) -> None:
    desk = opened(gauges="gauge_table", radar="odim")
    drop(desk, "gauges", "g.csv", make.text(make.table()).encode())
    for minutes in (-10, -5, 0):
        odim(drop(desk, "radar", f"{minutes}.h5"), AT + timedelta(minutes=minutes), 0 * band(0))
    pull_feeds(desk, now=AT)
    rain = cycle_rain(desk, AT)
    assert rain.rainfall.attrs["nowcast_method"] == "persistence"
    assert (ahead(rain.rainfall, 1)[0, 0] > 50.0).all()
    assert any("no motion seen" in line.en for line in rain.lines)


def test_radar_is_merged_with_the_gauges_only_where_a_district_asks(tmp_path: Path) -> None:
    """A cell that no gauge sees: the gauges alone miss it, with the pattern of the radar it is there."""
    folder = write_mini_district(tmp_path / "district", towns=1, hotspots=4, gauges=6)
    (folder / "feeds" / "radar").mkdir(parents=True)
    desk = begin_desk(folder, tmp_path / "out")
    gauges, hotspots = desk.district.gauges, desk.district.hotspots
    middle = hotspots.geometry.iloc[0]
    east, north = np.arange(160) - 79.5 + 464.0, 59.5 - np.arange(120) + 3841.0
    away_km = np.hypot(east[None, :] - middle.x / 1000, north[:, None] - middle.y / 1000)
    cell = 5.0 * np.exp(-((away_km / 1.5) ** 2)) + 0.5
    for number in range(24):
        path = folder / "feeds" / "radar" / f"{number:02}.h5"
        odim(path, AT - number * timedelta(minutes=5), cell)
    field = xr.Dataset(
        {"rain_mm": (("time", "y", "x"), 12 * cell[None])}, {"time": [to_datetime64(AT)]}, {"crs": PLANE}
    )
    field = field.assign_coords(x=east * 1000, y=north * 1000)
    true_mm = at_points(field, gauges["lon"].to_numpy(), gauges["lat"].to_numpy())["rain_mm"].to_numpy()[0, 0]
    rows = [[f"{AT - back * HOUR:%Y-%m-%dT%H:%M:%SZ}", *(f"{mm:.2f}" for mm in true_mm)] for back in (1, 0)]
    (folder / "feeds" / "g.csv").write_text(make.text([["time_end", *map(str, gauges.index)], *rows]), "utf-8")
    table = FolderFeedSettings(id="gauges", kind="gauge_table", path="feeds/g.csv", stale_after_h=2)
    told = {}
    for merge in (False, True):
        radar = FolderFeedSettings(id="radar", kind="odim", path="feeds/radar", stale_after_h=2, merge=merge)
        settings = desk.district.settings.model_copy(update={"feeds": (table, radar)})
        mine = replace(desk, district=replace(desk.district, settings=settings))
        pull_feeds(mine, now=AT)
        rain = cycle_rain(mine, AT)
        told[merge] = rain.rainfall.rain_mm.sel(time=to_datetime64(AT)).to_numpy()[0, 0]
        assert rain.rainfall.attrs["merged_h"] == (2 if merge else 0)
        assert any("merged with maps of rain in 2 h" in line.en for line in rain.lines) == merge
        assert ("radar#24" in rain.inputs) == merge
    desk.ledger.close()
    peak_mm = 12 * 5.5
    assert abs(told[True] - peak_mm) < 0.3 * abs(told[False] - peak_mm)
