"""What a bulletin says, apart from how it is written: one frozen record that all three writers read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from reports.words import Text
from risk_models.levels import Level
from risk_models.warning.records import Action
from risk_models.warning.times import Deadline

__all__ = ["Bulletin", "DataBasis", "HotspotLine", "Measure", "Order", "SignOff", "StandingPlace"]


@dataclass(frozen=True, kw_only=True)
class SignOff:
    """What the ledger knows about a bulletin and the tables do not.

    Attributes
    ----------
    number : int or None
        Running number of the year; without it the number is made from issue time and area.
    officer : str
        Who decided, by name or post; empty while nobody has.
    decided_at : datetime or None
        When, timezone-aware UTC.
    note : Text
        What the officer adds, in one or two sentences; empty for nothing.
    """

    number: int | None = None
    officer: str = ""
    decided_at: datetime | None = None
    note: Text = field(default_factory=lambda: Text("", ""))


@dataclass(frozen=True, kw_only=True)
class HotspotLine:
    """One row of the table of hotspots.

    Depths are quantiles of the peak within the horizon [m], probabilities 0-1, times UTC; NaN and NaT are unknown.
    ``now`` is the state at the time of the cycle (`risk_models.observation.Now`), ``phase`` how near what is ordered is
    (`risk_models.risk.criteria.OrderPhase`). ``onset_at`` is the first passing of
    15 cm in the unfavourable case, ``danger_from`` and ``danger_to`` the most dangerous window; None is none.
    ``is_timed``: it is known when water comes, be it that it does not.
    ``depth`` is what is told of the depth; centimetres only where ``sag_known``. ``class_chances`` are those of the
    depth classes (`risk_models.risk.depth_words`).
    """

    rank: int
    hotspot_id: str
    name: Text
    kind: Text
    level: Level
    worst_case_level: Level
    confidence: str
    unconfirmed: bool
    sag_known: bool
    depth: Text
    now: str
    phase: str
    class_chances: tuple[float, ...]
    depth_low_m: float
    depth_m: float
    depth_high_m: float
    p_15cm: float
    p_50cm: float
    first_15cm_at: pd.Timestamp | None
    first_50cm_at: pd.Timestamp | None
    peak_at: pd.Timestamp | None
    onset_at: datetime | None
    danger_from: datetime | None
    danger_to: datetime | None
    is_timed: bool
    kind_id: str
    owner_unit: str
    unit: Text
    owner_name: str
    owner_phone: str
    reason: Text


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What one plan asks for at one hotspot: who does what until when, with which team and shelter.

    ``clauses`` are the steps of the plan that are told now, in their order. ``in_force``: the level has reached what
    the plan is triggered by in this cycle, and a step of it is for now; else it stands by, at no time. ``owner``
    carries it out, ``unit`` are both its names. ``deadline`` is the time behind ``due``. ``team_brief`` and
    ``shelter_brief`` are what the one line of a less urgent measure says; the second is the shortfall if there is one.
    """

    rank: int
    level: Level
    name: Text
    plan_id: str
    plan: Text
    clauses: tuple[Text, ...]
    owner: str
    unit: Text
    owner_phone: str
    team: Text
    team_brief: Text
    shelter: Text
    shelter_brief: Text
    due: Text
    deadline: Deadline
    in_force: bool
    shortfall: Text


@dataclass(frozen=True, kw_only=True)
class StandingPlace:
    """A place where water stands now, or stood and nobody has looked since.

    ``order`` is what is done there at once; ``unit`` does it.
    """

    hotspot_id: str
    name: Text
    kind: Text
    depth: Text
    source: Text
    order: Text
    unit: Text
    phone: str


@dataclass(frozen=True, kw_only=True)
class Order:
    """One of the few lines of what is done now: where, what, who, by when.

    ``clauses`` are its steps, the first the most urgent; ``name`` is empty where it is for the whole area.
    """

    name: Text
    more: int
    clauses: tuple[Text, ...]
    unit: Text
    due: Text


@dataclass(frozen=True, kw_only=True)
class DataBasis:
    """What the bulletin stood on: each line one statement on sources, their age and the methods.

    ``is_learned``: the chances are those of a learned model, while depths and times are simulated.
    """

    lines: tuple[Text, ...]
    ladder_step: int
    method_version: str
    is_learned: bool = False


@dataclass(frozen=True, kw_only=True)
class Bulletin:
    """One bulletin for one area, complete in Chinese and English.

    ``marks`` stand above everything beside the mark of demonstration data, e.g. of a drill clock; of each a short
    message says what comes before the colon. ``standing`` are the places where water stands now, the most dangerous
    kinds first; ``unchecked`` the names of those where it stood and nobody has looked since. ``danger`` is the most
    dangerous window, ``orders`` what is done now, ``answer_by`` when an answer is due, ``office`` and ``office_phone``
    of the office that issues it. ``phase`` says how near what is ordered is, ``exception`` names the places above the
    level of the area; both are empty for nothing. ``signal`` is the rain signal as computed here, ``issued`` those of
    the weather office, or that none is known. ``headquarters`` is advice for the headquarters, which no town is sent.
    """

    message_id: str
    event_key: str
    previous_id: str
    number: Text
    title: Text
    headline: Text
    level: Level
    previous_level: Level
    action: Action
    status: str
    demonstration: bool
    draft: bool
    issuer: Text
    district: Text
    area: Text
    area_code: str
    zone: str
    issued_at: datetime
    valid_from: datetime
    valid_to: datetime
    previous: Text
    signal: Text
    reason: Text
    cautions: tuple[Text, ...]
    forecast: tuple[Text, ...]
    observed: tuple[Text, ...]
    impacts: tuple[Text, ...]
    hotspots: tuple[HotspotLine, ...]
    hotspots_unlisted: int
    guidance: tuple[Text, ...]
    measures: tuple[Measure, ...]
    contact: Text
    code: str
    acknowledgement: Text
    basis: DataBasis
    decision: Text
    profile: Text
    marks: tuple[Text, ...] = ()
    standing: tuple[StandingPlace, ...] = ()
    unchecked: tuple[Text, ...] = ()
    danger: tuple[datetime, datetime] | None = None
    orders: tuple[Order, ...] = ()
    office: Text = field(default_factory=lambda: Text("", ""))
    office_phone: str = ""
    answer_by: datetime | None = None
    next_message: Text = field(default_factory=lambda: Text("", ""))
    headquarters: tuple[Text, ...] = ()
    phase: Text = field(default_factory=lambda: Text("", ""))
    exception: Text = field(default_factory=lambda: Text("", ""))
    issued: tuple[Text, ...] = ()

    @property
    def is_end(self) -> bool:
        """True for an all-clear."""
        return self.action.is_end
