"""Files as they come in life: early, late, one after the other, twice, not at all; decided at the minute it is then."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from risk_models.levels import Level
from risk_models.risk import read_risk
from risk_models.warning.records import Action
from risk_models.warning.states import WarningState
from tests.factories import STORM_BEGIN, STORM_PEAK, read_rows, write_rows
from wuyu.approval import runs_to_trigger
from wuyu.approval.approving import approve
from wuyu.cycle import CycleResult, run_cycle
from wuyu.desk import Desk, begin_desk
from wuyu.issuing.issue import states_of
from wuyu.ledger import Approval
from wuyu.rain import not_yet_looked_at, pull_feed, pull_feeds

pytestmark = pytest.mark.xdist_group("storm")

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BEGIN, PEAK = STORM_BEGIN.to_pydatetime(), STORM_PEAK.to_pydatetime()
RISING = PEAK - 2 * HOUR
GRAVE = ("orange", "red")
TWO_FEEDS = "  - {id: more, kind: gauge_table, path: feeds/more.csv, stale_after_h: 2}\n"


class Service:
    """A district in service: files are laid into its feeds, and every arrival is followed by a cycle."""

    def __init__(self, storm: Path, folder: Path) -> None:
        self.storm = storm
        shutil.copytree(storm, folder, ignore=shutil.ignore_patterns("feeds"))
        (folder / "feeds" / "ensemble").mkdir(parents=True)
        with (folder / "district.yaml").open("a", encoding="utf-8") as settings:
            settings.write(TWO_FEEDS)
        self.feeds = folder / "feeds"
        self.desk: Desk = begin_desk(folder, folder.parent / f"{folder.name}-out")

    def lay(self, file: str, until: datetime) -> None:
        """Lay a file down as it is at a time: each of two tables with some of the gauges, or the newest forecast."""
        if file == "ensemble":
            newest = max(
                p for p in (self.storm / "feeds" / "ensemble").iterdir() if p.name <= f"{until:%Y%m%dT%H%MZ}.nc"
            )
            shutil.copy(newest, self.feeds / "ensemble")
            return
        rows = [r for r in read_rows(self.storm / "feeds" / "gauges.csv") if pd.Timestamp(r["time_end"]) <= until]
        gauges = [name for name in rows[0] if name != "time_end"]
        mine = gauges[: len(gauges) // 2] if file == "gauges" else gauges[len(gauges) // 2 :]
        write_rows(self.feeds / f"{file}.csv", [{name: row[name] for name in ("time_end", *mine)} for row in rows])

    def tear(self, file: str) -> None:
        """Leave the newest file as a writer leaves it that was stopped in its last row, or half way."""
        place = self.feeds / f"{file}.csv" if file != "ensemble" else max((self.feeds / "ensemble").iterdir())
        data = place.read_bytes()
        place.write_bytes(data[:-9] if file != "ensemble" else data[: len(data) // 2])

    def look(self, now: datetime) -> CycleResult:
        """Take over what is new, and run the cycle of the hour."""
        pull_feeds(self.desk, now=now)
        return run_cycle(self.desk, now.replace(minute=0), now=now, drafts=False)

    def sign(self, now: datetime) -> None:
        for row in self.desk.ledger.warnings(approval=Approval.WAITING):
            if not any(r.warning_id == row.warning_id and r.revision > row.revision for r in self._mailed()):
                approve(self.desk, row.message_id, officer="值班长 李明", now=now)

    def levels(self, result: CycleResult) -> dict[str, int]:
        return {str(name): int(level) for name, level in read_risk(self.desk.out / result.risk_path)["level"].items()}

    def standing(self) -> dict[str, Level]:
        return {state.area_code: state.record.level for state in self.states() if state.is_open}

    def states(self) -> list[WarningState]:
        return states_of(self.desk.ledger.last_cycle(self.desk.code))

    def _mailed(self) -> list[object]:
        return [row for row in self.desk.ledger.warnings() if row.action != "CON"]


@pytest.fixture
def service(storm_district: Path, tmp_path: Path) -> Iterator[Service]:
    made = Service(storm_district, tmp_path / "live")
    for file in ("gauges", "more", "ensemble"):
        made.lay(file, PEAK - HOUR)
    made.look(PEAK - HOUR + 6 * MINUTE)
    yield made
    made.desk.ledger.close()


@pytest.fixture(scope="module")
def complete(storm_district: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, int], dict[str, Level]]:
    """What the hour of the peak is when all its files are there at once."""
    made = Service(storm_district, tmp_path_factory.mktemp("complete") / "live")
    for until in (PEAK - HOUR, PEAK):
        for file in ("gauges", "more", "ensemble"):
            made.lay(file, until)
        result = made.look(until + 6 * MINUTE)
    found = made.levels(result), made.standing()
    made.desk.ledger.close()
    return found


@pytest.mark.parametrize("order", list(itertools.permutations(("gauges", "more", "ensemble"))))
def test_every_order_of_arrival_ends_in_the_level_of_the_complete_set(service: Service, complete, order) -> None:  # type: ignore[no-untyped-def]
    levels, standing = complete
    results = [service.look(PEAK)]
    for number, file in enumerate(order, start=1):
        service.lay(file, PEAK)
        results.append(service.look(PEAK + 3 * number * MINUTE))
    assert service.levels(results[-1]) == levels
    found = service.standing()
    assert all(found[town] >= level for town, level in standing.items()), "no order keeps a rise back"
    assert results[-1].valid_at == PEAK
    assert len({row.message_id for row in service.desk.ledger.warnings()}) == len(service.desk.ledger.warnings())


TORN = ("torn gauges", "torn more", "torn ensemble")
AGAIN = ("gauges again", "more again", "ensemble again")


def life(seed: int) -> list[str]:
    """The files of an hour as they come: some torn at first, some twice, in any order but torn before whole."""
    rng = random.Random(seed)
    files = ["gauges", "more", "ensemble"]
    events = files + [one for one in (*TORN, *AGAIN) if rng.random() < 0.5]
    rng.shuffle(events)
    for file in files:
        places = [number for number, event in enumerate(events) if file in event]
        names = sorted((events[number] for number in places), key=lambda name: ("torn" not in name, "again" in name))
        for number, name in zip(places, names, strict=True):
            events[number] = name
    return events


@pytest.mark.parametrize("seed", range(4))
def test_torn_and_repeated_files_end_in_the_level_of_the_complete_set(service: Service, complete, seed) -> None:  # type: ignore[no-untyped-def]
    levels, standing = complete
    result = service.look(PEAK)
    for number, event in enumerate(life(seed), start=1):
        file = next(name for name in ("gauges", "more", "ensemble") if name in event)
        service.lay(file, PEAK)
        if "torn" in event:
            service.tear(file)
        result = service.look(PEAK + 2 * number * MINUTE)
        assert result.valid_at == PEAK, event
    assert service.levels(result) == levels
    assert all(service.standing()[town] >= level for town, level in standing.items())


@pytest.fixture
def blind(storm_district: Path, tmp_path: Path) -> Iterator[Service]:
    """The same without any forecast, before the rain has grown."""
    made = Service(storm_district, tmp_path / "blind")
    for file in ("gauges", "more"):
        made.lay(file, RISING - HOUR)
    made.look(RISING - HOUR + 6 * MINUTE)
    yield made
    made.desk.ledger.close()


def test_the_hour_that_looked_calm_at_first_is_raised_when_its_rain_comes(blind: Service) -> None:
    early = blind.look(RISING)
    for file in ("gauges", "more"):
        blind.lay(file, RISING)
    late = blind.look(RISING + 6 * MINUTE)
    assert sum(late.counts[name] for name in GRAVE) > sum(early.counts[name] for name in GRAVE)
    raised = [record for record in late.records if record.action in (Action.NEW, Action.UPG)]
    assert raised
    assert {record.issued_at for record in raised} == {RISING + 6 * MINUTE}
    assert late.waiting
    assert late.decided_at == RISING + 6 * MINUTE
    (run,) = runs_to_trigger(blind.desk, late.decided_at)
    assert run["trigger_run_id"].endswith(f"{late.decided_at:%Y%m%dT%H%MZ}__1"), "an officer is asked within the hour"
    blind.sign(RISING + 8 * MINUTE)
    rows = {row.message_id: row for row in blind.desk.ledger.warnings()}
    assert {rows[message_id].approval_state for message_id in late.waiting} == {Approval.APPROVED}


def test_a_file_taken_over_by_a_run_that_was_killed_wakes_the_next_one(service: Service) -> None:
    """The file is in the ledger, and nobody was told: it is not new to the next pull, but to every cycle."""
    service.lay("gauges", PEAK)
    pull_feeds(service.desk, now=PEAK + 6 * MINUTE)  # and is killed
    assert pull_feed(service.desk, "gauges", now=PEAK + 16 * MINUTE).accepted == ()
    assert not_yet_looked_at(service.desk, "gauges") == 1
    assert not_yet_looked_at(service.desk, "ensemble") == 0
    service.look(PEAK + 16 * MINUTE)
    assert not_yet_looked_at(service.desk, "gauges") == 0


def test_the_same_inputs_are_one_look(service: Service) -> None:
    for file in ("gauges", "more"):
        service.lay(file, PEAK)
    first = service.look(PEAK + 6 * MINUTE)
    rows, entries = len(service.desk.ledger.warnings()), len(service.desk.ledger.log_entries())
    again = [service.look(PEAK + minutes * MINUTE) for minutes in (7, 20, 59)]
    assert {one.records for one in again} == {()}
    assert {one.counts["red"] for one in again} == {first.counts["red"]}
    assert (len(service.desk.ledger.warnings()), len(service.desk.ledger.log_entries())) == (rows, entries)


def test_late_files_lower_nothing_within_the_hour(service: Service) -> None:
    """The warning of a forecast stands until its hours have come, whatever is measured on the way."""
    service.look(PEAK)
    before = service.standing()
    rows = read_rows(service.feeds / "gauges.csv")
    dry = dict.fromkeys(rows[0], "0.0") | {"time_end": f"{pd.Timestamp(PEAK).isoformat()}"}
    write_rows(service.feeds / "gauges.csv", [*rows, dry])
    late = service.look(PEAK + 6 * MINUTE)
    assert not [r for r in late.records if r.action in (Action.DNG, Action.CAN, Action.EXP)]
    assert service.standing() == before


def test_a_run_killed_after_scoring_decides_at_the_minute_it_began(service: Service) -> None:
    from wuyu.cycle import assess

    for file in ("gauges", "more"):
        service.lay(file, PEAK)
    pull_feeds(service.desk, now=PEAK + 6 * MINUTE)
    assess(service.desk, PEAK, now=PEAK + 6 * MINUTE)  # and is killed
    result = run_cycle(service.desk, PEAK, now=PEAK + 11 * MINUTE, drafts=False)
    assert result.decided_at == PEAK + 6 * MINUTE


def test_an_older_look_that_comes_second_decides_nothing(service: Service) -> None:
    from wuyu.cycle import assess, decide

    pull_feeds(service.desk, now=PEAK)
    table, paths, inputs = assess(service.desk, PEAK, now=PEAK)  # a process that is slow
    for file in ("gauges", "more"):
        service.lay(file, PEAK)
    fast = service.look(PEAK + 6 * MINUTE)
    slow = decide(service.desk, PEAK, table, paths=paths, inputs=inputs, now=PEAK + 7 * MINUTE)
    assert (slow.records, slow.risk_path) == ((), fast.risk_path)


def test_with_every_feed_dead_cycles_go_on_and_the_warning_stands(service: Service) -> None:
    """Twelve hours of silence: each step of the ladder is climbed, nothing ends, holders are told once."""
    for file in ("gauges", "more"):
        service.lay(file, PEAK)
    service.look(PEAK + 6 * MINUTE)
    service.sign(PEAK + 7 * MINUTE)
    held = service.standing()
    steps = []
    for hours in range(1, 13):
        now = PEAK + hours * HOUR + 10 * MINUTE
        result = service.look(now)
        service.sign(now + MINUTE)
        steps.append(read_risk(service.desk.out / result.risk_path).attrs["ladder_step"])
        assert service.standing().keys() >= held.keys(), f"a warning ended after {hours} h without rain"
    assert steps == sorted(steps)
    assert set(steps) == {3, 4, 5, 6}
    unknown_from = PEAK + (1 + steps.index(5)) * HOUR + 10 * MINUTE
    mails = [row for row in service.desk.ledger.outbox() if row.channel == "mail"]
    told_at = {
        town: min(row.decided_at for row in mails if row.recipient == town and row.decided_at >= unknown_from)
        for town in {row.recipient for row in mails}
    }
    assert set(told_at.values()) == {unknown_from}, "by a bulletin that renews, or by a notice, at once"
    told = [row.recipient for row in mails if row.purpose == "rain_lost"]
    assert len(set(told)) == len(told), "once for each loss"
    assert sorted(told_at) == [f"town{number}@mini.example" for number in (1, 2, 3)], "once for each loss"
