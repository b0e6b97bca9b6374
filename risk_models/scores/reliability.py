"""Reliability: whether what was told with a chance came as often as told.

References
----------
Murphy, A. H. & Winkler, R. L. (1977) Reliability of subjective probability forecasts of precipitation and temperature,
Applied Statistics 26, 41-47, doi:10.2307/2346866.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import beta

from risk_models.scores.resampling import drawn_blocks, interval, times_drawn

__all__ = ["FEW_BLOCKS", "reliability_curve"]

Floats = npt.NDArray[np.float64]
#: Blocks in a bin below which they are not drawn.
FEW_BLOCKS = 5


def reliability_curve(
    observed: npt.ArrayLike,
    probability: npt.ArrayLike,
    *,
    n_bins: int = 10,
    edges: npt.ArrayLike | None = None,
    blocks: npt.ArrayLike | None = None,
    rng: np.random.Generator | None = None,
    n_boot: int = 500,
    coverage: float = 0.9,
) -> pd.DataFrame:
    """Compare forecast probabilities with how often the event followed.

    Parameters
    ----------
    observed : array_like (n,) of bool
    probability : array_like (n,)
    n_bins : int
        Bins of equally many expected events, at most; fewer where many probabilities are equal.
    edges : array_like, optional
        Rising bounds of the bins in place of `n_bins`; a bin holds its lower bound, the last its upper too. Bins
        without a row are left out.
    blocks : array_like (n,), optional
        Rows with the same value are drawn together. Without, rows count as independent.
    rng : Generator, optional
        Needed with `blocks`.
    n_boot : int
    coverage : float
        Of the interval of the frequency: of the draws of blocks or, without `blocks`, Jeffreys'. Where no event, or
        nothing but events, was seen, or the bin has fewer than `FEW_BLOCKS` blocks, Jeffreys' with one case per block:
        draws of two storms tell of nothing but these two.

    Returns
    -------
    DataFrame, one row per bin, ascending
        ``probability`` (mean), ``frequency`` (observed), ``low``, ``high`` (interval of the frequency), ``n``,
        ``events``, ``n_blocks`` (blocks with a row in the bin; without `blocks` as `n`).

    Raises
    ------
    ValueError
        If the lengths differ, a probability is NaN or outside the edges, or blocks come without a generator.

    References
    ----------
    Jeffreys interval: Brown, L. D., Cai, T. T. & DasGupta, A. (2001) Statistical Science 16, 101-133,
    doi:10.1214/ss/1009213286.

    Examples
    --------
    >>> curve = reliability_curve([False, False, False, True], [0.2, 0.2, 0.8, 0.8], n_bins=2)
    >>> curve[["probability", "frequency", "n"]].values.tolist()
    [[0.2, 0.0, 2.0], [0.8, 0.5, 2.0]]
    """
    happened, p = np.asarray(observed, dtype=bool), np.asarray(probability, dtype=np.float64)
    block_names = np.arange(p.size) if blocks is None else np.asarray(blocks)
    if not happened.shape == p.shape == block_names.shape or happened.ndim != 1 or not len(happened):
        shapes = f"observed {happened.shape}, probability {p.shape}, blocks {block_names.shape}"
        raise ValueError(f"observed, probability and blocks must be equally long and not empty, got {shapes}")
    if np.isnan(p).any():
        raise ValueError(f"probability of row {int(np.flatnonzero(np.isnan(p))[0])} is NaN; leave unknown rows out")
    which = _equal_bins(p, n_bins) if edges is None else _given_bins(p, np.asarray(edges, dtype=np.float64))
    frame = pd.DataFrame({"bin": which, "probability": p, "event": happened.astype(np.float64), "block": block_names})
    curve = frame.groupby("bin").agg(
        probability=("probability", "mean"), frequency=("event", "mean"), events=("event", "sum"),
        n=("event", "size"), n_blocks=("block", "nunique"),
    )  # fmt: skip
    curve["low"], curve["high"] = _jeffreys(curve["frequency"], curve["n_blocks"], coverage)
    if blocks is not None:
        if rng is None:
            raise ValueError("blocks need a generator to be drawn with")
        low, high = _drawn_ends(frame, rng, n_boot, coverage)
        enough = (curve["n_blocks"] >= FEW_BLOCKS).to_numpy()
        is_mixed = (
            enough & (curve["events"] > 0).to_numpy() & (curve["events"] < curve["n"]).to_numpy() & ~np.isnan(low)
        )
        curve["low"], curve["high"] = np.where(is_mixed, low, curve["low"]), np.where(is_mixed, high, curve["high"])
    columns = ["probability", "frequency", "low", "high", "n", "events", "n_blocks"]
    return curve[columns].astype({"events": "int64"}).reset_index(drop=True)


def _equal_bins(p: Floats, n_bins: int) -> npt.NDArray[np.intp]:
    """Cut by the sum of probabilities, not by rows: for rare events most rows say almost nothing."""
    distinct, rank = np.unique(p, return_inverse=True)
    expected = np.bincount(rank, p, len(distinct)).cumsum()
    share = expected / expected[-1] if expected[-1] > 0 else np.linspace(0.0, 1.0, len(expected) + 1)[1:]
    bins: npt.NDArray[np.intp] = np.minimum((share * n_bins * (1 - 1e-9)).astype(np.intp), n_bins - 1)[rank]
    return bins


def _given_bins(p: Floats, edges: Floats) -> npt.NDArray[np.intp]:
    if len(edges) < 2 or (np.diff(edges) <= 0).any():
        raise ValueError(f"edges must rise, two or more, got {edges.tolist()}")
    if (p < edges[0]).any() or (p > edges[-1]).any():
        raise ValueError(f"probabilities reach from {p.min()} to {p.max()}, edges from {edges[0]} to {edges[-1]}")
    return np.minimum(np.searchsorted(edges, p, side="right") - 1, len(edges) - 2)


def _jeffreys(frequency: pd.Series, n: pd.Series, coverage: float) -> tuple[Floats, Floats]:
    cases, end = n.to_numpy(np.float64), 0.5 * (1.0 - coverage)
    events = frequency.to_numpy() * cases
    misses = cases - events
    low = np.where(events > 0, beta.ppf(end, events + 0.5, misses + 0.5), 0.0)
    return low, np.where(misses > 0, beta.ppf(1.0 - end, events + 0.5, misses + 0.5), 1.0)


def _drawn_ends(frame: pd.DataFrame, rng: np.random.Generator, n_boot: int, coverage: float) -> tuple[Floats, Floats]:
    """Return the ends of the frequency of every bin over draws of blocks."""
    sums = frame.groupby(["block", "bin"])["event"].agg(["sum", "size"])
    wide = sums.pivot_table(index="block", columns="bin", values=["sum", "size"], fill_value=0)
    events, n = (wide[name].to_numpy(np.float64) for name in ("sum", "size"))
    times = times_drawn(drawn_blocks(len(n), n_boot, rng))
    drawn_n = (times[:, :, None] * n).sum(axis=1)
    drawn = (times[:, :, None] * events).sum(axis=1) / np.where(drawn_n > 0, drawn_n, np.nan)
    return interval(events.sum(axis=0) / n.sum(axis=0), drawn, coverage=coverage)
