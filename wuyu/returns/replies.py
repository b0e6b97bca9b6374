"""Answers that come as mail: read, proven, matched by code and sender, written into the book or shown to a person.

A mail is data from a stranger. It is parsed within bounds, never executed, never answered. It is an answer only if our
mail server proved its one sender, that sender was told, it carries a code that was sent to them, and its own words are
plain. What is plain but not proven is a claim: it is shown, and it ends nothing. What is not plain is a task.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from reports.bulletin.answering import acknowledgement_text
from wuyu.ack.book import Standing, record_answer, standings
from wuyu.ack.codes import is_secret, reply_codes
from wuyu.ack.forms import NAME_MAX, REASON_MAX, clean
from wuyu.ack.mail import how_to_answer
from wuyu.ack.water import NowAnswer, NowAsked, asked_of_code, mails_of, open_asked, record_now
from wuyu.keys import Keys, load_keys
from wuyu.ledger.acknowledgements import AckReply, Answer, ReplyOutcome
from wuyu.ledger.models import LogEntry, Outbox
from wuyu.ledger.tasks import OPERATOR_TASK
from wuyu.messages.guard import is_address
from wuyu.returns.bounces import take_bounce
from wuyu.returns.boxes import BODY_MAX_BYTES, MailSource, go_through
from wuyu.returns.mailtext import MailText, text_of
from wuyu.returns.now_words import now_meaning_of
from wuyu.returns.proof import is_proven
from wuyu.returns.quotation import OwnWords, Sent, own_words, sent_mail
from wuyu.returns.status_notices import NoticeOutcome, read_report
from wuyu.returns.words import codes_in, meaning_of
from wuyu.station import contacts_of

if TYPE_CHECKING:
    from wuyu.station import Station

__all__ = [
    "BODY_MAX_BYTES",
    "Reply",
    "ReplyOutcome",
    "TakenReply",
    "count_by_outcome",
    "read_reply",
    "take_replies",
]

#: Tasks that mails about one bulletin may raise, and mails about none within an hour: beyond, they are noted only.
TASKS_MAX: Final = 20

_LATE = timedelta(days=7)
_AUTO_SUBJECT = re.compile(
    r"^\s*(自动回复|自動回覆|自动答复|automatic reply|auto(-|\s)?reply|autoreply|out of (the )?office|away from|"
    r"undeliver|delivery status|mail delivery|returned mail|failure notice|退信|系统退信|邮件发送失败|"
    r"已读|已讀|未读|read:|not read:|read receipt|阅读回执|休假|外出)",
    re.IGNORECASE,
)
_ROBOT = re.compile(r"^(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?)([+=-].*)?@", re.IGNORECASE)
_REPORTS = (NoticeOutcome.BOUNCED, NoticeOutcome.DELAYED, NoticeOutcome.DELIVERED, NoticeOutcome.RELAYED)


@dataclass(frozen=True)
class Reply:
    """A mail read: why it is no answer, or what it says.

    Attributes
    ----------
    refused : ReplyOutcome or None
    sender : str
        The one address it says it is from.
    codes : tuple of str
        Codes in what the person wrote; if there are none, those in the subject, else in the quotation.
    seen : tuple of str
        All that look like a code, wherever they stand.
    name, reason : str
        Who answers, and what they wrote if it is more than "received".
    answer : Answer or None
        None if a person must read it.
    proven : bool
        True if our mail server proved the sender.
    """

    refused: ReplyOutcome | None = None
    sender: str = ""
    codes: tuple[str, ...] = ()
    name: str = ""
    answer: Answer | None = None
    reason: str = ""
    proven: bool = False
    seen: tuple[str, ...] = ()


@dataclass(frozen=True)
class TakenReply:
    """What became of one mail, of which bulletin it spoke, and whether it raised a task."""

    outcome: ReplyOutcome
    message_id: str = ""
    task: bool = False


@dataclass(frozen=True)
class _Finding:
    """What a mail was found to be, before it is written down."""

    outcome: ReplyOutcome
    reply: Reply = Reply()
    waiting: Standing | None = None
    why: str = ""


def read_reply(
    raw: bytes,
    *,
    authserv_id: str = "",
    sent: Iterable[Sent] = (),
    names: Iterable[str] = (),
    expected: Collection[str] | None = None,
) -> Reply:
    r"""Read one mail; nothing in it can do harm.

    Parameters
    ----------
    raw : bytes
    authserv_id : str
        Name by which our own mail server signs ``Authentication-Results`` [1]_; without it no sender is proven.
    sent : iterable of Sent
        Mails of ours that it may quote. How to answer, which they all say, is known without.
    names : iterable of str
        Names that may stand in it.
    expected : collection of str, optional
        Codes that were sent to the sender.

    Returns
    -------
    Reply

    References
    ----------
    .. [1] RFC 8601, section 2; automatic answers: RFC 3834, sections 2 and 5. https://www.rfc-editor.org/rfc/rfc8601

    Examples
    --------
    >>> head = "From: Wang <duty@town.example>\r\nSubject: Re: warning\r\n\r\n"
    >>> reply = read_reply((head + "收到 57DE2C4B93 姓名：王值班\r\n").encode())
    >>> reply.codes, reply.name, str(reply.answer), reply.proven
    (('57DE2C4B93',), '王值班', 'received', False)
    >>> read_reply((head + "收到 57DE2C4B93，泵站停电\r\n").encode()).answer is None
    True
    """
    try:
        message = message_from_bytes(raw, policy=policy.default)
        sender = _sender(message)
        refused = _refusal(message) or (None if sender else ReplyOutcome.NO_SENDER)
        if refused is not None:
            return Reply(refused, sender)
        proven = is_proven(message, sender, authserv_id)
        text = text_of(message)
        subject = clean(str(message.get("Subject", "")), 300)
        display = clean(parseaddr(str(message.get("From", "")))[0], NAME_MAX)
    except (ValueError, LookupError, TypeError, AttributeError, IndexError, RecursionError):
        # The library's parser is lazy and meets broken headers and charsets only when they are looked at.
        return Reply(ReplyOutcome.UNREADABLE)
    sent = [*sent, *_known_words(text.words)]
    own = own_words(text.words, sent)
    written = "\n".join(own.lines)
    codes = codes_in(written) or codes_in(subject) or codes_in(text.words)
    answer, name = _meaning(text, own, sent, names=[display, sender.partition("@")[0], *names], expected=expected)
    return Reply(
        None if codes else ReplyOutcome.NO_CODE,
        sender,
        codes,
        clean(name, NAME_MAX) or display or sender.partition("@")[0],
        answer,
        "" if answer is Answer.RECEIVED else clean("\n".join([*own.lines, *own.marked]), REASON_MAX),
        proven,
        codes_in("\n".join([written, subject, text.words])),
    )


def _meaning(
    text: MailText, own: OwnWords, sent: list[Sent], *, names: Iterable[str], expected: Collection[str] | None
) -> tuple[Answer | None, str]:
    """Say what a mail means: "received" only if nothing in it is left that somebody else should look at."""
    meaning = meaning_of(own.lines, names=[name for name in names if name], codes=expected)
    strange_files = text.files - frozenset[str]().union(*(one.files for one in sent))
    is_more = bool(own.marked or strange_files) or not text.is_whole
    if meaning.answer is Answer.RECEIVED and is_more:
        return None, meaning.name
    return meaning.answer, meaning.name


def _known_words(text: str) -> Iterator[Sent]:
    """Give what every mail of ours says with the codes that stand in a text."""
    for code in codes_in(text):
        said = acknowledgement_text(code)
        plain = "\n".join([*how_to_answer(code), said.zh, said.en])
        yield sent_mail(MailText(plain, "", frozenset(), True), "")


def take_replies(
    station: Station, source: MailSource, *, now: datetime, authserv_id: str = "", limit: int = 500
) -> list[TakenReply]:
    """Read what is new in a mailbox and write the answers; a mail is taken once, however often it is seen.

    Parameters
    ----------
    station : Station
        Its settings name the mail server that proves senders (``mail.authserv_id``).
    source : MailSource
    now : datetime
        Of the domain.
    authserv_id : str
        Stands in for the one of the settings.
    limit : int
        At most so many mails in one pass: a flood of mail does not keep the desk from anything else.

    Returns
    -------
    list of TakenReply
        Of the mails not seen before.

    Raises
    ------
    ConfigError
        If the keys cannot be read.
    LedgerFaultError, DispatchError
        As `wuyu.returns.boxes.go_through`.
    """
    contacts_of(station)  # an old ledger gets them now
    desk = _ReplyDesk(station, load_keys(station.out), now, authserv_id or station.settings.mail.authserv_id or "")
    return go_through(source, limit=limit, was_seen=desk.was_seen, take=desk.take, broke=desk.broke)


class _ReplyDesk:
    """Takes one mail after the other."""

    def __init__(self, station: Station, keys: Keys, now: datetime, authserv_id: str) -> None:
        self.station = station
        self.keys = keys
        self.now = now
        self.authserv_id = authserv_id

    def was_seen(self, digest: str) -> bool:
        with self.station.ledger.reading() as session:
            return session.scalars(select(AckReply.id).where(AckReply.sha256 == digest)).first() is not None

    def take(self, raw: bytes | None, digest: str) -> TakenReply:
        return self._note(digest, self._found(raw, digest))

    def broke(self, key: str, digest: str, error: Exception) -> TakenReply:
        why = f"the mail {key} broke our reader ({type(error).__name__}: {clean(str(error), 120)})"
        return self._note(digest, _Finding(ReplyOutcome.FAILED, why=why))

    def _found(self, raw: bytes | None, digest: str) -> _Finding:
        if raw is None or len(raw) > BODY_MAX_BYTES:
            return _Finding(ReplyOutcome.TOO_LARGE, why="a mail is too large, or cannot be opened")
        first = read_reply(raw, authserv_id=self.authserv_id)
        reported = read_report(raw).outcome if first.refused is ReplyOutcome.AUTOMATIC else None
        if reported in _REPORTS:
            take_bounce(self.station, raw, digest, now=self.now)
            return _Finding(ReplyOutcome.BOUNCE, first)
        if first.refused is ReplyOutcome.UNREADABLE:
            return _Finding(ReplyOutcome.UNREADABLE, why="a mail cannot be read")
        if first.refused in (ReplyOutcome.OWN, ReplyOutcome.NO_SENDER):
            return _Finding(first.refused, first)
        if first.refused is None and (water := self._of_water(first)) is not None:
            return self._from_water(raw, first, *water)
        told = standings(
            self.station.ledger,
            district_code=self.station.code,
            told=first.sender,
            ended_after=self.now - _LATE,
            with_content=False,
        )
        told = [one for one in told if first.sender.lower() in map(str.lower, one.recipients)]
        if not told and reported is NoticeOutcome.UNCLEAR:
            return _Finding(ReplyOutcome.AUTOMATIC, first, why="a mail system wrote in no form that we can read")
        if not told:
            return self._from_elsewhere(first)
        if first.refused is ReplyOutcome.AUTOMATIC:
            return _Finding(
                ReplyOutcome.AUTOMATIC, first, told[-1], "an automatic answer: nobody has read the bulletin"
            )
        return self._from_told(raw, first, told)

    def _of_water(self, reply: Reply) -> tuple[NowAsked, str] | None:
        """Return the message that water stands with whose code a mail answers, and to whom that code was sent."""
        asked = open_asked(self.station.ledger, self.station.code, self.now)
        for code in reply.codes:
            for found in asked_of_code(asked, self.keys, code, [reply.sender]):
                return found
        return None

    def _from_water(self, raw: bytes, first: Reply, asked: NowAsked, reader: str) -> _Finding:
        """Judge an answer to a message that water stands, by the rule of all answers."""
        text = text_of(message_from_bytes(raw, policy=policy.default))
        with self.station.ledger.reading() as session:
            bodies = mails_of(session, asked.message_id, reader)
        mails = [message_from_bytes(body, policy=policy.default) for body in bodies]
        sent = [sent_mail(text_of(mail), str(mail.get("Subject", ""))) for mail in mails]
        own = own_words(text.words, [*sent, *_known_words(text.words)])
        lines = own.lines if codes_in("\n".join(own.lines)) else [*own.lines, first.codes[0]]
        meaning = now_meaning_of(lines, names=[asked.town, first.name], codes=set(first.codes))
        is_more = bool(own.marked or text.files) or not text.is_whole
        all_meant = len(asked.places) == 1 or meaning.of_each or NowAnswer.WATER_GONE not in meaning.answers
        reply = replace(first, reason=clean("\n".join([*own.lines, *own.marked]), REASON_MAX))
        if not meaning.answers or is_more or not all_meant:
            return _Finding(ReplyOutcome.TO_READ, reply, why=f"{asked.town} writes of standing water")
        if not (first.proven and any(map(is_secret, first.codes))):
            why = f"an answer of {asked.town} on standing water proves nothing: call {asked.phone}"
            return _Finding(ReplyOutcome.CLAIMED, reply, why=why)
        is_new = record_now(
            self.station.ledger,
            asked,
            dict.fromkeys(asked.places, sorted(meaning.answers)),
            reader=reader,
            name=meaning.name or first.name,
            channel="mail",
            now=self.now,
        )
        return _Finding(ReplyOutcome.ANSWERED if is_new else ReplyOutcome.REPEATED, reply)

    def _from_elsewhere(self, reply: Reply) -> _Finding:
        """Judge a mail of someone who was not told: it concerns us only if it carries a code that cannot be guessed."""
        if reply.refused is not None:
            return _Finding(reply.refused, reply)
        known = [one for code in reply.codes for one in standings(self.station.ledger, code=code, with_content=False)]
        if not known:
            return _Finding(ReplyOutcome.NO_CODE, reply)
        why = f"{reply.sender} answers with the code of this bulletin, and was not told of it"
        secret = any(is_secret(one.request.code) for one in known)
        return _Finding(ReplyOutcome.WRONG_SENDER, reply, known[0] if secret else None, why)

    def _from_told(self, raw: bytes, first: Reply, told: list[Standing]) -> _Finding:
        """Judge a mail of someone who was told."""
        meant: list[Standing] = []
        for codes in (first.codes, first.seen):
            meant = meant or [one for one in told if self._codes(one, first.sender) & set(codes)]
        if not meant:
            return _Finding(ReplyOutcome.NO_CODE, first, told[-1], "a reply without a code that was sent to its sender")
        if len(meant) > 1:
            return _Finding(ReplyOutcome.AMBIGUOUS, first, meant[-1], "one reply to several bulletins")
        (waiting,) = meant
        expected = self._codes(waiting, first.sender)
        reply = read_reply(
            raw,
            authserv_id=self.authserv_id,
            sent=self._sent(waiting, first.sender),
            names=self._names(waiting),
            expected=expected,
        )
        reply = replace(reply, codes=tuple(code for code in reply.seen if code in expected))
        if self.now >= waiting.request.expires_at:
            return _Finding(ReplyOutcome.EXPIRED, reply, waiting)
        return self._judged(reply, waiting)

    def _judged(self, reply: Reply, waiting: Standing) -> _Finding:
        """Apply the rule: plain words, a secret code and a proven sender make an answer; nothing less does."""
        if reply.answer is None:
            return _Finding(ReplyOutcome.TO_READ, reply, waiting, "a reply says more than 'received'")
        if not (reply.proven and any(map(is_secret, reply.codes))):
            why = "an answer that proves nothing"
            return _Finding(ReplyOutcome.CLAIMED, reply, waiting, f"{why} says {reply.answer.value!r}: ask them")
        recipient = next(to for to in waiting.recipients if to.lower() == reply.sender.lower())
        stands, is_new = record_answer(
            self.station.ledger,
            waiting.request.id,
            recipient=recipient,
            answer=reply.answer,
            name=reply.name,
            reason=reply.reason,
            channel="mail",
            now=self.now,
        )
        if not is_new and stands.answer != reply.answer:
            return _Finding(ReplyOutcome.TO_READ, reply, waiting, f"after {stands.answer!r} a reply says otherwise")
        why = "a town cannot act" if is_new and reply.answer is Answer.CANNOT_ACT else ""
        return _Finding(ReplyOutcome.ANSWERED if is_new else ReplyOutcome.REPEATED, reply, waiting, why)

    def _codes(self, waiting: Standing, sender: str) -> set[str]:
        return reply_codes(self.keys, waiting.request.message_id, {sender: waiting.request.code})[sender]

    def _sent(self, waiting: Standing, sender: str) -> list[Sent]:
        """Return the mails about a bulletin that went to the sender, as they may be quoted."""
        query = select(Outbox).where(Outbox.about == waiting.request.message_id, Outbox.channel == "mail")
        with self.station.ledger.reading() as session:
            rows = session.scalars(query.where(func.lower(Outbox.recipient) == sender.lower()))
            bodies = [row.content.body for row in rows]
        messages = [message_from_bytes(body, policy=policy.default) for body in bodies]
        return [sent_mail(text_of(message), str(message.get("Subject", ""))) for message in messages]

    def _names(self, waiting: Standing) -> list[str]:
        town = contacts_of(self.station).get(waiting.request.area_code)
        return [] if town is None else [town.town_name, town.town_name_en]

    def _note(self, digest: str, found: _Finding) -> TakenReply:
        """Write down what became of a mail, and the task it raises."""
        reply, request = found.reply, None if found.waiting is None else found.waiting.request
        with self.station.ledger.decide(now=self.now, who="replies") as decision:
            if decision.session.scalars(select(AckReply.id).where(AckReply.sha256 == digest)).first() is not None:
                return TakenReply(found.outcome, "" if request is None else request.message_id)
            is_over = request is not None and self.now >= request.expires_at
            is_task = bool(found.why) and not is_over and self._may_raise(decision.session, request)
            if is_task:
                facts: dict[str, Any] = {"sender": reply.sender, "outcome": str(found.outcome), "said": reply.reason}
                if request is not None:
                    facts |= {"event_key": request.event_key, "message_id": request.message_id, "phone": request.phone}
                decision.log(OPERATOR_TASK, task=_todo(found.why, request), **facts)
            decision.session.add(
                AckReply(
                    sha256=digest,
                    at=self.now,
                    outcome=found.outcome,
                    request_id=None if request is None else request.id,
                    sender=reply.sender,
                    name=reply.name,
                    answer="" if reply.answer is None else str(reply.answer),
                    words=reply.reason,
                )
            )
        return TakenReply(found.outcome, "" if request is None else request.message_id, is_task)

    def _may_raise(self, session: Session, request: Any) -> bool:
        """Return False if mails have raised as many tasks as a person can read: a flood of forgeries hides nothing."""
        query = select(func.count(LogEntry.id)).where(LogEntry.what == OPERATOR_TASK, LogEntry.who == "replies")
        if request is None:
            query = query.where(LogEntry.message_id.is_(None), LogEntry.at > self.now - timedelta(hours=1))
        else:
            query = query.where(LogEntry.event_key == request.event_key, LogEntry.message_id == request.message_id)
        return session.scalars(query).one() < TASKS_MAX


def _todo(why: str, request: Any) -> str:
    whom = "" if request is None else f", or call {request.phone} and note it on the duty desk's page"
    return f"{why}: read it in the mailbox of the replies{whom}"


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


def count_by_outcome(taken: Iterable[TakenReply]) -> dict[str, int]:
    """Return how many mails had each outcome."""
    counts: dict[str, int] = {}
    for one in taken:
        counts[str(one.outcome)] = counts.get(str(one.outcome), 0) + 1
    return dict(sorted(counts.items()))
