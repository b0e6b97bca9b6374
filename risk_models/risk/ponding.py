"""Rain to ponding depth at a known low spot: losses, routing, drains and pumps, storage.

One hotspot is one bucket at the end of its catchment. In every sub-step of length ``dt``:

1. *Losses.* Rain on the impervious share runs off whole. On the pervious share the SCS curve-number relation is used
   in its differential form, so that it holds for any course of rain, not only for a storm total. With potential
   retention ``S = 25400 / CN - 254`` (mm) and relative deficit ``r`` (1 dry, towards 0 wet), rain ``p`` (mm) gives

   ``f = p r**2 / (1 + p r / S)`` (infiltrated, mm),  ``r <- r / (1 + p r / S)``.

   Summed over a storm from ``r = 1`` this is exactly ``Q = P_e**2 / (P_e + S)``, however the storm is cut into steps.
   The initial abstraction ``I_a = 0.2 S`` is a store that fills first. Both recover with time constant
   ``RECOVERY_H`` while it is dry.
2. *Routing.* A linear reservoir with storage constant ``k = 0.6 t_c``, integrated exactly over the step.
3. *Drains and pumps* take up to their capacity, from inflow and from standing water alike.
4. *Storage.* What is left stands in the depression.
5. *Spill.* Above its spill volume water leaves for the next hotspot down the flow path, through a second linear
   reservoir with the travel time of that path, or for good where there is none. Water never comes back up: no
   backwater between hotspots, and the links form a forest, so one pass from the top down solves each sub-step.

Rain of an hour is spread evenly over its sub-steps, which flattens bursts shorter than an hour.

References
----------
USDA NRCS (2004) National Engineering Handbook, part 630, chapter 10: Q = (P - 0.2 S)^2 / (P + 0.8 S), and chapter 15:
lag = 0.6 times the time of concentration.

Barnes R., Callaghan K., Wickert A. (2021) Computing water flow through complex landscapes - Part 3: Fill-Spill-Merge.
Earth Surf. Dynam. 9, 105-121: depressions that fill, and spill to the next one down.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np
import numpy.typing as npt

from risk_models.risk.outages import CapacityShares
from risk_models.risk.ponding_kernel import CONSTANTS, RECOVERY_H, depths_at, march, march_order, threshold_volumes
from risk_models.terrain import HotspotTerrain

__all__ = [
    "RECOVERY_H",
    "HotspotBasins",
    "PondingResult",
    "PondingState",
    "dry_state",
    "simulate_ponding",
    "wet_state",
]

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Storage constant of the linear reservoir as a share of the time of concentration (NRCS lag).
LAG_SHARE = 0.6
SUBSTEP_H = 1.0 / 6.0


@dataclass(frozen=True)
class HotspotBasins:
    """What the ponding model needs of each of H hotspots.

    Attributes
    ----------
    catchment_m2 : ndarray (H,)
    imperviousness : ndarray (H,)
        Share 0-1 of the catchment.
    retention_mm : ndarray (H,)
        SCS potential retention S of the pervious share.
    storage_constant_h : ndarray (H,)
        k of the linear reservoir.
    drain_capacity_m3h : ndarray (H,)
        What drains take when they work as designed.
    pump_capacity_m3h : ndarray (H,)
    curve_depth_m, curve_volume_m3 : ndarray (H, K)
        Depth-volume curve from empty to spill, non-decreasing.
    downstream : ndarray of int (H,)
        Row that the spill of each hotspot runs to; -1: it leaves the hotspots for good. Default: all leave.
    spill_constant_h : ndarray (H,)
        k of the linear reservoir between a hotspot and the next one down. Default: 0, there at once.
    inlet : ndarray of int (H,)
        Row whose arriving spill a hotspot sees: itself (default), or, for a second point in the same depression, the
        hotspot that stands for it. Such a point sends nothing on and is left out of sums over hotspots.
    """

    catchment_m2: Array
    imperviousness: Array
    retention_mm: Array
    storage_constant_h: Array
    drain_capacity_m3h: Array
    pump_capacity_m3h: Array
    curve_depth_m: Array
    curve_volume_m3: Array
    downstream: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    spill_constant_h: Array = field(default_factory=lambda: np.empty(0))
    inlet: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __post_init__(self) -> None:
        n_hotspots = len(self.catchment_m2)
        defaults = {
            "downstream": np.full(n_hotspots, -1, dtype=np.int64),
            "spill_constant_h": np.zeros(n_hotspots),
            "inlet": np.arange(n_hotspots, dtype=np.int64),
        }
        for name, value in defaults.items():
            if not len(getattr(self, name)):
                object.__setattr__(self, name, value)
        shared = self.inlet != np.arange(n_hotspots)
        if (self.downstream[shared] >= 0).any() or np.isin(self.downstream, np.flatnonzero(shared)).any():
            raise ValueError("a second point in a depression neither sends spill on nor stands in a spill's way")

    @cached_property
    def march_order(self) -> tuple[Ints, Ints]:
        """Rows by component, upstream ones first, and where each component begins; see `ponding_kernel`."""
        return march_order(self.downstream, self.inlet)

    @cached_property
    def constants(self) -> Array:
        """What the compiled loops need, columns as in `ponding_kernel.CONSTANTS`."""
        columns = (
            self.catchment_m2, self.imperviousness, self.retention_mm, self.storage_constant_h,
            self.drain_capacity_m3h, self.pump_capacity_m3h, self.spill_constant_h,
        )  # fmt: skip
        return np.ascontiguousarray(np.column_stack(columns), dtype=np.float64).reshape(-1, len(CONSTANTS))

    @cached_property
    def stands_alone(self) -> npt.NDArray[np.bool_]:
        """Which hotspots count in sums over hotspots: all but second points in a depression."""
        return np.asarray(self.inlet == np.arange(len(self)))

    @classmethod
    def from_terrain(
        cls, terrain: HotspotTerrain, drain_capacity_mm_h: Array, pump_capacity_m3_s: Array
    ) -> HotspotBasins:
        """Join terrain features with the drain and pump capacities of the register.

        Parameters
        ----------
        terrain : HotspotTerrain
            Of H hotspots.
        drain_capacity_mm_h : ndarray (H,)
            Drain capacity as rain rate over the catchment, mm/h.
        pump_capacity_m3_s : ndarray (H,)
            Pump capacity, m3/s.

        Returns
        -------
        HotspotBasins
        """
        features = terrain.features
        catchment_m2 = features["catchment_m2"].to_numpy(float)
        curve_number = np.clip(features["curve_number"].to_numpy(float), 1.0, 100.0)
        return cls(
            catchment_m2=catchment_m2,
            imperviousness=np.clip(features["imperviousness"].to_numpy(float), 0.0, 1.0),
            retention_mm=np.maximum(25400.0 / curve_number - 254.0, 1e-6),
            storage_constant_h=LAG_SHARE * features["time_of_concentration_min"].to_numpy(float) / 60.0,
            drain_capacity_m3h=np.asarray(drain_capacity_mm_h, float) / 1000.0 * catchment_m2,
            pump_capacity_m3h=np.asarray(pump_capacity_m3_s, float) * 3600.0,
            curve_depth_m=terrain.curve_depth_m,
            curve_volume_m3=terrain.curve_volume_m3,
            downstream=terrain.downstream,
            spill_constant_h=LAG_SHARE * terrain.spill_travel_min / 60.0,
            inlet=terrain.inlet,
        )

    def __len__(self) -> int:
        return len(self.catchment_m2)

    def take(self, rows: npt.NDArray[np.intp] | slice) -> HotspotBasins:
        """Return the same for some hotspots only; spill that would leave them is lost to them.

        Parameters
        ----------
        rows : ndarray of int, or slice
            Hotspots, each at most once where they are linked.

        Raises
        ------
        ValueError
            If a linked hotspot is taken twice, or a point without the one that stands for its depression.
        """
        chosen = np.arange(len(self))[rows]
        place = np.full(len(self) + 1, -1, dtype=np.int64)
        place[chosen] = np.arange(len(chosen))
        linked = (self.downstream >= 0) | ~self.stands_alone
        linked[self.downstream[self.downstream >= 0]] = True
        if len(np.unique(chosen)) < len(chosen) and linked[chosen].any():
            raise ValueError("linked hotspots can be taken only once")
        inlet = np.where(self.stands_alone[chosen], np.arange(len(chosen)), place[self.inlet[chosen]])
        if (inlet < 0).any():
            raise ValueError("a point needs the hotspot that stands for its depression")
        parts = {f.name: getattr(self, f.name)[rows] for f in fields(self)}
        return HotspotBasins(**{**parts, "downstream": place[self.downstream[chosen]], "inlet": inlet})


@dataclass(frozen=True)
class PondingState:
    """Water held in each hotspot's stores, all (H, M).

    Attributes
    ----------
    deficit : ndarray (H, M)
        Relative deficit r of the pervious share, 0-1.
    abstraction_mm : ndarray (H, M)
        Initial abstraction already filled.
    routing_m3 : ndarray (H, M)
        On its way through the catchment.
    ponded_m3 : ndarray (H, M)
        Standing in the depression.
    transit_m3 : ndarray (H, M)
        Spilled, and on its way to the next hotspot down.
    """

    deficit: Array
    abstraction_mm: Array
    routing_m3: Array
    ponded_m3: Array
    transit_m3: Array

    def repeat(self, n_members: int) -> PondingState:
        """Give each column `n_members` times, one after the other."""
        return PondingState(*(np.repeat(getattr(self, f.name), n_members, axis=1) for f in fields(self)))


def dry_state(n_hotspots: int, n_members: int = 1) -> PondingState:
    """Return the state after a long dry spell.

    Examples
    --------
    >>> dry_state(2).deficit.tolist()
    [[1.0], [1.0]]
    """
    shape = (n_hotspots, n_members)
    return PondingState(np.ones(shape), *(np.zeros(shape) for _ in range(4)))


def wet_state(basins: HotspotBasins, soil_water_mm: npt.NDArray[np.floating]) -> PondingState:
    """Return the state of soil that still holds some of the rain before the first step; no water stands anywhere.

    The water held is taken as rain fallen on dry soil: it fills the initial abstraction ``I_a`` first, and what is
    over lowers the deficit to ``r = 1 / (1 + (w - I_a) / S)``, as the loss relation does.

    Parameters
    ----------
    basins : HotspotBasins
    soil_water_mm : ndarray (H,)
        Water held, mm, such as the soil water index; NaN counts as none.

    Returns
    -------
    PondingState (H, 1)

    Raises
    ------
    ValueError
        If it is for other hotspots, or negative.

    Examples
    --------
    >>> one = np.ones(1)
    >>> basins = HotspotBasins(1e4 * one, 0 * one, 50 * one, 0 * one, 0 * one, 0 * one, np.eye(2)[1:], np.eye(2)[1:])
    >>> wet_state(basins, np.array([60.0])).deficit.tolist()
    [[0.5]]
    """
    water_mm = np.nan_to_num(np.asarray(soil_water_mm, dtype=np.float64))[:, None]
    if water_mm.shape != (len(basins), 1) or (water_mm < 0).any():
        raise ValueError(f"soil water must be one amount of 0 mm or more for each of {len(basins)} hotspots")
    retention_mm = basins.retention_mm[:, None]
    abstraction_mm = np.minimum(water_mm, 0.2 * retention_mm)
    nothing = np.zeros_like(water_mm)
    deficit = 1.0 / (1.0 + (water_mm - abstraction_mm) / retention_mm)
    return PondingState(deficit, abstraction_mm, nothing, nothing.copy(), nothing.copy())


@dataclass(frozen=True)
class PondingResult:
    """Depths and the water account of a run; H hotspots, M members, T steps, C threshold depths.

    Attributes
    ----------
    peak_depth_m : ndarray (H, M)
        Greatest depth in the run, the depth at its start included.
    peak_step : ndarray of int (H, M)
        Step in which it was reached, counted from 1; 0 if at the start.
    first_step : ndarray of int (H, M, C)
        First step in which the depth reached each threshold, counted from 1; 0 if at the start, -1 if never.
    wet_steps : ndarray of float (H, M, C)
        Time above each threshold, in steps.
    final : PondingState
    rain_m3, infiltrated_m3, drained_m3, spilled_m3, received_m3 : ndarray (H, M)
        Account of the run: rain and what was received from hotspots above, and what became of it; with the change of
        the stores they balance at every hotspot. What left the district is spilled where nothing lies downstream.
    depth_m : ndarray (H, M, T) or None
        Depth at the end of each step, if asked for.

    Account and `wet_steps` are NaN if they were not asked for.
    """

    peak_depth_m: Array
    peak_step: npt.NDArray[np.int32]
    first_step: npt.NDArray[np.int32]
    wet_steps: Array
    final: PondingState
    rain_m3: Array
    infiltrated_m3: Array
    drained_m3: Array
    spilled_m3: Array
    received_m3: Array
    depth_m: Array | None


def simulate_ponding(
    basins: HotspotBasins,
    rain_mm: npt.NDArray[np.floating],
    *,
    step_h: float = 1.0,
    thresholds_m: tuple[float, ...] = (),
    state: PondingState | None = None,
    drain_factor: npt.ArrayLike = 1.0,
    inflow_factor: npt.ArrayLike = 1.0,
    sag_factor: npt.ArrayLike = 1.0,
    rain_factor: npt.NDArray[np.floating] | None = None,
    shares: CapacityShares | None = None,
    keep_series: bool = False,
    account: bool = True,
    threads: int = 1,
) -> PondingResult:
    """Run the ponding model for all hotspots and members.

    Parameters
    ----------
    basins : HotspotBasins
        Of H hotspots.
    rain_mm : ndarray (H, M, T)
        Rain in each step, mm; finite and not negative. Decide before what an unknown step means.
    step_h : float
        Length of a step, hours.
    thresholds_m : tuple of float
        C depths whose first passing is wanted, m.
    state : PondingState (H, M), optional
        Where to start; default: after a long dry spell.
    drain_factor : float or array (S,) or (H, S)
        Share of the drain capacity that works (blocked inlets: below 1). Pumps are not reduced by it.
    inflow_factor : float or array (S,) or (H, S)
        Factor on rain, for uncertainty of the catchment.
    sag_factor : float or array (S,) or (H, S)
        Factor on the volume that stands at each depth. With S sets of factors the result has S M members, those of the
        first set first.
    rain_factor : ndarray (S, T), optional
        Factor on the rain of each step.
    shares : CapacityShares, optional
        Drains and pumps out of order, by hotspot and step.
    keep_series : bool
        Keep the depth at the end of every step.
    account : bool
        Keep the water account and the times above thresholds; without them it runs about twice as fast.
    threads : int
        Threads to share components out to; results do not depend on it.

    Returns
    -------
    PondingResult

    Raises
    ------
    ValueError
        If shapes do not fit, or rain is negative or not finite.

    Examples
    --------
    A 1 ha paved catchment without drains, 20 mm in an hour: 200 m3 into a prism of 1000 m2 stand 0.2 m deep.

    >>> import numpy as np
    >>> one = np.ones(1)
    >>> basins = HotspotBasins(1e4 * one, one, 50 * one, 0 * one, 0 * one, 0 * one,
    ...                        np.array([[0.0, 1.0]]), np.array([[0.0, 1000.0]]))
    >>> result = simulate_ponding(basins, np.array([[[20.0, 0.0]]]), thresholds_m=(0.15,))
    >>> round(float(result.peak_depth_m[0, 0]), 6), int(result.first_step[0, 0, 0])
    (0.2, 1)
    """
    rain = _checked_rain(rain_mm, len(basins))
    drain, inflow, sag = _checked_factors(len(basins), drain_factor, inflow_factor, sag_factor)
    n_sets = drain.shape[1]
    error = np.ones((n_sets, 1)) if rain_factor is None else np.ascontiguousarray(rain_factor, dtype=np.float64)
    if error.shape not in ((n_sets, 1), (n_sets, rain.shape[2])) or not (error >= 0.0).all():
        raise ValueError(f"rain_factor must be {(n_sets, rain.shape[2])} and not negative, got shape {error.shape}")
    shape = (len(basins), rain.shape[1] * n_sets)
    start = state or dry_state(*shape)
    if start.deficit.shape != shape:
        raise ValueError(f"state is for {start.deficit.shape} (hotspots, members), rain for {shape}")
    final = PondingState(*(np.array(getattr(start, f.name), dtype=np.float64, order="C") for f in fields(start)))
    shares = shares or CapacityShares.whole(len(basins))
    if shares.drain.shape not in ((len(basins), 1), (len(basins), rain.shape[2])):
        raise ValueError(f"capacity shares are for {shares.drain.shape}, not for {(len(basins), rain.shape[2])}")
    peak_m3, peak_step = np.zeros(shape), np.zeros(shape, dtype=np.int32)
    first_step = np.full((*shape, len(thresholds_m)), -1, dtype=np.int32)
    series_m3 = np.zeros((*shape, rain.shape[2] if keep_series else 0))
    sums = np.zeros((*shape, 5 if account else 0))
    wet_steps = np.zeros((*shape, len(thresholds_m) if account else 0))
    volumes = threshold_volumes(
        np.asarray(thresholds_m, dtype=np.float64), basins.curve_depth_m, basins.curve_volume_m3
    )
    order, starts = basins.march_order

    def run(first: int, last: int) -> None:
        march(
            rain, float(step_h), max(1, round(step_h / SUBSTEP_H)), (drain, inflow, sag), error,
            order, starts, first, last, basins.downstream, basins.inlet,
            basins.constants, np.ascontiguousarray(basins.curve_volume_m3[:, -1]), shares.drain, shares.pump, volumes,
            (final.deficit, final.abstraction_mm, final.routing_m3, final.ponded_m3, final.transit_m3),
            peak_m3, peak_step, first_step, series_m3, sums, wet_steps,
        )  # fmt: skip

    _share_out(run, len(starts) - 1, threads)
    curves = (np.ascontiguousarray(basins.curve_depth_m), np.ascontiguousarray(basins.curve_volume_m3))
    of_lane = np.repeat(sag, rain.shape[1], axis=1)
    peak_depth_m = depths_at(peak_m3 / of_lane, *curves)
    # more water does not always stand deeper at the hotspot: then its depth at the start is its peak
    peak_step[peak_depth_m <= depths_at(start.ponded_m3 / of_lane, *curves)] = 0
    depth_m = None
    if keep_series:
        series_m3 /= of_lane[..., None]
        depth_m = depths_at(series_m3.reshape(shape[0], -1), *curves).reshape(series_m3.shape)
    unasked = np.broadcast_to(np.nan, shape)
    parts = [sums[..., i] for i in range(5)] if account else [unasked] * 5
    return PondingResult(
        peak_depth_m=peak_depth_m,
        peak_step=peak_step,
        first_step=first_step,
        wet_steps=wet_steps if account else np.broadcast_to(np.nan, first_step.shape),
        final=final,
        rain_m3=parts[0],
        infiltrated_m3=parts[1],
        drained_m3=parts[2],
        spilled_m3=parts[3],
        received_m3=parts[4],
        depth_m=depth_m,
    )


def _checked_factors(n_hotspots: int, *factors: npt.ArrayLike) -> list[Array]:
    """Return each as (H, S)."""
    whole = np.broadcast_arrays(np.ones((n_hotspots, 1)), *(np.asarray(factor, dtype=np.float64) for factor in factors))
    drain, inflow, sag = (np.array(factor) for factor in whole[1:])
    if not (drain >= 0.0).all() or not (inflow >= 0.0).all() or not (sag > 0.0).all():
        raise ValueError("factors on drains and rain must be 0 or more, on sags above 0")
    return [drain, inflow, sag]


def _checked_rain(rain_mm: npt.NDArray[np.floating], n_hotspots: int) -> Array:
    rain = np.ascontiguousarray(rain_mm, dtype=np.float64)
    if rain.ndim != 3 or rain.shape[0] != n_hotspots:
        raise ValueError(f"rain_mm must be (hotspot, member, step) for {n_hotspots} hotspots, got shape {rain.shape}")
    # one pass each, without an array of truth values; NaN makes both false
    if rain.size and not (rain.min() >= 0.0 and rain.max() < np.inf):
        raise ValueError("rain_mm must be finite and not negative; fill or set aside unknown steps first")
    return rain


def _share_out(run: Callable[[int, int], None], n_components: int, threads: int) -> None:
    """Run whole components on some threads; compiled code does not hold the interpreter's lock."""
    edges = np.linspace(0, n_components, max(1, min(threads, n_components)) + 1).astype(int)
    if len(edges) == 2:
        run(0, n_components)
        return
    with ThreadPoolExecutor(len(edges) - 1) as pool:
        list(pool.map(run, edges[:-1].tolist(), edges[1:].tolist()))
