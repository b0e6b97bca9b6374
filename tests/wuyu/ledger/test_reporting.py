"""The steps of report drafts: added and never changed, on both databases; two processes never take one number."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from wuyu.ledger import Ledger, ReportKey, ReportStep
from wuyu.ledger.reporting import (
    Step,
    add_issue,
    add_step,
    draft_of_revision,
    issues,
    open_drafts,
    standing,
)
from wuyu.ledger.store import lock_ledger

JULY = ReportKey("410103", "month", "2021-07")


def _step(ledger: Ledger, what: Step, at: datetime, key: ReportKey = JULY, **detail: object) -> ReportStep:
    with ledger.writing() as session:
        lock_ledger(session)
        return add_step(session, standing(session, key), what, who="张", now=at, **detail)


def test_without_a_draft_nothing_is_open(ledger: Ledger) -> None:
    found = standing(ledger, JULY)
    assert (found.draft, found.state, found.is_open, found.due_at) == (0, None, False, None)
    assert open_drafts(ledger, "410103") == []


def test_a_draft_goes_through_its_steps(ledger: Ledger, at: datetime) -> None:
    _step(ledger, Step.DRAFTED, at, digest="a")
    due = at + timedelta(hours=24)
    _step(ledger, Step.OPENED, at, due_at=due.isoformat())
    _step(ledger, Step.OPINION, at, department="water", expert="李", opinion="no")
    _step(ledger, Step.OPINION, at, department="water", expert="李", opinion="yes")
    found = standing(ledger, JULY)
    assert (found.draft, found.state, found.is_open, found.due_at) == (1, Step.OPENED, True, due)
    assert [step.detail["opinion"] for step in found.opinions] == ["yes"]
    assert [one.key for one in open_drafts(ledger, "410103")] == [JULY]
    _step(ledger, Step.SENT_BACK, at, why="too short")
    assert not standing(ledger, JULY).is_open
    _step(ledger, Step.DRAFTED, at, digest="b")
    again = standing(ledger, JULY)
    assert (again.draft, again.state, again.opinions) == (2, Step.DRAFTED, ())
    said = [entry.what for entry in ledger.log_entries()]
    assert said == ["report-drafted", "report-opened", "report-opinion", "report-opinion", "report-sent-back", said[0]]


@pytest.mark.parametrize("verb", [delete(ReportStep), update(ReportStep).values(who="nobody")])
def test_steps_cannot_be_changed(ledger: Ledger, at: datetime, verb: object) -> None:
    _step(ledger, Step.DRAFTED, at, digest="a")
    with pytest.raises(DBAPIError, match="append-only"), ledger.writing() as session:
        session.execute(verb)  # type: ignore[call-overload]
    assert [step.who for step in standing(ledger, JULY).steps] == ["张"]


def test_a_revision_is_issued_once(ledger: Ledger, at: datetime) -> None:
    with ledger.writing() as session:
        add_issue(session, JULY, revision=0, products={}, issued_at=at)
    with pytest.raises(IntegrityError), ledger.writing() as session:
        add_issue(session, JULY, revision=0, products={"a.pdf": {"path": "a.pdf", "sha256": "1"}}, issued_at=at)
    assert [(row.revision, row.products) for row in issues(ledger, "410103", JULY)] == [(0, {})]


def test_what_was_issued_later_can_be_left_out(ledger: Ledger, at: datetime) -> None:
    for number, hours in ((0, 0), (1, 5)):
        _step(ledger, Step.DRAFTED, at, digest=str(number))
        with ledger.writing() as session:
            add_issue(session, JULY, revision=number, products={}, issued_at=at)
        _step(ledger, Step.ISSUED, at + timedelta(hours=hours), revision=number)
    assert [row.revision for row in issues(ledger, "410103", JULY)] == [0, 1]
    assert [row.revision for row in issues(ledger, "410103", JULY, known_at=at + timedelta(hours=4))] == [0]
    found = draft_of_revision(ledger, JULY, 1)
    assert found is not None
    assert (found.draft, found.steps[0].detail) == (2, {"digest": "1"})
    assert draft_of_revision(ledger, JULY, 2) is None


def test_many_at_once_take_a_number_each(ledger: Ledger, at: datetime) -> None:
    with ThreadPoolExecutor(4) as pool:
        numbers = [row.draft for row in pool.map(lambda n: _step(ledger, Step.DRAFTED, at, digest=str(n)), range(8))]
    assert sorted(numbers) == list(range(1, 9))
    with ledger.reading() as session:
        assert standing(session, JULY).draft == 8
