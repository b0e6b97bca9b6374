"""How good probabilities of yes/no events are, with intervals that respect that one storm is one piece of evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import beta

__all__ = ["SCORES", "best_threshold", "reliability_curve", "score_table"]

Floats = npt.NDArray[np.float64]

#: Names of the scores in the order of `score_table`.
SCORES = ("auc", "average_precision", "brier", "f1", "csi", "pod", "far")


@dataclass(frozen=True)
class _Sample:
    """Pairs sorted once into classes of equal probability, so that a resample costs a few sums."""

    observed: Floats
    probability: Floats
    rank: npt.NDArray[np.intp]  # (n,) class of equal probability, ascending
    distinct: Floats  # (K,)
    block: npt.NDArray[np.intp]
    n_blocks: int

    def scores(self, times: Floats, threshold: float) -> Floats:
        """Return all scores with block b counted ``times[b]`` times; NaN where a score is not defined."""
        weight = times[self.block]
        event = np.bincount(self.rank, weight * self.observed, len(self.distinct))
        quiet = np.bincount(self.rank, weight * (1.0 - self.observed), len(self.distinct))
        hits_from, false_from = event[::-1].cumsum()[::-1], quiet[::-1].cumsum()[::-1]
        n_event, n_quiet = float(event.sum()), float(quiet.sum())
        with np.errstate(invalid="ignore", divide="ignore"):
            auc = float(quiet @ (hits_from - 0.5 * event)) / (n_event * n_quiet) if n_event and n_quiet else np.nan
            precision = np.where(hits_from + false_from > 0, hits_from / (hits_from + false_from), 0.0)
            ap = float(event @ precision) / n_event if n_event else np.nan
            brier = float(weight @ (self.probability - self.observed) ** 2) / float(weight.sum())
            first = int(np.searchsorted(self.distinct, threshold))
            a = float(hits_from[first]) if first < len(self.distinct) else 0.0
            b = float(false_from[first]) if first < len(self.distinct) else 0.0
            c = n_event - a
            f1, csi = np.divide(2 * a, 2 * a + b + c), np.divide(a, a + b + c)
            return np.array([auc, ap, brier, f1, csi, np.divide(a, a + c), np.divide(b, a + b)])


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
    gain in recall times precision. Brier = mean (p - o)**2. With a hits, b false alarms, c misses of
    ``p >= threshold``: F1 = 2a / (2a + b + c), CSI = a / (a + b + c), POD = a / (a + c), FAR = b / (a + b).

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
    draws = rng.multinomial(sample.n_blocks, np.full(sample.n_blocks, 1.0 / sample.n_blocks), size=n_boot)
    drawn = np.array([sample.scores(times.astype(np.float64), threshold) for times in draws])
    ends = 0.5 * (1.0 - coverage)
    low, high = np.full(len(SCORES), np.nan), np.full(len(SCORES), np.nan)
    for k in np.flatnonzero(~np.isnan(drawn).all(axis=0) & ~np.isnan(value)):
        low[k], high[k] = np.nanquantile(drawn[:, k], [ends, 1.0 - ends])
    table = pd.DataFrame({"value": value, "low": low, "high": high}, index=pd.Index(SCORES, name="score"))
    n_events = int(sample.observed.sum())
    table.attrs = {"n_rows": len(sample.observed), "n_events": n_events, "n_blocks": sample.n_blocks}
    return table


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
    distinct, rank = np.unique(p, return_inverse=True)
    hits = np.bincount(rank, happened, len(distinct))[::-1].cumsum()[::-1]
    false = np.bincount(rank, ~happened, len(distinct))[::-1].cumsum()[::-1]
    csi = hits / (happened.sum() + false)
    return float(distinct[len(csi) - 1 - int(np.argmax(csi[::-1]))])


def reliability_curve(observed: npt.ArrayLike, probability: npt.ArrayLike, *, n_bins: int = 10) -> pd.DataFrame:
    """Compare forecast probabilities with how often the event followed, in bins of equally many events.

    Parameters
    ----------
    observed : array_like (n,) of bool
    probability : array_like (n,)
    n_bins : int
        At most; fewer where many probabilities are equal.

    Returns
    -------
    DataFrame, one row per bin, ascending
        ``probability`` (mean), ``frequency`` (observed), ``low``, ``high`` (90 % Jeffreys interval of the frequency,
        rows taken as independent), ``n``.

    Raises
    ------
    ValueError
        If the lengths differ, or a probability is NaN.

    References
    ----------
    Murphy, A. H. & Winkler, R. L. (1977) Reliability of subjective probability forecasts of precipitation and
    temperature, Applied Statistics 26, 41-47, doi:10.2307/2346866. Interval: Brown, L. D., Cai, T. T. & DasGupta, A.
    (2001) Statistical Science 16, 101-133, doi:10.1214/ss/1009213286.

    Examples
    --------
    >>> curve = reliability_curve([False, False, False, True], [0.2, 0.2, 0.8, 0.8], n_bins=2)
    >>> curve[["probability", "frequency", "n"]].values.tolist()
    [[0.2, 0.0, 2.0], [0.8, 0.5, 2.0]]
    """
    sample = _sample(observed, probability, np.zeros(len(np.asarray(observed)), dtype=int))
    # Bins by the sum of probabilities, not by rows: for rare events most rows say almost nothing.
    expected = np.bincount(sample.rank, sample.probability, len(sample.distinct)).cumsum()
    share = expected / expected[-1] if expected[-1] > 0 else np.linspace(0.0, 1.0, len(expected) + 1)[1:]
    which = np.minimum((share * n_bins * (1 - 1e-9)).astype(np.intp), n_bins - 1)[sample.rank]
    frame = pd.DataFrame({"bin": which, "probability": sample.probability, "frequency": sample.observed})
    curve = frame.groupby("bin").agg(
        probability=("probability", "mean"), frequency=("frequency", "mean"), events=("frequency", "sum"),
        n=("frequency", "size"),
    )  # fmt: skip
    events, misses = curve["events"].to_numpy(), (curve["n"] - curve["events"]).to_numpy()
    curve["low"] = np.where(events > 0, beta.ppf(0.05, events + 0.5, misses + 0.5), 0.0)
    curve["high"] = np.where(misses > 0, beta.ppf(0.95, events + 0.5, misses + 0.5), 1.0)
    return curve[["probability", "frequency", "low", "high", "n"]].reset_index(drop=True)


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
    return _Sample(happened.astype(np.float64), p, rank, distinct, block, len(names))
