"""One round of asking: what the approval page of Airflow shows, and what the answer given there does.

A round asks one officer about everything a cycle holds back. Whatever still waits after it is asked again in the next
round, until it is decided or over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from risk_models.errors import ConfigError
from wuyu.approval.book import UNUSABLE, Waiting, clean_note, waiting
from wuyu.approval.calling import escalate
from wuyu.approval.evidence import evidence
from wuyu.approval.settling import settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from wuyu.desk import Desk
    from wuyu.station import Station

__all__ = ["FIELDS", "OPTIONS", "close_round", "open_round", "runs_to_trigger"]

APPROVE: Final = "Approve all 全部签发"
EXCEPT: Final = "Approve all but the numbers given 除所列编号外全部签发"
SOME: Final = "Approve only the numbers given 只签发所列编号"
REFUSE: Final = "Refuse all 全部不发"
NEXT: Final = "Call the next officer 转下一位"
OPTIONS: Final = (APPROVE, EXCEPT, SOME, REFUSE, NEXT)
FIELDS: Final = ("officer", "numbers", "note_zh", "note_en", "why")

SHORTEST_S = 5.0
_GENERIC = frozenset({"", "anonymous", "admin", "airflow"})


def runs_to_trigger(station: Station, issued_at: datetime, *, number: int = 1) -> list[dict[str, Any]]:
    """Return the run of the DAG ``approval`` that a cycle calls for: one if something waits, else none.

    Parameters
    ----------
    station : Station
    issued_at : datetime
        Minute of the decision, UTC.
    number : int
        Of the round, from 1.

    Returns
    -------
    list of dict
        ``trigger_run_id`` and ``conf``; the same cycle and round always give the same run.
    """
    if not waiting(station.ledger, issued_at=issued_at):
        return []
    run_id = f"approval__{station.code}__{issued_at:%Y%m%dT%H%MZ}__{number}"
    return [{"trigger_run_id": run_id, "conf": {"at": issued_at.isoformat(), "round": number}}]


def open_round(station: Station, issued_at: datetime, *, now: datetime) -> dict[str, Any] | None:
    """Call the officer whose turn it is and return what the page shows; None if nothing waits any more.

    Parameters
    ----------
    station : Station
    issued_at : datetime
        Minute of the decision, UTC.
    now : datetime

    Returns
    -------
    dict or None
        ``subject``, ``body`` (Markdown), ``timeout_s`` until the shortest deadline, ``message_ids`` in the order of
        their numbers.
    """
    escalate(station, now=now, issued_at=issued_at)
    items = waiting(station.ledger, issued_at=issued_at)
    if not items:
        return None
    shown = evidence(station, items, now=now)
    left_s = min((item.due_at - now).total_seconds() for item in items)
    return {
        "subject": shown.subject,
        "body": shown.markdown,
        "timeout_s": max(SHORTEST_S, left_s),
        "message_ids": [item.message_id for item in items],
    }


def close_round(
    station: Station,
    issued_at: datetime,
    *,
    message_ids: Sequence[str],
    answer: Mapping[str, Any],
    now: datetime,
    open_desk: Callable[[], Desk],
) -> list[dict[str, Any]]:
    """Do what an officer answered; no answer, or one that cannot be used, decides nothing.

    Parameters
    ----------
    station : Station
    issued_at : datetime
        Minute of the decision, UTC.
    message_ids : sequence of str
        What was asked, in the order of its numbers.
    answer : mapping
        As Airflow's human-in-the-loop operator gives it: ``chosen_options``, ``params_input``, ``responded_by_user``
        (None if time ran out).
    now : datetime
    open_desk : callable
        As in `settle`.

    Returns
    -------
    list of dict
        ``message_id``, ``state``, ``why`` of each warning that was settled; empty if none was.
    """
    user = answer.get("responded_by_user")
    (choice,) = answer["chosen_options"]
    if user is None:
        escalate(station, now=now, issued_at=issued_at, only=message_ids)
        return []
    fields = {name: str(answer["params_input"].get(name) or "") for name in FIELDS}
    try:
        if choice not in OPTIONS:
            raise ConfigError(f"'{choice}' is no answer; accepted: {', '.join(OPTIONS)}")
        officer, account = _officer(fields["officer"], user)
        if choice == NEXT:
            escalate(station, now=now, issued_at=issued_at, only=message_ids, passed_on_by=officer)
            return []
        verdicts = _verdicts(choice, fields["numbers"], message_ids, has_reason=bool(fields["why"].strip()))
    except ConfigError as error:
        _note_unusable(station, issued_at, message_ids, user, str(error), now)
        return []
    outcomes = settle(
        station,
        verdicts,
        officer=officer,
        account=account,
        now=now,
        note=clean_note(fields["note_zh"], fields["note_en"]),
        why=fields["why"],
        open_desk=open_desk,
    )
    return [{"message_id": one.message_id, "state": one.state, "why": one.why} for one in outcomes]


def _of(station: Station, issued_at: datetime, message_ids: Sequence[str]) -> list[Waiting]:
    return [item for item in waiting(station.ledger, issued_at=issued_at) if item.message_id in message_ids]


def _officer(typed: str, user: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name that signs, and the account; an account that anybody may use names nobody."""
    name, account = str(user.get("name") or ""), str(user.get("id") or "")
    personal = {value for value in (name, account) if value.strip().casefold() not in _GENERIC}
    officer = typed.strip() or (name if name in personal else account if account in personal else "")
    if not officer:
        raise ConfigError("no officer is named: fill in the field 'officer' (请填写签发人姓名)")
    return officer, account if account in personal else ""


def _verdicts(choice: str, numbers: str, message_ids: Sequence[str], *, has_reason: bool) -> dict[str, bool]:
    """Return message id to yes or no; what is held back is in neither and goes on waiting."""
    if choice in (APPROVE, REFUSE):
        return dict.fromkeys(message_ids, choice == APPROVE)
    chosen = _chosen(numbers, len(message_ids))
    numbered = list(enumerate(message_ids, start=1))
    if choice == SOME:
        return {message_id: number in chosen for number, message_id in numbered}
    return {message_id: number not in chosen for number, message_id in numbered if number not in chosen or has_reason}


def _chosen(numbers: str, count: int) -> set[int]:
    """Return the numbers that were typed."""
    given = re.split(r"[\s,，、;；]+", numbers.strip())
    wrong = [one for one in given if not (one.isascii() and one.isdigit() and 1 <= int(one) <= count)]
    if wrong:
        raise ConfigError(
            f"'numbers' must name warnings from 1 to {count}, e.g. 1,2; got {numbers.strip() or 'nothing'!r}"
        )
    return {int(one) for one in given}


def _note_unusable(
    station: Station, issued_at: datetime, message_ids: Sequence[str], user: Mapping[str, Any], why: str, now: datetime
) -> None:
    with station.ledger.decide(now=now, who=str(user.get("name") or "unnamed")) as decision:
        for item in _of(station, issued_at, message_ids):
            decision.log(UNUSABLE, event_key=item.record.event_key, message_id=item.message_id, why=why)
