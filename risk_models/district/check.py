"""Everything that is wrong with a district folder, in one list."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from shapely import union_all
from shapely.geometry.base import BaseGeometry

from risk_models.district.cells import ParsedTable, parse_table
from risk_models.district.check_reports import check_reports
from risk_models.district.contracts import OPTIONAL_RASTERS, OPTIONAL_TABLES, RASTERS, TABLES
from risk_models.district.places import (
    Points,
    check_points,
    check_shapes,
    check_towns,
    locate_points,
    locate_polygons,
    locate_shapes,
)
from risk_models.district.rain_error import RainError, read_rain_error
from risk_models.district.rasters import check_raster
from risk_models.district.readers import read_table, resolve_inside
from risk_models.district.relations import check_relations, expired_outages
from risk_models.district.settings import DistrictSettings
from risk_models.district.settingsfile import SettingsFile, read_settings
from risk_models.errors import BadInputError, Finding, Severity

__all__ = ["Survey", "check_district", "survey_district"]

# A district without these cannot be warned; the other tables may be filled later.
_NEVER_EMPTY = ("towns", "hotspots", "gauges")
_OFTEN_EMPTY = ("outages",)


@dataclass
class Survey:
    """A district folder as it was found.

    Attributes
    ----------
    root : Path
    live : Path
        The folder of feeds, outages and what reports read; `root` itself, unless that is a copy of a register.
    settings_file : SettingsFile
    tables : dict of str to ParsedTable
        Those that could be read.
    polygons : list of geometry or None
        Of the towns, in the district's CRS.
    points : dict of str to Points
    shapes : dict of str to list of geometry or None
        Of the optional layers that are there.
    rain_error : RainError
        The prior, unless the district names a good one.
    findings : list of Finding
        Ordered by file, row, column.
    """

    root: Path
    live: Path
    settings_file: SettingsFile
    tables: dict[str, ParsedTable] = field(default_factory=dict)
    polygons: list[BaseGeometry | None] = field(default_factory=list)
    points: dict[str, Points] = field(default_factory=dict)
    shapes: dict[str, list[BaseGeometry | None]] = field(default_factory=dict)
    rain_error: RainError = field(default_factory=RainError.prior)
    findings: list[Finding] = field(default_factory=list)


def check_district(path: str | Path, *, now: datetime | None = None) -> list[Finding]:
    """List every problem of a district folder; never raises for bad content.

    Parameters
    ----------
    path : str or Path
        The folder that holds `district.yaml`.
    now : datetime, optional
        Timezone-aware; then outages that have expired by then are told as well.

    Returns
    -------
    list of Finding
        Errors and warnings ordered by file, row and column; empty if there is nothing to say.

    Examples
    --------
    >>> [finding.code for finding in check_district("no-such-folder")]
    ['missing-file']
    """
    survey = survey_district(path)
    if now is None or "outages" not in survey.tables:
        return survey.findings
    return _ordered([*survey.findings, *expired_outages(survey.tables["outages"], now)])


def survey_district(path: str | Path, *, live: Path | None = None) -> Survey:
    """Read all that can be read of a district folder, with the findings.

    Parameters
    ----------
    path : str or Path
    live : Path, optional
        As `load_district` takes it.

    Returns
    -------
    Survey

    Examples
    --------
    >>> survey_district("no-such-folder").tables
    {}
    """
    root = Path(path)
    survey = Survey(root, live or root, read_settings(root))
    findings = list(survey.settings_file.findings)
    settings = survey.settings_file.settings
    if settings is None:
        if survey.settings_file.yaml.data is not None:
            findings.append(_not_checked(survey.settings_file.yaml.name))
    else:
        findings.extend(_read_tables(survey, settings))
        findings.extend(check_relations(survey.tables))
        area = _check_places(survey, settings, findings)
        findings.extend(_rasters(survey, settings, area))
        findings.extend(_feeds(survey, settings))
        findings.extend(_model(survey, settings))
        findings.extend(_rain_error(survey, settings))
        findings.extend(_event_code(survey, settings))
        findings.extend(check_reports(survey.live, settings, survey.tables, survey.settings_file.yaml))
    survey.findings = _ordered(findings)
    return survey


def _not_checked(file: str) -> Finding:
    message = "tables and rasters were not looked at, because the settings cannot be used"
    return Finding(code="not-checked", message=message, file=file, fix="mend the settings first", severity="warning")


def _ordered(findings: Iterable[Finding]) -> list[Finding]:
    unique = dict.fromkeys(findings)
    return sorted(unique, key=lambda f: (f.file, f.row or 0, f.column or "", f.code, f.message))


def _read_tables(survey: Survey, settings: DistrictSettings) -> Iterator[Finding]:
    for name, table in (TABLES | OPTIONAL_TABLES).items():
        layer = getattr(settings.layers, name)
        if layer is None or name in survey.settings_file.skipped:
            continue
        try:
            raw = read_table(survey.live if name == "outages" else survey.root, layer.path, layer=layer.layer)
        except BadInputError as error:
            yield from error.findings
            continue
        parsed, findings = parse_table(raw, table, layer.columns)
        survey.tables[name] = parsed
        yield from findings
        if not raw.rows and name not in _OFTEN_EMPTY:
            severity: Severity = "error" if name in _NEVER_EMPTY else "warning"
            message = f"the table {name} has no rows"
            yield Finding(code="empty-table", message=message, file=raw.file, fix="fill it in", severity=severity)
        if raw.from_projected and getattr(layer, "datum", None) in ("GCJ-02", "BD-09"):
            message = "the file states a reference system that is not in degrees, so it cannot be " + layer.datum
            accepted = "WGS84 or CGCS2000"
            yield Finding(code="wrong-datum", message=message, file=raw.file, value=layer.datum, accepted=accepted)


def _check_places(survey: Survey, settings: DistrictSettings, findings: list[Finding]) -> BaseGeometry | None:
    """Locate towns and points, add what is wrong with them, and return the union of the towns."""
    crs = settings.district.projected_crs
    if "towns" not in survey.tables or "towns" in survey.settings_file.undated:
        return None
    parsed = survey.tables["towns"]
    survey.polygons = locate_polygons(parsed, settings.layers.towns.datum, crs)
    findings.extend(check_towns(parsed, survey.polygons))
    codes = parsed.values["town_code"]
    towns = {
        code: shape for code, shape in zip(codes, survey.polygons, strict=True) if code and shape and shape.is_valid
    }
    for name, table in survey.tables.items():
        if table.table.shape not in ("point", "line", "place") or name in survey.settings_file.undated:
            continue
        datum = getattr(settings.layers, name).datum
        if table.table.shape != "point":
            survey.shapes[name] = locate_shapes(table, datum, crs)
            findings.extend(check_shapes(table, survey.shapes[name], towns if len(towns) == len(codes) else {}))
            continue
        survey.points[name] = locate_points(table, datum, crs)
        # With a town missing from the union, points in it would seem to lie outside.
        if towns and len(towns) == len(codes):
            findings.extend(check_points(table, survey.points[name], towns, datum=datum, crs=crs))
    return union_all(list(towns.values())) if towns else None


def _rasters(survey: Survey, settings: DistrictSettings, area: BaseGeometry | None) -> Iterator[Finding]:
    for name, raster in (RASTERS | OPTIONAL_RASTERS).items():
        given = getattr(settings.rasters, name)
        if given is not None and name not in survey.settings_file.skipped:
            relative = given.path
            yield from check_raster(survey.root, relative, raster, settings.district.projected_crs, area)


def _model(survey: Survey, settings: DistrictSettings) -> Iterator[Finding]:
    if settings.model is None:
        return
    try:
        path = resolve_inside(survey.root, settings.model.path)
    except BadInputError as error:
        yield from error.findings
        return
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != settings.model.sha256:
        message, accepted = "the model file is not the one that was named", settings.model.sha256
        fix = "name the checksum of the file that was reviewed"
        yield Finding(
            code="other-checksum", message=message, file=settings.model.path, value=found, accepted=accepted, fix=fix
        )


def _rain_error(survey: Survey, settings: DistrictSettings) -> Iterator[Finding]:
    if settings.rain_error is None:
        return
    try:
        path = resolve_inside(survey.root, settings.rain_error.path)
        survey.rain_error = read_rain_error(path, file=settings.rain_error.path)
    except BadInputError as error:
        yield from error.findings


def _event_code(survey: Survey, settings: DistrictSettings) -> Iterator[Finding]:
    told, sent = settings.cap.event_code, settings.cap.own_event_code
    if told != sent:
        yaml = survey.settings_file.yaml
        yield Finding(
            code="weather-event",
            message="the event code is one of the weather office, whose warnings this program does not issue",
            file=yaml.name,
            row=yaml.line(("cap", "event_code")),
            column="cap.event_code",
            value=told,
            accepted=f"{sent} (waterlogging)",
            fix=f"write {sent}; until then messages are sent with it all the same",
            severity="warning",
        )


def _feeds(survey: Survey, settings: DistrictSettings) -> Iterator[Finding]:
    yaml = survey.settings_file.yaml
    base = survey.live.resolve()
    for index, feed in enumerate(settings.feeds):
        if feed.source != "folder":
            continue
        column = f"feeds.{index}.path"
        at: dict[str, Any] = {"file": yaml.name, "column": column, "value": feed.path}
        row = yaml.line(("feeds", index, "path"))
        target = (base / feed.path).resolve()
        if not target.is_relative_to(base):
            message = f"the path of the feed {feed.id} leaves the district folder"
            yield Finding(code="outside-folder", message=message, row=row, **at)
        elif not target.exists():
            message = f"the feed {feed.id} has no file yet"
            fix = "it counts as late until there is one"
            yield Finding(code="missing-feed", message=message, row=row, **at, fix=fix, severity="warning")
