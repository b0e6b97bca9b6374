"""Design storms: what could fall, by return period and duration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from risk_models.forecast.storm import chicago_hyetograph, is_extrapolated
from risk_models.standards import StormFormula

__all__ = ["STEP_MIN", "Scenario", "design_scenarios"]

#: Step of the design storms, min.
STEP_MIN = 5


@dataclass(frozen=True)
class Scenario:
    """One design storm.

    Attributes
    ----------
    scenario_id : str
        ``P<return period>-D<duration>``, e.g. ``P010-D0180`` for 10 years and 180 min.
    return_period_a : float
        Years.
    duration_min : int
        Minutes.
    rain_mm : ndarray (duration_min / STEP_MIN,)
        Rain in each step of `STEP_MIN`, mm.
    formula_id : str
        Storm formula it is made from.
    is_extrapolated : bool
        True if the duration lies outside those the formula was fitted to.
    """

    scenario_id: str
    return_period_a: float
    duration_min: int
    rain_mm: npt.NDArray[np.float64]
    formula_id: str
    is_extrapolated: bool

    @property
    def rain_total_mm(self) -> float:
        """Rain of the whole storm, mm."""
        return float(self.rain_mm.sum())


def design_scenarios(
    formula: StormFormula, return_periods_a: Iterable[float], durations_min: Iterable[int]
) -> tuple[Scenario, ...]:
    """Make a Chicago storm for every return period and duration.

    Parameters
    ----------
    formula : StormFormula
        Storm-intensity formula of the place.
    return_periods_a : iterable of float
        Years, within the range of the formula.
    durations_min : iterable of int
        Minutes, multiples of `STEP_MIN`.

    Returns
    -------
    tuple of Scenario
        By duration, then return period, both rising, each pair once.

    Raises
    ------
    ValueError
        If none is asked for, a return period lies outside the formula, or a duration is no multiple of the step.

    References
    ----------
    Keifer C. J., Chu H. H. (1957) Synthetic storm pattern for drainage design. J. Hydraulics Division ASCE 83(4).

    Examples
    --------
    >>> from risk_models.standards import load_standards
    >>> storms = design_scenarios(load_standards().storm_formula("zz-f2"), [10, 2], [60])
    >>> [(storm.scenario_id, round(storm.rain_total_mm, 1)) for storm in storms]
    [('P002-D0060', 40.0), ('P010-D0060', 59.6)]
    """
    pairs = sorted({(int(minutes), float(years)) for years in return_periods_a for minutes in durations_min})
    if not pairs:
        raise ValueError("no scenario: give at least one return period and one duration")
    return tuple(
        Scenario(
            scenario_id=f"P{years:03g}-D{minutes:04d}",
            return_period_a=years,
            duration_min=minutes,
            rain_mm=chicago_hyetograph(formula, years, minutes, step_min=STEP_MIN),
            formula_id=formula.formula_id,
            is_extrapolated=is_extrapolated(formula, minutes),
        )
        for minutes, years in pairs
    )
