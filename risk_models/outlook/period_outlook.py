"""The outlook of one span of days: what the record, the season and the generated periods say of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from risk_models.outlook.climatology import Climatology
from risk_models.outlook.expected import Expected
from risk_models.outlook.periods import Span
from risk_models.outlook.record import TooShort
from risk_models.outlook.seasonal import TercileForecast
from risk_models.outlook.skill import SkillVerdict
from risk_models.outlook.wording import Statement, Withheld

__all__ = ["PeriodOutlook"]


@dataclass(frozen=True, kw_only=True)
class PeriodOutlook:
    """Everything that may be said of a span before it begins.

    Attributes
    ----------
    span : Span
    as_of : datetime
        Aware; nothing known later was used.
    record : DataFrame
        Of `record_lengths`, a row per gauge; empty without a record.
    is_synthetic : bool
        True if a part of the record was generated.
    climate : Climatology or None
        Of the reference gauge; None without a record.
    forecast : TercileForecast
        Neutral, with the reason, where no seasonal signal may be used.
    totals_mm : DataFrame
        Rain of the span at the reference gauge: index ``recorded``, and ``generated`` with ``sampling_error``, by how
        much its amounts would differ if drawn anew (whichever there are); n (years or periods), mean_mm, p10_mm,
        p50_mm, p90_mm.
    expected : Expected or TooShort
        Depths and levels of the generated periods.
    verdicts : dict of str to SkillVerdict
        Skill by kind of statement: ``depth``, ``level``, ``rain``, ``season``.
    statements : tuple of Statement
        What may be said; what the report of the span verifies afterwards.
    withheld : tuple of Withheld
        What may not be said, and why.
    n_periods, seed : int
    """

    span: Span
    as_of: datetime
    record: pd.DataFrame
    is_synthetic: bool
    climate: Climatology | None
    forecast: TercileForecast
    totals_mm: pd.DataFrame
    expected: Expected | TooShort
    verdicts: dict[str, SkillVerdict]
    statements: tuple[Statement, ...]
    withheld: tuple[Withheld, ...]
    n_periods: int
    seed: int
