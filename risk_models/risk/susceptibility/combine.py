"""One probability out of two: what physics says, and what the record says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

__all__ = ["HALF_WEIGHT_EVENTS", "LARGEST_CUT", "combine_probabilities", "learned_weight"]

Floats = npt.NDArray[np.float64]

#: Number of recorded floods at which physics and record weigh the same (a choice, not a measurement).
HALF_WEIGHT_EVENTS = 100.0
#: The record may at most divide the physical odds by this: a rain never seen before is not in the record.
LARGEST_CUT = 2.0
#: Neither side is believed to be surer than this (an ensemble of some 150 outcomes cannot show more).
SUREST = 0.003


def learned_weight(n_events: npt.ArrayLike, *, half_weight_events: float = HALF_WEIGHT_EVENTS) -> Floats:
    """Return the weight of the learned probability, n / (n + k).

    Parameters
    ----------
    n_events : array_like
        Recorded floods that the learned model was trained on.
    half_weight_events : float
        k, the number at which both weigh the same.

    Returns
    -------
    ndarray
        0 without history, towards 1 with much.

    Raises
    ------
    ValueError
        If a number is negative, or k is not positive.

    References
    ----------
    The credibility weight of Buhlmann, H. (1967) Experience rating and credibility, ASTIN Bulletin 4, 199-207,
    doi:10.1017/S0515036100008989.

    Examples
    --------
    >>> learned_weight([0, 100, 900]).tolist()
    [0.0, 0.5, 0.9]
    """
    events = np.asarray(n_events, dtype=np.float64)
    if not (events >= 0).all() or not half_weight_events > 0:
        raise ValueError(f"n_events must be >= 0 and half_weight_events > 0, got {n_events!r} and {half_weight_events}")
    weight: Floats = events / (events + half_weight_events)
    return weight


def combine_probabilities(
    physical: npt.ArrayLike,
    learned: npt.ArrayLike,
    *,
    n_events: npt.ArrayLike,
    half_weight_events: float = HALF_WEIGHT_EVENTS,
    largest_cut: float = LARGEST_CUT,
) -> Floats:
    """Combine the physical and the learned probability of flooding of each hotspot.

    The rule, with w = n / (n + k) and L = log-odds (probabilities cut to [0.003, 0.997] first)::

        L = max((1 - w) L_physical + w L_learned,  L_physical - ln(largest_cut))

    So: without history physics alone; the result never falls when either rises; it lies between the two, but the
    record never divides the physical odds by more than `largest_cut`, while it may raise them without limit.

    Parameters
    ----------
    physical : array_like (H,)
        Probability of the physical model; NaN unknown.
    learned : array_like (H,)
        Calibrated probability of the learned model for the same event (depth, horizon); NaN where it has nothing to
        say.
    n_events : array_like, scalar or (H,)
        Recorded floods that the learned model was trained on.
    half_weight_events : float
        k.
    largest_cut : float
        At least 1.

    Returns
    -------
    ndarray (H,)
        NaN where the physical probability is: unknown rain stays unknown. The physical value itself, uncut, where
        there is no history or no learned value.

    Raises
    ------
    ValueError
        If a probability is outside 0..1, a count negative, or `largest_cut` below 1.

    Notes
    -----
    The count says how much was seen, not whether anything was learned: for a model whose AUC on storms left out cannot
    be told from 0.5, give 0 events.

    References
    ----------
    Weighted mean of log-odds (logarithmic opinion pool): Genest, C. & Zidek, J. V. (1986) Combining probability
    distributions, Statistical Science 1, 114-135, doi:10.1214/ss/1177013825.

    Examples
    --------
    >>> learned = [0.8, 0.8, np.nan, 0.1]
    >>> combine_probabilities([0.2, 0.2, 0.2, 0.9], learned, n_events=[0, 100, 100, 1000]).round(3).tolist()
    [0.2, 0.5, 0.2, 0.818]
    """
    p, q = np.broadcast_arrays(np.asarray(physical, dtype=np.float64), np.asarray(learned, dtype=np.float64))
    for name, values in (("physical", p), ("learned", q)):
        if ((values < 0) | (values > 1)).any():
            bad = float(values[(values < 0) | (values > 1)].flat[0])
            raise ValueError(f"{name} probability {bad} is not within 0..1")
    if not largest_cut >= 1:
        raise ValueError(f"largest_cut must be at least 1, got {largest_cut}")
    weight = np.broadcast_to(learned_weight(n_events, half_weight_events=half_weight_events), p.shape)
    cut_p, cut_q = (logit(np.clip(values, SUREST, 1.0 - SUREST)) for values in (p, q))
    both = np.maximum((1.0 - weight) * cut_p + weight * cut_q, cut_p - np.log(largest_cut))
    return np.where((weight > 0) & ~np.isnan(q), expit(both), p)
