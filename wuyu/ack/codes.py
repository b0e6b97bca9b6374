"""The code by which a town confirms one bulletin in words: signed like a link, for one message and one recipient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wuyu.keys import Keys

__all__ = ["REPLY_CODE_LENGTH", "is_secret", "reply_code", "reply_codes"]

#: Hexadecimal characters of a reply code: 40 bits, and a mail with several codes is no answer.
REPLY_CODE_LENGTH: Final = 10


def reply_code(keys: Keys, message_id: str, recipient: str) -> str:
    """Return the code that is sent to one recipient with one bulletin; nobody without the key can work it out.

    Parameters
    ----------
    keys : Keys
    message_id : str
        Of the bulletin.
    recipient : str
        Address; its case does not matter.

    Examples
    --------
    >>> keys = Keys.parse("k1:" + "a" * 32, source="test")
    >>> code = reply_code(keys, "E.r1", "duty@town.example")
    >>> code == reply_code(keys, "E.r1", "Duty@Town.example"), code == reply_code(keys, "E.r2", "duty@town.example")
    (True, False)
    >>> len(code), is_secret(code)
    (10, True)
    """
    return _code(keys, keys.signing_id, message_id, recipient)


def reply_codes(keys: Keys, message_id: str, recipients: Mapping[str, str]) -> dict[str, set[str]]:
    """Return every code that a recipient may have of a bulletin: of each key, and the one its files print.

    Parameters
    ----------
    keys : Keys
        All of them: a key may have been replaced since.
    message_id : str
    recipients : mapping of str to str
        Address to the code printed in the files that went to it; empty for none.
    """
    return {
        recipient: {_code(keys, key_id, message_id, recipient) for key_id in keys.secrets} | ({printed} - {""})
        for recipient, printed in recipients.items()
    }


def is_secret(code: str) -> bool:
    """Return True for a code of this release; those of releases before could be worked out by anyone.

    Examples
    --------
    >>> is_secret("57DE2C4B93"), is_secret("B9F2F2")
    (True, False)
    """
    return len(code) == REPLY_CODE_LENGTH


def _code(keys: Keys, key_id: str, message_id: str, recipient: str) -> str:
    return keys.mac(key_id, "reply", message_id, recipient.lower())[:REPLY_CODE_LENGTH].upper()
