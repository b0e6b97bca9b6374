"""All tables of the district, built together and written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely

from data.builder.census import build_buildings, build_roads
from data.builder.gauges import build_gauges
from data.builder.hotspots import build_hotspots
from data.builder.places import build_communities
from data.builder.plans import build_plans
from data.builder.relief import Relief, build_relief
from data.builder.responders import build_facilities, build_shelters, build_teams
from data.builder.sources import Sources, read_sources
from data.builder.towns import build_towns
from data.builder.writing import write_geojson, write_table

__all__ = ["DistrictTables", "build_tables", "write_tables"]


@dataclass(frozen=True)
class DistrictTables:
    """Everything built but the rasters and the storm.

    Attributes
    ----------
    sources : Sources
        What the build started from.
    relief : Relief
        Bare relief.
    towns : geopandas.GeoDataFrame
        Layer of towns, projected CRS.
    tables : dict of str to pandas.DataFrame
        The other layers by contract name.
    """

    sources: Sources
    relief: Relief
    towns: gpd.GeoDataFrame
    tables: dict[str, pd.DataFrame]


def _history(sources: Sources, hotspots: pd.DataFrame) -> pd.DataFrame:
    """Return the reported floodings with the id of each named hotspot."""
    ids = hotspots.set_index("hotspot_name")["hotspot_id"]
    return sources.history.assign(hotspot_id=sources.history["hotspot_name"].map(ids), synthetic=False)


@cache
def build_tables() -> DistrictTables:
    """Build every table of the district from ``data/sources``.

    Returns
    -------
    DistrictTables
        The same values each time.
    """
    sources = read_sources()
    relief = build_relief(sources)
    towns = build_towns(sources)
    rivers = shapely.union_all([course.buffer(40.0) for course in relief.courses.values()])
    dry = towns.assign(geometry=towns.difference(shapely.union(relief.still_water, rivers)))
    communities = build_communities(sources, dry)
    hotspots = build_hotspots(sources, towns, communities, relief)
    facilities = build_facilities(dry, communities)
    tables = {
        "communities": communities,
        "hotspots": hotspots,
        "gauges": build_gauges(dry, relief),
        "facilities": facilities,
        "shelters": build_shelters(dry, communities),
        "teams": build_teams(dry, communities),
        "plans": build_plans(towns, communities, hotspots, facilities),
        "history": _history(sources, hotspots),
        "buildings": build_buildings(dry, communities, hotspots),
    }
    return DistrictTables(sources=sources, relief=relief, towns=towns, tables=tables)


def write_tables(built: DistrictTables, directory: Path) -> None:
    """Write the layers of towns and roads and the nine tables into a district folder.

    Parameters
    ----------
    built : DistrictTables
        What :func:`build_tables` returned.
    directory : pathlib.Path
        Folder, made if absent.
    """
    directory.mkdir(parents=True, exist_ok=True)
    write_geojson(built.towns, directory / "towns.geojson")
    write_geojson(build_roads(built.sources), directory / "roads.geojson")
    for name, table in built.tables.items():
        write_table(table, directory / f"{name}.csv")
