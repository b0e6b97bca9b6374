"""Settings that name files below the district folder: tables, rasters, a learned model, the rain error."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = [
    "Datum",
    "FilePath",
    "LayerSettings",
    "LayersSettings",
    "LearnedModelSettings",
    "RainErrorSettings",
    "RasterSettings",
    "RastersSettings",
    "TableSettings",
]

Datum = Literal["WGS84", "CGCS2000", "GCJ-02", "BD-09"]


def _relative_path(value: str) -> str:
    parts = PurePosixPath(value).parts
    if not parts or value.startswith("/") or ".." in parts or re.search(r'[\\:*?"<>|\x00-\x1f]', value):
        raise ValueError("must be a path relative to the district folder, inside it, with '/' between folders")
    return value


FilePath = Annotated[str, AfterValidator(_relative_path)]


class Record(BaseModel):
    """A frozen part of the settings that accepts no unknown key."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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
    """The nine tables, and those that a district may add: of the risk census, and of what is out of order."""

    towns: LayerSettings
    communities: LayerSettings
    hotspots: LayerSettings
    gauges: LayerSettings
    facilities: LayerSettings
    shelters: LayerSettings
    teams: LayerSettings
    plans: TableSettings
    history: TableSettings
    buildings: LayerSettings | None = None
    roads: LayerSettings | None = None
    outages: TableSettings | None = None


class RasterSettings(Record):
    """One raster."""

    path: FilePath


class RastersSettings(Record):
    """The two rasters, and the grids of people that a district may add."""

    dem: RasterSettings
    land_cover: RasterSettings
    population_day: RasterSettings | None = None
    population_night: RasterSettings | None = None


class LearnedModelSettings(Record):
    """A susceptibility model learned from the district's own record.

    Attributes
    ----------
    path : str
        ``*.skops``, relative to the district folder.
    sha256 : str
        Checksum that the file must have.
    n_events : int or None
        Recorded floods it was learned from, for the reader: what counts stands in the file.
    """

    path: FilePath
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    n_events: Annotated[int, Field(ge=0, le=1_000_000)] | None = None


class RainErrorSettings(Record):
    """How far rain may be off here, learned from the district's own archive of forecasts and gauges.

    Attributes
    ----------
    path : str
        ``*.json`` of `wuyu learn`, relative to the district folder.
    """

    path: FilePath
