"""A folder is taken or refused as a whole; the last good register goes on, is told once, and ends when it is mended."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from risk_models.district import District, load_district
from risk_models.district.contracts import OPTIONAL_TABLES
from risk_models.errors import BadInputError, ConfigError
from tests.factories import add_layer, read_rows, write_mini_district, write_rows
from tests.replays import ROOT, child_environment
from tests.wuyu.register.slips import FILES, restore, slips_of
from wuyu.clock import CLOCK_VARIABLE
from wuyu.desk import open_desk
from wuyu.ledger import Ledger, RegisterVersion, create_ledger
from wuyu.ledger.register import RegisterState, standing_of, standing_of_district
from wuyu.ledger.tasks import open_tasks
from wuyu.register import copies
from wuyu.register.copies import kept_at
from wuyu.register.in_force import district_in_force, settings_in_force, settings_without_ledger
from wuyu.register.notice import RegisterNotice
from wuyu.station import open_station
from wuyu.watch.watcher import look

AT = datetime(2026, 7, 1, tzinfo=UTC)


@dataclass
class Place:
    """A district folder, what it was, and the ledger beside which its register is kept."""

    folder: Path
    good: Path
    out: Path
    ledger: Ledger
    looks: int = field(default=0)

    def look(self) -> tuple[District, RegisterNotice | None]:
        self.looks += 1
        return district_in_force(self.folder, self.out, self.ledger, now=AT + timedelta(minutes=self.looks))

    def settings(self) -> RegisterNotice | None:
        self.looks += 1
        return settings_in_force(self.folder, self.out, self.ledger, now=AT + timedelta(minutes=self.looks))[1]

    def tasks(self) -> list[str]:
        return [task.detail["task"] for task in open_tasks(self.ledger)]

    def states(self) -> list[str]:
        with self.ledger.reading() as session:
            return list(session.scalars(select(RegisterVersion.state).order_by(RegisterVersion.id)))

    def change(self, name: str, column: str, value: str) -> None:
        rows = read_rows(self.folder / f"{name}.csv")
        rows[1][column] = value
        write_rows(self.folder / f"{name}.csv", rows)


_OUTAGE = {"remaining_share": "0", "since": "2021-07-20T00:00:00+08:00", "expires": "2021-07-22T00:00:00+08:00"}
_OUTAGE |= {"owner": "city", "synthetic": "true", "source": "made"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    folder = write_mini_district(tmp_path / "mini")
    shutil.copytree(folder, tmp_path / "good")
    (tmp_path / "out").mkdir()
    with create_ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
        yield Place(folder, tmp_path / "good", tmp_path / "out", ledger)


# Every slip


@pytest.mark.parametrize("name", FILES)
def test_no_slip_takes_the_register_away(name: str, place: Place) -> None:
    good, notice = place.look()
    assert notice is None
    told = set()
    for slip in slips_of(name):
        restore(place.folder, place.good)
        slip.harm(place.folder)
        with pytest.raises(BadInputError):
            load_district(place.folder)
        district, notice = place.look()
        assert (district.content_hash, district.root) == (good.content_hash, place.folder), slip.name
        assert district.settings == good.settings
        assert district.teams.equals(good.teams)
        assert notice is not None, slip.name
        assert notice.is_old
        assert place.settings() == notice, slip.name
        assert good.content_hash[:8] in notice.text.zh
        assert FILES[name] in notice.text.en or slip.name == "path-to-nowhere", slip.name
        (task,) = place.tasks()
        told.add(task)
    restore(place.folder, place.good)
    assert place.look()[1] is None
    assert place.tasks() == []
    assert place.settings() is None
    assert len(told) >= 4


def test_a_slip_names_file_row_column_value_and_since_when(place: Place) -> None:
    place.look()
    place.change("teams", "town_code", "nowhere")
    place.looks = 60
    notice = place.look()[1]
    assert notice is not None
    standing = standing_of(place.ledger, str(place.folder))
    assert standing is not None
    assert standing.taken is not None
    digest = standing.taken.digest[:8]
    assert notice.text.zh == (
        "底册有误，沿用旧版：teams.csv第3行town_code列：the id is not in the table towns ('nowhere')；"
        f"自2026-07-01 09:01起沿用2026-07-01 08:01启用的版本{digest}"
    )
    assert "teams.csv, row 3, column town_code: the id is not in the table towns ('nowhere')" in notice.text.en
    assert "teams.csv第3行town_code列" in place.tasks()[0]


def test_a_folder_that_is_gone_is_known_by_its_name(place: Place) -> None:
    good, _ = place.look()
    shutil.rmtree(place.folder)
    district, notice = place.look()
    assert district.content_hash == good.content_hash
    assert notice is not None
    assert "district.yaml" in notice.text.en
    assert place.settings() == notice
    with pytest.raises(BadInputError, match="no-such-folder"):
        district_in_force(place.folder.with_name("no-such-folder"), place.out, place.ledger, now=AT)


def test_a_first_start_with_a_bad_folder_is_refused_with_every_problem(place: Place) -> None:
    place.change("teams", "town_code", "nowhere")
    place.change("plans", "synthetic", "perhaps")
    with pytest.raises(BadInputError) as caught:
        place.look()
    assert {finding.file for finding in caught.value.findings} == {"teams.csv", "plans.csv"}
    assert (place.states(), place.tasks(), standing_of_district(place.ledger, "410199")) == ([], [], None)


def test_settings_of_a_refused_version_are_not_used_even_if_they_are_good(place: Place) -> None:
    good, _ = place.look()
    path = place.folder / "district.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("duty@mini", "desk@mini"), encoding="utf-8")
    place.change("teams", "town_code", "nowhere")
    settings, notice = settings_in_force(place.folder, place.out, place.ledger, now=AT)
    assert notice is not None
    assert settings.mail.sender == good.settings.mail.sender == place.look()[0].settings.mail.sender
    restore(place.folder, place.good)
    path.write_text(path.read_text(encoding="utf-8").replace("duty@mini", "desk@mini"), encoding="utf-8")
    settings, notice = settings_in_force(place.folder, place.out, place.ledger, now=AT)
    assert (notice, "desk@mini" in settings.mail.sender) == (None, True)
    assert "desk@mini" in settings_without_ledger(place.folder, place.out).mail.sender


# Told once, ended when mended


def test_one_task_for_each_bad_version_and_none_when_mended(place: Place) -> None:
    place.look()
    place.change("teams", "town_code", "nowhere")
    for _ in range(3):
        place.look()
    assert (len(place.tasks()), place.states()) == (1, ["taken", "refused"])
    place.change("teams", "town_code", "elsewhere")
    place.look()
    assert (len(place.tasks()), "elsewhere" in place.tasks()[0]) == (1, True)
    restore(place.folder, place.good)
    place.look()
    assert (place.tasks(), place.states()) == ([], ["taken", "refused", "refused", "taken"])
    place.look()
    assert len(place.states()) == 4


def test_a_good_new_version_is_taken_over_at_once(place: Place) -> None:
    place.look()
    place.change("teams", "source", "counted anew")
    district, notice = place.look()
    assert (notice, place.states()) == (None, ["taken", "taken"])
    assert district.content_hash == load_district(place.folder).content_hash


def test_outages_are_those_of_the_folder_also_beside_an_old_register(place: Place) -> None:
    add_layer(place.folder, "outages: {path: outages.csv}")
    head = ",".join(OPTIONAL_TABLES["outages"].names)
    (place.folder / "outages.csv").write_text(f"{head}\n", encoding="utf-8")
    row = {"outage_id": "O-1", "hotspot_id": "MD-001", "what": "drain"}
    assert place.look()[0].outages is not None
    place.change("teams", "town_code", "nowhere")
    cells = ",".join(row.get(name, _OUTAGE.get(name, "")) for name in OPTIONAL_TABLES["outages"].names)
    (place.folder / "outages.csv").write_text(f"{head}\n{cells}\n", encoding="utf-8")
    district, notice = place.look()
    assert (notice is None, district.outages_refused) == (False, ())
    assert district.outages is not None
    assert list(district.outages["hotspot_id"]) == ["MD-001"]
    (place.folder / "outages.csv").unlink()
    assert [finding.file for finding in place.look()[0].outages_refused] == ["outages.csv"]


def test_station_desk_and_watcher_say_that_an_old_register_is_in_use(place: Place) -> None:
    place.look()
    place.change("teams", "town_code", "nowhere")
    desk, station = open_desk(place.folder, place.out), open_station(place.folder, place.out)
    assert desk.notice == station.notice is not None
    assert desk.notices == station.notices == (*desk.marks, desk.notice.text)
    found = look(station.settings, place.out / "ledger.sqlite", now=AT).problems
    assert [problem.zh for problem in found if problem.kind == "register"] == [desk.notice.text.zh]
    desk.ledger.close()
    station.ledger.close()


# Copies


def test_rasters_are_copied_once(place: Place) -> None:
    first = place.look()[0]
    place.change("teams", "source", "counted anew")
    second = place.look()[0]
    assert first.rasters["dem"] != second.rasters["dem"]
    assert first.rasters["dem"].samefile(second.rasters["dem"])
    assert not second.rasters["dem"].samefile(place.folder / "dem.tif")
    assert not [path for path in (place.out / "register").iterdir() if path.name.endswith(".part")]


def test_a_share_without_hard_links_gets_copies(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.look()

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    place.change("teams", "source", "counted anew")
    district, notice = place.look()
    assert (notice, district.rasters["dem"].read_bytes()) == (None, (place.folder / "dem.tif").read_bytes())


def test_a_full_disk_stops_nothing_that_is_good(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.look()
    place.change("teams", "source", "counted anew")

    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    with monkeypatch.context() as patch:
        patch.setattr(copies.shutil, "copyfile", full)
        district, notice = place.look()
        assert district.content_hash == load_district(place.folder).content_hash
        assert notice is not None
        assert (notice.is_old, "No space left on device" in notice.text.en) == (False, True)
        assert place.settings() == notice
        assert "No space left" in place.tasks()[0]
    assert (place.look()[1], place.tasks()) == (None, [])
    assert place.states() == ["taken", "unkept", "taken"]


def test_a_copy_that_was_damaged_is_made_anew(place: Place) -> None:
    digest = place.look()[0].content_hash
    kept = kept_at(place.out, digest)
    (kept / "teams.csv").write_text("torn", encoding="utf-8")
    assert place.look()[0].content_hash == digest
    assert (kept / "teams.csv").read_bytes() == (place.folder / "teams.csv").read_bytes()


def test_a_damaged_copy_is_never_used_for_the_last_good(place: Place) -> None:
    kept = kept_at(place.out, place.look()[0].content_hash)
    (kept / "teams.csv").write_bytes((kept / "teams.csv").read_bytes().replace(b"true", b"false", 1))
    place.change("plans", "synthetic", "perhaps")
    with pytest.raises(BadInputError, match="the last good register cannot be read either") as caught:
        place.look()
    assert {finding.file for finding in caught.value.findings} >= {"plans.csv"}


def test_what_is_kept_is_what_was_checked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is being saved: the file is torn when it is copied, and whole again when it is looked at."""
    place.look()
    place.change("teams", "source", "counted anew")
    whole, copy = (place.folder / "teams.csv").read_bytes(), shutil.copyfile

    def torn(source: Path, target: Path) -> None:
        copy(source, target)
        if target.name == "teams.csv":
            target.write_bytes(whole[: whole.rindex(b",")])

    with monkeypatch.context() as patch:
        patch.setattr(copies.shutil, "copyfile", torn)
        district, notice = place.look()
    assert district.teams["source"].iloc[1] == "counted anew"
    assert notice is not None
    assert not notice.is_old
    assert place.look()[1] is None


KILLED = """
import os, signal, sys
from datetime import datetime, UTC
from pathlib import Path
import risk_models.files, wuyu.register.copies, wuyu.register.in_force as in_force
from wuyu.ledger import open_ledger
from wuyu.register.in_force import district_in_force
where, folder, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
module, name = {"copy": (wuyu.register.copies.shutil, "copyfile"), "rename": (wuyu.register.copies, "rename_folder"),
                "note": (in_force, "note_version"), "show": (in_force, "show_settings")}[where]
setattr(module, name, die)
district_in_force(folder, out, open_ledger(out / "ledger.sqlite"), now=datetime.now(UTC))
"""


@pytest.mark.parametrize("where", ["copy", "rename", "note", "show"])
def test_killed_while_keeping_the_next_look_takes_it(where: str, place: Place) -> None:
    first = place.look()[0]
    place.change("teams", "source", "counted anew")
    path = place.folder / "district.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\n# anew\n", encoding="utf-8")
    command = [sys.executable, "-c", KILLED, where, str(place.folder), str(place.out)]
    ran = subprocess.run(command, cwd=ROOT, env=child_environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    whole = {copy.name for copy in (place.out / "register").iterdir() if copy.is_dir() and copy.name[0] != "."}
    assert kept_at(place.out, first.content_hash).name in whole
    district, notice = place.look()
    assert (notice, district.teams["source"].iloc[1]) == (None, "counted anew")
    assert path.read_bytes() == (place.out / "register" / "district.yaml").read_bytes()


def test_two_at_the_same_time_note_one_version_and_one_task(place: Place) -> None:
    def look(_: int) -> str:
        return place.look()[0].content_hash

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(look, range(4)))) == 1
        place.change("teams", "town_code", "nowhere")
        assert len(set(pool.map(look, range(4)))) == 1
    assert (place.states(), len(place.tasks())) == (["taken", "refused"], 1)


# Who opens no ledger


def test_who_opens_no_ledger_finds_the_settings_that_were_good(place: Place) -> None:
    good = place.look()[0].settings
    (place.folder / "district.yaml").write_text("district: [", encoding="utf-8")
    place.look()
    assert settings_without_ledger(place.folder, place.out) == good
    with pytest.raises(BadInputError, match="settings of mini"):
        settings_without_ledger(place.folder, place.out / "none")


def test_in_earnest_a_drill_clock_keeps_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.folder / "district.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("Exercise", "Actual"), encoding="utf-8")
    monkeypatch.setenv(CLOCK_VARIABLE, "shift:+36h")
    with pytest.raises(ConfigError, match="sets a drill clock"):
        place.look()
    assert (place.states(), (place.out / "register").exists()) == ([], False)


@pytest.mark.parametrize("opener", ["district", "settings"])
def test_a_file_that_cannot_be_read_is_told_with_its_reason(
    opener: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.look()
    path = place.folder / ("district.yaml" if opener == "settings" else "teams.csv")
    path.unlink()
    path.symlink_to(path.name)  # a link to itself: no one can open it, not even root
    looks: dict[str, Callable[[], RegisterNotice | None]] = {
        "district": lambda: place.look()[1],
        "settings": place.settings,
    }
    notice = looks[opener]()
    assert notice is not None
    assert path.name in notice.text.en
    assert place.states()[-1] == RegisterState.REFUSED
