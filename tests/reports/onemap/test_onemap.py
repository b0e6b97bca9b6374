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


def test_what_is_now_and_ahead_reaches_the_page(data: dict[str, Any]) -> None:
    assert [letter for letter, *_ in data["states"]] == ["s", "c", "m", "u", "d"]
    assert data["told"] == [True] * 12
    assert data["now"][6].startswith("ucsmd")
    assert data["phases"][data["phase"][6][4]] == ["未评估", "not assessed"]
    seen = {row[0]: row[1:] for row in data["seen"][6]}
    unseen, stood, measured = seen[2], seen[1], seen[59]
    assert (unseen[0], unseen[1], unseen[2]) == (-1, -1, 90)
    assert data["depthWords"][unseen[3]] == ["超过27厘米", "more than 27 cm"]
    assert data["depthWords"][stood[3]] == ["超过50厘米", "more than 50 cm"]
    assert (data["observers"][measured[0]], measured[1], measured[2]) == ("水位计07", 10, 40)
    assert data["depthWords"][measured[3]] == ["42厘米", "42 cm"]
    assert data["windows"][3:] == [[12, 24], [24, 72]]
    assert data["ahead"][6][3:5] == "4u"
    assert data["aheadChance"][6][4] == []
    assert [steps * data["dangerStep"] for steps in data["danger"][6][:3]] == [150, 120, 300]
    assert data["danger"][6][15:18] == [-1, -1, -1]


def test_a_table_that_does_not_tell_now_from_ahead_is_shown_without(map_inputs: OneMapInputs) -> None:
    at, table = map_inputs.cycles[6]
    earlier = table.assign(now="unknown", place=0, now_by="", observed_depth_m=float("nan"))
    found = payload(dataclasses.replace(map_inputs, cycles=[(at, earlier), *map_inputs.cycles[7:]]))
    assert found["told"] == [False, *[True] * 5]
    assert set(found["now"][0]) == {"u"}
    assert found["seen"][0] == []


def test_a_hotspot_without_an_assessment_is_unknown_now(map_inputs: OneMapInputs) -> None:
    at, table = map_inputs.cycles[6]
    found = payload(dataclasses.replace(map_inputs, cycles=[(at, table.drop(table.index[2]))]))
    assert found["now"][0].startswith("ucumd")
    assert found["ahead"][0][10:15] == "uuuuu"
    assert found["quantities"]["place"][0][2] == -1


def test_page_opens_at_the_hour_with_most_red(data: dict[str, Any]) -> None:
    red = [hour[int(Level.RED) + 1] for hour in data["counts"]]
    assert red[data["worst"]] == max(red) > 0


def test_points_add_up_to_the_score(data: dict[str, Any], map_inputs: OneMapInputs) -> None:
    assert [factor[0] for factor in data["factors"]] == ["已降雨量", "预计雨量"]
    first = data["points"][6][:2]
    assert sum(first) / 10 == pytest.approx(map_inputs.cycles[6][1]["score"].iloc[0], abs=0.2)


def test_actions_and_warnings_reach_the_page(data: dict[str, Any]) -> None:
    action = data["actions"]["byHotspot"]["EQ-001"]
    english = ["before the rain: close the passage", "during the rain: start the pump"]
    assert action["steps"] == [["雨前：立即封闭通道并设岗", "雨中：启动移动泵车"], english]
    assert action["state"] == ["已启动", "in force"]
    assert data["actions"]["byHotspot"]["EQ-002"]["state"] == ["待命：达到红色才启动", "stand by: only from red"]
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


def _run(inputs: OneMapInputs, folder: Path, address: str) -> str:
    """Return the page as a browser shows it at an address."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed")
    path = write_onemap(inputs, folder / "onemap.html")
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    options += f" --disable-component-update --disable-sync --user-data-dir={folder / 'profile'} --dump-dom"
    command = [browser, *options.split(), f"{path.as_uri()}#{address}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout


def _listed(shown: str) -> list[tuple[str, str]]:
    """Return label and content of the rows of the list."""
    body = shown.split('<ol id="list"')[1].split("</ol>")[0]
    return re.findall(r'<button type="button" aria-label="([^"]*)">(.*?)</button>', body, re.S)


@pytest.mark.browser
def test_browser_runs_the_page_and_opens_a_hotspot(map_inputs: OneMapInputs, tmp_path: Path) -> None:
    shown = _run(map_inputs, tmp_path, "t=2021-07-20T08:00Z&h=EQ-001")
    assert shown.count("leaflet-marker-icon spot") == 60
    assert re.search(r'<article id="detail"[^>]*>.*陇海路铁路下穿.*07-20 16:00.*立即封闭通道并设岗', shown, re.S)
    assert 'id="banner" role="note">演示数据' in shown


@pytest.mark.browser
def test_list_goes_by_place_and_tells_now_and_ahead(map_inputs: OneMapInputs, tmp_path: Path) -> None:
    table = map_inputs.cycles[6][1]
    rows = _listed(_run(map_inputs, tmp_path, "t=2021-07-20T08:00Z"))
    places = [int(place) for _, row in rows for place in re.findall(r'class="nth">(\d+)<', row)]
    assert places == sorted(table.loc[table["level"] > 0, "place"])[:30]
    numbers = [text for _, row in rows for text in re.findall(r"<small[^>]*>(\d+)</small>", row)]
    assert [int(text) for text in numbers] == places  # no score beside them
    stands = next(label for label, _ in rows if label.startswith("全区排序 4, "))
    assert "有积水 · 超过27厘米 · 14:30起, 最危险时段 18:00–21:00" in stands
    assert 'aria-label="0–3 h 蓝色 Ⅳ级, 3–6 h 蓝色 Ⅳ级, 6–12 h 蓝色 Ⅳ级, 12–24 h 红色 Ⅰ级, 24–72 h 未知"' in rows[0][1]


@pytest.mark.browser
def test_a_filter_shows_only_where_water_is_now(map_inputs: OneMapInputs, tmp_path: Path) -> None:
    shown = _run(map_inputs, tmp_path, "t=2021-07-20T08:00Z&n=stands,unconfirmed")
    assert [re.sub(r".*(有积水|积水未核查) · ([^,]*).*", r"\1 \2", label) for label, _ in _listed(shown)] == [
        "有积水 42厘米 · 15:20起", "积水未核查 曾超过50厘米 · 13:30起", "有积水 超过27厘米 · 14:30起"
    ]  # fmt: skip
    assert shown.count("opacity: 0.15") == 57
    assert re.findall(r'<button type="button" aria-pressed="(\w+)"', shown) == ["true", "true", "false", "false"]


@pytest.mark.browser
def test_a_table_of_an_earlier_release_goes_by_level(map_inputs: OneMapInputs, tmp_path: Path) -> None:
    at, table = map_inputs.cycles[6]
    earlier = table.assign(now="unknown", place=0, now_by="", observed_depth_m=float("nan"))
    shown = _run(dataclasses.replace(map_inputs, cycles=[(at, earlier)]), tmp_path, "h=EQ-001&n=stands")
    assert "本时次的研判来自早期版本，未分现状与趋势。" in shown
    levels = [
        next(level for level in ("红色", "橙色", "黄色", "蓝色") if level in label) for label, _ in _listed(shown)
    ]
    assert levels == sorted(levels, key=["红色", "橙色", "黄色", "蓝色"].index)
    assert re.search(r'<div id="states"[^>]* hidden="">', shown)
    assert "opacity: 0.15" not in shown
    assert 'class="strip"' not in shown


@pytest.mark.browser
def test_address_may_ask_for_english(map_inputs: OneMapInputs, tmp_path: Path) -> None:
    shown = _run(map_inputs, tmp_path, "l=en")
    assert '<html lang="en">' in shown
    assert ">Red Ⅰ</span>" in shown
    assert re.search(r'class="[^"]*town-label[^>]*>(<[^>]*>)*Mazhai<', shown)


def test_what_is_for_before_the_rain_is_not_shown_where_water_stands(map_inputs: OneMapInputs) -> None:
    at, table = map_inputs.cycles[6]
    wet = table.copy()
    wet.loc["EQ-001", "now"] = "stands"
    wet.attrs = table.attrs
    cycles = [*map_inputs.cycles[:6], (at, wet), *map_inputs.cycles[7:]]
    actions = payload(dataclasses.replace(map_inputs, cycles=cycles))["actions"]["byHotspot"]
    assert actions["EQ-001"]["steps"][0] == ["雨中：启动移动泵车"]
    assert actions["EQ-002"]["steps"][0][0].startswith("雨前：")


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
