"""Everything a monthly report knows, computed once and without words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.periodic.inputs import MonthlyInputs
from reports.periodic.rain_facts import MonthSpan, RainFacts, days_of, gauge_frame, month_span, rain_facts
from reports.periodic.risk_facts import (
    incidents_in,
    lead_hours,
    level_counts,
    rehearsal_counts,
    top_hotspots,
    town_risk,
    utc,
    warning_table,
    worst_cycle,
)
from reports.words import local
from risk_models.forecast.storm import return_period_a
from risk_models.levels import Level
from risk_models.standards import StormFormula

__all__ = ["CLIMATE_YEARS", "MonthFacts", "OutlookFacts", "month_facts"]

# A shorter record gives no probability of a month's rain; ten years is a floor for wording, not a norm of the service.
CLIMATE_YEARS = 10
# The first rule of the World Meteorological Organization for monthly values (WMO-No. 1203): eleven missing days spoil
# a month.
_DAYS_MAY_MISS = 10
_TOP = 15


@dataclass(frozen=True, kw_only=True)
class OutlookFacts:
    """What the record can say about the next month.

    Attributes
    ----------
    month : Period
        The month after the one reported.
    record_days, record_years, month_years : int
        Days with rain data, years touched, and years in which that month lacks at most ten days.
    daily_max_mm : Series
        Greatest daily rain of that month by year [mm].
    events_all, events_month : int
        Events of the history, and those of that month of any year.
    """

    month: pd.Period
    record_days: int
    record_years: int
    month_years: int
    daily_max_mm: pd.Series
    events_all: int
    events_month: int


@dataclass(frozen=True, kw_only=True)
class MonthFacts:
    """Facts of a month: see the modules `rain_facts` and `risk_facts` for the tables."""

    inputs: MonthlyInputs
    zone: str
    span: MonthSpan
    rain: RainFacts
    formula: StormFormula
    risk: pd.DataFrame
    counts: pd.DataFrame
    worst: pd.Timestamp | None
    towns: pd.DataFrame
    top: pd.DataFrame
    n_warned: int
    warnings: pd.DataFrame
    incidents: pd.DataFrame
    storms: pd.DataFrame | None
    outlook: OutlookFacts

    @property
    def horizon_h(self) -> int:
        """Hours that an assessment looks ahead."""
        return int(self.inputs.district.settings.warning.horizon_h)

    def worst_counts(self) -> dict[int, int]:
        """Return the hotspots by level code at the worst cycle; hotspots without a row are unknown."""
        n_hotspots = len(self.inputs.district.hotspots)
        if self.worst is None:
            return {}
        row: Any = self.counts.loc[self.worst]
        counts = {int(level): int(row[int(level)]) for level in Level}
        counts[-1] += n_hotspots - sum(counts.values())
        return counts

    def period(self, rain_mm: float, hours: int) -> float:
        """Return the return period [years] of a rain amount by the district's formula."""
        return float(return_period_a(self.formula, rain_mm, 60 * hours))


def month_facts(inputs: MonthlyInputs) -> MonthFacts:
    """Compute the facts of a month.

    Parameters
    ----------
    inputs : MonthlyInputs

    Returns
    -------
    MonthFacts
    """
    district, zone = inputs.district, inputs.district.settings.district.timezone
    span = month_span(inputs.month, zone)
    rain = rain_facts(inputs.gauges_rain, span, zone)
    valid_at = utc(inputs.risk["valid_at"])
    risk = inputs.risk.assign(valid_at=valid_at)[span.contains(valid_at)]
    counts = level_counts(risk)
    warnings = warning_table(inputs.warnings, span)
    warnings["lead_h"] = lead_hours(warnings, rain, district)
    rehearsal = inputs.rehearsal
    return MonthFacts(
        inputs=inputs,
        zone=zone,
        span=span,
        rain=rain,
        formula=inputs.standards.storm_formula(district.settings.standards.storm_formula),
        risk=risk,
        counts=counts,
        worst=worst_cycle(counts),
        towns=town_risk(risk, district),
        top=top_hotspots(risk, district, n=_TOP),
        n_warned=int(risk.loc[risk["level"] >= 1, "hotspot_id"].nunique()),
        warnings=warnings,
        incidents=incidents_in(district, span),
        storms=rehearsal_counts(rehearsal) if rehearsal is not None and len(rehearsal) else None,
        outlook=_outlook_facts(inputs, zone),
    )


def _outlook_facts(inputs: MonthlyInputs, zone: str) -> OutlookFacts:
    """Measure the record and the history for the next month."""
    coming = pd.Period(inputs.month, freq="M") + 1
    hourly = gauge_frame(inputs.gauges_rain)
    daily = hourly.groupby(days_of(pd.DatetimeIndex(hourly.index), zone)).sum(min_count=1).max(axis=1).dropna()
    days = pd.DatetimeIndex(daily.index)
    of_month = daily[days.month == coming.month]
    by_year = of_month.groupby(pd.DatetimeIndex(of_month.index).year)
    enough = by_year.size() >= coming.days_in_month - _DAYS_MAY_MISS
    history = inputs.district.history
    months = [local(pd.Timestamp(value), zone).month for value in history["started_at"]]
    return OutlookFacts(
        month=coming,
        record_days=len(daily),
        record_years=int(days.year.nunique()),
        month_years=int(enough.sum()),
        daily_max_mm=by_year.max()[enough],
        events_all=len(history),
        events_month=sum(month == coming.month for month in months),
    )
