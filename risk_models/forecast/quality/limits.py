"""Limits of the quality tests, and the records of rain that scale them to other steps than an hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_models.forecast.rainfall import Quality

__all__ = ["FAIL", "GOOD", "MISSING", "SUSPECT", "UNSEEN", "Flags", "FloatArray", "QualityLimits", "record_mm"]

Flags = NDArray[np.int8]
FloatArray = NDArray[np.float64]
GOOD, UNSEEN, SUSPECT, FAIL, MISSING = (np.int8(flag) for flag in Quality)

# Largest rain ever measured: 198 mm in 15 min, 401 mm in 1 h, 1825 mm in a day.
_RECORD_H = np.array([0.25, 1.0, 24.0])
_RECORD_MM = np.array([198.0, 401.0, 1825.0])


def record_mm(step_h: float) -> float:
    """Return the largest rain believed possible in a step: records joined by straight lines of logarithms.

    Parameters
    ----------
    step_h : float
        Step [h]; below 15 min the line of the shortest records goes on.

    Returns
    -------
    float
        Rain [mm].

    References
    ----------
    Records as in RainfallQC (198 mm/15 min, 401 mm/h, 1825 mm/day).

    Examples
    --------
    >>> [round(record_mm(step_h)) for step_h in (1 / 12, 0.25, 1.0, 24.0)]
    [113, 198, 401, 1825]
    """
    logs = np.log(_RECORD_H), np.log(_RECORD_MM)
    if step_h < _RECORD_H[0]:
        slope = (logs[1][1] - logs[1][0]) / (logs[0][1] - logs[0][0])
        return float(np.exp(logs[1][0] + slope * (np.log(step_h) - logs[0][0])))
    return float(np.exp(np.interp(np.log(step_h), *logs)))


@dataclass(frozen=True, kw_only=True)
class QualityLimits:
    """Limits of the tests for steps of 1 h; chosen here, to be tuned on local data (see `for_step`).

    Attributes
    ----------
    max_mm : float
        Above this a step cannot be rain [mm]; 401 is the world record of one hour.
    monthly_max_mm : tuple of 12 floats, optional
        Above this a step is doubtful in the month [mm] (January first, UTC); NaN, or no table: it is not tested.
    monthly_dry_steps : tuple of 12 floats, optional
        A dry run longer than this is doubtful in the month [steps]; NaN, or no table: a dry value is not tested by the
        climate.
    rate_mm : float
        Change from the last valid value that is doubtful [mm].
    spike_mm : float
        Height above both valid neighbours in time that is doubtful [mm].
    max_bridge : int
        Steps over which the last valid value may be looked for.
    stuck_min_mm : float
        Values below this may repeat in drizzle and are never called stuck [mm].
    stuck_suspect, stuck_fail : int
        Equal values in a row that are doubtful, and that cannot be rain.
    dry_steps : int
        Dry steps in a row that are doubtful while the neighbours are wet.
    total_steps, total_rises : int
        Values in a row that never fall, and rises among them, that look like a running total (then doubtful); twice as
        many cannot be rain.
    repeat_steps, repeat_wet : int
        Values in a row that occur twice in a gauge, and different wet values among them, that look like old data sent
        again.
    radius_m : float
        Distance within which a gauge is a neighbour [m].
    buddies : int
        Neighbours looked at, and `min_buddies` of them needed.
    min_buddies : int
    buddy_factor, buddy_offset_mm : float
        Doubtful above factor x the largest neighbour + offset.
    buddy_wet_mm : float
        Doubtful if dry while every neighbour has at least this [mm].
    event_steps : int
        Steps that make an event for the test of yes or no.
    event_wet_mm : float
        Doubtful if dry throughout an event in which `event_share` of the neighbours have at least this [mm].
    event_share : float
    event_lonely_mm : float
        Doubtful if this much falls in an event in which every neighbour is dry [mm].
    window_steps : int
        Steps over which the unit and the clock of a gauge are compared with its neighbours.
    window_wet : int
        Wet steps needed in such a window.
    clock_lags : int
        Steps by which a clock may be wrong, each way, to be noticed.
    far_m : float
        Distance [m] from the middle of the gauges at which a place is doubtful.
    """

    max_mm: float = 401.0
    monthly_max_mm: tuple[float, ...] | None = None
    monthly_dry_steps: tuple[float, ...] | None = None
    rate_mm: float = 60.0
    spike_mm: float = 60.0
    max_bridge: int = 6
    stuck_min_mm: float = 0.5
    stuck_suspect: int = 4
    stuck_fail: int = 12
    dry_steps: int = 3
    total_steps: int = 12
    total_rises: int = 5
    repeat_steps: int = 24
    repeat_wet: int = 6
    radius_m: float = 20_000.0
    buddies: int = 8
    min_buddies: int = 3
    buddy_factor: float = 3.0
    buddy_offset_mm: float = 20.0
    buddy_wet_mm: float = 5.0
    event_steps: int = 6
    event_wet_mm: float = 5.0
    event_share: float = 0.8
    event_lonely_mm: float = 30.0
    window_steps: int = 720
    window_wet: int = 24
    clock_lags: int = 12
    far_m: float = 300_000.0

    def __post_init__(self) -> None:
        for name in ("monthly_max_mm", "monthly_dry_steps"):
            table = getattr(self, name)
            if table is not None and len(table) != 12:
                raise ValueError(f"{name} has {len(table)} values; accepted: 12, January first")

    @classmethod
    def for_step(
        cls,
        step_h: float,
        *,
        monthly_max_mm: Sequence[float | None] | None = None,
        monthly_dry_h: Sequence[float | None] | None = None,
    ) -> QualityLimits:
        """Return the limits for another step: amounts by the records of rain, runs by the time they last.

        Parameters
        ----------
        step_h : float
            Step [h].
        monthly_max_mm : sequence of 12 floats or None, optional
            Limits of one hour [mm], January first; None leaves a month untested.
        monthly_dry_h : sequence of 12 floats or None, optional
            Limits of a dry run [h], likewise.

        Examples
        --------
        >>> limits = QualityLimits.for_step(1 / 6)
        >>> round(limits.max_mm), round(limits.rate_mm), limits.stuck_suspect, limits.event_steps
        (161, 24, 8, 36)
        >>> QualityLimits.for_step(1.0) == QualityLimits()
        True
        """
        months = _months(monthly_max_mm)
        hourly = cls(monthly_max_mm=months, monthly_dry_steps=_months(monthly_dry_h))
        if step_h == 1.0:
            return hourly
        scale = record_mm(step_h) / hourly.max_mm
        amounts = ("rate_mm", "spike_mm", "stuck_min_mm", "buddy_offset_mm", "buddy_wet_mm")
        changes: dict[str, Any] = {name: getattr(hourly, name) * scale for name in amounts}
        if months is not None:
            changes["monthly_max_mm"] = tuple(scale * limit for limit in months)
        # A run of equal values is less telling in short steps, and no less so in long ones.
        stretch = {name: max(1.0, min(1.0 / step_h, 2.0)) for name in ("stuck_suspect", "stuck_fail", "total_steps")}
        lasting = ("max_bridge", "dry_steps", "event_steps", "window_steps", "window_wet")
        stretch |= dict.fromkeys(lasting, 1.0 / step_h)
        for name, factor in stretch.items():
            changes[name] = max(1, round(getattr(hourly, name) * factor))
        if hourly.monthly_dry_steps is not None:
            changes["monthly_dry_steps"] = tuple(limit / step_h for limit in hourly.monthly_dry_steps)
        return replace(hourly, max_mm=record_mm(step_h), **changes)


def _months(table: Sequence[float | None] | None) -> tuple[float, ...] | None:
    return None if table is None else tuple(float(np.nan if value is None else value) for value in table)
