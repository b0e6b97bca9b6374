"""Writing of tables and layers, the same bytes each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import geopandas as gpd
import pandas as pd
import shapely

__all__ = ["COLUMNS", "write_geojson", "write_table"]

COLUMNS: Final = {
    "communities": "community_code community_name town_code kind population_night population_day households lon lat "
    "synthetic source",
    "hotspots": "hotspot_id hotspot_name hotspot_name_en kind town_code community_code lon lat drain_capacity_mm_h "
    "pump_capacity_m3_s close_depth_m surveyed_area_m2 surveyed_depth_m surveyed_catchment_m2 road_class daily_traffic "
    "underground_m2 owner_unit owner_name owner_phone synthetic source",
    "gauges": "gauge_id gauge_name gauge_name_en lon lat elevation_m kind synthetic source",
    "facilities": "facility_id facility_name kind town_code lon lat people below_ground synthetic source",
    "shelters": "shelter_id shelter_name town_code kind lon lat capacity_people occupied_people status phone synthetic "
    "source",
    "teams": "team_id team_name town_code kind people lon lat status pumps boats leader_name phone synthetic source",
    "plans": "plan_id plan_title plan_title_en scope_kind scope_id trigger_level owner_unit owner_unit_en actions_zh "
    "actions_en phase revised_on synthetic source",
    "buildings": "building_id floors_above floors_below structure year_built use people lon lat synthetic source",
    "history": "event_id started_at ended_at hotspot_id rain_mm rain_window_h depth_m effect_zh effect_en confidence "
    "synthetic source",
}


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write the contract columns of a table as UTF-8 CSV with Unix line ends.

    Parameters
    ----------
    table : pandas.DataFrame
        Table whose name is the stem of ``path``.
    path : pathlib.Path
        File to write; booleans become ``true`` and ``false``, missing values empty cells.
    """
    chosen = table[COLUMNS[path.stem].split()]
    for column in chosen.select_dtypes(bool).columns:
        chosen = chosen.assign(**{column: chosen[column].map({True: "true", False: "false"})})
    chosen.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def write_geojson(layer: gpd.GeoDataFrame, path: Path, *, digits: int = 7) -> None:
    """Write a layer as GeoJSON in longitude and latitude, one feature per line.

    Parameters
    ----------
    layer : geopandas.GeoDataFrame
        Any CRS; rounded after the change, so that shared vertices stay shared.
    path : pathlib.Path
        File to write.
    digits : int
        Decimals of the degrees (7 is about 1 cm).
    """
    layer = layer.to_crs("EPSG:4326")
    features = []
    for record in layer.itertuples(index=False):
        properties = {key: value for key, value in record._asdict().items() if key != "geometry"}
        shape = shapely.transform(record.geometry, lambda points: points.round(digits))
        geometry = json.loads(shapely.to_geojson(shapely.orient_polygons(shape)))
        features.append(
            json.dumps({"type": "Feature", "properties": properties, "geometry": geometry}, ensure_ascii=False)
        )
    head = '{"type": "FeatureCollection", "name": "' + path.stem + '", "features": [\n'
    path.write_text(head + ",\n".join(features) + "\n]}\n", encoding="utf-8")
