"""The tables of standards: what they say, and that a wrong row is named."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from risk_models.errors import BadInputError, ConfigError
from risk_models.levels import Level
from risk_models.standards import RiskMatrix, Standards, load_standards


@pytest.fixture(scope="module")
def standards() -> Standards:
    return load_standards()


@pytest.fixture
def tables(root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(root / "data" / "standards", tmp_path / "standards"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_every_row_has_dates_source_and_confidence(standards: Standards) -> None:
    assert len(standards.infos) >= 15
    for info in standards.infos.values():
        assert info.source
        assert info.confidence in "ABCD"
        assert info.valid_to is None or info.valid_to > info.valid_from


def test_grades_follow_the_national_table(standards: Standards) -> None:
    lower = [g.rain_min_mm for g in standards.grades("gbt-28592-2012") if g.window_h == 24]
    assert lower == [0, 0.1, 10, 25, 50, 100, 250]
    lower = [g.rain_min_mm for g in standards.grades("gbt-28592-2012") if g.window_h == 12]
    assert lower == [0, 0.1, 5, 15, 30, 70, 140]


def test_storm_formulas_do_not_hold_the_undocumented_one(standards: Standards) -> None:
    assert set(standards.tables["storm_formulas"]) == {"zz-f2", "zz-f1"}
    assert 2679.226 not in {rows[0].a1 for rows in standards.tables["storm_formulas"].values()}
    assert "unverified" in standards.storm_formula("zz-f2").en
    assert standards.metadata("zz-f2").confidence == "C"


def test_lethal_depth_is_for_tunnels_and_underpasses_only(standards: Standards) -> None:
    everywhere = [c.depth_min_m for c in standards.depth_classes("zz-road-2024", "school")]
    assert everywhere == [0, 0.05, 0.15, 0.27, 0.5]
    assert [c.key for c in standards.depth_classes("zz-road-2024", "tunnel")][-1] == "lethal"
    levels = [str(c.level) for c in standards.depth_classes("zz-road-2024")]
    assert levels == ["none", "blue", "yellow", "orange", "red", "red"]


def test_likelihood_and_impact_names_match_the_matrix_axes(standards: Standards) -> None:
    assert [b.p_min for b in standards.likelihood_bands("fgs-bands")] == [0, 0.2, 0.4, 0.6]
    assert [c.key for c in standards.impact_classes()] == ["minimal", "minor", "significant", "severe"]


@pytest.mark.parametrize("matrix_id", ["uk-fgs", "wuyu-4x4"])
def test_matrix_never_falls_along_either_axis(standards: Standards, matrix_id: str) -> None:
    levels = standards.risk_matrix(matrix_id).levels
    assert levels.shape == (4, 4)
    assert (np.diff(levels, axis=0) >= 0).all()
    assert (np.diff(levels, axis=1) >= 0).all()
    assert levels[3, 3] == Level.RED
    assert (levels[:, 0] == Level.NONE).all()


def test_own_matrix_is_the_british_one_with_blue_for_green_impacts(standards: Standards) -> None:
    british, own = standards.risk_matrix("uk-fgs").levels, standards.risk_matrix("wuyu-4x4").levels
    green_with_impact = (british == Level.NONE) & (np.arange(4) > 0)
    assert (own[green_with_impact] == Level.BLUE).all()
    assert (own[~green_with_impact] == british[~green_with_impact]).all()
    assert green_with_impact.sum() == 2


def published_statements(folder: Path) -> list[dict]:
    """Real Flood Guidance Statements of 2019, not those edited for tests."""
    outlook = json.loads((folder / "outlook.json").read_text(encoding="utf-8"))["statements"]
    return outlook + [
        json.loads((folder / name).read_text(encoding="utf-8")) for name in ("fgs.json", "fgsCoastal.json")
    ]


def test_matrix_agrees_with_published_flood_guidance_statements(standards: Standards, shared_data: Path) -> None:
    """The risk that a statement words for a source is the worst of that source's cells, every time."""
    words = {"VERY LOW": Level.NONE, "LOW": Level.YELLOW, "MEDIUM": Level.ORANGE, "HIGH": Level.RED}
    matrix = standards.risk_matrix("uk-fgs")
    checked = 0
    for statement in published_statements(shared_data / "uk_flood_guidance"):
        blocks = [block for area in statement["risk_areas"] for block in area["risk_area_blocks"] if block["days"]]
        for source, text in ((key, text) for entry in statement["sources"] for key, text in entry.items()):
            worded = max(words[word] for word in re.findall("VERY LOW|LOW|MEDIUM|HIGH", text.splitlines()[0]))
            cells = [block["risk_levels"][source] for block in blocks if source in block["risk_levels"]]
            levels = [matrix.level(likelihood - 1, impact - 1) for impact, likelihood in cells]
            assert max(levels, default=Level.NONE) == worded, (statement["issued_at"], source)
            checked += 1
    assert checked == 208


def test_unknown_class_gives_unknown_level(standards: Standards) -> None:
    matrix = standards.risk_matrix("wuyu-4x4")
    assert matrix.level(-1, 3) is Level.UNKNOWN
    assert matrix.level(0, -1) is Level.UNKNOWN
    with pytest.raises(ValueError, match="impact is 4; accepted: -1"):
        matrix.level(0, 4)


def test_levels_array_is_a_copy(standards: Standards) -> None:
    matrix: RiskMatrix = standards.risk_matrix("wuyu-4x4")
    matrix.levels[:] = 0
    assert matrix.levels[3, 3] == Level.RED


def test_land_cover_has_the_eight_classes(standards: Standards) -> None:
    rows = standards.land_cover("erqi-lc-8")
    assert [row.class_code for row in rows] == list(range(1, 9))
    by_key = {row.key: row for row in rows}
    assert by_key["paved"].imperviousness > by_key["dense_built_up"].imperviousness > by_key["forest"].imperviousness
    assert all(0 < row.curve_number <= 100 and 0 <= row.runoff_coefficient <= 1 for row in rows)


def test_responses_propose_what_practice_shows(standards: Standards) -> None:
    assert {r.trigger: r.response for r in standards.responses("zz-practice")} == {
        "blue": "Ⅳ",
        "yellow": "Ⅳ",
        "orange": "Ⅲ",
        "red": "Ⅱ",
        "extreme": "Ⅰ",
    }


def test_five_pre_profiles_are_candidates_and_say_so(standards: Standards) -> None:
    assert "".join(s.zh for s in standards.five_pre("s-research")) == "预测预报预警预演预案"
    assert len(standards.tables["five_pre"]) == 4
    for profile in standards.tables["five_pre"]:
        assert len(standards.five_pre(profile)) == 5
        assert "no public text fixes the five words" in standards.metadata(profile).source


def test_rainstorm_event_code(standards: Standards) -> None:
    assert {c.code: c.zh for c in standards.event_codes()}["11B03"] == "暴雨"


def test_unknown_id_names_the_nearest(standards: Standards) -> None:
    with pytest.raises(ConfigError, match=r"unknown risk_matrix standard 'wuyu-4x5'; did you mean 'wuyu-4x4'\?"):
        standards.risk_matrix("wuyu-4x5")
    with pytest.raises(ConfigError, match="did you mean 'cma-2007'"):
        standards.metadata("cma-2077")


@pytest.mark.parametrize(
    ("file", "old", "new", "text"),
    [
        ("rain_signals", ",12,50,", ",twelve,50,", r"rain_signals.csv, row 2, column window_h: is not a number"),
        ("rain_signals", ",12,50,", ",12,-50,", r"row 2, column rain_mm: must be a finite number of at least 0"),
        ("rain_signals", "blue,", "green,", r"column level: 'green' is no level; accepted: unknown, none, blue"),
        ("rain_signals", "2007-06-12", "12.6.2007", r"column valid_from: is no date; accepted: YYYY-MM-DD"),
        ("rain_signals", "valid_from", "since", r"row 1: wrong columns .*accepted: standard_id, level"),
        ("storm_formulas", ",C\n", ",E\n", r"column confidence: is none of A, B, C, D"),
        ("storm_formulas", ",0.824,", ",1.2,", r"n between 0 and 1"),
        ("depth_classes", ",0.15,", ",0.5,", r"depth_min_m must rise from row to row"),
        ("risk_matrix", "high,severe,red", "high,severe,blue", r"level must not fall"),
        ("risk_matrix", "high,severe,red", "high,minor,red", r"each of the 4 x 4 cells once"),
        ("five_pre", "s-research,plan", "s-other,plan", r"needs exactly 5 stages, has 4"),
        ("likelihood_bands", ",0.6,", ",1.6,", r"column p_min: must be between 0 and 1"),
        ("impact_classes", "severe", "grave", r"keys must be minimal, minor, significant, severe"),
    ],
)
def test_wrong_table_is_named(tables: Path, file: str, old: str, new: str, text: str) -> None:
    edit(tables / f"{file}.csv", old, new)
    with pytest.raises(BadInputError, match=text):
        load_standards(tables)


def test_all_findings_come_at_once(tables: Path) -> None:
    (tables / "land_cover.csv").unlink()
    edit(tables / "rain_signals.csv", ",12,50,", ",12,x,")
    with pytest.raises(BadInputError) as caught:
        load_standards(tables)
    files = {finding.file for finding in caught.value.findings}
    assert {"land_cover.csv", "rain_signals.csv"} <= files
