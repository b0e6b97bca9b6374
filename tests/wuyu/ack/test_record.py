"""The call record: complete, in order, printable, the same bytes for the same event."""

from __future__ import annotations

import io
from datetime import timedelta

import pypdf
import pytest

from risk_models.errors import ConfigError
from wuyu.ack.book import Standing, record_answer, standings
from wuyu.ack.escalation import escalate
from wuyu.ack.record import call_record, record_html, record_pdf
from wuyu.approval.command import consult, respond
from wuyu.desk import Desk
from wuyu.ledger.acknowledgements import Answer


@pytest.fixture
def busy_desk(desk: Desk, waiting: Standing) -> Desk:
    """A desk after an hour of calling: one answered after escalation, one cannot act, one silent."""
    asked = waiting.request
    assert asked.due_at is not None
    escalate(desk, asked.due_at + timedelta(minutes=6))
    others = [one for one in standings(desk.ledger) if one.request.id != asked.id]
    common = {"channel": "phone", "recorded_by": "李 #值班 $x$"}
    record_answer(
        desk.ledger,
        asked.id,
        recipient=asked.phone,
        answer=Answer.RECEIVED,
        name="张<b>主任</b> #set text(red)",
        now=asked.due_at + timedelta(minutes=9),
        **common,
    )
    record_answer(
        desk.ledger,
        others[0].request.id,
        recipient=others[0].recipients[0],
        answer=Answer.CANNOT_ACT,
        name="赵六",
        reason="停电；*道路* _中断_ \\ @all",
        channel="web",
        now=asked.due_at,
    )
    escalate(desk, asked.due_at + timedelta(hours=2))
    return desk


def test_every_step_and_answer_is_in_it_in_the_order_of_time(busy_desk: Desk, waiting: Standing) -> None:
    record = call_record(busy_desk.ledger, waiting.request.event_key)
    assert record.counts == {"asked": 3, "answered": 2, "in_time": 1, "escalated": 3, "cannot_act": 1}
    one = next(row for row in record.bulletins if row["message_id"] == waiting.request.message_id)
    assert [line["what"][0] for line in one["lines"]] == ["已发镇办", "第二联系人", "电话叫应", "已收到"]
    assert [line["at"][-5:] for line in one["lines"]] == ["14:04", "14:20", "14:20", "14:23"]
    assert one["outcome"] == ["19 分钟后应答", "answered after 19 min"]
    assert one["late"]
    silent = next(row for row in record.bulletins if row["outcome"][1] == "not answered")
    assert [line["what"][1] for line in silent["lines"]] == ["Town told", "Second contact", "To be phoned", "Upward"]


def test_the_page_shows_names_as_text(busy_desk: Desk, waiting: Standing) -> None:
    page = record_html(call_record(busy_desk.ledger, waiting.request.event_key))
    assert "张&lt;b&gt;主任&lt;/b&gt;" in page
    assert "<script" not in page
    assert "【演练】" in page
    assert "演示数据" in page


def test_the_pdf_says_the_same_and_is_the_same_every_time(busy_desk: Desk, waiting: Standing) -> None:
    record = call_record(busy_desk.ledger, waiting.request.event_key)
    pdf = record_pdf(record)
    assert pdf == record_pdf(call_record(busy_desk.ledger, waiting.request.event_key))
    document = pypdf.PdfReader(io.BytesIO(pdf))
    text = "".join(page.extract_text() for page in document.pages).replace("\n", "").replace(" ", "")
    for words in (
        "叫应记录",
        "张<b>主任</b>#settext(red)",
        "停电；*道路*_中断_\\@all",
        "李#值班$x$",
        "演练",
        "记录截至",
    ):
        assert words in text
    assert document.pages[0].mediabox.width > document.pages[0].mediabox.height


def test_an_event_without_calls_is_said_to_be_one(desk: Desk) -> None:
    with pytest.raises(ConfigError, match=r"no bulletin of event 'X' asked for an answer"):
        call_record(desk.ledger, "X")


def test_what_the_command_decided_and_departments_said_stands_in_it(desk: Desk, waiting: Standing) -> None:
    event = waiting.request.event_key
    assert call_record(desk.ledger, event).command == []
    at = waiting.request.asked_at
    consult(desk, "气象台", "雨带东移 <b>", by="周预报", entered_by="李明", now=at)
    respond(desk, "start", level="II", by="张指挥", role="commander", why="会商同意", now=at)
    record = call_record(desk.ledger, event)
    assert [(line["what"], line["who"]) for line in record.command] == [
        ("会商 Consultation", "气象台（周预报）"),
        ("启动Ⅱ级应急响应 Response Ⅱ started", "指挥长 张指挥"),
    ]
    page = record_html(record)
    assert "雨带东移 &lt;b&gt;" in page
    text = "".join(one.extract_text() for one in pypdf.PdfReader(io.BytesIO(record_pdf(record))).pages)
    assert "会商同意" in text
