"""The signals of the weather office in words: who issued which colour, when, under which number; nothing of our own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from reports.words import LANGUAGES, Lang, Text, is_missing, join, local, moment, plain
from risk_models.warning.issued import IssuedSignal
from risk_models.warning.issued.standing import title_of

__all__ = ["NONE_KNOWN", "issued_lines", "issued_signals", "issued_text"]

NONE_KNOWN: Final = Text(
    "本系统未收到气象部门现行的暴雨预警信号（不等于没有发布）。",
    "No issued signal is known here, which does not mean that there is none.",
)
_OLD: Final = timedelta(hours=24)
_TOWNS_NAMED: Final = 4


def issued_signals(attrs: Mapping[Any, Any]) -> tuple[IssuedSignal, ...]:
    """Return the signals that stood at the time of a risk table, from its attributes; none in an older one."""
    return tuple(IssuedSignal.from_dict(kept) for kept in attrs.get("issued_signals", ()))


def issued_lines(
    signals: Iterable[IssuedSignal], *, at: datetime, zone: str, towns: Mapping[str, Text], area: str = ""
) -> tuple[Text, ...]:
    """Return a line for each signal; first, or alone, that no rainstorm signal is known where none is.

    Parameters
    ----------
    signals : iterable of IssuedSignal
        The gravest rainstorm first.
    at : datetime
        Of which they are told.
    zone : str
    towns : mapping of str to Text
        Names by town code.
    area : str
        Town code; empty, or any other code, for the whole district.

    Returns
    -------
    tuple of Text
    """
    is_town = area in towns
    mine = [signal for signal in signals if not is_town or area in signal.towns]
    lines = tuple(issued_text(signal, at=at, zone=zone, towns={} if is_town else towns) for signal in mine)
    has_rainstorm = any(signal.notice.is_rainstorm for signal in mine)
    return lines if has_rainstorm else (NONE_KNOWN, *lines)


def issued_text(signal: IssuedSignal, *, at: datetime, zone: str, towns: Mapping[str, Text]) -> Text:
    """Return one signal in words: colour, kind, office, time, number, where, until when.

    Parameters
    ----------
    signal : IssuedSignal
    at : datetime
        Of which it is told; a signal of which no end is known for a day is told so.
    zone : str
    towns : mapping of str to Text
        Names by town code, to say where; empty where that needs no saying.
    """
    notice = signal.notice
    zh, en = title_of(notice)
    issued = Text(*(moment(notice.issued_at, lang, zone, year=_of_another_year(notice.issued_at, at, zone))
                    for lang in LANGUAGES))  # fmt: skip
    number = plain(notice.number)
    where = "" if signal.is_everywhere or not towns else _named(signal, towns, "zh")
    there = "" if not where else _named(signal, towns, "en")
    ends = _end(signal, at, zone)
    office = plain(notice.office)
    return Text(
        f"{plain(zh)}，{office}{issued.zh}发布，{number or '文号未知'}{f'，{where}' if where else ''}{ends.zh}。",
        f"{plain(en)[:1].upper()}{plain(en)[1:]}, issued by {office} at {issued.en}, "
        f"{f'number {number}' if number else 'number not known'}{f', for {there}' if there else ''}{ends.en}.",
    )


def _of_another_year(issued_at: datetime, at: datetime, zone: str) -> bool:
    return local(issued_at, zone).year != local(at, zone).year


def _end(signal: IssuedSignal, at: datetime, zone: str) -> Text:
    ends = signal.notice.valid_until
    if ends is not None and not is_missing(ends):
        until = Text(*(moment(ends, lang, zone, year=False) for lang in LANGUAGES))
        return Text(f"，有效至{until.zh}", f", valid until {until.en}")
    if at - signal.notice.issued_at > _OLD:
        return Text("，未收到解除消息", ", no end of it is known")
    return Text("", "")


def _named(signal: IssuedSignal, towns: Mapping[str, Text], lang: Lang) -> str:
    names = [towns[code][lang] for code in sorted(signal.towns) if code in towns]
    if len(names) <= _TOWNS_NAMED:
        return join(names, lang)
    shown, more = join(names[:_TOWNS_NAMED], lang), len(names)
    return f"{shown}等{more}个镇办" if lang == "zh" else f"{shown} and {more - _TOWNS_NAMED} more towns"
