"""How deep: what learned class chances say of the depth of floods that came, beside a constant and plain rain."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import spearmanr

from risk_models.scores.resampling import drawn_blocks, interval, times_drawn

__all__ = ["DEPTH_SCORES", "conditional_median_m", "depth_section", "flood_depth_scores"]

Floats = npt.NDArray[np.float64]

N_DRAWS, COVERAGE = 500, 0.9
#: Beyond the deepest class depth is told as if its chance fell to nothing within half of it again (an assumption).
BEYOND = 1.5
#: Names of the scores, and what each is.
DEPTH_SCORES = {
    "error_m": "mean absolute error of the conditional median, m",
    "error_over_constant_m": "the same less that of the median depth of the other storms, m; below 0 is better",
    "rank": "rank correlation of the chance with depth",
    "rank_over_rain": "the same less that of plain rain",
}


def conditional_median_m(chance: Floats, depths_m: tuple[float, ...]) -> Floats:
    """Return the depth that half of the floods would pass, given that there is a flood.

    Between two classes the chance of passing is taken as linear in depth.

    Parameters
    ----------
    chance : ndarray (n, K)
        Of passing each depth.
    depths_m : tuple of K floats

    Returns
    -------
    ndarray (n,)
        m.

    Examples
    --------
    >>> conditional_median_m(np.array([[0.2, 0.05], [0.4, 0.3]]), (0.05, 0.15)).round(4).tolist()
    [0.1167, 0.175]
    """
    edges = np.array([*depths_m, BEYOND * depths_m[-1]])
    passed = np.hstack([chance / np.maximum(chance[:, :1], 1e-300), np.zeros((len(chance), 1))])
    upper = np.argmax(passed < 0.5, axis=1)
    rows = np.arange(len(chance))
    above, below = passed[rows, upper - 1], passed[rows, upper]
    return np.asarray(edges[upper - 1] + (above - 0.5) / (above - below) * (edges[upper] - edges[upper - 1]))


def flood_depth_scores(
    depth_m: npt.ArrayLike,
    told_m: npt.ArrayLike,
    constant_m: npt.ArrayLike,
    *,
    chance: npt.ArrayLike,
    rain: npt.ArrayLike,
    storm: npt.ArrayLike,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Score depths of floods, with intervals from drawing whole storms again, in pairs.

    Parameters
    ----------
    depth_m : array_like (n,)
        Of floods that came.
    told_m, constant_m : array_like (n,)
        What was told of each, and the median depth of the floods of other storms, m.
    chance, rain : array_like (n,)
        Chance of a flood, and plain rain, mm.
    storm : array_like (n,)
        Names.
    rng : Generator

    Returns
    -------
    DataFrame, index `DEPTH_SCORES`
        value, low, high; NaN where a score is not defined.

    Examples
    --------
    >>> seen, told, constant = [0.1, 0.2, 0.4], [0.1, 0.25, 0.3], [0.2, 0.2, 0.2]
    >>> table = flood_depth_scores(seen, told, constant, chance=[0.1, 0.2, 0.3], rain=[9, 5, 7], storm=[1, 2, 3],
    ...                            rng=np.random.default_rng(0))
    >>> table["value"].round(3).tolist()
    [0.05, -0.05, 1.0, 1.5]
    """
    names = pd.Index(list(DEPTH_SCORES), name="score")
    seen, told, same, p, mm = (np.asarray(a, dtype=np.float64) for a in (depth_m, told_m, constant_m, chance, rain))
    if not len(seen):
        return pd.DataFrame(np.nan, index=names, columns=["value", "low", "high"])
    _, number = np.unique(np.asarray(storm).astype(str), return_inverse=True)
    error, usual = np.abs(told - seen), np.abs(same - seen)

    def scores(times: Floats) -> Floats:
        rows = np.repeat(np.arange(len(seen)), times[number].astype(np.int64))
        mean = error[rows].mean() if len(rows) else np.nan
        rank = _rank(p[rows], seen[rows])
        return np.array([mean, mean - usual[rows].mean(), rank, rank - _rank(mm[rows], seen[rows])])

    value = scores(np.ones(number.max() + 1))
    drawn = np.array([scores(times) for times in times_drawn(drawn_blocks(number.max() + 1, N_DRAWS, rng))])
    low, high = interval(value, drawn, coverage=COVERAGE)
    return pd.DataFrame({"value": value, "low": low, "high": high}, index=names)


def _rank(first: Floats, second: Floats) -> float:
    if len(first) < 3 or np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return float("nan")
    return float(spearmanr(first, second).statistic)


def depth_section(table: pd.DataFrame, *, n_floods: int) -> str:
    """Return the part of a card that tells how depths were told, as Markdown.

    Examples
    --------
    >>> empty = flood_depth_scores([], [], [], chance=[], rain=[], storm=[], rng=np.random.default_rng(0))
    >>> print(depth_section(empty, n_floods=0))
    <BLANKLINE>
    ## Depth
    <BLANKLINE>
    No flood of the record has a depth: nothing is known of how depths come true.
    <BLANKLINE>
    """
    if n_floods == 0:
        return "\n## Depth\n\nNo flood of the record has a depth: nothing is known of how depths come true.\n"
    lines = [
        f"| {DEPTH_SCORES[str(row.Index)]} | {row.value:.3f} | {row.low:.3f} to {row.high:.3f} |"
        for row in table.itertuples()
    ]
    head = f"Of {n_floods} floods with a depth, of storms left out."
    return "\n".join(["", "## Depth", "", head, "", "| score | value | 90 % interval |", "|---|---|---|", *lines, ""])
