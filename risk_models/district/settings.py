"""The settings of a district: `district.yaml` as typed records. No key is unknown, no datum is left unsaid."""

from __future__ import annotations

import re
import zoneinfo
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

import pyproj
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from risk_models.district.cells import EMAIL

__all__ = [
    "SETTINGS_FILE",
    "CapSettings",
    "Datum",
    "DistrictIdentity",
    "DistrictSettings",
    "FeedSettings",
    "LayerSettings",
    "LayersSettings",
    "MailSettings",
    "Name",
    "RasterSettings",
    "SeasonsSettings",
    "StageName",
    "StandardsSettings",
    "TableSettings",
    "WarningSettings",
]

SETTINGS_FILE = "district.yaml"

Datum = Literal["WGS84", "CGCS2000", "GCJ-02", "BD-09"]
LevelName = Literal["blue", "yellow", "orange", "red"]

_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _relative_path(value: str) -> str:
    parts = PurePosixPath(value).parts
    if not parts or value.startswith("/") or ".." in parts or re.search(r'[\\:*?"<>|\x00-\x1f]', value):
        raise ValueError("must be a path relative to the district folder, inside it, with '/' between folders")
    return value


def _projected_crs(value: str) -> str:
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


def _sender(value: str) -> str:
    match = re.fullmatch(r"(?:[^<>@,;\x00-\x1f\x7f]*<([^<>]+)>|([^<>\s]+))", value)
    if match is None or EMAIL.fullmatch(match.group(1) or match.group(2)) is None:
        raise ValueError("must be one e-mail address, with or without a name: 名称 <name@host>")
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


Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
FilePath = Annotated[str, AfterValidator(_relative_path)]
MonthDay = Annotated[str, AfterValidator(_month_day)]


class Record(BaseModel):
    """A frozen part of the settings that accepts no unknown key."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class TableSettings(Record):
    """A table without geometry: where it is and how its columns are called there.

    Attributes
    ----------
    path : str
        Relative to the district folder.
    datum : str or None
        Needless here; accepted so that all layers look alike.
    columns : dict of str to str
        Contract name to the name in the file, where they differ.
    layer : str or None
        Layer of a GeoPackage or sheet of a workbook; the first by default.
    """

    path: FilePath
    datum: Datum | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    layer: str | None = None


class LayerSettings(TableSettings):
    """A table with geometry; its datum must be stated."""

    datum: Datum


class LayersSettings(Record):
    """The nine tables."""

    towns: LayerSettings
    communities: LayerSettings
    hotspots: LayerSettings
    gauges: LayerSettings
    facilities: LayerSettings
    shelters: LayerSettings
    teams: LayerSettings
    plans: TableSettings
    history: TableSettings


class RasterSettings(Record):
    """One raster."""

    path: FilePath


class RastersSettings(Record):
    """The two rasters."""

    dem: RasterSettings
    land_cover: RasterSettings


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
        Cycles in a row that must be lower before a warning is lowered.
    minimum_duration_h : int
        Hours a warning stands before it may be ended.
    approval_from : str
        Level from which an officer must approve.
    approval_deadline_min : dict of str to int
        Minutes for the approval, by level.
    """

    horizon_h: Annotated[int, Field(ge=1, le=240)] = 24
    past_h: Annotated[int, Field(ge=1, le=720)] = 72
    lead_h: Annotated[int, Field(ge=1, le=360)] = 72
    valid_h: Annotated[int, Field(ge=1, le=72)] = 6
    downgrade_after_cycles: Annotated[int, Field(ge=1, le=24)] = 3
    minimum_duration_h: Annotated[int, Field(ge=0, le=72)] = 3
    approval_from: LevelName = "orange"
    approval_deadline_min: dict[LevelName, Annotated[int, Field(ge=1, le=240)]] = {"orange": 15, "red": 10}

    @model_validator(mode="after")
    def _horizon_within_forecast(self) -> Self:
        if self.horizon_h > self.lead_h:
            raise ValueError("horizon_h must not be longer than lead_h")
        return self


class FeedSettings(Record):
    """A source of rain: files below the district folder.

    Attributes
    ----------
    id : str
    kind : {"gauge_table", "ensemble_netcdf"}
    path : str
    stale_after_h : float
        Age of the newest value from which the feed counts as late [h].
    """

    id: Code
    kind: Literal["gauge_table", "ensemble_netcdf"]
    path: FilePath
    stale_after_h: Annotated[float, Field(gt=0, le=240)]


class MailSettings(Record):
    """The sender of mail, and whether it is meant."""

    sender: Annotated[str, AfterValidator(_sender)] = "duty@wuyu.example"
    status: Literal["Actual", "Exercise", "Test"] = "Exercise"


class CapSettings(Record):
    """Fixed parts of CAP messages."""

    sender: Annotated[str, Field(min_length=1), AfterValidator(_cap_sender)] = "duty@wuyu.example"
    sector_code: Code = "000"
    event_code: Code = "11B03"


class SeasonsSettings(Record):
    """First and last day of the flood season and of its key period, as MM-DD."""

    flood_season: tuple[MonthDay, MonthDay] = ("05-15", "09-30")
    key_period: tuple[MonthDay, MonthDay] = ("07-16", "08-15")


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
    feeds : tuple of FeedSettings
    mail : MailSettings
    cap : CapSettings
    seasons : SeasonsSettings
    five_pre : tuple of StageName or None
        None takes the profile named in `standards.five_pre`.
    """

    district: DistrictIdentity
    layers: LayersSettings
    rasters: RastersSettings
    standards: StandardsSettings = StandardsSettings()
    warning: WarningSettings = WarningSettings()
    feeds: tuple[FeedSettings, ...] = ()
    mail: MailSettings = MailSettings()
    cap: CapSettings = CapSettings()
    seasons: SeasonsSettings = SeasonsSettings()
    five_pre: tuple[StageName, ...] | None = None

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        for what, ids in (("feeds", self.feeds), ("five_pre", self.five_pre or ())):
            names = [item.id for item in ids]
            if len(set(names)) < len(names):
                raise ValueError(f"{what}: every id may stand once only")
        return self
