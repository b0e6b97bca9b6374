"""The words of a mail, out of its plain part or its HTML, within bounds."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from html.parser import HTMLParser
from itertools import islice

__all__ = ["MailText", "html_words", "text_of"]

_TEXT_MAX = 20_000
_PARTS_MAX = 50
_BLOCKS = re.compile(
    r"address|article|blockquote|br|caption|center|d[dtl]|div|footer|form|h[1-6r]|header|li|main|ol|p|pre|section|table|"
    r"tbody|t[dhr]|tfoot|thead|ul"
)
_SIGNATURES = ("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature")


@dataclass(frozen=True)
class MailText:
    """What is to be read in a mail.

    Attributes
    ----------
    plain : str
        Its plain parts; empty if there is none.
    html : str
        Its HTML, as it is.
    files : frozenset of str
        Digests of all other parts: files, pictures.
    is_whole : bool
        False if something was cut off.
    """

    plain: str
    html: str
    files: frozenset[str]
    is_whole: bool

    @property
    def words(self) -> str:
        """The plain parts, else the HTML without its tags."""
        return self.plain if self.plain.strip() else "".join(word for word, _ in html_words(self.html))


def text_of(message: EmailMessage) -> MailText:
    """Take the words of a mail apart; nothing in it can do harm."""
    plain: list[str] = []
    html: list[str] = []
    files: set[str] = set()
    parts = list(islice(message.walk(), _PARTS_MAX + 1))
    is_whole = len(parts) <= _PARTS_MAX
    for part in parts[:_PARTS_MAX]:
        kind, raw = part.get_content_type(), _payload(part)
        if part.is_multipart() or kind in _SIGNATURES:
            continue
        if kind in ("text/plain", "text/html") and part.get_content_disposition() != "attachment":
            is_whole = is_whole and len(raw) <= 4 * _TEXT_MAX
            (plain if kind == "text/plain" else html).append(raw[: 4 * _TEXT_MAX].decode(_charset(part), "replace"))
        else:
            files.add(hashlib.sha256(raw).hexdigest())
    words = ["\n".join(plain), "\n".join(html)]
    is_whole = is_whole and all(len(text) <= 4 * _TEXT_MAX for text in words)
    return MailText(words[0][: 4 * _TEXT_MAX], words[1][: 4 * _TEXT_MAX], frozenset(files), is_whole)


def html_words(html: str) -> Iterator[tuple[str, bool]]:
    """Give the words between tags as (text, True), and what stands between them, line breaks above all, as False."""
    parser = _Words()
    parser.feed(html)
    parser.close()
    yield from parser.words


def _payload(part: EmailMessage) -> bytes:
    payload = None if part.is_multipart() else part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


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
        self.words: list[tuple[str, bool]] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.silent += tag in ("script", "style")
        if _BLOCKS.fullmatch(tag):
            self.words.append(("\n", False))
        if tag == "blockquote":
            self.words.append(("> ", False))

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in ("script", "style") and self.silent > 0
        if _BLOCKS.fullmatch(tag):
            self.words.append(("\n", False))

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words.append((" ".join(data.split()) + (" " if data[-1:].isspace() else ""), True))
