"""What became of the statements of an outlook: each one true, false, or not to be told.

Evidence, in this order:

1. *Report*: somebody was there. "Flooded" proves water up to `SEEN_DEPTH_M` (or up to the depth reported); "not
   flooded" sets aside what the model says of that hotspot on that local day, unless somebody else saw water on it.
2. *Model*: depth from observed rain.
3. *Gauge*: rain of the reference gauge, for statements of rain and season.

What happened is a fact even if the rest of the span is unknown. That something did *not* happen is told only where at
least `MIN_TOLD_SHARE` of the hours of the span are told: an hour is told at a hotspot if its depth is known, or if at
least one gauge is known and no known gauge has rain. Days at a level need the same at every hotspot of the unit. Rain
and season need that share of the hours known at the reference gauge; the amount is then scaled up to the whole span.
Else the outcome is unknown, unless what is known already settles it: rain above the upper end is above it.

With probabilities ``p`` and outcomes ``o`` (0 or 1), ``Brier = mean((p - o)^2)``; the reference is that score of the
share of all outcomes stated for all.

References
----------
Brier, G. W. (1950) Verification of forecasts expressed in terms of probability. Monthly Weather Review 78(1), 1-3.
Wilks, D. S. (2011) Statistical Methods in the Atmospheric Sciences, 3rd ed., 8.4 (reliability).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from risk_models.errors import BadInputError, Finding
from risk_models.levels import Level
from risk_models.outlook.expected import HotspotClasses
from risk_models.outlook.periods import Span
from risk_models.outlook.wording import Statement
from risk_models.verification.told import SEEN_DEPTH_M, Told

__all__ = [
    "MIN_TOLD_SHARE",
    "SEEN_DEPTH_M",
    "StatementReview",
    "review_statements",
    "statements_from_dicts",
    "statements_to_dicts",
]

#: An event is denied only if at least this share of the hours is told (an assumption).
MIN_TOLD_SHARE = 0.95
BIN_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
COLUMNS = ["key", "kind", "zh", "en", "probability", "stated", "low", "high", "observed", "outcome", "evidence"]


@dataclass(frozen=True, kw_only=True)
class StatementReview:
    """The statements of one outlook beside what happened.

    Attributes
    ----------
    table : DataFrame
        A row per statement, in the order given: key, kind (``depth``, ``level``, ``rain``, ``season``), zh, en,
        probability (0-1, NaN for a statement of amounts), stated, low, high (number stated and its interval), observed
        (number; NaN unknown), outcome (``came_true``, ``did_not``, ``unknown``), evidence (``report``, ``model``,
        ``gauge``, ``none``). Numbers are m of depth, days, or mm; of a season the third (0 below, 1 normal, 2 above).
    brier, brier_reference : float
        Score of the probabilities with a known outcome, and of the share of outcomes for all alike; NaN without any.
    reliability : DataFrame
        Stated probability against what happened: p_from, p_to, p_mean, share, n; a row per bin that is not empty.
    n_true, n_false, n_unknown : int
    """

    table: pd.DataFrame
    brier: float
    brier_reference: float
    reliability: pd.DataFrame
    n_true: int
    n_false: int
    n_unknown: int


def statements_to_dicts(statements: Sequence[Statement]) -> list[dict[str, Any]]:
    """Return statements as plain types, for JSON; a fact that is not known becomes None.

    Parameters
    ----------
    statements : sequence of Statement

    Returns
    -------
    list of dict

    Examples
    --------
    >>> made = [Statement("season:terciles", "甲", "A", {"below": 0.2, "skill": math.nan})]
    >>> statements_to_dicts(made)[0]["facts"]
    {'below': 0.2, 'skill': None}
    >>> statements_from_dicts(statements_to_dicts(made))[0].key
    'season:terciles'
    """
    found = []
    for statement in statements:
        facts = {name: float(value) if math.isfinite(value) else None for name, value in statement.facts.items()}
        found.append({**asdict(statement), "facts": facts})
    return found


def statements_from_dicts(rows: Sequence[Mapping[str, Any]]) -> tuple[Statement, ...]:
    """Return the statements of an earlier outlook.

    Parameters
    ----------
    rows : sequence of mapping
        Of `statements_to_dicts`.

    Returns
    -------
    tuple of Statement

    Raises
    ------
    BadInputError
        If a row lacks a part, or a fact is no number.
    """
    found, findings = [], []
    for number, row in enumerate(rows, start=1):
        try:
            facts = {str(name): math.nan if value is None else float(value) for name, value in row["facts"].items()}
            found.append(Statement(str(row["key"]), str(row["zh"]), str(row["en"]), facts))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            findings.append(
                Finding(
                    code="bad-statement", message=f"holds no statement ({type(error).__name__}: {error})",
                    file="statements", row=number, accepted="key, zh, en and facts that are numbers",
                    fix="restore the statements of the earlier report",
                )
            )  # fmt: skip
    if findings:
        raise BadInputError("statements", findings)
    return tuple(found)


def review_statements(
    statements: Sequence[Statement] | Sequence[Mapping[str, Any]],
    span: Span,
    *,
    gauge_rain_mm: pd.DataFrame,
    hotspot_depth: pd.DataFrame,
    classes: HotspotClasses,
    towns: pd.Series,
    reports: pd.DataFrame | None = None,
    timezone: str,
    reference_gauge: str,
) -> StatementReview:
    """Hold the statements of an outlook against what happened in its span.

    Parameters
    ----------
    statements : sequence of Statement or of mapping
        As made, or of `statements_to_dicts`.
    span : Span
        That they speak of.
    gauge_rain_mm : DataFrame (hour, gauge)
        Observed rain; aware UTC ends of hours, NaN unknown. Hours outside the span do not matter.
    hotspot_depth : DataFrame
        valid_at (aware), hotspot_id, depth_m (NaN unknown) and, if there, level (`Level.UNKNOWN` makes a depth
        unknown): depth by the model from rain observed by then.
    classes : HotspotClasses
        Depth classes of the hotspots: what a level means, as in the outlook.
    towns : Series
        Town of each hotspot, by hotspot_id.
    reports : DataFrame, optional
        at (aware), hotspot_id, state (``flooded``, ``not_flooded``, ``not_checked``) and, if known, depth_m.
    timezone : str
        IANA name, for local days.
    reference_gauge : str

    Returns
    -------
    StatementReview

    Raises
    ------
    BadInputError
        If a statement is of no known kind or lacks its numbers.

    References
    ----------
    See the module.
    """
    given = [item if isinstance(item, Statement) else statements_from_dicts([item])[0] for item in statements]
    told = Told(
        span, gauge_rain_mm=gauge_rain_mm, hotspot_depth=hotspot_depth, towns=towns, reports=reports, timezone=timezone,
        min_share=MIN_TOLD_SHARE,
    )  # fmt: skip
    rows = [_row(number, item, told, classes, reference_gauge) for number, item in enumerate(given, start=1)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    counts = table["outcome"].value_counts()
    brier, reference, reliability = _scores(table)
    return StatementReview(
        table=table,
        brier=brier,
        brier_reference=reference,
        reliability=reliability,
        n_true=int(counts.get("came_true", 0)),
        n_false=int(counts.get("did_not", 0)),
        n_unknown=int(counts.get("unknown", 0)),
    )


def _row(number: int, item: Statement, told: Told, classes: HotspotClasses, gauge: str) -> dict[str, Any]:
    kind, _, rest = item.key.partition(":")
    try:
        match kind:
            case "depth":
                found = _depth(item, rest.partition(":")[0], told)
            case "level":
                found = _level(item, rest.rpartition(":")[0], told, classes)
            case "rain":
                found = _rain(item, rest.rpartition(":")[0], told)
            case "season":
                found = _season(item, gauge, told)
            case _:
                raise KeyError("kind")
    except KeyError as error:
        finding = Finding(
            code="bad-statement",
            message="cannot be verified",
            file="statements",
            row=number,
            column=str(error.args[0]),
            value=item.key,
            accepted="depth, level, rain or season with its numbers",
            fix="restore the statements of the earlier report",
        )
        raise BadInputError("statements", [finding]) from None
    return {"key": item.key, "kind": kind, "zh": item.zh, "en": item.en} | found


def _told(outcome: bool | None, observed: float, evidence: str) -> dict[str, Any]:
    word = "unknown" if outcome is None else ("came_true" if outcome else "did_not")
    return {"observed": observed, "outcome": word, "evidence": "none" if outcome is None else evidence}


def _depth(item: Statement, hotspot_id: str, told: Told) -> dict[str, Any]:
    depth_m = item.facts["depth_m"]
    numbers = {"probability": item.facts["p_once"], "stated": depth_m, "low": math.nan, "high": math.nan}
    outcome, evidence = told.reached(hotspot_id, depth_m)
    return numbers | _told(outcome, told.greatest_depth_m(hotspot_id), evidence)


def _level(item: Statement, unit: str, told: Told, classes: HotspotClasses) -> dict[str, Any]:
    facts = item.facts
    numbers = {"probability": math.nan, "stated": facts["expected_days"], "low": facts["days_p10"],
               "high": facts["days_p90"]}  # fmt: skip
    days, is_whole, evidence = told.days(unit, classes.level_depths_m(_warned(facts["level"])))
    outcome = _within(days, facts["days_p10"], facts["days_p90"], is_whole=is_whole)
    return numbers | _told(outcome, float(days) if outcome is not None else math.nan, evidence)


def _rain(item: Statement, gauge: str, told: Told) -> dict[str, Any]:
    facts = item.facts
    numbers = {"probability": math.nan, "stated": facts["mean_mm"], "low": facts["p10_mm"], "high": facts["p90_mm"]}
    total, is_whole = told.total_mm(gauge)
    outcome = _within(total, facts["p10_mm"], facts["p90_mm"], is_whole=is_whole)
    return numbers | _told(outcome, total if outcome is not None else math.nan, "gauge")


def _warned(code: float) -> Level:
    """Return the level of a statement; one that is none is reported like a number that is missing."""
    if code not in {float(level) for level in Level}:
        raise KeyError("level")
    return Level(int(code))


def _within(amount: float, low: float, high: float, *, is_whole: bool) -> bool | None:
    """Return whether an amount lies in an interval; None if that cannot be told. A part of it may be too much."""
    if math.isnan(low) or math.isnan(high) or (not is_whole and amount <= high):
        return None
    return low <= amount <= high


def _season(item: Statement, gauge: str, told: Told) -> dict[str, Any]:
    """Judge the likeliest third; without the terciles of the past it cannot be told."""
    shares = [item.facts[name] for name in ("below", "normal", "above")]
    top = int(np.argmax(shares))
    numbers = {"probability": shares[top], "stated": float(top), "low": math.nan, "high": math.nan}
    low, high = (item.facts.get(name, math.nan) for name in ("low_tercile_mm", "high_tercile_mm"))
    total, is_whole = told.total_mm(gauge)
    if np.isnan([*shares, low, high]).any() or (not is_whole and total <= high):
        return numbers | _told(None, math.nan, "none")
    third = int(total >= low) + int(total > high)
    return numbers | _told(third == top, float(third), "gauge")


def _scores(table: pd.DataFrame) -> tuple[float, float, pd.DataFrame]:
    """Return score, reference and reliability; sums are exact, so the order of the statements does not matter."""
    known = table[table["probability"].notna() & (table["outcome"] != "unknown")]
    p = known["probability"].to_numpy(dtype=np.float64)
    o = (known["outcome"] == "came_true").to_numpy(dtype=np.float64)
    rows = []
    place = np.clip(np.searchsorted(BIN_EDGES, p, side="right") - 1, 0, len(BIN_EDGES) - 2)
    for number in np.unique(place):
        own = place == number
        rows.append(
            {
                "p_from": BIN_EDGES[number],
                "p_to": BIN_EDGES[number + 1],
                "p_mean": math.fsum(p[own]) / own.sum(),
                "share": o[own].sum() / own.sum(),
                "n": int(own.sum()),
            }
        )
    reliability = pd.DataFrame(rows, columns=["p_from", "p_to", "p_mean", "share", "n"])
    if not len(p):
        return math.nan, math.nan, reliability
    share = o.sum() / len(o)
    return math.fsum((p - o) ** 2) / len(p), math.fsum((share - o) ** 2) / len(p), reliability
