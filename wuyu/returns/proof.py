"""Whether a mail is from whom it says: only the word of our own mail server counts.

References
----------
RFC 8601 (Authentication-Results), RFC 7489 (DMARC). https://www.rfc-editor.org/rfc/rfc8601
"""

from __future__ import annotations

import re
from email.message import EmailMessage

__all__ = ["is_proven"]

_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_COMMENT = re.compile(r"\([^()]*\)")
_DMARC = re.compile(r"dmarc(?:\s*/\s*\d+)?\s*=\s*(\w+)(.*)", re.DOTALL)
_HEADER_FROM = re.compile(r"\bheader\s*\.\s*from\s*=\s*(\S+)")


def is_proven(message: EmailMessage, sender: str, authserv_id: str) -> bool:
    """Return True if our server's own, topmost result says that DMARC passed for the domain of the sender.

    Results below the topmost may be forged, and so may words in quotes and comments: a sender writes some of them.

    Parameters
    ----------
    message : EmailMessage
    sender : str
        The one address of From.
    authserv_id : str
        Name of our server; with an empty one nothing is proven.
    """
    results = [str(value).lower() for value in message.get_all("Authentication-Results", [])]
    if not authserv_id or not results:
        return False
    server, *found = _without_remarks(results[0]).split(";")
    if server.split()[:1] != [authserv_id.lower()]:
        return False
    verdicts = [match for one in found if (match := _DMARC.fullmatch(one.strip()))]
    return len(verdicts) == 1 and verdicts[0][1] == "pass" and _is_for(verdicts[0][2], sender)


def _is_for(properties: str, sender: str) -> bool:
    """Return True if the result names the domain of the sender, or none."""
    named = _HEADER_FROM.search(properties)
    return named is None or named[1].rpartition("@")[2].rstrip(".") == sender.rpartition("@")[2].lower()


def _without_remarks(text: str) -> str:
    """Return a result without quoted strings and comments, however deep they are nested."""
    text = _QUOTED.sub(" ", text)
    for _ in range(20):
        shorter = _COMMENT.sub(" ", text)
        if shorter == text:
            return "" if re.search(r'[()"]', text) else text
        text = shorter
    return ""
