"""From facts to orders: when what is ahead of a place allows a level, by a table and not by code.

The facts of a place are chances: of each impact class, within so many hours. A row of the table allows a level where
the chance of its impact class within its hours reaches its least chance. The highest level allowed counts, and the
nearest phase of all rows that are met. So more danger, or the same danger earlier, never lowers a level and never
makes a phase later, whatever the table says. Kinds of places that the models do not speak of (slopes, dams, rivers)
have no level by them: they are not assessed, which is unknown and never good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.levels import Level
from risk_models.risk.windows import WINDOWS_H
from risk_models.standards import OrderCriterion, TownCriterion

__all__ = [
    "WITHIN_CLASSES",
    "OrderCriteria",
    "OrderPhase",
    "Ordered",
    "allowed_town_levels",
    "town_rules",
    "within_column",
    "within_columns",
]

Floats = npt.NDArray[np.float64]

WITHIN_CLASSES: Final = ("minor", "significant", "severe")
_ENDS_H: Final = tuple(end for _, end in WINDOWS_H)
_ROUNDING: Final = 1e-9


class OrderPhase(StrEnum):
    """How far ahead of the water an order is, the nearest first.

    ``occurred``: water stands. ``act``: within 6 h. ``prepare``: within 24 h. ``watch``: within 72 h. ``none``: nothing
    to be ordered. ``unknown``: the rain is not known. ``not_assessed``: the models do not speak of this kind of place.
    """

    OCCURRED = "occurred"
    ACT = "act"
    PREPARE = "prepare"
    WATCH = "watch"
    NONE = "none"
    UNKNOWN = "unknown"
    NOT_ASSESSED = "not_assessed"

    @property
    def zh(self) -> str:
        """Chinese word."""
        return _WORDS[self][0]

    @property
    def en(self) -> str:
        """English word."""
        return _WORDS[self][1]


_WORDS = {
    OrderPhase.OCCURRED: ("已发生", "occurred"),
    OrderPhase.ACT: ("行动", "act"),
    OrderPhase.PREPARE: ("准备", "prepare"),
    OrderPhase.WATCH: ("关注", "watch"),
    OrderPhase.NONE: ("无", "none"),
    OrderPhase.UNKNOWN: ("未知", "unknown"),
    OrderPhase.NOT_ASSESSED: ("未评估", "not assessed"),
}
_BY_NEARNESS = (OrderPhase.ACT, OrderPhase.PREPARE, OrderPhase.WATCH)


def within_column(impact: str, end_h: int) -> str:
    """Return the name of a column of the risk table.

    Examples
    --------
    >>> within_column("severe", 6)
    'p_severe_within_6h'
    """
    return f"p_{impact}_within_{end_h}h"


def within_columns() -> dict[str, tuple[int, int]]:
    """Return the columns of chances within so many hours, and where each lies in an array (windows, hotspots, 3)."""
    return {
        within_column(impact, end_h): (window, place)
        for window, end_h in enumerate(_ENDS_H)
        for place, impact in enumerate(WITHIN_CLASSES)
    }


@dataclass(frozen=True)
class Ordered:
    """What the criteria allow at H places.

    Attributes
    ----------
    level : ndarray of int (H,)
        `Level` codes; UNKNOWN where the kind is not assessed.
    phase : list of str (H,)
        `OrderPhase` values.
    criterion : list of str (H,)
        Key of the deciding row, the nearest of the highest level; empty without one.
    chance : ndarray (H,)
        Chance that it asks for; NaN without one.
    """

    level: npt.NDArray[np.int64]
    phase: list[str]
    criterion: list[str]
    chance: Floats


@dataclass(frozen=True)
class OrderCriteria:
    """A table of criteria and the kinds of places that the models speak of.

    Attributes
    ----------
    rows : tuple of OrderCriterion
    assessed_kinds : frozenset of str
    """

    rows: tuple[OrderCriterion, ...]
    assessed_kinds: frozenset[str]

    def assesses(self, kinds: pd.Series) -> npt.NDArray[np.bool_]:
        """Return for each place whether the models speak of its kind (H,)."""
        return kinds.isin(self.assessed_kinds).to_numpy(np.bool_)

    def order(self, within: Floats, kinds: pd.Series) -> Ordered:
        """Return what is allowed at each place.

        Parameters
        ----------
        within : ndarray (W, H, 3)
            Chance of at least minor, significant and severe impact from the cycle to the end of each of `WINDOWS_H`;
            NaN beyond the horizon, where at least the chance of what lies before it is known.
        kinds : Series of str (H,)

        Returns
        -------
        Ordered

        Examples
        --------
        >>> from risk_models.standards import load_standards
        >>> standards = load_standards()
        >>> criteria = OrderCriteria(standards.order_criteria("wuyu-orders-1"),
        ...     standards.assessed_kinds("wuyu-kinds-1"))
        >>> within = np.zeros((5, 3, 3))
        >>> within[1:, 0], within[3:, 1] = 0.6, 0.6
        >>> found = criteria.order(within, pd.Series(["school", "school", "gully_slope"]))
        >>> [str(Level(level)) for level in found.level], found.phase
        (['red', 'orange', 'unknown'], ['act', 'prepare', 'not_assessed'])
        """
        known = np.fmax.accumulate(np.nan_to_num(within, nan=0.0), axis=0)
        assessed = self.assesses(kinds)
        level = np.where(assessed, int(Level.NONE), int(Level.UNKNOWN))
        nearest = np.full(len(kinds), len(_BY_NEARNESS))
        hours = np.full(len(kinds), np.inf)
        criterion = np.full(len(kinds), "", dtype=object)
        chance = np.full(len(kinds), np.nan)
        for row in self.rows:
            p = known[_ENDS_H.index(int(row.within_h)), :, WITHIN_CLASSES.index(row.impact)]
            met = assessed & (p >= row.p_min - _ROUNDING)
            if row.kinds:
                met &= kinds.isin(row.kinds).to_numpy(np.bool_)
            nearest[met] = np.minimum(nearest[met], _BY_NEARNESS.index(OrderPhase(row.phase)))
            decides = met & ((row.level > level) | ((row.level == level) & (row.within_h < hours)))
            level[decides], hours[decides] = int(row.level), row.within_h
            criterion[decides], chance[decides] = row.key, p[decides]
        last = np.where(assessed, str(OrderPhase.NONE), str(OrderPhase.NOT_ASSESSED))
        phases = [
            str(_BY_NEARNESS[near]) if near < len(_BY_NEARNESS) else str(rest)
            for near, rest in zip(nearest, last, strict=True)
        ]
        return Ordered(level.astype(np.int64), phases, [str(key) for key in criterion], chance)

    def of_window(self, impact: Floats, window: int, kinds: pd.Series) -> npt.NDArray[np.int64]:
        """Return the level that one window alone would allow.

        Parameters
        ----------
        impact : ndarray (H, 3)
            Chance of each impact class in that window.
        window : int
            Its place in `WINDOWS_H`.
        kinds : Series of str (H,)

        Returns
        -------
        ndarray of int (H,)
            Never above that of all windows together.
        """
        within = np.zeros((len(_ENDS_H), *impact.shape))
        within[window:] = impact
        return self.order(within, kinds).level


def town_rules(rows: Sequence[TownCriterion]) -> list[dict[str, Any]]:
    """Return the criteria of towns as plain JSON types: a risk table carries the rules that it was judged by."""
    return [asdict(row) | {"level": int(row.level), "kinds": list(row.kinds)} for row in rows]


def allowed_town_levels(places: pd.DataFrame, rules: Sequence[Mapping[str, Any]]) -> pd.Series:
    """Return the level of each town by number, people and kind of its places.

    A town has a level where, of its places at this level or above, there are enough, or enough people are in their
    water, or one is of a kind that suffices alone. So one place more, or one higher, never lowers its town.

    Parameters
    ----------
    places : DataFrame
        ``town_code``, ``level``, ``kind``, ``people`` (in the water, or within reach where that is not known).
    rules : sequence of mapping
        As `town_rules` gives them; without any, a town has the level of its worst place.

    Returns
    -------
    Series of int, index town_code
        NONE where no rule is met; towns without a place at a warning level are absent.

    Examples
    --------
    >>> from risk_models.standards import load_standards
    >>> rules = town_rules(load_standards().town_criteria("wuyu-towns-1"))
    >>> places = pd.DataFrame({"town_code": ["A", "A", "B"], "level": [4, 2, 4], "kind": ["school", "school", "tunnel"],
    ...     "people": [5.0, 5.0, 5.0]})
    >>> allowed_town_levels(places, rules).to_dict()
    {'A': 2, 'B': 4}
    """
    warned = places[places["level"] >= int(Level.BLUE)]
    if not rules:
        return warned.groupby("town_code")["level"].max()
    found = pd.Series(int(Level.NONE), index=pd.Index(sorted(set(warned["town_code"])), name="town_code"))
    for rule in sorted(rules, key=lambda rule: int(rule["level"])):
        at_least = warned[warned["level"] >= int(rule["level"])]
        groups = at_least.groupby("town_code")
        enough = groups.size() >= rule["places_min"]
        enough |= groups["people"].sum() >= rule["people_min"]
        enough |= at_least["kind"].isin(rule["kinds"]).groupby(at_least["town_code"]).any()
        found[enough.index[enough]] = int(rule["level"])
    return found
