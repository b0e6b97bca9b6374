"""One cycle: 236 hotspots, 51 members, 72 h past and 72 h ahead; the ponding model beside plain NumPy and plain Python.

The rain is random (seed 7), hourly, in half of the hours dry. Reading files is left out: computing only. The peers
solve the same equations in the same steps, and their depths are compared with ours before anything is timed.
"""

from __future__ import annotations

import dataclasses
import math
import tempfile
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.rows import Row, median_s
from risk_models.district import District, load_district
from risk_models.forecast.rainfall import Origin, Provenance, Quality, build_rainfall, to_datetime64
from risk_models.risk import HotspotBasins, HotspotScorer, simulate_ponding
from risk_models.risk.ponding import RECOVERY_H, SUBSTEP_H
from risk_models.standards import load_standards
from risk_models.terrain import HotspotTerrain, hotspot_terrain

ERQI = Path(__file__).resolve().parent.parent / "data" / "erqi"
MEMBERS, PAST_H, AHEAD_H = 51, 72, 72
VALID_AT = datetime(2021, 7, 20, 9, tzinfo=UTC)
LIMIT_S = 1.0
PONDING_RATIO = 4.0
LOOPED = 2  # hotspots that the Python loops are timed on


def run() -> Iterator[Row]:
    """Time ponding alone beside its peers, then whole scorings of growing districts."""
    standards, district = load_standards(), with_horizon(load_district(ERQI))
    with tempfile.TemporaryDirectory() as folder:
        cover = standards.land_cover(district.settings.standards.land_cover)
        terrain = hotspot_terrain(district, land_cover_table=cover, cache_dir=Path(folder))
    basins = HotspotScorer(district, terrain, standards).basins
    # the peers know no network: beside them every hotspot stands alone
    alone = dataclasses.replace(basins, downstream=np.full(len(basins), -1))
    many = alone.take(np.tile(np.arange(len(alone)), 10))
    yield from [*_ponding_rows(alone, with_loops=True), *_ponding_rows(many, with_loops=False), *_network_row(basins)]
    per_hotspot_us: list[float] = []
    for times, repeats in ((1, 7), (10, 3), (100, 1)):
        scorer = HotspotScorer(tiled(district, times), tiled_terrain(terrain, times), standards)
        rainfall = _rainfall(list(scorer.district.hotspots.index))
        seconds = median_s(lambda own=scorer, rain=rainfall: own.score(rain), repeats=repeats)
        hotspots = len(scorer.basins)
        per_hotspot_us.append(seconds / hotspots * 1e6)
        note = f"{per_hotspot_us[-1]:.0f} us a hotspot ({per_hotspot_us[-1] / per_hotspot_us[0]:.2f} of that of 236)"
        if times <= 10:
            note += f"; peak {_peak_mib(scorer, rainfall):.0f} MiB of arrays beyond the rain"
        job = f"score {hotspots:,} hotspots x {MEMBERS} x {AHEAD_H} h, 16 scenarios, reasons"
        yield Row(job=job, ours_s=seconds, target=LIMIT_S if times == 1 else None, note=note)
        del scorer, rainfall


def _ponding_rows(basins: HotspotBasins, *, with_loops: bool) -> list[Row]:
    rain_mm = np.ascontiguousarray(_rain_mm(len(basins), AHEAD_H).transpose(2, 0, 1), dtype=np.float64)
    few = basins.take(slice(LOOPED))
    ours = simulate_ponding(basins, rain_mm).peak_depth_m
    np.testing.assert_allclose(numpy_peak_m(basins, rain_mm), ours, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(python_peak_m(few, rain_mm[:LOOPED]), ours[:LOOPED], rtol=1e-9, atol=1e-12)
    # like the peers: peaks alone (and the times of passing five depths, which they do not give), no account
    depths_m = (0.05, 0.15, 0.27, 0.5, 1.0)
    seconds = median_s(lambda: simulate_ponding(basins, rain_mm, thresholds_m=depths_m, account=False), repeats=7)
    accounted = median_s(lambda: simulate_ponding(basins, rain_mm), repeats=7)
    vectors = median_s(lambda: numpy_peak_m(basins, rain_mm), repeats=3)
    job = f"ponding {len(basins):,} x {MEMBERS} x {AHEAD_H} h"
    equal = f"equal depths, {(ours > 0).mean():.0%} above 0"
    more = f"the peer gives peaks alone, ours also times of passing; {accounted * 1e3:.3g} ms with the water account"
    rows = [Row(job=job, ours_s=seconds, peer="NumPy", peer_s=vectors, target=PONDING_RATIO, note=f"{equal}; {more}")]
    if with_loops:
        loops = median_s(lambda: python_peak_m(few, rain_mm[:LOOPED]), repeats=1) * len(basins) / LOOPED
        note = f"{equal}; peer timed on {LOOPED} of {len(basins):,} hotspots, scaled"
        rows.append(Row(job=job, ours_s=seconds, peer="Python loops", peer_s=loops, note=note))
    return rows


def _network_row(basins: HotspotBasins) -> list[Row]:
    rain_mm = np.ascontiguousarray(_rain_mm(len(basins), AHEAD_H).transpose(2, 0, 1), dtype=np.float64)
    alone = dataclasses.replace(basins, downstream=np.full(len(basins), -1))
    seconds = median_s(lambda: simulate_ponding(basins, rain_mm, account=False), repeats=7)
    apart = median_s(lambda: simulate_ponding(alone, rain_mm, account=False), repeats=7)
    links = int((basins.downstream >= 0).sum())
    note = f"{links} links; {seconds / apart:.2f} times the cost of hotspots that stand alone"
    return [Row(job=f"the same, {len(basins):,} hotspots linked by their spill", ours_s=seconds, note=note)]


def numpy_peak_m(basins: HotspotBasins, rain_mm: np.ndarray) -> np.ndarray:
    """Solve the ponding model with whole-array operations, one Python step per sub-step."""
    n_sub = round(1.0 / SUBSTEP_H)
    dt_h = 1.0 / n_sub
    area_m2, pervious, s_mm = (
        part[:, None] for part in (basins.catchment_m2, 1.0 - basins.imperviousness, basins.retention_mm)
    )
    k_h = basins.storage_constant_h[:, None]
    decay = np.exp(-dt_h / k_h)
    lag = (1.0 - decay) * k_h / dt_h
    capacity_m3 = (basins.drain_capacity_m3h + basins.pump_capacity_m3h)[:, None] * dt_h
    volume_max_m3 = basins.curve_volume_m3[:, -1:]
    recover = 1.0 - math.exp(-dt_h / RECOVERY_H)
    shape = rain_mm.shape[:2]
    deficit, abstraction, routing, ponded, top = np.ones(shape), *(np.zeros(shape) for _ in range(4))
    for step in range(rain_mm.shape[2]):
        rain = rain_mm[:, :, step] / n_sub
        dry = rain <= 0.0
        for _ in range(n_sub):
            taken = np.minimum(rain, 0.2 * s_mm - abstraction)
            abstraction += taken
            net = rain - taken
            grown = 1.0 + net * deficit / s_mm
            soaked = net * deficit**2 / grown
            deficit /= grown
            deficit += np.where(dry, (1.0 - deficit) * recover, 0.0)
            abstraction -= np.where(dry, abstraction * recover, 0.0)
            runoff_m3 = (rain - (taken + soaked) * pervious) * 1e-3 * area_m2
            stored = routing * decay + runoff_m3 * lag
            ponded += routing + runoff_m3 - stored
            routing = stored
            ponded = np.minimum(np.maximum(ponded - capacity_m3, 0.0), volume_max_m3)
            np.maximum(top, ponded, out=top)
    # Depth grows with volume, so the greatest depth is that of the greatest volume: one look-up at the end.
    curves = zip(top, basins.curve_volume_m3, basins.curve_depth_m, strict=True)
    return np.stack([np.where(volume > 0, np.interp(volume, *curve), 0.0) for volume, *curve in curves])


def python_peak_m(basins: HotspotBasins, rain_mm: np.ndarray) -> np.ndarray:
    """Solve it with numbers and loops alone."""
    n_sub = round(1.0 / SUBSTEP_H)
    dt_h = 1.0 / n_sub
    recover = 1.0 - math.exp(-dt_h / RECOVERY_H)
    result = np.zeros(rain_mm.shape[:2])
    for h in range(len(basins)):
        area_m2, s_mm, k_h = basins.catchment_m2[h].item(), basins.retention_mm[h].item(), basins.storage_constant_h[h]
        pervious = 1.0 - basins.imperviousness[h].item()
        decay = math.exp(-dt_h / k_h)
        lag = (1.0 - decay) * k_h.item() / dt_h
        capacity_m3 = (basins.drain_capacity_m3h[h] + basins.pump_capacity_m3h[h]).item() * dt_h
        volume_max_m3 = basins.curve_volume_m3[h, -1].item()
        for m, series in enumerate(rain_mm[h].tolist()):
            deficit, abstraction, routing, ponded, top = 1.0, 0.0, 0.0, 0.0, 0.0
            for hour in series:
                rain = hour / n_sub
                for _ in range(n_sub):
                    taken = min(rain, 0.2 * s_mm - abstraction)
                    abstraction += taken
                    grown = 1.0 + (rain - taken) * deficit / s_mm
                    soaked = (rain - taken) * deficit**2 / grown
                    deficit /= grown
                    if rain <= 0.0:
                        deficit += (1.0 - deficit) * recover
                        abstraction -= abstraction * recover
                    runoff_m3 = (rain - (taken + soaked) * pervious) * 1e-3 * area_m2
                    stored = routing * decay + runoff_m3 * lag
                    ponded += routing + runoff_m3 - stored
                    routing = stored
                    ponded = min(max(ponded - capacity_m3, 0.0), volume_max_m3)
                    top = max(top, ponded)
            result[h, m] = np.interp(top, basins.curve_volume_m3[h], basins.curve_depth_m[h]) if top > 0 else 0.0
    return result


def _rain_mm(hotspots: int, steps: int) -> np.ndarray:
    """Return rain (member, time, hotspot) [mm]."""
    rng = np.random.default_rng(7)
    shape = (MEMBERS, steps, hotspots)
    return np.where(rng.random(shape, dtype=np.float32) < 0.5, 0, rng.standard_gamma(0.8, shape, dtype=np.float32) * 12)


def _rainfall(hotspot_ids: list[str]) -> xr.Dataset:
    rain = _rain_mm(len(hotspot_ids), PAST_H + AHEAD_H)
    rain[:, :PAST_H] = rain[:1, :PAST_H]
    steps = np.arange(1 - PAST_H, AHEAD_H + 1)
    flat = (len(steps), len(hotspot_ids))
    return build_rainfall(
        rain,
        time=to_datetime64(VALID_AT) + steps * np.timedelta64(1, "h"),
        hotspot=hotspot_ids,
        origin=np.where(steps <= 0, Origin.OBSERVED, Origin.FORECAST),
        quality=np.full(flat, Quality.GOOD),
        rain_std_mm=np.full(flat, np.nan),
        provenance=Provenance(valid_at=VALID_AT, issued_at=VALID_AT, observed_until=VALID_AT),
    )


def with_horizon(district: District) -> District:
    settings = district.settings
    warning = settings.warning.model_copy(update={"horizon_h": AHEAD_H})
    return dataclasses.replace(district, settings=settings.model_copy(update={"warning": warning}))


def tiled(district: District, times: int) -> District:
    copies = [district.hotspots.rename(index=lambda name, n=number: f"{name}-{n}") for number in range(times)]
    # without census layers: what stands in the water is counted on one district's cells, not on copies of them
    rasters = {name: path for name, path in district.rasters.items() if not name.startswith("population")}
    hotspots = pd.concat(copies).rename_axis("hotspot_id")
    return dataclasses.replace(district, hotspots=hotspots, rasters=rasters, buildings=None, roads=None)


def tiled_terrain(terrain: HotspotTerrain, times: int) -> HotspotTerrain:
    names = [f"{name}-{number}" for number in range(times) for name in terrain.features.index]
    features = pd.concat([terrain.features] * times)
    features.index = pd.Index(names, name="hotspot_id", dtype=terrain.features.index.dtype)
    copy = np.repeat(np.arange(times), len(terrain.features))
    for link in ("spills_to", "shares_sag_of"):
        features[link] = [f"{name}-{number}" if name else "" for name, number in zip(features[link], copy, strict=True)]
    curves = (terrain.curve_depth_m, terrain.curve_area_m2, terrain.curve_volume_m3)
    return HotspotTerrain(features, *(np.tile(curve, (times, 1)) for curve in curves))


def _peak_mib(scorer: HotspotScorer, rainfall: xr.Dataset) -> float:
    tracemalloc.start()
    scorer.score(rainfall)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20
