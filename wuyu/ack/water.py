"""What a town answers to a message that water stands now: closed, people out, water gone, cannot reach.

Question and answers are entries of the log, which nobody can change. "Water gone", said with a name, is a person's look
at the place and counts in the next cycle as one entered on the page does; the other answers say nothing of the water.
Who does not answer in time becomes a task for the duty desk, and nothing more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from risk_models.errors import ConfigError
from wuyu.ack.codes import reply_codes
from wuyu.ledger.models import LogEntry, Outbox
from wuyu.ledger.sightings import Sighting
from wuyu.ledger.store import lock_ledger
from wuyu.ledger.tasks import OPERATOR_TASK
from wuyu.messages.purpose import Purpose

if TYPE_CHECKING:
    from wuyu.keys import Keys
    from wuyu.ledger.decision import Decision
    from wuyu.ledger.store import Ledger
    from wuyu.station import Station

__all__ = [
    "ANSWERABLE",
    "NowAnswer",
    "NowAsked",
    "ask_now",
    "asked_now",
    "asked_of_code",
    "last_answers",
    "open_asked",
    "record_now",
    "take_unanswered",
]

ASKED: Final = "now-asked"
ANSWERED: Final = "now-answered"
UNANSWERED: Final = "now-unanswered"

ANSWERABLE: Final = timedelta(hours=12)
"""How long a message that water stands may be answered."""

_MOST_OPEN: Final = 500


class NowAnswer(StrEnum):
    """What a town says of a place where water stands."""

    CLOSED = "closed"
    PEOPLE_OUT = "people_out"
    WATER_GONE = "water_gone"
    CANNOT_REACH = "cannot_reach"

    @property
    def zh(self) -> str:
        """Chinese word, as towns write it."""
        return _WORDS[self][0]

    @property
    def en(self) -> str:
        """English word."""
        return _WORDS[self][1]


_WORDS: Final = {
    NowAnswer.CLOSED: ("已封闭", "closed"),
    NowAnswer.PEOPLE_OUT: ("人员已撤", "people out"),
    NowAnswer.WATER_GONE: ("积水已退", "water gone"),
    NowAnswer.CANNOT_REACH: ("无法到达", "cannot reach"),
}


@dataclass(frozen=True, kw_only=True)
class NowAsked:
    """A message that water stands, as it waits for an answer.

    Attributes
    ----------
    message_id, event_key, district_code, area_code : str
    town, phone : str
        Chinese name and duty telephone of the town.
    places : dict of str to list of str
        Chinese and English name of each place it names.
    readers : tuple of str
        Addresses and numbers of the town that were told, and may answer.
    asked_at, due_at : datetime
    """

    message_id: str
    event_key: str
    district_code: str
    area_code: str
    town: str
    phone: str
    places: dict[str, list[str]]
    readers: tuple[str, ...]
    asked_at: datetime
    due_at: datetime

    @property
    def expires_at(self) -> datetime:
        """Until when it may be answered."""
        return self.asked_at + ANSWERABLE


def ask_now(decision: Decision, asked: NowAsked) -> None:
    """Note that a message waits for an answer, within the caller's transaction; calling it again adds nothing."""
    if asked_now(decision.session, asked.message_id) is not None:
        return
    decision.log(
        ASKED,
        event_key=asked.event_key,
        message_id=asked.message_id,
        district=asked.district_code,
        area_code=asked.area_code,
        town=asked.town,
        phone=asked.phone,
        places=asked.places,
        readers=list(asked.readers),
        due_at=asked.due_at.isoformat(),
    )


def asked_now(session: Session, message_id: str) -> NowAsked | None:
    """Return what a message asked, or None if it asked nothing."""
    query = select(LogEntry).where(LogEntry.message_id == message_id, LogEntry.what == ASKED)
    entry = session.scalars(query.limit(1)).first()
    return None if entry is None else _asked(entry)


def _asked(entry: LogEntry) -> NowAsked:
    detail = entry.detail
    return NowAsked(
        message_id=str(entry.message_id),
        event_key=str(entry.event_key),
        district_code=detail["district"],
        area_code=detail["area_code"],
        town=detail["town"],
        phone=detail["phone"],
        places=dict(detail["places"]),
        readers=tuple(detail["readers"]),
        asked_at=entry.at,
        due_at=datetime.fromisoformat(detail["due_at"]),
    )


def open_asked(ledger: Ledger, district_code: str, now: datetime) -> list[NowAsked]:
    """Return the messages that may be answered now, oldest first."""
    query = select(LogEntry).where(LogEntry.what == ASKED).order_by(LogEntry.id.desc()).limit(_MOST_OPEN)
    with ledger.reading() as session:
        found = [_asked(entry) for entry in session.scalars(query)]
    return [
        one for one in reversed(found) if one.district_code == district_code and one.asked_at <= now < one.expires_at
    ]


def asked_of_code(
    asked: Iterable[NowAsked], keys: Keys, code: str, readers: Collection[str] = ()
) -> list[tuple[NowAsked, str]]:
    """Return the messages with which a code was sent, and to whom: one, unless it is none of ours.

    Parameters
    ----------
    asked : iterable of NowAsked
    keys : Keys
    code : str
        As somebody wrote or said it.
    readers : collection of str
        Only if it was sent to one of these; anyone without.
    """
    wanted = code.strip().upper()
    known = {one.lower() for one in readers}
    return [
        (one, reader)
        for one in asked
        for reader, codes in reply_codes(keys, one.message_id, dict.fromkeys(one.readers, "")).items()
        if wanted in codes and (not known or reader.lower() in known)
    ]


def last_answers(session: Session, message_id: str) -> dict[str, LogEntry]:
    """Return the last answer to a message of each who answered."""
    query = select(LogEntry).where(LogEntry.message_id == message_id, LogEntry.what == ANSWERED)
    return {str(entry.detail["reader"]): entry for entry in session.scalars(query.order_by(LogEntry.id))}


def record_now(
    ledger: Ledger,
    asked: NowAsked,
    answers: Mapping[str, Collection[NowAnswer]],
    *,
    reader: str,
    name: str,
    channel: str,
    now: datetime,
    recorded_by: str = "",
) -> bool:
    """Write what a town answers; "water gone" becomes a sight, "cannot reach" a task.

    A town may answer again as things change; what it said last already is not written twice.

    Parameters
    ----------
    ledger : Ledger
    asked : NowAsked
    answers : mapping of str to collection of NowAnswer
        By place.
    reader : str
        Address or number that was told.
    name : str
        Who says so.
    channel : str
        web, mail or phone.
    now : datetime
    recorded_by : str
        The officer who wrote a phone call down.

    Returns
    -------
    bool
        True if it is new.

    Raises
    ------
    ConfigError
        If nobody is named, nothing is said, or it is said of a place that the message does not name, or a place is both
        out of reach and looked at. Nothing is written then.
    """
    said = {place: sorted(map(str, given)) for place, given in answers.items() if given}
    strange = sorted(set(said) - set(asked.places))
    torn = [place for place, given in said.items() if NowAnswer.CANNOT_REACH in given and len(given) > 1]
    problems = [
        (not name.strip(), "an answer needs the name of who answers"),
        (not said, "say at least of one place how it is"),
        (bool(strange), f"the message names no {', '.join(strange)}; it names {', '.join(asked.places)}"),
        (bool(torn), f"{', '.join(torn)}: out of reach, and looked at, cannot both be"),
    ]
    for is_wrong, message in problems:
        if is_wrong:
            raise ConfigError(message)
    with ledger.decide(now=now, who=recorded_by or channel) as decision:
        lock_ledger(decision.session)
        last = last_answers(decision.session, asked.message_id).get(reader)
        if last is not None and (last.detail["answers"], last.detail["name"]) == (said, name.strip()):
            return False
        about = {"event_key": asked.event_key, "message_id": asked.message_id}
        decision.log(ANSWERED, **about, reader=reader, name=name.strip(), channel=channel, answers=said)
        gone = [place for place, given in said.items() if NowAnswer.WATER_GONE in given]
        decision.session.add_all([_look(asked, place, name.strip(), now) for place in gone])
        away = [asked.places[place][0] for place, given in said.items() if NowAnswer.CANNOT_REACH in given]
        if away:
            task = f"a town cannot reach {'、'.join(away)}, where water stands: send somebody, or call {asked.phone}"
            decision.log(OPERATOR_TASK, **about, task=task, phone=asked.phone)
    return True


def _look(asked: NowAsked, place: str, name: str, now: datetime) -> Sighting:
    """Return a person's look at a place, as the page writes it."""
    return Sighting(
        district_code=asked.district_code,
        hotspot_id=place,
        seen_at=now.replace(second=0, microsecond=0),
        entered_at=now,
        source="town",
        seen="dry",
        depth_m=0.0,
        by=name,
        remark=asked.message_id,
    )


def take_unanswered(station: Station, now: datetime) -> list[str]:
    """Ask an operator to call where nobody answered in time, once for each message; returns the messages."""
    taken = []
    for asked in open_asked(station.ledger, station.code, now):
        if now < asked.due_at:
            continue
        with station.ledger.reading() as session:
            if _is_settled(session, asked.message_id):
                continue
        with station.ledger.decide(now=now, who="escalation") as decision:
            lock_ledger(decision.session)
            if _is_settled(decision.session, asked.message_id):
                continue
            about: dict[str, Any] = {"event_key": asked.event_key, "message_id": asked.message_id}
            names = "、".join(zh for zh, _ in asked.places.values())
            task = f"water stands at {names} and {asked.town} has not answered: call {asked.phone}"
            decision.log(UNANSWERED, **about)
            decision.log(OPERATOR_TASK, **about, task=task, phone=asked.phone)
            taken.append(asked.message_id)
    return taken


def _is_settled(session: Session, message_id: str) -> bool:
    """Return True if somebody answered, or an operator was asked to call."""
    query = select(LogEntry.id).where(LogEntry.message_id == message_id, LogEntry.what.in_((ANSWERED, UNANSWERED)))
    return session.scalars(query.limit(1)).first() is not None


def mails_of(session: Session, message_id: str, reader: str) -> list[bytes]:
    """Return the mails of a message that went to somebody, as they may be quoted."""
    query = select(Outbox).where(Outbox.message_id == message_id, Outbox.channel == "mail")
    rows = session.scalars(query.where(Outbox.purpose == Purpose.NOW))
    return [row.content.body for row in rows if row.recipient.lower() == reader.lower()]
