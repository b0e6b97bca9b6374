"""What a monthly report is made from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from risk_models.standards import Standards

if TYPE_CHECKING:
    from risk_models.district import District

__all__ = ["DeliveryCounts", "MonthlyInputs"]


@dataclass(frozen=True, kw_only=True)
class DeliveryCounts:
    """What became of the mails of the month.

    Attributes
    ----------
    bulletins : int
        Bulletins made.
    accepted, failed, waiting : int
        Mails that a mail server took, that were given up, and that still wait.
    acknowledged : int or None
        Bulletins that a town answered; None where answers are not recorded.
    """

    bulletins: int
    accepted: int
    failed: int = 0
    waiting: int = 0
    acknowledged: int | None = None


@dataclass(frozen=True, kw_only=True)
class MonthlyInputs:
    """The tables a monthly report stands on; nothing else is read.

    Attributes
    ----------
    district : District
        Names, plans, history and settings.
    standards : Standards
    month : str
        Month reported, ``YYYY-MM``, in the district's local time.
    gauges_rain : xarray.Dataset
        ``rain_mm(time, gauge)`` [mm in the step], `time` = END of the hour, UTC; NaN or absent = unknown.
    risk : DataFrame
        A row per cycle and hotspot: valid_at (UTC), hotspot_id, level (int), score (0-100), depth_p50_m [m].
    warnings : DataFrame
        A row per revision; columns are the fields of `WarningRecord`.
    issued_at : datetime
        Aware; the moment of issue, given by the caller.
    deliveries : DeliveryCounts or None
        None where nothing is recorded.
    rehearsal : DataFrame or None
        Design storms: return_period_a, duration_min, rain_total_mm, hotspot_id, peak_depth_m [m]; None if not run.
    reference_gauge : str
        Gauge drawn in the hyetograph.
    """

    district: District
    standards: Standards
    month: str
    gauges_rain: xr.Dataset
    risk: pd.DataFrame
    warnings: pd.DataFrame
    issued_at: datetime
    deliveries: DeliveryCounts | None = None
    rehearsal: pd.DataFrame | None = None
    reference_gauge: str = "57083"

    def __post_init__(self) -> None:
        if self.issued_at.tzinfo is None:
            raise ValueError(f"issued_at must be timezone-aware, got {self.issued_at.isoformat()}")
        if re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", self.month) is None:
            raise ValueError(f"month must read YYYY-MM, got '{self.month}'")
