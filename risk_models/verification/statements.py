"""What became of the statements of an outlook: each one true, false, or not to be told."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

__all__ = ["StatementReview"]


@dataclass(frozen=True, kw_only=True)
class StatementReview:
    """The statements of one outlook beside what happened.

    Attributes
    ----------
    table : DataFrame
        A row per statement: key, kind (``depth``, ``level``, ``rain``, ``season``), zh, en, probability (0-1, NaN for a
        statement of amounts), stated, low, high (number stated and its interval), observed (number; NaN unknown),
        outcome (``came_true``, ``did_not``, ``unknown``), evidence (``report``, ``model``, ``gauge``, ``none``).
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
