"""Compile every kernel once, at set-up: ``python -m risk_models.warm``.

Each line of `WARM_UPS` does a tiny piece of the work that the kernels of one module are for, by way of the functions
that everyone calls, so that they are compiled for the very types they will meet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

import numpy as np

from risk_models.kernels import KERNELS

__all__ = ["WARM_UPS", "warm_up"]


def _terrain() -> None:
    from risk_models.terrain.conditioning import Grid, condition
    from risk_models.terrain.features import UpstreamIndex, horn_slope

    pit = np.full((5, 5), 3.0)
    pit[2, 2] = 1.0
    grid = Grid(pit, west_m=0.0, north_m=50.0, width_m=10.0, height_m=10.0)
    horn_slope(grid)
    UpstreamIndex(grid, condition(pit)).catchment(np.array([12]), limit_cells=9)


def _wetness() -> None:
    from risk_models.forecast.wetness import soil_water_index

    soil_water_index([30.0, 0.0])


def _kriging() -> None:
    from risk_models.forecast.interpolate import OrdinaryKriging

    rng = np.random.default_rng(0)
    gauge_xy, rain_mm = rng.uniform(0, 9e3, (8, 2)), rng.gamma(1.0, 5.0, (3, 8))
    rain_mm[1, 0] = np.nan
    for variogram in ("exponential", "spherical"):
        OrdinaryKriging(variogram, range_m=9e3).fit(gauge_xy, rain_mm).predict_with_std(gauge_xy[:2] + 50.0)


def _ponding() -> None:
    from risk_models.risk.ponding import HotspotBasins, simulate_ponding

    one, curve = np.ones(1), np.linspace(0.0, 1.0, 4)[None]
    basins = HotspotBasins(
        catchment_m2=1e4 * one,
        imperviousness=0.8 * one,
        retention_mm=60.0 * one,
        storage_constant_h=0.2 * one,
        drain_capacity_m3h=200.0 * one,
        pump_capacity_m3h=0.0 * one,
        curve_depth_m=curve,
        curve_volume_m3=1e3 * curve,
    )
    simulate_ponding(basins, np.full((1, 1, 2), 40.0), thresholds_m=(0.1,))


def _rain_amounts() -> None:
    from risk_models.risk.rain_amounts import rain_amounts

    rain_amounts(np.ones((1, 72)), np.ones((1, 1, 24)))


def _inundation() -> None:
    from risk_models.rehearsal.inundation import inundate

    inundate(np.array([[5.0, 5, 5], [5, 4, 5], [5, 5, 5]]), np.array([10.0]), cell_m=10.0)


#: What to do for the kernels of each module.
WARM_UPS: Mapping[str, Callable[[], None]] = {
    "risk_models.forecast.kriging_kernel": _kriging,
    "risk_models.forecast.wetness": _wetness,
    "risk_models.rehearsal.inundation": _inundation,
    "risk_models.risk.ponding_kernel": _ponding,
    "risk_models.risk.rain_amounts": _rain_amounts,
    "risk_models.terrain.features": _terrain,
}


def warm_up() -> None:
    """Compile every kernel, or load it where it was compiled before.

    Raises
    ------
    RuntimeError
        If a kernel was not compiled: its module has no line in `WARM_UPS`, or the line does not reach it.
    """
    for module, work in WARM_UPS.items():
        import_module(module)
        work()
    cold = [f"{made.__module__}.{made.__name__}" for made in KERNELS if not made.signatures]
    if cold:
        raise RuntimeError(f"not compiled: {', '.join(cold)}; see WARM_UPS")


if __name__ == "__main__":
    warm_up()
