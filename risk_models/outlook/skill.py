"""Has a kind of outlook statement been better than a guess? Hindcasts with each year left out, and the gate.

With forecasts ``p`` and outcomes ``o`` (0 or 1) of n cases

    Brier score  BS = mean((p - o)^2),      skill  BSS = 1 - BS / BS_ref

and for the thirds, with cumulated probabilities ``F`` and outcomes ``O``,

    RPS = mean(sum_k (F_k - O_k)^2),        skill  RPSS = 1 - RPS / RPS_ref.

The 90 % interval of a skill comes from years drawn with replacement. A statement may be made only if there are enough
years and the lower end of that interval is above 0.

References
----------
Wilks, D. S. (2011) Statistical Methods in the Atmospheric Sciences, 3rd ed., Academic Press, 8.4. Brier, G. W. (1950)
Monthly Weather Review 78(1), 1-3. Epstein, E. S. (1969) J. Applied Meteorology 8(6), 985-987.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from risk_models.arithmetic import settled
from risk_models.scores.resampling import drawn_blocks, skill_draws
from risk_models.scores.resampling import skill as skill_of

__all__ = [
    "MIN_HINDCAST_YEARS",
    "SkillVerdict",
    "judge_errors",
    "tercile_skill",
]

Floats = npt.NDArray[np.float64]

#: Least years for a verdict (an assumption; the sampling error of a skill is large below).
MIN_HINDCAST_YEARS = 10
N_RESAMPLES = 500


@dataclass(frozen=True)
class SkillVerdict:
    """Whether a kind of statement may be made.

    Attributes
    ----------
    skill, low : float
        Skill and the lower end of its 90 % interval; NaN if not known.
    n_years : int
    is_supported : bool
    reason_zh, reason_en : str
        One clause.
    """

    skill: float
    low: float
    n_years: int
    is_supported: bool
    reason_zh: str
    reason_en: str


def judge_errors(
    year: npt.NDArray[np.int64],
    error: Floats,
    reference: Floats,
    *,
    rng: np.random.Generator,
    min_years: int = MIN_HINDCAST_YEARS,
    min_skill: float = 0.0,
) -> SkillVerdict:
    """Judge errors of any proper score against those of a reference.

    Parameters
    ----------
    year : ndarray of int (n,)
        Of each case; cases of a year are drawn together.
    error, reference : ndarray (n,)
        Score of the statement and of what it must beat, 0 best.
    rng : Generator
        For the interval.
    min_years : int
    min_skill : float
        The lower end of the interval must be above this.

    Returns
    -------
    SkillVerdict

    Examples
    --------
    >>> years = np.arange(2001, 2013)
    >>> judge_errors(years, np.ones(12), np.full(12, 4.0), rng=np.random.default_rng(0)).skill
    0.75
    """
    years, place = np.unique(year, return_inverse=True)
    n = len(years)
    if n < min_years:
        zh, en = (
            f"回报年数{n}年，少于{min_years}年",
            f"{n} years of hindcast are too few; at least {min_years} are needed",
        )
        return SkillVerdict(skill_of(error, reference), float("nan"), n, False, zh, en)
    skills = skill_draws(place, error, reference, drawn_blocks(n, N_RESAMPLES, rng))
    skill = skill_of(error, reference)
    # Settled, so that a statement that is as good as the reference is never better by a last digit.
    low = float(settled(np.nanquantile(skills, 0.05))) if np.isfinite(skills).any() else float("nan")
    supported = bool(low > min_skill)
    # Rounded down, so that a lower end below 0 never reads as 0.
    least = math.floor(low * 100) / 100 if math.isfinite(low) else low
    zh = f"{n}年回报技巧{skill:.2f}（90%区间下限{least:.2f}）"
    en = f"hindcast skill {skill:.2f} over {n} years (lower end of the 90 % interval {least:.2f})"
    return SkillVerdict(skill, low, n, supported, zh, en)


def tercile_skill(
    probabilities: npt.ArrayLike,
    totals_mm: pd.Series,
    *,
    rng: np.random.Generator,
    min_years: int = MIN_HINDCAST_YEARS,
) -> SkillVerdict:
    """Judge past tercile forecasts against a third each; the thirds of a year come from the other years.

    Parameters
    ----------
    probabilities : array_like (year, 3)
        Below, normal, above; as issued.
    totals_mm : Series (year,)
        What fell; NaN is left out.
    rng : Generator
    min_years : int

    Returns
    -------
    SkillVerdict

    Raises
    ------
    ValueError
        If the shapes differ or a row does not sum to 1.

    References
    ----------
    Epstein (1969).

    Examples
    --------
    >>> totals = pd.Series(np.arange(12.0), index=range(2001, 2013))
    >>> sure = np.repeat(np.eye(3), 4, axis=0)
    >>> tercile_skill(sure, totals, rng=np.random.default_rng(0)).is_supported
    True
    """
    shares = np.asarray(probabilities, dtype=np.float64)
    if shares.shape != (len(totals_mm), 3) or (np.abs(shares.sum(axis=1) - 1) > 1e-6).any() or (shares < 0).any():
        raise ValueError("probabilities must be (year, 3), not negative, and each row sum to 1")
    totals = settled(totals_mm)
    known = np.flatnonzero(~np.isnan(totals))
    third = np.zeros(len(known), dtype=np.int64)
    for place, row in enumerate(known):
        others = totals[known[known != row]]
        if len(others):
            third[place] = np.searchsorted(settled(np.quantile(others, [1 / 3, 2 / 3])), totals[row])
    reached = (np.arange(3) >= third[:, None]).astype(np.float64)
    error = ((np.cumsum(shares[known], axis=1) - reached) ** 2).sum(axis=1)
    reference = ((np.cumsum(np.full(3, 1 / 3)) - reached) ** 2).sum(axis=1)
    year = totals_mm.index.to_numpy()[known].astype(np.int64)
    return judge_errors(year, error, reference, rng=rng, min_years=min_years)
