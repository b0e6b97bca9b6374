"""What a decision must remember from one cycle to the next, and the policy it follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from risk_models.levels import Level
from risk_models.warning.records import Action, WarningRecord

__all__ = ["KnownRain", "PolicySettings", "WarningPolicy", "WarningState", "record_from_dict", "record_to_dict"]

_TIMES = ("issued_at", "valid_from", "valid_to")
_LEVELS = ("level", "previous_level", "signal")
_LOOK = timedelta(hours=1)
"""Time between two looks that each count."""


class PolicySettings(Protocol):
    """The keys of ``warning`` in ``district.yaml`` that a decision reads."""

    @property
    def valid_h(self) -> float:
        """Hours a message is valid."""

    @property
    def downgrade_after_cycles(self) -> int:
        """Successive lower looks, each on new evidence, before a warning is lowered or ended."""

    @property
    def minimum_duration_h(self) -> float:
        """Hours a level stands at least after it was issued or raised."""


@dataclass(frozen=True, kw_only=True)
class WarningPolicy:
    """How quickly warnings are lowered, how long they hold, when they are renewed.

    Attributes
    ----------
    valid_h : float
        Validity of a message [h].
    downgrade_after_cycles : int
        Successive looks at a lower level, each on new evidence (`KnownRain.is_news_after`), before the warning is
        lowered or ended.
    minimum_duration_h : float
        Time a level stands at least, counted from the message that opened or raised the warning [h].
    renew_within_h : float
        A warning that goes on is renewed when its end is this near [h]: one cycle and its delay.

    Examples
    --------
    >>> WarningPolicy().valid_h
    6.0
    >>> WarningPolicy(downgrade_after_cycles=0)
    Traceback (most recent call last):
    ...
    ValueError: downgrade_after_cycles must be at least 1, got 0
    """

    valid_h: float = 6.0
    downgrade_after_cycles: int = 3
    minimum_duration_h: float = 3.0
    renew_within_h: float = 1.0

    def __post_init__(self) -> None:
        if self.downgrade_after_cycles < 1:
            raise ValueError(f"downgrade_after_cycles must be at least 1, got {self.downgrade_after_cycles}")
        if self.minimum_duration_h < 0:
            raise ValueError(f"minimum_duration_h must not be negative, got {self.minimum_duration_h}")
        if not 0 < self.renew_within_h <= self.valid_h:
            raise ValueError(f"renew_within_h must be above 0, up to valid_h {self.valid_h}, got {self.renew_within_h}")

    @classmethod
    def from_settings(cls, settings: PolicySettings, *, cycle_h: float = 1.0) -> WarningPolicy:
        """Return the policy of a district.

        Parameters
        ----------
        settings : PolicySettings
            ``district.settings.warning``.
        cycle_h : float
            Hours from one cycle to the next; the next may come half as late again before a warning runs out.
        """
        return cls(
            valid_h=settings.valid_h,
            downgrade_after_cycles=settings.downgrade_after_cycles,
            minimum_duration_h=settings.minimum_duration_h,
            renew_within_h=min(1.5 * cycle_h, settings.valid_h),
        )


@dataclass(frozen=True, kw_only=True)
class KnownRain:
    """What the levels of one look stood on: enough to tell whether a later look knows more.

    Attributes
    ----------
    valid_at : datetime
        Time the levels are valid at (UTC).
    observed_until : datetime or None
        End of the last step with rain measured; None if there was none.
    issued_at : datetime or None
        Issue time of the forecast; None without one.
    """

    valid_at: datetime
    observed_until: datetime | None = None
    issued_at: datetime | None = None

    def is_news_after(self, other: KnownRain | None) -> bool:
        """Return True if this look may count beside `other`: an hour later, and on rain or a forecast that is newer.

        Three looks at one forecast run are one look, however many hours lie between them.

        Examples
        --------
        >>> from datetime import UTC
        >>> at = datetime(2021, 7, 20, 9, tzinfo=UTC)
        >>> first = KnownRain(valid_at=at, observed_until=at)
        >>> later = at + timedelta(hours=1)
        >>> KnownRain(valid_at=later, observed_until=later).is_news_after(first)
        True
        >>> KnownRain(valid_at=later, observed_until=at).is_news_after(first)
        False
        """
        if other is None:
            return True
        if self.valid_at - other.valid_at < _LOOK:
            return False
        return _is_newer(self.observed_until, other.observed_until) or _is_newer(self.issued_at, other.issued_at)

    def to_dict(self) -> dict[str, str | None]:
        """Return it as plain JSON types, for a ledger."""
        return {name: None if value is None else value.isoformat() for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, str | None]) -> KnownRain:
        """Return the evidence that `to_dict` wrote."""
        return cls(**{name: None if value is None else datetime.fromisoformat(value) for name, value in values.items()})  # type: ignore[arg-type]


def _is_newer(mine: datetime | None, other: datetime | None) -> bool:
    return mine is not None and (other is None or mine > other)


@dataclass(frozen=True, kw_only=True)
class WarningState:
    """The latest revision of an area's warning, and how long its level has been lower.

    A closed warning is kept until its event is over, so that a second warning of the area gets its own number.

    Attributes
    ----------
    record : WarningRecord
        Latest revision.
    started_at : datetime
        Issue time of the NEW that opened the warning (UTC).
    raised_at : datetime
        Issue time of the latest NEW or UPG (UTC); the minimum duration counts from here.
    lower_looks : tuple of Level
        What those looks saw, the latest last.
    counted : KnownRain or None
        Of the last look that was counted, or that found the warning's level or more; None in states of earlier
        releases.
    noted_at : datetime or None
        Time the levels of the latest revision are valid at; None in states of earlier releases.
    """

    record: WarningRecord
    started_at: datetime
    raised_at: datetime
    lower_looks: tuple[Level, ...] = ()
    counted: KnownRain | None = None
    noted_at: datetime | None = None

    @property
    def area_code(self) -> str:
        """Code of the area."""
        return self.record.area_code

    @property
    def lower_count(self) -> int:
        """Successive looks, up to the latest, at a level that was known and lower than the warning.

        A look without new evidence is not counted.
        """
        return len(self.lower_looks)

    @property
    def is_open(self) -> bool:
        """True until the warning was cancelled or expired."""
        return not self.record.action.is_end

    def to_dict(self) -> dict[str, Any]:
        """Return the state as plain JSON types, for a ledger.

        Examples
        --------
        >>> from datetime import UTC, datetime
        >>> at = datetime(2021, 7, 20, 1, tzinfo=UTC)
        >>> record = WarningRecord(event_key="E", warning_id="E-410103001", revision=0, action=Action.NEW,
        ...     area_code="410103001", level=Level.RED, previous_level=Level.NONE, issued_at=at, valid_from=at,
        ...     valid_to=at)
        >>> state = WarningState(record=record, started_at=at, raised_at=at)
        >>> WarningState.from_dict(state.to_dict()) == state
        True
        """
        return {
            "record": record_to_dict(self.record),
            "started_at": self.started_at.isoformat(),
            "raised_at": self.raised_at.isoformat(),
            "lower_looks": [int(level) for level in self.lower_looks],
            "counted": None if self.counted is None else self.counted.to_dict(),
            "noted_at": None if self.noted_at is None else self.noted_at.isoformat(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> WarningState:
        """Return the state that `to_dict` wrote."""
        return cls(
            record=record_from_dict(values["record"]),
            started_at=datetime.fromisoformat(values["started_at"]),
            raised_at=datetime.fromisoformat(values["raised_at"]),
            lower_looks=_lower_looks(values),
            counted=KnownRain.from_dict(values["counted"]) if values.get("counted") else None,
            noted_at=datetime.fromisoformat(values["noted_at"]) if values.get("noted_at") else None,
        )


def _lower_looks(values: Mapping[str, Any]) -> tuple[Level, ...]:
    """Return the lower looks of a state; earlier releases kept their number and the highest level seen in them."""
    if "lower_looks" in values:
        return tuple(Level(level) for level in values["lower_looks"])
    return (Level(values["lower_level"]),) * int(values["lower_count"])


def record_to_dict(record: WarningRecord) -> dict[str, Any]:
    """Return a record as plain JSON types: times as ISO 8601 text, levels as numbers, the action as its three letters.

    Parameters
    ----------
    record : WarningRecord

    Returns
    -------
    dict
        Keys are the fields of `WarningRecord`, in order.
    """
    values = asdict(record)
    values |= {name: getattr(record, name).isoformat() for name in _TIMES}
    values |= {name: int(getattr(record, name)) for name in _LEVELS}
    return values | {"action": str(record.action), "hotspot_ids": list(record.hotspot_ids)}


def record_from_dict(values: Mapping[str, Any]) -> WarningRecord:
    """Return the record that `record_to_dict` wrote.

    Parameters
    ----------
    values : mapping
        Fields of `WarningRecord` as plain JSON types.

    Returns
    -------
    WarningRecord
    """
    typed = dict(values)
    typed |= {name: datetime.fromisoformat(values[name]) for name in _TIMES}
    typed |= {name: Level(values[name]) for name in _LEVELS}
    return WarningRecord(**typed | {"action": Action(values["action"]), "hotspot_ids": tuple(values["hotspot_ids"])})
