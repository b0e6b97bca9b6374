"""Settings: every mistake in district.yaml is named by key path and line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.district import check_district
from risk_models.district.settings import DistrictSettings, FolderFeedSettings, QualitySettings
from risk_models.district.settingsfile import load_settings, read_settings
from risk_models.errors import BadInputError, Finding
from tests.factories import SETTINGS, write_mini_district


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_mini_district(tmp_path / "mini", hotspots=2)


def change(folder: Path, old: str, new: str) -> int:
    """Replace text in district.yaml and return the line it stood in."""
    path = folder / "district.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def only(folder: Path) -> Finding:
    findings = read_settings(folder).findings
    assert len(findings) == 1, [str(finding) for finding in findings]
    return findings[0]


def test_valid_settings_are_typed(folder: Path) -> None:
    loaded = load_settings(folder)
    assert isinstance(loaded, DistrictSettings)
    assert loaded.district.code == "410199"
    assert loaded.warning.approval_deadline_min == {"orange": 15, "red": 10}
    assert loaded.standards.storm_formula == "zz-f2"
    assert loaded.layers.hotspots.datum == "CGCS2000"
    assert loaded.seasons.flood_season == ("05-15", "09-30")


def test_settings_cannot_be_changed(folder: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings(folder).warning.horizon_h = 3


def test_unknown_key_names_the_nearest_and_the_line(folder: Path) -> None:
    line = change(folder, "horizon_h: 24", "horizn_h: 24")
    finding = only(folder)
    assert (finding.code, finding.row, finding.column) == ("unknown-key", line, "warning.horizn_h")
    assert "nearest: horizon_h" in finding.message
    assert finding.fix == "write horizon_h"


def test_unknown_section_without_a_near_name_lists_the_known(folder: Path) -> None:
    path = folder / "district.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "zzz: 1\n", encoding="utf-8")
    finding = only(folder)
    assert (finding.code, finding.column, finding.fix) == ("unknown-key", "zzz", "remove it")
    assert "rasters" in finding.accepted


def test_unstated_datum_is_an_error(folder: Path) -> None:
    line = change(folder, "{path: hotspots.csv, datum: CGCS2000}", "{path: hotspots.csv}")
    finding = only(folder)
    assert (finding.code, finding.row, finding.severity) == ("unstated-datum", line, "error")
    assert finding.column == "layers.hotspots.datum"
    assert finding.accepted == "WGS84, CGCS2000, GCJ-02, BD-09"
    with pytest.raises(BadInputError, match="the datum of the layer is not stated"):
        load_settings(folder)


def test_unknown_datum_lists_the_accepted(folder: Path) -> None:
    change(folder, "{path: teams.csv, datum: CGCS2000}", "{path: teams.csv, datum: GCJ02}")
    finding = only(folder)
    assert (finding.code, finding.value, finding.accepted) == (
        "unknown-datum",
        "GCJ02",
        "WGS84, CGCS2000, GCJ-02, BD-09",
    )
    assert "nearest: GCJ-02" in finding.message


def test_plans_need_no_datum(folder: Path) -> None:
    change(folder, "{path: plans.csv, datum: CGCS2000}", "{path: plans.csv}")
    assert read_settings(folder).findings == ()


def test_duplicate_key_is_refused(folder: Path) -> None:
    line = change(folder, "  timezone: Asia/Shanghai\n", "  timezone: Asia/Shanghai\n  timezone: UTC\n")
    finding = only(folder)
    assert (finding.code, finding.row, finding.column) == ("duplicate-key", line + 1, "district.timezone")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: !!python/object/apply:os.system ['true']\n", "not-yaml"),
        ("a: &x [1]\nb: *x\n", "yaml-alias"),
        ("a: [1\n", "not-yaml"),
        ("- 1\n", "not-settings"),
        ("", "empty-file"),
        ("[" * 500_000, "yaml-too-deep"),
    ],
)
def test_what_is_no_plain_mapping_is_refused(folder: Path, text: str, code: str) -> None:
    (folder / "district.yaml").write_text(text, encoding="utf-8")
    assert only(folder).code == code


def test_huge_or_foreign_bytes_are_refused(folder: Path) -> None:
    (folder / "district.yaml").write_bytes(b"a: " + b"1" * 1_000_001)
    assert only(folder).code == "file-too-large"
    (folder / "district.yaml").write_bytes(b"a: \xff\xfe")
    assert only(folder).code == "not-utf8"


@pytest.mark.parametrize(
    ("old", "new", "code", "message"),
    [
        ('code: "410199"', "code: 410199", "not-text", "not text"),
        ("Asia/Shanghai", "Asia/Zhengzhou", "bad-setting", "IANA time zone"),
        ('"EPSG:4547"', '"EPSG:4490"', "bad-setting", "projected coordinate reference system in metres"),
        ('"EPSG:4547"', '"EPSG:99999"', "bad-setting", "no known coordinate reference system"),
        ("path: dem.tif", "path: ../dem.tif", "bad-setting", "relative to the district folder"),
        ("path: dem.tif", "path: /vsicurl/dem.tif", "bad-setting", "relative to the district folder"),
        ("path: dem.tif", "path: 'http://host/dem.tif'", "bad-setting", "relative to the district folder"),
        ("status: Exercise", "status: Live", "not-accepted", "not accepted"),
        (
            "status: Exercise",
            "status: Exercise, authserv_id: 'mx.mini.example; dmarc=pass'",
            "bad-setting",
            "first in Authentication-Results",
        ),
        ("status: Exercise", "status: Exercise, authserv_id: ''", "bad-setting", "first in Authentication-Results"),
        (
            "status: Exercise",
            "status: Exercise, authserv_id: '-mx.mini.example'",
            "bad-setting",
            "first in Authentication-Results",
        ),
        (
            "status: Exercise",
            "status: Exercise, authserv_id: 'mx.迷你.example'",
            "bad-setting",
            "first in Authentication-Results",
        ),
        (
            "status: Exercise",
            "status: Exercise, authserv_id: 'mx.mini.example\\n'",
            "bad-setting",
            "first in Authentication-Results",
        ),
        ("<duty@mini.example>", "<duty@mini.example, b@c.example>", "bad-setting", "one e-mail address"),
        ("cap: {sender: duty@mini.example", "cap: {sender: 'a b'", "bad-setting", "no space"),
        ("horizon_h: 24", "horizon_h: 73", "bad-setting", "horizon_h must not be longer than lead_h"),
        ("horizon_h: 24", "horizon_h: 0", "bad-setting", "greater than or equal to 1"),
        ("  demonstration: true\n", "", "missing-key", "missing"),
    ],
)
def test_a_bad_value_is_named(folder: Path, old: str, new: str, code: str, message: str) -> None:
    change(folder, old, new)
    finding = only(folder)
    assert finding.code == code
    assert message in finding.message


def test_season_days_must_exist(folder: Path) -> None:
    path = folder / "district.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + 'seasons: {flood_season: ["02-30", "09-30"]}\n', encoding="utf-8")
    assert only(folder).column == "seasons.flood_season.0"


@pytest.mark.parametrize("season", ['["11-01", "03-31"]', '["02-29", "09-30"]'])
def test_a_season_lies_within_every_year(folder: Path, season: str) -> None:
    path = folder / "district.yaml"
    path.write_text(path.read_text(encoding="utf-8") + f"seasons: {{flood_season: {season}}}\n", encoding="utf-8")
    found = only(folder)
    assert found.column == "seasons.flood_season"
    assert "must begin and end within one year" in str(found)


def test_feed_ids_are_unique(folder: Path) -> None:
    feed = "{id: a, kind: gauge_table, path: a.csv, stale_after_h: 2}"
    path = folder / "district.yaml"
    path.write_text(path.read_text(encoding="utf-8") + f"feeds: [{feed}, {feed}]\n", encoding="utf-8")
    assert "feeds: every id may stand once only" in only(folder).message


def test_mapping_to_an_unknown_contract_column_is_named(folder: Path) -> None:
    old = "{path: teams.csv, datum: CGCS2000}"
    change(folder, old, "{path: teams.csv, datum: CGCS2000, columns: {peple: people}}")
    finding = only(folder)
    assert (finding.code, finding.column) == ("unknown-mapping", "layers.teams.columns.peple")
    assert "nearest: people" in finding.message


def test_checking_goes_on_with_stand_ins_that_never_pass_as_settings(folder: Path) -> None:
    change(folder, "{path: hotspots.csv, datum: CGCS2000}", "{path: hotspots.csv}")
    change(folder, "status: Exercise", "status: Live")
    change(folder, '"EPSG:4547"', '"EPSG:4490"')
    result = read_settings(folder)
    assert result.settings is not None
    assert "dem" in result.skipped
    assert "hotspots" in result.undated
    with pytest.raises(BadInputError, match="3 problems"):
        load_settings(folder)


JUNK = st.one_of(
    st.none(), st.integers(-5, 5), st.text(max_size=5), st.just([]), st.just([1]), st.just({}), st.just({1: 2, "zz": 3})
)


def _paths(node: object, here: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    inner = node.items() if isinstance(node, dict) else ()
    return [here] * bool(here) + [path for key, value in inner for path in _paths(value, (*here, key))]


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_whatever_stands_in_a_key_is_a_finding_not_a_crash(data: st.DataObject, tmp_path_factory) -> None:
    content = yaml.safe_load(SETTINGS.format(datum="WGS84"))
    content["feeds"] = [{"id": "g", "kind": "gauge_table", "path": "g.csv", "stale_after_h": 2}]
    for path in data.draw(st.lists(st.sampled_from(_paths(content)), min_size=1, max_size=3)):
        node = content
        for key in path[:-1]:
            node = node.get(key) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node[data.draw(st.sampled_from([path[-1], "zz", 7]))] = data.draw(JUNK)
    folder = tmp_path_factory.mktemp("junk")
    (folder / "district.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    findings = check_district(folder)
    assert findings
    assert all(finding.file for finding in findings)


def test_only_maps_can_be_merged() -> None:
    with pytest.raises(ValueError, match="merge is for maps of observed rain, such as radar; gauge_table holds none"):
        FolderFeedSettings(id="gauges", kind="gauge_table", path="feeds", stale_after_h=2, merge=True)


def test_a_climatology_without_source_is_refused() -> None:
    for name in ("monthly_max_mm", "monthly_dry_h"):
        with pytest.raises(ValueError, match=f"{name} needs its source"):
            QualitySettings(**{name: (50.0,) * 12})
