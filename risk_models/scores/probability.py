"""How good probabilities of yes/no events are, with intervals that respect that one storm is one piece of evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.scores.counts import csi, f1, far, pod
from risk_models.scores.resampling import drawn_blocks, interval, times_drawn

__all__ = [
    "SCORES",
    "auc_of_counts",
    "best_threshold",
    "chosen_elsewhere",
    "difference_table",
    "roc_curve",
    "score_table",
]

Floats = npt.NDArray[np.float64]

#: Names of the scores in the order of `score_table`.
SCORES = ("auc", "average_precision", "brier", "brier_skill", "total_ratio", "f1", "csi", "pod", "far")


@dataclass(frozen=True)
class _Sample:
    """Pairs put together once by block and class of equal probability, so that a draw costs a few sums."""

    distinct: Floats  # (K,) probabilities, ascending
    rank: npt.NDArray[np.intp]  # (m,) class of each group
    block: npt.NDArray[np.intp]  # (m,)
    events: Floats  # (m,)
    quiet: Floats  # (m,)
    n_blocks: int

    def counts(self, times: Floats | None = None) -> tuple[Floats, Floats]:
        """Return events and non-events of each class, block b counted ``times[b]`` times (once by default)."""
        weight = np.ones(len(self.block)) if times is None else times[self.block]
        n = len(self.distinct)
        event, quiet = (np.bincount(self.rank, weight * of, n) for of in (self.events, self.quiet))
        return event.astype(np.float64), quiet.astype(np.float64)

    def scores(self, times: Floats, threshold: float) -> Floats:
        """Return all scores with block b counted ``times[b]`` times; NaN where a score is not defined."""
        event, quiet = self.counts(times)
        hits_from, false_from = _from_above(event), _from_above(quiet)
        n_event, n_quiet = float(event.sum()), float(quiet.sum())
        n, p = n_event + n_quiet, self.distinct
        precision = np.nan_to_num(1.0 - far(hits_from, false_from))
        ap = float((event * precision).sum()) / n_event if n_event else np.nan
        error = float((event * (1.0 - p) ** 2 + quiet * p**2).sum())
        spread = n_event * n_quiet / n if n else np.nan
        first = int(np.searchsorted(p, threshold))
        a, b = (float(counted[first]) if first < len(p) else 0.0 for counted in (hits_from, false_from))
        c = n_event - a
        return np.array(
            [
                auc_of_counts(event, quiet),
                ap,
                error / n if n else np.nan,
                1.0 - error / spread if spread else np.nan,
                float(((event + quiet) * p).sum()) / n_event if n_event else np.nan,
                f1(a, b, c),
                csi(a, b, c),
                pod(a, c),
                far(a, b),
            ]
        )


def auc_of_counts(event: Floats, quiet: Floats) -> float:
    """Return the area under the ROC curve: how often an event has a higher score than a non-event, ties counted half.

    Parameters
    ----------
    event, quiet : ndarray (K,)
        Events and non-events of each distinct score, scores ascending; counted as often as they were drawn.

    Returns
    -------
    float
        NaN without an event or a non-event.

    References
    ----------
    Hanley, J. A., McNeil, B. J. (1982) The meaning and use of the area under a receiver operating characteristic (ROC)
    curve, Radiology 143, 29-36, doi:10.1148/radiology.143.1.7063747.

    Examples
    --------
    >>> auc_of_counts(np.array([0.0, 1.0, 1.0]), np.array([2.0, 1.0, 0.0]))
    0.9166666666666666
    """
    pairs = float(event.sum()) * float(quiet.sum())
    below = np.cumsum(quiet) - 0.5 * quiet
    return float(event @ below) / pairs if pairs else float("nan")


def _from_above(counts: Floats) -> Floats:
    """Sum counts from the highest class down: what a threshold at each class would take in."""
    summed: Floats = counts[::-1].cumsum()[::-1]
    return summed


def score_table(
    observed: npt.ArrayLike,
    probability: npt.ArrayLike,
    *,
    blocks: npt.ArrayLike,
    threshold: float,
    rng: np.random.Generator,
    n_boot: int = 500,
    coverage: float = 0.9,
) -> pd.DataFrame:
    """Score probabilities, with intervals from drawing whole blocks (storms, spatial blocks) again and again.

    AUC = P(p of an event > p of a non-event) + half the ties. Average precision = sum over falling thresholds of the
    gain in recall times precision. Brier = mean (p - o)**2; its skill = 1 - Brier / (s (1 - s)) against the share s of
    events in the sample itself, a reference nobody has beforehand. Total ratio = sum of p / number of events. F1, CSI,
    POD and FAR are those of ``p >= threshold``, see `Contingency`.

    Parameters
    ----------
    observed : array_like (n,) of bool
    probability : array_like (n,)
        Or any score for which only AUC, average precision and the threshold have a meaning.
    blocks : array_like (n,)
        Rows with the same value are drawn together.
    threshold : float
        Of the yes/no scores; chosen on other rows than these.
    rng : Generator
    n_boot : int
    coverage : float
        Of the percentile interval.

    Returns
    -------
    DataFrame, index `SCORES`
        ``value``, ``low``, ``high``; attrs n_rows, n_events, n_blocks. NaN where not defined (no event).

    Raises
    ------
    ValueError
        If the lengths differ, or a probability is NaN.

    References
    ----------
    Field, C. A. & Welsh, A. H. (2007) Bootstrapping clustered data, JRSS B 69, 369-390,
    doi:10.1111/j.1467-9868.2007.00593.x. Fawcett, T. (2006) An introduction to ROC analysis, Pattern Recognition
    Letters 27, 861-874, doi:10.1016/j.patrec.2005.10.010.

    Examples
    --------
    >>> table = score_table([True, False, True, False], [0.9, 0.2, 0.6, 0.7], blocks=[0, 0, 1, 1], threshold=0.5,
    ...                     rng=np.random.default_rng(0), n_boot=50)
    >>> table.loc[["auc", "csi"], "value"].round(3).tolist()
    [0.75, 0.667]
    """
    sample = _sample(observed, probability, blocks)
    value = sample.scores(np.ones(sample.n_blocks), threshold)
    times = times_drawn(drawn_blocks(sample.n_blocks, n_boot, rng))
    low, high = interval(value, np.array([sample.scores(row, threshold) for row in times]), coverage=coverage)
    table = pd.DataFrame({"value": value, "low": low, "high": high}, index=pd.Index(SCORES, name="score"))
    n_events = int(sample.events.sum())
    n_rows = n_events + int(sample.quiet.sum())
    table.attrs = {"n_rows": n_rows, "n_events": n_events, "n_blocks": sample.n_blocks}
    return table


def difference_table(
    observed: npt.ArrayLike,
    probability: npt.ArrayLike,
    reference: npt.ArrayLike,
    *,
    blocks: npt.ArrayLike,
    thresholds: tuple[float, float],
    rng: np.random.Generator,
    n_boot: int = 500,
    coverage: float = 0.9,
) -> pd.DataFrame:
    """Score a forecast minus a reference on the same draws of blocks: whether one is better, not only how good each is.

    Parameters
    ----------
    observed : array_like (n,) of bool
    probability, reference : array_like (n,)
        Two forecasts of the same rows.
    blocks : array_like (n,)
    thresholds : (float, float)
        Of the yes/no scores, one for each.
    rng : Generator
    n_boot : int
    coverage : float

    Returns
    -------
    DataFrame, index `SCORES`
        ``value``, ``low``, ``high`` of the difference. For ``brier`` and ``far`` below 0 is better.

    Examples
    --------
    >>> table = difference_table([True, False] * 2, [0.9, 0.2] * 2, [0.4, 0.6] * 2, blocks=[0, 0, 1, 1],
    ...                          thresholds=(0.5, 0.5), rng=np.random.default_rng(0), n_boot=50)
    >>> table.loc["auc"].tolist()
    [1.0, 1.0, 1.0]
    """
    ours, theirs = (_sample(observed, values, blocks) for values in (probability, reference))
    drawn = times_drawn(drawn_blocks(ours.n_blocks, n_boot, rng))
    rows = [np.ones(ours.n_blocks), *drawn]
    value, *others = (ours.scores(row, thresholds[0]) - theirs.scores(row, thresholds[1]) for row in rows)
    low, high = interval(value, np.array(others).reshape(n_boot, len(SCORES)), coverage=coverage)
    return pd.DataFrame({"value": value, "low": low, "high": high}, index=pd.Index(SCORES, name="score"))


def roc_curve(observed: npt.ArrayLike, probability: npt.ArrayLike) -> pd.DataFrame:
    """Return hits and false detections at every threshold that makes a difference.

    Parameters
    ----------
    observed : array_like (n,) of bool
    probability : array_like (n,)
        Or any score.

    Returns
    -------
    DataFrame, one row per threshold, falling
        ``threshold`` (first inf: nothing is forecast), ``pofd`` = b / (b + d), ``pod`` = a / (a + c); NaN where there
        is no non-event, or no event.

    Raises
    ------
    ValueError
        If the lengths differ, or a probability is NaN.

    References
    ----------
    Fawcett, T. (2006) An introduction to ROC analysis, Pattern Recognition Letters 27, 861-874,
    doi:10.1016/j.patrec.2005.10.010.

    Examples
    --------
    >>> roc_curve([True, False, True, False], [0.9, 0.2, 0.6, 0.7])["pod"].tolist()
    [0.0, 0.5, 0.5, 1.0, 1.0]
    """
    sample = _sample(observed, probability, np.zeros(len(np.asarray(observed)), dtype=int))
    event, quiet = sample.counts()
    hits, false = (np.append(0.0, _from_above(counts)[::-1]) for counts in (event, quiet))
    thresholds = np.append(np.inf, sample.distinct[::-1])
    return pd.DataFrame(
        {"threshold": thresholds, "pofd": pod(false, false[-1] - false), "pod": pod(hits, hits[-1] - hits)}
    )


def best_threshold(observed: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """Return the probability from which saying "yes" gives the highest CSI (and with it the highest F1).

    Parameters
    ----------
    observed : array_like (n,) of bool
    probability : array_like (n,)
        Rows with NaN are left out.

    Returns
    -------
    float
        The highest such threshold if several are as good; 1 if there is no event.

    Examples
    --------
    >>> best_threshold([False, False, True, True], [0.1, 0.3, 0.4, 0.9])
    0.4
    """
    p = np.asarray(probability, dtype=np.float64)
    known = ~np.isnan(p)
    happened, p = np.asarray(observed, dtype=bool)[known], p[known]
    if not happened.any():
        return 1.0
    sample = _sample(happened, p, np.zeros(len(p), dtype=int))
    return _best(sample.distinct, *sample.counts())


def chosen_elsewhere(observed: npt.ArrayLike, probability: npt.ArrayLike, *, blocks: npt.ArrayLike) -> Floats:
    """Say yes or no in each block from the threshold that has the highest CSI on all other blocks.

    Parameters
    ----------
    observed : array_like (n,) of bool
    probability : array_like (n,)
        Or any score, e.g. an amount of rain.
    blocks : array_like (n,)
        Storms.

    Returns
    -------
    ndarray (n,)
        1 yes, 0 no; NaN where no other block has an event: nothing can be chosen from them.

    Raises
    ------
    ValueError
        If the lengths differ, or a probability is NaN.

    Examples
    --------
    >>> rain_mm, flooded = [5.0, 60.0, 8.0, 50.0], [False, True, False, True]
    >>> chosen_elsewhere(flooded, rain_mm, blocks=[0, 0, 1, 1]).tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    sample = _sample(observed, probability, blocks)
    p, block = np.asarray(probability, dtype=np.float64), np.unique(np.asarray(blocks), return_inverse=True)[1]
    event, quiet = sample.counts()
    least = np.full(sample.n_blocks, np.nan)
    for number in range(sample.n_blocks):
        own = sample.counts((np.arange(sample.n_blocks) == number).astype(np.float64))
        if (event - own[0]).any():
            least[number] = _best(sample.distinct, event - own[0], quiet - own[1])
    said = (p >= least[block]).astype(np.float64)
    return np.asarray(np.where(np.isnan(least[block]), np.nan, said), dtype=np.float64)


def _best(distinct: Floats, event: Floats, quiet: Floats) -> float:
    """Return the highest threshold of those with the highest CSI."""
    hits, false = _from_above(event), _from_above(quiet)
    reached = np.nan_to_num(csi(hits, false, event.sum() - hits))
    return float(distinct[len(reached) - 1 - int(np.argmax(reached[::-1]))])


def _sample(observed: npt.ArrayLike, probability: npt.ArrayLike, blocks: npt.ArrayLike) -> _Sample:
    happened, p = np.asarray(observed, dtype=bool), np.asarray(probability, dtype=np.float64)
    block_names = np.asarray(blocks)
    if not happened.shape == p.shape == block_names.shape or happened.ndim != 1 or not len(happened):
        shapes = f"observed {happened.shape}, probability {p.shape}, blocks {block_names.shape}"
        raise ValueError(f"observed, probability and blocks must be equally long and not empty, got {shapes}")
    if np.isnan(p).any():
        raise ValueError(f"probability of row {int(np.flatnonzero(np.isnan(p))[0])} is NaN; leave unknown rows out")
    distinct, rank = np.unique(p, return_inverse=True)
    names, block = np.unique(block_names, return_inverse=True)
    group, place = np.unique(block * len(distinct) + rank, return_inverse=True)
    events, n = (np.bincount(place, of, len(group)).astype(np.float64) for of in (happened, np.ones(len(place))))
    return _Sample(distinct, group % len(distinct), group // len(distinct), events, n - events, len(names))
