"""The station: opened from settings and ledger alone; a desk is one, and a ledger without contacts gets them."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from risk_models.errors import BadInputError
from tests.factories import write_mini_district
from wuyu.cli import main
from wuyu.desk import begin_desk
from wuyu.ledger import Ledger, TownContact
from wuyu.ledger.contacts import town_contacts
from wuyu.ledger.outbox import newest
from wuyu.ledger.places import make_ledger_of
from wuyu.station import Station, contacts_of, open_station, update_contacts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_mini_district(tmp_path / "mini")


def _known(station: Station) -> dict[str, TownContact]:
    with station.ledger.reading() as session:
        return town_contacts(session, station.code)


def test_a_station_needs_no_table(folder: Path, tmp_path: Path) -> None:
    for table in folder.glob("*.csv"):
        table.unlink()
    make_ledger_of(tmp_path / "out")
    station = open_station(folder, tmp_path / "out")
    assert (station.code, str(station.timezone), station.root) == ("410199", "Asia/Shanghai", folder)
    assert station.relative(tmp_path / "out" / "risk" / "a.parquet") == "risk/a.parquet"
    station.ledger.close()


def test_broken_settings_are_named(folder: Path, tmp_path: Path) -> None:
    make_ledger_of(tmp_path / "out")
    (folder / "district.yaml").write_text("district: 3\n", encoding="utf-8")
    with pytest.raises(BadInputError, match=r"settings of mini"):
        open_station(folder, tmp_path / "out")


def test_a_ledger_without_contacts_gets_them_from_the_register(folder: Path, tmp_path: Path) -> None:
    make_ledger_of(tmp_path / "out")
    station = open_station(folder, tmp_path / "out")
    assert _known(station) == {}
    found = contacts_of(station)
    assert {one.mailbox for one in found.values()} == {f"town{n}@mini.example" for n in (1, 2, 3)}
    assert set(_known(station)) == set(found)
    shutil.rmtree(folder)
    assert set(contacts_of(station)) == set(found), "the register is read once"
    station.ledger.close()


def test_a_desk_is_a_station_that_keeps_contacts_up_to_date(folder: Path, tmp_path: Path) -> None:
    desk = begin_desk(folder, tmp_path / "out")
    assert len(_known(desk)) == 3
    towns = desk.district.towns.copy()
    code = towns.index[0]
    towns.loc[code, "mailbox"] = "new@mini.example"
    moved = dataclasses.replace(desk.district, towns=towns.drop(index=towns.index[1]))
    assert update_contacts(desk, moved)[code].mailbox == "new@mini.example"
    assert [one.has_left for one in _known(desk).values()] == [False, True, False]
    desk.ledger.close()


def test_another_district_brings_its_own_settings(folder: Path, tmp_path: Path) -> None:
    desk = begin_desk(folder, tmp_path / "out")
    settings = desk.settings.model_copy(update={"channels": ()})
    other = dataclasses.replace(desk, district=dataclasses.replace(desk.district, settings=settings))
    assert other.settings is settings
    assert (other.ledger, other.out, other.root) == (desk.ledger, desk.out, desk.district.root)
    desk.ledger.close()


def test_the_newest_rows_come_last_and_the_others_are_counted(ledger: Ledger, queue, at) -> None:  # type: ignore[no-untyped-def]
    ids = queue(ledger, *(f"box{number}@town.example" for number in range(5)))
    rows, more = newest(ledger, limit=2)
    assert ([row.id for row in rows], more) == (ids[-2:], 3)
    assert [row.id for row in newest(ledger, limit=0)[0]] == ids
    assert newest(ledger, limit=9, since=rows[0].decided_at)[1] == 0
    assert newest(ledger, limit=9, since=at.replace(year=2030)) == ([], 0)
    assert newest(ledger, limit=9, states=("sent",)) == ([], 0)  # type: ignore[arg-type]


def test_wrong_choices_of_the_outbox_are_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_ledger_of(tmp_path / "out")
    place = ["--district", str(folder), "--out", str(tmp_path / "out")]
    assert main(["outbox", "--state", "gone", *place]) == 2
    assert "there is no state 'gone'; there are: held, pending" in capsys.readouterr().err
    assert main(["outbox", "--since", "yesterday", *place]) == 2
    assert "'yesterday' is no time" in capsys.readouterr().err
    assert main(["outbox", "--limit", "-1", *place]) == 2
    assert "--limit" in capsys.readouterr().err
