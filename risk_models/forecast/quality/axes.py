"""Two axes beside the flag: where a value comes from, and how far it can be relied on.

They are kept apart, as in Delft-FEWS: a value filled in from neighbours is completed AND doubtful; a corrected value
may be reliable. Unreliable values are shown and never used.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from risk_models.forecast.rainfall import Quality

__all__ = ["Reliability", "ValueOrigin", "reliability_of"]


class ValueOrigin(IntEnum):
    """Where a gauge value comes from."""

    ORIGINAL = 0
    CORRECTED = 1
    COMPLETED = 2


class Reliability(IntEnum):
    """How far a gauge value can be relied on; UNCHECKED is not the same as RELIABLE."""

    RELIABLE = 0
    DOUBTFUL = 1
    UNRELIABLE = 2
    UNCHECKED = 3
    MISSING = 9


_OF_QUALITY = {
    Quality.GOOD: Reliability.RELIABLE,
    Quality.NOT_EVALUATED: Reliability.UNCHECKED,
    Quality.SUSPECT: Reliability.DOUBTFUL,
    Quality.FAIL: Reliability.UNRELIABLE,
    Quality.MISSING: Reliability.MISSING,
}


def reliability_of(quality: ArrayLike) -> NDArray[np.int8]:
    """Return the reliability of QARTOD flags.

    Examples
    --------
    >>> reliability_of([1, 2, 3, 4, 9]).tolist()
    [0, 3, 1, 2, 9]
    """
    table = np.full(10, Reliability.MISSING, dtype=np.int8)
    for flag, reliability in _OF_QUALITY.items():
        table[flag] = reliability
    return table[np.asarray(quality, dtype=np.int8)]
