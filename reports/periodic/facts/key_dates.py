"""Dates that matter in a span: seasons, important periods, outages that end, plans that are old."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

import pandas as pd

from reports.words import is_missing, local
from risk_models.district.reporting import ImportantPeriod
from risk_models.outlook.periods import Span

if TYPE_CHECKING:
    from reports.periodic.inputs import ReportInputs
    from risk_models.district import District

__all__ = ["KeyDate", "PlanAges", "key_dates", "plan_ages"]

What = Literal["flood_begins", "flood_ends", "key_begins", "key_ends", "important", "outage_ends"]


@dataclass(frozen=True)
class KeyDate:
    """One date; `last` differs from `first` for a period, `subject` is the period or the hotspot it is about."""

    first: date
    last: date
    what: What
    subject: ImportantPeriod | str | None = None


@dataclass(frozen=True)
class PlanAges:
    """Plans by their last revision, counted on a day.

    Attributes
    ----------
    fresh, old, unknown : int
        Revised within a year, not revised for over a year, and without a date.
    old_units : Series
        Old plans by responsible unit, most first.
    """

    fresh: int
    old: int
    unknown: int
    old_units: pd.Series


def key_dates(inputs: ReportInputs, span: Span, zone: str) -> tuple[KeyDate, ...]:
    """Return the dates of a span in order.

    Parameters
    ----------
    inputs : ReportInputs
    span : Span
    zone : str
        IANA name of the local time.

    Returns
    -------
    tuple of KeyDate
    """
    found = [*_seasons(inputs, span), *_outages(inputs, span, zone)]
    for item in inputs.district.settings.important_periods:
        if item.first_day <= span.last_day and item.last_day >= span.first_day:
            found.append(KeyDate(item.first_day, item.last_day, "important", item))
    return tuple(sorted(found, key=lambda item: (item.first, item.last, item.what, str(item.subject))))


def _seasons(inputs: ReportInputs, span: Span) -> Iterator[KeyDate]:
    seasons = inputs.district.settings.seasons
    for year in range(span.first_day.year, span.last_day.year + 1):
        for name, (first, last) in (("flood", seasons.flood_season), ("key", seasons.key_period)):
            for what, text in ((f"{name}_begins", first), (f"{name}_ends", last)):
                day = date.fromisoformat(f"{year:04d}-{text}")
                if span.first_day <= day <= span.last_day:
                    yield KeyDate(day, day, what)  # type: ignore[arg-type]


def _outages(inputs: ReportInputs, span: Span, zone: str) -> Iterator[KeyDate]:
    if inputs.outages is None:
        return
    for _, row in inputs.outages.iterrows():
        day = local(pd.Timestamp(row["expires"]), zone).date()
        if span.first_day <= day <= span.last_day:
            yield KeyDate(day, day, "outage_ends", str(row["hotspot_id"]))


def plan_ages(district: District, today: date) -> PlanAges:
    """Count the plans by the age of their last revision.

    Parameters
    ----------
    district : District
    today : date
        Local day of the report.

    Returns
    -------
    PlanAges
    """
    plans = district.plans
    revised = plans["revised_on"] if "revised_on" in plans else pd.Series(pd.NaT, index=plans.index)
    days = pd.Series([pd.NaT if is_missing(value) else pd.Timestamp(value) for value in revised], index=plans.index)
    days = pd.to_datetime(days.map(lambda at: pd.NaT if is_missing(at) else at.tz_localize(None)))
    days = days.where(days <= pd.Timestamp(today))  # a revision to come is none yet
    is_old = days < pd.Timestamp(today) - pd.DateOffset(years=1)
    units = plans.loc[is_old, "owner_unit"].value_counts()
    ordered = units.sort_index().sort_values(ascending=False, kind="stable")
    return PlanAges(int((~is_old & days.notna()).sum()), int(is_old.sum()), int(days.isna().sum()), ordered)
