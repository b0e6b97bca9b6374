"""Signals of the weather office at the desk, in the order in which life brings them; levels are never theirs."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from risk_models.errors import ConfigError
from risk_models.levels import Level
from tests.factories import STORM_PEAK
from tests.replays import HOURS
from tests.replays import now as wall
from wuyu.cli import main
from wuyu.cycle import assess, run_cycle
from wuyu.desk import Desk, begin_desk
from wuyu.feeds.status import status
from wuyu.ledger import LogEntry
from wuyu.rain import not_yet_looked_at, pull_feeds
from wuyu.reporting.tables import Window, risk_rows
from wuyu.signals import enter_signal, known_signals, lift_signal
from wuyu.verification.record import source_of

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
PEAK = STORM_PEAK.to_pydatetime()
HEADER = "kind,colour,number,issued_at,valid_until,area,office,action"
OFFICE = "试验市气象台"
FEED = "  - {id: weather, kind: signals, path: feeds/weather, every_min: 5, stale_after_h: 1}\n"


def with_feed(storm: Path, folder: Path, feed: str = FEED) -> Path:
    """The mini storm, with a feed of the weather office that has brought nothing yet."""
    shutil.copytree(storm, folder)
    (folder / "feeds" / "weather").mkdir()
    settings = (folder / "district.yaml").read_text(encoding="utf-8")
    line = next(line for line in settings.splitlines(keepends=True) if "id: patrol" in line)
    (folder / "district.yaml").write_text(settings.replace(line, line + feed), encoding="utf-8")
    return folder


@pytest.fixture
def desk(storm_district: Path, tmp_path: Path) -> Iterator[Desk]:
    desk = begin_desk(with_feed(storm_district, tmp_path / "district"), tmp_path / "out")
    pull_feeds(desk, now=wall())
    yield desk
    desk.ledger.close()


def local(at: datetime) -> str:
    return at.astimezone(ZoneInfo("Asia/Shanghai")).isoformat()


def row(colour: str, at: datetime, *, until: datetime | None = None, area: str = "", action: str = "") -> str:
    return f"暴雨,{colour},第9号,{local(at)},{'' if until is None else local(until)},{area},{OFFICE},{action}"


def report(desk: Desk, name: str, *rows: str, now: datetime | None = None) -> None:
    """Lay a file into the feed and look into it."""
    text = "\n".join([HEADER, *rows, ""]) if rows else ""
    (desk.root / "feeds" / "weather" / name).write_text(text, encoding="utf-8")
    pull_feeds(desk, now=now or wall())


def colours(desk: Desk, at: datetime, *, known_at: datetime | None = None) -> list[str]:
    return [str(one.notice.level) for one in known_signals(desk, at, known_at=known_at).signals]


def lines(desk: Desk, at: datetime, *, known_at: datetime | None = None) -> str:
    return "\n".join(line.en for line in known_signals(desk, at, known_at=known_at).lines)


def test_nothing_is_known_and_no_product_says_that_there_is_nothing(desk: Desk) -> None:
    known = known_signals(desk, PEAK)
    assert (known.signals, known.inputs, known.lines) == ((), {}, ())


def test_issued_raised_lowered_and_lifted_as_time_goes(desk: Desk) -> None:
    report(desk, "a.csv", row("橙", PEAK - 4 * HOUR))
    report(desk, "b.csv", row("红", PEAK - 3 * HOUR), row("黄", PEAK - HOUR), row("", PEAK, action="解除"))
    seen = [colours(desk, PEAK + hours * HOUR) for hours in (-5, -4, -3, -2, -1, 0)]
    assert seen == [[], ["orange"], ["red"], ["red"], ["yellow"], []]


def test_a_signal_that_came_late_counts_from_when_it_came(desk: Desk) -> None:
    before = known_signals(desk, PEAK, known_at=PEAK)
    report(desk, "late.csv", row("红", PEAK - HOUR), now=PEAK + HOUR)
    assert before.inputs == known_signals(desk, PEAK, known_at=PEAK).inputs == {}
    assert colours(desk, PEAK, known_at=PEAK) == []
    assert colours(desk, PEAK + HOUR, known_at=PEAK + HOUR) == ["red"]
    assert colours(desk, PEAK) == ["red"]  # a replay from an archive


def test_in_live_service_it_counts_at_the_minute_of_the_decision_and_one_of_the_future_is_named(desk: Desk) -> None:
    report(desk, "a.csv", row("红", PEAK + 3 * MINUTE), now=PEAK)
    assert colours(desk, PEAK, known_at=PEAK + 2 * MINUTE) == []
    assert "issued after now" in lines(desk, PEAK, known_at=PEAK + 2 * MINUTE)
    assert colours(desk, PEAK, known_at=PEAK + 4 * MINUTE) == ["red"]


def test_the_same_told_twice_stands_once(desk: Desk) -> None:
    for name in ("a.csv", "b.csv"):
        report(desk, name, row("红", PEAK - HOUR), row("红", PEAK - HOUR))
    assert colours(desk, PEAK) == ["red"]


def test_torn_foreign_or_not_understood_it_is_named_and_lifts_nothing(desk: Desk) -> None:
    report(desk, "a.csv", row("红", PEAK - 2 * HOUR), now=PEAK - 2 * HOUR)
    report(desk, "torn.csv", row("", PEAK - HOUR, action="解除")[:30], now=PEAK - HOUR)
    (desk.root / "feeds" / "weather" / "page.xml").write_text("<html>log in</html>", encoding="utf-8")
    report(desk, "odd.csv", row("紫", PEAK - HOUR), row("黄", PEAK - HOUR, area="别处"), now=PEAK - HOUR)
    assert colours(desk, PEAK, known_at=PEAK) == ["red"]
    told = lines(desk, PEAK, known_at=PEAK)
    for words in ("torn.csv was refused", "page.xml was refused", "'紫' is not understood", "'别处', which is no area"):
        assert words in told
    report(desk, "empty.csv", now=PEAK)
    assert colours(desk, PEAK, known_at=PEAK) == ["red"]


def test_an_issued_signal_changes_no_level_and_is_among_the_inputs(desk: Desk) -> None:
    at = HOURS[0]
    plain, _, before = assess(desk, at, now=at + MINUTE)
    report(desk, "a.csv", row("红", at - HOUR, until=at + 9 * HOUR), now=at)
    table, _, inputs = assess(desk, at, now=at + MINUTE)
    pd.testing.assert_frame_equal(pd.DataFrame(table), pd.DataFrame(plain), check_flags=False)
    (kept,) = table.attrs["issued_signals"]
    assert (kept["notice"]["level"], kept["notice"]["office"], plain.attrs["issued_signals"]) == ("red", OFFICE, [])
    known = known_signals(desk, at, known_at=at + MINUTE)
    assert inputs == before | known.inputs
    assert known.inputs
    assert source_of(inputs) == source_of(before)


def test_a_grave_signal_beside_no_level_is_named(desk: Desk) -> None:
    town = str(desk.district.hotspots["town_code"].iloc[0])
    table, _, _ = assess(desk, HOURS[0])
    report(desk, "a.csv", row("红", HOURS[0] - HOUR, area=town))
    known = known_signals(desk, HOURS[0])
    dry = table.assign(level=int(Level.UNKNOWN))
    assert [line.en for line in known.beside(dry)] == [
        f"The red rainstorm signal of {OFFICE} is in force, and no level computed there is blue or above: please judge."
    ]
    elsewhere = dry.assign(level=dry["level"].where(dry["town_code"] == town, int(Level.RED)))
    assert len(known.beside(elsewhere)) == 1
    warned = dry.assign(level=dry["level"].where(dry["town_code"] != town, int(Level.BLUE)))
    assert known.beside(warned) == []


def test_the_bulletin_prints_the_issued_one_and_says_so_of_ours(desk: Desk) -> None:
    town = str(desk.district.towns.index[0])
    report(desk, "a.csv", row("橙", HOURS[0] - HOUR, area=town))
    run_cycle(desk, HOURS[0])
    texts = {path: path.read_text(encoding="utf-8") for path in (desk.out / "bulletins").rglob("*.txt")}
    mine = [text for path, text in texts.items() if path.parent.name == town]
    others = [text for path, text in texts.items() if path.parent.name != town]
    assert mine
    assert others
    assert all(f"暴雨橙色预警信号，{OFFICE}" in text and "第9号" in text for text in mine)
    assert all("No issued signal is known here" in text and OFFICE not in text for text in others)
    assert all("非气象部门发布（本系统按雨量计算）" in text for text in texts.values())


def test_a_feed_of_signals_is_late_when_nobody_looks_not_when_nothing_is_issued(desk: Desk) -> None:
    def state(at: datetime) -> str:
        return next(one.state for one in status(desk.ledger, at) if one.feed_id == "weather")

    report(desk, "a.csv", row("红", PEAK - 200 * HOUR), now=PEAK)
    assert (state(PEAK + 30 * MINUTE), state(PEAK + 2 * HOUR)) == ("fresh", "late")
    pull_feeds(desk, now=PEAK + 2 * HOUR)
    assert state(PEAK + 2 * HOUR) == "fresh"


def test_a_cycle_is_woken_by_an_entry_and_by_a_file(desk: Desk) -> None:
    run_cycle(desk, PEAK - 3 * HOUR, drafts=False)
    before = not_yet_looked_at(desk, "gauges")
    at = PEAK - 3 * HOUR + 20 * MINUTE
    enter_signal(desk, level=Level.RED, office=OFFICE, by="王某", now=at)
    assert not_yet_looked_at(desk, "gauges") == before + 1
    report(desk, "a.csv", row("橙", PEAK - 4 * HOUR))
    assert not_yet_looked_at(desk, "weather") == before + 2
    run_cycle(desk, PEAK - 2 * HOUR, drafts=False)
    assert not_yet_looked_at(desk, "weather") == not_yet_looked_at(desk, "gauges") == before


def test_entered_by_hand_and_lifted_by_its_number(desk: Desk) -> None:
    enter_signal(desk, level=Level.RED, office=OFFICE, by="王某", now=PEAK, number="第9号", area="")
    assert colours(desk, PEAK + MINUTE) == ["red"]
    standing = [one.notice for one in known_signals(desk, PEAK + MINUTE).signals]
    lift_signal(desk, standing, "第9号", by="李某", now=PEAK + HOUR)
    assert (colours(desk, PEAK + 59 * MINUTE), colours(desk, PEAK + HOUR)) == (["red"], [])
    with desk.ledger.reading() as session:
        rows = [row for row in session.query(LogEntry) if row.what == "weather_signal"]
    assert [(row.who, row.detail["notice"]["notice_id"]) for row in rows] == [("王某", "desk-1"), ("李某", "desk-2")]


def test_what_a_feed_brought_can_be_lifted_by_hand(desk: Desk) -> None:
    report(desk, "a.csv", row("红", PEAK - HOUR))
    (signal,) = known_signals(desk, PEAK).signals
    lift_signal(desk, [signal.notice], signal.notice.notice_id, by="李某", now=PEAK)
    assert colours(desk, PEAK) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": Level.NONE},
        {"office": "试验区应急管理局"},
        {"by": " "},
        {"kind": "预警信号"},
        {"issued_at": PEAK + HOUR},
        {"issued_at": PEAK - 200 * HOUR},
        {"valid_until": PEAK - HOUR},
    ],
)
def test_what_is_entered_wrongly_is_refused_whole(desk: Desk, wrong: dict[str, object]) -> None:
    right: dict[str, object] = {"level": Level.RED, "office": OFFICE, "by": "王某"}
    with pytest.raises(ConfigError):
        enter_signal(desk, **(right | wrong), now=PEAK)  # type: ignore[arg-type]
    assert colours(desk, PEAK + HOUR) == []


def test_only_what_stands_is_lifted(desk: Desk) -> None:
    notice = enter_signal(desk, level=Level.RED, office=OFFICE, by="王某", now=PEAK)
    for which, at in (("第1号", PEAK + HOUR), ("", PEAK + HOUR), (notice.notice_id, PEAK)):
        with pytest.raises(ConfigError):
            lift_signal(desk, [notice], which, by="李某", now=PEAK + HOUR, at=at)
    assert colours(desk, PEAK + HOUR) == ["red"]


def test_a_database_is_asked_for_signals(storm_district: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weather.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE s (k TEXT, c TEXT, t TEXT, o TEXT)")
        connection.execute("INSERT INTO s VALUES ('暴雨', '红色', ?, ?)", (local(PEAK - HOUR), OFFICE))
    connection.close()
    monkeypatch.setenv("WUYU_TEST_WEATHER", f"sqlite:///{path}")
    feed = "  - {id: city, source: sql, kind: signals, stale_after_h: 2, url_env: WUYU_TEST_WEATHER,\n"
    query = "     query: 'SELECT k AS kind, c AS colour, t AS issued_at, o AS office FROM s'}\n"
    desk = begin_desk(with_feed(storm_district, tmp_path / "district", feed + query), tmp_path / "out")
    try:
        results = {one.feed_id: one for one in pull_feeds(desk, now=wall())}
        assert not results["city"].error
        assert colours(desk, PEAK) == ["red"]
    finally:
        desk.ledger.close()


def test_the_verb_says_what_stands_enters_and_lifts(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "clock").write_text(PEAK.isoformat())
    monkeypatch.setenv("WUYU_CLOCK", f"step:{tmp_path / 'clock'}")
    place = ["--district", str(desk.root), "--out", str(desk.out)]
    assert main(["signal", *place]) == 0
    assert "No issued signal is known here" in capsys.readouterr().out
    told = ["--office", OFFICE, "--number", "第9号", "--by", "王某", "--at", local(PEAK - HOUR)]
    assert main(["signal", "red", *place, *told, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["entry"]["level"], len(said["standing"])) == ("red", 1)
    assert main(["signal", *place]) == 0
    assert f"暴雨红色预警信号，{OFFICE}" in capsys.readouterr().out
    assert main(["signal", "red", *place, "--office", OFFICE]) == 2
    assert main(["signal", "red", *place, "--lift", "第9号", "--by", "王某"]) == 2
    assert main(["signal", *place, "--lift", "第9号", "--by", "王某"]) == 0
    assert "No issued signal is known here" in capsys.readouterr().out


def test_a_report_lists_what_was_known_in_its_span(desk: Desk) -> None:
    report(desk, "a.csv", row("橙", HOURS[0]), row("红", HOURS[1]))
    for at in HOURS[:3]:
        run_cycle(desk, at, drafts=False)
    span = Window(begin=HOURS[0] - HOUR, end=HOURS[2], cut=HOURS[2], known_at=wall() + HOUR)
    assert [str(one.notice.level) for one in risk_rows(desk, span).issued_signals] == ["orange", "red"]
