"""Intervals from blocks drawn again: rows of one storm, or one year, are one piece of evidence and are drawn together.

The draws are made once and every score is computed on each of them, so that differences of two forecasts are paired.

References
----------
Field, C. A. & Welsh, A. H. (2007) Bootstrapping clustered data, JRSS B 69, 369-390,
doi:10.1111/j.1467-9868.2007.00593.x. Wilks, D. S. (2011) Statistical Methods in the Atmospheric Sciences, 3rd ed.,
Academic Press, 5.3.5 and 8.1.4.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["drawn_blocks", "interval", "skill", "skill_draws", "times_drawn"]

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


def drawn_blocks(n_blocks: int, n_draws: int, rng: np.random.Generator) -> Places:
    """Draw blocks with replacement, as many as there are, again and again.

    Parameters
    ----------
    n_blocks, n_draws : int
    rng : Generator

    Returns
    -------
    ndarray of int (n_draws, n_blocks)
        Number of each drawn block.

    Examples
    --------
    >>> drawn_blocks(3, 2, np.random.default_rng(0)).shape
    (2, 3)
    """
    return rng.integers(0, n_blocks, (n_draws, n_blocks))


def times_drawn(drawn: Places) -> Floats:
    """Count how often each block was drawn.

    Parameters
    ----------
    drawn : ndarray of int (n_draws, n_blocks)
        From `drawn_blocks`.

    Returns
    -------
    ndarray (n_draws, n_blocks)

    Examples
    --------
    >>> times_drawn(np.array([[0, 2, 2]])).tolist()
    [[1.0, 0.0, 2.0]]
    """
    n_draws, n_blocks = drawn.shape
    flat = drawn + n_blocks * np.arange(n_draws)[:, None]
    return np.bincount(flat.ravel(), minlength=n_draws * n_blocks).reshape(n_draws, n_blocks).astype(np.float64)


def interval(value: Floats, drawn: Floats, *, coverage: float) -> tuple[Floats, Floats]:
    """Return the percentile interval of each score; NaN where the score itself is not defined.

    Parameters
    ----------
    value : ndarray (k,)
        Scores of the sample.
    drawn : ndarray (n_draws, k)
        The same of every draw; draws in which a score is not defined are left out for it.
    coverage : float
        0-1.

    Returns
    -------
    low, high : ndarray (k,)

    Examples
    --------
    >>> low, high = interval(np.array([0.5]), np.linspace(0, 1, 101)[:, None], coverage=0.9)
    >>> round(float(low[0]), 2), round(float(high[0]), 2)
    (0.05, 0.95)
    """
    ends = 0.5 * (1.0 - coverage)
    low, high = np.full(len(value), np.nan), np.full(len(value), np.nan)
    for k in np.flatnonzero(~np.isnan(drawn).all(axis=0) & ~np.isnan(value)):
        low[k], high[k] = np.nanquantile(drawn[:, k], [ends, 1.0 - ends])
    return low, high


def skill(error: Floats, reference: Floats) -> float:
    """Return 1 - (sum of errors) / (sum of the reference's errors); NaN if the reference is never wrong.

    Examples
    --------
    >>> skill(np.array([1.0, 1.0]), np.array([2.0, 6.0]))
    0.75
    """
    total = float(reference.sum())
    return 1.0 - float(error.sum()) / total if total > 0 else float("nan")


def skill_draws(block: npt.NDArray[np.intp], error: Floats, reference: Floats, drawn: Places) -> Floats:
    """Return the skill of every draw of blocks.

    Parameters
    ----------
    block : ndarray of int (n,)
        Number of the block of each case.
    error, reference : ndarray (n,)
        Score of the statement and of what it must beat, 0 best.
    drawn : ndarray of int (n_draws, n_blocks)
        From `drawn_blocks`.

    Returns
    -------
    ndarray (n_draws,)
        NaN where the reference is never wrong.

    Examples
    --------
    >>> skill_draws(np.array([0, 1]), np.array([1.0, 1.0]), np.array([2.0, 4.0]), np.array([[0, 0], [1, 1]])).tolist()
    [0.5, 0.75]
    """
    n_blocks = drawn.shape[1]
    by_block = np.stack([np.bincount(block, weights=values, minlength=n_blocks) for values in (error, reference)])
    sums = by_block[:, drawn].sum(axis=2)
    draws: Floats = 1.0 - sums[0] / np.where(sums[1] > 0, sums[1], np.nan)
    return draws
