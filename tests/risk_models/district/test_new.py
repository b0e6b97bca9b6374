"""A new folder: complete in structure, with the empty tables and the missing rasters named and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk_models.district import check_district, new_district
from risk_models.district.contracts import RASTERS, TABLES, data_dictionary
from risk_models.district.settingsfile import load_settings
from risk_models.errors import ConfigError

NEW = {"code": "410105", "name_zh": "金水区", "name_en": "Jinshui District", "projected_crs": "EPSG:4547"}


def test_only_what_must_be_filled_in_is_reported(tmp_path: Path) -> None:
    folder = new_district(tmp_path / "jinshui", **NEW)
    codes: dict[str, list[str]] = {}
    for finding in check_district(folder):
        codes.setdefault(finding.code, []).append(Path(finding.file).stem)
    assert codes == {"empty-table": sorted(TABLES), "missing-file": sorted(RASTERS)}


def test_settings_and_dictionary_are_in_place(tmp_path: Path) -> None:
    folder = new_district(tmp_path / "jinshui", **NEW)
    settings = load_settings(folder)
    assert settings.district.name.zh == "金水区"
    assert settings.district.demonstration is False
    assert settings.mail.status == "Test"
    assert (folder / "DATA.md").read_text(encoding="utf-8") == data_dictionary()
    assert "# hours ahead that are scored" in (folder / "district.yaml").read_text(encoding="utf-8")


def test_names_are_quoted(tmp_path: Path) -> None:
    name = 'O\'Brien: "x" # {a}'
    folder = new_district(tmp_path / "odd", **(NEW | {"name_en": name}))
    assert load_settings(folder).district.name.en == name


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="not empty"):
        new_district(tmp_path, **NEW)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"projected_crs": "EPSG:4326"}, "projected_crs: .*in metres"),
        ({"code": "4101 03"}, "code: .*pattern"),
        ({"name_zh": ""}, "zh: .*at least 1"),
    ],
)
def test_bad_arguments_write_nothing(tmp_path: Path, change: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        new_district(tmp_path / "new", **(NEW | change))
    assert not (tmp_path / "new").exists()
