"""One storm, one decision: all that waits in the district is shown as one thing, and one act signs what was shown.

The act carries the message ids that the officer saw. If another set waits by then, nothing is signed and the officer is
told what changed; and whatever waits, only what was shown is ever signed by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from reports.words import ACTION_WORDS, Text, plain, probability
from risk_models.errors import ConfigError
from risk_models.levels import Level
from risk_models.risk.depth_words import class_words, depth_range, sag_is_known
from wuyu.approval.basis import bases
from wuyu.approval.book import NO_NOTE, Waiting, needs_second, waiting
from wuyu.approval.overview import summary
from wuyu.approval.settling import Settlement, settle
from wuyu.ledger.models import LogEntry
from wuyu.station import contacts_of

if TYPE_CHECKING:
    from wuyu.desk import Desk
    from wuyu.ledger import Ledger, TownContact
    from wuyu.station import Station

__all__ = [
    "DECIDED",
    "SHOWN",
    "ChangedError",
    "DistrictRound",
    "TownLine",
    "code_of",
    "district_round",
    "keep_shown",
    "require_signable",
    "shown_as",
    "sign_round",
]

SHOWN: Final = "district-round-shown"
DECIDED: Final = "district-round-decided"
"""What the log calls the list that an officer was shown, and the one act that decided it."""

PLACES_MAX: Final = 2
_CODE_LENGTH: Final = 10


class ChangedError(ConfigError):
    """What waits is not what the officer was shown; nothing was decided."""


@dataclass(frozen=True)
class TownLine:
    """What an officer sees of one warning that waits.

    Attributes
    ----------
    number : int
        From 1, gravest first.
    item : Waiting
    town : Text
        Name of the town; its code if the ledger knows no name.
    headline : Text
        What happens to its warning, e.g. "raised, yellow to red".
    places : tuple of Text
        The worst, at most `PLACES_MAX`, with their depth and chance.
    more_places : int
        How many others the warning names.
    needs_second : bool
        True if two different officers must sign it.
    """

    number: int
    item: Waiting
    town: Text
    headline: Text
    places: tuple[Text, ...]
    more_places: int
    needs_second: bool

    @property
    def level(self) -> Level:
        """Level that is warned of; of an end, the one that ends."""
        return self.item.record.level

    @property
    def is_end(self) -> bool:
        """True if the warning ends a warning."""
        return self.item.record.action.is_end


@dataclass(frozen=True)
class DistrictRound:
    """All that waits for an officer in a district, as one thing to decide.

    Attributes
    ----------
    lines : tuple of TownLine
        Gravest first; empty if nothing waits.
    """

    lines: tuple[TownLine, ...]

    @property
    def seen(self) -> tuple[str, ...]:
        """The message ids: what an act that rests on this may sign."""
        return tuple(line.item.message_id for line in self.lines)

    @property
    def code(self) -> str:
        """Short name of the set of message ids."""
        return code_of(self.seen)

    @property
    def summary(self) -> Text:
        """How many warnings of each level, and how many ends."""
        return summary([line.item for line in self.lines])

    @property
    def due_at(self) -> datetime | None:
        """The earliest deadline of all."""
        return min((line.item.due_at for line in self.lines), default=None)


def code_of(message_ids: Iterable[str]) -> str:
    """Return a short name of a set of messages, the same in whatever order they stand.

    Examples
    --------
    >>> code_of(["a.r0", "b.r1"]) == code_of(["b.r1", "a.r0"]), code_of(["a.r0"]) == code_of(["a.r1"])
    (True, False)
    """
    return hashlib.sha256("\n".join(sorted(message_ids)).encode()).hexdigest()[:_CODE_LENGTH]


def district_round(station: Station) -> DistrictRound:
    """Return all that waits in the district of a station, gravest first."""
    items = _waiting_here(station)
    towns = contacts_of(station) if items else {}
    lines = []
    for number, (item, basis) in enumerate(zip(items, bases(station, items), strict=True), start=1):
        town = towns.get(item.record.area_code)
        name = Text(plain(town.town_name), plain(town.town_name_en)) if town else Text(*[item.record.area_code] * 2)
        shown = [_place(row) for row in basis.get("hotspots", ())[:PLACES_MAX]]
        lines.append(
            TownLine(
                number,
                item,
                name,
                _headline(item),
                tuple(shown),
                max(0, len(item.record.hotspot_ids) - len(shown)),
                needs_second(station.settings, item.record.level),
            )
        )
    return DistrictRound(tuple(lines))


def keep_shown(station: Station, shown: DistrictRound, *, now: datetime) -> str:
    """Keep in the log what an officer is shown, so that a later act can name it by its code; returns the code.

    Showing the same again writes nothing.
    """
    if shown.lines and shown_as(station.ledger, shown.code) is None:
        event_key = shown.lines[0].item.record.event_key
        with station.ledger.decide(now=now, who="approval") as decision:
            decision.log(SHOWN, event_key=event_key, code=shown.code, seen=list(shown.seen))
    return shown.code


def shown_as(ledger: Ledger, code: str) -> tuple[str, ...] | None:
    """Return the message ids that were shown under a code; None if it never stood under a list."""
    with ledger.reading() as session:
        lists = [entry.detail for entry in session.scalars(select(LogEntry).where(LogEntry.what == SHOWN))]
    return next((tuple(detail["seen"]) for detail in lists if detail["code"] == code), None)


def sign_round(
    station: Station,
    seen: Collection[str],
    *,
    officer: str,
    now: datetime,
    hold_back: Collection[str] = (),
    refuse: Mapping[str, str] | None = None,
    account: str = "",
    note: Text = NO_NOTE,
    open_desk: Callable[[], Desk],
) -> list[Settlement]:
    """Sign all that an officer was shown, but for what the officer holds back or refuses.

    Parameters
    ----------
    station : Station
    seen : collection of str
        Message ids of everything that was shown.
    officer : str
        Who decides; not empty.
    now : datetime
        Aware.
    hold_back : collection of str
        Message ids that are left to wait: their deadlines and calls go on.
    refuse : mapping of str to str, optional
        Message id to the reason why it never leaves.
    account, note, open_desk
        As `settle` takes them.

    Returns
    -------
    list of Settlement
        One for each message that was shown, in the order of their gravity; ``held`` for what is left to wait.

    Raises
    ------
    ChangedError
        If something else waits now; nothing is decided then.
    ConfigError
        If no officer is named, a reason is missing, or an exception is made of what was not shown.
    """
    refuse = refuse or {}
    waits = require_signable(station, seen, officer=officer, hold_back=hold_back, refuse=refuse)
    exceptions = {"held_back": sorted(hold_back), "refused": dict(sorted(refuse.items()))}
    _keep_decided(station, list(waits.values()), officer=officer, now=now, account=account, **exceptions)
    act: dict[str, Any] = {"officer": officer, "now": now, "account": account, "open_desk": open_desk}
    outcomes = {message_id: Settlement(message_id, "held") for message_id in hold_back}
    for message_id, why in refuse.items():
        outcomes |= _by_message(settle(station, {message_id: False}, why=why, **act))
    signed = {message_id: True for message_id in waits if message_id not in outcomes}
    outcomes |= _by_message(settle(station, signed, note=note, **act))
    return [outcomes[message_id] for message_id in waits]


def _by_message(outcomes: Iterable[Settlement]) -> dict[str, Settlement]:
    return {one.message_id: one for one in outcomes}


def require_signable(
    station: Station, seen: Collection[str], *, officer: str, hold_back: Collection[str], refuse: Mapping[str, str]
) -> dict[str, Waiting]:
    """Return what waits, if an act is clear and rests on just that.

    Raises
    ------
    ChangedError, ConfigError
        As `sign_round` does.
    """
    _require_decidable(seen, officer=officer, hold_back=hold_back, refuse=refuse)
    waits = {item.message_id: item for item in _waiting_here(station)}
    _require_as_shown(station, waits, seen)
    return waits


def _require_decidable(
    seen: Collection[str], *, officer: str, hold_back: Collection[str], refuse: Mapping[str, str]
) -> None:
    """Make sure that an act says who, speaks only of what was shown, and gives a reason for every refusal.

    Raises
    ------
    ConfigError
    """
    if not officer.strip():
        raise ConfigError("an approval needs the name of an officer")
    strange = sorted({*hold_back, *refuse} - set(seen))
    if strange:
        raise ConfigError(f"{', '.join(strange)} was not shown: only what was shown can be held back or refused")
    both = sorted(set(hold_back) & set(refuse))
    if both:
        raise ConfigError(f"{', '.join(both)} is both held back and refused: choose one")
    mute = sorted(message_id for message_id, why in refuse.items() if not why.strip())
    if mute:
        raise ConfigError(f"{', '.join(mute)} is refused without a reason: say why")


def _require_as_shown(station: Station, waits: Mapping[str, Waiting], seen: Collection[str]) -> None:
    """Make sure that what waits is what was shown.

    Raises
    ------
    ChangedError
        Naming what came and what went.
    """
    if waits.keys() == set(seen):
        return
    towns = contacts_of(station)
    came = [_named(item, towns) for message_id, item in waits.items() if message_id not in seen]
    gone = [f"{message_id} ({_state(station, message_id)})" for message_id in sorted(set(seen) - waits.keys())]
    said = [f"new 新增: {'; '.join(came)}"] if came else []
    said += [f"gone 已不待签: {'; '.join(gone)}"] if gone else []
    raise ChangedError(
        f"what waits has changed since it was shown, nothing was signed 待签内容已变，未签发任何一件: {'. '.join(said)}"
    )


def _named(item: Waiting, towns: Mapping[str, TownContact]) -> str:
    town = towns.get(item.record.area_code)
    name = town.town_name if town else item.record.area_code
    return f"{plain(name)} {item.record.action} {item.record.level} ({item.message_id})"


def _waiting_here(station: Station) -> list[Waiting]:
    """Return what waits in this district: one ledger may hold several."""
    return [item for item in waiting(station.ledger) if item.record.event_key.startswith(f"{station.code}-")]


def _state(station: Station, message_id: str) -> str:
    row = station.ledger.warning(message_id)
    if row is None:
        return "not in the ledger"
    return "replaced by a later one" if row.approval_state == "waiting" else str(row.approval_state)


def _keep_decided(station: Station, seen: Sequence[Waiting], *, officer: str, now: datetime, **detail: Any) -> None:
    """Write the act into the log: who, what was seen, and what was excepted."""
    if not seen:
        return
    with station.ledger.decide(now=now, who=officer) as decision:
        event_key = seen[0].record.event_key
        decision.log(DECIDED, event_key=event_key, seen=[item.message_id for item in seen], **detail)


def _headline(item: Waiting) -> Text:
    record, action = item.record, ACTION_WORDS[item.record.action]
    if record.action.is_end or not record.previous_level.is_warning or record.previous_level == record.level:
        return Text(f"{action.zh} {record.level.zh}", f"{action.en} {record.level.en}")
    before = record.previous_level
    return Text(f"{action.zh} {before.zh}→{record.level.zh}", f"{action.en} {before.en} → {record.level.en}")


def _place(row: Mapping[str, Any]) -> Text:
    """Return a place with how deep the water may be there, and how likely: centimetres only where the sag is known."""
    zh, en = _depth(row) if sag_is_known(row) else class_words(row)
    return Text(f"{plain(row['hotspot_name'])} {zh}", f"{plain(row['hotspot_name_en'])} {en}")


def _depth(row: Mapping[str, Any]) -> tuple[str, str]:
    high, chance = row["depth_p90_m"], probability(row["p_50cm"], "en")
    if high is None:
        return class_words(row)
    zh, en = depth_range(high, high)
    return f"可能深至{zh}，超50厘米 {chance}", f"up to {en}, above 50 cm {chance}"
