"""Everything a periodic report knows, computed once and without words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import xarray as xr

from reports.periodic.facts.ahead import AheadFacts, ahead_facts
from reports.periodic.facts.key_dates import KeyDate, PlanAges, key_dates, plan_ages
from reports.periodic.facts.rain import DaySpan, RainFacts, day_span, days_of, gauge_frame, rain_facts
from reports.periodic.facts.review import AnswerFacts, answer_facts, by_month, day_levels, reports_in
from reports.periodic.facts.risk import (
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
from reports.periodic.inputs import ReportInputs
from reports.periodic.rain_labels import RainLabel, rain_labels
from reports.words import local
from risk_models.district.reporting import ImportantPeriod
from risk_models.forecast.storm import return_period_a
from risk_models.levels import Level
from risk_models.outlook.periods import Span
from risk_models.standards import StormFormula
from risk_models.warning.issued import IssuedSignal

__all__ = ["LONG_DAYS", "ReportFacts", "ReviewFacts", "report_facts"]

#: Spans longer than this are told by month, shorter ones by day.
LONG_DAYS = 62
_TOP = 10


@dataclass(frozen=True, kw_only=True)
class ReviewFacts:
    """What happened in the reviewed span: see `facts.rain`, `facts.risk` and `facts.review` for the tables."""

    span: Span
    days: DaySpan
    rain: RainFacts
    risk: pd.DataFrame
    counts: pd.DataFrame
    worst: pd.Timestamp | None
    towns: pd.DataFrame
    top: pd.DataFrame
    n_warned: int
    n_hotspots: int
    warnings: pd.DataFrame
    incidents: pd.DataFrame
    field_reports: pd.DataFrame | None
    answers: AnswerFacts | None
    day_levels: pd.Series
    months: pd.DataFrame
    labels: tuple[RainLabel, ...]
    issued_signals: tuple[IssuedSignal, ...] = ()

    @property
    def is_long(self) -> bool:
        """True for a span that is told by month."""
        return self.span.n_days > LONG_DAYS

    def worst_counts(self) -> dict[int, int]:
        """Return the hotspots by level code at the worst cycle; hotspots without a row are unknown."""
        if self.worst is None:
            return {}
        row: Any = self.counts.loc[self.worst]
        counts = {int(level): int(row[int(level)]) for level in Level}
        counts[-1] += self.n_hotspots - sum(counts.values())
        return counts


@dataclass(frozen=True, kw_only=True)
class ReportFacts:
    """Facts of one report; `review` is None where nothing is looked back on, `ahead` where nothing is to come."""

    inputs: ReportInputs
    zone: str
    formula: StormFormula
    review: ReviewFacts | None
    ahead: AheadFacts | None
    record_days: int
    record_years: int
    events_all: int
    events_months: int
    storms: pd.DataFrame | None
    dates: tuple[KeyDate, ...]
    plans: PlanAges
    important: ImportantPeriod | None

    @property
    def focus(self) -> Span:
        """The span that the report is named after."""
        return self.inputs.scope.span

    @property
    def is_outlook(self) -> bool:
        """True for the edition that is written before its span opens."""
        return self.inputs.scope.edition == "outlook"

    @property
    def is_draft(self) -> bool:
        """True before the consultation has closed."""
        return self.inputs.stage == "draft"

    @property
    def horizon_h(self) -> int:
        """Hours that an assessment looks ahead."""
        return int(self.inputs.district.settings.warning.horizon_h)

    def period(self, rain_mm: float, hours: int) -> float:
        """Return the return period [years] of a rain amount by the district's formula."""
        return float(return_period_a(self.formula, rain_mm, 60 * hours))


def report_facts(inputs: ReportInputs) -> ReportFacts:
    """Compute the facts of a report.

    Parameters
    ----------
    inputs : ReportInputs

    Returns
    -------
    ReportFacts
    """
    district, scope = inputs.district, inputs.scope
    zone = district.settings.district.timezone
    span = scope.coming or scope.span
    hourly = gauge_frame(_known_rain(inputs))
    known = pd.DatetimeIndex(hourly.index[hourly.notna().any(axis=1)])
    days = pd.DatetimeIndex(days_of(known, zone).unique()) if len(known) else pd.DatetimeIndex([])
    months = {day.month for day in span.days()}
    started = [local(pd.Timestamp(value), zone).month for value in district.history["started_at"]]
    rehearsal = inputs.rehearsal
    important = {item.id: item for item in district.settings.important_periods}
    return ReportFacts(
        inputs=inputs,
        zone=zone,
        formula=inputs.standards.storm_formula(district.settings.standards.storm_formula),
        review=None if scope.reviewed is None else _review_facts(inputs, scope.reviewed, zone),
        ahead=None if scope.coming is None else ahead_facts(inputs, scope.coming),
        record_days=len(days),
        record_years=int(days.year.nunique()),
        events_all=len(district.history),
        events_months=sum(month in months for month in started),
        storms=rehearsal_counts(rehearsal) if rehearsal is not None and len(rehearsal) else None,
        dates=key_dates(inputs, span, zone),
        plans=plan_ages(district, local(inputs.issued_at, zone).date()),
        important=important.get(scope.span.key) if scope.span.kind == "period" else None,
    )


def _known_rain(inputs: ReportInputs) -> xr.Dataset:
    """Return the rain that was known at the time of issue."""
    issued = pd.Timestamp(inputs.issued_at).tz_convert("UTC").tz_localize(None)
    return inputs.gauges_rain.sel(time=inputs.gauges_rain["time"] <= issued.to_datetime64())


def _review_facts(inputs: ReportInputs, span: Span, zone: str) -> ReviewFacts:
    """Gather what happened in a span."""
    district = inputs.district
    days = day_span(span.first_day, span.last_day, zone)
    issued = pd.Timestamp(inputs.issued_at)
    rain = rain_facts(_known_rain(inputs), days, zone)
    valid_at = utc(inputs.risk["valid_at"])
    risk = inputs.risk.assign(valid_at=valid_at)[days.contains(valid_at) & (valid_at <= issued)]
    counts = level_counts(risk)
    warnings = warning_table(inputs.warnings[utc(inputs.warnings["issued_at"]) <= issued], days)
    warnings["lead_h"] = lead_hours(warnings, rain, district)
    incidents, levels = incidents_in(district, days, until=issued), day_levels(risk, days)
    labels = rain_labels(district) if inputs.rain_labels is None else inputs.rain_labels
    climate = None if inputs.outlook is None else inputs.outlook.climate
    return ReviewFacts(
        span=span,
        days=days,
        rain=rain,
        risk=risk,
        counts=counts,
        worst=worst_cycle(counts),
        towns=town_risk(risk, district),
        top=top_hotspots(risk, district, n=_TOP),
        n_warned=int(risk.loc[risk["level"] >= 1, "hotspot_id"].nunique()),
        n_hotspots=len(district.hotspots),
        warnings=warnings,
        incidents=incidents,
        field_reports=reports_in(inputs.field_reports, days),
        answers=answer_facts(inputs.acknowledgements, days),
        day_levels=levels,
        months=by_month(
            rain,
            inputs.reference_gauge,
            levels=levels,
            warnings=warnings,
            incidents=incidents,
            climate=climate,
            zone=zone,
        ),
        labels=tuple(label for label in labels if label.touches(days.start, days.end)),
        issued_signals=inputs.issued_signals,
    )
