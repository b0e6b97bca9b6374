"""One message to one recipient by one channel, ready to be queued."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from wuyu.messages.guard import Target
from wuyu.messages.purpose import Purpose

__all__ = ["Parcel", "mail_message_id"]


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """What the outbox keeps of a message; `target` says where it goes if not by mail.

    Attributes
    ----------
    message_id : str
        Of its own.
    purpose : Purpose
        What it is for.
    about : str
        Message id of the warning revision, or of the issue of a report, that it is about.
    channel, sender, recipient, subject, status, scope : str
    demonstration : bool
    decided_at : datetime
    mail_message_id : str
        From `mail_message_id`.
    body : bytes
        Made once, sent unchanged at every try.
    target : Target or None
    """

    message_id: str
    purpose: Purpose
    about: str
    channel: str
    sender: str
    recipient: str
    subject: str
    status: str
    scope: str
    demonstration: bool
    decided_at: datetime
    mail_message_id: str
    body: bytes
    target: Target | None = None

    @property
    def sha256(self) -> str:
        """Digest of the bytes."""
        return hashlib.sha256(self.body).hexdigest()


def mail_message_id(message_id: str, channel: str, recipient: str, sender_domain: str) -> str:
    """Return the Message-ID of a mail: a pure function of what it carries, to whom and by which way.

    A copy sent again after an unclear end therefore has the same Message-ID, and mail programs show it once.

    Examples
    --------
    >>> mail_message_id("E-410103001.r0", "mail", "duty@town.example", "erqi.example")
    '<3fc0cc8e9940240a0a8c6e136605ba0a@erqi.example>'
    """
    key = "\n".join((message_id, channel, recipient, sender_domain))
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{sender_domain}>"
