"""The score card (检验表): how good what was told was, for hotspots and for towns, with intervals of whole storms.

Towns are judged beside three simpler ways to warn: the rain signal, the rule 25 mm/30 min, 40 mm/1 h, 70 mm/3 h, and
an amount of 3-h rain that is fitted on all other storms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.levels import Level
from risk_models.scores import (
    chosen_elsewhere,
    difference_table,
    drawn_blocks,
    interval,
    reliability_curve,
    roc_curve,
    score_table,
)
from risk_models.verification.budget import Criterion, match_floods, town_floods, warning_budget
from risk_models.verification.pairs import depth_pairs, hotspot_pairs, storm_of, town_pairs
from risk_models.verification.record import CHANCES, VerificationRecord, told_spans

__all__ = [
    "CHANCE_EDGES",
    "CSI_METHODS",
    "FEW_STORMS",
    "ScoreCard",
    "depth_scores",
    "lead_rows",
    "lead_table",
    "part_scores",
    "reliability_table",
    "roc_table",
    "score_card",
    "told_spans_of",
    "town_scores",
]

Floats = npt.NDArray[np.float64]
#: Bounds of the classes in which told chances are compared with what came.
CHANCE_EDGES = (0.0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
#: Hours of lead whose share is told.
LEADS_H = (1.0, 3.0, 6.0)
N_DRAWS = 300
_YES_NO = ("pod", "far", "csi")
_RANKED = ("auc", "average_precision")
_CHANCE = ("auc", "average_precision", "brier", "brier_skill", "total_ratio")
_SCORES_OF = {"chance": _CHANCE, "highest-chance": _RANKED, "rain-3h": _RANKED}
_MOST_POINTS = 200
#: Storms with an event below which no interval is given: so few draws of storms tell of nothing but themselves.
FEW_STORMS = 5

#: Ways to say yes or no for a town: the levels, then the simpler ways, then what is fitted on the other storms.
CSI_METHODS = (
    "level-blue", "level-yellow", "level-orange", "level-red", "signal-blue", "rain-rule", "rain-3h-fitted",
    "chance-fitted",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ScoreCard:
    """All tables of a score card.

    Attributes
    ----------
    facts : dict
        ``begin``, ``end`` (UTC), ``cycles``, ``hotspots``, ``towns``, ``floods`` (of hotspots), ``town_floods``,
        ``storms`` (with a flood), ``unknown_share`` (of cycle and hotspot, without a level), ``horizon_h``.
    scores : DataFrame
        One row per scope (hotspots, towns), part (all, season, source), its name, method and score: ``value``,
        ``low``, ``high`` (90 %; NaN below `FEW_STORMS`), ``n_rows``, ``n_events``, ``n_storms`` (with an event).
    differences : DataFrame
        The same of one method minus another, on the same draws.
    reliability : DataFrame
        ``scope``, ``chance`` (p_5cm, ...), then `reliability_curve`.
    roc : DataFrame
        ``scope``, ``method``, ``pofd``, ``pod``.
    leads : DataFrame
        From `lead_table`.
    lead_rows : DataFrame
        From `lead_rows`.
    depths : DataFrame
        From `depth_pairs`.
    depth_scores : DataFrame
        From `depth_scores`.
    budget : DataFrame
        From `warning_budget`; empty if no criterion was given.
    """

    facts: Mapping[str, Any]
    scores: pd.DataFrame
    differences: pd.DataFrame
    reliability: pd.DataFrame
    roc: pd.DataFrame
    leads: pd.DataFrame
    lead_rows: pd.DataFrame
    depths: pd.DataFrame
    depth_scores: pd.DataFrame
    budget: pd.DataFrame


def score_card(
    record: VerificationRecord,
    *,
    seed: int,
    criteria: Iterable[Criterion] = (),
    n_draws: int = N_DRAWS,
    tell: Callable[[float, str], None] = lambda _fraction, _text: None,
) -> ScoreCard:
    """Make every table of a score card.

    Parameters
    ----------
    record : VerificationRecord
    seed : int
        Of the draws of storms; each table has its own stream, so that none changes with another.
    criteria : iterable of Criterion
        Whose warning budget is counted.
    n_draws : int
    tell : callable
        Called with a fraction (0-1) and a short text.

    Returns
    -------
    ScoreCard

    Raises
    ------
    ValueError
        If the record has no cycle.
    """
    if record.cycles.empty:
        raise ValueError("the record has no cycle: there is nothing to score")
    tell(0.0, "pairing hotspots")
    hotspots = hotspot_pairs(record)
    tell(0.2, "pairing towns")
    towns = town_pairs(record)
    tell(0.3, "scoring")
    draws = {"seed": seed, "n_draws": n_draws}
    spots, differences = hotspot_scores(hotspots, **draws)
    told, town_differences = town_scores(towns, **draws)
    tell(0.7, "reliability")
    reliability = reliability_table(record, hotspots, towns, **draws)
    leads = lead_rows(record)
    depths = depth_pairs(record)
    tell(0.9, "warning budget")
    listed = list(criteria)
    budget = (
        warning_budget(
            record.cycles, record.floods, listed, zone=record.zone, flood_season=record.flood_season
        )
        if listed
        else pd.DataFrame()
    )  # fmt: skip
    tell(1.0, "done")
    return ScoreCard(
        facts=_facts(record),
        scores=pd.concat([spots, told], ignore_index=True),
        differences=pd.concat([differences, town_differences], ignore_index=True),
        reliability=reliability,
        roc=roc_table(hotspots, towns),
        leads=lead_table(leads, told_spans_of(record)),
        lead_rows=leads,
        depths=depths,
        depth_scores=depth_scores(depths, **draws),
        budget=budget,
    )


def _facts(record: VerificationRecord) -> dict[str, Any]:
    floods = record.floods_within
    placed = floods[floods["hotspot_id"].fillna("") != ""]
    storms = len(np.unique(storm_of(floods["started_at"], record.floods["started_at"])))
    return {
        "begin": record.begin,
        "end": record.end,
        "cycles": int(record.cycles["valid_at"].nunique()),
        "hotspots": int(record.cycles["hotspot_id"].nunique()),
        "towns": int(record.cycles["town_code"].nunique()),
        "floods": len(placed),
        "town_floods": len(town_floods(floods)) if len(floods) else 0,
        "storms": storms,
        "unknown_share": float((record.cycles["level"] == int(Level.UNKNOWN)).mean()),
        "horizon_h": record.horizon_h,
    }


# --- scores -----------------------------------------------------------------------------------------------------------


def hotspot_scores(pairs: pd.DataFrame, *, seed: int, n_draws: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score chance of 5 cm, 3-h rain and levels of hotspots: all, by season, by source.

    Parameters
    ----------
    pairs : DataFrame
        From `hotspot_pairs`.
    seed, n_draws : int

    Returns
    -------
    scores, differences : DataFrame
        See `ScoreCard`.
    """
    methods = {"chance": pairs["p_5cm"], "rain-3h": pairs["fc_3h_mm_p50"], **_levels(pairs)}
    return _scored("hotspots", pairs, methods, [("chance", "rain-3h")], seed=seed, n_draws=n_draws)


def town_scores(pairs: pd.DataFrame, *, seed: int, n_draws: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score the levels of towns, the highest chance of their hotspots, and the simpler ways to warn.

    What is fitted (an amount of 3-h rain, a chance) is fitted for each storm on all others, for the highest CSI.

    Parameters
    ----------
    pairs : DataFrame
        From `town_pairs`.
    seed, n_draws : int

    Returns
    -------
    scores, differences : DataFrame
        See `ScoreCard`.
    """
    rain, chance = pairs["fc_3h_mm_p50"], pairs["p_5cm"]
    methods = {
        "highest-chance": chance,
        "rain-3h": rain,
        **_levels(pairs),
        "signal-blue": _yes(pairs["signal"] >= int(Level.BLUE), pairs["signal"] != int(Level.UNKNOWN)),
        "rain-rule": _yes(pairs["rule"] >= 1.0, pairs["rule"].notna()),
        "rain-3h-fitted": _fitted(pairs, rain),
        "chance-fitted": _fitted(pairs, chance),
    }
    against = [("highest-chance", "rain-3h"), ("chance-fitted", "rain-3h-fitted"), ("level-blue", "rain-3h-fitted")]
    return _scored("towns", pairs, methods, against, seed=seed, n_draws=n_draws)


def _levels(pairs: pd.DataFrame) -> dict[str, pd.Series]:
    known = pairs["level"] != int(Level.UNKNOWN)
    return {f"level-{level}": _yes(pairs["level"] >= int(level), known) for level in Level if level.is_warning}


def _yes(said: pd.Series, known: pd.Series) -> pd.Series:
    return said.astype(np.float64).where(known)


def _fitted(pairs: pd.DataFrame, values: pd.Series) -> pd.Series:
    said = pd.Series(np.nan, index=pairs.index)
    known = values.notna().to_numpy()
    if known.any():
        said[known] = chosen_elsewhere(pairs["event"][known], values[known], blocks=pairs["storm"][known])
    return said


def _scored(
    scope: str,
    pairs: pd.DataFrame,
    methods: Mapping[str, pd.Series],
    against: list[tuple[str, str]],
    *,
    seed: int,
    n_draws: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score every method on all rows, on each season and on each source; compare methods on all rows."""
    lines = [
        part_scores(pairs, method, values, rows, seed=seed, n_draws=n_draws).assign(scope=scope, part=part, name=name)
        for part, name, rows in _parts(pairs)
        for method, values in methods.items()
    ]
    differences = [
        _difference(pairs, methods[ours], methods[theirs], seed=seed, n_draws=n_draws).assign(
            scope=scope, method=ours, reference=theirs
        )
        for ours, theirs in against
    ]
    first = ["scope", "part", "name", "method", "score"]
    scores = pd.concat(lines, ignore_index=True)
    compared = pd.concat(differences, ignore_index=True)
    return (
        scores[[*first, *(name for name in scores if name not in first)]],
        compared[["scope", "method", "reference", "score", "value", "low", "high"]],
    )


def _parts(pairs: pd.DataFrame) -> list[tuple[str, str, npt.NDArray[np.bool_]]]:
    """Return all rows, then those of each season and of each source if there are several."""
    parts = [("all", "", np.ones(len(pairs), dtype=bool))]
    for part in ("season", "source"):
        names = sorted(pairs[part].unique())
        parts += [(part, str(name), (pairs[part] == name).to_numpy()) for name in names if len(names) > 1]
    return parts


def part_scores(
    pairs: pd.DataFrame, method: str, values: pd.Series, rows: npt.NDArray[np.bool_], *, seed: int, n_draws: int
) -> pd.DataFrame:
    """Score one method on some rows: the scores that mean something for it; unknown values are left out.

    Parameters
    ----------
    pairs : DataFrame
        ``event``, ``storm``.
    method : str
        "chance" is a probability, "highest-chance" and "rain-3h" only rank; every other says 1 or 0.
    values : Series
        NaN is unknown.
    rows : ndarray of bool
    seed, n_draws : int

    Returns
    -------
    DataFrame
        ``method``, ``score``, ``value``, ``low``, ``high``, ``n_rows``, ``n_events``, ``n_storms`` (with an event).
    """
    use = rows & values.notna().to_numpy()
    names = _SCORES_OF.get(method, _YES_NO)
    event, storm = pairs["event"].to_numpy()[use], pairs["storm"].to_numpy()[use]
    counts = {"n_rows": int(use.sum()), "n_events": int(event.sum()), "n_storms": len(np.unique(storm[event]))}
    if not use.any():
        return pd.DataFrame(
            {"method": method, "score": names, "value": np.nan, "low": np.nan, "high": np.nan, **counts}
        )
    table = score_table(
        event, values.to_numpy()[use], blocks=storm, threshold=0.5, rng=np.random.default_rng(seed), n_boot=n_draws
    )
    return _with_ends(table.loc[list(names)].reset_index(), counts["n_storms"]).assign(method=method, **counts)


def _with_ends(table: pd.DataFrame, n_storms: int) -> pd.DataFrame:
    """Take the interval away where storms are too few for one."""
    return table if n_storms >= FEW_STORMS else table.assign(low=np.nan, high=np.nan)


def _difference(
    pairs: pd.DataFrame, ours: pd.Series, theirs: pd.Series, *, seed: int, n_draws: int
) -> pd.DataFrame:  # fmt: skip
    use = ours.notna().to_numpy() & theirs.notna().to_numpy()
    names = list(_YES_NO) if set(ours[use].unique()) <= {0.0, 1.0} else list(_RANKED)
    if not use.any():
        return pd.DataFrame({"score": names, "value": np.nan, "low": np.nan, "high": np.nan})
    table = difference_table(
        pairs["event"].to_numpy()[use], ours.to_numpy()[use], theirs.to_numpy()[use],
        blocks=pairs["storm"].to_numpy()[use], thresholds=(0.5, 0.5), rng=np.random.default_rng(seed), n_boot=n_draws,
    )  # fmt: skip
    event, storm = pairs["event"].to_numpy()[use], pairs["storm"].to_numpy()[use]
    return _with_ends(table.loc[names].reset_index(), len(np.unique(storm[event])))


# --- chances ----------------------------------------------------------------------------------------------------------


def reliability_table(
    record: VerificationRecord, hotspots: pd.DataFrame, towns: pd.DataFrame, *, seed: int, n_draws: int = N_DRAWS
) -> pd.DataFrame:
    """Compare told chances with what came: of every depth for hotspots; of towns the highest chance of its hotspots.

    Parameters
    ----------
    record : VerificationRecord
    hotspots, towns : DataFrame
        From `hotspot_pairs` (5 cm) and `town_pairs`.
    seed, n_draws : int

    Returns
    -------
    DataFrame
        ``scope``, ``chance``, then the columns of `reliability_curve`.
    """
    chances = [str(name) for name in record.cycles.columns if CHANCES.fullmatch(str(name))]
    parts = []
    for chance in chances:
        depth_cm = int(chance.removeprefix("p_").removesuffix("cm"))
        pairs = hotspots if depth_cm == 5 else hotspot_pairs(record, depth_m=depth_cm / 100.0)
        parts.append(_curve(pairs, chance, seed, n_draws).assign(scope="hotspots", chance=chance))
    parts.append(_curve(towns, "p_5cm", seed, n_draws).assign(scope="towns", chance="p_5cm"))
    table = pd.concat(parts, ignore_index=True)
    return table[["scope", "chance", *(name for name in table if name not in ("scope", "chance"))]]


def _curve(pairs: pd.DataFrame, chance: str, seed: int, n_draws: int) -> pd.DataFrame:
    known = pairs[pairs[chance].notna()]
    if known.empty:
        return pd.DataFrame(columns=["probability", "frequency", "low", "high", "n", "events", "n_blocks"])
    return reliability_curve(
        known["event"], known[chance], edges=CHANCE_EDGES, blocks=known["storm"], rng=np.random.default_rng(seed),
        n_boot=n_draws,
    )  # fmt: skip


def roc_table(hotspots: pd.DataFrame, towns: pd.DataFrame) -> pd.DataFrame:
    """Return the ROC curves of chance and 3-h rain, thinned to points a page can hold.

    Parameters
    ----------
    hotspots, towns : DataFrame
        From `hotspot_pairs` and `town_pairs`.

    Returns
    -------
    DataFrame
        ``scope``, ``method``, ``threshold``, ``pofd``, ``pod``; nothing of a scope without an event.
    """
    parts = []
    for scope, pairs in (("hotspots", hotspots), ("towns", towns)):
        for method, column in (("chance", "p_5cm"), ("rain-3h", "fc_3h_mm_p50")):
            known = pairs[pairs[column].notna()]
            if known["event"].any():
                curve = roc_curve(known["event"], known[column])
                parts.append(_thinned(curve).assign(scope=scope, method=method))
    names = ["scope", "method", "threshold", "pofd", "pod"]
    return pd.concat(parts, ignore_index=True)[names] if parts else pd.DataFrame(columns=names)


def _thinned(curve: pd.DataFrame) -> pd.DataFrame:
    """Keep points by the steps they make, both ends among them."""
    if len(curve) <= _MOST_POINTS:
        return curve
    way = (curve["pofd"] + curve["pod"]).to_numpy()
    places = np.searchsorted(way, np.linspace(way[0], way[-1], _MOST_POINTS))
    return curve.iloc[np.unique([0, *places, len(curve) - 1])]


# --- lead time and depth ----------------------------------------------------------------------------------------------


def told_spans_of(record: VerificationRecord) -> dict[Level, pd.DataFrame]:
    """Return the spans under warning by level (`told_spans`)."""
    return {level: told_spans(record.warnings, level) for level in Level if level.is_warning}


def lead_rows(record: VerificationRecord, *, late_h: float = 3.0) -> pd.DataFrame:
    """Say of every flood of a town, for every level, whether it was warned, and how long before.

    Parameters
    ----------
    record : VerificationRecord
    late_h : float
        See `match_floods` [h].

    Returns
    -------
    DataFrame
        ``level`` (name), ``town_code``, ``started_at``, ``outcome`` (hit, missed), ``lead_h`` [h].
    """
    floods = record.floods_within
    clusters = town_floods(floods, same_flood_h=12.0)
    parts = [
        match_floods(spans, clusters, late_h=late_h)[1].assign(level=str(level))
        for level, spans in told_spans_of(record).items()
    ]
    table = pd.concat(parts, ignore_index=True)
    return table[["level", "town_code", "started_at", "outcome", "lead_h"]]


def lead_table(rows: pd.DataFrame, spans: Mapping[Level, pd.DataFrame], *, late_h: float = 3.0) -> pd.DataFrame:
    """Sum up lead times and what became of the warnings by level.

    Parameters
    ----------
    rows : DataFrame
        From `lead_rows`.
    spans : mapping of Level to DataFrame
        From `told_spans_of`.
    late_h : float

    Returns
    -------
    DataFrame, index level (name)
        ``warnings``, ``right``, ``late``, ``false``; ``floods``, ``hit``, ``missed``; ``lead_p10_h``, ``lead_p50_h``,
        ``lead_p90_h`` of the hits [h]; ``lead_1h_share``, ``lead_3h_share``, ``lead_6h_share``: of all floods,
        warned at least so long before.
    """
    lines = {}
    for level, told in spans.items():
        mine = rows[rows["level"] == str(level)]
        floods = mine[["town_code", "started_at"]]
        outcome = match_floods(told, floods, late_h=late_h)[0]["outcome"]
        leads = mine["lead_h"].dropna()
        quantiles = leads.quantile([0.1, 0.5, 0.9]) if len(leads) else pd.Series([np.nan] * 3)
        lines[str(level)] = {
            "warnings": len(told),
            **{name: int((outcome == name).sum()) for name in ("right", "late", "false")},
            "floods": len(mine),
            "hit": int((mine["outcome"] == "hit").sum()),
            "missed": int((mine["outcome"] == "missed").sum()),
            **dict(zip(("lead_p10_h", "lead_p50_h", "lead_p90_h"), quantiles.to_numpy(), strict=True)),
            **{
                f"lead_{least:g}h_share": float((mine["lead_h"] >= least).mean()) if len(mine) else np.nan
                for least in LEADS_H
            },
        }
    table = pd.DataFrame.from_dict(lines, orient="index").rename_axis("level")
    return table.astype(dict.fromkeys(("warnings", "right", "late", "false", "floods", "hit", "missed"), "int64"))


def depth_scores(pairs: pd.DataFrame, *, seed: int, n_draws: int = N_DRAWS) -> pd.DataFrame:
    """Score told depths of floods that came, beside a constant and 3-h rain.

    Parameters
    ----------
    pairs : DataFrame
        From `depth_pairs`.
    seed, n_draws : int

    Returns
    -------
    DataFrame, index score
        ``value``, ``low``, ``high``: ``bias_m`` (told minus seen), ``error_m`` (mean absolute), ``constant_error_m``
        (of the median of what was seen), ``rank`` and ``rain_rank`` (Spearman, of told depth and of 3-h rain with what
        was seen); NaN below three floods.
    """
    names = ["bias_m", "error_m", "constant_error_m", "rank", "rain_rank"]
    if len(pairs) < 3:
        return pd.DataFrame(np.nan, index=pd.Index(names, name="score"), columns=["value", "low", "high"])
    columns = pairs[["depth_m", "depth_p50_m", "fc_3h_mm_p50"]].to_numpy(np.float64)
    storms, place = np.unique(pairs["storm"], return_inverse=True)
    members = [np.flatnonzero(place == number) for number in range(len(storms))]
    value = _depth_scores(columns)
    drawn = drawn_blocks(len(storms), n_draws, np.random.default_rng(seed))
    others = np.array([_depth_scores(columns[np.concatenate([members[b] for b in row])]) for row in drawn])
    low, high = interval(value, others, coverage=0.9)
    table = pd.DataFrame({"value": value, "low": low, "high": high}, index=pd.Index(names, name="score"))
    return _with_ends(table, len(storms))


def _depth_scores(columns: Floats) -> Floats:
    seen, told, rain = columns.T
    error = told - seen
    constant = np.abs(seen - np.median(seen)).mean()
    return np.array([error.mean(), np.abs(error).mean(), constant, _rank(seen, told), _rank(seen, rain)])


def _rank(first: Floats, second: Floats) -> float:
    """Return Spearman's rank correlation; NaN where one of the two is the same everywhere, or unknown."""
    known = ~np.isnan(second)
    one, other = (pd.Series(values[known]).rank().to_numpy() for values in (first, second))
    if known.sum() < 3 or one.std() == 0 or other.std() == 0:
        return float("nan")
    return float(((one - one.mean()) * (other - other.mean())).mean() / (one.std() * other.std()))
