"""Terrain of a whole district: 3000 x 3000 cells and 236 hotspots, beside pyflwdir alone on the same surface.

The surface is fractal (spectral synthesis, exponent 3.4, sd 10 m, 0.4 % fall), 10 m cells, with real pits. Ours reads
the GeoTIFFs by windows, fills, traces flow, and derives depressions, the spill network, catchments and all features;
the peer fills, traces flow, accumulates, and computes HAND, from an array. Each runs in a process of its own, so that
its peak memory is its own; times are processor time, compiled code loaded before.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from rasterio import Affine

from benchmarks.rows import Row
from risk_models.standards import load_standards
from risk_models.terrain import hotspot_terrain

SIZES = (1000, 3000)
HOTSPOTS, CELL_M, CRS = 236, 10.0, "EPSG:4547"
LIMIT_S, LIMIT_GIB = 60.0, 2.0
STREAM_CELLS = 5000


def run() -> Iterator[Row]:
    """Derive the terrain of two sizes, and of the larger one with the peer."""
    per_cell_ns: list[float] = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            write_terrain_rasters(Path(folder), size)
            found, peer = _apart("ours", size, folder), _apart("pyflwdir", size, folder)
        per_cell_ns.append(found["seconds"] / size**2 * 1e9)
        note = (
            f"{per_cell_ns[-1]:.0f} ns a cell ({per_cell_ns[-1] / per_cell_ns[0]:.2f} of that of {SIZES[0]}^2); "
            f"peak {found['peak_gib']:.2f} GiB of the process (limit {LIMIT_GIB:g}), peer's {peer['peak_gib']:.2f}; "
            f"{found['links']:.0f} links; the peer's HAND alone {peer['hand_s']:.1f} s"
        )
        job = f"terrain of {size} x {size} cells, {HOTSPOTS} hotspots"
        yield Row(job=job, ours_s=found["seconds"], peer="pyflwdir alone", peer_s=peer["seconds"], note=note)
        if size == SIZES[-1]:
            yield Row(job=f"{job}: limit", ours_s=found["seconds"], target=LIMIT_S)


def _apart(name: str, size: int, folder: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bench_terrain", name, str(size), folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def fractal_surface_m(size: int, *, seed: int = 7) -> np.ndarray:
    """Make a surface (size, size) by spectral synthesis, float32."""
    rng = np.random.default_rng(seed)
    wave = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    wave[0, 0] = 1.0
    spectrum = wave ** (-3.4 / 2) * np.exp(2j * np.pi * rng.random(wave.shape))
    spectrum[0, 0] = 0.0
    rough = np.fft.irfft2(spectrum, s=(size, size))
    surface = rough / rough.std() * 10.0 + 0.004 * CELL_M * np.arange(size)[:, None]
    return (surface + 100.0).astype(np.float32)


def make_terrain_district(folder: Path, size: int) -> Any:
    """Put hotspots all over the rasters in a folder."""
    rng = np.random.default_rng(1)
    place = rng.uniform(0.02, 0.98, (HOTSPOTS, 2)) * size * CELL_M
    points = gpd.points_from_xy(place[:, 0], size * CELL_M - place[:, 1], crs=CRS)
    empty = dict.fromkeys(("surveyed_area_m2", "surveyed_depth_m", "surveyed_catchment_m2"), np.nan)
    hotspots = gpd.GeoDataFrame({"kind": "road_junction", **empty}, geometry=points, index=range(HOTSPOTS))
    hotspots.index = hotspots.index.map("B-{:03d}".format).rename("hotspot_id")
    rasters = {name: folder / f"{name}.tif" for name in ("dem", "land_cover")}
    settings = SimpleNamespace(district=SimpleNamespace(projected_crs=CRS))
    return SimpleNamespace(hotspots=hotspots, rasters=rasters, settings=settings, content_hash="0" * 64)


def write_terrain_rasters(folder: Path, size: int) -> None:
    """Write elevation, and land cover of one class."""
    code = load_standards().land_cover()[0].class_code
    _write(folder / "dem.tif", fractal_surface_m(size))
    _write(folder / "land_cover.tif", np.full((size, size), code, dtype=np.uint8))


def _write(path: Path, values: np.ndarray) -> None:
    size = len(values)
    form = {"driver": "GTiff", "height": size, "width": size, "count": 1, "dtype": values.dtype, "crs": CRS}
    place = Affine(CELL_M, 0, 0, 0, -CELL_M, size * CELL_M)
    with rasterio.open(path, "w", transform=place, tiled=True, compress="deflate", **form) as target:
        target.write(values, 1)


def ours(folder: Path, size: int) -> dict[str, float]:
    """Derive the terrain with the project's own chain, from rasters that lie in the folder."""
    cover = load_standards().land_cover()
    with tempfile.TemporaryDirectory() as small:
        write_terrain_rasters(Path(small), 100)
        hotspot_terrain(make_terrain_district(Path(small), 100), land_cover_table=cover)  # compiles
    district = make_terrain_district(folder, size)
    begin = time.process_time()
    terrain = hotspot_terrain(district, land_cover_table=cover)
    seconds = time.process_time() - begin
    return {"seconds": seconds, "links": float((terrain.downstream >= 0).sum())}


def pyflwdir_alone(folder: Path) -> dict[str, float]:
    """Fill, trace, accumulate and compute HAND with pyflwdir."""
    import pyflwdir

    def chain(surface: np.ndarray) -> tuple[float, float]:
        begin = time.process_time()
        filled, directions = pyflwdir.dem.fill_depressions(surface, nodata=np.nan)
        flow = pyflwdir.from_array(directions, ftype="d8", check_ftype=False)
        streams = flow.upstream_area(unit="cell") >= STREAM_CELLS
        middle = time.process_time()
        flow.hand(drain=streams, elevtn=filled)
        end = time.process_time()
        return end - begin, end - middle

    chain(fractal_surface_m(100).astype(np.float64))
    with rasterio.open(folder / "dem.tif") as source:
        surface = source.read(1).astype(np.float64)
    seconds, hand_s = chain(surface)
    return {"seconds": seconds, "hand_s": hand_s}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=("ours", "pyflwdir"))
    parser.add_argument("size", type=int)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    found = ours(given.folder, given.size) if given.job == "ours" else pyflwdir_alone(given.folder)
    found["peak_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps(found))
