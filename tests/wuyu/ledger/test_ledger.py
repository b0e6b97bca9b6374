"""One transaction per decision, rows that cannot be changed, and a rerun that changes nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from risk_models.errors import ConfigError
from risk_models.levels import Level
from risk_models.warning.records import Action, WarningRecord
from wuyu.ledger import (
    Approval,
    BulletinRow,
    Cycle,
    CycleState,
    Ledger,
    LedgerConflictError,
    LogEntry,
    MessageBody,
    OutboxState,
    create_ledger,
    open_ledger,
)
from wuyu.messages.mail import Mail

Record = Callable[..., WarningRecord]
MakeMail = Callable[..., Mail]


def _finish(ledger: Ledger, cycle: Cycle, at: datetime, **changes: object) -> None:
    with ledger.decide(now=at, cycle=cycle) as decision:
        values: dict[str, object] = {
            "inputs": {"gauges.csv": "ab"},
            "risk_paths": {"parquet": "risk/a.parquet"},
            "ladder_step": 1,
            "summary": {"red": 3},
            "warning_states": {"410103001": {"below": 2}},
        }
        decision.finish_cycle(**(values | changes))  # type: ignore[arg-type]


def test_a_cycle_is_one_row_however_often_begun(ledger: Ledger, at: datetime) -> None:
    first = ledger.begin_cycle("410103", at)
    local = at.astimezone(timezone(timedelta(hours=8)))
    assert ledger.begin_cycle("410103", local).id == first.id
    assert ledger.begin_cycle("410103", at + timedelta(hours=1)).id != first.id


def test_a_finished_cycle_gives_back_what_the_next_one_needs(ledger: Ledger, at: datetime) -> None:
    _finish(ledger, ledger.begin_cycle("410103", at), at)
    ledger.begin_cycle("410103", at + timedelta(hours=1))
    last = ledger.last_cycle("410103")
    assert last is not None
    assert (last.valid_at, last.state, last.warning_states) == (at, CycleState.DONE, {"410103001": {"below": 2}})
    assert ledger.last_cycle("410103", until=at - timedelta(hours=1)) is None
    assert [cycle.valid_at for cycle in ledger.cycles("410103")] == [at]


def test_a_cycle_is_finished_once(ledger: Ledger, at: datetime) -> None:
    cycle, of_another = ledger.begin_cycle("410103", at), ledger.begin_cycle("410103", at)
    _finish(ledger, cycle, at)
    with ledger.decide(now=at, cycle=of_another) as decision:
        assert decision.already_done
        with pytest.raises(LedgerConflictError, match="no open cycle"):
            decision.finish_cycle(inputs={}, risk_paths={}, ladder_step=1, summary={}, warning_states={})


def test_a_record_comes_back_as_it_was(ledger: Ledger, at: datetime, make_record: Record) -> None:
    record = make_record(supersedes="E.r0", unconfirmed=True, degraded=True, action=Action.UPG, revision=1)
    with ledger.decide(now=at) as decision:
        decision.warn(record)
    stored = ledger.warning(record.message_id)
    assert stored is not None
    assert stored.to_record() == record
    assert stored.issued_at.tzinfo is UTC


def test_an_error_inside_a_decision_undoes_all_of_it(
    ledger: Ledger, at: datetime, make_record: Record, make_mail: MakeMail
) -> None:
    cycle = ledger.begin_cycle("410103", at)

    def broken() -> None:
        with ledger.decide(now=at, cycle=cycle) as decision:
            decision.warn(make_record())
            decision.queue(make_mail(), expires_at=at + timedelta(hours=6))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert ledger.warnings() == []
    assert ledger.outbox() == []
    assert ledger.log_entries() == []
    again = ledger.cycle("410103", at)
    assert again is not None
    assert again.state == CycleState.STARTED


def test_the_same_decision_twice_changes_nothing(
    ledger: Ledger, at: datetime, make_record: Record, make_mail: MakeMail
) -> None:
    products = {"pdf": {"path": "bulletins/a.pdf", "sha256": "00"}}
    for _ in range(3):
        with ledger.decide(now=at) as decision:
            row = decision.warn(make_record())
            decision.bulletin(row.message_id, "410103001", products)
            decision.queue(make_mail(), expires_at=at + timedelta(hours=6))
    assert len(ledger.warnings()) == 1
    assert ledger.outbox_counts() == {"pending": 1}
    assert [entry.what for entry in ledger.log_entries()] == ["warning-decided"]
    with ledger.reading() as session:
        assert session.scalar(select(func.count()).select_from(BulletinRow)) == 1
        assert session.scalar(select(func.count()).select_from(MessageBody)) == 1


def test_another_content_under_the_same_key_is_refused(ledger: Ledger, at: datetime, make_record: Record) -> None:
    with ledger.decide(now=at) as decision:
        decision.warn(make_record())
        decision.bulletin(make_record().message_id, "410103001", {"pdf": {"path": "a", "sha256": "00"}})
    with (
        pytest.raises(LedgerConflictError, match=r"410103001\.r0 was decided before"),
        ledger.decide(now=at) as decision,
    ):
        decision.warn(make_record(level=Level.BLUE))
    with pytest.raises(LedgerConflictError, match="with other files"), ledger.decide(now=at) as decision:
        decision.bulletin(make_record().message_id, "410103001", {"pdf": {"path": "a", "sha256": "01"}})


def test_the_bytes_first_decided_are_the_ones_kept(ledger: Ledger, at: datetime, make_mail: MakeMail) -> None:
    first, second = make_mail(), make_mail(decided_at=at + timedelta(minutes=1))
    assert first.sha256 != second.sha256
    for mail in (first, second):
        with ledger.decide(now=at) as decision:
            decision.queue(mail, expires_at=at + timedelta(hours=6))
    (row,) = ledger.outbox()
    assert row.body_sha256 == first.sha256


def test_a_bulletin_needs_its_warning(ledger: Ledger, at: datetime) -> None:
    with pytest.raises(IntegrityError), ledger.decide(now=at) as decision:
        decision.bulletin("nothing.r0", "410103001", {})


def test_mail_of_a_waiting_warning_is_held_until_an_officer_approves(
    ledger: Ledger, at: datetime, make_record: Record, make_mail: MakeMail
) -> None:
    with ledger.decide(now=at) as decision:
        row = decision.warn(make_record(), approval_due_at=at + timedelta(minutes=10))
        decision.queue(make_mail(), expires_at=at + timedelta(hours=6))
    assert ledger.outbox_counts() == {"held": 1}
    assert [found.message_id for found in ledger.warnings(approval=Approval.WAITING)] == [row.message_id]
    later = at + timedelta(minutes=4)
    assert ledger.approve(row.message_id, officer="王值班", now=later) == 1
    settled = ledger.warning(row.message_id)
    assert settled is not None
    assert (settled.approval_state, settled.approved_by, settled.approved_at) == ("approved", "王值班", later)
    assert ledger.outbox()[0].not_before == later
    assert ledger.log_entries()[-1].who == "王值班"
    with pytest.raises(ConfigError, match="does not wait for an approval: it is approved"):
        ledger.approve(row.message_id, officer="李", now=later)


def test_a_revision_that_a_later_one_replaced_cannot_be_approved(
    ledger: Ledger, at: datetime, make_record: Record
) -> None:
    with ledger.decide(now=at) as decision:
        old = decision.warn(make_record(), approval_due_at=at)
        decision.warn(make_record(revision=1, action=Action.EXT))
    with pytest.raises(ConfigError, match=r"r0 is out of date: .*\.r1 came after it"):
        ledger.approve(old.message_id, officer="王", now=at)


def test_mail_of_a_refused_warning_never_leaves(
    ledger: Ledger, at: datetime, make_record: Record, make_mail: MakeMail
) -> None:
    with ledger.decide(now=at) as decision:
        row = decision.warn(make_record(), approval_due_at=at)
        decision.queue(make_mail(), expires_at=at + timedelta(hours=6))
    assert ledger.refuse(row.message_id, officer="王", now=at, why="雨已停") == 1
    with ledger.decide(now=at) as decision:
        late = decision.queue(make_mail("second@town.example"), expires_at=at + timedelta(hours=6))
        assert late.state == OutboxState.WITHDRAWN
    assert [entry.state for entry in ledger.outbox()] == ["withdrawn", "withdrawn"]
    assert ledger.outbox()[0].last_error == "refused by 王: 雨已停"


def test_an_unknown_warning_cannot_be_approved(ledger: Ledger, at: datetime) -> None:
    with pytest.raises(ConfigError, match=r"no warning 'E\.r9'"):
        ledger.approve("E.r9", officer="王", now=at)


def test_a_mail_the_guard_refuses_has_a_row_and_stops_no_other(
    ledger: Ledger, at: datetime, make_mail: MakeMail
) -> None:
    with ledger.decide(now=at) as decision:
        for recipient in ("real@town.gov.cn", "duty@town.example"):
            decision.queue(make_mail(recipient), expires_at=at + timedelta(hours=6))
    bad, good = ledger.outbox()
    assert (bad.state, good.state) == ("failed", "pending")
    assert "under .example only" in str(bad.last_error)
    assert [entry.what for entry in ledger.log_entries()] == ["mail-refused"]


@pytest.mark.parametrize("verb", [delete(LogEntry), update(LogEntry).values(who="nobody")])
def test_the_log_cannot_be_changed(ledger: Ledger, at: datetime, verb: object) -> None:
    ledger.log("drill", who="王", now=at, place="南关")
    with pytest.raises(DBAPIError, match="append-only"), ledger.writing() as session:
        session.execute(verb)  # type: ignore[call-overload]
    (entry,) = ledger.log_entries()
    assert (entry.who, entry.at, entry.detail) == ("王", at, {"place": "南关"})


def test_a_time_without_zone_is_refused(ledger: Ledger) -> None:
    with pytest.raises(StatementError, match="aware times only"):
        ledger.begin_cycle("410103", datetime(2021, 7, 20, 9))  # noqa: DTZ001


def test_requeue_takes_only_what_has_failed(ledger: Ledger, at: datetime, make_mail: MakeMail) -> None:
    with ledger.decide(now=at) as decision:
        good = decision.queue(make_mail(), expires_at=at + timedelta(hours=6)).id
        bad = decision.queue(make_mail("real@town.gov.cn"), expires_at=at + timedelta(hours=6)).id
    with pytest.raises(ConfigError, match="is pending, not failed"):
        ledger.requeue(good, officer="王", now=at)
    with pytest.raises(ConfigError, match="is absent"):
        ledger.requeue(999, officer="王", now=at)
    ledger.requeue(bad, officer="王", now=at)
    assert ledger.outbox_counts() == {"pending": 2}


def test_many_writers_at_once_make_one_row(ledger_url: str | Path, at: datetime, make_record: Record) -> None:
    def write(_: int) -> int:
        with create_ledger(ledger_url) as own:
            cycle = own.begin_cycle("410103", at)
            with own.decide(now=at, cycle=cycle) as decision:
                if not decision.already_done:
                    decision.warn(make_record())
                    decision.finish_cycle(inputs={}, risk_paths={}, ladder_step=1, summary={}, warning_states={})
            return cycle.id

    with ThreadPoolExecutor(4) as pool:
        ids = set(pool.map(write, range(8)))
    with create_ledger(ledger_url) as ledger:
        assert len(ids) == len(ledger.warnings()) == len(ledger.cycles("410103")) == 1
        assert [entry.what for entry in ledger.log_entries()] == ["warning-decided", "cycle-done"]


def test_a_ledger_of_another_version_is_refused(ledger: Ledger, ledger_url: str | Path) -> None:
    with ledger.writing() as session:
        session.execute(text("UPDATE ledger_info SET value = '0'"))
    with pytest.raises(ConfigError, match="has schema 0, this program needs"):
        open_ledger(ledger_url)


def test_a_database_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="SQLite or PostgreSQL, not in 'mysql'"):
        open_ledger("mysql://localhost/wuyu")


def test_sqlite_is_set_for_safety(tmp_path: Path) -> None:
    with create_ledger(tmp_path / "deep" / "ledger.sqlite") as ledger, ledger.engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "busy_timeout": 60000}


def test_opening_the_ledger_loads_no_array_library() -> None:
    program = "import sys, wuyu.ledger, wuyu.delivery.relay; print({'numpy', 'pandas', 'airflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
