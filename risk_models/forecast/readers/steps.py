"""Forecast accumulations undone: from rain since some start to rain of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Accumulation", "undo_accumulations"]


@dataclass(frozen=True, eq=False)
class Accumulation:
    """Rain of one interval of one member.

    Attributes
    ----------
    begin_s, end_s : int
        Interval, seconds after the issue time.
    rain_mm : ndarray
        Field [mm], NaN where unknown.
    error_mm : float
        Largest error of packing [mm].
    """

    begin_s: int
    end_s: int
    rain_mm: NDArray[Any]
    error_mm: float = 0.0


def undo_accumulations(fields: Sequence[Accumulation]) -> list[Accumulation]:
    """Turn accumulations, whatever their starts, into rain of the intervals between consecutive ends.

    Parameters
    ----------
    fields : sequence of Accumulation
        Of one member and one grid, in any order: since the issue, in buckets of 6 h that restart, or a mix.

    Returns
    -------
    list of Accumulation
        Consecutive, by time. An interval is taken as given if some field is exactly it, else as the difference of
        the two fields with the latest common start; if there is no such pair it is NaN. A difference below 0 by
        no more than the errors of packing is 0; one further below is left negative, for the caller to flag.

    Examples
    --------
    >>> since_issue = [Accumulation(0, 3600 * n, np.array([rain])) for n, rain in ((1, 2.0), (2, 5.0), (4, 5.5))]
    >>> [(step.end_s // 3600, step.rain_mm.tolist()) for step in undo_accumulations(since_issue)]
    [(1, [2.0]), (2, [3.0]), (4, [0.5])]
    """
    by_span = {(field.begin_s, field.end_s): field for field in fields}
    cuts = sorted({cut for span in by_span for cut in span})
    return [_between(by_span, begin, end) for begin, end in pairwise(cuts)]


def _between(by_span: dict[tuple[int, int], Accumulation], begin: int, end: int) -> Accumulation:
    if (begin, end) in by_span:
        return by_span[begin, end]
    starts = [start for start, stop in by_span if stop == end and (start, begin) in by_span]
    if not starts:
        shape = next(iter(by_span.values())).rain_mm.shape
        return Accumulation(begin, end, np.full(shape, np.nan, dtype=np.float32))
    longer, shorter = by_span[max(starts), end], by_span[max(starts), begin]
    error = longer.error_mm + shorter.error_mm
    with np.errstate(invalid="ignore", over="ignore"):  # infinite fields are marked failed by the caller
        rain = longer.rain_mm - shorter.rain_mm
    return Accumulation(begin, end, np.where((rain < 0) & (rain >= -error), 0.0, rain).astype(rain.dtype), error)
