"""The call record of an event: who was told when and by which way, who answered when, and every step in between."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import typst

from reports.fonts import SANS, font_folder, printable
from risk_models.district.command import COMMAND_ROLES
from risk_models.errors import ConfigError
from risk_models.levels import Level
from wuyu.ack.book import Standing, standings
from wuyu.ack.pages import (
    ANSWER_WORDS,
    CHANNEL_WORDS,
    CLAIM_WORDS,
    RESPONSE_WORDS,
    STEP_WORDS,
    SYMBOLS,
    TEMPLATES,
    local,
    render,
)
from wuyu.ledger.acknowledgements import Answer, ReplyOutcome, StepKind
from wuyu.ledger.command import ConsultationEntry, ResponseStep, command_of_event
from wuyu.ledger.store import Ledger

__all__ = ["CallRecord", "call_record", "record_html", "record_pdf"]


@dataclass(frozen=True)
class CallRecord:
    """The record as plain data.

    Attributes
    ----------
    event_key : str
    zone : str
        Local time zone.
    banners : list of tuple of str
        Chinese and English marks, e.g. of an exercise.
    counts : dict of str to int
        Bulletins that asked, were answered, answered in time, escalated, answered "cannot act".
    bulletins : list of dict
        One per bulletin, with its lines in the order of time.
    command : list of dict
        Consultations and steps of the response in that event, in the order of time.
    until : datetime
        Latest time in the record.
    """

    event_key: str
    zone: str
    banners: list[tuple[str, str]]
    counts: dict[str, int]
    bulletins: list[dict[str, Any]]
    command: list[dict[str, str]]
    until: datetime


def call_record(ledger: Ledger, event_key: str, *, marks: Sequence[tuple[str, str]] = ()) -> CallRecord:
    """Gather the call record of an event from the ledger.

    Parameters
    ----------
    ledger : Ledger
    event_key : str
    marks : sequence of (str, str)
        Further banners, Chinese and English, beside those of the bulletins.

    Returns
    -------
    CallRecord

    Raises
    ------
    ConfigError
        If nobody was asked for an answer in that event.
    """
    found = standings(ledger, event_key=event_key)
    if not found:
        raise ConfigError(f"no bulletin of event {event_key!r} asked for an answer; `wuyu ack list --all` names events")
    content = found[0].request.content
    banners = list(zip(content["zh"]["banners"], content["en"]["banners"], strict=True))
    moments = [step.at for one in found for step in one.steps] + [row.at for one in found for row in one.answers]
    moments += [mail.at for one in found for mail in one.claims]
    acts = command_of_event(ledger, event_key)
    moments += [one.at for one in acts]
    return CallRecord(
        event_key=event_key,
        zone=content["zone"],
        banners=banners + [mark for mark in marks if mark not in banners],
        counts={
            "asked": len(found),
            "answered": sum(one.answer is not None for one in found),
            "in_time": sum(_in_time(one) for one in found),
            "escalated": sum(len(one.steps) > _told(one) for one in found),
            "cannot_act": sum(any(row.answer == Answer.CANNOT_ACT for row in one.answers) for one in found),
        },
        bulletins=[_bulletin(one) for one in found],
        command=[_command(one, content["zone"]) for one in acts],
        until=max([*moments, *(one.request.asked_at for one in found)]),
    )


def record_html(record: CallRecord) -> str:
    """Return the record as one printable page, without scripts or remote parts."""
    return render("record.html.j2", record=record)


def record_pdf(record: CallRecord) -> bytes:
    """Return the record as PDF/UA-1, A4 across; the same record gives the same bytes.

    Every text reaches the template as JSON, so a name can never be read as markup.
    """
    data = {
        "font": SANS,
        "event": record.event_key,
        "banners": [f"{zh} {en}" for zh, en in record.banners],
        "counts": record.counts,
        "until": local(record.until, record.zone, year=True),
        "date": [record.until.year, record.until.month, record.until.day],
        "bulletins": record.bulletins,
        "command": record.command,
    }
    document = _compiler().compile(
        input=(TEMPLATES / "record.typ").read_bytes(),
        format="pdf",
        sys_inputs={"data": printable(json.dumps(data, ensure_ascii=False))},
        pdf_standards=["ua-1"],
        timestamp=int(record.until.timestamp()),
    )
    if not isinstance(document, bytes):
        raise TypeError(f"typst returned {type(document).__name__}, not one PDF")
    return document


def _command(act: ConsultationEntry | ResponseStep, zone: str) -> dict[str, str]:
    """Return one line of what the command decided, or a department said."""
    at = local(act.at, zone, year=True)
    if isinstance(act, ConsultationEntry):
        who = f"{act.department}（{act.by}）"
        return {
            "at": at,
            "what": "会商 Consultation",
            "who": who,
            "note": f"{act.view}（记录 noted by {act.entered_by}）",
        }
    zh, en = RESPONSE_WORDS[act.step]
    what = f"{zh}{act.level}级应急响应 Response {act.level} {en}"
    proposed = f"（当时参考建议 proposed then {act.proposed}）" if act.proposed else ""
    return {"at": at, "what": what, "who": f"{COMMAND_ROLES[act.role][0]} {act.by}", "note": f"{act.why}{proposed}"}


@cache
def _compiler() -> typst.Compiler:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(font_folder())])
    return typst.Compiler(font_paths=fonts)


def _told(one: Standing) -> int:
    return sum(step.kind in (StepKind.TOLD, StepKind.INFORMED) for step in one.steps)


def _in_time(one: Standing) -> bool:
    answer, due_at = one.answer, one.request.due_at
    return answer is not None and (due_at is None or answer.at <= due_at)


def _bulletin(one: Standing) -> dict[str, Any]:
    """Return one bulletin with its lines."""
    asked, zone = one.request, one.request.content["zone"]
    level = Level(asked.content["level"])
    due = "—" if asked.due_at is None else local(asked.due_at, zone)
    if one.answer is not None:
        took = int((one.answer.at - asked.asked_at).total_seconds() // 60)
        outcome = (f"{took} 分钟后应答", f"answered after {took} min")
    elif one.superseded:
        outcome = ("未应答，后续通报另行叫应", "not answered; a later bulletin asked anew")
    else:
        outcome = ("未应答", "not answered")
    return {
        "area": [asked.content["area"]["zh"], asked.content["area"]["en"]],
        "level": f"{level.zh} {level.en}",
        "symbol": SYMBOLS[level],
        "key": str(level),
        "fill": level.fill,
        "ink": level.ink,
        "action": f"{asked.content['zh']['action']} {asked.content['en']['action']}",
        "message_id": asked.message_id,
        "code": asked.code,
        "asked": local(asked.asked_at, zone, year=True),
        "due": due,
        "outcome": list(outcome),
        "late": not _in_time(one) and asked.due_at is not None,
        "lines": _lines(one),
    }


def _lines(one: Standing) -> list[dict[str, Any]]:
    zone = one.request.content["zone"]
    lines: list[tuple[datetime, dict[str, Any]]] = []
    for step in one.steps:
        zh, en = STEP_WORDS[StepKind(step.kind)]
        undelivered = step.id in one.unreached or bool(step.note)
        note = "未送达 not delivered " if undelivered else ""
        told = {"what": [zh, en], "who": f"{step.name} {step.recipient}".strip(), "channel": step.channel}
        lines.append((step.at, told | {"note": f"{note}{step.note}".strip(), "answer": False}))
    for row in one.answers:
        zh, en = ANSWER_WORDS[Answer(row.answer)]
        by = f"{row.reason} {'记录 noted by ' + row.recorded_by if row.recorded_by else ''}".strip()
        who = f"{row.name} {row.recipient}"
        lines.append((row.at, {"what": [zh, en], "who": who, "channel": row.channel, "note": by, "answer": True}))
    for mail in one.claims:
        zh, en = CLAIM_WORDS[ReplyOutcome(mail.outcome)]
        who = f"{mail.name} {mail.sender}".strip()
        lines.append((mail.at, {"what": [zh, en], "who": who, "channel": "mail", "note": mail.words, "answer": False}))
    lines.sort(key=lambda line: line[0])
    return [
        line | {"at": local(at, zone, year=True), "channel": " ".join(CHANNEL_WORDS[line["channel"]])}
        for at, line in lines
    ]
