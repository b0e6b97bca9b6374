"""Who stands behind a revision of a warning: the one answer that every product, verb and job reads.

The software proposes; an officer decides. Only what is signed is in force, and what is not known to be signed waits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from risk_models.levels import Level
from risk_models.warning.records import Action

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "Authority", "Revision", "authority_of", "last_fact", "revisions_of", "states_at"]

COLUMNS = ("signed_at", "refused_at", "is_sent", "answered_at")
"""What a table of revisions says beside the fields of `WarningRecord`."""


class Authority(StrEnum):
    """State of one revision.

    ``proposed``: decided by a cycle, and nobody is told of it (it changes nothing). ``waiting``: for a signature.
    ``signed``: by an officer, or the district lets its level go without one; nobody may have it yet. ``sent``: at least
    one reader may have it. ``answered``: somebody who was told has said so. ``refused``: by an officer. ``over``:
    ended, replaced, past its end, or replaced before anybody signed.
    """

    PROPOSED = "proposed"
    WAITING = "waiting"
    SIGNED = "signed"
    SENT = "sent"
    ANSWERED = "answered"
    REFUSED = "refused"
    OVER = "over"

    @property
    def is_in_force(self) -> bool:
        """True if towns act by it.

        Examples
        --------
        >>> [str(state) for state in Authority if state.is_in_force]
        ['signed', 'sent', 'answered']
        """
        return self in (Authority.SIGNED, Authority.SENT, Authority.ANSWERED)


@dataclass(frozen=True, kw_only=True)
class Revision:
    """What is known of one revision.

    Attributes
    ----------
    warning_id : str
    revision : int
    action : Action
    area_code : str
    level : Level
    issued_at, valid_to : datetime
        When the cycle decided it, and its end.
    supersedes : str or None
        Message id of the revision before, or of the warning whose place it takes.
    signed_at : datetime or None
        When it might go: the officer's signature, or `issued_at` where none is needed. None: not signed.
    refused_at : datetime or None
    is_sent : bool
        A message of it may have reached a reader.
    answered_at : datetime or None
        First answer of anybody who was told.
    """

    warning_id: str
    revision: int
    action: Action
    area_code: str
    level: Level
    issued_at: datetime
    valid_to: datetime
    supersedes: str | None = None
    signed_at: datetime | None = None
    refused_at: datetime | None = None
    is_sent: bool = False
    answered_at: datetime | None = None

    def was_signed(self, at: datetime) -> bool:
        """Return True if it might go by a time."""
        return _was(self.signed_at, at)

    def follows(self, other: Revision) -> bool:
        """Return True if it speaks after `other` about the same warning, or takes its place."""
        if self.warning_id == other.warning_id:
            return self.revision > other.revision
        return self.supersedes is not None and self.supersedes.rpartition(".r")[0] == other.warning_id


def authority_of(one: Revision, others: Iterable[Revision], *, at: datetime) -> Authority:
    """Return the state of a revision at a time.

    What was sent, and who may have it, is as known now: of an hour that is past the wall clock cannot be asked.

    Parameters
    ----------
    one : Revision
        Decided by then.
    others : iterable of Revision
        Of the same area at least; it may be among them.
    at : datetime

    Returns
    -------
    Authority

    Examples
    --------
    >>> from datetime import UTC, timedelta
    >>> at = datetime(2021, 7, 20, 9, tzinfo=UTC)
    >>> facts = {"warning_id": "W", "area_code": "A", "issued_at": at, "valid_to": at + timedelta(hours=6)}
    >>> orange = Revision(revision=0, action=Action.NEW, level=Level.ORANGE, signed_at=at, is_sent=True, **facts)
    >>> red = Revision(revision=1, action=Action.UPG, level=Level.RED, **facts)
    >>> [str(authority_of(one, [orange, red], at=at)) for one in (orange, red)]
    ['sent', 'waiting']
    """
    if _was(one.refused_at, at):
        return Authority.REFUSED
    signed = one.was_signed(at)
    if _is_over(one, others, at=at, signed=signed):
        return Authority.OVER
    if not one.action.is_mailed:
        return Authority.PROPOSED
    if not signed:
        return Authority.WAITING
    if _was(one.answered_at, at):
        return Authority.ANSWERED
    return Authority.SENT if one.is_sent else Authority.SIGNED


def states_at(revisions: Sequence[Revision], at: datetime) -> list[tuple[Revision, Authority]]:
    """Return every revision decided by a time with its state, in the order given.

    Parameters
    ----------
    revisions : sequence of Revision
    at : datetime
    """
    decided = [one for one in revisions if one.issued_at <= at]
    by_area: dict[str, list[Revision]] = defaultdict(list)
    for one in decided:
        by_area[one.area_code].append(one)
    return [(one, authority_of(one, by_area[one.area_code], at=at)) for one in decided]


def last_fact(revisions: Iterable[Revision], *, at: datetime) -> datetime:
    """Return the time of the newest thing known of these revisions, `at` if nothing is newer.

    Parameters
    ----------
    revisions : iterable of Revision
    at : datetime
        Of the last assessment: an officer signs, and a town answers, some minutes after it.
    """
    times = (time for one in revisions for time in (one.issued_at, one.signed_at, one.refused_at, one.answered_at))
    return max([at, *(time for time in times if time is not None)])


def revisions_of(table: pd.DataFrame) -> list[Revision]:
    """Return the rows of a table of revisions.

    Parameters
    ----------
    table : DataFrame
        Fields of `WarningRecord` and `COLUMNS`; NaT, None and NaN are "not".

    Raises
    ------
    KeyError
        If the table does not say who stands behind its rows: that must never be guessed.
    """
    absent = [name for name in COLUMNS if name not in table.columns]
    if absent:
        raise KeyError(f"a table of revisions needs {', '.join(absent)}")
    return [_revision(row) for row in table.to_dict("records")]


def _revision(row: dict[Any, Any]) -> Revision:
    given: dict[Any, Any] = {name: value if _is_given(value) else None for name, value in row.items()}
    return Revision(
        warning_id=str(given["warning_id"]),
        revision=int(given["revision"]),
        action=Action(str(given["action"])),
        area_code=str(given["area_code"]),
        level=Level(int(given["level"])),
        issued_at=given["issued_at"],
        valid_to=given["valid_to"],
        supersedes=given.get("supersedes"),
        signed_at=given["signed_at"],
        refused_at=given["refused_at"],
        is_sent=bool(given["is_sent"]),
        answered_at=given["answered_at"],
    )


def _is_given(value: Any) -> bool:
    """Return False for None, NaN and NaT; NaN and NaT differ from themselves."""
    return value is not None and (isinstance(value, tuple | list) or value == value)


def _is_over(one: Revision, others: Iterable[Revision], *, at: datetime, signed: bool) -> bool:
    if one.action.is_end:
        if signed:
            return True
    elif one.valid_to <= at:
        return True
    later = (other for other in others if other.issued_at <= at and other.action.is_mailed and other.follows(one))
    # What is in force gives way to what is signed only; what waits, to whatever was decided after it.
    return any(other.was_signed(at) or not signed for other in later)


def _was(moment: datetime | None, at: datetime) -> bool:
    return moment is not None and moment <= at
