"""Tipping buckets that send a running count: rain of each step, with resets never negative and never dry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_models.forecast.rainfall import Quality

__all__ = ["CounterEvent", "counter_rain"]

GLITCH_COUNTS = 20  # below this a counter may well pass its old count again after a reset
GLITCH_SHARE = 0.1


@dataclass(frozen=True)
class CounterEvent:
    """Something odd in the count of one gauge.

    Attributes
    ----------
    step, gauge : int
        Indexes.
    code : str
        ``counter-reset``, ``counter-glitch`` or ``counter-gap``.
    message : str
    """

    step: int
    gauge: int
    code: str
    message: str


def counter_rain(
    counts: NDArray[np.float64], quality: NDArray[np.int8], *, counter_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.int8], list[CounterEvent]]:
    """Turn running counts into rain of the steps that end at the readings.

    Parameters
    ----------
    counts : ndarray, shape (time, gauge)
        Readings at regular times, NaN where there is none.
    quality : ndarray of int8, shape (time, gauge)
        Flags of the readings.
    counter_mm : float
        Rain of one count [mm].

    Returns
    -------
    rain_mm : ndarray, shape (time, gauge)
        NaN for the first reading, for a step without a reading, and for one in which the counter was reset and has
        counted nothing since. What it has counted since a reset is a lower bound: kept, suspect. The rain of steps
        that passed without a reading is put into the step of the next reading, suspect.
    quality : ndarray of int8, shape (time, gauge)
    events : list of CounterEvent

    Examples
    --------
    >>> counts = np.array([[100.0], [110.0], [3.0], [np.nan], [9.0]])
    >>> rain, quality, events = counter_rain(counts, np.full((5, 1), 2, np.int8), counter_mm=0.5)
    >>> rain.ravel().tolist(), quality.ravel().tolist(), [event.code for event in events]
    ([nan, 5.0, 1.5, nan, 3.0], [9, 2, 3, 9, 3], ['counter-reset', 'counter-gap'])
    """
    rain = np.full(counts.shape, np.nan)
    flags = np.where(quality == Quality.FAIL, Quality.FAIL, Quality.MISSING).astype(np.int8)
    events: list[CounterEvent] = []
    for gauge in range(counts.shape[1]):
        readings = np.flatnonzero(np.isfinite(counts[:, gauge]))
        kept, glitches = _without_glitches(readings, counts[:, gauge])
        for step in glitches:
            flags[step, gauge] = Quality.FAIL
            message = f"the count falls to {counts[step, gauge]:g} and comes back; the reading is passed over"
            events.append(CounterEvent(step, gauge, "counter-glitch", message))
        for event in _differences(
            kept, counts[:, gauge], quality[:, gauge], (rain[:, gauge], flags[:, gauge]), counter_mm
        ):
            events.append(CounterEvent(event.step, gauge, event.code, event.message))
    return rain, flags, events


def _without_glitches(readings: NDArray[np.intp], counts: NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """Set apart single readings that drop while the next one goes on where the last one was."""
    kept: list[int] = []
    glitches: list[int] = []
    for place, step in enumerate(readings.tolist()):
        if kept and place + 1 < len(readings):
            before, here, after = counts[kept[-1]], counts[step], counts[readings[place + 1]]
            returns = before <= after <= before * (1 + GLITCH_SHARE)
            if before >= GLITCH_COUNTS and here < before and returns:
                glitches.append(step)
                continue
        kept.append(step)
    return kept, glitches


def _differences(
    readings: list[int],
    counts: NDArray[np.float64],
    quality: NDArray[np.int8],
    result: tuple[NDArray[Any], NDArray[Any]],
    counter_mm: float,
) -> Iterator[CounterEvent]:
    rain, flags = result
    for before, step in pairwise(readings):
        tips = counts[step] - counts[before]
        doubted = Quality.SUSPECT in (quality[before], quality[step])
        flag = Quality.SUSPECT if doubted else Quality.NOT_EVALUATED
        if tips < 0:
            since = counts[step] * counter_mm
            message = f"the count falls from {counts[before]:g} to {counts[step]:g}: reset; {since:g} mm since"
            yield CounterEvent(step, 0, "counter-reset", message)
            tips, flag = (counts[step], Quality.SUSPECT) if counts[step] > 0 else (np.nan, Quality.MISSING)
        elif step - before > 1:
            message = f"{tips * counter_mm:g} mm fell in {step - before} steps and stand in the last of them"
            yield CounterEvent(step, 0, "counter-gap", message)
            flag = Quality.SUSPECT
        rain[step], flags[step] = tips * counter_mm, flag
