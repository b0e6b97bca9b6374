"""What a chance adds to knowing nothing, to plain rain and to the raw share, with storms drawn again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.scores.probability import auc_of_counts
from risk_models.scores.resampling import drawn_blocks, interval, times_drawn

__all__ = ["SKILL_SCORES", "skill_scores"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

N_DRAWS, COVERAGE = 500, 0.9
#: Names of the scores, and what each is.
SKILL_SCORES = {
    "brier_skill": "1 - Brier score / that of the usual frequency",
    "auc": "area under the ROC curve",
    "auc_over_rain": "gain in AUC over plain rain",
    "auc_over_chain": "gain in AUC over the chain's share",
    "chances_over_floods": "sum of chances / number of floods",
    "auc_within_windows": "AUC among the hotspots of a window, mean over windows with floods",
    "brier_skill_of_chain": "Brier skill of the chain's share told as a chance",
}


def skill_scores(
    observed: npt.ArrayLike,
    chance: npt.ArrayLike,
    usual: npt.ArrayLike,
    *,
    rain: npt.ArrayLike,
    share: npt.ArrayLike,
    window: npt.ArrayLike,
    storm: npt.ArrayLike,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Score chances beside three simpler statements, with intervals from drawing whole storms again, in pairs.

    Parameters
    ----------
    observed : array_like (n,) of bool
    chance : array_like (n,)
    usual : array_like (n,)
        Frequency of floods as known without the storm.
    rain, share : array_like (n,)
        Plain rain, mm, and the chain's share of outcomes.
    window, storm : array_like (n,)
        Names.
    rng : Generator

    Returns
    -------
    DataFrame, index `SKILL_SCORES`
        value, low, high; NaN where a score is not defined.

    Examples
    --------
    >>> table = skill_scores([1, 0, 0, 1], [0.8, 0.1, 0.2, 0.7], [0.5] * 4, rain=[9, 9, 1, 1], share=[0, 0, 0, 0],
    ...                      window=[1, 1, 2, 2], storm=[1, 1, 2, 2], rng=np.random.default_rng(0))
    >>> table["value"].round(2).to_dict()["brier_skill"], table["value"].to_dict()["auc_over_rain"]
    (0.82, 0.5)
    """
    happened, told, base = (np.asarray(a, dtype=np.float64) for a in (observed, chance, usual))
    raw = np.asarray(share, dtype=np.float64)
    _, number = np.unique(np.asarray(storm).astype(str), return_inverse=True)
    n_storms = int(number.max()) + 1

    def by_storm(values: Floats) -> Floats:
        return np.asarray(np.bincount(number, values, n_storms), dtype=np.float64)

    error, usual_error, raw_error = (by_storm((p - happened) ** 2) for p in (told, base, raw))
    sums, floods = by_storm(told), by_storm(happened)
    hits, pairs = (by_storm(values) for values in _within(happened, told, np.asarray(window)))
    auc_told, auc_rain, auc_raw = (
        _auc_by_weight(happened, np.asarray(p, dtype=np.float64), number) for p in (told, rain, raw)
    )

    def scores(times: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            auc = auc_told(times)
            return np.array(
                [
                    1.0 - np.divide(times @ error, times @ usual_error),
                    auc,
                    auc - auc_rain(times),
                    auc - auc_raw(times),
                    np.divide(times @ sums, times @ floods),
                    np.divide(times @ hits, times @ pairs),
                    1.0 - np.divide(times @ raw_error, times @ usual_error),
                ]
            )

    value = scores(np.ones(n_storms))
    drawn = np.array([scores(times) for times in times_drawn(drawn_blocks(n_storms, N_DRAWS, rng))])
    drawn[~np.isfinite(drawn)] = np.nan  # draws of storms without a flood
    low, high = interval(value, drawn, coverage=COVERAGE)
    return pd.DataFrame({"value": value, "low": low, "high": high}, index=pd.Index(list(SKILL_SCORES), name="score"))


def _auc_by_weight(happened: Floats, score: Floats, number: Rows) -> Callable[[Floats], float]:
    """Return a function from how often each storm counts to the AUC (ties count half)."""
    distinct, rank = np.unique(score, return_inverse=True)
    event, quiet = happened > 0, happened <= 0

    def auc(times: Floats) -> float:
        yes = np.bincount(rank[event], times[number[event]], len(distinct))
        no = np.bincount(rank[quiet], times[number[quiet]], len(distinct))
        return auc_of_counts(yes.astype(np.float64), no.astype(np.float64))

    return auc


def _within(happened: Floats, score: Floats, window: npt.NDArray[np.generic]) -> tuple[Floats, Floats]:
    """Give each flood the share of dry hotspots of its window that ranked below it, and 1; 0 and 0 where none can."""
    hits, counts = np.zeros(len(happened)), np.zeros(len(happened))
    _, number = np.unique(window, return_inverse=True)
    wet = np.unique(number[happened > 0])
    order = np.argsort(number, kind="stable")
    starts = np.searchsorted(number[order], wet)
    stops = np.searchsorted(number[order], wet, side="right")
    for start, stop in zip(starts, stops, strict=True):
        rows = order[start:stop]
        flooded = rows[happened[rows] > 0]
        dry = np.sort(score[rows[happened[rows] <= 0]])
        if len(dry):
            low, high = (np.searchsorted(dry, score[flooded], side=side) for side in ("left", "right"))
            hits[flooded], counts[flooded] = 0.5 * (low + high) / len(dry), 1.0
    return hits, counts
