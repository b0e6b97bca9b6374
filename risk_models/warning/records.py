"""The warning as a typed record: what, who, level, from, until, why, and what it supersedes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from risk_models.levels import Level

__all__ = ["Action", "WarningRecord"]


class Action(StrEnum):
    """What a message does to the warning that stands, after the VTEC idea of the US National Weather Service.

    NEW opens a warning; UPG raises it; EXT prolongs it; CON says it goes on unchanged (kept in the ledger, not
    mailed); DNG lowers it but keeps it open; CAN ends it early (all-clear); EXP ends it at its end time (all-clear).
    """

    NEW = "NEW"
    UPG = "UPG"
    EXT = "EXT"
    CON = "CON"
    DNG = "DNG"
    CAN = "CAN"
    EXP = "EXP"

    @property
    def is_end(self) -> bool:
        """True for the two actions that close a warning."""
        return self in (Action.CAN, Action.EXP)

    @property
    def is_mailed(self) -> bool:
        """True for every action that town offices are told about."""
        return self is not Action.CON


@dataclass(frozen=True, kw_only=True)
class WarningRecord:
    """One revision of one warning for one area.

    Attributes
    ----------
    event_key : str
        Runs through all five stages of one storm, e.g. ``410103-20210719T1200Z``.
    warning_id : str
        Names the warning through all its revisions: ``<event_key>-<area_code>``, plus ``-<n>`` when an area is warned
        again within the event.
    revision : int
        0 for NEW, then 1, 2, ...
    action : Action
    area_code : str
        Town code, or the district's code.
    level : Level
        The level now in force; for an end, the level that ended.
    previous_level : Level
        Level before this revision (NONE for NEW).
    issued_at, valid_from, valid_to : datetime
        Timezone-aware UTC.
    hotspot_ids : tuple of str
        Hotspots at blue or above in the order of places, then those where water stands or was not checked; for an end,
        for what goes on untold, and where a cycle sees none, those of the revision before.
    signal : Level
        Rain signal of the area (NONE if no threshold is met).
    reason_zh, reason_en : str
        Why, in one sentence.
    supersedes : str or None
        `message_id` of the revision before; for a NEW, of the lapsed warning whose place it takes, if any.
    unconfirmed : bool
        True if the level rests on rain that failed only neighbour or rate checks.
    degraded : bool
        True if rain was late, incomplete or substituted (ladder step above 1).
    """

    event_key: str
    warning_id: str
    revision: int
    action: Action
    area_code: str
    level: Level
    previous_level: Level
    issued_at: datetime
    valid_from: datetime
    valid_to: datetime
    hotspot_ids: tuple[str, ...] = field(default=())
    signal: Level = Level.NONE
    reason_zh: str = ""
    reason_en: str = ""
    supersedes: str | None = None
    unconfirmed: bool = False
    degraded: bool = False

    def __post_init__(self) -> None:
        for name in ("issued_at", "valid_from", "valid_to"):
            if getattr(self, name).tzinfo is None:
                raise ValueError(f"{name} must be timezone-aware (UTC), got {getattr(self, name).isoformat()}")

    @property
    def message_id(self) -> str:
        """Identifier of this revision; unique for ever, made from nothing but the record.

        Examples
        --------
        >>> from datetime import UTC, datetime
        >>> at = datetime(2021, 7, 20, 1, tzinfo=UTC)
        >>> WarningRecord(event_key="E", warning_id="E-410103001", revision=2, action=Action.UPG,
        ...               area_code="410103001", level=Level.RED, previous_level=Level.ORANGE, issued_at=at,
        ...               valid_from=at, valid_to=at).message_id
        'E-410103001.r2'
        """
        return f"{self.warning_id}.r{self.revision}"
