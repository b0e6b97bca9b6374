"""When an answer is asked for: not anew where a bulletin only prolongs, and never later than it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from reports.bulletin import Bulletin, build_bulletin
from risk_models.standards import load_standards
from risk_models.warning.records import Action, WarningRecord
from tests.reports.conftest import make_actions, make_district, make_record, make_risk, make_signals
from wuyu.ack.ask import ask
from wuyu.ack.book import Standing, record_answer
from wuyu.desk import Desk
from wuyu.ledger.acknowledgements import Answer

pytestmark = pytest.mark.xdist_group("storm")

LATER = timedelta(hours=1)


def _bulletin(record: WarningRecord, previous: WarningRecord) -> Bulletin:
    """Return a bulletin of the record; what it says of places is of another district."""
    district = make_district()
    risk = make_risk(district)
    own = make_record(risk, action=record.action, level=record.level, previous_level=record.previous_level)
    before = replace(own, hotspot_ids=own.hotspot_ids if record.hotspot_ids == previous.hotspot_ids else ())
    return build_bulletin(
        own, district=district, risk_table=risk, actions=make_actions(risk), signals=make_signals(),
        standards=load_standards(), previous=before, code="ABC",
    )  # fmt: skip


def _due(desk: Desk, record: WarningRecord, previous: WarningRecord, now: datetime) -> datetime | None:
    with desk.ledger.decide(now=now) as decision:
        decision.warn(record)
        due: datetime | None = ask(desk, decision, record, _bulletin(record, previous), []).due_at
        return due


def _next(desk: Desk, waiting: Standing, action: Action, *more: str) -> tuple[WarningRecord, WarningRecord]:
    row = desk.ledger.warning(waiting.request.message_id)
    assert row is not None
    before = row.to_record()
    at = before.issued_at + LATER
    changes = {"issued_at": at, "valid_from": at, "valid_to": at + 6 * LATER, "supersedes": before.message_id}
    after = replace(
        before, revision=before.revision + 1, action=action, previous_level=before.level,
        hotspot_ids=(*before.hotspot_ids, *more), **changes,
    )  # fmt: skip
    return after, before


def _answered(desk: Desk, waiting: Standing) -> None:
    record_answer(
        desk.ledger, waiting.request.id, recipient=waiting.recipients[0], answer=Answer.RECEIVED, name="王",
        channel="web", now=waiting.request.asked_at + timedelta(minutes=1),
    )  # fmt: skip


def test_what_only_prolongs_asks_nothing_of_those_who_answered(desk: Desk, waiting: Standing) -> None:
    _answered(desk, waiting)
    after, before = _next(desk, waiting, Action.EXT)
    assert _due(desk, after, before, after.issued_at) is None


def test_what_only_prolongs_keeps_the_deadline_that_nobody_met(desk: Desk, waiting: Standing) -> None:
    after, before = _next(desk, waiting, Action.EXT)
    assert waiting.request.due_at is not None
    assert _due(desk, after, before, after.issued_at) == waiting.request.due_at


def test_a_new_place_is_asked_about(desk: Desk, waiting: Standing) -> None:
    _answered(desk, waiting)
    after, before = _next(desk, waiting, Action.EXT, "MD-999")
    due = _due(desk, after, before, after.issued_at)
    assert due is not None
    assert due > after.issued_at


def test_an_update_never_sets_the_clock_back(desk: Desk, waiting: Standing) -> None:
    after, before = _next(desk, waiting, Action.EXT, "MD-999")
    assert _due(desk, after, before, after.issued_at) == waiting.request.due_at
