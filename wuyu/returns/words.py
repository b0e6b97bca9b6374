"""What the own words of a reply say: plainly "received", plainly "cannot act", or something a person must read.

Nothing is guessed as good. "Received" is said in words known here, with the code and a name at most beside them; a
question, a number, any word that is not known makes it a matter for a person.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Final

from wuyu.ledger.acknowledgements import Answer

__all__ = ["CODE", "Meaning", "codes_in", "meaning_of"]

CODE: Final = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{10}|[0-9A-Fa-f]{6})(?![0-9A-Za-z])")
"""A reply code, and those of releases before."""

_CANNOT = re.compile(
    r"(?:无法|不能|无力|不可能|没法|没办法)(?:处置|执行|处理|到场|应对|完成|落实|转移)|处置不了|"
    r"\b(?:can\s?not|can['’]?t|unable\s+to|not\s+able\s+to)\s+act\b",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?:姓名|接收人|确认人|签收人|值班员|值班人员|(?<![a-z])name)\s*(?:[:：]|is\s)\s*([^\n,，。;；、]{1,40})",
    re.IGNORECASE,
)
_CODE_LABEL = re.compile(r"(?:叫应码|确认码|(?:acknowledgement |reply )?code)\s*(?:[:：]|是|为|is)?", re.IGNORECASE)
_PARTS = re.compile(r"[\n,，。.;；!！、:：~～…()（）【】\[\]<>《》“”\"*|_=+-]+")
_RECEIVED_ZH = re.compile(
    r"(?:我(?:们|处|办|街道|单位)?|本(?:单位|街道|办|镇))?(?:均|都)?(?:已经|已)?"
    r"(?:确认)?(?:收到|收悉|知悉|接收|签收|获悉)(?:了|啦)?(?:(?:本|该|此)?(?:通报|预警|邮件|通知|信息|短信))?(?:谢谢|感谢)?|"
    r"(?:已)?(?:阅|阅悉|阅知)|知道了|明白了?|确认|好的?"
)
_POLITE_ZH = re.compile(r"谢谢(?:您|你|大家)?|感谢|您好|你好|此致|敬礼|辛苦了|回复|回执|值班室")
_RECEIVED_EN = re.compile(
    r"(?:(?:we|i)(?: have)? |(?:well|message|mail|warning|bulletin) )?"
    r"(?:received|noted|acknowledged|confirmed|understood)(?: it| (?:the|this|your) (?:warning|bulletin|mail|message))?"
    r"(?: with thanks|,? ?thanks| thank you)?|ok|okay|roger|copy(?: that)?|got it"
)
_POLITE_EN = re.compile(
    r"thanks|thank you|many thanks|hi|hello|dear (?:all|sir|madam|colleagues)|(?:best |kind )?regards"
)

_SURNAMES = frozenset(
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟"
    "汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)
_TITLE = re.compile(
    r"(?:值班(?:员|长|人员)?|副?(?:主任|书记|科长|站长|所长|镇长|处长|队长|局长)|科员|干事|同志|老师|先生|女士)$"
)
# No given name is taken for one that holds these: two letters after a surname may as well be a word of trouble.
_NOT_IN_NAMES = frozenset(
    "无不没未非勿缺断停电水淹漫堤塌垮溃决堵漏险危急重灾难困救援求助请速撤伤亡死失坏损毁病忙休假班外出差已正在了的吗呢能否可行"
    "雨风桥路车泵房沟河洞井闸涨深色级忘错误迟晚等来去到通信号人员手力物资上下全查围一规里安排序天灯温峰转移开幸位装续是务年款面边案"
    "防守备旧少多低慢进入还再就会要有何间处置理所以后前收好"
)
_NOT_IN_LATIN_NAMES = re.compile(
    r"\b(?:no|not|none|cannot|can|cant|unable|help|flood\w*|water|power|out|off|away|leave|absent|sick|needs?|urgent|"
    r"blocked|broken|failed|never|nobody|stop\w*|wait|late|down|dead|lost|closed|without|sorry|but)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Meaning:
    """What own words say.

    Attributes
    ----------
    answer : Answer or None
        None if a person must read them.
    name : str
        Who answers; empty if nobody is named.
    """

    answer: Answer | None
    name: str = ""


def codes_in(text: str) -> tuple[str, ...]:
    """Return what looks like a reply code, in capitals, each once, twenty at most."""
    folded = unicodedata.normalize("NFKC", text)
    return tuple(dict.fromkeys(match.upper() for match in CODE.findall(folded)))[:20]


def meaning_of(lines: Iterable[str], *, names: Iterable[str] = (), codes: Container[str] | None = None) -> Meaning:
    """Say what own words mean.

    Parameters
    ----------
    lines : iterable of str
        Lines that a person wrote.
    names : iterable of str
        Known names: of the sender, of the town.
    codes : container of str, optional
        Codes that were sent to this person; a number that is none of them is not understood. By default any will do.

    Examples
    --------
    >>> meaning_of(["收到 57DE2C4B93 王值班"])
    Meaning(answer=<Answer.RECEIVED: 'received'>, name='王值班')
    >>> [meaning_of([text]).answer for text in ("未收到", "收到，水已进站", "received?", "57DE2C4B93 57DE2C4B94", "")]
    [None, None, None, None, None]
    >>> str(meaning_of(["57DE2C4B93 无法处置：停电"]).answer)
    'cannot_act'
    """
    whole = unicodedata.normalize("NFKC", "\n".join(lines))
    text = CODE.sub("\n", whole)
    named = _NAMED.search(text)
    told = " ".join(named[1].split()) if named else ""
    if _CANNOT.search(text):
        return Meaning(Answer.CANNOT_ACT, told)
    given = codes_in(whole)
    is_strange = len(given) > 1 or (codes is not None and any(code not in codes for code in given))
    if "?" in text or is_strange or (named and not _is_name(told, names, marked=True)):
        return Meaning(None)
    rest = text if named is None else f"{text[: named.start()]}\n{text[named.end() :]}"
    found = _Found(tuple(name.casefold() for name in names))
    for part in _PARTS.split(_CODE_LABEL.sub("\n", rest)):
        found.take(" ".join(part.split()))
    says_received = (found.received or bool(given)) and not found.strange
    return Meaning(Answer.RECEIVED if says_received else None, told or " ".join(found.names[:2]))


class _Found:
    """What was found in the parts of a text so far."""

    def __init__(self, known: tuple[str, ...]) -> None:
        self.known = known
        self.received = self.strange = False
        self.names: list[str] = []

    def take(self, part: str) -> None:
        """Understand one part as a whole, else word by word."""
        if part and not self._understood(part):
            for word in part.split():
                self.strange = not self._understood(word) or self.strange

    def _understood(self, words: str) -> bool:
        folded = words.casefold()
        if _RECEIVED_ZH.fullmatch(folded) or _RECEIVED_EN.fullmatch(folded):
            self.received = True
            return True
        if _POLITE_ZH.fullmatch(folded) or _POLITE_EN.fullmatch(folded):
            return True
        if _is_name(words, self.known, marked=False):
            self.names.append(words)
            return True
        return self._name_beside_received(words)

    def _name_beside_received(self, words: str) -> bool:
        """Understand a name and "received" written without a blank between."""
        for cut in range(1, len(words)):
            for name, rest in ((words[:cut], words[cut:]), (words[cut:], words[:cut])):
                if _RECEIVED_ZH.fullmatch(rest) and _is_name(name, self.known, marked=False):
                    self.received = True
                    self.names.append(name)
                    return True
        return False


def _is_name(text: str, known: Iterable[str], *, marked: bool) -> bool:
    """Return True for a name that is known or has the form of one; after ``Name:`` a name in Latin letters too."""
    if text.casefold() in {name.casefold() for name in known}:
        return True
    if marked and re.fullmatch(r"[A-Za-z][A-Za-z.'’-]*(?: [A-Za-z][A-Za-z.'’-]*){0,3}", text):
        return _NOT_IN_LATIN_NAMES.search(text) is None
    bare = _TITLE.sub("", text)
    if marked and re.fullmatch(r"[\u4e00-\u9fff]{2,4}", bare):
        return not _NOT_IN_NAMES & set(bare)
    given = bare[1:]
    return (
        bare[:1] in _SURNAMES
        and len(given) <= 2
        and (len(given) >= 1 or bare != text)
        and all("\u4e00" <= char <= "\u9fff" and char not in _NOT_IN_NAMES for char in given)
    )
