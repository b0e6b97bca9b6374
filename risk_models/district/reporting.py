"""Settings of the periodic reports: the long record, the seasonal signal, important periods, who is consulted."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from risk_models.district.cells import EMAIL
from risk_models.district.files import FilePath, Record

__all__ = ["Department", "ImportantPeriod", "RainRecordSettings", "ReportSettings"]

Text = Annotated[str, Field(min_length=1, max_length=60)]
KindOfReport = Literal["month", "quarter", "flood-season", "year", "period"]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


def _mailbox(value: str) -> str:
    if EMAIL.fullmatch(value) is None:
        raise ValueError("must be an e-mail address such as duty@erqi.example")
    return value


class RainRecordSettings(Record):
    """A long record of hourly gauge rain, for the climate of the district.

    Attributes
    ----------
    path : str
        NetCDF with ``rain_mm(time, gauge)``, hourly; `time` is the END of the hour, UTC.
    synthetic : bool
        True for a record that was generated; every product that stands on it says so.
    """

    path: FilePath
    synthetic: bool


class BilingualName(Record):
    """A name in both languages."""

    zh: Text
    en: Text


class ImportantPeriod(Record):
    """Days that matter for other reasons than rain: examinations, a fair, a celebration.

    Attributes
    ----------
    id : str
        Its name on the command line and in files; must not end in ``-outlook``, which marks that edition.
    name : BilingualName
    first_day, last_day : date
        Local, both included.
    towns, hotspots : tuple of str
        Where: town codes and hotspot ids; empty for the whole district.
    crowd_people : int or None
        People expected at the same time.
    """

    id: Code
    name: BilingualName
    first_day: date
    last_day: date
    towns: tuple[Code, ...] = ()
    hotspots: tuple[Code, ...] = ()
    crowd_people: Annotated[int, Field(ge=0)] | None = None

    @field_validator("id")
    @classmethod
    def _id_is_no_edition(cls, value: str) -> str:
        if value.casefold().endswith("-outlook"):
            raise ValueError("must not end in '-outlook': reports of that edition are kept under such names")
        return value

    @model_validator(mode="after")
    def _days_are_in_order(self) -> Self:
        if not timedelta(0) <= self.last_day - self.first_day <= timedelta(days=366):
            raise ValueError(f"{self.id}: first_day to last_day must span 1 to 366 days")
        return self


class Department(Record):
    """A department that is consulted on reports and receives them."""

    id: Code
    name: BilingualName
    mailbox: Annotated[str, AfterValidator(_mailbox)] | None = None


class ReportSettings(Record):
    """Who is consulted, how long a draft waits, how early an outlook is drafted.

    Attributes
    ----------
    departments : tuple of Department
    consultation_deadline_h : float
        Hours a draft waits for its consultation; without an answer it stays a draft and the duty desk is told.
    outlook_lead_days : dict of str to int
        Days before a period opens at which its outlook is drafted, by kind.
    templates : str or None
        Folder below the district folder whose files replace those of ``reports/templates/periodic``.
    """

    departments: tuple[Department, ...] = ()
    consultation_deadline_h: Annotated[float, Field(ge=0.01, le=720)] = 24
    outlook_lead_days: dict[KindOfReport, Annotated[int, Field(ge=1, le=120)]] = Field(default_factory=dict)
    templates: FilePath | None = None
