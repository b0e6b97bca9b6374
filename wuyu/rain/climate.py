"""What a district's own record says is too much rain for a month: limits for the climatology test of its gauges."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from risk_models.district.model import District
from risk_models.errors import BadInputError, Finding
from risk_models.forecast.harmonise import in_steps, to_steps
from risk_models.forecast.quality.flag import flag_gauges
from risk_models.forecast.quality.series import monthly_dry_steps, monthly_maxima_mm
from risk_models.forecast.rainfall import Quality
from risk_models.forecast.readers.gauge_table import read_gauge_table

__all__ = ["MIN_YEARS", "MonthlyLimits", "monthly_limits"]

MIN_YEARS = 10
"""Years in which a month must have rain values before it says what is usual; chosen here."""


class MonthlyLimits(NamedTuple):
    """Limits for each month (UTC, January first); None for a month that the record does not know for long enough."""

    max_mm: tuple[float | None, ...]
    dry_h: tuple[float | None, ...]


def monthly_limits(district: District, record: Path, **options: Any) -> MonthlyLimits:
    """Return the limits of one hour of rain [mm] and of a dry run [h] for each month from a record of the gauges.

    Twice the largest hour of the month or its neighbours at any gauge, at least 10 mm; one and a half times the longest
    dry run that touches the month or its neighbours. Values that fail the quality tests, or that others make doubtful,
    take no part.

    Parameters
    ----------
    district : District
    record : Path
        A gauge table of `MIN_YEARS` years or more.
    **options
        Of `read_gauge_table`, e.g. ``step_h``.

    Returns
    -------
    MonthlyLimits

    Raises
    ------
    BadInputError
        If it knows no month for long enough, or is no gauge table.
    """
    gauges = district.gauges
    table, _ = read_gauge_table(
        record,
        gauge_ids=[str(gauge) for gauge in gauges.index],
        timezone=district.settings.district.timezone,
        **options,
    )
    place = np.column_stack([gauges.geometry.x, gauges.geometry.y])
    flagged = flag_gauges(to_steps(table if in_steps(table) else flag_gauges(table, place)), place)
    rain, time = flagged["rain_mm"].to_numpy(), flagged["time"].to_numpy()
    limits = monthly_maxima_mm(rain, time, min_years=MIN_YEARS)
    sound = np.where(flagged["quality"].to_numpy() == Quality.SUSPECT, np.nan, rain)
    dry_h = monthly_dry_steps(sound, time, min_years=MIN_YEARS)
    if all(math.isnan(limit) for limit in limits):
        years = time[[0, -1]].astype("datetime64[Y]").astype(str)
        finding = Finding(
            code="short-record",
            message=f"no month has rain values in {MIN_YEARS} years; the record goes from {years[0]} to {years[1]}",
            file=record.name,
            fix="use a longer record, or limits from a published source",
        )
        raise BadInputError("record of gauges", [finding])
    return MonthlyLimits(_rounded(limits), tuple(limit or None for limit in _rounded(dry_h)))


def _rounded(limits: tuple[float, ...]) -> tuple[float | None, ...]:
    return tuple(None if math.isnan(limit) else round(limit, 1) for limit in limits)
