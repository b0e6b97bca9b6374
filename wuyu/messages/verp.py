"""A return address of its own for every mail, so that what comes back names the mail it is about.

Without the key nobody can make the address of a mail they did not see, so that a forged bounce names nothing.
"""

from __future__ import annotations

import re
from pathlib import Path

from wuyu.keys import Keys, load_keys

__all__ = ["addresses_in", "return_address", "return_path"]

_LOCAL = "bounce+"
_HEX = 32


def return_address(keys: Keys, domain: str, message_id: str, recipient: str) -> str:
    """Return the envelope sender of one mail.

    Examples
    --------
    >>> keys = Keys.parse("k1:" + "ab" * 32, source="example")
    >>> return_address(keys, "back.example", "E.r0", "duty@town.example")
    'bounce+1a9d998af1df250da71f54bd73434f26@back.example'
    """
    mac = keys.mac(keys.signing_id, "return", message_id, recipient)[:_HEX]
    return f"{_LOCAL}{mac}@{domain}"


def return_path(out: Path, domain: str | None, message_id: str, recipient: str) -> str:
    """Return the envelope sender of one mail, by the keys in `out`; empty if the district has no domain for it."""
    return "" if domain is None else return_address(load_keys(out), domain, message_id, recipient)


def addresses_in(text: str, domain: str) -> list[str]:
    """Return the return addresses of `domain` that `text` holds, each once.

    Examples
    --------
    >>> addresses_in("To: <BOUNCE+00000000000000000000000000000001@Back.example>", "back.example")
    ['bounce+00000000000000000000000000000001@back.example']
    """
    pattern = rf"(?<![a-z0-9.+_-]){re.escape(_LOCAL)}[0-9a-f]{{{_HEX}}}@{re.escape(domain)}(?![a-z0-9.-])"
    return list(dict.fromkeys(re.findall(pattern, text.lower())))
