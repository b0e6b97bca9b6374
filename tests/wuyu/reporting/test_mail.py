"""An issued report on its way: once to everyone it is for, through the guard; a backfill to nobody."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from risk_models.outlook.periods import Scope
from tests.wuyu.reporting.conftest import DEPARTMENTS
from wuyu.desk import Desk, begin_desk
from wuyu.ledger import Outbox, OutboxState
from wuyu.reporting import report_at_once, scope_for
from wuyu.reporting.mail import is_backfill, report_recipients

TOWNS = {f"town{number}@mini.example" for number in (1, 2, 3)}


@pytest.fixture
def july(quiet_desk: Desk) -> Scope:
    return scope_for(quiet_desk, "month", "2021-07", "review")


def _at(scope: Scope, **later: float) -> datetime:
    return scope.issued_at + timedelta(**later)


def test_towns_and_departments_get_it_once(quiet_desk: Desk, july: Scope) -> None:
    made = report_at_once(quiet_desk, july, chair="王主任", now=_at(july, hours=3), mail=True)
    assert made.mails == 4
    rows = quiet_desk.ledger.outbox()
    assert {row.recipient for row in rows} == TOWNS | {"water@mini.example"} == set(report_recipients(quiet_desk))
    assert {(row.state, row.status, row.demonstration) for row in rows} == {(OutboxState.PENDING, "Exercise", True)}
    assert {row.message_id for row in rows} == {"410199-report-month-2021-07.r0"}
    assert len({row.mail_message_id for row in rows}) == 4
    again = report_at_once(quiet_desk, july, chair="王主任", now=_at(july, hours=5), mail=True)
    assert (again.state, again.mails, len(quiet_desk.ledger.outbox())) == ("unchanged", 0, 4)


def test_the_mail_says_what_it_is_and_carries_pdf_and_word(quiet_desk: Desk, july: Scope) -> None:
    made = report_at_once(quiet_desk, july, chair="王主任", now=_at(july, hours=3), mail=True)
    with quiet_desk.ledger.reading() as session:
        body = session.get_one(Outbox, 1).content.body
    mail = message_from_bytes(body, policy=policy.default)
    assert mail["Subject"].startswith("【演练 EXERCISE】【演示数据】试验区2021年7月")
    assert mail["X-Wuyu-Report"] == "month 2021-07"
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "签发：王主任" in text
    assert "Made from demonstration data" in text
    attached = {part.get_filename(): part.get_content() for part in mail.iter_attachments()}
    assert set(attached) == {"2021-07-month.pdf", "2021-07-month.docx"}
    assert attached["2021-07-month.pdf"] == (made.folder / "2021-07-month.pdf").read_bytes()


def test_a_revision_says_that_it_replaces(quiet_desk: Desk, july: Scope) -> None:
    report_at_once(quiet_desk, july, chair="王主任", now=_at(july, hours=3), mail=True, langs=["zh"])
    made = report_at_once(quiet_desk, july, chair="赵主任", now=_at(july, hours=4), mail=True, langs=["zh"])
    assert (made.revision, made.mails) == (1, 4)
    subjects = {row.subject for row in quiet_desk.ledger.outbox(message_id="410199-report-month-2021-07.r1")}
    assert all("第1次修订" in subject and "revision 1" in subject for subject in subjects)


def test_a_backfill_is_mailed_to_nobody(quiet_desk: Desk, july: Scope) -> None:
    late = _at(july, days=63)
    assert is_backfill(july, now=late)
    assert not is_backfill(july, now=_at(july, days=61))
    made = report_at_once(quiet_desk, july, chair="王主任", now=late, mail=True, langs=["zh"])
    assert (made.state, made.mails, quiet_desk.ledger.outbox()) == ("issued", 0, [])


def test_an_outlook_is_of_no_use_after_its_period(quiet_desk: Desk) -> None:
    outlook = scope_for(quiet_desk, "month", "2021-07", "outlook")
    assert not is_backfill(outlook, now=_at(outlook, days=30))
    assert is_backfill(outlook, now=_at(outlook, days=36))
    midnight = outlook.span.bounds("Asia/Shanghai")[1].astimezone(UTC)
    assert not is_backfill(outlook, now=midnight - timedelta(seconds=1))
    assert is_backfill(outlook, now=midnight)


@pytest.fixture
def real_desk(actual_district: Path, tmp_path: Path) -> Iterator[Desk]:
    """In earnest, with one town that has a real address."""
    folder = tmp_path / "real"
    shutil.copytree(actual_district, folder)
    with (folder / "district.yaml").open("a", encoding="utf-8") as settings:
        settings.write(DEPARTMENTS)
    opened = begin_desk(folder, tmp_path / "out")
    yield opened
    opened.ledger.close()


def test_in_earnest_it_leaves_as_actual_at_its_real_hour(real_desk: Desk) -> None:
    july = scope_for(real_desk, "month", "2021-07", "review")
    made = report_at_once(real_desk, july, chair="王主任", now=_at(july, hours=30), mail=True, langs=["zh"])
    rows = real_desk.ledger.outbox()
    assert made.mails == 4
    assert {(row.status, row.demonstration, row.decided_at) for row in rows} == {("Actual", False, _at(july, hours=30))}
    assert rows[0].expires_at == _at(july, hours=30, days=7)


@pytest.fixture
def exercising_for_real(reporting_district: Path, tmp_path: Path) -> Iterator[Desk]:
    """An exercise in whose settings a real address was left."""
    settings = reporting_district / "district.yaml"
    text = settings.read_text(encoding="utf-8").replace("water@mini.example", "duty@water.gov.cn")
    settings.write_text(text, encoding="utf-8")
    opened = begin_desk(reporting_district, tmp_path / "out")
    yield opened
    opened.ledger.close()


def test_the_guard_keeps_an_exercise_from_real_addresses(exercising_for_real: Desk) -> None:
    july = scope_for(exercising_for_real, "month", "2021-07", "review")
    report_at_once(exercising_for_real, july, chair="王主任", now=_at(july, hours=3), mail=True, langs=["zh"])
    states = {row.recipient: row.state for row in exercising_for_real.ledger.outbox()}
    assert states.pop("duty@water.gov.cn") == OutboxState.FAILED
    assert set(states.values()) == {OutboxState.PENDING}
