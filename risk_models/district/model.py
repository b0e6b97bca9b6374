"""The district: everything static, loaded and checked once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from risk_models.district.cells import ParsedTable
from risk_models.district.check import Survey, survey_district
from risk_models.district.digests import content_hash, layers_of, rasters_of, register_digests
from risk_models.district.rain_error import RainError
from risk_models.district.schema import Column
from risk_models.district.settings import DistrictSettings
from risk_models.errors import BadInputError, Finding, refuse

__all__ = ["District", "district_summary", "load_district", "seated"]


@dataclass(frozen=True, kw_only=True)
class District:
    """A district folder, loaded and checked.

    Every table is indexed by its id and keeps the order of its file. Blank optional cells are "" in text, NaN in
    numbers, <NA> in whole numbers, NaT in times. Times are UTC. Geometry is in `settings.district.projected_crs`;
    `lon` and `lat` are WGS84.

    Attributes
    ----------
    root : Path
        The folder in which the register is kept up, feeds arrive and outages are noted.
    settings : DistrictSettings
    towns : GeoDataFrame
        Polygons.
    communities, hotspots, gauges, facilities, shelters, teams : GeoDataFrame
        Points.
    plans, history : DataFrame
    rasters : dict of str to Path
        ``dem`` [m] and ``land_cover`` [class]; ``population_day`` and ``population_night`` [people] if there.
    findings : tuple of Finding
        Warnings only.
    content_hash : str
        SHA-256 over the names and bytes of the settings, layers, rasters, model and rain error; not of `outages`, which
        change from hour to hour, nor of the rain record and the seasonal forecasts, on which nothing static depends.
    buildings, roads : GeoDataFrame or None
        Layers of the risk census; None where the district has none.
    outages : DataFrame or None
        Drains and pumps out of order; None where the district keeps no such table, or a faulty one.
    outages_refused : tuple of Finding
        Errors in that table. It is edited in the middle of a storm, so a slip there must not stop the scoring: the
        table is left out as a whole, and whoever uses it says so.
    model_path : Path or None
        File of the learned model of `settings.model`; None where it names none, or one that was refused.
    model_refused : tuple of Finding
        Errors of that file. A district goes on without a learned model, and whoever scores says so.
    rain_error : RainError
        How far rain may be off, by source and lead; the prior where the district has none of its own, or a faulty one.
    rain_error_refused : tuple of Finding
        Errors of the district's own. A district goes on with the prior, and whoever scores says so.
    """

    root: Path
    settings: DistrictSettings
    towns: gpd.GeoDataFrame
    communities: gpd.GeoDataFrame
    hotspots: gpd.GeoDataFrame
    gauges: gpd.GeoDataFrame
    facilities: gpd.GeoDataFrame
    shelters: gpd.GeoDataFrame
    teams: gpd.GeoDataFrame
    plans: pd.DataFrame
    history: pd.DataFrame
    rasters: dict[str, Path]
    findings: tuple[Finding, ...]
    content_hash: str
    buildings: gpd.GeoDataFrame | None = None
    roads: gpd.GeoDataFrame | None = None
    outages: pd.DataFrame | None = None
    outages_refused: tuple[Finding, ...] = ()
    model_path: Path | None = None
    model_refused: tuple[Finding, ...] = ()
    rain_error: RainError = field(default_factory=RainError.prior)
    rain_error_refused: tuple[Finding, ...] = ()


def load_district(path: str | Path, *, live: Path | None = None, was_good: bool = False) -> District:
    """Load a district folder.

    Parameters
    ----------
    path : str or Path
        The folder that holds `district.yaml`.
    live : Path, optional
        The folder of which `path` holds a copy: then `root`, the feeds and the table of outages are of that one.
    was_good : bool
        The copy has passed its check before: where a feed of `live` lies now is not held against it.

    Returns
    -------
    District

    Raises
    ------
    BadInputError
        If there is any error outside `outages`, the learned model and the rain error; carries every error finding.

    Examples
    --------
    >>> load_district("no-such-folder")
    Traceback (most recent call last):
    ...
    BadInputError: district no-such-folder: 1 problem
    """
    survey = survey_district(path, live=live)
    forgiven = {"outside-folder"} if was_good else set()
    errors = [one for one in survey.findings if one.severity == "error" and one.code not in forgiven]
    settings = survey.settings_file.settings
    refused = tuple(finding for finding in errors if settings is not None and _is_of_outages(finding, settings))
    model_refused = tuple(finding for finding in errors if settings is not None and _is_of_model(finding, settings))
    rain_refused = tuple(finding for finding in errors if settings is not None and _is_of_rain_error(finding, settings))
    if len(errors) > len(refused) + len(model_refused) + len(rain_refused) or settings is None:
        raise BadInputError(f"district {Path(path).name}", errors)
    digests = register_digests(survey.root, settings)
    for relative in [name for name, found in digests.items() if not found]:
        refuse(
            relative, "unreadable", "the file went away while it was read", fix="check again when it is in its place"
        )
    layers = [name for name in layers_of(settings) if not (refused and name == "outages")]
    tables: dict[str, Any] = {name: _frame(survey, name, settings.district.projected_crs) for name in layers}
    rasters = {name: survey.root / getattr(settings.rasters, name).path for name in rasters_of(settings)}
    return District(
        root=survey.live,
        settings=settings,
        rasters=rasters,
        findings=tuple(survey.findings),
        content_hash=content_hash(digests),
        outages_refused=refused,
        model_path=survey.root / settings.model.path if settings.model and not model_refused else None,
        model_refused=model_refused,
        rain_error=survey.rain_error,
        rain_error_refused=rain_refused,
        **tables,
    )


def seated(district: District, folder: Path) -> District:
    """Return the district with rasters and model in another folder, which holds the same bytes.

    Parameters
    ----------
    district : District
    folder : Path

    Returns
    -------
    District
    """
    settings = district.settings
    rasters = {name: folder / getattr(settings.rasters, name).path for name in district.rasters}
    model = settings.model if district.model_path is not None else None
    return replace(district, rasters=rasters, model_path=folder / model.path if model else None)


def district_summary(district: District) -> dict[str, Any]:
    """Count what a district holds.

    Parameters
    ----------
    district : District

    Returns
    -------
    dict
        Plain numbers by name; ``hotspots_by_kind`` is a dict in falling order of count.
    """
    by_kind = district.hotspots["kind"].value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return {
        "code": district.settings.district.code,
        "name_zh": district.settings.district.name.zh,
        "name_en": district.settings.district.name.en,
        "demonstration": district.settings.district.demonstration,
        "towns": len(district.towns),
        "communities": len(district.communities),
        "population_night": int(district.towns["population_night"].sum()),
        "hotspots": len(district.hotspots),
        "hotspots_by_kind": {str(kind): int(count) for kind, count in by_kind.items()},
        "gauges": len(district.gauges),
        "facilities": len(district.facilities),
        "shelters": len(district.shelters),
        "shelter_capacity": int(district.shelters["capacity_people"].sum()),
        "teams": len(district.teams),
        "team_people": int(district.teams["people"].sum()),
        "plans": len(district.plans),
        "history": len(district.history),
        "outages": 0 if district.outages is None else len(district.outages),
        "area_km2": round(float(district.towns.geometry.area.sum()) / 1e6, 1),
        "warnings": len(district.findings),
        "content_hash": district.content_hash,
    }


def _is_of_outages(finding: Finding, settings: DistrictSettings) -> bool:
    layer = settings.layers.outages
    return layer is not None and finding.file == layer.path


def _is_of_model(finding: Finding, settings: DistrictSettings) -> bool:
    return settings.model is not None and finding.file == settings.model.path


def _is_of_rain_error(finding: Finding, settings: DistrictSettings) -> bool:
    return settings.rain_error is not None and finding.file == settings.rain_error.path


def _frame(survey: Survey, name: str, crs: str) -> pd.DataFrame:
    parsed = survey.tables[name]
    frame = pd.DataFrame({column.name: _series(parsed, column) for column in parsed.table.columns})
    shapes: Any = None
    if parsed.table.shape == "polygon":
        shapes = survey.polygons
    elif parsed.table.shape in ("line", "place"):
        shapes = survey.shapes[name]
    elif parsed.table.shape == "point":
        points = survey.points[name]
        frame["lon"], frame["lat"], shapes = points.lon, points.lat, points.shapes
    if shapes is not None:
        frame = gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(shapes, index=frame.index, crs=crs), crs=crs)
    return frame.set_index(parsed.table.key)


def _series(parsed: ParsedTable, column: Column) -> pd.Series[Any]:
    values = parsed.values[column.name]
    if column.kind == "number":
        return pd.Series(values, dtype="float64")
    if column.kind == "integer":
        return pd.Series(values, dtype="int64" if column.required else "Int64")
    if column.kind == "boolean":
        return pd.Series(values, dtype="bool" if column.required else "boolean")
    if column.kind == "date":
        return pd.Series(pd.to_datetime(values)).astype("datetime64[ns]")
    if column.kind == "time":
        return pd.Series(pd.to_datetime(values, utc=True)).astype("datetime64[ns, UTC]")
    return pd.Series(["" if value is None else value for value in values], dtype="str")
