"""Rain is lost: holders of a warning in force are told once that the level is unknown."""

from __future__ import annotations

import json
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from sqlalchemy import update

from tests.wuyu.delivery.desks import ISSUED
from wuyu.cycle import run_cycle
from wuyu.desk import Desk
from wuyu.ledger import FeedFile, MessageBody, Outbox
from wuyu.ledger.tasks import open_tasks

pytestmark = pytest.mark.xdist_group("storm")

HOUR = timedelta(hours=1)


def _lose_the_rain(desk: Desk) -> None:
    """From now on no file of any feed is known."""
    with desk.ledger.writing() as session:
        session.execute(update(FeedFile).values(state="rejected"))


def _notices(desk: Desk) -> list[Outbox]:
    return [row for row in desk.ledger.outbox() if row.message_id.endswith(".rain-lost")]


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


def test_those_are_told_who_got_the_warning_whoever_is_listed_now(desk: Desk) -> None:
    _lose_the_rain(desk)
    first = next(row for row in desk.ledger.outbox() if row.channel == "mail")
    with desk.ledger.writing() as session:
        session.execute(update(Outbox).where(Outbox.id == first.id).values(recipient="gone@mini.example"))
    run_cycle(desk, ISSUED + HOUR, drafts=False)
    told = {row.recipient for row in _notices(desk) if row.channel == "mail"}
    assert "gone@mini.example" in told
    assert first.recipient not in told
