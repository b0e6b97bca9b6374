"""Which lines of a reply a person wrote: those that are not in the mail we sent, whatever marks a quotation has.

Mail programs quote in many ways: with ``>``, ``|``, a bordered box, a head of their own, or nothing at all; they wrap
lines anew and put the answer above, below or between. The mail we sent is known, so it is looked for: a run of lines is
ours if its letters and digits are those of a run of whole pieces of that mail. Everything else is the person's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from wuyu.returns.mailtext import MailText, html_words

__all__ = ["OwnWords", "Sent", "own_words", "sent_mail"]

_RUN_MIN: Final = 12
"""Shortest run of letters and digits that is taken for ours: a word alone may be an answer, whoever wrote it first."""

_LINES_MAX = 600
_MARK = re.compile(r"^[\s\u00a0]*([>|│┃＞][\s\u00a0>|│┃＞]*)+")
_DATE = r"\d{1,4}\s?[-/.年]\s?\d{1,2}|\d{1,2}:\d{2}"
_IN_DATES = (
    r"[\d\s:/.,年月日时分秒点()+-]|星期.|[周週].|[上下]午|am|pm|gmt|utc|cst|(?:mon|tues?|wednes|thurs?|fri|satur|sun)(?:day)?|"
    r"wed|sat|(?:jan|febr)(?:uary)?|feb|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|(?:sept?|octo?|novem|decem)(?:ber)?|"
    r"nov|dec"
)
_LABEL = (
    r"(?:发件人|寄件者|寄件人|发送时间|發送時間|发送日期|寄件日期|收件人|收件者|抄送|副本|主题|主題|主旨|日期|时间|"
    r"from|sent|to|cc|date|subject)"
)
_HEADS: Final = (
    # A rule, or a rule with the words of a mail program in it.
    re.compile(
        r"[-_=—*\s]*(?:original message|original email|forwarded message|begin forwarded message:?|原始邮件|原始郵件|"
        r"转发的?邮件|轉寄的?郵件|转发邮件信息|回复的原邮件|原邮件|邮件原文)?[-_=—*\s]*",
        re.IGNORECASE,
    ),
    # Who wrote when: it names an address or a date, and ends in "wrote".
    re.compile(rf"(?=.*(?:@|{_DATE}|\b20\d\d\b)).{{1,160}}(?:写道|寫道|wrote|编写|撰写)\s*[:：]", re.IGNORECASE),
    # A field of a head: an address, a date, or nothing.
    re.compile(
        rf"{_LABEL}\s*[:：|\s]*(?:[^@]{{0,80}}<?[\w.+-]+@[\w.-]+>?[\s;|,>\])]*|(?=.*(?:{_DATE}))(?:{_IN_DATES}){{3,60}}|[\s|]*)",
        re.IGNORECASE,
    ),
    # The name of the machine, and a place where a picture was.
    re.compile(
        r"(?:发自我的|从我的|sent from my)\s?[\w ]{0,12}(?:iphone|ipad|手机|huawei|honor|android|samsung|galaxy)", re.I
    ),
    re.compile(r"\[(?:cid|image|图片)[:：]?[\w.@ -]{0,80}\]", re.IGNORECASE),
)
_SUBJECT = re.compile(r"(?:主题|主題|主旨|subject)\s*[:：|\s]+(.*)", re.IGNORECASE)
_REPLIED = re.compile(r"^(?:\s*(?:re|fw|fwd|回复|答复|转发|回覆|轉寄)\s*[:：])+", re.IGNORECASE)


@dataclass(frozen=True)
class Sent:
    """A mail of ours as it may come back: its pieces in order, once for each of its forms.

    Attributes
    ----------
    forms : tuple of tuple of str
        Letters and digits of each piece.
    subjects : frozenset of str
        Letters and digits of its subject.
    files : frozenset of str
        Digests of its files.
    """

    forms: tuple[tuple[str, ...], ...]
    subjects: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()


@dataclass(frozen=True)
class OwnWords:
    """What a person wrote.

    Attributes
    ----------
    lines : tuple of str
        Lines that are neither ours nor a mail program's.
    marked : tuple of str
        Lines marked as a quotation that are not in the mail we sent: whose they are is not known.
    """

    lines: tuple[str, ...]
    marked: tuple[str, ...]


def sent_mail(text: MailText, subject: str) -> Sent:
    """Return a mail of ours as it may come back."""
    plain = tuple(filter(None, map(_letters, text.plain.splitlines())))
    html = tuple(filter(None, (_letters(word) for word, is_word in html_words(text.html) if is_word)))
    return Sent((plain, html), frozenset({_letters(_REPLIED.sub("", subject))}), text.files)


def own_words(text: str, sent: Iterable[Sent]) -> OwnWords:
    r"""Return what of a reply is in none of the mails we sent.

    Parameters
    ----------
    text : str
        Of the reply, quotation and all.
    sent : iterable of Sent

    Examples
    --------
    >>> ours = Sent((("onreceiptreplytothismail", "ifyoucannotactsaywhy"),))
    >>> reply = "Sorry.\n> On receipt reply\n> to this mail. If you cannot act, say why.\n\ncannot act: no power\n"
    >>> own_words(reply, [ours])
    OwnWords(lines=('Sorry.', 'cannot act: no power'), marked=())
    """
    sent = list(sent)
    lines = [line for line in text.splitlines() if line.strip()][:_LINES_MAX]
    bare = [_MARK.sub("", line).strip(" \t\u00a0|") for line in lines]
    ours = _ours([_letters(line) for line in bare], sent)
    subjects = frozenset[str]().union(*(one.subjects for one in sent))
    own: list[str] = []
    marked: list[str] = []
    for line, words, is_ours in zip(lines, bare, ours, strict=True):
        if not is_ours and not _is_head(words, subjects):
            (marked if _MARK.match(line) else own).append(words)
    return OwnWords(tuple(own), tuple(marked))


def _ours(lines: Sequence[str], sent: Iterable[Sent]) -> list[bool]:
    """Say of each line whether it is part of a run that is a run of whole pieces of a mail we sent."""
    texts = [_Pieces(form) for one in sent for form in one.forms if form]
    ours = [not line for line in lines]
    at = 0
    while at < len(lines):
        length = max((text.longest_run(lines[at:]) for text in texts), default=0) if lines[at] else 0
        ours[at : at + length] = [True] * length
        at += max(length, 1)
    return ours


class _Pieces:
    """One form of a mail, as one string and the places where pieces begin and end."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self.whole = "".join(pieces)
        self.edges = {0, *accumulate(map(len, pieces))}

    def longest_run(self, lines: Sequence[str]) -> int:
        """Return how many lines from the first on are a run of whole pieces."""
        return max((self._run_from(start, lines) for start in self.edges), default=0)

    def _run_from(self, start: int, lines: Sequence[str]) -> int:
        best, end = 0, start
        for number, line in enumerate(lines, start=1):
            if not self.whole.startswith(line, end):
                break
            end += len(line)
            if line and end in self.edges and end - start >= _RUN_MIN:
                best = number
        return best


def _is_head(words: str, subjects: frozenset[str]) -> bool:
    """Return True for a line that mail programs put above a quotation, or below an answer."""
    if len(words) > 300:
        return False
    named = _SUBJECT.fullmatch(words)
    if named is not None:
        return _letters(_REPLIED.sub("", named[1])) in subjects | {""}
    return any(head.fullmatch(words) for head in _HEADS)


def _letters(text: str) -> str:
    """Return letters and digits alone, in one form: marks, blanks and signs change on the way."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if char.isalnum())
