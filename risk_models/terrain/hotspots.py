"""From a district's rasters and register to the terrain of every hotspot."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from risk_models.errors import BadInputError, Finding
from risk_models.kept import Progress, kept
from risk_models.standards import LandCover
from risk_models.terrain.conditioning import Cells, Flow, Grid, condition, read_grid
from risk_models.terrain.culverts import breach
from risk_models.terrain.depressions import LEVELS, Sag, StorageCurve, find_sags, storage_curve, wedge_curve
from risk_models.terrain.features import (
    CATCHMENT_CAP_M2,
    CATCHMENT_FLOOR_M2,
    STREAM_AREA_M2,
    Catchment,
    UpstreamIndex,
    cover_means,
    drain_distance_m,
    height_above_drainage,
    horn_slope,
    kirpich_time_min,
    wetness_index,
)
from risk_models.terrain.network import SpillNetwork, spill_network
from risk_models.terrain.table import FEATURE_COLUMNS, HotspotTerrain, packed, unpacked

if TYPE_CHECKING:
    import geopandas as gpd

    from risk_models.district import District

__all__ = ["METHOD_VERSION", "hotspot_terrain"]

#: Raised whenever the same inputs may give other numbers, so that an old file is not read.
METHOD_VERSION = "2"
#: Columns of the register that take the place of what the elevation model says.
SURVEYED = ("surveyed_area_m2", "surveyed_depth_m", "surveyed_catchment_m2")


def hotspot_terrain(
    district: District,
    *,
    land_cover_table: Iterable[LandCover],
    culverts: gpd.GeoDataFrame | None = None,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> HotspotTerrain:
    """Derive catchment, depression and terrain features of every hotspot of a district.

    Parameters
    ----------
    district : District
        Its ``hotspots``, rasters ``dem`` (m) and ``land_cover`` (codes) and projected CRS are used.
    land_cover_table : iterable of LandCover
        Imperviousness and curve number of each land-cover code.
    culverts : GeoDataFrame, optional
        Lines along which water passes under roads and railways, in the projected CRS; see `breach`.
    cache_dir : Path, optional
        Folder in which the result is kept, by the two rasters, the places, kinds and surveyed sizes of the hotspots,
        the table, the culverts and the method's version; see `risk_models.kept`.
    progress : callable, optional
        Called with a fraction (0-1) and a short text.

    Returns
    -------
    HotspotTerrain

    Raises
    ------
    BadInputError
        If a raster cannot be used, hotspots lie outside the elevation model (every one is named), or a catchment has
        no land cover or a code that is not in the table.

    Notes
    -----
    A hotspot stands for the deepest depression within 60 m, or else for the kerb-high storage at the lowest cell
    within 15 m. Surveyed area and depth replace the depression by a wedge; a surveyed catchment replaces the local
    area.

    No rain is counted twice: a hotspot's own catchment ends where another hotspot takes the water in, and what spills
    there comes down the network. The cap of its kind says how much of this local area the sewers leave to the surface,
    and so bounds the local part alone; spill runs over the streets, and is not capped. Only the floor of one street
    block, which a 10 m model does not resolve, can be shared by neighbours.
    """
    tell = progress or (lambda _fraction, _text: None)
    classes = tuple(land_cover_table)
    arrays = kept(
        "terrain",
        _stands_on(district, classes, culverts),
        lambda: packed(_derive(district, classes, culverts, tell)),
        directory=cache_dir,
        tell=tell,
    )
    return unpacked(arrays)


def _derive(
    district: District, classes: tuple[LandCover, ...], culverts: gpd.GeoDataFrame | None, tell: Progress
) -> HotspotTerrain:
    tell(0.0, "reading rasters")
    crs = district.settings.district.projected_crs
    grid = read_grid(district.rasters["dem"], projected_crs=crs)
    cover = read_grid(district.rasters["land_cover"], projected_crs=crs)
    _require_on_grid(district.hotspots, grid)
    if culverts is not None:
        grid = breach(grid, culverts)
    tell(0.1, "filling depressions, tracing flow")
    flow = condition(grid.values)
    tell(0.5, "finding depressions")
    points = district.hotspots.geometry
    sags = find_sags(grid, flow, easting_m=points.x.to_numpy(), northing_m=points.y.to_numpy())
    tell(0.6, "collecting catchments")
    terrain = _assemble(district.hotspots, grid, flow, sags, cover, classes, tell)
    tell(1.0, "terrain ready")
    return terrain


def _stands_on(
    district: District, classes: tuple[LandCover, ...], culverts: gpd.GeoDataFrame | None
) -> tuple[object, ...]:
    hotspots = district.hotspots
    columns = [name for name in ("kind", *SURVEYED) if name in hotspots]
    return (
        METHOD_VERSION,
        tuple(FEATURE_COLUMNS),
        district.rasters["dem"],
        district.rasters["land_cover"],
        district.settings.district.projected_crs,
        hotspots.geometry,
        pd.DataFrame(hotspots[columns]),
        sorted((item.class_code, item.imperviousness, item.curve_number) for item in classes),
        None if culverts is None else sorted(culverts.geometry.to_wkb(hex=True)),
    )


def _require_on_grid(hotspots: pd.DataFrame, grid: Grid) -> None:
    points = hotspots.geometry
    cells = grid.cells_at(points.x.to_numpy(), points.y.to_numpy())
    missing = (cells < 0) | np.isnan(grid.values.ravel()[np.maximum(cells, 0)])
    findings = [
        Finding(
            code="hotspot-off-dem",
            message=f"hotspot {hotspots.index[i]} lies where {grid.name} has no data",
            file="hotspots",
            row=i + 2,
            column="lon, lat",
            value=f"{points.iloc[i].x:.0f} E, {points.iloc[i].y:.0f} N",
            accepted="a point on a cell with data",
            fix="correct the point or its datum, or extend the elevation model",
        )
        for i in map(int, np.flatnonzero(missing))
    ]
    if findings:
        raise BadInputError("terrain", findings)


def _assemble(
    hotspots: pd.DataFrame,
    grid: Grid,
    flow: Flow,
    sags: list[Sag],
    cover: Grid,
    classes: tuple[LandCover, ...],
    tell: Progress,
) -> HotspotTerrain:
    index = UpstreamIndex(grid, flow)
    network = spill_network(grid, flow, sags, [str(name) for name in hotspots.index], index)
    slope = horn_slope(grid).ravel()
    rows: list[dict[str, Any]] = []
    curves: list[StorageCurve] = []
    for i, (sag, (_, hotspot)) in enumerate(zip(sags, hotspots.iterrows(), strict=True)):
        curve, source = _storage(sag, hotspot, grid)
        row = _catchment_features(i, sag, hotspot, grid, network, index)
        cells = row.pop("cells")
        codes = cover.values.ravel()[_cover_cells(cover, grid, cells)]
        row["imperviousness"], row["curve_number"] = cover_means(codes, classes, file=cover.name)
        row["slope"] = float(slope[cells].mean())
        row |= {
            "depression_area_m2": float(curve.area_m2[-1]),
            "depression_depth_m": float(curve.depth_m[-1]),
            "depression_volume_m3": float(curve.volume_m3[-1]),
            "snapped_m": sag.snapped_m,
            "geometry_source": source,
        }
        rows.append(row)
        curves.append(curve)
        if i % 20 == 0:
            tell(0.6 + 0.4 * i / len(sags), "collecting catchments")
    at = np.array([sag.cell for sag in sags], dtype=np.intp)
    features = pd.DataFrame(rows, index=hotspots.index, columns=None if rows else list(FEATURE_COLUMNS))
    stream_cells = math.ceil(STREAM_AREA_M2 / grid.cell_area_m2)
    features["hand_m"] = height_above_drainage(flow, at, stream_cells=stream_cells)
    features["drain_distance_m"] = drain_distance_m(grid, flow, at, stream_cells=stream_cells)
    features["twi"] = wetness_index(features["upstream_m2"].to_numpy(np.float64), slope[at], width_m=grid.width_m)
    names = np.append(hotspots.index.to_numpy(dtype=object), "")
    features["spills_to"] = pd.Series(names[network.downstream], index=features.index, dtype="str")
    shared = network.stands_for != np.arange(len(sags))
    features["shares_sag_of"] = pd.Series(
        names[np.where(shared, network.stands_for, -1)], index=features.index, dtype="str"
    )
    features["spill_path_m"], features["spill_travel_min"] = network.path_m, network.travel_min
    return HotspotTerrain(
        features=features[list(FEATURE_COLUMNS)],
        curve_depth_m=np.array([curve.depth_m for curve in curves]).reshape(-1, LEVELS),
        curve_area_m2=np.array([curve.area_m2 for curve in curves]).reshape(-1, LEVELS),
        curve_volume_m3=np.array([curve.volume_m3 for curve in curves]).reshape(-1, LEVELS),
    )


def _given(hotspot: pd.Series, column: str) -> float:
    """Return a surveyed value, 0 where it is absent, empty or not positive."""
    value = hotspot.get(column)
    return float(value) if value is not None and pd.notna(value) and float(value) > 0 else 0.0


def _storage(sag: Sag, hotspot: pd.Series, grid: Grid) -> tuple[StorageCurve, str]:
    area_m2, depth_m = _given(hotspot, "surveyed_area_m2"), _given(hotspot, "surveyed_depth_m")
    if area_m2 and depth_m:
        return wedge_curve(area_m2, depth_m), "surveyed"
    curve = storage_curve(
        grid.values.ravel()[sag.cells],
        bottom_m=sag.bottom_m,
        spill_m=sag.spill_m,
        cell_area_m2=grid.cell_area_m2,
    )
    return curve, sag.source


def _catchment_features(
    row: int, sag: Sag, hotspot: pd.Series, grid: Grid, network: SpillNetwork, index: UpstreamIndex
) -> dict[str, Any]:
    """Return catchment area and time of concentration, and the cells that stand for the catchment."""
    local_m2 = float(network.local_cells[row] * grid.cell_area_m2)
    surveyed_m2 = _given(hotspot, "surveyed_catchment_m2")
    pond_m2 = sag.cells.size * grid.cell_area_m2
    cap_m2 = max(CATCHMENT_CAP_M2[str(hotspot["kind"])], pond_m2)
    area_m2 = surveyed_m2 or max(min(local_m2, cap_m2), CATCHMENT_FLOOR_M2)
    catchment = index.catchment(
        network.cells[row],
        limit_cells=math.ceil(area_m2 / grid.cell_area_m2),
        owner=network.owner,
        row=int(network.stands_for[row]),
    )
    return {
        "catchment_m2": area_m2,
        "upstream_m2": float(network.upstream_cells[row] * grid.cell_area_m2),
        "local_m2": local_m2,
        "catchment_capped": bool(not surveyed_m2 and local_m2 > cap_m2),
        "time_of_concentration_min": _concentration_min(catchment, area_m2, grid),
        "cells": _stand_in_cells(catchment, area_m2, sag, grid),
    }


def _concentration_min(catchment: Catchment, area_m2: float, grid: Grid) -> float:
    """Apply Kirpich; where the area is larger than the cells found, the path is lengthened as in a similar shape."""
    found_m2 = catchment.cells.size * grid.cell_area_m2
    length_m = max(catchment.length_m, grid.width_m)
    slope = catchment.drop_m / length_m
    return kirpich_time_min(length_m * math.sqrt(max(area_m2 / found_m2, 1.0)), slope)


def _stand_in_cells(catchment: Catchment, area_m2: float, sag: Sag, grid: Grid) -> Cells:
    """Return the catchment's cells; where they are too few, with those of the block (a disc of the area) around."""
    if catchment.cells.size * grid.cell_area_m2 >= area_m2:
        return catchment.cells
    radius_m = math.sqrt(area_m2 / math.pi)
    rows, cols = grid.values.shape
    row, col = divmod(sag.cell, cols)
    reach_row, reach_col = int(radius_m // grid.height_m), int(radius_m // grid.width_m)
    row_offsets, col_offsets = np.mgrid[-reach_row : reach_row + 1, -reach_col : reach_col + 1]
    inside = np.hypot(row_offsets * grid.height_m, col_offsets * grid.width_m) <= radius_m
    near_rows, near_cols = row + row_offsets[inside], col + col_offsets[inside]
    on_grid = (near_rows >= 0) & (near_rows < rows) & (near_cols >= 0) & (near_cols < cols)
    disc = near_rows[on_grid] * cols + near_cols[on_grid]
    return np.union1d(catchment.cells, disc[np.isfinite(grid.values.ravel()[disc])])


def _cover_cells(cover: Grid, grid: Grid, cells: Cells) -> Cells:
    """Return the land-cover cells under the centres of terrain cells, those outside the land cover left out."""
    easting_m, northing_m = grid.centres(cells)
    found = cover.cells_at(easting_m, northing_m)
    return found[found >= 0]
