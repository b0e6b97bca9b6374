"""The secrets of this installation: they sign links, forms and return addresses."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from risk_models.errors import ConfigError
from risk_models.files import make_folders

__all__ = ["KEY_FILE", "KEY_VARIABLE", "Keys", "load_keys"]

#: Environment variable with the keys, ``id:secret`` each, parted by commas; the first signs, all are accepted.
KEY_VARIABLE = "WUYU_ACK_KEYS"
#: Environment variable that names a file with the same, one a line; without either, ``<out>/ack.keys`` is used.
KEY_FILE = "WUYU_ACK_KEY_FILE"

_KEY_ID = re.compile(r"[A-Za-z0-9]{1,8}")
_MIN_SECRET = 32
_MAC_HEX = 40


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
    make_folders(path.parent)
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
