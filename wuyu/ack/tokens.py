"""Links that prove who was asked: signed, expiring, each for one purpose, one message and one recipient.

The link holds no name and no address: the recipient is part of what is signed, not of what is shown, so that neither a
log nor a history of pages gives anyone away.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from risk_models.errors import ConfigError

__all__ = [
    "DESK",
    "KEY_FILE",
    "KEY_VARIABLE",
    "Keys",
    "Purpose",
    "Token",
    "load_keys",
    "sign",
    "sign_form",
    "verify_form",
]

#: Environment variable with the keys, ``id:secret`` each, parted by commas; the first signs, all are accepted.
KEY_VARIABLE = "WUYU_ACK_KEYS"
#: Environment variable that names a file with the same, one a line; without either, ``<out>/ack.keys`` is used.
KEY_FILE = "WUYU_ACK_KEY_FILE"
#: Stands for the recipient in links of the duty desk.
DESK = "duty-desk"

_KEY_ID = re.compile(r"[A-Za-z0-9]{1,8}")
_MIN_SECRET = 32
_MAC_HEX = 40
_TOKEN = re.compile(r"([A-Za-z0-9]{1,8})\.([afd])\.([0-9a-f]{1,12})\.([A-Za-z0-9_-]{1,200})\.([0-9a-f]{40})")


class Purpose(StrEnum):
    """What a link may be used for; its first letter stands in the link."""

    ACKNOWLEDGE = "a"
    FEEDBACK = "f"
    DESK = "d"


@dataclass(frozen=True)
class Keys:
    """Secrets by their ids; the first signs, all are accepted, so that a key can be replaced without a gap.

    Attributes
    ----------
    secrets : mapping of str to bytes
        In order; never shown.
    """

    secrets: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str, *, source: str) -> Keys:
        """Read ``id:secret`` parted by commas or lines; ``#`` begins a comment line.

        Parameters
        ----------
        text : str
        source : str
            Named in errors; the text itself never is.

        Raises
        ------
        ConfigError
            If there is no key, an id is not 1-8 letters or digits, an id stands twice, or a secret is too short.

        Examples
        --------
        >>> Keys.parse("k2:" + "b" * 32 + ",k1:" + "a" * 32, source="test").signing_id
        'k2'
        """
        found: dict[str, bytes] = {}
        lines = [line.strip() for line in text.replace(",", "\n").splitlines()]
        for number, line in enumerate((line for line in lines if line and not line.startswith("#")), start=1):
            key_id, _, secret = line.partition(":")
            if _KEY_ID.fullmatch(key_id) is None or key_id in found:
                raise ConfigError(f"{source}, key {number}: the id must be 1-8 letters or digits, each id once")
            if len(secret) < _MIN_SECRET:
                raise ConfigError(
                    f"{source}, key {key_id}: the secret has {len(secret)} characters, at least {_MIN_SECRET} are "
                    "needed; make one with: openssl rand -hex 32"
                )
            found[key_id] = secret.encode()
        if not found:
            raise ConfigError(f"{source} holds no key; write one as k1:SECRET, made with: openssl rand -hex 32")
        return cls(found)

    @property
    def signing_id(self) -> str:
        """Id of the key that signs."""
        return next(iter(self.secrets))

    def mac(self, key_id: str, *parts: str) -> str:
        """Return the HMAC-SHA256 of `parts` in hex, cut to 160 bits; parts cannot run into one another."""
        message = b"".join(len(raw).to_bytes(4) + raw for raw in (part.encode() for part in parts))
        return hmac.new(self.secrets[key_id], message, hashlib.sha256).hexdigest()[:_MAC_HEX]


@dataclass(frozen=True)
class Token:
    """A link taken apart; nothing in it is to be believed before `recipient_of` or `is_for` said so."""

    key_id: str
    purpose: Purpose
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
            return cls(key_id, Purpose(purpose), datetime.fromtimestamp(int(expiry, 16), UTC), raw.decode(), mac)
        except (binascii.Error, UnicodeDecodeError):
            return None

    def is_for(self, recipient: str, purpose: Purpose, keys: Keys) -> bool:
        """Return True if this link was signed by us for `recipient` and `purpose`; takes the same time either way."""
        key_id = self.key_id if self.key_id in keys.secrets else keys.signing_id
        expected = keys.mac(key_id, *_signed(purpose, self.message_id, recipient, self.expires_at))
        return hmac.compare_digest(expected, self.mac) and key_id == self.key_id and purpose is self.purpose

    def recipient_of(self, recipients: Iterable[str], purpose: Purpose, keys: Keys) -> str | None:
        """Return who of those who were told owns this link; None if nobody does."""
        owners = [recipient for recipient in recipients if self.is_for(recipient, purpose, keys)]
        return owners[0] if owners else None

    def has_expired(self, now: datetime) -> bool:
        """Return True from the second of the end on."""
        return now >= self.expires_at


def sign(keys: Keys, purpose: Purpose, message_id: str, recipient: str, *, expires_at: datetime) -> str:
    """Return a link for one purpose, message and recipient, good until `expires_at`.

    Parameters
    ----------
    keys : Keys
    purpose : Purpose
    message_id : str
        Of the bulletin; the district's code for the duty desk.
    recipient : str
        Address of the recipient; `DESK` for the duty desk.
    expires_at : datetime
        Aware; whole seconds count.

    Examples
    --------
    >>> keys = Keys.parse("k1:" + "a" * 32, source="test")
    >>> text = sign(keys, Purpose.ACKNOWLEDGE, "E.r0", "a@t.example", expires_at=datetime(2021, 7, 20, tzinfo=UTC))
    >>> token = Token.parse(text)
    >>> token.message_id, token.recipient_of(["b@t.example", "a@t.example"], Purpose.ACKNOWLEDGE, keys)
    ('E.r0', 'a@t.example')
    >>> "example" in text, token.is_for("a@t.example", Purpose.FEEDBACK, keys)
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


def load_keys(out: Path) -> Keys:
    """Return the keys of this installation: from the environment, from the file it names, or from ``<out>/ack.keys``.

    The last is made with a random key, readable by its owner only, if it is not there.

    Raises
    ------
    ConfigError
        If keys are malformed or their file may be read by others.
    """
    given = os.environ.get(KEY_VARIABLE, "")
    if given:
        return Keys.parse(given, source=KEY_VARIABLE)
    named = os.environ.get(KEY_FILE, "")
    path = Path(named) if named else out / "ack.keys"
    if not named:
        _make_key_file(path)
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"others may read the key file {path}; set: chmod 600 {path}")
        return Keys.parse(path.read_text(encoding="utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the key file {path}: {error}") from None


def _make_key_file(path: Path) -> None:
    """Make the key file as one step: another process sees all of it or nothing."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(f"k1:{secrets.token_hex(32)}\n")
    try:
        path.hardlink_to(aside)  # fails if another was faster, whose key then stands
    except FileExistsError:
        pass
    finally:
        aside.unlink()


def _signed(purpose: Purpose, message_id: str, recipient: str, expires_at: datetime) -> tuple[str, ...]:
    return "link", str(purpose), message_id, recipient, f"{int(expires_at.timestamp()):x}"
