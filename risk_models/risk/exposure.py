"""Who and what stands in harm's way around each hotspot, by day and by night, and what is at hand to help.

Two areas count. The *reach*, a circle round the hotspot, holds those who must be told and perhaps moved; it is known
before any rain and sets the vulnerability. The *contour*, the water surface at the modelled depth, holds those who
stand in the water; it is known where the district brings layers of the risk census.

Residents are shared out by exact area: from a grid of people every cell gives the share of its area that lies within;
without a grid every town gives the share of its area. So the people of areas that make up the district add up to the
people of the district.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from risk_models.district import District
from risk_models.kept import Arrays, Progress, frame_of, kept, pack_frame
from risk_models.risk.capacity import capacity_ready
from risk_models.risk.footprint import first_flooded, flooded_cells, held_below
from risk_models.risk.overlap import box_sums
from risk_models.terrain import HotspotTerrain

__all__ = [
    "DAY_HOURS",
    "EXPOSURE_RADIUS_M",
    "SENSITIVE_KINDS",
    "ContourExposure",
    "exposure_json",
    "hotspot_exposure",
    "is_day",
    "is_weak",
    "residents_in_boxes",
    "residents_within",
]

Floats = npt.NDArray[np.float64]

#: Raised whenever the same inputs may give other counts, so that an old file is not read.
REACH_VERSION, CONTOUR_VERSION = "1", "1"
#: Reach within which people and facilities count as exposed, metres (an assumption; about two street blocks).
EXPOSURE_RADIUS_M = 150.0
#: Facilities whose users cannot help themselves.
SENSITIVE_KINDS = ("hospital", "care_home", "kindergarten", "school", "metro_entrance")
#: People in such facilities, or in weak housing, within reach from which a hotspot is one class more vulnerable.
SENSITIVE_PEOPLE = 200
#: Facilities that are as full by night as by day; the others are empty at night.
NIGHT_KINDS = ("hospital", "care_home")
#: Local hours of the day, first included, last not; the rest is night (an assumption).
DAY_HOURS = (7, 19)
#: Masonry and timber houses built before this year count as weak (an assumption).
WEAK_BEFORE = 1980


def is_day(at: pd.Timestamp, timezone: str) -> bool:
    """Tell whether people are where they are by day.

    Parameters
    ----------
    at : Timestamp
        With offset.
    timezone : str
        IANA name of local time.

    Examples
    --------
    >>> [is_day(pd.Timestamp(at), "Asia/Shanghai") for at in ("2021-07-20T09:00Z", "2021-07-20T11:00Z")]
    [True, False]
    """
    return DAY_HOURS[0] <= at.tz_convert(ZoneInfo(timezone)).hour < DAY_HOURS[1]


def is_weak(buildings: pd.DataFrame) -> pd.Series:
    """Tell which buildings people live in are old masonry or timber, or have floors below ground.

    Parameters
    ----------
    buildings : DataFrame
        Table ``buildings`` of the district.

    Returns
    -------
    Series of bool
        An unknown year does not make a building weak.
    """
    is_old = buildings["structure"].isin(["masonry", "timber"]) & (buildings["year_built"] < WEAK_BEFORE).fillna(False)
    return ((buildings["use"] == "residential") & (is_old | (buildings["floors_below"] > 0))).astype(bool)


def residents_within(district: District, areas: gpd.GeoSeries, *, time: str) -> Floats:
    """Share out the people of the district by exact area.

    Parameters
    ----------
    district : District
    areas : GeoSeries of polygons (n,)
        In the projected CRS.
    time : {"day", "night"}

    Returns
    -------
    ndarray (n,)
        People in each area; areas that make up the district without overlap add up to its people.
    """
    path = district.rasters.get(f"population_{time}")
    shapes = gpd.GeoDataFrame({"area": np.arange(len(areas))}, geometry=areas.to_numpy(), crs=areas.crs)
    if path is not None:
        import rasterio  # here, because counts that are kept need neither
        from exactextract import exact_extract

        with rasterio.open(path) as raster:
            # The raster's own words for the CRS: both were checked to be the district's.
            shapes = shapes.set_crs(raster.crs.to_wkt(), allow_override=True)
        parts = exact_extract(path, shapes, "sum", include_cols="area", output="pandas")
        return np.asarray(np.nan_to_num(parts.set_index("area")["sum"].reindex(shapes["area"])), dtype=np.float64)
    towns = district.towns
    density = towns[["geometry"]].assign(people_per_m2=towns[f"population_{time}"] / towns.area)
    pieces = gpd.overlay(shapes, density.reset_index(drop=True), how="intersection", keep_geom_type=True)
    people = (pieces.area * pieces["people_per_m2"]).groupby(pieces["area"]).sum()
    return np.asarray(people.reindex(shapes["area"], fill_value=0.0), dtype=np.float64)


def residents_in_boxes(district: District, boxes: npt.NDArray[np.object_], *, time: str) -> Floats:
    """Share out the people of the district over upright boxes: as `residents_within`, and many times as fast.

    Parameters
    ----------
    district : District
    boxes : ndarray of Polygon (n,)
        Upright rectangles in the projected CRS.
    time : {"day", "night"}

    Returns
    -------
    ndarray (n,)
    """
    path = district.rasters.get(f"population_{time}")
    if path is None:
        return residents_within(district, gpd.GeoSeries(boxes, crs=district.hotspots.crs), time=time)
    import rasterio

    with rasterio.open(path) as raster:
        people = raster.read(1, masked=True).astype(np.float64).filled(np.nan)
        step = raster.transform
    grid = {"west_m": step.c, "north_m": step.f, "width_m": step.a, "height_m": -step.e}
    return box_sums(people, shapely.bounds(boxes).reshape(-1, 4), **grid)


def _people_source(district: District, time: str) -> object:
    """Return what the residents stand on: the grid, or the towns."""
    path = district.rasters.get(f"population_{time}")
    return path if path is not None else [district.towns.geometry, district.towns[f"population_{time}"]]


def hotspot_exposure(
    district: District,
    vulnerability_of_kind: Mapping[str, int],
    *,
    radius_m: float = EXPOSURE_RADIUS_M,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Count people, facilities and buildings within reach of each hotspot and class its vulnerability.

    By day a facility holds its people; at night only hospitals and care homes do. People are residents plus people in
    facilities; where a grid of people is given, which counts everyone present, the larger of the two. The vulnerability
    class is that of the kind, raised by one, up to 2, where sensitive facilities, or weak housing, within reach hold
    200 people or more.

    Parameters
    ----------
    district : District
    vulnerability_of_kind : mapping of str to int
        Vulnerability class 0-2 of each kind of hotspot.
    radius_m : float
        Reach, metres.
    cache_dir : Path, optional
        Folder in which the counts are kept; see `risk_models.kept`. Capacity, which stands on teams and shelters, is
        not.
    progress : callable, optional
        Called with a fraction (0-1) and a short text.

    Returns
    -------
    DataFrame
        Indexed by hotspot_id: people_day, people_night, people_exposed (the larger), facilities_exposed,
        sensitive_people, schools, hospitals, care_homes, metro_entrances, weak_buildings, weak_people (int),
        underground_m2 (float), road_class (the highest on or near it), vulnerability (int 0-2), capacity_ready (bool).
    """
    hotspots = district.hotspots
    stands_on = (REACH_VERSION, radius_m, DAY_HOURS, WEAK_BEFORE, *_reach_sources(district))
    arrays = kept(
        "reach", stands_on, lambda: pack_frame(_counts_within(district, radius_m)),
        directory=cache_dir, tell=progress or _quietly,
    )  # fmt: skip
    table = frame_of(arrays, "hotspot_id").astype({"road_class": object})
    base = hotspots["kind"].map(vulnerability_of_kind).astype(int)
    raised = (table["sensitive_people"] >= SENSITIVE_PEOPLE) | (table["weak_people"] >= SENSITIVE_PEOPLE)
    table["vulnerability"] = np.minimum(base + raised.astype(int), 2)
    table["capacity_ready"] = capacity_ready(district, table["people_exposed"])
    return table


def _quietly(_fraction: float, _text: str) -> None:
    return


def _reach_sources(district: District) -> list[object]:
    """Return all that `_counts_within` reads of a district."""
    hotspots, facilities, roads = district.hotspots, district.facilities, district.roads
    return [
        *(hotspots.geometry, hotspots["underground_m2"], hotspots["road_class"]),
        *(facilities.geometry, facilities["kind"], facilities["people"]),
        *(_people_source(district, time) for time in ("day", "night")),
        *_building_sources(district),
        *([] if roads is None else [roads.geometry, roads["road_class"]]),
    ]


def _building_sources(district: District) -> list[object]:
    buildings = district.buildings
    return [] if buildings is None else [buildings.geometry, buildings["people"], is_weak(buildings)]


def _counts_within(district: District, radius_m: float) -> pd.DataFrame:
    hotspots = district.hotspots
    circles = gpd.GeoSeries(hotspots.buffer(radius_m).to_numpy(), crs=hotspots.crs)
    reach = gpd.GeoDataFrame({"hotspot_id": hotspots.index}, geometry=circles, crs=hotspots.crs)
    near = gpd.sjoin(district.facilities[["kind", "people", "geometry"]], reach, predicate="within")
    table = pd.DataFrame(index=hotspots.index)
    for time in ("day", "night"):
        present = near if time == "day" else near[near["kind"].isin(NIGHT_KINDS)]
        inside = _total(present["people"], present["hotspot_id"], hotspots.index)
        residents = residents_within(district, circles, time=time)
        has_grid = f"population_{time}" in district.rasters
        people = np.maximum(residents, inside) if has_grid else residents + inside
        table[f"people_{time}"] = np.rint(people).astype(int)
    table["people_exposed"] = table[["people_day", "people_night"]].max(axis=1)
    table["facilities_exposed"] = near.groupby("hotspot_id").size().reindex(hotspots.index, fill_value=0).astype(int)
    sensitive = near[near["kind"].isin(SENSITIVE_KINDS)]
    table["sensitive_people"] = _total(sensitive["people"], sensitive["hotspot_id"], hotspots.index)
    groups = {
        "schools": ("school", "kindergarten"),
        "hospitals": ("hospital",),
        "care_homes": ("care_home",),
        "metro_entrances": ("metro_entrance",),
    }
    for name, kinds in groups.items():
        one = near[near["kind"].isin(kinds)]
        table[name] = one.groupby("hotspot_id").size().reindex(hotspots.index, fill_value=0).astype(int)
    table["underground_m2"] = hotspots["underground_m2"].fillna(0.0).to_numpy(float)
    table["weak_buildings"], table["weak_people"] = _weak_within(district, reach)
    table["road_class"] = _road_class(district, reach)
    return table


def _total(amount: pd.Series, of: pd.Series, index: pd.Index) -> npt.NDArray[np.int64]:
    total = amount.groupby(of.to_numpy()).sum().reindex(index, fill_value=0)
    return total.to_numpy().astype(np.int64)


def _weak_within(district: District, reach: gpd.GeoDataFrame) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count weak buildings that touch the reach, and their people by the share of the building within it."""
    none = np.zeros(len(reach), dtype=np.int64)
    if district.buildings is None:
        return none, none
    weak = district.buildings[is_weak(district.buildings)]
    pairs = gpd.sjoin(weak[["people", "geometry"]], reach, predicate="intersects")
    own, circle = pairs.geometry.to_numpy(), reach.geometry.to_numpy()[pairs["index_right"].to_numpy()]
    pieces = gpd.GeoSeries(own, crs=reach.crs).intersection(gpd.GeoSeries(circle, crs=reach.crs)).area.to_numpy()
    whole = pairs.area.to_numpy()
    share = np.where(whole > 0, pieces / np.where(whole > 0, whole, 1.0), 1.0)  # a point is in or out
    rows = pairs["index_right"].to_numpy()
    count = np.bincount(rows, minlength=len(reach)).astype(np.int64)
    people = np.bincount(rows, weights=share * pairs["people"].to_numpy(), minlength=len(reach))
    return count, np.rint(people).astype(np.int64)


def _road_class(district: District, reach: gpd.GeoDataFrame) -> npt.NDArray[np.object_]:
    """Return the highest class of the register and of the census roads within reach."""
    order = ["none", "local", "secondary", "primary", "trunk"]
    best = district.hotspots["road_class"].map(order.index).to_numpy(int)
    if district.roads is not None:
        pairs = gpd.sjoin(district.roads[["road_class", "geometry"]], reach, predicate="intersects")
        np.maximum.at(best, pairs["index_right"].to_numpy(), pairs["road_class"].map(order.index).to_numpy(int))
    return np.asarray(np.array(order, dtype=object)[best])


class ContourExposure:
    """Who and what stands in the water of each hotspot at any depth.

    Parameters
    ----------
    district : District
        With at least one layer of the risk census.
    terrain : HotspotTerrain
        Of the same hotspots.
    cache_dir : Path, optional
        Folder in which it is kept; see `risk_models.kept`.
    progress : callable, optional
        Called with a fraction (0-1) and a short text.
    """

    def __init__(
        self,
        district: District,
        terrain: HotspotTerrain,
        *,
        cache_dir: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.index = district.hotspots.index
        self._held: dict[str, npt.NDArray[Any]] = kept(
            "contour", (CONTOUR_VERSION, *_contour_sources(district, terrain)),
            lambda: _within_contours(district, terrain), directory=cache_dir, tell=progress or _quietly,
        )  # fmt: skip

    def at(self, depth_m: Floats) -> pd.DataFrame:
        """Count what a depth covers.

        Parameters
        ----------
        depth_m : ndarray (H,)
            Depth at each hotspot, m.

        Returns
        -------
        DataFrame
            Indexed by hotspot_id: people_in_water_day, people_in_water_night, facilities_in_water,
            buildings_in_water, weak_buildings_in_water (int); none ever falls with depth.
        """
        amounts = {
            "people_in_water_day": ("cell", self._held["people_day"]),
            "people_in_water_night": ("cell", self._held["people_night"]),
            "facilities_in_water": ("facility", np.ones(len(self._held["facility_hotspot"]))),
            "buildings_in_water": ("building", np.ones(len(self._held["building_hotspot"]))),
            "weak_buildings_in_water": ("building", self._held["building_is_weak"].astype(np.float64)),
        }
        counts = {
            name: held_below(self._held[f"{what}_hotspot"], self._held[f"{what}_floods_at_m"], amount, depth_m)
            for name, (what, amount) in amounts.items()
        }
        return pd.DataFrame(counts, index=self.index).round().astype(int)


def _contour_sources(district: District, terrain: HotspotTerrain) -> list[object]:
    """Return all that `_within_contours` reads of a district and its terrain."""
    surveyed = terrain.features["geometry_source"] == "surveyed"
    return [
        *(district.rasters["dem"], district.settings.district.projected_crs, district.hotspots.geometry),
        *(surveyed, terrain.curve_depth_m[surveyed], terrain.curve_area_m2[surveyed]),
        *(_people_source(district, time) for time in ("day", "night")),
        district.facilities.geometry,
        *_building_sources(district),
    ]


def _within_contours(district: District, terrain: HotspotTerrain) -> Arrays:
    """Return at what depth each cell, facility and building floods, and who is there."""
    cells = flooded_cells(district, terrain)
    facilities = first_flooded(cells, district.facilities.geometry.to_numpy())
    buildings, weak = facilities.iloc[:0], np.zeros(0, dtype=bool)
    if district.buildings is not None:
        buildings = first_flooded(cells, district.buildings.geometry.to_numpy())
        weak = is_weak(district.buildings).to_numpy(bool)[buildings["place"].to_numpy()]
    return {
        "cell_hotspot": cells.hotspot,
        "cell_floods_at_m": cells.floods_at_m,
        **{f"people_{time}": residents_in_boxes(district, cells.box, time=time) for time in ("day", "night")},
        **_pairs("facility", facilities),
        **_pairs("building", buildings),
        "building_is_weak": weak,
    }


def _pairs(what: str, pairs: pd.DataFrame) -> Arrays:
    return {
        f"{what}_hotspot": pairs["hotspot"].to_numpy(np.int64),
        f"{what}_floods_at_m": pairs["floods_at_m"].to_numpy(np.float64),
    }


def exposure_json(row: Mapping[str, object]) -> str:
    """Return all counts of one hotspot as JSON, for the risk table.

    Parameters
    ----------
    row : mapping
        One row of `hotspot_exposure`, joined with `ContourExposure.at` where that is known.
    """
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in row.items()}
    return json.dumps(plain, ensure_ascii=False)
