"""Laws of what leaves, tried on generated histories of two towns: raise, lower, supersede, refuse, claim, lose, bounce.

The cycle's own decision, the ledger and the outbox are the real ones. Only the cable is played: whoever draws the
history knows what truly arrived, and says to the ledger no more than a mail server would.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from risk_models.errors import ConfigError
from risk_models.levels import Level
from risk_models.warning.decide import decide_warnings
from risk_models.warning.records import WarningRecord
from risk_models.warning.states import WarningPolicy, WarningState
from wuyu.ack.book import record_answer
from wuyu.cycle import _is_told, _Past, _signature
from wuyu.issuing.issue import ALL_CLEAR_H
from wuyu.ledger import Approval, Ledger, Outbox, OutboxState, outbox
from wuyu.ledger.acknowledgements import AckRequest, Answer
from wuyu.ledger.holders import holders
from wuyu.ledger.models import Base
from wuyu.messages.parcel import Parcel
from wuyu.messages.purpose import Purpose, message_id

START = datetime(2021, 7, 20, tzinfo=UTC)
TOWNS = ("410103001", "410103002")
EVENT = "410103-20210719T1200Z"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LEADER = "leader@t.example"
DESK = "duty@d.example"
COLUMNS = ["town_code", "level", "score", "reason_zh", "reason_en", "unconfirmed"]
OPEN = (OutboxState.HELD, OutboxState.PENDING, OutboxState.RETRY, OutboxState.AMBIGUOUS)
MAY_COME = (OutboxState.PENDING, OutboxState.RETRY)
"""A bulletin that has not left: whoever waits for it gets the new one in its place."""


@cache
def _empty() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    Base.metadata.create_all(engine)
    return connection


def new_ledger() -> Ledger:
    """Return an empty ledger that lives as long as its history."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    _empty().backup(connection)
    connection.execute("PRAGMA foreign_keys=ON")
    return Ledger(create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool))


@dataclass
class Fate:
    """What truly became of one row, beside what the ledger knows of it."""

    row_id: int
    reader: str
    record: WarningRecord
    purpose: Purpose
    may_have_come: bool = False
    accepted: int = 0
    order: int = 0  # of the latest try that may have come

    def newer_than(self, other: Fate) -> bool:
        mine, theirs = self.record, other.record
        if mine.warning_id == theirs.warning_id:
            return mine.revision > theirs.revision
        return mine.area_code == theirs.area_code and mine.issued_at > theirs.issued_at

    def overtakes(self, other: Fate) -> bool:
        is_end = other.record.action.is_end and other.purpose is Purpose.BULLETIN
        begins = not self.record.action.is_end and self.record.warning_id != other.record.warning_id
        return self.newer_than(other) and (begins or not is_end)  # an end is kept back by a later warning alone


class Service:
    """Two towns and their ledger: cycles, officers, relays, readers; every step checks the laws that it could break."""

    def __init__(self) -> None:
        self.ledger = new_ledger()
        warning = SimpleNamespace(approval_from="orange")
        self.desk: Any = SimpleNamespace(settings=SimpleNamespace(warning=warning))
        self.now = START
        self.states: tuple[WarningState, ...] = ()
        self.mailbox = {town: f"office-{town[-1]}@t.example" for town in TOWNS}
        self.fates: dict[int, Fate] = {}
        self.in_hand: dict[int, outbox.Claim] = {}
        self.before: dict[str, str] = {}  # warning -> the one whose place it took
        self.tries = 0

    # The cycle and the officers

    def cycle(self, levels: dict[str, Level], hours: int) -> None:
        self.now += hours * HOUR
        towns = pd.DataFrame({"level": [int(level) for level in levels.values()]}, index=list(levels))
        risk = pd.DataFrame(columns=COLUMNS)
        risk.attrs["ladder_step"] = 1
        decided = decide_warnings(
            self.states, towns, risk, towns, now=self.now, event_key=EVENT, policy=WarningPolicy()
        )
        self.states = decided.states
        past = _Past(self.ledger)
        told = [record for record in decided.records if _is_told(past, record)]
        waits = [record.message_id for record in told if _signature(self.desk, record, past) is None]
        with self.ledger.decide(now=self.now) as decision:
            for record in decided.records:
                if record.revision == 0 and record.supersedes is not None:
                    self.before[record.warning_id] = record.supersedes.rpartition(".r")[0]
                due = self.now + 10 * MINUTE if record.message_id in waits else None
                decision.warn(record, approval_due_at=due)
            for record in told:
                if record.message_id not in waits:
                    self._issue(decision, record)

    def settle(self, message_id: str, outcome: Approval) -> None:
        record = self.ledger.warning(message_id).to_record()  # type: ignore[union-attr]
        with (
            contextlib.suppress(ConfigError),  # a later revision came: it cannot be signed any more
            self.ledger.decide(now=self.now, who="officer") as decision,
        ):
            decision.settle_approval(message_id, outcome)
            if outcome is Approval.APPROVED:
                self._issue(decision, record)

    def waiting(self) -> list[str]:
        return [row.message_id for row in self.ledger.warnings(approval=Approval.WAITING)]

    def _issue(self, decision: Any, record: WarningRecord) -> None:
        """As `wuyu.issuing.issue.issue` does, without the drawing."""
        found = holders(decision.session, record, "mail")
        expected = self._may_hold(decision.session, record)
        assert set(found) == expected, f"{record.message_id}: holders {found}, but {sorted(expected)} may hold it"
        expires_at = max(record.valid_to, record.issued_at + (ALL_CLEAR_H if record.action.is_end else 0) * HOUR)
        for reader in dict.fromkeys([self.mailbox[record.area_code], *found]):
            self._queue(decision, record, Purpose.BULLETIN, reader, expires_at)
            self._check_withdrawn_at_once(decision.session, record, reader)
        self._ask(decision.session, record, expires_at)

    def _queue(self, decision: Any, record: WarningRecord, purpose: Purpose, reader: str, expires_at: datetime) -> None:
        own_id = message_id(purpose, record.message_id)
        parcel = Parcel(
            message_id=own_id, purpose=purpose, about=record.message_id, channel="mail", sender=DESK, recipient=reader,
            subject=str(record.level), status="Exercise", scope="Restricted", demonstration=False,
            decided_at=self.now, mail_message_id=f"<{own_id}>", body=f"{own_id} {reader}".encode(),
        )  # fmt: skip
        row = decision.queue(parcel, expires_at=expires_at, priority=int(record.level), event_key=record.event_key)
        self.fates.setdefault(row.id, Fate(row.id, reader, record, purpose))

    def _ask(self, session: Session, record: WarningRecord, expires_at: datetime) -> None:
        session.add(
            AckRequest(
                message_id=record.message_id, district_code="410103", event_key=record.event_key,
                warning_id=record.warning_id, revision=record.revision, area_code=record.area_code,
                level=int(record.level), is_end=record.action.is_end, code="c", asked_at=self.now,
                due_at=None, step_min=5, expires_at=expires_at, feedback_until=expires_at, phone="", content={},
            )
        )  # fmt: skip
        session.flush()

    def escalate(self, purpose: Purpose) -> None:
        """Follow the latest bulletin that stands of each town."""
        with self.ledger.decide(now=self.now) as decision:
            for state in self.states:
                record = state.record
                asked = decision.session.scalars(
                    select(AckRequest).where(AckRequest.warning_id == record.warning_id).order_by(AckRequest.id.desc())
                ).first()
                if asked is None or asked.is_end:
                    continue
                about = next(fate.record for fate in self.fates.values() if fate.record.message_id == asked.message_id)
                reader = LEADER if purpose is Purpose.UPWARD else f"second-{record.area_code[-1]}@t.example"
                self._queue(decision, about, purpose, reader, about.valid_to)

    def answer(self) -> None:
        with self.ledger.reading() as session:
            requests = list(session.scalars(select(AckRequest.id)))
        for request_id in requests[-1:]:
            record_answer(
                self.ledger, request_id, recipient="a@t.example", answer=Answer.RECEIVED, name="王", channel="web",
                now=self.now,
            )  # fmt: skip

    # Relays, and what truly comes

    def due(self) -> list[int]:
        outbox.expire(self.ledger, now=self.now)
        return outbox.due_ids(self.ledger, channel="mail", now=self.now, wall=self.now)

    def claim(self, row_id: int) -> bool:
        held = outbox.claim(self.ledger, row_id, owner=f"relay {self.tries}", wall=self.now, lease=HOUR)
        if held is None:
            return False
        self.tries += 1
        self.in_hand[row_id] = held
        fate = self.fates[row_id]
        self._check_may_go(fate)
        self._check_order(fate)
        fate.order = self.tries
        return True

    def finish(self, row_id: int, state: OutboxState, *, came: bool) -> None:
        held, fate = self.in_hand.pop(row_id), self.fates[row_id]
        fate.may_have_come |= came or state is OutboxState.AMBIGUOUS
        fate.accepted += state is OutboxState.SENT
        result = outbox.Result(state=state, stage="data", code=450, text="told so", retry_at=None)
        outbox.record(self.ledger, held, result, wall=self.now)

    def die(self, row_id: int) -> None:
        """The relay ends before it noted anything: what it held may have come."""
        held = self.in_hand.pop(row_id)
        self.fates[row_id].may_have_come = True
        outbox.reclaim(self.ledger, held.row, wall=self.now)

    def bounce(self) -> None:
        """The last mail that was accepted comes back, to be looked at; another copy may lie with its reader."""
        sent = self.ledger.outbox(states=[OutboxState.SENT])
        for row in sent[-1:]:
            with self.ledger.writing() as session:
                outbox.mark_bounced(session, row, text="550 no such user")

    def requeue(self) -> None:
        for row in self.ledger.outbox(states=[OutboxState.FAILED])[:1]:
            self.ledger.requeue(row.id, officer="officer", now=self.now)
            self.fates[row.id].accepted = 0

    def deliver_all(self) -> None:
        for row_id in self.due():
            if self.claim(row_id):
                self.finish(row_id, OutboxState.SENT, came=True)

    def rain_ends(self) -> None:
        """No rain, an officer who signs, relays that work: until every warning has ended."""
        for row_id in list(self.in_hand):
            self.finish(row_id, OutboxState.SENT, came=True)
        self.sign_all()
        while any(state.is_open for state in self.states):
            self.cycle(dict.fromkeys(TOWNS, Level.NONE), 1)
            self.sign_all()
            self.deliver_all()
        self.deliver_all()

    def sign_all(self) -> None:
        for waiting in self.waiting():
            self.settle(waiting, Approval.APPROVED)

    # The laws

    def _chain(self, record: WarningRecord) -> list[str]:
        chain = [record.warning_id]
        while chain[-1] in self.before:
            chain.append(self.before[chain[-1]])
        return chain

    def _may_hold(self, session: Session, record: WarningRecord) -> set[str]:
        """Return whom any earlier message of the warning, or of those whose place it took, reached or may reach."""
        chain = self._chain(record)
        found = set()
        for row in session.scalars(select(Outbox)):
            fate = self.fates[row.id]
            is_earlier = fate.record.warning_id in chain and fate.record.message_id != record.message_id
            will_come = fate.purpose is Purpose.BULLETIN and row.state in MAY_COME
            if is_earlier and (fate.may_have_come or row.id in self.in_hand or will_come):
                found.add(fate.reader)
        return found

    def _check_may_go(self, fate: Fate) -> None:
        state = self.ledger.warning(fate.record.message_id).approval_state  # type: ignore[union-attr]
        assert state in (Approval.NOT_NEEDED, Approval.APPROVED), f"{fate.record.message_id} leaves though {state}"

    def _check_order(self, fate: Fate) -> None:
        """An old level never follows a newer message, nor an old end a newer level, at the same reader."""
        for other in self.fates.values():
            if other.reader == fate.reader and (other.may_have_come or other.row_id in self.in_hand):
                said = f"{fate.record.message_id} follows {other.record.message_id} to {fate.reader}"
                assert not other.overtakes(fate), said

    def _check_withdrawn_at_once(self, session: Session, record: WarningRecord, reader: str) -> None:
        """What a message overtakes is not left open beside it, however old it is."""
        new = Fate(0, reader, record, Purpose.BULLETIN)
        for row in session.scalars(select(Outbox).where(Outbox.recipient == reader, Outbox.state.in_(OPEN))):
            assert not new.overtakes(self.fates[row.id]), f"{row.message_id} is still open beside {record.message_id}"

    def check_accepted_once(self) -> None:
        for fate in self.fates.values():
            assert fate.accepted <= 1, f"{fate.record.message_id} was accepted twice for {fate.reader}"

    def check_everyone_got_the_end(self) -> None:
        """Whoever may have got anything of a town's warnings got an end last, and no end of one warning twice."""
        states = {row.id: row.state for row in self.ledger.outbox()}
        for town in TOWNS:
            for reader in {fate.reader for fate in self.fates.values()}:
                mine = [one for one in self.fates.values() if one.reader == reader and one.record.area_code == town]
                came = sorted((one for one in mine if one.may_have_come), key=lambda one: one.order)
                ends = [one for one in mine if one.record.action.is_end and one.purpose is Purpose.BULLETIN]
                lost = any(states[one.row_id] in (OutboxState.FAILED, OutboxState.EXPIRED) for one in ends)
                if not came or lost:
                    continue
                assert came[-1].record.action.is_end, f"{reader} still holds {came[-1].record.message_id}"
                ended = [one.record.warning_id for one in came if one.record.action.is_end]
                assert len(ended) == len(set(ended))


class Histories(RuleBasedStateMachine):
    """See `Service` for the laws."""

    levels = st.sampled_from([Level.NONE, Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED, Level.UNKNOWN])
    some = st.integers(0, 10**6)

    def __init__(self) -> None:
        super().__init__()
        self.service = Service()

    @rule(first=levels, second=levels, hours=st.sampled_from([1, 1, 1, 1, 2, 5, 7, 9, 30, 75]))
    def cycle(self, first: Level, second: Level, hours: int) -> None:
        self.service.cycle(dict(zip(TOWNS, (first, second), strict=True)), hours)

    @precondition(lambda self: self.service.waiting())
    @rule(
        which=some, outcome=st.sampled_from([Approval.APPROVED, Approval.APPROVED, Approval.REFUSED, Approval.LAPSED])
    )
    def settle(self, which: int, outcome: Approval) -> None:
        waiting = self.service.waiting()
        self.service.settle(waiting[which % len(waiting)], outcome)

    @rule(town=st.sampled_from(TOWNS), name=st.sampled_from("abc"))
    def move(self, town: str, name: str) -> None:
        self.service.mailbox[town] = f"{name}-{town[-1]}@t.example"

    @precondition(lambda self: self.service.states)
    @rule(purpose=st.sampled_from([Purpose.SECOND_CONTACT, Purpose.UPWARD]))
    def escalate(self, purpose: Purpose) -> None:
        self.service.escalate(purpose)

    @precondition(lambda self: self.service.fates)
    @rule()
    def answer(self) -> None:
        self.service.answer()

    @precondition(lambda self: self.service.due())
    @rule(which=some)
    def claim(self, which: int) -> None:
        due = self.service.due()
        self.service.claim(due[which % len(due)])

    @precondition(lambda self: self.service.in_hand)
    @rule(
        which=some,
        ending=st.sampled_from(
            [(OutboxState.SENT, True), (OutboxState.RETRY, False), (OutboxState.FAILED, False),
             (OutboxState.AMBIGUOUS, True), (OutboxState.AMBIGUOUS, False)]
        ),
    )  # fmt: skip
    def finish(self, which: int, ending: tuple[OutboxState, bool]) -> None:
        held = list(self.service.in_hand)
        self.service.finish(held[which % len(held)], ending[0], came=ending[1])

    @precondition(lambda self: self.service.in_hand)
    @rule(which=some)
    def die(self, which: int) -> None:
        held = list(self.service.in_hand)
        self.service.die(held[which % len(held)])

    @precondition(lambda self: self.service.fates)
    @rule()
    def bounce(self) -> None:
        self.service.bounce()

    @precondition(lambda self: self.service.fates)
    @rule()
    def requeue(self) -> None:
        self.service.requeue()

    @precondition(lambda self: self.service.fates)
    @rule()
    def deliver_all(self) -> None:
        self.service.deliver_all()

    @invariant()
    def accepted_once(self) -> None:
        self.service.check_accepted_once()

    def teardown(self) -> None:
        try:
            self.service.rain_ends()
            self.service.check_accepted_once()
            self.service.check_everyone_got_the_end()
        finally:
            self.service.ledger.close()


def test_the_laws_hold_in_every_history() -> None:
    """Whatever is raised, lowered, superseded, refused, claimed, lost, bounced or put back, in any order:

    - an old level never follows a newer message, nor an old end a newer level, at the same reader;
    - a new message goes to exactly those whom an earlier one of its warning, or of a warning whose place it took,
      reached, may have reached or was about to reach;
    - what waits, was refused or has lapsed never leaves;
    - nothing is accepted twice; and whoever may have been told anything is told the end last, once.
    """
    quiet = settings(max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Histories, settings=quiet)


def _first(level: Level) -> dict[str, Level]:
    return {TOWNS[0]: level, TOWNS[1]: Level.NONE}


@settings(max_examples=5)
@given(st.lists(st.sampled_from(["issued", "refused", "lost"]), min_size=2, max_size=5))
@example(["issued", "lost", "refused", "refused"])
@example(["refused"] * 25)
def test_everyone_gets_the_end_through_any_length_of_superseding(links: list[str]) -> None:
    """A warning lapses, another takes its place, and so on; the mailbox moves each time: every reader gets the end."""
    service = Service()
    service.cycle(_first(Level.BLUE), 1)
    service.deliver_all()
    for number, link in enumerate(links):
        service.mailbox[TOWNS[0]] = f"office-{number}@t.example"
        service.cycle(_first(Level.RED if link == "refused" else Level.BLUE), 7)
        for waiting in service.waiting():
            service.settle(waiting, Approval.REFUSED)
        if link == "issued":
            service.deliver_all()
    service.rain_ends()
    service.check_everyone_got_the_end()
    assert "office-1@t.example" in {one.reader for one in service.fates.values() if one.record.action.is_end}
    service.ledger.close()


def test_an_old_end_does_not_follow_a_newer_warning_that_may_have_come_and_has_expired() -> None:
    """The end is in a relay's hands when the newer warning is queued; that one ends unclear, and its time passes."""
    service = Service()
    for level in (Level.BLUE, Level.NONE, Level.NONE, Level.NONE):
        service.cycle(_first(level), 1)
        if level is Level.BLUE:
            service.deliver_all()
    (end,) = service.due()
    service.claim(end)
    service.cycle(_first(Level.BLUE), 1)
    (new,) = service.due()
    service.claim(new)
    service.finish(new, OutboxState.AMBIGUOUS, came=True)
    service.now += 7 * HOUR
    assert service.due() == []
    service.finish(end, OutboxState.RETRY, came=False)
    service.deliver_all()
    assert [row.state for row in service.ledger.outbox()] == ["sent", "withdrawn", "expired"]
    service.ledger.close()


def test_an_old_level_does_not_follow_a_newer_one_that_came_back() -> None:
    """A notice that a mail came back may be about one copy of several: the newer level may be known."""
    service = Service()
    service.cycle(_first(Level.BLUE), 1)
    (old,) = service.due()
    service.claim(old)
    service.cycle(_first(Level.YELLOW), 1)
    (new,) = service.due()
    service.claim(new)
    service.finish(new, OutboxState.SENT, came=True)
    service.bounce()
    service.finish(old, OutboxState.RETRY, came=False)
    service.deliver_all()
    assert [row.state for row in service.ledger.outbox()] == ["withdrawn", "failed"]
    service.ledger.close()


def test_an_end_told_after_days_without_a_cycle_is_overtaken_like_any_other() -> None:
    """The end names the old end time, days ago; the warning that follows in the next hour withdraws it at once."""
    service = Service()
    service.cycle(_first(Level.BLUE), 1)
    service.deliver_all()
    service.cycle(_first(Level.NONE), 75)
    service.cycle(_first(Level.BLUE), 1)
    assert [row.state for row in service.ledger.outbox()] == ["sent", "withdrawn", "pending"]
    service.ledger.close()


def _upcoming_holders(service: Service) -> list[str]:
    """Return who holds the first town's warning, before its next revision."""
    record = next(state.record for state in service.states if state.area_code == TOWNS[0])
    with service.ledger.reading() as session:
        return holders(session, replace(record, revision=record.revision + 1), "mail")


@pytest.mark.parametrize(
    ("tries", "holds"),
    [
        ([], True),
        (["in hand"], True),
        ([OutboxState.RETRY], True),
        ([OutboxState.SENT], True),
        ([OutboxState.SENT, "bounce"], True),
        ([OutboxState.AMBIGUOUS], True),
        ([OutboxState.AMBIGUOUS, OutboxState.FAILED], True),
        ([OutboxState.FAILED], False),
        ([OutboxState.RETRY, OutboxState.FAILED], False),
    ],
)
def test_whoever_may_have_a_bulletin_or_will_get_it_holds_it(tries: list[OutboxState | str], holds: bool) -> None:
    service = Service()
    service.cycle(_first(Level.BLUE), 1)
    (row,) = service.due()
    for one in tries:
        if one == "bounce":
            service.bounce()
            continue
        service.claim(row)
        if isinstance(one, OutboxState):
            service.finish(row, one, came=one is OutboxState.SENT)
    assert _upcoming_holders(service) == (["office-1@t.example"] if holds else [])
    service.ledger.close()


def test_an_escalation_makes_a_holder_once_it_may_have_arrived() -> None:
    service = Service()
    service.cycle(_first(Level.BLUE), 1)
    service.escalate(Purpose.UPWARD)
    assert _upcoming_holders(service) == ["office-1@t.example"]
    service.deliver_all()
    assert _upcoming_holders(service) == ["office-1@t.example", LEADER]
    service.ledger.close()


def test_an_escalation_that_has_not_left_is_overtaken_by_the_next_bulletin_for_anyone() -> None:
    service = Service()
    service.cycle(_first(Level.BLUE), 1)
    service.escalate(Purpose.UPWARD)
    service.cycle(_first(Level.YELLOW), 1)
    assert [(row.recipient, row.state) for row in service.ledger.outbox()] == [
        ("office-1@t.example", "withdrawn"),
        (LEADER, "withdrawn"),
        ("office-1@t.example", "pending"),
    ]
    service.ledger.close()


def test_a_warning_of_another_town_overtakes_nothing() -> None:
    """The leader is told of both towns; what is said of the second, an hour later, leaves first."""
    service = Service()
    service.cycle(_first(Level.BLUE), 1)
    service.cycle(dict.fromkeys(TOWNS, Level.BLUE), 1)
    service.escalate(Purpose.UPWARD)
    for row in reversed(service.due()):
        assert service.claim(row)
        service.finish(row, OutboxState.SENT, came=True)
    assert {row.state for row in service.ledger.outbox()} == {"sent"}
    service.ledger.close()
