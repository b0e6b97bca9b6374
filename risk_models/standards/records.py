"""Typed records of the standards, and `Standards`, which holds them by id."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_models.errors import ConfigError
from risk_models.levels import Level

LIKELIHOODS = ("very_low", "low", "medium", "high")
IMPACTS = ("minimal", "minor", "significant", "severe")


@dataclass(frozen=True)
class StandardInfo:
    """Where a standard comes from: dates in force, sources, and the weakest confidence among its rows."""

    standard_id: str
    table: str
    valid_from: date
    valid_to: date | None
    source: str
    confidence: str


@dataclass(frozen=True)
class RainSignal:
    """A rainstorm warning signal: at least `rain_mm` within `window_h`, expected or reached and going on."""

    level: Level
    window_h: float
    rain_mm: float


@dataclass(frozen=True)
class PrecipitationGrade:
    """The name of a rain amount from `rain_min_mm` upwards within `window_h`."""

    key: str
    zh: str
    en: str
    window_h: float
    rain_min_mm: float


@dataclass(frozen=True)
class StormFormula:
    """Parameters of q = a1 (1 + c (lg P)^lg_exponent) / (t + b_min)^n.

    q is in L/(s·ha), the duration t in minutes, the return period P in years. The formula speaks for P from
    `period_min_a` to `period_max_a` and for t from `minutes_min` to `minutes_max`. The maths is in `forecast.storm`.
    """

    formula_id: str
    zh: str
    en: str
    a1: float
    c: float
    lg_exponent: float
    b_min: float
    n: float
    period_min_a: float
    period_max_a: float
    minutes_min: float
    minutes_max: float


@dataclass(frozen=True)
class DepthClass:
    """Water depth from `depth_min_m` upwards; `kinds` names the kinds of hotspot it is for (empty: all)."""

    key: str
    zh: str
    en: str
    depth_min_m: float
    level: Level
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class LikelihoodBand:
    """Probability from `p_min` upwards."""

    key: str
    zh: str
    en: str
    p_min: float


@dataclass(frozen=True)
class WordingLevel:
    """Word that a report uses for a probability from `p_min` upwards."""

    key: str
    zh: str
    en: str
    p_min: float


@dataclass(frozen=True)
class ImpactClass:
    """Name of an impact class."""

    key: str
    zh: str
    en: str


@dataclass(frozen=True)
class LandCover:
    """What rain does on a land-cover class: runoff coefficient (0-1), SCS curve number, impervious share (0-1)."""

    class_code: int
    key: str
    zh: str
    en: str
    runoff_coefficient: float
    curve_number: float
    imperviousness: float


@dataclass(frozen=True)
class ImpactDepths:
    """Least depths [m] at which minor, significant and severe impact begin for one vulnerability class."""

    vulnerability: int
    minor_m: float
    significant_m: float
    severe_m: float


@dataclass(frozen=True)
class KindVulnerability:
    """Vulnerability class of one kind of hotspot: 0 ordinary, 1 raised, 2 life at stake.

    ``assessed``: "yes", or "no" where standing water is not what the place is feared for (slopes, dams, rivers).
    """

    kind: str
    vulnerability: int
    assessed: str
    zh: str
    en: str


@dataclass(frozen=True)
class OrderCriterion:
    """When a place may be ordered about at a level: an impact class is this likely within so many hours.

    Attributes
    ----------
    key : str
    level : Level
    phase : str
        act, prepare or watch.
    within_h : float
        From the cycle on.
    impact : str
        minor, significant or severe; at least this.
    p_min : float
        Least chance.
    kinds : tuple of str
        Kinds of hotspot that it is for; empty: all.
    zh, en : str
    """

    key: str
    level: Level
    phase: str
    within_h: float
    impact: str
    p_min: float
    kinds: tuple[str, ...]
    zh: str
    en: str


@dataclass(frozen=True)
class TownCriterion:
    """When a town has a level: so many places, so many people in their water, or any one place of these kinds."""

    level: Level
    places_min: float
    people_min: float
    kinds: tuple[str, ...]
    zh: str
    en: str


@dataclass(frozen=True)
class ObservationSource:
    """Who or what sees a place, and for how many minutes a sight of it speaks of now; ``person``: "yes" or "no"."""

    key: str
    speaks_min: float
    person: str
    zh: str
    en: str

    @property
    def is_person(self) -> bool:
        """True if a person stands behind it."""
        return self.person == "yes"


@dataclass(frozen=True)
class NowOrder:
    """What to do where water stands at a place of one kind; ``rank`` says which kind is named first."""

    kind: str
    rank: int
    zh: str
    en: str


@dataclass(frozen=True)
class ActionTime:
    """How long what is done before the water takes at a place of one kind, min; ``zh`` and ``en`` say what it is."""

    kind: str
    minutes: float
    zh: str
    en: str


@dataclass(frozen=True)
class Response:
    """Flood response level proposed at a trigger (a warning level, or ``extreme``)."""

    trigger: str
    response: str
    zh: str
    en: str


@dataclass(frozen=True)
class Stage:
    """One stage of the five-pre way of working."""

    id: str
    zh: str
    en: str


@dataclass(frozen=True)
class EventCode:
    """Event code of the Chinese warning system for CAP messages."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True)
class RiskMatrix:
    """Level of each likelihood (row 0-3, rising) and impact (column 0-3, rising).

    Examples
    --------
    >>> from risk_models.standards import load_standards
    >>> load_standards().risk_matrix("wuyu-4x4").level(3, 3)
    <Level.RED: 4>
    >>> load_standards().risk_matrix("wuyu-4x4").level(-1, 3)
    <Level.UNKNOWN: -1>
    """

    matrix_id: str
    cells: tuple[tuple[Level, ...], ...]

    @property
    def levels(self) -> NDArray[np.int8]:
        """Levels as a fresh int8 array of shape (likelihood 4, impact 4)."""
        return np.array(self.cells, dtype=np.int8)

    def level(self, likelihood: int, impact: int) -> Level:
        """Return the level; UNKNOWN where either class is -1 (unknown).

        Raises
        ------
        ValueError
            If a class is outside -1 to 3.
        """
        for name, value in (("likelihood", likelihood), ("impact", impact)):
            if not -1 <= value <= 3:
                raise ValueError(f"{name} is {value}; accepted: -1 (unknown) to 3")
        if -1 in (likelihood, impact):
            return Level.UNKNOWN
        return self.cells[likelihood][impact]


@dataclass(frozen=True)
class MatrixCell:
    """One cell of a risk matrix, as a table row."""

    likelihood: str
    impact: str
    level: Level


@dataclass(frozen=True)
class Standards:
    """All tables, by standard id.

    Every accessor raises `ConfigError`, naming the nearest known id, if the id is not in its table.

    Examples
    --------
    >>> from risk_models.standards import load_standards
    >>> standards = load_standards()
    >>> [(str(s.level), s.window_h, s.rain_mm) for s in standards.rain_signals("cma-2007")]
    [('blue', 12.0, 50.0), ('yellow', 6.0, 50.0), ('orange', 3.0, 50.0), ('red', 3.0, 100.0)]
    >>> "".join(stage.zh for stage in standards.five_pre("s-research"))
    '预测预报预警预演预案'
    """

    tables: Mapping[str, Mapping[str, tuple[Any, ...]]]
    infos: Mapping[str, StandardInfo]

    def _rows(self, table: str, standard_id: str) -> tuple[Any, ...]:
        known = self.tables[table]
        if standard_id not in known:
            raise ConfigError(_unknown(f"{table} standard", standard_id, known))
        return known[standard_id]

    def rain_signals(self, standard_id: str) -> tuple[RainSignal, ...]:
        """Return the rainstorm signals, weakest first."""
        return self._rows("rain_signals", standard_id)

    def grades(self, standard_id: str) -> tuple[PrecipitationGrade, ...]:
        """Return the rain grades, by window and rising amount."""
        return self._rows("precipitation_grades", standard_id)

    def storm_formula(self, standard_id: str) -> StormFormula:
        """Return the parameters of a storm formula."""
        formula: StormFormula = self._rows("storm_formulas", standard_id)[0]
        return formula

    def depth_classes(self, standard_id: str, kind: str | None = None) -> tuple[DepthClass, ...]:
        """Return the depth classes, rising; with `kind`, only those that hold for this kind of hotspot."""
        rows: tuple[DepthClass, ...] = self._rows("depth_classes", standard_id)
        return rows if kind is None else tuple(row for row in rows if not row.kinds or kind in row.kinds)

    def likelihood_bands(self, standard_id: str) -> tuple[LikelihoodBand, ...]:
        """Return the likelihood bands, rising."""
        return self._rows("likelihood_bands", standard_id)

    def wording_levels(self, standard_id: str = "wuyu-words") -> tuple[WordingLevel, ...]:
        """Return the words for probabilities, rising."""
        return self._rows("wording_levels", standard_id)

    def impact_classes(self, standard_id: str = "fgs-impacts") -> tuple[ImpactClass, ...]:
        """Return the impact classes, rising."""
        return self._rows("impact_classes", standard_id)

    def risk_matrix(self, standard_id: str) -> RiskMatrix:
        """Return the risk matrix."""
        cells = {(c.likelihood, c.impact): c.level for c in self._rows("risk_matrix", standard_id)}
        return RiskMatrix(standard_id, tuple(tuple(cells[row, column] for column in IMPACTS) for row in LIKELIHOODS))

    def land_cover(self, standard_id: str = "erqi-lc-8") -> tuple[LandCover, ...]:
        """Return the land-cover classes, by code."""
        return self._rows("land_cover", standard_id)

    def impact_depths(self, standard_id: str) -> NDArray[np.float64]:
        """Return the least depth [m] of minor, significant and severe impact, by vulnerability class: shape (3, 3)."""
        rows = self._rows("impact_depths", standard_id)
        return np.array([[row.minor_m, row.significant_m, row.severe_m] for row in rows])

    def observation_sources(self, standard_id: str) -> dict[str, ObservationSource]:
        """Return who or what may see a place, by key."""
        return {row.key: row for row in self._rows("observation_sources", standard_id)}

    def now_orders(self, standard_id: str) -> dict[str, NowOrder]:
        """Return what to do where water stands, by kind of hotspot; ``other`` is for kinds that it does not name."""
        return {row.kind: row for row in self._rows("now_orders", standard_id)}

    def action_minutes(self, standard_id: str) -> dict[str, float]:
        """Return how long the actions at a place take [min], by kind; ``other`` is for kinds that it does not name."""
        return {row.kind: row.minutes for row in self._rows("action_times", standard_id)}

    def vulnerability(self, standard_id: str) -> dict[str, int]:
        """Return the vulnerability class (0-2) of every kind of hotspot."""
        return {row.kind: row.vulnerability for row in self._rows("vulnerability", standard_id)}

    def assessed_kinds(self, standard_id: str) -> frozenset[str]:
        """Return the kinds of hotspot that the models speak of; of any other nothing is known."""
        return frozenset(row.kind for row in self._rows("vulnerability", standard_id) if row.assessed == "yes")

    def order_criteria(self, standard_id: str) -> tuple[OrderCriterion, ...]:
        """Return when a place may be ordered about, the highest level first."""
        return self._rows("order_criteria", standard_id)

    def town_criteria(self, standard_id: str) -> tuple[TownCriterion, ...]:
        """Return when a town has a level, the highest first."""
        return self._rows("town_criteria", standard_id)

    def responses(self, standard_id: str) -> tuple[Response, ...]:
        """Return the flood responses, weakest trigger first."""
        return self._rows("responses", standard_id)

    def five_pre(self, standard_id: str) -> tuple[Stage, ...]:
        """Return the five stages of a profile in order."""
        return self._rows("five_pre", standard_id)

    def event_codes(self, standard_id: str = "cn-events") -> tuple[EventCode, ...]:
        """Return the CAP event codes."""
        return self._rows("event_codes", standard_id)

    def metadata(self, standard_id: str) -> StandardInfo:
        """Return dates, sources and confidence of a standard of any table."""
        if standard_id not in self.infos:
            raise ConfigError(_unknown("standard", standard_id, self.infos))
        return self.infos[standard_id]


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"unknown {what} '{name}'{hint} (known: {', '.join(names)})"
