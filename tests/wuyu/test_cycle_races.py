"""An officer signs while a cycle decides; a town leaves the district while its warning stands."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import wuyu.cycle as cycles
from risk_models.errors import ConfigError
from risk_models.warning.records import Action
from tests.replays import now as wall
from tests.wuyu.delivery.desks import ISSUED, KEYS
from wuyu.ack.book import standings
from wuyu.ack.escalation import escalate
from wuyu.approval.approving import approve
from wuyu.cycle import run_cycle
from wuyu.desk import Desk, begin_desk
from wuyu.ledger import Approval, LedgerConflictError
from wuyu.ledger.tasks import open_tasks
from wuyu.rain import pull_feeds
from wuyu.station import update_contacts

pytestmark = pytest.mark.xdist_group("storm")

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def desk(storm_district: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk with warnings that wait for an officer."""
    monkeypatch.setenv("WUYU_ACK_KEYS", KEYS)
    shutil.copytree(storm_district, tmp_path / "mini")
    opened = begin_desk(tmp_path / "mini", tmp_path / "out")
    pull_feeds(opened, now=wall())
    run_cycle(opened, ISSUED, drafts=False)
    yield opened
    opened.ledger.close()


def _sign_all(desk: Desk) -> None:
    for row in desk.ledger.warnings(approval=Approval.WAITING):
        approve(desk, row.message_id, officer="李明", now=row.issued_at + MINUTE)


def test_a_signature_during_a_cycle_makes_the_cycle_look_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the cycle would end, or go on with, a warning as if nobody had been told of it."""
    before = cycles._signature
    signed: list[str] = []

    def sign_meanwhile(some: Desk, record: object, past: object) -> object:
        if not signed:
            row = desk.ledger.warnings(approval=Approval.WAITING)[0]
            signed.append(row.message_id)
            approve(desk, row.message_id, officer="李明", now=ISSUED + MINUTE)
        return before(some, record, past)  # type: ignore[arg-type]

    monkeypatch.setattr(cycles, "_signature", sign_meanwhile)
    tried: list[datetime] = []
    with pytest.raises(LedgerConflictError, match="was signed by an officer meanwhile: run the cycle again"):
        _run_on(desk, tried)
    assert _state(desk, tried[-1]) == "started", "nothing of it was kept"
    run_cycle(desk, tried[-1], drafts=False)
    assert _state(desk, tried[-1]) == "done"


def _run_on(desk: Desk, tried: list[datetime]) -> None:
    for hours in range(1, 12):  # until something is told again
        tried.append(ISSUED + hours * HOUR)
        run_cycle(desk, tried[-1], drafts=False)


def _state(desk: Desk, at: datetime) -> str:
    cycle = desk.ledger.cycle(desk.code, at)
    assert cycle is not None
    return cycle.state


def test_a_signature_that_comes_after_the_next_revision_is_refused_within_the_transaction(desk: Desk) -> None:
    row = desk.ledger.warnings(approval=Approval.WAITING)[0]
    record = dataclasses.replace(
        row.to_record(), revision=1, action=Action.CAN, issued_at=ISSUED + HOUR, previous_level=row.to_record().level
    )
    with desk.ledger.decide(now=ISSUED + HOUR) as decision:
        decision.warn(record)
    with pytest.raises(ConfigError, match=r"is out of date: .*\.r1 came after it"):
        desk.ledger.approve(row.message_id, officer="李明", now=ISSUED + HOUR)


def test_a_town_that_left_holds_up_nobody(desk: Desk) -> None:
    _sign_all(desk)
    left = max(desk.ledger.warnings(), key=lambda row: row.level).area_code
    towns = desk.district.towns.drop(index=left)
    smaller = dataclasses.replace(desk, district=dataclasses.replace(desk.district, towns=towns))
    update_contacts(smaller, smaller.district)
    steps = escalate(smaller, ISSUED + 61 * MINUTE)
    of_left = {one.request.id for one in standings(desk.ledger) if one.request.area_code == left}
    assert {str(step.kind) for step in steps if step.request_id in of_left} == {"upward"}
    assert {step.request_id for step in steps} > of_left
    for hours in range(1, 15):
        run_cycle(smaller, ISSUED + hours * HOUR, drafts=False)
        _sign_all(smaller)
    ended = {row.area_code for row in desk.ledger.warnings() if row.action in ("CAN", "EXP")}
    assert ended >= set(towns.index) & {row.area_code for row in desk.ledger.warnings()}
    tasks = [task.detail["task"] for task in open_tasks(desk.ledger)]
    assert any(f"{left} is no town of the district any more" in task for task in tasks)
