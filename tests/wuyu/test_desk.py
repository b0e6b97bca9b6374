"""The desk: opened from a folder or from the environment, and not at all on a broken district."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from risk_models.errors import BadInputError, ConfigError
from tests.factories import read_rows, write_mini_district, write_rows
from wuyu.desk import begin_desk, open_desk
from wuyu.ledger import LedgerError, open_ledger
from wuyu.ledger.places import LEDGER_VARIABLE, make_ledger_of
from wuyu.service import desk_from_environment, environment, transport_from_environment


def test_broken_folder_raises_every_finding(tmp_path: Path) -> None:
    folder = write_mini_district(tmp_path / "mini")
    rows = read_rows(folder / "hotspots.csv")
    rows[0]["hotspot_id"] = rows[1]["hotspot_id"]
    rows[4]["kind"] = "volcano"
    write_rows(folder / "hotspots.csv", rows)
    (folder / "shelters.csv").unlink()
    with pytest.raises(BadInputError) as caught:
        begin_desk(folder, tmp_path / "out")
    text = str(caught.value)
    for words in ("shelters.csv", "column hotspot_id", "volcano"):
        assert words in text
    assert len(caught.value.findings) >= 3


def test_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="nowhere"):
        begin_desk(tmp_path / "nowhere", tmp_path / "out")


def test_second_opening_reads_the_terrain_from_the_cache(tmp_path: Path) -> None:
    folder = write_mini_district(tmp_path / "mini")
    said: list[str] = []
    with begin_desk(folder, tmp_path / "out", tell=lambda _, text: said.append(text)).ledger:
        pass
    cached = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "cache").iterdir()}
    first = begin_desk(folder, tmp_path / "out2")
    second = begin_desk(folder, tmp_path / "out")
    first.ledger.close()
    second.ledger.close()
    assert cached
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "cache").iterdir()} == cached
    assert np.array_equal(first.terrain.curve_volume_m3, second.terrain.curve_volume_m3)
    assert said[0] == "reading the district"
    assert said[-1] == "ready"


def test_ledger_can_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LEDGER_VARIABLE, str(tmp_path / "other.sqlite"))
    desk = begin_desk(write_mini_district(tmp_path / "mini"), tmp_path / "out")
    desk.ledger.close()
    assert (tmp_path / "other.sqlite").exists()
    assert not (tmp_path / "out" / "ledger.sqlite").exists()
    open_ledger(tmp_path / "other.sqlite").close()


def test_opening_a_desk_makes_no_ledger_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"there is no ledger; .* wuyu service init"):
        open_desk(write_mini_district(tmp_path / "mini"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_environment_describes_a_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_mini_district(tmp_path / "mini")
    variables = environment(district=folder, out=tmp_path / "out", smtp_host="127.0.0.1", smtp_port=2525)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    make_ledger_of(tmp_path / "out")
    desk = desk_from_environment()
    assert desk is desk_from_environment()
    assert (desk.code, desk.out) == ("410199", tmp_path / "out")
    assert (transport_from_environment().settings.host, transport_from_environment().settings.port) == (
        "127.0.0.1",
        2525,
    )
    desk.ledger.close()


@pytest.mark.parametrize("name", ["WUYU_DISTRICT", "WUYU_OUT"])
def test_missing_variable_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in environment(district=tmp_path, out=tmp_path).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.delenv(name)
    with pytest.raises(ConfigError, match=f"the environment variable {name} is not set"):
        desk_from_environment()
