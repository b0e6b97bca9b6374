"""The ponding model beside a two-dimensional run of local inertia on the bundled elevation model.

For every hotspot that stands in a depression of the elevation model and whose whole catchment fits into a window of
`WINDOW` cells, `RAIN_MM` fall in an hour on sealed ground without drains, and three dry hours follow. The reference
knows nothing of catchments, curves or times of concentration. Peak depths at the hotspot's cell are compared; the time
is that of one hotspot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.bench_cycle import ERQI
from benchmarks.rows import Row, median_s
from risk_models.district import load_district
from risk_models.rehearsal.inundation import inundate
from risk_models.risk import HotspotBasins, simulate_ponding
from risk_models.risk.ponding import LAG_SHARE
from risk_models.terrain.conditioning import condition, read_grid
from risk_models.terrain.depressions import find_sags, storage_curve
from risk_models.terrain.features import UpstreamIndex, kirpich_time_min

WINDOW, MARGIN = 130, 8
RAIN_MM = (20.0, 60.0)
DRY_H = 3
MOST = 24


@dataclass(frozen=True)
class Case:
    """One hotspot, with all that both models need."""

    elevation_m: np.ndarray  # the window
    at: tuple[int, int]  # the hotspot's cell in it
    cell_m: float
    basins: HotspotBasins


def cases(most: int = MOST) -> list[Case]:
    """Return hotspots of the bundled district whose catchment fits into a window, spread over the register."""
    district = load_district(ERQI)
    grid = read_grid(district.rasters["dem"], projected_crs=district.settings.district.projected_crs)
    flow = condition(grid.values)
    index = UpstreamIndex(grid, flow)
    points = district.hotspots.geometry
    found = []
    for sag in find_sags(grid, flow, easting_m=points.x.to_numpy(), northing_m=points.y.to_numpy()):
        if sag.source != "dem":
            continue
        n_cells = index.total_upstream(sag.cells)
        if n_cells > WINDOW**2:
            continue
        catchment = index.catchment(sag.cells, limit_cells=n_cells)
        rows, cols = np.divmod(catchment.cells, grid.values.shape[1])
        box = (slice(rows.min() - MARGIN, rows.max() + MARGIN + 1), slice(cols.min() - MARGIN, cols.max() + MARGIN + 1))
        elevation_m = grid.values[box]
        if min(rows.min(), cols.min()) < MARGIN or max(elevation_m.shape) > WINDOW or np.isnan(elevation_m).any():
            continue
        curve = storage_curve(
            grid.values.ravel()[sag.cells], bottom_m=sag.bottom_m, spill_m=sag.spill_m, cell_area_m2=grid.cell_area_m2
        )
        length_m = max(catchment.length_m, grid.width_m)
        one = np.ones(1)
        basins = HotspotBasins(
            catchment_m2=one * n_cells * grid.cell_area_m2,
            imperviousness=one,
            retention_mm=50.0 * one,
            storage_constant_h=one * LAG_SHARE * kirpich_time_min(length_m, catchment.drop_m / length_m) / 60.0,
            drain_capacity_m3h=0.0 * one,
            pump_capacity_m3h=0.0 * one,
            curve_depth_m=curve.depth_m[None],
            curve_volume_m3=curve.volume_m3[None],
        )
        row, col = divmod(sag.cell, grid.values.shape[1])
        found.append(Case(elevation_m, (row - box[0].start, col - box[1].start), grid.width_m, basins))
    return found[:: max(1, len(found) // most)][:most]


def depths(case: Case, rain_mm: float) -> tuple[float, float]:
    """Return the peak depth of both models, ours first, m."""
    rain = np.array([rain_mm, *[0.0] * DRY_H])
    ours = float(simulate_ponding(case.basins, rain[None, None]).peak_depth_m[0, 0])
    return ours, float(inundate(case.elevation_m, rain, cell_m=case.cell_m).peak_depth_m[case.at])


def run() -> Iterator[Row]:
    """Compare depths for two storms, and the time of one hotspot."""
    chosen = cases()
    for rain_mm in RAIN_MM:
        both = np.array([depths(case, rain_mm) for case in chosen])
        error = both[:, 0] - both[:, 1]
        rain = np.array([[[rain_mm, *[0.0] * DRY_H]]])
        first = chosen[0]
        ours = median_s(lambda own=first, r=rain: simulate_ponding(own.basins, r), repeats=3)
        peer = median_s(lambda own=first, r=rain: inundate(own.elevation_m, r[0, 0], cell_m=own.cell_m), repeats=1)
        size = np.abs(error)
        note = (
            f"{len(chosen)} hotspots: depth error median {np.median(error):+.2f} m, mean absolute {size.mean():.2f} m, "
            f"90 % within {np.quantile(size, 0.9):.2f} m, at depths of {np.median(both[:, 1]):.2f} m (median)"
        )
        yield Row(
            job=f"peak depth, {rain_mm:g} mm in 1 h", ours_s=ours, peer="local inertia, 2-D", peer_s=peer, note=note
        )
