"""By how much a number of generated periods would differ if they were drawn anew.

The periods come from generators that were each refitted to years drawn with replacement: periods of one generator share
its luck, so generators, not periods, are the cases. With fewer than two generators the periods are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from risk_models.arithmetic import settled, weighted_sum

__all__ = ["cases_of", "sampling_error"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
#: Fewer generators do not tell how they differ.
MIN_CASES = 10


def cases_of(replicate: Ints) -> list[Ints]:
    """Return the periods of each generator; each period alone where there are under ten generators.

    Examples
    --------
    >>> [case.tolist() for case in cases_of(np.array([0, 0, 1]))]
    [[0], [1], [2]]
    """
    found = [np.flatnonzero(replicate == item) for item in np.unique(replicate)]
    return found if len(found) >= MIN_CASES else [np.array([row]) for row in range(len(replicate))]


def sampling_error(statistic: Callable[[Ints], Floats], weight: Floats, cases: list[Ints]) -> Floats:
    """Return the standard error of a statistic of weighted periods.

    se^2 = n / (n - 1) sum over the n cases of  s^2 (x - m)^2, with x the statistic of a case, s its share of all
    weight, m the mean of x weighted by s.

    Parameters
    ----------
    statistic : callable
        Takes periods and returns their number, or one for each unit.
    weight : ndarray (P,)
        Of the periods.
    cases : list of ndarray of int
        Of `cases_of`.

    Returns
    -------
    ndarray
        As `statistic` gives; NaN with a single case.

    References
    ----------
    Cochran, W. G. (1977) Sampling Techniques, 3rd ed., section 6 (ratio of sums over clusters).

    Examples
    --------
    >>> total = np.array([10.0, 14, 12, 16])
    >>> float(sampling_error(lambda rows: total[rows].mean(), np.ones(4), cases_of(np.arange(4))).round(3))
    1.291
    """
    used = [case for case in cases if weight[case].sum() > 0]
    share = np.array([weight[case].sum() for case in used]) / weight.sum()
    parts = np.stack([np.asarray(statistic(case), dtype=np.float64) for case in used], axis=-1)
    if len(used) < 2:
        return np.full(parts.shape[:-1], np.nan)
    apart = parts - weighted_sum(parts, share)[..., np.newaxis]
    return settled(np.sqrt(len(used) / (len(used) - 1) * weighted_sum(apart**2, share**2)))
