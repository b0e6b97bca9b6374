"""The one-map page: complete, self-contained, compact, and safe with any name."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import html.parser
import json
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reports.issued import NONE_KNOWN
from reports.onemap import OneMapInputs, onemap_html, write_onemap
from reports.onemap.payload import payload
from risk_models.levels import Level
from risk_models.warning.issued import IssuedSignal, WeatherNotice
from risk_models.warning.records import Action
from tests.patience import PATIENCE_S

REPORTS = Path(__file__).resolve().parents[3] / "reports"


class Page(html.parser.HTMLParser):
    """Collects scripts, addresses and the texts of ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.addresses: list[str] = []
        self.ids: set[str] = set()
        self.policy = ""
        self._open: dict[str, str | None] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [str(values[key]) for key in ("src", "href") if key in values]
        self.ids |= {str(values["id"])} if "id" in values else set()
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = str(values["content"])
        if tag == "script":
            self._open = values
            self.scripts.append((values, ""))

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._open = None


@pytest.fixture(scope="module")
def text(map_inputs: OneMapInputs) -> str:
    return onemap_html(map_inputs)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


@pytest.fixture(scope="module")
def data(page: Page) -> dict[str, Any]:
    return json.loads(page.scripts[0][1])


def test_page_asks_the_network_for_nothing(text: str, page: Page) -> None:
    assert page.addresses == ["#list"]
    assert "default-src 'none'" in page.policy
    assert "connect-src" not in page.policy
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", re.sub(r"<script.*?</script>", "", text, flags=re.S))
    assert "sourceMappingURL" not in text


def test_policy_allows_exactly_the_two_scripts(page: Page) -> None:
    programs = [script for attributes, script in page.scripts if attributes.get("type") != "application/json"]
    hashes = {
        "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'" for script in programs
    }
    assert len(programs) == 2
    allowed = re.search(r"script-src ([^;]+)", page.policy)
    assert allowed is not None
    assert set(allowed[1].split()) == hashes


def test_library_comes_with_its_licence(text: str) -> None:
    assert "Leaflet 1.9.4" in (REPORTS / "assets" / "leaflet" / "README.md").read_text("utf-8")
    assert "Copyright (c) 2010-2023, Volodymyr Agafonkin" in text
    assert "Leaflet 1.9.4" in text


def test_every_hour_has_a_level_for_every_hotspot_and_town(data: dict[str, Any], map_inputs: OneMapInputs) -> None:
    n_spots, n_towns = len(map_inputs.district.hotspots), len(map_inputs.district.towns)
    assert len(data["hours"]) == len(data["hotspotLevels"]) == len(data["townLevels"]) == 12
    assert {len(hour) for hour in data["hotspotLevels"]} == {n_spots}
    assert {len(hour) for hour in data["townLevels"]} == {n_towns}
    for quantity in data["quantities"].values():
        assert {len(hour) for hour in quantity} == {n_spots}


def test_levels_and_numbers_are_those_of_the_risk_tables(data: dict[str, Any], map_inputs: OneMapInputs) -> None:
    for hour, (_, table) in enumerate(map_inputs.cycles):
        decoded = [-1 if char == "u" else int(char) for char in data["hotspotLevels"][hour]]
        assert decoded == table["level"].tolist()
        assert sum(data["counts"][hour]) == len(table)
        assert data["quantities"]["d50"][hour][0] == round(100 * table["depth_p50_m"].iloc[0])


def test_unknown_is_carried_and_never_zero(data: dict[str, Any]) -> None:
    assert data["hotspotLevels"][6][-1] == "u"
    assert data["quantities"]["score"][6][-1] == -1
    assert data["rain"]["mm10"][9] == -1
    assert data["rain"]["mm10"][6] == 2019


def test_page_opens_at_the_hour_with_most_red(data: dict[str, Any]) -> None:
    red = [hour[int(Level.RED) + 1] for hour in data["counts"]]
    assert red[data["worst"]] == max(red) > 0


def test_points_add_up_to_the_score(data: dict[str, Any], map_inputs: OneMapInputs) -> None:
    assert [factor[0] for factor in data["factors"]] == ["已降雨量", "预计雨量"]
    first = data["points"][6][:2]
    assert sum(first) / 10 == pytest.approx(map_inputs.cycles[6][1]["score"].iloc[0], abs=0.2)


def test_actions_and_warnings_reach_the_page(data: dict[str, Any]) -> None:
    action = data["actions"]["byHotspot"]["EQ-001"]
    assert action["steps"] == [["立即封闭通道并设岗", "启动移动泵车"], ["close the passage", "start the pump"]]
    assert action["teams"] == ["应急队1", "应急队2"]
    assert data["actions"]["at"] == "07-20 16:00"
    assert [row[1] for row in data["warnings"][:4]] == ["NEW"] * 4
    assert set(data["meta"]["actionWords"]) == {str(action) for action in Action}


def test_words_are_in_both_languages() -> None:
    words = json.loads((REPORTS / "templates" / "onemap" / "words.json").read_text("utf-8"))
    assert all(len(pair) == 2 for pair in words.values())
    program = (REPORTS / "templates" / "onemap" / "onemap.js").read_text("utf-8")
    used = set(re.findall(r'word\("(\w+)"\)', program)) | set(re.findall(r'\["(\w+Layer)"', program))
    assert used <= set(words)


def test_program_uses_only_elements_of_the_page(page: Page) -> None:
    program = (REPORTS / "templates" / "onemap" / "onemap.js").read_text("utf-8")
    assert set(re.findall(r'byId\("(\w+)"\)', program)) <= page.ids
    assert "innerHTML" not in program


def test_hostile_names_stay_text(map_inputs: OneMapInputs) -> None:
    name = "</script><script>alert(1)</script><!-- & \u2028 '\""
    district = SimpleNamespace(**vars(map_inputs.district))
    district.hotspots = district.hotspots.assign(hotspot_name=name)
    district.towns = district.towns.assign(town_name=name)
    hostile = onemap_html(dataclasses.replace(map_inputs, district=district))
    page = Page(hostile)
    assert len(page.scripts) == 3
    spot = json.loads(page.scripts[0][1])["hotspots"][0]
    assert spot["zh"] == "</script><script>alert(1)</script><!-- & '\""
    assert hostile.count("alert(1)</script>") == 0


def test_same_inputs_give_the_same_file(map_inputs: OneMapInputs, text: str, tmp_path: Path) -> None:
    path = write_onemap(map_inputs, tmp_path / "demo" / "onemap.html")
    assert path.read_text("utf-8") == text
    assert path.stat().st_size < 600_000


def test_no_rain_at_the_reference_gauge_is_unknown(map_inputs: OneMapInputs) -> None:
    found = payload(dataclasses.replace(map_inputs, reference_gauge="none", actions=None))
    assert found["rain"] == {"gauge": "", "name": "", "mm10": [-1] * 12}
    assert found["actions"] == {"at": "", "byHotspot": {}}


def test_a_map_needs_an_assessment(map_inputs: OneMapInputs) -> None:
    with pytest.raises(ValueError, match="at least one assessment"):
        dataclasses.replace(map_inputs, cycles=[])


@pytest.mark.browser
def test_browser_runs_the_page_and_opens_a_hotspot(map_inputs: OneMapInputs, tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed")
    path = write_onemap(map_inputs, tmp_path / "onemap.html")
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    options += f" --disable-component-update --disable-sync --user-data-dir={tmp_path / 'profile'} --dump-dom"
    address = f"{path.as_uri()}#t=2021-07-20T08:00Z&h=EQ-001"
    run = subprocess.run(
        [browser, *options.split(), address], capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    assert run.stdout.count("leaflet-marker-icon spot") == 60
    assert re.search(r'<article id="detail"[^>]*>.*陇海路铁路下穿.*07-20 16:00.*立即封闭通道并设岗', run.stdout, re.S)
    assert 'id="banner" role="note">演示数据' in run.stdout


@pytest.mark.browser
def test_address_may_ask_for_english(map_inputs: OneMapInputs, tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed")
    path = write_onemap(map_inputs, tmp_path / "onemap.html")
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    options += f" --disable-component-update --disable-sync --user-data-dir={tmp_path / 'profile'} --dump-dom"
    run = subprocess.run(
        [browser, *options.split(), f"{path.as_uri()}#l=en"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert '<html lang="en">' in run.stdout
    assert ">Red Ⅰ</span>" in run.stdout
    assert re.search(r'class="[^"]*town-label[^>]*>(<[^>]*>)*Mazhai<', run.stdout)


def test_the_signals_of_the_weather_office_are_told_of_their_hour(map_inputs: OneMapInputs) -> None:
    at, _ = map_inputs.cycles[3]
    notice = WeatherNotice(
        notice_id="a", lifts=False, kind="rainstorm", level=Level.RED, number="第9号", issued_at=at, valid_until=None,
        area="", office="郑州市气象局",
    )  # fmt: skip
    towns = frozenset(str(code) for code in map_inputs.district.towns.index)
    kept = [IssuedSignal(notice=notice, towns=towns, is_everywhere=True).to_dict()]
    cycles = [(at, table.copy()) for at, table in map_inputs.cycles]
    for _, table in cycles[3:]:
        table.attrs = {**table.attrs, "issued_signals": kept}
    told = payload(dataclasses.replace(map_inputs, cycles=cycles))
    assert told["issued"] == [0, 0, 0] + [1] * (len(cycles) - 3)
    assert told["issuedTexts"][0] == [NONE_KNOWN.zh, NONE_KNOWN.en]
    assert "郑州市气象局" in told["issuedTexts"][1][0]
    assert "第9号" in told["issuedTexts"][1][1]
