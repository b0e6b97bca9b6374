"""From depths to impact classes, likelihood classes, the level of the matrix and a score.

For each hotspot the impact of a depth depends on its vulnerability class (0 ordinary road, 1 raised, 2 life at stake:
tunnels, underpasses, underground space). `DEPTH_OF_IMPACT[v, c]` of the standards gives the least depth at which
impact class ``c + 1`` begins. The chance of each impact class is read off the ensemble, each chance gets its
likelihood band, and the matrix gives a level for every class; the highest counts.

The score is the level's band of 20 points plus the place within it, ``20 level + 20 sum(w_c p_c)`` with weights
`CLASS_WEIGHTS`; it never falls when any probability rises, and the level is a step function of it. This level
(``matrix_level`` of the risk table) makes the score; what may be ordered is decided by `risk_models.risk.criteria`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from risk_models.levels import Level
from risk_models.standards import RiskMatrix

__all__ = [
    "CLASS_WEIGHTS",
    "NEGLIGIBLE",
    "MatrixResult",
    "apply_matrix",
    "class_probabilities",
    "level_score",
    "likelihood_class",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Weight of the probability of minor, significant and severe impact within a level's band; sums to 1 (an assumption).
CLASS_WEIGHTS = np.array([0.2, 0.3, 0.5])
BAND_POINTS = 20.0
#: An impact less likely than this has no cell in the matrix: neither one odd member of twenty nor one odd scenario of
#: sixteen is a warning (an assumption).
NEGLIGIBLE = 0.07


@dataclass(frozen=True)
class MatrixResult:
    """What the matrix says of H hotspots.

    Attributes
    ----------
    level : ndarray of int (H,)
        `Level` codes, NONE or above.
    likelihood, impact : ndarray of int (H,)
        The cell of the matrix that decided (0-3 each); of equal levels the one with the higher impact.
    score : ndarray (H,)
        0-100.
    """

    level: Ints
    likelihood: Ints
    impact: Ints
    score: Floats


def class_probabilities(peak_depth_m: Floats, depth_of_impact_m: Floats) -> Floats:
    """Return the share of equally likely outcomes that reach each impact class.

    Parameters
    ----------
    peak_depth_m : ndarray (H, N)
        Peak depth of N equally likely outcomes.
    depth_of_impact_m : ndarray (H, 3)
        Least depth of minor, significant and severe impact at each hotspot.

    Returns
    -------
    ndarray (H, 3)
        Probability of at least minor, significant, severe impact; non-increasing along the last axis.

    Examples
    --------
    >>> class_probabilities(np.array([[0.0, 0.2, 0.6, 0.7]]), np.array([[0.15, 0.5, np.inf]]))
    array([[0.75, 0.5 , 0.  ]])
    """
    counts = [np.count_nonzero(peak_depth_m >= least_m[:, None], axis=1) for least_m in depth_of_impact_m.T]
    return np.asarray(np.stack(counts, axis=1) / peak_depth_m.shape[1], dtype=np.float64)


def likelihood_class(probability: Floats, band_minima: Floats) -> Ints:
    """Return the likelihood class (0-3) of a probability.

    Parameters
    ----------
    probability : ndarray
        0-1.
    band_minima : ndarray (4,)
        Least probability of each class, rising from 0.

    Examples
    --------
    >>> likelihood_class(np.array([0.0, 0.2, 0.59, 1.0]), np.array([0.0, 0.2, 0.4, 0.6])).tolist()
    [0, 1, 2, 3]
    """
    return np.asarray(np.searchsorted(band_minima, probability, side="right") - 1, dtype=np.int64)


def level_score(level: Ints, probabilities: Floats) -> Floats:
    """Return the 0-100 score of levels and class probabilities.

    Parameters
    ----------
    level : ndarray of int (H,)
    probabilities : ndarray (H, 3)

    Returns
    -------
    ndarray (H,)

    Examples
    --------
    >>> level_score(np.array([0, 4]), np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])).tolist()
    [0.0, 100.0]
    """
    share = probabilities @ CLASS_WEIGHTS
    # Below red a full band would touch the next level; keep the level readable from the score.
    share = np.where(level < Level.RED, np.minimum(share, 0.9999), share)
    return np.asarray(BAND_POINTS * (level + share), dtype=np.float64)


def apply_matrix(probabilities: Floats, matrix: RiskMatrix, band_minima: Floats) -> MatrixResult:
    """Read the matrix for every impact class of every hotspot and keep the highest level.

    Parameters
    ----------
    probabilities : ndarray (H, 3)
        Of at least minor, significant, severe impact.
    matrix : RiskMatrix
        Levels by likelihood (rows) and impact (columns).
    band_minima : ndarray (4,)
        See `likelihood_class`.

    Returns
    -------
    MatrixResult
    """
    certain = np.ones((len(probabilities), 1))  # minimal impact is always reached
    likelihoods = likelihood_class(np.hstack([certain, probabilities]), band_minima)
    levels = np.asarray(matrix.levels, dtype=np.int64)[likelihoods, np.arange(4)]
    levels[:, 1:] = np.where(probabilities >= NEGLIGIBLE, levels[:, 1:], Level.NONE)
    impact = np.where(levels.any(axis=1), 3 - np.argmax(levels[:, ::-1], axis=1), 0)
    rows = np.arange(len(levels))
    level = levels[rows, impact]
    return MatrixResult(level, likelihoods[rows, impact], impact, level_score(level, probabilities))
