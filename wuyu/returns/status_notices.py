"""Read delivery-status notifications: which mail came back, for whom, and whether for good.

References
----------
RFC 3464 (form), RFC 3463 (status codes). https://www.rfc-editor.org/rfc/rfc3464
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from enum import StrEnum
from typing import Any

__all__ = ["BounceKind", "DeliveryStatus", "NoticeOutcome", "classify_bounce", "judge_action", "read_report"]

_RECIPIENTS_MAX = 20
_PARTS_MAX = 30
_STATUS = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})\b")
_OF_RECIPIENT = ("Action", "Status", "Final-Recipient", "Original-Recipient")
_RETURN_HEADERS = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")
_MESSAGE_ID = re.compile(r"^Message-ID:\s*(<[^<>\s]{1,250}>)", re.IGNORECASE | re.MULTILINE)


class NoticeOutcome(StrEnum):
    """What a mail of the return box turned out to be."""

    BOUNCED = "bounced"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"  # handed on to where no reports come from: nobody knows whether it arrived
    UNCLEAR = "unclear"  # of a mail system, but in no form or words that we can read
    AUTOMATIC = "automatic"  # an absence note or another robot
    NOT_A_REPORT = "not_a_report"
    UNKNOWN = "unknown"  # about no mail of ours
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    FAILED = "failed"  # our reader broke at it


_GRAVEST_FIRST = (
    NoticeOutcome.BOUNCED,
    NoticeOutcome.UNCLEAR,
    NoticeOutcome.DELAYED,
    NoticeOutcome.RELAYED,
    NoticeOutcome.DELIVERED,
)
_BAD_WORDS = {"failed": NoticeOutcome.BOUNCED, "delayed": NoticeOutcome.DELAYED}
_GOOD_WORDS = {
    "delivered": NoticeOutcome.DELIVERED,
    "relayed": NoticeOutcome.RELAYED,
    "expanded": NoticeOutcome.RELAYED,
}


class BounceKind(StrEnum):
    """Whose fault it is: the address is wrong, the box cannot take mail now, or they do not want ours."""

    HARD = "hard"
    SOFT = "soft"
    POLICY = "policy"


@dataclass(frozen=True, kw_only=True)
class DeliveryStatus:
    """What one mail of the return box says.

    Attributes
    ----------
    outcome : NoticeOutcome
    status : str
        E.g. ``5.1.1``; empty if none was given.
    kind : BounceKind or None
        Of what failed or is late.
    recipients : tuple of str
        Addresses it is about, in lower case.
    returned_to : str
        Header lines in which our return address stands.
    message_id : str
        Message-ID of the mail it is about.
    text : str
        What the other side said.
    """

    outcome: NoticeOutcome
    status: str = ""
    kind: BounceKind | None = None
    recipients: tuple[str, ...] = ()
    returned_to: str = ""
    message_id: str = ""
    text: str = ""


def classify_bounce(status: str) -> BounceKind:
    """Return what a status code says of the fault.

    5.1.x and a closed box (5.2.1) are faults of the address; a full box (x.2.2) and everything transient passes; 5.7.x
    is policy, often a fault of our own (authentication). What is not known counts as hard: somebody must look at it.

    Examples
    --------
    >>> [str(classify_bounce(code)) for code in ("5.1.1", "4.2.2", "5.2.2", "5.7.26", "4.4.1", "")]
    ['hard', 'soft', 'soft', 'policy', 'soft', 'hard']
    """
    match = _STATUS.match(status)
    if match is None:
        return BounceKind.HARD
    grade, subject, detail = (int(part) for part in match.groups())
    if subject == 7:
        return BounceKind.POLICY
    return BounceKind.SOFT if grade == 4 or (subject, detail) == (2, 2) else BounceKind.HARD


def read_report(raw: bytes) -> DeliveryStatus:
    """Read one mail of the return box; nothing in it can do harm.

    Parameters
    ----------
    raw : bytes

    Returns
    -------
    DeliveryStatus
    """
    try:
        message = message_from_bytes(raw, policy=policy.default)
        returned_to = "\n".join(str(value)[:1000] for name in _RETURN_HEADERS for value in message.get_all(name, []))
        blocks = _status_blocks(message)
        if blocks:
            return _judged(blocks, returned_to, _original_id(message))
        return DeliveryStatus(outcome=_without_report(message), returned_to=returned_to, text=_subject(message))
    except (ValueError, LookupError, TypeError, AttributeError, IndexError, RecursionError):
        # The library's parser is lazy and meets broken headers and charsets only when they are looked at.
        return DeliveryStatus(outcome=NoticeOutcome.UNREADABLE)


def _status_blocks(message: EmailMessage) -> list[Message]:
    """Return the parts about single recipients of a delivery report; none if it is no such report."""
    is_report = message.get_content_type() == "multipart/report"
    if not is_report or str(message.get_param("report-type", "")).lower() not in ("delivery-status", ""):
        return []
    for _, part in zip(range(_PARTS_MAX), message.walk(), strict=False):
        if part.get_content_type() == "message/delivery-status" and isinstance(part.get_payload(), list):
            blocks = [block for block in part.get_payload() if isinstance(block, Message)]
            return [block for block in blocks if any(block.get(name) for name in _OF_RECIPIENT)][:_RECIPIENTS_MAX]
    return []


def _judged(blocks: list[Message], returned_to: str, message_id: str) -> DeliveryStatus:
    """Return the gravest of what the blocks say: one mail has one recipient, but a list behind it may have many."""
    judged = [(judge_action(str(block.get("Action", "")), _status_of(block)), block) for block in blocks]
    outcome, worst = min(judged, key=lambda one: _GRAVEST_FIRST.index(one[0]))
    status = _status_of(worst)
    return DeliveryStatus(
        outcome=outcome,
        status=status,
        kind=classify_bounce(status) if outcome in (NoticeOutcome.BOUNCED, NoticeOutcome.DELAYED) else None,
        recipients=tuple(
            dict.fromkeys(
                address
                for block in blocks
                for name in ("Original-Recipient", "Final-Recipient")
                if (address := _address(str(block.get(name, ""))))
            )
        ),
        returned_to=returned_to,
        message_id=message_id,
        text=_clean(str(worst.get("Diagnostic-Code", ""))),
    )


def judge_action(action: str, status: str) -> NoticeOutcome:
    """Return what the Action field [1]_ and the status code of one recipient say together.

    The first word of Action counts, in any case. Mail servers write other words than the five of the standard, and what
    is not understood is never good news: then the class of the status decides, and without one it is unclear. Good
    news needs both: "delivered" with a status that begins with 5 is unclear.

    Parameters
    ----------
    action : str
        E.g. ``failed (permanent)``.
    status : str
        E.g. ``5.1.1``; empty if none was given.

    References
    ----------
    .. [1] RFC 3464, section 2.3.3. https://www.rfc-editor.org/rfc/rfc3464

    Examples
    --------
    >>> [str(judge_action(*one)) for one in (("failed", "5.1.1"), ("Failed;", ""), ("expired", "4.4.7"))]
    ['bounced', 'bounced', 'delayed']
    >>> [str(judge_action(*one)) for one in (("expired", ""), ("delivered", "5.1.1"), ("delivered", "2.1.5"))]
    ['unclear', 'unclear', 'delivered']
    """
    word, grade = (re.findall(r"[a-z]+", action.lower()) or [""])[0], status[:1]
    if word in _GOOD_WORDS:
        return _GOOD_WORDS[word] if grade == "2" else NoticeOutcome.UNCLEAR
    if word in _BAD_WORDS:
        return NoticeOutcome.UNCLEAR if grade == "2" else _BAD_WORDS[word]
    return {"5": NoticeOutcome.BOUNCED, "4": NoticeOutcome.DELAYED}.get(grade, NoticeOutcome.UNCLEAR)


def _status_of(block: Message) -> str:
    match = _STATUS.match(str(block.get("Status", "")))
    return ".".join(match.groups()) if match else ""


def _original_id(message: EmailMessage) -> str:
    """Return the Message-ID of the mail that came back, from the part that holds it or its headers."""
    for _, part in zip(range(_PARTS_MAX), message.walk(), strict=False):
        kind = part.get_content_type()
        payload = part.get_payload()
        if kind == "message/rfc822" and isinstance(payload, list) and payload:
            inner: Any = payload[0]
            found = str(inner["Message-ID"] or "").strip()
            return found if re.fullmatch(r"<[^<>\s]{1,250}>", found) else ""
        if kind in ("text/rfc822-headers", "message/rfc822-headers"):
            headers = part.get_payload(decode=True) or part.as_bytes()
            text = headers[:65536].decode("ascii", "replace") if isinstance(headers, bytes) else ""
            match = _MESSAGE_ID.search(text)
            return match[1] if match else ""
    return ""


def _without_report(message: EmailMessage) -> NoticeOutcome:
    sender = str(message.get("From", "")).lower()
    is_of_system = str(message.get("Return-Path", "")).strip() == "<>" or re.search(r"mailer-daemon|postmaster", sender)
    automatic = str(message.get("Auto-Submitted", "no")).strip().lower().partition(";")[0]
    precedence = str(message.get("Precedence", "")).strip().lower()
    is_robot = automatic not in ("no", "") or precedence in ("bulk", "junk", "list", "auto_reply")
    is_robot = is_robot or any(message.get(name) for name in ("X-Autoreply", "X-Autorespond", "List-Id"))
    if re.search(r"mailer-daemon", sender):
        return NoticeOutcome.UNCLEAR
    if is_robot:
        return NoticeOutcome.AUTOMATIC
    return NoticeOutcome.UNCLEAR if is_of_system else NoticeOutcome.NOT_A_REPORT


def _address(text: str) -> str:
    return text.partition(";")[2].strip().strip("<>").lower()[:254]


def _subject(message: EmailMessage) -> str:
    return _clean(str(message.get("Subject", "")))


def _clean(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+", " ", text).strip()[:300]
