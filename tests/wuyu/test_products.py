"""What is written after the cycles: rehearsal, monthly report, map, story."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path

import pytest

from risk_models.errors import BadInputError
from risk_models.levels import Level
from tests.factories import write_mini_district
from tests.replays import StormRun, beside_now
from wuyu.desk import begin_desk
from wuyu.products import write_onemap_page, write_rehearsal, write_story_page
from wuyu.reporting import reference_gauge

pytestmark = pytest.mark.xdist_group("storm")


def test_rehearsal_has_a_row_per_storm_and_hotspot(storm_run: StormRun) -> None:
    text = (storm_run.desk.out / "rehearsal" / "design_storms.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 18 * 12
    assert {row["demonstration"] for row in rows} == {"True"}
    depth = {(row["scenario_id"], row["hotspot_id"]): float(row["peak_depth_m"]) for row in rows}
    pairs = {(float(row["return_period_a"]), float(row["duration_min"])): row["scenario_id"] for row in rows}
    for spot in {row["hotspot_id"] for row in rows}:
        assert depth[pairs[100, 60], spot] >= depth[pairs[2, 60], spot]
    assert (storm_run.desk.out / "rehearsal" / "design_storms.png").read_bytes().startswith(b"\x89PNG")


def test_monthly_report_is_registered_and_marked(storm_run: StormRun) -> None:
    folder = storm_run.desk.out / "reports"
    word = next(folder.glob("*.docx"))
    assert next(folder.glob("*.pdf")).read_bytes().startswith(b"%PDF")
    with zipfile.ZipFile(word) as package:
        text = re.sub(r"<[^>]+>", "", package.read("word/document.xml").decode())
    assert "演示数据" in text
    assert "试验区" in text


def test_story_links_every_product_and_nothing_that_is_not_there(storm_run: StormRun) -> None:
    out = storm_run.desk.out
    page = (out / "index.html").read_text(encoding="utf-8")
    links = set(re.findall(r'href="([^"#:]+)"', page))
    assert "onemap.html" in links
    assert {link for link in links if not (out / link).exists()} == set()
    caps = {path.relative_to(out).as_posix() for path in out.rglob("*.cap.xml")}
    assert any(link.startswith("bulletins/") for link in links)
    assert len(caps) == len([row for row in beside_now(storm_run.desk.ledger) if row.channel == "mail"])
    assert "演示数据" in page


def test_map_needs_no_network(storm_run: StormRun) -> None:
    page = (storm_run.desk.out / "onemap.html").read_text(encoding="utf-8")
    assert re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="(?:https?:)?//', page) == []
    assert "MD-001" in page


def test_products_need_a_cycle(tmp_path: Path) -> None:
    desk = begin_desk(write_mini_district(tmp_path / "mini"), tmp_path / "out")
    with desk.ledger:
        for write in (write_onemap_page, write_story_page):
            with pytest.raises(BadInputError, match="the ledger holds no finished cycle"):
                write(desk)
        assert write_rehearsal(desk)["csv"].exists()


def test_reference_gauge_is_the_first_unless_set(storm_run: StormRun, tmp_path: Path) -> None:
    assert reference_gauge(storm_run.desk) == "57083"
    folder = write_mini_district(tmp_path / "mini")
    settings = folder / "district.yaml"
    text = settings.read_text(encoding="utf-8").replace(
        "demonstration: true", "demonstration: true\n  reference_gauge: MG002"
    )
    settings.write_text(text, encoding="utf-8")
    desk = begin_desk(folder, tmp_path / "out")
    with desk.ledger:
        assert reference_gauge(desk) == "MG002"


def test_counts_in_the_summary_cover_every_level(storm_run: StormRun) -> None:
    for cycle in storm_run.desk.ledger.cycles(storm_run.desk.code):
        assert set(cycle.summary["counts"]) == {*(str(level) for level in Level), "not_assessed"}
        assert sum(cycle.summary["counts"].values()) == 12
