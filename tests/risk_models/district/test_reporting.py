"""Settings of periodic reports: what they name must be there."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk_models.district import check_district, load_district
from risk_models.errors import BadInputError
from tests.factories import write_mini_district

SETTINGS = """
rain_record: {path: rain_record.nc, synthetic: true}
seasonal_forecasts: seasonal.csv
important_periods:
  - id: fair
    name: {zh: 展会, en: Fair}
    first_day: 2021-08-06
    last_day: 2021-08-15
    towns: [TOWN]
    hotspots: [SPOT]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_mini_district(tmp_path / "mini")


def findings(folder: Path, text: str) -> list[str]:
    settings = folder / "district.yaml"
    settings.write_text(settings.read_text(encoding="utf-8") + text, encoding="utf-8")
    return [
        str(item) for item in check_district(folder) if item.code in ("missing-file", "unknown-id", "outside-folder")
    ]


def test_absent_files_are_a_warning_and_unknown_ids_an_error(folder: Path) -> None:
    found = findings(folder, SETTINGS)
    assert len(found) == 4
    text = "\n".join(found)
    assert "column rain_record.path: there is no such file yet (found 'rain_record.nc')" in text
    assert "column seasonal_forecasts: there is no such file yet" in text
    assert "column important_periods.0.towns: the table towns has no 'TOWN'" in text
    assert "column important_periods.0.hotspots: the table hotspots has no 'SPOT'" in text
    severities = {item.code: item.severity for item in check_district(folder)}
    assert (severities["missing-file"], severities["unknown-id"]) == ("warning", "error")


def test_a_period_must_not_bear_the_name_of_an_edition(folder: Path) -> None:
    settings = folder / "district.yaml"
    text = settings.read_text(encoding="utf-8") + SETTINGS.replace("id: fair", "id: fair-Outlook")
    settings.write_text(text, encoding="utf-8")
    with pytest.raises(BadInputError, match="must not end in '-outlook'"):
        load_district(folder)


def test_lead_days_of_no_known_kind_are_refused(folder: Path) -> None:
    settings = folder / "district.yaml"
    text = settings.read_text(encoding="utf-8") + "reports: {outlook_lead_days: {flood_season: 20}}\n"
    settings.write_text(text, encoding="utf-8")
    with pytest.raises(BadInputError, match=r"reports\.outlook_lead_days\.flood_season.*flood-season"):
        load_district(folder)


def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.nc").write_bytes(b"")
    (folder / "record.nc").symlink_to(tmp_path / "secret.nc")
    found = findings(folder, "\nrain_record: {path: record.nc, synthetic: false}\n")
    assert len(found) == 1
    assert "leaves the district folder" in found[0]


def test_the_bundled_district_names_what_is_there(erqi_path: Path) -> None:
    assert check_district(erqi_path) == []
    settings = load_district(erqi_path).settings
    assert settings.rain_record is not None
    assert settings.rain_record.synthetic
    assert len(settings.important_periods) == 3
    assert any(item.towns and item.hotspots and item.crowd_people for item in settings.important_periods)
    assert len(settings.reports.departments) == 5
    assert all(item.mailbox and item.mailbox.endswith(".example") for item in settings.reports.departments)
