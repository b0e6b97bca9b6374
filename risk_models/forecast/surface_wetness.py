"""How much water waits on the surface around a hotspot: an index of waterlogging, minutes to hours old.

Own model, not a standard: rain that runs off (a share of it, by the ground's runoff coefficient, scaled by slope) flows
through a short cascade of linear stores; of what arrives, the drains take their capacity; the rest stays on the surface
until they have room. It follows the thought of the Japanese surface rainfall index, whose urban parameters are not
public; its numbers are not comparable. Thresholds have to be found on local floodings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from risk_models.forecast.recursion import first_order

__all__ = ["runoff_coefficient", "surface_wetness_mm"]

FloatArray = NDArray[np.float64]
PAVED_RUNOFF = 0.9
OPEN_RUNOFF = 0.2
FLAT_SLOPE = 0.01


def runoff_coefficient(imperviousness: ArrayLike) -> FloatArray:
    """Return the share of rain that runs off: 0.9 of paved, 0.2 of open ground.

    Parameters
    ----------
    imperviousness : array_like
        Share of paved ground, 0 to 1.

    Returns
    -------
    ndarray

    References
    ----------
    Classes of GB 50014 (outdoor drainage): roof and asphalt 0.85 to 0.95, green 0.10 to 0.20 (general knowledge,
    unconfirmed).

    Examples
    --------
    >>> runoff_coefficient([0.0, 0.5, 1.0]).round(2).tolist()
    [0.2, 0.55, 0.9]
    """
    paved = np.clip(np.asarray(imperviousness, dtype=np.float64), 0.0, 1.0)
    return np.asarray(OPEN_RUNOFF + (PAVED_RUNOFF - OPEN_RUNOFF) * paved)


def surface_wetness_mm(
    rain_mm: ArrayLike,
    *,
    runoff: ArrayLike,
    drain_capacity_mm_h: ArrayLike,
    slope: ArrayLike = FLAT_SLOPE,
    step_h: float = 1.0,
    lag_h: float = 0.5,
    stores: int = 2,
    lower_bound: bool = False,
) -> FloatArray:
    """Return the surface wetness index: water [mm over the catchment] the drains have not yet taken.

    Each of n stores passes on S / k, with k = lag / n; over a step with steady inflow I dt,
    S' = S e^(-dt/k) + I k (1 - e^(-dt/k)) and outflow = S + I dt - S'. What leaves the last, times a factor of slope
    (0.01 / slope)^(1/4) within 0.7 to 1.3 (flat ground holds water, steep ground sheds it), enters the surface W:
    W' = max(W + inflow - capacity dt, 0).

    Parameters
    ----------
    rain_mm : array_like, shape (..., time, hotspot)
        Rain [mm] per step; the axis of time is the last but one.
    runoff : array_like, shape (hotspot,)
        Share that runs off, 0 to 1 (see `runoff_coefficient`).
    drain_capacity_mm_h : array_like, shape (hotspot,)
        Capacity of the drains [mm/h over the catchment].
    slope : array_like, shape (hotspot,)
        Slope of the catchment [m/m].
    step_h, lag_h : float
        Step, and mean delay of the cascade [h]; 20 to 40 minutes is usual in towns (unconfirmed).
    stores : int
        Stores in the cascade.
    lower_bound : bool
        Count unknown rain as nothing; otherwise the index is NaN from there on.

    Returns
    -------
    ndarray, same shape
        Index [mm] at the end of each step.

    Raises
    ------
    ValueError
        If lag, stores or step are not above 0.

    References
    ----------
    Nash, J. E. (1957). The form of the instantaneous unit hydrograph. IAHS Publ. 45, 114-121 (cascade). Lindley, D. V.
    (1952), Proc. Camb. Phil. Soc. 48, 277-289 (the recursion of W).

    Examples
    --------
    >>> rain_mm = np.array([[0.0], [60], [60], [0], [0], [0]])
    >>> surface_wetness_mm(rain_mm, runoff=[0.9], drain_capacity_mm_h=[30]).round(1).ravel().tolist()
    [0.0, 0.7, 21.1, 14.3, 0.0, 0.0]
    """
    if not (lag_h > 0 and stores > 0 and step_h > 0):
        raise ValueError(f"lag_h {lag_h}, stores {stores}, step_h {step_h}; accepted: above 0")
    rain = np.asarray(rain_mm, dtype=np.float64)
    flow = (np.nan_to_num(rain) if lower_bound else rain) * np.asarray(runoff, dtype=np.float64)
    share = float(np.exp(-step_h * stores / lag_h))
    kept = lag_h / (stores * step_h) * (1.0 - share)  # of the inflow of a step, still in the store at its end
    for _ in range(stores):
        # Outflow as a recursion of inflow: o_t = I_t + S_(t-1) - S_t, with S_t = share S_(t-1) + kept I_t.
        flow = first_order(flow, weight=1.0 - kept, weight_before=kept - share, keep=share, axis=-2)
    steepness = np.clip((FLAT_SLOPE / np.maximum(np.asarray(slope, dtype=np.float64), 1e-4)) ** 0.25, 0.7, 1.3)
    change = flow * steepness - np.asarray(drain_capacity_mm_h, dtype=np.float64) * step_h
    total = np.cumsum(change, axis=-2)
    # W is the running sum above its own lowest point so far, the start included.
    lowest = np.minimum(np.minimum.accumulate(total, axis=-2), 0.0)
    return np.asarray(total - lowest)
