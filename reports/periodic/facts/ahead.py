"""What may be said of the span to come: chances by hotspot and town, days at each level, likely levels.

Only kinds of statement that hindcasts support are kept; the others are empty here and named with their reason in the
report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.periodic.inputs import ReportInputs
from risk_models.levels import Level
from risk_models.outlook.expected import Expected
from risk_models.outlook.period_outlook import PeriodOutlook
from risk_models.outlook.periods import Span
from risk_models.outlook.wording import word
from risk_models.standards import WordingLevel

__all__ = ["LIKELY_KEY", "AheadFacts", "ahead_facts"]

#: From this word upwards a level counts as likely, and its plans are made ready.
LIKELY_KEY = "raised"
#: The map and the ranking of hotspots speak of the least depth class of this level.
_MAP_LEVEL = Level.ORANGE


@dataclass(frozen=True, kw_only=True)
class AheadFacts:
    """The span to come.

    Attributes
    ----------
    span : Span
    outlook : PeriodOutlook or None
    words : tuple of WordingLevel
    classes : DataFrame
        Depth classes for all kinds of hotspot, by rising depth: index key; depth_min_m.
    chances : DataFrame
        Index hotspot_id, columns depth class: chance of at least once; empty where depths are not supported.
    intervals : DataFrame
        Of the class of the map: index hotspot_id, greatest chance first; p, p_low, p_high.
    map_class : str
        Key of that class; empty without chances.
    district_days : DataFrame
        Index level code, red first; expected_days, days_se, days_p10, days_p90, p_once, p_low, p_high; empty where
        levels are not supported.
    town_chances : DataFrame
        Index town_code, columns level code: chance of at least one day; greatest first.
    likely : dict of str to int
        Highest likely level by hotspot, town, and "" for the district; empty where levels are not supported.
    """

    span: Span
    outlook: PeriodOutlook | None
    words: tuple[WordingLevel, ...]
    classes: pd.DataFrame
    chances: pd.DataFrame
    intervals: pd.DataFrame
    map_class: str
    district_days: pd.DataFrame
    town_chances: pd.DataFrame
    likely: dict[str, int]

    @property
    def likely_word(self) -> WordingLevel:
        """Word from which upwards a chance counts as likely."""
        return next(level for level in self.words if level.key == LIKELY_KEY)

    @property
    def likely_from(self) -> float:
        """Least chance that counts as likely."""
        return self.likely_word.p_min

    def depth_cm(self, key: str) -> str:
        """Return the least depth of a class, whole centimetres."""
        return f"{100 * self.classes['depth_min_m'].to_numpy()[list(self.classes.index).index(key)]:.0f}"

    def word_counts(self, key: str) -> dict[str, int]:
        """Return the hotspots by word for a depth class, most likely word first; hotspots without a chance left out."""
        known = self.chances[key].dropna()
        chosen = [word(float(p), self.words).key for p in known]
        return {level.key: chosen.count(level.key) for level in reversed(self.words)}


def ahead_facts(inputs: ReportInputs, span: Span) -> AheadFacts:
    """Gather what may be said of a span to come.

    Parameters
    ----------
    inputs : ReportInputs
    span : Span

    Returns
    -------
    AheadFacts
    """
    outlook, words = inputs.outlook, tuple(inputs.standards.wording_levels())
    expected = None if outlook is None or not isinstance(outlook.expected, Expected) else outlook.expected
    verdicts = {} if outlook is None else outlook.verdicts
    depth = expected if expected is not None and "depth" in verdicts and verdicts["depth"].is_supported else None
    level = expected if expected is not None and "level" in verdicts and verdicts["level"].is_supported else None
    classes = _classes(inputs)
    chances = _chances(depth, classes, inputs.district.hotspots.index)
    map_class = "" if depth is None else _map_class(inputs, classes)
    likely_from = next(item.p_min for item in words if item.key == LIKELY_KEY)
    return AheadFacts(
        span=span,
        outlook=outlook,
        words=words,
        classes=classes,
        chances=chances,
        intervals=_intervals(depth, map_class),
        map_class=map_class,
        district_days=_district_days(level),
        town_chances=_town_chances(level, inputs.district.towns.index),
        likely={} if level is None else _likely(level.levels, likely_from),
    )


def _classes(inputs: ReportInputs) -> pd.DataFrame:
    """Return the wet depth classes that hold for all kinds of hotspot."""
    standard = inputs.standards.depth_classes(inputs.district.settings.standards.depth_classes)
    wet = sorted((item for item in standard if item.depth_min_m > 0 and not item.kinds), key=lambda x: x.depth_min_m)
    index = pd.Index([item.key for item in wet], name="depth_class")
    return pd.DataFrame({"depth_min_m": [item.depth_min_m for item in wet]}, index=index)


def _map_class(inputs: ReportInputs, classes: pd.DataFrame) -> str:
    standard = {
        item.key: item for item in inputs.standards.depth_classes(inputs.district.settings.standards.depth_classes)
    }
    at_level = [key for key in classes.index if standard[str(key)].level >= _MAP_LEVEL]
    return str(at_level[0] if at_level else classes.index[-1])


def _chances(expected: Expected | None, classes: pd.DataFrame, hotspots: pd.Index) -> pd.DataFrame:
    if expected is None:
        return pd.DataFrame(columns=list(classes.index), index=pd.Index([], name="hotspot_id"), dtype=float)
    wide = expected.passes.pivot_table(index="hotspot_id", columns="depth_class", values="p_once")
    return wide.reindex(index=hotspots, columns=list(classes.index)).rename_axis(columns=None)


def _intervals(expected: Expected | None, map_class: str) -> pd.DataFrame:
    if expected is None:
        return pd.DataFrame(columns=["p", "p_low", "p_high"], index=pd.Index([], name="hotspot_id"), dtype=float)
    own = expected.passes[expected.passes["depth_class"] == map_class].dropna(subset=["p_once"])
    table = own.set_index("hotspot_id")[["p_once", "p_low", "p_high"]].rename(columns={"p_once": "p"})
    return table.sort_index().sort_values("p", ascending=False, kind="stable")


def _district_days(expected: Expected | None) -> pd.DataFrame:
    columns = ["expected_days", "days_se", "days_p10", "days_p90", "p_once", "p_low", "p_high"]
    if expected is None:
        return pd.DataFrame(columns=columns, dtype=float)
    own = expected.levels[expected.levels["unit_kind"] == "district"]
    return own.assign(level=own["level"].astype(int)).set_index("level")[columns].sort_index(ascending=False)


def _town_chances(expected: Expected | None, towns: pd.Index) -> pd.DataFrame:
    """Return the chance of each town and level, the most likely towns first; towns without hotspots left out."""
    codes: list[Any] = [int(level) for level in (Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE)]
    if expected is None:
        return pd.DataFrame(columns=codes, index=pd.Index([], name="town_code"), dtype=float)
    own = expected.levels[expected.levels["unit_kind"] == "group"]
    wide = own.assign(level=own["level"].astype(int)).pivot_table(index="unit_id", columns="level", values="p_once")
    wide = wide.reindex(index=[code for code in towns if code in wide.index], columns=codes)
    return wide.rename_axis(index="town_code", columns=None).sort_values(codes, ascending=False, kind="stable")


def _likely(levels: pd.DataFrame, likely_from: float) -> dict[str, int]:
    """Return the highest level of each unit whose chance is at least `likely_from`."""
    reached = levels[levels["p_once"] >= likely_from - 1e-12]
    highest = reached.assign(level=reached["level"].astype(int)).groupby(["unit_kind", "unit_id"])["level"].max()
    found = {"": int(Level.NONE)}
    for row in highest.reset_index().to_dict("records"):
        found["" if row["unit_kind"] == "district" else str(row["unit_id"])] = int(row["level"])
    return found
