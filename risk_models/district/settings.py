"""The settings of a district: `district.yaml` as typed records. No key is unknown, no datum is left unsaid."""

from __future__ import annotations

import re
import zoneinfo
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from risk_models.district.cells import EMAIL
from risk_models.district.command import CommandPost
from risk_models.district.feeds import (
    AnyFeedSettings,
    FeedSettings,
    FolderFeedSettings,
    HttpFeedSettings,
    SftpFeedSettings,
    SqlFeedSettings,
)
from risk_models.district.files import (
    Datum,
    FilePath,
    LayerSettings,
    LayersSettings,
    LearnedModelSettings,
    RainErrorSettings,
    RasterSettings,
    RastersSettings,
    Record,
    TableSettings,
)
from risk_models.district.outgoing import LOOPBACK, BriefSettings, Channels, MailSettings, WatchSettings
from risk_models.district.reporting import ImportantPeriod, RainRecordSettings, ReportSettings
from risk_models.district.retention import RetentionSettings

__all__ = [
    "SETTINGS_FILE",
    "WATERLOGGING_EVENT",
    "AcknowledgementSettings",
    "AnyFeedSettings",
    "CapSettings",
    "Datum",
    "DistrictIdentity",
    "DistrictSettings",
    "FeedSettings",
    "FolderFeedSettings",
    "HttpFeedSettings",
    "LayerSettings",
    "LayersSettings",
    "LearnedModelSettings",
    "MailSettings",
    "Name",
    "QualitySettings",
    "RainErrorSettings",
    "RasterSettings",
    "RetentionSettings",
    "SeasonsSettings",
    "SftpFeedSettings",
    "SqlFeedSettings",
    "StageName",
    "StandardsSettings",
    "TableSettings",
    "UpwardContact",
    "WarningSettings",
]

SETTINGS_FILE = "district.yaml"

LevelName = Literal["blue", "yellow", "orange", "red"]

_LATE_DAYS = 7
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _projected_crs(value: str, info: ValidationInfo) -> str:
    if (info.context or {}).get("check_crs") is False:
        return value
    import pyproj

    try:
        crs = pyproj.CRS.from_user_input(value)
    except pyproj.exceptions.CRSError:
        raise ValueError("is no known coordinate reference system; e.g. EPSG:4547") from None
    if not crs.is_projected or {axis.unit_name for axis in crs.axis_info} != {"metre"}:
        raise ValueError("must be a projected coordinate reference system in metres; e.g. EPSG:4547")
    return value


def _timezone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be the name of an IANA time zone; e.g. Asia/Shanghai") from None
    return value


def _cap_sender(value: str) -> str:
    # OASIS CAP 1.2 forbids spaces, commas, '<' and '&' in the sender.
    if re.search(r"[\s,<&]", value):
        raise ValueError("must have no space, no comma, no '<' and no '&'")
    return value


def _month_day(value: str) -> str:
    match = re.fullmatch(r"(\d\d)-(\d\d)", value)
    if match is None or not 1 <= int(match[1]) <= 12 or not 1 <= int(match[2]) <= _DAYS_IN_MONTH[int(match[1]) - 1]:
        raise ValueError("must be a day of the year as MM-DD in quotes; e.g. '05-15'")
    return value


def _page_url(value: str) -> str:
    parts = urlsplit(value)
    try:
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        port_is_right = False
    if not parts.hostname or not port_is_right or re.search(r"[\s<>\"'?#]", value):
        raise ValueError("must be a whole address without query; e.g. https://duty.example/ack")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError("must begin with https: its links are answers in a town's name")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must hold no user and no password")
    return value.rstrip("/")


def _mailbox(value: str) -> str:
    if EMAIL.fullmatch(value) is None:
        raise ValueError("must be one plain e-mail address")
    return value


Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
MonthDay = Annotated[str, AfterValidator(_month_day)]


class Name(Record):
    """A name in both languages."""

    zh: Text
    en: Text


class DistrictIdentity(Record):
    """Who and where the district is.

    Attributes
    ----------
    code : str
        Administrative code, e.g. "410103"; in quotes, so that it stays text.
    name, city, bureau : Name
    timezone : str
        IANA name; local time is used in products only.
    projected_crs : str
        In metres; all metric work is done in it.
    demonstration : bool
        True marks every product as demonstration data.
    reference_gauge : str or None
        Gauge that stands for the district in figures; the first of the register if None.
    """

    code: Code
    name: Name
    city: Name
    bureau: Name
    timezone: Annotated[str, AfterValidator(_timezone)] = "Asia/Shanghai"
    projected_crs: Annotated[str, AfterValidator(_projected_crs)]
    demonstration: bool
    reference_gauge: Code | None = None


class StandardsSettings(Record):
    """Which row group of each dated table of standards is in force here."""

    rain_signals: Code = "cma-2007"
    precipitation_grades: Code = "gbt-28592-2012"
    storm_formula: Code = "zz-f2"
    depth_classes: Code = "zz-road-2024"
    risk_matrix: Code = "wuyu-4x4"
    likelihood_bands: Code = "fgs-bands"
    response_levels: Code = "zz-practice"
    five_pre: Code = "s-research"
    land_cover: Code = "erqi-lc-8"
    impact_depths: Code = "wuyu-depths-1"
    vulnerability: Code = "wuyu-kinds-1"
    order_criteria: Code = "wuyu-orders-1"
    town_criteria: Code = "wuyu-towns-1"
    now_orders: Code = "wuyu-now-1"
    action_times: Code = "wuyu-times-1"
    observation_sources: Code = "wuyu-sources-1"


_PHONE = r"^\+?[0-9][0-9 -]{2,30}$"


class UpwardContact(Record):
    """Someone to turn to when a town or an officer does not answer.

    Attributes
    ----------
    name, phone : str
    mailbox : str or None
        Told by mail as well, if there is one.
    """

    name: Text
    phone: Annotated[str, Field(pattern=_PHONE)]
    mailbox: Annotated[str, AfterValidator(_mailbox)] | None = None


class WarningSettings(Record):
    """How warnings are decided.

    Attributes
    ----------
    horizon_h : int
        Hours ahead that are scored.
    past_h : int
        Hours of observed rain that are read.
    lead_h : int
        Hours of forecast that are read.
    valid_h : int
        Hours for which a warning holds unless renewed.
    downgrade_after_cycles : int
        Looks in a row, each an hour later and on newer data, that must be lower before a warning is lowered.
    minimum_duration_h : int
        Hours a warning stands before it may be ended.
    approval_from : str
        Level from which an officer must approve.
    approval_deadline_min : dict of str to float
        Minutes for the approval, by level.
    duty_chain : tuple of UpwardContact
        Officers who may approve, in the order in which they are called; each has one deadline, then the next is called.
    second_person_from : str or None
        Level from which two different officers must sign; None: one is enough.
    budget : dict of str to float
        Most warnings of a level or above that a town should get in a flood season, on average over many years; what
        `wuyu verify budget --years` compares.
    office : Name
        Office that issues warnings, as messages call it.
    office_phone : str or None
        Telephone of the office that issues warnings, printed on every message; None: that of the first of the chain.
    """

    horizon_h: Annotated[int, Field(ge=1, le=240)] = 24
    past_h: Annotated[int, Field(ge=1, le=720)] = 72
    lead_h: Annotated[int, Field(ge=1, le=360)] = 72
    valid_h: Annotated[int, Field(ge=1, le=72)] = 6
    downgrade_after_cycles: Annotated[int, Field(ge=1, le=24)] = 3
    minimum_duration_h: Annotated[int, Field(ge=0, le=72)] = 3
    approval_from: LevelName = "orange"
    approval_deadline_min: dict[LevelName, Annotated[float, Field(ge=0.1, le=240)]] = Field(
        default={"orange": 15, "red": 10}
    )
    duty_chain: tuple[UpwardContact, ...] = ()
    second_person_from: LevelName | None = None
    budget: dict[LevelName, Annotated[float, Field(gt=0)]] = Field(
        default={"blue": 6.0, "yellow": 4.0, "orange": 2.0, "red": 1.0}
    )
    office: Name = Name(zh="区防汛值班室", en="the duty office")
    office_phone: Annotated[str, Field(pattern=_PHONE)] | None = None

    @property
    def phone_told(self) -> str:
        """Telephone of the issuing office that messages print; empty if none is named."""
        if self.office_phone is not None:
            return self.office_phone
        return self.duty_chain[0].phone if self.duty_chain else ""

    @model_validator(mode="after")
    def _second_person_where_one_is_asked(self) -> Self:
        levels: tuple[LevelName, ...] = ("blue", "yellow", "orange", "red")
        second = self.second_person_from
        if second is not None and levels.index(second) < levels.index(self.approval_from):
            raise ValueError(f"second_person_from ({second}) must not be below approval_from ({self.approval_from})")
        return self

    @model_validator(mode="after")
    def _deadline_where_approval_is_asked(self) -> Self:
        if not self.approval_deadline_min:
            raise ValueError("approval_deadline_min must give the minutes of at least one level")
        return self

    @model_validator(mode="after")
    def _horizon_within_forecast(self) -> Self:
        if self.horizon_h > self.lead_h:
            raise ValueError("horizon_h must not be longer than lead_h")
        return self


class AcknowledgementSettings(Record):
    """How an answer to every bulletin is asked for, and what follows if none comes.

    Attributes
    ----------
    base_url : str or None
        Where the acknowledgement page can be reached by the towns; without it mails carry the code only.
    deadline_min : dict of str to int
        Minutes for an answer, by level; a level that is not named is never escalated.
    next_step_min : dict of str to int
        Minutes between the further steps (second contact, phone list, upward); the deadline again if not named.
    now_min : int
        Minutes for an answer to a message that water stands; without one the duty desk is asked to call.
    upward : tuple of UpwardContact
        The last step.
    feedback_days : int
        Days for which a town may say what was flooded.
    """

    base_url: Annotated[str, AfterValidator(_page_url)] | None = None
    deadline_min: dict[LevelName, Annotated[int, Field(ge=1, le=1440)]] = Field(
        default={"red": 10, "orange": 15, "yellow": 60}
    )
    next_step_min: dict[LevelName, Annotated[int, Field(ge=1, le=1440)]] = Field(
        default={"red": 5, "orange": 10, "yellow": 30}
    )
    now_min: Annotated[int, Field(ge=1, le=240)] = 10
    upward: tuple[UpwardContact, ...] = ()
    feedback_days: Annotated[int, Field(ge=1, le=60)] = 7


class QualitySettings(Record):
    """What the district knows of its own rain, for the quality tests of its gauges.

    Attributes
    ----------
    monthly_max_mm : tuple of 12 floats or None, or None
        Rain of one hour [mm] above which a value is doubtful in the month (UTC, January first); None in place of a
        month, or of the table, leaves it untested.
    monthly_dry_h : tuple of 12 floats or None, or None
        Hours without rain above which a dry run is doubtful in the month, likewise.
    source : str or None
        Where the tables come from; required with them.
    """

    monthly_max_mm: (
        Annotated[tuple[Annotated[float, Field(gt=0, le=401)] | None, ...], Field(min_length=12, max_length=12)] | None
    ) = None
    monthly_dry_h: (
        Annotated[tuple[Annotated[float, Field(gt=0, le=8784)] | None, ...], Field(min_length=12, max_length=12)] | None
    ) = None
    source: Text | None = None

    @model_validator(mode="after")
    def _sourced(self) -> Self:
        for name in ("monthly_max_mm", "monthly_dry_h"):
            if getattr(self, name) is not None and self.source is None:
                raise ValueError(f"{name} needs its source")
        return self


WATERLOGGING_EVENT = "11A02"
"""Event code of waterlogging in ``data/standards/event_codes.csv``."""
_WEATHER_EVENTS = "11B"


class CapSettings(Record):
    """Fixed parts of CAP messages."""

    sender: Annotated[str, Field(min_length=1), AfterValidator(_cap_sender)] = "duty@wuyu.example"
    sector_code: Code = "000"
    event_code: Code = WATERLOGGING_EVENT

    @property
    def own_event_code(self) -> str:
        """The event code, but never one of the weather office (group 11B): then that of waterlogging."""
        return WATERLOGGING_EVENT if self.event_code.startswith(_WEATHER_EVENTS) else self.event_code


class SeasonsSettings(Record):
    """First and last day of the flood season and of its key period, as MM-DD."""

    flood_season: tuple[MonthDay, MonthDay] = ("05-15", "09-30")
    key_period: tuple[MonthDay, MonthDay] = ("07-16", "08-15")

    @field_validator("flood_season", "key_period")
    @classmethod
    def _days_are_in_order(cls, value: tuple[str, str]) -> tuple[str, str]:
        if value[0] > value[1] or "02-29" in value:
            raise ValueError("must begin and end within one year, first day first, on days that every year has")
        return value


class StageName(Name):
    """One of the five stages under the district's own words."""

    id: Literal["outlook", "forecast", "warning", "rehearsal", "plan"]


class DistrictSettings(Record):
    """All settings of a district.

    Attributes
    ----------
    district : DistrictIdentity
    layers : LayersSettings
    rasters : RastersSettings
    standards : StandardsSettings
    warning : WarningSettings
    acknowledgement : AcknowledgementSettings
    command : tuple of CommandPost
        Posts of the flood command; empty where the district does not say.
    feeds : tuple of AnyFeedSettings
        Told apart by `source`; a folder if it is not stated.
    mail : MailSettings
    channels : tuple of AnyChannelSettings
        Ways out beside mail, told apart by `kind`.
    brief : BriefSettings
    watch : WatchSettings
    retention : RetentionSettings
    quality : QualitySettings
    cap : CapSettings
    seasons : SeasonsSettings
    five_pre : tuple of StageName or None
        None takes the profile named in `standards.five_pre`.
    model : LearnedModelSettings or None
        None: the physical probability stands alone.
    rain_error : RainErrorSettings or None
        None: the prior, see `risk_models.district.rain_error`.
    rain_record : RainRecordSettings or None
        Long record for the outlook; None: what the gauge feed has gathered.
    seasonal_forecasts : str or None
        Table of tercile forecasts (CSV) or a SEAS5-style NetCDF file.
    important_periods : tuple of ImportantPeriod
    reports : ReportSettings
    """

    district: DistrictIdentity
    layers: LayersSettings
    rasters: RastersSettings
    standards: StandardsSettings = StandardsSettings()
    warning: WarningSettings = WarningSettings()
    acknowledgement: AcknowledgementSettings = AcknowledgementSettings()
    command: tuple[CommandPost, ...] = ()
    feeds: tuple[AnyFeedSettings, ...] = ()
    mail: MailSettings = MailSettings()
    channels: Channels = ()
    brief: BriefSettings = BriefSettings()
    watch: WatchSettings = WatchSettings()
    retention: RetentionSettings = RetentionSettings()
    quality: QualitySettings = QualitySettings()
    cap: CapSettings = CapSettings()
    seasons: SeasonsSettings = SeasonsSettings()
    five_pre: tuple[StageName, ...] | None = None
    model: LearnedModelSettings | None = None
    rain_error: RainErrorSettings | None = None
    rain_record: RainRecordSettings | None = None
    seasonal_forecasts: FilePath | None = None
    important_periods: tuple[ImportantPeriod, ...] = ()
    reports: ReportSettings = ReportSettings()

    @property
    def cycle_step_min(self) -> int:
        """Minutes from one cycle of live service to the next: as often as the fastest gauges report, ten to sixty."""
        fastest = min((60.0 * feed.table_step_h for feed in self.feeds if feed.kind == "gauge_table"), default=60.0)
        return next((step for step in (10, 15, 20, 30) if fastest <= step), 60)

    @model_validator(mode="after")
    def _what_cycles_look_back_on_is_kept(self) -> Self:
        least = -(-self.warning.past_h // 24) + _LATE_DAYS
        for name in ("raw_days", "gauge_tables_days", "risk_days"):
            days = getattr(self.retention, name)
            if days is not None and days < least:
                raise ValueError(
                    f"retention.{name} ({days}) must be at least {least}: cycles look back {self.warning.past_h} h "
                    f"(warning.past_h), and may be {_LATE_DAYS} days late"
                )
        return self

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        listed = {
            "feeds": self.feeds,
            "five_pre": self.five_pre or (),
            "important_periods": self.important_periods,
            "reports.departments": self.reports.departments,
        }
        for what, ids in listed.items():
            names = [item.id for item in ids]
            if len(set(names)) < len(names):
                raise ValueError(f"{what}: every id may stand once only")
        return self
