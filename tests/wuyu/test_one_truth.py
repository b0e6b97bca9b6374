"""One truth: every product of an hour says the same of rain, levels and warnings, however many files brought it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lxml import etree

from risk_models.levels import Level
from risk_models.risk import read_risk, town_levels
from risk_models.warning.authority import Authority
from tests.factories import STORM_BEGIN, STORM_PEAK
from tests.replays import now
from wuyu.approval import waiting
from wuyu.approval.approving import approve
from wuyu.cli import main
from wuyu.cycle import run_cycle
from wuyu.desk import Desk, begin_desk
from wuyu.ledger import create_ledger
from wuyu.ledger.authority import revision_of, revisions, standing_at
from wuyu.products import write_onemap_page, write_story_page
from wuyu.rain import cycle_rain, gauge_rain, pull_feeds
from wuyu.reporting import tables

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BEGIN, AT = STORM_BEGIN.to_pydatetime(), STORM_PEAK.to_pydatetime() - HOUR
FILES = (1, 5, 124)
QUARTERS = 4
REFERENCE = "57083"


def _quarters(folder: Path) -> tuple[str, list[str]]:
    """Return header and rows of the gauges in steps of a quarter of an hour, with the rain of their hours."""
    header, *hours = (folder / "feeds" / "gauges.csv").read_text(encoding="utf-8").splitlines()
    rows = []
    for line in hours:
        end, *cells = line.split(",")
        for quarter in range(QUARTERS):
            at = datetime.fromisoformat(end) - (QUARTERS - 1 - quarter) * 15 * MINUTE
            rows.append(",".join([at.isoformat(), *(f"{float(cell) / QUARTERS:.3f}" for cell in cells)]))
    return header, rows


def _in_files(storm: Path, folder: Path, count: int) -> Path:
    """Copy a district with its gauge rain in steps of 15 minutes, cut into files that come in no order."""
    shutil.copytree(storm, folder)
    header, rows = _quarters(folder)
    (folder / "feeds" / "gauges.csv").unlink()
    drop = folder / "feeds" / "gauges"
    drop.mkdir()
    order = np.random.default_rng(count).permutation(count)
    for name, part in zip(order, np.array_split(np.array(rows), count), strict=True):
        (drop / f"{name:03}.csv").write_text("\n".join([header, *part]) + "\n", encoding="utf-8")
    settings = folder / "district.yaml"
    text = settings.read_text(encoding="utf-8")
    quarters = "path: feeds/gauges, options: {step_h: 0.25}, stale_after_h: 2"
    settings.write_text(text.replace("path: feeds/gauges.csv, stale_after_h: 2", quarters), encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Told:
    """What one run of two hours tells: one warning signed at the end, the other grave ones waiting."""

    desk: Desk
    signed: str
    page: dict[str, Any]
    story: str


def _tell(district: Path, out: Path) -> Told:
    desk = begin_desk(district, out)
    assert {file.state for result in pull_feeds(desk, now=now()) for file in result.accepted} == {"accepted"}
    for at in (AT - HOUR, AT):
        run_cycle(desk, at)
    signed = waiting(desk.ledger)[-1].message_id
    assert approve(desk, signed, officer="值班长 李明", now=AT + 5 * MINUTE)
    page = write_onemap_page(desk).read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return Told(desk, signed, json.loads(found[1]), write_story_page(desk).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def told(storm_district: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Told]]:
    base = tmp_path_factory.mktemp("truth")
    runs = {count: _tell(_in_files(storm_district, base / str(count), count), base / f"out{count}") for count in FILES}
    yield runs
    for run in runs.values():
        run.desk.ledger.close()


@pytest.fixture
def one(told: dict[int, Told]) -> Told:
    """The run whose rain came in the most files."""
    return told[FILES[-1]]


def _products(out: Path) -> dict[str, bytes]:
    """Return the products of a run, without what must name the files that came: the sentence on the state of the feed.

    It says how many rows the newest file had; file names and digests stand in the ledger alone.
    """
    rows = re.compile(rb"\xe8\xaf\xbb\xe5\x85\xa5\d+\xe8\xa1\x8c|\d+ rows read")  # 读入120行
    found = {}
    for folder, ending in (
        ("bulletins", "*.txt"),
        ("bulletins", "*.html"),
        ("bulletins", "*.cap.xml"),
        (".", "*.html"),
    ):
        for path in sorted((out / folder).glob(f"**/{ending}" if folder != "." else ending)):
            found[path.relative_to(out).as_posix()] = rows.sub(b"", path.read_bytes())
    return found


def test_the_same_storm_in_one_five_and_a_hundred_files_gives_the_same_products(told: dict[int, Told]) -> None:
    first, *others = (_products(told[count].desk.out) for count in FILES)
    assert {name.partition("/")[0] for name in first} == {"bulletins", "index.html", "onemap.html"}
    for other in others:
        assert list(other) == list(first)
        assert [name for name in first if other[name] != first[name]] == []


def test_the_same_storm_in_one_five_and_a_hundred_files_gives_the_same_risk(told: dict[int, Told]) -> None:
    tables_of = [
        read_risk(told[count].desk.out / cycle.risk_paths["parquet"])
        for count in FILES
        for cycle in told[count].desk.ledger.cycles(told[count].desk.code)
    ]
    for index, table in enumerate(tables_of):
        assert table.drop(columns="geometry").equals(tables_of[index % 2].drop(columns="geometry"))


def test_every_product_of_an_hour_has_the_same_rain(one: Told) -> None:
    desk = one.desk
    rain = gauge_rain(desk, begin=BEGIN, end=AT, known_at=None).rain["rain_mm"].sel(gauge=REFERENCE)
    last_mm = float(rain[-1])
    assert last_mm > 30.0  # a storm, whatever the newest file holds
    in_cycle = cycle_rain(desk, AT)
    assert in_cycle.rainfall.attrs["observed_until"] == AT.isoformat()
    assert one.page["rain"]["gauge"] == REFERENCE
    assert one.page["rain"]["mm10"] == [round(10 * float(value)) for value in rain[-2:]]
    row = one.story.split(f'<tr id="{AT:%Y-%m-%dT%H:%MZ}">')[1].split("</tr>")[0]
    assert f"<span>{last_mm:.1f}</span>" in row
    risk = read_risk(desk.out / desk.ledger.cycles(desk.code)[-1].risk_paths["parquet"])
    assert one.page["quantities"]["obs1"][-1] == [round(mm) for mm in risk["obs_1h_mm"]]
    all_gauges = gauge_rain(desk, begin=AT - HOUR, end=AT, known_at=None).rain["rain_mm"]
    assert 0.8 * float(all_gauges.min()) <= risk["obs_1h_mm"].min()
    assert risk["obs_1h_mm"].max() <= 1.2 * float(all_gauges.max())


def test_every_product_of_an_hour_has_the_same_levels(one: Told, capsys: pytest.CaptureFixture[str]) -> None:
    desk = one.desk
    cycle = desk.ledger.cycles(desk.code)[-1]
    risk = read_risk(desk.out / cycle.risk_paths["parquet"])
    levels = risk["level"].astype(int).tolist()
    assert one.page["hotspotLevels"][-1] == "".join("u" if level < 0 else str(level) for level in levels)
    assert {level: count for level, count in zip(Level, one.page["counts"][-1], strict=True) if count} == {
        level: levels.count(int(level)) for level in Level if levels.count(int(level))
    }
    counts = dict(cycle.summary["counts"])
    counts["unknown"] += counts.pop("not_assessed")
    assert counts == {str(level): levels.count(int(level)) for level in Level}
    towns = town_levels(risk)["level"]
    assert one.page["townLevels"][-1] == "".join(str(int(towns[code])) for code in desk.district.towns.index)
    row = one.story.split(f'<tr id="{AT:%Y-%m-%dT%H:%MZ}">')[1].split("</tr>")[0]
    shown = re.findall(r'title="[^"]*: (\S+) [^"]*"', row.split('<td class="strip">')[1].split("</td>")[0])
    assert shown == [Level(int(towns[code])).zh for code in desk.district.towns.index]
    arguments = ["--district", str(desk.root), "--out", str(desk.out), "--at", AT.isoformat(), "--json"]
    assert main(["score", *arguments]) == 0
    worst = json.loads(capsys.readouterr().out)
    assert {row["hotspot_id"]: row["level"] for row in worst["worst"]} == risk["level"].loc[
        [row["hotspot_id"] for row in worst["worst"]]
    ].to_dict()
    geojson = json.loads((desk.out / worst["paths"]["geojson"]).read_text(encoding="utf-8"))
    assert [feature["properties"]["level"] for feature in geojson["features"]] == levels


def test_every_product_of_an_hour_has_the_same_states_of_warnings(one: Told) -> None:
    desk, at = one.desk, AT + 5 * MINUTE
    with desk.ledger.reading() as session:
        standing = standing_at(session, at)
    truth = {(one.area_code, int(one.level), str(state)) for one, state in standing}
    states = {state for *_, state in truth}
    assert {"signed", "waiting"} <= states
    towns = [str(code) for code in desk.district.towns.index]
    shown = [(one.page["warnings"][number], state) for number, state in one.page["standing"][-1]]
    assert {(towns[row[0]], row[2], state) for row, state in shown} == truth
    waits = {(item.record.area_code, int(item.record.level)) for item in waiting(desk.ledger)}
    assert waits == {(area, level) for area, level, state in truth if state == "waiting"}
    cells = re.findall(r'class="what([^"]*)"[^>]*>([^<]*)</span>(.*?)</p>', one.story, re.DOTALL)
    unsigned = sum(towns.count('class="town"') for marks, _, towns in cells if "unsigned" in marks)
    told_once = {one.warning_id + f".r{one.revision}" for one, _ in standing if one.signed_at is None}
    assert all("待签发" in words for marks, words, _ in cells if "unsigned" in marks)
    assert unsigned == len(told_once) == len(waits)
    window = tables.Window(begin=BEGIN, end=AT + HOUR, cut=at, known_at=now())
    reported = tables.warning_rows(desk, window)
    with desk.ledger.reading() as session:
        signed = [one for one in revisions(session) if one.was_signed(at)]
    assert sorted(reported["warning_id"] + reported["revision"].astype(str)) == sorted(
        one.warning_id + str(one.revision) for one in signed
    )
    assert tables.has_unsigned(desk, window)


def test_times_and_level_of_a_signed_warning_are_those_of_its_bulletin_and_cap(one: Told) -> None:
    desk = one.desk
    row = desk.ledger.warning(one.signed)
    assert row is not None
    record = row.to_record()
    cap = etree.parse(next((desk.out / "bulletins").rglob(f"{one.signed}.cap.xml")))
    space = {"cap": "urn:oasis:names:tc:emergency:cap:1.2"}
    sent, expires = (
        datetime.fromisoformat(str(cap.findtext(f".//cap:{name}", namespaces=space))) for name in ("sent", "expires")
    )
    assert (sent, expires) == (record.issued_at, record.valid_to)
    zone = desk.timezone
    shown = [row for row, _ in ((one.page["warnings"][number], state) for number, state in one.page["standing"][-1])]
    ends = {row[4] for row in shown if str(desk.district.towns.index[row[0]]) == record.area_code}
    assert f"{record.valid_to.astimezone(zone):%m-%d %H:%M}" in ends
    text = next((desk.out / "bulletins").rglob(f"{one.signed}.txt")).read_text(encoding="utf-8")
    assert f"{record.valid_to.astimezone(zone).hour}时" in text
    assert record.level.zh in text


def test_what_is_unsigned_is_never_shown_as_in_force(one: Told) -> None:
    with one.desk.ledger.reading() as session:
        unsigned = [each for each in revisions(session) if each.signed_at is None]
    assert unsigned
    towns = [str(code) for code in one.desk.district.towns.index]
    rows = [(one.page["warnings"][number], state) for hour in one.page["standing"] for number, state in hour]
    in_force = {(towns[row[0]], row[1], row[2]) for row, state in rows if Authority(state).is_in_force}
    assert in_force.isdisjoint((each.area_code, str(each.action), int(each.level)) for each in unsigned)
    assert "份预警待签发，未生效" in one.story


class Drop:
    """A desk whose only feed is a folder of hourly gauge tables, with an empty ledger."""

    def __init__(self, district: Path, out: Path) -> None:
        folder = out / "district"
        shutil.copytree(district, folder)
        (folder / "feeds" / "gauges.csv").unlink()
        (folder / "feeds" / "gauges").mkdir()
        settings = folder / "district.yaml"
        text = settings.read_text(encoding="utf-8").replace("feeds/gauges.csv", "feeds/gauges")
        settings.write_text(text, encoding="utf-8")
        self.folder, self.number = folder / "feeds" / "gauges", 0
        self.desk = begin_desk(folder, out)

    def take(self, rows: dict[int, list[Any]], *, gauges: tuple[str, ...] = ("MG001", "MG002")) -> bool:
        """Let a file of some hours before `AT` arrive; returns whether it was accepted."""
        lines = ["time_end," + ",".join(gauges)]
        lines += [",".join([(AT + hour * HOUR).isoformat(), *map(str, cells)]) for hour, cells in rows.items()]
        (self.folder / f"{self.number:03}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.number += 1
        result = pull_feeds(self.desk, now=AT + self.number * MINUTE)[0]
        return bool(result.accepted)

    def known(self, hours: int = 3, **more: Any) -> list[list[float | None]]:
        rain = gauge_rain(self.desk, begin=AT - hours * HOUR, end=AT, **({"known_at": AT + HOUR} | more)).rain
        values = rain["rain_mm"].sel(gauge=["MG001", "MG002"]).to_numpy()
        return [[None if np.isnan(mm) else float(mm) for mm in row] for row in values]


@pytest.fixture(scope="module")
def opened(storm_district: Path, tmp_path_factory: pytest.TempPathFactory) -> Drop:
    drop = Drop(storm_district, tmp_path_factory.mktemp("known"))
    drop.desk.ledger.close()
    return drop


@pytest.fixture
def drop(opened: Drop, tmp_path: Path) -> Iterator[Drop]:
    """The desk with nothing known."""
    for path in opened.folder.iterdir():
        path.unlink()
    opened.number = 0
    opened.desk = _with_ledger(opened.desk, tmp_path)
    yield opened
    opened.desk.ledger.close()


def _with_ledger(desk: Desk, out: Path) -> Desk:
    return replace(desk, ledger=create_ledger(out / "ledger.sqlite"), out=out)


def test_late_and_out_of_order_files_all_count(drop: Drop) -> None:
    for hour in (0, -2, -1):
        assert drop.take({hour: [3.0 - hour, 4.0 - hour]})
    assert drop.known() == [[5.0, 6.0], [4.0, 5.0], [3.0, 4.0]]


def test_a_file_that_comes_again_changes_nothing(drop: Drop) -> None:
    for _ in range(2):
        drop.take({-1: [4.0, 5.0], 0: [3.0, 4.0]})
    assert drop.known(2) == [[4.0, 5.0], [3.0, 4.0]]
    found = gauge_rain(drop.desk, begin=AT - 2 * HOUR, end=AT, known_at=AT + HOUR)
    assert [file.name for file in found.files] == ["000.csv"]


def test_a_corrected_hour_counts_from_its_arrival_and_not_before(drop: Drop) -> None:
    drop.take({-1: [4.0, 5.0], 0: [3.0, 4.0]})
    drop.take({-1: [9.0, 8.0]})
    assert drop.known(2) == [[9.0, 8.0], [3.0, 4.0]]
    assert drop.known(2, known_at=AT + MINUTE) == [[4.0, 5.0], [3.0, 4.0]]


def test_a_corrected_gauge_takes_nothing_from_the_others(drop: Drop) -> None:
    drop.take({-1: [4.0, 5.0], 0: [3.0, 4.0]})
    drop.take({-1: [9.0]}, gauges=("MG001",))
    drop.take({-1: ["", 6.0], 0: ["--", "absent"]})
    assert drop.known(2) == [[9.0, 6.0], [3.0, 4.0]]


def test_a_feed_with_a_file_for_each_gauge_is_known_whole(drop: Drop) -> None:
    drop.take({-1: [4.0], 0: [3.0]}, gauges=("MG001",))
    drop.take({-1: [5.0], 0: [4.0]}, gauges=("MG002",))
    assert drop.known(2) == [[4.0, 5.0], [3.0, 4.0]]


def test_tables_sent_whole_again_are_not_all_read_while_a_gauge_is_silent(drop: Drop) -> None:
    for last in (-3, -2, -1, 0):
        drop.take({hour: [5.0 - hour, ""] for hour in range(-6, last + 1)})
    found = gauge_rain(drop.desk, begin=AT - 6 * HOUR, end=AT, known_at=AT + HOUR)
    assert [file.name for file in found.files] == ["003.csv"]
    drop.take({-4: ["", 2.0]})
    found = gauge_rain(drop.desk, begin=AT - 6 * HOUR, end=AT, known_at=AT + HOUR)
    assert [file.name for file in found.files] == ["004.csv", "003.csv"]
    assert float(found.rain["rain_mm"].sel(gauge="MG002").sum()) == 2.0


def test_an_approval_of_no_known_word_is_no_signature(one: Told) -> None:
    row = one.desk.ledger.warning(one.signed)
    assert row is not None
    assert revision_of(row).was_signed(AT + HOUR)
    for word in ("", "approved-by-proxy", "lapsed", "waiting"):
        row.approval_state = word
        assert revision_of(row).signed_at is None
