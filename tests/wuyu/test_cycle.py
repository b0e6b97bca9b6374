"""One cycle: once and for all, forward in time only, and nothing grave without an officer's name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from risk_models.errors import ConfigError
from risk_models.levels import Level
from risk_models.risk import read_risk
from risk_models.warning.records import Action
from tests.factories import STORM_BEGIN, STORM_END, STORM_PEAK, add_layer, read_rows, write_rows
from tests.replays import HOURS, StormRun, beside_now, now, products
from wuyu.approval.approving import approve
from wuyu.cycle import CycleResult, assess, decide, run_cycle
from wuyu.desk import Desk, begin_desk
from wuyu.ledger import Approval
from wuyu.rain import pull_feed, pull_feeds

pytestmark = pytest.mark.xdist_group("storm")

HOUR = timedelta(hours=1)
BEGIN, PEAK, END = (at.to_pydatetime() for at in (STORM_BEGIN, STORM_PEAK, STORM_END))
SIGNED_AT = datetime(2021, 7, 20, 4, 7, tzinfo=UTC)
OFFICER = "值班长 李明"


@pytest.fixture
def desk(storm_district: Path, tmp_path: Path) -> Iterator[Desk]:
    """An open desk that has taken over its feeds and has decided nothing."""
    opened = begin_desk(storm_district, tmp_path / "out")
    pull_feeds(opened, now=now())
    yield opened
    opened.ledger.close()


@pytest.fixture
def earnest(actual_district: Path, tmp_path: Path) -> Iterator[Desk]:
    """The same in earnest: mail status Actual."""
    opened = begin_desk(actual_district, tmp_path / "out")
    pull_feeds(opened, now=now())
    yield opened
    opened.ledger.close()


def _changed(district: Path, folder: Path, feed: str = "gauges.csv") -> Path:
    """Copy a district without the file or folder `feed`."""
    shutil.copytree(district, folder)
    place = folder / "feeds" / feed
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
    return folder


def _waiting(result: CycleResult, level: Level) -> str:
    return next(r.message_id for r in result.records if r.message_id in result.waiting and r.level is level)


def test_same_cycle_twice_changes_nothing(desk: Desk) -> None:
    first = run_cycle(desk, PEAK)
    files, entries = products(desk.out), len(desk.ledger.log_entries())
    assert first.records
    second = run_cycle(desk, PEAK)
    assert (second.records, second.counts, second.risk_path) == ((), first.counts, first.risk_path)
    assert products(desk.out) == files
    assert len(desk.ledger.log_entries()) == entries
    assert len(desk.ledger.cycles(desk.code)) == 1


def test_what_is_out_of_order_counts_and_is_told(desk: Desk, storm_district: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(storm_district, tmp_path / "broken")
    (folder / "outages.csv").write_text(
        "outage_id,hotspot_id,what,remaining_share,since,expires,owner,synthetic,source\n"
        f"O-1,MD-002,drain,0,{BEGIN.isoformat()},{END.isoformat()},drain crew,true,synthetic (seed 7)\n"
        "O-2,MD-003,drain,0,2021-07-01T00:00Z,2021-07-02T00:00Z,drain crew,true,synthetic (seed 7)\n",
        encoding="utf-8",
    )
    broken = begin_desk(add_layer(folder, "outages: {path: outages.csv}"), tmp_path / "broken-out")
    pull_feeds(broken, now=now())
    before, after = assess(desk, BEGIN + HOUR)[0], assess(broken, BEGIN + HOUR)[0]
    broken.ledger.close()
    assert (after["level"] >= before["level"]).all()
    assert (after["score"].fillna(0) >= before["score"].fillna(0) - 1e-9).all()
    assert after["capacity_share"].to_dict() == {name: float(name != "MD-002") for name in after.index}
    assert "drains at 0% until" in after.at["MD-002", "reason_en"]
    assert "排水管网能力仅余0%" in after.at["MD-002", "reason_zh"]
    assert after.attrs["feeds_en"].splitlines()[-1] == (
        "Out of order: 1; expired and not counted: 1 (MD-003 drains, 2 July 08:00, drain crew)."
    )
    assert "已到期不计1条" in after.attrs["feeds_zh"].splitlines()[-1]
    assert len(after.attrs["feeds_zh"].splitlines()) == len(before.attrs["feeds_zh"].splitlines()) + 1


def test_a_slip_in_the_table_of_outages_stops_no_cycle_and_is_told(storm_district: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(storm_district, tmp_path / "slip")
    (folder / "outages.csv").write_text(
        "outage_id,hotspot_id,what,remaining_share,since,expires,owner,synthetic,source\n"
        f"O-1,MD-002,drain,7,{BEGIN.isoformat()},{END.isoformat()},drain crew,true,synthetic (seed 7)\n",
        encoding="utf-8",
    )
    slip = begin_desk(add_layer(folder, "outages: {path: outages.csv}"), tmp_path / "slip-out")
    pull_feeds(slip, now=now())
    table = assess(slip, BEGIN + HOUR)[0]
    slip.ledger.close()
    assert (table["capacity_share"] == 1).all()
    said = table.attrs["feeds_en"].splitlines()[-1]
    assert said.startswith(
        "The table of outages is faulty and not counted (1 error, first: outages.csv row 2, remaining"
    )
    assert "整表未采用（共1处，首处：outages.csv第2行remaining_share列）" in table.attrs["feeds_zh"].splitlines()[-1]


def test_both_halves_may_run_again(desk: Desk) -> None:
    table, paths, inputs = assess(desk, PEAK)
    table, paths, inputs = assess(desk, PEAK)  # the task was retried
    decide(desk, PEAK, table, paths=paths, inputs=inputs)
    again = decide(desk, PEAK, table, paths=paths, inputs=inputs)
    assert again.records == ()
    assert len(desk.ledger.warnings()) == 3


def test_hour_that_was_decided_keeps_its_table(desk: Desk, tmp_path: Path) -> None:
    run_cycle(desk, PEAK)
    before = products(desk.out)
    table, paths, _ = assess(desk, PEAK)
    assert products(desk.out) == before
    assert table.attrs == read_risk(desk.out / paths["parquet"]).attrs
    run_cycle(desk, PEAK + HOUR)
    assess(desk, PEAK)  # with a later cycle in the ledger the event is another one; the table stands all the same
    assert products(desk.out)[paths["parquet"]] == before[paths["parquet"]]


def test_earlier_cycle_is_refused_and_can_still_be_scored(desk: Desk) -> None:
    run_cycle(desk, PEAK)
    warnings = [row.to_record() for row in desk.ledger.warnings()]
    with pytest.raises(ConfigError, match=r"the cycle of 2021-07-20T06:00:00\+00:00 has been decided; an earlier one"):
        run_cycle(desk, PEAK - HOUR)
    assert [row.to_record() for row in desk.ledger.warnings()] == warnings
    assert [cycle.valid_at for cycle in desk.ledger.cycles(desk.code)] == [PEAK]
    table, paths, _ = assess(desk, PEAK - HOUR)
    assert (desk.out / paths["parquet"]).exists()
    assert table.attrs["valid_at"].startswith("2021-07-20T05:00")
    run_cycle(desk, PEAK + HOUR)
    assert [cycle.valid_at for cycle in desk.ledger.cycles(desk.code)] == [PEAK, PEAK + HOUR]


def test_a_backfill_of_old_hours_sends_nothing(desk: Desk) -> None:
    run_cycle(desk, PEAK)
    queued = [(row.message_id, row.state) for row in beside_now(desk.ledger)]
    for hours in (6, 3, 1):
        pull_feeds(desk, now=now())  # a run of a past date looks into the feeds as they are now
        table, paths, inputs = assess(desk, PEAK - hours * HOUR)
        with pytest.raises(ConfigError, match="can be scored"):
            decide(desk, PEAK - hours * HOUR, table, paths=paths, inputs=inputs)
    assert [(row.message_id, row.state) for row in beside_now(desk.ledger)] == queued
    assert [cycle.valid_at for cycle in desk.ledger.cycles(desk.code)] == [PEAK]


def test_cycle_knows_nothing_of_what_came_later(desk: Desk, storm_district: Path, tmp_path: Path) -> None:
    """The table goes on after the hour: a file cut at the hour must give the same levels."""
    cut = tmp_path / "cut"
    shutil.copytree(storm_district, cut)
    path = cut / "feeds" / "gauges.csv"
    write_rows(path, [row for row in read_rows(path) if row["time_end"] <= "2021-07-20T13:00:00+08:00"])
    for file in sorted((cut / "feeds" / "ensemble").iterdir()):
        if file.name > "20210720T0500Z.nc":
            file.unlink()
    other = begin_desk(cut, tmp_path / "out2")
    pull_feeds(other, now=now())
    ours, theirs = assess(desk, PEAK - HOUR)[0], assess(other, PEAK - HOUR)[0]
    other.ledger.close()
    columns = ["level", "score", "obs_3h_mm", "fc_3h_mm_p50", "depth_p50_m"]
    assert ours[columns].equals(theirs[columns])
    assert (ours["level"] >= Level.ORANGE).any()


def test_quiet_hour_warns_nobody(desk: Desk) -> None:
    result = run_cycle(desk, END)
    assert (result.counts["none"], result.counts["not_assessed"]) == (9, 3)
    assert result.records == ()
    assert beside_now(desk.ledger) == []
    assert not (desk.out / "bulletins").exists()


def test_without_gauges_every_hotspot_is_unknown_unless_warned(storm_district: Path, tmp_path: Path) -> None:
    desk = begin_desk(_changed(storm_district, tmp_path / "mini"), tmp_path / "out")
    results = pull_feeds(desk, now=now())
    assert "gauges.csv is not there" in results[0].error
    assert len(results[1].accepted) == 7
    quiet, heavy = assess(desk, END)[0], assess(desk, PEAK - 2 * HOUR)[0]
    desk.ledger.close()
    assert set(quiet["level"]) == {int(Level.UNKNOWN)}
    assert int(Level.NONE) not in set(heavy["level"])


def test_without_forecast_rain_that_fell_still_counts_and_dry_is_not_said(storm_district: Path, tmp_path: Path) -> None:
    desk = begin_desk(_changed(storm_district, tmp_path / "mini", "ensemble"), tmp_path / "out")
    pull_feeds(desk, now=now())
    table = assess(desk, PEAK)[0]
    desk.ledger.close()
    assert (table["level"] >= Level.ORANGE).any()
    assert int(Level.NONE) not in set(table["level"])
    assert table.attrs["issued_at"] == ""
    assert set(table["confidence"]) == {"low"}


def test_gauges_that_ended_long_ago_are_missing_not_dry(desk: Desk) -> None:
    table = assess(desk, END + timedelta(days=6))[0]
    assert set(table["level"]) == {int(Level.UNKNOWN)}
    assert table["obs_1h_mm"].isna().all()


def test_gap_lowers_the_confidence(storm_district: Path, tmp_path: Path, desk: Desk) -> None:
    gapped = tmp_path / "mini"
    shutil.copytree(storm_district, gapped)
    path = gapped / "feeds" / "gauges.csv"
    rows = read_rows(path)
    hole = [
        row for row in rows if "T12" <= row["time_end"][10:13] <= "T13" and row["time_end"].startswith("2021-07-20")
    ]
    assert len(hole) == 2
    write_rows(path, [row for row in rows if row not in hole])
    other = begin_desk(gapped, tmp_path / "out2")
    pull_feeds(other, now=now())
    whole, holed = assess(desk, PEAK)[0], assess(other, PEAK)[0]
    other.ledger.close()
    assert holed["obs_6h_mm"].isna().all()
    assert whole["obs_6h_mm"].notna().all()
    rank = {"low": 0, "medium": 1, "high": 2}
    assert (holed["confidence"].map(rank) <= whole["confidence"].map(rank)).all()
    assert int(Level.NONE) not in set(holed["level"])


def test_unknown_feed_is_named(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="the district has no feed 'radar'; it has: gauges, ensemble"):
        pull_feed(desk, "radar", now=now())


def test_grave_warnings_wait_for_an_officer(earnest: Desk) -> None:
    result = run_cycle(earnest, PEAK - 2 * HOUR)
    mailed = {record.message_id: record for record in result.records if record.action.is_mailed}
    assert set(result.waiting) == {name for name, record in mailed.items() if record.level >= Level.ORANGE}
    assert {mailed[name].level for name in result.waiting} == {Level.ORANGE, Level.RED}
    assert {row.message_id for row in earnest.ledger.warnings(approval=Approval.WAITING)} == set(result.waiting)
    assert beside_now(earnest.ledger) == []
    for name in result.waiting:
        folder = earnest.out / "bulletins" / mailed[name].area_code
        assert {path.name for path in folder.iterdir()} == {
            f"{name}.draft.{kind}" for kind in ("html", "pdf", "png", "txt")
        }
        assert "草稿" in (folder / f"{name}.draft.txt").read_text(encoding="utf-8")


def test_deadline_is_shorter_for_red(earnest: Desk) -> None:
    result = run_cycle(earnest, PEAK - 2 * HOUR)
    for level, minutes in ((Level.ORANGE, 15), (Level.RED, 10)):
        row = earnest.ledger.warning(_waiting(result, level))
        assert row is not None
        assert row.approval_due_at == PEAK - 2 * HOUR + timedelta(minutes=minutes)


def test_mild_warning_goes_by_itself(earnest: Desk) -> None:
    result = run_cycle(earnest, BEGIN)
    mild = [record for record in result.records if record.level < Level.ORANGE]
    assert mild
    assert earnest.ledger.outbox_counts() == {"pending": len(mild)}
    assert {row.status for row in beside_now(earnest.ledger)} == {"Actual"}
    text = next((earnest.out / "bulletins" / mild[0].area_code).glob("*.txt")).read_text(encoding="utf-8")
    assert "演示数据" not in text
    assert "演练" not in text


def test_approval_issues_the_bulletin_in_the_officers_name(earnest: Desk) -> None:
    message_id = _waiting(run_cycle(earnest, PEAK - 2 * HOUR), Level.RED)
    recipients = approve(earnest, message_id, officer=OFFICER, now=SIGNED_AT)
    row = earnest.ledger.warning(message_id)
    assert row is not None
    assert (row.approval_state, row.approved_by, row.approved_at) == (Approval.APPROVED, OFFICER, SIGNED_AT)
    assert recipients == [str(earnest.district.towns.at[row.area_code, "mailbox"])]
    queued = earnest.ledger.outbox(message_id=message_id)
    assert [(mail.recipient, mail.state, mail.priority) for mail in queued] == [(recipients[0], "pending", 4)]
    folder = earnest.out / "bulletins" / row.area_code
    for kind in ("txt", "html"):
        assert OFFICER in (folder / f"{message_id}.{kind}").read_text(encoding="utf-8")
    assert (folder / f"{message_id}.cap.xml").exists()
    with pytest.raises(ConfigError, match="does not wait for an approval: it is approved"):
        approve(earnest, message_id, officer=OFFICER, now=SIGNED_AT)
    assert len(earnest.ledger.outbox(message_id=message_id)) == 1


def test_refusal_sends_nothing(earnest: Desk) -> None:
    message_id = _waiting(run_cycle(earnest, PEAK - 2 * HOUR), Level.RED)
    earnest.ledger.refuse(message_id, officer=OFFICER, now=SIGNED_AT, why="雨量站故障")
    assert earnest.ledger.outbox(message_id=message_id) == []
    with pytest.raises(ConfigError, match="it is refused"):
        approve(earnest, message_id, officer=OFFICER, now=SIGNED_AT)


def test_approval_needs_a_name_and_a_waiting_warning(earnest: Desk) -> None:
    message_id = _waiting(run_cycle(earnest, PEAK - 2 * HOUR), Level.RED)
    for officer in ("", "   "):
        with pytest.raises(ConfigError, match="needs the name of an officer"):
            approve(earnest, message_id, officer=officer, now=SIGNED_AT)
    with pytest.raises(ConfigError, match=r"nothing\.r0 does not wait for an approval: it is not in the ledger"):
        approve(earnest, "nothing.r0", officer=OFFICER, now=SIGNED_AT)
    assert beside_now(earnest.ledger) == []


def test_going_on_rests_on_the_approval_and_raising_never_does(earnest: Desk) -> None:
    first = run_cycle(earnest, BEGIN)
    orange = {r.area_code: r.message_id for r in first.records if r.message_id in first.waiting}
    town, message_id = next(iter(orange.items()))
    approve(earnest, message_id, officer=OFFICER, now=BEGIN)
    seen: dict[Action, bool] = {}
    for valid_at in HOURS[1:]:
        result = run_cycle(earnest, valid_at)
        for record in result.records:
            if record.area_code == town and not record.action.is_end and record.action.is_mailed:
                seen[record.action] = record.message_id in result.waiting
                if record.message_id in result.waiting:
                    approve(earnest, record.message_id, officer=OFFICER, now=valid_at)
    assert seen[Action.UPG] is True
    goes_on = [waits for action, waits in seen.items() if action in (Action.EXT, Action.DNG)]
    assert goes_on
    assert not any(goes_on)


def test_what_nobody_signed_is_cited_by_nobody_and_its_end_is_not_told(earnest: Desk) -> None:
    told: dict[str, set[str]] = {}
    for valid_at in HOURS:
        for record in run_cycle(earnest, valid_at).records:
            if record.action.is_mailed:
                told.setdefault(record.area_code, set()).add(str(record.action))
    issued = {row.message_id for row in beside_now(earnest.ledger)}
    waiting = {row.message_id for row in earnest.ledger.warnings(approval=Approval.WAITING)}
    assert waiting
    assert not issued & waiting
    ends = [row for row in earnest.ledger.warnings() if Action(row.action).is_end]
    assert ends
    for end in ends:
        heard = any(name.startswith(f"{end.warning_id}.r") for name in issued - {end.message_id})
        assert (end.message_id in issued or end.message_id in waiting) == heard
    for path in (earnest.out / "bulletins").glob("*/*.cap.xml"):
        references = path.read_text(encoding="utf-8").partition("<references>")[2].partition("</references>")[0]
        assert len(references.split()) <= len(issued)


def test_a_revision_that_a_later_one_replaced_cannot_be_signed(earnest: Desk) -> None:
    first = run_cycle(earnest, BEGIN)
    message_id = first.waiting[0]
    for valid_at in HOURS[1:8]:
        run_cycle(earnest, valid_at)
    with pytest.raises(ConfigError, match="is out of date"):
        approve(earnest, message_id, officer=OFFICER, now=HOURS[7])


def test_signing_removes_the_drafts(earnest: Desk) -> None:
    message_id = _waiting(run_cycle(earnest, PEAK - 2 * HOUR), Level.RED)
    approve(earnest, message_id, officer=OFFICER, now=SIGNED_AT)
    assert not list((earnest.out / "bulletins").glob(f"*/{message_id}.draft.*"))


def test_storm_run_counts_are_of_the_tables(storm_run: StormRun) -> None:
    for cycle in storm_run.result.cycles:
        table = read_risk(storm_run.desk.out / cycle.risk_path)
        left_out = (table["order_phase"] == "not_assessed") & (table["level"] < Level.BLUE)
        counts = {str(level): int((table.loc[~left_out, "level"] == int(level)).sum()) for level in Level}
        assert cycle.counts == counts | {"not_assessed": int(left_out.sum())}
