"""The book of calls on both databases: one answer a recipient, whoever writes at the same moment; no row is changed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from risk_models.warning.records import WarningRecord
from wuyu.ack.book import Observation, find, record_answer, record_floods, standings
from wuyu.ledger import AckAnswer, AckRequest, AckStep, FloodReport, Ledger, create_ledger
from wuyu.ledger.acknowledgements import Answer, Seen

Record = Callable[..., WarningRecord]
TO = ("a@town.example", "b@town.example")


def _ask(ledger: Ledger, record: WarningRecord, at: datetime) -> int:
    with ledger.decide(now=at) as decision:
        decision.warn(record)
        request = AckRequest(
            message_id=record.message_id,
            district_code="410103",
            event_key=record.event_key,
            warning_id=record.warning_id,
            revision=record.revision,
            area_code=record.area_code,
            level=int(record.level),
            is_end=False,
            code="ABC123",
            asked_at=at,
            due_at=at + timedelta(minutes=10),
            step_min=5,
            expires_at=at + timedelta(hours=18),
            feedback_until=at + timedelta(days=7),
            phone="000-1",
            content={"zone": "Asia/Shanghai"},
        )
        decision.session.add(request)
        decision.session.flush()
        kinds = ("told", "second_contact")
        for kind, recipient in zip(kinds, TO, strict=True):
            step = AckStep(request_id=request.id, kind=kind, channel="mail", recipient=recipient, due_at=at, at=at)
            decision.session.add(step)
        return request.id


def test_answers_given_at_the_same_moment_make_one(
    ledger: Ledger, ledger_url: str | Path, at: datetime, make_record: Record
) -> None:
    request_id = _ask(ledger, make_record(), at)

    def give(number: int) -> bool:
        with create_ledger(ledger_url) as own:
            _, is_new = record_answer(
                own,
                request_id,
                recipient=TO[number % 2],
                answer=Answer.RECEIVED,
                name=f"王{number}",
                channel="web",
                now=at,
            )
            return is_new

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(give, range(12))) == [False] * 11 + [True]
    with ledger.reading() as session:
        assert len(list(session.scalars(select(AckAnswer)))) == 1
    assert [entry.what for entry in ledger.log_entries()].count("ack-answered") == 1


def test_standing_follows_from_the_rows(ledger: Ledger, at: datetime, make_record: Record) -> None:
    request_id = _ask(ledger, make_record(), at)
    (one,) = standings(ledger, open_at=at)
    assert (one.recipients, one.answer, one.superseded) == (TO, None, False)
    helpless = {"answer": Answer.CANNOT_ACT, "reason": "停电", "channel": "web", "now": at}
    record_answer(ledger, request_id, recipient=TO[0], name="王", **helpless)  # type: ignore[arg-type]
    (one,) = standings(ledger, open_at=at, code="ABC123", district_code="410103")
    assert one.answer is not None
    assert (one.answer.name, one.received, one.is_open(at)) == ("王", None, True)
    record_answer(ledger, request_id, recipient=TO[1], answer=Answer.RECEIVED, name="李", channel="mail", now=at)
    assert standings(ledger, open_at=at) == []
    (one,) = standings(ledger)
    assert one.answer is not None
    assert one.answer.name == "李"
    assert standings(ledger, code="FFFFFF") == standings(ledger, district_code="1") == []
    assert find(ledger, "E.r9") is None


def test_a_later_bulletin_takes_the_place_of_the_earlier(ledger: Ledger, at: datetime, make_record: Record) -> None:
    _ask(ledger, make_record(), at)
    _ask(ledger, make_record(revision=1), at)
    assert [one.superseded for one in standings(ledger)] == [True, False]
    assert [one.request.revision for one in standings(ledger, open_at=at)] == [1]
    assert standings(ledger, open_at=at + timedelta(hours=18)) == []


def test_what_was_seen_stands_and_what_was_not_can_be_added(ledger: Ledger, at: datetime, make_record: Record) -> None:
    request_id = _ask(ledger, make_record(), at)
    first = [Observation("EQ-001", Seen.FLOODED, 0.3, at), Observation("EQ-002", Seen.UNCHECKED)]
    second = [Observation("EQ-001", Seen.DRY, 0.0, at), Observation("EQ-002", Seen.DRY, 0.0, at)]
    counts = [
        record_floods(ledger, request_id, seen, recipient=TO[0], name="王", now=at) for seen in (first, first, second)
    ]
    assert counts == [2, 0, 1]
    assert record_floods(ledger, request_id, second, recipient=TO[1], name="李", now=at) == 2
    with ledger.reading() as session:
        rows = [(row.recipient[0], row.hotspot_id, row.seen) for row in session.scalars(select(FloodReport))]
    assert sorted(rows) == [
        ("a", "EQ-001", "flooded"),
        ("a", "EQ-002", "dry"),
        ("a", "EQ-002", "unchecked"),
        ("b", "EQ-001", "dry"),
        ("b", "EQ-002", "dry"),
    ]


@pytest.mark.parametrize("table", [AckRequest, AckStep, AckAnswer, FloodReport])
def test_no_row_can_be_changed(ledger: Ledger, at: datetime, make_record: Record, table: type) -> None:
    request_id = _ask(ledger, make_record(), at)
    record_answer(ledger, request_id, recipient=TO[0], answer=Answer.RECEIVED, name="王", channel="web", now=at)
    record_floods(ledger, request_id, [Observation("EQ-1", Seen.DRY, 0.0, at)], recipient=TO[0], name="王", now=at)
    for statement in (delete(table), update(table).values(id=99)):
        with pytest.raises(DBAPIError, match="append-only"), ledger.writing() as session:
            session.execute(statement)
