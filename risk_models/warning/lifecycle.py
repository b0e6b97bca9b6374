"""Which action may follow which, and what a revision must have in common with the one before."""

from __future__ import annotations

from types import MappingProxyType

from risk_models.levels import Level
from risk_models.warning.records import Action, WarningRecord

__all__ = ["TRANSITIONS", "check_revision", "check_transition"]

_GOES_ON = frozenset({Action.UPG, Action.EXT, Action.CON, Action.DNG, Action.CAN, Action.EXP})

TRANSITIONS: MappingProxyType[Action | None, frozenset[Action]] = MappingProxyType(
    {
        None: frozenset({Action.NEW}),
        Action.NEW: _GOES_ON,
        Action.UPG: _GOES_ON,
        Action.EXT: _GOES_ON,
        Action.CON: _GOES_ON,
        Action.DNG: _GOES_ON,
        Action.CAN: frozenset(),
        Action.EXP: frozenset(),
    }
)
"""Previous action (None: no warning yet) to the actions that may follow within the same warning."""


def check_transition(previous: Action | None, new: Action) -> None:
    """Raise if an action may not follow another within one warning.

    Parameters
    ----------
    previous : Action or None
        Action of the revision before; None opens a warning.
    new : Action

    Raises
    ------
    ValueError
        If `TRANSITIONS` does not allow it.

    Examples
    --------
    >>> check_transition(Action.NEW, Action.UPG)
    >>> check_transition(Action.CAN, Action.CON)
    Traceback (most recent call last):
    ...
    ValueError: CON may not follow CAN: the warning has ended; open a new warning
    """
    allowed = TRANSITIONS[previous]
    if new in allowed:
        return
    if not allowed:
        raise ValueError(f"{new} may not follow {previous}: the warning has ended; open a new warning")
    accepted = ", ".join(sorted(allowed))
    raise ValueError(f"{new} may not follow {previous or 'nothing'}; accepted: {accepted}")


def check_revision(previous: WarningRecord | None, new: WarningRecord) -> None:
    """Raise if a record is not a lawful next revision of a warning.

    The actions must follow `TRANSITIONS`; the identity must stay; the revision must count by one; time must go forward;
    the level must move the way the action says.

    Parameters
    ----------
    previous : WarningRecord or None
        Latest revision of the same warning; None if there is none.
    new : WarningRecord

    Raises
    ------
    ValueError
        Names the message, what is wrong and what was expected.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from datetime import UTC, datetime
    >>> at = datetime(2021, 7, 20, 1, tzinfo=UTC)
    >>> opened = WarningRecord(event_key="E", warning_id="E-1", revision=0, action=Action.NEW, area_code="1",
    ...     level=Level.RED, previous_level=Level.NONE, issued_at=at, valid_from=at, valid_to=at)
    >>> check_revision(None, opened)
    >>> check_revision(opened, replace(opened, revision=2, action=Action.CON))
    Traceback (most recent call last):
    ...
    ValueError: E-1.r2: revision is 2, expected 1
    """
    check_transition(previous.action if previous else None, new.action)
    if previous is None:
        _expect(new, "revision", new.revision, 0)
        _expect(new, "previous_level", new.previous_level, Level.NONE)
    else:
        for name in ("warning_id", "event_key", "area_code"):
            _expect(new, name, getattr(new, name), getattr(previous, name))
        _expect(new, "revision", new.revision, previous.revision + 1)
        _expect(new, "previous_level", new.previous_level, previous.level)
        _expect(new, "supersedes", new.supersedes, previous.message_id)
        if new.issued_at <= previous.issued_at:
            raise ValueError(
                f"{new.message_id}: issued_at {new.issued_at.isoformat()} is not after {previous.issued_at.isoformat()}"
            )
    _check_level(new)


def _expect(record: WarningRecord, name: str, found: object, expected: object) -> None:
    if found != expected:
        raise ValueError(f"{record.message_id}: {name} is {found}, expected {expected}")


def _check_level(record: WarningRecord) -> None:
    """Raise if the level does not move the way the action says."""
    if not record.level.is_warning:
        raise ValueError(f"{record.message_id}: {record.level} is no warning level")
    rises = record.level > record.previous_level
    falls = record.level < record.previous_level
    wrong = {
        Action.NEW: not rises,
        Action.UPG: not rises,
        Action.DNG: not falls,
    }.get(record.action, rises or falls)
    if wrong:
        raise ValueError(
            f"{record.message_id}: {record.action} from {record.previous_level} to {record.level} contradicts itself"
        )
