"""A notice: a few sentences that go out at once beside bulletins, by mail and by every channel, in one form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from risk_models.district.outgoing import FileChannelSettings, SmsChannelSettings
from wuyu.clock import clock_marks
from wuyu.delivery.channels import channels_in_use, make_parcel
from wuyu.delivery.summary import as_bytes, bundle_of, notice_texts, sms_body, with_cap
from wuyu.messages.letters import letter
from wuyu.messages.mail import Mail, MailContent

if TYPE_CHECKING:
    from risk_models.district.outgoing import ChannelSettings
    from wuyu.desk import Desk
    from wuyu.ledger import Decision, Outbox
    from wuyu.messages.purpose import Purpose

__all__ = ["NOTICE_SCHEMA", "Notice", "queue_notice"]

NOTICE_SCHEMA: Final = "wuyu-notice-1"


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What a notice says, and where it stands.

    Attributes
    ----------
    purpose : Purpose
    message_id, about, event_key : str
    place : str
        Chinese name of the area, for the short message.
    subject : str
    zh, en : str
        The text, marks of demonstration and clock not among it.
    short : str
        For a short message, after the name of the place.
    facts : mapping
        What machines are told beside the texts.
    labels : mapping
        For the headers of a mail.
    expires_at : datetime
    priority : int
    asks : callable or None
        How one reader answers, in Chinese, in English and in place of `short`; None for a reader of whom nothing is
        asked.
    cap : bytes or None
        The same as a CAP message, for webhooks and folders.
    """

    purpose: Purpose
    message_id: str
    about: str
    event_key: str
    place: str
    subject: str
    zh: str
    en: str
    short: str
    facts: Mapping[str, Any]
    labels: Mapping[str, str]
    expires_at: datetime
    priority: int
    asks: Callable[[str], tuple[str, str, str] | None] = lambda _: None
    cap: bytes | None = None


def queue_notice(
    desk: Desk,
    decision: Decision,
    notice: Notice,
    *,
    mailboxes: list[str],
    readers: Callable[[ChannelSettings], list[str]],
    scope: str,
) -> list[Outbox]:
    """Queue a notice for everyone it is for, within the caller's transaction; calling it again adds nothing.

    Parameters
    ----------
    desk : Desk
    decision : Decision
    notice : Notice
    mailboxes : list of str
        Whom a mail tells.
    readers : callable
        Whom a channel tells.
    scope : str
        As in CAP.

    Returns
    -------
    list of Outbox
    """
    texts = _marked(desk, notice)
    parcels: list[Any] = [_mail_to(desk, decision, notice, texts, recipient) for recipient in mailboxes]
    for channel in channels_in_use(desk.settings, status=desk.settings.mail.status, scope=scope):
        parcels += [
            make_parcel(
                desk.settings,
                channel,
                recipient,
                _body(desk, channel, notice, texts, recipient=recipient, scope=scope),
                message_id=notice.message_id,
                purpose=notice.purpose,
                about=notice.about,
                subject=notice.subject,
                scope=scope,
                decided_at=decision.now,
            )
            for recipient in readers(channel)
        ]
    return [
        decision.queue(parcel, expires_at=notice.expires_at, priority=notice.priority, event_key=notice.event_key)
        for parcel in parcels
    ]


def _marked(desk: Desk, notice: Notice) -> dict[str, str]:
    """Put the marks of demonstration data and of a clock that is not the wall's before the texts."""
    zh, en = ("演示数据，非真实情况。\n", "Demonstration data.\n") if desk.settings.district.demonstration else ("", "")
    for mark_zh, mark_en in clock_marks():
        zh, en = f"{zh}{mark_zh}\n", f"{en}{mark_en}\n"
    return {"zh": zh + notice.zh, "en": en + notice.en}


def _mail_to(desk: Desk, decision: Decision, notice: Notice, texts: dict[str, str], recipient: str) -> Mail:
    zh, en = texts["zh"], texts["en"]
    if (asked := notice.asks(recipient)) is not None:
        zh, en = f"{zh}\n{asked[0]}", f"{en}\n{asked[1]}"
    text = f"{zh}\n\n{en}\n\n{notice.message_id}\n"
    return letter(
        desk.sender,
        notice.purpose,
        MailContent(subject=notice.subject, text=text),
        message_id=notice.message_id,
        about=notice.about,
        recipient=recipient,
        decided_at=decision.now,
        labels=notice.labels,
    )


def _body(
    desk: Desk, channel: ChannelSettings, notice: Notice, texts: dict[str, str], *, recipient: str, scope: str
) -> bytes:
    settings = desk.settings
    status = settings.mail.status
    if isinstance(channel, SmsChannelSettings):
        marks = {"演练": status == "Exercise", "测试": status == "Test", "演示数据": settings.district.demonstration}
        marks |= {zh.partition("：")[0]: True for zh, _ in clock_marks()}
        asked = notice.asks(recipient)
        short = notice_texts(marks, notice.place, notice.short if asked is None else asked[2])
        return sms_body(short, message_id=notice.message_id, to=recipient, status=status)
    facts: dict[str, Any] = {
        "schema": NOTICE_SCHEMA,
        "message_id": notice.message_id,
        "notice": notice.labels["Notice"],
        "event_key": notice.event_key,
        **notice.facts,
        "status": status,
        "scope": scope,
        "demonstration": settings.district.demonstration,
        "district": {"code": desk.code},
        "text": texts,
    }
    if isinstance(channel, FileChannelSettings):
        return bundle_of(facts, {} if notice.cap is None else {"cap.xml": (_cap_name(notice), notice.cap)})
    return as_bytes(facts) if notice.cap is None else with_cap(facts, notice.cap)


def _cap_name(notice: Notice) -> str:
    return f"{notice.message_id}.cap.xml"
