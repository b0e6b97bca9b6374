"""Gauge rain to targets: 300 gauges, 144 steps, 236 and 100,000 targets, float64, one exponential model for all."""

from __future__ import annotations

import os
import resource
import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np
from scipy.interpolate import RBFInterpolator
from threadpoolctl import threadpool_limits

from benchmarks.rows import Row, median_s
from risk_models.forecast.estimators import GaugeKriging

GAUGES, STEPS, EXTENT_M, RANGE_M = 300, 144, 60_000.0, 15_000.0
RNG = np.random.default_rng(3)
GAUGE_XY = RNG.uniform(0, EXTENT_M, (GAUGES, 2))
RAIN_MM = RNG.gamma(0.8, 4.0, (STEPS, GAUGES))
GAPPY_MM = np.where(RNG.random(RAIN_MM.shape) < 0.03, np.nan, RAIN_MM)  # nearly every step has its own pattern


def run() -> Iterator[Row]:
    """Time fit and prediction together, as a cycle does."""
    for count in (236, 100_000):
        targets = RNG.uniform(0, EXTENT_M, (count, 2))
        repeats = 15 if count < 1000 else 5
        ours = median_s(lambda xy=targets: model(RAIN_MM).predict_with_std(xy), repeats=repeats)
        gappy = median_s(lambda xy=targets: model(GAPPY_MM).predict_with_std(xy), repeats=repeats)
        mean = median_s(lambda xy=targets: model(RAIN_MM).predict(xy), repeats=repeats)
        service = model(RAIN_MM)
        prepared = service.prepare(targets)
        kept = median_s(lambda xy=prepared, own=service: own.fit(GAUGE_XY, RAIN_MM).predict(xy), repeats=repeats)
        kept_both = median_s(
            lambda xy=prepared, own=service: own.fit(GAUGE_XY, RAIN_MM).predict_with_std(xy), repeats=repeats
        )
        # Peers that factorise anew at every step are timed on a few steps and scaled.
        few = 12 if count < 1000 else 2
        note = f"with variance; peer timed on {few} of {STEPS} steps, scaled"
        job = f"{count:,} targets"
        pykrige = scaled_time(lambda step, xy=targets: _pykrige(step, xy), few)
        gstools = scaled_time(lambda step, xy=targets: _gstools(step, xy), few)
        rbf = median_s(lambda xy=targets: _rbf(xy, "thin_plate_spline"), repeats=repeats)
        linear = median_s(lambda xy=targets: _rbf(xy, "linear"), repeats=repeats)
        yield from [
            Row(job=job, ours_s=ours, target=0.012 if count < 1000 else 0.9, note="with variance; 3x a plain estimate"),
            Row(job=job, ours_s=ours, peer="PyKrige", peer_s=pykrige, target=_aim(count), note=note),
            Row(job=job, ours_s=ours, peer="GSTools", peer_s=gstools, note=note),
            Row(job=job + ", gauges drop out", ours_s=gappy, target=0.012 if count < 1000 else 0.9,
                note="with variance; 3 % of values missing, another pattern in nearly every step"),
            Row(job=job + ", gauges drop out", ours_s=gappy, peer="PyKrige", peer_s=pykrige,
                note="the peer's without gaps"),
            Row(job=job + ", mean only", ours_s=mean, peer="SciPy RBF", peer_s=rbf, target=2.0,
                note="the peer's default kernel; it gives no variance"),
            Row(job=job + ", weights kept", ours_s=kept, peer="SciPy RBF", peer_s=rbf, target=2.0,
                note="mean only; weights of gauges and targets kept from the last cycle, which the peer cannot"),
            Row(job=job + ", weights kept", ours_s=kept, peer="SciPy RBF linear", peer_s=linear,
                note="the peer's cheapest kernel"),
            Row(job=job + ", weights kept", ours_s=kept_both, peer="SciPy RBF", peer_s=rbf, note="ours with variance"),
            Row(job=job + ", weights kept", ours_s=kept_both, peer="PyKrige", peer_s=pykrige, target=_aim(count),
                note="both with variance; as in a service that meets the same targets every cycle"),
        ]  # fmt: skip
        yield from _on_all_cores(targets, repeats, few)
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    yield Row(job=f"peak memory of this run {peak_gib:.2f} GiB", ours_s=0.0, note="peers included; ours alone: "
                    f"{_own_peak_mib():.0f} MiB of arrays at 100,000 targets with variance")  # fmt: skip


def _on_all_cores(targets: np.ndarray, repeats: int, few: int) -> list[Row]:
    """Wall time, all cores for everyone: ours spreads chunks of targets over threads, the peers their products."""
    cores = len(os.sched_getaffinity(0))
    wall = time.perf_counter
    ours = median_s(lambda: model(RAIN_MM, cores).predict_with_std(targets), repeats=repeats, clock=wall)
    mean = median_s(lambda: model(RAIN_MM, cores).predict(targets), repeats=repeats, clock=wall)
    with threadpool_limits(cores, "blas"):
        pykrige = scaled_time(lambda step: _pykrige(step, targets), few, clock=wall)
        rbf = median_s(lambda: _rbf(targets, "thin_plate_spline"), repeats=repeats, clock=wall)
    job, note = f"{len(targets):,} targets", f"WALL time, {cores} threads for both"
    return [
        Row(job=job, ours_s=ours, peer="PyKrige", peer_s=pykrige, target=_aim(len(targets)),
            note=f"{note}, with variance; peer timed on {few} of {STEPS} steps, scaled"),
        Row(job=job + ", mean only", ours_s=mean, peer="SciPy RBF", peer_s=rbf, target=2.0, note=note),
    ]  # fmt: skip


def model(rain_mm: np.ndarray, threads: int = 1) -> GaugeKriging:
    return GaugeKriging("exponential", range_m=RANGE_M, nugget=0.0, threads=threads).fit(GAUGE_XY, rain_mm)


def scaled_time(job: Callable[[int], object], steps: int, clock: Callable[[], float] = time.process_time) -> float:
    def several() -> None:
        for step in range(steps):
            job(step)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return median_s(several, repeats=3, clock=clock) * STEPS / steps


def _aim(count: int) -> float:
    return 100.0 if count < 1000 else 500.0


def _pykrige(step: int, targets: np.ndarray) -> object:
    from pykrige.ok import OrdinaryKriging

    parameters = {"psill": 1.0, "range": RANGE_M, "nugget": 0.0}
    peer = OrdinaryKriging(*GAUGE_XY.T, RAIN_MM[step], variogram_model="exponential", variogram_parameters=parameters)
    return peer.execute("points", *targets.T, backend="vectorized")


def _gstools(step: int, targets: np.ndarray) -> object:
    import gstools

    shape = gstools.Exponential(dim=2, var=1.0, len_scale=RANGE_M / 3)
    peer = gstools.krige.Ordinary(shape, GAUGE_XY.T, RAIN_MM[step], exact=True)
    return peer(targets.T, mesh_type="unstructured")


def _rbf(targets: np.ndarray, kernel: str) -> object:
    return RBFInterpolator(GAUGE_XY, RAIN_MM.T, kernel=kernel)(targets)


def _own_peak_mib() -> float:
    import tracemalloc

    targets = RNG.uniform(0, EXTENT_M, (100_000, 2))
    tracemalloc.start()
    model(GAPPY_MM).predict_with_std(targets)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20
