"""Two-dimensional inundation of a small window by rain on the grid: a reference for the ponding model.

Local inertia: between two cells with bed ``z``, depth ``h`` and level ``w = z + h`` the flow per width ``q`` follows

``q <- (q - g h_f dt dw/dx) / (1 + g dt n**2 |q| / h_f**(7/3))``, with ``h_f = max(w) - max(z)``,

and depths follow from the flows. The step is ``dt = 0.7 dx / sqrt(g h_max)``. A face takes at most a quarter of its
donor cell in a step, so that no depth turns negative and no water is made. No losses, no drains, no buildings; water
that reaches the outermost cells leaves.

References
----------
Bates P. D., Horritt M. S., Fewtrell T. J. (2010) A simple inertial formulation of the shallow water equations for
efficient two-dimensional flood inundation modelling. J. Hydrol. 387, 33-45. doi:10.1016/j.jhydrol.2010.03.027

de Almeida G. A. M., Bates P. (2013) Applicability of the local inertial approximation of the shallow water equations to
flood modeling. Water Resour. Res. 49, 4833-4844: the stability of the step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from risk_models.kernels import kernel

__all__ = ["Inundation", "inundate"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

GRAVITY = 9.81
#: Share of the longest stable step.
COURANT = 0.7
LONGEST_STEP_S = 10.0
#: Films thinner than this do not flow, m.
FILM_M = 1e-5


@dataclass(frozen=True)
class Inundation:
    """Depths of a run and its water account.

    Attributes
    ----------
    depth_m, peak_depth_m : ndarray of float32 (rows, cols)
        At the end, and the greatest of the run.
    rain_m3, left_m3 : float
        Fallen on the grid, and gone over its edge.
    n_steps : int
        Computing steps.
    """

    depth_m: Singles
    peak_depth_m: Singles
    rain_m3: float
    left_m3: float
    n_steps: int


def inundate(
    elevation_m: Floats, rain_mm: Floats, *, step_h: float = 1.0, cell_m: float, roughness: float = 0.05
) -> Inundation:
    """Let rain fall on a surface and run where it will.

    Parameters
    ----------
    elevation_m : ndarray (rows, cols)
        Bed, m; known everywhere.
    rain_mm : ndarray (T,)
        Rain in each step, mm, the same everywhere.
    step_h : float
        Length of a step, hours.
    cell_m : float
        Size of a cell, m.
    roughness : float
        Manning's n, s m^(-1/3); 0.05 is that of streets with obstacles (an assumption).

    Returns
    -------
    Inundation

    Raises
    ------
    ValueError
        If the bed is not known everywhere or is too small, or rain is negative or unknown.

    Examples
    --------
    >>> pit = np.full((9, 9), 5.0)
    >>> pit[3:6, 3:6] = 4.0
    >>> found = inundate(pit, np.array([90.0, 0.0]), cell_m=10.0)
    >>> round(found.left_m3 + float(found.depth_m.sum()) * 100.0, 1) == round(found.rain_m3, 1)
    True
    """
    bed = np.asarray(elevation_m, dtype=np.float64)
    if bed.ndim != 2 or min(bed.shape) < 3 or not np.isfinite(bed).all():
        raise ValueError("elevation must be known in every cell of a grid of 3 x 3 cells or more")
    rain = np.asarray(rain_mm, dtype=np.float64)
    if not np.isfinite(rain).all() or (rain < 0).any():
        raise ValueError("rain must be finite and not negative")
    # heights above the lowest cell keep single precision to fractions of a millimetre
    low = np.ascontiguousarray(bed - bed.min(), dtype=np.float32)
    depth, peak = np.zeros_like(low), np.zeros_like(low)
    left, n_steps = _run(low, rain / 1000.0, step_h * 3600.0, cell_m, roughness, depth, peak)
    return Inundation(depth, peak, float(rain.sum()) / 1000.0 * bed.size * cell_m**2, left * cell_m**2, n_steps)


@kernel(nogil=True, error_model="numpy")
def _run(
    bed: Singles, rain_m: Floats, step_s: float, cell_m: float, roughness: float, depth: Singles, peak: Singles
) -> tuple[float, int]:  # pragma: no cover - compiled
    """March through all steps of rain; return the depth (m, summed over cells) that left, and the steps made."""
    rows, cols = bed.shape
    along, across = np.zeros((rows, cols), dtype=np.float32), np.zeros((rows, cols), dtype=np.float32)
    left, n_steps = 0.0, 0
    for t in range(len(rain_m)):
        gone_s = 0.0
        while gone_s < step_s:
            deepest = max(depth.max(), FILM_M)
            dt = min(COURANT * cell_m / np.sqrt(GRAVITY * deepest), LONGEST_STEP_S, step_s - gone_s)
            gone_s += dt
            n_steps += 1
            for row in range(rows):
                for col in range(cols):
                    if col + 1 < cols:
                        along[row, col] = _flow(
                            along[row, col], bed[row, col], depth[row, col], bed[row, col + 1], depth[row, col + 1],
                            np.float32(dt), np.float32(cell_m), np.float32(roughness),
                        )  # fmt: skip
                    if row + 1 < rows:
                        across[row, col] = _flow(
                            across[row, col], bed[row, col], depth[row, col], bed[row + 1, col], depth[row + 1, col],
                            np.float32(dt), np.float32(cell_m), np.float32(roughness),
                        )  # fmt: skip
            fallen, share = np.float32(rain_m[t] * dt / step_s), np.float32(dt / cell_m)
            for row in range(rows):
                for col in range(cols):
                    gain = -along[row, col] - across[row, col]
                    if col > 0:
                        gain += along[row, col - 1]
                    if row > 0:
                        gain += across[row - 1, col]
                    water = depth[row, col] + fallen + gain * share
                    if row == 0 or col == 0 or row == rows - 1 or col == cols - 1:
                        left += water
                        water = np.float32(0.0)
                    depth[row, col] = max(water, np.float32(0.0))
                    peak[row, col] = max(peak[row, col], depth[row, col])
    return left, n_steps


@numba.njit(inline="always", error_model="numpy")
def _flow(q, bed, depth, bed_on, depth_on, dt, cell_m, roughness):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return the flow per width (m2/s) from one cell to the next one."""
    level, level_on = bed + depth, bed_on + depth_on
    flowing = max(level, level_on) - max(bed, bed_on)
    if flowing <= np.float32(FILM_M):
        return np.float32(0.0)
    gravity = np.float32(GRAVITY)
    push = q - gravity * flowing * dt * (level_on - level) / cell_m
    drag = gravity * dt * roughness * roughness * abs(q) / (flowing * flowing * np.float32(np.cbrt(flowing)))
    q = push / (np.float32(1.0) + drag)
    most = np.float32(0.25) * cell_m / dt
    return min(max(q, -most * depth_on), most * depth)
