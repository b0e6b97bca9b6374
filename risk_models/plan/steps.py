"""Steps of a plan: the phase that each is for, and which of them are told in which situation.

A step is for before the rain, during it, for water that stands, or for after it has gone; some are for several of
these. The plan table says which. What it does not say is unknown: told after the others, and never for standing water.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from risk_models.district.schema import parts_of

__all__ = ["Phase", "PlanStep", "Situation", "State", "steps_of", "steps_told"]


class Phase(StrEnum):
    """When a step of a plan is meant: 雨前, 雨中, 积水, 退水后; or nobody said.

    Examples
    --------
    >>> Phase("standing").zh, Phase.UNKNOWN.en
    ('积水', 'phase not stated')
    """

    BEFORE = "before"
    DURING = "during"
    STANDING = "standing"
    AFTER = "after"
    UNKNOWN = "unknown"

    @property
    def zh(self) -> str:
        """Chinese name."""
        return _NAMES[self][0]

    @property
    def en(self) -> str:
        """English name."""
        return _NAMES[self][1]


_NAMES = {
    Phase.BEFORE: ("雨前", "before the rain"),
    Phase.DURING: ("雨中", "during the rain"),
    Phase.STANDING: ("积水", "water stands"),
    Phase.AFTER: ("退水后", "after the water"),
    Phase.UNKNOWN: ("阶段未注明", "phase not stated"),
}


class State(StrEnum):
    """Whether a plan is carried out: its trigger is reached in this cycle, or it stands by."""

    IN_FORCE = "in_force"
    STAND_BY = "stand_by"


@dataclass(frozen=True)
class PlanStep:
    """One action of a plan in both languages, and the phases that it is for.

    Examples
    --------
    >>> PlanStep("核查", "inspect", (Phase.UNKNOWN,)).is_known
    False
    """

    zh: str
    en: str
    phases: tuple[Phase, ...]

    @property
    def is_known(self) -> bool:
        """True if the plan says when it is meant."""
        return self.phases != (Phase.UNKNOWN,)


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What a message is about, for one place of it.

    ``stands``: water stands at the place. ``wet``: the message tells of standing water, at this place or another, or of
    water that nobody has seen gone. ``has_come``: the time at which the steps are due has come. ``lowered``: the
    message lowers a warning.

    Examples
    --------
    >>> [str(phase) for phase in Situation(stands=False, wet=False, has_come=False, lowered=False).phases]
    ['before', 'during', 'standing']
    >>> [str(phase) for phase in Situation(stands=True, wet=True, has_come=True, lowered=True).phases]
    ['standing', 'during']
    """

    stands: bool
    wet: bool
    has_come: bool
    lowered: bool

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases that are told, in their order.

        Where water stands, or is about to, what is for standing water goes first.
        """
        is_late = self.stands or self.has_come
        order = [Phase.STANDING, Phase.DURING] if is_late else [Phase.BEFORE, Phase.DURING, Phase.STANDING]
        dry = [phase for phase in order if phase is not Phase.BEFORE]
        kept = dry if self.stands or self.wet else order
        return (*kept, Phase.AFTER) if self.lowered and not self.stands else tuple(kept)


def steps_of(actions_zh: Any, actions_en: Any, phases: Any) -> tuple[PlanStep, ...]:
    """Return the steps of a plan.

    Parameters
    ----------
    actions_zh, actions_en : str
        Parted by ';'; the shorter one is filled with blanks.
    phases : str
        Of the table: an entry for each action, or one for all. Any other number says of none what it is for.

    Examples
    --------
    >>> for step in steps_of("排查;封闭;核查", "check;close;inspect", "before;during/standing;"):
    ...     print(step.zh, step.en, *step.phases)
    排查 check before
    封闭 close during standing
    核查 inspect unknown
    """
    chinese, english = parts_of(_text(actions_zh)), parts_of(_text(actions_en))
    count = max(len(chinese), len(english))
    entries = _text(phases).split(";")
    if len(entries) == 1:
        entries *= count
    told = [_phases(entry) for entry in entries] if len(entries) == count else [(Phase.UNKNOWN,)] * count
    texts = zip(chinese + [""] * (count - len(chinese)), english + [""] * (count - len(english)), told, strict=True)
    return tuple(PlanStep(zh, en, of) for zh, en, of in texts)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _phases(entry: str) -> tuple[Phase, ...]:
    named = {Phase(word) for word in entry.split("/") if word.strip()} - {Phase.UNKNOWN}
    return tuple(phase for phase in Phase if phase in named) or (Phase.UNKNOWN,)


def steps_told(steps: Iterable[PlanStep], situation: Situation) -> tuple[PlanStep, ...]:
    """Return the steps that a message tells at one place: by phase, then in the order of the plan, unknown ones last.

    When the time has come, what prepares is told only where a plan has nothing else, and never beside standing water.

    Parameters
    ----------
    steps : iterable of PlanStep
    situation : Situation

    Examples
    --------
    >>> steps = steps_of("排查;封闭;核查;值守", "check;close;inspect;watch", "before;standing;after;")
    >>> def told(**how):
    ...     return [step.zh for step in steps_told(steps, Situation(**how))]
    >>> told(stands=False, wet=False, has_come=False, lowered=False)
    ['排查', '封闭', '值守']
    >>> told(stands=True, wet=True, has_come=True, lowered=False)
    ['封闭', '值守']
    >>> told(stands=False, wet=True, has_come=False, lowered=True)
    ['封闭', '核查', '值守']
    """
    told, unknown = _by_phase(steps, situation.phases), [step for step in steps if not step.is_known]
    if not told and situation.has_come and not (situation.stands or situation.wet):
        told = _by_phase(steps, (Phase.BEFORE,))
    return (*told, *unknown)


def _by_phase(steps: Iterable[PlanStep], phases: tuple[Phase, ...]) -> list[PlanStep]:
    ranked = [(min(map(phases.index, found)), step) for step in steps if (found := set(step.phases) & set(phases))]
    return [step for _, step in sorted(ranked, key=lambda pair: pair[0])]
