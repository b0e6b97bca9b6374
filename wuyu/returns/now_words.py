"""What the own words of a reply say of water that stands now; what is not plain is for a person to read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Final

from wuyu.ack.water import NowAnswer
from wuyu.ledger.acknowledgements import Answer
from wuyu.returns.words import meaning_of

__all__ = ["NowMeaning", "now_meaning_of"]

_EACH: Final = re.compile(r"全部|全都|均|都|各处|每处|\b(?:all|each)\b", re.IGNORECASE)
_ALL: Final = "(?:均|都|已经|已|全部)*"
_PARTS: Final = re.compile(r"[\n,，。.;；!！、:：]+")
_PATTERNS: Final = {
    NowAnswer.CLOSED: rf"(?:道路|隧道|通道|现场|路口)?{_ALL}(?:双向)?(?:封闭|封路|封控|封道)(?:了|完毕)?|"
    r"(?:all )?closed",
    NowAnswer.PEOPLE_OUT: rf"(?:人员|群众|人){_ALL}(?:撤离|撤出|撤|转移)(?:了|完毕)?|(?:all )?people (?:are )?out",
    NowAnswer.WATER_GONE: rf"(?:各处|每处)?(?:积水|水){_ALL}(?:退去|退完|退|排空|排完)(?:了|完毕)?|"
    r"(?:all )?(?:the )?water (?:is |has )?gone",
    NowAnswer.CANNOT_REACH: r"(?:现场)?(?:无法|不能)到达|到不了(?:现场)?|cannot reach(?: it)?",
}
_SAYS: Final = {
    answer: re.compile(rf"(?<!\S)(?:{pattern})(?!\S)", re.IGNORECASE) for answer, pattern in _PATTERNS.items()
}


@dataclass(frozen=True)
class NowMeaning:
    """What own words say: no answers if a person must read them; `of_each` True if they name all places."""

    answers: frozenset[NowAnswer] = frozenset()
    name: str = ""
    of_each: bool = False


def now_meaning_of(
    lines: Iterable[str], *, names: Iterable[str] = (), codes: Container[str] | None = None
) -> NowMeaning:
    """Say what own words mean: known words, the code, a name and courtesies; anything else is for a person to read.

    Parameters
    ----------
    lines : iterable of str
        Lines that a person wrote.
    names : iterable of str
        Known names.
    codes : container of str, optional
        Codes that were sent to this person.

    Examples
    --------
    >>> told = now_meaning_of(["57DE2C4B93 已封闭，人员已撤。王值班"])
    >>> sorted(map(str, told.answers)), told.name
    (['closed', 'people_out'], '王值班')
    >>> unclear = ("积水未退", "积水已退?", "无法到达，已封闭", "")
    >>> [now_meaning_of([f"57DE2C4B93 {text} 王值班"]).answers for text in unclear]
    [frozenset(), frozenset(), frozenset(), frozenset()]
    >>> now_meaning_of(["57DE2C4B93 积水全部已退 王值班"]).of_each
    True
    """
    whole = unicodedata.normalize("NFKC", "\n".join(lines))
    rest, answers, of_each = _PARTS.sub("\n", whole), set(), False
    for answer, says in _SAYS.items():
        for found in says.findall(rest):
            answers.add(answer)
            of_each = of_each or _EACH.search(found) is not None
        rest = says.sub("\n", rest)
    # With its answers taken out, the rest must be as plain as a reply to a bulletin; a question is none.
    meaning = meaning_of([rest], names=names, codes=codes)
    torn = NowAnswer.CANNOT_REACH in answers and len(answers) > 1
    if meaning.answer is not Answer.RECEIVED or torn or "?" in whole:
        return NowMeaning()
    return NowMeaning(frozenset(answers), meaning.name, of_each)
