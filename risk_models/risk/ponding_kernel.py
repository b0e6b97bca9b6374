"""The compiled loops of the ponding model; the equations and their sources are in `risk_models.risk.ponding`.

Members are marched `LANES` at a time. All state of a hotspot lies in one row of a scratch array, a field of `LANES`
numbers after another, and the loops over lanes have a constant length: the compiler then turns them into vector code.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from risk_models.kernels import kernel

__all__ = ["CONSTANTS", "LANES", "RECOVERY_H", "depths_at", "march", "march_order", "threshold_volumes"]

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Steps = npt.NDArray[np.int32]

#: Members marched together; whole vector registers of any processor.
LANES = 32
#: Time constant with which soil and surface stores dry out between storms, hours (three days; an assumption).
RECOVERY_H = 72.0
#: Columns of the constants of a hotspot, in this order.
CONSTANTS = ("catchment_m2", "imperviousness", "retention_mm", "storage_constant_h", "drain_m3h", "pump_m3h", "spill_h")
#: What is left in a reservoir below this volume leaves it at once, m3: it keeps numbers out of the slow denormal range.
RESIDUE_M3 = 1e-12

# Fields of a scratch row.
_R, _IA, _ROUTE, _V, _TRANSIT = 0, 1 * LANES, 2 * LANES, 3 * LANES, 4 * LANES
_RAIN, _CAP, _TOP, _LATERAL = 5 * LANES, 6 * LANES, 7 * LANES, 8 * LANES
_RUNOFF, _LOST, _DRAINED, _SPILLED = 9 * LANES, 10 * LANES, 11 * LANES, 12 * LANES
_INFLOW, _DRAIN, _SAG = 13 * LANES, 14 * LANES, 15 * LANES
_WIDTH = 16 * LANES


def march_order(downstream: Ints, inlet: Ints) -> tuple[Ints, Ints]:
    """Order hotspots so that whole components follow each other and water only ever flows towards the end of one.

    Parameters
    ----------
    downstream : ndarray of int (H,)
        Row that the spill of each hotspot runs to; -1: it leaves.
    inlet : ndarray of int (H,)
        Row whose arriving water a hotspot sees: itself, or the one that stands for the same depression.

    Returns
    -------
    order : ndarray of int (H,)
        Rows, upstream ones first within a component.
    starts : ndarray of int (components + 1,)
        Where each component begins in `order`.

    Raises
    ------
    ValueError
        If the spill runs in a circle, or a row is not one of the hotspots.

    Examples
    --------
    >>> order, starts = march_order(np.array([2, -1, -1]), np.arange(3))
    >>> order.tolist(), starts.tolist()
    ([1, 0, 2], [0, 1, 3])
    """
    n_hotspots = len(downstream)
    if not n_hotspots:
        return np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64)
    for name, rows, least in (("downstream", downstream, -1), ("inlet", inlet, 0)):
        if rows.min() < least or rows.max() >= n_hotspots:
            raise ValueError(f"{name} names a row that is not one of the {n_hotspots} hotspots")
    if (inlet[inlet] != inlet).any():
        raise ValueError("a hotspot that shares a depression cannot stand for another one")
    at, hops = inlet.copy(), np.zeros(n_hotspots, dtype=np.int64)
    while (moving := downstream[at] >= 0).any():
        hops += moving
        if hops.max() > n_hotspots:
            raise ValueError("spill runs in a circle: every hotspot must drain to one further down")
        at = np.where(moving, downstream[at], at)
    order = np.lexsort((np.arange(n_hotspots), -hops, at))
    starts = np.flatnonzero(np.diff(at[order], prepend=-1, append=-1))
    return order.astype(np.int64), starts.astype(np.int64)


def threshold_volumes(thresholds_m: Array, curve_depth_m: Array, curve_volume_m3: Array) -> Array:
    """Return the volume at which each hotspot reaches each depth.

    Depth never falls with volume, so that a volume can be compared where a depth is meant.

    Parameters
    ----------
    thresholds_m : ndarray (C,)
        Depths, m.
    curve_depth_m, curve_volume_m3 : ndarray (H, K)
        Curves, non-decreasing along K.

    Returns
    -------
    ndarray (H, C)
        m3; ``-inf`` for a depth that always stands, ``inf`` for one above the spill.

    Examples
    --------
    >>> threshold_volumes(np.array([0.0, 0.5, 2.0]), np.array([[0.0, 1.0]]), np.array([[0.0, 100.0]])).round(6).tolist()
    [[-inf, 50.0, inf]]
    """
    reached = curve_depth_m[:, :, None] >= thresholds_m
    upper = reached.argmax(axis=1)
    lower = np.maximum(upper - 1, 0)
    depth_high, depth_low = (np.take_along_axis(curve_depth_m, rows, axis=1) for rows in (upper, lower))
    high, low = (np.take_along_axis(curve_volume_m3, rows, axis=1) for rows in (upper, lower))
    rise = np.where(depth_high > depth_low, depth_high - depth_low, 1.0)
    volume = low + (thresholds_m - depth_low) / rise * (high - low)
    volume *= 1.0 - 1e-12  # an exact hit must not be lost to rounding
    volume = np.where(reached.any(axis=1), volume, np.inf)
    return np.ascontiguousarray(np.where(thresholds_m <= 0.0, -np.inf, volume))


@kernel(nogil=True, error_model="numpy")
def depths_at(volume_m3: Array, curve_depth_m: Array, curve_volume_m3: Array) -> Array:  # pragma: no cover - compiled
    """Read depths (H, N) of stored volumes (H, N) off the curves (H, K); a curve's end is the spill depth."""
    depth = np.zeros(volume_m3.shape)
    last = curve_volume_m3.shape[1] - 1
    for h in range(volume_m3.shape[0]):
        depths, volumes = curve_depth_m[h], curve_volume_m3[h]
        low = 0
        for n in range(volume_m3.shape[1]):
            volume = volume_m3[h, n]
            if volume <= 0.0:
                continue
            if volume >= volumes[last]:
                depth[h, n] = depths[last]
                continue
            # neighbours in a series lie on the same or the next piece: walk instead of searching anew
            while volumes[low] > volume:
                low -= 1
            while volumes[low + 1] <= volume:
                low += 1
            rise = (depths[low + 1] - depths[low]) / (volumes[low + 1] - volumes[low])
            depth[h, n] = depths[low] + rise * (volume - volumes[low])
    return depth


@numba.njit(nogil=True, error_model="numpy", inline="always")
def _losses(  # type: ignore[no-untyped-def]  # inlined
    w, is_dry, ia_max, retention_mm, pervious, m3_per_mm, recover
):  # pragma: no cover - compiled
    """Turn the rain of a sub-step into runoff (m3); rain must be 0 in every lane if `is_dry`."""
    if is_dry:
        for m in range(LANES):
            w[_R + m] += (1.0 - w[_R + m]) * recover
            w[_IA + m] -= w[_IA + m] * recover
            w[_RUNOFF + m] = 0.0
            w[_LOST + m] = 0.0
        return
    for m in range(LANES):
        rain, r, ia = w[_RAIN + m], w[_R + m], w[_IA + m]
        room = ia_max - ia
        taken = rain if rain < room else room
        net = rain - taken
        wetter = r / (1.0 + net * r / retention_mm)
        lost = (taken + net * r * wetter) * pervious
        drying = recover if rain <= 0.0 else 0.0
        ia += taken
        w[_R + m] = wetter + (1.0 - wetter) * drying
        w[_IA + m] = ia - ia * drying
        w[_RUNOFF + m] = (rain - lost) * m3_per_mm
        w[_LOST + m] = lost * m3_per_mm


@numba.njit(nogil=True, error_model="numpy", inline="always")
def _store(w, decay, lag, volume_max_m3):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Route the runoff, add what arrives, drain, store, spill; keep the greatest volume of the step."""
    for m in range(LANES):
        runoff, routing = w[_RUNOFF + m], w[_ROUTE + m]
        kept = routing * decay + runoff * lag
        kept = kept if kept > RESIDUE_M3 else 0.0
        volume = w[_V + m] + (routing + runoff - kept) + w[_LATERAL + m]
        capacity = w[_CAP + m]
        drained = volume if volume < capacity else capacity
        volume -= drained
        most = volume_max_m3 * w[_SAG + m]
        stored = volume if volume < most else most
        w[_ROUTE + m] = kept
        w[_V + m] = stored
        w[_DRAINED + m] = drained
        w[_SPILLED + m] = volume - stored
        w[_TOP + m] = stored if stored > w[_TOP + m] else w[_TOP + m]


@numba.njit(nogil=True, error_model="numpy", inline="always")
def _pass_on(w, lower, decay, lag):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Send the spill on its way; what arrives in this sub-step is added to the lateral inflow of the lower row."""
    for m in range(LANES):
        spilled, transit = w[_SPILLED + m], w[_TRANSIT + m]
        kept = transit * decay + spilled * lag
        kept = kept if kept > RESIDUE_M3 else 0.0
        w[_TRANSIT + m] = kept
        lower[_LATERAL + m] += transit + spilled - kept


@numba.njit(nogil=True, error_model="numpy", inline="always")
def _count(w, sums, thresholds_m3, m3_per_mm, sub_step):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Enter a sub-step in the account, and in the time above each threshold."""
    for m in range(LANES):
        sums[m] += w[_RAIN + m] * m3_per_mm
    for j, field in ((1, _LOST), (2, _DRAINED), (3, _SPILLED), (4, _LATERAL)):
        for m in range(LANES):
            sums[j * LANES + m] += w[field + m]
    for q in range(len(thresholds_m3)):
        for m in range(LANES):
            sums[(5 + q) * LANES + m] += sub_step if w[_V + m] >= thresholds_m3[q] * w[_SAG + m] else 0.0


@numba.njit(nogil=True, error_model="numpy", inline="always")
def _load(  # type: ignore[no-untyped-def]
    w, h, lanes, factors, n_rain, n_sub, states, thresholds_m3, peak_m3, first_step
):  # pragma: no cover
    """Take state and factors of a hotspot's lanes in, and begin its peak and first passings."""
    first, used = lanes
    drain_factor, inflow_factor, sag_factor = factors
    w[:] = 0.0
    for m in range(used):
        scenario = (first + m) // n_rain
        w[_INFLOW + m] = inflow_factor[h, scenario] / n_sub
        w[_DRAIN + m], w[_SAG + m] = drain_factor[h, scenario], sag_factor[h, scenario]
    for j in range(5):
        w[j * LANES : j * LANES + used] = states[j][h, first : first + used]
    for m in range(used):
        peak_m3[h, first + m] = w[_V + m]
        for q in range(len(thresholds_m3)):
            first_step[h, first + m, q] = 0 if w[_V + m] >= thresholds_m3[q] * w[_SAG + m] else -1


@numba.njit(nogil=True, error_model="numpy", inline="always")
def _unload(w, sums, h, lanes, states, account_m3, wet_steps):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the state back, and the sums if they are kept."""
    first, used = lanes
    for j in range(5):
        states[j][h, first : first + used] = w[j * LANES : j * LANES + used]
    for m in range(used):
        for j in range(account_m3.shape[2]):
            account_m3[h, first + m, j] = sums[j * LANES + m]
        for q in range(wet_steps.shape[2]):
            wet_steps[h, first + m, q] = sums[(5 + q) * LANES + m]


@numba.njit(nogil=True, error_model="numpy", inline="always")
def _note_peaks(  # type: ignore[no-untyped-def]
    w, h, lanes, step, thresholds_m3, peak_m3, peak_step, first_step
):  # pragma: no cover
    """Keep a new greatest volume, and the depths passed with it: none can be passed without one."""
    first, used = lanes
    for m in range(used):
        if w[_TOP + m] > peak_m3[h, first + m]:
            peak_m3[h, first + m], peak_step[h, first + m] = w[_TOP + m], step
            for q in range(len(thresholds_m3)):
                if first_step[h, first + m, q] < 0 and w[_TOP + m] >= thresholds_m3[q] * w[_SAG + m]:
                    first_step[h, first + m, q] = step


@numba.njit(nogil=True, error_model="numpy", inline="always")
def _decay(k_h, dt_h):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return what a linear reservoir keeps of its content, and of a uniform inflow, over a sub-step."""
    decay = np.exp(-dt_h / k_h) if k_h > 0.0 else 0.0
    return decay, (1.0 - decay) * k_h / dt_h


@kernel(nogil=True, error_model="numpy")
def march(
    rain_mm: Array, step_h: float, n_sub: int, factors: tuple[Array, Array, Array], rain_factor: Array,
    order: Ints, starts: Ints, first: int, last: int, downstream: Ints, inlet: Ints,
    constants: Array, volume_max_m3: Array, drain_share: Array, pump_share: Array, thresholds_m3: Array,
    states: tuple[Array, Array, Array, Array, Array],
    peak_m3: Array, peak_step: Steps, first_step: Steps, series_m3: Array, account_m3: Array, wet_steps: Array,
) -> None:  # fmt: skip  # pragma: no cover - compiled
    """March the components `first` to `last` through all steps; every array from `states` on is changed in place.

    Rain is (H, M, T) and states (deficit, abstraction, routing, ponded, transit) are (H, S M): lane ``s M + m`` takes
    the rain of member m and the factors s: (H, S) each on drains, rain and sag, and (S, T) or (S, 1) on rain by step.
    Series, account (rain, infiltrated, drained, spilled, received; with the times above thresholds) are kept if their
    last axis is not empty.
    """
    n_rain, n_steps, n_lanes = rain_mm.shape[1], rain_mm.shape[2], states[0].shape[1]
    dt_h = step_h / n_sub
    recover = 1.0 - np.exp(-dt_h / RECOVERY_H)
    longest = 1
    for c in range(first, last):
        longest = max(longest, starts[c + 1] - starts[c])
    scratch, dry = np.zeros((longest, _WIDTH)), np.zeros(longest, dtype=np.bool_)
    sums, decays = np.zeros((longest, (5 + thresholds_m3.shape[1]) * LANES)), np.zeros((longest, 4))
    place = np.zeros(len(downstream), dtype=np.int64)
    source, scenario, error = np.zeros(LANES, dtype=np.int64), np.zeros(LANES, dtype=np.int64), np.zeros(LANES)
    for c in range(first, last):
        rows = order[starts[c] : starts[c + 1]]
        for i in range(len(rows)):
            place[rows[i]] = i
            decays[i, 0], decays[i, 1] = _decay(constants[rows[i], 3], dt_h)  # its own reservoir
            decays[i, 2], decays[i, 3] = _decay(constants[rows[i], 6], dt_h)  # that of its spill
        for lane in range(0, n_lanes, LANES):
            lanes = (lane, min(LANES, n_lanes - lane))
            for m in range(lanes[1]):
                source[m], scenario[m] = (lane + m) % n_rain, (lane + m) // n_rain
            for i in range(len(rows)):
                sums[i] = 0.0
                _load(
                    scratch[i],
                    rows[i],
                    lanes,
                    factors,
                    n_rain,
                    n_sub,
                    states,
                    thresholds_m3[rows[i]],
                    peak_m3,
                    first_step,
                )
            for t in range(n_steps):
                for m in range(lanes[1]):
                    error[m] = rain_factor[scenario[m], min(t, rain_factor.shape[1] - 1)]
                for i in range(len(rows)):
                    w, h = scratch[i], rows[i]
                    drain = constants[h, 4] * drain_share[h, min(t, drain_share.shape[1] - 1)] * dt_h
                    pump = constants[h, 5] * pump_share[h, min(t, pump_share.shape[1] - 1)] * dt_h
                    dry[i] = True
                    for m in range(lanes[1]):
                        rain = rain_mm[h, source[m], t] * error[m] * w[_INFLOW + m]
                        w[_RAIN + m] = rain
                        w[_CAP + m] = drain * w[_DRAIN + m] + pump
                        dry[i] = dry[i] and rain <= 0.0
                    w[_TOP : _TOP + LANES] = 0.0
                for _ in range(n_sub):
                    if len(rows) > 1:
                        scratch[: len(rows), _LATERAL : _LATERAL + LANES] = 0.0
                    for i in range(len(rows)):
                        w, h = scratch[i], rows[i]
                        if inlet[h] != h:
                            w[_LATERAL : _LATERAL + LANES] = scratch[place[inlet[h]], _LATERAL : _LATERAL + LANES]
                        retention_mm, m3_per_mm = constants[h, 2], 1e-3 * constants[h, 0]
                        _losses(w, dry[i], 0.2 * retention_mm, retention_mm, 1.0 - constants[h, 1], m3_per_mm, recover)
                        _store(w, decays[i, 0], decays[i, 1], volume_max_m3[h])
                        if downstream[h] >= 0:
                            _pass_on(w, scratch[place[downstream[h]]], decays[i, 2], decays[i, 3])
                        if account_m3.shape[2] > 0:
                            _count(w, sums[i], thresholds_m3[h], m3_per_mm, 1.0 / n_sub)
                for i in range(len(rows)):
                    w, h = scratch[i], rows[i]
                    _note_peaks(w, h, lanes, t + 1, thresholds_m3[h], peak_m3, peak_step, first_step)
                    if series_m3.shape[2] > 0:
                        series_m3[h, lane : lane + lanes[1], t] = w[_V : _V + lanes[1]]
            for i in range(len(rows)):
                _unload(scratch[i], sums[i], rows[i], lanes, states, account_m3, wet_steps)
