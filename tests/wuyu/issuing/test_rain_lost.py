"""Rain is lost: holders of a warning in force are told, once for each loss, that the level is unknown."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from email import message_from_bytes, policy

import pytest
from sqlalchemy import select, update

from tests.factories import read_rows, write_rows
from tests.wuyu.delivery.desks import ISSUED
from wuyu.cycle import run_cycle
from wuyu.desk import Desk
from wuyu.ledger import FeedFile, MessageBody, Outbox
from wuyu.ledger.models import WarningRow
from wuyu.ledger.overtaking import not_needed_any_more, withdraw_older
from wuyu.ledger.tasks import open_tasks

pytestmark = pytest.mark.xdist_group("storm")

HOUR = timedelta(hours=1)


def _lose_the_rain(desk: Desk) -> None:
    """From now on no file of any feed is known."""
    with desk.ledger.writing() as session:
        session.execute(update(FeedFile).values(state="rejected"))


def _find_the_rain(desk: Desk) -> None:
    """Every file of every feed is known again."""
    with desk.ledger.writing() as session:
        session.execute(update(FeedFile).values(state="accepted"))


def _notices(desk: Desk, number: str = "") -> list[Outbox]:
    return [
        row
        for row in desk.ledger.outbox()
        if row.purpose == "rain_lost" and row.message_id.endswith(f".rain-lost{number}")
    ]


def _step(desk: Desk, at: datetime) -> int | None:
    """Run a cycle; returns its step on the ladder of rain sources."""
    run_cycle(desk, at, drafts=False)
    cycle = desk.ledger.cycle(desk.code, at)
    assert cycle is not None
    return cycle.ladder_step


def _body(desk: Desk, row: Outbox) -> bytes:
    with desk.ledger.reading() as session:
        kept = session.get(MessageBody, row.body_sha256)
        assert kept is not None
        return kept.body


def test_holders_are_told_once_by_every_way_they_were_told(desk: Desk) -> None:
    told = {(row.message_id.rpartition(".")[0], row.channel, row.recipient) for row in desk.ledger.outbox()}
    _lose_the_rain(desk)
    run_cycle(desk, ISSUED + HOUR, drafts=False)
    cycle = desk.ledger.cycle(desk.code, ISSUED + HOUR)
    assert cycle is not None
    assert cycle.ladder_step == 6
    notices = _notices(desk)
    assert {(row.message_id.removesuffix(".rain-lost"), row.channel, row.recipient) for row in notices} == told
    assert {row.state for row in notices} == {"pending"}
    assert "rain data are lost while warnings are in force" in open_tasks(desk.ledger)[-1].detail["task"]
    run_cycle(desk, ISSUED + 2 * HOUR, drafts=False)
    assert len(_notices(desk)) == len(notices)
    assert len(open_tasks(desk.ledger)) == 1


def test_the_notice_says_unknown_and_never_dry(desk: Desk) -> None:
    _lose_the_rain(desk)
    run_cycle(desk, ISSUED + HOUR, drafts=False)
    for row in _notices(desk):
        body = _body(desk, row)
        if row.channel == "mail":
            mail = message_from_bytes(body, policy=policy.default)
            assert "风险未知" in mail["Subject"]
            assert "演练" in mail["Subject"]
            text = mail.get_content()
            assert "未知（不等于无风险）" in text
            assert "which does not mean none" in text
            assert "演示数据" in text
            assert mail["X-Wuyu-Level"] == "unknown"
        elif row.channel.startswith("sms"):
            (words,) = json.loads(body)["texts"]
            assert "当前风险未知" in words
            assert len(words) <= 70
        else:
            facts = json.loads(body)
            facts = facts.get("index", facts)
            assert facts["level"] == {"code": "unknown", "number": -1}
            assert facts["standing_level"]["number"] >= 1


def test_nobody_is_told_while_rain_is_known(desk: Desk) -> None:
    run_cycle(desk, ISSUED + HOUR, drafts=False)
    assert _notices(desk) == []


@pytest.mark.parametrize("has_forecast", [False, True])
def test_holders_are_told_as_soon_as_levels_are_unknown(desk: Desk, has_forecast: bool) -> None:
    """Not only when no rain at all is left in a window of three days; nor where a forecast still makes the level."""
    with desk.ledger.writing() as session:
        names = session.scalars(select(FeedFile.raw_path).where(FeedFile.feed_id == "gauges")).all()
        if not has_forecast:
            session.execute(update(FeedFile).where(FeedFile.feed_id == "ensemble").values(state="rejected"))
    for name in names:
        rows = read_rows(desk.raw_dir / name)
        known = [row for row in rows if datetime.fromisoformat(row["time_end"]) <= ISSUED - 7 * HOUR]
        write_rows(desk.raw_dir / name, known)
    assert _step(desk, ISSUED + HOUR) == 5
    cycle = desk.ledger.cycle(desk.code, ISSUED + HOUR)
    assert cycle is not None
    assert (cycle.summary["counts"]["unknown"] > 0) is not has_forecast
    assert bool(_notices(desk)) is not has_forecast


def test_those_are_told_who_got_the_warning_whoever_is_listed_now(desk: Desk) -> None:
    _lose_the_rain(desk)
    first = next(row for row in desk.ledger.outbox() if row.channel == "mail" and row.purpose == "bulletin")
    with desk.ledger.writing() as session:
        session.execute(update(Outbox).where(Outbox.id == first.id).values(recipient="gone@mini.example"))
    run_cycle(desk, ISSUED + HOUR, drafts=False)
    told = {row.recipient for row in _notices(desk) if row.channel == "mail"}
    assert "gone@mini.example" in told
    assert first.recipient not in told


def test_a_second_loss_is_told_again_and_once(desk: Desk) -> None:
    _lose_the_rain(desk)
    assert _step(desk, ISSUED + HOUR) == 6
    first = _notices(desk)
    _find_the_rain(desk)
    assert _step(desk, ISSUED + 2 * HOUR) < 6
    _lose_the_rain(desk)
    assert _step(desk, ISSUED + 3 * HOUR) == 6
    second = _notices(desk, "2")
    standing = {row.warning_id for row in desk.ledger.warnings() if row.action not in ("CAN", "EXP")}
    ended = {row.warning_id for row in desk.ledger.warnings() if row.action in ("CAN", "EXP")}
    told = {row.message_id.removesuffix(".rain-lost2") for row in second}
    assert told
    assert told <= standing - ended
    told_by_bulletin = {row.warning_id for row in desk.ledger.warnings() if row.issued_at == ISSUED + 3 * HOUR}
    assert standing - ended - told_by_bulletin <= told
    assert {row.decided_at for row in second} == {ISSUED + 3 * HOUR}
    assert {row.mail_message_id for row in first}.isdisjoint(row.mail_message_id for row in second)
    # What has not left of the first is not needed any more; the same loss is not told once more.
    again = {row.id: row.state for row in _notices(desk)}
    assert {again[row.id] for row in first if row.message_id.removesuffix(".rain-lost") in told} == {"withdrawn"}
    assert _step(desk, ISSUED + 4 * HOUR) == 6
    assert len(_notices(desk, "2")) == len(second)
    assert _notices(desk, "3") == []


def test_a_later_bulletin_overtakes_the_notice_of_a_second_loss(desk: Desk) -> None:
    for lost in (True, False, True):
        (_lose_the_rain if lost else _find_the_rain)(desk)
        at = ISSUED + HOUR * (1 + len([c for c in desk.ledger.cycles(desk.code) if c.valid_at > ISSUED]))
        run_cycle(desk, at, drafts=False)
    warning = _notices(desk, "2")[0].message_id.removesuffix(".rain-lost2")
    with desk.ledger.writing() as session:
        open_row = session.scalars(select(Outbox).where(Outbox.message_id == f"{warning}.rain-lost2")).first()
        assert open_row is not None
        assert not_needed_any_more(session, open_row) is None
        newest = session.scalars(select(WarningRow).where(WarningRow.warning_id == warning)).all()[-1]
        columns = {column.key: getattr(newest, column.key) for column in WarningRow.__table__.columns}
        later = {"message_id": f"{warning}.r99", "revision": 99, "issued_at": newest.issued_at + HOUR, "action": "CAN"}
        columns |= later
        columns.pop("id")
        session.add(WarningRow(**columns))
        facts = {column.key: getattr(open_row, column.key) for column in Outbox.__table__.columns}
        facts |= {
            "message_id": f"{warning}.r99",
            "purpose": "bulletin",
            "about": f"{warning}.r99",
            "decided_at": newest.issued_at + HOUR,
        }
        facts.pop("id")
        bulletin = Outbox(**facts)
        session.add(bulletin)
        session.flush()
        assert not_needed_any_more(session, open_row) == f"overtaken by {warning}.r99"
        assert withdraw_older(session, bulletin, at=newest.issued_at + HOUR) >= 1
        assert open_row.state == "withdrawn"


def test_a_bulletin_issued_in_the_gap_has_told_of_it(desk: Desk) -> None:
    """No notice follows for a warning whose holders got a bulletin without rain an hour before."""
    _lose_the_rain(desk)
    with desk.ledger.writing() as session:
        row = next(row for row in session.scalars(select(WarningRow)) if row.approval_state != "waiting")
        row.issued_at = row.issued_at + HOUR / 2  # as if the gap had begun before it
        told = row.warning_id
    run_cycle(desk, ISSUED + HOUR, drafts=False)
    assert told not in {row.message_id.removesuffix(".rain-lost") for row in _notices(desk)}
    assert _notices(desk)
