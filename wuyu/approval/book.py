"""What the ledger knows about warnings that wait: who was called, who has signed, until when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from reports.words import Text, plain
from risk_models.levels import Level
from risk_models.warning.records import Action, WarningRecord
from wuyu.approval.basis import BASIS
from wuyu.ledger import Approval
from wuyu.ledger.models import LogEntry, WarningRow
from wuyu.ledger.overtaking import CALLED

if TYPE_CHECKING:
    from risk_models.district.settings import DistrictSettings
    from wuyu.ledger import Ledger

__all__ = [
    "CALLED",
    "NO_NOTE",
    "OVERDUE",
    "PASSED_ON",
    "SIGNED",
    "UNUSABLE",
    "Call",
    "Signature",
    "Waiting",
    "clean_note",
    "minutes_to_decide",
    "needs_second",
    "same_person",
    "signatures",
    "steps",
    "successor",
    "waiting",
]

#: What the log calls the steps of an approval, beside `CALLED`, ``warning-approved``, ``-refused`` and ``-lapsed``.
SIGNED = "approval-signed"
OVERDUE, PASSED_ON, UNUSABLE = "approval-overdue", "approval-passed-on", "approval-answer-unusable"

NO_NOTE = Text("", "")
NOTE_MAX = 300
"""Characters that an officer may add to a bulletin: one or two sentences."""


@dataclass(frozen=True)
class Call:
    """An officer who was called to decide.

    Attributes
    ----------
    number : int
        0 for the first officer on the duty chain, then counting on; after the last the first is called again.
    name, phone : str
    at, due_at : datetime
        When, and until when an answer was expected.
    """

    number: int
    name: str
    phone: str
    at: datetime
    due_at: datetime


@dataclass(frozen=True)
class Signature:
    """A first signature that waits for a second person.

    Attributes
    ----------
    officer : str
    account : str
        By which the officer was signed in; empty if unknown.
    at : datetime
    note : Text
    """

    officer: str
    account: str
    at: datetime
    note: Text


@dataclass(frozen=True)
class Waiting:
    """A warning that an officer must decide about.

    Attributes
    ----------
    record : WarningRecord
    due_at : datetime
    calls : tuple of Call
        Oldest first.
    signatures : tuple of Signature
        Not empty only where a second person must sign and one has.
    remark : str
        Why the last answer could not be used; empty if it could.
    basis : mapping or None
        What supports it, see `wuyu.approval.basis`; None if it was decided before that was kept.
    """

    record: WarningRecord
    due_at: datetime
    calls: tuple[Call, ...]
    signatures: tuple[Signature, ...]
    remark: str = ""
    basis: Mapping[str, Any] | None = None

    @property
    def message_id(self) -> str:
        """Message id of the revision."""
        return self.record.message_id


def minutes_to_decide(settings: DistrictSettings, level: Level) -> float:
    """Return how long an officer may take for a warning of `level` [min]; without a number, the shortest there is."""
    minutes = {str(name): value for name, value in settings.warning.approval_deadline_min.items()}
    return minutes.get(str(level), min(minutes.values()))


def needs_second(settings: DistrictSettings, level: Level) -> bool:
    """Return True if two different officers must sign a warning of `level`."""
    second = settings.warning.second_person_from
    return second is not None and level >= Level.from_name(second)


def same_person(signature: Signature, officer: str, account: str) -> bool:
    """Return True if a signature is by this officer: by name, or by the account if both are known.

    Examples
    --------
    >>> from datetime import UTC
    >>> signature = Signature("李 明", "liming", datetime(2021, 7, 20, tzinfo=UTC), NO_NOTE)
    >>> same_person(signature, "李明", ""), same_person(signature, "王芳", "liming"), same_person(signature, "王芳", "")
    (True, True, False)
    """
    return _key(signature.officer) == _key(officer) or (bool(account) and _key(signature.account) == _key(account))


def _key(name: str) -> str:
    return "".join(plain(name).split()).casefold()


def clean_note(zh: str = "", en: str = "") -> Text:
    r"""Return an officer's note as two clean lines of at most `NOTE_MAX` characters.

    Where one language is empty, the other stands in for it.

    Examples
    --------
    >>> clean_note("  隧道已封闭\n ")
    Text(zh='隧道已封闭', en='隧道已封闭')
    """
    zh, en = plain(zh)[:NOTE_MAX], plain(en)[:NOTE_MAX]
    return Text(zh or en, en or zh)


def successor(ledger: Ledger, row: WarningRow) -> WarningRow | None:
    """Return the latest revision that replaced this one; None while it is the newest that says something."""
    later = [
        other
        for other in ledger.warnings(event_key=row.event_key)
        if other.warning_id == row.warning_id and other.revision > row.revision and Action(other.action).is_mailed
    ]
    return later[-1] if later else None


def waiting(ledger: Ledger, *, issued_at: datetime | None = None) -> list[Waiting]:
    """Return what waits for an officer and has not been replaced, gravest first.

    Parameters
    ----------
    ledger : Ledger
    issued_at : datetime, optional
        Only what was decided at this minute.

    Returns
    -------
    list of Waiting
        By level from red down, then deadline, then area.
    """
    rows = [
        row
        for row in ledger.warnings(approval=Approval.WAITING)
        if (issued_at is None or row.issued_at == issued_at) and successor(ledger, row) is None
    ]
    with ledger.reading() as session:
        found = [_waiting(row, steps(session, row.message_id, *_STEPS, event_key=row.event_key)) for row in rows]
    return sorted(found, key=lambda item: (-int(item.record.level), item.due_at, item.record.area_code))


def steps(session: Session, message_id: str, *what: str, event_key: str) -> list[LogEntry]:
    """Return log entries about a message of an event, oldest first, within a transaction."""
    mine = (LogEntry.event_key == event_key) & (LogEntry.message_id == message_id)
    query = select(LogEntry).where(mine, LogEntry.what.in_(what))
    return list(session.scalars(query.order_by(LogEntry.id)))


def signatures(entries: Iterable[LogEntry]) -> tuple[Signature, ...]:
    """Return the signatures among some log entries."""
    return tuple(
        Signature(
            entry.who,
            entry.detail["account"],
            entry.at,
            Text(entry.detail["note_zh"], entry.detail["note_en"]),
        )
        for entry in entries
        if entry.what == SIGNED
    )


def _waiting(row: WarningRow, mine: Sequence[LogEntry]) -> Waiting:
    remarks = [entry.detail["why"] if entry.what == UNUSABLE else "" for entry in mine if entry.what in _ANSWERS]
    record = row.to_record()
    return Waiting(
        record=record,
        due_at=row.approval_due_at or record.issued_at,
        calls=tuple(_call(entry) for entry in mine if entry.what == CALLED),
        signatures=signatures(mine),
        remark=remarks[-1] if remarks else "",
        basis=next((entry.detail for entry in mine if entry.what == BASIS), None),
    )


_ANSWERS = (UNUSABLE, SIGNED, PASSED_ON, OVERDUE)
_STEPS = (*_ANSWERS, CALLED, BASIS)


def _call(entry: LogEntry) -> Call:
    detail: dict[str, Any] = entry.detail
    return Call(detail["number"], detail["name"], detail["phone"], entry.at, datetime.fromisoformat(detail["due_at"]))
