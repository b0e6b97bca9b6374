"""The command around a decision: departments are consulted (会商), and the flood response is started, changed, ended.

The software proposes a response; a person in a role of the command decides it. Both are kept as they were said.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from reports.words import Text, plain
from risk_models.district.command import COMMAND_ROLES, DECIDING_ROLES
from risk_models.errors import ConfigError
from risk_models.levels import Level
from wuyu.ack.pages import RESPONSE_WORDS
from wuyu.ledger import ConsultationEntry, LogEntry, ResponseStep
from wuyu.ledger.authority import standing_at
from wuyu.ledger.command import consultations_since, response_steps, running_response
from wuyu.ledger.store import lock_ledger

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from wuyu.station import Station

__all__ = [
    "RESPONSE_LEVELS",
    "CommandState",
    "ProposedResponse",
    "command_state",
    "consult",
    "proposed_response",
    "read_level",
    "respond",
]

RESPONSE_LEVELS: Final = ("Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ")
_VIEW_MAX, _NAME_MAX = 300, 40
_RECENT: Final = timedelta(hours=72)


@dataclass(frozen=True)
class ProposedResponse:
    """What the standards propose for the gravest warning that stands or waits.

    Attributes
    ----------
    level : str
        Of `RESPONSE_LEVELS`.
    words : Text
    because : Level
        Level of that warning.
    """

    level: str
    words: Text
    because: Level


@dataclass(frozen=True)
class CommandState:
    """What stands beside a decision.

    Attributes
    ----------
    running : ResponseStep or None
        The step that set the response that runs.
    steps : tuple of ResponseStep
        The latest, oldest first.
    consultations : tuple of ConsultationEntry
        What departments said lately, oldest first.
    """

    running: ResponseStep | None
    steps: tuple[ResponseStep, ...]
    consultations: tuple[ConsultationEntry, ...]


def command_state(station: Station, *, now: datetime) -> CommandState:
    """Return the response that runs, and the steps and consultations of the last three days."""
    since = now - _RECENT
    with station.ledger.reading() as session:
        return CommandState(
            running_response(session, station.code),
            tuple(response_steps(session, station.code, since=since)),
            tuple(consultations_since(session, station.code, since)),
        )


def proposed_response(station: Station, *, now: datetime) -> ProposedResponse | None:
    """Return what the standards of the district propose now; None if nothing stands or waits, or they propose nothing.

    A proposal only: the table in force says how sure it is, and the headquarters decides.
    """
    from risk_models.standards import load_standards

    with station.ledger.reading() as session:
        level = _gravest(session, now)
    for row in load_standards().responses(station.settings.standards.response_levels):
        if row.trigger == str(level):
            return ProposedResponse(row.response, Text(row.zh, row.en), level)
    return None


def _gravest(session: Session, now: datetime) -> Level:
    """Return the gravest level that is in force or waits for a signature; an end counts for nothing."""
    return max((one.level for one, _ in standing_at(session, now) if not one.action.is_end), default=Level.NONE)


def consult(
    station: Station,
    department: str,
    view: str,
    *,
    by: str,
    entered_by: str,
    now: datetime,
    event_key: str | None = None,
) -> int:
    """Write down what a department said when it was consulted; returns the number of the entry.

    Parameters
    ----------
    station : Station
    department : str
        Its name, or its id among ``reports.departments``.
    view : str
        In a line.
    by : str
        Who said it, for the department.
    entered_by : str
        Who took it down.
    now : datetime

    Raises
    ------
    ConfigError
        If one of them is empty or longer than a line. Nothing is written then.
    """
    known = {one.id: str(one.name.zh) for one in station.settings.reports.departments}
    said = {
        "department": _line(known.get(department.strip(), department), "department", _NAME_MAX),
        "view": _line(view, "view", _VIEW_MAX),
        "by": _line(by, "by", _NAME_MAX),
        "entered_by": _line(entered_by, "entered_by", _NAME_MAX),
    }
    event_key = _event_now(station)
    with station.ledger.writing() as session:
        row = ConsultationEntry(district_code=station.code, event_key=event_key, at=now, **said)
        session.add(row)
        session.flush()
        log = {"what": "consultation", "detail": {"number": row.id, "department": row.department, "by": row.by}}
        session.add(LogEntry(at=now, who=row.entered_by, event_key=event_key, **log))
        return row.id


def respond(
    station: Station,
    step: str,
    *,
    by: str,
    role: str,
    why: str,
    now: datetime,
    level: str = "",
) -> ResponseStep:
    """Start, change or end the flood response, in the name of a person in a role of the command.

    Parameters
    ----------
    station : Station
    step : str
        start, change or end.
    by : str
        Who decides.
    role : str
        commander or executive_deputy; where ``command`` of the settings names persons, one of those.
    why : str
        On what it rests, e.g. the consultation.
    now : datetime
    level : str
        Of `RESPONSE_LEVELS`, needed to start or change.

    Returns
    -------
    ResponseStep

    Raises
    ------
    ConfigError
        If the person or the role may not decide, the step does not follow from what runs, or a reason is missing.
        Nothing is written then.
    """
    who = _decider(station, by, role)
    reason = _line(why, "why", _VIEW_MAX)
    wanted = "" if step == "end" else read_level(level)
    proposed, event_key = proposed_response(station, now=now), _event_now(station)
    with station.ledger.writing() as session:
        lock_ledger(session)
        before = running_response(session, station.code)
        _require_follows(step, wanted, before)
        row = ResponseStep(
            district_code=station.code,
            event_key=event_key,
            at=now,
            step=step,
            level=before.level if step == "end" and before else wanted,
            by=who,
            role=role,
            why=reason,
            proposed=proposed.level if proposed else "",
        )
        session.add(row)
        session.flush()
        detail = {"number": row.id, "level": row.level, "role": role, "why": reason}
        session.add(LogEntry(at=now, who=who, what=f"response-{step}", event_key=event_key, detail=detail))
        session.expunge(row)
    return row


def _event_now(station: Station) -> str | None:
    """Return the event that the newest cycle is in, if any."""
    last = station.ledger.last_cycle(station.code)
    return None if last is None else last.event_key


def read_level(text: str) -> str:
    """Return a level of the response, however it is typed.

    Raises
    ------
    ConfigError
        If it is none.

    Examples
    --------
    >>> read_level("III"), read_level("Ⅱ"), read_level("4级"), read_level(" i ")
    ('Ⅲ', 'Ⅱ', 'Ⅳ', 'Ⅰ')
    """
    typed = text.strip().upper().removesuffix("级")
    for number, (sign, roman) in enumerate(zip(RESPONSE_LEVELS, ("I", "II", "III", "IV"), strict=True), start=1):
        if typed in (sign, roman, str(number)):
            return sign
    raise ConfigError(f"{text.strip()!r} is no level of the response; accepted: I, II, III, IV (or Ⅰ-Ⅳ, 1-4)")


def _decider(station: Station, by: str, role: str) -> str:
    """Return the name of who decides, if the settings let that person."""
    if role not in DECIDING_ROLES:
        accepted = ", ".join(f"{name} ({COMMAND_ROLES[name][0]})" for name in DECIDING_ROLES)
        raise ConfigError(f"the response is decided by a person in one of these roles: {accepted}; got {role!r}")
    who = _line(by, "by", _NAME_MAX)
    holders = [str(one.name) for one in station.settings.command if one.role == role and one.name]
    if holders and who not in holders:
        raise ConfigError(
            f"{who} is not {COMMAND_ROLES[role][0]} {role} of this district; that is: {', '.join(holders)}"
        )
    return who


def _require_follows(step: str, level: str, before: ResponseStep | None) -> None:
    """Make sure that a step can be taken from what runs."""
    if step not in RESPONSE_WORDS:
        raise ConfigError(f"{step!r} is no step; accepted: {', '.join(RESPONSE_WORDS)}")
    if step == "start" and before is not None:
        raise ConfigError(
            f"a response of level {before.level} runs since {before.at.isoformat()}: change it, or end it"
        )
    if step != "start" and before is None:
        raise ConfigError("no response runs: start one")
    if step == "change" and before is not None and before.level == level:
        raise ConfigError(f"level {level} runs already")


def _line(text: str, name: str, longest: int) -> str:
    r"""Return one clean line.

    Examples
    --------
    >>> _line("  泵车\n已到位 ", "view", 300)
    '泵车 已到位'
    """
    line = " ".join(plain(text).split())
    if not line:
        raise ConfigError(f"'{name}' is empty: say it in a line")
    if len(line) > longest:
        raise ConfigError(f"'{name}' has {len(line)} characters; a line has at most {longest}")
    return line
