"""What a periodic report is made from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd
import xarray as xr

from reports.periodic.rain_labels import RainLabel
from reports.words import Text
from risk_models.outlook.period_outlook import PeriodOutlook
from risk_models.outlook.periods import Scope
from risk_models.standards import Standards
from risk_models.verification.statements import StatementReview
from risk_models.warning.issued import IssuedSignal

if TYPE_CHECKING:
    from risk_models.district import District

__all__ = ["Consultation", "DeliveryCounts", "Opinion", "ReportInputs", "ReportStatus"]

#: A draft goes to the consultation; an issued report carries its record.
ReportStatus = Literal["draft", "issued"]


@dataclass(frozen=True, kw_only=True)
class DeliveryCounts:
    """What became of the mails of the reviewed span.

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
class Opinion:
    """What one department said of a draft.

    Attributes
    ----------
    department : str
        Id of a department of the settings, or its name.
    expert : str
        Who spoke.
    opinion : str
        In the words that were given; empty for no objection.
    at : datetime
        Aware.
    """

    department: str
    expert: str
    opinion: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Consultation:
    """Record of the consultation (会商) on a draft.

    Attributes
    ----------
    chair : str
        Who led it and signs.
    opened_at, closed_at : datetime
        Aware.
    decision : str
        What was decided, in the chair's words; empty for the plain approval, in the language of the report.
    opinions : tuple of Opinion
    """

    chair: str
    opened_at: datetime
    closed_at: datetime
    decision: str
    opinions: tuple[Opinion, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReportInputs:
    """The tables a periodic report stands on; nothing else is read.

    Attributes
    ----------
    district : District
        Names, plans, history and settings.
    standards : Standards
    scope : Scope
        Span reviewed, span to come, edition.
    issued_at : datetime
        Aware; the moment of issue, given by the caller.
    gauges_rain : xarray.Dataset
        ``rain_mm(time, gauge)`` [mm in the step], `time` = END of the hour, UTC; NaN or absent = unknown.
    risk : DataFrame
        A row per cycle and hotspot of the reviewed span: valid_at (UTC), hotspot_id, level (int), score (0-100),
        depth_p50_m [m], optionally depth_now_m [m], sag_known (bool; False if absent) and the chances of the depth
        classes (`risk_models.risk.depth_words.DEPTH_CLASSES`), by which a depth is told where the sag is not known.
    warnings : DataFrame
        A row per revision that was signed; columns are the fields of `WarningRecord`.
    reference_gauge : str
        Gauge that stands for the district in figures.
    has_unsigned : bool
        Beside `warnings`, which are signed, others of the span still wait for a signature.
    revision : int
        0 for the first.
    stage : {"draft", "issued"}
    deliveries : DeliveryCounts or None
        None where nothing is recorded.
    acknowledgements : DataFrame or None
        A row per message that asked for an answer: warning_id, area_code, level, sent_at, deadline_at, answered_at
        (NaT: none), answer, steps (contacts called, int).
    field_reports : DataFrame or None
        at, hotspot_id, state (flooded, not_flooded, not_checked), who.
    rehearsal : DataFrame or None
        Design storms: return_period_a, duration_min, rain_total_mm, hotspot_id, peak_depth_m [m]; None if not run.
    exposure : DataFrame or None
        Index hotspot_id; columns of `hotspot_exposure`, and those of `ContourExposure.at` where known.
    capacity : DataFrame or None
        Index town_code: people_exposed, shelter_free, team_people, pumps, and where known shelter_shortfall (people)
        and pump_shortfall (pumps).
    outages : DataFrame or None
        Drains and pumps out of order; columns of `OUTAGE_COLUMNS`.
    outlook : PeriodOutlook or None
        Of the coming span.
    review : StatementReview or None
        Of the last report's statements; None if there was none.
    consultation : Consultation or None
    templates : Path or None
        Folder of the bureau whose files replace single sentences.
    rain_labels : tuple of RainLabel or None
        Spells of rain that were constructed, not observed; None: as the labels beside the district's feeds say.
    issued_signals : tuple of IssuedSignal
        Signals of the weather office that were known in the reviewed span, by time.
    marks : tuple of Text
        What the banner of every page says beside the mark of demonstration data.
    """

    district: District
    standards: Standards
    scope: Scope
    issued_at: datetime
    gauges_rain: xr.Dataset
    risk: pd.DataFrame
    warnings: pd.DataFrame
    reference_gauge: str
    has_unsigned: bool = False
    revision: int = 0
    stage: ReportStatus = "draft"
    deliveries: DeliveryCounts | None = None
    acknowledgements: pd.DataFrame | None = None
    field_reports: pd.DataFrame | None = None
    rehearsal: pd.DataFrame | None = None
    exposure: pd.DataFrame | None = None
    capacity: pd.DataFrame | None = None
    outages: pd.DataFrame | None = None
    outlook: PeriodOutlook | None = None
    review: StatementReview | None = None
    consultation: Consultation | None = None
    templates: Path | None = None
    rain_labels: tuple[RainLabel, ...] | None = None
    issued_signals: tuple[IssuedSignal, ...] = ()
    marks: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        if self.issued_at.tzinfo is None:
            raise ValueError(f"issued_at must be timezone-aware, got {self.issued_at.isoformat()}")
        if self.revision < 0:
            raise ValueError(f"revision counts from 0, got {self.revision}")
        if self.stage not in ("draft", "issued"):
            raise ValueError(f"stage must be draft or issued, got '{self.stage}'")
