"""Answers that come as mail: read, matched by code and sender, written into the book; everything else is left alone.

A mail is data from a stranger. It is parsed within bounds, never executed, never answered, and counts only if its one
sender is among those who were told and it carries the code of that bulletin. Automatic answers, bounces, lists and our
own mails come back in a circle are no answers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr
from enum import StrEnum
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import select

from wuyu.ack.book import Standing, record_answer, standings
from wuyu.ack.forms import NAME_MAX, REASON_MAX, clean
from wuyu.ledger.acknowledgements import AckReply, Answer
from wuyu.messages.guard import is_address

if TYPE_CHECKING:
    from wuyu.ledger import Ledger

__all__ = [
    "BODY_MAX_BYTES",
    "Reply",
    "ReplyOutcome",
    "ReplySource",
    "TakenReply",
    "count_by_outcome",
    "read_reply",
    "take_replies",
]

#: A mail beyond this is not read; an answer is some lines.
BODY_MAX_BYTES = 2 * 2**20
_TEXT_MAX = 20_000
_PARTS_MAX = 50

_CODE = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{6}(?![0-9A-Za-z])")
_QUOTE_BEGINS = re.compile(
    r"^\s*(>|-{2,}\s*(original message|原始邮件|转发邮件|forwarded)|_{10,}|(发件人|from)\s*[:：]|on .{5,120} wrote:|"
    r"在.{4,80}写道[:：]|.{0,80}于.{4,60}写道[:：])",
    re.IGNORECASE,
)
_AUTO_SUBJECT = re.compile(
    r"^\s*(自动回复|自動回覆|自动答复|automatic reply|auto(-|\s)?reply|autoreply|out of office|away from|"
    r"undeliver|delivery status|mail delivery|returned mail|failure notice|退信|系统退信|邮件发送失败)",
    re.IGNORECASE,
)
_ROBOT = re.compile(r"^(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?)([+=-].*)?@", re.IGNORECASE)
_CANNOT = re.compile(r"无法处置|不能处置|无法执行|cannot\s+act|can't\s+act|unable\s+to\s+act", re.IGNORECASE)
_NAMED = re.compile(r"(?:姓名|接收人|确认人|签收人|name)\s*[:：]\s*([^\n,，。;；]{1,40})", re.IGNORECASE)


class ReplyOutcome(StrEnum):
    """What became of a mail."""

    ANSWERED = "answered"
    REPEATED = "repeated"  # an answer stood before
    AUTOMATIC = "automatic"
    OWN = "own"
    NO_SENDER = "no_sender"
    NO_CODE = "no_code"
    WRONG_SENDER = "wrong_sender"
    UNPROVEN = "unproven"
    EXPIRED = "expired"
    AMBIGUOUS = "ambiguous"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Reply:
    """A mail read: why it is no answer, or what it says.

    Attributes
    ----------
    refused : ReplyOutcome or None
    sender : str
        The one address it says it is from.
    codes : tuple of str
        Codes in what the person wrote; if there are none, those in subject and quotation.
    name, reason : str
    answer : Answer
    """

    refused: ReplyOutcome | None = None
    sender: str = ""
    codes: tuple[str, ...] = ()
    name: str = ""
    answer: Answer = Answer.RECEIVED
    reason: str = ""


@dataclass(frozen=True)
class TakenReply:
    """What became of one mail, and of which bulletin it spoke."""

    outcome: ReplyOutcome
    message_id: str = ""


class ReplySource(Protocol):
    """A mailbox: gives raw mails one by one, and is told when one was dealt with."""

    def mails(self) -> Iterator[tuple[str, bytes | None]]:
        """Give (key, raw bytes) of each new mail; None for one that is too large."""

    def done(self, key: str) -> None:
        """Mark a mail as dealt with."""


def read_reply(raw: bytes, *, authserv_id: str = "") -> Reply:
    r"""Read one mail; nothing in it can do harm.

    Parameters
    ----------
    raw : bytes
    authserv_id : str
        Name by which our own mail server signs ``Authentication-Results`` [1]_. If given, only a mail that this server
        found to pass DMARC counts; without it the sender is taken at their word, as in any mail program.

    Returns
    -------
    Reply

    References
    ----------
    .. [1] RFC 8601, section 2; automatic answers: RFC 3834, sections 2 and 5. https://www.rfc-editor.org/rfc/rfc8601

    Examples
    --------
    >>> head = "From: Wang <duty@town.example>\r\nSubject: Re: warning\r\n\r\n"
    >>> mail = head + "收到 B9F2F2 姓名：王值班\r\n\r\n> F00F00 quoted\r\n"
    >>> reply = read_reply(mail.encode())
    >>> reply.codes, reply.name, str(reply.answer)
    (('B9F2F2',), '王值班', 'received')
    """
    try:
        message = message_from_bytes(raw, policy=policy.default)
        refused = _refusal(message)
        if refused is not None:
            return Reply(refused)
        sender = _sender(message)
        if not sender:
            return Reply(ReplyOutcome.NO_SENDER)
        if authserv_id and not _is_proven(message, authserv_id):
            return Reply(ReplyOutcome.UNPROVEN, sender)
        subject = clean(str(message.get("Subject", "")), 300)
        written, quoted = _split(_text(message))
    except (ValueError, LookupError, TypeError, AttributeError, IndexError, RecursionError):
        # The library's parser is lazy and meets broken headers and charsets only when they are looked at.
        return Reply(ReplyOutcome.UNREADABLE)
    codes = _codes(written) or _codes(subject) or _codes(quoted)
    cannot = _CANNOT.search(written) is not None
    named = _NAMED.search(written)
    display = clean(parseaddr(str(message.get("From", "")))[0], NAME_MAX)
    name = clean(named[1], NAME_MAX) if named else ""
    return Reply(
        None if codes else ReplyOutcome.NO_CODE,
        sender,
        codes,
        name or display or sender.partition("@")[0],
        Answer.CANNOT_ACT if cannot else Answer.RECEIVED,
        clean(written, REASON_MAX) if cannot else "",
    )


def take_replies(
    ledger: Ledger, source: ReplySource, *, now: datetime, authserv_id: str = "", limit: int = 500
) -> list[TakenReply]:
    """Read what is new in a mailbox and write the answers; a mail is taken once, however often it is seen.

    Parameters
    ----------
    ledger : Ledger
    source : ReplySource
    now : datetime
        Of the domain.
    authserv_id : str
        As in `read_reply`.
    limit : int
        At most so many mails in one pass: a flood of mail does not keep the desk from anything else.

    Returns
    -------
    list of TakenReply
        Of the mails not seen before.
    """
    taken = []
    for count, (key, raw) in enumerate(source.mails()):
        if count >= limit:
            break
        digest = hashlib.sha256(raw if raw is not None else key.encode()).hexdigest()
        if not _was_seen(ledger, digest):
            outcome, waiting = _take(ledger, raw, now=now, authserv_id=authserv_id)
            _note(ledger, digest, outcome, waiting, now)
            taken.append(TakenReply(outcome, "" if waiting is None else waiting.request.message_id))
        source.done(key)
    return taken


def _take(
    ledger: Ledger, raw: bytes | None, *, now: datetime, authserv_id: str
) -> tuple[ReplyOutcome, Standing | None]:
    if raw is None or len(raw) > BODY_MAX_BYTES:
        return ReplyOutcome.TOO_LARGE, None
    reply = read_reply(raw, authserv_id=authserv_id)
    if reply.refused is not None:
        return reply.refused, None
    known = [one for code in reply.codes for one in standings(ledger, code=code)]
    if not known:
        return ReplyOutcome.NO_CODE, None
    owned = [(one, to) for one in known for to in one.recipients if to.lower() == reply.sender.lower()]
    if not owned:
        return ReplyOutcome.WRONG_SENDER, None
    if len({one.request.id for one, _ in owned}) > 1:
        return ReplyOutcome.AMBIGUOUS, None
    waiting, recipient = owned[0]
    if now >= waiting.request.expires_at:
        return ReplyOutcome.EXPIRED, waiting
    _, is_new = record_answer(
        ledger,
        waiting.request.id,
        recipient=recipient,
        answer=reply.answer,
        name=reply.name,
        reason=reply.reason,
        channel="mail",
        now=now,
    )
    return (ReplyOutcome.ANSWERED if is_new else ReplyOutcome.REPEATED), waiting


def _was_seen(ledger: Ledger, digest: str) -> bool:
    with ledger.reading() as session:
        return session.scalars(select(AckReply.id).where(AckReply.sha256 == digest)).first() is not None


def _note(ledger: Ledger, digest: str, outcome: ReplyOutcome, waiting: Standing | None, now: datetime) -> None:
    request_id = None if waiting is None else waiting.request.id
    with ledger.writing() as session:
        if session.scalars(select(AckReply.id).where(AckReply.sha256 == digest)).first() is None:
            session.add(AckReply(sha256=digest, at=now, outcome=outcome, request_id=request_id))


def _refusal(message: EmailMessage) -> ReplyOutcome | None:
    """Return why a mail cannot be a person's answer, or None."""

    def header(name: str) -> str:
        return str(message.get(name, "")).strip().lower()

    if header("X-Wuyu-Message"):
        return ReplyOutcome.OWN
    automatic = (
        header("Auto-Submitted").partition(";")[0].strip() not in ("", "no")
        or header("Return-Path") == "<>"
        or header("Precedence") in ("bulk", "junk", "list", "auto_reply")
        or any(header(name) for name in ("List-Id", "X-Autoreply", "X-Autorespond", "X-Failed-Recipients", "X-Loop"))
        or message.get_content_type() in ("multipart/report", "message/delivery-status")
        or _AUTO_SUBJECT.match(header("Subject")) is not None
        or _ROBOT.match(parseaddr(header("From"))[1]) is not None
    )
    return ReplyOutcome.AUTOMATIC if automatic else None


def _sender(message: EmailMessage) -> str:
    """Return the one address of From; empty if there is none, or more than one."""
    fields = message.get_all("From", [])
    if len(fields) != 1:
        return ""
    addresses = [address.addr_spec for address in fields[0].addresses]
    return addresses[0] if len(addresses) == 1 and is_address(addresses[0]) else ""


def _is_proven(message: EmailMessage, authserv_id: str) -> bool:
    """Return True if our server's own, topmost result says that DMARC passed; those below may be forged."""
    results = [str(value) for value in message.get_all("Authentication-Results", [])]
    if not results or results[0].split(";")[0].split()[:1] != [authserv_id]:
        return False
    return re.search(r";\s*dmarc\s*=\s*pass\b", results[0], re.IGNORECASE) is not None


def _text(message: EmailMessage) -> str:
    """Return the words of a mail: its plain part, else its HTML without tags."""
    parts = [part for _, part in zip(range(_PARTS_MAX), message.walk(), strict=False)]
    for kind in ("text/plain", "text/html"):
        for part in parts:
            if part.get_content_type() == kind and part.get_content_disposition() != "attachment":
                payload = part.get_payload(decode=True)
                raw = payload if isinstance(payload, bytes) else b""
                text = raw[: 4 * _TEXT_MAX].decode(_charset(part), "replace")
                return (text if kind == "text/plain" else _without_tags(text))[:_TEXT_MAX]
    return ""


def _charset(part: EmailMessage) -> str:
    """Return a charset that Python can decode text with; unknown ones, and tricks like ``zlib``, become UTF-8."""
    name = str(part.get_content_charset() or "utf-8")
    try:
        b"".decode(name, "replace")
    except (LookupError, ValueError, UnicodeError):
        return "utf-8"
    return "gb18030" if name.lower() in ("gb2312", "gbk") else name


class _Words(HTMLParser):
    """Collects the words between tags; what stands in a script or style is none."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.silent += tag in ("script", "style")
        if tag in ("br", "p", "div", "tr", "li"):
            self.words.append("\n")
        if tag == "blockquote":
            self.words.append("\n> ")

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in ("script", "style") and self.silent > 0

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words.append(data)


def _without_tags(html: str) -> str:
    parser = _Words()
    parser.feed(html)
    parser.close()
    return "".join(parser.words)


def _split(text: str) -> tuple[str, str]:
    """Return what the person wrote, and the quotation below it."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if _QUOTE_BEGINS.match(line[:300]):
            return "\n".join(lines[:number]), "\n".join(lines[number:])
    return text, ""


def _codes(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(match.upper() for match in _CODE.findall(text)))[:20]


def count_by_outcome(taken: Iterable[TakenReply]) -> dict[str, int]:
    """Return how many mails had each outcome."""
    counts: dict[str, int] = {}
    for one in taken:
        counts[str(one.outcome)] = counts.get(str(one.outcome), 0) + 1
    return dict(sorted(counts.items()))
