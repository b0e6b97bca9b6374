"""Links that prove who was asked: signed, expiring, each for one purpose, one message and one recipient.

The link holds no name and no address: the recipient is part of what is signed, not of what is shown, so that neither a
log nor a history of pages gives anyone away.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from wuyu.keys import Keys

__all__ = [
    "DESK",
    "LinkUse",
    "Token",
    "sign",
    "sign_form",
    "verify_form",
]

#: Stands for the recipient in links of the duty desk.
DESK = "duty-desk"

_TOKEN = re.compile(r"([A-Za-z0-9]{1,8})\.([afds])\.([0-9a-f]{1,12})\.([A-Za-z0-9_-]{1,200})\.([0-9a-f]{40})")


class LinkUse(StrEnum):
    """What a link may be used for; its first letter stands in the link."""

    ACKNOWLEDGE = "a"
    FEEDBACK = "f"
    DESK = "d"
    SIGN = "s"


@dataclass(frozen=True)
class Token:
    """A link taken apart; nothing in it is to be believed before `recipient_of` or `is_for` said so."""

    key_id: str
    purpose: LinkUse
    expires_at: datetime
    message_id: str
    mac: str

    @classmethod
    def parse(cls, text: str) -> Token | None:
        """Take a link apart; None if it has not the shape of one."""
        match = _TOKEN.fullmatch(text)
        if match is None:
            return None
        key_id, purpose, expiry, message, mac = match.groups()
        try:
            raw = base64.urlsafe_b64decode(message + "=" * (-len(message) % 4))
            if base64.urlsafe_b64encode(raw).decode().rstrip("=") != message or int(expiry, 16) > 2**34:
                return None  # one link, one spelling
            return cls(key_id, LinkUse(purpose), datetime.fromtimestamp(int(expiry, 16), UTC), raw.decode(), mac)
        except (binascii.Error, UnicodeDecodeError):
            return None

    def is_for(self, recipient: str, purpose: LinkUse, keys: Keys) -> bool:
        """Return True if this link was signed by us for `recipient` and `purpose`; takes the same time either way."""
        key_id = self.key_id if self.key_id in keys.secrets else keys.signing_id
        expected = keys.mac(key_id, *_signed(purpose, self.message_id, recipient, self.expires_at))
        return hmac.compare_digest(expected, self.mac) and key_id == self.key_id and purpose is self.purpose

    def recipient_of(self, recipients: Iterable[str], purpose: LinkUse, keys: Keys) -> str | None:
        """Return who of those who were told owns this link; None if nobody does."""
        owners = [recipient for recipient in recipients if self.is_for(recipient, purpose, keys)]
        return owners[0] if owners else None

    def has_expired(self, now: datetime) -> bool:
        """Return True from the second of the end on."""
        return now >= self.expires_at


def sign(keys: Keys, purpose: LinkUse, message_id: str, recipient: str, *, expires_at: datetime) -> str:
    """Return a link for one purpose, message and recipient, good until `expires_at`.

    Parameters
    ----------
    keys : Keys
    purpose : LinkUse
    message_id : str
        Of the bulletin; the district's code for the duty desk and for who signs.
    recipient : str
        Address of the recipient; `DESK` for the duty desk; the name of the officer who signs.
    expires_at : datetime
        Aware; whole seconds count.

    Examples
    --------
    >>> keys = Keys.parse("k1:" + "a" * 32, source="test")
    >>> text = sign(keys, LinkUse.ACKNOWLEDGE, "E.r0", "a@t.example", expires_at=datetime(2021, 7, 20, tzinfo=UTC))
    >>> token = Token.parse(text)
    >>> token.message_id, token.recipient_of(["b@t.example", "a@t.example"], LinkUse.ACKNOWLEDGE, keys)
    ('E.r0', 'a@t.example')
    >>> "example" in text, token.is_for("a@t.example", LinkUse.FEEDBACK, keys)
    (False, False)
    """
    key_id = keys.signing_id
    mac = keys.mac(key_id, *_signed(purpose, message_id, recipient, expires_at))
    message = base64.urlsafe_b64encode(message_id.encode()).decode().rstrip("=")
    return f"{key_id}.{purpose}.{int(expires_at.timestamp()):x}.{message}.{mac}"


def sign_form(keys: Keys, token: str, *, expires_at: datetime) -> str:
    """Return what a form of the page behind `token` must carry to be taken, so that no other site can fill it in."""
    expiry = f"{int(expires_at.timestamp()):x}"
    return f"{keys.signing_id}.{expiry}.{keys.mac(keys.signing_id, 'form', token, expiry)}"


def verify_form(keys: Keys, token: str, form: str, *, now: datetime) -> bool:
    """Return True if `form` was made by `sign_form` for `token` and is still fresh."""
    key_id, _, rest = form.partition(".")
    expiry, _, mac = rest.partition(".")
    if key_id not in keys.secrets or re.fullmatch(r"[0-9a-f]{1,9}", expiry) is None or not mac.isascii():
        return False
    genuine = hmac.compare_digest(keys.mac(key_id, "form", token, expiry), mac)
    return genuine and now.timestamp() < int(expiry, 16)


def _signed(purpose: LinkUse, message_id: str, recipient: str, expires_at: datetime) -> tuple[str, ...]:
    return "link", str(purpose), message_id, recipient, f"{int(expires_at.timestamp()):x}"
