"""What was seen, in the order in which life brings it: late, by hand, torn, contradicting, and from a database."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from risk_models.errors import ConfigError
from risk_models.levels import Level
from risk_models.observation import Now
from risk_models.risk import RiskTable, read_risk
from risk_models.warning.records import Action
from tests.factories import SEEN_DRY, STORM_BEGIN, STORM_PEAK
from tests.replays import HOURS
from tests.replays import now as wall
from wuyu.cli import main
from wuyu.cycle import CycleResult, run_cycle
from wuyu.desk import Desk, begin_desk
from wuyu.feeds.status import status
from wuyu.ledger import Approval
from wuyu.observing import enter, known_sights
from wuyu.rain import not_yet_looked_at, pull_feeds
from wuyu.verification.record import floods_on_record

HOUR = timedelta(hours=1)
PEAK = STORM_PEAK.to_pydatetime()
AFTER = (STORM_BEGIN + SEEN_DRY).to_pydatetime()


@pytest.fixture
def dry_patrol(storm_district: Path, tmp_path: Path) -> Path:
    """The mini storm, of which no patrol has reported yet."""
    folder = tmp_path / "district"
    shutil.copytree(storm_district, folder)
    (folder / "feeds" / "patrol.csv").unlink()
    (folder / "feeds" / "patrol").mkdir()
    settings = (folder / "district.yaml").read_text(encoding="utf-8")
    (folder / "district.yaml").write_text(settings.replace("feeds/patrol.csv", "feeds/patrol"), encoding="utf-8")
    return folder


@pytest.fixture
def desk(dry_patrol: Path, tmp_path: Path) -> Iterator[Desk]:
    desk = begin_desk(dry_patrol, tmp_path / "out")
    pull_feeds(desk, now=wall())
    yield desk
    desk.ledger.close()


def report(desk: Desk, name: str, *lines: str) -> None:
    """Lay a file of sights into the feed and look into it."""
    text = "\n".join(["hotspot_id,seen_at,source,seen,depth_m,by", *lines, ""])
    (desk.root / "feeds" / "patrol" / name).write_text(text, encoding="utf-8")
    pull_feeds(desk, now=wall())


def table_of(desk: Desk, result: CycleResult) -> RiskTable:
    return read_risk(desk.out / result.risk_path)


def local(at: datetime) -> str:
    return at.astimezone().isoformat()


def play(desk: Desk, until: datetime) -> CycleResult:
    last = desk.ledger.last_cycle(desk.code)
    done = None if last is None else last.valid_at
    results = [run_cycle(desk, at, drafts=False) for at in HOURS if at <= until and (done is None or at > done)]
    return results[-1]


def test_water_seen_in_the_dry_warns_at_once_and_says_who_saw_it(desk: Desk) -> None:
    at = HOURS[0]
    place = str(desk.district.hotspots.index[0])
    report(desk, "a.csv", f"{place},{local(at - 10 * timedelta(minutes=1))},call,flooded,0.6,110")
    row = table_of(desk, run_cycle(desk, at, drafts=False)).loc[place]
    assert (row["now"], row["now_by"], row["observed_depth_m"]) == ("stands", "110", 0.6)
    assert row["level"] >= Level.YELLOW
    assert "群众来电（110）见积水60厘米" in row["reason_zh"]
    told = [one for one in desk.ledger.outbox() if one.purpose == "now"]
    assert len(told) == 1
    with desk.ledger.reading() as session:
        from wuyu.ledger import MessageBody

        kept = session.get(MessageBody, told[0].body_sha256)
        assert kept is not None
        assert "110" in kept.body.decode("utf-8", "replace") or b"MTEw" in kept.body


def test_no_warning_ends_before_somebody_has_looked_and_an_end_waits_for_its_signature(desk: Desk) -> None:
    play(desk, HOURS[-1])
    assert not [row for row in desk.ledger.warnings() if Action(row.action).is_end]
    known = {str(name) for name in desk.district.hotspots.index}
    enter(desk, sorted(known), known=known, seen="dry", by="王某", now=HOURS[-1])
    result = run_cycle(desk, HOURS[-1] + HOUR, drafts=False)
    assert set(table_of(desk, result)["now"]) == {str(Now.DRY)}
    ends = [record for record in result.records if record.action == Action.CAN]
    assert ends
    assert all("由王某核查退水" in record.reason_zh for record in ends)
    waiting = {row.message_id for row in desk.ledger.warnings(approval=Approval.WAITING)}
    assert {record.message_id for record in ends} <= waiting


def test_who_is_believed_when_two_disagree_and_the_end_waits_for_the_place_that_stands(desk: Desk) -> None:
    play(desk, HOURS[-1])
    known = [str(name) for name in desk.district.hotspots.index]
    town = str(desk.district.hotspots["town_code"].iloc[0])
    enter(desk, known, known=known, seen="dry", by="王某", now=HOURS[-1])
    enter(desk, known[:1], known=known, seen="flooded", by="李某", now=HOURS[-1] + timedelta(minutes=30))
    result = run_cycle(desk, HOURS[-1] + HOUR, drafts=False)
    assert table_of(desk, result).at[known[0], "now"] == "stands"
    assert town not in {record.area_code for record in result.records if record.action.is_end}


def test_a_late_report_counts_from_when_it_came(desk: Desk) -> None:
    place = str(desk.district.hotspots.index[0])
    row = f"{place},{local(PEAK - 3 * HOUR)},field,flooded,0.9,王某"
    before = known_sights(desk, PEAK - 2 * HOUR, known_at=PEAK - 2 * HOUR)
    report(desk, "late.csv", row)
    still = known_sights(desk, PEAK - 2 * HOUR, known_at=PEAK - 2 * HOUR)
    assert len(before.table) == len(still.table) == 0
    assert before.inputs == still.inputs == {}
    assert len(known_sights(desk, PEAK - 2 * HOUR, known_at=wall()).table) == 1
    assert len(known_sights(desk, PEAK - 2 * HOUR).table) == 1  # a replay from an archive
    assert len(known_sights(desk, PEAK - 4 * HOUR).table) == 0  # of the time after it


def test_the_last_file_says_the_last_word_about_one_sight(desk: Desk) -> None:
    header = "observation_id,hotspot_id,seen_at,source,seen,by"
    place = str(desk.district.hotspots.index[0])
    for name, seen in (("a.csv", "flooded"), ("b.csv", "dry")):
        text = f"{header}\nn1,{place},{local(PEAK - HOUR)},field,{seen},王某\n"
        (desk.root / "feeds" / "patrol" / name).write_text(text, encoding="utf-8")
        pull_feeds(desk, now=wall())
    assert known_sights(desk, PEAK).now(desk, PEAK).at[place, "now"] == "dry"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("hotspot_id,seen_at,seen,unit\nx,y,z,ft\n", "unknown-column"),
        ("<html>log in</html>", ""),
        ("hotspot_id,seen_at,source,seen\nEQ-999,2021-07-20T10:00:00+08:00,field,dry\n", "no-rows"),
        ("", ""),
    ],
)
def test_a_torn_or_foreign_file_is_set_aside_and_never_dries_a_place(desk: Desk, text: str, code: str) -> None:
    play(desk, HOURS[-1])
    (desk.root / "feeds" / "patrol" / "torn.csv").write_text(text, encoding="utf-8")
    pull_feeds(desk, now=wall())
    result = run_cycle(desk, HOURS[-1] + HOUR, drafts=False)
    assert not set(table_of(desk, result)["now"]) & {str(Now.DRY), str(Now.MAY_STAND)}
    patrol = next(one for one in status(desk.ledger, wall()) if one.feed_id == "patrol")
    assert patrol.files_rejected == 1 or not text
    assert code in patrol.refused_codes or not code


def test_what_is_known_is_the_same_whatever_was_pulled_first(desk: Desk) -> None:
    at, places = PEAK - 2 * HOUR, [str(name) for name in desk.district.hotspots.index[:2]]
    rows = [f"{places[0]},{local(at)},field,flooded,0.3,a", f"{places[1]},{local(at)},camera,flooded,,b"]
    for name, row in zip(("one.csv", "two.csv"), rows, strict=True):
        report(desk, name, row)
    apart = known_sights(desk, PEAK).now(desk, at)
    report(desk, "both.csv", *reversed(rows))
    together = known_sights(desk, PEAK).now(desk, at)
    assert apart.to_dict() == together.to_dict() or apart.astype(str).equals(together.astype(str))


def test_a_database_is_asked_for_sights(dry_patrol: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "city.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE s (p TEXT, t TEXT, w TEXT, d REAL)")
        place = "HS-001"
        settings = dry_patrol / "district.yaml"
        place = next(line.split(",")[0] for line in (dry_patrol / "hotspots.csv").read_text().splitlines()[1:])
        connection.execute("INSERT INTO s VALUES (?, ?, 'depth_gauge', 0.42)", (place, "2021-07-20T13:50:00+08:00"))
    connection.close()
    monkeypatch.setenv("WUYU_TEST_CITY", f"sqlite:///{path}")
    line = "  - {id: city, source: sql, kind: observations, stale_after_h: 2, url_env: WUYU_TEST_CITY,\n"
    query = "     query: 'SELECT p AS hotspot_id, t AS seen_at, w AS source, d AS depth_m FROM s'}\n"
    settings.write_text(settings.read_text(encoding="utf-8") + line + query, encoding="utf-8")
    desk = begin_desk(dry_patrol, tmp_path / "out")
    try:
        results = {one.feed_id: one for one in pull_feeds(desk, now=wall())}
        assert not results["city"].error
        found = known_sights(desk, PEAK).now(desk, PEAK)
        assert (found.at[place, "now"], found.at[place, "depth_m"]) == ("stands", 0.42)
    finally:
        desk.ledger.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"hotspot_ids": []},
        {"hotspot_ids": ["nowhere"]},
        {"seen": "ok"},
        {"source": "satellite"},
        {"by": " "},
        {"depth_m": 60.0},
        {"seen": "dry", "depth_m": 0.5},
        {"seen_at": PEAK + HOUR},
        {"seen_at": PEAK - 200 * HOUR},
    ],
)
def test_what_is_entered_wrongly_is_refused_whole(desk: Desk, wrong: dict[str, object]) -> None:
    known = [str(name) for name in desk.district.hotspots.index]
    right = {"hotspot_ids": known[:2], "seen": "flooded", "by": "王某", "source": "field"}
    with pytest.raises(ConfigError):
        enter(desk, **(right | wrong), known=known, now=PEAK)  # type: ignore[arg-type]
    assert len(known_sights(desk, PEAK + 2 * HOUR).table) == 0


def test_the_verb_shows_what_is_open_and_takes_down_what_was_seen(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "clock").write_text((HOURS[-1] + 10 * timedelta(minutes=1)).isoformat())
    monkeypatch.setenv("WUYU_CLOCK", f"step:{tmp_path / 'clock'}")
    play(desk, HOURS[-1])
    place = ["--district", str(desk.root), "--out", str(desk.out)]
    assert main(["observe", *place, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["places"]
    assert {row["now"] for row in shown} <= {"stands", "unconfirmed"}
    town = str(desk.district.hotspots["town_code"].iloc[0])
    assert main(["observe", *place, "--town", town, "--seen", "dry", "--by", "王某", "--json"]) == 0
    taken = json.loads(capsys.readouterr().out)
    mine = desk.district.hotspots.index[desk.district.hotspots["town_code"] == town]
    assert set(taken["places"]) == {row["hotspot_id"] for row in shown} & set(mine)
    assert main(["observe", *place, "nowhere", "--seen", "dry", "--by", "王某"]) == 2


def test_an_entry_wakes_the_next_look_into_any_feed_until_a_cycle_has_seen_it(desk: Desk) -> None:
    known = {str(name) for name in desk.district.hotspots.index}
    play(desk, PEAK - 3 * HOUR)
    before = not_yet_looked_at(desk, "gauges")
    at = PEAK - 3 * HOUR + timedelta(minutes=20)
    enter(desk, sorted(known)[:1], known=known, seen="flooded", by="王某", now=at)
    assert not_yet_looked_at(desk, "gauges") == before + 1
    run_cycle(desk, PEAK - 2 * HOUR, drafts=False)
    assert not_yet_looked_at(desk, "gauges") == before


def test_what_was_seen_becomes_truth_and_no_flood_counts_twice(desk: Desk) -> None:
    before = floods_on_record(desk)
    one, two, three = (str(name) for name in desk.district.hotspots.index[:3])
    began = PEAK + 100 * HOUR

    def line(place: str, hours: float, source: str, seen: str, depth_m: str = "", by: str = "g") -> str:
        return f"{place},{local(began + hours * HOUR)},{source},{seen},{depth_m},{by}"

    report(
        desk, "floods.csv",
        line(one, 0, "depth_gauge", "flooded", "0.08"),
        line(one, 1, "depth_gauge", "flooded", "0.3"),
        line(one, 1.5, "call", "flooded", by="110"),
        line(one, 6.5, "depth_gauge", "flooded", "0.7"),
        line(one, 13, "depth_gauge", "flooded", "0.2"),
        line(two, 1, "field", "dry", by="a"),
        line(two, 1, "camera", "cannot_see", by="c"),
        *(line(three, 0.5 * n, "depth_gauge", "flooded", "0.4") for n in range(20)),
    )  # fmt: skip
    enter(desk, [two], known=[two], seen="flooded", by="李", now=began + 8 * HOUR, depth_m=0.4)
    again = began + 9 * HOUR
    enter(desk, [two], known=[two], seen="flooded", by="王", now=again)
    after = floods_on_record(desk)
    pd.testing.assert_frame_equal(after.iloc[: len(before)], before)
    new = after.iloc[len(before) :]
    found = [(row.hotspot_id, (row.started_at - began) / HOUR, row.depth_m, row.synthetic) for row in new.itertuples()]
    assert sorted(found) == [(one, 1.0, 0.7, True), (one, 13.0, 0.2, True), (two, 8.0, 0.4, False)]


def test_a_sight_of_a_flood_in_the_history_is_not_a_second_one(desk: Desk) -> None:
    history = desk.district.history.iloc[0]
    before, at = floods_on_record(desk), pd.Timestamp(history["started_at"]).to_pydatetime()
    report(desk, "seen.csv", f"{history['hotspot_id']},{local(at + 5 * HOUR)},field,flooded,0.5,a")
    assert len(floods_on_record(desk)) == len(before)
    report(desk, "late.csv", f"{history['hotspot_id']},{local(at + 40 * HOUR)},field,flooded,0.5,a")
    assert len(floods_on_record(desk)) == len(before) + 1
