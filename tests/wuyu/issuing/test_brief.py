"""The district brief: sent once for each hour while a warning is in force, to those it is for, in their language."""

from __future__ import annotations

import dataclasses
import re
import threading
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from risk_models.district.outgoing import BriefSettings
from risk_models.district.settings import UpwardContact
from risk_models.errors import ConfigError
from tests.wuyu.delivery.desks import ISSUED
from wuyu import jobs
from wuyu.desk import Desk
from wuyu.issuing import brief as briefs
from wuyu.issuing.brief import brief_of, send_brief, write_brief
from wuyu.issuing.brief_due import BRIEF_QUEUED, due_slot, in_force, next_slot
from wuyu.ledger import Outbox, create_ledger, open_ledger
from wuyu.ledger.models import Cycle
from wuyu.ledger.tasks import open_tasks
from wuyu.messages.purpose import Purpose

pytestmark = pytest.mark.xdist_group("storm")

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SLOT = ISSUED + HOUR
NOW = SLOT + 7 * MINUTE


def _rows(desk: Desk) -> list[Outbox]:
    return [row for row in desk.ledger.outbox() if row.purpose == Purpose.BRIEF]


def _mail(desk: Desk, row: Outbox) -> EmailMessage:
    with desk.ledger.reading() as session:
        kept = session.get(Outbox, row.id)
        assert kept is not None
        parsed = message_from_bytes(kept.content.body, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def _text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def _changed(desk: Desk, **settings: Any) -> Desk:
    changed = desk.district.settings.model_copy(update=settings)
    return dataclasses.replace(desk, district=dataclasses.replace(desk.district, settings=changed))


def test_towns_under_a_warning_and_the_duty_roles_get_one_page_and_nobody_is_asked_for_an_answer(desk: Desk) -> None:
    chain = (UpwardContact(name="李明", phone="000", mailbox="officer@mini.example"),)
    warning = desk.settings.warning.model_copy(update={"duty_chain": chain})
    desk = _changed(desk, warning=warning, brief=BriefSettings(mailboxes=("hq@mini.example",)))
    rows = send_brief(desk, SLOT, now=NOW)
    warned = {one.area_code for one, _ in in_force(desk, NOW)}
    towns = {str(desk.district.towns.at[code, "mailbox"]) for code in warned}
    upward = {one.mailbox for one in desk.settings.acknowledgement.upward if one.mailbox}
    assert warned
    assert {row.recipient for row in rows} == towns | upward | {"officer@mini.example", "hq@mini.example"}
    assert {row.channel for row in rows} == {"mail"}
    assert {row.about for row in rows} == {row.message_id for row in rows} == {f"brief-{desk.code}-{SLOT:%Y%m%dT%H%MZ}"}
    mail = _mail(desk, rows[0])
    pdf = next(part for part in mail.iter_attachments() if part.get_content_type() == "application/pdf")
    assert pdf.get_content().startswith(b"%PDF")
    assert "无需回复" in _text(mail)
    assert not re.search(r"叫应码|确认", _text(mail))
    assert mail.get_body(("html",)) is not None


def test_it_is_sent_once_whatever_happens(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed before its end has sent nothing; the next sends all; a third nothing."""
    whole = briefs._queue
    calls: list[str] = []

    def killed(*arguments: Any) -> Outbox:
        calls.append("called")
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(briefs, "_queue", killed)
    with pytest.raises(KeyboardInterrupt):
        send_brief(desk, SLOT, now=NOW)
    assert not _rows(desk)
    monkeypatch.setattr(briefs, "_queue", whole)
    assert send_brief(desk, SLOT, now=NOW + 10 * MINUTE)
    sent = [(row.id, row.body_sha256) for row in _rows(desk)]
    # Another reader since makes no second brief of the hour.
    more = _changed(desk, brief=BriefSettings(mailboxes=("late@mini.example",)))
    assert send_brief(more, SLOT, now=NOW + 20 * MINUTE) == []
    assert [(row.id, row.body_sha256) for row in _rows(desk)] == sent


def test_runs_at_the_same_time_send_it_once(
    desk: Desk, ledger_url: str | Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In both databases; what each run would say is made before, for the compiler of pages serves one thread."""
    brief, runs, queued = brief_of(desk, SLOT, at=NOW), 4, []
    contents = briefs._contents(desk, brief)
    for name, value in (("in_force", [None]), ("brief_of", brief), ("_contents", contents)):
        monkeypatch.setattr(briefs, name, lambda *_, value=value, **__: value)
    ready = threading.Barrier(runs)

    def run() -> None:
        with open_ledger(ledger_url) as ledger:
            ready.wait(300)
            queued.append(len(send_brief(dataclasses.replace(desk, ledger=ledger), SLOT, now=NOW)))

    with create_ledger(ledger_url) as ledger:
        threads = [threading.Thread(target=run) for _ in range(runs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300)
        assert sorted(queued) == [0] * (runs - 1) + [len(contents)]
        assert len(ledger.outbox()) == len(contents)
        assert [entry.what for entry in ledger.log_entries() if entry.message_id == brief.number] == [BRIEF_QUEUED]


def test_nothing_is_sent_while_no_warning_is_in_force(desk: Desk) -> None:
    desk = _changed(desk, brief=BriefSettings(mailboxes=("hq@mini.example",)))
    after = max(row.valid_to for row in desk.ledger.warnings()) + MINUTE
    assert in_force(desk, after) == []
    assert send_brief(desk, after, now=after) == []
    assert not _rows(desk)


def test_a_town_that_asks_for_english_gets_english(desk: Desk) -> None:
    towns = desk.district.towns.copy()
    first = sorted(one.area_code for one, _ in in_force(desk, NOW))[0]
    towns["language"] = ["en" if code == first else "zh" for code in towns.index]
    desk = dataclasses.replace(desk, district=dataclasses.replace(desk.district, towns=towns))
    mails = {row.recipient: _text(_mail(desk, row)) for row in send_brief(desk, SLOT, now=NOW)}
    english = str(towns.at[first, "mailbox"])
    assert "needs no reply" in mails.pop(english)
    assert mails
    assert all("无需回复" in text for text in mails.values())


def test_the_next_brief_tells_what_changed_and_lists_every_place_that_the_first_told(desk: Desk) -> None:
    send_brief(desk, SLOT, now=NOW)
    first = brief_of(desk, SLOT, at=NOW)
    later = brief_of(desk, SLOT + HOUR, at=NOW + HOUR)
    assert first.standing
    assert [line.zh for line in first.changes] == ["本次过程的首份简报。"]
    assert "无变化" in later.changes[0].zh
    assert set(first.told.places) == set(later.told.places)


def test_lost_rain_and_a_stopped_service_are_said(desk: Desk) -> None:
    with desk.ledger.writing() as session:
        session.query(Cycle).update({"ladder_step": 5})
    told = [line.zh for line in brief_of(desk, SLOT, at=ISSUED).cautions]
    assert any("雨情资料中断" in line for line in told)
    assert not any("研判中断" in line for line in told)
    told = [line.zh for line in brief_of(desk, SLOT, at=ISSUED + 3 * HOUR).cautions]
    assert any("研判中断：最近一次研判为" in line for line in told)


def test_where_the_district_asks_for_a_name_it_waits_for_one(desk: Desk) -> None:
    desk = _changed(desk, brief=BriefSettings(needs_officer=True))
    before = len(open_tasks(desk.ledger))
    assert send_brief(desk, SLOT, now=NOW) == []
    assert send_brief(desk, SLOT, now=NOW + MINUTE) == []
    (task,) = open_tasks(desk.ledger)[before:]
    assert "wuyu brief send --officer NAME" in task.detail["task"]
    rows = send_brief(desk, SLOT, now=NOW + 2 * MINUTE, officer="王芳")
    assert rows
    assert "签发：王芳" in _text(_mail(desk, rows[0]))


def test_the_files_are_the_same_for_the_same_inputs(desk: Desk) -> None:
    brief = brief_of(desk, SLOT, at=NOW)
    first = {path.name: path.read_bytes() for path in write_brief(desk, brief)}
    again = {path.name: path.read_bytes() for path in write_brief(desk, brief_of(desk, SLOT, at=NOW))}
    assert first == again
    assert {name.split(".", 1)[1] for name in first} == {
        f"{lang}.{kind}" for lang in ("zh", "en") for kind in ("txt", "html", "pdf")
    }


def test_a_past_without_any_cycle_is_refused(desk: Desk) -> None:
    with pytest.raises(ConfigError, match=r"no risk table of .* or before: run `wuyu cycle`"):
        brief_of(desk, ISSUED - 999 * HOUR, at=ISSUED - 999 * HOUR)


def test_the_task_sends_what_is_due_and_opens_the_district_for_nothing_else(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    now: list[datetime] = [NOW]

    def open_once() -> Desk:
        opened.append("desk")
        return desk

    hours = (SLOT.astimezone(desk.timezone).hour,)
    desk = _changed(desk, brief=BriefSettings(hours=hours))
    monkeypatch.setattr(jobs, "time_now", lambda: now[0])
    monkeypatch.setattr(jobs, "station_from_environment", lambda: desk)
    monkeypatch.setattr(jobs, "desk_from_environment", open_once)
    sent = jobs.send_due_brief()
    assert sent == len(_rows(desk)) > 0
    for at in (NOW + 10 * MINUTE, SLOT - MINUTE, NOW + 2 * HOUR):
        now[0] = at
        assert jobs.send_due_brief() == 0
    assert opened == ["desk"]


def test_an_hour_is_due_for_two_hours_and_the_next_is_the_one_after() -> None:
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("Asia/Shanghai")
    at = datetime(2021, 7, 20, 8, tzinfo=zone)
    for minutes, due in ((-1, None), (0, at), (119, at), (120, None)):
        assert due_slot((8, 14, 20), zone, at + minutes * MINUTE) == due
    assert due_slot((), zone, at) is None
    assert due_slot((23,), zone, datetime(2021, 7, 20, 0, 30, tzinfo=zone)) == datetime(2021, 7, 19, 23, tzinfo=zone)
    assert next_slot((), zone, at) is None
    assert next_slot((8,), zone, at) == at + timedelta(days=1)


def test_hours_are_checked() -> None:
    assert BriefSettings(hours=(20, 8)).hours == (8, 20)
    for hours in ((24,), (8, 8), (-1,)):
        with pytest.raises(ValueError, match=r"hours"):
            BriefSettings(hours=hours)
