"""Which signals stand at a time: issued, replaced, lifted, run out, told twice or late.

Nothing is guessed to the calm side. Each signal holds in towns, and what comes after it takes towns from it: a red
one for one town leaves the orange one of the others in force.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from risk_models.levels import Level
from risk_models.warning.issued.area import Ground
from risk_models.warning.issued.notice import KINDS, LONGEST, WeatherNotice

__all__ = ["ENDLESS", "IssuedSignal", "SignalNote", "StandingSignals", "standing_signals", "title_of"]

ENDLESS: Final = timedelta(days=7)
"""How long a signal without a known end is shown; after that it is named, and the desk must look (a house rule)."""

_TOLD: Final = timedelta(days=1)
"""How long what does not fit is named."""


@dataclass(frozen=True)
class SignalNote:
    """One sentence on what does not fit, in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, kw_only=True)
class IssuedSignal:
    """A signal that stands.

    Attributes
    ----------
    notice : WeatherNotice
    towns : frozenset of str
        Codes of the towns in which it still holds; never empty.
    is_everywhere : bool
        True where these are all towns of the district.
    """

    notice: WeatherNotice
    towns: frozenset[str]
    is_everywhere: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the signal as plain types, for JSON."""
        return {"notice": self.notice.to_dict(), "towns": sorted(self.towns), "is_everywhere": self.is_everywhere}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> IssuedSignal:
        """Return the signal that `to_dict` made plain."""
        notice = WeatherNotice.from_dict(kept["notice"])
        return cls(notice=notice, towns=frozenset(kept["towns"]), is_everywhere=kept["is_everywhere"])


@dataclass(frozen=True)
class StandingSignals:
    """The signals that stand, the gravest rainstorm first, and what does not fit."""

    signals: tuple[IssuedSignal, ...]
    notes: tuple[SignalNote, ...]


def standing_signals(notices: Iterable[WeatherNotice], *, at: datetime, ground: Ground) -> StandingSignals:
    """Return the signals that stand in the district at a time.

    Parameters
    ----------
    notices : iterable of WeatherNotice
        In the order in which they came; of those with one id the last counts.
    at : datetime
        Timezone-aware; what is issued later is left out.
    ground : Ground

    Returns
    -------
    StandingSignals

    Notes
    -----
    A signal ends in a town when the same office lifts it there, issues another of its kind there (higher or lower), or
    its stated end has come. What another office says ends nothing. A lifting that names a colour, an id or a number
    lifts that and nothing else. Of two colours of one office, kind and minute the higher counts.

    Examples
    --------
    >>> from datetime import UTC
    >>> ground = Ground(code="410103", names=("二七区",), cities=("郑州市",), towns={"410103012": "马寨镇"},
    ...     timezone="Asia/Shanghai")
    >>> red = WeatherNotice(notice_id="a", lifts=False, kind="rainstorm", level=Level.RED, number="", area="郑州市",
    ...     issued_at=datetime(2021, 7, 19, 22, 2, tzinfo=UTC), valid_until=None, office="郑州市气象局")
    >>> standing = standing_signals([red], at=datetime(2021, 7, 20, tzinfo=UTC), ground=ground)
    >>> [str(signal.notice.level) for signal in standing.signals], standing.notes
    (['red'], ())
    """
    book = _Book(at, ground)
    for notice, ids in sorted(_told_once(notices, at), key=lambda told: _in_time(told[0])):
        book.take(notice, ids)
    return book.closed()


def title_of(notice: WeatherNotice) -> tuple[str, str]:
    """Return colour and kind of a signal, Chinese and English.

    Examples
    --------
    >>> from datetime import UTC
    >>> title_of(WeatherNotice(notice_id="a", lifts=False, kind="rainstorm", level=Level.RED, number="", area="",
    ...     issued_at=datetime(2021, 7, 20, tzinfo=UTC), valid_until=None, office="郑州市气象局"))
    ('暴雨红色预警信号', 'red rainstorm signal')
    """
    zh, en = KINDS.get(notice.kind, (notice.kind, notice.kind))
    if not notice.level.is_warning:
        return f"{zh}预警信号", f"{en} signal".strip()
    return f"{zh}{notice.level.zh}预警信号", f"{notice.level.en.lower()} {en} signal"


def _in_time(notice: WeatherNotice) -> tuple[Any, ...]:
    """Order by time; in one minute what is lifted goes before what is issued, and the highest colour comes last."""
    return _minute(notice.issued_at), not notice.lifts, int(notice.level), notice.notice_id


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _office(notice: WeatherNotice) -> str:
    """Return the office as it is compared: its bureau (局) and its observatory (台) are one."""
    return notice.office.replace("气象台", "气象局").replace(" ", "").casefold()


def _told_once(notices: Iterable[WeatherNotice], at: datetime) -> list[tuple[WeatherNotice, frozenset[str]]]:
    """Return each notice up to a time once, with its ids: the last word of an id, and one where two say the same."""
    by_id: dict[tuple[str, bool], WeatherNotice] = {}
    for notice in notices:
        by_id.pop((notice.notice_id, notice.lifts), None)
        by_id[notice.notice_id, notice.lifts] = notice
    same: dict[tuple[Any, ...], tuple[WeatherNotice, frozenset[str]]] = {}
    for notice in sorted((one for one in by_id.values() if one.issued_at <= at), key=_in_time):
        ended = notice.refers if notice.lifts else ()
        key = (_office(notice), notice.kind, notice.level, notice.lifts, _minute(notice.issued_at), ended)
        before, ids = same.get(key, (notice, frozenset()))
        same[key] = _merged(before, notice), ids | {notice.notice_id}
    return list(same.values())


def _merged(one: WeatherNotice, other: WeatherNotice) -> WeatherNotice:
    """Return what two sources say of one signal: the later end, every area, and a number if either has it."""
    ends = [end for end in (one.valid_until, other.valid_until) if end is not None]
    area = "、".join(dict.fromkeys([one.area, other.area])) if one.area and other.area else ""
    return replace(
        one,
        number=one.number or other.number,
        valid_until=max(ends, default=None),
        area=area,
        text=one.text or other.text,
        refers=tuple(dict.fromkeys([*one.refers, *other.refers])),
    )


class _Book:
    """The signals that stand while the notices are taken one by one."""

    def __init__(self, at: datetime, ground: Ground) -> None:
        self.at, self.ground = at, ground
        self.standing: list[tuple[WeatherNotice, frozenset[str]]] = []
        self.ids: dict[WeatherNotice, frozenset[str]] = {}
        self.notes: list[SignalNote] = []

    def take(self, notice: WeatherNotice, ids: frozenset[str]) -> None:
        self.ids[notice] = ids
        towns = self.ground.towns_in(notice.area)
        if not towns:
            self._tell(notice, lambda zh, en: _elsewhere(zh, en, notice.area))
            return
        if notice.lifts:
            self._lift(notice, towns)
        else:
            self._issue(notice, towns)

    def _issue(self, notice: WeatherNotice, towns: frozenset[str]) -> None:
        mine = [one for one, _ in self.standing if _is_of_one_kind(one, notice)]
        for one in mine:
            if _minute(one.issued_at) == _minute(notice.issued_at):
                self._tell(notice, _contradiction)
        self._take_from(mine, towns)
        self._take_from(
            [one for one, _ in self.standing if self._is_named_by(notice, one)], frozenset(self.ground.towns)
        )
        self.standing.append((notice, towns))

    def _lift(self, notice: WeatherNotice, towns: frozenset[str]) -> None:
        if notice.refers:
            ended = [one for one, _ in self.standing if self._is_named_by(notice, one)]
        else:
            ended = [one for one, held in self.standing if _is_lifted_by(one, notice) and held & towns]
        if not ended:
            self._tell(notice, _ends_nothing)
        self._take_from(ended, towns)

    def _take_from(self, ended: list[WeatherNotice], towns: frozenset[str]) -> None:
        left = [(one, held - towns if one in ended else held) for one, held in self.standing]
        self.standing = [(one, held) for one, held in left if held]

    def _is_named_by(self, notice: WeatherNotice, one: WeatherNotice) -> bool:
        """Tell whether a notice names another one by an id, or by its number as one of the same office."""
        by_number = bool(one.number) and one.number in notice.refers and _office(one) == _office(notice)
        return by_number or bool(self.ids[one] & set(notice.refers))

    def _tell(self, notice: WeatherNotice, say: Callable[[str, str], tuple[str, str]]) -> None:
        if self.at - notice.issued_at <= _TOLD:
            self._note(notice, say)

    def _note(self, notice: WeatherNotice, say: Callable[[str, str], tuple[str, str]]) -> None:
        """Add a sentence about a notice that is named by what it is, its number, its office and its time."""
        zh, en = title_of(notice)
        at = notice.issued_at.astimezone(ZoneInfo(self.ground.timezone))
        named = [part for part in (notice.number, notice.office, f"{at:%Y-%m-%d %H:%M}") if part]
        self.notes.append(SignalNote(*say(f"{zh}（{'，'.join(named)}）", f"{en} ({', '.join(named)})")))

    def closed(self) -> StandingSignals:
        """Return what stands now that all has been taken."""
        signals = []
        for notice, towns in self.standing:
            if notice.valid_until is not None and notice.valid_until <= self.at:
                continue
            if notice.valid_until is None and self.at - notice.issued_at > ENDLESS:
                self._note(notice, _too_old)
                continue
            everywhere = towns == frozenset(self.ground.towns)
            signals.append(IssuedSignal(notice=notice, towns=towns, is_everywhere=everywhere))
        signals.sort(key=_gravest_first)
        return StandingSignals(tuple(signals), tuple(dict.fromkeys(self.notes)))


def _gravest_first(signal: IssuedSignal) -> tuple[Any, ...]:
    notice = signal.notice
    return not notice.is_rainstorm, -notice.level, -notice.issued_at.timestamp(), notice.notice_id


def _is_of_one_kind(one: WeatherNotice, other: WeatherNotice) -> bool:
    return one.kind == other.kind and _office(one) == _office(other)


def _is_lifted_by(one: WeatherNotice, lifting: WeatherNotice) -> bool:
    return _is_of_one_kind(one, lifting) and lifting.level in (one.level, Level.UNKNOWN)


def _elsewhere(zh: str, en: str, area: str) -> tuple[str, str]:
    area = area if len(area) <= LONGEST else f"{area[:LONGEST]}…"
    return (
        f"{zh}的区域“{area}”不在本区，未计入。",
        f"The {en} is for '{area}', which is no area of this district; it does not count here.",
    )


def _contradiction(zh: str, en: str) -> tuple[str, str]:
    return (
        f"{zh}与同一时刻的另一等级相矛盾，按较高等级计。",
        f"The {en} contradicts another colour of the same minute; the higher counts.",
    )


def _ends_nothing(zh: str, en: str) -> tuple[str, str]:
    return f"解除{zh}：本系统无对应的现行信号。", f"The end of the {en} ends nothing that is known here."


def _too_old(zh: str, en: str) -> tuple[str, str]:
    return (
        f"{zh}已超过{ENDLESS.days}天且未收到解除消息，不再列出，请核实。",
        f"The {en} is over {ENDLESS.days} days old and no end of it is known; it is no longer shown, please check.",
    )
