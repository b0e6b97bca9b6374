"""No answer in time: the next officer on the duty chain is called. What nobody decides lapses, and the log says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from risk_models.levels import Level
from wuyu.approval.book import CALLED, OVERDUE, PASSED_ON, Waiting, minutes_to_decide, steps, successor, waiting
from wuyu.approval.evidence import Evidence, evidence
from wuyu.ledger import Approval
from wuyu.ledger.models import WarningRow
from wuyu.messages.letters import letter
from wuyu.messages.mail import Mail, MailContent
from wuyu.messages.purpose import Purpose, message_id

if TYPE_CHECKING:
    from risk_models.district.settings import DistrictSettings, UpwardContact
    from wuyu.ledger import Decision, Ledger
    from wuyu.messages.letters import Sender
    from wuyu.station import Station

__all__ = ["Called", "escalate", "lapse"]

_WHO: Final = "approval"


@dataclass(frozen=True)
class Called:
    """A call just made.

    Attributes
    ----------
    number : int
        0 for the first call.
    name, phone, mailbox : str
    message_ids : tuple of str
        What the officer was asked to decide.
    due_at : datetime
    """

    number: int
    name: str
    phone: str
    mailbox: str
    message_ids: tuple[str, ...]
    due_at: datetime


def escalate(
    station: Station,
    *,
    now: datetime,
    issued_at: datetime | None = None,
    passed_on_by: str = "",
    only: Collection[str] | None = None,
) -> list[Called]:
    """Call the officer whose turn it is, for everything nobody was called for yet and everything whose time is up.

    The first call goes to the first of ``warning.duty_chain``; each deadline that passes brings the next, and after the
    last the first again, until the warning is over. A call is a log entry with the telephone number, and a mail if the
    officer has a mailbox. Calling this again before a deadline changes nothing.

    Parameters
    ----------
    station : Station
    now : datetime
        Aware.
    issued_at : datetime, optional
        Only what was decided at this minute.
    passed_on_by : str
        Officer who hands the decision on before the deadline; then the next is called at once.
    only : collection of str, optional
        Message ids; default all.

    Returns
    -------
    list of Called
    """
    lapse(station.ledger, now=now, issued_at=issued_at)
    turns: dict[int, list[Waiting]] = defaultdict(list)
    for item in waiting(station.ledger, issued_at=issued_at):
        is_due = not item.calls or item.due_at <= now or bool(passed_on_by)
        if is_due and (only is None or item.message_id in only):
            turns[len(item.calls)].append(item)
    called = (
        _call(station, number, items, now=now, passed_on_by=passed_on_by) for number, items in sorted(turns.items())
    )
    return [call for call in called if call is not None]


def lapse(ledger: Ledger, *, now: datetime, issued_at: datetime | None = None) -> list[str]:
    """Close what can no longer be signed, because it is over or a later revision took its place; returns message ids.

    Parameters
    ----------
    ledger : Ledger
    now : datetime
    issued_at : datetime, optional
        Only what was decided at this minute.
    """
    closed = []
    for row in ledger.warnings(approval=Approval.WAITING):
        later = successor(ledger, row)
        if (issued_at is not None and row.issued_at != issued_at) or (later is None and row.valid_to > now):
            continue
        over = f"nobody decided until {row.valid_to:%Y-%m-%dT%H:%MZ}"
        why = f"replaced by {later.message_id} ({later.action})" if later else over
        with ledger.decide(now=now, who=_WHO) as decision:
            if _is_waiting(decision, row.message_id):
                decision.settle_approval(row.message_id, Approval.LAPSED, why=why)
                closed.append(row.message_id)
    return closed


def _call(
    station: Station, number: int, items: Sequence[Waiting], *, now: datetime, passed_on_by: str
) -> Called | None:
    """Write the calls of one officer, with the mail, in one transaction."""
    chain = station.settings.warning.duty_chain
    contact = chain[number % len(chain)] if chain else _Bureau(str(station.settings.district.bureau.zh))
    due_at = {item.message_id: _due(station.settings, item, number, now) for item in items}
    shown = evidence(station, [replace(item, due_at=due_at[item.message_id]) for item in items], now=now)
    with station.ledger.decide(now=now, who=_WHO) as decision:
        taken = [
            item
            for item in items
            # Another process may have called meanwhile.
            if _is_waiting(decision, item.message_id)
            and len(steps(decision.session, item.message_id, CALLED, event_key=item.record.event_key)) == number
        ]
        if not taken:
            return None
        call = message_id(Purpose.CALL, taken[0].message_id, number) if contact.mailbox else ""
        for item in taken:
            _write(decision, item, contact, due_at[item.message_id], passed_on_by, call)
        if call:
            key = taken[0].record.event_key
            mail = _mail(station.sender, contact, call, taken[0].message_id, shown, now=now, event_key=key)
            latest = max(item.record.valid_to for item in taken)
            decision.queue(mail, expires_at=latest, priority=int(Level.RED), event_key=key)
    asked = tuple(item.message_id for item in taken)
    first_due = min(due_at[name] for name in asked)
    return Called(number, contact.name, contact.phone, contact.mailbox or "", asked, first_due)


@dataclass(frozen=True)
class _Bureau:
    """Stands in where the district names no duty chain."""

    name: str
    phone: str = ""
    mailbox: str | None = None


def _due(settings: DistrictSettings, item: Waiting, number: int, now: datetime) -> datetime:
    """Return until when an answer is expected: an officer has the full time, however late the cycle ran."""
    full = now + timedelta(minutes=minutes_to_decide(settings, item.record.level))
    return max(full, item.due_at) if number == 0 else full


def _write(
    decision: Decision, item: Waiting, contact: UpwardContact | _Bureau, due_at: datetime, passed_on_by: str, call: str
) -> None:
    place = {"event_key": item.record.event_key, "message_id": item.message_id}
    if item.calls:
        last = item.calls[-1]
        how = {"by": passed_on_by} if passed_on_by else {"due_at": item.due_at.isoformat()}
        decision.log(PASSED_ON if passed_on_by else OVERDUE, **place, called=last.name, number=last.number, **how)
    decision.log(
        CALLED,
        **place,
        number=len(item.calls),
        name=contact.name,
        phone=contact.phone,
        mailbox=contact.mailbox or "",
        mail=call,
        due_at=due_at.isoformat(),
    )
    row = decision.session.scalars(select(WarningRow).where(WarningRow.message_id == item.message_id)).one()
    row.approval_due_at = due_at


def _is_waiting(decision: Decision, message_id: str) -> bool:
    query = select(WarningRow).where(WarningRow.message_id == message_id).with_for_update()
    return decision.session.scalars(query).one().approval_state == Approval.WAITING


def _mail(
    sender: Sender,
    contact: UpwardContact | _Bureau,
    call: str,
    about: str,
    shown: Evidence,
    *,
    now: datetime,
    event_key: str,
) -> Mail:
    """Return the mail that calls an officer; it carries the evidence, and no link that could sign."""
    return letter(
        sender,
        Purpose.CALL,
        MailContent(subject=shown.subject, text=shown.text),
        message_id=call,
        about=about,
        recipient=contact.mailbox or "",
        decided_at=now,
        labels={"Step": "approval", "Event": event_key},
    )
