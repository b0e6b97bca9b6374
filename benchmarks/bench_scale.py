"""A hundred thousand hotspots: time, memory and growth of scoring, and what a second worker brings.

The district is the bundled one many times over, links and all (48 hotspots in the largest component). The rain is made
block by block while it is scored: 51 members, 72 h past and 72 h ahead, wet in every hour, another storm at every
hotspot. Every size runs in a process of its own, so that its peak memory is its own. Times are wall times; making the
rain is told apart. ``python -m benchmarks.bench_scale 100000`` runs one size, with ``--workers N`` on 1 to N Dask
workers by turns.
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
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from benchmarks.bench_cycle import AHEAD_H, ERQI, MEMBERS, PAST_H, VALID_AT, tiled, tiled_terrain, with_horizon
from benchmarks.rows import Row
from risk_models.district import load_district
from risk_models.forecast.rainfall import Origin, Provenance, Quality, build_rainfall, to_datetime64
from risk_models.risk import HotspotScorer
from risk_models.standards import load_standards
from risk_models.terrain import hotspot_terrain

SIZES = (10_000, 30_000, 100_000)
LIMIT_S, LIMIT_GIB = 60.0, 4.0
#: Eight blocks, so that two workers get as many each; run so often, by turns with one worker.
WORKERS_SIZE, WORKERS_REPEATS, WORKERS_RATIO = 8_260, 12, 1.7


@dataclass
class BlockRain:
    """Makes the rain of a block of hotspots; the same for the same hotspots."""

    seconds: float = 0.0

    def __call__(self, ids: list[str]) -> xr.Dataset:
        begin = time.perf_counter()
        rng = np.random.default_rng(7)
        steps = np.arange(1 - PAST_H, AHEAD_H + 1)
        storms = rng.standard_gamma(0.8, (MEMBERS, len(steps), 1), dtype=np.float32) * 8 + 0.1
        storms[:, :PAST_H] = storms[:1, :PAST_H]
        factor = np.array([0.2 + sum(name.encode()) % 97 / 60 for name in ids], dtype=np.float32)
        flat = (len(steps), len(ids))
        rainfall = build_rainfall(
            storms * factor,
            time=to_datetime64(VALID_AT) + steps * np.timedelta64(1, "h"),
            hotspot=ids,
            origin=np.where(steps <= 0, Origin.OBSERVED, Origin.FORECAST),
            quality=np.full(flat, Quality.GOOD),
            rain_std_mm=np.full(flat, np.nan),
            provenance=Provenance(valid_at=VALID_AT, issued_at=VALID_AT, observed_until=VALID_AT),
        )
        self.seconds += time.perf_counter() - begin
        return rainfall


def run() -> Iterator[Row]:
    """Score growing numbers of hotspots, each in a process of its own; then with one and with two workers."""
    first_us = 0.0
    for size in SIZES:
        found = _apart(size)
        each_us = found["score_s"] / found["hotspots"] * 1e6
        first_us = first_us or each_us
        note = (
            f"wall time without {found['rain_s']:.1f} s that making the rain took; processor time with it "
            f"{found['score_cpu_s']:.1f} s; {each_us:.0f} us a hotspot "
            f"({each_us / first_us:.2f} of that of {SIZES[0]:,}); peak {found['peak_gib']:.2f} GiB of the process "
            f"(limit {LIMIT_GIB:g}); preparing exposure once {found['prepare_s']:.1f} s"
        )
        job = f"score {found['hotspots']:,} hotspots x {MEMBERS} x {AHEAD_H} h, one thread"
        target = LIMIT_S if size == SIZES[-1] else None
        yield Row(job=job, ours_s=found["score_s"], target=target, note=note)
    found = _apart(WORKERS_SIZE, workers=2)
    own_1_s, own_2_s = (found[f"client_cpu_{n}_s"] + found[f"worker_cpu_{n}_s"] for n in (1, 2))
    note = (
        f"least wall time of {WORKERS_REPEATS} runs by turns, rain made by the workers, {found['idle_share']:.0%} of "
        f"the cores idle before. By processor time {own_1_s / own_2_s:.2f}x: {own_1_s:.1f} s with one worker, of them "
        f"{found['client_cpu_1_s']:.2f} s in the client and scheduler, {own_2_s:.1f} s with two"
    )
    job = f"score {found['hotspots']:,} hotspots on two Dask workers"
    peer = {"peer": "one worker", "peer_s": found["wall_1_s"]}
    yield Row(job=job, ours_s=found["wall_2_s"], **peer, target=WORKERS_RATIO, note=note)


def _apart(size: int, *, workers: int = 0) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bench_scale", str(size), "--workers", str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def score(size: int, *, workers: int = 0) -> dict[str, float]:
    """Score `size` hotspots and more (whole districts); return what it took."""
    standards, district = load_standards(), with_horizon(load_district(ERQI))
    with tempfile.TemporaryDirectory() as folder:
        cover = standards.land_cover(district.settings.standards.land_cover)
        terrain = hotspot_terrain(district, land_cover_table=cover, cache_dir=Path(folder))
    times = -(-size // len(district.hotspots))
    begin = time.perf_counter()
    scorer = HotspotScorer(tiled(district, times), tiled_terrain(terrain, times), standards)
    prepared = time.perf_counter() - begin
    HotspotScorer(district, terrain, standards).score(BlockRain())  # compiles
    rain = BlockRain()
    idle = _idle_share()
    spent = _by_turns(scorer, workers) if workers else _here(scorer, rain)
    return {
        "hotspots": len(scorer.basins),
        "prepare_s": prepared,
        "rain_s": rain.seconds,
        **spent,
        "idle_share": idle,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def _here(scorer: HotspotScorer, rain: BlockRain) -> dict[str, float]:
    """Return wall time without that of making the rain, and processor time with it."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    scorer.score(rain)
    wall_s, cpu_s = time.perf_counter() - begin, time.process_time() - begin_cpu
    return {"score_s": wall_s - rain.seconds, "score_cpu_s": cpu_s}


def _by_turns(scorer: HotspotScorer, most: int) -> dict[str, float]:
    """Return the least wall time with 1 to `most` workers, and the processor time of a worker and of the client in it.

    Taking turns and the least of each keeps most of what others do on the machine out. The scheduler is in the client's
    process; their processor time and that of a worker add up to the wall time on cores of one's own at most.
    """
    from distributed import Client, LocalCluster

    best: dict[str, float] = {}
    with ExitStack() as stack:
        clients = {}
        for count in range(1, most + 1):
            cluster = LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=":0")
            clients[count] = stack.enter_context(Client(stack.enter_context(cluster)))
            scorer.score(BlockRain(), client=clients[count])  # imports and compiled code
        for count in [*clients] * WORKERS_REPEATS:
            client = clients[count]
            used = client.run(time.process_time)
            begin, begin_cpu = time.perf_counter(), time.process_time()
            scorer.score(BlockRain(), client=client)
            wall_s, client_cpu_s = time.perf_counter() - begin, time.process_time() - begin_cpu
            spent = [after - used[name] for name, after in client.run(time.process_time).items()]
            values = {"wall": wall_s, "client_cpu": client_cpu_s, "worker_cpu": sum(spent) / count}
            for name, value in values.items():
                best[f"{name}_{count}_s"] = min(value, best.get(f"{name}_{count}_s", value))
    return best


def _idle_share() -> float:
    """Return the share of the processors that nobody uses, over half a second."""

    def read() -> np.ndarray:
        return np.array(Path("/proc/stat").read_text().splitlines()[0].split()[1:], dtype=float)

    before = read()
    time.sleep(0.5)
    used = read() - before
    return float(used[3] / used.sum())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hotspots", type=int, nargs="?", default=SIZES[-1])
    parser.add_argument("--workers", type=int, default=0)
    given = parser.parse_args()
    print(json.dumps(score(given.hotspots, workers=given.workers)))
