"""The mail that follows when nobody answered: to the second contact of the town, or upward."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from risk_models.levels import Level
from wuyu.ack.book import Standing
from wuyu.ack.codes import reply_code
from wuyu.ack.links import links_of
from wuyu.keys import load_keys
from wuyu.ledger.acknowledgements import StepKind
from wuyu.ledger.models import BulletinRow
from wuyu.messages.letters import letter
from wuyu.messages.mail import Attachment, Mail, MailContent
from wuyu.messages.purpose import Purpose, message_id

if TYPE_CHECKING:
    from wuyu.station import Station

__all__ = ["escalation_mail", "how_to_answer"]

_MIMES: Final = {"pdf": "application/pdf", "cap.xml": "application/cap+xml"}
_HEADS: Final = {
    StepKind.SECOND_CONTACT: ("未应答，请您确认", "No answer yet: please confirm"),
    StepKind.UPWARD: ("镇办未应答，上报", "A town has not answered"),
}
_HELPLESS: Final = ("镇办答复无法处置，上报", "A town cannot act")
_LINK: Final = {"zh": "确认链接（限您本人使用）：", "en": "Confirm here (this link is yours alone): "}


def escalation_mail(station: Station, waiting: Standing, kind: StepKind, recipient: str, *, now: datetime) -> Mail:
    """Return the mail of one step, with the bulletin's files.

    Parameters
    ----------
    station : Station
    waiting : Standing
    kind : StepKind
        SECOND_CONTACT or UPWARD.
    recipient : str
    now : datetime
        Of the domain.

    Returns
    -------
    Mail
    """
    request = waiting.request
    helpless = kind is StepKind.UPWARD and bool(waiting.answers)
    zh, en = _HELPLESS if helpless else _HEADS[kind]
    parts = ["\n".join(_lines(station, waiting, kind, recipient, lang)) for lang in ("zh", "en")]
    level = Level(request.level)
    at = _local(now, request.content)
    content = MailContent(
        subject=f"【{zh} {en}】{level.zh}预警 {request.content['area']['zh']} {at}",
        text="\n\n----------------\n\n".join(parts) + "\n",
        attachments=_attachments(station, request.message_id),
    )
    purpose = Purpose(kind)
    return letter(
        station.sender,
        purpose,
        content,
        message_id=message_id(purpose, request.message_id),
        about=request.message_id,
        recipient=recipient,
        decided_at=now,
        labels={"Level": str(level), "Step": str(kind), "Event": request.event_key},
    )


def _lines(station: Station, waiting: Standing, kind: StepKind, recipient: str, lang: str) -> list[str]:
    request, view = waiting.request, waiting.request.content[lang]
    told = _local(request.asked_at, request.content)
    lines = [*view["banners"], view["headline"], ""]
    if kind is StepKind.UPWARD and waiting.answers:
        answer = waiting.answers[0]
        lines.append(
            f"{answer.name}答复无法处置：{answer.reason}"
            if lang == "zh"
            else f"{answer.name} answered that they cannot act: {answer.reason}"
        )
    else:
        lines.append(
            f"本通报于{told}发出，至今无人应答。" if lang == "zh" else f"Issued {told}; nobody has answered so far."
        )
    lines += [f"{label}{'：' if lang == 'zh' else ': '}{value}" for label, value in view["facts"]]
    if kind is StepKind.SECOND_CONTACT:
        lines += ["", *_how_to_answer(station, waiting, recipient, lang)]
    else:
        lines += ["", f"镇办值班电话：{request.phone}" if lang == "zh" else f"Duty phone of the town: {request.phone}"]
    lines += ["", *(f"- {line}" for line in view["guidance"])]
    lines += [f"- {row['name']} [{row['due']}] {row['clauses']}" for row in view["urgent"]]
    return [*lines, "", view["contact"], request.message_id]


def _how_to_answer(station: Station, waiting: Standing, recipient: str, lang: str) -> list[str]:
    request, links = waiting.request, links_of(station)
    zh, en = how_to_answer(reply_code(load_keys(station.out), request.message_id, recipient))
    lines = [zh if lang == "zh" else en]
    if links is not None:
        link = links.acknowledge(request.message_id, recipient, expires_at=request.expires_at)
        lines.append(f"{_LINK[lang]}{link}")
    return lines


def how_to_answer(code: str) -> tuple[str, str]:
    """Return how a mail of the ladder says to answer it, in Chinese and in English."""
    return (
        f"收到后请立即回复本邮件，写明叫应码 {code} 和姓名；无法处置的，写“无法处置”和原因。",
        f"On receipt reply to this mail with the code {code} and your name; if you cannot act, write "
        '"cannot act" and why.',
    )


def _attachments(station: Station, bulletin_id: str) -> tuple[Attachment, ...]:
    """Return the bulletin's files as they were issued; a file that is gone or changed is left out."""
    with station.ledger.reading() as session:
        bulletin = session.scalars(select(BulletinRow).where(BulletinRow.message_id == bulletin_id)).one_or_none()
    kept = []
    for kind, mime in _MIMES.items():
        product = {} if bulletin is None else bulletin.products.get(kind, {})
        path = station.out / product["path"] if product else None
        if path is not None and path.is_file():
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() == product["sha256"]:
                kept.append(Attachment(filename=path.name, content=data, mime=mime))
    return tuple(kept)


def _local(at: datetime, content: dict[str, Any]) -> str:
    return f"{at.astimezone(ZoneInfo(content['zone'])):%Y-%m-%d %H:%M}"
